"""Issued documents do not change: the guard of their rows, and their encrypted files."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.attributes import get_history

from core.machinery.documents.models import IssuedDocument

CHANGEABLE = frozenset({"withdrawn_at", "replaced_by_id"})


class DocumentImmutable(RuntimeError):
    """An issued document was to be changed or deleted; it can only be withdrawn or replaced by a new one."""


def install_guard(session_factory: Any) -> None:
    """Attach the guard to a session class or factory; safe to call more than once."""
    for name, listener in (("before_flush", _check_flush), ("do_orm_execute", _check_statement)):
        if not sa.event.contains(session_factory, name, listener):
            sa.event.listen(session_factory, name, listener)


def _check_flush(session: Session, _context: Any, _instances: Any) -> None:
    for row in session.deleted:
        if isinstance(row, IssuedDocument):
            raise DocumentImmutable(
                f"The issued document {row.number} cannot be deleted. Withdraw it instead."
            )
    for row in session.dirty:
        if not isinstance(row, IssuedDocument):
            continue
        changed = {
            attribute.key
            for attribute in sa.inspect(IssuedDocument).column_attrs
            if get_history(row, attribute.key).has_changes()
        }
        if changed - CHANGEABLE:
            raise DocumentImmutable(
                f"{', '.join(sorted(changed - CHANGEABLE))} of an issued document cannot be changed. "
                "Issue a new document that replaces it."
            )


def _check_statement(state: ORMExecuteState) -> None:
    if not (state.is_update or state.is_delete or state.is_insert):
        return
    table = getattr(state.statement, "table", None)
    if getattr(table, "name", "") == IssuedDocument.__tablename__:
        raise DocumentImmutable("Issued documents are written one by one by documents.services alone.")
