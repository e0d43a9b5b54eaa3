"""The guards of jobs, imports, to-dos, time limits, promises and reservations are taken out in turn, like those of
:mod:`tests.integration.authorisation.test_mutants`."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa
from werkzeug.exceptions import abort

import core.admin.calendar
import core.admin.imports
import core.admin.links
import core.admin.work
import core.database.scope
import core.machinery.exchange.services
import core.machinery.jobs.services
import core.people.references
import core.people.workload
import plugins.reservations.admin
import plugins.reservations.public
from core.admin.views import RecordView
from core.customers.models import Customer
from core.database.base import metadata
from core.database.scope import all_departments, use_scope
from core.database.types import utc_now
from core.extensions import db
from core.machinery.audit.models import AuditEntry
from core.machinery.clocks.models import CalendarDay, Clock
from core.machinery.exchange.models import ImportBatch
from core.machinery.jobs.models import Job, JobFile
from core.machinery.links import services as links
from core.machinery.todos.models import Todo
from core.people.models import Role, User
from core.projects.models import Unit
from plugins.reservations.models import Booking, Slot
from tests.integration.authorisation.attempts import REASON, SYSTEM, create_form
from tests.integration.authorisation.mutating import (
    Check,
    Mutant,
    Patch,
    actor_called,
    any_import,
    assert_missed,
    every_department,
    opened,
    pages,
    replaced,
    several,
    unauthorised_record,
    unmarked,
    unscoped_get_one,
)
from tests.integration.authorisation.scene import Scene

PHONE = "13577778888"

# --- What notices


def _of_scene(check: Check) -> Check:
    """Take back what a check does to the rows."""

    def checked(scene: Scene) -> list[str]:
        try:
            return check(scene)
        finally:
            with scene.app.app_context():
                scene.ledger.undo(scene.ledger.changes(everywhere=True))

    checked.__name__ = check.__name__
    return checked


def _put(scene: Scene, model: Any, target: str = "own", **values: Any) -> int:
    """Set values of the row of a project, and return its key."""
    with scene.app.app_context(), use_scope(SYSTEM):
        key = scene.records.key(model, target)
        db.session.rollback()
        with db.engine.begin() as connection:
            table = metadata.tables[model.__tablename__]
            connection.execute(sa.update(table).where(table.c.id == key).values(values))
    return key


def _add(scene: Scene, row: Any) -> int:
    with scene.app.test_request_context(), all_departments("a row for a guard mutant"):
        db.session.add(row)
        db.session.commit()
        return int(row.id)


def _value(scene: Scene, column: Any, key: int) -> Any:
    with scene.app.app_context(), all_departments("what became of a row"):
        return db.session.scalar(sa.select(column).where(column.class_.id == key))


@_of_scene
def phones_are_masked_at_the_desk(scene: Scene) -> list[str]:
    """The desk shows a telephone number to whoever may see personal data, and to nobody else."""
    _put(scene, Booking, contact_phone=PHONE, state="notified")
    address = f"/admin/reservations/desk/?project={scene.world.own.project_id}&day=2026-01-02"
    told = {name: scene.send(actor_called(name), "GET", address).text for name in ("keeper", "service")}
    assert PHONE in told["keeper"]
    return ["the number is shown to everybody"] if PHONE in told["service"] else []


@_of_scene
def owners_cancel_their_own(scene: Scene) -> list[str]:
    """The page of a link cancels no booking of a neighbour, even if the wall around the visit were gone."""
    neighbour = scene.world.own.customer_ids[1]
    _put(
        scene,
        Slot,
        capacity=2,
        starts_at=utc_now() + dt.timedelta(days=2),
        ends_at=utc_now() + dt.timedelta(days=2, hours=1),
    )
    booking = _put(
        scene, Booking, state="notified", customer_id=neighbour, unit_id=scene.world.own.unit_ids[1]
    )
    with scene.app.test_request_context(), all_departments("a link for a guard mutant"):
        made = links.make_link(
            plugins.reservations.public.BOOK,
            db.session.get_one(Unit, scene.world.own.unit_ids[0]),
            db.session.get_one(Customer, scene.world.own.customer_ids[0]),
        )
        key, token = made.link.id, made.address.rpartition("/")[2]
        db.session.commit()
    visitor, page = scene.app.test_client(), f"/reservations/book/{key}"
    visitor.get(f"/l/{token}")
    tail = scene.world.own.phones[0][-4:]
    assert visitor.post(f"/l/enter/{key}", data={"fact": tail, "agree": "y"}).status_code == 303
    with (
        mock.patch.object(core.admin.links, "SHORTEST_SECONDS", 0),
        mock.patch.object(core.database.scope, "_of_visitors", lambda _model, _scope, criterion: criterion),
        mock.patch.object(core.database.scope, "_names_another_customer", lambda _row, _scope: None),
    ):
        ticket = re.search(r'name="ticket"[^>]*value="([^"]+)"', visitor.get(page).text)
        assert ticket is not None
        form = {"ticket": ticket[1], "website": "", "guests": "1", "step": "cancel", "booking": str(booking)}
        visitor.post(page, data=form)
    state = _value(scene, Booking.state, booking)
    return [] if state == "notified" else [f"the booking of a neighbour is {state}"]


@_of_scene
def days_of_above_stay(scene: Scene) -> list[str]:
    """A day that the city company entered is removed by nobody below it."""
    day = CalendarDay(
        department_id=scene.world.departments["city"], day=dt.date(2026, 5, 5), is_working=True, note="x"
    )
    key = _add(scene, day)
    scene.send(actor_called("keeper"), "POST", "/admin/working_days/delete/", data={"id": str(key)})
    return [] if _value(scene, CalendarDay.id, key) is not None else ["the day is gone"]


@_of_scene
def the_calendar_is_of_visible_projects(scene: Scene) -> list[str]:
    """The calendar shows the time limits of the projects that its reader sees."""
    due = dt.datetime(2026, 3, 3, 4, tzinfo=dt.UTC)
    for target in ("own", "foreign"):
        unit = getattr(scene.world, target).unit_ids[0]
        _put(scene, Clock, target, record_kind="core.unit", record_id=unit, due_at=due, stopped_at=None)
    page = scene.send(actor_called("keeper"), "GET", "/admin/calendar/?view=month&day=2026-03-03").text
    assert scene.records.canary("own") in page
    return ["a foreign time limit is shown"] if scene.records.canary("foreign") in page else []


@_of_scene
def others_leave_todos_alone(scene: Scene) -> list[str]:
    """A to-do of the city company is not finished, taken or handed on by an engineer of the group."""
    todo = Todo(
        title="x", project_id=scene.world.own.project_id, department_id=scene.world.departments["city"]
    )
    key = _add(scene, todo)
    faults = []
    for step, form in (
        ("take", {}),
        ("hand-on", {"note": REASON, "role": "", "owner_id": str(scene.accounts["engineer"])}),
        ("finish", {"note": REASON}),
    ):
        scene.send(actor_called("engineer"), "POST", f"/admin/todos/{step}/?id={key}", data=form)
        if _value(scene, Todo.owner_id, key) is not None or _value(scene, Todo.state, key) != "open":
            faults.append(f"{step} changes it")
            with scene.app.app_context(), db.engine.begin() as connection:
                table = metadata.tables["todo"]
                connection.execute(
                    sa.update(table).values(owner_id=None, state="open").where(table.c.id == key)
                )
    return faults


@_of_scene
def todos_stay_within_reach(scene: Scene) -> list[str]:
    """A to-do is handed to nobody and to no department out of reach, and neither is proposed."""
    keeper = actor_called("keeper")
    key, start = scene.records.key(Todo, "own"), "/admin/todos"
    before = _value(scene, Todo.owner_id, key), _value(scene, Todo.department_id, key)
    faults = []
    for name, value in (
        ("owner_id", scene.accounts["other"]),
        ("department_id", scene.world.departments["other_group"]),
    ):
        scene.send(
            keeper, "POST", f"{start}/hand-on/?id={key}", data={name: str(value), "role": "", "note": REASON}
        )
        if (_value(scene, Todo.owner_id, key), _value(scene, Todo.department_id, key)) != before:
            faults.append(f"{name}: it is handed out of reach")
            _put(scene, Todo, owner_id=before[0], department_id=before[1])
    for name, term, hidden in (("owner_id", "用户", "用户other"), ("department_id", "乙城", "乙城一组")):
        proposed = scene.send(keeper, "GET", f"{start}/ajax/lookup/?name={name}&query={term}").json
        if hidden in str(proposed):
            faults.append(f"{name}: {hidden} is proposed")
    return faults


@_of_scene
def todos_hang_on_visible_records(scene: Scene) -> list[str]:
    """A new to-do is about a record that its author sees."""
    keeper, view = actor_called("keeper"), scene.views["todos"]
    about = f"core.unit:{scene.world.foreign.unit_ids[0]}"
    with scene.app.test_request_context(), use_scope(SYSTEM):
        form = create_form(scene, view, keeper, "own")
    scene.send(keeper, "POST", "/admin/todos/new/", data={**form, "about": about})
    with scene.app.app_context(), all_departments("what was added"):
        found = db.session.scalar(
            sa.select(Todo.id).where(
                Todo.record_id == scene.world.foreign.unit_ids[0], Todo.title == form["title"]
            )
        )
    return [] if found is None else ["a to-do hangs on a foreign house"]


@_of_scene
def work_names_what_may_be_opened(scene: Scene) -> list[str]:
    """A to-do about a record that its reader has no right to see is shown without the record's heading."""
    unit = scene.world.own.unit_ids[0]
    group = scene.world.departments["group"]
    about = {"record_kind": "core.unit", "record_id": unit}
    _put(scene, Todo, title="to-do", department_id=group, due_at=None, owner_id=None, **about)
    with scene.app.app_context(), all_departments("a role without houses"):
        role = db.session.get_one(Role, scene.world.roles["service"])
        role.permissions = [code for code in role.permissions if code != "projects.view"]
        db.session.commit()
    told = {
        name: scene.send(actor_called(name), "GET", "/admin/work/?show=department").text
        for name in ("keeper", "service")
    }
    assert "1-1-101" in told["keeper"]
    assert "to-do" in told["service"]
    return ["the heading of the house is shown"] if "1-1-101" in told["service"] else []


