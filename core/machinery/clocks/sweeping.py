"""Finding breaches and climbing ladders, as a task that runs every few minutes; safe to run twice and beside itself."""

from __future__ import annotations

import datetime as dt
import logging

import sqlalchemy as sa

from core.database.scope import all_departments
from core.database.types import utc_now
from core.extensions import db
from core.machinery.clocks import services
from core.machinery.clocks.models import Clock

BATCH = 200
_log = logging.getLogger(__name__)


def sweep(now: dt.datetime | None = None) -> int:
    """Look at every clock whose moment has come, each in a transaction of its own, and return how many steps of ladders
    were taken.

    A clock is locked while it is looked at and each step is written down under its code, so that two sweepers never
    take one twice. A clock that fails is logged and left for the next time; the others go on.

    Args:
        now: The present moment; for tests.
    """
    moment, taken, last = now or utc_now(), 0, 0
    with all_departments("looking after clocks whose moment has come"):
        while True:
            keys = db.session.scalars(
                sa.select(Clock.id)
                .where(Clock.next_at <= moment, Clock.stopped_at.is_(None), Clock.id > last)
                .order_by(Clock.id)
                .limit(BATCH)
            ).all()
            db.session.commit()
            for key in keys:
                taken += _look_at(key, moment)
            if len(keys) < BATCH:
                return taken
            last = keys[-1]


def _look_at(key: int, now: dt.datetime) -> int:
    try:
        clock = db.session.scalar(
            sa.select(Clock)
            .where(Clock.id == key, Clock.next_at <= now)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        taken = services.take_due_steps(clock, now) if clock is not None else 0
        db.session.commit()
    except Exception:
        db.session.rollback()
        _log.exception("Clock %s could not be looked after; it is tried again", key)
        return 0
    return taken
