"""Running jobs inside a test, in the place of a worker."""

from __future__ import annotations

import contextvars
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Flask

from core.extensions import db
from core.machinery.jobs.models import Job, JobFailure, JobState
from core.machinery.jobs.worker import work_through
from core.testing.scoping import as_system


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
        job.error,
        job.outcome,
        tuple((row.subject, row.reason) for row in failures),
    )
