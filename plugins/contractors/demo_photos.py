"""Drawn photos for demo data: tiles, walls, frames and floors with the faults that inspectors photograph."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageDraw, ImageFilter

PICTURES = 4
"""How many different pictures of each kind are drawn."""
_SIZE = (960, 720)

_KINDS = {
    "leak": ("D01", "D17", "D24", "D16"),
    "crack": ("D02", "D03", "D04", "D13", "D14"),
    "scratch": ("D07", "D08", "D09", "D15"),
    "joint": ("D05", "D06", "D22", "D18"),
}


def kind_of_fault(code: str) -> str:
    """Return which kind of picture shows a kind of fault."""
    return next((kind for kind, codes in _KINDS.items() if code in codes), "fitting")


def draw(kind: str, chance: random.Random) -> bytes:
    """Return a JPEG of 960 × 720 pixels.

    Args:
        kind: ``leak``, ``crack``, ``scratch``, ``joint``, ``fitting``, ``repaired``, or ``paper`` (on a desk).
        chance: The source of chance.
    """
    painters: dict[str, Callable[[random.Random], Image.Image]] = {
        "leak": _leak,
        "crack": _crack,
        "scratch": _scratch,
        "joint": _joint,
        "fitting": _fitting,
        "repaired": _repaired,
        "paper": _paper,
    }
    picture = _light(painters[kind](chance), chance)
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=82)
    return stream.getvalue()


def _surface(colour: tuple[int, int, int], grain: int) -> Image.Image:
    base = Image.new("RGB", _SIZE, colour)
    noise = Image.effect_noise(_SIZE, grain).convert("RGB").filter(ImageFilter.GaussianBlur(1))
    return Image.blend(base, noise, 0.12)


def _light(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Darken towards one corner, as a lamp in the hand does."""
    shade = Image.radial_gradient("L").resize((_SIZE[0] * 2, _SIZE[1] * 2))
    left, top = chance.randint(100, _SIZE[0] - 200), chance.randint(50, _SIZE[1] - 150)
    mask = shade.crop((_SIZE[0] - left, _SIZE[1] - top, 2 * _SIZE[0] - left, 2 * _SIZE[1] - top))
    dark = Image.new("RGB", _SIZE, (24, 22, 20))
    return Image.composite(dark, picture, mask.point([value // 2 for value in range(256)]))


def _tiles(chance: random.Random) -> Image.Image:
    colour = chance.choice(((214, 208, 198), (196, 200, 202), (222, 218, 210)))
    picture = _surface(colour, 60)
    pen = ImageDraw.Draw(picture)
    side = chance.randint(230, 320)
    for x in range(-40, _SIZE[0] + side, side):
        pen.line([(x, 0), (x + 24, _SIZE[1])], fill=(150, 146, 138), width=5)
    for y in range(40, _SIZE[1] + side, side):
        pen.line([(0, y), (_SIZE[0], y + 10)], fill=(150, 146, 138), width=5)
    return picture


def _zigzag(
    chance: random.Random, start: tuple[float, float], length: int, angle: float
) -> list[tuple[float, float]]:
    points = [start]
    x, y = start
    for _step in range(length):
        angle += chance.uniform(-0.45, 0.45)
        x, y = x + math.cos(angle) * 16, y + math.sin(angle) * 16
        points.append((x, y))
    return points


def _crack(chance: random.Random) -> Image.Image:
    picture = _tiles(chance) if chance.random() < 0.6 else _surface((226, 223, 214), 40)
    pen = ImageDraw.Draw(picture)
    main = _zigzag(chance, (chance.randint(60, 300), chance.randint(60, 260)), 42, 0.5)
    pen.line(main, fill=(66, 60, 54), width=5, joint="curve")
    pen.line([(x + 2, y + 2) for x, y in main], fill=(240, 238, 230), width=1)
    for point in chance.sample(main[8:], 4):
        pen.line(_zigzag(chance, point, 9, chance.uniform(-1.5, 2.2)), fill=(84, 78, 70), width=2)
    _chalk(pen, main[len(main) // 2], chance)
    return picture


def _chalk(pen: ImageDraw.ImageDraw, centre: tuple[float, float], chance: random.Random) -> None:
    """The red ring that an inspector draws around what he means."""
    x, y = centre
    for shift in (0, 3):
        pen.ellipse([x - 130 - shift, y - 96, x + 130, y + 96 + shift], outline=(176, 44, 38), width=5)
    pen.line([(x + 100, y - 70), (x + 190 + chance.randint(0, 30), y - 150)], fill=(176, 44, 38), width=5)


def _leak(chance: random.Random) -> Image.Image:
    picture = _surface((228, 225, 216), 36)
    stain = Image.new("L", _SIZE, 0)
    pen = ImageDraw.Draw(stain)
    x, y = chance.randint(260, 660), chance.randint(120, 320)
    for _blot in range(38):
        dx, dy = chance.gauss(0, 120), abs(chance.gauss(0, 150))
        size = chance.randint(40, 120)
        pen.ellipse(
            [x + dx - size, y + dy - size, x + dx + size, y + dy + size], fill=chance.randint(60, 150)
        )
    stain = stain.filter(ImageFilter.GaussianBlur(26))
    picture = Image.composite(Image.new("RGB", _SIZE, (150, 122, 82)), picture, stain)
    edge = (
        stain.filter(ImageFilter.FIND_EDGES)
        .filter(ImageFilter.GaussianBlur(3))
        .point([min(255, v * 5) for v in range(256)])
    )
    picture = Image.composite(Image.new("RGB", _SIZE, (120, 92, 56)), picture, edge)
    pen = ImageDraw.Draw(picture)
    for _drop in range(7):
        start = x + chance.randint(-150, 150)
        pen.line([(start, y + 100), (start + 4, y + chance.randint(180, 380))], fill=(138, 112, 78), width=3)
    pen.rectangle([0, _SIZE[1] - 70, _SIZE[0], _SIZE[1]], fill=(188, 176, 158))
    pen.line([(0, _SIZE[1] - 70), (_SIZE[0], _SIZE[1] - 70)], fill=(110, 100, 88), width=4)
    return picture


def _scratch(chance: random.Random) -> Image.Image:
    colour = chance.choice(((92, 86, 80), (138, 104, 70), (64, 68, 72)))
    picture = _surface(colour, 70).filter(ImageFilter.BoxBlur(2))
    pen = ImageDraw.Draw(picture)
    for x in range(0, _SIZE[0], chance.randint(150, 210)):
        pen.line([(x, 0), (x, _SIZE[1])], fill=tuple(max(0, part - 26) for part in colour), width=6)
    for _line in range(chance.randint(3, 7)):
        x, y = chance.randint(200, 620), chance.randint(160, 480)
        end = (x + chance.randint(120, 300), y + chance.randint(-80, 80))
        pen.line([(x, y), end], fill=(226, 220, 210), width=chance.randint(2, 4))
        pen.line([(x, y + 3), (end[0], end[1] + 3)], fill=(30, 28, 26), width=1)
    return picture


def _joint(chance: random.Random) -> Image.Image:
    picture = _surface((232, 230, 224), 30)
    pen = ImageDraw.Draw(picture)
    edge = chance.randint(340, 520)
    pen.rectangle([edge, 0, _SIZE[0], _SIZE[1]], fill=(150, 116, 82))
    for y in range(0, _SIZE[1], 9):
        pen.line([(edge, y), (_SIZE[0], y + chance.randint(-4, 4))], fill=(138, 104, 72), width=1)
    gap = chance.randint(8, 18)
    pen.polygon(
        [(edge, 0), (edge + 4, 0), (edge + gap, _SIZE[1]), (edge - gap // 2, _SIZE[1])], fill=(28, 24, 22)
    )
    top = chance.randint(180, 300)
    pen.rectangle([edge - 190, top, edge - 30, top + 240], fill=(244, 200, 40))
    for tick in range(0, 240, 12):
        length = 60 if tick % 60 == 0 else 34
        pen.line([(edge - 30 - length, top + tick), (edge - 30, top + tick)], fill=(20, 20, 20), width=2)
    return picture


def _fitting(chance: random.Random) -> Image.Image:
    picture = _tiles(chance)
    pen = ImageDraw.Draw(picture)
    x, y = chance.randint(300, 420), chance.randint(200, 280)
    tilt = chance.randint(14, 36)
    plate = [(x, y), (x + 280, y + tilt), (x + 280 - tilt, y + 280 + tilt), (x - tilt, y + 280)]
    pen.polygon([(px + 10, py + 14) for px, py in plate], fill=(120, 116, 110))
    pen.polygon(plate, fill=(246, 246, 244), outline=(150, 150, 148))
    for row in range(2):
        for column in range(3):
            cx, cy = x + 60 + column * 74 - row * 6, y + 90 + row * 100 + column * 8
            pen.rectangle([cx, cy, cx + 14, cy + 42], fill=(40, 42, 44))
    pen.line([(x - tilt - 30, y + 270), (x - tilt + 20, y + 330)], fill=(190, 60, 50), width=6)
    return picture


def _repaired(chance: random.Random) -> Image.Image:
    picture = _tiles(chance) if chance.random() < 0.5 else _surface((232, 230, 222), 30)
    pen = ImageDraw.Draw(picture)
    x, y = chance.randint(220, 420), chance.randint(180, 300)
    patch = Image.new("L", _SIZE, 0)
    ImageDraw.Draw(patch).rounded_rectangle([x, y, x + 320, y + 220], 40, fill=70)
    picture.paste((246, 244, 238), mask=patch.filter(ImageFilter.GaussianBlur(18)))
    pen.line([(x + 330, y + 250), (x + 360, y + 290), (x + 430, y + 190)], fill=(52, 128, 84), width=9)
    return picture


def _paper(chance: random.Random) -> Image.Image:
    """A sheet with a heading, a ruled table and the round red seal of a company, photographed on a desk."""
    picture = _surface((146, 112, 80), 60)
    pen = ImageDraw.Draw(picture)
    left, top, right, bottom = 200, 24, 760, 700
    pen.rectangle([left + 8, top + 10, right + 8, bottom + 10], fill=(96, 72, 50))
    pen.rectangle([left, top, right, bottom], fill=(246, 245, 240))
    pen.rectangle([left + 150, top + 40, right - 150, top + 62], fill=(64, 62, 60))
    for row in range(9):
        y = top + 110 + row * 44
        pen.line([(left + 40, y), (right - 40, y)], fill=(120, 118, 114), width=2)
        for column in (0, 150, 330):
            pen.rectangle(
                [left + 56 + column, y + 17, left + 56 + column + chance.randint(50, 120), y + 27],
                fill=(150, 148, 144),
            )
    for x in (left + 40, left + 190, left + 370, right - 40):
        pen.line([(x, top + 110), (x, top + 110 + 8 * 44)], fill=(120, 118, 114), width=2)
    x, y = right - 150, bottom - 130
    pen.ellipse([x - 74, y - 74, x + 74, y + 74], outline=(196, 44, 40), width=6)
    points = [
        (x + size * math.sin(turn * math.pi / 5), y - size * math.cos(turn * math.pi / 5))
        for turn, size in ((each, 30 if each % 2 == 0 else 12) for each in range(10))
    ]
    pen.polygon(points, fill=(196, 44, 40))
    return picture.rotate(chance.uniform(-3, 3), resample=Image.Resampling.BICUBIC, fillcolor=(146, 112, 80))
