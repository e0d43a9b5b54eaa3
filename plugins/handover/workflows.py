"""The states of batches, houses, defects and notices, and who may move them (domain reference 3.3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.toolkit import (
    State,
    Transition,
    Workflow,
    _,
    _l,
    attachments_of,
    pending_request,
    require_scope,
    setting,
    utc_now,
)
from plugins.handover.models import Defect, DefectSource, RectificationNotice

CLOSED = ("closed", "invalid", "waived", "transferred")
"""States of a defect in which nobody has to do anything any more."""
PENALTY = "handover.penalty"
"""Kind of the approval that a penalty above the free amount needs."""
OPEN = ("open", "assigned", "in_progress", "fixed", "rejected")


def _not_by_the_fixer(defect: Defect, _fields: Mapping[str, Any]) -> str | None:
    """Not by the person who fixed it (domain reference 3.3.2, 3.3.6 rule 5)."""
    user_id = require_scope().user_id
    if user_id is not None and user_id == defect.fixed_by_id:
        return _(
            "You reported %(number)s as fixed, so somebody else has to re-inspect it. Ask a colleague.",
            number=defect.number,
        )
    return None


def _may_close(defect: Defect, fields: Mapping[str, Any]) -> str | None:
    """Not by the person who fixed it, and with a photo after the repair where the setting asks for one."""
    refusal = _not_by_the_fixer(defect, fields)
    if (
        refusal is None
        and setting("handover", "after_photo_required")
        and not attachments_of(defect, "after")
    ):
        return _(
            "%(number)s has no photo after the repair. Take one, then confirm again.", number=defect.number
        )
    return refusal


def _may_be_invalid(defect: Defect, fields: Mapping[str, Any]) -> str | None:
    """What the owner reported needs the owner's consent (domain reference 3.3.2)."""
    if defect.source == DefectSource.OWNER and not fields.get("owner_agreed", defect.owner_agreed) and fields:
        return _(
            "The owner reported %(number)s. It can be marked as no problem only when the owner agrees.",
            number=defect.number,
        )
    return None


def _may_be_waived(defect: Defect, _fields: Mapping[str, Any]) -> str | None:
    """The owner's signed paper is attached."""
    if not attachments_of(defect, "waiver"):
        return _(
            "The owner has to sign that %(number)s is not repaired. Attach the signed paper as “Waiver” first.",
            number=defect.number,
        )
    return None


def _may_be_transferred(defect: Defect, _fields: Mapping[str, Any]) -> str | None:
    """The house was handed over."""
    if defect.unit.delivered_on is None:
        return _(
            "House %(unit)s has not been handed over yet, so its defects stay here. They can become "
            "repair orders after the keys.",
            unit=defect.unit.code,
        )
    return None


def _is_rechecked(notice: RectificationNotice, _fields: Mapping[str, Any]) -> str | None:
    """Every defect was re-inspected since its repair."""
    waiting = [line.defect.number for line in notice.lines if line.defect.state not in (*CLOSED, "rejected")]
    if not waiting:
        return None
    return _(
        "%(number)s still waits for its repair or its re-inspection. Re-inspect it first.", number=waiting[0]
    )


def _is_done(notice: RectificationNotice, _fields: Mapping[str, Any]) -> str | None:
    """Every defect is done with."""
    still_open = [line.defect.number for line in notice.lines if line.defect.state not in CLOSED]
    if not still_open:
        return None
    return _(
        "%(number)s is not closed yet. The notice can be closed when all its defects are.",
        number=still_open[0],
    )


def _may_be_penalised(notice: RectificationNotice, _fields: Mapping[str, Any]) -> str | None:
    """The deadline has passed, or a repair failed its re-inspection; no penalty waits for approval."""
    waiting = pending_request(PENALTY, notice)
    if waiting is not None:
        return _(
            "A penalty waits for approval already (%(number)s). Take that request back first.",
            number=waiting.number,
        )
    is_late = notice.deadline is not None and notice.deadline < utc_now()
    has_failed = any(line.defect.reopen_count for line in notice.lines)
    if is_late or has_failed:
        return None
    return _("A penalty needs a deadline that has passed or a repair that failed its re-inspection.")


