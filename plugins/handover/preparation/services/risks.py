"""The risk check of a batch: the standard list, what is found, and the promises that are still to be kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    Promise,
    PromiseState,
    _,
    add_todo,
    db,
    finish_todos_of,
    in_each_language,
    in_language,
)
from plugins.handover import catalogue
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import HandoverBatch, HandoverUnit
from plugins.handover.preparation.models import RiskCategory, RiskItem
from plugins.handover.preparation.workflows import OPEN_RISKS, RISK

END_OF_DAY = dt.time(18, 30)


def make_list(batch: HandoverBatch) -> list[RiskItem]:
    """Give a batch the points of the standard list that it does not have yet; returns the new ones.

    Source: domain reference 5.6.2: contract documents, sales promises, construction quality, design changes
    [SRC 10]; facilities, readiness of the property company, fees.
    """
    held = set(db.session.scalars(sa.select(RiskItem.code).where(RiskItem.batch_id == batch.id)))
    made = [
        RiskItem(
            project_id=batch.project_id,
            batch_id=batch.id,
            category=RiskCategory(row["category"]),
            code=row["code"],
            title=row["title"]["zh"],
            title_en=row["title"]["en"],
            owner_role=row["role"],
        )
        for row in catalogue.reference("risk_items")["items"]
        if row["code"] not in held
    ]
    db.session.add_all(made)
    db.session.flush()
    return made


def items_of(batch: HandoverBatch) -> dict[RiskCategory, list[RiskItem]]:
    """Return the points of a batch by category, in the order of the list."""
    groups: dict[RiskCategory, list[RiskItem]] = {category: [] for category in RiskCategory}
    for item in db.session.scalars(
        sa.select(RiskItem).where(RiskItem.batch_id == batch.id).order_by(RiskItem.id)
    ):
        groups[RiskCategory(item.category)].append(item)
    return groups


def add_item(batch: HandoverBatch, values: Mapping[str, Any]) -> RiskItem:
    """Add a point that the standard list does not know.

    Args:
        batch: The batch.
        values: category, title, title_en, owner_role, responsible_id, due_on.

    Raises:
        HandoverRuleError: The title is missing.
    """
    if not str(values.get("title") or "").strip():
        raise HandoverRuleError(_("Say in a few words what is to be checked."))
    item = RiskItem(project_id=batch.project_id, batch_id=batch.id, **values)
    db.session.add(item)
    db.session.flush()
    return item


def change_item(item: RiskItem, values: Mapping[str, Any]) -> None:
    """Change the words of a point, who looks after it, and until when.

    Raises:
        HandoverRuleError: It was dealt with.
    """
    require_open(item)
    for name, value in values.items():
        setattr(item, name, value)
    db.session.flush()
    if item.state == "risk":
        _ask(item)


def require_open(item: RiskItem) -> None:
    """Refuse to change a point that was dealt with.

    Raises:
        HandoverRuleError: It was.
    """
    if item.state not in OPEN_RISKS:
        raise HandoverRuleError(
            _("“%(title)s” was dealt with. Press “Check again” to change it.", title=item.title)
        )


def take_step(item: RiskItem, code: str, values: Mapping[str, Any]) -> None:
    """Carry out a step of a point; a risk that was found becomes a to-do.

    Args:
        item: The point.
        code: The transition.
        values: What its form asked for.
    """
    given = {name: value for name, value in values.items() if value not in (None, "")}
    comment = str(given.pop("comment", "") or "")
    RISK.move(item, code, comment, **given)
    db.session.flush()
    if item.state == "risk":
        _ask(item)
    else:
        finish_todos_of(item, note=item.measure[:200])


def _ask(item: RiskItem) -> None:
    finish_todos_of(item)
    due_at = None
    if item.due_on is not None:
        due_at = dt.datetime.combine(item.due_on, END_OF_DAY, LOCAL_ZONE).astimezone(dt.UTC)
    add_todo(
        item,
        in_each_language(
            lambda: _(
                "Remove a risk of the handover: %(title)s", title=in_language(item.title, item.title_en)
            )
        ),
        owner=item.responsible_id,
        role=item.owner_role,
        due_at=due_at,
        dedupe_key=f"handover.risk:{item.id}:{item.row_version}",
        note=item.finding[:500],
    )


def promises_of(batch: HandoverBatch, limit: int = 200) -> Sequence[Promise]:
    """Return the promises that are still to be kept and concern a batch: those to everybody in the project, and those
    about its houses.

    Args:
        batch: The batch.
        limit: How many at the most.

    Source: domain reference 3.7.10: the promise register is checked at stage E.
    """
    houses = sa.select(HandoverUnit.unit_id).where(HandoverUnit.batch_id == batch.id)
    return db.session.scalars(
        sa.select(Promise)
        .where(
            Promise.project_id == batch.project_id,
            Promise.state == PromiseState.OPEN,
            sa.or_(Promise.unit_id.is_(None), Promise.unit_id.in_(houses)),
        )
        .order_by(Promise.due_on.is_(None), Promise.due_on, Promise.id)
        .limit(limit)
    ).all()
