"""Starting periodic tasks, each once for its time, however many workers look at the clock."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from core.database.scope import Scope, use_scope
from core.database.types import LOCAL_ZONE
from core.extensions import db
from core.machinery.jobs import services
from core.machinery.jobs.models import Job, JobState
from core.plugin_system.declarations import PeriodicTask
from core.plugin_system.runtime import current_runtime

_SYSTEM = Scope(None, None, None, None, reason="starting what is due")


def due_at(task: PeriodicTask, now: dt.datetime) -> dt.datetime:
    """Return the latest moment at or before ``now`` at which a task was due, in UTC.

    Args:
        task: The task.
        now: An aware datetime.
    """
    if task.minutes is not None:
        minute = int(now.timestamp()) // 60
        return dt.datetime.fromtimestamp((minute - minute % task.minutes) * 60, dt.UTC)
    hour, minute = (int(part) for part in str(task.daily_at).split(":"))
    local = now.astimezone(LOCAL_ZONE)
    due = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if due > local:
        due -= dt.timedelta(days=1)
    return due.astimezone(dt.UTC)


def start_due(now: dt.datetime, known: dict[str, dt.datetime]) -> int:
    """Start the tasks that are due and commit; the unique pair of task and minute lets one worker alone do so.

    Args:
        now: An aware datetime.
        known: What this process knows to be started, by task; it saves the questions.

    Returns:
        How many were started here.
    """
    started = 0
    with use_scope(_SYSTEM):
        for task in current_runtime().declared.periodic_tasks():
            due = due_at(task, now)
            if known.get(task.code) == due or not services.may_run_now(task.code, None):
                continue
            key = due.strftime("%Y-%m-%dT%H:%MZ")
            db.session.rollback()
            db.session.connection(execution_options={"read_only": True})
            query = sa.select(Job.dedupe_key).where(
                Job.kind == task.code,
                sa.or_(Job.dedupe_key == key, Job.state.in_((JobState.WAITING, JobState.RUNNING))),
            )
            found = db.session.scalars(query).all()
            db.session.rollback()
            if key in found:
                known[task.code] = due
            if found:
                # It is started already, or the one before still runs; then it follows when that has ended.
                continue
            services.enqueue_job(task.code, dedupe_key=key)
            db.session.commit()
            known[task.code] = due
            started += 1
    return started
