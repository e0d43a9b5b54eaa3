"""The way of an order: verdicts, limits, states, who may not accept, repeats, reopening, pauses."""

from __future__ import annotations

import datetime as dt

import pytest

from core.toolkit import LOCAL_ZONE, TransitionRefused, clocks_of, db, history_of, running_clock, utc_now
from plugins.warranty import deadlines, sla, words
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import Exclusion, Responsibility, VisitPurpose
from plugins.warranty.services import intake, orders
from plugins.warranty.services.intake import Issue
from plugins.warranty.sla import Priority, due_moment
from plugins.warranty.tests.helpers import (
    closed,
    dispatched,
    fixed,
    order_of,
    photograph,
    repairing,
    report,
    surveyed,
    unit,
)
from plugins.warranty.workflows import ORDER


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=LOCAL_ZONE)


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("start", "minutes", "priority", "due"),
    [
        ("2026-11-27 10:00", 24 * 60, "P3", "2026-11-28 10:00"),
        ("2026-11-27 16:00", 120, "P2", "2026-11-27 18:00"),
        ("2026-11-27 16:01", 120, "P2", "2026-11-28 09:00"),
        ("2026-11-27 06:29", 120, "P2", "2026-11-27 09:00"),
        ("2026-11-27 06:30", 120, "P2", "2026-11-27 08:30"),
        ("2026-11-27 23:00", 15, "P3", "2026-11-27 23:15"),
        ("2026-11-27 20:00", 120, "P1", "2026-11-27 22:00"),
        ("2026-10-01 20:00", 24 * 60, "P3", "2026-10-03 09:00"),
    ],
)
def test_limits_roll_out_of_the_night_and_holidays_do_not_extend_them(start, minutes, priority, due):
    assert due_moment(at(start), minutes, Priority(priority)) == at(due)


@pytest.mark.no_database
def test_the_limits_are_those_of_the_domain_reference():
    table = {
        "P1": (5, 15, 120, 240, 1440, 1440, 240),
        "P2": (15, 120, 1440, 1440, 4320, 10080, 2880),
        "P3": (15, 1440, 2880, 0, 4320, 10080, 10080),
        "P4": (15, 1440, 2880, 1440, 10080, 43200, 10080),
    }
    for priority, expected in table.items():
        assert tuple(sla.DEFAULTS[step][Priority(priority)] for step in sla.Step) == expected
    assert (sla.LEAK_MINUTES, sla.EMERGENCY_MINUTES, sla.SITE_TEAM_MINUTES) == (15 * 1440, 3 * 1440, 30)


def test_the_core_counts_the_same_due_moments(site, scope_of):
    with scope_of("head"):
        for fault, minutes in (("wall_crack", 10080), ("bathroom_leak", 21600), ("burst_pipe", 1440)):
            order = order_of(site.unit_ids[0], fault)
            assert order.due_at == due_moment(order.registered_at, minutes, order.priority)
            contact = sla.DEFAULTS[sla.Step.CONTACT][order.priority]
            assert order.contact_due_at == due_moment(order.registered_at, contact, order.priority)


def test_a_request_becomes_an_order_for_each_thing_with_verdict_contractor_and_number(site, world, scope_of):
    with scope_of("head"):
        leak, crack = report(site.unit_ids[0], "bathroom_leak", "wall_crack")
        assert leak.contractor_id == site.waterproofer_id
        assert crack.contractor_id == site.general_id
        assert (leak.cover, leak.borne_by) == ("in_warranty", "contractor")
        # The paint's two years ended on 2026-03-14 for the owner.
        assert (crack.cover, crack.borne_by) == ("expired", "owner")
        day = utc_now().astimezone(LOCAL_ZONE)
        assert leak.number == f"WX-{leak.project.code}-{day:%Y%m%d}-001"
        assert leak.request.number.startswith(f"BX-{leak.project.code}-")
        assert leak.promised_at <= leak.due_at


def test_the_gap_is_borne_by_the_developer(site, scope_of):
    with scope_of("head"):
        order = order_of(site.unit_ids[0], reported_at=at("2026-02-01 10:00"))
        assert (order.cover, order.borne_by) == ("gap", "developer")
        assert order.owner_end == dt.date(2026, 3, 14)
        assert str(words.COVERS[order.cover][1]) == "保修期内，开发商承担"
        assert str(words.cover_for_owner(order)[1]) == "保修期内", "who pays is not told to the owner"


