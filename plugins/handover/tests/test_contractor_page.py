"""A contractor reads a rectification notice by a personal link and confirms it; the kit of public pages on the way."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from core.toolkit import (
    Building,
    Department,
    Message,
    PersonalLink,
    Recipient,
    db,
    make_link,
    revoke_links,
    send_link,
)
from plugins.contractors import services as contractors
from plugins.contractors.models import Company, ContactRole
from plugins.handover import services
from plugins.handover.contractor_pages import CONFIRM_NOTICE, people_of
from plugins.handover.models import RectificationNotice
from plugins.handover.tests.conftest import finished

PHONE = "13900007788"


@pytest.fixture
def issued(site, prepared, scope_of, world, running_app, switch_on):
    """Id of an issued notice whose contractor has a contact."""

    def make():
        switch_on("handover")
        for seed in running_app.extensions["doorstep"].declared.seed_data():
            seed.load()
        city = db.session.get_one(Department, world.departments["city"])
        company = contractors.register_company(department=city, name="甲总包有限公司", short_name="甲总包")
        contractors.add_contact(company, name="方国强", role=ContactRole.PROJECT_MANAGER, phone=PHONE)
        trades = {trade.code: trade for trade in contractors.active_trades()}
        building = db.session.get_one(Building, world.own.building_id)
        contractors.set_responsible(building, trades["main_contractor"], company)
        db.session.commit()
        with scope_of("admin", "group"):
            inspection = finished(world.own.unit_ids[0], "DR01")
            (notice,) = services.create_notices(services.valid_defects(inspection))
            services.issue_notice(notice)
            db.session.commit()
            return notice.id

    return prepared("a notice for a contractor", make)


@pytest.fixture
def linked(issued, scope_of):
    """A function that makes a link to the notice and returns its path."""

    def linked(**options):
        with scope_of("admin", "group"):
            notice = db.session.get_one(RectificationNotice, issued)
            made = make_link(CONFIRM_NOTICE, notice, people_of(notice)[0], **options)
            db.session.commit()
            return made.address.removeprefix("http://127.0.0.1:8000")

    return linked


def enter(client, path, fact="7788", agree="y"):
    page = client.get(path)
    where = page.headers["Location"]
    link_id = where.rpartition("/")[2]
    answer = client.post(f"/l/enter/{link_id}", data={"fact": fact, "agree": agree})
    return where, answer


def ticket(html, monkeypatch):
    """Return the ticket of a page, as if it had been open for a while."""
    monkeypatch.setattr("core.admin.links.SHORTEST_SECONDS", 0)
    return re.search(r'name="ticket"[^>]*value="([^"]+)"', html)[1]


def test_the_whole_way(issued, linked, client, scope_of, monkeypatch, world):
    path = linked()
    first = client.get(path)
    assert first.status_code == 303
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert path.rpartition("/")[2] not in cookie
    where = first.headers["Location"]
    asked = client.get(where).get_data(as_text=True)
    assert world.own.canary not in asked.replace(f"{world.own.canary} ", "") or "甲总包" not in asked
    assert "甲总包" not in asked and "DF-QZA" not in asked
    where, answer = enter(client, path)
    assert (answer.status_code, answer.headers["Location"]) == (303, where)
    page = client.get(where).get_data(as_text=True)
    assert "甲总包有限公司" in page and "DF-QZA" in page and "方国强" in page
    data = {"ticket": ticket(page, monkeypatch), "receiver_name": "李代收", "website": ""}
    for _time in range(2):
        assert client.post(where, data=data).status_code == 303
    with scope_of("admin"):
        notice = db.session.get_one(RectificationNotice, issued)
        assert (notice.state, notice.receiver_name) == ("received", "李代收")
        link = db.session.scalars(sa.select(PersonalLink)).one()
        assert (link.uses, link.agreed_at is not None, link.failures) == (1, True, 0)
    assert "李代收" in client.get(where).get_data(as_text=True)


def test_without_agreement_or_fact_nothing_opens(linked, client):
    path = linked()
    where, answer = enter(client, path, agree="")
    assert answer.status_code == 422
    where, answer = enter(client, path, fact="12")
    assert answer.status_code == 422
    assert re.search(r'name="agree"[^>]* checked', answer.text), "the agreement is not asked for twice"
    assert "DF-QZA" not in client.get(where).get_data(as_text=True)


def test_five_wrong_answers_close_the_link(linked, client, scope_of):
    path = linked()
    statuses = [enter(client, path, fact="0000")[1].status_code for _try in range(5)]
    assert statuses == [422, 422, 422, 422, 404]
    assert client.get(path).status_code == 404
    with scope_of("admin"):
        assert db.session.scalars(sa.select(PersonalLink)).one().failures == 5


def test_every_closed_link_gets_the_same_answer(issued, linked, client, scope_of):
    answers = {client.get("/l/" + "A" * 32).data, client.get("/l/unknown").data}
    path = linked(days=-1)
    answers.add(client.get(path).data)
    path = linked()
    with scope_of("admin"):
        revoke_links(db.session.get_one(RectificationNotice, issued), reason="done")
        db.session.commit()
    answers.add(client.get(path).data)
    texts = {
        re.sub(rb'(name="csrf_token" value|name="next" value)="[^"]*"', b"", answer) for answer in answers
    }
    assert len(texts) == 1


def test_a_pass_ends_with_its_link(issued, linked, client, scope_of):
    path = linked()
    where, _answer = enter(client, path)
    assert client.get(where).status_code == 200
    with scope_of("admin"):
        revoke_links(db.session.get_one(RectificationNotice, issued))
        db.session.commit()
    assert client.get(where).status_code == 404


def test_a_pass_opens_its_own_link_alone(linked, client):
    one, other = linked(), linked()
    where, _answer = enter(client, one)
    client.get(other)
    other_where = f"{where.rpartition('/')[0]}/{int(where.rpartition('/')[2]) + 1}"
    assert "DF-QZA" not in client.get(other_where).get_data(as_text=True)
    name = f"doorstep_link_{where.rpartition('/')[2]}"
    client.set_cookie(f"doorstep_link_{other_where.rpartition('/')[2]}", client.get_cookie(name).value)
    assert client.get(other_where).status_code == 404


def test_machines_are_refused_and_people_keep_what_they_typed(linked, client, monkeypatch, scope_of, issued):
    where, _answer = enter(client, linked())
    page = client.get(where).get_data(as_text=True)
    fast = re.search(r'name="ticket"[^>]*value="([^"]+)"', page)[1]
    for data in (
        {"ticket": fast, "receiver_name": "李代收"},
        {"ticket": "forged", "receiver_name": "李代收"},
        {"ticket": ticket(page, monkeypatch), "receiver_name": "李代收", "website": "https://spam.example"},
        {"ticket": fast, "receiver_name": ""},
    ):
        if data["receiver_name"] and "website" not in data:
            monkeypatch.undo()
        answer = client.post(where, data=data)
        assert answer.status_code == 422
        assert data["receiver_name"] in answer.get_data(as_text=True)
        monkeypatch.setattr("core.admin.links.SHORTEST_SECONDS", 0)
    with scope_of("admin"):
        assert db.session.get_one(RectificationNotice, issued).state == "issued"


def test_the_module_is_off_and_so_is_its_page(linked, client, system):
    path = linked()
    where, _answer = enter(client, path)
    with system(), db.engine.begin() as connection:
        connection.execute(sa.delete(PersonalLink.metadata.tables["plugin_switch"]))
    assert (client.get(where).status_code, client.get(path).status_code) == (404, 404)


def test_the_link_travels_by_the_outbox(issued, scope_of):
    with scope_of("admin", "group"):
        notice = db.session.get_one(RectificationNotice, issued)
        person = people_of(notice)[0]
        assert isinstance(person, Recipient) and person.phone == PHONE
        made = make_link(CONFIRM_NOTICE, notice, person)
        message = send_link(made, person, notice)
        assert "{link}" in message.body and made.address not in message.body
        assert (message.record_kind, message.address) == ("handover.notice", PHONE)
        assert send_link(made, person, notice).id == message.id
        assert db.session.scalar(sa.select(sa.func.count(Message.id))) == 1


def test_a_draft_has_nobody_to_send_to(site, scope_of):
    with scope_of("admin"):
        company = db.session.scalars(sa.select(Company)).first()
        notice = RectificationNotice(contractor_id=company.id, project_id=1, number="x", state="draft")
        assert people_of(notice) == []


def test_links_of_ticked_notices_are_printed_as_cards(issued, sign_in, scope_of):
    browser = sign_in("admin", "group")
    data = {"action": "links", "rowid": [str(issued)], "confirmed": "1"}
    answer = browser.post("/admin/handover/notices/action/", data=data)
    assert answer.data.startswith(b"%PDF")
    with scope_of("admin", "group"):
        assert db.session.scalars(sa.select(PersonalLink.recipient_name)).all() == ["方国强"]
