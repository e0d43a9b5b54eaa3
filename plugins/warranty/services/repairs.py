"""Plan, repair, acceptance, closing, call-back, and opening again."""

from __future__ import annotations

import datetime as dt
from typing import Any

from core.toolkit import (
    Text,
    _,
    _l,
    add_todo,
    db,
    has_permission,
    paragraphs,
    require_scope,
    stop_clocks_of,
    utc_now,
)
from plugins.warranty import deadlines
from plugins.warranty.catalogue import faults
from plugins.warranty.common import option
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    Acceptance,
    AcceptanceKind,
    CallBack,
    Order,
    Plan,
    Saying,
    VisitPurpose,
)
from plugins.warranty.services import telling
from plugins.warranty.services.contact import dispatching_engineer
from plugins.warranty.services.intake import note_event, tell_of
from plugins.warranty.services.steps import end_work, escalate, moment_of_step, tell_engineer
from plugins.warranty.services.visits import tell_repair
from plugins.warranty.signed import is_plan_signed
from plugins.warranty.sla import Step
from plugins.warranty.workflows import ORDER


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
    if is_plan_signed(plan):
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
    tell_of(order, "TP-F04", "warranty.planned", _l("Plan of %(number)s confirmed", number=order.number))


def start_repair(order: Order) -> None:
    """Note that the repair begins.

    Source: touchpoint F05, which a visit for the repair writes when it arrives.
    """
    ORDER.move(order, "start", started_at=order.started_at or utc_now())
    note_event(order, "started", saying=Saying.STARTED, is_public=True)
    came = [each.arrived_at for each in order.visits if each.purpose == VisitPurpose.REPAIR]
    planned = order.plans[-1].created_at if order.plans else order.registered_at
    if not any(each is not None and each >= planned for each in came):
        tell_repair(order)


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
    moment = moment_of_step(order, at)
    ORDER.move(
        order,
        "fix",
        work_done=work_done.strip(),
        fixed_at=moment,
        fixed_by_id=require_scope().user_id,
        repair_cycles=order.repair_cycles + 1,
    )
    note_event(order, "fixed", work_done, is_public=True, at=moment)


def accept_as_engineer(order: Order, note: str = "") -> Acceptance:
    """Accept a repair as our engineer, never one's own.

    Raises:
        TransitionRefused: The fixer himself accepts, or the state or the right forbids it.
    """
    ORDER.move(order, "accept", engineer_accepted_at=utc_now())
    return _accept(order, AcceptanceKind.ENGINEER, True, note=note)


