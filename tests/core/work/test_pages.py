"""“My work”, the page of a to-do, the calendar, and the working days."""

from __future__ import annotations

import datetime as dt
import html

import pytest
import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.database.scope import all_departments
from core.database.types import local_today, utc_now
from core.extensions import db
from core.machinery.clocks.models import CalendarDay
from core.machinery.clocks.working_days import is_known
from core.machinery.todos import services as todos
from core.machinery.todos.models import Todo, TodoState
from core.people.models import Role
from core.projects.models import Unit

HOUR = dt.timedelta(hours=1)


def add(world, title, **options):
    """Add a to-do of the group's project and return its id."""
    with all_departments("a to-do of a test"):
        unit = db.session.get(Unit, world.own.unit_ids[0])
        todo = todos.add_todo(unit, title, **{"department": world.departments["group"], **options})
        db.session.commit()
        return todo.id


def state_of(app, key):
    with app.app_context(), all_departments("looking at what a test made"):
        todo = db.session.get(Todo, key)
        return todo.state, todo.owner_id, todo.finish_note


@pytest.fixture
def keys(running_app, world):
    with running_app.app_context():
        now = utc_now()
        role = db.session.get(Role, world.roles["engineer"]).name
        return {
            "own": add(world, "own-now", owner=world.users["engineer"], due_at=now - HOUR),
            "role": add(world, "role-now", role=role, due_at=now + HOUR),
            "department": add(world, "department-now", owner=world.users["service"]),
            "later": add(world, "own-later", owner=world.users["engineer"], due_at=now + 30 * 24 * HOUR),
            "sibling": add(
                world, "sibling-now", department=world.departments["sibling_group"], due_at=now - HOUR
            ),
        }


def test_the_parts_of_my_work_hold_what_they_say(running_app, world, sign_in, keys):
    with running_app.app_context():
        add(world, "nobody-now")
        add(world, "of-others-now", role="T-other")
    browser = sign_in("engineer")
    pages = {
        name: browser.get(f"/admin/work/?show={name}").get_data(as_text=True)
        for name in ("mine", "department", "overdue", "later", "done")
    }
    expected = {
        "mine": {"own-now", "role-now"},
        "department": {"department-now", "nobody-now", "of-others-now"},
        "overdue": {"own-now"},
        "later": {"own-later"},
        "done": set(),
    }
    titles = set().union(*expected.values(), {"sibling-now"})
    for name, page in pages.items():
        assert {title for title in titles if title in page} == expected[name], name
    work = browser.get("/admin/counts").json["work"]
    assert (work["due"], work["overdue"]) == (2, 1)
    assert browser.get("/admin/work/?show=nothing").status_code == 404


def test_customer_relations_sees_what_other_departments_owe(world, sign_in, keys):
    page = sign_in("head").get("/admin/work/?show=overdue").get_data(as_text=True)
    assert "own-now" in page
    assert "sibling-now" in page
    assert "role-now" not in page


def test_taking_handing_on_and_finishing(running_app, world, sign_in, keys):
    browser = sign_in("engineer")
    assert browser.post(f"/admin/todos/take/?id={keys['role']}").status_code == 303
    assert state_of(running_app, keys["role"])[1] == world.users["engineer"]
    handed = browser.post(
        f"/admin/todos/hand-on/?id={keys['role']}",
        data={"owner_id": world.users["service"], "role": "", "note": "Bring the ladder."},
    )
    assert handed.status_code == 303
    assert state_of(running_app, keys["role"])[1] == world.users["service"]
    other = sign_in("service")
    assert "Bring the ladder." in other.get(f"/admin/todos/details/?id={keys['role']}").get_data(as_text=True)
    refused = other.post(f"/admin/todos/finish/?id={keys['role']}", data={"note": "", "skipped": "1"})
    assert refused.status_code == 303
    assert state_of(running_app, keys["role"])[0] == TodoState.OPEN
    other.post(
        f"/admin/todos/finish/?id={keys['role']}", data={"note": "  Nobody at home.  ", "skipped": "1"}
    )
    assert state_of(running_app, keys["role"]) == (
        TodoState.SKIPPED,
        world.users["service"],
        "Nobody at home.",
    )
    assert "role-now" in other.get("/admin/work/?show=done").get_data(as_text=True)
    other.post(f"/admin/todos/finish/?id={keys['role']}", data={"note": "again"})
    assert state_of(running_app, keys["role"])[2] == "Nobody at home."
    other.post(f"/admin/todos/reopen/?id={keys['role']}")
    assert state_of(running_app, keys["role"])[0] == TodoState.OPEN


