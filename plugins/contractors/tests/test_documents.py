"""The printed sheets: their text, their pages, and ink where there should be ink."""

from __future__ import annotations

import io

import pypdfium2
import pytest
from pypdf import PdfReader

from core.toolkit import Project, db, preview_document
from plugins.contractors import services
from plugins.contractors.models import ContactRole
from plugins.contractors.tests.conftest import building, company, trade


@pytest.fixture
def printed(site, world, switch_on, scope_of, running_app):
    """``printed(code, language)``: a sheet of the own project or of the painter, with a filled matrix."""
    switch_on("contractors")

    def print_sheet(code: str, language: str, *, filled: bool = True) -> bytes:
        with running_app.test_request_context(), scope_of("head"):
            painter = company(site.painter_id)
            if filled:
                services.change_company(painter, warranty_phone="400-830-0303")
                services.add_contact(
                    painter, name="蔡小军", role=ContactRole.WARRANTY_SUPERVISOR, phone="19900000301"
                )
                for key in (site.building_id, site.second_building_id):
                    services.set_responsible(
                        building(key), trade("painting"), painter, contract_number="HT-2026-07"
                    )
            project = db.session.get_one(Project, world.own.project_id)
            return preview_document(code, painter if code.endswith("company_sheet") else project, language)

    return print_sheet


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages)


def ink_of(pdf: bytes, page: int = 0) -> float:
    """Return the share of nearly black points of a page."""
    picture = pypdfium2.PdfDocument(pdf)[page].render(scale=1).to_pil().convert("L")
    return sum(picture.histogram()[:96]) / (picture.width * picture.height)


def test_the_project_sheet_in_chinese(printed):
    pdf = printed("contractors.project_sheet", "zh_Hans_CN")
    text = text_of(pdf)
    for expected in (
        "承建单位一览表",
        "涂饰裱糊",
        "乙装饰有限公司",
        "蔡小军",
        "维保负责人",
        "19900000301",
        "400-830-0303",
    ):
        assert expected in text, expected
    assert len(PdfReader(io.BytesIO(pdf)).pages) > 1


def test_the_project_sheet_in_english(printed):
    pdf = printed("contractors.project_sheet", "en")
    text = text_of(pdf)
    pages = len(PdfReader(io.BytesIO(pdf)).pages)
    for expected in (
        "Contractor sheet",
        "Painting and wallpaper",
        "Warranty supervisor",
        f"Page 1 of {pages}",
    ):
        assert expected in text, expected


@pytest.mark.parametrize("language", ["zh_Hans_CN", "en"])
def test_the_company_sheet_names_buildings_and_contracts(printed, world, language):
    text = text_of(printed("contractors.company_sheet", language))
    for expected in ("乙装饰有限公司", "HT-2026-07", "蔡小军", "二栋"):
        assert expected in text, expected
    assert world.sibling.canary not in text


def test_the_sheet_has_ink_and_more_of_it_when_filled(printed):
    empty = printed("contractors.company_sheet", "zh_Hans_CN", filled=False)
    filled = printed("contractors.company_sheet", "zh_Hans_CN")
    assert 0.003 < ink_of(empty) < ink_of(filled) < 0.3


def test_an_empty_project_prints_blank_cells_and_cannot_be_issued(printed, site, world, scope_of):
    text = text_of(printed("contractors.project_sheet", "en", filled=False))
    assert "18 trades without contractor" in text
    with scope_of("head"):
        from plugins.contractors.documents import project_obstacle

        assert project_obstacle(db.session.get_one(Project, world.own.project_id))
