"""The outbox: writing messages, sending what is due, hearing what became of it, and deciding what nobody knows."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc
from flask import Flask, current_app
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.database.owners import owner_of
from core.database.scope import Scope, all_departments, require_scope, use_scope
from core.database.types import LOCAL_ZONE, Wording, utc_now
from core.extensions import db
from core.languages import Text, cut, worded
from core.machinery.messages import texts
from core.machinery.messages.models import TAKEN, Message, MessageBatch, MessageState, MessageText
from core.machinery.messages.outgoing import Recipient, Secret
from core.machinery.messages.quiet import after_quiet, month_of
from core.machinery.messages.words import KINDS
from core.plugin_system.declarations import SERVICE, MessageChannel, MessageTemplate
from core.plugin_system.runtime import current_runtime
from core.plugin_system.validation import ALWAYS_THERE

__all__ = [
    "CustomerFacts",
    "Means",
    "MessageRefused",
    "Preview",
    "cancel",
    "cancel_by_key",
    "change_text",
    "counts_of",
    "decide",
    "draft_batch",
    "find_customer",
    "launch_batch",
    "make_batch",
    "messages_of",
    "preview",
    "remark_of",
    "restore_text",
    "send_message",
    "set_up_messages",
    "try_again",
    "write_of_batch",
]

LANGUAGES = ("zh_Hans_CN", "en")
_EXTENSION = "doorstep.messages"
BATCH_JOB = "core.write_messages"
MOST_RECIPIENTS = 20_000
"""Customers in one batch."""
_DISTURBING = frozenset({"sms", "wechat"})


class MessageRefused(ValueError):
    """A step is not possible; the message is a full sentence for the user."""


@dataclass(frozen=True)
class CustomerFacts:
    """What a message needs to know of a customer.

    Attributes:
        name: How he is addressed.
        language: The locale that he reads.
        addresses: Address by kind of channel; kinds without one are left out.
        preferred: The kind that he prefers.
        gone: Whether the record was merged or erased.
    """

    name: str
    language: str
    addresses: Mapping[str, str]
    preferred: str = ""
    gone: bool = False


@dataclass(frozen=True)
class Means:
    """What messages take from other parts of the core.

    Attributes:
        setting: Returns the core's setting with a key in a department.
        departments_above: Returns the ids from the root down to a department.
        is_within_reach: Returns whether the acting user may change what holds in a department.
        facts_of: Returns what is known of a customer.
        unwanted: Returns why a customer gets no messages of a purpose, a sentence, or None.
        places: Returns ``company``, ``project`` and ``unit`` as a text names them, for a project id, a unit, a
            department id and a language.
        write_timeline: Adds an entry to the timeline.
        record_event: Writes an event into the audit log.
        issue_letter: Issues a message as a document: code of its type, key of the message, language. It may not have
            been written to the session before; raises :class:`NotSent` when it cannot be printed.
        issued_for: Returns the documents that were issued for a record, the newest first.
        enqueue_job: Starts a job.
    """

    setting: Callable[[str, int | None], Any]
    departments_above: Callable[[int], list[int]]
    is_within_reach: Callable[[Any], bool]
    facts_of: Callable[[Any], CustomerFacts]
    unwanted: Callable[[Any, str], Text | None]
    places: Callable[[int | None, Any, int | None, str], Mapping[str, str]]
    write_timeline: Callable[..., Any]
    record_event: Callable[..., None]
    issue_letter: Callable[[str, int, str], Any]
    issued_for: Callable[[Any], Sequence[Any]]
    enqueue_job: Callable[..., Any]


def set_up_messages(app: Flask, means: Means) -> None:
    """Hand over what messages need."""
    app.extensions[_EXTENSION] = means


def means() -> Means:
    """Return what was handed over."""
    found: Means = current_app.extensions[_EXTENSION]
    return found


# --- Writing


def send_message(
    template: str,
    customer: Any,
    values: Mapping[str, Any] | None = None,
    *,
    dedupe_key: str,
    record: Any = None,
    unit: Any = None,
    channel: str | None = None,
    not_before: dt.datetime | None = None,
    batch: MessageBatch | None = None,
) -> Message:
    """Write a message into the outbox, in the caller's transaction. A sender carries it out after the commit.

    A message that a rule keeps back is written all the same, as withheld with its reason, so that staff can see why
    the customer heard nothing. Nothing is written a second time under the same dedupe key.

    Args:
        template: Code of the template.
        customer: The customer, or a :class:`Recipient` who is none.
        values: Values of the template's own placeholders by name.
        dedupe_key: Says what makes the message the same, for example ``handover.notice_link:17``.
        record: The record that it speaks of: the message hangs on it and belongs to its project.
        unit: The unit that it speaks of.
        channel: Kind of channel, when it is not to be chosen by the customer's preference.
        not_before: Earliest moment, in UTC; now when omitted. Quiet hours postpone it further.
        batch: The batch that it belongs to.

    Returns:
        The message, or the one that was written under the same key before.

    Raises:
        LookupError: There is no such template.
        ValueError: A placeholder has no value, or the template cannot go by that kind of channel.

    Source: domain reference 3.7.8; cap of 5.5.2: at most two messages a month that are no service.
    """
    declared = _template(template)
    if not dedupe_key or len(dedupe_key) > 200:
        raise ValueError("A message needs a dedupe key of at most 200 characters.")
    earlier = _by_key(dedupe_key)
    if earlier is not None:
        return earlier
    plan = _plan(
        declared, customer, dict(values or {}), record=record, unit=unit, channel=channel, at=not_before
    )
    message = Message(
        dedupe_key=dedupe_key,
        batch_id=batch.id if batch is not None else None,
        **plan.columns,
    )
    try:
        with db.session.begin_nested():
            db.session.add(message)
    except sqlalchemy.exc.IntegrityError:
        earlier = _by_key(dedupe_key)
        if earlier is None:
            raise
        return earlier
    if message.state == MessageState.WITHHELD:
        note_on_timeline(message)
    return message


def _template(code: str) -> MessageTemplate:
    found = current_runtime().declared.message_template(code)
    if found is None:
        raise LookupError(f"There is no message template {code!r}.")
    return found


def _by_key(dedupe_key: str) -> Message | None:
    with all_departments("a message is written once, whoever wrote it first"):
        return db.session.scalar(sa.select(Message).where(Message.dedupe_key == dedupe_key))


@dataclass(frozen=True)
class _Plan:
    columns: dict[str, Any]
    obstacle: Text | None


def _plan(
    template: MessageTemplate,
    customer: Any,
    values: dict[str, Any],
    *,
    record: Any = None,
    unit: Any = None,
    channel: str | None = None,
    at: dt.datetime | None = None,
    locking: bool = True,
    language: str | None = None,
) -> _Plan:
    """Decide everything about a message without writing it."""
    is_customer = not isinstance(customer, Recipient)
    facts = means().facts_of(customer) if is_customer else facts_of_recipient(customer)
    language = language or (facts.language if facts.language in LANGUAGES else LANGUAGES[0])
    scope = require_scope()
    owner = owner_of(record) if record is not None else None
    project_id = unit.project_id if unit is not None else (owner.project_id if owner is not None else None)
    department_id = scope.department_id or (owner.department_id if owner is not None else None)
    kind, address = _way(template, facts, channel)
    now = utc_now()
    moment = max(now, at) if at is not None else now
    if kind in _DISTURBING and not template.urgent:
        moment = after_quiet(moment, *quiet_hours(department_id))
    month = month_of(moment) if template.purpose != SERVICE and is_customer else ""
    obstacle = _obstacle(template, customer, facts, address, month, locking, department_id)
    words = texts.words_for(template, language, _path(department_id))
    with force_locale(language):
        places = means().places(project_id, unit, department_id, language)
        all_values = {
            "customer": facts.name,
            "phone": str(means().setting("service_phone", department_id)),
            **places,
            **values,
        }
        hidden = {name: str(value) for name, value in all_values.items() if isinstance(value, Secret)}
        all_values |= {name: f"{{{name}}}" for name in hidden}
        try:
            subject, body = texts.fill(words.subject, all_values), texts.fill(words.body, all_values)
        except KeyError as error:
            raise ValueError(f"The message {template.code!r} has no value for {error.args[0]!r}.") from error
    kind_code = current_runtime().declared.record_kind_of(record) if record is not None else None
    columns = {
        "template": template.code,
        "purpose": template.purpose,
        "kind": kind,
        "language": language,
        "recipient_name": facts.name[:120],
        "address": address or "",
        "subject": subject[:255],
        "body": body,
        "secrets": json.dumps(hidden) if hidden and not obstacle else None,
        "state": MessageState.WITHHELD if obstacle else MessageState.WAITING,
        "reason": worded(obstacle or ""),
        "idempotency_key": secrets.token_hex(16),
        "not_before": moment,
        "counted_month": month,
        "urgent": template.urgent,
        "project_id": project_id,
        "unit_id": unit.id if unit is not None else None,
        "customer_id": customer.id if is_customer else None,
        "department_id": department_id,
        "user_id": scope.user_id,
        "record_kind": kind_code.code if kind_code is not None else None,
        "record_id": record.id if record is not None else None,
    }
    return _Plan(columns, obstacle)


def facts_of_recipient(recipient: Recipient) -> CustomerFacts:
    """Return what is known of somebody who is no customer."""
    addresses = {"sms": recipient.phone, "email": recipient.email, "letter": recipient.address}
    return CustomerFacts(
        recipient.name, recipient.language, {kind: value for kind, value in addresses.items() if value}
    )


def _way(template: MessageTemplate, facts: CustomerFacts, wished: str | None) -> tuple[str, str | None]:
    """Return kind and address: the wished kind, else the one the customer prefers, else the first with an address."""
    if wished is not None:
        if wished not in template.channels:
            raise ValueError(f"The message {template.code!r} cannot go by {wished!r}.")
        return wished, facts.addresses.get(wished)
    order = sorted(template.channels, key=lambda kind: kind != facts.preferred)
    for kind in order:
        if kind in facts.addresses and channel_for(kind) is not None:
            return kind, facts.addresses[kind]
    return order[0], facts.addresses.get(order[0])


def channel_for(kind: str) -> MessageChannel | None:
    """Return the channel that carries a kind of message now, or None when none is ready."""
    return next((each for each in current_runtime().declared.message_channels(kind) if each.ready()), None)


def _path(department_id: int | None) -> list[int]:
    return means().departments_above(department_id) if department_id is not None else []


def quiet_hours(department_id: int | None) -> tuple[int, int]:
    """Return the full hours at which the quiet hours of a department begin and end."""
    setting = means().setting
    return int(setting("quiet_from", department_id)), int(setting("quiet_until", department_id))


def remark_of(message: Message) -> str | Wording:
    """Return why a message stands as it does: what was noted, or that it waits for the end of the quiet hours."""
    waits = message.state == MessageState.WAITING and message.not_before > utc_now()
    if message.reason or not waits or message.urgent or message.kind not in _DISTURBING:
        return message.reason
    before = message.not_before - dt.timedelta(seconds=1)
    if after_quiet(before, *quiet_hours(message.department_id)) != message.not_before:
        return ""
    return _(
        "Quiet hours: it goes out from %(time)s on.",
        time=f"{message.not_before.astimezone(LOCAL_ZONE):%Y-%m-%d %H:%M}",
    )


def _obstacle(
    template: MessageTemplate,
    customer: Any,
    facts: CustomerFacts,
    address: str | None,
    month: str,
    locking: bool,
    department_id: int | None,
) -> Text | None:
    if facts.gone:
        return _l("The customer's record was merged or erased.")
    if template.purpose != SERVICE and not isinstance(customer, Recipient):
        refusal = means().unwanted(customer, template.purpose)
        if refusal is not None:
            return refusal
        full = month_is_full(customer, month, department_id, locking=locking)
        if full is not None:
            return full
    if not address:
        return _l("There is no address for this kind of message. Add one to the record and write again.")
    return None


def month_is_full(
    customer: Any,
    month: str,
    department_id: int | None,
    *,
    besides: int | None = None,
    locking: bool = True,
) -> Text | None:
    """Return why a customer gets no further message in a month, a sentence, or None.

    Args:
        customer: The customer; his row is locked, so that two writers do not both take the last place.
        month: Like ``2026-11``.
        department_id: Whose cap counts.
        besides: Id of a message that is not counted.
        locking: False for a preview.

    Source: domain reference 5.5.2.
    """
    cap = int(means().setting("messages_per_month", department_id))
    model = type(customer)
    with all_departments("the cap of a customer counts the messages of all departments"):
        if locking:
            db.session.execute(sa.select(model.id).where(model.id == customer.id).with_for_update())
        query = sa.select(sa.func.count(Message.id)).where(
            Message.customer_id == customer.id,
            Message.counted_month == month,
            Message.state.in_(TAKEN),
        )
        if besides is not None:
            query = query.where(Message.id != besides)
        taken = db.session.scalar(query) or 0
    if taken < cap:
        return None
    return _l(
        "The customer has %(count)s messages in %(month)s already; further ones that are no service are withheld.",
        count=taken,
        month=month,
    )


def body_of(message: Message) -> str:
    """Return the text as the recipient gets it, with the values that staff do not see."""
    body = message.body
    for name, value in json.loads(message.secrets or "{}").items():
        body = body.replace(f"{{{name}}}", value)
    return body


def default_language() -> str:
    """Return the language of the installation."""
    return str(current_app.config["DEFAULT_LOCALE"])


def customer_of(message: Message) -> Any:
    """Return the customer of a message, or None."""
    return find_customer(message.customer_id) if message.customer_id is not None else None


def find_customer(key: int) -> Any:
    """Return a visible customer, or None; messages know customers only as records of a kind."""
    kind = current_runtime().declared.record_kind("core.customer")
    return db.session.scalar(sa.select(kind.model).where(kind.model.id == key)) if kind is not None else None


def scope_of(message: Message) -> Scope:
    """Return the scope in which a message is carried out: the wall is open, and its own user and department act."""
    return Scope(
        user_id=message.user_id,
        department_id=message.department_id,
        project_ids=None,
        department_ids=None,
        permissions=frozenset({"messages.view", "messages.send"}),
        reason="carrying out a message of the outbox",
    )


def note_on_timeline(message: Message) -> None:
    """Write what became of a message on the timeline of its customer, unit and project."""
    if message.customer_id is None and message.unit_id is None and message.project_id is None:
        return
    template = current_runtime().declared.message_template(message.template)
    words = {
        "kind": KINDS[message.kind],
        "title": template.label if template is not None else message.template,
    }
    if message.state in (MessageState.SENT, MessageState.DELIVERED):
        code, sentence = "core.message_sent", _l("%(kind)s sent: %(title)s.", **words)
    else:
        code = "core.message_not_sent"
        reason = message.reason or ""
        sentence = _l("%(kind)s not sent: %(title)s. %(reason)s", **words, reason=reason)
    with use_scope(scope_of(message)):
        means().write_timeline(
            code,
            sentence,
            customer_id=message.customer_id,
            unit_id=message.unit_id,
            project_id=message.project_id,
            record_id=message.id,
            details={"template": message.template, "kind": message.kind, "state": str(message.state)},
        )


# --- What people decide


def _locked(message: Message) -> Message:
    db.session.refresh(message, with_for_update=True)
    return message


def cancel(message: Message) -> None:
    """Take back a message that was not sent yet.

    Raises:
        MessageRefused: It is under way or done with.
    """
    if _locked(message).state != MessageState.WAITING:
        raise MessageRefused(
            _("The message is no longer waiting, so it cannot be taken back. Reload the page.")
        )
    message.state = MessageState.CANCELLED
    message.reason, message.secrets = worded(_l("Taken back before it was sent.")), None
    db.session.flush()
    means().record_event("message_cancelled", message)


def cancel_by_key(prefix: str, reason: Text) -> int:
    """Take back the messages that wait and whose dedupe key begins so; returns how many there were.

    Args:
        prefix: For example ``clock:17:``.
        reason: Why they are not needed any more, a sentence, ``_l("…")``.
    """
    with all_departments("what a message was about is done, whoever wrote it"):
        waiting = db.session.scalars(
            sa.select(Message)
            .where(
                Message.dedupe_key.startswith(prefix, autoescape=True), Message.state == MessageState.WAITING
            )
            .with_for_update()
        ).all()
        for message in waiting:
            message.state, message.secrets = MessageState.CANCELLED, None
            message.reason = worded(reason)
            means().record_event("message_cancelled", message)
        db.session.flush()
    return len(waiting)


def decide(message: Message, verdict: str, reason: str) -> None:
    """Decide what became of a message of which nobody knows whether it was sent.

    Args:
        message: A message in the state ``unknown``.
        verdict: ``sent`` when the customer has it, ``again`` to send it once more, ``failed`` to leave it.
        reason: How that was found out; kept in the log.

    Raises:
        MessageRefused: The message is not unknown any more, or the reason is missing.
    """
    if len(reason.strip()) < 4:
        raise MessageRefused(_("Say in a few words how you found out; the reason is kept in the log."))
    if _locked(message).state != MessageState.UNKNOWN:
        raise MessageRefused(_("What became of the message is known by now. Reload the page."))
    if verdict == "again":
        # The key stays: a gateway that has the message after all will not send it twice.
        message.state, message.not_before, message.reason = MessageState.WAITING, utc_now(), ""
    elif verdict == "sent":
        message.state, message.sent_at = MessageState.SENT, message.sent_at or utc_now()
        message.secrets = None
        message.reason = worded(_l("Somebody found out that it was sent."))
    elif verdict == "failed":
        message.state = MessageState.FAILED
        message.reason = worded(_l("Somebody decided not to send it again."))
    else:
        raise MessageRefused(_("Choose what became of the message."))
    db.session.flush()
    means().record_event("message_decided", message, reason.strip(), verdict=verdict)
    if verdict != "again":
        note_on_timeline(message)


def try_again(message: Message) -> None:
    """Let a message that failed go out once more.

    Raises:
        MessageRefused: It has not failed.
    """
    if _locked(message).state != MessageState.FAILED:
        raise MessageRefused(_("Only a message that failed can be sent again. Reload the page."))
    message.state, message.not_before, message.reason = MessageState.WAITING, utc_now(), ""
    message.attempts, message.reference = 0, None
    # The other side has refused the old one; under the same key it would only repeat that.
    message.idempotency_key = secrets.token_hex(16)
    db.session.flush()
    means().record_event("message_repeated", message)


# --- Looking at them


@dataclass(frozen=True)
class Preview:
    """A message as a customer would get it.

    Attributes:
        subject: Its heading.
        body: Its words.
        language: Their locale.
        kind: The kind of channel that it would take.
        address: Where it would go, unmasked, or "".
        obstacle: Why it would be withheld, or None.
        parts: How many text messages it takes; 0 for other kinds.
        not_before: When it would go out at the earliest.
    """

    subject: str
    body: str
    language: str
    kind: str
    address: str
    obstacle: Text | None
    parts: int
    not_before: dt.datetime


def preview(
    template: MessageTemplate, customer: Any = None, unit: Any = None, language: str | None = None
) -> Preview:
    """Return a message as it would be written now; nothing is kept.

    Args:
        template: The template.
        customer: A real customer, or None for a sample.
        unit: The unit that it would speak of.
        language: Another locale than that of the customer.
    """
    department_id = require_scope().department_id
    if customer is None:
        language = language or LANGUAGES[0]
        words = texts.words_for(template, language, _path(department_id))
        with force_locale(language):
            values = texts.examples_of(template)
        body = texts.fill(words.body, values)
        kind = template.channels[0]
        return Preview(
            texts.fill(words.subject, values), body, language, kind, "", None, _parts(kind, body), utc_now()
        )
    values = _values_of(template, customer, unit)
    plan = _plan(template, customer, values, unit=unit, locking=False, language=language)
    found = plan.columns
    return Preview(
        found["subject"],
        found["body"],
        found["language"],
        found["kind"],
        found["address"],
        plan.obstacle,
        _parts(found["kind"], found["body"]),
        found["not_before"],
    )


def _parts(kind: str, body: str) -> int:
    return texts.sms_parts(body) if kind == "sms" else 0


def _values_of(template: MessageTemplate, customer: Any, unit: Any) -> dict[str, Any]:
    """Return the values that the module knows of a customer; examples where it does not."""
    if template.values is not None:
        return dict(template.values(customer, unit))
    return {name: value for name, value in texts.examples_of(template).items() if name not in ALWAYS_THERE}


def messages_of(record: Any, limit: int = 20) -> Sequence[Message]:
    """Return the newest messages of a customer, of a unit, or of any other record."""
    kind = current_runtime().declared.record_kind_of(record)
    condition: sa.ColumnElement[bool] = sa.and_(
        Message.record_kind == (kind.code if kind is not None else ""), Message.record_id == record.id
    )
    column = {
        "customer": Message.customer_id,
        "unit": Message.unit_id,
        "message_batch": Message.batch_id,
    }.get(type(record).__tablename__)
    if column is not None:
        condition = column == record.id
    return db.session.scalars(
        sa.select(Message).where(condition).order_by(Message.id.desc()).limit(limit)
    ).all()


# --- Texts of departments


def change_text(template: MessageTemplate, department: Any, language: str, subject: str, body: str) -> None:
    """Give a template words of its own in a department and all below it.

    Args:
        template: The template.
        department: The acting department or one below it.
        language: Locale of the text.
        subject: The heading, with placeholders.
        body: The text, with placeholders.

    Raises:
        texts.TextRefused: The text cannot be used.
        MessageRefused: The department is out of reach.
    """
    _require_reach(department)
    subject, body = texts.check_words(template, subject, body)
    row = _text_row(template, department, language)
    if row is None:
        row = MessageText(department_id=department.id, template=template.code, language=language, body=body)
        db.session.add(row)
    row.subject, row.body = subject, body
    db.session.flush()


def restore_text(template: MessageTemplate, department: Any, language: str) -> None:
    """Let a department use the text from above again.

    Raises:
        MessageRefused: The department is out of reach.
    """
    _require_reach(department)
    row = _text_row(template, department, language)
    if row is not None:
        db.session.delete(row)
        db.session.flush()


def _require_reach(department: Any) -> None:
    if not means().is_within_reach(department):
        raise MessageRefused(_("You can change texts only in your acting department and those below it."))


def _text_row(template: MessageTemplate, department: Any, language: str) -> MessageText | None:
    return db.session.scalar(
        sa.select(MessageText).where(
            MessageText.department_id == department.id,
            MessageText.template == template.code,
            MessageText.language == language,
        )
    )


# --- Batches


def draft_batch(customer_ids: Sequence[int]) -> MessageBatch:
    """Fix who is written to: each of the customers once. What is written is chosen afterwards.

    Args:
        customer_ids: Visible customers, at most 20,000.

    Raises:
        MessageRefused: Nobody was chosen, or too many.
    """
    recipients = list(dict.fromkeys(customer_ids))
    if not recipients:
        raise MessageRefused(_("Choose at least one customer."))
    if len(recipients) > MOST_RECIPIENTS:
        raise MessageRefused(
            _(
                "At most %(count)s customers can be written to at once. Narrow the list first.",
                count=MOST_RECIPIENTS,
            )
        )
    scope = require_scope()
    batch = MessageBatch(
        department_id=scope.department_id, user_id=scope.user_id, template="", title="", recipients=recipients
    )
    db.session.add(batch)
    db.session.flush()
    return batch


def launch_batch(
    batch: MessageBatch, template: str, title: str = "", not_before: dt.datetime | None = None
) -> None:
    """Choose what is written to the customers of a draft, and start the job that writes it.

    Args:
        batch: A draft.
        template: Code of a template that may be sent by hand.
        title: What the batch is called; the template's label when empty.
        not_before: Earliest moment, in UTC.

    Raises:
        MessageRefused: The batch is under way, or the template is not sent by hand.
    """
    declared = _template(template)
    if not declared.by_hand:
        raise MessageRefused(_("This message is sent by its module alone. Choose another one."))
    if batch.template:
        raise MessageRefused(_("These customers are being written to already. Reload the page."))
    batch.template = declared.code
    typed = " ".join(title.split())[:255]
    batch.title = cut(typed or declared.label, 255)
    batch.not_before = not_before
    db.session.flush()
    job = means().enqueue_job(
        BATCH_JOB,
        {"batch": batch.id},
        title=typed or declared.label,
        total=batch.total,
        dedupe_key=f"batch:{batch.id}",
    )
    batch.job_id = job.id
    db.session.flush()


def make_batch(
    template: str, customer_ids: Sequence[int], title: str = "", not_before: dt.datetime | None = None
) -> MessageBatch:
    """Write one message to each of the customers, by a job.

    Args:
        template: Code of a template that may be sent by hand.
        customer_ids: The customers, each written to once.
        title: What the batch is called; the template's label when empty.
        not_before: Earliest moment, in UTC.

    Raises:
        MessageRefused: Nobody was chosen, or the template is not sent by hand.
    """
    batch = draft_batch(customer_ids)
    launch_batch(batch, template, title, not_before)
    return batch


def write_batch(run: Any) -> None:
    """Write the messages of a batch; the function of its job. Each customer is a step, so a killed worker costs none.

    Args:
        run: The run of the job.
    """
    batch_id = int(run.payload["batch"])
    batch = db.session.get(MessageBatch, batch_id)
    recipients = list(batch.recipients) if batch is not None else []

    def write(customer_id: int) -> None:
        held = db.session.get_one(MessageBatch, batch_id)
        customer = find_customer(customer_id)
        if customer is None:
            run.note_failure(
                _called(customer_id),
                _l("This customer does not exist any more, or you may not see him any more."),
            )
            return
        message = write_of_batch(held, customer)
        if message.state == MessageState.WITHHELD:
            run.note_failure(_called(customer_id), message.reason)

    run.each(recipients, write, name=_called)


def _called(customer_id: int) -> Text:
    """Return how a customer is called where no personal values may stand."""
    return _l("Customer %(number)s", number=customer_id)


def write_of_batch(batch: MessageBatch, customer: Any) -> Message:
    """Write the message of a batch to one of its customers; doing it again does nothing.

    Args:
        batch: The batch.
        customer: The loaded customer; he must be visible to who acts.

    Raises:
        MessageRefused: The template is gone, for example because its module was removed.
    """
    declared = current_runtime().declared.message_template(batch.template)
    if declared is None:
        raise MessageRefused(_("The module that this message belongs to is not there any more."))
    return send_message(
        declared.code,
        customer,
        _values_of(declared, customer, None),
        dedupe_key=f"core.batch:{batch.id}:{customer.id}",
        not_before=batch.not_before,
        batch=batch,
    )


def counts_of(batch: MessageBatch) -> dict[MessageState, int]:
    """Return how many messages of a batch are in each state."""
    rows = db.session.execute(
        sa.select(Message.state, sa.func.count(Message.id))
        .where(Message.batch_id == batch.id)
        .group_by(Message.state)
    )
    return {MessageState(state): number for state, number in rows}


# --- Life of customers


def move_to_customer(kept_id: int, merged_id: int) -> None:
    """Move the messages of a merged customer to the one that is kept."""
    for message in db.session.scalars(sa.select(Message).where(Message.customer_id == merged_id)):
        message.customer_id = kept_id
    _replace_in_batches(merged_id, kept_id)


def erase_of_customer(customer_id: int) -> None:
    """Blank what messages say of an erased customer; that one was sent on that day stays."""
    for message in db.session.scalars(sa.select(Message).where(Message.customer_id == customer_id)):
        message.recipient_name, message.address, message.subject, message.body = "", "", "", ""
        message.secrets = None
        if message.state == MessageState.WAITING:
            message.state = MessageState.CANCELLED
            message.reason = worded(_l("The customer's data was erased."))
    _replace_in_batches(customer_id, None)


def _replace_in_batches(customer_id: int, by: int | None) -> None:
    # Batches are few; their recipients are a list of keys, which no database searches alike.
    for batch in db.session.scalars(sa.select(MessageBatch)):
        if customer_id in batch.recipients:
            others = [by if each == customer_id else each for each in batch.recipients]
            batch.recipients = list(dict.fromkeys(each for each in others if each is not None))
    db.session.flush()


def of_customer(customer_id: int) -> list[dict[str, Any]]:
    """Return the messages of a customer as plain data (PIPL 45)."""
    rows = db.session.scalars(
        sa.select(Message).where(Message.customer_id == customer_id).order_by(Message.id)
    )
    return [
        {
            "kind": row.kind,
            "state": str(row.state),
            "written_at": row.created_at.isoformat(),
            "sent_at": row.sent_at.isoformat() if row.sent_at else None,
            "subject": row.subject,
            "text": row.body,
        }
        for row in rows
    ]
