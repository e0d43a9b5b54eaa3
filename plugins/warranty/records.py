"""How records of the module are called, where they stand, and how the global search finds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import url_for
from sqlalchemy.orm import joinedload

from core.toolkit import SearchHit, Unit, db, normalise_unit_text
from plugins.warranty import services, words
from plugins.warranty.models import Order, Request
from plugins.warranty.workflows import ORDER

Path = Sequence[tuple[str, str | None]]


def path_of_unit(unit: Unit) -> list[tuple[str, str | None]]:
    """Return project › phase › building › unit."""
    building = unit.building
    return [
        (services.project_name(unit.project), None),
        (building.phase.name, None),
        (building.name or building.code, None),
        (unit.code, url_for("units.details_view", id=unit.id)),
    ]


def unit_path(record: Any) -> Path:
    """Return the path of a record of one house."""
    return path_of_unit(record.unit)


def building_path(record: Any) -> Path:
    """Return the path of a record of a house, or of the common parts of a building."""
    if record.unit is not None:
        return path_of_unit(record.unit)
    building = record.building
    return [
        (services.project_name(building.project), None),
        (building.phase.name, None),
        (building.name or building.code, None),
    ]


def order_path(record: Any) -> Path:
    """Return the path of what belongs to an order, with the order before it."""
    order = record.order
    link = (order.number, url_for("warranty_orders.details_view", id=order.id))
    return [*building_path(order), link]


def account_path(record: Any) -> Path:
    """Return project › retention account of a request for release."""
    account = record.account
    link = (account.contract_number, url_for("warranty_retention.details_view", id=account.id))
    return [(services.project_name(account.project), None), link]


def project_path(record: Any) -> Path:
    """Return the project of a record."""
    return [(services.project_name(record.project), None)]


def _by_number(model: Any, prefix: str, query: str, limit: int, *options: Any) -> Sequence[Any]:
    text = query.strip().upper()[:40]
    if len(text) < 4 or not text.isascii() or not text.startswith(prefix):
        return []
    # A prefix is read along the unique index of the number.
    statement = sa.select(model).where(model.number >= text, model.number < f"{text}\uffff")
    return db.session.scalars(statement.order_by(model.number).options(*options).limit(limit)).all()


def find_orders(query: str, limit: int) -> Sequence[SearchHit]:
    """Return orders by the beginning of their number, or the newest ones of a house, 3-2-1502."""
    found = list(_by_number(Order, "WX-", query, limit, joinedload(Order.unit)))
    code = normalise_unit_text(query[:40])
    if not found and code.count("-") >= 1:
        found = list(
            db.session.scalars(
                sa.select(Order)
                .join(Unit, Unit.id == Order.unit_id)
                .where(Unit.code == code)
                .options(joinedload(Order.unit))
                .order_by(Order.id.desc())
                .limit(limit)
            )
        )
    return [
        SearchHit(
            f"{order.number} · {words.problem(order)}",
            url_for("warranty_orders.details_view", id=order.id),
            f"{order.house} · {order.priority} · {ORDER.state_of(order).label}",
        )
        for order in found
    ]


def find_requests(query: str, limit: int) -> Sequence[SearchHit]:
    """Return requests by the beginning of their number."""
    return [
        SearchHit(
            request.number,
            url_for("warranty_requests.details_view", id=request.id),
            f"{request.house} · {words.CHANNELS[request.channel]}",
        )
        for request in _by_number(Request, "BX-", query, limit, joinedload(Request.unit))
    ]
