from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.toolkit import ByProject, Record, plugin_base

Base: Any = plugin_base("good")


class Note(Record, Base):
    """A note on a project."""

    __tablename__ = "good_note"
    __scope__ = ByProject()

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="CASCADE"), index=True)
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="SET NULL"), index=True
    )
    text: Mapped[str] = mapped_column(sa.String(200))
    cost: Mapped[Decimal | None]
