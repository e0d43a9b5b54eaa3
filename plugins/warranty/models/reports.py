"""The monthly reports."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    ByProject,
    Project,
    Record,
    User,
    project_column,
)
from plugins.warranty.models.base import Base, user_column


class MonthlyReport(Record, Base):
    """The monthly report on repairs of a project 维修月报: figures until the 3rd, analysis until the 5th."""

    __tablename__ = "warranty_report"
    __scope__ = ByProject()
    __table_args__: Any = (
        sa.UniqueConstraint("project_id", "month"),
        sa.UniqueConstraint("project_id", "id"),
    )

    project_id: Mapped[int] = project_column()
    month: Mapped[dt.date] = mapped_column(index=True)
    """The first day of the month."""
    analysis: Mapped[str] = mapped_column(sa.Text, default="")
    measures: Mapped[str] = mapped_column(sa.Text, default="")
    made_by_id: Mapped[int | None] = user_column()

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(MonthlyReport.project_id) == Project.id, viewonly=True
    )
    made_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(MonthlyReport.made_by_id) == User.id, viewonly=True
    )
