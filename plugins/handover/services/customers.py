"""What happens to inspections and handovers when customers are merged or erased, and what is told of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from core.toolkit import CustomerUnit, db
from plugins.handover.models import HandoverUnit, Inspection, IssuedPaper, KeyRecord
from plugins.handover.preparation.models import AreaSettlement, ContactAttempt, DeliveryLetter


def move_customer(kept_id: int, merged_id: int) -> None:
    """Move what is held about a customer to another one, because both are the same person."""
    db.session.execute(
        sa.update(Inspection)
        .where(Inspection.customer_id == merged_id)
        .values(customer_id=kept_id)
        .execution_options(synchronize_session="fetch")
    )


def forget_customer(customer_id: int) -> None:
    """Take a customer's name out of inspections; what was found in the house stays."""
    db.session.execute(
        sa.update(Inspection)
        .where(Inspection.customer_id == customer_id)
        .values(customer_id=None, attorney_name="", companions="")
        .execution_options(synchronize_session="fetch")
    )
    places = db.session.scalars(
        sa.select(HandoverUnit).where(HandoverUnit.unit_id.in_(_houses_of(customer_id)))
    ).all()
    for place in places:
        place.attorney_name = place.attorney_document = ""
    keys = [place.id for place in places]
    for paper in db.session.scalars(sa.select(IssuedPaper).where(IssuedPaper.handover_unit_id.in_(keys))):
        paper.signed_by = ""
    for held in db.session.scalars(sa.select(KeyRecord).where(KeyRecord.handover_unit_id.in_(keys))):
        held.handed_to = ""
    for letter in db.session.scalars(
        sa.select(DeliveryLetter).where(DeliveryLetter.handover_unit_id.in_(keys))
    ):
        letter.received_by = ""
    for attempt in db.session.scalars(
        sa.select(ContactAttempt).where(ContactAttempt.handover_unit_id.in_(keys))
    ):
        attempt.note = ""
    db.session.flush()


def _houses_of(customer_id: int) -> Any:
    return sa.select(CustomerUnit.unit_id).where(CustomerUnit.customer_id == customer_id)


def held_about(customer_id: int) -> dict[str, Any] | None:
    """Return what is held about a customer, as plain data, or None."""
    rows = db.session.scalars(
        sa.select(Inspection).where(Inspection.customer_id == customer_id).order_by(Inspection.id)
    ).all()
    places = db.session.scalars(
        sa.select(HandoverUnit)
        .where(HandoverUnit.unit_id.in_(_houses_of(customer_id)), HandoverUnit.state != "planned")
        .order_by(HandoverUnit.id)
    ).all()
    if not rows and not places:
        return None
    return {
        "inspections": [
            {
                "number": row.number,
                "unit": row.unit.code,
                "kind": str(row.kind),
                "finished_at": row.finished_at.isoformat() if row.finished_at else None,
                "attorney": row.attorney_name,
                "opinion": row.opinion,
                "opinion_note": row.opinion_note,
                "defects": [
                    {
                        "number": defect.number,
                        "room": defect.room_name,
                        "description": defect.description,
                        "state": defect.state,
                    }
                    for defect in row.defects
                ],
            }
            for row in rows
        ],
        "handovers": [
            {
                "unit": place.unit.code,
                "state": place.state,
                "notice_sent_at": place.notice_sent_at.isoformat() if place.notice_sent_at else None,
                "attorney": place.attorney_name,
                "attorney_document": place.attorney_document,
                "delivered_at": place.delivered_at.isoformat() if place.delivered_at else None,
                "refusal_reason": place.refusal_reason,
                "refusal_note": place.refusal_note,
                "booked_for": place.booked_for.isoformat() if place.booked_for else None,
                **_preparation_of(place),
                "fees": [{"kind": str(fee.kind), "amount": str(fee.amount)} for fee in place.fees],
                "papers": [{"kind": str(paper.kind), "signed_by": paper.signed_by} for paper in place.papers],
                "keys": [
                    {"kind": str(key.kind), "quantity": key.quantity, "handed_to": key.handed_to}
                    for key in place.keys
                ],
            }
            for place in places
        ],
    }


def _preparation_of(place: HandoverUnit) -> dict[str, Any]:
    """Return letters, calls and area settlement of a house, as plain data."""
    letters = db.session.scalars(sa.select(DeliveryLetter).where(DeliveryLetter.handover_unit_id == place.id))
    attempts = db.session.scalars(
        sa.select(ContactAttempt).where(ContactAttempt.handover_unit_id == place.id)
    )
    areas = db.session.scalars(sa.select(AreaSettlement).where(AreaSettlement.handover_unit_id == place.id))
    return {
        "letters": [
            {
                "kind": str(letter.kind),
                "document": letter.document_number,
                "sent_at": letter.sent_at.isoformat(),
                "received_at": letter.received_at.isoformat() if letter.received_at else None,
                "received_by": letter.received_by,
            }
            for letter in letters
        ],
        "attempts": [
            {
                "at": attempt.at.isoformat(),
                "means": str(attempt.means),
                "reached": attempt.reached,
                "note": attempt.note,
            }
            for attempt in attempts
        ],
        "area": [
            {
                "contract": str(area.contract_area),
                "measured": str(area.measured_area),
                "state": area.state,
            }
            for area in areas
        ],
    }
