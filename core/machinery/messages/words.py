"""Words for the values of messages, shared by pages, filters and the timeline."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from core.machinery.messages.models import MessageState

KINDS: dict[str, Any] = {
    "sms": _l("SMS"),
    "wechat": _l("WeChat"),
    "email": _l("E-mail"),
    "letter": _l("Letter"),
}
PURPOSES: dict[str, Any] = {
    "service": _l("Service"),
    "marketing": _l("Advertising and events"),
    "survey": _l("Surveys"),
    "greetings": _l("Birthday and festival greetings"),
}
STATES: dict[MessageState, tuple[str, Any]] = {
    MessageState.WAITING: ("calm", _l("Waiting to be sent")),
    MessageState.SENDING: ("calm", _l("Being sent")),
    MessageState.SENT: ("ok", _l("Sent")),
    MessageState.DELIVERED: ("ok", _l("Reached the reader")),
    MessageState.FAILED: ("late", _l("Not sent")),
    MessageState.UNKNOWN: ("wait", _l("Unknown whether sent")),
    MessageState.WITHHELD: ("calm", _l("Withheld")),
    MessageState.CANCELLED: ("calm", _l("Taken back")),
}
