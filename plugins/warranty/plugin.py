"""Warranty: what the module declares. Start reading here, then models.py and services/."""

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
    DemoData,
    DocumentType,
    HouseTerm,
    LinkPurpose,
    Manifest,
    MenuArea,
    MenuLink,
    MessageTemplate,
    Panel,
    PeriodicTask,
    Permission,
    PublicBlueprint,
    RecordKind,
    RecordWords,
    SearchSource,
    Setting,
    Signable,
    TimelineKind,
    Unit,
    Workflow,
    _l,
    db,
    has_permission,
    hookimpl,
    setting,
)
from plugins.warranty import (
    calendar,
    configuration,
    deadlines,
    demo,
    documents,
    kinds,
    messages,
    public,
    records,
    rights,
    services,
    signing,
    tasks,
    words,
)
from plugins.warranty import panels as sections
from plugins.warranty.admin import (
    board,
    caller,
    coverage,
    expiry,
    insight,
    leftovers,
    money,
    orders,
    parts,
    parts_of_orders,
    requests,
)
from plugins.warranty.models import (
    Acceptance,
    CitySeason,
    ContractorNotice,
    Deduction,
    ExpiryNotice,
    Extension,
    GroupCase,
    HouseWarranty,
    MonthlyReport,
    Order,
    Plan,
    Promise,
    ReleaseRequest,
    Request,
    RetentionAccount,
    SparePart,
    TakeOver,
    ThirdPartyRepair,
    Visit,
)
from plugins.warranty.on_site import blueprint
from plugins.warranty.services import customers, owners, progress, releases
from plugins.warranty.services import expiry as ends
from plugins.warranty.services.house_terms import house_terms as guaranteed
from plugins.warranty.services.leftovers import leftovers_of, take_over_items
from plugins.warranty.workflows import ALL, RELEASE_APPROVAL

manifest = Manifest(
    slug="warranty",
    name=_l("Warranty"),
    version="0.1.0",
    api=1,
    summary=_l(
        "Takes in repairs, knows what is covered until when, follows each one to the call-back, and makes the "
        "contractor pay who does not come."
    ),
    depends=("contractors",),
    uses=("handover",),
)


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights; roles are those of domain reference 0.2."""
    return rights.permissions()


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    """Declare what others can hang things on."""
    return kinds.record_kinds()


@hookimpl
def record_words() -> Sequence[RecordWords]:
    """Declare what the change log calls the tables and fields that no page names."""
    return words.of_tables()


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare the back office."""
    service, insight_area, setup = MenuArea.SERVICE, MenuArea.INSIGHT, MenuArea.SETUP
    return (
        AdminView(caller.CallerView, "caller", _l("Look up a caller"), service, 10),
        AdminView(
            orders.OrderView, "orders", _l("Repair orders"), service, 20, Order, badge=orders.overdue_count
        ),
        AdminView(parts_of_orders.VisitView, "visits", _l("Visits"), service, 22, Visit),
        AdminView(
            parts_of_orders.PlanView, "plans", _l("Plans of repairs"), service, 23, Plan, in_menu=False
        ),
        AdminView(
            parts_of_orders.ExtensionView,
            "extensions",
            _l("New dates of repairs"),
            service,
            23,
            Extension,
            in_menu=False,
        ),
        AdminView(
            parts_of_orders.AcceptanceView,
            "acceptances",
            _l("Acceptances of repairs"),
            service,
            24,
            Acceptance,
            in_menu=False,
        ),
        AdminView(
            parts_of_orders.ThirdPartyView,
            "third_parties",
            _l("Third-party repairs"),
            service,
            42,
            ThirdPartyRepair,
        ),
        AdminView(board.BoardView, "board", _l("Board of repairs"), service, 25),
        AdminView(requests.RequestView, "requests", _l("Repair requests"), service, 30, Request),
        AdminView(
            money.CaseView, "cases", _l("Batch problems"), service, 35, GroupCase, badge=money.open_cases
        ),
        AdminView(
            money.NoticeView,
            "notices",
            _l("Notices to contractors"),
            service,
            40,
            ContractorNotice,
            badge=money.waiting_notices,
        ),
        AdminView(money.DeductionView, "deductions", _l("Deductions"), service, 45, Deduction),
        AdminView(money.RetentionView, "retention", _l("Retention money"), service, 50, RetentionAccount),
        AdminView(
            money.ReleaseView,
            "releases",
            _l("Requests for release"),
            service,
            55,
            ReleaseRequest,
            in_menu=False,
        ),
        AdminView(parts.PartView, "parts", _l("Spare parts"), service, 60, SparePart),
        AdminView(coverage.CoverView, "cover", _l("Cover of a house"), service, 70),
        AdminView(coverage.RegisterView, "register", _l("Warranty register"), service, 80, HouseWarranty),
        AdminView(expiry.ExpiryView, "expiries", _l("Ends of warranties"), service, 85, ExpiryNotice),
        AdminView(
            leftovers.LeftoversView,
            "leftovers",
            _l("Left over from the handover"),
            service,
            90,
            in_menu=False,
        ),
        AdminView(insight.FiguresView, "figures", _l("Figures of repairs"), insight_area, 40),
        AdminView(insight.ReportView, "reports", _l("Monthly reports"), insight_area, 41, MonthlyReport),
        AdminView(coverage.CategoriesView, "categories", _l("Warranty categories"), setup, 410),
        AdminView(coverage.PromiseView, "promises", _l("Promised terms"), setup, 411, Promise),
        AdminView(coverage.SeasonView, "seasons", _l("Heating and cooling seasons"), setup, 412, CitySeason),
        AdminView(coverage.TakeOverView, "take_overs", _l("Take-over of common parts"), setup, 413, TakeOver),
    )


