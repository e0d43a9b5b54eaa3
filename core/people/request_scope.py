"""What the user of a request may see and do: computed for each request from what the database says at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from flask import Flask, g, redirect, request, session
from flask_babel import gettext as _
from flask_login import current_user
from flask_security import url_for_security
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value
from werkzeug.wrappers import Response

from core.database.base import metadata
from core.database.scope import Scope, all_departments, enter_scope
from core.database.structure import mark_column, remembered, use_mark
from core.extensions import db
from core.people.models import Department, Membership, Role, User

ACTING_KEY = "acting_department"
_REASON = "computing what the user of this request may see"


class DepartmentName(NamedTuple):
    """What a menu shows of a department.

    Attributes:
        id: Its key.
        name: Its name in Chinese.
        name_en: Its name in English, or empty.
        path: Its place in the tree: the ids from the root on between slashes.
    """

    id: int
    name: str
    name_en: str
    path: str


@dataclass(frozen=True)
class Standing:
    """A user and what the acting department decides.

    Attributes:
        user: The account.
        scope: What may be seen and done in the acting department.
        department_name: Name of the acting department in Chinese, or "" without one.
        department_name_en: Its English name.
        must_set_up_two_factor: Whether a role demands a second factor that is not set up yet.
        departments_below: The acting department and those below it that are not archived, as in the tree.
    """

    user: User
    scope: Scope
    department_name: str = ""
    department_name_en: str = ""
    must_set_up_two_factor: bool = False
    departments_below: tuple[DepartmentName, ...] = ()


@dataclass(frozen=True)
class HeldRole:
    """A role as held in one department."""

    department_id: int
    path: str
    permissions: frozenset[str]
    requires_two_factor: bool


def set_up_request_scope(app: Flask) -> None:
    """Compute the scope at the start of each request of a signed-in user; anonymous requests have none."""
    app.before_request(_enter_request_scope)


def load_user(uniquifier: str) -> User | None:
    """Return the active account that a session names, with its roles in the same query, or None.

    Args:
        uniquifier: ``User.fs_uniquifier`` from the session.
    """
    # Nothing can wait to be flushed yet, and columns need no session: a fifth of the time.
    connection = db.session.connection()
    rows = connection.execute(_memberships_query("fs_uniquifier"), {"value": uniquifier}).all()
    if not rows or not rows[0].active:
        return None
    use_mark(rows[0].structure_mark)
    g.setdefault("_held_by", {})[rows[0].id] = _held(rows)
    return _account(rows[0])


def _account(row: Any) -> User:
    """Return the account of a row of the memberships query as a record of the session.

    The query reads columns, which takes half the time of reading records; what it did not read, and relations, the
    record reads when it is asked for them.
    """
    key = sa.inspect(User).identity_key_from_primary_key((row.id,))
    known: User | None = db.session.registry().identity_map.get(key)
    if known is not None:
        return known
    user = User.__mapper__.class_manager.new_instance()
    for name in _ASKED_NAMES:
        set_committed_value(user, name, getattr(row, name))
    make_transient_to_detached(user)
    db.session.add(user)
    return user


def scope_for(user: User, department_id: int | None = None) -> Scope:
    """Return what a user may see and do in a department.

    Args:
        user: The account.
        department_id: The acting department; the user's chosen one, or else the highest that he belongs to.

    Returns:
        A scope that sees nothing and may do nothing when the user does not belong to the department or to one above it.
    """
    return _standing(user, department_id).scope


def standing_now(user_id: int, department_id: int | None) -> Standing | None:
    """Return how an account stands in a department at this moment, read anew from the database.

    Args:
        user_id: The account.
        department_id: The department to act in.

    Returns:
        None when the account is gone or deactivated, or does not belong to the department any more.
    """
    forget_held_roles()
    query = sa.select(User).where(User.id == user_id, User.active).execution_options(populate_existing=True)
    user = db.session.scalar(query)
    if user is None or department_id is None:
        return None
    standing = _standing(user, department_id)
    return standing if standing.scope.department_id == department_id else None


def current_standing() -> Standing | None:
    """Return the standing of this request's user, or None for anonymous requests."""
    standing: Standing | None = g.get("_standing")
    return standing


def _enter_request_scope() -> Response | None:
    if request.endpoint == "static" or not current_user.is_authenticated:
        return None
    user: User = current_user._get_current_object()
    standing = _standing(user, session.get(ACTING_KEY) or user.acting_department_id)
    g._standing = standing
    enter_scope(standing.scope)
    if standing.must_set_up_two_factor and request.blueprint != "security":
        if request.method == "GET":
            return redirect(url_for_security("two_factor_setup"))
        return Response(
            _("Your role asks for a second factor. Set it up first, then send the form again."), status=403
        )
    return None


# The two queries of every request are built once: building them costs as much as running them.


_ASKED_OF_EVERYBODY = (
    User.id,
    User.email,
    User.name,
    User.locale,
    User.active,
    User.acting_department_id,
    User.password,
    User.fs_uniquifier,
    User.tf_primary_method,
    User.tf_totp_secret,
)
"""What requests read of an account; the rest is read when it is asked for."""
_ASKED_NAMES = tuple(column.key for column in _ASKED_OF_EVERYBODY)


