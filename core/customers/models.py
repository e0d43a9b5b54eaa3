"""Customers and their relation to projects and units."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.database.base import CoreBase, Identified, Record, big_id
from core.database.scope import ByCustomer, ByProject, LinksCustomer
from core.database.search_index import SearchIndex
from core.database.types import EncryptedText, utc_now
from core.projects.models import Project, Unit


class CustomerKind(StrEnum):
    """Whether the customer is a natural person or a company."""

    PERSON = "person"
    COMPANY = "company"


class IdentityType(StrEnum):
    """The paper an identity number is taken from."""

    ID_CARD = "id_card"
    PASSPORT = "passport"
    HONG_KONG_MACAO_PERMIT = "hk_macao_permit"
    TAIWAN_PERMIT = "taiwan_permit"
    OTHER = "other"


class UnitRole(StrEnum):
    """What a customer is to a unit."""

    BUYER = "buyer"
    JOINT_OWNER = "joint_owner"
    FAMILY = "family"
    TENANT = "tenant"
    ATTORNEY = "attorney"


class Customer(Record, CoreBase):
    """A person or company that the developer looks after."""

    __tablename__ = "customer"
    __scope__ = ByCustomer("id")
    __personal__ = frozenset({"name", "phone", "email", "identity_number", "address", "born_on"})
    __audit_hidden__ = frozenset(
        {"identity_index"}
    )  # equal indexes would still tell equal people after erasure
    __table_args__: Any = (sa.Index("ix_customer_created_at", "created_at"),)

    kind: Mapped[CustomerKind] = mapped_column(sa.String(10), default=CustomerKind.PERSON)
    name: Mapped[str] = mapped_column(sa.String(120), index=True)
    phone: Mapped[str | None] = mapped_column(sa.String(30), index=True)
    """Main number: eleven digits for mainland mobiles, else E.164."""
    email: Mapped[str | None] = mapped_column(sa.String(254))
    identity_type: Mapped[IdentityType | None] = mapped_column(sa.String(20))
    identity_number: Mapped[str | None] = mapped_column(EncryptedText())
    identity_index: Mapped[str | None] = mapped_column(sa.String(64), index=True)
    """Blind index of the identity number, for equality; kept by :mod:`core.customers.services`."""
    credit_code: Mapped[str | None] = mapped_column(sa.String(18), index=True)
    """统一社会信用代码 of a company."""
    born_on: Mapped[dt.date | None]
    address: Mapped[str] = mapped_column(default="")
    language: Mapped[str] = mapped_column(sa.String(20), default="zh_Hans_CN")
    source: Mapped[str] = mapped_column(sa.String(40), default="")
    life_cycle: Mapped[str] = mapped_column(sa.String(20), default="prospect", index=True)
    """Cache of :func:`core.customers.services.compute_life_cycle`; never set by hand."""
    note: Mapped[str] = mapped_column(sa.Text, default="")
    merged_into_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="SET NULL"), index=True
    )
    archived_at: Mapped[dt.datetime | None]
    erased_at: Mapped[dt.datetime | None]

    contacts: Mapped[list[CustomerContact]] = relationship(
        back_populates="customer", cascade="all, delete-orphan"
    )
    consents: Mapped[list[Consent]] = relationship(back_populates="customer", cascade="all, delete-orphan")
    preference: Mapped[CustomerPreference | None] = relationship(
        back_populates="customer", cascade="all, delete-orphan", uselist=False
    )
    project_links: Mapped[list[CustomerProject]] = relationship(
        back_populates="customer", cascade="all, delete-orphan"
    )
    units: Mapped[list[CustomerUnit]] = relationship(back_populates="customer", cascade="all, delete-orphan")


CUSTOMER_SEARCH = SearchIndex("customer", ("name", "phone"), short_columns=("name",))
"""Names by two characters and more, telephone numbers by three and more."""
CUSTOMER_SEARCH.attach(Customer.__table__)  # type: ignore[arg-type]


class CustomerProject(CoreBase):
    """A customer's link to a project: it decides who may see the customer."""

    __tablename__ = "customer_project"
    __scope__ = LinksCustomer()
    __table_args__: Any = (sa.Index("ix_customer_project_project_customer", "project_id", "customer_id"),)

    customer_id: Mapped[int] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True
    )
    project_id: Mapped[int] = mapped_column(
        sa.ForeignKey("project.id", ondelete="RESTRICT"), primary_key=True
    )
    source: Mapped[str] = mapped_column(sa.String(40), default="")
    since: Mapped[dt.datetime] = mapped_column(default=utc_now)

    customer: Mapped[Customer] = relationship(back_populates="project_links")
    project: Mapped[Project] = relationship()


