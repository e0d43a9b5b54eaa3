"""Appointments with and without slots, who accompanies, attempts to reach owners, and the owner's own page."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    TimelineEntry,
    TransitionRefused,
    User,
    db,
    local_today,
    make_link,
    owners_of,
    partner,
    utc_now,
)
from plugins.handover import services
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import HandoverUnit, Inspection
from plugins.handover.preparation.models import ContactMeans
from plugins.handover.preparation.services import appointments, charges, contacts, letters
from plugins.handover.tests.conftest import unit

OPEN = {str(day): [["09:00", "12:00"], ["14:00", "17:00"]] for day in range(1, 8)}


def tomorrow(hour: int) -> dt.datetime:
    day = local_today() + dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(hour), LOCAL_ZONE).astimezone(dt.UTC)


def house(site, number=0):
    own = unit(site.unit_ids[number])
    batch = services.create_batch(
        own.project, code=f"B{number}", name="一批", delivery_on=local_today() + dt.timedelta(days=20)
    )
    (made,) = services.add_units(batch, [own])
    services.take_step(made, "notify", {})
    return made


@pytest.fixture
def place(site, scope_of):
    """A house whose owner has the notice; reservations is off."""
    with scope_of("admin", "group"):
        yield house(site)


@pytest.fixture
def desk(site, switch_on, scope_of):
    """The interface of reservations, with two seats an hour tomorrow."""
    switch_on("reservations")
    with scope_of("admin", "group"):
        found = partner("reservations")
        assert found is not None
        project = unit(site.unit_ids[0]).project
        purpose = appointments.ensure_purpose(project)
        desks = found.add_resource(project, code="JF", name="交付台", capacity=2, opening=OPEN)
        first = local_today() + dt.timedelta(days=1)
        assert found.plan_slots(desks, purpose, first, first, minutes=60) == 6
        db.session.commit()
        yield found


@pytest.fixture
def booked(desk, site):
    """A house with its slots."""
    return house(site)


def slots(place, **options):
    return [slot for day in appointments.offers(place, **options).values() for slot in day]


def rounds(place):
    return db.session.scalars(sa.select(Inspection).where(Inspection.unit_id == place.unit_id)).all()


def engineer():
    return db.session.scalar(sa.select(User).where(User.name == "用户engineer"))


# Without reservations


def test_without_slots_an_owner_is_booked_for_a_moment(place):
    assert not appointments.uses_slots()
    assert appointments.offers(place) == {}
    appointments.book_moment(place, tomorrow(10), engineer())
    assert (place.state, place.booked_for) == ("booked", tomorrow(10))
    (planned,) = rounds(place)
    assert (planned.kind, planned.planned_on, planned.inspector) == (
        "formal",
        local_today() + dt.timedelta(days=1),
        engineer(),
    )
    appointments.book_moment(place, tomorrow(15))
    assert (place.state, place.booked_for, len(rounds(place))) == ("booked", tomorrow(15), 1)
    appointments.cancel(place, "业主改期")
    assert (place.state, place.booked_for) == ("notified", None)
    with pytest.raises(HandoverRuleError):
        appointments.cancel(place, "再取消")
    touched = db.session.scalars(
        sa.select(TimelineEntry.touchpoint_code).where(TimelineEntry.kind == "handover.booked")
    )
    assert set(touched) == {"TP-E02"}


def test_nobody_is_booked_for_the_past_or_before_the_notice(place, site):
    with pytest.raises(HandoverRuleError):
        appointments.book_moment(place, utc_now() - dt.timedelta(minutes=1))
    (other,) = services.add_units(place.batch, [unit(site.unit_ids[1])])
    with pytest.raises(HandoverRuleError):
        appointments.book_moment(other, tomorrow(9))
    with pytest.raises(HandoverRuleError):
        appointments.book_slot(place, 1)


def test_nobody_accompanies_more_houses_on_a_day_than_the_setting_allows(place, site, monkeypatch):
    monkeypatch.setattr(appointments, "setting", lambda *_: 1)
    appointments.book_moment(place, tomorrow(9), engineer())
    second = house(site, 1)
    with pytest.raises(HandoverRuleError):
        appointments.book_moment(second, tomorrow(14), engineer())
    assert (second.state, second.engineer_id) == ("notified", None)
    appointments.book_moment(second, tomorrow(14) + dt.timedelta(days=1), engineer())
    assert appointments.houses_of(engineer(), local_today() + dt.timedelta(days=1)) == 1


# With reservations


def test_a_slot_is_booked_moved_and_given_back(booked, desk):
    first, second = slots(booked)[:2]
    appointments.book_slot(booked, first.id, guests=2, engineer=engineer())
    held = appointments.booking_of(booked)
    assert (booked.state, booked.booked_for, held.slot_id) == ("booked", first.starts_at, first.id)
    assert (held.reference_kind, held.reference_id, first.booked) == ("handover.unit", booked.id, 1)
    appointments.book_slot(booked, second.id)
    assert (booked.booked_for, first.booked, second.booked) == (second.starts_at, 0, 1)
    assert [each.planned_on for each in rounds(booked)] == [local_today() + dt.timedelta(days=1)]
    appointments.cancel(booked, "业主出差")
    assert (booked.state, booked.booked_for, second.booked) == ("notified", None, 0)


def test_a_slot_that_is_full_is_refused_in_words(booked, desk, site):
    slot = slots(booked)[0]
    desk.set_capacity(slot, 1)
    other = house(site, 1)
    appointments.book_slot(booked, slot.id)
    with pytest.raises(HandoverRuleError):
        appointments.book_slot(other, slot.id)
    assert other.state == "notified"


def test_the_house_follows_what_happens_at_the_desks(booked, desk):
    first, second = slots(booked)[:2]
    owner = owners_of(booked.unit)[0]
    booking = desk.book(first, customer=owner, unit=booked.unit)
    assert (booked.state, booked.booked_for) == ("booked", first.starts_at)
    assert (booking.reference_kind, booking.reference_id) == ("handover.unit", booked.id)
    desk.move(booking, second)
    assert booked.booked_for == second.starts_at
    desk.cancel(booking, "业主取消")
    assert (booked.state, booked.booked_for) == ("notified", None)


def test_who_stays_away_from_his_slot_is_absent_and_can_book_again(booked, desk):
    slot = slots(booked)[0]
    appointments.book_slot(booked, slot.id)
    held = appointments.booking_of(booked)
    slot.starts_at, slot.ends_at = utc_now() - dt.timedelta(hours=2), utc_now() - dt.timedelta(hours=1)
    booked.booked_for = slot.starts_at
    db.session.flush()
    desk.stay_away(held)
    assert booked.state == "absent"
    appointments.book_slot(booked, slots(booked)[0].id)
    assert booked.state == "booked"


def test_signing_in_and_delivering_ends_the_booking(booked, desk):
    appointments.book_slot(booked, slots(booked)[0].id)
    held = appointments.booking_of(booked)
    services.sign_in(booked)
    assert held.state == "arrived"
    appointments.note_end(booked)
    assert held.state == "done"


HANDED_OVER = "房屋 1-1-101 已交付"


def test_a_house_that_is_handed_over_is_booked_by_nobody(desk, site, sign_in, client, scope_of, monkeypatch):
    """Neither by its owner's link of reservations nor by staff; both read why. What is booked can be cancelled."""
    monkeypatch.setattr("core.admin.links.SHORTEST_SECONDS", 0)
    with scope_of("admin", "group"):
        place = house(site)
        owner = owners_of(place.unit)[0]
        first, second = slots(place)[:2]
        booking = desk.book(first, customer=owner, unit=place.unit)
        place.state = "delivered"
        address = make_link("reservations.book", place.unit, owner).address
        with pytest.raises(desk.ReservationRuleError, match=HANDED_OVER):
            desk.book(second, customer=owner, unit=place.unit)
        with pytest.raises(desk.ReservationRuleError, match=HANDED_OVER):
            desk.move(booking, second)
        desk.book(second, customer=owners_of(unit(site.unit_ids[1]))[0], unit=unit(site.unit_ids[1]))
        keys, phone, other, held = (place.unit_id, owner.id), owner.phone, second.id, booking.id
        db.session.commit()
    where = enter(client, address, phone)
    page = client.get(where).get_data(as_text=True)
    assert HANDED_OVER in page and 'name="slot"' not in page and "暂无" not in page
    again = {"ticket": ticket(page, monkeypatch), "slot": str(other), "guests": "2"}
    refused = client.post(where, data=again)
    assert refused.status_code == 422 and HANDED_OVER in refused.get_data(as_text=True)
    staff = sign_in("admin", "group")
    moving = staff.get(f"/admin/reservations/desk/move/?id={held}").text
    assert HANDED_OVER in moving and 'name="slot"' not in moving
    form = staff.get(f"/admin/reservations/bookings/new/?slot={other}").text
    hidden = dict(re.findall(r'name="(csrf_token|ticket|nonce|form_nonce)"[^>]*value="([^"]+)"', form))
    values = {"slot_id": other, "unit_id": keys[0], "customer_id": keys[1], "guests": "2", "source": "phone"}
    answer = staff.post("/admin/reservations/bookings/new/", data={**hidden, **values})
    assert answer.status_code == 422 and HANDED_OVER in answer.text
    with scope_of("admin", "group"):
        desk.cancel(db.session.get_one(type(booking), held), "已交付")


