"""Which database tests run on, and how it is brought back to a known state before each of them.

``DOORSTEP_TEST_DATABASE_URL`` names a PostgreSQL cluster in which databases may be created. Without it tests run on
SQLite files in pytest's temporary folder.
"""

from __future__ import annotations

import itertools
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, make_url


def _cluster() -> URL | None:
    address = os.environ.get("DOORSTEP_TEST_DATABASE_URL")
    if not address:
        return None
    url = make_url(address)
    if url.get_backend_name() != "postgresql":
        raise pytest.UsageError(
            f"DOORSTEP_TEST_DATABASE_URL must name a PostgreSQL cluster, not {url.get_backend_name()!r}. "
            "Leave it out to run on SQLite."
        )
    return url


def _administer(cluster: URL, statement: str, database: str) -> None:
    """Run a CREATE or DROP DATABASE in the cluster; these cannot run in a transaction."""
    address = cluster.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(database)))


def pytest_report_header() -> str:
    """Say on which database the run is."""
    return f"database: {'SQLite' if _cluster() is None else 'PostgreSQL'}"


@pytest.fixture(scope="session")
def create_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """A function that makes a new, empty database and returns its SQLAlchemy URL.

    The databases are removed when the session ends, if their cluster outlives it.
    """
    cluster = _cluster()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    names = (f"doorstep_{worker}_{os.getpid()}_{number}" for number in itertools.count(1))
    created: list[str] = []

    def create() -> str:
        name = next(names)
        if cluster is None:
            return f"sqlite:///{tmp_path_factory.mktemp('database') / name}.sqlite"
        _administer(cluster, "CREATE DATABASE {} TEMPLATE template0", name)
        created.append(name)
        return cluster.set(database=name).render_as_string(hide_password=False)

    yield create
    if "DOORSTEP_CLUSTER_IS_TEMPORARY" in os.environ:
        return
    for name in created:
        if cluster is not None:
            _administer(cluster, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def database_url(create_database: Callable[[], str]) -> str:
    """The database of this worker: empty when the session starts, shared by its tests."""
    return create_database()


@pytest.fixture
def empty_database_url(create_database: Callable[[], str]) -> str:
    """A new, empty database for one test, for example of migrations."""
    return create_database()


_HARMLESS = re.compile(
    r"\s*(?:SELECT|SAVEPOINT|RELEASE|ROLLBACK|BEGIN|SET|SHOW|PRAGMA|EXPLAIN|LOCK|DECLARE|FETCH|CLOSE)\b",
    re.IGNORECASE,
)
_WRITING = re.compile(r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+\"?(\w+)\"?", re.IGNORECASE)


class States:
    """Brings the database of an application to a remembered state, and only when it was changed since.

    A state is kept where copying it back is cheapest: of SQLite the whole file in memory, of PostgreSQL the rows in a
    schema of their own.
    """

    def __init__(self, engine: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._keeper: _SqliteKeeper | _PostgresqlKeeper = (
            _SqliteKeeper() if engine.dialect.name == "sqlite" else _PostgresqlKeeper(metadata.sorted_tables)
        )
        self._names: set[str] = set()
        self._last: str | None = None
        self._written: set[str] | None = set()
        self._is_changed = True
        sa.event.listen(engine, "before_cursor_execute", self._on_statement)
        sa.event.listen(engine, "commit", self._on_commit)

    def _on_statement(self, _connection: sa.Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        if self._written is None or _HARMLESS.match(statement):
            return
        found = _WRITING.findall(statement)
        if found:
            self._written.update(found)
        else:
            # Nobody knows what it changed: everything is brought back.
            self._written = None

    def _on_commit(self, _connection: sa.Connection) -> None:
        self._is_changed = True

    @contextmanager
    def _driver(self) -> Iterator[Any]:
        connection = self._engine.raw_connection()
        try:
            yield connection.driver_connection
        finally:
            connection.close()

    def remember(self, name: str) -> None:
        """Keep what is in the database now under a name."""
        with self._driver() as driver:
            self._keeper.remember(driver, name)
        self._names.add(name)
        self._now_as(name)

    def knows(self, name: str) -> bool:
        """Return whether a state with this name was remembered."""
        return name in self._names

    def restore(self, name: str, *, even_if_unchanged: bool = False) -> None:
        """Bring the database to a remembered state.

        Args:
            name: What it was remembered as.
            even_if_unchanged: Also when nothing was committed through this engine, for a database that others use.
        """
        if self._last == name and not self._is_changed and not even_if_unchanged:
            return
        only = None if even_if_unchanged or self._last != name else self._written
        with self._driver() as driver:
            self._keeper.restore(driver, name, only)
        self._now_as(name)

    def _now_as(self, name: str) -> None:
        self._last, self._written, self._is_changed = name, set(), False


class _SqliteKeeper:
    """Copies of the whole database in memory."""

    def __init__(self) -> None:
        self._copies: dict[str, sqlite3.Connection] = {}

    def remember(self, driver: sqlite3.Connection, name: str) -> None:
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        driver.backup(copy)
        self._copies[name] = copy

    def restore(self, driver: sqlite3.Connection, name: str, only: set[str] | None) -> None:
        del only
        # Copying waits for ever for a transaction that a test left open; this fails after the busy timeout.
        driver.execute("BEGIN IMMEDIATE")
        driver.execute("ROLLBACK")
        self._copies[name].backup(driver)


class _PostgresqlKeeper:
    """Copies of the rows in a schema per state. The tables are emptied by DELETE: TRUNCATE makes new files for each."""

    def __init__(self, tables: Sequence[sa.Table]) -> None:
        self._tables = tuple(tables)
        self._places = {table.name: place for place, table in enumerate(self._tables)}
        self._filled: dict[str, frozenset[str]] = {}
        self._positions: dict[str, dict[str, sql.Composed]] = {}

    def remember(self, driver: psycopg.Connection[Any], name: str) -> None:
        schema = f"state_{name}"
        filled = [table for table in self._tables if self._has_rows(driver, table)]
        statements = [sql.SQL("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}").format(_name(schema))]
        statements += [
            sql.SQL("CREATE TABLE {} AS TABLE {}").format(_name(schema, table.name), _name(table.name))
            for table in filled
        ]
        driver.execute(_joined(statements))
        driver.commit()
        self._filled[name] = frozenset(table.name for table in filled)
        self._positions[name] = self._sequences(driver)

    def restore(self, driver: psycopg.Connection[Any], name: str, only: set[str] | None) -> None:
        """Bring tables back.

        Args:
            driver: The connection.
            name: The state.
            only: Names of the tables that differ from it, as far as statements named them; None for all tables.
        """
        tables = self._tables if only is None else self._reached(only)
        positions = self._positions[name]
        statements: list[sql.Composed | sql.SQL] = [
            sql.SQL("SET LOCAL lock_timeout = '15s'"),
            # The rows fit each other when all are back; checking them one by one takes most of the time.
            sql.SQL("SET LOCAL session_replication_role = replica"),
            *(sql.SQL("DELETE FROM {}").format(_name(table.name)) for table in reversed(tables)),
            *(
                sql.SQL("INSERT INTO {0} ({2}) SELECT {2} FROM {1}").format(
                    _name(table.name),
                    _name(f"state_{name}", table.name),
                    sql.SQL(", ").join(
                        _name(column.name) for column in table.columns if column.computed is None
                    ),
                )
                for table in tables
                if table.name in self._filled[name]
            ),
            *(positions[table.name] for table in tables if table.name in positions),
        ]
        driver.execute(_joined(statements))
        driver.commit()

    def _reached(self, names: set[str]) -> list[sa.Table]:
        """Return the tables and those whose rows the database changes after theirs (ON DELETE CASCADE, SET NULL)."""
        found = names & self._places.keys()
        for table in self._tables:
            for constraint in table.foreign_key_constraints:
                if constraint.referred_table.name in found and constraint.ondelete in ("CASCADE", "SET NULL"):
                    found.add(table.name)
        return sorted(
            (self._tables[self._places[name]] for name in found), key=lambda each: self._places[each.name]
        )

    @staticmethod
    def _sequences(driver: psycopg.Connection[Any]) -> dict[str, sql.Composed]:
        """Return what sets each table's sequence to where it is now, so that new rows have the same keys every time."""
        found = driver.execute(
            "SELECT owner.relname, sequences.sequencename, coalesce(last_value, start_value), last_value IS NOT NULL"
            " FROM pg_sequences AS sequences"
            " JOIN pg_class AS sequence ON sequence.relname = sequences.sequencename"
            " JOIN pg_depend AS link ON link.objid = sequence.oid AND link.deptype IN ('a', 'i')"
            " JOIN pg_class AS owner ON owner.oid = link.refobjid"
            " WHERE sequences.schemaname = 'public' AND sequence.relkind = 'S'"
        ).fetchall()
        return {
            owner: sql.SQL("SELECT setval({}, {}, {})").format(_name(name).as_string(driver), value, called)
            for owner, name, value, called in found
        }

    @staticmethod
    def _has_rows(driver: psycopg.Connection[Any], table: sa.Table) -> bool:
        found = driver.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(_name(table.name)))
        return found.fetchone() is not None


def _name(*parts: str) -> sql.Identifier:
    return sql.Identifier(*parts)


def _joined(statements: Sequence[sql.Composed | sql.SQL]) -> sql.Composed:
    return sql.SQL("; ").join(statements)
