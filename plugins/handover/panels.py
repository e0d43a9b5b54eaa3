"""The sections that the module adds to pages of the core and to its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import url_for
from sqlalchemy.orm import joinedload

from core.toolkit import (
    LOCAL_ZONE,
    CalendarEntry,
    Customer,
    CustomerUnit,
    Unit,
    attachments_by_record,
    db,
    has_permission,
    local_today,
    require_scope,
)
from plugins.handover import catalogue, indicators, services, words
from plugins.handover.figures import figures_of
from plugins.handover.models import (
    Defect,
    HandoverBatch,
    HandoverUnit,
    Inspection,
    InspectionResult,
    InspectionState,
    InspectionTemplate,
    NoticeLine,
    RectificationNotice,
)
from plugins.handover.workflows import DEFECT, HANDOVER_UNIT, NOTICE, OPEN

SHOWN = 20
PLANNED = 400


def _rounds(*conditions: sa.ColumnElement[bool]) -> list[Inspection]:
    return list(
        db.session.scalars(
            sa.select(Inspection)
            .where(*conditions)
            .options(joinedload(Inspection.inspector), joinedload(Inspection.unit))
            .order_by(Inspection.id.desc())
            .limit(SHOWN)
        )
    )


def _open_defects(*conditions: sa.ColumnElement[bool]) -> list[Defect]:
    return list(
        db.session.scalars(
            sa.select(Defect)
            .where(Defect.state.in_(OPEN), *conditions)
            .options(joinedload(Defect.contractor), joinedload(Defect.unit))
            .order_by(Defect.promised_by, Defect.id)
            .limit(SHOWN)
        )
    )


def _words() -> dict[str, Any]:
    return {
        "kinds": words.INSPECTION_KINDS,
        "inspection_states": words.INSPECTION_STATES,
        "defect_states": DEFECT,
        "overdue_days": services.overdue_days,
        "may_inspect": has_permission("handover.inspect"),
    }


def _handing_over(houses: Any) -> Mapping[str, Any] | None:
    """Return where houses stand, their rounds and their open defects; the count is that of all that is shown.

    Args:
        houses: Keys of the houses, as a list or a query.
    """
    rounds, defects = _rounds(Inspection.unit_id.in_(houses)), _open_defects(Defect.unit_id.in_(houses))
    newest = sa.select(sa.func.max(HandoverUnit.id)).where(HandoverUnit.unit_id.in_(houses))
    places = db.session.scalars(
        sa.select(HandoverUnit)
        .where(HandoverUnit.id.in_(newest.group_by(HandoverUnit.unit_id)))
        .options(joinedload(HandoverUnit.batch), joinedload(HandoverUnit.unit))
        .order_by(HandoverUnit.id)
        .limit(SHOWN)
    ).all()
    if not rounds and not defects and not places:
        return None
    return {
        "rounds": rounds,
        "defects": defects,
        "places": [(place, HANDOVER_UNIT.state_of(place)) for place in places],
        "count": len(places) + len(rounds) + len(defects),
        **_words(),
    }


def of_unit(unit: Unit) -> Mapping[str, Any] | None:
    """Return where a house stands in its batch, its rounds and its open defects."""
    return _handing_over([unit.id])


def of_customer(customer: Customer) -> Mapping[str, Any] | None:
    """Return the same of the houses that a customer holds today."""
    today = local_today()
    held = sa.select(CustomerUnit.unit_id).where(
        CustomerUnit.customer_id == customer.id,
        CustomerUnit.cancelled_on.is_(None),
        sa.or_(CustomerUnit.to_date.is_(None), CustomerUnit.to_date >= today),
    )
    return _handing_over(held)


def my_work(record: Any) -> Mapping[str, Any] | None:
    """Return what waits for the acting user: inspections until today, defects to re-inspect, overdue ones."""
    del record
    me = require_scope().user_id
    rounds = _rounds(
        Inspection.inspector_id == me,
        Inspection.state.in_((InspectionState.PLANNED, InspectionState.IN_PROGRESS)),
        sa.or_(Inspection.planned_on.is_(None), Inspection.planned_on <= local_today()),
    )
    defects = _open_defects(services.overdue_condition())
    waiting: list[Defect] = []
    if has_permission("handover.verify_defect"):
        waiting = _open_defects(
            Defect.state == "fixed", sa.or_(Defect.fixed_by_id != me, Defect.fixed_by_id.is_(None))
        )
    return {
        "rounds": rounds,
        "defects": defects[:8],
        "waiting": waiting[:8],
        "count": len(rounds) + len(defects) + len(waiting),
        **_words(),
    }


def of_batch(batch: HandoverBatch) -> Mapping[str, Any]:
    """Return how many houses of a batch are in which state, and the figures of the batch."""
    counts = dict(
        db.session.execute(
            sa.select(HandoverUnit.state, sa.func.count(HandoverUnit.id))
            .where(HandoverUnit.batch_id == batch.id)
            .group_by(HandoverUnit.state)
        ).all()
    )
    return {
        "states": [(state, counts[state.code]) for state in HANDOVER_UNIT.states if counts.get(state.code)],
        "count": sum(counts.values()),
        "figures": [
            {"label": each.label, "value": each.value, "note": each.fraction, "url": each.url}
            for each in figures_of(batch)
        ],
        "books": services.papers.BOOKS
        if has_permission("documents.print_batch") and has_permission("handover.print")
        else (),
        "book_names": words.PAPER_KINDS,
        "contractors": _contractors(Defect.unit_id.in_(services.houses_of(batch))),
    }


def _contractors(condition: sa.ColumnElement[bool]) -> list[tuple[str, indicators.ContractorRecord]]:
    from plugins.contractors.models import Company

    found = indicators.by_contractor(condition)
    names = {
        company.id: company.label
        for company in db.session.scalars(
            sa.select(Company).where(Company.id.in_([each.contractor_id for each in found]))
        )
    }
    return [(names[each.contractor_id], each) for each in found if each.contractor_id in names]


def day(place: HandoverUnit) -> Mapping[str, Any]:
    """Return stations, fees, papers and keys of a house in a batch, and what stands before the keys."""
    visit = services.last_visit_of(place)
    return {
        "visit": visit,
        "fees": place.fees,
        "total": sum(fee.amount for fee in place.fees),
        "papers": place.papers,
        "keys": place.keys,
        "loans": place.key_loans,
        "late": {loan.id for loan in place.key_loans if services.is_loan_overdue(loan)},
        "obstacles": services.obstacles(place) if place.keys_state == "held" else (),
        "stations": words.STATIONS,
        "outcome": words.outcome(visit.outcome, visit.ended_at is not None) if visit is not None else None,
        "fee_kinds": words.FEE_KINDS,
        "paper_kinds": words.PAPER_KINDS,
        "key_kinds": words.KEY_KINDS,
    }


def results(inspection: Inspection) -> Mapping[str, Any] | None:
    """Return the results of an inspection by room."""
    rows = db.session.scalars(
        sa.select(InspectionResult)
        .where(InspectionResult.inspection_id == inspection.id)
        .order_by(InspectionResult.position)
    ).all()
    if not rows:
        return None
    by_room: dict[int, list[InspectionResult]] = {}
    for row in rows:
        by_room.setdefault(row.room_id, []).append(row)
    return {
        "rooms": [(room, by_room.get(room.id, [])) for room in inspection.rooms],
        "verdicts": words.VERDICTS,
        "measured": words.measured_values,
        "count": len(rows),
    }


def defects_of_inspection(inspection: Inspection) -> Mapping[str, Any] | None:
    """Return the defects that an inspection found, or what it re-inspected."""
    defects = services.valid_defects(inspection)
    rechecks = services.rechecks_of(inspection)
    if not defects and not rechecks:
        return None
    photos = attachments_by_record(defects)
    return {
        "defects": defects,
        "rechecks": rechecks,
        "photos": {key: [photo for photo in held if photo.thumbnail_sha256] for key, held in photos.items()},
        "count": len(defects) or len(rechecks),
        **_words(),
    }


def rechecks(defect: Defect) -> Mapping[str, Any] | None:
    """Return the re-inspections of a defect and the notices on which it stands."""
    notices = db.session.scalars(
        sa.select(RectificationNotice)
        .join(NoticeLine, NoticeLine.notice_id == RectificationNotice.id)
        .where(NoticeLine.defect_id == defect.id)
        .order_by(RectificationNotice.id)
    ).all()
    if not defect.rechecks and not notices and defect.inspection is None:
        return None
    return {
        "rechecks": defect.rechecks,
        "notices": notices,
        "notice_states": NOTICE,
        "inspection": defect.inspection,
        **_words(),
    }


def notice_lines(notice: RectificationNotice) -> Mapping[str, Any]:
    """Return the defects on a notice."""
    defects = [line.defect for line in notice.lines]
    photos = attachments_by_record(defects)
    return {
        "defects": defects,
        "photos": {key: [photo for photo in held if photo.thumbnail_sha256] for key, held in photos.items()},
        "count": len(defects),
        "rechecks": (),
        "objections": [line for line in notice.lines if line.objected_at is not None],
        "may_answer": has_permission("handover.issue_notice"),
        **_words(),
    }


def template_items(template: InspectionTemplate) -> Mapping[str, Any]:
    """Return the items of a checklist by group."""
    groups: dict[str, list[Any]] = {}
    for item in template.items:
        groups.setdefault(words.local(item, "group_name"), []).append(item)
    return {
        "groups": groups,
        "count": len(template.items),
        "may_edit": has_permission("handover.edit_catalogue")
        and template.state == "draft"
        and template.department_id == require_scope().department_id,
        "faults": {code.code: words.local(code) for code in catalogue.defect_codes()},
    }


def planned_inspections(start: dt.datetime, end: dt.datetime, mine: bool) -> list[CalendarEntry]:
    """Return the inspections that are planned for days between two moments, for the calendar.

    Args:
        start: The first moment.
        end: The moment after the last.
        mine: Whether only those of the acting user are asked for.
    """
    first, last = start.astimezone(LOCAL_ZONE).date(), end.astimezone(LOCAL_ZONE).date()
    conditions = [
        Inspection.planned_on >= first,
        Inspection.planned_on < last,
        Inspection.state.in_((InspectionState.PLANNED, InspectionState.IN_PROGRESS)),
    ]
    if mine:
        conditions.append(Inspection.inspector_id == require_scope().user_id)
    rounds = db.session.scalars(
        sa.select(Inspection)
        .where(*conditions)
        .options(joinedload(Inspection.inspector), joinedload(Inspection.unit))
        .order_by(Inspection.planned_on, Inspection.id)
        .limit(PLANNED)
    )
    return [
        CalendarEntry(
            f"{each.unit.code} {words.INSPECTION_KINDS[each.kind]}",
            dt.datetime.combine(each.planned_on or first, dt.time(12), LOCAL_ZONE),
            all_day=True,
            url=url_for("handover_inspections.details_view", id=each.id),
            detail=each.inspector.name if each.inspector is not None else "",
        )
        for each in rounds
    ]
