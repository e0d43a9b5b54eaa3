"""The arithmetic of clocks against a calculation that walks minute by minute, and the worked examples."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.database.types import LOCAL_ZONE
from core.machinery.clocks.dates import months_after, parse_offset
from core.machinery.clocks.timing import (
    AllTime,
    Rest,
    WorkingTime,
    due,
    elapsed,
    rolled,
    runs_out_at,
    still,
    stood,
)
from core.machinery.clocks.working_days import DayTable, known_years, national_working_day
from core.plugin_system.declarations import RollRule

pytestmark = pytest.mark.no_database

NIGHT = RollRule()
START = dt.datetime(2026, 9, 24, 10, 0, tzinfo=LOCAL_ZONE).astimezone(dt.UTC)
"""The Thursday before the Mid-Autumn holiday."""
MINUTE = dt.timedelta(minutes=1)
OFFICE = WorkingTime(((9 * 3600, 12 * 3600), (13 * 3600 + 1800, 18 * 3600)), national_working_day)


def local(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=LOCAL_ZONE).astimezone(dt.UTC)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (dt.date(2026, 5, 20), -1, dt.date(2026, 4, 20)),
        (dt.date(2026, 3, 31), -1, dt.date(2026, 2, 28)),
        (dt.date(2028, 3, 31), -1, dt.date(2028, 2, 29)),
        (dt.date(2026, 1, 15), -1, dt.date(2025, 12, 15)),
        (dt.date(2024, 2, 29), 12, dt.date(2025, 2, 28)),
    ],
)
def test_calendar_months_as_in_worked_example_1(day, months, expected):
    assert months_after(day, months) == expected


def test_offsets_are_read_as_the_procedure_writes_them():
    assert parse_offset("T−30") == (-30, "d")
    assert parse_offset("D+5wd") == (5, "wd")
    assert parse_offset("T-1m") == (-1, "m")
    assert parse_offset("+2w") == (2, "w")
    with pytest.raises(ValueError, match="write it like"):
        parse_offset("soon")


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (dt.date(2026, 2, 16), False),  # Spring Festival, a Monday
        (dt.date(2026, 2, 14), True),  # make-up, a Saturday
        (dt.date(2026, 2, 28), True),  # make-up, a Saturday
        (dt.date(2026, 10, 1), False),
        (dt.date(2026, 10, 10), True),  # make-up, a Saturday
        (dt.date(2026, 11, 27), True),
        (dt.date(2026, 11, 28), False),
    ],
)
def test_holidays_and_make_up_working_days(day, working):
    assert national_working_day(day) is working


def test_years_that_were_not_published_take_weekdays_and_fixed_holidays_and_say_so():
    year = known_years()[-1] + 1
    table = DayTable()
    assert not table.is_working(dt.date(year, 10, 1))
    assert not table.is_known(dt.date(year, 3, 1))
    entered = DayTable({dt.date(year, 3, 1): False})
    assert entered.is_known(dt.date(year, 12, 31))
    assert not entered.is_working(dt.date(year, 3, 1))


def test_working_days_skip_holidays_and_count_make_up_days():
    # 2026-02-13 is a Friday; Saturday the 14th is worked; the 15th to the 23rd are free.
    assert DayTable().after(dt.date(2026, 2, 13), 1) == dt.date(2026, 2, 14)
    assert DayTable().after(dt.date(2026, 2, 13), 2) == dt.date(2026, 2, 24)
    assert DayTable().after(dt.date(2026, 2, 24), -2) == dt.date(2026, 2, 13)
    assert DayTable().after(dt.date(2026, 2, 20), 0) == dt.date(2026, 2, 20)
    with pytest.raises(ValueError, match="more than anybody"):
        DayTable().after(dt.date(2026, 1, 1), 20_000)


@given(st.dates(dt.date(2005, 1, 1), dt.date(2026, 12, 1)), st.integers(1, 40))
def test_counting_working_days_forth_is_counting_each(day, count):
    reached = DayTable().after(day, count)
    span = [day + dt.timedelta(days=offset) for offset in range(1, (reached - day).days + 1)]
    assert sum(map(national_working_day, span)) == count
    assert national_working_day(reached)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (local(2026, 11, 27, 18, 0), local(2026, 11, 27, 18, 0)),
        (local(2026, 11, 27, 18, 0, 1), local(2026, 11, 28, 9, 0)),
        (local(2026, 11, 27, 23, 59), local(2026, 11, 28, 9, 0)),
        (local(2026, 11, 28, 0, 0), local(2026, 11, 28, 9, 0)),
        (local(2026, 11, 28, 8, 29, 59), local(2026, 11, 28, 9, 0)),
        (local(2026, 11, 28, 8, 30), local(2026, 11, 28, 8, 30)),
        (local(2026, 11, 28, 12, 0), local(2026, 11, 28, 12, 0)),
    ],
)
def test_the_night_has_excluded_edges(moment, expected):
    assert rolled(moment, dt.timedelta(hours=2), NIGHT) == expected
    assert rolled(moment, dt.timedelta(hours=2) - MINUTE, NIGHT) == moment
    assert rolled(moment, dt.timedelta(days=7), None) == moment


def test_a_pause_without_notice_and_beyond_its_longest_time_does_not_stop_the_clock():
    day = dt.timedelta(days=1)
    first = Rest("away", START, START + 20 * day, needs_notice=True, notice_at=START + 5 * day, most=30 * day)
    second = Rest(
        "away", START + 21 * day, None, needs_notice=True, notice_at=START + 21 * day, most=30 * day
    )
    untold = Rest("away", START, START + 20 * day, needs_notice=True)
    material = Rest("material", START, START + 20 * day, stops=False)
    spans = still([first], START + 40 * day)
    assert stood(AllTime(), START + 40 * day, spans) == 15 * day
    assert still([untold], START + 40 * day) == still([material], START + 40 * day) == []
    both = still([first, second], START + 90 * day)
    assert stood(AllTime(), START + 90 * day, both) == 30 * day
    assert runs_out_at([first, second]) == START + 36 * day
    assert due(AllTime(), START, 7 * day, both) == START + 22 * day + 15 * day


def test_working_time_passes_over_nights_weekends_and_holidays():
    # Mid-Autumn 2026: Friday 25 to Sunday 27 September are free; Sunday 20 September was worked.
    assert due(OFFICE, START, dt.timedelta(hours=8), []) == local(2026, 9, 28, 10, 30)
    assert OFFICE.between(local(2026, 9, 20, 0), local(2026, 9, 21, 0)) == dt.timedelta(hours=7.5)
    assert OFFICE.day_length == dt.timedelta(hours=7.5)


@st.composite
def histories(draw):
    """Rests in order, none overlapping, as minutes from the start."""
    at, rests = 0, []
    for _index in range(draw(st.integers(0, 4))):
        begins = at + draw(st.integers(0, 600))
        ends = begins + draw(st.integers(0, 900))
        at = ends
        notice = draw(st.none() | st.integers(begins - 60, ends + 60))
        reason = draw(st.sampled_from(["away", "season", "material"]))
        rests.append(
            Rest(
                reason,
                START + begins * MINUTE,
                START + ends * MINUTE,
                stops=reason != "material",
                needs_notice=reason == "away",
                notice_at=None if notice is None else START + notice * MINUTE,
                most=draw(st.just(700 * MINUTE)) if reason == "away" else None,
            )
        )
    return rests


@settings(max_examples=60)
@given(histories(), st.integers(0, 5_000), st.sampled_from([AllTime(), OFFICE]))
def test_elapsed_and_standing_time_together_are_all_time(rests, minutes, time):
    end = START + minutes * MINUTE
    spans = still(rests, end)
    assert elapsed(time, START, end, spans) + stood(time, end, spans) == time.between(START, end)


@settings(max_examples=60)
@given(histories(), st.integers(1, 2_000), st.sampled_from([AllTime(), OFFICE]))
def test_the_limit_is_used_up_exactly_at_the_due_moment(rests, minutes, time):
    spans = still(rests, START + 10_000 * MINUTE)
    limit = minutes * MINUTE
    moment = due(time, START, limit, spans)
    assert elapsed(time, START, moment, spans) == limit
    assert elapsed(time, START, moment - dt.timedelta(seconds=1), spans) < limit


@settings(max_examples=60)
@given(histories(), st.integers(1, 2_000))
def test_a_further_rest_never_moves_the_due_moment_forward(rests, minutes):
    until = START + 10_000 * MINUTE
    moments = [
        due(AllTime(), START, minutes * MINUTE, still(rests[:count], until))
        for count in range(len(rests) + 1)
    ]
    assert moments == sorted(moments)


@settings(max_examples=30)
@given(histories(), st.integers(1, 900))
def test_due_agrees_with_walking_minute_by_minute(rests, minutes):
    spans = still(rests, START + 10_000 * MINUTE)
    walked, moment = 0, START
    while walked < minutes:
        if not any(span.start <= moment < span.end for span in spans):
            walked += 1
        moment += MINUTE
    assert due(AllTime(), START, minutes * MINUTE, spans) == moment
