"""Whatever is wrong with a plugin: the application starts, the reason is told, the others work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale

from core.plugin_system.runtime import PluginsRefused, State, current_runtime

REASONS = {
    "broken_import": "It cannot be imported: ModuleNotFoundError: No module named 'a_module_that_nobody_has'.",
    "broken_mapper": "Its models do not fit together: InvalidRequestError",
    "system_exit_in_hook": "Its hook permissions failed: SystemExit: good bye.",
    "cyclic_a": "It depends on itself: cyclic_a → cyclic_b → cyclic_a.",
    "cyclic_b": "It depends on itself: cyclic_b → cyclic_a → cyclic_b.",
    "old_api": "It was written for version 0 of core.toolkit, and this installation no longer supports",
    "needs_missing": "It needs the plugin absent, which is not installed.",
    "clashing_template": "Its folder templates/ holds admin/, which could replace a page of the core",
    "wrong_table_prefix": "It cannot be imported: ModelDeclarationError: Table 'note'",
}
HEALTHY = ("broken_hook", "good", "slow")
"""Plugins that start in order; broken_hook fails later."""


def reason_of(app: Flask, slug: str) -> str:
    with app.app_context(), force_locale("en"):
        return str(current_runtime().plugins[slug].reason)


@pytest.mark.parametrize("slug", REASONS)
def test_a_faulty_plugin_is_put_aside_with_the_reason(make_app: Callable[..., Flask], slug: str) -> None:
    needed = {"cyclic_a": ["cyclic_b"], "cyclic_b": ["cyclic_a"]}.get(slug, [])
    app = make_app(slug, "good", *needed)
    runtime = current_runtime(app)
    assert runtime.plugins[slug].state is State.QUARANTINED
    assert reason_of(app, slug).startswith(REASONS[slug])
    assert runtime.plugins["good"].state is State.HEALTHY
    assert runtime.declared.components() == ("core", "good")


def test_all_at_once(make_app: Callable[..., Flask]) -> None:
    app = make_app(*REASONS, *HEALTHY)
    runtime = current_runtime(app)
    assert [plugin.slug for plugin in runtime.healthy()] == list(HEALTHY)
    for slug, reason in REASONS.items():
        assert reason_of(app, slug).startswith(reason)
    assert {permission.code for permission in runtime.declared.permissions()} == {
        "projects.view",
        "good.view",
        "good.edit",
        "slow.view",
    }


def test_a_second_start_in_the_same_process_finds_the_same(make_app: Callable[..., Flask]) -> None:
    first, second = make_app(*REASONS, *HEALTHY), make_app(*REASONS, *HEALTHY)
    for slug in (*REASONS, *HEALTHY):
        assert reason_of(first, slug) == reason_of(second, slug)


def test_the_core_wins_over_a_template_of_a_plugin(make_app: Callable[..., Flask]) -> None:
    app = make_app("clashing_template", "good")
    assert app.jinja_env.list_templates(filter_func=lambda name: name.startswith("clashing_template/")) == []
    assert app.jinja_env.get_template("good/latest.html").render(notes=[]) == "<ul></ul>"


def test_strict_refuses_to_start_and_says_all_reasons(make_app: Callable[..., Flask]) -> None:
    with pytest.raises(PluginsRefused) as refused:
        make_app("old_api", "needs_missing", "good", PLUGINS_STRICT=True)
    assert "old_api: It was written for version 0" in str(refused.value)
    assert "needs_missing: It needs the plugin absent" in str(refused.value)


def test_strict_starts_when_all_is_well(make_app: Callable[..., Flask]) -> None:
    assert current_runtime(make_app("good", PLUGINS_STRICT=True)).is_healthy("good")


def test_safe_mode_starts_the_core_alone(make_app: Callable[..., Flask]) -> None:
    runtime = current_runtime(make_app("good", "broken_import", SAFE_MODE=True))
    assert runtime.plugins == {}
    assert runtime.declared.components() == ("core",)
    assert runtime.safe_mode


def test_a_slow_plugin_is_healthy_and_its_time_is_told(make_app: Callable[..., Flask]) -> None:
    slow = current_runtime(make_app("slow")).plugins["slow"]
    assert slow.healthy
    assert slow.seconds >= 0.3


def test_tables_that_were_not_made_are_told_with_the_command(make_app: Callable[..., Flask]) -> None:
    app = make_app("good", tables=False)
    good = current_runtime(app).plugins["good"]
    assert good.state is State.QUARANTINED
    assert good.behind_schema
    assert "doorstep db upgrade good" in reason_of(app, "good")


def test_strict_does_not_forbid_to_migrate(make_app: Callable[..., Flask]) -> None:
    assert current_runtime(make_app("good", tables=False, PLUGINS_STRICT=True)).plugins["good"].behind_schema


def test_a_plugin_taken_out_late_takes_its_dependents_along(
    make_app: Callable[..., Flask], write_plugin: Callable[..., Path]
) -> None:
    app = make_app(
        "good", write_plugin("tried", 'manifest = Manifest("tried", "Tried", "1", 1, depends=("good",))')
    )
    runtime = current_runtime(app)
    assert runtime.is_healthy("tried")
    runtime.quarantine("good", "Its view cannot be made.")
    assert runtime.declared.components() == ("core",)
    assert "needs the plugin 'good'" in reason_of(app, "tried")
    assert not runtime.is_healthy("good")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("manifest = None", "Its module has no manifest."),
        ('manifest = Manifest("other", "Tried", "1", 1)', "Its manifest has the slug 'other'"),
        ('manifest = Manifest("tried", "Tried", "one", 1)', "The version 'one' of its manifest"),
        ('manifest = Manifest("tried", "Tried", "1", 2)', "It was written for version 2 of core.toolkit"),
        ('manifest = Manifest("tried", "", "1", 1)', "Its manifest has no name."),
        (
            'manifest = Manifest("tried", "Tried", "1", 1, depends="good")',
            "The field depends of its manifest",
        ),
        (
            'manifest = Manifest("tried", "Tried", "1", 1, depends=("tried",))',
            "It depends on itself: tried → tried.",
        ),
        (
            "@hookimpl\ndef permisions():\n    return []",
            "One of its hooks does not exist or has wrong arguments",
        ),
        (
            "@hookimpl\ndef obstacles(record):\n    return []",
            "One of its hooks does not exist or has wrong arguments",
        ),
        ("def permissions():\n    return []", "Its function permissions is called like a hook."),
        ("@hookimpl\ndef permissions():\n    pass", "Its hook permissions returned NoneType"),
        ("@hookimpl\ndef permissions():\n    return ['tried.view']", "Its hook permissions returned a str"),
        (
            "@hookimpl\ndef permissions():\n    return [Permission('projects.view', 'See')]",
            "The code 'projects.view' in permissions must be tried",
        ),
        (
            "@hookimpl\ndef permissions():\n    return [Permission('tried.view', 'See')] * 2",
            "It declares permissions 'tried.view', which exists already.",
        ),
        (
            "@hookimpl\ndef search_sources():\n"
            "    return [SearchSource('tried.all', 'All', lambda query, limit: [], 'tried.nobody')]",
            "search_sources 'tried.all' names the permission 'tried.nobody', which nobody declares.",
        ),
        (
            "@hookimpl\ndef panels():\n"
            "    return [Panel('tried.a', 'no.kind', 'A', 'tried/a.html', lambda record: None)]",
            "panels 'tried.a' names the record kind 'no.kind', which nobody declares.",
        ),
        (
            "@hookimpl\ndef panels():\n"
            "    return [Panel('tried.a', 'home', 'A', 'good/latest.html', lambda record: None)]",
            "panels 'tried.a' names the template 'good/latest.html'",
        ),
        (
            "@hookimpl\ndef settings():\n    return [Setting('limit', 5, 'Limit', minimum=6)]",
            "The setting 'limit' is wrong: its default is beyond its limits.",
        ),
        (
            "@hookimpl\ndef menu_links():\n"
            "    return [MenuLink('Home', 'admin.index', MenuArea.SETUP, 'projects.view')]",
            "A menu link names the endpoint 'admin.index'",
        ),
        (
            "import sqlalchemy as sa\n"
            "bare = sa.Table('stray', plugin_base('tried').metadata, sa.Column('id', sa.Integer, primary_key=True))",
            "Its table 'stray' must start with 'tried_'",
        ),
        (
            "import sqlalchemy as sa\n"
            "bare = sa.Table('tried_x', plugin_base('tried').metadata, sa.Column('id', sa.Integer, primary_key=True),\n"
            "    sa.Column('project_id', sa.ForeignKey('project.id')))",
            "The foreign key from tried_x.project_id to project has no ondelete",
        ),
        (
            "import sqlalchemy as sa\n"
            "bare = sa.Table('tried_x', plugin_base('tried').metadata, sa.Column('id', sa.Integer, primary_key=True),\n"
            "    sa.Column('note_id', sa.ForeignKey('good_note.id', ondelete='CASCADE')))",
            "Its table tried_x refers to good_note of the plugin good, which is not in its depends.",
        ),
        (
            "import sqlalchemy as sa\nfrom sqlalchemy.orm import relationship\n"
            "class Thing(Identified, plugin_base('tried')):\n"
            "    __tablename__ = 'tried_thing'\n    __scope__ = ByProject()\n"
            "    project_id = sa.Column(sa.ForeignKey('project.id', ondelete='CASCADE'))\n"
            "    project = relationship(Project, backref='things')",
            "The relationship Thing.project has a backref.",
        ),
    ],
)
def test_a_broken_rule_is_told(
    make_app: Callable[..., Flask], write_plugin: Callable[..., Path], body: str, reason: str
) -> None:
    app = make_app("good", write_plugin("tried", body), tables=False)
    assert current_runtime(app).plugins["tried"].state is State.QUARANTINED
    assert reason in reason_of(app, "tried")
    assert not hasattr(app.jinja_env, "things")


def test_two_distributions_with_the_same_slug(
    make_app: Callable[..., Flask], write_plugin: Callable[..., Path]
) -> None:
    one, other = write_plugin("tried"), write_plugin("tried", package="tried_again")
    app = make_app(one, other, tables=False)
    assert "Several distributions bring a plugin with this slug: tried-again, tried-plugin" in reason_of(
        app, "tried"
    )


@pytest.mark.parametrize("name", ["Tried", "1st", "a", "x" * 25, "two__lines", "core", "customer", "admin"])
def test_a_name_that_is_no_free_slug(
    make_app: Callable[..., Flask], write_plugin: Callable[..., Path], name: str
) -> None:
    app = make_app(write_plugin("tried", entry_point=name), "good", tables=False)
    assert current_runtime(app).plugins[name].state is State.QUARANTINED
    assert "slug" in reason_of(app, name)


def test_unreadable_entry_points(make_app: Callable[..., Flask], write_plugin: Callable[..., Path]) -> None:
    folder = write_plugin("tried")
    next(folder.glob("*.dist-info/entry_points.txt")).write_text("[doorstep.plugins]\nno equals sign here\n")
    app = make_app(folder, "good")
    assert "entry_points.txt of the distribution tried-plugin cannot be read" in reason_of(
        app, "tried-plugin"
    )
    assert current_runtime(app).is_healthy("good")
