"""The module manager: which modules there are, where they are on, and switching them after a look at the effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from core.admin.access import expose_guarded, holds
from core.admin.ajax import strict_id
from core.admin.saving import SaveRefused, commit
from core.admin.views import PageView
from core.database.scope import require_scope
from core.extensions import db
from core.people.models import Department
from core.people.services import departments_in_reach
from core.plugin_system import switching
from core.plugin_system.gate import is_on
from core.plugin_system.health import DepartmentName, PluginReport, reports
from core.plugin_system.runtime import State, current_runtime
from core.plugin_system.switching import SwitchRefused

STATE_WORDS: dict[State, tuple[str, Any]] = {
    State.HEALTHY: ("ok", _l("Ready")),
    State.QUARANTINED: ("late", _l("In quarantine")),
    State.MISSING: ("wait", _l("Not installed any more")),
}
"""Tone and words of each state of a plugin."""


@dataclass(frozen=True)
class ModuleRow:
    """A module as a department sees it.

    Attributes:
        report: What the engine tells of it.
        is_on: Whether it is on in the department.
        from_above: Name of the department whose switch counts, when it is not this one; "" otherwise.
        below: Departments below with a switch of their own: name and whether it is on there.
        needs: Names of the modules that it depends on.
    """

    report: PluginReport
    is_on: bool
    from_above: str
    below: tuple[tuple[str, bool], ...]
    needs: tuple[str, ...]


class ModulesView(PageView):
    """``/admin/modules/``: the modules of a department, with their switches."""

    @expose_guarded("/", permission="modules.view")
    def index(self) -> str:
        """Show all modules and whether they are on in the acting department, or in one below it."""
        reach = departments_in_reach()
        department = _department_of_request(reach)
        rows = [_row(report, department, reach) for report in reports()]
        page: str = self.render(
            "admin/modules.html",
            department=department,
            departments=reach,
            rows=rows,
            states=STATE_WORDS,
            may_switch=holds("modules.switch"),
            safe_mode=current_runtime().safe_mode,
        )
        return page

    @expose_guarded("/preview/", permission="modules.switch")
    def preview(self) -> str:
        """Show what will appear or vanish when the module is switched."""
        department = _department_of_request(departments_in_reach())
        plugin = current_runtime().plugins.get(request.args.get("module", ""))
        if plugin is None:
            abort(404)
        page: str = self.render(
            "admin/module_preview.html",
            plugin=plugin,
            department=department,
            preview=switching.preview(plugin.slug, department.id),
        )
        return page

    @expose_guarded("/switch/", permission="modules.switch", methods=("POST",))
    def switch(self) -> Response:
        """Switch a module on or off in one department."""
        department = _department_of_request(departments_in_reach())
        plugin = current_runtime().plugins.get(request.form.get("module", ""))
        if plugin is None or request.form.get("to") not in ("on", "off"):
            abort(404)
        turning_on = request.form["to"] == "on"
        words = {"name": plugin.name, "department": _name(department)}
        try:
            (switching.switch_on if turning_on else switching.switch_off)(plugin.slug, department.id)
            commit()
        except SwitchRefused as refusal:
            db.session.rollback()
            flash(str(refusal), "error")
        except SaveRefused as refusal:
            flash(refusal.sentence, "error")
        else:
            if turning_on:
                flash(_("%(name)s is on in %(department)s.", **words), "success")
            else:
                flash(_("%(name)s is off in %(department)s. Its data is kept.", **words), "success")
        return redirect(url_for(".index", department=department.id))


def _department_of_request(reach: Sequence[Department]) -> Department:
    """Return the department that the request names, the acting one by default; one out of reach is not found."""
    named = request.values.get("department")
    wanted = require_scope().department_id if named is None else strict_id(named)
    for department in reach:
        if department.id == wanted:
            return department
    abort(404)


def _row(report: PluginReport, department: Department, reach: Sequence[Department]) -> ModuleRow:
    slug = report.plugin.slug
    switched = {each.id: True for each in report.switched_on} | {
        each.id: False for each in report.switched_off
    }
    names = {each.id: _name(each) for each in reach}
    above = [int(part) for part in department.path.split("/") if part][:-1]
    deciding = next((each for each in reversed(above) if each in switched), None)
    from_above = ""
    if department.id not in switched and deciding is not None:
        from_above = names.get(deciding) or _("a department above")
    runtime = current_runtime()
    return ModuleRow(
        report,
        is_on(slug, department.id),
        from_above,
        tuple(
            (names[each.id], switched[each.id])
            for each in reach
            if each.id in switched and each.id != department.id and each.path.startswith(department.path)
        ),
        tuple(
            str(runtime.plugins[other].name) if other in runtime.plugins else other
            for other in report.plugin.depends
        ),
    )


def _name(department: Department | DepartmentName) -> str:
    in_english = str(get_locale()) == "en" and department.name_en
    return department.name_en if in_english else department.name
