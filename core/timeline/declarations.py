"""What the timeline declares: rights, pages, sections, the kinds of the core, and the catalogue as reference data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l

from core.plugin_system.declarations import AdminView, Area, Panel, Permission, SeedData, TimelineKind
from core.plugin_system.hookspecs import hookimpl
from core.timeline import catalogue, services
from core.timeline import panels as sections
from core.timeline.admin import TimelinePage, TouchpointPage

_ALL_STAFF = ("HEAD", "BCS", "CCS", "CMK", "PCM", "MKT", "FIN", "ENG", "PM", "CLB", "DSN", "LEG", "COST")
_CUSTOMER = "core.customer"


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights."""
    return (
        Permission("timeline.view", _l("See the timeline of customers and units"), default_roles=_ALL_STAFF),
        Permission("touchpoints.view", _l("See the touchpoint catalogue"), default_roles=_ALL_STAFF),
        Permission(
            "touchpoints.edit",
            _l("Change touchpoints for the company"),
            _l("Standards, time limits and questions; the catalogue itself stays as it was shipped."),
            default_roles=("HEAD", "BCS", "CCS"),
        ),
    )


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare the pages."""
    return (
        AdminView(TouchpointPage, "touchpoints", _l("Touchpoints"), Area.SETUP, order=40),
        AdminView(TimelinePage, "timeline", _l("Timeline"), Area.CUSTOMERS, order=90, in_menu=False),
    )


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the timeline on the pages of customers and units."""
    return tuple(
        Panel(
            f"core.timeline_of_{noun}", f"core.{noun}", _l("Timeline"), "timeline/panel.html",
            sections.timeline_of, "timeline.view", order=600,
        )
        for noun in ("customer", "unit")
    )  # fmt: skip


@hookimpl
def timeline_kinds() -> Sequence[TimelineKind]:
    """Declare the kinds of entries that the core writes."""
    return (
        TimelineKind("core.milestone", _l("Milestone")),
        TimelineKind("core.delivered", _l("Delivery"), "ok"),
    )


@hookimpl
def seed_data() -> Sequence[SeedData]:
    """Declare the catalogue."""
    return (SeedData(catalogue.load),)


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move the entries."""
    services.move_to_customer(kept_id, merged_id, _CUSTOMER)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Blank the sentences; that something happened on that day stays."""
    services.erase_of_customer(customer_id, _l("Erased at the customer's request."))


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Return the entries."""
    return {"timeline": services.of_customer(customer_id)}
