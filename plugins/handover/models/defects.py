"""Defects with their kinds of fault and re-inspections."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    Building,
    ByProject,
    Identified,
    Project,
    Record,
    SearchIndex,
    SignedPart,
    Unit,
    User,
    WordedText,
    Wording,
    big_id,
    parent_key,
    project_column,
    utc_now,
)
from plugins.contractors.models import Company
from plugins.handover.models.base import Base, unit_key
from plugins.handover.models.catalogue import DefectCode, Severity
from plugins.handover.models.inspections import Inspection


class DefectSource(StrEnum):
    """How a defect became known."""

    INSPECTION = "inspection"
    OWNER = "owner"
    STAFF = "staff"


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
        unit_key(),
        parent_key("building", "building_id"),
        parent_key("handover_inspection", "inspection_id"),
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("inspection_id", "client_key"),
        sa.Index("ix_handover_defect_number", "project_id", "number"),
        sa.Index("ix_handover_defect_unit", "unit_id", "state"),
        sa.Index("ix_handover_defect_due", "project_id", "state", "promised_by"),
        sa.Index("ix_handover_defect_contractor", "contractor_id", "state"),
        sa.Index("ix_handover_defect_newest_of_contractor", "contractor_id", "id", "project_id"),
        sa.Index("ix_handover_defect_overdue", "state", "promised_by"),
        sa.Index("ix_handover_defect_promised", "project_id", "promised_by"),
    )

    project_id: Mapped[int] = project_column()
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
    cost: Mapped[Decimal | None]
    """What the repair cost in yuan, whoever bears it; None as long as nobody knows."""
    closing_reason: Mapped[str | Wording] = mapped_column(WordedText(), default="")
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
        parent_key("handover_defect", "defect_id", "CASCADE"),
        sa.UniqueConstraint("defect_id", "code_id"),
    )

    project_id: Mapped[int] = project_column(index=True)
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
        parent_key("handover_defect", "defect_id", "CASCADE"),
        parent_key("handover_inspection", "inspection_id"),
        sa.UniqueConstraint("defect_id", "round_number"),
    )

    project_id: Mapped[int] = project_column(index=True)
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
