"""What the core keeps of a plugin beside its tables: how it is counted, exported and erased.

The engine knows nothing of attachments or settings; each package of the core that keeps something by slug says so in
its ``holdings.py``, listed in :mod:`core.components`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.extensions import db
from core.plugin_system.declarations import Text

_BATCH = 1_000


@dataclass(frozen=True)
class Trace:
    """What a plugin is recognised by: its slug, and the tables of it that are in the database."""

    slug: str
    tables: tuple[str, ...]

    def starts(self, column: Any) -> sa.ColumnElement[bool]:
        """Return the condition that a code in ``column`` is one of the plugin's: ``<slug>.<name>``."""
        condition: sa.ColumnElement[bool] = column.startswith(f"{self.slug}.", autoescape=True)
        return condition


@dataclass(frozen=True)
class Holding:
    """One kind of thing that the core keeps of plugins.

    Attributes:
        code: Name of its file in the export.
        label: What staff read.
        count: Returns how many there are of a plugin.
        rows: Returns them as plain data for the export.
        erase: Removes them in the caller's transaction; may return what is to be done once that is committed.
            None for what stays.
        stays: Why it stays, a sentence; "" for what is erased.
        files: Yields the files that belong to them, as (name in the export, content or None when it is lost).
    """

    code: str
    label: Text
    count: Callable[[Trace], int]
    rows: Callable[[Trace], Iterable[Mapping[str, Any]]]
    erase: Callable[[Trace], Callable[[], None] | None] | None = None
    stays: Text = ""
    files: Callable[[Trace], Iterator[tuple[str, bytes | None]]] | None = None


def queried(
    code: str,
    label: Text,
    model: Any,
    condition: Callable[[Trace], sa.ColumnElement[bool]],
    *,
    erase: Callable[[Trace], Callable[[], None] | None] | None = None,
    stays: Text = "",
    files: Callable[[Trace], Iterator[tuple[str, bytes | None]]] | None = None,
) -> Holding:
    """Return the holding of the rows of a model that fulfil a condition; see :class:`Holding` for the arguments."""
    columns = [getattr(model, attribute.key) for attribute in sa.inspect(model).column_attrs]

    def count(trace: Trace) -> int:
        return db.session.scalar(sa.select(sa.func.count()).select_from(model).where(condition(trace))) or 0

    def rows(trace: Trace) -> Iterator[Mapping[str, Any]]:
        query = sa.select(*columns).where(condition(trace)).order_by(*sa.inspect(model).primary_key)
        for row in db.session.execute(query, execution_options={"yield_per": _BATCH}):
            yield row._asdict()

    return Holding(code, label, count, rows, erase, stays, files)


def delete_rows(model: Any, condition: sa.ColumnElement[bool], why: str) -> None:
    """Delete the rows of a core model in one statement; the audit log tells the reason and the number.

    Args:
        model: The mapped class.
        condition: Which rows.
        why: The reason, for the audit log.
    """
    db.session.execute(
        sa.delete(model).where(condition),
        execution_options={"synchronize_session": False, "audit_summary": why},
    )
