"""Handover of houses: what the module declares. Start reading here, then models/ and services/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.toolkit import (
    AdminView,
    ApprovalBand,
    ApprovalKind,
    ApprovalStep,
    CalendarSource,
    ClockPolicy,
    DeliveryBatch,
    DemoData,
    DocumentType,
    ImportDeclaration,
    JobKind,
    LinkPurpose,
    Manifest,
    MenuArea,
    MenuLink,
    MessageTemplate,
    OpenItem,
    Panel,
    PeriodicTask,
    Permission,
    PublicBlueprint,
    RecordKind,
    RecordWords,
    SearchSource,
    SeedData,
    Setting,
    Signable,
    TimelineKind,
    WorkflowDeclaration,
    _l,
    db,
    has_permission,
    hookimpl,
    listen_to,
)
from plugins.handover import (
    admin,
    catalogue,
    clocks,
    configuration,
    contractor_pages,
    demo,
    desk_pages,
    documents,
    form_signing,
    periodic,
    records,
    services,
    signing,
    words,
)
from plugins.handover import panels as sections
from plugins.handover.importing import DefectImporter
from plugins.handover.models import (
    BookFacts,
    DailyReport,
    Defect,
    DefectCode,
    HandoverBatch,
    HandoverUnit,
    HouseForm,
    Inspection,
    InspectionTemplate,
    RectificationNotice,
    TemplateItem,
    UserManual,
)
from plugins.handover.preparation import declarations as preparation
from plugins.handover.preparation.services import appointments
from plugins.handover.public import blueprint
from plugins.handover.workflows import PENALTY, WORKFLOWS

manifest = Manifest(
    slug="handover",
    name=_l("Handover"),
    version="0.1.0",
    api=1,
    summary=_l(
        "Inspects houses on the phone, follows every defect to its re-inspection, and prints the records."
    ),
    depends=("contractors",),
    uses=("reservations",),
)

listen_to("reservations", "handover.unit", "handover", appointments.on_change)
listen_to("reservations", f"purpose:{appointments.PURPOSE}", "handover", appointments.on_change)
listen_to("reservations", f"asked:{appointments.PURPOSE}", "handover", appointments.answer)


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights; roles are those of domain reference 0.2."""
    seeing = ("HEAD", "BCS", "CCS", "PCM", "ENG", "PM")
    return (
        Permission(
            "handover.view",
            _l("See handover"),
            _l("Batches, inspections, defects and notices."),
            (*seeing, "FIN", "LEG"),
        ),
        Permission(
            "handover.plan",
            _l("Plan handover"),
            _l("Batches, and who inspects when."),
            ("HEAD", "BCS", "PCM", "ENG"),
        ),
        Permission(
            "handover.inspect",
            _l("Inspect houses"),
            _l("Record results and defects on site."),
            ("HEAD", "ENG", "PM", "PCM", "CCS"),
        ),
        Permission(
            "handover.override_start",
            _l("Start in spite of open S1–S2 defects"),
            _l("The right of the city general manager; the reason is kept."),
            (
                "HEAD",
                "APR",
            ),
        ),
        Permission(
            "handover.receive",
            _l("Receive owners on the handover day"),
            _l("Sign in, check identities, lead from station to station, issue papers."),
            ("HEAD", "PCM", "CCS", "PM", "ENG"),
        ),
        Permission(
            "handover.settle_fees",
            _l("Enter and settle handover fees"),
            _l("What a house pays, and that it is paid."),
            ("HEAD", "PCM", "FIN"),
        ),
        Permission(
            "handover.exempt_fees",
            _l("Exempt houses from handover fees"),
            _l("A fee or all fees of a house; the reason is kept."),
            ("HEAD", "PCM"),
        ),
        Permission(
            "handover.hand_keys",
            _l("Keep, lend and hand over keys"),
            _l("Register, lend for repairs, hand to the owner, confirm the delivery."),
            ("HEAD", "PCM", "PM"),
        ),
        Permission(
            "handover.legal_review",
            _l("Review deemed deliveries"),
            _l("The legal department agrees that a house is deemed delivered, or not."),
            ("LEG",),
        ),
        Permission("handover.create_defect", _l("Register defects"), "", ("HEAD", "ENG", "PCM", "CCS", "PM")),
        Permission(
            "handover.import_defects",
            _l("Import defects"),
            _l("From an Excel file, after a preview; can be taken back."),
            ("HEAD", "ENG", "PCM"),
        ),
        Permission("handover.edit_defect", _l("Change defects"), "", ("HEAD", "ENG", "PCM")),
        Permission(
            "handover.lower_severity",
            _l("Lower the severity of defects"),
            "",
            (
                "HEAD",
                "ENG",
            ),
        ),
        Permission("handover.assign_defect", _l("Assign defects to contractors"), "", ("HEAD", "ENG", "PCM")),
        Permission("handover.fix_defect", _l("Report defects as fixed"), "", ("HEAD", "ENG", "PM")),
        Permission(
            "handover.verify_defect",
            _l("Re-inspect and close defects"),
            _l("Never one's own repair."),
            ("HEAD", "ENG", "PCM", "CCS", "BCS"),
        ),
        Permission(
            "handover.invalidate_defect", _l("Mark defects as no problem"), "", ("HEAD", "ENG", "PCM")
        ),
        Permission(
            "handover.waive_defect", _l("Note that an owner waives a repair"), "", ("HEAD", "PCM", "CCS")
        ),
        Permission("handover.transfer_defect", _l("Move defects to repair"), "", ("HEAD", "PCM", "CCS")),
        Permission(
            "handover.issue_notice", _l("Make and issue rectification notices"), "", ("HEAD", "ENG", "PCM")
        ),
        Permission(
            "handover.supplement_inspection",
            _l("Supplement signed records"),
            _l(
                "Say what is different from an inspection or form that was signed; it stays as it is. Cancel a form."
            ),
            ("HEAD", "ENG", "PCM"),
        ),
        Permission(
            "handover.edit_books",
            _l("Write the two books"),
            _l("Facts of buildings, and the texts of the user manual."),
            ("HEAD", "PCM", "ENG", "LEG"),
        ),
        Permission("handover.print", _l("Print and issue handover documents"), "", (*seeing, "FIN")),
        Permission("handover.export", _l("Export handover lists"), "", ("HEAD",)),
        Permission(
            "handover.edit_catalogue",
            _l("Change checklists and kinds of fault"),
            "",
            (
                "HEAD",
                "BCS",
            ),
        ),
        *preparation.PERMISSIONS,
    )


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    """Declare what others can hang things on."""
    return (
        RecordKind(
            "handover.template",
            InspectionTemplate,
            _l("Checklist"),
            "handover.view",
            "handover.edit_catalogue",
            "handover_templates.details_view",
            lambda record: record.title,
        ),
        RecordKind(
            "handover.item",
            TemplateItem,
            _l("Checklist item"),
            "handover.view",
            "handover.edit_catalogue",
            "handover_items.details_view",
            lambda record: f"{record.code} {record.name}",
            records.item_path,
        ),
        RecordKind(
            "handover.defect_code",
            DefectCode,
            _l("Kind of fault"),
            "handover.view",
            "handover.edit_catalogue",
            "handover_codes.details_view",
            lambda record: f"{record.code} {record.name}",
        ),
        RecordKind(
            "handover.batch",
            HandoverBatch,
            _l("Handover batch"),
            "handover.view",
            "handover.plan",
            "handover_batches.details_view",
            lambda record: f"{record.code} {record.name}",
            records.batch_path,
            {"map": _l("Map of the place, for the notice")},
        ),
        RecordKind(
            "handover.unit",
            HandoverUnit,
            _l("House in a batch"),
            "handover.view",
            "handover.plan",
            "handover_units.details_view",
            lambda record: record.unit.code,
            records.handover_unit_path,
        ),
        RecordKind(
            "handover.inspection",
            Inspection,
            _l("Inspection"),
            "handover.view",
            "handover.inspect",
            "handover_inspections.details_view",
            records.inspection_title,
            records.unit_path,
            {"meter": _l("Meters"), "signed": _l("Signed paper")},
        ),
        RecordKind(
            "handover.defect",
            Defect,
            _l("Defect"),
            "handover.view",
            "handover.inspect",
            "handover_defects.details_view",
            records.defect_heading,
            records.unit_path,
            {
                "before": _l("Before repair"),
                "after": _l("After repair"),
                "waiver": _l("Waiver signed by the owner"),
            },
        ),
        RecordKind(
            "handover.notice",
            RectificationNotice,
            _l("Rectification notice"),
            "handover.view",
            "handover.issue_notice",
            "handover_notices.details_view",
            lambda record: record.number,
            records.notice_path,
            {"receipt": _l("Signed receipt"), "reply": _l("Reply")},
        ),
        RecordKind(
            "handover.form",
            HouseForm,
            _l("Signed form"),
            "handover.view",
            "handover.receive",
            "handover_forms.details_view",
            lambda record: record.number,
            records.form_path,
        ),
        RecordKind(
            "handover.daily_report",
            DailyReport,
            _l("Daily report"),
            "handover.view",
            "handover.plan",
            "handover_daily_reports.details_view",
            lambda record: f"{record.day.isoformat()} {record.batch.name}",
            records.report_path,
        ),
        RecordKind(
            "handover.book_facts",
            BookFacts,
            _l("Facts of the two books"),
            "handover.view",
            "handover.edit_books",
            "handover_book_facts.details_view",
            records.facts_title,
            records.project_path,
        ),
        RecordKind(
            "handover.manual",
            UserManual,
            _l("Edition of the user manual"),
            "handover.view",
            "handover.edit_books",
            "handover_manuals.details_view",
            lambda record: record.title,
            records.project_path,
        ),
        *preparation.RECORD_KINDS,
    )


