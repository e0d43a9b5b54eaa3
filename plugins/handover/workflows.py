"""The states of batches, houses, defects and notices, and who may move them (domain reference 3.3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    State,
    Transition,
    Workflow,
    _,
    _l,
    approved_request,
    attachments_of,
    db,
    listed,
    local_today,
    pending_request,
    require_scope,
    setting,
    signatures_of,
    utc_now,
)
from plugins.handover.models import (
    OWNER,
    Defect,
    DefectSource,
    FeeState,
    FormKind,
    HandoverUnit,
    HouseForm,
    Inspection,
    InspectionKind,
    InspectionState,
    KeysState,
    PaperKind,
    PapersState,
    RectificationNotice,
    Severity,
)

CLOSED = ("closed", "invalid", "waived", "transferred")
"""States of a defect in which nobody has to do anything any more."""
PENALTY = "handover.penalty"
"""Kind of the approval that a penalty above the free amount needs."""
PENALTY_CORRECTIONS = {
    state: f"correct_{state}" for state in ("issued", "received", "replied", "rechecked", "penalised")
}
"""The step that corrects the amount of a penalty, by the state in which its notice stands."""
PENALTY_REOPENED = {state: f"reopened_{state}" for state in ("issued", "received", "replied", "rechecked")}
"""The step by which a penalised notice stands again where it stood before, by that state."""
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
    """The owner signed it on glass, or his signed paper is attached."""
    if not attachments_of(defect, "waiver") and not _is_waiver_signed(defect):
        return _(
            "The owner has to sign that %(number)s is not repaired. Have the waiver signed on the phone, or attach the "
            "signed paper as “Waiver” first.",
            number=defect.number,
        )
    return None


def _is_waiver_signed(defect: Defect) -> bool:
    forms = db.session.scalars(
        sa.select(HouseForm).where(
            HouseForm.defect_id == defect.id,
            HouseForm.kind == FormKind.WAIVER,
            HouseForm.cancelled_at.is_(None),
        )
    )
    return any(signatures_of(form, OWNER) for form in forms)


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


def _was_asked_for(notice: RectificationNotice, _fields: Mapping[str, Any]) -> str | None:
    """A penalty waits for approval or was approved."""
    if pending_request(PENALTY, notice) is not None or approved_request(PENALTY, notice) is not None:
        return None
    return _("No approval was asked for the penalty of %(number)s.", number=notice.number)


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
        # The amount may change after approval was asked for; whether that asks anew is decided by the approval.
        *(
            Transition(
                code,
                _l("Correct the penalty"),
                (state,),
                state,
                "handover.issue_notice",
                required={"corrected_penalty": _l("Amount in yuan")},
                guard=_was_asked_for,
                reason=True,
                explain=False,
            )
            for state, code in PENALTY_CORRECTIONS.items()
        ),
        *(
            Transition(code, _l("Penalty asked anew"), ("penalised",), state, offered=False)
            for state, code in PENALTY_REOPENED.items()
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

_WAITING = ("planned", "notified", "booked", "not_contactable", "absent", "entrusted", "refused")
"""States in which the owner is not in the house's batch today."""
_BEFORE_INSPECTION = (*_WAITING, "arrived", "identity_ok", "fees_ok")


def key_obstacles(place: HandoverUnit) -> list[str]:
    """Return what still stands between the owner and the keys, each a full sentence (domain reference 3.3.6 rule 7)."""
    found = []
    if place.fee_state == FeeState.OPEN:
        found.append(
            _("The fees are not settled. Note each as paid, or exempt the house with a reason.")
            if place.fees
            else _("No fee is entered. Enter what is due, or exempt the house with a reason.")
        )
    if place.papers_state != PapersState.SIGNED:
        kinds = {paper.kind for paper in place.papers}
        books = {PaperKind.QUALITY_GUARANTEE, PaperKind.USER_MANUAL} <= kinds
        found.append(
            _("Papers wait for the owner's signature.")
            if books
            else _("The two books are not issued. Prepare the papers of the house.")
        )
    if not _is_inspected(place):
        found.append(_("No formal inspection with the owner is recorded. Finish it first."))
    elif place.state in ("inspecting", "refused"):
        found.append(_why_not_accepted(place))
    if not place.keys or any(not key.bag_number for key in place.keys):
        found.append(_("The keys are not registered in a sealed bag."))
    if any(loan.returned_at is None for loan in place.key_loans):
        found.append(_("The keys are on loan for a repair. Take them back first."))
    return found


