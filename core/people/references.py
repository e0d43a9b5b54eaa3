"""Where forms and filters find users."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from core.admin.ajax import Reference
from core.admin.searching import SearchDeclaration
from core.people.models import User
from core.people.services import users_in_reach, users_with


def _in_reach() -> Sequence[sa.ColumnElement[bool]]:
    known = users_in_reach().with_only_columns(User.id).order_by(None)
    return (User.id.in_(known), User.active.is_(True))


COLLEAGUES = Reference(
    User,
    text=lambda user: user.name or user.email,
    search=SearchDeclaration(columns=("name", "email"), small_table=True),
    order_by=("name",),
    narrow=_in_reach,
)
"""The active users of whom the acting one may know, for fields and filters in which one is chosen."""


def colleagues_with(permission: str) -> Reference:
    """Return where fields and filters find the users who hold a permission for a project that the acting user sees.

    Args:
        permission: Code of the permission.
    """

    def narrow() -> Sequence[sa.ColumnElement[bool]]:
        return (User.id.in_(users_with(permission).with_only_columns(User.id).order_by(None)),)

    return Reference(
        User,
        text=lambda user: user.name or user.email,
        search=SearchDeclaration(columns=("name", "email"), small_table=True),
        order_by=("name",),
        narrow=narrow,
    )
