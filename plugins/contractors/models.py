"""What the contractors module stores: companies with trades and contacts, and who answers for what in which building.

A company belongs to a city company. Rows of a company carry its ``department_id`` and rows of a building its
``project_id``; the foreign keys hold both, so the database itself refuses a child elsewhere than its parent.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
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
    Unscoped,
    big_id,
    in_language,
    plugin_base,
)

Base: Any = plugin_base("contractors")

MAIN_TRADE = "main_contractor"
"""Code of the trade whose contractor answers where no other is named 总承包."""


class CompanyKind(StrEnum):
    """What a company is on the site."""

    GENERAL = "general"
    """总承包单位"""
    SPECIALIST = "specialist"
    """专业分包单位"""
    SUPPLIER = "supplier"
    """供货单位"""


class ContactRole(StrEnum):
    """What a person of a company is responsible for."""

    PROJECT_MANAGER = "project_manager"
    WARRANTY_SUPERVISOR = "warranty_supervisor"
    SITE_ENGINEER = "site_engineer"
    OFFICE = "office"
    OTHER = "other"


class Trade(Record, Base):
    """A trade 工种/专业, for example waterproofing; the codes are what checklists and categories refer to."""

    __tablename__ = "contractors_trade"
    __scope__ = Unscoped(
        "the trades are one catalogue for the installation, because checklists refer to their codes"
    )

    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    name: Mapped[str] = mapped_column(sa.String(60))
    name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    position: Mapped[int] = mapped_column(default=100, index=True)
    """Place in lists, small first."""
    active: Mapped[bool] = mapped_column(default=True)
    """Whether it stands in the matrix; one that is retired stays on what refers to it."""

    @property
    def label(self) -> str:
        """The name in the reader's language."""
        return in_language(self.name, self.name_en)


class Company(Record, Base):
    """A contractor or supplier of a city company 承建单位."""

    __tablename__ = "contractors_company"
    __scope__ = ByDepartment()
    __table_args__: Any = (
        sa.UniqueConstraint("department_id", "id"),
        sa.UniqueConstraint("department_id", "name"),
        sa.UniqueConstraint("department_id", "credit_code"),
    )

    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="RESTRICT"))
    """The city company that works with it."""
    name: Mapped[str] = mapped_column(sa.String(120), index=True)
    """Registered name, as on the contract."""
    short_name: Mapped[str] = mapped_column(sa.String(30), default="")
    credit_code: Mapped[str | None] = mapped_column(sa.String(18))
    """统一社会信用代码 (GB 32100)."""
    kind: Mapped[CompanyKind] = mapped_column(sa.String(12), default=CompanyKind.SPECIALIST)
    address: Mapped[str] = mapped_column(default="")
    warranty_phone: Mapped[str] = mapped_column(sa.String(30), default="")
    """The number that answers day and night during the warranty; public, printed as it was typed."""
    note: Mapped[str] = mapped_column(sa.Text, default="")
    archived_at: Mapped[dt.datetime | None]

    department: Mapped[Department] = relationship(
        Department, primaryjoin=lambda: foreign(Company.department_id) == Department.id, viewonly=True
    )
    trade_links: Mapped[list[CompanyTrade]] = relationship(
        back_populates="company", cascade="all, delete-orphan"
    )
    contacts: Mapped[list[Contact]] = relationship(
        back_populates="company", cascade="all, delete-orphan", order_by="Contact.id"
    )
    responsibilities: Mapped[list[ResponsibleContractor]] = relationship(
        back_populates="company", viewonly=True
    )

    @property
    def label(self) -> str:
        """The short name where there is one."""
        return self.short_name or self.name

    @property
    def trades(self) -> list[Trade]:
        """What the company does, in the order of the catalogue."""
        return sorted((link.trade for link in self.trade_links), key=lambda trade: (trade.position, trade.id))


class CompanyTrade(Base):
    """A trade that a company does."""

    __tablename__ = "contractors_company_trade"
    __scope__ = ByDepartment()
    __table_args__: Any = (
        sa.ForeignKeyConstraint(
            ["department_id", "company_id"],
            ["contractors_company.department_id", "contractors_company.id"],
            ondelete="CASCADE",
        ),
    )

    company_id: Mapped[int] = mapped_column(big_id, primary_key=True)
    trade_id: Mapped[int] = mapped_column(
        sa.ForeignKey("contractors_trade.id", ondelete="RESTRICT"), primary_key=True, index=True
    )
    department_id: Mapped[int] = mapped_column(big_id)

    company: Mapped[Company] = relationship(back_populates="trade_links")
    trade: Mapped[Trade] = relationship()


class Contact(Record, Base):
    """A person of a company, for all its projects or for one."""

    __tablename__ = "contractors_contact"
    __scope__ = ByDepartment()
    __personal__ = frozenset({"name", "phone", "email"})
    __table_args__: Any = (
        sa.ForeignKeyConstraint(
            ["department_id", "company_id"],
            ["contractors_company.department_id", "contractors_company.id"],
            ondelete="CASCADE",
        ),
    )

    department_id: Mapped[int] = mapped_column(big_id)
    company_id: Mapped[int] = mapped_column(big_id, index=True)
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="SET NULL"), index=True
    )
    """The project that the person is in charge of; empty for all."""
    name: Mapped[str] = mapped_column(sa.String(60))
    role: Mapped[ContactRole] = mapped_column(sa.String(20), default=ContactRole.OTHER)
    phone: Mapped[str | None] = mapped_column(sa.String(30))
    email: Mapped[str | None] = mapped_column(sa.String(254))
    note: Mapped[str] = mapped_column(sa.Text, default="")

    company: Mapped[Company] = relationship(back_populates="contacts")
    project: Mapped[Project | None] = relationship(
        Project, primaryjoin=lambda: foreign(Contact.project_id) == Project.id, viewonly=True
    )


class ResponsibleContractor(Record, Base):
    """A cell of the matrix: the company that answers for one trade in one building 责任单位."""

    __tablename__ = "contractors_responsible"
    __scope__ = ByProject()
    __table_args__: Any = (
        sa.UniqueConstraint("building_id", "trade_id"),
        sa.ForeignKeyConstraint(
            ["project_id", "building_id"], ["building.project_id", "building.id"], ondelete="CASCADE"
        ),
    )

    project_id: Mapped[int] = mapped_column(big_id, index=True)
    building_id: Mapped[int] = mapped_column(big_id)
    trade_id: Mapped[int] = mapped_column(
        sa.ForeignKey("contractors_trade.id", ondelete="RESTRICT"), index=True
    )
    company_id: Mapped[int] = mapped_column(
        sa.ForeignKey("contractors_company.id", ondelete="RESTRICT"), index=True
    )
    valid_from: Mapped[dt.date | None]
    """First day on which the company answers; empty for always. Until then the main contractor does."""
    contract_number: Mapped[str] = mapped_column(sa.String(60), default="")
    retention_note: Mapped[str] = mapped_column(default="")
    """What the contract says of the warranty retention 质保金."""

    building: Mapped[Building] = relationship(
        Building, primaryjoin=lambda: foreign(ResponsibleContractor.building_id) == Building.id, viewonly=True
    )
    trade: Mapped[Trade] = relationship()
    company: Mapped[Company] = relationship(back_populates="responsibilities")
