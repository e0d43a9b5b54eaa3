"""Projects, phases, buildings and units in the back office."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from core.admin.access import ViewPermissions, expose_guarded
from core.admin.ajax import ReferenceField, ReferenceListField, strict_id
from core.admin.cells import plain_words
from core.admin.declaring import FormSection
from core.admin.filters import ChoiceFilter, DateRangeFilter, EmptyFilter, NumberRangeFilter, ReferenceFilter
from core.admin.forms import GuardedForm
from core.admin.saving import commit
from core.admin.searching import SearchDeclaration
from core.admin.views import RecordView
from core.extensions import db
from core.languages import listed
from core.people.models import Department
from core.projects import references, services
from core.projects.models import Building, Phase, Project, ProjectGroup, Unit
from core.projects.words import DECORATIONS, LABELS


def _asked(name: str) -> int | None:
    """Return the key that a link to an empty form brings along."""
    return strict_id(request.args.get(name))


class ProjectView(RecordView):
    """Projects of the visible companies, and which groups work on them."""

    permissions = ViewPermissions(
        "projects.view", "projects.create", "projects.edit", None, "projects.export"
    )
    record_kind = "core.project"
    column_list = ("code", "name", "department.name", "sales_opening_on", "archived_at")
    column_details_list = (
        "code",
        "name",
        "name_en",
        "department.name",
        "groups",
        "developer_name",
        "address",
        "sales_opening_on",
        "archived_at",
    )
    column_export_list = (
        "code",
        "name",
        "name_en",
        "department.name",
        "developer_name",
        "address",
        "sales_opening_on",
    )
    column_labels = LABELS
    cells = {"groups": lambda project: listed(group.name for group in project.groups)}
    search = SearchDeclaration(columns=("name", "code"), small_table=True, placeholder=_l("Name or code"))
    filters = (
        EmptyFilter("archived_at", _l("State"), filled=_l("Project closed"), empty=_l("Project open")),
    )
    sortable = ("code", "name")
    default_sort = ("code", False)
    form_columns = (
        "department_id",
        "code",
        "name",
        "name_en",
        "developer_name",
        "address",
        "sales_opening_on",
        "groups",
    )
    create_only_columns = frozenset({"department_id", "code"})
    form_fields = {
        "groups": ReferenceListField(
            _l("Groups that work on it"),
            reference=references.GROUPS,
            description=_l(
                "They see the project's rows. Left empty in a new project: all groups of the company."
            ),
        )
    }
    form_args = {
        "code": {
            "description": _l(
                "2 to 12 letters A–Z or digits; it stands in every number, as YQW in DF-YQW-202611-0001."
            )
        }
    }
    references = {"department_id": references.CITIES, "groups": references.GROUPS}
    refusals = (services.ProjectRuleError,)
    details_template = "projects/project.html"
    empty_list_hint = _l("Make the first project of your company, then its phases, buildings and units.")

    def create_record(self, form: GuardedForm) -> Project:
        """Make a project through the services."""
        values = form.values()
        department = db.session.get_one(Department, values.pop("department_id"))
        groups = values.pop("groups") or None
        return services.create_project(department=department, groups=groups, **values)

    def update_record(self, record: Project, form: GuardedForm) -> None:
        """Change a project; groups out of the user's reach stay assigned."""
        values = form.values()
        chosen = values.pop("groups")
        services.change_project(record, **values)
        held = db.session.scalars(
            sa.select(Department).join(ProjectGroup).where(ProjectGroup.project_id == record.id)
        ).all()
        in_reach = {group.id for group in references.GROUPS.get_many([group.id for group in held])}
        services.assign_groups(record, [*chosen, *(group for group in held if group.id not in in_reach)])

    @expose_guarded("/archive/", permission="projects.edit", methods=("POST",))
    def archive(self) -> Any:
        """Close a project or open it again."""
        record = self.get_one(request.form.get("id"))
        services.archive_project(record, record.archived_at is None)
        closed = record.archived_at is not None
        key = record.id
        commit()
        flash(
            _("The project is closed; its records stay.") if closed else _("The project is open again."),
            "success",
        )
        return redirect(url_for(".details_view", id=key), 303)


