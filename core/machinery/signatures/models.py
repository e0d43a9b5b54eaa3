"""Signatures and supplements. Neither ever changes; what is personal in them is emptied when the person is erased."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.database.base import CoreBase, Identified, big_id
from core.database.scope import Owned
from core.database.types import utc_now


class SigningMethod(StrEnum):
    """How somebody signed."""

    DRAWN = "drawn"
    TYPED = "typed"
    """The name was typed and confirmed, by somebody who cannot draw on the glass."""


class Supplement(Identified, CoreBase):
    """A later change of a signed record: the record stays as it was signed, and this says what holds from now on."""

    __tablename__ = "signature_supplement"
    __scope__ = Owned()
    __table_args__ = (sa.UniqueConstraint("record_kind", "record_id", "number"),)

    record_kind: Mapped[str] = mapped_column(sa.String(80))
    record_id: Mapped[int] = mapped_column(big_id)
    number: Mapped[int]
    """Counted per record, from 1."""
    reason: Mapped[str] = mapped_column(sa.Text)
    content_hash: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 over what holds from now on, in its canonical form."""
    sealed_content: Mapped[bytes | None] = mapped_column(sa.LargeBinary, deferred=True)
    """What holds from now on, packed and encrypted with the key of ``content_subject``."""
    content_subject: Mapped[str] = mapped_column(sa.String(40))
    changed_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    changed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="RESTRICT"), index=True
    )
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="RESTRICT"), index=True
    )
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )


class Signature(Identified, CoreBase):
    """One signature under one record, or under a supplement to it."""

    __tablename__ = "signature"
    __scope__ = Owned()
    __personal__ = frozenset({"name", "place", "position", "device"})
    __table_args__ = (
        sa.Index("ix_signature_record", "record_kind", "record_id"),
        sa.UniqueConstraint("record_kind", "record_id", "client_key"),
    )

    record_kind: Mapped[str] = mapped_column(sa.String(80))
    record_id: Mapped[int] = mapped_column(big_id)
    supplement_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("signature_supplement.id", ondelete="RESTRICT"), index=True
    )
    role: Mapped[str] = mapped_column(sa.String(40))
    """As what somebody signed, a code of the record's plugin, for example ``owner``."""
    name: Mapped[str] = mapped_column(sa.String(80))
    method: Mapped[SigningMethod] = mapped_column(sa.String(10))
    signed_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    place: Mapped[str] = mapped_column(sa.String(160), default="")
    position: Mapped[str] = mapped_column(sa.String(60), default="")
    """Latitude, longitude and accuracy as the device measured them, when the signer allowed it."""
    device: Mapped[str] = mapped_column(default="")
    """What the browser says of itself."""
    content_hash: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 over the signed content in its canonical form."""
    sealed_content: Mapped[bytes | None] = mapped_column(sa.LargeBinary, deferred=True)
    """The signed content, packed and encrypted with the key of ``content_subject``."""
    content_subject: Mapped[str] = mapped_column(sa.String(40))
    sealed_strokes: Mapped[bytes | None] = mapped_column(sa.LargeBinary, deferred=True)
    """The strokes of the pen, packed and encrypted with the key of ``signer_subject``."""
    strokes_hash: Mapped[str] = mapped_column(sa.String(64), default="")
    signer_subject: Mapped[str] = mapped_column(sa.String(40))
    client_key: Mapped[str | None] = mapped_column(sa.String(60))
    """What the page calls the signature; a second press finds the same row."""
    signer_customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="RESTRICT"), index=True
    )
    witness_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    """Whose account held out the device."""
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="RESTRICT"), index=True
    )
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="RESTRICT"), index=True
    )
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )

    supplement: Mapped[Supplement | None] = relationship(Supplement, viewonly=True)
