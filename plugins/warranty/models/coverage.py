"""Both clocks of houses, and what decides them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    Building,
    ByDepartment,
    ByProject,
    Department,
    Project,
    Record,
    Unit,
    big_id,
    parent_key,
    project_column,
)
from plugins.warranty.coverage import CategoryCode, System
from plugins.warranty.models.base import Base, user_column


class HouseStart(Record, Base):
    """What else decides when the clocks of a house start: a delivery that legal deems to have happened 视为交付."""

    __tablename__ = "warranty_house_start"
    __scope__ = ByProject()
    __table_args__: Any = (parent_key("unit", "unit_id"), sa.UniqueConstraint("unit_id"))

    project_id: Mapped[int] = project_column(index=True)
    unit_id: Mapped[int] = mapped_column(big_id)
    deemed_on: Mapped[dt.date]
    reason: Mapped[str] = mapped_column(sa.Text, default="")
    """Why legal deems the house delivered: notice, dates, proof of service."""
    decided_by_id: Mapped[int | None] = user_column()


class TakeOver(Record, Base):
    """The day on which property management took over the common parts of a building 承接查验."""

    __tablename__ = "warranty_take_over"
    __scope__ = ByProject()
    __table_args__: Any = (parent_key("building", "building_id"), sa.UniqueConstraint("building_id"))

    project_id: Mapped[int] = project_column(index=True)
    building_id: Mapped[int] = mapped_column(big_id)
    taken_over_on: Mapped[dt.date]

    building: Mapped[Building] = relationship(
        Building, primaryjoin=lambda: foreign(TakeOver.building_id) == Building.id, viewonly=True
    )


class Promise(Record, Base):
    """A term that a project promises in its contracts or guarantee, instead of the department's usual one."""

    __tablename__ = "warranty_promise"
    __scope__ = ByProject()
    __table_args__: Any = (
        sa.UniqueConstraint("project_id", "category_code"),
        sa.UniqueConstraint("project_id", "id"),
    )

    project_id: Mapped[int] = project_column()
    category_code: Mapped[CategoryCode] = mapped_column(sa.String(4))
    amount: Mapped[int]
    """Months, seasons, or years of design life, as the category counts."""
    contractor_amount: Mapped[int | None]
    """The contractor's term by his contract; the usual one when empty."""
    basis: Mapped[str] = mapped_column(default="")
    """Where it is promised, for example a clause of the contract."""

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(Promise.project_id) == Project.id, viewonly=True
    )


class CitySeason(Record, Base):
    """A heating or cooling season, valid in a department and those below it."""

    __tablename__ = "warranty_city_season"
    __scope__ = ByDepartment()
    __table_args__: Any = (sa.UniqueConstraint("department_id", "system"),)

    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="RESTRICT"))
    system: Mapped[System] = mapped_column(sa.String(10))
    start_month: Mapped[int]
    start_day: Mapped[int]
    end_month: Mapped[int]
    end_day: Mapped[int]
    note: Mapped[str] = mapped_column(default="")

    department: Mapped[Department] = relationship(
        Department, primaryjoin=lambda: foreign(CitySeason.department_id) == Department.id, viewonly=True
    )


class HouseWarranty(Record, Base):
    """One category of one house with both clocks 户保修. A register that is computed again from its stored inputs:
    :func:`plugins.warranty.services.refresh_lines`."""

    __tablename__ = "warranty_house_warranty"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("unit", "unit_id"),
        sa.UniqueConstraint("unit_id", "category_code", "system"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_warranty_house_warranty_project_end", "project_id", "owner_end"),
        sa.Index("ix_warranty_house_warranty_end", "owner_end"),
    )

    project_id: Mapped[int] = project_column()
    unit_id: Mapped[int] = mapped_column(big_id)
    category_code: Mapped[CategoryCode] = mapped_column(sa.String(4))
    system: Mapped[str] = mapped_column(sa.String(10), default="")
    """``heating`` or ``cooling`` for W05, else empty."""
    owner_start: Mapped[dt.date]
    owner_end: Mapped[dt.date]
    contractor_start: Mapped[dt.date | None]
    contractor_end: Mapped[dt.date | None]
    amount: Mapped[int]
    """The owner's term in the unit of the category, as it was when the line was computed."""
    contractor_amount: Mapped[int]
    basis: Mapped[str] = mapped_column(sa.Text, default="")
    """Start, term and article in a sentence, in Chinese, as it stands in the guarantee."""

    unit: Mapped[Unit] = relationship(
        Unit, primaryjoin=lambda: foreign(HouseWarranty.unit_id) == Unit.id, viewonly=True
    )
    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(HouseWarranty.project_id) == Project.id, viewonly=True
    )


class ExpiryNotice(Record, Base):
    """That the owners of a house have to hear before a warranty ends 保修到期告知, one for each last day."""

    __tablename__ = "warranty_expiry_notice"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("unit", "unit_id"),
        sa.UniqueConstraint("unit_id", "ends_on"),
        sa.Index("ix_warranty_expiry_notice_project", "project_id", "ends_on"),
        sa.Index("ix_warranty_expiry_notice_end", "ends_on"),
        sa.Index("ix_warranty_expiry_notice_told", "project_id", "told_at"),
    )

    project_id: Mapped[int] = project_column()
    unit_id: Mapped[int] = mapped_column(big_id)
    ends_on: Mapped[dt.date]
    """The last day of cover."""
    categories: Mapped[str] = mapped_column(sa.String(120))
    """What ends, ``W06 W07``, as it was when the notice was made."""
    told_at: Mapped[dt.datetime | None]
    told_how: Mapped[str] = mapped_column(sa.String(80), default="")

    unit: Mapped[Unit] = relationship(
        Unit, primaryjoin=lambda: foreign(ExpiryNotice.unit_id) == Unit.id, viewonly=True
    )
    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(ExpiryNotice.project_id) == Project.id, viewonly=True
    )
