"""Starting, finding, cancelling and repeating jobs; their files."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app, g
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.database.base import CORE
from core.database.scope import Scope, all_departments, current_scope, require_scope, use_scope
from core.database.types import utc_now
from core.extensions import db
from core.languages import Text, cut
from core.machinery.jobs import ledger
from core.machinery.jobs.bell import Bell
from core.machinery.jobs.models import (
    ENDED,
    Job,
    JobFailure,
    JobFile,
    JobLogLine,
    JobState,
    JobStep,
    JobWorker,
)
from core.machinery.jobs.runs import GONE_FILES, NEW_FILES, ActAs, Store
from core.plugin_system.declarations import JobKind, PeriodicTask
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime

logger = logging.getLogger(__name__)

EXTENSION = "doorstep.jobs"
VIEW, MANAGE = "jobs.view", "jobs.manage"
LONGEST_TITLE = 255
WORKER_SECONDS = 60
"""A worker that was not seen for so long is taken for gone."""
KEEP_SYSTEM_DAYS, KEEP_DAYS = 2, 180
"""So long the rows of ended jobs are kept: those of the system that went well, and all others."""
_RINGS = "doorstep.jobs.rings"


@dataclass(frozen=True)
class Means:
    """What jobs take from other parts; handed over by :func:`core.machinery.set_up_machinery`.

    Attributes:
        act_as: Tells how an account stands in a department now.
        store: Keeps the bytes of files.
        encrypt: Encrypts the bytes of a file.
        decrypt: Decrypts them.
        record_event: Writes into the audit log.
        bell: Wakes the workers.
    """

    act_as: ActAs
    store: Store
    encrypt: Callable[[bytes], bytes]
    decrypt: Callable[[bytes], bytes]
    record_event: Callable[..., None]
    bell: Bell


class JobRefused(ValueError):
    """A job cannot be started, repeated or cancelled; the message is a full sentence for the user."""


def set_up_jobs(app: Flask, session_factory: Any, means: Means) -> None:
    """Attach the means to the application, and the bell to the session.

    Args:
        app: The application.
        session_factory: The session class or factory.
        means: What jobs take from other parts.
    """
    app.extensions[EXTENSION] = means
    for name, listener in (("after_commit", _after_commit), ("after_rollback", _after_rollback)):
        if not sa.event.contains(session_factory, name, listener):
            sa.event.listen(session_factory, name, listener)


def means_of(app: Flask | None = None) -> Means:
    """Return what was handed over to an application, the current one by default."""
    means: Means = (app or current_app).extensions[EXTENSION]
    return means


def _after_commit(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.info.pop(NEW_FILES, None)
    _remove_files(session.info.pop(GONE_FILES, None))
    if session.info.pop(_RINGS, None):
        ring()


def _after_rollback(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.info.pop(GONE_FILES, None)
    session.info.pop(_RINGS, None)
    _remove_files(session.info.pop(NEW_FILES, None))


def _remove_files(keys: set[str] | None) -> None:
    for key in keys or ():
        try:
            means_of().store.remove(key)
        except OSError:
            logger.exception("A file of a job could not be removed: %s", key)


def ring() -> bool:
    """Wake a worker. When the bell cannot be reached, the workers find the job by themselves after a moment.

    Returns:
        Whether it could be rung.
    """
    try:
        means_of().bell.ring()
    except Exception as error:
        logger.error("The bell of the workers cannot be rung: %s", error)
        return False
    return True


# Kinds


def kind_of(code: str) -> JobKind | PeriodicTask | None:
    """Return the declared kind of a job, or None when its plugin is not there."""
    declared = current_runtime().declared
    return declared.job_kind(code) or declared.periodic_task(code)


def may_run_now(code: str, department_id: int | None) -> bool:
    """Return whether jobs of a kind are taken up: its plugin is there, and on in the department.

    Args:
        code: The kind.
        department_id: The department; None for the system, which needs the plugin on anywhere.
    """
    kind = kind_of(code)
    if kind is None:
        return False
    with use_scope(Scope(None, None, None, None, reason="whether a job may run")):
        return is_on(current_runtime().declared.component_of(kind), department_id)


# Starting


def enqueue_job(
    kind: str,
    payload: Mapping[str, Any] | None = None,
    *,
    title: Text = "",
    department_id: int | None = None,
    project_id: int | None = None,
    total: int | None = None,
    dedupe_key: str | None = None,
    not_before: dt.datetime | None = None,
    address: str = "",
    files: Mapping[str, bytes] | None = None,
) -> Job:
    """Start a job. Its row belongs to the caller's transaction; the workers are woken when that is committed.

    It acts as the user who starts it, in the department, with the rights that he has when it runs.

    Args:
        kind: Code of a declared :class:`JobKind`.
        payload: What its function needs to begin, as JSON: ids and choices. No personal values: the row is kept.
        title: What staff read in the list, as a lazy text (``_l("…")``), so that each reads it in his language; the
            label of the kind when left out.
        department_id: Where it acts; the acting department when left out.
        project_id: The project that it is for; who does not see it, does not see the job.
        total: How much there is to do, when that is known; the number of the steps tells it else.
        dedupe_key: At most 160 characters. A kind has one job with a key for as long as the row is kept: the second
            call returns the first job, whatever has become of it. Put the nonce of the form or the day into it.
        not_before: When it may be taken up first, an aware datetime.
        address: Path of the page that shows what comes out, for a link on the page of the job.
        files: What it works on, by name, for :meth:`JobRun.kept`.

    Returns:
        The job, flushed, so that it has its ``id``.

    Raises:
        JobRefused: The user does not hold the right to it, or the module is switched off.
        LookupError: Nobody declares the kind.
    """
    declared = kind_of(kind)
    if declared is None:
        raise LookupError(f"Nobody declares the job kind {kind!r}.")
    scope = require_scope()
    department_id = scope.department_id if department_id is None else department_id
    if isinstance(declared, JobKind):
        _check_starter(declared, scope, department_id)
    if dedupe_key is not None and (found := _with_key(kind, dedupe_key)) is not None:
        return found
    if address and (not address.startswith("/") or address.startswith("//")):
        raise ValueError("The address of a job is a path of this site.")
    job = Job(
        kind=kind,
        title=cut(title or declared.label, LONGEST_TITLE),
        payload=dict(payload or {}),
        department_id=department_id,
        project_id=project_id,
        starter_id=scope.user_id if isinstance(declared, JobKind) else None,
        total=total,
        dedupe_key=dedupe_key,
        not_before=not_before,
        address=address[:300],
    )
    if dedupe_key is None:
        db.session.add(job)
        db.session.flush()
    else:
        try:
            with db.session.begin_nested():
                db.session.add(job)
        except IntegrityError:
            found = _with_key(kind, dedupe_key)
            if found is None:
                raise
            return found
    for name, content in (files or {}).items():
        _keep(job, name, content)
    db.session.info[_RINGS] = True
    return job


def _check_starter(kind: JobKind, scope: Scope, department_id: int | None) -> None:
    slug = current_runtime().declared.component_of(kind)
    if slug != CORE and not is_on(slug, department_id):
        raise JobRefused(_("The module of this job is switched off here. Ask your head to switch it on."))
    if kind.as_system or scope.user_id is None:
        return
    if scope.reason is None and kind.permission not in scope.permissions:
        raise JobRefused(_("You do not hold the right to start this. Ask your head for it."))


def _with_key(kind: str, dedupe_key: str) -> Job | None:
    with all_departments("the same job is started once"):
        return db.session.scalar(sa.select(Job).where(Job.kind == kind, Job.dedupe_key == dedupe_key))


def _keep(job: Job, name: str, content: bytes) -> None:
    means = means_of()
    key = means.store.put(means.encrypt(content))
    db.session.info.setdefault(NEW_FILES, set()).add(key)
    db.session.add(
        JobFile(
            job_id=job.id,
            department_id=job.department_id,
            name=name[:200],
            size=len(content),
            stored_key=key,
            is_piece=True,
        )
    )


# Finding


def visible_jobs(*, whole_department: bool = False) -> sa.Select[Job]:
    """Return the query of the jobs that the acting user may see: his own, and with ``jobs.view`` those of the acting
    department and below.

    Args:
        whole_department: Whether those of others are included.
    """
    scope = require_scope()
    mine = Job.starter_id == (scope.user_id if scope.user_id is not None else -1)
    if whole_department and VIEW in scope.permissions:
        mine = sa.or_(mine, Job.department_id.in_(_departments_below(scope)))
    query = sa.select(Job).where(mine)
    if scope.project_ids is not None:
        query = query.where(sa.or_(Job.project_id.is_(None), Job.project_id.in_(sorted(scope.project_ids))))
    return query


def _departments_below(scope: Scope) -> list[int]:
    """Return the acting department and those below it: the work of those above is none of its business."""
    department = sa.table("department", sa.column("id", sa.BigInteger), sa.column("path", sa.String))
    here = sa.select(department.c.path).where(department.c.id == scope.department_id).scalar_subquery()
    below = sa.select(department.c.id).where(department.c.path.startswith(here))
    return list(db.session.execute(below).scalars())


def find_job(job_id: int) -> Job | None:
    """Return a job that the acting user may see, or None.

    Args:
        job_id: Its key.
    """
    query = visible_jobs(whole_department=True).where(Job.id == job_id)
    return db.session.scalar(query.execution_options(populate_existing=True))


def failures_of(job: Job, limit: int = 200) -> Sequence[JobFailure]:
    """Return what could not be done, in the order in which it happened."""
    query = sa.select(JobFailure).where(JobFailure.job_id == job.id).order_by(JobFailure.id).limit(limit)
    return db.session.scalars(query).all()


def log_of(job: Job, limit: int = 200) -> Sequence[JobLogLine]:
    """Return the newest lines of the log, the oldest of them first."""
    query = (
        sa.select(JobLogLine).where(JobLogLine.job_id == job.id).order_by(JobLogLine.id.desc()).limit(limit)
    )
    return list(reversed(db.session.scalars(query).all()))


def files_of(job: Job) -> Sequence[JobFile]:
    """Return the results that can be downloaded."""
    query = sa.select(JobFile).where(JobFile.job_id == job.id, JobFile.is_piece.is_(False))
    return db.session.scalars(query.order_by(JobFile.id)).all()


def may_download(job: Job) -> bool:
    """Return whether the acting user may have the files of a job: he started it, and still holds the right to it.

    What a file holds was read with the rights of its starter, so nobody else gets it.
    """
    scope = require_scope()
    if (
        scope.user_id is None
        or job.starter_id != scope.user_id
        or not may_run_now(job.kind, job.department_id)
    ):
        return False
    kind = kind_of(job.kind)
    permission = getattr(kind, "permission", None)
    return permission is None or permission in scope.permissions


def read_file(job: Job, file_id: int) -> tuple[JobFile, bytes]:
    """Return a result and its bytes, and write the download into the audit log.

    Args:
        job: A job that the acting user may see.
        file_id: The file.

    Raises:
        LookupError: The acting user may not have it, or it is not there any more.
    """
    query = sa.select(JobFile).where(
        JobFile.id == file_id, JobFile.job_id == job.id, JobFile.is_piece.is_(False)
    )
    found = db.session.scalar(query) if may_download(job) else None
    if found is None:
        raise LookupError(f"There is no file {file_id} of the job {job.id} for this user.")
    means = means_of()
    content = means.decrypt(means.store.read(found.stored_key))
    means.record_event("job_file_downloaded", job, file=found.name)
    return found, content


@dataclass(frozen=True)
class Unseen:
    """What the bell in the top bar shows.

    Attributes:
        ended: How many of the user's jobs have ended since he looked.
        active: How many wait or run.
    """

    ended: int
    active: int


def unseen() -> Unseen:
    """Return what the acting user's bell shows."""
    scope = current_scope()
    if scope is None or scope.user_id is None:
        return Unseen(0, 0)
    row = db.session.execute(_unseen_query(), {"starter_id": scope.user_id}).one()
    return Unseen(row[0], row[1])


