"""Touchpoints (what should happen) and timeline entries (what happened)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database.base import CoreBase, Identified, Record, big_id
from core.database.scope import ByDepartment, Owned, Unscoped
from core.database.types import WordedText, Wording, utc_now


class Touchpoint(Record, CoreBase):
    """A touchpoint of the catalogue, TP-A01 … TP-G, as the procedure states it (domain reference 2)."""

    __tablename__ = "touchpoint"
    __scope__ = Unscoped(
        "the catalogue is one for the installation; companies override it by TouchpointOverride"
    )

    code: Mapped[str] = mapped_column(sa.String(20), unique=True)
    stage: Mapped[str] = mapped_column(sa.String(1), index=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    name_en: Mapped[str] = mapped_column(sa.String(160))
    owner_role: Mapped[str] = mapped_column(sa.String(20))
    standard: Mapped[str] = mapped_column(sa.Text, default="")
    standard_en: Mapped[str] = mapped_column(sa.Text, default="")
    limits: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """Time limits: ``{step: {zh, en}, value, unit, relation, anchor, …}``; see :mod:`core.timeline.catalogue`."""
    targets: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """Numbers that are no time: ``{subject: {zh, en}, value, unit, relation}``."""
    records: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """Names of the records that are kept (domain reference 2)."""
    documents: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """Papers: ``{zh, en}``."""
    question: Mapped[str] = mapped_column(sa.Text, default="")
    question_en: Mapped[str] = mapped_column(sa.Text, default="")
    question_scale: Mapped[str | None] = mapped_column(sa.String(20))
    """``rating_1_5``, ``nps_0_10``, ``text`` or ``composite``."""
    questionnaire: Mapped[str | None] = mapped_column(sa.String(10))
    """Code of the questionnaire that asks more, for example Q1."""
    origin: Mapped[str] = mapped_column(sa.String(10), default="")
    """``seed`` from the procedure itself, ``recon`` reconstructed from the practice of the trade."""
    clause: Mapped[str | None] = mapped_column(sa.String(20))
    """Clause of the procedure, for example 5.3.1."""


class TouchpointOverride(Record, CoreBase):
    """What a company changed in a touchpoint; empty fields keep the catalogue's value."""

    __tablename__ = "touchpoint_override"
    __scope__ = ByDepartment()
    __table_args__: Any = (sa.UniqueConstraint("department_id", "touchpoint_id"),)

    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"))
    touchpoint_id: Mapped[int] = mapped_column(sa.ForeignKey("touchpoint.id", ondelete="CASCADE"), index=True)
    active: Mapped[bool] = mapped_column(default=True)
    name: Mapped[str | None] = mapped_column(sa.String(120))
    name_en: Mapped[str | None] = mapped_column(sa.String(160))
    owner_role: Mapped[str | None] = mapped_column(sa.String(20))
    standard: Mapped[str | None] = mapped_column(sa.Text)
    standard_en: Mapped[str | None] = mapped_column(sa.Text)
    question: Mapped[str | None] = mapped_column(sa.Text)
    question_en: Mapped[str | None] = mapped_column(sa.Text)
    limits: Mapped[Any | None] = mapped_column(sa.JSON)


class TimelineEntry(Identified, CoreBase):
    """Something that happened to a customer or a unit. Plugins are named by slug and kind as text, never by class,
    so that the timeline stays readable when a plugin is gone."""

    __tablename__ = "timeline_entry"
    __scope__ = Owned()
    __table_args__: Any = (
        sa.Index("ix_timeline_entry_customer", "customer_id", "happened_at"),
        sa.Index("ix_timeline_entry_unit", "unit_id", "happened_at"),
        sa.Index("ix_timeline_entry_project", "project_id", "happened_at"),
    )

    happened_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    recorded_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    kind: Mapped[str] = mapped_column(sa.String(80))
    """``<component>.<fact>``, for example ``handover.inspection_finished``."""
    component: Mapped[str] = mapped_column(sa.String(40))
    touchpoint_code: Mapped[str | None] = mapped_column(sa.String(20), index=True)
    summary: Mapped[str | Wording] = mapped_column(WordedText())
    """One sentence, kept as it was said on the day, in each language."""
    details: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    project_id: Mapped[int | None] = mapped_column(sa.ForeignKey("project.id", ondelete="CASCADE"))
    unit_id: Mapped[int | None] = mapped_column(sa.ForeignKey("unit.id", ondelete="SET NULL"))
    customer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("customer.id", ondelete="SET NULL"))
    department_id: Mapped[int | None] = mapped_column(sa.ForeignKey("department.id", ondelete="SET NULL"))
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    record_kind: Mapped[str | None] = mapped_column(sa.String(80))
    record_id: Mapped[int | None] = mapped_column(big_id)
