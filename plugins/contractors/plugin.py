"""The contractors module: its manifest, and what it declares. Start reading here."""

from __future__ import annotations

from collections.abc import Sequence

from flask import url_for

from core.toolkit import (
    AdminView,
    DemoData,
    DocumentType,
    ImportDeclaration,
    Manifest,
    MenuArea,
    Panel,
    Permission,
    RecordKind,
    RecordWords,
    SearchSource,
    SeedData,
    _,
    _l,
    hookimpl,
)
from plugins.contractors import admin, demo, documents, search, services
from plugins.contractors import panels as sections
from plugins.contractors.importing import CompanyImporter
from plugins.contractors.models import Company, CompanyTrade, Contact, ResponsibleContractor, Trade

manifest = Manifest(
    slug="contractors",
    name=_l("Contractors"),
    version="1.0.0",
    api=1,
    summary=_l(
        "Companies with their trades and contacts, and who answers for which trade in which building."
    ),
    category="base",
)


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights over contractors."""
    return (
        Permission(
            "contractors.view",
            _l("See contractors"),
            _l("Companies, their contacts with masked numbers, and who answers for what."),
            default_roles=("HEAD", "ENG", "CCS", "PCM", "PM", "BCS"),
        ),
        Permission(
            "contractors.edit",
            _l("Edit contractors"),
            _l("Register companies and contacts, and name who answers for a trade in a building."),
            default_roles=("HEAD", "ENG"),
        ),
        Permission(
            "contractors.print",
            _l("Print contractor sheets"),
            _l("The sheets show the telephone numbers of the contacts unmasked, so that they can be called."),
            default_roles=("HEAD", "ENG", "CCS", "PCM", "PM", "BCS"),
        ),
        Permission(
            "contractors.export",
            _l("Export the list of companies"),
            default_roles=("HEAD",),
        ),
        Permission(
            "contractors.import",
            _l("Import contractors"),
            _l("From an Excel file, after a preview; can be taken back."),
            default_roles=("HEAD", "ENG"),
        ),
        Permission(
            "contractors.manage_trades",
            _l("Change the catalogue of trades"),
            _l("The catalogue is one for the whole installation; checklists refer to its codes."),
            default_roles=("HEAD",),
        ),
    )


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    """Declare what attachments, documents and the change log can hang on."""
    return (
        RecordKind(
            code="contractors.company",
            model=Company,
            label=_l("Contractor"),
            view_permission="contractors.view",
            edit_permission="contractors.edit",
            endpoint="contractors_companies.details_view",
            title=lambda company: company.name,
            attachment_slots={"licence": _l("Business licence"), "contract": _l("Contract")},
        ),
        RecordKind(
            code="contractors.contact",
            model=Contact,
            label=_l("Contact of a contractor"),
            view_permission="contractors.view",
            edit_permission="contractors.edit",
            endpoint="contractors_contacts.details_view",
            title=lambda contact: contact.name,
            breadcrumbs=lambda contact: (
                (_("Companies"), url_for("contractors_companies.index_view")),
                (contact.company.name, url_for("contractors_companies.details_view", id=contact.company_id)),
            ),
        ),
        RecordKind(
            code="contractors.trade",
            model=Trade,
            label=_l("Trade"),
            view_permission="contractors.view",
            edit_permission="contractors.manage_trades",
            endpoint="contractors_trades.details_view",
            title=lambda trade: trade.label,
        ),
    )


@hookimpl
def record_words() -> Sequence[RecordWords]:
    """Name what the change log shows beyond the fields of pages."""
    company, trade = _l("Company"), _l("Trade")
    return (
        RecordWords(CompanyTrade, {"company_id": company, "trade_id": trade}, _l("Trade of a company")),
        RecordWords(
            ResponsibleContractor,
            {
                "company_id": company,
                "trade_id": trade,
                "contract_number": _l("Contract"),
                "retention_note": _l("Retention"),
            },
            _l("Contractor of a building"),
        ),
    )


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare the screens."""
    return (
        AdminView(admin.MatrixView, "matrix", _l("Responsible contractors"), MenuArea.PROJECTS, order=60),
        AdminView(
            admin.CompanyView, "companies", _l("Companies"), MenuArea.PROJECTS, order=61, model=Company
        ),
        AdminView(admin.ContactView, "contacts", _l("Contacts"), MenuArea.PROJECTS, order=62, model=Contact),
        AdminView(admin.TradeView, "trades", _l("Trades"), MenuArea.SETUP, order=300, model=Trade),
    )


@hookimpl
def imports() -> Sequence[ImportDeclaration]:
    """Declare companies from Excel."""
    return (
        ImportDeclaration(
            "contractors.companies",
            _l("Contractors"),
            CompanyImporter(),
            "contractors.import",
            "contractors.company",
            order=200,
        ),
    )


@hookimpl
def document_types() -> Sequence[DocumentType]:
    """Declare the sheets: of a project, and of a company."""
    return (
        DocumentType(
            code="contractors.project_sheet",
            label=_l("Contractor sheet"),
            record_kind="core.project",
            template="contractors/documents/project_sheet.html",
            context=documents.project_sheet,
            permission="contractors.print",
            issue_permission="contractors.print",
            number_prefix="CJ",
            may_issue=documents.project_obstacle,
        ),
        DocumentType(
            code="contractors.company_sheet",
            label=_l("Company sheet"),
            record_kind="contractors.company",
            template="contractors/documents/company_sheet.html",
            context=documents.company_sheet,
            permission="contractors.print",
            issue_permission="contractors.print",
            number_prefix="DW",
        ),
    )


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the sections on the pages of projects, buildings and companies."""
    return (
        Panel(
            "contractors.project",
            "core.project",
            _l("Responsible contractors"),
            "contractors/panels/project.html",
            sections.of_project,
            permission="contractors.view",
            order=300,
        ),
        Panel(
            "contractors.building",
            "core.building",
            _l("Responsible contractors"),
            "contractors/panels/building.html",
            sections.of_building,
            permission="contractors.view",
            order=300,
        ),
        Panel(
            "contractors.contacts",
            "contractors.company",
            _l("Contacts"),
            "contractors/panels/contacts.html",
            sections.contacts_of,
            permission="contractors.view",
            order=100,
        ),
        Panel(
            "contractors.responsibilities",
            "contractors.company",
            _l("Answers for"),
            "contractors/panels/responsibilities.html",
            sections.responsibilities_of,
            permission="contractors.view",
            order=200,
        ),
    )


@hookimpl
def search_sources() -> Sequence[SearchSource]:
    """Find companies by name."""
    return (
        SearchSource(
            "contractors.companies", _l("Contractors"), search.companies, "contractors.view", order=400
        ),
    )


@hookimpl
def seed_data() -> Sequence[SeedData]:
    """Load the catalogue of trades."""
    return (SeedData(services.load_trades),)


@hookimpl
def demo_data() -> Sequence[DemoData]:
    """Tell who built the project of the story."""
    return (DemoData(demo.load),)


@hookimpl
def obstacles(record_kind: str, record_id: int) -> Sequence[str]:
    """Say why a building, project or department may not be deleted."""
    return services.uses_of(record_kind, record_id)
