"""What the handover module stores: checklists, batches, inspections with their results, defects and notices.

Every row of a project carries ``project_id`` beside its parent's key, and the foreign key holds both: the
database itself
refuses a child in another project than its parent.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    Building,
    ByDepartment,
    ByProject,
    Customer,
    Department,
    Identified,
    Phase,
    Project,
    Record,
    SearchIndex,
    SignedPart,
    Unit,
    Unscoped,
    User,
    big_id,
    plugin_base,
    utc_now,
)
from plugins.contractors.models import Company

Base: Any = plugin_base("handover")


class Severity(StrEnum):
    """How bad a defect is (domain reference 3.3.4)."""

    S1 = "S1"
    """致命: safety, structure, gas or electrical danger, serious leak; blocks the handover."""
    S2 = "S2"
    """严重: function impaired, trace of a leak, large hollow area."""
    S3 = "S3"
    """一般: workmanship or finish clearly visible, tolerance exceeded."""
    S4 = "S4"
    """轻微: cleaning, small scratches, adjustment."""


class Verdict(StrEnum):
    """The result of one item of the checklist."""

    PASS = "pass"  # noqa: S105 (a verdict)
    FAIL = "fail"
    NOT_APPLICABLE = "na"


class InspectionKind(StrEnum):
    """Why a house is inspected (domain reference 3.3.1)."""

    HOUSEHOLD = "household"
    TAKE_OVER = "take_over"
    MOCK = "mock"
    OPEN_DAY = "open_day"
    FORMAL = "formal"
    RE_INSPECTION = "re_inspection"
    VACANT = "vacant"


class InspectionState(StrEnum):
    """How far an inspection has come."""

    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Opinion(StrEnum):
    """What the owner says at the end of a formal inspection (domain reference 3.3.7)."""

    ACCEPT = "accept"
    ACCEPT_AFTER_RECTIFICATION = "accept_after_rectification"
    REFUSE = "refuse"


class TemplateState(StrEnum):
    """Whether a version of a checklist is used."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


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


class DefectSource(StrEnum):
    """How a defect became known."""

    INSPECTION = "inspection"
    OWNER = "owner"
    STAFF = "staff"


def _unit_key() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["project_id", "unit_id"], ["unit.project_id", "unit.id"], ondelete="RESTRICT"
    )


def _project_column(index: bool = False) -> Mapped[int]:
    return mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"), index=index)


class DefectCode(Record, Base):
    """What kind of fault a defect is, D01 渗漏 to D25 其他 (domain reference 3.3.5)."""

    __tablename__ = "handover_defect_code"
    __scope__ = Unscoped(
        "the catalogue of faults is one for the installation, so that figures can be compared"
    )

    code: Mapped[str] = mapped_column(sa.String(10), unique=True)
    name: Mapped[str] = mapped_column(sa.String(60))
    name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    position: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)


class InspectionTemplate(Record, Base):
    """One version of a checklist. A published version never changes: a company that wants other tolerances
    makes the next
    version; the newest published version of the nearest department up the tree is used."""

    __tablename__ = "handover_inspection_template"
    __scope__ = ByDepartment()
    __table_args__: Any = (
        sa.UniqueConstraint("department_id", "code", "version"),
        sa.UniqueConstraint("department_id", "id"),
    )

    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="RESTRICT"))
    code: Mapped[str] = mapped_column(sa.String(30))
    version: Mapped[int] = mapped_column(default=1)
    name: Mapped[str] = mapped_column(sa.String(120))
    name_en: Mapped[str] = mapped_column(sa.String(120), default="")
    state: Mapped[TemplateState] = mapped_column(sa.String(12), default=TemplateState.DRAFT, index=True)
    published_at: Mapped[dt.datetime | None]
    note: Mapped[str] = mapped_column(sa.Text, default="")

    department: Mapped[Department] = relationship(
        Department,
        primaryjoin=lambda: foreign(InspectionTemplate.department_id) == Department.id,
        viewonly=True,
    )
    rooms: Mapped[list[TemplateRoom]] = relationship(
        back_populates="template", order_by="TemplateRoom.position", cascade="all, delete-orphan"
    )
    items: Mapped[list[TemplateItem]] = relationship(
        back_populates="template", order_by="TemplateItem.position", cascade="all, delete-orphan"
    )

    @property
    def title(self) -> str:
        """Name and version, as people call it."""
        return f"{self.name} v{self.version}"


