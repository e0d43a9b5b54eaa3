# ruff: noqa: S608 (only DDL and its fixed statements are composed here, of names that are checked to be plain)
"""Search by index: fragments of three characters and more, and Chinese names of two.

A :class:`SearchIndex` names a table and its searched columns. It writes the DDL for both databases and the condition
of a query. Nothing is ever searched by ``LIKE`` over a whole table.

========== ============================================ =========================================================
Database   Three characters and more                    Two characters
========== ============================================ =========================================================
PostgreSQL GIN with ``pg_trgm`` per column; terms with  GIN over ``doorstep_bigrams(column)``
           other than ASCII characters use the bigrams,
           because trigrams of Chinese depend on the
           locale of the database
SQLite     FTS5 with the trigram tokenizer, kept by     FTS5 over spaced bigrams, kept by triggers
           triggers
========== ============================================ =========================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

MINIMUM_LENGTH = 2
"""Shorter terms match too much to be read from an index."""
MAXIMUM_LENGTH = 60
"""Longer terms are cut; no name or number is longer."""
_MAXIMUM_TEXT = 255
_ESCAPE = "\\"
_OWN_NAME = re.compile(r"(.+_search[23](_(data|idx|docsize|config|content))?|ix_.+_search[23])")

_BIGRAM_FUNCTION = """
CREATE OR REPLACE FUNCTION doorstep_bigrams(value text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT coalesce(array_agg(DISTINCT substr(lower(value), n, 2)), '{}')
   FROM generate_series(1, length(value) - 1) AS n $$
"""


def escape_like(term: str) -> str:
    """Return ``term`` with ``%``, ``_`` and the escape character made literal, for ``LIKE … ESCAPE '\\'``."""
    return term.replace(_ESCAPE, _ESCAPE * 2).replace("%", rf"{_ESCAPE}%").replace("_", rf"{_ESCAPE}_")


def contains(column: Any, term: str) -> sa.ColumnElement[bool]:
    """Return the condition that ``column`` contains ``term`` literally, whatever the case. No index serves it."""
    return sa.func.lower(column).like(f"%{escape_like(term.lower())}%", escape=_ESCAPE)


def bigrams(term: str) -> list[str]:
    """Return the pairs of neighbouring characters of ``term`` in lower case, each once."""
    lowered = term.lower()
    return list(dict.fromkeys(lowered[n : n + 2] for n in range(len(lowered) - 1)))


def is_search_object(name: str | None) -> bool:
    """Return whether a table or index belongs to a search index, so that Alembic's comparison leaves it alone."""
    return bool(name and _OWN_NAME.fullmatch(name))


def search_tables_of(table: str) -> tuple[str, str]:
    """Return the names of the tables that hold the search index of a table on SQLite."""
    return f"{table}_search2", f"{table}_search3"


@dataclass(frozen=True)
class SearchIndex:
    """The search index of one table.

    Attributes:
        table: The table that is searched; its key is ``id``.
        columns: The searched columns, all of them text.
        short_columns: The columns that two characters search, for example names; all when left out.
    """

    table: str
    columns: tuple[str, ...]
    short_columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in (self.table, *self.columns, *self._short):
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(
                    f"{name!r} is not a plain lower-case name, so it cannot be written into DDL."
                )
        if not self.columns or not set(self._short) <= set(self.columns):
            raise ValueError(
                f"The search index of {self.table!r} needs columns, and its short columns must be among them."
            )

    @property
    def _short(self) -> tuple[str, ...]:
        return self.columns if self.short_columns is None else self.short_columns

    def create_statements(self, dialect: str) -> list[str]:
        """Return the DDL that makes the index and fills it from the rows that exist.

        Args:
            dialect: ``sqlite`` or ``postgresql``.
        """
        return self._create_postgresql() if dialect == "postgresql" else self._create_sqlite()

    def drop_statements(self, dialect: str) -> list[str]:
        """Return the DDL that removes the index.

        Args:
            dialect: ``sqlite`` or ``postgresql``.
        """
        if dialect == "postgresql":
            names = [self._index_name(column, 3) for column in self.columns]
            names += [self._index_name(column, 2) for column in self._short]
            return [f"DROP INDEX IF EXISTS {name}" for name in names]
        triggers = [
            f"DROP TRIGGER IF EXISTS {self._trigger(event)}" for event in ("insert", "update", "delete")
        ]
        return [*triggers, f"DROP TABLE IF EXISTS {self._fts(3)}", f"DROP TABLE IF EXISTS {self._fts(2)}"]

    def attach(self, table: sa.Table) -> None:
        """Make ``metadata.create_all()`` and ``drop_all()`` make and remove the index together with ``table``.

        Alembic finds it at ``table.info["search_index"]`` when it writes the migration that makes the table.
        """
        table.info["search_index"] = self

        def create(_table: Any, connection: sa.Connection, **_options: Any) -> None:
            for statement in self.create_statements(connection.dialect.name):
                connection.exec_driver_sql(statement)

        def drop(_table: Any, connection: sa.Connection, **_options: Any) -> None:
            for statement in self.drop_statements(connection.dialect.name):
                connection.exec_driver_sql(statement)

        sa.event.listen(table, "after_create", create)
        sa.event.listen(table, "before_drop", drop)

    def matches(
        self, model: Any, text: str, columns: Sequence[str] | None = None, dialect: str | None = None
    ) -> sa.ColumnElement[bool]:
        """Return the condition that each word of ``text`` occurs in one of the columns.

        Args:
            model: The mapped class of the table, or an alias of it.
            text: What was typed. Words shorter than two characters are ignored beside longer ones.
            columns: Search only these columns; all when left out.
            dialect: ``sqlite`` or ``postgresql``; that of the current application when left out.

        Returns:
            A condition that is false when no word has two characters.
        """
        chosen = tuple(name for name in self.columns if columns is None or name in columns)
        words = [word[:MAXIMUM_LENGTH] for word in text.split() if len(word) >= MINIMUM_LENGTH]
        if not words or not chosen:
            return sa.false()
        dialect = dialect or _current_dialect()
        one_word = self._matches_postgresql if dialect == "postgresql" else self._matches_sqlite
        return sa.and_(*(one_word(model, word, chosen) for word in words))

    def _short_of(self, chosen: Iterable[str]) -> list[str]:
        return [name for name in chosen if name in self._short]

    def _index_name(self, column: str, length: int) -> str:
        return f"ix_{self.table}_{column}_search{length}"

    def _create_postgresql(self) -> list[str]:
        statements = ["CREATE EXTENSION IF NOT EXISTS pg_trgm", _BIGRAM_FUNCTION.strip()]
        for column in self.columns:
            name = self._index_name(column, 3)
            statements.append(f"CREATE INDEX {name} ON {self.table} USING gin (lower({column}) gin_trgm_ops)")
        for column in self._short:
            name = self._index_name(column, 2)
            statements.append(f"CREATE INDEX {name} ON {self.table} USING gin (doorstep_bigrams({column}))")
        return statements

    def _matches_postgresql(self, model: Any, word: str, chosen: Sequence[str]) -> sa.ColumnElement[bool]:
        if len(word) >= 3 and word.isascii():
            return sa.or_(*(contains(getattr(model, name), word) for name in chosen))
        wanted = sa.cast(bigrams(word), ARRAY(sa.Text))
        conditions = []
        for name in self._short_of(chosen):
            column = getattr(model, name)
            condition = sa.func.doorstep_bigrams(column, type_=ARRAY(sa.Text)).contains(wanted)
            conditions.append(condition if len(word) == 2 else sa.and_(condition, contains(column, word)))
        return sa.or_(sa.false(), *conditions)

    def _fts(self, length: int) -> str:
        return f"{self.table}_search{length}"

    def _trigger(self, event: str) -> str:
        return f"{self.table}_search_{event}"

    def _spaced(self, row: str, column: str) -> str:
        # No recursive query may stand in a trigger, so the positions are written out.
        positions = ",".join(f"({n})" for n in range(1, _MAXIMUM_TEXT))
        value = f"{row}.{column}"
        return (
            f"(SELECT group_concat(substr({value}, column1, 2), ' ') FROM (VALUES {positions}) "
            f"WHERE column1 < length({value}))"
        )

    def _create_sqlite(self) -> list[str]:
        columns, short = ", ".join(self.columns), ", ".join(self._short)
        trigrams, pairs = self._fts(3), self._fts(2)

        def values(row: str) -> str:
            return ", ".join(f"{row}.{name}" for name in self.columns)

        def spaced(row: str) -> str:
            return ", ".join(self._spaced(row, name) for name in self._short)

        def added(row: str) -> str:
            statements = f"INSERT INTO {trigrams}(rowid, {columns}) VALUES ({row}.id, {values(row)});"
            if short:
                statements += f" INSERT INTO {pairs}(rowid, {short}) VALUES ({row}.id, {spaced(row)});"
            return statements

        def removed(row: str) -> str:
            names, removal = f"rowid, {columns}", f"'delete', {row}.id, {values(row)}"
            statements = f"INSERT INTO {trigrams}({trigrams}, {names}) VALUES ({removal});"
            if short:
                names, removal = f"rowid, {short}", f"'delete', {row}.id, {spaced(row)}"
                statements += f" INSERT INTO {pairs}({pairs}, {names}) VALUES ({removal});"
            return statements

        statements = [
            f"CREATE VIRTUAL TABLE {trigrams} USING fts5({columns}, content='{self.table}', content_rowid='id', "
            "tokenize='trigram')"
        ]
        if short:
            statements.append(
                f"CREATE VIRTUAL TABLE {pairs} USING fts5({short}, content='', columnsize=0, detail=column)"
            )
        statements += [
            f"CREATE TRIGGER {self._trigger('insert')} AFTER INSERT ON {self.table} BEGIN {added('new')} END",
            f"CREATE TRIGGER {self._trigger('delete')} AFTER DELETE ON {self.table} BEGIN {removed('old')} END",
            f"CREATE TRIGGER {self._trigger('update')} AFTER UPDATE OF id, {columns} ON {self.table} "
            f"BEGIN {removed('old')} {added('new')} END",
            f"INSERT INTO {trigrams}(rowid, {columns}) SELECT id, {columns} FROM {self.table}",
        ]
        if short:
            statements.append(
                f"INSERT INTO {pairs}(rowid, {short}) SELECT id, {spaced(self.table)} FROM {self.table}"
            )
        return statements

    def _matches_sqlite(self, model: Any, word: str, chosen: Sequence[str]) -> sa.ColumnElement[bool]:
        if len(word) >= 3:
            return _full_text(model, self._fts(3), chosen, word)
        short = self._short_of(chosen)
        if not short:
            return sa.false()
        if not word.isalnum():
            # The tokenizer of the bigrams drops punctuation, so such a term is too short for either index.
            return sa.false()
        return _full_text(model, self._fts(2), short, word)


def _full_text(model: Any, name: str, columns: Sequence[str], phrase: str) -> sa.ColumnElement[bool]:
    index = sa.table(name, sa.column("rowid"))
    quoted = phrase.replace('"', '""')
    question = f'{{{" ".join(columns)}}} : "{quoted}"'
    condition = sa.literal_column(name).op("MATCH")(sa.bindparam(None, question, type_=sa.Text, unique=True))
    return model.id.in_(sa.select(index.c.rowid).where(condition))


def _current_dialect() -> str:
    from core.extensions import db

    return str(db.session.get_bind().dialect.name)
