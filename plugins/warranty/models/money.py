"""Notices to contractors, third parties, deductions, and the retention money with its ledger."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    ByProject,
    Identified,
    Project,
    Record,
    User,
    big_id,
    parent_key,
    project_column,
    utc_now,
)
from plugins.contractors.models import Company
from plugins.warranty.models.base import Base, user_column
from plugins.warranty.models.orders import Order


class ContractorNotice(Record, Base):
    """A written demand to the contractor 维保通知, first and second; unanswered, a third party repairs."""

    __tablename__ = "warranty_notice"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("warranty_order", "order_id"),
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("order_id", "stage", "round_number"),
    )

    project_id: Mapped[int] = project_column(index=True)
    order_id: Mapped[int] = mapped_column(big_id)
    contractor_id: Mapped[int] = mapped_column(
        sa.ForeignKey("contractors_company.id", ondelete="RESTRICT"), index=True
    )
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``WT-{project}-{yyyymmdd}-{seq3}``."""
    stage: Mapped[int]
    """1 or 2."""
    round_number: Mapped[int] = mapped_column(default=1)
    """Counted again when an answered notice was followed by another silence."""
    state: Mapped[str] = mapped_column(sa.String(12), default="issued", index=True)
    demand: Mapped[str] = mapped_column(sa.Text, default="")
    issued_at: Mapped[dt.datetime]
    issued_by_id: Mapped[int | None] = user_column()
    answer_due_at: Mapped[dt.datetime] = mapped_column(index=True)
    served_how: Mapped[str] = mapped_column(sa.String(120), default="")
    """How it was served, for example by registered mail with its number."""
    answered_at: Mapped[dt.datetime | None]
    answer: Mapped[str] = mapped_column(sa.Text, default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(ContractorNotice.project_id) == Project.id, viewonly=True
    )
    order: Mapped[Order] = relationship(
        primaryjoin=lambda: foreign(ContractorNotice.order_id) == Order.id, viewonly=True
    )
    contractor: Mapped[Company] = relationship(
        Company, primaryjoin=lambda: foreign(ContractorNotice.contractor_id) == Company.id, viewonly=True
    )
    issued_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(ContractorNotice.issued_by_id) == User.id, viewonly=True
    )


class ThirdPartyRepair(Record, Base):
    """Another company repairs at the contractor's cost 第三方维修 (房屋建筑工程质量保修办法 Art. 9, 12)."""

    __tablename__ = "warranty_third_party"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("warranty_order", "order_id"),
        sa.UniqueConstraint("project_id", "id"),
    )

    project_id: Mapped[int] = project_column(index=True)
    order_id: Mapped[int] = mapped_column(big_id, index=True)
    state: Mapped[str] = mapped_column(sa.String(12), default="ordered")
    company_name: Mapped[str] = mapped_column(sa.String(120))
    quotation: Mapped[Decimal]
    ordered_at: Mapped[dt.datetime]
    site_due_at: Mapped[dt.datetime]
    arrived_at: Mapped[dt.datetime | None]
    invoice_number: Mapped[str] = mapped_column(sa.String(60), default="")
    invoice_amount: Mapped[Decimal | None]
    finished_at: Mapped[dt.datetime | None]
    ordered_by_id: Mapped[int | None] = user_column()

    order: Mapped[Order] = relationship(
        primaryjoin=lambda: foreign(ThirdPartyRepair.order_id) == Order.id, viewonly=True
    )
    ordered_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(ThirdPartyRepair.ordered_by_id) == User.id, viewonly=True
    )


