"""What happens to inspections when customers are merged or erased, and what is told of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    db,
)
from plugins.handover.models import (
    Inspection,
)


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


def held_about(customer_id: int) -> dict[str, Any] | None:
    """Return what is held about a customer, as plain data, or None."""
    rows = db.session.scalars(
        sa.select(Inspection).where(Inspection.customer_id == customer_id).order_by(Inspection.id)
    ).all()
    if not rows:
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
        ]
    }
