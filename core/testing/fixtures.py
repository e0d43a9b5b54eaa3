"""The pytest plugin: an application on a database of its own, the world, and signed-in clients."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_babel import Domain

from core.database import encryption
from core.database.base import metadata
from core.database.scope import Scope
from core.extensions import db, limiter
from core.languages import FinishedText
from core.machinery.attachments import intake
from core.testing.databases import (
    States,
    create_database,
    database_url,
    empty_database_url,
    pytest_report_header,
    pytest_runtest_call,
)
from core.testing.scoping import acting_as, as_system
from core.testing.staff_client import StaffClient
from core.testing.world import World, build_world

__all__ = [
    "app",
    "app_settings",
    "client",
    "core_tables_url",
    "create_database",
    "database_url",
    "empty_database_url",
    "permission_codes",
    "pictures_once",
    "prepared",
    "pytest_report_header",
    "pytest_runtest_call",
    "running_app",
    "scope_of",
    "sign_in",
    "switch_on",
    "system",
    "world",
]

# A failed assertion of the contract shows its values to the authors of plugins.
pytest.register_assert_rewrite("core.testing.contract")

_EMPTY, _WORLD = "empty", "world"


@pytest.fixture(scope="session", autouse=True)
def _finished_texts_are_known() -> Iterator[None]:
    """Mark what ``_()`` returns, so that :func:`core.languages.worded` refuses to store a text of one language."""

    def marked(translate: Callable[..., str]) -> Callable[..., str]:
        return lambda *args, **values: FinishedText(translate(*args, **values))

    with pytest.MonkeyPatch.context() as patch:
        for name in ("gettext", "ngettext", "pgettext", "npgettext"):
            patch.setattr(Domain, name, marked(getattr(Domain, name)))
        yield


@pytest.fixture(scope="session")
def app_settings(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> dict[str, Any]:
    """Configuration of the application under test; override the fixture to change it.

    Faulty plugins stop the start, rate limits are off, and passwords are hashed with the least effort.
    """
    return {
        "TESTING": True,
        "INSTANCE_PATH": str(tmp_path_factory.mktemp("instance")),
        "DATABASE_URL": database_url,
        "PLUGINS_STRICT": True,
        "RATE_LIMITS": False,
        "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {
            "argon2__time_cost": 1,
            "argon2__memory_cost": 8,
            "argon2__parallelism": 1,
        },
    }


@pytest.fixture(scope="session")
def running_app(app_settings: dict[str, Any]) -> Iterator[Flask]:
    """The application of this worker with all installed plugins; tests ask for ``app`` instead."""
    yield from application(app_settings)


def application(settings: dict[str, Any]) -> Iterator[Flask]:
    """Make an application with its tables for a fixture that lasts a session: ``yield from application(settings)``."""
    from core.app import create_app

    _make_tables(create_app(settings))
    # Only a plugin whose tables fit its code is mounted, so the application is made once more.
    yield from _with_states(create_app(settings))


def _make_tables(app: Flask) -> None:
    """Make the tables of the models, and write down that no component needs a migration any more."""
    from core.plugin_system import migrating, schema

    with app.app_context():
        metadata.create_all(db.engine)
        for component in migrating.components():
            if schema.heads(migrating.folder_of(component)):
                migrating.stamp(component)
        db.engine.dispose()


def _with_states(app: Flask) -> Iterator[Flask]:
    """Make the tables, remember the empty state, and close the connections at the end."""
    app.test_client_class = StaffClient
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            # The files are thrown away, so nothing needs to reach the disk.
            sa.event.listen(db.engine, "connect", _do_not_wait_for_the_disk)
            db.engine.dispose()
        metadata.create_all(db.engine)
        states = States(db.engine, metadata)
        states.remember(_EMPTY)
        # What lives as long as the application need not be looked through for garbage again and again.
        gc.collect()
        gc.freeze()
        app.extensions["doorstep.testing.states"] = states
    yield app
    with app.app_context():
        db.engine.dispose()


def _do_not_wait_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture
def app(running_app: Flask) -> Flask:
    """The application on an empty database. No context is open: use ``client``, ``scope_of`` or ``system``."""
    _restore(running_app, _EMPTY)
    return running_app


@pytest.fixture(scope="session")
def permission_codes(running_app: Flask) -> list[str]:
    """All permission codes that the core and the installed plugins declare."""
    from core.plugin_system.runtime import current_runtime

    return [permission.code for permission in current_runtime(running_app).declared.permissions()]


@pytest.fixture(scope="session")
def _core_tables(create_database: Callable[[], str]) -> Iterator[tuple[str, States]]:
    import core.app  # noqa: F401 (it loads all models)

    url = create_database()
    engine = sa.create_engine(url)
    metadata.create_all(engine)
    states = States(engine, metadata)
    states.remember(_EMPTY)
    yield url, states
    engine.dispose()


@pytest.fixture
def core_tables_url(_core_tables: tuple[str, States]) -> str:
    """A database with all tables and no rows, for tests that put an application together from a few parts.

    It is emptied and used again, which takes a fraction of the time that a new one takes.
    """
    url, states = _core_tables
    states.restore(_EMPTY, even_if_unchanged=True)
    return url


@pytest.fixture
def world(running_app: Flask, permission_codes: list[str]) -> World:
    """The application's database filled with :class:`core.testing.World`."""
    states: States = running_app.extensions["doorstep.testing.states"]
    if not states.knows(_WORLD):
        _restore(running_app, _EMPTY)
        with running_app.app_context():
            running_app.extensions["doorstep.testing.world"] = build_world(permission_codes)
        states.remember(_WORLD)
    _restore(running_app, _WORLD)
    made: World = running_app.extensions["doorstep.testing.world"]
    return made


