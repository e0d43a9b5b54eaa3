"""What owners are told by message, when and in which language, and what happens when they do not answer."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from flask_babel import force_locale

from core.toolkit import Message, MessageState, db, utc_now
from plugins.warranty.models import AcceptanceKind, Extension, Order, Responsibility, ToldHow
from plugins.warranty.services import orders, owners, telling
from plugins.warranty.services.telling import ASKED
from plugins.warranty.tests.helpers import closed, customer, fixed, order_of, report

HOUR = dt.timedelta(hours=1)


def told(*codes: str) -> list[Message]:
    """The messages about repairs in their order, of these kinds only if some are named."""
    rows = db.session.scalars(
        sa.select(Message).where(Message.template.like("warranty.%")).order_by(Message.id)
    ).all()
    return [row for row in rows if not codes or row.template.removeprefix("warranty.") in codes]


@pytest.fixture
def own(site, world, scope_of):
    """The head at work, with an owner who can be reached."""
    with scope_of("head") as scope:
        yield site.unit_ids[0], customer(world.own.customer_ids[0]), scope


def reported(own, fault: str = "wall_crack", **values) -> Order:
    key, holder, _scope = own
    return report(key, fault, customer=holder, reporter_name="", **values)[0]


def test_an_owner_hears_of_each_step(own, world):
    order = reported(own)
    (first,) = told()
    assert (first.template, first.customer_id) == ("warranty.received", own[1].id)
    assert order.request.number in first.body
    assert "{link}" in first.body, "the link is kept apart and encrypted"
    orders.triage(order, responsibility=Responsibility.CONTRACTOR)
    orders.dispatch(order, engineer=world.user("engineer"))
    orders.note_contact(order, "约好")
    start = utc_now() + 20 * HOUR
    visit = orders.book_visit(order, start, start + 2 * HOUR)
    extension = orders.extend(order, utc_now() + 30 * 24 * HOUR, "等待厂家发货")
    orders.tell_progress(order, "材料已到场", by_message=True)
    orders.tell_progress(order, "电话告知")
    orders.cancel_visit(visit)
    assert [each.template.removeprefix("warranty.") for each in told()] == [
        "received", "dispatched", "visit", "delayed", "progress", "visit_cancelled",
    ]  # fmt: skip
    by_kind = {each.template: each for each in told()}
    assert telling.window_text(visit) in by_kind["warranty.visit"].body
    assert world.user("engineer").name in by_kind["warranty.dispatched"].body
    assert "等待厂家发货" in by_kind["warranty.delayed"].body
    assert "材料已到场" in by_kind["warranty.progress"].body
    assert extension.told_at is not None, "the message is how the owner was told"
    assert all(each.record_kind in ("warranty.order", "warranty.request") for each in told())


def test_an_emergency_is_told_at_night_and_the_rest_waits_for_the_morning(own, monkeypatch):
    monkeypatch.setattr("core.machinery.messages.services.utc_now", lambda: NIGHT)
    reported(own, "burst_pipe")
    reported(own, "wall_crack")
    urgent, usual = told()
    assert (urgent.template, urgent.not_before) == ("warranty.received_p1", NIGHT)
    assert (usual.template, usual.not_before > NIGHT) == ("warranty.received", True)


NIGHT = dt.datetime(2026, 11, 28, 16, 30, tzinfo=dt.UTC)
"""Half past midnight in China."""


def test_who_cannot_be_reached_another_who_reported_and_a_department_that_tells_nothing(own, monkeypatch):
    key, holder, _scope = own
    order_of(key)
    assert told() == [], "nobody is known"
    report(key, "lock", customer=holder, reporter_name="租户小李", reporter_phone="13655550001")
    (tenant,) = told()
    assert (tenant.recipient_name, tenant.customer_id) == ("租户小李", None)
    assert "13655550001" in tenant.address
    assert "{link}" not in tenant.body, "the link of the owner is not for a tenant"
    silent = {"tell_received"}
    monkeypatch.setattr(telling, "option", lambda name, project=None: name not in silent)
    reported(own)
    assert len(told()) == 1


def test_an_extension_that_was_told_by_telephone_keeps_its_words(own):
    order = reported(own)
    orders.extend(order, utc_now() + 40 * 24 * HOUR, "等待厂家发货", ToldHow.PHONE)
    (row,) = db.session.scalars(sa.select(Extension).where(Extension.order_id == order.id))
    assert row.told_how == ToldHow.PHONE


# --- Silence


def finished(own) -> Order:
    order = fixed(reported(own))
    order.fixed_by_id = None
    orders.accept_as_engineer(order)
    return order


def asked_since(order: Order, days: float) -> None:
    """Let the request to accept lie in the past."""
    event = next(each for each in order.events if each.kind == ASKED)
    event.at = utc_now() - dt.timedelta(days=days)
    db.session.flush()
    db.session.expire(order, ["events"])


def test_an_owner_who_does_not_answer_for_seven_days_has_accepted(own):
    order = finished(own)
    assert owners.silent_since(order) is None, "he was not asked yet"
    message = telling.ask_to_accept(order)
    assert message.template == "warranty.finished_silence"
    asked_since(order, 6.9)
    assert not owners.accept_by_silence(order)
    asked_since(order, 7.1)
    assert owners.accept_by_silence(order)
    accepted = order.acceptances[-1]
    assert (order.state, accepted.kind, accepted.by_silence, accepted.score) == (
        "owner_accepted", AcceptanceKind.OWNER, True, None,
    )  # fmt: skip
    assert told("silence")
    assert not owners.accept_by_silence(order), "once"
    owners.rate(order, 2, "漆面不平", clean_ok=True)
    assert (order.score, accepted.score, accepted.clean_ok) == (2, 2, True)
    assert [each.kind for each in order.events][-2:] == ["rated", "escalated"]
    db.session.expire_all()
    for language, sentence in (
        ("zh_Hans_CN", "默认验收：7 天内未收到业主意见。"),
        ("en", "Accepted by silence: no answer within 7 days."),
    ):
        with force_locale(language):
            assert str(accepted.note) == f"{sentence}\n漆面不平"


@pytest.mark.parametrize("answer", ["urge", "refuse"])
def test_who_answers_is_not_silent(own, answer):
    order = finished(own)
    telling.ask_to_accept(order)
    asked_since(order, 30)
    if answer == "urge":
        orders.urge(order)
    else:
        owners.refuse_repair(order, "还在渗水")
        assert order.state == "repairing"
    assert not owners.accept_by_silence(order)


def test_who_cannot_be_told_is_not_taken_as_silent(own):
    order = finished(own)
    order.request.customer_id = None
    order.request.reporter_phone = ""
    db.session.flush()
    db.session.expire(order.request)
    assert telling.ask_to_accept(order) is None
    assert owners.silent_since(order) is None


class Run:
    """Stands for the run of a periodic task; each step is committed."""

    @staticmethod
    def steps(keys):
        for key in keys:
            yield key
            db.session.commit()


def test_the_worker_asks_an_hour_after_the_engineer_and_accepts_after_the_silence(own, system):
    order = finished(own)
    early, key = finished(own).id, order.id
    order.engineer_accepted_at = utc_now() - 2 * HOUR
    db.session.commit()
    with system():
        for _time in range(2):
            owners.run_requests(Run)
        assert len(told("finished_silence")) == 1
        asked_since(db.session.get_one(Order, key), 8)
        db.session.commit()
        owners.run_silence(Run)
        states = [db.session.get_one(Order, each).state for each in (key, early)]
        assert states == ["owner_accepted", "engineer_accepted"]


def test_a_closed_repair_announces_the_call_back(own):
    order = closed(reported(own))
    (message,) = told("closed")
    assert order.number in message.body
    assert message.state in (MessageState.WAITING, MessageState.WITHHELD)