def test_another_purpose_or_house_is_none_of_our_business(booked, desk, site):
    project = booked.project
    visit = desk.ensure_purpose(project, "sample_house", name="参观")
    house_ = desk.add_resource(project, code="YB", name="样板房", capacity=2, opening=OPEN)
    day = local_today() + dt.timedelta(days=1)
    desk.plan_slots(house_, visit, day, day)
    slot = desk.offer_slots(project, "sample_house")[0]
    desk.book(slot, customer=owners_of(booked.unit)[0], unit=booked.unit)
    assert booked.state == "notified"
    desk.book(slots(booked)[0], contact_name="路人")
    assert booked.state == "notified"


# The owner's page


def enter(client, address, phone):
    page = client.get(address.removeprefix("http://127.0.0.1:8000"))
    where = page.headers["Location"]
    client.post(f"/l/enter/{where.rpartition('/')[2]}", data={"fact": phone[-4:], "agree": "y"})
    return where


def ticket(page, monkeypatch):
    monkeypatch.setattr("core.admin.links.SHORTEST_SECONDS", 0)
    return re.search(r'name="ticket"[^>]*value="([^"]+)"', page)[1]


@pytest.fixture
def invited(site, scope_of):
    """Key of a house, the address of its owner's link, and his number."""

    def invite():
        with scope_of("admin", "group"):
            made = house(site)
            owner = owners_of(made.unit)[0]
            link = make_link(letters.LINK, made, owner)
            db.session.commit()
            return made.id, link.address, owner.phone

    return invite