@pytest.fixture
def prepared(running_app: Flask, world: World) -> Callable[..., Any]:
    """``prepared("two companies", make)``: the world with what ``make()`` adds, which is run once and then copied.

    ``make`` runs with the wall open and need not commit. What it returns (ids, no rows) is returned for every test
    that asks for the same name, so the name must stand for one content. ``after="two companies"`` lets another state
    begin where that one, which was prepared before, ends.
    """
    del world
    states: States = running_app.extensions["doorstep.testing.states"]
    kept: dict[str, Any] = running_app.extensions.setdefault("doorstep.testing.prepared", {})

    def prepared(name: str, make: Callable[[], Any], after: str = _WORLD) -> Any:
        if name in kept:
            _restore(running_app, name)
            return kept[name]
        _restore(running_app, after)
        with as_system(running_app):
            made = make()
            db.session.commit()
        states.remember(name)
        kept[name] = made
        return made

    return prepared


def _restore(app: Flask, state: str) -> None:
    # Another application of this process may have brought keys and limits of its own.
    encryption.use_keys(str(app.config["FIELD_KEYS"]).split(","), app.config["INDEX_KEY"])
    limiter.enabled = app.config["RATE_LIMITS"]
    # What a process remembers would outlive a test that took a guard away, or a state that was copied back.
    for remembered in ("doorstep.structure", "doorstep.admin.long_lists"):
        app.extensions.pop(remembered, None)
    states: States = app.extensions["doorstep.testing.states"]
    states.expect(state)


@pytest.fixture
def client(running_app: Flask) -> StaffClient:
    """A browser in which nobody is signed in; it sends the CSRF token by itself."""
    made = running_app.test_client()
    assert isinstance(made, StaffClient)
    return made


@pytest.fixture
def sign_in(running_app: Flask, world: World) -> Callable[..., StaffClient]:
    """``sign_in("engineer")``: a new browser in which that user of the world is signed in.

    A second argument names the department to act in, for example ``sign_in("admin", "city")``.
    """

    def sign_in(name: str, department: str | None = None) -> StaffClient:
        browser = running_app.test_client()
        assert isinstance(browser, StaffClient)
        browser.sign_in(world.users[name])
        if department is not None:
            with browser.session_transaction() as held:
                held["acting_department"] = world.departments[department]
        return browser

    return sign_in


@pytest.fixture
def pictures_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upload pictures quickly: what became of one is remembered, and the same one is not decoded again.

    Each picture is decoded by a program of its own, which takes a seventh of a second. Let a fixture of your own with
    ``autouse=True`` ask for this one where tests attach the same few pictures again and again.
    """
    monkeypatch.setattr(intake, "_take_in_picture", _take_in_once)


_take_in_picture = intake._take_in_picture


def _take_in_once(content: bytes, name: str, watermark: list[str], font: Path | None) -> intake.Intake:
    return _remembered(content, name, tuple(watermark), font)


@cache
def _remembered(content: bytes, name: str, watermark: tuple[str, ...], font: Path | None) -> intake.Intake:
    return _take_in_picture(content, name, list(watermark), font)


@pytest.fixture
def scope_of(running_app: Flask, world: World) -> Callable[..., AbstractContextManager[Scope]]:
    """``with scope_of("engineer"):`` opens an application context in which that user acts, outside a request.

    A second argument names the department to act in. What is not committed is rolled back at the end.
    """

    def scope_of(name: str, department: str | None = None) -> AbstractContextManager[Scope]:
        department_id = world.departments[department] if department else None
        return acting_as(running_app, world.users[name], department_id)

    return scope_of


@pytest.fixture
def switch_on(running_app: Flask, world: World) -> Callable[..., None]:
    """``switch_on("contractors")``: the plugin, and what it depends on, is on in the region and all below it.

    A second argument names the department instead of the region.
    """

    def switch_on(slug: str, department: str = "region") -> None:
        from core.plugin_system import switching
        from core.plugin_system.runtime import current_runtime

        with as_system(running_app):
            for each in (*current_runtime().dependencies(slug), slug):
                switching.switch_on(each, world.departments[department])
            db.session.commit()

    return switch_on


@pytest.fixture
def system(running_app: Flask) -> Callable[[], AbstractContextManager[Scope]]:
    """``with system():`` opens an application context in which the system acts with the wall open."""

    def system() -> AbstractContextManager[Scope]:
        return as_system(running_app)

    return system
