"""Configuration that cannot be used is named before anything starts."""

from __future__ import annotations

import pytest
from flask import Flask

from core import config

pytestmark = pytest.mark.no_database


def test_redis_without_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "find_spec", lambda _name: None)
    with pytest.raises(config.ConfigurationError, match=r"DOORSTEP_REDIS_URL .* '\.\[redis\]'"):
        config.load_config(Flask(__name__), {"REDIS_URL": "redis://localhost:6379/0"})


@pytest.mark.parametrize("address", ["", "redis://localhost:6379/0"])
def test_redis_is_asked_for_only_where_it_is_configured(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(config, "find_spec", lambda _name: object() if address else None)
    app = Flask(__name__)
    config.load_config(app, {"REDIS_URL": address})
    assert app.config["REDIS_URL"] == address


@pytest.mark.parametrize(("name", "value"), [("HTTPS", "perhaps"), ("EXPORT_ROWS_IN_REQUEST", "many")])
def test_a_value_that_cannot_be_read_is_named_with_its_key(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"DOORSTEP_{name}", value)
    with pytest.raises(config.ConfigurationError, match=f"DOORSTEP_{name} is '{value}'"):
        config.load_config(Flask(__name__))
