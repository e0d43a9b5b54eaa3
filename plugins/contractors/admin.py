"""What staff see: companies, their contacts, the catalogue of trades, and the matrix building × trade → company."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, request, url_for
from sqlalchemy.orm import selectinload
from werkzeug.wrappers import Response
from wtforms import SelectMultipleField
from wtforms.validators import Email, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from core.toolkit import (
    PROJECTS,
    Building,
    ChoiceFilter,
    Department,
    DepartmentKind,
    EmptyFilter,
    FormSection,
    GuardedForm,
    LinkFilter,
    PageView,
    PersonalValueError,
    Project,
    RecordView,
    Reference,
    ReferenceFilter,
    SaveRefused,
    SearchDeclaration,
    ViewPermissions,
    _,
    _l,
    acting_city,
    commit,
    db,
    expose_guarded,
    has_permission,
    in_language,
    listed,
    local_today,
    mask_email,
    mask_phone,
    ngettext,
    require_scope,
    strict_id,
)
from plugins.contractors import services
from plugins.contractors.forms import MatrixForm
from plugins.contractors.models import Company, CompanyKind, CompanyTrade, Contact, Trade
from plugins.contractors.references import COMPANIES
from plugins.contractors.services import ContractorRuleError
from plugins.contractors.words import KINDS, ROLES

REFUSALS = (ContractorRuleError, PersonalValueError)


def _cities() -> Sequence[sa.ColumnElement[bool]]:
    visible = require_scope().department_ids
    usable = [Department.kind == DepartmentKind.CITY, Department.archived_at.is_(None)]
    return usable if visible is None else [*usable, Department.id.in_(visible)]


def _default_city() -> int | None:
    city = acting_city()
    return city.id if city is not None else None


CITIES = Reference(
    Department,
    lambda department: in_language(department.name, department.name_en),
    SearchDeclaration(columns=("name", "name_en", "code"), small_table=True),
    order_by=("code",),
    narrow=_cities,
)
TRADES = Reference(Trade, lambda trade: trade.label, order_by=("position", "id"))


class SelectMultipleCheckboxField(SelectMultipleField):
    """Several choices as ticks; the form macros of the core know it by its name."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def _trade_key(value: Any) -> int:
    return value.id if isinstance(value, Trade) else int(value)


def _trade_choices() -> list[tuple[int, str]]:
    return [(trade.id, trade.label) for trade in services.active_trades()]


