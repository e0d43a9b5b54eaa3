"""Running a job: its steps, each one transaction with its mark, and what a handler may do meanwhile."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from flask import Flask, g
from flask_babel import force_locale
from flask_babel import lazy_gettext as _l

from core.database.reading import reading_only
from core.database.scope import Scope, all_departments, replace_outermost_scope, use_scope
from core.extensions import db
from core.languages import Text, worded
from core.machinery.jobs import ledger
from core.machinery.jobs.ledger import Claim, LeaseLost
from core.machinery.jobs.models import Job, JobState
from core.plugin_system.declarations import JobKind, PeriodicTask
from core.plugin_system.dispatch import PluginFailed

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 8
"""So often a step may take its worker down before it is marked as failed and the job goes on without it."""
RIGHTS_SECONDS = 5.0
"""After this time the rights of the starter are looked at again, before the next step."""
_TRANSIENT_TRIES = 4
_LONGEST_KEY = 120

Key = TypeVar("Key")


class StepFailed(Exception):
    """A step cannot be done. The rest of the job goes on.

    Args:
        sentence: Why, in a full sentence for whoever reads it: a lazy text, ``_l("…")``.
        subject: What the step is about, as staff know it; the step's name when left out.
    """

    def __init__(self, sentence: Text, subject: Text = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.subject = subject

    def __str__(self) -> str:
        return str(self.sentence)


class Cancelled(BaseException):
    """Somebody asked to cancel the job; seen between steps."""


class Stopped(BaseException):
    """The worker is about to end; the job is given back between steps."""


class NotAllowed(BaseException):
    """The starter may no longer do this."""


class Standing(Protocol):
    """A member of staff and what he may see and do now; :class:`core.people.request_scope.Standing` is one."""

    @property
    def user(self) -> Any:
        """The account."""

    @property
    def scope(self) -> Scope:
        """What he may see and do."""


ActAs = Callable[[int, int | None], Standing | None]
"""Returns how an account stands in a department now; None when it is deactivated or does not belong there any more."""


class Store(Protocol):
    """Where the bytes of results lie."""

    def put(self, content: bytes) -> str:
        """Store ``content`` durably and return its key."""

    def read(self, key: str) -> bytes:
        """Return the content."""

    def remove(self, key: str) -> None:
        """Remove the content."""


@dataclass(frozen=True)
class Surroundings:
    """What running a job takes from elsewhere.

    Attributes:
        act_as: Tells how the starter stands now.
        store: Keeps the bytes of files.
        encrypt: Encrypts the bytes of a file.
        decrypt: Decrypts them.
        stopping: Whether the worker is about to end.
        touch: Called with the token at each step, so that the lease is prolonged while the step runs.
    """

    act_as: ActAs
    store: Store
    encrypt: Callable[[bytes], bytes]
    decrypt: Callable[[bytes], bytes]
    stopping: Callable[[], bool] = lambda: False
    touch: Callable[[str], None] = lambda token: None


@dataclass
class _Current:
    """The step that is being done."""

    key: str
    size: int
    subject: Text
    failures: list[tuple[Text, Text, bool]] = field(default_factory=list)


class JobRun:
    """One run of a job; the argument of its function.

    Attributes:
        payload: What was given to :func:`enqueue_job`.
        job_id: Key of the job.
        title: What staff read.
        department_id: Where the job acts; None for the system.
        project_id: The project that it was started for, or None.
        starter_id: The account that started it, or None.
    """

    def __init__(self, held: Claim, job: Job, around: Surroundings) -> None:
        """Made by the worker alone."""
        self.payload: Mapping[str, Any] = job.payload or {}
        self.job_id = job.id
        self.title = job.title
        self.department_id = job.department_id
        self.project_id = job.project_id
        self.starter_id = job.starter_id
        self._held = held
        self._around = around
        self._current: _Current | None = None
        self._outcome: Text | None = None
        self._tries: dict[str, int] = {}
        self._is_suspect = held.attempts > MOST_ATTEMPTS
        self._check_rights: Callable[[], None] = lambda: None

    def steps(
        self,
        keys: Iterable[Key],
        *,
        size: int | Callable[[Key], int] = 1,
        name: Callable[[Key], Text] | None = None,
    ) -> Iterator[Key]:
        """Yield the keys whose step is not done yet, one after the other::

            for unit_id in run.steps(unit_ids):
                send_letter(unit_id)

        The body of the loop is one transaction. When it ends, what it changed is committed together with the mark of
        the key; a worker that is killed before leaves nothing behind, and the step is done again. When it raises, what
        it changed is rolled back, the key is marked as failed with the reason, and the job goes on: then the function
        of the job is called again from its beginning and gets the keys that are left. So nothing may be kept in
        variables across steps; use :meth:`keep`, or rows. The body must not commit. A step that is left by ``break`` is
        rolled back and done in the next run.

        What the function has written before the first step is committed before it.

        Args:
            keys: Numbers or short texts that name the steps; the same in each run. Two loops of one job need different
                keys. Texts may have 120 characters.
            size: For how many of the job's total a step stands, for example the rows of a portion.
            name: Returns what a failed step is about, as staff know it; the key when left out.

        Raises:
            ValueError: Two keys are the same, or one is too long.
        """
        for key, current in self._pending(keys, size, name):
            self._current = current
            try:
                yield key
            except GeneratorExit:
                # The step raised, or the loop was left in the middle of it.
                if self._current is current:
                    db.session.rollback()
                raise
            self._finish(current)

    def each(
        self,
        keys: Iterable[Key],
        do: Callable[[Key], Any],
        *,
        size: int | Callable[[Key], int] = 1,
        name: Callable[[Key], Text] | None = None,
    ) -> None:
        """Call ``do`` with each key whose step is not done yet; like :meth:`steps`, but a failure does not start the
        function of the job anew. Use it where many steps may fail.

        Args:
            keys: As for :meth:`steps`.
            do: Does one step; raises :class:`StepFailed` when it cannot.
            size: As for :meth:`steps`.
            name: As for :meth:`steps`.
        """
        for key, current in self._pending(keys, size, name):
            while True:
                self._current = current
                try:
                    do(key)
                    self._finish(current)
                except LeaseLost:
                    raise
                except (Exception, SystemExit) as error:
                    if self._tries_again(error):
                        continue
                    self._fail(error)
                break

    def total(self, number: int) -> None:
        """Tell how much there is to do, where the keys of the steps do not tell it from the beginning.

        Args:
            number: The whole, in the unit of the steps' size. It never gets smaller.
        """
        ledger.advance(self._connection(), self._held, total=number)

    def note_failure(self, subject: Text, reason: Text, *, again: bool = False) -> None:
        """Record, within a step, one thing that could not be done, while the step itself is done.

        It counts as one of the step's size.

        Args:
            subject: What it is about, as staff know it; no personal values.
            reason: Why, a full sentence: a lazy text, ``_l("…")``, so that each reads it in his language.
            again: Whether the step is done once more when somebody tries the job again. What was done in it before must
                then not be done twice: keep with :meth:`keep` what that is. Else the step keeps its mark.

        Raises:
            RuntimeError: No step is being done.
        """
        if self._current is None:
            raise RuntimeError("note_failure belongs into a step.")
        self._current.failures.append((worded(subject), worded(reason), again))

    def log(self, text: Text) -> None:
        """Write a line into the log of the job, in the transaction of the step.

        Args:
            text: A sentence, ``_l("…")``, at most 500 characters; no personal values.
        """
        ledger.say(self._connection(), self.job_id, self.department_id, text)

    def outcome(self, sentence: Text) -> None:
        """Say what came out; it stands above the list of files when the job has ended.

        Args:
            sentence: A sentence, ``_l("…")``, at most 500 characters.
        """
        self._outcome = worded(sentence)

    def result(self, file_name: str, content_type: str, content: bytes | Path) -> None:
        """Keep a file for the starter to download; one of the same name is replaced.

        Args:
            file_name: Its name with its ending.
            content_type: Its media type, for example ``application/pdf``.
            content: Its bytes, or the path of a file, which stays where it is.
        """
        self._put(file_name, content_type, content, is_piece=False)

    def keep(self, name: str, content: bytes) -> None:
        """Keep a piece that later steps, or a later run, go on with. It goes when the job has ended well.

        Args:
            name: Any name of at most 200 characters; one of the same name is replaced.
            content: Its bytes.
        """
        self._put(name, "application/octet-stream", content, is_piece=True)

    def kept(self, name: str) -> bytes | None:
        """Return a piece that :meth:`keep` or :func:`enqueue_job` kept, or None.

        Args:
            name: Its name.
        """
        key = ledger.file_key(self._connection(), self.job_id, name, is_piece=True)
        return None if key is None else self._around.decrypt(self._around.store.read(key))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read without locking others out: on SQLite a step else holds the only writer's place from its first query.

        Use it around queries that are followed by slow work (laying out a document), before anything is written. What
        was loaded is loaded again when it is used after the block.
        """
        with reading_only():
            yield

    # What follows is the worker's

    def _connection(self) -> sa.Connection:
        return db.session.connection()

    def _pending(
        self, keys: Iterable[Key], size: int | Callable[[Key], int], name: Callable[[Key], Text] | None
    ) -> Iterator[tuple[Key, _Current]]:
        wanted = [
            (
                key,
                _Current(
                    str(key),
                    size(key) if callable(size) else size,
                    name(key) if name is not None else str(key),
                ),
            )
            for key in keys
        ]
        names = {current.key for _key, current in wanted}
        if len(names) != len(wanted):
            raise ValueError("Two steps of a job have the same key.")
        if any(len(each) > _LONGEST_KEY for each in names):
            raise ValueError(f"The key of a step is longer than {_LONGEST_KEY} characters.")
        connection = self._connection()
        behind, marked = ledger.account(connection, self._held)
        pending = [(key, current) for key, current in wanted if current.key not in marked]
        total = behind + sum(current.size for _key, current in pending)
        cancelled = ledger.advance(connection, self._held, total=total)
        db.session.commit()
        self._checkpoint(cancelled)
        for key, current in pending:
            if self._is_suspect:
                self._is_suspect = False
                self._current = current
                self._fail(StepFailed(_suspicion()))
                continue
            self._around.touch(self._held.token)
            yield key, current

    def _finish(self, current: _Current) -> None:
        db.session.flush()
        connection = self._connection()
        failed = min(len(current.failures), current.size)
        cancelled = ledger.advance(connection, self._held, done=current.size - failed, failed=failed)
        ledger.mark(connection, self._held, current.key, current.size)
        for subject, reason, again in current.failures:
            ledger.note_failure(
                connection, self._held, current.key, subject, reason, of_whole_step=False, again=again
            )
        db.session.commit()
        self._current = None
        self._checkpoint(cancelled)

    def _fail(self, error: BaseException) -> None:
        """Mark the current step as failed."""
        current = self._current
        assert current is not None  # noqa: S101 (the callers asked)
        db.session.rollback()
        sentence = _sentence_of(error, f"job {self.job_id}, step {current.key}")
        connection = self._connection()
        cancelled = ledger.advance(connection, self._held, failed=current.size)
        ledger.mark(connection, self._held, current.key, current.size, failed=True)
        ledger.note_failure(
            connection,
            self._held,
            current.key,
            getattr(error, "subject", "") or current.subject,
            sentence,
            of_whole_step=True,
        )
        db.session.commit()
        self._current = None
        self._checkpoint(cancelled)

    def _checkpoint(self, cancelled: bool) -> None:
        if cancelled:
            raise Cancelled
        if self._around.stopping():
            raise Stopped
        self._check_rights()

    def _tries_again(self, error: BaseException) -> bool:
        """Return whether what was being done is tried again, because the database was busy; waits a moment then."""
        if not isinstance(error, sa.exc.OperationalError):
            return False
        where = self._current.key if self._current is not None else ""
        self._tries[where] = self._tries.get(where, 0) + 1
        if self._tries[where] >= _TRANSIENT_TRIES:
            return False
        db.session.rollback()
        time.sleep(0.1 * 2 ** self._tries[where])
        return True

    def _put(self, name: str, content_type: str, content: bytes | Path, *, is_piece: bool) -> None:
        name = name.replace("/", "_").replace("\\", "_")[:200]
        plain = content.read_bytes() if isinstance(content, Path) else content
        key = self._around.store.put(self._around.encrypt(plain))
        former = ledger.put_file(
            self._connection(), self._held, name, content_type, len(plain), key, is_piece=is_piece
        )
        db.session.info.setdefault(NEW_FILES, set()).add(key)
        if former is not None:
            db.session.info.setdefault(GONE_FILES, set()).add(former)


