"""The application factory: the start-up steps in order, one line each."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask

from core import config, languages, secrets
from core.admin import errors as error_pages
from core.admin import http as http_guards
from core.admin import mounting
from core.admin.addresses import LateRule
from core.admin.templating import QuickEnvironment
from core.cli import register_commands
from core.components import CORE_COMPONENTS, CORE_HOLDINGS
from core.customers import correspondence
from core.database.setup import set_up_database
from core.machinery import set_up_machinery
from core.machinery.audit.services import record_event
from core.people.request_scope import set_up_request_scope, standing_now
from core.people.settings import setting
from core.people.sign_in import set_up_sign_in
from core.plugin_system.erasing import set_up_erasing
from core.plugin_system.start import start_plugins
from core.projects.letterhead import letterhead_of
from core.timeline import services as timeline


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """Make the WSGI application.

    Args:
        overrides: Configuration values that win over everything else; used by tests.

    Raises:
        ConfigurationError: A value cannot be used, or a production secret is missing or a sample.
    """
    with _without_garbage_collection():
        return _made(overrides)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Make objects without looking for garbage among them: those of a start stay, and looking takes a third of it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _made(overrides: Mapping[str, Any] | None) -> Flask:
    app = Flask(
        "core", instance_path=_instance_path(overrides), static_folder="static", template_folder="templates"
    )
    app.url_rule_class = LateRule
    app.jinja_environment = QuickEnvironment
    config.load_config(app, overrides)
    secrets.load_secrets(app)
    set_up_database(app)
    languages.set_up_languages(app)
    http_guards.set_up_http(app)
    error_pages.set_up_error_pages(app)
    set_up_sign_in(app)
    set_up_request_scope(app)
    set_up_machinery(app, letterhead_of, setting, standing_now, timeline.write, correspondence)
    start_plugins(app, CORE_COMPONENTS, add_catalogue=languages.add_catalogue, locales=languages.LOCALES)
    set_up_erasing(app, CORE_HOLDINGS, record_event)
    mounting.mount(app)
    register_commands(app)
    return app


def _instance_path(overrides: Mapping[str, Any] | None) -> str:
    chosen = (overrides or {}).get("INSTANCE_PATH") or os.environ.get("DOORSTEP_INSTANCE_PATH") or "instance"
    return str(Path(chosen).resolve())