def _why_not_accepted(place: HandoverUnit) -> str:
    dangers = db.session.scalars(
        sa.select(Defect.number)
        .where(Defect.unit_id == place.unit_id, Defect.severity == Severity.S1, Defect.state.in_(OPEN))
        .order_by(Defect.number)
    ).all()
    if dangers:
        return _(
            "An S1 blocks the delivery: %(numbers)s. It is repaired and re-inspected first.",
            numbers=listed(dangers),
        )
    return _("The owner has not accepted the house. Inspect it with him once more.")


def _is_inspected(place: HandoverUnit) -> bool:
    return bool(
        db.session.scalar(
            sa.select(sa.func.count(Inspection.id)).where(
                Inspection.unit_id == place.unit_id,
                Inspection.kind == InspectionKind.FORMAL,
                Inspection.state == InspectionState.FINISHED,
            )
        )
    )


def _may_hand_keys(place: HandoverUnit, _fields: Mapping[str, Any]) -> str | None:
    """Fees settled or exempt, papers signed, inspection recorded, keys sealed (domain reference 3.3.6 rule 7)."""
    return " ".join(key_obstacles(place)) or None


def _may_be_delivered(place: HandoverUnit, _fields: Mapping[str, Any]) -> str | None:
    """The keys are with the owner."""
    if place.keys_state == KeysState.HANDED:
        return None
    return _("The keys of %(unit)s are still here.", unit=place.unit.code)


def _may_be_identified(place: HandoverUnit, fields: Mapping[str, Any]) -> str | None:
    """An attorney shows the power of attorney."""
    name = fields.get("attorney_name", place.attorney_name)
    if name and not fields.get("attorney_document", place.attorney_document):
        return _(
            "%(name)s comes in the owner's place. Note the power of attorney that was shown.", name=str(name)
        )
    return None


def _has_no_receipt(place: HandoverUnit, _fields: Mapping[str, Any]) -> str | None:
    """The receipt is not noted yet."""
    if place.notice_received_at is not None:
        return _("The receipt of the notice is noted already.")
    return None


def _may_be_absent(place: HandoverUnit, _fields: Mapping[str, Any]) -> str | None:
    """The moment for which the owner was expected has passed."""
    if place.booked_for is not None:
        if place.booked_for < utc_now():
            return None
        return _(
            "%(unit)s is booked for a moment that is still to come, so nobody has stayed away.",
            unit=place.unit.code,
        )
    last = place.batch.closes_on or place.batch.delivery_on
    if last is None or last < local_today():
        return None
    return _(
        "The owner of %(unit)s may still come until %(day)s. Book an appointment, or wait.",
        unit=place.unit.code,
        day=last.isoformat(),
    )


def _may_be_lost(place: HandoverUnit, _fields: Mapping[str, Any]) -> str | None:
    """Enough attempts to reach the owner were made in vain (domain reference F)."""
    from plugins.handover.preparation.services.contacts import still_needed

    return still_needed(place)


def _may_be_deemed(place: HandoverUnit, _fields: Mapping[str, Any]) -> str | None:
    """The notice was sent, and the owner did not come."""
    if place.notice_sent_at is None:
        return _("No delivery notice was sent for %(unit)s, so nothing can be deemed.", unit=place.unit.code)
    return None


