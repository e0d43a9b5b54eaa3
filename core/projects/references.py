"""Where forms and filters find projects, phases, buildings and units."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.admin.ajax import Reference
from core.admin.searching import SearchDeclaration
from core.languages import in_language
from core.people.models import Department, DepartmentKind
from core.people.services import departments_in_reach
from core.projects.models import Building, Phase, Project, Unit


def _cities_in_reach() -> Sequence[sa.ColumnElement[bool]]:
    ids = [department.id for department in departments_in_reach()]
    return (Department.id.in_(ids), Department.kind == DepartmentKind.CITY)


def _groups_in_reach() -> Sequence[sa.ColumnElement[bool]]:
    ids = [department.id for department in departments_in_reach()]
    return (Department.id.in_(ids), Department.kind == DepartmentKind.GROUP)


def _open_projects() -> Sequence[sa.ColumnElement[bool]]:
    return (Project.archived_at.is_(None),)


_DEPARTMENT_SEARCH = SearchDeclaration(columns=("name", "code"), small_table=True)
_PROJECT_SEARCH = SearchDeclaration(columns=("name", "name_en", "code"), small_table=True)
_SPACE_SEARCH = SearchDeclaration(columns=("name", "code"), small_table=True)


def _project_name(project: Project) -> str:
    return in_language(project.name, project.name_en)


CITIES = Reference(
    Department,
    text=lambda department: department.name,
    search=_DEPARTMENT_SEARCH,
    order_by=("path",),
    narrow=_cities_in_reach,
)
GROUPS = Reference(
    Department,
    text=lambda department: department.name,
    search=_DEPARTMENT_SEARCH,
    order_by=("path",),
    narrow=_groups_in_reach,
)
PROJECTS = Reference(
    Project,
    text=lambda project: f"{_project_name(project)} ({project.code})",
    search=_PROJECT_SEARCH,
    order_by=("code",),
)
"""The visible projects, also closed ones: for filters of lists."""
OPEN_PROJECTS = Reference(
    Project,
    text=lambda project: f"{_project_name(project)} ({project.code})",
    search=_PROJECT_SEARCH,
    order_by=("code",),
    narrow=_open_projects,
)
"""The projects that are not closed, for fields in which one is chosen."""
PHASES = Reference(
    Phase,
    text=lambda phase: f"{_project_name(phase.project)} · {phase.name}",
    search=_SPACE_SEARCH,
    order_by=("project_id", "code"),
)
BUILDINGS = Reference(
    Building,
    text=lambda building: f"{_project_name(building.project)} · {building.name or building.code}",
    search=_SPACE_SEARCH,
    order_by=("project_id", "code"),
)
"""Buildings of the visible projects."""
UNITS = Reference(
    Unit,
    text=lambda unit: f"{unit.code} · {_project_name(unit.project)}",
    search=SearchDeclaration(columns=("code",), small_table=True, placeholder=_l("3-2-1502")),
    order_by=("project_id", "code"),
)
"""Units of the visible projects; some thousand rows at most, as a company sells them."""
