"""Retention money is released when engineering, property management, cost, finance and the manager have agreed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import current_app

from core.toolkit import (
    ApprovalRefused,
    ApprovalRequest,
    TransitionRefused,
    amount_words,
    approve,
    band_for,
    db,
    pending_request,
    reject,
    withdraw_request,
)
from plugins.warranty.documents.contractors import retention_settlement
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import ReleaseRequest
from plugins.warranty.services import money, orders, releases
from plugins.warranty.tests.helpers import dispatched, order_of
from plugins.warranty.tests.test_money import account_of
from plugins.warranty.workflows import RELEASE_APPROVAL

STEPS = (("engineer", ("ENG",)), ("service", ("PM", "COST", "FIN", "HEAD")))
"""Who answers in these tests, and in which roles."""


@pytest.fixture
def asked(site, world, scope_of, system):
    """A request for release that waits for the first opinions; its id and that of the approval."""
    with system():
        for name, codes in STEPS:
            held = world.user(name).memberships[0]
            for code in codes:
                role = db.session.scalar(sa.select(type(held.role)).where(type(held.role).name == code))
                place = world.departments["city"] if code == "HEAD" else held.department_id
                held.user.memberships.append(type(held)(department_id=place, role=role))
        db.session.commit()
    with scope_of("head"):
        account = account_of(world, site)
        release = money.request_release(account, Decimal("20000"))
        order = dispatched(order_of(site.unit_ids[0], "bathroom_leak"))
        with pytest.raises(WarrantyRuleError, match=order.number):
            releases.submit_release(release)
        orders.cancel(order, "误报")
        with pytest.raises(TransitionRefused):
            money.pay_release(release)
        request = releases.submit_release(release, "缺陷责任期已满")
        assert (release.state, request.amount, request.band) == ("approving", Decimal(20000), "city")
        with pytest.raises(TransitionRefused):
            money.refuse_release(release, "改主意")
        with pytest.raises(WarrantyRuleError):
            money.request_release(account, Decimal("100"))
        keys = release.id, request.id
        db.session.commit()
    return keys


def answered(scope_of, key: int, name: str, step: str, **answer: str) -> None:
    with scope_of(name):
        request = db.session.get_one(ApprovalRequest, key)
        task = next(task for task in request.tasks if task.step == step and task.state == "open")
        if answer:
            reject(task, answer["no"])
        else:
            approve(task)
        db.session.commit()


ANSWERS = (
    ("engineer", "engineering"),
    ("service", "property"),
    ("service", "cost"),
    ("service", "finance"),
    ("service", "city"),
)
"""Engineering and property management are asked at once, then cost, finance and the general manager."""


def test_money_is_paid_when_all_have_agreed(asked, world, scope_of, system):
    release_id, request_id = asked
    for name, step in ANSWERS:
        with system():
            assert db.session.get_one(ReleaseRequest, release_id).state == "approving"
        answered(scope_of, request_id, name, step)
    with scope_of("head"):
        release = db.session.get_one(ReleaseRequest, release_id)
        assert release.state == "approved"
        assert releases.approval_of(release).id == request_id
        money.pay_release(release)
        assert (release.state, release.account.balance) == ("paid", Decimal(10000))
        facts = dict(db.session.get_one(ApprovalRequest, request_id).facts or {})
        assert facts


def corrected(client, key: int, step: str, amount: str, reason: str = "结算审计核增"):
    data = {"transition": step, "amount": amount, "comment": reason}
    return client.post(f"/admin/warranty/releases/transition/?id={key}", data=data, follow_redirects=True)


def test_a_corrected_amount_keeps_the_approvals_or_asks_all_anew(asked, scope_of, sign_in):
    release_id, request_id = asked
    for name, step in ANSWERS:
        answered(scope_of, request_id, name, step)
    client = sign_in("head")

    def state() -> tuple[str, str, int]:
        with scope_of("head"):
            request = db.session.get_one(ApprovalRequest, request_id)
            return db.session.get_one(ReleaseRequest, release_id).state, request.state, request.round_number

    page = corrected(client, release_id, "correct_approved", "21000").text
    assert "比已审批的 ¥20,000.00 增加 5%" in page
    assert state() == ("approved", "approved", 1)
    refused = corrected(client, release_id, "correct_approved", "31000", "核增二")
    assert (refused.status_code, "核增二" in refused.text, "31000" in refused.text) == (422, True, True)
    refused = corrected(client, release_id, "correct_approved", "21500", " ")
    assert (refused.status_code, "21500" in refused.text) == (422, True)
    # The tenth counts from the ¥20,000 that were approved.
    page = corrected(client, release_id, "correct_approved", "22000.01").text
    assert "增幅超过 10%，须重新征求全部审批意见" in page
    assert state() == ("approving", "pending", 2)
    shown = client.get(f"/admin/approvals/details/?id={request_id}").text
    assert "¥20,000.00" in shown and "¥22,000.01" in shown
    assert "增幅超过 10%，须重新征求全部审批意见" in shown
    # While they are asked, another amount asks them anew as well.
    page = corrected(client, release_id, "correct_approving", "20500").text
    assert state() == ("approving", "pending", 3)
    assert "原审批金额 ¥20,000.00，现按 ¥20,500.00 重新征求全部审批意见" in page
    for name, step in ANSWERS:
        answered(scope_of, request_id, name, step)
    with scope_of("head"):
        request = db.session.get_one(ApprovalRequest, request_id)
        amounts = {task.round_number: task.amount for task in request.tasks}
        assert amounts == {1: Decimal(20000), 2: Decimal("22000.01"), 3: Decimal(20500)}
        assert (amount_words(request), str(request.note).count("结算审计核增")) == ("", 2)
        release = db.session.get_one(ReleaseRequest, release_id)
        money.pay_release(release)
        assert release.account.balance == Decimal(9500)
        with pytest.raises(WarrantyRuleError, match=release.number):
            releases.correct_release(release, Decimal(100), "已付款")


def test_a_correction_after_somebody_was_faster_is_refused_in_words(asked, scope_of, sign_in):
    """The page shows a button of the state before; nothing of its form counts any more."""
    key, _approval = asked
    late = sign_in("head").post(
        f"/admin/warranty/releases/transition/?id={key}",
        data={"transition": "correct_approved", "comment": "审计", "amount": "1"},
        follow_redirects=True,
    )
    assert late.status_code == 200
    assert "无法执行" in late.text and "记录当前处于" in late.text
    with scope_of("head"):
        assert db.session.get_one(ReleaseRequest, key).amount == Decimal(20000)


def test_who_alone_would_judge_an_amount_does_not_change_it(asked, scope_of):
    with scope_of("service"), pytest.raises(ApprovalRefused, match="物业"):
        # He is the only one of property management here.
        releases.correct_release(db.session.get_one(ReleaseRequest, asked[0]), Decimal(25000), "核增")


def test_what_is_given_back_or_taken_back_waits_again(asked, scope_of):
    release_id, request_id = asked
    answered(scope_of, request_id, "engineer", "engineering", no="尚有空鼓未处理")
    with scope_of("head"):
        release = db.session.get_one(ReleaseRequest, release_id)
        assert release.state == "requested"
        releases.submit_release(release, "已处理")
        request = pending_request(RELEASE_APPROVAL, release)
        withdraw_request(request, "金额有误")
        assert release.state == "requested"
        money.refuse_release(release, "金额有误，请重新申请")
        assert release.state == "refused"


def test_more_than_the_limit_is_decided_by_the_region(site, world, scope_of, asked, running_app):
    with scope_of("head"):
        account = account_of(world, site, "40000000")
        kind = running_app.extensions["doorstep"].declared.approval_kind(RELEASE_APPROVAL)
        bands = [
            band_for(kind, Decimal(each), account.project.department_id) for each in ("500000", "500000.01")
        ]
        assert [band.code for band in bands] == ["city", "region"]
        release = money.request_release(account, Decimal("500000.01"))
        with pytest.raises(ApprovalRefused):
            # Nobody holds the role in the region of this test.
            releases.submit_release(release)


def test_a_department_leaves_opinions_out(site, asked, scope_of, monkeypatch):
    release_id, request_id = asked
    left_out = {f"release_asks_{who}" for who in ("property", "cost", "finance")}

    with scope_of("head"):
        held = current_app.extensions["doorstep.approvals"]

        def setting_of(component: str, key: str, department_id: int | None) -> object:
            return False if key in left_out else held.setting_of(component, key, department_id)

        release = db.session.get_one(ReleaseRequest, release_id)
        withdraw_request(db.session.get_one(ApprovalRequest, request_id), "重新申请")
        unasked = retention_settlement(release, "zh_Hans_CN")["opinions"]
        monkeypatch.setitem(
            current_app.extensions, "doorstep.approvals", replace(held, setting_of=setting_of)
        )
        request = releases.submit_release(release)
        now = [task.step for task in request.tasks if task.round_number == request.round_number]
        assert now == ["engineering", "city"]
        assert len(retention_settlement(release, "zh_Hans_CN")["opinions"]) == 2 < len(unasked)
