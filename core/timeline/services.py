"""Writing to and reading from the timeline; recording that a touchpoint was reached."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from core.database.scope import require_scope
from core.database.types import utc_now
from core.extensions import db
from core.plugin_system import dispatch
from core.timeline.models import TimelineEntry, Touchpoint, TouchpointOverride


class UnknownTouchpointError(LookupError):
    """A touchpoint code is not in the catalogue."""


@dataclass(frozen=True)
class TouchpointFact:
    """What plugins receive when a touchpoint was reached.

    Attributes:
        code: Touchpoint code, for example ``TP-E08``.
        component: Slug of the component that recorded it.
        happened_at: Moment in UTC.
        project_id: The project, if any.
        unit_id: The unit, if any.
        customer_id: The customer, if any.
        entry_id: The timeline entry that holds the fact.
        details: Plain data for those who react.
    """

    code: str
    component: str
    happened_at: dt.datetime
    project_id: int | None
    unit_id: int | None
    customer_id: int | None
    entry_id: int
    details: Mapping[str, Any] = field(default_factory=dict)


def write(
    kind: str,
    summary: str,
    *,
    customer: Any = None,
    unit: Any = None,
    project: Any = None,
    record_kind: str | None = None,
    record_id: int | None = None,
    touchpoint_code: str | None = None,
    happened_at: dt.datetime | None = None,
    details: Mapping[str, Any] | None = None,
) -> TimelineEntry:
    """Add an entry to the timeline of a customer, a unit, or both, in the caller's transaction.

    Args:
        kind: ``<component>.<fact>``, as declared by a ``TimelineKind``.
        summary: One sentence, as staff will read it years later.
        customer: The customer, or None.
        unit: The unit, or None; its project is taken when ``project`` is not given.
        project: The project, or None.
        record_kind: Kind of the record that the entry speaks of, for the link.
        record_id: Id of that record.
        touchpoint_code: The touchpoint that was reached, if any.
        happened_at: Moment in UTC; now when omitted.
        details: Plain data (JSON) for those who read the entry by program.
    """
    scope = require_scope()
    project_id = project.id if project is not None else (unit.project_id if unit is not None else None)
    entry = TimelineEntry(
        kind=kind,
        component=kind.split(".", 1)[0],
        summary=summary,
        touchpoint_code=touchpoint_code,
        happened_at=happened_at or utc_now(),
        details=dict(details or {}),
        project_id=project_id,
        unit_id=unit.id if unit is not None else None,
        customer_id=customer.id if customer is not None else None,
        department_id=scope.department_id,
        user_id=scope.user_id,
        record_kind=record_kind,
        record_id=record_id,
    )
    db.session.add(entry)
    db.session.flush()
    return entry


def reach(
    code: str,
    kind: str,
    summary: str,
    *,
    customer: Any = None,
    unit: Any = None,
    project: Any = None,
    record_kind: str | None = None,
    record_id: int | None = None,
    happened_at: dt.datetime | None = None,
    details: Mapping[str, Any] | None = None,
) -> TimelineEntry:
    """Record that a touchpoint was reached, and tell every plugin that is on.

    The entry is written in the caller's transaction; a plugin that fails to react does not undo it.

    Args:
        code: Touchpoint code, for example ``TP-E08``.
        kind: ``<component>.<fact>``.
        summary: One sentence for the timeline.
        customer: The customer, or None.
        unit: The unit, or None.
        project: The project, or None.
        record_kind: Kind of the record that the entry speaks of.
        record_id: Id of that record.
        happened_at: Moment in UTC; now when omitted.
        details: Plain data for those who react.

    Raises:
        UnknownTouchpointError: The code is not in the catalogue.
    """
    known = db.session.scalar(sa.select(Touchpoint.id).where(Touchpoint.code == code))
    if known is None:
        raise UnknownTouchpointError(f"There is no touchpoint {code!r} in the catalogue.")
    entry = write(
        kind,
        summary,
        customer=customer,
        unit=unit,
        project=project,
        record_kind=record_kind,
        record_id=record_id,
        touchpoint_code=code,
        happened_at=happened_at,
        details=details,
    )
    fact = TouchpointFact(
        code=code,
        component=entry.component,
        happened_at=entry.happened_at,
        project_id=entry.project_id,
        unit_id=entry.unit_id,
        customer_id=entry.customer_id,
        entry_id=entry.id,
        details=dict(details or {}),
    )
    dispatch.call("touchpoint_reached", fact=fact)
    return entry


def entries_of(
    *,
    customer_id: int | None = None,
    unit_id: int | None = None,
    before: TimelineEntry | None = None,
    limit: int = 30,
) -> Sequence[TimelineEntry]:
    """Return the newest entries of a customer or a unit.

    Args:
        customer_id: The customer; exactly one of ``customer_id`` and ``unit_id`` is given.
        unit_id: The unit.
        before: Continue after this entry, for the next page.
        limit: How many at the most.
    """
    query = (
        sa.select(TimelineEntry)
        .order_by(TimelineEntry.happened_at.desc(), TimelineEntry.id.desc())
        .limit(limit)
    )
    if customer_id is not None:
        query = query.where(TimelineEntry.customer_id == customer_id)
    if unit_id is not None:
        query = query.where(TimelineEntry.unit_id == unit_id)
    if before is not None:
        query = query.where(
            sa.tuple_(TimelineEntry.happened_at, TimelineEntry.id)
            < sa.tuple_(sa.literal(before.happened_at), before.id)
        )
    return db.session.scalars(query).all()


@dataclass(frozen=True)
class EffectiveTouchpoint:
    """A touchpoint as a department has it: the catalogue with the company's changes laid over."""

    touchpoint: Touchpoint
    override: TouchpointOverride | None

    def __getattr__(self, name: str) -> Any:
        changed = getattr(self.override, name, None) if self.override is not None else None
        return changed if changed is not None else getattr(self.touchpoint, name)

    @property
    def is_active(self) -> bool:
        """Whether the company uses the touchpoint."""
        return self.override is None or self.override.active


def effective_touchpoints(department_path: Sequence[int]) -> list[EffectiveTouchpoint]:
    """Return the catalogue as a department has it.

    Args:
        department_path: Ids from the root of the tree to the department; the nearest override wins.
    """
    rank = {department_id: depth for depth, department_id in enumerate(department_path)}
    overrides: dict[int, TouchpointOverride] = {}
    for override in db.session.scalars(
        sa.select(TouchpointOverride).where(TouchpointOverride.department_id.in_(rank))
    ):
        held = overrides.get(override.touchpoint_id)
        if held is None or rank[override.department_id] > rank[held.department_id]:
            overrides[override.touchpoint_id] = override
    touchpoints = db.session.scalars(sa.select(Touchpoint).order_by(Touchpoint.code))
    return [EffectiveTouchpoint(touchpoint, overrides.get(touchpoint.id)) for touchpoint in touchpoints]
