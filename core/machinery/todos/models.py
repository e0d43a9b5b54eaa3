"""To-dos."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database.base import CoreBase, Record, big_id
from core.database.scope import Owned
from core.database.types import WordedText, Wording


class TodoState(StrEnum):
    """Whether something is still to be done."""

    OPEN = "open"
    DONE = "done"
    SKIPPED = "skipped"


class Todo(Record, CoreBase):
    """Something to do: by a person, or by whoever holds a role in a department, on a record or by itself."""

    __tablename__ = "todo"
    __scope__ = Owned()
    __table_args__: Any = (
        sa.Index("ix_todo_record", "record_kind", "record_id"),
        sa.Index("ix_todo_owner", "owner_id", "state", "due_at"),
        sa.Index("ix_todo_department", "department_id", "state", "due_at"),
        sa.Index("ix_todo_state", "state", "due_at"),
    )

    title: Mapped[str | Wording] = mapped_column(WordedText(200))
    note: Mapped[str | Wording] = mapped_column(WordedText(), default="")
    """What to know beforehand."""
    record_kind: Mapped[str | None] = mapped_column(sa.String(80))
    record_id: Mapped[int | None] = mapped_column(big_id)
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="CASCADE"), index=True
    )
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="CASCADE"), index=True
    )
    unit_id: Mapped[int | None] = mapped_column(sa.ForeignKey("unit.id", ondelete="SET NULL"), index=True)
    department_id: Mapped[int | None] = mapped_column(sa.ForeignKey("department.id", ondelete="RESTRICT"))
    """The department that has to do it."""
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    """The person who has to do it; None while nobody took it."""
    role: Mapped[str] = mapped_column(sa.String(80), default="")
    """Code of the role whose holders in the department may take it; "" for everybody there."""
    due_at: Mapped[dt.datetime | None]
    state: Mapped[TodoState] = mapped_column(sa.String(10), default=TodoState.OPEN)
    touchpoint_code: Mapped[str | None] = mapped_column(sa.String(20), index=True)
    """The touchpoint that is reached when it is done."""
    dedupe_key: Mapped[str | None] = mapped_column(sa.String(120), unique=True)
    """What it was made for, so that it is made once."""
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    finished_at: Mapped[dt.datetime | None]
    finished_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    finish_note: Mapped[str] = mapped_column(sa.Text, default="")
    """How it was done, or why it was left."""

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done."""
        return self.state == TodoState.OPEN

    def is_overdue(self, now: dt.datetime) -> bool:
        """Return whether it is open and its moment has passed."""
        return self.is_open and self.due_at is not None and self.due_at < now