@_of_scene
def progress_is_of_own_jobs(scene: Scene) -> list[str]:
    """How far a job is, is told to its starter and to whoever may see the jobs of the department."""
    key = scene.records.key(Job, "own")
    address = f"/admin/jobs/progress?ids={key}"
    told = {name: scene.send(actor_called(name), "GET", address).json for name in ("engineer", "nobody")}
    assert str(key) in told["engineer"]["jobs"]
    return ["a colleague is told of it"] if told["nobody"]["jobs"] else []


@_of_scene
def downloads_are_logged(scene: Scene) -> list[str]:
    """Whoever takes a file away is in the change log."""
    keeper = actor_called("keeper")
    job, file = _put(scene, Job, starter_id=scene.accounts["keeper"]), scene.records.key(JobFile, "own")
    assert scene.send(keeper, "POST", f"/admin/jobs/{job}/files/{file}").status_code == 200
    with scene.app.app_context(), all_departments("reading the log"):
        logged = db.session.scalar(
            sa.select(AuditEntry.user_id).where(
                AuditEntry.action == "job_file_downloaded", AuditEntry.record_id == str(job)
            )
        )
    return [] if logged == scene.accounts["keeper"] else ["the download left no trace"]


@_of_scene
def imports_need_their_right(scene: Scene) -> list[str]:
    """An own import is gone on with only by whoever still holds the right to import such rows."""
    key = _put(scene, ImportBatch, user_id=scene.accounts["service"])
    faults = []
    for method, page in (
        ("GET", "columns"), ("GET", "preview"), ("GET", "bad-rows"), ("POST", "confirm"), ("POST", "discard"),
    ):  # fmt: skip
        address = f"/admin/imports/{page}/?id={key}"
        answer = scene.send(
            actor_called("service"), method, address, data={"id": str(key)} if method == "POST" else None
        )
        if answer.status_code != 403:
            faults.append(f"{page} is answered {answer.status_code}")
    return faults


