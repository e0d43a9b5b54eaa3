"""A house to inspect: companies in the matrix, the standard checklist, and the module switched on everywhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO

import pytest
from PIL import Image

from core.testing import World
from core.toolkit import Attachment, Building, Department, Unit, attach, db
from plugins.contractors import services as contractors
from plugins.handover import services
from plugins.handover.models import (
    Defect,
    HandoverUnit,
    Inspection,
    InspectionKind,
    InspectionResult,
    InspectionRoom,
    Severity,
    Verdict,
)


@pytest.fixture(autouse=True)
def _same_pictures(pictures_once: None) -> None:
    """Most tests attach the same picture."""


@dataclass(frozen=True)
class Site:
    """Ids of what the tests start from.

    Attributes:
        waterproofer_id: Answers for waterproofing in the building.
        general_id: Answers for everything else.
        unit_ids: Three houses of the own project.
        foreign_unit_id: A house of the other city.
    """

    waterproofer_id: int
    general_id: int
    unit_ids: tuple[int, ...]
    foreign_unit_id: int


SITE = "a house to inspect"
"""The state of ``site``; others are prepared after it."""
NOTIFIED = "a house in a batch, its notice sent"
"""The state of ``notified``."""


@pytest.fixture
def site(world: World, running_app, switch_on, prepared) -> Site:
    def make() -> Site:
        switch_on("contractors")
        switch_on("handover")
        for seed in running_app.extensions["doorstep"].declared.seed_data():
            seed.load()
        city = db.session.get_one(Department, world.departments["city"])
        general = contractors.register_company(department=city, name="甲总包有限公司", short_name="甲总包")
        waterproofer = contractors.register_company(
            department=city, name="鹏城防水有限公司", short_name="鹏城防水"
        )
        building = db.session.get_one(Building, world.own.building_id)
        trades = {trade.code: trade for trade in contractors.active_trades()}
        contractors.set_responsible(building, trades["main_contractor"], general)
        contractors.set_responsible(building, trades["waterproofing"], waterproofer)
        return Site(waterproofer.id, general.id, world.own.unit_ids, world.foreign.unit_ids[0])

    made: Site = prepared(SITE, make)
    return made


@pytest.fixture
def notified_id(site: Site, prepared, scope_of) -> int:
    """Id of a house in a batch, its notice sent."""

    def make() -> int:
        with scope_of("admin", "group"):
            house = unit(site.unit_ids[0])
            batch = services.create_batch(
                house.project, code="B1", name="一批", delivery_on=dt.date(2026, 11, 20)
            )
            (made,) = services.add_units(batch, [house])
            services.take_step(made, "notify", {"payment_complete": True})
            db.session.commit()
            return made.id

    key: int = prepared(NOTIFIED, make, after=SITE)
    return key


@pytest.fixture
def notified(notified_id: int, scope_of) -> Iterator[HandoverUnit]:
    """A house in a batch, its notice sent, in the scope of the administrator."""
    with scope_of("admin", "group"):
        yield db.session.get_one(HandoverUnit, notified_id)


def unit(key: int) -> Unit:
    return db.session.get_one(Unit, key)


def jpeg(colour: str = "grey") -> BytesIO:
    stream = BytesIO()
    Image.new("RGB", (320, 240), colour).save(stream, "JPEG")
    stream.seek(0)
    return stream


def photograph(defect: Defect, slot: str = "before") -> Attachment:
    return attach(defect, jpeg(), f"{slot}.jpg", slot=slot)


def started(key: int, kind: InspectionKind = InspectionKind.FORMAL) -> Inspection:
    """A running inspection of a house."""
    return services.start_inspection(services.plan_inspection(unit(key), kind))


def result_of(inspection: Inspection, code: str) -> InspectionResult:
    return next(result for result in inspection.results if result.item_code == code)


def first_room(inspection: Inspection) -> InspectionRoom:
    return next(room for room in inspection.rooms if not room.whole_house)


def answer_all(inspection: Inspection) -> None:
    """Pass everything that has no verdict yet."""
    for room in inspection.rooms:
        services.answer_rest(inspection, room, Verdict.PASS)
    db.session.expire_all()


def fail(inspection: Inspection, code: str, severity: Severity | None = None) -> Defect:
    """A failed item whose defect has all that it needs."""
    defect = services.record_result(result_of(inspection, code), Verdict.FAIL)
    assert defect is not None
    room = None if defect.room_name else first_room(inspection)
    services.change_defect(defect, description="测试缺陷", room=room, severity=severity)
    photograph(defect)
    return defect


def finished(
    key: int, *failing: str, opinion: str = "", kind: InspectionKind = InspectionKind.FORMAL
) -> Inspection:
    """A finished inspection in which the named items failed."""
    inspection = started(key, kind)
    defects = [fail(inspection, code) for code in failing]
    answer_all(inspection)
    if not opinion:
        counted = any(defect.severity in services.COUNTED for defect in defects)
        opinion = "accept_after_rectification" if counted else "accept"
    values = {"opinion": opinion, "refusal_reason": "R4" if opinion == "refuse" else ""}
    return services.finish_inspection(inspection, **(values if kind == InspectionKind.FORMAL else {}))


ScopeOf = Callable[..., object]
