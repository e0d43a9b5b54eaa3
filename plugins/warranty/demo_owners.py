"""What owners and the money department see in the demo: visits that are agreed, a repair that waits for its owner, one
that nobody answered, posters, and a request for retention money that waits for approval."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from io import BytesIO
from typing import Any

from core.toolkit import LOCAL_ZONE, attach, db, make_link, utc_now
from plugins.contractors import services as contractors
from plugins.contractors.demo_photos import draw
from plugins.warranty.models import Order, Responsibility, VisitPurpose
from plugins.warranty.services import money, orders, owners, releases, telling


def tell(story: Any) -> None:
    """Write it; ``story`` is the one of ``demo.py``, whose manager acts.

    Args:
        story: Gives houses, people, ``acting`` and ``report``.
    """
    engineer = story.engineers[0]
    _agreed_visits(story, engineer)
    _waits_for_its_owner(story, engineer)
    _accepted_by_silence(story, engineer)
    for purpose, record in (
        ("warranty.poster_of_building", story.units[0].building),
        ("warranty.poster_of_project", story.demo.project),
    ):
        make_link(purpose, record)
    _release(story)


def _photo(story: Any, order: Order, kind: str, slot: str) -> None:
    attach(order, BytesIO(draw(kind, story.chance)), f"{order.number}-{slot}.jpg", slot=slot)


def _dispatched(story: Any, position: int, issue: tuple[str, str, str], hours: int, engineer: Any) -> Order:
    with story.acting(story.caller):
        order: Order = story.report(story.units[position], issue, hours=hours).orders[0]
    orders.triage(order, responsibility=Responsibility.CONTRACTOR)
    orders.dispatch(order, engineer=engineer)
    return order


def _agreed_visits(story: Any, engineer: Any) -> None:
    """Three visits of the coming days, for the calendar."""
    for number, (position, issue) in enumerate(
        (
            (2, ("door_window_adjust", "次卧", "窗扇下坠，锁不上")),
            (7, ("tap_drip", "厨房", "水龙头根部渗水")),
            (13, ("equipment", "玄关", "可视对讲无图像")),
        )
    ):
        order = _dispatched(story, position, issue, 6 + number, engineer)
        with story.acting(engineer):
            orders.note_contact(order, "已与业主约定上门时间")
            day = utc_now().astimezone(LOCAL_ZONE) + dt.timedelta(days=1 + number // 2)
            start = day.replace(hour=9 + 2 * number, minute=0, second=0, microsecond=0)
            orders.book_visit(
                order, start.astimezone(dt.UTC), (start + dt.timedelta(hours=2)).astimezone(dt.UTC)
            )


def _finished(story: Any, position: int, issue: tuple[str, str, str], engineer: Any, *, hours: int) -> Order:
    order = _dispatched(story, position, issue, hours, engineer)
    _photo(story, order, "crack", "before")
    with story.acting(engineer):
        orders.note_contact(order, "已约上门时间")
        for purpose, text in (
            (VisitPurpose.SURVEY, "现场查勘，问题属实"),
            (VisitPurpose.REPAIR, "按方案修补完成"),
        ):
            now = utc_now()
            visit = orders.book_visit(order, now, now + dt.timedelta(hours=2), purpose=purpose)
            orders.arrive(visit, persons="赵工、维修班组 2 人")
            orders.leave(visit, findings=text, minutes=90)
            if purpose == VisitPurpose.SURVEY:
                orders.make_plan(order, method="开缝、嵌缝带、批嵌两遍、整面墙涂刷", days=2, crew="2 人")
                orders.confirm_plan(order)
                orders.start_repair(order)
        _photo(story, order, "repaired", "after")
        orders.report_fixed(order, "裂缝已开缝修补，整面墙重新涂刷")
    orders.accept_as_engineer(order)
    telling.ask_to_accept(order)
    return order


def _waits_for_its_owner(story: Any, engineer: Any) -> None:
    _finished(story, 26, ("wall_crack", "主卧", "床头墙面斜裂缝约 1 m"), engineer, hours=60)


def _accepted_by_silence(story: Any, engineer: Any) -> None:
    order = _finished(story, 27, ("paint", "餐厅", "墙面修补处色差"), engineer, hours=240)
    for event in order.events:
        if event.kind == telling.ASKED:
            event.at = utc_now() - dt.timedelta(days=8)
    db.session.flush()
    db.session.expire(order, ["events"])
    owners.accept_by_silence(order)


def _release(story: Any) -> None:
    """A contractor whose period is over asks for his money; those who agree are asked."""
    project = story.demo.project
    company = contractors.register_company(
        department=project.department, name="华东园林景观工程有限公司", short_name="华东园林"
    )
    account = money.open_account(
        project,
        company,
        contract_number="HT-2023-YL-018",
        settlement=Decimal("4200000"),
        starts_on=story.demo.today - dt.timedelta(days=760),
        note="一期景观工程",
    )
    releases.submit_release(
        money.request_release(account, Decimal("126000.00")), "缺陷责任期已满，无未结工单"
    )
