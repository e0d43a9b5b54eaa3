"""The owner's page and the poster of the warranty: what neighbours reported stays hidden, and the guards taken out."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import flask
import pytest
import sqlalchemy as sa

import core.admin.links
import core.database.scope
import plugins.warranty.public
import plugins.warranty.services.owners
from core.customers.models import Customer, CustomerUnit
from core.database.scope import all_departments
from core.extensions import db
from core.machinery.attachments import services as attachments
from core.machinery.links import services as links
from core.projects.models import Building, Unit
from plugins.warranty.common import REPAIRS
from plugins.warranty.models import Order
from plugins.warranty.services import intake
from plugins.warranty.services.intake import Issue
from tests.integration.authorisation.scene import Scene, picture

OWN, NEIGHBOURS, BY_POSTER = "我家阳台渗水", "邻居书房裂缝", "海报报修灯不亮"


@dataclass
class Home:
    """An owner's link and a poster, with an order of the owner and one of a neighbour.

    Attributes:
        scene: The stage of the matrix.
        link: Row and token of the owner's link.
        poster: Row and token of the poster of the building.
        orders: The owner's order and the neighbour's.
        photos: Of the owner's order one before the repair and one as evidence, and one of the neighbour's order.
        house: The owner's house and number.
    """

    scene: Scene
    link: tuple[int, str]
    poster: tuple[int, str]
    orders: tuple[int, int]
    photos: tuple[int, int, int]
    house: tuple[str, str]

    def visitor(self) -> Any:
        """Return the browser of the owner, who has said the last digits of his number."""
        browser = self.scene.app.test_client()
        browser.sends_csrf = True
        browser.get(f"/l/{self.link[1]}")
        browser.post(f"/l/enter/{self.link[0]}", data={"fact": self.house[1][-4:], "agree": "y"})
        return browser

    def page(self) -> str:
        """Return the address of the owner's page."""
        return f"/owner/repairs/{self.link[0]}"

    def send(self, browser: Any, page: str, **values: str) -> Any:
        """Send the form of a page."""
        ticket = re.search(r'name="ticket"[^>]*value="([^"]+)"', browser.get(page).text)
        return browser.post(page, data={"ticket": ticket[1] if ticket else "", "website": "", **values})

    def read_poster(self, house: str, phone: str) -> tuple[Any, str]:
        """Stand before the poster and say who one is; return the browser and the address of the form."""
        browser = self.scene.app.test_client()
        browser.sends_csrf = True
        browser.get(f"/l/{self.poster[1]}")
        data = {"house": house, "phone": phone, "agree": "y"}
        browser.post(f"/l/enter/{self.poster[0]}", data=data)
        return browser, f"/owner/poster/building/{self.poster[0]}"


