"""Reading requests, and what waits for the acting user."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from core.database.scope import require_scope
from core.database.types import local_today, utc_now
from core.extensions import db
from core.machinery.approvals.base import CORE
from core.machinery.approvals.models import (
    ApprovalDelegation,
    ApprovalRequest,
    ApprovalTask,
    RequestState,
    TaskState,
)
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime


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
    held = request.facts or {}
    # A list without languages is how they were kept at first.
    pairs = (held.get(language) or next(iter(held.values()), [])) if isinstance(held, Mapping) else held
    return [(label, value) for label, value in pairs]


@dataclass(frozen=True)
class Standing:
    """For whom the acting user may answer today, and which roles each of them holds where."""

    user_id: int | None
    roles: Mapping[int, frozenset[tuple[str, int]]] = field(default_factory=dict)

    def answers_as(self, task: ApprovalTask, askers: Collection[int]) -> int | None:
        """Return for whom the user may give an opinion: himself, one whom he stands in for, or None for nobody."""
        if self.user_id is None or self.user_id in askers:
            return None
        for user_id, held in self.roles.items():
            if user_id in askers:
                continue
            if task.person_id is not None:
                if task.person_id == user_id:
                    return user_id
            elif any(role == task.role and place in task.place_ids for role, place in held):
                return user_id
        return None


def acting_standing() -> Standing:
    """Return for whom the acting user may answer today."""
    user_id = require_scope().user_id
    if user_id is None:
        return Standing(None)
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
    return Standing(user_id, held)


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
    standing = acting_standing()
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
        as_whom = standing.answers_as(task, request.askers)
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
