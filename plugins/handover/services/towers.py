"""A building as it stands: floors down, houses across, each with its state in the handover 楼栋交付状态图."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from core.toolkit import Building, Unit, db
from plugins.handover.models import Defect, HandoverBatch, HandoverUnit
from plugins.handover.services.common import SERIOUS
from plugins.handover.workflows import OPEN

NO_BATCH = "no_batch"
"""What stands for a state where a house is in no batch."""


@dataclass(frozen=True)
class Cell:
    """One house of a building.

    Attributes:
        unit: The house.
        place: The house in its newest batch, or in the batch that was asked for; None when it is in none.
        state: Code of its state, or :data:`NO_BATCH`.
        defects: How many defects are open.
        serious: How many of them are S1 or S2.
        shown: Whether the filter leaves it in; others are greyed.
    """

    unit: Unit
    place: HandoverUnit | None
    state: str
    defects: int
    serious: int
    shown: bool


@dataclass(frozen=True)
class Floor:
    """A floor with its houses, one place for each column; None where the floor has no such house."""

    number: int | None
    cells: Sequence[Cell | None]


@dataclass(frozen=True)
class Tower:
    """A building as a grid.

    Attributes:
        building: The building.
        entrances: The entrances with how many columns each has, from left to right.
        columns: The number of each column within its floor, for example 02.
        floors: From the top down; houses without a floor last.
        counts: How many houses are in which state.
        defects: How many defects are open in the building.
    """

    building: Building
    entrances: Sequence[tuple[str, int]]
    columns: Sequence[str]
    floors: Sequence[Floor]
    counts: Mapping[str, int]
    defects: int

    @property
    def houses(self) -> int:
        """How many houses there are."""
        return sum(self.counts.values())


def tower_of(
    building: Building,
    batch: HandoverBatch | None = None,
    *,
    states: Collection[str] = (),
    with_defects: bool = False,
) -> Tower:
    """Return a building as a grid of its houses.

    Args:
        building: The building.
        batch: Only what stands in this batch; the newest batch of each house when omitted.
        states: Only houses in one of these states are shown, the others greyed; all when empty.
        with_defects: Only houses with open defects are shown.
    """
    units = db.session.scalars(sa.select(Unit).where(Unit.building_id == building.id)).all()
    places = _places(building, batch)
    defects = _open_defects(building)
    cells: dict[tuple[int | None, str, str], Cell] = {}
    counts: dict[str, int] = {}
    for unit in units:
        place = places.get(unit.id)
        state = place.state if place is not None else NO_BATCH
        number, serious = defects.get(unit.id, (0, 0))
        counts[state] = counts.get(state, 0) + 1
        shown = (not states or state in states) and (not with_defects or number > 0)
        cells[(unit.floor, unit.entrance, _column_of(unit))] = Cell(
            unit, place, state, number, serious, shown
        )
    columns = sorted({(entrance, column) for _floor, entrance, column in cells}, key=_natural)
    floors = sorted({floor for floor, _entrance, _column in cells}, key=_from_the_top)
    entrances: dict[str, int] = {}
    for entrance, _column in columns:
        entrances[entrance] = entrances.get(entrance, 0) + 1
    return Tower(
        building,
        list(entrances.items()),
        [column for _entrance, column in columns],
        [Floor(floor, [cells.get((floor, *column)) for column in columns]) for floor in floors],
        counts,
        sum(number for number, _serious in defects.values()),
    )


def _places(building: Building, batch: HandoverBatch | None) -> dict[int, HandoverUnit]:
    query = (
        sa.select(HandoverUnit)
        .join(Unit, Unit.id == HandoverUnit.unit_id)
        .where(Unit.building_id == building.id)
        .options(joinedload(HandoverUnit.batch))
        .order_by(HandoverUnit.id)
    )
    if batch is not None:
        query = query.where(HandoverUnit.batch_id == batch.id)
    return {place.unit_id: place for place in db.session.scalars(query)}


def _open_defects(building: Building) -> dict[int, tuple[int, int]]:
    rows = db.session.execute(
        sa.select(
            Defect.unit_id,
            sa.func.count(Defect.id),
            sa.func.sum(sa.case((Defect.severity.in_(SERIOUS), 1), else_=0)),
        )
        .where(Defect.building_id == building.id, Defect.state.in_(OPEN))
        .group_by(Defect.unit_id)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def _column_of(unit: Unit) -> str:
    """Return the number of a house within its floor: 1502 on floor 15 is 02."""
    floor = str(unit.floor) if unit.floor is not None else ""
    rest = unit.number.removeprefix(floor) if floor else unit.number
    return rest or unit.number


def _natural(column: tuple[str, str]) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in column]


def _from_the_top(floor: int | None) -> tuple[bool, int]:
    return floor is None, -(floor or 0)
