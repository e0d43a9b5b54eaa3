"""Open items of other modules become orders: what was found at the handover and is not repaired when the keys are
handed over goes on here, with the same photos."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from core.toolkit import (
    Attachment,
    OpenItem,
    Unit,
    _,
    attach_again,
    db,
    end_open_item,
    open_items_of,
    owners_of,
)
from plugins.contractors.models import Company
from plugins.warranty.catalogue import categories
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import Channel, Request
from plugins.warranty.services.intake import Issue, register_request


def leftovers_of(unit: Unit) -> Sequence[OpenItem]:
    """Return what other modules offer to be taken over in a house."""
    return open_items_of(unit) if unit.delivered_on is not None else ()


def take_over_items(unit: Unit) -> Request:
    """Make an order of each open item of a house, with the same photos; the items end where they were.

    Args:
        unit: A delivered house.

    Raises:
        WarrantyRuleError: Nothing is offered.
        PluginFailed: The module that offered an item cannot end it; nothing is saved.
    """
    items = leftovers_of(unit)
    if not items:
        raise WarrantyRuleError(_("Nothing is left over from the handover of %(unit)s.", unit=unit.code))
    companies = {
        company.id: company
        for company in db.session.scalars(
            sa.select(Company).where(
                Company.id.in_([item.contractor_id for item in items if item.contractor_id])
            )
        )
    }
    request = register_request(
        issues=[
            Issue(
                "other",
                item.text,
                item.room_name,
                item.category_code if item.category_code in categories() else "",
                "P2" if item.urgent else "P3",
                contractor=companies.get(item.contractor_id or 0),
                source=(item.kind, item.record_id, item.number),
            )
            for item in items
        ],
        unit=unit,
        customer=next(iter(owners_of(unit)), None),
        reporter_name=_("Handover"),
        channel=Channel.HANDOVER,
    )
    for item, order in zip(items, request.orders, strict=True):
        for photo in db.session.scalars(
            sa.select(Attachment).where(Attachment.id.in_(item.photo_ids)).order_by(Attachment.id)
        ):
            attach_again(photo, order, "before")
        end_open_item(item, order.number)
    return request
