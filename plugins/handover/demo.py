"""The handover of the demo story: a batch that is nearly handed over, with sixty formal inspections, some 300 defects
and a contractor who is late; and a second one that is being prepared."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import BytesIO
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    Attachment,
    CustomerUnit,
    Scope,
    TimelineEntry,
    Unit,
    approve,
    attach,
    db,
    make_link,
    mark_up,
    owners_of,
    require_scope,
    send_link,
    sign,
    use_scope,
    utc_now,
)
from plugins.contractors.demo_photos import PICTURES, draw, kind_of_fault
from plugins.handover import catalogue, demo_papers, services, signing
from plugins.handover.contractor_pages import CONFIRM_NOTICE, people_of
from plugins.handover.models import (
    BatchMode,
    Defect,
    FeeKind,
    HandoverBatch,
    HandoverUnit,
    HandoverVisit,
    Inspection,
    InspectionKind,
    InspectionResult,
    KeyKind,
    Opinion,
    RectificationNotice,
    Station,
    StationLog,
    Verdict,
)
from plugins.handover.preparation import demo as preparation
from plugins.handover.preparation.services.plan import load_standard_steps
from plugins.handover.workflows import BATCH, HANDOVER_UNIT

FINISHED, RUNNING, PLANNED = 52, 2, 6
CLEAN = 23
"""Houses without any defect S1–S3 in the first formal round."""
WORST = "华建装饰"
"""The contractor who is late and whose repairs fail."""
DAYS = 18
"""The first batch has been handed over for so many days."""
AHEAD = 24
"""The second batch follows in so many days."""
ABSENT = 10
"""Houses of the first batch whose owners have not come."""

_DESCRIPTIONS = {
    "D01": ("门槛石与地面交界处渗水，踢脚线发霉", "窗下墙面有水渍，雨后扩大", "顶棚管根处渗漏，有滴水"),
    "D02": ("地砖 4 块空鼓", "电视背景墙抹灰空鼓约 0.3 m²", "墙砖 3 块空鼓"),
    "D03": ("窗角 45° 裂缝，宽约 0.3 mm", "顶棚沿板缝开裂 1.2 m", "门洞上方斜向裂缝"),
    "D04": ("靠尺下偏差 6 mm，目测可见起伏", "地面平整度超差，椅子摇晃"),
    "D05": ("门框垂直度偏差 5 mm，门自动关闭", "阴角不方正，橱柜侧板露缝"),
    "D06": ("开关面板高低差 12 mm", "净高比设计低 25 mm"),
    "D07": ("台面崩边 2 处", "瓷砖破角"),
    "D08": ("窗框划伤 15 cm", "入户门面板划痕 3 处", "地板划伤"),
    "D09": ("墙面污染，水泥浆未清理", "玻璃有胶渍"),
    "D10": ("墙面修补处色差明显", "相邻两块地砖色差"),
    "D11": ("花洒支架松动", "插座面板松动", "门吸松动"),
    "D13": ("门扇翘曲 4 mm，关不严",),
    "D14": ("腻子起皮约 20 cm²", "地面起砂"),
    "D15": ("栏杆焊点锈蚀", "合页锈蚀"),
    "D16": ("地漏排水缓慢，疑堵塞", "空调冷凝水管堵塞"),
    "D17": ("阳台倒坡，积水深约 8 mm", "淋浴区积水"),
    "D18": ("木地板行走有响声", "推拉门滑轮异响"),
    "D22": ("窗密封胶断开 20 cm", "门套收口开裂", "马桶底部未打胶"),
}
_BY_ITEM = {
    "D20": "{item}：功能异常",
    "D12": "{item}：部件缺失",
    "D23": "{item}：与交付标准不符",
    "D21": "{item}：接线错误",
}
"""Faults that only the item tells."""
_MEASURES_TAKEN = (
    "返工重做并清理现场",
    "更换后调试正常",
    "注胶封闭，表面修复",
    "打磨修补，重新涂刷",
    "调整固定，复查无松动",
)
_STILL_WRONG = ("修补处仍有色差，需重做", "空鼓未处理完，仍有 2 块", "仍有渗水痕迹", "打胶不顺直，要求返工")
_WEATHER = ("晴", "多云", "阴", "小雨")


def load(demo: Any) -> None:
    """Write the handover of the demo project.

    Args:
        demo: What the core made: project, buildings, units, users, a seeded ``random``, ``today``.
    """
    catalogue.load_reference_data()
    load_standard_steps()
    story = _Story(demo)
    first, second = story.batches()
    preparation.load_finished(story, first)
    preparation.load(story, second)
    for number, unit in enumerate(story.houses):
        story.inspect(number, unit)
    story.notices()
    story.repairs()
    story.penalties()
    story.plan_re_inspections()
    story.handover_day()
    demo_papers.load(story, _handwriting)
    preparation.houses(story, second)
    preparation.remind(story, first)


def _pointer(words: str) -> str:
    """Return what an inspector draws over a photo: a circle around the place, an arrow to it, and what it is."""
    return json.dumps(
        [
            {"kind": "circle", "colour": "red", "at": [0.5, 0.52], "radius": [0.16, 0.2]},
            {"kind": "arrow", "colour": "yellow", "from": [0.2, 0.16], "to": [0.38, 0.36]},
            {"kind": "text", "colour": "yellow", "at": [0.1, 0.06], "text": words},
        ]
    )


def _handwriting(name: str) -> str:
    """Return strokes that look like somebody's quick signature, the same for the same name."""
    hand = random.Random(name)
    strokes, left = [], 24.0
    for _letter in name:
        for _stroke in range(hand.randint(2, 3)):
            x, y = left + hand.uniform(0, 14), 60 + hand.uniform(-24, 30)
            turn, bend, length = hand.uniform(-0.6, 1.4), hand.uniform(-0.12, 0.16), hand.randint(14, 26)
            line = []
            for step in range(length):
                x, y = x + 2.6 * math.cos(turn), y + 2.6 * math.sin(turn)
                turn += bend + 0.05 * math.sin(step)
                line.append([round(min(max(x, 2), 298), 1), round(min(max(y, 2), 148), 1), 0.5, step * 16])
            strokes.append(line)
        left += 62
    return json.dumps({"size": [300, 150], "strokes": strokes})


