"""What the tables of the module share: their base, and the columns and keys that name a project and a parent."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.toolkit import (
    plugin_base,
)

Base: Any = plugin_base("handover")


def unit_key() -> sa.ForeignKeyConstraint:
    """Return the foreign key on a house in the same project."""
    return sa.ForeignKeyConstraint(
        ["project_id", "unit_id"], ["unit.project_id", "unit.id"], ondelete="RESTRICT"
    )


def project_column(index: bool = False) -> Mapped[int]:
    """Return the column of the project to which a row belongs."""
    return mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"), index=index)


def place_key() -> sa.ForeignKeyConstraint:
    """Return the foreign key on a house of a batch in the same project."""
    return sa.ForeignKeyConstraint(
        ["project_id", "handover_unit_id"],
        ["handover_unit.project_id", "handover_unit.id"],
        ondelete="CASCADE",
    )
