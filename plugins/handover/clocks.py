"""The time limits of rectification notices, and who hears of them (domain reference 3.3.6 rule 4)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from core.toolkit import (
    ClockPolicy,
    EscalationStep,
    _l,
    db,
    require_scope,
    start_clock,
    stop_clocks_of,
    utc_now,
)
from plugins.handover.models import Defect, NoticeLine, RectificationNotice

ISSUE = "handover.notice_issue"
RECEIPT = "handover.notice_receipt"
DEADLINE = "handover.notice_deadline"

POLICIES = (
    ClockPolicy(
        code=ISSUE,
        label=_l("Issue of the notice"),
        record_kind="handover.notice",
        limit_setting="notice_hours",
        ladder=(
            EscalationStep("late", _l("Issue the notice"), role="ENG", to_owner=True),
            EscalationStep(
                "a_day_late",
                _l("Notice not issued"),
                dt.timedelta(days=1),
                role="HEAD",
                message="core.time_limit",
            ),
        ),
    ),
    ClockPolicy(
        code=RECEIPT,
        label=_l("Receipt by the contractor"),
        record_kind="handover.notice",
        limit_setting="receipt_hours",
        ladder=(
            EscalationStep("late", _l("Have the receipt of the notice confirmed"), role="ENG", to_owner=True),
        ),
    ),
    ClockPolicy(
        code=DEADLINE,
        label=_l("Deadline of the notice"),
        record_kind="handover.notice",
        ladder=(
            EscalationStep(
                "contractor",
                _l("Call the contractor's project manager"),
                after_setting="escalate_contractor_days",
                role="ENG",
                to_owner=True,
            ),
            EscalationStep(
                "engineering",
                _l("Overdue notice, for the head of engineering"),
                after_setting="escalate_engineering_days",
                role="ENG",
                level="city",
                message="core.time_limit",
            ),
            EscalationStep(
                "manager",
                _l("Overdue notice: decide on a repair by others"),
                after_setting="escalate_manager_days",
                role="HEAD",
                level="city",
                message="core.time_limit",
            ),
        ),
    ),
)
"""Issued within 24 h of the inspection, received within 24 h; overdue +1 day the contractor's project manager, +3 days
the head of engineering, +7 days the city general manager and a repair by others [RECON]."""


def notice_drafted(notice: RectificationNotice, found_at: dt.datetime) -> None:
    """Let the time run until the notice is issued.

    Args:
        notice: A draft.
        found_at: When the first of its defects was found.
    """
    start_clock(ISSUE, notice, at=found_at, owner_id=require_scope().user_id)


def notice_issued(notice: RectificationNotice) -> None:
    """Let the time run until the contractor confirms the receipt and until everything is fixed."""
    stop_clocks_of(notice, ISSUE, at=notice.issued_at)
    start_clock(RECEIPT, notice, at=notice.issued_at, owner_id=notice.issued_by_id)
    _run_until_deadline(notice)


def _run_until_deadline(notice: RectificationNotice) -> None:
    if notice.deadline is not None and notice.issued_at is not None and notice.deadline > notice.issued_at:
        start_clock(
            DEADLINE,
            notice,
            at=notice.issued_at,
            limit=notice.deadline - notice.issued_at,
            owner_id=notice.issued_by_id,
        )


def defect_settled(defect: Defect) -> None:
    """Stop the time for the repair on the notices of a defect of which nothing is left to fix.

    Args:
        defect: A defect that was reported as fixed, or with which nobody has to do anything any more.
    """
    for notice in _notices_of(defect):
        others = [line.defect for line in notice.lines]
        if any(other.state in _TO_FIX for other in others):
            continue
        moments = [other.fixed_at for other in others if other.fixed_at is not None]
        done = max([*moments, notice.issued_at or utc_now()]) if moments else utc_now()
        stop_clocks_of(notice, DEADLINE, at=min(done, utc_now()))


def defect_reopened(defect: Defect) -> None:
    """Let the time for the repair run again, from the issue of the notice on, because a repair failed."""
    for notice in _notices_of(defect):
        _run_until_deadline(notice)


_TO_FIX = ("open", "assigned", "in_progress", "rejected")


def _notices_of(defect: Defect) -> list[RectificationNotice]:
    """Return the notices that were issued for a defect and are not closed."""
    lines = sa.select(NoticeLine.notice_id).where(NoticeLine.defect_id == defect.id)
    running = ("issued", "received", "replied", "rechecked", "penalised")
    return list(
        db.session.scalars(
            sa.select(RectificationNotice).where(
                RectificationNotice.id.in_(lines), RectificationNotice.state.in_(running)
            )
        )
    )


def notice_received(notice: RectificationNotice) -> None:
    """Stop the time for the receipt."""
    stop_clocks_of(notice, RECEIPT, at=notice.received_at)


def notice_done(notice: RectificationNotice) -> None:
    """Stop all times of a notice whose defects are re-inspected or which is closed."""
    stop_clocks_of(notice)