class _Story:
    def __init__(self, demo: Any) -> None:
        self.demo = demo
        self.chance = demo.random
        self.engineers = demo.users_of("ENG")
        self.manager = demo.user_of("PCM")
        self.checker = demo.users_of("CCS")[0]
        self.houses, self.absent = self._sold_houses()
        self.defects: list[Defect] = []
        self._pictures: dict[str, list[Attachment]] = {}

    def _sold_houses(self) -> tuple[list[Unit], list[Unit]]:
        """Return the houses that are inspected, and some whose owners do not come."""
        owned = set(
            db.session.scalars(
                sa.select(CustomerUnit.unit_id).where(
                    CustomerUnit.project_id == self.demo.project.id, CustomerUnit.cancelled_on.is_(None)
                )
            )
        )
        wanted = FINISHED + RUNNING + PLANNED
        sold = [
            unit
            for unit in self.demo.units
            if unit.id in owned and unit.building_id == self.demo.buildings[2].id
        ]
        sold += [unit for unit in self.demo.units if unit.id in owned and unit not in sold]
        chosen = self.chance.sample(sold[:160], min(wanted, len(sold)))
        left = [unit for unit in sold if unit not in chosen and unit.building_id != self.demo.buildings[2].id]
        return sorted(chosen, key=lambda unit: (-unit.building_id, unit.id)), left[:ABSENT]

    @contextmanager
    def acting(self, user: Any) -> Iterator[None]:
        """Act as a member of staff, with all rights of the module and the wall open as for all demo data."""
        outer = require_scope()
        from plugins.handover.plugin import permissions

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

    # --- the batches

    def batches(self) -> tuple[HandoverBatch, HandoverBatch]:
        """Make the batch that is being handed over and the one that follows, with their plans and risk checks."""
        came = [*self.houses, *self.absent]
        taken = {unit.id for unit in came}
        following = [
            unit
            for unit in self.demo.units
            if unit.building_id == self.demo.buildings[2].id and unit.id not in taken
        ]
        self.first = self._batch("2026-1A", "二期第一批集中交付", -DAYS, came)
        return self.first, self._batch("2026-2A", "二期第二批集中交付", AHEAD, following)

    def _batch(self, code: str, name: str, days: int, units: list[Unit]) -> HandoverBatch:
        opens_on = self.demo.today + dt.timedelta(days=days)
        with self.acting(self.manager):
            batch: HandoverBatch = services.create_batch(
                self.demo.project,
                code=code,
                name=name,
                phase=self.demo.buildings[0].phase,
                delivery_on=opens_on,
                mode=BatchMode.CONCENTRATED,
                manager=self.manager,
                **preparation.details(opens_on),
            )
            services.add_units(batch, units)
            BATCH.move(batch, "prepare")
            BATCH.move(batch, "open")
            return batch

    # --- inspections

    def inspect(self, number: int, unit: Unit) -> None:
        engineer = self.engineers[number % len(self.engineers)]
        # Now and then a colleague goes instead of whom it was planned for.
        planned = self.engineers[(number + 1) % len(self.engineers)] if number % 19 == 7 else engineer
        is_finished = number < FINISHED
        day = (
            self.demo.today - dt.timedelta(days=DAYS - number * DAYS // FINISHED)
            if is_finished
            else self.demo.today
        )
        with self.acting(engineer):
            inspection = services.plan_inspection(
                unit,
                InspectionKind.FORMAL,
                planned_on=day,
                inspector=planned,
                companions="物业管家 唐敏" if number % 2 else "物业管家 冯杰",
            )
            if number >= FINISHED + RUNNING:
                return
            services.start_inspection(inspection)
            start = self._moment(day, 9 + number % 8)
            inspection.started_at = start
            found = self._record(inspection, number, start, partly=not is_finished)
            if not is_finished:
                return
            services.finish_inspection(inspection, **self._closing(found))
            end = start + dt.timedelta(minutes=self.chance.randint(45, 80))
            self._tell_as_of(inspection, end)
            self._came_as_of(inspection, start, end)
            if number % 4 < 3:
                self._sign(inspection, engineer, min(end, utc_now()))

    def _came_as_of(self, inspection: Inspection, start: dt.datetime, end: dt.datetime) -> None:
        """Date the visit of an inspection back into the story, with its refusal."""
        place = inspection.handover_unit
        visit = services.last_visit_of(place) if place is not None else None
        if place is None or visit is None:
            return
        end = min(end, utc_now())
        place.arrived_at = visit.arrived_at = start
        visit.ended_at = end
        for stay in visit.stations:
            stay.entered_at = start if stay.station == Station.INSPECTION else end
            stay.left_at = end
        if place.state == "refused":
            place.reply_due_at = end + dt.timedelta(days=3)
            if place.reply_due_at < utc_now():
                services.reply_to_refusal(
                    place, "复函：整改方案与完成日期已书面告知。", end + dt.timedelta(days=2)
                )
        db.session.flush()

    def _moment(self, day: dt.date, hour: int) -> dt.datetime:
        local = dt.datetime.combine(day, dt.time(hour, self.chance.randint(0, 50)), LOCAL_ZONE)
        return min(local.astimezone(dt.UTC), utc_now() - dt.timedelta(minutes=5))

    def _record(self, inspection: Inspection, number: int, start: dt.datetime, partly: bool) -> list[Defect]:
        results = list(inspection.results)
        if partly:
            results = results[: len(results) // 3]
        is_clean = (number * CLEAN) % FINISHED < CLEAN
        failing = self._choose_failing(results, is_clean)
        user = require_scope().user_id
        for result in results:
            if result not in failing:
                result.verdict = Verdict.NOT_APPLICABLE if self.chance.random() < 0.04 else Verdict.PASS
                result.answered_at, result.answered_by_id = start, user
                if result.verdict == Verdict.PASS and result.measures and self.chance.random() < 0.5:
                    result.measured = {"0": self._inside(result.measures[0])}
        db.session.flush()
        rooms = [room for room in inspection.rooms if not room.whole_house]
        return [self._fail(inspection, result, rooms, start) for result in failing]

    def _choose_failing(self, results: list[InspectionResult], is_clean: bool) -> list[InspectionResult]:
        if is_clean:
            slight = [
                result
                for result in results
                if result.severity == "S4" and result.defect_code in _DESCRIPTIONS | _BY_ITEM
            ]
            return self.chance.sample(slight, min(len(slight), self.chance.choice((0, 0, 1, 2))))
        likely = {"S1": 0.15, "S2": 0.7, "S3": 3.0, "S4": 1.0}
        finishes = {"painting", "carpentry", "tiling_masonry"}
        usable = [result for result in results if result.defect_code in _DESCRIPTIONS | _BY_ITEM]
        weights = [
            likely[result.severity] * (1.2 if result.trade_code in finishes else 1.0) for result in usable
        ]
        count = min(len(usable), self.chance.randint(7, 12))
        chosen: list[InspectionResult] = []
        while len(chosen) < count:
            result = self.chance.choices(usable, weights)[0]
            if result not in chosen:
                chosen.append(result)
        return sorted(chosen, key=lambda result: result.position)

    def _inside(self, measure: dict[str, Any]) -> str:
        low = Decimal(measure["low"]) if measure["low"] is not None else Decimal(0)
        high = Decimal(measure["high"]) if measure["high"] is not None else low * Decimal("1.1")
        share = Decimal(self.chance.randint(10, 80)) / 100
        return str((low + (high - low) * share).quantize(Decimal("0.01")).normalize().__format__("f"))

    def _fail(
        self, inspection: Inspection, result: InspectionResult, rooms: list[Any], start: dt.datetime
    ) -> Defect:
        defect = services.record_result(result, Verdict.FAIL)
        if defect is None:
            raise LookupError(f"{result.item_code} failed and has no defect.")
        by_item = _BY_ITEM.get(result.defect_code)
        text = (
            by_item.format(item=result.name)
            if by_item
            else self.chance.choice(_DESCRIPTIONS[result.defect_code])
        )
        room = self.chance.choice(rooms) if not defect.room_name else None
        services.change_defect(defect, description=text, room=room)
        moment = start + dt.timedelta(minutes=self.chance.randint(5, 50))
        defect.raised_at = moment
        defect.promised_by = defect.first_promised_by = moment + services.fix_limit(defect.severity)
        db.session.flush()
        self.picture(defect, services.PHOTO_BEFORE, moment)
        self.defects.append(defect)
        return defect

    def _closing(self, found: list[Defect]) -> dict[str, Any]:
        counted = [defect for defect in found if defect.severity in services.COUNTED]
        refuses = sum(defect.severity in services.SERIOUS for defect in found) >= 4
        values: dict[str, Any] = {
            "weather": self.chance.choice(_WEATHER),
            "meter_water": f"{self.chance.randint(1, 9):05d}.{self.chance.randint(0, 9)}",
            "meter_electricity": f"{self.chance.randint(20, 90):06d}.{self.chance.randint(0, 9)}",
            "meter_gas": f"{self.chance.randint(0, 3):05d}.{self.chance.randint(0, 9)}",
            "opinion": Opinion.ACCEPT_AFTER_RECTIFICATION if counted else Opinion.ACCEPT,
        }
        if refuses:
            values |= {
                "opinion": Opinion.REFUSE,
                "refusal_reason": "R2" if any(each.item_code.startswith("WP") for each in found) else "R4",
                "opinion_note": "问题整改完成并复验合格后再收房。",
            }
        return values

    def _sign(self, inspection: Inspection, engineer: Any, moment: dt.datetime) -> None:
        """Let owner and engineer sign on the phone; of every fourth house the signatures are still missing."""
        name, customer_id = signing.signer(inspection, signing.OWNER)
        for role, who, key in ((signing.OWNER, name, customer_id), (signing.ENGINEER, engineer.name, None)):
            sign(
                inspection,
                role=role,
                name=who,
                picture=_handwriting(who),
                place=f"{inspection.unit.code} 室内",
                device="Mozilla/5.0 (Linux; Android 15; Mobile)",
                customer_id=key,
                signed_at=moment,
            )

    def _tell_as_of(self, inspection: Inspection, moment: dt.datetime) -> None:
        """Date what was just finished back into the story; the record itself never changes any more."""
        moment = min(moment, utc_now())
        db.session.execute(
            sa.update(Inspection).where(Inspection.id == inspection.id).values(finished_at=moment)
        )
        db.session.execute(
            sa.update(TimelineEntry)
            .where(
                TimelineEntry.record_kind == "handover.inspection", TimelineEntry.record_id == inspection.id
            )
            .values(happened_at=moment)
        )

    # --- notices and repairs

    def notices(self) -> None:
        """Send the defects of each day to their contractors; those of today are still to be sent."""
        yesterday = utc_now() - dt.timedelta(hours=20)
        with self.acting(self.engineers[0]):
            by_day: dict[dt.date, list[Defect]] = {}
            for defect in self.defects:
                finished = defect.inspection is not None and defect.inspection.finished_at is not None
                if defect.contractor_id is not None and finished and defect.raised_at < yesterday:
                    by_day.setdefault(defect.raised_at.date(), []).append(defect)
            for defects in by_day.values():
                moment = max(defect.raised_at for defect in defects) + dt.timedelta(
                    hours=self.chance.randint(3, 20)
                )
                for notice in services.create_notices(defects):
                    self._issue(notice, min(moment, utc_now()))

    def _issue(self, notice: RectificationNotice, moment: dt.datetime) -> None:
        promised = [line.defect.promised_by for line in notice.lines if line.defect.promised_by is not None]
        services.issue_notice(notice, max(promised), at=moment)
        if notice.contractor.label != WORST or self.chance.random() < 0.5:
            received = min(moment + dt.timedelta(hours=self.chance.randint(2, 22)), utc_now())
            services.receive_notice(notice, "项目经理", at=received)
        else:
            # He was sent the link to his narrow page and has not opened it.
            for person in people_of(notice)[:1]:
                made = make_link(CONFIRM_NOTICE, notice, person)
                send_link(made, person, notice)

    def repairs(self) -> None:
        """Let the contractors repair: most in time, one late and badly."""
        for defect in self.defects:
            if defect.state == "assigned":
                self._repair(defect)

    def _repair(self, defect: Defect) -> None:
        is_worst = defect.contractor is not None and defect.contractor.label == WORST
        age = utc_now() - defect.raised_at
        if self.chance.random() < (0.25 if is_worst else 0.06):
            return
        engineer = self.chance.choice(self.engineers)
        with self.acting(engineer):
            services.start_fixing(defect)
        needed = dt.timedelta(hours=self.chance.randint(90, 420) if is_worst else self.chance.randint(6, 120))
        if needed > age - dt.timedelta(hours=6):
            return
        fixed_at = defect.raised_at + needed
        with self.acting(engineer):
            services.report_fixed(defect, self.chance.choice(_MEASURES_TAKEN), fixed_at)
            self.picture(defect, "after", fixed_at)
        if self.chance.random() < 0.1:
            return
        self._recheck(defect, fixed_at, 0.4 if is_worst else 0.06)

    def _recheck(self, defect: Defect, fixed_at: dt.datetime, failing: float) -> None:
        moment = min(fixed_at + dt.timedelta(hours=self.chance.randint(3, 30)), utc_now())
        with self.acting(self.checker):
            if self.chance.random() < failing:
                services.reject_defect(defect, self.chance.choice(_STILL_WRONG))
            else:
                services.verify_defect(defect, note="复验合格")
                defect.verified_at = moment
            defect.rechecks[-1].checked_at = moment
            db.session.flush()

    def penalties(self) -> None:
        """Ask for a penalty on an overdue notice of the worst contractor; finance has agreed, its manager not yet."""
        late = [
            notice
            for notice in db.session.scalars(
                sa.select(RectificationNotice)
                .where(RectificationNotice.state.in_(("issued", "received")))
                .order_by(RectificationNotice.id)
            )
            if notice.deadline is not None
            and notice.deadline < utc_now()
            and notice.contractor.label == WORST
        ]
        for notice in late[:1]:
            with self.acting(self.engineers[0]):
                asked = services.penalise_notice(
                    notice, "逾期未整改完毕，按合同第 12.3 条扣款。", Decimal(12_000)
                )
            if asked is not None:
                with self.acting(self.demo.user_of("FIN")):
                    approve(asked.tasks[0], "依据充分，可从当期进度款中扣除。")
        for notice in late[1:2]:
            self._corrected_penalty(notice)

    def _corrected_penalty(self, notice: RectificationNotice) -> None:
        """Correct a penalty on which all had agreed: a little, which lets that stand."""
        with self.acting(self.engineers[0]):
            asked = services.penalise_notice(notice, "逾期未整改，由他方代为整改。", Decimal(6_000))
        if asked is None:
            return
        for role, opinion in (("FIN", "同意。"), ("PCM", "同意，按实际费用结算。")):
            with self.acting(self.demo.user_of(role)):
                approve(next(task for task in asked.tasks if task.state == "open"), opinion)
            db.session.expire(asked, ["tasks"])
        with self.acting(self.engineers[0]):
            services.correct_penalty(notice, Decimal(6_480), "代修费用结算为 6,480 元")

    def plan_re_inspections(self) -> None:
        """Plan a re-inspection for today in three houses where repairs wait for it."""
        waiting = [defect.unit for defect in self.defects if defect.state == "fixed"]
        with self.acting(self.manager):
            for unit in list(dict.fromkeys(waiting))[:3]:
                services.plan_inspection(
                    unit, InspectionKind.RE_INSPECTION, planned_on=self.demo.today, inspector=self.checker
                )

    # --- the handover day

    def handover_day(self) -> None:
        """Deliver some houses, let owners wait at stations, lend keys for too long; refusals came with inspections."""
        places = list(
            db.session.scalars(
                sa.select(HandoverUnit)
                .where(HandoverUnit.batch_id == self.first.id)
                .order_by(HandoverUnit.id)
            )
        )
        houses = {unit.id for unit in self.houses}
        accepted = [place for place in places if place.state in ("accepted", "accepted_with_defects")]
        waiting = [place for place in places if place.state == "planned" and place.unit_id in houses]
        sent = utc_now() - dt.timedelta(days=DAYS + 30)
        with self.acting(self.manager):
            for place in places:
                if place.unit_id not in houses:
                    services.take_step(place, "notify", {"payment_complete": True})
                place.notice_sent_at, place.payment_complete = sent, self.chance.random() < 0.95
            for number, place in enumerate(accepted[:34]):
                self._deliver(place, number)
            for number, place in enumerate(accepted[34:37]):
                self._fees(place, paid=False)
                services.register_keys(place, KeyKind.ENTRY, 6, f"ZP-{number + 501:04d}")
                services.lend_keys(
                    place, "刘师傅", "入户门调整", 7, utc_now() - dt.timedelta(days=9 - 3 * number)
                )
            for number, place in enumerate(waiting[:5]):
                self._wait(place, number)
            for place in waiting[5:6]:
                HANDOVER_UNIT.move(place, "notify")
                services.sign_in(place, utc_now() - dt.timedelta(hours=5))
                services.check_identity(place, at=utc_now() - dt.timedelta(hours=4, minutes=50))
                services.refuse(
                    place,
                    "R7",
                    "竣工验收备案表未公示原件，资料补齐后再收房。",
                    utc_now() - dt.timedelta(hours=4),
                )

    def _fees(self, place: HandoverUnit, *, paid: bool = True, at: dt.datetime | None = None) -> None:
        area = place.unit.gross_area_contract or Decimal(100)
        for kind, amount, basis in (
            (FeeKind.MAINTENANCE_FUND, area * 100, f"{area} m² × 100 元/m²"),
            (FeeKind.PROPERTY_FEE, area * Decimal("2.8") * 3, f"{area} m² × 2.80 元/月 × 3 个月"),
            (FeeKind.DECORATION_DEPOSIT, Decimal(2000), "装修押金，验收后退还"),
        ):
            fee = services.add_fee(place, kind, amount.quantize(Decimal("0.01")), basis)
            if paid:
                services.pay_fee(fee, f"SJ{fee.id:08d}", at)

    def _papers(self, place: HandoverUnit, at: dt.datetime) -> str:
        owners = owners_of(place.unit)
        name = owners[0].name if owners else "业主"
        services.prepare_papers(place, "2026-1")
        services.sign_papers(place, name, at)
        return name

    def _deliver(self, place: HandoverUnit, number: int) -> None:
        """Take the owner of an accepted house through the desks and give him the keys, on the day of his inspection."""
        visit = services.last_visit_of(place)
        if visit is None:
            return
        inspected = visit.arrived_at
        came = inspected - dt.timedelta(minutes=self.chance.randint(25, 55))
        left = min(inspected + dt.timedelta(minutes=self.chance.randint(75, 140)), utc_now())
        self._as_signed_in(visit, came, inspected, left)
        self._fees(place, at=came + dt.timedelta(minutes=15))
        self._papers(place, inspected - dt.timedelta(minutes=4))
        bag = f"ZP-{number + 101:04d}"
        for kind, quantity in ((KeyKind.ENTRY, 6), (KeyKind.MAILBOX, 2), (KeyKind.GATE_CARD, 4)):
            services.register_keys(place, kind, quantity, bag)
        owners = owners_of(place.unit)
        services.hand_keys(place, owners[0].name if owners else "业主", left)
        services.deliver(place)
        if number < 4:
            HANDOVER_UNIT.move(place, "review")

    def _as_signed_in(
        self, visit: HandoverVisit, came: dt.datetime, inspected: dt.datetime, left: dt.datetime
    ) -> None:
        """Write the stations of a visit as of its day; what the inspection wrote today is dated back with it."""
        for stay in list(visit.stations):
            db.session.delete(stay)
        db.session.flush()
        end = left - dt.timedelta(minutes=12)
        step = (inspected - came) / 4
        moments = {
            Station.SIGN_IN: (came, came + step / 4),
            Station.IDENTITY: (came + step / 4, came + step),
            Station.FEES: (came + step, came + 2 * step),
            Station.PAPERS: (came + 2 * step, inspected),
            Station.INSPECTION: (inspected, end - dt.timedelta(minutes=6)),
            Station.OPINION: (end - dt.timedelta(minutes=6), end),
            Station.KEYS: (end, left),
        }
        staff = self.manager.id
        for station, (entered, gone) in moments.items():
            db.session.add(
                StationLog(
                    project_id=visit.project_id,
                    visit_id=visit.id,
                    station=station,
                    entered_at=entered,
                    left_at=gone,
                    staff_id=staff,
                )
            )
        visit.arrived_at, visit.ended_at, visit.signed_in = came, left, True
        visit.number = 1
        db.session.flush()
        db.session.expire(visit)

    def _wait(self, place: HandoverUnit, number: int) -> None:
        """Let an owner stand at a station now: the first is only booked, the last at the inspection."""
        now = utc_now()
        HANDOVER_UNIT.move(place, "notify")
        came = now - dt.timedelta(minutes=12 * number)
        if number == 0:
            preparation.book_next(place)
            return
        HANDOVER_UNIT.move(place, "book", booked_for=came.replace(minute=0, second=0, microsecond=0))
        services.sign_in(place, came)
        if number == 1:
            return
        services.check_identity(place, at=came + dt.timedelta(minutes=6))
        self._fees(place, paid=number > 2, at=came + dt.timedelta(minutes=15))
        if number > 3:
            self._papers(place, came + dt.timedelta(minutes=30))

    # --- photos

    def picture(self, defect: Defect, slot: str, moment: dt.datetime) -> None:
        """Attach a drawn picture of the fault; a few are drawn, and the others show the same bytes."""
        kind = kind_of_fault(defect.faults[0].code.code) if slot == services.PHOTO_BEFORE else "repaired"
        drawn = self._pictures.setdefault(kind, [])
        if len(drawn) < PICTURES:
            stream = BytesIO(draw(kind, self.chance))
            photo = attach(defect, stream, f"{defect.number}-{slot}.jpg", slot=slot, taken_at=moment)
            if kind not in ("crack", "repaired") and not drawn:
                mark_up(photo, _pointer(defect.faults[0].code.name))
            drawn.append(photo)
            return
        source = self.chance.choice(drawn)
        columns = ("sha256", "thumbnail_sha256", "media_type", "size", "width", "height", "record_kind")
        db.session.add(
            Attachment(
                record_id=defect.id,
                slot=slot,
                file_name=f"{defect.number}-{slot}.jpg",
                taken_at=moment,
                position=1,
                project_id=defect.project_id,
                uploaded_by_id=require_scope().user_id,
                uploaded_at=moment,
                **{name: getattr(source, name) for name in columns},
            )
        )
        db.session.flush()
