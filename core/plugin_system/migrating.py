"""Changing schemas with Alembic: each component has its own revisions and its own version table.

Only commands and tests import this module; the web process does without Alembic (:mod:`core.plugin_system.schema`).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type
from alembic.config import Config
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import sqlite

from core.database.base import CORE, metadata
from core.database.search_index import is_search_object
from core.extensions import db
from core.plugin_system import schema
from core.plugin_system.runtime import current_runtime
from core.plugin_system.tables import VERSION_TABLE_PREFIX, owner_of_table, version_table

ATTRIBUTE = "doorstep"
"""Where ``env.py`` finds the :class:`Run` in Alembic's configuration."""

_ADVISORY_LOCK = 4_715_021
"""Any number: several servers that start at once migrate one after the other."""

_SQLITE = sqlite.dialect()


class MigrationError(RuntimeError):
    """A schema cannot be changed as asked; the message says what to do."""


@dataclass(frozen=True)
class Run:
    """One call of Alembic for one component.

    Attributes:
        component: ``core`` or a slug.
        slugs: All slugs that may own tables.
        connection: The connection, in a transaction.
    """

    component: str
    slugs: frozenset[str]
    connection: sa.Connection

    def options(self) -> dict[str, Any]:
        """Return the options of Alembic's migration context."""
        return {
            "connection": self.connection,
            "target_metadata": metadata,
            "version_table": version_table(self.component),
            "include_name": self._includes_name,
            "include_object": self._includes_object,
            "render_item": render_item,
            "render_as_batch": True,
            "compare_type": compare_type,
            "transactional_ddl": True,
        }

    def _owns(self, table: str) -> bool:
        return (
            not table.startswith(VERSION_TABLE_PREFIX)
            and not is_search_object(table)
            and owner_of_table(table, self.slugs) == self.component
        )

    def _includes_name(self, name: str | None, kind: str, _parents: Any) -> bool:
        """Leave what belongs to others alone: without this Alembic proposes to drop every plugin that is not loaded."""
        if kind == "table":
            return name is not None and self._owns(name)
        return not (kind == "index" and is_search_object(name))

    def _includes_object(self, item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        if kind == "table":
            return name is not None and self._owns(name)
        return not (kind == "index" and is_search_object(name))


def components() -> tuple[str, ...]:
    """Return the components with a schema, the core first, then the plugins in the order of their dependencies."""
    runtime = current_runtime()
    with_migrations = [
        slug
        for slug in runtime.order
        if schema.revisions(schema.migrations_folder(slug, runtime.plugins[slug].folder))
    ]
    return (CORE, *with_migrations)


def upgrade(component: str, revision: str = "head") -> None:
    """Run the migrations of a component up to a revision.

    Raises:
        MigrationError: The component is not known, has no migrations, or a row refers to nothing afterwards (SQLite).
    """
    if not schema.revisions(folder_of(component)):
        raise MigrationError(
            f"{component} has no migrations. `doorstep db revision {component} -m initial` writes the first one."
        )
    with _run(component) as config:
        command.upgrade(config, revision)


def upgrade_all() -> tuple[str, ...]:
    """Run all migrations of the core and of every plugin that could be loaded; return the components."""
    chosen = components()
    for component in chosen:
        upgrade(component)
    return chosen


def stamp(component: str, revision: str = "head") -> None:
    """Write down that the tables of a component are at a revision, without running migrations."""
    with _run(component) as config:
        command.stamp(config, revision)


def downgrade(component: str, revision: str = "base") -> None:
    """Take migrations of a component back down to a revision; ``base`` drops its tables."""
    with _run(component) as config:
        command.downgrade(config, revision)


def write_revision(component: str, message: str, *, empty: bool = False) -> Path | None:
    """Write a migration that brings the tables in the database to the models of today.

    Args:
        component: ``core`` or a slug.
        message: What the migration does, in a few words; becomes part of the file's name.
        empty: Whether to write an empty migration, to be filled by hand.

    Returns:
        The new file, or None when nothing changed.

    Raises:
        MigrationError: The database is not at the newest revision of the component.
    """
    folder = folder_of(component)
    heads = schema.heads(folder)
    stands = schema.current_revisions().get(component)
    if heads and stands != heads[0]:
        raise MigrationError(
            f"The tables of {component} are at {stands or 'no revision'}, its newest revision is {', '.join(heads)}. "
            f"Run `doorstep db upgrade {component}` first."
        )
    folder.mkdir(exist_ok=True)
    if not (folder / "__init__.py").exists():
        (folder / "__init__.py").touch()
    number = len(schema.revisions(folder)) + 1
    with _run(component) as config:
        script: Any = command.revision(
            config,
            message,
            autogenerate=not empty,
            rev_id=f"{component}_{number:04d}",
            branch_label=component if not heads else None,
            head="head" if heads else "base",
            version_path=str(folder),
            process_revision_directives=partial(_complete, empty=empty),
        )
    if not script:
        return None
    _tidy(Path(script.path), complete=not empty)
    return Path(script.path)


def _tidy(path: Path, *, complete: bool) -> None:
    """Take out what Alembic says of itself, and format with ruff where developers have it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line.rstrip() for line in lines if not line.strip().startswith("# ###")]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    ruff = Path(sys.executable).with_name("ruff")
    if ruff.exists():
        # What is to be filled by hand still needs the names that it imports.
        steps = [["check", "--fix", "--quiet"]] if complete else []
        for arguments in (*steps, ["format", "--quiet"]):
            subprocess.run([ruff, *arguments, path], check=False)  # noqa: S603 (our own tool on our own file)


def differences(component: str) -> list[str]:
    """Return how the tables of a component in the database differ from its models, a line each."""
    with _connection() as connection:
        options = _a_run(component, connection).options()
        context = MigrationContext.configure(connection, opts=options)
        return [_describe(difference) for difference in compare_metadata(context, metadata)]


def render_item(kind: str, item: Any, context: AutogenContext) -> str | bool:
    """Write column types of our own as plain SQLAlchemy types: migrations must not depend on the code of later days."""
    if kind != "type" or not isinstance(item, sa.types.TypeDecorator):
        return False
    plain = item.impl_instance
    on_sqlite = item.load_dialect_impl(_SQLITE).as_generic()
    written = _written(plain, context)
    if isinstance(plain, type(on_sqlite)):
        return written
    return f"{written}.with_variant({_written(on_sqlite, context)}, 'sqlite')"


def compare_type(
    _context: MigrationContext, _inspected: Any, _column: Any, inspected_type: Any, metadata_type: Any
) -> bool | None:
    """Let Alembic compare types, except where a database shows one type under another name."""
    if isinstance(metadata_type, sa.types.TypeDecorator):
        dialect = db.engine.dialect
        plain = metadata_type.load_dialect_impl(dialect)
        return bool(
            dialect.type_compiler_instance.process(plain)
            != dialect.type_compiler_instance.process(inspected_type)
        )
    return None


def _add_search_indexes(directives: list[Any]) -> None:
    """Add the hand-written DDL of search indexes after the tables that they search."""
    for script in directives:
        for upgrade_ops in script.upgrade_ops_list:
            for created in [op for op in upgrade_ops.ops if isinstance(op, ops.CreateTableOp)]:
                name = created.table_name
                # Taken out, because it would be written into the migration as an object of our own.
                index = created.info.pop("search_index", None)
                if index is not None:
                    upgrade_ops.ops.append(
                        ExecuteByDialect(f"search index of {name}", index.create_statements)
                    )
                    for downgrade_ops in script.downgrade_ops_list:
                        downgrade_ops.ops.insert(
                            0, ExecuteByDialect(f"search index of {name}", index.drop_statements)
                        )


def _complete(_context: Any, _revision: Any, directives: list[Any], *, empty: bool) -> None:
    _add_search_indexes(directives)
    if not empty and directives[0].upgrade_ops.is_empty():
        directives[:] = []


def _written(item: Any, context: AutogenContext) -> str:
    # Alembic has no public name for how it writes a type.
    return _repr_type(item, context)


def _describe(difference: Any) -> str:
    if isinstance(difference, list):
        return "; ".join(_describe(each) for each in difference)
    what, *details = difference
    return f"{what}: " + ", ".join(str(detail) for detail in details if detail is not None)


def folder_of(component: str) -> Path:
    """Return where the revisions of a component lie.

    Raises:
        MigrationError: There is no plugin of this slug whose code could be loaded.
    """
    if component == CORE:
        return schema.migrations_folder(CORE)
    plugin = current_runtime().plugins.get(component)
    if plugin is None or plugin.folder is None:
        reason = f" {plugin.reason}" if plugin is not None else ""
        raise MigrationError(f"There is no plugin {component} whose code could be loaded.{reason}")
    return schema.migrations_folder(component, plugin.folder)


def _a_run(component: str, connection: sa.Connection) -> Run:
    names = sa.inspect(connection).get_table_names()
    migrated = {
        name.removeprefix(VERSION_TABLE_PREFIX) for name in names if name.startswith(VERSION_TABLE_PREFIX)
    }
    return Run(component, frozenset({*current_runtime().plugins, *migrated} - {CORE}), connection)


@contextmanager
def _run(component: str) -> Iterator[Config]:
    """Yield Alembic's configuration for one component, inside one transaction."""
    folder = folder_of(component)
    with _connection() as connection:
        config = Config()
        config.set_main_option("script_location", str(schema.script_folder()).replace("%", "%%"))
        config.set_main_option("version_locations", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        config.attributes[ATTRIBUTE] = _a_run(component, connection)
        yield config


@contextmanager
def _connection() -> Iterator[sa.Connection]:
    """Yield a connection in a transaction; on SQLite without foreign keys, which are checked at the end.

    Alembic changes a table of SQLite by writing it anew; with foreign keys on, dropping the old one would delete
    the rows that refer to it.
    """
    with db.engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            _set_foreign_keys(connection, "OFF")
        try:
            with connection.begin():
                if not is_sqlite:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
                yield connection
                if is_sqlite:
                    _refuse_orphans(connection.exec_driver_sql("PRAGMA foreign_key_check").all())
        finally:
            if is_sqlite:
                _set_foreign_keys(connection, "ON")


def _set_foreign_keys(connection: sa.Connection, value: str) -> None:
    # Inside a transaction the pragma does nothing, so it goes to the driver's connection, before one begins.
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"PRAGMA foreign_keys={value}")


def _refuse_orphans(rows: Sequence[Any]) -> None:
    if rows:
        tables = sorted({f"{row[0]} → {row[2]}" for row in rows})
        raise MigrationError(
            f"After the migration {len(rows)} rows would refer to nothing ({', '.join(tables)}); nothing was changed."
        )


class ExecuteByDialect(ops.MigrateOperation):
    """Statements that are written differently for each database; rendered as constant SQL."""

    def __init__(self, title: str, statements: Any) -> None:
        self.title = title
        self.statements = statements


@renderers.dispatch_for(ExecuteByDialect)
def _render_statements(_context: AutogenContext, operation: ExecuteByDialect) -> list[str]:
    # One line each: the printer of Alembic indents by itself what follows a colon at the end of a line.
    by_dialect = {name: operation.statements(name) for name in ("postgresql", "sqlite")}
    return [
        f"# {operation.title}",
        f"statements = {by_dialect!r}",
        "for statement in statements[op.get_bind().dialect.name]: op.get_bind().exec_driver_sql(statement)",
    ]
