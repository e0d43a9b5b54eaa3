"""Handover batches and the houses in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    Building,
    DeliveryBatch,
    Phase,
    Project,
    Unit,
    User,
    _,
    db,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    BatchMode,
    HandoverBatch,
    HandoverUnit,
)
from plugins.handover.preparation.services import plan, readiness


def create_batch(
    project: Project,
    *,
    code: str,
    name: str,
    phase: Phase | None = None,
    delivery_on: dt.date | None = None,
    mode: BatchMode = BatchMode.CONCENTRATED,
    manager: User | None = None,
    note: str = "",
    **details: Any,
) -> HandoverBatch:
    """Make a handover batch.

    Args:
        project: The project.
        code: Short code, unique in the project.
        name: What people call it.
        phase: The phase it belongs to.
        delivery_on: T, the delivery date of the contracts.
        mode: Concentrated or scattered.
        manager: Who runs it.
        note: Free text.
        details: opens_on and closes_on (the concentrated days), product, and what is printed on the notice: place,
            directions, contact_phone, complaint_phone, account.

    Returns:
        The batch; with a delivery date it has its plan and its risk check.

    Raises:
        HandoverRuleError: The code is taken or missing, the phase belongs to another project, or the last of the
            concentrated days lies before the first.
    """
    _check_days(details.get("opens_on"), details.get("closes_on"))
    code = _checked_batch(project, code, name, phase, None)
    batch = HandoverBatch(
        project_id=project.id,
        phase_id=phase.id if phase else None,
        code=code,
        name=name.strip(),
        delivery_on=delivery_on,
        mode=mode,
        manager_id=manager.id if manager else None,
        note=note,
        **details,
    )
    db.session.add(batch)
    db.session.flush()
    plan.follow_batch(batch)
    return batch


def change_batch(batch: HandoverBatch, **values: Any) -> None:
    """Change a batch; takes the arguments of :func:`create_batch` except the project.

    Raises:
        HandoverRuleError: The code is taken or missing, or the phase belongs to another project.
    """
    phase = values.pop("phase", batch.phase)
    manager = values.pop("manager", batch.manager)
    batch.code = _checked_batch(
        batch.project, values.pop("code", batch.code), values.get("name", batch.name), phase, batch
    )
    batch.phase_id = phase.id if phase else None
    batch.manager_id = manager.id if manager else None
    _check_days(values.get("opens_on", batch.opens_on), values.get("closes_on", batch.closes_on))
    for name, value in values.items():
        setattr(batch, name, value)
    db.session.flush()
    plan.follow_batch(batch)


def _check_days(first: dt.date | None, last: dt.date | None) -> None:
    if first is not None and last is not None and last < first:
        raise HandoverRuleError(_("The last of the concentrated days lies before the first."))


def _checked_batch(
    project: Project, code: str, name: str, phase: Phase | None, batch: HandoverBatch | None
) -> str:
    code = code.strip()
    if not code or not name.strip():
        raise HandoverRuleError(_("A batch needs a code and a name."))
    if phase is not None and phase.project_id != project.id:
        raise HandoverRuleError(
            _(
                "Phase “%(phase)s” belongs to another project. Choose one of %(project)s.",
                phase=phase.name,
                project=project.name,
            )
        )
    taken = db.session.scalar(
        sa.select(HandoverBatch).where(HandoverBatch.project_id == project.id, HandoverBatch.code == code)
    )
    if taken is not None and taken is not batch:
        raise HandoverRuleError(
            _("The project has a batch with the code %(code)s already. Choose another code.", code=code)
        )
    return code


def add_units(batch: HandoverBatch, units: Sequence[Unit]) -> list[HandoverUnit]:
    """Put houses into a batch; those that are in it already are left alone.

    Raises:
        HandoverRuleError: A house belongs to another project.
    """
    held = set(db.session.scalars(sa.select(HandoverUnit.unit_id).where(HandoverUnit.batch_id == batch.id)))
    added = []
    for unit in units:
        if unit.project_id != batch.project_id:
            raise HandoverRuleError(
                _(
                    "House %(unit)s belongs to another project than the batch %(batch)s.",
                    unit=unit.code,
                    batch=batch.code,
                )
            )
        if unit.id not in held:
            held.add(unit.id)
            added.append(HandoverUnit(project_id=batch.project_id, batch_id=batch.id, unit_id=unit.id))
    db.session.add_all(added)
    db.session.flush()
    if added:
        readiness.weigh_batch(batch)
    return added


def handover_unit_of(unit: Unit) -> HandoverUnit | None:
    """Return the newest place of a house in a batch, or None."""
    return db.session.scalar(
        sa.select(HandoverUnit)
        .where(HandoverUnit.unit_id == unit.id)
        .order_by(HandoverUnit.id.desc())
        .limit(1)
    )


def houses_of(batch: HandoverBatch) -> sa.Select[int]:
    """Return the keys of the houses of a batch, for a condition on what belongs to a house."""
    return sa.select(HandoverUnit.unit_id).where(HandoverUnit.batch_id == batch.id)


def units_of_building(building: Building) -> Sequence[Unit]:
    """Return the houses of a building by code."""
    return db.session.scalars(
        sa.select(Unit).where(Unit.building_id == building.id).order_by(Unit.code)
    ).all()


def delivery_batch(unit_id: int) -> DeliveryBatch | None:
    """Return the newest batch in which a house is, or was, handed over, with all of its houses, or None."""
    batch = db.session.scalar(
        sa.select(HandoverBatch)
        .join(HandoverUnit, HandoverUnit.batch_id == HandoverBatch.id)
        .where(HandoverUnit.unit_id == unit_id)
        .order_by(HandoverBatch.id.desc())
        .limit(1)
    )
    if batch is None:
        return None
    houses = db.session.scalars(sa.select(HandoverUnit.unit_id).where(HandoverUnit.batch_id == batch.id))
    return DeliveryBatch("handover.batch", batch.id, batch.name, tuple(houses))
