"""Which database tests run on, and how it is brought back to a known state before each of them.

``DOORSTEP_TEST_DATABASE_URL`` names a PostgreSQL cluster in which databases may be created. Without it tests run on
SQLite files in pytest's temporary folder.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
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


Snapshot = dict[str, list[dict[str, Any]]]
"""The rows of all tables, by the table's name."""


class States:
    """Brings the database of an application to a remembered state, and only when it was changed since."""

    def __init__(self, engine: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._metadata = metadata
        self._snapshots: dict[str, Snapshot] = {}
        self._current: str | None = None
        sa.event.listen(engine, "commit", self._on_commit)

    def _on_commit(self, _connection: sa.Connection) -> None:
        self._current = None

    def remember(self, name: str) -> None:
        """Keep the rows that are in the database now under a name."""
        with self._engine.connect() as connection:
            self._snapshots[name] = {
                table.name: [dict(row) for row in connection.execute(_ordered(table)).mappings()]
                for table in self._metadata.sorted_tables
            }
        self._current = name

    def knows(self, name: str) -> bool:
        """Return whether a state with this name was remembered."""
        return name in self._snapshots

    def restore(self, name: str) -> None:
        """Bring the database to a remembered state."""
        if self._current == name:
            return
        tables = self._metadata.sorted_tables
        with self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                names = ", ".join(
                    connection.dialect.identifier_preparer.format_table(table) for table in tables
                )
                connection.exec_driver_sql(f"TRUNCATE {names}")
            else:
                # Not possible inside a transaction, and the driver has begun none yet.
                connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
                for table in reversed(tables):
                    connection.execute(table.delete())
            for table in tables:
                rows = self._snapshots[name][table.name]
                if rows:
                    connection.execute(table.insert(), rows)
            connection.commit()
            if connection.dialect.name != "postgresql":
                connection.connection.driver_connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[union-attr]
        self._current = name


def _ordered(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table).order_by(*table.primary_key.columns)