@hookimpl
def record_words() -> Sequence[RecordWords]:
    """Name what the change log shows beyond the fields of pages."""
    return (*words.RECORD_WORDS, *preparation.RECORD_WORDS)


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare the back office."""
    handover, setup = MenuArea.HANDOVER, MenuArea.SETUP
    return (
        AdminView(admin.BatchView, "batches", _l("Handover batches"), handover, 10, HandoverBatch),
        AdminView(admin.HandoverUnitView, "units", _l("Houses in batches"), handover, 20, HandoverUnit),
        AdminView(admin.InspectionView, "inspections", _l("Inspections"), handover, 30, Inspection),
        AdminView(
            admin.DefectView, "defects", _l("Defects"), handover, 40, Defect, badge=admin.overdue_count
        ),
        AdminView(
            admin.NoticeView,
            "notices",
            _l("Rectification notices"),
            handover,
            50,
            RectificationNotice,
            badge=admin.running_notices,
        ),
        AdminView(admin.TowerView, "tower", _l("Tower grid"), handover, 12),
        AdminView(admin.DailyReportView, "daily_reports", _l("Daily reports"), handover, 25, DailyReport),
        AdminView(admin.HouseFormView, "forms", _l("Signed forms"), handover, 26, HouseForm),
        AdminView(admin.BookFactsView, "book_facts", _l("Facts of the two books"), setup, 330, BookFacts),
        AdminView(admin.UserManualView, "manuals", _l("Editions of the user manual"), setup, 331, UserManual),
        AdminView(admin.TemplateView, "templates", _l("Checklists"), setup, 310, InspectionTemplate),
        AdminView(admin.ItemView, "items", _l("Checklist items"), setup, 311, TemplateItem, in_menu=False),
        AdminView(admin.DefectCodeView, "codes", _l("Kinds of fault"), setup, 320, DefectCode),
        *preparation.VIEWS,
    )


@hookimpl
def blueprints() -> Sequence[PublicBlueprint]:
    """Declare the pages on site, and those of contractors."""
    return (
        PublicBlueprint(blueprint, "handover"),
        PublicBlueprint(contractor_pages.blueprint, "contractor"),
        PublicBlueprint(desk_pages.blueprint, "handover-day"),
        *preparation.BLUEPRINTS,
    )


@hookimpl
def link_purposes() -> Sequence[LinkPurpose]:
    """Declare the page on which a contractor confirms a notice."""
    return (contractor_pages.LINK, *preparation.LINKS)


@hookimpl
def message_templates() -> Sequence[MessageTemplate]:
    """Declare the message that carries the link to it."""
    return (contractor_pages.MESSAGE, *preparation.MESSAGES)


@hookimpl
def menu_links() -> Sequence[MenuLink]:
    """Declare the way from the sidebar to the pages on site."""
    return (
        MenuLink(_l("Handover day"), "handover_day.index", MenuArea.HANDOVER, "handover.view", 4),
        MenuLink(_l("Inspect on site"), "handover.index", MenuArea.HANDOVER, "handover.inspect", 5),
    )


@hookimpl
def settings() -> Sequence[Setting]:
    """Declare the numbers of the procedure."""
    return (*configuration.settings(), *preparation.settings())


@hookimpl
def periodic_tasks() -> Sequence[PeriodicTask]:
    """Declare the report of the day, the patrols of vacant houses, and the daily look at which houses are ready."""
    return (*periodic.TASKS, *preparation.TASKS)


@hookimpl
def signables() -> Sequence[Signable]:
    """Declare what is signed on the phone."""
    return (signing.INSPECTION, form_signing.FORM)


@hookimpl
def imports() -> Sequence[ImportDeclaration]:
    """Declare defects from Excel."""
    return (
        ImportDeclaration(
            "handover.defects",
            _l("Defects"),
            DefectImporter(),
            "handover.import_defects",
            "handover.defect",
            order=300,
        ),
    )


@hookimpl
def approval_kinds() -> Sequence[ApprovalKind]:
    """Declare who approves penalties by amount (domain reference 3.2.3); finance reviews and cannot ask."""
    return (
        ApprovalKind(
            PENALTY,
            _l("Penalty of a contractor"),
            "handover.notice",
            "handover.issue_notice",
            steps=(ApprovalStep("finance", _l("Finance department"), 10, "FIN"),),
            bands=(
                ApprovalBand(
                    "manager", _l("Customer-service manager"), "PCM", "group", "penalty_limit_manager"
                ),
                ApprovalBand("deputy", _l("Deputy general manager"), "APR", "city", "penalty_limit_deputy"),
                ApprovalBand("city", _l("City general manager"), "HEAD", "city", "penalty_limit_city"),
                ApprovalBand("region", _l("Regional president"), "HEAD", "region"),
            ),
            barred_roles=("FIN",),
            facts=services.penalty_facts,
            approved=services.penalty_approved,
            reopened=services.penalty_reopened,
        ),
    )


@hookimpl
def document_types() -> Sequence[DocumentType]:
    """Declare what is printed (domain reference 3.3.7)."""
    return (*documents.types(), *preparation.DOCUMENTS)


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare sections on pages of the core and of our own records."""
    return (
        Panel(
            "handover.of_unit",
            "core.unit",
            _l("Handover"),
            "handover/panels/houses.html",
            sections.of_unit,
            "handover.view",
            300,
        ),
        Panel(
            "handover.of_customer",
            "core.customer",
            _l("Handover"),
            "handover/panels/houses.html",
            sections.of_customer,
            "handover.view",
            300,
        ),
        Panel(
            "handover.my_work",
            "home",
            _l("My inspections and defects"),
            "handover/panels/home.html",
            sections.my_work,
            "handover.view",
            100,
        ),
        Panel(
            "handover.batch_units",
            "handover.batch",
            _l("Houses"),
            "handover/panels/batch.html",
            sections.of_batch,
            "handover.view",
            100,
        ),
        Panel(
            "handover.day",
            "handover.unit",
            _l("Handover day"),
            "handover/panels/day.html",
            sections.day,
            "handover.view",
            90,
        ),
        Panel(
            "handover.results",
            "handover.inspection",
            _l("Results"),
            "handover/panels/results.html",
            sections.results,
            "handover.view",
            100,
        ),
        Panel(
            "handover.inspection_defects",
            "handover.inspection",
            _l("Defects"),
            "handover/panels/defects.html",
            sections.defects_of_inspection,
            "handover.view",
            90,
        ),
        Panel(
            "handover.rechecks",
            "handover.defect",
            _l("Re-inspections and notices"),
            "handover/panels/rechecks.html",
            sections.rechecks,
            "handover.view",
            100,
        ),
        Panel(
            "handover.notice_lines",
            "handover.notice",
            _l("Defects"),
            "handover/panels/notice.html",
            sections.notice_lines,
            "handover.view",
            90,
        ),
        Panel(
            "handover.template_items",
            "handover.template",
            _l("Items"),
            "handover/panels/template.html",
            sections.template_items,
            "handover.view",
            90,
        ),
        *preparation.PANELS,
    )


