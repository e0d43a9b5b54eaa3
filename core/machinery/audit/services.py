"""The audit log: writing events, reading the entries of a record, sealing and checking."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from core.database.owners import owner_of
from core.database.scope import current_scope
from core.extensions import db
from core.machinery.audit.capture import acting_context, install_capture, write_entries
from core.machinery.audit.models import AuditEntry
from core.machinery.audit.seals import Problem, Report, SealingBusy, seal, verify
from core.machinery.audit.subjects import (
    INSTALLATION,
    SubjectErased,
    UnreadableValueError,
    customer_subject,
    decrypt_bytes,
    decrypt_value,
    destroy_subject_key,
    encrypt_bytes,
    is_erased,
)
from core.machinery.audit.values import HIDDEN, PERSONAL, PRIVATE, to_plain

__all__ = [
    "AuditLine",
    "FieldChange",
    "Problem",
    "Report",
    "SealingBusy",
    "SubjectErased",
    "UnreadableValueError",
    "Value",
    "Visibility",
    "customer_subject",
    "decrypt_bytes",
    "destroy_subject_key",
    "encrypt_bytes",
    "entries_of",
    "install_capture",
    "is_erased",
    "line_of",
    "record_event",
    "seal",
    "verify",
]

PERSONAL_PERMISSION = "personal.view"


class Visibility(StrEnum):
    """How much of a logged value the reader gets."""

    SHOWN = "shown"
    MASKED = "masked"
    """Personal, and the reader has no right to it."""
    ERASED = "erased"
    """The person was erased; nobody can read it any more."""
    HIDDEN = "hidden"
    """It never entered the log."""


@dataclass(frozen=True)
class Value:
    """A logged value as the acting user may see it; ``plain`` is None unless it is shown."""

    visibility: Visibility
    plain: Any = None


@dataclass(frozen=True)
class FieldChange:
    """A field of an entry: its attribute name, and the values before and after."""

    name: str
    before: Value
    after: Value


@dataclass(frozen=True)
class AuditLine:
    """An audit entry as the acting user may see it."""

    entry: AuditEntry
    changes: tuple[FieldChange, ...]

    @property
    def at(self) -> dt.datetime:
        """When, in UTC."""
        return self.entry.at

    @property
    def action(self) -> str:
        """What happened, as a code: ``created``, ``changed``, …"""
        return self.entry.action


def record_event(action: str, record: Any = None, reason: str = "", **details: Any) -> None:
    """Write an event that is not a change of a row: a reveal, an export, a sign-in, a printed document.

    The entry belongs to the caller's transaction.

    Args:
        action: A verb in the past, at most 40 characters, for example ``revealed``.
        record: The record that it happened to, or None.
        reason: Why, in the words of the user.
        details: Plain facts for the entry. Never personal values: these are kept as they are given.
    """
    session = db.session()
    context = acting_context()
    entry: dict[str, Any] = {
        **context,
        "action": action,
        "record_kind": "",
        "record_id": "",
        "label": "",
        "changes": {key: [None, to_plain(value)] for key, value in details.items()},
        "reason": reason or context["reason"],
        "subject": None,
        "project_id": None,
        "customer_id": None,
        "department_id": context["acting_department_id"],
    }
    if record is not None:
        state = sa.inspect(record)
        if state.pending:
            session.flush()
        entry |= owner_of(record).as_columns()
        entry["record_kind"] = type(record).__tablename__
        entry["record_id"] = ",".join(str(value) for value in state.mapper.primary_key_from_instance(record))
    write_entries(session, [entry])


def entries_of(record: Any, limit: int = 50, before_id: int | None = None) -> list[AuditLine]:
    """Return the newest entries of a record, as the acting user may see them.

    Args:
        record: A loaded record.
        limit: How many at the most.
        before_id: Continue below this entry id, for the next page.
    """
    identity = sa.inspect(record).mapper.primary_key_from_instance(record)
    query = (
        sa.select(AuditEntry)
        .where(
            AuditEntry.record_kind == type(record).__tablename__,
            AuditEntry.record_id == ",".join(str(value) for value in identity),
        )
        .order_by(AuditEntry.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    return [line_of(entry) for entry in db.session.scalars(query)]


def line_of(entry: AuditEntry) -> AuditLine:
    """Return an entry as the acting user may see it: personal values need ``personal.view``."""
    changes = entry.changes if isinstance(entry.changes, Mapping) else {}
    return AuditLine(
        entry, tuple(_field_change(entry, name, change) for name, change in sorted(changes.items()))
    )


def _field_change(entry: AuditEntry, name: str, change: Any) -> FieldChange:
    if isinstance(change, Mapping) and HIDDEN in change:
        hidden = Value(Visibility.HIDDEN)
        return FieldChange(name, hidden, hidden)
    before, after = change if isinstance(change, Sequence) and len(change) == 2 else (None, change)
    return FieldChange(name, _value(entry, before), _value(entry, after))


def _value(entry: AuditEntry, stored: Any) -> Value:
    if not isinstance(stored, Mapping) or set(stored) not in ({PERSONAL}, {PRIVATE}):
        return Value(Visibility.SHOWN, stored)
    marker, token = next(iter(stored.items()))
    subject = entry.subject or INSTALLATION
    if token is None or is_erased(subject):
        return Value(Visibility.ERASED)
    scope = current_scope()
    if marker == PERSONAL and (scope is None or PERSONAL_PERMISSION not in scope.permissions):
        return Value(Visibility.MASKED)
    try:
        return Value(Visibility.SHOWN, decrypt_value(subject, token))
    except (SubjectErased, UnreadableValueError):
        return Value(Visibility.ERASED)
