"""Rules of departments, users, roles and memberships."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache

import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from flask import current_app, has_request_context, session
from flask_babel import gettext as _
from flask_security import hash_password

from core.database.base import metadata
from core.database.scope import all_departments, current_scope
from core.database.types import utc_now
from core.extensions import db
from core.languages import listed
from core.people import request_scope
from core.people.models import Department, DepartmentKind, Membership, Role, User

TWO_FACTOR_PATTERNS = (
    "*.export",
    "*.export_person",
    "*.erase",
    "people.manage",
    "modules.switch",
    "personal.reveal",
)
"""Permissions whose holders need a second factor: who exports, administers or reveals."""

_PARENT_KIND = {
    DepartmentKind.REGION: None,
    DepartmentKind.CITY: DepartmentKind.REGION,
    DepartmentKind.GROUP: DepartmentKind.CITY,
}


class PeopleRuleError(ValueError):
    """A rule of departments, users or roles forbids the change; the message is a full sentence for the user."""


# Departments


def create_department(
    *, kind: DepartmentKind, code: str, name: str, name_en: str = "", parent: Department | None = None
) -> Department:
    """Add a department to the tree.

    Args:
        kind: Region, city company or group.
        code: Short unique code, for example ``SZ-CS``.
        name: Name in Chinese.
        name_en: Name in English.
        parent: The region of a city company, the city company of a group; None for a region.

    Raises:
        PeopleRuleError: The parent does not fit, or the code is empty or taken.
    """
    department = Department(kind=kind, name=name.strip(), name_en=name_en.strip(), code=_free_code(code))
    if not department.name:
        raise PeopleRuleError(_("A department needs a name. Enter one."))
    _check_parent(kind, parent)
    _require_within_reach(parent)
    department.parent = parent
    db.session.add(department)
    db.session.flush()
    department.path = f"{parent.path if parent else '/'}{department.id}/"
    db.session.flush()
    return department


def rename_department(department: Department, *, code: str, name: str, name_en: str = "") -> None:
    """Change the code and the names of a department.

    Raises:
        PeopleRuleError: A name is missing, the code is taken, or the department is out of reach.
    """
    _require_within_reach(department)
    if not name.strip():
        raise PeopleRuleError(_("A department needs a name. Enter one."))
    department.code = _free_code(code, department)
    department.name, department.name_en = name.strip(), name_en.strip()
    db.session.flush()


def move_department(department: Department, parent: Department) -> None:
    """Hang a department, with everything below it, under another parent.

    Raises:
        PeopleRuleError: The parent does not fit, or one of the two is out of reach.
    """
    _check_parent(department.kind, parent)
    _require_within_reach(department)
    _require_within_reach(parent)
    old_path = department.path
    department.parent = parent
    db.session.flush()
    for node in db.session.scalars(sa.select(Department).where(Department.path.startswith(old_path))).all():
        node.path = f"{parent.path}{department.id}/{node.path[len(old_path) :]}"
    db.session.flush()
    request_scope.forget_held_roles()


def archive_department(department: Department) -> None:
    """Take a department out of use. Its rows stay; nobody can act in it any more.

    Raises:
        PeopleRuleError: It still has departments below it or projects, or it is out of reach.
    """
    _require_within_reach(department)
    below = db.session.scalar(
        sa.select(sa.func.count(Department.id)).where(
            Department.parent_id == department.id, Department.archived_at.is_(None)
        )
    )
    if below:
        raise PeopleRuleError(
            _(
                "“%(name)s” still has %(count)s departments below it. Move or archive them first.",
                name=department.name,
                count=below,
            )
        )
    project = metadata.tables["project"].c
    with all_departments("counting the projects of a department before it is archived"):
        projects = db.session.scalar(
            sa.select(sa.func.count(project.id)).where(
                project.department_id == department.id, project.archived_at.is_(None)
            )
        )
    if projects:
        raise PeopleRuleError(
            _(
                "“%(name)s” still has %(count)s projects. Move or archive them first.",
                name=department.name,
                count=projects,
            )
        )
    department.archived_at = utc_now()
    db.session.flush()
    request_scope.forget_held_roles()


def restore_department(department: Department) -> None:
    """Take an archived department into use again.

    Raises:
        PeopleRuleError: The department above it is archived, or it is out of reach.
    """
    _require_within_reach(department)
    if department.parent is not None and department.parent.archived_at is not None:
        raise PeopleRuleError(
            _("“%(name)s” is archived itself. Restore it first.", name=department.parent.name)
        )
    department.archived_at = None
    db.session.flush()
    request_scope.forget_held_roles()


def department_path(department_id: int) -> list[int]:
    """Return the ids from the root to a department; empty when there is none with this id."""
    department = db.session.get(Department, department_id)
    return department.path_ids if department else []


def departments_in_reach(*, archived: bool = False) -> Sequence[Department]:
    """Return the acting department and those below it, in the order of the tree; all of them for the system.

    Args:
        archived: Whether archived departments are included.
    """
    query = sa.select(Department).order_by(Department.path)
    if not archived:
        query = query.where(Department.archived_at.is_(None))
    return [department for department in db.session.scalars(query) if is_within_reach(department)]


def departments_of(user: User) -> Sequence[Department]:
    """Return the departments in which a user may act: where he holds a role, and all below, as in the tree."""
    roots = {held.path for held in request_scope.held_roles(user)}
    if not roots:
        return []
    query = (
        sa.select(Department)
        .where(
            Department.archived_at.is_(None), sa.or_(*(Department.path.startswith(path) for path in roots))
        )
        .order_by(Department.path)
    )
    return db.session.scalars(query).all()


def department_names_of(user: User) -> Sequence[request_scope.DepartmentName]:
    """Return what :func:`departments_of` does, names and places alone, for the menu that is on every page."""
    roots = sorted({held.path for held in request_scope.held_roles(user)})
    if not roots:
        return []
    standing = request_scope.current_standing()
    if standing is not None and standing.user is user:
        below = standing.departments_below
        if below and all(path.startswith(below[0].path) for path in roots):
            # Who acts in the highest of his departments: the request has read them all already.
            return below
    paths = {f"path_{number}": path for number, path in enumerate(roots)}
    rows = db.session.execute(_department_names_query(len(roots)), paths)
    return [request_scope.DepartmentName(*row) for row in rows]


@cache
def _department_names_query(roots: int) -> sa.Select[int, str, str, str]:
    """Return the query of the departments below the paths in the parameters ``path_0``, ``path_1`` and so on.

    It is asked for every page and built once: building it costs more than running it.
    """
    below = (Department.path.startswith(sa.bindparam(f"path_{number}")) for number in range(roots))
    return (
        sa.select(Department.id, Department.name, Department.name_en, Department.path)
        .where(Department.archived_at.is_(None), sa.or_(*below))
        .order_by(Department.path)
    )


def set_acting_department(user: User, department_id: int) -> Department:
    """Let a user act in another department from now on.

    Raises:
        PeopleRuleError: The user does not belong to it, or it is archived.
    """
    for department in departments_of(user):
        if department.id == department_id:
            user.acting_department_id = department_id
            if has_request_context():
                session[request_scope.ACTING_KEY] = department_id
            db.session.flush()
            return department
    raise PeopleRuleError(_("You do not belong to this department. Choose one from the list."))


def is_within_reach(department: Department | None) -> bool:
    """Return whether a department is the acting one or below it. The system reaches all; nobody else the root."""
    scope = current_scope()
    if scope is None or scope.user_id is None or scope.department_id is None:
        return scope is None or scope.user_id is None
    return department is not None and scope.department_id in department.path_ids


def _require_within_reach(department: Department | None) -> None:
    if not is_within_reach(department):
        raise PeopleRuleError(
            _(
                "You can change only your acting department and those below it. Change the acting department first."
            )
        )


def _check_parent(kind: DepartmentKind, parent: Department | None) -> None:
    expected = _PARENT_KIND[DepartmentKind(kind)]
    if expected is None and parent is not None:
        raise PeopleRuleError(
            _("A region stands at the top of the tree. Leave the department above it empty.")
        )
    if expected is DepartmentKind.REGION and (parent is None or parent.kind != expected):
        raise PeopleRuleError(_("A city company belongs to a region. Choose one as the department above it."))
    if expected is DepartmentKind.CITY and (parent is None or parent.kind != expected):
        raise PeopleRuleError(_("A group belongs to a city company. Choose one as the department above it."))
    if parent is not None and parent.archived_at is not None:
        raise PeopleRuleError(_("“%(name)s” is archived. Choose a department in use.", name=parent.name))


def _free_code(code: str, department: Department | None = None) -> str:
    code = code.strip().upper()
    if not code:
        raise PeopleRuleError(_("A department needs a code. Enter one, for example SZ-CS."))
    query = sa.select(Department.id).where(Department.code == code)
    taken = db.session.scalar(query)
    if taken is not None and (department is None or taken != department.id):
        raise PeopleRuleError(
            _("The code “%(code)s” is used by another department. Choose another.", code=code)
        )
    return code


# Users


def create_user(
    *, email: str, name: str, password: str | None = None, phone: str | None = None, locale: str | None = None
) -> User:
    """Add an account.

    Args:
        email: Address to sign in with.
        name: Full name, as colleagues know it.
        password: First password; without one the user must be given one before he can sign in.
        phone: Telephone number for colleagues.
        locale: ``zh_Hans_CN`` or ``en``.

    Raises:
        PeopleRuleError: The address is malformed or taken, the name is missing, or the password is too weak.
    """
    user = User(fs_uniquifier=uuid.uuid4().hex, active=True, password=None)
    user.locale = locale or current_app.config["DEFAULT_LOCALE"]
    _set_contact(user, email=email, name=name, phone=phone)
    if password is not None:
        user.password = _hashed(password, user)
        user.password_changed_at = utc_now()
    db.session.add(user)
    db.session.flush()
    return user


def change_user(user: User, *, email: str, name: str, phone: str | None = None) -> None:
    """Change how a user is called and reached.

    Raises:
        PeopleRuleError: The address is malformed or taken, or the name is missing, or the user is out of reach.
    """
    _require_user_within_reach(user)
    _set_contact(user, email=email, name=name, phone=phone)
    db.session.flush()


def set_active(user: User, active: bool) -> None:
    """Let a user sign in, or end all his sessions and let him sign in no more.

    Raises:
        PeopleRuleError: It is the acting user himself, or the user is out of reach.
    """
    scope = current_scope()
    if not active and scope is not None and scope.user_id == user.id:
        raise PeopleRuleError(_("You cannot deactivate your own account. Ask another administrator."))
    _require_user_within_reach(user)
    user.active = active
    if not active:
        user.fs_uniquifier = uuid.uuid4().hex
    db.session.flush()


def set_password(user: User, password: str) -> None:
    """Give a user another password and end all his sessions.

    Raises:
        PeopleRuleError: The password is too weak, or the user is out of reach.
    """
    _require_user_within_reach(user)
    user.password = _hashed(password, user)
    user.password_changed_at = utc_now()
    user.fs_uniquifier = uuid.uuid4().hex
    user.failed_sign_ins, user.locked_until = 0, None
    db.session.flush()


def reset_two_factor(user: User) -> None:
    """Forget a user's second factor, for example after he lost his phone, and end all his sessions.

    Raises:
        PeopleRuleError: The user is out of reach.
    """
    _require_user_within_reach(user)
    user.tf_primary_method = user.tf_totp_secret = user.totp_last_counter = None
    user.mf_recovery_codes = None
    user.fs_uniquifier = uuid.uuid4().hex
    db.session.flush()


def set_locale(user: User, locale: str) -> None:
    """Choose the language in which a user reads the pages.

    Args:
        user: The account.
        locale: ``zh_Hans_CN`` or ``en``.
    """
    user.locale = locale
    db.session.flush()


def users_in_reach() -> sa.Select[User]:
    """Return the query of the users that the acting user may know of: those with a role in the acting department, in
    one above it or below it, and himself. The system knows all."""
    scope = current_scope()
    query = sa.select(User)
    if scope is None or scope.user_id is None:
        return query
    members = sa.select(Membership.user_id).where(
        Membership.department_id.in_(sorted(scope.department_ids or ()))
    )
    unplaced = ~sa.exists().where(Membership.user_id == User.id)
    conditions = [User.id.in_(members), User.id == scope.user_id]
    if "people.manage" in scope.permissions:
        conditions.append(unplaced)
    return query.where(sa.or_(*conditions))


def users_with(permission: str, project_ids: Collection[int] | None = None) -> sa.Select[User]:
    """Return the query of the active users who hold a permission for projects: by a role in the city company of a
    project, in a department above it, or in a group that is assigned to it. They may stand in groups beside that of the
    acting user, as an engineer does whom customer service sends.

    Args:
        permission: Code of the permission.
        project_ids: Keys of the projects; None for those that the acting user sees.
    """
    scope = current_scope()
    if project_ids is None and scope is not None and scope.user_id is not None:
        project_ids = scope.project_ids
    tables = Department.metadata.tables
    department, project, assigned = (tables[name].c for name in ("department", "project", "project_group"))
    of_projects = sa.union(
        sa.select(project.department_id).where(
            sa.true() if project_ids is None else project.id.in_(sorted(project_ids))
        ),
        sa.select(assigned.department_id).where(
            sa.true() if project_ids is None else assigned.project_id.in_(sorted(project_ids))
        ),
    ).subquery()
    with all_departments("finding who works on a project, in whichever group of it"):
        paths = db.session.scalars(
            sa.select(department.path).where(department.id.in_(sa.select(of_projects.c[0])))
        ).all()
        roles = db.session.execute(sa.select(Role.id, Role.permissions)).all()
    places = {int(part) for path in paths for part in path.split("/") if part}
    holders = sa.select(Membership.user_id).where(
        Membership.department_id.in_(sorted(places)),
        Membership.role_id.in_([role.id for role in roles if permission in role.permissions]),
    )
    return sa.select(User).where(User.id.in_(holders), User.active.is_(True))


def _require_user_within_reach(user: User) -> None:
    """Refuse to change an account that holds rights where the acting user has none: who could, could take it over."""
    scope = current_scope()
    if scope is None or scope.user_id is None or scope.user_id == user.id:
        return
    own = db.session.get(User, scope.user_id)
    acting_path = (
        "/".join(["", *map(str, department_path(scope.department_id)), ""]) if scope.department_id else None
    )
    for held in request_scope.held_roles(user):
        inside = acting_path is not None and held.path.startswith(acting_path)
        if not inside or not held.permissions <= _permissions_at(own, held.path):
            raise PeopleRuleError(
                _(
                    "“%(name)s” holds roles beyond your own. Ask an administrator who holds them.",
                    name=user.name,
                )
            )


def _set_contact(user: User, *, email: str, name: str, phone: str | None) -> None:
    if not name.strip():
        raise PeopleRuleError(_("A user needs a name. Enter one."))
    try:
        address = validate_email(
            email.strip(), check_deliverability=False, test_environment=True
        ).normalized.lower()
    except EmailNotValidError as error:
        raise PeopleRuleError(
            _("“%(email)s” is no e-mail address. Check it, for example name@company.cn.", email=email)
        ) from error
    with db.session.no_autoflush:
        taken = db.session.scalar(sa.select(User.id).where(sa.func.lower(User.email) == address))
    if taken is not None and taken != user.id:
        raise PeopleRuleError(_("An account with the address “%(email)s” exists already.", email=address))
    user.email, user.name, user.phone = address, name.strip(), (phone or "").strip() or None


def _hashed(password: str, user: User) -> str:
    faults, normalised = current_app.extensions["security"].password_util.validate(password, False, user=user)
    if faults:
        raise PeopleRuleError(" ".join(map(str, faults)))
    return hash_password(normalised)


# Roles and grants


def needs_two_factor(permissions: Iterable[str]) -> bool:
    """Return whether holders of these permissions must sign in with a second factor."""
    return any(fnmatchcase(code, pattern) for code in permissions for pattern in TWO_FACTOR_PATTERNS)


def create_role(
    *, name: str, label: str, label_en: str = "", description: str = "", permissions: Collection[str] = ()
) -> Role:
    """Add a role.

    Args:
        name: The code, for example ``ENG``.
        label: Name in Chinese.
        label_en: Name in English.
        description: What its holders do.
        permissions: Permission codes.

    Raises:
        PeopleRuleError: The code is empty or taken, or the acting user lacks one of the permissions.
    """
    name = name.strip().upper()
    if not name or not label.strip():
        raise PeopleRuleError(_("A role needs a code and a name. Enter both."))
    if db.session.scalar(sa.select(Role.id).where(Role.name == name)) is not None:
        raise PeopleRuleError(_("The code “%(code)s” is used by another role. Choose another.", code=name))
    role = Role(
        name=name, label=label.strip(), label_en=label_en.strip(), description=description, permissions=[]
    )
    db.session.add(role)
    set_role_permissions(role, permissions)
    return role


def change_role(role: Role, *, label: str, label_en: str = "", description: str = "") -> None:
    """Change how a role is called.

    Raises:
        PeopleRuleError: The name is missing, or the role reaches beyond the rights or the department of the acting
            user.
    """
    _require_own_role(role)
    if not label.strip():
        raise PeopleRuleError(_("A role needs a code and a name. Enter both."))
    role.label, role.label_en, role.description = label.strip(), label_en.strip(), description.strip()
    db.session.flush()


def set_role_permissions(role: Role, permissions: Collection[str]) -> None:
    """Say what the holders of a role may do, in every department where it is held.

    Args:
        role: The role.
        permissions: All permission codes that it has from now on.

    Raises:
        PeopleRuleError: A permission would be added or taken away that the acting user does not hold himself, or the
            acting user does not act at the top of the tree although the role is held elsewhere.
    """
    scope = current_scope()
    changed = set(permissions) ^ set(role.permissions or ())
    if scope is not None and scope.user_id is not None and changed:
        missing = changed - scope.permissions
        if missing:
            raise PeopleRuleError(
                _(
                    "You cannot give or take rights that you do not hold yourself: %(codes)s.",
                    codes=listed(sorted(missing)),
                )
            )
        if sa.inspect(role).persistent:
            _require_held_within_reach(role)
    role.permissions = sorted(set(permissions))
    role.requires_two_factor = needs_two_factor(role.permissions)
    db.session.flush()
    request_scope.forget_held_roles()


def withdraw_permissions(role: Role, codes: Collection[str]) -> None:
    """Take rights from a role that mean nothing any more, because the data of their plugin was erased.

    Args:
        role: The role.
        codes: The permission codes.
    """
    role.permissions = sorted(set(role.permissions or ()) - set(codes))
    role.requires_two_factor = needs_two_factor(role.permissions)
    db.session.flush()
    request_scope.forget_held_roles()


def delete_role(role: Role) -> None:
    """Remove a role.

    Raises:
        PeopleRuleError: Somebody holds it, or it has rights that the acting user does not hold.
    """
    _require_own_role(role)
    holders = db.session.scalar(sa.select(sa.func.count(Membership.id)).where(Membership.role_id == role.id))
    if holders:
        raise PeopleRuleError(
            _(
                "The role “%(name)s” is held %(count)s times. Revoke it first.",
                name=role.label or role.name,
                count=holders,
            )
        )
    db.session.delete(role)
    db.session.flush()


def grant(user: User, department: Department, role: Role) -> Membership:
    """Let a user hold a role in a department and all departments below it.

    Args:
        user: Who receives the role.
        department: Where; the acting department or one below it, unless the system grants.
        role: What; all its permissions must be held by the acting user there.

    Raises:
        PeopleRuleError: The grant exceeds the rights or the reach of the acting user, or the department is archived.
    """
    _require_grantable(department, role)
    if department.archived_at is not None:
        raise PeopleRuleError(_("“%(name)s” is archived. Choose a department in use.", name=department.name))
    held = db.session.scalar(
        sa.select(Membership).where(
            Membership.user_id == user.id,
            Membership.department_id == department.id,
            Membership.role_id == role.id,
        )
    )
    if held is None:
        held = Membership(user=user, department=department, role=role)
        db.session.add(held)
        db.session.flush()
        request_scope.forget_held_roles()
    return held


def revoke(membership: Membership) -> None:
    """Take a role from a user in one department.

    Raises:
        PeopleRuleError: It exceeds the rights or the reach of the acting user, or nobody could manage people any more.
    """
    _require_grantable(membership.department, membership.role)
    if "people.manage" in (membership.role.permissions or ()) and not _other_manager_exists(membership):
        raise PeopleRuleError(
            _("This is the last role by which anybody can manage people. Grant it to somebody else first.")
        )
    user = membership.user
    user.memberships.remove(membership)
    db.session.flush()
    request_scope.forget_held_roles()


def grantable_roles(department: Department) -> Sequence[Role]:
    """Return the roles that the acting user may grant in a department."""
    roles = db.session.scalars(sa.select(Role).order_by(Role.name)).all()
    return [role for role in roles if _grant_refusal(department, role) is None]


def _grant_refusal(department: Department, role: Role) -> str | None:
    scope = current_scope()
    if scope is None or scope.user_id is None:
        return None
    if not is_within_reach(department):
        return _("You can grant roles only in your acting department and those below it.")
    own = db.session.get(User, scope.user_id)
    missing = set(role.permissions or ()) - _permissions_at(own, department.path)
    if missing:
        return _(
            "The role “%(name)s” has rights that you do not hold yourself: %(codes)s.",
            name=role.label or role.name,
            codes=listed(sorted(missing)),
        )
    return None


def _require_grantable(department: Department, role: Role) -> None:
    refusal = _grant_refusal(department, role)
    if refusal is not None:
        raise PeopleRuleError(refusal)


def _permissions_at(user: User | None, path: str) -> frozenset[str]:
    if user is None:
        return frozenset()
    held = request_scope.held_roles(user)
    return frozenset(code for role in held if path.startswith(role.path) for code in role.permissions)


def _is_held_out_of_reach(role: Role) -> bool:
    query = sa.select(Membership).where(Membership.role_id == role.id)
    return any(not is_within_reach(membership.department) for membership in db.session.scalars(query))


def _require_held_within_reach(role: Role) -> None:
    if _is_held_out_of_reach(role):
        raise PeopleRuleError(
            _(
                "The role “%(name)s” is also held outside your acting department. "
                "An administrator of the department above must change it.",
                name=role.label or role.name,
            )
        )


def _require_own_role(role: Role) -> None:
    """Refuse to rename or remove a role that reaches further than the acting user: roles are one list for all."""
    scope = current_scope()
    if scope is None or scope.user_id is None:
        return
    missing = set(role.permissions or ()) - scope.permissions
    if missing:
        raise PeopleRuleError(
            _(
                "The role “%(name)s” has rights that you do not hold yourself: %(codes)s.",
                name=role.label or role.name,
                codes=listed(sorted(missing)),
            )
        )
    _require_held_within_reach(role)


def _other_manager_exists(membership: Membership) -> bool:
    query = (
        sa.select(Role.permissions)
        .join(Membership, Membership.role_id == Role.id)
        .join(User, User.id == Membership.user_id)
        .where(Membership.id != membership.id, User.active.is_(True))
    )
    return any("people.manage" in (permissions or ()) for permissions in db.session.scalars(query))
