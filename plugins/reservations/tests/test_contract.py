"""The contract of every plugin."""

from __future__ import annotations

import sqlalchemy as sa

from core.testing.contract import PluginContract
from core.toolkit import Customer, Project, Unit, db
from plugins.reservations import services
from plugins.reservations.models import DayPlan, NotificationRule, Purpose, Resource, Slot
from plugins.reservations.tests.conftest import make_slots


class TestContract(PluginContract):
    slug = "reservations"

    def make_records(self, world, rows):
        purpose_id, resource_id, slots = make_slots(rows.project_id)
        purpose, resource = db.session.get_one(Purpose, purpose_id), db.session.get_one(Resource, resource_id)
        slot = db.session.get_one(Slot, slots[0])
        purpose.name = resource.name = purpose.name_en = resource.name_en = rows.canary[:60]
        purpose.note = resource.note = resource.place = slot.note = rows.canary
        rule = NotificationRule(project_id=rows.project_id, purpose_id=purpose_id, role_code="PM")
        db.session.add(rule)
        customer = db.session.get_one(Customer, rows.customer_ids[0])
        unit = db.session.get_one(Unit, rows.unit_ids[0])
        booking = services.book(
            slot, customer=customer, unit=unit, contact_phone="13900139000", wishes=rows.canary
        )
        day = db.session.scalar(sa.select(DayPlan).where(DayPlan.project_id == rows.project_id))
        day.note = rows.canary
        return {
            "reservations.purpose": purpose,
            "reservations.resource": resource,
            "reservations.slot": slot,
            "reservations.rule": rule,
            "reservations.booking": booking,
            "reservations.day": day,
            "core.unit": unit,
            "core.customer": customer,
            "core.project": db.session.get_one(Project, rows.project_id),
        }