class CompanyView(RecordView):
    """The companies of the city companies in reach."""

    permissions = ViewPermissions(
        view="contractors.view",
        create="contractors.edit",
        edit="contractors.edit",
        export="contractors.export",
    )
    record_kind = "contractors.company"
    column_list = ("name", "short_name", "kind", "trades", "warranty_phone", "archived_at")
    column_details_list = (
        "name",
        "short_name",
        "kind",
        "credit_code",
        "trades",
        "warranty_phone",
        "address",
        "department",
        "archived_at",
        "note",
    )
    column_export_list = (
        "name",
        "short_name",
        "kind",
        "credit_code",
        "address",
        "warranty_phone",
        "archived_at",
    )
    column_labels = {
        "name": _l("Company"),
        "short_name": _l("Short name"),
        "kind": _l("Kind"),
        "credit_code": _l("Credit code"),
        "trades": _l("Trades"),
        "warranty_phone": _l("Warranty telephone"),
        "address": _l("Address"),
        "department": _l("City company"),
        "department_id": _l("City company"),
        "archived_at": _l("Archived"),
        "note": _l("Note"),
    }
    choices = {"kind": KINDS}
    cells = {
        "trades": lambda company: listed(trade.label for trade in company.trades),
        "department": lambda company: in_language(company.department.name, company.department.name_en),
    }
    list_options = (selectinload(Company.trade_links).selectinload(CompanyTrade.trade),)
    search = SearchDeclaration(
        columns=("name", "short_name", "credit_code"), small_table=True, placeholder=_l("Name or credit code")
    )
    filters = (
        ChoiceFilter("kind"),
        LinkFilter(
            "trades",
            label=_l("Trade"),
            reference=TRADES,
            link=CompanyTrade,
            near="company_id",
            far="trade_id",
        ),
        EmptyFilter("archived_at", label=_l("State"), filled=_l("Archived"), empty=_l("In use")),
    )
    sortable = ("name",)
    default_sort = ("name", False)
    form_columns = (
        "department_id",
        "name",
        "short_name",
        "kind",
        "credit_code",
        "warranty_phone",
        "address",
        "trades",
        "note",
    )
    create_only_columns = frozenset({"department_id"})
    form_fields = {
        "trades": SelectMultipleCheckboxField(_l("Trades"), coerce=_trade_key, choices=_trade_choices)
    }
    form_args = {
        "department_id": {"default": _default_city},
        "kind": {"default": CompanyKind.SPECIALIST},
        "name": {"description": _l("The registered name, as on the contract.")},
        "short_name": {"description": _l("What people on site call it; lists and the matrix use it.")},
        "credit_code": {"description": _l("18 characters, from the business licence.")},
        "warranty_phone": {"description": _l("The number that answers day and night during the warranty.")},
    }
    form_sections = (
        FormSection(
            _l("Company"),
            ("department_id", "name", "short_name", "kind", "credit_code", "warranty_phone", "address"),
        ),
        FormSection(_l("What it does"), ("trades",)),
        FormSection("", ("note",)),
    )
    references = {"department_id": CITIES}
    refusals = REFUSALS
    details_template = "contractors/company.html"
    empty_list_hint = _l("Add the companies that build or supply, then name them in the matrix.")

    def create_record(self, form: GuardedForm) -> Company:
        """Register a company."""
        values = form.values()
        return services.register_company(
            department=form["department_id"].record,
            trades=_chosen_trades(values.pop("trades")),
            **{name: value for name, value in values.items() if name != "department_id"},
        )

    def update_record(self, record: Company, form: GuardedForm) -> None:
        """Change a company."""
        values = form.values()
        retired = [trade for trade in record.trades if not trade.active]
        services.change_company(record, trades=[*_chosen_trades(values.pop("trades")), *retired], **values)

    @expose_guarded("/archive/", permission="contractors.edit", methods=("POST",))
    def archive_view(self) -> Response:
        """Take a company out of use."""
        return self._switch(services.archive_company, _("The company is archived."))

    @expose_guarded("/restore/", permission="contractors.edit", methods=("POST",))
    def restore_view(self) -> Response:
        """Take an archived company back into use."""
        return self._switch(services.restore_company, _("The company is in use again."))

    def _switch(self, service: Any, done: str) -> Response:
        company = self.get_one(request.args.get("id"))
        address = self.address("details_view", id=company.id)
        try:
            service(company)
            commit()
        except (ContractorRuleError, SaveRefused) as refused:
            db.session.rollback()
            flash(str(refused), "error")
        else:
            flash(done, "success")
        return redirect(address, 303)


def _chosen_trades(keys: Sequence[int]) -> Sequence[Trade]:
    return db.session.scalars(sa.select(Trade).where(Trade.id.in_(keys))).all()


def _company_of_address() -> int | None:
    return strict_id(request.args.get("company_id", ""))


