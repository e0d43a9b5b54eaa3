"""What staff see in the back office: checklists, batches, houses, inspections, defects and notices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import flash, g, redirect, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import joinedload, lazyload, undefer
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice

from core.toolkit import (
    LOCAL_ZONE,
    ApprovalRefused,
    BooleanFilter,
    Building,
    ChoiceFilter,
    DateRangeFilter,
    FilterValueError,
    FormSection,
    GuardedForm,
    Phase,
    Project,
    RecordView,
    Reference,
    ReferenceFilter,
    SaveRefused,
    SearchDeclaration,
    Transition,
    TransitionRefused,
    Unit,
    User,
    ViewPermissions,
    _,
    _l,
    bulk_action,
    commit,
    count_each,
    db,
    expose_guarded,
    has_permission,
    in_language,
    is_signed,
    local_today,
    make_link,
    mask_all,
    ngettext,
    pending_request,
    print_links,
    strict_id,
    users_in_reach,
    utc_now,
)
from plugins.contractors.models import Company
from plugins.contractors.services import companies_for
from plugins.handover import catalogue, forms, indicators, measures, records, services, words
from plugins.handover.contractor_pages import CONFIRM_NOTICE, people_of
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    DEFECT_SEARCH,
    INSPECTION_SEARCH,
    NOTICE_SEARCH,
    BatchMode,
    Defect,
    DefectSource,
    HandoverBatch,
    HandoverUnit,
    Inspection,
    InspectionKind,
    InspectionTemplate,
    Product,
    RectificationNotice,
    Severity,
    TemplateItem,
)
from plugins.handover.paper_models import FormKind
from plugins.handover.preparation import words as preparation_words
from plugins.handover.preparation.record_pages import BatchPreparation, HousePreparation
from plugins.handover.workflows import BATCH, DEFECT, HANDOVER_UNIT, NOTICE, PENALTY

REFUSALS = (HandoverRuleError, TransitionRefused, ApprovalRefused, measures.MeasureError)


def _users() -> Sequence[sa.ColumnElement[bool]]:
    return (User.id.in_(users_in_reach().with_only_columns(User.id).order_by(None)), User.active.is_(True))


PROJECTS = Reference(
    Project,
    lambda project: in_language(project.name, project.name_en),
    SearchDeclaration(columns=("name", "name_en", "code"), small_table=True),
    order_by=("code",),
)
PHASES = Reference(
    Phase,
    lambda phase: phase.name,
    SearchDeclaration(columns=("name", "code"), small_table=True),
    order_by=("code",),
    depends_on="project_id",
)
BUILDINGS = Reference(
    Building,
    lambda building: (
        f"{in_language(building.project.name, building.project.name_en)} · {building.name or building.code}"
    ),
    SearchDeclaration(columns=("name", "code"), small_table=True),
    order_by=("project_id", "code"),
)
UNITS = Reference(
    Unit,
    lambda unit: f"{unit.code} · {in_language(unit.project.name, unit.project.name_en)}",
    SearchDeclaration(columns=("code",), small_table=True, placeholder=_l("3-2-1502")),
    order_by=("project_id", "code"),
)
USERS = Reference(
    User,
    lambda user: user.name,
    SearchDeclaration(columns=("name",), small_table=True),
    order_by=("name",),
    narrow=_users,
)
COMPANIES = Reference(
    Company,
    lambda company: company.label,
    SearchDeclaration(columns=("name", "short_name"), small_table=True),
    order_by=("name",),
    narrow=lambda: (Company.archived_at.is_(None),),
)
BATCHES = Reference(
    HandoverBatch,
    lambda batch: f"{batch.code} {batch.name}",
    SearchDeclaration(columns=("name", "code"), small_table=True),
    order_by=("code",),
)
TEMPLATES = Reference(
    InspectionTemplate,
    lambda template: template.title,
    SearchDeclaration(columns=("name", "name_en"), small_table=True),
    order_by=("id",),
)
NUMBER_SEARCH = _l("Number")


def day(moment: dt.datetime | None) -> str:
    """Return the day of a moment in China."""
    return moment.astimezone(LOCAL_ZONE).date().isoformat() if moment is not None else ""


def status(tone: str, text: Any) -> Markup:
    """Return a coloured word."""
    return Markup('<span class="st {0}">{1}</span>').format(tone, text)


def severity_mark(level: Any) -> Markup:
    """Return a severity; the two worst are red."""
    return Markup('<span class="sev {0}">{1}</span>').format(str(level).lower(), level)


def tones(workflow: Any) -> dict[Any, tuple[str, Any]]:
    """Return the words and tones of the states of a workflow, for a column that shows them."""
    return {state.code: (state.tone, state.label) for state in workflow.states}


class HandoverView(RecordView):
    """What the views of this module share: a button posts a step, a service takes it, and the page comes back."""

    refusals = REFUSALS

    def carry_out(self, record: Any, step: Callable[[], Any], done: Any) -> Response:
        """Carry out a step of a service and show the record again; what a rule refuses is said there.

        Args:
            record: The loaded record.
            step: The call of the service.
            done: The sentence that says what was done; formatted before the commit.
        """
        address = self.address("details_view", id=record.id)
        try:
            step()
            sentence = str(done() if callable(done) else done)
            commit()
        except (*REFUSALS, SaveRefused) as refused:
            db.session.rollback()
            flash(str(refused), "error")
        else:
            flash(sentence, "success")
        return redirect(address, 303)


def refusal_of(check: Callable[[], Any]) -> str | None:
    """Return the sentence with which a rule refuses, or None when it does not."""
    try:
        check()
    except HandoverRuleError as refused:
        return str(refused)
    return None


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
    list_options = (undefer(InspectionTemplate.name), undefer(InspectionTemplate.version))
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
        "rooms": lambda item: words.joined(item.rooms),
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


class BatchView(BatchPreparation, HandoverView):
    """The handover batches."""

    permissions = ViewPermissions("handover.view", "handover.plan", "handover.plan", None, "handover.export")
    record_kind = "handover.batch"
    column_list = ("code", "name", "project.name", "phase.name", "delivery_on", "mode", "state")
    column_details_list = (
        "code",
        "name",
        "project.name",
        "phase.name",
        "delivery_on",
        "mode",
        "opens_on",
        "closes_on",
        "product",
        "manager",
        "state",
        "place",
        "directions",
        "contact_phone",
        "complaint_phone",
        "account",
        "note",
    )
    column_export_list = ("code", "name", "project.name", "delivery_on", "mode", "state")
    column_labels = {
        "code": _l("Code"),
        "name": _l("Name"),
        "project_id": _l("Project"),
        "project.name": _l("Project"),
        "phase_id": _l("Phase"),
        "phase.name": _l("Phase"),
        "delivery_on": _l("Contract delivery date (T)"),
        "mode": _l("Mode"),
        "opens_on": _l("First concentrated day"),
        "closes_on": _l("Last concentrated day"),
        "product": _l("Kind of houses"),
        "place": _l("Where owners come to"),
        "directions": _l("How to get there, and when it is open"),
        "contact_phone": _l("Telephone of the contact"),
        "complaint_phone": _l("Complaint line"),
        "account": _l("Account for the fees"),
        "manager_id": _l("Manager"),
        "manager": _l("Manager"),
        "state": _l("State"),
        "note": _l("Note"),
    }
    choices = {
        "mode": tuple(words.BATCH_MODES.items()),
        "product": tuple(preparation_words.PRODUCTS.items()),
    }
    workflow = BATCH
    status_columns = {"state": tones(BATCH)}
    cells = {"manager": lambda batch: batch.manager.name if batch.manager else ""}
    search = SearchDeclaration(columns=("code", "name"), small_table=True, placeholder=_l("Code or name"))
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ChoiceFilter("state"),
        DateRangeFilter("delivery_on"),
    )
    sortable = ("delivery_on",)
    form_columns = (
        "project_id",
        "phase_id",
        "code",
        "name",
        "delivery_on",
        "mode",
        "opens_on",
        "closes_on",
        "product",
        "manager_id",
        "note",
        "place",
        "directions",
        "contact_phone",
        "complaint_phone",
        "account",
    )
    form_sections = (
        FormSection(
            _l("What stands on the delivery notice"),
            ("place", "directions", "contact_phone", "complaint_phone", "account"),
        ),
    )
    form_args = {
        "delivery_on": {"description": _l("The plan runs back from this day, and moves with it.")},
        "account": {"description": _l("Payee, bank and account number.")},
    }
    create_only_columns = frozenset({"project_id"})
    references = {"project_id": PROJECTS, "phase_id": PHASES, "manager_id": USERS}
    details_template = "handover/admin/batch.html"
    empty_list_hint = _l("Make a batch for the houses that are handed over together, then add its buildings.")

    def create_record(self, form: GuardedForm) -> HandoverBatch:
        """Make a batch."""
        values = _batch_values(form)
        return services.create_batch(form["project_id"].record, **values)

    def update_record(self, record: HandoverBatch, form: GuardedForm) -> None:
        """Change a batch."""
        services.change_batch(record, **_batch_values(form))

    def details_extra(self, record: HandoverBatch) -> Mapping[str, Any]:
        """Return the buildings that can be added."""
        buildings = db.session.scalars(
            sa.select(Building).where(Building.project_id == record.project_id).order_by(Building.code)
        ).all()
        phase = record.phase_id
        return {
            "buildings": [building for building in buildings if phase is None or building.phase_id == phase],
        }

    @expose_guarded("/add-building/", permission="handover.plan", methods=("POST",))
    def add_building(self) -> Response:
        """Put all houses of a building into a batch."""
        record = self.get_one(request.args.get("id"))
        key = strict_id(request.form.get("building_id", ""))
        building = db.session.scalar(
            sa.select(Building).where(Building.id == key, Building.project_id == record.project_id)
        )
        added: list[HandoverUnit] = []

        def add() -> None:
            if building is None:
                raise HandoverRuleError(_("Choose a building of the project."))
            added.extend(services.add_units(record, services.units_of_building(building)))

        return self.carry_out(
            record,
            add,
            lambda: ngettext("%(num)d house was added.", "%(num)d houses were added.", len(added)),
        )


def _batch_values(form: GuardedForm) -> dict[str, Any]:
    values = form.values()
    values.pop("project_id", None)
    phase, manager = values.pop("phase_id"), values.pop("manager_id")
    values["phase"] = db.session.get(Phase, phase) if phase else None
    values["manager"] = db.session.get(User, manager) if manager else None
    values["mode"] = BatchMode(values["mode"] or BatchMode.CONCENTRATED)
    values["product"] = Product(values["product"] or Product.ORDINARY)
    return values


class HandoverUnitView(HousePreparation, HandoverView):
    """The houses of the batches."""

    permissions = ViewPermissions("handover.view", None, None, None, "handover.export")
    record_kind = "handover.unit"
    column_list = (
        "unit.code",
        "batch.name",
        "unit.layout",
        "booked_for",
        "state",
        "fee_state",
        "papers_state",
        "keys_state",
    )
    column_details_list = (
        "unit.code",
        "batch.name",
        "unit.layout",
        "unit.gross_area_contract",
        "unit.contract_delivery_on",
        "state",
        "notice_sent_at",
        "notice_received_at",
        "payment_complete",
        "capable_at",
        "booked_for",
        "accompanied",
        "arrived_at",
        "attorney_name",
        "attorney_document",
        "fee_state",
        "fee_exempt_reason",
        "papers_state",
        "keys_state",
        "refusal",
        "reply_due_at",
        "replied_at",
        "reply_text",
        "deemed_on",
        "deemed_reason",
        "legal_reviewed_at",
        "delivered_at",
        "unit.delivered_on",
    )
    column_export_list = (
        "unit.code",
        "batch.name",
        "unit.layout",
        "state",
        "notice_sent_at",
        "arrived_at",
        "fee_state",
        "papers_state",
        "keys_state",
        "delivered_at",
    )
    column_labels = {
        "unit.code": _l("House"),
        "batch.name": _l("Batch"),
        "batch_id": _l("Batch"),
        "unit.layout": _l("Layout"),
        "unit.floor": _l("Floor"),
        "unit.gross_area_contract": _l("Gross area (contract)"),
        "unit.contract_delivery_on": _l("Contract delivery date (T)"),
        "unit.delivered_on": _l("Handed over on"),
        "state": _l("State"),
        "notice_sent_at": _l("Notice sent"),
        "notice_received_at": _l("Notice received"),
        "payment_complete": _l("Purchase price paid in full"),
        "booked_for": _l("Booked for"),
        "accompanied": _l("Accompanied by"),
        "capable_at": _l("Ready for delivery since"),
        "arrived_at": _l("Arrived"),
        "attorney_name": _l("Attorney"),
        "attorney_document": _l("Power of attorney"),
        "fee_state": _l("Fees"),
        "fee_exempt_reason": _l("Reason of the exemption"),
        "papers_state": _l("Papers"),
        "keys_state": _l("Keys"),
        "refusal": _l("Reason for the refusal"),
        "refusal_reason": _l("Reason for the refusal"),
        "reply_due_at": _l("Reply due"),
        "replied_at": _l("Replied"),
        "reply_text": _l("Reply to the refusal"),
        "deemed_on": _l("Deemed delivered on"),
        "deemed_reason": _l("Why deemed delivered"),
        "legal_reviewed_at": _l("Reviewed by legal"),
        "delivered_at": _l("Delivered"),
    }
    workflow = HANDOVER_UNIT
    status_columns = {
        "state": tones(HANDOVER_UNIT),
        "fee_state": words.FEE_STATES,
        "papers_state": words.PAPERS_STATES,
        "keys_state": words.KEYS_STATES,
    }
    personal_columns = {"attorney_name": mask_all, "attorney_document": mask_all}
    step_fields = {"refusal_reason": forms.refusal_field()}
    sortable = ("booked_for",)
    cells = {
        "accompanied": lambda row: row.engineer.name if row.engineer else "",
        "refusal": lambda row: (
            f"{row.refusal_reason} {words.refusal_reasons().get(row.refusal_reason, '')}".strip()
        ),
    }
    filters = (
        ReferenceFilter("batch_id", reference=BATCHES),
        ReferenceFilter("unit_id", label=_l("House"), reference=UNITS),
        ChoiceFilter("state"),
        ChoiceFilter("fee_state"),
        ChoiceFilter("keys_state"),
        DateRangeFilter("booked_for"),
    )
    actions_declared = {
        "plan_formal": "handover.plan",
        "plan_household": "handover.plan",
        "letters": "handover.send_letters",
    }
    empty_list_hint = _l("Open a batch and add a building to it.")

    def prepare_step(self, form: GuardedForm, record: HandoverUnit | None, transition: Transition) -> None:
        """Offer R1 to R9."""
        if "refusal_reason" in form._fields:
            form["refusal_reason"].choices = forms.refusal_choices()

    def take_step(self, record: HandoverUnit, transition: Transition, values: Mapping[str, Any]) -> None:
        """Take a step of a house by its service."""
        services.take_step(record, transition.code, values)

    @bulk_action("plan_formal", _l("Plan formal inspection"))
    def plan_formal(self, records: Sequence[HandoverUnit]) -> str:
        """Plan the first or next formal round of the chosen houses for today."""
        return self._plan(records, InspectionKind.FORMAL)

    @bulk_action("plan_household", _l("Plan household inspection"))
    def plan_household(self, records: Sequence[HandoverUnit]) -> str:
        """Plan the first or next household inspection of the chosen houses for today."""
        return self._plan(records, InspectionKind.HOUSEHOLD)

    def _plan(self, records: Sequence[HandoverUnit], kind: InspectionKind) -> str:
        for record in records:
            services.plan_inspection(record.unit, kind, planned_on=local_today())
        return ngettext("%(num)d inspection was planned.", "%(num)d inspections were planned.", len(records))


class InspectionView(HandoverView):
    """The inspections with their results."""

    permissions = ViewPermissions("handover.view", "handover.plan", "handover.plan", None, "handover.export")
    record_kind = "handover.inspection"
    column_list = (
        "number",
        "unit.code",
        "kind",
        "round_number",
        "planned_on",
        "inspector",
        "state",
        "passed",
    )
    column_details_list = (
        "number",
        "unit.code",
        "kind",
        "round_number",
        "state",
        "passed",
        "planned_on",
        "inspector",
        "companions",
        "attorney_name",
        "started_at",
        "finished_at",
        "weather",
        "template_title",
        "meter_water",
        "meter_electricity",
        "meter_gas",
        "meter_heat",
        "opinion",
        "refusal",
        "opinion_note",
        "override_reason",
        "cancel_reason",
        "content_hash",
    )
    column_export_list = (
        "number",
        "unit.code",
        "kind",
        "round_number",
        "planned_on",
        "state",
        "passed",
        "finished_at",
    )
    column_labels = {
        "number": _l("Number"),
        "unit.code": _l("House"),
        "unit_id": _l("House"),
        "kind": _l("Kind"),
        "round_number": _l("Round"),
        "planned_on": _l("Planned"),
        "inspector": _l("Inspector"),
        "inspector_id": _l("Inspector"),
        "companions": _l("Accompanied by"),
        "attorney_name": _l("Attorney"),
        "state": _l("State"),
        "passed": _l("Result"),
        "started_at": _l("Started"),
        "finished_at": _l("Finished"),
        "weather": _l("Weather"),
        "template_title": _l("Checklist"),
        "meter_water": _l("Water (m³)"),
        "meter_electricity": _l("Electricity (kWh)"),
        "meter_gas": _l("Gas (m³)"),
        "meter_heat": _l("Heat (kWh)"),
        "opinion": _l("Owner's opinion"),
        "refusal": _l("Reason for the refusal"),
        "opinion_note": _l("In the owner's words"),
        "override_reason": _l("Started in spite of open S1–S2 defects"),
        "cancel_reason": _l("Cancelled because"),
        "content_hash": _l("Fingerprint (SHA-256)"),
    }
    choices = {"kind": tuple(words.INSPECTION_KINDS.items()), "opinion": tuple(words.OPINIONS.items())}
    status_columns = {
        "state": words.INSPECTION_STATES,
        "passed": {True: ("ok", _l("Passed")), False: ("late", _l("Not passed"))},
    }
    cells = {
        "inspector": lambda row: row.inspector.name if row.inspector else "",
        "refusal": lambda row: (
            f"{row.refusal_reason} {words.refusal_reasons()[row.refusal_reason]}"
            if row.refusal_reason
            else ""
        ),
    }
    list_options = (joinedload(Inspection.inspector).load_only(User.name),)
    personal_columns = {"attorney_name": mask_all}
    search = SearchDeclaration(index=INSPECTION_SEARCH, placeholder=NUMBER_SEARCH)
    filters = (
        ReferenceFilter("project_id", label=_l("Project"), reference=PROJECTS),
        ReferenceFilter("unit_id", reference=UNITS),
        ChoiceFilter("kind"),
        ChoiceFilter("state"),
        ReferenceFilter("inspector_id", reference=USERS),
        DateRangeFilter("planned_on"),
    )
    sortable = ("number", "planned_on", "finished_at")
    form_columns = ("unit_id", "kind", "planned_on", "inspector_id", "companions", "attorney_name")
    create_only_columns = frozenset({"unit_id", "kind"})
    form_args = {
        "planned_on": {"default": local_today},
        "inspector_id": {"description": _l("Empty: whoever starts it.")},
        "companions": {"description": _l("Butler, supervisor, contractor.")},
        "attorney_name": {"description": _l("If the owner sends somebody.")},
    }
    references = {"unit_id": UNITS, "inspector_id": USERS}
    details_template = "handover/admin/inspection.html"
    empty_list_hint = _l("Plan the first inspection, or tick houses of a batch and plan theirs.")

    def create_record(self, form: GuardedForm) -> Inspection:
        """Plan an inspection."""
        values = form.values()
        return services.plan_inspection(
            form["unit_id"].record,
            InspectionKind(values["kind"]),
            planned_on=values["planned_on"],
            inspector=_user(values["inspector_id"]),
            companions=values["companions"],
            attorney_name=values["attorney_name"],
        )

    def why_locked(self, record: Inspection) -> str | None:
        """Return why an inspection is not changed: it is finished or cancelled."""
        return refusal_of(lambda: services.require_not_ended(record))

    def update_record(self, record: Inspection, form: GuardedForm) -> None:
        """Change who inspects when."""
        values = {"attorney_name": record.attorney_name, **form.values()}
        services.change_plan(
            record,
            planned_on=values["planned_on"],
            inspector=_user(values["inspector_id"]),
            companions=values["companions"],
            customer=record.customer,
            attorney_name=values["attorney_name"],
        )

    @expose_guarded("/cancel/", permission="handover.plan", methods=("POST",))
    def cancel(self) -> Response:
        """Cancel a planned inspection."""
        record = self.get_one(request.args.get("id"))
        reason = request.form.get("reason", "")[:1000]
        return self.carry_out(
            record, lambda: services.cancel_inspection(record, reason), _("The inspection is cancelled.")
        )


def _user(key: int | None) -> User | None:
    return db.session.get(User, key) if key else None


@dataclass(frozen=True)
class OverdueFilter(BooleanFilter):
    """Past the promised date, and neither fixed nor done with."""

    def conditions(self, view: RecordView, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        """Return the condition of what was chosen."""
        if typed[0] not in {"0", "1"}:
            raise FilterValueError(_("Choose yes or no."))
        overdue = services.overdue_condition()
        return [overdue if typed[0] == "1" else sa.not_(sa.func.coalesce(overdue, sa.false()))]


def state_mark(defect: Defect) -> Markup:
    """Return the state of a defect; an overdue one says for how long."""
    days = services.overdue_days(defect)
    if days:
        return status("late", ngettext("%(num)d day overdue", "%(num)d days overdue", days))
    state = DEFECT.state_of(defect)
    if defect.state in ("fixed", "rejected") and defect.reopen_count:
        return status(
            state.tone,
            f"{state.label} · {records.round_title(defect.reopen_count + (defect.state == 'fixed'))}",
        )
    return status(state.tone, state.label)


def defect_problem(defect: Defect) -> str:
    """Return a defect in a few words, in a list from the kinds of fault that were read for the whole page."""
    known: dict[int, str] | None = g.get("_faults_of_page")
    if known is None or defect.id not in known:
        return services.defect_title(defect)
    return services.title_of(defect, known[defect.id])


class DefectView(HandoverView):
    """The defects, wherever they were found."""

    permissions = ViewPermissions(
        "handover.view", "handover.create_defect", "handover.edit_defect", None, "handover.export"
    )
    record_kind = "handover.defect"
    column_list = ("number", "unit.code", "room", "problem", "level", "contractor", "progress", "promised")
    column_details_list = (
        "unit.code",
        "room",
        "item",
        "problem",
        "level",
        "severity_reason",
        "progress",
        "escalated",
        "contractor",
        "trade",
        "warranty_category",
        "source",
        "raised_at",
        "raised_by",
        "promised_by",
        "first_promised_by",
        "fixed_at",
        "fixed_by",
        "fix_measure",
        "verified_at",
        "verified_by",
        "reopen_count",
        "cause",
        "closing_reason",
        "repair_reference",
    )
    column_export_list = (
        "number",
        "unit.code",
        "room_name",
        "item_code",
        "item_name",
        "description",
        "severity",
        "contractor.name",
        "state",
        "raised_at",
        "promised_by",
        "fixed_at",
        "verified_at",
        "reopen_count",
    )
    column_labels = {
        "number": _l("Number"),
        "unit.code": _l("House"),
        "unit_id": _l("House"),
        "building_id": _l("Building"),
        "room": _l("Room"),
        "room_name": _l("Room"),
        "item": _l("Item"),
        "item_code": _l("Item"),
        "item_name": _l("Item"),
        "problem": _l("Problem"),
        "description": _l("Problem"),
        "codes": _l("Kinds of fault"),
        "level": _l("Severity"),
        "severity": _l("Severity"),
        "severity_reason": _l("Reason, if lowered"),
        "contractor": _l("Contractor"),
        "contractor.name": _l("Contractor"),
        "contractor_id": _l("Contractor"),
        "trade": _l("Trade"),
        "trade_code": _l("Trade"),
        "warranty_category": _l("Warranty category"),
        "source": _l("Found by"),
        "progress": _l("State"),
        "state": _l("State"),
        "escalated": _l("Escalated to"),
        "promised": _l("Promised by"),
        "promised_by": _l("Promised by"),
        "first_promised_by": _l("First promised by"),
        "raised_at": _l("Found on"),
        "raised_by": _l("Recorded by"),
        "fixed_at": _l("Fixed on"),
        "fixed_by": _l("Reported fixed by"),
        "fix_measure": _l("What was done"),
        "verified_at": _l("Re-inspected on"),
        "verified_by": _l("Re-inspected by"),
        "reopen_count": _l("Failed re-inspections"),
        "cause": _l("Root cause"),
        "root_cause": _l("Root cause"),
        "closing_reason": _l("Closed without repair because"),
        "repair_reference": _l("Repair order"),
    }
    choices = {
        "severity": tuple((Severity(level), f"{level}") for level in words.SEVERITIES),
        "source": tuple(words.SOURCES.items()),
        "state": tuple((state.code, state.label) for state in DEFECT.states),
    }
    cells = {
        "room": lambda row: words.local(row, "room_name"),
        "item": lambda row: f"{row.item_code} {words.local(row, 'item_name')}".strip(),
        "problem": defect_problem,
        "level": lambda row: severity_mark(row.severity),
        "contractor": lambda row: row.contractor.label if row.contractor else "",
        "progress": state_mark,
        "promised": lambda row: day(row.promised_by),
        "escalated": lambda row: words.ESCALATIONS.get(services.escalation(row), ""),
        "trade": lambda row: words.trades().get(row.trade_code, ""),
        "raised_by": lambda row: row.raised_by.name if row.raised_by else "",
        "fixed_by": lambda row: row.fixed_by.name if row.fixed_by else "",
        "verified_by": lambda row: row.verified_by.name if row.verified_by else "",
        "cause": lambda row: words.root_causes().get(row.root_cause, ""),
    }
    list_options = (
        *(
            undefer(getattr(Defect, name))
            for name in (
                "room_name",
                "room_name_en",
                "item_name",
                "item_name_en",
                "description",
                "severity",
                "state",
                "promised_by",
                "reopen_count",
                "contractor_id",
            )
        ),
        joinedload(Defect.contractor).load_only(Company.name, Company.short_name),
        # The kinds of fault of a whole page are read as plain texts, see before_list.
        lazyload(Defect.faults),
    )
    search = SearchDeclaration(index=DEFECT_SEARCH, placeholder=_l("Number or problem"))
    filters = (
        ReferenceFilter("project_id", label=_l("Project"), reference=PROJECTS),
        ReferenceFilter("building_id", reference=BUILDINGS),
        ReferenceFilter("unit_id", reference=UNITS),
        ChoiceFilter("severity"),
        ChoiceFilter("state"),
        ReferenceFilter("contractor_id", reference=COMPANIES),
        OverdueFilter("promised_by", label=_l("Overdue")),
    )
    sortable = ("number", "promised_by")
    form_columns = (
        "unit_id",
        "room_name",
        "codes",
        "description",
        "severity",
        "severity_reason",
        "source",
        "trade_code",
        "contractor_id",
        "promised_by",
        "root_cause",
    )
    create_only_columns = frozenset({"unit_id", "source"})
    form_fields = forms.defect_fields()
    references = {"unit_id": UNITS, "contractor_id": COMPANIES}
    workflow = DEFECT
    step_fields = {"contractor_id": forms.company_field()}
    actions_declared = {"make_notices": "handover.issue_notice", "assign_chosen": "handover.assign_defect"}
    list_template = "handover/admin/defects.html"
    details_template = "handover/admin/defect.html"
    empty_list_hint = _l(
        "Defects appear here as soon as an item fails on site. You can also register one that was found otherwise."
    )

    def before_list(self, records_: Sequence[Defect]) -> None:
        """Read the kinds of fault of all rows at once, as texts: as records they would take as long as the list."""
        g._faults_of_page = services.faults_of([record.id for record in records_])

    def create_record(self, form: GuardedForm) -> Defect:
        """Register a defect that was found outside an inspection."""
        values = form.values()
        return services.register_defect(
            form["unit_id"].record,
            room_name=values["room_name"],
            codes=values["codes"],
            description=values["description"],
            severity=Severity(values["severity"]),
            source=DefectSource(values["source"] or DefectSource.STAFF),
            trade_code=values["trade_code"] or "",
            contractor=_company(values["contractor_id"]),
        )

    def why_locked(self, record: Defect) -> str | None:
        """Return why a defect is not changed: it is done with."""
        return refusal_of(lambda: services.require_not_done(record))

    def update_record(self, record: Defect, form: GuardedForm) -> None:
        """Change a defect."""
        values = form.values()
        contractor = _company(values["contractor_id"])
        services.change_defect(
            record,
            severity=Severity(values["severity"]),
            severity_reason=values["severity_reason"] or "",
            description=values["description"],
            codes=values["codes"],
            room_name=values["room_name"],
            contractor=contractor if contractor and contractor.id != record.contractor_id else None,
            promised_by=values["promised_by"],
            trade_code=values["trade_code"] or None,
            root_cause=values["root_cause"] or "",
        )

    def details_extra(self, record: Defect) -> Mapping[str, Any]:
        """Return whether so many repairs failed that a special plan is needed, and how its waiver stands."""
        place = services.handover_unit_of(record.unit)
        waiver = services.form_of(place, FormKind.WAIVER, record) if place is not None else None
        can_waive = record.state in DEFECT.transition("waive").sources and has_permission(
            "handover.waive_defect"
        )
        return {
            "needs_plan": services.needs_special_plan(record),
            "waiver": waiver,
            "may_waive": can_waive and place is not None and (waiver is None or not is_signed(waiver)),
        }

    def prepare_step(self, form: GuardedForm, record: Defect | None, transition: Transition) -> None:
        """Offer the companies of the project, and ask for the owner's consent only where the owner reported it."""
        if "contractor_id" in form and record is not None:
            form["contractor_id"].choices = [
                SelectChoice("", ""),
                *(SelectChoice(company.id, company.label) for company in companies_for(record.project)),
            ]
        if "owner_agreed" in form and (record is None or record.source != DefectSource.OWNER):
            del form["owner_agreed"]

    def take_step(self, record: Defect, transition: Transition, values: Mapping[str, Any]) -> None:
        """Call the service of a step."""
        take_defect_step(record, transition.code, values)

    @bulk_action("make_notices", _l("Make rectification notices"))
    def make_notices(self, records_: Sequence[Defect]) -> Markup:
        """Make a draft notice for each contractor of the chosen defects."""
        notices = services.create_notices(records_)
        db.session.flush()
        links = Markup(", ").join(
            Markup('<a href="{0}">{1}</a>').format(
                url_for("handover_notices.details_view", id=notice.id), notice.number
            )
            for notice in notices
        )
        return Markup("{0} {1}").format(
            ngettext("%(num)d draft was made:", "%(num)d drafts were made:", len(notices)), links
        )

    @bulk_action("assign_chosen", _l("Assign to the proposed contractor"))
    def assign_chosen(self, records_: Sequence[Defect]) -> str:
        """Assign the chosen open defects to the contractors that the matrix proposed."""
        for record in records_:
            services.assign_defect(record)
        return ngettext("%(num)d defect was assigned.", "%(num)d defects were assigned.", len(records_))

    def figures(self) -> list[dict[str, Any]] | None:
        """Return the figures above the list, for what is filtered: K01 and K05 of houses, K06 and K07 of defects.

        A rate over all states means nothing within one of them, so the filters by state and by overdue leave it alone.
        All the rows have to be read for them, so of many defects they are None until somebody asks for them.
        """
        on_inspection, on_defect = _where_filtered(request.args)
        if request.args.get("figures") != "1" and _are_many(on_inspection, on_defect):
            return None
        first, mean = indicators.first_pass(*on_inspection), indicators.defects_per_house(*on_inspection)
        done, timely = indicators.closed(*on_defect), indicators.on_time(*on_defect)
        none_due = _("nothing was due yet")
        return [
            {
                "label": _("First-pass rate K01"),
                "value": first.percent,
                "note": _fraction(first, _("houses")),
            },
            {"label": _("Defects per house K05"), "value": mean.mean, "note": _fraction(mean, "")},
            {"label": _("Close rate K06"), "value": done.percent, "note": _fraction(done, "")},
            {
                "label": _("Rectified on time K07"),
                "value": timely.percent,
                "note": _fraction(timely, "") if timely.denominator else none_due,
            },
        ]

    def figures_url(self) -> str:
        """Return the address of this list with its figures."""
        given = {name: value for name, value in request.args.items() if name.startswith("f_")}
        return self.address("index_view", **given, figures="1")

    def figures_note(self) -> str | None:
        """Return what the figures leave aside of the filters that are chosen, or None."""
        given = request.args
        if given.get("f_severity") or given.get("f_contractor_id"):
            return _("K01 and K05 count all defects of the houses, of every severity and contractor.")
        if given.get("f_state") or given.get("f_promised_by") or given.get("search"):
            return _("The figures count defects in every state.")
        return None

    def tabs(self) -> list[dict[str, Any]]:
        """Return the views that people look at every day, with what waits in them."""
        overdue, waiting, unassigned = count_each(
            Defect, services.overdue_condition(), Defect.state == "fixed", Defect.state == "open"
        )
        here = request.args
        return [
            {
                "label": _("All"),
                "url": self.address("index_view"),
                "current": not here.get("f_state") and not here.get("f_promised_by"),
            },
            {
                "label": _("Overdue"),
                "url": self.address("index_view", f_promised_by="1", sort="promised_by"),
                "count": overdue,
                "tone": "late",
                "current": here.get("f_promised_by") == "1",
            },
            {
                "label": _("To re-inspect"),
                "url": self.address("index_view", f_state="fixed"),
                "count": waiting,
                "current": here.get("f_state") == "fixed",
            },
            {
                "label": _("To assign"),
                "url": self.address("index_view", f_state="open"),
                "count": unassigned,
                "current": here.get("f_state") == "open",
            },
        ]


