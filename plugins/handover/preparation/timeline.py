"""Where the tasks of a plan stand on a line of time, for the chart on the page and in print. No database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 620
"""Units of the drawing between the first and the last day."""


@dataclass(frozen=True)
class Mark:
    """A place on the line.

    Attributes:
        x: Distance from the left, from 0 to :data:`WIDTH`.
        label: Words beside it.
    """

    x: float
    label: str


@dataclass(frozen=True)
class Axis:
    """The line of time of a plan.

    Attributes:
        first: First day.
        last: Last day.
        months: The first day of each month between them.
    """

    first: dt.date
    last: dt.date
    months: tuple[Mark, ...]

    def x(self, day: dt.date) -> float:
        """Return where a day stands, within the line."""
        whole = max(1, (self.last - self.first).days)
        share = (day - self.first).days / whole
        return round(min(max(share, 0.0), 1.0) * WIDTH, 1)

    def holds(self, day: dt.date) -> bool:
        """Return whether a day lies on the line."""
        return self.first <= day <= self.last


def axis_of(days: Sequence[dt.date], margin: int = 4) -> Axis | None:
    """Return the line that holds some days, with a margin; None without any.

    Args:
        days: The days that have to be on it.
        margin: Days before the first and after the last.
    """
    if not days:
        return None
    first = min(days) - dt.timedelta(days=margin)
    last = max(days) + dt.timedelta(days=margin)
    bare = Axis(first, last, ())
    months, day = [], _next_month(first)
    while day <= last:
        months.append(Mark(bare.x(day), f"{day.year}-{day.month:02d}"))
        day = _next_month(day + dt.timedelta(days=1))
    step = 1 + len(months) // 6
    return Axis(first, last, tuple(months[::step]))


def _next_month(day: dt.date) -> dt.date:
    if day.day == 1:
        return day
    return dt.date(day.year + day.month // 12, day.month % 12 + 1, 1)
