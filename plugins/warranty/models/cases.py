"""Problems of many houses."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    Building,
    ByProject,
    Phase,
    Project,
    Record,
    User,
    big_id,
    parent_key,
    project_column,
    utc_now,
)
from plugins.warranty.coverage import CategoryCode
from plugins.warranty.models.base import Base


class CaseKind(StrEnum):
    """Why orders were put together."""

    BATCH = "batch"
    RAIN = "rain"
    MANUAL = "manual"


class GroupCase(Record, Base):
    """The same problem in many houses 批量问题/群诉."""

    __tablename__ = "warranty_group_case"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("building", "building_id"),
        parent_key("phase", "phase_id"),
        sa.UniqueConstraint("project_id", "id"),
    )

    project_id: Mapped[int] = project_column(index=True)
    building_id: Mapped[int | None] = mapped_column(big_id, index=True)
    phase_id: Mapped[int | None] = mapped_column(big_id, index=True)
    batch_kind: Mapped[str] = mapped_column(sa.String(80), default="")
    """Kind of the delivery batch whose houses report leaks after rain, for example ``handover.batch``; "" for the
    houses of a phase."""
    batch_id: Mapped[int | None] = mapped_column(big_id)
    batch_name: Mapped[str] = mapped_column(sa.String(120), default="")
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``QS-{project}-{yyyymmdd}-{seq3}``."""
    kind: Mapped[CaseKind] = mapped_column(sa.String(8), default=CaseKind.MANUAL)
    state: Mapped[str] = mapped_column(sa.String(12), default="open", index=True)
    is_major: Mapped[bool] = mapped_column(default=False)
    category_code: Mapped[CategoryCode] = mapped_column(sa.String(4))
    title: Mapped[str] = mapped_column(sa.String(160))
    orders_found: Mapped[int] = mapped_column(default=0)
    houses_found: Mapped[int] = mapped_column(default=0)
    houses_total: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    design_reply_due_at: Mapped[dt.datetime | None]
    design_reply: Mapped[str] = mapped_column(sa.Text, default="")
    measures: Mapped[str] = mapped_column(sa.Text, default="")
    responsible_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True
    )
    closed_at: Mapped[dt.datetime | None]
    closing_note: Mapped[str] = mapped_column(sa.Text, default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(GroupCase.project_id) == Project.id, viewonly=True
    )
    building: Mapped[Building | None] = relationship(
        Building, primaryjoin=lambda: foreign(GroupCase.building_id) == Building.id, viewonly=True
    )
    phase: Mapped[Phase | None] = relationship(
        Phase, primaryjoin=lambda: foreign(GroupCase.phase_id) == Phase.id, viewonly=True
    )
    responsible: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(GroupCase.responsible_id) == User.id, viewonly=True
    )