@cache
def _unseen_query() -> sa.Select[int, int]:
    """Return the query of the numbers for the parameter ``starter_id``; it is asked for every page and built once."""
    ended = sa.func.count(Job.id).filter(Job.ended_at.is_not(None))
    active = sa.func.count(Job.id).filter(Job.ended_at.is_(None))
    return sa.select(ended, active).where(Job.starter_id == sa.bindparam("starter_id"), Job.seen_at.is_(None))


def take_notice(job_id: int | None = None) -> None:
    """Note that the acting user has seen how his jobs ended.

    Args:
        job_id: One job; all of them when left out.
    """
    scope = require_scope()
    change = sa.update(Job).where(
        Job.starter_id == scope.user_id, Job.ended_at.is_not(None), Job.seen_at.is_(None)
    )
    if job_id is not None:
        change = change.where(Job.id == job_id)
    db.session.execute(change.values(seen_at=utc_now()), execution_options={"synchronize_session": False})


def workers_are_there() -> bool:
    """Return whether a worker was seen lately; without one, jobs wait."""
    since = utc_now() - dt.timedelta(seconds=WORKER_SECONDS)
    return db.session.scalar(sa.select(JobWorker.name).where(JobWorker.seen_at >= since).limit(1)) is not None


def is_there(worker: JobWorker) -> bool:
    """Return whether a worker gave a sign of life lately."""
    return worker.seen_at >= utc_now() - dt.timedelta(seconds=WORKER_SECONDS)


