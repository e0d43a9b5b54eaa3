"""The reservations of the demo story: handover desks, a sample house, and two weeks of appointments."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from core.toolkit import CustomerUnit, Unit, db, local_today, utc_now
from plugins.reservations import services
from plugins.reservations.models import (
    Booking,
    BookingSource,
    NotificationRule,
    ResourceKind,
    RuleEvent,
    Slot,
)
from plugins.reservations.opening import parse_opening

_SETUP = (
    ("签到台铺绿色台布，下垂", "30 cm"),
    ("交付资料袋按房号排列，间距", "2 cm"),
    ("每台签字笔", "3 支"),
    ("座椅成排，间距", "60 cm"),
    ("饮用水，每位", "1 瓶"),
    ("指引牌距入口", "≤ 3 m"),
)
_WISHES = ("", "", "", "", "携带婴儿，需休息处", "老人行动不便，需轮椅", "", "想先看车位", "", "委托父母代办")


def load(demo: Any) -> None:
    """Write the reservations of the demo project.

    Args:
        demo: What the core made: project, units, users, a seeded ``random``, ``today``.
    """
    project = demo.project
    handover = services.ensure_purpose(
        project, "handover", name="交付预约", name_en="Handover appointment", minutes=60
    )
    visit = services.ensure_purpose(
        project, "sample_house", name="样板房参观", name_en="Sample-house visit", minutes=60
    )
    services.set_setup_items(handover, _SETUP)
    desks = services.add_resource(
        project,
        code="JF",
        name="交付中心服务台",
        name_en="Handover desks",
        place="3 栋首层交付中心",
        capacity=4,
        opening=parse_opening("1-7 09:00-12:00 14:00-17:00"),
    )
    house = services.add_resource(
        project,
        code="YB",
        name="120 m² 样板房",
        name_en="Sample house, 120 m²",
        kind=ResourceKind.SAMPLE_HOUSE,
        place="2 栋 0301",
        capacity=2,
        most_guests=12,
        opening=parse_opening("2-7 10:00-12:00 14:00-17:00"),
    )
    today = local_today()
    services.plan_slots(desks, handover, today - dt.timedelta(days=6), today + dt.timedelta(days=8))
    services.plan_slots(house, visit, today - dt.timedelta(days=2), today + dt.timedelta(days=8))
    db.session.add_all(
        [
            NotificationRule(project_id=project.id, purpose_id=handover.id, role_code="PM"),
            NotificationRule(project_id=project.id, guests_from=6, role_code="PCM"),
            NotificationRule(project_id=project.id, only_with_wishes=True, role_code="CCS"),
            NotificationRule(project_id=project.id, event=RuleEvent.CANCELLED, role_code="PM"),
        ]
    )
    db.session.flush()
    _appointments(demo, handover.id)


def _appointments(demo: Any, purpose_id: int) -> None:
    owned = db.session.execute(
        sa.select(CustomerUnit, Unit)
        .join(Unit, Unit.id == CustomerUnit.unit_id)
        .where(CustomerUnit.project_id == demo.project.id, CustomerUnit.cancelled_on.is_(None))
        .order_by(Unit.id)
        .limit(200)
    ).all()
    slots = db.session.scalars(
        sa.select(Slot).where(Slot.purpose_id == purpose_id).order_by(Slot.starts_at, Slot.id)
    ).all()
    number = 0
    for index, slot in enumerate(slots):
        # Mornings fill first; today is nearly full, and days ahead are still open.
        days = (services.local_date(slot) - local_today()).days
        wanted = 1 + (index % 6 == 1) if days < 0 else max(0, 3 - days // 2)
        if index % 6 == 1 and 0 <= days <= 1:
            wanted = 4
        for _seat in range(wanted):
            if number >= len(owned):
                return
            _book(slot, *owned[number], number)
            number += 1


def _book(slot: Slot, link: CustomerUnit, unit: Unit, number: int) -> None:
    now = utc_now()
    start = slot.starts_at
    is_over = slot.ends_at < now
    booking = _make(slot, link, unit, number, is_over)
    if number % 7 == 6 and not is_over:
        return
    services.confirm(booking)
    if not is_over:
        return
    if number % 11 == 5:
        services.stay_away(booking)
        return
    services.arrive(booking)
    booking.arrived_at = start + dt.timedelta(minutes=number % 13 - 4)
    for check in booking.setup_checks:
        passed = (number + check.position) % 17 != 0
        services.check_setup(check, passed, "" if passed else "不足")
    services.finish(booking)
    booking.done_at = start + dt.timedelta(minutes=42 + number % 16)
    db.session.flush()


def _make(slot: Slot, link: CustomerUnit, unit: Unit, number: int, is_over: bool) -> Booking:
    values: dict[str, Any] = {
        "customer": link.customer,
        "unit": unit,
        "guests": 7 if number % 19 == 8 else 1 + number % 3,
        "wishes": _WISHES[number % len(_WISHES)],
        "source": BookingSource.PHONE if number % 3 else BookingSource.LINK,
        "rings": 1 + number % 4 if number % 3 else None,
    }
    return services.book(slot, **values) if not is_over else services.book_afterwards(slot, **values)
