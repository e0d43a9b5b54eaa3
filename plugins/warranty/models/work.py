"""What is done for an order: visits, plans, new dates, acceptances, call-backs, costs, and who was told of it."""

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
    SignedPart,
    User,
    WordedText,
    Wording,
    big_id,
    parent_key,
    project_column,
    utc_now,
)
from plugins.warranty.coverage import Bearer
from plugins.warranty.models.base import Base, user_column
from plugins.warranty.models.orders import Order


class VisitPurpose(StrEnum):
    """Why somebody comes."""

    SURVEY = "survey"
    REPAIR = "repair"
    ACCEPTANCE = "acceptance"


class VisitState(StrEnum):
    """How far a visit has come."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    DONE = "done"
    OWNER_ABSENT = "owner_absent"
    CANCELLED = "cancelled"


class Visit(Record, Base):
    """Somebody comes to the house 上门. A record that was signed does not change any more."""

    __tablename__ = "warranty_visit"
    __scope__ = ByProject()
    __signed__ = SignedPart(
        "warranty.visit",
        frozenset(
            {"order_id", "purpose", "state", "arrived_at", "left_at", "findings", "materials", "minutes"}
        ),
    )
    __table_args__: Any = (
        parent_key("warranty_order", "order_id", "CASCADE"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_warranty_visit_day", "project_id", "booked_from"),
    )

    project_id: Mapped[int] = project_column()
    order_id: Mapped[int] = mapped_column(big_id, index=True)
    purpose: Mapped[VisitPurpose] = mapped_column(sa.String(12), default=VisitPurpose.SURVEY)
    state: Mapped[VisitState] = mapped_column(sa.String(14), default=VisitState.BOOKED)
    booked_from: Mapped[dt.datetime]
    booked_to: Mapped[dt.datetime]
    arrived_at: Mapped[dt.datetime | None]
    left_at: Mapped[dt.datetime | None]
    persons: Mapped[str] = mapped_column(default="")
    """Who came, with the number of their work cards."""
    findings: Mapped[str] = mapped_column(sa.Text, default="")
    materials: Mapped[str] = mapped_column(sa.Text, default="")
    minutes: Mapped[int | None]
    """Working time of all persons together."""
    return_reason: Mapped[str] = mapped_column(default="")
    """Why another visit is needed."""
    engineer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True
    )

    order: Mapped[Order] = relationship(
        primaryjoin=lambda: foreign(Visit.order_id) == Order.id, viewonly=True
    )
    engineer: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Visit.engineer_id) == User.id, viewonly=True
    )


class Plan(Record, Base):
    """How the defect is to be repaired 维修方案; leaks and structure need the owner's signature."""

    __tablename__ = "warranty_plan"
    __scope__ = ByProject()
    __signed__ = SignedPart("warranty.plan", frozenset({"order_id", "method", "days", "crew", "materials"}))
    __personal__ = frozenset({"signed_name"})
    __table_args__: Any = (
        parent_key("warranty_order", "order_id", "CASCADE"),
        sa.UniqueConstraint("project_id", "id"),
    )

    project_id: Mapped[int] = project_column()
    order_id: Mapped[int] = mapped_column(big_id, index=True)
    method: Mapped[str] = mapped_column(sa.Text)
    days: Mapped[int]
    crew: Mapped[str] = mapped_column(default="")
    materials: Mapped[str] = mapped_column(sa.Text, default="")
    needs_signature: Mapped[bool] = mapped_column(default=False)
    signed_name: Mapped[str] = mapped_column(sa.String(80), default="")
    signed_at: Mapped[dt.datetime | None]
    made_by_id: Mapped[int | None] = user_column()

    order: Mapped[Order] = relationship(primaryjoin=lambda: foreign(Plan.order_id) == Order.id, viewonly=True)
    made_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Plan.made_by_id) == User.id, viewonly=True
    )


class Extension(Record, Base):
    """A new date for the owner, with the reason, told before the old one has passed 延期."""

    __tablename__ = "warranty_extension"
    __scope__ = ByProject()
    __table_args__: Any = (parent_key("warranty_order", "order_id", "CASCADE"),)

    project_id: Mapped[int] = project_column(index=True)
    order_id: Mapped[int] = mapped_column(big_id, index=True)
    old_date: Mapped[dt.datetime | None]
    new_date: Mapped[dt.datetime]
    reason: Mapped[str] = mapped_column(sa.Text)
    told_at: Mapped[dt.datetime | None]
    told_how: Mapped[str] = mapped_column(sa.String(80), default="")
    by_id: Mapped[int | None] = user_column()

    order: Mapped[Order] = relationship(
        primaryjoin=lambda: foreign(Extension.order_id) == Order.id, viewonly=True
    )
    by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Extension.by_id) == User.id, viewonly=True
    )


