"""Forms that are signed on glass, corrections, the two books, the tower grid, daily reports and patrols."""

from __future__ import annotations

import datetime as dt
import io
import re
from decimal import Decimal

import pytest
import sqlalchemy as sa
from pypdf import PdfReader

from core.toolkit import (
    LOCAL_ZONE,
    Building,
    RecordSigned,
    TimelineEntry,
    Todo,
    TransitionRefused,
    db,
    is_signed,
    preview_document,
    sign,
    signed_content,
    supplement,
    utc_now,
)
from plugins.handover import services
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    OWNER,
    PROPERTY,
    Defect,
    FeeKind,
    FormKind,
    HandoverUnit,
    InspectionKind,
    KeyKind,
    Station,
)
from plugins.handover.services import corrections
from plugins.handover.tests.conftest import finished, unit
from plugins.handover.tests.test_documents import text_of

T0 = dt.datetime(2026, 11, 20, 1, tzinfo=dt.UTC)


def at(minutes: int) -> dt.datetime:
    return T0 + dt.timedelta(minutes=minutes)


@pytest.fixture
def place(notified):
    """A house in a batch, its notice sent."""
    return notified


def with_keys(place):
    services.register_keys(place, KeyKind.ENTRY, 6, "BAG-7")


def accept(place, *failing):
    finished(place.unit_id, *failing)
    db.session.refresh(place)


# Forms on glass


def test_a_deed_stands_still_once_it_is_signed_and_a_supplement_says_what_is_different(place, running_app):
    with pytest.raises(HandoverRuleError, match="业主接收房屋后"):
        services.prepare_form(place, FormKind.DEED)
    accept(place, "WD02")
    with_keys(place)
    deed = services.prepare_form(place, FormKind.DEED, equipment=["water"])
    again = services.prepare_form(
        place, FormKind.DEED, equipment=["water", "power"], property_fee_from=dt.date(2026, 12, 1)
    )
    assert again.id == deed.id
    assert deed.content["equipment"] == {code: code in ("water", "power") for code in services.EQUIPMENT}
    assert all(deed.content["papers"].values()), "what needs no signature is handed out with the deed"
    ((number, problem),) = deed.content["defects"].items()
    assert number.startswith("DF-") and problem["promised_by"] > "2026"

    sign(deed, role=OWNER, name="李明")
    db.session.commit()
    with pytest.raises(HandoverRuleError, match="已签署"):
        services.prepare_form(place, FormKind.DEED, equipment=[])
    deed.content = {**deed.content, "property_fee_from": "2027-01-01"}
    with pytest.raises(RecordSigned):
        db.session.flush()
    db.session.rollback()
    assert services.missing_roles(deed, ("owner", "developer")) == ["developer"]

    with running_app.test_request_context():
        for language in ("zh_Hans_CN", "en"):
            pages = PdfReader(io.BytesIO(preview_document("handover.deed", place, language))).pages
            assert len(pages) == 2, (
                "the deed with its signatures and fingerprint, and the annex of what remains"
            )
            assert "SHA-256" in pages[0].extract_text()

    changed = signed_content(deed)
    changed["equipment"]["gas"] = True
    supplement(deed, content=changed, reason="燃气次日开通")
    with running_app.test_request_context():
        pages = PdfReader(io.BytesIO(preview_document("handover.deed", place, "zh_Hans_CN"))).pages
    words = " ".join(pages[-1].extract_text().split())
    assert "燃气次日开通" in words and "燃气管道与报警器" in words
    assert "李明" in " ".join(page.extract_text() for page in pages[:-1])

    with pytest.raises(HandoverRuleError, match="原因"):
        services.cancel_form(deed, " ")
    services.cancel_form(deed, "签错人")
    assert services.form_of(place, FormKind.DEED) is None
    assert services.prepare_form(place, FormKind.DEED).id != deed.id


def test_the_key_receipt_needs_its_keys(place):
    with pytest.raises(HandoverRuleError, match="钥匙"):
        services.prepare_form(place, FormKind.KEY_RECEIPT)
    with_keys(place)
    receipt = services.prepare_form(place, FormKind.KEY_RECEIPT)
    assert receipt.content["keys"] == {"entry": {"quantity": 6, "bag": "BAG-7"}}
    sign(receipt, role=PROPERTY, name="唐敏")
    assert is_signed(receipt)


