"""Writing to and reading from the timeline; recording that a touchpoint was reached."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from core.database.scope import require_scope
from core.database.types import LOCAL_ZONE, utc_now
from core.extensions import db
from core.languages import Text, worded
from core.machinery.clocks.dates import months_after
from core.machinery.clocks.working_days import working_days_after
from core.machinery.todos.models import Todo
from core.machinery.todos.services import add_todo, finish_todos_of_touchpoint
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
    summary: Text,
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
        summary: One sentence, as staff will read it years later: what the program says as a lazy text,
            ``_l("…", number=…)``, so that each reader sees it in his language.
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
        summary=worded(summary),
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
    summary: Text,
    *,
    customer: Any = None,
    unit: Any = None,
    project: Any = None,
    record_kind: str | None = None,
    record_id: int | None = None,
    happened_at: dt.datetime | None = None,
    details: Mapping[str, Any] | None = None,
) -> TimelineEntry:
    """Record that a touchpoint was reached, finish the tasks that asked for it, and tell every plugin that is on.

    The entry is written in the caller's transaction; a plugin that fails to react does not undo it.

    Args:
        code: Touchpoint code, for example ``TP-E08``.
        kind: ``<component>.<fact>``.
        summary: One sentence for the timeline, as for :func:`write`.
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
    finish_todos_of_touchpoint(
        code,
        customer_id=entry.customer_id,
        unit_id=entry.unit_id,
        project_id=entry.project_id,
        at=entry.happened_at,
    )
    dispatch.call("touchpoint_reached", fact=fact)
    return entry


def assign_touchpoint(
    code: str,
    record: Any,
    title: Text,
    *,
    department: Any = None,
    owner: Any = None,
    role: str | None = None,
    due_at: dt.datetime | None = None,
    note: Text = "",
    customer: Any = None,
    unit: Any = None,
) -> Todo:
    """Give a touchpoint as a task (触点任务) to any department, with owner and due date. It is finished by itself when
    the touchpoint is reached for the same customer or unit.

    Args:
        code: Touchpoint code, for example ``TP-E08``.
        record: The customer, unit or other record that it is for.
        title: What to do; what the program says as a lazy text, see :func:`add_todo`.
        department: The department that does it (or its id).
        owner: The user who does it (or his id), or None.
        role: Code of the role whose holders there may take it; the responsible role of the touchpoint when None.
        due_at: Until when; by the time limit of the catalogue when omitted (:func:`proposed_due`).
        note: What to know beforehand.
        customer: The customer that it concerns, if the record does not say so.
        unit: The unit that it concerns, if the record does not say so.

    Raises:
        UnknownTouchpointError: The code is not in the catalogue.
        core.machinery.todos.services.TodoRefused: The title is missing.

    Source: procedure 4.1.2.
    """
    touchpoint = db.session.scalar(sa.select(Touchpoint).where(Touchpoint.code == code))
    if touchpoint is None:
        raise UnknownTouchpointError(f"There is no touchpoint {code!r} in the catalogue.")
    return add_todo(
        record,
        title,
        department=department,
        owner=owner,
        role=touchpoint.owner_role if role is None and owner is None else role,
        due_at=due_at or proposed_due(touchpoint.limits),
        note=note,
        touchpoint_code=code,
        customer=customer,
        unit=unit,
    )


def proposed_due(limits: Sequence[Mapping[str, Any]], since: dt.datetime | None = None) -> dt.datetime | None:
    """Return until when a touchpoint is to be reached, by its first limit of the kind "within …"; None without one.

    Args:
        limits: The time limits of the touchpoint, as the company has them.
        since: The moment that is counted from; now when omitted.
    """
    start = since or utc_now()
    limit = next((each for each in limits if each["relation"] == "within"), None)
    if limit is None:
        return None
    unit, number = limit["unit"], int(limit["value"])
    seconds = {"second": 1, "minute": 60, "hour": 3_600}.get(unit)
    if seconds is not None:
        return start + dt.timedelta(seconds=seconds * number)
    local = start.astimezone(LOCAL_ZONE)
    if unit == "working_day":
        day = working_days_after(local.date(), number)
    elif unit == "month":
        day = months_after(local.date(), number)
    else:
        day = local.date() + dt.timedelta(days=number)
    return dt.datetime.combine(day, dt.time(23, 59), LOCAL_ZONE).astimezone(dt.UTC)


def entries_of(
    *,
    customer_id: int | None = None,
    unit_id: int | None = None,
    kind: str | None = None,
    before: TimelineEntry | None = None,
    limit: int = 30,
) -> Sequence[TimelineEntry]:
    """Return the newest entries of a customer or a unit.

    Args:
        customer_id: The customer; exactly one of ``customer_id`` and ``unit_id`` is given.
        unit_id: The unit.
        kind: Only entries of this kind.
        before: Continue after this entry, for the next page.
        limit: How many at the most.
    """
    query = (
        sa.select(TimelineEntry)
        .where(_subject(customer_id, unit_id))
        .order_by(TimelineEntry.happened_at.desc(), TimelineEntry.id.desc())
        .limit(limit)
    )
    if kind is not None:
        query = query.where(TimelineEntry.kind == kind)
    if before is not None:
        query = query.where(
            sa.tuple_(TimelineEntry.happened_at, TimelineEntry.id)
            < sa.tuple_(sa.literal(before.happened_at), before.id)
        )
    return db.session.scalars(query).all()


def kinds_of(*, customer_id: int | None = None, unit_id: int | None = None) -> list[str]:
    """Return the kinds of entries that a customer or a unit has."""
    query = sa.select(TimelineEntry.kind).where(_subject(customer_id, unit_id)).distinct()
    return sorted(db.session.scalars(query))