def test_an_owner_confirms_the_notice_books_and_moves_by_his_link(
    desk, invited, client, scope_of, monkeypatch
):
    key, address, phone = invited()
    db.session.commit()
    where = enter(client, address, phone)
    page = client.get(where).get_data(as_text=True)
    assert "1-1-101" in page and ">09:00</button>" in page, "of one desk each time is enough"
    with scope_of("admin", "group"):
        place = db.session.get_one(HandoverUnit, key)
        first, second = (slot.id for slot in slots(place, by_owner=True)[:2])
    for slot in (first, second):
        page = client.get(where).get_data(as_text=True)
        answer = client.post(
            where,
            data={"ticket": ticket(page, monkeypatch), "slot": str(slot), "guests": "2", "wishes": "轮椅"},
        )
        assert answer.status_code == 303
    with scope_of("admin", "group"):
        place = db.session.get_one(HandoverUnit, key)
        booking = appointments.booking_of(place)
        assert (place.state, booking.slot_id, booking.source) == ("booked", second, "link")
        assert place.booked_for == booking.slot.starts_at
        assert place.notice_received_at is not None, "who books has the notice"
        assert (booking.guests, booking.wishes) == (2, "轮椅")
    page = client.get(where).get_data(as_text=True)
    assert "2 人 · 轮椅" in page and "轮椅</textarea>" in page, "moving begins with what was said before"
    details = {"step": "details", "guests": "3", "wishes": "轮椅与婴儿车"}
    assert client.post(where, data={"ticket": ticket(page, monkeypatch), **details}).status_code == 303
    page = client.get(where).get_data(as_text=True)
    again = {"slot": str(first), "guests": "4", "wishes": ""}
    assert client.post(where, data={"ticket": ticket(page, monkeypatch), **again}).status_code == 303
    with scope_of("admin", "group"):
        booking = appointments.booking_of(db.session.get_one(HandoverUnit, key))
        assert (booking.slot_id, booking.guests, booking.wishes) == (first, 4, "")
        assert booking.state in ("confirmed", "notified")
    page = client.get(where).get_data(as_text=True)
    answer = client.post(where, data={"ticket": ticket(page, monkeypatch), "step": "cancel"})
    assert answer.status_code == 303
    with scope_of("admin", "group"):
        assert db.session.get_one(HandoverUnit, key).state == "notified"


def test_a_time_that_is_taken_meanwhile_is_said_and_what_was_typed_stays(
    desk, invited, client, scope_of, monkeypatch
):
    key, address, phone = invited()
    where = enter(client, address, phone)
    page = client.get(where).get_data(as_text=True)
    with scope_of("admin", "group"):
        slot = slots(db.session.get_one(HandoverUnit, key))[0]
        desk.set_blocked(slot, True)
        taken = slot.id
        db.session.commit()
    answer = client.post(
        where,
        data={"ticket": ticket(page, monkeypatch), "slot": str(taken), "guests": "2", "wishes": "轮椅通道"},
    )
    assert answer.status_code == 422
    assert "轮椅通道" in answer.get_data(as_text=True)