def test_a_waiver_signed_on_glass_is_as_good_as_the_signed_paper(place):
    accept(place, "WD02")
    (defect,) = services.valid_defects(services.last_formal(place))
    with pytest.raises(TransitionRefused, match="免修确认"):
        services.waive_defect(defect, "业主自行处理")
    with pytest.raises(HandoverRuleError, match="不修"):
        services.prepare_form(place, FormKind.WAIVER, defect=defect)
    form = services.prepare_form(place, FormKind.WAIVER, defect=defect, reason="业主自行处理")
    with pytest.raises(TransitionRefused):
        services.waive_defect(defect, "业主自行处理")
    sign(form, role=OWNER, name="李明")
    services.waive_defect(defect, "业主自行处理")
    assert defect.state == "waived"
    with pytest.raises(HandoverRuleError, match="免修"):
        services.cancel_form(form, "误签")


def test_a_refusal_is_put_into_a_statement_with_the_owners_words(place):
    services.sign_in(place)
    services.refuse(place, "R7", "备案表未公示")
    form = services.prepare_form(place, FormKind.REFUSAL)
    assert (form.content["refusal"], form.content["words"]) == ("R7", "备案表未公示")
    assert form.content["reply_by"] > form.content["refused_on"]


# Corrections


@pytest.fixture
def reasons(monkeypatch):
    """The reasons that corrections write into the change log."""
    written: list[str] = []
    write = corrections.record_event

    def keep(action, record, reason="", **details):
        written.append(reason)
        write(action, record, reason, **details)

    monkeypatch.setattr(corrections, "record_event", keep)
    return written


def test_fees_are_corrected_with_a_reason_until_the_keys(place, reasons):
    fee = services.add_fee(place, FeeKind.MAINTENANCE_FUND, Decimal("12800.00"), "128 × 100")
    wrong = services.add_fee(place, FeeKind.PARKING, Decimal(500))
    with pytest.raises(HandoverRuleError, match="原因"):
        services.correct_fee(fee, Decimal(12900), "129 × 100", " ")
    services.correct_fee(fee, Decimal(12900), "129 × 100", "实测面积")
    services.cancel_fee(wrong, "无车位")
    services.pay_fee(fee, "SJ-1")
    assert ([each.amount for each in place.fees], place.fee_state) == ([Decimal(12900)], "settled")
    with pytest.raises(HandoverRuleError, match="已结清"):
        services.correct_fee(fee, Decimal(1), "", "再改")
    with pytest.raises(HandoverRuleError, match="已缴"):
        services.cancel_fee(fee, "再改")
    services.reopen_fee(fee, "转账退回")
    assert (place.fee_state, fee.receipt_number) == ("open", "")
    services.exempt_house(place, "开发商承担")
    services.lift_exemption(place, "误登记")
    assert place.fee_state == "open"
    assert reasons == ["实测面积", "无车位", "转账退回", "误登记"]


def test_papers_are_corrected_until_the_deed_is_signed(place, reasons):
    services.prepare_papers(place, "2026-1")
    services.sign_papers(place, "李明")
    assert place.papers_state == "signed"
    book, manual = place.papers[0], place.papers[1]
    services.correct_paper(book, "2026-2", "N-9", "版次有误")
    assert (book.signed_at, place.papers_state) == (None, "open")
    services.sign_papers(place, "李明")
    services.take_signature_back(manual, "代签人无委托书")
    services.withdraw_paper(place.papers[-1], "毛坯房无此文件")
    assert len(reasons) == 3
    services.sign_papers(place, "李明")
    accept(place)
    sign(services.prepare_form(place, FormKind.DEED), role=OWNER, name="李明")
    with pytest.raises(HandoverRuleError, match="补充页"):
        services.correct_paper(place.papers[0], "2026-3", "", "再改")


# The two books


def test_without_the_warranty_module_the_statutory_terms_hold(place):
    assert all(term.start is None for term in services.guarantee_terms(place, "zh_Hans_CN"))
    place.delivered_at = dt.datetime(2024, 2, 29, 4, tzinfo=dt.UTC)
    services.save_facts(place.project, None, {"design_life_years": 70})
    terms = {term.code: term for term in services.guarantee_terms(place, "en")}
    assert terms["W13"].end == dt.date(2024, 4, 28)
    assert terms["W11"].end == dt.date(2024, 8, 28)
    assert terms["W06"].end == dt.date(2026, 2, 28)
    assert terms["W02"].end == dt.date(2029, 2, 28)
    assert terms["W01"].end == dt.date(2094, 2, 28)
    assert terms["W05"].end is None
    assert terms["W02"].part == "Waterproofing and leak protection"


