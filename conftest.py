"""What holds for the tests of the core and of the plugins in this repository."""

from __future__ import annotations

import gc
import inspect
import os
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from tests import turns

# A loaded machine is no fault, and the same code meets the same examples everywhere; `make soak` looks for new ones.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("soak", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("suite")

# Tests make little garbage that holds itself, and looking for it takes a tenth of the time.
gc.set_threshold(20_000, 20, 20)


# A plugin's SQL is written by the ORM (lint keeps it so), and the tests of the core try that on both databases. So the
# tests of plugins take turns on the second one, but for those that meet others at the same rows, make tables or search.
TURNS_OF_PLUGINS = 6
_MEETS_OTHERS = re.compile(r"^(?:import threading|from threading |from concurrent)", re.MULTILINE)
# The matrix tries the doors of our own plugins every time; what the contract tries of them again takes turns.
TURNS_OF_DOORS = 4
_DOORS = frozenset(
    {
        "test_a_visitor_sees_nothing",
        "test_no_row_of_another_project_on_any_page",
        "test_pages_open_for_those_who_may",
        "test_switched_off_every_page_answers_404",
        "test_without_permission_every_page_answers_403",
    }
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make test`."""
    parser.addoption(
        "--in-turns",
        action="store_true",
        help="leave out what has its turn at another commit (docs/explanation/testing.md)",
    )


def pytest_report_header() -> str:
    """Say which part of what takes turns is run."""
    return turns.told()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has its turn at another commit, and on PostgreSQL what is no question of the database.

    What takes longest comes first.

    The marker ``no_database`` is refused where a database is used: the test would not run on PostgreSQL.
    """
    wrong = [item.nodeid for item in items if item.get_closest_marker("no_database") and _uses_database(item)]
    if wrong:
        raise pytest.UsageError(
            f"{wrong[0]} uses a database and is marked no_database, so it would not run on PostgreSQL. "
            "Take the marker away."
        )
    if config.getoption("in_turns"):
        left_out = [item for item in items if not _has_its_turn(item)]
        config.hook.pytest_deselected(items=left_out)
        gone = set(map(id, left_out))
        items[:] = [item for item in items if id(item) not in gone]
    items.sort(key=lambda item: item.get_closest_marker("begins_first") is None)


def _uses_database(item: pytest.Item) -> bool:
    return "create_database" in getattr(item, "fixturenames", ())


def _has_its_turn(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("in_turns")
    if marker is not None and not turns.is_due(marker.args[0], item.nodeid):
        return False
    is_of_plugin = item.nodeid.startswith("plugins/")
    if "DOORSTEP_TEST_DATABASE_URL" not in os.environ:
        is_door = is_of_plugin and getattr(item, "originalname", "") in _DOORS
        return not is_door or turns.is_due(TURNS_OF_DOORS, item.nodeid)
    return _uses_database(item) and (
        not is_of_plugin
        or turns.is_due(TURNS_OF_PLUGINS, item.nodeid)
        or "search" in item.name
        or "create_database"
        in inspect.signature(getattr(item, "function", None) or (lambda: None)).parameters
        or _meets_others(item.path)
    )


@cache
def _meets_others(path: Path) -> bool:
    return _MEETS_OTHERS.search(path.read_text(encoding="utf-8")) is not None
