"""Words for the values of projects, buildings and units, shared by pages and exports."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from core.projects.models import Decoration

DECORATIONS = ((Decoration.ROUGH, _l("Rough")), (Decoration.FITTED, _l("Fitted out")))

LABELS = {
    "code": _l("Code"),
    "name": _l("Name"),
    "name_en": _l("Name in English"),
    "department_id": _l("City company"),
    "department.name": _l("City company"),
    "developer_name": _l("Developer"),
    "address": _l("Address"),
    "sales_opening_on": _l("Sales opening"),
    "archived_at": _l("Project closed"),
    "groups": _l("Groups that work on it"),
    "project_id": _l("Project"),
    "project.name": _l("Project"),
    "phase_id": _l("Phase"),
    "phase.name": _l("Phase"),
    "building_id": _l("Building"),
    "building.name": _l("Building"),
    "total_floors": _l("Floors above ground"),
    "completion_accepted_on": _l("Completion accepted"),
    "entrance": _l("Entrance"),
    "number": _l("Room number"),
    "floor": _l("Floor"),
    "layout": _l("Layout"),
    "orientation": _l("Orientation"),
    "decoration": _l("Delivery standard"),
    "gross_area_contract": _l("Gross area by contract (m²)"),
    "gross_area_measured": _l("Gross area measured (m²)"),
    "net_area": _l("Net area (m²)"),
    "price": _l("Price (yuan)"),
    "contract_delivery_on": _l("Delivery by contract"),
    "delivered_on": _l("Delivered on"),
    "occupied_on": _l("Moved in on"),
    "created_at": _l("Created"),
}