def _waits_for_legal(place: HandoverUnit, _fields: Mapping[str, Any]) -> str | None:
    """Legal has not decided yet."""
    if place.legal_reviewed_at is not None:
        return _("Legal has reviewed this already.")
    return None


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
        Transition(
            "notify",
            _l("Delivery notice sent"),
            ("planned",),
            "notified",
            "handover.plan",
            optional={"payment_complete": _l("Purchase price paid in full")},
            bulk=True,
        ),
        Transition(
            "receive_notice",
            _l("Owner has the notice"),
            ("notified",),
            "notified",
            "handover.plan",
            guard=_has_no_receipt,
            explain=False,
        ),
        # Appointments are made by their own form, which knows the slots; see preparation/services/appointments.py.
        Transition(
            "book",
            _l("Book a handover slot"),
            ("notified", "not_contactable", "absent", "refused"),
            "booked",
            "handover.plan",
            required={"booked_for": _l("Booked for")},
            offered=False,
        ),
        Transition(
            "move_booking",
            _l("Move the appointment"),
            ("booked",),
            "booked",
            "handover.plan",
            required={"booked_for": _l("Booked for")},
            offered=False,
        ),
        Transition(
            "cancel_booking",
            _l("Cancel the appointment"),
            ("booked",),
            "notified",
            "handover.plan",
            reason=True,
            offered=False,
        ),
        Transition(
            "miss",
            _l("Did not come"),
            ("notified", "booked"),
            "absent",
            "handover.plan",
            guard=_may_be_absent,
            reason=True,
        ),
        Transition(
            "lose_contact",
            _l("Not contactable"),
            ("planned", "notified"),
            "not_contactable",
            "handover.plan",
            guard=_may_be_lost,
            reason=True,
        ),
        # Taken when an attempt to reach the owner succeeds.
        Transition(
            "reach_again",
            _l("Reached again"),
            ("not_contactable",),
            "notified",
            offered=False,
        ),
        Transition(
            "reach_before_notice",
            _l("Reached again"),
            ("not_contactable",),
            "planned",
            offered=False,
        ),
        Transition(
            "entrust",
            _l("By an attorney"),
            ("notified", "booked", "not_contactable", "absent"),
            "entrusted",
            "handover.plan",
            required={"attorney_name": _l("Attorney"), "attorney_document": _l("Power of attorney")},
        ),
        Transition(
            "deem",
            _l("Deem delivered"),
            ("notified", "booked", "not_contactable", "absent"),
            "deemed_delivered",
            "handover.plan",
            required={"deemed_on": _l("Deemed delivered on"), "deemed_reason": _l("Reason")},
            guard=_may_be_deemed,
            explain=False,
            confirm=_l("Deem the house delivered? Legal has to review it."),
        ),
        Transition(
            "review_deemed",
            _l("Legal agrees"),
            ("deemed_delivered",),
            "deemed_delivered",
            "handover.legal_review",
            guard=_waits_for_legal,
            reason=True,
            explain=False,
        ),
        Transition(
            "overturn_deemed",
            _l("Legal does not agree"),
            ("deemed_delivered",),
            "absent",
            "handover.legal_review",
            guard=_waits_for_legal,
            reason=True,
            explain=False,
        ),
        Transition(
            "arrive",
            _l("Sign-in"),
            (*_WAITING, "deemed_delivered"),
            "arrived",
            "handover.receive",
        ),
        Transition(
            "identify",
            _l("Identity checked"),
            ("arrived",),
            "identity_ok",
            "handover.receive",
            guard=_may_be_identified,
            optional={"attorney_name": _l("Attorney"), "attorney_document": _l("Power of attorney")},
        ),
        # Fees may also be settled after the inspection: they are no precondition of seeing the house (3.3.3).
        Transition(
            "settle",
            _l("Fees settled"),
            ("identity_ok",),
            "fees_ok",
            offered=False,
        ),
        # A house comes into and out of inspection by its formal inspection alone.
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
        Transition(
            "refuse_at_desk",
            _l("Owner refuses"),
            ("arrived", "identity_ok", "fees_ok", "accepted", "accepted_with_defects"),
            "refused",
            "handover.receive",
            required={"refusal_reason": _l("Reason for the refusal")},
            reason=True,
        ),
        Transition(
            "hand_keys",
            _l("Hand over the keys"),
            ("accepted", "accepted_with_defects"),
            "keys_handed",
            "handover.hand_keys",
            required={"receiver": _l("Receiver of the keys")},
            guard=_may_hand_keys,
        ),
        Transition(
            "deliver",
            _l("Confirm the delivery"),
            ("keys_handed",),
            "delivered",
            "handover.hand_keys",
            guard=_may_be_delivered,
            confirm=_l("Confirm the delivery? The warranty of the owner runs from the day of the keys."),
        ),
        Transition("review", _l("Reviewed"), ("delivered",), "reviewed", "handover.plan", bulk=True),
    ),
)

WORKFLOWS = (BATCH, HANDOVER_UNIT, DEFECT, NOTICE)
