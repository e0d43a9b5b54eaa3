"""Checklists with their versions, rooms and items, kinds of fault, and severities."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    ByDepartment,
    Department,
    Identified,
    Record,
    Unscoped,
    big_id,
    in_language,
)
from plugins.handover.models.base import Base


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


class TemplateState(StrEnum):
    """Whether a version of a checklist is used."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


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
        """Name in the reader's language and version, as people call it."""
        return f"{in_language(self.name, self.name_en)} v{self.version}"


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
