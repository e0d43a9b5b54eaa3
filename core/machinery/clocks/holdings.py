"""The clocks that ran on the records of a plugin, for the export and the erasure of its data."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.machinery.clocks.models import Clock
from core.plugin_system.holdings import Holding, Trace, delete_rows, queried


def _condition(trace: Trace) -> sa.ColumnElement[bool]:
    return trace.starts(Clock.record_kind)


def _erase(trace: Trace) -> Callable[[], None] | None:
    # Rests and events go with their clock (ON DELETE CASCADE).
    delete_rows(Clock, _condition(trace), f"erasing the plugin {trace.slug}")
    return None


HOLDINGS: tuple[Holding, ...] = (
    queried("clocks", _l("Time limits on its records"), Clock, _condition, erase=_erase),
)
