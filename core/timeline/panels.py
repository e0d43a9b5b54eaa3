"""The timeline as a section of a record page, and what its templates show of an entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import url_for

from core.database.scope import require_scope
from core.database.types import LOCAL_ZONE
from core.extensions import db
from core.people.models import User
from core.people.permissions import has_permission
from core.people.services import department_path
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime
from core.timeline import catalogue, services
from core.timeline.models import TimelineEntry

PANEL_ENTRIES = 8


@dataclass(frozen=True)
class Line:
    """An entry as it is shown.

    Attributes:
        entry: The row.
        when: Day and time in China.
        kind: Word for its kind; the code when its module is gone.
        tone: late, wait, ok or calm.
        by: Name of the user, or "".
        url: Address of the record it speaks of, or None.
    """

    entry: TimelineEntry
    when: str
    kind: str
    tone: str
    by: str
    url: str | None


@dataclass(frozen=True)
class StageCount:
    """How many touchpoints of a stage were reached, of how many that the company uses."""

    code: str
    name: str
    reached: int
    total: int


def subject_of(record_kind: str, record_id: int) -> dict[str, Any]:
    """Return the argument that names a customer or a unit for :mod:`core.timeline.services`.

    Raises:
        LookupError: Records of this kind have no timeline.
    """
    names = {"core.customer": "customer_id", "core.unit": "unit_id"}
    if record_kind not in names:
        raise LookupError(record_kind)
    return {names[record_kind]: record_id}


def lines_of(entries: Sequence[TimelineEntry]) -> list[Line]:
    """Return entries as they are shown, with the names of those who wrote them in one query."""
    ids = {entry.user_id for entry in entries if entry.user_id is not None}
    names: dict[int, str] = {}
    if ids:
        rows = db.session.execute(sa.select(User.id, User.name).where(User.id.in_(ids)))
        names = {row.id: row.name for row in rows}
    return [_line(entry, names) for entry in entries]


def _line(entry: TimelineEntry, names: Mapping[int, str]) -> Line:
    kind = current_runtime().declared.timeline_kind(entry.kind)
    return Line(
        entry,
        entry.happened_at.astimezone(LOCAL_ZONE).strftime("%Y-%m-%d %H:%M"),
        str(kind.label) if kind is not None else entry.kind,
        kind.tone if kind is not None else "calm",
        names.get(entry.user_id or 0, ""),
        _record_url(entry),
    )


def _record_url(entry: TimelineEntry) -> str | None:
    if entry.record_kind is None or entry.record_id is None:
        return None
    declared = current_runtime().declared
    kind = declared.record_kind(entry.record_kind)
    if kind is None or not has_permission(kind.view_permission) or not is_on(declared.component_of(kind)):
        return None
    return url_for(kind.endpoint, id=entry.record_id)


def touchpoints_here() -> list[services.EffectiveTouchpoint]:
    """Return the catalogue as the acting department has it."""
    department_id = require_scope().department_id
    return services.effective_touchpoints(department_path(department_id) if department_id is not None else ())


def stage_counts(reached: Mapping[str, Any]) -> list[StageCount]:
    """Return for each stage how many of its touchpoints were reached."""
    used = [item for item in touchpoints_here() if item.is_active or item.touchpoint.code in reached]
    return [
        StageCount(
            code,
            name,
            sum(1 for item in used if item.stage == code and item.touchpoint.code in reached),
            sum(1 for item in used if item.stage == code),
        )
        for code, name in catalogue.stages()
    ]


def timeline_of(record: Any) -> Mapping[str, Any] | None:
    """Return the newest entries of a customer or unit for its page."""
    kind = current_runtime().declared.record_kind_of(record)
    if kind is None:
        return None
    subject = subject_of(kind.code, record.id)
    entries = services.entries_of(**subject, limit=PANEL_ENTRIES + 1)
    return {
        "lines": lines_of(entries[:PANEL_ENTRIES]),
        "stages": stage_counts(services.reached(**subject)),
        "all_url": url_for("timeline.index", kind=kind.code, id=record.id),
        "more": len(entries) > PANEL_ENTRIES,
    }