@pytest.fixture
def home(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(core.admin.links, "SHORTEST_SECONDS", 0)
    rows = scene.world.own
    with scene.app.test_request_context(), all_departments("an owner and his neighbour"):
        unit = db.session.get_one(Unit, rows.unit_ids[0])
        owner, neighbour = (db.session.get_one(Customer, key) for key in rows.customer_ids[:2])
        made = []
        for customer, words in ((owner, OWN), (neighbour, NEIGHBOURS)):
            request = intake.register_request(issues=[Issue("other", words)], unit=unit, customer=customer)
            made.append(request.orders[0])
        shown = [
            attachments.attach(order, io.BytesIO(picture()), "photo.png", slot=slot)
            for order, slot in ((made[0], "before"), (made[0], "evidence"), (made[1], "before"))
        ]
        found = []
        for purpose, record, person in (
            (REPAIRS, unit, owner),
            ("warranty.poster_of_building", db.session.get_one(Building, rows.building_id), None),
        ):
            link, address = links.make_link(purpose, record, person)
            found.append((link.id, address.rpartition("/")[2]))
        holds = db.session.scalar(
            sa.select(CustomerUnit.customer_id).where(CustomerUnit.unit_id == unit.id).limit(1)
        )
        assert holds == owner.id
        db.session.commit()
        ready = Home(
            scene,
            found[0],
            found[1],
            (made[0].id, made[1].id),
            (shown[0].id, shown[1].id, shown[2].id),
            (unit.code, owner.phone or ""),
        )
    scene.remember()
    yield ready
    with scene.app.app_context():
        scene.ledger.undo(scene.ledger.changes(everywhere=True))


# --- What notices


def the_neighbours_order_is_hidden(home: Home) -> list[str]:
    text = home.visitor().get(home.page()).text
    return [
        words
        for words, wrong in (
            ("the owner's order is missing", OWN not in text),
            ("the neighbour's order shows", NEIGHBOURS in text),
        )
        if wrong
    ]


def only_own_orders_are_answered(home: Home) -> list[str]:
    browser, faults = home.visitor(), []
    for step in ("urge", "accept", "reject", "rate", "reopen"):
        answer = home.send(
            browser, home.page(), step=step, order=str(home.orders[1]), score="5", remark="Probe"
        )
        if answer.status_code != 422:
            faults.append(f"{step} of a neighbour's order is answered {answer.status_code}")
    with home.scene.app.app_context(), all_departments("a test"):
        order = db.session.get_one(Order, home.orders[1])
        if order.urge_count or order.state != "reported":
            faults.append("a neighbour's order was changed")
    return faults


def only_own_photos_open(home: Home) -> list[str]:
    browser = home.visitor()
    wanted = dict(zip(home.photos, (200, 404, 404), strict=True))
    return [
        f"photo {key} of {list(wanted)} is answered {status}{ending}"
        for key, right in wanted.items()
        for ending in ("", "/thumbnail")
        if (status := browser.get(f"/l/photo/{home.link[0]}/{key}{ending}").status_code) != right
    ]


def a_poster_asks_for_house_and_number(home: Home) -> list[str]:
    house, phone = home.house
    faults = []
    for name, words, may in (
        ("who lives here", (house, phone), True),
        ("another number", (house, "13900001111"), False),
        ("another house", ("9-9-909", phone), False),
    ):
        browser, page = home.read_poster(*words)
        text = browser.get(page).text
        if ("fault_1" in text) != may:
            faults.append(f"{name}: the form {'is missing' if may else 'shows'}")
        if OWN in text or NEIGHBOURS in text:
            faults.append(f"{name}: an order shows")
    return faults


def _sent_by_poster(home: Home) -> list[Order]:
    with home.scene.app.app_context(), all_departments("a test"):
        return list(db.session.scalars(sa.select(Order).where(Order.description == BY_POSTER)))


def a_poster_takes_reports_for_the_house_that_proved_itself(home: Home) -> list[str]:
    browser, page = home.read_poster(*home.house)
    with home.scene.app.app_context(), all_departments("a test"):
        own = db.session.scalar(sa.select(Unit.id).where(Unit.code == home.house[0]))
        other = db.session.get_one(Unit, home.scene.world.own.unit_ids[1])
        smuggled = {"unit": str(other.id), "house": other.code, "unit_id": str(other.id)}
    home.send(browser, page, where="home", fault_1="other", text_1=BY_POSTER, **smuggled)
    made = _sent_by_poster(home)
    return ["no report was made"] * (not made) + [
        "a report for another house was taken" for order in made if order.unit_id != own
    ]


def a_day_has_a_limit_of_reports(home: Home) -> list[str]:
    browser, page = home.read_poster(*home.house)
    for _report in range(6):
        home.send(browser, page, where="home", fault_1="other", text_1=BY_POSTER)
    count = len(_sent_by_poster(home))
    return [f"{count} reports were taken within a day"] * (count != 5)


CHECKS = (
    a_poster_takes_reports_for_the_house_that_proved_itself,
    a_day_has_a_limit_of_reports,
    the_neighbours_order_is_hidden,
    only_own_orders_are_answered,
    only_own_photos_open,
    a_poster_asks_for_house_and_number,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_nothing_of_a_neighbour_shows(check: Callable[[Home], list[str]], home: Home) -> None:
    assert check(home) == []


# --- What is taken out


def _every_order(_visit: Any, unit: Unit) -> list[Order]:
    return list(db.session.scalars(sa.select(Order).where(Order.unit_id == unit.id)))


@contextlib.contextmanager
def _neighbours(_home: Home) -> Iterator[None]:
    """Neither the wall nor the page asks whose an order is."""
    with (
        mock.patch.object(core.database.scope, "_of_visitors", lambda _model, _scope, criterion: criterion),
        mock.patch.object(core.database.scope, "_names_another_customer", lambda _row, _scope: None),
        mock.patch.object(plugins.warranty.public, "orders_of_visit", _every_order),
    ):
        yield


@contextlib.contextmanager
def _all_slots(_home: Home) -> Iterator[None]:
    with mock.patch.object(plugins.warranty.public, "SEEN_SLOTS", ("before", "after", "evidence")):
        yield


@contextlib.contextmanager
def _any_house(_home: Home) -> Iterator[None]:
    """The form's word is taken for the house."""
    usual = plugins.warranty.public._register

    def register(visit: Any, unit: Unit, *arguments: Any, **values: Any) -> Any:
        named = db.session.get(Unit, int(flask.request.form.get("unit") or unit.id))
        return usual(visit, named, *arguments, **values)

    with mock.patch.object(plugins.warranty.public, "_register", register):
        yield


@contextlib.contextmanager
def _no_limit(_home: Home) -> Iterator[None]:
    with mock.patch.object(plugins.warranty.services.owners, "option", lambda _key, _project: 10**6):
        yield


@contextlib.contextmanager
def _any_number(home: Home) -> Iterator[None]:
    def household(_project_id: int, house: str, _phone: str) -> Any:
        unit = db.session.scalar(sa.select(Unit).where(Unit.code == house))
        return (db.session.get_one(Customer, home.scene.world.own.customer_ids[0]), unit) if unit else None

    held = home.scene.app.extensions["doorstep.links"]
    with mock.patch.dict(home.scene.app.extensions, {"doorstep.links": replace(held, household=household)}):
        yield


MUTANTS: tuple[tuple[str, Callable[[Home], AbstractContextManager[None]], Any], ...] = (
    ("the page shows the orders of the house", _neighbours, the_neighbours_order_is_hidden),
    ("the page answers any order", _neighbours, only_own_orders_are_answered),
    ("photos of neighbours open", _neighbours, only_own_photos_open),
    ("evidence is shown to the owner", _all_slots, only_own_photos_open),
    ("a poster believes the form", _any_house, a_poster_takes_reports_for_the_house_that_proved_itself),
    ("reports have no limit", _no_limit, a_day_has_a_limit_of_reports),
    ("a poster believes any number", _any_number, a_poster_asks_for_house_and_number),
)


@pytest.mark.one_database
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant[0])
def test_the_guard_is_missed_when_it_is_gone(
    mutant: tuple[str, Callable[[Home], AbstractContextManager[None]], Any], home: Home
) -> None:
    """With the guard the check is silent (see above); without it the check speaks."""
    name, patch, check = mutant
    with patch(home):
        found = check(home)
    assert found, f"Nothing noticed that {name}."
