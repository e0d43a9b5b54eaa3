"""Which days are working days in China: weekdays, public holidays, make-up working days, and the days that a
department adds.

The State Council publishes the holidays of a year late in the year before. The library knows those that were published
when it was released; for later years the fixed holidays are taken, and whoever shows a date says that it is provisional
(:func:`is_known`). The missing days are entered in the back office and count at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import sqlalchemy as sa
from chinese_calendar import constants
from flask import g

from core.database.base import metadata
from core.database.scope import all_departments, current_scope
from core.extensions import db
from core.machinery.clocks.dates import months_after, parse_offset
from core.machinery.clocks.models import CalendarDay

FIXED_HOLIDAYS = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
"""Month and day of the public holidays that do not follow the moon (全国年节及纪念日放假办法, revised 2024)."""

SATURDAY = 5
_FAR = 10_000
"""No limit is so many working days long."""


@lru_cache(maxsize=1)
def known_years() -> range:
    """Return the years whose holidays and make-up working days the library knows."""
    years = {day.year for day in constants.holidays}
    return range(min(years), max(years) + 1)


def national_working_day(day: dt.date) -> bool:
    """Return whether a day is a working day by what was published, or, in a year that was not, by weekday and the
    fixed holidays."""
    if day in constants.workdays:
        return True
    is_free = day in constants.holidays or (
        day.year not in known_years() and (day.month, day.day) in FIXED_HOLIDAYS
    )
    return not is_free and day.weekday() < SATURDAY


@dataclass(frozen=True)
class DayTable:
    """The days that departments added; the nearest department decides.

    Attributes:
        own: Whether a day is worked, for the days that somebody entered.
    """

    own: Mapping[dt.date, bool] = field(default_factory=dict)

    def is_working(self, day: dt.date) -> bool:
        """Return whether a day is a working day."""
        return self.own[day] if day in self.own else national_working_day(day)

    def is_known(self, day: dt.date) -> bool:
        """Return whether the holidays of the day's year are known: published with the library, or entered."""
        return day.year in known_years() or any(held.year == day.year for held in self.own)

    def after(self, day: dt.date, count: int) -> dt.date:
        """Return the working day that is ``count`` working days after a day; before it when negative."""
        if abs(count) > _FAR:
            raise ValueError(f"{count} working days are more than anybody waits.")
        step = dt.timedelta(days=1 if count > 0 else -1)
        left = abs(count)
        while left:
            day += step
            left -= self.is_working(day)
        return day


def day_table(department_id: int | None = None) -> DayTable:
    """Return the days of a department, those of the departments above it included.

    Args:
        department_id: The department; the acting one when omitted, and none for the system.
    """
    if department_id is None:
        scope = current_scope()
        department_id = scope.department_id if scope is not None else None
    tables: dict[int | None, DayTable] = g.setdefault("_day_tables", {})
    if department_id not in tables:
        tables[department_id] = DayTable(_own_days(department_id))
    return tables[department_id]


def forget_day_tables() -> None:
    """Read the days anew; called after one was entered or removed."""
    g.pop("_day_tables", None)


def _own_days(department_id: int | None) -> dict[dt.date, bool]:
    path = _path(department_id)
    with all_departments("reading the working days of a department and of those above it"):
        rows = db.session.execute(
            sa.select(CalendarDay.day, CalendarDay.is_working, CalendarDay.department_id).where(
                CalendarDay.department_id.in_(path)
            )
        ).all()
    rank = {above: depth for depth, above in enumerate(path)}
    return {row.day: row.is_working for row in sorted(rows, key=lambda row: rank[row.department_id])}


def _path(department_id: int | None) -> list[int]:
    """Return the ids from the root of the tree to a department; the roots alone for none."""
    # By table: people stand a layer above the machinery.
    department = metadata.tables["department"].c
    if department_id is None:
        return list(db.session.scalars(sa.select(department.id).where(department.parent_id.is_(None))))
    path = db.session.scalar(sa.select(department.path).where(department.id == department_id)) or ""
    return [int(part) for part in path.split("/") if part]


def is_working_day(day: dt.date, department_id: int | None = None) -> bool:
    """Return whether a day is a working day: no weekend or Chinese public holiday, or a make-up working day.

    Args:
        day: The local day.
        department_id: Whose own days count besides; the acting department's when omitted.
    """
    return day_table(department_id).is_working(day)


def is_known(day: dt.date, department_id: int | None = None) -> bool:
    """Return whether the public holidays of a day's year are known; before that, working days are provisional.

    Args:
        day: The local day.
        department_id: Whose own days count besides; the acting department's when omitted.
    """
    return day_table(department_id).is_known(day)


def working_days_after(day: dt.date, n: int, department_id: int | None = None) -> dt.date:
    """Return the day that is ``n`` working days after another: D+5wd. The day itself does not count.

    Args:
        day: The local day that is counted from; it need not be a working day.
        n: How many working days; negative for before. 0 returns the day itself.
        department_id: Whose own days count besides; the acting department's when omitted.
    """
    return day_table(department_id).after(day, n)


def offset_day(day: dt.date, offset: str, department_id: int | None = None) -> dt.date:
    """Return the day at an offset as the procedure writes it.

    Args:
        day: The anchor: the delivery T, or the day D of an event.
        offset: ``T−30`` and ``D+7`` in calendar days, ``D+5wd`` in working days, ``w`` weeks, ``T-1m`` calendar months,
            ``y`` years; the letter may be left out.
        department_id: Whose own days count besides; the acting department's when omitted.

    Raises:
        ValueError: The offset is malformed.
    """
    number, unit = parse_offset(offset)
    moves: Mapping[str, Callable[[], dt.date]] = {
        "d": lambda: day + dt.timedelta(days=number),
        "w": lambda: day + dt.timedelta(weeks=number),
        "wd": lambda: working_days_after(day, number, department_id),
        "m": lambda: months_after(day, number),
        "y": lambda: months_after(day, 12 * number),
    }
    return moves[unit]()