class AcceptanceKind(StrEnum):
    """Who accepts a repair."""

    ENGINEER = "engineer"
    OWNER = "owner"


class Acceptance(Record, Base):
    """A verdict on a finished repair 验收: first our engineer's, then the owner's.

    It keeps what was accepted in words of its own, so that an order that is opened again later changes nothing of it.
    """

    __tablename__ = "warranty_acceptance"
    __scope__ = ByProject()
    __signed__ = SignedPart(
        "warranty.acceptance",
        frozenset(
            {
                "order_id", "cycle", "kind", "passed", "room_name", "fault_code", "work_done", "quality_ok",
                "on_time_ok", "clean_ok", "attitude_ok", "score",
            }
        ),
    )  # fmt: skip
    __personal__ = frozenset({"signer_name"})
    __table_args__: Any = (
        parent_key("warranty_order", "order_id", "CASCADE"),
        sa.UniqueConstraint("project_id", "id"),
    )

    project_id: Mapped[int] = project_column()
    order_id: Mapped[int] = mapped_column(big_id, index=True)
    cycle: Mapped[int] = mapped_column(default=1)
    kind: Mapped[AcceptanceKind] = mapped_column(sa.String(10))
    passed: Mapped[bool]
    room_name: Mapped[str] = mapped_column(sa.String(60), default="")
    fault_code: Mapped[str] = mapped_column(sa.String(30), default="")
    work_done: Mapped[str] = mapped_column(sa.Text, default="")
    quality_ok: Mapped[bool | None]
    on_time_ok: Mapped[bool | None]
    clean_ok: Mapped[bool | None]
    attitude_ok: Mapped[bool | None]
    score: Mapped[int | None]
    note: Mapped[str | Wording] = mapped_column(WordedText(), default="")
    signer_name: Mapped[str] = mapped_column(sa.String(80), default="")
    by_silence: Mapped[bool] = mapped_column(default=False)
    """The owner did not answer for so long that his acceptance counts as given."""
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    by_id: Mapped[int | None] = user_column()

    order: Mapped[Order] = relationship(
        primaryjoin=lambda: foreign(Acceptance.order_id) == Order.id, viewonly=True
    )
    by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Acceptance.by_id) == User.id, viewonly=True
    )


class CallBack(Record, Base):
    """An attempt to call the owner after the closing 回访."""

    __tablename__ = "warranty_call_back"
    __scope__ = ByProject()
    __table_args__: Any = (parent_key("warranty_order", "order_id", "CASCADE"),)

    project_id: Mapped[int] = project_column(index=True)
    order_id: Mapped[int] = mapped_column(big_id, index=True)
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    reached: Mapped[bool]
    score: Mapped[int | None]
    note: Mapped[str] = mapped_column(sa.Text, default="")
    by_id: Mapped[int | None] = user_column()

    order: Mapped[Order] = relationship(
        primaryjoin=lambda: foreign(CallBack.order_id) == Order.id, viewonly=True
    )
    by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(CallBack.by_id) == User.id, viewonly=True
    )


class CostKind(StrEnum):
    """What a cost is for."""

    LABOUR = "labour"
    MATERIAL = "material"
    COMPENSATION = "compensation"
    THIRD_PARTY = "third_party"
    OTHER = "other"


class CostLine(Record, Base):
    """What an order costs, and who bears it 费用."""

    __tablename__ = "warranty_cost_line"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("warranty_order", "order_id"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_warranty_cost_line_project", "project_id", "spent_on"),
    )

    project_id: Mapped[int] = project_column()
    order_id: Mapped[int] = mapped_column(big_id, index=True)
    kind: Mapped[CostKind] = mapped_column(sa.String(14), default=CostKind.LABOUR)
    description: Mapped[str] = mapped_column(default="")
    amount: Mapped[Decimal]
    borne_by: Mapped[Bearer] = mapped_column(sa.String(12), default=Bearer.CONTRACTOR)
    paid_by_us: Mapped[bool] = mapped_column(default=False)
    """We paid what somebody else bears, so it is to be recovered."""
    spent_on: Mapped[dt.date]
    by_id: Mapped[int | None] = user_column()

    order: Mapped[Order] = relationship(
        primaryjoin=lambda: foreign(CostLine.order_id) == Order.id, viewonly=True
    )


class Escalation(Record, Base):
    """An order was brought before a higher level 升级."""

    __tablename__ = "warranty_escalation"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("warranty_order", "order_id", "CASCADE"),
        sa.UniqueConstraint("order_id", "step"),
    )

    project_id: Mapped[int] = project_column(index=True)
    order_id: Mapped[int] = mapped_column(big_id)
    step: Mapped[str] = mapped_column(sa.String(40))
    """``overdue_manager`` …, ``repeat_3``, ``dissatisfied_1``, ``media``: what brought it there, once each."""
    reason: Mapped[str | Wording] = mapped_column(WordedText(), default="")
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)
