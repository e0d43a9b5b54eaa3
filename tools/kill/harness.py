"""Starts workers as processes, kills them at random points, and compares the end with a run that nobody disturbed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from core.extensions import db
from core.machinery.jobs import services
from core.machinery.jobs.bell import HueyBell
from core.machinery.jobs.models import Job, JobState
from core.machinery.jobs.worker import Worker
from core.plugin_system.runtime import current_runtime
from core.testing.databases import States
from core.testing.snapshots import Snapshot, differences, snapshot

SIGNALS = (signal.SIGKILL, signal.SIGTERM)
LONGEST_SECONDS = 3_600.0
"""Only what hangs takes so long, also on a machine that has much else to do."""
_LOOK_SECONDS = 0.01
_SHORTEST_SECONDS = 0.05
"""Within which a worker is killed at least, after it has taken up the work."""


@dataclass(frozen=True)
class Scenario:
    """Work that is killed.

    Attributes:
        name: Its word on the command line and in the report.
        prepare: Makes the rows and starts the jobs, inside an application context, and commits.
        ignored: Columns that hold keys of new rows or encrypted values, as ``table.column``.
        tell: Says in words what is there at the end, for the report.
        content: Returns what the files of the job hold, to be compared.
        settle: Does at the end what is left to people, and counts; for work of which not everything can be known.
        by_people: Entries of the audit log about that, which are not compared.
    """

    name: str
    prepare: Callable[[Flask], None]
    ignored: frozenset[str] = frozenset()
    tell: Callable[[], str] = lambda: ""
    content: Callable[[], Any] = lambda: None
    settle: Callable[[], Settled] | None = None
    by_people: frozenset[str] = frozenset()


@dataclass
class Settled:
    """What was found before people had their say.

    Attributes:
        lost: What should be there and is not.
        doubled: What was done twice.
        counts: What else there was, in words, with its number.
        faults: What is wrong, in words.
    """

    lost: int = 0
    doubled: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


@dataclass
class Result:
    """What came of it.

    Attributes:
        scenario: Name of the scenario.
        kills: How often a worker was killed, by signal.
        rounds: How often the work was begun anew, because it was done before all kills were.
        lost: Rows of the undisturbed run that the disturbed ones lack.
        doubled: Rows that the disturbed runs have too many.
        undisturbed_seconds: How long the work takes when nobody disturbs it.
        told: What was there at the end.
        counts: What else happened in all rounds, in words, with its number.
        differences: The first of the rows that differ.
    """

    scenario: str
    kills: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    lost: int = 0
    doubled: int = 0
    undisturbed_seconds: float = 0.0
    told: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


class Killer:
    """Runs scenarios on the database of one application.

    Args:
        app: The application; its database holds what scenarios build on. Periodic tasks are taken out of it.
        states: Brings the database back to where a scenario begins.
        rng: Chooses the points and the signals.
        start: Name of the state on which scenarios build.
    """

    def __init__(self, app: Flask, states: States, rng: random.Random, start: str) -> None:
        self._app, self._states, self._rng, self._start = app, states, rng, start
        with app.app_context():
            url = db.engine.url
        # A look from outside must not meet the connections that workers inherit.
        self._outside = sa.create_engine(url, poolclass=sa.NullPool)
        self._periodic = dict(current_runtime(app).declared._periodic_tasks)

    def run(self, scenario: Scenario, kills: int) -> Result:
        """Run a scenario undisturbed, and then with so many kills.

        Args:
            scenario: The work.
            kills: How often a worker is killed at least.
        """
        result = Result(scenario.name)
        current_runtime(self._app).declared._periodic_tasks.clear()
        try:
            self._states.restore(self._start, even_if_unchanged=True)
            with self._app.app_context():
                scenario.prepare(self._app)
                db.session.remove()
            self._states.remember(scenario.name)
            began = time.monotonic()
            self._finish()
            result.undisturbed_seconds = time.monotonic() - began
            self._settle(scenario, result)
            wanted = self._snapshot(scenario)
            with self._app.app_context():
                result.told = scenario.tell()
                db.session.remove()
            while sum(result.kills.values()) < kills:
                self._states.restore(scenario.name, even_if_unchanged=True)
                result.rounds += 1
                self._disturb(result, kills)
                self._settle(scenario, result)
                self._compare(result, wanted, self._snapshot(scenario))
        finally:
            current_runtime(self._app).declared._periodic_tasks.update(self._periodic)
        return result

    def close(self) -> None:
        """Forget the look from outside."""
        self._outside.dispose()

    def _disturb(self, result: Result, kills: int) -> None:
        spread = max(_SHORTEST_SECONDS, result.undisturbed_seconds / 4)
        known: set[str] = set()
        deadline = time.monotonic() + LONGEST_SECONDS
        while sum(result.kills.values()) < kills:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{result.scenario} did not end within {LONGEST_SECONDS:.0f} seconds.")
            pid = self._start_worker()
            token = self._wait_for_work(pid, known)
            if token is None:
                _end(pid, signal.SIGTERM)
                return
            known.add(token)
            time.sleep(self._rng.uniform(0, spread))
            chosen = self._rng.choice(SIGNALS)
            if self._active() and _is_there(pid):
                os.kill(pid, chosen)
                result.kills[chosen.name] += 1
                _wait(pid)
            else:
                # All was done before: the undisturbed run took longer, as on a machine that had much else to do.
                _end(pid, signal.SIGTERM)
                spread = max(_SHORTEST_SECONDS, spread / 2)
        self._finish()

    def _wait_for_work(self, pid: int, known: set[str]) -> str | None:
        """Return the token of a job that the worker has just taken up; None when all jobs have ended."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline:
            jobs = self._jobs()
            if all(job.ended_at is not None for job in jobs):
                return None
            for job in jobs:
                if job.state == JobState.RUNNING and job.lease_token not in known:
                    return str(job.lease_token)
            time.sleep(_LOOK_SECONDS)
        _end(pid, signal.SIGKILL)
        raise TimeoutError("The worker takes up nothing.")

    def _finish(self) -> None:
        """Let a worker do what is left."""
        pid = self._start_worker()
        deadline = time.monotonic() + LONGEST_SECONDS
        while self._active():
            if time.monotonic() > deadline:
                _end(pid, signal.SIGKILL)
                raise TimeoutError(f"The work did not end within {LONGEST_SECONDS:.0f} seconds.")
            time.sleep(_LOOK_SECONDS)
        _end(pid, signal.SIGTERM)

    def _settle(self, scenario: Scenario, result: Result) -> None:
        if scenario.settle is None:
            return
        with self._app.app_context():
            found = scenario.settle()
            db.session.remove()
        result.lost += found.lost
        result.doubled += found.doubled
        result.counts += found.counts
        result.differences += found.faults[: max(0, 20 - len(result.differences))]

    def _jobs(self) -> list[Any]:
        table: Any = Job.__table__
        query = sa.select(table.c.state, table.c.lease_token, table.c.ended_at)
        with self._outside.connect() as connection:
            return list(connection.execute(query))

    def _active(self) -> bool:
        return any(job.ended_at is None for job in self._jobs())

    def _start_worker(self) -> int:
        """Start a worker process: a copy of this one, so that it is at work within a moment."""
        with self._app.app_context():
            db.session.remove()
            db.engine.dispose()
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            # Fault handlers and signal handlers of the parent are none of the worker's business.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            means = services.means_of(self._app)
            bell = HueyBell(Path(self._app.instance_path), "", str(self._app.config["SECRET_KEY"]))
            self._app.extensions[services.EXTENSION] = replace(means, bell=bell)
            Worker(self._app, threads=1).run()
            code = 0
        finally:
            os._exit(code)

    # Comparing

    def _snapshot(self, scenario: Scenario) -> dict[str, Counter[str]]:
        """Return all rows as plain values without what differs from run to run, and what was logged of them."""
        with self._outside.connect() as connection:
            found = snapshot(connection, scenario.ignored)
        found["audit_entry"] = Counter(
            {
                line: times
                for line, times in found["audit_entry"].items()
                if not line.startswith(tuple(f"('{action}'" for action in scenario.by_people))
            }
        )
        with self._app.app_context():
            found["files of the job"] = Counter([repr(scenario.content())])
            db.session.remove()
        return found

    @staticmethod
    def _compare(result: Result, wanted: Snapshot, found: Snapshot) -> None:
        for name, what, row, times in differences(wanted, found):
            result.lost += times if what == "lost" else 0
            result.doubled += times if what != "lost" else 0
            if len(result.differences) < 20:
                result.differences.append(f"{name}, {what} ({times}): {row[:400]}")


def _is_there(pid: int) -> bool:
    """Return whether a child has not ended yet."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _wait(pid: int, seconds: float = 60.0) -> None:
    """Wait for the end of a child; one that takes too long to end in good order is killed."""
    deadline = time.monotonic() + seconds
    while _is_there(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    os.waitpid(pid, 0)


def _end(pid: int, number: signal.Signals) -> None:
    if _is_there(pid):
        os.kill(pid, number)
    _wait(pid)