class Deduction(Record, Base):
    """What is taken from the contractor's retention money 维修扣款, after he could object."""

    __tablename__ = "warranty_deduction"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("warranty_order", "order_id"),
        parent_key("warranty_third_party", "third_party_id"),
        parent_key("warranty_retention", "account_id"),
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("third_party_id"),
        sa.Index("ix_warranty_deduction_contractor", "contractor_id", "state"),
    )

    project_id: Mapped[int] = project_column(index=True)
    order_id: Mapped[int] = mapped_column(big_id, index=True)
    third_party_id: Mapped[int | None] = mapped_column(big_id)
    account_id: Mapped[int | None] = mapped_column(big_id, index=True)
    contractor_id: Mapped[int] = mapped_column(sa.ForeignKey("contractors_company.id", ondelete="RESTRICT"))
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``KK-{project}-{yyyymmdd}-{seq3}``."""
    state: Mapped[str] = mapped_column(sa.String(12), default="draft", index=True)
    cost: Mapped[Decimal]
    fee_percent: Mapped[Decimal] = mapped_column(sa.Numeric(5, 2, asdecimal=True))
    fee: Mapped[Decimal]
    amount: Mapped[Decimal]
    """Cost and fee."""
    reason: Mapped[str] = mapped_column(sa.Text, default="")
    issued_at: Mapped[dt.datetime | None]
    issued_by_id: Mapped[int | None] = user_column()
    objection_until: Mapped[dt.date | None]
    objected_at: Mapped[dt.datetime | None]
    objection: Mapped[str] = mapped_column(sa.Text, default="")
    decided_at: Mapped[dt.datetime | None]
    decided_by_id: Mapped[int | None] = user_column()
    decision: Mapped[str] = mapped_column(sa.Text, default="")
    final_amount: Mapped[Decimal | None]
    """What is really deducted; set when it does not change any more."""
    booked_at: Mapped[dt.datetime | None]

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(Deduction.project_id) == Project.id, viewonly=True
    )
    order: Mapped[Order] = relationship(
        primaryjoin=lambda: foreign(Deduction.order_id) == Order.id, viewonly=True
    )
    contractor: Mapped[Company] = relationship(
        Company, primaryjoin=lambda: foreign(Deduction.contractor_id) == Company.id, viewonly=True
    )
    account: Mapped[RetentionAccount | None] = relationship(
        primaryjoin=lambda: foreign(Deduction.account_id) == RetentionAccount.id, viewonly=True
    )
    third_party: Mapped[ThirdPartyRepair | None] = relationship(
        primaryjoin=lambda: foreign(Deduction.third_party_id) == ThirdPartyRepair.id, viewonly=True
    )
    issued_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Deduction.issued_by_id) == User.id, viewonly=True
    )


class RetentionAccount(Record, Base):
    """The money that is held back of a contract until its defects-liability period ends 质保金."""

    __tablename__ = "warranty_retention"
    __scope__ = ByProject()
    __table_args__: Any = (
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("project_id", "contract_number"),
        sa.Index("ix_warranty_retention_contractor", "contractor_id"),
    )

    project_id: Mapped[int] = project_column()
    contractor_id: Mapped[int] = mapped_column(sa.ForeignKey("contractors_company.id", ondelete="RESTRICT"))
    contract_number: Mapped[str] = mapped_column(sa.String(60))
    settlement: Mapped[Decimal]
    percent: Mapped[Decimal] = mapped_column(sa.Numeric(5, 2, asdecimal=True))
    total: Mapped[Decimal]
    """What is to be held: settlement × percent."""
    starts_on: Mapped[dt.date]
    """The completion acceptance."""
    months: Mapped[int] = mapped_column(default=24)
    """Length of the defects-liability period 缺陷责任期, 12 to 24."""
    ends_on: Mapped[dt.date]
    state: Mapped[str] = mapped_column(sa.String(12), default="open", index=True)
    balance: Mapped[Decimal] = mapped_column(default=Decimal(0))
    """The sum of the entries: kept under the lock of this row, checked against them by the tests."""
    note: Mapped[str] = mapped_column(sa.Text, default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(RetentionAccount.project_id) == Project.id, viewonly=True
    )
    contractor: Mapped[Company] = relationship(
        Company, primaryjoin=lambda: foreign(RetentionAccount.contractor_id) == Company.id, viewonly=True
    )
    entries: Mapped[list[RetentionEntry]] = relationship(
        primaryjoin=lambda: RetentionAccount.id == foreign(RetentionEntry.account_id),
        order_by="RetentionEntry.sequence",
        viewonly=True,
    )


class EntryKind(StrEnum):
    """What moves money in an account."""

    DEPOSIT = "deposit"
    DEDUCTION = "deduction"
    RELEASE = "release"
    CORRECTION = "correction"


class RetentionEntry(Identified, Base):
    """One movement of retention money; never changed, only corrected by another."""

    __tablename__ = "warranty_retention_entry"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("warranty_retention", "account_id"),
        parent_key("warranty_deduction", "deduction_id"),
        parent_key("warranty_release", "release_id"),
        sa.UniqueConstraint("account_id", "sequence"),
        sa.UniqueConstraint("deduction_id"),
        sa.UniqueConstraint("release_id"),
    )

    project_id: Mapped[int] = project_column(index=True)
    account_id: Mapped[int] = mapped_column(big_id)
    sequence: Mapped[int]
    kind: Mapped[EntryKind] = mapped_column(sa.String(12))
    amount: Mapped[Decimal]
    """Positive when it raises what is held."""
    balance_after: Mapped[Decimal]
    deduction_id: Mapped[int | None] = mapped_column(big_id)
    release_id: Mapped[int | None] = mapped_column(big_id)
    note: Mapped[str] = mapped_column(default="")
    booked_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    by_id: Mapped[int | None] = user_column()

    deduction: Mapped[Deduction | None] = relationship(
        primaryjoin=lambda: foreign(RetentionEntry.deduction_id) == Deduction.id, viewonly=True
    )
    by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(RetentionEntry.by_id) == User.id, viewonly=True
    )


class ReleaseRequest(Record, Base):
    """A contractor asks for his retention money back; the answer is due within 14 days (建质[2017]138号)."""

    __tablename__ = "warranty_release"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("warranty_retention", "account_id"),
        sa.UniqueConstraint("project_id", "id"),
    )

    project_id: Mapped[int] = project_column(index=True)
    account_id: Mapped[int] = mapped_column(big_id, index=True)
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``ZT-{project}-{yyyymmdd}-{seq3}``."""
    state: Mapped[str] = mapped_column(sa.String(12), default="requested", index=True)
    amount: Mapped[Decimal]
    requested_on: Mapped[dt.date]
    answer_due_on: Mapped[dt.date]
    decided_at: Mapped[dt.datetime | None]
    decided_by_id: Mapped[int | None] = user_column()
    decision: Mapped[str] = mapped_column(sa.Text, default="")

    account: Mapped[RetentionAccount] = relationship(
        primaryjoin=lambda: foreign(ReleaseRequest.account_id) == RetentionAccount.id, viewonly=True
    )
