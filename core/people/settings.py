"""Settings of departments: declared by components, inherited down the tree."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from flask import g
from flask_babel import gettext as _

from core.database.scope import current_scope, require_scope
from core.database.structure import remembered
from core.extensions import db
from core.people import services
from core.people.models import Department, DepartmentSetting
from core.plugin_system.declarations import Setting
from core.plugin_system.runtime import current_runtime

LONGEST_TEXT = 500


class UnknownSetting(LookupError):
    """No healthy component declares the setting."""


class SettingRefused(ValueError):
    """The value does not fit the setting; the message is a full sentence for the user."""


@dataclass(frozen=True)
class SettingState:
    """What a setting is in one department, and why.

    Attributes:
        setting: The declaration.
        component: ``core`` or the slug of the plugin.
        value: What counts here.
        own: Whether this department itself has set it.
        inherited_value: What counts here without an own value.
        inherited_from: The department above that set the inherited value; None when it is the default.
    """

    setting: Setting
    component: str
    value: Any
    own: bool
    inherited_value: Any
    inherited_from: Department | None


def setting(component: str, key: str, department_id: int | None = None) -> Any:
    """Return the value of a setting.

    Args:
        component: ``core`` or the slug of the plugin that declares it.
        key: The key.
        department_id: The department; the acting one when omitted. The default counts where nobody acts.

    Raises:
        UnknownSetting: The component declares no such setting.
    """
    department_id = department_id or _acting_department()
    if department_id is None:
        return declaration_of(component, key).default
    # Lists ask for a setting in every row.
    known: dict[tuple[int, str, str], Any] = g.setdefault("_setting_values", {})
    place = (department_id, component, key)
    if place not in known:
        known[place] = _value(component, key, department_id)
    return known[place]


def _value(component: str, key: str, department_id: int) -> Any:
    declared = declaration_of(component, key)
    path, values = _stored(department_id)
    for above in reversed(path):
        stored = values.get((above, component, key), _ABSENT)
        if stored is not _ABSENT:
            return _from_json(declared, stored)
    return declared.default


def states_of(component: str, department: Department) -> list[SettingState]:
    """Return all settings of a component as they are in a department, in the order of their declaration.

    Args:
        component: ``core`` or the slug of a plugin.
        department: The department.
    """
    return [_state(component, each, department) for each in current_runtime().declared.settings(component)]


def set_setting(component: str, key: str, value: Any, department: Department) -> None:
    """Give a setting a value in a department and, until they set their own, in all departments below it.

    Args:
        component: ``core`` or the slug of the plugin that declares it.
        key: The key.
        value: The value, of the type of the default or as it was typed into a form.
        department: The acting department or one below it.

    Raises:
        UnknownSetting: The component declares no such setting.
        SettingRefused: The value has the wrong type or is out of bounds, or the department is out of reach.
    """
    declared = declaration_of(component, key)
    checked = check_value(declared, value)
    _require_reach(department)
    row = _row(component, key, department)
    if row is None:
        row = DepartmentSetting(department_id=department.id, component=component, key=key)
        db.session.add(row)
    row.value = _to_json(checked)
    db.session.flush()
    _forget()


def clear_setting(component: str, key: str, department: Department) -> None:
    """Let a department inherit a setting again.

    Raises:
        UnknownSetting: The component declares no such setting.
        SettingRefused: The department is out of reach.
    """
    declaration_of(component, key)
    _require_reach(department)
    row = _row(component, key, department)
    if row is not None:
        db.session.delete(row)
        db.session.flush()
        _forget()


def declaration_of(component: str, key: str) -> Setting:
    """Return the declaration of a setting.

    Raises:
        UnknownSetting: The component declares no such setting.
    """
    found = current_runtime().declared.setting(component, key)
    if found is None:
        raise UnknownSetting(f"The component {component!r} declares no setting {key!r}.")
    return found


def check_value(declared: Setting, value: Any) -> Any:
    """Return a value in the type of the setting's default.

    Args:
        declared: The declaration.
        value: The value, or the text that was typed.

    Raises:
        SettingRefused: The text is no such value, or it is not among the choices or within the bounds.
    """
    checked = _typed(declared, value)
    if declared.choices and checked not in [choice for choice, _label in declared.choices]:
        raise SettingRefused(
            _("“%(value)s” is not among the choices. Choose one from the list.", value=value)
        )
    if declared.minimum is not None and checked < declared.minimum:
        raise SettingRefused(
            _(
                "%(value)s is too small. The smallest value allowed is %(limit)s.",
                value=checked,
                limit=declared.minimum,
            )
        )
    if declared.maximum is not None and checked > declared.maximum:
        raise SettingRefused(
            _(
                "%(value)s is too large. The largest value allowed is %(limit)s.",
                value=checked,
                limit=declared.maximum,
            )
        )
    return checked


def _typed(declared: Setting, value: Any) -> Any:
    default = declared.default
    text = value.strip() if isinstance(value, str) else value
    if isinstance(default, bool):
        if isinstance(text, bool):
            return text
        if str(text).lower() in {"1", "true", "yes", "on", "y"}:
            return True
        if str(text).lower() in {"0", "false", "no", "off", "n", ""}:
            return False
        raise SettingRefused(_("“%(value)s” is neither yes nor no. Choose one.", value=value))
    if isinstance(default, int):
        try:
            return int(str(text), 10)
        except ValueError as error:
            raise SettingRefused(
                _("“%(value)s” is no whole number. Enter digits only.", value=value)
            ) from error
    if isinstance(default, Decimal):
        try:
            number = Decimal(str(text))
        except InvalidOperation as error:
            raise SettingRefused(
                _("“%(value)s” is no number. Enter one, for example 2.5.", value=value)
            ) from error
        if not number.is_finite():
            raise SettingRefused(_("“%(value)s” is no number. Enter one, for example 2.5.", value=value))
        return number
    text = str(text)
    if len(text) > LONGEST_TEXT:
        raise SettingRefused(
            _("The text may have at most %(count)s characters. Shorten it.", count=LONGEST_TEXT)
        )
    return text


def _to_json(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _from_json(declared: Setting, stored: Any) -> Any:
    try:
        return check_value(declared, stored)
    except SettingRefused:
        # A newer version of the component narrowed the bounds; the default is what it was made for.
        return declared.default


_ABSENT = object()
_Stored = dict[tuple[int, str, str], Any]


def _acting_department() -> int | None:
    scope = current_scope()
    return scope.department_id if scope is not None else None


def _stored(department_id: int) -> tuple[list[int], _Stored]:
    """Return the ids from the root to a department, and all values set in these.

    Both are kept while the structure stays as it is, and found once for each department and application context.
    """
    known: dict[int, tuple[list[int], _Stored]] = g.setdefault("_settings", {})
    if department_id not in known:
        # What can be seen of a department depends on where one acts.
        reach = (department_id, require_scope().department_ids)
        known[department_id] = remembered("settings", reach, lambda: _read(department_id))
    return known[department_id]


def _read(department_id: int) -> tuple[list[int], _Stored]:
    path = services.department_path(department_id)
    query = sa.select(DepartmentSetting).where(DepartmentSetting.department_id.in_(path))
    return path, {(row.department_id, row.component, row.key): row.value for row in db.session.scalars(query)}


def _forget() -> None:
    g.pop("_settings", None)
    g.pop("_setting_values", None)


def _row(component: str, key: str, department: Department) -> DepartmentSetting | None:
    return db.session.scalar(
        sa.select(DepartmentSetting).where(
            DepartmentSetting.department_id == department.id,
            DepartmentSetting.component == component,
            DepartmentSetting.key == key,
        )
    )


def _require_reach(department: Department) -> None:
    if not services.is_within_reach(department):
        raise SettingRefused(_("You can change settings only in your acting department and those below it."))


def _state(component: str, declared: Setting, department: Department) -> SettingState:
    _path, stored = _stored(department.id)
    own = (department.id, component, declared.key) in stored
    inherited_value, inherited_from = declared.default, None
    for above in reversed(department.path_ids[:-1]):
        if (above, component, declared.key) in stored:
            inherited_value = _from_json(declared, stored[above, component, declared.key])
            inherited_from = db.session.get(Department, above)
            break
    value = _from_json(declared, stored[department.id, component, declared.key]) if own else inherited_value
    return SettingState(declared, component, value, own, inherited_value, inherited_from)
