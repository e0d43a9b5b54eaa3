"""The arithmetic of warranty periods: dates in, dates out, without a database.

Sources: domain reference 3.4.2 and its settled readings (Appendix F). An end is inclusive: it is the last day that is
covered. Where a reading is open it is resolved in the owner's favour.
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

UNNAMED_CITY_MONTHS = 12
"""Where a city has no season of a system, each season of the term stands for a year."""


class CategoryCode(StrEnum):
    """The fourteen warranty categories (domain reference 3.4.2); ``data/categories.json`` says what they are."""

    W01 = "W01"
    W02 = "W02"
    W03 = "W03"
    W04 = "W04"
    W05 = "W05"
    W06 = "W06"
    W07 = "W07"
    W08 = "W08"
    W09 = "W09"
    W10 = "W10"
    W11 = "W11"
    W12 = "W12"
    W13 = "W13"
    W14 = "W14"


class TermKind(StrEnum):
    """In what a term is counted."""

    MONTHS = "months"
    SEASONS = "seasons"
    LIFE = "life"
    """Years of design life 设计使用年限."""


class System(StrEnum):
    """The two systems of W05, which have seasons of their own."""

    HEATING = "heating"
    COOLING = "cooling"


class Cover(StrEnum):
    """The verdict on a report."""

    NOT_STARTED = "not_started"
    """Before the delivery: rectification by the contractor, not yet warranty."""
    IN_WARRANTY = "in_warranty"
    GAP = "gap"
    """The owner is covered, the contractor no longer is: the developer bears the cost."""
    EXPIRED = "expired"
    EXCLUDED = "excluded"


class Bearer(StrEnum):
    """Who bears the cost of a repair."""

    CONTRACTOR = "contractor"
    DEVELOPER = "developer"
    PROPERTY = "property"
    OWNER = "owner"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True)
class Season:
    """A heating or cooling season of a city, the same each year.

    Attributes:
        start_month: Month in which it begins.
        start_day: First day.
        end_month: Month in which it ends, in the next year when it lies before the start.
        end_day: Last day; the last of the month where the month is shorter.
    """

    start_month: int
    start_day: int
    end_month: int
    end_day: int

    def beginning_in(self, year: int) -> tuple[dt.date, dt.date]:
        """Return first and last day of the season that begins in a year."""
        crosses = (self.end_month, self.end_day) < (self.start_month, self.start_day)
        return (
            _day_of(year, self.start_month, self.start_day),
            _day_of(year + crosses, self.end_month, self.end_day),
        )


def _day_of(year: int, month: int, day: int) -> dt.date:
    return dt.date(year, month, min(day, monthrange(year, month)[1]))


def end_after_months(start: dt.date, months: int) -> dt.date:
    """Return the last day of a term in months.

    It ends on the day before the same day of the month; where the month has no such day, on its last one. So one year
    from 29 February 2024 ends on 28 February 2025, and six months from 31 August on the last day of February.

    Args:
        start: First day.
        months: Length, at least 1.

    Source: domain reference 3.4.2 and Appendix F.
    """
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    if start.day > last:
        return dt.date(year, month + 1, last)
    return dt.date(year, month + 1, start.day) - dt.timedelta(days=1)


def end_after_seasons(start: dt.date, count: int, season: Season, *, partial_counts: bool = False) -> dt.date:
    """Return the last day of a term in seasons: the end of the last counted one.

    Args:
        start: First day of the warranty.
        count: How many seasons, at least 1.
        season: The season of the city.
        partial_counts: Whether a season that is running at the start counts as the first.

    Source: domain reference 3.4.2 [RECON]: only full seasons that begin on or after the start.
    """
    counted = 0
    # A season that runs at the start may have begun in the year before.
    for year in range(start.year - 1, start.year + count + 2):
        first, last = season.beginning_in(year)
        if first >= start or (partial_counts and last >= start):
            counted += 1
        if counted == count:
            return last
    raise AssertionError("every year has a season")


def end_of_term(
    start: dt.date,
    kind: TermKind,
    amount: int,
    *,
    system: System | None = None,
    seasons: Mapping[System, Season] | None = None,
    partial_counts: bool = False,
) -> dt.date:
    """Return the last day of a term of any kind.

    Args:
        start: First day.
        kind: In what it is counted.
        amount: Months, seasons, or years of design life.
        system: The system of W05; when it is not named, the later end holds.
        seasons: Seasons of the city by system; a system without one is counted in years.
        partial_counts: Whether a season that is running at the start counts.
    """
    if kind == TermKind.MONTHS:
        return end_after_months(start, amount)
    if kind == TermKind.LIFE:
        return end_after_months(start, amount * 12)
    if system is None:
        return max(
            end_of_term(start, kind, amount, system=each, seasons=seasons, partial_counts=partial_counts)
            for each in System
        )
    season = (seasons or {}).get(system)
    if season is None:
        return end_after_months(start, amount * UNNAMED_CITY_MONTHS)
    return end_after_seasons(start, amount, season, partial_counts=partial_counts)


def extended_end(owner_end: dt.date, accepted_on: dt.date, months: int) -> dt.date:
    """Return the last day on which a repaired defect is covered: the longer of the term and the extension.

    Args:
        owner_end: End of the owner's term.
        accepted_on: The day on which the owner accepted the repair.
        months: Length of the extension from that day; 0 for none.

    Source: domain reference 3.4.2 [OWN]: at least one year from re-acceptance, never shorter.
    """
    return max(owner_end, end_after_months(accepted_on, months)) if months else owner_end


@dataclass(frozen=True)
class Period:
    """The two clocks of one category in one house.

    Attributes:
        owner_start: The day of the delivery; None before it.
        owner_end: Last day on which the owner is covered.
        contractor_start: The day of the completion acceptance; None where it is not known.
        contractor_end: Last day on which the contractor answers.
    """

    owner_start: dt.date | None
    owner_end: dt.date | None
    contractor_start: dt.date | None = None
    contractor_end: dt.date | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a report is covered, and who bears the cost.

    Attributes:
        cover: The verdict.
        borne_by: Who bears the cost by the dates alone.
        reported_on: The day that counts.
        owner_end: Last day on which the owner is covered, an extension included.
        contractor_end: Last day on which the contractor answers, or None.
        is_extended: Whether only the extension of a repaired defect covers the report.
    """

    cover: Cover
    borne_by: Bearer
    reported_on: dt.date
    owner_end: dt.date | None = None
    contractor_end: dt.date | None = None
    is_extended: bool = False

    @property
    def days_left(self) -> int | None:
        """Days from the report to the end, the last day not counted; negative after it."""
        return None if self.owner_end is None else (self.owner_end - self.reported_on).days

    @property
    def is_covered(self) -> bool:
        """Whether the owner pays nothing."""
        return self.cover in (Cover.IN_WARRANTY, Cover.GAP, Cover.NOT_STARTED)


