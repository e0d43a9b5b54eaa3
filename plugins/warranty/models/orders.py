"""Requests and orders, with what happened to them."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    Building,
    ByProject,
    Customer,
    Identified,
    Project,
    Record,
    SearchIndex,
    Unit,
    User,
    WordedText,
    Wording,
    big_id,
    parent_key,
    project_column,
    utc_now,
)
from plugins.contractors.models import Company
from plugins.warranty.coverage import Bearer, CategoryCode, Cover
from plugins.warranty.models.base import Base, company_column, user_column
from plugins.warranty.sla import Priority

if TYPE_CHECKING:
    from plugins.warranty.models.cases import GroupCase
    from plugins.warranty.models.money import ContractorNotice
    from plugins.warranty.models.work import Acceptance, CallBack, CostLine, Extension, Plan, Visit


class Channel(StrEnum):
    """How a request came in."""

    PHONE = "phone"
    DESK = "desk"
    OWNER_LINK = "owner_link"
    POSTER = "poster"
    """The QR poster in the entrance."""
    HANDOVER = "handover"
    """An open item that was left over at the delivery."""
    PATROL = "patrol"
    PAPER = "paper"
    """A form on paper that was entered afterwards."""
    STAFF = "staff"


class Relation(StrEnum):
    """What the reporter is to the house."""

    OWNER = "owner"
    FAMILY = "family"
    TENANT = "tenant"
    ATTORNEY = "attorney"
    PROPERTY = "property"
    OTHER = "other"


class Responsibility(StrEnum):
    """Whose fault it is."""

    CONTRACTOR = "contractor"
    DEVELOPER = "developer"
    PROPERTY = "property"
    OWNER = "owner"
    THIRD_PARTY = "third_party"
    FORCE_MAJEURE = "force_majeure"
    UNDETERMINED = "undetermined"


class Exclusion(StrEnum):
    """Why the warranty does not cover a defect (domain reference 3.4.2)."""

    MISUSE = "misuse"
    ALTERATION = "alteration"
    THIRD_PARTY = "third_party"
    FORCE_MAJEURE = "force_majeure"
    WEAR = "wear"
    MAKER = "maker"
    NEGLECT = "neglect"


class Request(Record, Base):
    """What an owner reported at once 报修单; each thing that is wrong becomes an order of its own."""

    __tablename__ = "warranty_request"
    __scope__ = ByProject()
    __personal__ = frozenset({"reporter_name", "reporter_phone"})
    __table_args__: Any = (
        parent_key("unit", "unit_id"),
        parent_key("building", "building_id"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_warranty_request_number", "project_id", "number"),
        sa.Index("ix_warranty_request_project", "project_id", "reported_at"),
    )

    project_id: Mapped[int] = project_column()
    building_id: Mapped[int] = mapped_column(big_id, index=True)
    unit_id: Mapped[int | None] = mapped_column(big_id, index=True)
    """The house; empty for common parts of the building."""
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="SET NULL"), index=True
    )
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``BX-{project}-{yyyymmdd}-{seq3}``."""
    reporter_name: Mapped[str] = mapped_column(sa.String(80), default="")
    reporter_phone: Mapped[str] = mapped_column(sa.String(30), default="")
    relation: Mapped[Relation] = mapped_column(sa.String(12), default=Relation.OWNER)
    channel: Mapped[Channel] = mapped_column(sa.String(12), default=Channel.PHONE)
    reported_at: Mapped[dt.datetime] = mapped_column(index=True)
    registered_at: Mapped[dt.datetime]
    registered_by_id: Mapped[int | None] = user_column()
    availability: Mapped[str] = mapped_column(sa.Text, default="")
    """When somebody is at home, in the reporter's words."""
    place: Mapped[str] = mapped_column(sa.String(80), default="")
    """Where in the common parts."""
    note: Mapped[str] = mapped_column(sa.Text, default="")
    language: Mapped[str] = mapped_column(sa.String(20), default="zh_Hans_CN")
    client_key: Mapped[str | None] = mapped_column(sa.String(60), unique=True)
    """Given by the page, so that a request that is sent twice is made once."""

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(Request.project_id) == Project.id, viewonly=True
    )
    building: Mapped[Building] = relationship(
        Building, primaryjoin=lambda: foreign(Request.building_id) == Building.id, viewonly=True
    )
    unit: Mapped[Unit | None] = relationship(
        Unit, primaryjoin=lambda: foreign(Request.unit_id) == Unit.id, viewonly=True
    )
    customer: Mapped[Customer | None] = relationship(
        Customer, primaryjoin=lambda: foreign(Request.customer_id) == Customer.id, viewonly=True
    )
    registered_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Request.registered_by_id) == User.id, viewonly=True
    )
    orders: Mapped[list[Order]] = relationship(
        primaryjoin=lambda: Request.id == foreign(Order.request_id), order_by="Order.id", viewonly=True
    )

    @property
    def house(self) -> str:
        """The house, or the building with the place in its common parts."""
        if self.unit is not None:
            return self.unit.code
        building = self.building.name or self.building.code
        return f"{building} · {self.place}" if self.place else building


