"""An owner books by a personal link: what is free, what is his, and nothing else."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from core.testing import repeated_ids
from core.toolkit import Unit, db, make_link
from plugins.reservations import services
from plugins.reservations.models import Booking
from plugins.reservations.public import BOOK
from plugins.reservations.tests.conftest import customer, slot


@pytest.fixture
def owner(place, world, client, scope_of, monkeypatch):
    """A browser that has come by the link of the first house and is recognised, and the address of the page."""
    monkeypatch.setattr("core.admin.links.SHORTEST_SECONDS", 0)
    with scope_of("admin", "group"):
        unit = db.session.get_one(Unit, place.unit_ids[0])
        made = make_link(BOOK, unit, customer(place))
        address = re.sub(r"^https?://[^/]+", "", made.address)
        key = made.link.id
        db.session.commit()
    assert client.get(address).status_code == 303
    page = f"/reservations/book/{key}"
    tail = world.own.phones[0][-4:]
    assert client.post(f"/l/enter/{key}", data={"fact": tail, "agree": "y"}).status_code == 303
    return client, page


def sent(browser, page: str, **values: str):
    ticket = re.search(r'name="ticket"[^>]*value="([^"]+)"', browser.get(page).text)
    assert ticket is not None
    return browser.post(page, data={"ticket": ticket[1], "website": "", "guests": "2", **values})


def test_an_owner_books_moves_and_cancels_by_his_link(place, owner, system):
    browser, page = owner
    assert f'value="{place.slot_ids[0]}"' in browser.get(page).text
    assert sent(browser, page, slot=str(place.slot_ids[0]), wishes="轮椅").status_code == 303
    with system():
        booking = db.session.scalar(sa.select(Booking))
        assert (booking.state, booking.source, booking.customer_id) == (
            "notified",
            "link",
            place.customer_ids[0],
        )
        assert (booking.read_back_at is not None, slot(place).guests) == (True, 2)
        key, number = booking.id, booking.number
    shown = browser.get(page).text
    assert number in shown
    assert repeated_ids(shown) == [], "the appointment can be cancelled, and another one booked"
    refused = sent(browser, page, slot="999999")
    assert refused.text.count('class="form-errors"') == 1, "it is said once, though the page has two forms"
    assert "轮椅</textarea>" in shown, "moving begins with what was said before"
    moved = sent(browser, page, slot=str(place.slot_ids[3]), booking=str(key), guests="3", wishes="婴儿车")
    assert moved.status_code == 303
    with system():
        booking = db.session.get_one(Booking, key)
        assert (booking.slot_id, booking.guests, booking.wishes) == (place.slot_ids[3], 3, "婴儿车")
        assert slot(place).booked == 0
    assert sent(browser, page, step="cancel", booking=str(key)).status_code == 303
    with system():
        assert db.session.get_one(Booking, key).state == "cancelled"
        assert slot(place, 3).booked == 0


def test_of_several_appointments_the_moved_one_keeps_what_is_left_empty(place, owner, system):
    browser, page = owner
    for number, people, wishes in ((0, "2", "轮椅"), (1, "3", "婴儿车")):
        booked = sent(browser, page, slot=str(place.slot_ids[number]), guests=people, wishes=wishes)
        assert booked.status_code == 303
    with system():
        second = db.session.scalars(sa.select(Booking).order_by(Booking.id)).all()[1].id
    shown = browser.get(page).text
    assert "留空则保持原预约人数" in shown
    assert sent(browser, page, slot=str(place.slot_ids[4]), guests="").status_code == 422, "a further one"
    moved = sent(browser, page, slot=str(place.slot_ids[3]), booking=str(second), guests="", wishes="")
    assert moved.status_code == 303
    with system():
        booking = db.session.get_one(Booking, second)
        assert (booking.slot_id, booking.guests, booking.wishes) == (place.slot_ids[3], 3, "婴儿车")
    moved = sent(browser, page, slot=str(place.slot_ids[4]), booking=str(second), guests="4", wishes="")
    assert moved.status_code == 303
    with system():
        booking = db.session.get_one(Booking, second)
        assert (booking.slot_id, booking.guests, booking.wishes) == (place.slot_ids[4], 4, "婴儿车")


def test_what_is_full_or_of_others_is_refused_and_what_was_typed_is_kept(place, owner, system, world):
    browser, page = owner
    with system():
        for name in ("甲", "乙"):
            services.book(slot(place), contact_name=name)
        foreign = services.book(slot(place, 1), contact_name="别人").id
        db.session.commit()
    full = sent(browser, page, slot=str(place.slot_ids[0]), wishes="轮椅")
    assert (full.status_code, "轮椅" in full.text) == (422, True)
    for wrong in (
        {"slot": "x"},
        {"slot": "999999"},
        {"slot": str(place.slot_ids[4]), "guests": "99"},
        {"slot": str(place.slot_ids[4]), "booking": str(foreign)},
        {"step": "cancel", "booking": str(foreign)},
        {"step": "cancel", "booking": ""},
    ):
        assert sent(browser, page, **wrong).status_code == 422
    assert "别人" not in browser.get(page).text
    with system():
        assert db.session.get_one(Booking, foreign).state == "requested"
        assert db.session.scalar(sa.select(sa.func.count(Booking.id))) == 3


def test_a_module_hears_of_what_owners_book_for_its_purpose(place, owner, monkeypatch):
    heard = []
    monkeypatch.setattr(services, "_listeners", {})
    services.listen("reservations", "purpose:handover", lambda change: heard.append(change.what))
    browser, page = owner
    sent(browser, page, slot=str(place.slot_ids[0]))
    assert heard == ["booked", "confirmed"]
