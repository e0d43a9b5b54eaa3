"""Customers in the back office: list, page, what belongs to a customer, merging, erasing, copying data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import Response, current_app, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape
from wtforms import BooleanField
from wtforms.validators import Length, Optional

from core.admin import listing
from core.admin.access import ViewPermissions, expose_guarded
from core.admin.actions import bulk_action
from core.admin.ajax import ReferenceField, strict_id
from core.admin.declaring import FormSection
from core.admin.filters import ChoiceFilter, DateRangeFilter, LinkFilter, ReferenceFilter
from core.admin.forms import GuardedForm
from core.admin.saving import SaveRefused, commit, saving
from core.admin.searching import clean_text
from core.admin.views import RecordView
from core.customers import identity, references, services, words
from core.customers.forms import DataExportForm, EraseForm, SelectMultipleCheckboxField, SourceField
from core.customers.message_pages import start_writing
from core.customers.models import (
    Consent,
    Customer,
    CustomerContact,
    CustomerPreference,
    CustomerProject,
    CustomerUnit,
    IdentityType,
)
from core.database.scope import all_departments
from core.database.structure import remembered
from core.database.types import local_today
from core.extensions import db
from core.languages import in_language, listed
from core.machinery.audit.services import record_event
from core.machinery.messages.services import MOST_RECIPIENTS, MessageRefused
from core.people.sign_in import is_fresh, reauthenticate
from core.plugin_system.dispatch import PluginFailed
from core.projects.models import Project, Unit
from core.projects.references import OPEN_PROJECTS, PROJECTS, UNITS

_REFUSALS = (services.CustomerRuleError, identity.PersonalValueError)
_SHOWN_PROJECTS = 3


def _asked(name: str) -> int | None:
    """Return the key that a link to an empty form brings along."""
    return strict_id(request.args.get(name))


def _customer_page(customer_id: int) -> str:
    return url_for("customers.details_view", id=customer_id)


def _customer_link(customer: Customer) -> Markup:
    return Markup('<a href="{}">{}</a>').format(_customer_page(customer.id), customer.name)


class CustomerView(RecordView):
    """Customers of the visible projects."""

    permissions = ViewPermissions(
        "customers.view", "customers.create", "customers.edit", None, "customers.export"
    )
    record_kind = "core.customer"
    column_list = ("name", "phone", "kind", "life_cycle", "projects", "created_at")
    column_details_list = (
        "kind",
        "phone",
        "email",
        "identity_type",
        "identity_number",
        "credit_code",
        "born_on",
        "address",
        "language",
        "source",
        "life_cycle",
        "survey_class",
        "projects",
        "created_at",
        "note",
    )
    column_export_list = (
        "id",
        "name",
        "phone",
        "kind",
        "life_cycle",
        "email",
        "identity_type",
        "identity_number",
        "credit_code",
        "address",
        "source",
        "created_at",
    )
    column_labels = words.LABELS
    choices = {
        "kind": words.KINDS,
        "identity_type": words.IDENTITY_TYPES,
        "language": words.LANGUAGES,
    }
    status_columns = {"life_cycle": words.STAGES}
    list_reads = ()
    cells = {
        "projects": lambda customer: _project_names(customer),
        "survey_class": lambda customer: listed(
            str(words.SURVEY_CLASSES[code]) for code in services.survey_classes(customer)
        ),
    }
    personal_columns = {
        "phone": identity.mask_phone,
        "email": identity.mask_email,
        "identity_number": identity.mask_identity,
        "born_on": identity.mask_day,
        "address": identity.mask_address,
    }
    open_columns = frozenset({"name"})
    search = references.SEARCH
    filters = (
        LinkFilter("project", reference=PROJECTS, link=CustomerProject, near="customer_id", far="project_id"),
        ChoiceFilter("life_cycle"),
        ChoiceFilter("kind"),
        DateRangeFilter("created_at"),
    )
    sortable = ("name", "created_at")
    form_columns = (
        "project_id",
        "kind",
        "name",
        "phone",
        "email",
        "identity_type",
        "identity_number",
        "credit_code",
        "born_on",
        "address",
        "language",
        "source",
        "note",
        "register_anyway",
    )
    create_only_columns = frozenset({"project_id"})
    form_fields = {
        "project_id": ReferenceField(
            _l("Project"),
            reference=OPEN_PROJECTS,
            required=True,
            default=lambda: _asked("project"),
            description=_l("Through which the customer came; whoever sees the project sees the customer."),
        ),
        "source": SourceField(
            _l("Source"), [Optional(), Length(max=40)], filters=[lambda text: clean_text(text).strip()]
        ),
        "register_anyway": BooleanField(
            _l("It is another customer, although a number is the same"),
            [Optional()],
            description=_l("Needed only when the form says that a customer with this number is registered."),
        ),
    }
    form_args = {
        "phone": {"description": _l("Mainland mobile, landline with area code, or + and the country code.")},
        "identity_number": {"description": _l("Encrypted; only with the customer's consent.")},
        "credit_code": {"description": _l("Companies: 18 characters, as on the licence.")},
    }
    form_sections = (
        FormSection(_l("Who"), ("project_id", "kind", "name", "phone", "email")),
        FormSection(_l("Identity documents"), ("identity_type", "identity_number", "credit_code", "born_on")),
        FormSection(_l("More"), ("address", "language", "source", "note", "register_anyway")),
    )
    references = {"project_id": OPEN_PROJECTS}
    refusals = _REFUSALS
    actions_declared = {"message": "messages.send"}
    list_template = "customers/list.html"
    details_template = "customers/customer.html"
    empty_list_hint = _l(
        "Import the Excel file with the units and owners of a project, or register customers one by one."
    )

    def choices_of(self, name: str) -> Sequence[tuple[Any, Any]]:
        """Return the words of a column; where a customer came from is free text but for what Doorstep writes itself."""
        return words.SOURCES if name == "source" else super().choices_of(name)

    def before_list(self, records: Sequence[Customer]) -> None:
        """Find the names of the visible projects of a page of customers, in one statement."""
        names: dict[int, list[str]] = {record.id: [] for record in records}
        if names:
            project_names = remembered("project names", None, _names_of_projects)
            links = db.session.execute(
                sa.select(CustomerProject.customer_id, CustomerProject.project_id)
                .where(CustomerProject.customer_id.in_(list(names)))
                .order_by(CustomerProject.project_id)
            )
            for customer_id, project_id in links:
                names[customer_id].append(in_language(*project_names[project_id]))
        g._customer_projects = names

    def check_form(self, form: GuardedForm, record: Customer | None) -> None:
        """Warn of customers with the same number; only those whom the user may see are named."""
        if form.errors or form["register_anyway"].data:
            return
        numbers = {
            "phone": identity.normalise_phone(form["phone"].data),
            "identity_number": _typed_identity(form),
            "credit_code": identity.normalise_credit_code(form["credit_code"].data),
        }
        if record is not None:
            # Only a new number can be that of another customer; the old ones were asked about when they were typed.
            numbers = {
                name: None if value == getattr(record, name) else value for name, value in numbers.items()
            }
        found = services.find_duplicates(**numbers, besides_id=record.id if record is not None else None)
        if record is not None and found:
            known = {customer.id for customer in services.duplicates_of(record)}
            found = [customer for customer in found if customer.id not in known]
        if found:
            links = listed(map(_customer_link, found))
            sentence = escape(
                _(
                    "A customer with this number is already registered. Open that record, or tick the box at the end."
                )
            )
            form.form_errors = [*form.form_errors, sentence + " " + links]
            form["register_anyway"].errors = [_("Tick this box if it is another customer.")]

    def create_record(self, form: GuardedForm) -> Customer:
        """Register a customer through the services."""
        values = form.values()
        values.pop("register_anyway")
        project = db.session.get_one(Project, values.pop("project_id"))
        return services.register_customer(project=project, **values)

    def update_record(self, record: Customer, form: GuardedForm) -> None:
        """Change a customer."""
        values = form.values()
        values.pop("register_anyway")
        services.change_customer(record, **values)

    def details_extra(self, record: Customer) -> Mapping[str, Any]:
        """Return whom the customer was merged into, and who may be the same."""
        is_living = record.merged_into_id is None and record.erased_at is None
        return {
            "merged_into": db.session.scalars(
                sa.select(Customer).where(Customer.id == record.merged_into_id)
            ).one_or_none()
            if record.merged_into_id is not None
            else None,
            "is_living": is_living,
            "duplicates": [_customer_link(other) for other in services.duplicates_of(record)]
            if is_living
            else (),
        }

    # ------------------------------------------------------------------ messages

    @bulk_action("message", _l("Write a message"))
    def write_to_chosen(self, records: Sequence[Customer]) -> Any:
        """Lead to the page on which a message to the chosen customers is written."""
        return start_writing([record.id for record in records])

    @expose_guarded("/message/", permission="messages.send", methods=("POST",))
    def write_to_all(self) -> Any:
        """Lead there for all customers of the list as it is filtered now."""
        lister = listing.Lister(self, listing.read_request(self, request.args))
        found = sa.select(lister.key).where(*lister.conditions)
        query = sa.select(Customer.id).where(
            Customer.id.in_(found), Customer.merged_into_id.is_(None), Customer.erased_at.is_(None)
        )
        try:
            return start_writing(
                db.session.scalars(query.order_by(Customer.id).limit(MOST_RECIPIENTS + 1)).all()
            )
        except MessageRefused as refusal:
            db.session.rollback()
            flash(str(refusal), "error")
            return redirect(url_for(".index_view"), 303)

    # ------------------------------------------------------------------ merging

    @expose_guarded("/merge/", permission="customers.merge", methods=("GET", "POST"))
    def merge(self) -> Any:
        """Choose the record that goes, show what moves, and merge after confirmation."""
        kept = self.get_one(self._single_id())
        merged_id = request.form.get("merged") if request.method == "POST" else request.args.get("merged")
        duplicates = services.duplicates_of(kept)
        if merged_id is None:
            return self.render(
                "customers/merge.html",
                kept=kept,
                duplicates=duplicates,
                reference=_merge_field(),
                merged=None,
            )
        merged = self.get_one(merged_id)
        try:
            counts = services.merge_preview(kept, merged)
        except services.CustomerRuleError as error:
            flash(str(error), "error")
            return redirect(_customer_page(kept.id), 303)
        if request.method == "POST":
            kept_id = kept.id
            try:
                with saving():
                    services.merge_customers(kept, merged)
                commit()
            except (services.CustomerRuleError, PluginFailed, SaveRefused) as error:
                db.session.rollback()
                flash(str(error), "error")
                return redirect(_customer_page(kept_id), 303)
            flash(_("The two records are one now."), "success")
            return redirect(_customer_page(kept_id), 303)
        return self.render(
            "customers/merge.html",
            kept=kept,
            merged=merged,
            counts=counts,
            labels=_TABLE_WORDS,
            duplicates=duplicates,
        )

    # ------------------------------------------------------------------ erasing

    @expose_guarded("/erase/", permission="customers.erase", methods=("GET", "POST"))
    def erase(self) -> Any:
        """Say what is in the way, and erase once reason and name are typed and the password is fresh."""
        if not is_fresh():
            return reauthenticate(url_for(".erase", id=self._single_id()))
        customer = self.get_one(self._single_id())
        obstacles = services.erasure_obstacles(customer)
        form = EraseForm(request.form if request.method == "POST" else None)
        if request.method == "POST" and not obstacles and form.validate():
            if form.typed_name.data != customer.name:
                form.typed_name.errors = [_("This is not the name of the customer on this page.")]
            else:
                key = customer.id
                try:
                    with saving():
                        services.erase_customer(customer, form.reason.data)
                    commit()
                except (services.CustomerRuleError, PluginFailed, SaveRefused) as error:
                    db.session.rollback()
                    flash(str(error), "error")
                else:
                    flash(
                        _("The customer's data was erased. The log keeps that it was, when and why."),
                        "success",
                    )
                return redirect(_customer_page(key), 303)
        html = self.render("customers/erase.html", customer=customer, form=form, obstacles=obstacles)
        return html if request.method == "GET" else (html, 422)

    # ------------------------------------------------------------------ copy of the data

    @expose_guarded("/copy/", permission="customers.export_person", methods=("GET", "POST"))
    def copy(self) -> Any:
        """Hand out everything that is held about a customer as a file, once a reason is given."""
        if not is_fresh():
            return reauthenticate(url_for(".copy", id=self._single_id()))
        customer = self.get_one(self._single_id())
        form = DataExportForm(request.form if request.method == "POST" else None)
        if request.method == "GET" or not form.validate():
            html = self.render("customers/copy.html", customer=customer, form=form)
            return html if request.method == "GET" else (html, 422)
        try:
            data = services.export_of(customer)
        except PluginFailed as error:
            db.session.rollback()
            flash(str(error), "error")
            return redirect(_customer_page(customer.id), 303)
        record_event("exported", customer, form.reason.data, parts=sorted(data))
        key = customer.id
        commit()
        answer: Response = current_app.response_class(
            json.dumps(data, ensure_ascii=False, indent=2, default=str), mimetype="application/json"
        )
        answer.headers["Content-Disposition"] = (
            f'attachment; filename="customer-{key}-{local_today():%Y%m%d}.json"'
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer


_TABLE_WORDS = {
    "customer_unit": _l("Parts in units"),
    "customer_contact": _l("Further contacts"),
    "consent": _l("Consents"),
    "customer_project": _l("Links to projects"),
}


def _merge_field() -> Any:
    """Return the field that finds the record to merge by typing."""

    class Choice(GuardedForm):
        merged = ReferenceField(_l("Another customer"), reference=references.CUSTOMERS)

    form = Choice()
    form.merged.lookup_url = url_for("customer_units.ajax_lookup", name="customer_id")
    return form.merged


def _typed_identity(form: GuardedForm) -> str | None:
    typed = form["identity_number"].data
    kind = form["identity_type"].data or IdentityType.ID_CARD
    return identity.normalise_identity(IdentityType(kind), typed) if typed else None


def _names_of_projects() -> dict[int, tuple[str, str]]:
    with all_departments("naming the projects of links that the wall has let through"):
        found = db.session.execute(sa.select(Project.id, Project.name, Project.name_en))
        return {row.id: (row.name, row.name_en) for row in found}


def _project_names(customer: Customer) -> str:
    held: dict[int, list[str]] = g.get("_customer_projects", {})
    names = held.get(customer.id)
    if names is None:
        names = [in_language(link.project.name, link.project.name_en) for link in customer.project_links]
    if len(names) <= _SHOWN_PROJECTS:
        return listed(names)
    return _("%(names)s and %(count)s more", names=listed(names[:2]), count=len(names) - 2)


class _OfCustomer(RecordView):
    """What belongs to one customer: reached from the customer's page, and leads back to it."""

    refusals = _REFUSALS

    def after_save_url(self, record: Any) -> str:
        """Lead back to the customer."""
        return _customer_page(record.customer_id)


