"""Workflows let a record move only where, by whom and with what is declared."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from core.database.scope import Scope, use_scope
from core.machinery.workflow.services import State, Transition, TransitionRefused, Workflow, diagram


def _only_with_photo(record: Any, fields: Mapping[str, Any]) -> str | None:
    return None if record.photos or fields.get("photos") else "Take a photo first."


LAMP = Workflow(
    "sample.lamp",
    [State("off", "Off"), State("on", "On", "ok"), State("broken", "Broken", "late")],
    [
        Transition("switch_on", "Switch on", ("off",), "on"),
        Transition("switch_off", "Switch off", ("on",), "off", permission="sample.save_power"),
        Transition("report", "Report", ("on", "off"), "broken", required={"reason": "Reason"}),
        Transition("repair", "Repair", ("broken",), "off", guard=_only_with_photo),
    ],
)


def lamp(state: str = "off", photos: int = 0) -> Any:
    class Lamp(SimpleNamespace):
        reason: str | None = None
        photos: int = 0

    return Lamp(id=None, state=state, photos=photos)


@pytest.fixture(autouse=True)
def in_scope(app: Flask) -> Any:
    with app.test_request_context("/"), use_scope(Scope(permissions=frozenset({"sample.save_power"}))):
        yield


def test_a_legal_move_changes_the_state() -> None:
    record = lamp()
    assert LAMP.move(record, "switch_on").target == "on"
    assert LAMP.state_of(record).tone == "ok"


@pytest.mark.parametrize(
    ("state", "step"), [("on", "switch_on"), ("broken", "switch_off"), ("off", "repair")]
)
def test_a_move_from_another_state_is_refused_and_says_the_state(state: str, step: str) -> None:
    record = lamp(state)
    with pytest.raises(TransitionRefused, match=str(LAMP.state(state).label)):
        LAMP.move(record, step)
    assert record.state == state


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(TransitionRefused, match="explode"):
        LAMP.move(lamp(), "explode")


def test_a_move_without_its_permission_is_refused() -> None:
    record = lamp("on")
    with use_scope(Scope()), pytest.raises(TransitionRefused):
        LAMP.move(record, "switch_off")
    assert record.state == "on"


@pytest.mark.parametrize("reason", [None, ""])
def test_a_required_field_must_be_filled(reason: str | None) -> None:
    record = lamp("on")
    with pytest.raises(TransitionRefused, match="Reason"):
        LAMP.move(record, "report", reason=reason)
    assert record.state == "on"
    assert record.reason is None


def test_a_move_sets_the_fields_that_come_with_it() -> None:
    record = lamp("on")
    LAMP.move(record, "report", reason="It flickers.")
    assert (record.state, record.reason) == ("broken", "It flickers.")


def test_a_guard_refuses_with_its_own_sentence() -> None:
    with pytest.raises(TransitionRefused, match="Take a photo first"):
        LAMP.move(lamp("broken"), "repair")
    assert LAMP.move(lamp("broken", photos=1), "repair").target == "off"


def test_only_what_is_possible_is_offered() -> None:
    assert [step.code for step in LAMP.available(lamp("on"))] == ["switch_off", "report"]
    assert LAMP.available(lamp("broken")) == []
    with use_scope(Scope()):
        assert [step.code for step in LAMP.available(lamp("on"))] == ["report"]


@given(steps=st.lists(st.sampled_from([step.code for step in LAMP.transitions]), max_size=12))
def test_whatever_is_tried_only_declared_moves_happen(steps: list[str]) -> None:
    record = lamp()
    for code in steps:
        before = record.state
        step = LAMP.transition(code)
        try:
            LAMP.move(record, code, reason="why", photos=1)
        except TransitionRefused:
            assert record.state == before
            assert before not in step.sources
        else:
            assert before in step.sources
            assert record.state == step.target


@pytest.mark.parametrize(
    ("states", "transitions", "fault"),
    [
        ([State("a", "A"), State("a", "A")], [], "state twice"),
        ([State("a", "A")], [Transition("x", "X", ("a",), "b")], "unknown states"),
        (
            [State("a", "A")],
            [Transition("x", "X", ("a",), "a"), Transition("x", "X", ("a",), "a")],
            "transition twice",
        ),
    ],
)
def test_a_workflow_that_cannot_be_is_refused_at_once(states: Any, transitions: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Workflow("sample.wrong", states, transitions)


def test_the_diagram_shows_every_way() -> None:
    text = diagram(LAMP)
    assert "[*] --> off" in text
    assert all(f"    {state.code}: {state.label}\n" in text for state in LAMP.states)
    assert all(
        f"{source} --> {step.target}: {step.label}" in text
        for step in LAMP.transitions
        for source in step.sources
    )