class TemplateRoom(Identified, Base):
    """A kind of room of a checklist, for example BTH 卫生间. ``ALL`` stands for the whole house."""

    __tablename__ = "handover_template_room"
    __scope__ = ByDepartment()
    __table_args__: Any = (
        sa.UniqueConstraint("template_id", "code"),
        sa.ForeignKeyConstraint(
            ["department_id", "template_id"],
            ["handover_inspection_template.department_id", "handover_inspection_template.id"],
            ondelete="CASCADE",
        ),
    )

    department_id: Mapped[int] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )
    template_id: Mapped[int] = mapped_column(big_id)
    code: Mapped[str] = mapped_column(sa.String(10))
    name: Mapped[str] = mapped_column(sa.String(60))
    name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    position: Mapped[int] = mapped_column(default=0)
    whole_house: Mapped[bool] = mapped_column(default=False)
    """Its items are checked once for the house; a defect then names the room in which it was found."""

    template: Mapped[InspectionTemplate] = relationship(back_populates="rooms")


class TemplateItem(Record, Base):
    """An item of a checklist: what is looked at, against which standard, how, and what it means when it fails."""

    __tablename__ = "handover_template_item"
    __scope__ = ByDepartment()
    __table_args__: Any = (
        sa.UniqueConstraint("template_id", "code"),
        sa.ForeignKeyConstraint(
            ["department_id", "template_id"],
            ["handover_inspection_template.department_id", "handover_inspection_template.id"],
            ondelete="CASCADE",
        ),
    )

    department_id: Mapped[int] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )
    template_id: Mapped[int] = mapped_column(big_id)
    code: Mapped[str] = mapped_column(sa.String(20))
    group_code: Mapped[str] = mapped_column(sa.String(10), default="")
    group_name: Mapped[str] = mapped_column(sa.String(60), default="")
    group_name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    specification: Mapped[str] = mapped_column(sa.String(10), default="both")
    """``rough``, ``fitted`` or ``both``: the delivery standard it applies to."""
    rooms: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """Codes of the room kinds it is checked in."""
    name: Mapped[str] = mapped_column(sa.String(120))
    name_en: Mapped[str] = mapped_column(sa.String(160), default="")
    standard: Mapped[str] = mapped_column(sa.Text, default="")
    standard_en: Mapped[str] = mapped_column(sa.Text, default="")
    method: Mapped[str] = mapped_column(sa.Text, default="")
    method_en: Mapped[str] = mapped_column(sa.Text, default="")
    severity: Mapped[Severity] = mapped_column(sa.String(2), default=Severity.S3)
    warranty_category: Mapped[str] = mapped_column(sa.String(4), default="")
    trade_code: Mapped[str] = mapped_column(sa.String(30), default="")
    defect_code: Mapped[str] = mapped_column(sa.String(10), default="")
    """What is proposed when the item fails."""
    measures: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """Tolerances, see :mod:`plugins.handover.measures`."""
    position: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)

    template: Mapped[InspectionTemplate] = relationship(back_populates="items")


class HandoverBatch(Record, Base):
    """A number of houses that are handed over together 交付批次."""

    __tablename__ = "handover_batch"
    __scope__ = ByProject()
    __table_args__: Any = (
        sa.UniqueConstraint("project_id", "code"),
        sa.UniqueConstraint("project_id", "id"),
        sa.ForeignKeyConstraint(
            ["project_id", "phase_id"], ["phase.project_id", "phase.id"], ondelete="RESTRICT"
        ),
    )

    project_id: Mapped[int] = _project_column()
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
        _unit_key(),
        sa.ForeignKeyConstraint(
            ["project_id", "batch_id"],
            ["handover_batch.project_id", "handover_batch.id"],
            ondelete="RESTRICT",
        ),
        sa.UniqueConstraint("batch_id", "unit_id"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_handover_unit_unit", "unit_id"),
    )

    project_id: Mapped[int] = _project_column(index=True)
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
        primaryjoin=lambda: HandoverUnit.id == foreign(HandoverVisit.handover_unit_id),
        order_by=lambda: HandoverVisit.number,
        viewonly=True,
    )
    fees: Mapped[list[FeeItem]] = relationship(
        primaryjoin=lambda: HandoverUnit.id == foreign(FeeItem.handover_unit_id),
        order_by=lambda: FeeItem.id,
        viewonly=True,
    )
    papers: Mapped[list[IssuedPaper]] = relationship(
        primaryjoin=lambda: HandoverUnit.id == foreign(IssuedPaper.handover_unit_id),
        order_by=lambda: IssuedPaper.id,
        viewonly=True,
    )
    keys: Mapped[list[KeyRecord]] = relationship(
        primaryjoin=lambda: HandoverUnit.id == foreign(KeyRecord.handover_unit_id),
        order_by=lambda: KeyRecord.id,
        viewonly=True,
    )
    key_loans: Mapped[list[KeyLoan]] = relationship(
        primaryjoin=lambda: HandoverUnit.id == foreign(KeyLoan.handover_unit_id),
        order_by=lambda: KeyLoan.id,
        viewonly=True,
    )


