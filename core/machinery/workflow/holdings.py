"""The history of a plugin's records, for the export and the erasure of its data."""

from __future__ import annotations

from collections.abc import Callable

from flask_babel import lazy_gettext as _l

from core.machinery.workflow.models import WorkflowMove
from core.plugin_system.holdings import Holding, Trace, delete_rows, queried


def _erase(trace: Trace) -> Callable[[], None] | None:
    delete_rows(WorkflowMove, trace.starts(WorkflowMove.workflow), f"erasing the plugin {trace.slug}")
    return None


HOLDINGS: tuple[Holding, ...] = (
    queried(
        "workflow_moves",
        _l("History of its records"),
        WorkflowMove,
        lambda trace: trace.starts(WorkflowMove.workflow),
        erase=_erase,
    ),
)
