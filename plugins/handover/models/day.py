"""The handover day of a house: visits with their stations, fees, papers, keys and their loans."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    ByProject,
    Record,
    User,
    big_id,
    parent_key,
    project_column,
)
from plugins.handover.models.base import Base, place_key
from plugins.handover.models.batches import HandoverUnit


class Station(StrEnum):
    """The stations of a handover day in their usual sequence (domain reference 3.3.1)."""

    SIGN_IN = "sign_in"
    IDENTITY = "identity"
    FEES = "fees"
    PAPERS = "papers"
    INSPECTION = "inspection"
    OPINION = "opinion"
    KEYS = "keys"
    SURVEY = "survey"


class FeeKind(StrEnum):
    """What an owner pays at the handover (domain reference 3.3.3)."""

    AREA_DIFFERENCE = "area_difference"
    MAINTENANCE_FUND = "maintenance_fund"
    PROPERTY_FEE = "property_fee"
    DECORATION_DEPOSIT = "decoration_deposit"
    WASTE_REMOVAL = "waste_removal"
    PARKING = "parking"
    UTILITIES = "utilities"
    OTHER = "other"


class PaperKind(StrEnum):
    """The papers of the document pack of a house (domain reference 3.3.3)."""

    COMPLETION_FILING = "completion_filing"
    QUALITY_GUARANTEE = "quality_guarantee"
    USER_MANUAL = "user_manual"
    AREA_SURVEY = "area_survey"
    INSPECTION_RECORD = "inspection_record"
    HANDOVER_DEED = "handover_deed"
    KEY_RECEIPT = "key_receipt"
    INTERIM_RULES = "interim_rules"
    PROPERTY_AGREEMENT = "property_agreement"
    DECORATION_AGREEMENT = "decoration_agreement"
    OWNER_HANDBOOK = "owner_handbook"
    APPLIANCE_MANUALS = "appliance_manuals"
    PIPE_DRAWINGS = "pipe_drawings"
    AIR_REPORT = "air_report"
    RECEIPTS = "receipts"


class KeyKind(StrEnum):
    """What opens something in a house (domain reference 3.3.1)."""

    ENTRY = "entry"
    MAILBOX = "mailbox"
    METER = "meter"
    GATE_CARD = "gate_card"
    REMOTE = "remote"


class HandoverVisit(Record, Base):
    """One coming of an owner to take a house over, from the arrival to the end; the basis of K02, K09 and K10."""

    __tablename__ = "handover_visit"
    __scope__ = ByProject()
    __table_args__: Any = (
        place_key(),
        sa.UniqueConstraint("handover_unit_id", "number"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_handover_visit_project", "project_id", "arrived_at"),
    )

    project_id: Mapped[int] = project_column()
    handover_unit_id: Mapped[int] = mapped_column(big_id)
    number: Mapped[int] = mapped_column(default=1)
    """Counted per house, from 1."""
    arrived_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    signed_in: Mapped[bool] = mapped_column(default=True)
    """False where the inspection began without a desk: then there is no time of signing in for K10."""
    outcome: Mapped[str] = mapped_column(sa.String(24), default="")
    """``accepted``, ``accepted_with_defects`` or ``refused``; "" as long as the owner has not said."""
    refusal_reason: Mapped[str] = mapped_column(sa.String(4), default="")
    """R1 to R9 of a visit that ended in a refusal; the house keeps that of the newest one."""

    handover_unit: Mapped[HandoverUnit] = relationship(
        primaryjoin=lambda: foreign(HandoverVisit.handover_unit_id) == HandoverUnit.id, viewonly=True
    )
    stations: Mapped[list[StationLog]] = relationship(
        primaryjoin=lambda: HandoverVisit.id == foreign(StationLog.visit_id),
        order_by=lambda: StationLog.id,
        viewonly=True,
    )


class StationLog(Record, Base):
    """A stay at a station, with the moments of coming and going 流转."""

    __tablename__ = "handover_station_log"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("handover_visit", "visit_id", "CASCADE"),
        sa.Index("ix_handover_station_log_visit", "visit_id", "station"),
    )

    project_id: Mapped[int] = project_column(index=True)
    visit_id: Mapped[int] = mapped_column(big_id)
    station: Mapped[Station] = mapped_column(sa.String(12))
    entered_at: Mapped[dt.datetime]
    left_at: Mapped[dt.datetime | None]
    staff_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True
    )
    """Who finished the station."""

    staff: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(StationLog.staff_id) == User.id, viewonly=True
    )


class FeeItem(Record, Base):
    """What a house pays at the handover 费用, and whether it is paid or exempt."""

    __tablename__ = "handover_fee_item"
    __scope__ = ByProject()
    __table_args__: Any = (
        place_key(),
        sa.Index("ix_handover_fee_item_place", "handover_unit_id"),
    )

    project_id: Mapped[int] = project_column(index=True)
    handover_unit_id: Mapped[int] = mapped_column(big_id)
    kind: Mapped[FeeKind] = mapped_column(sa.String(20))
    rule_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("handover_fee_rule.id", ondelete="SET NULL"), index=True
    )
    """The rule that it was computed by; None when it was entered by hand."""
    basis: Mapped[str] = mapped_column(sa.String(200), default="")
    """How the amount comes about: area × rate × months."""
    amount: Mapped[Decimal]
    """In yuan; negative for what the owner gets back, for example for a smaller area."""
    paid_at: Mapped[dt.datetime | None]
    receipt_number: Mapped[str] = mapped_column(sa.String(60), default="")
    exempt_reason: Mapped[str] = mapped_column(sa.Text, default="")
    settled_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))

    handover_unit: Mapped[HandoverUnit] = relationship(
        primaryjoin=lambda: foreign(FeeItem.handover_unit_id) == HandoverUnit.id, viewonly=True
    )

    @property
    def is_settled(self) -> bool:
        """Whether nothing has to be paid any more."""
        return self.paid_at is not None or bool(self.exempt_reason)


class IssuedPaper(Record, Base):
    """A paper that a house receives 文件发放: one set per house, in one version."""

    __tablename__ = "handover_issued_paper"
    __scope__ = ByProject()
    __personal__ = frozenset({"signed_by"})
    __table_args__: Any = (place_key(), sa.UniqueConstraint("handover_unit_id", "kind"))

    project_id: Mapped[int] = project_column(index=True)
    handover_unit_id: Mapped[int] = mapped_column(big_id)
    kind: Mapped[PaperKind] = mapped_column(sa.String(24))
    number: Mapped[str] = mapped_column(sa.String(60), default="")
    version: Mapped[str] = mapped_column(sa.String(30), default="")
    must_be_signed: Mapped[bool] = mapped_column(default=True)
    signed_at: Mapped[dt.datetime | None]
    signed_by: Mapped[str] = mapped_column(sa.String(80), default="")
    issued_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))

    handover_unit: Mapped[HandoverUnit] = relationship(
        primaryjoin=lambda: foreign(IssuedPaper.handover_unit_id) == HandoverUnit.id, viewonly=True
    )


class KeyRecord(Record, Base):
    """Keys of one kind of a house 钥匙, in a sealed bag until they are handed over."""

    __tablename__ = "handover_key_record"
    __scope__ = ByProject()
    __personal__ = frozenset({"handed_to"})
    __table_args__: Any = (place_key(), sa.UniqueConstraint("handover_unit_id", "kind"))

    project_id: Mapped[int] = project_column(index=True)
    handover_unit_id: Mapped[int] = mapped_column(big_id)
    kind: Mapped[KeyKind] = mapped_column(sa.String(12))
    quantity: Mapped[int] = mapped_column(default=1)
    bag_number: Mapped[str] = mapped_column(sa.String(40), default="")
    handed_at: Mapped[dt.datetime | None]
    handed_to: Mapped[str] = mapped_column(sa.String(80), default="")

    handover_unit: Mapped[HandoverUnit] = relationship(
        primaryjoin=lambda: foreign(KeyRecord.handover_unit_id) == HandoverUnit.id, viewonly=True
    )


class KeyLoan(Record, Base):
    """The keys of a house on loan for a repair: sealed, logged, for a few days (domain reference 3.3.6 rule 7)."""

    __tablename__ = "handover_key_loan"
    __scope__ = ByProject()
    __personal__ = frozenset({"borrower"})
    __table_args__: Any = (
        place_key(),
        sa.Index("ix_handover_key_loan_place", "handover_unit_id"),
        sa.Index("ix_handover_key_loan_due", "project_id", "returned_at", "due_at"),
    )

    project_id: Mapped[int] = project_column()
    handover_unit_id: Mapped[int] = mapped_column(big_id)
    borrower: Mapped[str] = mapped_column(sa.String(80))
    purpose: Mapped[str] = mapped_column(sa.String(200))
    bag_number: Mapped[str] = mapped_column(sa.String(40))
    """The seal that was broken for it."""
    borrowed_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]
    returned_at: Mapped[dt.datetime | None]
    returned_bag_number: Mapped[str] = mapped_column(sa.String(40), default="")
    """The new seal."""
    lent_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))

    handover_unit: Mapped[HandoverUnit] = relationship(
        primaryjoin=lambda: foreign(KeyLoan.handover_unit_id) == HandoverUnit.id, viewonly=True
    )
