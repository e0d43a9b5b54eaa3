"""Running jobs inside a test, in the place of a worker."""

from __future__ import annotations

import contextlib
import contextvars
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from unittest import mock

import sqlalchemy as sa
from flask import Flask

from core.database.types import utc_now
from core.extensions import db
from core.machinery.jobs.models import Job, JobFailure, JobState
from core.machinery.jobs.runs import JobRun
from core.machinery.jobs.worker import work_through
from core.testing.scoping import as_system
from core.testing.snapshots import differences, snapshot

_job = cast(sa.Table, Job.__table__)


@dataclass(frozen=True)
class RunJob:
    """A job that was run.

    Attributes:
        id: Its key.
        kind: Code of its kind.
        state: How it ended.
        done: How much of it was done.
        failed: How much of it failed.
        error: Why it could not come to its end, or "".
        outcome: What came out, in the handler's words.
        failures: What could not be done: subject and reason.
    """

    id: int
    kind: str
    state: JobState
    done: int
    failed: int
    error: str
    outcome: str
    failures: tuple[tuple[str, str], ...]


def run_pending_jobs(app: Flask) -> list[RunJob]:
    """Run all jobs that wait, in this process, until none is left that may run now; return them in their order.

    Commit what starts them first: each step is a transaction of its own, as in a worker.

    Args:
        app: The application under test.
    """
    # As for a request of the test client, nothing of the test's own context is seen.
    return contextvars.Context().run(_run, app)


def _run(app: Flask) -> list[RunJob]:
    with as_system(app):
        before = set(db.session.scalars(sa.select(Job.id).where(Job.ended_at.is_not(None))))
    work_through(app, worker="a test")
    with as_system(app):
        query = sa.select(Job).where(Job.ended_at.is_not(None)).order_by(Job.id)
        return [_told(job) for job in db.session.scalars(query) if job.id not in before]


def _told(job: Job) -> RunJob:
    failures = db.session.execute(
        sa.select(JobFailure.subject, JobFailure.reason)
        .where(JobFailure.job_id == job.id)
        .order_by(JobFailure.id)
    )
    return RunJob(
        job.id,
        job.kind,
        JobState(job.state),
        job.done,
        job.failed,
        str(job.error),
        str(job.outcome),
        tuple((str(row.subject), str(row.reason)) for row in failures),
    )


class _Killed(BaseException):
    """Stands for a SIGKILL."""


def run_disturbed_jobs(app: Flask) -> int:
    """Run all jobs that wait, each step of which is broken off once right before its commit, as by a kill; return the
    number of steps that were broken off.

    Args:
        app: The application under test.
    """
    broken: set[tuple[int, str]] = set()
    finish = JobRun._finish

    def break_off(run: JobRun, current: Any) -> None:
        db.session.flush()
        if (run.job_id, current.key) not in broken:
            broken.add((run.job_id, current.key))
            raise _Killed
        finish(run, current)

    with mock.patch.object(JobRun, "_finish", break_off):
        while True:
            before = len(broken)
            with contextlib.suppress(_Killed):
                contextvars.Context().run(work_through, app, worker="a test")
            if len(broken) == before:
                return before
            # The lease of the killed worker runs out.
            with app.app_context(), db.engine.begin() as connection:
                gone = sa.update(_job).where(_job.c.lease_token.is_not(None))
                connection.execute(gone.values(lease_until=utc_now() - dt.timedelta(seconds=1), attempts=0))


def job_faults(
    app: Flask, start: Callable[[], None], restore: Callable[[], None], ignored: frozenset[str] = frozenset()
) -> list[str]:
    """Return in what a job whose steps are all broken off once, and done again, ends unlike one that nobody disturbed.

    Args:
        app: The application under test.
        start: Starts the job and commits, in an application context of its own.
        restore: Brings the database back to where the job begins.
        ignored: Columns that hold keys of new rows or random values, as ``table.column``.
    """
    ends = []
    for run in (run_pending_jobs, run_disturbed_jobs):
        restore()
        start()
        run(app)
        with app.app_context(), db.engine.connect() as connection:
            ends.append(snapshot(connection, ignored))
    return [f"{name}, {what} ({times}): {row[:300]}" for name, what, row, times in differences(*ends)]