NEW_FILES, GONE_FILES = "doorstep.jobs.new_files", "doorstep.jobs.gone_files"
"""Under these names the session keeps what is to be removed from the store when its transaction is rolled back, and
when it is committed."""


def _suspicion() -> Text:
    return _l(
        "The worker was ended %(times)s times while it did this. Ask your administrator to look into the log of the "
        "server for that time.",
        times=MOST_ATTEMPTS,
    )


def _sentence_of(error: BaseException, where: str) -> Text:
    if isinstance(error, StepFailed):
        return error.sentence
    if isinstance(error, PluginFailed):
        return str(error)
    incident = secrets.token_hex(4)
    logger.error("%s failed, incident %s", where, incident, exc_info=error)
    return _l(
        "An unexpected error occurred. Tell your administrator the incident number %(incident)s.",
        incident=incident,
    )


def execute(app: Flask, held: Claim, kind: JobKind | PeriodicTask, around: Surroundings) -> None:
    """Run a job that this worker holds, to its end or until something stops it.

    Args:
        app: The application.
        held: The job.
        kind: What declares its function.
        around: What running takes from elsewhere.
    """
    with app.app_context():
        try:
            _execute(held, kind, around)
        except LeaseLost as lost:
            db.session.rollback()
            logger.warning("%s", lost)
        finally:
            db.session.remove()