def _place_key() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["project_id", "handover_unit_id"],
        ["handover_unit.project_id", "handover_unit.id"],
        ondelete="CASCADE",
    )


class HandoverVisit(Record, Base):
    """One coming of an owner to take a house over, from the arrival to the end; the basis of K02, K09 and K10."""

    __tablename__ = "handover_visit"
    __scope__ = ByProject()
    __table_args__: Any = (
        _place_key(),
        sa.UniqueConstraint("handover_unit_id", "number"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_handover_visit_project", "project_id", "arrived_at"),
    )

    project_id: Mapped[int] = _project_column()
    handover_unit_id: Mapped[int] = mapped_column(big_id)
    number: Mapped[int] = mapped_column(default=1)
    """Counted per house, from 1."""
    arrived_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    signed_in: Mapped[bool] = mapped_column(default=True)
    """False where the inspection began without a desk: then there is no time of signing in for K10."""
    outcome: Mapped[str] = mapped_column(sa.String(24), default="")
    """``accepted``, ``accepted_with_defects`` or ``refused``; "" as long as the owner has not said."""

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
        sa.ForeignKeyConstraint(
            ["project_id", "visit_id"],
            ["handover_visit.project_id", "handover_visit.id"],
            ondelete="CASCADE",
        ),
        sa.Index("ix_handover_station_log_visit", "visit_id", "station"),
    )

    project_id: Mapped[int] = _project_column(index=True)
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
        _place_key(),
        sa.Index("ix_handover_fee_item_place", "handover_unit_id"),
    )

    project_id: Mapped[int] = _project_column(index=True)
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
    __table_args__: Any = (_place_key(), sa.UniqueConstraint("handover_unit_id", "kind"))

    project_id: Mapped[int] = _project_column(index=True)
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
    __table_args__: Any = (_place_key(), sa.UniqueConstraint("handover_unit_id", "kind"))

    project_id: Mapped[int] = _project_column(index=True)
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
        _place_key(),
        sa.Index("ix_handover_key_loan_place", "handover_unit_id"),
        sa.Index("ix_handover_key_loan_due", "project_id", "returned_at", "due_at"),
    )

    project_id: Mapped[int] = _project_column()
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


