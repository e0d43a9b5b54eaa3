"""What is printed for houses: what ends soon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    Unit,
    _,
    db,
    local_today,
    owners_of,
)
from plugins.warranty import words
from plugins.warranty.catalogue import categories
from plugins.warranty.common import option, project_name
from plugins.warranty.documents.common import (
    category_name,
    person,
)
from plugins.warranty.models import (
    HouseWarranty,
    Order,
)
from plugins.warranty.services import coverage, expiry
from plugins.warranty.workflows import OPEN


def may_remind(unit: Unit) -> Any:
    """Return why there is nothing to tell, or None."""
    if expiry.ending_lines(unit):
        return None
    return _(
        "No warranty of %(house)s ends within %(days)s days.",
        house=unit.code,
        days=option("expiry_notice_days", unit.project),
    )


def expiry_notice(unit: Unit, language: str) -> Mapping[str, Any]:
    """Return the values of 保修到期告知书: what ends when, and the invitation to have the house looked at before."""
    today = local_today()
    lines = expiry.ending_lines(unit)
    return {
        "addressee": person(words.joined([owner.name for owner in owners_of(unit)])),
        "facts": [
            *_house(unit, language),
            (_("Owner covered from"), words.long_date(coverage.owner_start(unit), language)),
            (_("Open orders"), _open_orders(unit)),
        ],
        "rows": [
            [
                position,
                _title(line, language),
                coverage.house_term_text(
                    unit.project, categories()[line.category_code], line.amount, line.system
                ),
                words.long_date(line.owner_end, language),
                (line.owner_end - today).days,
            ]
            for position, line in enumerate(lines, start=1)
        ],
        "last": words.long_date(lines[0].owner_end, language) if lines else "",
        "issued_on": words.long_date(today, language),
    }


def _house(unit: Unit, language: str) -> list[tuple[Any, ...]]:
    return [(_("Project"), project_name(unit.project, language)), (_("House"), unit.code)]


def _title(line: HouseWarranty, language: str) -> str:
    name = category_name(line.category_code, language)
    return f"{name} · {words.SYSTEMS[line.system]}" if line.system else name


def _open_orders(unit: Unit) -> int:
    found = sa.select(sa.func.count(Order.id)).where(Order.unit_id == unit.id, Order.state.in_(OPEN))
    return int(db.session.scalar(found) or 0)