def _execute(held: Claim, kind: JobKind | PeriodicTask, around: Surroundings) -> None:
    with all_departments("taking up a job"):
        db.session.connection(execution_options={"read_only": True})
        job = db.session.get(Job, held.job_id)
        if job is None:
            return
        run = JobRun(held, job, around)
        starter_id, department_id = job.starter_id, job.department_id
        db.session.rollback()
    as_system = isinstance(kind, PeriodicTask) or kind.as_system
    try:
        if as_system:
            scope = Scope(starter_id, department_id, None, None, reason=f"the job {kind.code}")
            with use_scope(scope):
                _work(run, kind, of_system=starter_id is None)
            return
        standing = _standing(around, starter_id, department_id, kind)
        g._login_user = standing.user
        with force_locale(standing.user.locale), use_scope(standing.scope):
            run._check_rights = _rights_checker(around, starter_id, department_id, kind)
            _work(run, kind, of_system=False)
    except NotAllowed:
        db.session.rollback()
        with use_scope(Scope()):
            ledger.end(db.session.connection(), held, JobState.FAILED, error=_not_allowed())
            db.session.commit()


def _standing(
    around: Surroundings, starter_id: int | None, department_id: int | None, kind: JobKind | PeriodicTask
) -> Standing:
    standing = around.act_as(starter_id, department_id) if starter_id is not None else None
    if standing is not None:
        # The audit log writes down the name of an account that is loaded, and none else.
        db.session.expunge(standing.user)
    db.session.rollback()
    permission = getattr(kind, "permission", None)
    if standing is None or permission is None or permission not in standing.scope.permissions:
        raise NotAllowed
    return standing


