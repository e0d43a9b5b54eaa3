"""Opening times, closed days and checklists, as they are typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.reservations.errors import ReservationRuleError
from plugins.reservations.opening import opening_text, parse_days, parse_opening, parse_setup

pytestmark = pytest.mark.no_database


def test_days_and_times_are_read():
    found = parse_opening("1-5 9:00-12:00 13:30-17:30\n\n6 10：00–12:00")
    assert found["1"] == [["09:00", "12:00"], ["13:30", "17:30"]]
    assert found["6"] == [["10:00", "12:00"]]
    assert "7" not in found
    assert parse_opening("") == {}


@pytest.mark.parametrize(
    "wrong",
    [
        "8 09:00-10:00",
        "1 9-10",
        "1 12:00-09:00",
        "1 25:00-26:00",
        "Mo 09:00-10:00",
        "1 9:00-11:00 10:00-12:00",
    ],
)
def test_what_is_no_opening_time_is_said(wrong):
    with pytest.raises(ReservationRuleError):
        parse_opening(wrong)


_HOURS = (
    st.lists(st.integers(0, 23), min_size=2, max_size=6, unique=True)
    .map(sorted)
    .filter(lambda x: len(x) % 2 == 0)
)


@given(st.dictionaries(st.integers(1, 7), _HOURS, max_size=7))
def test_what_is_shown_reads_back_as_what_is_stored(days):
    stored = {
        str(day): [[f"{a:02d}:00", f"{b:02d}:00"] for a, b in zip(hours[::2], hours[1::2], strict=True)]
        for day, hours in sorted(days.items())
    }
    assert parse_opening(opening_text(stored)) == stored


def test_days_are_sorted_and_nonsense_is_said():
    assert parse_days("2026-10-02，2026-10-01\n2026-10-01") == ["2026-10-01", "2026-10-02"]
    with pytest.raises(ReservationRuleError):
        parse_days("1 Oct")


def test_a_checklist_has_measures_behind_a_bar():
    assert parse_setup("座椅 ｜ 60 cm\n\n签字笔") == [("座椅", "60 cm"), ("签字笔", "")]
    for wrong in ("x" * 161, "| 3", "\n".join(["x"] * 61)):
        with pytest.raises(ReservationRuleError):
            parse_setup(wrong)
