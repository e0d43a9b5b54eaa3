"""The strokes of a pen on glass: what a pad sends is checked, and drawn again as a picture.

Strokes come instead of a picture: nothing of a stranger has to be decoded, they are sharp in any size, and they keep
how the hand moved.
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from PIL import Image, ImageDraw

MAX_TEXT = 600_000
MAX_STROKES = 400
MAX_POINTS = 30_000
LEAST_INK = 0.06
"""Length of the line that a signature has at least, as a share of the pad's width."""

_INK = 20
_OVERSAMPLING = 3
_WIDEST, _HIGHEST = 900, 300
"""Pixels of the finished picture at most."""


class StrokesRefused(ValueError):
    """The strokes cannot be taken; the argument is ``empty``, ``large`` or ``damaged``."""


@dataclass(frozen=True)
class Strokes:
    """Checked strokes.

    Attributes:
        width: Width of the pad in CSS pixels.
        height: Height of the pad in CSS pixels.
        lines: For each stroke its points as (x, y, pressure), in pixels of the pad; pressure from 0 to 1.
    """

    width: float
    height: float
    lines: tuple[tuple[tuple[float, float, float], ...], ...]


def read_strokes(text: str) -> Strokes:
    """Check what a pad sent.

    Args:
        text: JSON ``{"size": [width, height], "strokes": [[[x, y, pressure, milliseconds], …], …]}``.

    Raises:
        StrokesRefused: There is no ink, too much of it, or it is no such JSON.
    """
    if not text.strip():
        raise StrokesRefused("empty")
    if len(text) > MAX_TEXT:
        raise StrokesRefused("large")
    try:
        data = json.loads(text)
        width, height = (_number(value, 4_000) for value in data["size"])
        drawn = data["strokes"]
        if not isinstance(drawn, list):
            raise StrokesRefused("damaged")
        if len(drawn) > MAX_STROKES or sum(len(stroke) for stroke in drawn) > MAX_POINTS:
            raise StrokesRefused("large")
        lines = tuple(tuple(_point(point, width, height) for point in stroke) for stroke in drawn if stroke)
    except StrokesRefused:
        raise
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise StrokesRefused("damaged") from error
    if width < 40 or height < 20:
        raise StrokesRefused("damaged")
    ink = sum(math.dist(a[:2], b[:2]) for line in lines for a, b in pairwise(line))
    if ink < LEAST_INK * width:
        raise StrokesRefused("empty")
    return Strokes(width, height, lines)


def _number(value: Any, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise StrokesRefused("damaged")
    return float(value)


def _point(point: Any, width: float, height: float) -> tuple[float, float, float]:
    x, y = point[0], point[1]
    pressure = _number(point[2], 1) if len(point) > 2 else 0.5
    for value in (x, y):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise StrokesRefused("damaged")
    # A finger that leaves the pad goes on to send; what lies outside is drawn at its edge.
    return min(max(float(x), 0.0), width), min(max(float(y), 0.0), height), pressure


def draw(strokes: Strokes) -> bytes:
    """Return the strokes as a PNG in shades of grey on white, cut to the ink, at most 900 by 300 pixels."""
    points = [point for line in strokes.lines for point in line]
    left, right = min(point[0] for point in points), max(point[0] for point in points)
    top, bottom = min(point[1] for point in points), max(point[1] for point in points)
    margin = 6.0
    width, height = right - left + 2 * margin, bottom - top + 2 * margin
    scale = min(_WIDEST / width, _HIGHEST / height, 3.0)
    factor = scale * _OVERSAMPLING
    picture = Image.new("L", (max(1, round(width * factor)), max(1, round(height * factor))), 255)
    pen = ImageDraw.Draw(picture)
    for line in strokes.lines:
        placed = [((x - left + margin) * factor, (y - top + margin) * factor, p) for x, y, p in line]
        _draw_line(pen, _smooth(placed), factor)
    size = (max(1, picture.width // _OVERSAMPLING), max(1, picture.height // _OVERSAMPLING))
    output = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(output, "PNG", optimize=True)
    return output.getvalue()


def _draw_line(pen: ImageDraw.ImageDraw, points: list[tuple[float, float, float]], factor: float) -> None:
    def dot(x: float, y: float, radius: float) -> None:
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_INK)

    radii = [(0.9 + 0.9 * point[2]) * factor for point in points]
    for index, (x, y, _pressure) in enumerate(points):
        dot(x, y, radii[index])
        if index:
            before = points[index - 1]
            pen.line(((before[0], before[1]), (x, y)), fill=_INK, width=max(1, round(radii[index] * 2)))


def _smooth(points: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Return the points of the curve through the middles between the points, as the pad draws it."""
    if len(points) < 3:
        return points
    curve = [points[0]]
    for before, point, after in zip(points, points[1:], points[2:], strict=False):
        start = _middle(before, point) if curve[-1] is not points[0] else points[0]
        end = _middle(point, after)
        steps = max(2, min(12, round(math.dist(start[:2], end[:2]) / 4)))
        for step in range(1, steps + 1):
            t = step / steps
            weights = ((1 - t) ** 2, 2 * (1 - t) * t, t * t)
            parts = list(zip(start, point, end, strict=True))
            x, y, pressure = (sum(w * v for w, v in zip(weights, part, strict=True)) for part in parts)
            curve.append((x, y, pressure))
    curve.append(points[-1])
    return curve


def _middle(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2
