"""A connection that died while it rested is replaced without anybody noticing."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from core.database import connections


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
