"""The path through the pages: the caller's screen, the order's buttons, the phone, and what each refuses."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from core.toolkit import Customer, CustomerUnit, Unit, User, all_departments, db, todos_of, utc_now
from plugins.warranty.admin.deeds import DEEDS
from plugins.warranty.models import Order, Request
from plugins.warranty.services import orders
from plugins.warranty.tests.helpers import closed, jpeg, order_of, report

ORDERS = "/admin/warranty/orders"


def only_order(running_app) -> tuple[int, str]:
    with running_app.app_context(), all_departments("a test"):
        order = db.session.scalars(sa.select(Order).order_by(Order.id.desc())).first()
        return order.id, order.state


def test_a_caller_with_two_houses_is_named_and_both_stay_in_reach(site, world, sign_in, running_app):
    with running_app.app_context(), all_departments("a test"):
        held = db.session.scalars(
            sa.select(CustomerUnit).where(CustomerUnit.customer_id == world.own.customer_ids[0])
        ).one()
        second = db.session.scalars(
            sa.select(Unit).where(Unit.project_id == world.own.project_id, Unit.id != held.unit_id)
        ).first()
        db.session.add(
            CustomerUnit(project_id=second.project_id, unit_id=second.id, customer_id=held.customer_id)
        )
        db.session.commit()
        name, first, other = held.customer.name, held.unit_id, second.code
    client = sign_in("head")
    page = client.get(f"/admin/warranty/caller/?q={world.own.phones[0]}").text
    assert name in page and other in page and "查询哪套房屋" in page
    page = client.get(f"/admin/warranty/caller/?unit={first}&customer={world.own.customer_ids[0]}").text
    assert "来电人的其他房屋" in page and f">{other}</a>" in page


def test_names_of_callers_are_those_of_customers_for_who_may_see_them_and_stars_for_others(
    site, world, sign_in, running_app
):
    """The list of customers shows names to all who may open it; so do the caller's screen and the page of a request."""
    key, house = world.own.customer_ids[0], site.unit_ids[0]
    with running_app.app_context(), all_departments("a test"):
        name, phone = db.session.get_one(Customer, key).name, world.own.phones[0]
        request = report(house, customer=db.session.get_one(Customer, key), reporter_name="")[0].request
        request_page = f"/admin/warranty/requests/details/?id={request.id}"
        role = db.session.get_one(User, world.users["head"]).memberships[0].role
        without_right = [code for code in role.permissions if not code.startswith("personal.")]
        role.permissions = without_right
        db.session.commit()
    addresses = [f"?q={phone}", f"?q={phone[-4:]}", f"?unit={house}", f"?unit={house}&customer={key}"]
    pages = [*(f"/admin/warranty/caller/{each}" for each in addresses), request_page]
    client = sign_in("head")
    for page in pages:
        text = client.get(page).text
        assert name in text, page
        assert page == pages[0] or page == pages[1] or phone not in text, page
    assert f'value="{name}"' in client.get(pages[2]).text
    with running_app.app_context(), all_departments("a test"):
        role = db.session.get_one(User, world.users["head"]).memberships[0].role
        role.permissions = [
            code for code in without_right if not code.startswith(("customers.view", "messages."))
        ]
        db.session.commit()
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200
        assert name not in answer.text, page
        assert "******" in answer.text, page
        assert "/admin/customers/details" not in answer.text
    form = {"rows": "1", "fault_0": "wall_crack", "description_0": "裂缝", "relation": "owner"}
    register = f"/admin/warranty/caller/register/?unit={house}&customer={key}"
    assert client.post(register, data=form).status_code == 303, (
        "the name of the customer stands for the empty one"
    )


def test_the_engineer_of_an_order_sees_whom_to_call_and_the_log_keeps_it(
    registered, site, world, sign_in, running_app
):
    key, _state = only_order(running_app)
    with running_app.app_context(), all_departments("a test"):
        order = db.session.get_one(Order, key)
        order.request.reporter_phone = "13912345678"
        role = db.session.get_one(User, world.users["head"]).memberships[0].role
        role.permissions = [code for code in role.permissions if not code.startswith("personal.")]
        db.session.commit()
    worker = sign_in("head")
    page = f"/warranty/on-site/{key}"
    assert "13912345678" not in worker.get(page).text
    refused = worker.post(f"{page}/reporter")
    assert (refused.status_code, "13912345678" in refused.text) == (303, False), "it is not his order"
    with running_app.app_context(), all_departments("a test"):
        db.session.get_one(Order, key).engineer_id = world.users["head"]
        db.session.commit()
    assert "显示联系人与电话" in worker.get(page).text
    shown = worker.post(f"{page}/reporter")
    assert "tel:13912345678" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert "13912345678" not in worker.get(page).text
    with running_app.app_context(), all_departments("a test"):
        log = Order.metadata.tables["audit_entry"]
        seen = sa.select(sa.func.count(log.c.id)).where(log.c.action == "revealed")
        assert db.session.scalar(seen) == 1


