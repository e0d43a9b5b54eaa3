"""The release of retention money 质保金: the contractor's request, the approval of those who have to agree, payment.

What is asked for is put before engineering, property management, cost and finance (each can be left out by a setting
``release_asks_…``), then before the general manager by amount (setting ``release_limit_city``). Open orders, unsettled
deductions and a period that has not ended stand in the way of asking and of paying.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    ApprovalRequest,
    TransitionRefused,
    _,
    amount_changed,
    approved_request,
    db,
    in_each_language,
    in_language,
    pending_request,
    request_approval,
    utc_now,
)
from plugins.warranty import words
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import Deduction, Order, ReleaseRequest
from plugins.warranty.services.costs import check_amount
from plugins.warranty.services.retention import lock, release_obstacles, require_covered
from plugins.warranty.workflows import CORRECTIONS, OPEN, RELEASE, RELEASE_APPROVAL


def submit_release(release: ReleaseRequest, note: str = "") -> ApprovalRequest:
    """Put a request for release before those who have to agree.

    Args:
        release: A request that waits.
        note: What they should know.

    Raises:
        TransitionRefused: It was decided already, or the right is missing.
        WarrantyRuleError: Orders are open, deductions unsettled, or the period has not ended.
        ApprovalRefused: Nobody could answer.

    Source: domain reference 3.4.5 and 3.4.6 (质保金结算审批表).
    """
    db.session.refresh(release, with_for_update=True)
    refusal = RELEASE.refusal(release, "submit", {})
    if refusal is not None:
        raise TransitionRefused(refusal)
    obstacles = release_obstacles(release.account)
    if obstacles:
        raise WarrantyRuleError(" ".join(obstacles))
    require_covered(release.account, release.amount)
    RELEASE.move(release, "submit")
    return request_approval(RELEASE_APPROVAL, release, release.amount, note=note.strip())


def release_approved(release: ReleaseRequest, request: ApprovalRequest) -> None:
    """Note that everybody has agreed; the money can be paid.

    Args:
        release: The request for release.
        request: What was approved.

    Raises:
        TransitionRefused: It was refused meanwhile.
    """
    RELEASE.move(release, "approved", comment=request.number)


def release_given_back(release: ReleaseRequest, request: ApprovalRequest) -> None:
    """Let a request wait again that was given back or that its author took back."""
    if release.state == "approving":
        RELEASE.move(release, "given_back", comment=request.number)


def correct_release(release: ReleaseRequest, amount: Decimal, reason: str) -> ApprovalRequest | None:
    """Correct the amount of a request for release before it is paid.

    What was approved stands where the amount fell, or rose little and within its level; else all are asked anew. While
    they are asked, another amount starts their opinions anew.

    Args:
        release: A request that is neither paid nor refused.
        amount: What is released, in yuan.
        reason: Why it changes, for example what the audit of the settlement found.

    Returns:
        The approval, which waits (``state``) where all are asked anew; None where nobody was asked yet.

    Raises:
        WarrantyRuleError: It is no amount, the one that stands already, or more than the account holds.
        TransitionRefused: It was paid or refused, or the reason or the right is missing.
        ApprovalRefused: All would be asked anew, and the acting user is one of them, or nobody could answer.

    Source: domain reference 5.4.2 [RECON] and worked example 5; 3.4.5 and 3.4.6 (质保金结算审批表).
    """
    value = check_amount(amount)
    lock(release.account)
    db.session.refresh(release, with_for_update=True)
    step = CORRECTIONS.get(release.state)
    if step is None:
        raise WarrantyRuleError(
            _(
                "%(number)s is “%(state)s”; its amount does not change any more.",
                number=release.number,
                state=RELEASE.state_of(release).label,
            )
        )
    if value == release.amount:
        raise WarrantyRuleError(
            _("%(amount)s stands there already. Enter the corrected amount.", amount=words.money(value)),
            "amount",
        )
    require_covered(release.account, value)
    before = release.amount
    change = in_each_language(
        lambda: _(
            "%(before)s → %(now)s: %(reason)s",
            before=words.money(before),
            now=words.money(value),
            reason=reason.strip(),
        )
    )
    RELEASE.move(release, step, comment=change if reason.strip() else "", amount=value)
    return amount_changed(RELEASE_APPROVAL, release, value, note=change)


def release_reopened(release: ReleaseRequest, request: ApprovalRequest) -> None:
    """Let a release wait for approval again whose amount rose too far; the history keeps from where to where.

    Why that asks anew is said with the approval, in the language of whoever reads it.
    """
    before, now = request.approved_amount or Decimal(0), request.amount or Decimal(0)
    rise = f" (+{(now - before) * 100 / before:.1f} %)" if before else ""
    RELEASE.move(
        release, "reopened", comment=f"{request.number}: {words.money(before)} → {words.money(now)}{rise}"
    )


def approval_of(release: ReleaseRequest) -> ApprovalRequest | None:
    """Return the approval that waits or was given for a request for release, or None."""
    return pending_request(RELEASE_APPROVAL, release) or approved_request(RELEASE_APPROVAL, release)


def release_facts(release: ReleaseRequest) -> list[tuple[str, Any]]:
    """Return what those who approve a release read: contract, sums, and how the contractor has repaired."""
    account = release.account

    def count(*conditions: sa.ColumnElement[bool]) -> int:
        mine = (Order.contractor_id == account.contractor_id, Order.project_id == account.project_id)
        return db.session.scalar(sa.select(sa.func.count(Order.id)).where(*mine, *conditions)) or 0

    deducted = db.session.scalar(
        sa.select(sa.func.sum(Deduction.final_amount)).where(
            Deduction.account_id == account.id, Deduction.state == "booked"
        )
    )
    return [
        (_("Project"), in_language(account.project.name, account.project.name_en)),
        (_("Contractor"), account.contractor.name),
        (_("Contract"), account.contract_number),
        (_("Settlement (yuan)"), f"{account.settlement:,.2f}"),
        (_("Retention money"), f"{account.total:,.2f}"),
        (_("Deducted so far"), f"{deducted or 0:,.2f}"),
        (_("Held now"), f"{account.balance:,.2f}"),
        (_("Asked for"), f"{release.amount:,.2f}"),
        (_("Period ends on"), account.ends_on.isoformat()),
        (_("Repairs of the contractor"), str(count())),
        (_("Of them open"), str(count(Order.state.in_(OPEN)))),
        (_("Answer due on"), release.answer_due_on.isoformat()),
    ]


def is_answer_late(release: ReleaseRequest) -> bool:
    """Return whether the contractor should have had an answer by now."""
    from plugins.warranty.common import local_day

    return release.state in UNDECIDED and release.answer_due_on < local_day(utc_now())


UNDECIDED = ("requested", "approving", "approved")
"""States of a request for release that the contractor still waits for."""
