"""The same problem in many houses: found by counting, linked to new orders by itself, followed to its end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from core.toolkit import (
    Building,
    DeliveryBatch,
    Unit,
    User,
    _,
    _l,
    add_todo,
    db,
    delivery_batch_of,
    start_clock,
    stop_clocks_of,
    utc_now,
)
from plugins.warranty.common import number_of_day, option
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import CaseKind, GroupCase, Order, Saying
from plugins.warranty.services.coverage import category_of
from plugins.warranty.services.intake import note_event
from plugins.warranty.services.region import tell_region
from plugins.warranty.workflows import CASE, COUNTED

RUNNING = ("open", "confirmed")


def look_for_case(order: Order) -> GroupCase | None:
    """See whether an order makes its building a case, or its phase a major event; link it to one that runs.

    Args:
        order: An order that was just reported or assessed.

    Returns:
        The case to which the order belongs, or None.

    Source: domain reference 3.4.4: the same category and building with at least 5 orders in 30 days, or at least 10 %
    of the houses; leaks after rain in at least 20 % of the delivered houses of a batch are a major event. Which houses
    are delivered together is what the module of the handover says; where none is on, or the house is in no batch, it
    is the houses of the phase.
    """
    batch = delivery_batch_of(order.unit) if order.is_rain_leak and order.unit is not None else None
    running = db.session.scalar(
        sa.select(GroupCase)
        .where(
            GroupCase.category_code == order.category_code,
            GroupCase.state.in_(RUNNING),
            GroupCase.kind != CaseKind.MANUAL,
            sa.or_(
                GroupCase.building_id == order.building_id,
                sa.and_(_same_deliveries(order, batch), sa.literal(order.is_rain_leak)),
            ),
        )
        .order_by(GroupCase.is_major.desc(), GroupCase.id)
        .limit(1)
    )
    case = running or _batch(order)
    if order.is_rain_leak and not (case is not None and case.is_major):
        case = _rain(order, batch) or case
    if case is not None and order.group_case_id != case.id:
        _link(case, [order])
    return case


def _since(order: Order) -> dt.datetime:
    return utc_now() - dt.timedelta(days=int(option("batch_days", order.project)))


def _batch(order: Order) -> GroupCase | None:
    orders = db.session.scalars(
        sa.select(Order).where(
            Order.building_id == order.building_id,
            Order.category_code == order.category_code,
            Order.reported_at >= _since(order),
            Order.state.in_(COUNTED),
        )
    ).all()
    houses = {each.unit_id for each in orders if each.unit_id is not None}
    total = _count_units(Unit.building_id == order.building_id)
    share = int(option("batch_percent", order.project))
    # One house alone is no batch, however small the building is.
    is_share = total > 0 and len(houses) > 1 and len(houses) * 100 >= share * total
    if len(orders) < int(option("batch_orders", order.project)) and not is_share:
        return None
    return _open(order, CaseKind.BATCH, orders, len(houses), total, building=order.building)


def _same_deliveries(order: Order, batch: DeliveryBatch | None) -> sa.ColumnElement[bool]:
    """The condition on cases about the houses that were delivered together with that of an order."""
    if batch is not None:
        return sa.and_(GroupCase.batch_kind == batch.kind, GroupCase.batch_id == batch.record_id)
    return sa.and_(
        GroupCase.phase_id == order.building.phase_id,
        GroupCase.building_id.is_(None),
        GroupCase.batch_id.is_(None),
    )


def _rain(order: Order, batch: DeliveryBatch | None) -> GroupCase | None:
    buildings = sa.select(Building.id).where(Building.phase_id == order.building.phase_id)
    of_orders: sa.ColumnElement[bool] = Order.building_id.in_(buildings)
    of_units: sa.ColumnElement[bool] = Unit.building_id.in_(buildings)
    if batch is not None:
        of_orders, of_units = Order.unit_id.in_(batch.unit_ids), Unit.id.in_(batch.unit_ids)
    orders = db.session.scalars(
        sa.select(Order).where(
            of_orders,
            Order.is_rain_leak,
            Order.reported_at >= _since(order),
            Order.state.in_(COUNTED),
        )
    ).all()
    houses = {each.unit_id for each in orders if each.unit_id is not None}
    total = _count_units(of_units, Unit.delivered_on.is_not(None))
    if len(houses) < 2 or not total or len(houses) * 100 < int(option("rain_percent", order.project)) * total:
        return None
    return _open(order, CaseKind.RAIN, orders, len(houses), total, building=None, batch=batch)


def _count_units(*conditions: sa.ColumnElement[bool]) -> int:
    return int(db.session.scalar(sa.select(sa.func.count(Unit.id)).where(*conditions)) or 0)


def _open(
    order: Order,
    kind: CaseKind,
    orders: Sequence[Order],
    houses: int,
    total: int,
    *,
    building: Building | None,
    batch: DeliveryBatch | None = None,
) -> GroupCase:
    category = category_of(order.category_code)
    is_rain = kind == CaseKind.RAIN
    case = GroupCase(
        project_id=order.project_id,
        building_id=building.id if building is not None else None,
        phase_id=order.building.phase_id if batch is None else None,
        batch_kind=batch.kind if batch is not None else "",
        batch_id=batch.record_id if batch is not None else None,
        batch_name=batch.name[:120] if batch is not None else "",
        number=number_of_day("QS", order.project),
        kind=kind,
        is_major=is_rain,
        category_code=category.code,
        title=(
            _(
                "Leaks after rain: %(place)s",
                place=batch.name if batch is not None else order.building.phase.name,
            )
            if is_rain
            else _("%(category)s: %(place)s", category=category.title, place=order.building.name)
        )[:160],
        orders_found=len(orders),
        houses_found=houses,
        houses_total=total,
    )
    db.session.add(case)
    db.session.flush()
    clock = start_clock("warranty.design_reply", case)
    case.design_reply_due_at = clock.due_at
    _link(case, orders)
    add_todo(
        case,
        _l("Batch problem: %(title)s", title=case.title),
        role="PCM",
        dedupe_key=f"warranty:case:{case.id}",
    )
    return case


def _link(case: GroupCase, orders: Sequence[Order]) -> None:
    for order in orders:
        if order.group_case_id != case.id:
            order.group_case_id = case.id
            note_event(order, "case", case.title, saying=Saying.CASE, number=case.number)
    db.session.flush()
    found = db.session.execute(
        sa.select(sa.func.count(Order.id), sa.func.count(sa.distinct(Order.unit_id))).where(
            Order.group_case_id == case.id
        )
    ).one()
    case.orders_found, case.houses_found = int(found[0]), int(found[1])
    db.session.flush()
    if case.is_major or case.houses_found >= int(option("escalate_households", case.project)):
        tell_region(
            case,
            _l("Tell the region: %(title)s", title=case.title),
            _l(
                "%(houses)s households, %(orders)s orders.",
                houses=case.houses_found,
                orders=case.orders_found,
            ),
            key=f"case:{case.id}:region",
        )


def open_case(orders: Sequence[Order], title: str, responsible: User | None = None) -> GroupCase:
    """Put orders of one project and category together by hand.

    Raises:
        WarrantyRuleError: There are fewer than two, they are of different projects or categories, or the title is
            missing.
    """
    if len(orders) < 2:
        raise WarrantyRuleError(_("A case needs two orders at least."))
    if len({order.project_id for order in orders}) > 1 or len({order.category_code for order in orders}) > 1:
        raise WarrantyRuleError(_("The orders of a case are of one project and one warranty category."))
    first = orders[0]
    houses = {order.unit_id for order in orders if order.unit_id is not None}
    buildings = {order.building_id for order in orders}
    case = GroupCase(
        project_id=first.project_id,
        building_id=first.building_id if len(buildings) == 1 else None,
        phase_id=first.building.phase_id,
        number=number_of_day("QS", first.project),
        kind=CaseKind.MANUAL,
        category_code=first.category_code,
        title=(title.strip() or category_of(first.category_code).title)[:160],
        orders_found=len(orders),
        houses_found=len(houses),
        houses_total=_count_units(Unit.building_id.in_(buildings)),
        responsible_id=responsible.id if responsible is not None else None,
    )
    db.session.add(case)
    db.session.flush()
    case.design_reply_due_at = start_clock("warranty.design_reply", case).due_at
    _link(case, orders)
    return case


def confirm_case(case: GroupCase, measures: str) -> None:
    """Confirm that it is one problem, with what is done about it."""
    CASE.move(case, "confirm", measures=measures.strip())


def reply_to_case(case: GroupCase, reply: str) -> None:
    """Note what the design department says; due within three days."""
    CASE.move(case, "reply", design_reply=reply.strip())
    stop_clocks_of(case, "warranty.design_reply")


def close_case(case: GroupCase, note: str) -> None:
    """Close a case; its orders go their own way.

    Raises:
        TransitionRefused: The state or the right forbids it, or the result is missing.
        WarrantyRuleError: An order of it is still open.
    """
    from plugins.warranty.workflows import OPEN

    waiting = db.session.scalar(
        sa.select(Order.number)
        .where(Order.group_case_id == case.id, Order.state.in_(OPEN))
        .order_by(Order.id)
        .limit(1)
    )
    if waiting is not None:
        raise WarrantyRuleError(_("%(number)s of this case is still open.", number=waiting))
    CASE.move(case, "close", closing_note=note.strip(), closed_at=utc_now())
    stop_clocks_of(case)


def dismiss_case(case: GroupCase, reason: str) -> None:
    """Note that it is no common problem."""
    CASE.move(case, "dismiss", closing_note=reason.strip(), closed_at=utc_now())
    stop_clocks_of(case)