def test_the_phone_says_who_dispatches_an_order_that_was_opened_again(
    site, world, sign_in, scope_of, running_app
):
    with scope_of("head"):
        order = closed(order_of(site.unit_ids[0]))
        key, number = order.id, order.number
        order.engineer_id = world.users["engineer"]
        engineer = db.session.get_one(User, world.users["engineer"])
        engineer.memberships[0].role.permissions = ["warranty.view", "warranty.work_order"]
        orders.reopen(order, "墙面又裂了")
        asked = {str(todo.title): todo.role for todo in todos_of(order)}
        assert asked[f"请重新派单：{number}"] == "PCM", "the engineer may not"
        db.session.commit()
    page = f"/warranty/on-site/{key}"
    colleague, head = sign_in("engineer"), sign_in("head")
    shown = colleague.get(page).text
    assert "本单已重新打开，须由项目客服经理重新派单后方可开工。" in shown
    assert "墙面又裂了" in shown
    assert 'value="dispatch"' not in shown
    assert colleague.post(f"{page}/step", data={"step": "dispatch"}).status_code == 303
    assert only_order(running_app)[1] == "reopened"
    assert "本单已重新打开，请先重新派单再开工，可在本页底部派单。" in head.get(page).text
    assert head.post(f"{page}/step", data={"step": "dispatch"}).status_code == 303
    assert only_order(running_app)[1] == "dispatched"


@pytest.fixture
def registered(site, world, sign_in, running_app):
    """A request with one leak, registered on the caller's screen."""
    client = sign_in("head")
    phone = world.own.phones[0]
    page = client.get(f"/admin/warranty/caller/?q={phone}")
    assert page.status_code == 200
    assert "1-1-101" in page.text
    key = re.search(r'name="client_key" value="([^"]+)"', page.text)[1]
    form = {
        "client_key": key,
        "rows": "2",
        "fault_0": "bathroom_leak",
        "room_0": "主卫",
        "description_0": "门槛石处渗水",
        "reporter_name": "张先生",
        "relation": "owner",
        "channel": "phone",
    }
    address = f"/admin/warranty/caller/register/?unit={site.unit_ids[0]}"
    more = client.post(address, data={**form, "more": "1"})
    assert more.status_code == 200
    assert "门槛石处渗水" in more.text
    wrong = client.post(address, data={**form, "fault_0": "", "description_0": "门槛石处渗水"})
    assert wrong.status_code == 422
    assert "门槛石处渗水" in wrong.text
    assert client.post(address, data=form).status_code == 303
    assert client.post(address, data=form).status_code == 303
    with running_app.app_context(), all_departments("a test"):
        assert db.session.scalar(sa.select(sa.func.count(Request.id))) == 1
    return client


