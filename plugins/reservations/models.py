"""What the module stores: what is booked (purposes, resources, slots), the bookings, and what is prepared for them.

Every row of a project carries ``project_id`` beside its parent's key, and the foreign key holds both.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    ByProject,
    Customer,
    Identified,
    Project,
    Record,
    SearchIndex,
    Unit,
    User,
    big_id,
    parent_key,
    plugin_base,
    project_column,
    utc_now,
)
from plugins.reservations import opening as opening_times

Base: Any = plugin_base("reservations")


class ResourceKind(StrEnum):
    """What can be booked (domain reference 4.5)."""

    DESK = "desk"
    """Where one customer is served after the other: signing, handover."""
    ROOM = "room"
    SAMPLE_HOUSE = "sample_house"
    CLUBHOUSE = "clubhouse"
    PITCH = "pitch"
    OTHER = "other"


class BookingSource(StrEnum):
    """How a booking came in."""

    PHONE = "phone"
    VISIT = "visit"
    LINK = "link"
    """The customer booked by a personal link."""
    MODULE = "module"
    """Another module booked for the customer."""


class RuleEvent(StrEnum):
    """What of a booking is told to somebody."""

    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"


class Purpose(Record, Base):
    """What people come for, for example a handover appointment 预订类型."""

    __tablename__ = "reservations_purpose"
    __scope__ = ByProject()
    __table_args__: Any = (sa.UniqueConstraint("project_id", "code"), sa.UniqueConstraint("project_id", "id"))

    project_id: Mapped[int] = project_column(index=True)
    code: Mapped[str] = mapped_column(sa.String(40))
    name: Mapped[str] = mapped_column(sa.String(60))
    name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    minutes: Mapped[int] = mapped_column(default=60)
    """Length of a slot."""
    most_guests: Mapped[int] = mapped_column(default=10)
    """People in one booking at most."""
    large_from: Mapped[int] = mapped_column(default=6)
    """A booking of so many people is large: others are told of it."""
    lead_hours: Mapped[int] = mapped_column(default=2)
    """Hours before its start until which a customer may book a slot himself."""
    active: Mapped[bool] = mapped_column(default=True)
    note: Mapped[str] = mapped_column(sa.Text, default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(Purpose.project_id) == Project.id, viewonly=True
    )
    setup_items: Mapped[list[SetupItem]] = relationship(
        back_populates="purpose", order_by="SetupItem.position", cascade="all, delete-orphan"
    )

    @property
    def setup_text(self) -> str:
        """The checklist as it is typed."""
        return "\n".join(
            f"{item.text} | {item.measure}" if item.measure else item.text for item in self.setup_items
        )


class SetupItem(Record, Base):
    """One line of the set-up checklist of a purpose, with its measure 布场标准."""

    __tablename__ = "reservations_setup_item"
    __scope__ = ByProject()
    __table_args__: Any = (parent_key("reservations_purpose", "purpose_id", "CASCADE"),)

    project_id: Mapped[int] = project_column(index=True)
    purpose_id: Mapped[int] = mapped_column(big_id, index=True)
    position: Mapped[int] = mapped_column(default=0)
    text: Mapped[str] = mapped_column(sa.String(160))
    measure: Mapped[str] = mapped_column(sa.String(80), default="")
    """The layout as a number: ``间距 2 cm``, ``6 把``."""

    purpose: Mapped[Purpose] = relationship(
        back_populates="setup_items", primaryjoin=lambda: foreign(SetupItem.purpose_id) == Purpose.id
    )


class NotificationRule(Record, Base):
    """Who is told of a booking, by purpose, size and wishes 通知规则."""

    __tablename__ = "reservations_notification_rule"
    __scope__ = ByProject()
    __table_args__: Any = (parent_key("reservations_purpose", "purpose_id", "CASCADE"),)

    project_id: Mapped[int] = project_column(index=True)
    purpose_id: Mapped[int | None] = mapped_column(big_id, index=True)
    """None: bookings of every purpose."""
    event: Mapped[RuleEvent] = mapped_column(sa.String(12), default=RuleEvent.BOOKED)
    guests_from: Mapped[int] = mapped_column(default=1)
    guests_to: Mapped[int | None]
    """None: however many come."""
    only_with_wishes: Mapped[bool] = mapped_column(default=False)
    role_code: Mapped[str] = mapped_column(sa.String(20), default="")
    """Whose holders are told, for example ``PM``."""
    user_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="CASCADE"), index=True
    )
    """Who is told, instead of a role."""
    active: Mapped[bool] = mapped_column(default=True)

    purpose: Mapped[Purpose | None] = relationship(
        Purpose, primaryjoin=lambda: foreign(NotificationRule.purpose_id) == Purpose.id, viewonly=True
    )
    user: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(NotificationRule.user_id) == User.id, viewonly=True
    )
    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(NotificationRule.project_id) == Project.id, viewonly=True
    )


class Resource(Record, Base):
    """A desk, room or place that is booked, with its opening times 资源."""

    __tablename__ = "reservations_resource"
    __scope__ = ByProject()
    __table_args__: Any = (sa.UniqueConstraint("project_id", "code"), sa.UniqueConstraint("project_id", "id"))

    project_id: Mapped[int] = project_column(index=True)
    code: Mapped[str] = mapped_column(sa.String(20))
    name: Mapped[str] = mapped_column(sa.String(60))
    name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    kind: Mapped[ResourceKind] = mapped_column(sa.String(16), default=ResourceKind.DESK)
    place: Mapped[str] = mapped_column(sa.String(120), default="")
    capacity: Mapped[int] = mapped_column(default=1)
    """Bookings at the same time, for example the number of desks."""
    most_guests: Mapped[int] = mapped_column(default=0)
    """People at the same time; 0 when it does not matter."""
    opening: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    """Opening times by weekday (``"1"`` is Monday): lists of ``["09:00", "12:00"]``."""
    closed_days: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """Days as ``2026-10-01`` on which it is closed all the same."""
    active: Mapped[bool] = mapped_column(default=True)
    note: Mapped[str] = mapped_column(sa.Text, default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(Resource.project_id) == Project.id, viewonly=True
    )

    @property
    def opening_text(self) -> str:
        """The opening times as they are typed."""
        return opening_times.opening_text(self.opening)

    @property
    def closed_text(self) -> str:
        """The closed days as they are typed."""
        return "\n".join(self.closed_days or ())


class Slot(Record, Base):
    """A time at which a resource is offered for a purpose 时段.

    ``booked`` and ``guests`` are counted by conditional updates alone, so that no slot is overbooked by bookings of the
    same moment; the database refuses more than the capacity in any case.
    """

    __tablename__ = "reservations_slot"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("reservations_resource", "resource_id"),
        parent_key("reservations_purpose", "purpose_id"),
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("resource_id", "purpose_id", "starts_at"),
        sa.CheckConstraint("booked >= 0 AND booked <= capacity", name="seats"),
        sa.CheckConstraint("guests >= 0 AND (most_guests = 0 OR guests <= most_guests)", name="people"),
        sa.Index("ix_reservations_slot_offer", "project_id", "purpose_id", "starts_at"),
        sa.Index("ix_reservations_slot_day", "project_id", "starts_at"),
    )

    project_id: Mapped[int] = project_column()
    resource_id: Mapped[int] = mapped_column(big_id)
    purpose_id: Mapped[int] = mapped_column(big_id, index=True)
    starts_at: Mapped[dt.datetime] = mapped_column(index=True)
    ends_at: Mapped[dt.datetime]
    capacity: Mapped[int] = mapped_column(default=1)
    most_guests: Mapped[int] = mapped_column(default=0)
    booked: Mapped[int] = mapped_column(default=0)
    guests: Mapped[int] = mapped_column(default=0)
    blocked: Mapped[bool] = mapped_column(default=False)
    """Not offered any more; bookings that it has stay."""
    note: Mapped[str] = mapped_column(sa.String(160), default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(Slot.project_id) == Project.id, viewonly=True
    )
    resource: Mapped[Resource] = relationship(
        Resource, primaryjoin=lambda: foreign(Slot.resource_id) == Resource.id, viewonly=True
    )
    purpose: Mapped[Purpose] = relationship(
        Purpose, primaryjoin=lambda: foreign(Slot.purpose_id) == Purpose.id, viewonly=True
    )

    @property
    def free(self) -> int:
        """How many bookings it still takes."""
        return 0 if self.blocked else self.capacity - self.booked


class Booking(Record, Base):
    """A customer who comes at a slot, or waits for one 预订."""

    __tablename__ = "reservations_booking"
    __scope__ = ByProject()
    __personal__ = frozenset({"contact_name", "contact_phone"})
    __table_args__: Any = (
        parent_key("reservations_slot", "slot_id"),
        parent_key("unit", "unit_id"),
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("project_id", "client_key"),
        sa.Index("ix_reservations_booking_slot", "slot_id", "state"),
        sa.Index("ix_reservations_booking_reference", "reference_kind", "reference_id"),
        sa.Index("ix_reservations_booking_unit", "unit_id"),
        sa.Index("ix_reservations_booking_number", "project_id", "number"),
        sa.Index("ix_reservations_booking_state_in_project", "project_id", "state"),
    )

    project_id: Mapped[int] = project_column(index=True)
    slot_id: Mapped[int] = mapped_column(big_id)
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``YD-{project}-{yyyymm}-{0001}``."""
    state: Mapped[str] = mapped_column(sa.String(12), default="requested", index=True)
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="SET NULL"), index=True
    )
    unit_id: Mapped[int | None] = mapped_column(big_id)
    contact_name: Mapped[str] = mapped_column(sa.String(80), default="")
    contact_phone: Mapped[str] = mapped_column(sa.String(30), default="")
    guests: Mapped[int] = mapped_column(default=1)
    wishes: Mapped[str] = mapped_column(sa.Text, default="")
    """Special needs in words."""
    source: Mapped[BookingSource] = mapped_column(sa.String(10), default=BookingSource.PHONE)
    rings: Mapped[int | None]
    """After how many rings the call was answered."""
    read_back_at: Mapped[dt.datetime | None]
    """When all details were repeated to the customer and he confirmed them."""
    read_back_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    booked_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    booked_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    arrived_at: Mapped[dt.datetime | None]
    done_at: Mapped[dt.datetime | None]
    closing_reason: Mapped[str] = mapped_column(sa.Text, default="")
    """Why it was cancelled."""
    moved_count: Mapped[int] = mapped_column(default=0)
    reference_kind: Mapped[str] = mapped_column(sa.String(80), default="")
    """The record of another module for which it was booked, as text: ``handover.unit``."""
    reference_id: Mapped[int | None] = mapped_column(big_id)
    client_key: Mapped[str | None] = mapped_column(sa.String(60))
    """What the page calls it; a second press finds the same row."""

    slot: Mapped[Slot] = relationship(
        Slot, primaryjoin=lambda: foreign(Booking.slot_id) == Slot.id, viewonly=True
    )
    customer: Mapped[Customer | None] = relationship(
        Customer, primaryjoin=lambda: foreign(Booking.customer_id) == Customer.id, viewonly=True
    )
    unit: Mapped[Unit | None] = relationship(
        Unit, primaryjoin=lambda: foreign(Booking.unit_id) == Unit.id, viewonly=True
    )
    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(Booking.project_id) == Project.id, viewonly=True
    )
    setup_checks: Mapped[list[SetupCheck]] = relationship(
        back_populates="booking", order_by="SetupCheck.position", cascade="all, delete-orphan"
    )

    @property
    def name(self) -> str:
        """Who comes."""
        return self.contact_name or (self.customer.name if self.customer is not None else "")


