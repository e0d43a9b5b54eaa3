"""What holds an order up or ends it otherwise: rest, another date, merging, cancelling."""

from __future__ import annotations

import datetime as dt

from flask_babel import force_locale

from core.toolkit import (
    MessageState,
    _,
    _l,
    db,
    has_permission,
    require_scope,
    stop_clocks_of,
    utc_now,
)
from plugins.warranty import deadlines
from plugins.warranty.common import option
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import Extension, Order, Saying, ToldHow
from plugins.warranty.services import telling
from plugins.warranty.services.intake import note_event, tell_of
from plugins.warranty.services.steps import end_work, require_open
from plugins.warranty.sla import Priority, Step
from plugins.warranty.workflows import ORDER


def suspend(order: Order, reason: str, note: str, told_at: dt.datetime | None = None) -> None:
    """Let an order rest. Only what the owner or the season causes stops its clocks, and only once the owner was told.

    Args:
        order: An order at work.
        reason: ``owner_unavailable``, ``waiting_material``, ``season`` or ``design_reply``.
        note: What it waits for.
        told_at: When the owner was told; None when he was not yet. He is told by a message then, if he can be reached.

    Raises:
        TransitionRefused: The state or the right forbids it, or reason or note is missing.
        WarrantyRuleError: The reason is unknown.

    Source: domain reference 3.4.3 and Appendix F.
    """
    if reason not in {each.code for each in deadlines.PAUSES}:
        raise WarrantyRuleError(_("Choose why the work rests from the list."), "suspend_reason")
    before = order.state
    # The history keeps what was typed; the reason stands with the time limits, in words instead of its code.
    ORDER.move(
        order,
        "suspend",
        comment=note,
        suspend_reason=reason,
        suspend_note=note.strip(),
        suspended_from=before,
    )
    deadlines.rest(order, reason, note, told_at)
    if reason == deadlines.DESIGN:
        deadlines.start_design_reply(order)
    note_event(order, "suspended", note, is_public=True)
    if told_at is None and _tell_rest(order, reason, note.strip()):
        note_told(order)


def _tell_rest(order: Order, reason: str, note: str) -> bool:
    """Tell the owner by a message that the work rests; returns whether one goes out."""
    with force_locale(telling.language_of(order.request)):
        label = next(str(each.label) for each in deadlines.PAUSES if each.code == reason)
        words = _("%(reason)s (%(note)s)", reason=label, note=note) if note else label
    message = telling.suspended(order, words, _rests(order))
    return message is not None and message.state != MessageState.WITHHELD


def _rests(order: Order) -> int:
    """How often an order has rested."""
    return sum(1 for event in order.events if event.kind == "suspended")


def note_told(order: Order) -> None:
    """Note that the owner was told that the work rests; from now on the pause counts.

    Raises:
        WarrantyRuleError: The order does not rest.
    """
    from core.toolkit import clocks_of, note_notice

    if order.state != "suspended":
        raise WarrantyRuleError(_("%(number)s does not rest.", number=order.number))
    for clock in clocks_of(order):
        if clock.is_running and clock.paused_at is not None:
            note_notice(clock)
    deadlines.refresh(order)
    note_event(order, "progress", saying=Saying.RESTS, is_public=True)


def resume(order: Order) -> None:
    """Go on with an order that rested, where it was.

    Raises:
        TransitionRefused: It does not rest, or the right is missing.
    """
    ORDER.move(order, f"resume_{order.suspended_from or 'triaged'}")
    order.suspended_from = ""
    stop_clocks_of(order, deadlines.DESIGN_REPLY)
    deadlines.go_on(order)
    note_event(order, "resumed", saying=Saying.GOES_ON, is_public=True)
    telling.resumed(order, _rests(order))


def extend(order: Order, new_date: dt.datetime, reason: str, told_how: ToldHow | None = None) -> Extension:
    """Promise the owner another date, before the old one has passed 延期. The limit stays where it is.

    Args:
        order: An order that has not ended.
        new_date: The new date, later than the promised one.
        reason: Why; told to the owner.
        told_how: How he was told; None when he was not yet.

    Raises:
        WarrantyRuleError: The reason is missing, or the date is not later.

    Source: touchpoint F08.
    """
    require_open(order)
    if not reason.strip():
        raise WarrantyRuleError(_("Say why it takes longer; the owner reads it."), "reason")
    if order.promised_at is not None and new_date <= order.promised_at:
        raise WarrantyRuleError(_("The new date lies after the promised one."), "new_date")
    row = Extension(
        project_id=order.project_id,
        order_id=order.id,
        old_date=order.promised_at,
        new_date=new_date,
        reason=reason.strip(),
        told_at=utc_now() if told_how is not None else None,
        told_how=told_how or "",
        by_id=require_scope().user_id,
    )
    db.session.add(row)
    order.promised_at = new_date
    note_event(order, "extended", reason, is_public=True)
    db.session.flush()
    tell_of(order, "TP-F08", "warranty.extended", _l("New date for %(number)s", number=order.number))
    telling.delayed(row, order)
    return row


def allow_longer_emergency(order: Order, reason: str) -> None:
    """Give an emergency 72 hours instead of 24, for a reason that was approved.

    Raises:
        WarrantyRuleError: It is no emergency, or the reason or the right is missing.

    Source: domain reference Appendix F: P1 completes within 24 h, within 72 h with an approved reason.
    """
    require_open(order)
    if order.priority != Priority.P1:
        raise WarrantyRuleError(_("Only an emergency (P1) can be given 72 hours."))
    if not has_permission("warranty.approve_extension"):
        raise WarrantyRuleError(
            _("Giving an emergency more time needs a right that your role does not have.")
        )
    if not reason.strip():
        raise WarrantyRuleError(_("Say why the emergency needs more time."), "reason")
    deadlines.stop(order, Step.COMPLETE, note="longer")
    deadlines.start(
        order,
        Step.COMPLETE,
        order.registered_at,
        minutes=int(option("minutes_complete_emergency", order.project)),
    )
    note_event(order, "extended", reason)


def merge(order: Order, into: Order, reason: str) -> None:
    """Merge an order into another one about the same; photos and words stay readable on both.

    Raises:
        TransitionRefused: The state or the right forbids it.
        WarrantyRuleError: Both are the same, lie in different buildings, or the other has ended.
    """
    if order.id == into.id:
        raise WarrantyRuleError(_("An order cannot be merged into itself."))
    if order.building_id != into.building_id:
        raise WarrantyRuleError(_("Both orders must be of one building. Put them into a case instead."))
    require_open(into)
    ORDER.move(
        order,
        "merge",
        closing_reason=reason.strip(),
        into_number=into.number,
        merged_into_id=into.id,
    )
    end_work(order)
    note_event(order, "merged", reason, saying=Saying.MERGED, number=into.number)
    note_event(into, "merged", order.description, saying=Saying.SAME, number=order.number)


def cancel(order: Order, reason: str) -> None:
    """Cancel an order, for example because the owner takes it back.

    Raises:
        TransitionRefused: The state or the right forbids it, or the reason is missing.
    """
    ORDER.move(order, "cancel", closing_reason=reason.strip())
    end_work(order)
    note_event(order, "cancelled", reason, is_public=True)
