"""Fixed forms: what is drawn over the form looks as if it had been laid out, and what does not fit is laid out."""

from __future__ import annotations

import io

import pikepdf
import pypdf
import pytest
from jinja2 import DictLoader

from core.machinery.documents import fonts
from core.machinery.documents.letters import Letter, PageRange, make_letters, merge_pdfs
from core.machinery.documents.renderer import PdfMetadata, RenderJob, render_job
from core.machinery.documents.slots import Recorded, letter_of, shaped_line, text_width
from core.machinery.documents.templating import DocumentHead, Verification, document_environment
from core.testing.documents import NEARLY, difference

pytestmark = pytest.mark.no_database

NOTICE = """
{% extends "documents/base.html" %}
{% block content %}
<p class="lead">尊敬的 {{ form.slot(owner, "60mm") }} 业主,房号 {{ form.slot(code, "30mm", "centre") }}</p>
{{ form.key_values([("房号", code), ("金额", amount), ("备注", remark, True)], slots=true) }}
<p>请按期办理。AVATAR</p>{% if long %}<p style="break-before: page">第二页</p>{% endif %}
{% endblock %}
"""
ENVIRONMENT = document_environment(
    lambda message, **values: message % values if values else message,
    lambda one, many, number: one,
    loaders=[DictLoader({"notice.html": NOTICE})],
)


@pytest.fixture
def notice():
    def write(number=1, owner="张喆", remark="周末 Yo. 11/22", watermark=None, long=False, **head) -> Letter:
        slots = Recorded()
        check = f"ABCDEFGHIJKLMNOPQRS{number:02d}"
        described = DocumentHead(
            **{
                "title": "交付通知书",
                "number": f"JF-202611-{number:04d}",
                "company": "青岛置业有限公司",
                "date": "2026年11月23日",
                "printed_at": "2026/11/23 10:15",
                "verification": Verification(f"https://crm.example.com/verify/{check}", check),
                **head,
            },
            slots=slots,
        )
        html = ENVIRONMENT.get_template("notice.html").render(
            document=described,
            owner=owner,
            code=f"3-1-{1500 + number}",
            amount="¥1,265.00 AVA",
            remark=remark,
            long=long,
        )
        return Letter(RenderJob(html, watermark=watermark), tuple(slots.values))

    return write


def test_drawn_letters_look_like_laid_out_ones(notice, pages):
    letters = [
        notice(number, owner=name, long=True) for number, name in enumerate(("张喆", "欧阳娜娜、To Wave"), 1)
    ]
    made = make_letters(letters, joined=True, singles=True, metadata=PdfMetadata(title="通知"))
    assert [letter.drawn for letter in made.letters] == [True, True]
    [joined] = made.pieces
    for number, letter in enumerate(letters):
        whole = render_job(letter.whole())
        assert whole.pages == made.letters[number].pages == 2
        for page in range(2):
            assert difference(made.letters[number].content, whole.content, page) < NEARLY
            drawn = pages(joined)
            assert (
                drawn.text(2 * number + page).split()
                == pages(made.letters[number].content).text(page).split()
            )
        assert difference(made.letters[number].content, render_job(notice(9).whole()).content) > 0
    first = pages(joined).text(0)
    for value in ("JF-202611-0001", "张喆", "3-1-1501", "Page 1 of 2"):
        assert value in first
    assert "JF-202611-0002" in pages(joined).text(2)
    assert "Page 2 of 2" in pages(joined).text(3)


def test_the_check_code_is_drawn_where_it_is_laid_out(notice):
    letters = [notice(1), notice(2)]
    made = make_letters(letters, joined=False, singles=True)
    # Another code alone is a clear difference, so the comparison above would see a code that is missing or shifted.
    other = difference(made.letters[0].content, render_job(letters[1].whole()).content)
    same = difference(made.letters[0].content, render_job(letters[0].whole()).content)
    assert same < other / 2


@pytest.mark.parametrize(
    "value",
    ["非常长的业主姓名" * 6, "王\U00030edd", "第一行\n第二行", "two  spaces", "王\ue000", "e\u0301\u0323x"],
    ids=["too wide", "rare", "two lines", "spaces", "no glyph", "combining"],
)
def test_what_cannot_be_drawn_is_laid_out(notice, value, pages):
    letters = [
        notice(1),
        notice(2, remark=value) if "姓名" not in value else notice(2, owner=value),
        notice(3),
    ]
    made = make_letters(letters, joined=True, singles=True)
    assert [letter.drawn for letter in made.letters] == [True, False, True]
    assert len(made.pieces) == 3
    whole = render_job(letters[1].whole())
    assert difference(made.letters[1].content, whole.content) == 0
    assert made.letters[1].missing_characters == whole.missing_characters


