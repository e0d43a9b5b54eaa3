"""What the tables of the module share: their base, and the keys that name a house."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from core.toolkit import parent_key, plugin_base

Base: Any = plugin_base("handover")


def unit_key() -> sa.ForeignKeyConstraint:
    """Return the foreign key on a house in the same project."""
    return parent_key("unit", "unit_id")


def place_key() -> sa.ForeignKeyConstraint:
    """Return the foreign key on a house of a batch in the same project."""
    return parent_key("handover_unit", "handover_unit_id", "CASCADE")
