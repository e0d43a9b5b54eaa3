"""The outbox: one row per message, the texts that departments changed, and batches to many customers."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.database.base import CoreBase, Identified, Record, Timestamped, big_id
from core.database.scope import ByDepartment, Owned
from core.database.types import EncryptedText, WordedText, Wording, utc_now


class MessageState(StrEnum):
    """How far a message has come."""

    WAITING = "waiting"
    """Goes out when its time has come."""
    SENDING = "sending"
    """A sender holds it under a lease."""
    SENT = "sent"
    """The other side has taken it over."""
    DELIVERED = "delivered"
    """The other side says that it reached the reader."""
    FAILED = "failed"
    """It was certainly not sent or not delivered."""
    UNKNOWN = "unknown"
    """It may have been sent: the sender was killed or got no answer. It is never sent again by itself."""
    WITHHELD = "withheld"
    """A rule keeps it back: the customer does not want it, the month is full, or there is no address."""
    CANCELLED = "cancelled"
    """Somebody took it back before it was sent."""


TAKEN = (
    MessageState.WAITING,
    MessageState.SENDING,
    MessageState.SENT,
    MessageState.DELIVERED,
    MessageState.UNKNOWN,
)
"""States that count for the cap of a month: the message reached the customer, or may have, or will."""


class MessageBatch(Record, CoreBase):
    """One message to many customers. Its recipients are fixed when it is made."""

    __tablename__ = "message_batch"
    __scope__ = ByDepartment()

    department_id: Mapped[int] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )
    user_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True
    )
    template: Mapped[str] = mapped_column(sa.String(80))
    title: Mapped[str | Wording] = mapped_column(WordedText(255))
    recipients: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """Ids of the customers, in the order in which they are written to."""
    not_before: Mapped[dt.datetime | None]
    job_id: Mapped[int | None] = mapped_column(big_id)
    """The job that writes the messages."""

    @property
    def total(self) -> int:
        """How many customers are written to."""
        return len(self.recipients)


class Message(Identified, Timestamped, CoreBase):
    """A message, with the words that leave the house. It is written in the transaction of what it tells of.

    The row is its own log: its states carry their times, and what a person decides about it goes into the audit log.
    """

    __tablename__ = "message"
    __scope__ = Owned()
    __audited__ = False
    __audit_hidden__ = frozenset({"secrets"})
    __personal__ = frozenset({"recipient_name", "address"})
    __table_args__: Any = (
        sa.Index("ix_message_due", "state", "not_before"),
        sa.Index("ix_message_month", "customer_id", "counted_month"),
        sa.Index("ix_message_record", "record_kind", "record_id"),
    )

    template: Mapped[str] = mapped_column(sa.String(80), index=True)
    """Code of the template as text, so that the outbox outlives a plugin."""
    purpose: Mapped[str] = mapped_column(sa.String(20))
    kind: Mapped[str] = mapped_column(sa.String(20), index=True)
    """``sms``, ``wechat``, ``email`` or ``letter``."""
    channel: Mapped[str] = mapped_column(sa.String(80), default="")
    """Code of the channel that carried it."""
    language: Mapped[str] = mapped_column(sa.String(20))
    recipient_name: Mapped[str] = mapped_column(sa.String(120))
    address: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str] = mapped_column(sa.Text)
    secrets: Mapped[str | None] = mapped_column(EncryptedText())
    """Values of placeholders that still stand in the text, as JSON; removed when the message is sent."""
    state: Mapped[MessageState] = mapped_column(sa.String(12), default=MessageState.WAITING)
    reason: Mapped[str | Wording] = mapped_column(WordedText(), default="")
    """Why it is where it is, a sentence for staff."""
    dedupe_key: Mapped[str] = mapped_column(sa.String(200), unique=True)
    idempotency_key: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """Tells the other side that a second handing over is the same message."""
    reference: Mapped[str | None] = mapped_column(sa.String(120), index=True)
    """Number that the other side gave it."""
    not_before: Mapped[dt.datetime] = mapped_column(default=utc_now)
    lease_until: Mapped[dt.datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    counted_month: Mapped[str] = mapped_column(sa.String(7), default="")
    """``2026-11`` for a message that counts for the cap of that month, "" for one that never counts."""
    urgent: Mapped[bool] = mapped_column(default=False)
    sent_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    delivered_at: Mapped[dt.datetime | None]

    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="CASCADE"), index=True
    )
    unit_id: Mapped[int | None] = mapped_column(sa.ForeignKey("unit.id", ondelete="SET NULL"), index=True)
    customer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"))
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )
    """Whose settings and texts count: the department that acted."""
    user_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True
    )
    record_kind: Mapped[str | None] = mapped_column(sa.String(80))
    record_id: Mapped[int | None] = mapped_column(big_id)
    batch_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("message_batch.id", ondelete="SET NULL"), index=True
    )
    batch: Mapped[MessageBatch | None] = relationship()


class MessageText(Record, CoreBase):
    """The words of a template in one department and language, and in all departments below it."""

    __tablename__ = "message_text"
    __scope__ = ByDepartment()
    __table_args__: Any = (sa.UniqueConstraint("department_id", "template", "language"),)

    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"))
    template: Mapped[str] = mapped_column(sa.String(80), index=True)
    language: Mapped[str] = mapped_column(sa.String(20))
    subject: Mapped[str] = mapped_column(default="")
    body: Mapped[str] = mapped_column(sa.Text)
