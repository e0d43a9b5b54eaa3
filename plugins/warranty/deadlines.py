"""The clocks of orders: which the module declares, and how services start, rest and stop them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from core.toolkit import (
    ClockPolicy,
    ClockTime,
    EscalationStep,
    PauseReason,
    RollRule,
    _l,
    clocks_of,
    pause_clock,
    resume_clock,
    running_clock,
    start_clock,
    stop_clock,
)
from plugins.warranty import sla
from plugins.warranty.common import option
from plugins.warranty.models import Order
from plugins.warranty.sla import Priority, Step

OWNER_AWAY, MATERIAL, SEASON, DESIGN = "owner_unavailable", "waiting_material", "season", "design_reply"
LONGEST_PAUSE = dt.timedelta(days=30)

PAUSES = (
    PauseReason(OWNER_AWAY, _l("The owner is not available"), True, LONGEST_PAUSE, True),
    PauseReason(MATERIAL, _l("Waits for material"), False),
    PauseReason(SEASON, _l("Season or rain is needed"), True, LONGEST_PAUSE, True),
    PauseReason(DESIGN, _l("Waits for the design department"), False),
)
"""Why work rests (domain reference 3.4.3): only what the owner or the season causes stops the clock, at most 30 days
for each reason, and only once the owner was told."""

_LABELS: Mapping[Step, Any] = {
    Step.CONTACT: _l("First contact with the owner"),
    Step.ARRIVAL: _l("On site"),
    Step.TEMPORARY: _l("Temporary measure"),
    Step.PLAN: _l("Plan of the repair"),
    Step.COMPLETE: _l("Repair finished"),
    Step.PROGRESS: _l("Progress told to the owner"),
}
_LADDER = (
    EscalationStep("engineer", _l("Repair overdue"), dt.timedelta(), to_owner=True),
    EscalationStep(
        "manager", _l("Repair overdue: customer-service manager"),
        after_setting="escalate_manager_hours", unit="hours", role="PCM",
    ),
    EscalationStep(
        "director", _l("Repair overdue: head of engineering"),
        after_setting="escalate_director_hours", unit="hours", role="ENG", level="city",
    ),
    EscalationStep(
        "city", _l("Repair overdue: city general manager"),
        after_setting="escalate_city_hours", unit="hours", role="HEAD", level="city",
    ),
    EscalationStep(
        "region", _l("Repair overdue: region, brand and customer service"),
        after_setting="escalate_region_hours", unit="hours", role="BCS", level="region",
    ),
)  # fmt: skip
_REMINDER = (EscalationStep("engineer", _l("Overdue"), dt.timedelta(), to_owner=True),)


def _escalated(record: Any, clock: Any, step: EscalationStep) -> None:
    """Note that an overdue order went up a rung of the ladder."""
    del clock
    from plugins.warranty.services.orders import escalate

    escalate(record, f"overdue_{step.code}", str(step.label))


def policies() -> Sequence[ClockPolicy]:
    """Return the time limits that the module declares: each step for emergencies, which never wait for the morning, and
    for all others."""
    found = []
    for step, label in _LABELS.items():
        is_whole = step == Step.COMPLETE
        for suffix, roll in (("", RollRule()), ("_p1", None)):
            found.append(
                ClockPolicy(
                    f"warranty.{step}{suffix}",
                    label,
                    "warranty.order",
                    roll=roll,
                    pauses=PAUSES,
                    ladder=_LADDER if is_whole else _REMINDER,
                    on_step=_escalated if is_whole else None,
                )
            )
    return (
        *found,
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
    return int(option(sla.setting_key(step, priority), order.project))


_COLUMNS = {
    Step.CONTACT: "contact_due_at",
    Step.ARRIVAL: "arrival_due_at",
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
            if step in _COLUMNS:
                setattr(order, _COLUMNS[step], clock.due_at)


def rest(order: Order, reason: str, note: str, told_at: dt.datetime | None) -> None:
    """Let the clocks of an order rest; the policy says whether they stand still."""
    for clock in clocks_of(order):
        if clock.is_running and clock.paused_at is None:
            pause_clock(clock, reason, note=note, notice_at=told_at)
    refresh(order)


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
    for step in _LABELS:
        clock = running_clock(code_of(step, old_priority), order)
        if clock is not None:
            began = clock.started_at
            stop_clock(clock, note="priority")
            start(order, step, began)