def _customer_field() -> ReferenceField:
    return ReferenceField(
        _l("Customer"), reference=references.CUSTOMERS, required=True, default=lambda: _asked("customer")
    )


class HoldingView(_OfCustomer):
    """Who holds which part in a unit."""

    permissions = ViewPermissions(
        "customers.view", "customers.edit", "customers.edit", "customers.edit", "customers.export"
    )
    record_kind = "core.holding"
    column_list = (
        "customer.name",
        "unit.code",
        "role",
        "share_percent",
        "subscribed_on",
        "signed_on",
        "cancelled_on",
        "to_date",
    )
    column_details_list = (
        "customer.name",
        "unit.code",
        "role",
        "share_percent",
        "subscribed_on",
        "signed_on",
        "contract_number",
        "cancelled_on",
        "from_date",
        "to_date",
    )
    column_export_list = (
        "unit.code",
        "customer.name",
        "role",
        "share_percent",
        "subscribed_on",
        "signed_on",
        "contract_number",
        "cancelled_on",
        "from_date",
        "to_date",
    )
    column_labels = words.LABELS
    choices = {"role": words.ROLES}
    open_columns = frozenset({"customer.name"})
    filters = (
        ReferenceFilter("project_id", _l("Project"), reference=PROJECTS),
        ChoiceFilter("role"),
        DateRangeFilter("signed_on"),
    )
    form_columns = (
        "customer_id",
        "unit_id",
        "role",
        "share_percent",
        "subscribed_on",
        "signed_on",
        "contract_number",
        "cancelled_on",
        "from_date",
        "to_date",
    )
    create_only_columns = frozenset({"customer_id", "unit_id"})
    form_fields = {
        "customer_id": _customer_field(),
        "unit_id": ReferenceField(_l("Unit"), reference=UNITS, required=True, default=lambda: _asked("unit")),
    }
    form_args = {
        "share_percent": {"description": _l("Of an owner; the shares of a unit cannot exceed 100 %.")},
        "cancelled_on": {"description": _l("The purchase was cancelled on this day.")},
        "to_date": {"description": _l("Of a resale or the end of a lease; the entry stays in the history.")},
    }
    form_sections = (
        FormSection(_l("Who and what"), ("customer_id", "unit_id", "role", "share_percent")),
        FormSection(_l("Purchase"), ("subscribed_on", "signed_on", "contract_number", "cancelled_on")),
        FormSection(_l("Duration"), ("from_date", "to_date")),
    )
    references = {"customer_id": references.CUSTOMERS, "unit_id": UNITS}
    empty_list_hint = _l("Link a customer to a unit on the customer's page, or import units and owners.")

    def create_record(self, form: GuardedForm) -> CustomerUnit:
        """Link a customer to a unit through the services."""
        values = form.values()
        customer = db.session.get_one(Customer, values.pop("customer_id"))
        unit = db.session.get_one(Unit, values.pop("unit_id"))
        return services.link_unit(customer, unit, values.pop("role"), **values)

    def update_record(self, record: CustomerUnit, form: GuardedForm) -> None:
        """Change a part in a unit."""
        services.change_holding(record, **form.values())

    def delete_record(self, record: CustomerUnit) -> None:
        """Remove what was entered by mistake."""
        services.unlink_unit(record)


