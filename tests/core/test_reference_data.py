"""The data that a new site starts with: complete, bilingual, and every reference resolves."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "touchpoints": "core/timeline/data/touchpoints.json",
    "roles": "core/people/data/roles.json",
    "template": "plugins/handover/data/inspection_template.json",
    "defects": "plugins/handover/data/defect_codes.json",
    "default_defects": "plugins/handover/data/default_defects.json",
    "warranty": "plugins/handover/data/warranty_categories.json",
    "item_trades": "plugins/handover/data/item_trades.json",
    "trades": "plugins/contractors/data/trades.json",
}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
TIME_UNITS = {"second", "minute", "hour", "day", "working_day", "month"}
RELATIONS = {"within", "before", "after", "at", "every"}
LIMIT_EXTRAS = {
    "tolerance",
    "approximate",
    "by_time",
    "day_of_month",
    "months",
    "from_day",
    "severities",
    "priorities",
}


def load(name: str) -> Any:
    return json.loads((ROOT / FILES[name]).read_text(encoding="utf-8"))


def codes(rows: list[dict[str, Any]]) -> list[str]:
    return [row["code"] for row in rows]


def texts(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every text that has a language, with the place where it stands."""
    if isinstance(value, dict):
        if {"zh", "en"} & value.keys():
            yield path, value
        for key, child in value.items():
            yield from texts(child, f"{path}/{key}")
    elif isinstance(value, list):
        for position, child in enumerate(value):
            yield from texts(child, f"{path}/{position}")


def lists_of_coded_rows(value: Any) -> Iterator[list[dict[str, Any]]]:
    if isinstance(value, dict):
        for child in value.values():
            yield from lists_of_coded_rows(child)
    elif isinstance(value, list):
        if value and all(isinstance(row, dict) and "code" in row for row in value):
            yield value
        for child in value:
            yield from lists_of_coded_rows(child)


@pytest.mark.parametrize("name", FILES)
def test_every_text_is_in_chinese_and_english(name: str) -> None:
    for path, text in texts(load(name)):
        assert set(text) == {"zh", "en"}, path
        assert all(isinstance(line, str) and line and line == line.strip() for line in text.values()), path
        assert CHINESE.search(text["zh"]), f"{path} has no Chinese: {text['zh']}"
        assert not CHINESE.search(text["en"]), f"{path} has Chinese in the English text: {text['en']}"


@pytest.mark.parametrize("name", ["touchpoints", "roles", "template", "defects", "warranty", "trades"])
def test_coded_rows_have_a_name_and_no_code_twice(name: str) -> None:
    found = 0
    for rows in lists_of_coded_rows(load(name)):
        found += 1
        assert max(Counter(codes(rows)).values()) == 1
        assert all(set(row["name"]) == {"zh", "en"} for row in rows)
    assert found


def test_the_catalogues_are_complete() -> None:
    touchpoints, template, defects = load("touchpoints"), load("template"), load("defects")
    assert codes(touchpoints["stages"]) == list("ABCDEFG")
    assert Counter(row["stage"] for row in touchpoints["touchpoints"]) == {
        "A": 8,
        "B": 8,
        "C": 10,
        "D": 10,
        "E": 10,
        "F": 10,
        "G": 9,
    }
    assert len(touchpoints["touchpoints"]) == 65
    assert len(template["items"]) == 121
    assert Counter(item["group"] for item in template["items"]) == {
        "ENT": 8,
        "ID": 5,
        "WD": 9,
        "WL": 13,
        "CL": 5,
        "FL": 12,
        "WP": 9,
        "PL": 14,
        "EL": 12,
        "WK": 5,
        "HV": 6,
        "GS": 2,
        "KB": 6,
        "BR": 4,
        "PB": 5,
        "EN": 6,
    }
    assert codes(defects["defect_codes"]) == [f"D{number:02}" for number in range(1, 26)]
    assert codes(defects["severities"]) == ["S1", "S2", "S3", "S4"]
    assert codes(defects["refusal_reasons"]) == [f"R{number}" for number in range(1, 10)]
    assert len(defects["root_causes"]) == 8
    assert len(defects["inspection_types"]) == 7
    assert codes(load("warranty")["categories"]) == [f"W{number:02}" for number in range(1, 15)]
    assert len(load("roles")["roles"]) == 17


def test_touchpoint_codes_follow_their_stage() -> None:
    numbers: Counter[str] = Counter()
    for row in load("touchpoints")["touchpoints"]:
        numbers[row["stage"]] += 1
        assert row["code"] == f"TP-{row['stage']}{numbers[row['stage']]:02}"


def test_touchpoints_refer_to_known_roles_and_anchors() -> None:
    data = load("touchpoints")
    roles, anchors = set(codes(load("roles")["roles"])), set(codes(data["anchors"]))
    used: set[str] = set()
    for row in data["touchpoints"]:
        assert row["owner"] in roles, row["code"]
        assert row["records"] and all(row["records"]), row["code"]
        assert row["origin"] in {"seed", "recon"}, row["code"]
        assert row["clause"] is None or row["origin"] == "seed", row["code"]
        assert (row["question"] is None) == (row["question_scale"] is None), row["code"]
        assert row["question_scale"] in {None, "rating_1_5", "nps_0_10", "text", "composite"}, row["code"]
        assert row["questionnaire"] in {None, "Q1", "Q2", "Q3", "Q4", "Q5", "QR", "QA"}, row["code"]
        used |= {limit["anchor"] for limit in row["limits"]}
    assert used == anchors, "an anchor is unknown or unused"


