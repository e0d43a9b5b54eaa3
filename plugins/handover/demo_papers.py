"""The papers of the demo story.

Facts of the two books, an edition of the manual, forms that were signed, daily reports, household inspections, patrols.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from core.toolkit import LOCAL_ZONE, db, owners_of, sign, signed_content, supplement, utc_now
from plugins.handover import services
from plugins.handover.models import (
    DEVELOPER,
    OWNER,
    PROPERTY,
    FormKind,
    HandoverUnit,
    HandoverVisit,
    Inspection,
    InspectionKind,
    Verdict,
)

HOUSEHOLD = 24
"""How many houses of the building had their household inspection."""
PATROLLED = 6


def load(story: Any, handwriting: Callable[[str], str]) -> None:
    """Write the papers.

    Args:
        story: The story of the handover.
        handwriting: Returns strokes that look like a signature of a name.
    """
    with story.acting(story.manager):
        _books(story)
        places = list(
            db.session.scalars(
                sa.select(HandoverUnit)
                .where(HandoverUnit.project_id == story.demo.project.id)
                .order_by(HandoverUnit.id)
            )
        )
        _forms(story, places, handwriting)
        _reports(places)
    _rounds(story, places)


def _books(story: Any) -> None:
    services.save_facts(
        story.demo.project,
        None,
        {
            "structure_type": "钢筋混凝土剪力墙结构",
            "design_life_years": 50,
            "quality_grade": "合格",
            "quality_authority": "市建设工程质量安全监督站",
            "filing_number": "JGBA-2026-0417",
            "designer": "华筑建筑设计研究院有限公司",
            "builder": "中建八局第二建设有限公司",
            "supervisor": "诚信工程建设监理有限公司",
            "repair_unit": f"{story.demo.project.name} 工程维修部",
            "repair_phone": "400-800-6699",
        },
    )
    manual = services.draft_manual(story.demo.project)
    services.change_manual(
        manual,
        {
            "others": manual.others
            + "\n4. 本项目地下车库设有新能源车充电桩预留回路，安装充电桩请向物业服务企业申请。"
        },
    )
    services.publish_manual(manual)


def _forms(story: Any, places: Sequence[HandoverUnit], handwriting: Callable[[str], str]) -> None:
    """Have deeds and key receipts signed, one of them with a supplement, and a refusal that waits for its signature."""
    delivered = [place for place in places if place.state in ("delivered", "reviewed")]
    for number, place in enumerate(delivered[:6]):
        moment = place.delivered_at
        for kind in (FormKind.DEED, FormKind.KEY_RECEIPT):
            form = services.prepare_form(
                place,
                kind,
                equipment=[code for code in services.EQUIPMENT if code != "gas" or number % 2],
                property_fee_from=moment.astimezone(LOCAL_ZONE).date() if moment is not None else None,
            )
            owner = owners_of(place.unit)[0]
            for role, name, customer_id in (
                (OWNER, owner.name, owner.id),
                (DEVELOPER, story.manager.name, None),
                (PROPERTY, "唐敏", None),
            ):
                if kind == FormKind.KEY_RECEIPT and role == DEVELOPER:
                    continue
                sign(
                    form,
                    role=role,
                    name=name,
                    picture=handwriting(name),
                    place="交付中心",
                    customer_id=customer_id,
                    signed_at=moment,
                )
        if number == 0:
            deed = services.form_of(place, FormKind.DEED)
            content = signed_content(deed)
            content["equipment"]["gas"] = True
            supplement(deed, content=content, reason="交付后三日燃气公司开通点火，业主当面确认燃气运行正常。")
    refused = next((place for place in places if place.state == "refused"), None)
    if refused is not None:
        services.prepare_form(refused, FormKind.REFUSAL)


def _reports(places: Sequence[HandoverUnit]) -> None:
    """Prepare the reports of the last days with owners."""
    days = sorted(
        {
            moment.astimezone(LOCAL_ZONE).date()
            for moment in db.session.scalars(
                sa.select(HandoverVisit.arrived_at).where(
                    HandoverVisit.handover_unit_id.in_([place.id for place in places])
                )
            )
        }
    )
    for day in days[-4:]:
        report = services.prepare_report(
            places[0].batch,
            day,
            min(dt.datetime.combine(day, dt.time(18, 30), LOCAL_ZONE), utc_now()),
        )
        report.note = "上午到访集中，验房环节等候较长；明日增派两名验房工程师，缴费台增设一个窗口。"


def _rounds(story: Any, places: Sequence[HandoverUnit]) -> None:
    """Inspect some houses household by household, and patrol some that nobody has taken over."""
    building = story.demo.buildings[2]
    following = [
        place
        for place in places
        if place.batch_id != story.first.id
        and place.unit.building_id == building.id
        and place.state == "planned"
    ]
    for number, place in enumerate(following[:HOUSEHOLD]):
        _round(story, place, InspectionKind.HOUSEHOLD, number, "晴")
    vacant = [place for place in places if place.batch_id == story.first.id and place.state == "notified"]
    for number, place in enumerate(vacant[:PATROLLED]):
        _round(story, place, InspectionKind.VACANT, number, "多云")


def _round(story: Any, place: HandoverUnit, kind: InspectionKind, number: int, weather: str) -> None:
    engineer = story.engineers[number % len(story.engineers)]
    with story.acting(engineer):
        _inspect(story, services.plan_inspection(place.unit, kind, inspector=engineer), number, weather)


def _inspect(story: Any, inspection: Inspection, number: int, weather: str) -> None:
    services.start_inspection(inspection)
    if number % 5 == 2:
        result = next(each for each in inspection.results if each.item_code in ("WP01", "VP03"))
        defect = services.record_result(result, Verdict.FAIL)
        if defect is not None:
            services.change_defect(
                defect,
                description="窗边有水迹，雨后复查",
                room=None if defect.room_name else _room(inspection),
            )
            story.picture(defect, services.PHOTO_BEFORE, utc_now())
    for room in inspection.rooms:
        services.answer_rest(inspection, room, Verdict.PASS)
    db.session.expire_all()
    services.finish_inspection(inspection, weather=weather)


def _room(inspection: Inspection) -> Any:
    return next(room for room in inspection.rooms if not room.whole_house)
