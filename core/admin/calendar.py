"""The calendar: to-dos, time limits and what modules add, by month, week, day or as a list; and the working days."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from babel.dates import format_skeleton
from flask import abort, g, request
from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DateField
from wtforms.validators import InputRequired, Optional

from core.admin import work
from core.admin.access import ViewPermissions, expose_guarded
from core.admin.filters import BooleanFilter, DateRangeFilter
from core.admin.forms import GuardedForm, SensibleYear
from core.admin.views import PageView, RecordView
from core.database.scope import require_scope
from core.database.types import LOCAL_ZONE, local_today
from core.extensions import db
from core.languages import in_language, locale_of_dates
from core.machinery.clocks import services as clocks
from core.machinery.clocks import working_days
from core.machinery.clocks.dates import months_after
from core.machinery.clocks.models import CalendarDay, Clock
from core.machinery.todos.models import Todo, TodoState
from core.people import workload
from core.people.models import Department
from core.people.permissions import has_permission
from core.plugin_system.declarations import CalendarEntry, CalendarSource
from core.plugin_system.dispatch import isolated
from core.plugin_system.runtime import current_runtime

VIEWS: Mapping[str, Any] = {"month": _l("Month"), "week": _l("Week"), "day": _l("Day")}
SHOWN_A_DAY = 4
MOST = 400
"""Entries of one source that a page shows."""
_EARLIEST, _LATEST = dt.date(1990, 1, 1), dt.date(2190, 1, 1)


@dataclass
class Day:
    """A day of the calendar.

    Attributes:
        date: The day.
        name: What it is called in a list.
        is_today: Whether it is today.
        is_other: Whether it belongs to another month.
        is_free: Whether nobody works.
        mark: 休 for a weekday that is free, 班 for a weekend that is worked, else "".
        entries: What is on it, in order.
    """

    date: dt.date
    name: str = ""
    is_today: bool = False
    is_other: bool = False
    is_free: bool = False
    mark: str = ""
    entries: list[CalendarEntry] = field(default_factory=list)


class CalendarPage(PageView):
    """``/admin/calendar/``: month, week or day, of everybody that may be seen or of the reader alone."""

    @expose_guarded("/", permission="todos.view")
    def index(self) -> Any:
        """Show the days around the one that is asked for."""
        view = request.args.get("view", "month")
        if view not in VIEWS:
            abort(404)
        day = _asked_day()
        mine = request.args.get("mine") == "1"
        hidden = frozenset(request.args.getlist("without"))
        first, last = _span(view, day)
        declared = current_runtime().declared
        sources = [source for source in declared.calendar_sources() if has_permission(source.permission)]
        entries, failed = _entries([each for each in sources if each.code not in hidden], first, last, mine)
        days = _days(first, last, day if view == "month" else None, entries)
        step = {"month": None, "week": 7, "day": 1}[view]

        def address(**changes: Any) -> str:
            asked: dict[str, Any] = {"view": view, "day": day.isoformat(), "without": sorted(hidden)}
            if mine:
                asked["mine"] = "1"
            asked.update(changes)
            return self.get_url(".index", **{name: value for name, value in asked.items() if value})

        return self.render(
            "admin/work/calendar.html",
            view=view,
            views=[
                {"label": label, "url": address(view=name), "current": name == view}
                for name, label in VIEWS.items()
            ],
            title=_title(view, first, last, day),
            weeks=[days[start : start + 7] for start in range(0, len(days), 7)] if view != "day" else [days],
            weekdays=[format_date(each.date, "EEE") for each in days[:7]],
            shown_a_day=SHOWN_A_DAY if view == "month" else MOST,
            day_url=lambda each: address(view="day", day=each.isoformat()),
            previous_url=address(day=_moved(day, -1, step).isoformat()),
            next_url=address(day=_moved(day, 1, step).isoformat()),
            today_url=address(day=local_today().isoformat()),
            mine=mine,
            mine_url=address(mine=None if mine else "1"),
            sources=[
                {
                    "label": source.label,
                    "on": source.code not in hidden,
                    "url": address(without=sorted(hidden ^ {source.code})),
                }
                for source in sources
            ],
            failed=failed,
            is_empty=not entries,
            time_of=lambda moment: moment.astimezone(LOCAL_ZONE).strftime("%H:%M"),
            provisional=not working_days.is_known(last),
        )


def _asked_day() -> dt.date:
    text = request.args.get("day", "")
    if not text:
        return local_today()
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        abort(404)
    return day if _EARLIEST < day < _LATEST else abort(404)


def _span(view: str, day: dt.date) -> tuple[dt.date, dt.date]:
    """Return the first and the last day of a page; months are shown in whole weeks, from Monday on."""
    if view == "day":
        return day, day
    if view == "week":
        monday = day - dt.timedelta(days=day.weekday())
        return monday, monday + dt.timedelta(days=6)
    first = day.replace(day=1)
    last = day.replace(day=calendar.monthrange(day.year, day.month)[1])
    return first - dt.timedelta(days=first.weekday()), last + dt.timedelta(days=6 - last.weekday())


def _moved(day: dt.date, direction: int, step: int | None) -> dt.date:
    if step is not None:
        return day + dt.timedelta(days=direction * step)
    return months_after(day.replace(day=1), direction)


def _title(view: str, first: dt.date, last: dt.date, day: dt.date) -> str:
    if view == "month":
        return str(format_skeleton("yMMMM", day, locale=locale_of_dates()))
    if view == "day":
        return str(format_date(day, "full"))
    return f"{format_date(first, 'medium')} – {format_date(last, 'medium')}"


def _entries(
    sources: Sequence[CalendarSource], first: dt.date, last: dt.date, mine: bool
) -> tuple[list[CalendarEntry], list[Any]]:
    """Return what the sources have, and the names of those that failed."""
    start = dt.datetime.combine(first, dt.time(), LOCAL_ZONE).astimezone(dt.UTC)
    end = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), LOCAL_ZONE).astimezone(dt.UTC)
    declared, entries, failed = current_runtime().declared, [], []
    for source in sources:
        answer = isolated(
            declared.component_of(source), f"calendar {source.code}", source.load, start, end, mine
        )
        if answer.failed:
            failed.append(source.label)
        else:
            entries += [entry for entry in answer.value or () if start <= entry.starts_at < end][:MOST]
    return entries, failed


def _days(
    first: dt.date, last: dt.date, month: dt.date | None, entries: Sequence[CalendarEntry]
) -> list[Day]:
    table = working_days.day_table()
    days = {}
    for offset in range((last - first).days + 1):
        date = first + dt.timedelta(days=offset)
        is_free = not table.is_working(date)
        is_weekend = date.weekday() >= working_days.SATURDAY
        days[date] = Day(
            date,
            str(format_skeleton("MMMEd", date, locale=locale_of_dates())),
            date == local_today(),
            month is not None and (date.year, date.month) != (month.year, month.month),
            is_free,
            _("free") if is_free and not is_weekend else _("worked") if is_weekend and not is_free else "",
        )
    for entry in sorted(entries, key=lambda each: (not each.all_day, each.starts_at, each.title)):
        local = entry.starts_at.astimezone(LOCAL_ZONE).date()
        days[local].entries.append(entry)
    return list(days.values())


# ------------------------------------------------------------------ what the core shows


def todo_entries(start: dt.datetime, end: dt.datetime, mine: bool) -> list[CalendarEntry]:
    """Return the to-dos that are due in a time."""
    whose = workload.is_mine()
    if not mine:
        whose = sa.or_(whose, workload.is_of_department(workload.departments_here()))
    todos = db.session.scalars(
        work.ordered(
            sa.select(Todo).where(
                Todo.state == TodoState.OPEN, Todo.due_at >= start, Todo.due_at < end, whose
            )
        ).limit(MOST)
    ).all()
    return [
        CalendarEntry(
            str(line.todo.title),
            line.todo.due_at,
            url=work.url_of(line.todo),
            detail=line.record or line.department,
            tone="late" if line.is_late else "calm",
        )
        for line in work.lines_of(todos)
        if line.todo.due_at is not None
    ]


def clock_entries(start: dt.datetime, end: dt.datetime, mine: bool) -> list[CalendarEntry]:
    """Return the time limits that run out in a time."""
    query = sa.select(Clock).where(Clock.stopped_at.is_(None), Clock.due_at >= start, Clock.due_at < end)
    if mine:
        query = query.where(Clock.owner_id == (require_scope().user_id or 0))
    held = db.session.scalars(query.order_by(Clock.due_at, Clock.id).limit(MOST)).all()
    records = work.records_of({(clock.record_kind, clock.record_id) for clock in held})
    return [
        CalendarEntry(
            clocks.label_of(clock),
            clock.due_at,
            url=records[clock.record_kind, clock.record_id][1],
            detail=records[clock.record_kind, clock.record_id][0],
            tone="late" if clock.is_breached else "wait",
        )
        for clock in held
        if (clock.record_kind, clock.record_id) in records
    ]


# ------------------------------------------------------------------ working days


def _own_or_below(day: CalendarDay) -> bool:
    return day.department_id in workload.departments_here() or require_scope().department_id is None


class CalendarDayView(RecordView):
    """Days that departments entered as free or worked, beside the national calendar."""

    permissions = ViewPermissions("todos.view", "calendar.edit", "calendar.edit", "calendar.edit", None)
    column_list = ("day", "is_working", "note", "department")
    column_details_list = ("day", "is_working", "note", "department")
    column_labels = {
        "day": _l("Day"),
        "first": _l("From day"),
        "last": _l("Last day"),
        "is_working": _l("Worked"),
        "note": _l("Name of the day"),
        "department": _l("Department"),
    }
    cells = {
        "department": lambda day: _department_name(day.department_id),
    }
    filters = (BooleanFilter("is_working"), DateRangeFilter("day"))
    sortable = ("day",)
    default_sort = ("day", True)
    form_columns = ("first", "last", "is_working", "note")
    create_only_columns = frozenset({"first", "last"})
    form_fields = {
        "first": DateField(_l("From day"), [InputRequired(), SensibleYear()]),
        "last": DateField(
            _l("Last day"), [Optional(), SensibleYear()], description=_l("Left empty: one day only.")
        ),
    }
    refusals = (clocks.ClockRefused,)
    list_template = "admin/work/calendar_days.html"
    empty_list_hint = _l(
        "The public holidays and make-up working days of the years that are known count without being entered."
    )

    @staticmethod
    def missing_year() -> int | None:
        """Return this or the next year when its public holidays are not known in the acting department; else None."""
        return missing_year()

    @staticmethod
    def known_years() -> range:
        """Return the years whose public holidays are known without being entered."""
        return working_days.known_years()

    def create_record(self, form: GuardedForm) -> CalendarDay:
        """Enter the days for the acting department."""
        values = form.values()
        department_id = require_scope().department_id
        if department_id is None:
            raise clocks.ClockRefused(_("Act in a department to enter days for it."))
        return clocks.set_calendar_days(
            department_id,
            values["first"],
            values["last"] or values["first"],
            is_working=values["is_working"],
            note=values["note"] or "",
        )[0]

    def update_record(self, record: CalendarDay, form: GuardedForm) -> None:
        """Change whether a day is worked, and its name."""
        self._require_own(record)
        values = form.values()
        clocks.set_calendar_days(
            record.department_id,
            record.day,
            record.day,
            is_working=values["is_working"],
            note=values["note"] or "",
        )

    def delete_record(self, record: CalendarDay) -> None:
        """Let a day be again what the calendar says."""
        self._require_own(record)
        clocks.remove_calendar_day(record)

    def why_locked(self, record: CalendarDay) -> Any:
        """Leave the days of departments above to them."""
        if _own_or_below(record):
            return None
        return _("A department above entered this day; change it there.")

    def _require_own(self, record: CalendarDay) -> None:
        sentence = self.why_locked(record)
        if sentence is not None:
            raise clocks.ClockRefused(sentence)


def _department_name(key: int) -> str:
    names: dict[int, str] = g.setdefault("_department_names", {})
    if key not in names:
        query = sa.select(Department.name, Department.name_en).where(Department.id == key)
        name, name_en = db.session.execute(query).one()
        names[key] = in_language(name, name_en)
    return names[key]


def missing_year() -> int | None:
    """Return this or the next year when its public holidays are not known in the acting department; else None.

    The State Council publishes the holidays of a year in November of the year before: the next one counts from then.
    """
    today = local_today()
    years = [today.year, *([today.year + 1] if today.month >= 11 else [])]
    table = working_days.day_table()
    return next((year for year in years if not table.is_known(dt.date(year, 6, 1))), None)
