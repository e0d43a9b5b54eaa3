"""The core's migrations make what its models say, and take it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from core.app import create_app
from core.extensions import db
from core.plugin_system import migrating, schema
from core.plugin_system.tables import tables_of


def test_up_is_the_models_and_down_is_nothing(
    app_settings: dict[str, Any], create_database: Callable[[], str]
) -> None:
    app = create_app(app_settings | {"DATABASE_URL": create_database(), "PLUGINS_STRICT": False})
    with app.app_context():
        own = {table.name for table in tables_of("core", schema.current_revisions())}
        for _round in range(2):
            migrating.upgrade("core")
            assert migrating.differences("core") == []
            assert {"customer", "plugin_switch", "audit_entry"} <= set(
                sa.inspect(db.engine).get_table_names()
            )
            migrating.downgrade("core")
            assert not own & set(sa.inspect(db.engine).get_table_names())
        db.engine.dispose()
