"""A poster in the entrance: who says house and telephone number reports for that house or the common parts, and sees no
order; whoever says something else learns nothing."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from core.toolkit import Building, Message, Project, all_departments, attachments_of, db, make_link
from plugins.warranty.models import Request
from plugins.warranty.tests.helpers import jpeg, report, sent

PAGES = {"poster_of_building": "building", "poster_of_project": "project"}


@pytest.fixture
def entrance(site, world, client, scope_of, monkeypatch):
    """Posters of the building and of the project, and somebody in front of them: opens one and says who he is."""
    monkeypatch.setattr("core.admin.links.SHORTEST_SECONDS", 0)
    made = {}
    with scope_of("admin", "group"):
        for code, record in (
            ("poster_of_building", db.session.get_one(Building, world.own.building_id)),
            ("poster_of_project", db.session.get_one(Project, world.own.project_id)),
        ):
            link, address = make_link(f"warranty.{code}", record)
            made[code] = (link.id, re.sub(r"^https?://[^/]+", "", address))
        db.session.commit()

    def read(code: str, house: str = "1-1-101", phone: str = world.own.phones[0]):
        key, address = made[code]
        assert client.get(address).status_code == 303
        answer = client.post(f"/l/enter/{key}", data={"house": house, "phone": phone, "agree": "y"})
        return answer, f"/owner/poster/{PAGES[code]}/{key}"

    return read


@pytest.mark.parametrize("code", PAGES)
def test_a_poster_speaks_the_language_of_the_browser_until_the_reader_chooses(code, client, entrance):
    answer, page = entrance(code, phone="")
    assert (answer.status_code, 'lang="zh-Hans"' in answer.text) == (422, True), "no browser says anything"
    for header, language in (("en-US,en;q=0.9", "en"), ("zh-CN,en;q=0.5", "zh-Hans")):
        shown = client.get(page, headers={"Accept-Language": header}).text
        assert f'<html lang="{language}"' in shown
    follow = re.search(r'name="next" value="([^"]+)"', answer.text)[1]
    assert follow == page, "what was sent cannot be asked for again"
    client.post("/preferences/language", data={"locale": "zh_Hans_CN", "next": follow})
    assert '<html lang="zh-Hans"' in client.get(page, headers={"Accept-Language": "en"}).text


@pytest.mark.parametrize("code", PAGES)
def test_a_neighbour_reports_for_his_house_and_for_the_common_parts(
    code, site, world, client, entrance, running_app, scope_of
):
    with scope_of("head"):
        report(site.unit_ids[0], "wall_crack", room="客厅")
        db.session.commit()
    answer, page = entrance(code)
    assert answer.status_code == 303
    text = client.get(page).text
    assert "客厅</span>" not in text, "the page of a poster shows no order"
    photo = (jpeg(), "a.jpg")
    mine = {
        "where": "home",
        "fault_1": "bathroom_leak",
        "room_1": "主卫",
        "text_1": "渗水",
        "photos_1": photo,
    }
    assert sent(client, page, **mine).status_code == 303
    lift = {"where": "common", "fault_1": "other", "text_1": "电梯异响"}
    missing = sent(client, page, **lift)
    assert (missing.status_code, "电梯异响" in missing.text) == (422, True), "it is not said where"
    assert sent(client, page, **lift, place="2号电梯").status_code == 303
    with running_app.app_context(), all_departments("a test"):
        home, common = db.session.scalars(
            sa.select(Request).where(Request.channel == "poster").order_by(Request.id)
        ).all()
        assert (home.unit_id, home.customer_id) == (site.unit_ids[0], world.own.customer_ids[0])
        assert (common.unit_id, common.place) == (None, "2号电梯")
        assert len(attachments_of(home.orders[0], "before")) == 1
        told = db.session.scalars(sa.select(Message).where(Message.template == "warranty.received")).all()
        assert len(told) == 2


def test_wrong_house_and_wrong_number_are_answered_alike(site, world, client, entrance):
    answers = []
    for house, phone in (
        ("1-1-101", "13900000000"),
        ("9-9-909", world.own.phones[0]),
        ("9-9-909", "13900000000"),
        ("1-1-102", world.own.phones[0]),
    ):
        answer, page = entrance("poster_of_project", house, phone)
        text = answer.text.replace(house, "").replace(phone, "")
        answers.append((answer.status_code, re.sub(r'(value|nonce)="[^"]*"', "", text)))
        assert "fault_1" not in client.get(page).text
    assert len(set(answers)) == 1
    assert answers[0][0] == 422


def test_a_poster_is_printed_as_often_as_it_is_asked_for(site, world, sign_in, entrance, running_app):
    from core.toolkit import links_of

    entrance("poster_of_building")
    with running_app.app_context(), all_departments("a test"):
        (link,) = links_of(db.session.get_one(Building, world.own.building_id))
        key = link.id
    reader = sign_in("head")
    page = reader.get(f"/admin/buildings/details/?id={world.own.building_id}")
    assert f"/links/{key}/poster.pdf" in page.text
    for _time in range(2):
        answer = reader.get(re.search(rf'href="([^"]*/{key}/poster\.pdf[^"]*)"', page.text)[1])
        assert answer.data.startswith(b"%PDF-")


def test_orders_of_the_common_parts_are_seen_by_who_reported_them(site, owner, world, scope_of):
    browser, page = owner
    with scope_of("head"):
        from plugins.warranty.services import intake
        from plugins.warranty.services.intake import Issue
        from plugins.warranty.tests.helpers import customer

        building = db.session.get_one(Building, world.own.building_id)
        for position, place in enumerate(("2号电梯", "地下车库")):
            intake.register_request(
                issues=[Issue("other", f"公共部位{position}", "")],
                building=building,
                place=place,
                customer=customer(world.own.customer_ids[position]),
            )
        db.session.commit()
    text = browser.get(page).text
    assert "公共部位0" in text
    assert "公共部位1" not in text
