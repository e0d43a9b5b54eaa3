"""The promise register: registering, finding what a house has to keep, settling; and touchpoints as tasks."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from core.customers.models import Customer
from core.database.scope import all_departments
from core.database.types import LOCAL_ZONE, local_today
from core.extensions import db
from core.machinery.todos.models import Todo, TodoState
from core.plugin_system import dispatch
from core.projects.models import Project, Unit
from core.promises import services
from core.promises.models import Promise, PromiseState
from core.timeline import catalogue
from core.timeline.models import TimelineEntry
from core.timeline.services import assign_touchpoint, proposed_due, reach

DAY = dt.timedelta(days=1)


@pytest.fixture
def place(world, system):
    """The project, two units and the owner of the first, inside the system's scope."""
    with system():
        project = db.session.get(Project, world.own.project_id)
        units = [db.session.get(Unit, key) for key in world.own.unit_ids[:2]]
        yield project, units, db.session.get(Customer, world.own.customer_ids[0])


def todos():
    return db.session.scalars(sa.select(Todo).order_by(Todo.id)).all()


def test_a_house_has_to_keep_what_was_promised_about_it_to_its_owner_and_to_all(place):
    project, (unit, other), owner = place
    to_all = services.register_promise(project, "小区有游泳池", stage="A", source="advertisement")
    about = services.register_promise(project, "赠送空调", stage="C", unit=unit, customer=owner)
    to_owner = services.register_promise(project, "车位优先", stage="C", customer=owner)
    elsewhere = services.register_promise(project, "换一扇门", stage="C", unit=other)
    assert [promise.number[-4:] for promise in (to_all, about, to_owner, elsewhere)] == [
        "0001", "0002", "0003", "0004",
    ]  # fmt: skip
    assert set(services.promises_of_unit(unit)) == {to_all, about, to_owner}
    assert set(services.promises_of_unit(other)) == {to_all, elsewhere}
    services.settle_promise(about, "kept", "已安装")
    assert set(services.promises_of_unit(unit)) == {to_all, to_owner}
    assert set(services.promises_of_unit(unit, open_only=False)) == {to_all, about, to_owner}
    assert services.promises_to_customer(owner)[-1] == about
    kinds = db.session.scalars(sa.select(TimelineEntry.kind).where(TimelineEntry.record_id == about.id)).all()
    assert set(kinds) == {"core.promise_made", "core.promise_settled"}


def test_what_is_due_becomes_a_to_do_that_follows_the_promise(place):
    project, (unit, _other), _owner = place
    today = local_today()
    promise = services.register_promise(project, "送窗帘", stage="C", unit=unit, due_on=today + 10 * DAY)
    (todo,) = todos()
    assert (todo.role, todo.unit_id, todo.record_id) == ("PCM", unit.id, promise.id)
    assert todo.due_at.astimezone(LOCAL_ZONE).date() == today + 10 * DAY
    services.change_promise(promise, due_on=today + 20 * DAY, responsible_role="ENG")
    old, new = todos()
    assert (old.state, new.state, new.role) == (TodoState.DONE, TodoState.OPEN, "ENG")
    services.settle_promise(promise, "broken", "厂家停产")
    assert [each.state for each in todos()] == [TodoState.DONE, TodoState.DONE]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"text": "  "}, "text"),
        ({"stage": "H"}, "stage"),
        ({"made_on": local_today() + DAY}, "made_on"),
        ({"due_on": local_today() - DAY}, "due_on"),
    ],
)
def test_a_promise_that_cannot_be_is_refused_at_its_field(place, change, field):
    project, _units, _owner = place
    with pytest.raises(services.PromiseRefused) as refused:
        services.register_promise(project, **{"text": "x", "stage": "C", **change})
    assert refused.value.field == field


def test_a_settled_promise_does_not_change(place):
    project, _units, _owner = place
    promise = services.register_promise(project, "x", stage="B")
    for state, how in (("open", "so"), ("kept", " "), ("nonsense", "so")):
        with pytest.raises(services.PromiseRefused):
            services.settle_promise(promise, state, how)
    services.settle_promise(promise, "void", "仅为示意图")
    for change in (
        lambda: services.settle_promise(promise, "kept", "doch"),
        lambda: services.change_promise(promise, text="y"),
    ):
        with pytest.raises(services.PromiseRefused):
            change()
    assert promise.state == PromiseState.VOID


def test_merging_erasing_and_obstacles(place):
    project, (unit, _other), owner = place
    promise = services.register_promise(project, "林女士的车位", stage="C", unit=unit, customer=owner)
    answers = dispatch.call("obstacles", record_kind="core.unit", record_id=unit.id)
    assert any("1" in sentence for answer in answers for sentence in answer.value or ())
    services.move_to_customer(owner.id, owner.id)
    assert services.of_customer(owner.id)[0]["text"] == "林女士的车位"
    services.erase_of_customer(owner.id, "erased")
    assert (promise.text, promise.how) == ("erased", "")


