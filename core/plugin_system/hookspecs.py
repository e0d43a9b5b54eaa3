"""The hooks of Doorstep.

Declaring hooks are called once at start; each returns a sequence of declarations. Run-time hooks are called through
:mod:`core.plugin_system.dispatch`, plugin by plugin, each with its declared failure policy.
The first line of a run-time hook's documentation says the policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pluggy

from core.plugin_system import declarations as d

PROJECT = "doorstep"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Decorator of a plugin's functions that implement a hook."""


@hookspec
def permissions() -> Sequence[d.Permission]:
    """Declare the rights that the plugin knows."""
    return ()


@hookspec
def record_kinds() -> Sequence[d.RecordKind]:
    """Declare the kinds of records that others can hang things on."""
    return ()


@hookspec
def record_words() -> Sequence[d.RecordWords]:
    """Declare what the change log calls tables and fields that no page has a label for."""
    return ()


@hookspec
def admin_views() -> Sequence[d.AdminView]:
    """Declare the views of the back office."""
    return ()


@hookspec
def blueprints() -> Sequence[d.PublicBlueprint]:
    """Declare pages outside the back office: on site or for customers."""
    return ()


@hookspec
def menu_links() -> Sequence[d.MenuLink]:
    """Declare links in the sidebar to pages of the plugin's blueprints."""
    return ()


@hookspec
def settings() -> Sequence[d.Setting]:
    """Declare what departments may configure."""
    return ()


@hookspec
def document_types() -> Sequence[d.DocumentType]:
    """Declare printed documents."""
    return ()


@hookspec
def imports() -> Sequence[d.ImportDeclaration]:
    """Declare records that staff may take in from Excel or CSV files."""
    return ()


@hookspec
def signables() -> Sequence[d.Signable]:
    """Declare the kinds of records that are signed on glass."""
    return ()


@hookspec
def panels() -> Sequence[d.Panel]:
    """Declare sections on record pages and on the home page."""
    return ()


@hookspec
def timeline_kinds() -> Sequence[d.TimelineKind]:
    """Declare the kinds of timeline entries that the plugin writes."""
    return ()


@hookspec
def workflows() -> Sequence[d.WorkflowDeclaration]:
    """Declare the states of the plugin's records and how they move (``toolkit.Workflow``)."""
    return ()


@hookspec
def approval_kinds() -> Sequence[d.ApprovalKind]:
    """Declare what needs the approval of others, step by step and by amount."""
    return ()


@hookspec
def search_sources() -> Sequence[d.SearchSource]:
    """Declare sources of the global search."""
    return ()


@hookspec
def job_kinds() -> Sequence[d.JobKind]:
    """Declare work in the background that users start."""
    return ()


@hookspec
def message_templates() -> Sequence[d.MessageTemplate]:
    """Declare the messages that the plugin sends to customers and other outsiders."""
    return ()


@hookspec
def periodic_tasks() -> Sequence[d.PeriodicTask]:
    """Declare work in the background that comes again and again."""
    return ()


@hookspec
def message_channels() -> Sequence[d.MessageChannel]:
    """Declare ways by which messages leave the house."""
    return ()


@hookspec
def link_purposes() -> Sequence[d.LinkPurpose]:
    """Declare public pages that are reached by a personal link or a poster."""
    return ()


@hookspec
def commands() -> Sequence[d.Command]:
    """Declare commands for the command line."""
    return ()


@hookspec
def clock_policies() -> Sequence[d.ClockPolicy]:
    """Declare time limits on records."""
    return ()


@hookspec
def calendar_sources() -> Sequence[d.CalendarSource]:
    """Declare what the calendar shows."""
    return ()


@hookspec
def seed_data() -> Sequence[d.SeedData]:
    """Declare reference data of a new installation."""
    return ()


@hookspec
def demo_data() -> Sequence[d.DemoData]:
    """Declare demo data."""
    return ()


@hookspec
def touchpoint_reached(fact: Any) -> None:
    """Policy: isolate. A touchpoint was reached (``toolkit.reach``).

    Args:
        fact: A ``TouchpointFact`` with code, customer, unit, project, department, moment and details.
    """


@hookspec
def unit_dates_changed(unit_id: int) -> None:
    """Policy: isolate. A unit was accepted, delivered or moved into, or one of these days was corrected.

    Args:
        unit_id: The unit.
    """


@hookspec
def open_items(unit_id: int) -> Sequence[d.OpenItem]:
    """Policy: isolate. Return what is still to be done in a unit and may be taken over by another module now.

    Args:
        unit_id: The unit.
    """
    return ()


@hookspec
def house_terms(unit_id: int) -> Sequence[d.HouseTerm]:
    """Policy: isolate. Return for what a house is guaranteed, from when to when, in the reader's language.

    Args:
        unit_id: The unit.
    """
    return ()


@hookspec
def delivery_batch(unit_id: int) -> d.DeliveryBatch | None:
    """Policy: isolate. Return the batch with which a unit is, or was, handed over, or None.

    Args:
        unit_id: The unit.
    """
    return None


@hookspec
def open_item_taken(kind: str, record_id: int, number: str) -> None:
    """Policy: abort. An open item goes on elsewhere; whoever offered it ends it in the same transaction.

    Args:
        kind: Code of its record kind.
        record_id: Its key.
        number: Number of the record that it became.
    """


@hookspec
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Policy: abort; goes to every installed plugin, on or off. Move all rows of ``merged_id`` to ``kept_id``."""


@hookspec
def customer_erased(customer_id: int) -> None:
    """Policy: abort; goes to every installed plugin, on or off. Remove or anonymise what is held about the customer."""


@hookspec
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Policy: abort; goes to every installed plugin, on or off.

    Return what is held about the customer, as plain data.
    """


@hookspec
def obstacles(record_kind: str, record_id: int) -> Sequence[str]:
    """Policy: abort; goes to every installed plugin, on or off.

    Return sentences that say why a record of the core may not be deleted.
    """
    return ()


DECLARING = (
    "permissions",
    "record_kinds",
    "record_words",
    "admin_views",
    "blueprints",
    "menu_links",
    "settings",
    "document_types",
    "imports",
    "signables",
    "panels",
    "timeline_kinds",
    "workflows",
    "approval_kinds",
    "search_sources",
    "clock_policies",
    "calendar_sources",
    "job_kinds",
    "periodic_tasks",
    "message_templates",
    "message_channels",
    "link_purposes",
    "commands",
    "seed_data",
    "demo_data",
)

RUNTIME: dict[str, tuple[d.FailurePolicy, bool]] = {
    "touchpoint_reached": (d.FailurePolicy.ISOLATE, False),
    "unit_dates_changed": (d.FailurePolicy.ISOLATE, False),
    "open_items": (d.FailurePolicy.ISOLATE, False),
    "house_terms": (d.FailurePolicy.ISOLATE, False),
    "delivery_batch": (d.FailurePolicy.ISOLATE, False),
    "open_item_taken": (d.FailurePolicy.ABORT, False),
    "customers_merged": (d.FailurePolicy.ABORT, True),
    "customer_erased": (d.FailurePolicy.ABORT, True),
    "customer_export": (d.FailurePolicy.ABORT, True),
    "obstacles": (d.FailurePolicy.ABORT, True),
}
"""Run-time hooks: failure policy, and whether plugins that are switched off are called too."""