class CustomerUnit(Record, CoreBase):
    """A customer's part in a unit: role, share and the dates between which it holds."""

    __tablename__ = "customer_unit"
    __scope__ = ByProject()
    __table_args__: Any = (
        sa.ForeignKeyConstraint(
            ["project_id", "unit_id"], ["unit.project_id", "unit.id"], ondelete="RESTRICT"
        ),
        sa.Index("ix_customer_unit_unit", "unit_id", "customer_id"),
    )

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"), index=True)
    unit_id: Mapped[int] = mapped_column(big_id)
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id", ondelete="RESTRICT"), index=True)
    role: Mapped[UnitRole] = mapped_column(sa.String(20), default=UnitRole.BUYER)
    share_percent: Mapped[Decimal | None] = mapped_column(sa.Numeric(5, 2, asdecimal=True))
    subscribed_on: Mapped[dt.date | None]
    signed_on: Mapped[dt.date | None]
    contract_number: Mapped[str] = mapped_column(sa.String(60), default="")
    cancelled_on: Mapped[dt.date | None]
    """退房/退订 date: the purchase was cancelled."""
    from_date: Mapped[dt.date | None]
    to_date: Mapped[dt.date | None]
    """The last day of the relation, for example a resale."""

    customer: Mapped[Customer] = relationship(back_populates="units")
    unit: Mapped[Unit] = relationship(primaryjoin="foreign(CustomerUnit.unit_id) == Unit.id")


class CustomerContact(Record, CoreBase):
    """A further way to reach a customer: another telephone, an e-mail, WeChat, a postal address."""

    __tablename__ = "customer_contact"
    __scope__ = ByCustomer()
    __personal__ = frozenset({"value", "person_name"})

    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(20))
    """``phone``, ``email``, ``wechat`` or ``address``."""
    value: Mapped[str]
    label: Mapped[str] = mapped_column(sa.String(40), default="")
    person_name: Mapped[str] = mapped_column(sa.String(80), default="")
    preferred: Mapped[bool] = mapped_column(default=False)

    customer: Mapped[Customer] = relationship(back_populates="contacts")


class Consent(Record, CoreBase):
    """Consent to one purpose of processing (PIPL 13–17); withdrawing it keeps the row."""

    __tablename__ = "consent"
    __scope__ = ByCustomer()

    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(sa.String(40))
    given_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    withdrawn_at: Mapped[dt.datetime | None]
    channel: Mapped[str] = mapped_column(sa.String(40), default="")
    notice_version: Mapped[str] = mapped_column(sa.String(40), default="")

    customer: Mapped[Customer] = relationship(back_populates="consents")


class CustomerPreference(Identified, CoreBase):
    """How a customer wishes to be contacted."""

    __tablename__ = "customer_preference"
    __scope__ = ByCustomer()

    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"), unique=True)
    channel: Mapped[str] = mapped_column(sa.String(20), default="phone")
    best_time: Mapped[str] = mapped_column(sa.String(80), default="")
    do_not_call: Mapped[bool] = mapped_column(default=False)
    opted_out: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """Purposes of messages that the customer does not want."""

    customer: Mapped[Customer] = relationship(back_populates="preference")
