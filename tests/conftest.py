"""Which database the suite runs on.

`DOORSTEP_TEST_DATABASE_URL` names a PostgreSQL cluster in which databases may be created (`make test-postgresql`
starts one and sets it). Without it the suite runs on SQLite files in pytest's temporary folder.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
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
    cluster = _cluster()
    return f"database: {'SQLite' if cluster is None else 'PostgreSQL'}"


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
        assert cluster is not None
        _administer(cluster, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def database_url(create_database: Callable[[], str]) -> str:
    """The database of this worker: empty when the session starts, shared by its tests."""
    return create_database()


@pytest.fixture
def empty_database_url(create_database: Callable[[], str]) -> str:
    """A new, empty database for one test, for example of migrations."""
    return create_database()
