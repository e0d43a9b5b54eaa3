"""Issued documents: what was printed, for which record, with proof that it did not change."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database.base import CoreBase, Identified, big_id
from core.database.scope import Owned
from core.database.types import utc_now


class IssuedDocument(Identified, CoreBase):
    """A document as it was issued. The row and its file never change; a correction is a new document."""

    __tablename__ = "issued_document"
    __scope__ = Owned()
    __table_args__ = (sa.Index("ix_issued_document_record", "record_kind", "record_id"),)

    number: Mapped[str] = mapped_column(sa.String(60), unique=True)
    document_type: Mapped[str] = mapped_column(sa.String(80), index=True)
    """``<component>.<name>`` as text, so that the archive outlives the plugin."""
    title: Mapped[str]
    language: Mapped[str] = mapped_column(sa.String(20))
    template_version: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 of the template source that was rendered."""
    sha256: Mapped[str] = mapped_column(sa.String(64))
    pages: Mapped[int]
    size: Mapped[int]
    stored_key: Mapped[str] = mapped_column(sa.String(120))
    """Name in the document store; the content is encrypted with the subject's key when there is a customer."""
    verification_code: Mapped[str] = mapped_column(sa.String(32), unique=True)
    record_kind: Mapped[str] = mapped_column(sa.String(80))
    record_id: Mapped[int] = mapped_column(big_id)
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="RESTRICT"), index=True
    )
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="RESTRICT"), index=True
    )
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )
    issued_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    issued_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    withdrawn_at: Mapped[dt.datetime | None]
    replaced_by_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("issued_document.id", ondelete="RESTRICT")
    )

    def __str__(self) -> str:
        return f"{self.title} {self.number}"
