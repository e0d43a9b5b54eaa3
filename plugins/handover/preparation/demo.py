"""The preparation in the demo story: a plan nearly worked off, a few risks, fee rules, letters, bookings, calls."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from core.toolkit import LOCAL_ZONE, PromiseRefused, db, local_today, owners_of, register_promise, utc_now
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import HandoverBatch, HandoverUnit
from plugins.handover.preparation.models import ContactMeans, LetterKind, PlanTask
from plugins.handover.preparation.services import appointments, charges, contacts, letters, plan, risks
from plugins.handover.services import take_step as take_house_step

LATE = ("go_no_go", "training")
"""Steps that are still open although their day has passed or is near."""
_FOUND = {
    "Q2": ("地下室坡道一处雨后返潮", "", "risk"),
    "D1": ("二期 3 栋空调位调整未更新台账", "台账已补录并书面通知 6 户", "settled"),
    "F5": (
        "门牌地址编制未批复，邮政地址暂缺",
        "按临时地址交付，批复后两周内换发，已书面告知业主",
        "accepted",
    ),
    "E3": ("12 户面积差款未核清", "", "risk"),
}
_UNCHECKED = ("P4", "M4", "E1")


def details(opens_on: dt.date) -> dict[str, Any]:
    """Return what a batch of the story says on its notices.

    Args:
        opens_on: The first of its concentrated days.
    """
    return {
        "opens_on": opens_on,
        "closes_on": opens_on + dt.timedelta(days=4),
        "place": "3 栋首层交付中心",
        "directions": "地铁 7 号线安托山站 C 口步行 6 分钟；接待时间 9:00–12:00、14:00–17:00",
        "contact_phone": "0755-8600 0188",
        "complaint_phone": "400-8600-188",
        "account": "鹊桥置业（深圳）有限公司 · 中国银行深圳香蜜湖支行 · 7666 0188 0012 3456",
    }


def load_finished(story: Any, batch: HandoverBatch) -> None:
    """Write the preparation of the batch that is being handed over: worked off, and nearly all houses ready in time.

    Args:
        story: As for :func:`load`.
        batch: That batch.
    """
    with story.acting(story.manager):
        charges.load_standard_rules(batch.project)
        _work_off(story, batch, late=())
        for items in risks.items_of(batch).values():
            for item in items:
                risks.take_step(item, "clear", {})
        places = db.session.scalars(
            sa.select(HandoverUnit).where(HandoverUnit.batch_id == batch.id).order_by(HandoverUnit.id)
        ).all()
        for number, place in enumerate(places):
            if place.capable_at is not None and number % 14 != 5 and batch.delivery_on is not None:
                ready = batch.delivery_on - dt.timedelta(days=1 + number % 6)
                place.capable_at = dt.datetime.combine(ready, dt.time(17), LOCAL_ZONE).astimezone(dt.UTC)
        db.session.flush()


def load(story: Any, batch: HandoverBatch) -> None:
    """Write the preparation of the batch that follows, as far as it has come.

    Args:
        story: The handover of the demo project: ``manager``, ``engineers``, ``chance``, ``acting(user)``.
        batch: Its batch.
    """
    with story.acting(story.manager):
        _work_off(story, batch, LATE)
        _check_risks(batch)
        _promise(batch)


def _work_off(story: Any, batch: HandoverBatch, late: tuple[str, ...]) -> None:
    today = local_today()
    for number, task in enumerate(plan.tasks_of(batch)):
        if number % 3 == 0:
            plan.change_task(task, {"responsible_id": story.manager.id})
        if task.due_on >= today or task.code in late:
            continue
        plan.take_step(task, "finish", {"result": f"已办结，见《{task.deliverable}》"})
        delay = story.chance.choice((-3, -1, 0, 0, 1, 4))
        day = min(task.due_on + dt.timedelta(days=delay), today)
        task.done_at = min(dt.datetime.combine(day, dt.time(16), LOCAL_ZONE).astimezone(dt.UTC), utc_now())
    running = db.session.scalars(
        sa.select(PlanTask)
        .where(PlanTask.batch_id == batch.id, PlanTask.state == "open")
        .order_by(PlanTask.due_on)
    ).first()
    if running is not None:
        plan.take_step(running, "start", {})
    db.session.flush()


def _check_risks(batch: HandoverBatch) -> None:
    today = local_today()
    for items in risks.items_of(batch).values():
        for item in items:
            if item.code in _UNCHECKED:
                continue
            if item.code not in _FOUND:
                risks.take_step(item, "clear", {})
                continue
            finding, measure, state = _FOUND[item.code]
            risks.take_step(item, "find", {"finding": finding, "due_on": today + dt.timedelta(days=6)})
            if state != "risk":
                step = "settle" if state == "settled" else "accept"
                risks.take_step(item, step, {"measure": measure})


def _promise(batch: HandoverBatch) -> None:
    for text, stage in (("会所泳池与交付同期开放", "B"), ("小区北门接驳巴士运行至地铁开通", "C")):
        try:
            register_promise(
                batch.project, text, stage=stage, source="advertisement", due_on=batch.delivery_on,
                made_on=local_today() - dt.timedelta(days=400),
            )  # fmt: skip
        except PromiseRefused:
            continue


def houses(story: Any, batch: HandoverBatch) -> None:
    """Write letters, bookings, calls and area settlements of houses whose owner has not come yet.

    Args:
        story: As for :func:`load`.
        batch: The batch, whose houses were handed over as far as the story goes.
    """
    waiting = db.session.scalars(
        sa.select(HandoverUnit)
        .where(HandoverUnit.batch_id == batch.id, HandoverUnit.state == "planned")
        .order_by(HandoverUnit.id)
        .limit(60)
    ).all()
    with story.acting(story.manager):
        sold = [
            place
            for place in waiting
            if letters.refusal(place, LetterKind.NOTICE, owners_of(place.unit)) is None
        ]
        for place in sold[:3]:
            letters.write(place, LetterKind.NOTICE)
        for place in sold[3:12]:
            take_house_step(place, "notify", {"payment_complete": True})
            place.notice_sent_at = utc_now() - dt.timedelta(days=3)
            charges.charge(place)
        _book(story, sold[3:8])
        _call(sold[8:10])
        for place in sold[10:12]:
            _differ(place)


def remind(story: Any, batch: HandoverBatch) -> None:
    """Remind some owners of the first batch who have not come; one of them cannot be reached.

    Args:
        story: As for :func:`load`.
        batch: The batch that is being handed over.
    """
    absent = db.session.scalars(
        sa.select(HandoverUnit)
        .where(HandoverUnit.batch_id == batch.id, HandoverUnit.state == "notified")
        .order_by(HandoverUnit.id)
    ).all()
    with story.acting(story.manager):
        for place in absent[:2]:
            letters.write(place, LetterKind.REMINDER)
        _call(list(absent[2:4]))


def _book(story: Any, places: list[HandoverUnit]) -> None:
    for number, place in enumerate(places):
        engineer = story.engineers[number % len(story.engineers)]
        try:
            if appointments.uses_slots():
                free = [slot for day in appointments.offers(place).values() for slot in day]
                appointments.book_slot(place, free[number * 2].id, guests=2, engineer=engineer)
            else:
                day = local_today() + dt.timedelta(days=1)
                moment = dt.datetime.combine(day, dt.time(9 + number), LOCAL_ZONE).astimezone(dt.UTC)
                appointments.book_moment(place, moment, engineer)
        except (HandoverRuleError, IndexError):
            continue


def book_next(place: HandoverUnit) -> None:
    """Book a house for the next time that the desks have free; without desks for the next whole hour."""
    free = next((slots[0] for slots in appointments.offers(place).values()), None)
    if free is not None:
        appointments.book_slot(place, free.id, guests=2)
        return
    hour = utc_now().replace(minute=0, second=0, microsecond=0) + dt.timedelta(hours=1)
    appointments.book_moment(place, hour)


def _call(places: list[HandoverUnit]) -> None:
    now = utc_now()
    for number, place in enumerate(places):
        for days, words in ((4, "无人接听"), (3, "号码停机，已发短信"), (2, "再次致电，无人接听")):
            contacts.note_attempt(
                place, ContactMeans.PHONE, reached=False, note=words, at=now - dt.timedelta(days=days)
            )
        if number == 0:
            take_house_step(place, "lose_contact", {"comment": "三次联系未果，改寄催收函并上门"})


def _differ(place: HandoverUnit) -> None:
    unit = place.unit
    if unit.gross_area_contract is None or unit.price is None:
        return
    share = Decimal("1.018") if place.id % 2 else Decimal("0.962")
    unit.gross_area_measured = (unit.gross_area_contract * share).quantize(Decimal("0.01"))
    db.session.flush()
    charges.compute_area(place)
