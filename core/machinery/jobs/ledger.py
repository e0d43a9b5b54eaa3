"""Keeping account of jobs: who takes one up, which step is done, how it ended.

Each function is one statement, or a few in one transaction, that says which state it expects. A worker that was
thought dead and comes back finds that its token is no longer the holder's, and commits nothing.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from core.database.types import utc_now
from core.extensions import db
from core.languages import Text, cut
from core.machinery.jobs.models import Job, JobFailure, JobFile, JobLogLine, JobState, JobStep, JobWorker

_job = cast(sa.Table, Job.__table__)
_step = cast(sa.Table, JobStep.__table__)
_failure = cast(sa.Table, JobFailure.__table__)
_file = cast(sa.Table, JobFile.__table__)
_log = cast(sa.Table, JobLogLine.__table__)
_worker = cast(sa.Table, JobWorker.__table__)

MOST_LOG_LINES = 1_000
_CLAIM_TRIES = 20


class LeaseLost(RuntimeError):
    """Another worker holds the job, because this one did not renew its lease in time. Nothing was committed."""


@dataclass(frozen=True)
class Claim:
    """A job that this worker holds.

    Attributes:
        job_id: The job.
        kind: Code of its kind.
        department_id: Whose it is.
        token: Names the holder.
        lease: How long the lease lasts unless it is renewed.
        attempts: How often the job was taken up since a step was last finished, this time included.
    """

    job_id: int
    kind: str
    department_id: int | None
    token: str
    lease: dt.timedelta
    attempts: int


def _is_ready(now: dt.datetime) -> sa.ColumnElement[bool]:
    """Return the condition of jobs that may be taken up: waiting ones, and those whose worker is gone."""
    return sa.or_(
        sa.and_(
            _job.c.state == JobState.WAITING, sa.or_(_job.c.not_before.is_(None), _job.c.not_before <= now)
        ),
        sa.and_(_job.c.state == JobState.RUNNING, _job.c.lease_until < now),
    )


def ready_kinds() -> set[tuple[str, int | None]]:
    """Return kind and department of all jobs that may be taken up now. It takes no lock."""
    with db.engine.connect().execution_options(read_only=True) as connection:
        query = sa.select(_job.c.kind, _job.c.department_id).where(_is_ready(utc_now())).distinct()
        return {(row.kind, row.department_id) for row in connection.execute(query)}


def claim(worker: str, lease: dt.timedelta, kinds: Collection[tuple[str, int | None]]) -> Claim | None:
    """Take up the job that has waited longest, or return None.

    Args:
        worker: Name of the worker, for the page.
        lease: How long the job is held.
        kinds: The kinds and departments whose jobs may run now.
    """
    if not kinds:
        return None
    allowed = sa.or_(
        *(
            sa.and_(
                _job.c.kind == kind,
                _job.c.department_id.is_(None) if department is None else _job.c.department_id == department,
            )
            for kind, department in sorted(kinds, key=str)
        )
    )
    for _try in range(_CLAIM_TRIES):
        now, token = utc_now(), secrets.token_hex(16)
        with db.engine.connect().execution_options(read_only=True) as connection:
            query = sa.select(_job.c.id).where(_is_ready(now), allowed)
            job_id = connection.execute(query.order_by(_job.c.queued_at, _job.c.id).limit(1)).scalar()
        if job_id is None:
            return None
        with db.engine.begin() as connection:
            taken = connection.execute(
                sa.update(_job)
                .where(_job.c.id == job_id, _is_ready(now))
                .values(
                    state=JobState.RUNNING,
                    lease_token=token,
                    lease_until=now + lease,
                    worker=worker,
                    attempts=_job.c.attempts + 1,
                    started_at=sa.func.coalesce(_job.c.started_at, now),
                )
                .returning(_job.c.kind, _job.c.department_id, _job.c.attempts)
            ).first()
        if taken is not None:
            return Claim(job_id, taken.kind, taken.department_id, token, lease, taken.attempts)
    return None


def renew(token: str, lease: dt.timedelta) -> None:
    """Prolong a lease, on a connection of its own."""
    with db.engine.begin() as connection:
        connection.execute(
            sa.update(_job)
            .where(_job.c.lease_token == token, _job.c.state == JobState.RUNNING)
            .values(lease_until=utc_now() + lease)
        )


def release(held: Claim) -> None:
    """Give a job back unfinished, because the worker is about to end; it is taken up again at once."""
    with db.engine.begin() as connection:
        connection.execute(
            sa.update(_job)
            .where(_holds(held))
            .values(
                state=JobState.WAITING,
                lease_token=None,
                lease_until=None,
                attempts=sa.case((_job.c.attempts > 0, _job.c.attempts - 1), else_=0),
            )
        )


def _holds(held: Claim) -> sa.ColumnElement[bool]:
    return sa.and_(
        _job.c.id == held.job_id, _job.c.lease_token == held.token, _job.c.state == JobState.RUNNING
    )


# In the session's transaction


def advance(
    connection: sa.Connection, held: Claim, *, done: int = 0, failed: int = 0, total: int | None = None
) -> bool:
    """Write progress and prolong the lease in the transaction of the step.

    Args:
        connection: That of the session.
        held: The job.
        done: How much more is done.
        failed: How much more has failed.
        total: The least that the total must be.

    Returns:
        Whether somebody asked to cancel the job.

    Raises:
        LeaseLost: The job is held by another worker, or was ended.
    """
    values: dict[str, Any] = {"lease_until": utc_now() + held.lease}
    if done or failed:
        values |= {"done": _job.c.done + done, "failed": _job.c.failed + failed, "attempts": 0}
    if total is not None:
        values["total"] = sa.case((sa.func.coalesce(_job.c.total, -1) < total, total), else_=_job.c.total)
    row = connection.execute(
        sa.update(_job).where(_holds(held)).values(values).returning(_job.c.cancel_requested_at)
    ).first()
    if row is None:
        raise LeaseLost(f"Job {held.job_id} is held by another worker.")
    return row.cancel_requested_at is not None


def account(connection: sa.Connection, held: Claim) -> tuple[int, set[str]]:
    """Return how much of the job is behind it, failed or not, and the keys of the steps that have their mark."""
    row = connection.execute(
        sa.select(_job.c.done + _job.c.failed).where(_job.c.id == held.job_id)
    ).scalar_one()
    marks = connection.execute(sa.select(_step.c.key).where(_step.c.job_id == held.job_id)).scalars()
    return int(row), set(marks)


def mark(connection: sa.Connection, held: Claim, key: str, size: int, *, failed: bool = False) -> None:
    """Set the mark of a step."""
    connection.execute(
        _step.insert().values(
            job_id=held.job_id, department_id=held.department_id, key=key, size=size, failed=failed
        )
    )


def note_failure(
    connection: sa.Connection,
    held: Claim,
    key: str,
    subject: Text,
    reason: Text,
    *,
    of_whole_step: bool,
    again: bool = False,
) -> None:
    """Write what could not be done, and why."""
    connection.execute(
        _failure.insert().values(
            job_id=held.job_id,
            department_id=held.department_id,
            step_key=key,
            subject=cut(subject, 200),
            reason=cut(reason, 1000),
            of_whole_step=of_whole_step,
            again=again,
            at=utc_now(),
        )
    )


def say(connection: sa.Connection, job_id: int, department_id: int | None, text: Text) -> None:
    """Write a line into the log of a job; beyond :data:`MOST_LOG_LINES` the oldest go."""
    connection.execute(
        _log.insert().values(job_id=job_id, department_id=department_id, text=cut(text, 500), at=utc_now())
    )
    oldest = (
        sa.select(_log.c.id)
        .where(_log.c.job_id == job_id)
        .order_by(_log.c.id.desc())
        .offset(MOST_LOG_LINES)
        .limit(1)
        .scalar_subquery()
    )
    connection.execute(sa.delete(_log).where(_log.c.job_id == job_id, _log.c.id <= oldest))


def put_file(
    connection: sa.Connection,
    held: Claim,
    name: str,
    content_type: str,
    size: int,
    stored_key: str,
    *,
    is_piece: bool,
) -> str | None:
    """Write the row of a stored file; return the key of the one it replaces."""
    same = sa.and_(_file.c.job_id == held.job_id, _file.c.name == name, _file.c.is_piece == is_piece)
    former = connection.execute(sa.delete(_file).where(same).returning(_file.c.stored_key)).scalar()
    connection.execute(
        _file.insert().values(
            job_id=held.job_id,
            department_id=held.department_id,
            name=name,
            content_type=content_type,
            size=size,
            stored_key=stored_key,
            is_piece=is_piece,
            created_at=utc_now(),
        )
    )
    return former


def file_key(connection: sa.Connection, job_id: int, name: str, *, is_piece: bool) -> str | None:
    """Return where a file of a job is stored, or None."""
    query = sa.select(_file.c.stored_key).where(
        _file.c.job_id == job_id, _file.c.name == name, _file.c.is_piece == is_piece
    )
    return connection.execute(query).scalar()


def forget_pieces(connection: sa.Connection, job_id: int) -> list[str]:
    """Remove the rows of the pieces of a job and return where they were stored."""
    doomed = sa.delete(_file).where(_file.c.job_id == job_id, _file.c.is_piece)
    return list(connection.execute(doomed.returning(_file.c.stored_key)).scalars())


def end(
    connection: sa.Connection,
    held: Claim,
    state: JobState,
    *,
    error: Text = "",
    outcome: Text | None = None,
    of_system: bool = False,
) -> None:
    """End a job in the transaction of the caller.

    Raises:
        LeaseLost: The job is held by another worker, or was ended.
    """
    now = utc_now()
    values: dict[str, Any] = {
        "state": state,
        "error": cut(error, 1000),
        "ended_at": now,
        "seen_at": now if of_system else None,
        "lease_token": None,
        "lease_until": None,
        "attempts": 0,
    }
    if outcome is not None:
        values["outcome"] = cut(outcome, 500)
    row = connection.execute(sa.update(_job).where(_holds(held)).values(values).returning(_job.c.id)).first()
    if row is None:
        raise LeaseLost(f"Job {held.job_id} is held by another worker.")


# Workers


def greet(name: str, threads: int) -> None:
    """Write that a worker is there; called again and again."""
    now = utc_now()
    with db.engine.begin() as connection:
        seen = connection.execute(
            sa.update(_worker).where(_worker.c.name == name).values(seen_at=now).returning(_worker.c.name)
        ).first()
        if seen is None:
            connection.execute(
                _worker.insert().values(name=name, threads=threads, started_at=now, seen_at=now)
            )
            connection.execute(sa.delete(_worker).where(_worker.c.seen_at < now - dt.timedelta(days=1)))


def leave(name: str) -> None:
    """Write that a worker has ended."""
    with db.engine.begin() as connection:
        connection.execute(sa.delete(_worker).where(_worker.c.name == name))
