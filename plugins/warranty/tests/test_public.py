"""An owner reports repairs by a personal link, follows them, accepts them and opens one again; nothing else is his."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from core.toolkit import Customer, Unit, all_departments, attachments_of, db, make_link
from plugins.warranty.models import Order
from plugins.warranty.public import REPAIRS
from plugins.warranty.tests.helpers import jpeg


@pytest.fixture
def owner(site, world, client, scope_of, monkeypatch):
    """A browser that has come by the link of the first house and is recognised, and the address of the page."""
    monkeypatch.setattr("core.admin.links.SHORTEST_SECONDS", 0)
    with scope_of("admin", "group"):
        unit = db.session.get_one(Unit, site.unit_ids[0])
        made = make_link(REPAIRS, unit, db.session.get_one(Customer, world.own.customer_ids[0]))
        address = re.sub(r"^https?://[^/]+", "", made.address)
        key = made.link.id
        db.session.commit()
    assert client.get(address).status_code == 303
    fact = {"fact": world.own.phones[0][-4:], "agree": "y"}
    assert client.post(f"/l/enter/{key}", data=fact).status_code == 303
    return client, f"/owner/repairs/{key}"


def sent(browser, page: str, **values):
    ticket = re.search(r'name="ticket"[^>]*value="([^"]+)"', browser.get(page).text)
    assert ticket is not None
    return browser.post(page, data={"ticket": ticket[1], "website": "", **values})


def state_of(running_app, key: int, state: str = "") -> str:
    with running_app.app_context(), all_departments("a test"):
        order = db.session.get_one(Order, key)
        if state:
            order.state = state
            db.session.commit()
        return order.state


def test_an_owner_reports_two_problems_with_a_photo_and_sees_them(site, owner, running_app):
    browser, page = owner
    answer = sent(
        browser,
        page,
        step="report",
        fault_1="bathroom_leak",
        room_1="主卫",
        text_1="门槛石渗水",
        fault_2="bathroom_leak",
        room_2="次卫",
        text_2="顶棚滴水",
        photos=(jpeg(), "a.jpg"),
    )
    assert answer.status_code == 303
    with running_app.app_context(), all_departments("a test"):
        made = list(db.session.scalars(sa.select(Order).order_by(Order.id)))
        assert [order.room_name for order in made] == ["主卫", "次卫"]
        assert len(attachments_of(made[0])) == 1
    text = browser.get(page).text
    assert "门槛石渗水" in text
    assert made[1].number in text


def test_an_owner_accepts_rates_and_opens_again(site, owner, running_app):
    browser, page = owner
    answer = sent(browser, page, step="report", fault_1="bathroom_leak", text_1="渗水")
    assert answer.status_code == 303, re.sub(r"(?s)<[^>]+>|\s\s+", " ", answer.text)
    with running_app.app_context(), all_departments("a test"):
        key = db.session.scalar(sa.select(Order.id))
    assert sent(browser, page, step="urge", order=str(key)).status_code == 303
    assert sent(browser, page, step="accept", order=str(key), score="5").status_code == 422
    state_of(running_app, key, "engineer_accepted")
    assert "accept-" in browser.get(page).text
    assert sent(browser, page, step="reject", order=str(key), remark="").status_code == 422
    assert sent(browser, page, step="reject", order=str(key), remark="还在滴水").status_code == 303
    assert state_of(running_app, key) == "engineer_accepted"
    assert sent(browser, page, step="accept", order=str(key), score="5").status_code == 303
    assert state_of(running_app, key) == "owner_accepted"
    state_of(running_app, key, "closed")
    assert sent(browser, page, step="reopen", order=str(key), remark="又漏了").status_code == 303
    assert state_of(running_app, key) != "closed"


def test_what_is_incomplete_or_of_others_is_refused_and_what_was_typed_is_kept(site, owner, running_app):
    browser, page = owner
    wrong = sent(browser, page, step="report", text_1="墙面开裂")
    assert (wrong.status_code, "墙面开裂" in wrong.text) == (422, True)
    assert sent(browser, page, step="report").status_code == 422
    for step in ("urge", "accept", "reject", "reopen"):
        assert sent(browser, page, step=step, order="999999", remark="x").status_code == 422
    with running_app.app_context(), all_departments("a test"):
        assert db.session.scalar(sa.select(sa.func.count(Order.id))) == 0