# --- What is taken out


def _any_row(model: Any, key: Any) -> Any:
    with all_departments("a guard mutant"):
        return db.session.get(model, int(key)) or abort(404)


def _any_booking(_visit: Any, _unit: Any, form: Any) -> Any:
    return db.session.get_one(Booking, int(form["booking"].data))


@contextlib.contextmanager
def _without_log(scene: Scene) -> Iterator[None]:
    held = scene.app.extensions[core.machinery.jobs.services.EXTENSION]
    mute = dataclasses.replace(held, record_event=lambda *_, **__: None)
    with mock.patch.dict(scene.app.extensions, {core.machinery.jobs.services.EXTENSION: mute}):
        yield


def _in_work(name: str, value: Callable[..., Any]) -> Patch:
    def patch(_scene: Scene) -> AbstractContextManager[Any]:
        return mock.patch.object(core.admin.work, name, value)

    return patch


_PAST_THE_WALL = (
    "promises.details_view", "promises.settle", "todos.details_view", "todos.take", "todos.finish", "todos.reopen",
    "todos.hand_on", "working_days.details_view", "reservations_bookings.details_view",
)  # fmt: skip
_OF_IMPORTS = (
    "imports.columns", "imports.preview", "imports.row", "imports.bad_rows", "imports.confirm", "imports.result",
    "imports.undo", "imports.resume", "imports.discard",
)  # fmt: skip
_OF_THE_DESK = tuple(
    f"reservations_desk.{name}" for name in ("index", "week", "plan", "move", "setup", "step")
)

