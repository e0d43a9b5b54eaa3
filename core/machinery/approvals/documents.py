"""The approval sheet: what was asked, and an opinion box for each step (domain reference 3.2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from core.machinery.approvals import services
from core.machinery.approvals.models import ApprovalRequest, RequestState, TaskState
from core.plugin_system.runtime import current_runtime


def may_issue_sheet(request: ApprovalRequest) -> str | None:
    """Return why a sheet cannot be issued yet: the request still waits for an answer."""
    if request.state == RequestState.PENDING:
        return _("%(number)s still waits for an answer.", number=request.number)
    return None


def sheet(request: ApprovalRequest, language: str) -> Mapping[str, Any]:
    """Return the values of the sheet.

    Args:
        request: The request.
        language: Locale of the paper.
    """
    kind = current_runtime().declared.approval_kind(request.kind)
    people = services.names_of(
        [
            request.author_id,
            *(key for task in request.tasks for key in (task.decided_by_id, task.on_behalf_of_id)),
        ]
    )
    return {
        "subtitle": str(kind.label) if kind is not None else request.kind,
        "facts": services.facts_of(request, language),
        "amount_words": services.amount_words(request),
        "amounts_differ": len({task.amount for task in request.tasks}) > 1,
        "author": people.get(request.author_id or 0, ""),
        "boxes": [
            {
                "step": services.label_of(request, task),
                "round": task.round_number,
                "amount": task.amount,
                "opinion": task.opinion or (_("Agreed") if task.state == TaskState.APPROVED else ""),
                "verdict": {TaskState.APPROVED: _("Agreed"), TaskState.REJECTED: _("Not agreed")}.get(
                    TaskState(task.state), ""
                ),
                "name": people.get(task.decided_by_id or 0, ""),
                "for_whom": people.get(task.on_behalf_of_id or 0, ""),
                "at": task.decided_at,
            }
            for task in request.tasks
            if task.state != TaskState.CANCELLED
        ],
    }
