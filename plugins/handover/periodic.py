"""What the module does by itself: the report of the day in the evening, and the patrols of vacant houses each month."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    Building,
    JobRun,
    PeriodicTask,
    Unit,
    _l,
    add_todo,
    all_departments,
    db,
    is_on,
    local_today,
    setting,
    utc_now,
)
from plugins.handover import services
from plugins.handover.models import HandoverBatch, HandoverUnit, KeysState


def send_daily_reports(run: JobRun) -> None:
    """Prepare the reports of the batches whose hour has come (domain reference 3.3.3: 18:30)."""
    now = utc_now()
    for batch_id in run.steps(services.batches_to_report(now)):
        services.send_report(batch_id, now)


def buildings_to_patrol(day: dt.date) -> Sequence[int]:
    """Return the buildings with houses that nobody took over for so long that they are patrolled.

    Args:
        day: Today in China.

    Source: domain reference 3.3.3 (T+30: vacant patrol starts).
    """
    with all_departments("finding the vacant houses to patrol"):
        rows = db.session.execute(
            sa.select(Unit.building_id, sa.func.min(HandoverBatch.delivery_on))
            .join(HandoverUnit, HandoverUnit.unit_id == Unit.id)
            .join(HandoverBatch, HandoverBatch.id == HandoverUnit.batch_id)
            .where(
                HandoverUnit.keys_state == KeysState.HELD,
                HandoverUnit.notice_sent_at.is_not(None),
                HandoverBatch.delivery_on.is_not(None),
            )
            .group_by(Unit.building_id)
            .order_by(Unit.building_id)
        ).all()
        found = []
        for building_id, delivery_on in rows:
            building = db.session.get_one(Building, building_id)
            department_id = building.project.department_id
            wait = dt.timedelta(days=int(setting("handover", "patrol_starts_days", department_id)))
            if delivery_on is not None and delivery_on + wait <= day and is_on("handover", department_id):
                found.append(building_id)
    return found


def ask_for_patrols(run: JobRun) -> None:
    """Ask once a month for the patrol of each building with vacant houses (touchpoint TP-E10: report on the 15th)."""
    today = local_today()
    due = dt.datetime.combine(today.replace(day=15), dt.time(18), LOCAL_ZONE)
    if today.day > 15:
        return
    for building_id in run.steps(buildings_to_patrol(today)):
        with all_departments("asking for the patrol of vacant houses"):
            building = db.session.get_one(Building, building_id)
            add_todo(
                building,
                _l(
                    "Patrol the vacant houses of %(building)s and report",
                    building=building.name or building.code,
                ),
                role="PM",
                due_at=due,
                dedupe_key=f"handover.patrol:{building_id}:{today:%Y-%m}",
            )


TASKS = (
    PeriodicTask(
        "handover.daily_reports", _l("Prepare the daily reports of handovers"), send_daily_reports, minutes=10
    ),
    PeriodicTask(
        "handover.patrols", _l("Ask for the patrols of vacant houses"), ask_for_patrols, daily_at="06:40"
    ),
)
