"""The plugins that were ever installed, with their tables, so that the data of a removed one can be found again."""

from __future__ import annotations

import sqlalchemy as sa

from core.database.types import utc_now
from core.extensions import db
from core.plugin_system.models import InstalledPlugin
from core.plugin_system.runtime import current_runtime
from core.plugin_system.tables import tables_of


def update_inventory() -> None:
    """Write down each plugin whose code could be loaded; called after migrations, never by the web process."""
    runtime = current_runtime()
    known = {row.slug: row for row in db.session.scalars(sa.select(InstalledPlugin))}
    for plugin in runtime.plugins.values():
        if plugin.manifest is None:
            continue
        tables = [table.name for table in tables_of(plugin.slug, runtime.plugins)]
        row = known.get(plugin.slug)
        if row is None:
            db.session.add(InstalledPlugin(slug=plugin.slug, version=plugin.version, tables=tables))
            continue
        row.version, row.last_seen_at = plugin.version, utc_now()
        # A plugin that is broken today may show fewer tables than it left behind.
        row.tables = sorted({*row.tables, *tables})
    db.session.flush()
