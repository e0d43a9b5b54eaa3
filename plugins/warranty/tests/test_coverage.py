"""The arithmetic of periods: the worked examples to the day, the laws, and 10,000 cases against another calculation."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.warranty import coverage
from plugins.warranty.catalogue import categories, known_seasons
from plugins.warranty.coverage import Period, Season, System, TermKind
from plugins.warranty.tests import reference

pytestmark = pytest.mark.no_database

DAY = dt.date.fromisoformat
BEIJING = {
    System.HEATING: Season(11, 15, 3, 15),
    System.COOLING: Season(6, 1, 9, 30),
}
CASES = 10_000


def owner_end(code: str, start: str, system: System | None = None, seasons=BEIJING) -> dt.date:
    category = categories()[code]
    return coverage.end_of_term(DAY(start), category.kind, category.default, system=system, seasons=seasons)


def test_worked_example_2_both_clocks():
    completed, delivered = "2023-12-20", "2024-03-15"
    assert owner_end("W02", delivered) == DAY("2029-03-14")
    assert owner_end("W02", completed) == DAY("2028-12-19")
    assert owner_end("W06", delivered) == DAY("2026-03-14")
    assert owner_end("W06", completed) == DAY("2025-12-19")
    assert coverage.end_after_months(DAY(delivered), categories()["W13"].floor) == DAY("2024-05-14")
    assert owner_end("W13", delivered) == DAY("2024-09-14")


def test_worked_example_2_the_gap_is_borne_by_the_developer():
    period = Period(DAY("2024-03-15"), DAY("2026-03-14"), DAY("2023-12-20"), DAY("2025-12-19"))
    found = coverage.judge(period, DAY("2026-02-01"))
    assert (found.cover, found.borne_by, found.days_left) == ("gap", "developer", 41)


def test_worked_example_2_a_leap_day_is_resolved_in_the_owners_favour():
    assert coverage.end_after_months(DAY("2024-02-29"), 12) == DAY("2025-02-28")


@pytest.mark.parametrize("delivered", ["2025-01-10", "2025-11-01"])
def test_worked_example_3_seasons(delivered):
    assert owner_end("W05", delivered, System.HEATING) == DAY("2027-03-15")


def test_a_month_without_the_day_ends_on_its_last_day():
    assert coverage.end_after_months(DAY("2024-08-31"), 6) == DAY("2025-02-28")
    assert coverage.end_after_months(DAY("2023-08-31"), 6) == DAY("2024-02-29")
    assert coverage.end_after_months(DAY("2024-12-31"), 2) == DAY("2025-02-28")


def test_a_season_that_runs_at_the_delivery_counts_only_where_the_company_says_so():
    heating = BEIJING[System.HEATING]
    assert coverage.end_after_seasons(DAY("2025-01-10"), 2, heating) == DAY("2027-03-15")
    assert coverage.end_after_seasons(DAY("2025-01-10"), 2, heating, partial_counts=True) == DAY("2026-03-15")
    # The day on which a season begins is on or after itself.
    assert coverage.end_after_seasons(DAY("2025-11-15"), 1, heating) == DAY("2026-03-15")
    assert coverage.end_after_seasons(DAY("2025-11-16"), 1, heating) == DAY("2027-03-15")


def test_an_unnamed_system_takes_the_later_end_and_a_city_without_seasons_counts_years():
    assert owner_end("W05", "2025-01-10") == DAY("2027-03-15")
    assert owner_end("W05", "2025-07-01") == max(
        owner_end("W05", "2025-07-01", System.HEATING), owner_end("W05", "2025-07-01", System.COOLING)
    )
    assert owner_end("W05", "2025-01-10", System.HEATING, {}) == DAY("2027-01-09")
    assert owner_end("W05", "2025-01-10", None, {System.COOLING: BEIJING[System.COOLING]}) == DAY(
        "2027-01-09"
    )


def test_the_last_day_is_covered_and_the_next_is_not():
    period = Period(DAY("2024-03-15"), DAY("2026-03-14"), DAY("2023-12-20"), DAY("2025-12-19"))
    assert coverage.judge(period, DAY("2025-12-19")).borne_by == "contractor"
    assert coverage.judge(period, DAY("2025-12-20")).cover == "gap"
    assert coverage.judge(period, DAY("2026-03-14")).cover == "gap"
    assert coverage.judge(period, DAY("2026-03-15")).cover == "expired"
    assert coverage.judge(period, DAY("2024-03-14")).cover == "not_started"


def test_an_extension_moves_the_owners_clock_of_one_defect_and_never_shortens():
    period = Period(DAY("2024-03-15"), DAY("2026-03-14"), DAY("2023-12-20"), DAY("2025-12-19"))
    until = coverage.extended_end(DAY("2026-03-14"), DAY("2026-02-20"), 12)
    assert until == DAY("2027-02-19")
    found = coverage.judge(period, DAY("2026-12-01"), extended_until=until)
    assert (found.cover, found.borne_by, found.is_extended) == ("gap", "developer", True)
    assert coverage.judge(period, DAY("2026-12-01")).cover == "expired"
    assert coverage.extended_end(DAY("2029-03-14"), DAY("2026-02-20"), 12) == DAY("2029-03-14")
    assert coverage.extended_end(DAY("2026-03-14"), DAY("2026-02-20"), 0) == DAY("2026-03-14")


def test_the_table_is_that_of_the_domain_reference():
    assert list(categories()) == list(reference.STATUTE)
    for code, (kind, default, least) in reference.STATUTE.items():
        category = categories()[code]
        assert (str(category.kind), category.default, category.floor) == (kind, default, least), code
    assert {(str(each.system), each.start, each.end) for each in known_seasons()} == {
        ("heating", (11, 15), (3, 15)),
        ("cooling", (6, 1), (9, 30)),
    }


def a_day(source: random.Random, first: int = 1998, last: int = 2060) -> dt.date:
    # Every sixth day is one at which months differ.
    if source.random() < 1 / 6:
        year = source.randint(first, last)
        month, day = source.choice([(1, 31), (2, 28), (2, 29), (3, 31), (8, 31), (12, 31), (11, 15), (3, 15)])
        return dt.date(year, month, min(day, 28 + (month != 2 or year % 4 == 0)) if month == 2 else day)
    return dt.date(first, 1, 1) + dt.timedelta(days=source.randint(0, (last - first) * 365))


def a_season(source: random.Random) -> tuple[str, str]:
    def month_day() -> str:
        month = source.randint(1, 12)
        return f"{month:02d}-{source.randint(1, [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]):02d}"

    first, last = month_day(), month_day()
    return (first, last) if first != last else ("11-15", "03-15")


def as_season(first: str, last: str) -> Season:
    return Season(int(first[:2]), int(first[3:]), int(last[:2]), int(last[3:]))


def test_ten_thousand_cases_agree_with_an_independent_calculation():
    source = random.Random(40)
    verdicts: dict[str, int] = {}
    for number in range(CASES):
        code = source.choice(list(reference.STATUTE))
        kind, default, least = reference.STATUTE[code]
        amount = source.randint(least, default + (60 if kind == "months" else 4))
        system = source.choice(["", "heating", "cooling"]) if code == "W05" else ""
        cities = {name: a_season(source) for name in ("heating", "cooling") if source.random() < 0.8}
        partial = source.random() < 0.3
        delivered = a_day(source) if source.random() < 0.95 else None
        completed = a_day(source) if source.random() < 0.9 else None
        if delivered is not None and completed is not None and source.random() < 0.8:
            completed = delivered - dt.timedelta(days=source.randint(0, 400))
        period = Period(
            delivered,
            *(
                coverage.end_of_term(
                    start,
                    TermKind(kind),
                    amount,
                    system=System(system) if system else None,
                    seasons={System(name): as_season(*days) for name, days in cities.items()},
                    partial_counts=partial,
                )
                if start
                else None
                for start in (delivered,)
            ),
            completed,
            coverage.end_of_term(
                completed,
                TermKind(kind),
                amount,
                system=System(system) if system else None,
                seasons={System(name): as_season(*days) for name, days in cities.items()},
                partial_counts=partial,
            )
            if completed
            else None,
        )
        case = (number, code, amount, system, cities, partial, delivered, completed)
        expected_owner = (
            reference.end(delivered, code, amount, system, cities, partial) if delivered else None
        )
        expected_contractor = (
            reference.end(completed, code, amount, system, cities, partial) if completed else None
        )
        assert (period.owner_end, period.contractor_end) == (expected_owner, expected_contractor), case
        around = source.choice(
            [day for day in (delivered, expected_owner, expected_contractor) if day] or [a_day(source)]
        )
        reported = around + dt.timedelta(days=source.choice([-1, 0, 1, -40, 40, 200]))
        extended = reported + dt.timedelta(days=source.randint(-3, 3)) if source.random() < 0.2 else None
        excluded = source.random() < 0.05
        found = coverage.judge(period, reported, extended_until=extended, is_excluded=excluded)
        assert (str(found.cover), str(found.borne_by)) == reference.verdict(
            delivered, completed, reported, expected_owner, expected_contractor, extended, excluded
        ), (*case, reported, extended, excluded)
        verdicts[found.cover] = verdicts.get(found.cover, 0) + 1
    assert all(verdicts.get(cover, 0) > 100 for cover in coverage.Cover), verdicts


DAYS = st.dates(dt.date(1990, 1, 1), dt.date(2150, 12, 31))


@given(DAYS, st.integers(1, 600))
def test_a_term_in_months_agrees_with_the_reference(start, months):
    assert coverage.end_after_months(start, months) == reference.last_day_of_months(start, months)


@given(DAYS, st.integers(1, 599))
def test_a_longer_term_never_ends_earlier(start, months):
    assert coverage.end_after_months(start, months) < coverage.end_after_months(start, months + 1)


@given(DAYS, st.integers(1, 6), st.booleans())
def test_seasons_agree_with_the_reference(start, count, partial):
    expected = reference.last_day_of_seasons(start, count, "11-15", "03-15", partial)
    assert (
        coverage.end_after_seasons(start, count, BEIJING[System.HEATING], partial_counts=partial) == expected
    )


@given(DAYS, st.integers(0, 2000), st.integers(1, 60))
def test_a_report_before_its_end_is_covered_whatever_the_contractors_clock_says(start, after, months):
    end = coverage.end_after_months(start, months)
    reported = start + dt.timedelta(days=after)
    found = coverage.judge(Period(start, end, start, start), reported)
    assert found.is_covered == (reported <= end)