class Inspection(Record, Base):
    """One round of inspecting a house 验房. Once finished it never changes; a later change is a supplement."""

    __tablename__ = "handover_inspection"
    __scope__ = ByProject()
    __signed__ = SignedPart(
        "handover.inspection",
        frozenset(
            {
                "number", "unit_id", "meter_water", "meter_electricity", "meter_gas", "meter_heat", "opinion",
                "opinion_note", "refusal_reason",
            }
        ),
    )  # fmt: skip
    __personal__ = frozenset({"attorney_name"})
    __table_args__: Any = (
        _unit_key(),
        sa.ForeignKeyConstraint(
            ["project_id", "handover_unit_id"],
            ["handover_unit.project_id", "handover_unit.id"],
            ondelete="RESTRICT",
        ),
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("unit_id", "kind", "round_number"),
        sa.Index("ix_handover_inspection_work", "inspector_id", "state", "planned_on"),
        sa.Index("ix_handover_inspection_project", "project_id", "kind", "state"),
        sa.Index("ix_handover_inspection_planned", "project_id", "planned_on"),
    )

    project_id: Mapped[int] = _project_column()
    unit_id: Mapped[int] = mapped_column(big_id)
    handover_unit_id: Mapped[int | None] = mapped_column(big_id, index=True)
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``YF-{project}-{yyyymm}-{0001}``."""
    kind: Mapped[InspectionKind] = mapped_column(sa.String(16))
    round_number: Mapped[int] = mapped_column(default=1)
    """Counted per house and kind, from 1."""
    state: Mapped[InspectionState] = mapped_column(
        sa.String(12), default=InspectionState.PLANNED, index=True, active_history=True
    )
    planned_on: Mapped[dt.date | None] = mapped_column(index=True)
    inspector_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    companions: Mapped[str] = mapped_column(default="")
    """Who accompanies: butler, supervisor, contractor."""
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="SET NULL"), index=True
    )
    """The owner who was present."""
    attorney_name: Mapped[str] = mapped_column(sa.String(80), default="")
    template_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("handover_inspection_template.id", ondelete="SET NULL"), index=True
    )
    template_title: Mapped[str] = mapped_column(sa.String(160), default="")
    """Copied, so that the record says what was used even when the checklist is gone."""
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    weather: Mapped[str] = mapped_column(sa.String(40), default="")
    passed: Mapped[bool | None]
    """No defect S1–S3 was recorded in this round; set when it is finished."""
    meter_water: Mapped[str] = mapped_column(sa.String(20), default="")
    """Readings as they stand on the meter, in m³ or kWh."""
    meter_electricity: Mapped[str] = mapped_column(sa.String(20), default="")
    meter_gas: Mapped[str] = mapped_column(sa.String(20), default="")
    meter_heat: Mapped[str] = mapped_column(sa.String(20), default="")
    opinion: Mapped[Opinion | None] = mapped_column(sa.String(30))
    opinion_note: Mapped[str] = mapped_column(sa.Text, default="")
    refusal_reason: Mapped[str] = mapped_column(sa.String(4), default="")
    """R1 to R9 when the owner refuses (domain reference 3.3.6 rule 6)."""
    override_reason: Mapped[str] = mapped_column(sa.Text, default="")
    """Why a formal inspection was started in spite of open S1 or S2 defects."""
    overridden_by_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL")
    )
    cancel_reason: Mapped[str] = mapped_column(sa.Text, default="")
    content_hash: Mapped[str] = mapped_column(sa.String(64), default="")
    """SHA-256 over the finished record, see :func:`plugins.handover.services.content_hash`."""

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(Inspection.project_id) == Project.id, viewonly=True
    )
    unit: Mapped[Unit] = relationship(
        Unit, primaryjoin=lambda: foreign(Inspection.unit_id) == Unit.id, viewonly=True
    )
    handover_unit: Mapped[HandoverUnit | None] = relationship(
        primaryjoin=lambda: foreign(Inspection.handover_unit_id) == HandoverUnit.id, viewonly=True
    )
    inspector: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Inspection.inspector_id) == User.id, viewonly=True
    )
    customer: Mapped[Customer | None] = relationship(
        Customer, primaryjoin=lambda: foreign(Inspection.customer_id) == Customer.id, viewonly=True
    )
    rooms: Mapped[list[InspectionRoom]] = relationship(
        back_populates="inspection", order_by="InspectionRoom.position", cascade="all, delete-orphan"
    )
    results: Mapped[list[InspectionResult]] = relationship(
        back_populates="inspection", order_by="InspectionResult.position", cascade="all, delete-orphan"
    )
    defects: Mapped[list[Defect]] = relationship(
        primaryjoin=lambda: Inspection.id == foreign(Defect.inspection_id),
        order_by=lambda: Defect.id,
        viewonly=True,
    )

    @property
    def is_open(self) -> bool:
        """Whether results can be recorded."""
        return self.state == InspectionState.IN_PROGRESS


INSPECTION_SEARCH = SearchIndex("handover_inspection", ("number",), short_columns=())
"""Numbers by three characters and more."""
INSPECTION_SEARCH.attach(Inspection.__table__)


class InspectionRoom(Identified, Base):
    """A room of the inspected house, for example 主卫 of the kind BTH; copied from the checklist at the start."""

    __tablename__ = "handover_inspection_room"
    __scope__ = ByProject()
    __signed__ = SignedPart(
        "handover.inspection", frozenset({"inspection_id", "name"}), lambda room: room.inspection_id
    )
    __table_args__: Any = (
        sa.ForeignKeyConstraint(
            ["project_id", "inspection_id"],
            ["handover_inspection.project_id", "handover_inspection.id"],
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("inspection_id", "position"),
    )

    project_id: Mapped[int] = _project_column(index=True)
    inspection_id: Mapped[int] = mapped_column(big_id)
    kind: Mapped[str] = mapped_column(sa.String(10))
    name: Mapped[str] = mapped_column(sa.String(60))
    name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    position: Mapped[int] = mapped_column(default=0)
    whole_house: Mapped[bool] = mapped_column(default=False)

    inspection: Mapped[Inspection] = relationship(back_populates="rooms")


class InspectionResult(Record, Base):
    """One item in one room. All texts are copied from the checklist, so that an old record never changes with it."""

    __tablename__ = "handover_inspection_result"
    __scope__ = ByProject()
    __signed__ = SignedPart(
        "handover.inspection",
        frozenset(
            {"inspection_id", "room_id", "item_code", "name", "standard", "verdict", "measured", "note"}
        ),
        lambda result: result.inspection_id,
        parts=True,
    )
    __table_args__: Any = (
        sa.ForeignKeyConstraint(
            ["project_id", "inspection_id"],
            ["handover_inspection.project_id", "handover_inspection.id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "room_id"],
            ["handover_inspection_room.project_id", "handover_inspection_room.id"],
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("inspection_id", "room_id", "item_code"),
        sa.Index("ix_handover_inspection_result_room", "room_id", "position"),
    )

    project_id: Mapped[int] = _project_column(index=True)
    inspection_id: Mapped[int] = mapped_column(big_id)
    room_id: Mapped[int] = mapped_column(big_id)
    position: Mapped[int] = mapped_column(default=0)
    item_code: Mapped[str] = mapped_column(sa.String(20))
    group_name: Mapped[str] = mapped_column(sa.String(60), default="")
    group_name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    name: Mapped[str] = mapped_column(sa.String(120))
    name_en: Mapped[str] = mapped_column(sa.String(160), default="")
    standard: Mapped[str] = mapped_column(sa.Text, default="")
    standard_en: Mapped[str] = mapped_column(sa.Text, default="")
    method: Mapped[str] = mapped_column(sa.Text, default="")
    method_en: Mapped[str] = mapped_column(sa.Text, default="")
    severity: Mapped[Severity] = mapped_column(sa.String(2))
    warranty_category: Mapped[str] = mapped_column(sa.String(4), default="")
    trade_code: Mapped[str] = mapped_column(sa.String(30), default="")
    defect_code: Mapped[str] = mapped_column(sa.String(10), default="")
    measures: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """The tolerances that apply to this house and room."""
    measured: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    """Measured values as exact text by the position of the measure: ``{"0": "4.5"}``."""
    verdict: Mapped[Verdict | None] = mapped_column(sa.String(4))
    note: Mapped[str] = mapped_column(sa.Text, default="")
    answered_at: Mapped[dt.datetime | None]
    answered_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))

    inspection: Mapped[Inspection] = relationship(
        back_populates="results",
        primaryjoin=lambda: foreign(InspectionResult.inspection_id) == Inspection.id,
    )
    room: Mapped[InspectionRoom] = relationship(
        primaryjoin=lambda: foreign(InspectionResult.room_id) == InspectionRoom.id, viewonly=True
    )


class Defect(Record, Base):
    """A fault that has to be put right 缺陷; it outlives the inspection in which it was found."""

    __tablename__ = "handover_defect"
    __scope__ = ByProject()
    __signed__ = SignedPart(
        "handover.inspection",
        frozenset({"number", "inspection_id", "result_id", "room_name", "description"}),
        lambda defect: defect.inspection_id,
        parts=True,
    )
    __table_args__: Any = (
        _unit_key(),
        sa.ForeignKeyConstraint(
            ["project_id", "building_id"], ["building.project_id", "building.id"], ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "inspection_id"],
            ["handover_inspection.project_id", "handover_inspection.id"],
            ondelete="RESTRICT",
        ),
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("inspection_id", "client_key"),
        sa.Index("ix_handover_defect_unit", "unit_id", "state"),
        sa.Index("ix_handover_defect_due", "project_id", "state", "promised_by"),
        sa.Index("ix_handover_defect_contractor", "contractor_id", "state"),
        sa.Index("ix_handover_defect_overdue", "state", "promised_by"),
        sa.Index("ix_handover_defect_promised", "project_id", "promised_by"),
    )

    project_id: Mapped[int] = _project_column()
    unit_id: Mapped[int] = mapped_column(big_id)
    building_id: Mapped[int] = mapped_column(big_id, index=True)
    """Copied from the unit, which never moves: lists are filtered by it."""
    inspection_id: Mapped[int | None] = mapped_column(big_id)
    result_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("handover_inspection_result.id", ondelete="SET NULL"), index=True
    )
    client_key: Mapped[str | None] = mapped_column(sa.String(60))
    """What the phone calls the defect; a second tap or a repeated request finds the same row."""
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``DF-{project}-{yyyymm}-{0001}``."""
    source: Mapped[DefectSource] = mapped_column(sa.String(12), default=DefectSource.INSPECTION)
    room_kind: Mapped[str] = mapped_column(sa.String(10), default="")
    room_name: Mapped[str] = mapped_column(sa.String(60), default="")
    room_name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    item_code: Mapped[str] = mapped_column(sa.String(20), default="", index=True)
    item_name: Mapped[str] = mapped_column(sa.String(120), default="")
    item_name_en: Mapped[str] = mapped_column(sa.String(160), default="")
    description: Mapped[str] = mapped_column(sa.Text, default="")
    severity: Mapped[Severity] = mapped_column(sa.String(2), index=True)
    severity_reason: Mapped[str] = mapped_column(sa.Text, default="")
    """Why it was lowered last."""
    warranty_category: Mapped[str] = mapped_column(sa.String(4), default="")
    trade_code: Mapped[str] = mapped_column(sa.String(30), default="")
    contractor_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("contractors_company.id", ondelete="RESTRICT")
    )
    state: Mapped[str] = mapped_column(sa.String(12), default="open", index=True)
    raised_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    raised_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    promised_by: Mapped[dt.datetime | None] = mapped_column(index=True)
    """When it has to be fixed, from the severity's limit; later by agreement."""
    first_promised_by: Mapped[dt.datetime | None]
    """The first promise; K07 counts against it, whatever was agreed later."""
    assigned_at: Mapped[dt.datetime | None]
    fixed_at: Mapped[dt.datetime | None]
    fixed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    fix_measure: Mapped[str] = mapped_column(sa.Text, default="")
    """What was done."""
    verified_at: Mapped[dt.datetime | None]
    verified_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    reopen_count: Mapped[int] = mapped_column(default=0)
    """How many re-inspections it failed."""
    root_cause: Mapped[str] = mapped_column(sa.String(20), default="")
    closing_reason: Mapped[str] = mapped_column(sa.Text, default="")
    """Why it is no problem, or why the owner does without the repair."""
    owner_agreed: Mapped[bool] = mapped_column(default=False)
    """The owner agreed that what he reported is no problem."""
    repair_reference: Mapped[str] = mapped_column(sa.String(60), default="")
    """Number of the repair order that it was transferred to."""

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(Defect.project_id) == Project.id, viewonly=True
    )
    unit: Mapped[Unit] = relationship(
        Unit, primaryjoin=lambda: foreign(Defect.unit_id) == Unit.id, viewonly=True
    )
    building: Mapped[Building] = relationship(
        Building, primaryjoin=lambda: foreign(Defect.building_id) == Building.id, viewonly=True
    )
    inspection: Mapped[Inspection | None] = relationship(
        primaryjoin=lambda: foreign(Defect.inspection_id) == Inspection.id, viewonly=True
    )
    contractor: Mapped[Company | None] = relationship(
        Company, primaryjoin=lambda: foreign(Defect.contractor_id) == Company.id, viewonly=True
    )
    fixed_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Defect.fixed_by_id) == User.id, viewonly=True
    )
    verified_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Defect.verified_by_id) == User.id, viewonly=True
    )
    raised_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Defect.raised_by_id) == User.id, viewonly=True
    )
    faults: Mapped[list[DefectFault]] = relationship(
        back_populates="defect",
        order_by="DefectFault.position",
        cascade="all, delete-orphan",
        lazy="selectin",
    )
    rechecks: Mapped[list[DefectRecheck]] = relationship(
        back_populates="defect", order_by="DefectRecheck.id", cascade="all, delete-orphan"
    )

    @property
    def codes(self) -> list[DefectCode]:
        """The kinds of fault, the main one first."""
        return [fault.code for fault in self.faults]


