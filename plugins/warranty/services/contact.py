"""Dispatch, the contact with the owner, and what he is told."""

from __future__ import annotations

import datetime as dt
from typing import Any

from core.toolkit import (
    Message,
    User,
    _,
    _l,
    add_todo,
    db,
    finish_todos_by_key,
    users_with,
    utc_now,
)
from plugins.contractors.models import Company
from plugins.warranty import deadlines
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import Order, Saying
from plugins.warranty.services import telling
from plugins.warranty.services.intake import note_event, tell_of
from plugins.warranty.services.steps import moment_of_step, progress_key, require_open, tell_engineer
from plugins.warranty.sla import Step
from plugins.warranty.workflows import ORDER


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
    deadlines.hand_on(order)
    name = order.contractor.label if order.contractor is not None else ""
    note_event(order, "dispatched", " · ".join(filter(None, (name, note.strip()))))
    if order.engineer_id is not None:
        add_todo(
            order,
            _l("Look after %(number)s", number=order.number),
            owner=order.engineer_id,
            due_at=order.contact_due_at,
            dedupe_key=f"warranty:order:{order.id}:{order.engineer_id}:{order.reopen_count}",
            customer=order.customer,
            unit=order.unit,
        )
    telling.dispatched(order)


def dispatching_engineer(order: Order) -> User | None:
    """Return the engineer of an order if he may dispatch it himself; else the customer-service manager does."""
    if order.engineer_id is None:
        return None
    known = users_with("warranty.dispatch_order", [order.project_id])
    return db.session.scalar(known.where(User.id == order.engineer_id))


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
    moment = moment_of_step(order, at)
    ORDER.move(order, "contact", contacted_at=order.contacted_at or moment)
    deadlines.stop(order, Step.CONTACT, moment)
    note_event(order, "contact", text, saying=None if text.strip() else Saying.REACHED, at=moment)
    tell_of(order, "TP-F02", "warranty.contacted", _l("First contact about %(number)s", number=order.number))


def note_attempt(order: Order, text: str, at: dt.datetime | None = None) -> None:
    """Note that the owner was not reached; every contact is evidence (商品房买卖合同司法解释)."""
    note_event(
        order,
        "attempt",
        text,
        saying=None if text.strip() else Saying.NOT_REACHED,
        at=moment_of_step(order, at),
    )


def tell_progress(
    order: Order, text: str, at: dt.datetime | None = None, *, by_message: bool = False
) -> Message | None:
    """Note what the owner was told about the progress; the next time is due again, and nobody is asked for it any more.

    Args:
        order: An order that has not ended.
        text: What he was told, or is told now.
        at: When; now when omitted.
        by_message: Whether the text goes to him as a message; else he was told by telephone or on site.

    Returns:
        The message, or None where none was wanted or nobody can get one.

    Raises:
        WarrantyRuleError: There is nothing to tell, or the order has ended.
    """
    require_open(order)
    if not text.strip():
        raise WarrantyRuleError(_("Write down what the owner was told."), "text")
    moment = moment_of_step(order, at)
    deadlines.stop(order, Step.PROGRESS, moment)
    deadlines.start(order, Step.PROGRESS, moment)
    told = note_event(order, "progress", text, is_public=True, at=moment)
    finish_todos_by_key(progress_key(order))
    return telling.progress(told, order) if by_message else None


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
    note_event(order, "urge", saying=Saying.URGED, is_public=True, count=order.urge_count)
    tell_engineer(
        order,
        _l("The owner urges: %(number)s", number=order.number),
        key=f"urge:{order.id}:{order.urge_count}",
    )
