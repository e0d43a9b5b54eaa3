"""Deductions from contractors, with their objections, until they are booked to the retention money."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import sqlalchemy as sa

from core.toolkit import _, db, require_scope, utc_now
from plugins.warranty.common import local_day, number_of_day, option
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    Deduction,
    EntryKind,
    Order,
    RetentionAccount,
    RetentionEntry,
    Saying,
    ThirdPartyRepair,
)
from plugins.warranty.services.costs import check_amount, rounded
from plugins.warranty.services.intake import note_event
from plugins.warranty.services.notices import require_right
from plugins.warranty.services.retention import book, lock
from plugins.warranty.workflows import DEDUCTION


def draft_deduction(
    order: Order, cost: Decimal, reason: str, *, third_party: ThirdPartyRepair | None = None
) -> Deduction:
    """Prepare a deduction: the cost and the management fee on it.

    Args:
        order: The order.
        cost: What was paid, in yuan.
        reason: Why the contractor pays.
        third_party: The repair whose invoice it is; at most one deduction for each.

    Raises:
        TransitionRefused: The right is missing.
        WarrantyRuleError: There is no contractor or no reason, the amount is not possible, or there is one already.

    Source: domain reference 3.4.5; setting ``management_fee_percent``.
    """
    require_right("warranty.deduct", _("Prepare a deduction"))
    if order.contractor_id is None:
        raise WarrantyRuleError(_("%(number)s has no contractor to deduct from.", number=order.number))
    if not reason.strip():
        raise WarrantyRuleError(_("Say why the contractor pays."), "reason")
    if third_party is not None and db.session.scalar(
        sa.select(Deduction.id).where(
            Deduction.third_party_id == third_party.id, Deduction.state != "withdrawn"
        )
    ):
        raise WarrantyRuleError(_("The invoice was deducted already."))
    percent = Decimal(option("management_fee_percent", order.project))
    paid = check_amount(cost, "cost")
    fee = rounded(paid * percent / 100)
    row = Deduction(
        project_id=order.project_id,
        order_id=order.id,
        third_party_id=third_party.id if third_party is not None else None,
        contractor_id=order.contractor_id,
        number=number_of_day("KK", order.project),
        cost=paid,
        fee_percent=percent,
        fee=fee,
        amount=paid + fee,
        reason=reason.strip(),
    )
    db.session.add(row)
    db.session.flush()
    return row


def issue_deduction(deduction: Deduction) -> None:
    """Issue a deduction; the contractor may object for seven days.

    Raises:
        TransitionRefused: It was issued already, or the right is missing.
    """
    now = utc_now()
    days = int(option("objection_days", deduction.project))
    DEDUCTION.move(
        deduction,
        "issue",
        issued_at=now,
        issued_by_id=require_scope().user_id,
        objection_until=local_day(now) + dt.timedelta(days=days),
    )
    note_event(deduction.order, "deduction", saying=Saying.DEDUCTION_ISSUED, number=deduction.number)


def object_to_deduction(deduction: Deduction, objection: str) -> None:
    """Note the contractor's objection, within its period.

    Raises:
        TransitionRefused: The state forbids it, or the objection is missing.
        WarrantyRuleError: The period is over.
    """
    if deduction.objection_until is not None and local_day(utc_now()) > deduction.objection_until:
        raise WarrantyRuleError(
            _("The time to object ended on %(day)s.", day=deduction.objection_until.isoformat()), "objection"
        )
    DEDUCTION.move(deduction, "object", objection=objection.strip(), objected_at=utc_now())


def decide_objection(deduction: Deduction, decision: str, amount: Decimal) -> None:
    """Decide an objection: the whole amount stays, or a smaller one.

    Raises:
        TransitionRefused: There is no objection, or the decision or the right is missing.
        WarrantyRuleError: The amount is larger than that of the deduction.
    """
    final = check_amount(amount, "final_amount")
    if final > deduction.amount:
        raise WarrantyRuleError(_("The decided amount cannot be larger than the deduction."), "final_amount")
    DEDUCTION.move(
        deduction,
        "uphold",
        decision=decision.strip(),
        final_amount=final,
        decided_at=utc_now(),
        decided_by_id=require_scope().user_id,
    )


def settle_deduction(deduction: Deduction) -> None:
    """Note that no objection came in time.

    Raises:
        TransitionRefused: The contractor may still object.
    """
    DEDUCTION.move(deduction, "settle", final_amount=deduction.amount, decided_at=utc_now())


def withdraw_deduction(deduction: Deduction, reason: str) -> None:
    """Withdraw a deduction; the invoice can be deducted anew.

    Raises:
        TransitionRefused: The state forbids it, or the reason or the right is missing.
    """
    DEDUCTION.move(
        deduction,
        "withdraw",
        decision=reason.strip(),
        decided_at=utc_now(),
        decided_by_id=require_scope().user_id,
        third_party_id=None,
    )


def book_deduction(deduction: Deduction, account: RetentionAccount) -> RetentionEntry:
    """Take a final deduction from the contractor's retention money.

    Args:
        deduction: A final deduction.
        account: An account of the same contractor and project that holds enough.

    Raises:
        TransitionRefused: It is not final, or the right is missing.
        WarrantyRuleError: The account is of another contractor, or does not hold enough.
    """
    if account.contractor_id != deduction.contractor_id or account.project_id != deduction.project_id:
        raise WarrantyRuleError(_("The retention account is of another contractor or project."), "account_id")
    lock(account)
    amount = deduction.final_amount or Decimal(0)
    if amount > account.balance:
        raise WarrantyRuleError(
            _(
                "The account holds ¥%(balance)s, less than the ¥%(amount)s that are to be deducted. Claim the rest "
                "from the contractor, or decide a smaller amount.",
                balance=f"{account.balance:,.2f}",
                amount=f"{amount:,.2f}",
            ),
            "account_id",
        )
    DEDUCTION.move(deduction, "book", account_id=account.id, booked_at=utc_now())
    entry = book(account, EntryKind.DEDUCTION, -amount, deduction=deduction, note=deduction.number)
    note_event(deduction.order, "deduction", saying=Saying.DEDUCTION_BOOKED, number=deduction.number)
    return entry
