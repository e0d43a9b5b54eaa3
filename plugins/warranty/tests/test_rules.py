"""The numbers of domain reference 3.4 that are settings, and who hears of what comes back, waits or endangers."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import current_app

from core.toolkit import LOCAL_ZONE, DeliveryBatch, Todo, clocks_of, db, running_clock, setting, utc_now
from plugins.warranty import configuration, deadlines, messages, sla
from plugins.warranty.catalogue import faults
from plugins.warranty.common import option
from plugins.warranty.models import Channel, Escalation, GroupCase, Responsibility
from plugins.warranty.services import orders
from plugins.warranty.sla import Priority, Step
from plugins.warranty.tests.helpers import closed, dispatched, order_of, surveyed
from plugins.warranty.tests.test_cases import houses


def changed(monkeypatch, **values: object) -> None:
    """Settings as a department changed them, for the services and for the clocks of the core."""

    def asked(component: str, key: str, department_id: int | None = None) -> object:
        if component == "warranty" and key in values:
            return values[key]
        return setting(component, key, department_id)

    monkeypatch.setattr("plugins.warranty.common.setting", asked)
    held = current_app.extensions["doorstep.clocks"]
    monkeypatch.setitem(current_app.extensions, "doorstep.clocks", replace(held, setting_of=asked))


@pytest.mark.no_database
def test_every_number_of_practice_is_a_setting_with_its_default():
    held = {each.key: each.default for each in (*configuration.settings(), *messages.settings())}
    expected = {
        "night_from": "18:00", "night_until": "08:30", "night_to": "09:00", "night_shortest_minutes": 120,
        "pause_days_owner": 30, "pause_days_season": 30, "extension_months": 12, "expiry_notice_days": 30,
        "escalate_manager_hours": 24, "escalate_director_hours": 72, "escalate_city_hours": 168,
        "escalate_region_hours": 360, "escalate_households": 5, "age_yellow_days": 8, "age_orange_days": 15,
        "age_red_days": 31, "repeat_days": 90, "repeat_escalates": 3, "repairs_escalate": 2,
        "arrival_tolerance_minutes": 15, "call_back_days": 2, "dissatisfied_score": 2, "long_repair_days": 15,
        "minutes_progress_long": 10080, "batch_orders": 5, "batch_days": 30, "batch_percent": 10,
        "rain_percent": 20, "design_reply_days": 3, "notice_1_hours": 24, "notice_2_hours": 24,
        "third_party_hours": 4, "management_fee_percent": 15, "objection_days": 7, "retention_percent": 3,
        "release_answer_days": 14, "small_sample": 30, "suppressed_sample": 5, "satisfied_score": 4,
        "report_figures_day": 3, "report_analysis_day": 5, "target_k22": 95, "challenge_k22": 98,
        "minutes_complete_leak": 21600, "minutes_complete_emergency": 4320, "minutes_arrival_site_team": 30,
        "call_back_deduction": 2, "paper_entry_hours": 24, "progress_ahead_minutes": 60,
        "progress_by": "person", "provision_rough": 500, "provision_fitted": 2000,
    }  # fmt: skip
    assert {key: held[key] for key in expected} == expected
    days = {
        "tap_drip": 1, "socket_switch": 1, "lock": 1, "door_window_adjust": 2, "sealant": 2, "blocked_drain": 1,
        "toilet": 2, "paint": 3, "hollow_tile": 5, "wall_crack": 7, "wood_floor": 7, "hollow_plaster": 7,
        "window_leak": 7, "bathroom_leak": 15, "external_wall_leak": 20, "roof_leak": 15, "structural_crack": 30,
        "door_glass_replace": 15, "cabinet_parts": 15,
    }  # fmt: skip
    assert {code: held[faults()[code].setting_key] for code in days} == days
    for step in Step:
        for priority in Priority:
            assert held[sla.setting_key(step, priority)] == sla.DEFAULTS[step][priority]


def test_what_was_taken_down_on_paper_is_entered_within_a_day(site, scope_of):
    with scope_of("head"):
        noon = dt.datetime(2026, 11, 24, 12, 0, tzinfo=LOCAL_ZONE)
        due = {
            channel: order_of(site.unit_ids[0], reported_at=noon, channel=channel).register_due_at
            for channel in (Channel.PHONE, Channel.PAPER)
        }
        assert due == {
            Channel.PHONE: noon + dt.timedelta(minutes=15), Channel.PAPER: noon + dt.timedelta(hours=24),
        }  # fmt: skip


def test_a_department_moves_its_night(site, scope_of, monkeypatch):
    with scope_of("head"):
        changed(
            monkeypatch, night_from="20:00", night_until="07:00", night_to="07:30", night_shortest_minutes=60
        )
        order = order_of(site.unit_ids[0])
        terms = running_clock("warranty.complete", order).terms["roll"]
        assert terms == {"after": "20:00:00", "before": "07:00:00", "to": "07:30:00", "from_limit": 3600}
        night = deadlines.night_of(order.project)
        start = dt.datetime(2026, 11, 27, 18, 30, tzinfo=LOCAL_ZONE)
        assert sla.due_moment(start, 120, Priority.P2, night=night) == start.replace(day=28, hour=7)
        assert sla.due_moment(start, 60, Priority.P2, night=night) == start + dt.timedelta(hours=1)
        old = order_of(site.unit_ids[1])
        monkeypatch.undo()
        assert running_clock("warranty.complete", old).terms["roll"] == terms


def test_a_department_says_how_long_a_rest_stops_the_clock(site, scope_of, monkeypatch):
    with scope_of("head"):
        changed(monkeypatch, pause_days_owner=10)
        order = order_of(site.unit_ids[0])
        pauses = running_clock("warranty.complete", order).terms["pauses"]
        assert (pauses["owner_unavailable"]["most"], pauses["season"]["most"]) == (10 * 86400, 30 * 86400)
        assert pauses["waiting_material"]["stops"] is False


def escalations(order) -> list[str]:
    return sorted(db.session.scalars(sa.select(Escalation.step).where(Escalation.order_id == order.id)))


def test_the_second_repair_and_the_third_report_are_escalated(site, scope_of):
    with scope_of("head"):
        first = closed(order_of(site.unit_ids[0]))
        second = order_of(site.unit_ids[0])
        assert second.repeat_of_id == first.id
        assert escalations(second) == ["repair_2"]
        third = order_of(site.unit_ids[0])
        assert escalations(third) == ["repeat"]
        other_room = order_of(site.unit_ids[0], room="客厅")
        assert escalations(other_room) == []


def test_merged_reports_count_and_cancelled_ones_do_not(site, scope_of):
    with scope_of("head"):
        kept, same, taken_back = (order_of(site.unit_ids[0]) for _each in range(3))
        assert escalations(taken_back) == ["repeat"]
        orders.cancel(taken_back, "误报")
        orders.merge(same, kept, "同一处")
        assert escalations(order_of(site.unit_ids[0])) == ["repeat"]
        again = [order_of(site.unit_ids[1]) for _each in range(2)]
        orders.cancel(again[0], "误报")
        assert escalations(order_of(site.unit_ids[1])) == []


def test_an_order_that_is_opened_again_is_escalated(site, scope_of):
    with scope_of("head"):
        order = closed(order_of(site.unit_ids[0]))
        orders.reopen(order, "还在渗")
        assert escalations(order) == ["repair_2"]


def test_our_own_people_have_half_an_hour_at_an_emergency(site, scope_of):
    with scope_of("head"):
        order = order_of(site.unit_ids[0], "burst_pipe")
        clock = running_clock(deadlines.SITE_TEAM, order)
        assert clock.due_at - order.registered_at == dt.timedelta(minutes=30)
        surveyed(order)
        assert running_clock(deadlines.SITE_TEAM, order) is None
        normal = order_of(site.unit_ids[0])
        assert running_clock(deadlines.SITE_TEAM, normal) is None
        orders.triage(normal, responsibility=Responsibility.CONTRACTOR, priority="P1")
        assert running_clock(deadlines.SITE_TEAM, normal) is not None


def test_the_structure_is_told_to_legal_and_the_design_department_has_three_days(site, scope_of):
    with scope_of("head"):
        order = order_of(site.unit_ids[0], "structural_crack")
        dispatched(order)
        roles = db.session.scalars(
            sa.select(Todo.role).where(Todo.dedupe_key == f"warranty:structure:{order.id}")
        )
        assert list(roles) == ["LEG"]
        orders.suspend(order, "design_reply", "等待设计复核")
        clock = running_clock(deadlines.DESIGN_REPLY, order)
        assert clock.due_at - clock.started_at == dt.timedelta(days=3)
        orders.resume(order)
        assert running_clock(deadlines.DESIGN_REPLY, order) is None


def test_the_owner_hears_of_the_progress_in_time_and_of_a_long_repair_every_week(site, scope_of, monkeypatch):
    with scope_of("head"):
        order = order_of(site.unit_ids[0], "bathroom_leak")
        assert order.progress_due_at == sla.due_moment(order.registered_at, 2880, Priority.P2)
        assert not orders.is_untold(order)
        assert orders.is_untold(order, order.progress_due_at + dt.timedelta(minutes=1))
        orders.tell_progress(order, "已约师傅")
        told = running_clock("warranty.progress", order)
        assert order.progress_due_at == told.due_at > utc_now()
        changed(monkeypatch, minutes_progress_p2=20 * 1440)
        assert deadlines.limit_minutes(order, Step.PROGRESS) == 20 * 1440
        order.reported_at -= dt.timedelta(days=16)
        assert deadlines.is_long(order)
        assert deadlines.limit_minutes(order, Step.PROGRESS) == 7 * 1440
        deadlines.stop(order, Step.PROGRESS)
        assert order.progress_due_at is None
        assert len(clocks_of(order, "warranty.progress")) == 2


def test_leaks_after_rain_are_counted_in_the_batch_of_the_handover(site, world, scope_of, monkeypatch):
    """Of two buildings that were handed over together, a fifth of the delivered houses leaks."""
    with scope_of("head"):
        first, second = houses(world, 10, 10, "7"), houses(world, 12, 10, "8")
        houses(world, 100, 100, "6")
        batch = DeliveryBatch("handover.batch", 41, "一批次", (*first, *second))
        monkeypatch.setattr(
            "plugins.warranty.services.cases.delivery_batch_of",
            lambda unit: batch if unit.id in batch.unit_ids else None,
        )
        made = [order_of(key, "window_leak") for key in (first[0], second[0], first[1])]
        assert db.session.scalar(sa.select(GroupCase.id).where(GroupCase.kind == "rain")) is None
        made.append(order_of(second[1], "window_leak"))
        case = db.session.scalars(sa.select(GroupCase).where(GroupCase.kind == "rain")).one()
        assert (case.houses_found, case.houses_total, case.is_major) == (4, 20, True)
        assert (case.batch_kind, case.batch_id, case.batch_name) == ("handover.batch", 41, "一批次")
        assert case.phase_id is None
        later = order_of(first[5], "window_leak")
        assert later.group_case_id == case.id
        assert int(option("rain_percent")) == 20
