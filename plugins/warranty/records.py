"""How records of the module are called, where they stand, and how the global search finds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for

from core.toolkit import Unit
from plugins.warranty import services

Path = Sequence[tuple[str, str | None]]


def path_of_unit(unit: Unit) -> list[tuple[str, str | None]]:
    """Return project › phase › building › unit."""
    building = unit.building
    return [
        (services.project_name(unit.project), None),
        (building.phase.name, None),
        (building.name or building.code, None),
        (unit.code, url_for("units.details_view", id=unit.id)),
    ]


def unit_path(record: Any) -> Path:
    """Return the path of a record of one house."""
    return path_of_unit(record.unit)


def project_path(record: Any) -> Path:
    """Return the project of a record."""
    return [(services.project_name(record.project), None)]