Conditions = list[sa.ColumnElement[bool]]
COUNTED_AT_ONCE = 2000
"""Of more defects or inspections the figures above the list are counted when somebody asks for them."""


def _where_filtered(given: Mapping[str, str]) -> tuple[Conditions, Conditions]:
    """Return the conditions on inspections and on defects that the filters of the list mean."""
    on_inspection: Conditions = []
    on_defect: Conditions = []
    for name in ("project_id", "building_id", "unit_id"):
        key = strict_id(given.get(f"f_{name}", ""))
        if key is None:
            continue
        on_defect.append(getattr(Defect, name) == key)
        on_inspection.append(
            Inspection.unit_id.in_(sa.select(Unit.id).where(Unit.building_id == key))
            if name == "building_id"
            else getattr(Inspection, name) == key
        )
    contractor = strict_id(given.get("f_contractor_id", ""))
    if contractor is not None:
        on_defect.append(Defect.contractor_id == contractor)
    if given.get("f_severity") in words.SEVERITIES:
        on_defect.append(Defect.severity == given["f_severity"])
    return on_inspection, on_defect


def _are_many(on_inspection: Conditions, on_defect: Conditions) -> bool:
    """Return whether the figures would be counted from more rows than a page should read."""
    beyond = [
        sa.select(model.id).where(*conditions).limit(1).offset(COUNTED_AT_ONCE).scalar_subquery()
        for model, conditions in ((Defect, on_defect), (Inspection, on_inspection))
    ]
    return any(key is not None for key in db.session.execute(sa.select(*beyond)).one())