MUTANTS = (
    Mutant(
        "records of promises, to-dos, calendar days and bookings are read past the wall",
        replaced(RecordView, "get_one", unscoped_get_one),
        pages(*_PAST_THE_WALL, target="foreign"),
        at_least=len(_PAST_THE_WALL),
    ),
    Mutant(
        "the desk of reservations reads past the wall",
        replaced(plugins.reservations.admin, "_one", _any_row),
        pages(*_OF_THE_DESK, target="foreign"),
        at_least=len(_OF_THE_DESK),
    ),
    Mutant(
        "slots are planned by whoever sees them",
        unmarked("reservations_desk", "plan", "reservations.view"),
        pages("reservations_desk.plan", actor="engineer"),
    ),
    Mutant(
        "the desk shows telephone numbers to everybody",
        replaced(plugins.reservations.admin, "sees_personal_data", lambda: True),
        phones_are_masked_at_the_desk,
    ),
    Mutant(
        "owners cancel bookings of their neighbours",
        replaced(plugins.reservations.public, "_own", _any_booking),
        owners_cancel_their_own,
    ),
    Mutant(
        "promises are settled by whoever sees them",
        unmarked("promises", "settle", "promises.view"),
        pages("promises.settle", actor="engineer"),
    ),
    Mutant(
        "days of departments above are changed below",
        replaced(core.admin.calendar, "_own_or_below", lambda _day: True),
        days_of_above_stay,
    ),
    Mutant(
        "the calendar looks past the wall",
        opened(core.admin.calendar, "_entries"),
        the_calendar_is_of_visible_projects,
    ),
    Mutant(
        "to-dos are anybody's",
        replaced(core.people.workload, "may_act_on", lambda _todo: True),
        others_leave_todos_alone,
        at_least=3,
    ),
    Mutant(
        "to-dos are handed to anybody",
        several(
            replaced(core.people.references, "users_in_reach", lambda: sa.select(User)),
            _in_work("departments_in_reach", every_department),
        ),
        todos_stay_within_reach,
        at_least=4,
    ),
    Mutant(
        "to-dos hang on any record",
        several(
            _in_work("record_of", unauthorised_record),
            replaced(core.database.scope, "_check_rows", lambda *_, **__: None),
        ),
        todos_hang_on_visible_records,
    ),
    Mutant(
        "to-dos name records that may not be opened",
        _in_work("has_permission", lambda _code: True),
        work_names_what_may_be_opened,
    ),
    Mutant(
        "the progress of jobs is told to everybody",
        replaced(core.machinery.jobs.services, "visible_jobs", lambda **_: sa.select(Job)),
        progress_is_of_own_jobs,
    ),
    Mutant("files of jobs are taken away unseen", _without_log, downloads_are_logged),
    Mutant(
        "imports of colleagues are gone on with",
        replaced(core.machinery.exchange.services, "find_import", any_import),
        pages(*_OF_IMPORTS),
        at_least=len(_OF_IMPORTS),
    ),
    Mutant(
        "a right to import is not asked for again",
        replaced(core.admin.imports, "has_permission", lambda _code: True),
        imports_need_their_right,
        at_least=5,
    ),
)


# Each takes away a piece of the program, and whether that is noticed is not a question of the database.
@pytest.mark.one_database
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_guard_is_missed_when_it_is_gone(mutant: Mutant, scene: Scene) -> None:
    """With the guard the check is silent; without it the check speaks."""
    assert_missed(mutant, scene)
