"""What was signed does not change: the guard of signed records, of their parts, and of the signatures themselves.

A model says with ``__signed__`` which of its columns a signature covers and under which record the signature stands.
A flush or a bulk statement that would change one of them, or add or take away a part, is refused once there is a
signature. The signed record is locked before it is asked, so that signing and changing at one moment cannot both pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.attributes import get_history

from core.database.base import Model
from core.database.scope import all_departments
from core.machinery.signatures.models import Signature, Supplement
from core.plugin_system.runtime import current_runtime

PERSONAL = frozenset({"name", "place", "position", "device", "reason", "sealed_content", "sealed_strokes"})
"""What is emptied when the person is erased."""
MOVED = frozenset({"customer_id", "signer_customer_id"})
"""What changes when two customers are merged."""

_GUARDED = (Signature, Supplement)


class RecordSigned(RuntimeError):
    """A signed record was to be changed; the message is a full sentence for the user."""


@dataclass(frozen=True)
class SignedPart:
    """Which columns of a model a signature covers; stands in its ``__signed__``.

    Attributes:
        record_kind: Code of the kind of record under which the signature stands.
        columns: Names of the covered attributes.
        key: Returns the id of that record for a row of the model, or None for a row outside any.
        parts: Whether the rows are parts of the record: then none may be added or removed either.
    """

    record_kind: str
    columns: frozenset[str]
    key: Callable[[Any], int | None] = lambda row: row.id
    parts: bool = False


def install_guard(session_factory: Any) -> None:
    """Attach the guard to a session class or factory; safe to call more than once."""
    for name, listener in (("before_flush", _check_flush), ("do_orm_execute", _check_statement)):
        if not sa.event.contains(session_factory, name, listener):
            sa.event.listen(session_factory, name, listener)


def _part_of(row: Any) -> SignedPart | None:
    part = getattr(type(row), "__signed__", None)
    return part if isinstance(part, SignedPart) else None


def _check_flush(session: Session, _context: Any, _instances: Any) -> None:
    wanted: set[tuple[str, int]] = set()
    for row in session.deleted:
        if isinstance(row, _GUARDED):
            raise RecordSigned(_("A signature is never removed."))
        _note(wanted, row)
    for row in session.dirty:
        if isinstance(row, _GUARDED):
            _check_own(row)
        elif (part := _part_of(row)) is not None and any(
            get_history(row, name).has_changes() for name in part.columns
        ):
            _note(wanted, row)
    for row in session.new:
        part = _part_of(row)
        if part is not None and part.parts:
            _note(wanted, row)
    _refuse_if_signed(session, wanted)


def _note(wanted: set[tuple[str, int]], row: Any) -> None:
    part = _part_of(row)
    if part is not None:
        key = part.key(row)
        if key is not None:
            wanted.add((part.record_kind, key))


def _check_own(row: Any) -> None:
    for attribute in sa.inspect(type(row)).column_attrs:
        history = get_history(row, attribute.key)
        if not history.has_changes():
            continue
        emptied = attribute.key in PERSONAL and all(value in ("", None) for value in history.added)
        if not emptied and attribute.key not in MOVED:
            raise RecordSigned(_("A signature never changes. Add a supplement to the record and sign that."))


def _refuse_if_signed(session: Session, wanted: Iterable[tuple[str, int]]) -> None:
    for kind, key in sorted(wanted):
        with all_departments("asking whether a record is signed"), session.no_autoflush:
            declared = current_runtime().declared.record_kind(kind)
            if declared is not None:
                model = declared.model
                session.execute(sa.select(model.id).where(model.id == key).with_for_update())
            query = sa.select(Signature.id).where(
                Signature.record_kind == kind, Signature.record_id == key, Signature.supplement_id.is_(None)
            )
            signed = session.scalar(query.limit(1)) is not None
        if signed:
            raise RecordSigned(
                _(
                    "This record was signed and does not change any more. "
                    "Nothing was saved; add a supplement that says what is different."
                )
            )


def _check_statement(state: ORMExecuteState) -> None:
    if not (state.is_update or state.is_delete or state.is_insert):
        return
    table = getattr(getattr(state.statement, "table", None), "name", "")
    if table in {model.__tablename__ for model in _GUARDED} and not _is_erasure(state):
        raise RecordSigned("Signatures are written one by one by signatures.services alone.")
    model = _signed_models().get(table)
    if model is None or state.is_insert:
        return
    statement: Any = state.statement
    changed = {getattr(column, "key", column) for column in getattr(statement, "_values", None) or ()}
    if state.is_update and not changed & model.__signed__.columns:
        return
    session = state.session
    rows = session.scalars(sa.select(model).where(*statement._where_criteria)).all()
    wanted: set[tuple[str, int]] = set()
    for row in rows:
        _note(wanted, row)
    _refuse_if_signed(session, wanted)


def _is_erasure(state: ORMExecuteState) -> bool:
    """Return whether a plugin is erased with all that hangs on its records; the audit log keeps a summary of it."""
    return bool(state.is_delete and state.execution_options.get("audit_summary"))


def _signed_models() -> dict[str, Any]:
    from core.database.base import metadata

    known = metadata.info.get("signed_models")
    if known is None or len(known[1]) != len(metadata.tables):
        models = {
            cls.__tablename__: cls for cls in _subclasses(Model) if isinstance(cls.__signed__, SignedPart)
        }
        known = metadata.info["signed_models"] = (models, frozenset(metadata.tables))
    found: dict[str, Any] = known[0]
    return found


def _subclasses(base: type[Any]) -> Iterable[Any]:
    for cls in base.__subclasses__():
        if "__tablename__" in cls.__dict__ and "__mapper__" in cls.__dict__:
            yield cls
        yield from _subclasses(cls)
