"""The sections that the module adds to pages of the core and to its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from core.toolkit import (
    Customer,
    CustomerUnit,
    Unit,
    db,
    has_permission,
    local_today,
    require_scope,
)
from plugins.warranty import services, words
from plugins.warranty.coverage import judge
from plugins.warranty.models import GroupCase, Order, Request, SpareMove, SparePart
from plugins.warranty.sayings import told
from plugins.warranty.services import orders
from plugins.warranty.services.leftovers import leftovers_of
from plugins.warranty.workflows import NOTICE, OPEN


def cover_of_unit(unit: Unit) -> Mapping[str, Any] | None:
    """Return the lines of a house with their cover today."""
    today = local_today()
    return {
        "start": services.owner_start(unit),
        "lines": [(line, judge(line.period, today)) for line in services.lines_of(unit)],
        "covers": words.COVERS,
        "title": words.category_title,
    }


SHOWN = 20


def _table() -> dict[str, Any]:
    from plugins.warranty.admin import orders as screen

    return {
        "problem": words.problem,
        "priority": screen.priority_mark,
        "cover": screen.cover_mark,
        "progress": screen.state_mark,
        "age": screen.age_mark,
    }


def _orders(*conditions: sa.ColumnElement[bool], newest: bool = False) -> Sequence[Order]:
    by = (Order.id.desc(),) if newest else (Order.priority, Order.due_at, Order.id)
    return db.session.scalars(
        sa.select(Order)
        .where(*conditions)
        .options(joinedload(Order.unit), joinedload(Order.contractor))
        .order_by(*by)
        .limit(SHOWN)
    ).all()


def of_unit(unit: Unit) -> Mapping[str, Any] | None:
    """Return the orders of a house, the open ones first."""
    waiting = _orders(Order.unit_id == unit.id, Order.state.in_(OPEN))
    ended = _orders(Order.unit_id == unit.id, Order.state.not_in(OPEN), newest=True)
    return {
        "waiting": waiting,
        "ended": ended,
        "count": len(waiting),
        "leftovers": leftovers_of(unit) if has_permission("warranty.create_request") else (),
        "may_register": has_permission("warranty.create_request"),
        **_table(),
    }


def of_customer(customer: Customer) -> Mapping[str, Any] | None:
    """Return the orders of the houses that a customer holds today, and of what he reported himself."""
    today = local_today()
    held = sa.select(CustomerUnit.unit_id).where(
        CustomerUnit.customer_id == customer.id,
        CustomerUnit.cancelled_on.is_(None),
        sa.or_(CustomerUnit.to_date.is_(None), CustomerUnit.to_date >= today),
    )
    mine = sa.or_(Order.unit_id.in_(held), Order.customer_id == customer.id)
    waiting = _orders(mine, Order.state.in_(OPEN))
    ended = _orders(mine, Order.state.not_in(OPEN), newest=True)
    if not waiting and not ended and not has_permission("warranty.create_request"):
        return None
    return {
        "waiting": waiting,
        "ended": ended,
        "count": len(waiting),
        "leftovers": (),
        "may_register": has_permission("warranty.create_request"),
        "caller": customer,
        **_table(),
    }


def my_work(record: Any) -> Mapping[str, Any] | None:
    """Return what waits for the acting user: his orders, repairs to accept, owners to call back."""
    del record
    me = require_scope().user_id
    mine = _orders(Order.engineer_id == me, Order.state.in_(OPEN))
    overdue = _orders(orders.overdue_condition())[:8]
    accept: Sequence[Order] = ()
    if has_permission("warranty.accept_order"):
        accept = _orders(
            Order.state == "self_checked", sa.or_(Order.fixed_by_id != me, Order.fixed_by_id.is_(None))
        )[:8]
    call: Sequence[Order] = ()
    if has_permission("warranty.call_back"):
        call = _orders(Order.state == "closed")[:8]
    return {
        "mine": mine,
        "overdue": overdue,
        "accept": accept,
        "call": call,
        "count": len(mine) + len(overdue) + len(accept) + len(call),
        **_table(),
    }


def orders_of_request(request: Request) -> Mapping[str, Any]:
    """Return the orders of a request."""
    return {"rows_": request.orders, "count": len(request.orders), **_table()}


def orders_of_case(case: GroupCase) -> Mapping[str, Any]:
    """Return the orders that belong to a case."""
    found = db.session.scalars(
        sa.select(Order)
        .where(Order.group_case_id == case.id)
        .options(joinedload(Order.unit), joinedload(Order.contractor))
        .order_by(Order.id.desc())
        .limit(100)
    ).all()
    return {"rows_": found, "count": case.orders_found, **_table()}


def history(order: Order) -> Mapping[str, Any]:
    """Return what happened to an order, the newest first, and its notices."""
    return {
        "events": list(reversed(order.events)),
        "kinds": words.EVENTS,
        "said": told,
        "moment_text": words.moment_text,
        "notices": order.notices,
        "notice_states": NOTICE,
        "acceptances": order.acceptances,
        "scores": words.SCORES,
    }


def moves_of_part(part: SparePart) -> Mapping[str, Any]:
    """Return what came in and was used of a spare part."""
    moves = db.session.scalars(
        sa.select(SpareMove).where(SpareMove.part_id == part.id).order_by(SpareMove.id.desc()).limit(50)
    ).all()
    return {"moves": moves, "moment_text": words.moment_text}
