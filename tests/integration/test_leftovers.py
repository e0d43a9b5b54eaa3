"""What the handover leaves open goes on in the warranty with the same photos; each works without the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from core.database.scope import Scope
from core.extensions import db
from core.machinery.attachments import services as attachments
from core.people.models import Department
from core.plugin_system.runtime import current_runtime
from core.projects.models import Building, Unit
from core.projects.services import record_delivery
from core.testing import StaffClient, World
from plugins.contractors import services as contractors
from plugins.handover import services as handover
from plugins.handover.models import Defect, Severity
from plugins.warranty.models import Order
from plugins.warranty.services import orders
from plugins.warranty.tests.helpers import closed, order_of

DELIVERED = dt.date(2026, 11, 20)
Acting = Callable[..., AbstractContextManager[Scope]]


@pytest.fixture
def house(world: World, running_app: Flask, prepared: Callable[..., Any]) -> int:
    """A house with an answering company in the matrix; no module but the common base is on."""

    def make() -> int:
        for seed in current_runtime(running_app).declared.seed_data():
            seed.load()
        city = db.session.get_one(Department, world.departments["city"])
        company = contractors.register_company(department=city, name="甲总包有限公司", short_name="甲总包")
        building = db.session.get_one(Building, world.own.building_id)
        building.completion_accepted_on = dt.date(2026, 9, 1)
        for trade in contractors.active_trades():
            if trade.code in ("main_contractor", "waterproofing"):
                contractors.set_responsible(building, trade, company)
        return world.own.unit_ids[0]

    key: int = prepared("a house of which the handover leaves something open", make)
    return key


def photo(colour: str) -> BytesIO:
    stream = BytesIO()
    Image.new("RGB", (640, 480), colour).save(stream, "JPEG")
    stream.seek(0)
    return stream


def left_open(house: int) -> tuple[Defect, list[str]]:
    """A defect with two photos, and their hashes."""
    defect = handover.register_defect(
        db.session.get_one(Unit, house),
        room_name="主卫",
        codes=["D01"],
        description="门槛石处渗水",
        severity=Severity.S2,
        trade_code="waterproofing",
    )
    made = [attachments.attach(defect, photo(each), f"{each}.jpg", slot="before") for each in ("red", "blue")]
    return defect, [each.sha256 for each in made]


def test_an_open_defect_becomes_an_order_with_the_same_photos(
    house: int, switch_on: Callable[..., None], scope_of: Acting, sign_in: Callable[..., StaffClient]
) -> None:
    switch_on("handover")
    switch_on("warranty")
    with scope_of("admin", "group"):
        defect, hashes = left_open(house)
        record_delivery(db.session.get_one(Unit, house), DELIVERED)
        order = db.session.scalars(sa.select(Order)).one()
        assert (order.source_kind, order.source_id, order.source_number) == (
            "handover.defect",
            defect.id,
            defect.number,
        )
        assert (defect.state, defect.repair_reference) == ("transferred", order.number)
        assert (order.room_name, order.priority, order.contractor_id) == ("主卫", "P2", defect.contractor_id)
        carried = attachments.attachments_of(order, "before")
        assert [each.sha256 for each in carried] == hashes
        assert [attachments.open_bytes(each)[:2] for each in carried] == [b"\xff\xd8"] * 2
        keys = order.id, [each.id for each in carried]
        db.session.commit()
    page = sign_in("head").get(f"/admin/warranty/orders/details/?id={keys[0]}")
    assert all(f"/files/{each}" in page.text for each in keys[1])


def test_the_warranty_works_with_every_other_module_off(
    house: int, switch_on: Callable[..., None], scope_of: Acting, sign_in: Callable[..., StaffClient]
) -> None:
    switch_on("warranty")
    with scope_of("admin", "group"):
        left_open(house)
        record_delivery(db.session.get_one(Unit, house), DELIVERED)
        assert db.session.scalars(sa.select(Order)).all() == [], "a module that is off offers nothing"
        done = closed(order_of(house, "bathroom_leak"))
        orders.call_back(done, reached=True, score=5)
        assert done.state == "called_back"
        key = done.id
        db.session.commit()
    browser = sign_in("head")
    for address in (
        f"/admin/warranty/orders/details/?id={key}",
        f"/admin/warranty/caller/?unit={house}",
        f"/admin/units/details/?id={house}",
        f"/warranty/on-site/{key}",
        "/admin/warranty/figures/",
        "/admin/",
    ):
        assert browser.get(address).status_code == 200, address
    assert browser.get("/admin/handover/defects/").status_code == 404


def test_without_the_warranty_a_defect_stays_with_the_handover(
    house: int, switch_on: Callable[..., None], scope_of: Acting
) -> None:
    switch_on("handover")
    with scope_of("admin", "group"):
        defect, _hashes = left_open(house)
        record_delivery(db.session.get_one(Unit, house), DELIVERED)
        assert defect.state in ("open", "assigned")
        assert db.session.scalars(sa.select(Order)).all() == []
