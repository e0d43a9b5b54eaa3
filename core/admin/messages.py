"""The outbox in the back office: what was written to whom, what became of it, and what people decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy.orm import load_only
from werkzeug.wrappers import Response

from core.admin.access import ViewPermissions, expose_guarded
from core.admin.filters import ChoiceFilter, DateRangeFilter, NumberRangeFilter, TextFilter
from core.admin.saving import SaveRefused, commit, saving
from core.admin.searching import clean_text
from core.admin.views import RecordView
from core.extensions import db
from core.languages import LOCALES
from core.machinery.attachments.services import record_of
from core.machinery.messages import sending, services
from core.machinery.messages.declarations import label_of
from core.machinery.messages.models import Message, MessageState
from core.machinery.messages.words import KINDS, PURPOSES, STATES
from core.plugin_system.runtime import current_runtime


def unknown_messages() -> int:
    """Return how many messages wait for somebody to decide whether they were sent."""
    return (
        db.session.scalar(sa.select(sa.func.count(Message.id)).where(Message.state == MessageState.UNKNOWN))
        or 0
    )


def mask_address(value: str) -> str:
    """Return a telephone number, an e-mail or a postal address with its middle hidden."""
    if "@" in value:
        name, _at, host = value.partition("@")
        return f"{name[:1]}***@{host}"
    if len(value) <= 4:
        return "*" * len(value)
    return f"{value[:3]}****{value[-4:]}" if len(value) >= 11 and value.isascii() else f"{value[:2]}****"


def _record_link(message: Message) -> Markup | str:
    if message.record_kind is None or message.record_id is None:
        return ""
    held = record_of(message.record_kind, message.record_id)
    if held is None:
        return ""
    kind, record = held
    return Markup('<a href="{}">{}</a>').format(url_for(kind.endpoint, id=record.id), kind.title(record))


def _customer_link(message: Message) -> Markup | str:
    held = record_of("core.customer", message.customer_id) if message.customer_id is not None else None
    if held is None:
        return ""
    kind, record = held
    return Markup('<a href="{}">{}</a>').format(url_for(kind.endpoint, id=record.id), record.name)


def _body(message: Message) -> Markup:
    return Markup('<div class="message-text">{}</div>').format(message.body)


def _channel(message: Message) -> str:
    channel = current_runtime().declared.message_channel(message.channel)
    return str(channel.label) if channel is not None else message.channel


class MessageView(RecordView):
    """The outbox, newest first. Messages are written by modules; here they are looked after."""

    permissions = ViewPermissions(view="messages.view")
    column_list = ("created_at", "recipient_name", "what", "kind", "state", "sent_at", "reason")
    column_details_list = (
        "state",
        "reason",
        "what",
        "recipient_name",
        "address",
        "customer",
        "record",
        "purpose",
        "kind",
        "channel_words",
        "language",
        "subject",
        "text",
        "created_at",
        "not_before",
        "sent_at",
        "delivered_at",
        "attempts",
        "reference",
    )
    column_labels = {
        "created_at": _l("Written on"),
        "recipient_name": _l("Recipient"),
        "address": _l("Number or address"),
        "what": _l("Message"),
        "template": _l("Code of the message"),
        "kind": _l("Kind of message"),
        "state": _l("State"),
        "reason": _l("Remark"),
        "customer": _l("Customer"),
        "record": _l("Record"),
        "purpose": _l("Purpose"),
        "channel_words": _l("Channel"),
        "language": _l("Language"),
        "subject": _l("Subject"),
        "text": _l("Text"),
        "not_before": _l("Not before"),
        "sent_at": _l("Sent"),
        "delivered_at": _l("Reached the reader"),
        "attempts": _l("Attempts"),
        "reference": _l("Number at the gateway"),
        "batch_id": _l("Number of the batch"),
    }
    cells: Mapping[str, Callable[[Any], Any]] = {
        "what": lambda message: label_of(message.template),
        "customer": _customer_link,
        "record": _record_link,
        "text": _body,
        "channel_words": _channel,
        "reason": services.remark_of,
    }
    choices: Mapping[str, Sequence[tuple[Any, Any]]] = {
        "kind": tuple(KINDS.items()),
        "purpose": tuple(PURPOSES.items()),
        "language": tuple(LOCALES.items()),
    }
    status_columns = {"state": STATES}
    personal_columns = {"address": mask_address}
    open_columns = frozenset({"recipient_name"})
    list_options = (load_only(Message.template, Message.not_before, Message.urgent, Message.department_id),)
    filters = (
        ChoiceFilter("state"),
        ChoiceFilter("kind"),
        ChoiceFilter("purpose"),
        TextFilter("template"),
        DateRangeFilter("created_at"),
        NumberRangeFilter("batch_id"),
    )
    default_sort = ("id", True)
    details_template = "messages/message.html"
    empty_list_hint = _l(
        "Messages appear here as soon as a module writes one, or when you write to customers from their list."
    )

    def details_extra(self, record: Message) -> Mapping[str, Any]:
        """Return which decisions are possible."""
        channel = current_runtime().declared.message_channel(record.channel)
        return {
            "may_ask": record.state == MessageState.UNKNOWN
            and channel is not None
            and channel.inquire is not None,
            "may_cancel": record.state == MessageState.WAITING,
            "is_unknown": record.state == MessageState.UNKNOWN,
            "has_failed": record.state == MessageState.FAILED,
            "hides": bool(record.secrets) or "{link}" in record.body,
        }

    @expose_guarded("/cancel/", permission="messages.send", methods=("POST",))
    def cancel(self) -> Response:
        """Take back a message that was not sent yet."""
        message = self.get_one(self._single_id())
        return self._step(message.id, lambda: services.cancel(message), _("The message was taken back."))

    @expose_guarded("/decide/", permission="messages.decide", methods=("POST",))
    def decide(self) -> Response:
        """Decide what became of a message that nobody knows about."""
        message = self.get_one(self._single_id())
        verdict = request.form.get("verdict", "")
        reason = clean_text(request.form.get("reason", ""))[:200]
        return self._step(
            message.id, lambda: services.decide(message, verdict, reason), _("The decision is noted.")
        )

    @expose_guarded("/again/", permission="messages.decide", methods=("POST",))
    def again(self) -> Response:
        """Let a message that failed go out once more."""
        message = self.get_one(self._single_id())
        return self._step(
            message.id, lambda: services.try_again(message), _("The message goes out once more.")
        )

    @expose_guarded("/ask/", permission="messages.decide", methods=("POST",))
    def ask(self) -> Response:
        """Ask the gateway what became of a message."""
        message = self.get_one(self._single_id())
        key = message.id
        db.session.rollback()
        state = sending.ask(key)
        if state == MessageState.UNKNOWN:
            flash(_("The gateway could not tell. Try again later, or decide below."), "error")
        else:
            flash(_("The gateway has told; the state is up to date."), "success")
        return redirect(self.address("details_view", id=key), 303)

    def _step(self, key: int, step: Callable[[], Any], done: str) -> Response:
        try:
            with saving():
                step()
            commit()
        except services.MessageRefused as refusal:
            db.session.rollback()
            flash(str(refusal), "error")
        except SaveRefused as refusal:
            flash(refusal.sentence, "error")
        else:
            flash(done, "success")
        return redirect(self.address("details_view", id=key), 303)
