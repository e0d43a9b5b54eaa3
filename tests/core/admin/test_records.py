"""Rows of others cannot be read, changed or deleted through any door."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from core.admin.models import SubmittedForm
from core.customers.models import Customer
from core.database.scope import all_departments
from core.extensions import db
from core.projects.models import Building, Decoration, ProjectGroup, Unit

HOSTILE_KEYS = [
    "abc",
    "",
    "1.5",
    "1,5",
    "-1",
    "0",
    "１",
    "1 ",
    "99999999999999999999",
    "9223372036854775807",
    "1%00",
    "null",
]


@pytest.mark.parametrize("page", ["details", "edit", "delete"])
def test_foreign_and_missing_rows_answer_alike(page, sign_in, world):
    browser = sign_in("head")
    foreign = browser.get(f"/admin/units/{page}/?id={world.foreign.unit_ids[0]}")
    sibling = browser.get(f"/admin/units/{page}/?id={world.sibling.unit_ids[0]}")
    missing = browser.get(f"/admin/units/{page}/?id=999999")
    assert foreign.status_code == sibling.status_code == missing.status_code == 404
    assert world.foreign.canary not in foreign.text


@pytest.mark.parametrize("key", HOSTILE_KEYS)
@pytest.mark.parametrize("page", ["details", "edit", "delete"])
def test_keys_that_are_not_digits_answer_404(page, key, sign_in, world):
    assert sign_in("head").get(f"/admin/units/{page}/?id={key}").status_code in {400, 404}


def test_several_keys_open_nothing(sign_in, world):
    first, second = world.own.unit_ids[:2]
    assert sign_in("head").get(f"/admin/units/details/?id={first}&id={second}").status_code == 404


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_hostile_keys_in_a_deletion_delete_nothing(key, sign_in, world, running_app):
    answer = sign_in("head").post("/admin/units/delete/", data={"id": key})
    assert answer.status_code in {400, 404}
    with running_app.app_context(), all_departments("a test"):
        assert db.session.scalar(sa.select(sa.func.count(Unit.id))) == 9


def test_foreign_rows_are_not_changed(sign_in, world, stored):
    browser = sign_in("head")
    key = world.foreign.unit_ids[0]
    data = {"row_version": "1", "number": "666", "code": "666", "building_id": world.foreign.building_id}
    assert browser.post(f"/admin/units/edit/?id={key}", data=data).status_code == 404
    assert browser.post("/admin/units/delete/", data={"id": key}).status_code == 404
    assert (
        browser.post("/admin/units/ajax/update/", data={"list_form_pk": key, "number": "666"}).status_code
        == 404
    )
    assert stored(Unit, key).number == "101"


def test_editing_in_the_list_does_not_exist_for_own_rows_either(sign_in, world, stored):
    key = world.own.unit_ids[0]
    browser = sign_in("head")
    assert (
        browser.post("/admin/units/ajax/update/", data={"list_form_pk": key, "number": "666"}).status_code
        == 404
    )
    assert browser.post("/admin/units/ajax/update/", data={}).status_code == 404
    assert stored(Unit, key).number == "101"


def test_a_row_can_be_made_changed_and_deleted(sign_in, world, stored, form_of, running_app):
    browser = sign_in("head")
    form = form_of(browser.get("/admin/units/new/").text)
    form |= {
        "project_id": world.own.project_id,
        "building_id": world.own.building_id,
        "number": "301",
        "code": "1-1-301",
        "layout": "三室",
        "decoration": "rough",
        "price": "1234567.89",
        "floor": "3",
    }
    answer = browser.post("/admin/units/new/", data=form)
    assert answer.status_code == 303, answer.text
    key = int(answer.location.rpartition("=")[2])
    made = stored(Unit, key)
    assert (made.code, made.layout, made.decoration, str(made.price)) == (
        "1-1-301",
        "三室",
        "rough",
        "1234567.89",
    )
    form = form_of(browser.get(f"/admin/units/edit/?id={key}").text)
    assert "project_id" not in form
    answer = browser.post(f"/admin/units/edit/?id={key}", data=form | {"layout": "四室"})
    assert answer.status_code == 303
    assert stored(Unit, key).layout == "四室"
    assert stored(Unit, key).price == made.price
    assert "1-1-301" in browser.get(f"/admin/units/delete/?id={key}").text
    assert stored(Unit, key) is not None, "asking deletes nothing"
    assert browser.post("/admin/units/delete/", data={"id": key}).status_code == 303
    assert stored(Unit, key) is None


def test_what_the_form_does_not_name_is_not_stored(sign_in, world, stored, form_of):
    browser = sign_in("head")
    key = world.own.unit_ids[0]
    form = form_of(browser.get(f"/admin/units/edit/?id={key}").text)
    form |= {
        "project_id": world.foreign.project_id,
        "id": "999",
        "net_area": "1",
        "created_at": "2000-01-01T00:00",
    }
    assert browser.post(f"/admin/units/edit/?id={key}", data=form).status_code == 303
    row = stored(Unit, key)
    assert row.project_id == world.own.project_id
    assert row.net_area is None
    assert row.created_at.year > 2000


def test_a_field_needs_its_permission(browser_with, world, stored, form_of):
    key = world.own.unit_ids[0]
    browser = browser_with("units.view", "units.edit")
    form = form_of(browser.get(f"/admin/units/edit/?id={key}").text)
    assert "price" not in form
    assert browser.post(f"/admin/units/edit/?id={key}", data=form | {"price": "5"}).status_code == 303
    assert stored(Unit, key).price is None
    other = browser_with("units.view", "units.edit", "units.edit_price")
    form = form_of(other.get(f"/admin/units/edit/?id={key}").text)
    assert other.post(f"/admin/units/edit/?id={key}", data=form | {"price": "5"}).status_code == 303
    assert stored(Unit, key).price == 5


@pytest.mark.parametrize("building", ["foreign", "sibling", "999999", "abc", "1,2", "-1", "", "0"])
def test_a_reference_out_of_reach_is_an_error_and_never_empty(building, sign_in, world, stored, form_of):
    browser = sign_in("head")
    key = world.own.unit_ids[0]
    value = getattr(world, building).building_id if hasattr(world, building) else building
    form = form_of(browser.get(f"/admin/units/edit/?id={key}").text)
    answer = browser.post(
        f"/admin/units/edit/?id={key}", data=form | {"building_id": value, "layout": "typed"}
    )
    assert answer.status_code == 422
    assert "typed" in answer.text, "nothing typed is lost"
    assert world.foreign.canary not in answer.text
    assert world.sibling.canary not in answer.text
    assert stored(Unit, key).building_id == world.own.building_id


def test_a_row_cannot_be_made_in_a_foreign_project(sign_in, world, form_of, running_app):
    browser = sign_in("head")
    form = form_of(browser.get("/admin/units/new/").text)
    form |= {
        "project_id": world.foreign.project_id,
        "building_id": world.foreign.building_id,
        "number": "1",
        "code": "c",
    }
    assert browser.post("/admin/units/new/", data=form).status_code == 422
    with running_app.app_context(), all_departments("a test"):
        assert db.session.scalar(sa.select(sa.func.count(Unit.id))) == 9


def test_a_parent_that_the_user_cannot_see_stays_when_it_is_not_touched(
    running_app, sign_in, world, stored, form_of, view, monkeypatch
):
    hidden = view("units").references["building_id"]
    monkeypatch.setattr(type(hidden), "get", lambda self, key: None)
    browser = sign_in("head")
    key = world.own.unit_ids[0]
    form = form_of(browser.get(f"/admin/units/edit/?id={key}").text)
    assert browser.post(f"/admin/units/edit/?id={key}", data=form | {"layout": "new"}).status_code == 303
    assert stored(Unit, key).layout == "new"
    assert stored(Unit, key).building_id == world.own.building_id


def test_links_that_the_user_cannot_see_are_kept(sign_in, world, running_app, form_of):
    browser = sign_in("admin", "city")
    key = world.own.project_id
    page = browser.get(f"/admin/projects/edit/?id={key}").text
    form = form_of(page)
    assert "groups" not in form, "the only link is one that the field does not show"
    sibling = world.departments["sibling_group"]
    assert browser.post(f"/admin/projects/edit/?id={key}", data=form | {"groups": sibling}).status_code == 303
    with running_app.app_context(), all_departments("a test"):
        linked = set(
            db.session.scalars(sa.select(ProjectGroup.department_id).where(ProjectGroup.project_id == key))
        )
    assert linked == {world.departments["group"], sibling}
    form = form_of(browser.get(f"/admin/projects/edit/?id={key}").text)
    form.pop("groups")
    assert browser.post(f"/admin/projects/edit/?id={key}", data=form).status_code == 303
    with running_app.app_context(), all_departments("a test"):
        linked = set(
            db.session.scalars(sa.select(ProjectGroup.department_id).where(ProjectGroup.project_id == key))
        )
    assert linked == {world.departments["group"]}


def test_a_link_that_may_not_be_chosen_is_refused(sign_in, world, running_app, form_of):
    browser = sign_in("admin", "city")
    key = world.sibling.project_id
    form = form_of(browser.get(f"/admin/projects/edit/?id={key}").text)
    answer = browser.post(
        f"/admin/projects/edit/?id={key}", data=form | {"groups": world.departments["group"]}
    )
    assert answer.status_code == 422


def test_proposals_are_scoped_and_bounded(sign_in, world, running_app):
    browser = sign_in("head")
    with running_app.app_context(), all_departments("a test"):
        db.session.add_all(
            Building(project_id=world.own.project_id, phase_id=world.own.phase_id, code=f"B{n}", name="x")
            for n in range(80)
        )
        db.session.commit()
    path = "/admin/units/ajax/lookup/?name=building_id"
    answer = browser.get(f"{path}&limit=-1")
    assert 0 < len(answer.json) <= 50
    assert len(browser.get(f"{path}&limit=1000000").json) == 50
    assert len(browser.get(f"{path}&limit=abc&offset=-5").json) == 20
    assert browser.get(f"{path}&offset=99999999999999999999").status_code == 200
    everything = browser.get(f"{path}&limit=50").text + browser.get(f"{path}&query=金丝雀").text
    assert world.foreign.canary not in everything
    assert world.sibling.canary not in everything
    assert [each["text"] for each in browser.get(f"{path}&query=金丝雀").json] == [
        f"1 {world.own.canary}一栋"
    ]
    assert browser.get(f"{path}&query=%25").json == []
    assert browser.get(f"{path}&query=B_0").json == []
    assert browser.get("/admin/units/ajax/lookup/?name=absent").status_code == 404
    assert browser.get("/admin/units/ajax/lookup/").status_code == 404


def test_proposals_of_form_fields_are_for_those_who_may_use_the_form(browser_with, world):
    browser = browser_with("units.view")
    assert browser.get("/admin/units/ajax/lookup/?name=building_id").status_code == 403
    assert browser.get("/admin/units/ajax/lookup/?name=filter:project_id").status_code == 200


def test_double_submit_makes_one_record(sign_in, world, form_of, running_app):
    browser = sign_in("head")
    form = form_of(browser.get("/admin/customers/new/").text) | {
        "name": "双击",
        "phone": "13812345678",
        "kind": "person",
    }
    first = browser.post("/admin/customers/new/", data=form)
    second = browser.post("/admin/customers/new/", data=form)
    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    with running_app.app_context(), all_departments("a test"):
        assert db.session.scalar(sa.select(sa.func.count(Customer.id)).where(Customer.name == "双击")) == 1
        assert db.session.scalar(sa.select(sa.func.count(SubmittedForm.nonce))) == 1


@pytest.mark.parametrize("nonce", ["", "x", "y" * 44, "é" * 30])
def test_a_form_without_its_nonce_is_refused(nonce, sign_in, world):
    answer = sign_in("head").post(
        "/admin/customers/new/", data={"form_nonce": nonce, "name": "x", "kind": "person"}
    )
    assert answer.status_code == 400


def test_the_nonce_of_somebody_else_tells_nothing(sign_in, world, form_of):
    form = form_of(sign_in("head").get("/admin/customers/new/").text) | {"name": "甲乙", "kind": "person"}
    assert sign_in("head").post("/admin/customers/new/", data=form).status_code == 303
    assert sign_in("admin").post("/admin/customers/new/", data=form).status_code == 400


def test_a_stale_save_is_refused_with_both_values(sign_in, world, stored, form_of):
    browser, other = sign_in("head"), sign_in("admin", "city")
    key = world.own.unit_ids[0]
    mine = form_of(browser.get(f"/admin/units/edit/?id={key}").text)
    theirs = form_of(other.get(f"/admin/units/edit/?id={key}").text)
    assert (
        other.post(f"/admin/units/edit/?id={key}", data=theirs | {"layout": "stored by another"}).status_code
        == 303
    )
    answer = browser.post(f"/admin/units/edit/?id={key}", data=mine | {"layout": "typed by me", "floor": "9"})
    assert answer.status_code == 409
    assert "stored by another" in answer.text
    assert form_of(answer.text)["layout"] == "typed by me"
    assert form_of(answer.text)["floor"] == "9"
    assert stored(Unit, key).layout == "stored by another"
    again = browser.post(f"/admin/units/edit/?id={key}", data=form_of(answer.text))
    assert again.status_code == 303
    assert stored(Unit, key).layout == "typed by me"


def test_a_form_without_a_version_is_stale(sign_in, world, stored, form_of):
    browser = sign_in("head")
    key = world.own.unit_ids[0]
    form = form_of(browser.get(f"/admin/units/edit/?id={key}").text)
    form.pop("row_version")
    assert browser.post(f"/admin/units/edit/?id={key}", data=form | {"layout": "blind"}).status_code == 409
    assert stored(Unit, key).layout != "blind"


def test_the_same_save_sent_twice_is_no_conflict(sign_in, world, form_of):
    browser = sign_in("head")
    key = world.own.unit_ids[0]
    form = form_of(browser.get(f"/admin/units/edit/?id={key}").text) | {"layout": "once"}
    assert browser.post(f"/admin/units/edit/?id={key}", data=form).status_code == 303
    assert browser.post(f"/admin/units/edit/?id={key}", data=form).status_code == 303


LONG = "x" * 5000


@pytest.mark.parametrize(
    "values",
    [
        {"layout": LONG},
        {"code": "\0"},
        {"code": "a\0b"},
        {"floor": "99999999999999999999"},
        {"floor": "abc"},
        {"floor": "1" * 6000},
        {"price": "NaN"},
        {"price": "Infinity"},
        {"price": "1e400"},
        {"price": "9" * 40},
        {"decoration": "absent"},
        {"building_id": "9" * 30},
    ],
)
def test_hostile_values_never_break_a_form(values, sign_in, world, form_of):
    browser = sign_in("head")
    key = world.own.unit_ids[0]
    form = form_of(browser.get(f"/admin/units/edit/?id={key}").text)
    answer = browser.post(f"/admin/units/edit/?id={key}", data=form | values)
    assert answer.status_code in {303, 400, 422}
    assert "sqlalchemy" not in answer.text.lower()


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00", "9999-12-31T23:59", "2026-13-01T00:00", "now", "2026-02-03T04:05+99:00"]
)
def test_hostile_dates_are_errors_at_their_field(moment, sign_in, world, form_of):
    browser = sign_in("head")
    key = world.own.customer_ids[0]
    form = form_of(browser.get(f"/admin/customers/edit/?id={key}").text)
    answer = browser.post(f"/admin/customers/edit/?id={key}", data=form | {"created_at": moment})
    assert answer.status_code == 422
    assert moment.partition("+")[0] in answer.text


def test_times_are_typed_in_china_and_kept_in_utc(sign_in, world, form_of, stored):
    browser = sign_in("head")
    key = world.own.customer_ids[0]
    before = stored(Customer, key).created_at
    form = form_of(browser.get(f"/admin/customers/edit/?id={key}").text)
    assert browser.post(f"/admin/customers/edit/?id={key}", data=form | {"note": "x"}).status_code == 303
    assert stored(Customer, key).created_at == before, "an untouched time keeps its seconds"
    form = form_of(browser.get(f"/admin/customers/edit/?id={key}").text)
    browser.post(f"/admin/customers/edit/?id={key}", data=form | {"created_at": "2026-01-01T07:30"})
    assert stored(Customer, key).created_at.isoformat() == "2025-12-31T23:30:00+00:00"


def test_a_refusal_of_the_database_is_a_sentence_with_an_incident_and_keeps_the_form(sign_in, world, form_of):
    browser = sign_in("head")
    key = world.own.unit_ids[0]
    form = form_of(browser.get(f"/admin/units/edit/?id={key}").text)
    answer = browser.post(f"/admin/units/edit/?id={key}", data=form | {"code": "1-1-102", "layout": "typed"})
    assert answer.status_code == 409
    assert answer.headers["X-Request-ID"] in answer.text
    for leak in ("UNIQUE", "unit.code", "INSERT", "UPDATE", "constraint"):
        assert leak not in answer.text
    assert form_of(answer.text)["layout"] == "typed"


def test_deleting_what_others_need_says_so(sign_in, world, stored):
    key = world.own.unit_ids[0]
    answer = sign_in("head").post("/admin/units/delete/", data={"id": key}, follow_redirects=True)
    assert stored(Unit, key) is not None
    assert "Incident" in answer.text


def test_decoration_defaults_are_words(sign_in, world):
    text = sign_in("head").get(f"/admin/units/details/?id={world.own.unit_ids[0]}").text
    assert '<span class="st ok">Fitted</span>' in text
    assert Decoration.FITTED.value not in text.partition("<main")[2].replace("Fitted", "")


def test_conditions_of_the_view_hold_at_every_door(sign_in, world, view, monkeypatch):
    hidden, shown = world.own.unit_ids[:2]
    monkeypatch.setattr(type(view("units")), "row_conditions", lambda self: (Unit.id != hidden,))
    browser = sign_in("head")
    assert browser.get(f"/admin/units/details/?id={shown}").status_code == 200
    for page in ("details", "edit", "delete"):
        assert browser.get(f"/admin/units/{page}/?id={hidden}").status_code == 404
    assert f'data-id="{hidden}"' not in browser.get("/admin/units/").text
    assert browser.post("/admin/units/action/", data={"action": "fit", "rowid": [hidden]}).status_code == 404


def test_customers_are_seen_through_their_projects(sign_in, world):
    browser = sign_in("head")
    assert browser.get(f"/admin/customers/details/?id={world.shared_customer_id}").status_code == 200
    assert browser.get(f"/admin/customers/details/?id={world.foreign.customer_ids[0]}").status_code == 404


def test_a_new_form_starts_with_the_defaults_of_the_model(sign_in, world, form_of):
    assert form_of(sign_in("head").get("/admin/units/new/").text)["decoration"] == "fitted"
