"""Workers meet: a job is taken up by one of them, and so is one whose worker is gone; a task is started once."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import sqlalchemy as sa

from core.database.types import utc_now
from core.extensions import db
from core.machinery.jobs import ledger
from core.machinery.jobs.models import Job, JobState
from core.machinery.jobs.periodic import start_due
from core.machinery.jobs.services import enqueue_job

WORKERS, JOBS = 4, 6
LEASE = dt.timedelta(minutes=1)


def together(app, work) -> list[Any]:
    """Let every worker do the same at the same moment, and return what each returned."""
    start, answers, errors = threading.Barrier(WORKERS), [], []

    def run(number: int) -> None:
        try:
            start.wait(30)
            with app.app_context():
                answers.append(work(number))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    return answers


def test_each_job_is_taken_up_by_one_worker_also_after_the_death_of_another(
    running_app, world, scope_of, system, declare
) -> None:
    declare(lambda run: None)
    with scope_of("engineer"):
        keys = [enqueue_job("core.test").id for _number in range(JOBS)]
        db.session.commit()
    with system():
        # The worker of half of them was killed: their leases have run out.
        gone = sa.update(Job).where(Job.id.in_(keys[::2]))
        db.session.execute(
            gone.values(state=JobState.RUNNING, lease_token="gone", lease_until=utc_now() - LEASE, attempts=1)
        )
        db.session.commit()

    def take_all(number: int) -> list[ledger.Claim]:
        found = []
        while claim := ledger.claim(f"worker {number}", LEASE, ledger.ready_kinds()):
            found.append(claim)
        return found

    claims = [claim for found in together(running_app, take_all) for claim in found]
    assert sorted(claim.job_id for claim in claims) == sorted(keys)
    assert {claim.job_id: claim.attempts for claim in claims} == {
        key: 2 if key in keys[::2] else 1 for key in keys
    }
    with system():
        held = dict(db.session.execute(sa.select(Job.id, Job.lease_token).where(Job.id.in_(keys))).all())
    assert held == {claim.job_id: claim.token for claim in claims}


def test_a_periodic_task_is_started_by_one_worker(running_app, world, system, declare) -> None:
    declare(lambda run: None, "core.test_of_racing", minutes=5)
    now = utc_now()
    together(running_app, lambda _number: start_due(now, {}))
    with system():
        keys = db.session.scalars(sa.select(Job.dedupe_key).where(Job.kind == "core.test_of_racing")).all()
    assert len(keys) == 1