class ContactView(RecordView):
    """The persons of the companies. Their names are open to whoever may see the companies, their numbers are masked."""

    permissions = ViewPermissions(
        view="contractors.view", create="contractors.edit", edit="contractors.edit", delete="contractors.edit"
    )
    record_kind = "contractors.contact"
    column_list = ("name", "company.name", "role", "phone", "project")
    column_details_list = ("name", "company.name", "role", "project", "phone", "email", "note")
    column_labels = {
        "name": _l("Person"),
        "company_id": _l("Company"),
        "company.name": _l("Company"),
        "role": _l("Duty"),
        "phone": _l("Telephone"),
        "email": _l("E-mail address"),
        "project": _l("For project"),
        "project_id": _l("For project"),
        "note": _l("Note"),
    }
    choices = {"role": ROLES}
    cells = {"project": lambda contact: project_words(contact)}
    list_options = (selectinload(Contact.project),)
    open_columns = frozenset({"name"})
    personal_columns = {"phone": mask_phone, "email": mask_email}
    search = SearchDeclaration(columns=("name",), small_table=True, placeholder=_l("Person"))
    filters = (
        ChoiceFilter("role"),
        ReferenceFilter("company_id", reference=COMPANIES),
        ReferenceFilter("project_id", reference=PROJECTS),
    )
    sortable = ("company_id",)
    default_sort = ("company_id", False)
    form_columns = ("company_id", "name", "role", "phone", "email", "project_id", "note")
    create_only_columns = frozenset({"company_id"})
    form_args = {
        "company_id": {"default": _company_of_address},
        "email": {
            "validators": [
                Optional(),
                Email(_l("Write the e-mail address like name@example.com.")),
                Length(max=254),
            ]
        },
        "project_id": {"description": _l("Leave it empty when the person is in charge everywhere.")},
    }
    references = {"company_id": COMPANIES, "project_id": PROJECTS}
    refusals = REFUSALS
    empty_list_hint = _l("Add the persons to call, best from the page of their company.")

    def create_record(self, form: GuardedForm) -> Contact:
        """Add a person to a company."""
        values = form.values()
        values.pop("company_id")
        return services.add_contact(
            form["company_id"].record, project=_project(values.pop("project_id")), **values
        )

    def update_record(self, record: Contact, form: GuardedForm) -> None:
        """Change a person; numbers that are hidden from the user and were left empty stay."""
        values = {"phone": record.phone, "email": record.email, **form.values()}
        services.change_contact(record, project=_project(values.pop("project_id")), **values)

    def after_save_url(self, record: Contact) -> str:
        """Go on to the company."""
        return url_for("contractors_companies.details_view", id=record.company_id)


def _project(key: int | None) -> Project | None:
    return db.session.get(Project, key) if key is not None else None


def project_words(contact: Contact) -> str:
    """Return for which project a person is in charge, without the name of one that the user may not see."""
    if contact.project_id is None:
        return _("All projects")
    return (
        in_language(contact.project.name, contact.project.name_en)
        if contact.project
        else _("Another project")
    )


class TradeView(RecordView):
    """The catalogue of trades, one for the installation."""

    permissions = ViewPermissions(
        view="contractors.view", create="contractors.manage_trades", edit="contractors.manage_trades"
    )
    record_kind = "contractors.trade"
    column_list = ("name", "name_en", "code", "position", "active")
    column_details_list = ("name", "name_en", "code", "position", "active")
    column_labels = {
        "name": _l("Trade"),
        "name_en": _l("Name in English"),
        "code": _l("Code"),
        "position": _l("Place in lists"),
        "active": _l("State"),
    }
    status_columns = {"active": {True: ("ok", _l("In use")), False: ("calm", _l("Retired"))}}
    search = SearchDeclaration(
        columns=("name", "name_en", "code"), small_table=True, placeholder=_l("Name or code")
    )
    sortable = ("position",)
    default_sort = ("position", False)
    form_columns = ("code", "name", "name_en", "position", "active")
    create_only_columns = frozenset({"code"})
    form_args = {
        "code": {
            "description": _l(
                "Small letters, digits and underscores; checklists refer to it, so it never changes."
            )
        },
        "position": {"description": _l("Trades with small numbers come first.")},
        "active": {"label": _l("In use"), "description": _l("A retired trade leaves the matrix.")},
    }
    refusals = REFUSALS
    empty_list_hint = _l("Run “doorstep setup” to load the catalogue of trades.")

    def create_record(self, form: GuardedForm) -> Trade:
        """Add a trade."""
        return services.add_trade(**form.values())

    def update_record(self, record: Trade, form: GuardedForm) -> None:
        """Change a trade."""
        services.change_trade(record, **form.values())