@cache
def _memberships_query(column: str) -> Any:
    """Return the query of an account and its roles, found by ``column`` with the parameter ``value``."""
    return (
        sa.select(
            *_ASKED_OF_EVERYBODY,
            Department.id.label("department_id"),
            Department.path,
            Role.permissions,
            Role.requires_two_factor,
            mark_column(),
        )
        .outerjoin(Membership, Membership.user_id == User.id)
        .outerjoin(
            Department, sa.and_(Department.id == Membership.department_id, Department.archived_at.is_(None))
        )
        .outerjoin(Role, Role.id == Membership.role_id)
        .where(getattr(User, column) == sa.bindparam("value"))
        .order_by(sa.func.length(Department.path), Department.path, Role.id)
    )


def _held(rows: Sequence[Any]) -> tuple[HeldRole, ...]:
    return tuple(
        HeldRole(row.department_id, row.path, frozenset(row.permissions or ()), bool(row.requires_two_factor))
        for row in rows
        if row.department_id is not None
    )


def held_roles(user: User) -> tuple[HeldRole, ...]:
    """Return the roles that a user holds in departments that are not archived, highest department first."""
    known: dict[int, tuple[HeldRole, ...]] = g.setdefault("_held_by", {})
    if user.id not in known:
        known[user.id] = _held(db.session.execute(_memberships_query("id"), {"value": user.id}).all())
    return known[user.id]


def forget_held_roles() -> None:
    """Drop what this request remembers of roles; services call it after they changed one."""
    g.pop("_held_by", None)


def _standing(user: User, wanted: int | None) -> Standing:
    held = held_roles(user)
    must_set_up = any(role.requires_two_factor for role in held) and not user.tf_totp_secret
    if not held:
        return Standing(user, Scope(user_id=user.id), must_set_up_two_factor=must_set_up)
    highest = held[0].department_id
    acting = _look_from(highest if wanted is None else wanted)
    if acting is None or not any(acting.path.startswith(role.path) for role in held):
        # The wanted department is gone, or the user no longer belongs to it.
        acting = _look_from(highest)
    if acting is None:
        return Standing(user, Scope(user_id=user.id), must_set_up_two_factor=must_set_up)
    permissions = {code for role in held if acting.path.startswith(role.path) for code in role.permissions}
    scope = Scope(user.id, acting.id, acting.project_ids, acting.department_ids, frozenset(permissions))
    return Standing(user, scope, acting.name, acting.name_en, must_set_up, acting.departments_below)


@dataclass(frozen=True)
class _View:
    """What can be seen from one department."""

    id: int
    path: str
    name: str
    name_en: str
    department_ids: frozenset[int]
    departments_below: tuple[DepartmentName, ...]
    project_ids: frozenset[int] | None
    """None for all: the department stands above every other one."""


@cache
def _view_query() -> Any:
    """Return the query of what can be seen from the department with the parameter ``department_id``.

    A region sees the projects of its city companies, a city company its own, a group those that it is assigned to.
    Whoever acts above every other department, archived ones included, sees all projects; none is read then.
    """
    # By table: projects stand a layer above people, and what is read becomes no record.
    project, assignment = metadata.tables["project"].c, metadata.tables["project_group"].c
    department = metadata.tables["department"]
    acting, root = department.alias("acting").c, department.alias("root").c
    wanted = sa.bindparam("department_id", type_=sa.BigInteger)
    below = department.c.path.startswith(acting.path)
    nothing = sa.literal("")
    departments_below = (
        sa.select(
            sa.case((department.c.archived_at.is_(None), "department"), else_="archived").label("what"),
            department.c.id,
            department.c.path,
            department.c.name,
            department.c.name_en,
        )
        .join_from(department, acting.id.table, below)
        .where(acting.id == wanted, acting.archived_at.is_(None))
    )
    has_another_root = sa.exists().where(root.parent_id.is_(None), root.id != wanted)
    projects_below = (
        sa.select(sa.literal("project"), project.id, nothing, nothing, nothing)
        .join_from(project.id.table, department, department.c.id == project.department_id)
        .join(acting.id.table, below)
        .where(acting.id == wanted, has_another_root)
    )
    projects_assigned = sa.select(
        sa.literal("project"), assignment.project_id, nothing, nothing, nothing
    ).where(assignment.department_id == wanted)
    others = sa.select(sa.literal("another root"), sa.literal(0), nothing, nothing, nothing).where(
        has_another_root
    )
    return sa.union_all(departments_below, projects_below, projects_assigned, others)


def _look_from(department_id: int) -> _View | None:
    """Return what can be seen from a department; None when it is gone or archived."""
    return remembered("view", department_id, lambda: _read_view(department_id))


def _read_view(department_id: int) -> _View | None:
    """Return what can be seen from a department, in one query."""
    with all_departments(_REASON):
        rows = db.session.execute(_view_query(), {"department_id": department_id}).all()
    departments = {row.id: row for row in rows if row.what in ("department", "archived")}
    if department_id not in departments:
        return None
    own = departments[department_id]
    above = (int(part) for part in own.path.split("/") if part)
    is_above_all = all(row.what != "another root" for row in rows)
    names = (
        DepartmentName(row.id, row.name, row.name_en, row.path) for row in rows if row.what == "department"
    )
    return _View(
        own.id,
        own.path,
        own.name,
        own.name_en,
        frozenset(departments) | frozenset(above),
        tuple(sorted(names, key=attrgetter("path"))),
        None if is_above_all else frozenset(row.id for row in rows if row.what == "project"),
    )
