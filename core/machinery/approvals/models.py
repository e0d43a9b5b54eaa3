"""Requests for approval, the opinions that they need, and who stands in for whom."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.database.base import CoreBase, Identified, Record, Timestamped, big_id
from core.database.scope import Owned, Unscoped
from core.database.types import WordedText, Wording, utc_now

_IS_PENDING = sa.text("state = 'pending'")  # noqa: TID251 (the condition of an index, not of a query)


class RequestState(StrEnum):
    """How a request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    """Given back to its author."""
    WITHDRAWN = "withdrawn"


class TaskState(StrEnum):
    """How one opinion stands."""

    WAITING = "waiting"
    """An earlier step is not done yet."""
    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    """Nobody gave it: the request was rejected, withdrawn or opened again before."""


class ApprovalRequest(Record, CoreBase):
    """A record that is put before others, with what was put before them."""

    __tablename__ = "approval_request"
    __scope__ = Owned()
    __table_args__: Any = (
        sa.Index("ix_approval_request_record", "record_kind", "record_id"),
        sa.Index(
            "uq_approval_request_pending",
            "kind",
            "record_kind",
            "record_id",
            unique=True,
            sqlite_where=_IS_PENDING,
            postgresql_where=_IS_PENDING,
        ),
    )

    number: Mapped[str] = mapped_column(sa.String(60), unique=True)
    kind: Mapped[str] = mapped_column(sa.String(80), index=True)
    """Code of the :class:`core.plugin_system.declarations.ApprovalKind` as text, so that it outlives the plugin."""
    record_kind: Mapped[str] = mapped_column(sa.String(80))
    record_id: Mapped[int] = mapped_column(big_id)
    title: Mapped[str | Wording] = mapped_column(WordedText(200))
    amount: Mapped[Decimal | None]
    approved_amount: Mapped[Decimal | None]
    """The amount of the last approval, from which a rise is counted."""
    band: Mapped[str] = mapped_column(sa.String(40), default="")
    """Code of the band that decides, or "" where the kind has none."""
    round_number: Mapped[int] = mapped_column(default=1)
    """Rises when it goes back to an earlier step and when it is opened again."""
    state: Mapped[RequestState] = mapped_column(sa.String(20), default=RequestState.PENDING, index=True)
    note: Mapped[str | Wording] = mapped_column(WordedText(), default="")
    """Why, in the words of the author; below it why the amount changed."""
    facts: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    """What is approved, as ``[label, value]`` pairs, by language."""
    content_hash: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 over kind, record, amount, note and facts."""
    author_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True
    )
    earlier_author_ids: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """Who asked before somebody else changed the amount; they give no opinion either."""
    requested_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[dt.datetime | None]
    withdrawal_reason: Mapped[str] = mapped_column(sa.Text, default="")
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="RESTRICT"), index=True
    )
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="RESTRICT"), index=True
    )
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )

    tasks: Mapped[list[ApprovalTask]] = relationship(
        back_populates="request", order_by="ApprovalTask.round_number, ApprovalTask.position, ApprovalTask.id"
    )

    @property
    def askers(self) -> frozenset[int]:
        """Ids of those who asked, now and before the amount changed: none of them gives an opinion."""
        return frozenset(
            each for each in (*(self.earlier_author_ids or ()), self.author_id) if each is not None
        )

    def __str__(self) -> str:
        return f"{self.number} {self.title}"


class ApprovalTask(Identified, CoreBase):
    """One opinion of one round. Once it is given it never changes."""

    __tablename__ = "approval_task"
    __scope__ = Owned()

    request_id: Mapped[int] = mapped_column(
        sa.ForeignKey("approval_request.id", ondelete="RESTRICT"), index=True
    )
    round_number: Mapped[int]
    step: Mapped[str] = mapped_column(sa.String(40))
    """Code of the step, or of the band."""
    label: Mapped[str | Wording] = mapped_column(WordedText(120))
    """What the opinion box was called on the day, for when its kind is not declared any more."""
    position: Mapped[int]
    """Steps with the same position are open at the same time."""
    state: Mapped[TaskState] = mapped_column(sa.String(20), default=TaskState.WAITING, index=True)
    role: Mapped[str] = mapped_column(sa.String(80), default="")
    """Code of the role that answers, or "" where a person does."""
    place_ids: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """Departments in which the role has to be held."""
    person_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True
    )
    opened_at: Mapped[dt.datetime | None]
    due_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    reminded_at: Mapped[dt.datetime | None]
    escalated_at: Mapped[dt.datetime | None]
    decided_at: Mapped[dt.datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    on_behalf_of_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    opinion: Mapped[str] = mapped_column(sa.Text, default="")
    amount: Mapped[Decimal | None]
    """The amount that the opinion is asked about, so that earlier versions keep theirs."""
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="RESTRICT"), index=True
    )
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="RESTRICT"), index=True
    )
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )

    request: Mapped[ApprovalRequest] = relationship(back_populates="tasks")


class ApprovalDelegation(Identified, Timestamped, CoreBase):
    """Somebody answers in the place of another for some days."""

    __tablename__ = "approval_delegation"
    __scope__ = Unscoped("who stands in for whom is no row of a project; the page shows each only his own")

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    delegate_id: Mapped[int] = mapped_column(sa.ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    from_on: Mapped[dt.date]
    until_on: Mapped[dt.date]
    """The last day, included."""
    reason: Mapped[str] = mapped_column(sa.String(200), default="")
    ended_at: Mapped[dt.datetime | None]
