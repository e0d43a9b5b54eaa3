"""The records behind a figure of a batch: what its denominator counts, and which of them make its numerator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from core.toolkit import db, utc_now
from plugins.handover import indicators
from plugins.handover.models import Defect, HandoverUnit, HandoverVisit, Inspection

COUNTED, REACHED = "counted", "reached"
"""The denominator, and the numerator."""
PARTS = (COUNTED, REACHED)
Found = tuple[Any, list[int]]
"""What the records are, and their keys in order."""


def _keys(model: Any, *conditions: sa.ColumnElement[bool]) -> Found:
    return model, list(db.session.scalars(sa.select(model.id).where(*conditions).order_by(model.id)))


def _of(model: Any, on_batch: Callable[[int], sa.ColumnElement[bool]], counted: Callable[[], Any]) -> Any:
    def found(batch_id: int, part: str) -> Found:
        what = counted()
        good = (what.good,) if part == REACHED else ()
        return _keys(model, on_batch(batch_id), *what.where, *good)

    return found


def _houses(batch_id: int) -> sa.Select[int]:
    return sa.select(HandoverUnit.unit_id).where(_on_house(batch_id))


def _on_inspection(batch_id: int) -> sa.ColumnElement[bool]:
    return Inspection.unit_id.in_(_houses(batch_id))


def _on_defect(batch_id: int) -> sa.ColumnElement[bool]:
    return Defect.unit_id.in_(_houses(batch_id))


def _on_house(batch_id: int) -> sa.ColumnElement[bool]:
    return HandoverUnit.batch_id == batch_id


def _accepted(batch_id: int, part: str) -> Found:
    of = indicators.houses_accepted_at_once if part == REACHED else indicators.houses_visiting
    return _keys(HandoverUnit, HandoverUnit.id.in_(of(_on_house(batch_id))))


def _refused(batch_id: int, part: str) -> Found:
    of = indicators.houses_refused if part == REACHED else indicators.houses_visiting
    return _keys(HandoverUnit, HandoverUnit.id.in_(of(_on_house(batch_id))))


def _in_time(batch_id: int, part: str) -> Found:
    judged = indicators.houses_due(_on_house(batch_id))
    return HandoverUnit, [key for key, is_in_time in judged if is_in_time or part == COUNTED]


def _per_house(batch_id: int, part: str) -> Found:
    if part == COUNTED:
        return _keys(Inspection, _on_inspection(batch_id), *indicators.counted_first_rounds().where)
    query = (
        sa.select(Defect.id)
        .join(Inspection, Inspection.id == Defect.inspection_id)
        .where(_on_inspection(batch_id), *indicators.defects_of_first_rounds())
        .order_by(Defect.id)
    )
    return Defect, list(db.session.scalars(query))


def _minutes(batch_id: int, part: str) -> Found:
    del part
    return HandoverVisit, [key for key, _minutes in indicators.visit_minutes(_on_house(batch_id))]


SOURCES: Mapping[str, Callable[[int, str], Found]] = {
    "K01": _of(Inspection, _on_inspection, indicators.counted_first_rounds),
    "K02": _accepted,
    "K03": _of(HandoverUnit, _on_house, lambda: indicators.counted_deliveries(utc_now())),
    "K04": _in_time,
    "K05": _per_house,
    "K06": _of(Defect, _on_defect, indicators.counted_defects),
    "K07": _of(Defect, _on_defect, indicators.counted_repairs),
    "K08": _of(Defect, _on_defect, indicators.counted_rechecks),
    "K09": _refused,
    "K10": _minutes,
}
"""How the records of each figure are found: key of the batch, and part. K10 adds minutes up; both parts are its
visits."""


def page_of(found: Found, offset: int, limit: int) -> list[Any]:
    """Return some of the records behind a figure, loaded.

    Args:
        found: What a source returned.
        offset: How many are left out.
        limit: How many at the most.
    """
    model, keys = found
    chosen = keys[offset : offset + limit]
    rows = {row.id: row for row in db.session.scalars(sa.select(model).where(model.id.in_(chosen)))}
    return [rows[key] for key in chosen if key in rows]
