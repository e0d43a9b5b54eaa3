"""Roles of a new installation, and the permissions that each receives once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from core.extensions import db
from core.people import services
from core.people.models import DefaultedPermission, Role
from core.plugin_system.declarations import Permission
from core.plugin_system.runtime import current_runtime

ADMINISTRATOR = "ADMIN"
"""The role that receives every permission."""
HEAD = "HEAD"
"""The role of whoever runs a department and its modules."""
_ROLES_OF_THE_SYSTEM = (
    (ADMINISTRATOR, "系统管理员", "Administrator", "管理用户、角色、设置与模块，拥有全部权限"),
    (HEAD, "部门负责人", "Department head", "管理本部门及下级部门的人员、设置与模块"),
)
_CATALOGUE = Path(__file__).parent / "data" / "roles.json"
_NO_STAFF = "customer"


def load() -> None:
    """Make the roles that are missing, and give each newly declared permission to its default roles.

    A permission is given once: what administrators take away later stays away.
    """
    roles = {role.name: role for role in db.session.scalars(sa.select(Role))}
    for code, label, label_en, description in _ROLES_OF_THE_SYSTEM:
        if code not in roles:
            roles[code] = services.create_role(
                name=code, label=label, label_en=label_en, description=description
            )
    for entry in json.loads(_CATALOGUE.read_text(encoding="utf-8"))["roles"]:
        if entry["code"] not in roles and entry["kind"] != _NO_STAFF:
            roles[entry["code"]] = services.create_role(
                name=entry["code"],
                label=entry["name"]["zh"],
                label_en=entry["name"]["en"],
                description=entry["description"]["zh"],
            )
    _give_defaults(roles, current_runtime().declared.permissions())


@dataclass(frozen=True)
class Missing:
    """A permission that a role would have on a new installation and has not here.

    Attributes:
        role: The role.
        permission: The permission; it was declared for the role after the installation was made, or somebody took it
            away.
    """

    role: Role
    permission: Permission


def missing_defaults() -> list[Missing]:
    """Return what roles would have on a new installation and have not, by role; nobody gets it without being asked."""
    roles = {role.name: role for role in db.session.scalars(sa.select(Role).order_by(Role.name))}
    declared = sorted(current_runtime().declared.permissions(), key=lambda each: each.code)
    return [
        Missing(role, permission)
        for name, role in roles.items()
        for permission in declared
        if name in (ADMINISTRATOR, *permission.default_roles) and permission.code not in role.permissions
    ]


def _give_defaults(roles: dict[str, Role], permissions: Iterable[Permission]) -> None:
    given = set(db.session.scalars(sa.select(DefaultedPermission.code)))
    added: dict[str, set[str]] = {}
    for permission in permissions:
        if permission.code in given:
            continue
        for name in {ADMINISTRATOR, *permission.default_roles} & set(roles):
            added.setdefault(name, set()).add(permission.code)
        db.session.add(DefaultedPermission(code=permission.code))
    for name, codes in added.items():
        services.set_role_permissions(roles[name], set(roles[name].permissions) | codes)
    db.session.flush()
