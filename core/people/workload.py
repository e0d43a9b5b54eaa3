"""Whose to-dos are whose: one's own, those of one's departments, and what others owe."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import aliased

from core.database.scope import require_scope
from core.database.types import LOCAL_ZONE, utc_now
from core.extensions import db
from core.machinery.todos.models import Todo, TodoState
from core.machinery.todos.services import TodoRefused
from core.people.models import Department, Membership, Role
from core.people.permissions import has_permission

LATER_DAYS = 7
"""What is due after so many days stands under “later”."""
RECENT_DAYS = 30


def is_open() -> sa.ColumnElement[bool]:
    """The condition that something is still to be done."""
    return Todo.state == TodoState.OPEN


def _for_user(user_id: Any) -> sa.ColumnElement[bool]:
    """The condition that a to-do is for a user: he has it, or nobody has it and he holds its role in its department,
    above it or below it."""
    held, own = aliased(Department), aliased(Department)
    fits = (
        sa.select(sa.literal(1))
        .select_from(Membership)
        .join(Role, Role.id == Membership.role_id)
        .join(held, held.id == Membership.department_id)
        .join(own, own.id == Todo.department_id)
        .where(
            Membership.user_id == user_id,
            Role.name == Todo.role,
            sa.or_(own.path.startswith(held.path), held.path.startswith(own.path)),
        )
        .correlate(Todo)
        .exists()
    )
    return sa.or_(
        # False and not unknown where nobody has it, so that the condition can be negated.
        sa.and_(Todo.owner_id.is_not(None), Todo.owner_id == user_id),
        sa.and_(Todo.owner_id.is_(None), Todo.role != "", fits),
    )


def is_mine() -> sa.ColumnElement[bool]:
    """The condition that a to-do is the acting user's: he has it, or nobody has it and he holds its role there."""
    return _for_user(require_scope().user_id or 0)


def departments_here() -> list[int]:
    """Return the ids of the acting department and those below it."""
    scope = require_scope()
    if scope.department_id is None:
        return []
    path = db.session.scalar(sa.select(Department.path).where(Department.id == scope.department_id)) or "/"
    return list(db.session.scalars(sa.select(Department.id).where(Department.path.startswith(path))))


def is_of_department(departments: Sequence[int]) -> sa.ColumnElement[bool]:
    """The condition that a to-do is for one of some departments.

    Args:
        departments: Their ids.
    """
    return Todo.department_id.in_(departments)


def today_ends() -> dt.datetime:
    """Return the end of today in China."""
    tomorrow = dt.datetime.now(LOCAL_ZONE).date() + dt.timedelta(days=1)
    return dt.datetime.combine(tomorrow, dt.time(), LOCAL_ZONE)


def tabs() -> dict[str, Sequence[sa.ColumnElement[bool]]]:
    """Return the conditions of each part of “my work”: mine, department, overdue, later, done."""
    now, later = utc_now(), today_ends() + dt.timedelta(days=LATER_DAYS)
    mine = is_mine()
    here = departments_here()
    department = is_of_department(here)
    soon = sa.or_(Todo.due_at.is_(None), Todo.due_at < later)
    late = [is_open(), Todo.due_at < now]
    if not has_permission("todos.oversee"):
        late.append(sa.or_(mine, department))
    return {
        "mine": (is_open(), mine, soon),
        "department": (is_open(), department, sa.not_(mine), soon),
        "overdue": late,
        "later": (is_open(), sa.or_(mine, department), Todo.due_at >= later),
        "done": (
            Todo.finished_by_id == require_scope().user_id,
            Todo.finished_at >= now - dt.timedelta(days=RECENT_DAYS),
        ),
    }


def counts(parts: Mapping[str, Sequence[sa.ColumnElement[bool]]]) -> dict[str, int]:
    """Return how many to-dos each part has.

    Args:
        parts: Conditions by name, as :func:`tabs` returns them.
    """
    return {
        name: db.session.scalar(sa.select(sa.func.count(Todo.id)).where(*conditions)) or 0
        for name, conditions in parts.items()
    }


@cache
def _count_due() -> sa.Select[int, Any]:
    return sa.select(
        sa.func.count(Todo.id), sa.func.sum(sa.case((Todo.due_at < sa.bindparam("now"), 1), else_=0))
    ).where(
        is_open(), Todo.due_at < sa.bindparam("until"), _for_user(sa.bindparam("me", type_=sa.BigInteger))
    )


def due_today() -> tuple[int, int]:
    """Return how many of the acting user's to-dos are due by the end of today, and how many of them are overdue."""
    values = {"me": require_scope().user_id or 0, "now": utc_now(), "until": today_ends()}
    count, late = db.session.execute(_count_due(), values).one()
    return int(count), int(late or 0)


def may_act_on(todo: Todo) -> bool:
    """Return whether the acting user may take, finish or hand on a to-do: it is his, or his department's, or he may
    give to-dos to departments."""
    scope = require_scope()
    if scope.user_id is None or todo.owner_id == scope.user_id or has_permission("todos.assign"):
        return True
    if todo.created_by_id == scope.user_id or todo.department_id in departments_here():
        return True
    return bool(db.session.scalar(sa.select(sa.func.count(Todo.id)).where(Todo.id == todo.id, is_mine())))


def require_may_act_on(todo: Todo) -> None:
    """Refuse who may not take, finish or hand on a to-do.

    Raises:
        TodoRefused: He may not.
    """
    if not may_act_on(todo):
        raise TodoRefused(
            _("This is for another department. Ask somebody there, or customer relations, to change it.")
        )