class PhaseView(RecordView):
    """Phases of projects."""

    permissions = ViewPermissions("projects.view", "projects.create", "projects.edit", "projects.delete")
    record_kind = "core.phase"
    column_list = ("project.name", "code", "name")
    column_details_list = ("project.name", "code", "name")
    column_labels = LABELS
    search = SearchDeclaration(columns=("name", "code"), small_table=True, placeholder=_l("Name or code"))
    filters = (ReferenceFilter("project_id", reference=references.PROJECTS),)
    form_columns = ("project_id", "code", "name")
    form_fields = {
        "project_id": ReferenceField(
            _l("Project"),
            reference=references.OPEN_PROJECTS,
            required=True,
            default=lambda: _asked("project"),
        )
    }
    create_only_columns = frozenset({"project_id"})
    references = {"project_id": references.OPEN_PROJECTS}
    refusals = (services.ProjectRuleError,)
    empty_list_hint = _l("A project is built in phases. Make the first one, then its buildings.")

    def create_record(self, form: GuardedForm) -> Phase:
        """Make a phase through the services."""
        values = form.values()
        return services.create_phase(
            db.session.get_one(Project, values["project_id"]), values["code"], values["name"]
        )

    def update_record(self, record: Phase, form: GuardedForm) -> None:
        """Change a phase."""
        services.change_phase(record, **form.values())

    def delete_record(self, record: Phase) -> None:
        """Delete a phase without buildings."""
        services.delete_space(record, self.record_kind or "")


class BuildingView(RecordView):
    """Buildings, each with its tower of floors and units."""

    permissions = ViewPermissions("projects.view", "projects.create", "projects.edit", "projects.delete")
    record_kind = "core.building"
    column_list = ("name", "code", "project.name", "phase.name", "total_floors", "completion_accepted_on")
    column_details_list = (
        "project.name",
        "phase.name",
        "code",
        "name",
        "total_floors",
        "completion_accepted_on",
    )
    column_labels = LABELS
    search = SearchDeclaration(columns=("name", "code"), small_table=True, placeholder=_l("Name or code"))
    filters = (
        ReferenceFilter("project_id", reference=references.PROJECTS),
        ReferenceFilter("phase_id", reference=references.PHASES),
    )
    form_columns = ("phase_id", "code", "name", "total_floors", "completion_accepted_on")
    form_fields = {
        "phase_id": ReferenceField(
            _l("Phase"), reference=references.PHASES, required=True, default=lambda: _asked("phase")
        )
    }
    form_args = {
        "code": {
            "description": _l(
                "The first part of each unit's code: 3 in 3-2-1502. Changing it changes those codes."
            )
        },
        "name": {
            "description": _l("What people call it; left empty it is the code with the word for building.")
        },
        "completion_accepted_on": {
            "description": _l("The day of the completion acceptance; the contractor's warranty starts here.")
        },
    }
    create_only_columns = frozenset({"phase_id"})
    references = {"phase_id": references.PHASES}
    refusals = (services.ProjectRuleError,)
    empty_list_hint = _l("Make a phase first, then its buildings; or import an Excel file with units.")

    def create_record(self, form: GuardedForm) -> Building:
        """Make a building through the services."""
        values = form.values()
        return services.create_building(db.session.get_one(Phase, values.pop("phase_id")), **values)

    def update_record(self, record: Building, form: GuardedForm) -> None:
        """Change a building."""
        services.change_building(record, **form.values())

    def delete_record(self, record: Building) -> None:
        """Delete a building without units."""
        services.delete_space(record, self.record_kind or "")


