"""The arithmetic of clocks: no database, no present moment, only what is given.

A clock runs from its start until its limit is used up. Rests that stop it are spans that do not count. What a span is
worth depends on the time that the clock counts: every second, or working hours.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.database.types import LOCAL_ZONE
from core.plugin_system.declarations import RollRule

NOTHING = dt.timedelta()
_ONE_DAY = dt.timedelta(days=1)
_LONGEST_SEARCH = 20_000
"""Days that are looked through for working hours before a calendar without any is refused."""


class CountedTime(Protocol):
    """Which time a clock counts."""

    def between(self, start: dt.datetime, end: dt.datetime) -> dt.timedelta:
        """Return how much counted time lies between two moments."""

    def after(self, start: dt.datetime, length: dt.timedelta) -> dt.datetime:
        """Return the first moment by which so much counted time has passed."""


class AllTime:
    """Every second counts."""

    def between(self, start: dt.datetime, end: dt.datetime) -> dt.timedelta:
        """Return the time between two moments."""
        return max(end - start, NOTHING)

    def after(self, start: dt.datetime, length: dt.timedelta) -> dt.datetime:
        """Return the moment so much later."""
        return start + length


@dataclass(frozen=True)
class WorkingTime:
    """The working hours of working days count.

    Attributes:
        hours: ``(from, to)`` of each stretch of a day in seconds since local midnight, in order.
        is_working: Whether a local day is a working day.
    """

    hours: tuple[tuple[int, int], ...]
    is_working: Callable[[dt.date], bool]

    @property
    def day_length(self) -> dt.timedelta:
        """How long a working day is."""
        return dt.timedelta(seconds=sum(end - start for start, end in self.hours))

    def between(self, start: dt.datetime, end: dt.datetime) -> dt.timedelta:
        """Return the working time between two moments."""
        total = NOTHING
        if end <= start:
            return total
        for opens, closes in self._stretches(start):
            if opens >= end:
                break
            total += max(min(closes, end) - max(opens, start), NOTHING)
        return total

    def after(self, start: dt.datetime, length: dt.timedelta) -> dt.datetime:
        """Return the first moment by which so much working time has passed."""
        left = length
        if left <= NOTHING:
            return start
        for opens, closes in self._stretches(start):
            begins = max(opens, start)
            if closes <= begins:
                continue
            if closes - begins >= left:
                return begins + left
            left -= closes - begins
        raise ValueError("The calendar has no working hours left.")

    def _stretches(self, start: dt.datetime) -> Iterator[tuple[dt.datetime, dt.datetime]]:
        day = start.astimezone(LOCAL_ZONE).date()
        for _searched in range(_LONGEST_SEARCH):
            if self.is_working(day):
                midnight = dt.datetime.combine(day, dt.time(), LOCAL_ZONE)
                for opens, closes in self.hours:
                    yield (
                        (midnight + dt.timedelta(seconds=opens)).astimezone(dt.UTC),
                        (midnight + dt.timedelta(seconds=closes)).astimezone(dt.UTC),
                    )
            day += _ONE_DAY


@dataclass(frozen=True)
class Rest:
    """A pause as it was recorded.

    Attributes:
        reason: Code of the reason; rests for the same reason share the longest time allowed.
        started_at: When it began.
        ended_at: When it ended; None while it lasts.
        stops: Whether the reason stops the clock.
        needs_notice: Whether it stops only from the notice on.
        notice_at: When the customer was told.
        most: How long all rests for the reason may stop the clock.
    """

    reason: str
    started_at: dt.datetime
    ended_at: dt.datetime | None
    stops: bool = True
    needs_notice: bool = False
    notice_at: dt.datetime | None = None
    most: dt.timedelta | None = None

    @property
    def stops_from(self) -> dt.datetime | None:
        """From when on the clock stands still; None when it does not."""
        if not self.stops or (self.needs_notice and self.notice_at is None):
            return None
        return (
            max(self.started_at, self.notice_at) if self.needs_notice and self.notice_at else self.started_at
        )


@dataclass(frozen=True)
class Span:
    """A time in which a clock stood still."""

    start: dt.datetime
    end: dt.datetime


def still(rests: Sequence[Rest], until: dt.datetime) -> list[Span]:
    """Return when a clock stood still, in order.

    Args:
        rests: All rests in the order of their begin; none overlaps another.
        until: Where a rest that lasts is cut off.
    """
    return [span for _reason, span in _spans(rests, until)]


def _spans(rests: Sequence[Rest], until: dt.datetime) -> list[tuple[str, Span]]:
    used: dict[str, dt.timedelta] = {}
    spans = []
    for rest in rests:
        begins = rest.stops_from
        if begins is None:
            continue
        length = min(rest.ended_at or until, until) - begins
        if rest.most is not None:
            length = min(length, rest.most - used.get(rest.reason, NOTHING))
        if length > NOTHING:
            used[rest.reason] = used.get(rest.reason, NOTHING) + length
            spans.append((rest.reason, Span(begins, begins + length)))
    return spans


def runs_out_at(rests: Sequence[Rest]) -> dt.datetime | None:
    """Return when the last rest, which still lasts, stops the clock no longer; None when it may last for ever or does
    not stop the clock."""
    last = rests[-1] if rests else None
    if last is None or last.ended_at is not None or last.most is None or last.stops_from is None:
        return None
    earlier = [span for reason, span in _spans(rests[:-1], last.started_at) if reason == last.reason]
    used = sum((span.end - span.start for span in earlier), NOTHING)
    return last.stops_from + max(last.most - used, NOTHING)


def elapsed(time: CountedTime, start: dt.datetime, end: dt.datetime, spans: Sequence[Span]) -> dt.timedelta:
    """Return how long a clock has run between two moments.

    Args:
        time: Which time counts.
        start: When it started.
        end: The moment that is asked for.
        spans: When it stood still, in order.
    """
    total, since = NOTHING, start
    for span in spans:
        if span.start >= end:
            break
        total += time.between(since, span.start)
        since = max(span.end, since)
    return total + time.between(since, end)


def stood(time: CountedTime, end: dt.datetime, spans: Sequence[Span]) -> dt.timedelta:
    """Return how much counted time a clock has stood still until a moment."""
    return sum((time.between(span.start, min(span.end, end)) for span in spans if span.start < end), NOTHING)


def due(time: CountedTime, start: dt.datetime, limit: dt.timedelta, spans: Sequence[Span]) -> dt.datetime:
    """Return when a limit is used up.

    Args:
        time: Which time counts.
        start: When the clock started.
        limit: How long it may run.
        spans: When it stood still, in order.
    """
    left, since = limit, start
    for span in spans:
        run = time.between(since, max(span.start, since))
        if run >= left:
            break
        left -= run
        since = max(span.end, since)
    return time.after(since, left)


def rolled(moment: dt.datetime, limit: dt.timedelta, rule: RollRule | None) -> dt.datetime:
    """Return a due moment, moved to the morning when it lies in the night.

    Args:
        moment: When the limit is used up, rests included.
        limit: The limit; short ones never move.
        rule: How it moves; None for not at all.

    Source: domain reference 3.4.4 and F: the night runs from 18:00 (excluded) to 08:30 (excluded), due moments move to
    09:00, limits of 2 hours and more.
    """
    if rule is None or limit < rule.from_limit:
        return moment
    local = moment.astimezone(LOCAL_ZONE)
    day, clock = local.date(), local.time()
    if clock > rule.after:
        day += _ONE_DAY
    elif clock >= rule.before:
        return moment
    return dt.datetime.combine(day, rule.to, LOCAL_ZONE).astimezone(dt.UTC)
