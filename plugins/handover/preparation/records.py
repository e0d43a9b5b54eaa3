"""Where the records of the preparation stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for

from core.toolkit import _, in_language
from plugins.handover.preparation.models import AreaSettlement, FeeRule, PlanStep
from plugins.handover.records import handover_unit_path

Path = Sequence[tuple[str, str | None]]


def of_batch(record: Any) -> Path:
    """Return project › batch."""
    batch = record.batch
    return [
        (in_language(batch.project.name, batch.project.name_en), None),
        (batch.name, url_for("handover_batches.details_view", id=batch.id)),
    ]


def of_rule(record: FeeRule) -> Path:
    """Return project › list of rules."""
    return [
        (in_language(record.project.name, record.project.name_en), None),
        (_("Rules of fees"), url_for("handover_fee_rules.index_view")),
    ]


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
