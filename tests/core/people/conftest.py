"""An application of the layers up to people, so that its tests need nothing above."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from core import config, languages, secrets
from core.database.setup import set_up_database
from core.testing.fixtures import _with_states


@pytest.fixture(scope="session")
def running_app(app_settings: dict[str, Any]) -> Iterator[Flask]:
    import core.customers.models
    import core.timeline.models
    from core.extensions import csrf
    from core.people.request_scope import set_up_request_scope
    from core.people.sign_in import set_up_sign_in

    root = Path(core.__file__).parent
    app = Flask("core", instance_path=app_settings["INSTANCE_PATH"], root_path=str(root))
    config.load_config(app, app_settings)
    secrets.load_secrets(app)
    set_up_database(app)
    languages.set_up_languages(app)
    csrf.init_app(app)
    set_up_sign_in(app)
    set_up_request_scope(app)
    yield from _with_states(app)


@pytest.fixture(scope="session")
def permission_codes() -> list[str]:
    return [
        "audit.view",
        "customers.create",
        "customers.edit",
        "customers.export",
        "customers.view",
        "modules.switch",
        "people.manage",
        "people.view",
        "personal.reveal",
        "projects.view",
        "settings.edit",
    ]
