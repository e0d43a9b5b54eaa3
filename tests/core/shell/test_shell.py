"""Sidebar, switches, home, search and record pages."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from core.admin.record_page import record_page, sections_for
from core.admin.search import find
from core.database.scope import Scope, enter_scope
from core.extensions import db
from core.people.models import User
from core.plugin_system.models import PluginSwitch
from tests.core.shell.conftest import CANARY, PERMISSIONS


def _page(
    client: FlaskClient, permissions: str = ",".join(PERMISSIONS), address: str = "/admin/search/"
) -> str:
    response = client.get(
        address, headers={"X-User": "1", "X-Permissions": permissions, "Accept-Language": "en"}
    )
    assert response.status_code == 200
    return response.text


def _counts(client: FlaskClient, permissions: str = ",".join(PERMISSIONS)) -> Any:
    return client.get("/admin/counts", headers={"X-User": "1", "X-Permissions": permissions})


@pytest.fixture
def acting(app: Flask) -> Any:
    """Run a test inside a request of the user."""
    with app.test_request_context("/admin/"):
        enter_scope(Scope(1, 1, frozenset(), frozenset({1, 2}), PERMISSIONS))
        yield app


class TestSidebar:
    """It shows what may be opened, and never what another user or department may."""

    def test_it_follows_permissions(self, client: FlaskClient) -> None:
        assert 'href="/admin/handover_defects/"' in _page(client)
        assert 'href="/admin/handover_defects/"' not in _page(client, "customers.view")
        assert 'href="/admin/customers/"' not in _page(client, "handover.view")
        assert 'href="/admin/handover_defects/"' in _page(client)

    def test_it_follows_the_switch_at_once(self, app: Flask, client: FlaskClient) -> None:
        assert 'href="/admin/handover_defects/"' in _page(client)
        with app.app_context():
            db.session.query(PluginSwitch).update({"enabled": False})
            db.session.commit()
        assert 'href="/admin/handover_defects/"' not in _page(client)

    def test_it_follows_the_language(self, client: FlaskClient) -> None:
        for locale, language in (("zh_Hans_CN", "zh-Hans"), ("en", "en")):
            client.post("/preferences/language", data={"locale": locale})
            assert f'<html lang="{language}"' in _page(client)

    def test_the_page_asks_for_counts(self, client: FlaskClient) -> None:
        text = _page(client)
        assert 'data-counts="/admin/counts"' in text
        assert '<span class="n" data-count="handover_defects.index" hidden></span>' in text
        told = _counts(client)
        assert told.headers["Cache-Control"] == "no-store"
        assert told.json["links"] == {"customers.index": "999+", "handover_defects.index": "37"}

    def test_counts_follow_permissions(self, client: FlaskClient) -> None:
        assert _counts(client, "customers.view").json["links"] == {"customers.index": "999+"}

    def test_a_count_that_fails_is_left_out(self, client: FlaskClient) -> None:
        text = _page(client)
        assert '<a href="/admin/units/"><span>Units</span>' in text
        told = _counts(client)
        assert "units.index" not in told.json["links"]
        assert CANARY not in told.get_data(as_text=True)

    def test_the_current_page_is_marked(self, client: FlaskClient) -> None:
        text = _page(client, address="/admin/customers/")
        assert '<a href="/admin/customers/" class="on" aria-current="page">' in text
        assert text.count('class="on"') == 1

    def test_names_are_escaped(self, client: FlaskClient) -> None:
        assert "Customers &amp; buyers" in _page(client)

    def test_an_empty_one_says_what_to_do(self, client: FlaskClient) -> None:
        assert "No module is open to you in this department" in _page(client, "nothing")


class TestSwitches:
    """Language, appearance and acting department."""

    def test_the_language_is_remembered_in_the_account(
        self, app: Flask, client: FlaskClient, staff: dict[str, Any]
    ) -> None:
        response = client.post(
            "/preferences/language", data={"locale": "zh_Hans_CN", "next": "/admin/customers/?a=1"}, **staff
        )
        assert response.headers["Location"] == "/admin/customers/?a=1"
        with app.app_context():
            user = db.session.get(User, 1)
            assert user is not None and user.locale == "zh_Hans_CN"

    def test_unknown_languages_and_appearances_are_refused(self, client: FlaskClient) -> None:
        assert client.post("/preferences/language", data={"locale": "xx"}).status_code == 400
        assert client.post("/preferences/appearance", data={"theme": "pink"}).status_code == 400

    def test_the_appearance_is_kept_in_the_browser(self, client: FlaskClient) -> None:
        client.post("/preferences/appearance", data={"theme": "dark"})
        assert 'data-theme="dark"' in _page(client)
        client.post("/preferences/appearance", data={"theme": ""})
        assert "data-theme" not in _page(client)

    def test_the_department_is_changed_to_one_of_the_users(
        self, app: Flask, client: FlaskClient, staff: dict[str, Any]
    ) -> None:
        response = client.post("/admin/acting-department", data={"department_id": "2"}, **staff)
        assert response.headers["Location"] == "/admin/"
        with app.app_context():
            user = db.session.get(User, 1)
            assert user is not None and user.acting_department_id == 2

    @pytest.mark.parametrize("wanted", ["3", "99999", "", "abc", "-1", "1.5", "٣", "9" * 40])
    def test_no_other_department_can_be_taken(
        self, app: Flask, client: FlaskClient, staff: dict[str, Any], wanted: str
    ) -> None:
        response = client.post("/admin/acting-department", data={"department_id": wanted}, **staff)
        assert response.status_code in {302, 400}
        with app.app_context():
            user = db.session.get(User, 1)
            assert user is not None and user.acting_department_id == 1

    def test_the_choices_are_the_users_departments(self, client: FlaskClient) -> None:
        client.post("/preferences/language", data={"locale": "zh_Hans_CN"})
        text = _page(client)
        assert "客服组" in text
        assert "广州公司" not in text

    def test_switches_need_the_token(self, make_app: Any) -> None:
        client = make_app().test_client()
        for address in ("/preferences/language", "/preferences/appearance", "/admin/acting-department"):
            assert client.post(address, data={}, headers={"X-User": "1"}).status_code == 400


class TestSearch:
    """Each source is asked only by whom it is open to."""

    def test_groups_follow_permissions(self, acting: Flask) -> None:
        assert [str(group.label) for group in find("张1", 5)] == ["Customers", "Defects"]
        enter_scope(Scope(1, 1, frozenset(), frozenset({1}), frozenset()))
        assert find("张1", 5) == []

    def test_hits_are_limited_and_say_that_there_are_more(self, acting: Flask) -> None:
        customers = find("张", 5)[0]
        assert len(customers.hits) == 5
        assert customers.has_more
        assert not find("张39", 5)[0].has_more

    def test_a_source_that_fails_is_named_and_the_others_answer(self, client: FlaskClient) -> None:
        text = _page(client, address="/admin/search/?q=张3")
        assert "张39" in text
        assert "The module Handover module did not answer the search." in text
        assert CANARY not in text

    def test_a_switched_off_module_is_not_asked(self, app: Flask, client: FlaskClient) -> None:
        with app.app_context():
            db.session.query(PluginSwitch).update({"enabled": False})
            db.session.commit()
        assert "did not answer the search" not in _page(client, address="/admin/search/?q=张3")

    def test_suggestions_are_short_and_lead_to_all(self, client: FlaskClient, staff: dict[str, Any]) -> None:
        answer = client.get("/admin/search/suggestions?q=张", **staff).json
        assert answer is not None
        assert [group["label"] for group in answer["groups"]] == ["Customers"]
        assert len(answer["groups"][0]["hits"]) == 5
        assert answer["all_url"] == "/admin/search/?q=%E5%BC%A0"

    @pytest.mark.parametrize("query", ["", "   ", "%", "'", "<script>", "a" * 5000, "\x01\x7f"])
    def test_odd_queries_are_answered(self, client: FlaskClient, staff: dict[str, Any], query: str) -> None:
        for address in ("/admin/search/", "/admin/search/suggestions"):
            response = client.get(address, query_string={"q": query}, **staff)
            assert response.status_code == 200
            assert response.is_json or "<script>" not in response.text

    def test_nothing_found_and_nothing_typed_say_what_to_do(self, client: FlaskClient) -> None:
        assert "Nothing found for “xyz”" in _page(client, "customers.view", "/admin/search/?q=xyz")
        assert "What are you looking for?" in _page(client, "customers.view", "/admin/search/")
        assert "Nothing to search here" in _page(client, "nothing", "/admin/search/?q=xyz")

    def test_strangers_are_sent_away(self, client: FlaskClient) -> None:
        for address in ("/admin/", "/admin/search/?q=张", "/admin/search/suggestions?q=张"):
            response = client.get(address)
            assert response.status_code in {302, 401}
            assert "张1" not in response.text


class TestRecordPage:
    """A record's page is made of what the modules declare."""

    def test_heading_path_and_sections_in_order(self, acting: Flask, thing: Any) -> None:
        page = record_page(thing)
        assert page.heading == "Thing A"
        assert list(page.breadcrumbs) == [("云栖湾", "/admin/units/"), ("3 栋", None)]
        assert [section.code for section in page.sections] == [
            "handover.count",
            "handover.broken",
            "core.every",
        ]

    def test_a_failing_panel_becomes_a_calm_line(self, acting: Flask, thing: Any) -> None:
        broken = sections_for(thing)[1]
        assert broken.failed
        assert broken.module == "Handover module"
        assert broken.html == ""
        assert broken.incident

    def test_permissions_and_counts(self, acting: Flask, thing: Any) -> None:
        first = sections_for(thing)[0]
        assert first.count == 3
        assert "defects of A" in first.html
        enter_scope(Scope(1, 1, frozenset(), frozenset({1}), frozenset({"customers.view"})))
        assert "handover.count" not in [section.code for section in sections_for(thing)]

    def test_home_shows_its_panels_and_the_ways_onwards(self, client: FlaskClient) -> None:
        text = _page(client, address="/admin/")
        assert "good morning" in text
        assert "on every page" not in text
        assert 'class="links"' in text

    def test_an_empty_home_says_what_to_do(self, client: FlaskClient) -> None:
        assert "Nothing is open to you here yet" in _page(client, "nothing", "/admin/")


def test_messages_are_escaped_and_toned(client: FlaskClient, staff: dict[str, Any]) -> None:
    text = client.get("/admin/trouble/flash", **staff).text
    assert "Saved &lt;b&gt;DF-1&lt;/b&gt;" in text
    assert 'class="note ok" role="status"' in text
    assert 'class="note late" role="alert"' in text
