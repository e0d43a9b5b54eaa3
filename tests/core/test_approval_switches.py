"""Opinions that a department leaves out by a setting, and what is refused of such a declaration."""

from __future__ import annotations

import pytest

from core.plugin_system.declarations import ApprovalBand, ApprovalKind, ApprovalStep, Setting
from core.plugin_system.runtime import current_runtime
from core.plugin_system.validation import core_faults

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
    declared = dict(current_runtime(running_app).declared.of("core"))
    declared["settings"] = (*declared["settings"], Setting("asks_finance", True, "Finance is asked"))
    declared["approval_kinds"] = (
        ApprovalKind("core.switched", "Switched", "core.unit", "projects.view", steps, bands),
    )
    with running_app.test_request_context(headers={"Accept-Language": "en"}):
        faults = [str(each) for each in core_faults(declared) if "core.switched" in str(each)]
    assert len(faults) == bool(fault)
    assert all(fault in each for each in faults)
