"""Owner and engineer sign the inspection on the phone; then it stays as it is, and a supplement says what differs."""

from __future__ import annotations

import json
import re

import pytest

from core.toolkit import (
    RecordSigned,
    Signature,
    db,
    sign,
    signature_boxes,
    signatures_of,
    signed_content,
    supplement,
    supplement_changes,
    verify_signatures,
)
from plugins.handover import services, signing
from plugins.handover.documents.inspections import inspection_record
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import Defect, Inspection
from plugins.handover.tests.conftest import finished, started

INK = json.dumps({"size": [300, 150], "strokes": [[[10, 10, 0.5, 0], [200, 90, 0.5, 9]]]})


@pytest.fixture
def done(site, scope_of):
    """Ids of a finished formal inspection and of its defect."""
    with scope_of("admin", "group"):
        inspection = finished(site.unit_ids[0], "WP01")
        ids = inspection.id, inspection.defects[0].id
        db.session.commit()
    return ids


def sign_by(inspection: Inspection, role: str) -> Signature:
    return sign(inspection, role=role, name="林岚", picture=INK)


def test_the_phone_takes_both_signatures_and_says_what_is_missing(done, sign_in):
    inspection, _defect = done
    phone = sign_in("admin", "group")
    page = phone.get(f"/handover/on-site/{inspection}").text
    address = f"/signatures/sign/handover.inspection/{inspection}"
    assert f"{address}/owner" in page
    assert "1-1-101" in phone.get(f"{address}/owner").text
    values = {"name": "林岚", "picture": INK, "key": "a" * 32, "place": "客厅", "position": "31.2,121.4 ±9 m"}
    assert phone.post(f"{address}/owner", data={**values, "picture": ""}).status_code == 422
    kept = phone.post(f"{address}/owner", data={**values, "name": " "})
    assert kept.status_code == 422
    assert "客厅" in kept.text
    assert "200.0" in kept.text or "[200" in kept.text
    answer = phone.post(f"{address}/owner", data=values)
    assert (answer.status_code, answer.location) == (303, f"/handover/on-site/{inspection}")
    assert phone.post(f"{address}/owner", data=values).status_code == 303
    page = phone.get(f"/handover/on-site/{inspection}").text
    assert f"{address}/engineer" in page
    # The engineer signs with his own name, whatever is sent.
    assert phone.post(f"{address}/engineer", data={"name": "别人", "typed": "1"}).status_code == 303
    assert "/signatures/sign/" not in phone.get(f"/handover/on-site/{inspection}").text
    record = phone.get(f"/admin/handover/inspections/details/?id={inspection}").text
    assert record.count("/signatures/") >= 4
    assert "用户admin" in record
    assert "别人" not in record
    picture = phone.get("/signatures/1.png")
    assert (picture.status_code, picture.mimetype) == (200, "image/png")
    assert phone.get("/signatures/2.png").status_code == 404


def test_only_a_finished_inspection_is_signed(site, sign_in, scope_of):
    with scope_of("admin", "group"):
        key = started(site.unit_ids[1]).id
        db.session.commit()
    phone = sign_in("admin", "group")
    address = f"/signatures/sign/handover.inspection/{key}/owner"
    assert phone.get(address).status_code == 302
    assert phone.post(address, data={"name": "林岚", "typed": "1"}).status_code == 422


def test_what_was_signed_stays_and_the_work_on_defects_goes_on(done, scope_of):
    with scope_of("admin", "group"):
        inspection, defect = db.session.get_one(Inspection, done[0]), db.session.get_one(Defect, done[1])
        sign_by(inspection, "owner")
        db.session.commit()
        with pytest.raises(HandoverRuleError, match=inspection.number):
            services.change_defect(defect, description="另一处")
        services.change_defect(defect, description=defect.description, codes=[defect.codes[0].code])
        services.change_defect(defect, trade_code="main_contractor", root_cause="workmanship")
        services.assign_defect(defect)
        services.start_fixing(defect)
        db.session.commit()
        defect.description = "另一处"
        with pytest.raises(RecordSigned):
            db.session.flush()
        db.session.rollback()
        db.session.delete(defect.faults[0])
        with pytest.raises(RecordSigned):
            db.session.flush()
        db.session.rollback()
        assert [check.match for check in verify_signatures(inspection)] == ["matches"]


