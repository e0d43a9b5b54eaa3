"""What the tables of the module share: their base, and the columns that name a person or a company."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.toolkit import plugin_base

Base: Any = plugin_base("warranty")


class ToldHow(StrEnum):
    """How an owner was told. Rows of before may hold what was typed then; it is shown as it was written."""

    MESSAGE = "message"
    PHONE = "phone"
    CHAT = "chat"
    LETTER = "letter"
    IN_PERSON = "in_person"


def user_column() -> Mapped[int | None]:
    """Return a column of a person of the staff; it empties when he is deleted."""
    return mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))


def company_column(index: bool = True) -> Mapped[int | None]:
    """Return a column of a contractor."""
    return mapped_column(sa.ForeignKey("contractors_company.id", ondelete="RESTRICT"), index=index)
