"""Two sweepers of the clocks meet: each step of a ladder is taken once, and what one holds does not stop the other."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter

import pytest
import sqlalchemy as sa

from core.database.scope import all_departments, use_scope
from core.database.types import utc_now
from core.extensions import db
from core.machinery.clocks import services as clocks
from core.machinery.clocks.models import ClockEvent
from core.machinery.clocks.sweeping import sweep
from core.machinery.todos.models import Todo
from core.plugin_system import declarations as d
from core.plugin_system.runtime import EXTENSION_KEY, Runtime
from core.projects.models import Unit

CLOCKS, SWEEPERS = 8, 4
POLICY = d.ClockPolicy(
    code="core.visit",
    label="Visit",
    record_kind="core.unit",
    limit=dt.timedelta(hours=24),
    ladder=(
        d.EscalationStep("remind", "Due soon", -dt.timedelta(hours=1), role="ENG"),
        d.EscalationStep("late", "Overdue", role="ENG"),
    ),
)


@pytest.fixture
def announced(app, place, monkeypatch):
    """Eight clocks whose limit is missed, and the steps that were announced: ids of the clocks with codes."""
    declared = {**app.extensions[EXTENSION_KEY]._declarations["core"], "clock_policies": (POLICY,)}
    app.extensions[EXTENSION_KEY] = Runtime({}, {"core": declared}, (), lambda slug: True)
    with use_scope(place.scope):
        first = db.session.get_one(Unit, place.unit_id)
        for number in range(1, CLOCKS + 1):
            unit = Unit(
                project_id=first.project_id,
                building_id=first.building_id,
                number=str(number),
                code=f"3-1-{number}",
            )
            db.session.add(unit)
            db.session.flush()
            clocks.start_clock("core.visit", unit, at=utc_now() - dt.timedelta(hours=30))
        db.session.commit()
    return Announcements(app, monkeypatch)


class Announcements:
    """Notes which steps are announced, and lets a test stop the first one in the middle."""

    def __init__(self, app, monkeypatch) -> None:
        self.steps: list[tuple[int, str]] = []
        self.first_is_there, self.may_go_on = threading.Event(), threading.Event()
        self.holds_first = False
        held = app.extensions["doorstep.clocks"]

        def announce(told) -> None:
            self.steps.append((told.clock.id, told.step.code))
            if self.holds_first and not self.first_is_there.is_set():
                self.first_is_there.set()
                assert self.may_go_on.wait(30)
            held.announce(told)

        means = clocks.Means(held.setting_of, announce, held.withdraw)
        monkeypatch.setitem(app.extensions, "doorstep.clocks", means)


def sweeps(app, taken: list[int], start: threading.Barrier | None = None) -> threading.Thread:
    """Start a sweeper that adds to a list how many steps it took."""

    def run() -> None:
        if start is not None:
            start.wait(30)
        with app.app_context():
            taken.append(sweep())

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def assert_each_once(steps: list[tuple[int, str]]) -> None:
    """Each of the clocks was told of twice: once for each step; events and to-dos say the same."""
    assert Counter(Counter(steps).values()) == {1: 2 * CLOCKS}
    with all_departments("looking at what the sweepers made"):
        events = db.session.execute(sa.select(ClockEvent.clock_id, ClockEvent.step)).all()
        todos = db.session.scalar(sa.select(sa.func.count(Todo.id)))
    assert Counter((key, step) for key, step in events if step) == Counter(steps)
    assert todos == 2 * CLOCKS


def test_sweepers_of_the_same_moment_take_each_step_once(app, announced) -> None:
    taken: list[int] = []
    start = threading.Barrier(SWEEPERS)
    threads = [sweeps(app, taken, start) for _sweeper in range(SWEEPERS)]
    for thread in threads:
        thread.join(60)
    assert (len(taken), sum(taken)) == (SWEEPERS, 2 * CLOCKS)
    assert_each_once(announced.steps)


def test_a_clock_that_one_sweeper_holds_is_left_to_it(app, announced) -> None:
    """The second one passes by what the first one holds; SQLite has one writer, so there it waits for it."""
    announced.holds_first = True
    passes_by = db.engine.dialect.name == "postgresql"
    first, second = [], []
    slow = sweeps(app, first)
    assert announced.first_is_there.wait(30)
    quick = sweeps(app, second)
    if passes_by:
        quick.join(30)
        assert second == [2 * (CLOCKS - 1)]
    announced.may_go_on.set()
    slow.join(60)
    quick.join(60)
    assert sum(first) + sum(second) == 2 * CLOCKS
    assert_each_once(announced.steps)
