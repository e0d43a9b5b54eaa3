"""The inspection record and the rectification notice: their text, their pages, and that something can be seen."""

from __future__ import annotations

import io
import re
from decimal import Decimal

import pypdfium2
import pytest
from pypdf import PdfReader

from core.toolkit import db, local_today, preview_document
from plugins.handover import services
from plugins.handover.models import InspectionKind, Severity, Verdict
from plugins.handover.preparation.services import charges
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


@pytest.fixture
def printing(site, scope_of, running_app):
    """``printing(code, language, make)``: a document of the record that ``make`` returns."""

    def print_it(code, language, make):
        with running_app.test_request_context(), scope_of("admin", "group"):
            return preview_document(code, make(), language)

    return print_it


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages)


def picture_of(pdf: bytes, page: int):
    return pypdfium2.PdfDocument(pdf)[page].render(scale=1).to_pil().convert("L")


def pages_of(pdf: bytes) -> int:
    return len(PdfReader(io.BytesIO(pdf)).pages)


def notice_of(site):
    inspection = finished(site.unit_ids[0], "WP01")
    (notice,) = services.create_notices(services.valid_defects(inspection))
    services.issue_notice(notice)
    return notice


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "zh_Hans_CN",
            ("验房记录表", "卫生间蓄水试验", "渗漏", "承诺", "整改后接收", "业主或受托人", "1-1-101", "☑"),
        ),
        (
            "en",
            (
                "House inspection record",
                "WP01 Bathroom",
                "Leak",
                "Accepted after rectification",
                "1-1-101",
            ),
        ),
    ],
)
def test_the_record_names_what_was_found(printing, site, language, expected):
    pdf = printing("handover.inspection_record", language, lambda: finished(site.unit_ids[0], "WP01", "DR02"))
    text = text_of(pdf)
    assert [each for each in expected if each not in text] == []
    # The last page is the appendix: a photo is dark grey, paper is white.
    photos = picture_of(pdf, pages_of(pdf) - 1)
    grey = sum(photos.histogram()[96:170]) / (photos.width * photos.height)
    assert grey > 0.05


def test_a_planned_inspection_prints_as_an_empty_form(printing, site):
    pdf = printing(
        "handover.inspection_record",
        "zh_Hans_CN",
        lambda: services.plan_inspection(unit(site.unit_ids[0]), InspectionKind.FORMAL),
    )
    assert "☐ 合格接收" in text_of(pdf).replace("☐合格", "☐ 合格")
    # The rows for ink reach over the whole width of the form.
    picture = picture_of(pdf, 0)
    row = [picture.getpixel((x, int(picture.height * 0.62))) for x in range(picture.width)]
    assert sum(1 for x in range(300, 545) if row[x] < 200) >= 3
    assert pages_of(pdf) == 2


LONG = "门槛石与地面交界处渗水，闭水 24 小时后隔壁卧室踢脚线发霉。"


def with_long_words(site):
    """An inspection with a long defect, a long remark, several measured values and a further defect, refused."""
    inspection = started(site.unit_ids[0])
    defect = fail(inspection, "DR14")
    services.change_defect(defect, description=LONG * 8)
    result = result_of(inspection, "DR14")
    services.record_result(result, Verdict.FAIL, note="业主要求整面重涂。" * 20)
    air = result_of(inspection, "EN01")
    values = {str(position): "0.01" for position in range(len(air.measures))}
    services.record_result(air, Verdict.PASS, measured=values)
    further = services.add_defect(
        inspection,
        room=first_room(inspection),
        codes=["D08"],
        description="划伤",
        severity=Severity.S4,
        client_key="phone-0001",
    )
    photograph(further)
    answer_all(inspection)
    return services.finish_inspection(inspection, opinion="refuse", refusal_reason="R2", opinion_note=LONG)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh_Hans_CN", ("结果", "照片", "实测：甲醛", "☑渗漏", "划伤")),
        ("en", ("Result", "Photo", "Promised", "Measured: Formaldehyde", "☑Leak")),
    ],
)
def test_long_words_have_room_and_no_word_is_cut(printing, site, language, words):
    pdf = printing("handover.inspection_record", language, lambda: with_long_words(site))
    text = text_of(pdf).replace("☑ ", "☑")
    assert [each for each in words if each not in text] == []
    assert "<span" not in text
    # Number and promise of a further defect stand on one line each.
    assert re.search(r"DF-QZA-\d{6}-\d{4} [^-]+ S4 20\d\d-\d\d-\d\d", text)
    # The first page is filled although its first item has long words.
    first = " ".join(PdfReader(io.BytesIO(pdf)).pages[0].extract_text().split())
    assert "DR14" in first
    assert LONG[:10] in first.replace("\n", "")


