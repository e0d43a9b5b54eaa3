"""Where the tasks of a plan stand on a line of time, for the chart on the page and in print. No database."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 620
"""Units of the drawing between the first and the last day."""


@dataclass(frozen=True)
class Mark:
    """A place on the line.

    Attributes:
        x: Distance from the left, from 0 to :data:`WIDTH`.
        label: Words beside it.
    """

    x: float
    label: str


@dataclass(frozen=True)
class Axis:
    """The line of time of a plan.

    Attributes:
        first: First day.
        last: Last day.
        months: The first day of each month between them.
    """

    first: dt.date
    last: dt.date
    months: tuple[Mark, ...]

    def x(self, day: dt.date) -> float:
        """Return where a day stands, within the line."""
        whole = max(1, (self.last - self.first).days)
        share = (day - self.first).days / whole
        return round(min(max(share, 0.0), 1.0) * WIDTH, 1)

    def holds(self, day: dt.date) -> bool:
        """Return whether a day lies on the line."""
        return self.first <= day <= self.last


def axis_of(days: Sequence[dt.date], margin: int = 4) -> Axis | None:
    """Return the line that holds some days, with a margin; None without any.

    Args:
        days: The days that have to be on it.
        margin: Days before the first and after the last.
    """
    if not days:
        return None
    first = min(days) - dt.timedelta(days=margin)
    last = max(days) + dt.timedelta(days=margin)
    bare = Axis(first, last, ())
    months, day = [], _next_month(first)
    while day <= last:
        months.append(Mark(bare.x(day), f"{day.year}-{day.month:02d}"))
        day = _next_month(day + dt.timedelta(days=1))
    step = 1 + len(months) // 6
    return Axis(first, last, tuple(months[::step]))


_OPENING, _CLOSING = "（《〈「『【“‘", "，。；：、！？）》〉」』】”’％"
_UNBROKEN = re.compile(rf"[{_OPENING}]*(?:[\u2e80-\uffff]|[^\s\u2e80-\uffff]+)[{_CLOSING}]*\s*")
"""What stays on one line: a Chinese character or a word, with the punctuation that belongs to it."""


def broken(text: str, width: float, size: float) -> list[str]:
    """Return a text as lines that fit a width, for a drawing, where nothing breaks by itself; nothing is left out.

    Args:
        text: The text.
        width: Width of a line, in units of the drawing.
        size: Size of the letters in the same units: a Chinese character is as wide, others some 0.55 of it.
    """
    lines: list[str] = []
    line, used = "", 0.0
    for piece in _UNBROKEN.findall(text):
        for part in _parts(piece, width, size):
            if line and used + _width(part.rstrip(), size) > width:
                lines.append(line.rstrip())
                line, used = "", 0.0
            line, used = line + part, used + _width(part, size)
    return [*lines, line.rstrip()] if line.strip() else lines


def _width(text: str, size: float) -> float:
    return sum(size if character > "⺀" else 0.55 * size for character in text)


def _parts(piece: str, width: float, size: float) -> list[str]:
    """Return a piece, cut where it is longer than a line."""
    if _width(piece.rstrip(), size) <= width:
        return [piece]
    most = max(1, int(width // size))
    return [piece[start : start + most] for start in range(0, len(piece), most)]


def _next_month(day: dt.date) -> dt.date:
    if day.day == 1:
        return day
    return dt.date(day.year + day.month // 12, day.month % 12 + 1, 1)
