"""Registering and settling promises (domain reference 3.7.10 and 0.4 “Ads bind”)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.customers.models import Customer
from core.customers.services import owners_of
from core.database.scope import require_scope
from core.database.types import LOCAL_ZONE, local_today
from core.extensions import db
from core.machinery.numbering.services import next_number
from core.machinery.todos.services import add_todo, finish_todos_of
from core.projects.models import Project, Unit
from core.promises.models import Promise, PromiseSource, PromiseState
from core.timeline.services import write

STAGES = ("A", "B", "C", "D", "E", "F", "G")
LONGEST_TEXT = 2_000
_SETTLED = (PromiseState.KEPT, PromiseState.BROKEN, PromiseState.VOID)


class PromiseRefused(ValueError):
    """A promise may not be changed so; the message is a full sentence for the user.

    Attributes:
        field: Name of the field that is wrong, or None.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


def register_promise(
    project: Project,
    text: str,
    *,
    stage: str,
    source: PromiseSource | str = PromiseSource.CONSULTANT,
    said_by: str = "",
    made_on: dt.date | None = None,
    due_on: dt.date | None = None,
    unit: Unit | None = None,
    customer: Customer | None = None,
    responsible_role: str = "PCM",
) -> Promise:
    """Register what was promised, write it on the timeline, and ask the responsible role to keep it.

    Args:
        project: The project.
        text: What was promised, as it was said or printed.
        stage: Stage A to G in which it was made.
        source: Where it was made.
        said_by: Who promised it.
        made_on: When; today when omitted, and never in the future.
        due_on: Until when it is to be kept; by the delivery when omitted.
        unit: The house that it is about; None for what was promised to all.
        customer: To whom it was promised; None for what was promised to all.
        responsible_role: Code of the role that sees to it.

    Raises:
        PromiseRefused: The text is missing, the stage is unknown, the day lies in the future, the due day before it,
            or the unit is in another project.

    Source: domain reference 0.4 [LAW]: concrete statements in advertisements become contract content.
    """
    made = made_on or local_today()
    _check(text, stage, made, due_on)
    if unit is not None and unit.project_id != project.id:
        raise PromiseRefused(_("This unit belongs to another project. Choose one of the project."), "unit_id")
    promise = Promise(
        project_id=project.id,
        unit_id=unit.id if unit is not None else None,
        customer_id=customer.id if customer is not None else None,
        number=next_number(f"CN-{project.code}-{local_today():%Y%m}-"),
        text=text.strip()[:LONGEST_TEXT],
        said_by=" ".join(said_by.split())[:80],
        made_on=made,
        stage=stage,
        source=PromiseSource(source),
        due_on=due_on,
        responsible_role=responsible_role,
        state=PromiseState.OPEN,
        created_by_id=require_scope().user_id,
    )
    db.session.add(promise)
    db.session.flush()
    if unit is not None or customer is not None:
        write(
            "core.promise_made",
            _l("Promise %(number)s was registered.", number=promise.number),
            customer=customer,
            unit=unit,
            project=project,
            record_kind="core.promise",
            record_id=promise.id,
        )
    _ask(promise)
    return promise


def change_promise(promise: Promise, **values: Any) -> None:
    """Change the words of a promise that is still to be kept; to whom it was made stays.

    Args:
        promise: The promise.
        values: text, said_by, made_on, stage, source, due_on and responsible_role.

    Raises:
        PromiseRefused: It was settled, or a value is wrong.
    """
    _require_open(promise)
    held = {name: getattr(promise, name) for name in ("text", "stage", "made_on", "due_on")} | values
    _check(held["text"], held["stage"], held["made_on"], held["due_on"])
    for name, value in values.items():
        setattr(promise, name, value.strip() if isinstance(value, str) else value)
    db.session.flush()
    finish_todos_of(promise)
    _ask(promise)


def settle_promise(promise: Promise, state: PromiseState | str, how: str, on: dt.date | None = None) -> None:
    """Say that a promise was kept, was broken, or was never made.

    Args:
        promise: A promise that is still to be kept.
        state: ``kept``, ``broken`` or ``void``.
        how: How it was kept, or why not.
        on: The day; today when omitted, and never in the future.

    Raises:
        PromiseRefused: It was settled before, the outcome is none of the three, the words are missing, or the day lies
            in the future.
    """
    db.session.flush()
    db.session.refresh(promise, with_for_update=True)
    _require_open(promise)
    if state not in _SETTLED:
        raise PromiseRefused(_("Choose whether the promise was kept."), "state")
    if not how.strip():
        raise PromiseRefused(_("Say how the promise was kept, or why not."), "how")
    day = on or local_today()
    if day > local_today():
        raise PromiseRefused(_("This day lies in the future. Enter one that has come."), "settled_on")
    promise.state = PromiseState(state)
    promise.how = how.strip()[:LONGEST_TEXT]
    promise.settled_on = day
    promise.settled_by_id = require_scope().user_id
    db.session.flush()
    finish_todos_of(promise)
    if promise.unit_id is not None or promise.customer_id is not None:
        write(
            "core.promise_settled",
            _l("Promise %(number)s was settled.", number=promise.number),
            customer=promise.customer,
            unit=promise.unit,
            project=promise.project,
            record_kind="core.promise",
            record_id=promise.id,
        )