class UnitView(RecordView):
    """Units of the visible projects."""

    permissions = ViewPermissions(
        "projects.view", "projects.create", "projects.edit", "projects.delete", "projects.export"
    )
    record_kind = "core.unit"
    column_list = (
        "code",
        "project.name",
        "layout",
        "gross_area_contract",
        "decoration",
        "contract_delivery_on",
        "delivered_on",
        "occupied_on",
    )
    column_details_list = (
        "project.name",
        "building.name",
        "entrance",
        "floor",
        "number",
        "layout",
        "orientation",
        "decoration",
        "gross_area_contract",
        "gross_area_measured",
        "net_area",
        "price",
        "contract_delivery_on",
        "completion_accepted_on",
        "delivered_on",
        "occupied_on",
    )
    column_export_list = (
        "code",
        "project.name",
        "building.name",
        "entrance",
        "floor",
        "number",
        "layout",
        "orientation",
        "decoration",
        "gross_area_contract",
        "gross_area_measured",
        "net_area",
        "price",
        "contract_delivery_on",
        "completion_accepted_on",
        "delivered_on",
        "occupied_on",
    )
    column_labels = LABELS
    choices = {"decoration": DECORATIONS}
    cells = {"completion_accepted_on": lambda unit: plain_words(services.completion_date(unit))}
    list_options = (joinedload(Unit.project).load_only(Project.name),)
    search = SearchDeclaration(
        columns=("code", "layout"), small_table=True, placeholder=_l("3-2-1502, or a layout")
    )
    filters = (
        ReferenceFilter("project_id", reference=references.PROJECTS),
        ReferenceFilter("building_id", reference=references.BUILDINGS),
        ChoiceFilter("decoration"),
        NumberRangeFilter("floor"),
        DateRangeFilter("contract_delivery_on"),
        EmptyFilter("delivered_on", filled=_l("Delivered"), empty=_l("Not yet delivered")),
    )
    sortable = ("code",)
    default_sort = ("code", False)
    form_columns = (
        "building_id",
        "entrance",
        "number",
        "floor",
        "layout",
        "orientation",
        "decoration",
        "gross_area_contract",
        "gross_area_measured",
        "net_area",
        "price",
        "contract_delivery_on",
        "completion_accepted_on",
        "delivered_on",
        "occupied_on",
    )
    form_sections = (
        FormSection(_l("Place"), ("building_id", "entrance", "number", "floor")),
        FormSection(_l("House"), ("layout", "orientation", "decoration")),
        FormSection(
            _l("Areas and price"), ("gross_area_contract", "gross_area_measured", "net_area", "price")
        ),
        FormSection(
            _l("Dates"), ("contract_delivery_on", "completion_accepted_on", "delivered_on", "occupied_on")
        ),
    )
    form_fields = {
        "building_id": ReferenceField(
            _l("Building"), reference=references.BUILDINGS, required=True, default=lambda: _asked("building")
        )
    }
    form_args = {
        "entrance": {"description": _l("Empty in a building with a single entrance.")},
        "floor": {"description": _l("Left empty it is read from the room number: 1502 is on floor 15.")},
        "completion_accepted_on": {"description": _l("Only where it differs from the building's date.")},
        "delivered_on": {"description": _l("The day of the delivery; the owner's warranty starts here.")},
    }
    create_only_columns = frozenset({"building_id"})
    references = {"building_id": references.BUILDINGS}
    refusals = (services.ProjectRuleError,)
    empty_list_hint = _l(
        "Import the Excel file with the units and owners of a project, or make units one by one."
    )

    def create_record(self, form: GuardedForm) -> Unit:
        """Make a unit through the services."""
        values = form.values()
        return services.create_unit(db.session.get_one(Building, values.pop("building_id")), **values)

    def update_record(self, record: Unit, form: GuardedForm) -> None:
        """Change a unit."""
        services.change_unit(record, **form.values())

    def delete_record(self, record: Unit) -> None:
        """Delete a unit that nobody holds."""
        services.delete_space(record, self.record_kind or "")
