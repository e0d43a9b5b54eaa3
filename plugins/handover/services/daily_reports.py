"""The report of a day of handing houses over 交付日报: its figures are counted once and kept as they were."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    _,
    _l,
    add_todo,
    all_departments,
    db,
    is_on,
    issued_for,
    setting,
    utc_now,
)
from plugins.handover import indicators
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    DailyReport,
    Defect,
    HandoverBatch,
    HandoverUnit,
    HandoverVisit,
    Inspection,
    InspectionKind,
    KeyRecord,
    Severity,
    Station,
    StationLog,
)

MOST_HOUSES = 500
"""How many houses a report lists; on one day no batch receives more owners."""


def day_bounds(day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Return the first moment of a day in China and that of the next one."""
    start = dt.datetime.combine(day, dt.time(), LOCAL_ZONE)
    return start, start + dt.timedelta(days=1)


def report_of(batch: HandoverBatch, day: dt.date) -> DailyReport | None:
    """Return the report of a batch about a day, or None."""
    return db.session.scalar(
        sa.select(DailyReport).where(DailyReport.batch_id == batch.id, DailyReport.day == day)
    )


def prepare_report(batch: HandoverBatch, day: dt.date, at: dt.datetime | None = None) -> DailyReport:
    """Count the figures of a day, or count them anew as long as the report was not issued.

    Args:
        batch: The batch.
        day: The day in China.
        at: The moment of counting; now when omitted.

    Raises:
        HandoverRuleError: The day has not come yet, or the report was issued.

    Source: domain reference 3.3.3 (T…T+k: daily report 18:30).
    """
    moment = at or utc_now()
    if day > moment.astimezone(LOCAL_ZONE).date():
        raise HandoverRuleError(_("This day has not come yet. Choose today or a day before."))
    db.session.execute(sa.select(HandoverBatch.id).where(HandoverBatch.id == batch.id).with_for_update())
    report = report_of(batch, day)
    if report is not None and any(each.withdrawn_at is None for each in issued_for(report)):
        raise HandoverRuleError(
            _(
                "The report of %(day)s was issued and does not change any more. Add what is new to its remarks.",
                day=str(day),
            )
        )
    if report is None:
        report = DailyReport(project_id=batch.project_id, batch_id=batch.id, day=day)
        db.session.add(report)
    report.prepared_at = moment
    report.figures = figures_of(batch, day, moment)
    db.session.flush()
    return report


def figures_of(batch: HandoverBatch, day: dt.date, at: dt.datetime) -> dict[str, Any]:
    """Return the figures of a day as plain data.

    Args:
        batch: The batch.
        day: The day in China.
        at: The moment of counting, for rates up to now.
    """
    start, end = day_bounds(day)
    moment = min(at, end)
    of_batch = HandoverUnit.batch_id == batch.id
    came = sa.and_(of_batch, HandoverVisit.arrived_at >= start, HandoverVisit.arrived_at < end)
    due = indicators.delivered_by(moment, of_batch)
    visits = _visits(came)
    last = {visit.handover_unit_id: visit for visit in visits}
    outcomes = [visit.outcome for visit in last.values()]
    refused = [visit for visit in last.values() if visit.outcome == "refused"]
    keys = _keys_handed(of_batch, start, end)
    return {
        "due": due.denominator,
        "delivered_so_far": due.numerator,
        "booked": _count(of_batch, HandoverUnit.booked_for >= start, HandoverUnit.booked_for < end),
        "arrived": len(last),
        "accepted": outcomes.count("accepted"),
        "accepted_with_defects": outcomes.count("accepted_with_defects"),
        "refused": len(refused),
        "refusals": [
            {"house": visit.handover_unit.unit.code, "reason": visit.refusal_reason} for visit in refused
        ],
        "undecided": outcomes.count(""),
        "delivered": _count(of_batch, HandoverUnit.delivered_at >= start, HandoverUnit.delivered_at < end),
        "key_houses": len({key.handover_unit_id for key in keys}),
        "keys": sum(key.quantity for key in keys),
        "k02": _fraction(indicators.accepted_at_first_visit(came)),
        "k03": _fraction(due),
        "k09": _fraction(indicators.refused(came)),
        "k10": _fraction(indicators.handover_minutes(came)),
        "defects": _defects(batch, start, end),
        "stations": _stations(came),
        "houses": [_house(visit) for visit in list(last.values())[:MOST_HOUSES]],
    }


def _fraction(rate: indicators.Rate) -> list[int]:
    return [rate.numerator, rate.denominator]


def _count(*conditions: sa.ColumnElement[bool]) -> int:
    return int(db.session.scalar(sa.select(sa.func.count(HandoverUnit.id)).where(*conditions)) or 0)


def _visits(condition: sa.ColumnElement[bool]) -> Sequence[HandoverVisit]:
    return db.session.scalars(
        sa.select(HandoverVisit)
        .join(HandoverUnit, HandoverUnit.id == HandoverVisit.handover_unit_id)
        .where(condition)
        .order_by(HandoverVisit.arrived_at, HandoverVisit.id)
    ).all()


