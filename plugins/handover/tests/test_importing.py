"""Defects from Excel: into one project, by house, room and description or by their number."""

from __future__ import annotations

import pytest

from core.testing import try_import
from core.toolkit import Project, Unit, db
from plugins.handover.models import Defect

CODE = "handover.defects"


@pytest.fixture
def project(site, world, scope_of):
    with scope_of("head"):
        yield db.session.get_one(Project, world.own.project_id)


def row(site, **more):
    unit = db.session.get_one(Unit, site.unit_ids[0])
    return {
        "房源": unit.code,
        "部位": "主卧",
        "问题描述": "外窗下方渗水",
        "缺陷类型": "D01",
        "等级": "一般",
        **more,
    }


def test_defects_are_registered_once_and_changed_by_their_text(site, project):
    trade = {"工种": "waterproofing"}
    tried = try_import(CODE, [row(site, **trade)], project=project)
    assert tried.verdicts == ["new"]
    defect = db.session.get_one(Defect, tried.write()[0])
    assert (defect.severity, defect.contractor_id, defect.source) == ("S3", site.waterproofer_id, "staff")
    assert defect.number.startswith("DF-")
    assert try_import(CODE, [row(site, **trade)], project=project).verdicts == ["unchanged"]
    worse = try_import(CODE, [row(site, **{**trade, "等级": "S2"})], project=project)
    assert [change[0] for change in worse.rows[0].diff] == ["severity"]
    worse.write()
    assert defect.severity == "S2"


def test_houses_of_others_and_unknown_numbers_are_errors(site, project):
    foreign = try_import(CODE, [row(site, **{"房源": "9-9-9999"})], project=project)
    assert foreign.errors == [["not_found"]]
    numbered = try_import(CODE, [{**row(site), "缺陷编号": "DF-X-1"}], project=project, match="number")
    assert numbered.errors == [["unknown"]]


def test_a_defect_keeps_its_number_when_the_import_is_taken_back(site, project):
    tried = try_import(CODE, [row(site)], project=project)
    defect = db.session.get_one(Defect, tried.write()[0])
    assert tried.undo() == (1, 0)
    assert defect.state == "invalid"
