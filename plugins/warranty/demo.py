"""The warranty of the demo story: the first phase was delivered two years ago; most repairs went well, five locks of
one lot failed, and one contractor does not come."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from core.toolkit import (
    LOCAL_ZONE,
    Building,
    Customer,
    CustomerUnit,
    Decoration,
    Phase,
    Scope,
    Unit,
    UnitRole,
    db,
    record_delivery,
    require_scope,
    use_scope,
    utc_now,
)
from plugins.contractors import services as contractors
from plugins.warranty import demo_owners, sla
from plugins.warranty.catalogue import faults
from plugins.warranty.common import number_of_day
from plugins.warranty.models import (
    Acceptance,
    AcceptanceKind,
    CallBack,
    Channel,
    CostKind,
    Order,
    OrderEvent,
    Relation,
    Request,
    Responsibility,
    Visit,
    VisitPurpose,
    VisitState,
)
from plugins.warranty.services import intake, money, notices, orders, reports, stock
from plugins.warranty.services.intake import Issue
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


def load(demo: Any) -> None:
    """Write the warranty of the demo project; ``demo`` is the account of the core."""
    _Story(demo).tell()


class _Story:
    """Tells the story step by step.

    Args:
        demo: What the core made.
    """

    def __init__(self, demo: Any) -> None:
        self.demo = demo
        self.chance = random.Random(20261123)
        self.manager = demo.user_of("PCM")
        self.engineers = demo.users_of("ENG")
        self.caller = demo.users_of("CCS")[0]
        self.units: list[Unit] = []
        self.owners: dict[int, Customer] = {}

    @contextmanager
    def acting(self, user: Any) -> Iterator[None]:
        """Act as a member of staff, with all rights of the module and the wall open as for all demo data."""
        outer = require_scope()
        from plugins.warranty.plugin import permissions

        scope = Scope(
            user_id=user.id,
            department_id=user.acting_department_id,
            project_ids=None,
            department_ids=None,
            permissions=outer.permissions | {permission.code for permission in permissions()},
            reason="演示数据",
        )
        with use_scope(scope):
            yield

    def tell(self) -> None:
        """Write it."""
        with self.acting(self.manager):
            self.houses()
            self.ended()
            self.running()
            self.locks()
            self.does_not_come()
            demo_owners.tell(self)
            stock.add_part(
                self.demo.project, name="客厅地砖", specification="800×800 米灰 2023-08 批", measure="片", quantity=42,
                location="8 栋地下室 2 号库",
            )  # fmt: skip
            stock.add_part(
                self.demo.project, name="入户门锁体", specification="6068 型", category_code="W07", measure="套",
                quantity=6, location="8 栋地下室 2 号库",
            )  # fmt: skip
            last = self.demo.today.replace(day=1) - dt.timedelta(days=1)
            reports.make_report(
                self.demo.project,
                last,
                "渗漏类报修占比偏高，次卫门槛石处为集中部位；施工单位响应总体及时。",
                "对 8 栋次卫门槛石做专项排查；对不履约单位执行第三方维修与扣款。",
            )

    # --- the houses

    def houses(self) -> None:
        """The first phase: one building, accepted and delivered two years ago."""
        project, today = self.demo.project, self.demo.today
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
        contractors.fill_matrix(building, self.demo.buildings[0])
        owners = self.chance.sample(self.demo.customers, HOUSES)
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
            record_delivery(unit, today - dt.timedelta(days=self.chance.randint(640, 715)))
            self.units.append(unit)
            self.owners[unit.id] = owners[position]

    # --- what is over

    def ended(self) -> None:
        """Repairs of the last half year that were closed and called back."""
        for position in range(ENDED):
            problem = _PROBLEMS[position % len(_PROBLEMS)]
            unit = self.chance.choice(self.units)
            day = utc_now() - dt.timedelta(days=self.chance.randint(22, 175))
            hour = self.chance.randint(9, 17)
            reported = day.astimezone(LOCAL_ZONE).replace(hour=hour, minute=self.chance.randint(0, 59))
            self._ended(
                unit, reported.astimezone(dt.UTC), problem, late=position % 11 == 5, sour=position % 9 == 4
            )

    def _ended(self, unit: Unit, reported: dt.datetime, problem: Any, *, late: bool, sour: bool) -> None:
        code, room, text, done = problem
        fault, project, owner = faults()[code], self.demo.project, self.owners[unit.id]
        registered = reported + dt.timedelta(minutes=self.chance.randint(1, 11))
        request = Request(
            project_id=project.id,
            building_id=unit.building_id,
            unit_id=unit.id,
            customer_id=owner.id,
            number=number_of_day("BX", project, reported),
            reporter_name=owner.name,
            reporter_phone=owner.phone or "",
            relation=Relation.OWNER,
            channel=self.chance.choice((Channel.PHONE, Channel.PHONE, Channel.DESK)),
            reported_at=reported,
            registered_at=registered,
            registered_by_id=self.caller.id,
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
            score=self.chance.choice((3, 4, 4)) if sour else self.chance.choice((4, 5, 5, 5)),
        )
        intake.apply_verdict(order, intake.verdict_of(order, unit=unit, building=unit.building))
        company = intake.proposed_contractor(order, unit, unit.building)
        order.contractor_id = company.id if company is not None else None
        engineer = self.chance.choice(self.engineers)
        order.engineer_id = engineer.id
        order.triaged_at = registered + dt.timedelta(minutes=12)
        order.dispatched_at = registered + dt.timedelta(minutes=25)
        order.contacted_at = registered + dt.timedelta(minutes=self.chance.randint(30, 110))
        order.arrived_at = order.contacted_at + HOUR * self.chance.randint(2, 20)
        order.plan_due_at = sla.due_moment(order.arrived_at, sla.DEFAULTS[Step.PLAN][priority], priority)
        order.planned_at = order.arrived_at + HOUR * self.chance.randint(1, 20)
        order.started_at = order.planned_at + HOUR * 18
        lasted = dt.timedelta(minutes=limit) * (1.3 if late else self.chance.uniform(0.35, 0.85))
        order.fixed_at = max(registered + lasted, order.started_at + 2 * HOUR)
        order.promised_at = order.first_promised_at = order.due_at
        order.fixed_by_id = engineer.id
        order.engineer_accepted_at = order.fixed_at + 2 * HOUR
        order.owner_accepted_at = order.fixed_at + 3 * HOUR
        order.closed_at = order.fixed_at + 4 * HOUR
        order.call_back_due_at = order.closed_at + 72 * HOUR
        order.called_back_at = order.closed_at + HOUR * self.chance.randint(20, 40)
        previous = intake.repeated_order(order, unit)
        order.repeat_of_id = previous.id if previous is not None else None
        db.session.add(order)
        db.session.flush()
        self._papers(order, engineer, owner)

    def _papers(self, order: Order, engineer: Any, owner: Customer) -> None:
        moments = (order.arrived_at, order.fixed_at, order.closed_at, order.called_back_at)
        arrived, fixed, closed, called = (moment or utc_now() for moment in moments)
        of_order = {"project_id": order.project_id, "order_id": order.id}
        for purpose, start, text, minutes in (
            (VisitPurpose.SURVEY, arrived, "现场查勘，确认问题与范围", 30),
            (VisitPurpose.REPAIR, fixed - 3 * HOUR, order.work_done, self.chance.randint(60, 420)),
        ):
            db.session.add(
                Visit(
                    **of_order, purpose=purpose, state=VisitState.DONE,
                    booked_from=start - HOUR, booked_to=start + HOUR,
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
                by_id=self.manager.id,
            )
        )
        db.session.add(
            Acceptance(
                **of_order, kind=AcceptanceKind.OWNER, passed=True, quality_ok=True, on_time_ok=True, clean_ok=True,
                attitude_ok=True, score=order.score, signer_name=owner.name, at=fixed + 3 * HOUR, by_id=engineer.id,
            )
        )  # fmt: skip
        db.session.add(CallBack(**of_order, at=called, reached=True, score=order.score, by_id=self.caller.id))
        for kind, text, moment in (
            ("reported", order.description, order.registered_at),
            ("fixed", order.work_done, fixed),
            ("closed", "已关闭。", closed),
        ):
            db.session.add(
                OrderEvent(**of_order, kind=kind, text=text, is_public=True, at=moment, user_id=engineer.id)
            )
        db.session.flush()

    # --- what goes on

    def report(
        self, unit: Unit, *issues: tuple[str, str, str], hours: int, channel: Channel = Channel.PHONE
    ) -> Request:
        """Register what the owner of a house reported some hours ago."""
        owner = self.owners[unit.id]
        return intake.register_request(
            issues=[Issue(code, text, room) for code, room, text in issues],
            unit=unit,
            customer=owner,
            reporter_name=owner.name,
            reporter_phone=owner.phone or "",
            channel=channel,
            reported_at=utc_now() - dt.timedelta(hours=hours),
            availability="工作日 18:00 后，周末全天",
        )

    def running(self) -> None:
        """Orders at every step."""
        units = self.units
        with self.acting(self.caller):
            self.report(
                units[5],
                ("window_leak", "主卧", "暴雨后窗下墙面渗水"),
                ("wall_crack", "客厅", "窗角裂缝"),
                ("lamp", "阳台", "灯不亮"),
                hours=1,
            )  # fmt: skip
            pipe = self.report(units[11], ("burst_pipe", "厨房", "水槽下软管爆裂，已关总阀"), hours=0).orders[
                0
            ]
            visited = self.report(
                units[17], ("bathroom_leak", "次卫", "楼下邻居反映顶棚滴水"), hours=30
            ).orders[0]
            finished = self.report(units[23], ("hollow_tile", "餐厅", "地砖 5 块空鼓"), hours=70).orders[0]
            waiting = self.report(
                units[29], ("door_glass_replace", "阳台", "推拉门玻璃自爆"), hours=90
            ).orders[0]
        engineer = self.engineers[0]
        for order in (pipe, visited, finished, waiting):
            orders.triage(order, responsibility=Responsibility.CONTRACTOR)
            orders.dispatch(order, engineer=engineer)
        with self.acting(engineer):
            orders.note_contact(pipe, "已电话联系，20 分钟内到场")
            orders.secure(pipe, "关闭入户总阀，清理积水")
            for order in (visited, finished, waiting):
                orders.note_contact(order, "已约上门时间")
                now = utc_now()
                visit = orders.book_visit(order, now, now + 2 * HOUR, engineer=engineer)
                orders.arrive(visit, persons="赵工、维修班组 1 人")
                orders.leave(visit, findings="现场查勘，问题属实", minutes=40)
            orders.make_plan(
                visited,
                method="关水 48 小时观察，凿开次卫门槛石与管根补做防水，蓄水试验 24 小时",
                days=6,
                crew="2 人",
            )
            orders.make_plan(
                finished, method="铲除空鼓砖，湿铺同批次地砖", days=2, crew="2 人", materials="客厅地砖 5 片"
            )
            orders.confirm_plan(finished)
            orders.start_repair(finished)
            orders.make_plan(waiting, method="定制钢化玻璃，到货后更换", days=12)
            orders.confirm_plan(waiting)
        orders.suspend(waiting, "waiting_material", "定制玻璃 10 天到货", utc_now())
        money.add_cost(
            finished, kind=CostKind.MATERIAL, amount=Decimal("260.00"), description="瓷砖胶、填缝剂"
        )

    def locks(self) -> None:
        """Five locks of one lot fail: a batch problem opens by itself."""
        with self.acting(self.caller):
            for position, unit in enumerate(self.units[30:35]):
                self.report(
                    unit, ("lock", "玄关", "入户门锁转动卡滞，偶尔反锁打不开"), hours=20 - 3 * position
                )

    def does_not_come(self) -> None:
        """The contractor of a window leak answers neither notice; a third party repairs and he pays."""
        with self.acting(self.caller):
            order = self.report(
                self.units[40], ("roof_leak", "主卧", "雨后顶棚渗水，墙纸脱落"), hours=120
            ).orders[0]
        orders.triage(order, responsibility=Responsibility.CONTRACTOR)
        orders.dispatch(order, engineer=self.engineers[0])
        for stage in (1, 2):
            notice = notices.issue_notice(
                order, "24 小时内到场查勘并开始维修", f"EMS 邮政特快专递 1000{stage}"
            )
            notice.answer_due_at = utc_now() - dt.timedelta(minutes=5)
            db.session.flush()
        company = order.contractor
        deduction = money.draft_deduction(order, Decimal("4860.00"), "两次通知未答复，委托第三方维修")
        money.issue_deduction(deduction)
        if company is not None:
            money.open_account(
                self.demo.project,
                company,
                contract_number="YQW-FS-2022-014",
                settlement=Decimal("3860000.00"),
                starts_on=self.demo.today - dt.timedelta(days=790),
            )
