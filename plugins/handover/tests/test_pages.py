"""The pages on site and in the back office, as a phone and a browser ask for them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from core.toolkit import db
from plugins.handover import services
from plugins.handover.models import (
    Defect,
    Inspection,
    InspectionKind,
    InspectionResult,
    RectificationNotice,
    Severity,
)
from plugins.handover.tests.conftest import SITE, finished, jpeg, photograph, result_of, started, unit

JSON = {"Accept": "application/json"}


@pytest.fixture
def running(site, prepared, scope_of):
    """Ids of a running inspection and of its item WP01."""

    def make():
        with scope_of("admin", "group"):
            inspection = started(site.unit_ids[0])
            ids = inspection.id, result_of(inspection, "WP01").id
            db.session.commit()
        return ids

    return prepared("a running inspection", make, after=SITE)


@pytest.fixture
def engineer(sign_in, site):
    return sign_in("admin", "group")


def form(**values):
    return {"row_version": "1", "verdict": "fail", **values}


def test_the_list_finds_a_house(running, engineer):
    assert "1-1-101" in engineer.get("/handover/on-site/?view=all").text
    assert "1-1-101" in engineer.get("/handover/on-site/?q=101").text
    assert "1-1-101" not in engineer.get("/handover/on-site/?q=3-3-303").text


def test_a_tap_is_saved_and_answers_with_the_part_of_the_page(running, engineer, system):
    inspection, result = running
    answer = engineer.post(f"/handover/on-site/{inspection}/results/{result}", data=form(), headers=JSON)
    assert answer.status_code == 200
    assert "data-defect" in answer.json["html"]
    again = engineer.post(f"/handover/on-site/{inspection}/results/{result}", data=form(), headers=JSON)
    assert again.status_code == 200
    with system():
        assert db.session.scalar(sa.select(sa.func.count(Defect.id))) == 1
        assert db.session.get_one(InspectionResult, result).verdict == "fail"


def test_a_stale_tap_answers_409_with_what_is_saved(running, engineer):
    inspection, result = running
    address = f"/handover/on-site/{inspection}/results/{result}"
    engineer.post(address, data=form(verdict="pass"), headers=JSON)
    stale = engineer.post(address, data=form(verdict="na"), headers=JSON)
    assert stale.status_code == 409
    assert stale.json["message"]
    assert 'aria-pressed="true">' in stale.json["html"]


@pytest.mark.parametrize(
    "values", [{"verdict": "maybe"}, {"measured_0": "abc"}, {"verdict": "pass", "measured_0": "1" * 40}]
)
def test_bad_input_is_a_sentence_and_never_a_500(running, engineer, values):
    inspection, result = running
    answer = engineer.post(
        f"/handover/on-site/{inspection}/results/{result}", data=form(**values), headers=JSON
    )
    assert answer.status_code == 422
    assert answer.json["message"]


def test_without_a_script_the_form_leads_back_to_its_item(running, engineer):
    inspection, result = running
    answer = engineer.post(
        f"/handover/on-site/{inspection}/results/{result}", data=form(anchor=f"item-{result}", room_page="1")
    )
    assert answer.status_code == 303
    assert answer.location.endswith(f"#item-{result}")


@pytest.mark.parametrize("key", ["99999", "9223372036854775808", "abc"])
def test_missing_inspections_answer_404(engineer, site, key):
    assert engineer.get(f"/handover/on-site/{key}").status_code == 404


def test_an_item_of_another_inspection_is_not_found(running, site, engineer, scope_of):
    with scope_of("admin", "group"):
        other = started(site.unit_ids[1]).id
        db.session.commit()
    assert (
        engineer.post(
            f"/handover/on-site/{other}/results/{running[1]}", data=form(), headers=JSON
        ).status_code
        == 404
    )


def test_a_photo_is_attached_at_once(running, engineer, system):
    inspection, result = running
    engineer.post(f"/handover/on-site/{inspection}/results/{result}", data=form(), headers=JSON)
    with system():
        defect = db.session.scalar(sa.select(Defect.id))
    answer = engineer.post(
        _upload_address(engineer),
        data={
            "record_kind": "handover.defect",
            "record_id": str(defect),
            "slot": "before",
            "file": (jpeg(), "现场.jpg"),
        },
        headers=JSON,
    )
    assert len(answer.json["files"]) == 1
    part = engineer.get(f"/handover/on-site/{inspection}/defects/{defect}")
    assert "<img" in part.json["html"]


def _upload_address(client):
    with client.application.test_request_context():
        from flask import url_for

        return url_for("files.upload")


def test_the_whole_path_of_a_clean_house(site, engineer, scope_of, system):
    with scope_of("admin", "group"):
        key = services.plan_inspection(unit(site.unit_ids[0]), InspectionKind.FORMAL).id
        db.session.commit()
    page = f"/handover/on-site/{key}"
    assert engineer.post(f"{page}/start").status_code == 303
    assert engineer.get(page).status_code == 200
    with system():
        rooms = [room.id for room in db.session.get_one(Inspection, key).rooms]
    for room in rooms:
        engineer.post(f"{page}/rooms/{room}/rest", data={"verdict": "pass"})
    typed = {"weather": "晴", "meter_water": "00012.3", "step": "finish"}
    refused = engineer.post(f"{page}/finish", data=typed)
    assert refused.status_code == 422
    assert "00012.3" in refused.text
    assert engineer.post(f"{page}/finish", data=typed | {"opinion": "accept"}).status_code == 303
    with system():
        found = db.session.get_one(Inspection, key)
        assert (found.state, found.passed, found.meter_water) == ("finished", True, "00012.3")
    assert engineer.get(page).status_code == 200


@pytest.fixture
def round_to_recheck(site, scope_of):
    """Ids of a running re-inspection and of two defects that `admin` has reported as fixed."""
    with scope_of("admin", "group"):
        defects = []
        for words in ("渗水", "空鼓"):
            defect = services.register_defect(
                unit(site.unit_ids[0]),
                room_name="主卫",
                codes=["D01"],
                description=words,
                severity=Severity.S2,
                trade_code="waterproofing",
            )
            services.assign_defect(defect)
            services.start_fixing(defect)
            services.report_fixed(defect, "重做防水")
            defects.append(defect.id)
        key = services.start_inspection(
            services.plan_inspection(unit(site.unit_ids[0]), InspectionKind.RE_INSPECTION)
        ).id
        db.session.commit()
    return key, *defects


def test_the_fixer_sees_no_buttons_and_cannot_post(round_to_recheck, engineer, system):
    key, defect, _other = round_to_recheck
    page = engineer.get(f"/handover/on-site/{key}").text
    assert page.count("data-defect>") == 2
    assert 'value="pass"' not in page
    answer = engineer.post(
        f"/handover/on-site/{key}/rechecks/{defect}", data={"verdict": "fail", "note": "仍渗"}, headers=JSON
    )
    assert answer.status_code == 422
    with system():
        assert db.session.get_one(Defect, defect).state == "fixed"


def test_who_may_not_re_inspect_sees_no_buttons(round_to_recheck, world, sign_in, system):
    key, defect, _other = round_to_recheck
    assert sign_in("head").get(f"/handover/on-site/{key}").text.count('value="pass"') == 2
    with system():
        role = world.role("head")
        role.permissions = [code for code in role.permissions if code != "handover.verify_defect"]
        db.session.commit()
    colleague = sign_in("head")
    page = colleague.get(f"/handover/on-site/{key}")
    assert page.status_code == 200
    assert 'value="pass"' not in page.text
    answer = colleague.post(f"/handover/on-site/{key}/rechecks/{defect}", data={"verdict": "pass"})
    assert answer.status_code == 403


@pytest.mark.parametrize(("verdict", "note"), [("pass", "漏点已干，仍需观察"), ("fail", "")])
def test_a_refused_verdict_keeps_the_remark_beside_its_defect(round_to_recheck, sign_in, verdict, note):
    key, defect, _other = round_to_recheck
    answer = sign_in("head").post(
        f"/handover/on-site/{key}/rechecks/{defect}", data={"verdict": verdict, "note": note}
    )
    assert answer.status_code == 422
    section = answer.text.split(f'id="defect-{defect}"')[1].split("</section>")[0]
    assert 'role="alert"' in section
    assert f">{note}</textarea>" in section


def test_a_round_is_judged_and_finished_by_a_colleague(round_to_recheck, sign_in, system):
    key, passing, failing = round_to_recheck
    with system():
        photograph(db.session.get_one(Defect, passing), "after")
        db.session.commit()
    head, page = sign_in("head"), f"/handover/on-site/{key}"
    for _tap in range(2):
        assert head.post(f"{page}/rechecks/{passing}", data={"verdict": "pass"}).status_code == 303
    assert head.post(f"{page}/finish", data={"step": "finish"}).status_code == 422
    failed = head.post(f"{page}/rechecks/{failing}", data={"verdict": "fail", "note": "仍空鼓"})
    assert failed.status_code == 303
    assert head.post(f"{page}/finish", data={"step": "finish"}).status_code == 303
    with system():
        assert db.session.get_one(Defect, passing).state == "closed"
        assert db.session.get_one(Defect, failing).state == "rejected"
        assert db.session.get_one(Inspection, key).passed is False
    assert head.get(page).status_code == 200


def test_ticked_defects_become_a_notice(site, engineer, scope_of, system):
    with scope_of("admin", "group"):
        defect = services.register_defect(
            unit(site.unit_ids[0]),
            room_name="主卫",
            codes=["D01"],
            description="渗水",
            severity=Severity.S2,
            trade_code="waterproofing",
        )
        key = defect.id
        db.session.commit()
    page = engineer.get("/admin/handover/defects/").text
    assert "K06" in page
    engineer.post("/admin/handover/defects/action/", data={"action": "make_notices", "rowid": [str(key)]})
    with system():
        notice = db.session.scalar(sa.select(RectificationNotice))
        assert notice is not None
        notice_id = notice.id
    asked = engineer.get(f"/admin/handover/notices/details/?id={notice_id}").text
    deadline = asked.split('name="deadline"')[1].split('value="')[1].split('"')[0]
    engineer.post(
        f"/admin/handover/notices/transition/?id={notice_id}",
        data={"transition": "issue", "deadline": deadline},
    )
    with system():
        assert db.session.get_one(RectificationNotice, notice_id).state == "issued"
        assert db.session.get_one(Defect, key).state == "assigned"
    overdue = engineer.get("/admin/handover/defects/?f_promised_by=1")
    assert overdue.status_code == 200


@pytest.fixture
def records(site, prepared, scope_of):
    """Addresses of records that may change, and of the same kinds that may not any more."""
    return prepared("records that may change or not", lambda: make_records(site, scope_of), after=SITE)


def make_records(site, scope_of):
    with scope_of("admin", "group"):
        running = services.plan_inspection(unit(site.unit_ids[0]), InspectionKind.FORMAL)
        done = finished(site.unit_ids[1], "DR02")
        (defect,) = services.valid_defects(done)
        other = services.register_defect(
            unit(site.unit_ids[0]), room_name="主卫", codes=["D01"], description="x", severity=Severity.S4
        )
        services.invalidate_defect(other, "误报")
        (issued,) = services.create_notices([defect])
        services.issue_notice(issued)
        further = services.register_defect(
            unit(site.unit_ids[2]),
            room_name="主卫",
            codes=["D01"],
            description="y",
            severity=Severity.S4,
            trade_code="waterproofing",
        )
        (draft,) = services.create_notices([further])
        ids = {
            "inspections": (running.id, done.id),
            "defects": (defect.id, other.id),
            "notices": (draft.id, issued.id),
        }
        db.session.commit()
    return ids


@pytest.mark.parametrize("name", ["inspections", "defects", "notices"])
def test_what_does_not_change_any_more_offers_no_form(records, engineer, name):
    free, locked = records[name]
    page = f"/admin/handover/{name}"
    assert f"{page}/edit/?id={free}" in engineer.get(f"{page}/details/?id={free}").text
    assert engineer.get(f"{page}/edit/?id={free}").status_code == 200
    assert f"{page}/edit/?id={locked}" not in engineer.get(f"{page}/details/?id={locked}").text
    for answer in (
        engineer.get(f"{page}/edit/?id={locked}"),
        engineer.post(f"{page}/edit/?id={locked}", data={"note": "x"}),
    ):
        assert answer.status_code == 303
        assert "/details/" in answer.location
    assert 'class="note late' in engineer.get(f"{page}/details/?id={locked}").text


def test_a_notice_goes_on_by_its_buttons(records, engineer, system):
    key = records["notices"][1]
    page = "/admin/handover/notices"
    step = f"{page}/transition/?id={key}"
    engineer.post(step, data={"transition": "receive", "receiver_name": "项目经理"})
    assert 'value="reply"' in engineer.get(f"{page}/details/?id={key}").text
    engineer.post(step, data={"transition": "reply", "reply_text": "已整改"})
    waiting = engineer.get(f"{page}/details/?id={key}").text
    assert 'value="recheck"' not in waiting, "its defect has not been re-inspected"
    assert 'value="penalise"' not in waiting, "there is no reason for a penalty"
    with system():
        found = db.session.get_one(RectificationNotice, key)
        assert (found.state, found.reply_text) == ("replied", "已整改")