@hookimpl
def blueprints() -> Sequence[PublicBlueprint]:
    """Declare the pages on site, and those of owners."""
    return (PublicBlueprint(blueprint, "warranty"), PublicBlueprint(public.blueprint, "owner"))


@hookimpl
def link_purposes() -> Sequence[LinkPurpose]:
    """Declare the owner's page, and the posters in the entrance."""
    return (public.LINK, *public.POSTERS)


@hookimpl
def message_templates() -> Sequence[MessageTemplate]:
    """Declare the message that carries the link, and those about repairs."""
    return (public.MESSAGE, *messages.TEMPLATES)


@hookimpl
def menu_links() -> Sequence[MenuLink]:
    """Declare the way from the sidebar to the pages on site."""
    return (MenuLink(_l("Repair on site"), "warranty.index", MenuArea.SERVICE, "warranty.work_order", 5),)


@hookimpl
def workflows() -> Sequence[Workflow]:
    """Declare the states of orders, notices, deductions, releases and batch problems."""
    return ALL


@hookimpl
def clock_policies() -> Sequence[ClockPolicy]:
    """Declare the time limits of domain reference 3.4.4."""
    return deadlines.policies()


@hookimpl
def approval_kinds() -> Sequence[ApprovalKind]:
    """Declare who agrees to the release of retention money (domain reference 3.4.5 and 3.4.6)."""
    return (
        ApprovalKind(
            RELEASE_APPROVAL,
            _l("Release of retention money"),
            "warranty.release",
            "warranty.keep_retention",
            steps=(
                ApprovalStep(
                    "engineering",
                    _l("Engineering department"),
                    10,
                    "ENG",
                    switch_setting="release_asks_engineering",
                ),
                ApprovalStep(
                    "property", _l("Property management"), 10, "PM", switch_setting="release_asks_property"
                ),
                ApprovalStep("cost", _l("Cost department"), 20, "COST", switch_setting="release_asks_cost"),
                ApprovalStep(
                    "finance", _l("Finance department"), 30, "FIN", switch_setting="release_asks_finance"
                ),
            ),
            bands=(
                ApprovalBand("city", _l("City general manager"), "HEAD", "city", "release_limit_city"),
                ApprovalBand("region", _l("Regional president"), "HEAD", "region"),
            ),
            facts=releases.release_facts,
            approved=releases.release_approved,
            rejected=releases.release_given_back,
            withdrawn=releases.release_given_back,
            reopened=releases.release_reopened,
        ),
    )


@hookimpl
def calendar_sources() -> Sequence[CalendarSource]:
    """Declare the visits of engineers."""
    return (
        CalendarSource(
            "warranty.visits", _l("Visits for repairs"), calendar.visits_between, "warranty.view", 110
        ),
    )


