"""An independent calculation of warranty ends, to compare with. It shares no code with the module: it counts through
the calendar day by day and season by season, where the module computes."""

from __future__ import annotations

import datetime as dt

ONE_DAY = dt.timedelta(days=1)


def last_day_of_months(start: dt.date, months: int) -> dt.date:
    """Walk month by month: the last day is the one before the same day comes round, or the month's last when it
    never does."""
    year, month = start.year, start.month
    for _step in range(months):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    day = dt.date(year, month, 1)
    before = None
    while day.month == month:
        if day.day == start.day:
            return day - ONE_DAY
        before = day
        day += ONE_DAY
    assert before is not None
    return before


def last_day_of_seasons(start: dt.date, count: int, first: str, last: str, partial: bool) -> dt.date:
    """Write down the seasons of the years around the start, strike what does not count, and take the n-th.

    first, last: month and day as "11-15".
    """
    written = []
    for year in range(start.year - 3, start.year + count + 4):
        begin = _nearest(year, first)
        end = _nearest(year, last)
        if end < begin:
            end = _nearest(year + 1, last)
        written.append((begin, end))
    kept = [(begin, end) for begin, end in written if begin >= start or (partial and begin < start <= end)]
    return sorted(kept)[count - 1][1]


def _nearest(year: int, month_day: str) -> dt.date:
    month, day = int(month_day[:2]), int(month_day[3:])
    while True:
        try:
            return dt.date(year, month, day)
        except ValueError:
            day -= 1


STATUTE = {
    # category: (kind, amount, least)
    "W01": ("life", 50, 50), "W02": ("months", 60, 60), "W03": ("months", 24, 24), "W04": ("months", 24, 24),
    "W05": ("seasons", 2, 2), "W06": ("months", 24, 24), "W07": ("months", 24, 24), "W08": ("months", 24, 24),
    "W09": ("months", 24, 24), "W10": ("months", 24, 24), "W11": ("months", 12, 6), "W12": ("months", 24, 24),
    "W13": ("months", 6, 2), "W14": ("months", 60, 60),
}  # fmt: skip
"""Domain reference 3.4.2, copied by hand from the table."""


def end(
    start: dt.date,
    category: str,
    amount: int,
    system: str,
    seasons: dict[str, tuple[str, str]],
    partial: bool,
) -> dt.date:
    """The last covered day."""
    kind = STATUTE[category][0]
    if kind == "months":
        return last_day_of_months(start, amount)
    if kind == "life":
        return last_day_of_months(start, 12 * amount)
    ends = []
    for each in ("heating", "cooling"):
        if system in ("", each):
            if each in seasons:
                ends.append(last_day_of_seasons(start, amount, *seasons[each], partial))
            else:
                ends.append(last_day_of_months(start, 12 * amount))
    return max(ends)


def verdict(
    delivered: dt.date | None,
    completed: dt.date | None,
    reported: dt.date,
    owner_end: dt.date | None,
    contractor_end: dt.date | None,
    extended_until: dt.date | None,
    excluded: bool,
) -> tuple[str, str]:
    """The verdict and who bears the cost, as a decision table."""
    if excluded:
        return "excluded", "owner"
    if delivered is None or owner_end is None or delivered > reported:
        return "not_started", "contractor"
    covered = not reported > owner_end or (extended_until is not None and not reported > extended_until)
    if not covered:
        return "expired", "owner"
    if completed is None or contractor_end is None:
        return "in_warranty", "undetermined"
    return ("gap", "developer") if contractor_end < reported else ("in_warranty", "contractor")
