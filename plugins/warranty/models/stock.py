"""Spare parts, and where they went."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    ByProject,
    Identified,
    Project,
    Record,
    big_id,
    parent_key,
    project_column,
    utc_now,
)
from plugins.warranty.coverage import CategoryCode
from plugins.warranty.models.base import Base, user_column


class SparePart(Record, Base):
    """Material that is kept for repairs 备品备件, for example tiles of the colour lot that was laid."""

    __tablename__ = "warranty_spare_part"
    __scope__ = ByProject()
    __table_args__: Any = (
        sa.UniqueConstraint("project_id", "name", "specification"),
        sa.UniqueConstraint("project_id", "id"),
    )

    project_id: Mapped[int] = project_column()
    name: Mapped[str] = mapped_column(sa.String(80))
    specification: Mapped[str] = mapped_column(sa.String(120), default="")
    """Brand, model, colour lot."""
    category_code: Mapped[CategoryCode] = mapped_column(sa.String(4), default=CategoryCode.W06)
    measure: Mapped[str] = mapped_column(sa.String(12), default="件")
    quantity: Mapped[int] = mapped_column(default=0)
    location: Mapped[str] = mapped_column(sa.String(80), default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(SparePart.project_id) == Project.id, viewonly=True
    )


class SpareMove(Identified, Base):
    """Spare parts that came in or were used for an order."""

    __tablename__ = "warranty_spare_move"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("warranty_spare_part", "part_id"),
        parent_key("warranty_order", "order_id"),
    )

    project_id: Mapped[int] = project_column(index=True)
    part_id: Mapped[int] = mapped_column(big_id, index=True)
    order_id: Mapped[int | None] = mapped_column(big_id, index=True)
    quantity: Mapped[int]
    """Positive when parts come in."""
    note: Mapped[str] = mapped_column(default="")
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    by_id: Mapped[int | None] = user_column()

    part: Mapped[SparePart] = relationship(
        primaryjoin=lambda: foreign(SpareMove.part_id) == SparePart.id, viewonly=True
    )