@hookimpl
def periodic_tasks() -> Sequence[PeriodicTask]:
    """Declare what is done without being asked: progress, requests to accept, silence, ends of warranties, reports."""
    return (
        PeriodicTask(
            "warranty.monthly_reports",
            _l("Prepare the monthly reports on repairs"),
            tasks.prepare_reports,
            daily_at="03:40",
        ),
        PeriodicTask(
            "warranty.progress", _l("See that owners hear of the progress"), progress.run_progress, minutes=15
        ),
        PeriodicTask(
            "warranty.ask", _l("Ask owners to accept finished repairs"), owners.run_requests, minutes=15
        ),
        PeriodicTask(
            "warranty.ends", _l("Tell owners which warranties end soon"), ends.run_ends, daily_at="09:30"
        ),
        PeriodicTask(
            "warranty.silence",
            _l("Accept repairs to which owners did not answer"),
            owners.run_silence,
            daily_at="09:10",
        ),
    )


@hookimpl
def document_types() -> Sequence[DocumentType]:
    """Declare what is printed (domain reference 3.4.6)."""
    return documents.types()


@hookimpl
def signables() -> Sequence[Signable]:
    """Declare what is signed on the screen."""
    return signing.ALL


@hookimpl
def timeline_kinds() -> Sequence[TimelineKind]:
    """Declare what the module writes into timelines."""
    return (
        TimelineKind("warranty.reported", _l("Repair reported"), "wait"),
        TimelineKind("warranty.contacted", _l("First contact"), "calm"),
        TimelineKind("warranty.visited", _l("Survey"), "calm"),
        TimelineKind("warranty.planned", _l("Plan confirmed"), "calm"),
        TimelineKind("warranty.repairing", _l("Repair in the home"), "calm"),
        TimelineKind("warranty.accepted", _l("Repair accepted"), "ok"),
        TimelineKind("warranty.called_back", _l("Call-back after the repair"), "ok"),
        TimelineKind("warranty.extended", _l("New date of a repair"), "wait"),
        TimelineKind("warranty.expiring", _l("Told of the end of a warranty"), "calm"),
        TimelineKind("warranty.escalated", _l("Complaint about a repair"), "late"),
    )


@hookimpl
def search_sources() -> Sequence[SearchSource]:
    """Declare what the global search finds."""
    return (
        SearchSource("warranty.orders", _l("Repair orders"), records.find_orders, "warranty.view", 330),
        SearchSource("warranty.requests", _l("Repair requests"), records.find_requests, "warranty.view", 335),
    )


@hookimpl
def settings() -> Sequence[Setting]:
    """Declare the numbers of the procedure."""
    return (*configuration.settings(), *messages.settings())


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare sections on pages of the core and of our own records."""

    def panel(code: str, kind: str, title: Any, template: str, load: Any, order: int = 100) -> Panel:
        path = f"warranty/panels/{template}.html"
        return Panel(f"warranty.{code}", kind, title, path, load, "warranty.view", order)

    return (
        panel("orders_of_unit", "core.unit", _l("Repairs"), "house", sections.of_unit, 305),
        panel("cover_of_unit", "core.unit", _l("Warranty"), "unit", sections.cover_of_unit, 310),
        panel("orders_of_customer", "core.customer", _l("Repairs"), "house", sections.of_customer, 305),
        panel("my_work", "home", _l("My repairs"), "home", sections.my_work, 110),
        panel(
            "orders_of_request", "warranty.request", _l("Orders"), "orders", sections.orders_of_request, 90
        ),
        panel("orders_of_case", "warranty.case", _l("Orders"), "orders", sections.orders_of_case, 90),
        panel("history", "warranty.order", _l("What happened"), "history", sections.history, 90),
        panel("moves_of_part", "warranty.part", _l("Movements"), "moves", sections.moves_of_part, 90),
    )


@hookimpl
def demo_data() -> Sequence[DemoData]:
    """Declare the first phase with its repairs."""
    return (DemoData(demo.load),)


@hookimpl
def unit_dates_changed(unit_id: int) -> None:
    """Make the lines of a house when it is delivered, and take over what the handover left open."""
    unit = db.session.get(Unit, unit_id)
    if unit is None:
        return
    services.refresh_lines(unit)
    may = has_permission("warranty.create_request")
    if (
        unit.delivered_on is not None
        and may
        and setting("warranty", "take_over_at_delivery")
        and leftovers_of(unit)
    ):
        take_over_items(unit)


@hookimpl
def house_terms(unit_id: int) -> Sequence[HouseTerm]:
    """Return for what a house is guaranteed."""
    unit = db.session.get(Unit, unit_id)
    return guaranteed(unit) if unit is not None else ()


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move requests and orders."""
    customers.move_customer(kept_id, merged_id)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Take the person out of requests and orders."""
    customers.forget_customer(customer_id)


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Return what the person reported."""
    return customers.held_about(customer_id)
