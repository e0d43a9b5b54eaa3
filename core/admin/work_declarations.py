"""The screens of to-dos and the calendar: pages, sections, and what the calendar shows."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l

from core.admin import calendar, work
from core.machinery.clocks.models import CalendarDay
from core.machinery.todos.models import Todo
from core.plugin_system.declarations import AdminView, Area, CalendarSource, Panel, RecordKind
from core.plugin_system.hookspecs import hookimpl


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare “my work”, the calendar, and the days that departments enter."""
    return (
        AdminView(work.WorkPage, "work", _l("My work"), Area.WORK, 10),
        AdminView(calendar.CalendarPage, "calendar", _l("Calendar"), Area.WORK, 20),
        AdminView(work.TodoView, "todos", _l("To-dos"), Area.WORK, 30, model=Todo, in_menu=False),
        AdminView(
            calendar.CalendarDayView, "working_days", _l("Working days"), Area.SETUP, 60, model=CalendarDay
        ),
    )


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    """Declare to-dos, so that files and the change log hang on them."""
    return (
        RecordKind(
            "core.todo",
            Todo,
            _l("To-do"),
            "todos.view",
            "todos.view",
            "todos.details_view",
            lambda todo: str(todo.title),
        ),
    )


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the to-dos of every record, and those of the reader on the home page."""
    return (
        Panel(
            "core.todos", "*", _l("To-dos"), "admin/work/panel.html", work.of_record, "todos.view", order=750
        ),
        Panel(
            "core.my_work",
            "home",
            _l("My work"),
            "admin/work/home.html",
            work.of_user,
            "todos.view",
            order=10,
        ),
    )


@hookimpl
def calendar_sources() -> Sequence[CalendarSource]:
    """Declare to-dos and time limits."""
    return (
        CalendarSource("core.todos", _l("To-dos"), calendar.todo_entries, "todos.view", 10),
        CalendarSource("core.clocks", _l("Time limits"), calendar.clock_entries, "todos.view", 20),
    )
