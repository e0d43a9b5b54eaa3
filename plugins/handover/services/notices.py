"""Rectification notices to contractors (domain reference 3.3.6 rule 4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    ApprovalRequest,
    TransitionRefused,
    Unit,
    _,
    _l,
    add_todo,
    amount_changed,
    approved_request,
    attachments_of,
    db,
    finish_todos_of,
    history_of,
    in_each_language,
    lazy_ngettext,
    listed,
    pending_request,
    reach,
    request_approval,
    require_scope,
    setting,
    utc_now,
)
from plugins.handover import clocks
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    Defect,
    NoticeLine,
    RectificationNotice,
)
from plugins.handover.services.common import number_under
from plugins.handover.services.defects import report_fixed, start_fixing
from plugins.handover.workflows import DEFECT, NOTICE, PENALTY, PENALTY_CORRECTIONS, PENALTY_REOPENED

OBJECTIONS_BY = "handover.objection:"
"""How the key of a to-do begins that asks for the answer to a contractor's objection."""


def create_notices(defects: Sequence[Defect]) -> list[RectificationNotice]:
    """Make draft notices for defects, one for each contractor and project.

    Args:
        defects: Defects that still have to be fixed.

    Raises:
        HandoverRuleError: A defect has no contractor, is fixed or done with, or stands on another notice that runs.
    """
    if not defects:
        raise HandoverRuleError(_("Tick the defects that the notice is about first."))
    groups: dict[tuple[int, int], list[Defect]] = {}
    running = _on_running_notice(defects)
    for defect in sorted(defects, key=lambda each: (each.severity, each.id)):
        if defect.state not in ("open", "assigned", "rejected", "in_progress"):
            raise HandoverRuleError(
                _(
                    "%(number)s is “%(state)s”; a notice is only for defects that have to be fixed.",
                    number=defect.number,
                    state=DEFECT.state_of(defect).label,
                )
            )
        if defect.contractor_id is None:
            raise HandoverRuleError(
                _("%(number)s has no contractor. Choose one on its page first.", number=defect.number)
            )
        if defect.id in running:
            raise HandoverRuleError(
                _(
                    "%(number)s stands on notice %(notice)s already.",
                    number=defect.number,
                    notice=running[defect.id],
                )
            )
        groups.setdefault((defect.project_id, defect.contractor_id), []).append(defect)
    return [_draft_notice(group) for group in groups.values()]


def _on_running_notice(defects: Sequence[Defect]) -> dict[int, str]:
    rows = db.session.execute(
        sa.select(NoticeLine.defect_id, RectificationNotice.number)
        .join(RectificationNotice, RectificationNotice.id == NoticeLine.notice_id)
        .join(Defect, Defect.id == NoticeLine.defect_id)
        .where(
            NoticeLine.defect_id.in_([defect.id for defect in defects]),
            RectificationNotice.state.in_(("draft", "issued", "received", "replied")),
            Defect.state != "rejected",
        )
    )
    return {row.defect_id: row.number for row in rows}


def _draft_notice(defects: Sequence[Defect]) -> RectificationNotice:
    first = defects[0]
    inspections = {defect.inspection_id for defect in defects}
    now = utc_now()
    found = [
        (defect.inspection.finished_at if defect.inspection else None) or defect.raised_at
        for defect in defects
    ]
    promises = [defect.promised_by for defect in defects if defect.promised_by is not None]
    notice = RectificationNotice(
        project_id=first.project_id,
        contractor_id=first.contractor_id,
        inspection_id=next(iter(inspections)) if len(inspections) == 1 else None,
        number=number_under("ZG", first.project),
        deadline=max([*promises, now]) if promises else None,
        issue_due_at=min(found) + dt.timedelta(hours=int(setting("handover", "notice_hours"))),
    )
    notice.lines = [
        NoticeLine(project_id=defect.project_id, defect_id=defect.id, position=position)
        for position, defect in enumerate(defects, start=1)
    ]
    db.session.add(notice)
    db.session.flush()
    clocks.notice_drafted(notice, min(found))
    return notice


