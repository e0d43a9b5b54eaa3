"""What is printed: reservation form 预订单, set-up checklist 布场检查表, sheet of a day 当日安排表 (domain 4.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from core.toolkit import _, db, in_language, role_label
from plugins.reservations import services, words
from plugins.reservations.models import Booking, DayPlan, RuleEvent, Slot
from plugins.reservations.workflows import BOOKING, SEATED


def booking_form(record: Booking, language: str) -> Mapping[str, Any]:
    """Return the values of the reservation form.

    Args:
        record: The booking.
        language: Locale of the print; the texts follow it by themselves.
    """
    del language
    facts = [(_("Number"), record.number), *services.read_back(record)]
    facts += [
        (_("Booked by way of"), str(words.SOURCES[record.source])),
        (_("State"), str(BOOKING.state_of(record).label)),
    ]
    return {
        "facts": facts,
        "place": record.slot.resource.place,
        "read_back": record.read_back_at,
        "recipients": [str(each) for each in recipient_words(record)],
        "checks": [
            [check.position, check.text, check.measure, check.measured, _mark(check.passed)]
            for check in record.setup_checks
        ],
    }


def setup_sheet(record: Booking, language: str) -> Mapping[str, Any]:
    """Return the values of the checklist with which a place is set up: no name stands on it, it lies about openly.

    Args:
        record: The booking.
        language: Locale of the print; the texts follow it by themselves.
    """
    del language
    slot = record.slot
    return {
        "facts": [
            (_("Number"), record.number),
            (_("Slot"), services.slot_title(slot)),
            (_("Purpose"), services.purpose_name(slot.purpose)),
            (_("People"), record.guests),
            (_("Place of the slot"), slot.resource.place, True),
            (_("Special wishes"), record.wishes, True),
        ],
        "checks": [
            [check.position, check.text, check.measure, check.measured, _mark(check.passed)]
            for check in record.setup_checks
        ],
    }


def recipient_words(record: Booking) -> list[str]:
    """Return who is told of a booking."""
    return [
        rule.user.name if rule.user is not None else role_label(rule.role_code)
        for rule in services.recipients(record, RuleEvent.BOOKED)
    ]


def _mark(passed: bool | None) -> str:
    return "" if passed is None else "✓" if passed else "✗"


def day_sheet(record: DayPlan, language: str) -> Mapping[str, Any]:
    """Return the values of the sheet of a day: slot by slot, who comes, and what is needed.

    The sheet is worked with, so that names and numbers stand on it in full for whoever may print it.
    """
    del language
    start, end = services.day_bounds(record.day)
    slots = db.session.scalars(
        sa.select(Slot)
        .where(Slot.project_id == record.project_id, Slot.starts_at >= start, Slot.starts_at < end)
        .options(joinedload(Slot.resource), joinedload(Slot.purpose))
        .order_by(Slot.starts_at, Slot.resource_id)
    ).all()
    bookings: dict[int, list[Booking]] = {}
    for booking in db.session.scalars(
        sa.select(Booking)
        .where(Booking.slot_id.in_([slot.id for slot in slots]), Booking.state.in_((*SEATED, "waiting")))
        .options(joinedload(Booking.customer), joinedload(Booking.unit))
        .order_by(Booking.id)
    ):
        bookings.setdefault(booking.slot_id, []).append(booking)
    rows: list[Any] = []
    count = guests = 0
    for slot in slots:
        title = " · ".join(
            (
                f"{services.clock(slot.starts_at)}–{services.clock(slot.ends_at)}",
                services.resource_name(slot.resource),
                services.purpose_name(slot.purpose),
                f"{slot.booked}/{slot.capacity}",
            )
        )
        held = bookings.get(slot.id, [])
        if not held:
            continue
        rows.append(title)
        for booking in held:
            count += booking.state in SEATED
            guests += booking.guests if booking.state in SEATED else 0
            rows.append(
                [
                    booking.number,
                    " ".join(part for part in (booking.name, booking.contact_phone) if part),
                    booking.unit.code if booking.unit is not None else "",
                    booking.guests,
                    booking.wishes,
                    str(BOOKING.state_of(booking).label),
                    "",
                ]
            )
    return {
        "facts": [
            (_("Project"), in_language(record.project.name, record.project.name_en)),
            (_("Date"), record.day.isoformat()),
            (_("Slots"), len(slots)),
            (_("Bookings"), count),
            (_("People"), guests),
            (_("Seats left"), services.seats_left(slots)),
        ],
        "rows": rows,
        "note": record.note,
    }
