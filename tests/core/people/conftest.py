"""The application of the core without plugins, so that these tests do not depend on any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def app_settings(app_settings: dict[str, Any], create_database: Callable[[], str]) -> dict[str, Any]:
    return {**app_settings, "SAFE_MODE": True, "DATABASE_URL": create_database()}