def test_facts_of_a_building_come_before_those_of_its_project(place):
    building = place.unit.building
    services.save_facts(place.project, None, {"designer": "甲院"})
    assert services.facts_for(building).designer == "甲院"
    own = services.save_facts(place.project, building, {"designer": "乙院"})
    assert services.facts_for(building) == own
    with pytest.raises(HandoverRuleError, match="已有资料"):
        services.save_facts(place.project, building, {"designer": "丙院"})
    with pytest.raises(HandoverRuleError, match="年限"):
        services.save_facts(place.project, building, {"design_life_years": 0}, own)


def test_an_edition_of_the_manual_is_written_used_and_followed(place):
    project, house = place.project, place.unit
    assert services.manual_for(house, "zh_Hans_CN") is None
    general = services.draft_manual(project)
    assert general.others.startswith("1.")
    with pytest.raises(HandoverRuleError, match="九章"):
        services.change_manual(general, {"others": " "})
    services.change_manual(general, {"others": "车库有充电桩"})
    services.publish_manual(general)
    assert services.manual_for(house, "zh_Hans_CN") == general
    assert services.manual_for(house, "en") is None
    own = services.draft_manual(project, house.layout or "三房")
    services.publish_manual(own)
    if house.layout:
        assert services.manual_for(house, "zh_Hans_CN") == own
    following = services.draft_manual(project)
    assert (following.version, following.others) == (2, "车库有充电桩")
    with pytest.raises(HandoverRuleError, match="不能再更改"):
        services.change_manual(general, {"others": "别的"})
    services.publish_manual(following)
    assert general.state == "retired"


# A building as a grid


def test_the_tower_has_a_place_for_each_house_and_counts_them(site, place):
    building = db.session.get_one(Building, place.unit.building_id)
    houses = {each.code for each in building.units}
    tower = services.tower_of(building)
    shown = [cell for floor in tower.floors for cell in floor.cells if cell is not None]
    assert {cell.unit.code for cell in shown} == houses
    assert tower.counts == {"notified": 1, "no_batch": len(houses) - 1}
    floors = [floor.number for floor in tower.floors if floor.number is not None]
    assert floors == sorted(floors, reverse=True)
    assert all(len(floor.cells) == len(tower.columns) for floor in tower.floors)
    services.register_defect(place.unit, room_name="主卫", codes=["D01"], description="x", severity="S2")
    (bad,) = [
        cell
        for floor in services.tower_of(building, with_defects=True).floors
        for cell in floor.cells
        if cell is not None and cell.shown
    ]
    assert (bad.unit.id, bad.defects, bad.serious) == (place.unit_id, 1, 1)


# The day in figures


def test_the_daily_report_counts_the_day_and_stands_still_when_it_is_issued(site, place):
    services.sign_in(place, at(0))
    services.check_identity(place, at=at(10))
    services.send_to(place, Station.INSPECTION, at(15))
    other = unit(site.unit_ids[1])
    (second,) = services.add_units(place.batch, [other])
    services.take_step(second, "notify", {"payment_complete": True})
    services.sign_in(second, at(30))
    services.refuse(second, "R2", "窗边漏水", at(50))
    report = services.prepare_report(place.batch, dt.date(2026, 11, 20), at(600))
    figures = report.figures
    assert (figures["due"], figures["arrived"], figures["refused"], figures["undecided"]) == (0, 2, 1, 1)
    assert figures["refusals"] == [{"house": other.code, "reason": "R2"}]
    assert figures["k09"] == [1, 1]
    assert figures["stations"]["identity"] == {"stays": 2, "mean": 15, "longest": 20}
    assert [row["house"] for row in figures["houses"]] == [place.unit.code, other.code]
    assert services.prepare_report(place.batch, dt.date(2026, 11, 20), at(601)).id == report.id
    with pytest.raises(HandoverRuleError, match="日期未到"):
        services.prepare_report(place.batch, dt.date(2026, 11, 22), at(600))