def _rights_checker(
    around: Surroundings, starter_id: int | None, department_id: int | None, kind: JobKind | PeriodicTask
) -> Callable[[], None]:
    """Return what looks at the rights of the starter again when :data:`RIGHTS_SECONDS` have passed."""
    last = time.monotonic()

    def check() -> None:
        nonlocal last
        if time.monotonic() - last < RIGHTS_SECONDS:
            return
        last = time.monotonic()
        db.session.connection(execution_options={"read_only": True})
        replace_outermost_scope(_standing(around, starter_id, department_id, kind).scope)

    return check


def _not_allowed() -> Text:
    return _l(
        "Whoever started this is deactivated, no longer belongs to the department, or no longer holds the right to it. "
        "Somebody who holds it must start it anew."
    )


def _work(run: JobRun, kind: JobKind | PeriodicTask, *, of_system: bool) -> None:
    held = run._held
    while True:
        try:
            if run._around.stopping():
                raise Stopped
            if held.attempts > MOST_ATTEMPTS + 1:
                _end(run, JobState.FAILED, error=_suspicion(), of_system=of_system)
                return
            run._around.touch(held.token)
            kind.run(run)
            run._current = None
            db.session.flush()
            _end(run, JobState.DONE, of_system=of_system)
            return
        except Stopped:
            db.session.rollback()
            ledger.release(held)
            return
        except Cancelled:
            db.session.rollback()
            _end(run, JobState.CANCELLED, of_system=of_system)
            return
        except LeaseLost:
            raise
        except (Exception, SystemExit) as error:
            if run._tries_again(error):
                continue
            if run._current is None:
                db.session.rollback()
                sentence = _sentence_of(error, f"job {run.job_id}")
                _end(run, JobState.FAILED, error=sentence, of_system=of_system)
                return
            try:
                run._fail(error)
            except Cancelled:
                _end(run, JobState.CANCELLED, of_system=of_system)
                return
            except Stopped:
                ledger.release(held)
                return


def _end(run: JobRun, state: JobState, *, error: Text = "", of_system: bool) -> None:
    connection = run._connection()
    ledger.end(connection, run._held, state, error=error, outcome=run._outcome, of_system=of_system)
    # A job that can be tried again keeps what it was given.
    complete = state is JobState.CANCELLED or (
        state is JobState.DONE
        and not connection.execute(sa.select(Job.failed).where(Job.id == run.job_id)).scalar()
    )
    gone = ledger.forget_pieces(connection, run.job_id) if complete else []
    db.session.info.setdefault(GONE_FILES, set()).update(gone)
    db.session.commit()
