"""Sidebar and top bar are drawn once for all who see the same, and still show to each only what is his."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from core.admin import shell
from core.database.scope import all_departments
from core.extensions import db
from core.people.models import Role, User

LIST = "/admin/units/"


def _frame(page: str) -> str:
    return page[page.index('<aside class="side"') : page.index("<main")]


def test_two_users_with_the_same_rights_share_the_drawing_and_nothing_else(running_app, browser_with):
    frame = running_app.extensions[shell._FRAME]
    first, second = browser_with("units.view"), browser_with("units.view")
    first.get(LIST)
    drawn_before = frame._drawn.cache_info().misses
    pages = [browser.get(LIST).text for browser in (second, first, second)]
    assert frame._drawn.cache_info().misses == drawn_before

    tokens = [set(re.findall(r'name="csrf_token" value="([^"]+)"', page)) for page in pages]
    assert all(len(each) == 1 for each in tokens)
    assert tokens[0] != tokens[1]
    assert "only2@test.example" in pages[0]
    assert "only1@test.example" not in pages[0]
    assert "only1@test.example" in pages[1]


def test_every_form_of_the_frame_can_be_sent(browser_with):
    page = _frame(browser_with("units.view").get(f"{LIST}?size=100&sort=id").text)
    assert 'name="next" value="/admin/units/?size=100&amp;sort=id"' in page
    assert not re.search(r'(token|here|query|user|email)[0-9a-f]{32}"', page)


def test_links_follow_the_rights_at_once(running_app, browser_with):
    browser = browser_with("units.view", "customers.view")
    assert f'href="{LIST}" class="on"' in _frame(browser.get(LIST).text)
    assert 'href="/admin/customers/"' in _frame(browser.get(LIST).text)
    with running_app.app_context(), all_departments("a test"):
        role = db.session.scalars(sa.select(Role).where(Role.label == "1")).one()
        role.permissions = ["units.view"]
        db.session.commit()
    assert 'href="/admin/customers/"' not in _frame(browser.get(LIST).text)


def test_names_and_addresses_are_escaped_and_fill_no_other_place(running_app, browser_with):
    browser = browser_with("units.view")
    frame = running_app.extensions[shell._FRAME]
    hostile = '"><b>' + r"\g<0>\1 " + "token"
    with running_app.app_context(), all_departments("a test"):
        user = db.session.scalars(sa.select(User).filter_by(email="only1@test.example")).one()
        user.name = hostile
        db.session.commit()
    page = _frame(browser.get(f"{LIST}?x={'%22%3E%3Cb%3E'}").text)
    assert "<b>" not in page.replace("<b>&#34;", "")
    assert "&#34;&gt;&lt;b&gt;\\g&lt;0&gt;\\1 token" in page
    assert all(mark not in page for mark in frame._marks.values())


def test_another_department_and_language_have_a_frame_of_their_own(sign_in, world):
    browser = sign_in("admin")
    before = _frame(browser.get(LIST).text)
    browser.post("/admin/acting-department", data={"department_id": world.departments["city"]})
    after = _frame(browser.get(LIST).text)
    current: Any = re.compile(r'value="(\d+)" class="depth-\d" aria-current="true"')
    assert current.search(before)[1] == str(world.departments["region"])
    assert current.search(after)[1] == str(world.departments["city"])
    browser.post("/preferences/language", data={"locale": "en"})
    assert "First city" in _frame(browser.get(LIST).text)