def test_what_cannot_be_is_refused_with_a_sentence(site, world, scope_of):
    with scope_of("head"):
        house = unit(site.unit_ids[0])
        issue = Issue("wall_crack", "裂缝", "客厅")
        for wrong in (
            {"issues": []},
            {"issues": [Issue("nothing", "裂缝")]},
            {"issues": [Issue("wall_crack", "  ")]},
            {"issues": [issue] * 21},
            {"issues": [issue], "reporter_name": ""},
            {"issues": [issue], "reporter_phone": "abc"},
            {"issues": [issue], "reported_at": utc_now() + dt.timedelta(days=1)},
        ):
            with pytest.raises(WarrantyRuleError) as refused:
                intake.register_request(**{"unit": house, "reporter_name": "张先生", **wrong})
            assert str(refused.value)
        with pytest.raises(WarrantyRuleError):
            intake.register_request(issues=[issue], reporter_name="张先生")
        with pytest.raises(WarrantyRuleError):
            intake.register_request(issues=[issue], building=house.building, reporter_name="物业")


def test_a_request_that_is_sent_twice_is_made_once(site, scope_of):
    with scope_of("head"):
        first = report(site.unit_ids[0], client_key="page-0001")
        again = report(site.unit_ids[0], client_key="page-0001")
        assert [order.id for order in first] == [order.id for order in again]


def test_the_whole_way_to_the_call_back(site, scope_of):
    with scope_of("head"):
        order = repairing(order_of(site.unit_ids[0], "bathroom_leak"))
        with pytest.raises(TransitionRefused, match=r"photo|照片"):
            orders.report_fixed(order, "补做防水")
        photograph(order, "after")
        orders.report_fixed(order, "补做防水")
        assert order.repair_cycles == 1
        with pytest.raises(TransitionRefused, match=r"somebody else|其他人"):
            orders.accept_as_engineer(order)
        key = order.id
        db.session.commit()
    with scope_of("admin", "group"):
        order = db.session.get_one(type(order), key)
        orders.accept_as_engineer(order)
        orders.accept_as_owner(order, signer_name="张先生", score=4, clean_ok=True)
        orders.close(order)
        assert order.state == "closed"
        assert order.call_back_due_at > order.closed_at
        assert [clock.policy for clock in clocks_of(order) if clock.is_running] == ["warranty.call_back"]
        with pytest.raises(WarrantyRuleError):
            orders.call_back(order, reached=True)
        orders.call_back(order, reached=False, note="无人接听")
        assert order.state == "closed"
        orders.call_back(order, reached=True, score=5)
        assert (order.state, order.score) == ("called_back", 5)
        assert [clock for clock in clocks_of(order) if clock.is_running] == []
        kinds = [event.kind for event in order.events]
        assert kinds[0] == "reported" and "owner_accepted" in kinds


def test_a_leak_needs_the_owners_signature_on_its_plan(site, scope_of):
    with scope_of("head"):
        order = surveyed(order_of(site.unit_ids[0], "bathroom_leak"))
        with pytest.raises(TransitionRefused, match=r"plan|方案"):
            orders.confirm_plan(order)
        plan = orders.make_plan(order, method="凿开重做", days=5)
        assert plan.needs_signature
        with pytest.raises(TransitionRefused, match=r"signature|签"):
            orders.confirm_plan(order)
        orders.sign_plan(plan, "张先生")
        orders.confirm_plan(order)
        assert order.state == "planned"
        crack = surveyed(order_of(site.unit_ids[0], "door_window_adjust"))
        assert not orders.make_plan(crack, method="调整合页", days=1).needs_signature


def test_a_repair_that_is_sent_back_counts_its_cycles(site, scope_of):
    with scope_of("head"):
        order = fixed(order_of(site.unit_ids[0]))
        order.fixed_by_id = None
        orders.reject_repair(order, "仍有色差")
        assert (order.state, order.fixed_at) == ("repairing", None)
        orders.report_fixed(order, "再次涂刷")
        assert order.repair_cycles == 2
        assert [(each.kind, each.passed) for each in order.acceptances] == [("engineer", False)]


def test_the_same_room_and_category_within_ninety_days_is_a_repeat(site, scope_of):
    with scope_of("head"):
        first = closed(order_of(site.unit_ids[0], "bathroom_leak"))
        again = order_of(site.unit_ids[0], "bathroom_leak")
        assert again.repeat_of_id == first.id
        other_room = order_of(site.unit_ids[0], "bathroom_leak", room="次卫")
        other_house = order_of(site.unit_ids[1], "bathroom_leak")
        other_category = order_of(site.unit_ids[0], "wall_crack")
        assert [each.repeat_of_id for each in (other_room, other_house, other_category)] == [None] * 3
        first.closed_at = utc_now() - dt.timedelta(days=91)
        late = order_of(site.unit_ids[0], "bathroom_leak")
        assert late.repeat_of_id is None


