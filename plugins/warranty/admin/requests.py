"""What owners reported, each with its orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, undefer

from core.toolkit import (
    PROJECTS,
    UNITS,
    ChoiceFilter,
    DateRangeFilter,
    ReferenceFilter,
    SearchDeclaration,
    Unit,
    ViewPermissions,
    _l,
    mask_all,
    mask_phone,
)
from plugins.warranty import words
from plugins.warranty.admin.common import WarrantyView, customer_link, load_buildings
from plugins.warranty.models import REQUEST_SEARCH, Order, Request


class RequestView(WarrantyView):
    """What owners reported, each with its orders."""

    permissions = ViewPermissions("warranty.view", None, None, None, "warranty.export")
    record_kind = "warranty.request"
    column_list = ("number", "house", "reporter_name", "channel", "reported_at", "orders")
    column_details_list = (
        "house",
        "customer",
        "reporter_name",
        "reporter_phone",
        "relation",
        "channel",
        "reported_at",
        "registered_at",
        "registered_by",
        "availability",
        "note",
    )
    column_export_list = ("number", "unit.code", "channel", "reported_at", "registered_at")
    column_labels = {
        "number": _l("Number"),
        "house": _l("House"),
        "unit.code": _l("House"),
        "unit_id": _l("House"),
        "building_id": _l("Building"),
        "project_id": _l("Project"),
        "customer": _l("Customer"),
        "customer_id": _l("Customer"),
        "reporter_name": _l("Reported by"),
        "reporter_phone": _l("Telephone"),
        "relation": _l("Is to the house"),
        "channel": _l("Channel"),
        "reported_at": _l("Reported"),
        "registered_at": _l("Registered"),
        "registered_by": _l("Registered by"),
        "registered_by_id": _l("Registered by"),
        "availability": _l("At home"),
        "place": _l("Place in the common parts"),
        "note": _l("Note"),
        "orders": _l("Orders"),
        "language": _l("Language"),
        "client_key": _l("Key of the page"),
    }
    choices = {
        "channel": tuple(words.CHANNELS.items()),
        "relation": tuple(words.RELATIONS.items()),
    }
    cells = {
        "house": lambda row: row.house,
        "customer": lambda row: customer_link(row.customer),
        "orders": lambda row: len(row.orders),
        "registered_by": lambda row: row.registered_by.name if row.registered_by else "",
    }
    personal_columns = {"reporter_name": mask_all, "reporter_phone": mask_phone}
    list_options = (
        undefer(Request.unit_id),
        undefer(Request.building_id),
        undefer(Request.place),
        joinedload(Request.unit).load_only(Unit.code),
        sa.orm.selectinload(Request.orders).load_only(Order.id),
    )
    search = SearchDeclaration(index=REQUEST_SEARCH, placeholder=_l("Number"))
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ReferenceFilter("unit_id", reference=UNITS),
        ChoiceFilter("channel"),
        DateRangeFilter("reported_at"),
    )
    sortable = ("number", "reported_at")
    list_template = "warranty/admin/requests.html"
    empty_list_hint = _l("Look up the caller to register the first request.")

    def before_list(self, records: Sequence[Any]) -> None:
        """Load the buildings of requests for common parts at once."""
        load_buildings(records)
