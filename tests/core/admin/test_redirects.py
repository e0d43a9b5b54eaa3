"""A form sends the browser to a page of this site and nowhere else."""

from __future__ import annotations

import flask_admin.actions
import flask_admin.helpers
import flask_admin.model.base
import pytest

from core.admin.redirects import redirect_target, safe_path

EVIL = [
    "http:evil.example",
    "https:evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "/\t/evil.example",
    "/ /evil.example",
    "\x01//evil.example",
    "/\n/evil.example",
    " //evil.example",
    "evil.example",
    "",
    "/" + "a" * 3000,
    "/admin\x7f",
    "http:///evil.example",
]


@pytest.mark.parametrize("target", EVIL)
def test_addresses_of_other_sites_are_refused(target):
    assert safe_path(target) is None


@pytest.mark.parametrize(
    "target", ["/admin/units/?search=%E5%AE%A2&page=2", "/", "/admin/units/details/?id=1#log"]
)
def test_paths_of_this_site_are_kept(target):
    assert safe_path(target) == target


def test_both_places_of_flask_admin_use_it(running_app):
    for module in (flask_admin.helpers, flask_admin.model.base, flask_admin.actions):
        assert module.get_redirect_target is redirect_target


@pytest.mark.parametrize("target", EVIL)
def test_no_view_leads_away(target, sign_in, world, form_of):
    browser = sign_in("admin", "group")
    key = world.own.unit_ids[0]
    answers = [
        browser.post("/admin/units/action/", data={"action": "fit", "rowid": key, "url": target}),
        browser.post(
            "/admin/units/action/", query_string={"url": target}, data={"action": "fit", "rowid": key}
        ),
        browser.post("/admin/units/delete/", data={"id": key, "url": target}),
    ]
    form = form_of(browser.get(f"/admin/units/edit/?id={key}").text)
    answers.append(browser.post(f"/admin/units/edit/?id={key}", data=form | {"layout": "z", "url": target}))
    for answer in answers:
        assert answer.status_code in {303, 400}
        assert answer.headers.get("Location", "/admin/").startswith("/admin/")
    for page in (f"details/?id={key}&", f"edit/?id={key}&", "new/?", f"delete/?id={key}&"):
        text = browser.get(f"/admin/units/{page}", query_string=None).text
        assert "evil.example" not in text


def test_the_form_leads_back_to_the_list_it_came_from(sign_in, world, form_of):
    browser = sign_in("head")
    key = world.own.unit_ids[0]
    form = form_of(browser.get(f"/admin/units/edit/?id={key}&url=/admin/units/%3Fpage%3D2").text)
    assert (
        browser.post(f"/admin/units/edit/?id={key}", data=form | {"layout": "z"}).location
        == "/admin/units/?page=2"
    )