def test_the_third_report_of_a_kind_goes_to_the_manager_at_once(site, scope_of):
    from plugins.warranty.models import Escalation

    with scope_of("head"):
        for number in (1, 2, 3):
            order = order_of(site.unit_ids[0], "lock", room="入户")
            rows = db.session.query(Escalation).filter_by(order_id=order.id).all()
            expected = {1: [], 2: ["repair_2"], 3: ["repeat"]}
            assert [row.step for row in rows] == expected[number]
            closed(order)


def test_a_repaired_defect_is_covered_for_another_year(site, scope_of):
    with scope_of("head"):
        first = closed(order_of(site.unit_ids[0], "blocked_drain", reported_at=at("2024-09-01 10:00")))
        assert first.cover == "gap"
        first.closed_at = first.owner_accepted_at = utc_now() - dt.timedelta(days=200)
        again = order_of(site.unit_ids[0], "blocked_drain")
        # Six months ended on 2024-09-14; the acceptance 200 days ago covers the same defect for a year.
        assert again.repeat_of_id is None
        assert again.cover == "gap"
        elsewhere = order_of(site.unit_ids[0], "blocked_drain", room="厨房")
        assert elsewhere.cover == "expired"


def test_a_dissatisfied_owner_opens_the_order_again(site, scope_of):
    with scope_of("head"):
        order = closed(order_of(site.unit_ids[0]))
        orders.call_back(order, reached=True, score=2, note="还是开裂")
        newest = history_of(order)[0]
        assert (str(newest.target), newest.comment) == (str(ORDER.state("reopened").label), "还是开裂")
        assert (order.state, order.reopen_count, order.fixed_at) == ("reopened", 1, None)
        assert running_clock("warranty.complete", order) is not None
        orders.dispatch(order)
        assert order.state == "dispatched"


def test_a_closed_order_is_opened_again_within_ninety_days_only(site, scope_of):
    with scope_of("head"):
        order = closed(order_of(site.unit_ids[0]))
        order.closed_at = utc_now() - dt.timedelta(days=91)
        db.session.flush()
        with pytest.raises(TransitionRefused, match="90"):
            orders.reopen(order, "又裂了")
        order.closed_at = utc_now() - dt.timedelta(days=89)
        db.session.flush()
        orders.reopen(order, "又裂了")
        assert order.state == "reopened"


def started_before(order, days: int) -> dt.datetime:
    """Let the clock of the repair run since some days ago."""
    began = utc_now() - dt.timedelta(days=days)
    deadlines.stop(order, sla.Step.COMPLETE)
    deadlines.start(order, sla.Step.COMPLETE, began)
    return began


def test_only_what_the_owner_or_the_season_causes_stops_the_clock(site, scope_of):
    with scope_of("head"):
        for reason, stops in (
            ("owner_unavailable", True), ("season", True), ("waiting_material", False), ("design_reply", False),
        ):  # fmt: skip
            order = dispatched(order_of(site.unit_ids[0], "door_window_adjust"))
            began = started_before(order, 3)
            orders.suspend(order, reason, "等待", told_at=utc_now())
            clock = running_clock("warranty.complete", order)
            pause = clock.pauses[-1]
            pause.started_at = pause.notice_at = utc_now() - dt.timedelta(days=2)
            db.session.flush()
            orders.resume(order)
            assert order.state == "dispatched"
            rested = dt.timedelta(days=2) if stops else dt.timedelta()
            expected = due_moment(began, 10080, Priority.P3, rested)
            assert abs(order.due_at - expected) < dt.timedelta(seconds=5), reason


def test_a_pause_of_which_the_owner_was_not_told_does_not_count(site, scope_of):
    with scope_of("head"):
        order = dispatched(order_of(site.unit_ids[0], "door_window_adjust"))
        began = started_before(order, 3)
        orders.suspend(order, "owner_unavailable", "出国")
        clock = running_clock("warranty.complete", order)
        clock.pauses[-1].started_at = utc_now() - dt.timedelta(days=2)
        db.session.flush()
        orders.resume(order)
        assert order.due_at == due_moment(began, 10080, Priority.P3)


