"""Which database tests run on, and how it is brought back to a known state before each of them.

``DOORSTEP_TEST_DATABASE_URL`` names a PostgreSQL cluster in which databases may be created. Without it tests run on
SQLite files in pytest's temporary folder.
"""

from __future__ import annotations

import itertools
import os
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

    The databases are removed when the session ends.
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


class States:
    """Brings the database of an application to a remembered state, and only when it was changed since.

    A state is kept where copying it back is cheapest: of SQLite the whole file in memory, of PostgreSQL the rows in a
    schema of their own.
    """

    def __init__(self, engine: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._keeper = (
            _SqliteKeeper() if engine.dialect.name == "sqlite" else _PostgresqlKeeper(metadata.sorted_tables)
        )
        self._names: set[str] = set()
        self._current: str | None = None
        sa.event.listen(engine, "commit", self._on_commit)

    def _on_commit(self, _connection: sa.Connection) -> None:
        self._current = None

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
        self._current = name

    def knows(self, name: str) -> bool:
        """Return whether a state with this name was remembered."""
        return name in self._names

    def restore(self, name: str, *, even_if_unchanged: bool = False) -> None:
        """Bring the database to a remembered state.

        Args:
            name: What it was remembered as.
            even_if_unchanged: Also when nothing was committed through this engine, for a database that others use.
        """
        if self._current == name and not even_if_unchanged:
            return
        with self._driver() as driver:
            self._keeper.restore(driver, name)
        self._current = name


class _SqliteKeeper:
    """Copies of the whole database in memory."""

    def __init__(self) -> None:
        self._copies: dict[str, sqlite3.Connection] = {}

    def remember(self, driver: sqlite3.Connection, name: str) -> None:
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        driver.backup(copy)
        self._copies[name] = copy

    def restore(self, driver: sqlite3.Connection, name: str) -> None:
        # Copying waits for ever for a transaction that a test left open; this fails after the busy timeout.
        driver.execute("BEGIN IMMEDIATE")
        driver.execute("ROLLBACK")
        self._copies[name].backup(driver)


class _PostgresqlKeeper:
    """Copies of the rows in a schema per state. The tables are emptied by DELETE: TRUNCATE makes new files for each."""

    def __init__(self, tables: Sequence[sa.Table]) -> None:
        self._tables = tuple(tables)
        self._restoring: dict[str, sql.Composed] = {}

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
        self._restoring[name] = _joined(
            [
                sql.SQL("SET LOCAL lock_timeout = '15s'"),
                *(sql.SQL("DELETE FROM {}").format(_name(table.name)) for table in reversed(self._tables)),
                *(
                    sql.SQL("INSERT INTO {0} ({2}) SELECT {2} FROM {1}").format(
                        _name(table.name),
                        _name(schema, table.name),
                        sql.SQL(", ").join(
                            _name(column.name) for column in table.columns if column.computed is None
                        ),
                    )
                    for table in filled
                ),
                *self._sequences(driver),
            ]
        )

    def restore(self, driver: psycopg.Connection[Any], name: str) -> None:
        driver.execute(self._restoring[name])
        driver.commit()

    @staticmethod
    def _sequences(driver: psycopg.Connection[Any]) -> list[sql.Composed]:
        """Return what sets the sequences to where they are now, so that new rows have the same keys every time."""
        found = driver.execute(
            "SELECT sequencename, coalesce(last_value, start_value), last_value IS NOT NULL"
            " FROM pg_sequences WHERE schemaname = 'public'"
        ).fetchall()
        return [
            sql.SQL("SELECT setval({}, {}, {})").format(_name(name).as_string(driver), value, called)
            for name, value, called in found
        ]

    @staticmethod
    def _has_rows(driver: psycopg.Connection[Any], table: sa.Table) -> bool:
        found = driver.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(_name(table.name)))
        return found.fetchone() is not None


def _name(*parts: str) -> sql.Identifier:
    return sql.Identifier(*parts)


def _joined(statements: Sequence[sql.Composed | sql.SQL]) -> sql.Composed:
    return sql.SQL("; ").join(statements)
