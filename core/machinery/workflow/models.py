"""The history of records that move through a workflow."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database.base import CoreBase, Identified, big_id
from core.database.scope import Owned
from core.database.types import WordedText, Wording, utc_now


class WorkflowMove(Identified, CoreBase):
    """One move of one record: who, when, from, to, and what was said. A move never changes."""

    __tablename__ = "workflow_move"
    __scope__ = Owned()
    __table_args__ = (sa.Index("ix_workflow_move_record", "record_kind", "record_id"),)

    workflow: Mapped[str] = mapped_column(sa.String(80), index=True)
    """``<slug>.<noun>`` as text, so that the history outlives the plugin."""
    record_kind: Mapped[str] = mapped_column(sa.String(80))
    """Code of the record kind, or the table where none is declared."""
    record_id: Mapped[int] = mapped_column(big_id)
    transition: Mapped[str] = mapped_column(sa.String(60))
    from_state: Mapped[str] = mapped_column(sa.String(60))
    to_state: Mapped[str] = mapped_column(sa.String(60))
    comment: Mapped[str | Wording] = mapped_column(WordedText(), default="")
    moved_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    moved_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    """None for the system."""
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="RESTRICT"), index=True
    )
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="RESTRICT"), index=True
    )
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )
