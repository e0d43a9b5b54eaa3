"""Slots, bookings, the waiting list, reading back, telling staff, and setting up (domain reference 4.5).

This is also what other modules call: :func:`ensure_purpose`, :func:`offer_slots`, :func:`book`, :func:`confirm`,
:func:`move`, :func:`cancel`, :func:`bookings_of`, and :func:`listen` to be told of changes and asked before them. The
functions check the rules; whether the acting user may do it is asked by the page that calls them. All work in the
caller's transaction.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from babel.dates import get_day_names
from flask_babel import get_locale

from core.toolkit import (
    LOCAL_ZONE,
    Customer,
    Project,
    Unit,
    _,
    _l,
    add_todo,
    db,
    finish_todos_of,
    in_each_language,
    in_language,
    is_on,
    next_number,
    normalise_phone,
    require_scope,
    setting,
    tell_listeners,
    use_scope,
    utc_now,
    write_timeline,
)
from plugins.reservations.errors import ReservationRuleError, SlotFullError
from plugins.reservations.models import (
    Booking,
    BookingSource,
    DayPlan,
    NotificationRule,
    Purpose,
    Resource,
    ResourceKind,
    RuleEvent,
    SetupCheck,
    SetupItem,
    Slot,
)
from plugins.reservations.workflows import BOOKING, COMING, RECORD, SEATED

MOST_SLOTS = 3_000
"""Slots that one plan makes at most."""
MOST_DAYS = 370

_KEY = re.compile(r"[A-Za-z0-9-]{8,60}")
Reference = tuple[str, int]
"""The record of another module: code of its kind, and its id."""


@dataclass(frozen=True)
class BookingChange:
    """What happened to a booking, for the module that booked.

    Attributes:
        booking: The booking as it is now.
        what: ``booked``, ``waiting``, ``moved_up``, ``confirmed``, ``moved``, ``arrived``, ``done``, ``no_show`` or
            ``cancelled``.
        slot_before: The slot that it had, when it was moved.
    """

    booking: Booking
    what: str
    slot_before: Slot | None = None


@dataclass
class BookingQuestion:
    """Whether a house can still be booked for a purpose, asked of the module to which the purpose belongs.

    Attributes:
        purpose: What somebody would come for.
        unit: The house that it would be about.
        refusal: Why not, a full sentence that owners and staff read; "" when nothing stands against it.
    """

    purpose: Purpose
    unit: Unit
    refusal: str = ""

    def refuse(self, sentence: str) -> None:
        """Say why nothing can be booked; the first sentence stands."""
        self.refusal = self.refusal or sentence


Listener = Callable[[Any], None]
_listeners: dict[tuple[str, str], Listener] = {}


def listen(slug: str, reference_kind: str, function: Listener) -> None:
    """Ask to be told of changes of the bookings that a module made for its records, or of all for one purpose.

    Called once, when the module's ``plugin.py`` is imported. The function runs in the transaction of the change; what
    it raises undoes the change. It is not called where the module is switched off.

    Args:
        slug: The module.
        reference_kind: Code of its kind of record, for example ``handover.unit``; or ``purpose:handover`` for the
            bookings of a purpose, also those that owners make themselves by a personal link; or ``asked:handover`` to
            be asked before a house is booked for a purpose, and before its times are offered.
        function: Takes a :class:`BookingChange`; of ``asked:…`` a :class:`BookingQuestion`, which it may refuse.
    """
    _listeners[slug, reference_kind] = function


def _tell(booking: Booking, what: str, slot_before: Slot | None = None) -> None:
    topics = frozenset({booking.reference_kind, f"purpose:{booking.slot.purpose.code}"})
    _reach(topics, BookingChange(booking, what, slot_before))


def _reach(topics: frozenset[str], fact: BookingChange | BookingQuestion) -> None:
    for (slug, kind), function in list(_listeners.items()):
        if kind in topics and is_on(slug):
            function(fact)
    tell_listeners("reservations", topics, fact)


def refusal(purpose: Purpose, unit: Unit | None) -> str:
    """Return why nothing can be booked for a house and a purpose any more, a full sentence; "" when it can.

    The module to which the purpose belongs knows it, see :func:`listen`.
    """
    if unit is None:
        return ""
    question = BookingQuestion(purpose, unit)
    _reach(frozenset({f"asked:{purpose.code}"}), question)
    return question.refusal


def _refuse_unit(purpose: Purpose, unit: Unit | None) -> None:
    sentence = refusal(purpose, unit)
    if sentence:
        raise ReservationRuleError(sentence, "unit_id")


@contextmanager
def _as_clerk() -> Iterator[None]:
    """Let a step of the workflow be taken for whom the calling page let through, a customer or another module."""
    scope = require_scope()
    with use_scope(dataclasses.replace(scope, permissions=scope.permissions | {RECORD})):
        yield


# --- What can be booked


def ensure_purpose(
    project: Project, code: str, *, name: str, name_en: str = "", minutes: int = 60
) -> Purpose:
    """Return the purpose of a project with a code, which is made when there is none yet.

    Args:
        project: The project.
        code: For example ``handover``; the module's slug is a good one.
        name: What people come for.
        name_en: The same in English.
        minutes: Length of a slot.
    """
    found = purpose_of(project, code)
    if found is None:
        found = Purpose(project_id=project.id, code=code, name=name, name_en=name_en, minutes=minutes)
        db.session.add(found)
        db.session.flush()
    return found


def purpose_of(project: Project, code: str) -> Purpose | None:
    """Return the purpose of a project with a code, or None."""
    return db.session.scalar(sa.select(Purpose).where(Purpose.project_id == project.id, Purpose.code == code))


def add_resource(
    project: Project,
    *,
    code: str,
    name: str,
    name_en: str = "",
    kind: ResourceKind = ResourceKind.DESK,
    place: str = "",
    capacity: int = 1,
    most_guests: int = 0,
    opening: Mapping[str, Sequence[Sequence[str]]] | None = None,
    closed_days: Sequence[str] = (),
    note: str = "",
    active: bool = True,
) -> Resource:
    """Register something that can be booked.

    Args:
        project: Where it is.
        code: Short name, unique in the project.
        name: What people call it.
        name_en: The same in English.
        kind: What it is.
        place: How to find it.
        capacity: Bookings at the same time.
        most_guests: People at the same time; 0 when it does not matter.
        opening: See :class:`plugins.reservations.models.Resource`.
        closed_days: Days on which it is closed all the same.
        note: Remarks.
        active: Whether slots are planned for it.

    Raises:
        ReservationRuleError: A number is impossible, or the code is taken.
    """
    if capacity < 1 or most_guests < 0:
        raise ReservationRuleError(_("A resource takes at least one booking at a time."), "capacity")
    taken = sa.select(Resource.id).where(Resource.project_id == project.id, Resource.code == code.strip())
    if db.session.scalar(taken) is not None:
        raise ReservationRuleError(
            _("The code %(code)s is taken in this project. Choose another one.", code=code.strip()), "code"
        )
    made = Resource(
        project_id=project.id,
        code=code.strip(),
        name=name.strip(),
        name_en=name_en.strip(),
        kind=kind,
        place=place.strip(),
        capacity=capacity,
        most_guests=most_guests,
        opening=dict(opening or {}),
        closed_days=list(closed_days),
        note=note.strip(),
        active=active,
    )
    db.session.add(made)
    db.session.flush()
    return made


def plan_slots(
    resource: Resource,
    purpose: Purpose,
    first: dt.date,
    last: dt.date,
    *,
    weekdays: Sequence[int] | None = None,
    minutes: int | None = None,
    capacity: int | None = None,
) -> int:
    """Make the slots of a plan: dates times opening hours times desks. Slots that exist already stay as they are.

    Args:
        resource: What is offered; its opening times and closed days count.
        purpose: What for.
        first: First day.
        last: Last day, included.
        weekdays: ``1`` (Monday) to ``7``; all when omitted.
        minutes: Length of a slot; that of the purpose when omitted.
        capacity: Bookings a slot; that of the resource when omitted.

    Returns:
        How many slots were made.

    Raises:
        ReservationRuleError: The plan is empty or too long, or the resource has no opening times.
    """
    if resource.project_id != purpose.project_id:
        raise ReservationRuleError(_("Resource and purpose belong to different projects."), "purpose")
    if last < first:
        raise ReservationRuleError(_("The last day lies before the first day."), "last")
    if (last - first).days >= MOST_DAYS:
        raise ReservationRuleError(_("Plan at most one year at a time."), "last")
    length = purpose.minutes if minutes is None else minutes
    seats = resource.capacity if capacity is None else capacity
    if not 5 <= length <= 24 * 60:
        raise ReservationRuleError(_("A slot lasts between 5 minutes and one day."), "minutes")
    if not 1 <= seats <= 1_000:
        raise ReservationRuleError(_("A slot takes between 1 and 1,000 bookings."), "capacity")
    wanted = [
        slot
        for day in (first + dt.timedelta(days=count) for count in range((last - first).days + 1))
        if weekdays is None or day.isoweekday() in weekdays
        for slot in _times_of(resource, day, length)
    ]
    if not wanted:
        raise ReservationRuleError(
            _(
                "%(name)s is not open on any of these days. Enter its opening times, or choose other days.",
                name=resource.name,
            ),
            "resource",
        )
    if len(wanted) > MOST_SLOTS:
        raise ReservationRuleError(
            _(
                "This plan has %(count)s slots; plan at most %(most)s at a time.",
                count=len(wanted),
                most=MOST_SLOTS,
            ),
            "last",
        )
    db.session.refresh(resource, with_for_update=True)
    known = set(
        db.session.scalars(
            sa.select(Slot.starts_at).where(
                Slot.resource_id == resource.id,
                Slot.purpose_id == purpose.id,
                Slot.starts_at.between(wanted[0][0], wanted[-1][0]),
            )
        )
    )
    fresh = [times for times in wanted if times[0] not in known]
    db.session.add_all(
        Slot(
            project_id=resource.project_id,
            resource_id=resource.id,
            purpose_id=purpose.id,
            starts_at=starts_at,
            ends_at=ends_at,
            capacity=seats,
            most_guests=resource.most_guests,
        )
        for starts_at, ends_at in fresh
    )
    db.session.flush()
    for day in sorted({times[0].astimezone(LOCAL_ZONE).date() for times in wanted}):
        day_plan(resource.project, day)
    return len(fresh)


def _times_of(resource: Resource, day: dt.date, minutes: int) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    if day.isoformat() in (resource.closed_days or ()):
        return
    step = dt.timedelta(minutes=minutes)
    for opens, closes in (resource.opening or {}).get(str(day.isoweekday()), ()):
        start = dt.datetime.combine(day, dt.time.fromisoformat(opens), LOCAL_ZONE)
        end = dt.datetime.combine(day, dt.time.fromisoformat(closes), LOCAL_ZONE)
        while start + step <= end:
            yield start.astimezone(dt.UTC), (start + step).astimezone(dt.UTC)
            start += step


def day_plan(project: Project, day: dt.date) -> DayPlan:
    """Return the plan of a day, which is made when there is none yet."""
    query = sa.select(DayPlan).where(DayPlan.project_id == project.id, DayPlan.day == day)
    found = db.session.scalar(query)
    if found is None:
        found = DayPlan(project_id=project.id, day=day)
        db.session.add(found)
        db.session.flush()
    return found


def offer_slots(
    project: Project,
    purpose_code: str,
    *,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    guests: int = 1,
    for_customer: bool = False,
    limit: int = 300,
) -> Sequence[Slot]:
    """Return the slots that can still be booked for a purpose, the earliest first.

    Args:
        project: The project.
        purpose_code: Code of the purpose.
        start: From when on; never before now.
        end: Until when, excluded.
        guests: How many people come.
        for_customer: Whether the customer books himself: then the lead time of the purpose counts.
        limit: How many at the most.
    """
    purpose = purpose_of(project, purpose_code)
    if purpose is None or not purpose.active:
        return []
    now = utc_now()
    earliest = now + dt.timedelta(hours=purpose.lead_hours) if for_customer else now
    query = (
        sa.select(Slot)
        .where(
            Slot.project_id == project.id,
            Slot.purpose_id == purpose.id,
            Slot.starts_at >= max(start or earliest, earliest),
            Slot.blocked.is_(False),
            Slot.booked < Slot.capacity,
            sa.or_(Slot.most_guests == 0, Slot.guests + guests <= Slot.most_guests),
        )
        .order_by(Slot.starts_at, Slot.resource_id)
        .limit(limit)
    )
    if end is not None:
        query = query.where(Slot.starts_at < end)
    return db.session.scalars(query).all()


# --- Seats


def _take_seat(slot_id: int, guests: int) -> bool:
    """Take a seat if there is one; of two who ask in one moment for the last one, the database lets one through."""
    taken: Any = db.session.execute(
        sa.update(Slot)
        .where(
            Slot.id == slot_id,
            Slot.blocked.is_(False),
            Slot.booked < Slot.capacity,
            sa.or_(Slot.most_guests == 0, Slot.guests + guests <= Slot.most_guests),
        )
        .values(booked=Slot.booked + 1, guests=Slot.guests + guests),
        execution_options={"synchronize_session": False},
    )
    _forget(slot_id)
    return bool(taken.rowcount)


def _give_seat_back(slot_id: int, guests: int) -> None:
    db.session.execute(
        sa.update(Slot).where(Slot.id == slot_id).values(booked=Slot.booked - 1, guests=Slot.guests - guests),
        execution_options={"synchronize_session": False},
    )
    _forget(slot_id)


def _forget(slot_id: int) -> None:
    """Let a loaded slot be read anew: it was changed past the session."""
    held = db.session.identity_map.get(sa.orm.util.identity_key(Slot, slot_id))
    if held is not None:
        db.session.expire(held)


def _lock_slots(*slot_ids: int) -> None:
    """Lock slots, always in the same order, so that two who change places do not wait for each other."""
    db.session.execute(sa.select(Slot.id).where(Slot.id.in_(slot_ids)).order_by(Slot.id).with_for_update())


# --- Bookings


def book(
    slot: Slot,
    *,
    customer: Customer | None = None,
    unit: Unit | None = None,
    guests: int = 1,
    contact_name: str = "",
    contact_phone: str = "",
    wishes: str = "",
    source: BookingSource = BookingSource.PHONE,
    rings: int | None = None,
    reference: Reference | None = None,
    client_key: str | None = None,
    wait: bool = False,
) -> Booking:
    """Book a slot. It is never overbooked, however many book at the same moment.

    Args:
        slot: The slot.
        customer: Who comes; may be None when a name is given.
        unit: The house that it is about.
        guests: How many people come.
        contact_name: Who is called; the customer's own name when omitted.
        contact_phone: His number; the customer's own when omitted.
        wishes: Special needs in words.
        source: How it came in.
        rings: After how many rings the call was answered.
        reference: The record of another module for which it is booked; that module hears of changes (:func:`listen`).
        client_key: What the page calls it; the same key returns the same booking.
        wait: Whether to put it on the waiting list when the slot is full.

    Raises:
        SlotFullError: The slot has no room left and ``wait`` was not asked for.
        ReservationRuleError: The slot is over or blocked, too many people, a name is missing, the customer has
            booked this slot before, or the house cannot be booked for this any more (:func:`refusal`).
        PersonalValueError: The phone number is none.
    """
    return _book(
        slot,
        customer=customer,
        unit=unit,
        guests=guests,
        contact_name=contact_name,
        contact_phone=contact_phone,
        wishes=wishes,
        source=source,
        rings=rings,
        reference=reference,
        client_key=client_key,
        wait=wait,
    )


def _book(
    slot: Slot,
    *,
    customer: Customer | None = None,
    unit: Unit | None = None,
    guests: int = 1,
    contact_name: str = "",
    contact_phone: str = "",
    wishes: str = "",
    source: BookingSource = BookingSource.PHONE,
    rings: int | None = None,
    reference: Reference | None = None,
    client_key: str | None = None,
    wait: bool = False,
    is_over: bool = False,
) -> Booking:
    name = contact_name.strip() or (customer.name if customer is not None else "")
    if not name:
        raise ReservationRuleError(_("Enter the name of who comes."), "contact_name")
    phone = normalise_phone(contact_phone) if contact_phone.strip() else (customer.phone if customer else "")
    _check_guests(slot.purpose, guests)
    if unit is not None and unit.project_id != slot.project_id:
        raise ReservationRuleError(_("The house belongs to another project than the slot."), "unit")
    if not is_over:
        _refuse_unit(slot.purpose, unit)
    key = client_key if client_key and _KEY.fullmatch(client_key) else None
    _lock_slots(slot.id)
    known = _by_key(slot.project_id, key)
    if known is not None:
        return known
    _check_bookable(slot, is_over=is_over)
    if customer is not None:
        _refuse_double(slot, customer)
    has_seat = _take_seat(slot.id, guests)
    if not has_seat and not wait:
        raise SlotFullError(
            _(
                "%(slot)s has no room left for %(guests)s people. Choose another slot, or use the waiting list.",
                slot=slot_title(slot),
                guests=guests,
            ),
            "slot",
        )
    month = utc_now().astimezone(LOCAL_ZONE).strftime("%Y%m")
    booking = Booking(
        project_id=slot.project_id,
        slot_id=slot.id,
        number=next_number(f"YD-{slot.project.code}-{month}-"),
        state="requested" if has_seat else "waiting",
        customer_id=customer.id if customer is not None else None,
        unit_id=unit.id if unit is not None else None,
        contact_name=" ".join(name.split())[:80],
        contact_phone=phone or "",
        guests=guests,
        wishes=wishes.strip(),
        source=source,
        rings=rings,
        booked_by_id=require_scope().user_id,
        reference_kind=reference[0] if reference else "",
        reference_id=reference[1] if reference else None,
        client_key=key,
    )
    db.session.add(booking)
    db.session.flush()
    _lay_out_setup(booking)
    what = "booked" if has_seat else "waiting"
    _write(booking, what)
    _tell(booking, what)
    return booking


def book_afterwards(slot: Slot, **values: Any) -> Booking:
    """Write down a booking of a slot that is over: who came unannounced, or what was written on paper.

    Takes what :func:`book` takes, and refuses what it refuses but for the time.
    """
    return _book(slot, is_over=True, **values)


def _check_guests(purpose: Purpose, guests: int) -> None:
    if not 1 <= guests <= purpose.most_guests:
        raise ReservationRuleError(
            _(
                "For %(purpose)s between 1 and %(most)s people can come at a time.",
                purpose=purpose_name(purpose),
                most=purpose.most_guests,
            ),
            "guests",
        )


def _check_bookable(slot: Slot, is_over: bool = False) -> None:
    db.session.refresh(slot)
    if slot.blocked:
        raise ReservationRuleError(
            _("%(slot)s is not offered any more. Choose another slot.", slot=slot_title(slot)), "slot"
        )
    if not is_over and slot.ends_at <= utc_now():
        raise ReservationRuleError(_("%(slot)s is over. Choose a later slot.", slot=slot_title(slot)), "slot")


def _by_key(project_id: int, key: str | None) -> Booking | None:
    if key is None:
        return None
    return db.session.scalar(
        sa.select(Booking).where(Booking.project_id == project_id, Booking.client_key == key)
    )


def _refuse_double(slot: Slot, customer: Customer, but: Booking | None = None) -> None:
    query = sa.select(Booking).where(
        Booking.slot_id == slot.id,
        Booking.customer_id == customer.id,
        Booking.state.in_((*COMING, "arrived", "waiting")),
    )
    if but is not None:
        query = query.where(Booking.id != but.id)
    found = db.session.scalar(query.limit(1))
    if found is not None:
        raise ReservationRuleError(
            _(
                "This customer has already booked %(slot)s: %(number)s.",
                slot=slot_title(slot),
                number=found.number,
            ),
            "slot",
        )


def confirm(booking: Booking) -> Booking:
    """Confirm a booking: all details were repeated to the customer, and he agreed. Then staff are told of it.

    Raises:
        TransitionRefused: It is not waiting for a confirmation.
    """
    with _as_clerk():
        BOOKING.move(booking, "confirm", read_back_at=utc_now(), read_back_by_id=require_scope().user_id)
        _tell(booking, "confirmed")
        if tell_staff(booking, RuleEvent.BOOKED):
            BOOKING.move(booking, "notify")
    return booking


def notify(booking: Booking) -> Booking:
    """Tell staff of a confirmed booking by hand, when no rule did it at the confirmation.

    Raises:
        ReservationRuleError: No rule says who is told.
        TransitionRefused: It is not confirmed.
    """
    if booking.state == "confirmed" and not tell_staff(booking, RuleEvent.BOOKED):
        raise ReservationRuleError(
            _("No rule says who is told of this booking. Add one under “Who is told”, then press again.")
        )
    with _as_clerk():
        BOOKING.move(booking, "notify")
    return booking


def move(booking: Booking, slot: Slot, reason: str = "") -> Booking:
    """Move a booking to another slot; the old seat goes to the waiting list. It has to be confirmed anew.

    Args:
        booking: Who has not come yet.
        slot: The new slot, of the same project.
        reason: Why.

    Raises:
        SlotFullError: The new slot has no room left; then everything stays as it was.
        ReservationRuleError: It is the same slot, of another project, the booking has ended, or the house cannot be
            booked for this any more (:func:`refusal`).
    """
    before = booking.slot
    if slot.project_id != booking.project_id:
        raise ReservationRuleError(_("The slot belongs to another project."), "slot")
    if slot.id == booking.slot_id:
        raise ReservationRuleError(_("The booking has this slot already."), "slot")
    _lock_slots(before.id, slot.id)
    db.session.refresh(booking, with_for_update=True)
    if booking.state not in (*COMING, "waiting"):
        raise ReservationRuleError(
            _("Booking %(number)s has ended and cannot be moved.", number=booking.number)
        )
    _check_bookable(slot)
    _refuse_unit(slot.purpose, booking.unit)
    _check_guests(slot.purpose, booking.guests)
    if booking.customer is not None:
        _refuse_double(slot, booking.customer, booking)
    if not _take_seat(slot.id, booking.guests):
        raise SlotFullError(
            _("%(slot)s has no room left. Choose another slot.", slot=slot_title(slot)), "slot"
        )
    had_seat = booking.state in SEATED
    was_told = booking.state == "notified"
    booking.slot_id = slot.id
    booking.moved_count += 1
    booking.read_back_at = booking.read_back_by_id = None
    db.session.flush()
    db.session.expire(booking, ["slot"])
    with _as_clerk():
        if booking.state == "waiting":
            BOOKING.move(booking, "move_up")
        elif booking.state != "requested":
            BOOKING.move(booking, "ask_again", comment=reason)
    if had_seat:
        _give_seat_back(before.id, booking.guests)
        move_up(before)
    if was_told:
        tell_staff(booking, RuleEvent.MOVED)
    _write(booking, "moved", before)
    _tell(booking, "moved", before)
    return booking


def cancel(booking: Booking, reason: str) -> Booking:
    """Cancel a booking; its seat goes to the waiting list.

    Raises:
        TransitionRefused: It has ended, or the reason is missing.
    """
    _lock_slots(booking.slot_id)
    db.session.refresh(booking, with_for_update=True)
    had_seat, was_told = booking.state in COMING, booking.state == "notified"
    with _as_clerk():
        BOOKING.move(booking, "cancel", closing_reason=reason.strip())
    finish_todos_of(booking)
    if had_seat:
        _give_seat_back(booking.slot_id, booking.guests)
        move_up(booking.slot)
    if was_told:
        tell_staff(booking, RuleEvent.CANCELLED)
    _write(booking, "cancelled")
    _tell(booking, "cancelled")
    return booking


def move_up(slot: Slot) -> list[Booking]:
    """Give free seats to who waits for a slot, in the order in which they came; who does not fit is passed over."""
    waiting = db.session.scalars(
        sa.select(Booking)
        .where(Booking.slot_id == slot.id, Booking.state == "waiting")
        .order_by(Booking.id)
        .with_for_update()
    ).all()
    moved = []
    for booking in waiting:
        if slot.ends_at <= utc_now() or not _take_seat(slot.id, booking.guests):
            continue
        BOOKING.move(booking, "move_up")
        moved.append(booking)
        add_todo(
            booking,
            _l("Call %(name)s: a seat became free", name=booking.number),
            due_at=slot.starts_at,
            dedupe_key=f"reservations:{booking.id}:moved_up:{slot.id}",
        )
        _write(booking, "moved_up")
        _tell(booking, "moved_up")
    return moved


def arrive(booking: Booking) -> Booking:
    """Note that the customer has come.

    Raises:
        TransitionRefused: The state forbids it.
    """
    with _as_clerk():
        BOOKING.move(booking, "arrive", arrived_at=utc_now())
    finish_todos_of(booking)
    _tell(booking, "arrived")
    return booking


def finish(booking: Booking) -> Booking:
    """Note that what the customer came for is done.

    Raises:
        TransitionRefused: The state forbids it.
    """
    with _as_clerk():
        BOOKING.move(booking, "finish", done_at=utc_now())
    _write(booking, "done")
    _tell(booking, "done")
    return booking


def stay_away(booking: Booking) -> Booking:
    """Note that the customer did not come.

    Raises:
        TransitionRefused: The slot has not begun, or the state forbids it.
    """
    with _as_clerk():
        BOOKING.move(booking, "stay_away")
    finish_todos_of(booking)
    _write(booking, "no_show")
    _tell(booking, "no_show")
    return booking


def change_booking(
    booking: Booking,
    *,
    guests: int | None = None,
    contact_name: str | None = None,
    contact_phone: str | None = None,
    wishes: str | None = None,
) -> Booking:
    """Change who comes, how many, and what they need, as long as they have not come. It has to be confirmed anew.

    What is unchanged is no change: where nothing differs from what was booked, the booking stays confirmed.

    Args:
        booking: Who has not come yet.
        guests: How many people come; None leaves it.
        contact_name: Who is called; None leaves it.
        contact_phone: His number; None leaves it.
        wishes: Special needs in words; None leaves them.

    Raises:
        SlotFullError: The slot has no room for more people.
        ReservationRuleError: The booking has ended, or a value is impossible.
        PersonalValueError: The phone number is none.
    """
    _lock_slots(booking.slot_id)
    db.session.refresh(booking, with_for_update=True)
    if booking.state not in (*COMING, "waiting"):
        raise ReservationRuleError(
            _("Booking %(number)s has ended and does not change any more.", number=booking.number)
        )
    values: dict[str, Any] = {}
    if guests is not None:
        values["guests"] = guests
    if contact_name is not None:
        values["contact_name"] = " ".join(contact_name.split())[:80]
    if contact_phone is not None:
        values["contact_phone"] = (normalise_phone(contact_phone) if contact_phone.strip() else "") or ""
    if wishes is not None:
        values["wishes"] = wishes.strip()
    changed = {name: value for name, value in values.items() if value != getattr(booking, name)}
    if not changed:
        return booking
    if "guests" in changed:
        _check_guests(booking.slot.purpose, changed["guests"])
    if not changed.get("contact_name", booking.contact_name) and booking.customer is None:
        raise ReservationRuleError(_("Enter the name of who comes."), "contact_name")
    if "guests" in changed:
        _resize(booking, changed["guests"])
    for name, value in changed.items():
        setattr(booking, name, value)
    booking.read_back_at = booking.read_back_by_id = None
    db.session.flush()
    if booking.state in ("confirmed", "notified"):
        BOOKING.move(booking, "ask_again")
    return booking


def _resize(booking: Booking, guests: int) -> None:
    """Give the people of a booking that has a seat as many places as they are now."""
    if booking.state not in SEATED:
        return
    _give_seat_back(booking.slot_id, booking.guests)
    if not _take_seat(booking.slot_id, guests):
        raise SlotFullError(
            _(
                "%(slot)s has no room left for %(guests)s people.",
                slot=slot_title(booking.slot),
                guests=guests,
            ),
            "guests",
        )


def set_capacity(slot: Slot, capacity: int, most_guests: int | None = None) -> Slot:
    """Change how many bookings a slot takes; who waits moves up.

    Raises:
        ReservationRuleError: More are booked already, or the number is impossible.
    """
    people = slot.most_guests if most_guests is None else most_guests
    if not 1 <= capacity <= 1_000 or not 0 <= people <= 10_000:
        raise ReservationRuleError(_("A slot takes between 1 and 1,000 bookings."), "capacity")
    changed: Any = db.session.execute(
        sa.update(Slot)
        .where(
            Slot.id == slot.id,
            Slot.booked <= capacity,
            sa.or_(sa.literal(people == 0), Slot.guests <= people),
        )
        .values(capacity=capacity, most_guests=people),
        execution_options={"synchronize_session": False},
    )
    _forget(slot.id)
    if not changed.rowcount:
        raise ReservationRuleError(
            _(
                "%(slot)s has %(count)s bookings with %(guests)s people. Move some of them first.",
                slot=slot_title(slot),
                count=slot.booked,
                guests=slot.guests,
            ),
            "capacity",
        )
    move_up(slot)
    return slot


def set_blocked(slot: Slot, blocked: bool, note: str = "") -> Slot:
    """Take a slot out of the offer, or offer it again; bookings that it has stay."""
    db.session.refresh(slot, with_for_update=True)
    slot.blocked = blocked
    slot.note = note.strip()[:160]
    db.session.flush()
    if not blocked:
        move_up(slot)
    return slot


def bookings_of(reference: Reference, *, active: bool = True) -> Sequence[Booking]:
    """Return the bookings of another module's record, the newest first.

    Args:
        reference: Code of its kind, and its id.
        active: Only those that have not been cancelled.
    """
    query = sa.select(Booking).where(
        Booking.reference_kind == reference[0], Booking.reference_id == reference[1]
    )
    if active:
        query = query.where(Booking.state != "cancelled")
    return db.session.scalars(query.order_by(Booking.id.desc())).all()


def bookings_of_many(kind: str, record_ids: Sequence[int]) -> dict[int, Booking]:
    """Return the newest booking of each of another module's records that was not cancelled, by the id of the record.

    Args:
        kind: Code of their kind.
        record_ids: Their ids, some hundred at the most.
    """
    rows = db.session.scalars(
        sa.select(Booking)
        .where(
            Booking.reference_kind == kind,
            Booking.reference_id.in_(record_ids),
            Booking.state != "cancelled",
        )
        .options(sa.orm.joinedload(Booking.slot).joinedload(Slot.resource))
        .order_by(Booking.id)
    )
    return {row.reference_id: row for row in rows if row.reference_id is not None}


# --- Telling staff


def recipients(booking: Booking, event: RuleEvent) -> Sequence[NotificationRule]:
    """Return the rules that say who is told of a booking: by purpose, size and wishes."""
    rules = db.session.scalars(
        sa.select(NotificationRule)
        .where(
            NotificationRule.project_id == booking.project_id,
            NotificationRule.active.is_(True),
            NotificationRule.event == event,
            sa.or_(
                NotificationRule.purpose_id.is_(None), NotificationRule.purpose_id == booking.slot.purpose_id
            ),
            NotificationRule.guests_from <= booking.guests,
            sa.or_(NotificationRule.guests_to.is_(None), NotificationRule.guests_to >= booking.guests),
        )
        .order_by(NotificationRule.id)
    ).all()
    return [rule for rule in rules if booking.wishes or not rule.only_with_wishes]


def tell_staff(booking: Booking, event: RuleEvent) -> int:
    """Give a to-do to everybody whom the rules name, and return how many were told."""
    words = {
        RuleEvent.BOOKED: _l("Prepare %(number)s", number=booking.number),
        RuleEvent.MOVED: _l("Moved: %(number)s", number=booking.number),
        RuleEvent.CANCELLED: _l("Cancelled: %(number)s", number=booking.number),
    }

    def note() -> str:
        parts = (
            purpose_name(booking.slot.purpose),
            slot_title(booking.slot),
            _("%(count)s people", count=booking.guests),
            booking.wishes,
        )
        return " · ".join(filter(None, parts))[:1000]

    told = recipients(booking, event)
    for rule in told:
        add_todo(
            booking,
            words[event],
            owner=rule.user_id,
            role=None if rule.user_id is not None else rule.role_code or None,
            due_at=booking.slot.starts_at if event != RuleEvent.CANCELLED else None,
            note=in_each_language(note),
            dedupe_key=f"reservations:{booking.id}:{rule.id}:{event}:{booking.moved_count}",
        )
    return len(told)


def read_back(booking: Booking) -> list[tuple[str, str]]:
    """Return what is repeated to the customer before he agrees, as ``(label, value)`` pairs."""
    phone = booking.contact_phone
    return [
        (_("Full name"), booking.name),
        (_("Phone"), phone),
        (_("House"), booking.unit.code if booking.unit is not None else ""),
        (_("Purpose"), purpose_name(booking.slot.purpose)),
        (_("Time"), slot_title(booking.slot)),
        (_("People"), str(booking.guests)),
        (_("Special wishes"), booking.wishes),
    ]


# --- Setting up


def set_setup_items(purpose: Purpose, lines: Sequence[tuple[str, str]]) -> None:
    """Replace the checklist of a purpose; bookings that have their checklist already keep it.

    Args:
        purpose: The purpose.
        lines: What is looked at, and its measure.
    """
    purpose.setup_items = [
        SetupItem(
            project_id=purpose.project_id, position=position, text=text.strip(), measure=measure.strip()
        )
        for position, (text, measure) in enumerate(lines, start=1)
        if text.strip()
    ]
    db.session.flush()


def _lay_out_setup(booking: Booking) -> None:
    items = db.session.scalars(
        sa.select(SetupItem)
        .where(SetupItem.purpose_id == booking.slot.purpose_id)
        .order_by(SetupItem.position, SetupItem.id)
    ).all()
    db.session.add_all(
        SetupCheck(
            project_id=booking.project_id,
            booking_id=booking.id,
            position=position,
            text=item.text,
            measure=item.measure,
        )
        for position, item in enumerate(items, start=1)
    )
    db.session.flush()


def check_setup(check: SetupCheck, passed: bool | None, measured: str = "") -> SetupCheck:
    """Note whether a line of the checklist is as it should be, and what was measured."""
    if check.booking.state == "cancelled":
        raise ReservationRuleError(_("Booking %(number)s was cancelled.", number=check.booking.number))
    check.passed = passed
    check.measured = measured.strip()[:80]
    check.checked_at = None if passed is None else utc_now()
    check.checked_by_id = None if passed is None else require_scope().user_id
    db.session.flush()
    return check


# --- Words


def purpose_name(purpose: Purpose) -> str:
    """Return the name of a purpose in the language of the page."""
    return in_language(purpose.name, purpose.name_en or purpose.name)


def resource_name(resource: Resource) -> str:
    """Return the name of a resource in the language of the page."""
    return in_language(resource.name, resource.name_en or resource.name)


def clock(moment: dt.datetime) -> str:
    """Return the time of day in China."""
    return moment.astimezone(LOCAL_ZONE).strftime("%H:%M")


def slot_title(slot: Slot) -> str:
    """Return when and where a slot is, for example ``2026-11-28 周六 09:00–10:00 · 交付台``."""
    start, end = slot.starts_at.astimezone(LOCAL_ZONE), slot.ends_at.astimezone(LOCAL_ZONE)
    # A list shows fifty of them, and strftime() takes three times as long.
    times = f"{start.hour:02}:{start.minute:02}–{end.hour:02}:{end.minute:02}"
    weekday = _weekday(start.weekday(), str(get_locale()))
    return f"{start.date()} {weekday} {times} · {resource_name(slot.resource)}"


@cache
def _weekday(number: int, language: str) -> str:
    """Return the short name of a day of the week; lists show one in each row.

    Args:
        number: 0 is Monday.
        language: Code of the locale.
    """
    return get_day_names("abbreviated", locale=language)[number]


def local_date(slot: Slot) -> dt.date:
    """Return the day of a slot in China."""
    return slot.starts_at.astimezone(LOCAL_ZONE).date()


_SUMMARIES = {
    "booked": _l("Booked"),
    "waiting": _l("On the waiting list"),
    "moved_up": _l("Moved up from the waiting list"),
    "moved": _l("Moved"),
    "cancelled": _l("Cancelled"),
    "done": _l("Completed"),
    "no_show": _l("Did not come"),
}


def _write(booking: Booking, what: str, before: Slot | None = None) -> None:
    """Write a line on the customer's timeline."""
    if booking.customer is None and booking.unit is None:
        return

    def summary() -> str:
        said = _(
            "%(what)s: %(purpose)s, %(slot)s",
            what=_SUMMARIES[what],
            purpose=purpose_name(booking.slot.purpose),
            slot=slot_title(booking.slot),
        )
        if before is None:
            return said
        return _("%(what)s (before: %(slot)s)", what=said, slot=slot_title(before))

    write_timeline(
        "reservations.booking",
        in_each_language(summary),
        customer=booking.customer,
        unit=booking.unit,
        record_kind="reservations.booking",
        record_id=booking.id,
        details={"number": booking.number, "what": what},
    )


