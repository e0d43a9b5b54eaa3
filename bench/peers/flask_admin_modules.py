"""Stock Flask-Admin over the long lists of the modules, written as its documentation says."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask import Flask
from flask_admin import Admin
from sqlalchemy import Date, DateTime, ForeignKey, String, Text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from bench.peers import flask_admin_app
from bench.peers.flask_admin_app import Base, NarrowedView, Project, db


class Unit(db.Model):  # type: ignore[name-defined]
    """A house."""

    __tablename__ = "unit"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey(Project.id), index=True)
    code: Mapped[str] = mapped_column(String(30), index=True)

    def __str__(self) -> str:
        return self.code


class Contractor(db.Model):  # type: ignore[name-defined]
    """A contractor."""

    __tablename__ = "contractor"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)

    def __str__(self) -> str:
        return self.name


class Slot(db.Model):  # type: ignore[name-defined]
    """A time that can be booked; its resource and purpose are plain text, which is the faster way."""

    __tablename__ = "slot"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey(Project.id), index=True)
    starts_at: Mapped[datetime] = mapped_column(DateTime, index=True)
    resource: Mapped[str] = mapped_column(String(60))
    purpose: Mapped[str] = mapped_column(String(60))

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M} {self.resource}"


class _OfHouse:
    """What the rows of all lists have: a number, a project and a house."""

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    state: Mapped[str] = mapped_column(String(20), index=True)

    @declared_attr
    def project_id(cls) -> Mapped[int]:
        return mapped_column(ForeignKey(Project.id), index=True)

    @declared_attr
    def unit_id(cls) -> Mapped[int]:
        return mapped_column(ForeignKey(Unit.id), index=True)

    @declared_attr
    def project(cls) -> Mapped[Project]:
        return relationship(Project)

    @declared_attr
    def unit(cls) -> Mapped[Unit]:
        return relationship(Unit)


class _Repaired:
    """What a contractor puts right."""

    room: Mapped[str] = mapped_column(String(60))
    description: Mapped[str] = mapped_column(Text)

    @declared_attr
    def contractor_id(cls) -> Mapped[int]:
        return mapped_column(ForeignKey(Contractor.id), index=True)

    @declared_attr
    def contractor(cls) -> Mapped[Contractor]:
        return relationship(Contractor)


class Defect(_OfHouse, _Repaired, db.Model):  # type: ignore[name-defined]
    """A defect of a house."""

    __tablename__ = "defect"
    severity: Mapped[str] = mapped_column(String(2), index=True)
    promised_by: Mapped[datetime] = mapped_column(DateTime, index=True)


class Inspection(_OfHouse, db.Model):  # type: ignore[name-defined]
    """A round of inspecting a house."""

    __tablename__ = "inspection"
    kind: Mapped[str] = mapped_column(String(16))
    round_number: Mapped[int]
    planned_on: Mapped[date] = mapped_column(Date, index=True)
    inspector: Mapped[str] = mapped_column(String(60))
    passed: Mapped[bool | None]


class Order(_OfHouse, _Repaired, db.Model):  # type: ignore[name-defined]
    """A repair order."""

    __tablename__ = "repair_order"
    priority: Mapped[str] = mapped_column(String(2), index=True)
    cover: Mapped[str] = mapped_column(String(12))
    reported_at: Mapped[datetime] = mapped_column(DateTime, index=True)
    due_at: Mapped[datetime] = mapped_column(DateTime, index=True)


class Booking(_OfHouse, db.Model):  # type: ignore[name-defined]
    """Somebody who comes at a slot."""

    __tablename__ = "booking"
    slot_id: Mapped[int] = mapped_column(ForeignKey(Slot.id), index=True)
    contact_name: Mapped[str] = mapped_column(String(80))
    guests: Mapped[int]
    read_back_at: Mapped[datetime | None] = mapped_column(DateTime)
    slot: Mapped[Slot] = relationship()


class _ListView(NarrowedView):
    column_default_sort = ("id", True)
    column_searchable_list: Any = ("number", "description")
    column_filters: Any = ("project.name", "state", "contractor.name")
    form_columns = ("number", "state")


class DefectView(_ListView):
    """As many columns as Doorstep shows."""

    column_list = (
        "number", "unit", "room", "description", "severity", "contractor", "state", "promised_by",
    )  # fmt: skip
    column_sortable_list = ("number", "promised_by")


class InspectionView(_ListView):
    """As many columns as Doorstep shows."""

    column_list = (
        "number", "unit", "kind", "round_number", "planned_on", "inspector", "state", "passed",
    )  # fmt: skip
    column_sortable_list = ("number", "planned_on")
    column_searchable_list = ("number",)
    column_filters = ("project.name", "state")


class OrderView(_ListView):
    """As many columns as Doorstep shows."""

    column_list = (
        "number", "unit", "room", "description", "priority", "cover", "contractor", "state", "reported_at",
        "due_at",
    )  # fmt: skip
    column_sortable_list = ("number", "due_at")


class BookingView(_ListView):
    """As many columns as Doorstep shows."""

    column_list = (
        "number", "slot", "slot.purpose", "contact_name", "guests", "unit", "state", "read_back_at",
    )  # fmt: skip
    column_sortable_list = ("number",)
    column_searchable_list = ("number", "contact_name")
    column_filters = ("project.name", "state")


def _add_lists(admin: Admin) -> None:
    admin.add_view(DefectView(Defect, db, endpoint="defect"))
    admin.add_view(InspectionView(Inspection, db, endpoint="inspection"))
    admin.add_view(OrderView(Order, db, endpoint="order"))
    admin.add_view(BookingView(Booking, db, endpoint="booking"))


def create_app() -> Flask:
    """The application that gunicorn serves."""
    return flask_admin_app.create_app(_add_lists)


def create_tables(engine: Engine) -> None:
    """Makes the empty tables."""
    Base.metadata.create_all(engine)
