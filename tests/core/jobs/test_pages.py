"""The pages of jobs: whose are seen, what can be done with them, and the bell."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
import sqlalchemy as sa

from core.database.types import utc_now
from core.extensions import db
from core.machinery.audit.models import AuditEntry
from core.machinery.jobs import services
from core.machinery.jobs.models import Job, JobState, JobWorker
from core.machinery.jobs.runs import JobRun, StepFailed
from core.testing import run_pending_jobs


@pytest.fixture
def started(running_app: Any, world: Any, scope_of: Any, declare: Any) -> Any:
    """``started(run)`` declares a kind, starts a job of the engineer and returns its key."""

    def started(run: Any, **options: Any) -> int:
        declare(run)
        with scope_of("engineer"):
            key = services.enqueue_job("core.test", title="Letters of building 3", **options).id
            db.session.commit()
        return key

    return started


def letters(job: JobRun) -> None:
    for key in job.steps([1, 2, 3], name=lambda key: f"letter {key}"):
        if key == 2:
            raise StepFailed("The address is missing.")
        job.log(f"Letter {key} is ready.")
    job.result("letters.txt", "text/plain", "信".encode())
    job.outcome("Two letters are ready.")


def test_a_job_from_start_to_download(running_app, world, sign_in, system, started) -> None:
    key = started(letters, address="/admin/units/")
    browser = sign_in("engineer")
    page = browser.get(f"/admin/jobs/{key}/").text
    assert "Letters of building 3" in page
    assert "data-job-poll" in page
    assert "doorstep worker" in page, "nobody would run it"
    assert browser.get("/admin/counts").json["bell"] == {"ended": 0, "active": 1}
    with system():
        db.session.add(JobWorker(name="one"))
        db.session.commit()
    assert "doorstep worker" not in browser.get("/admin/jobs/").text

    run_pending_jobs(running_app)
    told = json.loads(browser.get(f"/admin/jobs/progress?ids={key},x,99").data)["jobs"]
    assert (told[str(key)]["done"], told[str(key)]["total"], told[str(key)]["active"]) == (3, 3, False)
    assert json.loads(browser.get("/admin/jobs/bell").data) == {"ended": 1, "active": 0}
    page = browser.get(f"/admin/jobs/{key}/").text
    for words in (
        "letter 2",
        "The address is missing.",
        "Letter 3 is ready.",
        "Two letters are ready.",
        "letters.txt",
    ):
        assert words in page
    assert "data-job-poll" not in page

    answer = browser.post("/admin/jobs/notice")
    assert answer.status_code == 302
    assert json.loads(browser.get("/admin/jobs/bell").data) == {"ended": 0, "active": 0}

    with system():
        file_id = services.files_of(db.session.get_one(Job, key))[0].id
    answer = browser.post(f"/admin/jobs/{key}/files/{file_id}")
    assert (answer.status_code, answer.data.decode()) == (200, "信")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "no-store" in answer.headers["Cache-Control"]
    with system():
        entry = db.session.scalars(
            sa.select(AuditEntry).where(AuditEntry.action == "job_file_downloaded")
        ).one()
        assert entry.user_id == world.users["engineer"]


def test_a_job_whose_worker_fell_silent_says_when_it_goes_on(running_app, sign_in, system, started) -> None:
    key = started(letters)
    browser, lease = sign_in("engineer"), dt.timedelta(seconds=running_app.config["JOB_LEASE_SECONDS"])
    for left, words in ((lease, "执行中"), (lease / 3, "已中断")):
        with system():
            job = db.session.get_one(Job, key)
            job.state, job.lease_until = JobState.RUNNING, utc_now() + left
            db.session.commit()
        told = json.loads(browser.get(f"/admin/jobs/progress?ids={key}").data)["jobs"]
        assert told[str(key)]["words"].startswith(words), told


def test_who_may_do_what(running_app, world, sign_in, system, started) -> None:
    key = started(letters)
    run_pending_jobs(running_app)
    with system():
        file_id = services.files_of(db.session.get_one(Job, key))[0].id
    for name in ("nobody", "sibling", "other"):
        browser = sign_in(name)
        assert browser.get(f"/admin/jobs/{key}/").status_code == 404
        assert json.loads(browser.get(f"/admin/jobs/progress?ids={key}").data) == {"jobs": {}}
        for address in (f"{key}/cancel", f"{key}/repeat", f"{key}/files/{file_id}"):
            assert browser.post(f"/admin/jobs/{address}").status_code == 404
        assert "Letters of building 3" not in browser.get("/admin/jobs/?of=department").text
    service = sign_in("service")
    assert "Letters of building 3" not in service.get("/admin/jobs/").text
    assert "Letters of building 3" in service.get("/admin/jobs/?of=department").text
    assert "letters.txt" not in service.get(f"/admin/jobs/{key}/").text
    assert service.post(f"/admin/jobs/{key}/files/{file_id}").status_code == 404
    assert service.post(f"/admin/jobs/{key}/repeat").status_code == 403
    with system():
        assert db.session.get_one(Job, key).state == JobState.DONE, "it takes jobs.manage"
    head = sign_in("head")
    assert head.post(f"/admin/jobs/{key}/repeat").status_code == 302
    with system():
        assert db.session.get_one(Job, key).state == JobState.WAITING
    assert head.post(f"/admin/jobs/{key}/cancel").status_code == 302
    with system():
        assert db.session.get_one(Job, key).state == JobState.CANCELLED
    page = head.get(f"/admin/jobs/{key}/").text
    assert "用户head" in page


def test_lists_filter_and_page(running_app, world, sign_in, started, scope_of, monkeypatch) -> None:
    monkeypatch.setattr("core.admin.jobs.PAGE_SIZE", 2)
    keys = [started(letters), started(lambda job: None), started(lambda job: None)]
    run_pending_jobs(running_app)
    browser = sign_in("engineer")
    page = browser.get("/admin/jobs/").text
    assert [f"/admin/jobs/{key}/" in page for key in keys] == [False, True, True]
    page = browser.get(f"/admin/jobs/?before={keys[1]}").text
    assert [f"/admin/jobs/{key}/" in page for key in keys] == [True, False, False]
    for query in ("state=trouble", "state=active", "state=nonsense&before=1,5&of=x"):
        assert browser.get(f"/admin/jobs/?{query}").status_code == 200
    assert "Letters" not in browser.get("/admin/jobs/?state=active").text


def test_anonymous_visitors_are_sent_to_the_sign_in(client, world) -> None:
    for address in ("", "1/", "bell", "progress"):
        assert client.get(f"/admin/jobs/{address}").status_code in (302, 401)


def test_the_check_of_the_audit_log(running_app, world, sign_in, system) -> None:
    browser = sign_in("admin")
    answer = browser.post("/admin/audit_log/check")
    assert answer.status_code == 302
    with system():
        services.enqueue_job("audit.seal")
        db.session.commit()
    told = {job.kind: job for job in run_pending_jobs(running_app)}
    assert told["audit.seal"].state == JobState.DONE
    assert told["audit.check"].state == JobState.DONE
    page = browser.get(answer.headers["Location"]).text
    assert told["audit.check"].outcome in page
    with system(), db.engine.begin() as connection:
        entry = AuditEntry.__table__
        first = connection.execute(sa.select(sa.func.min(entry.c.id))).scalar_one()
        connection.execute(sa.update(entry).where(entry.c.id == first).values(label="forged"))
    browser.post("/admin/audit_log/check")
    (again,) = run_pending_jobs(running_app)
    page = browser.get(f"/admin/jobs/{again.id}/").text
    assert "audit-log-check.txt" in page
