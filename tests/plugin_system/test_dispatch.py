"""Run-time hooks: each plugin by itself, under the policy of the hook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from core.database.base import metadata
from core.database.scope import all_departments
from core.database.types import utc_now
from core.extensions import db
from core.plugin_system import dispatch
from core.plugin_system.models import PluginSwitch
from core.plugin_system.runtime import current_runtime
from core.projects.models import Project
from core.timeline.services import TouchpointFact


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app("broken_hook", "good", "slow")


@pytest.fixture
def fact(app: Flask, place: Callable[[], tuple[dict[str, int], int]]) -> Callable[..., TouchpointFact]:
    with app.app_context():
        ids, project_id = place()
        for slug in ("broken_hook", "good", "slow"):
            db.session.add(PluginSwitch(department_id=ids["R"], slug=slug, enabled=True))
        db.session.commit()

    def make(**details: Any) -> TouchpointFact:
        return TouchpointFact("TP-E08", "core", utc_now(), project_id, None, None, 1, details)

    return make


def notes() -> int:
    return (
        db.session.scalar(sa.select(sa.func.count()).select_from(metadata.tables["good_note"].alias())) or 0
    )


@pytest.mark.parametrize("details", [{}, {"exit": True}])
def test_a_failing_plugin_stops_no_other_and_spoils_no_transaction(
    app: Flask, fact: Callable[..., TouchpointFact], details: dict[str, bool]
) -> None:
    with app.app_context(), all_departments("a test"):
        db.session.add(Project(department_id=1, code="NEW", name="新项目"))
        answers = dispatch.call("touchpoint_reached", fact=fact(**details))
        assert {answer.slug: answer.failed for answer in answers} == {
            "broken_hook": True,
            "good": False,
            "slow": False,
        }
        assert [answer.incident != "" for answer in answers] == [True, False, False]
        db.session.commit()
        assert db.session.scalar(sa.select(Project.name).where(Project.code == "NEW")) == "新项目"
        assert notes() == 1
        (fault,) = current_runtime().faults
        assert (fault.slug, fault.what) == ("broken_hook", "hook touchpoint_reached")


def test_a_plugin_that_ends_the_transaction_of_its_caller_is_named(
    app: Flask, fact: Callable[..., TouchpointFact]
) -> None:
    with app.app_context(), all_departments("a test"), pytest.raises(dispatch.PluginFailed) as failed:
        dispatch.call("touchpoint_reached", fact=fact(commit=True))
    assert failed.value.slug == "broken_hook"


def test_abort_names_the_plugin(app: Flask, fact: Callable[..., TouchpointFact]) -> None:
    with app.app_context(), all_departments("a test"):
        with pytest.raises(dispatch.PluginFailed) as failed:
            dispatch.call("customer_erased", customer_id=7)
        assert failed.value.slug == "broken_hook"
        assert "Broken hook" in str(failed.value)
        assert failed.value.incident in str(failed.value)
        assert "cannot erase 7" not in str(failed.value), "errors may hold personal data"


def test_hooks_of_merging_erasing_and_exporting_go_to_plugins_that_are_off(app: Flask) -> None:
    with app.app_context(), all_departments("a test"):
        assert [answer.value for answer in dispatch.call("customer_export", customer_id=7)] == [
            {"customer": 7, "notes": []}
        ]
        assert dispatch.call("obstacles", record_kind="customer", record_id=7) == []


def test_other_hooks_do_not(app: Flask, place: Callable[[], tuple[dict[str, int], int]]) -> None:
    with app.app_context(), all_departments("a test"):
        _ids, project_id = place()
        fact = TouchpointFact("TP-E08", "core", utc_now(), project_id, None, None, 1)
        assert dispatch.call("touchpoint_reached", fact=fact) == []


def test_a_declared_function_that_fails_leaves_the_page_alive(app: Flask) -> None:
    def load(record: int) -> int:
        db.session.add(Project(department_id=None, code=None, name=None))
        db.session.flush()
        return record

    with app.app_context(), all_departments("a test"):
        answer = dispatch.isolated("good", "panel good.latest", load, 5)
        assert answer.failed
        assert db.session.scalar(sa.select(sa.func.count(Project.id))) == 0
        assert dispatch.isolated("good", "panel good.latest", lambda record: record + 1, 5).value == 6


def test_a_fault_of_the_caller_is_not_laid_at_a_plugin(app: Flask) -> None:
    with app.app_context(), all_departments("a test"):
        db.session.add(Project(department_id=None, code="X", name="没有部门"))
        with pytest.raises(sa.exc.IntegrityError):
            dispatch.isolated("good", "panel good.latest", lambda: None)
        db.session.rollback()
