"""What takes turns is met over time, and in the same way wherever the same code is tried."""

from __future__ import annotations

import pytest

from tests import turns

pytestmark = pytest.mark.no_database


@pytest.fixture
def at(monkeypatch):
    """A function that makes it another turn."""
    turns.turn.cache_clear()
    yield lambda number: (monkeypatch.setenv(turns.VARIABLE, str(number)), turns.turn.cache_clear())
    turns.turn.cache_clear()


@pytest.mark.parametrize("shares", [2, 3, 24, 120])
def test_each_thing_is_due_in_one_of_successive_turns(at, shares):
    things = [("GET /admin/units/", "keeper", "own", True), ("plugins/x/tests/test_y.py::test_z",), (1, None)]
    met = []
    for number in range(7, 7 + shares):
        at(number)
        met += [thing for thing in things if turns.is_due(shares, *thing)]
    assert sorted(met, key=repr) == sorted(things, key=repr)


def test_the_turn_follows_from_the_commit(at, monkeypatch):
    monkeypatch.delenv(turns.VARIABLE, raising=False)
    first = turns.turn()
    turns.turn.cache_clear()
    assert turns.turn() == first
    at(41)
    assert turns.turn() == 41
    assert f"{turns.VARIABLE}=41" in turns.told()


def test_without_git_the_day_decides(at, monkeypatch):
    monkeypatch.delenv(turns.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(turns.time, "time", lambda: 86_400 * 20_000 + 5)
    assert turns.turn() == 20_000
