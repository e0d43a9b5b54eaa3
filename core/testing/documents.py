"""Printed documents in tests: whether a fixed form looks the same when its values are drawn over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.machinery.documents.letters import Letter, make_letters
from core.machinery.documents.printing import type_for, values_of, write
from core.machinery.documents.renderer import render_job

SCALE = 2
"""Pixels a point: 144 dpi."""
NEARLY = 0.002
"""At most this share of the pixels may differ clearly: edges of letters that stand a fraction of a pixel beside."""
_CLEARLY = 96


def assert_drawn_like_laid_out(code: str, records: Sequence[Any], language: str = "zh_Hans_CN") -> None:
    """Compare the pages of a fixed form that were drawn over with those that were laid out whole, by pixels.

    Needs pypdfium2. Call it inside a scope that may print the document.

    Args:
        code: Code of a document type with ``overlay``.
        records: At least two records whose values fit.
        language: Locale of the print.

    Raises:
        AssertionError: A letter was not drawn over its form, or looks different.
    """
    letters = [_letter(code, record, language) for record in records]
    made = make_letters(letters, joined=False, singles=True)
    for letter, drawn in zip(letters, made.letters, strict=True):
        assert not drawn.error, drawn.error
        assert drawn.drawn, f"{code}: a value does not fit its slot, or the form differs outside its slots."
        whole = render_job(letter.whole())
        assert drawn.pages == whole.pages
        for page in range(whole.pages):
            share = difference(drawn.content or b"", whole.content, page)
            assert share < NEARLY, f"{code}, page {page + 1}: {share:.2%} of the pixels differ."


def _letter(code: str, record: Any, language: str) -> Letter:
    document = type_for(code, record, language)
    return write(document, record, language, values_of(document, record, language)).letter


def difference(one: bytes, other: bytes, page: int = 0) -> float:
    """Return which share of the pixels of a page differs clearly between two PDFs.

    Args:
        one: A PDF.
        other: Another one with pages of the same size.
        page: Number of the page, from 0.
    """
    import pypdfium2
    from PIL import ImageChops

    pictures = [
        pypdfium2.PdfDocument(content)[page].render(scale=SCALE, grayscale=True).to_pil().convert("L")
        for content in (one, other)
    ]
    histogram = ImageChops.difference(*pictures).histogram()
    return sum(histogram[_CLEARLY:]) / sum(histogram)
