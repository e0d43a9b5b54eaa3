"""Each touchpoint of stage F is written where it happens, on the timelines of customer and house."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from core.toolkit import TimelineEntry, db, utc_now
from plugins.warranty.models import Order, Responsibility, VisitPurpose
from plugins.warranty.services import orders, telling
from plugins.warranty.tests.helpers import customer, photograph, report


class Timeline:
    """What was written since the last look."""

    def __init__(self, order: Order) -> None:
        self.order, self.seen = order, 0

    def new(self) -> list[str | None]:
        rows = db.session.scalars(
            sa.select(TimelineEntry)
            .where(TimelineEntry.kind.like("warranty.%"), TimelineEntry.id > self.seen)
            .order_by(TimelineEntry.id)
        ).all()
        assert all(row.customer_id == self.order.customer_id for row in rows)
        assert all(row.unit_id == self.order.unit_id for row in rows)
        self.seen = rows[-1].id if rows else self.seen
        return [row.touchpoint_code for row in rows]


def visit(order: Order, purpose: VisitPurpose) -> None:
    now = utc_now()
    booked = orders.book_visit(order, now, now + dt.timedelta(hours=2), purpose=purpose, return_reason="返修")
    orders.arrive(booked)
    orders.leave(booked, findings="现场处理")


def test_f01_to_f08_and_f10(site, world, scope_of):
    with scope_of("head"):
        holder = customer(world.own.customer_ids[0])
        (order,) = report(site.unit_ids[0], "wall_crack", customer=holder, reporter_name="")
        timeline = Timeline(order)
        assert timeline.new() == ["TP-F01"]
        orders.triage(order, responsibility=Responsibility.CONTRACTOR)
        orders.dispatch(order)
        assert timeline.new() == [], "what the owner does not notice is no touchpoint"
        orders.note_contact(order, "约好")
        assert timeline.new() == ["TP-F02"]
        visit(order, VisitPurpose.SURVEY)
        assert timeline.new() == ["TP-F03"]
        orders.make_plan(order, method="批嵌", days=2)
        orders.confirm_plan(order)
        assert timeline.new() == ["TP-F04"]
        visit(order, VisitPurpose.REPAIR)
        orders.start_repair(order)
        assert timeline.new() == ["TP-F05"], "once, by the visit"
        orders.extend(order, utc_now() + dt.timedelta(days=30), "等待材料")
        assert timeline.new() == ["TP-F08"]
        photograph(order)
        orders.report_fixed(order, "已批嵌")
        order.fixed_by_id = None
        orders.accept_as_engineer(order)
        telling.ask_to_accept(order)
        assert timeline.new() == []
        orders.accept_as_owner(order, signer_name="业主", score=4)
        assert timeline.new() == ["TP-F06"]
        orders.close(order)
        orders.call_back(order, reached=False)
        assert timeline.new() == [], "who was not reached was not called back"
        orders.call_back(order, reached=True, score=1, note="又裂了")
        assert timeline.new() == ["TP-F07", "TP-F10"]
        orders.dispatch(order)
        orders.note_contact(order, "再约")
        assert timeline.new() == ["TP-F02"]
        visit(order, VisitPurpose.SURVEY)
        orders.make_plan(order, method="开缝重做", days=2)
        orders.confirm_plan(order)
        orders.start_repair(order)
        assert timeline.new() == ["TP-F03", "TP-F04", "TP-F05"], (
            "without a visit of its own, by the beginning"
        )
