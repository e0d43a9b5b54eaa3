"""The states of orders, cases, notices, deductions and releases, and who may move them (domain reference 3.4.3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from core.toolkit import State, Transition, Workflow, _, _l, attachments_of, require_scope, utc_now
from plugins.warranty.common import local_day, option
from plugins.warranty.models import Deduction, Order
from plugins.warranty.signed import is_acceptance_signed, is_plan_signed

SUSPENDABLE = ("triaged", "dispatched", "contacted", "visited", "planned", "repairing", "reopened")
"""States in which work can rest."""
OPEN = ("reported", *SUSPENDABLE, "self_checked", "engineer_accepted", "owner_accepted", "suspended")
"""States in which somebody still has to do something for the owner."""
DONE = ("closed", "called_back")
ENDED = (*DONE, "not_warranty", "merged", "cancelled")
COUNTED = (*OPEN, *DONE, "not_warranty")
"""What figures count: merged and cancelled orders are left out."""


def _not_by_the_fixer(order: Order, _fields: Mapping[str, Any]) -> str | None:
    """The person who fixed may not accept (domain reference 5.7.3)."""
    user_id = require_scope().user_id
    if user_id is not None and user_id == order.fixed_by_id:
        return _(
            "You reported %(number)s as finished, so somebody else has to accept it. Ask a colleague.",
            number=order.number,
        )
    return None


def _has_after_photo(order: Order, _fields: Mapping[str, Any]) -> str | None:
    if option("after_photo_required", order.project) and not attachments_of(order, "after"):
        return _("%(number)s has no photo after the repair. Add one, then report again.", number=order.number)
    return None


def _has_plan(order: Order, _fields: Mapping[str, Any]) -> str | None:
    plan = order.plans[-1] if order.plans else None
    if plan is None:
        return _("%(number)s has no plan. Write down how it is repaired first.", number=order.number)
    if plan.needs_signature and not is_plan_signed(plan):
        return _(
            "The plan for %(number)s needs the owner's signature, because it is about a leak or the structure.",
            number=order.number,
        )
    return None


def _has_evidence(order: Order, fields: Mapping[str, Any]) -> str | None:
    if fields.get("exclusion") and not attachments_of(order, "evidence"):
        return _(
            "An exclusion needs a photo as evidence. Attach it to %(number)s as “Evidence” first.",
            number=order.number,
        )
    return None


def _has_signature(order: Order, _fields: Mapping[str, Any]) -> str | None:
    if option("owner_signature_required", order.project) and not is_acceptance_signed(order):
        return _(
            "The owner's signature on the acceptance of %(number)s is missing. Let him sign on the screen, or attach a "
            "photo of the signed paper as “Signed paper”.",
            number=order.number,
        )
    return None


def _is_recent(order: Order, _fields: Mapping[str, Any]) -> str | None:
    days = int(option("repeat_days", order.project))
    if order.closed_at is not None and utc_now() - order.closed_at > dt.timedelta(days=days):
        return _(
            "%(number)s was closed more than %(days)s days ago. Register a new request instead.",
            number=order.number,
            days=days,
        )
    return None


def _was_in(state: str) -> Callable[[Order, Mapping[str, Any]], str | None]:
    """A suspended order goes on where it was."""

    def guard(order: Order, _fields: Mapping[str, Any]) -> str | None:
        if (order.suspended_from or "triaged") == state:
            return None
        return _("%(number)s goes on where it was when it was suspended.", number=order.number)

    return guard


ORDER = Workflow(
    name="warranty.order",
    record_kind="warranty.order",
    states=(
        State("reported", _l("Taken in"), "wait"),
        State("triaged", _l("Assessed"), "wait"),
        State("dispatched", _l("Dispatched"), "wait"),
        State("contacted", _l("Contacted"), "calm"),
        State("visited", _l("Surveyed"), "calm"),
        State("planned", _l("Plan confirmed"), "calm"),
        State("repairing", _l("Being repaired"), "calm"),
        State("self_checked", _l("To accept"), "wait"),
        State("engineer_accepted", _l("Accepted by the engineer"), "wait"),
        State("owner_accepted", _l("Accepted by the owner"), "calm"),
        State("closed", _l("Order closed"), "ok"),
        State("called_back", _l("Called back"), "ok"),
        State("not_warranty", _l("No warranty"), "calm"),
        State("suspended", _l("Suspended"), "wait"),
        State("reopened", _l("Reopened"), "late"),
        State("merged", _l("Merged"), "calm"),
        State("cancelled", _l("Cancelled"), "calm"),
    ),
    transitions=(
        Transition(
            "triage",
            _l("Assess"),
            ("reported", "triaged"),
            "triaged",
            "warranty.triage_order",
            required={"responsibility": _l("Responsible side")},
            optional={
                "category_code": _l("Category"),
                "priority": _l("Priority"),
                "system": _l("System (W05)"),
            },
        ),
        Transition(
            "dispatch",
            _l("Dispatch"),
            ("triaged", "reopened", "dispatched", "contacted"),
            "dispatched",
            "warranty.dispatch_order",
            required={"contractor_id": _l("Contractor")},
            optional={"engineer_id": _l("Engineer"), "dispatch_note": _l("Note for the contractor")},
        ),
        Transition(
            "contact",
            _l("Note the first contact"),
            ("dispatched",),
            "contacted",
            "warranty.work_order",
            optional={"contact_note": _l("What was agreed")},
        ),
        Transition("visit", _l("Surveyed"), ("contacted",), "visited", "warranty.work_order", offered=False),
        Transition(
            "plan",
            _l("Confirm the plan"),
            ("visited",),
            "planned",
            "warranty.work_order",
            guard=_has_plan,
        ),
        Transition("start", _l("Start the repair"), ("planned",), "repairing", "warranty.work_order"),
        Transition(
            "fix",
            _l("Report as finished"),
            ("repairing",),
            "self_checked",
            "warranty.work_order",
            required={"work_done": _l("Work done")},
            guard=_has_after_photo,
        ),
        Transition(
            "accept",
            _l("Accept as engineer"),
            ("self_checked",),
            "engineer_accepted",
            "warranty.accept_order",
            optional={"accept_note": _l("Remark")},
            guard=_not_by_the_fixer,
        ),
        Transition(
            "owner_accept",
            _l("The owner accepts"),
            ("engineer_accepted",),
            "owner_accepted",
            "warranty.close_order",
            required={"signer_name": _l("Who accepted")},
            optional={
                "score": _l("Satisfaction"),
                "quality_ok": _l("Quality"),
                "on_time_ok": _l("On time"),
                "clean_ok": _l("Clean"),
                "attitude_ok": _l("Attitude"),
                "accept_note": _l("Remark"),
            },
            guard=_not_by_the_fixer,
        ),
        Transition(
            "reject",
            _l("Send back"),
            ("self_checked", "engineer_accepted"),
            "repairing",
            "warranty.accept_order",
            required={"reject_note": _l("What is still wrong")},
            guard=_not_by_the_fixer,
        ),
        # Taken by the clock when the owner has not answered for long enough.
        Transition(
            "accept_by_silence",
            _l("Accepted by silence"),
            ("engineer_accepted",),
            "owner_accepted",
            None,
            offered=False,
        ),
        # Taken by the owner himself, by his link.
        Transition(
            "owner_reject",
            _l("The owner sends it back"),
            ("engineer_accepted",),
            "repairing",
            "warranty.close_order",
            required={"reject_note": _l("What is still wrong")},
            offered=False,
        ),
        Transition(
            "close",
            _l("Close"),
            ("owner_accepted",),
            "closed",
            "warranty.close_order",
            guard=_has_signature,
            bulk=True,
        ),
        Transition(
            "call_back",
            _l("Note the call-back"),
            ("closed",),
            "called_back",
            "warranty.call_back",
            required={"score": _l("Satisfaction")},
            optional={"call_note": _l("What the owner said")},
        ),
        Transition(
            "reopen",
            _l("Open again"),
            ("closed", "called_back"),
            "reopened",
            "warranty.close_order",
            required={"reopen_reason": _l("Why it is opened again")},
            guard=_is_recent,
        ),
        Transition(
            "reopened_by_call",
            _l("Opened again by the call-back"),
            ("called_back",),
            "reopened",
            "warranty.call_back",
            offered=False,
        ),
        Transition(
            "refuse",
            _l("No warranty"),
            ("reported", "triaged", "dispatched", "contacted", "visited", "reopened"),
            "not_warranty",
            "warranty.triage_order",
            required={"closing_reason": _l("Explanation for the owner")},
            optional={"exclusion": _l("Reason that excludes it")},
            guard=_has_evidence,
        ),
        Transition(
            "accept_paid",
            _l("The owner pays, repair it"),
            ("not_warranty",),
            "triaged",
            "warranty.triage_order",
            required={"cover_reason": _l("Offer and consent of the owner")},
        ),
        Transition(
            "suspend",
            _l("Suspend"),
            SUSPENDABLE,
            "suspended",
            "warranty.suspend_order",
            required={"suspend_reason": _l("Reason"), "suspend_note": _l("What it waits for")},
            optional={"owner_told": _l("The owner was told")},
        ),
        *(
            Transition(
                f"resume_{state}",
                _l("Go on"),
                ("suspended",),
                state,
                "warranty.suspend_order",
                guard=_was_in(state),
                explain=False,
            )
            for state in SUSPENDABLE
        ),
        Transition(
            "merge",
            _l("Merge"),
            ("reported", "triaged", "dispatched", "contacted"),
            "merged",
            "warranty.triage_order",
            required={"into_number": _l("Number of the other order"), "closing_reason": _l("Reason")},
        ),
        Transition(
            "cancel",
            _l("Cancel"),
            ("reported", "triaged", "dispatched", "contacted"),
            "cancelled",
            "warranty.triage_order",
            required={"closing_reason": _l("Reason")},
        ),
    ),
)


NOTICE = Workflow(
    name="warranty.notice",
    record_kind="warranty.notice",
    states=(
        State("issued", _l("Issued"), "wait"),
        State("answered", _l("Reply received"), "ok"),
        State("withdrawn", _l("Withdrawn"), "calm"),
    ),
    transitions=(
        Transition(
            "answer",
            _l("Note the answer"),
            ("issued",),
            "answered",
            "warranty.issue_notice",
            required={"answer": _l("Answer")},
        ),
        Transition(
            "withdraw",
            _l("Withdraw"),
            ("issued",),
            "withdrawn",
            "warranty.issue_notice",
            required={"answer": _l("Reason")},
        ),
    ),
)


def _is_final(deduction: Deduction, _fields: Mapping[str, Any]) -> str | None:
    until = deduction.objection_until
    if until is not None and local_day(utc_now()) <= until:
        return _(
            "The contractor may object to %(number)s until %(day)s.",
            number=deduction.number,
            day=until.isoformat(),
        )
    return None


DEDUCTION = Workflow(
    name="warranty.deduction",
    record_kind="warranty.deduction",
    states=(
        State("draft", _l("Draft"), "calm"),
        State("issued", _l("Issued"), "wait"),
        State("objected", _l("Objected"), "late"),
        State("final", _l("Final, to book"), "wait"),
        State("booked", _l("Deducted"), "ok"),
        State("withdrawn", _l("Withdrawn"), "calm"),
    ),
    transitions=(
        Transition(
            "issue",
            _l("Issue"),
            ("draft",),
            "issued",
            "warranty.deduct",
            confirm=_l("Issue the deduction? Its amount does not change any more."),
        ),
        Transition(
            "object",
            _l("Note the objection"),
            ("issued",),
            "objected",
            "warranty.deduct",
            required={"objection": _l("Objection")},
        ),
        Transition(
            "uphold",
            _l("Decide the objection"),
            ("objected",),
            "final",
            "warranty.decide_deduction",
            required={"decision": _l("Decision"), "final_amount": _l("Amount that stays")},
        ),
        Transition(
            "settle", _l("No objection came"), ("issued",), "final", "warranty.deduct", guard=_is_final
        ),
        Transition(
            "withdraw",
            _l("Withdraw"),
            ("draft", "issued", "objected"),
            "withdrawn",
            "warranty.decide_deduction",
            required={"decision": _l("Reason")},
        ),
        Transition(
            "book",
            _l("Book to the retention money"),
            ("final",),
            "booked",
            "warranty.keep_retention",
            required={"account_id": _l("Retention account")},
        ),
    ),
)

RELEASE_APPROVAL = "warranty.release_of_retention"
"""Kind of the approval that every release of retention money needs."""

CORRECTIONS = {
    "requested": "correct_requested",
    "approving": "correct_approving",
    "approved": "correct_approved",
}
"""The step that corrects the amount of a request for release, by the state in which it waits."""

RELEASE = Workflow(
    name="warranty.release",
    record_kind="warranty.release",
    states=(
        State("requested", _l("Waits for an answer"), "wait"),
        State("approving", _l("Waits for approval"), "wait"),
        State("approved", _l("Approved, to pay"), "wait"),
        State("paid", _l("Released"), "ok"),
        State("refused", _l("Refused"), "late"),
    ),
    transitions=(
        Transition(
            "submit",
            _l("Ask for approval"),
            ("requested",),
            "approving",
            "warranty.keep_retention",
            optional={"submit_note": _l("Note")},
        ),
        # Taken by the approval; whoever gives the last opinion needs no right of his own.
        Transition("approved", _l("Approved"), ("approving",), "approved", None, offered=False),
        Transition("given_back", _l("Given back"), ("approving",), "requested", None, offered=False),
        # The amount may change until it is paid; whether that asks anew is decided by the approval.
        *(
            Transition(
                code,
                _l("Correct the amount"),
                (state,),
                state,
                "warranty.keep_retention",
                required={"amount": _l("Amount (yuan)")},
                reason=True,
            )
            for state, code in CORRECTIONS.items()
        ),
        Transition("reopened", _l("Asked anew"), ("approved",), "approving", None, offered=False),
        Transition(
            "pay",
            _l("Release"),
            ("approved",),
            "paid",
            "warranty.keep_retention",
            confirm=_l("Release the money to the contractor?"),
        ),
        Transition(
            "refuse",
            _l("Refuse"),
            ("requested", "approved"),
            "refused",
            "warranty.keep_retention",
            required={"decision": _l("Reason")},
        ),
    ),
)

CASE = Workflow(
    name="warranty.group_case",
    record_kind="warranty.case",
    states=(
        State("open", _l("Case open"), "late"),
        State("confirmed", _l("Confirmed"), "wait"),
        State("closed", _l("Case closed"), "ok"),
        State("dismissed", _l("No common problem"), "calm"),
    ),
    transitions=(
        Transition(
            "confirm",
            _l("Confirm"),
            ("open",),
            "confirmed",
            "warranty.manage_cases",
            required={"measures": _l("Measures")},
        ),
        Transition(
            "reply",
            _l("Note the reply of the design department"),
            ("open", "confirmed"),
            "confirmed",
            "warranty.manage_cases",
            required={"design_reply": _l("Reply")},
        ),
        Transition(
            "close",
            _l("Close"),
            ("confirmed",),
            "closed",
            "warranty.manage_cases",
            required={"closing_note": _l("Result")},
        ),
        Transition(
            "dismiss",
            _l("No common problem"),
            ("open",),
            "dismissed",
            "warranty.manage_cases",
            required={"closing_note": _l("Reason")},
        ),
    ),
)

ALL = (ORDER, NOTICE, DEDUCTION, RELEASE, CASE)
"""The workflows that the module declares."""
