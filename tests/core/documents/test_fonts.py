"""The font cut holds what forms and names need, and a document with other characters gets another font."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from core.machinery.documents import fonts
from core.machinery.documents.renderer import render_pdf

pytestmark = pytest.mark.no_database

ROOT = Path(fonts.__file__).parents[3]
FORM_SYMBOLS = "☐☑☒✓✔✗✘△▲○●□■◇★№①⑩⑳Ω²³℃㎡×÷±≤≥–—…→←↑↓│┌┬┐├┼┤└┴┘─·、。,:;?!“”‘’《》【】()¥¥€%‰°′″§"
LATIN = "ÀÉÎÕÜßæøñçšžłőāáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜ"
IN_NO_CUT_BUT_IN_NOTO = "𠮷"
SINGLE_GLYPH = (
    "<style>@page { margin: 0 } body { margin: 0; font-size: 60mm; line-height: 70mm }</style><body>%s</body>"
)


def gb2312() -> set[str]:
    characters = set()
    for lead in range(0xA1, 0xF8):
        for trail in range(0xA1, 0xFF):
            try:
                characters.add(bytes([lead, trail]).decode("gb2312"))
            except UnicodeDecodeError:
                continue
    return characters


def test_cut_covers_national_standards_and_form_symbols():
    standard = "".join((ROOT / "tools/fonts/standard_chinese_characters.txt").read_text("utf-8").split())
    assert len(set(standard)) == 8105
    assert len(gb2312()) == 7445
    for text in (standard, "".join(gb2312()), FORM_SYMBOLS, LATIN, "㛃喆翀𬭼堃囍㐱䶮"):
        assert fonts.missing_characters(text) == ()


@pytest.mark.parametrize("path", fonts.FONT_FILES.values(), ids=lambda path: path.stem)
def test_font_file_is_a_static_truetype_under_its_own_name(path):
    font = TTFont(path, lazy=True)
    assert "glyf" in font
    assert not {"CFF ", "CFF2", "fvar"} & set(font.keys())
    assert font["name"].getDebugName(1) == fonts.FAMILY
    assert "SIL Open Font License" in font["name"].getDebugName(13)
    assert path.stat().st_size < 4_500_000
    assert "SIL OPEN FONT LICENSE" in (path.parent / "OFL.txt").read_text()


@pytest.mark.parametrize("path", fonts.FONT_FILES.values(), ids=lambda path: path.stem)
def test_each_glyph_stands_where_it_was_drawn(path):
    """Viewers move an outline to where its left bearing says: with 0, opening brackets stuck to what came before."""
    font = TTFont(path)
    moved = [
        name
        for name in font.getGlyphOrder()
        if font["glyf"][name].numberOfContours and font["hmtx"][name][1] != font["glyf"][name].xMin
    ]
    assert moved == []
    assert font["hmtx"][font.getBestCmap()[ord("（")]][1] > 500


def test_missing_characters_are_named_once_in_order_and_never_spaces():
    assert fonts.missing_characters("a𠮷b\ue000𠮷\n\t \u200b\ufeff") == ("𠮷", "\ue000")
    assert fonts.missing_characters("e\u0301") == ()


def test_markup_code_is_not_text():
    assert fonts.choose_fonts("<style>p::before { content: '\ue000' }</style><p>&#x5586;</p>").families == (
        fonts.FAMILY,
    )
    assert fonts.choose_fonts("<p>&#xE000;</p>").unprintable == ("\ue000",)


@pytest.mark.parametrize("character", ["㛃", "喆", "翀", "𬭼", "☑", "✗"])
def test_character_of_the_cut_leaves_ink(pages, character):
    result = render_pdf(SINGLE_GLYPH % character)
    assert result.missing_characters == ()
    assert 0.04 < pages(result.content).ink((0, 0, 60, 70)) < 0.6
    tofu = pages(render_pdf(SINGLE_GLYPH % "\ue000").content).pixels()
    assert pages(result.content).pixels().tobytes() != tofu.tobytes()


def test_bold_is_a_weight_of_its_own(pages):
    plain = pages(render_pdf(SINGLE_GLYPH % "喆").content).ink((0, 0, 60, 70))
    bold = pages(render_pdf(SINGLE_GLYPH % "<b>喆</b>").content).ink((0, 0, 60, 70))
    assert bold > plain * 1.3


@pytest.mark.skipif(
    fonts.installed_family_with(IN_NO_CUT_BUT_IN_NOTO) is None, reason="no font for rare characters installed"
)
def test_character_outside_the_cut_is_printed_from_an_installed_font(pages):
    result = render_pdf(SINGLE_GLYPH % ("喆" + IN_NO_CUT_BUT_IN_NOTO))
    assert result.missing_characters == ()
    assert pages(result.content).ink((60, 0, 120, 70)) > 0.04
    assert IN_NO_CUT_BUT_IN_NOTO in pages(result.content).text(0)
    used = PdfReader(io.BytesIO(result.content)).pages[0]["/Resources"]["/Font"].values()
    names = {str(font.get_object()["/BaseFont"]).partition("+")[2] for font in used}
    assert "Doorstep-Sans-SC" in names
    assert len(names) == 2


def test_character_of_no_font_is_reported(monkeypatch):
    assert render_pdf("<p>王\ue000</p>").missing_characters == ("\ue000",)
    monkeypatch.setattr(fonts, "installed_family_with", lambda character: None)
    assert render_pdf(f"<p>王{IN_NO_CUT_BUT_IN_NOTO}</p>").missing_characters == (IN_NO_CUT_BUT_IN_NOTO,)


def test_fallback_prefers_the_family_that_the_cut_was_made_from():
    assert (
        fonts._preferred(["HanaMinB", "AR PL UMing", "Noto Sans CJK SC", "Noto Serif CJK SC"])
        == "Noto Sans CJK SC"
    )
    assert fonts._preferred(["Some Serif", "Some Sans"]) == "Some Sans"
    assert fonts._preferred([]) is None


def test_stack_check_is_quiet_here_and_names_the_package_where_a_library_is_missing(monkeypatch):
    assert [problem for problem in fonts.check_pdf_stack() if problem.fatal] == []
    monkeypatch.setattr(fonts, "_is_loadable", lambda library: "harfbuzz-subset" not in library)
    problems = [problem for problem in fonts.check_pdf_stack() if problem.package == "libharfbuzz-subset0"]
    assert len(problems) == 1
    assert not problems[0].fatal
    assert problems[0].message.endswith("install it with “apt-get install libharfbuzz-subset0” and restart.")


def test_stack_check_finds_a_damaged_font(monkeypatch, tmp_path):
    stub = tmp_path / "DoorstepSansSC-Bold.ttf"
    stub.write_bytes(b"pointer")
    monkeypatch.setattr(fonts, "FONT_FILES", {700: stub})
    assert any(
        "DoorstepSansSC-Bold.ttf is missing or damaged" in problem.message
        for problem in fonts.check_pdf_stack()
    )
