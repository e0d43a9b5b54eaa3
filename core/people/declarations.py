"""What people declare: rights, kinds of records, screens, roles of a new installation, commands."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l

from core.people import seed
from core.people.commands import user
from core.people.models import Department, Role, User
from core.plugin_system.declarations import AdminView, Area, Command, Permission, RecordKind, SeedData
from core.plugin_system.hookspecs import hookimpl


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights over people and settings."""
    return (
        Permission(
            "people.view",
            _l("See departments, users and roles"),
            _l("Who works where, and what each role may do."),
            default_roles=(seed.HEAD, "BCS", "CCS", "PCM"),
        ),
        Permission(
            "people.manage",
            _l("Manage departments, users and roles"),
            _l(
                "Add and change them in the acting department and below, and grant rights that one holds oneself."
            ),
            default_roles=(seed.HEAD,),
        ),
        Permission(
            "settings.edit",
            _l("Change the settings of departments"),
            _l("Limits, deadlines and choices of every module in the acting department and below."),
            default_roles=(seed.HEAD,),
        ),
    )


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    """Declare departments, users and roles as records."""
    from core.people.admin import display_name, known_accounts, within_reach

    return (
        RecordKind(
            code="core.department",
            model=Department,
            label=_l("Department"),
            view_permission="people.view",
            edit_permission="people.manage",
            endpoint="departments.details_view",
            title=display_name,
            narrow=within_reach,
        ),
        RecordKind(
            code="core.user",
            model=User,
            label=_l("User"),
            view_permission="people.view",
            edit_permission="people.manage",
            endpoint="users.details_view",
            title=lambda user: user.name or user.email,
            narrow=known_accounts,
        ),
        RecordKind(
            code="core.role",
            model=Role,
            label=_l("Role"),
            view_permission="people.view",
            edit_permission="people.manage",
            endpoint="roles.details_view",
            title=display_name,
        ),
    )


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare the screens."""
    from core.people.admin import AccountView, DepartmentView, RoleView, SettingsView, UserView

    return (
        AdminView(DepartmentView, "departments", _l("Departments"), Area.SETUP, order=10, model=Department),
        AdminView(UserView, "users", _l("Users"), Area.SETUP, order=20, model=User),
        AdminView(RoleView, "roles", _l("Roles"), Area.SETUP, order=30, model=Role),
        AdminView(SettingsView, "settings", _l("Settings"), Area.SETUP, order=40),
        AdminView(AccountView, "account", _l("My account"), Area.SETUP, order=900, in_menu=False),
    )


@hookimpl
def seed_data() -> Sequence[SeedData]:
    """Declare the roles of a new installation."""
    return (SeedData(seed.load),)


@hookimpl
def commands() -> Sequence[Command]:
    """Declare ``doorstep user``."""
    return (Command(user),)
