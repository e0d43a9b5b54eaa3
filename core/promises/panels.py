"""The promises on the pages of customers, units and projects, and in the calendar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import url_for

from core.customers.models import Customer
from core.database.types import LOCAL_ZONE, local_today
from core.extensions import db
from core.people.permissions import has_permission
from core.plugin_system.declarations import CalendarEntry
from core.projects.models import Project, Unit
from core.promises import services
from core.promises.models import Promise, PromiseState
from core.promises.words import STATES

SHOWN = 20


def _values(promises: Sequence[Promise], **asked: Any) -> Mapping[str, Any]:
    return {
        "promises": [(promise, *STATES[PromiseState(promise.state)]) for promise in promises[:SHOWN]],
        "more": len(promises) > SHOWN,
        "today": local_today(),
        "count": sum(promise.is_open for promise in promises),
        "add_url": url_for("promises.create_view", **asked) if has_permission("promises.create") else None,
        "all_url": url_for("promises.index_view"),
    }


def of_customer(customer: Customer) -> Mapping[str, Any]:
    """Return what was promised to a customer."""
    return _values(services.promises_to_customer(customer), customer=customer.id)


def of_unit(unit: Unit) -> Mapping[str, Any]:
    """Return what a house has to keep: about it, to its owners, to all."""
    return _values(services.promises_of_unit(unit, open_only=False), project=unit.project_id, unit=unit.id)


def of_project(project: Project) -> Mapping[str, Any]:
    """Return what is still to be kept in a project."""
    return _values(services.promises_in_project(project, limit=SHOWN + 1), project=project.id)


def calendar_entries(start: dt.datetime, end: dt.datetime, mine: bool) -> list[CalendarEntry]:
    """Return the promises that are to be kept in a time; they belong to nobody alone."""
    if mine:
        return []
    first, last = start.astimezone(LOCAL_ZONE).date(), end.astimezone(LOCAL_ZONE).date()
    promises = db.session.scalars(
        sa.select(Promise)
        .where(Promise.state == PromiseState.OPEN, Promise.due_on >= first, Promise.due_on < last)
        .order_by(Promise.due_on, Promise.id)
        .limit(400)
    )
    return [
        CalendarEntry(
            promise.text[:60],
            dt.datetime.combine(promise.due_on, dt.time(12), LOCAL_ZONE),
            all_day=True,
            url=url_for("promises.details_view", id=promise.id),
            detail=" · ".join(filter(None, (promise.number, promise.unit.code if promise.unit else ""))),
            tone="late" if promise.due_on < local_today() else "wait",
        )
        for promise in promises
        if promise.due_on is not None
    ]
