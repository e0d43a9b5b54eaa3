"""Plan, visit and acceptance signed on the screen: what counts, what freezes, what a later cycle leaves alone."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from core.toolkit import (
    RecordSigned,
    SignatureRefused,
    TransitionRefused,
    attach,
    db,
    sign,
    signed_content,
    supplement,
    utc_now,
    verify_signatures,
)
from plugins.warranty.common import option
from plugins.warranty.documents.orders import repair_order, repair_plan, visit_record
from plugins.warranty.models import Order, Plan
from plugins.warranty.services import orders
from plugins.warranty.signed import is_acceptance_signed, is_plan_signed, owner_acceptance
from plugins.warranty.tests.helpers import fixed, jpeg, order_of, repairing, surveyed

INK = json.dumps({"size": [300, 150], "strokes": [[[10, 10, 0.5, 0], [200, 90, 0.5, 9]]]})


def leak(site) -> Order:
    return surveyed(order_of(site.unit_ids[0], "bathroom_leak"))


def planned(order: Order) -> Plan:
    return orders.make_plan(
        order, method="凿开补做防水，蓄水 48 小时", days=6, crew="2 人", materials="防水涂料"
    )


def accepted(order: Order) -> Order:
    """Accepted by the engineer and the owner, on paper for now."""
    fixed(order)
    order.fixed_by_id = None
    orders.accept_as_engineer(order)
    orders.accept_as_owner(order, signer_name="张先生", score=4, quality_ok=True, clean_ok=False)
    return order


def test_a_plan_signed_on_the_screen_is_confirmed_and_frozen(site, scope_of):
    with scope_of("head"):
        order = leak(site)
        plan = planned(order)
        with pytest.raises(TransitionRefused, match=order.number):
            orders.confirm_plan(order)
        sign(plan, role="owner", name="张先生", picture=INK)
        assert is_plan_signed(plan)
        orders.confirm_plan(order)
        assert order.state == "planned"
        db.session.commit()
        plan.days = 9
        with pytest.raises(RecordSigned):
            db.session.flush()
        db.session.rollback()
        assert [check.match for check in verify_signatures(plan)] == ["matches"]
        box = repair_plan(plan, "zh_Hans_CN")["signatures"][0]
        assert box["image"].startswith("data:image/png;base64,")


def test_what_changes_after_the_signature_is_printed_as_a_supplement(site, scope_of):
    with scope_of("head"):
        plan = planned(leak(site))
        sign(plan, role="owner", name="张先生", picture=INK)
        supplement(plan, content=signed_content(plan) | {"days": 8}, reason="防水涂料到货晚两天")
        (part,) = repair_plan(plan, "zh_Hans_CN")["supplements"]
        assert part["reason"] == "防水涂料到货晚两天"
        assert [(before, after) for _place, before, after in part["rows"]] == [("6", "8")]


def test_a_record_of_a_visit_is_signed_when_it_is_over(site, scope_of):
    with scope_of("head"):
        order = leak(site)
        (visit,) = order.visits
        sign(visit, role="engineer", name="赵工", picture=INK)
        sign(visit, role="owner", name="张先生")
        db.session.commit()
        names = [box["name"] for box in visit_record(visit, "zh_Hans_CN")["signatures"]]
        assert names == ["张先生", "赵工"]
        visit.findings = "另一处"
        with pytest.raises(RecordSigned):
            db.session.flush()
        db.session.rollback()
        later = orders.book_visit(order, utc_now(), utc_now() + dt.timedelta(hours=2))
        with pytest.raises(SignatureRefused):
            sign(later, role="owner", name="张先生", picture=INK)


def test_an_accepted_repair_is_signed_and_stays_so_when_it_is_opened_again(site, scope_of):
    with scope_of("head"):
        order = accepted(order_of(site.unit_ids[0]))
        acceptance = owner_acceptance(order)
        assert not is_acceptance_signed(order)
        sign(acceptance, role="owner", name="张先生", picture=INK)
        sign(acceptance, role="engineer", name="赵工", picture=INK)
        assert is_acceptance_signed(order)
        printed = repair_order(order, "zh_Hans_CN")
        assert [box["name"] for box in printed["signatures"]] == ["张先生", "赵工"]
        assert all(box["image"] for box in printed["signatures"])
        orders.close(order)
        orders.reopen(order, "还在渗")
        order.work_done = "第二次维修"
        db.session.commit()
        assert [check.match for check in verify_signatures(acceptance)] == ["matches", "matches"]
        acceptance.score = 5
        with pytest.raises(RecordSigned):
            db.session.flush()
        db.session.rollback()


def test_who_wants_it_closes_orders_with_the_owners_signature_only(site, scope_of, monkeypatch):
    def asked(key: str, project: object = None) -> object:
        return True if key == "owner_signature_required" else option(key, project)

    monkeypatch.setattr("plugins.warranty.workflows.option", asked)
    with scope_of("head"):
        order = accepted(order_of(site.unit_ids[0]))
        with pytest.raises(TransitionRefused, match=order.number):
            orders.close(order)
        attach(order, jpeg(), "签字.jpg", slot="signed")
        orders.close(order)
        assert order.state == "closed"
        other = accepted(order_of(site.unit_ids[1]))
        sign(owner_acceptance(other), role="owner", name="张先生", picture=INK)
        orders.close(other)
        assert other.state == "closed"


def test_the_phone_leads_to_the_pad(site, sign_in, scope_of):
    with scope_of("head"):
        order = leak(site)
        plan, visit = planned(order), order.visits[0]
        other = accepted(order_of(site.unit_ids[1]))
        keys = order.id, plan.id, visit.id, other.id, owner_acceptance(other).id
        db.session.commit()
    phone = sign_in("head")
    page = phone.get(f"/warranty/on-site/{keys[0]}").text
    assert f"/signatures/sign/warranty.plan/{keys[1]}/owner" in page
    assert f"/signatures/sign/warranty.visit/{keys[2]}/engineer" in page
    pad = f"/signatures/sign/warranty.plan/{keys[1]}/owner"
    assert "凿开补做防水" in phone.get(pad).text
    answer = phone.post(pad, data={"name": "张先生", "picture": INK, "key": "a" * 32})
    assert (answer.status_code, answer.location) == (303, f"/warranty/on-site/{keys[0]}")
    assert f"{pad}" not in phone.get(f"/warranty/on-site/{keys[0]}").text
    assert (
        f"/signatures/sign/warranty.acceptance/{keys[4]}/owner"
        in phone.get(f"/warranty/on-site/{keys[3]}").text
    )


def test_a_repair_in_work_has_nothing_to_sign(site, scope_of):
    with scope_of("head"):
        order = repairing(order_of(site.unit_ids[0]))
        assert owner_acceptance(order) is None
        assert not is_acceptance_signed(order)
