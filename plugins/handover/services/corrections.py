"""Corrections of fees and papers before they stand still; each with its reason in the change log.

A fee stands still when the keys are handed over. A paper does too, and no longer changes once the deed that lists it
was signed on glass; then a supplement says what is different.
"""

from __future__ import annotations

from decimal import Decimal

from core.toolkit import _, db, is_signed, record_event
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import FeeItem, FeeState, FormKind, HandoverUnit, IssuedPaper
from plugins.handover.services.fees import MOST, weigh_fees
from plugins.handover.services.house_forms import form_of
from plugins.handover.services.papers import weigh_papers
from plugins.handover.services.places import lock_place, require_keys_here


def _begin(place: HandoverUnit, reason: str) -> str:
    lock_place(place)
    require_keys_here(place)
    if not reason.strip():
        raise HandoverRuleError(_("Say why it is corrected; the reason stands in the change log."))
    return reason.strip()[:1000]


def correct_fee(fee: FeeItem, amount: Decimal, basis: str, reason: str) -> None:
    """Correct the amount of a fee that is not settled yet.

    Args:
        fee: The fee.
        amount: The right amount in yuan, negative for money back.
        basis: How it comes about.
        reason: Why it is corrected.

    Raises:
        HandoverRuleError: The keys are handed over, the fee is settled, or amount or reason are missing.
    """
    place = fee.handover_unit
    words = _begin(place, reason)
    if fee.is_settled:
        raise HandoverRuleError(_("This fee is settled already. Take the payment or exemption back first."))
    if not amount or abs(amount) >= MOST:
        raise HandoverRuleError(_("Write the amount in yuan, for example 12800.00; it cannot be 0."))
    fee.amount, fee.basis = amount, basis.strip()[:200]
    record_event("corrected", fee, reason=words)
    weigh_fees(place)


def cancel_fee(fee: FeeItem, reason: str) -> None:
    """Take a fee back that was entered by mistake; the change log keeps it.

    Args:
        fee: A fee that is not paid.
        reason: Why it is not due.

    Raises:
        HandoverRuleError: The keys are handed over, the fee is paid, or the reason is missing.
    """
    place = fee.handover_unit
    words = _begin(place, reason)
    if fee.paid_at is not None:
        raise HandoverRuleError(_("This fee is paid. Take the payment back first."))
    record_event("cancelled", fee, reason=words, kind=str(fee.kind), amount=str(fee.amount))
    db.session.delete(fee)
    weigh_fees(place)


def reopen_fee(fee: FeeItem, reason: str) -> None:
    """Take a payment or an exemption back that was noted by mistake; the fee is open again.

    Args:
        fee: A settled fee.
        reason: Why, for example that the transfer came back.

    Raises:
        HandoverRuleError: The keys are handed over, the fee is open, or the reason is missing.
    """
    place = fee.handover_unit
    words = _begin(place, reason)
    if not fee.is_settled:
        raise HandoverRuleError(_("This fee is open; there is nothing to take back."))
    record_event("reopened", fee, reason=words, receipt=fee.receipt_number)
    fee.paid_at, fee.receipt_number, fee.exempt_reason, fee.settled_by_id = None, "", "", None
    weigh_fees(place)


def lift_exemption(place: HandoverUnit, reason: str) -> None:
    """Take the exemption of a whole house from its fees back.

    Raises:
        HandoverRuleError: The keys are handed over, the house is not exempt, or the reason is missing.
    """
    words = _begin(place, reason)
    if not place.fee_exempt_reason:
        raise HandoverRuleError(_("%(unit)s is not exempt as a whole.", unit=place.unit.code))
    record_event("reopened", place, reason=words)
    place.fee_exempt_reason = ""
    place.fee_state = FeeState.OPEN
    weigh_fees(place)


def _require_open_deed(place: HandoverUnit) -> None:
    deed = form_of(place, FormKind.DEED)
    if deed is not None and is_signed(deed):
        raise HandoverRuleError(
            _(
                "The deed %(number)s lists the papers and is signed. Add a supplement to it instead.",
                number=deed.number,
            )
        )


def correct_paper(paper: IssuedPaper, version: str, number: str, reason: str) -> None:
    """Correct edition or number of a paper; a signature for the wrong one does not count, so it is asked for anew.

    Args:
        paper: The paper.
        version: The right edition.
        number: The right number.
        reason: Why it is corrected.

    Raises:
        HandoverRuleError: The keys are handed over, the deed is signed, or edition or reason are missing.
    """
    place = paper.handover_unit
    words = _begin(place, reason)
    _require_open_deed(place)
    if not version.strip():
        raise HandoverRuleError(_("Write the edition of the two books, for example 2026-1."))
    paper.version, paper.number = version.strip()[:30], number.strip()[:60]
    paper.signed_at, paper.signed_by = None, ""
    record_event("corrected", paper, reason=words)
    weigh_papers(place)


def withdraw_paper(paper: IssuedPaper, reason: str) -> None:
    """Take a paper out of the set of a house, because it does not belong there; the change log keeps it.

    Raises:
        HandoverRuleError: The keys are handed over, the deed is signed, or the reason is missing.
    """
    place = paper.handover_unit
    words = _begin(place, reason)
    _require_open_deed(place)
    record_event("cancelled", paper, reason=words, kind=str(paper.kind), version=paper.version)
    db.session.delete(paper)
    weigh_papers(place)


def take_signature_back(paper: IssuedPaper, reason: str) -> None:
    """Note that a paper is not signed after all, for example because the wrong person signed.

    Raises:
        HandoverRuleError: The keys are handed over, the deed is signed, nobody signed, or the reason is missing.
    """
    place = paper.handover_unit
    words = _begin(place, reason)
    _require_open_deed(place)
    if paper.signed_at is None:
        raise HandoverRuleError(_("Nobody has signed for this paper yet."))
    record_event("reopened", paper, reason=words)
    paper.signed_at, paper.signed_by = None, ""
    weigh_papers(place)
