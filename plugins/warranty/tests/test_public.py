"""An owner reports repairs by a personal link, follows them, accepts them and opens one again; nothing else is his."""

from __future__ import annotations

import re

import sqlalchemy as sa

from core.testing import repeated_ids
from core.toolkit import all_departments, attachments_of, db, signatures_of
from plugins.warranty.models import GroupCase, Order
from plugins.warranty.tests.helpers import customer, jpeg, report, sent


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
        photos_2=(jpeg(), "a.jpg"),
    )
    assert answer.status_code == 303
    with running_app.app_context(), all_departments("a test"):
        made = list(db.session.scalars(sa.select(Order).order_by(Order.id)))
        assert [order.room_name for order in made] == ["主卫", "次卫"]
        assert [len(attachments_of(order)) for order in made] == [0, 1], "a photo hangs on its own problem"
        photo = attachments_of(made[1])[0].id
    text = browser.get(page).text
    assert repeated_ids(text) == [], "each problem has forms of its own on the page"
    assert "门槛石渗水" in text
    assert made[1].number in text
    link = page.rpartition("/")[2]
    assert f"/l/photo/{link}/{photo}" in text
    assert browser.get(f"/l/photo/{link}/{photo}/thumbnail").status_code == 200


def test_an_owners_link_speaks_his_language_until_he_chooses_another(site, owner, running_app, world):
    """The message that brought the link was written in it; a browser may belong to anybody."""
    browser, page = owner
    english = {"Accept-Language": "en-US,en;q=0.9"}
    assert '<html lang="zh-Hans"' in browser.get(page, headers=english).text
    with running_app.app_context(), all_departments("a test"):
        customer(world.own.customer_ids[0]).language = "en"
        db.session.commit()
    chinese = {"Accept-Language": "zh-CN"}
    assert '<html lang="en"' in browser.get(page, headers=chinese).text
    browser.post("/preferences/language", data={"locale": "zh_Hans_CN", "next": page})
    assert '<html lang="zh-Hans"' in browser.get(page, headers=english).text


def test_an_owner_accepts_rates_and_opens_again(site, owner, running_app):
    browser, page = owner
    answer = sent(browser, page, step="report", fault_1="bathroom_leak", text_1="渗水")
    assert answer.status_code == 303, re.sub(r"(?s)<[^>]+>|\s\s+", " ", answer.text)
    with running_app.app_context(), all_departments("a test"):
        key = db.session.scalar(sa.select(Order.id))
    assert sent(browser, page, step="urge", order=str(key)).status_code == 303
    assert "业主第 1 次催办。" in browser.get(page).text
    browser.post("/preferences/language", data={"locale": "en", "next": page})
    assert "The owner urges, time 1." in browser.get(page).text, (
        "the history is read in the language of the page"
    )
    browser.post("/preferences/language", data={"locale": "zh_Hans_CN", "next": page})
    assert sent(browser, page, step="accept", order=str(key), score="5").status_code == 422
    state_of(running_app, key, "owner_accepted")
    unrated = sent(browser, page, step="rate", order=str(key), remark="谢谢", clean_ok="y")
    assert unrated.status_code == 422
    assert unrated.text.count('class="form-errors"') == 1, "it is said once, beside the repair"
    assert unrated.text.index('class="form-errors"') < unrated.text.index('id="new"')
    assert ("谢谢" in unrated.text, unrated.text.count(" checked")) == (True, 1), "what was given is kept"
    assert re.search(r'<details class="more" open><summary>[^<]*</summary><form[^>]*>', unrated.text), (
        "its form stays open"
    )
    state_of(running_app, key, "engineer_accepted")
    assert "accept-" in browser.get(page).text
    assert sent(browser, page, step="reject", order=str(key), remark="").status_code == 422
    assert sent(browser, page, step="reject", order=str(key), remark="还在滴水").status_code == 303
    assert state_of(running_app, key) == "repairing", "it goes back to those who repaired it"
    state_of(running_app, key, "engineer_accepted")
    ink = '{"size":[300,200],"strokes":[[[10,10],[200,90],[220,40]]]}'
    given = {"score": "4", "clean_ok": "y", "picture": ink}
    assert sent(browser, page, step="accept", order=str(key), **given).status_code == 303
    with running_app.app_context(), all_departments("a test"):
        accepted = db.session.get_one(Order, key).acceptances[-1]
        assert (accepted.score, accepted.clean_ok, accepted.quality_ok) == (4, True, False)
        (made,) = signatures_of(accepted)
        assert (made.role, made.signer_customer_id) == ("owner", db.session.get_one(Order, key).customer_id)
    assert sent(browser, page, step="rate", order=str(key), score="1").status_code == 422, "rated already"
    state_of(running_app, key, "closed")
    assert sent(browser, page, step="reopen", order=str(key), remark="又漏了").status_code == 303
    assert state_of(running_app, key) != "closed"


def test_what_is_incomplete_or_of_others_is_refused_and_what_was_typed_is_kept(site, owner, running_app):
    browser, page = owner
    wrong = sent(browser, page, step="report", text_1="墙面开裂")
    assert (wrong.status_code, "墙面开裂" in wrong.text) == (422, True)
    empty = sent(browser, page, step="report")
    assert empty.status_code == 422
    assert empty.text.count('class="form-errors"') == 1
    assert empty.text.index('class="form-errors"') > empty.text.index('id="new"')
    for step in ("urge", "accept", "reject", "rate", "reopen"):
        assert sent(browser, page, step=step, order="999999", remark="x").status_code == 422
    assert sent(browser, page, step="urge", order="999999").text.count('class="form-errors"') == 1
    with running_app.app_context(), all_departments("a test"):
        assert db.session.scalar(sa.select(sa.func.count(Order.id))) == 0


def test_what_lies_in_many_houses_is_noticed_though_each_owner_sees_his_own_alone(
    site, world, owner, running_app, scope_of
):
    browser, page = owner
    with scope_of("head"):
        for _number in range(4):
            report(site.unit_ids[1], "lock", customer=customer(world.own.customer_ids[1]))
        db.session.commit()
    assert sent(browser, page, step="report", fault_1="lock", text_1="门锁卡滞").status_code == 303
    assert browser.get(page).text.count("<article") == 1
    with running_app.app_context(), all_departments("a test"):
        assert db.session.scalar(sa.select(GroupCase.orders_found)) == 5


def test_a_flood_of_reports_is_stopped(owner, running_app):
    browser, page = owner
    statuses = [
        sent(browser, page, step="report", fault_1="lock", text_1="门锁").status_code for _ in range(6)
    ]
    assert statuses == [303] * 5 + [422]
