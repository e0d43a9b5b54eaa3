"""Audit entries, their seals and the keys of the people they speak of."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database.base import CoreBase, Identified, big_id
from core.database.scope import Owned, Unscoped
from core.database.types import EncryptedText, utc_now


class AuditEntry(Identified, CoreBase):
    """One change of one record, or one reveal, export, sign-in or switch. A row never changes, not even by a seal."""

    __tablename__ = "audit_entry"
    __scope__ = Owned()
    __audited__ = False
    __table_args__ = (
        sa.Index("ix_audit_entry_record", "record_kind", "record_id"),
        sa.Index("ix_audit_entry_at", "at"),
    )

    at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    action: Mapped[str] = mapped_column(sa.String(40))
    """``created``, ``changed``, ``deleted``, ``revealed``, ``exported``, ``signed_in``, …"""
    record_kind: Mapped[str] = mapped_column(sa.String(80))
    """Table name of the changed row."""
    record_id: Mapped[str] = mapped_column(sa.String(80))
    label: Mapped[str] = mapped_column(sa.String(160), default="")
    changes: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    """``{field: [before, after]}``; personal values are encrypted with the subject's key (see ``values.py``)."""
    reason: Mapped[str] = mapped_column(sa.Text, default="")
    subject: Mapped[str | None] = mapped_column(sa.String(40), index=True)
    """Whose personal values ``changes`` holds, for example ``customer:12``."""
    user_id: Mapped[int | None] = mapped_column(big_id, index=True)
    user_name: Mapped[str] = mapped_column(sa.String(80), default="")
    acting_department_id: Mapped[int | None] = mapped_column(big_id)
    request_id: Mapped[str] = mapped_column(sa.String(40), default="")
    address: Mapped[str] = mapped_column(sa.String(64), default="")
    project_id: Mapped[int | None] = mapped_column(big_id, index=True)
    customer_id: Mapped[int | None] = mapped_column(big_id, index=True)
    department_id: Mapped[int | None] = mapped_column(big_id)

    def __str__(self) -> str:
        return f"{self.action} {self.record_kind} {self.record_id}"


class AuditSeal(Identified, CoreBase):
    """A sealed batch: the hash over its entries and the previous seal.

    Ids are consecutive, and so are the ranges of entry ids: a seal covers every entry from ``first_entry_id`` to
    ``last_entry_id``, and the gaps that undone transactions left there.
    """

    __tablename__ = "audit_seal"
    __scope__ = Unscoped("a seal holds hashes only")
    __audited__ = False

    sealed_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    entries: Mapped[int]
    first_entry_id: Mapped[int] = mapped_column(big_id)
    last_entry_id: Mapped[int] = mapped_column(big_id)
    previous_hash: Mapped[str] = mapped_column(sa.String(64))
    hash: Mapped[str] = mapped_column(sa.String(64), unique=True)


class SubjectKey(CoreBase):
    """The key of one person's values in the log and in archived documents. Erasing the person destroys it."""

    __tablename__ = "subject_key"
    __scope__ = Unscoped("keys are used by the system alone")
    __audited__ = False

    subject: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    key: Mapped[str | None] = mapped_column(EncryptedText())
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    destroyed_at: Mapped[dt.datetime | None]
