"""When periodic tasks are due, and that each is started once for its time."""

from __future__ import annotations

import contextvars
import datetime as dt
import json
import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from core.database.scope import Scope, use_scope
from core.database.types import LOCAL_ZONE, utc_now
from core.extensions import db
from core.machinery.jobs import ledger, periodic, services
from core.machinery.jobs.bell import HueyBell, SilentBell
from core.machinery.jobs.models import Job, JobState, JobWorker
from core.machinery.jobs.worker import Worker
from core.plugin_system.declarations import PeriodicTask
from core.testing import run_pending_jobs


def local(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=LOCAL_ZONE)


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("options", "now", "due"),
    [
        ({"minutes": 1}, "2026-11-27T10:00:59", "2026-11-27T10:00"),
        ({"minutes": 15}, "2026-11-27T10:14:59", "2026-11-27T10:00"),
        ({"minutes": 60}, "2026-11-27T10:59", "2026-11-27T10:00"),
        ({"daily_at": "03:20"}, "2026-11-27T03:19", "2026-11-26T03:20"),
        ({"daily_at": "03:20"}, "2026-11-27T03:20", "2026-11-27T03:20"),
        ({"daily_at": "00:00"}, "2026-11-27T23:59", "2026-11-27T00:00"),
    ],
)
def test_due(options, now, due) -> None:
    task = PeriodicTask("core.test", "", lambda run: None, **options)
    assert periodic.due_at(task, local(now)) == local(due).astimezone(dt.UTC)


def test_two_workers_start_a_task_once_and_not_while_it_runs(running_app, world, system, declare) -> None:
    ran: list[str] = []
    declare(lambda run: ran.append(run.title), minutes=5)
    now = local("2026-11-27T10:02")

    def started(moment: dt.datetime) -> int:
        with running_app.app_context(), use_scope(Scope(None, None, None, None)):
            before = db.session.scalar(sa.select(sa.func.count(Job.id)).where(Job.kind == "core.test"))
            db.session.rollback()
            periodic.start_due(moment, {})
            after = db.session.scalar(sa.select(sa.func.count(Job.id)).where(Job.kind == "core.test"))
            db.session.rollback()
        return after - before

    assert [started(now), started(now)] == [1, 0]
    assert started(now + dt.timedelta(minutes=5)) == 0, "the one before still waits"
    run_pending_jobs(running_app)
    assert ran == ["core.test"]
    assert started(now) == 0
    assert started(now + dt.timedelta(minutes=5)) == 1
    with system():
        reports = {each.task.code: each.last for each in services.task_reports()}
        assert reports["core.test"].state == JobState.WAITING
        assert reports["jobs.clear"] is not None


def test_a_worker_greets_and_leaves(running_app, world, system) -> None:
    with system():
        assert not services.workers_are_there()
        db.session.rollback()
        for _time in range(2):
            ledger.greet("one", 2)
        assert services.workers_are_there()
        db.session.rollback()
        ledger.leave("one")
        assert db.session.scalars(sa.select(JobWorker)).all() == []


@pytest.mark.no_database
def test_rings_are_heard_signed_and_do_not_pile_up(tmp_path) -> None:
    bell = HueyBell(tmp_path, "", "secret")
    for _ring in range(150):
        bell.ring()
    assert bell._open().pending_count() == 100
    heard: list[int] = []
    bell._answer = lambda stopping: heard.append(1)
    task = bell._open().dequeue()
    assert task is not None
    bell._open().execute(task)
    assert heard == [1]
    stranger = HueyBell(tmp_path, "", "another secret")
    with pytest.raises(Exception, match=r"(?i)signature|mismatch"):
        stranger._open().dequeue()
    with pytest.raises(RuntimeError):
        SilentBell().listen(lambda stopping: None, 1, lambda event: None)


@pytest.fixture
def broken_bell(running_app, monkeypatch):
    """A bell that cannot be rung; its workers have nothing but the clock."""

    class Broken(SilentBell):
        def ring(self) -> None:
            raise OSError("no space left")

        def listen(self, answer, threads, tick) -> None:
            end = threading.Timer(60, self.stopping.set)
            end.start()
            tick(self.stopping)
            end.cancel()

    bell = Broken()
    bell.stopping = threading.Event()
    means = services.Means(**{**services.means_of(running_app).__dict__, "bell": bell})
    monkeypatch.setitem(running_app.extensions, services.EXTENSION, means)
    return bell


def test_a_bell_that_cannot_be_rung_stops_nobody(
    running_app, world, scope_of, system, declare, broken_bell
) -> None:
    """Neither who starts a job nor the worker needs it: the worker takes up what it finds by itself."""

    def run(job) -> None:
        broken_bell.stopping.set()

    declare(run)
    with scope_of("engineer"):
        key = services.enqueue_job("core.test").id
        db.session.commit()
    worker = Worker(running_app, 1)
    contextvars.Context().run(worker.run)
    assert worker._unasked is not None
    worker._unasked.join(30)
    with system():
        assert db.session.get_one(Job, key).state == JobState.DONE


def test_a_busy_database_costs_the_worker_a_line_in_the_log_and_no_job(
    running_app, world, scope_of, declare, monkeypatch, caplog
) -> None:
    done, claim = [], ledger.claim
    declare(lambda run: done.append(run.job_id))
    with scope_of("engineer"):
        services.enqueue_job("core.test")
        db.session.commit()

    def locked(*_arguments: object) -> None:
        monkeypatch.setattr(ledger, "claim", claim)
        raise OperationalError("UPDATE job", {}, Exception("database is locked"))

    monkeypatch.setattr(ledger, "claim", locked)
    worker = Worker(running_app, 1)
    with caplog.at_level("WARNING", "core.machinery.jobs.worker"):
        worker._answer(lambda: False)
    assert not done and "database is locked" in caplog.text and "Traceback" not in caplog.text
    worker._answer(lambda: False)
    assert len(done) == 1


def test_the_health_page_tells_of_workers_and_tasks(running_app, world, sign_in, system) -> None:
    browser = sign_in("admin")
    assert "doorstep worker" in browser.get("/admin/health/").text
    with system():
        services.enqueue_job("audit.seal", dedupe_key="x")
        db.session.add(JobWorker(name="machine:1"))
        db.session.commit()
    run_pending_jobs(running_app)
    page = browser.get("/admin/health/").text
    assert "doorstep worker" not in page
    assert "machine:1" in page and "在线" in page and "已离线" not in page
    with system():
        db.session.add(JobWorker(name="machine:2", seen_at=utc_now() - dt.timedelta(minutes=5)))
        db.session.commit()
    assert "已离线" in browser.get("/admin/health/").text
    assert json.loads(browser.get("/admin/jobs/bell").data) == {"ended": 0, "active": 0}
