"""Somebody comes: booked, on site, gone, not let in; and the first measure that stops the damage."""

from __future__ import annotations

import datetime as dt

from core.toolkit import (
    User,
    _,
    _l,
    db,
    stop_clocks_of,
)
from plugins.warranty import deadlines
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    Order,
    Saying,
    Visit,
    VisitPurpose,
    VisitState,
)
from plugins.warranty.services import telling
from plugins.warranty.services.contact import note_contact
from plugins.warranty.services.intake import note_event, tell_of
from plugins.warranty.services.steps import moment_of_step, require_open
from plugins.warranty.sla import Step
from plugins.warranty.workflows import ORDER


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
    telling.visit_booked(visit)
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
    moment = moment_of_step(order, at)
    visit.state, visit.arrived_at, visit.persons = VisitState.ARRIVED, moment, persons.strip()[:255]
    if order.arrived_at is None:
        order.arrived_at = moment
        deadlines.stop(order, Step.ARRIVAL, moment)
        stop_clocks_of(order, deadlines.SITE_TEAM, moment)
        deadlines.start(order, Step.PLAN, moment)
        if order.state == "dispatched":
            # Who stands at the door has reached the owner.
            note_contact(order, _("On site"), moment if order.contacted_at is None else None)
    if visit.purpose == VisitPurpose.SURVEY:
        tell_of(order, "TP-F03", "warranty.visited", _l("On site for %(number)s", number=order.number))
    elif visit.purpose == VisitPurpose.REPAIR:
        tell_repair(order)
    db.session.flush()


def tell_repair(order: Order) -> None:
    """Record that the home is being repaired (touchpoint F05)."""
    tell_of(
        order, "TP-F05", "warranty.repairing", _l("Repair of %(number)s in the home", number=order.number)
    )


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
    moment = moment_of_step(order, at, visit.arrived_at)
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
    note_event(visit.order, "attempt", note, saying=Saying.NOBODY_OPENED)


def cancel_visit(visit: Visit, note: str = "") -> None:
    """Cancel a visit that has not begun.

    Raises:
        WarrantyRuleError: It has begun.
    """
    if visit.state != VisitState.BOOKED:
        raise WarrantyRuleError(_("This visit has begun already or is over."))
    visit.state, visit.findings = VisitState.CANCELLED, note.strip()
    db.session.flush()
    telling.visit_cancelled(visit)


def secure(order: Order, text: str, at: dt.datetime | None = None) -> None:
    """Note that the danger or the damage was stopped for now 临时措施.

    Raises:
        WarrantyRuleError: The order has ended, or the measure is missing.
    """
    require_open(order)
    if not text.strip():
        raise WarrantyRuleError(_("Write down what was done for now."), "text")
    moment = moment_of_step(order, at)
    order.temporary_at, order.temporary_note = order.temporary_at or moment, text.strip()
    deadlines.stop(order, Step.TEMPORARY, moment)
    note_event(order, "temporary", text, is_public=True, at=moment)
