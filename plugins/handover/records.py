"""How records of the module are called, where they stand, and how the global search finds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import url_for
from sqlalchemy.orm import joinedload

from core.toolkit import SearchHit, Unit, _, db, in_language, normalise_unit_text
from plugins.handover import services, words
from plugins.handover.models import (
    BookFacts,
    DailyReport,
    Defect,
    HandoverBatch,
    HandoverUnit,
    HouseForm,
    Inspection,
    RectificationNotice,
    TemplateItem,
    UserManual,
)
from plugins.handover.workflows import DEFECT, NOTICE

Path = Sequence[tuple[str, str | None]]


def _path_of_unit(unit: Unit) -> list[tuple[str, str | None]]:
    building = unit.building
    return [
        (in_language(unit.project.name, unit.project.name_en), None),
        (building.phase.name, None),
        (building.name or building.code, None),
        (unit.code, url_for("units.details_view", id=unit.id)),
    ]


def unit_path(record: Any) -> Path:
    """Return project › phase › building › unit of a record of one house."""
    return _path_of_unit(record.unit)


def handover_unit_path(record: HandoverUnit) -> Path:
    """Return the path of a house in a batch, with the batch before the house."""
    project, phase, building, _unit = _path_of_unit(record.unit)
    batch = (record.batch.name, url_for("handover_batches.details_view", id=record.batch_id))
    return [project, phase, building, batch]


def batch_path(record: HandoverBatch) -> Path:
    """Return project › phase of a batch."""
    return [(in_language(record.project.name, record.project.name_en), None)] + (
        [(record.phase.name, None)] if record.phase else []
    )


def notice_path(record: RectificationNotice) -> Path:
    """Return project › list of notices."""
    return [
        (in_language(record.project.name, record.project.name_en), None),
        (_("Rectification notices"), url_for("handover_notices.index_view")),
    ]


def item_path(record: TemplateItem) -> Path:
    """Return the checklist of an item."""
    return [
        (_("Checklists"), url_for("handover_templates.index_view")),
        (record.template.title, url_for("handover_templates.details_view", id=record.template_id)),
    ]


def inspection_title(record: Inspection) -> str:
    """Return number, kind and round."""
    return f"{record.number} · {words.INSPECTION_KINDS[record.kind]} {round_title(record.round_number)}"


def round_title(number: int) -> str:
    """Return the words for a round."""
    return _("round %(number)d", number=number)


def defect_heading(record: Defect) -> str:
    """Return number and what is wrong."""
    return f"{record.number} · {services.defect_title(record)}"


def _typed(text: str) -> str:
    return text.strip().upper()[:40]


def _tail(text: str) -> bool:
    """Whether a number can be meant: "DF-YQW-202611-0142", "0142" or "202611-0142"."""
    return len(text) >= 4 and any(character.isdigit() for character in text) and text.isascii()


def _by_number(model: Any, query: str, limit: int, *options: Any) -> Sequence[Any]:
    text = _typed(query)
    if not _tail(text) or not text.startswith(("DF-", "YF-", "ZG-")):
        return []
    # A prefix is read along the unique index of the number.
    statement = sa.select(model).where(model.number >= text, model.number < f"{text}\uffff")
    return db.session.scalars(statement.order_by(model.number).options(*options).limit(limit)).all()


def find_defects(query: str, limit: int) -> Sequence[SearchHit]:
    """Return defects by the beginning of their number."""
    found = _by_number(Defect, query, limit, joinedload(Defect.unit))
    return [
        SearchHit(
            f"{defect.number} · {services.defect_title(defect)}",
            url_for("handover_defects.details_view", id=defect.id),
            f"{defect.unit.code} · {defect.severity} · {DEFECT.state_of(defect).label}",
        )
        for defect in found
    ]


def find_inspections(query: str, limit: int) -> Sequence[SearchHit]:
    """Return inspections by the beginning of their number, or the newest ones of a house, 3-2-1502."""
    found = list(_by_number(Inspection, query, limit, joinedload(Inspection.unit)))
    code = normalise_unit_text(query[:40])
    if not found and code.count("-") >= 1:
        found = list(
            db.session.scalars(
                sa.select(Inspection)
                .join(Unit, Unit.id == Inspection.unit_id)
                .where(Unit.code == code)
                .options(joinedload(Inspection.unit))
                .order_by(Inspection.id.desc())
                .limit(limit)
            )
        )
    return [
        SearchHit(
            inspection_title(inspection),
            url_for("handover_inspections.details_view", id=inspection.id),
            f"{inspection.unit.code} · {words.INSPECTION_STATES[inspection.state][1]}",
        )
        for inspection in found
    ]


def find_notices(query: str, limit: int) -> Sequence[SearchHit]:
    """Return notices by the beginning of their number."""
    found = _by_number(RectificationNotice, query, limit, joinedload(RectificationNotice.contractor))
    return [
        SearchHit(
            notice.number,
            url_for("handover_notices.details_view", id=notice.id),
            f"{notice.contractor.label} · {NOTICE.state_of(notice).label}",
        )
        for notice in found
    ]


def form_path(record: HouseForm) -> Path:
    """Return the breadcrumbs of a form that is signed on glass."""
    return [
        *handover_unit_path(record.handover_unit),
        (record.handover_unit.unit.code, url_for("handover_units.details_view", id=record.handover_unit_id)),
    ]


def report_path(record: DailyReport) -> Path:
    """Return the breadcrumbs of a daily report."""
    return [
        *batch_path(record.batch),
        (record.batch.name, url_for("handover_batches.details_view", id=record.batch_id)),
    ]


def project_path(record: BookFacts | UserManual) -> Path:
    """Return the breadcrumbs of what belongs to a project as a whole."""
    name = services.local_name(record.project, services.current_language())
    return [(name, url_for("projects.details_view", id=record.project_id))]


def facts_title(record: BookFacts) -> str:
    """Return for which building or project facts hold."""
    if record.building is not None:
        return record.building.name or record.building.code
    return services.local_name(record.project, services.current_language())
