"""Actions on several rows: permission, visible rows only, all or none, not too many."""

from __future__ import annotations

from core.admin.actions import MOST_ROWS
from core.projects.models import Unit

PATH = "/admin/units/action/"


def test_an_action_changes_the_chosen_rows(sign_in, world, stored):
    answer = sign_in("head").post(
        PATH, data={"action": "fit", "rowid": list(world.own.unit_ids[:2])}, follow_redirects=True
    )
    assert "2 units" in answer.text
    assert [stored(Unit, key).decoration for key in world.own.unit_ids] == ["rough", "rough", "fitted"]


def test_an_action_needs_its_own_permission(browser_with, world, stored):
    browser = browser_with("units.view", "units.create")
    assert browser.post(PATH, data={"action": "fit", "rowid": list(world.own.unit_ids)}).status_code == 403
    assert stored(Unit, world.own.unit_ids[0]).decoration == "fitted"
    assert 'value="fit"' not in browser.get("/admin/units/").text
    assert 'value="fit"' in browser_with("units.view", "units.edit").get("/admin/units/").text


def test_actions_that_are_not_declared_do_not_exist(sign_in, world):
    browser = sign_in("admin", "group")
    for name in ("absent", "", "__init__", "delete_chosen"):
        assert browser.post(PATH, data={"action": name, "rowid": list(world.own.unit_ids)}).status_code == 404
    assert (
        browser.post("/admin/customers/action/", data={"action": "delete", "rowid": "1"}).status_code == 404
    )


def test_one_foreign_row_stops_the_whole_action(sign_in, world, stored):
    browser = sign_in("head")
    for foreign in (
        world.foreign.unit_ids[0],
        world.sibling.unit_ids[0],
        999999,
        "abc",
        "1,2",
        "1.5",
        "-1",
        "9" * 30,
    ):
        chosen = [world.own.unit_ids[0], foreign]
        assert browser.post(PATH, data={"action": "fit", "rowid": chosen}).status_code == 404, foreign
    for key in (world.own.unit_ids[0], world.foreign.unit_ids[0], world.sibling.unit_ids[0]):
        assert stored(Unit, key).decoration == "fitted"


def test_at_most_500_rows(sign_in, world, stored):
    browser = sign_in("head")
    chosen = [str(world.own.unit_ids[0])] * (MOST_ROWS + 1)
    answer = browser.post(PATH, data={"action": "fit", "rowid": chosen}, follow_redirects=True)
    assert "500" in answer.text
    assert stored(Unit, world.own.unit_ids[0]).decoration == "fitted"


def test_nothing_chosen_is_said(sign_in, world):
    assert (
        "at least one row" in sign_in("head").post(PATH, data={"action": "fit"}, follow_redirects=True).text
    )


def test_reading_an_action_is_impossible(sign_in, world):
    assert sign_in("head").get(f"{PATH}?action=fit&rowid={world.own.unit_ids[0]}").status_code == 405


def test_an_action_that_fails_leaves_nothing_behind(sign_in, world, stored):
    answer = sign_in("head").post(
        PATH, data={"action": "break", "rowid": list(world.own.unit_ids)}, follow_redirects=True
    )
    assert "cannot be broken today" in answer.text
    assert stored(Unit, world.own.unit_ids[0]).layout != "half"


def test_deletion_asks_first_and_names_the_rows(sign_in, world, stored, form_of):
    browser = sign_in("admin", "group")
    made = browser.get("/admin/units/new/")
    form = form_of(made.text) | {
        "project_id": world.own.project_id,
        "building_id": world.own.building_id,
        "number": "9",
        "code": "1-1-9",
        "decoration": "rough",
    }
    key = int(browser.post("/admin/units/new/", data=form).location.rpartition("=")[2])
    answer = browser.post(PATH, data={"action": "delete", "rowid": key})
    assert answer.status_code == 200
    assert "1-1-9" in answer.text
    assert stored(Unit, key) is not None
    assert browser.post(PATH, data={"action": "delete", "rowid": key, "confirmed": "1"}).status_code == 303
    assert stored(Unit, key) is None


def test_a_deletion_that_the_database_refuses_is_a_sentence(sign_in, world, stored):
    browser = sign_in("admin", "group")
    data = {"action": "delete", "rowid": list(world.own.unit_ids), "confirmed": "1"}
    answer = browser.post(PATH, data=data, follow_redirects=True)
    assert "Incident" in answer.text
    assert stored(Unit, world.own.unit_ids[0]) is not None