def test_a_long_caption_keeps_the_number_of_the_defect_in_sight(printing, site):
    pdf = printing("handover.inspection_record", "zh_Hans_CN", lambda: with_long_words(site))
    appendix = PdfReader(io.BytesIO(pdf)).pages[-1].extract_text()
    assert "…" in appendix, "the caption is shortened"
    assert appendix.count("闭水") < 8
    assert "DF-QZA-" in appendix


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("zh_Hans_CN", ("整改通知单", "鹏城防水有限公司", "渗漏", "整改回复单", "复验", "违约后果")),
        ("en", ("Rectification notice", "Leak", "Reply sheet", "Re-inspection", "Consequences")),
    ],
)
def test_the_notice_carries_reply_sheet_and_re_inspection(printing, site, language, expected):
    pdf = printing("handover.rectification_notice", language, lambda: notice_of(site))
    text = text_of(pdf)
    assert [each for each in expected if each not in text] == []
    assert pages_of(pdf) == 3


def test_a_record_is_issued_only_when_it_is_finished(site, scope_of):
    from plugins.handover.documents import inspections as documents

    with scope_of("admin", "group"):
        planned = services.plan_inspection(unit(site.unit_ids[0]), InspectionKind.FORMAL)
        assert documents.may_issue_record(planned)
        done = finished(site.unit_ids[1])
        assert documents.may_issue_record(done) is None
        db.session.rollback()


@pytest.mark.parametrize("language", ["zh_Hans_CN", "en"])
def test_a_patrol_takes_one_page(site, printing, language):
    pdf = printing(
        "handover.inspection_record", language, lambda: finished(site.unit_ids[0], kind=InspectionKind.VACANT)
    )
    assert pages_of(pdf) == 1
    assert not {"Owner's opinion", "业主意见"} & set(text_of(pdf).split()), "our own rounds ask no owner"


@pytest.mark.parametrize("language", ["zh_Hans_CN", "en"])
def test_a_delivery_notice_takes_one_page(site, printing, language):
    def place():
        house = unit(site.unit_ids[0])
        house.gross_area_contract, house.gross_area_measured = Decimal("100.00"), Decimal("95.00")
        batch = services.create_batch(
            house.project, code="B1", name="一批", delivery_on=local_today(), opens_on=local_today(),
            place="3 栋首层交付中心", directions="地铁 7 号线 C 口步行 6 分钟；接待时间 9:00–12:00、14:00–17:00",
            contact_phone="0755-8600 0188", complaint_phone="400-8600-188", account="鹊桥置业 · 7666 0188",
        )  # fmt: skip
        charges.load_standard_rules(house.project)
        (made,) = services.add_units(batch, [house])
        return made

    pdf = printing("handover.delivery_notice", language, place)
    assert "7666 0188" in text_of(pdf) and "0755-8600 0188" in text_of(pdf)
    assert pages_of(pdf) == 1


@pytest.mark.parametrize("items", range(3))
def test_the_fingerprint_stays_with_the_signatures(site, printing, items):
    """However full the page before is, no page holds the fingerprint alone."""

    def record():
        inspection = started(site.unit_ids[0])
        answer_all(inspection)
        for result in inspection.results[: items * 4]:
            result.note = "备注 " * 12
        return services.finish_inspection(inspection, opinion="accept")

    pdf = printing("handover.inspection_record", "en", record)
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]
    (page,) = (text for text in pages if "SHA-256" in text)
    assert "Property service" in page