def in_state(scope_of, key, state, **values):
    with scope_of("admin", "group"):
        place = db.session.get_one(HandoverUnit, key)
        place.state = state
        for name, value in values.items():
            setattr(place, name, value)
        db.session.commit()


def test_the_page_says_what_comes_next_and_offers_nothing_after_the_keys(desk, invited, client, scope_of):
    key, address, phone = invited()
    where = enter(client, address, phone)
    due = dt.datetime(2026, 12, 1, 3, tzinfo=dt.UTC)
    in_state(scope_of, key, "refused", reply_due_at=due)
    page = client.get(where).get_data(as_text=True)
    assert "2026-12-01 前书面答复" in page and 'name="slot"' in page
    in_state(scope_of, key, "delivered")
    page = client.get(where).get_data(as_text=True)
    assert "您的房屋已交付" in page
    assert 'name="slot"' not in page and "携带资料" not in page


def test_the_page_is_read_in_the_language_that_the_owner_chooses(desk, invited, client, scope_of):
    key, address, phone = invited()
    with scope_of("admin", "group"):
        charges.load_standard_rules(db.session.get_one(HandoverUnit, key).project)
        db.session.commit()
    where = enter(client, address, phone)
    assert "契税" in client.get(where).get_data(as_text=True)
    client.post("/preferences/language", data={"locale": "en", "next": where})
    english = client.get(where).get_data(as_text=True)
    assert "Deed tax" in english and "paid to the tax office" in english and "契税" not in english


def test_without_reservations_the_page_says_to_call_and_still_takes_the_receipt(
    site, invited, client, scope_of, monkeypatch
):
    key, address, phone = invited()
    where = enter(client, address, phone)
    page = client.get(where).get_data(as_text=True)
    assert 'name="slot"' not in page
    answer = client.post(where, data={"ticket": ticket(page, monkeypatch), "step": "receipt"})
    assert answer.status_code == 303
    with scope_of("admin", "group"):
        assert db.session.get_one(HandoverUnit, key).notice_received_at is not None


# Attempts to reach an owner

START = dt.datetime(2026, 11, 20, 1, tzinfo=dt.UTC)


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("hours", "count"), [((0, 4, 8), 3), ((0, 3.9, 8), 2), ((0, 1, 2, 3), 1), ((0, 3, 5, 9), 3), ((), 0)]
)
def test_attempts_count_when_they_lie_apart(hours, count):
    moments = [START + dt.timedelta(hours=each) for each in hours]
    assert len(contacts.counted(moments, dt.timedelta(hours=4))) == count


def call(place, hours, reached=False):
    contacts.note_attempt(place, ContactMeans.PHONE, reached=reached, at=START + dt.timedelta(hours=hours))


def test_a_house_is_not_contactable_after_three_attempts_on_two_days(place):
    for hours in (0, 4, 8):
        call(place, hours)
    with pytest.raises(TransitionRefused):
        services.take_step(place, "lose_contact", {"comment": "同一天三次"})
    call(place, 24)
    services.take_step(place, "lose_contact", {"comment": "无人接听"})
    assert place.state == "not_contactable"
    call(place, 30, reached=True)
    assert place.state == "notified"
    assert contacts.still_needed(place) is not None, "only attempts after the owner was reached count"


def test_an_attempt_in_the_future_is_none(place):
    with pytest.raises(HandoverRuleError):
        contacts.note_attempt(place, ContactMeans.PHONE, reached=False, at=utc_now() + dt.timedelta(hours=1))


def test_nobody_is_absent_before_his_time_has_passed(place):
    with pytest.raises(TransitionRefused):
        services.take_step(place, "miss", {"comment": "未到"})
    place.batch.closes_on = local_today() - dt.timedelta(days=1)
    services.take_step(place, "miss", {"comment": "集中交付期内未到"})
    assert place.state == "absent"


def test_a_booked_owner_is_absent_only_after_his_moment(place):
    appointments.book_moment(place, tomorrow(9))
    with pytest.raises(TransitionRefused):
        services.take_step(place, "miss", {"comment": "未到"})
    place.booked_for = utc_now() - dt.timedelta(minutes=1)
    services.take_step(place, "miss", {"comment": "未到"})
    assert place.state == "absent"


def test_an_attorney_keeps_the_appointment(place):
    services.take_step(
        place, "entrust", {"attorney_name": "王芳", "attorney_document": "公证委托书 2026-118"}
    )
    appointments.book_moment(place, tomorrow(9))
    assert (place.state, place.booked_for) == ("entrusted", tomorrow(9))
