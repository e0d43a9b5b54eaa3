"""Who has a plugin: the nearest switch up the tree, and everything it depends on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from core.database.scope import Scope, all_departments, use_scope
from core.extensions import db
from core.plugin_system import switching
from core.plugin_system.gate import is_on
from core.plugin_system.models import PluginSwitch
from core.plugin_system.runtime import current_runtime

NEEDY = 'manifest = Manifest("tried", "Tried", "1", 1, depends=("good",))'


@pytest.fixture
def app(make_app: Callable[..., Flask], write_plugin: Callable[..., Path]) -> Flask:
    return make_app("good", write_plugin("tried", NEEDY), "old_api")


@pytest.fixture
def ids(app: Flask, place: Callable[[], tuple[dict[str, int], int]]) -> dict[str, int]:
    with app.app_context():
        return place()[0]


def switch(department_id: int, slug: str, enabled: bool) -> None:
    db.session.add(PluginSwitch(department_id=department_id, slug=slug, enabled=enabled))
    db.session.flush()


def test_everything_is_off_at_first_and_the_core_is_on(app: Flask, ids: dict[str, int]) -> None:
    with app.app_context():
        assert not is_on("good", ids["R"])
        assert is_on("core", ids["R"])


def test_departments_below_inherit_and_the_nearest_switch_wins(app: Flask, ids: dict[str, int]) -> None:
    with app.app_context():
        switch(ids["R"], "good", True)
        switch(ids["R-SZ"], "good", False)
        assert [is_on("good", ids[code]) for code in ("R", "R-GZ", "R-SZ", "R-SZ-CS")] == [
            True,
            True,
            False,
            False,
        ]
        switch(ids["R-SZ-CS"], "good", True)
        assert is_on("good", ids["R-SZ-CS"])


def test_the_acting_department_counts(app: Flask, ids: dict[str, int]) -> None:
    with app.app_context():
        switch(ids["R-SZ"], "good", True)
        with use_scope(Scope(department_id=ids["R-SZ-CS"])):
            assert is_on("good")
        with use_scope(Scope(department_id=ids["R-GZ"])):
            assert not is_on("good")
        assert not is_on("good"), "an anonymous visitor acts nowhere"


def test_the_system_meets_what_is_on_anywhere(app: Flask, ids: dict[str, int]) -> None:
    with app.app_context(), all_departments("a test"):
        assert not is_on("good")
        switch(ids["R-GZ"], "good", True)
        assert is_on("good")


def test_what_it_depends_on_must_be_on_too(app: Flask, ids: dict[str, int]) -> None:
    with app.app_context():
        switch(ids["R"], "tried", True)
        assert not is_on("tried", ids["R"])
        switch(ids["R"], "good", True)
        assert is_on("tried", ids["R"])
        switch(ids["R-GZ"], "good", False)
        assert not is_on("tried", ids["R-GZ"])


def test_a_plugin_in_quarantine_is_off(app: Flask, ids: dict[str, int]) -> None:
    with app.app_context():
        switch(ids["R"], "old_api", True)
        assert not is_on("old_api", ids["R"])


def test_a_request_asks_the_database_once_and_sees_its_own_switching(app: Flask, ids: dict[str, int]) -> None:
    import sqlalchemy as sa

    with app.test_request_context("/", method="POST"), use_scope(Scope(department_id=ids["R"])):
        statements: list[str] = []
        sa.event.listen(
            db.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2])
        )
        assert [is_on("good"), is_on("tried"), is_on("good")] == [False] * 3
        assert sum("plugin_switch" in statement for statement in statements) == 1
        switching.switch_on("good", ids["R"])
        assert is_on("good")
        db.session.rollback()


def test_declared_returns_what_is_on(app: Flask, ids: dict[str, int]) -> None:
    with app.app_context():
        declared = current_runtime().declared
        with use_scope(Scope(department_id=ids["R"])):
            assert declared.panels("home") == ()
            assert declared.search_sources() == ()
            assert [panel.code for panel in declared.panels("home", enabled_only=False)] == ["good.latest"]
            switch(ids["R"], "good", True)
            (panel,) = declared.panels("home")
            assert declared.component_of(panel) == "good"
            assert [source.code for source in declared.search_sources()] == ["good.notes"]
            assert declared.components_with_settings() == ("good",)


def test_switching_on_is_refused_with_what_is_needed(app: Flask, ids: dict[str, int]) -> None:
    with app.app_context():
        with pytest.raises(switching.SwitchRefused) as refused:
            switching.switch_on("tried", ids["R"])
        assert refused.value.plugins == ("good",)
        assert not is_on("tried", ids["R"])
        switching.switch_on("good", ids["R"])
        switching.switch_on("tried", ids["R"])
        assert is_on("tried", ids["R-SZ-CS"])


def test_switching_off_is_refused_with_the_dependents_also_below(app: Flask, ids: dict[str, int]) -> None:
    with app.app_context():
        switching.switch_on("good", ids["R"])
        switching.switch_on("tried", ids["R-SZ-CS"])
        with pytest.raises(switching.SwitchRefused) as refused:
            switching.switch_off("good", ids["R"])
        assert refused.value.plugins == ("tried",)
        assert "部门R-SZ-CS" in str(refused.value)
        switching.switch_off("good", ids["R-GZ"])
        switching.switch_off("tried", ids["R-SZ-CS"])
        switching.switch_off("good", ids["R"])
        assert not is_on("good", ids["R"])


def test_switching_off_spares_departments_with_a_switch_of_their_own(app: Flask, ids: dict[str, int]) -> None:
    with app.app_context():
        switching.switch_on("good", ids["R"])
        switching.switch_on("good", ids["R-SZ"])
        switching.switch_on("tried", ids["R-SZ-CS"])
        preview = switching.preview("good", ids["R"])
        assert [each.code for each in preview.also] == ["R-GZ"]
        assert {each.code for each in preview.unaffected} == {"R-SZ", "R-SZ-CS"}
        switching.switch_off("good", ids["R"])
        assert is_on("tried", ids["R-SZ-CS"])


@pytest.mark.parametrize("slug", ["old_api", "nobody"])
def test_what_is_not_healthy_cannot_be_switched_on(app: Flask, ids: dict[str, int], slug: str) -> None:
    with app.app_context(), pytest.raises(switching.SwitchRefused):
        switching.switch_on(slug, ids["R"])


def test_the_preview_tells_what_appears(app: Flask, ids: dict[str, int]) -> None:
    with app.app_context():
        preview = switching.preview("good", ids["R-SZ"])
        assert preview.turning_on
        assert preview.refusal == ""
        assert [each.code for each in preview.also] == ["R-SZ-CS"]
        names = [str(name) for _title, names in preview.parts for name in names]
        assert names == [
            "Notes",
            "Latest notes (Today)",
            "Note",
            "Notes",
            "Longest note",
            "See notes",
            "Write notes",
        ]
        assert "tried" not in names
        assert switching.preview("tried", ids["R"]).refusal != ""
