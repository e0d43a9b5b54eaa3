"""Spare parts: what is kept for repairs, what came in, and what was used for which order."""

from __future__ import annotations

import sqlalchemy as sa

from core.toolkit import Project, _, db, require_scope
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import Order, SpareMove, SparePart
from plugins.warranty.services.coverage import category_of

LARGEST_MOVE = 1_000_000


def add_part(
    project: Project,
    *,
    name: str,
    specification: str = "",
    category_code: str = "W06",
    measure: str = "件",
    location: str = "",
    quantity: int = 0,
) -> SparePart:
    """Add a spare part with what lies in store.

    Raises:
        WarrantyRuleError: The name is missing, the part is there already, or the quantity is not possible.
    """
    title, detail = name.strip()[:80], specification.strip()[:120]
    if not title:
        raise WarrantyRuleError(_("The spare part needs a name."), "name")
    if db.session.scalar(
        sa.select(SparePart.id).where(
            SparePart.project_id == project.id, SparePart.name == title, SparePart.specification == detail
        )
    ):
        raise WarrantyRuleError(_("This spare part is in the list already."), "name")
    part = SparePart(
        project_id=project.id,
        name=title,
        specification=detail,
        category_code=category_of(category_code).code,
        measure=measure.strip()[:12] or "件",
        location=location.strip()[:80],
        quantity=0,
    )
    db.session.add(part)
    db.session.flush()
    if quantity:
        move_part(part, quantity, _("In store at the beginning"))
    return part


def move_part(part: SparePart, quantity: int, note: str = "", order: Order | None = None) -> SpareMove:
    """Note that parts came in (positive) or were used (negative); the store never falls below nothing.

    Args:
        part: The part.
        quantity: How many.
        note: Why.
        order: For which order they were used.

    Raises:
        WarrantyRuleError: The quantity is 0 or not possible, the order is of another project, or fewer lie in store.
    """
    if quantity == 0 or abs(quantity) > LARGEST_MOVE:
        raise WarrantyRuleError(_("Write down how many parts came in or were used."), "quantity")
    if order is not None and order.project_id != part.project_id:
        raise WarrantyRuleError(_("The order is of another project."))
    raised = db.session.execute(
        sa.update(SparePart)
        .where(SparePart.id == part.id, SparePart.quantity + quantity >= 0)
        .values(quantity=SparePart.quantity + quantity)
        .execution_options(synchronize_session=False)
    )
    if not raised.rowcount:  # type: ignore[attr-defined]
        raise WarrantyRuleError(
            _("Only %(count)s lie in store.", count=f"{part.quantity} {part.measure}"), "quantity"
        )
    db.session.refresh(part)
    move = SpareMove(
        project_id=part.project_id,
        part_id=part.id,
        order_id=order.id if order is not None else None,
        quantity=quantity,
        note=note.strip()[:255],
        by_id=require_scope().user_id,
    )
    db.session.add(move)
    db.session.flush()
    return move