BOOKING_SEARCH = SearchIndex(
    "reservations_booking", ("number", "contact_name"), short_columns=("contact_name",)
)
"""Numbers by three characters and more, names by two."""
BOOKING_SEARCH.attach(Booking.__table__)


class SetupCheck(Identified, Base):
    """A line of the checklist as it was done for one booking; the text is copied, so that old records never change."""

    __tablename__ = "reservations_setup_check"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("reservations_booking", "booking_id", "CASCADE"),
        sa.UniqueConstraint("booking_id", "position"),
    )

    project_id: Mapped[int] = project_column(index=True)
    booking_id: Mapped[int] = mapped_column(big_id)
    position: Mapped[int] = mapped_column(default=0)
    text: Mapped[str] = mapped_column(sa.String(160))
    measure: Mapped[str] = mapped_column(sa.String(80), default="")
    measured: Mapped[str] = mapped_column(sa.String(80), default="")
    passed: Mapped[bool | None]
    checked_at: Mapped[dt.datetime | None]
    checked_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))

    booking: Mapped[Booking] = relationship(back_populates="setup_checks")


class DayPlan(Record, Base):
    """A day of a project with bookings: its remarks, and the sheet that is printed 当日安排."""

    __tablename__ = "reservations_day_plan"
    __scope__ = ByProject()
    __table_args__: Any = (sa.UniqueConstraint("project_id", "day"),)

    project_id: Mapped[int] = project_column(index=True)
    day: Mapped[dt.date] = mapped_column(index=True)
    note: Mapped[str] = mapped_column(sa.Text, default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(DayPlan.project_id) == Project.id, viewonly=True
    )
