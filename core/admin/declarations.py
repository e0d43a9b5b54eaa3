"""What the back office declares: the module manager and the health page."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l

from core.admin.health import HealthView
from core.admin.modules import ModulesView
from core.plugin_system.declarations import AdminView, Area, Permission
from core.plugin_system.hookspecs import hookimpl


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights over modules."""
    return (
        Permission(
            "modules.view",
            _l("See the modules and the health of the installation"),
            _l("Which modules there are, where they are on, and what is wrong with them."),
            default_roles=("HEAD",),
        ),
        Permission(
            "modules.switch",
            _l("Switch modules on and off"),
            _l("In the acting department and below. Data is kept when a module is switched off."),
            default_roles=("HEAD",),
        ),
        Permission(
            "modules.erase",
            _l("Erase the data of modules"),
            _l("Of the whole installation, after an export. It works only in the department at the top."),
            default_roles=("HEAD",),
        ),
    )


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare the pages."""
    return (
        AdminView(ModulesView, "modules", _l("Modules"), Area.SETUP, order=80),
        AdminView(HealthView, "health", _l("Health"), Area.SETUP, order=90),
    )