DEFECT_SEARCH = SearchIndex(
    "handover_defect",
    ("number", "description", "item_name"),
    short_columns=("description", "item_name"),
)
"""Numbers by three characters and more, what is wrong by two."""
DEFECT_SEARCH.attach(Defect.__table__)


class DefectFault(Identified, Base):
    """A kind of fault of a defect; every defect has at least one (domain reference 3.3.6 rule 3)."""

    __tablename__ = "handover_defect_fault"
    __scope__ = ByProject()
    __signed__ = SignedPart(
        "handover.inspection",
        frozenset({"defect_id", "code_id", "position"}),
        lambda fault: fault.defect.inspection_id if fault.defect is not None else None,
        parts=True,
    )
    __table_args__: Any = (
        sa.ForeignKeyConstraint(
            ["project_id", "defect_id"],
            ["handover_defect.project_id", "handover_defect.id"],
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("defect_id", "code_id"),
    )

    project_id: Mapped[int] = _project_column(index=True)
    defect_id: Mapped[int] = mapped_column(big_id)
    code_id: Mapped[int] = mapped_column(
        sa.ForeignKey("handover_defect_code.id", ondelete="RESTRICT"), index=True
    )
    position: Mapped[int] = mapped_column(default=0)

    defect: Mapped[Defect] = relationship(back_populates="faults")
    code: Mapped[DefectCode] = relationship(lazy="joined", innerjoin=True)


class DefectRecheck(Identified, Base):
    """One re-inspection of a defect 复验: round, verdict, by whom."""

    __tablename__ = "handover_defect_recheck"
    __scope__ = ByProject()
    __signed__ = SignedPart(
        "handover.inspection",
        frozenset({"defect_id", "inspection_id", "passed", "note"}),
        lambda recheck: recheck.inspection_id,
        parts=True,
    )
    __table_args__: Any = (
        sa.ForeignKeyConstraint(
            ["project_id", "defect_id"],
            ["handover_defect.project_id", "handover_defect.id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "inspection_id"],
            ["handover_inspection.project_id", "handover_inspection.id"],
            ondelete="RESTRICT",
        ),
        sa.UniqueConstraint("defect_id", "round_number"),
    )

    project_id: Mapped[int] = _project_column(index=True)
    defect_id: Mapped[int] = mapped_column(big_id)
    inspection_id: Mapped[int | None] = mapped_column(big_id, index=True)
    round_number: Mapped[int]
    passed: Mapped[bool]
    note: Mapped[str] = mapped_column(sa.Text, default="")
    checked_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    checked_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))

    defect: Mapped[Defect] = relationship(back_populates="rechecks")
    checked_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(DefectRecheck.checked_by_id) == User.id, viewonly=True
    )


