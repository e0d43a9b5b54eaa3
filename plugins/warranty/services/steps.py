"""What every step of an order shares: the moment that was typed, the end, and the way up."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from core.toolkit import (
    Text,
    _,
    _l,
    add_todo,
    db,
    finish_todos_of,
    stop_clocks_of,
    utc_now,
    worded,
)
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    Escalation,
    Order,
)
from plugins.warranty.services.intake import note_event
from plugins.warranty.workflows import ENDED, ORDER


def moment_of_step(order: Order, at: dt.datetime | None, earliest: dt.datetime | None = None) -> dt.datetime:
    """Return a moment that was typed, refused when it lies in the future or before what came before."""
    now = utc_now()
    if at is None:
        return now
    first = earliest or order.registered_at
    if at > now + dt.timedelta(minutes=5):
        raise WarrantyRuleError(_("This moment lies in the future. Enter one that has passed."))
    if at < first:
        raise WarrantyRuleError(
            _(
                "This moment lies before the previous step of %(number)s. Check date and time.",
                number=order.number,
            )
        )
    return min(at, now)


def require_open(order: Order) -> None:
    """Refuse to change an order that has ended.

    Raises:
        WarrantyRuleError: It is closed, refused, merged or cancelled.
    """
    if order.state in ENDED:
        raise WarrantyRuleError(
            _(
                "%(number)s is “%(state)s” and does not change any more.",
                number=order.number,
                state=ORDER.state_of(order).label,
            )
        )


def end_work(order: Order) -> None:
    """Stop what still runs for an order, and take back what it asked for."""
    stop_clocks_of(order)
    finish_todos_of(order)


def progress_key(order: Order) -> str:
    """Return how the keys of the to-dos begin that ask for the progress of an order."""
    return f"warranty:progress:{order.id}:"


def tell_engineer(order: Order, text: Text, note: Text = "", *, key: str) -> None:
    """Ask whoever looks after an order to do something; the customer-service manager where nobody does.

    Args:
        order: The order.
        text: What.
        note: Why.
        key: What makes it the same, within the module.
    """
    add_todo(
        order,
        text,
        owner=order.engineer_id,
        role=None if order.engineer_id else "PCM",
        note=note,
        dedupe_key=f"warranty:{key}",
    )


def escalate(order: Order, step: str, reason: Text) -> Escalation | None:
    """Bring an order before the customer-service manager, once for each step.

    Args:
        order: The order.
        step: ``overdue_…``, ``repeat_…``, ``repair_…``, ``dissatisfied_…``, ``rated_…`` or ``media``.
        reason: Why.

    Returns:
        What was noted, or None where it was before.
    """
    held = db.session.scalar(
        sa.select(Escalation.id).where(Escalation.order_id == order.id, Escalation.step == step)
    )
    if held is not None:
        return None
    row = Escalation(project_id=order.project_id, order_id=order.id, step=step[:40], reason=worded(reason))
    db.session.add(row)
    note_event(order, "escalated", reason)
    if not step.startswith("overdue_"):
        # The ladder of the clock asks by itself.
        add_todo(
            order,
            _l("Escalated: %(number)s", number=order.number),
            role="PCM",
            note=reason,
            dedupe_key=f"warranty:escalated:{order.id}:{step}",
        )
    return row
