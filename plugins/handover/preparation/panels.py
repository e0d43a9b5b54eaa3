"""The sections that the preparation adds to the pages of batches and houses, and to the calendar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import url_for
from sqlalchemy.orm import joinedload

from core.toolkit import (
    LOCAL_ZONE,
    CalendarEntry,
    User,
    _,
    db,
    has_permission,
    local_today,
    owners_of,
    require_scope,
    setting,
    users_with,
    utc_now,
)
from plugins.handover import indicators
from plugins.handover.models import HandoverBatch, HandoverUnit, KeysState
from plugins.handover.preparation import timeline, words
from plugins.handover.preparation.models import AreaSettlement, LetterKind, PlanTask
from plugins.handover.preparation.services import (
    appointments,
    charges,
    contacts,
    letters,
    plan,
    readiness,
    risks,
)
from plugins.handover.preparation.workflows import AREA, PLAN_TASK, RISK
from plugins.handover.workflows import HANDOVER_UNIT

SHOWN = 400
COMING = 40
"""Houses in a list of who comes next."""


def plan_values(batch: HandoverBatch, language: str | None = None) -> dict[str, Any]:
    """Return what the plan of a batch shows, on the page and in print: tasks, their places on the line, staffing.

    Args:
        batch: The batch.
        language: Locale of the reader of a document; that of the page when omitted.
    """
    tasks = plan.tasks_of(batch)
    days = [task.due_on for task in tasks]
    if batch.delivery_on is not None and days:
        days.append(batch.delivery_on)
    axis = timeline.axis_of(days)
    today = local_today()
    return {
        "tasks": tasks,
        "axis": axis,
        "width": timeline.WIDTH,
        "today": today,
        "due": batch.delivery_on,
        "finished": sum(task.state == "done" for task in tasks),
        "counted": sum(task.state != "dropped" for task in tasks),
        "late": [task for task in tasks if plan.is_overdue(task, today)],
        "is_overdue": lambda task: plan.is_overdue(task, today),
        "done_day": lambda task: task.done_at.astimezone(LOCAL_ZONE).date() if task.done_at else None,
        "name_lines": lambda task, width, size: timeline.broken(
            words.local(task, "title", language or ""), width, size
        ),
        "offset": offset_title,
        "task_states": PLAN_TASK,
        "role": words.role,
        "local": words.local,
        "staffing": plan.staffing_of(batch),
        "rules": plan.staffing_rules(),
        "products": words.PRODUCTS,
    }


def offset_title(task: PlanTask) -> str:
    """Return the offset of a task as the procedure writes it, T−30; "" for one that was added by hand."""
    if task.offset_days is None:
        return ""
    if task.offset_days == 0:
        return "T…T+k" if task.until_close else "T"
    return f"T{'−' if task.offset_days < 0 else '+'}{abs(task.offset_days)}"


def batch_plan(batch: HandoverBatch) -> Mapping[str, Any]:
    """Return the plan of a batch with its line of time, and how many people the batch needs."""
    values = plan_values(batch)
    return {**values, "count": len(values["late"]) or None, "may_plan": has_permission("handover.plan")}


def batch_readiness(batch: HandoverBatch) -> Mapping[str, Any] | None:
    """Return which houses of a batch could be delivered, and what is missing (K04)."""
    total, capable = db.session.execute(
        sa.select(sa.func.count(HandoverUnit.id), sa.func.count(HandoverUnit.capable_at)).where(
            HandoverUnit.batch_id == batch.id
        )
    ).one()
    if not total:
        return None
    return {
        "total": total,
        "capable": capable,
        "missing": readiness.missing_tasks(batch),
        "troubled": readiness.troubled_houses(batch),
        "on_time": indicators.capable_on_time(HandoverUnit.batch_id == batch.id),
        "standing": indicators.standing(batch.id),
        "limits": {
            name: int(setting("handover", name))
            for name in ("open_defects_per_house", "close_before_handover_percent", "standing_days_before")
        },
        "local": words.local,
    }


def batch_risks(batch: HandoverBatch) -> Mapping[str, Any]:
    """Return the risk check of a batch, and the promises that are still to be kept."""
    groups = risks.items_of(batch)
    items = [item for group in groups.values() for item in group]
    return {
        "groups": [(words.CATEGORIES[category], group) for category, group in groups.items() if group],
        "counts": [
            (state, sum(item.state == state.code for item in items))
            for state in RISK.states
            if any(item.state == state.code for item in items)
        ],
        "risk_states": RISK,
        "promises": risks.promises_of(batch, limit=20),
        "role": words.role,
        "local": words.local,
        "count": sum(item.state == "risk" for item in items) or None,
        "may_plan": has_permission("handover.plan"),
    }


def batch_appointments(batch: HandoverBatch) -> Mapping[str, Any] | None:
    """Return who comes next, with desk and engineer, and who still has to book."""
    now = utc_now()
    coming = db.session.scalars(
        sa.select(HandoverUnit)
        .where(
            HandoverUnit.batch_id == batch.id,
            HandoverUnit.booked_for >= now - dt.timedelta(hours=12),
            HandoverUnit.state.in_(("booked", "entrusted")),
        )
        .options(joinedload(HandoverUnit.unit), joinedload(HandoverUnit.engineer))
        .order_by(HandoverUnit.booked_for, HandoverUnit.id)
        .limit(COMING)
    ).all()
    waiting = db.session.scalars(
        sa.select(HandoverUnit)
        .where(
            HandoverUnit.batch_id == batch.id,
            HandoverUnit.booked_for.is_(None),
            HandoverUnit.state.in_(("notified", "absent", "not_contactable", "refused")),
        )
        .options(joinedload(HandoverUnit.unit))
        .order_by(HandoverUnit.id)
        .limit(COMING)
    ).all()
    if not coming and not waiting:
        return None
    return {
        "coming": coming,
        "waiting": waiting,
        "desks": appointments.desks_of(coming),
        "alone": sum(place.engineer_id is None for place in coming),
        "states": HANDOVER_UNIT,
        "uses_slots": appointments.uses_slots(),
        "count": len(coming) or None,
    }


def house_contact(place: HandoverUnit) -> Mapping[str, Any]:
    """Return letters, attempts to reach the owner, and the appointment of a house, with the forms for them."""
    is_bookable = place.state in appointments.BOOKABLE and has_permission("handover.plan")
    writable: list[LetterKind] = []
    if has_permission("handover.send_letters"):
        owners = owners_of(place.unit)
        writable = [kind for kind in LetterKind if letters.refusal(place, kind, owners) is None]
    return {
        "letters": letters.letters_of(place),
        "writable": writable,
        "write_labels": words.WRITE_LETTERS,
        "letter_kinds": words.LETTERS,
        "attempts": contacts.attempts_of(place),
        "means": words.MEANS,
        "missing": contacts.still_needed(place) if place.state in ("planned", "notified") else None,
        "booked": appointments.title_of(place),
        "held": appointments.booking_of(place) if is_bookable else None,
        "uses_slots": appointments.uses_slots(),
        "offers": appointments.offers(place) if is_bookable else {},
        "is_bookable": is_bookable,
        "people": people(place) if is_bookable else [],
        "gaps": readiness.gaps(place) if place.capable_at is None else [],
        "may_call": has_permission("handover.contact_owners"),
        "may_plan": has_permission("handover.plan"),
        "now": utc_now(),
        "clock": lambda moment: moment.astimezone(LOCAL_ZONE).strftime("%H:%M"),
    }


def people(place: HandoverUnit) -> list[User]:
    """Return who can accompany the owners of a house: whoever inspects houses of its project."""
    found = users_with("handover.inspect", [place.project_id]).order_by(User.name).limit(200)
    return list(db.session.scalars(found))


def house_fees(place: HandoverUnit) -> Mapping[str, Any] | None:
    """Return what the rules say that a house pays, and how its area difference is settled, or None."""
    settlement = db.session.scalar(
        sa.select(AreaSettlement).where(AreaSettlement.handover_unit_id == place.id)
    )
    result = charges.area_result(settlement) if settlement is not None else charges.expected_area(place)
    lines = [line for line in charges.fee_lines(place) if line.rule is not None]
    if result is None and not lines:
        return None
    held = {fee.rule_id for fee in place.fees}
    return {
        "lines": lines,
        "is_entered": lambda line: line.amount is None or line.rule.id in held,
        "by_hand": charges.kinds_by_hand(place),
        "fee_title": words.fee_title,
        "local": words.local,
        "settlement": settlement,
        "result": result,
        "state": AREA.state_of(settlement) if settlement is not None else None,
        "may_settle": has_permission("handover.settle_fees"),
        "can_charge": place.keys_state == KeysState.HELD,
        "can_compute": charges.can_compute_area(place)
        and (settlement is None or settlement.state in charges.COMPUTED),
    }


def planned_tasks(start: dt.datetime, end: dt.datetime, mine: bool) -> list[CalendarEntry]:
    """Return the tasks of plans whose day lies between two moments, for the calendar.

    Args:
        start: The first moment.
        end: The moment after the last.
        mine: Whether only those of the acting user are asked for.
    """
    first, last = start.astimezone(LOCAL_ZONE).date(), end.astimezone(LOCAL_ZONE).date()
    conditions = [PlanTask.due_on >= first, PlanTask.due_on < last, PlanTask.state != "dropped"]
    if mine:
        conditions.append(PlanTask.responsible_id == require_scope().user_id)
    tasks = db.session.scalars(
        sa.select(PlanTask)
        .where(*conditions)
        .options(joinedload(PlanTask.batch))
        .order_by(PlanTask.due_on, PlanTask.id)
        .limit(SHOWN)
    )
    return [
        CalendarEntry(
            words.local(task, "title"),
            dt.datetime.combine(task.due_on, dt.time(12), LOCAL_ZONE),
            all_day=True,
            url=url_for("handover_plan_tasks.details_view", id=task.id),
            detail=f"{task.batch.code} · {words.role(task.owner_role)}",
            tone="late" if plan.is_overdue(task) else "ok" if task.state == "done" else "calm",
        )
        for task in tasks
    ]


def booked_houses(start: dt.datetime, end: dt.datetime, mine: bool) -> list[CalendarEntry]:
    """Return the appointments between two moments, for the calendar.

    Args:
        start: The first moment.
        end: The moment after the last.
        mine: Whether only those are asked for at which the acting user accompanies the owner.
    """
    conditions = [HandoverUnit.booked_for >= start, HandoverUnit.booked_for < end]
    if mine:
        conditions.append(HandoverUnit.engineer_id == require_scope().user_id)
    places = db.session.scalars(
        sa.select(HandoverUnit)
        .where(*conditions)
        .options(joinedload(HandoverUnit.unit), joinedload(HandoverUnit.engineer))
        .order_by(HandoverUnit.booked_for, HandoverUnit.id)
        .limit(SHOWN)
    )
    return [
        CalendarEntry(
            _("Handover of %(unit)s", unit=place.unit.code),
            place.booked_for or start,
            url=url_for("handover_units.details_view", id=place.id),
            detail=place.engineer.name if place.engineer is not None else "",
        )
        for place in places
    ]
