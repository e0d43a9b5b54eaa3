"""The pages and the papers of what comes before the keys."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from io import BytesIO

import pytest
from pypdf import PdfReader

from core.testing import run_pending_jobs
from core.toolkit import (
    Building,
    Unit,
    attach,
    db,
    links_of,
    make_link,
    owners_of,
    preview_document,
)
from plugins.handover import services
from plugins.handover.models import HandoverBatch, HandoverUnit
from plugins.handover.preparation import documents
from plugins.handover.preparation.models import AreaSettlement, LetterKind
from plugins.handover.preparation.services import charges, letters, plan
from plugins.handover.tests.conftest import SITE, jpeg, unit
from plugins.handover.tests.test_documents import text_of

T = dt.date(2026, 12, 20)


@pytest.fixture
def keys(site, prepared, scope_of):
    """Ids of a batch and of a house in it, with rules of fees, areas and price."""
    return prepared("a batch with its rules", lambda: make_batch(site, scope_of), after=SITE)


def make_batch(site, scope_of):
    with scope_of("admin", "group"):
        house: Unit = unit(site.unit_ids[0])
        house.gross_area_contract, house.gross_area_measured = Decimal("100.00"), Decimal("95.00")
        house.price = Decimal("1500000.00")
        db.session.get_one(Building, house.building_id).total_floors = 18
        batch = services.create_batch(
            house.project,
            code="B1",
            name="一批",
            delivery_on=T,
            opens_on=T,
            closes_on=T + dt.timedelta(days=2),
            place="3 栋首层交付中心",
            complaint_phone="400-8600-188",
            account="鹊桥置业 7666 0188",
        )
        (place,) = services.add_units(batch, [house])
        charges.load_standard_rules(house.project)
        db.session.commit()
        return batch.id, place.id


@pytest.fixture
def staff(sign_in, keys):
    return sign_in("admin", "group")


def test_the_page_of_a_batch_shows_plan_risks_readiness_and_staffing(staff, keys):
    page = staff.get(f"/admin/handover/batches/details/?id={keys[0]}").text
    for words in ("取得竣工验收备案", "T−180", "人员配置测算", "准时交付率 K04", "工程质量", 'class="chart"'):
        assert words in page
    chart = page[page.index('class="chart"') :].partition("</svg>")[0]
    assert "…" not in chart and "查验前不少于" in chart, "names stand there in full"
    english = staff.get("/admin/handover/plan_tasks/?f_fixed=1").status_code
    assert english == 200


def test_letters_are_looked_at_before_they_are_sent(staff, keys, running_app, scope_of):
    address = f"/admin/handover/batches/letters/?id={keys[0]}"
    page = staff.get(address).text
    assert "1-1-101" in page
    assert "-105,000.00" in page, "five square metres less: three once and two twice, at ¥15,000"
    with scope_of("admin", "group"):
        assert db.session.get_one(HandoverUnit, keys[1]).fees == []
    nonce = re.search(r'name="nonce" value="([^"]+)"', page)[1]
    refused = staff.post(f"/admin/handover/batches/send-letters/?id={keys[0]}", data={"place": str(keys[1])})
    assert refused.status_code == 303
    form = {"place": str(keys[1]), "nonce": nonce, "by_message": "1", "by_letter": "1"}
    for _time in range(2):
        answer = staff.post(f"/admin/handover/batches/send-letters/?id={keys[0]}", data=form)
        assert answer.status_code == 303
        assert "/jobs/" in answer.headers["Location"]
    jobs = run_pending_jobs(running_app)
    assert [(job.done, job.failures) for job in jobs] == [(1, ())], "the second press starts nothing"
    assert "JFTZ-" in staff.get(f"/admin/handover/units/details/?id={keys[1]}").text
    assert "1-1-101" in staff.get(address.replace("letters/?", "letters/?kind=reminder&")).text


def test_the_letter_of_one_house_is_written_by_the_same_step(staff, keys, running_app, scope_of):
    house = f"/admin/handover/units/details/?id={keys[1]}"
    assert f"/units/letter/?id={keys[1]}&amp;kind=notice" in staff.get(house).text
    page = staff.get(f"/admin/handover/units/letter/?id={keys[1]}&kind=notice").text
    assert f'name="place" value="{keys[1]}" checked' in page
    assert house in page, "the way back leads to the house"
    form = {"place": str(keys[1]), "kind": "notice", "by_letter": "1"}
    staff.post(f"/admin/handover/batches/send-letters/?id={keys[0]}", data=form)
    assert [(job.done, job.failures) for job in run_pending_jobs(running_app)] == [(1, ())]
    with scope_of("admin", "group"):
        assert len(links_of(db.session.get_one(HandoverUnit, keys[1]))) == 1


def test_a_house_is_called_booked_and_settled_on_its_page(staff, keys, scope_of):
    def post(step, **values):
        answer = staff.post(f"/admin/handover/units/{step}/?id={keys[1]}", data=values)
        assert answer.status_code == 303, answer.text
        return staff.get(f"/admin/handover/units/details/?id={keys[1]}").text

    with scope_of("admin", "group"):
        services.take_step(db.session.get_one(HandoverUnit, keys[1]), "notify", {})
        db.session.commit()
    assert "未联系上" in post("contact", means="phone", note="无人接听", at="2026-11-20T09:30")
    assert "请选择联系方式" in post("contact", means="telepathy")
    assert "2099-01-05 10:00" in post("book", booked_for="2099-01-05T10:00")
    assert "请填写取消预约的原因" in post("cancel-booking", reason="")
    assert "未预约" in post("cancel-booking", reason="业主出差")
    assert "面积误差超限" in post("settle-area")
    assert "已录入或更新" in post("charge")


def test_a_department_makes_its_own_timetable(staff, keys):
    assert "建立本部门模板" in staff.get("/admin/handover/plan_steps/").text
    assert staff.post("/admin/handover/plan_steps/own/").status_code == 303
    page = staff.get("/admin/handover/plan_steps/").text
    assert "建立本部门模板" not in page


@pytest.fixture
def printing(keys, scope_of, running_app):
    """``printing(code, record, language)``: the text of a document; ``record`` gets batch and house."""

    def print_it(code, record, language):
        with running_app.test_request_context(), scope_of("admin", "group"):
            batch, place = (
                db.session.get_one(HandoverBatch, keys[0]),
                db.session.get_one(HandoverUnit, keys[1]),
            )
            text = text_of(preview_document(code, record(batch, place), language))
            # A line of Chinese may break anywhere.
            return text.replace(" ", "") if language.startswith("zh") else text

    return print_it


def test_the_notice_holds_what_the_reference_asks_for(printing):
    text = printing("handover.delivery_notice", lambda _batch, place: place, "zh_Hans_CN")
    for words in (
        "1-1-101", "2026年12月20日", "3栋首层交付中心", "授权委托书", "身份证", "费用清单", "76660188", "办理流程",
        "逾期未到", "400-8600-188", "先验房、后缴费", "契税", "维修资金",
    ):  # fmt: skip
        assert words.replace(" ", "") in "".join(text.split()), words
    assert ";" not in text and "；" in text
    english = printing("handover.delivery_notice", lambda _batch, place: place, "en")
    assert "power of attorney" in english and "Deed tax" in english and "20 December 2026" in english
    assert "；" not in english


def test_the_map_of_a_batch_stands_on_its_notices_and_on_the_page_of_the_owner(
    staff, keys, running_app, scope_of, client
):
    """Bound to the batch as an image; the newest counts, and what is no image is left out."""
    with running_app.test_request_context(), scope_of("admin", "group"):
        batch, place = db.session.get_one(HandoverBatch, keys[0]), db.session.get_one(HandoverUnit, keys[1])
        assert documents.map_of(batch) is None
        bare = images_of(preview_document("handover.delivery_notice", place, "en"))
        attach(batch, jpeg("green"), "old.jpg", slot="map")
        shown = attach(batch, jpeg("blue"), "map.jpg", slot="map")
        attach(batch, jpeg("red"), "other.jpg")
        assert documents.map_of(batch).id == shown.id
        drawn = images_of(preview_document("handover.delivery_notice", place, "en"))
        assert (bare, len(drawn)) == (set(), 1), "one picture, the newest"
        assert drawn.pop()[2] > 200, "blue"
        services.take_step(place, "notify", {})
        owner = owners_of(place.unit)[0]
        link = make_link(letters.LINK, place, owner)
        db.session.commit()
        address, key, phone, picture_id = link.address, link.link.id, owner.phone, shown.id
    client.get(re.sub(r"^https?://[^/]+", "", address))
    client.post(f"/l/enter/{key}", data={"fact": phone[-4:], "agree": "y"})
    page = client.get(f"/handover-owner/delivery/{key}").get_data(as_text=True)
    assert f'src="/l/photo/{key}/{picture_id}"' in page and "地点示意图" in page
    assert client.get(f"/l/photo/{key}/{picture_id}").status_code == 200
    assert client.get(f"/l/photo/{key}/{picture_id + 1}").status_code == 404, (
        "other files of the batch stay here"
    )


def images_of(pdf: bytes) -> set[tuple[int, ...]]:
    """Return a point of each picture that a PDF shows; a picture is listed by each page."""
    shown = [found.image for page in PdfReader(BytesIO(pdf)).pages for found in page.images]
    return {picture.convert("RGB").getpixel((9, 9)) for picture in shown}


def test_the_plan_and_the_risk_list_are_printed(printing):
    text = printing("handover.plan", lambda batch, _place: batch, "zh_Hans_CN")
    assert "交付计划" in text and "T−45" in text and "维修工程师" in text
    assert "Completion filing obtained" in printing("handover.plan", lambda batch, _place: batch, "en")
    text = printing("handover.risk_list", lambda batch, _place: batch, "zh_Hans_CN")
    assert "合同文件" in text and "待兑现承诺" in text


def test_an_area_settlement_says_who_pays_in_figures_and_capitals(printing):
    def settled(_batch, place) -> AreaSettlement:
        return charges.compute_area(place)

    text = printing("handover.area_sheet", settled, "zh_Hans_CN")
    assert "出卖人应返还买受人" in text and "壹拾万伍仟元整" in text and "-5.00%" in text
    assert "¥15,000.00×2" in text


def test_the_fee_sheet_tells_what_is_paid_and_what_is_open(printing):
    def charged(_batch, place):
        charges.charge(place)
        db.session.expire(place, ["fees"])
        services.pay_fee(place.fees[-1], "SJ-7")
        return place

    text = printing("handover.fee_sheet", charged, "zh_Hans_CN")
    assert "费用结算单" in text and "SJ-7" in text and "应退" in text


def test_a_reminder_names_the_notice_before_it(printing):
    def reminded(_batch, place):
        services.take_step(place, "notify", {})
        assert letters.refusal(place, LetterKind.REMINDER, [object()]) is None
        return place

    assert "催收函" in printing("handover.delivery_reminder", reminded, "zh_Hans_CN")


def test_the_calendar_has_the_tasks_and_the_appointments(staff, keys, scope_of):
    with scope_of("admin", "group"):
        batch = db.session.get_one(HandoverBatch, keys[0])
        assert any(task.due_on == T - dt.timedelta(days=30) for task in plan.tasks_of(batch))
    assert "寄发交付通知书" in staff.get("/admin/calendar/?view=month&day=2026-11-20").text