def workers() -> Sequence[JobWorker]:
    """Return the workers that were seen within a day, the latest first."""
    return db.session.scalars(sa.select(JobWorker).order_by(JobWorker.seen_at.desc())).all()


@dataclass(frozen=True)
class TaskReport:
    """A periodic task and the last time that it ran.

    Attributes:
        task: The declaration.
        last: The newest of its jobs, or None.
    """

    task: PeriodicTask
    last: Job | None


def task_reports() -> Sequence[TaskReport]:
    """Return the periodic tasks whose modules are on anywhere, with their last jobs; for those who look after the
    installation."""
    tasks = [task for task in current_runtime().declared.periodic_tasks() if may_run_now(task.code, None)]
    with all_departments("how the periodic tasks of the installation are doing"):
        newest = sa.select(sa.func.max(Job.id)).where(Job.kind.in_([task.code for task in tasks]))
        last = {
            job.kind: job
            for job in db.session.scalars(sa.select(Job).where(Job.id.in_(newest.group_by(Job.kind))))
        }
    return [TaskReport(task, last.get(task.code)) for task in tasks]


def waiting_jobs() -> int:
    """Return how many jobs of the whole installation wait."""
    with all_departments("how many jobs of the installation wait"):
        count = sa.select(sa.func.count(Job.id)).where(Job.state == JobState.WAITING)
        return db.session.scalar(count) or 0