class RectificationNotice(Record, Base):
    """The defects of one contractor, sent to him with a deadline 整改通知单."""

    __tablename__ = "handover_rectification_notice"
    __scope__ = ByProject()
    __table_args__: Any = (
        sa.ForeignKeyConstraint(
            ["project_id", "inspection_id"],
            ["handover_inspection.project_id", "handover_inspection.id"],
            ondelete="RESTRICT",
        ),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_handover_rectification_notice_work", "project_id", "state"),
    )

    project_id: Mapped[int] = _project_column()
    contractor_id: Mapped[int] = mapped_column(
        sa.ForeignKey("contractors_company.id", ondelete="RESTRICT"), index=True
    )
    inspection_id: Mapped[int | None] = mapped_column(big_id, index=True)
    """Set when all its defects come from one inspection."""
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``ZG-{project}-{yyyymm}-{0001}``."""
    state: Mapped[str] = mapped_column(sa.String(12), default="draft", index=True)
    deadline: Mapped[dt.datetime | None] = mapped_column(index=True)
    issue_due_at: Mapped[dt.datetime | None]
    """Until when it should be issued: the end of the oldest inspection plus the limit of rule 4."""
    issued_at: Mapped[dt.datetime | None]
    issued_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    receipt_due_at: Mapped[dt.datetime | None]
    received_at: Mapped[dt.datetime | None]
    receiver_name: Mapped[str] = mapped_column(sa.String(80), default="")
    replied_at: Mapped[dt.datetime | None]
    reply_text: Mapped[str] = mapped_column(sa.Text, default="")
    recheck_note: Mapped[str] = mapped_column(sa.Text, default="")
    penalty_note: Mapped[str] = mapped_column(sa.Text, default="")
    note: Mapped[str] = mapped_column(sa.Text, default="")
    """What is asked beyond the single defects."""

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(RectificationNotice.project_id) == Project.id, viewonly=True
    )
    contractor: Mapped[Company] = relationship(
        Company, primaryjoin=lambda: foreign(RectificationNotice.contractor_id) == Company.id, viewonly=True
    )
    inspection: Mapped[Inspection | None] = relationship(
        primaryjoin=lambda: foreign(RectificationNotice.inspection_id) == Inspection.id, viewonly=True
    )
    issued_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(RectificationNotice.issued_by_id) == User.id, viewonly=True
    )
    lines: Mapped[list[NoticeLine]] = relationship(
        back_populates="notice", order_by="NoticeLine.position", cascade="all, delete-orphan"
    )


NOTICE_SEARCH = SearchIndex("handover_rectification_notice", ("number",), short_columns=())
"""Numbers by three characters and more."""
NOTICE_SEARCH.attach(RectificationNotice.__table__)


class NoticeLine(Identified, Base):
    """A defect on a notice. A defect that failed its re-inspection may stand on a second notice."""

    __tablename__ = "handover_notice_line"
    __scope__ = ByProject()
    __table_args__: Any = (
        sa.ForeignKeyConstraint(
            ["project_id", "notice_id"],
            ["handover_rectification_notice.project_id", "handover_rectification_notice.id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "defect_id"],
            ["handover_defect.project_id", "handover_defect.id"],
            ondelete="RESTRICT",
        ),
        sa.UniqueConstraint("notice_id", "defect_id"),
        sa.Index("ix_handover_notice_line_defect", "defect_id"),
    )

    project_id: Mapped[int] = _project_column(index=True)
    notice_id: Mapped[int] = mapped_column(big_id)
    defect_id: Mapped[int] = mapped_column(big_id)
    position: Mapped[int] = mapped_column(default=0)
    requirement: Mapped[str] = mapped_column(sa.Text, default="")
    """What has to be done."""
    objection: Mapped[str] = mapped_column(sa.Text, default="")
    """Why the contractor refuses to put the defect right, in his words."""
    objected_at: Mapped[dt.datetime | None]
    objection_answer: Mapped[str] = mapped_column(sa.Text, default="")
    """What the developer answered."""
    objection_upheld: Mapped[bool | None]
    """Whether the developer agreed; None as long as he has not answered."""

    notice: Mapped[RectificationNotice] = relationship(back_populates="lines")
    defect: Mapped[Defect] = relationship(
        primaryjoin=lambda: foreign(NoticeLine.defect_id) == Defect.id, viewonly=True
    )


class FinishedInspectionError(RuntimeError):
    """A finished inspection was about to be changed."""


def _refuse_if_finished(_mapper: Any, _connection: Any, target: Any) -> None:
    inspection = target if isinstance(target, Inspection) else target.inspection
    if inspection is None:
        return
    history = sa.inspect(inspection).attrs.state.history
    before = history.deleted[0] if history.deleted else inspection.state
    if before == InspectionState.FINISHED:
        raise FinishedInspectionError(f"Inspection {inspection.number} is finished and cannot be changed.")


def _refuse_change_if_finished(mapper: Any, connection: Any, target: Any) -> None:
    # Called for every row of the session that was touched, also when nothing has changed in it.
    session = sa.orm.object_session(target)
    if session is not None and session.is_modified(target):
        _refuse_if_finished(mapper, connection, target)


for _model in (Inspection, InspectionRoom, InspectionResult):
    sa.event.listen(_model, "before_update", _refuse_change_if_finished)
    sa.event.listen(_model, "before_delete", _refuse_if_finished)
for _model in (InspectionRoom, InspectionResult):
    sa.event.listen(_model, "before_insert", _refuse_if_finished)
