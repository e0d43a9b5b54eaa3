"""The timeline's pages and the touchpoint catalogue with the companies' own versions."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from core.customers.models import Customer
from core.extensions import db
from core.people.services import department_path
from core.projects.models import Unit
from core.timeline import catalogue, services
from core.timeline.models import TimelineEntry, Touchpoint, TouchpointOverride

START = dt.datetime(2026, 3, 1, 4, tzinfo=dt.UTC)


@pytest.fixture
def loaded(system, world):
    with system():
        catalogue.load()
        db.session.commit()


@pytest.fixture
def entries(scope_of, world, loaded):
    with scope_of("head"):
        customer = db.session.get_one(Customer, world.own.customer_ids[0])
        unit = db.session.get_one(Unit, world.own.unit_ids[0])
        for number in range(45):
            services.write(
                "core.milestone",
                f"事件{number:02}",
                customer=customer,
                unit=unit,
                happened_at=START + dt.timedelta(hours=number),
            )
        services.reach("TP-E08", "core.delivered", "交付", customer=customer, unit=unit, happened_at=START)
        db.session.commit()


def test_the_catalogue_is_loaded_whole_and_once(system, loaded):
    with system():
        before = {row.code: row.row_version for row in db.session.scalars(sa.select(Touchpoint))}
        assert len(before) == 65
        catalogue.load()
        assert {row.code: row.row_version for row in db.session.scalars(sa.select(Touchpoint))} == before
        touchpoint = db.session.scalars(sa.select(Touchpoint).where(Touchpoint.code == "TP-A04")).one()
        assert touchpoint.targets
        assert touchpoint.question_scale == "rating_1_5"


def test_every_limit_and_target_has_words(running_app, system, loaded):
    with running_app.test_request_context(), system():
        for touchpoint in db.session.scalars(sa.select(Touchpoint)):
            for words in [
                *map(catalogue.limit_words, touchpoint.limits),
                *map(catalogue.target_words, touchpoint.targets),
            ]:
                assert words
                assert "%(" not in words
                assert "{" not in words


def test_pages_of_entries_and_kinds(sign_in, world, entries):
    browser = sign_in("head")
    path = f"/admin/timeline/?kind=core.customer&id={world.own.customer_ids[0]}"
    page = browser.get(path).text
    assert "事件44" in page
    assert "事件03" not in page
    older = page.split('rel="next"')[0].rpartition('href="')[2].split('"')[0].replace("&amp;", "&")
    assert "事件03" in browser.get(older).text
    only = browser.get(f"{path}&only=core.delivered").text
    assert "交付" in only
    assert "事件44" not in only
    assert "TP-E08" in page


def test_the_section_on_the_pages_of_customer_and_unit(sign_in, world, entries):
    browser = sign_in("head")
    for path in (
        f"/admin/customers/details/?id={world.own.customer_ids[0]}",
        f"/admin/units/details/?id={world.own.unit_ids[0]}",
    ):
        page = browser.get(path).text
        assert "事件44" in page
        assert "<b>1/10</b>" in page
        assert "could not be shown" not in page


@pytest.mark.parametrize(
    "query",
    [
        "kind=core.customer&id={foreign}",
        "kind=core.customer&id=abc",
        "kind=core.project&id=1",
        "kind=x&id=1",
        "",
        "kind=core.unit&id=999999",
    ],
)
def test_foreign_missing_and_malformed_subjects_are_missing(sign_in, world, entries, query):
    foreign = world.foreign.customer_ids[0]
    assert sign_in("head").get("/admin/timeline/?" + query.format(foreign=foreign)).status_code == 404


def test_an_edge_of_another_customer_is_missing(sign_in, world, entries, scope_of):
    with scope_of("head"):
        edge = db.session.scalars(sa.select(TimelineEntry.id).limit(1)).one()
    path = f"/admin/timeline/?kind=core.customer&id={world.own.customer_ids[1]}&before={edge}"
    assert sign_in("head").get(path).status_code == 404


def test_the_catalogue_by_stage(sign_in, world, loaded):
    page = sign_in("engineer").get("/admin/touchpoints/").text
    assert page.count("/admin/touchpoints/touchpoint/?code=TP-") == 65
    assert sign_in("nobody").get("/admin/touchpoints/").status_code == 403


def form_of(page):
    import re
    from html import unescape

    found = {
        name: unescape(value)
        for name, value in re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page)
    }
    found |= {
        name: unescape(text).strip()
        for name, text in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>([^<]*)<', page)
    }
    found["owner_role"] = re.search(r'<option selected value="([^"]+)"', page)[1]
    return found | {"active": "y"}


def test_a_company_changes_a_touchpoint_for_itself_and_gives_it_up(sign_in, world, loaded, scope_of):
    browser = sign_in("head")
    path = "/admin/touchpoints/edit/?code=TP-A01"
    values = form_of(browser.get(path).text) | {"standard": "当天办理", "limits-0": "2"}
    assert browser.post(path, data=values).status_code == 303
    with scope_of("head"):
        override = db.session.scalars(sa.select(TouchpointOverride)).one()
        assert override.department_id == world.departments["city"]
        assert (override.standard, override.name, override.limits[0]["value"]) == ("当天办理", None, 2)
    assert "当天办理" in browser.get("/admin/touchpoints/").text
    assert "当天办理" not in sign_in("other").get("/admin/touchpoints/").text
    assert browser.post(path, data=values | {"standard": "明天办理"}).status_code == 422, "a stale form"
    assert browser.post("/admin/touchpoints/reset/", data={"code": "TP-A01"}).status_code == 303
    assert "当天办理" not in browser.get("/admin/touchpoints/").text
    assert sign_in("engineer").get(path).status_code in (200, 403)


def test_a_bad_number_keeps_what_was_typed(sign_in, world, loaded):
    browser = sign_in("head")
    path = "/admin/touchpoints/edit/?code=TP-A01"
    answer = browser.post(path, data=form_of(browser.get(path).text) | {"standard": "打字", "limits-0": "-5"})
    assert answer.status_code == 422
    assert "打字" in answer.text
    answer = browser.post(path, data=form_of(browser.get(path).text) | {"name": ""})
    assert answer.status_code == 422


def test_the_nearest_override_wins(scope_of, world, loaded):
    with scope_of("admin"):
        touchpoint = db.session.scalars(sa.select(Touchpoint).where(Touchpoint.code == "TP-A01")).one()
        texts = {name: getattr(touchpoint, name) for name in services.OVERRIDABLE}
        numbers = [limit["value"] for limit in touchpoint.limits]
        for name in ("region", "city"):
            services.override_touchpoint(
                touchpoint,
                world.departments[name],
                active=True,
                values=texts | {"standard": name},
                limit_values=numbers,
            )

        def standard(name):
            path = department_path(world.departments[name])
            return next(
                one for one in services.effective_touchpoints(path) if one.touchpoint is touchpoint
            ).standard

        assert (standard("group"), standard("other_group")) == ("city", "region")