def issue_notice(
    notice: RectificationNotice, deadline: dt.datetime | None = None, at: dt.datetime | None = None
) -> None:
    """Issue a notice: its open defects are assigned, and the contractor has to confirm the receipt in time.

    Args:
        notice: A draft.
        deadline: Until when everything has to be fixed; the drafted one when omitted.
        at: When it was issued; now when omitted.

    Raises:
        TransitionRefused: It is no draft, or the deadline or the permission is missing.
        HandoverRuleError: The deadline lies in the past.

    Source: domain reference 3.3.6 rule 4 [RECON]: issued within 24 h, receipt within 24 h; touchpoint TP-E07.
    """
    now = at or utc_now()
    until = deadline or notice.deadline
    if until is not None and until < now:
        raise HandoverRuleError(
            _("The deadline of %(number)s lies in the past. Choose a later one.", number=notice.number)
        )
    NOTICE.move(
        notice,
        "issue",
        deadline=until,
        issued_at=now,
        issued_by_id=require_scope().user_id,
        receipt_due_at=now + dt.timedelta(hours=int(setting("handover", "receipt_hours"))),
    )
    units: dict[int, tuple[Unit, list[Defect]]] = {}
    for line in notice.lines:
        defect = line.defect
        if defect.state == "open":
            DEFECT.move(defect, "assign", contractor_id=notice.contractor_id, assigned_at=now)
        units.setdefault(defect.unit_id, (defect.unit, []))[1].append(defect)
    clocks.notice_issued(notice)
    for unit, defects in units.values():
        reach(
            "TP-E07",
            "handover.notice_issued",
            lazy_ngettext(
                "Notice %(number)s to %(contractor)s: %(num)d defect.",
                "Notice %(number)s to %(contractor)s: %(num)d defects.",
                len(defects),
                number=notice.number,
                contractor=notice.contractor.name,
            ),
            unit=unit,
            record_kind="handover.notice",
            record_id=notice.id,
            details={"notice": notice.number, "defects": [defect.number for defect in defects]},
        )


def require_draft(notice: RectificationNotice) -> None:
    """Refuse to change a notice that was issued.

    Raises:
        HandoverRuleError: It is no draft.
    """
    if notice.state != "draft":
        raise HandoverRuleError(
            _("%(number)s was issued and does not change any more.", number=notice.number)
        )


def receive_notice(notice: RectificationNotice, receiver_name: str, at: dt.datetime | None = None) -> None:
    """Note who of the contractor received a notice, and when.

    Args:
        notice: A notice that was issued.
        receiver_name: Who of the contractor received it.
        at: When; now when omitted.

    Raises:
        TransitionRefused: It was not issued, or the receiver or the permission is missing.
    """
    NOTICE.move(notice, "receive", receiver_name=receiver_name.strip(), received_at=at or utc_now())
    clocks.notice_received(notice)


def reply_to_notice(notice: RectificationNotice, reply: str) -> None:
    """Note what the contractor answered.

    Args:
        notice: A notice that was received.
        reply: His reply, as it stands on the reply sheet.

    Raises:
        TransitionRefused: It was not received, or the reply or the permission is missing.
    """
    NOTICE.move(notice, "reply", reply_text=reply.strip(), replied_at=utc_now())


def line_of(notice: RectificationNotice, defect_id: int | None) -> NoticeLine:
    """Return the line of a notice on which a defect stands.

    Raises:
        HandoverRuleError: The defect is not on this notice.
    """
    found = next((line for line in notice.lines if line.defect_id == defect_id), None)
    if found is None:
        raise HandoverRuleError(
            _("This defect is not on %(number)s. Open the page again.", number=notice.number)
        )
    return found


def fix_on_notice(line: NoticeLine, measure: str, has_photo: bool) -> None:
    """Note that the contractor put a defect of his notice right; the repair begins with it where nobody noted that.

    Args:
        line: The line of a notice that was received.
        measure: What was done.
        has_photo: Whether a photo of the finished work comes with it.

    Raises:
        HandoverRuleError: The notice was not received yet, the defect is done with, what was done is missing, or the
            photo that the setting ``after_photo_required`` asks for.
        TransitionRefused: The state or the permission forbids it.
    """
    _require_received(line.notice)
    defect = line.defect
    if not measure.strip():
        raise HandoverRuleError(_("Write what was done to put %(number)s right.", number=defect.number))
    if setting("handover", "after_photo_required") and not has_photo and not attachments_of(defect, "after"):
        raise HandoverRuleError(_("Add a photo of the finished work on %(number)s.", number=defect.number))
    if defect.state in ("assigned", "rejected"):
        start_fixing(defect)
    report_fixed(defect, measure)


