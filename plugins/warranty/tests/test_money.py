"""Notices, third parties, deductions with their objection, and retention money that balances at every moment."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from core.toolkit import Project, TransitionRefused, db, utc_now
from plugins.contractors.models import Company
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import CostKind, CostLine, Deduction, ReleaseRequest, RetentionEntry
from plugins.warranty.services import money, notices, orders
from plugins.warranty.tests.helpers import closed, dispatched, order_of, photograph

YUAN = Decimal


def overdue(notice) -> None:
    notice.answer_due_at = utc_now() - dt.timedelta(minutes=1)
    db.session.flush()


def unanswered_twice(key: int):
    order = dispatched(order_of(key, "bathroom_leak"))
    overdue(notices.issue_notice(order, "24 小时内上门", "邮政特快 EMS 1001"))
    second = notices.issue_notice(order, "24 小时内上门", "邮政特快 EMS 1002")
    overdue(second)
    photograph(second, "proof")
    return order


def account_of(world, site, settlement: str = "1000000", months: int = 12):
    return money.open_account(
        db.session.get_one(Project, world.own.project_id),
        db.session.get_one(Company, site.waterproofer_id),
        contract_number=f"HT-{settlement}",
        settlement=YUAN(settlement),
        starts_on=dt.date(2023, 12, 20),
        months=months,
    )


def agreed(release):
    """A request to which everybody has agreed; how they do is shown in ``test_releases.py``."""
    release.state = "approved"
    db.session.flush()
    return release


def deducted(order, site):
    repair = notices.order_third_party(order, "深圳第三方防水有限公司", YUAN("4000"))
    notices.invoice_third_party(repair, "FP-0001", YUAN("4321.10"))
    return money.draft_deduction(order, repair.invoice_amount, "两次通知未答复", third_party=repair)


def test_the_second_notice_follows_an_unanswered_first_and_then_a_third_party(site, scope_of):
    with scope_of("head"):
        order = dispatched(order_of(site.unit_ids[0], "bathroom_leak"))
        with pytest.raises(WarrantyRuleError):
            notices.issue_notice(order, " ", "EMS")
        first = notices.issue_notice(order, "24 小时内上门", "EMS 1")
        assert (first.stage, first.answer_due_at - first.issued_at) == (1, dt.timedelta(hours=24))
        with pytest.raises(WarrantyRuleError):
            notices.issue_notice(order, "再次", "EMS 2")
        overdue(first)
        second = notices.issue_notice(order, "再次", "EMS 2")
        assert second.stage == 2
        assert notices.why_no_third_party(order)
        overdue(second)
        with pytest.raises(WarrantyRuleError):
            notices.order_third_party(order, "第三方", YUAN("100"))
        photograph(second, "proof")
        repair = notices.order_third_party(order, "第三方", YUAN("100"))
        assert repair.site_due_at - repair.ordered_at == dt.timedelta(hours=4)
        with pytest.raises(WarrantyRuleError):
            notices.order_third_party(order, "又一家", YUAN("100"))


def test_an_answer_ends_the_round_and_the_next_silence_begins_with_a_first_notice(site, scope_of):
    with scope_of("head"):
        order = dispatched(order_of(site.unit_ids[0], "bathroom_leak"))
        first = notices.issue_notice(order, "上门", "EMS 1")
        notices.answer_notice(first, "明日上门")
        again = notices.issue_notice(order, "上门", "EMS 2")
        assert (again.stage, again.round_number) == (1, 2)


def test_a_deduction_is_the_invoice_and_the_fee_and_waits_for_the_objection(site, world, scope_of):
    with scope_of("head"):
        order = unanswered_twice(site.unit_ids[0])
        deduction = deducted(order, site)
        assert (deduction.cost, deduction.fee, deduction.amount) == (
            YUAN("4321.10"),
            YUAN("648.17"),
            YUAN("4969.27"),
        )
        line = db.session.scalars(sa.select(CostLine).where(CostLine.order_id == order.id)).one()
        assert (line.kind, line.borne_by, line.paid_by_us) == (CostKind.THIRD_PARTY, "contractor", True)
        money.issue_deduction(deduction)
        with pytest.raises(TransitionRefused):
            money.settle_deduction(deduction)
        with pytest.raises(WarrantyRuleError):
            money.draft_deduction(order, YUAN("1"), "再扣", third_party=deduction.third_party)
        deduction.objection_until = dt.date(2020, 1, 1)
        db.session.flush()
        with pytest.raises(WarrantyRuleError):
            money.object_to_deduction(deduction, "不同意")
        money.settle_deduction(deduction)
        account = account_of(world, site)
        money.book_deduction(deduction, account)
        assert (account.balance, deduction.state) == (YUAN("25030.73"), "booked")


def test_an_objection_is_decided_for_a_smaller_amount_at_most_the_whole(site, world, scope_of):
    with scope_of("head"):
        deduction = deducted(unanswered_twice(site.unit_ids[0]), site)
        money.issue_deduction(deduction)
        money.object_to_deduction(deduction, "报价过高")
        with pytest.raises(WarrantyRuleError):
            money.decide_objection(deduction, "维持", deduction.amount + 1)
        money.decide_objection(deduction, "部分支持", YUAN("4000"))
        small = account_of(world, site, "100000")
        with pytest.raises(WarrantyRuleError, match="3,000"):
            money.book_deduction(deduction, small)
        other = money.open_account(
            small.project,
            db.session.get_one(Company, site.general_id),
            contract_number="HT-ZB",
            settlement=YUAN("9000000"),
            starts_on=dt.date(2023, 12, 20),
        )
        with pytest.raises(WarrantyRuleError):
            money.book_deduction(deduction, other)


def test_a_release_is_blocked_by_open_orders_deductions_and_the_period(site, world, scope_of):
    with scope_of("head"):
        account = account_of(world, site)
        assert account.ends_on == dt.date(2024, 12, 19)
        order = dispatched(order_of(site.unit_ids[0], "bathroom_leak"))
        release = agreed(money.request_release(account, YUAN("30000")))
        assert release.answer_due_on - release.requested_on == dt.timedelta(days=14)
        with pytest.raises(WarrantyRuleError, match=order.number):
            money.pay_release(release)
        orders.cancel(order, "误报")
        deduction = money.draft_deduction(
            closed(order_of(site.unit_ids[1], "bathroom_leak")), YUAN("10"), "损坏"
        )
        with pytest.raises(WarrantyRuleError, match=deduction.number):
            money.pay_release(release)
        money.withdraw_deduction(deduction, "误扣")
        account.ends_on = dt.date(2099, 1, 1)
        db.session.flush()
        with pytest.raises(WarrantyRuleError, match="2099"):
            money.pay_release(release)
        account.ends_on = dt.date(2024, 12, 19)
        db.session.flush()
        money.pay_release(release)
        assert (account.balance, account.state, release.state) == (0, "closed", "paid")


def test_retention_keeps_to_the_law(site, world, scope_of):
    with scope_of("head"):
        project = db.session.get_one(Project, world.own.project_id)
        company = db.session.get_one(Company, site.general_id)
        for wrong in ({"percent": YUAN("3.01")}, {"months": 11}, {"months": 25}, {"settlement": YUAN("0")}):
            values = {
                "contract_number": "HT-X",
                "settlement": YUAN("1000"),
                "starts_on": dt.date(2023, 12, 20),
            }
            with pytest.raises(WarrantyRuleError):
                money.open_account(project, company, **{**values, **wrong})


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["deposit", "correct", "deduct", "release"]),
        st.decimals(YUAN("-20000"), YUAN("40000"), places=2, allow_nan=False),
    ),
    max_size=14,
)


def test_the_money_balances_at_every_moment(site, world, scope_of):
    """Whatever is booked or refused: the balance is the sum of the entries, never below 0, never above the total."""
    with scope_of("head"):
        order = dispatched(order_of(site.unit_ids[0], "bathroom_leak"))
        orders.cancel(order, "误报")
        number = iter(range(10_000))

        @settings(max_examples=25, deadline=None)
        @given(MOVES)
        def holds(moves):
            outer = db.session.begin_nested()
            account = account_of(world, site, str(1_000_000 + next(number)))
            for kind, amount in moves:
                inner = db.session.begin_nested()
                try:
                    if kind == "deposit":
                        money.deposit(account, amount, "补足")
                    elif kind == "correct":
                        money.correct(account, amount, "更正")
                    elif kind == "deduct":
                        deduction = money.draft_deduction(order, amount, "维修")
                        deduction.state, deduction.final_amount = "final", deduction.amount
                        db.session.flush()
                        money.book_deduction(deduction, account)
                    else:
                        money.pay_release(agreed(money.request_release(account, amount)))
                    inner.commit()
                except (WarrantyRuleError, TransitionRefused):
                    inner.rollback()
                db.session.expire_all()
                entries = db.session.scalars(
                    sa.select(RetentionEntry)
                    .where(RetentionEntry.account_id == account.id)
                    .order_by(RetentionEntry.sequence)
                ).all()
                running = YUAN(0)
                for position, entry in enumerate(entries, start=1):
                    running += entry.amount
                    assert (entry.sequence, entry.balance_after) == (position, running)
                    assert 0 <= running <= account.total
                assert account.balance == running
                booked = db.session.scalars(
                    sa.select(Deduction).where(Deduction.account_id == account.id)
                ).all()
                paid = db.session.scalars(
                    sa.select(ReleaseRequest).where(
                        ReleaseRequest.account_id == account.id, ReleaseRequest.state == "paid"
                    )
                ).all()
                assert all(each.amount == each.cost + each.fee for each in booked)
                for kind, sums in (
                    ("deduction", [each.final_amount for each in booked]),
                    ("release", [each.amount for each in paid]),
                ):
                    taken = sum((entry.amount for entry in entries if entry.kind == kind), YUAN(0))
                    assert taken == -sum(sums, YUAN(0)), "each entry has its deduction or its release"
            outer.rollback()

        holds()
