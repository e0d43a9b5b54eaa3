"""What a house pays at the handover, and that it is settled or exempt."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from core.toolkit import (
    _,
    _l,
    db,
    reach,
    require_scope,
    utc_now,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    FeeItem,
    FeeKind,
    FeeState,
    HandoverUnit,
    Station,
)
from plugins.handover.preparation.services import charges
from plugins.handover.services.places import about, lock_place, require_keys_here
from plugins.handover.services.visits import finish_desk
from plugins.handover.workflows import HANDOVER_UNIT

MOST = Decimal(10**9)


def add_fee(place: HandoverUnit, kind: FeeKind, amount: Decimal, basis: str = "") -> FeeItem:
    """Enter what a house pays.

    Args:
        place: The house in its batch.
        kind: What for.
        amount: In yuan, negative for money back.
        basis: How the amount comes about.

    Raises:
        HandoverRuleError: The keys are handed over, or the amount is none.
    """
    lock_place(place)
    require_keys_here(place)
    if not amount or abs(amount) >= MOST:
        raise HandoverRuleError(_("Write the amount in yuan, for example 12800.00; it cannot be 0."))
    fee = FeeItem(
        project_id=place.project_id,
        handover_unit_id=place.id,
        kind=kind,
        amount=amount,
        basis=basis.strip()[:200],
    )
    db.session.add(fee)
    weigh_fees(place)
    return fee


def pay_fee(fee: FeeItem, receipt_number: str, at: dt.datetime | None = None) -> None:
    """Note that a fee is paid.

    Args:
        fee: The fee.
        receipt_number: Number of the receipt or the bank's reference.
        at: When; now when omitted.

    Raises:
        HandoverRuleError: It is settled already, or the receipt is missing.
    """
    place = fee.handover_unit
    lock_place(place)
    _require_unsettled(fee)
    if not receipt_number.strip():
        raise HandoverRuleError(_("Write the number of the receipt, so that the payment can be found."))
    fee.paid_at = at or utc_now()
    fee.receipt_number = receipt_number.strip()[:60]
    fee.settled_by_id = require_scope().user_id
    charges.fee_was_settled(fee)
    weigh_fees(place, at)


def exempt_fee(fee: FeeItem, reason: str) -> None:
    """Exempt a house from a fee.

    Raises:
        HandoverRuleError: It is settled already, or the reason is missing.
    """
    place = fee.handover_unit
    lock_place(place)
    _require_unsettled(fee)
    fee.exempt_reason = _reason(reason)
    fee.settled_by_id = require_scope().user_id
    weigh_fees(place)


def exempt_house(place: HandoverUnit, reason: str) -> None:
    """Exempt a house from all fees, for example because nothing is due.

    Raises:
        HandoverRuleError: The keys are handed over, or the reason is missing.
    """
    lock_place(place)
    require_keys_here(place)
    place.fee_exempt_reason = _reason(reason)
    weigh_fees(place)


def _reason(text: str) -> str:
    if not text.strip():
        raise HandoverRuleError(_("Give the reason of the exemption; it stands on the fee sheet."))
    return text.strip()[:1000]


def _require_unsettled(fee: FeeItem) -> None:
    if fee.is_settled:
        raise HandoverRuleError(_("This fee is settled already."))


def weigh_fees(place: HandoverUnit, at: dt.datetime | None = None) -> None:
    """Find out anew whether the fees of a house are settled, and send the owner on when they have just become so.

    Args:
        place: The house in its batch.
        at: When; now when omitted.
    """
    db.session.flush()
    db.session.expire(place, ["fees"])
    fees = place.fees
    if place.fee_exempt_reason or (fees and all(fee.exempt_reason for fee in fees)):
        state = FeeState.EXEMPT
    elif fees and all(fee.is_settled for fee in fees):
        state = FeeState.SETTLED
    else:
        state = FeeState.OPEN
    was_open, place.fee_state = place.fee_state == FeeState.OPEN, state
    db.session.flush()
    if state == FeeState.OPEN or not was_open:
        return
    if place.state == "identity_ok":
        HANDOVER_UNIT.move(place, "settle")
    moment = at or utc_now()
    finish_desk(place, Station.FEES, moment)
    reach(
        "TP-E04",
        "handover.fees_settled",
        _l("House %(unit)s: fees settled.", unit=place.unit.code),
        happened_at=moment,
        **about(place),
    )