def object_to(line: NoticeLine, reason: str) -> None:
    """Note that the contractor refuses to put a defect right; engineering is asked to answer.

    Args:
        line: The line of a notice that was received.
        reason: Why, for example that another company did the work.

    Raises:
        HandoverRuleError: The notice was not received yet, the defect is done with, the reason is missing, or an
            objection waits for its answer.
    """
    _require_received(line.notice)
    defect = line.defect
    if not reason.strip():
        raise HandoverRuleError(_("Write why you refuse to put %(number)s right.", number=defect.number))
    if defect.state not in ("assigned", "in_progress", "rejected"):
        raise HandoverRuleError(_("%(number)s is not waiting for a repair.", number=defect.number))
    if line.objected_at is not None and line.objection_upheld is None:
        raise HandoverRuleError(
            _("Your objection to %(number)s waits for its answer already.", number=defect.number)
        )
    line.objection, line.objected_at = reason.strip()[:1000], utc_now()
    line.objection_answer, line.objection_upheld = "", None
    db.session.flush()
    add_todo(
        line.notice,
        _l("Answer the objection to %(number)s", number=defect.number),
        role="ENG",
        dedupe_key=f"{OBJECTIONS_BY}{line.id}:{line.objected_at.isoformat()}",
        note=line.objection[:500],
        unit=defect.unit,
    )


def answer_objection(line: NoticeLine, answer: str, upheld: bool) -> None:
    """Answer the objection of a contractor; who is responsible instead is chosen on the page of the defect.

    Args:
        line: The line with the objection.
        answer: What the contractor reads.
        upheld: Whether the developer agrees.

    Raises:
        HandoverRuleError: No objection waits, or the answer is missing.
    """
    if line.objected_at is None or line.objection_upheld is not None:
        raise HandoverRuleError(
            _("No objection to %(number)s waits for an answer.", number=line.defect.number)
        )
    if not answer.strip():
        raise HandoverRuleError(_("Write the answer; the contractor reads it on his page."))
    line.objection_answer, line.objection_upheld = answer.strip()[:1000], upheld
    db.session.flush()
    finish_todos_of(line.notice, note=line.objection_answer[:200], prefix=f"{OBJECTIONS_BY}{line.id}:")


def _require_received(notice: RectificationNotice) -> None:
    if notice.state not in ("received", "replied", "penalised"):
        raise HandoverRuleError(_("Confirm the receipt of %(number)s first.", number=notice.number))


def recheck_notice(notice: RectificationNotice, note: str) -> None:
    """Note that every defect of a notice was re-inspected since its repair.

    Args:
        notice: A notice that the contractor replied to.
        note: What the re-inspection found on the whole.

    Raises:
        TransitionRefused: A defect still waits for its repair or its re-inspection, there is no reply yet, or the note
            or the permission is missing.
    """
    NOTICE.move(notice, "recheck", recheck_note=note.strip())
    clocks.notice_done(notice)


def close_notice(notice: RectificationNotice) -> None:
    """Close a notice whose defects are all done with.

    Raises:
        TransitionRefused: A defect is still open, it was not re-inspected, or the permission is missing.
    """
    NOTICE.move(notice, "close")
    clocks.notice_done(notice)


def penalise_notice(notice: RectificationNotice, penalty: str, amount: Decimal) -> ApprovalRequest | None:
    """Note the penalty for a notice whose deadline has passed or of which a repair failed its re-inspection.

    A penalty above the free amount only asks for approval; the notice is penalised when that is given.

    Args:
        notice: A notice that was issued and not closed.
        penalty: What is deducted and why, as it is printed on the notice.
        amount: What is deducted, in yuan; 0 for a penalty without money.

    Returns:
        The request for approval, or None when none was needed.

    Raises:
        TransitionRefused: There is no reason for a penalty, or the penalty or the permission is missing.
        ApprovalRefused: Nobody could approve it.
        HandoverRuleError: The amount is negative.

    Source: domain reference 3.3.2 and 3.3.7 (penalty line); levels by amount 3.2.3 [RECON]; settings
    ``penalty_free_amount`` [OWN] and ``penalty_limit_…``.
    """
    if amount < 0:
        raise HandoverRuleError(_("A penalty cannot be less than nothing. Correct the amount."))
    words = penalty.strip()
    if amount <= setting("handover", "penalty_free_amount"):
        NOTICE.move(notice, "penalise", penalty_note=_with_amount(words, amount), penalty_amount=amount)
        return None
    db.session.refresh(notice, with_for_update=True)
    refusal = NOTICE.refusal(notice, "penalise", {"penalty_note": words, "penalty_amount": amount})
    if refusal is not None:
        raise TransitionRefused(refusal)
    if not words:
        raise HandoverRuleError(_("Say what the penalty is for; it is printed on the notice."))
    return request_approval(PENALTY, notice, amount, note=words)


def penalty_approved(notice: RectificationNotice, request: ApprovalRequest) -> None:
    """Penalise a notice whose penalty was approved.

    Raises:
        TransitionRefused: The notice was closed meanwhile.
    """
    NOTICE.move(
        notice,
        "penalise_approved",
        penalty_note=_with_amount(_reason_of(notice, request), request.amount or Decimal(0)),
        penalty_amount=request.amount,
    )


