"""Real worker processes are killed by SIGKILL and SIGTERM at work; `make kill` does so at length."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace

import pytest

from core.database.base import metadata
from core.extensions import db
from core.machinery.jobs.services import enqueue_job, means_of
from core.machinery.messages.models import MessageState
from core.plugin_system.runtime import current_runtime
from core.projects.models import Unit
from core.testing.databases import States
from core.testing.jobs import job_faults
from core.testing.scoping import as_system
from tools.kill.harness import Killer, Result, Settled
from tools.kill.scenarios import STEPS, WORLD, _compare_with_gateway, steps


@pytest.fixture
def killer(running_app, world, monkeypatch):
    monkeypatch.setitem(running_app.config, "JOB_LEASE_SECONDS", 1)
    monkeypatch.setitem(running_app.config, "REDIS_URL", "")
    running_app.extensions[WORLD] = world
    with as_system(running_app):
        # The first secret makes the key of the installation, which is another one in each run.
        means_of().encrypt(b"first")
        db.session.commit()
    with running_app.app_context():
        states = States(db.engine, metadata)
        states.remember("before kills")
    made = Killer(running_app, states, random.Random(20261127), "before kills")
    yield made
    made.close()
    current_runtime(running_app).declared._job_kinds.pop(STEPS, None)
    states.restore("before kills", even_if_unchanged=True)
    running_app.extensions["doorstep.testing.states"].restore("world", even_if_unchanged=True)


def test_killed_workers_lose_nothing_and_double_nothing(killer) -> None:
    result = killer.run(steps(24), kills=3)
    assert result.differences == []
    assert sum(result.kills.values()) >= 3
    assert "done" in result.told


@pytest.mark.no_database
def test_the_comparison_sees_what_is_lost_and_what_is_doubled() -> None:
    result = Result("a test")
    wanted = {"unit": Counter({"('1',)": 1, "('2',)": 1})}
    Killer._compare(result, wanted, {"unit": Counter({"('1',)": 2})})
    assert (result.lost, result.doubled) == (1, 1)
    assert any("('2',)" in line for line in result.differences)


@pytest.mark.no_database
def test_the_gateway_tells_what_was_lost_and_what_came_twice() -> None:
    states = {
        "a": MessageState.SENT,
        "b": MessageState.SENT,
        "c": MessageState.UNKNOWN,
        "d": MessageState.WAITING,
    }
    rows = [SimpleNamespace(idempotency_key=key, state=state) for key, state in states.items()]
    found = Settled()
    _compare_with_gateway(found, rows, Counter(a=2, c=1, x=1), 5)
    # One was never written, b never arrived, d never left; a came twice, and nobody knows x.
    assert (found.lost, found.doubled, len(found.faults)) == (3, 2, 1)
    sound = Settled()
    _compare_with_gateway(sound, rows[:3], Counter(a=1, b=1), 3)
    assert (sound.lost, sound.doubled, sound.faults) == (0, 0, [])


@pytest.mark.parametrize("is_idempotent", [True, False])
def test_the_contract_tells_a_job_that_can_be_killed_from_one_that_cannot(
    running_app, world, prepared, scope_of, declare, is_idempotent
) -> None:
    def run(job) -> None:
        if not is_idempotent:
            db.session.get_one(Unit, world.own.unit_ids[1]).number += "+"
        for key in job.steps([1, 2]):
            db.session.get_one(Unit, world.own.unit_ids[0]).number += str(key)

    def start() -> None:
        with scope_of("engineer"):
            enqueue_job("core.test")
            db.session.commit()

    declare(run)
    faults = job_faults(running_app, start, lambda: prepared("nothing further", dict))
    assert (faults == []) is is_idempotent
