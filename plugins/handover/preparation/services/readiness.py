"""Whether a house could be delivered, and since when (K04).

A house is capable of delivery as long as both hold:

- every task of its batch that is marked as required is done (or was found not to be needed): take-over inspection,
  completion filing, two books, and cleaning with keys tried, unless the department plans otherwise;
- no S1 or S2 defect of the house is open, or its owner has accepted it all the same.

``HandoverUnit.capable_at`` holds the moment since which that is so without a break. Once T has come it is not taken
away any more: what is found afterwards does not make the past late.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from core.toolkit import LOCAL_ZONE, JobRun, Unit, _, db, local_today, utc_now
from plugins.handover.models import Defect, HandoverBatch, HandoverUnit, Severity
from plugins.handover.preparation.models import PlanTask
from plugins.handover.workflows import OPEN

ACCEPTED = ("accepted", "accepted_with_defects", "keys_handed", "delivered", "reviewed")
SERIOUS = (Severity.S1, Severity.S2)


def contract_day(place: HandoverUnit) -> dt.date | None:
    """Return T of a house: the delivery date of its own contract, else that of the batch."""
    return place.unit.contract_delivery_on or place.batch.delivery_on


def missing_tasks(batch: HandoverBatch) -> Sequence[PlanTask]:
    """Return the required tasks of a batch that are still to be done."""
    return db.session.scalars(
        sa.select(PlanTask)
        .where(
            PlanTask.batch_id == batch.id,
            PlanTask.required.is_(True),
            PlanTask.state.not_in(("done", "dropped")),
        )
        .order_by(PlanTask.due_on, PlanTask.id)
    ).all()


def gaps(place: HandoverUnit) -> list[str]:
    """Return what keeps a house from being capable of delivery, each a full sentence."""
    found = []
    if not _has_plan(place.batch_id):
        found.append(_("The batch has no plan yet. Enter its contract delivery date."))
    found += [
        _("“%(title)s” is not done yet; it is due on %(day)s.", title=task.title, day=task.due_on.isoformat())
        for task in missing_tasks(place.batch)
    ]
    if place.state not in ACCEPTED and place.unit_id in _troubled([place.unit_id]):
        found.append(_("S1 or S2 defects of %(unit)s are open.", unit=place.unit.code))
    return found


def _has_plan(batch_id: int) -> bool:
    found = db.session.scalar(sa.select(PlanTask.id).where(PlanTask.batch_id == batch_id).limit(1))
    return found is not None


def _troubled(unit_ids: Sequence[int] | sa.Select[int]) -> set[int]:
    """Return the houses that have an open S1 or S2 defect."""
    return set(
        db.session.scalars(
            sa.select(Defect.unit_id)
            .where(Defect.unit_id.in_(unit_ids), Defect.severity.in_(SERIOUS), Defect.state.in_(OPEN))
            .distinct()
        )
    )


def troubled_houses(batch: HandoverBatch, limit: int = 30) -> Sequence[HandoverUnit]:
    """Return the houses of a batch that open S1 or S2 defects keep from being delivered, by their code.

    Args:
        batch: The batch.
        limit: How many at the most.
    """
    troubled = sa.exists().where(
        Defect.unit_id == HandoverUnit.unit_id, Defect.severity.in_(SERIOUS), Defect.state.in_(OPEN)
    )
    return db.session.scalars(
        sa.select(HandoverUnit)
        .join(Unit, Unit.id == HandoverUnit.unit_id)
        .where(HandoverUnit.batch_id == batch.id, HandoverUnit.state.not_in(ACCEPTED), troubled)
        .options(sa.orm.contains_eager(HandoverUnit.unit))
        .order_by(Unit.code)
        .limit(limit)
    ).all()


def weigh_batch(batch: HandoverBatch) -> int:
    """Note which houses of a batch have become capable of delivery, or are so no more; returns how many changed."""
    db.session.flush()
    places = db.session.scalars(
        sa.select(HandoverUnit)
        .where(HandoverUnit.batch_id == batch.id)
        .options(sa.orm.joinedload(HandoverUnit.unit).load_only(Unit.contract_delivery_on))
    ).all()
    houses = sa.select(HandoverUnit.unit_id).where(HandoverUnit.batch_id == batch.id)
    is_prepared = _has_plan(batch.id) and not missing_tasks(batch)
    troubled = _troubled(houses) if is_prepared else set()
    return sum(_weigh(place, batch, is_prepared, place.unit_id in troubled) for place in places)


def weigh_unit(unit_id: int) -> None:
    """Note whether a house has become capable of delivery, or is so no more, because a defect has changed.

    Args:
        unit_id: The house, which may be in no batch.
    """
    db.session.flush()
    places = db.session.scalars(sa.select(HandoverUnit).where(HandoverUnit.unit_id == unit_id)).all()
    for place in places:
        is_prepared = _has_plan(place.batch_id) and not missing_tasks(place.batch)
        _weigh(place, place.batch, is_prepared, is_prepared and unit_id in _troubled([unit_id]))


def _weigh(place: HandoverUnit, batch: HandoverBatch, is_prepared: bool, is_troubled: bool) -> bool:
    is_capable = is_prepared and (place.state in ACCEPTED or not is_troubled)
    if is_capable == (place.capable_at is not None):
        return False
    day = place.unit.contract_delivery_on or batch.delivery_on
    if not is_capable and is_frozen(place.capable_at, day):
        return False
    place.capable_at = utc_now() if is_capable else None
    db.session.flush()
    return True


def is_frozen(capable_at: dt.datetime | None, day: dt.date | None, today: dt.date | None = None) -> bool:
    """Return whether a house was capable on its T, so that nothing takes that away any more.

    Args:
        capable_at: Since when it is capable.
        day: T of the house.
        today: The day of counting.
    """
    return (
        capable_at is not None
        and day is not None
        and is_in_time(capable_at, day)
        and day < (today or local_today())
    )


def is_in_time(capable_at: dt.datetime | None, day: dt.date) -> bool:
    """Return whether a house was capable of delivery on T, or before."""
    return capable_at is not None and capable_at.astimezone(LOCAL_ZONE).date() <= day


def weigh_all(run: JobRun) -> None:
    """Look at the houses of all batches that are not closed, once a day: whatever changed past the rules is seen."""
    keys = db.session.scalars(
        sa.select(HandoverBatch.id).where(HandoverBatch.state != "closed").order_by(HandoverBatch.id)
    ).all()
    for key in run.steps(keys):
        batch = db.session.get(HandoverBatch, key)
        if batch is not None:
            weigh_batch(batch)
