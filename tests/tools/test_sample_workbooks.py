"""The sample workbook is what its generator writes, and its wrong rows are wrong as the expectations say."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import phonenumbers
import pytest
from stdnum.cn import ric, uscc

pytestmark = pytest.mark.no_database

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "docs" / "samples"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    import sys

    spec = importlib.util.spec_from_file_location(
        "build_sample_workbooks", ROOT / "tools" / "build_sample_workbooks.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return json.loads((SAMPLES / "units-and-owners.expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def workbook() -> openpyxl.Workbook:
    return openpyxl.load_workbook(SAMPLES / "units-and-owners.xlsx")


def test_committed_files_are_what_the_generator_writes(
    generator: ModuleType, expected: dict[str, Any], workbook: openpyxl.Workbook
) -> None:
    built, content = generator.build()
    assert json.loads(json.dumps(content)) == expected
    assert built.sheetnames == workbook.sheetnames
    for name in built.sheetnames:
        assert [[cell.value for cell in row] for row in built[name]] == [
            [cell.value for cell in row] for row in workbook[name]
        ]
        assert {str(area) for area in built[name].merged_cells.ranges} == {
            str(area) for area in workbook[name].merged_cells.ranges
        }


def test_every_row_has_a_verdict(expected: dict[str, Any], workbook: openpyxl.Workbook) -> None:
    for sheet in expected["sheets"]:
        if sheet["kind"] == "units":
            rows = [row["row"] for row in sheet["rows"]]
            assert rows == list(range(5, workbook[sheet["name"]].max_row + 1))
            assert workbook[sheet["name"]].max_column == len(sheet["columns"])
    assert expected["verdicts"]["accept"] >= 40
    kinds = Counter(
        error["code"]
        for sheet in expected["sheets"]
        for row in sheet["rows"]
        for error in row.get("errors", [])
    )
    assert set(kinds) == set(expected["error_codes"])
    assert len(kinds) >= 10


def test_owners_of_accepted_rows_are_valid(expected: dict[str, Any]) -> None:
    units: list[tuple[str, str, str]] = []
    for sheet in expected["sheets"]:
        for row in sheet["rows"]:
            if row["verdict"] != "accept":
                continue
            unit = row["unit"]
            assert unit["building"] in expected["project"]["buildings"]
            units.append((unit["building"], unit["entrance"], unit["number"]))
            for owner in row["owners"]:
                check = {"person": ric, "company": uscc}[owner["kind"]]
                assert check.is_valid(owner["identity_number"])
                assert phonenumbers.is_valid_number(phonenumbers.parse(owner["phone"], "CN"))
    assert len(units) == len(set(units))


def cells_of_errors(expected: dict[str, Any], workbook: openpyxl.Workbook, code: str) -> list[Any]:
    found = []
    for sheet in expected["sheets"]:
        for row in sheet["rows"]:
            for error in row.get("errors", []):
                if error["code"] == code:
                    column = sheet["columns"].index(error["column"]) + 1
                    found.append(workbook[sheet["name"]].cell(row["row"], column).value)
    assert found
    return found


def test_wrong_numbers_are_wrong(expected: dict[str, Any], workbook: openpyxl.Workbook) -> None:
    for value in cells_of_errors(expected, workbook, "id_number_invalid"):
        assert len(value) == 18 and not ric.is_valid(value)
    for value in cells_of_errors(expected, workbook, "credit_code_invalid"):
        assert len(value) == 18 and not uscc.is_valid(value)
    for value in cells_of_errors(expected, workbook, "phone_invalid"):
        assert not phonenumbers.is_valid_number(phonenumbers.parse(value, "CN"))
    for value in cells_of_errors(expected, workbook, "id_number_precision_lost"):
        assert isinstance(value, int | float) and not isinstance(value, str)
    assert cells_of_errors(expected, workbook, "owner_missing") == [None]
    assert cells_of_errors(expected, workbook, "number_missing") == [None]
    assert all(value < 0 for value in cells_of_errors(expected, workbook, "area_not_positive"))
