from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.toolkit import Record, Unscoped, plugin_base

Base: Any = plugin_base("broken_mapper")


class Note(Record, Base):
    __tablename__ = "broken_mapper_note"
    __scope__ = Unscoped("a sample")

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="CASCADE"))
    friend: Mapped[Any] = relationship("NobodyKnowsThisClass")
