"""The structure of a developer — departments with their settings, projects, who works on them, which plugins are on —
and its mark.

Every request asks what can be seen from a department and which plugins are on there, and the answers change a few
times a month. So they are kept in the process, each with the mark that the structure had when it was found out. The
mark lies in the database, is read in every request together with the account, and is replaced by a new random one in
the same transaction as each change. No process ever answers from a structure that has changed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import sqlalchemy as sa
from flask import current_app, g, has_request_context
from sqlalchemy.orm import ORMExecuteState, Session

from core.database.base import metadata

STRUCTURE_TABLES = frozenset(
    {"department", "department_setting", "project", "project_group", "plugin_switch"}
)
"""Tables whose changes replace the mark."""
KEPT_SECONDS = 60.0
"""No answer is kept longer, so that rows written past the application (a restored backup) are seen soon, too."""
MOST_KEPT = 4_096

structure_mark = sa.Table(
    "structure_mark",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("mark", sa.String(32), nullable=False),
)

Answer = TypeVar("Answer")

_EXTENSION = "doorstep.structure"
_OF_REQUEST = "_structure_mark"
_ONLY = 1


def install_structure_mark(session_factory: Any) -> None:
    """Replace the mark with each change through a session; safe to call more than once."""
    for name, listener in (("after_flush", _after_flush), ("do_orm_execute", _on_execute)):
        if not sa.event.contains(session_factory, name, listener):
            sa.event.listen(session_factory, name, listener)


def mark_column() -> Any:
    """Return the mark as a column that a query of each request reads along; NULL until the first change."""
    return (
        sa.select(structure_mark.c.mark)
        .where(structure_mark.c.id == _ONLY)
        .scalar_subquery()
        .label("structure_mark")
    )


def use_mark(mark: str | None) -> None:
    """Answer :func:`remembered` in this request for this mark; None to find everything out anew."""
    if has_request_context():
        setattr(g, _OF_REQUEST, mark)


def remembered(kind: str, key: Hashable, find: Callable[[], Answer]) -> Answer:
    """Return an answer that depends on the structure alone.

    Args:
        kind: What is asked.
        key: About what.
        find: Finds the answer out; called when it is not known for the mark of this request, and outside requests.
    """
    mark = getattr(g, _OF_REQUEST, None) if has_request_context() else None
    if mark is None:
        return find()
    kept: dict[Any, tuple[str, float, Any]] = current_app.extensions.setdefault(_EXTENSION, {})
    known = kept.get((kind, key))
    now = time.monotonic()
    if known is not None and known[0] == mark and known[1] > now:
        answer: Answer = known[2]
        return answer
    answer = find()
    if len(kept) >= MOST_KEPT:
        kept.clear()
    kept[kind, key] = (mark, now + KEPT_SECONDS, answer)
    return answer


def _replace(session: Session) -> None:
    use_mark(None)
    mark = secrets.token_hex(16)
    connection = session.connection()
    changed = connection.execute(
        sa.update(structure_mark).where(structure_mark.c.id == _ONLY).values(mark=mark)
    )
    if not changed.rowcount:
        connection.execute(structure_mark.insert().values(id=_ONLY, mark=mark))


def _after_flush(session: Session, _context: Any) -> None:
    if any(
        getattr(row, "__tablename__", "") in STRUCTURE_TABLES
        for rows in (session.new, session.dirty, session.deleted)
        for row in rows
    ):
        _replace(session)


def _on_execute(state: ORMExecuteState) -> None:
    if not (state.is_insert or state.is_update or state.is_delete):
        return
    if getattr(getattr(state.statement, "table", None), "name", "") in STRUCTURE_TABLES:
        _replace(state.session)