REQUEST_SEARCH = SearchIndex("warranty_request", ("number",), short_columns=())
"""Numbers by three characters and more."""
REQUEST_SEARCH.attach(Request.__table__)


class Order(Record, Base):
    """One thing to repair 维修工单, from the report to the call-back (states of domain reference 3.4.3)."""

    __tablename__ = "warranty_order"
    __scope__ = ByProject()
    __table_args__: Any = (
        parent_key("unit", "unit_id"),
        parent_key("building", "building_id"),
        parent_key("warranty_request", "request_id"),
        parent_key("warranty_order", "repeat_of_id"),
        parent_key("warranty_order", "merged_into_id"),
        parent_key("warranty_group_case", "group_case_id"),
        sa.UniqueConstraint("project_id", "id"),
        sa.Index("ix_warranty_order_number", "project_id", "number"),
        sa.Index("ix_warranty_order_work", "project_id", "state", "due_at"),
        sa.Index("ix_warranty_order_due", "due_at"),
        sa.Index("ix_warranty_order_overdue", "state", "due_at"),
        sa.Index("ix_warranty_order_urgent", "priority", "state"),
        sa.Index("ix_warranty_order_promised", "project_id", "due_at"),
        sa.Index("ix_warranty_order_place", "building_id", "category_code", "reported_at"),
        sa.Index("ix_warranty_order_house", "unit_id", "category_code"),
        sa.Index("ix_warranty_order_engineer", "engineer_id", "state"),
        sa.Index("ix_warranty_order_contractor", "contractor_id", "state"),
        sa.Index("ix_warranty_order_newest_of_contractor", "contractor_id", "id", "project_id"),
        sa.Index("ix_warranty_order_reported", "project_id", "reported_at"),
        sa.Index("ix_warranty_order_progress", "progress_due_at"),
    )

    project_id: Mapped[int] = project_column()
    building_id: Mapped[int] = mapped_column(big_id)
    unit_id: Mapped[int | None] = mapped_column(big_id)
    request_id: Mapped[int] = mapped_column(big_id, index=True)
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="SET NULL"), index=True
    )
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``WX-{project}-{yyyymmdd}-{seq3}``."""
    state: Mapped[str] = mapped_column(sa.String(20), default="reported", index=True, active_history=True)
    room_name: Mapped[str] = mapped_column(sa.String(60), default="")
    fault_code: Mapped[str] = mapped_column(sa.String(30), default="other")
    description: Mapped[str] = mapped_column(sa.Text, default="")
    priority: Mapped[Priority] = mapped_column(sa.String(2), default=Priority.P3)
    category_code: Mapped[CategoryCode] = mapped_column(sa.String(4))
    system: Mapped[str] = mapped_column(sa.String(10), default="")
    trade_code: Mapped[str] = mapped_column(sa.String(40), default="")
    is_rain_leak: Mapped[bool] = mapped_column(default=False)

    # The verdict, frozen by the day of the report
    cover: Mapped[Cover] = mapped_column(sa.String(12), default=Cover.NOT_STARTED)
    owner_end: Mapped[dt.date | None]
    contractor_end: Mapped[dt.date | None]
    cover_reason: Mapped[str] = mapped_column(sa.Text, default="")
    """Why staff decided otherwise than the dates, or why it is excluded."""
    exclusion: Mapped[Exclusion | None] = mapped_column(sa.String(14))
    cover_decided_by_id: Mapped[int | None] = user_column()
    responsibility: Mapped[Responsibility] = mapped_column(sa.String(14), default=Responsibility.UNDETERMINED)
    borne_by: Mapped[Bearer] = mapped_column(sa.String(12), default=Bearer.UNDETERMINED)

    # Who
    contractor_id: Mapped[int | None] = company_column(index=False)
    engineer_id: Mapped[int | None] = user_column()

    # When, each the first time
    reported_at: Mapped[dt.datetime]
    registered_at: Mapped[dt.datetime]
    triaged_at: Mapped[dt.datetime | None]
    dispatched_at: Mapped[dt.datetime | None]
    contacted_at: Mapped[dt.datetime | None]
    arrived_at: Mapped[dt.datetime | None]
    temporary_at: Mapped[dt.datetime | None]
    temporary_note: Mapped[str] = mapped_column(sa.Text, default="")
    planned_at: Mapped[dt.datetime | None]
    started_at: Mapped[dt.datetime | None]
    fixed_at: Mapped[dt.datetime | None]
    """When the repair was last reported as finished."""
    fixed_by_id: Mapped[int | None] = user_column()
    engineer_accepted_at: Mapped[dt.datetime | None]
    owner_accepted_at: Mapped[dt.datetime | None]
    closed_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    called_back_at: Mapped[dt.datetime | None]

    # Until when; copies of the clocks, for lists and figures
    register_due_at: Mapped[dt.datetime | None]
    contact_due_at: Mapped[dt.datetime | None]
    arrival_due_at: Mapped[dt.datetime | None]
    temporary_due_at: Mapped[dt.datetime | None]
    plan_due_at: Mapped[dt.datetime | None]
    progress_due_at: Mapped[dt.datetime | None]
    """When the owner has to hear of the progress next."""
    progress_asked_for: Mapped[dt.datetime | None]
    """The ``progress_due_at`` for which somebody was asked already, or a message went out."""
    due_at: Mapped[dt.datetime | None]
    call_back_due_at: Mapped[dt.datetime | None]
    promised_at: Mapped[dt.datetime | None]
    """What the owner was promised; an extension moves it and not the limit."""
    first_promised_at: Mapped[dt.datetime | None]

    # How it went
    work_done: Mapped[str] = mapped_column(sa.Text, default="")
    repair_cycles: Mapped[int] = mapped_column(default=0)
    """How often it was reported as finished."""
    reopen_count: Mapped[int] = mapped_column(default=0)
    repeat_of_id: Mapped[int | None] = mapped_column(big_id, index=True)
    merged_into_id: Mapped[int | None] = mapped_column(big_id, index=True)
    group_case_id: Mapped[int | None] = mapped_column(big_id, index=True)
    suspended_from: Mapped[str] = mapped_column(sa.String(20), default="")
    closing_reason: Mapped[str] = mapped_column(sa.Text, default="")
    """Why it is no warranty, was merged or cancelled."""
    score: Mapped[int | None]
    """The owner's satisfaction from 1 to 5: the call-back's, else that of his acceptance."""
    urge_count: Mapped[int] = mapped_column(default=0)
    urged_at: Mapped[dt.datetime | None]
    source_kind: Mapped[str] = mapped_column(sa.String(60), default="")
    """Kind of the record of another module from which it was taken over."""
    source_id: Mapped[int | None] = mapped_column(big_id)
    source_number: Mapped[str] = mapped_column(sa.String(40), default="")

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(Order.project_id) == Project.id, viewonly=True
    )
    building: Mapped[Building] = relationship(
        Building, primaryjoin=lambda: foreign(Order.building_id) == Building.id, viewonly=True
    )
    unit: Mapped[Unit | None] = relationship(
        Unit, primaryjoin=lambda: foreign(Order.unit_id) == Unit.id, viewonly=True
    )
    customer: Mapped[Customer | None] = relationship(
        Customer, primaryjoin=lambda: foreign(Order.customer_id) == Customer.id, viewonly=True
    )
    request: Mapped[Request] = relationship(
        primaryjoin=lambda: foreign(Order.request_id) == Request.id, viewonly=True
    )
    contractor: Mapped[Company | None] = relationship(
        Company, primaryjoin=lambda: foreign(Order.contractor_id) == Company.id, viewonly=True
    )
    engineer: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Order.engineer_id) == User.id, viewonly=True
    )
    fixed_by: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Order.fixed_by_id) == User.id, viewonly=True
    )
    repeat_of: Mapped[Order | None] = relationship(
        primaryjoin=lambda: foreign(Order.repeat_of_id) == Order.id,
        remote_side=lambda: Order.id,
        viewonly=True,
    )
    group_case: Mapped[GroupCase | None] = relationship(
        primaryjoin="foreign(Order.group_case_id) == GroupCase.id", viewonly=True
    )
    events: Mapped[list[OrderEvent]] = relationship(
        primaryjoin=lambda: Order.id == foreign(OrderEvent.order_id), order_by="OrderEvent.id", viewonly=True
    )
    visits: Mapped[list[Visit]] = relationship(
        primaryjoin="Order.id == foreign(Visit.order_id)", order_by="Visit.id", viewonly=True
    )
    plans: Mapped[list[Plan]] = relationship(
        primaryjoin="Order.id == foreign(Plan.order_id)", order_by="Plan.id", viewonly=True
    )
    acceptances: Mapped[list[Acceptance]] = relationship(
        primaryjoin="Order.id == foreign(Acceptance.order_id)", order_by="Acceptance.id", viewonly=True
    )
    extensions: Mapped[list[Extension]] = relationship(
        primaryjoin="Order.id == foreign(Extension.order_id)", order_by="Extension.id", viewonly=True
    )
    calls: Mapped[list[CallBack]] = relationship(
        primaryjoin="Order.id == foreign(CallBack.order_id)", order_by="CallBack.id", viewonly=True
    )
    costs: Mapped[list[CostLine]] = relationship(
        primaryjoin="Order.id == foreign(CostLine.order_id)", order_by="CostLine.id", viewonly=True
    )
    notices: Mapped[list[ContractorNotice]] = relationship(
        primaryjoin="Order.id == foreign(ContractorNotice.order_id)",
        order_by="ContractorNotice.id",
        viewonly=True,
    )

    @property
    def house(self) -> str:
        """The house, or the building for common parts."""
        return self.unit.code if self.unit is not None else (self.building.name or self.building.code)


ORDER_SEARCH = SearchIndex("warranty_order", ("number", "description"), short_columns=("description",))
"""Numbers by three characters and more, what is wrong by two."""
ORDER_SEARCH.attach(Order.__table__)


class Saying(StrEnum):
    """A sentence of the program in the history of an order; readers get it in their language, see ``sayings.py``."""

    NOBODY_OPENED = "nobody_opened"
    REACHED = "reached"
    NOT_REACHED = "not_reached"
    URGED = "urged"
    ASSESSED = "assessed"
    REPEAT = "repeat"
    STARTED = "started"
    RESTS = "rests"
    GOES_ON = "goes_on"
    ASKED = "asked"
    ACCEPTED = "accepted"
    SILENCE = "silence"
    SATISFACTION = "satisfaction"
    CLOSED = "closed"
    MERGED = "merged"
    SAME = "same"
    CASE = "case"
    NOTICE = "notice"
    NOTICE_ANSWERED = "notice_answered"
    NOTICE_WITHDRAWN = "notice_withdrawn"
    THIRD_PARTY = "third_party"
    DEDUCTION_ISSUED = "deduction_issued"
    DEDUCTION_BOOKED = "deduction_booked"


class OrderEvent(Identified, Base):
    """What happened to an order, in the order in which it happened: contacts, progress told, urging, remarks."""

    __tablename__ = "warranty_order_event"
    __scope__ = ByProject()
    __table_args__: Any = (parent_key("warranty_order", "order_id", "CASCADE"),)

    project_id: Mapped[int] = project_column(index=True)
    order_id: Mapped[int] = mapped_column(big_id, index=True)
    kind: Mapped[str] = mapped_column(sa.String(20))
    saying: Mapped[str] = mapped_column(sa.String(20), default="")
    """What the program says of it, a :class:`Saying`; empty where somebody's words say all."""
    facts: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    """What stands in the saying: numbers and codes."""
    text: Mapped[str | Wording] = mapped_column(WordedText(), default="")
    """What somebody wrote, in his words; why the program brought it before a higher level."""
    is_public: Mapped[bool] = mapped_column(default=False)
    """Whether the owner reads it on his page."""
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    user_id: Mapped[int | None] = user_column()

    user: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(OrderEvent.user_id) == User.id, viewonly=True
    )
