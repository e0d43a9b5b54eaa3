"""Clocks on records: starting, resting, stopping, breaches, ladders, and the sweeper."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from core.database.scope import all_departments, use_scope
from core.database.types import LOCAL_ZONE, utc_now
from core.extensions import db
from core.machinery.clocks import declarations as clock_declarations
from core.machinery.clocks import services as clocks
from core.machinery.clocks.models import Clock, ClockEvent
from core.machinery.clocks.sweeping import sweep
from core.machinery.clocks.working_days import offset_day, working_days_after
from core.machinery.todos.models import Todo
from core.people.models import Department
from core.plugin_system import declarations as d
from core.plugin_system.runtime import EXTENSION_KEY, Runtime
from core.projects.models import Unit

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
LADDER = (
    d.EscalationStep("remind", "Due soon", -HOUR, role="ENG"),
    d.EscalationStep("engineer", "Overdue", dt.timedelta(), role="ENG"),
    d.EscalationStep(
        "manager", "Overdue for a day", after_setting="second_step", unit="hours", role="HEAD", level="region"
    ),
)
POLICY = d.ClockPolicy(
    code="core.visit",
    label="Visit",
    record_kind="core.unit",
    limit_setting="visit_hours",
    pauses=(
        d.PauseReason("owner_away", "Owner away", most=30 * DAY, needs_notice=True),
        d.PauseReason("season", "Waits for rain", most=30 * DAY),
        d.PauseReason("material", "Waits for material", stops=False),
    ),
    ladder=LADDER,
)
WORK = d.ClockPolicy(
    "core.answer", "Answer", "core.unit", limit_setting="answer_days", unit="days", time=d.ClockTime.WORKING
)


CALL = d.ClockPolicy(
    "core.call",
    "Call",
    "core.unit",
    limit_setting="call_hours",
    roll=d.RollRule(dt.time(18), dt.time(8, 30), dt.time(9), 2 * HOUR),
)


@pytest.fixture
def limits():
    return {"visit_hours": 24, "second_step": 24, "answer_days": 2, "call_hours": 2}


@pytest.fixture
def unit(app, place, limits):
    """The unit of the place, with the policies declared; the scope of the place is entered."""
    declared = dict(app.extensions[EXTENSION_KEY]._declarations["core"])
    declared["settings"] = (
        *declared["settings"],
        *clock_declarations.settings(),
        *(d.Setting(key, value, key) for key, value in limits.items()),
    )
    declared["clock_policies"] = (POLICY, WORK, CALL)
    app.extensions[EXTENSION_KEY] = Runtime({}, {"core": declared}, (), lambda slug: True)
    held = app.extensions["doorstep.clocks"]
    defaults = held.setting_of
    app.extensions["doorstep.clocks"] = clocks.Means(
        lambda component, key, department: limits.get(key) or defaults(component, key, department),
        held.announce,
        held.withdraw,
    )
    with use_scope(place.scope):
        yield db.session.get(Unit, place.unit_id)


def ago(hours: float) -> dt.datetime:
    return utc_now() - dt.timedelta(hours=hours)


def titles():
    with all_departments("looking at what a test made"):
        return sorted(str(todo.title) for todo in db.session.scalars(sa.select(Todo)) if todo.is_open)


def test_a_clock_is_started_once_and_copies_what_it_counts_with(unit, limits):
    clock = clocks.start_clock("core.visit", unit, at=ago(1))
    limits["visit_hours"], limits["second_step"] = 1, 1
    assert clocks.start_clock("core.visit", unit) is clock
    assert clock.due_at == clock.started_at + 24 * HOUR
    clocks.pause_clock(clock, "season")
    clocks.resume_clock(clock)
    assert clock.due_at - clock.started_at < 24 * HOUR + dt.timedelta(minutes=1)
    assert clock.terms["ladder"][2]["after"] == 24 * 3600
    clocks.stop_clock(clock)
    assert clocks.start_clock("core.visit", unit).limit == HOUR


def test_only_reasons_that_stop_move_the_due_moment(unit):
    clock = clocks.start_clock("core.visit", unit, at=ago(10))
    due = clock.due_at
    clocks.pause_clock(clock, "material", at=ago(9))
    assert not clocks.stands_still(clock)
    clocks.resume_clock(clock, at=ago(8))
    assert clock.due_at == due
    clocks.pause_clock(clock, "owner_away", at=ago(7))
    assert not clocks.stands_still(clock), "the owner was not told"
    clocks.note_notice(clock, at=ago(5))
    assert clocks.stands_still(clock)
    clocks.resume_clock(clock, at=ago(2))
    times = clocks.clock_times(clock)
    assert round(times.paused / HOUR) == 3
    assert round((clock.due_at - due) / HOUR) == 3
    assert times.elapsed + times.remaining == clock.limit


def test_what_is_left_ends_with_the_due_moment_also_when_that_left_the_night(unit):
    evening = dt.datetime(2026, 1, 5, 23, tzinfo=LOCAL_ZONE)
    clock = clocks.start_clock("core.call", unit, at=evening)
    assert clock.due_at == dt.datetime(2026, 1, 6, 9, tzinfo=LOCAL_ZONE)
    times = clocks.clock_times(clock, evening + 3 * HOUR)
    assert (times.elapsed, times.remaining) == (3 * HOUR, 7 * HOUR), "nobody is late before it is due"
    assert clocks.clock_times(clock, evening + 11 * HOUR).remaining == -HOUR


def test_a_breach_never_goes_away(unit):
    clock = clocks.start_clock("core.visit", unit, at=ago(30))
    clocks.pause_clock(clock, "season", at=ago(29))
    assert clock.is_breached, "a pause that is entered late does not undo what was missed"
    breached = clock.breached_at
    clocks.resume_clock(clock)
    assert (clock.breached_at, clock.due_at) == (breached, breached)
    clocks.stop_clock(clock)
    assert clock.breached_at == breached == clock.started_at + 24 * HOUR


def test_a_stop_in_time_that_is_entered_late_keeps_the_limit(unit):
    clock = clocks.start_clock("core.visit", unit, at=ago(23))
    clocks.stop_clock(clock, at=ago(1))
    assert not clock.is_breached
    clocks.stop_clock(clock)
    assert clock.next_at is None


def test_moments_keep_their_order(unit):
    clock = clocks.start_clock("core.visit", unit, at=ago(5))
    with pytest.raises(clocks.ClockRefused):
        clocks.pause_clock(clock, "season", at=utc_now() + HOUR)
    with pytest.raises(clocks.ClockRefused):
        clocks.pause_clock(clock, "season", at=ago(6))
    with pytest.raises(clocks.ClockRefused):
        clocks.pause_clock(clock, "holiday")
    clocks.pause_clock(clock, "season", at=ago(4))
    with pytest.raises(clocks.ClockRefused):
        clocks.pause_clock(clock, "season", at=ago(3))
    with pytest.raises(clocks.ClockRefused):
        clocks.resume_clock(clock, at=ago(4.5))
    with pytest.raises(clocks.ClockRefused):
        clocks.start_clock("core.answer", unit, at=utc_now() + HOUR)
    clocks.stop_clock(clock)
    with pytest.raises(clocks.ClockRefused):
        clocks.pause_clock(clock, "season")


def test_the_sweeper_climbs_the_ladder_once(unit, place):
    clock = clocks.start_clock("core.visit", unit, at=ago(0.5))
    db.session.commit()
    start, key = clock.started_at, clock.id
    assert sweep(start + 22 * HOUR) == 0
    assert sweep(start + 23.5 * HOUR) == 1
    assert [title.split(":")[0] for title in titles()] == ["Due soon"]
    assert sweep(start + 24 * HOUR) == 1
    assert sweep(start + 24 * HOUR) == 0
    assert sweep(start + 80 * HOUR) == 1
    assert sweep(start + 80 * HOUR) == 0
    assert titles() == ["Due soon: 3-1-1502", "Overdue for a day: 3-1-1502", "Overdue: 3-1-1502"]
    clock = db.session.get(Clock, key)
    assert clock.breached_at == clock.due_at
    assert clock.next_at is None
    with all_departments("looking at what a test made"):
        manager = db.session.scalars(sa.select(Todo).where(Todo.role == "HEAD")).one()
        assert (manager.due_at, manager.dedupe_key) == (clock.due_at, f"clock:{key}:manager")
        assert db.session.get(Department, manager.department_id).code == "SZ"
    clocks.stop_clock(clock)
    assert titles() == []


def test_the_sweeper_takes_steps_that_are_due_after_a_long_rest_of_its_own(unit):
    clocks.start_clock("core.visit", unit, at=ago(1))
    db.session.commit()
    assert sweep(utc_now() + 10 * DAY) == 3


def test_a_clock_that_stands_still_climbs_no_ladder_until_its_pause_has_lasted_too_long(unit):
    clock = clocks.start_clock("core.visit", unit, at=ago(2))
    clocks.pause_clock(clock, "season", at=ago(1))
    db.session.commit()
    assert clock.next_at == clock.paused_at + 30 * DAY
    assert sweep(utc_now() + 20 * DAY) == 0
    assert sweep(utc_now() + 30 * DAY + 21.5 * HOUR) == 1, "half an hour is left then; the reminder has come"
    clock = db.session.scalars(sa.select(Clock)).one()
    assert clock.paused_at is None
    assert clock.due_at == clock.started_at + 24 * HOUR + 30 * DAY
    kinds = [event.kind for event in clocks.events_of(clock)]
    assert kinds == ["started", "paused", "ran_out", "step"]


def test_a_rest_after_the_breach_holds_the_ladder(unit):
    clock = clocks.start_clock("core.visit", unit, at=ago(30))
    clocks.pause_clock(clock, "season", at=ago(5))
    clocks.resume_clock(clock, at=ago(1))
    last = clock.terms["ladder"][2]
    held = clocks.step_at(clock, last, utc_now()) - clock.due_at
    assert abs(held - 28 * HOUR) < dt.timedelta(seconds=5)


def test_a_failing_clock_does_not_hold_up_the_others(unit, place, app):
    clocks.start_clock("core.visit", unit, at=ago(1))
    with all_departments("a further house"):
        further = Unit(
            project_id=unit.project_id, building_id=unit.building_id, number="1503", code="3-1-1503"
        )
        db.session.add(further)
        db.session.flush()
        clocks.start_clock("core.visit", further, at=ago(1))
    db.session.commit()
    held = app.extensions["doorstep.clocks"]

    def announce(told):
        if told.record.code == "3-1-1502":
            raise RuntimeError("no way")
        held.announce(told)

    app.extensions["doorstep.clocks"] = clocks.Means(held.setting_of, announce, held.withdraw)
    assert sweep(utc_now() + 22.5 * HOUR) == 1
    app.extensions["doorstep.clocks"] = held
    assert sweep(utc_now() + 22.5 * HOUR) == 1
    with all_departments("looking at what a test made"):
        assert (
            db.session.scalar(sa.select(sa.func.count(ClockEvent.id)).where(ClockEvent.step == "remind")) == 2
        )


def test_working_clocks_and_days_follow_the_department(unit, place):
    friday = dt.date(2026, 9, 18)
    assert working_days_after(friday, 1) == dt.date(2026, 9, 20)
    clocks.set_calendar_days(
        place.scope.department_id, dt.date(2026, 9, 21), dt.date(2026, 9, 22), is_working=False, note="台风"
    )
    assert working_days_after(friday, 2) == dt.date(2026, 9, 23)
    assert offset_day(friday, "D+2wd") == dt.date(2026, 9, 23)
    assert offset_day(friday, "T−1m") == dt.date(2026, 8, 18)
    start = dt.datetime(2026, 9, 18, 17, 0, tzinfo=LOCAL_ZONE)
    clock = clocks.start_clock("core.answer", unit, at=start)
    assert clock.limit == dt.timedelta(hours=15)
    # 1 hour on Friday, 7.5 on the make-up Sunday, none on the two stormy days, 6.5 on Wednesday.
    assert clock.due_at.astimezone(LOCAL_ZONE) == dt.datetime(2026, 9, 23, 17, 0, tzinfo=LOCAL_ZONE)
    with pytest.raises(clocks.ClockRefused):
        clocks.set_calendar_days(
            place.scope.department_id, dt.date(2026, 9, 2), dt.date(2026, 9, 1), is_working=False, note=""
        )


@pytest.mark.parametrize("text", ["", "9-12", "12:00-09:00", "09:00-12:00 11:00-18:00", "25:00-26:00"])
def test_working_hours_that_cannot_be_read_are_those_of_the_default(text, app):
    assert clocks.parse_hours(text) == clocks.parse_hours(clocks.WORKING_HOURS)
