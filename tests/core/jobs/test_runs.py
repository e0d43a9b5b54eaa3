"""Jobs run as steps: what is killed is done again, what is done is not; rights, failures, cancelling, repeating."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from core.database.scope import all_departments, require_scope
from core.database.types import utc_now
from core.extensions import db
from core.machinery.audit.models import AuditEntry
from core.machinery.jobs import ledger, services
from core.machinery.jobs.models import Job, JobFailure, JobFile, JobLogLine, JobState, JobStep
from core.machinery.jobs.runs import MOST_ATTEMPTS, JobRun, StepFailed
from core.people import services as people
from core.people.models import User
from core.projects.models import Project, Unit
from core.testing import run_pending_jobs

LEASE = dt.timedelta(seconds=60)


def start(scope_of: Any, who: str = "engineer", **options: Any) -> int:
    with scope_of(who):
        job = services.enqueue_job("core.test", **options)
        key = job.id
        db.session.commit()
    return key


def rename(unit_id: int, text: str) -> None:
    unit = db.session.get_one(Unit, unit_id)
    unit.number = text


def test_steps_are_done_once_each_and_counted(running_app, world, scope_of, system, declare) -> None:
    seen: list[Any] = []

    def run(job: JobRun) -> None:
        for unit_id in job.steps(job.payload["units"], size=10):
            seen.append((unit_id, require_scope().user_id, str(services._acting())))
            rename(unit_id, f"N{unit_id}")
            job.log("Renamed.")
        job.result("list.txt", "text/plain", b"made")
        job.outcome("All renamed.")

    declare(run)
    units = list(world.own.unit_ids)
    key = start(scope_of, payload={"units": units})
    (told,) = run_pending_jobs(running_app)
    assert (told.id, told.state, told.done, told.failed) == (key, JobState.DONE, 10 * len(units), 0)
    assert told.outcome == "All renamed."
    assert [unit for unit, _user, _name in seen] == units
    assert {(user, name) for _unit, user, name in seen} == {(world.users["engineer"], "用户engineer")}
    with system():
        job = db.session.get_one(Job, key)
        assert (job.total, job.lease_token, job.seen_at) == (10 * len(units), None, None)
        assert len(db.session.scalars(sa.select(JobLogLine).where(JobLogLine.job_id == key)).all()) == len(
            units
        )
        query = sa.select(AuditEntry).where(AuditEntry.record_kind == "unit", AuditEntry.action == "changed")
        entry = db.session.scalars(query.order_by(AuditEntry.id.desc())).first()
        assert entry.user_name == "用户engineer"
        file = db.session.scalars(sa.select(JobFile)).one()
        file_id = file.id
        assert b"made" not in services.means_of().store.read(file.stored_key)
    assert run_pending_jobs(running_app) == []
    with scope_of("engineer"):
        found = services.find_job(key)
        assert found is not None
        assert services.read_file(found, file_id)[1] == b"made"


def test_a_failed_step_is_rolled_back_with_its_reason_and_can_be_tried_again(
    running_app, world, scope_of, system, declare
) -> None:
    units = list(world.own.unit_ids)
    is_broken = [True]

    def run(job: JobRun) -> None:
        for unit_id in job.steps(units, name=lambda key: f"unit {key}"):
            rename(unit_id, f"N{unit_id}")
            db.session.flush()
            if unit_id == units[1] and is_broken[0]:
                raise StepFailed("The unit is locked.")
            if unit_id == units[2] and is_broken[0]:
                raise ZeroDivisionError

    declare(run)
    key = start(scope_of)
    (told,) = run_pending_jobs(running_app)
    assert (told.state, told.done, told.failed) == (JobState.DONE, len(units) - 2, 2)
    assert told.failures[0] == (f"unit {units[1]}", "The unit is locked.")
    assert "incident" in told.failures[1][1] or "编号" in told.failures[1][1]
    with system():
        names = dict(db.session.execute(sa.select(Unit.id, Unit.number).where(Unit.id.in_(units))).all())
        assert [unit for unit in units if names[unit] == f"N{unit}"] == [units[0], *units[3:]]
    is_broken[0] = False
    with scope_of("engineer"):
        services.repeat(services.find_job(key))
        db.session.commit()
    (again,) = run_pending_jobs(running_app)
    assert (again.state, again.done, again.failed, again.failures) == (JobState.DONE, len(units), 0, ())
    with scope_of("engineer"), pytest.raises(services.JobRefused):
        services.repeat(services.find_job(key))


def test_each_goes_on_without_starting_anew(running_app, world, scope_of, declare) -> None:
    calls: list[str] = []

    def do(key: int) -> None:
        if key % 2:
            raise StepFailed("Odd.", subject=f"number {key}")

    def run(job: JobRun) -> None:
        calls.append("run")
        job.each(range(6), do)

    declare(run)
    start(scope_of)
    (told,) = run_pending_jobs(running_app)
    assert (told.done, told.failed, calls) == (3, 3, ["run"])
    assert [subject for subject, _reason in told.failures] == ["number 1", "number 3", "number 5"]


def test_things_that_fail_within_a_step_are_counted_and_not_tried_again(
    running_app, world, scope_of, declare
) -> None:
    def run(job: JobRun) -> None:
        for _portion in job.steps(["rows 1-100"], size=100):
            job.note_failure("row 7", "The telephone number is too short.")

    declare(run)
    key = start(scope_of)
    (told,) = run_pending_jobs(running_app)
    assert (told.done, told.failed, told.failures) == (
        99,
        1,
        (("row 7", "The telephone number is too short."),),
    )
    with scope_of("engineer"):
        assert not services.may_repeat(services.find_job(key))


def test_a_step_within_which_something_failed_is_done_again_when_it_asks_for_that(
    running_app, world, scope_of, declare
) -> None:
    wrong, calls = {3}, []

    def run(job: JobRun) -> None:
        for portion in job.steps([0, 5], size=5):
            calls.append(portion)
            for number in range(portion, portion + 5):
                if number in wrong:
                    job.note_failure(f"number {number}", "It is wrong.", again=True)

    declare(run)
    key = start(scope_of)
    (told,) = run_pending_jobs(running_app)
    assert (told.done, told.failed, calls) == (9, 1, [0, 5])
    for still_wrong, counts in (({3}, (9, 1)), (set(), (10, 0))):
        wrong = still_wrong
        calls.clear()
        with scope_of("engineer"):
            services.repeat(services.find_job(key))
            db.session.commit()
        (told,) = run_pending_jobs(running_app)
        assert (told.done, told.failed, calls) == (*counts, [0])
        assert len(told.failures) == counts[1]
    with scope_of("engineer"):
        assert not services.may_repeat(services.find_job(key))


def test_a_worker_that_lost_its_lease_commits_nothing(running_app, world, scope_of, system, declare) -> None:
    unit_id = world.own.unit_ids[0]
    runs: list[str] = []

    def run(job: JobRun) -> None:
        for _step in job.steps(["one"]):
            runs.append(job._held.token)
            rename(unit_id, f"by {len(runs)}")
            if len(runs) == 1:
                # Another worker takes the job over and finishes it while this one is in the middle of the step.
                db.session.rollback()
                with db.engine.begin() as connection:
                    connection.execute(
                        sa.update(ledger._job).values(lease_until=utc_now() - dt.timedelta(seconds=1))
                    )
                run_pending_jobs(running_app)
                rename(unit_id, "by the first")

    declare(run)
    key = start(scope_of)
    run_pending_jobs(running_app)
    assert len(set(runs)) == 2
    with system():
        job = db.session.get_one(Job, key)
        assert (job.state, job.done) == (JobState.DONE, 1)
        assert db.session.get_one(Unit, unit_id).number == "by 2"
        assert db.session.scalar(sa.select(sa.func.count(JobStep.id))) == 1


def test_what_was_killed_is_done_again_and_nothing_twice(
    running_app, world, scope_of, system, declare
) -> None:
    units = list(world.own.unit_ids)
    done: list[int] = []

    class Killed(BaseException):
        pass

    def run(job: JobRun) -> None:
        for unit_id in job.steps(units):
            unit = db.session.get_one(Unit, unit_id)
            unit.number = f"{unit.number}+"
            db.session.flush()
            if len(done) == 1:
                done.append(0)
                raise Killed
            done.append(unit_id)

    declare(run)
    with system():
        before = dict(db.session.execute(sa.select(Unit.id, Unit.number).where(Unit.id.in_(units))).all())
    start(scope_of)
    with pytest.raises(Killed):
        run_pending_jobs(running_app)
    with system():
        job = db.session.scalars(sa.select(Job)).one()
        assert (job.state, job.done) == (JobState.RUNNING, 1)
    assert run_pending_jobs(running_app) == [], "its lease has not run out"
    with running_app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.update(ledger._job).values(lease_until=utc_now() - dt.timedelta(seconds=1)))
    (told,) = run_pending_jobs(running_app)
    assert (told.state, told.done, told.failed) == (JobState.DONE, len(units), 0)
    with system():
        after = dict(db.session.execute(sa.select(Unit.id, Unit.number).where(Unit.id.in_(units))).all())
    assert after == {key: f"{text}+" for key, text in before.items()}


def test_a_step_that_kills_its_worker_again_and_again_is_given_up(
    running_app, world, scope_of, declare
) -> None:
    def run(job: JobRun) -> None:
        for key in job.steps(["poison", "rest"]):
            assert key != "poison"

    declare(run)
    start(scope_of)
    with running_app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.update(ledger._job).values(attempts=MOST_ATTEMPTS))
    (told,) = run_pending_jobs(running_app)
    assert (told.state, told.done, told.failed) == (JobState.DONE, 1, 1)
    assert told.failures[0][0] == "poison"
    assert str(MOST_ATTEMPTS) in told.failures[0][1]


def test_it_acts_with_the_rights_of_the_moment(running_app, world, scope_of, system, declare) -> None:
    seen: list[set[int]] = []

    def run(job: JobRun) -> None:
        for _step in job.steps(["look"]):
            seen.append(set(db.session.scalars(sa.select(Project.id))))

    declare(run)
    start(scope_of)
    run_pending_jobs(running_app)
    assert seen == [{world.own.project_id}]

    start(scope_of)
    with system():
        people.set_active(db.session.get_one(User, world.users["engineer"]), False)
        db.session.commit()
    (told,) = run_pending_jobs(running_app)
    assert told.state == JobState.FAILED
    assert told.error
    assert len(seen) == 1


def test_a_right_that_is_taken_away_meanwhile_stops_the_job(
    running_app, world, scope_of, system, declare, monkeypatch
) -> None:
    monkeypatch.setattr("core.machinery.jobs.runs.RIGHTS_SECONDS", 0.0)
    did: list[int] = []

    def run(job: JobRun) -> None:
        for key in job.steps([1, 2, 3]):
            did.append(key)
            if key == 2:
                with all_departments("a test"):
                    role = world.role("engineer")
                    role.permissions = [code for code in role.permissions if code != "projects.view"]
                    db.session.flush()

    declare(run)
    start(scope_of)
    (told,) = run_pending_jobs(running_app)
    assert (told.state, told.done, did) == (JobState.FAILED, 2, [1, 2])


def test_who_lacks_the_right_cannot_start_it(running_app, world, scope_of, declare) -> None:
    declare(lambda job: None, permission="people.manage")
    with scope_of("engineer"), pytest.raises(services.JobRefused):
        services.enqueue_job("core.test")
    with scope_of("engineer"), pytest.raises(LookupError):
        services.enqueue_job("core.unheard_of")


def test_jobs_of_a_module_that_is_off_wait(running_app, world, scope_of, system, switch_on, declare) -> None:
    from core.plugin_system import switching

    declare(lambda job: None, component="contractors")
    with scope_of("engineer"), pytest.raises(services.JobRefused):
        services.enqueue_job("core.test")
    switch_on("contractors")
    start(scope_of)
    with system():
        switching.switch_off("contractors", world.departments["region"])
        db.session.commit()
    assert run_pending_jobs(running_app) == []
    switch_on("contractors")
    assert [told.state for told in run_pending_jobs(running_app)] == [JobState.DONE]


def test_cancelling(running_app, world, scope_of, system, declare) -> None:
    did: list[int] = []

    def run(job: JobRun) -> None:
        for key in job.steps([1, 2, 3]):
            did.append(key)
            if key == 2:
                with db.engine.connect() as probe:
                    is_sqlite = probe.dialect.name == "sqlite"
                # On SQLite this step holds the only writer's place; the page would wait for its end.
                connection = db.session.connection() if is_sqlite else db.engine.connect()
                connection.execute(
                    sa.update(ledger._job)
                    .where(ledger._job.c.id == job.job_id)
                    .values(cancel_requested_at=utc_now())
                )
                if not is_sqlite:
                    connection.commit()
                    connection.close()

    declare(run)
    waiting = start(scope_of)
    with scope_of("engineer"):
        services.cancel(services.find_job(waiting))
        db.session.commit()
        assert services.find_job(waiting).state == JobState.CANCELLED
        with pytest.raises(services.JobRefused):
            services.cancel(services.find_job(waiting))
    start(scope_of)
    (told,) = run_pending_jobs(running_app)
    assert (told.state, told.done, did) == (JobState.CANCELLED, 2, [1, 2])


def test_the_same_key_starts_one_job(running_app, world, scope_of, declare) -> None:
    declare(lambda job: None)
    first = start(scope_of, dedupe_key="nonce 1")
    assert start(scope_of, dedupe_key="nonce 1") == first
    assert len(run_pending_jobs(running_app)) == 1
    assert start(scope_of, dedupe_key="nonce 1") == first
    assert start(scope_of, dedupe_key="nonce 2") != first


def test_a_job_belongs_to_the_transaction_that_starts_it(running_app, world, scope_of, declare) -> None:
    rings: list[int] = []
    means = services.means_of(running_app)
    declare(lambda job: None)
    with scope_of("engineer"):
        services.enqueue_job("core.test", files={"upload": b"rows"})
        db.session.rollback()
        assert db.session.scalar(sa.select(sa.func.count(Job.id))) == 0
    assert rings == []
    assert means.bell is not None
    assert run_pending_jobs(running_app) == []


def test_pieces_are_kept_until_the_end(running_app, world, scope_of, system, declare) -> None:
    def run(job: JobRun) -> None:
        given = job.kept("upload") or b""
        for key in job.steps([1, 2]):
            job.keep(f"piece {key}", given + bytes([48 + key]))
        pieces = [job.kept(f"piece {key}") or b"" for key in (1, 2)]
        job.result("all.txt", "text/plain", b",".join(pieces))

    declare(run)
    key = start(scope_of, files={"upload": b"rows"})
    run_pending_jobs(running_app)
    with scope_of("engineer"):
        job = services.find_job(key)
        (file,) = db.session.scalars(sa.select(JobFile)).all()
        assert services.read_file(job, file.id)[1] == b"rows1,rows2"


def test_a_later_moment_is_waited_for(running_app, world, scope_of, declare) -> None:
    declare(lambda job: None)
    start(scope_of, not_before=utc_now() + dt.timedelta(hours=1))
    assert run_pending_jobs(running_app) == []


def test_who_sees_a_job(running_app, world, scope_of, system, declare) -> None:
    def run(job: JobRun) -> None:
        job.result("secret.txt", "text/plain", b"secret")

    declare(run)
    own = start(scope_of)
    of_region = start(scope_of, who="admin")
    run_pending_jobs(running_app)
    seen = {}
    for name in ("engineer", "service", "nobody", "head", "sibling", "other", "admin"):
        with scope_of(name):
            seen[name] = {key for key in (own, of_region) if services.find_job(key)}
    assert seen == {
        "engineer": {own},
        "service": {own},
        "nobody": set(),
        "head": {own},
        "sibling": set(),
        "other": set(),
        "admin": {own, of_region},
    }
    with scope_of("head"):
        job = services.find_job(own)
        file = services.files_of(job)[0].id
        with pytest.raises(LookupError):
            services.read_file(job, file)


def test_the_bell_tells_of_ended_jobs_until_they_are_looked_at(running_app, world, scope_of, declare) -> None:
    declare(lambda job: None)
    start(scope_of)
    with scope_of("engineer"):
        assert services.unseen() == services.Unseen(ended=0, active=1)
    run_pending_jobs(running_app)
    with scope_of("engineer"):
        assert services.unseen() == services.Unseen(ended=1, active=0)
        services.take_notice()
        db.session.commit()
        assert services.unseen() == services.Unseen(ended=0, active=0)
    with scope_of("service"):
        assert services.unseen() == services.Unseen(ended=0, active=0)


def test_a_failing_function_fails_the_job_with_a_sentence(running_app, world, scope_of, declare) -> None:
    def run(job: JobRun) -> None:
        raise StepFailed("The workbook has no sheet.")

    declare(run)
    key = start(scope_of)
    (told,) = run_pending_jobs(running_app)
    assert (told.state, told.error) == (JobState.FAILED, "The workbook has no sheet.")
    declare(lambda job: None)
    with scope_of("engineer"):
        services.repeat(services.find_job(key))
        db.session.commit()
    (again,) = run_pending_jobs(running_app)
    assert (again.state, again.error) == (JobState.DONE, "")


def test_clearing(running_app, world, scope_of, system, declare) -> None:
    def run(job: JobRun) -> None:
        job.result("old.txt", "text/plain", b"old")

    declare(run)
    key = start(scope_of)
    run_pending_jobs(running_app)
    with system():
        file = db.session.scalars(sa.select(JobFile)).one()
        stored = file.stored_key
        db.session.execute(sa.update(Job).values(ended_at=utc_now() - dt.timedelta(days=40)))
        services.enqueue_job("jobs.clear")
        db.session.commit()
        assert services.means_of().store.read(stored)
    run_pending_jobs(running_app)
    with system():
        assert db.session.get(Job, key) is not None
        assert db.session.scalars(sa.select(JobFile)).all() == []
        assert db.session.scalars(sa.select(JobFailure)).all() == []
        with pytest.raises(LookupError):
            services.means_of().store.read(stored)
