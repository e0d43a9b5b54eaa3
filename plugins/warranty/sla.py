"""The time limits of orders (domain reference 3.4.4): which limit holds for which step and priority.

The clocks of the core count them; :func:`due_moment` says the same for records that were written down afterwards.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum

from core.toolkit import LOCAL_ZONE


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

NIGHT_FROM, NIGHT_UNTIL, MORNING = dt.time(18, 0), dt.time(8, 30), dt.time(9, 0)
SHORTEST_ROLLED = dt.timedelta(hours=2)


def setting_key(step: Step, priority: Priority) -> str:
    """Return the key of a limit in minutes."""
    return f"minutes_{step}_{priority.lower()}"


def due_moment(
    start: dt.datetime, minutes: int, priority: Priority, paused: dt.timedelta = dt.timedelta()
) -> dt.datetime:
    """Return when a limit is due: elapsed calendar time, rolled out of the night for P2 to P4.

    Args:
        start: When it started, in UTC.
        minutes: The limit.
        priority: P1 never rolls.
        paused: For how long the clock stood still.

    Source: domain reference 3.4.4 and Appendix F: the night runs from 18:00 (excluded) to 08:30 (excluded); only limits
    of two hours and more roll, after pauses are added.
    """
    limit = dt.timedelta(minutes=minutes)
    due = (start + limit + paused).astimezone(LOCAL_ZONE)
    if priority != Priority.P1 and limit >= SHORTEST_ROLLED:
        if due.time() > NIGHT_FROM:
            due = dt.datetime.combine(due.date() + dt.timedelta(days=1), MORNING, LOCAL_ZONE)
        elif due.time() < NIGHT_UNTIL:
            due = dt.datetime.combine(due.date(), MORNING, LOCAL_ZONE)
    return due.astimezone(dt.UTC)
