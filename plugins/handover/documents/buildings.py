"""Papers of a building: summary of the household inspections, patrol record, and its state as a grid."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from core.toolkit import (
    LOCAL_ZONE,
    Building,
    Unit,
    _,
    db,
    in_language,
    listed,
    local_today,
    months_after,
    ngettext,
)
from plugins.handover import indicators, services, words
from plugins.handover.models import (
    Defect,
    HandoverUnit,
    Inspection,
    InspectionKind,
    InspectionResult,
    InspectionState,
    Verdict,
)
from plugins.handover.workflows import CLOSED, HANDOVER_UNIT, OPEN


def _building_facts(record: Building, language: str) -> list[tuple[Any, ...]]:
    return [
        (_("Project"), words.local(record.project, "name", language)),
        (_("Building"), record.name or record.code),
    ]


def household_summary(record: Building, language: str) -> Mapping[str, Any]:
    """Return the values of the summary of household inspections of a building, floor by floor.

    Args:
        record: The building.
        language: Locale of the recipient.

    Source: domain reference 3.3.7; 5.6.3 (100 % of the houses).
    """
    units = db.session.scalars(
        sa.select(Unit).where(Unit.building_id == record.id).order_by(Unit.entrance, Unit.floor, Unit.number)
    ).all()
    rounds: dict[int, list[Inspection]] = {}
    for inspection in db.session.scalars(
        sa.select(Inspection)
        .join(Unit, Unit.id == Inspection.unit_id)
        .where(
            Unit.building_id == record.id,
            Inspection.kind == InspectionKind.HOUSEHOLD,
            Inspection.state == InspectionState.FINISHED,
        )
        .options(joinedload(Inspection.inspector))
        .order_by(Inspection.id)
    ):
        rounds.setdefault(inspection.unit_id, []).append(inspection)
    defects: dict[int, list[Defect]] = {}
    for defect in db.session.scalars(
        sa.select(Defect)
        .join(Inspection, Inspection.id == Defect.inspection_id)
        .where(
            Defect.building_id == record.id,
            Inspection.kind == InspectionKind.HOUSEHOLD,
            Inspection.state == InspectionState.FINISHED,
            Defect.state != "invalid",
        )
    ):
        defects.setdefault(defect.unit_id, []).append(defect)
    rows: list[Any] = []
    floor: Any = ()
    passed = at_once = 0
    for position, unit in enumerate(units, start=1):
        if (unit.entrance, unit.floor) != floor:
            floor = (unit.entrance, unit.floor)
            rows.append(_floor_head(unit))
        held, found = rounds.get(unit.id, []), defects.get(unit.id, [])
        is_open = any(defect.state in OPEN for defect in found)
        passed += bool(held) and not is_open
        at_once += bool(held) and not any(defect.inspection_id == held[0].id for defect in found)
        rows.append(_household_row(position, unit, held, found, is_open))
    everything = [defect for held in defects.values() for defect in held]
    inspected = indicators.Rate(len(rounds), len(units))
    through = indicators.Rate(passed, len(rounds))
    done = indicators.Rate(sum(defect.state in CLOSED for defect in everything), len(everything))
    return {
        "facts": [
            *_building_facts(record, language),
            (_("Houses"), len(units)),
            (_("Storeys above ground"), record.total_floors or ""),
            (_("Inspected"), _rate(inspected)),
            (_("Passed"), _rate(through)),
            (_("Passed first time"), _rate(indicators.Rate(at_once, len(rounds)))),
            (_("Passed after rectification"), _rate(indicators.Rate(max(passed - at_once, 0), len(rounds)))),
            (_("Defects done with"), _rate(done)),
            (_("State of"), words.long_date(local_today(), language)),
        ],
        "families": _families(record, everything),
        "rows": rows,
        "totals": [
            "",
            _("Total"),
            "",
            "",
            *(sum(defect.severity == level for defect in everything) for level in words.SEVERITIES),
            sum(defect.state in OPEN for defect in everything),
            "",
        ],
    }


def _families(record: Building, defects: Sequence[Defect]) -> list[list[Any]]:
    """Return a row for each family of items of the checklist: results, failures, houses, and defects that are open."""
    rows = db.session.execute(
        sa.select(
            InspectionResult.group_name,
            sa.func.max(InspectionResult.group_name_en),
            sa.func.count(InspectionResult.id).filter(
                InspectionResult.verdict.in_((Verdict.PASS, Verdict.FAIL))
            ),
            sa.func.count(InspectionResult.id).filter(InspectionResult.verdict == Verdict.FAIL),
            sa.func.count(sa.distinct(Inspection.unit_id)).filter(InspectionResult.verdict == Verdict.FAIL),
        )
        .join(Inspection, Inspection.id == InspectionResult.inspection_id)
        .join(Unit, Unit.id == Inspection.unit_id)
        .where(
            Unit.building_id == record.id,
            Inspection.kind == InspectionKind.HOUSEHOLD,
            Inspection.state == InspectionState.FINISHED,
        )
        .group_by(InspectionResult.group_name)
        .order_by(sa.func.min(InspectionResult.item_code))
    ).all()
    results = {
        defect.result_id for defect in defects if defect.result_id is not None and defect.state in OPEN
    }
    still_open: dict[str, int] = {}
    for name in db.session.scalars(
        sa.select(InspectionResult.group_name).where(InspectionResult.id.in_(results))
    ):
        still_open[name] = still_open.get(name, 0) + 1
    return [
        [in_language(name, name_en), checked, failed, houses, still_open.get(name, 0)]
        for name, name_en, checked, failed, houses in rows
    ]


def _rate(rate: indicators.Rate) -> str:
    if rate.percent is None:
        return "—"
    return f"{rate.numerator} / {rate.denominator} ({rate.percent})"


def _floor_head(unit: Unit) -> str:
    floor = _("Floor %(number)s", number=unit.floor) if unit.floor is not None else _("Without a floor")
    return " · ".join(
        filter(None, (_("Entrance %(number)s", number=unit.entrance) if unit.entrance else "", floor))
    )


def _household_row(
    position: int,
    unit: Unit,
    held: Sequence[Inspection],
    found: Sequence[Defect],
    is_open: bool,
) -> list[Any]:
    last = held[-1] if held else None
    result = "" if last is None else _("to be put right") if is_open else _("passed")
    inspected = (
        "\n".join((_day(last.finished_at), str(_("round %(number)d", number=last.round_number))))
        if last is not None
        else ""
    )
    return [
        position,
        f"{unit.code}\n{unit.layout}".strip(),
        inspected,
        last.inspector.name if last is not None and last.inspector is not None else "",
        *(
            sum(defect.severity == level for defect in found) if last is not None else ""
            for level in words.SEVERITIES
        ),
        sum(defect.state in OPEN for defect in found) if last is not None else "",
        result,
    ]


def _day(moment: dt.datetime | None) -> str:
    return "" if moment is None else moment.astimezone(LOCAL_ZONE).date().isoformat()


def vacant_patrol(record: Building, language: str) -> Mapping[str, Any]:
    """Return the values of the patrol record of the vacant houses of a building: of this month, else of the last month
    with a patrol.

    Args:
        record: The building.
        language: Locale of the recipient.

    Source: touchpoint TP-E10 (monthly; report on the 15th).
    """
    first, following = patrol_month(record)
    start, end = services.day_bounds(first)[0], services.day_bounds(following)[0]
    patrols = db.session.scalars(
        sa.select(Inspection)
        .join(Unit, Unit.id == Inspection.unit_id)
        .where(
            Unit.building_id == record.id,
            Inspection.kind == InspectionKind.VACANT,
            Inspection.state == InspectionState.FINISHED,
            Inspection.finished_at >= start,
            Inspection.finished_at < end,
        )
        .options(joinedload(Inspection.inspector), joinedload(Inspection.unit))
        .order_by(Unit.entrance, Unit.floor, Unit.number, Inspection.id)
    ).all()
    vacant = vacant_houses(record)
    seen = {patrol.unit_id for patrol in patrols}
    missing = [place for place in vacant if place.unit_id not in seen]
    rows, findings = [], []
    for position, patrol in enumerate(patrols, start=1):
        found = services.valid_defects(patrol)
        failed = sum(result.verdict == "fail" for result in patrol.results)
        rows.append(
            [
                position,
                patrol.unit.code,
                _day(patrol.finished_at),
                patrol.inspector.name if patrol.inspector is not None else "",
                patrol.weather,
                len(patrol.results),
                failed or "—",
                "\n".join(filter(None, (patrol.meter_water, patrol.meter_electricity))),
                _("in order") if not found else ngettext("%(num)d problem", "%(num)d problems", len(found)),
            ]
        )
        findings += [
            [
                patrol.unit.code,
                words.local(defect, "room_name", language),
                f"{defect.number}\n{services.defect_title(defect, language)}",
                defect.severity,
                words.long_date(defect.promised_by, language),
                _("done") if defect.state in CLOSED else _("open"),
            ]
            for defect in found
        ]
    return {
        "facts": [
            *_building_facts(record, language),
            (_("Month"), f"{first:%Y-%m}"),
            (_("Vacant houses"), len(vacant)),
            (
                _("Patrolled"),
                _rate(indicators.Rate(len(seen & {place.unit_id for place in vacant}), len(vacant))),
            ),
            (_("Problems"), len(findings)),
        ],
        "rows": rows,
        "findings": findings,
        "missing": listed([place.unit.code for place in missing]),
    }


def vacant_houses(building: Building) -> list[HandoverUnit]:
    """Return the houses of a building whose owners were asked to come and have not taken them over."""
    places = services.tower_of(building)
    return [
        cell.place
        for floor in places.floors
        for cell in floor.cells
        if cell is not None
        and cell.place is not None
        and cell.place.notice_sent_at is not None
        and cell.place.keys_state == "held"
    ]


def patrol_month(building: Building) -> tuple[dt.date, dt.date]:
    """Return the first day of the month that a patrol record is about, and that of the next."""
    newest = db.session.scalar(
        sa.select(sa.func.max(Inspection.finished_at))
        .join(Unit, Unit.id == Inspection.unit_id)
        .where(
            Unit.building_id == building.id,
            Inspection.kind == InspectionKind.VACANT,
            Inspection.state == InspectionState.FINISHED,
        )
    )
    day = newest.astimezone(LOCAL_ZONE).date() if newest is not None else local_today()
    first = day.replace(day=1)
    return first, months_after(first, 1)


def tower_state(record: Building, language: str) -> Mapping[str, Any]:
    """Return the values of the state of a building, floor by floor.

    Args:
        record: The building.
        language: Locale of the recipient.
    """
    tower = services.tower_of(record)
    return {
        "facts": [
            *_building_facts(record, language),
            (_("Houses"), tower.houses),
            (_("Open defects"), tower.defects),
            (_("State of"), words.long_date(local_today(), language)),
        ],
        "tower": tower,
        "signs": words.state_signs(),
        "tones": {state.code: state.tone for state in HANDOVER_UNIT.states},
        "legend": [
            (words.state_signs()[code], words.state_label(code), number, words.state_tone(code))
            for code in words.state_signs()
            if (number := tower.counts.get(code))
        ],
    }
