"""What passes between the outbox and the channels. A channel of a plugin needs nothing else."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from core.languages import Text


class Secret(str):
    """A value that only the recipient may read, for example a personal link.

    The outbox keeps its placeholder in the text, and the value encrypted until the message is sent.
    """

    __slots__ = ()


@dataclass(frozen=True)
class Recipient:
    """Somebody who is written to and is no customer of the register, for example a person of a contractor.

    Attributes:
        name: How the message addresses him.
        phone: Telephone number, or None.
        email: E-mail address, or None.
        address: Postal address, or "".
        language: Locale that he reads.
    """

    name: str
    phone: str | None = None
    email: str | None = None
    address: str = ""
    language: str = "zh_Hans_CN"


@dataclass(frozen=True)
class OutgoingMessage:
    """A message as a channel gets it.

    Attributes:
        id: Key of its row.
        kind: ``sms``, ``wechat``, ``email`` or ``letter``.
        address: Telephone number, e-mail or postal address, or identity on WeChat.
        name: Name of the recipient.
        subject: Heading, "" where the kind has none.
        body: The words.
        language: Their locale.
        idempotency_key: The same for every handing over of this message.
        row: The row itself, for channels of the core.
    """

    id: int
    kind: str
    address: str
    name: str
    subject: str
    body: str
    language: str
    idempotency_key: str
    row: Any = None


@dataclass(frozen=True)
class Receipt:
    """What the other side says of a message that it has taken over.

    Attributes:
        reference: The number that it gave it, "" for none.
        delivered_at: When it reached the reader, if that is known already.
        failed: Why it was not delivered, ``_l("…")`` or the words of the other side; "" when it was or may still be.
        note: What staff should know, ``_l("…")``, for example where a file lies.
    """

    reference: str = ""
    delivered_at: dt.datetime | None = None
    failed: Text = ""
    note: Text = ""


class NotSent(Exception):
    """A message was certainly not sent; the message of the error is a sentence for staff, ``_l("…")``.

    Attributes:
        again: Whether it may be tried again by itself later.
    """

    def __init__(self, sentence: Text, *, again: bool = False) -> None:
        super().__init__(sentence)
        self.again = again