def test_an_exclusion_needs_a_reason_and_evidence(site, scope_of):
    with scope_of("head"):
        order = order_of(site.unit_ids[0], "bathroom_leak")
        with pytest.raises(WarrantyRuleError):
            orders.refuse(order, "已过保修期")
        with pytest.raises(TransitionRefused, match=r"evidence|证据"):
            orders.refuse(order, "业主自行改动防水层", Exclusion.ALTERATION)
        photograph(order, "evidence")
        orders.refuse(order, "业主自行改动防水层", Exclusion.ALTERATION)
        assert (order.state, order.cover, order.borne_by) == ("not_warranty", "excluded", "owner")
        orders.accept_paid(order, "业主同意报价 800 元")
        assert (order.state, order.borne_by) == ("triaged", "owner")
        expired = order_of(site.unit_ids[0], "wall_crack")
        orders.refuse(expired, "W06 保修期至 2026-03-14 届满")
        assert expired.state == "not_warranty"


def test_goodwill_is_decided_by_hand_with_a_reason(site, scope_of):
    with scope_of("head"):
        order = order_of(site.unit_ids[0])
        assert order.borne_by == "owner"
        with pytest.raises(WarrantyRuleError):
            orders.override_cover(order, True, " ")
        orders.override_cover(order, True, "到期前多次口头报修")
        orders.triage(order, responsibility=Responsibility.DEVELOPER)
        assert (order.cover, order.borne_by) == ("gap", "developer")


def test_another_priority_gives_the_running_clocks_its_limits(site, scope_of):
    with scope_of("head"):
        order = order_of(site.unit_ids[0], "door_window_adjust")
        orders.triage(order, responsibility=Responsibility.CONTRACTOR, priority="P1")
        assert order.due_at == due_moment(order.registered_at, 1440, Priority.P1)
        orders.allow_longer_emergency(order, "需更换定制门扇，已报审批")
        assert order.due_at == due_moment(order.registered_at, 4320, Priority.P1)
        other = order_of(site.unit_ids[0], "door_window_adjust")
        with pytest.raises(WarrantyRuleError):
            orders.allow_longer_emergency(other, "理由")


def test_a_visit_is_proposed_for_the_next_half_hour():
    evening = dt.datetime(2026, 11, 28, 15, 41, 9, tzinfo=dt.UTC)
    assert words.proposed_visit(evening) == ("2026-11-29T00:00", "2026-11-29T02:00")
    assert words.proposed_visit(evening.replace(minute=0, second=0)) == (
        "2026-11-28T23:30",
        "2026-11-29T01:30",
    )


def test_a_second_repair_visit_says_why(site, scope_of):
    with scope_of("head"):
        order = repairing(order_of(site.unit_ids[0]))
        now = utc_now()
        visit = orders.book_visit(order, now, now + dt.timedelta(hours=2), purpose=VisitPurpose.REPAIR)
        orders.arrive(visit)
        orders.leave(visit, findings="批嵌第一遍", materials="腻子 5 kg", minutes=120)
        with pytest.raises(WarrantyRuleError):
            orders.book_visit(order, now, now + dt.timedelta(hours=2), purpose=VisitPurpose.REPAIR)
        orders.book_visit(
            order, now, now + dt.timedelta(hours=2), purpose=VisitPurpose.REPAIR, return_reason="等待干燥"
        )
        assert len(order.visits) == 3


def test_merging_says_so_on_both_and_needs_one_building(site, scope_of):
    with scope_of("head"):
        first, second = order_of(site.unit_ids[0], "window_leak"), order_of(site.unit_ids[1], "window_leak")
        orders.merge(second, first, "同一立管")
        assert (second.state, second.merged_into_id) == ("merged", first.id)
        assert first.events[-1].kind == "merged"
        with pytest.raises(WarrantyRuleError):
            orders.merge(first, first, "自己")


def test_ageing_colours():
    limits = {"yellow": 8, "orange": 15, "red": 31}
    days = {0: "normal", 7: "normal", 8: "yellow", 14: "yellow", 15: "orange", 30: "orange", 31: "red"}
    assert {day: orders.age_colour(day, limits) for day in days} == days


def test_no_state_is_reached_but_by_the_workflow(site, scope_of):
    """Every step from every state in which it is not possible is refused."""
    with scope_of("head"):
        order = order_of(site.unit_ids[0])
        for state in ORDER.states:
            for step in ORDER.transitions:
                if state.code in step.sources:
                    continue
                order.state = state.code
                db.session.flush()
                with pytest.raises(TransitionRefused):
                    ORDER.move(order, step.code)
                assert order.state == state.code
