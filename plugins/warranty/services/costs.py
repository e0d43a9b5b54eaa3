"""Amounts of money, and what orders cost."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal

from core.toolkit import _, db, require_scope, utc_now
from plugins.warranty.common import local_day
from plugins.warranty.coverage import Bearer
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import CostKind, CostLine, Order
from plugins.warranty.services.notices import require_right

CENT = Decimal("0.01")
LARGEST = Decimal("100000000")
"""Yuan; more is a typing error."""


def rounded(amount: Decimal) -> Decimal:
    """Return an amount in whole cents, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def check_amount(amount: Decimal, field: str = "amount") -> Decimal:
    if not amount.is_finite() or not 0 < amount <= LARGEST:
        raise WarrantyRuleError(_("The amount must lie between 0.01 and 100,000,000 yuan."), field)
    return rounded(amount)


def add_cost(
    order: Order,
    *,
    kind: CostKind,
    amount: Decimal,
    borne_by: Bearer | None = None,
    description: str = "",
    paid_by_us: bool = False,
    spent_on: dt.date | None = None,
) -> CostLine:
    """Add what an order costs.

    Args:
        order: The order.
        kind: What it is for.
        amount: Yuan.
        borne_by: Who bears it; by the verdict when omitted.
        description: What exactly.
        paid_by_us: Whether we paid what somebody else bears, so that it is to be recovered.
        spent_on: The day; today when omitted.

    Raises:
        TransitionRefused: The right is missing.
        WarrantyRuleError: The amount is not possible, or nobody was determined who bears it.

    Source: domain reference 3.4.5.
    """
    require_right("warranty.edit_costs", _("Add a cost"))
    bearer = Bearer(borne_by or order.borne_by)
    if bearer == Bearer.UNDETERMINED:
        raise WarrantyRuleError(_("Say who bears the cost."), "borne_by")
    line = CostLine(
        project_id=order.project_id,
        order_id=order.id,
        kind=kind,
        description=description.strip()[:255],
        amount=check_amount(amount),
        borne_by=bearer,
        paid_by_us=paid_by_us and bearer != Bearer.DEVELOPER,
        spent_on=spent_on or local_day(utc_now()),
        by_id=require_scope().user_id,
    )
    db.session.add(line)
    db.session.flush()
    db.session.expire(order, ["costs"])
    return line


def remove_cost(line: CostLine) -> None:
    """Remove a cost that was entered by mistake; one of a third party's invoice stays.

    Raises:
        WarrantyRuleError: It belongs to an invoice.
    """
    require_right("warranty.edit_costs", _("Add a cost"))
    if line.kind == CostKind.THIRD_PARTY:
        raise WarrantyRuleError(_("The cost of an invoice stays; correct it by the deduction."))
    order = line.order
    db.session.delete(line)
    db.session.flush()
    db.session.expire(order, ["costs"])
