"""What is printed of a house and its building around the handover.

The two books 住宅质量保证书 and 住宅使用说明书, power of attorney 授权委托书, statement of refusal, waiver of a repair,
household summary 分户验收汇总表, patrol record 空置房巡查记录, state of a building, and the daily report 交付日报.
"""

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
    completion_date,
    db,
    local_today,
    months_after,
    owners_of,
    setting,
)
from plugins.handover import indicators, services, words
from plugins.handover.day_documents import defect_rows, house_facts, printed_day, statement_values
from plugins.handover.models import Defect, HandoverUnit, Inspection, InspectionKind, InspectionState
from plugins.handover.paper_models import DailyReport, FormKind, HouseForm
from plugins.handover.workflows import CLOSED, HANDOVER_UNIT, OPEN

# The two books


def may_issue_book(record: HandoverUnit) -> str | None:
    """Return why a book cannot be issued yet, or None."""
    if services.facts_for(record.unit.building) is not None:
        return None
    return _("Enter the facts of the two books for this building or project first; the book is made of them.")


def quality_guarantee(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the quality guarantee (domain reference 3.3.7).

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    unit = record.unit
    facts = services.facts_for(unit.building)
    start = record.delivered_at or unit.delivered_on
    return {
        "facts": [
            (_("Developer"), record.project.developer_name, True),
            (_("Project"), words.local(record.project, "name", language)),
            (_("House"), unit.code),
            (_("Structure type"), facts.structure_type if facts else ""),
            (_("Gross area"), _area(unit)),
            (_("Quality grade"), facts.quality_grade if facts else ""),
            (_("Quality verified by"), facts.quality_authority if facts else ""),
            (_("Completion accepted on"), words.long_date(completion_date(unit), language)),
            (_("Completion filing no."), facts.filing_number if facts else ""),
            (_("Design life"), _("%(number)d years", number=facts.design_life_years) if facts else ""),
            (_("Delivered on"), words.long_date(start, language)),
            (_("Owner"), words.joined([owner.name for owner in owners_of(unit)]), True),
        ],
        "terms": [
            [
                position,
                term.part,
                term.content,
                term.period,
                words.long_date(term.start, language),
                words.long_date(term.end, language),
            ]
            for position, term in enumerate(services.guarantee_terms(record, language), start=1)
        ],
        "is_delivered": start is not None,
        "repair": [
            (_("Responsible repair unit"), facts.repair_unit if facts else "", True),
            (_("Telephone for repairs"), facts.repair_phone if facts else ""),
            (
                _("First answer"),
                _("within %(hours)d hours", hours=int(setting("handover", "guarantee_answer_hours"))),
            ),
            (
                _("On site in an emergency"),
                _(
                    "within %(minutes)d minutes",
                    minutes=int(setting("handover", "guarantee_emergency_minutes")),
                ),
            ),
            (
                _("On site otherwise"),
                _("within %(hours)d hours", hours=int(setting("handover", "guarantee_visit_hours"))),
            ),
        ],
        "exclusions": services.exclusions(language),
    }


def _area(unit: Unit) -> str:
    area = unit.gross_area_measured or unit.gross_area_contract
    return f"{area} m²" if area is not None else ""


def user_manual(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the user manual with its nine chapters (domain reference 3.3.7).

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    unit = record.unit
    facts = services.facts_for(unit.building)
    manual = services.manual_for(unit, language)
    standard, titles = services.standard_texts(language), services.chapter_titles(language)
    tables = {
        "companies": [
            (_("Developer"), record.project.developer_name, True),
            (_("Designer"), facts.designer if facts else "", True),
            (_("Builder"), facts.builder if facts else "", True),
            (_("Supervisor"), facts.supervisor if facts else "", True),
        ],
        "structure": [
            (_("Structure type"), facts.structure_type if facts else ""),
            (_("Design life"), _("%(number)d years", number=facts.design_life_years) if facts else ""),
            (_("Storeys above ground"), unit.building.total_floors or ""),
            (_("Floor of the house"), unit.floor if unit.floor is not None else ""),
        ],
    }
    return {
        "facts": [
            (_("Project"), words.local(record.project, "name", language)),
            (_("House"), unit.code),
            (_("Layout"), unit.layout),
            (_("Gross area"), _area(unit)),
            (_("Delivery standard"), words.decoration(unit.decoration)),
            (_("Edition"), manual.version if manual is not None else _("standard text")),
        ],
        "chapters": [
            {
                "title": titles[code],
                "text": getattr(manual, code) if manual is not None else standard[code],
                "table": tables.get(code, ()),
            }
            for code in services.CHAPTERS
        ],
    }


# Letters and forms of a house


def power_of_attorney(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the power of attorney that an owner fills in who does not come himself.

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    del language
    return {
        "project": record.project.name,
        "developer": record.project.developer_name,
        "house": record.unit.code,
        "owners": [owner.name for owner in owners_of(record.unit)],
        "attorney": record.attorney_name,
        "proof": record.attorney_document,
        "matters": [
            _("inspect the house and say whether it is accepted"),
            _("settle the fees of the handover and take the receipts"),
            _("sign the handover deed, the agreements and the other papers"),
            _("take over keys, cards and papers"),
            _("agree on dates for remaining problems, and refuse the house with reasons"),
        ],
    }


def may_issue_refusal(record: HandoverUnit) -> str | None:
    """Return why a statement of refusal cannot be issued yet, or None."""
    if record.refusal_reason:
        return None
    return _("The statement can be issued when a refusal is noted.")


def refusal_statement(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the statement that an owner signs who refuses the house.

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    form = services.form_of(record, FormKind.REFUSAL)
    content = form.content if form is not None else services.refusal_content(record)
    reasons = words.refusal_reasons(language)
    return {
        "facts": [
            *house_facts(record, language),
            (_("Inspection record"), content["inspection"]),
            (_("Refused on"), printed_day(content["refused_on"], language)),
            (_("Reply by"), printed_day(content["reply_by"], language)),
        ],
        "reasons": list(reasons.items()),
        "reason": content["refusal"],
        "words": content["words"],
        "defects": defect_rows(content["defects"], language),
        **statement_values(form),
    }


def may_issue_waiver(record: Defect) -> str | None:
    """Return why a waiver cannot be issued yet, or None."""
    return (
        None if _waiver_of(record) is not None else _("Prepare the waiver on the page of the defect first.")
    )


def _waiver_of(record: Defect) -> HouseForm | None:
    place = services.handover_unit_of(record.unit)
    return services.form_of(place, FormKind.WAIVER, record) if place is not None else None


def waiver(record: Defect, language: str) -> Mapping[str, Any]:
    """Return the values of the statement that the owner does without a repair (domain reference 3.3.2).

    Args:
        record: The defect.
        language: Locale of the recipient.
    """
    form = _waiver_of(record)
    content: Mapping[str, Any] = form.content if form is not None else {}
    return {
        "facts": [
            (_("Project"), words.local(record.project, "name", language)),
            (_("House"), record.unit.code),
            (_("Owner"), words.joined([owner.name for owner in owners_of(record.unit)]), True),
            (_("Defect"), record.number),
            (_("Room"), words.local(record, "room_name", language)),
            (_("Problem"), services.defect_title(record, language), True),
            (_("Severity"), f"{record.severity} {words.SEVERITIES[record.severity]}"),
            (_("Found on"), words.long_date(record.raised_at, language)),
        ],
        "reason": content.get("reason", ""),
        **statement_values(form),
    }


# Buildings


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
    passed = 0
    for position, unit in enumerate(units, start=1):
        if (unit.entrance, unit.floor) != floor:
            floor = (unit.entrance, unit.floor)
            rows.append(_floor_head(unit))
        held, found = rounds.get(unit.id, []), defects.get(unit.id, [])
        is_open = any(defect.state in OPEN for defect in found)
        passed += bool(held) and not is_open
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
            (_("Defects done with"), _rate(done)),
            (_("State of"), words.long_date(local_today(), language)),
        ],
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
                _("in order") if not found else _("%(number)d problems", number=len(found)),
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
        "missing": words.joined([place.unit.code for place in missing]),
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


# The day


def daily_report(record: DailyReport, language: str) -> Mapping[str, Any]:
    """Return the values of the report of a day.

    Args:
        record: The report; its figures are those of the moment of preparing.
        language: Locale of the recipient.
    """
    figures = record.figures
    reasons = words.refusal_reasons(language)
    refused: dict[str, list[str]] = {}
    for each in figures["refusals"]:
        refused.setdefault(each["reason"], []).append(each["house"])
    return {
        "facts": [
            (_("Project"), words.local(record.project, "name", language)),
            (_("Batch"), record.batch.name),
            (_("Date"), words.long_date(record.day, language)),
            (
                _("Counted at"),
                f"{words.long_date(record.prepared_at, language)} {words.clock(record.prepared_at)}",
            ),
        ],
        "day": [
            (_("Due (notice sent, price paid)"), figures["due"]),
            (_("Booked today"), figures["booked"]),
            (_("Arrived"), figures["arrived"]),
            (_("Accepted"), figures["accepted"]),
            (_("Accepted with defects"), figures["accepted_with_defects"]),
            (_("Refused"), figures["refused"]),
            (_("No opinion yet"), figures["undecided"]),
            (_("Delivered today"), figures["delivered"]),
            (_("Delivered so far"), figures["delivered_so_far"]),
            (_("Houses with keys handed over"), figures["key_houses"]),
            (_("Keys handed over"), figures["keys"]),
        ],
        "rates": [
            ["K02", _("Accepted at the first visit"), *_fraction(figures["k02"]), "≥ 90%"],
            ["K03", _("Delivery rate"), *_fraction(figures["k03"]), "≥ 85%"],
            ["K09", _("Refused"), *_fraction(figures["k09"]), "≤ 3%"],
            ["K10", _("Minutes from sign-in to keys"), *_mean(figures["k10"]), "≤ 120"],
        ],
        "defects": [
            (f"{level} {words.SEVERITIES[level]}", figures["defects"].get(level, 0))
            for level in words.SEVERITIES
        ],
        "refusals": [
            [f"{code} {reasons.get(code, '')}".strip() or "—", len(houses), words.joined(houses)]
            for code, houses in sorted(refused.items())
        ],
        "stations": [
            [words.STATIONS[code], times["stays"], times["mean"], times["longest"]]
            for code, times in figures["stations"].items()
        ],
        "houses": [
            [
                position,
                each["house"],
                each["visit"],
                each["arrived"],
                " ".join(
                    filter(
                        None,
                        (str(words.OUTCOMES[each["outcome"]][1]), each["reason"]),
                    )
                ),
                each["keys"] if each["keys_on"] == record.day.isoformat() else "",
                each["left"],
            ]
            for position, each in enumerate(figures["houses"], start=1)
        ],
        "note": record.note,
    }


def _fraction(pair: Sequence[int]) -> list[str]:
    rate = indicators.Rate(*pair)
    return [rate.percent or "—", f"{rate.numerator} / {rate.denominator}"]


def _mean(pair: Sequence[int]) -> list[str]:
    rate = indicators.Rate(*pair)
    return [rate.mean or "—", f"{rate.numerator} / {rate.denominator}"]
