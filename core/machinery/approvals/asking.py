"""Asking: the request, its rounds and tasks, and who is told."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.database.owners import owner_of
from core.database.scope import require_scope
from core.database.types import LOCAL_ZONE, Wording, utc_now
from core.extensions import db
from core.languages import LOCALES, Text, cut, in_each_language, speaking
from core.machinery.approvals.base import CORE, ApprovalRefused, kind_of, means_of_approvals, role_label
from core.machinery.approvals.deciders import Tree, band_position, find_places, steps_of, tree_of
from core.machinery.approvals.models import ApprovalRequest, ApprovalTask, TaskState
from core.machinery.approvals.reading import pending_request
from core.plugin_system.declarations import ApprovalBand, ApprovalKind, ApprovalStep
from core.plugin_system.runtime import current_runtime

_DUE_HOUR = dt.time(18, 0)
"""An answer is due at the end of the working day in China."""


def request_approval(
    kind: str, record: Any, amount: Decimal | None = None, *, note: Text = ""
) -> ApprovalRequest:
    """Put a record before those who have to approve it, in the caller's transaction.

    Args:
        kind: Code of the :class:`core.plugin_system.declarations.ApprovalKind`.
        record: The loaded record, of the record kind that the kind names.
        amount: In yuan, for a kind with bands.
        note: Why, in the words of the author; a lazy text is read by each in his language.

    Raises:
        ApprovalRefused: The acting user may not ask, it is asked for already, an amount is missing, or nobody holds a
            role that has to answer.
    """
    declared = kind_of(kind)
    scope = require_scope()
    if declared.permission not in scope.permissions:
        raise ApprovalRefused(
            _("Asking for “%(what)s” needs a right that your role does not have here.", what=declared.label)
        )
    if declared.bands and (amount is None or not amount.is_finite() or amount < 0):
        raise ApprovalRefused(
            _("“%(what)s” needs an amount. Enter it in yuan.", what=declared.label), field="amount"
        )
    record_kind = current_runtime().declared.record_kind_of(record)
    if record_kind is None or record_kind.code != declared.record_kind:
        raise LookupError(f"{kind} is asked for records of {declared.record_kind}.")
    refuse_barred_author(declared, scope.user_id)
    waiting = pending_request(kind, record)
    if waiting is not None:
        raise ApprovalRefused(
            _(
                "%(number)s already asks for this and waits for an answer. Withdraw it first to ask anew.",
                number=waiting.number,
            )
        )
    now = utc_now()
    owner = owner_of(record)
    request = ApprovalRequest(
        number=means_of_approvals().next_number(f"SP-{now.astimezone(LOCAL_ZONE):%Y%m}-"),
        kind=kind,
        record_kind=record_kind.code,
        record_id=record.id,
        title=cut(in_each_language(lambda: record_kind.title(record)), 200),
        note=cut(note),
        author_id=scope.user_id,
        requested_at=now,
        content_hash="",
        **owner.as_columns(),
    )
    freeze(request, declared, record, amount)
    db.session.add(request)
    db.session.flush()
    start_round(request, declared, record)
    return request


def refuse_barred_author(kind: ApprovalKind, user_id: int | None) -> None:
    """Refuse that somebody asks who reviews such requests as a role; raises :class:`ApprovalRefused`."""
    tables = ApprovalRequest.metadata.tables
    membership, roles = tables["membership"].c, tables["role"].c
    if not kind.barred_roles or user_id is None:
        return
    held = sa.select(roles.name).join_from(
        membership.user_id.table, roles.id.table, roles.id == membership.role_id
    )
    query = held.where(membership.user_id == user_id, roles.name.in_(kind.barred_roles))
    barred = db.session.scalar(query.limit(1))
    if barred is not None:
        raise ApprovalRefused(
            _(
                "Whoever is “%(role)s” reviews “%(what)s” and cannot ask for it. Let a colleague ask.",
                role=role_label(barred),
                what=kind.label,
            )
        )


def freeze(request: ApprovalRequest, kind: ApprovalKind, record: Any, amount: Decimal | None) -> None:
    """Keep what is approved, in every language, and its fingerprint."""
    facts: dict[str, list[list[str]]] = {}
    for language in LOCALES:
        with speaking(language):
            pairs = kind.facts(record) if kind.facts is not None else ()
            facts[language] = [[str(label), "" if value is None else str(value)] for label, value in pairs]
    request.amount, request.facts = amount, facts
    content = {
        "kind": request.kind,
        "record": [request.record_kind, request.record_id],
        "amount": None if amount is None else f"{amount:.2f}",
        "note": Wording.write(request.note),
        "facts": facts,
    }
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    request.content_hash = hashlib.sha256(canonical.encode()).hexdigest()


def start_round(
    request: ApprovalRequest, kind: ApprovalKind, record: Any, from_position: int | None = None
) -> None:
    """Make the tasks of a round, from a step on when it went back to one, and open the first of them."""
    tree = tree_of(request.project_id, request.department_id)
    position = band_position(kind, request.amount, tree.path[-1])
    last = max((step.order for step in kind.steps), default=0) + 10
    made: list[ApprovalTask] = []
    for step in steps_of(kind, tree.path[-1]):
        if from_position is None or step.order >= from_position:
            made.append(_task(request, step, step.order, *_who(request, tree, step, record)))
    if position is not None:
        band, places = _deciding_band(request, tree, kind.bands[position:])
        request.band = kind.bands[position].code
        made.append(_task(request, band, last, None, places))
    for task in made:
        db.session.add(task)
    db.session.flush()
    db.session.refresh(request, ["tasks"])
    open_next(request)


def _who(
    request: ApprovalRequest, tree: Tree, step: ApprovalStep, record: Any
) -> tuple[int | None, tuple[int, ...]]:
    person = step.person(record) if step.person is not None else None
    if person is not None and person in request.askers:
        raise ApprovalRefused(
            _("“%(step)s” would fall to the author. Have another person named first.", step=step.label)
        )
    if person is not None:
        return person, ()
    places = find_places(tree, step.role, step.level, request.askers) if step.role else None
    if places is None:
        raise _nobody(step.label, step.role)
    return None, places


def _deciding_band(
    request: ApprovalRequest, tree: Tree, bands: Sequence[ApprovalBand]
) -> tuple[ApprovalBand, tuple[int, ...]]:
    """Return the first band whose role somebody else than the author holds: the next level decides else."""
    for band in bands:
        places = find_places(tree, band.role, band.level, request.askers)
        if places is not None:
            return band, places
    raise _nobody(bands[0].label, bands[0].role)


def _nobody(label: Any, role: str) -> ApprovalRefused:
    return ApprovalRefused(
        _(
            "Nobody but you could answer for “%(step)s” (%(role)s) here. "
            "Ask an administrator to give somebody the role.",
            step=label,
            role=role_label(role),
        )
    )


def _task(
    request: ApprovalRequest,
    step: ApprovalStep | ApprovalBand,
    position: int,
    person_id: int | None,
    place_ids: tuple[int, ...],
) -> ApprovalTask:
    return ApprovalTask(
        request_id=request.id,
        round_number=request.round_number,
        step=step.code,
        label=cut(step.label, 120),
        position=position,
        state=TaskState.WAITING,
        role="" if person_id is not None else step.role,
        place_ids=list(place_ids),
        person_id=person_id,
        amount=request.amount,
        project_id=request.project_id,
        customer_id=request.customer_id,
        department_id=request.department_id,
    )


def open_next(request: ApprovalRequest) -> bool:
    """Open the next tasks of the round when none is open; returns False when there is none left."""
    current = [task for task in request.tasks if task.round_number == request.round_number]
    if any(task.state == TaskState.OPEN for task in current):
        return True
    waiting = [task for task in current if task.state == TaskState.WAITING]
    if not waiting:
        return False
    now = utc_now()
    first = min(task.position for task in waiting)
    for task in waiting:
        if task.position == first:
            task.state, task.opened_at, task.due_at = TaskState.OPEN, now, due_after(request, now)
            db.session.flush()
            ask(task, "")
    return True


def due_after(request: ApprovalRequest, now: dt.datetime, key: str = "approval_answer_days") -> dt.datetime:
    """Return the moment that lies so many working days after another as a setting of the core says."""
    means, department_id = means_of_approvals(), request.department_id
    days = int(means.setting_of(CORE, key, department_id))
    day = means.working_day_after(now.astimezone(LOCAL_ZONE).date(), days, department_id)
    return dt.datetime.combine(day, _DUE_HOUR, LOCAL_ZONE).astimezone(dt.UTC)


def ask(task: ApprovalTask, what: str) -> None:
    """Make the to-dos of a task: one for the person, or one for each department in which the role is held."""
    request = task.request
    title = _l("Approve %(number)s %(title)s", number=request.number, title=request.title)
    if what:
        title = _l("Overdue: %(title)s", title=title)
    places: Sequence[int | None] = [None] if task.person_id is not None else task.place_ids
    for place in places:
        means_of_approvals().add_todo(
            request,
            title,
            owner=task.person_id,
            department=place,
            role=task.role or None,
            due_at=task.due_at,
            dedupe_key=f"approval:{task.id}:{what}{place or ''}",
        )
