"""What owners see in the demo: visits that are agreed, a leak whose plan and repair were signed on the screen, a repair
that waits for its owner, one that nobody answered, a later date with its letter, posters, and what ends soon."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from io import BytesIO
from typing import Any

from core.toolkit import LOCAL_ZONE, attach, db, make_link, sign, utc_now
from plugins.contractors.demo_photos import draw
from plugins.warranty import demo_past
from plugins.warranty.models import Order, Responsibility, VisitPurpose
from plugins.warranty.services import expiry, orders, owners, telling
from plugins.warranty.signed import ENGINEER, OWNER


def tell(story: Any) -> None:
    """Write it; ``story`` is the one of ``demo.py``, whose manager acts.

    Args:
        story: Gives houses, people, ``acting`` and ``report``.
    """
    engineer = story.engineers[0]
    _agreed_visits(story, engineer)
    _signed_on_the_screen(story, engineer)
    _waits_for_its_owner(story, engineer)
    _accepted_by_silence(story, engineer)
    for purpose, record in (
        ("warranty.poster_of_building", story.units[0].building),
        ("warranty.poster_of_project", story.demo.project),
    ):
        make_link(purpose, record)
    for unit in story.units:
        expiry.tell_of_ends(unit)


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
            start = demo_past.half_hour(utc_now())
            visit = orders.book_visit(order, start, start + dt.timedelta(hours=2), purpose=purpose)
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


def handwriting(name: str) -> str:
    """Return strokes that look like somebody's quick signature, the same for the same name.

    Args:
        name: Who signs.
    """
    hand = random.Random(name)  # noqa: S311 (a drawing)
    strokes = []
    for position in range(len(name)):
        left = 30 + 70 * position
        for _stroke in range(hand.randint(3, 4)):
            x, y = left + hand.uniform(0, 20), 50 + hand.uniform(-20, 40)
            turn, bend = hand.uniform(-0.5, 1.3), hand.uniform(-0.1, 0.14)
            line = []
            for step in range(hand.randint(14, 24)):
                x, y, turn = x + 2.8 * math.cos(turn), y + 2.8 * math.sin(turn), turn + bend
                line.append([round(min(max(x, 2), 298), 1), round(min(max(y, 2), 148), 1), 0.5, step * 16])
            strokes.append(line)
    return json.dumps({"size": [300, 150], "strokes": strokes})


def _signed_on_the_screen(story: Any, engineer: Any) -> None:
    """A leak whose plan the owner signed on the engineer's telephone, as he signed the repair when it was good."""
    owner = story.owners[story.units[20].id]
    order = _dispatched(
        story, 20, ("bathroom_leak", "主卫", "淋浴间门槛石外侧渗水，踢脚线发霉"), 200, engineer
    )
    _photo(story, order, "leak", "before")

    def by_owner(record: Any) -> None:
        sign(record, role=OWNER, name=owner.name, picture=handwriting(owner.name), customer_id=owner.id)

    with story.acting(engineer):
        orders.note_contact(order, "已约上门时间")
        for purpose, text, materials, minutes in (
            (VisitPurpose.SURVEY, "淋浴房蓄水 24 小时后门槛石外侧返潮，确认防水层破损", "", 90),
            (
                VisitPurpose.REPAIR,
                "凿除门槛石，补做防水两遍，蓄水 48 小时无渗漏，恢复石材",
                "聚氨酯防水涂料 6 kg、石材胶",
                960,
            ),
        ):
            start = demo_past.half_hour(utc_now())
            visit = orders.book_visit(order, start, start + dt.timedelta(hours=2), purpose=purpose)
            orders.arrive(visit, persons="赵磊（工牌 0417）、防水班组 2 人")
            orders.leave(visit, findings=text, materials=materials, minutes=minutes)
            if purpose == VisitPurpose.SURVEY:
                plan = orders.make_plan(
                    order,
                    method="凿除门槛石及周边 300 mm 面层，补做聚氨酯防水两遍，蓄水 48 小时，恢复石材",
                    days=6,
                    crew="防水班组 2 人",
                    materials="聚氨酯防水涂料、石材胶",
                )
                by_owner(plan)
                orders.confirm_plan(order)
                orders.start_repair(order)
        _photo(story, order, "repaired", "after")
        orders.report_fixed(order, "门槛石处补做防水并通过 48 小时蓄水试验，石材与踢脚线已恢复")
    orders.accept_as_engineer(order, "蓄水试验记录齐全")
    accepted = orders.accept_as_owner(
        order,
        signer_name=owner.name,
        score=5,
        quality_ok=True,
        on_time_ok=True,
        clean_ok=True,
        attitude_ok=True,
    )
    by_owner(accepted)
    sign(accepted, role=ENGINEER, name=story.manager.name, picture=handwriting(story.manager.name))
    orders.close(order)


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
