"""Promises."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.customers.models import Customer
from core.database.base import CoreBase, Record, big_id
from core.database.scope import ByProject
from core.projects.models import Project, Unit


class PromiseState(StrEnum):
    """Whether a promise was kept."""

    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"
    VOID = "void"


class PromiseSource(StrEnum):
    """Where a promise was made."""

    ADVERTISEMENT = "advertisement"
    SAMPLE_HOUSE = "sample_house"
    CONSULTANT = "consultant"
    CONTRACT = "contract"
    LETTER = "letter"
    SERVICE = "service"
    OTHER = "other"


class Promise(Record, CoreBase):
    """Something that was promised: to one customer, for one house, or to everybody in a project."""

    __tablename__ = "promise"
    __scope__ = ByProject()
    __personal__ = frozenset({"text", "how"})
    __table_args__: Any = (
        sa.ForeignKeyConstraint(
            ["project_id", "unit_id"], ["unit.project_id", "unit.id"], ondelete="RESTRICT"
        ),
        sa.Index("ix_promise_project_state", "project_id", "state", "due_on"),
        sa.Index("ix_promise_due", "due_on"),
    )

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"))
    unit_id: Mapped[int | None] = mapped_column(big_id, index=True)
    """The house that it is about; None for what was promised to all."""
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="RESTRICT"), index=True
    )
    """To whom it was promised; None for what was promised to all."""
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``CN-{project}-{yyyymm}-{0001}``."""
    text: Mapped[str] = mapped_column(sa.Text)
    said_by: Mapped[str] = mapped_column(sa.String(80), default="")
    """Who promised it, as the customer knows him."""
    made_on: Mapped[dt.date]
    stage: Mapped[str] = mapped_column(sa.String(1), index=True)
    """Stage A to G in which it was made."""
    source: Mapped[PromiseSource] = mapped_column(sa.String(20), default=PromiseSource.CONSULTANT)
    due_on: Mapped[dt.date | None]
    """Until when it is to be kept; by the delivery when empty."""
    responsible_role: Mapped[str] = mapped_column(sa.String(80), default="PCM")
    """Code of the role that sees to it."""
    state: Mapped[PromiseState] = mapped_column(sa.String(10), default=PromiseState.OPEN, index=True)
    how: Mapped[str] = mapped_column(sa.Text, default="")
    """How it was kept, or why not."""
    settled_on: Mapped[dt.date | None]
    settled_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))

    project: Mapped[Project] = relationship(foreign_keys=[project_id])
    unit: Mapped[Unit | None] = relationship(primaryjoin="foreign(Promise.unit_id) == Unit.id", viewonly=True)
    customer: Mapped[Customer | None] = relationship(foreign_keys=[customer_id])

    @property
    def is_open(self) -> bool:
        """Whether it is still to be kept."""
        return self.state == PromiseState.OPEN
