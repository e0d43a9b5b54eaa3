"""Reservations: what the module declares. Start reading here, then models.py and services.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import url_for

from core.toolkit import (
    AdminView,
    CalendarSource,
    DemoData,
    DocumentType,
    LinkPurpose,
    Manifest,
    MenuArea,
    MessageTemplate,
    Panel,
    Permission,
    PublicBlueprint,
    RecordKind,
    RecordWords,
    Setting,
    TimelineKind,
    WorkflowDeclaration,
    _,
    _l,
    hookimpl,
    in_language,
)
from plugins.reservations import admin, demo, documents, public, services, words
from plugins.reservations import panels as sections
from plugins.reservations.models import Booking, DayPlan, NotificationRule, Purpose, Resource, Slot
from plugins.reservations.workflows import WORKFLOWS

manifest = Manifest(
    slug="reservations",
    name=_l("Reservations"),
    version="1.0.0",
    api=1,
    summary=_l("Desks, rooms and places with their slots, who comes when, and what is prepared for them."),
    category="base",
)

_EVERYBODY = ("HEAD", "BCS", "PCM", "CCS", "ENG", "PM")


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights; roles are those of domain reference 0.2."""
    return (
        Permission("reservations.view", _l("See reservations"), _l("Slots, and who comes when."), _EVERYBODY),
        Permission(
            "reservations.record_booking",
            _l("Book, move and receive"),
            _l("Book for customers, confirm, move, cancel, and note who has come."),
            ("HEAD", "BCS", "PCM", "CCS", "PM"),
        ),
        Permission(
            "reservations.plan_slots",
            _l("Plan slots"),
            _l("Resources with their opening times, purposes, slots, and who is told of bookings."),
            ("HEAD", "BCS", "PCM"),
        ),
        Permission(
            "reservations.print",
            _l("Print reservations"),
            _l("The sheets show names and numbers in full, so that people can be received and called."),
            _EVERYBODY,
        ),
        Permission("reservations.export", _l("Export reservations"), "", ("HEAD",)),
    )


def _path(record: Any) -> Sequence[tuple[str, str | None]]:
    return (
        (in_language(record.project.name, record.project.name_en), None),
        (_("Reservations"), url_for("reservations_desk.index", project=record.project_id)),
    )


def _slot_path(record: Any) -> Sequence[tuple[str, str | None]]:
    day = services.local_date(record if isinstance(record, Slot) else record.slot).isoformat()
    return (
        (in_language(record.project.name, record.project.name_en), None),
        (day, url_for("reservations_desk.index", project=record.project_id, day=day)),
    )


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    """Declare what others can hang things on."""
    see, plan = "reservations.view", "reservations.plan_slots"

    def kind(code: str, model: Any, label: Any, edit: str, view: str, title: Any, path: Any) -> RecordKind:
        return RecordKind(
            f"reservations.{code}", model, label, see, edit, f"reservations_{view}.details_view", title, path
        )

    return (
        kind("purpose", Purpose, _l("Purpose"), plan, "purposes", services.purpose_name, _path),
        kind("resource", Resource, _l("Resource"), plan, "resources", services.resource_name, _path),
        kind("slot", Slot, _l("Slot"), plan, "slots", services.slot_title, _slot_path),
        kind(
            "booking",
            Booking,
            _l("Booking"),
            "reservations.record_booking",
            "bookings",
            lambda record: record.number,
            _slot_path,
        ),
        kind(
            "rule",
            NotificationRule,
            _l("Notification rule"),
            plan,
            "rules",
            lambda record: str(words.EVENTS[record.event]),
            _path,
        ),
        kind(
            "day",
            DayPlan,
            _l("Date"),
            "reservations.record_booking",
            "days",
            lambda record: record.day.isoformat(),
            _path,
        ),
    )