DEFECT = Workflow(
    name="handover.defect",
    record_kind="handover.defect",
    states=(
        State("open", _l("To assign"), "wait"),
        State("assigned", _l("Assigned"), "wait"),
        State("in_progress", _l("Being fixed"), "calm"),
        State("fixed", _l("To re-inspect"), "wait"),
        State("rejected", _l("Failed re-inspection"), "late"),
        State("closed", _l("Closed"), "ok"),
        State("invalid", _l("No problem"), "calm"),
        State("waived", _l("Waived by the owner"), "calm"),
        State("transferred", _l("Moved to repair"), "calm"),
    ),
    transitions=(
        Transition(
            "assign",
            _l("Assign"),
            ("open",),
            "assigned",
            "handover.assign_defect",
            required={"contractor_id": _l("Contractor")},
        ),
        Transition(
            "start", _l("Start fixing"), ("assigned",), "in_progress", "handover.fix_defect", bulk=True
        ),
        Transition(
            "report_fixed",
            _l("Report as fixed"),
            ("in_progress",),
            "fixed",
            "handover.fix_defect",
            required={"fix_measure": _l("What was done")},
            bulk=True,
        ),
        Transition(
            "verify",
            _l("Passed, close"),
            ("fixed",),
            "closed",
            "handover.verify_defect",
            guard=_may_close,
            optional={"recheck_note": _l("Remark")},
            bulk=True,
        ),
        Transition(
            "reject",
            _l("Failed re-inspection"),
            ("fixed",),
            "rejected",
            "handover.verify_defect",
            required={"recheck_note": _l("What is still wrong")},
            guard=_not_by_the_fixer,
        ),
        Transition("resume", _l("Fix again"), ("rejected",), "in_progress", "handover.fix_defect", bulk=True),
        Transition(
            "invalidate",
            _l("No problem"),
            ("open",),
            "invalid",
            "handover.invalidate_defect",
            required={"closing_reason": _l("Reason")},
            guard=_may_be_invalid,
            optional={"owner_agreed": _l("The owner agrees")},
        ),
        # Only by correcting a result while the inspection still runs; see services.record_result.
        Transition(
            "withdraw", _l("Result corrected"), ("open",), "invalid", "handover.inspect", offered=False
        ),
        Transition(
            "reinstate", _l("Result corrected back"), ("invalid",), "open", "handover.inspect", offered=False
        ),
        Transition(
            "waive",
            _l("Owner does without the repair"),
            ("open", "assigned", "in_progress", "rejected"),
            "waived",
            "handover.waive_defect",
            required={"closing_reason": _l("Reason")},
            guard=_may_be_waived,
            timeline="handover.defect_ended",
        ),
        Transition(
            "transfer",
            _l("Move to repair"),
            ("open", "assigned", "in_progress", "rejected"),
            "transferred",
            "handover.transfer_defect",
            required={"repair_reference": _l("Number of the repair order")},
            guard=_may_be_transferred,
            timeline="handover.defect_ended",
        ),
    ),
)

