"""Defects from open to closed, re-inspections and notices (domain reference 3.3.2, 3.3.6 rules 3 to 5)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.toolkit import (
    ApprovalRefused,
    ApprovalRequest,
    TimelineEntry,
    Todo,
    TransitionRefused,
    approve,
    clocks_of,
    db,
    local_today,
    running_clock,
    utc_now,
)
from plugins.handover import indicators, services
from plugins.handover.errors import HandoverRuleError, OutdatedError
from plugins.handover.models import (
    Defect,
    DefectRecheck,
    DefectSource,
    InspectionKind,
    RectificationNotice,
    Severity,
)
from plugins.handover.tests.conftest import finished, photograph, unit
from plugins.handover.workflows import DEFECT, NOTICE


def registered(site, **values):
    given_values = {
        "room_name": "主卫",
        "codes": ["D01"],
        "description": "渗水",
        "severity": Severity.S3,
        "trade_code": "waterproofing",
    }
    return services.register_defect(unit(site.unit_ids[0]), **(given_values | values))


def fixed(site, **values):
    defect = registered(site, **values)
    services.assign_defect(defect)
    services.start_fixing(defect)
    services.report_fixed(defect, "重做防水")
    return defect


def test_the_way_from_open_to_closed(site, scope_of):
    with scope_of("admin", "group"):
        defect = fixed(site)
        photograph(defect, "after")
        key = defect.id
        db.session.commit()
    with scope_of("head"):
        defect = db.session.get_one(Defect, key)
        services.verify_defect(defect, note="合格")
        assert defect.state == "closed"
        assert defect.verified_by_id != defect.fixed_by_id
        assert defect.rechecks[0].passed


def test_rule_5_the_fixer_cannot_verify(site, scope_of):
    with scope_of("admin", "group"):
        defect = fixed(site)
        photograph(defect, "after")
        with pytest.raises(TransitionRefused):
            services.verify_defect(defect)
        with pytest.raises(TransitionRefused):
            services.reject_defect(defect, "不合格")
        assert defect.state == "fixed"


def test_closing_needs_a_photo_of_the_repair(site, scope_of):
    with scope_of("admin", "group"):
        key = fixed(site).id
        db.session.commit()
    with scope_of("head"), pytest.raises(TransitionRefused, match="照片"):
        services.verify_defect(db.session.get_one(Defect, key))


def test_a_failed_re_inspection_opens_it_again_and_is_counted(site, scope_of):
    with scope_of("admin", "group"):
        key = fixed(site).id
        db.session.commit()
    for number in (1, 2, 3):
        with scope_of("head"):
            defect = db.session.get_one(Defect, key)
            services.reject_defect(defect, "仍有渗水")
            assert (defect.state, defect.reopen_count) == ("rejected", number)
            assert defect.fixed_at is None
            assert services.needs_special_plan(defect) is (number == 3)
            db.session.commit()
        with scope_of("admin", "group"):
            defect = db.session.get_one(Defect, key)
            services.start_fixing(defect)
            services.report_fixed(defect, "再次整改")
            db.session.commit()
    with scope_of("head"):
        rounds = db.session.scalars(sa.select(DefectRecheck.round_number)).all()
        assert list(rounds) == [1, 2, 3]
        plan = db.session.scalar(sa.select(Todo).where(Todo.dedupe_key == f"handover.special_plan:{key}"))
        assert plan.state == "open"
        defect = db.session.get_one(Defect, key)
        photograph(defect, "after")
        services.verify_defect(defect)
        assert plan.state == "done"
        assert indicators.passed_recheck().percent == "0.0%"


def test_a_re_inspection_round_judges_what_is_fixed(site, scope_of):
    with scope_of("admin", "group"):
        defect = fixed(site)
        photograph(defect, "after")
        key = defect.id
        db.session.commit()
    with scope_of("head"):
        house = unit(site.unit_ids[0])
        round_ = services.start_inspection(services.plan_inspection(house, InspectionKind.RE_INSPECTION))
        assert services.gaps(round_)
        services.verify_defect(db.session.get_one(Defect, key), round_)
        services.finish_inspection(round_)
        assert round_.passed is True
        entry = db.session.scalar(sa.select(TimelineEntry).where(TimelineEntry.touchpoint_code == "TP-E07"))
        assert entry.unit_id == house.id


def test_danger_is_made_safe_within_a_day_and_planned_within_three(site, scope_of):
    """S1: make safe within 24 hours, plan within three days; less severe ones ask for neither."""
    with scope_of("admin", "group"):

        def asked(defect):
            rows = db.session.scalars(
                sa.select(Todo).where(Todo.record_id == defect.id, Todo.record_kind == "handover.defect")
            )
            return {
                row.dedupe_key.partition(":")[0]: (row.due_at - defect.raised_at, row.state) for row in rows
            }

        mild, danger = registered(site), registered(site)
        services.change_defect(danger, severity=Severity.S1)
        assert asked(mild) == {}
        day = dt.timedelta(days=1)
        assert asked(danger) == {
            "handover.make_safe": (day, "open"),
            "handover.danger_plan": (3 * day, "open"),
        }
        services.change_defect(danger, severity=Severity.S2, severity_reason="复查后降级")
        assert {state for _due, state in asked(danger).values()} == {"done"}


def test_danger_found_on_site_asks_when_the_inspection_is_finished(site, scope_of):
    with scope_of("admin", "group"):
        inspection = finished(site.unit_ids[0], "WP01", kind=InspectionKind.HOUSEHOLD)
        (defect,) = services.valid_defects(inspection)
        assert defect.severity == Severity.S1
        open_ = sa.select(sa.func.count(Todo.id)).where(Todo.record_id == defect.id, Todo.state == "open")
        assert db.session.scalar(open_) == 2
        services.assign_defect(defect)
        services.start_fixing(defect)
        services.report_fixed(defect, "重做防水")
        assert db.session.scalar(open_) == 0


def test_a_repair_has_its_cost(site, scope_of):
    with scope_of("admin", "group"):
        defect = registered(site)
        services.change_defect(defect, cost=Decimal("1280.50"))
        assert defect.cost == Decimal("1280.50")
        with pytest.raises(HandoverRuleError):
            services.change_defect(defect, cost=Decimal("-1"))


def test_severity_rises_freely_and_falls_only_with_reason_and_right(site, scope_of):
    with scope_of("admin", "group"):
        defect = registered(site)
        services.change_defect(defect, severity=Severity.S1)
        assert defect.promised_by - defect.raised_at == dt.timedelta(days=15)
        with pytest.raises(HandoverRuleError):
            services.change_defect(defect, severity=Severity.S4)
        services.change_defect(defect, severity=Severity.S4, severity_reason="经核实为轻微划痕")
        assert defect.promised_by - defect.raised_at == dt.timedelta(hours=72)
        key = defect.id
        db.session.commit()
    with scope_of("engineer"):
        defect = db.session.get_one(Defect, key)
        services.change_defect(defect, severity=Severity.S2)
        with pytest.raises(HandoverRuleError):
            services.change_defect(defect, severity=Severity.S3, severity_reason="没有权限")


def test_a_promise_agreed_later_keeps_the_first_one(site, scope_of):
    with scope_of("admin", "group"):
        defect = registered(site)
        first = defect.promised_by
        services.change_defect(defect, promised_by=first + dt.timedelta(days=5))
        assert defect.first_promised_by == first
        with pytest.raises(HandoverRuleError):
            services.change_defect(defect, promised_by=defect.raised_at - dt.timedelta(days=1))


def test_a_stale_change_is_refused(site, scope_of):
    with scope_of("admin", "group"):
        defect = registered(site)
        shown = defect.row_version
        services.change_defect(defect, description="改过")
        with pytest.raises(OutdatedError):
            services.change_defect(defect, description="旧的", row_version=shown)


def test_no_problem_needs_a_reason_and_the_owners_consent(site, scope_of):
    with scope_of("admin", "group"):
        own = registered(site)
        with pytest.raises(TransitionRefused):
            services.invalidate_defect(own, " ")
        services.invalidate_defect(own, "属正常接缝")
        reported = registered(site, source=DefectSource.OWNER)
        with pytest.raises(TransitionRefused):
            services.invalidate_defect(reported, "属正常接缝")
        services.invalidate_defect(reported, "属正常接缝", owner_agreed=True)
        assert (own.state, reported.state) == ("invalid", "invalid")


def test_a_waiver_needs_the_owners_paper(site, scope_of):
    with scope_of("admin", "group"):
        defect = registered(site)
        with pytest.raises(TransitionRefused):
            services.waive_defect(defect, "业主自行处理")
        photograph(defect, "waiver")
        services.waive_defect(defect, "业主自行处理")
        assert defect.state == "waived"


def test_only_delivered_houses_send_defects_to_repair(site, scope_of):
    with scope_of("admin", "group"):
        defect = registered(site)
        with pytest.raises(TransitionRefused):
            services.transfer_defect(defect, "WX-1")
        unit(site.unit_ids[0]).delivered_on = local_today()
        services.transfer_defect(defect, "WX-1")
        assert defect.repair_reference == "WX-1"


@settings(max_examples=settings().max_examples // 4, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.sampled_from([each.code for each in DEFECT.transitions]), max_size=14))
def test_no_sequence_of_steps_closes_without_a_repair_and_a_second_person(site, scope_of, steps):
    """Whatever is tried, a defect moves along the declared transitions only, and nobody closes his own repair."""
    with scope_of("admin", "group"):
        defect = registered(site)
        seen = [defect.state]
        for step in steps:
            before = defect.state
            try:
                DEFECT.move(
                    defect,
                    step,
                    contractor_id=site.general_id,
                    fix_measure="整改",
                    recheck_note="不合格",
                    closing_reason="原因",
                    repair_reference="WX-1",
                    **({"fixed_by_id": 1, "fixed_at": utc_now()} if step == "report_fixed" else {}),
                )
            except TransitionRefused:
                assert defect.state == before
                continue
            assert before in DEFECT.transition(step).sources
            assert defect.state == DEFECT.transition(step).target
            seen.append(defect.state)
        pairs = set(pairwise(seen))
        assert ("open", "closed") not in pairs
        assert all(source == "fixed" for source, target in pairs if target == "closed")


def test_overdue_and_escalation(site, scope_of):
    with scope_of("admin", "group"):
        defect = registered(site)
        promised = defect.promised_by
        cases = [
            (dt.timedelta(0), 0, ""),
            (dt.timedelta(minutes=1), 1, ""),
            (dt.timedelta(days=1), 1, "contractor"),
            (dt.timedelta(days=3), 3, "engineering"),
            (dt.timedelta(days=7, minutes=1), 8, "manager"),
        ]
        for late, days, level in cases:
            assert services.overdue_days(defect, promised + late) == days
            assert services.escalation(defect, promised + late) == level
        overdue = sa.select(Defect.id).where(services.overdue_condition(promised + dt.timedelta(days=1)))
        assert db.session.scalars(overdue).all() == [defect.id]


def test_rule_4_notices_are_grouped_and_issued_in_time(site, scope_of):
    with scope_of("admin", "group"):
        inspection = finished(site.unit_ids[0], "WP01", "DR02", "DR03")
        notices = services.create_notices(services.valid_defects(inspection))
        assert sorted(len(notice.lines) for notice in notices) == [1, 2]
        assert all(notice.inspection_id == inspection.id for notice in notices)
        assert all(
            notice.issue_due_at - inspection.finished_at == dt.timedelta(hours=24) for notice in notices
        )
        for notice in notices:
            services.issue_notice(notice)
            assert notice.state == "issued"
            assert notice.receipt_due_at - notice.issued_at == dt.timedelta(hours=24)
            assert {line.defect.state for line in notice.lines} == {"assigned"}
            assert notice.number.startswith("ZG-QZA-")
        entries = db.session.scalars(
            sa.select(TimelineEntry).where(TimelineEntry.touchpoint_code == "TP-E07")
        ).all()
        assert len(entries) == 2
        services.receive_notice(notices[0], "方国强")
        with pytest.raises(TransitionRefused):
            services.receive_notice(notices[1], "")


def test_a_defect_stands_on_one_running_notice(site, scope_of):
    with scope_of("admin", "group"):
        defect = registered(site)
        services.create_notices([defect])
        with pytest.raises(HandoverRuleError):
            services.create_notices([defect])


def test_a_notice_needs_defects_with_a_contractor(site, scope_of):
    with scope_of("admin", "group"):
        with pytest.raises(HandoverRuleError):
            services.create_notices([])
        orphan = registered(site, trade_code="")
        assert orphan.contractor_id is None
        with pytest.raises(HandoverRuleError):
            services.create_notices([orphan])
        assert NOTICE.states[0].code == "draft"


def issued_and_received(site):
    """A notice with one defect, which the contractor has received."""
    defect = registered(site)
    (notice,) = services.create_notices([defect])
    services.issue_notice(notice)
    services.receive_notice(notice, "项目经理")
    return notice, defect


def test_a_notice_runs_from_the_reply_to_its_end(site, scope_of):
    with scope_of("admin", "group"):
        notice, defect = issued_and_received(site)
        with pytest.raises(TransitionRefused):
            services.reply_to_notice(notice, "  ")
        services.reply_to_notice(notice, "已整改完成")
        assert notice.replied_at is not None
        with pytest.raises(TransitionRefused, match=defect.number):
            services.recheck_notice(notice, "合格")
        services.start_fixing(defect)
        services.report_fixed(defect, "重做防水")
        photograph(defect, "after")
        keys = notice.id, defect.id
        db.session.commit()
    with scope_of("head"):
        notice = db.session.get_one(RectificationNotice, keys[0])
        services.reject_defect(db.session.get_one(Defect, keys[1]), "仍有渗水")
        services.recheck_notice(notice, "一处不合格")
        with pytest.raises(TransitionRefused, match="DF-QZA"):
            services.close_notice(notice)
        db.session.get_one(Defect, keys[1]).state = "closed"
        services.close_notice(notice)
        assert notice.state == "closed"
        with pytest.raises(TransitionRefused):
            services.penalise_notice(notice, "扣款", Decimal(0))


def test_a_penalty_needs_its_reason(site, scope_of):
    with scope_of("admin", "group"):
        notice, _defect = issued_and_received(site)
        with pytest.raises(TransitionRefused):
            services.penalise_notice(notice, "扣款", Decimal("800"))
        notice.deadline = utc_now() - dt.timedelta(days=1)
        db.session.flush()
        assert services.penalise_notice(notice, "扣款", Decimal("800")) is None
        assert (notice.state, notice.penalty_note) == ("penalised", "扣款 ¥800.00")
        assert notice.penalty_amount == Decimal("800.00")


@pytest.fixture
def judges(world, system):
    """Who is asked about a penalty: finance, then the manager of customer service."""
    with system():
        for name, code in (("service", "FIN"), ("engineer", "PCM")):
            held = world.user(name).memberships[0]
            role = db.session.scalar(sa.select(type(held.role)).where(type(held.role).name == code))
            held.user.memberships.append(type(held)(department_id=held.department_id, role=role))
        db.session.commit()
    return ("service", "engineer")


def agreed(scope_of, judges, request_id):
    for name in judges:
        with scope_of(name):
            request = db.session.get_one(ApprovalRequest, request_id)
            approve(next(task for task in request.tasks if task.state == "open"))
            db.session.commit()


def test_the_amount_of_a_penalty_is_corrected_after_it_was_asked_for(site, judges, scope_of, sign_in):
    with scope_of("admin", "group"):
        notice, _defect = issued_and_received(site)
        notice.deadline = utc_now() - dt.timedelta(days=1)
        db.session.flush()
        asked = services.penalise_notice(notice, "逾期未整改", Decimal(12_000))
        keys = notice.id, asked.id
        db.session.commit()
    client = sign_in("head")

    def corrected(state: str, amount: str, reason: str = "代修费用结算"):
        data = {"transition": f"correct_{state}", "corrected_penalty": amount, "comment": reason}
        address = f"/admin/handover/notices/transition/?id={keys[0]}"
        return client.post(address, data=data, follow_redirects=True)

    def told():
        with scope_of("admin", "group"):
            found = db.session.get_one(RectificationNotice, keys[0])
            request = db.session.get_one(ApprovalRequest, keys[1])
            penalty = found.penalty_note, found.penalty_amount
            return (found.state, *penalty), (request.state, request.round_number, request.amount)

    page = client.get(f"/admin/handover/notices/details/?id={keys[0]}").text
    assert 'value="correct_received"' in page
    assert "12000.00" in page, "the amount that was asked for stands in the field"
    # While they are asked, another amount asks them anew.
    page = corrected("received", "10000").text
    assert "¥10,000.00" in page
    assert told() == (("received", "", None), ("pending", 2, Decimal(10_000)))
    agreed(scope_of, judges, keys[1])
    assert told()[0] == ("penalised", "逾期未整改 ¥10,000.00", Decimal(10_000))
    # What cannot be done keeps what was typed.
    for amount, reason, kept in (("10000", "笔误", "笔误"), ("0", "不罚", "不罚"), ("10500", " ", "10500")):
        refused = corrected("penalised", amount, reason)
        assert (refused.status_code, kept in refused.text) == (422, True)
    page = corrected("penalised", "11000").text
    assert "10%" in page, "a tenth more lets the approvals stand"
    assert told() == (
        ("penalised", "逾期未整改 ¥11,000.00", Decimal(11_000)),
        ("approved", 2, Decimal(11_000)),
    )
    # The tenth counts from the ¥10,000 that were approved.
    page = corrected("penalised", "11000.01").text
    assert "增幅超过 10%，须重新征求全部审批意见" in page
    assert told() == (("received", "", None), ("pending", 3, Decimal("11000.01")))
    shown = client.get(f"/admin/approvals/details/?id={keys[1]}").text
    assert "代修费用结算" in shown and "¥11,000.01" in shown
    agreed(scope_of, judges, keys[1])
    assert told()[0] == ("penalised", "逾期未整改 ¥11,000.01", Decimal("11000.01"))


def test_a_penalty_that_nobody_was_asked_about_is_not_corrected(site, scope_of):
    with scope_of("admin", "group"):
        notice, _defect = issued_and_received(site)
        notice.deadline = utc_now() - dt.timedelta(days=1)
        db.session.flush()
        services.penalise_notice(notice, "扣款", Decimal("800"))
        assert not [step for step in NOTICE.available(notice) if step.offered]
        with pytest.raises(TransitionRefused, match=notice.number):
            services.correct_penalty(notice, Decimal("900"), "更正")


def test_who_judges_a_penalty_does_not_change_its_amount(site, judges, scope_of):
    with scope_of("admin", "group"):
        notice, _defect = issued_and_received(site)
        notice.deadline = utc_now() - dt.timedelta(days=1)
        db.session.flush()
        services.penalise_notice(notice, "逾期", Decimal(12_000))
        db.session.commit()
        key = notice.id
    with scope_of("service"), pytest.raises((ApprovalRefused, TransitionRefused)):
        services.correct_penalty(db.session.get_one(RectificationNotice, key), Decimal(13_000), "更正")


def test_a_penalty_above_the_free_amount_waits_for_approval(site, judges, scope_of, system):
    with scope_of("admin", "group"):
        notice, _defect = issued_and_received(site)
        with pytest.raises(TransitionRefused):
            services.penalise_notice(notice, "逾期", Decimal(12_000))
        notice.deadline = utc_now() - dt.timedelta(days=1)
        db.session.flush()
        asked = services.penalise_notice(notice, "逾期", Decimal(12_000))
        assert (notice.state, asked.band) == ("received", "manager")
        with pytest.raises(TransitionRefused, match=asked.number):
            services.penalise_notice(notice, "逾期", Decimal(13_000))
        keys = notice.id, asked.id
        db.session.commit()
    agreed(scope_of, judges, keys[1])
    with system():
        notice = db.session.get_one(RectificationNotice, keys[0])
        assert (notice.state, notice.penalty_note) == ("penalised", "逾期 ¥12,000.00")
        assert notice.penalty_amount == Decimal("12000.00")


def test_no_state_of_a_notice_is_out_of_reach():
    reached = {NOTICE.states[0].code, *(each.target for each in NOTICE.transitions)}
    assert reached == {state.code for state in NOTICE.states}


def test_figures_of_defects(site, scope_of):
    with scope_of("admin", "group"):
        now = utc_now()
        defects = [registered(site) for _number in range(6)]
        for defect in defects:
            defect.first_promised_by = now - dt.timedelta(days=1)
        for defect, days in zip(defects[:4], (3, 2, 1, 0), strict=True):
            defect.state, defect.fixed_at = "closed", now - dt.timedelta(days=days, minutes=1)
        defects[5].state = "invalid"
        db.session.flush()
        assert (indicators.closed().numerator, indicators.closed().denominator) == (4, 5)
        assert indicators.on_time().percent == "60.0%"
        (record,) = indicators.by_contractor()
        assert (record.total, record.open) == (5, 1)


def test_the_limits_of_a_notice_run_and_stop_with_it(site, scope_of):
    with scope_of("head"):
        defect = registered(site)
        (notice,) = services.create_notices([defect])
        (issue,) = clocks_of(notice)
        assert (issue.policy, issue.due_at) == ("handover.notice_issue", notice.issue_due_at)
        services.issue_notice(notice)
        running = {clock.policy: clock.due_at for clock in clocks_of(notice) if clock.is_running}
        expected = {
            "handover.notice_receipt": notice.receipt_due_at,
            "handover.notice_deadline": notice.deadline,
        }
        assert running.keys() == expected.keys()
        assert all(
            dt.timedelta() <= due - expected[code] < dt.timedelta(seconds=1) for code, due in running.items()
        )
        deadline = running_clock("handover.notice_deadline", notice)
        assert [step["after"] // 86_400 for step in deadline.terms["ladder"]] == [1, 3, 7]
        services.receive_notice(notice, "王经理")
        assert [clock.policy for clock in clocks_of(notice) if clock.is_running] == [
            "handover.notice_deadline"
        ]


def test_the_deadline_of_a_notice_stops_with_the_last_repair_and_runs_again_after_a_failed_one(
    site, scope_of
):
    with scope_of("head"):
        first, second = registered(site), registered(site)
        (notice,) = services.create_notices([first, second])
        services.issue_notice(notice)
        deadline = running_clock("handover.notice_deadline", notice)
        for defect in (first, second):
            assert deadline.is_running
            services.start_fixing(defect)
            services.report_fixed(defect, "重做")
        assert not deadline.is_running
        assert not deadline.is_breached
        first.fixed_by_id = None
        services.reject_defect(first, "还在渗")
        again = running_clock("handover.notice_deadline", notice)
        assert again is not deadline
        assert abs(again.due_at - notice.deadline) < dt.timedelta(seconds=1)