def test_touchpoint_limits_are_well_formed() -> None:
    severities = set(codes(load("defects")["severities"]))
    for row in load("touchpoints")["touchpoints"]:
        for limit in row["limits"]:
            extras = limit.keys() - {"step", "value", "unit", "relation", "anchor"}
            assert extras <= LIMIT_EXTRAS, row["code"]
            assert limit["unit"] in TIME_UNITS, row["code"]
            assert limit["relation"] in RELATIONS, row["code"]
            assert isinstance(limit["value"], int), row["code"]
            assert limit["value"] >= 0 or limit["relation"] in {"at", "after"}, row["code"]
            assert limit["value"] > 0 or limit["relation"] not in {"within", "every"}, row["code"]
            assert set(limit.get("severities", [])) <= severities, row["code"]
        for target in row["targets"]:
            assert set(target) == {"subject", "value", "unit", "relation"}, row["code"]
            assert target["relation"] in {"min", "max"} and target["value"] > 0, row["code"]


def test_numbers_of_touchpoint_limits_stand_in_the_standard() -> None:
    """A limit may restate a number in words (a quarter is 3 months); those rows are named here."""
    in_words = {
        "TP-B04",
        "TP-D01",
        "TP-D03",
        "TP-D06",
        "TP-E10",
        "TP-F08",
        "TP-G03",
        "TP-G05",
        "TP-G06",
        "TP-G07",
        "TP-A07",
    }
    for row in load("touchpoints")["touchpoints"]:
        if row["code"] in in_words:
            continue
        for language in ("zh", "en"):
            stated = set(re.findall(r"\d+", row["standard"][language]))
            for rule in row["limits"] + row["targets"]:
                assert str(abs(rule["value"])) in stated, f"{row['code']} {language}: {rule}"


def test_inspection_items_refer_to_known_rows() -> None:
    template = load("template")
    rooms, groups = set(codes(template["rooms"])), set(codes(template["groups"]))
    specs, severities = set(codes(template["specs"])), set(codes(load("defects")["severities"]))
    warranty = set(codes(load("warranty")["categories"]))
    for item in template["items"]:
        assert item["rooms"] and set(item["rooms"]) <= rooms, item["code"]
        assert item["group"] in groups, item["code"]
        assert item["spec"] in specs, item["code"]
        assert item["severity"] in severities, item["code"]
        assert item["warranty_category"] in warranty, item["code"]
    assert {item["group"] for item in template["items"]} == groups
    assert {room for item in template["items"] for room in item["rooms"]} == rooms


@pytest.mark.parametrize("rows", ["items", "rooms", "groups"])
def test_the_order_is_strict(rows: str) -> None:
    order = [row["order"] for row in load("template")[rows]]
    assert order == sorted(set(order))


def measures(item: dict[str, Any]) -> list[dict[str, Any]]:
    return ([item["measure"]] if item["measure"] else []) + item["further_measures"]


def test_measures_are_well_formed() -> None:
    template = load("template")
    units, rooms = set(codes(template["units"])), set(codes(template["rooms"]))
    used: set[str] = set()
    for item in template["items"]:
        assert item["measure"] or not item["further_measures"], item["code"]
        for measure in measures(item):
            assert set(measure) == {"name", "unit", "min", "max", "when"}, item["code"]
            low, high = measure["min"], measure["max"]
            assert low is not None or high is not None, item["code"]
            assert low is None or high is None or low < high, item["code"]
            when = measure["when"] or {}
            assert when.keys() <= {"rooms", "floors_min", "floors_max", "case"}, item["code"]
            assert set(when.get("rooms", [])) <= rooms, item["code"]
            used.add(measure["unit"])
    assert used == units, "a unit is unknown or unused"


def test_numbers_of_measures_stand_in_the_standard() -> None:
    for item in load("template")["items"]:
        for language in ("zh", "en"):
            stated = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", item["standard"][language])}
            for measure in measures(item):
                bounds = {abs(bound) for bound in (measure["min"], measure["max"]) if bound is not None}
                assert bounds <= stated, f"{item['code']} {language}: {measure}"


def test_both_languages_state_the_same_numbers() -> None:
    for item in load("template")["items"]:
        if item["code"] == "BR01":
            continue  # Chinese writes the numbers of floors in words
        numbers = [
            sorted(re.findall(r"\d+(?:\.\d+)?", item["standard"][language])) for language in ("zh", "en")
        ]
        assert numbers[0] == numbers[1], item["code"]


def test_every_item_has_a_default_defect_and_a_trade() -> None:
    template, trades = load("template"), set(codes(load("trades")["trades"]))
    items, defects, item_trades = codes(template["items"]), load("default_defects"), load("item_trades")
    assert list(defects) == items
    assert set(defects.values()) <= set(codes(load("defects")["defect_codes"])) - {"D25"}
    assert list(item_trades["items"]) == items
    assert set(item_trades["items"].values()) <= trades
    assert list(item_trades["groups"]) == codes(template["groups"])
    assert set(item_trades["groups"].values()) <= trades


def test_severity_limits_and_effects() -> None:
    severities = {row["code"]: row for row in load("defects")["severities"]}
    fix_hours = {code: row["limits"]["fix_hours"] for code, row in severities.items()}
    assert fix_hours == {"S1": 15 * 24, "S2": 15 * 24, "S3": 7 * 24, "S4": 72}
    assert severities["S1"]["limits"] == {
        "make_safe_hours": 24,
        "plan_hours": 3 * 24,
        "fix_target_hours": None,
        "fix_hours": 15 * 24,
    }
    assert severities["S4"]["limits"]["fix_target_hours"] == 24
    assert [row["handover_effect"] for row in severities.values()] == [
        "blocks_delivery",
        "written_promise",
        "accept_with_defects",
        "fix_on_the_spot",
    ]
