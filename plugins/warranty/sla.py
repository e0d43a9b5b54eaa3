"""The time limits of orders (domain reference 3.4.4): which limit holds for which step and priority.

The clocks of the core count them; :func:`due_moment` says the same for records that were written down afterwards.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum

from core.toolkit import LOCAL_ZONE, RollRule


class Priority(StrEnum):
    """How urgent an order is."""

    P1 = "P1"
    """紧急: danger or great damage."""
    P2 = "P2"
    """重要: an important function is lost."""
    P3 = "P3"
    """一般"""
    P4 = "P4"
    """复杂: batch, structure, material on order."""


class Step(StrEnum):
    """What has a limit."""

    REGISTER = "register"
    CONTACT = "contact"
    ARRIVAL = "arrival"
    TEMPORARY = "temporary"
    PLAN = "plan"
    COMPLETE = "complete"
    PROGRESS = "progress"


HOUR, DAY = 60, 24 * 60
DEFAULTS: Mapping[Step, Mapping[Priority, int]] = {
    Step.REGISTER: {Priority.P1: 5, Priority.P2: 15, Priority.P3: 15, Priority.P4: 15},
    Step.CONTACT: {Priority.P1: 15, Priority.P2: 2 * HOUR, Priority.P3: DAY, Priority.P4: DAY},
    Step.ARRIVAL: {Priority.P1: 2 * HOUR, Priority.P2: DAY, Priority.P3: 2 * DAY, Priority.P4: 2 * DAY},
    Step.TEMPORARY: {Priority.P1: 4 * HOUR, Priority.P2: DAY, Priority.P3: 0, Priority.P4: DAY},
    Step.PLAN: {Priority.P1: DAY, Priority.P2: 3 * DAY, Priority.P3: 3 * DAY, Priority.P4: 7 * DAY},
    Step.COMPLETE: {Priority.P1: DAY, Priority.P2: 7 * DAY, Priority.P3: 7 * DAY, Priority.P4: 30 * DAY},
    Step.PROGRESS: {Priority.P1: 4 * HOUR, Priority.P2: 2 * DAY, Priority.P3: 7 * DAY, Priority.P4: 7 * DAY},
}
"""Minutes; 0 for none. Domain reference 3.4.4 and Appendix F [RECON]."""
LEAK_MINUTES = 15 * DAY
"""A leak of priority P2 has longer."""
EMERGENCY_MINUTES = 3 * DAY
"""P1 with an approved reason."""
SITE_TEAM_MINUTES = 30
"""Our own people at an emergency; the contractor has the longer limit."""

LONG_PROGRESS_MINUTES = 7 * DAY
"""The owner of a long repair hears of it every week at least (domain reference 5.7.4)."""
LONGEST_REST_DAYS = 30
"""All rests for one reason together (domain reference 3.4.3 and Appendix F)."""

NIGHT = RollRule(
    after=dt.time(18, 0),
    before=dt.time(8, 30),
    to=dt.time(9, 0),
    from_limit=dt.timedelta(hours=2),
    after_setting="night_from",
    before_setting="night_until",
    to_setting="night_to",
    from_limit_setting="night_shortest_minutes",
)
"""How limits of P2 to P4 move out of the night: the defaults, and the settings that hold what departments changed."""


def setting_key(step: Step, priority: Priority) -> str:
    """Return the key of a limit in minutes."""
    return f"minutes_{step}_{priority.lower()}"


def due_moment(
    start: dt.datetime,
    minutes: int,
    priority: Priority,
    paused: dt.timedelta = dt.timedelta(),
    night: RollRule = NIGHT,
) -> dt.datetime:
    """Return when a limit is due: elapsed calendar time, rolled out of the night for P2 to P4.

    Args:
        start: When it started, in UTC.
        minutes: The limit.
        priority: P1 never rolls.
        paused: For how long the clock stood still.
        night: When the night is.

    Source: domain reference 3.4.4 and Appendix F: the night runs from 18:00 (excluded) to 08:30 (excluded); only limits
    of two hours and more roll, after pauses are added.
    """
    limit = dt.timedelta(minutes=minutes)
    due = (start + limit + paused).astimezone(LOCAL_ZONE)
    if priority != Priority.P1 and limit >= night.from_limit:
        if due.time() > night.after:
            due = dt.datetime.combine(due.date() + dt.timedelta(days=1), night.to, LOCAL_ZONE)
        elif due.time() < night.before:
            due = dt.datetime.combine(due.date(), night.to, LOCAL_ZONE)
    return due.astimezone(dt.UTC)
