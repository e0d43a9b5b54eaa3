"""The rules of inspections: start, results, finish, first pass (domain reference 3.3.6)."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from flask_babel import force_locale

from core.toolkit import Building, TimelineEntry, User, db, history_of
from plugins.handover import indicators, services
from plugins.handover.documents.inspections import inspection_record
from plugins.handover.errors import HandoverRuleError, IncompleteError, OutdatedError
from plugins.handover.models import (
    Defect,
    FinishedInspectionError,
    HandoverUnit,
    Inspection,
    InspectionKind,
    InspectionResult,
    Opinion,
    Severity,
    Verdict,
)
from plugins.handover.tests.conftest import (
    answer_all,
    fail,
    finished,
    first_room,
    photograph,
    result_of,
    started,
    unit,
)


def test_a_start_lays_out_the_checklist_for_the_house(site, system):
    with system():
        house = unit(site.unit_ids[2])
        house.layout, house.floor = "三房两厅两卫", 5
        inspection = started(house.id)
        rooms = [room.name for room in inspection.rooms]
        assert [name for name in rooms if "卧" in name] == ["主卧", "次卧", "次卧2"]
        assert [name for name in rooms if "卫" in name] == ["主卫", "次卫"]
        assert not any("花园" in name for name in rooms)
        codes = {result.item_code for result in inspection.results}
        # 121 items: 4 are for rough houses only, 2 for gardens and roofs.
        assert len(codes) == 121 - 4 - 2
        assert inspection.number.startswith("YF-QZA-")


def test_a_rough_house_has_no_items_of_fitted_ones(site, system):
    with system():
        house = unit(site.unit_ids[0])
        house.decoration = "rough"
        codes = {result.item_code for result in started(house.id).results}
        assert {"FL01", "FL02"} <= codes
        assert "FL05" not in codes


@pytest.mark.parametrize(
    ("layout", "rooms"),
    [
        ("三房两厅两卫", (3, 2)),
        ("4室2厅1卫", (4, 1)),
        ("Studio", (1, 1)),
        ("3 bed 2 bath", (3, 2)),
        ("", (1, 1)),
    ],
)
def test_rooms_of_a_layout(layout, rooms):
    assert services.rooms_of_layout(layout) == rooms


@pytest.mark.parametrize(("storeys", "lowest"), [(6, "1.05"), (7, "1.1"), (33, "1.1"), (None, "1.1")])
def test_the_railing_height_depends_on_the_storeys(site, system, storeys, lowest):
    with system():
        house = unit(site.unit_ids[0])
        db.session.get_one(Building, house.building_id).total_floors = storeys
        db.session.flush()
        measures = result_of(started(house.id), "BR01").measures
        assert [measure["low"] for measure in measures] == [lowest]


def test_old_records_keep_their_texts(site, system):
    from plugins.handover.models import TemplateItem

    with system():
        inspection = started(site.unit_ids[0])
        before = result_of(inspection, "WP01").standard
        for item in db.session.scalars(sa.select(TemplateItem).where(TemplateItem.code == "WP01")):
            item.standard = "changed later"
        db.session.flush()
        db.session.expire_all()
        assert result_of(inspection, "WP01").standard == before


def test_rule_1_open_serious_defects_of_own_rounds_stop_a_formal_inspection(site, scope_of):
    with scope_of("admin", "group"):
        finished(site.unit_ids[0], "WP01", kind=InspectionKind.HOUSEHOLD)
        formal = services.plan_inspection(unit(site.unit_ids[0]), InspectionKind.FORMAL)
        with pytest.raises(HandoverRuleError, match="DF-QZA"):
            services.start_inspection(formal)
        services.start_inspection(formal, override_reason="业主急需，已书面承诺")
        assert formal.override_reason == "业主急需，已书面承诺"
        assert formal.overridden_by_id is not None


def test_rule_1_the_override_is_a_right_of_its_own(site, scope_of):
    with scope_of("admin", "group"):
        finished(site.unit_ids[0], "WP01", kind=InspectionKind.MOCK)
        db.session.commit()
    with scope_of("engineer"):
        formal = services.plan_inspection(unit(site.unit_ids[0]), InspectionKind.FORMAL)
        with pytest.raises(HandoverRuleError):
            services.start_inspection(formal, override_reason="没有权限")
        assert formal.state == "planned"


def test_rule_1_slight_defects_do_not_stop(site, scope_of):
    with scope_of("admin", "group"):
        finished(site.unit_ids[0], "DR02", kind=InspectionKind.HOUSEHOLD)
        assert started(site.unit_ids[0]).state == "in_progress"


def test_a_second_round_waits_for_the_first(site, system):
    with system():
        started(site.unit_ids[0])
        with pytest.raises(HandoverRuleError):
            services.plan_inspection(unit(site.unit_ids[0]), InspectionKind.FORMAL)
        other = services.plan_inspection(unit(site.unit_ids[0]), InspectionKind.MOCK)
        assert other.round_number == 1


def test_rounds_are_counted(site, system):
    with system():
        finished(site.unit_ids[0])
        assert services.plan_inspection(unit(site.unit_ids[0]), InspectionKind.FORMAL).round_number == 2


def test_a_failed_item_has_a_defect_at_once(site, system):
    with system():
        inspection = started(site.unit_ids[0])
        defect = services.record_result(result_of(inspection, "WP01"), Verdict.FAIL)
        assert defect.number.startswith("DF-QZA-")
        assert defect.number.endswith("-0001")
        assert [code.code for code in defect.codes] == ["D01"]
        assert defect.severity == "S1"
        assert defect.contractor.short_name == "鹏城防水"
        assert defect.room_name == "卫生间"
        assert defect.promised_by - defect.raised_at == dt.timedelta(days=15)


@pytest.mark.parametrize(("code", "hours"), [("WP01", 360), ("WL04", 360), ("DR02", 168), ("DR01", 72)])
def test_the_promise_follows_the_severity(site, system, code, hours):
    with system():
        defect = services.record_result(result_of(started(site.unit_ids[0]), code), Verdict.FAIL)
        assert defect.promised_by - defect.raised_at == dt.timedelta(hours=hours)


def test_tapping_twice_makes_one_defect(site, system):
    with system():
        result = result_of(started(site.unit_ids[0]), "WP01")
        version = result.row_version
        first = services.record_result(result, Verdict.FAIL, row_version=version)
        again = services.record_result(result, Verdict.FAIL, row_version=version)
        assert first.id == again.id
        assert db.session.scalar(sa.select(sa.func.count(Defect.id))) == 1


def test_correcting_a_result_takes_its_defect_back_and_gives_it_again(site, scope_of):
    with scope_of("admin", "group"):
        result = result_of(started(site.unit_ids[0]), "WP01")
        defect = services.record_result(result, Verdict.FAIL)
        assert services.record_result(result, Verdict.PASS) is None
        assert defect.state == "invalid"
        for language, because in (
            ("zh_Hans_CN", "验房过程中更正了结果。"),
            ("en", "The result was corrected during the inspection."),
        ):
            with force_locale(language):
                assert str(defect.closing_reason) == because == str(history_of(defect)[0].comment)
        again = services.record_result(result, Verdict.FAIL)
        assert (again.id, again.state) == (defect.id, "open")


def test_a_stale_tap_is_refused_with_what_is_saved(site, system):
    with system():
        result = result_of(started(site.unit_ids[0]), "WP01")
        shown = result.row_version
        services.record_result(result, Verdict.PASS, row_version=shown)
        with pytest.raises(OutdatedError) as caught:
            services.record_result(result, Verdict.FAIL, row_version=shown)
        assert caught.value.record is result
        assert result.verdict == Verdict.PASS


def test_the_same_key_finds_the_same_further_defect(site, system):
    with system():
        inspection = started(site.unit_ids[0])
        values = {
            "room": first_room(inspection),
            "codes": ["D08", "D07"],
            "description": "划伤",
            "severity": Severity.S4,
            "client_key": "phone-0001",
        }
        first = services.add_defect(inspection, **values)
        assert services.add_defect(inspection, **values).id == first.id
        assert [code.code for code in first.codes] == ["D08", "D07"]


@pytest.mark.parametrize("change", [{"codes": []}, {"codes": ["D99"]}, {"description": "  "}])
def test_a_further_defect_needs_kind_and_words(site, system, change):
    with system():
        inspection = started(site.unit_ids[0])
        values = {
            "room": first_room(inspection),
            "codes": ["D08"],
            "description": "划伤",
            "severity": Severity.S4,
            "client_key": "phone-0001",
        }
        with pytest.raises(HandoverRuleError):
            services.add_defect(inspection, **(values | change))


def test_rule_3_photo_room_and_kind_are_needed(site, system):
    with system():
        inspection = started(site.unit_ids[0])
        defect = services.record_result(result_of(inspection, "WL01"), Verdict.FAIL)
        assert defect.room_name == "", "an item of the whole house does not tell the room"
        answer_all(inspection)
        with pytest.raises(IncompleteError) as caught:
            services.finish_inspection(inspection, opinion="accept_after_rectification")
        (gap,) = caught.value.gaps
        assert defect.number in gap
        assert "房间" in gap
        assert "照片" in gap
        services.change_defect(defect, room=first_room(inspection))
        photograph(defect)
        assert services.finish_inspection(inspection).state == "finished"


def test_every_item_needs_a_result(site, system):
    with system():
        inspection = started(site.unit_ids[0])
        with pytest.raises(IncompleteError) as caught:
            services.finish_inspection(inspection, opinion="accept")
        assert len(caught.value.gaps) == len(inspection.rooms)


def test_the_opinion_fits_the_defects(site, system):
    with system():
        inspection = started(site.unit_ids[0])
        fail(inspection, "DR02")
        answer_all(inspection)
        for opinion, reason in (("", ""), ("accept", ""), ("refuse", "")):
            with pytest.raises(IncompleteError):
                services.finish_inspection(inspection, opinion=opinion, refusal_reason=reason)
        assert services.finish_inspection(inspection, opinion="refuse", refusal_reason="R4").passed is False


@pytest.mark.parametrize("reading", ["-1", "abc", "1e9", "12345678901.2", "1,5"])
def test_a_meter_reading_is_digits(site, system, reading):
    with system(), pytest.raises(HandoverRuleError):
        services.save_closing(started(site.unit_ids[0]), meter_water=reading)


def test_a_finished_inspection_never_changes(site, system):
    with system():
        inspection = finished(site.unit_ids[0])
        fingerprint = inspection.content_hash
        assert len(fingerprint) == 64
        assert services.content_hash(inspection) == fingerprint
        result = result_of(inspection, "WP01")
        with pytest.raises(HandoverRuleError):
            services.record_result(result, Verdict.FAIL)
        with pytest.raises(HandoverRuleError):
            services.save_closing(inspection, weather="雨")
        db.session.commit()
        for spoil in (
            lambda: setattr(inspection, "weather", "雨"),
            lambda: setattr(result_of(inspection, "WP01"), "verdict", Verdict.FAIL),
            lambda: setattr(inspection, "state", "in_progress"),
            lambda: db.session.delete(result_of(inspection, "WP01")),
        ):
            spoil()
            with pytest.raises(FinishedInspectionError):
                db.session.flush()
            db.session.rollback()


def test_finishing_twice_does_nothing(site, system):
    with system():
        inspection = finished(site.unit_ids[0])
        moment = inspection.finished_at
        services.finish_inspection(inspection)
        assert inspection.finished_at == moment
        entries = sa.select(TimelineEntry).where(TimelineEntry.kind == "handover.inspection_finished")
        assert len(db.session.scalars(entries).all()) == 1


def test_the_record_names_who_really_inspected(site, world, scope_of, sign_in):
    """A colleague goes instead of whom it was planned for: list, record and paper name him, and the plan stays."""
    with scope_of("admin", "group"):
        planned = db.session.get_one(User, world.users["engineer"])
        inspection = services.plan_inspection(
            unit(site.unit_ids[0]), InspectionKind.FORMAL, inspector=planned
        )
        services.start_inspection(inspection)
        answer_all(inspection)
        assert inspection.inspector == planned
        services.finish_inspection(inspection, opinion="accept")
        doer = db.session.get_one(User, world.users["admin"])
        assert (inspection.inspector, inspection.planned_inspector) == (doer, planned)
        printed = [row[1] for row in inspection_record(inspection, "zh_Hans_CN")["facts"]]
        assert (doer.name in printed, planned.name in printed) == (True, False)
        names = doer.name, planned.name
        key = inspection.id
        db.session.commit()
    browser = sign_in("admin", "group")
    listed = browser.get("/admin/handover/inspections/").text
    assert (names[0] in listed, names[1] in listed) == (True, False)
    record = browser.get(f"/admin/handover/inspections/details/?id={key}").text
    assert names[0] in record
    assert names[1] in record


def test_an_inspection_as_planned_says_nothing_of_a_plan(site, world, scope_of):
    with scope_of("admin", "group"):
        inspection = finished(site.unit_ids[0])
        assert (inspection.inspector_id, inspection.planned_inspector_id) == (world.users["admin"], None)


def test_a_formal_inspection_reaches_its_touchpoint(site, world, system):
    with system():
        inspection = finished(site.unit_ids[0])
        entry = db.session.scalar(sa.select(TimelineEntry).where(TimelineEntry.touchpoint_code == "TP-E06"))
        assert entry.unit_id == site.unit_ids[0]
        assert entry.customer_id == world.own.customer_ids[0]
        assert entry.details["inspection"] == inspection.number


def test_the_house_moves_with_its_inspection(site, scope_of):
    with scope_of("admin", "group"):
        batch = services.create_batch(unit(site.unit_ids[0]).project, code="A", name="一批")
        places = services.add_units(batch, [unit(key) for key in site.unit_ids])
        finished(site.unit_ids[0])
        finished(site.unit_ids[1], "DR02")
        finished(site.unit_ids[2], "DR02", opinion="refuse")
        assert [place.state for place in places] == ["accepted", "accepted_with_defects", "refused"]


def test_an_s1_blocks_the_acceptance(site, scope_of):
    with scope_of("admin", "group"):
        batch = services.create_batch(unit(site.unit_ids[0]).project, code="A", name="一批")
        (place,) = services.add_units(batch, [unit(site.unit_ids[0])])
        finished(site.unit_ids[0], "WP01")
        assert place.state == "inspecting"
        assert db.session.scalar(sa.select(HandoverUnit.state)) == "inspecting"


def test_measured_values_propose_a_verdict_and_are_never_passed_over(site, system):
    with system():
        inspection = started(site.unit_ids[0])
        result = result_of(inspection, "BR01")
        services.record_result(result, None, measured={"0": "１．０６"})
        assert result.measured == {"0": "1.06"}
        answer_all(inspection)
        assert result_of(inspection, "BR01").verdict is None
        assert services.progress(inspection)[-1].total > 0


def test_a_room_can_be_added_once(site, system):
    with system():
        inspection = started(site.unit_ids[0])
        before = len(inspection.results)
        room = services.add_room(inspection, "BAL", "北阳台")
        assert services.add_room(inspection, "BAL", "北阳台").id == room.id
        assert len(inspection.results) == before + 10
        with pytest.raises(HandoverRuleError):
            services.add_room(inspection, "XYZ", "密室")


def test_rule_2_and_worked_example_6_first_pass(site, world, system):
    """Ten houses, four without S1–S3, one of them with an S4: 40.0 %."""
    from core.toolkit import Unit

    with system():
        building = db.session.get_one(Building, world.own.building_id)
        for number in range(7):
            db.session.add(
                Unit(
                    project_id=building.project_id,
                    building_id=building.id,
                    entrance="1",
                    number=f"30{number}",
                    code=f"1-1-30{number}",
                )
            )
        db.session.flush()
        houses = db.session.scalars(sa.select(Unit.id).where(Unit.building_id == building.id)).all()
        assert len(houses) == 10
        for number, house in enumerate(houses):
            failing = ["DR01"] if number == 3 else [] if number < 3 else ["DR02"]
            finished(house, *failing)
        rate = indicators.first_pass()
        assert (rate.numerator, rate.denominator, rate.percent) == (4, 10, "40.0%")
        assert indicators.defects_per_house().mean == "0.6"


def test_a_second_round_does_not_change_the_first_pass(site, system):
    with system():
        finished(site.unit_ids[0], "DR02")
        finished(site.unit_ids[0])
        assert indicators.first_pass().percent == "0.0%"


def test_without_inspections_there_is_no_rate(site, system):
    with system():
        assert indicators.first_pass().percent is None
        assert indicators.defects_per_house().mean is None
        assert indicators.closed().percent is None
        assert indicators.on_time().percent is None


def test_rates_round_half_up():
    assert indicators.Rate(1, 8).percent == "12.5%"
    assert indicators.Rate(1, 16).percent == "6.3%"
    assert indicators.Rate(5, 2).mean == "2.5"


def test_a_cancelled_plan_needs_a_reason(site, system):
    with system():
        inspection = services.plan_inspection(unit(site.unit_ids[0]), InspectionKind.FORMAL)
        with pytest.raises(HandoverRuleError):
            services.cancel_inspection(inspection, " ")
        services.cancel_inspection(inspection, "业主改期")
        with pytest.raises(HandoverRuleError):
            services.start_inspection(inspection)


def test_inspections_of_other_projects_are_out_of_sight(site, scope_of, system):
    with system():
        started(site.foreign_unit_id)
        db.session.commit()
    with scope_of("engineer"):
        assert db.session.scalars(sa.select(Inspection)).all() == []
        assert db.session.scalar(sa.select(sa.func.count(InspectionResult.id))) == 0


def test_an_opinion_outside_the_list_is_refused(site, system):
    with system(), pytest.raises(HandoverRuleError):
        services.save_closing(started(site.unit_ids[0]), opinion="maybe")
    assert Opinion.ACCEPT == "accept"
