"""What customers declare: rights, record kinds, views, sections, search, commands, obstacles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.customers import documents, words
from core.customers import panels as sections
from core.customers.admin import ConsentView, ContactView, CustomerView, HoldingView, PreferenceView
from core.customers.commands import customers as command_group
from core.customers.import_admin import CODE, PERMISSION, UnitImportPage
from core.customers.importers import CustomerImporter
from core.customers.importing import UnitImporter
from core.customers.message_pages import MessageComposeView, MessageTextsView
from core.customers.models import Consent, Customer, CustomerContact, CustomerPreference, CustomerUnit
from core.customers.search import search_customers
from core.extensions import db
from core.plugin_system.declarations import (
    AdminView,
    Area,
    Command,
    DocumentType,
    ImportDeclaration,
    Panel,
    Permission,
    RecordKind,
    SearchSource,
    Setting,
)
from core.plugin_system.hookspecs import hookimpl

_ALL_STAFF = ("HEAD", "BCS", "CCS", "CMK", "PCM", "MKT", "FIN", "ENG", "PM", "CLB")
_SERVICE = ("HEAD", "BCS", "CCS", "PCM", "CLB")
_SALES = ("CMK", "MKT")


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights."""
    return (
        Permission("customers.view", _l("See customers"), default_roles=_ALL_STAFF),
        Permission("customers.create", _l("Register customers"), default_roles=(*_SERVICE, *_SALES)),
        Permission(
            "customers.edit",
            _l("Change customers"),
            _l("Also contacts, consents, preferences and parts in units."),
            default_roles=(*_SERVICE, *_SALES),
        ),
        Permission(
            "customers.search_phone",
            _l("Find customers by telephone number"),
            _l("Searching tells whether a number is known, also where it is masked."),
            default_roles=(*_SERVICE, *_SALES, "FIN", "PM"),
        ),
        Permission("customers.export", _l("Export lists of customers"), default_roles=("HEAD",)),
        Permission(
            "customers.merge", _l("Merge two records of the same customer"), default_roles=("HEAD", "PCM")
        ),
        Permission(
            "customers.erase",
            _l("Erase a customer's data"),
            _l("On the customer's request; cannot be undone."),
            default_roles=("HEAD",),
        ),
        Permission(
            "customers.export_person",
            _l("Hand out a copy of everything held about a customer"),
            default_roles=("HEAD",),
        ),
        Permission(
            "personal.reveal",
            _l("Show masked personal data"),
            _l("One record at a time, with a reason that the log keeps."),
            default_roles=("HEAD", "PCM"),
        ),
        Permission(
            "personal.view",
            _l("See personal data unmasked"),
            _l("Everywhere and without a reason; for very few."),
        ),
        Permission(
            "import.customers",
            _l("Import customers"),
            _l("From an Excel file, after a preview; can be taken back."),
            default_roles=("HEAD", "PCM", "CCS"),
        ),
        Permission(
            "customers.print_letters",
            _l("Print letters to owners"),
            _l("They name the owners of a house."),
            default_roles=("HEAD", *_SERVICE[1:], *_SALES),
        ),
        Permission("customers.issue_letters", _l("Issue letters to owners"), default_roles=_SERVICE),
        Permission(
            "import.units",
            _l("Import units and owners"),
            _l("From an Excel file, after a preview."),
            default_roles=("HEAD", "PCM", "CCS"),
        ),
    )


@hookimpl
def document_types() -> Sequence[DocumentType]:
    """Declare the letter to the owners of a house."""
    return (
        DocumentType(
            "core.welcome_letter",
            _l("Welcome letter"),
            "core.unit",
            "customers/documents/welcome_letter.html",
            documents.welcome_letter,
            permission="customers.print_letters",
            issue_permission="customers.issue_letters",
            number_prefix="HY",
            may_issue=documents.welcome_obstacle,
            overlay=True,
        ),
    )


