"""Departments, users, roles and memberships."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from flask_security.models.sqla import FsModels, FsRoleMixin, FsUserMixin
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.database.base import CoreBase, Identified, Record
from core.database.scope import ByDepartment, Unscoped
from core.database.types import utc_now

FsModels.set_db_info(base_model=CoreBase, user_table_name="user_account", role_table_name="role")


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

    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True)
    kind: Mapped[DepartmentKind] = mapped_column(sa.String(10))
    code: Mapped[str] = mapped_column(sa.String(30), unique=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    path: Mapped[str] = mapped_column(sa.String(200), index=True, default="")
    """Ids from the root to this node, as ``/1/4/9/``; kept by :mod:`core.people.services`."""
    archived_at: Mapped[dt.datetime | None]

    parent: Mapped[Department | None] = relationship(remote_side="Department.id", back_populates="children")
    children: Mapped[list[Department]] = relationship(back_populates="parent")


class Role(FsRoleMixin, CoreBase):
    """A named set of permissions. Flask-Security's own role links stay empty: roles are held per department."""

    __tablename__ = "role"
    __scope__ = Unscoped("roles are defined for the whole installation")

    label: Mapped[str] = mapped_column(sa.String(80), default="")
    label_en: Mapped[str] = mapped_column(sa.String(80), default="")
    requires_two_factor: Mapped[bool] = mapped_column(default=False)


class User(FsUserMixin, CoreBase):
    """A member of staff who can sign in."""

    __tablename__ = "user_account"
    __scope__ = Unscoped("accounts are found before a scope exists; lists of users are narrowed by people.services")
    __audit_hidden__ = frozenset(
        {"password", "tf_totp_secret", "us_totp_secrets", "mf_recovery_codes", "fs_uniquifier"}
    )

    webauthn = None  # the mixin's relationship; passkeys are not offered yet

    name: Mapped[str] = mapped_column(sa.String(80), default="")
    phone: Mapped[str | None] = mapped_column(sa.String(30))
    locale: Mapped[str] = mapped_column(sa.String(20), default="zh_Hans_CN")
    acting_department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="SET NULL"), index=True
    )
    failed_sign_ins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[dt.datetime | None]
    password_changed_at: Mapped[dt.datetime | None]

    acting_department: Mapped[Department | None] = relationship(foreign_keys=[acting_department_id])
    memberships: Mapped[list[Membership]] = relationship(back_populates="user", cascade="all, delete-orphan")


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


class DepartmentSetting(Identified, CoreBase):
    """The value of one declared setting for one department; departments below inherit it."""

    __tablename__ = "department_setting"
    __scope__ = ByDepartment()
    __table_args__: Any = (sa.UniqueConstraint("department_id", "component", "key"),)

    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"))
    component: Mapped[str] = mapped_column(sa.String(40))
    key: Mapped[str] = mapped_column(sa.String(80))
    value: Mapped[Any] = mapped_column(sa.JSON)