def _fraction(rate: indicators.Rate, unit: str) -> str:
    return f"{rate.numerator} / {rate.denominator} {unit}".strip()


def _company(key: int | None) -> Company | None:
    return db.session.scalar(sa.select(Company).where(Company.id == key)) if key else None


def take_defect_step(defect: Defect, code: str, values: Mapping[str, Any]) -> None:
    """Call the service of a step.

    Args:
        defect: The defect.
        code: Code of the transition.
        values: What was typed into the form of the step.

    Raises:
        TransitionRefused: The step is unknown or not possible.
    """
    reason = values.get("closing_reason") or ""
    steps: dict[str, Callable[[], None]] = {
        "assign": lambda: services.assign_defect(defect, _company(values.get("contractor_id"))),
        "start": lambda: services.start_fixing(defect),
        "resume": lambda: services.start_fixing(defect),
        "report_fixed": lambda: services.report_fixed(defect, values.get("fix_measure") or ""),
        "verify": lambda: services.verify_defect(defect, note=values.get("recheck_note") or ""),
        "reject": lambda: services.reject_defect(defect, values.get("recheck_note") or ""),
        "invalidate": lambda: services.invalidate_defect(defect, reason, bool(values.get("owner_agreed"))),
        "waive": lambda: services.waive_defect(defect, reason),
        "transfer": lambda: services.transfer_defect(defect, values.get("repair_reference") or ""),
    }
    if code not in steps:
        DEFECT.transition("")
    steps[code]()


