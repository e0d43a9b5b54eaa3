"""Warranty: what the module declares. Start reading here, then models.py and services/."""

from __future__ import annotations

from collections.abc import Sequence

from core.toolkit import (
    AdminView,
    Manifest,
    MenuArea,
    Panel,
    Permission,
    RecordKind,
    RecordWords,
    Setting,
    Unit,
    _l,
    db,
    hookimpl,
)
from plugins.warranty import configuration, records, services, words
from plugins.warranty import panels as sections
from plugins.warranty.admin import coverage
from plugins.warranty.models import CitySeason, HouseWarranty, Promise, TakeOver

manifest = Manifest(
    slug="warranty",
    name=_l("Warranty"),
    version="0.1.0",
    api=1,
    summary=_l("Knows what is covered until when, for the owner and for the contractor."),
    depends=("contractors",),
    uses=("handover",),
)


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights; roles are those of domain reference 0.2."""
    seeing = ("HEAD", "BCS", "CCS", "PCM", "ENG", "PM")
    return (
        Permission("warranty.view", _l("See warranty"), _l("Cover of houses, requests and orders."), seeing),
        Permission(
            "warranty.configure",
            _l("Set terms and seasons of the warranty"),
            _l("Promises of projects, seasons of cities, take-over of common parts."),
            ("HEAD", "BCS"),
        ),
        Permission(
            "warranty.deem_delivery",
            _l("Deem houses delivered"),
            _l("The right of the legal department; the reason is kept."),
            ("HEAD", "LEG"),
        ),
        Permission(
            "warranty.create_request",
            _l("Take in repair requests"),
            _l("Look up callers and register what they report."),
            seeing,
        ),
        Permission("warranty.edit_order", _l("Correct repair orders"), "", ("HEAD", "PCM", "CCS", "ENG")),
        Permission(
            "warranty.triage_order",
            _l("Assess repair orders"),
            _l("Category, priority, responsibility; refuse, merge, cancel."),
            ("HEAD", "PCM", "CCS", "ENG"),
        ),
        Permission(
            "warranty.override_cover",
            _l("Decide the cover otherwise than by the dates"),
            _l("Goodwill after the end of the term; the reason is kept."),
            ("HEAD", "PCM"),
        ),
        Permission(
            "warranty.dispatch_order",
            _l("Dispatch repair orders"),
            _l("To contractors and engineers."),
            ("HEAD", "PCM", "CCS", "ENG"),
        ),
        Permission(
            "warranty.work_order",
            _l("Work on repair orders"),
            _l("Contacts, visits, plans, and the report that it is finished; on the phone."),
            ("HEAD", "ENG", "PM", "PCM"),
        ),
        Permission(
            "warranty.accept_order",
            _l("Accept repairs"),
            _l("Never one's own repair."),
            ("HEAD", "ENG", "PCM"),
        ),
        Permission(
            "warranty.close_order",
            _l("Close and reopen repair orders"),
            _l("Note the owner's acceptance, close, open again."),
            ("HEAD", "ENG", "PM", "PCM", "CCS"),
        ),
        Permission(
            "warranty.call_back",
            _l("Call owners back after repairs"),
            _l("Never about one's own repair."),
            ("HEAD", "BCS", "CCS"),
        ),
        Permission(
            "warranty.suspend_order",
            _l("Suspend repair orders and move dates"),
            "",
            ("HEAD", "ENG", "PCM"),
        ),
        Permission(
            "warranty.approve_extension",
            _l("Give emergencies more time"),
            _l("72 hours instead of 24, with a reason."),
            ("HEAD", "PCM"),
        ),
        Permission("warranty.edit_costs", _l("Enter costs of repairs"), "", ("HEAD", "ENG", "PCM", "COST")),
        Permission(
            "warranty.issue_notice",
            _l("Issue notices to contractors"),
            "",
            ("HEAD", "ENG", "PCM"),
        ),
        Permission(
            "warranty.deduct",
            _l("Order third parties and prepare deductions"),
            "",
            ("HEAD", "ENG", "COST"),
        ),
        Permission(
            "warranty.decide_deduction",
            _l("Decide objections to deductions"),
            "",
            ("HEAD", "COST"),
        ),
        Permission(
            "warranty.keep_retention",
            _l("Keep retention money"),
            _l("Accounts, deductions, releases."),
            ("HEAD", "FIN", "COST"),
        ),
        Permission(
            "warranty.manage_cases",
            _l("Manage batch problems"),
            "",
            ("HEAD", "PCM", "ENG", "BCS"),
        ),
        Permission("warranty.edit_parts", _l("Keep spare parts"), "", ("HEAD", "ENG", "PM")),
        Permission("warranty.print", _l("Print and issue warranty documents"), "", seeing),
        Permission("warranty.export", _l("Export warranty lists"), "", ("HEAD",)),
    )


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    """Declare what others can hang things on."""
    return (
        RecordKind(
            "warranty.line",
            HouseWarranty,
            _l("Warranty of a house"),
            "warranty.view",
            "warranty.configure",
            "warranty_register.details_view",
            lambda record: (
                f"{record.unit.code} · {words.category_title(record.category_code, record.system)}"
            ),
            records.unit_path,
        ),
        RecordKind(
            "warranty.promise",
            Promise,
            _l("Promised term"),
            "warranty.view",
            "warranty.configure",
            "warranty_promises.details_view",
            lambda record: words.category_name(record.category_code),
            records.project_path,
            {"evidence": _l("Contract or guarantee")},
        ),
        RecordKind(
            "warranty.season",
            CitySeason,
            _l("Season"),
            "warranty.view",
            "warranty.configure",
            "warranty_seasons.details_view",
            lambda record: f"{record.department.name} · {words.SYSTEMS[record.system]}",
        ),
        RecordKind(
            "warranty.take_over",
            TakeOver,
            _l("Take-over of common parts"),
            "warranty.view",
            "warranty.configure",
            "warranty_take_overs.details_view",
            lambda record: coverage.building_title(record.building),
            None,
            {"evidence": _l("Record of the take-over")},
        ),
    )


@hookimpl
def record_words() -> Sequence[RecordWords]:
    """Declare what the change log calls the tables and fields that no page names."""
    return words.of_tables()


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare the back office."""
    service, setup = MenuArea.SERVICE, MenuArea.SETUP
    return (
        AdminView(coverage.CoverView, "cover", _l("Cover of a house"), service, 30),
        AdminView(coverage.RegisterView, "register", _l("Warranty register"), service, 40, HouseWarranty),
        AdminView(coverage.CategoriesView, "categories", _l("Warranty categories"), setup, 410),
        AdminView(coverage.PromiseView, "promises", _l("Promised terms"), setup, 411, Promise),
        AdminView(coverage.SeasonView, "seasons", _l("Heating and cooling seasons"), setup, 412, CitySeason),
        AdminView(coverage.TakeOverView, "take_overs", _l("Take-over of common parts"), setup, 413, TakeOver),
    )


@hookimpl
def settings() -> Sequence[Setting]:
    """Declare the numbers of the procedure."""
    return configuration.settings()


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare sections on pages of the core."""
    return (
        Panel(
            "warranty.cover_of_unit",
            "core.unit",
            _l("Warranty"),
            "warranty/panels/unit.html",
            sections.cover_of_unit,
            "warranty.view",
            310,
        ),
    )


@hookimpl
def unit_dates_changed(unit_id: int) -> None:
    """Make the lines of a house when it is delivered."""
    unit = db.session.get(Unit, unit_id)
    if unit is not None:
        services.refresh_lines(unit)