@hookimpl
def record_words() -> Sequence[RecordWords]:
    """Name what the change log shows beyond the fields of pages."""
    return words.record_words()


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare the back office."""
    area, setup = MenuArea.CUSTOMERS, MenuArea.SETUP
    return (
        AdminView(admin.DeskView, "desk", _l("Reservations"), area, 60),
        AdminView(admin.BookingView, "bookings", _l("All bookings"), area, 61, Booking),
        AdminView(admin.SlotView, "slots", _l("Slots"), area, 62, Slot, in_menu=False),
        AdminView(admin.DayPlanView, "days", _l("Day sheets"), area, 63, DayPlan),
        AdminView(admin.ResourceView, "resources", _l("Resources"), setup, 330, Resource),
        AdminView(admin.PurposeView, "purposes", _l("Purposes of reservations"), setup, 331, Purpose),
        AdminView(admin.RuleView, "rules", _l("Who is told of bookings"), setup, 332, NotificationRule),
    )


@hookimpl
def blueprints() -> Sequence[PublicBlueprint]:
    """Declare the page on which owners book."""
    return (PublicBlueprint(public.blueprint, "reservations"),)


@hookimpl
def link_purposes() -> Sequence[LinkPurpose]:
    """Declare the personal link to it."""
    return (public.LINK,)


@hookimpl
def message_templates() -> Sequence[MessageTemplate]:
    """Declare the message that carries the link."""
    return (public.MESSAGE,)


@hookimpl
def workflows() -> Sequence[WorkflowDeclaration]:
    """Declare the way of a booking."""
    return WORKFLOWS


@hookimpl
def settings() -> Sequence[Setting]:
    """Declare the numbers."""
    return (
        Setting(
            "most_rings",
            3,
            _l("Rings until a call is answered"),
            _l("Calls that were answered after at most so many rings count as answered in time."),
            _l("Fine-management practice of reservations"),
            minimum=1,
            maximum=20,
        ),
    )


@hookimpl
def document_types() -> Sequence[DocumentType]:
    """Declare what is printed."""
    return (
        DocumentType(
            code="reservations.booking_form",
            label=_l("Reservation form"),
            record_kind="reservations.booking",
            template="reservations/documents/booking_form.html",
            context=documents.booking_form,
            permission="reservations.print",
            issue_permission="reservations.print",
            number_prefix="YD",
        ),
        DocumentType(
            code="reservations.setup_sheet",
            label=_l("Set-up checklist"),
            record_kind="reservations.booking",
            template="reservations/documents/setup_sheet.html",
            context=documents.setup_sheet,
            permission="reservations.print",
            issue_permission="reservations.print",
            number_prefix="BC",
        ),
        DocumentType(
            code="reservations.day_sheet",
            label=_l("Arrangement of the day"),
            record_kind="reservations.day",
            template="reservations/documents/day_sheet.html",
            context=documents.day_sheet,
            permission="reservations.print",
            issue_permission="reservations.print",
            number_prefix="DR",
        ),
    )


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the sections on the pages of customers, houses and bookings, and on the home page."""

    def panel(code: str, kind: str, title: Any, template: str, load: Any, order: int) -> Panel:
        return Panel(
            f"reservations.{code}",
            kind,
            title,
            f"reservations/panels/{template}.html",
            load,
            "reservations.view",
            order,
        )

    return (
        panel("customer", "core.customer", _l("Reservations"), "bookings", sections.of_customer, 250),
        panel("unit", "core.unit", _l("Reservations"), "bookings", sections.of_unit, 250),
        panel("slot", "reservations.slot", _l("Bookings"), "bookings", sections.of_slot, 50),
        panel(
            "read_back", "reservations.booking", _l("To be read back"), "read_back", sections.read_back, 50
        ),
        panel("setup", "reservations.booking", _l("Set-up checklist"), "setup", sections.setup, 60),
        panel(
            "checklist",
            "reservations.purpose",
            _l("Set-up checklist"),
            "checklist",
            sections.purpose_setup,
            60,
        ),
        panel("today", "home", _l("Reservations today"), "today", sections.today, 120),
    )


@hookimpl
def calendar_sources() -> Sequence[CalendarSource]:
    """Show the bookings in the calendar."""
    return (
        CalendarSource(
            "reservations.bookings", _l("Reservations"), sections.calendar, "reservations.view", order=120
        ),
    )


@hookimpl
def timeline_kinds() -> Sequence[TimelineKind]:
    """Declare what stands on timelines."""
    return (TimelineKind("reservations.booking", _l("Reservation")),)


@hookimpl
def demo_data() -> Sequence[DemoData]:
    """Tell who came to the handover of the story."""
    return (DemoData(demo.load),)


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move the bookings."""
    services.move_to_customer(kept_id, merged_id)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Empty what the bookings say of the customer."""
    services.erase_of_customer(customer_id)


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Tell when the customer came."""
    return {"bookings": services.of_customer(customer_id)}


@hookimpl
def obstacles(record_kind: str, record_id: int) -> Sequence[str]:
    """Say why a project or a house may not be deleted."""
    return services.uses_of(record_kind, record_id)
