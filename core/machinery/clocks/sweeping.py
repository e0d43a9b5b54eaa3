"""Finding breaches and climbing ladders, as a task that runs every few minutes; safe to run twice and beside itself."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from core.database.scope import all_departments
from core.database.types import utc_now
from core.extensions import db
from core.machinery.clocks import services
from core.machinery.clocks.models import Clock

MINUTES = 5
"""How often the task runs."""
_log = logging.getLogger(__name__)


def due_keys(now: dt.datetime) -> list[int]:
    """Return the ids of the clocks whose moment has come."""
    return list(
        db.session.scalars(
            sa.select(Clock.id).where(Clock.next_at <= now, Clock.stopped_at.is_(None)).order_by(Clock.id)
        )
    )


def look_at(key: int, now: dt.datetime) -> int:
    """Find the breach of one clock and take its steps that are due, in the caller's transaction; return how many.

    The row is locked meanwhile and each step is written down under its code, so that no step is ever taken twice. A
    clock that somebody else looks at is left to him.

    Args:
        key: Id of the clock.
        now: The present moment.
    """
    clock = db.session.scalar(
        sa.select(Clock)
        .where(Clock.id == key, Clock.next_at <= now)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return services.take_due_steps(clock, now) if clock is not None else 0


def run_sweep(run: Any) -> None:
    """Look after all clocks whose moment has come; one that fails is reported, and the others go on.

    Args:
        run: The run of the periodic task.
    """
    now = utc_now()
    for key in run.steps(due_keys(now)):
        look_at(key, now)


def sweep(now: dt.datetime | None = None) -> int:
    """Look after all clocks whose moment has come, each in a transaction of its own, without the machinery of jobs.

    Args:
        now: The present moment; for tests.

    Returns:
        How many steps of ladders were taken. A clock that fails is logged and left for the next time.
    """
    moment = now or utc_now()
    with all_departments("looking after clocks whose moment has come"):
        keys = due_keys(moment)
        db.session.commit()
        return sum(_each(keys, moment))


def _each(keys: list[int], now: dt.datetime) -> Iterator[int]:
    for key in keys:
        try:
            taken = look_at(key, now)
            db.session.commit()
        except Exception:
            db.session.rollback()
            _log.exception("Clock %s could not be looked after; it is tried again", key)
        else:
            yield taken
