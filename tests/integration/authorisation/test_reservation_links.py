"""The link by which an owner books: slots of his own house alone are booked and moved, and the guards taken out."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa

import core.admin.links
import core.database.scope
import plugins.handover.preparation.services.appointments as appointments
import plugins.reservations.public
from core.customers.models import Customer
from core.database.scope import all_departments
from core.database.types import utc_now
from core.extensions import db
from core.machinery.links import services as links
from core.projects.models import Unit
from plugins.handover.models import HandoverBatch, HandoverUnit
from plugins.reservations import services as desks
from plugins.reservations.models import Booking, Slot
from tests.integration.authorisation.scene import Scene

BOOK, DELIVERY = "reservations.book", "handover.delivery"


@dataclass
class Desk:
    """Two owners of a project; the neighbour has booked. A slot of a project that the owner has nothing to do with.

    Attributes:
        scene: The stage of the matrix.
        pages: Address of the owner's page and the link that leads to it, by purpose.
        fact: The last digits of his number.
        slots: Two free slots of the own project.
        taken: The slot that the neighbour has booked; it takes one more.
        booking: The neighbour's booking.
        foreign: A slot of another project.
    """

    scene: Scene
    pages: dict[str, tuple[str, int, str]]
    fact: str
    slots: tuple[int, int]
    taken: int
    booking: int
    foreign: int

    def visitor(self, purpose: str) -> Any:
        """Return the browser of the owner, who has given the second fact."""
        _page, key, token = self.pages[purpose]
        browser = self.scene.app.test_client()
        browser.sends_csrf = True
        browser.get(f"/l/{token}")
        browser.post(f"/l/enter/{key}", data={"fact": self.fact, "agree": "y"})
        return browser

    def send(self, browser: Any, purpose: str, **values: str) -> int:
        """Send the form of a page; returns the status of the answer."""
        page = self.pages[purpose][0]
        ticket = re.search(r'name="ticket"[^>]*value="([^"]+)"', browser.get(page).text)
        data = {"ticket": ticket[1] if ticket else "", "website": "", "guests": "2", **values}
        return int(browser.post(page, data=data).status_code)

    def neighbour(self) -> tuple[int, str]:
        """Return slot and state of the neighbour's booking."""
        with self.scene.app.app_context(), all_departments("a test"):
            held = db.session.get_one(Booking, self.booking)
            return held.slot_id, held.state

    def booked_of(self, slot_id: int) -> int:
        """Return how many bookings a slot has."""
        with self.scene.app.app_context(), all_departments("a test"):
            return db.session.get_one(Slot, slot_id).booked


def _plan(unit: Unit, code: str, hours: int) -> list[Slot]:
    """Plan slots of an hour each for handovers in the project of a house."""
    opening = {str(day): [["09:00", f"{9 + hours:02d}:00"]] for day in range(1, 8)}
    purpose = desks.ensure_purpose(unit.project, appointments.PURPOSE, name="交付预约")
    resource = desks.add_resource(unit.project, code=code, name=code, capacity=3, opening=opening)
    day = utc_now().date() + dt.timedelta(days=5)
    assert desks.plan_slots(resource, purpose, day, day, minutes=60) == hours
    query = sa.select(Slot).where(Slot.resource_id == resource.id).order_by(Slot.starts_at)
    return list(db.session.scalars(query))