def test_letters_that_differ_outside_their_slots_have_forms_of_their_own(notice, pages):
    letters = [notice(1), notice(2, company="鹭岛公司"), notice(3, company="鹭岛公司"), notice(4)]
    made = make_letters(letters, joined=True, singles=False)
    [joined] = made.pieces
    assert ["鹭岛公司" in pages(joined).text(number) for number in range(4)] == [False, True, True, False]


def test_a_form_that_cannot_be_laid_out_fails_with_its_letter_alone(notice):
    deep = notice(2)
    deep = Letter(RenderJob(deep.job.html.replace("<main>", "<main>" + "<div>" * 300)), deep.values)
    made = make_letters([notice(1), deep, deep, notice(4)], joined=True, singles=False)
    assert [letter.reason for letter in made.letters] == ["", "too_deep", "too_deep", ""]
    assert [letter.pages for letter in made.letters] == [1, 0, 0, 1]


def test_values_are_text_and_never_markup(notice, pages):
    letters = [notice(number, owner="<b>&amp;</b>") for number in (1, 2)]
    made = make_letters(letters, joined=True, singles=False)
    assert made.letters[0].drawn
    assert "<b>&amp;</b>" in pages(made.pieces[0]).text(0)
    assert "&lt;b&gt;" in letter_of(letters[0].job.html, letters[0].values)


def test_drafts_carry_the_watermark_and_joined_letters_share_the_form(notice):
    draft, clean = (
        make_letters([notice(number, watermark=mark) for number in range(40)], joined=True, singles=False)
        for mark in ("草稿 DRAFT", None)
    )
    assert difference(draft.pieces[0], clean.pieces[0]) == 0  # pale: below what counts as clear
    assert draft.pieces[0] != clean.pieces[0]
    assert len(clean.pieces[0]) / 40 < 5_000


def test_kerned_text_is_cut_where_a_glyph_moves():
    assert [run.text for run in shaped_line("王小明", 400, {}).runs] == ["王小明"]
    kerned = shaped_line("AVA", 400, {})
    assert [run.text for run in kerned.runs] == ["A", "V", "A"]
    assert [run.gap < 0 for run in kerned.runs] == [True, True, False]
    assert kerned.width < sum(text_width(letter) for letter in "AVA")
    assert text_width("") == 0
    assert shaped_line("“好”", 400, {"pwid": 1}) is None


def test_letters_that_were_written_one_by_one_share_their_fonts_when_they_are_merged(notice):
    """A page of text has hundreds of characters: each letter by itself brings some 50 kB, merged at most 20 kB."""
    known = sorted(code for code in fonts.coverage() if 0x4E00 <= code < 0x9FA6)
    text = "".join(map(chr, known[:: len(known) // 260]))
    letters = [
        Letter(notice(number, owner="张王李赵钱孙"[number], remark=text[number:]).whole())
        for number in range(6)
    ]
    alone = [each.content for each in make_letters(letters, joined=False, singles=True).letters]
    assert min(map(len, alone)) > 40_000
    target = io.BytesIO()
    # A range of pages counts as a file of its own.
    pieces = [PageRange(alone[0], 0, 1), *alone[1:]]
    assert merge_pdfs(pieces, target, PdfMetadata(title="通知")) == len(alone)
    merged = target.getvalue()
    assert len(merged) < 20_000 * len(alone)
    assert len(merged) < len(alone[0]) + 12_000 * len(alone)
    pages = pypdf.PdfReader(io.BytesIO(merged)).pages
    for number, (one, page) in enumerate(zip(alone, pages, strict=True)):
        assert page.extract_text() == pypdf.PdfReader(io.BytesIO(one)).pages[0].extract_text()
        if number in (0, 5):
            assert difference(one, _page(merged, number)) == 0


def test_drawn_letters_of_an_archive_stay_small_when_they_are_merged(notice):
    """Each brings its own values only, and the form with its font is there once: at most 20 kB a letter."""
    letters = [
        notice(
            number, owner="张王李赵钱孙周吴郑冯"[number] + "伟明", remark="请携带身份证原件及购房合同前来办理"
        )
        for number in range(10)
    ]
    made = make_letters(letters, joined=False, singles=True).letters
    assert all(each.drawn for each in made)
    target = io.BytesIO()
    assert merge_pdfs([each.content for each in made], target, PdfMetadata(title="通知")) == len(made)
    merged = target.getvalue()
    assert len(merged) < 17_000 * len(made)
    text = pypdf.PdfReader(io.BytesIO(merged)).pages[3].extract_text()
    assert "赵伟明" in text and "请携带身份证原件及购房合同前来办理" in text
    for number in (0, 9):
        assert difference(made[number].content, _page(merged, number)) == 0


def _page(content: bytes, number: int) -> bytes:
    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as source, pikepdf.new() as single:
        single.pages.append(source.pages[number])
        single.save(target)
    return target.getvalue()
