"""What is printed: the contractor sheet of a project 承建单位一览表, and the sheet of one company."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from markupsafe import Markup

from core.toolkit import Project, _, in_language, listed
from plugins.contractors import services
from plugins.contractors.admin import project_words
from plugins.contractors.models import Company, Contact
from plugins.contractors.words import kind_words, role_words


def project_sheet(project: Project, language: str) -> Mapping[str, Any]:
    """Return the values of the contractor sheet: per building, trade → company, contact, telephone, warranty telephone.

    Args:
        project: The project.
        language: Locale of the print; the texts follow it by themselves.
    """
    del language
    matrix = services.matrix_of(project)
    return {
        "subtitle": in_language(project.name, project.name_en),
        "buildings": [
            {
                "name": building.name,
                "rows": [_sheet_row(matrix, building, trade) for trade in matrix.trades],
                "missing": len(matrix.open_trades(building)),
            }
            for building in matrix.buildings
        ],
        "companies": [
            (company.name, company.credit_code or "", company.warranty_phone, company.address)
            for company in services.companies_for(project)
        ],
        "open_cells": matrix.open_cells,
    }


def _sheet_row(matrix: services.Matrix, building: Any, trade: Any) -> tuple[Any, ...]:
    cell = matrix.cell(building, trade)
    if cell is None:
        return (trade.label, "", "", "", "")
    contact = services.contact_for(cell.company, matrix.project)
    return (
        trade.label,
        cell.company.name,
        _person(contact),
        (contact.phone or "") if contact is not None else "",
        cell.company.warranty_phone,
    )


def _person(contact: Contact | None) -> str:
    if contact is None:
        return ""
    return Markup('{}<br><span class="small">{}</span>').format(contact.name, role_words(contact.role))


def project_obstacle(project: Project) -> str | None:
    """Return why the sheet of a project cannot be issued yet, or None."""
    if services.companies_for(project):
        return None
    return _("No contractor is named in this project yet. Fill the matrix first.")


def company_sheet(company: Company, language: str) -> Mapping[str, Any]:
    """Return the values of the sheet of one company: what it is, whom to call, and what it answers for.

    Args:
        company: The company.
        language: Locale of the print.
    """
    del language
    cells = services.responsibilities_of(company)
    buildings = []
    for building, held in groupby(cells, key=lambda cell: cell.building):
        project = building.project
        buildings.append((f"{in_language(project.name, project.name_en)} · {building.name}", list(held)))
    return {
        "subtitle": company.name,
        "facts": [
            (_("Registered name"), company.name),
            (_("Short name"), company.short_name),
            (_("Kind"), kind_words(company.kind)),
            (_("Credit code"), company.credit_code or ""),
            (_("Warranty telephone"), company.warranty_phone),
            (_("Trades"), listed(trade.label for trade in company.trades)),
            (_("Address"), company.address, True),
        ],
        "contacts": [
            (
                contact.name,
                role_words(contact.role),
                project_words(contact),
                contact.phone or "",
                contact.email or "",
            )
            for contact in company.contacts
        ],
        "buildings": buildings,
    }