@pytest.fixture
def desk(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(core.admin.links, "SHORTEST_SECONDS", 0)
    rows = scene.world.own
    with scene.app.test_request_context(), all_departments("the link of an owner"):
        units = [db.session.get_one(Unit, key) for key in rows.unit_ids[:2]]
        owner, neighbour = (db.session.get_one(Customer, key) for key in rows.customer_ids[:2])
        batch = HandoverBatch(project_id=rows.project_id, code="R", name="R")
        db.session.add(batch)
        db.session.flush()
        houses = [
            HandoverUnit(
                project_id=rows.project_id,
                batch_id=batch.id,
                unit_id=unit.id,
                state="notified",
                notice_sent_at=utc_now(),
            )
            for unit in units
        ]
        db.session.add_all(houses)
        db.session.flush()
        slots = _plan(units[0], "JF", 3)
        foreign = _plan(db.session.get_one(Unit, scene.world.foreign.unit_ids[0]), "WF", 1)
        booking = desks.book(
            slots[2],
            customer=neighbour,
            unit=units[1],
            reference=(appointments.KIND, houses[1].id),
        )
        desks.confirm(booking)
        pages = {}
        for purpose, record, start in (
            (BOOK, units[0], "/reservations/book"),
            (DELIVERY, houses[0], "/handover-owner/delivery"),
        ):
            link, address = links.make_link(purpose, record, owner)
            pages[purpose] = (f"{start}/{link.id}", link.id, address.rpartition("/")[2])
        db.session.commit()
        ready = Desk(
            scene,
            pages,
            str(owner.phone)[-4:],
            (slots[0].id, slots[1].id),
            slots[2].id,
            booking.id,
            foreign[0].id,
        )
    scene.remember()
    yield ready
    with scene.app.app_context():
        scene.ledger.undo(scene.ledger.changes(everywhere=True))


# --- What notices


def the_neighbours_appointment_is_hidden(desk: Desk) -> list[str]:
    with desk.scene.app.app_context(), all_departments("a test"):
        number = db.session.get_one(Booking, desk.booking).number
    text = desk.visitor(BOOK).get(desk.pages[BOOK][0]).text
    return ["the number of the neighbour's booking shows"] * (number in text)


def the_neighbours_appointment_stays(desk: Desk) -> list[str]:
    """Neither moved nor cancelled by who names its key."""
    browser, before, faults = desk.visitor(BOOK), desk.neighbour(), []
    for values in ({"slot": str(desk.slots[0])}, {"step": "cancel"}):
        status = desk.send(browser, BOOK, booking=str(desk.booking), **values)
        if status != 422:
            faults.append(f"{values} with the neighbour's booking is answered {status}")
    if desk.neighbour() != before:
        faults.append("the neighbour's booking was changed")
    return faults


def a_slot_of_another_project_is_refused(desk: Desk) -> list[str]:
    faults = []
    for purpose in (BOOK, DELIVERY):
        status = desk.send(desk.visitor(purpose), purpose, slot=str(desk.foreign))
        if status != 422:
            faults.append(f"{purpose}: the foreign slot is answered {status}")
    if desk.booked_of(desk.foreign):
        faults.append("the foreign slot is booked")
    return faults


def the_delivery_page_moves_the_own_appointment_alone(desk: Desk) -> list[str]:
    """The page of the delivery names no booking: it finds that of its house, or books one."""
    browser, before, faults = desk.visitor(DELIVERY), desk.neighbour(), []
    for slot in desk.slots:
        if desk.send(browser, DELIVERY, slot=str(slot)) != 303:
            faults.append("the own appointment is refused")
    if desk.neighbour() != before:
        faults.append("the neighbour's booking was moved")
    if [desk.booked_of(slot) for slot in (*desk.slots, desk.taken)] != [0, 1, 1]:
        faults.append("the slots do not hold one booking of each owner")
    desk.send(browser, DELIVERY, step="cancel")
    if desk.neighbour() != before:
        faults.append("the neighbour's booking was cancelled")
    return faults


CHECKS = (
    the_neighbours_appointment_is_hidden,
    the_neighbours_appointment_stays,
    a_slot_of_another_project_is_refused,
    the_delivery_page_moves_the_own_appointment_alone,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_an_owner_books_for_his_house_alone(check: Callable[[Desk], list[str]], desk: Desk) -> None:
    assert check(desk) == []


# --- What is taken out


@contextlib.contextmanager
def _no_wall() -> Iterator[None]:
    """The wall does not ask whose a row is; the guard of the page still does."""
    with (
        mock.patch.object(core.database.scope, "_of_visitors", lambda _model, _scope, criterion: criterion),
        mock.patch.object(core.database.scope, "_names_another_customer", lambda _row, _scope: None),
    ):
        yield


def _every_booking(_visit: Any, unit: Unit) -> list[Booking]:
    return list(db.session.scalars(sa.select(Booking).where(Booking.project_id == unit.project_id)))


@contextlib.contextmanager
def _all_show(_desk: Desk) -> Iterator[None]:
    with _no_wall(), mock.patch.object(plugins.reservations.public, "bookings_of_visit", _every_booking):
        yield


@contextlib.contextmanager
def _any_booking(_desk: Desk) -> Iterator[None]:
    def own(_visit: Any, _unit: Unit, form: Any) -> Booking:
        return db.session.get_one(Booking, int(form["booking"].data))

    with _no_wall(), mock.patch.object(plugins.reservations.public, "_own", own):
        yield


@contextlib.contextmanager
def _any_slot(desk: Desk) -> Iterator[None]:
    """Whatever slot is named is offered, and found past the wall."""

    def row(model: Any, text: str, *_conditions: Any) -> Any:
        with all_departments("a guard mutant"):
            return db.session.get_one(model, int(text))

    def offered(*_arguments: Any, **_options: Any) -> list[Any]:
        return [row(Slot, str(desk.foreign))]

    def days(*_arguments: Any, **_options: Any) -> dict[Any, list[Any]]:
        return {utc_now().date(): offered()}

    with (
        mock.patch.object(plugins.reservations.public, "_row", row),
        mock.patch.object(desks, "offer_slots", offered),
        mock.patch.object(appointments, "offers", days),
    ):
        yield


@contextlib.contextmanager
def _booking_of_anybody(desk: Desk) -> Iterator[None]:
    """The page takes the newest booking for that of its house."""

    def booking_of(_place: Any) -> Any:
        return db.session.get(Booking, desk.booking)

    with _no_wall(), mock.patch.object(appointments, "booking_of", booking_of):
        yield


MUTANTS: tuple[tuple[str, Callable[[Desk], AbstractContextManager[None]], Any], ...] = (
    ("the page shows the bookings of all", _all_show, the_neighbours_appointment_is_hidden),
    ("any booking is moved and cancelled", _any_booking, the_neighbours_appointment_stays),
    ("slots of other projects are booked", _any_slot, a_slot_of_another_project_is_refused),
    (
        "the page takes a neighbour's booking for its own",
        _booking_of_anybody,
        the_delivery_page_moves_the_own_appointment_alone,
    ),
)


@pytest.mark.one_database
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant[0])
def test_the_guard_is_missed_when_it_is_gone(
    mutant: tuple[str, Callable[[Desk], AbstractContextManager[None]], Any], desk: Desk
) -> None:
    """With the guard the check is silent (see above); without it the check speaks."""
    name, patch, check = mutant
    with patch(desk):
        found = check(desk)
    assert found, f"Nothing noticed that {name}."