def test_the_register_and_its_sections(running_app, world, sign_in):
    browser = sign_in("head")
    form = browser.get(f"/admin/promises/new/?project={world.own.project_id}").get_data(as_text=True)
    nonce = form.split('name="form_nonce" value="')[1].split('"')[0]
    data = {
        "form_nonce": nonce, "project_id": world.own.project_id, "unit_id": world.own.unit_ids[0],
        "customer_id": "", "text": "赠送空调两台", "said_by": "小王", "made_on": "2026-01-05", "stage": "C",
        "source": "consultant", "due_on": "", "responsible_role": "",
    }  # fmt: skip
    assert browser.post("/admin/promises/new/", data=data).status_code == 303
    with running_app.app_context(), all_departments("looking at what a test made"):
        promise = db.session.scalars(sa.select(Promise)).one()
        key, number = promise.id, promise.number
    for address in (
        "/admin/promises/",
        f"/admin/units/details/?id={world.own.unit_ids[0]}",
        f"/admin/projects/details/?id={world.own.project_id}",
    ):
        assert "赠送空调两台" in browser.get(address).get_data(as_text=True), address
    assert (
        browser.post(f"/admin/promises/settle/?id={key}", data={"state": "kept", "how": "装好了"}).status_code
        == 303
    )
    page = browser.get(f"/admin/promises/details/?id={key}").get_data(as_text=True)
    assert "装好了" in page
    assert number in page
    assert "/settle/" not in page
    assert sign_in("other").get(f"/admin/promises/details/?id={key}").status_code == 404


@pytest.mark.parametrize(
    ("typed", "field", "kept"),
    [
        ({"state": "kept", "how": "  "}, "how", ""),
        ({"state": "maybe", "how": "已安装三台"}, "state", "已安装三台"),
    ],
)
def test_a_refused_outcome_keeps_what_was_typed(place, sign_in, typed, field, kept):
    project, (unit, _other), _owner = place
    promise = services.register_promise(project, "赠送空调", stage="C", unit=unit)
    key = promise.id
    db.session.commit()
    answer = sign_in("admin").post(f"/admin/promises/settle/?id={key}", data=typed)
    assert answer.status_code == 422
    assert f'id="settle-{field}-error"' in answer.text
    assert kept in answer.text
    assert '<details class="reveal" open>' in answer.text
    assert db.session.get_one(Promise, key, populate_existing=True).is_open


def test_a_touchpoint_task_is_finished_when_the_touchpoint_is_reached(place):
    _project, (unit, other), owner = place
    catalogue.load()
    task = assign_touchpoint("TP-C02", unit, "Send the welcome letter", customer=owner)
    assert (task.role, task.touchpoint_code, task.is_open) == ("PCM", "TP-C02", True)
    assert task.due_at is not None
    reach("TP-C02", "core.milestone", "Another house", unit=other)
    assert task.is_open
    reach("TP-C02", "core.milestone", "Letter sent", customer=owner, unit=unit)
    assert task.state == TodoState.DONE


def test_the_catalogue_proposes_until_when():
    moment = dt.datetime(2026, 9, 24, 2, tzinfo=dt.UTC)
    assert proposed_due([{"relation": "before", "unit": "day", "value": 3}], moment) is None
    hours = [{"relation": "within", "unit": "hour", "value": 24}]
    assert proposed_due(hours, moment) == moment + DAY
    months = [{"relation": "within", "unit": "month", "value": 1}]
    assert proposed_due(months, moment).astimezone(LOCAL_ZONE).date() == dt.date(2026, 10, 24)


def test_working_days_of_the_catalogue_skip_holidays(place):
    moment = dt.datetime(2026, 9, 24, 2, tzinfo=dt.UTC)
    limit = [{"relation": "within", "unit": "working_day", "value": 3}]
    assert proposed_due(limit, moment).astimezone(LOCAL_ZONE).date() == dt.date(2026, 9, 30)


def test_the_page_gives_a_touchpoint_to_any_department(running_app, world, sign_in):
    with running_app.app_context(), all_departments("the catalogue"):
        catalogue.load()
        db.session.commit()
    browser, unit = sign_in("head"), world.own.unit_ids[0]
    address = f"/admin/timeline/assign/?kind=core.unit&id={unit}&code=TP-E08"
    assert "TP-E08" in browser.get(address).get_data(as_text=True)
    assert browser.post(address, data={"title": "", "role": ""}).status_code == 422
    assert browser.post(address, data={"title": "Hand over", "role": ""}).status_code == 303
    with running_app.app_context(), all_departments("looking at what a test made"):
        todo = db.session.scalars(sa.select(Todo)).one()
        assert (todo.touchpoint_code, todo.unit_id) == ("TP-E08", unit)
        assert todo.department_id == world.departments["city"]