# Changing


def may_change(job: Job) -> bool:
    """Return whether the acting user may cancel and repeat a job: it is his own, or he holds ``jobs.manage``."""
    scope = require_scope()
    return job.starter_id == scope.user_id or MANAGE in scope.permissions


def cancel(job: Job) -> None:
    """Cancel a waiting job, or ask the worker of a running one to stop after the step that it is doing.

    What was done stays done.

    Args:
        job: A job that the acting user may see.

    Raises:
        JobRefused: It has ended, or the acting user may not.
    """
    _require_change(job)
    now = utc_now()
    ended = _change(
        job,
        Job.state == JobState.WAITING,
        state=JobState.CANCELLED,
        cancel_requested_at=now,
        ended_at=now,
        seen_at=now,
    )
    if not ended and not _change(job, Job.state == JobState.RUNNING, cancel_requested_at=now):
        raise JobRefused(_("This job has ended already."))
    ledger.say(
        db.session.connection(), job.id, job.department_id, _l("Cancelled by %(name)s.", name=_acting())
    )
    means_of().record_event("job_cancelled", job)


def repeat(job: Job) -> None:
    """Let an ended job go on with what failed or was not done; what was done is not done again.

    It acts as the user who started it first.

    Args:
        job: A job that the acting user may see.

    Raises:
        JobRefused: It has not ended, nothing of it failed, or the acting user may not.
    """
    _require_change(job)
    if not may_repeat(job):
        raise JobRefused(_("There is nothing to try again: all of it was done, or it has not ended yet."))
    keys, done, failed = _to_do_again(job)
    taken = _change(
        job,
        Job.state.in_(ENDED),
        state=JobState.WAITING,
        done=Job.done - done,
        failed=Job.failed - failed,
        error="",
        outcome="",
        ended_at=None,
        seen_at=None,
        cancel_requested_at=None,
        not_before=None,
        queued_at=utc_now(),
        attempts=0,
    )
    if not taken:
        raise JobRefused(_("This job is at work again already."))
    for part in (keys[start : start + 500] for start in range(0, len(keys), 500)):
        for model, column in ((JobStep, JobStep.key), (JobFailure, JobFailure.step_key)):
            db.session.execute(
                sa.delete(model).where(model.job_id == job.id, column.in_(part)),
                execution_options={"synchronize_session": False},
            )
    ledger.say(
        db.session.connection(), job.id, job.department_id, _l("Tried again by %(name)s.", name=_acting())
    )
    means_of().record_event("job_repeated", job)
    db.session.info[_RINGS] = True