def overdue_count() -> int | None:
    """Return how many defects are overdue, for the sidebar."""
    counted = sa.select(Defect.id).where(services.overdue_condition()).limit(1000).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(counted)) or None


class NoticeView(HandoverView):
    """The rectification notices; they are made from ticked defects."""

    permissions = ViewPermissions("handover.view", None, "handover.issue_notice", None, "handover.export")
    record_kind = "handover.notice"
    column_list = ("number", "contractor", "project.name", "lines", "issued", "due", "progress")
    column_details_list = (
        "contractor.name",
        "project.name",
        "progress",
        "issue_due_at",
        "issued_at",
        "issued_by",
        "deadline",
        "receipt_due_at",
        "received_at",
        "receiver_name",
        "replied_at",
        "reply_text",
        "recheck_note",
        "penalty_note",
        "note",
    )
    column_export_list = (
        "number",
        "contractor.name",
        "project.name",
        "state",
        "issued_at",
        "deadline",
        "received_at",
    )
    column_labels = {
        "number": _l("Number"),
        "contractor": _l("Contractor"),
        "contractor.name": _l("Contractor"),
        "contractor_id": _l("Contractor"),
        "project.name": _l("Project"),
        "project_id": _l("Project"),
        "lines": _l("Defects"),
        "issued": _l("Issued"),
        "issued_at": _l("Issued"),
        "issued_by": _l("Issued by"),
        "issue_due_at": _l("To be issued by"),
        "due": _l("Deadline"),
        "deadline": _l("Deadline"),
        "progress": _l("State"),
        "state": _l("State"),
        "receipt_due_at": _l("Receipt to be confirmed by"),
        "received_at": _l("Received"),
        "receiver_name": _l("Receiver"),
        "replied_at": _l("Replied"),
        "reply_text": _l("Reply"),
        "recheck_note": _l("Re-inspection"),
        "penalty_note": _l("Penalty"),
        "note": _l("Further requirements"),
    }
    choices = {"state": tuple((state.code, state.label) for state in NOTICE.states)}
    cells = {
        "contractor": lambda notice: notice.contractor.label,
        "lines": lambda notice: len(notice.lines),
        "issued": lambda notice: day(notice.issued_at),
        "due": lambda notice: day(notice.deadline),
        "issued_by": lambda notice: notice.issued_by.name if notice.issued_by else "",
        "progress": lambda notice: notice_mark(notice),
    }
    list_options = (
        undefer(RectificationNotice.state),
        undefer(RectificationNotice.deadline),
        undefer(RectificationNotice.issued_at),
        undefer(RectificationNotice.issue_due_at),
        undefer(RectificationNotice.receipt_due_at),
        joinedload(RectificationNotice.contractor).load_only(Company.name, Company.short_name),
        sa.orm.selectinload(RectificationNotice.lines),
    )
    search = SearchDeclaration(index=NOTICE_SEARCH, placeholder=NUMBER_SEARCH)
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ReferenceFilter("contractor_id", reference=COMPANIES),
        ChoiceFilter("state"),
        DateRangeFilter("deadline"),
    )
    sortable = ("number", "deadline")
    actions_declared = {"links": "handover.issue_notice"}
    form_columns = ("deadline", "note")
    form_args = {
        "note": {"description": _l("What is asked beyond the single defects; printed on the notice.")}
    }
    workflow = NOTICE
    step_fields = {"penalty_amount": forms.amount_field()}
    empty_list_hint = _l("Tick defects in their list and choose “Make rectification notices”.")

    @bulk_action("links", _l("Print links for the contractors"))
    def print_links(self, records: Sequence[RectificationNotice]) -> Any:
        """Make a link to each of the notices and print them as cards with a QR code."""
        made = []
        for record in records:
            people = people_of(record)
            if people:
                made.append(make_link(CONFIRM_NOTICE, record, people[0]))
        if not made:
            return _("None of these notices is issued to a contractor with a contact and a telephone number.")
        return print_links(made)

    def why_locked(self, record: RectificationNotice) -> str | None:
        """Return why a notice is not changed: it was issued."""
        return refusal_of(lambda: services.require_draft(record))

    def update_record(self, record: RectificationNotice, form: GuardedForm) -> None:
        """Change a draft."""
        services.require_draft(record)
        form.populate_obj(record)

    def take_step(
        self, record: RectificationNotice, transition: Transition, values: Mapping[str, Any]
    ) -> None:
        """Call the service of a step."""
        take_notice_step(record, transition.code, values)

    @expose_guarded("/answer-objection/", permission="handover.issue_notice", methods=("POST",))
    def answer_objection(self) -> Response:
        """Answer the objection of the contractor to a defect."""
        record = self.get_one(request.args.get("id"))
        given = request.form

        def answer() -> None:
            line = services.line_of(record, strict_id(given.get("defect_id", "")))
            services.answer_objection(
                line, given.get("answer", "").replace("\0", ""), given.get("upheld") == "1"
            )

        return self.carry_out(
            record, answer, _("The objection is answered; the contractor reads it on his page.")
        )

    def step_done(self, record: RectificationNotice, transition: Transition) -> Any:
        """Say after the issue what to do with the paper, and that a penalty waits for approval."""
        if transition.code == "penalise" and (asked := pending_request(PENALTY, record)) is not None:
            return _("%(number)s asks for the approval of the penalty.", number=asked.number)
        if transition.code != "issue":
            return super().step_done(record, transition)
        return _(
            "Notice %(number)s is issued. Print it below and hand it to the contractor.", number=record.number
        )


