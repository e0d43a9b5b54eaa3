"""The inspection record and the rectification notice: their text, their pages, and that something can be seen."""

from __future__ import annotations

import io

import pypdfium2
import pytest
from pypdf import PdfReader

from core.toolkit import db, preview_document
from plugins.handover import services
from plugins.handover.models import InspectionKind
from plugins.handover.tests.conftest import finished, unit


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
    assert sum(1 for x in range(300, 540) if row[x] < 200) >= 4


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
    from plugins.handover import documents

    with scope_of("admin", "group"):
        planned = services.plan_inspection(unit(site.unit_ids[0]), InspectionKind.FORMAL)
        assert documents.may_issue_record(planned)
        done = finished(site.unit_ids[1])
        assert documents.may_issue_record(done) is None
        db.session.rollback()
