"""What people keep by plugin: the settings of departments, and its rights in roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.extensions import db
from core.people import services
from core.people.models import DefaultedPermission, DepartmentSetting, Role
from core.plugin_system.holdings import Holding, Trace, delete_rows, queried


def _settings(trace: Trace) -> sa.ColumnElement[bool]:
    return DepartmentSetting.component == trace.slug


def _erase_settings(trace: Trace) -> Callable[[], None] | None:
    delete_rows(DepartmentSetting, _settings(trace), f"erasing the plugin {trace.slug}")
    return None


def _roles(trace: Trace) -> Iterator[tuple[Role, list[str]]]:
    """Yield the roles with rights of the plugin, and those rights."""
    for role in db.session.scalars(sa.select(Role).order_by(Role.name)).all():
        own = [code for code in role.permissions or () if code.startswith(f"{trace.slug}.")]
        if own:
            yield role, own


def _rights(trace: Trace) -> Iterator[Mapping[str, Any]]:
    for role, codes in _roles(trace):
        yield {"role": role.name, "permissions": codes}


def _erase_rights(trace: Trace) -> Callable[[], None] | None:
    for role, codes in _roles(trace):
        services.withdraw_permissions(role, codes)
    # A plugin that is installed again gives its rights to their default roles as on the first day.
    delete_rows(
        DefaultedPermission, trace.starts(DefaultedPermission.code), f"erasing the plugin {trace.slug}"
    )
    return None


HOLDINGS: tuple[Holding, ...] = (
    queried("settings", _l("Settings of departments"), DepartmentSetting, _settings, erase=_erase_settings),
    Holding(
        "rights",
        _l("Roles with its rights"),
        lambda trace: sum(1 for _role in _roles(trace)),
        _rights,
        _erase_rights,
    ),
)
