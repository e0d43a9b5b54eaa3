"""Facts of the two books, editions of the user manual, and forms that are signed on glass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, request
from werkzeug.wrappers import Response

from core.toolkit import (
    BUILDINGS,
    PROJECTS,
    ChoiceFilter,
    DateRangeFilter,
    FormSection,
    GuardedForm,
    ReferenceFilter,
    SaveRefused,
    SearchDeclaration,
    ViewPermissions,
    _,
    _l,
    commit,
    db,
    expose_guarded,
    has_permission,
    listed,
    strict_id,
)
from plugins.handover import form_signing, services, words
from plugins.handover.admin.common import REFUSALS, HandoverView, refusal_of
from plugins.handover.models import BookFacts, HouseForm, UserManual

_CHAPTERS = {
    "companies": _l("1 Developer, designer, builder, supervisor"),
    "structure": _l("2 Structure type"),
    "decoration": _l("3 Cautions for decoration"),
    "supplies": _l("4 Water, power, gas, heat, communication, fire protection"),
    "reserved": _l("5 Positions reserved for equipment"),
    "openings": _l("6 Doors and windows"),
    "electric_load": _l("7 Electric load"),
    "load_bearing": _l("8 Load-bearing walls, insulation, waterproofing, balconies"),
    "others": _l("9 Other matters"),
}


class BookFactsView(HandoverView):
    """What the two books say of a building or project."""

    permissions = ViewPermissions(
        "handover.view", "handover.edit_books", "handover.edit_books", "handover.edit_books"
    )
    record_kind = "handover.book_facts"
    column_list = (
        "project.name",
        "building",
        "structure_type",
        "design_life_years",
        "filing_number",
        "repair_unit",
    )
    column_details_list = ("project.name", "building", *services.FACTS)
    column_labels = {
        "project_id": _l("Project"),
        "project.name": _l("Project"),
        "building_id": _l("Building"),
        "building": _l("Building"),
        "structure_type": _l("Structure type"),
        "design_life_years": _l("Design life (years)"),
        "quality_grade": _l("Quality grade"),
        "quality_authority": _l("Quality verified by"),
        "filing_number": _l("Completion filing no."),
        "designer": _l("Designer"),
        "builder": _l("Builder"),
        "supervisor": _l("Supervisor"),
        "repair_unit": _l("Responsible repair unit"),
        "repair_phone": _l("Telephone for repairs"),
    }
    cells = {
        "building": lambda row: (
            (row.building.name or row.building.code) if row.building else _("All buildings of the project")
        )
    }
    filters = (ReferenceFilter("project_id", reference=PROJECTS),)
    form_columns = ("project_id", "building_id", *services.FACTS)
    create_only_columns = frozenset({"project_id", "building_id"})
    form_args = {
        "building_id": {
            "description": _l("Leave it empty for all buildings that have no facts of their own.")
        },
        "design_life_years": {
            "description": _l("For so long foundation and structure are guaranteed, usually 50.")
        },
    }
    references = {"project_id": PROJECTS, "building_id": BUILDINGS}
    empty_list_hint = _l("Enter them once for a project; both books are printed from them.")

    def create_record(self, form: GuardedForm) -> BookFacts:
        """Enter the facts of a building or project."""
        return services.save_facts(form["project_id"].record, form["building_id"].record, _facts_of(form))

    def update_record(self, record: BookFacts, form: GuardedForm) -> None:
        """Change facts."""
        services.save_facts(record.project, record.building, _facts_of(form), record)


def _facts_of(form: GuardedForm) -> dict[str, Any]:
    return {
        name: value for name, value in form.values().items() if name in services.FACTS and value is not None
    }


class UserManualView(HandoverView):
    """The editions of the user manual."""

    permissions = ViewPermissions(
        "handover.view", "handover.edit_books", "handover.edit_books", "handover.edit_books"
    )
    record_kind = "handover.manual"
    column_list = ("title", "project.name", "layout", "language", "state", "published_at")
    column_details_list = (
        "project.name",
        "layout",
        "language",
        "version",
        "state",
        "published_at",
        *services.CHAPTERS,
    )
    column_labels = {
        "title": _l("Manual"),
        "project_id": _l("Project"),
        "project.name": _l("Project"),
        "layout": _l("House type"),
        "language": _l("Language"),
        "version": _l("Edition"),
        "state": _l("State"),
        "published_at": _l("In use since"),
        **_CHAPTERS,
    }
    cells = {
        "title": lambda row: row.title,
        "layout": lambda row: row.layout or _("All others"),
    }
    choices = {"language": tuple(words.LANGUAGES.items())}
    status_columns = {"state": words.TEMPLATE_STATES}
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ChoiceFilter("state"),
        ChoiceFilter("language"),
    )
    form_columns = ("project_id", "layout", "language", *services.CHAPTERS)
    create_only_columns = frozenset({"project_id", "layout", "language"})
    form_sections = (
        FormSection(_l("For which houses"), ("project_id", "layout", "language")),
        FormSection(_l("Nine chapters"), services.CHAPTERS),
    )
    form_args = {
        "layout": {
            "description": _l(
                "As it stands with the houses, for example 三房两厅两卫; empty for all that have no own manual."
            )
        },
        **{
            code: {
                "description": _l(
                    "Left empty in a new edition, the text of the newest edition or the standard text is taken."
                )
            }
            for code in services.CHAPTERS
        },
    }
    references = {"project_id": PROJECTS}
    details_template = "handover/admin/manual.html"
    empty_list_hint = _l("The standard text of the nine chapters is printed until an own edition is in use.")

    def create_record(self, form: GuardedForm) -> UserManual:
        """Begin an edition with the texts of the newest one, or the standard ones."""
        values = form.values()
        made = services.draft_manual(
            form["project_id"].record, values["layout"] or "", values["language"] or "zh_Hans_CN"
        )
        services.change_manual(made, {code: values[code] for code in services.CHAPTERS if values[code]})
        return made

    def why_locked(self, record: UserManual) -> str | None:
        """Return why an edition is not changed: owners have it."""
        return refusal_of(lambda: services.require_draft_manual(record))

    def update_record(self, record: UserManual, form: GuardedForm) -> None:
        """Change the chapters of a draft."""
        values = form.values()
        services.change_manual(record, {code: values[code] or "" for code in services.CHAPTERS})

    def delete_record(self, record: UserManual) -> None:
        """Delete a draft."""
        services.require_draft_manual(record)
        db.session.delete(record)

    @expose_guarded("/publish/", permission="handover.edit_books", methods=("POST",))
    def publish(self) -> Response:
        """Put a draft into use."""
        record = self.get_one(request.args.get("id"))
        return self.carry_out(
            record,
            lambda: services.publish_manual(record),
            _("The edition is in use; the one before is retired."),
        )

    @expose_guarded("/next-edition/", permission="handover.edit_books", methods=("POST",))
    def next_edition(self) -> Response:
        """Begin the next edition."""
        record = self.get_one(request.args.get("id"))
        try:
            made = services.draft_manual(record.project, record.layout, record.language)
            key = made.id
            commit()
        except (*REFUSALS, SaveRefused) as refused:
            db.session.rollback()
            flash(str(refused), "error")
            return redirect(self.address("details_view", id=strict_id(request.args.get("id"))), 303)
        flash(_("The next edition is a draft. Change its chapters, then publish it."), "success")
        return redirect(self.address("details_view", id=key), 303)


class HouseFormView(HandoverView):
    """The forms of houses that are signed on glass."""

    permissions = ViewPermissions("handover.view", None, None, None)
    record_kind = "handover.form"
    column_list = ("number", "house", "kind", "prepared_at", "standing")
    column_details_list = (
        "number",
        "house",
        "kind",
        "defect",
        "prepared_at",
        "author",
        "standing",
        "cancel_reason",
    )
    column_labels = {
        "number": _l("Number"),
        "house": _l("House"),
        "kind": _l("Form"),
        "defect": _l("Defect"),
        "prepared_at": _l("Prepared on"),
        "author": _l("Prepared by"),
        "standing": _l("State"),
        "cancel_reason": _l("Reason of the cancellation"),
    }
    choices = {"kind": tuple(words.FORM_KINDS.items())}
    cells = {
        "house": lambda row: row.handover_unit.unit.code,
        "defect": lambda row: row.defect.number if row.defect is not None else "",
        "author": lambda row: row.prepared_by.name if row.prepared_by is not None else "",
        "standing": lambda row: standing_of(row)[1],
    }
    search = SearchDeclaration(columns=("number",), small_table=True, placeholder=_l("Number"))
    filters = (ChoiceFilter("kind"), DateRangeFilter("prepared_at"))
    details_template = "handover/admin/form.html"
    empty_list_hint = _l("Forms are prepared on the page of a house on the handover day.")

    def details_extra(self, record: HouseForm) -> Mapping[str, Any]:
        """Return what the form says, in words."""
        return {
            "summary": form_signing.summary(record),
            "may_cancel": has_permission("handover.supplement_inspection"),
        }

    @expose_guarded("/cancel/", permission="handover.supplement_inspection", methods=("POST",))
    def cancel(self) -> Response:
        """Take a form out of use."""
        record = self.get_one(request.args.get("id"))
        reason = request.form.get("reason", "").replace("\0", "")
        return self.carry_out(
            record,
            lambda: services.cancel_form(record, reason),
            _("The form is cancelled; prepare a new one."),
        )


def standing_of(form: HouseForm) -> tuple[str, Any]:
    """Return how a form stands: its tone and words."""
    if form.cancelled_at is not None:
        return "calm", _("Cancelled")
    missing = services.missing_roles(form, form_signing.NEEDED[form.kind])
    if not missing:
        return "ok", _("Signed by all")
    return "wait", _(
        "Waits for: %(roles)s", roles=listed([str(form_signing.ROLES[role]) for role in missing])
    )
