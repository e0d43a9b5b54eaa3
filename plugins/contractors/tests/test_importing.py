"""Contractors from Excel: known by credit code or name in the acting city company, with the trades that they do."""

from __future__ import annotations

import pytest

from core.testing import declared_importer, try_import
from core.toolkit import ImportRefused, db
from plugins.contractors import services
from plugins.contractors.models import Company
from plugins.contractors.tests.conftest import CREDIT_CODE

ROW = {
    "单位名称": "鹏城门窗有限公司",
    "统一社会信用代码": "",
    "单位类型": "专业分包",
    "工种": "门窗",
    "保修电话": "0755-26712345",
}


@pytest.fixture
def acting(site, scope_of, switch_on):
    switch_on("contractors")
    with scope_of("head"):
        yield site


def test_companies_are_registered_changed_and_taken_back(acting):
    first, second = (trade.name for trade in services.active_trades()[:2])
    tried = try_import("contractors.companies", [{**ROW, "工种": f"{first}、{second}"}])
    assert tried.verdicts == ["new"]
    company = db.session.get_one(Company, tried.write()[0])
    assert ([trade.name for trade in company.trades], company.kind) == ([first, second], "specialist")
    again = try_import("contractors.companies", [{**ROW, "工种": first, "保修电话": "0755-26710000"}])
    assert {name for name, _before, _after in again.rows[0].diff} == {"trades", "warranty_phone"}
    again.write()
    assert [trade.name for trade in company.trades] == [first]
    assert again.undo() == (1, 0)
    assert company.warranty_phone == "0755-26712345"


def test_what_is_unknown_or_belongs_to_another_city_is_told_alike(acting):
    foreign = "乙城公司专用单位"
    tried = try_import(
        "contractors.companies",
        [
            {**ROW, "工种": "没有的工种"},
            {**ROW, "单位名称": foreign, "统一社会信用代码": CREDIT_CODE[:-1] + "0", "工种": ""},
        ],
    )
    assert tried.errors == [["not_found"], ["invalid"]]


def test_above_the_cities_nobody_imports_contractors(site, scope_of, switch_on):
    switch_on("contractors")
    with scope_of("admin", "region"), pytest.raises(ImportRefused):
        declared_importer("contractors.companies").check_options({})
