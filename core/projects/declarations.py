"""What projects declare: rights, record kinds, views, sections and search."""

from __future__ import annotations

from collections.abc import Sequence

from flask import url_for
from flask_babel import lazy_gettext as _l

from core.languages import in_language
from core.plugin_system.declarations import AdminView, Area, Panel, Permission, RecordKind, SearchSource
from core.plugin_system.hookspecs import hookimpl
from core.projects import panels as sections
from core.projects import search
from core.projects.admin import BuildingView, PhaseView, ProjectView, UnitView
from core.projects.models import Building, Phase, Project, Unit

_ALL_STAFF = ("HEAD", "BCS", "CCS", "CMK", "PCM", "MKT", "FIN", "ENG", "PM", "CLB", "DSN", "LEG", "COST")
_KEEPERS = ("HEAD", "BCS", "CCS", "PCM")


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights."""
    return (
        Permission("projects.view", _l("See projects and units"), default_roles=_ALL_STAFF),
        Permission(
            "projects.create", _l("Make projects, phases, buildings and units"), default_roles=_KEEPERS
        ),
        Permission("projects.edit", _l("Change projects and units"), default_roles=(*_KEEPERS, "ENG")),
        Permission(
            "projects.delete",
            _l("Delete phases, buildings and units on which nothing hangs"),
            default_roles=("HEAD",),
        ),
        Permission("projects.export", _l("Export lists of projects and units"), default_roles=("HEAD",)),
    )


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    """Declare projects, phases, buildings and units."""
    return (
        RecordKind(
            "core.project",
            Project,
            _l("Project"),
            "projects.view",
            "projects.edit",
            "projects.details_view",
            title=lambda project: in_language(project.name, project.name_en),
            breadcrumbs=lambda project: [(str(_l("Projects")), url_for("projects.index_view"))],
        ),
        RecordKind(
            "core.phase",
            Phase,
            _l("Phase"),
            "projects.view",
            "projects.edit",
            "phases.details_view",
            title=lambda phase: phase.name,
            breadcrumbs=lambda phase: [_project_crumb(phase.project)],
        ),
        RecordKind(
            "core.building",
            Building,
            _l("Building"),
            "projects.view",
            "projects.edit",
            "buildings.details_view",
            title=lambda building: building.name,
            breadcrumbs=lambda building: [_project_crumb(building.project), _phase_crumb(building.phase)],
        ),
        RecordKind(
            "core.unit",
            Unit,
            _l("Unit"),
            "projects.view",
            "projects.edit",
            "units.details_view",
            title=lambda unit: unit.code,
            breadcrumbs=path_of_unit,
        ),
    )


def _project_crumb(project: Project) -> tuple[str, str]:
    return (in_language(project.name, project.name_en), url_for("projects.details_view", id=project.id))


def _phase_crumb(phase: Phase) -> tuple[str, str]:
    return (phase.name, url_for("phases.details_view", id=phase.id))


def path_of_unit(unit: Unit) -> list[tuple[str, str | None]]:
    """Return the way down to a unit: project, phase, building."""
    building = unit.building
    return [
        _project_crumb(unit.project),
        _phase_crumb(building.phase),
        (building.name, url_for("buildings.details_view", id=building.id)),
    ]


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare the views."""
    return (
        AdminView(ProjectView, "projects", _l("Projects"), Area.PROJECTS, order=10, model=Project),
        AdminView(BuildingView, "buildings", _l("Buildings"), Area.PROJECTS, order=20, model=Building),
        AdminView(UnitView, "units", _l("Units"), Area.PROJECTS, order=30, model=Unit),
        AdminView(PhaseView, "phases", _l("Phases"), Area.PROJECTS, order=40, model=Phase, in_menu=False),
    )


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the sections."""
    return (
        Panel(
            "core.project_phases",
            "core.project",
            _l("Phases and buildings"),
            "projects/buildings.html",
            sections.phases_of_project,
            "projects.view",
            order=100,
        ),
        Panel(
            "core.phase_buildings",
            "core.phase",
            _l("Buildings"),
            "projects/buildings.html",
            sections.buildings_of_phase,
            "projects.view",
            order=100,
        ),
        Panel(
            "core.tower",
            "core.building",
            _l("Floors and units"),
            "projects/tower.html",
            sections.tower_of_building,
            "projects.view",
            order=100,
        ),
    )


@hookimpl
def search_sources() -> Sequence[SearchSource]:
    """Declare units and projects for the global search."""
    return (
        SearchSource("core.units", _l("Units"), search.search_units, "projects.view", order=10),
        SearchSource("core.projects", _l("Projects"), search.search_projects, "projects.view", order=40),
    )
