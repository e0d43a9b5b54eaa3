"""Carrying out the outbox: claiming what is due, handing it to a channel, and writing down what became of it.

Each message is claimed by a conditional update with a lease before it leaves the house. A sender that is killed in
between leaves it ``sending``; when the lease has ended it becomes ``unknown``, and nothing sends it again by itself,
unless the other side says that it never came there.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.database.retrying import with_retries
from core.database.scope import all_departments, use_scope
from core.database.types import Wording, utc_now
from core.extensions import db
from core.languages import Text, cut, sentence_of, worded
from core.machinery.messages import services
from core.machinery.messages.models import Message, MessageState
from core.machinery.messages.outgoing import NotSent, OutgoingMessage, Receipt
from core.machinery.messages.quiet import after_quiet, month_of
from core.plugin_system.declarations import SERVICE, MessageChannel
from core.plugin_system.runtime import current_runtime

log = logging.getLogger(__name__)

LEASE = dt.timedelta(minutes=3)
"""Longer than any channel waits for its other side."""
PAUSES = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
"""How long a message waits after each attempt that certainly failed; after the last one it stays failed."""
PORTION, MOST_PORTIONS = 25, 40
"""Messages in one step of the periodic task, and steps of one run."""
_REASON = "the sender of the outbox carries out the messages of all departments"


@dataclass(frozen=True)
class Sent:
    """What a run of the sender did: messages by what became of them."""

    sent: int = 0
    failed: int = 0
    unknown: int = 0
    postponed: int = 0


def send_due(limit: int = 200) -> Sent:
    """Send the messages whose time has come, oldest first, each in transactions of its own.

    Several senders may run at the same time; each message is claimed by one of them.

    Args:
        limit: How many at the most.
    """
    counts = {"sent": 0, "failed": 0, "unknown": sweep(), "postponed": 0}
    with all_departments(_REASON):
        keys = db.session.scalars(
            sa.select(Message.id)
            .where(Message.state == MessageState.WAITING, Message.not_before <= utc_now())
            .order_by(Message.not_before, Message.id)
            .limit(limit)
        ).all()
        db.session.rollback()
        for key in keys:
            outcome = _carry_out(key)
            if outcome is not None:
                counts[outcome] += 1
    return Sent(**counts)


def run_sender(run: Any) -> None:
    """Send what is due; the function of the periodic task. Each step sends a portion.

    Args:
        run: The run of the job.
    """
    with all_departments(_REASON):
        sweep()
        due = db.session.scalar(
            sa.select(sa.func.count(Message.id)).where(
                Message.state == MessageState.WAITING, Message.not_before <= utc_now()
            )
        )
        db.session.rollback()
    portions = min(MOST_PORTIONS, -(-(due or 0) // PORTION))
    # A message is committed by itself, whatever becomes of the step: a step that is done again finds others.
    run.each(range(1, portions + 1), lambda _number: send_due(PORTION), size=PORTION)


def send_one(message_id: int) -> str | None:
    """Send one message if it is due; returns what became of it, or None when somebody else has it.

    Args:
        message_id: Its key.
    """
    with all_departments(_REASON):
        return _carry_out(message_id)


def sweep() -> int:
    """Make messages unknown whose sender never came back, and ask the other side where it can tell.

    Returns:
        How many are unknown afterwards.
    """
    unknown = 0
    with all_departments(_REASON):
        keys = db.session.scalars(
            sa.select(Message.id).where(
                Message.state == MessageState.SENDING, Message.lease_until < utc_now()
            )
        ).all()
        db.session.rollback()
        for key in keys:
            with_retries(lambda key=key: _give_up(key))  # type: ignore[misc]
            unknown += ask(key) == MessageState.UNKNOWN
    return unknown


def _give_up(key: int) -> None:
    db.session.execute(
        sa.update(Message)
        .where(
            Message.id == key,
            Message.state == MessageState.SENDING,
            Message.lease_until < utc_now(),
        )
        .values(
            state=MessageState.UNKNOWN,
            reason=worded(
                _l(
                    "The sender stopped while it handed the message over, so nobody knows whether it was sent. "
                    "Ask the customer or the gateway, and decide on the page of the message."
                )
            ),
        )
    )
    db.session.commit()


def ask(key: int) -> MessageState | None:
    """Ask the other side what became of a message that is unknown, and write down the answer.

    Args:
        key: Its key.

    Returns:
        The state afterwards, or None when there is no such message.
    """
    with all_departments(_REASON):
        message = db.session.get(Message, key)
        if message is None:
            return None
        channel = current_runtime().declared.message_channel(message.channel)
        if message.state != MessageState.UNKNOWN or channel is None or channel.inquire is None:
            return MessageState(message.state)
        idempotency_key, attempts = message.idempotency_key, message.attempts
        db.session.rollback()
        try:
            receipt = channel.inquire(idempotency_key)
        except Exception:
            log.warning(
                "The channel %s could not tell what became of message %s", channel.code, key, exc_info=True
            )
            return MessageState.UNKNOWN
        if receipt is None:
            # This is no blind repetition: the other side keeps the key and says that nothing came under it.
            with_retries(lambda: _release(key, attempts))
        else:
            with_retries(lambda: _settle(key, attempts, receipt))
        state = db.session.scalar(sa.select(Message.state).where(Message.id == key))
        db.session.rollback()
        return MessageState(state) if state is not None else None


def _release(key: int, attempts: int) -> None:
    db.session.execute(
        sa.update(Message)
        .where(Message.id == key, Message.state == MessageState.UNKNOWN, Message.attempts == attempts)
        .values(state=MessageState.WAITING, not_before=utc_now(), reason="")
    )
    db.session.commit()


def _carry_out(key: int) -> str | None:
    claimed = with_retries(lambda: _claim(key))
    if not isinstance(claimed, _Claim):
        return claimed
    try:
        with use_scope(claimed.scope):
            receipt = claimed.channel.send(claimed.outgoing)
    except NotSent as refusal:
        db.session.rollback()
        sentence, again = worded(sentence_of(refusal)), refusal.again
        with_retries(lambda: _fail(key, claimed.attempts, sentence, again))
        return "failed"
    except Exception:
        db.session.rollback()
        log.exception("Nobody knows whether message %s was sent by %s", key, claimed.channel.code)
        with_retries(lambda: _lose(key, claimed.attempts))
        return "unknown"
    with_retries(lambda: _settle(key, claimed.attempts, receipt))
    return "sent"


@dataclass(frozen=True)
class _Claim:
    outgoing: OutgoingMessage
    channel: MessageChannel
    attempts: int
    scope: Any


def _claim(key: int) -> _Claim | str | None:
    """Take a message under a lease, or postpone or withhold it; None when somebody else has it."""
    message = db.session.scalar(
        sa.select(Message)
        .where(Message.id == key)
        .with_for_update(of=Message)
        .execution_options(populate_existing=True)
    )
    now = utc_now()
    if message is None or message.state != MessageState.WAITING or message.not_before > now:
        db.session.rollback()
        return None
    channel = services.channel_for(message.kind)
    refusal = _refusal(message, now)
    if refusal is not None:
        message.state, message.reason, message.secrets = MessageState.WITHHELD, worded(refusal), None
        services.note_on_timeline(message)
        db.session.commit()
        return "failed"
    if channel is None:
        message.not_before = now + PAUSES[-1]
        message.reason = worded(
            _l("No channel of this kind is ready. Have one configured; the message waits until then.")
        )
        db.session.commit()
        return "postponed"
    if channel.disturbs and not message.urgent:
        earliest = after_quiet(now, *services.quiet_hours(message.department_id))
        if earliest > now:
            message.not_before = earliest
            db.session.commit()
            return "postponed"
    message.state, message.lease_until = MessageState.SENDING, now + LEASE
    message.attempts += 1
    message.channel, message.reason = channel.code, ""
    if message.counted_month:
        message.counted_month = month_of(now)
    outgoing = OutgoingMessage(
        message.id,
        message.kind,
        message.address,
        message.recipient_name,
        message.subject,
        services.body_of(message),
        message.language,
        message.idempotency_key,
        message,
    )
    claim = _Claim(outgoing, channel, message.attempts, services.scope_of(message))
    db.session.commit()
    return claim


def _refusal(message: Message, now: dt.datetime) -> Text | None:
    """Return why a message must not go out any more: since it was written the customer may have said no."""
    if message.customer_id is None:
        return None
    customer = services.customer_of(message)
    if customer is None:
        return None
    with use_scope(services.scope_of(message)):
        if services.means().facts_of(customer).gone:
            return _l("The customer's record was merged or erased.")
        if message.purpose == SERVICE:
            return None
        return services.means().unwanted(customer, message.purpose) or services.month_is_full(
            customer, month_of(now), message.department_id, besides=message.id
        )


def _mine(key: int, attempts: int) -> Message | None:
    """Return a message that is still in the hands of this attempt, locked; None when somebody decided meanwhile."""
    message = db.session.scalar(
        sa.select(Message)
        .where(Message.id == key)
        .with_for_update(of=Message)
        .execution_options(populate_existing=True)
    )
    if (
        message is None
        or message.attempts != attempts
        or message.state not in (MessageState.SENDING, MessageState.UNKNOWN)
    ):
        db.session.rollback()
        return None
    message.lease_until = None
    return message


def _settle(key: int, attempts: int, receipt: Receipt) -> None:
    message = _mine(key, attempts)
    if message is None:
        return
    message.reference = receipt.reference[:120] or None
    message.reason = worded(receipt.note)
    message.sent_at = message.sent_at or utc_now()
    if receipt.failed:
        message.state, message.reason = MessageState.FAILED, worded(receipt.failed)
    elif receipt.delivered_at is not None:
        message.state, message.delivered_at = MessageState.DELIVERED, receipt.delivered_at
    else:
        message.state = MessageState.SENT
    if message.state != MessageState.FAILED:
        message.secrets = None
    services.note_on_timeline(message)
    db.session.commit()


def _fail(key: int, attempts: int, sentence: str | Wording, again: bool) -> None:
    message = _mine(key, attempts)
    if message is None:
        return
    message.reason = sentence
    if again and attempts <= len(PAUSES):
        message.state, message.not_before = MessageState.WAITING, utc_now() + PAUSES[attempts - 1]
    else:
        message.state = MessageState.FAILED
        services.note_on_timeline(message)
    db.session.commit()


def _lose(key: int, attempts: int) -> None:
    message = _mine(key, attempts)
    if message is None:
        return
    message.state = MessageState.UNKNOWN
    message.reason = worded(
        _l(
            "The other side did not answer in time, so nobody knows whether the message was sent. "
            "Ask the customer or the gateway, and decide on the page of the message."
        )
    )
    db.session.commit()


def note_delivery(
    *,
    reference: str = "",
    idempotency_key: str = "",
    delivered_at: dt.datetime | None = None,
    failed: Text = "",
) -> bool:
    """Write down what a gateway reports about a message later. The same report twice changes nothing.

    Args:
        reference: The number that the gateway gave it.
        idempotency_key: Our own key of it; one of both is needed.
        delivered_at: When it reached the reader.
        failed: Why it did not, "" when it did.

    Returns:
        Whether there is such a message.
    """
    if not reference and not idempotency_key:
        return False

    def note() -> bool:
        query = sa.select(Message).with_for_update(of=Message).execution_options(populate_existing=True)
        if idempotency_key:
            query = query.where(Message.idempotency_key == idempotency_key)
        else:
            query = query.where(Message.reference == reference)
        message = db.session.scalar(query.order_by(Message.id.desc()).limit(1))
        if message is None:
            db.session.rollback()
            return False
        if message.state in (MessageState.SENDING, MessageState.SENT, MessageState.UNKNOWN):
            was_noted = message.state == MessageState.SENT
            message.reference = message.reference or reference[:120] or None
            message.sent_at = message.sent_at or utc_now()
            message.lease_until = None
            if failed:
                message.state, message.reason = MessageState.FAILED, cut(failed, 500)
            else:
                message.state, message.delivered_at = MessageState.DELIVERED, delivered_at or utc_now()
                message.reason, message.secrets = "", None
            if failed or not was_noted:
                services.note_on_timeline(message)
        db.session.commit()
        return True

    with all_departments("a gateway reports on messages of any department"):
        return with_retries(note)
