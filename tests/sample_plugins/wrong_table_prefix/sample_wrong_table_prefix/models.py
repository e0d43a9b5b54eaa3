from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Mapped

from core.toolkit import Record, Unscoped, plugin_base

Base: Any = plugin_base("wrong_table_prefix")


class Note(Record, Base):
    __tablename__ = "note"
    __scope__ = Unscoped("a sample")

    text: Mapped[str]
