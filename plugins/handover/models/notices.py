"""Rectification notices and the defects on them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    ByProject,
    Identified,
    Project,
    Record,
    SearchIndex,
    User,
    big_id,
    parent_key,
    project_column,
)
from plugins.contractors.models import Company
from plugins.handover.models.base import Base
from plugins.handover.models.defects import Defect
from plugins.handover.models.inspections import Inspection


class RectificationNotice(Record, Base):
    """The defects of one contractor, sent to him with a deadline 整改通知单."""

    __tablename__ = "handover_rectification_notice"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("handover_inspection", "inspection_id"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_handover_rectification_notice_work", "project_id", "state"),
    )

    project_id: Mapped[int] = project_column()
    contractor_id: Mapped[int] = mapped_column(
        sa.ForeignKey("contractors_company.id", ondelete="RESTRICT"), index=True
    )
    inspection_id: Mapped[int | None] = mapped_column(big_id, index=True)
    """Set when all its defects come from one inspection."""
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``ZG-{project}-{yyyymm}-{0001}``."""
    state: Mapped[str] = mapped_column(sa.String(12), default="draft", index=True)
    deadline: Mapped[dt.datetime | None] = mapped_column(index=True)
    issue_due_at: Mapped[dt.datetime | None]
    """Until when it should be issued: the end of the oldest inspection plus the limit of rule 4."""
    issued_at: Mapped[dt.datetime | None]
    issued_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    receipt_due_at: Mapped[dt.datetime | None]
    received_at: Mapped[dt.datetime | None]
    receiver_name: Mapped[str] = mapped_column(sa.String(80), default="")
    replied_at: Mapped[dt.datetime | None]
    reply_text: Mapped[str] = mapped_column(sa.Text, default="")
    recheck_note: Mapped[str] = mapped_column(sa.Text, default="")
    penalty_note: Mapped[str] = mapped_column(sa.Text, default="")
    penalty_amount: Mapped[Decimal | None]
    """What is deducted in yuan; None without a penalty."""
    note: Mapped[str] = mapped_column(sa.Text, default="")
    """What is asked beyond the single defects."""

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(RectificationNotice.project_id) == Project.id, viewonly=True
    )
    contractor: Mapped[Company] = relationship(
        Company, primaryjoin=lambda: foreign(RectificationNotice.contractor_id) == Company.id, viewonly=True
    )
    inspection: Mapped[Inspection | None] = relationship(
        primaryjoin=lambda: foreign(RectificationNotice.inspection_id) == Inspection.id, viewonly=True
    )
    issued_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(RectificationNotice.issued_by_id) == User.id, viewonly=True
    )
    lines: Mapped[list[NoticeLine]] = relationship(
        back_populates="notice", order_by="NoticeLine.position", cascade="all, delete-orphan"
    )


NOTICE_SEARCH = SearchIndex("handover_rectification_notice", ("number",), short_columns=())
"""Numbers by three characters and more."""
NOTICE_SEARCH.attach(RectificationNotice.__table__)


class NoticeLine(Identified, Base):
    """A defect on a notice. A defect that failed its re-inspection may stand on a second notice."""

    __tablename__ = "handover_notice_line"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("handover_rectification_notice", "notice_id", "CASCADE"),
        parent_key("handover_defect", "defect_id"),
        sa.UniqueConstraint("notice_id", "defect_id"),
        sa.Index("ix_handover_notice_line_defect", "defect_id"),
    )

    project_id: Mapped[int] = project_column(index=True)
    notice_id: Mapped[int] = mapped_column(big_id)
    defect_id: Mapped[int] = mapped_column(big_id)
    position: Mapped[int] = mapped_column(default=0)
    requirement: Mapped[str] = mapped_column(sa.Text, default="")
    """What has to be done."""
    objection: Mapped[str] = mapped_column(sa.Text, default="")
    """Why the contractor refuses to put the defect right, in his words."""
    objected_at: Mapped[dt.datetime | None]
    objection_answer: Mapped[str] = mapped_column(sa.Text, default="")
    """What the developer answered."""
    objection_upheld: Mapped[bool | None]
    """Whether the developer agreed; None as long as he has not answered."""

    notice: Mapped[RectificationNotice] = relationship(back_populates="lines")
    defect: Mapped[Defect] = relationship(
        primaryjoin=lambda: foreign(NoticeLine.defect_id) == Defect.id, viewonly=True
    )
