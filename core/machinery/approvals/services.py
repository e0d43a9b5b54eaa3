"""Asking for approval, giving opinions, standing in for others (domain reference 3.7.3, 3.2.3 and Appendix F)."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app, g
from flask_babel import force_locale, get_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import get_history

from core.database.owners import owner_of
from core.database.scope import all_departments, require_scope
from core.database.types import LOCAL_ZONE, local_today, utc_now
from core.extensions import db
from core.languages import LOCALES
from core.machinery.approvals.models import (
    ApprovalDelegation,
    ApprovalRequest,
    ApprovalTask,
    RequestState,
    TaskState,
)
from core.plugin_system.declarations import ApprovalBand, ApprovalKind, ApprovalStep
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime

_EXTENSION = "doorstep.approvals"
CORE = "core"
LONGEST_OPINION = 2000
LONGEST_DELEGATION = 366
"""Days."""
_DUE_HOUR = dt.time(18, 0)
"""An answer is due at the end of the working day in China."""
_CHANGEABLE_OPINION = frozenset({"customer_id", "opinion"})
"""What merging and erasing customers changes in an opinion that was given."""


class ApprovalRefused(ValueError):
    """Nothing was asked or answered; the message is a full sentence for the user.

    Attributes:
        field: Name of the field that is wrong, or None.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class OpinionImmutable(RuntimeError):
    """An opinion that was given was to be changed or removed."""


@dataclass(frozen=True)
class Means:
    """What approvals take from other parts of the core.

    Attributes:
        setting_of: Returns the value of a setting: component, key, department.
        working_day_after: Returns the day that is so many working days after another: day, number, department.
        next_number: Returns the next number under a prefix.
        add_todo: Asks somebody to do something; see :func:`core.machinery.todos.services.add_todo`.
        finish_todos: Finishes the to-dos whose key begins so.
    """

    setting_of: Callable[[str, str, int | None], Any]
    working_day_after: Callable[[dt.date, int, int | None], dt.date]
    next_number: Callable[[str], str]
    add_todo: Callable[..., Any]
    finish_todos: Callable[[str], Any]


def set_up_approvals(app: Flask, session_factory: Any, means: Means) -> None:
    """Guard the opinions, and hand over what approvals need."""
    app.extensions[_EXTENSION] = means
    if not sa.event.contains(session_factory, "before_flush", _check_flush):
        sa.event.listen(session_factory, "before_flush", _check_flush)


def _means() -> Means:
    means: Means = current_app.extensions[_EXTENSION]
    return means


def _check_flush(session: Session, _context: Any, _instances: Any) -> None:
    for row in session.deleted:
        if isinstance(row, ApprovalTask | ApprovalRequest):
            raise OpinionImmutable("A request and its opinions cannot be removed.")
    for row in session.dirty:
        if not isinstance(row, ApprovalTask):
            continue
        given = get_history(row, "decided_at")
        if None in given.deleted or not (given.deleted or given.unchanged) or None in given.unchanged:
            continue
        changed = {
            attribute.key
            for attribute in sa.inspect(ApprovalTask).column_attrs
            if get_history(row, attribute.key).has_changes()
        }
        if changed - _CHANGEABLE_OPINION:
            raise OpinionImmutable(f"{', '.join(sorted(changed))} of a given opinion cannot be changed.")


# --- Who decides


def kind_of(code: str) -> ApprovalKind:
    """Return a kind of approvals by its code.

    Raises:
        ApprovalRefused: Its module was removed.
    """
    found = current_runtime().declared.approval_kind(code)
    if found is None:
        raise ApprovalRefused(_("The module that asks for this approval is not installed any more."))
    return found


def band_for(
    kind: ApprovalKind, amount: Decimal | None, department_id: int | None = None
) -> ApprovalBand | None:
    """Return the band that decides about an amount; None where the kind has no bands.

    Args:
        kind: The kind.
        amount: In yuan; a limit is included in its band.
        department_id: Whose settings count.

    Source: domain reference 3.2.3 [RECON] and worked example 5: ¥20,000.00 is level 1, ¥20,000.01 level 2.
    """
    position = _band_position(kind, amount, department_id)
    return kind.bands[position] if position is not None else None


def _band_position(kind: ApprovalKind, amount: Decimal | None, department_id: int | None) -> int | None:
    if not kind.bands:
        return None
    component = current_runtime().declared.component_of(kind)
    for position, band in enumerate(kind.bands):
        if not band.limit_setting:
            break
        limit = _means().setting_of(component, band.limit_setting, department_id)
        if (amount or Decimal(0)) <= limit:
            return position
    return len(kind.bands) - 1


def needs_reopening(
    kind: ApprovalKind, approved: Decimal, amount: Decimal, department_id: int | None = None
) -> bool:
    """Return whether a changed amount needs approval anew: it rises into a higher band, or by more than a tenth.

    Args:
        kind: The kind.
        approved: The amount that was approved.
        amount: The amount now.
        department_id: Whose settings count.

    Source: domain reference 5.4.2 [RECON] and Appendix F: the tenth counts from the approved total, and crossing a
    level downwards does not re-open. Setting ``approval_rise_percent``.
    """
    before, now = (_band_position(kind, each, department_id) for each in (approved, amount))
    if before is not None and now is not None and now > before:
        return True
    percent = Decimal(_means().setting_of(CORE, "approval_rise_percent", department_id))
    return amount > approved * (100 + percent) / 100


@dataclass(frozen=True)
class _Tree:
    """The departments that answer for a record: its own, those above, and the groups of its project."""

    path: tuple[int, ...]
    kinds: Mapping[int, str]
    groups: tuple[int, ...]

    def places(self, level: str) -> Iterator[tuple[int, ...]]:
        """Yield the departments in which a role is looked for, the nearest first."""
        if level == "group":
            yield self.groups
        elif level:
            yield tuple(key for key in self.path if self.kinds[key] == level)
        else:
            nearest, *above = reversed(self.path)
            yield (nearest, *self.groups)
            yield from ((key,) for key in above)


def _tree_of(project_id: int | None, department_id: int | None) -> _Tree:
    tables = ApprovalRequest.metadata.tables
    department, project, assigned = (tables[name].c for name in ("department", "project", "project_group"))
    with all_departments("finding who approves for a record"):
        own = department_id or require_scope().department_id
        groups: Sequence[int] = ()
        if project_id is not None:
            own = db.session.scalar(sa.select(project.department_id).where(project.id == project_id))
            groups = db.session.scalars(
                sa.select(assigned.department_id)
                .where(assigned.project_id == project_id)
                .order_by(assigned.department_id)
            ).all()
        if own is None:
            raise ApprovalRefused(
                _("The record belongs to no department, so nobody can be asked to approve it.")
            )
        path = db.session.scalar(sa.select(department.path).where(department.id == own)) or ""
        ids = tuple(int(part) for part in path.split("/") if part)
        if project_id is None:
            groups = db.session.scalars(
                sa.select(department.id).where(department.parent_id == own, department.kind == "group")
            ).all()
        rows = db.session.execute(sa.select(department.id, department.kind).where(department.id.in_(ids)))
        kinds = {key: str(kind) for key, kind in rows}
    return _Tree(ids, kinds, tuple(groups))


def _holders(role: str, place_ids: Collection[int]) -> set[int]:
    tables = ApprovalRequest.metadata.tables
    membership, roles, account = (tables[name].c for name in ("membership", "role", "user_account"))
    query = (
        sa.select(membership.user_id)
        .join_from(membership.user_id.table, roles.id.table, roles.id == membership.role_id)
        .join(account.id.table, account.id == membership.user_id)
        .where(
            roles.name == role, membership.department_id.in_(sorted(place_ids)), account.active.is_(sa.true())
        )
    )
    return set(db.session.scalars(query))


def _find_places(tree: _Tree, role: str, level: str, author_id: int | None) -> tuple[int, ...] | None:
    """Return where a role is held by somebody else than the author, the nearest place first; None for nowhere."""
    for places in tree.places(level):
        held = tuple(place for place in places if _holders(role, (place,)) - {author_id})
        if held:
            return held
    return None


