"""What happens to requests and orders when customers are merged or erased, and what is told of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from core.toolkit import db
from plugins.warranty.models import Acceptance, CallBack, Escalation, Order, OrderEvent, Plan, Request


def move_customer(kept_id: int, merged_id: int) -> None:
    """Move what is held about a customer to another one, because both are the same person."""
    models: tuple[Any, ...] = (Request, Order)
    for model in models:
        for row in db.session.scalars(sa.select(model).where(model.customer_id == merged_id)):
            row.customer_id = kept_id
    db.session.flush()


def forget_customer(customer_id: int) -> None:
    """Take a person out of requests and orders; what was broken and repaired in the house stays."""
    requests = db.session.scalars(sa.select(Request).where(Request.customer_id == customer_id)).all()
    for request in requests:
        request.reporter_name = request.reporter_phone = request.availability = request.note = ""
        request.customer_id = None
    orders = db.session.scalars(sa.select(Order).where(Order.customer_id == customer_id)).all()
    keys = [order.id for order in orders]
    for order in orders:
        order.description = order.closing_reason = order.cover_reason = ""
        order.customer_id = None
    for acceptance in db.session.scalars(sa.select(Acceptance).where(Acceptance.order_id.in_(keys))):
        acceptance.signer_name = acceptance.note = ""
    for plan in db.session.scalars(sa.select(Plan).where(Plan.order_id.in_(keys))):
        plan.signed_name = ""
    for call in db.session.scalars(sa.select(CallBack).where(CallBack.order_id.in_(keys))):
        call.note = ""
    for escalation in db.session.scalars(sa.select(Escalation).where(Escalation.order_id.in_(keys))):
        escalation.reason = ""
    for event in db.session.scalars(sa.select(OrderEvent).where(OrderEvent.order_id.in_(keys))):
        event.text = ""
    db.session.flush()


def held_about(customer_id: int) -> dict[str, Any] | None:
    """Return what is held about a customer, as plain data (PIPL 45), or None."""
    from plugins.warranty.sayings import told

    requests = db.session.scalars(
        sa.select(Request).where(Request.customer_id == customer_id).order_by(Request.id)
    ).all()
    if not requests:
        return None
    return {
        "requests": [
            {
                "number": request.number,
                "house": request.house,
                "reported_at": request.reported_at.isoformat(),
                "reporter": request.reporter_name,
                "phone": request.reporter_phone,
                "availability": request.availability,
                "note": request.note,
                "orders": [
                    {
                        "number": order.number,
                        "room": order.room_name,
                        "description": order.description,
                        "state": order.state,
                        "closed_at": order.closed_at.isoformat() if order.closed_at else None,
                        "score": order.score,
                        "history": [
                            {"at": event.at.isoformat(), "text": told(event)}
                            for event in order.events
                            if event.is_public
                        ],
                    }
                    for order in request.orders
                ],
            }
            for request in requests
        ]
    }