# --- Figures


def seats_left(slots: Iterable[Slot]) -> int:
    """Return how many bookings slots still take, as the desk and the sheet of the day say it.

    Args:
        slots: The slots of a day; those that have begun take nobody any more.
    """
    now = utc_now()
    return sum(slot.free for slot in slots if slot.starts_at > now)


@dataclass(frozen=True)
class Figures:
    """How bookings of some days went. Rates are None where nothing was counted.

    Attributes:
        booked: Bookings that took a seat.
        guests: People in them.
        answered: Calls answered within the limit of rings, of those for which it was noted.
        calls: Calls for which the rings were noted.
        read_back: Bookings that were read back, of those that took a seat and were not cancelled.
        to_read_back: Those.
        no_show: Customers who did not come, of those whose slot is over.
        over: Those.
        setup_passed: Lines of checklists that passed, of those that were checked.
        setup_checked: Those.
        overbooked: Slots with more bookings than seats; always 0.
    """

    booked: int
    guests: int
    answered: int
    calls: int
    read_back: int
    to_read_back: int
    no_show: int
    over: int
    setup_passed: int
    setup_checked: int
    overbooked: int


def figures(first: dt.date, last: dt.date, project: Project | None = None) -> Figures:
    """Return how the bookings of some days went (domain reference 4.5, KPIs).

    Args:
        first: First day of the slots.
        last: Last day, included.
        project: Only of this project; of all that the user sees when None.
    """
    start, end = day_bounds(first)[0], day_bounds(last)[1]
    during = [Slot.starts_at >= start, Slot.starts_at < end]
    if project is not None:
        during.append(Slot.project_id == project.id)
    seated = Booking.state.in_(SEATED)
    rings = int(setting("reservations", "most_rings"))
    ended = Booking.state.in_(("arrived", "done", "no_show"))

    def count(condition: Any) -> Any:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    row = db.session.execute(
        sa.select(
            count(seated),
            sa.func.coalesce(sa.func.sum(sa.case((seated, Booking.guests), else_=0)), 0),
            count(sa.and_(Booking.rings.is_not(None), Booking.rings <= rings)),
            count(Booking.rings.is_not(None)),
            count(sa.and_(seated, Booking.read_back_at.is_not(None))),
            count(Booking.state == "no_show"),
            count(ended),
        )
        .select_from(Booking)
        .join(Slot, Slot.id == Booking.slot_id)
        .where(*during)
    ).one()
    setup = db.session.execute(
        sa.select(count(SetupCheck.passed.is_(True)), count(SetupCheck.passed.is_not(None)))
        .select_from(SetupCheck)
        .join(Booking, Booking.id == SetupCheck.booking_id)
        .join(Slot, Slot.id == Booking.slot_id)
        .where(*during)
    ).one()
    overbooked = db.session.scalar(
        sa.select(sa.func.count(Slot.id)).where(*during, Slot.booked > Slot.capacity)
    )
    return Figures(
        booked=int(row[0]),
        guests=int(row[1]),
        answered=int(row[2]),
        calls=int(row[3]),
        read_back=int(row[4]),
        to_read_back=int(row[0]),
        no_show=int(row[5]),
        over=int(row[6]),
        setup_passed=int(setup[0]),
        setup_checked=int(setup[1]),
        overbooked=int(overbooked or 0),
    )


