"""A rendered document: its text and its ink, its pages, its size, its limits."""

from __future__ import annotations

import hashlib
import io
import re
import time

import pytest
from pypdf import PdfReader

from core.machinery.documents.renderer import (
    MAX_HTML_CHARACTERS,
    DocumentRenderError,
    PdfMetadata,
    check_limits,
    render_pdf,
)

pytestmark = pytest.mark.no_database

HOSTILE = {
    "nested divs": ("<div>" * 300, "too_deep"),
    "nested divs with text": ("<div>x" * 100_000, "too_deep"),
    "nested formatting": ("<b><i>" * 5_000, "too_deep"),
    "nested lists": ("<ul><li>" * 300, "too_deep"),
    "nested tables": ("<table><tr><td>" * 200, "too_deep"),
    "wide cell": ("<table><tr><td colspan=65534>x</table>", "too_large"),
    "wide cell in words": ("<table><tr><td colspan='9e9'>x</table>", "too_large"),
    "tall cell": ("<table><tr><td rowspan='65534'>x</table>", "too_large"),
    "wide column": ("<table><col span=65534><tr><td>x</table>", "too_large"),
    "too many rows": ("<table>" + "<tr><td>x" * 3_100 + "</table>", "too_large"),
    "too many elements": ("<br>" * 70_000, "too_large"),
    "too long": ("x" * (MAX_HTML_CHARACTERS + 1), "too_large"),
    "unclosed tag": ("<div " * 100_000, "too_deep"),
    "SVG use bomb": (
        '<svg xmlns="http://www.w3.org/2000/svg"><defs><g id="a0"><rect width="1" height="1"/></g>'
        + "".join(f'<g id="a{n}">' + f'<use href="#a{n - 1}"/>' * 10 + "</g>" for n in range(1, 12))
        + '</defs><use href="#a11"/></svg>',
        "not_allowed",
    ),
    "SVG pattern": ('<svg xmlns="http://www.w3.org/2000/svg"><pattern id="p"/></svg>', "not_allowed"),
    "SVG foreign content": ('<svg xmlns="http://www.w3.org/2000/svg"><foreignObject/></svg>', "not_allowed"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_ends_quickly_in_a_clean_error(name):
    html, reason = HOSTILE[name]
    start = time.process_time()
    with pytest.raises(DocumentRenderError) as error:
        render_pdf(html)
    assert error.value.reason == reason
    assert str(error.value).endswith(".")
    assert time.process_time() - start < 5


def test_ordinary_form_is_far_from_the_limits(inspection):
    check_limits(inspection(rows=300))


def test_chinese_form_has_its_text_and_its_ink(inspection, pages):
    result = render_pdf(inspection(owner="张喆𬭼、欧阳㛃翀", remark="东墙空鼓 0.2 ㎡\n踢脚线开缝"))
    document = pages(result.content)
    text = "".join(document.text(0).split())
    for expected in (
        "验房记录表",
        "YF-2026-0001",
        "张喆𬭼、欧阳㛃翀",
        "☑合格接收",
        "☐拒收",
        "李建国",
        "第1页共1页",
    ):
        assert expected in text
    assert result.pages == len(document) == 1
    assert document.ink((20, 30, 190, 50)) > 0.005
    assert result.sha256 == hashlib.sha256(result.content).hexdigest()
    assert result.missing_characters == result.refused_resources == ()


def test_user_text_is_never_markup(inspection, pages):
    result = render_pdf(inspection(owner="<img src=file:///etc/passwd><b>x</b>", remark="{{ 7 * 7 }}"))
    text = "".join(pages(result.content).text(0).split())
    assert "<imgsrc=file:///etc/passwd><b>x</b>" in text
    assert "{{7*7}}" in text
    assert result.refused_resources == ()


@pytest.mark.parametrize(
    ("language", "label"), [("zh_Hans_CN", "第 {page} 页 共 {pages} 页"), ("en", "Page {page} of {pages}")]
)
def test_every_page_tells_its_number_and_repeats_the_head(inspection, pages, language, label):
    result = render_pdf(inspection(language, rows=120))
    document = pages(result.content)
    assert result.pages == len(document) > 2
    for number in range(len(document)):
        text = document.text(number)
        assert label.format(page=number + 1, pages=len(document)) in text
        assert "检查项目" in text
        assert "https://crm.example.com/verify/7KQ2M4XD" in text
    rows = re.findall(
        r"^(\d+) ?墙面平整", "\n".join(document.text(n) for n in range(len(document))), re.MULTILINE
    )
    assert [int(row) for row in rows] == list(range(1, 121))


def test_content_stays_off_the_footer(inspection, pages):
    document = pages(render_pdf(inspection(rows=120)).content)
    for number in range(len(document)):
        assert document.ink((18, 276.5, 194, 278.5), number) == 0


def test_six_photos_on_a_page(inspection, pages, picture):
    store = {str(number): picture("black", (400, 300), "JPEG") for number in range(1, 8)}
    result = render_pdf(inspection(photos=store), attachments=store, fetch_attachment=store.__getitem__)
    document = pages(result.content)
    assert result.pages == 3
    assert [document.text(number).count("客厅") for number in range(3)] == [0, 6, 1]
    assert document.ink((18, 20, 194, 270), 1) > 0.6
    assert 0.1 < document.ink((18, 20, 194, 270), 2) < 0.2


@pytest.mark.parametrize("size", [(1200, 900), (1600, 900), (900, 1200)], ids=["4:3", "16:9", "upright"])
def test_a_photo_stands_in_the_middle_of_its_frame(size, pages, picture):
    photo = picture("black", size, "JPEG")
    html = (
        "<html lang=zh><style>@page { margin: 0 } .photo { width: 85mm; border: 0 !important }</style><body>"
    )
    html += '<div class="photo"><img src="attachment:1"></div>'
    result = render_pdf(html, attachments=["1"], fetch_attachment=lambda _key: photo)
    page = pages(result.content).pixels(scale=4)
    left, top, right, bottom = page.point(lambda value: 255 if value < 128 else 0).getbbox()
    frame = (85 / 25.4 * 72 * 4, 64 / 25.4 * 72 * 4)
    assert left == pytest.approx(frame[0] - right, abs=4)
    assert top == pytest.approx(frame[1] - bottom, abs=4)
    shown = min(frame[0] / size[0], frame[1] / size[1])
    assert (right - left, bottom - top) == pytest.approx((size[0] * shown, size[1] * shown), abs=6)


def test_watermark_is_on_every_page(inspection, pages):
    draft = pages(render_pdf(inspection(rows=80), watermark="草稿 DRAFT").content)
    final = pages(render_pdf(inspection(rows=80)).content)
    assert len(draft) == len(final) == 3
    for number in range(3):
        assert "草稿 DRAFT" in draft.text(number)
        assert "DRAFT" not in final.text(number)
        changed = sum(
            a != b
            for a, b in zip(draft.pixels(number).tobytes(), final.pixels(number).tobytes(), strict=True)
        )
        assert changed > 20_000


def test_english_quotation_marks_are_proportional_and_chinese_ones_square(pages):
    style = "@page {{ margin: 0 }} body {{ margin: 0; font-size: 20mm }}"
    html = "<html lang='{}'><style>" + style + "</style><span>““““l</span>"

    def right_edge(language):
        picture = pages(render_pdf(html.format(language)).content).pixels(scale=1)
        return picture.point(lambda value: 255 if value < 128 else 0).getbbox()[2] / 72 * 25.4

    assert right_edge("zh-Hans-CN") > 80
    assert right_edge("en") < 55


def test_no_line_ends_within_a_code_or_a_date(pages):
    text = "缺陷 DF-YQW-202611-0018、自2026-11-28起，见 WX-YQW-2026-0001；well-known，少付 -¥3,680.00"
    codes = ("DF-YQW-202611-0018", "2026-11-28", "WX-YQW-2026-0001", "-¥3,680.00")
    wide = "".join(f"<p style='width: {width}mm'>{text}</p>" for width in range(38, 120, 4))
    narrow = "<p style='width: 12mm'>DF-YQW-202611-0018</p><p style='width: 12mm'>well-considered</p>"
    drawn = "<svg viewBox='0 0 90 9'><text y='8'>3-1-1201</text></svg>"
    printed = pages(render_pdf(f"<html lang=zh><body>{wide}{narrow}{drawn}").content)
    found = "\n".join(map(printed.text, range(len(printed))))
    for code in codes:
        assert sum(code in line for line in found.splitlines()) == len(range(38, 120, 4)), code
    assert "\u2060" not in found
    assert "well\ufffeconsid" in found, "words are divided as before; so the text of a PDF says it"


def test_letter_is_small_and_embeds_only_the_house_font(inspection):
    content = render_pdf(inspection(rows=12)).content
    assert len(content) <= 60_000
    names = {
        str(font.get_object()["/BaseFont"]).partition("+")[2]
        for page in PdfReader(io.BytesIO(content)).pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert names == {"Doorstep-Sans-SC", "Doorstep-Sans-SC-Bold"}


def test_letter_after_the_first_is_quick(inspection):
    render_pdf(inspection())
    start = time.process_time()
    for _ in range(3):
        render_pdf(inspection())
    assert (time.process_time() - start) / 3 < 0.5


def test_metadata_and_language(inspection):
    metadata = PdfMetadata(
        author="Doorstep Ltd", subject="Inspection", keywords=("a", "b"), created="2026-11-23T10:15:00+08:00"
    )
    reader = PdfReader(
        io.BytesIO(render_pdf(inspection("en", title="Inspection record"), metadata=metadata).content)
    )
    assert reader.metadata is not None
    assert reader.metadata.title == "Inspection record YF-2026-0001"
    assert reader.metadata.author == "Doorstep Ltd"
    assert reader.metadata.creation_date.isoformat() == "2026-11-23T10:15:00+08:00"
    assert reader.root_object["/Lang"] == "en"
    bare = PdfReader(io.BytesIO(render_pdf("<p>x</p>", language="zh_Hans_CN").content))
    assert bare.root_object["/Lang"] == "zh-Hans-CN"


def test_stylesheet_of_the_document_type_wins(pages):
    html = "<p>x</p>"
    rotated = render_pdf(html, stylesheets=["@page { size: A5 landscape }"])
    assert pages(rotated.content).pixels(scale=1).size == (596, 420)
    assert pages(render_pdf(html).content).pixels(scale=1).size == (596, 842)