def test_what_is_for_others_is_refused_with_a_sentence(running_app, world, sign_in, keys):
    with running_app.app_context(), all_departments("letting the engineer see the other group's project"):
        todo = db.session.get(Todo, keys["sibling"])
        todo.owner_id = world.users["sibling"]
        db.session.commit()
    browser = sign_in("engineer")
    browser.post(f"/admin/todos/finish/?id={keys['sibling']}", data={"note": "mine"})
    assert state_of(running_app, keys["sibling"])[0] == TodoState.OPEN
    assert sign_in("other").get(f"/admin/todos/details/?id={keys['own']}").status_code == 404


def test_a_to_do_is_added_on_the_page_of_a_record(running_app, world, sign_in):
    browser = sign_in("engineer")
    unit = world.own.unit_ids[1]
    page = browser.get(f"/admin/units/details/?id={unit}").get_data(as_text=True)
    assert f"/admin/todos/new/?about=core.unit:{unit}" in page
    form = browser.get(f"/admin/todos/new/?about=core.unit:{unit}").get_data(as_text=True)
    nonce = form.split('name="form_nonce" value="')[1].split('"')[0]
    data = {
        "form_nonce": nonce,
        "title": "Call the owner",
        "due_at": "2026-12-01T10:00",
        "role": "",
        "note": "",
    }
    assert browser.post(f"/admin/todos/new/?about=core.unit:{unit}", data=data).status_code == 303
    with running_app.app_context(), all_departments("looking at what a test made"):
        todo = db.session.scalars(sa.select(Todo)).one()
        assert (todo.record_kind, todo.record_id, todo.unit_id) == ("core.unit", unit, unit)
        assert (todo.project_id, todo.created_by_id) == (world.own.project_id, world.users["engineer"])
    foreign = world.foreign.unit_ids[0]
    data["form_nonce"] = nonce[::-1]
    refused = browser.post(f"/admin/todos/new/?about=core.unit:{foreign}", data=data)
    assert refused.status_code == 422


def test_to_dos_are_made_once_and_finish_with_their_record(running_app, world, system):
    with system():
        unit = db.session.get(Unit, world.own.unit_ids[0])
        first = todos.add_todo(unit, "Re-inspect", dedupe_key="test:1")
        assert todos.add_todo(unit, "Re-inspect", dedupe_key="test:1") is first
        assert todos.finish_todos_of(unit, note="closed") == 1
        assert (first.state, first.finish_note) == (TodoState.DONE, "closed")
        assert todos.add_todo(unit, "Re-inspect", dedupe_key="test:1") is first
        with pytest.raises(todos.TodoRefused):
            todos.add_todo(unit, "   ")


