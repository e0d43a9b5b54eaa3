"""What is printed for owners: the welcome letter 欢迎信 of a house (domain reference 5.4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import format_date
from flask_babel import gettext as _

from core.customers.services import holders_of, owners_of
from core.database.base import CORE
from core.languages import in_language, listed
from core.people.settings import setting
from core.projects.models import Unit


def welcome_letter(unit: Unit, language: str) -> Mapping[str, Any]:
    """Return the values of the welcome letter: who is addressed, the house, and whom to call.

    It is a fixed form: what differs from house to house stands in slots of the template.

    Args:
        unit: The house.
        language: Locale of the print; the texts follow it by themselves.
    """
    del language
    owners = owners_of(unit)
    ids = {owner.id for owner in owners}
    holding = next((row for row in holders_of(unit) if row.customer_id in ids), None)
    project = unit.project
    department = project.department_id
    area = unit.gross_area_measured or unit.gross_area_contract
    return {
        "recipient_customer_id": owners[0].id if owners else None,
        "names": listed(owner.name for owner in owners),
        "project_name": in_language(project.name, project.name_en),
        "facts": [
            (_("House"), unit.code),
            (_("Layout"), unit.layout),
            (_("Gross area"), f"{area} m²" if area is not None else ""),
            (_("Contract number"), holding.contract_number if holding is not None else ""),
            (_("Signed on"), _day(holding.signed_on if holding is not None else None)),
            (_("Delivery by contract"), _day(unit.contract_delivery_on)),
        ],
        "contact": setting(CORE, "letter_contact", department),
        "phone": setting(CORE, "letter_phone", department),
    }


def _day(day: Any) -> str:
    return str(format_date(day, "long")) if day is not None else ""


def welcome_obstacle(unit: Unit) -> str | None:
    """Return why the letter of a house cannot be issued yet, or None."""
    if owners_of(unit):
        return None
    return _("Nobody owns the house yet. Enter the purchase first.")