def take_notice_step(notice: RectificationNotice, code: str, values: Mapping[str, Any]) -> None:
    """Call the service of a step.

    Args:
        notice: The notice.
        code: Code of the transition.
        values: What was typed into the form of the step.

    Raises:
        TransitionRefused: The step is unknown or not possible.
    """
    steps: dict[str, Callable[[], Any]] = {
        "issue": lambda: services.issue_notice(notice, values.get("deadline")),
        "receive": lambda: services.receive_notice(notice, values.get("receiver_name") or ""),
        "reply": lambda: services.reply_to_notice(notice, values.get("reply_text") or ""),
        "recheck": lambda: services.recheck_notice(notice, values.get("recheck_note") or ""),
        "close": lambda: services.close_notice(notice),
        "penalise": lambda: services.penalise_notice(
            notice, values.get("penalty_note") or "", values.get("penalty_amount") or Decimal(0)
        ),
    }
    if code not in steps:
        NOTICE.transition("")
    steps[code]()


def notice_mark(notice: RectificationNotice) -> Markup:
    """Return the state of a notice; red when its own limit has passed."""
    state = NOTICE.state_of(notice)
    limits = {"draft": notice.issue_due_at, "issued": notice.receipt_due_at}
    limit = limits.get(notice.state, notice.deadline if notice.state not in ("closed", "penalised") else None)
    late = limit is not None and limit < utc_now()
    return status(
        "late" if late else state.tone, _("%(state)s, overdue", state=state.label) if late else state.label
    )


def running_notices() -> int | None:
    """Return how many notices wait to be issued or received, for the sidebar."""
    counted = (
        sa.select(RectificationNotice.id)
        .where(RectificationNotice.state.in_(("draft", "issued")))
        .limit(1000)
        .subquery()
    )
    return db.session.scalar(sa.select(sa.func.count()).select_from(counted)) or None
