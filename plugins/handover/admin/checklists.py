"""Checklists with their versions and items, and kinds of fault."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import joinedload, undefer
from werkzeug.wrappers import Response

from core.toolkit import (
    ChoiceFilter,
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
    listed,
    strict_id,
)
from plugins.handover import catalogue, forms, measures, words
from plugins.handover.admin.common import REFUSALS, TEMPLATES, HandoverView, refusal_of
from plugins.handover.models import (
    InspectionTemplate,
    Severity,
    TemplateItem,
)


class DefectCodeView(HandoverView):
    """The kinds of fault, one catalogue for the installation."""

    permissions = ViewPermissions("handover.view", "handover.edit_catalogue", "handover.edit_catalogue")
    record_kind = "handover.defect_code"
    column_list = ("code", "name", "name_en", "active")
    column_details_list = ("code", "name", "name_en", "position", "active")
    column_labels = {
        "code": _l("Code"),
        "name": _l("Name in Chinese"),
        "name_en": _l("Name in English"),
        "position": _l("Place in lists"),
        "active": _l("State"),
    }
    status_columns = {"active": {True: ("ok", _l("In use")), False: ("calm", _l("Retired"))}}
    search = SearchDeclaration(
        columns=("code", "name", "name_en"), small_table=True, placeholder=_l("Code or name")
    )
    sortable = ("code",)
    default_sort = ("code", False)
    form_columns = ("code", "name", "name_en", "position", "active")
    create_only_columns = frozenset({"code"})
    form_args = {"active": {"label": _l("In use")}}
    empty_list_hint = _l("Run “doorstep setup” to load the 25 kinds of fault.")


class TemplateView(HandoverView):
    """The checklists with their versions."""

    permissions = ViewPermissions("handover.view", None, "handover.edit_catalogue", "handover.edit_catalogue")
    record_kind = "handover.template"
    column_list = ("title", "state", "department.name", "published_at")
    column_details_list = ("name", "name_en", "version", "state", "department.name", "published_at", "note")
    column_labels = {
        "title": _l("Checklist"),
        "name": _l("Name in Chinese"),
        "name_en": _l("Name in English"),
        "version": _l("Version"),
        "state": _l("State"),
        "department.name": _l("Department"),
        "published_at": _l("In use since"),
        "note": _l("Note"),
    }
    cells = {"title": lambda template: template.title}
    list_options = tuple(
        undefer(getattr(InspectionTemplate, name)) for name in ("name", "name_en", "version")
    )
    status_columns = {"state": words.TEMPLATE_STATES}
    search = SearchDeclaration(columns=("name", "name_en"), small_table=True)
    filters = (ChoiceFilter("state"),)
    form_columns = ("name", "name_en", "note")
    details_template = "handover/admin/template.html"
    empty_list_hint = _l(
        "The standard checklist with its 121 items is loaded when the first inspection starts."
    )

    def why_locked(self, record: InspectionTemplate) -> str | None:
        """Return why a version is not changed: it is in use, or another department's."""
        return refusal_of(lambda: catalogue.require_own_draft(record))

    def update_record(self, record: InspectionTemplate, form: GuardedForm) -> None:
        """Rename a draft."""
        catalogue.require_own_draft(record)
        form.populate_obj(record)

    def delete_record(self, record: InspectionTemplate) -> None:
        """Delete a draft; a version that was used stays."""
        catalogue.require_own_draft(record)
        db.session.delete(record)

    @expose_guarded("/new-version/", permission="handover.edit_catalogue", methods=("POST",))
    def new_version(self) -> Response:
        """Copy a checklist into a draft of the acting department."""
        record = self.get_one(request.args.get("id"))
        try:
            copy = catalogue.new_version(record)
            key, title = copy.id, copy.title
            commit()
        except (*REFUSALS, SaveRefused) as refused:
            db.session.rollback()
            flash(str(refused), "error")
            return redirect(self.address("details_view", id=strict_id(request.args.get("id"))), 303)
        flash(
            _("“%(title)s” is a draft of your department. Change its items, then publish it.", title=title),
            "success",
        )
        return redirect(self.address("details_view", id=key), 303)

    @expose_guarded("/publish/", permission="handover.edit_catalogue", methods=("POST",))
    def publish(self) -> Response:
        """Put a draft into use."""
        record = self.get_one(request.args.get("id"))
        return self.carry_out(
            record,
            lambda: catalogue.publish(record),
            _("The checklist is in use for inspections that start from now on."),
        )


