"""Starting, pausing, resuming and stopping clocks (domain reference 3.4.4, 3.7.4 and F).

A breach is a fact: once the limit was missed, no pause, no later date and no change of a policy takes it back. A clock
copies from its policy what it counts with when it starts (:func:`start_clock`).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app
from flask_babel import gettext as _

from core.database.base import metadata
from core.database.owners import owner_of
from core.database.scope import all_departments, require_scope
from core.database.types import LOCAL_ZONE, utc_now
from core.extensions import db
from core.machinery.clocks import timing, working_days
from core.machinery.clocks.models import CalendarDay, Clock, ClockEvent, ClockPause
from core.plugin_system.declarations import (
    ClockPolicy,
    ClockTime,
    EscalationStep,
    PauseReason,
    RecordKind,
    RollRule,
)
from core.plugin_system.dispatch import isolated
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime

_EXTENSION = "doorstep.clocks"
_UNITS = {"minutes": 60, "hours": 3_600}
_DAY = 86_400
LONGEST_NOTE = 500
_LONGEST_STRETCH = 60
WORKING_HOURS = "09:00-12:00 13:30-18:00"
"""Hours of a working day when nobody changed them."""


class ClockRefused(ValueError):
    """A clock may not do that; the message is a full sentence for the user."""


@dataclass(frozen=True)
class Announcement:
    """What the ladder asks to be told.

    Attributes:
        clock: The clock.
        record: The record that it runs on.
        kind: The kind of the record.
        step: The step of the ladder.
        policy: The policy, for its words.
        department_id: The department that hears of it.
    """

    clock: Clock
    record: Any
    kind: RecordKind
    step: EscalationStep
    policy: ClockPolicy
    department_id: int | None


@dataclass(frozen=True)
class Means:
    """What clocks take from other parts.

    Attributes:
        setting_of: Returns the value of a setting: component, key, department.
        announce: Tells somebody of a step, once for each clock and step.
        withdraw: Takes back what was announced for a clock, because it stopped.
    """

    setting_of: Callable[[str, str, int | None], Any]
    announce: Callable[[Announcement], None]
    withdraw: Callable[[Clock], None]


def set_up_clocks(app: Flask, means: Means) -> None:
    """Tell the application what clocks take from other parts."""
    app.extensions[_EXTENSION] = means


def means() -> Means:
    """Return what clocks take from other parts."""
    found: Means = current_app.extensions[_EXTENSION]
    return found


@dataclass(frozen=True)
class ClockTimes:
    """How a clock stands at a moment.

    Attributes:
        elapsed: How long it has run, in the time that it counts.
        paused: How long it has stood still, in the same time; both together are the time since its start.
        remaining: What is left until it is due; negative when it was exceeded. That is what is left of the limit, and
            the rest of the night where the due moment was moved to the morning.
    """

    elapsed: dt.timedelta
    paused: dt.timedelta
    remaining: dt.timedelta


# ------------------------------------------------------------------ reading


def policy_of(code: str) -> ClockPolicy:
    """Return a policy by its code.

    Raises:
        LookupError: No healthy component declares it.
    """
    policy = current_runtime().declared.clock_policy(code)
    if policy is None:
        raise LookupError(f"There is no clock policy {code!r}.")
    return policy


def clocks_of(record: Any, policy: str | None = None) -> Sequence[Clock]:
    """Return the clocks of a record, those that run first and the newest first among them.

    Args:
        record: A loaded record of a declared kind.
        policy: Code of a policy; all when omitted.
    """
    query = (
        sa.select(Clock)
        .where(Clock.record_kind == _kind_of(record).code, Clock.record_id == record.id)
        .order_by(Clock.stopped_at.is_not(None), Clock.id.desc())
    )
    if policy is not None:
        query = query.where(Clock.policy == policy)
    return db.session.scalars(query).all()


def running_clock(policy: str, record: Any) -> Clock | None:
    """Return the clock of a policy that runs on a record, or None."""
    return next((clock for clock in clocks_of(record, policy) if clock.is_running), None)


def events_of(clock: Clock) -> Sequence[ClockEvent]:
    """Return what happened to a clock, in order."""
    query = (
        sa.select(ClockEvent).where(ClockEvent.clock_id == clock.id).order_by(ClockEvent.at, ClockEvent.id)
    )
    return db.session.scalars(query).all()


def clock_times(clock: Clock, at: dt.datetime | None = None) -> ClockTimes:
    """Return how long a clock has run and stood still.

    Args:
        clock: The clock.
        at: The moment; now when omitted, and never later than its stop.
    """
    moment = min(at or utc_now(), clock.stopped_at or dt.datetime.max.replace(tzinfo=dt.UTC))
    time, spans = time_of(clock), timing.still(rests_of(clock), moment)
    ran = timing.elapsed(time, clock.started_at, moment, spans)
    used_up = timing.due(time, clock.started_at, clock.limit, spans)
    night = time.between(used_up, timing.rolled(used_up, clock.limit, _roll_of(clock)))
    return ClockTimes(ran, timing.stood(time, moment, spans), clock.limit - ran + night)


def stands_still(clock: Clock, at: dt.datetime | None = None) -> bool:
    """Return whether a clock stands still: work rests for a reason that stops it, and not for too long already."""
    if clock.paused_at is None or not clock.is_running:
        return False
    rests, moment = rests_of(clock), at or utc_now()
    begins, ends = rests[-1].stops_from, timing.runs_out_at(rests)
    return begins is not None and begins <= moment and (ends is None or moment < ends)


# ------------------------------------------------------------------ what plugins do


def start_clock(
    policy: str,
    record: Any,
    *,
    at: dt.datetime | None = None,
    limit: dt.timedelta | None = None,
    owner_id: int | None = None,
    department_id: int | None = None,
) -> Clock:
    """Start the clock of a policy on a record, in the caller's transaction; one that runs already is returned as is.

    The clock copies the limit, the counted time, the night rule, the reasons to pause and the ladder. What a policy or
    a setting says later counts for later clocks.

    Args:
        policy: Code of the policy.
        record: A loaded record of the policy's kind.
        at: When it started; now when omitted, and never in the future.
        limit: The limit; that of the policy when omitted.
        owner_id: Who has to act, a user, where that is known.
        department_id: Which department has to act; the record's when omitted.

    Raises:
        ClockRefused: The start lies in the future, or there is no limit.
        LookupError: There is no such policy.
    """
    declared = policy_of(policy)
    kind = _kind_of(record)
    if kind.code != declared.record_kind:
        raise LookupError(f"The clock policy {policy!r} is for {declared.record_kind}, not for {kind.code}.")
    held = running_clock(policy, record)
    if held is not None:
        return held
    started = at or utc_now()
    _refuse_future(started)
    owner = owner_of(record)
    department_id = department_id or owner.department_id or _department_of_project(owner.project_id)
    department_id = department_id or require_scope().department_id
    wanted = limit if limit is not None else limit_of(declared, department_id)
    if wanted is None or wanted <= timing.NOTHING:
        raise ClockRefused(
            _("“%(clock)s” has no time limit. Set one in the settings of the module.", clock=declared.label)
        )
    clock = Clock(
        policy=policy,
        record_kind=kind.code,
        record_id=record.id,
        project_id=owner.project_id,
        customer_id=owner.customer_id,
        department_id=department_id,
        owner_id=owner_id,
        started_at=started,
        # Whole seconds, never fewer than were given.
        limit_seconds=math.ceil(wanted.total_seconds()),
        terms=_terms(declared, department_id),
    )
    clock.due_at = _due(clock, (), started)
    db.session.add(clock)
    db.session.flush()
    _note(clock, "started", started)
    # Whether the limit was missed meanwhile is found by the sweeper: a stop that is entered with it may lie in time.
    clock.next_at = _next_look(clock, started)
    db.session.flush()
    return clock


def limit_of(policy: ClockPolicy, department_id: int | None = None) -> dt.timedelta | None:
    """Return the limit that a clock of a policy would get now, or None when it is given to each clock."""
    if policy.limit_setting:
        return _length(policy, policy.limit_setting, policy.unit, department_id)
    return policy.limit


def pause_clock(
    clock: Clock,
    reason: str,
    *,
    at: dt.datetime | None = None,
    note: str = "",
    notice_at: dt.datetime | None = None,
) -> ClockPause:
    """Let the work on a record rest. The clock stands still if its policy says so for the reason.

    Args:
        clock: A clock that runs and does not rest.
        reason: Code of a reason of its policy.
        at: Since when; now when omitted.
        note: What it waits for, in words.
        notice_at: When the customer was told; a reason that needs the notice stops the clock only from then on.

    Raises:
        ClockRefused: It stopped or rests already, the reason is none of the policy's, or the moment lies in the future
            or before what happened last. A breach that has happened by now stays.
    """
    now = utc_now()
    _lock(clock)
    _require_running(clock)
    if clock.paused_at is not None:
        raise ClockRefused(
            _(
                "“%(clock)s” rests already. End that pause first, then enter the next one.",
                clock=label_of(clock),
            )
        )
    if reason not in clock.terms["pauses"]:
        raise ClockRefused(
            _("“%(clock)s” cannot rest for this reason. Choose one from the list.", clock=label_of(clock))
        )
    moment = at or now
    _check_moment(clock, moment)
    # A pause that is entered late does not undo what the clock has missed by now.
    _settle(clock, now)
    pause = ClockPause(
        clock_id=clock.id,
        project_id=clock.project_id,
        customer_id=clock.customer_id,
        department_id=clock.department_id,
        reason=reason,
        note=" ".join(note.split())[:LONGEST_NOTE],
        started_at=moment,
        notice_at=notice_at,
        user_id=require_scope().user_id,
    )
    db.session.add(pause)
    clock.paused_at = moment
    _note(clock, "paused", moment, note=reason)
    db.session.flush()
    db.session.expire(clock, ["pauses"])
    _settle(clock, now)
    return pause


def note_notice(clock: Clock, at: dt.datetime | None = None) -> None:
    """Note that the customer was told that the work rests; from now on the pause stops the clock.

    Args:
        clock: A clock that rests.
        at: When the customer was told; now when omitted.

    Raises:
        ClockRefused: The clock does not rest, or the moment lies in the future.
    """
    now = utc_now()
    _lock(clock)
    pause = _open_pause(clock)
    if pause is None:
        raise ClockRefused(
            _("“%(clock)s” does not rest, so there is nothing to tell.", clock=label_of(clock))
        )
    moment = at or now
    _refuse_future(moment)
    _settle(clock, now)
    if pause.notice_at is None:
        pause.notice_at = moment
        _note(clock, "told", max(moment, pause.started_at))
        db.session.flush()
    _settle(clock, now)


def resume_clock(clock: Clock, at: dt.datetime | None = None) -> None:
    """Go on with the work; the due moment moves by the time that the clock stood still. Nothing happens to a clock
    that does not rest.

    Args:
        clock: A clock that runs.
        at: When; now when omitted.

    Raises:
        ClockRefused: It stopped, or the moment lies in the future or before what happened last.
    """
    now = utc_now()
    _lock(clock)
    _require_running(clock)
    _settle(clock, at or now)
    if clock.paused_at is not None:
        moment = at or now
        _check_moment(clock, moment)
        _end_pause(clock, moment, "resumed")
    _settle(clock, now)


def stop_clock(clock: Clock, at: dt.datetime | None = None, note: str = "") -> None:
    """Stop a clock: what it was about is done, or is not needed any more. Nothing happens to one that stopped.

    What the ladder asked for is taken back. Whether the limit was kept is decided by the moment of the stop; a breach
    that was found before stays all the same.

    Args:
        clock: The clock.
        at: When; now when omitted.
        note: How it ended, in words.

    Raises:
        ClockRefused: The moment lies in the future or before what happened last.
    """
    moment = at or utc_now()
    _lock(clock)
    if clock.stopped_at is not None:
        return
    _check_moment(clock, moment)
    _settle(clock, moment)
    if clock.paused_at is not None:
        _end_pause(clock, moment, "resumed")
        _settle(clock, moment)
    clock.stopped_at = moment
    clock.next_at = None
    _note(clock, "stopped", moment, note=note)
    db.session.flush()
    means().withdraw(clock)


def hand_on_clock(clock: Clock, owner_id: int | None) -> None:
    """Name who has to act from now on; steps of the ladder that come are told to him. A clock that stopped stays.

    Args:
        clock: A clock.
        owner_id: A user, or None for nobody in particular.
    """
    _lock(clock)
    if clock.is_running and clock.owner_id != owner_id:
        clock.owner_id = owner_id
        db.session.flush()


def stop_clocks_of(
    record: Any, policy: str | None = None, at: dt.datetime | None = None, note: str = ""
) -> None:
    """Stop the clocks that run on a record; see :func:`stop_clock`.

    Args:
        record: A loaded record of a declared kind.
        policy: Code of a policy; all when omitted.
        at: When; now when omitted.
        note: How it ended, in words.
    """
    for clock in clocks_of(record, policy):
        if clock.is_running:
            stop_clock(clock, at, note)


def label_of(clock: Clock) -> str:
    """Return what staff call a clock: the name of its policy, its code where the module is gone."""
    policy = current_runtime().declared.clock_policy(clock.policy)
    return str(policy.label) if policy is not None else clock.policy


def is_provisional(clock: Clock) -> bool:
    """Return whether the due moment rests on holidays that were not published yet; then it is told beside it."""
    if clock.terms["time"] != ClockTime.WORKING or not clock.is_running:
        return False
    local = clock.due_at.astimezone(LOCAL_ZONE).date()
    return not working_days.is_known(local, clock.department_id)


# ------------------------------------------------------------------ the whole installation

LATE_LOOK = dt.timedelta(minutes=15)
"""So long after its moment a clock may wait to be looked at; the task looks every few minutes."""
_PUBLISHED_BY_MONTH = 12
"""The holidays of the next year are published in November; from this month on they are missed."""


@dataclass(frozen=True)
class Troubles:
    """What hinders the clocks of the installation.

    Attributes:
        unknown_years: Years that clocks reach, or that begin soon, whose public holidays nobody has entered.
        waiting: Clocks that should have been looked at a while ago: no worker does it.
    """

    unknown_years: tuple[int, ...] = ()
    waiting: int = 0


def troubles(now: dt.datetime | None = None) -> Troubles:
    """Return what hinders the clocks of the whole installation, for those who look after it.

    Args:
        now: The present moment; for tests.
    """
    moment = now or utc_now()
    today = moment.astimezone(LOCAL_ZONE).date()
    with all_departments("how the clocks of the installation are doing"):
        running = Clock.stopped_at.is_(None)
        waiting = db.session.scalar(
            sa.select(sa.func.count(Clock.id)).where(running, Clock.next_at < moment - LATE_LOOK)
        )
        last = db.session.scalar(sa.select(sa.func.max(Clock.due_at)).where(running))
    years = {today.year, *([today.year + 1] if today.month >= _PUBLISHED_BY_MONTH else [])}
    if last is not None:
        years |= set(range(today.year, min(last.astimezone(LOCAL_ZONE).year, today.year + 1) + 1))
    unknown = sorted(year for year in years if not working_days.is_known(dt.date(year, 7, 1)))
    return Troubles(tuple(unknown), waiting or 0)


# ------------------------------------------------------------------ days of departments


def set_calendar_days(
    department_id: int, first: dt.date, last: dt.date, *, is_working: bool, note: str
) -> list[CalendarDay]:
    """Enter days as free or worked for a department and those below it; a day that was entered before is changed.

    Clocks that run keep their due moments.

    Args:
        department_id: The department.
        first: The first day.
        last: The last day, at most 60 days later.
        is_working: Whether they are worked.
        note: What day it is, for example 春节.

    Raises:
        ClockRefused: The last day comes before the first, or the stretch is too long.
    """
    if last < first:
        raise ClockRefused(_("The last day comes before the first. Change one of them."))
    if (last - first).days > _LONGEST_STRETCH:
        raise ClockRefused(
            _("Enter at most %(days)s days at once, one holiday after the other.", days=_LONGEST_STRETCH)
        )
    held = {
        row.day: row
        for row in db.session.scalars(
            sa.select(CalendarDay).where(
                CalendarDay.department_id == department_id, CalendarDay.day.between(first, last)
            )
        )
    }
    made = []
    for offset in range((last - first).days + 1):
        day = first + dt.timedelta(days=offset)
        row = held.get(day)
        if row is None:
            row = CalendarDay(department_id=department_id, day=day)
            db.session.add(row)
        row.is_working, row.note = is_working, " ".join(note.split())[:120]
        made.append(row)
    db.session.flush()
    working_days.forget_day_tables()
    return made


def remove_calendar_day(day: CalendarDay) -> None:
    """Let a day be again what the calendar says."""
    db.session.delete(day)
    db.session.flush()
    working_days.forget_day_tables()


# ------------------------------------------------------------------ settling


def rests_of(clock: Clock) -> list[timing.Rest]:
    """Return the rests of a clock with what its policy said of their reasons when it started."""
    rests = []
    for pause in clock.pauses:
        rule: Mapping[str, Any] = clock.terms["pauses"].get(pause.reason, {})
        most = rule.get("most")
        rests.append(
            timing.Rest(
                pause.reason,
                pause.started_at,
                pause.ended_at,
                rule.get("stops", True),
                rule.get("needs_notice", False),
                pause.notice_at,
                None if most is None else dt.timedelta(seconds=most),
            )
        )
    return rests


def time_of(clock: Clock) -> timing.CountedTime:
    """Return which time a clock counts."""
    if clock.terms["time"] != ClockTime.WORKING:
        return timing.AllTime()
    hours = tuple((int(start), int(end)) for start, end in clock.terms["hours"])
    return timing.WorkingTime(hours, working_days.day_table(clock.department_id).is_working)


def step_at(clock: Clock, step: Mapping[str, Any], now: dt.datetime) -> dt.datetime:
    """Return when a step of the ladder is to be taken: so long after the due moment, rests since then left out."""
    after = dt.timedelta(seconds=step["after"])
    if after <= timing.NOTHING:
        return clock.due_at + after
    spans = [
        timing.Span(max(span.start, clock.due_at), span.end)
        for span in timing.still(rests_of(clock), now)
        if span.end > clock.due_at
    ]
    return timing.due(timing.AllTime(), clock.due_at, after, spans)


def _settle(clock: Clock, now: dt.datetime) -> None:
    """Bring a clock to a moment: end a pause that lasted too long, find a breach, say when to look next."""
    rests = rests_of(clock)
    runs_out = timing.runs_out_at(rests)
    if runs_out is not None and runs_out <= now:
        _end_pause(clock, max(runs_out, rests[-1].started_at), "ran_out")
    if clock.breached_at is None:
        # A pause that lasts may still be ended with an earlier moment: only those that are over count.
        over = [rest for rest in rests_of(clock) if rest.ended_at is not None]
        clock.due_at = max(clock.due_at, _due(clock, over, now))
        if not stands_still(clock, now) and now > clock.due_at:
            clock.breached_at = clock.due_at
            _note(clock, "breached", clock.due_at)
    clock.next_at = _next_look(clock, now)
    db.session.flush()


def _next_look(clock: Clock, now: dt.datetime) -> dt.datetime | None:
    if clock.stopped_at is not None:
        return None
    if stands_still(clock, now):
        return timing.runs_out_at(rests_of(clock))
    taken = set(db.session.scalars(sa.select(ClockEvent.step).where(ClockEvent.clock_id == clock.id)))
    moments = [
        moment
        for step in clock.terms["ladder"]
        if step["code"] not in taken and (moment := step_at(clock, step, now)) >= clock.started_at
    ]
    if clock.breached_at is None:
        moments.append(clock.due_at)
    runs_out = timing.runs_out_at(rests_of(clock))
    if runs_out is not None:
        moments.append(runs_out)
    return min(moments, default=None)


def take_due_steps(clock: Clock, now: dt.datetime) -> int:
    """Find a breach and take the steps of the ladder that are due; each is taken once. Returns how many were taken.

    Args:
        clock: A clock whose row is locked.
        now: The present moment.
    """
    if not is_on(clock.policy.split(".", 1)[0], clock.department_id):
        return 0
    _settle(clock, now)
    if clock.stopped_at is not None or stands_still(clock, now):
        return 0
    taken = set(db.session.scalars(sa.select(ClockEvent.step).where(ClockEvent.clock_id == clock.id)))
    due = sorted(
        (moment, step["code"])
        for step in clock.terms["ladder"]
        if step["code"] not in taken and clock.started_at <= (moment := step_at(clock, step, now)) <= now
    )
    steps = {step["code"]: step for step in clock.terms["ladder"]}
    for moment, code in due:
        _note(clock, "step", moment, step=code)
        _announce(clock, steps[code])
    clock.next_at = _next_look(clock, now)
    db.session.flush()
    return len(due)


def _announce(clock: Clock, held: Mapping[str, Any]) -> None:
    declared = current_runtime().declared
    policy, kind = declared.clock_policy(clock.policy), declared.record_kind(clock.record_kind)
    if policy is None or kind is None:
        return
    record = db.session.get(kind.model, clock.record_id)
    if record is None:
        return
    named = {step.code: step for step in policy.ladder}
    step = named.get(held["code"]) or EscalationStep(held["code"], policy.label)
    # Who is told was settled when the clock started; the words are those of today.
    step = replace(
        step,
        after=dt.timedelta(seconds=held["after"]),
        role=held["role"],
        level=held["level"],
        to_owner=held["to_owner"],
    )
    department_id = _department_at(clock.department_id, step.level)
    means().announce(Announcement(clock, record, kind, step, policy, department_id))
    if policy.on_step is not None:
        isolated(declared.component_of(policy), f"step of {policy.code}", policy.on_step, record, clock, step)


def _due(clock: Clock, rests: Sequence[timing.Rest], until: dt.datetime) -> dt.datetime:
    moment = timing.due(time_of(clock), clock.started_at, clock.limit, timing.still(rests, until))
    return timing.rolled(moment, clock.limit, _roll_of(clock))


def _roll_of(clock: Clock) -> RollRule | None:
    """Return how the due moment of a clock moves out of the night, as it was settled at its start."""
    roll = clock.terms["roll"]
    if roll is None:
        return None
    return RollRule(
        dt.time.fromisoformat(roll["after"]),
        dt.time.fromisoformat(roll["before"]),
        dt.time.fromisoformat(roll["to"]),
        dt.timedelta(seconds=roll["from_limit"]),
    )


def _terms(policy: ClockPolicy, department_id: int | None) -> dict[str, Any]:
    roll = roll_of(policy, department_id)
    return {
        "time": str(policy.time),
        "hours": working_hours(department_id) if policy.time == ClockTime.WORKING else [],
        "roll": None
        if roll is None
        else {
            "after": roll.after.isoformat(),
            "before": roll.before.isoformat(),
            "to": roll.to.isoformat(),
            "from_limit": int(roll.from_limit.total_seconds()),
        },
        "pauses": {
            reason.code: {
                "stops": reason.stops,
                "most": _longest_rest(policy, reason, department_id),
                "needs_notice": reason.needs_notice,
            }
            for reason in policy.pauses
        },
        "ladder": [
            {
                "code": step.code,
                "after": int(_step_length(policy, step, department_id).total_seconds()),
                "role": step.role,
                "level": step.level,
                "to_owner": step.to_owner,
            }
            for step in policy.ladder
        ],
    }


def roll_of(policy: ClockPolicy, department_id: int | None = None) -> RollRule | None:
    """Return the night rule of a policy as the settings of a department have it now, or None without one."""
    rule = policy.roll
    if rule is None or not rule.setting_keys:
        return rule
    component = current_runtime().declared.component_of(policy)

    def held(key: str) -> Any:
        return means().setting_of(component, key, department_id)

    def time(key: str, default: dt.time) -> dt.time:
        return dt.time.fromisoformat(held(key)) if key else default

    shortest = rule.from_limit_setting
    return RollRule(
        time(rule.after_setting, rule.after),
        time(rule.before_setting, rule.before),
        time(rule.to_setting, rule.to),
        dt.timedelta(minutes=int(held(shortest))) if shortest else rule.from_limit,
    )


def _longest_rest(policy: ClockPolicy, reason: PauseReason, department_id: int | None) -> int | None:
    """Return for how many seconds all rests for a reason may stop a clock, or None without a limit."""
    if reason.most_setting:
        component = current_runtime().declared.component_of(policy)
        return int(means().setting_of(component, reason.most_setting, department_id)) * _DAY
    return None if reason.most is None else int(reason.most.total_seconds())


def _step_length(policy: ClockPolicy, step: EscalationStep, department_id: int | None) -> dt.timedelta:
    if not step.after_setting:
        return step.after
    component = current_runtime().declared.component_of(policy)
    number = means().setting_of(component, step.after_setting, department_id)
    # The ladder climbs in calendar time, whatever the clock counts (domain reference 3.4.4).
    return dt.timedelta(seconds=float(number) * _UNITS.get(step.unit, _DAY))


def _length(policy: ClockPolicy, key: str, unit: str, department_id: int | None) -> dt.timedelta:
    component = current_runtime().declared.component_of(policy)
    number = float(means().setting_of(component, key, department_id))
    if unit == "days" and policy.time == ClockTime.WORKING:
        hours = working_hours(department_id)
        return number * dt.timedelta(seconds=sum(end - start for start, end in hours))
    return dt.timedelta(seconds=number * _UNITS.get(unit, _DAY))


def working_hours(department_id: int | None = None) -> list[list[int]]:
    """Return the working hours of a department in seconds since midnight, from the setting ``working_hours``."""
    return parse_hours(means().setting_of("core", "working_hours", department_id))


def parse_hours(text: str) -> list[list[int]]:
    """Return stretches of a day in seconds since midnight; the default where a text cannot be read.

    Args:
        text: For example ``09:00-12:00 13:30-18:00``.
    """
    stretches = []
    try:
        for part in text.replace(",", " ").replace("–", "-").split():
            start, end = (dt.time.fromisoformat(side) for side in part.split("-"))
            stretches.append([start.hour * 3600 + start.minute * 60, end.hour * 3600 + end.minute * 60])
    except ValueError:
        stretches = []
    flat = [edge for stretch in stretches for edge in stretch]
    if not stretches or flat != sorted(flat) or len(set(flat)) != len(flat):
        return parse_hours(WORKING_HOURS)
    return stretches


def _end_pause(clock: Clock, at: dt.datetime, kind: str) -> None:
    pause = _open_pause(clock)
    if pause is not None:
        pause.ended_at = at
    clock.paused_at = None
    _note(clock, kind, at)
    db.session.flush()
    db.session.expire(clock, ["pauses"])


def _open_pause(clock: Clock) -> ClockPause | None:
    return next((pause for pause in clock.pauses if pause.ended_at is None), None)


def _note(clock: Clock, kind: str, at: dt.datetime, *, step: str | None = None, note: str = "") -> None:
    db.session.add(
        ClockEvent(
            clock_id=clock.id,
            project_id=clock.project_id,
            customer_id=clock.customer_id,
            department_id=clock.department_id,
            kind=kind,
            step=step,
            at=at,
            note=" ".join(note.split())[:LONGEST_NOTE],
            user_id=require_scope().user_id,
        )
    )
    db.session.flush()


def _lock(clock: Clock) -> None:
    db.session.flush()
    db.session.refresh(clock, with_for_update=True)
    db.session.expire(clock, ["pauses"])


def _require_running(clock: Clock) -> None:
    if clock.stopped_at is not None:
        raise ClockRefused(
            _("“%(clock)s” has stopped already. Reload the page to see what happened.", clock=label_of(clock))
        )


def _refuse_future(moment: dt.datetime) -> None:
    if moment > utc_now():
        raise ClockRefused(_("This moment lies in the future. Enter one that has passed."))


def _check_moment(clock: Clock, moment: dt.datetime) -> None:
    _refuse_future(moment)
    last = db.session.scalar(
        sa.select(sa.func.max(ClockEvent.at)).where(
            ClockEvent.clock_id == clock.id,
            ClockEvent.kind.in_(("started", "paused", "told", "resumed", "ran_out")),
        )
    )
    if last is not None and moment < last:
        raise ClockRefused(
            _(
                "This moment lies before what happened to “%(clock)s” last. Enter a later one.",
                clock=label_of(clock),
            )
        )


def _kind_of(record: Any) -> RecordKind:
    kind = current_runtime().declared.record_kind_of(record)
    if kind is None:
        raise LookupError(f"{type(record).__name__} is not a declared record kind, so it has no clocks.")
    return kind


def _department_of_project(project_id: int | None) -> int | None:
    if project_id is None:
        return None
    # By table: projects stand above the machinery. The record itself was seen already.
    project = metadata.tables["project"].c
    with all_departments("finding the department of a record's project"):
        found: int | None = db.session.scalar(
            sa.select(project.department_id).where(project.id == project_id)
        )
    return found


def _department_at(department_id: int | None, level: str) -> int | None:
    """Return the department of a kind at or above another one; that one itself where there is none."""
    if department_id is None or not level:
        return department_id
    department = metadata.tables["department"].c
    path = db.session.scalar(sa.select(department.path).where(department.id == department_id)) or ""
    ids = [int(part) for part in path.split("/") if part]
    found: int | None = db.session.scalar(
        sa.select(department.id).where(department.id.in_(ids), department.kind == level)
    )
    return found if found is not None else department_id


def move_to_customer(kept_id: int, merged_id: int) -> None:
    """Move the clocks of a merged customer to the one that is kept; of two for the same, the merged one's stops."""
    kinds = {
        kind.code
        for kind in current_runtime().declared.record_kinds()
        if kind.model.__tablename__ == "customer"
    }
    for clock in db.session.scalars(sa.select(Clock).where(Clock.customer_id == merged_id)).all():
        if clock.record_kind in kinds and clock.record_id == merged_id:
            twin = db.session.scalar(
                sa.select(Clock.id).where(
                    Clock.policy == clock.policy,
                    Clock.record_kind == clock.record_kind,
                    Clock.record_id == kept_id,
                    Clock.stopped_at.is_(None),
                )
            )
            if twin is not None and clock.is_running:
                stop_clock(clock)
            clock.record_id = kept_id
        clock.customer_id = kept_id
    models: tuple[Any, ...] = (ClockPause, ClockEvent)
    for model in models:
        for row in db.session.scalars(sa.select(model).where(model.customer_id == merged_id)):
            row.customer_id = kept_id
    db.session.flush()
