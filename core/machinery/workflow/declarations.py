"""What workflows declare: the history on record pages, and what happens to it with a customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l

from core.machinery.workflow import services
from core.machinery.workflow.models import WorkflowMove
from core.plugin_system.declarations import Panel, RecordWords
from core.plugin_system.hookspecs import hookimpl


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the history of every record that a workflow moves."""
    return (
        Panel(
            code="core.workflow",
            record_kind="*",
            title=_l("History"),
            template="admin/workflow/history.html",
            load=history,
            order=850,
        ),
    )


@hookimpl
def record_words() -> Sequence[RecordWords]:
    """Declare what the change log calls a move and its fields."""
    return (
        RecordWords(
            WorkflowMove,
            {
                "workflow": _l("Workflow"),
                "record_kind": _l("Kind of record"),
                "record_id": _l("Record"),
                "transition": _l("Step"),
                "from_state": _l("State before"),
                "to_state": _l("State after"),
                "comment": _l("Remark"),
                "moved_at": _l("When"),
                "moved_by_id": _l("Who"),
                "project_id": _l("Project"),
                "customer_id": _l("Customer"),
                "department_id": _l("Department"),
            },
            _l("Step of a workflow"),
        ),
    )


def history(record: Any) -> Mapping[str, Any] | None:
    """Return the moves of a record; nothing where no workflow moves it or it has not moved yet."""
    lines = services.history_of(record) if services.has_history(record) else []
    return {"lines": lines, "count": len(lines)} if lines else None


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move the history."""
    services.move_to_customer(kept_id, merged_id)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Blank what was said."""
    services.erase_of_customer(customer_id)


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Name the moves."""
    return {"workflow_moves": services.of_customer(customer_id)}
