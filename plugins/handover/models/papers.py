"""What the papers of a handover rest on: facts of the two books, texts of the user manual, forms that are signed on
glass, and the daily reports."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import Building, ByProject, Project, Record, SignedPart, User, big_id, parent_key
from plugins.handover.models.base import Base
from plugins.handover.models.batches import HandoverBatch, HandoverUnit
from plugins.handover.models.catalogue import TemplateState
from plugins.handover.models.defects import Defect

OWNER, DEVELOPER, PROPERTY = "owner", "developer", "property"
"""As what a form of a house is signed."""


class BookFacts(Record, Base):
    """What the two books say of a building, or of all buildings of a project that have no facts of their own."""

    __tablename__ = "handover_book_facts"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("building", "building_id"),
        sa.UniqueConstraint("project_id", "building_id"),
        sa.Index(
            "uq_handover_book_facts_project",
            "project_id",
            unique=True,
            sqlite_where=sa.column("building_id").is_(None),
            postgresql_where=sa.column("building_id").is_(None),
        ),
    )

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"))
    building_id: Mapped[int | None] = mapped_column(big_id, index=True)
    """None for the whole project."""
    structure_type: Mapped[str] = mapped_column(sa.String(80), default="")
    design_life_years: Mapped[int] = mapped_column(default=50)
    """设计使用年限, for which foundation and structure are guaranteed."""
    quality_grade: Mapped[str] = mapped_column(sa.String(60), default="")
    quality_authority: Mapped[str] = mapped_column(sa.String(120), default="")
    """Who verified the quality 质量核验单位."""
    filing_number: Mapped[str] = mapped_column(sa.String(80), default="")
    """Number of the completion filing 竣工验收备案."""
    designer: Mapped[str] = mapped_column(sa.String(120), default="")
    builder: Mapped[str] = mapped_column(sa.String(120), default="")
    supervisor: Mapped[str] = mapped_column(sa.String(120), default="")
    repair_unit: Mapped[str] = mapped_column(sa.String(120), default="")
    """Who is responsible for repairs under the guarantee."""
    repair_phone: Mapped[str] = mapped_column(sa.String(40), default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(BookFacts.project_id) == Project.id, viewonly=True
    )
    building: Mapped[Building | None] = relationship(
        Building, primaryjoin=lambda: foreign(BookFacts.building_id) == Building.id, viewonly=True
    )


class UserManual(Record, Base):
    """One edition of the texts of the user manual 住宅使用说明书, for a house type of a project or for all of them."""

    __tablename__ = "handover_user_manual"
    __scope__ = ByProject()
    __table_args__: Any = (sa.UniqueConstraint("project_id", "layout", "language", "version"),)

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"))
    layout: Mapped[str] = mapped_column(sa.String(40), default="")
    """The house type that it is for, as it stands with the houses; "" for all others."""
    language: Mapped[str] = mapped_column(sa.String(12), default="zh_Hans_CN")
    version: Mapped[int] = mapped_column(default=1)
    state: Mapped[TemplateState] = mapped_column(sa.String(12), default=TemplateState.DRAFT)
    published_at: Mapped[dt.datetime | None]
    companies: Mapped[str] = mapped_column(sa.Text, default="")
    structure: Mapped[str] = mapped_column(sa.Text, default="")
    decoration: Mapped[str] = mapped_column(sa.Text, default="")
    supplies: Mapped[str] = mapped_column(sa.Text, default="")
    reserved: Mapped[str] = mapped_column(sa.Text, default="")
    openings: Mapped[str] = mapped_column(sa.Text, default="")
    electric_load: Mapped[str] = mapped_column(sa.Text, default="")
    load_bearing: Mapped[str] = mapped_column(sa.Text, default="")
    others: Mapped[str] = mapped_column(sa.Text, default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(UserManual.project_id) == Project.id, viewonly=True
    )

    @property
    def title(self) -> str:
        """House type and edition."""
        return " ".join(filter(None, (self.layout, f"v{self.version}")))


class FormKind(StrEnum):
    """What is signed on glass on the handover day, besides the inspection."""

    DEED = "deed"
    KEY_RECEIPT = "key_receipt"
    WAIVER = "waiver"
    """业主同意不修: the owner does without a repair."""
    REFUSAL = "refusal"
    """拒收声明: the owner refuses the house, and why."""


class HouseForm(Record, Base):
    """A paper of a house whose content stands still, so that it can be signed on glass.

    Names of persons are no part of the content: they stand with the signatures, which are encrypted.
    """

    __tablename__ = "handover_house_form"
    __scope__ = ByProject()
    __signed__ = SignedPart(
        "handover.form", frozenset({"number", "kind", "handover_unit_id", "defect_id", "content"})
    )
    __table_args__: Any = (
        parent_key("handover_unit", "handover_unit_id"),
        parent_key("handover_defect", "defect_id"),
        sa.Index("ix_handover_house_form_place", "handover_unit_id", "kind"),
        sa.Index("ix_handover_house_form_defect", "defect_id"),
    )

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"), index=True)
    handover_unit_id: Mapped[int] = mapped_column(big_id)
    defect_id: Mapped[int | None] = mapped_column(big_id)
    """The defect of a waiver."""
    kind: Mapped[FormKind] = mapped_column(sa.String(12))
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``QS-{project}-{yyyymm}-{0001}``."""
    content: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    """Plain data, see :mod:`plugins.handover.services.house_forms`."""
    prepared_at: Mapped[dt.datetime]
    prepared_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    cancelled_at: Mapped[dt.datetime | None]
    cancel_reason: Mapped[str] = mapped_column(sa.Text, default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(HouseForm.project_id) == Project.id, viewonly=True
    )
    handover_unit: Mapped[HandoverUnit] = relationship(
        primaryjoin=lambda: foreign(HouseForm.handover_unit_id) == HandoverUnit.id, viewonly=True
    )
    defect: Mapped[Defect | None] = relationship(
        primaryjoin=lambda: foreign(HouseForm.defect_id) == Defect.id, viewonly=True
    )
    prepared_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(HouseForm.prepared_by_id) == User.id, viewonly=True
    )


class DailyReport(Record, Base):
    """The report of a day of handing a batch over 交付日报; its figures stand still from the moment of preparing."""

    __tablename__ = "handover_daily_report"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("handover_batch", "batch_id"),
        sa.UniqueConstraint("batch_id", "day"),
        sa.Index("ix_handover_daily_report_project", "project_id", "day"),
    )

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"))
    batch_id: Mapped[int] = mapped_column(big_id)
    day: Mapped[dt.date] = mapped_column(index=True)
    prepared_at: Mapped[dt.datetime]
    figures: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    """Plain data, see :mod:`plugins.handover.services.daily_reports`."""
    note: Mapped[str] = mapped_column(sa.Text, default="")
    """What the manager adds: incidents, measures for the next day."""

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(DailyReport.project_id) == Project.id, viewonly=True
    )
    batch: Mapped[HandoverBatch] = relationship(
        primaryjoin=lambda: foreign(DailyReport.batch_id) == HandoverBatch.id, viewonly=True
    )
