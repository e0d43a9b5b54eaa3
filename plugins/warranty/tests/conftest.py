"""Houses with both clocks, companies in the matrix, and the module switched on everywhere."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import pytest

from core.testing import World
from core.toolkit import Building, Customer, Department, Unit, db, make_link, record_delivery
from plugins.contractors import services as contractors
from plugins.warranty.common import REPAIRS

COMPLETED = dt.date(2023, 12, 20)
DELIVERED = dt.date(2024, 3, 15)


@pytest.fixture(autouse=True)
def _same_pictures(pictures_once: None) -> None:
    """Most tests attach the same picture."""


@dataclass(frozen=True)
class Site:
    """Ids of what the tests start from.

    Attributes:
        general_id: Answers for everything that nobody else is named for.
        waterproofer_id: Answers for waterproofing in the building.
        unit_ids: Three houses of the own project; the first two were delivered, the third was not.
        foreign_unit_id: A house of the other city.
    """

    general_id: int
    waterproofer_id: int
    unit_ids: tuple[int, ...]
    foreign_unit_id: int


@pytest.fixture
def site(world: World, running_app, switch_on, prepared) -> Site:
    def make() -> Site:
        switch_on("warranty")
        for seed in running_app.extensions["doorstep"].declared.seed_data():
            seed.load()
        city = db.session.get_one(Department, world.departments["city"])
        general = contractors.register_company(department=city, name="甲总包有限公司", short_name="甲总包")
        waterproofer = contractors.register_company(
            department=city, name="鹏城防水有限公司", short_name="鹏城防水"
        )
        building = db.session.get_one(Building, world.own.building_id)
        building.completion_accepted_on = COMPLETED
        trades = {trade.code: trade for trade in contractors.active_trades()}
        contractors.set_responsible(building, trades["main_contractor"], general)
        contractors.set_responsible(building, trades["waterproofing"], waterproofer)
        for key in world.own.unit_ids[:2]:
            record_delivery(unit(key), DELIVERED)
        return Site(general.id, waterproofer.id, world.own.unit_ids, world.foreign.unit_ids[0])

    made: Site = prepared("a house with both clocks", make)
    return made


def unit(key: int) -> Unit:
    return db.session.get_one(Unit, key)


@pytest.fixture
def owner(site, world, client, scope_of, monkeypatch):
    """A browser that has come by the link of the first house and is recognised, and the address of the page."""
    monkeypatch.setattr("core.admin.links.SHORTEST_SECONDS", 0)
    with scope_of("admin", "group"):
        house = db.session.get_one(Unit, site.unit_ids[0])
        made = make_link(REPAIRS, house, db.session.get_one(Customer, world.own.customer_ids[0]))
        address = re.sub(r"^https?://[^/]+", "", made.address)
        key = made.link.id
        db.session.commit()
    assert client.get(address).status_code == 303
    fact = {"fact": world.own.phones[0][-4:], "agree": "y"}
    assert client.post(f"/l/enter/{key}", data=fact).status_code == 303
    return client, f"/owner/repairs/{key}"
