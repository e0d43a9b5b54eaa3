"""The third verb: erasing everything that a plugin left behind, after it was shown and exported.

*Off* keeps the data of a department, *removed* (the package is gone) keeps all data; only *erased* drops the tables.
It works for plugins whose package is gone too, because their tables are in the inventory
(:class:`core.plugin_system.models.InstalledPlugin`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from flask import Flask, current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import SQLAlchemyError

from core.database.base import CORE
from core.database.connections import WITHOUT_FOREIGN_KEYS
from core.database.scope import all_departments
from core.database.search_index import is_search_object, search_tables_of
from core.extensions import db
from core.plugin_system import gate
from core.plugin_system.declarations import Text
from core.plugin_system.erasure_archive import ErasureArchive
from core.plugin_system.holdings import Holding, Trace, delete_rows, queried
from core.plugin_system.models import InstalledPlugin, PluginSwitch
from core.plugin_system.runtime import PluginState, State, current_runtime
from core.plugin_system.tables import (
    VERSION_TABLE_PREFIX,
    core_table_names,
    owner_of_table,
    tables_of,
    version_table,
)

_EXTENSION = "doorstep.erasing"
_LOCK_SECONDS = 10
FOLDER = "erased"
"""Folder of the exports in the instance folder."""


class EraseRefused(ValueError):
    """The data of a plugin cannot be erased; ``str()`` says why and what to do."""


class _RecordEvent(Protocol):
    def __call__(self, action: str, record: Any = None, reason: str = "", **details: Any) -> None: ...


@dataclass(frozen=True)
class _Means:
    holdings: tuple[Holding, ...]
    record_event: _RecordEvent


@dataclass(frozen=True)
class PlanLine:
    """One kind of thing in the plan: its name, how many there are, and why it stays ("" when it is erased)."""

    code: str
    label: Text
    count: int
    stays: Text = ""


@dataclass(frozen=True)
class ErasurePlan:
    """What erasing a plugin would remove, and what would stay.

    Attributes:
        plugin: Its state; *missing* when its package is gone.
        tables: Its tables in the database with their number of rows.
        parts: What else the core keeps of it.
        obstacles: Sentences that say why it is refused now.
    """

    plugin: PluginState
    tables: tuple[tuple[str, int], ...]
    parts: tuple[PlanLine, ...]
    obstacles: tuple[str, ...]

    @property
    def erased(self) -> tuple[PlanLine, ...]:
        """What is erased beside the tables."""
        return tuple(line for line in self.parts if not line.stays)

    @property
    def kept(self) -> tuple[PlanLine, ...]:
        """What stays."""
        return tuple(line for line in self.parts if line.stays)


def set_up_erasing(app: Flask, module_names: Sequence[str], record_event: _RecordEvent) -> None:
    """Tell the application what the core keeps of plugins.

    Args:
        app: The application.
        module_names: Modules with a tuple ``HOLDINGS``.
        record_event: Writes an event into the audit log.
    """
    holdings = [holding for name in module_names for holding in importlib.import_module(name).HOLDINGS]
    app.extensions[_EXTENSION] = _Means((_SWITCHES, *holdings), record_event)


def plan(slug: str) -> ErasurePlan:
    """Return what erasing a plugin would do.

    Args:
        slug: The plugin; its package may be gone.

    Raises:
        EraseRefused: Nothing of a plugin with this slug is installed or kept.
    """
    with all_departments(f"plan of erasing the plugin {slug}"):
        return _plan(slug)


def erase(slug: str, typed_slug: str, reason: str = "") -> Path:
    """Export everything of a plugin to a zip, then drop its tables and remove what the core keeps of it.

    It is one transaction, which is committed here: the caller's own must have written nothing. Issued documents,
    entries of the timeline and number series stay.

    Args:
        slug: The plugin; its package may be gone.
        typed_slug: What the user typed as proof that this plugin is meant.
        reason: Why, for the audit log.

    Returns:
        The zip, in the folder ``erased`` of the instance folder.

    Raises:
        EraseRefused: The slug was typed wrongly, something stands in the way, or somebody uses the tables.
    """
    if typed_slug != slug:
        raise EraseRefused(_("Type %(slug)s, exactly as it stands here, to erase its data.", slug=slug))
    with all_departments(reason or f"erasing the plugin {slug}"), _transaction() as connection:
        erasing = _plan(slug)
        if erasing.obstacles:
            raise EraseRefused(" ".join(erasing.obstacles))
        trace = Trace(slug, tuple(name for name, _rows in erasing.tables))
        _lock(connection, trace.tables)
        path = Path(current_app.instance_path) / FOLDER
        with ErasureArchive(path, slug) as archive:
            _export(erasing.plugin, trace, connection, archive)
            afterwards = [holding.erase(trace) for holding in _means().holdings if holding.erase is not None]
            _drop(connection, trace)
            delete_rows(InstalledPlugin, InstalledPlugin.slug == slug, f"erasing the plugin {slug}")
            _refuse_orphans(connection)
            _means().record_event(
                "plugin_erased",
                None,
                reason,
                module=slug,
                tables=", ".join(trace.tables),
                rows=sum(rows for _name, rows in erasing.tables),
                export=archive.path.name,
            )
            archive.finish()
            db.session.commit()
            archive.keep()
    gate.forget_switches()
    for step in afterwards:
        if step is not None:
            step()
    return archive.path


def _means() -> _Means:
    means: _Means = current_app.extensions[_EXTENSION]
    return means


def _plan(slug: str) -> ErasurePlan:
    connection = db.session.connection()
    names = set(sa.inspect(connection).get_table_names())
    runtime = current_runtime()
    entry = db.session.get(InstalledPlugin, slug)
    plugin = runtime.plugins.get(slug)
    if plugin is None:
        plugin = PluginState(slug, State.MISSING, version=entry.version if entry is not None else "")
    trace = Trace(slug, _tables(slug, names, entry))
    parts = tuple(
        PlanLine(holding.code, holding.label, holding.count(trace), holding.stays)
        for holding in _means().holdings
    )
    leftovers = trace.tables or version_table(slug) in names or entry is not None
    if slug == CORE or not (leftovers or any(line.count for line in parts if not line.stays)):
        raise EraseRefused(
            _("Nothing is kept of a module %(slug)s, so there is nothing to erase.", slug=slug)
        )
    rows = tuple(
        (name, connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0)
        for name in trace.tables
    )
    return ErasurePlan(plugin, rows, parts, _obstacles(slug, trace, connection, names))


def _tables(slug: str, names: set[str], entry: InstalledPlugin | None) -> tuple[str, ...]:
    """Return the tables of a plugin that are in the database: those of its models and those that it left behind."""
    known = {table.name for table in tables_of(slug, _slugs(names))} | set(entry.tables if entry else ())
    return tuple(
        sorted(
            name
            for name in known & names
            # Whatever an inventory says: never a table of the core or of another plugin.
            if owner_of_table(name, _slugs(names)) == slug and name not in core_table_names()
        )
    )


def _slugs(names: set[str]) -> frozenset[str]:
    """Return all slugs that may own tables."""
    migrated = {
        name.removeprefix(VERSION_TABLE_PREFIX) for name in names if name.startswith(VERSION_TABLE_PREFIX)
    }
    installed = set(db.session.scalars(sa.select(InstalledPlugin.slug)))
    return frozenset({*current_runtime().plugins, *migrated, *installed} - {CORE})


def _obstacles(slug: str, trace: Trace, connection: sa.Connection, names: set[str]) -> tuple[str, ...]:
    runtime = current_runtime()
    found = []
    dependents = [
        plugin.slug
        for plugin in runtime.healthy()
        if slug in plugin.depends and not gate.was_erased(plugin.slug)
    ]
    if dependents:
        found.append(
            _(
                "It is needed by %(names)s. Uninstall or erase that first.",
                names=", ".join(f"{runtime.plugins[other].name} ({other})" for other in dependents),
            )
        )
    own = set(trace.tables)
    slugs = _slugs(names)
    for (_schema, table), keys in sorted(sa.inspect(connection).get_multi_foreign_keys().items()):
        targets = sorted({key["referred_table"] for key in keys} & own)
        if table not in own and targets:
            found.append(
                _(
                    "The table %(table)s of %(owner)s refers to %(targets)s. Erase %(owner)s first.",
                    table=table,
                    owner=owner_of_table(table, slugs),
                    targets=", ".join(targets),
                )
            )
    return tuple(found)


@contextmanager
def _transaction() -> Iterator[sa.Connection]:
    """Yield the connection of the session in a new transaction, on SQLite without foreign keys."""
    db.session.rollback()
    try:
        yield db.session.connection(execution_options={WITHOUT_FOREIGN_KEYS: True})
    except SQLAlchemyError as error:
        db.session.rollback()
        current_app.logger.warning("The data of a plugin was not erased: %s", error, exc_info=True)
        raise EraseRefused(
            _(
                "The database refused, so nothing was erased. If somebody is using the tables, try again when "
                "it is quiet; the log of the server holds the reason."
            )
        ) from error
    except BaseException:
        db.session.rollback()
        raise


def _lock(connection: sa.Connection, tables: Sequence[str]) -> None:
    """Keep everybody else out of the tables, so that nothing is written between the export and the drop."""
    if connection.dialect.name == "postgresql" and tables:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        connection.exec_driver_sql(f"LOCK TABLE {_quoted(connection, tables)} IN ACCESS EXCLUSIVE MODE")


def _export(plugin: PluginState, trace: Trace, connection: sa.Connection, archive: ErasureArchive) -> None:
    inspector = sa.inspect(connection)
    for name in trace.tables:
        columns = {column["name"]: str(column["type"]) for column in inspector.get_columns(name)}
        # Without types the values come as the database keeps them: encrypted ones stay encrypted.
        query = sa.select(sa.table(name, *(sa.column(each) for each in columns)))
        rows = connection.execute(query, execution_options={"yield_per": 1_000})
        archive.add_rows(f"tables/{name}", (row._asdict() for row in rows), columns)
    for holding in _means().holdings:
        archive.add_rows(f"core/{holding.code}", holding.rows(trace))
        for name, content in holding.files(trace) if holding.files is not None else ():
            archive.add_file(f"files/{name}", content)
    archive.add_account(
        slug=trace.slug,
        version=plugin.version,
        schema_revision=plugin.revision,
        database=connection.dialect.name,
    )


def _drop(connection: sa.Connection, trace: Trace) -> None:
    names = set(sa.inspect(connection).get_table_names())
    version = [version_table(trace.slug)] if version_table(trace.slug) in names else []
    if connection.dialect.name == "postgresql":
        types = _own_types(connection, trace.tables)
        if trace.tables or version:
            connection.exec_driver_sql(f"DROP TABLE {_quoted(connection, [*trace.tables, *version])}")
        for name in types:
            connection.exec_driver_sql(f"DROP TYPE {_quoted(connection, [name])}")
        return
    search = [name for table in trace.tables for name in search_tables_of(table) if is_search_object(name)]
    for name in [*(each for each in search if each in names), *trace.tables, *version]:
        connection.exec_driver_sql(f"DROP TABLE {_quoted(connection, [name])}")


def _own_types(connection: sa.Connection, tables: Sequence[str]) -> list[str]:
    """Return the enumerated types that only these tables use; without them a new installation would fail."""
    used: dict[str, set[str]] = {}
    for (_schema, table), columns in sa.inspect(connection).get_multi_columns().items():
        for column in columns:
            if isinstance(column["type"], sa.Enum) and column["type"].name:
                used.setdefault(column["type"].name, set()).add(table)
    return sorted(name for name, users in used.items() if users <= set(tables))


def _quoted(connection: sa.Connection, names: Sequence[str]) -> str:
    return ", ".join(connection.dialect.identifier_preparer.quote(name) for name in names)


def _refuse_orphans(connection: sa.Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if rows:
        tables = ", ".join(sorted({f"{row[0]} → {row[2]}" for row in rows}))
        raise EraseRefused(
            _(
                "%(count)s rows would refer to nothing afterwards (%(tables)s), so nothing was erased.",
                count=len(rows),
                tables=tables,
            )
        )


def _erase_switches(trace: Trace) -> Callable[[], None] | None:
    delete_rows(PluginSwitch, PluginSwitch.slug == trace.slug, f"erasing the plugin {trace.slug}")
    return None


_SWITCHES = queried(
    "switches",
    _l("Switches of departments"),
    PluginSwitch,
    lambda trace: PluginSwitch.slug == trace.slug,
    erase=_erase_switches,
)