def day_bounds(day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Return the first moment of a day in China and of the next one, in UTC."""
    start = dt.datetime.combine(day, dt.time(), LOCAL_ZONE)
    return start.astimezone(dt.UTC), (start + dt.timedelta(days=1)).astimezone(dt.UTC)


# --- Customers


def move_to_customer(kept_id: int, merged_id: int) -> None:
    """Move the bookings of a merged customer."""
    for booking in db.session.scalars(sa.select(Booking).where(Booking.customer_id == merged_id)):
        booking.customer_id = kept_id
    db.session.flush()


def erase_of_customer(customer_id: int) -> None:
    """Empty what the bookings of a customer say of him; that somebody came stays for the figures."""
    for booking in db.session.scalars(sa.select(Booking).where(Booking.customer_id == customer_id)):
        booking.contact_name = booking.contact_phone = booking.wishes = booking.closing_reason = ""
        booking.customer_id = None
    db.session.flush()


def of_customer(customer_id: int) -> list[dict[str, Any]]:
    """Return the bookings of a customer, as plain data (PIPL 45)."""
    rows = db.session.scalars(sa.select(Booking).where(Booking.customer_id == customer_id))
    return [
        {
            "number": row.number,
            "state": row.state,
            "time": row.slot.starts_at.isoformat(),
            "contact_name": row.contact_name,
            "contact_phone": row.contact_phone,
            "guests": row.guests,
            "wishes": row.wishes,
        }
        for row in rows
    ]


def uses_of(record_kind: str, record_id: int) -> list[str]:
    """Return why a project or a house may not be deleted."""
    column = {"core.unit": Booking.unit_id, "core.project": Booking.project_id}.get(record_kind)
    if column is None:
        return []
    count = db.session.scalar(sa.select(sa.func.count(Booking.id)).where(column == record_id)) or 0
    return [_("It has %(count)s bookings.", count=count)] if count else []