def promises_of_unit(unit: Unit, *, open_only: bool = True) -> Sequence[Promise]:
    """Return the promises that a house has to keep: those about it, those to its owners in the project, and those to
    everybody in the project. Before the keys are handed over, the open ones are gone through (stage E).

    Args:
        unit: The house.
        open_only: Whether settled ones are left out.
    """
    owners = [customer.id for customer in owners_of(unit)]
    about = sa.or_(
        Promise.unit_id == unit.id,
        sa.and_(Promise.unit_id.is_(None), Promise.customer_id.in_(owners)),
        sa.and_(Promise.unit_id.is_(None), Promise.customer_id.is_(None)),
    )
    return _ordered(Promise.project_id == unit.project_id, about, open_only=open_only)


def promises_to_customer(customer: Customer, *, open_only: bool = False) -> Sequence[Promise]:
    """Return the promises that were made to a customer."""
    return _ordered(Promise.customer_id == customer.id, open_only=open_only)


def promises_in_project(
    project: Project, *, open_only: bool = True, limit: int | None = None
) -> Sequence[Promise]:
    """Return the promises that were made in a project, to one customer or to all."""
    return _ordered(Promise.project_id == project.id, open_only=open_only, limit=limit)


def _ordered(
    *conditions: sa.ColumnElement[bool], open_only: bool, limit: int | None = None
) -> Sequence[Promise]:
    query = sa.select(Promise).where(*conditions)
    if open_only:
        query = query.where(Promise.state == PromiseState.OPEN)
    query = query.order_by(
        Promise.state != PromiseState.OPEN, Promise.due_on.is_(None), Promise.due_on, Promise.id
    )
    return db.session.scalars(query.limit(limit)).all()


def move_to_customer(kept_id: int, merged_id: int) -> None:
    """Move the promises of a merged customer to the one that is kept."""
    for promise in db.session.scalars(sa.select(Promise).where(Promise.customer_id == merged_id)):
        promise.customer_id = kept_id
    db.session.flush()


def erase_of_customer(customer_id: int, text: str) -> None:
    """Blank what promises say of an erased customer; that something was promised and whether it was kept stays.

    Args:
        customer_id: The customer.
        text: What stands in the place of the words.
    """
    for promise in db.session.scalars(sa.select(Promise).where(Promise.customer_id == customer_id)):
        promise.text, promise.how = text, ""
    db.session.flush()


def of_customer(customer_id: int) -> list[dict[str, Any]]:
    """Return the promises to a customer as plain data (PIPL 45)."""
    promises = db.session.scalars(
        sa.select(Promise).where(Promise.customer_id == customer_id).order_by(Promise.id)
    )
    return [
        {
            "number": promise.number,
            "text": promise.text,
            "made_on": promise.made_on.isoformat(),
            "due_on": promise.due_on.isoformat() if promise.due_on else None,
            "state": str(promise.state),
            "how": promise.how,
        }
        for promise in promises
    ]


def _ask(promise: Promise) -> None:
    """Ask the responsible role to keep a promise by its day; made anew after each change."""
    if promise.due_on is None:
        return
    due_at = dt.datetime.combine(promise.due_on, dt.time(23, 59), LOCAL_ZONE)
    add_todo(
        promise,
        _l("Keep promise %(number)s", number=promise.number),
        role=promise.responsible_role,
        due_at=due_at,
        dedupe_key=f"promise:{promise.id}:{promise.row_version}",
        customer=promise.customer,
        unit=promise.unit,
    )


def _check(text: str, stage: str, made_on: dt.date, due_on: dt.date | None) -> None:
    if not text.strip():
        raise PromiseRefused(_("Say what was promised."), "text")
    if stage not in STAGES:
        raise PromiseRefused(_("Choose the stage in which it was promised, A to G."), "stage")
    if made_on > local_today():
        raise PromiseRefused(_("This day lies in the future. Enter one that has come."), "made_on")
    if due_on is not None and due_on < made_on:
        raise PromiseRefused(
            _("A promise cannot be due before it was made. Change one of the days."), "due_on"
        )


def _require_open(promise: Promise) -> None:
    if not promise.is_open:
        raise PromiseRefused(_("%(number)s was settled and does not change any more.", number=promise.number))