def reached(*, customer_id: int | None = None, unit_id: int | None = None) -> dict[str, dt.datetime]:
    """Return which touchpoints a customer or a unit has reached, by code, and when last."""
    rows = db.session.execute(
        sa.select(TimelineEntry.touchpoint_code, sa.func.max(TimelineEntry.happened_at))
        .where(_subject(customer_id, unit_id), TimelineEntry.touchpoint_code.is_not(None))
        .group_by(TimelineEntry.touchpoint_code)
    )
    return {code: moment for code, moment in rows if code}


def _subject(customer_id: int | None, unit_id: int | None) -> sa.ColumnElement[bool]:
    if (customer_id is None) == (unit_id is None):
        raise ValueError("Say either the customer or the unit.")
    if customer_id is not None:
        return TimelineEntry.customer_id == customer_id
    return TimelineEntry.unit_id == unit_id


def move_to_customer(kept_id: int, merged_id: int, record_kind: str) -> None:
    """Move the timeline of a merged customer to the one that is kept.

    Args:
        kept_id: The customer that stays.
        merged_id: The customer that becomes a signpost.
        record_kind: Code of the record kind of customers, for entries that link to the customer itself.
    """
    for entry in db.session.scalars(sa.select(TimelineEntry).where(TimelineEntry.customer_id == merged_id)):
        entry.customer_id = kept_id
        if entry.record_kind == record_kind and entry.record_id == merged_id:
            entry.record_id = kept_id
    db.session.flush()


def erase_of_customer(customer_id: int, summary: Text) -> None:
    """Blank what entries say of an erased customer; that something happened on that day stays.

    Args:
        customer_id: The customer.
        summary: What stands in the place of each sentence.
    """
    said = worded(summary)
    for entry in db.session.scalars(sa.select(TimelineEntry).where(TimelineEntry.customer_id == customer_id)):
        entry.summary = said
        entry.details = {}
    db.session.flush()


def of_customer(customer_id: int) -> list[dict[str, Any]]:
    """Return the timeline of a customer as plain data (PIPL 45)."""
    entries = db.session.scalars(
        sa.select(TimelineEntry)
        .where(TimelineEntry.customer_id == customer_id)
        .order_by(TimelineEntry.happened_at)
    )
    return [
        {
            "happened_at": entry.happened_at.isoformat(),
            "kind": entry.kind,
            "summary": str(entry.summary),
            "touchpoint": entry.touchpoint_code,
        }
        for entry in entries
    ]


class TouchpointRuleError(ValueError):
    """A change of a touchpoint is not possible; the message is a full sentence for the user.

    Attributes:
        field: Name of the field that is wrong, or None.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class StaleOverrideError(TouchpointRuleError):
    """Somebody else changed the company's version in the meantime."""


OVERRIDABLE = ("name", "name_en", "owner_role", "standard", "standard_en", "question", "question_en")


def override_of(touchpoint: Touchpoint, department_id: int) -> TouchpointOverride | None:
    """Return what a department itself changed in a touchpoint, or None."""
    return db.session.scalar(
        sa.select(TouchpointOverride).where(
            TouchpointOverride.touchpoint_id == touchpoint.id,
            TouchpointOverride.department_id == department_id,
        )
    )


def override_touchpoint(
    touchpoint: Touchpoint,
    department_id: int,
    *,
    active: bool,
    values: Mapping[str, str],
    limit_values: Sequence[int],
    version: int = 0,
) -> None:
    """Change a touchpoint for one company; what equals the catalogue is not stored, so it follows the catalogue.

    Args:
        touchpoint: The touchpoint.
        department_id: The company.
        active: Whether the company uses it.
        values: Texts by the names in ``OVERRIDABLE``.
        limit_values: The number of each time limit, in the order of the catalogue.
        version: Version of the override that the form was made from; 0 when there was none.

    Raises:
        TouchpointRuleError: A name is missing, or a number does not fit.
        StaleOverrideError: Somebody else saved first.
    """
    override = override_of(touchpoint, department_id)
    if (override.row_version if override is not None else 0) != version:
        raise StaleOverrideError(
            _(
                "Somebody else changed this touchpoint in the meantime. Nothing was saved; open it again and "
                "repeat your change."
            )
        )
    if not values["name"].strip():
        raise TouchpointRuleError(_("The touchpoint needs a name."), field="name")
    if len(limit_values) != len(touchpoint.limits):
        raise TouchpointRuleError(_("The time limits do not fit this touchpoint. Open it again."))
    limits = [{**limit, "value": value} for limit, value in zip(touchpoint.limits, limit_values, strict=True)]
    for limit, held in zip(limits, touchpoint.limits, strict=True):
        if abs(limit["value"]) > 10_000 or limit["value"] * held["value"] < 0:
            raise TouchpointRuleError(
                _("A time limit must be a number up to 10,000 with the catalogue's sign.")
            )
    if override is None:
        override = TouchpointOverride(department_id=department_id, touchpoint_id=touchpoint.id)
        db.session.add(override)
    override.active = active
    for name in OVERRIDABLE:
        text = values[name].strip()
        setattr(override, name, None if text == getattr(touchpoint, name) else text)
    override.limits = None if limits == touchpoint.limits else limits
    db.session.flush()


def reset_touchpoint(touchpoint: Touchpoint, department_id: int) -> None:
    """Give up what a company changed; the catalogue holds again."""
    override = override_of(touchpoint, department_id)
    if override is not None:
        db.session.delete(override)
        db.session.flush()


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