def test_from_the_call_to_the_call_back_by_buttons(site, registered, sign_in, running_app):
    fixer, checker = registered, sign_in("admin", "group")
    key, state = only_order(running_app)
    assert state == "reported"

    def step(client, code: str, **typed: object) -> str:
        answer = client.post(f"{ORDERS}/transition/?id={key}", data={"transition": code, **typed})
        assert answer.status_code in (302, 303), answer.text[-800:]
        return only_order(running_app)[1]

    def deed(code: str, **typed: object) -> None:
        assert fixer.post(f"{ORDERS}/do/?id={key}", data={"deed": code, **typed}).status_code == 303

    assert fixer.get(f"{ORDERS}/details/?id={key}").status_code == 200
    assert step(fixer, "triage", responsibility="contractor", category_code="W02", priority="P2") == "triaged"
    assert step(fixer, "dispatch", contractor_id=site.waterproofer_id) == "dispatched"
    site_page = f"/warranty/on-site/{key}"
    assert fixer.get("/warranty/on-site/?view=all").status_code == 200
    assert (
        fixer.post(f"{site_page}/step", data={"step": "contact", "contact_note": "已约"}).status_code == 303
    )
    deed("book", purpose="survey", booked_from="2036-01-05T10:00", booked_to="2036-01-05T12:00")
    page = fixer.get(site_page).text
    visit = re.search(r'name="visit" value="(\d+)"', page)[1]
    assert (
        fixer.post(
            f"{site_page}/deed", data={"deed": "arrive", "visit": visit, "persons": "赵工"}
        ).status_code
        == 303
    )
    done = {"deed": "leave", "visit": visit, "findings": "防水层破损", "minutes": "45"}
    assert fixer.post(f"{site_page}/deed", data=done).status_code == 303
    assert only_order(running_app)[1] == "visited"
    deed("make_plan", method="凿开补做防水", days="3")
    plan = re.search(r'name="plan" value="(\d+)"', fixer.get(site_page).text)[1]
    fixer.post(f"{site_page}/deed", data={"deed": "sign_plan", "plan": plan, "signed_name": "张先生"})
    fixer.post(f"{site_page}/step", data={"step": "plan"})
    fixer.post(f"{site_page}/step", data={"step": "start"})
    fixer.post(f"{site_page}/step", data={"step": "fix", "work_done": "补做防水"})
    assert only_order(running_app)[1] == "repairing", "without a photo nothing is finished"
    photo = {"slot": "after", "file": (jpeg(), "after.jpg")}
    assert (
        fixer.post(f"{site_page}/photos", data=photo, content_type="multipart/form-data").status_code == 303
    )
    fixer.post(f"{site_page}/step", data={"step": "fix", "work_done": "补做防水"})
    assert only_order(running_app)[1] == "self_checked"
    fixer.post(f"{site_page}/step", data={"step": "accept"})
    assert only_order(running_app)[1] == "self_checked", "nobody accepts his own repair"
    assert step(checker, "accept") == "engineer_accepted"
    assert step(checker, "owner_accept", signer_name="张先生", score="5", clean_ok="y") == "owner_accepted"
    assert step(checker, "close") == "closed"
    assert step(checker, "call_back", score="2", call_note="还在渗") == "reopened"
    text = checker.get(f"{ORDERS}/details/?id={key}").text
    assert "补做防水" in text
    assert "还在渗" in text


def test_the_page_of_an_order_asks_for_the_progress_and_tells_the_region(registered, running_app):
    key, _state = only_order(running_app)
    page = f"{ORDERS}/details/?id={key}"
    assert 'id="due-progress"' not in registered.get(page).text
    with running_app.app_context(), all_departments("a test"):
        db.session.get_one(Order, key).progress_due_at = utc_now()
        db.session.commit()
    text = registered.get(page).text
    assert 'id="due-progress"' in text
    assert "您的报修正在判定" in text, "the words are written already"
    registered.post(f"{ORDERS}/do/?id={key}", data={"deed": "progress", "text": "已通知防水单位"})
    registered.post(f"{ORDERS}/do/?id={key}", data={"deed": "media", "reason": "电视台来电"})
    text = registered.get(page).text
    assert 'id="due-progress"' not in text
    assert "已通知防水单位" in text
    assert re.search("媒体投诉，已于 [^<]*上报区域：电视台来电", text)
    assert 'name="deed" value="media"' not in text, "once"


def test_lists_boards_and_figures_answer(registered):
    for address in (
        f"{ORDERS}/", f"{ORDERS}/?f_due_at=1", f"{ORDERS}/?f_closed_at=1", "/admin/warranty/board/",
        "/admin/warranty/figures/", "/admin/warranty/requests/", "/admin/warranty/caller/?q=1-1-101",
        "/admin/warranty/figures/records/?code=K13", "/admin/warranty/figures/records/?code=K21&part=reached",
        "/admin/warranty/visits/", "/admin/warranty/third_parties/", f"{ORDERS}/?f_progress_due_at=1",
        "/admin/warranty/expiries/", "/admin/warranty/expiries/?f_told_at=0", "/admin/warranty/expiries/counts/",
        "/admin/warranty/figures/records/?code=K22", "/admin/warranty/retention/new/", "/admin/warranty/parts/new/",
    ):  # fmt: skip
        assert registered.get(address).status_code == 200, address


def test_a_deed_needs_its_own_permission(registered, sign_in, running_app):
    key, _state = only_order(running_app)
    reader = sign_in("service")
    for code, (permission, _action, _done) in DEEDS.items():
        if not permission.split(".")[1].startswith(("view", "create", "edit")):
            assert reader.post(f"{ORDERS}/do/?id={key}", data={"deed": code}).status_code == 403, code
    assert registered.post(f"{ORDERS}/do/?id={key}", data={"deed": "no_such_deed"}).status_code == 404