class ItemView(HandoverView):
    """The items of the checklists."""

    permissions = ViewPermissions(
        "handover.view", "handover.edit_catalogue", "handover.edit_catalogue", "handover.edit_catalogue"
    )
    record_kind = "handover.item"
    column_list = ("code", "name", "template", "group_name", "specification", "severity", "active")
    column_details_list = (
        "template",
        "code",
        "name",
        "name_en",
        "group_name",
        "specification",
        "rooms",
        "standard",
        "standard_en",
        "method",
        "method_en",
        "tolerances",
        "severity",
        "defect_code",
        "trade_code",
        "warranty_category",
        "active",
    )
    column_labels = forms.ITEM_LABELS
    choices = {
        "specification": tuple(words.SPECIFICATIONS.items()),
        "severity": tuple((Severity(level), f"{level}") for level in words.SEVERITIES),
    }
    status_columns = {"active": {True: ("ok", _l("In use")), False: ("calm", _l("Left out"))}}
    cells = {
        "template": lambda item: item.template.title,
        "rooms": lambda item: listed(item.rooms),
        "tolerances": lambda item: Markup("<br>").join(
            _("%(what)s: %(value)s", what=words.measure_name(each), value=measures.tolerance(each))
            for each in item.measures
        ),
    }
    list_options = (joinedload(TemplateItem.template),)
    search = SearchDeclaration(
        columns=("code", "name", "name_en"), small_table=True, placeholder=_l("Code or name of the item")
    )
    filters = (
        ReferenceFilter("template_id", label=_l("Checklist"), reference=TEMPLATES),
        ChoiceFilter("severity"),
        ChoiceFilter("specification"),
    )
    form_columns = (
        "template_id",
        "code",
        "name",
        "name_en",
        "group_name",
        "group_name_en",
        "specification",
        "rooms",
        "standard",
        "standard_en",
        "method",
        "method_en",
        "tolerances",
        "severity",
        "defect_code",
        "trade_code",
        "warranty_category",
        "position",
        "active",
    )
    create_only_columns = frozenset({"template_id"})
    form_fields = forms.item_fields()
    form_args = {
        "template_id": {"default": lambda: strict_id(request.args.get("template_id", ""))},
        "active": {"label": _l("In use")},
    }
    form_sections = (
        FormSection(_l("What is checked"), (
                "template_id", "code", "name", "name_en", "group_name", "group_name_en", "specification", "rooms",
                "position", "active",
            )),
        FormSection(_l("Standard and method"), ("standard", "standard_en", "method", "method_en", "tolerances")),
        FormSection(_l("When it fails"), ("severity", "defect_code", "trade_code", "warranty_category")),
    )  # fmt: skip
    references = {"template_id": TEMPLATES}

    def create_record(self, form: GuardedForm) -> TemplateItem:
        """Add an item to a draft."""
        values = form.values()
        values.pop("template_id")
        return catalogue.save_item(form["template_id"].record, None, forms.item_values(values))

    def why_locked(self, record: TemplateItem) -> str | None:
        """Return why an item is not changed: its checklist is in use, or another department's."""
        return refusal_of(lambda: catalogue.require_own_draft(record.template))

    def update_record(self, record: TemplateItem, form: GuardedForm) -> None:
        """Change an item of a draft."""
        catalogue.save_item(record.template, record, forms.item_values(form.values()))

    def delete_record(self, record: TemplateItem) -> None:
        """Delete an item of a draft."""
        catalogue.require_own_draft(record.template)
        db.session.delete(record)

    def after_save_url(self, record: TemplateItem) -> str:
        """Go on to the checklist."""
        return url_for(
            "handover_templates.details_view", id=record.template_id, _anchor=f"item-{record.code}"
        )