def role_label(code: str) -> str:
    """Return what a role is called in the language of the page, from its code."""
    role = ApprovalRequest.metadata.tables["role"].c
    row = db.session.execute(sa.select(role.label, role.label_en).where(role.name == code)).first()
    if row is None:
        return code
    chinese = page_language().startswith("zh")
    return (row.label if chinese else row.label_en or row.label) or code


def page_language() -> str:
    """Return the locale in which the page is read, or the paper is printed."""
    return str(get_locale() or "zh_Hans_CN")


# --- Asking


def request_approval(
    kind: str, record: Any, amount: Decimal | None = None, *, note: str = ""
) -> ApprovalRequest:
    """Put a record before those who have to approve it, in the caller's transaction.

    Args:
        kind: Code of the :class:`core.plugin_system.declarations.ApprovalKind`.
        record: The loaded record, of the record kind that the kind names.
        amount: In yuan, for a kind with bands.
        note: Why, in the words of the author.

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
    _refuse_barred_author(declared, scope.user_id)
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
        number=_means().next_number(f"SP-{now.astimezone(LOCAL_ZONE):%Y%m}-"),
        kind=kind,
        record_kind=record_kind.code,
        record_id=record.id,
        title=record_kind.title(record)[:200],
        note=note.strip(),
        author_id=scope.user_id,
        requested_at=now,
        content_hash="",
        **owner.as_columns(),
    )
    _freeze(request, declared, record, amount)
    db.session.add(request)
    db.session.flush()
    _start_round(request, declared, record)
    return request


def _refuse_barred_author(kind: ApprovalKind, user_id: int | None) -> None:
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


def _freeze(request: ApprovalRequest, kind: ApprovalKind, record: Any, amount: Decimal | None) -> None:
    """Keep what is approved, in every language, and its fingerprint."""
    facts: dict[str, list[list[str]]] = {}
    for language in LOCALES:
        with _in_language(language):
            pairs = kind.facts(record) if kind.facts is not None else ()
            facts[language] = [[str(label), "" if value is None else str(value)] for label, value in pairs]
    request.amount, request.facts = amount, facts
    content = {
        "kind": request.kind,
        "record": [request.record_kind, request.record_id],
        "amount": None if amount is None else f"{amount:.2f}",
        "note": request.note,
        "facts": facts,
    }
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    request.content_hash = hashlib.sha256(canonical.encode()).hexdigest()


@contextmanager
def _in_language(language: str) -> Iterator[None]:
    before = g.get("forced_locale")
    g.forced_locale = language
    try:
        with force_locale(language):
            yield
    finally:
        g.forced_locale = before


def _start_round(
    request: ApprovalRequest, kind: ApprovalKind, record: Any, from_position: int | None = None
) -> None:
    """Make the tasks of a round, from a step on when it went back to one, and open the first of them."""
    tree = _tree_of(request.project_id, request.department_id)
    position = _band_position(kind, request.amount, tree.path[-1])
    last = max((step.order for step in kind.steps), default=0) + 10
    made: list[ApprovalTask] = []
    for step in kind.steps:
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
    _open_next(request)


def _who(
    request: ApprovalRequest, tree: _Tree, step: ApprovalStep, record: Any
) -> tuple[int | None, tuple[int, ...]]:
    person = step.person(record) if step.person is not None else None
    if person is not None and person == request.author_id:
        raise ApprovalRefused(
            _("“%(step)s” would fall to the author. Have another person named first.", step=step.label)
        )
    if person is not None:
        return person, ()
    places = _find_places(tree, step.role, step.level, request.author_id) if step.role else None
    if places is None:
        raise _nobody(step.label, step.role)
    return None, places


def _deciding_band(
    request: ApprovalRequest, tree: _Tree, bands: Sequence[ApprovalBand]
) -> tuple[ApprovalBand, tuple[int, ...]]:
    """Return the first band whose role somebody else than the author holds: the next level decides else."""
    for band in bands:
        places = _find_places(tree, band.role, band.level, request.author_id)
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
        label=str(step.label),
        position=position,
        state=TaskState.WAITING,
        role="" if person_id is not None else step.role,
        place_ids=list(place_ids),
        person_id=person_id,
        project_id=request.project_id,
        customer_id=request.customer_id,
        department_id=request.department_id,
    )


def _open_next(request: ApprovalRequest) -> bool:
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
            task.state, task.opened_at, task.due_at = TaskState.OPEN, now, _due(request, now)
            db.session.flush()
            _ask(task, "")
    return True


def _due(request: ApprovalRequest, now: dt.datetime, key: str = "approval_answer_days") -> dt.datetime:
    means, department_id = _means(), request.department_id
    days = int(means.setting_of(CORE, key, department_id))
    day = means.working_day_after(now.astimezone(LOCAL_ZONE).date(), days, department_id)
    return dt.datetime.combine(day, _DUE_HOUR, LOCAL_ZONE).astimezone(dt.UTC)


def _ask(task: ApprovalTask, what: str) -> None:
    """Make the to-dos of a task: one for the person, or one for each department in which the role is held."""
    request = task.request
    title = _("Approve %(number)s %(title)s", number=request.number, title=request.title)
    if what:
        title = _("Overdue: %(title)s", title=title)
    places: Sequence[int | None] = [None] if task.person_id is not None else task.place_ids
    for place in places:
        _means().add_todo(
            request,
            title,
            owner=task.person_id,
            department=place,
            role=task.role or None,
            due_at=task.due_at,
            dedupe_key=f"approval:{task.id}:{what}{place or ''}",
        )


# --- Reading


def pending_request(kind: str, record: Any) -> ApprovalRequest | None:
    """Return the request that waits for an answer about a record, or None.

    Args:
        kind: Code of the kind.
        record: A loaded record.
    """
    return _newest(kind, record, RequestState.PENDING)


def approved_request(kind: str, record: Any) -> ApprovalRequest | None:
    """Return the newest approved request about a record, or None.

    Args:
        kind: Code of the kind.
        record: A loaded record.
    """
    return _newest(kind, record, RequestState.APPROVED)


def _newest(kind: str, record: Any, state: RequestState) -> ApprovalRequest | None:
    declared = current_runtime().declared.record_kind_of(record)
    if declared is None:
        return None
    query = sa.select(ApprovalRequest).where(
        ApprovalRequest.kind == kind,
        ApprovalRequest.record_kind == declared.code,
        ApprovalRequest.record_id == record.id,
        ApprovalRequest.state == state,
    )
    return db.session.scalar(query.order_by(ApprovalRequest.id.desc()).limit(1))


def approvals_of(record: Any) -> Sequence[ApprovalRequest]:
    """Return the requests about a record, newest first."""
    declared = current_runtime().declared.record_kind_of(record)
    if declared is None:
        return []
    query = sa.select(ApprovalRequest).where(
        ApprovalRequest.record_kind == declared.code, ApprovalRequest.record_id == record.id
    )
    return db.session.scalars(query.order_by(ApprovalRequest.id.desc())).all()


def facts_of(request: ApprovalRequest, language: str) -> list[tuple[str, str]]:
    """Return what was put before the approvers, in a language."""
    held = request.facts if isinstance(request.facts, Mapping) else {}
    pairs: list[list[str]] = held.get(language) or next(iter(held.values()), [])
    return [(label, value) for label, value in pairs]


def label_of(request: ApprovalRequest, task: ApprovalTask) -> str:
    """Return what the box of an opinion is called, in the language of the page where its kind is still declared."""
    kind = current_runtime().declared.approval_kind(request.kind)
    steps: tuple[ApprovalStep | ApprovalBand, ...] = (*kind.steps, *kind.bands) if kind is not None else ()
    for step in steps:
        if step.code == task.step:
            return str(step.label)
    return task.label


def names_of(keys: Collection[int | None]) -> dict[int, str]:
    """Return the names of accounts by id."""
    account = ApprovalRequest.metadata.tables["user_account"].c
    wanted = sorted({key for key in keys if key is not None})
    rows = db.session.execute(
        sa.select(account.id, account.name, account.email).where(account.id.in_(wanted))
    )
    return {key: name or email for key, name, email in rows}


@dataclass(frozen=True)
class _Standing:
    """For whom the acting user may answer today, and which roles each of them holds where."""

    user_id: int | None
    roles: Mapping[int, frozenset[tuple[str, int]]] = field(default_factory=dict)

    def answers_as(self, task: ApprovalTask, author_id: int | None) -> int | None:
        """Return for whom the user may give an opinion: himself, one whom he stands in for, or None for nobody."""
        if self.user_id is None or self.user_id == author_id:
            return None
        for user_id, held in self.roles.items():
            if user_id == author_id:
                continue
            if task.person_id is not None:
                if task.person_id == user_id:
                    return user_id
            elif any(role == task.role and place in task.place_ids for role, place in held):
                return user_id
        return None


def _standing() -> _Standing:
    user_id = require_scope().user_id
    if user_id is None:
        return _Standing(None)
    today = local_today()
    absent = db.session.scalars(
        sa.select(ApprovalDelegation.user_id).where(
            ApprovalDelegation.delegate_id == user_id,
            ApprovalDelegation.from_on <= today,
            ApprovalDelegation.until_on >= today,
            ApprovalDelegation.ended_at.is_(None),
        )
    )
    keys = list(dict.fromkeys([user_id, *absent]))
    tables = ApprovalRequest.metadata.tables
    membership, roles, account = (tables[name].c for name in ("membership", "role", "user_account"))
    rows = db.session.execute(
        sa.select(membership.user_id, roles.name, membership.department_id)
        .join_from(membership.user_id.table, roles.id.table, roles.id == membership.role_id)
        .join(account.id.table, account.id == membership.user_id)
        .where(membership.user_id.in_(keys), account.active.is_(sa.true()))
    ).all()
    held = {key: frozenset((role, place) for user, role, place in rows if user == key) for key in keys}
    return _Standing(user_id, held)


@dataclass(frozen=True)
class Waiting:
    """A task that waits for the acting user.

    Attributes:
        task: The task.
        request: Its request.
        on_behalf_of_id: For whom he answers, or None for himself.
        days: For how many days it has waited.
        is_late: Whether the answer is overdue.
    """

    task: ApprovalTask
    request: ApprovalRequest
    on_behalf_of_id: int | None
    days: int
    is_late: bool


def of_modules_that_are_on() -> list[sa.ColumnElement[bool]]:
    """Return the conditions that leave out requests of modules that are switched off here; removed ones stay."""
    off = [slug for slug in current_runtime().declared.components() if slug != CORE and not is_on(slug)]
    return [ApprovalRequest.kind.not_like(f"{slug.replace('_', '/_')}.%", escape="/") for slug in off]


def inbox() -> list[Waiting]:
    """Return what waits for the acting user, the longest first, within what he may see."""
    standing = _standing()
    if standing.user_id is None:
        return []
    names = {role for held in standing.roles.values() for role, _place in held}
    query = (
        sa.select(ApprovalTask, ApprovalRequest)
        .join(ApprovalRequest, ApprovalRequest.id == ApprovalTask.request_id)
        .where(
            ApprovalTask.state == TaskState.OPEN,
            sa.or_(ApprovalTask.role.in_(sorted(names)), ApprovalTask.person_id.in_(sorted(standing.roles))),
            *of_modules_that_are_on(),
        )
        .order_by(ApprovalTask.opened_at, ApprovalTask.id)
    )
    now = utc_now()
    found = []
    for task, request in db.session.execute(query):
        as_whom = standing.answers_as(task, request.author_id)
        if as_whom is not None:
            found.append(
                Waiting(
                    task,
                    request,
                    None if as_whom == standing.user_id else as_whom,
                    (now - (task.opened_at or now)).days,
                    task.due_at is not None and task.due_at < now,
                )
            )
    return found


def open_tasks_for_me(request: ApprovalRequest) -> list[Waiting]:
    """Return the tasks of one request that wait for the acting user."""
    return [each for each in inbox() if each.request.id == request.id]


# --- Answering


def approve(task: ApprovalTask, opinion: str = "") -> ApprovalRequest:
    """Agree; when it was the last opinion, the request is approved.

    Args:
        task: A task that waits for the acting user.
        opinion: What stands in the box; empty for agreement without words.

    Raises:
        ApprovalRefused: It does not wait for him, or somebody has answered meanwhile.
    """
    request = _answer(task, TaskState.APPROVED, opinion)
    if not _open_next(request):
        request.state, request.finished_at = RequestState.APPROVED, utc_now()
        request.approved_amount = request.amount
        db.session.flush()
        _tell(request, "approved")
    return request


def reject(task: ApprovalTask, opinion: str, back_to: str = "") -> ApprovalRequest:
    """Disagree, and give the request back to its author or to an earlier step.

    Args:
        task: A task that waits for the acting user.
        opinion: Why; it stands in the box.
        back_to: Code of an earlier step, which is asked anew with all that follow it; empty for the author.

    Raises:
        ApprovalRefused: It does not wait for him, somebody has answered meanwhile, the reason is missing, or there is
            no such earlier step.
    """
    if not opinion.strip():
        raise ApprovalRefused(_("Say why you do not agree; the author reads it."), field="opinion")
    target: ApprovalStep | None = None
    if back_to:
        steps = kind_of(task.request.kind).steps
        target = next((step for step in steps if step.code == back_to and step.order < task.position), None)
        if target is None:
            raise ApprovalRefused(_("It can go back to an earlier step only. Choose one."), field="back_to")
    request = _answer(task, TaskState.REJECTED, opinion)
    _cancel_rest(request)
    if target is None:
        request.state, request.finished_at = RequestState.REJECTED, utc_now()
        db.session.flush()
        _tell(request, "rejected")
    else:
        request.round_number += 1
        _start_round(request, kind_of(request.kind), _record_of(request), target.order)
    return request


def approve_many(tasks: Sequence[ApprovalTask], opinion: str = "") -> tuple[list[str], list[tuple[str, str]]]:
    """Agree to several, each by itself.

    Args:
        tasks: Tasks that the acting user sees.
        opinion: What stands in each box.

    Returns:
        The numbers of the requests that were answered, and number and reason of those that were not.
    """
    done: list[str] = []
    skipped: list[tuple[str, str]] = []
    for task in tasks:
        number = task.request.number
        try:
            with db.session.begin_nested():
                approve(task, opinion)
        except ValueError as refused:
            skipped.append((number, str(refused)))
        else:
            done.append(number)
    return done, skipped


def withdraw_request(request: ApprovalRequest, reason: str) -> None:
    """Take a request back.

    Args:
        request: A request of the acting user that waits for an answer.
        reason: Why.

    Raises:
        ApprovalRefused: It is not his, it was answered already, or the reason is missing.
    """
    _lock(request)
    if request.author_id is None or request.author_id != require_scope().user_id:
        raise ApprovalRefused(_("Only the author of %(number)s can withdraw it.", number=request.number))
    _require_pending(request)
    if not reason.strip():
        raise ApprovalRefused(_("Say why you withdraw it; the approvers read it."), field="reason")
    _cancel_rest(request)
    request.state, request.finished_at = RequestState.WITHDRAWN, utc_now()
    request.withdrawal_reason = reason.strip()
    db.session.flush()
    _tell(request, "withdrawn")


def amount_changed(kind: str, record: Any, amount: Decimal) -> ApprovalRequest | None:
    """Note another amount of a record that was approved, and ask anew where it rose too far.

    While a request waits, another amount starts its opinions anew: they were given about another one.

    Args:
        kind: Code of the kind.
        record: The record.
        amount: The amount now, in yuan.

    Returns:
        The request, which waits again (``state``) when it had to be opened again; None when nothing was ever asked.

    Source: domain reference 5.4.2 [RECON], worked example 5.
    """
    request = pending_request(kind, record) or approved_request(kind, record)
    if request is None:
        return None
    _lock(request)
    declared = kind_of(kind)
    if request.state == RequestState.PENDING:
        if request.amount == amount:
            return request
    elif request.approved_amount is None or not needs_reopening(
        declared, request.approved_amount, amount, request.department_id
    ):
        request.amount = amount
        db.session.flush()
        return request
    was_approved = request.state == RequestState.APPROVED
    _cancel_rest(request)
    request.state, request.finished_at = RequestState.PENDING, None
    request.round_number += 1
    _freeze(request, declared, record, amount)
    db.session.flush()
    _start_round(request, declared, record)
    if was_approved:
        _tell(request, "reopened")
    return request


def _lock(request: ApprovalRequest) -> None:
    """Wait until nobody else answers the same request, and read what he wrote."""
    db.session.flush()
    db.session.scalar(
        sa.select(ApprovalRequest)
        .where(ApprovalRequest.id == request.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    db.session.refresh(request, ["tasks"])
    for task in request.tasks:
        db.session.refresh(task)


def _require_pending(request: ApprovalRequest) -> None:
    if request.state != RequestState.PENDING:
        raise ApprovalRefused(
            _(
                "%(number)s does not wait for an answer any more. Reload the page to see what happened.",
                number=request.number,
            )
        )


def _answer(task: ApprovalTask, verdict: TaskState, opinion: str) -> ApprovalRequest:
    request = task.request
    _lock(request)
    _require_pending(request)
    if task.state != TaskState.OPEN:
        raise ApprovalRefused(
            _(
                "Somebody has answered “%(step)s” of %(number)s meanwhile. Reload the page to see what happened.",
                step=label_of(request, task),
                number=request.number,
            )
        )
    standing = _standing()
    if standing.user_id is not None and standing.user_id == request.author_id:
        raise ApprovalRefused(
            _("You asked for %(number)s yourself, so somebody else has to answer.", number=request.number)
        )
    as_whom = standing.answers_as(task, request.author_id)
    if as_whom is None:
        raise ApprovalRefused(
            _(
                "“%(step)s” of %(number)s does not wait for you.",
                step=label_of(request, task),
                number=request.number,
            )
        )
    task.opinion = opinion.strip()[:LONGEST_OPINION]
    task.state, task.decided_at = verdict, utc_now()
    task.decided_by_id = standing.user_id
    task.on_behalf_of_id = None if as_whom == standing.user_id else as_whom
    db.session.flush()
    _means().finish_todos(f"approval:{task.id}:")
    return request


def _cancel_rest(request: ApprovalRequest) -> None:
    for task in request.tasks:
        if task.state in (TaskState.OPEN, TaskState.WAITING):
            task.state = TaskState.CANCELLED
            _means().finish_todos(f"approval:{task.id}:")
    db.session.flush()


def _record_of(request: ApprovalRequest) -> Any:
    declared = current_runtime().declared.record_kind(request.record_kind)
    record = db.session.get(declared.model, request.record_id) if declared is not None else None
    if record is None:
        raise ApprovalRefused(_("The record of %(number)s does not exist any more.", number=request.number))
    return record


def _tell(request: ApprovalRequest, what: str) -> None:
    callback = getattr(kind_of(request.kind), what)
    if callback is not None:
        callback(_record_of(request), request)
        db.session.flush()


# --- Standing in


def delegate(delegate_to: Any, from_on: dt.date, until_on: dt.date, reason: str = "") -> ApprovalDelegation:
    """Let a colleague answer in the acting user's place for some days. He still sees only what he may see.

    Args:
        delegate_to: The colleague.
        from_on: The first day, in China.
        until_on: The last day, included.
        reason: Why, for example a journey.

    Raises:
        ApprovalRefused: The days make no sense, or it is oneself.
    """
    user_id = require_scope().user_id
    if user_id is None or delegate_to is None or delegate_to.id == user_id:
        raise ApprovalRefused(_("Choose a colleague who answers in your place."), field="delegate_id")
    if until_on < from_on or until_on < local_today():
        raise ApprovalRefused(
            _("The last day must not lie before the first one, nor in the past."), field="until_on"
        )
    if (until_on - from_on).days > LONGEST_DELEGATION:
        raise ApprovalRefused(_("Let a colleague stand in for a year at most."), field="until_on")
    made = ApprovalDelegation(
        user_id=user_id,
        delegate_id=delegate_to.id,
        from_on=from_on,
        until_on=until_on,
        reason=reason.strip()[:200],
    )
    db.session.add(made)
    db.session.flush()
    return made


def end_delegation(delegation: ApprovalDelegation) -> None:
    """End it before its time.

    Raises:
        ApprovalRefused: It is not the acting user's, or it has ended.
    """
    if delegation.user_id != require_scope().user_id or delegation.ended_at is not None:
        raise ApprovalRefused(_("This has ended already. Reload the page."))
    delegation.ended_at = utc_now()
    db.session.flush()


def delegations_of_mine() -> Sequence[ApprovalDelegation]:
    """Return the delegations that the acting user gave and that have not passed."""
    return db.session.scalars(
        sa.select(ApprovalDelegation)
        .where(
            ApprovalDelegation.user_id == require_scope().user_id,
            ApprovalDelegation.ended_at.is_(None),
            ApprovalDelegation.until_on >= local_today(),
        )
        .order_by(ApprovalDelegation.from_on, ApprovalDelegation.id)
    ).all()


# --- Reminders


def overdue_tasks(now: dt.datetime | None = None) -> list[int]:
    """Return the keys of tasks whose answer is overdue and about which something is left to say."""
    query = (
        sa.select(ApprovalTask.id)
        .where(
            ApprovalTask.state == TaskState.OPEN,
            ApprovalTask.due_at < (now or utc_now()),
            ApprovalTask.escalated_at.is_(None),
        )
        .order_by(ApprovalTask.id)
    )
    return list(db.session.scalars(query))


def remind(task_id: int, now: dt.datetime | None = None) -> None:
    """Remind of an overdue answer once; later tell the head of the department above.

    Args:
        task_id: Key of a task.
        now: The moment; now when omitted.

    Source: domain reference 3.2.3 [RECON]: each answer due in 2 working days; overdue → reminder, then escalation.
    """
    now = now or utc_now()
    task = db.session.scalar(sa.select(ApprovalTask).where(ApprovalTask.id == task_id).with_for_update())
    if task is None or task.state != TaskState.OPEN or task.due_at is None or task.due_at >= now:
        return
    if task.reminded_at is None:
        task.reminded_at = now
        _ask(task, "reminder:")
    elif task.escalated_at is None and now >= _due(task.request, task.due_at, "approval_escalation_days"):
        task.escalated_at = now
        _means().add_todo(
            task.request,
            _("Unanswered: %(number)s %(title)s", number=task.request.number, title=task.request.title),
            department=_above(task),
            role="HEAD",
            dedupe_key=f"approval:{task.id}:escalation",
        )
    db.session.flush()


def _above(task: ApprovalTask) -> int | None:
    """Return the department above the one that should have answered, or that one where none is above."""
    department = ApprovalRequest.metadata.tables["department"].c
    place = next(iter(task.place_ids), None) or task.request.department_id
    if place is None:
        tree = _tree_of(task.request.project_id, None)
        place = tree.path[-1]
    parent = db.session.scalar(sa.select(department.parent_id).where(department.id == place))
    return parent or place


def remind_of_overdue(run: Any) -> None:
    """Send the reminders and escalations that are due; the periodic task ``approvals.remind``."""
    for key in run.steps([str(key) for key in overdue_tasks()]):
        remind(int(key))


# --- Customers


def move_to_customer(kept_id: int, merged_id: int) -> None:
    """Move the requests of a merged customer to the one that is kept."""
    asked = sa.select(ApprovalRequest).where(ApprovalRequest.customer_id == merged_id)
    for request in db.session.scalars(asked):
        request.customer_id = kept_id
    for task in db.session.scalars(sa.select(ApprovalTask).where(ApprovalTask.customer_id == merged_id)):
        task.customer_id = kept_id
    db.session.flush()


def erase_of_customer(customer_id: int, title: str) -> None:
    """Blank what requests say of an erased customer; who decided when stays.

    Args:
        customer_id: The customer.
        title: What stands in the place of each title.
    """
    for request in db.session.scalars(
        sa.select(ApprovalRequest).where(ApprovalRequest.customer_id == customer_id)
    ):
        request.title, request.note, request.facts, request.withdrawal_reason = title, "", {}, ""
    for task in db.session.scalars(sa.select(ApprovalTask).where(ApprovalTask.customer_id == customer_id)):
        task.opinion = ""
    db.session.flush()


def of_customer(customer_id: int) -> list[dict[str, Any]]:
    """Return the requests about a customer, as plain data (PIPL 45)."""
    rows = db.session.scalars(sa.select(ApprovalRequest).where(ApprovalRequest.customer_id == customer_id))
    return [
        {"number": row.number, "title": row.title, "state": str(row.state), "note": row.note} for row in rows
    ]
