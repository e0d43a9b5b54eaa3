"""The drawing over a photo: arrows, circles and words in coordinates from 0 to 1, as SVG for pages and drawn for paper.

The photo itself is never changed: the drawing lies beside it, in versions.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape
from PIL import Image, ImageDraw, ImageFont

MAX_SHAPES = 40
MAX_TEXT = 40
MAX_CHARACTERS = 40_000
COLOURS: Mapping[str, str] = {"red": "#e02020", "yellow": "#ffd21a", "blue": "#1f6fe0", "white": "#ffffff"}
EDGES: Mapping[str, str] = {"red": "#ffffff", "yellow": "#222222", "blue": "#ffffff", "white": "#222222"}
_HEAD = 0.42
"""Half the angle of an arrow's head, in radians."""


class MarkupRefused(ValueError):
    """The shapes cannot be taken; the argument is ``large`` or ``damaged``."""


def read_shapes(text: str) -> list[dict[str, Any]]:
    """Check what the editor sent.

    Args:
        text: JSON list of ``{"kind": "arrow", "from": [x, y], "to": [x, y]}``, ``{"kind": "circle", "at": [x, y],
            "radius": [rx, ry]}`` and ``{"kind": "text", "at": [x, y], "text": …}``, each with a ``colour``; x and y
            from 0 to 1.

    Raises:
        MarkupRefused: There are too many, or it is no such list.
    """
    if len(text) > MAX_CHARACTERS:
        raise MarkupRefused("large")
    try:
        found = json.loads(text)
        if not isinstance(found, list):
            raise MarkupRefused("damaged")
        if len(found) > MAX_SHAPES:
            raise MarkupRefused("large")
        return [_shape(each) for each in found]
    except MarkupRefused:
        raise
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise MarkupRefused("damaged") from error


def _shape(given: Any) -> dict[str, Any]:
    colour = given["colour"]
    if colour not in COLOURS:
        raise MarkupRefused("damaged")
    kind = given["kind"]
    if kind == "arrow":
        return {"kind": kind, "colour": colour, "from": _pair(given["from"]), "to": _pair(given["to"])}
    if kind == "circle":
        return {"kind": kind, "colour": colour, "at": _pair(given["at"]), "radius": _pair(given["radius"])}
    if kind == "text":
        words = " ".join(str(given["text"]).replace("\0", "").split())
        if not isinstance(given["text"], str) or not 0 < len(words) <= MAX_TEXT:
            raise MarkupRefused("damaged")
        return {"kind": kind, "colour": colour, "at": _pair(given["at"]), "text": words}
    raise MarkupRefused("damaged")


def _pair(given: Any) -> list[float]:
    x, y = given
    for value in (x, y):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise MarkupRefused("damaged")
    return [round(float(x), 4), round(float(y), 4)]


def _sizes(width: int, height: int) -> tuple[float, float]:
    """Return the thickness of lines and the height of letters in pixels."""
    longest = max(width, height)
    return max(2.0, longest / 220), max(11.0, longest / 28)


def svg(shapes: Sequence[Mapping[str, Any]], width: int, height: int) -> Markup:
    """Return the drawing as SVG, to lie over the photo with ``object-fit: contain``.

    Args:
        shapes: Checked shapes.
        width: Width of the photo in pixels.
        height: Height of the photo in pixels.
    """
    line, letters = _sizes(width, height)
    parts = []
    for shape in shapes:
        for colour, thickness in ((EDGES[shape["colour"]], line * 2), (COLOURS[shape["colour"]], line)):
            pen = (
                f'fill="none" stroke="{colour}" stroke-width="{thickness:.1f}" stroke-linecap="round" '
                'stroke-linejoin="round"'
            )
            if shape["kind"] == "arrow":
                parts.append(f'<path d="{_arrow_path(shape, width, height)}" {pen}/>')
            elif shape["kind"] == "circle":
                (x, y), (rx, ry) = shape["at"], shape["radius"]
                parts.append(
                    f'<ellipse cx="{x * width:.1f}" cy="{y * height:.1f}" '
                    f'rx="{rx * width:.1f}" ry="{ry * height:.1f}" {pen}/>'
                )
        if shape["kind"] == "text":
            x, y = shape["at"]
            parts.append(
                f'<text x="{x * width:.1f}" y="{y * height:.1f}" font-size="{letters:.1f}" font-weight="600" '
                f'fill="{COLOURS[shape["colour"]]}" stroke="{EDGES[shape["colour"]]}" stroke-width="{line:.1f}" '
                f'paint-order="stroke" dominant-baseline="hanging">{escape(shape["text"])}</text>'
            )
    body = "".join(parts)
    return Markup(  # noqa: S704 - numbers, colours of our own, and escaped words
        f'<svg class="markup-layer" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'preserveAspectRatio="xMidYMid meet" aria-hidden="true">{body}</svg>'
    )


