"""The module manager: which modules there are, where they are on, and switching them after a look at the effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, current_app, flash, redirect, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from core.admin.access import expose_guarded, holds
from core.admin.ajax import strict_id
from core.admin.forms import GuardedForm
from core.admin.saving import SaveRefused, commit
from core.admin.views import PageView
from core.database.scope import require_scope
from core.extensions import db
from core.people.models import Department
from core.people.services import departments_in_reach
from core.people.sign_in import is_fresh, reauthenticate
from core.plugin_system import erasing, switching
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
        own: Whether this department has a switch of its own that it could give up for the one above.
        below: Departments below with a switch of their own: name and whether it is on there.
        on_below: In how many of the departments below it is on, and how many there are.
        needs: Names of the modules that it depends on.
    """

    report: PluginReport
    is_on: bool
    from_above: str
    own: bool
    below: tuple[tuple[str, bool], ...]
    on_below: tuple[int, int]
    needs: tuple[str, ...]


class EraseForm(GuardedForm):
    """Why the data of a module is erased, and its slug typed as proof that the right one is meant."""

    reason = StringField(_l("Reason (kept in the log)"), [InputRequired(), Length(4, 200)])
    typed_slug = StringField(
        _l("Identifier of the module, typed"),
        [InputRequired(), Length(max=40)],
        render_kw={"spellcheck": "false"},
    )


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
            may_erase=_may_erase(),
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
            preview=switching.preview(
                plugin.slug, department.id, inheriting=request.args.get("to") == "inherit"
            ),
            inheriting=request.args.get("to") == "inherit",
        )
        return page

    @expose_guarded("/switch/", permission="modules.switch", methods=("POST",))
    def switch(self) -> Response:
        """Switch a module on or off in one department, or let it follow the department above again."""
        department = _department_of_request(departments_in_reach())
        plugin = current_runtime().plugins.get(request.form.get("module", ""))
        step = _STEPS.get(request.form.get("to", ""))
        if plugin is None or step is None:
            abort(404)
        words = {"name": plugin.name, "department": _name(department)}
        try:
            step(plugin.slug, department.id)
            commit()
        except SwitchRefused as refusal:
            db.session.rollback()
            flash(str(refusal), "error")
        except SaveRefused as refusal:
            flash(refusal.sentence, "error")
        else:
            if is_on(plugin.slug, department.id):
                flash(_("%(name)s is on in %(department)s.", **words), "success")
            else:
                flash(_("%(name)s is off in %(department)s. Its data is kept.", **words), "success")
        return redirect(url_for(".index", department=department.id))

    @expose_guarded("/erase/", permission="modules.erase", methods=("GET", "POST"))
    def erase(self) -> Any:
        """Show what erasing would remove, and do it once a reason and the slug are typed and the password is fresh."""
        slug = request.args.get("module", "")
        if not _may_erase():
            abort(403)
        if not is_fresh():
            return reauthenticate(url_for(".erase", module=slug))
        try:
            plan = erasing.plan(slug)
        except erasing.EraseRefused:
            abort(404)
        form = EraseForm(request.form if request.method == "POST" else None)
        if request.method == "POST" and form.validate():
            try:
                path = erasing.erase(slug, form.typed_slug.data.strip(), form.reason.data.strip())
            except erasing.EraseRefused as refusal:
                plan = erasing.plan(slug)
                form.typed_slug.errors = [str(refusal)]
            else:
                flash(
                    _(
                        "The data of %(slug)s was erased. Everything was exported to the file %(file)s on the server. "
                        "Restart the servers.",
                        slug=slug,
                        file=path.relative_to(current_app.instance_path),
                    ),
                    "success",
                )
                return redirect(url_for(".index"), 303)
        html = self.render("admin/module_erase.html", plan=plan, form=form, states=STATE_WORDS)
        return html if request.method == "GET" else (html, 422)


_STEPS: Mapping[str, Callable[[str, int], None]] = {
    "on": switching.switch_on,
    "off": switching.switch_off,
    "inherit": switching.inherit,
}


def _may_erase() -> bool:
    """Return whether the acting user may erase: it concerns all departments, so he acts above all of them."""
    return holds("modules.erase") and require_scope().project_ids is None


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
    below = [each for each in reach if each.id != department.id and each.path.startswith(department.path)]
    return ModuleRow(
        report,
        is_on(slug, department.id),
        from_above,
        department.id in switched and bool(above),
        tuple((names[each.id], switched[each.id]) for each in below if each.id in switched),
        (sum(is_on(slug, each.id) for each in below), len(below)),
        tuple(
            str(runtime.plugins[other].name) if other in runtime.plugins else other
            for other in report.plugin.depends
        ),
    )


def _name(department: Department | DepartmentName) -> str:
    in_english = str(get_locale()) == "en" and department.name_en
    return department.name_en if in_english else department.name
