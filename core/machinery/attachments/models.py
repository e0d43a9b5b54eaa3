"""Attachments and the stored files behind them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database.base import CoreBase, Identified, Record, big_id
from core.database.scope import Owned
from core.database.types import utc_now


class Attachment(Record, CoreBase):
    """A file on a record. The bytes lie in the store under their hash; the row says what they are to the record."""

    __tablename__ = "attachment"
    __scope__ = Owned()
    __table_args__ = (sa.Index("ix_attachment_record", "record_kind", "record_id"),)

    record_kind: Mapped[str] = mapped_column(sa.String(80))
    record_id: Mapped[int] = mapped_column(big_id)
    slot: Mapped[str] = mapped_column(sa.String(40), default="")
    """What the file is to the record, for example ``before`` or ``after``; the record's plugin names the slots."""
    sha256: Mapped[str] = mapped_column(sa.String(64), index=True)
    thumbnail_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    file_name: Mapped[str]
    media_type: Mapped[str] = mapped_column(sa.String(80))
    size: Mapped[int] = mapped_column(sa.BigInteger)
    """Bytes of the stored file."""
    width: Mapped[int | None]
    height: Mapped[int | None]
    taken_at: Mapped[dt.datetime | None]
    caption: Mapped[str] = mapped_column(default="")
    position: Mapped[int] = mapped_column(default=0)
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="RESTRICT"), index=True
    )
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="RESTRICT"), index=True
    )
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )
    uploaded_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    uploaded_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    removed_at: Mapped[dt.datetime | None]
    """Set instead of deleting; issued documents may still show the file."""
    markup_version: Mapped[int] = mapped_column(default=0, server_default="0")
    """The newest version of the drawing over the photo; 0 for none."""


class AttachmentMarkup(Identified, CoreBase):
    """One version of the drawing over a photo: arrows, circles and words. The photo itself stays as it was taken.

    The version with the highest number counts; one without shapes takes the drawing away.
    """

    __tablename__ = "attachment_markup"
    __scope__ = Owned()
    __table_args__ = (sa.UniqueConstraint("attachment_id", "version"),)

    attachment_id: Mapped[int] = mapped_column(sa.ForeignKey("attachment.id", ondelete="CASCADE"))
    version: Mapped[int]
    """Counted per photo, from 1."""
    shapes: Mapped[Any] = mapped_column(sa.JSON)
    """See :mod:`core.machinery.attachments.markup`."""
    sha256: Mapped[str | None] = mapped_column(sa.String(64))
    """The photo with the drawing, in the store; None for a version without shapes."""
    thumbnail_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    drawn_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    drawn_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="RESTRICT"), index=True
    )
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="RESTRICT"), index=True
    )
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )
