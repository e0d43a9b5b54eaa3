"""Cut the fonts that documents are printed with out of Noto Sans CJK SC.

    python tools/build_fonts.py [--source-regular FILE] [--source-bold FILE]

Without arguments the source is looked up with ``fc-match`` (Debian: package ``fonts-noto-cjk``). The two files in
``core/machinery/documents/fonts/`` are overwritten; the same source gives the same bytes.

Why a cut: WeasyPrint reads and subsets the font for each document. A static TrueType file of 4 MB takes half the time
of the 20 MB OpenType collection, and the documents are five times smaller (docs/decisions/0010-document-fonts.md).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable
from itertools import pairwise
from math import hypot
from pathlib import Path

from fontTools import subset
from fontTools.misc.roundTools import otRound
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont, newTable
from fontTools.ttLib.tables._g_l_y_f import Glyph

Point = tuple[float, float]
Contour = list[Point]

ROOT = Path(__file__).resolve().parent.parent
CHARACTER_LISTS = [
    ROOT / "tools" / "fonts" / "standard_chinese_characters.txt",
    ROOT / "tools" / "fonts" / "name_characters.txt",
]
"""The Table of General Standard Chinese Characters (通用规范汉字表, State Council 2013, 8,105 characters), and
characters of personal and place names that it lacks."""
TARGET = ROOT / "core" / "machinery" / "documents" / "fonts"
LATIN_LETTERS = {
    "Regular": ROOT / "tools" / "fonts" / "source-sans-3-latin-ext-400-normal.woff2",
    "Bold": ROOT / "tools" / "fonts" / "source-sans-3-latin-ext-700-normal.woff2",
}
"""Source Sans 3, of which the Latin of Noto Sans CJK is a scaled copy; from npm, @fontsource/source-sans-3."""
FAMILY = "Doorstep Sans SC"
SOURCE_FAMILY = "Noto Sans CJK SC"
OUTLINE_TOLERANCE = 1.0
"""How far the quadratic outline may leave the cubic one, in font units (1000 to the em): 0.01 pt at 10 pt."""

SYMBOL_BLOCKS = [
    (0x0020, 0x007E),  # ASCII
    (0x00A0, 0x017F),  # Latin-1 Supplement and Latin Extended-A
    (0x01CD, 0x01DC),  # Pinyin with tone marks
    (0x01F8, 0x01F9),
    (0x0218, 0x021B),
    (0x0251, 0x0251),
    (0x0261, 0x0261),
    (0x02B0, 0x02FF),
    (0x0300, 0x030C),  # Combining accents
    (0x0391, 0x03C9),  # Greek
    (0x0401, 0x0451),  # Cyrillic
    (0x1E00, 0x1EFF),  # Latin Extended Additional (Vietnamese, Welsh)
    (0x2000, 0x206F),  # General Punctuation
    (0x2070, 0x209F),  # Superscripts and subscripts
    (0x20A0, 0x20BF),  # Currency
    (0x2100, 0x214F),  # Letterlike: № ℃ Ω ™
    (0x2150, 0x218F),  # Fractions and Roman numerals
    (0x2190, 0x21FF),  # Arrows
    (0x2200, 0x22FF),  # Mathematical operators
    (0x2300, 0x23FF),
    (0x2460, 0x24FF),  # Enclosed numbers: ① to ⑳, ⑴, Ⓐ
    (0x2500, 0x257F),  # Box drawing
    (0x2580, 0x25FF),  # Blocks and shapes: ■ □ ▲ △ ○ ●
    (0x2600, 0x27BF),  # Symbols and dingbats: ★ ☎ ✓
    (0x3000, 0x303F),  # CJK punctuation
    (0x3041, 0x30FF),  # Kana
    (0x3105, 0x312F),  # Bopomofo
    (0x3200, 0x33FF),  # Enclosed CJK, ㎡ ㎜ ㏑
    (0xFE30, 0xFE4F),
    (0xFF01, 0xFFEE),  # Full-width forms
]
LAYOUT_FEATURES = ["ccmp", "kern", "mark", "mkmk", "pwid"]
"""pwid: proportional quotation marks, dashes and dots for English text; the Chinese ones fill a square."""


def wanted_characters() -> set[int]:
    """The code points that the cut shall hold, before the source is asked which of them it has."""
    wanted = {code for first, last in SYMBOL_BLOCKS for code in range(first, last + 1)}
    for path in CHARACTER_LISTS:
        wanted |= {ord(character) for character in path.read_text("utf-8") if not character.isspace()}
    wanted |= set(_double_byte("gb2312", range(0xA1, 0xF8), range(0xA1, 0xFF)))
    wanted |= set(_double_byte("big5", range(0xA4, 0xC7), [*range(0x40, 0x7F), *range(0xA1, 0xFF)]))
    return wanted


def _double_byte(codec: str, leads: Iterable[int], trails: Iterable[int]) -> Iterable[int]:
    trails = list(trails)
    for lead in leads:
        for trail in trails:
            try:
                yield ord(bytes([lead, trail]).decode(codec))
            except (UnicodeDecodeError, TypeError):
                continue


def open_source(path: Path | None, style: str) -> TTFont:
    """Open the Simplified Chinese member of the source; *path* may be a collection or a single font.

    Raises SystemExit with what to install when no source is found.
    """
    if path is None:
        found = subprocess.run(
            ["fc-match", "-f", "%{family}\t%{file}", f"{SOURCE_FAMILY}:style={style}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        families, _, file = found.partition("\t")
        if SOURCE_FAMILY not in families:
            raise SystemExit(
                f"{SOURCE_FAMILY} is not installed: install fonts-noto-cjk or give --source-{style.lower()}."
            )
        path = Path(file)
    if path.suffix == ".ttc":
        for font in TTCollection(path).fonts:
            if font["name"].getDebugName(1) == SOURCE_FAMILY:
                return font
        raise SystemExit(f"{path} holds no {SOURCE_FAMILY}.")
    return TTFont(path)


def cut(font: TTFont) -> None:
    """Reduce *font* to the wanted characters, in place; the outlines stay as they are."""
    options = subset.Options()
    options.layout_features = LAYOUT_FEATURES
    options.layout_scripts = ["DFLT", "latn", "hani"]
    options.drop_tables += ["BASE", "VORG", "vhea", "vmtx", "DSIG"]
    options.name_IDs = ["*"]
    options.notdef_outline = True
    options.hinting = False
    options.desubroutinize = True
    options.recalc_timestamp = False
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=wanted_characters())
    subsetter.subset(font)


def convert_to_truetype(font: TTFont) -> None:
    """Replace the cubic CFF outlines of *font* by quadratic ones (table glyf), in place."""
    order = font.getGlyphOrder()
    glyphs = font.getGlyphSet()
    converted = {}
    for name in order:
        pen = TTGlyphPen(None)
        glyphs[name].draw(Cu2QuPen(pen, OUTLINE_TOLERANCE, reverse_direction=True))
        converted[name] = pen.glyph(dropImpliedOnCurves=True)
    del font["CFF "]
    font["loca"] = newTable("loca")
    font["glyf"] = table = newTable("glyf")
    table.glyphOrder = order
    table.glyphs = converted
    for glyph in converted.values():
        glyph.recalcBounds(table)
    # Viewers move an outline until it begins at its left bearing, so both have to say the same.
    font["hmtx"].metrics = {
        name: (advance, converted[name].xMin if converted[name].numberOfContours else 0)
        for name, (advance, _) in font["hmtx"].metrics.items()
    }
    maxp = font["maxp"] = newTable("maxp")
    maxp.tableVersion = 0x00010000
    for field in [
        "maxZones",
        "maxTwilightPoints",
        "maxStorage",
        "maxFunctionDefs",
        "maxInstructionDefs",
        "maxStackElements",
        "maxSizeOfInstructions",
        "maxComponentElements",
        "maxPoints",
        "maxContours",
        "maxCompositePoints",
        "maxCompositeContours",
        "maxComponentDepth",
    ]:
        setattr(maxp, field, 0)
    maxp.maxZones = 1
    maxp.numGlyphs = len(order)
    post = font["post"]
    post.formatType = 3.0
    post.glyphOrder = None
    post.extraNames = []
    font.sfntVersion = "\x00\x01\x00\x00"


def add_latin_letters(font: TTFont, style: str) -> None:
    """Add the accented Latin letters that the source lacks (š ž ł ő …), from the family of its Latin."""
    with TTFont(LATIN_LETTERS[style]) as latin:
        scale = font["OS/2"].sCapHeight / latin["OS/2"].sCapHeight
        glyphs = latin.getGlyphSet()
        for code, name in sorted(latin.getBestCmap().items()):
            if chr(code).isalpha() and code < 0x0250 and code not in font.getBestCmap():
                outline = DecomposingRecordingPen(glyphs)
                glyphs[name].draw(outline)
                pen = TTGlyphPen(None)
                outline.replay(TransformPen(pen, (scale, 0, 0, scale, 0, 0)))
                _add_glyph(font, chr(code), pen.glyph(round=otRound), round(glyphs[name].width * scale))


def draw_form_symbols(font: TTFont, bold: bool) -> None:
    """Add the tick boxes, ticks and crosses that the source lacks (☐ ☑ ☒ ✗ ✔ ✘), drawn here on its em square."""
    pen = 90 if bold else 66
    tick: list[Point] = [(265, 390), (440, 195), (745, 585)]
    large_tick: list[Point] = [(130, 400), (390, 110), (870, 700)]
    frame = _frame(90, -40, 910, 780, pen)
    shapes = {
        "☐": frame,
        "☑": [*frame, _stroke(tick, pen * 1.3)],
        "☒": [*frame, *_cross(500, 370, 215, pen * 1.2)],
        "✗": _cross(500, 370, 320, pen * 1.3),
        "✔": [_stroke(large_tick, pen * 2.2)],
        "✘": _cross(500, 370, 320, pen * 2.2),
    }
    for character, contours in shapes.items():
        if ord(character) not in font.getBestCmap():
            _add_glyph(font, character, _polygons(contours), 1000)


def _frame(left: float, bottom: float, right: float, top: float, width: float) -> list[Contour]:
    outer = [(left, bottom), (left, top), (right, top), (right, bottom)]
    left, bottom, right, top = left + width, bottom + width, right - width, top - width
    return [outer, [(left, bottom), (right, bottom), (right, top), (left, top)]]


def _cross(x: float, y: float, reach: float, width: float) -> list[Contour]:
    return [
        _stroke([(x - reach, y - reach), (x + reach, y + reach)], width),
        _stroke([(x - reach, y + reach), (x + reach, y - reach)], width),
    ]


def _stroke(points: list[Point], width: float) -> Contour:
    """The outline of a polyline of the given width, with mitred joins and square ends."""
    normals = []
    for (x0, y0), (x1, y1) in pairwise(points):
        length = hypot(x1 - x0, y1 - y0)
        normals.append(((y0 - y1) / length, (x1 - x0) / length))
    offsets = [normals[0]]
    for (ax, ay), (bx, by) in pairwise(normals):
        scale = 1 + ax * bx + ay * by
        offsets.append(((ax + bx) / scale, (ay + by) / scale))
    offsets.append(normals[-1])
    half = width / 2
    left = [(x + dx * half, y + dy * half) for (x, y), (dx, dy) in zip(points, offsets, strict=True)]
    right = [(x - dx * half, y - dy * half) for (x, y), (dx, dy) in zip(points, offsets, strict=True)]
    return left + right[::-1]


def _polygons(contours: list[Contour]) -> Glyph:
    pen = TTGlyphPen(None)
    for contour in contours:
        points = [(round(x), round(y)) for x, y in contour]
        pen.moveTo(points[0])
        for point in points[1:]:
            pen.lineTo(point)
        pen.closePath()
    return pen.glyph()


def _add_glyph(font: TTFont, character: str, glyph: Glyph, advance: int) -> None:
    name = f"uni{ord(character):04X}"
    glyph.recalcBounds(font["glyf"])
    font.setGlyphOrder([*font.getGlyphOrder(), name])
    font["glyf"].glyphOrder = font.getGlyphOrder()
    font["glyf"].glyphs[name] = glyph
    font["hmtx"].metrics[name] = (advance, glyph.xMin)
    font["maxp"].numGlyphs += 1
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[ord(character)] = name


def rename(font: TTFont, style: str) -> None:
    """Name the cut as a font of its own, as a changed version should be; keep copyright and licence as they are."""
    kept = {number: font["name"].getDebugName(number) for number in (0, 5, 8, 9, 10, 11, 13, 14)}
    names = {
        **{number: text for number, text in kept.items() if text},
        0: f"{kept[0]} Added letters: {TTFont(LATIN_LETTERS[style])['name'].getDebugName(0)}",
        1: FAMILY,
        2: style,
        3: f"{FAMILY.replace(' ', '')}-{style};cut from {SOURCE_FAMILY}",
        4: f"{FAMILY} {style}",
        6: f"{FAMILY.replace(' ', '')}-{style}",
        10: f"A TrueType cut of {SOURCE_FAMILY} {style} for printed forms; tick boxes, Source Sans 3 letters added.",
    }
    font["name"].names = []
    for number, text in sorted(names.items()):
        font["name"].setName(text, number, 3, 1, 0x409)


def build(source: Path | None, style: str) -> Path:
    """Write the cut of one *style* ("Regular" or "Bold") and return its path."""
    font = open_source(source, style)
    font.recalcTimestamp = False
    cut(font)
    convert_to_truetype(font)
    add_latin_letters(font, style)
    draw_form_symbols(font, bold=style == "Bold")
    rename(font, style)
    target = TARGET / f"{FAMILY.replace(' ', '')}-{style}.ttf"
    font.save(target)
    return target


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Cut the fonts of printed documents out of Noto Sans CJK SC."
    )
    parser.add_argument("--source-regular", type=Path, help="font file or collection with the Regular weight")
    parser.add_argument("--source-bold", type=Path, help="font file or collection with the Bold weight")
    arguments = parser.parse_args()
    TARGET.mkdir(parents=True, exist_ok=True)
    for style, source in (("Regular", arguments.source_regular), ("Bold", arguments.source_bold)):
        target = build(source, style)
        characters = len(TTFont(target, lazy=True).getBestCmap())
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1e6:.2f} MB, {characters} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
