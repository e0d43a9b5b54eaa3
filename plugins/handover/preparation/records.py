"""Where the records of the preparation stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for

from core.toolkit import _
from plugins.handover.preparation.models import AreaSettlement, FeeRule, PlanStep
from plugins.handover.records import handover_unit_path

Path = Sequence[tuple[str, str | None]]


def of_batch(record: Any) -> Path:
    """Return project › batch."""
    batch = record.batch
    return [
        (batch.project.name, None),
        (batch.name, url_for("handover_batches.details_view", id=batch.id)),
    ]


def of_rule(record: FeeRule) -> Path:
    """Return project › list of rules."""
    return [(record.project.name, None), (_("Rules of fees"), url_for("handover_fee_rules.index_view"))]


def of_step(record: PlanStep) -> Path:
    """Return department › timetable."""
    return [
        (record.department.name, None),
        (_("Handover timetable"), url_for("handover_plan_steps.index_view")),
    ]


def of_area(record: AreaSettlement) -> Path:
    """Return the path of the house in its batch, and the house."""
    place = record.handover_unit
    return [
        *handover_unit_path(place),
        (place.unit.code, url_for("handover_units.details_view", id=place.id)),
    ]
