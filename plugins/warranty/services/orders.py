"""The way of an order: assessment, dispatch, contact, visits, plan, repair, acceptance, closing, call-back, and what
holds it up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    User,
    _,
    add_todo,
    db,
    finish_todos_of,
    has_permission,
    require_scope,
    stop_clocks_of,
    utc_now,
)
from plugins.contractors.models import Company
from plugins.warranty import deadlines
from plugins.warranty.catalogue import faults
from plugins.warranty.common import option
from plugins.warranty.coverage import Bearer, Cover
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    Acceptance,
    AcceptanceKind,
    CallBack,
    Escalation,
    Exclusion,
    Extension,
    Order,
    Plan,
    Responsibility,
    Visit,
    VisitPurpose,
    VisitState,
)
from plugins.warranty.services.coverage import category_of
from plugins.warranty.services.intake import apply_verdict, note_event, tell_of, verdict_of
from plugins.warranty.sla import Priority, Step
from plugins.warranty.workflows import ENDED, OPEN, ORDER

_BEARER = {
    Responsibility.CONTRACTOR: None,
    Responsibility.DEVELOPER: Bearer.DEVELOPER,
    Responsibility.PROPERTY: Bearer.PROPERTY,
    Responsibility.OWNER: Bearer.OWNER,
    Responsibility.THIRD_PARTY: Bearer.OWNER,
    Responsibility.FORCE_MAJEURE: Bearer.OWNER,
    Responsibility.UNDETERMINED: None,
}
"""Who bears the cost beyond what the dates say."""


def _moment(order: Order, at: dt.datetime | None, earliest: dt.datetime | None = None) -> dt.datetime:
    """Return a moment that was typed, refused when it lies in the future or before what came before."""
    now = utc_now()
    if at is None:
        return now
    first = earliest or order.registered_at
    if at > now + dt.timedelta(minutes=5):
        raise WarrantyRuleError(_("This moment lies in the future. Enter one that has passed."))
    if at < first:
        raise WarrantyRuleError(
            _(
                "This moment lies before the previous step of %(number)s. Check date and time.",
                number=order.number,
            )
        )
    return min(at, now)


def require_open(order: Order) -> None:
    """Refuse to change an order that has ended.

    Raises:
        WarrantyRuleError: It is closed, refused, merged or cancelled.
    """
    if order.state in ENDED:
        raise WarrantyRuleError(
            _(
                "%(number)s is “%(state)s” and does not change any more.",
                number=order.number,
                state=ORDER.state_of(order).label,
            )
        )


def change_order(
    order: Order,
    *,
    room_name: str | None = None,
    description: str | None = None,
    fault_code: str | None = None,
    engineer: User | None = None,
    promised_at: dt.datetime | None = None,
) -> None:
    """Correct what an order says; what is None stays. The verdict and the limits follow.

    Raises:
        WarrantyRuleError: It has ended, or a value is missing or unknown.
    """
    require_open(order)
    if room_name is not None:
        order.room_name = room_name.strip()[:60]
    if description is not None:
        if not description.strip():
            raise WarrantyRuleError(_("Describe in a few words what is wrong."), "description")
        order.description = description.strip()[:2000]
    if fault_code is not None and fault_code != order.fault_code:
        if fault_code not in faults():
            raise WarrantyRuleError(_("Choose what is wrong from the list."), "fault_code")
        order.fault_code = fault_code
        order.is_rain_leak = faults()[fault_code].is_rain_leak
        order.trade_code = faults()[fault_code].trade
        deadlines.restart(order, order.priority)
    if engineer is not None:
        order.engineer_id = engineer.id
    if promised_at is not None:
        order.promised_at = _later(order, promised_at)
    db.session.flush()


def _later(order: Order, promised: dt.datetime) -> dt.datetime:
    if promised < order.reported_at:
        raise WarrantyRuleError(_("The promised date cannot lie before the report."), "promised_at")
    return promised


# Assessment


def triage(
    order: Order,
    *,
    responsibility: Responsibility,
    category_code: str | None = None,
    priority: str | None = None,
    system: str | None = None,
) -> None:
    """Assess an order: category, priority, whose fault it is; the verdict and who pays follow.

    Args:
        order: A reported order.
        responsibility: Whose fault it is.
        category_code: The warranty category, if another one than proposed.
        priority: P1 to P4, if another one than proposed; clocks that run get its limits.
        system: ``heating`` or ``cooling`` for W05.

    Raises:
        TransitionRefused: The state or the right forbids it.
        WarrantyRuleError: Category or priority is unknown.

    Source: domain reference 5.7.2.
    """
    responsibility = Responsibility(responsibility)
    if category_code:
        code = category_of(category_code).code
        if code != order.category_code:
            order.category_code, order.system = code, system or ""
    if system is not None:
        order.system = system
    old = order.priority
    if priority and priority != old:
        if priority not in list(Priority):
            raise WarrantyRuleError(_("Choose the priority from P1 to P4."), "priority")
        order.priority = Priority(priority)
        deadlines.restart(order, old)
    db.session.flush()
    is_first = order.triaged_at is None
    ORDER.move(
        order, "triage", responsibility=responsibility, triaged_at=utc_now() if is_first else order.triaged_at
    )
    decide_cover(order)
    note_event(order, "triaged", _("Assessed: %(cover)s", cover=_cover_words(order)))
    from plugins.warranty.services.cases import look_for_case

    look_for_case(order)


def decide_cover(order: Order) -> None:
    """Write the verdict of the dates into an order, and who pays by the responsibility; a decision by hand stays."""
    if order.cover_reason and order.exclusion is None:
        return
    apply_verdict(order, verdict_of(order))
    bearer = _BEARER[Responsibility(order.responsibility)]
    if bearer is not None:
        order.borne_by = bearer
    db.session.flush()


def _cover_words(order: Order) -> str:
    from plugins.warranty.words import COVERS

    return str(COVERS[order.cover][1])


def override_cover(order: Order, covered: bool, reason: str) -> None:
    """Decide otherwise than the dates: goodwill after the end, or no cover before it.

    Args:
        order: An order that has not ended.
        covered: Whether the owner pays nothing.
        reason: Why; kept, and printed where the owner asks.

    Raises:
        WarrantyRuleError: The reason is missing, the right is missing, or the order has ended.
    """
    require_open(order)
    if not has_permission("warranty.override_cover"):
        raise WarrantyRuleError(
            _("Deciding otherwise than the dates needs a right that your role does not have.")
        )
    if not reason.strip():
        raise WarrantyRuleError(
            _("Say why the cover is decided otherwise than by the dates."), "cover_reason"
        )
    order.cover = Cover.GAP if covered else Cover.EXPIRED
    order.borne_by = Bearer.DEVELOPER if covered else Bearer.OWNER
    order.cover_reason, order.cover_decided_by_id = reason.strip(), require_scope().user_id
    note_event(order, "cover", reason)


def refuse(order: Order, explanation: str, exclusion: Exclusion | None = None) -> None:
    """Explain to the owner that it is no warranty: the term has ended, or a reason excludes it with evidence.

    Args:
        order: The order.
        explanation: For the owner; printed on the letter.
        exclusion: The reason that excludes it; needs a photo attached as ``evidence``.

    Raises:
        TransitionRefused: The state or the right forbids it, or the explanation or the evidence is missing.
        WarrantyRuleError: It is covered by the dates and no reason excludes it.

    Source: domain reference 3.4.2, exclusions.
    """
    if exclusion is None and order.cover in (Cover.IN_WARRANTY, Cover.GAP, Cover.NOT_STARTED):
        raise WarrantyRuleError(
            _(
                "%(number)s is covered until %(end)s. Name a reason that excludes it, or repair it.",
                number=order.number,
                end=order.owner_end.isoformat() if order.owner_end else "—",
            ),
            "exclusion",
        )
    ORDER.move(order, "refuse", closing_reason=explanation.strip(), exclusion=exclusion)
    if exclusion is not None:
        order.cover, order.borne_by = Cover.EXCLUDED, Bearer.OWNER
        order.cover_decided_by_id = require_scope().user_id
    _end(order)
    note_event(order, "not_warranty", explanation, is_public=True)


def accept_paid(order: Order, consent: str) -> None:
    """Repair although it is no warranty: the owner agreed to the offer, or goodwill was approved.

    Raises:
        TransitionRefused: The state or the right forbids it, or the consent is missing.
    """
    ORDER.move(order, "accept_paid", cover_reason=consent.strip())
    order.borne_by = Bearer.OWNER
    for step in (Step.CONTACT, Step.ARRIVAL, Step.COMPLETE):
        deadlines.start(order, step, utc_now())
    note_event(order, "accept_paid", consent, is_public=True)


# Dispatch and contact


def dispatch(
    order: Order, contractor: Company | None = None, engineer: User | None = None, note: str = ""
) -> None:
    """Hand an order to the contractor who answers, with an engineer of ours who looks after it.

    Args:
        order: An assessed or reopened order; one that was dispatched already when the contractor declined.
        contractor: Who repairs; the company of the matrix when omitted.
        engineer: Who looks after it.
        note: What the contractor has to know.

    Raises:
        TransitionRefused: The state or the right forbids it, or there is no contractor.
    """
    chosen = contractor.id if contractor is not None else order.contractor_id
    fields: dict[str, Any] = {"contractor_id": chosen}
    if engineer is not None:
        fields["engineer_id"] = engineer.id
    if order.dispatched_at is None or order.state == "reopened":
        fields["dispatched_at"] = utc_now()
    ORDER.move(order, "dispatch", **fields)
    db.session.expire(order, ["contractor", "engineer"])
    name = order.contractor.label if order.contractor is not None else ""
    note_event(order, "dispatched", " · ".join(filter(None, (name, note.strip()))))
    if order.engineer_id is not None:
        add_todo(
            order,
            _("Look after %(number)s", number=order.number),
            owner=order.engineer_id,
            due_at=order.contact_due_at,
            dedupe_key=f"warranty:order:{order.id}:{order.engineer_id}:{order.reopen_count}",
            customer=order.customer,
            unit=order.unit,
        )


def note_contact(order: Order, text: str, at: dt.datetime | None = None) -> None:
    """Note that the owner was reached for the first time.

    Args:
        order: A dispatched order.
        text: What was agreed.
        at: When; now when omitted.

    Raises:
        TransitionRefused: The state or the right forbids it.
        WarrantyRuleError: The moment is not possible.
    """
    moment = _moment(order, at)
    ORDER.move(order, "contact", contacted_at=order.contacted_at or moment)
    deadlines.stop(order, Step.CONTACT, moment)
    note_event(order, "contact", text or _("The owner was reached."), at=moment)
    tell_of(order, "TP-F02", "warranty.contacted", _("First contact about %(number)s", number=order.number))


def note_attempt(order: Order, text: str, at: dt.datetime | None = None) -> None:
    """Note that the owner was not reached; every contact is evidence (商品房买卖合同司法解释)."""
    note_event(order, "attempt", text or _("The owner was not reached."), at=_moment(order, at))


def tell_progress(order: Order, text: str, at: dt.datetime | None = None) -> None:
    """Note what the owner was told about the progress; the next time is due again.

    Raises:
        WarrantyRuleError: There is nothing to tell, or the order has ended.
    """
    require_open(order)
    if not text.strip():
        raise WarrantyRuleError(_("Write down what the owner was told."), "text")
    moment = _moment(order, at)
    deadlines.stop(order, Step.PROGRESS, moment)
    deadlines.start(order, Step.PROGRESS, moment)
    note_event(order, "progress", text, is_public=True, at=moment)


def add_remark(order: Order, text: str, *, is_public: bool = False) -> None:
    """Write a remark into the history of an order.

    Raises:
        WarrantyRuleError: It is empty.
    """
    if not text.strip():
        raise WarrantyRuleError(_("Write the remark first."), "text")
    note_event(order, "note", text, is_public=is_public)


def urge(order: Order) -> None:
    """Note that the owner asks where the repair is 催办; the engineer hears of it.

    Raises:
        WarrantyRuleError: The order has ended.
    """
    require_open(order)
    order.urge_count, order.urged_at = order.urge_count + 1, utc_now()
    note_event(order, "urge", _("The owner urges, time %(count)s.", count=order.urge_count), is_public=True)
    add_todo(
        order,
        _("The owner urges: %(number)s", number=order.number),
        owner=order.engineer_id,
        role=None if order.engineer_id else "PCM",
        dedupe_key=f"warranty:urge:{order.id}:{order.urge_count}",
    )


# Visits


def book_visit(
    order: Order,
    start: dt.datetime,
    end: dt.datetime,
    *,
    purpose: VisitPurpose = VisitPurpose.SURVEY,
    engineer: User | None = None,
    return_reason: str = "",
) -> Visit:
    """Agree with the owner when somebody comes.

    Args:
        order: An order that has not ended.
        start: From when.
        end: Until when; after the start and at most a day later.
        purpose: Why.
        engineer: Who comes; who looks after the order when omitted.
        return_reason: Why another visit is needed, from the second repair visit on.

    Raises:
        WarrantyRuleError: The time is not possible, or the reason of a return visit is missing.
    """
    require_open(order)
    if not start < end <= start + dt.timedelta(days=1):
        raise WarrantyRuleError(_("The visit ends after its start, on the same day."), "booked_to")
    if start < order.registered_at - dt.timedelta(minutes=5):
        raise WarrantyRuleError(_("The visit cannot lie before the report."), "booked_from")
    repairs = [
        each for each in order.visits if each.purpose == VisitPurpose.REPAIR and each.state == VisitState.DONE
    ]
    if purpose == VisitPurpose.REPAIR and repairs and not return_reason.strip():
        raise WarrantyRuleError(_("Say why another visit is needed."), "return_reason")
    visit = Visit(
        project_id=order.project_id,
        order_id=order.id,
        purpose=purpose,
        booked_from=start,
        booked_to=end,
        engineer_id=engineer.id if engineer is not None else order.engineer_id,
        return_reason=return_reason.strip()[:255],
    )
    db.session.add(visit)
    db.session.flush()
    db.session.expire(order, ["visits"])
    return visit


def arrive(visit: Visit, at: dt.datetime | None = None, persons: str = "") -> None:
    """Note the arrival.

    Raises:
        WarrantyRuleError: The visit is over, or the moment is not possible.
    """
    order = visit.order
    require_open(order)
    if visit.state != VisitState.BOOKED:
        raise WarrantyRuleError(_("This visit has begun already or is over."))
    moment = _moment(order, at)
    visit.state, visit.arrived_at, visit.persons = VisitState.ARRIVED, moment, persons.strip()[:255]
    if order.arrived_at is None:
        order.arrived_at = moment
        deadlines.stop(order, Step.ARRIVAL, moment)
        deadlines.start(order, Step.PLAN, moment)
        if order.state == "dispatched":
            # Who stands at the door has reached the owner.
            note_contact(order, _("On site"), moment if order.contacted_at is None else None)
    if visit.purpose == VisitPurpose.SURVEY:
        tell_of(order, "TP-F03", "warranty.visited", _("On site for %(number)s", number=order.number))
    elif visit.purpose == VisitPurpose.REPAIR:
        tell_of(
            order, "TP-F05", "warranty.repairing", _("Repair of %(number)s in the home", number=order.number)
        )
    db.session.flush()


def leave(
    visit: Visit,
    *,
    findings: str,
    materials: str = "",
    minutes: int | None = None,
    at: dt.datetime | None = None,
) -> None:
    """Note what a visit found or did.

    Args:
        visit: A visit that has begun.
        findings: What was found or done.
        materials: Materials that were used.
        minutes: Working time of all persons together.
        at: When they left; now when omitted.

    Raises:
        WarrantyRuleError: The visit has not begun, the findings are missing, or a value is not possible.
    """
    if visit.state != VisitState.ARRIVED or visit.arrived_at is None:
        raise WarrantyRuleError(_("Note the arrival first."))
    if not findings.strip():
        raise WarrantyRuleError(_("Write down what was found or done."), "findings")
    if minutes is not None and not 0 <= minutes <= 100_000:
        raise WarrantyRuleError(_("The working time is not possible. Write it in minutes."), "minutes")
    order = visit.order
    moment = _moment(order, at, visit.arrived_at)
    visit.state, visit.left_at = VisitState.DONE, moment
    visit.findings, visit.materials, visit.minutes = findings.strip(), materials.strip(), minutes
    db.session.flush()
    if visit.purpose == VisitPurpose.SURVEY and order.state == "contacted":
        ORDER.move(order, "visit")
        note_event(order, "visited", findings)


def miss_visit(visit: Visit, note: str) -> None:
    """Note that nobody opened.

    Raises:
        WarrantyRuleError: The visit is over already.
    """
    if visit.state not in (VisitState.BOOKED, VisitState.ARRIVED):
        raise WarrantyRuleError(_("This visit has begun already or is over."))
    visit.state, visit.findings = VisitState.OWNER_ABSENT, note.strip()
    note_event(visit.order, "attempt", note or _("Nobody opened."))


def cancel_visit(visit: Visit, note: str = "") -> None:
    """Cancel a visit that has not begun.

    Raises:
        WarrantyRuleError: It has begun.
    """
    if visit.state != VisitState.BOOKED:
        raise WarrantyRuleError(_("This visit has begun already or is over."))
    visit.state, visit.findings = VisitState.CANCELLED, note.strip()
    db.session.flush()


def secure(order: Order, text: str, at: dt.datetime | None = None) -> None:
    """Note that the danger or the damage was stopped for now 临时措施.

    Raises:
        WarrantyRuleError: The order has ended, or the measure is missing.
    """
    require_open(order)
    if not text.strip():
        raise WarrantyRuleError(_("Write down what was done for now."), "text")
    moment = _moment(order, at)
    order.temporary_at, order.temporary_note = order.temporary_at or moment, text.strip()
    deadlines.stop(order, Step.TEMPORARY, moment)
    note_event(order, "temporary", text, is_public=True, at=moment)


# Plan and repair


def needs_signature(order: Order) -> bool:
    """Return whether the owner signs the plan: leaks and structure (touchpoint F04)."""
    fault = faults()[order.fault_code]
    return fault.is_leak or fault.is_structural or order.category_code in ("W01", "W02")


def make_plan(order: Order, *, method: str, days: int, crew: str = "", materials: str = "") -> Plan:
    """Write down how an order is repaired.

    Args:
        order: A surveyed order.
        method: How.
        days: How many days it takes.
        crew: Who does it.
        materials: With what.

    Raises:
        WarrantyRuleError: The method is missing, the days are not possible, or it was not surveyed.
    """
    if order.state not in ("visited", "planned", "repairing"):
        raise WarrantyRuleError(_("Survey %(number)s first, then plan its repair.", number=order.number))
    if not method.strip():
        raise WarrantyRuleError(_("Write down how it is repaired."), "method")
    if not 1 <= days <= 365:
        raise WarrantyRuleError(_("A repair takes between 1 and 365 days."), "days")
    plan = Plan(
        project_id=order.project_id,
        order_id=order.id,
        method=method.strip(),
        days=days,
        crew=crew.strip()[:255],
        materials=materials.strip(),
        needs_signature=needs_signature(order),
        made_by_id=require_scope().user_id,
    )
    db.session.add(plan)
    db.session.flush()
    db.session.expire(order, ["plans"])
    return plan


def sign_plan(plan: Plan, name: str) -> None:
    """Note that the owner signed a plan; it does not change any more.

    Raises:
        WarrantyRuleError: The name is missing, or it was signed already.
    """
    if plan.signed_at is not None:
        raise WarrantyRuleError(_("The plan is signed already. Make a new one if it changes."))
    if not name.strip():
        raise WarrantyRuleError(_("Write down who signed."), "signed_name")
    plan.signed_name, plan.signed_at = name.strip()[:80], utc_now()
    db.session.flush()


def confirm_plan(order: Order) -> None:
    """Confirm the last plan of an order.

    Raises:
        TransitionRefused: There is none, the owner's signature is missing, or the state forbids it.
    """
    now = utc_now()
    ORDER.move(order, "plan", planned_at=order.planned_at or now)
    deadlines.stop(order, Step.PLAN, now)
    plan = order.plans[-1]
    note_event(order, "planned", plan.method, is_public=True)
    tell_of(order, "TP-F04", "warranty.planned", _("Plan of %(number)s confirmed", number=order.number))


def start_repair(order: Order) -> None:
    """Note that the repair begins."""
    ORDER.move(order, "start", started_at=order.started_at or utc_now())
    note_event(order, "started", _("The repair begins."), is_public=True)


def report_fixed(order: Order, work_done: str, at: dt.datetime | None = None) -> None:
    """Report a repair as finished; whoever does so cannot accept it later.

    Args:
        order: An order that is being repaired.
        work_done: What was done.
        at: When; now when omitted.

    Raises:
        TransitionRefused: The photo after the repair is missing, or the state or the right forbids it.
        WarrantyRuleError: The moment is not possible.
    """
    moment = _moment(order, at)
    ORDER.move(
        order,
        "fix",
        work_done=work_done.strip(),
        fixed_at=moment,
        fixed_by_id=require_scope().user_id,
        repair_cycles=order.repair_cycles + 1,
    )
    note_event(order, "fixed", work_done, is_public=True, at=moment)


# Acceptance and closing


def accept_as_engineer(order: Order, note: str = "") -> Acceptance:
    """Accept a repair as our engineer, never one's own.

    Raises:
        TransitionRefused: The fixer himself accepts, or the state or the right forbids it.
    """
    ORDER.move(order, "accept", engineer_accepted_at=utc_now())
    return _accept(order, AcceptanceKind.ENGINEER, True, note=note)


def reject_repair(order: Order, what: str) -> Acceptance:
    """Send a repair back because it is not good, as engineer or because the owner says so.

    Raises:
        TransitionRefused: The fixer himself judges, it is not said what is wrong, or the state forbids it.
    """
    kind = AcceptanceKind.OWNER if order.state == "engineer_accepted" else AcceptanceKind.ENGINEER
    ORDER.move(order, "reject", reject_note=what.strip())
    order.fixed_at = order.fixed_by_id = order.engineer_accepted_at = None
    note_event(order, "rejected", what, is_public=kind == AcceptanceKind.OWNER)
    return _accept(order, kind, False, note=what)


def accept_as_owner(
    order: Order,
    *,
    signer_name: str,
    score: int | None = None,
    quality_ok: bool | None = None,
    on_time_ok: bool | None = None,
    clean_ok: bool | None = None,
    attitude_ok: bool | None = None,
    note: str = "",
) -> Acceptance:
    """Note that the owner accepts the repair; the limit of the repair is kept or missed by when it was finished.

    Args:
        order: A repair that our engineer accepted.
        signer_name: Who accepted.
        score: Satisfaction from 1 to 5.
        quality_ok: Whether the quality is right.
        on_time_ok: Whether it was on time.
        clean_ok: Whether the place was left clean.
        attitude_ok: Whether the people behaved well.
        note: A remark.

    Raises:
        TransitionRefused: The state or the right forbids it.
        WarrantyRuleError: The name is missing, or the score is not from 1 to 5.
    """
    if not signer_name.strip():
        raise WarrantyRuleError(_("Write down who accepted the repair."), "signer_name")
    _check_score(score)
    now = utc_now()
    ORDER.move(order, "owner_accept", signer_name=signer_name.strip()[:80], owner_accepted_at=now)
    if score is not None:
        order.score = score
    accepted = _accept(
        order,
        AcceptanceKind.OWNER,
        True,
        signer_name=signer_name.strip()[:80],
        score=score,
        quality_ok=quality_ok,
        on_time_ok=on_time_ok,
        clean_ok=clean_ok,
        attitude_ok=attitude_ok,
        note=note,
    )
    deadlines.stop(order, Step.COMPLETE, order.fixed_at if _may_stop_at(order) else None)
    deadlines.stop(order, Step.PROGRESS)
    note_event(order, "owner_accepted", note or _("The owner accepted the repair."), is_public=True)
    tell_of(
        order,
        "TP-F06",
        "warranty.accepted",
        _("Repair %(number)s accepted", number=order.number),
        score=score,
    )
    return accepted


def _may_stop_at(order: Order) -> bool:
    """Whether the clock may stop at the moment of the repair: nothing happened to it since."""
    from core.toolkit import clocks_of

    return order.fixed_at is not None and not any(
        pause.started_at > order.fixed_at for clock in clocks_of(order) for pause in clock.pauses
    )


def _check_score(score: int | None) -> None:
    if score is not None and not 1 <= score <= 5:
        raise WarrantyRuleError(_("The score lies between 1 and 5."), "score")


def _accept(order: Order, kind: AcceptanceKind, passed: bool, **values: Any) -> Acceptance:
    row = Acceptance(
        project_id=order.project_id,
        order_id=order.id,
        cycle=max(order.repair_cycles, 1),
        kind=kind,
        passed=passed,
        by_id=require_scope().user_id,
        **values,
    )
    row.note = (row.note or "").strip()
    db.session.add(row)
    db.session.flush()
    db.session.expire(order, ["acceptances"])
    return row


def close(order: Order) -> None:
    """Close an order; the owner is called back within two working days.

    Raises:
        TransitionRefused: The owner has not accepted, or the right is missing.
    """
    from core.toolkit import start_clock

    ORDER.move(order, "close", closed_at=utc_now())
    _end(order)
    clock = start_clock("warranty.call_back", order)
    order.call_back_due_at = clock.due_at
    note_event(order, "closed", _("Closed."), is_public=True)


def _end(order: Order) -> None:
    """Stop what still runs for an order, and take back what it asked for."""
    stop_clocks_of(order)
    finish_todos_of(order)


def call_back(order: Order, *, reached: bool, score: int | None = None, note: str = "") -> CallBack:
    """Note a call-back. Dissatisfied owners open the order again.

    Args:
        order: A closed order.
        reached: Whether the owner was reached.
        score: His satisfaction from 1 to 5, when he was.
        note: What he said.

    Raises:
        TransitionRefused: The state or the right forbids it.
        WarrantyRuleError: The score is missing or not from 1 to 5.

    Source: domain reference 5.7.3 and 3.4.3: a score of 2 and less reopens; setting ``dissatisfied_score``.
    """
    if order.state != "closed" or not has_permission("warranty.call_back"):
        # It says why not.
        ORDER.move(order, "call_back")
    _check_score(score)
    if reached and score is None:
        raise WarrantyRuleError(_("Write down how satisfied the owner is, from 1 to 5."), "score")
    row = CallBack(
        project_id=order.project_id,
        order_id=order.id,
        reached=reached,
        score=score if reached else None,
        note=note.strip(),
        by_id=require_scope().user_id,
    )
    db.session.add(row)
    if not reached:
        note_event(order, "attempt", note or _("The owner was not reached."))
        return row
    now = utc_now()
    ORDER.move(order, "call_back", called_back_at=now, score=score)
    stop_clocks_of(order, "warranty.call_back", now)
    note_event(order, "called_back", note, at=now)
    tell_of(
        order,
        "TP-F07",
        "warranty.called_back",
        _("Call-back about %(number)s", number=order.number),
        score=score,
    )
    if score is not None and score <= int(option("dissatisfied_score", order.project)):
        reason = note.strip() or _("The owner is dissatisfied: %(score)s of 5.", score=score)
        _reopen(order, reason)
        escalate(order, f"dissatisfied_{order.reopen_count}", reason)
        tell_of(order, "TP-F10", "warranty.escalated", _("Dissatisfied with %(number)s", number=order.number))
    return row


def reopen(order: Order, reason: str) -> None:
    """Open a closed order again because the defect is not gone; it goes back to the same people.

    Raises:
        TransitionRefused: It was closed too long ago, the reason is missing, or the state or the right forbids it.

    Source: domain reference 3.4.3: within 90 days; setting ``repeat_days``.
    """
    ORDER.move(order, "reopen", reopen_reason=reason.strip())
    _reopened(order, reason)


def _reopen(order: Order, reason: str) -> None:
    """Open again what a call-back found; who calls back need not hold the right to open orders."""
    order.state = "reopened"
    _reopened(order, reason)


def _reopened(order: Order, reason: str) -> None:
    order.reopen_count += 1
    order.fixed_at = order.fixed_by_id = order.engineer_accepted_at = order.owner_accepted_at = None
    order.closed_at = order.called_back_at = None
    stop_clocks_of(order)
    for step in (Step.CONTACT, Step.COMPLETE, Step.PROGRESS):
        deadlines.start(order, step, utc_now())
    note_event(order, "reopened", reason, is_public=True)
    add_todo(
        order,
        _("Opened again: %(number)s", number=order.number),
        owner=order.engineer_id,
        role=None if order.engineer_id else "PCM",
        dedupe_key=f"warranty:reopened:{order.id}:{order.reopen_count}",
    )


# What holds it up


def suspend(order: Order, reason: str, note: str, told_at: dt.datetime | None = None) -> None:
    """Let an order rest. Only what the owner or the season causes stops its clocks, and only once the owner was told.

    Args:
        order: An order at work.
        reason: ``owner_unavailable``, ``waiting_material``, ``season`` or ``design_reply``.
        note: What it waits for.
        told_at: When the owner was told; None when he was not yet.

    Raises:
        TransitionRefused: The state or the right forbids it, or reason or note is missing.
        WarrantyRuleError: The reason is unknown.

    Source: domain reference 3.4.3 and Appendix F.
    """
    if reason not in {each.code for each in deadlines.PAUSES}:
        raise WarrantyRuleError(_("Choose why the work rests from the list."), "suspend_reason")
    before = order.state
    ORDER.move(order, "suspend", suspend_reason=reason, suspend_note=note.strip(), suspended_from=before)
    deadlines.rest(order, reason, note, told_at)
    note_event(order, "suspended", note, is_public=True)


def note_told(order: Order) -> None:
    """Note that the owner was told that the work rests; from now on the pause counts.

    Raises:
        WarrantyRuleError: The order does not rest.
    """
    from core.toolkit import clocks_of, note_notice

    if order.state != "suspended":
        raise WarrantyRuleError(_("%(number)s does not rest.", number=order.number))
    for clock in clocks_of(order):
        if clock.is_running and clock.paused_at is not None:
            note_notice(clock)
    deadlines.refresh(order)
    note_event(order, "progress", _("The owner was told that the work rests."), is_public=True)


def resume(order: Order) -> None:
    """Go on with an order that rested, where it was.

    Raises:
        TransitionRefused: It does not rest, or the right is missing.
    """
    ORDER.move(order, f"resume_{order.suspended_from or 'triaged'}")
    order.suspended_from = ""
    deadlines.go_on(order)
    note_event(order, "resumed", _("The work goes on."), is_public=True)


def extend(order: Order, new_date: dt.datetime, reason: str, told_how: str = "") -> Extension:
    """Promise the owner another date, before the old one has passed 延期. The limit stays where it is.

    Args:
        order: An order that has not ended.
        new_date: The new date, later than the promised one.
        reason: Why; told to the owner.
        told_how: How he was told, empty when he was not yet.

    Raises:
        WarrantyRuleError: The reason is missing, or the date is not later.

    Source: touchpoint F08.
    """
    require_open(order)
    if not reason.strip():
        raise WarrantyRuleError(_("Say why it takes longer; the owner reads it."), "reason")
    if order.promised_at is not None and new_date <= order.promised_at:
        raise WarrantyRuleError(_("The new date lies after the promised one."), "new_date")
    row = Extension(
        project_id=order.project_id,
        order_id=order.id,
        old_date=order.promised_at,
        new_date=new_date,
        reason=reason.strip(),
        told_at=utc_now() if told_how.strip() else None,
        told_how=told_how.strip()[:80],
        by_id=require_scope().user_id,
    )
    db.session.add(row)
    order.promised_at = new_date
    note_event(order, "extended", reason, is_public=True)
    tell_of(order, "TP-F08", "warranty.extended", _("New date for %(number)s", number=order.number))
    return row


def allow_longer_emergency(order: Order, reason: str) -> None:
    """Give an emergency 72 hours instead of 24, for a reason that was approved.

    Raises:
        WarrantyRuleError: It is no emergency, or the reason or the right is missing.

    Source: domain reference Appendix F: P1 completes within 24 h, within 72 h with an approved reason.
    """
    require_open(order)
    if order.priority != Priority.P1:
        raise WarrantyRuleError(_("Only an emergency (P1) can be given 72 hours."))
    if not has_permission("warranty.approve_extension"):
        raise WarrantyRuleError(
            _("Giving an emergency more time needs a right that your role does not have.")
        )
    if not reason.strip():
        raise WarrantyRuleError(_("Say why the emergency needs more time."), "reason")
    deadlines.stop(order, Step.COMPLETE, note="longer")
    deadlines.start(
        order,
        Step.COMPLETE,
        order.registered_at,
        minutes=int(option("minutes_complete_emergency", order.project)),
    )
    note_event(order, "extended", reason)


def merge(order: Order, into: Order, reason: str) -> None:
    """Merge an order into another one about the same; photos and words stay readable on both.

    Raises:
        TransitionRefused: The state or the right forbids it.
        WarrantyRuleError: Both are the same, lie in different buildings, or the other has ended.
    """
    if order.id == into.id:
        raise WarrantyRuleError(_("An order cannot be merged into itself."))
    if order.building_id != into.building_id:
        raise WarrantyRuleError(_("Both orders must be of one building. Put them into a case instead."))
    require_open(into)
    ORDER.move(
        order,
        "merge",
        closing_reason=reason.strip(),
        into_number=into.number,
        merged_into_id=into.id,
    )
    _end(order)
    note_event(order, "merged", _("Merged into %(number)s: %(reason)s", number=into.number, reason=reason))
    note_event(
        into, "merged", _("%(number)s is the same: %(text)s", number=order.number, text=order.description)
    )


def cancel(order: Order, reason: str) -> None:
    """Cancel an order, for example because the owner takes it back.

    Raises:
        TransitionRefused: The state or the right forbids it, or the reason is missing.
    """
    ORDER.move(order, "cancel", closing_reason=reason.strip())
    _end(order)
    note_event(order, "cancelled", reason, is_public=True)


def escalate(order: Order, step: str, reason: str) -> None:
    """Bring an order before the customer-service manager, once for each step.

    Args:
        order: The order.
        step: ``overdue_…``, ``repeat``, ``dissatisfied_…`` or ``case``.
        reason: Why.
    """
    held = db.session.scalar(
        sa.select(Escalation.id).where(Escalation.order_id == order.id, Escalation.step == step)
    )
    if held is not None:
        return
    db.session.add(
        Escalation(project_id=order.project_id, order_id=order.id, step=step[:40], reason=reason.strip())
    )
    note_event(order, "escalated", reason)
    if not step.startswith("overdue_"):
        # The ladder of the clock asks by itself.
        add_todo(
            order,
            _("Escalated: %(number)s", number=order.number),
            role="PCM",
            note=reason,
            dedupe_key=f"warranty:escalated:{order.id}:{step}",
        )


# Ageing


def age_days(order: Order, today: dt.date | None = None) -> int:
    """Return how many calendar days ago an open order was reported; 0 for one that has ended."""
    from plugins.warranty.common import local_day

    if order.state not in OPEN:
        return 0
    return ((today or local_day(utc_now())) - local_day(order.reported_at)).days


def age_colour(days: int, limits: Mapping[str, int]) -> str:
    """Return ``normal``, ``yellow``, ``orange`` or ``red`` for an age.

    Source: domain reference 3.4.4: 0–7 days normal, 8–14 yellow, 15–30 orange, more red; settings ``age_…_days``.
    """
    if days >= limits["red"]:
        return "red"
    if days >= limits["orange"]:
        return "orange"
    return "yellow" if days >= limits["yellow"] else "normal"


def age_limits() -> dict[str, int]:
    """Return the days from which on an order is yellow, orange and red in the acting department."""
    return {name: int(option(f"age_{name}_days")) for name in ("yellow", "orange", "red")}


def is_overdue(order: Order, now: dt.datetime | None = None) -> bool:
    """Return whether a repair should have been finished by now and was not."""
    return (
        order.state in OPEN
        and order.fixed_at is None
        and order.due_at is not None
        and order.due_at < (now or utc_now())
    )


def overdue_condition(now: dt.datetime | None = None) -> sa.ColumnElement[bool]:
    """Return :func:`is_overdue` as a condition of a query on :class:`Order`."""
    return sa.and_(Order.state.in_(OPEN), Order.fixed_at.is_(None), Order.due_at < (now or utc_now()))
