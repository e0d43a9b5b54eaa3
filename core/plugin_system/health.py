"""What the health page, the module manager and ``doorstep plugin status`` tell of the plugins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.extensions import db
from core.plugin_system.gate import department_table
from core.plugin_system.models import InstalledPlugin, PluginSwitch
from core.plugin_system.runtime import PluginFault, PluginState, Runtime, State, current_runtime
from core.plugin_system.tables import version_table

ERASED = _l(
    "Its data was erased. Uninstall its package, or run `doorstep db upgrade` and restart to begin with empty tables."
)


@dataclass(frozen=True)
class DepartmentName:
    """A department as the engine sees it."""

    id: int
    code: str
    name: str
    name_en: str = ""


@dataclass(frozen=True)
class PluginReport:
    """One plugin with everything that is told of it.

    Attributes:
        plugin: Its state.
        switched_on: Departments with an explicit switch that is on, by code; those below inherit it.
        switched_off: Departments with an explicit switch that is off.
        tables: Its tables, for a missing one as they were seen last.
    """

    plugin: PluginState
    switched_on: tuple[DepartmentName, ...] = ()
    switched_off: tuple[DepartmentName, ...] = ()
    tables: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        plugin = self.plugin
        return {
            "slug": plugin.slug,
            "name": str(plugin.name),
            "version": plugin.version,
            "state": plugin.state.value,
            "reason": str(plugin.reason),
            "schema_revision": plugin.revision,
            "newest_revision": plugin.head,
            "departments": [department.code for department in self.switched_on],
            "departments_off": [department.code for department in self.switched_off],
            "distribution": plugin.distribution,
            "load_seconds": round(plugin.seconds, 3),
        }


@dataclass(frozen=True)
class Health:
    """How the installation is doing.

    Attributes:
        core: The core.
        plugins: All plugins: the healthy ones by dependency, then the others.
        faults: The latest failures in this process, newest first.
        safe_mode: Whether the core was started alone.
    """

    core: PluginState
    plugins: tuple[PluginReport, ...]
    faults: tuple[PluginFault, ...]
    safe_mode: bool

    @property
    def sound(self) -> bool:
        """Whether nothing needs attention."""
        return not self.core.behind_schema and all(report.plugin.healthy for report in self.plugins)


def health() -> Health:
    """Return how the installation is doing. No plugin is asked, so it works when plugins do not."""
    runtime = current_runtime()
    return Health(runtime.core, reports(runtime), tuple(reversed(runtime.faults)), runtime.safe_mode)


def reports(runtime: Runtime | None = None) -> tuple[PluginReport, ...]:
    """Return a report on every plugin, also on those whose package is gone."""
    runtime = runtime or current_runtime()
    # Without its own tables the core cannot tell more; the commands that make them must still work.
    if runtime.core.revision is None:
        return tuple(PluginReport(plugin) for plugin in runtime.plugins.values())
    inventory = {row.slug: row for row in db.session.scalars(sa.select(InstalledPlugin))}
    switched: dict[tuple[str, bool], list[DepartmentName]] = {}
    department = department_table.c
    query = (
        sa.select(
            PluginSwitch.slug,
            PluginSwitch.enabled,
            department.id,
            department.code,
            department.name,
            department.name_en,
        )
        .join(department_table, department.id == PluginSwitch.department_id)
        .order_by(department.code)
    )
    for row in db.session.execute(query):
        switched.setdefault((row.slug, row.enabled), []).append(
            DepartmentName(row.id, row.code, row.name, row.name_en)
        )
    plugins = _plugins_today(runtime)
    if not runtime.safe_mode:
        for slug, entry in sorted(inventory.items()):
            if slug not in plugins:
                plugins[slug] = PluginState(slug, State.MISSING)
            if plugins[slug].state is State.MISSING:
                plugins[slug].version = entry.version
    return tuple(
        PluginReport(
            plugin,
            tuple(switched.get((slug, True), ())),
            tuple(switched.get((slug, False), ())),
            tuple(inventory[slug].tables) if slug in inventory else (),
        )
        for slug, plugin in plugins.items()
    )


def _plugins_today(runtime: Runtime) -> dict[str, PluginState]:
    """Return the plugins as they were at the start, except those whose data was erased since."""
    tables = set(sa.inspect(db.session.connection()).get_table_names())
    plugins = {}
    for slug, plugin in runtime.plugins.items():
        if plugin.revision is None or version_table(slug) in tables:
            plugins[slug] = plugin
        elif plugin.state is not State.MISSING:
            plugins[slug] = replace(plugin, state=State.QUARANTINED, reason=ERASED, revision=None)
    return plugins
