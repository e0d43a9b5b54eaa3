"""The sections on the pages of projects, buildings and companies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from core.toolkit import (
    Building,
    Project,
    has_permission,
    in_language,
    listed,
    mask_phone,
    sees_personal_data,
)
from plugins.contractors import services
from plugins.contractors.admin import project_words
from plugins.contractors.models import Company, Contact, Trade
from plugins.contractors.words import role_words


def _telephone(contact: Contact | None) -> str:
    if contact is None or not contact.phone:
        return ""
    return contact.phone if sees_personal_data() else mask_phone(contact.phone)


def _may_edit() -> bool:
    return has_permission("contractors.edit")


def of_project(project: Project) -> Mapping[str, Any]:
    """Return the companies of a project with what they do there, and how many trades nobody answers for."""
    matrix = services.matrix_of(project)
    companies = {cell.company for cell in matrix.cells.values()}
    rows = [
        (company, [_trade_words(matrix, company, trade) for trade in _trades_of(matrix, company)])
        for company in sorted(companies, key=lambda company: company.name)
    ]
    return {"matrix": matrix, "rows": rows, "count": len(rows), "may_edit": _may_edit()}


def _trades_of(matrix: services.Matrix, company: Company) -> list[Trade]:
    named = {cell.trade_id for cell in matrix.cells.values() if cell.company_id == company.id}
    return [trade for trade in matrix.trades if trade.id in named]


def _trade_words(matrix: services.Matrix, company: Company, trade: Trade) -> str:
    """Return a trade, with the buildings where a company does it when others do it in the other ones."""
    buildings = _buildings_of(matrix, company, trade)
    return f"{trade.label} ({listed(building.name for building in buildings)})" if buildings else trade.label


def _buildings_of(matrix: services.Matrix, company: Company, trade: Trade) -> Sequence[Building]:
    """Return the buildings where a company does a trade; nothing when it does so in all of them."""
    here = [
        building
        for building in matrix.buildings
        if (cell := matrix.cell(building, trade)) is not None and cell.company_id == company.id
    ]
    return here if len(here) < len(matrix.buildings) else ()


def of_building(building: Building) -> Mapping[str, Any]:
    """Return who answers for each trade of a building, with the person to call."""
    matrix = services.matrix_of(building.project)
    rows = []
    for trade in matrix.trades:
        cell = matrix.cell(building, trade)
        if cell is not None:
            contact = services.contact_for(cell.company, building.project)
            rows.append((cell, contact, _telephone(contact)))
    return {
        "building": building,
        "rows": rows,
        "missing": matrix.open_trades(building),
        "count": len(rows),
        "may_edit": _may_edit(),
    }


def contacts_of(company: Company) -> Mapping[str, Any]:
    """Return the persons of a company."""
    rows = [
        (contact, role_words(contact.role), project_words(contact), _telephone(contact))
        for contact in company.contacts
    ]
    return {"company": company, "rows": rows, "count": len(rows), "may_edit": _may_edit()}


def responsibilities_of(company: Company) -> Mapping[str, Any]:
    """Return what a company answers for, by project and building."""
    cells = services.responsibilities_of(company)
    groups = []
    for _project_id, of_one in groupby(cells, key=lambda cell: cell.project_id):
        held = list(of_one)
        project = held[0].building.project
        buildings = [
            (building, list(rest)) for building, rest in groupby(held, key=lambda cell: cell.building)
        ]
        groups.append((project, in_language(project.name, project.name_en), buildings))
    return {"groups": groups, "count": len(cells)}
