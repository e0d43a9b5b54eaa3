"""Switching plugins on and off in a department, live; the core stays in step at the next request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.database.scope import current_scope
from core.extensions import db
from core.plugin_system import gate
from core.plugin_system.declarations import Panel, Text
from core.plugin_system.health import ERASED, DepartmentName
from core.plugin_system.models import PluginSwitch
from core.plugin_system.runtime import Runtime, current_runtime


class SwitchRefused(ValueError):
    """A plugin cannot be switched; ``str()`` says why and what to do, ``plugins`` names what stands in the way."""

    def __init__(self, message: str, plugins: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.plugins = tuple(plugins)


@dataclass(frozen=True)
class SwitchPreview:
    """What switching would do.

    Attributes:
        slug: The plugin.
        department: Where.
        turning_on: Whether the plugin is on there afterwards.
        refusal: Why it is refused, or "".
        parts: What appears or vanishes: what kind of thing, and the names.
        also: Departments below that follow this switch.
        unaffected: Departments below that have a switch of their own.
        changes: Whether the plugin goes on or off at all; it may not when a department inherits again.
    """

    slug: str
    department: DepartmentName
    turning_on: bool
    refusal: str
    parts: tuple[tuple[Text, tuple[Text, ...]], ...] = ()
    also: tuple[DepartmentName, ...] = ()
    unaffected: tuple[DepartmentName, ...] = ()
    changes: bool = True


def switch_on(slug: str, department_id: int) -> None:
    """Switch a plugin on in a department and in those below that have no switch of their own.

    Raises:
        SwitchRefused: It is not healthy, or what it needs is off there.
    """
    department = _department(department_id)
    _refuse(_refusal_on(current_runtime(), slug, department))
    _write(slug, department_id, True)


def switch_off(slug: str, department_id: int) -> None:
    """Switch a plugin off in a department and in those below that have no switch of their own. Its rows are kept.

    Raises:
        SwitchRefused: Another plugin that is on there or below needs it.
    """
    department = _department(department_id)
    _refuse(_refusal_off(current_runtime(), slug, department))
    _write(slug, department_id, False)


def inherit(slug: str, department_id: int) -> None:
    """Remove the switch of a department, so that the nearest one above counts there again.

    Raises:
        SwitchRefused: The plugin would go on or off by this, and that is not possible there.
    """
    department = _department(department_id)
    is_on, will_be_on = gate.is_on(slug, department_id), _is_on_above(slug, department_id)
    if is_on != will_be_on:
        _refuse((_refusal_on if will_be_on else _refusal_off)(current_runtime(), slug, department))
    switch = _switch(slug, department_id)
    if switch is not None:
        db.session.delete(switch)
        db.session.flush()
        gate.forget_switches()


def preview(slug: str, department_id: int, *, inheriting: bool = False) -> SwitchPreview:
    """Return what would appear or vanish if the plugin were switched over in a department.

    Args:
        slug: The plugin.
        department_id: Where.
        inheriting: Whether the switch of the department would be removed instead of set to the other side.

    Raises:
        SwitchRefused: There is no such department.
    """
    runtime = current_runtime()
    department = _department(department_id)
    is_on = gate.is_on(slug, department_id)
    turning_on = _is_on_above(slug, department_id) if inheriting else not is_on
    message = ""
    if turning_on != is_on:
        message, _plugins = (_refusal_on if turning_on else _refusal_off)(runtime, slug, department)
    below = _below(department_id)
    own = _departments_with_switch(slug)
    firm = _cut_off(department_id, own)
    return SwitchPreview(
        slug,
        department,
        turning_on,
        message,
        _parts(runtime, slug) if turning_on != is_on else (),
        tuple(each for each in below if each.id not in firm),
        tuple(each for each in below if each.id in firm),
        turning_on != is_on,
    )


def _parts(runtime: Runtime, slug: str) -> tuple[tuple[Text, tuple[Text, ...]], ...]:
    declared = runtime.declared.of(slug)

    def labels(hook: str) -> tuple[Text, ...]:
        return tuple(item.label for item in declared.get(hook, ()))

    parts: list[tuple[Text, tuple[Text, ...]]] = [
        (
            _l("Pages in the sidebar"),
            (
                *(view.label for view in declared.get("admin_views", ()) if view.in_menu),
                *labels("menu_links"),
            ),
        ),
        (
            _l("Sections on pages"),
            tuple(
                _l("%(section)s (%(page)s)", section=panel.title, page=_page_of(runtime, panel))
                for panel in declared.get("panels", ())
            ),
        ),
        (_l("Documents"), labels("document_types")),
        (
            _l("Addresses outside the back office"),
            tuple(f"/{item.prefix}/" for item in declared.get("blueprints", ())),
        ),
        (_l("Imports from Excel"), labels("imports")),
        (_l("Sources of the search"), labels("search_sources")),
        (_l("Settings"), labels("settings")),
        (_l("Rights that roles can hold"), labels("permissions")),
    ]
    return tuple((title, names) for title, names in parts if names)


def _page_of(runtime: Runtime, panel: Panel) -> Text:
    """Return the words for the page on which a panel appears."""
    if panel.record_kind == "home":
        return _l("Today")
    if panel.record_kind == "*":
        return _l("every record")
    kinds = {kind.code: kind.label for kind in runtime.declared.record_kinds()}
    return kinds.get(panel.record_kind, panel.record_kind)


def _refuse(refusal: tuple[str, tuple[str, ...]]) -> None:
    message, plugins = refusal
    if message:
        raise SwitchRefused(message, plugins)


def _refusal_on(runtime: Runtime, slug: str, department: DepartmentName) -> tuple[str, tuple[str, ...]]:
    plugin = runtime.plugins.get(slug)
    if plugin is None:
        return _("There is no module %(slug)s.", slug=slug), ()
    if not plugin.healthy:
        return _("The module %(name)s cannot be used: %(reason)s", name=plugin.name, reason=plugin.reason), ()
    if gate.was_erased(slug):
        return _("The module %(name)s cannot be used: %(reason)s", name=plugin.name, reason=ERASED), ()
    needed = [other for other in runtime.dependencies(slug) if not gate.is_on(other, department.id)]
    if not needed:
        return "", ()
    return (
        _(
            "The module %(name)s needs %(needed)s, which is off in %(department)s. Switch that on first.",
            name=plugin.name,
            needed=_names(runtime, needed),
            department=department.name,
        ),
        tuple(needed),
    )


def _refusal_off(runtime: Runtime, slug: str, department: DepartmentName) -> tuple[str, tuple[str, ...]]:
    if slug not in runtime.plugins:
        return _("There is no module %(slug)s.", slug=slug), ()
    firm = _cut_off(department.id, _departments_with_switch(slug))
    followers = [department, *(each for each in _below(department.id) if each.id not in firm)]
    on = {
        dependent: [each for each in followers if gate.is_on(dependent, each.id)]
        for dependent in runtime.dependents(slug)
    }
    dependents = [dependent for dependent, where in on.items() if where]
    if not dependents:
        return "", ()
    where = {each.id: each.name for dependent in dependents for each in on[dependent]}
    return (
        _(
            "The module %(name)s is needed by %(dependents)s, which is on in %(departments)s. Switch that off first.",
            name=runtime.plugins[slug].name,
            dependents=_names(runtime, dependents),
            departments=", ".join(where.values()),
        ),
        tuple(dependents),
    )


def _names(runtime: Runtime, slugs: Sequence[str]) -> str:
    return ", ".join(str(runtime.plugins[slug].name) for slug in slugs)


def _department(department_id: int) -> DepartmentName:
    department = gate.department_table.c
    row = db.session.execute(_named().where(department.id == department_id)).first()
    if row is None:
        raise SwitchRefused(_("There is no such department."))
    return DepartmentName(row.id, row.code, row.name, row.name_en)


def _below(department_id: int) -> list[DepartmentName]:
    """Return the departments below one, that are not archived, by path."""
    here, below = gate.department_table.alias("here"), gate.department_table
    rows = db.session.execute(
        _named()
        .join(here, sa.and_(here.c.path != "", below.c.path.startswith(here.c.path), below.c.id != here.c.id))
        .where(here.c.id == department_id, below.c.archived_at.is_(None))
        .order_by(below.c.path)
    )
    return [DepartmentName(row.id, row.code, row.name, row.name_en) for row in rows]


def _named() -> sa.Select[tuple[int, str, str, str]]:
    department = gate.department_table.c
    return sa.select(department.id, department.code, department.name, department.name_en).select_from(
        gate.department_table
    )


def _departments_with_switch(slug: str) -> set[int]:
    return set(db.session.scalars(sa.select(PluginSwitch.department_id).where(PluginSwitch.slug == slug)))


def _cut_off(department_id: int, own: set[int]) -> set[int]:
    """Return the departments below one that have a switch of their own between, or at themselves."""
    department = gate.department_table.c
    paths = {row.id: row.path for row in db.session.execute(sa.select(department.id, department.path))}
    top = paths[department_id]
    firm = [
        path for each, path in paths.items() if each in own and each != department_id and path.startswith(top)
    ]
    return {
        each
        for each, path in paths.items()
        if path and any(path.startswith(other) for other in firm if other)
    }


def _is_on_above(slug: str, department_id: int) -> bool:
    """Return what counts in a department without a switch of its own."""
    above = db.session.scalar(
        sa.select(gate.department_table.c.parent_id).where(gate.department_table.c.id == department_id)
    )
    return above is not None and gate.switches_in(above).get(slug, False)


def _switch(slug: str, department_id: int) -> PluginSwitch | None:
    return db.session.scalar(
        sa.select(PluginSwitch).where(PluginSwitch.department_id == department_id, PluginSwitch.slug == slug)
    )


def _write(slug: str, department_id: int, enabled: bool) -> None:
    switch = _switch(slug, department_id)
    if switch is None:
        switch = PluginSwitch(department_id=department_id, slug=slug)
        db.session.add(switch)
    scope = current_scope()
    switch.enabled = enabled
    switch.changed_by_id = scope.user_id if scope is not None else None
    db.session.flush()
    gate.forget_switches()
