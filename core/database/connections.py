"""How connections behave: SQLite in WAL with foreign keys, IMMEDIATE transactions and a busy timeout."""

from __future__ import annotations

import re
import time
from typing import Any

import sqlalchemy as sa
from flask import has_request_context, request

BUSY_TIMEOUT_SECONDS = 15
REST_SECONDS = 3.0
"""A connection that was used within so many seconds is taken for alive."""
WITHOUT_FOREIGN_KEYS = "without_foreign_keys"
"""Execution option of a connection: on SQLite its next transaction runs with foreign keys off, so that tables can be
dropped in any order. The caller checks them before the commit; they are on again when the connection goes back."""

_PLAIN_SELECT = re.compile(
    r"\s*SELECT\b(?!.*\b(?:FOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|(?:KEY\s+)?SHARE)|pg_\w+|nextval|setval)\b)",
    re.IGNORECASE | re.DOTALL,
)
_RESTING_SINCE = "resting_since"
_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def engine_options(url: str) -> dict[str, Any]:
    """Return the options of ``create_engine`` for a database address.

    Values never appear in error messages (``hide_parameters``), because they are personal data.
    """
    options: dict[str, Any] = {"hide_parameters": True}
    if sa.make_url(url).get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": BUSY_TIMEOUT_SECONDS}
    else:
        options.update(pool_size=8, max_overflow=8)
    return options


def prepare_engine(engine: sa.Engine) -> None:
    """Attach the connection rules to an engine."""
    if engine.dialect.name != "sqlite":
        _ask_after_a_rest(engine)
        _begin_late(engine)
        return

    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "foreign_keys=ON",
            "synchronous=FULL",
            f"busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute("PRAGMA cache_size=-8000")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get(WITHOUT_FOREIGN_KEYS):
            # Inside a transaction the pragma would do nothing.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.info[WITHOUT_FOREIGN_KEYS] = True
        connection.exec_driver_sql("BEGIN" if _only_reads(connection) else "BEGIN IMMEDIATE")

    @sa.event.listens_for(engine, "checkin")
    def _on_checkin(connection: Any, record: Any) -> None:
        if connection is not None and record.info.pop(WITHOUT_FOREIGN_KEYS, False):
            connection.execute("PRAGMA foreign_keys=ON")


def _ask_after_a_rest(engine: sa.Engine) -> None:
    """Ask a connection whether it still lives when it has lain in the pool for a while.

    Asking each time (``pool_pre_ping``) costs every page a round trip; a server that is started again, or a firewall
    that drops what is idle, is met where nobody used the connection for some seconds.
    """

    @sa.event.listens_for(engine, "checkin")
    def _on_checkin(_connection: Any, record: Any) -> None:
        record.info[_RESTING_SINCE] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def _on_checkout(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.get(_RESTING_SINCE)
        if since is None or time.monotonic() - since < REST_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # The others were opened before the same event, and are given up as well.
            raise sa.exc.InvalidatePoolError from error


def _begin_late(engine: sa.Engine) -> None:
    """Read without a transaction in requests that only read, and begin one before anything else than a plain SELECT.

    In PostgreSQL's READ COMMITTED each statement sees what is committed at its moment, in a transaction or not; so the
    two round trips for BEGIN and ROLLBACK buy nothing for reading. A savepoint, a lock or a write begins as usual.
    """

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        if _only_reads(connection):
            _driver_of(connection).autocommit = True

    @sa.event.listens_for(engine, "before_cursor_execute")
    def _on_statement(
        connection: sa.Connection, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool
    ) -> None:
        driver = _driver_of(connection)
        if not driver.autocommit or not connection.in_transaction() or driver.info.transaction_status:
            return
        is_streamed = context is not None and context.execution_options.get("stream_results")
        if is_streamed or not _PLAIN_SELECT.match(statement):
            # The driver sees from the answer that it is in a transaction, and ends it like any other.
            driver.execute("BEGIN")

    @sa.event.listens_for(engine, "checkin")
    def _on_checkin(connection: Any, _record: Any) -> None:
        if connection is not None:
            connection.autocommit = False


def _driver_of(connection: sa.Connection) -> Any:
    return connection.connection.dbapi_connection


def _only_reads(connection: sa.Connection) -> bool:
    # A deferred transaction that writes after reading fails at once when another writer came between; a reader that
    # took the write lock would make all requests queue. So the method of the request decides.
    if connection.get_execution_options().get("read_only"):
        return True
    return has_request_context() and request.method in _READING_METHODS