def reject_repair(order: Order, what: str, *, by_owner: bool = False) -> Acceptance:
    """Send a repair back because it is not good, as engineer or because the owner says so.

    Args:
        order: A repair that was reported as finished.
        what: What is still wrong.
        by_owner: Whether the owner does it himself, by his link.

    Raises:
        TransitionRefused: The fixer himself judges, it is not said what is wrong, or the state forbids it.
    """
    kind = AcceptanceKind.OWNER if order.state == "engineer_accepted" else AcceptanceKind.ENGINEER
    ORDER.move(order, "owner_reject" if by_owner else "reject", reject_note=what.strip())
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
    note: Text = "",
    by_silence: bool = False,
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
        by_silence: Whether nobody accepted, but the owner did not answer for so long that he is taken to have.

    Raises:
        TransitionRefused: The state or the right forbids it.
        WarrantyRuleError: The name is missing, or the score is not from 1 to 5.
    """
    if not signer_name.strip() and not by_silence:
        raise WarrantyRuleError(_("Write down who accepted the repair."), "signer_name")
    check_score(score)
    now = utc_now()
    if by_silence:
        ORDER.move(order, "accept_by_silence", owner_accepted_at=now)
    else:
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
        by_silence=by_silence,
    )
    deadlines.stop(order, Step.COMPLETE, order.fixed_at if _may_stop_at(order) else None)
    deadlines.stop(order, Step.PROGRESS)
    kind = "silence" if by_silence else "owner_accepted"
    if by_silence:
        days = int(option("silent_acceptance_days", order.project))
        note_event(order, kind, saying=Saying.SILENCE, is_public=True, days=days)
    else:
        note_event(order, kind, note, saying=Saying.ACCEPTED, is_public=True)
    tell_of(
        order,
        "TP-F06",
        "warranty.accepted",
        _l("Repair %(number)s accepted", number=order.number),
        score=score,
    )
    return accepted


def _may_stop_at(order: Order) -> bool:
    """Whether the clock may stop at the moment of the repair: nothing happened to it since."""
    from core.toolkit import clocks_of

    return order.fixed_at is not None and not any(
        pause.started_at > order.fixed_at for clock in clocks_of(order) for pause in clock.pauses
    )


def check_score(score: int | None) -> None:
    """Refuse a score that is not from 1 to 5; None is no score.

    Raises:
        WarrantyRuleError: It is not from 1 to 5.
    """
    if score is not None and not 1 <= score <= 5:
        raise WarrantyRuleError(_("The score lies between 1 and 5."), "score")


def _accept(order: Order, kind: AcceptanceKind, passed: bool, **values: Any) -> Acceptance:
    row = Acceptance(
        project_id=order.project_id,
        order_id=order.id,
        cycle=max(order.repair_cycles, 1),
        kind=kind,
        passed=passed,
        room_name=order.room_name,
        fault_code=order.fault_code,
        work_done=order.work_done,
        by_id=require_scope().user_id,
        **values,
    )
    row.note = paragraphs((row.note or "",))
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
    end_work(order)
    clock = start_clock("warranty.call_back", order)
    order.call_back_due_at = clock.due_at
    note_event(order, "closed", saying=Saying.CLOSED, is_public=True)
    telling.closed(order)


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
    check_score(score)
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
        note_event(order, "attempt", note, saying=None if note.strip() else Saying.NOT_REACHED)
        return row
    now = utc_now()
    ORDER.move(order, "call_back", called_back_at=now, score=score)
    stop_clocks_of(order, "warranty.call_back", now)
    note_event(order, "called_back", note, at=now)
    tell_of(
        order,
        "TP-F07",
        "warranty.called_back",
        _l("Call-back about %(number)s", number=order.number),
        score=score,
    )
    if score is not None and score <= int(option("dissatisfied_score", order.project)):
        reason = note.strip() or _l("The owner is dissatisfied: %(score)s of 5.", score=score)
        # Who calls back need not hold the right to open orders.
        ORDER.move(order, "reopened_by_call", comment=reason)
        _reopened(order, reason)
        escalate(order, f"dissatisfied_{order.reopen_count}", reason)
        tell_of(
            order, "TP-F10", "warranty.escalated", _l("Dissatisfied with %(number)s", number=order.number)
        )
    return row


def reopen(order: Order, reason: str) -> None:
    """Open a closed order again because the defect is not gone; it goes back to the same people.

    Raises:
        TransitionRefused: It was closed too long ago, the reason is missing, or the state or the right forbids it.

    Source: domain reference 3.4.3: within 90 days; setting ``repeat_days``.
    """
    ORDER.move(order, "reopen", reopen_reason=reason.strip())
    _reopened(order, reason)
    repairs = order.repair_cycles + 1
    if repairs >= int(option("repairs_escalate", order.project)):
        escalate(order, f"repair_{repairs}", _l("Repair %(count)s of the same defect.", count=repairs))


def _reopened(order: Order, reason: Text) -> None:
    order.reopen_count += 1
    order.fixed_at = order.fixed_by_id = order.engineer_accepted_at = order.owner_accepted_at = None
    order.closed_at = order.called_back_at = None
    stop_clocks_of(order)
    for step in (Step.CONTACT, Step.COMPLETE, Step.PROGRESS):
        deadlines.start(order, step, utc_now())
    note_event(order, "reopened", reason, is_public=True)
    tell_engineer(
        order,
        _l("Opened again: %(number)s", number=order.number),
        key=f"reopened:{order.id}:{order.reopen_count}",
    )
    if order.engineer_id is not None and dispatching_engineer(order) is None:
        add_todo(
            order,
            _l("Dispatch again: %(number)s", number=order.number),
            role="PCM",
            dedupe_key=f"warranty:dispatch:{order.id}:{order.reopen_count}",
        )
