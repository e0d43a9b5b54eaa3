"""A project with a desk, a purpose and slots in the days to come."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from core.toolkit import Customer, Project, db, local_today
from plugins.reservations import services
from plugins.reservations.models import NotificationRule, Slot
from plugins.reservations.opening import parse_opening


@dataclass(frozen=True)
class Place:
    """Ids of what the tests start from."""

    project_id: int
    purpose_id: int
    resource_id: int
    slot_ids: tuple[int, ...]
    customer_ids: tuple[int, ...]
    unit_ids: tuple[int, ...]


def make_slots(project_id: int) -> tuple[int, int, tuple[int, ...]]:
    """A purpose, a desk for two, and the six slots of each of two days to come."""
    project = db.session.get_one(Project, project_id)
    purpose = services.ensure_purpose(project, "handover", name="交付预约", name_en="Handover")
    services.set_setup_items(purpose, [("座椅间距", "60 cm"), ("签字笔", "3 支")])
    desk = services.add_resource(
        project,
        code="D1",
        name="交付台",
        name_en="Desk",
        capacity=2,
        most_guests=8,
        opening=parse_opening("1-7 09:00-12:00 14:00-17:00"),
    )
    first = local_today() + dt.timedelta(days=2)
    services.plan_slots(desk, purpose, first, first + dt.timedelta(days=1))
    slots = db.session.scalars(sa.select(Slot.id).where(Slot.resource_id == desk.id).order_by(Slot.starts_at))
    return purpose.id, desk.id, tuple(slots)


@pytest.fixture
def place(world, switch_on, prepared) -> Place:
    def make() -> Place:
        switch_on("reservations")
        purpose, desk, slots = make_slots(world.own.project_id)
        project = world.own.project_id
        db.session.add_all(
            [
                NotificationRule(project_id=project, purpose_id=purpose, role_code="PM"),
                NotificationRule(project_id=project, guests_from=6, role_code="PCM"),
                NotificationRule(project_id=project, only_with_wishes=True, role_code="CCS"),
                NotificationRule(project_id=project, event="cancelled", user_id=world.users["engineer"]),
            ]
        )
        return Place(project, purpose, desk, slots, world.own.customer_ids, world.own.unit_ids)

    made: Place = prepared("slots to book", make)
    return made


def slot(place: Place, number: int = 0) -> Slot:
    return db.session.get_one(Slot, place.slot_ids[number])


def customer(place: Place, number: int = 0) -> Customer:
    return db.session.get_one(Customer, place.customer_ids[number])