def _keys_handed(
    of_batch: sa.ColumnElement[bool], start: dt.datetime, end: dt.datetime
) -> Sequence[KeyRecord]:
    return db.session.scalars(
        sa.select(KeyRecord)
        .join(HandoverUnit, HandoverUnit.id == KeyRecord.handover_unit_id)
        .where(of_batch, KeyRecord.handed_at >= start, KeyRecord.handed_at < end)
    ).all()


def _defects(batch: HandoverBatch, start: dt.datetime, end: dt.datetime) -> dict[str, int]:
    """Count the defects that formal inspections found on a day, by severity."""
    rows = db.session.execute(
        sa.select(Defect.severity, sa.func.count(Defect.id))
        .join(Inspection, Inspection.id == Defect.inspection_id)
        .join(HandoverUnit, HandoverUnit.id == Inspection.handover_unit_id)
        .where(
            HandoverUnit.batch_id == batch.id,
            Inspection.kind == InspectionKind.FORMAL,
            Defect.raised_at >= start,
            Defect.raised_at < end,
            Defect.state != "invalid",
        )
        .group_by(Defect.severity)
    )
    found = {str(row[0]): int(row[1]) for row in rows}
    return {str(level): found.get(str(level), 0) for level in Severity}


def _stations(came: sa.ColumnElement[bool]) -> dict[str, dict[str, int]]:
    """Return how many stays there were at each station, their mean and the longest one, in whole minutes."""
    rows = db.session.execute(
        sa.select(StationLog.station, StationLog.entered_at, StationLog.left_at)
        .join(HandoverVisit, HandoverVisit.id == StationLog.visit_id)
        .join(HandoverUnit, HandoverUnit.id == HandoverVisit.handover_unit_id)
        .where(came)
    )
    minutes: dict[str, list[float]] = {}
    for station, entered, left in rows:
        if left is None:
            continue
        minutes.setdefault(str(station), []).append((left - entered).total_seconds() / 60)
    return {
        str(station): {
            "stays": len(minutes[str(station)]),
            "mean": round(sum(minutes[str(station)]) / len(minutes[str(station)])),
            "longest": round(max(minutes[str(station)])),
        }
        for station in Station
        if str(station) in minutes
    }


def _house(visit: HandoverVisit) -> dict[str, Any]:
    place = visit.handover_unit
    handed = max((key.handed_at for key in place.keys if key.handed_at is not None), default=None)
    return {
        "house": place.unit.code,
        "visit": visit.number,
        "arrived": visit.arrived_at.astimezone(LOCAL_ZONE).strftime("%H:%M"),
        "left": visit.ended_at.astimezone(LOCAL_ZONE).strftime("%H:%M") if visit.ended_at is not None else "",
        "outcome": visit.outcome,
        "reason": visit.refusal_reason,
        "keys": handed.astimezone(LOCAL_ZONE).strftime("%H:%M") if handed is not None else "",
        "keys_on": handed.astimezone(LOCAL_ZONE).date().isoformat() if handed is not None else "",
    }


# Every evening


def batches_to_report(at: dt.datetime) -> list[int]:
    """Return the batches whose report of today is due: their day had visits or bookings, and its hour has come.

    Args:
        at: The present moment.
    """
    local = at.astimezone(LOCAL_ZONE)
    start, end = day_bounds(local.date())
    has_day = sa.exists().where(
        HandoverUnit.batch_id == HandoverBatch.id,
        sa.or_(
            sa.and_(HandoverUnit.arrived_at >= start, HandoverUnit.arrived_at < end),
            sa.and_(HandoverUnit.booked_for >= start, HandoverUnit.booked_for < end),
        ),
    )
    has_report = sa.exists().where(DailyReport.batch_id == HandoverBatch.id, DailyReport.day == local.date())
    with all_departments("finding the batches whose report of the day is due"):
        found = db.session.scalars(
            sa.select(HandoverBatch).where(has_day, ~has_report).order_by(HandoverBatch.id)
        ).all()
        return [
            batch.id
            for batch in found
            if is_on("handover", batch.project.department_id)
            and local.strftime("%H:%M")
            >= str(setting("handover", "daily_report_time", batch.project.department_id))
        ]


def send_report(batch_id: int, at: dt.datetime) -> DailyReport:
    """Prepare the report of today and ask the manager of the batch, else its PCM, to read it and pass it on.

    Args:
        batch_id: The batch.
        at: The present moment.
    """
    with all_departments("preparing the report of the day"):
        batch = db.session.get_one(HandoverBatch, batch_id)
        report = prepare_report(batch, at.astimezone(LOCAL_ZONE).date(), at)
        add_todo(
            report,
            _l("Read and issue the daily report of %(batch)s", batch=batch.name),
            owner=batch.manager_id,
            role="PCM",
            due_at=at + dt.timedelta(hours=2),
            dedupe_key=f"handover.daily_report:{report.id}",
        )
    return report
