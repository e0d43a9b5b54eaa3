"""Arithmetic with days: D+n, T−n, calendar months. Working days stand in :mod:`core.machinery.clocks.working_days`."""

from __future__ import annotations

import calendar
import datetime as dt
import re

_OFFSET = re.compile(r"(?:[A-Z])?([+-]?\d{1,4})(d|wd|w|m|y)?")


def months_after(day: dt.date, months: int) -> dt.date:
    """Return the same day some calendar months later, the last of the month where it has no such day.

    Args:
        day: The day that is counted from.
        months: How many months; negative for earlier.

    Source: domain reference 5.3.1 and worked example 1: one month before 2026-03-31 is 2026-02-28.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def parse_offset(text: str) -> tuple[int, str]:
    """Return number and unit of an offset: ``d`` calendar days, ``wd`` working days, ``w`` weeks, ``m`` months, ``y``
    years.

    Args:
        text: As the domain reference writes it: ``T−30``, ``D+7``, ``D+5wd``, ``T-1m``; the letter may be left out.

    Raises:
        ValueError: The text is no such offset.
    """
    found = _OFFSET.fullmatch(text.strip().replace("−", "-").replace("–", "-").replace(" ", ""))
    if found is None:
        raise ValueError(f"{text!r} is no offset; write it like T-30, D+7, D+5wd or T-1m.")
    return int(found[1]), found[2] or "d"
