"""The register of houses: made at the delivery, computed again from what is stored, floors that nobody undercuts."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from core.toolkit import Building, Department, Project, db, record_delivery
from plugins.warranty import configuration, plugin, services, words
from plugins.warranty.catalogue import categories
from plugins.warranty.coverage import System, judge
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import HouseWarranty
from plugins.warranty.tests.conftest import DELIVERED, unit

DAY = dt.date.fromisoformat


def stored(key: int) -> dict[tuple[str, str], HouseWarranty]:
    rows = db.session.scalars(sa.select(HouseWarranty).where(HouseWarranty.unit_id == key))
    return {(row.category_code, row.system): row for row in rows}


def test_a_delivered_house_has_its_fifteen_lines_with_both_clocks(site, scope_of):
    with scope_of("head"):
        lines = stored(site.unit_ids[0])
        assert len(lines) == 15
        water, paint, blocked = (lines[code, ""] for code in ("W02", "W06", "W13"))
        assert (water.owner_end, water.contractor_end) == (DAY("2029-03-14"), DAY("2028-12-19"))
        assert (paint.owner_end, paint.contractor_end) == (DAY("2026-03-14"), DAY("2025-12-19"))
        assert blocked.owner_end == DAY("2024-09-14")
        assert "第四十条" in water.basis and "5 年" in water.basis
        assert stored(site.unit_ids[2]) == {}


def test_the_delivery_makes_the_lines_and_a_correction_computes_them_again(site, scope_of):
    with scope_of("head"):
        house = unit(site.unit_ids[2])
        record_delivery(house, DAY("2025-05-31"))
        assert stored(house.id)["W13", ""].owner_end == DAY("2025-11-30")
        house.delivered_on = DAY("2025-06-01")
        plugin.unit_dates_changed(house.id)
        assert stored(house.id)["W13", ""].owner_end == DAY("2025-11-30")
        assert stored(house.id)["W06", ""].owner_end == DAY("2027-05-31")
        house.delivered_on = None
        plugin.unit_dates_changed(house.id)
        assert stored(house.id) == {}


def test_computing_again_changes_nothing(site, scope_of):
    with scope_of("head"):
        assert services.refresh_lines(unit(site.unit_ids[0])) == 0


def test_seasons_of_the_city_move_w05(site, world, scope_of):
    with scope_of("head"):
        city = db.session.get_one(Department, world.departments["city"])
        house = unit(site.unit_ids[0])
        assert stored(house.id)["W05", "heating"].owner_end == DAY("2026-03-14")
        services.set_season(city, System.HEATING, (11, 15), (3, 15))
        assert services.refresh_lines(house) == 1
        assert stored(house.id)["W05", "heating"].owner_end == DAY("2026-03-15")
        period = services.period_of("W05", unit=house)
        assert period.owner_end == DAY("2026-03-15")
        with pytest.raises(WarrantyRuleError, match="02-30"):
            services.set_season(city, System.COOLING, (2, 30), (9, 30))
        with pytest.raises(WarrantyRuleError):
            services.set_season(city, System.COOLING, (6, 1), (6, 1))


def test_no_promise_undercuts_a_floor(site, world, scope_of):
    with scope_of("head"):
        project = db.session.get_one(Project, world.own.project_id)
        for code, category in categories().items():
            least = category.floor
            with pytest.raises(WarrantyRuleError) as refused:
                services.promise_term(project, code, least - 1, basis="补充协议第 7 条")
            assert str(category.law) in str(refused.value)
            with pytest.raises(WarrantyRuleError):
                services.promise_term(project, code, least, contractor_amount=least - 1, basis="补充协议")
            services.promise_term(project, code, least, basis="补充协议第 7 条")
            assert services.terms_of(project)[code].owner == least


def test_no_department_undercuts_a_floor(site, running_app):
    terms = {each.key: each for each in configuration.settings() if each.key.startswith("term_")}
    assert len(terms) == 14
    for category in categories().values():
        # The core refuses what lies below the minimum of a setting.
        assert terms[category.setting_key].minimum == category.floor
        assert terms[category.setting_key].default == category.default


def test_a_promise_between_floor_and_default_holds_and_one_above_too(site, world, scope_of):
    with scope_of("head"):
        project = db.session.get_one(Project, world.own.project_id)
        house = unit(site.unit_ids[0])
        promise = services.promise_term(project, "W13", 3, basis="补充协议第 7 条")
        services.promise_term(project, "W02", 96, contractor_amount=60, basis="补充协议第 8 条")
        services.refresh_lines(house)
        assert stored(house.id)["W13", ""].owner_end == DAY("2024-06-14")
        water = stored(house.id)["W02", ""]
        assert (water.owner_end, water.contractor_end) == (DAY("2032-03-14"), DAY("2028-12-19"))
        with pytest.raises(WarrantyRuleError, match=r"already|已有"):
            services.promise_term(project, "W13", 4, basis="补充协议第 9 条")
        services.promise_term(project, "W13", 4, basis="补充协议第 9 条", promise=promise)


def test_legal_deems_a_house_delivered_and_its_clocks_start(site, scope_of):
    with scope_of("head"):
        house = unit(site.unit_ids[2])
        with pytest.raises(WarrantyRuleError):
            services.deem_delivered(house, DAY("2025-01-10"), " ")
        services.deem_delivered(house, DAY("2025-01-10"), "两次书面通知，EMS 签收")
        assert services.owner_start(house) == DAY("2025-01-10")
        assert stored(house.id)["W13", ""].owner_end == DAY("2025-07-09")
        record_delivery(house, DAY("2025-08-01"))
        assert services.owner_start(house) == DAY("2025-01-10")
        with pytest.raises(WarrantyRuleError):
            services.deem_delivered(unit(site.unit_ids[0]), DELIVERED + dt.timedelta(days=1), "通知")


def test_common_parts_start_at_the_take_over(site, world, scope_of):
    with scope_of("head"):
        building = db.session.get_one(Building, world.own.building_id)
        assert services.period_of("W12", building=building).owner_start is None
        services.take_over(building, DAY("2024-06-01"))
        period = services.period_of("W12", building=building)
        assert (period.owner_end, period.contractor_end) == (DAY("2026-05-31"), DAY("2025-12-19"))


def test_a_verdict_is_told_with_its_law(site, running_app, scope_of):
    with running_app.test_request_context(headers={"Accept-Language": "en"}), scope_of("head"):
        period = services.period_of("W06", unit=unit(site.unit_ids[0]))
        told = words.explain(judge(period, DAY("2026-02-01")), "W06")
        assert "2026-03-14" in told and "2025-12-19" in told and "Art. 40" in told


def test_pages_of_the_cover(site, world, sign_in):
    page = sign_in("head").get(f"/admin/warranty/cover/?unit={site.unit_ids[0]}&on=2026-02-01")
    assert page.status_code == 200
    assert b"2029-03-14" in page.data and b"2028-12-19" in page.data
    assert sign_in("head").get(f"/admin/warranty/cover/?unit={site.foreign_unit_id}").status_code == 404
    listed = sign_in("head").get("/admin/warranty/register/")
    assert b"2029-03-14" in listed.data
    assert sign_in("head").get("/admin/warranty/categories/").status_code == 200
    answer = sign_in("head").post(
        f"/admin/warranty/cover/deem/?unit={site.unit_ids[2]}",
        data={"deemed_on": "2025-01-10", "reason": "两次书面通知"},
    )
    assert answer.status_code == 303
    assert b"2025-01-10" in sign_in("head").get(f"/admin/warranty/cover/?unit={site.unit_ids[2]}").data


def nonce_of(page: str) -> str:
    return re.search(r'name="form_nonce"[^>]*value="([^"]+)"', page)[1]


def test_a_season_and_a_promise_are_made_on_their_pages(site, world, sign_in):
    client = sign_in("head")

    def send(name: str, **typed: object):
        address = f"/admin/warranty/{name}/new/"
        return client.post(address, data=typed | {"form_nonce": nonce_of(client.get(address).text)})

    season = {"system": "heating", "start": "11-15", "end": "03-15", "note": "市政府令"}
    assert send("seasons", **season).status_code == 303
    assert "11-15" in client.get("/admin/warranty/seasons/").text
    wrong = send("seasons", **season | {"system": "cooling", "start": "02-31"})
    assert wrong.status_code == 422
    assert "02-31" in wrong.text
    promise = {"project_id": world.own.project_id, "category_code": "W02", "basis": "补充协议"}
    refused = send("promises", **promise, amount=59)
    assert refused.status_code == 422
    assert "补充协议" in refused.text
    assert send("promises", **promise, amount=96).status_code == 303
    assert (
        send("take_overs", building_id=world.own.building_id, taken_over_on="2024-06-01").status_code == 303
    )
