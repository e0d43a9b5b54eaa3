"""Reminding of overdue answers, and telling the department above."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.database.types import LOCAL_ZONE, utc_now
from core.extensions import db
from core.machinery.approvals.asking import ask, due_after
from core.machinery.approvals.base import CORE, Overdue, means_of_approvals
from core.machinery.approvals.deciders import holders_of, tree_of
from core.machinery.approvals.models import ApprovalRequest, ApprovalTask, TaskState
from core.machinery.approvals.standing_in import stand_ins_for

REMINDER, ESCALATION = "core.approval_reminder", "core.approval_escalation"
"""Codes of the messages."""
WRITES = "approval_messages"
"""Key of the setting by which a department wants messages besides the to-dos."""


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
        ask(task, "reminder:")
        _write_reminders(task, now)
    elif task.escalated_at is None and now >= due_after(
        task.request, task.due_at, "approval_escalation_days"
    ):
        task.escalated_at = now
        above = _above(task)
        means_of_approvals().add_todo(
            task.request,
            _l("Unanswered: %(number)s %(title)s", number=task.request.number, title=task.request.title),
            department=above,
            role="HEAD",
            dedupe_key=f"approval:{task.id}:escalation",
        )
        _write(task, ESCALATION, above, holders_of("HEAD", (above,)))
    db.session.flush()


def _place_of(task: ApprovalTask) -> int:
    """Return the department in which the answer is overdue."""
    place = next(iter(task.place_ids), None) or task.request.department_id
    return place if place is not None else tree_of(task.request.project_id, None).path[-1]


def _above(task: ApprovalTask) -> int:
    """Return the department above the one that should have answered, or that one where none is above."""
    department = ApprovalRequest.metadata.tables["department"].c
    place = _place_of(task)
    parent = db.session.scalar(sa.select(department.parent_id).where(department.id == place))
    return parent or place


def _write_reminders(task: ApprovalTask, now: dt.datetime) -> None:
    """Write to all who may answer, and to those who stand in for them today; never to the author."""
    day = now.astimezone(LOCAL_ZONE).date()
    asked: list[tuple[int, set[int]]] = [(place, holders_of(task.role, (place,))) for place in task.place_ids]
    if task.person_id is not None:
        asked = [(_place_of(task), {task.person_id})]
    for place, people in asked:
        _write(task, REMINDER, place, (people | stand_ins_for(people, day)) - task.request.askers)


def _write(task: ApprovalTask, template: str, department_id: int, people: set[int]) -> None:
    means = means_of_approvals()
    if means.write is None or task.due_at is None:
        return
    if means.setting_of(CORE, WRITES, department_id):
        key = f"approval:{task.id}:{template.removeprefix('core.approval_')}:"
        means.write(Overdue(template, task.request, task.due_at, department_id, sorted(people), key))


def remind_of_overdue(run: Any) -> None:
    """Send the reminders and escalations that are due; the periodic task ``approvals.remind``."""
    for key in run.steps([str(key) for key in overdue_tasks()]):
        remind(int(key))
