"""When an owner comes: a slot of the module reservations where that is on, else one moment; who accompanies him."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    Project,
    User,
    _,
    _l,
    db,
    owners_of,
    partner,
    reach,
    require_scope,
    setting,
    use_scope,
    utc_now,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import HandoverUnit, Inspection, InspectionKind, InspectionState
from plugins.handover.workflows import HANDOVER_UNIT

PURPOSE = "handover"
"""Code of the purpose under which reservations offers slots for the handover."""
RESERVATIONS = "reservations"
KIND = "handover.unit"
BOOKABLE = ("notified", "booked", "not_contactable", "absent", "refused", "entrusted")
"""States in which an appointment can be made or moved."""
OVER = ("keys_handed", "delivered", "reviewed", "deemed_delivered")
"""States in which nothing is booked, brought or paid before the keys any more."""
COMING = ("requested", "confirmed", "notified")
"""States of a booking whose customer has not come yet."""
MOST_OFFERED = 400


def uses_slots() -> bool:
    """Return whether appointments are slots of the module reservations, and not moments that staff write down."""
    return partner(RESERVATIONS) is not None


@contextmanager
def _as_planner() -> Iterator[None]:
    """Let a house follow its booking, whoever made that: the owner by his link, or a clerk of the desks."""
    scope = require_scope()
    with use_scope(dataclasses.replace(scope, permissions=scope.permissions | {"handover.plan"})):
        yield


@contextmanager
def _told_in_our_words(desk: Any) -> Iterator[None]:
    """Pass on what reservations refuses with as a rule of this module."""
    try:
        yield
    except desk.ReservationRuleError as refused:
        raise HandoverRuleError(str(refused)) from refused


def ensure_purpose(project: Project) -> Any | None:
    """Return the purpose of the handover appointments of a project; None where reservations is off.

    A slot lasts as long as a house takes, the setting ``minutes_per_house_to``.
    """
    desk = partner(RESERVATIONS)
    if desk is None:
        return None
    return desk.ensure_purpose(
        project,
        PURPOSE,
        name="交付预约",
        name_en="Handover appointment",
        minutes=int(setting("handover", "minutes_per_house_to")),
    )


def offers(place: HandoverUnit, *, by_owner: bool = False) -> dict[dt.date, list[Any]]:
    """Return the slots that are free for a house, by day; none where reservations is off.

    Args:
        place: The house in its batch.
        by_owner: Whether the owner chooses himself: then the slots lie within the concentrated days where those are
            entered, and the lead time of the desks counts.
    """
    desk = partner(RESERVATIONS)
    days: dict[dt.date, list[Any]] = {}
    if desk is None:
        return days
    batch, bounds = place.batch, {}
    if by_owner and batch.opens_on is not None:
        bounds["start"] = dt.datetime.combine(batch.opens_on, dt.time(), LOCAL_ZONE)
    for slot in desk.offer_slots(place.project, PURPOSE, for_customer=by_owner, limit=MOST_OFFERED, **bounds):
        days.setdefault(slot.starts_at.astimezone(LOCAL_ZONE).date(), []).append(slot)
    return days


def booking_of(place: HandoverUnit) -> Any | None:
    """Return the booking of a house that is still to come, or None."""
    desk = partner(RESERVATIONS)
    if desk is None:
        return None
    return next((booking for booking in desk.bookings_of((KIND, place.id)) if booking.state in COMING), None)


def desks_of(places: Sequence[HandoverUnit]) -> dict[int, str]:
    """Return at which desk the owners of several houses are booked, by the key of the house, for lists.

    Args:
        places: Some hundred houses at the most; where reservations is off none has a desk.
    """
    desk = partner(RESERVATIONS)
    if desk is None or not places:
        return {}
    bookings = desk.bookings_of_many(KIND, [place.id for place in places])
    return {key: desk.resource_name(booking.slot.resource) for key, booking in bookings.items()}


def title_of(place: HandoverUnit) -> str:
    """Return when and where an owner is expected, in words; "" when nothing is booked."""
    desk, booking = partner(RESERVATIONS), booking_of(place)
    if desk is not None and booking is not None:
        return str(desk.slot_title(booking.slot))
    if place.booked_for is None:
        return ""
    return place.booked_for.astimezone(LOCAL_ZONE).strftime("%Y-%m-%d %H:%M")


def require_bookable(place: HandoverUnit) -> None:
    """Refuse an appointment for a house whose owner has no notice yet, or is here already.

    Raises:
        HandoverRuleError: It cannot be booked.
    """
    if place.state not in BOOKABLE:
        raise HandoverRuleError(
            _(
                "%(unit)s is “%(state)s”; an appointment is made after the delivery notice and before the owner comes.",
                unit=place.unit.code,
                state=str(HANDOVER_UNIT.state_of(place).label),
            )
        )


def book_slot(
    place: HandoverUnit,
    slot_id: int,
    *,
    guests: int = 1,
    wishes: str | None = None,
    engineer: User | None = None,
    by_owner: bool = False,
) -> None:
    """Book a slot for a house, or move its booking there.

    Args:
        place: The house in its batch.
        slot_id: Key of a slot that is offered.
        guests: How many people come.
        wishes: Special needs in words; None leaves those of a booking that is moved.
        engineer: Who accompanies the owner; None leaves it open.
        by_owner: Whether the owner chooses himself.

    Raises:
        HandoverRuleError: The slot is taken or not offered, nothing can be booked for the house, nobody owns it, or the
            engineer has too many houses on that day.

    Source: touchpoint TP-E02.
    """
    db.session.refresh(place, with_for_update=True)
    require_bookable(place)
    desk = partner(RESERVATIONS)
    slots = [slot for day in offers(place, by_owner=by_owner).values() for slot in day]
    slot = next((each for each in slots if each.id == slot_id), None)
    if desk is None or slot is None:
        raise HandoverRuleError(_("This time has just been taken. Choose another one."))
    owners = owners_of(place.unit)
    if not owners:
        raise HandoverRuleError(
            _("%(unit)s has no owner. Enter the owner on the page of the house first.", unit=place.unit.code)
        )
    if engineer is not None:
        assign_engineer(place, engineer, slot.starts_at.astimezone(LOCAL_ZONE).date())
    held = booking_of(place)
    with _told_in_our_words(desk):
        if held is None:
            held = desk.book(
                slot,
                customer=owners[0],
                unit=place.unit,
                guests=guests,
                wishes=wishes or "",
                source="link" if by_owner else "module",
                reference=(KIND, place.id),
            )
        else:
            if held.slot_id != slot.id:
                desk.move(held, slot)
            desk.change_booking(held, guests=guests, wishes=wishes)
        desk.confirm(held) if held.state == "requested" else None


def change_details(place: HandoverUnit, *, guests: int, wishes: str) -> None:
    """Change how many people come to an appointment, and what they need; the time stays.

    Args:
        place: The house in its batch.
        guests: How many people come.
        wishes: Special needs in words.

    Raises:
        HandoverRuleError: Nothing is booked, or the slot has no room for so many.
    """
    db.session.refresh(place, with_for_update=True)
    desk, held = partner(RESERVATIONS), booking_of(place)
    if desk is None or held is None:
        raise HandoverRuleError(_("Nothing is booked for %(unit)s.", unit=place.unit.code))
    with _told_in_our_words(desk):
        desk.change_booking(held, guests=guests, wishes=wishes)
        desk.confirm(held) if held.state == "requested" else None


def book_moment(place: HandoverUnit, moment: dt.datetime, engineer: User | None = None) -> None:
    """Note for when an owner is booked, where there are no slots; a new moment moves the appointment.

    Args:
        place: The house in its batch.
        moment: When he comes.
        engineer: Who accompanies him; None leaves it open.

    Raises:
        HandoverRuleError: The moment has passed, nothing can be booked for the house, or the engineer has too many
            houses on that day.
    """
    db.session.refresh(place, with_for_update=True)
    require_bookable(place)
    if moment < utc_now():
        raise HandoverRuleError(_("This moment has passed. Choose a later one."))
    if engineer is not None:
        assign_engineer(place, engineer, moment.astimezone(LOCAL_ZONE).date())
    _come_at(place, moment)


def cancel(place: HandoverUnit, reason: str) -> None:
    """Cancel the appointment of a house.

    Args:
        place: The house in its batch.
        reason: Why.

    Raises:
        HandoverRuleError: Nothing is booked.
        TransitionRefused: The reason is missing.
    """
    db.session.refresh(place, with_for_update=True)
    desk, held = partner(RESERVATIONS), booking_of(place)
    if desk is not None and held is not None:
        with _told_in_our_words(desk):
            desk.cancel(held, reason)
        return
    if place.booked_for is None or place.state not in BOOKABLE:
        raise HandoverRuleError(_("Nothing is booked for %(unit)s.", unit=place.unit.code))
    _come_never(place, reason)


def _come_at(place: HandoverUnit, moment: dt.datetime) -> None:
    was = place.booked_for
    if place.state == "entrusted":
        place.booked_for = moment
    elif place.state == "booked":
        HANDOVER_UNIT.move(place, "move_booking", booked_for=moment)
    else:
        HANDOVER_UNIT.move(place, "book", booked_for=moment)
    db.session.flush()
    _plan_round(place)
    if was == moment:
        return
    owners = owners_of(place.unit)
    reach(
        "TP-E02",
        "handover.booked",
        _l(
            "House %(unit)s: handover booked for %(time)s.",
            unit=place.unit.code,
            time=moment.astimezone(LOCAL_ZONE).strftime("%Y-%m-%d %H:%M"),
        ),
        customer=owners[0] if owners else None,
        unit=place.unit,
        record_kind=KIND,
        record_id=place.id,
    )


def _come_never(place: HandoverUnit, reason: str) -> None:
    if place.state == "booked":
        HANDOVER_UNIT.move(place, "cancel_booking", reason or _l("Cancelled"))
    place.booked_for = None
    db.session.flush()


# Who accompanies


def houses_of(engineer: User, day: dt.date, but: HandoverUnit | None = None) -> int:
    """Return how many houses somebody accompanies on a day in China.

    Args:
        engineer: Who.
        day: The day.
        but: A house that is left out.
    """
    start = dt.datetime.combine(day, dt.time(), LOCAL_ZONE)
    query = sa.select(sa.func.count(HandoverUnit.id)).where(
        HandoverUnit.engineer_id == engineer.id,
        HandoverUnit.booked_for >= start,
        HandoverUnit.booked_for < start + dt.timedelta(days=1),
    )
    if but is not None:
        query = query.where(HandoverUnit.id != but.id)
    return int(db.session.scalar(query) or 0)


def assign_engineer(place: HandoverUnit, engineer: User | None, day: dt.date | None = None) -> None:
    """Say who accompanies the owner of a house.

    Args:
        place: The house in its batch.
        engineer: Who; None for nobody yet.
        day: The day of the appointment; that of the house when omitted.

    Raises:
        HandoverRuleError: He has as many houses on that day as one can do.

    Source: domain reference 3.3.3: at most six houses a day [OWN], setting ``houses_per_inspector``.
    """
    if engineer is not None:
        if day is None and place.booked_for is not None:
            day = place.booked_for.astimezone(LOCAL_ZONE).date()
        most = int(setting("handover", "houses_per_inspector"))
        if day is not None and houses_of(engineer, day, place) >= most:
            raise HandoverRuleError(
                _(
                    "%(name)s accompanies %(most)d houses on %(day)s already. Choose somebody else, or another day.",
                    name=engineer.name,
                    most=most,
                    day=day.isoformat(),
                )
            )
    place.engineer_id = engineer.id if engineer is not None else None
    db.session.flush()
    db.session.expire(place, ["engineer"])
    if place.booked_for is not None:
        _plan_round(place)


def _plan_round(place: HandoverUnit) -> None:
    """Let the formal inspection that is planned for a house follow its appointment; one is planned if there is an
    engineer and none yet."""
    from plugins.handover.services.inspections import change_plan, plan_inspection

    if place.booked_for is None:
        return
    day = place.booked_for.astimezone(LOCAL_ZONE).date()
    planned = db.session.scalar(
        sa.select(Inspection)
        .where(
            Inspection.unit_id == place.unit_id,
            Inspection.kind == InspectionKind.FORMAL,
            Inspection.state == InspectionState.PLANNED,
        )
        .order_by(Inspection.id.desc())
        .limit(1)
    )
    if planned is not None:
        change_plan(
            planned,
            planned_on=day,
            inspector=place.engineer or planned.inspector,
            companions=planned.companions,
            customer=planned.customer,
            attorney_name=planned.attorney_name,
        )
    elif place.engineer is not None:
        plan_inspection(place.unit, InspectionKind.FORMAL, planned_on=day, inspector=place.engineer)


# What reservations asks and tells


def answer(question: Any) -> None:
    """Say that a house which is handed over is not booked for its handover any more, by owner or staff.

    Args:
        question: What reservations asks: the purpose and the house.
    """
    unit = question.unit
    place = db.session.scalar(
        sa.select(HandoverUnit)
        .where(HandoverUnit.unit_id == unit.id)
        .order_by(HandoverUnit.id.desc())
        .limit(1)
    )
    is_over = unit.delivered_on is not None if place is None else place.state in OVER
    if is_over:
        question.refuse(
            _(
                "House %(unit)s is handed over already; its handover needs no appointment any more.",
                unit=unit.code,
            )
        )


def on_change(change: Any) -> None:
    """Let a house follow what happened to its booking, also to one that the owner made by a link of reservations.

    Args:
        change: What reservations tells: the booking, and what happened to it.
    """
    place = _place_of(change.booking)
    if place is None:
        return
    with _as_planner():
        if change.what in ("booked", "moved", "moved_up") and change.booking.state in COMING:
            if place.state in BOOKABLE:
                _come_at(place, change.booking.slot.starts_at)
        elif change.what == "cancelled" and place.booked_for == change.booking.slot.starts_at:
            _come_never(place, change.booking.closing_reason)
        elif change.what == "no_show" and place.state == "booked":
            HANDOVER_UNIT.move(place, "miss", _l("Did not come to the booked slot."))


def _place_of(booking: Any) -> HandoverUnit | None:
    if booking.reference_kind == KIND:
        return db.session.scalar(sa.select(HandoverUnit).where(HandoverUnit.id == booking.reference_id))
    if booking.unit_id is None:
        return None
    place = db.session.scalar(
        sa.select(HandoverUnit)
        .where(HandoverUnit.unit_id == booking.unit_id)
        .order_by(HandoverUnit.id.desc())
        .limit(1)
    )
    if place is None or place.state not in BOOKABLE:
        return None
    booking.reference_kind, booking.reference_id = KIND, place.id
    db.session.flush()
    return place


def note_arrival(place: HandoverUnit) -> None:
    """Tell reservations that an owner has come, if he had booked."""
    desk, held = partner(RESERVATIONS), booking_of(place)
    if desk is not None and held is not None:
        desk.arrive(held)


def note_end(place: HandoverUnit) -> None:
    """Tell reservations that what an owner came for is done, if he had booked."""
    desk = partner(RESERVATIONS)
    if desk is None:
        return
    for booking in desk.bookings_of((KIND, place.id)):
        if booking.state == "arrived":
            desk.finish(booking)
