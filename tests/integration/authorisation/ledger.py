"""What happened in the database during a request, and how to take it back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

_WRITING = re.compile(
    r"\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|REPLACE\s+INTO)\s+\"?(\w+)\"?", re.IGNORECASE
)
_WRITTEN = "authorisation.written"

Row = dict[str, Any]
Rows = dict[tuple[Any, ...], Row]


@dataclass(frozen=True)
class Change:
    """A row that differs from the baseline; ``before`` or ``after`` is None for one that is new or gone."""

    table: str
    key: tuple[Any, ...]
    before: Row | None
    after: Row | None

    @property
    def columns(self) -> set[str]:
        """Names of the columns that differ."""
        before, after = self.before or {}, self.after or {}
        return {name for name in {*before, *after} if before.get(name) != after.get(name)}


class Ledger:
    """Compares all tables with a baseline, and reads again only those that a committed statement wrote to."""

    def __init__(self, engine: sa.Engine, metadata: sa.MetaData) -> None:
        self._engine = engine
        self._tables = {table.name: table for table in metadata.sorted_tables}
        self._baseline: dict[str, Rows] = {}
        self.committed: set[str] = set()
        self.statements: list[str] = []
        self._listening = True
        sa.event.listen(engine, "before_cursor_execute", self._on_statement)
        sa.event.listen(engine, "commit", self._on_commit)
        sa.event.listen(engine, "rollback", self._on_rollback)

    def close(self) -> None:
        """Stop listening."""
        sa.event.remove(self._engine, "before_cursor_execute", self._on_statement)
        sa.event.remove(self._engine, "commit", self._on_commit)
        sa.event.remove(self._engine, "rollback", self._on_rollback)

    def _on_statement(self, connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found = _WRITING.match(statement)
        if found and self._listening:
            self.statements.append(statement)
            connection.info.setdefault(_WRITTEN, set()).add(found[1])

    def _on_commit(self, connection: Any) -> None:
        self.committed |= connection.info.pop(_WRITTEN, set())

    def _on_rollback(self, connection: Any) -> None:
        connection.info.pop(_WRITTEN, None)

    def remember(self) -> None:
        """Take the present rows as the baseline."""
        with self._engine.connect() as connection:
            self._baseline = {name: self._read(connection, name) for name in self._tables}
        self.start()

    def start(self) -> None:
        """Forget what was written; called before each request."""
        self.committed, self.statements = set(), []

    def _read(self, connection: sa.Connection, name: str) -> Rows:
        table = self._tables[name]
        keys = [column.name for column in table.primary_key.columns]
        return {
            tuple(row[key] for key in keys): dict(row)
            for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings()
        }

    def changes(self, everywhere: bool = False) -> list[Change]:
        """Return the rows that differ from the baseline.

        Args:
            everywhere: Reads every table, also those to which no statement was seen.
        """
        found: list[Change] = []
        if not everywhere and not self.committed:
            return found
        names = set(self._tables) if everywhere else self._reached(self.committed & set(self._tables))
        if not names:
            return found
        with self._engine.connect() as connection:
            for name in self._tables:
                if name in names:
                    found += _difference(name, self._baseline[name], self._read(connection, name))
        return found

    def _reached(self, names: set[str]) -> set[str]:
        """Return the tables and those that the database may have changed after them (ON DELETE CASCADE, SET NULL)."""
        found = set(names)
        for table in self._tables.values():
            for constraint in table.foreign_key_constraints:
                if constraint.referred_table.name in found and constraint.ondelete in ("CASCADE", "SET NULL"):
                    found.add(table.name)
        return found

    def fingerprint(self) -> str:
        """Return the SHA-256 of all rows of all tables."""
        digest = hashlib.sha256()
        with self._engine.connect() as connection:
            for name in self._tables:
                digest.update(repr((name, sorted(self._read(connection, name).items(), key=repr))).encode())
        return digest.hexdigest()

    def fingerprint_of(self, app: Any) -> str:
        """Return :meth:`fingerprint` from outside any context of the application."""
        with app.app_context():
            return self.fingerprint()

    def undo(self, changes: Iterable[Change]) -> None:
        """Bring the rows back to the baseline."""
        listed = list(changes)
        if not listed:
            return
        self._listening = False
        order = {name: place for place, name in enumerate(self._tables)}
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            for change in sorted(listed, key=lambda each: order[each.table]):
                table = self._tables[change.table]
                if change.before is not None and change.after is None:
                    connection.execute(table.insert(), [change.before])
            for change in listed:
                if change.before is not None and change.after is not None:
                    # What the database changed after a deleted row leaves the time of the last change as it was.
                    kept = {column.name for column in self._tables[change.table].columns if column.onupdate}
                    wanted = {name: change.before[name] for name in change.columns | kept}
                    connection.execute(
                        self._one(change, sa.update(self._tables[change.table])).values(wanted)
                    )
            for change in sorted(listed, key=lambda each: order[each.table], reverse=True):
                if change.before is None:
                    connection.execute(self._one(change, sa.delete(self._tables[change.table])))
        self._listening = True
        self.start()

    def _one(self, change: Change, statement: Any) -> Any:
        columns = self._tables[change.table].primary_key.columns
        return statement.where(*(column == value for column, value in zip(columns, change.key, strict=True)))


def _difference(name: str, before: Rows, after: Rows) -> list[Change]:
    return [
        Change(name, key, before.get(key), after.get(key))
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]
