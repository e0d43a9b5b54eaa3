"""Sections on the pages of projects, phases and buildings: what stands below them, and the tower of a building."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from core.extensions import db
from core.projects.models import Building, Phase, Project, Unit


@dataclass(frozen=True)
class TowerCell:
    """A unit in the tower: its key, room number, and how far it is."""

    id: int
    number: str
    layout: str
    tone: str


@dataclass
class TowerRow:
    """A floor of the tower: its number, None for units without one, and the cells of each entrance."""

    floor: int | None
    entrances: dict[str, list[TowerCell]] = field(default_factory=dict)


def units_by_building(project_id: int) -> dict[int, tuple[int, int]]:
    """Return how many units each building of a project has, and how many of them are delivered."""
    rows = db.session.execute(
        sa.select(Unit.building_id, sa.func.count(Unit.id), sa.func.count(Unit.delivered_on))
        .where(Unit.project_id == project_id)
        .group_by(Unit.building_id)
    )
    return {building_id: (units, delivered) for building_id, units, delivered in rows}


def phases_of_project(project: Project) -> Mapping[str, Any]:
    """Return the phases of a project with their buildings."""
    phases = db.session.scalars(
        sa.select(Phase).where(Phase.project_id == project.id).order_by(Phase.code)
    ).all()
    buildings = db.session.scalars(
        sa.select(Building)
        .where(Building.project_id == project.id)
        .order_by(sa.func.length(Building.code), Building.code)
    ).all()
    return {
        "groups": [(phase, [item for item in buildings if item.phase_id == phase.id]) for phase in phases],
        "units": units_by_building(project.id),
        "count": len(buildings),
    }


def buildings_of_phase(phase: Phase) -> Mapping[str, Any]:
    """Return the buildings of one phase."""
    buildings = db.session.scalars(
        sa.select(Building)
        .where(Building.phase_id == phase.id)
        .order_by(sa.func.length(Building.code), Building.code)
    ).all()
    return {
        "groups": [(phase, buildings)],
        "units": units_by_building(phase.project_id),
        "count": len(buildings),
    }


def tower_of_building(building: Building) -> Mapping[str, Any]:
    """Return floors × units of a building, the highest floor first."""
    rows = db.session.execute(
        sa.select(
            Unit.id, Unit.entrance, Unit.floor, Unit.number, Unit.layout, Unit.delivered_on, Unit.occupied_on
        )
        .where(Unit.building_id == building.id)
        .order_by(sa.func.length(Unit.number), Unit.number)
    ).all()
    entrances = sorted({row.entrance for row in rows}, key=lambda text: (len(text), text))
    floors: dict[int | None, TowerRow] = {}
    for row in rows:
        tower_row = floors.setdefault(row.floor, TowerRow(row.floor, {name: [] for name in entrances}))
        tone = "ok" if row.occupied_on else "wait" if row.delivered_on else "calm"
        tower_row.entrances[row.entrance].append(TowerCell(row.id, row.number, row.layout, tone))
    ordered = sorted(floors.values(), key=lambda item: (item.floor is None, -(item.floor or 0)))
    return {"rows": ordered, "entrances": entrances, "building": building, "count": len(rows)}
