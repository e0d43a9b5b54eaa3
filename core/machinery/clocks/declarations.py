"""What the clocks declare: rights, the working hours, their section on record pages, and what happens to them with
their customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.extensions import db
from core.machinery.clocks import services, sweeping
from core.machinery.clocks.models import Clock, ClockPause
from core.machinery.clocks.words import length_words, remaining_words
from core.plugin_system.declarations import (
    MessageTemplate,
    Panel,
    PeriodicTask,
    Permission,
    Placeholder,
    Setting,
)
from core.plugin_system.hookspecs import hookimpl
from core.plugin_system.runtime import current_runtime

EVENT_WORDS: Mapping[str, Any] = {
    "started": _l("Clock started"),
    "paused": _l("Paused"),
    "told": _l("Customer told"),
    "resumed": _l("Resumed"),
    "ran_out": _l("The pause lasted too long; the clock goes on"),
    "breached": _l("Limit missed"),
    "step": _l("Escalated"),
    "stopped": _l("Clock stopped"),
}


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare who keeps the calendar."""
    return (
        Permission(
            "calendar.edit",
            _l("Enter holidays and make-up working days"),
            _l("For the acting department and those below it."),
            default_roles=("HEAD",),
        ),
    )


@hookimpl
def settings() -> Sequence[Setting]:
    """Declare the working hours."""
    return (
        Setting(
            key="working_hours",
            default=services.WORKING_HOURS,
            label=_l("Working hours"),
            help=_l(
                "Hours of a working day that clocks count which run in working time, for example "
                "09:00-12:00 13:30-18:00. Clocks that run keep the hours of their start."
            ),
            source=_l("Practice of the trade"),
        ),
    )


@hookimpl
def message_templates() -> Sequence[MessageTemplate]:
    """Declare what those are written who have missed a limit; a step of a ladder names it."""
    return (
        MessageTemplate(
            "core.time_limit",
            _l("Time limit of a colleague"),
            "{customer}，您好！{what}：{record}，时限{due}，请尽快处理。{company}",
            "Dear {customer}, {what}: {record}, due on {due}. Please see to it. {company}",
            channels=("email", "sms"),
            subject="时限提醒：{record}",
            subject_en="Time limit: {record}",
            placeholders=(
                Placeholder("record", _l("Record"), "3-1-1201"),
                Placeholder("what", _l("What is to be done"), "维修"),
                Placeholder("due", _l("Due"), "2026-05-03 18:00"),
            ),
        ),
    )


@hookimpl
def periodic_tasks() -> Sequence[PeriodicTask]:
    """Declare the sweeper."""
    return (
        PeriodicTask(
            "core.sweep_clocks", _l("Look after time limits"), sweeping.run_sweep, minutes=sweeping.MINUTES
        ),
    )


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the section of clocks on every record."""
    return (
        Panel(
            code="core.clocks",
            record_kind="*",
            title=_l("Time limits"),
            template="admin/clocks/panel.html",
            load=panel_values,
            order=80,
        ),
    )


def panel_values(record: Any) -> Mapping[str, Any] | None:
    """Return the clocks of a record; nothing where none ever ran."""
    clocks = services.clocks_of(record)
    if not clocks:
        return None
    return {"clocks": [_line(clock) for clock in clocks], "count": len(clocks)}


def _line(clock: Clock) -> Mapping[str, Any]:
    policy = current_runtime().declared.clock_policy(clock.policy)
    reasons = {reason.code: reason.label for reason in policy.pauses} if policy is not None else {}
    steps = {step.code: step.label for step in policy.ladder} if policy is not None else {}
    times = services.clock_times(clock)
    return {
        "clock": clock,
        "label": services.label_of(clock),
        "left": remaining_words(times.remaining),
        "is_late": times.remaining < dt.timedelta(),
        "ran": length_words(times.elapsed),
        "stood": length_words(times.paused),
        "stands_still": services.stands_still(clock),
        "provisional": services.is_provisional(clock),
        "events": [
            {
                "at": event.at,
                "words": EVENT_WORDS.get(event.kind, event.kind),
                "note": reasons.get(event.note, event.note)
                if event.kind == "paused"
                else steps.get(event.step or "", event.note),
                "late": event.kind in ("breached", "step"),
            }
            for event in services.events_of(clock)
        ],
    }


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move the clocks."""
    services.move_to_customer(kept_id, merged_id)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Blank the words of pauses; that a limit ran stays."""
    for pause in db.session.scalars(sa.select(ClockPause).where(ClockPause.customer_id == customer_id)):
        pause.note = ""
    db.session.flush()


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Return the time limits that ran for the customer."""
    clocks = db.session.scalars(
        sa.select(Clock).where(Clock.customer_id == customer_id).order_by(Clock.started_at)
    )
    return {
        "clocks": [
            {
                "limit": clock.policy,
                "started_at": clock.started_at.isoformat(),
                "due_at": clock.due_at.isoformat(),
                "stopped_at": clock.stopped_at.isoformat() if clock.stopped_at else None,
                "missed": clock.is_breached,
            }
            for clock in clocks
        ]
    }
