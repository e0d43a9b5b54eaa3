"""Which database tests run on, and how it is brought back to a known state before each of them.

``DOORSTEP_TEST_DATABASE_URL`` names a PostgreSQL cluster in which databases may be created. Without it tests run on
SQLite files in pytest's temporary folder.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
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


def _administer(cluster: URL, statement: str, *databases: str) -> None:
    """Run a CREATE or DROP DATABASE in the cluster; these cannot run in a transaction."""
    address = cluster.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, databases)))


def pytest_report_header() -> str:
    """Say on which database the run is."""
    return f"database: {'SQLite' if _cluster() is None else 'PostgreSQL'}"


@pytest.fixture(scope="session")
def create_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """A function that makes a new database and returns its SQLAlchemy URL.

    It is empty, or holds what another one does: its URL is given as ``template``, and nobody may be connected to it.
    The databases are removed when the session ends, if their cluster outlives it.
    """
    cluster = _cluster()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    names = (f"doorstep_{worker}_{os.getpid()}_{number}" for number in itertools.count(1))
    created: list[str] = []

    def create(template: str | None = None) -> str:
        name = next(names)
        if cluster is None:
            path = tmp_path_factory.mktemp("database") / f"{name}.sqlite"
            if template is not None:
                shutil.copyfile(str(make_url(template).database), path)
            return f"sqlite:///{path}"
        copied = "template0" if template is None else str(make_url(template).database)
        _administer(cluster, "CREATE DATABASE {} TEMPLATE {}", name, copied)
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

    Only the tables are copied back that were written to, or in which two states differ. A state is kept where copying
    it back is cheapest: of SQLite in memory, of PostgreSQL in a schema of its own.
    """

    def __init__(self, engine: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._tables = _Tables(metadata)
        self._keeper: _SqliteKeeper | _PostgresqlKeeper = (
            _SqliteKeeper(self._tables)
            if engine.dialect.name == "sqlite"
            else _PostgresqlKeeper(self._tables)
        )
        self._names: set[str] = set()
        self._last: str | None = None
        self._expected: str | None = None
        self._written: set[str] | None = set()
        self._is_changed = True
        sa.event.listen(engine, "before_cursor_execute", self._on_statement)
        sa.event.listen(engine, "commit", self._on_commit)
        sa.event.listen(engine, "checkout", self._on_checkout)
        _ALL.add(self)

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

    def _on_checkout(self, driver: Any, *_rest: Any) -> None:
        if self._expected is not None:
            name, self._expected = self._expected, None
            self._restore(driver, name, even_if_unchanged=False)

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
        self._expected = None
        if even_if_unchanged or self._differs_from(name):
            with self._driver() as driver:
                self._restore(driver, name, even_if_unchanged=even_if_unchanged)

    def expect(self, name: str) -> None:
        """Bring the database to a remembered state as soon as somebody takes a connection of its engine.

        Fixtures build upon each other, and each names its state: only the last of them is copied.

        Args:
            name: What it was remembered as.
        """
        self._expected = name if self._differs_from(name) else None

    def settle(self) -> None:
        """Bring about what is expected, for those who look at the database from elsewhere."""
        if self._expected is not None:
            self.restore(self._expected)

    def _differs_from(self, name: str) -> bool:
        return self._last != name or self._is_changed

    def _restore(self, driver: Any, name: str, *, even_if_unchanged: bool) -> None:
        only = None
        if not even_if_unchanged and self._last is not None and self._written is not None:
            only = self._tables.reached(self._written)
            if self._last != name:
                only |= self._keeper.differing(self._last, name)
        self._keeper.restore(driver, name, only)
        self._now_as(name)

    def _now_as(self, name: str) -> None:
        self._last, self._written, self._is_changed = name, set(), False


_ALL: weakref.WeakSet[States] = weakref.WeakSet()


@sa.event.listens_for(sa.Engine, "commit")
def _on_commit_of_another_engine(connection: sa.Connection) -> None:
    """Notice what a second application does to the database of the first."""
    for states in _ALL:
        engine = states._engine
        if engine is not connection.engine and engine.url == connection.engine.url:
            states._written, states._is_changed = None, True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Bring the databases to where the test's fixtures want them: its child processes do not ask an engine of ours."""
    for states in _ALL:
        states.settle()


class _Tables:
    """The tables of the models, parents first."""

    def __init__(self, metadata: sa.MetaData) -> None:
        self.all = tuple(metadata.sorted_tables)
        self._places = {table.name: place for place, table in enumerate(self.all)}
        self._followers: dict[str, set[str]] = {table.name: set() for table in self.all}
        for table in self.all:
            for constraint in table.foreign_key_constraints:
                if constraint.ondelete in ("CASCADE", "SET NULL"):
                    self._followers[constraint.referred_table.name].add(table.name)

    def ordered(self, names: Iterable[str]) -> list[sa.Table]:
        """Return some tables, parents first; what is no table of a model is left out."""
        places = sorted(self._places[name] for name in names if name in self._places)
        return [self.all[place] for place in places]

    def reached(self, names: set[str]) -> set[str]:
        """Return names with those of tables that the database changes after them (ON DELETE CASCADE, SET NULL)."""
        found = set(names)
        for table in self.all:
            if table.name in found:
                found |= self._followers[table.name]
        return found

    def are_all_of_models(self, names: set[str]) -> bool:
        """Return whether the names are names of tables of models."""
        return names <= self._places.keys()


def _stored(table: sa.Table) -> list[str]:
    """Return the names of the columns that the database does not compute."""
    return [column.name for column in table.columns if column.computed is None]


class _SqliteKeeper:
    """Copies of the whole database in memory.

    Rows are put back one table after the other, because after a copy of the file every connection reads the schema
    anew, which takes many times as long. The file is copied where it is not known what was changed.
    """

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self._copies: dict[str, sqlite3.Connection] = {}
        self._rows: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
        self._reading: dict[str, str] = {}
        self._writing: dict[str, str] = {}
        for table in tables.all:
            columns = ", ".join(f'"{column}"' for column in _stored(table))
            marks = ", ".join("?" for _column in _stored(table))
            self._reading[table.name] = f'SELECT {columns} FROM "{table.name}" ORDER BY rowid'  # noqa: S608
            self._writing[table.name] = f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'  # noqa: S608

    def remember(self, driver: sqlite3.Connection, name: str) -> None:
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        driver.backup(copy)
        self._copies[name] = copy
        self._rows[name] = {}

    def differing(self, one: str, other: str) -> set[str]:
        """Return the names of the tables in which two states differ."""
        return {
            table.name
            for table in self._tables.all
            if self._rows_of(one, table) != self._rows_of(other, table)
        }

    def restore(self, driver: sqlite3.Connection, name: str, only: set[str] | None) -> None:
        # Copying waits for ever for a transaction that a test left open; this fails after the busy timeout.
        driver.execute("BEGIN IMMEDIATE")
        driver.execute("ROLLBACK")
        if only is None or not self._tables.are_all_of_models(only):
            self._copies[name].backup(driver)
            return
        ((checked,),) = driver.execute("PRAGMA foreign_keys")
        # The rows fit each other when all are back.
        driver.execute("PRAGMA foreign_keys=OFF")
        driver.execute("BEGIN IMMEDIATE")
        try:
            for table in self._tables.ordered(only):
                rows = self._rows_of(name, table)
                if driver.execute(self._reading[table.name]).fetchall() != rows:
                    driver.execute(f'DELETE FROM "{table.name}"')  # noqa: S608 (names of our own tables)
                    driver.executemany(self._writing[table.name], rows)
            driver.execute("COMMIT")
        except sqlite3.Error:
            driver.execute("ROLLBACK")
            raise
        finally:
            driver.execute(f"PRAGMA foreign_keys={checked}")

    def _rows_of(self, name: str, table: sa.Table) -> list[tuple[Any, ...]]:
        kept = self._rows[name]
        if table.name not in kept:
            kept[table.name] = self._copies[name].execute(self._reading[table.name]).fetchall()
        return kept[table.name]


class _PostgresqlKeeper:
    """Copies of the rows in a schema per state. The tables are emptied by DELETE: TRUNCATE makes new files for each."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self._filled: dict[str, dict[str, str]] = {}
        self._positions: dict[str, dict[str, sql.Composed]] = {}

    def remember(self, driver: psycopg.Connection[Any], name: str) -> None:
        schema = f"state_{name}"
        filled = [table for table in self._tables.all if self._has_rows(driver, table)]
        statements = [sql.SQL("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}").format(_name(schema))]
        statements += [
            sql.SQL("CREATE TABLE {} AS TABLE {}").format(_name(schema, table.name), _name(table.name))
            for table in filled
        ]
        driver.execute(_joined(statements))
        driver.commit()
        self._filled[name] = {table.name: self._digest(driver, table) for table in filled}
        self._positions[name] = self._sequences(driver)
        driver.commit()

    def differing(self, one: str, other: str) -> set[str]:
        """Return the names of the tables in which two states differ in rows or in the next key."""
        rows, positions = (
            {table.name for table in self._tables.all if of[one].get(table.name) != of[other].get(table.name)}
            for of in (self._filled, self._positions)
        )
        return rows | positions

    def restore(self, driver: psycopg.Connection[Any], name: str, only: set[str] | None) -> None:
        """Bring tables back.

        Args:
            driver: The connection.
            name: The state.
            only: Names of the tables that may differ from it; None for all tables.
        """
        tables = self._tables.all if only is None else self._tables.ordered(only)
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
                    sql.SQL(", ").join(_name(column) for column in _stored(table)),
                )
                for table in tables
                if table.name in self._filled[name]
            ),
            *(positions[table.name] for table in tables if table.name in positions),
        ]
        driver.execute(_joined(statements))
        driver.commit()

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
    def _digest(driver: psycopg.Connection[Any], table: sa.Table) -> str:
        """Return a text that differs when the rows do."""
        row = sql.SQL("SELECT md5(string_agg(one::text, '' ORDER BY one::text)) FROM {} AS one")
        found = driver.execute(row.format(_name(table.name))).fetchone()
        assert found is not None
        return str(found[0])

    @staticmethod
    def _has_rows(driver: psycopg.Connection[Any], table: sa.Table) -> bool:
        found = driver.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(_name(table.name)))
        return found.fetchone() is not None


def _name(*parts: str) -> sql.Identifier:
    return sql.Identifier(*parts)


def _joined(statements: Sequence[sql.Composed | sql.SQL]) -> sql.Composed:
    return sql.SQL("; ").join(statements)
