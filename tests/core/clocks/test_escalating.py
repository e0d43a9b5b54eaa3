"""Steps of a ladder that write messages, and what the health page says of clocks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from core.customers.models import Customer
from core.database.base import CORE
from core.database.types import utc_now
from core.extensions import db
from core.machinery.clocks import services as clocks
from core.machinery.clocks import working_days
from core.machinery.clocks.sweeping import sweep
from core.machinery.messages.models import Message, MessageState
from core.machinery.todos.models import Todo
from core.plugin_system.declarations import ClockPolicy, EscalationStep
from core.plugin_system.runtime import current_runtime
from core.plugin_system.validation import core_faults
from core.projects.models import Unit

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def declare(running_app: Flask) -> Iterator[Any]:
    """``declare(record_kind, *steps)`` declares the policy ``core.test`` with a limit of an hour."""
    declared = current_runtime(running_app).declared

    def declare(record_kind: str, *steps: EscalationStep) -> None:
        policy = ClockPolicy("core.test", "Repair", record_kind, HOUR, ladder=steps)
        declared._clock_policies[policy.code] = policy
        declared._owner[id(policy)] = CORE

    yield declare
    declared._clock_policies.pop("core.test", None)


def messages() -> list[Message]:
    return list(db.session.scalars(sa.select(Message).order_by(Message.id)))


def test_a_step_writes_to_those_who_get_the_to_do_and_takes_it_back(
    world, scope_of, system, declare, running_app
) -> None:
    with system():
        engineer, head = world.role("engineer").name, world.role("head").name
    declare(
        "core.unit",
        EscalationStep("remind", "Due soon", -HOUR / 2, role=engineer, message="core.time_limit"),
        EscalationStep("late", "Repair overdue", role=head, message="core.no_such_message"),
    )
    with scope_of("head"):
        unit = db.session.get_one(Unit, world.own.unit_ids[0])
        clock_id = clocks.start_clock("core.test", unit, department_id=world.departments["group"]).id
        db.session.commit()
    with system():
        assert sweep(utc_now() + 2 * HOUR) == 2
        [message] = messages()
        clock = db.session.get_one(clocks.Clock, clock_id)
        due = f"{clock.due_at.astimezone(clocks.LOCAL_ZONE):%Y-%m-%d %H:%M}"
        assert message.state == MessageState.WAITING and message.kind == "email"
        assert message.address == "engineer@test.example"
        assert all(words in message.body for words in ("1-1-101", "Due soon", due))
        assert message.department_id == world.departments["group"]
        todos = sorted(str(todo.title) for todo in db.session.scalars(sa.select(Todo)))
        assert [title.partition(":")[0] for title in todos] == ["Due soon", "Repair overdue"], (
            "the to-do of a step stands when its message fails"
        )
        assert sweep(utc_now() + 3 * HOUR) == 0
        clocks.stop_clock(db.session.get_one(clocks.Clock, clock_id))
        db.session.commit()
        [message] = messages()
        assert (message.state, str(message.reason)) == (MessageState.CANCELLED, "所述时限已结束。")


def test_a_step_for_the_customer_writes_to_him_alone(world, scope_of, system, declare) -> None:
    declare("core.customer", EscalationStep("late", "Late", message="core.confirm_contact", to_customer=True))
    with scope_of("head"):
        customer = db.session.get_one(Customer, world.own.customer_ids[0])
        clocks.start_clock("core.test", customer)
        db.session.commit()
    with system():
        assert sweep(utc_now() + 2 * HOUR) == 1
        assert [message.customer_id for message in messages()] == [world.own.customer_ids[0]]
        assert db.session.scalar(sa.select(sa.func.count(Todo.id))) == 0


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (EscalationStep("a", "A"), "goes to nobody"),
        (EscalationStep("a", "A", role="ENG", to_customer=True), "without a message"),
        (
            EscalationStep("a", "A", role="ENG", message="core.none"),
            "not declared or holds other placeholders",
        ),
        (EscalationStep("a", "A", role="ENG", message="core.greeting"), ""),
        (EscalationStep("a", "A", message="core.greeting", to_customer=True), ""),
    ],
)
def test_steps_are_checked_at_the_start(running_app, step, fault) -> None:
    declared = dict(current_runtime(running_app).declared.of("core"))
    declared["clock_policies"] = (ClockPolicy("core.test", "Repair", "core.unit", HOUR, ladder=(step,)),)
    with running_app.test_request_context(headers={"Accept-Language": "en"}):
        faults = [str(each) for each in core_faults(declared) if "core.test" in str(each)]
    assert len(faults) == bool(fault)
    assert all(fault in each for each in faults)


def test_the_health_page_tells_of_clocks(world, scope_of, system, declare, sign_in, monkeypatch) -> None:
    declare("core.unit", EscalationStep("late", "Late", role="T-head"))
    year = utc_now().astimezone(clocks.LOCAL_ZONE).year
    monkeypatch.setattr(working_days, "known_years", lambda: range(2004, year + 2))
    with system():
        assert clocks.troubles() == clocks.Troubles()
    with scope_of("head"):
        unit = db.session.get_one(Unit, world.own.unit_ids[0])
        clocks.start_clock("core.test", unit, at=utc_now() - 2 * HOUR)
        db.session.commit()
    monkeypatch.setattr(working_days, "known_years", lambda: range(2004, year))
    with system():
        assert clocks.troubles().waiting == 1
        assert clocks.troubles().unknown_years[0] == year
    page = sign_in("admin").get("/admin/health/").text
    assert "1 个时限已超过一刻钟未被检查" in page
    assert f"{year}" in page and "法定节假日尚未录入" in page
