"""The application of the core without plugins, so that these tests need nothing above people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from core.testing.fixtures import _with_states


@pytest.fixture(scope="session")
def app_settings(app_settings: dict[str, Any], create_database: Callable[[], str]) -> dict[str, Any]:
    return {**app_settings, "SAFE_MODE": True, "DATABASE_URL": create_database()}


@pytest.fixture(scope="session")
def running_app(app_settings: dict[str, Any]) -> Iterator[Flask]:
    import core.app

    core.app.CORE_COMPONENTS = ("core.people.declarations", "core.machinery.audit.declarations")
    yield from _with_states(core.app.create_app(app_settings))