@hookimpl
def timeline_kinds() -> Sequence[TimelineKind]:
    """Declare what the module writes into timelines."""
    return (
        TimelineKind("handover.inspection_finished", _l("Inspection"), "ok"),
        TimelineKind("handover.re_inspected", _l("Re-inspection"), "ok"),
        TimelineKind("handover.notice_issued", _l("Rectification notice"), "wait"),
        TimelineKind("handover.notified", _l("Delivery notice"), "calm"),
        TimelineKind("handover.signed_in", _l("Signed in for the handover"), "wait"),
        TimelineKind("handover.fees_settled", _l("Handover fees"), "ok"),
        TimelineKind("handover.papers_signed", _l("Handover papers"), "ok"),
        TimelineKind("handover.refused", _l("House refused"), "late"),
        TimelineKind("handover.delivered", _l("House delivered"), "ok"),
        TimelineKind("handover.defect_ended", _l("Defect ended without repair"), "calm"),
        *preparation.TIMELINE,
    )


@hookimpl
def workflows() -> Sequence[WorkflowDeclaration]:
    """Declare the states of batches, houses, defects and notices (domain reference 3.3.2)."""
    return (*WORKFLOWS, *preparation.WORKFLOWS)


@hookimpl
def clock_policies() -> Sequence[ClockPolicy]:
    """Declare the time limits of notices."""
    return clocks.POLICIES


