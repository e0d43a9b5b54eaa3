"""Slots: the places of a fixed form that differ from letter to letter.

The template of a fixed form leaves a mark in each place. From the marked HTML come two documents: the *form* with blank
places, which is laid out once for many letters, and the *letter* with its values, which is laid out by itself when a
value does not fit. Both are the same HTML but for the text in the slots, so a value stands where the layout of the
whole letter would have put it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from markupsafe import Markup, escape

from core.machinery.documents import fonts
from core.machinery.documents.verification_code import qr_svg

TEXT, DRAWING = "text", "qr"
_START, _END = "\ue0f0", "\ue0f1"
"""Around a slot's number; private characters, which :func:`clean` takes out of every value."""
_MARK = re.compile(f"{_START}(\\d+){_END}")
_BLANK = "\u00a0"
"""Keeps the line of an empty slot as high as with its text."""


@dataclass(frozen=True)
class Slot:
    """One place: ``attribute`` marks its element, ``shown`` is what stands in it."""

    attribute: Markup
    shown: Markup


class Slots(Protocol):
    """What a template asks for the places that differ. ``records`` tells that the HTML must not hold their values."""

    @property
    def records(self) -> bool: ...

    def text(self, value: Any) -> Slot:
        """Return the place of a line of text, in a box whose width does not depend on it."""

    def exact(self, value: Any, bold: bool = False) -> Slot:
        """Return the place of a text within a line, exactly as wide as the text."""

    def code(self, url: str) -> Markup:
        """Return the QR code of an address."""


class Inline:
    """Slots of a document that is laid out as a whole: the values simply stand in it."""

    records = False

    def text(self, value: Any) -> Slot:
        """Return the value."""
        return Slot(Markup(""), escape("" if value is None else value))

    def exact(self, value: Any, bold: bool = False) -> Slot:
        """Return the value."""
        del bold
        return self.text(value)

    def code(self, url: str) -> Markup:
        """Return the drawing."""
        return qr_svg(url)


class Recorded:
    """Slots of a fixed form: they remember the values and leave a mark in the HTML.

    Attributes:
        values: ``(kind, value)`` by the number of the slot; the kind is ``text`` or ``qr``.
    """

    records = True

    def __init__(self) -> None:
        self.values: list[tuple[str, str]] = []

    def _mark(self, kind: str, value: str) -> str:
        self.values.append((kind, value))
        return f"{_START}{len(self.values) - 1}{_END}"

    def text(self, value: Any) -> Slot:
        """Remember a text."""
        number = len(self.values)
        mark = self._mark(TEXT, clean("" if value is None else str(value)))
        return Slot(Markup(' data-slot="{}"').format(number), Markup(mark))  # noqa: S704 (numbers)

    def exact(self, value: Any, bold: bool = False) -> Slot:
        """Remember a text and reserve its width, in em of its font."""
        text = "" if value is None else str(value)
        slot = self.text(text)
        width = round(text_width(clean(text), 700 if bold else 400), 4)
        return Slot(slot.attribute + Markup(' style="width: {}em"').format(width), slot.shown)

    def code(self, url: str) -> Markup:
        """Remember the address of a QR code."""
        return Markup(self._mark(DRAWING, url))  # noqa: S704 (numbers)


def form_of(html: str, values: tuple[tuple[str, str], ...]) -> str:
    """Return the form of marked HTML, with blank places."""

    def blank(found: re.Match[str]) -> str:
        number = int(found[1])
        if values[number][0] == DRAWING:
            return f'<svg class="qr" data-slot="{number}" viewBox="0 0 1 1"></svg>'
        return _BLANK

    return _MARK.sub(blank, html)


def letter_of(html: str, values: tuple[tuple[str, str], ...]) -> str:
    """Return the whole letter of marked HTML, with the values in their places."""

    def filled(found: re.Match[str]) -> str:
        kind, value = values[int(found[1])]
        return str(qr_svg(value) if kind == DRAWING else escape(value))

    return _MARK.sub(filled, html)


def clean(text: str) -> str:
    """Return a text without the characters that mark slots."""
    return text.replace(_START, "").replace(_END, "")


@dataclass(frozen=True)
class Run:
    """A part of a shaped line: ``text`` set solid, and then ``gap`` em more or less than nothing."""

    text: str
    gap: float


@dataclass(frozen=True)
class ShapedLine:
    """A line of text as HarfBuzz, and so the layout, sets it: its runs and its width in em."""

    runs: tuple[Run, ...]
    width: float


def text_width(text: str, weight: int = 400) -> float:
    """Return how wide a text is set, in em; what the font lacks counts as its blank."""
    return _shape(text, weight, ())[1]


def shaped_line(text: str, weight: int, features: Mapping[str, int]) -> ShapedLine | None:
    """Return a text cut where kerning moves a glyph, or None when its characters alone do not name its glyphs.

    Args:
        text: One line, all of whose characters the font has.
        weight: 400 or 700.
        features: OpenType features that are on, such as ``{"pwid": 1}``.
    """
    glyphs, width = _shape(text, weight, tuple(sorted(features.items())))
    names, advances = _glyphs_and_advances(weight)
    if len(glyphs) != len(text):
        return None
    runs: list[Run] = []
    begun = ""
    for index, (glyph, cluster, advance, shift) in enumerate(glyphs):
        if cluster != index or glyph != names.get(ord(text[index])) or shift != (0, 0):
            return None
        begun += text[index]
        gap = advance - advances[glyph]
        if abs(gap) > 1e-6:
            runs.append(Run(begun, gap))
            begun = ""
    if begun:
        runs.append(Run(begun, 0.0))
    return ShapedLine(tuple(runs), width)


@lru_cache(maxsize=2)
def _face(weight: int) -> Any:
    import uharfbuzz

    return uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(fonts.FONT_FILES[weight])))


@lru_cache(maxsize=2)
def _font(weight: int) -> Any:
    import uharfbuzz

    return uharfbuzz.Font(_face(weight))


@lru_cache(maxsize=2)
def _glyphs_and_advances(weight: int) -> tuple[dict[int, int], list[float]]:
    from fontTools.ttLib import TTFont

    with TTFont(fonts.FONT_FILES[weight], lazy=True) as font:
        names = {code: font.getGlyphID(name) for code, name in font.getBestCmap().items()}
        metrics = font["hmtx"]
        unit = font["head"].unitsPerEm
        advances = [metrics[name][0] / unit for name in font.getGlyphOrder()]
    return names, advances


def _shape(
    text: str, weight: int, features: tuple[tuple[str, int], ...]
) -> tuple[list[tuple[int, int, float, tuple[int, int]]], float]:
    import uharfbuzz

    if not text:
        return [], 0.0
    buffer = uharfbuzz.Buffer()
    buffer.add_codepoints([ord(character) for character in text])
    buffer.guess_segment_properties()
    uharfbuzz.shape(_font(weight), buffer, dict(features))
    unit = _face(weight).upem
    glyphs = [
        (info.codepoint, info.cluster, place.x_advance / unit, (place.x_offset, place.y_offset))
        for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
    ]
    return glyphs, sum(glyph[2] for glyph in glyphs)