def test_in_the_evening_the_report_is_prepared_once_and_somebody_is_asked_to_read_it(place):
    now = utc_now()
    services.sign_in(place, now)
    evening = dt.datetime.combine(now.astimezone(LOCAL_ZONE).date(), dt.time(18, 31), LOCAL_ZONE)
    assert services.batches_to_report(evening - dt.timedelta(minutes=5)) == []
    assert services.batches_to_report(evening) == [place.batch_id]
    report = services.send_report(place.batch_id, evening)
    assert services.batches_to_report(evening) == []
    todo = db.session.scalar(sa.select(Todo).where(Todo.record_kind == "handover.daily_report"))
    assert (todo.record_id, todo.role) == (report.id, "PCM")


# Vacant houses, and what follows a delivery


def test_a_patrol_has_its_short_checklist_and_reaches_e10(place):
    patrol = finished(place.unit_id, kind=InspectionKind.VACANT)
    assert {result.item_code for result in patrol.results} == {f"VP{number:02}" for number in range(1, 11)}
    entry = db.session.scalar(sa.select(TimelineEntry).where(TimelineEntry.touchpoint_code == "TP-E10"))
    assert entry.unit_id == place.unit_id
    formal = finished(place.unit_id)
    assert not any(result.item_code.startswith("VP") for result in formal.results)


def test_a_delivery_asks_for_the_call_back_and_the_revisits(place):
    services.sign_in(place, at(0))
    services.check_identity(place, at=at(5))
    services.exempt_house(place, "开发商承担")
    services.prepare_papers(place, "2026-1")
    services.sign_papers(place, "李明", at(20))
    with_keys(place)
    accept(place)
    services.hand_keys(place, "李明", at(90))
    services.deliver(place)
    asked = db.session.execute(
        sa.select(Todo.touchpoint_code, Todo.due_at).where(Todo.touchpoint_code.is_not(None))
    ).all()
    days = {code: (due.astimezone(LOCAL_ZONE).date() - dt.date(2026, 11, 20)).days for code, due in asked}
    assert days == {"TP-E09": 7, "TP-G01": 30, "TP-G02": 105, "TP-G03": 183, "TP-G04": 395}


# Every paper, short and in both languages


PAPERS = {
    "handover.quality_guarantee": ("住宅质量保证书", "Quality guarantee"),
    "handover.user_manual": ("住宅使用说明书", "User manual"),
    "handover.power_of_attorney": ("授权委托书", "Power of attorney"),
    "handover.refusal_statement": ("拒收声明", "Statement of refusal"),
}
OF_BUILDINGS = {
    "handover.household_summary": ("分户验收汇总表", "Household inspection"),
    "handover.vacant_patrol": ("空置房巡查记录", "Patrol record"),
    "handover.tower": ("楼栋交付状态图", "State of the building"),
}


@pytest.mark.parametrize("language", ["zh_Hans_CN", "en"])
def test_papers_with_nothing_filled_in(place, running_app, language):
    building = place.unit.building
    with running_app.test_request_context():
        for names, record in ((PAPERS, place), (OF_BUILDINGS, building)):
            for code, titles in names.items():
                text = text_of(preview_document(code, record, language))
                assert titles[language == "en"] in text, code


def test_papers_of_a_building_with_rounds_and_patrols(site, place, running_app):
    finished(place.unit_id, "WD02", kind=InspectionKind.HOUSEHOLD)
    finished(place.unit_id, "VP03", kind=InspectionKind.VACANT)
    building = place.unit.building
    with running_app.test_request_context():
        summary = text_of(preview_document("handover.household_summary", building, "zh_Hans_CN"))
        patrol = text_of(preview_document("handover.vacant_patrol", building, "zh_Hans_CN"))
    assert "待整改" in summary and f"1 / {len(building.units)}" in summary
    assert "一次验收合格 0 / 1 (0.0%)" in summary and "整改后合格 0 / 1 (0.0%)" in summary
    assert "按检查项类别" in summary and re.search(r"窗 \d+ 1 1 1", summary), (
        "the family of WD02 has a failure"
    )
    db.session.scalars(sa.select(Defect).where(Defect.item_code == "WD02")).one().state = "closed"
    db.session.flush()
    with running_app.test_request_context():
        summary = text_of(preview_document("handover.household_summary", building, "zh_Hans_CN"))
    assert "一次验收合格 0 / 1 (0.0%)" in summary and "整改后合格 1 / 1 (100.0%)" in summary
    assert re.search(r"窗 \d+ 1 1 0", summary)
    assert place.unit.code in patrol and "1 个问题" in patrol and "1 / 1 (100.0%)" in patrol
    assert db.session.get_one(HandoverUnit, place.id).state == "notified"