def _arrow_points(shape: Mapping[str, Any], width: int, height: int) -> tuple[list[tuple[float, float]], ...]:
    (x1, y1), (x2, y2) = shape["from"], shape["to"]
    start, end = (x1 * width, y1 * height), (x2 * width, y2 * height)
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    head = min(max(width, height) / 24, max(math.dist(start, end) * 0.5, 1))
    wings = [
        (end[0] - head * math.cos(angle + turn), end[1] - head * math.sin(angle + turn))
        for turn in (_HEAD, -_HEAD)
    ]
    return [start, end], [wings[0], end, wings[1]]


def _arrow_path(shape: Mapping[str, Any], width: int, height: int) -> str:
    lines = _arrow_points(shape, width, height)
    return " ".join("M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in line) for line in lines)


def draw(
    photo: bytes, shapes: Sequence[Mapping[str, Any]], font: Path | None, thumbnail_side: int
) -> tuple[bytes, bytes]:
    """Return the photo with the drawing, and a small one, as JPEG.

    Args:
        photo: A picture of the store, made by ourselves.
        shapes: Checked shapes.
        font: Font file for words; without it they are left out.
        thumbnail_side: Longest side of the small one in pixels.
    """
    with Image.open(io.BytesIO(photo), formats=["JPEG"]) as opened:
        picture = opened.convert("RGB")
    width, height = picture.size
    line, letters = _sizes(width, height)
    pen = ImageDraw.Draw(picture)
    for shape in shapes:
        colours = ((EDGES[shape["colour"]], line * 2), (COLOURS[shape["colour"]], line))
        if shape["kind"] == "text":
            if font is not None:
                at = (shape["at"][0] * width, shape["at"][1] * height)
                face = ImageFont.truetype(str(font), round(letters))
                pen.text(
                    at,
                    shape["text"],
                    font=face,
                    fill=colours[1][0],
                    stroke_width=max(1, round(line / 2)),
                    stroke_fill=colours[0][0],
                )
            continue
        for colour, thickness in colours:
            if shape["kind"] == "circle":
                (x, y), (rx, ry) = shape["at"], shape["radius"]
                _polyline(pen, _ellipse(x * width, y * height, rx * width, ry * height), colour, thickness)
            else:
                for points in _arrow_points(shape, width, height):
                    _polyline(pen, points, colour, thickness)
    small = picture.copy()
    small.thumbnail((thumbnail_side, thumbnail_side), Image.Resampling.LANCZOS)
    return _jpeg(picture), _jpeg(small)


def _ellipse(x: float, y: float, rx: float, ry: float) -> list[tuple[float, float]]:
    turns = [step * math.tau / 72 for step in range(73)]
    return [(x + rx * math.cos(turn), y + ry * math.sin(turn)) for turn in turns]


def _polyline(
    pen: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], colour: str, thickness: float
) -> None:
    pen.line(list(points), fill=colour, width=max(1, round(thickness)), joint="curve")
    radius = thickness / 2
    for x, y in (points[0], points[-1]):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _jpeg(picture: Image.Image) -> bytes:
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=84, optimize=True)
    return target.getvalue()