class ContactView(_OfCustomer):
    """Further contacts of customers."""

    permissions = ViewPermissions("customers.view", "customers.edit", "customers.edit", "customers.edit")
    record_kind = "core.contact"
    column_list = ("customer.name", "kind", "value", "label", "person_name", "preferred")
    column_details_list = ("customer.name", "kind", "value", "label", "person_name", "preferred")
    column_labels = words.LABELS
    choices = {"kind": words.CONTACT_KINDS}
    personal_columns = {"value": identity.mask_contact}
    open_columns = frozenset({"customer.name", "person_name"})
    form_columns = ("customer_id", "kind", "value", "label", "person_name", "preferred")
    create_only_columns = frozenset({"customer_id"})
    form_fields = {"customer_id": _customer_field()}
    references = {"customer_id": references.CUSTOMERS}
    empty_list_hint = _l("Add further contacts on the page of a customer.")

    def create_record(self, form: GuardedForm) -> CustomerContact:
        """Add a contact through the services."""
        values = form.values()
        customer = db.session.get_one(Customer, values.pop("customer_id"))
        return services.add_contact(customer, **values)

    def update_record(self, record: CustomerContact, form: GuardedForm) -> None:
        """Change a contact."""
        services.change_contact(record, **form.values())


class ConsentView(_OfCustomer):
    """Consents to purposes of processing; given and withdrawn, never changed."""

    permissions = ViewPermissions("customers.view", "customers.edit")
    record_kind = "core.consent"
    column_list = ("customer.name", "purpose", "given_at", "withdrawn_at", "channel", "notice_version")
    column_details_list = (
        "customer.name",
        "purpose",
        "given_at",
        "withdrawn_at",
        "channel",
        "notice_version",
    )
    column_labels = words.LABELS
    choices = {"purpose": words.PURPOSES, "channel": words.CONSENT_CHANNELS}
    open_columns = frozenset({"customer.name"})
    form_columns = ("customer_id", "purpose", "channel", "notice_version")
    form_fields = {"customer_id": _customer_field()}
    form_args = {
        "notice_version": {"description": _l("Version of the privacy notice that the customer was given.")}
    }
    references = {"customer_id": references.CUSTOMERS}
    empty_list_hint = _l("Record consents on the page of a customer.")

    def create_record(self, form: GuardedForm) -> Consent:
        """Record a consent through the services."""
        values = form.values()
        customer = db.session.get_one(Customer, values.pop("customer_id"))
        return services.give_consent(customer, **values)

    @expose_guarded("/withdraw/", permission="customers.edit", methods=("POST",))
    def withdraw(self) -> Any:
        """Record that a consent was withdrawn; the row stays."""
        consent = self.get_one(request.form.get("id"))
        customer_id = consent.customer_id
        services.withdraw_consent(consent)
        commit()
        flash(_("The withdrawal was recorded. Messages for this purpose are no longer sent."), "success")
        return redirect(_customer_page(customer_id), 303)


