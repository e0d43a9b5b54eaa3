"""The sections that the module adds to pages of the core and to its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import url_for
from sqlalchemy.orm import joinedload

from core.toolkit import (
    CalendarEntry,
    Customer,
    Unit,
    db,
    has_permission,
    local_today,
    mask_phone,
    require_scope,
    sees_personal_data,
)
from plugins.reservations import documents, services
from plugins.reservations.models import Booking, Purpose, Slot
from plugins.reservations.workflows import BOOKING, COMING, RECORD

SHOWN = 20
SHOWN_OF_SLOT = 200


def _bookings(*conditions: Any) -> list[Booking]:
    return list(
        db.session.scalars(
            sa.select(Booking)
            .join(Slot, Slot.id == Booking.slot_id)
            .where(*conditions)
            .options(
                joinedload(Booking.slot).joinedload(Slot.resource),
                joinedload(Booking.slot).joinedload(Slot.purpose),
            )
            .order_by(Slot.starts_at.desc(), Booking.id.desc())
            .limit(SHOWN)
        )
    )


def _listed(rows: Sequence[Booking]) -> Mapping[str, Any] | None:
    if not rows:
        return None
    return {
        "rows": rows,
        "states": BOOKING,
        "title": services.slot_title,
        "purpose": services.purpose_name,
        "count": len(rows),
    }


def of_customer(record: Customer) -> Mapping[str, Any] | None:
    """Return the bookings of a customer."""
    return _listed(_bookings(Booking.customer_id == record.id))


def of_unit(record: Unit) -> Mapping[str, Any] | None:
    """Return the bookings of a house."""
    return _listed(_bookings(Booking.unit_id == record.id))


def of_slot(record: Slot) -> Mapping[str, Any] | None:
    """Return who comes at a slot, and who waits for it."""
    rows = db.session.scalars(
        sa.select(Booking)
        .where(Booking.slot_id == record.id)
        .options(joinedload(Booking.customer), joinedload(Booking.unit))
        .order_by(Booking.id)
        .limit(SHOWN_OF_SLOT)
    ).all()
    shown = _listed(rows)
    return None if shown is None else {**shown, "of_slot": True}


def read_back(record: Booking) -> Mapping[str, Any] | None:
    """Return what is repeated to the customer, and who will be told."""
    sees = sees_personal_data()
    facts = [
        (label, value if index != 1 or sees or not value else mask_phone(value))
        for index, (label, value) in enumerate(services.read_back(record))
    ]
    return {
        "facts": facts,
        "recipients": documents.recipient_words(record),
        "booking": record,
        "may_move": _may_move(record),
    }


def _may_move(record: Booking) -> bool:
    return has_permission(RECORD) and record.state in (*COMING, "waiting")


def setup(record: Booking) -> Mapping[str, Any] | None:
    """Return the checklist of a booking."""
    checks = record.setup_checks
    if not checks:
        return None
    return {
        "checks": checks,
        "done": sum(check.passed is not None for check in checks),
        "booking": record,
        "may_check": has_permission(RECORD) and record.state != "cancelled",
        "count": len(checks),
    }


def today(_record: Any) -> Mapping[str, Any] | None:
    """Return how many come today, for the home page."""
    day = local_today()
    start, end = services.day_bounds(day)
    rows = db.session.execute(
        sa.select(Booking.state, sa.func.count(Booking.id), sa.func.sum(Booking.guests))
        .join(Slot, Slot.id == Booking.slot_id)
        .where(Slot.starts_at >= start, Slot.starts_at < end, Booking.state.not_in(("cancelled",)))
        .group_by(Booking.state)
    ).all()
    if not rows:
        return None
    counts = {row[0]: int(row[1]) for row in rows}
    return {
        "coming": sum(counts.get(state, 0) for state in COMING),
        "arrived": counts.get("arrived", 0) + counts.get("done", 0),
        "waiting": counts.get("waiting", 0),
        "unconfirmed": counts.get("requested", 0),
        "day": day,
    }


def calendar(start: Any, end: Any, mine: bool) -> Sequence[CalendarEntry]:
    """Return the bookings of some days for the calendar: one entry a slot that has bookings.

    Args:
        start: From when on, in UTC.
        end: Until when, excluded.
        mine: Only what the acting user booked himself.
    """
    query = (
        sa.select(Slot, sa.func.count(Booking.id), sa.func.sum(Booking.guests))
        .join(Booking, Booking.slot_id == Slot.id)
        .where(
            Slot.starts_at >= start,
            Slot.starts_at < end,
            Booking.state.not_in(("cancelled", "waiting", "no_show")),
        )
        .options(joinedload(Slot.resource), joinedload(Slot.purpose))
        .group_by(Slot.id)
        .order_by(Slot.starts_at)
        .limit(500)
    )
    if mine:
        query = query.where(Booking.booked_by_id == require_scope().user_id)
    return [
        CalendarEntry(
            title=f"{services.purpose_name(slot.purpose)} {count}",
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            url=url_for("reservations_desk.index", project=slot.project_id, day=local_day(slot)),
            detail=services.resource_name(slot.resource),
            tone="ok" if slot.free else "wait",
        )
        for slot, count, _guests in db.session.execute(query)
    ]


def local_day(slot: Slot) -> str:
    """Return the day of a slot in China as ``2026-11-28``."""
    return services.local_date(slot).isoformat()


def purpose_setup(record: Purpose) -> Mapping[str, Any] | None:
    """Return the checklist of a purpose."""
    items = record.setup_items
    return {"items": items, "count": len(items)} if items else None
