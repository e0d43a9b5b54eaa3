"""What depends on the structure alone is remembered, and never for a structure that has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from core.database import structure
from core.extensions import db
from core.people.models import Department
from core.people.settings import set_setting
from core.plugin_system.models import PluginSwitch
from core.projects.models import Project, ProjectGroup
from core.testing.world import World


def _mark() -> str | None:
    return db.session.scalar(sa.select(structure.mark_column()))


def _project(world: World) -> None:
    db.session.get_one(Project, world.own.project_id).name = "云庭二期"


def _department(world: World) -> None:
    db.session.get_one(Department, world.departments["group"]).name = "甲城三组"


def _assignment(world: World) -> None:
    db.session.delete(db.session.scalars(sa.select(ProjectGroup)).first())


def _switch(world: World) -> None:
    db.session.add(PluginSwitch(slug="handover", department_id=world.departments["city"], enabled=False))


def _setting(world: World) -> None:
    set_setting("core", "letter_phone", "0512-88", db.session.get_one(Department, world.departments["city"]))


def _many_switches(world: World) -> None:
    db.session.execute(sa.update(PluginSwitch).values(enabled=False))


@pytest.mark.parametrize("change", [_project, _department, _assignment, _setting, _switch, _many_switches])
def test_each_change_replaces_the_mark_when_it_is_committed(
    running_app: Flask, world: World, system: Callable[[], Any], change: Callable[[World], None]
) -> None:
    with system():
        _department(world)
        db.session.commit()
        before = _mark()
        change(world)
        db.session.flush()
        assert _mark() not in (None, before)
        db.session.rollback()
        assert _mark() == before, "what was not committed changed nothing"
        change(world)
        db.session.commit()
        assert _mark() not in (None, before)


def test_answers_are_found_once_for_a_mark(running_app: Flask) -> None:
    asked: list[int] = []

    def find() -> int:
        asked.append(1)
        return len(asked)

    with running_app.test_request_context("/"):
        assert [structure.remembered("test", 1, find) for _ in range(2)] == [1, 2], "nobody read the mark"
        structure.use_mark("a")
        assert [structure.remembered("test", 1, find) for _ in range(2)] == [3, 3]
        assert structure.remembered("test", 2, find) == 4
    with running_app.test_request_context("/"):
        structure.use_mark("a")
        assert structure.remembered("test", 1, find) == 3
        structure.use_mark("b")
        assert structure.remembered("test", 1, find) == 5
        structure.use_mark(None)
        assert structure.remembered("test", 1, find) == 6
    with running_app.app_context():
        assert structure.remembered("test", 1, find) == 7, "work outside requests finds out anew"


def test_another_process_sees_the_change_in_its_next_request(
    running_app: Flask, world: World, sign_in: Callable[..., Any], system: Callable[[], Any]
) -> None:
    """A page appears and vanishes with the switch at once, however often it was asked for before."""
    with system():
        _department(world)
        db.session.commit()
    browser = sign_in("admin")
    address = "/admin/contractors/companies/"
    assert browser.get(address).status_code == 404, "off"
    with system():
        db.session.add(
            PluginSwitch(slug="contractors", department_id=world.departments["region"], enabled=True)
        )
        db.session.commit()
    assert browser.get(address).status_code == 200
    with system():
        db.session.execute(sa.update(PluginSwitch).values(enabled=False))
        db.session.commit()
    assert browser.get(address).status_code == 404
    with running_app.app_context():
        kept = running_app.extensions["doorstep.structure"]
    assert any(kind == "switches" for kind, _key in kept)
