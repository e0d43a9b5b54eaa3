"""A job, the marks of its steps, what went wrong, what it says and what it made; and the workers that are there."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from core.database.base import CoreBase, Identified
from core.database.scope import ByDepartment, Unscoped
from core.database.types import WordedText, Wording, utc_now


class JobState(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    """A worker holds its lease. When the lease has run out, the worker is gone and the job is taken over."""
    DONE = "done"
    """It came to its end; some of its parts may have failed."""
    FAILED = "failed"
    """It could not come to its end."""
    CANCELLED = "cancelled"


ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Job(Identified, CoreBase):
    """Work in the background.

    Only :mod:`core.machinery.jobs.ledger` and the services write it, by statements that say which state they expect:
    whoever comes second changes nothing.
    """

    __tablename__ = "job"
    __scope__ = ByDepartment()
    __audited__ = False
    __table_args__: Any = (
        sa.UniqueConstraint("kind", "dedupe_key"),
        sa.Index("ix_job_ready", "state", "queued_at"),
        sa.Index("ix_job_starter", "starter_id", "ended_at"),
    )

    kind: Mapped[str] = mapped_column(sa.String(80), index=True)
    """Code of the job kind or of the periodic task, as text, so that the row outlives the plugin."""
    title: Mapped[str | Wording] = mapped_column(WordedText(255))
    payload: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    """What the handler needs to begin; ids and choices, no personal values."""
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="CASCADE"), index=True
    )
    """Where it acts; None for the system."""
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="CASCADE"), index=True
    )
    starter_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    address: Mapped[str] = mapped_column(sa.String(300), default="")
    """Path of the page that the work was started from or is seen on, or empty."""
    dedupe_key: Mapped[str | None] = mapped_column(sa.String(160))

    state: Mapped[JobState] = mapped_column(sa.String(12), default=JobState.WAITING)
    total: Mapped[int | None]
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | Wording] = mapped_column(WordedText(1000), default="")
    """Why it could not come to its end, a sentence."""
    outcome: Mapped[str | Wording] = mapped_column(WordedText(500), default="")
    """What came out, in the handler's words."""

    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    queued_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    """Decides who comes first."""
    not_before: Mapped[dt.datetime | None]
    started_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    seen_at: Mapped[dt.datetime | None]
    """When the starter took notice of the end."""
    cancel_requested_at: Mapped[dt.datetime | None]

    lease_token: Mapped[str | None] = mapped_column(sa.String(32))
    """Names the holder; every commit of a step demands it, so a worker that lost its lease cannot commit any more."""
    lease_until: Mapped[dt.datetime | None]
    worker: Mapped[str] = mapped_column(sa.String(120), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    """How often it was taken up since a step was last finished; it rises when a step kills the worker."""

    def __str__(self) -> str:
        return str(self.title)


class _OfJob(Identified):
    """What hangs on a job; it is seen where the job is."""

    @declared_attr
    def job_id(cls) -> Mapped[int]:
        return mapped_column(sa.ForeignKey("job.id", ondelete="CASCADE"))

    @declared_attr
    def department_id(cls) -> Mapped[int | None]:
        return mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"))


class JobStep(_OfJob, CoreBase):
    """The mark of a step that was finished; it was committed together with what the step changed."""

    __tablename__ = "job_step"
    __scope__ = ByDepartment()
    __audited__ = False
    __table_args__: Any = (sa.UniqueConstraint("job_id", "key"),)

    key: Mapped[str] = mapped_column(sa.String(120))
    size: Mapped[int] = mapped_column(default=1)
    """For how many of the job's total it stands."""
    failed: Mapped[bool] = mapped_column(default=False)


class JobFailure(_OfJob, CoreBase):
    """Something that could not be done, and why."""

    __tablename__ = "job_failure"
    __scope__ = ByDepartment()
    __audited__ = False
    __table_args__: Any = (sa.Index("ix_job_failure_job_id", "job_id", "id"),)

    step_key: Mapped[str] = mapped_column(sa.String(120))
    subject: Mapped[str | Wording] = mapped_column(WordedText(200))
    """What it is about, as staff know it; no personal values."""
    reason: Mapped[str | Wording] = mapped_column(WordedText(1000))
    of_whole_step: Mapped[bool] = mapped_column(default=True)
    """Whether the step failed and can be tried again; False for one thing within a step that was finished."""
    again: Mapped[bool] = mapped_column(default=False)
    """Of one thing within a step: whether the step is done again for it when the job is tried again."""
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)


class JobLogLine(_OfJob, CoreBase):
    """What the handler, or whoever stopped it, has to say."""

    __tablename__ = "job_log_line"
    __scope__ = ByDepartment()
    __audited__ = False
    __table_args__: Any = (sa.Index("ix_job_log_line_job_id", "job_id", "id"),)

    at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    text: Mapped[str | Wording] = mapped_column(WordedText(500))


class JobFile(_OfJob, CoreBase):
    """A file that a job made: a result for the starter, or a piece that later steps go on with."""

    __tablename__ = "job_file"
    __scope__ = ByDepartment()
    __audited__ = False
    __table_args__: Any = (sa.UniqueConstraint("job_id", "is_piece", "name"),)

    name: Mapped[str] = mapped_column(sa.String(200))
    content_type: Mapped[str] = mapped_column(sa.String(120), default="application/octet-stream")
    size: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    stored_key: Mapped[str] = mapped_column(sa.String(64), index=True)
    is_piece: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)


class JobWorker(CoreBase):
    """A worker process that is, or lately was, there."""

    __tablename__ = "job_worker"
    __scope__ = Unscoped("it names processes of the installation")
    __audited__ = False

    name: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    threads: Mapped[int] = mapped_column(default=1)
    started_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    seen_at: Mapped[dt.datetime] = mapped_column(default=utc_now, index=True)
