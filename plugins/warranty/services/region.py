"""What is brought before the region at once, without waiting for the ladder: complaints to the media, and problems of
many households."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    Department,
    DepartmentKind,
    Project,
    Text,
    _,
    _l,
    add_todo,
    db,
    department_path,
    has_permission,
)
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import Escalation, Order
from plugins.warranty.services.intake import tell_of
from plugins.warranty.services.steps import escalate, require_open

MEDIA = "media"
"""Step of the escalation that a complaint to the media is."""


def region_of(project: Project) -> Department | None:
    """Return the region above the company of a project; None where the tree has none."""
    return db.session.scalar(
        sa.select(Department)
        .where(
            Department.id.in_(department_path(project.department_id)),
            Department.kind == DepartmentKind.REGION,
        )
        .limit(1)
    )


def tell_region(record: Any, title: Text, note: Text = "", *, key: str) -> None:
    """Ask brand and customer service of the region to look after something; once for each key.

    Args:
        record: An order, or a batch problem.
        title: What, in a few words.
        note: Why.
        key: What makes it the same, within the module.

    Source: domain reference 3.4.4, last rung of the ladder.
    """
    add_todo(
        record,
        title,
        department=region_of(record.project),
        role="BCS",
        note=note,
        dedupe_key=f"warranty:{key}",
    )


def media_complaint(order: Order) -> Escalation | None:
    """Return what was noted of a complaint to the media about an order, or None."""
    return db.session.scalar(
        sa.select(Escalation).where(Escalation.order_id == order.id, Escalation.step == MEDIA)
    )


def note_media(order: Order, reason: str) -> Escalation | None:
    """Note that a repair is in the media, or about to be: the region hears of it at once, whatever the ladder says.

    Args:
        order: An order that has not ended.
        reason: Which medium, since when, what is said; brand and customer service and public relations read it.

    Raises:
        WarrantyRuleError: The right or the reason is missing, the order has ended, or the region was told already.

    Source: domain reference 3.4.4: "15 d or media/≥5 households → region BCS + PR"; touchpoint F10.
    """
    require_open(order)
    if not has_permission("warranty.tell_region"):
        raise WarrantyRuleError(
            _("Bringing a repair before the region needs a right that your role does not have.")
        )
    if not reason.strip():
        raise WarrantyRuleError(
            _("Write down which medium it is and what is said; the region decides by it."), "reason"
        )
    if media_complaint(order) is not None:
        raise WarrantyRuleError(
            _("The region was told of %(number)s already. Add what is new as a remark.", number=order.number)
        )
    found = escalate(order, MEDIA, reason.strip())
    tell_region(
        order,
        _l("In the media: %(number)s, inform public relations", number=order.number),
        reason.strip(),
        key=f"media:{order.id}",
    )
    tell_of(
        order,
        "TP-F10",
        "warranty.escalated",
        _l("Complaint about %(number)s in the media", number=order.number),
    )
    return found
