"""The progress that owners have to hear of: what there is to say, who is asked to say it, and the message that goes
out by itself where a department wants that."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from flask_babel import force_locale, get_locale

from core.toolkit import JobRun, MessageState, _, _l, add_todo, db, is_on, utc_now
from plugins.warranty import deadlines
from plugins.warranty.common import option
from plugins.warranty.messages import BY_ITSELF
from plugins.warranty.models import Order, Visit, VisitState
from plugins.warranty.services import telling
from plugins.warranty.services.ages import is_overdue
from plugins.warranty.services.contact import tell_progress
from plugins.warranty.services.steps import progress_key
from plugins.warranty.sla import Step
from plugins.warranty.workflows import OPEN

_LONGEST_AHEAD = dt.timedelta(minutes=240)
"""Largest value of the setting ``progress_ahead_minutes``."""


def progress_words(order: Order) -> str:
    """Return what there is to say of an order now, in the language of whoever reported it: its state, what comes next,
    and when it is expected to be finished."""
    with force_locale(telling.language_of(order.request)):
        return _sentences(_state_words(order), _date_words(order))


def _sentences(*found: str) -> str:
    """Put sentences one behind the other, as the language of the moment does."""
    return ("" if str(get_locale()).startswith("zh") else " ").join(filter(None, found))


def _state_words(order: Order) -> str:
    state = order.state
    if state in ("reported", "triaged"):
        return _("Your report is being assessed; an engineer will contact you.")
    if state in ("dispatched", "reopened"):
        if order.engineer is None:
            return _("The company that repairs it is informed and will contact you.")
        return _("%(engineer)s looks after it and will contact you.", engineer=order.engineer.name)
    if state == "contacted":
        return _visit_words(order) or _("We will agree with you on a visit.")
    if state == "visited":
        return _("We have looked at it and are working out how it is repaired.")
    if state == "planned":
        return _sentences(
            _("It is settled how it is repaired, and the work is prepared."), _visit_words(order)
        )
    if state == "repairing":
        return _sentences(_("The repair is under way."), _visit_words(order))
    if state == "self_checked":
        return _("The repair is finished and our engineer checks it.")
    if state == "engineer_accepted":
        return _("The repair is finished and checked. Please look at it and accept it.")
    return _("The work rests at the moment; we tell you as soon as it goes on.")


def _visit_words(order: Order) -> str:
    now = utc_now()
    booked = [each for each in order.visits if each.state == VisitState.BOOKED and each.booked_to > now]
    if not booked:
        return ""
    first: Visit = min(booked, key=lambda each: each.booked_from)
    return _("Our next visit is %(window)s.", window=telling.window_text(first))


def _date_words(order: Order) -> str:
    from plugins.warranty.words import day_text

    if order.state in ("self_checked", "engineer_accepted", "suspended") or order.promised_at is None:
        return ""
    if order.promised_at < utc_now():
        return _("It takes longer than promised; we are sorry, and will name a new date.")
    return _("We expect to finish by %(day)s.", day=day_text(order.promised_at))


def needs_person(order: Order) -> bool:
    """Return whether a person should tell the owner: a date that was promised, or the limit, has passed."""
    return is_overdue(order) or (order.promised_at is not None and order.promised_at < utc_now())


def is_due_soon(order: Order, now: dt.datetime | None = None) -> bool:
    """Return whether the owner has to hear of the progress by now, or so soon that somebody is asked for it."""
    if (
        order.state not in OPEN
        or order.progress_due_at is None
        or deadlines.stands_still(order, Step.PROGRESS)
    ):
        return False
    ahead = dt.timedelta(minutes=int(option("progress_ahead_minutes", order.project)))
    return order.progress_due_at - ahead <= (now or utc_now())


def see_to_progress(order: Order, now: dt.datetime | None = None) -> bool:
    """Let the owner hear of the progress when it is due soon: by a message, or by asking whoever looks after the order.

    Args:
        order: An order.
        now: The present moment; for tests.

    Returns:
        Whether something was done.

    Source: domain reference 3.4.4, column "Progress", and 5.7.4; settings ``progress_by``, ``progress_ahead_minutes``.
    """
    if not is_due_soon(order, now) or order.progress_asked_for == order.progress_due_at:
        return False
    due = order.progress_due_at
    order.progress_asked_for = due
    if option("progress_by", order.project) == BY_ITSELF and not needs_person(order) and _told(order):
        return True
    add_todo(
        order,
        _l("Tell the owner how %(number)s goes", number=order.number),
        owner=order.engineer_id,
        role=None if order.engineer_id else "PCM",
        note=progress_words(order),
        due_at=due,
        dedupe_key=f"{progress_key(order)}{due:%Y%m%d%H%M}",
        customer=order.customer,
        unit=order.unit,
    )
    return True


def _told(order: Order) -> bool:
    """Send the progress as a message; nothing is noted where nobody can get one."""
    with db.session.begin_nested() as attempt:
        message = tell_progress(order, progress_words(order), by_message=True)
        if message is None or message.state == MessageState.WITHHELD:
            attempt.rollback()
            return False
    return True


def run_progress(run: JobRun) -> None:
    """See to the progress of all orders whose owners have to hear of it soon, each in a transaction of its own.

    Args:
        run: The run of the periodic task.
    """
    keys = db.session.scalars(
        sa.select(Order.id)
        .where(
            Order.state.in_(OPEN),
            Order.progress_due_at <= utc_now() + _LONGEST_AHEAD,
            sa.or_(Order.progress_asked_for.is_(None), Order.progress_asked_for != Order.progress_due_at),
        )
        .order_by(Order.progress_due_at, Order.id)
    ).all()
    for key in run.steps(keys):
        order = db.session.scalar(
            sa.select(Order)
            .where(Order.id == key)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if order is not None and is_on("warranty", order.project.department_id):
            see_to_progress(order)
