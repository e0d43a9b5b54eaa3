"""A late repair is told by to-dos and by messages to all who hear of it, and both end with the repair."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import sqlalchemy as sa

from core.database.types import utc_now
from core.extensions import db
from core.machinery.clocks.services import running_clock, stop_clock
from core.machinery.clocks.sweeping import sweep
from core.machinery.messages.models import Message
from core.machinery.todos.models import Todo
from core.people import services as people
from core.people.models import Role
from core.plugin_system.runtime import current_runtime
from core.testing import World
from plugins.contractors import services as contractors
from plugins.warranty.models import Order, Responsibility
from plugins.warranty.services import orders
from plugins.warranty.tests.helpers import order_of

LATE = "warranty.complete"


def test_a_late_repair_is_written_to_all_who_hear_of_it(
    world: World, running_app, prepared, switch_on, scope_of, system
) -> None:
    def make() -> None:
        for seed in current_runtime(running_app).declared.seed_data():
            seed.load()
        # The group of another project is not written to.
        for name, code, place in (
            ("service", "PCM", "group"),
            ("head", "HEAD", "city"),
            ("engineer", "PCM", "sibling_group"),
        ):
            role = db.session.scalar(sa.select(Role).where(Role.name == code))
            people.grant(world.user(name), world.department(place), role)

    prepared("a house with a manager and a head of the city", make)
    switch_on("warranty")
    with scope_of("head"):
        order = order_of(world.own.unit_ids[0], reported_at=utc_now() - dt.timedelta(days=30))
        clock = running_clock(LATE, order)
        assert clock is not None
        assert clock.owner_id is None
        # Who looks after it is known only when it is dispatched; from then on the limit is his.
        orders.triage(order, responsibility=Responsibility.DEVELOPER)
        company = contractors.register_company(
            department=world.department("city"), name="甲总包有限公司", short_name="甲总包"
        )
        orders.dispatch(order, company, engineer=world.user("engineer"))
        db.session.commit()
        order_id, due, key = order.id, clock.due_at, f"clock:{clock.id}:"
    with system():
        sweep(due + dt.timedelta(days=8))
        messages = db.session.scalars(sa.select(Message.dedupe_key).where(Message.dedupe_key.startswith(key)))
        written = Counter(each.split(":")[2] for each in messages)
        assert written == {"engineer": 1, "manager": 1, "city": 1}
        told = db.session.scalars(sa.select(Todo.dedupe_key).where(Todo.dedupe_key.startswith(key)))
        assert {each.split(":")[2] for each in told} == {"engineer", "manager", "director", "city"}
        stop_clock(running_clock(LATE, db.session.get_one(Order, order_id)))
        db.session.commit()
        states = db.session.scalars(sa.select(Message.state).where(Message.dedupe_key.startswith(key)))
        assert set(states) == {"cancelled"}
