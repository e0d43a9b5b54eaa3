"""What a pad sends: checked, and drawn again."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.machinery.signatures.strokes import (
    MAX_POINTS,
    MAX_STROKES,
    MAX_TEXT,
    StrokesRefused,
    draw,
    read_strokes,
)

pytestmark = pytest.mark.no_database


def text(*strokes, size=(300, 200)) -> str:
    return json.dumps({"size": size, "strokes": strokes})


def test_a_stroke_is_drawn_where_it_was_made():
    drawn = Image.open(io.BytesIO(draw(read_strokes(text([[10, 10, 0.5], [100, 110, 0.5]])))))
    assert (drawn.format, drawn.mode) == ("PNG", "L")
    width, height = drawn.size
    assert drawn.getpixel((width // 2, height // 2)) < 80
    assert drawn.getpixel((width - 3, 3)) == 255
    assert drawn.getpixel((3, height - 3)) == 255


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ("", "empty"),
        (text(), "empty"),
        (text([[10, 10, 0.5]]), "empty"),
        (text([[10, 10], [12, 12]]), "empty"),
        ("[]", "damaged"),
        ("{", "damaged"),
        ("null", "damaged"),
        ("[" * 5_000, "damaged"),
        (text([[1, "2"], [300, 2]]), "damaged"),
        (text([[True, 2], [300, 2]]), "damaged"),
        (text([[1e999, 2], [300, 2]]), "damaged"),
        (text([[1, 2, 7], [300, 2, 0.5]]), "damaged"),
        (text([1, 2]), "damaged"),
        (text("abcdef"), "damaged"),
        (text([[1, 2], [300, 2]], size=(5, 5)), "damaged"),
        (text([[1, 2], [300, 2]], size=(1e9, 200)), "damaged"),
        (text([[1, 2], [300, 2]], size=(300,)), "damaged"),
        (text(*[[[1, 2]]] * (MAX_STROKES + 1)), "large"),
        (text([[1, 2]] * (MAX_POINTS + 1)), "large"),
        ("x" * (MAX_TEXT + 1), "large"),
    ],
)
def test_what_is_no_signature_is_refused(sent, why):
    with pytest.raises(StrokesRefused, match=why):
        read_strokes(sent)


@settings(max_examples=20)
@given(
    st.lists(
        st.lists(
            st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1), st.integers(0, 9_000)),
            max_size=20,
        ),
        max_size=6,
    )
)
def test_whatever_is_taken_can_be_drawn_small(strokes):
    try:
        taken = read_strokes(text(*strokes))
    except StrokesRefused:
        return
    assert all(0 <= x <= 300 and 0 <= y <= 200 for line in taken.lines for x, y, _pressure in line)
    drawn = Image.open(io.BytesIO(draw(taken)))
    assert drawn.width <= 900
    assert drawn.height <= 300


@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_nonsense_never_breaks(sent):
    with pytest.raises(StrokesRefused):
        read_strokes(sent)
