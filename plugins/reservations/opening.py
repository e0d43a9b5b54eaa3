"""Opening times, closed days and checklists, as people type them and as they are stored."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from babel.dates import get_day_names
from flask_babel import get_locale

from core.toolkit import _, _l
from plugins.reservations.errors import ReservationRuleError

WEEKDAYS: Mapping[int, Any] = {
    1: _l("Monday"),
    2: _l("Tuesday"),
    3: _l("Wednesday"),
    4: _l("Thursday"),
    5: _l("Friday"),
    6: _l("Saturday"),
    7: _l("Sunday"),
}

_RULE = re.compile(r"([1-7])(?:-([1-7]))?((?:\s+\d{1,2}:\d{2}-\d{1,2}:\d{2})+)")
Opening = dict[str, list[list[str]]]


def parse_opening(text: str) -> Opening:
    """Return opening times by weekday.

    Args:
        text: A line for each rule: ``1-5 09:00-12:00 13:30-17:30``; 1 is Monday.

    Raises:
        ReservationRuleError: A line is no such rule, a time is impossible, or two times of a day overlap.
    """
    found: Opening = {}
    for number, line in enumerate(
        text.replace("～", "-").replace("–", "-").replace("：", ":").splitlines(), 1
    ):
        line = line.strip()
        if not line:
            continue
        rule = _RULE.fullmatch(line)
        if rule is None:
            raise ReservationRuleError(
                _(
                    "Line %(number)s is no opening time. Write days and times like “1-5 09:00-12:00 13:30-17:30”.",
                    number=number,
                ),
                "opening_text",
            )
        first, last = int(rule[1]), int(rule[2] or rule[1])
        times = [_times(part, number) for part in rule[3].split()]
        for weekday in range(min(first, last), max(first, last) + 1):
            found.setdefault(str(weekday), []).extend(times)
    for day, times in found.items():
        times.sort()
        for before, after in pairwise(times):
            if after[0] < before[1]:
                raise ReservationRuleError(
                    _("Two opening times of %(day)s overlap.", day=str(WEEKDAYS[int(day)])), "opening_text"
                )
    return dict(sorted(found.items()))


def _times(text: str, number: int) -> list[str]:
    try:
        start, end = (dt.time.fromisoformat(part.zfill(5)) for part in text.split("-"))
    except ValueError:
        start = end = dt.time()
    if start >= end:
        raise ReservationRuleError(
            _(
                "%(time)s in line %(number)s is no time of day from an earlier to a later hour.",
                time=text,
                number=number,
            ),
            "opening_text",
        )
    return [start.strftime("%H:%M"), end.strftime("%H:%M")]


def opening_text(opening: Mapping[str, Sequence[Sequence[str]]] | None) -> str:
    """Return opening times as they are typed, equal days in one line."""
    return "\n".join(
        " ".join(
            (f"{first}-{last}" if first != last else str(first), *(each.replace("–", "-") for each in times))
        )
        for first, last, times in _lines(opening)
    )


def _lines(opening: Mapping[str, Sequence[Sequence[str]]] | None) -> list[tuple[int, int, list[str]]]:
    """Return the first and the last of days that follow each other with equal times, and the times."""
    lines: list[tuple[int, int, list[str]]] = []
    for day in range(1, 8):
        times = [f"{start}–{end}" for start, end in (opening or {}).get(str(day), ())]
        if not times:
            continue
        if lines and lines[-1][1] == day - 1 and lines[-1][2] == times:
            lines[-1] = (lines[-1][0], day, times)
        else:
            lines.append((day, day, times))
    return lines


def opening_words(opening: Mapping[str, Sequence[Sequence[str]]] | None) -> str:
    """Return opening times as people say them: ``Mon–Fri 09:00–12:00, 13:30–17:30``, equal days in one line."""
    return "\n".join(
        f"{_days_in_words(first, last)} {', '.join(times)}" for first, last, times in _lines(opening)
    )


def _days_in_words(first: int, last: int) -> str:
    if (first, last) == (1, 7):
        return _("Every day")
    names = get_day_names("abbreviated", locale=get_locale())
    if first == last:
        return names[first - 1]
    return _("%(first)s–%(last)s", first=names[first - 1], last=names[last - 1])


def parse_days(text: str) -> list[str]:
    """Return the days that are typed one a line, in their order.

    Raises:
        ReservationRuleError: A line is no day.
    """
    days = set()
    for line in re.split(r"[\s,，、]+", text.strip()):
        if line:
            try:
                days.add(dt.date.fromisoformat(line).isoformat())
            except ValueError as error:
                raise ReservationRuleError(
                    _("“%(text)s” is no day. Write it like 2026-10-01.", text=line[:30]), "closed_text"
                ) from error
    return sorted(days)


def parse_setup(text: str) -> list[tuple[str, str]]:
    """Return the lines of a checklist: what is looked at and, behind a bar ``|``, its measure.

    Raises:
        ReservationRuleError: There are too many lines, or one is too long.
    """
    lines = [line.replace("｜", "|") for line in text.splitlines() if line.strip()]
    if len(lines) > 60:
        raise ReservationRuleError(_("A checklist has at most 60 lines."), "setup_text")
    found = []
    for number, line in enumerate(lines, 1):
        what, _bar, measure = (part.strip() for part in line.partition("|"))
        if not what or len(what) > 160 or len(measure) > 80:
            raise ReservationRuleError(
                _(
                    "Line %(number)s is empty or too long: at most 160 characters, and 80 for the measure.",
                    number=number,
                ),
                "setup_text",
            )
        found.append((what, measure))
    return found
