"""What the tables of the module share: their base, and the columns that name a project, a parent, a person."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.toolkit import (
    plugin_base,
)

Base: Any = plugin_base("warranty")


class ToldHow(StrEnum):
    """How an owner was told. Rows of before may hold what was typed then; it is shown as it was written."""

    MESSAGE = "message"
    PHONE = "phone"
    CHAT = "chat"
    LETTER = "letter"
    IN_PERSON = "in_person"


def project_column(index: bool = False) -> Mapped[int]:
    """Return the column of the project to which a row belongs."""
    return mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"), index=index)


def parent(table: str, column: str, ondelete: str = "RESTRICT") -> sa.ForeignKeyConstraint:
    """Return a foreign key on a parent in the same project."""
    return sa.ForeignKeyConstraint(
        ["project_id", column], [f"{table}.project_id", f"{table}.id"], ondelete=ondelete
    )


def user_column() -> Mapped[int | None]:
    """Return a column of a person of the staff; it empties when he is deleted."""
    return mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))


def company_column(index: bool = True) -> Mapped[int | None]:
    """Return a column of a contractor."""
    return mapped_column(sa.ForeignKey("contractors_company.id", ondelete="RESTRICT"), index=index)
