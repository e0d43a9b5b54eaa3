"""The warranty of the demo story: the first phase was delivered two years ago; most repairs went well, five locks of
one lot failed, and one contractor does not come."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from core.toolkit import Customer, Scope, Unit, issue_document, require_scope, use_scope, utc_now
from plugins.warranty import demo_money, demo_owners, demo_past, rights
from plugins.warranty.models import (
    Channel,
    CostKind,
    Request,
    Responsibility,
    ToldHow,
)
from plugins.warranty.services import intake, money, orders, progress, reports, stock
from plugins.warranty.services.intake import Issue

HOUR = dt.timedelta(hours=1)


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
        scope = Scope(
            user_id=user.id,
            department_id=user.acting_department_id,
            project_ids=None,
            department_ids=None,
            permissions=outer.permissions | {permission.code for permission in rights.permissions()},
            reason="演示数据",
        )
        with use_scope(scope):
            yield

    def tell(self) -> None:
        """Write it."""
        with self.acting(self.manager):
            demo_past.make_houses(self)
            demo_past.make_ended(self)
            self.running()
            self.overdue_news()
            self.locks()
            demo_money.tell(self)
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

    # --- what goes on

    def report(
        self, unit: Unit, *issues: tuple[str, str, str], hours: int, channel: Channel = Channel.PHONE
    ) -> Request:
        """Register what the owner of a house reported some hours ago."""
        owner = self.owners[unit.id]
        request = intake.register_request(
            issues=[Issue(code, text, room) for code, room, text in issues],
            unit=unit,
            customer=owner,
            reporter_name=owner.name,
            reporter_phone=owner.phone or "",
            channel=channel,
            reported_at=utc_now() - dt.timedelta(hours=hours),
            availability="工作日 18:00 后，周末全天",
        )
        # Taken down at a half hour, so that visits of this moment can be agreed for the same one.
        if hours:
            request.registered_at = demo_past.half_hour(request.registered_at)
            for order in request.orders:
                order.registered_at = request.registered_at
        return request

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
                start = demo_past.half_hour(utc_now())
                visit = orders.book_visit(order, start, start + 2 * HOUR, engineer=engineer)
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
        later = orders.extend(
            waiting,
            (waiting.promised_at or utc_now()) + dt.timedelta(days=10),
            "定制钢化玻璃磨边尺寸有误，厂家重新开料，到货推迟 10 天",
            ToldHow.PHONE,
        )
        issue_document("warranty.delay_notice", later, "zh_Hans_CN")
        money.add_cost(
            finished, kind=CostKind.MATERIAL, amount=Decimal("260.00"), description="瓷砖胶、填缝剂"
        )

    def overdue_news(self) -> None:
        """An owner who waits for news: whoever looks after the repair is asked to tell him."""
        with self.acting(self.caller):
            order = self.report(
                self.units[37], ("wood_floor", "次卧", "地板起拱约 2 m²"), hours=7 * 24
            ).orders[0]
        orders.triage(order, responsibility=Responsibility.CONTRACTOR)
        orders.dispatch(order, engineer=self.engineers[0])
        with self.acting(self.engineers[0]):
            orders.note_contact(order, "业主出差，约周末上门")
        # A week has passed since he heard the last time.
        order.progress_due_at = utc_now()
        progress.see_to_progress(order)

    def locks(self) -> None:
        """Five locks of one lot fail: a batch problem opens by itself."""
        with self.acting(self.caller):
            for position, unit in enumerate(self.units[30:35]):
                self.report(
                    unit, ("lock", "玄关", "入户门锁转动卡滞，偶尔反锁打不开"), hours=20 - 3 * position
                )
