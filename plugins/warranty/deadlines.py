"""The clocks of orders: which the module declares, and how services start, rest and stop them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.toolkit import (
    ClockPolicy,
    ClockTime,
    EscalationStep,
    PauseReason,
    Project,
    RollRule,
    _l,
    clocks_of,
    hand_on_clock,
    pause_clock,
    resume_clock,
    running_clock,
    start_clock,
    stop_clock,
    stop_clocks_of,
    utc_now,
)
from plugins.warranty import sla
from plugins.warranty.common import option
from plugins.warranty.models import Order
from plugins.warranty.sla import Priority, Step

OWNER_AWAY, MATERIAL, SEASON, DESIGN = "owner_unavailable", "waiting_material", "season", "design_reply"

PAUSES = (
    PauseReason(
        OWNER_AWAY, _l("The owner is not available"), needs_notice=True, most_setting="pause_days_owner"
    ),
    PauseReason(MATERIAL, _l("Waits for material"), stops=False),
    PauseReason(SEASON, _l("Season or rain is needed"), needs_notice=True, most_setting="pause_days_season"),
    PauseReason(DESIGN, _l("Waits for the design department"), False),
)
"""Why work rests (domain reference 3.4.3): only what the owner or the season causes stops the clock, for so many days
for each reason as the settings say, and only once the owner was told."""

SITE_TEAM, DESIGN_REPLY = "warranty.site_team", "warranty.order_design_reply"

_LABELS: Mapping[Step, Any] = {
    Step.CONTACT: _l("First contact with the owner"),
    Step.ARRIVAL: _l("On site"),
    Step.TEMPORARY: _l("Temporary measure"),
    Step.PLAN: _l("Plan of the repair"),
    Step.COMPLETE: _l("Repair finished"),
    Step.PROGRESS: _l("Progress told to the owner"),
}
WRITTEN = "core.time_limit"
"""The message that those get who hear of a late repair, besides their to-do (domain reference 3.4.4)."""
_LADDER = (
    EscalationStep("engineer", _l("Repair overdue"), dt.timedelta(), to_owner=True, message=WRITTEN),
    EscalationStep(
        "manager", _l("Repair overdue: customer-service manager"),
        after_setting="escalate_manager_hours", unit="hours", role="PCM", message=WRITTEN,
    ),
    EscalationStep(
        "director", _l("Repair overdue: head of engineering"),
        after_setting="escalate_director_hours", unit="hours", role="ENG", level="city", message=WRITTEN,
    ),
    EscalationStep(
        "city", _l("Repair overdue: city general manager"),
        after_setting="escalate_city_hours", unit="hours", role="HEAD", level="city", message=WRITTEN,
    ),
    EscalationStep(
        "region", _l("Repair overdue: region, brand and customer service"),
        after_setting="escalate_region_hours", unit="hours", role="BCS", level="region", message=WRITTEN,
    ),
)  # fmt: skip
_REMINDER = EscalationStep("engineer", _l("Overdue"), dt.timedelta(), to_owner=True)


def _ladder_of(step: Step, is_emergency: bool) -> tuple[EscalationStep, ...]:
    """Who hears of a missed limit; for the progress somebody was asked before it was due (``services/progress.py``).

    A late repair is written to all who hear of it, a late step on the way only in emergencies: an engineer on the road
    does not look at his to-dos every quarter of an hour.
    """
    if step == Step.COMPLETE:
        return _LADDER
    if step == Step.PROGRESS:
        return ()
    return (replace(_REMINDER, message=WRITTEN) if is_emergency else _REMINDER,)


def _escalated(record: Any, clock: Any, step: EscalationStep) -> None:
    """Note that an overdue order went up a rung of the ladder."""
    del clock
    from plugins.warranty.services.orders import escalate

    escalate(record, f"overdue_{step.code}", step.label)


def policies() -> Sequence[ClockPolicy]:
    """Return the time limits that the module declares: each step for emergencies, which never wait for the morning, and
    for all others."""
    found = []
    for step, label in _LABELS.items():
        is_whole = step == Step.COMPLETE
        for suffix, roll in (("", sla.NIGHT), ("_p1", None)):
            found.append(
                ClockPolicy(
                    f"warranty.{step}{suffix}",
                    label,
                    "warranty.order",
                    roll=roll,
                    pauses=PAUSES,
                    ladder=_ladder_of(step, roll is None),
                    on_step=_escalated if is_whole else None,
                )
            )
    return (
        *found,
        ClockPolicy(
            SITE_TEAM,
            _l("Our own people at an emergency"),
            "warranty.order",
            ladder=(
                EscalationStep(
                    "team",
                    _l("Nobody of ours is at the emergency"),
                    role="PM",
                    to_owner=True,
                    message=WRITTEN,
                ),
            ),
        ),
        ClockPolicy(
            DESIGN_REPLY,
            _l("Reply of the design department"),
            "warranty.order",
            ladder=(EscalationStep("design", _l("Reply overdue"), role="DSN", level="city"),),
        ),
        ClockPolicy(
            "warranty.call_back",
            _l("Call the owner back"),
            "warranty.order",
            limit_setting="call_back_days",
            unit="days",
            time=ClockTime.WORKING,
            ladder=(EscalationStep("manager", _l("Call-back overdue"), dt.timedelta(), role="BCS"),),
        ),
        ClockPolicy(
            "warranty.notice_answer",
            _l("Answer of the contractor"),
            "warranty.notice",
            ladder=(EscalationStep("engineer", _l("Notice unanswered"), dt.timedelta(), role="ENG"),),
        ),
        ClockPolicy(
            "warranty.design_reply",
            _l("Reply of the design department"),
            "warranty.case",
            limit_setting="design_reply_days",
            unit="days",
            ladder=(EscalationStep("design", _l("Reply overdue"), dt.timedelta(), role="DSN", level="city"),),
        ),
    )


def night_of(project: Project) -> RollRule:
    """Return when the night is, for limits that no clock of the core counts, as the company of a project has it."""

    def time(key: str) -> dt.time:
        return dt.time.fromisoformat(option(key, project))

    return RollRule(
        time(sla.NIGHT.after_setting),
        time(sla.NIGHT.before_setting),
        time(sla.NIGHT.to_setting),
        dt.timedelta(minutes=int(option(sla.NIGHT.from_limit_setting, project))),
    )


def code_of(step: Step, priority: str) -> str:
    """Return the code of the policy of a step."""
    return f"warranty.{step}_p1" if priority == Priority.P1 else f"warranty.{step}"


def limit_minutes(order: Order, step: Step, *, by_own_people: bool = False) -> int:
    """Return the limit of a step for an order, 0 for none."""
    from plugins.warranty.catalogue import faults

    priority = Priority(order.priority)
    if step == Step.COMPLETE and priority == Priority.P2 and faults()[order.fault_code].is_leak:
        return int(option("minutes_complete_leak", order.project))
    if step == Step.ARRIVAL and priority == Priority.P1 and by_own_people:
        return int(option("minutes_arrival_site_team", order.project))
    minutes = int(option(sla.setting_key(step, priority), order.project))
    if step == Step.PROGRESS and is_long(order):
        weekly = int(option("minutes_progress_long", order.project))
        return min(minutes, weekly) if minutes and weekly else minutes or weekly
    return minutes


def is_long(order: Order, now: dt.datetime | None = None) -> bool:
    """Return whether an order takes so long that its owner is told of the progress every week.

    Source: domain reference 5.7.4: more than 15 days; setting ``long_repair_days``.
    """
    days = int(option("long_repair_days", order.project))
    return (now or utc_now()) - order.reported_at > dt.timedelta(days=days)


_COLUMNS = {
    Step.CONTACT: "contact_due_at",
    Step.ARRIVAL: "arrival_due_at",
    Step.TEMPORARY: "temporary_due_at",
    Step.PROGRESS: "progress_due_at",
    Step.PLAN: "plan_due_at",
    Step.COMPLETE: "due_at",
}


def start(order: Order, step: Step, at: dt.datetime, *, minutes: int | None = None) -> None:
    """Start the clock of a step; a limit of 0 needs none."""
    length = limit_minutes(order, step) if minutes is None else minutes
    if not length:
        return
    clock = start_clock(
        code_of(step, order.priority),
        order,
        at=at,
        limit=dt.timedelta(minutes=length),
        owner_id=order.engineer_id,
    )
    if step in _COLUMNS:
        setattr(order, _COLUMNS[step], clock.due_at)


def stop(order: Order, step: Step, at: dt.datetime | None = None, note: str = "") -> None:
    """Stop the clock of a step, whatever the priority was when it started."""
    for code in (f"warranty.{step}", f"warranty.{step}_p1"):
        clock = running_clock(code, order)
        if clock is not None:
            stop_clock(clock, at, note)
            if step == Step.PROGRESS:
                order.progress_due_at = None
            elif step in _COLUMNS:
                setattr(order, _COLUMNS[step], clock.due_at)


def hand_on(order: Order) -> None:
    """Tell the engineer of an order of its limits from now on: most began before anybody looked after it."""
    own = {SITE_TEAM, *(code_of(step, priority) for step in _LABELS for priority in Priority)}
    for clock in clocks_of(order):
        if clock.is_running and clock.policy in own:
            hand_on_clock(clock, order.engineer_id)


def start_site_team(order: Order, at: dt.datetime) -> None:
    """Start the limit of our own people for an emergency; a limit of 0 needs no clock."""
    minutes = limit_minutes(order, Step.ARRIVAL, by_own_people=True)
    if order.priority == Priority.P1 and order.arrived_at is None and minutes:
        start_clock(SITE_TEAM, order, at=at, limit=dt.timedelta(minutes=minutes), owner_id=order.engineer_id)


def start_design_reply(order: Order) -> None:
    """Start the limit of the design department for its reply about one order."""
    days = int(option("design_reply_days", order.project))
    if days:
        start_clock(DESIGN_REPLY, order, limit=dt.timedelta(days=days))


def rest(order: Order, reason: str, note: str, told_at: dt.datetime | None) -> None:
    """Let the clocks of an order rest; the policy says whether they stand still."""
    for clock in clocks_of(order):
        if clock.is_running and clock.paused_at is None:
            pause_clock(clock, reason, note=note, notice_at=told_at)
    refresh(order)


def stands_still(order: Order, step: Step) -> bool:
    """Return whether the clock of a step rests for a reason that stops it, so that nothing is due meanwhile."""
    clock = running_clock(code_of(step, order.priority), order)
    if clock is None or clock.paused_at is None:
        return False
    reason = clock.pauses[-1].reason
    return any(each.code == reason and each.stops for each in PAUSES)


def go_on(order: Order) -> None:
    """Let the clocks of an order run again; their due moments moved by the time that counted."""
    for clock in clocks_of(order):
        if clock.is_running and clock.paused_at is not None:
            resume_clock(clock)
    refresh(order)


def refresh(order: Order) -> None:
    """Copy the due moments of the running clocks to the order, for lists and figures."""
    for step, column in _COLUMNS.items():
        clock = running_clock(code_of(step, order.priority), order)
        if clock is not None:
            setattr(order, column, clock.due_at)


def restart(order: Order, old_priority: str) -> None:
    """Give the clocks that run the limits of a new priority, from the moment at which they started."""
    if order.priority != Priority.P1:
        stop_clocks_of(order, SITE_TEAM, note="priority")
    elif old_priority != Priority.P1:
        start_site_team(order, utc_now())
    for step in _LABELS:
        clock = running_clock(code_of(step, old_priority), order)
        if clock is not None:
            began = clock.started_at
            stop_clock(clock, note="priority")
            start(order, step, began)