class MatrixView(PageView):
    """Who answers for which trade in which building of a project."""

    @expose_guarded("/", permission="contractors.view")
    def index(self) -> Any:
        """Show the matrix of one project; on a narrow screen one building of it."""
        projects = _visible_projects()
        if not projects:
            return self._page("contractors/matrix.html", projects=(), matrix=None)
        project = _of_address(Project, "project") or projects[0]
        matrix = services.matrix_of(project)
        building = _of_address(Building, "building")
        if building is not None and building.project_id != project.id:
            abort(404)
        return self._page(
            "contractors/matrix.html",
            projects=projects,
            matrix=matrix,
            shown=building or next(iter(matrix.buildings), None),
            may_edit=has_permission("contractors.edit"),
            today=local_today(),
        )

    @expose_guarded("/edit/", permission="contractors.edit", methods=("GET", "POST"))
    def edit(self) -> Any:
        """Name the companies of one building."""
        building = _of_address(Building, "building") or abort(404)
        matrix = services.matrix_of(building.project)
        form = self._form(matrix, building, request.form if request.method == "POST" else None)
        if request.method == "GET":
            return self._edit_page(matrix, building, form)
        if not form.validate():
            return self._edit_page(matrix, building, form), 422
        changed = 0
        try:
            for row in form.changes():
                services.set_responsible(building, row.trade, row.chosen, **row.values)
                changed += 1
            commit()
        except (ContractorRuleError, SaveRefused) as refused:
            db.session.rollback()
            flash(str(refused), "error")
            return self._edit_page(matrix, building, form), 409
        flash(
            ngettext("%(num)s trade was changed.", "%(num)s trades were changed.", changed)
            if changed
            else _("Nothing was changed."),
            "success" if changed else "info",
        )
        return redirect(self._address(building), 303)

    @expose_guarded("/copy/", permission="contractors.edit", methods=("POST",))
    def copy(self) -> Any:
        """Copy the companies of another building."""
        building = _of_address(Building, "building") or abort(404)
        source = db.session.get(Building, strict_id(request.form.get("source", "")) or 0) or abort(404)
        address = self._address(building)
        try:
            changed = services.fill_matrix(building, source, overwrite=request.form.get("overwrite") == "1")
            commit()
        except (ContractorRuleError, SaveRefused) as refused:
            db.session.rollback()
            flash(str(refused), "error")
        else:
            flash(
                ngettext("%(num)s trade was copied.", "%(num)s trades were copied.", changed)
                if changed
                else _("There was nothing to copy: both buildings name the same companies."),
                "success" if changed else "info",
            )
        return redirect(address, 303)

    def _form(self, matrix: services.Matrix, building: Building, sent: Any) -> MatrixForm:
        return MatrixForm(matrix, building, services.companies_of_city(matrix.project.department_id), sent)

    def _edit_page(self, matrix: services.Matrix, building: Building, form: MatrixForm) -> Any:
        others = [other for other in matrix.buildings if other.id != building.id]
        return self._page(
            "contractors/matrix_edit.html",
            matrix=matrix,
            building=building,
            form=form,
            others=others,
        )

    def _page(self, template: str, **values: Any) -> Any:
        return self.render(template, in_language=in_language, **values)

    def _address(self, building: Building) -> str:
        return url_for(f"{self.endpoint}.index", project=building.project_id, building=building.id)


def _visible_projects() -> Sequence[Project]:
    return db.session.scalars(
        sa.select(Project).where(Project.archived_at.is_(None)).order_by(Project.code)
    ).all()


def _of_address(model: Any, name: str) -> Any:
    """Return the visible record that the address names, None when it names none; a wrong one answers 404."""
    given = request.args.getlist(name)
    if not given:
        return None
    key = strict_id(given[0]) if len(given) == 1 else None
    return (db.session.get(model, key) if key is not None else None) or abort(404)
