"""The shell in Chromium: nothing is refused by the policy, nothing overflows, and the keyboard suffices."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, render_template
from jinja2 import ChoiceLoader, DictLoader
from playwright.sync_api import ConsoleMessage, Page, expect
from werkzeug.serving import make_server
from wtforms import Form, SelectField, StringField

from core.extensions import db
from tests.core.shell.conftest import build_app, fill

PAGES = (
    "/admin/",
    "/admin/customers/",
    "/admin/search/?q=张3",
    "/admin/widgets",
    "/admin/trouble/flash",
    "/site",
)
LONG = "云栖湾二期三栋二单元一千五百零二室" * 6 + "W" * 90

WIDGETS = """{% extends "admin/base.html" %}{% import "admin/lib.html" as lib with context %}
{% block head %}{{ lib.form_css() }}{% endblock %}{% set page_name = long %}{% set breadcrumbs = [(long, "#")] %}
{% block body %}{{ lib.render_form(form, "#") }}{% endblock %}{% block tail %}{{ lib.form_js() }}{% endblock %}"""
SITE = """{% extends "site/base.html" %}{% set page_name = long %}
{% block main %}<div class="item"><p>{{ long }}</p></div>{% endblock %}"""


class WidgetForm(Form):
    """Fields with the widgets of Flask-Admin."""

    trade = SelectField(choices=[("a", "防水"), ("b", "木作")], render_kw={"data-role": "select2"})
    day = StringField(render_kw={"data-role": "datepicker", "data-date-format": "YYYY-MM-DD"})


@pytest.fixture
def address(tmp_path: Path, core_tables_url: str) -> Iterator[str]:
    """The address of a running server with one signed-in user."""
    app = build_app(tmp_path, core_tables_url)
    with app.app_context():
        fill()
    _add_pages(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
    with app.app_context():
        db.engine.dispose()


def _add_pages(app: Flask) -> None:
    extra = DictLoader({"widgets.html": WIDGETS, "site.html": SITE})
    app.jinja_loader = ChoiceLoader([extra, app.jinja_loader])  # type: ignore[list-item]
    app.add_url_rule(
        "/admin/widgets", "widgets", lambda: render_template("widgets.html", form=WidgetForm(), long=LONG)
    )
    app.add_url_rule("/site", "site", lambda: render_template("site.html", long=LONG))


@pytest.fixture
def staff_page(page: Page, address: str) -> Page:
    """A browser page of the signed-in user, at the address of the server."""
    page.set_extra_http_headers({"X-User": "1"})
    page.goto(f"{address}/admin/customers/")
    return page


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser complains of: the policy, scripts, missing files."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            found.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_complains_or_overflows(
    staff_page: Page, address: str, complaints: list[str], width: int, scheme: str
) -> None:
    staff_page.set_viewport_size({"width": width, "height": 844})
    staff_page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for path in PAGES:
        staff_page.goto(address + path)
        overflow = staff_page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, path
    assert complaints == []


def test_widgets_of_flask_admin_work_under_the_policy(
    staff_page: Page, address: str, complaints: list[str]
) -> None:
    staff_page.goto(f"{address}/admin/widgets")
    staff_page.locator(".select2-choice").click()
    staff_page.locator(".select2-result-label", has_text="木作").click()
    expect(staff_page.locator(".select2-chosen").first).to_have_text("木作")
    staff_page.locator("#day").click()
    staff_page.locator(".daterangepicker:visible td.available").first.click()
    assert staff_page.locator("#day").input_value().count("-") == 2
    assert complaints == []


def test_search_by_keyboard_alone(staff_page: Page, address: str, complaints: list[str]) -> None:
    staff_page.keyboard.press("/")
    staff_page.keyboard.type("张39")
    hit = staff_page.locator("#find-hits a").first
    expect(hit).to_contain_text("张39")
    staff_page.keyboard.press("ArrowDown")
    expect(hit).to_have_attribute("aria-selected", "true")
    staff_page.keyboard.press("Escape")
    expect(staff_page.locator("#find-hits")).to_be_hidden()
    staff_page.keyboard.press("Enter")
    staff_page.wait_for_url("**/admin/search/?q=*")
    assert complaints == []


def test_the_drawer_opens_and_gives_the_focus_back(staff_page: Page, complaints: list[str]) -> None:
    staff_page.set_viewport_size({"width": 390, "height": 844})
    link = staff_page.locator("#side").get_by_role("link", name="Defects")
    expect(link).to_be_hidden()
    staff_page.locator("[data-side-open]").click()
    expect(link).to_be_visible()
    staff_page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(staff_page.locator("[data-side-open]")).to_be_focused()
    assert complaints == []


def test_switches_in_the_top_bar(staff_page: Page, complaints: list[str]) -> None:
    staff_page.get_by_role("button", name="EN").click()
    expect(staff_page.locator("html")).to_have_attribute("lang", "en")
    staff_page.locator("summary", has_text="林岚").click()
    staff_page.get_by_role("button", name="Dark").click()
    expect(staff_page.locator("html")).to_have_attribute("data-theme", "dark")
    staff_page.locator(".acting summary").click()
    staff_page.get_by_role("button", name="Service").click()
    staff_page.wait_for_url("**/admin/")
    assert complaints == []