def test_a_defect_found_by_mistake_does_not_break_the_fingerprint(done, scope_of):
    with scope_of("admin", "group"):
        inspection, defect = db.session.get_one(Inspection, done[0]), db.session.get_one(Defect, done[1])
        sign_by(inspection, "owner")
        services.invalidate_defect(defect, "不是问题", owner_agreed=True)
        assert services.content_hash(inspection) == inspection.content_hash
        assert [check.match for check in verify_signatures(inspection)] == ["matches"]
        assert len(services.valid_defects(inspection)) == 0


def test_the_record_shows_the_pictures_and_boxes_for_who_has_not_signed(done, scope_of):
    with scope_of("admin", "group"):
        inspection = db.session.get_one(Inspection, done[0])
        sign_by(inspection, "owner")
        owner, engineer, property_service = inspection_record(inspection, "zh_Hans_CN")["signatures"]
        assert owner["image"].startswith("data:image/png;base64,")
        assert (owner["name"], "image" in engineer) == ("林岚", False)
        assert engineer["name"] == inspection.inspector.name
        assert property_service["name"] == ""


def test_a_supplement_is_added_on_a_page_and_signed(done, sign_in, scope_of):
    key = done[0]
    browser = sign_in("admin", "group")
    address = f"/signatures/supplement/handover.inspection/{key}"
    assert browser.get(address).status_code == 302
    with scope_of("admin", "group"):
        sign_by(db.session.get_one(Inspection, key), "owner")
        db.session.commit()
    form = browser.get(address).text
    assert re.search(r": (不适用|合格|不合格)</option>", form)
    assert not re.search(r"\((na|pass|fail|accept\w*)\)", form), "codes are said in words"
    opinion = {"place": [json.dumps(["opinion", "decision"]), ""], "reason": "勾选错误"}
    refused = browser.post(address, data={**opinion, "value": ["随便", ""]})
    assert refused.status_code == 422
    assert "请填写下列之一：" in refused.text and "整改后接收" in refused.text
    place = json.dumps(["meters", "water"])
    values = {"place": [place, ""], "value": ["00012.5", ""], "reason": "抄表时读错"}
    assert browser.post(address, data={**values, "reason": ""}).status_code == 422
    assert browser.post(address, data={**values, "place": ["[1]", ""]}).status_code == 422
    assert browser.post(address, data={**values, "place": ["x", ""]}).status_code == 422
    assert "00012.5" in browser.post(address, data={**values, "place": ['["nothing"]', ""]}).text
    assert browser.post(address, data=values).status_code == 303
    sign_address = f"/signatures/sign/handover.inspection/{key}/owner?supplement="
    assert "00012.5" in browser.get(f"{sign_address}1").text
    assert browser.get(f"{sign_address}2").status_code == 404
    assert browser.post(f"{sign_address}1", data={"name": "林岚", "picture": INK}).status_code == 303
    page = browser.get(f"/admin/handover/inspections/details/?id={key}").text
    assert "<ins>00012.5</ins>" in page
    with scope_of("admin", "group"):
        inspection = db.session.get_one(Inspection, key)
        assert inspection.meter_water == ""
        ((made, changes),) = supplement_changes(inspection)
        assert [(each.path, each.before, each.after) for each in changes] == [
            (("meters", "water"), "", "00012.5")
        ]
        assert signed_content(inspection)["meters"]["water"] == "00012.5"
        assert [each.supplement_id for each in signatures_of(inspection)] == [None, made.id]
        assert {check.match for check in verify_signatures(inspection)} == {"matches"}
        again = signed_content(inspection)
        again["opinion"]["note"] = "x"
        assert supplement(inspection, content=again, reason="again").number == 2
    assert browser.post(address, data={**opinion, "value": ["合格接收", ""]}).status_code == 303
    with scope_of("admin", "group"):
        changed = signed_content(db.session.get_one(Inspection, key))
        assert changed["opinion"]["decision"] == "accept", "the code of the word"


def test_who_has_signed_already_is_not_asked_again(done, scope_of):
    with scope_of("admin", "group"):
        inspection = db.session.get_one(Inspection, done[0])
        assert signing.waiting_roles(inspection) == ["owner", "engineer"]
        sign_by(inspection, "engineer")
        assert signing.waiting_roles(inspection) == ["owner"]
        assert len(signature_boxes(inspection)) == 3


def test_every_place_in_the_signed_content_has_words(done, scope_of):
    with scope_of("admin", "group"):
        content = services.inspection_content(db.session.get_one(Inspection, done[0]))
        free = {"results", "defects", "rechecks"}
        for name, inner in content.items():
            assert signing.label((name,)) != name
            for key, value in inner.items() if isinstance(inner, dict) else ():
                words = value if name in free else {key: value}
                for part in words:
                    assert part.isdigit() or signing.label((part,)) != part, part
