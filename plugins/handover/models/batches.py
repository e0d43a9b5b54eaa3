"""Batches, and the houses in them on their way from the plan to the keys."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    ByProject,
    Phase,
    Project,
    Record,
    Unit,
    User,
    big_id,
    parent_key,
    project_column,
)
from plugins.handover.models.base import Base, unit_key

if TYPE_CHECKING:
    from plugins.handover.models.day import FeeItem, HandoverVisit, IssuedPaper, KeyLoan, KeyRecord


class BatchMode(StrEnum):
    """Whether the houses of a batch are handed over on fixed days or one by one."""

    CONCENTRATED = "concentrated"
    SCATTERED = "scattered"


class Product(StrEnum):
    """What kind of houses a batch holds; the staffing rule depends on it (domain reference 3.3.3)."""

    ORDINARY = "ordinary"
    """Flats; rough and fitted ones are told apart by the house."""
    HIGH_END = "high_end"
    VILLA = "villa"
    COMMERCIAL = "commercial"


class FeeState(StrEnum):
    """Whether the fees of a house still stand between the owner and the keys."""

    OPEN = "open"
    SETTLED = "settled"
    EXEMPT = "exempt"


class PapersState(StrEnum):
    """Whether the papers of a house are signed."""

    OPEN = "open"
    SIGNED = "signed"


class KeysState(StrEnum):
    """Who holds the keys of a house."""

    HELD = "held"
    HANDED = "handed"


class HandoverBatch(Record, Base):
    """A number of houses that are handed over together 交付批次."""

    __tablename__ = "handover_batch"
    __scope__ = ByProject()
    __table_args__: Any = (
        sa.UniqueConstraint("project_id", "code"),
        sa.UniqueConstraint("project_id", "id"),
        parent_key("phase", "phase_id"),
    )

    project_id: Mapped[int] = project_column()
    phase_id: Mapped[int | None] = mapped_column(big_id, index=True)
    code: Mapped[str] = mapped_column(sa.String(20))
    name: Mapped[str] = mapped_column(sa.String(80))
    delivery_on: Mapped[dt.date | None] = mapped_column(index=True)
    """T, the delivery date of the contracts."""
    mode: Mapped[BatchMode] = mapped_column(sa.String(14), default=BatchMode.CONCENTRATED)
    opens_on: Mapped[dt.date | None]
    """The first of the concentrated days."""
    closes_on: Mapped[dt.date | None]
    """The last of the concentrated days."""
    product: Mapped[Product] = mapped_column(sa.String(12), default=Product.ORDINARY)
    place: Mapped[str] = mapped_column(sa.String(160), default="")
    """Where owners come to, as it is printed on the notice."""
    directions: Mapped[str] = mapped_column(sa.Text, default="")
    """How to get there, and when it is open."""
    contact_phone: Mapped[str] = mapped_column(sa.String(30), default="")
    complaint_phone: Mapped[str] = mapped_column(sa.String(30), default="")
    account: Mapped[str] = mapped_column(sa.Text, default="")
    """Payee, bank and account number for the fees."""
    manager_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True
    )
    state: Mapped[str] = mapped_column(sa.String(12), default="planned", index=True)
    note: Mapped[str] = mapped_column(sa.Text, default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(HandoverBatch.project_id) == Project.id, viewonly=True
    )
    phase: Mapped[Phase | None] = relationship(
        Phase, primaryjoin=lambda: foreign(HandoverBatch.phase_id) == Phase.id, viewonly=True
    )
    manager: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(HandoverBatch.manager_id) == User.id, viewonly=True
    )


class HandoverUnit(Record, Base):
    """A house in a batch, on its way from the plan to the keys 交付户 (states of domain reference 3.3.2)."""

    __tablename__ = "handover_unit"
    __scope__ = ByProject()
    __personal__ = frozenset({"attorney_name", "attorney_document"})
    __table_args__: Any = (
        unit_key(),
        parent_key("handover_batch", "batch_id"),
        sa.UniqueConstraint("batch_id", "unit_id"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_handover_unit_unit", "unit_id"),
    )

    project_id: Mapped[int] = project_column(index=True)
    batch_id: Mapped[int] = mapped_column(big_id)
    unit_id: Mapped[int] = mapped_column(big_id)
    state: Mapped[str] = mapped_column(sa.String(24), default="planned", index=True)
    notice_sent_at: Mapped[dt.datetime | None]
    notice_received_at: Mapped[dt.datetime | None]
    payment_complete: Mapped[bool] = mapped_column(default=False)
    """Whether the purchase price is paid, loans included; such houses are due for K03."""
    booked_for: Mapped[dt.datetime | None] = mapped_column(index=True)
    engineer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True
    )
    """Who accompanies the owner through the house."""
    capable_at: Mapped[dt.datetime | None]
    """Since when all conditions of a delivery are met without a break; frozen when T has come (K04)."""
    arrived_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    """The newest arrival; see :class:`HandoverVisit` for all."""
    attorney_name: Mapped[str] = mapped_column(sa.String(80), default="")
    attorney_document: Mapped[str] = mapped_column(sa.String(120), default="")
    """What proves the attorney: kind, number and day of the power of attorney."""
    fee_state: Mapped[FeeState] = mapped_column(sa.String(10), default=FeeState.OPEN)
    fee_exempt_reason: Mapped[str] = mapped_column(sa.Text, default="")
    """Why the house as a whole pays nothing."""
    papers_state: Mapped[PapersState] = mapped_column(sa.String(10), default=PapersState.OPEN)
    keys_state: Mapped[KeysState] = mapped_column(sa.String(10), default=KeysState.HELD)
    refusal_reason: Mapped[str] = mapped_column(sa.String(4), default="")
    """R1 to R9 of the newest refusal (domain reference 3.3.6 rule 6)."""
    refusal_note: Mapped[str] = mapped_column(sa.Text, default="")
    """The owner's words of the newest refusal."""
    reply_due_at: Mapped[dt.datetime | None]
    replied_at: Mapped[dt.datetime | None]
    reply_text: Mapped[str] = mapped_column(sa.Text, default="")
    deemed_on: Mapped[dt.date | None]
    deemed_reason: Mapped[str] = mapped_column(sa.Text, default="")
    legal_reviewed_at: Mapped[dt.datetime | None]
    legal_reviewed_by_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL")
    )
    delivered_at: Mapped[dt.datetime | None] = mapped_column(index=True)

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(HandoverUnit.project_id) == Project.id, viewonly=True
    )
    batch: Mapped[HandoverBatch] = relationship(
        primaryjoin=lambda: foreign(HandoverUnit.batch_id) == HandoverBatch.id, viewonly=True
    )
    unit: Mapped[Unit] = relationship(
        Unit, primaryjoin=lambda: foreign(HandoverUnit.unit_id) == Unit.id, viewonly=True
    )
    legal_reviewed_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(HandoverUnit.legal_reviewed_by_id) == User.id, viewonly=True
    )
    engineer: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(HandoverUnit.engineer_id) == User.id, viewonly=True
    )
    visits: Mapped[list[HandoverVisit]] = relationship(
        primaryjoin="HandoverUnit.id == foreign(HandoverVisit.handover_unit_id)",
        order_by="HandoverVisit.number",
        viewonly=True,
    )
    fees: Mapped[list[FeeItem]] = relationship(
        primaryjoin="HandoverUnit.id == foreign(FeeItem.handover_unit_id)",
        order_by="FeeItem.id",
        viewonly=True,
    )
    papers: Mapped[list[IssuedPaper]] = relationship(
        primaryjoin="HandoverUnit.id == foreign(IssuedPaper.handover_unit_id)",
        order_by="IssuedPaper.id",
        viewonly=True,
    )
    keys: Mapped[list[KeyRecord]] = relationship(
        primaryjoin="HandoverUnit.id == foreign(KeyRecord.handover_unit_id)",
        order_by="KeyRecord.id",
        viewonly=True,
    )
    key_loans: Mapped[list[KeyLoan]] = relationship(
        primaryjoin="HandoverUnit.id == foreign(KeyLoan.handover_unit_id)",
        order_by="KeyLoan.id",
        viewonly=True,
    )
