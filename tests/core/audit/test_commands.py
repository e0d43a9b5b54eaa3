"""``doorstep audit seal`` and ``doorstep audit verify``."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from core.cli.audit import audit as command
from core.database.scope import all_departments
from core.extensions import db
from core.machinery.audit import services
from core.machinery.audit.models import AuditEntry


@pytest.fixture
def run(app, place):
    app.cli.add_command(command)
    with all_departments("testing commands"):
        services.record_event("tested")
        db.session.commit()
    return lambda *arguments: app.test_cli_runner().invoke(args=["audit", *arguments])


def test_a_sound_log_answers_zero_and_its_head(run):
    assert "entries sealed" in run("seal").output
    answer = run("verify")
    assert answer.exit_code == 0
    head = services.verify().head
    assert head in answer.output
    assert run("verify", "--head", head).exit_code == 0
    assert run("verify", "--head", "0" * 63 + "1").exit_code == 1


def test_a_log_that_was_tampered_with_answers_one_and_names_the_place(run):
    run("seal")
    with db.engine.begin() as connection:
        connection.execute(sa.update(AuditEntry.__table__).values(reason="nothing happened"))
    answer = run("verify")
    assert answer.exit_code == 1
    assert "seal 1" in answer.output


def test_sealing_again_and_again_goes_on_after_a_busy_moment(run, monkeypatch):
    answers = iter([services.SealingBusy("busy"), 3, KeyboardInterrupt()])

    def seal() -> int:
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(services, "seal", seal)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    answer = run("seal", "--every", "1")
    assert "3 entries sealed." in answer.output
    assert run("seal", "--every", "0").exit_code == 2
