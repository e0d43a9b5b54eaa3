"""The states of plan tasks, points of the risk check, and area settlements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.toolkit import State, Transition, Workflow, _, _l, attachments_of
from plugins.handover.preparation.models import AreaSettlement, PlanTask


def _shows_its_result(task: PlanTask, fields: Mapping[str, Any]) -> str | None:
    """A task that hands something in is done with words about it or with the file itself."""
    if not fields or not task.deliverable or fields.get("result") or task.result or attachments_of(task):
        return None
    return _(
        "“%(title)s” hands in: %(deliverable)s. Attach the file, or write its number or result.",
        title=task.title,
        deliverable=task.deliverable,
    )


PLAN_TASK = Workflow(
    name="handover.plan_task",
    record_kind="handover.plan_task",
    states=(
        State("open", _l("Planned"), "calm"),
        State("in_progress", _l("In progress"), "wait"),
        State("done", _l("Done"), "ok"),
        State("dropped", _l("Not needed"), "calm"),
    ),
    transitions=(
        Transition("start", _l("Begin"), ("open",), "in_progress", "handover.plan"),
        Transition(
            "finish",
            _l("Done"),
            ("open", "in_progress"),
            "done",
            "handover.plan",
            optional={"result": _l("Result, or number of the paper")},
            guard=_shows_its_result,
        ),
        Transition(
            "drop", _l("Not needed"), ("open", "in_progress"), "dropped", "handover.plan", reason=True
        ),
        Transition("reopen", _l("Open again"), ("done", "dropped"), "open", "handover.plan", reason=True),
    ),
)

RISK = Workflow(
    name="handover.risk",
    record_kind="handover.risk",
    states=(
        State("open", _l("Not checked yet"), "calm"),
        State("clear", _l("No risk"), "ok"),
        State("risk", _l("At risk"), "late"),
        State("settled", _l("Risk removed"), "ok"),
        State("accepted", _l("Risk accepted"), "wait"),
    ),
    transitions=(
        Transition("clear", _l("No risk"), ("open",), "clear", "handover.plan", bulk=True),
        Transition(
            "find",
            _l("At risk"),
            ("open", "clear"),
            "risk",
            "handover.plan",
            required={"finding": _l("What is at risk")},
            optional={"due_on": _l("Until")},
        ),
        Transition(
            "settle",
            _l("Risk removed"),
            ("risk",),
            "settled",
            "handover.plan",
            required={"measure": _l("What was done")},
        ),
        Transition(
            "accept",
            _l("Accept the risk"),
            ("risk",),
            "accepted",
            "handover.accept_risk",
            required={"measure": _l("Why, and what is told to the owners")},
        ),
        Transition(
            "reopen",
            _l("Check again"),
            ("clear", "settled", "accepted"),
            "open",
            "handover.plan",
            reason=True,
        ),
    ),
)
OPEN_RISKS = ("open", "risk")
"""States of points that are still to be dealt with."""


def _is_within(settlement: AreaSettlement, _fields: Mapping[str, Any]) -> str | None:
    """Only a difference beyond the limit lets the buyer rescind."""
    from plugins.handover.preparation.services.charges import area_result

    if area_result(settlement).is_beyond:
        return None
    return _("The difference is within the limit, so the contract stands.")


AREA = Workflow(
    name="handover.area",
    record_kind="handover.area",
    states=(
        State("draft", _l("Computed"), "calm"),
        State("agreed", _l("Agreed with the owner"), "wait"),
        State("settled", _l("Settled"), "ok"),
        State("disputed", _l("Disputed"), "late"),
        State("rescinded", _l("The owner rescinds"), "late"),
    ),
    transitions=(
        Transition("agree", _l("The owner agrees"), ("draft", "disputed"), "agreed", "handover.settle_fees"),
        Transition(
            "dispute", _l("The owner disagrees"), ("draft",), "disputed", "handover.settle_fees", reason=True
        ),
        Transition(
            "rescind",
            _l("The owner rescinds"),
            ("draft", "disputed"),
            "rescinded",
            "handover.settle_fees",
            guard=_is_within,
            reason=True,
            explain=False,
            confirm=_l("The owner gives the house back? Its area difference is no fee any more."),
        ),
        # Taken when the fee that it became is paid or given back.
        Transition("settle", _l("Settled"), ("draft", "agreed"), "settled", offered=False),
    ),
)

WORKFLOWS = (PLAN_TASK, RISK, AREA)
