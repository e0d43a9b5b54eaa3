"""What the preparation of a handover stores: plan, risk check, rules of fees, area settlements, notices, calls."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    Area,
    ByDepartment,
    ByProject,
    Department,
    Project,
    Record,
    User,
    big_id,
    parent_key,
    project_column,
)
from plugins.handover.models import Base, FeeKind, HandoverBatch, HandoverUnit, place_key


class RiskCategory(StrEnum):
    """What a risk of a handover comes from (domain reference 3.3.1 and 5.6.2)."""

    CONTRACT_DOCUMENTS = "contract_documents"
    SALES_PROMISES = "sales_promises"
    CONSTRUCTION_QUALITY = "construction_quality"
    DESIGN_CHANGES = "design_changes"
    FACILITIES = "facilities"
    PROPERTY_READINESS = "property_readiness"
    FEES = "fees"


class FeeMethod(StrEnum):
    """How a fee comes about."""

    PER_AREA = "per_area"
    """Rate × area of the house."""
    PER_AREA_MONTH = "per_area_month"
    """Rate × area × months."""
    FIXED = "fixed"
    """The same for each house."""
    TEXT = "text"
    """No amount: words on the list alone, for example deed tax, which the owner pays to the tax office."""


class LetterKind(StrEnum):
    """Which letter about the delivery an owner gets."""

    NOTICE = "notice"
    """交付通知书."""
    REMINDER = "reminder"
    """催收函, to owners who have not come."""


class ContactMeans(StrEnum):
    """How somebody tried to reach an owner."""

    PHONE = "phone"
    MESSAGE = "message"
    VISIT = "visit"
    LETTER = "letter"


def _user_column() -> Mapped[int | None]:
    return mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True)


def _of_batch() -> sa.ForeignKeyConstraint:
    return parent_key("handover_batch", "batch_id", "CASCADE")


class PlanStep(Record, Base):
    """A step of the reverse timetable as a department plans it 交付倒排计划模板 (domain reference 3.3.3).

    The nearest department up the tree that has steps of its own decides; the top has the standard ones.
    """

    __tablename__ = "handover_plan_step"
    __scope__ = ByDepartment()
    __table_args__: Any = (sa.UniqueConstraint("department_id", "code"),)

    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="RESTRICT"))
    code: Mapped[str] = mapped_column(sa.String(30))
    offset_days: Mapped[int]
    """Days from T, the delivery date of the contracts; negative before it."""
    title: Mapped[str] = mapped_column(sa.String(160))
    title_en: Mapped[str] = mapped_column(sa.String(200), default="")
    owner_role: Mapped[str] = mapped_column(sa.String(20), default="PCM")
    deliverable: Mapped[str] = mapped_column(sa.String(80), default="")
    deliverable_en: Mapped[str] = mapped_column(sa.String(120), default="")
    required: Mapped[bool] = mapped_column(default=False)
    """Whether no house is ready for delivery before it is done (K04)."""
    until_close: Mapped[bool] = mapped_column(default=False)
    """Whether it lasts to the last of the concentrated days."""
    active: Mapped[bool] = mapped_column(default=True)

    department: Mapped[Department] = relationship(
        Department, primaryjoin=lambda: foreign(PlanStep.department_id) == Department.id, viewonly=True
    )


class PlanTask(Record, Base):
    """A task of the plan of a batch, copied from the timetable or added by hand 交付计划任务."""

    __tablename__ = "handover_plan_task"
    __scope__ = ByProject()
    __table_args__: Any = (
        _of_batch(),
        sa.UniqueConstraint("batch_id", "code"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_handover_plan_task_due", "project_id", "state", "due_on"),
    )

    project_id: Mapped[int] = project_column()
    batch_id: Mapped[int] = mapped_column(big_id)
    code: Mapped[str | None] = mapped_column(sa.String(30))
    """The step that it was made from; None when it was added by hand."""
    offset_days: Mapped[int | None]
    """Days from T; None when it was added by hand."""
    until_close: Mapped[bool] = mapped_column(default=False)
    title: Mapped[str] = mapped_column(sa.String(160))
    title_en: Mapped[str] = mapped_column(sa.String(200), default="")
    owner_role: Mapped[str] = mapped_column(sa.String(20), default="PCM")
    responsible_id: Mapped[int | None] = _user_column()
    deliverable: Mapped[str] = mapped_column(sa.String(80), default="")
    deliverable_en: Mapped[str] = mapped_column(sa.String(120), default="")
    required: Mapped[bool] = mapped_column(default=False)
    due_on: Mapped[dt.date] = mapped_column(index=True)
    fixed: Mapped[bool] = mapped_column(default=False)
    """Whether the day was set by hand and does not move with T."""
    state: Mapped[str] = mapped_column(sa.String(12), default="open", index=True)
    result: Mapped[str] = mapped_column(sa.Text, default="")
    """What came out, or the number of the paper."""
    done_at: Mapped[dt.datetime | None]
    done_by_id: Mapped[int | None] = _user_column()

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(PlanTask.project_id) == Project.id, viewonly=True
    )
    batch: Mapped[HandoverBatch] = relationship(
        HandoverBatch, primaryjoin=lambda: foreign(PlanTask.batch_id) == HandoverBatch.id, viewonly=True
    )
    responsible: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(PlanTask.responsible_id) == User.id, viewonly=True
    )
    done_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(PlanTask.done_by_id) == User.id, viewonly=True
    )


class RiskItem(Record, Base):
    """A point of the risk check of a batch 交付风险检查."""

    __tablename__ = "handover_risk_item"
    __scope__ = ByProject()
    __table_args__: Any = (
        _of_batch(),
        sa.UniqueConstraint("batch_id", "code"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_handover_risk_item_due", "project_id", "state", "due_on"),
    )

    project_id: Mapped[int] = project_column()
    batch_id: Mapped[int] = mapped_column(big_id)
    category: Mapped[RiskCategory] = mapped_column(sa.String(24))
    code: Mapped[str | None] = mapped_column(sa.String(10))
    """Code of the standard list; None when it was added by hand."""
    title: Mapped[str] = mapped_column(sa.String(200))
    title_en: Mapped[str] = mapped_column(sa.String(240), default="")
    state: Mapped[str] = mapped_column(sa.String(12), default="open", index=True)
    finding: Mapped[str] = mapped_column(sa.Text, default="")
    """What is at risk."""
    measure: Mapped[str] = mapped_column(sa.Text, default="")
    """What was done about it, or why it is accepted."""
    owner_role: Mapped[str] = mapped_column(sa.String(20), default="PCM")
    responsible_id: Mapped[int | None] = _user_column()
    due_on: Mapped[dt.date | None] = mapped_column(index=True)

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(RiskItem.project_id) == Project.id, viewonly=True
    )
    batch: Mapped[HandoverBatch] = relationship(
        HandoverBatch, primaryjoin=lambda: foreign(RiskItem.batch_id) == HandoverBatch.id, viewonly=True
    )
    responsible: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(RiskItem.responsible_id) == User.id, viewonly=True
    )


class FeeRule(Record, Base):
    """How a fee of the houses of a project comes about 收费标准; rates differ by city, kind of house and height."""

    __tablename__ = "handover_fee_rule"
    __scope__ = ByProject()
    __table_args__: Any = (sa.UniqueConstraint("project_id", "id"),)

    project_id: Mapped[int] = project_column(index=True)
    kind: Mapped[FeeKind] = mapped_column(sa.String(20))
    title: Mapped[str] = mapped_column(sa.String(80), default="")
    """What stands on the fee list; the word for the kind when empty."""
    title_en: Mapped[str] = mapped_column(sa.String(120), default="")
    method: Mapped[FeeMethod] = mapped_column(sa.String(16))
    rate: Mapped[Decimal | None]
    """In yuan: a square metre, a square metre and month, or a house."""
    months: Mapped[int] = mapped_column(default=1)
    decoration: Mapped[str] = mapped_column(sa.String(10), default="both")
    """``rough``, ``fitted`` or ``both``: the houses that it is for."""
    floors_from: Mapped[int | None]
    """Storeys of the building, from; None for any."""
    floors_to: Mapped[int | None]
    note: Mapped[str] = mapped_column(sa.String(200), default="")
    """Stands beside the amount, or instead of one."""
    note_en: Mapped[str] = mapped_column(sa.String(240), default="")
    position: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(FeeRule.project_id) == Project.id, viewonly=True
    )


class AreaSettlement(Record, Base):
    """How the difference between measured and contract area of a house is settled 面积差结算.

    Difference, percentage and amount are computed from what is stored (:mod:`plugins.handover.preparation.areas`).
    """

    __tablename__ = "handover_area_settlement"
    __scope__ = ByProject()
    __table_args__: Any = (
        place_key(),
        sa.UniqueConstraint("handover_unit_id"),
        sa.UniqueConstraint("project_id", "id"),
    )

    project_id: Mapped[int] = project_column(index=True)
    handover_unit_id: Mapped[int] = mapped_column(big_id)
    contract_area: Mapped[Decimal] = mapped_column(Area())
    measured_area: Mapped[Decimal] = mapped_column(Area())
    unit_price: Mapped[Decimal]
    """Contract price in yuan a square metre."""
    limit_percent: Mapped[Decimal]
    """Up to which difference is settled as measured, in percent, as it was when it was computed."""
    refund_factor: Mapped[int] = mapped_column(default=2)
    """How many times the price of what is missing beyond the limit is given back."""
    state: Mapped[str] = mapped_column(sa.String(12), default="draft", index=True)
    note: Mapped[str] = mapped_column(sa.Text, default="")
    agreed_at: Mapped[dt.datetime | None]

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(AreaSettlement.project_id) == Project.id, viewonly=True
    )
    handover_unit: Mapped[HandoverUnit] = relationship(
        HandoverUnit,
        primaryjoin=lambda: foreign(AreaSettlement.handover_unit_id) == HandoverUnit.id,
        viewonly=True,
    )


class DeliveryLetter(Record, Base):
    """A notice or reminder about the delivery that was sent to the owner of a house."""

    __tablename__ = "handover_delivery_letter"
    __scope__ = ByProject()
    __personal__ = frozenset({"received_by"})
    __table_args__: Any = (place_key(), sa.UniqueConstraint("handover_unit_id", "kind", "number"))

    project_id: Mapped[int] = project_column(index=True)
    handover_unit_id: Mapped[int] = mapped_column(big_id)
    kind: Mapped[LetterKind] = mapped_column(sa.String(10))
    number: Mapped[int] = mapped_column(default=1)
    """Counted for each kind, from 1."""
    sent_at: Mapped[dt.datetime]
    sent_by_id: Mapped[int | None] = _user_column()
    document_number: Mapped[str] = mapped_column(sa.String(60), default="")
    """Number of the issued document."""
    by_message: Mapped[bool] = mapped_column(default=False)
    by_letter: Mapped[bool] = mapped_column(default=False)
    tracking_number: Mapped[str] = mapped_column(sa.String(40), default="")
    """Of the express letter, EMS."""
    received_at: Mapped[dt.datetime | None]
    received_by: Mapped[str] = mapped_column(sa.String(80), default="")

    handover_unit: Mapped[HandoverUnit] = relationship(
        HandoverUnit,
        primaryjoin=lambda: foreign(DeliveryLetter.handover_unit_id) == HandoverUnit.id,
        viewonly=True,
    )


class ContactAttempt(Record, Base):
    """An attempt to reach the owner of a house 联系记录."""

    __tablename__ = "handover_contact_attempt"
    __scope__ = ByProject()
    __personal__ = frozenset({"note"})
    __table_args__: Any = (
        place_key(),
        sa.Index("ix_handover_contact_attempt_place", "handover_unit_id", "at"),
    )

    project_id: Mapped[int] = project_column(index=True)
    handover_unit_id: Mapped[int] = mapped_column(big_id)
    at: Mapped[dt.datetime]
    means: Mapped[ContactMeans] = mapped_column(sa.String(10))
    reached: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = mapped_column(sa.Text, default="")
    by_id: Mapped[int | None] = _user_column()

    handover_unit: Mapped[HandoverUnit] = relationship(
        HandoverUnit,
        primaryjoin=lambda: foreign(ContactAttempt.handover_unit_id) == HandoverUnit.id,
        viewonly=True,
    )
    by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(ContactAttempt.by_id) == User.id, viewonly=True
    )
