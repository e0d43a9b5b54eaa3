"""Companies to test with, in the world of ``core.testing``."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from core.testing import World
from core.toolkit import Building, Department, Unit, db
from plugins.contractors import services
from plugins.contractors.models import Company, Trade

CREDIT_CODE = "91440300MA5DEM002C"


@dataclass(frozen=True)
class Site:
    """Ids of two companies of the first city and one of the other, with two buildings of the own project."""

    general_id: int
    painter_id: int
    foreign_id: int
    building_id: int
    second_building_id: int
    unit_id: int


@pytest.fixture
def site(world: World, prepared) -> Site:
    def make() -> Site:
        services.load_trades()
        building = db.session.get_one(Building, world.own.building_id)
        second = Building(
            project_id=building.project_id, phase_id=building.phase_id, code="2", name="二栋", total_floors=18
        )
        db.session.add(second)
        made = {
            name: services.register_company(
                department=db.session.get_one(Department, world.departments[city]),
                name=f"{name}有限公司",
                short_name=name,
            )
            for name, city in (("甲总包", "city"), ("乙装饰", "city"), ("外地公司", "other_city"))
        }
        services.set_trades(made["乙装饰"], [trade("painting")])
        db.session.flush()
        return Site(*(company.id for company in made.values()), building.id, second.id, world.own.unit_ids[0])

    found: Site = prepared("three contractors", make)
    return found


def trade(code: str) -> Trade:
    found = services.trade_by_code(code)
    assert found is not None
    return found


def company(key: int) -> Company:
    return db.session.get_one(Company, key)


def building(key: int) -> Building:
    return db.session.get_one(Building, key)


def unit(key: int) -> Unit:
    return db.session.get_one(Unit, key)
