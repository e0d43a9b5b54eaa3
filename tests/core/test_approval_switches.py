"""Opinions that a department leaves out by a setting, and what is refused of such a declaration."""

from __future__ import annotations

import pytest

from core.plugin_system.declarations import ApprovalBand, ApprovalKind, ApprovalStep, Setting
from core.plugin_system.validation import Surroundings, _approval_faults

BAND = ApprovalBand("head", "Head", "HEAD")


def step(switch: str) -> ApprovalStep:
    return ApprovalStep("finance", "Finance", role="FIN", switch_setting=switch)


@pytest.mark.parametrize(
    ("steps", "bands", "fault"),
    [
        ((step("asks_finance"),), (BAND,), ""),
        ((step("asks_nobody"),), (BAND,), "names the setting 'asks_nobody'"),
        ((step("asks_finance"),), (), "lets a department leave out every step"),
        ((step("asks_finance"), ApprovalStep("cost", "Cost", role="COST")), (), ""),
    ],
)
def test_a_switch_is_a_setting_and_somebody_is_always_asked(running_app, steps, bands, fault) -> None:
    kind = ApprovalKind("sample.switched", "Switched", "core.unit", "projects.view", steps, bands)
    declared = {
        "settings": (Setting("asks_finance", True, "Finance is asked"),),
        "approval_kinds": (kind,),
    }
    with running_app.test_request_context(headers={"Accept-Language": "en"}):
        faults = [str(each) for each in _approval_faults("sample", declared, Surroundings({}, ()))]
    assert len(faults) == bool(fault)
    assert all(fault in each for each in faults)