NOTICE = Workflow(
    name="handover.rectification_notice",
    record_kind="handover.notice",
    states=(
        State("draft", _l("Draft"), "calm"),
        State("issued", _l("Issued"), "wait"),
        State("received", _l("Received"), "calm"),
        State("replied", _l("Replied"), "wait"),
        State("rechecked", _l("Re-inspected"), "wait"),
        State("closed", _l("Closed"), "ok"),
        State("penalised", _l("Penalised"), "late"),
    ),
    transitions=(
        Transition(
            "issue",
            _l("Issue"),
            ("draft",),
            "issued",
            "handover.issue_notice",
            required={"deadline": _l("Deadline")},
            confirm=_l("Issue the notice? Its defects are assigned, and it does not change any more."),
        ),
        Transition(
            "receive",
            _l("Received by the contractor"),
            ("issued",),
            "received",
            "handover.issue_notice",
            required={"receiver_name": _l("Receiver")},
        ),
        Transition(
            "reply",
            _l("Contractor replied"),
            ("received",),
            "replied",
            "handover.issue_notice",
            required={"reply_text": _l("Reply")},
        ),
        Transition(
            "recheck",
            _l("Re-inspected"),
            ("replied",),
            "rechecked",
            "handover.verify_defect",
            required={"recheck_note": _l("Result of the re-inspection")},
            guard=_is_rechecked,
        ),
        Transition(
            "close", _l("Close"), ("rechecked",), "closed", "handover.issue_notice", guard=_is_done, bulk=True
        ),
        Transition(
            "penalise",
            _l("Penalise"),
            ("issued", "received", "replied", "rechecked"),
            "penalised",
            "handover.issue_notice",
            required={"penalty_note": _l("Penalty"), "penalty_amount": _l("Amount in yuan")},
            guard=_may_be_penalised,
            explain=False,
        ),
        # Taken when a penalty above the free amount was approved; whoever approved it last needs no right of his own.
        Transition(
            "penalise_approved",
            _l("Penalty approved"),
            ("issued", "received", "replied", "rechecked"),
            "penalised",
            required={"penalty_note": _l("Penalty")},
            offered=False,
        ),
    ),
)

BATCH = Workflow(
    name="handover.batch",
    record_kind="handover.batch",
    states=(
        State("planned", _l("Planned"), "calm"),
        State("preparing", _l("Preparing"), "wait"),
        State("open", _l("Handing over"), "wait"),
        State("closed", _l("Closed"), "ok"),
    ),
    transitions=(
        Transition("prepare", _l("Start preparing"), ("planned",), "preparing", "handover.plan"),
        Transition("open", _l("Start handing over"), ("preparing",), "open", "handover.plan"),
        Transition("close", _l("Close"), ("open",), "closed", "handover.plan"),
    ),
)

_BEFORE_INSPECTION = (
    "planned",
    "notified",
    "booked",
    "arrived",
    "identity_ok",
    "fees_ok",
    "not_contactable",
    "absent",
    "entrusted",
    "refused",
)

HANDOVER_UNIT = Workflow(
    name="handover.unit",
    record_kind="handover.unit",
    states=(
        State("planned", _l("Planned"), "calm"),
        State("notified", _l("Notified"), "calm"),
        State("booked", _l("Booked"), "calm"),
        State("arrived", _l("Arrived"), "wait"),
        State("identity_ok", _l("Identity checked"), "wait"),
        State("fees_ok", _l("Fees settled"), "wait"),
        State("inspecting", _l("Being inspected"), "wait"),
        State("accepted", _l("Accepted"), "ok"),
        State("accepted_with_defects", _l("Accepted with defects"), "wait"),
        State("refused", _l("Refused"), "late"),
        State("keys_handed", _l("Keys handed over"), "ok"),
        State("delivered", _l("Delivered"), "ok"),
        State("reviewed", _l("Reviewed"), "ok"),
        State("not_contactable", _l("Not contactable"), "late"),
        State("absent", _l("Did not come"), "late"),
        State("deemed_delivered", _l("Deemed delivered"), "wait"),
        State("entrusted", _l("By an attorney"), "calm"),
    ),
    transitions=(
        # A house moves on by its formal inspection alone.
        Transition(
            "inspect",
            _l("Start inspecting"),
            _BEFORE_INSPECTION,
            "inspecting",
            "handover.inspect",
            offered=False,
        ),
        Transition("accept", _l("Accept"), ("inspecting",), "accepted", "handover.inspect", offered=False),
        Transition(
            "accept_with_defects",
            _l("Accept with defects"),
            ("inspecting",),
            "accepted_with_defects",
            "handover.inspect",
            offered=False,
        ),
        Transition("refuse", _l("Refuse"), ("inspecting",), "refused", "handover.inspect", offered=False),
    ),
)

WORKFLOWS = (BATCH, HANDOVER_UNIT, DEFECT, NOTICE)
