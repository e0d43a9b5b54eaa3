"""Projects, phases, buildings and units: rules and pages."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
import sqlalchemy as sa

from core.customers import services as customers
from core.customers.models import Customer
from core.extensions import db
from core.projects import services
from core.projects.models import Building, Phase, Project, ProjectGroup, Unit


@pytest.fixture
def building(scope_of, world):
    with scope_of("head"):
        yield db.session.get_one(Building, world.own.building_id)


def nonce_of(page):
    return page.split('name="form_nonce" value="')[1].split('"')[0]


def test_codes_follow_entrance_number_and_building(building):
    unit = services.create_unit(building, "1502", "2", gross_area_contract=Decimal("89.5"))
    assert (unit.code, unit.floor) == (f"{building.code}-2-1502", 15)
    services.change_unit(unit, number="0302", floor=None)
    assert (unit.code, unit.floor) == (f"{building.code}-2-0302", 3)
    services.change_building(building, code="A9")
    assert unit.code == "A9-2-0302"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"net_area": Decimal(200), "gross_area_contract": Decimal(100)}, "net_area"),
        ({"gross_area_measured": Decimal(0)}, "gross_area_measured"),
        ({"price": Decimal(-1)}, "price"),
        ({"delivered_on": dt.date(2026, 5, 2), "occupied_on": dt.date(2026, 5, 1)}, "occupied_on"),
    ],
)
def test_impossible_values_name_their_field(building, values, field):
    unit = services.create_unit(building, "1502", "8")
    with pytest.raises(services.ProjectRuleError) as refused:
        services.change_unit(unit, **values)
    assert refused.value.field == field


def test_codes_are_unique_in_the_project(building):
    services.create_unit(building, "1502", "8")
    other = services.create_unit(building, "1503", "8")
    with pytest.raises(services.ProjectRuleError):
        services.change_unit(other, number="1502")
    with pytest.raises(services.ProjectRuleError):
        services.create_building(building.phase, building.code)


def test_only_empty_space_is_deleted(building, world):
    with pytest.raises(services.ProjectRuleError):
        services.delete_space(building, "core.building")
    held = db.session.get_one(Unit, world.own.unit_ids[0])
    with pytest.raises(services.ProjectRuleError):
        services.delete_space(held, "core.unit")
    unit = services.create_unit(building, "1502", "8")
    services.delete_space(unit, "core.unit")
    assert db.session.get(Unit, unit.id) is None


@pytest.mark.parametrize(
    "text", ["3-2-1502", "3栋2单元1502", "３栋２单元１５０２室", "3#2单元1502", "3 - 2 - 1502", "3/2/1502"]
)
def test_units_are_found_however_they_are_written(text):
    assert services.normalise_unit_text(text) == "3-2-1502"


def test_a_company_makes_a_project_down_to_a_unit(sign_in, world, scope_of):
    browser = sign_in("admin", "city")
    page = browser.get("/admin/projects/new/").text
    answer = browser.post(
        "/admin/projects/new/",
        data={
            "department_id": world.departments["city"],
            "code": "xyz",
            "name": "新项目",
            "form_nonce": nonce_of(page),
        },
    )
    assert answer.status_code == 303, answer.text
    with scope_of("admin", "city"):
        project = db.session.scalars(sa.select(Project).where(Project.code == "XYZ")).one()
        key = project.id
        groups = set(
            db.session.scalars(sa.select(ProjectGroup.department_id).where(ProjectGroup.project_id == key))
        )
        assert groups == {world.departments["group"], world.departments["sibling_group"]}
    for path, values in (
        ("/admin/phases/new/", {"project_id": key, "code": "1", "name": "一期"}),
        ("/admin/buildings/new/", {"code": "5", "total_floors": "30"}),
        (
            "/admin/units/new/",
            {"entrance": "2", "number": "1502", "decoration": "rough", "price": "1,000,000"},
        ),
    ):
        with scope_of("admin", "city"):
            if "building" in path:
                values["phase_id"] = db.session.scalars(
                    sa.select(Phase.id).where(Phase.project_id == key)
                ).one()
            if "units" in path:
                values["building_id"] = db.session.scalars(
                    sa.select(Building.id).where(Building.project_id == key)
                ).one()
                values["price"] = "1000000"
        answer = browser.post(path, data={"form_nonce": nonce_of(browser.get(path).text)} | values)
        assert answer.status_code == 303, answer.text
    with scope_of("engineer"):
        unit = db.session.scalars(sa.select(Unit).where(Unit.project_id == key)).one()
        assert (unit.code, unit.floor, unit.price) == ("5-2-1502", 15, 1_000_000)
        address = f"/admin/units/details/?id={unit.id}"
        tower = f"/admin/buildings/details/?id={unit.building_id}"
    page = sign_in("engineer").get(address).text
    crumbs = page[page.index('class="crumb"') : page.index("<h1>")]
    assert [crumbs.index(name) for name in ("新项目", "一期", "5栋")] == sorted(
        crumbs.index(name) for name in ("新项目", "一期", "5栋")
    )
    page = sign_in("engineer").get(tower).text
    assert 'class="tower"' in page
    assert "1502" in page
    assert sign_in("other").get(address).status_code == 404


def test_groups_are_assigned_and_lose_sight_of_the_project(sign_in, world, scope_of):
    browser = sign_in("admin", "city")
    path = f"/admin/projects/edit/?id={world.own.project_id}"
    page = browser.get(path).text
    version = page.split('name="row_version" value="')[1].split('"')[0]
    answer = browser.post(
        path, data={"row_version": version, "name": "改名", "groups": [world.departments["sibling_group"]]}
    )
    assert answer.status_code == 303, answer.text
    assert sign_in("engineer").get(f"/admin/projects/details/?id={world.own.project_id}").status_code == 404
    assert sign_in("sibling").get(f"/admin/projects/details/?id={world.own.project_id}").status_code == 200


def test_a_closed_project_is_no_longer_offered(sign_in, world):
    browser = sign_in("head")
    lookup = "/admin/phases/ajax/lookup/?name=project_id&query="
    assert (
        world.own.canary in browser.get(lookup).text.encode().decode("unicode_escape", "ignore")
        or browser.get(lookup).json
    )
    assert browser.post("/admin/projects/archive/", data={"id": world.own.project_id}).status_code == 303
    assert browser.get(lookup).json == []
    assert browser.get(f"/admin/projects/details/?id={world.own.project_id}").status_code == 200


def test_dates_changed_on_the_form_move_the_owner_on(sign_in, world, scope_of):
    with scope_of("head"):
        unit = db.session.get_one(Unit, world.own.unit_ids[0])
        owner = customers.owners_of(unit)[0].id
        version = unit.row_version
    browser = sign_in("head")
    path = f"/admin/units/edit/?id={world.own.unit_ids[0]}"
    page = browser.get(path).text
    number = page.split('name="number"')[1].split('value="')[1].split('"')[0]
    answer = browser.post(
        path,
        data={
            "row_version": version,
            "number": number,
            "entrance": "1",
            "decoration": "fitted",
            "delivered_on": "2026-01-05",
        },
    )
    assert answer.status_code == 303, answer.text
    with scope_of("head"):
        assert db.session.get_one(Customer, owner).life_cycle == "delivered"


def test_lists_show_own_rows_only(sign_in, world):
    for path in ("projects", "phases", "buildings", "units"):
        page = sign_in("engineer").get(f"/admin/{path}/")
        assert page.status_code == 200
        assert world.own.canary in page.text
        assert world.sibling.canary not in page.text
        assert sign_in("nobody").get(f"/admin/{path}/").status_code == 403