def judge(
    period: Period,
    reported_on: dt.date,
    *,
    extended_until: dt.date | None = None,
    is_excluded: bool = False,
) -> Verdict:
    """Return the verdict on a report.

    Args:
        period: The two clocks of the category.
        reported_on: The day of the report in China; it freezes the cover until the defect is fixed.
        extended_until: Last day of the extension of the same defect, if it was repaired before. It moves the owner's
            clock alone.
        is_excluded: Whether staff showed a reason that excludes it, with evidence.

    Source: domain reference 3.4.2; the gap between the two clocks is borne by the developer.
    """
    start, end = period.owner_start, period.owner_end
    if start is None or end is None or reported_on < start:
        cover = Cover.EXCLUDED if is_excluded else Cover.NOT_STARTED
        bearer = Bearer.OWNER if is_excluded else Bearer.CONTRACTOR
        return Verdict(cover, bearer, reported_on, end, period.contractor_end)
    last = max(end, extended_until) if extended_until is not None else end
    is_extended = end < reported_on <= last
    if is_excluded:
        cover, bearer = Cover.EXCLUDED, Bearer.OWNER
    elif reported_on > last:
        cover, bearer = Cover.EXPIRED, Bearer.OWNER
    elif period.contractor_end is None:
        cover, bearer = Cover.IN_WARRANTY, Bearer.UNDETERMINED
    elif reported_on > period.contractor_end:
        cover, bearer = Cover.GAP, Bearer.DEVELOPER
    else:
        cover, bearer = Cover.IN_WARRANTY, Bearer.CONTRACTOR
    return Verdict(cover, bearer, reported_on, last, period.contractor_end, is_extended)
