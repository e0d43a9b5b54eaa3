"""Tolerances: which apply, how they read, what a measured value means."""

from __future__ import annotations

import pytest

from plugins.handover import catalogue, measures
from plugins.handover.models import Verdict

UP_TO = {"name": "偏差", "name_en": "Deviation", "unit": "mm", "low": None, "high": "4", "when": {}}
AT_LEAST = UP_TO | {"low": "1.1", "high": None, "unit": "m"}
BETWEEN = UP_TO | {"low": "8", "high": "12"}
AROUND = UP_TO | {"low": "-20", "high": "20"}


@pytest.mark.parametrize(
    ("measure", "value", "verdict"),
    [
        (UP_TO, "4", Verdict.PASS),
        (UP_TO, "4.01", Verdict.FAIL),
        (AT_LEAST, "1.10", Verdict.PASS),
        (AT_LEAST, "1.09", Verdict.FAIL),
        (BETWEEN, "8", Verdict.PASS),
        (BETWEEN, "12.5", Verdict.FAIL),
        (AROUND, "-20", Verdict.PASS),
        (AROUND, "-21", Verdict.FAIL),
        (UP_TO, "", None),
    ],
)
def test_limits_belong_to_the_range(measure, value, verdict):
    assert measures.judge([measure], {"0": value} if value else {}) == verdict


def test_one_value_outside_fails_the_item():
    assert measures.judge([UP_TO, BETWEEN], {"0": "1", "1": "99"}) == Verdict.FAIL


@pytest.mark.parametrize(
    ("measure", "words"), [(UP_TO, "≤ 4 mm"), (AT_LEAST, "≥ 1.1 m"), (BETWEEN, "8–12 mm"), (AROUND, "±20 mm")]
)
def test_tolerances_read_as_on_a_form(measure, words):
    assert measures.tolerance(measure) == words


@pytest.mark.parametrize(("typed", "kept"), [("４．５", "4.5"), (" 3 ", "3"), ("−2", "-2"), ("", "")])
def test_values_are_read_as_typed(typed, kept):
    assert measures.read_value(typed) == kept


@pytest.mark.parametrize("typed", ["abc", "1,5", "1e5", "NaN", "--1", "1" * 13, "3mm"])
def test_what_is_no_number_is_refused(typed):
    with pytest.raises(measures.MeasureError):
        measures.read_value(typed)


def test_every_measure_of_the_standard_survives_the_text_field():
    for item in catalogue.reference("inspection_template")["items"]:
        raw = [item["measure"], *item["further_measures"]] if item["measure"] else []
        stored = [measures.from_reference(each) for each in raw]
        assert measures.from_lines(measures.to_lines(stored)) == stored, item["code"]


@pytest.mark.parametrize(
    "line",
    [
        "名称",
        "名称 | n | | | mm",
        "名称 | n | 5 | 4 | mm",
        "名称 | n | x | | mm",
        "| n | 1 | | mm",
    ],
)
def test_a_wrong_line_is_named(line):
    with pytest.raises(measures.MeasureError):
        measures.from_lines(line)


@pytest.mark.parametrize(
    ("when", "kind", "storeys", "applies"),
    [
        ({"rooms": ["KIT"]}, "KIT", 18, True),
        ({"rooms": ["KIT"]}, "BED", 18, False),
        ({"floors_min": 7}, "BAL", 6, False),
        ({"floors_max": 6}, "BAL", 6, True),
        ({"floors_max": 6}, "BAL", None, False),
        ({"case": "平开窗"}, "BED", None, True),
    ],
)
def test_conditions(when, kind, storeys, applies):
    assert bool(measures.applicable([UP_TO | {"when": when}], kind, storeys)) is applies
