"""The buttons of a workflow: only legal steps, what they ask for, ticked rows, and the history that is left."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from wtforms import SelectField

from core.admin.access import ViewDeclarationError, ViewPermissions
from core.admin.views import RecordView
from core.database.scope import all_departments
from core.extensions import db
from core.machinery.audit.models import AuditEntry
from core.machinery.workflow.models import WorkflowMove
from core.machinery.workflow.services import HistoryImmutable, State, Transition, Workflow
from core.projects.models import Unit
from core.timeline.models import TimelineEntry

PAGE = "/admin/units/details/?id="
STEP = "/admin/units/transition/?id="
ACTION = "/admin/units/action/"


@pytest.fixture
def unit(running_app, world):
    """Key of a fitted unit."""
    return world.own.unit_ids[0]


@pytest.fixture
def change(running_app):
    """``change(5, floor=0)`` changes a unit behind the back of the pages."""

    def change(key, **values):
        with running_app.app_context(), all_departments("a test"):
            for name, value in values.items():
                setattr(db.session.get_one(Unit, key), name, value)
            db.session.commit()

    return change


def moves(running_app):
    with running_app.app_context(), all_departments("a test"):
        return [
            (move.transition, move.from_state, move.to_state, move.comment, move.moved_by_id)
            for move in db.session.scalars(sa.select(WorkflowMove).order_by(WorkflowMove.id))
        ]


def test_a_page_offers_the_steps_of_the_state_and_of_the_rights(sign_in, browser_with, unit, change):
    page = sign_in("head").get(f"{PAGE}{unit}").text
    assert 'value="strip"' in page
    assert 'value="repaint"' in page
    assert 'value="fit_out"' not in page
    assert 'value="by_services"' not in page
    reader = browser_with("units.view").get(f"{PAGE}{unit}").text
    assert 'value="strip"' not in reader
    assert 'value="repaint"' in reader
    change(unit, floor=0)
    held_back = sign_in("head").get(f"{PAGE}{unit}").text
    assert 'value="strip"' not in held_back
    assert "Nobody strips a cellar." in held_back


def test_a_step_moves_the_record_and_leaves_its_history(sign_in, running_app, world, unit, stored):
    head = sign_in("head")
    head.post(f"{STEP}{unit}", data={"transition": "strip", "layout": "two rooms"})
    answer = head.post(
        f"{STEP}{unit}", data={"transition": "fit_out", "comment": " Sold as fitted. "}, follow_redirects=True
    )
    assert stored(Unit, unit).decoration == "fitted"
    assert stored(Unit, unit).layout == "two rooms"
    user = world.users["head"]
    assert moves(running_app) == [
        ("strip", "fitted", "rough", "two rooms", user),
        ("fit_out", "rough", "fitted", "Sold as fitted.", user),
    ]
    section = answer.text.split('id="section-core-workflow"')[1]
    assert "Sold as fitted." in section
    assert "用户head" in section
    with running_app.app_context(), all_departments("a test"):
        entry = db.session.scalars(sa.select(TimelineEntry)).one()
        assert (entry.kind, entry.unit_id, entry.record_kind) == ("core.fitted", unit, "core.unit")
        logged = sa.select(AuditEntry.id).where(AuditEntry.record_kind == "workflow_move")
        assert len(db.session.scalars(logged).all()) == 2


@pytest.mark.parametrize(
    ("state", "data", "kept"),
    [
        ("rough", {"transition": "fit_out", "comment": "  "}, "fit_out-comment"),
        ("fitted", {"transition": "strip", "layout": "", "remark": "typed before"}, "typed before"),
        ("fitted", {"transition": "strip", "layout": "x" * 300}, "x" * 300),
    ],
)
def test_what_a_step_lacks_is_said_and_nothing_typed_is_lost(
    sign_in, running_app, unit, stored, change, state, data, kept
):
    change(unit, decoration=state)
    answer = sign_in("head").post(f"{STEP}{unit}", data=data)
    assert answer.status_code == 422
    assert kept in answer.text
    assert stored(Unit, unit).decoration == state
    assert moves(running_app) == []


def test_a_guard_that_refuses_gives_the_form_back(sign_in, unit, change, stored):
    change(unit, floor=0)
    answer = sign_in("head").post(f"{STEP}{unit}", data={"transition": "strip", "layout": "kept words"})
    assert answer.status_code == 422
    assert "Nobody strips a cellar." in answer.text
    assert "kept words" in answer.text
    assert stored(Unit, unit).decoration == "fitted"


def test_who_comes_second_is_told_the_state(sign_in, unit, running_app):
    head = sign_in("head")
    first, second = (
        head.post(f"{STEP}{unit}", data={"transition": "strip", "layout": "L"}, follow_redirects=True)
        for _press in range(2)
    )
    assert "is now “Rough”" in first.text
    assert "in state “Rough” by now" in second.text
    assert len(moves(running_app)) == 1


def test_steps_are_authorised_on_the_loaded_row(sign_in, browser_with, world, unit, stored):
    data = {"transition": "strip", "layout": "L"}
    head = sign_in("head")
    for foreign in (world.foreign.unit_ids[0], world.sibling.unit_ids[0], 999999, "abc", "1,2"):
        assert head.post(f"{STEP}{foreign}", data=data).status_code == 404
    assert browser_with("units.view").post(f"{STEP}{unit}", data=data).status_code == 403
    for code in ("by_services", "absent", ""):
        assert head.post(f"{STEP}{unit}", data={"transition": code}).status_code == 404
    assert head.post("/admin/customers/transition/?id=1", data=data).status_code == 404
    assert {stored(Unit, key).decoration for key in (unit, world.foreign.unit_ids[0])} == {"fitted"}


def test_ticked_rows_move_and_the_others_are_listed_with_their_reason(
    sign_in, world, change, stored, running_app
):
    legal, cellar, done = world.own.unit_ids
    change(cellar, floor=0)
    change(done, decoration="rough")
    head, rows = sign_in("head"), [str(key) for key in world.own.unit_ids]
    asked = head.post(ACTION, data={"action": "move-strip", "rowid": rows}).text
    assert "Nobody strips a cellar." in asked
    assert "in state “Rough” by now" in asked
    assert moves(running_app) == []
    data = {"action": "move-strip", "rowid": rows, "confirmed": "1"}
    assert head.post(ACTION, data=data).status_code == 422
    answer = head.post(ACTION, data={**data, "layout": "bare"})
    assert "1 record was moved." in answer.text
    assert "Nobody strips a cellar." in answer.text
    assert [stored(Unit, key).decoration for key in (legal, cellar, done)] == ["rough", "fitted", "rough"]
    assert stored(Unit, cellar).layout != "bare"
    assert [move[0] for move in moves(running_app)] == ["strip"]


def test_a_list_offers_the_steps_of_the_states_that_are_on_it(sign_in, world, change, browser_with):
    head = sign_in("head")
    assert 'value="move-strip"' in head.get("/admin/units/").text
    assert 'value="move-fit_out"' not in head.get("/admin/units/").text
    for key in world.own.unit_ids:
        change(key, decoration="rough")
    assert 'value="move-strip"' not in head.get("/admin/units/").text
    assert 'value="move-fit_out"' in head.get("/admin/units/").text
    assert 'value="move-fit_out"' not in browser_with("units.view").get("/admin/units/").text


def test_the_history_never_changes(sign_in, running_app, unit):
    sign_in("head").post(f"{STEP}{unit}", data={"transition": "repaint"})
    with running_app.app_context(), all_departments("a test"):
        move = db.session.scalars(sa.select(WorkflowMove)).one()
        move.to_state = "rough"
        with pytest.raises(HistoryImmutable):
            db.session.flush()
        db.session.rollback()
        with pytest.raises(HistoryImmutable):
            db.session.execute(sa.update(WorkflowMove).values(comment="x"))
        db.session.delete(db.session.scalars(sa.select(WorkflowMove)).one())
        with pytest.raises(HistoryImmutable):
            db.session.flush()


def test_a_step_asks_for_no_foreign_key_by_typing(running_app):
    asks = Workflow(
        "core.moving",
        (State("rough", "Rough"),),
        (Transition("move", "Move", ("rough",), "rough", required={"project_id": "Project"}),),
        attribute="decoration",
    )
    from tests.core.admin.conftest import PROJECTS

    def make(**more):
        class Moving(RecordView):
            permissions = ViewPermissions("units.view")
            column_list = column_details_list = ("code",)
            references = {"project_id": PROJECTS}
            workflow = asks

        for name, value in more.items():
            setattr(Moving, name, value)
        return Moving(Unit, name="Moving", endpoint="moving")

    with running_app.app_context():
        with pytest.raises(ViewDeclarationError, match="project_id"):
            make()
        assert make(step_fields={"project_id": SelectField(choices=[])}).step_form_classes.keys() == {"move"}
