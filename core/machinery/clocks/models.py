"""Clocks, their rests, what happened to them, and the days that departments add to the calendar."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.database.base import CoreBase, Identified, Record, big_id
from core.database.scope import ByDepartment, Owned
from core.database.types import utc_now


class Clock(Record, CoreBase):
    """A time limit that runs on a record.

    ``terms`` is what the clock copied from its policy when it started; the policy may change afterwards.
    """

    __tablename__ = "clock"
    __scope__ = Owned()
    __table_args__: Any = (
        sa.Index("ix_clock_record", "record_kind", "record_id"),
        sa.Index(
            "uq_clock_running",
            "policy",
            "record_kind",
            "record_id",
            unique=True,
            sqlite_where=sa.column("stopped_at").is_(None),
            postgresql_where=sa.column("stopped_at").is_(None),
        ),
    )

    policy: Mapped[str] = mapped_column(sa.String(80), index=True)
    """Code of the :class:`ClockPolicy`."""
    record_kind: Mapped[str] = mapped_column(sa.String(80))
    record_id: Mapped[int] = mapped_column(big_id)
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="CASCADE"), index=True
    )
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="CASCADE"), index=True
    )
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )
    """The department that has to act; its ladder goes up from here."""
    owner_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True
    )
    """Who has to act, if that is known."""
    started_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    limit_seconds: Mapped[int] = mapped_column(sa.BigInteger)
    terms: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    due_at: Mapped[dt.datetime] = mapped_column(index=True)
    """When the limit is used up. It moves later with each rest, never earlier, and stands still once it is missed."""
    paused_at: Mapped[dt.datetime | None]
    """Since when work rests; None while it goes on."""
    stopped_at: Mapped[dt.datetime | None]
    breached_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    """The due moment that was missed. It never goes away, whatever happens later."""
    next_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    """When the sweeper has to look at the clock next."""

    pauses: Mapped[list[ClockPause]] = relationship(
        order_by="ClockPause.started_at, ClockPause.id",
        primaryjoin="foreign(ClockPause.clock_id) == Clock.id",
        viewonly=True,
    )

    @property
    def limit(self) -> dt.timedelta:
        """How long the clock may run."""
        return dt.timedelta(seconds=self.limit_seconds)

    @property
    def is_running(self) -> bool:
        """Whether it was not stopped; it may rest."""
        return self.stopped_at is None

    @property
    def is_breached(self) -> bool:
        """Whether the limit was missed."""
        return self.breached_at is not None


class ClockPause(Identified, CoreBase):
    """A rest of the work on a record."""

    __tablename__ = "clock_pause"
    __scope__ = Owned()

    clock_id: Mapped[int] = mapped_column(sa.ForeignKey("clock.id", ondelete="CASCADE"), index=True)
    project_id: Mapped[int | None] = mapped_column(sa.ForeignKey("project.id", ondelete="CASCADE"))
    customer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"))
    department_id: Mapped[int | None] = mapped_column(sa.ForeignKey("department.id", ondelete="RESTRICT"))
    reason: Mapped[str] = mapped_column(sa.String(40))
    note: Mapped[str] = mapped_column(sa.Text, default="")
    started_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    notice_at: Mapped[dt.datetime | None]
    """When the customer was told that the work rests."""
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))


class ClockEvent(Identified, CoreBase):
    """Something that happened to a clock, in order."""

    __tablename__ = "clock_event"
    __scope__ = Owned()
    __audited__ = False
    __table_args__: Any = (sa.UniqueConstraint("clock_id", "step"),)

    clock_id: Mapped[int] = mapped_column(sa.ForeignKey("clock.id", ondelete="CASCADE"))
    project_id: Mapped[int | None] = mapped_column(sa.ForeignKey("project.id", ondelete="CASCADE"))
    customer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("customer.id", ondelete="CASCADE"))
    department_id: Mapped[int | None] = mapped_column(sa.ForeignKey("department.id", ondelete="RESTRICT"))
    kind: Mapped[str] = mapped_column(sa.String(20))
    """``started``, ``paused``, ``told``, ``resumed``, ``ran_out``, ``breached``, ``step`` or ``stopped``."""
    step: Mapped[str | None] = mapped_column(sa.String(60))
    """Code of the ladder's step; each is taken once."""
    at: Mapped[dt.datetime]
    recorded_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    note: Mapped[str] = mapped_column(sa.Text, default="")
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))


class CalendarDay(Record, CoreBase):
    """A day that a department entered as free or worked; it holds for the departments below it too."""

    __tablename__ = "calendar_day"
    __scope__ = ByDepartment()
    __table_args__: Any = (sa.UniqueConstraint("department_id", "day"),)

    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"))
    day: Mapped[dt.date] = mapped_column(index=True)
    is_working: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = mapped_column(sa.String(120), default="")
