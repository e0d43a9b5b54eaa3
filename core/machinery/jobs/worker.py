"""The worker: a process that takes up jobs, prolongs their leases, and starts periodic tasks."""

from __future__ import annotations

import datetime as dt
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable

from flask import Flask
from sqlalchemy.exc import OperationalError

from core.database.retrying import with_retries
from core.database.types import utc_now
from core.extensions import db
from core.machinery.jobs import ledger, periodic, services
from core.machinery.jobs.runs import Surroundings, execute

logger = logging.getLogger(__name__)

TICK_SECONDS = 2.0
GREETING_SECONDS = 15.0
REST_SECONDS = 15.0
"""So long the worker rests when the database cannot be reached."""
LONGEST_STEP_SECONDS = 1_800.0
"""The lease of a step that takes longer is not prolonged any more: it is taken for hanging."""


class Leases:
    """Prolongs the leases of the jobs that this process runs, in a thread of its own."""

    def __init__(self, app: Flask) -> None:
        """Nothing is held yet.

        Args:
            app: The application.
        """
        self._app = app
        self._lease = lease_of(app)
        self._touched: dict[str, float] = {}
        self._lock = threading.Lock()

    def touch(self, token: str) -> None:
        """Note that a step begins under a lease."""
        with self._lock:
            self._touched[token] = time.monotonic()

    def drop(self, token: str) -> None:
        """Prolong a lease no more."""
        with self._lock:
            self._touched.pop(token, None)

    def keep_up(self, stopping: threading.Event) -> None:
        """Prolong what is held, three times within a lease, until the event is set and nothing is held."""
        while True:
            stopping.wait(self._lease.total_seconds() / 3)
            with self._lock:
                limit = time.monotonic() - LONGEST_STEP_SECONDS
                held = [token for token, touched in self._touched.items() if touched > limit]
            if stopping.is_set():
                if not held:
                    return
                time.sleep(self._lease.total_seconds() / 3)
            for token in held:
                self._renew(token)

    def _renew(self, token: str) -> None:
        try:
            with self._app.app_context():
                ledger.renew(token, self._lease)
        except Exception:
            # On SQLite a step that writes keeps all others out, also those who would take the job over.
            logger.info("A lease could not be prolonged", exc_info=True)


def lease_of(app: Flask) -> dt.timedelta:
    """Return how long a job is held without a sign of life."""
    return dt.timedelta(seconds=app.config["JOB_LEASE_SECONDS"])


def work_through(
    app: Flask,
    stopping: Callable[[], bool] = lambda: False,
    *,
    worker: str = "",
    leases: Leases | None = None,
) -> int:
    """Take up one job after the other until none can be taken up any more.

    Args:
        app: The application.
        stopping: Tells whether the process is about to end.
        worker: Name of the worker, for the page.
        leases: Prolongs the leases; None for jobs that are quickly done.

    Returns:
        How many jobs were taken up.
    """
    means = services.means_of(app)
    around = Surroundings(
        act_as=means.act_as,
        store=means.store,
        encrypt=means.encrypt,
        decrypt=means.decrypt,
        stopping=stopping,
        touch=leases.touch if leases is not None else lambda token: None,
    )
    taken = 0
    while not stopping():
        with app.app_context():
            kinds = {each for each in ledger.ready_kinds() if services.may_run_now(*each)}
            db.session.rollback()
            held = ledger.claim(worker, lease_of(app), kinds)
            kind = services.kind_of(held.kind) if held is not None else None
        if held is None or kind is None:
            break
        taken += 1
        try:
            execute(app, held, kind, around)
        finally:
            if leases is not None:
                leases.drop(held.token)
    return taken


class Worker:
    """One worker process."""

    def __init__(self, app: Flask, threads: int) -> None:
        """Choose a name.

        Args:
            app: The application.
            threads: How many jobs run at once.
        """
        self.name = f"{socket.gethostname()[:80]}:{os.getpid()}:{secrets.token_hex(2)}"
        self._app = app
        self._threads = threads
        self._leases = Leases(app)
        self._unasked: threading.Thread | None = None
        """Works while the bell cannot be rung."""

    def run(self) -> None:
        """Work until the process is asked to end."""
        means = services.means_of(self._app)
        ended = threading.Event()
        keeping = threading.Thread(target=self._leases.keep_up, args=(ended,), name="leases", daemon=True)
        keeping.start()
        try:
            means.bell.listen(self._answer, self._threads, self._tick)
        finally:
            ended.set()
            self._leave()

    def _leave(self) -> None:
        try:
            with self._app.app_context():
                with_retries(lambda: ledger.leave(self.name))
        except OperationalError as busy:
            # Who looks at the workers sees by the time that this one is gone.
            logger.warning("The database is busy; the worker ends without saying so: %s", busy.orig)

    def _answer(self, stopping: Callable[[], bool]) -> None:
        """Take up what waits. When the database is busy for longer than statements wait, the next ring tries again."""
        try:
            work_through(self._app, stopping, worker=self.name, leases=self._leases)
        except OperationalError as busy:
            # A job that was at work keeps its lease until that runs out, and is then taken up where it was.
            logger.warning("The database is busy; the worker takes up jobs again soon: %s", busy.orig)

    def _work_unasked(self, stopping: threading.Event) -> None:
        """Take up what waits although nobody rings: the queue is gone, and the jobs are not."""
        if self._unasked is None or not self._unasked.is_alive():
            self._unasked = threading.Thread(target=self._answer, args=(stopping.is_set,), name="unasked")
            self._unasked.start()

    def _tick(self, stopping: threading.Event) -> None:
        """Every two seconds: say that we are there, start what is due, and ring for what nobody has heard of."""
        greeted = float("-inf")
        known: dict[str, dt.datetime] = {}
        while not stopping.is_set():
            try:
                with self._app.app_context():
                    if time.monotonic() - greeted > GREETING_SECONDS:
                        ledger.greet(self.name, self._threads)
                        greeted = time.monotonic()
                    periodic.start_due(utc_now(), known)
                    has_work = any(services.may_run_now(*each) for each in ledger.ready_kinds())
                    if has_work and not services.ring():
                        self._work_unasked(stopping)
                    db.session.remove()
            except OperationalError as busy:
                # On SQLite a step that writes for long keeps all others out.
                logger.warning(
                    "The database is busy; the worker looks at the clock again soon: %s", busy.orig
                )
            except Exception:
                logger.exception("The worker cannot look at the clock; it tries again in %s s", REST_SECONDS)
                stopping.wait(REST_SECONDS)
            stopping.wait(TICK_SECONDS)