def correct_penalty(notice: RectificationNotice, amount: Decimal, reason: str) -> ApprovalRequest:
    """Correct the amount of a penalty after its approval was asked for.

    What was approved stands where the amount fell, or rose little and within its level; else all are asked anew, and
    the notice is penalised when they have agreed. While they are asked, another amount starts their opinions anew.

    Args:
        notice: A notice whose penalty waits for approval or was approved.
        amount: What is deducted, in yuan.
        reason: Why it changes, for example what the costs of others came to.

    Returns:
        The approval, which waits (``state``) where all are asked anew.

    Raises:
        HandoverRuleError: It is no amount above nothing, or the one that stands already.
        TransitionRefused: No approval was asked for, the notice was closed, or the reason or the right is missing.
        ApprovalRefused: All would be asked anew, and the acting user is one of them, or nobody could answer.

    Source: domain reference 5.4.2 [RECON] and worked example 5; 3.3.2 and 3.3.7 (penalty line).
    """
    if amount <= 0:
        raise HandoverRuleError(
            _("A penalty that was put before others is more than nothing. Correct the amount.")
        )
    db.session.refresh(notice, with_for_update=True)
    asked = penalty_approval(notice)
    before = (asked.amount if asked is not None else None) or Decimal(0)
    if amount == before:
        raise HandoverRuleError(
            _("The penalty is %(amount)s already. Enter the corrected amount.", amount=f"¥{amount:,.2f}")
        )
    change = in_each_language(
        lambda: _(
            "%(before)s → %(now)s: %(reason)s",
            before=f"¥{before:,.2f}",
            now=f"¥{amount:,.2f}",
            reason=reason.strip(),
        )
    )
    step = PENALTY_CORRECTIONS.get(notice.state, PENALTY_CORRECTIONS["penalised"])
    NOTICE.move(notice, step, comment=change if reason.strip() else "", corrected_penalty=amount)
    request = amount_changed(PENALTY, notice, amount, note=change)
    if request is None:
        raise LookupError(f"{notice.number} has no penalty that was asked for.")
    if notice.state == "penalised":
        notice.penalty_note = _with_amount(_reason_of(notice, request), amount)
        notice.penalty_amount = amount
        db.session.flush()
    return request


def penalty_reopened(notice: RectificationNotice, request: ApprovalRequest) -> None:
    """Let a notice stand again where it stood before its penalty, whose amount rose too far; the history keeps how far.

    Why that asks anew is said with the approval, in the language of whoever reads it.
    """
    if notice.state != "penalised":
        return
    before, now = request.approved_amount or Decimal(0), request.amount or Decimal(0)
    rise = f" (+{(now - before) * 100 / before:.1f} %)" if before else ""
    reached = (
        ("rechecked", notice.recheck_note),
        ("replied", notice.replied_at),
        ("received", notice.received_at),
    )
    NOTICE.move(
        notice,
        PENALTY_REOPENED[next((state for state, noted in reached if noted), "issued")],
        comment=f"{request.number}: ¥{before:,.2f} → ¥{now:,.2f}{rise}",
        penalty_note="",
        penalty_amount=None,
    )


def penalty_approval(notice: RectificationNotice) -> ApprovalRequest | None:
    """Return the approval that waits or was given for the penalty of a notice, or None."""
    return pending_request(PENALTY, notice) or approved_request(PENALTY, notice)


def _reason_of(notice: RectificationNotice, request: ApprovalRequest) -> str:
    """Return what a penalty is for, without the corrections of its amount that stand below it in the request."""
    words = str(request.note)
    for move in history_of(notice, limit=200):
        words = words.removesuffix(f"\n{move.comment}") if move.comment else words
    return words


def _with_amount(words: str, amount: Decimal) -> str:
    return f"{words} ¥{amount:,.2f}" if words and amount else words


def penalty_facts(notice: RectificationNotice) -> list[tuple[str, str]]:
    """Return what those who approve a penalty read of its notice."""
    failed = sum(1 for line in notice.lines if line.defect.reopen_count)
    return [
        (_("Rectification notice"), notice.number),
        (_("Contractor"), notice.contractor.name),
        (
            _("Deadline"),
            notice.deadline.astimezone(LOCAL_ZONE).strftime("%Y-%m-%d %H:%M") if notice.deadline else "",
        ),
        (_("Defects"), listed(line.defect.number for line in notice.lines)),
        (_("Repairs that failed"), str(failed)),
    ]
