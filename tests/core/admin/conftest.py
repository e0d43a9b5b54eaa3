"""An application with the core's models and a few views over them, mounted like any others."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from wtforms import ValidationError

from core import config, languages, secrets
from core.admin import errors, http, mounting
from core.admin.access import ViewPermissions, expose_guarded
from core.admin.actions import bulk_action
from core.admin.ajax import Reference
from core.admin.filters import (
    ChoiceFilter,
    DateRangeFilter,
    EmptyFilter,
    LinkFilter,
    NumberRangeFilter,
    ReferenceFilter,
    TextFilter,
)
from core.admin.searching import SearchDeclaration
from core.admin.views import FormSection, PageView, RecordView
from core.customers.identity import mask_phone
from core.customers.models import Customer, CustomerKind, CustomerProject
from core.database.scope import all_departments
from core.database.search_index import SearchIndex
from core.database.setup import set_up_database
from core.extensions import db
from core.machinery.audit import services as audit
from core.machinery.workflow.declarations import panels as workflow_panels
from core.machinery.workflow.services import Workflow, set_up_workflows
from core.people import services as people
from core.people.models import Department
from core.people.request_scope import set_up_request_scope
from core.people.sign_in import set_up_sign_in
from core.plugin_system import gate
from core.plugin_system.declarations import AdminView, Area, RecordKind, State, TimelineKind, Transition
from core.plugin_system.runtime import EXTENSION_KEY, Runtime
from core.projects.models import Building, Decoration, Project, Unit
from core.testing.fixtures import _with_states
from core.testing.staff_client import StaffClient
from core.testing.world import PASSWORD
from core.timeline import services as timeline

CUSTOMER_SEARCH = SearchIndex("customer", ("name", "phone"), ("name",))

PERMISSIONS = [
    *(f"{area}.{verb}" for area in ("customers", "units", "projects") for verb in ("view", "create", "edit")),
    *(f"{area}.{verb}" for area in ("customers", "units") for verb in ("delete", "export")),
    "units.edit_price",
    "customers.view_phone",
    "personal.reveal",
    "personal.view",
    "page.view",
    "page.manage",
]

PROJECTS = Reference(
    Project,
    text=lambda project: project.name,
    search=SearchDeclaration(columns=("name", "code"), small_table=True),
    order_by=("code",),
)


def _not_in_the_cellar(unit: Unit, _fields: Any) -> str | None:
    return "Nobody strips a cellar." if unit.floor is not None and unit.floor < 1 else None


FITTING = Workflow(
    "core.fitting",
    (State("rough", "Rough", "wait"), State("fitted", "Fitted", "ok")),
    (
        Transition(
            "fit_out",
            "Fit out",
            ("rough",),
            "fitted",
            "units.edit",
            reason=True,
            bulk=True,
            timeline="core.fitted",
        ),
        Transition(
            "strip",
            "Strip",
            ("fitted",),
            "rough",
            "units.edit",
            required={"layout": "New layout"},
            optional={"remark": "Remark"},
            guard=_not_in_the_cellar,
            bulk=True,
        ),
        Transition("repaint", "Repaint", ("fitted",), "fitted"),
        Transition("by_services", "By services", ("fitted",), "rough", offered=False),
    ),
    attribute="decoration",
    record_kind="core.unit",
)


class UnitView(RecordView):
    """Rows of one project, with references that depend on each other."""

    permissions = ViewPermissions("units.view", "units.create", "units.edit", "units.delete", "units.export")
    record_kind = "core.unit"
    column_list = ("code", "project.name", "decoration", "price", "contract_delivery_on", "created_at")
    list_reads = ()
    column_details_list = ("code", "project.name", "layout", "decoration", "price")
    column_export_list = ("code", "layout", "project.name", "price", "created_at", "project.id")
    column_labels = {"code": "Code", "project.name": "Project", "price": "Price"}
    choices = {"decoration": ((Decoration.ROUGH, "Rough"), (Decoration.FITTED, "Fitted"))}
    status_columns = {
        "decoration": {Decoration.ROUGH: ("wait", "Rough"), Decoration.FITTED: ("ok", "Fitted")}
    }
    form_columns = ("project_id", "building_id", "number", "code", "layout", "decoration", "price", "floor")
    form_sections = (FormSection("Money", ("price",)),)
    create_only_columns = frozenset({"project_id"})
    field_permissions = {"price": "units.edit_price"}
    references = {
        "project_id": PROJECTS,
        "building_id": Reference(
            Building,
            text=lambda building: f"{building.code} {building.name}",
            search=SearchDeclaration(columns=("code", "name"), small_table=True),
        ),
    }
    search = SearchDeclaration(columns=("code", "layout"), small_table=True)
    filters = (
        ReferenceFilter("project_id"),
        ChoiceFilter("decoration"),
        NumberRangeFilter("floor"),
        DateRangeFilter("contract_delivery_on"),
        DateRangeFilter("created_at"),
        EmptyFilter("delivered_on"),
        TextFilter("number"),
    )
    sortable = ("code",)
    actions_declared = {"fit": "units.edit", "delete": "units.delete", "break": "units.edit"}

    workflow = FITTING

    @bulk_action("fit", "Fit out")
    def fit(self, records: Sequence[Any]) -> str:
        """Fit the chosen units out."""
        for record in records:
            record.decoration = Decoration.ROUGH
        return f"{len(records)} units"

    @bulk_action("break", "Break")
    def break_them(self, records: Sequence[Any]) -> str:
        """Do half of the work, then fail."""
        records[0].layout = "half"
        raise ValidationError("The units cannot be broken today.")


class CustomerView(RecordView):
    """Rows seen through a link table, with a masked column and a search index."""

    permissions = ViewPermissions(
        "customers.view", "customers.create", "customers.edit", "customers.delete", "customers.export"
    )
    record_kind = "core.customer"
    column_list = ("name", "phone", "kind", "created_at")
    column_details_list = ("name", "phone", "kind", "note")
    column_export_list = ("name", "phone", "kind", "note", "created_at")
    form_columns = ("name", "phone", "kind", "note", "created_at")
    choices = {"kind": ((CustomerKind.PERSON, "Person"), (CustomerKind.COMPANY, "Company"))}
    personal_columns = {"phone": mask_phone}
    open_columns = frozenset({"name"})
    search = SearchDeclaration(index=CUSTOMER_SEARCH, permissions={"phone": "customers.view_phone"})
    filters = (
        LinkFilter(
            "project",
            "Project",
            reference=PROJECTS,
            link=CustomerProject,
            near="customer_id",
            far="project_id",
        ),
        ChoiceFilter("kind"),
        TextFilter("phone", permission="personal.view"),
    )
    sortable = {"name": None, "phone": "personal.view"}

    def create_record(self, form: Any) -> Customer:
        """Make a customer of the first visible project."""
        customer = super().create_record(form)
        db.session.flush()
        project = db.session.scalars(sa.select(Project).order_by(Project.id)).first()
        db.session.add(CustomerProject(customer_id=customer.id, project_id=project.id))
        return customer


class ProjectView(RecordView):
    """Links to several records, some of which the user may not see."""

    permissions = ViewPermissions("projects.view", None, "projects.edit")
    record_kind = "core.project"
    column_list = ("code", "name")
    column_details_list = ("code", "name")
    form_columns = ("name", "groups")
    references = {
        "groups": Reference(
            Department,
            text=lambda department: department.name,
            narrow=lambda: (Department.code != "T-C1-A",),
        )
    }


class ReportPage(PageView):
    """A page with two functions of different permissions."""

    @expose_guarded("/", permission="page.view")
    def index(self) -> str:
        """Say something."""
        return "report"

    @expose_guarded("/manage/", permission="page.manage", methods=("POST",))
    def manage(self) -> str:
        """Do something."""
        return "managed"

    @expose_guarded("/broken/", permission="page.view")
    def broken(self) -> str:
        """Raise what Flask-Admin would hide."""
        raise TypeError("the real error")


def _kind(code: str, model: Any, title: Any) -> RecordKind:
    name = code.partition(".")[2]
    return RecordKind(
        code, model, name, f"{name}s.view", f"{name}s.edit", f"{name}s.details_view", title, None, {}
    )


DECLARATIONS = {
    "core": {
        "admin_views": (
            AdminView(UnitView, "units", "Units", Area.PROJECTS, model=Unit),
            AdminView(CustomerView, "customers", "Customers", Area.CUSTOMERS, model=Customer),
            AdminView(ProjectView, "projects", "Projects", Area.PROJECTS, model=Project),
            AdminView(ReportPage, "report", "Report", Area.INSIGHT),
        ),
        "record_kinds": (
            _kind("core.unit", Unit, lambda unit: unit.code),
            _kind("core.customer", Customer, lambda customer: customer.name),
            _kind("core.project", Project, lambda project: project.name),
        ),
        "workflows": (FITTING,),
        "panels": tuple(workflow_panels()),
        "timeline_kinds": (TimelineKind("core.fitted", "Fitted out"),),
    }
}


@pytest.fixture(scope="session")
def running_app(app_settings: dict[str, Any], create_database: Callable[[], str]) -> Iterator[Flask]:
    """The parts of the application that views stand on, without plugins."""
    app = Flask(
        "core",
        instance_path=app_settings["INSTANCE_PATH"],
        static_folder="static",
        template_folder="templates",
    )
    config.load_config(
        app,
        {
            **app_settings,
            "DATABASE_URL": create_database(),
            "INSTALLATION_NAME": "Test",
            "DEFAULT_LOCALE": "en",
        },
    )
    secrets.load_secrets(app)
    set_up_database(app)
    languages.set_up_languages(app)
    http.set_up_http(app)
    errors.set_up_error_pages(app)
    set_up_sign_in(app)
    set_up_request_scope(app)
    with app.app_context():
        audit.install_capture(db.session.session_factory)
        set_up_workflows(app, db.session.session_factory, timeline.write)
    app.extensions[EXTENSION_KEY] = Runtime({}, DECLARATIONS, (), gate.is_on)
    mounting.mount(app)
    for made in _with_states(app):
        with made.app_context():
            _make_search_tables()
        yield made


def _make_search_tables() -> None:
    dialect = db.engine.dialect.name
    names = {index["name"] for index in sa.inspect(db.engine).get_indexes("customer")}
    present = sa.inspect(db.engine).has_table("customer_search3") or "ix_customer_name_search3" in names
    if not present:
        with db.engine.begin() as connection:
            for statement in CUSTOMER_SEARCH.create_statements(dialect):
                connection.exec_driver_sql(statement)


@pytest.fixture(scope="session")
def permission_codes() -> list[str]:
    """The permissions of the views."""
    return PERMISSIONS


@pytest.fixture
def browser_with(running_app: Flask, world: Any) -> Any:
    """``browser_with("units.view", …)``: a browser of a new member of the group who holds exactly these permissions."""
    serial = itertools.count(1)

    def browser_with(*codes: str, department: str = "group") -> StaffClient:
        number = next(serial)
        with running_app.app_context(), all_departments("a test"):
            role = people.create_role(
                name=f"only-{number}", label=str(number), label_en=str(number), permissions=list(codes)
            )
            role.requires_two_factor = False
            user = people.create_user(email=f"only{number}@test.example", name=str(number), password=PASSWORD)
            people.grant(user, world.department(department), role)
            db.session.commit()
            user_id = user.id
        browser = running_app.test_client()
        assert isinstance(browser, StaffClient)
        browser.sign_in(user_id)
        return browser

    return browser_with


@pytest.fixture
def stored(running_app: Flask) -> Any:
    """``stored(Unit, 5)``: the row as it is in the database, or None."""

    def stored(model: Any, key: int) -> Any:
        with running_app.app_context(), all_departments("a test"):
            found = db.session.get(model, key)
            if found is not None:
                db.session.expunge(found)
            return found

    return stored


@pytest.fixture
def view(running_app: Flask) -> Any:
    """``view("units")``: the mounted view with this endpoint."""
    views = {each.endpoint: each for each in running_app.extensions[mounting.ADMIN_KEY]._views}
    return views.__getitem__


@pytest.fixture
def form_of() -> Any:
    """The function that reads the form of a page."""
    return _form_of


def _form_of(html: str) -> dict[str, str]:
    """Return what a browser would send of the form of a record: the names and values of its fields."""
    found: dict[str, str] = {}
    start = html.index("data-record-form")
    form = html[start : html.index("</form>", start)]
    for tag in re.findall(r"<input[^>]*>", form):
        name = re.search(r'name="([^"]*)"', tag)
        if name and 'type="checkbox"' not in tag:
            value = re.search(r'value="([^"]*)"', tag)
            found[name[1]] = unescape(value[1]) if value else ""
    for name, content in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.S):
        found[name] = unescape(content).strip()
    for name, content in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option selected value="([^"]*)"', content)
        found[name] = chosen[1] if chosen else ""
    found.pop("csrf_token", None)
    return found