class PreferenceView(_OfCustomer):
    """How customers wish to be contacted."""

    permissions = ViewPermissions("customers.view", "customers.edit", "customers.edit")
    record_kind = "core.preference"
    column_list = ("customer.name", "channel", "best_time", "do_not_call")
    column_details_list = ("customer.name", "channel", "best_time", "do_not_call", "opted_out")
    column_labels = words.LABELS
    choices = {"channel": words.CHANNELS}
    cells = {"opted_out": lambda preference: opted_out_words(preference)}
    open_columns = frozenset({"customer.name"})
    form_columns = ("customer_id", "channel", "best_time", "do_not_call", "opted_out")
    create_only_columns = frozenset({"customer_id"})
    form_fields = {
        "customer_id": _customer_field(),
        "opted_out": SelectMultipleCheckboxField(
            _l("Wants no messages about"), choices=words.MESSAGE_PURPOSES
        ),
    }
    references = {"customer_id": references.CUSTOMERS}
    empty_list_hint = _l("Set preferences on the page of a customer.")

    def create_record(self, form: GuardedForm) -> CustomerPreference:
        """Set the preferences; a customer has one set of them."""
        values = form.values()
        customer = db.session.get_one(Customer, values.pop("customer_id"))
        return services.set_preference(customer, **values)

    def update_record(self, record: CustomerPreference, form: GuardedForm) -> None:
        """Change the preferences."""
        services.set_preference(record.customer, **form.values())


def opted_out_words(preference: CustomerPreference) -> str:
    """Return about what a customer wants no messages, in words."""
    labels = dict(words.MESSAGE_PURPOSES)
    return listed(str(labels.get(code, code)) for code in preference.opted_out or ())
