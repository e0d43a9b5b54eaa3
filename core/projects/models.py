"""Project > phase > building > unit (domain reference 0.3)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.database.base import CoreBase, Record, big_id
from core.database.scope import ByProject, Unscoped
from core.database.types import Area
from core.people.models import Department


class Decoration(StrEnum):
    """Delivery standard 交付标准."""

    ROUGH = "rough"
    FITTED = "fitted"


class Project(Record, CoreBase):
    """A development of one city company 项目."""

    __tablename__ = "project"
    __scope__ = ByProject("id")

    department_id: Mapped[int] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )
    """The city company that the project belongs to."""
    code: Mapped[str] = mapped_column(sa.String(12), unique=True)
    name: Mapped[str] = mapped_column(sa.String(80), index=True)
    name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    developer_name: Mapped[str] = mapped_column(sa.String(120), default="")
    address: Mapped[str] = mapped_column(default="")
    sales_opening_on: Mapped[dt.date | None]
    archived_at: Mapped[dt.datetime | None]

    department: Mapped[Department] = relationship(foreign_keys=[department_id])
    groups: Mapped[list[Department]] = relationship(secondary="project_group")
    phases: Mapped[list[Phase]] = relationship(back_populates="project", order_by="Phase.code")


class ProjectGroup(CoreBase):
    """A group of the city company that works on a project and therefore sees its rows."""

    __tablename__ = "project_group"
    __scope__ = Unscoped("assignments are what scopes are computed from")

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="CASCADE"), primary_key=True)
    department_id: Mapped[int] = mapped_column(
        sa.ForeignKey("department.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Phase(Record, CoreBase):
    """A phase of a project 分期."""

    __tablename__ = "phase"
    __scope__ = ByProject()
    __table_args__: Any = (sa.UniqueConstraint("project_id", "code"), sa.UniqueConstraint("project_id", "id"))

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"))
    code: Mapped[str] = mapped_column(sa.String(12))
    name: Mapped[str] = mapped_column(sa.String(80))

    project: Mapped[Project] = relationship(back_populates="phases")
    buildings: Mapped[list[Building]] = relationship(
        back_populates="phase", order_by="Building.code", viewonly=True
    )


class Building(Record, CoreBase):
    """A building 楼栋; ``code`` is the first part of a unit code, "3" in 3-2-1502."""

    __tablename__ = "building"
    __scope__ = ByProject()
    __table_args__: Any = (
        sa.UniqueConstraint("project_id", "code"),
        sa.UniqueConstraint("project_id", "id"),
        sa.ForeignKeyConstraint(
            ["project_id", "phase_id"], ["phase.project_id", "phase.id"], ondelete="RESTRICT"
        ),
    )

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"))
    phase_id: Mapped[int] = mapped_column(big_id, index=True)
    code: Mapped[str] = mapped_column(sa.String(12))
    name: Mapped[str] = mapped_column(sa.String(80), default="")
    total_floors: Mapped[int | None]
    """Storeys above ground; the railing height rule depends on it."""
    completion_accepted_on: Mapped[dt.date | None]
    """竣工验收合格日: the contractor's warranty starts here."""

    project: Mapped[Project] = relationship(foreign_keys=[project_id])
    phase: Mapped[Phase] = relationship(
        back_populates="buildings",
        primaryjoin="Building.phase_id == Phase.id",
        foreign_keys="Building.phase_id",
    )
    units: Mapped[list[Unit]] = relationship(
        back_populates="building", primaryjoin="Building.id == foreign(Unit.building_id)", viewonly=True
    )


class Unit(Record, CoreBase):
    """A house 房屋/套, for example 3-2-1502: building 3, entrance 2, room number 1502."""

    __tablename__ = "unit"
    __scope__ = ByProject()
    __table_args__: Any = (
        sa.UniqueConstraint("project_id", "code"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_unit_building", "building_id", "floor"),
        sa.ForeignKeyConstraint(
            ["project_id", "building_id"], ["building.project_id", "building.id"], ondelete="RESTRICT"
        ),
    )

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"))
    building_id: Mapped[int] = mapped_column(big_id)
    entrance: Mapped[str] = mapped_column(sa.String(12), default="")
    """单元 number; empty in a building with a single entrance."""
    floor: Mapped[int | None]
    number: Mapped[str] = mapped_column(sa.String(12), index=True)
    """房号 within the entrance, for example 1502."""
    code: Mapped[str] = mapped_column(sa.String(30), index=True)
    """Building-entrance-number, computed by :func:`core.projects.services.unit_code`."""
    layout: Mapped[str] = mapped_column(sa.String(40), default="")
    orientation: Mapped[str] = mapped_column(sa.String(20), default="")
    decoration: Mapped[Decoration] = mapped_column(sa.String(10), default=Decoration.FITTED)
    gross_area_contract: Mapped[Decimal | None] = mapped_column(Area())
    gross_area_measured: Mapped[Decimal | None] = mapped_column(Area())
    net_area: Mapped[Decimal | None] = mapped_column(Area())
    price: Mapped[Decimal | None]
    contract_delivery_on: Mapped[dt.date | None]
    """T, the delivery date of the contract."""
    completion_accepted_on: Mapped[dt.date | None]
    """Overrides the building's date when the unit was accepted on another day."""
    delivered_on: Mapped[dt.date | None]
    """交付日: the owner's warranty starts here."""
    occupied_on: Mapped[dt.date | None]
    """入住日, when it is known."""

    project: Mapped[Project] = relationship(foreign_keys=[project_id])
    building: Mapped[Building] = relationship(
        back_populates="units", primaryjoin="foreign(Unit.building_id) == Building.id"
    )