@hookimpl
def settings() -> Sequence[Setting]:
    """Declare whom letters name."""
    return (
        Setting(
            "letter_contact",
            "",
            _l("Contact in letters to owners"),
            _l("Name of the customer-service manager; empty leaves room to write it in."),
        ),
        Setting(
            "letter_phone",
            "",
            _l("Telephone in letters to owners"),
            _l("The line that owners call; empty leaves room to write it in."),
        ),
    )


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    """Declare customers and what belongs to one."""
    roles = dict(words.ROLES)
    contact_kinds = dict(words.CONTACT_KINDS)
    purposes = dict(words.PURPOSES)

    def of_customer(
        code: str, model: type, label: Any, endpoint: str, title: Callable[[Any], str]
    ) -> RecordKind:
        return RecordKind(
            code, model, label, "customers.view", "customers.edit", f"{endpoint}.details_view",
            title=title, breadcrumbs=lambda row: [_list_crumb(), _customer_crumb(row.customer)],
        )  # fmt: skip

    return (
        RecordKind(
            "core.customer", Customer, _l("Customer"), "customers.view", "customers.edit", "customers.details_view",
            title=lambda customer: customer.name, breadcrumbs=lambda customer: [_list_crumb()],
            attachment_slots={"identity": _l("Identity documents"), "contract": _l("Contracts")},
        ),
        of_customer(
            "core.holding", CustomerUnit, _l("Part in a unit"), "customer_units",
            lambda row: f"{row.unit.code} · {roles.get(row.role, row.role)}",
        ),
        of_customer(
            "core.contact", CustomerContact, _l("Further contact"), "customer_contacts",
            lambda row: str(contact_kinds.get(row.kind, row.kind)),
        ),
        of_customer(
            "core.consent", Consent, _l("Consent"), "customer_consents",
            lambda row: str(purposes.get(row.purpose, row.purpose)),
        ),
        of_customer(
            "core.preference", CustomerPreference, _l("Contact preferences"), "customer_preferences",
            lambda row: _("Contact preferences"),
        ),
    )  # fmt: skip


def _list_crumb() -> tuple[str, str]:
    return (_("Customers"), url_for("customers.index_view"))


def _customer_crumb(customer: Customer) -> tuple[str, str]:
    return (customer.name, url_for("customers.details_view", id=customer.id))


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare the views."""
    area = Area.CUSTOMERS
    return (
        AdminView(CustomerView, "customers", _l("Customers"), area, order=10, model=Customer),
        AdminView(HoldingView, "customer_units", _l("Purchases"), area, order=20, model=CustomerUnit),
        AdminView(UnitImportPage, "unit_import", _l("Import units and owners"), area, order=30),
        AdminView(
            MessageComposeView, "message_compose", _l("Write to customers"), area, order=63, in_menu=False
        ),
        AdminView(MessageTextsView, "message_texts", _l("Texts of messages"), Area.SETUP, order=45),
        AdminView(
            ContactView,
            "customer_contacts",
            _l("Further contacts"),
            area,
            order=40,
            model=CustomerContact,
            in_menu=False,
        ),
        AdminView(ConsentView, "customer_consents", _l("Consents"), area, order=50, model=Consent, in_menu=False),
        AdminView(
            PreferenceView, "customer_preferences", _l("Contact preferences"), area, order=60,
            model=CustomerPreference, in_menu=False,
        ),
    )  # fmt: skip


@hookimpl
def imports() -> Sequence[ImportDeclaration]:
    """Declare units with their owners, and customers."""
    return (
        ImportDeclaration(
            CODE,
            _l("Units and owners"),
            UnitImporter(),
            PERMISSION,
            "core.unit",
            order=10,
        ),
        ImportDeclaration(
            "core.customers",
            _l("Customers"),
            CustomerImporter(),
            "import.customers",
            "core.customer",
            order=20,
        ),
    )


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the sections."""
    view = "customers.view"
    return (
        Panel(
            "core.units_of_customer", "core.customer", _l("Units"), "customers/units.html",
            sections.units_of_customer, view, order=100,
        ),
        Panel(
            "core.holders", "core.unit", _l("Owners and residents"), "customers/holders.html",
            sections.holders_of_unit, view, order=100,
        ),
        Panel(
            "core.contacts", "core.customer", _l("Further contacts"), "customers/contacts.html",
            sections.contacts_of, view, order=110,
        ),
        Panel(
            "core.preferences", "core.customer", _l("Contact preferences"), "customers/preferences.html",
            sections.preference_of, view, order=120,
        ),
        Panel(
            "core.consents", "core.customer", _l("Consents"), "customers/consents.html",
            sections.consents_of, view, order=130,
        ),
    )  # fmt: skip


@hookimpl
def search_sources() -> Sequence[SearchSource]:
    """Declare customers for the global search."""
    return (SearchSource("core.customers", _l("Customers"), search_customers, "customers.view", order=20),)


@hookimpl
def commands() -> Sequence[Command]:
    """Declare ``doorstep customers``."""
    return (Command(command_group),)


@hookimpl
def obstacles(record_kind: str, record_id: int) -> Sequence[str]:
    """Keep units that somebody holds or held."""
    if record_kind != "core.unit":
        return ()
    held = db.session.scalar(
        sa.select(sa.func.count(CustomerUnit.id)).where(CustomerUnit.unit_id == record_id)
    )
    return [_("Customers hold or held this unit, so it is kept.")] if held else ()