def test_what_the_program_asks_for_is_read_in_the_readers_language(running_app, world, sign_in):
    typed = '{"en": "Call", "zh_Hans_CN": "致电"}'
    with running_app.app_context():
        owner = {"owner": world.users["engineer"], "due_at": utc_now()}
        asked = add(world, _l("Keep promise %(number)s", number="CN-7"), note=_l("Overdue"), **owner)
        add(world, typed, **owner)
    browser = sign_in("engineer")

    def page(path, language):
        with browser.session_transaction() as session:
            session["locale"] = language
        return html.unescape(browser.get(path).text)

    english, chinese = "Keep promise CN-7", "兑现承诺 CN-7"
    for path in ("/admin/work/", "/admin/calendar/", f"/admin/todos/details/?id={asked}", "/admin/todos/"):
        for language, mine, other in (("en", english, chinese), ("zh_Hans_CN", chinese, english)):
            text = page(path, language)
            assert mine in text and other not in text, (path, language)
            assert typed in text or "details" in path, "what somebody typed stays as it is"
    form = f"/admin/todos/edit/?id={asked}"
    held = {
        name: page(form, "en").split(f'name="{name}"')[1].split('value="')[1].split('"')[0]
        for name in ("row_version", "title", "due_at")
    }
    assert held["title"] == english
    answer = browser.post(form, data={**held, "note": "Overdue"})
    assert answer.status_code == 303
    assert chinese in page(f"/admin/todos/details/?id={asked}", "zh_Hans_CN"), (
        "saved as it was, it stays in all"
    )
    log = page("/admin/audit/?kind=todo", "en") + page(f"/admin/todos/details/?id={asked}", "en")
    assert 'zh_Hans_CN":"' not in log, "nobody reads how it is stored"


def test_a_text_that_was_translated_already_is_refused(world, system):
    with system(), pytest.raises(TypeError, match="in one language already"):
        todos.add_todo(None, _("Overdue"))


@pytest.mark.parametrize("view", ["month", "week", "day"])
def test_the_calendar_shows_what_is_due(running_app, world, sign_in, keys, view):
    browser = sign_in("engineer")
    page = browser.get(f"/admin/calendar/?view={view}").get_data(as_text=True)
    assert "own-now" in page or "role-now" in page
    assert "sibling-now" not in page
    hidden = browser.get(f"/admin/calendar/?view={view}&without=core.todos").get_data(as_text=True)
    assert "own-now" not in hidden
    for wrong in ("view=year", "day=yesterday", "day=9999-12-31"):
        assert browser.get(f"/admin/calendar/?{wrong}").status_code == 404


def test_the_calendar_marks_holidays_and_make_up_days(world, sign_in):
    page = (
        sign_in("engineer")
        .get("/admin/calendar/?day=2026-02-10", headers={"Accept-Language": "en"})
        .get_data(as_text=True)
    )
    assert page.count('class="day-mark"') == 8, "six weekdays are free, two Saturdays are worked"


def test_working_days_are_entered_for_the_department_and_below(running_app, world, sign_in):
    admin, engineer = sign_in("admin"), sign_in("engineer")
    form = admin.get("/admin/working_days/new/").get_data(as_text=True)
    nonce = form.split('name="form_nonce" value="')[1].split('"')[0]
    year = local_today().year + 3
    data = {"form_nonce": nonce, "first": f"{year}-02-01", "last": f"{year}-02-03", "note": "春节"}
    assert admin.post("/admin/working_days/new/", data=data).status_code == 303
    with running_app.app_context():
        with all_departments("looking at what a test made"):
            assert db.session.scalar(sa.select(sa.func.count(CalendarDay.id))) == 3
        group = world.departments["group"]
        assert is_known(dt.date(year, 6, 1), group)
        assert not is_known(dt.date(year + 1, 6, 1), group)
    assert "春节" in engineer.get("/admin/working_days/").get_data(as_text=True)
    assert sign_in("nobody").get("/admin/working_days/new/").status_code == 403


def test_a_customer_takes_the_to_dos_along_and_leaves_none_of_his_words(world, system):
    with system():
        from core.customers.models import Customer

        kept, gone = (db.session.get(Customer, key) for key in world.own.customer_ids[:2])
        todo = todos.add_todo(gone, "Call 林女士")
        todos.move_to_customer(kept.id, gone.id)
        assert (todo.customer_id, todo.record_id) == (kept.id, kept.id)
        assert todos.of_customer(kept.id)[0]["title"] == "Call 林女士"
        todos.erase_of_customer(kept.id, "erased")
        assert (todo.title, todo.state) == ("erased", TodoState.SKIPPED)
