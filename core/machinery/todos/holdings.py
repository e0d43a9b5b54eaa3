"""The to-dos on the records of a plugin, for the export and the erasure of its data."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.machinery.todos.models import Todo
from core.plugin_system.holdings import Holding, Trace, delete_rows, queried


def _condition(trace: Trace) -> sa.ColumnElement[bool]:
    return trace.starts(Todo.record_kind)


def _erase(trace: Trace) -> Callable[[], None] | None:
    delete_rows(Todo, _condition(trace), f"erasing the plugin {trace.slug}")
    return None


HOLDINGS: tuple[Holding, ...] = (
    queried("todos", _l("To-dos on its records"), Todo, _condition, erase=_erase),
)
