"""What stands at the head of printed documents, from the project and its city company."""

from __future__ import annotations

import sqlalchemy as sa
from flask import current_app

from core.extensions import db
from core.machinery.documents.services import Letterhead
from core.people.models import Department, DepartmentKind
from core.projects.models import Project


def letterhead_of(project_id: int | None, department_id: int | None, language: str) -> Letterhead:
    """Return the letterhead of a project, or of a department where there is no project.

    The company is the developer named by the project, else the city company, else the installation.

    Args:
        project_id: The project that the document belongs to.
        department_id: The department that it belongs to, or the acting one.
        language: Locale of the recipient; English names are used where they are known.
    """
    english = language == "en"
    project = (
        db.session.scalar(sa.select(Project).where(Project.id == project_id))
        if project_id is not None
        else None
    )
    company = _company(project.department_id if project is not None else department_id)
    company_name = ((english and company.name_en) or company.name) if company is not None else ""
    if project is None:
        return Letterhead(company=company_name or current_app.config["INSTALLATION_NAME"])
    return Letterhead(
        company=project.developer_name or company_name or current_app.config["INSTALLATION_NAME"],
        project=(english and project.name_en) or project.name,
        project_code=project.code,
    )


def _company(department_id: int | None) -> Department | None:
    department = db.session.get(Department, department_id) if department_id is not None else None
    while department is not None and department.kind == DepartmentKind.GROUP:
        department = department.parent
    return department
