"""Masked columns: hidden in lists, pages, forms, conflicts and exports; shown for a reason that is logged."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from core.customers.models import Customer
from core.database.scope import all_departments
from core.extensions import db
from core.machinery.audit.models import AuditEntry

WORK = ("customers.view", "customers.edit", "customers.export", "customers.create")


@pytest.fixture
def masked(browser_with):
    return browser_with(*WORK)


def test_personal_values_never_leave_the_server(masked, world):
    phone, key = world.own.phones[0], world.own.customer_ids[0]
    for path in (
        "/admin/customers/",
        f"/admin/customers/details/?id={key}",
        f"/admin/customers/edit/?id={key}",
    ):
        text = masked.get(path).text
        assert phone not in text, path
        assert "139****0001" in text, path


def test_who_may_see_them_sees_them(browser_with, world):
    browser = browser_with(*WORK, "personal.view")
    assert world.own.phones[0] in browser.get("/admin/customers/").text


def test_a_masked_field_left_empty_keeps_its_value(masked, world, form_of, stored):
    key = world.own.customer_ids[0]
    form = form_of(masked.get(f"/admin/customers/edit/?id={key}").text)
    assert form["phone"] == ""
    assert masked.post(f"/admin/customers/edit/?id={key}", data=form | {"note": "changed"}).status_code == 303
    row = stored(Customer, key)
    assert (row.phone, row.note) == (world.own.phones[0], "changed")
    form = form_of(masked.get(f"/admin/customers/edit/?id={key}").text)
    assert (
        masked.post(f"/admin/customers/edit/?id={key}", data=form | {"phone": "13812345678"}).status_code
        == 303
    )
    assert stored(Customer, key).phone == "13812345678"


def test_a_conflict_shows_no_masked_value(masked, sign_in, world, form_of):
    key = world.own.customer_ids[0]
    mine = form_of(masked.get(f"/admin/customers/edit/?id={key}").text)
    other = sign_in("head")
    theirs = form_of(other.get(f"/admin/customers/edit/?id={key}").text)
    assert (
        other.post(f"/admin/customers/edit/?id={key}", data=theirs | {"phone": "13777778888"}).status_code
        == 303
    )
    answer = masked.post(f"/admin/customers/edit/?id={key}", data=mine | {"phone": "13666667777"})
    assert answer.status_code == 409
    assert "13777778888" not in answer.text
    assert "137****8888" in answer.text


def test_sorting_by_a_masked_column_needs_its_permission(masked, browser_with):
    assert "sort=phone" not in masked.get("/admin/customers/").text
    plain = masked.get("/admin/customers/").text.partition("<tbody>")[2].partition("</tbody>")[0]
    tried = masked.get("/admin/customers/?sort=phone").text.partition("<tbody>")[2].partition("</tbody>")[0]
    assert tried == plain
    assert "sort=phone" in browser_with(*WORK, "personal.view").get("/admin/customers/").text


def test_searching_a_masked_column_needs_its_permission(masked, browser_with, world):
    phone, key = world.own.phones[0], world.own.customer_ids[0]
    for term in (phone, phone[-4:], phone[:5]):
        assert f'data-id="{key}"' not in masked.get(f"/admin/customers/?search={term}").text
    allowed = browser_with(*WORK, "customers.view_phone")
    assert f'data-id="{key}"' in allowed.get(f"/admin/customers/?search={phone}").text
    assert f'data-id="{key}"' in masked.get(f"/admin/customers/?search={world.own.canary}").text


def test_filtering_by_a_masked_column_needs_its_permission(masked, browser_with, world):
    own, other = world.own.customer_ids[:2]
    query = f"/admin/customers/?f_phone={world.own.phones[0]}"
    assert f'data-id="{other}"' in masked.get(query).text, "the filter is not used"
    allowed = browser_with(*WORK, "personal.view").get(query).text
    assert f'data-id="{own}"' in allowed
    assert f'data-id="{other}"' not in allowed


def test_revealing_needs_the_right_a_reason_and_a_post(masked, browser_with, world, running_app):
    key, phone = world.own.customer_ids[0], world.own.phones[0]
    path = f"/admin/customers/reveal/?id={key}"
    assert masked.post(path, data={"reason": "the customer called back"}).status_code == 403
    browser = browser_with(*WORK, "personal.reveal")
    assert browser.get(path).status_code == 405
    for reason in ("", "   ", "x", "\0\0\0\0\0"):
        answer = browser.post(path, data={"reason": reason})
        assert phone not in answer.text
    answer = browser.post(path, data={"reason": "the customer called back"})
    assert phone in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert phone not in browser.get(f"/admin/customers/details/?id={key}").text, "shown once"
    assert (
        browser.post(
            f"/admin/customers/reveal/?id={world.foreign.customer_ids[0]}", data={"reason": "because"}
        ).status_code
        == 404
    )
    with running_app.app_context(), all_departments("a test"):
        entries = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "revealed")).all()
        assert [(entry.record_id, entry.reason) for entry in entries] == [
            (str(key), "the customer called back")
        ]
