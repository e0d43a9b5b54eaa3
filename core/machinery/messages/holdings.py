"""The messages of a plugin and the texts that departments wrote for its templates."""

from __future__ import annotations

from collections.abc import Callable

from flask_babel import lazy_gettext as _l

from core.machinery.messages.models import Message, MessageBatch, MessageText
from core.plugin_system.holdings import Holding, Trace, delete_rows, queried


def _erase_texts(trace: Trace) -> Callable[[], None] | None:
    delete_rows(MessageText, trace.starts(MessageText.template), f"erasing the plugin {trace.slug}")
    return None


HOLDINGS: tuple[Holding, ...] = (
    queried(
        "messages",
        _l("Messages"),
        Message,
        lambda trace: trace.starts(Message.template),
        stays=_l("They were sent; they stay in the outbox as proof."),
    ),
    queried(
        "message_batches",
        _l("Messages to many"),
        MessageBatch,
        lambda trace: trace.starts(MessageBatch.template),
        stays=_l("They were sent; they stay in the outbox as proof."),
    ),
    queried(
        "message_texts",
        _l("Texts of messages"),
        MessageText,
        lambda trace: trace.starts(MessageText.template),
        erase=_erase_texts,
    ),
)