def may_repeat(job: Job) -> bool:
    """Return whether something of an ended job is left to be done."""
    if job.state in (JobState.FAILED, JobState.CANCELLED):
        return True
    if job.state != JobState.DONE or not job.failed:
        return False
    step = sa.select(JobStep.id).where(JobStep.job_id == job.id, JobStep.failed).limit(1)
    thing = sa.select(JobFailure.id).where(JobFailure.job_id == job.id, JobFailure.again).limit(1)
    return db.session.scalar(step) is not None or db.session.scalar(thing) is not None


def _to_do_again(job: Job) -> tuple[list[str], int, int]:
    """Return the keys of the steps that are done once more, and how much of what was counted of them was done or not.

    These are the steps that failed, and those within which something failed that can be tried again.
    """
    within = sa.select(JobFailure.step_key).where(JobFailure.job_id == job.id, JobFailure.again)
    steps = db.session.execute(
        sa.select(JobStep.key, JobStep.size, JobStep.failed).where(
            JobStep.job_id == job.id, sa.or_(JobStep.failed, JobStep.key.in_(within))
        )
    ).all()
    counted = sa.select(JobFailure.step_key, sa.func.count()).where(JobFailure.job_id == job.id)
    things: dict[str, int] = dict(db.session.execute(counted.group_by(JobFailure.step_key)).all())
    done = failed = 0
    for step in steps:
        wrong = step.size if step.failed else min(step.size, things.get(step.key, 0))
        failed += wrong
        done += step.size - wrong
    return [step.key for step in steps], done, failed


def _change(job: Job, condition: sa.ColumnElement[bool], **values: Any) -> bool:
    result: Any = db.session.execute(
        sa.update(Job).where(Job.id == job.id, condition).values(values),
        execution_options={"synchronize_session": False},
    )
    db.session.expire(job)
    return bool(result.rowcount)


def _require_change(job: Job) -> None:
    if not may_change(job):
        raise JobRefused(_("Somebody else started this job. Ask him, or somebody who may manage jobs."))


def _acting() -> Text:
    user = g.get("_login_user")
    return getattr(user, "name", "") or _l("the system")


# Clearing


def clear(run: Any) -> None:
    """Remove results that are older than ``JOB_RESULT_DAYS``, and the rows of jobs that ended long ago.

    Args:
        run: The run of the periodic task.
    """
    days = current_app.config["JOB_RESULT_DAYS"]
    for _step in run.steps(["files"]):
        old = utc_now() - dt.timedelta(days=days)
        _clear_files(JobFile.job_id.in_(sa.select(Job.id).where(Job.ended_at < old)))
    for _step in run.steps(["jobs"]):
        of_system = sa.and_(
            Job.starter_id.is_(None),
            Job.state == JobState.DONE,
            Job.failed == 0,
            Job.ended_at < utc_now() - dt.timedelta(days=KEEP_SYSTEM_DAYS),
        )
        old_ones = sa.or_(of_system, Job.ended_at < utc_now() - dt.timedelta(days=KEEP_DAYS))
        _clear_files(JobFile.job_id.in_(sa.select(Job.id).where(old_ones)))
        db.session.execute(sa.delete(Job).where(old_ones), execution_options={"synchronize_session": False})


def _clear_files(condition: sa.ColumnElement[bool]) -> None:
    keys = db.session.scalars(sa.select(JobFile.stored_key).where(condition)).all()
    db.session.execute(sa.delete(JobFile).where(condition), execution_options={"synchronize_session": False})
    db.session.info.setdefault(GONE_FILES, set()).update(keys)
