"""Connections that died at rest, and requests that only read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from core.database import connections
from core.database.scope import all_departments
from core.extensions import db
from core.people.models import Department
from core.testing.world import World


def test_a_connection_that_died_at_rest_is_replaced(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not empty_database_url.startswith("postgresql"):
        pytest.skip("SQLite has no server that could be started again.")
    engine = sa.create_engine(empty_database_url, **connections.engine_options(empty_database_url))
    connections.prepare_engine(engine)
    helper = sa.create_engine(empty_database_url)
    try:
        with engine.connect() as one, engine.connect() as two:
            backends = [each.scalar(sa.text("SELECT pg_backend_pid()")) for each in (one, two)]
        with helper.connect() as connection:
            for backend in backends:
                connection.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": backend})
        monkeypatch.setattr(connections, "REST_SECONDS", 0.0)
        with engine.connect() as one, engine.connect() as two:
            assert [each.scalar(sa.text("SELECT 1")) for each in (one, two)] == [1, 1]
    finally:
        engine.dispose()
        helper.dispose()


@pytest.fixture
def reading(running_app: Flask, database_url: str) -> Iterator[None]:
    """A request that only reads, on PostgreSQL."""
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite reads in a transaction, which costs it nothing.")
    with running_app.test_request_context("/"), all_departments("a test of connections"):
        yield


def _status() -> str:
    driver = db.session.connection().connection.dbapi_connection
    return str(driver.info.transaction_status.name)


def test_reading_needs_no_transaction(reading: None) -> None:
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Department)) is not None
    assert _status() == "IDLE"


def test_a_savepoint_a_lock_and_a_stream_begin_one(reading: None, world: World) -> None:
    region = world.departments["region"]
    with db.session.begin_nested():
        assert _status() == "INTRANS"
    db.session.rollback()
    db.session.scalar(sa.select(Department.name).where(Department.id == region).with_for_update())
    assert _status() == "INTRANS"
    db.session.rollback()
    rows = db.session.execute(sa.select(Department.id), execution_options={"yield_per": 2})
    assert region in {row.id for row in rows}
    db.session.rollback()
    assert _status() == "IDLE"


def test_what_is_written_stands_or_falls_together(reading: None, world: World) -> None:
    department = db.session.get_one(Department, world.departments["region"])
    before = department.name
    department.name = "甲"
    db.session.flush()
    assert _status() == "INTRANS"
    db.session.rollback()
    assert db.session.get_one(Department, world.departments["region"]).name == before
    department.name = "乙"
    db.session.commit()
    db.session.expire_all()
    assert db.session.get_one(Department, world.departments["region"]).name == "乙"
    assert _status() == "IDLE"