@hookimpl
def calendar_sources() -> Sequence[CalendarSource]:
    """Declare the inspections that are planned."""
    return (
        CalendarSource(
            "handover.inspections", _l("Inspections"), sections.planned_inspections, "handover.view", 100
        ),
        *preparation.CALENDARS,
    )


@hookimpl
def job_kinds() -> Sequence[JobKind]:
    """Declare the job that writes the letters of a batch."""
    return preparation.JOBS


@hookimpl
def search_sources() -> Sequence[SearchSource]:
    """Declare what the global search finds."""
    return (
        SearchSource("handover.defects", _l("Defects"), records.find_defects, "handover.view", 300),
        SearchSource(
            "handover.inspections", _l("Inspections"), records.find_inspections, "handover.view", 310
        ),
        SearchSource(
            "handover.notices", _l("Rectification notices"), records.find_notices, "handover.view", 320
        ),
    )


@hookimpl
def seed_data() -> Sequence[SeedData]:
    """Declare the checklist with its 121 items and the 25 kinds of fault."""
    return (SeedData(catalogue.load_reference_data), *preparation.SEEDS)


@hookimpl
def demo_data() -> Sequence[DemoData]:
    """Declare a batch with sixty inspections."""
    return (DemoData(demo.load),)


@hookimpl
def open_items(unit_id: int) -> Sequence[OpenItem]:
    """Offer the open defects of a house that was handed over, to who may move them to repair."""
    return services.open_items(unit_id) if has_permission("handover.transfer_defect") else ()


@hookimpl
def delivery_batch(unit_id: int) -> DeliveryBatch | None:
    """Return the batch in which a house is handed over."""
    return services.delivery_batch(unit_id)


@hookimpl
def open_item_taken(kind: str, record_id: int, number: str) -> None:
    """Move a defect to repair."""
    if kind == "handover.defect":
        services.transfer_defect(db.session.get_one(Defect, record_id), number)


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move inspections."""
    services.move_customer(kept_id, merged_id)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Take the person out of inspections."""
    services.forget_customer(customer_id)


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Return the inspections at which the person was present."""
    return services.held_about(customer_id)
