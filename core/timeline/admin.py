"""The timeline of a customer or unit on a page of its own, and the touchpoint catalogue."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _

from core.admin.access import expose_guarded
from core.admin.ajax import strict_id
from core.admin.record_page import heading_of
from core.admin.saving import SaveRefused, commit, saving
from core.admin.views import PageView
from core.database.scope import require_scope
from core.database.types import LOCAL_ZONE
from core.extensions import db
from core.machinery.todos.services import TodoRefused
from core.people.models import Department, Role
from core.people.permissions import has_permission
from core.people.services import department_path
from core.plugin_system.runtime import current_runtime
from core.projects.services import acting_city
from core.timeline import catalogue, panels, services
from core.timeline.forms import AssignForm, TouchpointForm
from core.timeline.models import TimelineEntry, Touchpoint

PAGE_ENTRIES = 40


class TimelinePage(PageView):
    """All entries of one customer or unit, and which touchpoints were reached."""

    @expose_guarded("/", permission="timeline.view")
    def index(self) -> Any:
        """Show a page of entries, of one kind when asked, older ones after ``before``."""
        kind, key, record, subject = self._asked()
        asked = request.args.get("only") or None
        kinds = services.kinds_of(**subject)
        entries = services.entries_of(
            **subject,
            kind=asked if asked in kinds else None,
            before=self._edge(subject),
            limit=PAGE_ENTRIES + 1,
        )
        shown = entries[:PAGE_ENTRIES]
        reached = services.reached(**subject)
        declared = current_runtime().declared
        labels = [(code, found.label if (found := declared.timeline_kind(code)) else code) for code in kinds]
        return self.render(
            "timeline/timeline.html",
            record=record,
            heading=heading_of(record, kind),
            crumbs=[
                *(kind.breadcrumbs(record) if kind.breadcrumbs else ()),
                (heading_of(record, kind), url_for(kind.endpoint, id=key)),
            ],
            kind=kind,
            key=key,
            kinds=labels,
            only=asked if asked in kinds else "",
            lines=panels.lines_of(shown),
            older=shown[-1].id if len(entries) > PAGE_ENTRIES else None,
            reached=reached,
            days={code: moment.astimezone(LOCAL_ZONE).date().isoformat() for code, moment in reached.items()},
            stages=catalogue.stages(),
            touchpoints=[
                item
                for item in panels.touchpoints_here()
                if item.is_active or item.touchpoint.code in reached
            ],
            in_language=_own_language,
            may_assign=has_permission("todos.assign"),
        )

    @expose_guarded("/assign/", permission="todos.assign", methods=("GET", "POST"))
    def assign(self) -> Any:
        """Give a touchpoint as a task to a department, with an owner and a due date."""
        kind, key, record, _subject = self._asked()
        code = request.args.get("code", "")
        item = next((each for each in panels.touchpoints_here() if each.touchpoint.code == code), None)
        if item is None:
            abort(404)
        form = AssignForm(
            request.form if request.method == "POST" else None,
            data={
                "title": _own_language(item, "name"),
                "role": item.owner_role,
                "due_at": services.proposed_due(item.limits),
            },
        )
        lookup = url_for("todos.ajax_lookup")
        form.department_id.lookup_url = f"{lookup}?name=department_id"
        form.owner_id.lookup_url = f"{lookup}?name=owner_id"
        if request.method == "POST" and form.validate():
            try:
                with saving():
                    services.assign_touchpoint(
                        code,
                        record,
                        form.title.data or "",
                        department=form.department_id.data,
                        owner=form.owner_id.data,
                        role=form.role.data,
                        due_at=form.due_at.data,
                        note=form.note.data or "",
                    )
                commit()
            except TodoRefused as refused:
                db.session.rollback()
                form.complain(str(refused))
            except SaveRefused as refused:
                form.complain(refused.sentence)
            else:
                flash(_("The task was given."), "success")
                return redirect(self.get_url(".index", kind=kind.code, id=key), 303)
        kind, key, record, _subject = self._asked()
        html = self.render(
            "timeline/assign.html",
            form=form,
            heading=heading_of(record, kind),
            touchpoint=f"{code} {_own_language(item, 'name')}",
            back_url=self.get_url(".index", kind=kind.code, id=key),
        )
        return html if request.method == "GET" else (html, 422)

    @staticmethod
    def _asked() -> tuple[Any, int, Any, dict[str, int]]:
        """Return kind, key and record of the customer or unit that is asked for, and how the timeline names it."""
        kind = current_runtime().declared.record_kind(request.args.get("kind", ""))
        key = strict_id(request.args.get("id"))
        if kind is None or key is None or not has_permission(kind.view_permission):
            abort(404)
        try:
            subject = panels.subject_of(kind.code, key)
        except LookupError:
            abort(404)
        record = db.session.scalars(sa.select(kind.model).where(kind.model.id == key)).one_or_none()
        if record is None:
            abort(404)
        return kind, key, record, subject

    @staticmethod
    def _edge(subject: dict[str, int]) -> TimelineEntry | None:
        key = strict_id(request.args.get("before"))
        if key is None:
            return None
        conditions = [getattr(TimelineEntry, name) == value for name, value in subject.items()]
        found: TimelineEntry | None = db.session.scalars(
            sa.select(TimelineEntry).where(TimelineEntry.id == key, *conditions)
        ).one_or_none()
        return found if found is not None else abort(404)


def _own_language(item: Any, name: str) -> str:
    """Return a text of a touchpoint in the language of the page, the other one where it is missing."""
    chinese, english = getattr(item, name), getattr(item, f"{name}_en")
    return str((english or chinese) if str(get_locale()) == "en" else (chinese or english) or "")


class TouchpointPage(PageView):
    """The catalogue of touchpoints by stage, and the company's own version of each."""

    @expose_guarded("/", permission="touchpoints.view")
    def index(self) -> Any:
        """Show all touchpoints as the acting department has them."""
        return self.render(
            "timeline/touchpoints.html",
            stages=catalogue.stages(),
            touchpoints=panels.touchpoints_here(),
            roles=_role_names(),
            in_language=_own_language,
            company=self._company(),
        )

    @expose_guarded("/touchpoint/", permission="touchpoints.view")
    def details(self) -> Any:
        """Show one touchpoint with its limits, papers and question."""
        item = self._effective(self._touchpoint(request.args.get("code")))
        return self.render(
            "timeline/touchpoint.html",
            item=item,
            limits=[catalogue.limit_words(limit) for limit in item.limits],
            shipped_limits=[catalogue.limit_words(limit) for limit in item.touchpoint.limits],
            targets=[catalogue.target_words(target) for target in item.touchpoint.targets],
            papers=[catalogue.in_language(paper) for paper in item.touchpoint.documents],
            stage=dict(catalogue.stages()).get(item.stage, item.stage),
            roles=_role_names(),
            in_language=_own_language,
            company=self._company(),
        )

    @expose_guarded("/edit/", permission="touchpoints.edit", methods=("GET", "POST"))
    def edit(self) -> Any:
        """Change a touchpoint for the company of the acting department."""
        touchpoint = self._touchpoint(request.args.get("code"))
        company = self._company() or abort(404)
        form = self._form(touchpoint, company)
        if request.method == "POST" and form.validate():
            version = strict_id(form.row_version.data)
            try:
                with saving():
                    services.override_touchpoint(
                        touchpoint,
                        company.id,
                        active=form.active.data,
                        values={name: form[name].data or "" for name in services.OVERRIDABLE},
                        limit_values=form.numbers(),
                        version=-1 if version is None else version,
                    )
                commit()
            except services.TouchpointRuleError as error:
                db.session.rollback()
                form.complain(str(error), error.field)
            except SaveRefused as refused:
                form.complain(refused.sentence, None)
            else:
                flash(_("The touchpoint was changed for your company."), "success")
                return redirect(url_for(".details", code=request.args["code"]), 303)
        touchpoint = self._touchpoint(request.args.get("code"))
        html = self.render(
            "timeline/touchpoint_edit.html",
            form=form,
            touchpoint=touchpoint,
            limits=[catalogue.limit_words(limit) for limit in touchpoint.limits],
            company=self._company(),
            has_own=services.override_of(touchpoint, company.id) is not None,
        )
        return html if request.method == "GET" else (html, 422)

    @expose_guarded("/reset/", permission="touchpoints.edit", methods=("POST",))
    def reset(self) -> Any:
        """Give up the company's version."""
        touchpoint = self._touchpoint(request.form.get("code"))
        company = self._company() or abort(404)
        code = touchpoint.code
        services.reset_touchpoint(touchpoint, company.id)
        commit()
        flash(_("The catalogue holds again for this touchpoint."), "success")
        return redirect(url_for(".details", code=code), 303)

    @staticmethod
    def _touchpoint(code: str | None) -> Touchpoint:
        found = db.session.scalar(sa.select(Touchpoint).where(Touchpoint.code == (code or "")))
        return found if found is not None else abort(404)

    @staticmethod
    def _company() -> Department | None:
        """Return for whom changes are made: the city company, or the region for those who act in it."""
        city = acting_city()
        if city is not None:
            return city
        department_id = require_scope().department_id
        return db.session.get(Department, department_id) if department_id is not None else None

    def _effective(self, touchpoint: Touchpoint) -> services.EffectiveTouchpoint:
        return next(item for item in panels.touchpoints_here() if item.touchpoint.id == touchpoint.id)

    def _form(self, touchpoint: Touchpoint, company: Department) -> TouchpointForm:
        own = services.override_of(touchpoint, company.id)
        at_company = {
            found.touchpoint.id: found
            for found in services.effective_touchpoints(department_path(company.id))
        }[touchpoint.id]
        form = TouchpointForm(
            request.form if request.method == "POST" else None,
            data={
                "row_version": own.row_version if own is not None else 0,
                "active": at_company.is_active,
                "limits": [limit["value"] for limit in at_company.limits],
                **{name: getattr(at_company, name) for name in services.OVERRIDABLE},
            },
        )
        names = _role_names()
        codes = sorted({touchpoint.owner_role, at_company.owner_role, *names})
        form.owner_role.choices = [(code, f"{code} {names.get(code, '')}".strip()) for code in codes]
        return form


def _role_names() -> dict[str, str]:
    roles = db.session.execute(sa.select(Role.name, Role.label, Role.label_en))
    english = str(get_locale()) == "en"
    return {name: (label_en or label) if english else (label or label_en) for name, label, label_en in roles}
