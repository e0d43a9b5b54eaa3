"""The retention money 质保金 of contracts with its ledger, and what contractors ask to have back."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import sqlalchemy as sa

from core.toolkit import Project, _, db, listed, require_scope, utc_now
from plugins.contractors.models import Company
from plugins.warranty.common import local_day, number_of_day, option
from plugins.warranty.coverage import end_after_months
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    Deduction,
    EntryKind,
    Order,
    ReleaseRequest,
    RetentionAccount,
    RetentionEntry,
)
from plugins.warranty.services.costs import check_amount, rounded
from plugins.warranty.services.notices import require_right
from plugins.warranty.workflows import OPEN, RELEASE

SHORTEST_PERIOD, LONGEST_PERIOD = 12, 24
"""Months of the defects-liability period 缺陷责任期 (建质[2017]138号 Art. 2)."""
UNSETTLED = ("draft", "issued", "objected", "final")
"""States of a deduction that still waits for something."""


def open_account(
    project: Project,
    contractor: Company,
    *,
    contract_number: str,
    settlement: Decimal,
    starts_on: dt.date,
    months: int = LONGEST_PERIOD,
    percent: Decimal | None = None,
    note: str = "",
) -> RetentionAccount:
    """Open a retention account of a contract and hold back what is due.

    Args:
        project: The project.
        contractor: Whose contract it is.
        contract_number: The contract.
        settlement: The settled sum in yuan.
        starts_on: The completion acceptance.
        months: Length of the defects-liability period, 12 to 24.
        percent: What is held back, at most 3; the setting when omitted.
        note: A remark.

    Raises:
        TransitionRefused: The right is missing.
        WarrantyRuleError: A value is not possible, or the contract has an account already.

    Source: 建质[2017]138号 Art. 2, 7: at most 3 %, one year and at most two.
    """
    require_right("warranty.keep_retention", _("Open a retention account"))
    rate = Decimal(option("retention_percent", project)) if percent is None else percent
    if not Decimal(0) < rate <= Decimal(3):
        raise WarrantyRuleError(_("At most 3 percent of the settlement may be held back."), "percent")
    if not SHORTEST_PERIOD <= months <= LONGEST_PERIOD:
        raise WarrantyRuleError(_("The defects-liability period lasts 12 to 24 months."), "months")
    number = contract_number.strip()[:60]
    if not number:
        raise WarrantyRuleError(_("Write down the number of the contract."), "contract_number")
    held = db.session.scalar(
        sa.select(RetentionAccount.id).where(
            RetentionAccount.project_id == project.id, RetentionAccount.contract_number == number
        )
    )
    if held is not None:
        raise WarrantyRuleError(
            _("Contract %(number)s has an account already.", number=number), "contract_number"
        )
    if contractor.department_id != project.department_id:
        raise WarrantyRuleError(_("The contractor belongs to another city company."), "contractor_id")
    sum_ = check_amount(settlement, "settlement")
    account = RetentionAccount(
        project_id=project.id,
        contractor_id=contractor.id,
        contract_number=number,
        settlement=sum_,
        percent=rate,
        total=rounded(sum_ * rate / 100),
        starts_on=starts_on,
        months=months,
        ends_on=end_after_months(starts_on, months),
        note=note.strip(),
        balance=Decimal(0),
    )
    db.session.add(account)
    db.session.flush()
    if account.total > 0:
        book(account, EntryKind.DEPOSIT, account.total, note=number)
    return account


def lock(account: RetentionAccount) -> None:
    db.session.flush()
    db.session.refresh(account, with_for_update=True)


def book(
    account: RetentionAccount,
    kind: EntryKind,
    amount: Decimal,
    *,
    deduction: Deduction | None = None,
    release: ReleaseRequest | None = None,
    note: str = "",
) -> RetentionEntry:
    """Add a movement under the lock of its account; what is held never falls below nothing."""
    after = account.balance + amount
    if after < 0:
        raise WarrantyRuleError(_("The account does not hold enough."), "amount")
    last = db.session.scalar(
        sa.select(sa.func.max(RetentionEntry.sequence)).where(RetentionEntry.account_id == account.id)
    )
    entry = RetentionEntry(
        project_id=account.project_id,
        account_id=account.id,
        sequence=(last or 0) + 1,
        kind=kind,
        amount=amount,
        balance_after=after,
        deduction_id=deduction.id if deduction is not None else None,
        release_id=release.id if release is not None else None,
        note=note.strip()[:255],
        by_id=require_scope().user_id,
    )
    account.balance = after
    db.session.add(entry)
    db.session.flush()
    db.session.expire(account, ["entries"])
    return entry


def deposit(account: RetentionAccount, amount: Decimal, note: str) -> RetentionEntry:
    """Note that the contractor filled his retention money up, or that more was held back; never beyond its total.

    Raises:
        WarrantyRuleError: The amount is not possible, the account is closed, or it would hold more than its total.
    """
    require_right("warranty.keep_retention", _("Book a deposit"))
    value = check_amount(amount)
    lock(account)
    _require_open_account(account)
    if account.balance + value > account.total:
        raise WarrantyRuleError(_("The account may not hold more than its total."), "amount")
    return book(account, EntryKind.DEPOSIT, value, note=note)


def correct(account: RetentionAccount, amount: Decimal, reason: str) -> RetentionEntry:
    """Correct an entry by another one; entries never change.

    Args:
        account: The account.
        amount: Positive or negative.
        reason: Which entry is corrected, and why.

    Raises:
        WarrantyRuleError: The reason is missing, or the account would fall below nothing or above its total.
    """
    require_right("warranty.keep_retention", _("Correct an entry"))
    if not reason.strip():
        raise WarrantyRuleError(_("Say which entry is corrected, and why."), "note")
    value = rounded(amount)
    if value == 0:
        raise WarrantyRuleError(_("The amount of a correction is not 0."), "amount")
    lock(account)
    _require_open_account(account)
    if account.balance + value > account.total:
        raise WarrantyRuleError(_("The account may not hold more than its total."), "amount")
    return book(account, EntryKind.CORRECTION, value, note=reason)


def _require_open_account(account: RetentionAccount) -> None:
    if account.state != "open":
        raise WarrantyRuleError(_("The account is closed."))


def require_covered(account: RetentionAccount, amount: Decimal) -> None:
    """Refuse to release more than an account holds.

    Raises:
        WarrantyRuleError: It holds less.
    """
    if amount > account.balance:
        raise WarrantyRuleError(
            _("The account holds ¥%(balance)s only.", balance=f"{account.balance:,.2f}"), "amount"
        )


def release_obstacles(account: RetentionAccount) -> list[str]:
    """Return why the retention money of an account cannot be released, each a full sentence.

    Source: domain reference 3.4.5: blocked while any open order or unsettled deduction exists.
    """
    found = []
    open_orders = db.session.scalars(
        sa.select(Order.number)
        .where(
            Order.contractor_id == account.contractor_id,
            Order.project_id == account.project_id,
            Order.state.in_(OPEN),
        )
        .order_by(Order.id)
        .limit(6)
    ).all()
    if open_orders:
        found.append(_("Orders of the contractor are still open: %(numbers)s.", numbers=_listed(open_orders)))
    waiting = db.session.scalars(
        sa.select(Deduction.number)
        .where(
            Deduction.contractor_id == account.contractor_id,
            Deduction.project_id == account.project_id,
            Deduction.state.in_(UNSETTLED),
        )
        .order_by(Deduction.id)
        .limit(6)
    ).all()
    if waiting:
        found.append(_("Deductions are not settled: %(numbers)s.", numbers=_listed(waiting)))
    if local_day(utc_now()) <= account.ends_on:
        found.append(_("The defects-liability period ends on %(day)s only.", day=account.ends_on.isoformat()))
    return found


def _listed(numbers: object) -> str:
    items = list(numbers)  # type: ignore[call-overload]
    return listed(items[:5]) + (" …" if len(items) > 5 else "")


def request_release(
    account: RetentionAccount, amount: Decimal, requested_on: dt.date | None = None
) -> ReleaseRequest:
    """Note that the contractor asks for his money; the answer is due within 14 days.

    Raises:
        WarrantyRuleError: The account does not hold so much, is closed, or a request waits already.

    Source: 建质[2017]138号 Art. 11; setting ``release_answer_days``.
    """
    require_right("warranty.keep_retention", _("Note a request for release"))
    value = check_amount(amount)
    lock(account)
    _require_open_account(account)
    require_covered(account, value)
    if db.session.scalar(
        sa.select(ReleaseRequest.id).where(
            ReleaseRequest.account_id == account.id,
            ReleaseRequest.state.in_(("requested", "approving", "approved")),
        )
    ):
        raise WarrantyRuleError(_("A request for release waits already. Decide that one first."))
    day = requested_on or local_day(utc_now())
    row = ReleaseRequest(
        project_id=account.project_id,
        account_id=account.id,
        number=number_of_day("ZT", account.project),
        amount=value,
        requested_on=day,
        answer_due_on=day + dt.timedelta(days=int(option("release_answer_days", account.project))),
    )
    db.session.add(row)
    db.session.flush()
    return row


def pay_release(release: ReleaseRequest) -> RetentionEntry:
    """Release the money that was asked for and approved, if nothing stands in the way.

    Raises:
        TransitionRefused: It was decided already, was not approved, or the right is missing.
        WarrantyRuleError: Orders are open, deductions unsettled, or the period has not ended.
    """
    account = release.account
    lock(account)
    obstacles = release_obstacles(account)
    if obstacles:
        raise WarrantyRuleError(" ".join(obstacles))
    require_covered(account, release.amount)
    RELEASE.move(release, "pay", decided_at=utc_now(), decided_by_id=require_scope().user_id)
    entry = book(account, EntryKind.RELEASE, -release.amount, release=release, note=release.number)
    if account.balance == 0:
        account.state = "closed"
    db.session.flush()
    return entry


def refuse_release(release: ReleaseRequest, reason: str) -> None:
    """Refuse a request for release, with the reason that the contractor reads.

    Raises:
        TransitionRefused: It was decided already, or the reason or the right is missing.
    """
    RELEASE.move(
        release,
        "refuse",
        decision=reason.strip(),
        decided_at=utc_now(),
        decided_by_id=require_scope().user_id,
    )
