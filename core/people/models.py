"""Departments, users, roles and memberships."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from flask_security import RoleMixin, UserMixin
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.database.base import CoreBase, Identified, Record, Timestamped
from core.database.scope import ByDepartment, Unscoped
from core.database.types import utc_now


class DepartmentKind(StrEnum):
    """The levels of the department tree, from the top."""

    REGION = "region"
    CITY = "city"
    GROUP = "group"


class Department(Record, CoreBase):
    """A node of the tree region > city company > group. The tree is narrowed by services, not by the wall,
    because the wall itself is computed from it."""

    __tablename__ = "department"
    __scope__ = Unscoped("the department tree is what scopes are computed from")

    parent_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )
    kind: Mapped[DepartmentKind] = mapped_column(sa.String(10))
    code: Mapped[str] = mapped_column(sa.String(30), unique=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    path: Mapped[str] = mapped_column(sa.String(200), index=True, default="")
    """Ids from the root to this node, as ``/1/4/9/``; kept by :mod:`core.people.services`."""
    archived_at: Mapped[dt.datetime | None]

    parent: Mapped[Department | None] = relationship(remote_side="Department.id", back_populates="children")
    children: Mapped[list[Department]] = relationship(back_populates="parent")

    @property
    def path_ids(self) -> list[int]:
        """Ids from the root to this node."""
        return [int(part) for part in self.path.split("/") if part]


class Role(Record, RoleMixin, CoreBase):
    """A named set of permissions. Whoever holds it, holds it in one department and those below it."""

    __tablename__ = "role"
    __scope__ = Unscoped("roles are defined for the whole installation")

    name: Mapped[str] = mapped_column(sa.String(80), unique=True)
    """The code, for example ``ENG`` (domain reference 0.2)."""
    label: Mapped[str] = mapped_column(sa.String(80), default="")
    label_en: Mapped[str] = mapped_column(sa.String(80), default="")
    description: Mapped[str | None] = mapped_column(sa.String(255))
    permissions: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    """Permission codes, sorted; changed by :mod:`core.people.services` alone."""
    requires_two_factor: Mapped[bool] = mapped_column(default=False)
    """Cache of :func:`core.people.services.needs_two_factor` over ``permissions``."""


class User(Identified, Timestamped, UserMixin, CoreBase):
    """A member of staff who can sign in."""

    __tablename__ = "user_account"
    __scope__ = Unscoped(
        "accounts are found before a scope exists; lists of users are narrowed by people.services"
    )
    __audit_hidden__ = frozenset({"password", "tf_totp_secret", "mf_recovery_codes", "fs_uniquifier"})
    __personal__ = frozenset[str]()

    roles: tuple[Role, ...] = ()  # type: ignore[assignment]
    """Flask-Security's global roles: always none, because roles are held per department."""

    email: Mapped[str] = mapped_column(sa.String(255), unique=True)
    name: Mapped[str] = mapped_column(sa.String(80), default="")
    phone: Mapped[str | None] = mapped_column(sa.String(30))
    locale: Mapped[str] = mapped_column(sa.String(20), default="zh_Hans_CN")
    active: Mapped[bool] = mapped_column(default=True)
    acting_department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="SET NULL"), index=True
    )

    password: Mapped[str | None] = mapped_column(sa.String(255))
    password_changed_at: Mapped[dt.datetime | None]
    fs_uniquifier: Mapped[str] = mapped_column(sa.String(64), unique=True)
    """Names the user in the session; changing it ends all sessions."""
    failed_sign_ins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[dt.datetime | None]
    """No attempt is looked at before this moment; never further away than quarter of an hour."""

    tf_primary_method: Mapped[str | None] = mapped_column(sa.String(64))
    tf_totp_secret: Mapped[str | None] = mapped_column(sa.String(255))
    tf_phone_number: Mapped[str | None] = mapped_column(sa.String(128))
    totp_last_counter: Mapped[int | None] = mapped_column(sa.BigInteger)
    """The 30-second step of the last code that was used, so that no code works twice."""
    mf_recovery_codes: Mapped[list[str] | None] = mapped_column(MutableList.as_mutable(sa.JSON()))

    last_sign_in_at: Mapped[dt.datetime | None]

    acting_department: Mapped[Department | None] = relationship(foreign_keys=[acting_department_id])
    memberships: Mapped[list[Membership]] = relationship(back_populates="user", cascade="all, delete-orphan")

    @property
    def must_use_two_factor(self) -> bool:
        """Whether a role of the user demands a second factor."""
        return any(membership.role.requires_two_factor for membership in self.memberships)

    def check_tf_required(
        self, tf_setup_methods: list[tuple[str, str]], tf_fresh: bool
    ) -> tuple[bool, list[tuple[str, str]]]:
        """Called by Flask-Security at sign-in: ask for the second factor when it is set up or a role demands it."""
        del tf_fresh  # asked for at every sign-in, trusted devices are not offered
        return bool(tf_setup_methods) or self.must_use_two_factor, tf_setup_methods

    def check_tf_required_setup(self) -> bool:
        """Called by Flask-Security when the second factor is set up: whether it may be switched off again."""
        return self.must_use_two_factor


class Membership(Identified, CoreBase):
    """A role that a user holds in a department and in all departments below it."""

    __tablename__ = "membership"
    __scope__ = Unscoped("memberships are what scopes are computed from")
    __table_args__: Any = (sa.UniqueConstraint("user_id", "department_id", "role_id"),)

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user_account.id", ondelete="CASCADE"))
    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"), index=True)
    role_id: Mapped[int] = mapped_column(sa.ForeignKey("role.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    user: Mapped[User] = relationship(back_populates="memberships")
    department: Mapped[Department] = relationship()
    role: Mapped[Role] = relationship()


class DefaultedPermission(CoreBase):
    """A permission whose default roles have received it once. Later changes of roles are the administrators'."""

    __tablename__ = "defaulted_permission"
    __scope__ = Unscoped("it names permissions, not rows of a project")
    __audited__ = False

    code: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    defaulted_at: Mapped[dt.datetime] = mapped_column(default=utc_now)


class DepartmentSetting(Identified, CoreBase):
    """The value of one declared setting for one department; departments below inherit it."""

    __tablename__ = "department_setting"
    __scope__ = ByDepartment()
    __table_args__: Any = (sa.UniqueConstraint("department_id", "component", "key"),)

    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"))
    component: Mapped[str] = mapped_column(sa.String(40))
    key: Mapped[str] = mapped_column(sa.String(80))
    value: Mapped[Any] = mapped_column(sa.JSON)
