"""What lies behind the demo story: the first phase with its houses, and the repairs of the last half year."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from core.toolkit import (
    LOCAL_ZONE,
    Building,
    Customer,
    CustomerUnit,
    Decoration,
    Phase,
    Unit,
    UnitRole,
    db,
    record_delivery,
    utc_now,
)
from plugins.contractors import services as contractors
from plugins.warranty import sla
from plugins.warranty.catalogue import faults
from plugins.warranty.common import number_of_day
from plugins.warranty.coverage import System
from plugins.warranty.models import (
    Acceptance,
    AcceptanceKind,
    CallBack,
    Channel,
    Order,
    OrderEvent,
    Relation,
    Request,
    Responsibility,
    Saying,
    Visit,
    VisitPurpose,
    VisitState,
)
from plugins.warranty.services import coverage, intake
from plugins.warranty.sla import Priority, Step

HOUSES, ENDED = 48, 46
BUILDING = "8"
HOUR = dt.timedelta(hours=1)

_PROBLEMS = (
    ("door_window_adjust", "主卧", "窗扇关不严，风大时有哨音", "调整合页与锁点，更换密封条"),
    ("tap_drip", "主卫", "面盆龙头关闭后滴水", "更换龙头阀芯"),
    ("wall_crack", "客厅", "电视墙上方斜裂缝约 0.8 m", "开缝、嵌缝带、批嵌、涂刷"),
    ("hollow_tile", "厨房", "墙砖 3 块空鼓", "铲除空鼓砖重新铺贴"),
    ("bathroom_leak", "次卫", "门槛石处渗水，过道踢脚线发霉", "凿开门槛石补做防水并做 24 小时蓄水试验"),
    ("socket_switch", "餐厅", "插座无电", "更换插座面板，紧固接线"),
    ("sealant", "主卫", "浴缸周边密封胶开裂", "清除旧胶重新打胶"),
    ("wood_floor", "次卧", "地板行走有响声", "更换龙骨垫片并固定"),
    ("equipment", "玄关", "可视对讲无法呼叫", "更换室内机主板"),
    ("paint", "客厅", "墙面修补处色差明显", "整面墙重新涂刷"),
    ("blocked_drain", "厨房", "洗菜盆下水缓慢", "疏通立管支管，清理存水弯"),
    ("cabinet_parts", "厨房", "吊柜门铰链损坏", "更换缓冲铰链 2 只"),
)


def make_houses(story: Any) -> None:
    """The first phase: one building, accepted and delivered two years ago."""
    project, today = story.demo.project, story.demo.today
    phase = Phase(project_id=project.id, code="1", name="一期")
    db.session.add(phase)
    db.session.flush()
    building = Building(
        project_id=project.id,
        phase_id=phase.id,
        code=BUILDING,
        name=f"{BUILDING}栋",
        total_floors=12,
        completion_accepted_on=today - dt.timedelta(days=790),
    )
    db.session.add(building)
    db.session.flush()
    contractors.fill_matrix(building, story.demo.buildings[0])
    _ground(story, building)
    owners = story.chance.sample(story.demo.customers, HOUSES)
    for position in range(HOUSES):
        floor, room = position // 4 + 1, position % 4 + 1
        unit = Unit(
            project_id=project.id,
            building_id=building.id,
            entrance="1",
            floor=floor,
            number=f"{floor}{room:02d}",
            code=f"{BUILDING}-1-{floor}{room:02d}",
            layout="三房两厅两卫",
            orientation="南",
            decoration=Decoration.FITTED,
            gross_area_contract=Decimal("108.60"),
            gross_area_measured=Decimal("108.42"),
            net_area=Decimal("86.10"),
            price=Decimal(6_300_000 + 40_000 * floor),
            contract_delivery_on=today - dt.timedelta(days=700),
        )
        db.session.add(unit)
        db.session.flush()
        db.session.add(
            CustomerUnit(
                project_id=project.id,
                unit_id=unit.id,
                customer_id=owners[position].id,
                role=UnitRole.BUYER,
                share_percent=Decimal(100),
                signed_on=today - dt.timedelta(days=1200),
                from_date=today - dt.timedelta(days=1200),
            )
        )
        db.session.flush()
        record_delivery(unit, today - dt.timedelta(days=story.chance.randint(640, 715)))
        story.units.append(unit)
        story.owners[unit.id] = owners[position]


def _ground(story: Any, building: Building) -> None:
    """What the terms rest on: promises of the project, the season of the city, take-overs by property management."""
    project, today = story.demo.project, story.demo.today
    coverage.promise_term(project, "W07", 36, basis="《交付品质承诺书》第 3 条：门窗质保 3 年")
    coverage.set_season(story.demo.city, System.COOLING, (6, 1), (9, 30), "物业空调供冷期公告")
    coverage.take_over(building, today - dt.timedelta(days=720))
    for each in story.demo.buildings[:1]:
        coverage.take_over(each, today - dt.timedelta(days=20))


def half_hour(moment: dt.datetime) -> dt.datetime:
    """Return the last whole or half hour: nobody agrees to come at 16:11.

    Args:
        moment: Any moment.
    """
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)


def _by_day(moment: dt.datetime, earliest: dt.datetime, chance: Any) -> dt.datetime:
    """Return a moment near another one at which somebody works: between nine and five, and not before ``earliest``."""
    local = moment.astimezone(LOCAL_ZONE)
    if 9 <= local.hour < 17:
        return moment
    minute = chance.randint(3, 24)
    day = local.replace(hour=9, minute=minute) + dt.timedelta(days=1 if local.hour >= 17 else 0)
    before = (day - dt.timedelta(days=1)).replace(hour=16)
    return (before if before >= earliest.astimezone(LOCAL_ZONE) else day).astimezone(dt.UTC)


def make_ended(story: Any) -> None:
    """Repairs of the last half year that were closed and called back."""
    for position in range(ENDED):
        problem = _PROBLEMS[position % len(_PROBLEMS)]
        unit = story.chance.choice(story.units)
        day = utc_now() - dt.timedelta(days=story.chance.randint(22, 175))
        hour = story.chance.randint(9, 17)
        reported = day.astimezone(LOCAL_ZONE).replace(hour=hour, minute=story.chance.randint(0, 59))
        _ended(
            story, unit, reported.astimezone(dt.UTC), problem, late=position % 11 == 5, sour=position % 9 == 4
        )


def _ended(story: Any, unit: Unit, reported: dt.datetime, problem: Any, *, late: bool, sour: bool) -> None:
    code, room, text, done = problem
    fault, project, owner = faults()[code], story.demo.project, story.owners[unit.id]
    registered = reported + dt.timedelta(minutes=story.chance.randint(1, 11))
    request = Request(
        project_id=project.id,
        building_id=unit.building_id,
        unit_id=unit.id,
        customer_id=owner.id,
        number=number_of_day("BX", project, reported),
        reporter_name=owner.name,
        reporter_phone=owner.phone or "",
        relation=Relation.OWNER,
        channel=story.chance.choice((Channel.PHONE, Channel.PHONE, Channel.DESK)),
        reported_at=reported,
        registered_at=registered,
        registered_by_id=story.caller.id,
    )
    db.session.add(request)
    db.session.flush()
    priority = Priority(fault.priority)
    limit = (
        sla.LEAK_MINUTES
        if fault.is_leak and priority == Priority.P2
        else sla.DEFAULTS[Step.COMPLETE][priority]
    )
    order = Order(
        project_id=project.id,
        building_id=unit.building_id,
        unit_id=unit.id,
        request_id=request.id,
        customer_id=owner.id,
        number=number_of_day("WX", project, reported),
        state="called_back",
        room_name=room,
        fault_code=code,
        description=text,
        priority=priority,
        category_code=fault.category,
        system=fault.system,
        trade_code=fault.trade,
        is_rain_leak=fault.is_rain_leak,
        responsibility=Responsibility.CONTRACTOR,
        reported_at=reported,
        registered_at=registered,
        register_due_at=sla.due_moment(reported, 15, priority),
        contact_due_at=sla.due_moment(registered, sla.DEFAULTS[Step.CONTACT][priority], priority),
        arrival_due_at=sla.due_moment(registered, sla.DEFAULTS[Step.ARRIVAL][priority], priority),
        due_at=sla.due_moment(registered, limit, priority),
        work_done=done,
        repair_cycles=2 if sour else 1,
        score=story.chance.choice((3, 4, 4)) if sour else story.chance.choice((4, 5, 5, 5)),
    )
    intake.apply_verdict(order, intake.verdict_of(order, unit=unit, building=unit.building))
    company = intake.proposed_contractor(order, unit, unit.building)
    order.contractor_id = company.id if company is not None else None
    engineer = story.chance.choice(story.engineers)
    order.engineer_id = engineer.id
    order.triaged_at = registered + dt.timedelta(minutes=12)
    order.dispatched_at = registered + dt.timedelta(minutes=25)
    order.contacted_at = registered + dt.timedelta(minutes=story.chance.randint(30, 110))
    arrived = order.contacted_at + HOUR * story.chance.randint(2, 20)
    order.arrived_at = _by_day(arrived, order.contacted_at + HOUR, story.chance)
    order.plan_due_at = sla.due_moment(order.arrived_at, sla.DEFAULTS[Step.PLAN][priority], priority)
    order.planned_at = order.arrived_at + HOUR * story.chance.randint(1, 20)
    order.started_at = order.planned_at + HOUR * 18
    lasted = dt.timedelta(minutes=limit) * (1.3 if late else story.chance.uniform(0.35, 0.85))
    earliest = order.started_at + 2 * HOUR
    order.fixed_at = _by_day(max(registered + lasted, earliest) - 3 * HOUR, earliest, story.chance) + 3 * HOUR
    order.promised_at = order.first_promised_at = order.due_at
    order.fixed_by_id = engineer.id
    order.engineer_accepted_at = order.fixed_at + 2 * HOUR
    order.owner_accepted_at = order.fixed_at + 3 * HOUR
    order.closed_at = order.fixed_at + 4 * HOUR
    order.call_back_due_at = order.closed_at + 72 * HOUR
    order.called_back_at = order.closed_at + HOUR * story.chance.randint(20, 40)
    previous = intake.repeated_order(order, unit)
    order.repeat_of_id = previous.id if previous is not None else None
    db.session.add(order)
    db.session.flush()
    _papers(story, order, engineer, owner)


def _papers(story: Any, order: Order, engineer: Any, owner: Customer) -> None:
    moments = (order.arrived_at, order.fixed_at, order.closed_at, order.called_back_at)
    arrived, fixed, closed, called = (moment or utc_now() for moment in moments)
    of_order = {"project_id": order.project_id, "order_id": order.id}
    for purpose, start, text, minutes in (
        (VisitPurpose.SURVEY, arrived, "现场查勘，确认问题与范围", 30),
        (VisitPurpose.REPAIR, fixed - 3 * HOUR, order.work_done, story.chance.randint(60, 420)),
    ):
        db.session.add(
            Visit(
                **of_order, purpose=purpose, state=VisitState.DONE,
                booked_from=half_hour(start), booked_to=half_hour(start) + 2 * HOUR,
                arrived_at=start, left_at=start + dt.timedelta(minutes=minutes), persons="维修班组 2 人",
                findings=text, materials="" if purpose == VisitPurpose.SURVEY else "按方案", minutes=minutes,
                engineer_id=engineer.id,
            )
        )  # fmt: skip
    db.session.add(
        Acceptance(
            **of_order,
            kind=AcceptanceKind.ENGINEER,
            passed=True,
            at=fixed + 2 * HOUR,
            by_id=story.manager.id,
        )
    )
    db.session.add(
        Acceptance(
            **of_order, kind=AcceptanceKind.OWNER, passed=True, quality_ok=True, on_time_ok=True, clean_ok=True,
            attitude_ok=True, score=order.score, signer_name=owner.name, at=fixed + 3 * HOUR, by_id=engineer.id,
        )
    )  # fmt: skip
    db.session.add(CallBack(**of_order, at=called, reached=True, score=order.score, by_id=story.caller.id))
    for kind, text, moment in (
        ("reported", order.description, order.registered_at),
        ("fixed", order.work_done, fixed),
        ("closed", "", closed),
    ):
        db.session.add(
            OrderEvent(
                **of_order,
                kind=kind,
                saying=Saying.CLOSED if kind == "closed" else "",
                text=text,
                is_public=True,
                at=moment,
                user_id=engineer.id,
            )
        )
    db.session.flush()
