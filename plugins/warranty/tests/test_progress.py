"""Owners hear of the progress, of rests, and of ends of warranties; a person is asked where no message will do."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from core.toolkit import TimelineEntry, Todo, clocks_of, db, history_of, utc_now
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import ExpiryNotice, HouseWarranty, Order, ToldHow
from plugins.warranty.services import expiry, orders, progress, telling
from plugins.warranty.tests.helpers import dispatched, repairing, surveyed
from plugins.warranty.tests.test_telling import HOUR, Run, own, reported, told

__all__ = ["own"]


def asked() -> list[Todo]:
    """The open to-dos that ask for the progress of an order."""
    return list(
        db.session.scalars(
            sa.select(Todo)
            .where(Todo.dedupe_key.startswith("warranty:progress:"), Todo.state == "open")
            .order_by(Todo.id)
        )
    )


def by_itself(monkeypatch) -> None:
    """Let the department want messages that go out by themselves."""
    usual = progress.option
    monkeypatch.setattr(
        progress,
        "option",
        lambda key, project=None: "automatic" if key == "progress_by" else usual(key, project),
    )


def due(order: Order, ago: dt.timedelta = HOUR) -> Order:
    order.progress_due_at = utc_now() - ago
    db.session.flush()
    return order


def test_whoever_looks_after_an_order_is_asked_once_before_the_progress_is_due(own, world):
    order = dispatched(reported(own))
    order.engineer_id = world.users["engineer"]
    due(order, -3 * HOUR)
    assert not progress.see_to_progress(order), "three hours are early enough"
    due(order, -HOUR / 2)
    assert progress.see_to_progress(order)
    assert not progress.see_to_progress(order)
    (todo,) = asked()
    assert (todo.owner_id, todo.due_at, todo.record_id) == (
        order.engineer_id,
        order.progress_due_at,
        order.id,
    )
    assert todo.note == progress.progress_words(order)
    assert told("progress") == []
    orders.tell_progress(order, todo.note, by_message=True)
    assert asked() == [], "what was asked for is done"
    (message,) = told("progress")
    assert todo.note in message.body
    due(order)
    assert progress.see_to_progress(order), "the next time is asked for again"


def test_the_message_goes_out_by_itself_where_the_department_wants_it(own, monkeypatch):
    by_itself(monkeypatch)
    order = due(dispatched(reported(own)))
    assert progress.see_to_progress(order)
    (message,) = told("progress")
    assert "维修单位将与您联系" in message.body
    assert order.events[-1].kind == "progress"
    assert order.progress_due_at > utc_now() + 24 * HOUR
    assert asked() == []


@pytest.mark.parametrize("why", ["late", "nobody"])
def test_a_person_tells_what_no_message_should_or_can(own, monkeypatch, why):
    by_itself(monkeypatch)
    order = dispatched(reported(own))
    if why == "late":
        order.promised_at = utc_now() - HOUR
    else:
        monkeypatch.setattr(telling, "reader_of", lambda request: None)
    events = len(order.events)
    assert progress.see_to_progress(due(order))
    assert told("progress") == []
    assert len(order.events) == events, "nothing is noted that was not told"
    (todo,) = asked()
    assert todo.role == "PCM"
    assert ("深表歉意" in todo.note) == (why == "late")


def test_what_is_said_follows_the_state(own, world):
    order = reported(own)
    said = [progress.progress_words(order)]
    dispatched(order)
    order.engineer_id = world.users["engineer"]
    db.session.flush()
    db.session.expire(order, ["engineer"])
    said.append(progress.progress_words(order))
    start = utc_now() + 20 * HOUR
    orders.note_contact(order, "约好")
    visit = orders.book_visit(order, start, start + 2 * HOUR)
    said.append(progress.progress_words(order))
    assert telling.window_text(visit) in said[-1]
    other = surveyed(reported(own))
    said.append(progress.progress_words(other))
    orders.suspend(other, "waiting_material", "瓷砖")
    said.append(progress.progress_words(other))
    said.append(progress.progress_words(repairing(reported(own))))
    assert len(set(said)) == len(said)
    assert "工程师将与您联系" in said[0] and world.user("engineer").name in said[1]
    assert "预计" in said[0] and "预计" not in said[4]
    order.request.language = "en"
    own[1].language = "en"
    assert progress.progress_words(order).startswith("Our next visit is")


def test_the_worker_asks_for_all_that_is_due(own, system):
    keys = [due(dispatched(reported(own))).id for _each in range(2)]
    later = dispatched(reported(own)).id
    rests = dispatched(reported(own))
    orders.suspend(rests, "owner_unavailable", "出国")
    due(rests)
    db.session.commit()
    with system():
        for _time in range(2):
            progress.run_progress(Run)
        assert [todo.record_id for todo in asked()] == keys
        assert later not in keys


def test_owners_hear_that_the_work_rests_and_goes_on(own):
    order = dispatched(reported(own))
    orders.suspend(order, "owner_unavailable", "业主出国至 12 月 10 日")
    assert history_of(order)[0].comment == "业主出国至 12 月 10 日", "no code of the reason"
    (message,) = told("suspended")
    assert "（业主出国至 12 月 10 日）" in message.body
    assert all(clock.pauses[-1].notice_at for clock in clocks_of(order) if clock.paused_at), (
        "so the rest counts"
    )
    orders.resume(order)
    (again,) = told("resumed")
    assert order.number in again.body
    orders.suspend(order, "season", "等雨后复查")
    assert len(told("suspended")) == 2, "each rest is told"


def test_a_rest_that_nobody_was_told_of_does_not_count_and_can_be_switched_off(own, monkeypatch):
    usual = telling.option
    monkeypatch.setattr(
        telling, "option", lambda key, project=None: key != "tell_suspended" and usual(key, project)
    )
    order = dispatched(reported(own))
    orders.suspend(order, "owner_unavailable", "出国")
    orders.resume(order)
    assert told("suspended", "resumed") == []
    assert not any(pause.notice_at for clock in clocks_of(order) for pause in clock.pauses)
    by_telephone = dispatched(reported(own))
    orders.suspend(by_telephone, "owner_unavailable", "出国", told_at=utc_now())
    assert any(pause.notice_at for clock in clocks_of(by_telephone) for pause in clock.pauses)


# --- Ends of warranties


def last_days(own) -> tuple[Order, list[dt.date]]:
    from plugins.warranty.tests.helpers import unit

    house = unit(own[0])
    days = db.session.scalars(
        sa.select(HouseWarranty.owner_end).where(HouseWarranty.unit_id == house.id).distinct()
    ).all()
    return house, sorted(days)


def test_owners_hear_thirty_days_before_a_warranty_ends_once(own):
    house, days = last_days(own)
    two_years = dt.date(2026, 3, 14)
    assert two_years in days
    assert expiry.tell_of_ends(house, two_years - dt.timedelta(days=31)) == []
    (notice,) = expiry.tell_of_ends(house, two_years - dt.timedelta(days=30))
    assert (notice.ends_on, "W06" in notice.categories.split()) == (two_years, True)
    assert expiry.tell_of_ends(house, two_years - dt.timedelta(days=29)) == []
    (message,) = told("expiring")
    assert "2026-03-14" in message.body and house.code in message.body and message.customer_id == own[1].id
    assert notice.told_at is not None
    assert db.session.scalar(
        sa.select(sa.func.count(TimelineEntry.id)).where(TimelineEntry.kind == "warranty.expiring")
    )
    with pytest.raises(WarrantyRuleError):
        expiry.note_told(notice, ToldHow.LETTER)


def test_property_management_tells_whom_no_message_reaches(own, monkeypatch):
    house, _days = last_days(own)
    monkeypatch.setattr(expiry, "owners_of", lambda unit: [])
    (notice,) = expiry.tell_of_ends(house, dt.date(2026, 3, 1))
    todos = sa.select(Todo).where(Todo.record_kind == "warranty.expiry", Todo.state == "open")
    (todo,) = db.session.scalars(todos)
    assert (todo.role, house.code in str(todo.title)) == ("PM", True)
    expiry.note_told(notice, ToldHow.LETTER)
    assert notice.told_at is not None
    assert db.session.scalars(todos).all() == []


def test_the_worker_tells_every_house_of_which_something_ends(own, site, system, monkeypatch):
    monkeypatch.setattr(expiry, "local_today", lambda: dt.date(2026, 2, 20))
    db.session.commit()
    with system():
        for _time in range(2):
            expiry.run_ends(Run)
        made = db.session.scalars(sa.select(ExpiryNotice.unit_id).order_by(ExpiryNotice.unit_id)).all()
        assert made == sorted(site.unit_ids[:2])
