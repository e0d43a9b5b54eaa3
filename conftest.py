"""What holds for the tests of the core and of the plugins in this repository."""

from __future__ import annotations

import pytest
from hypothesis import settings

# A loaded machine is no fault, and the same code meets the same examples everywhere; `make soak` looks for new ones.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("soak", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse the marker ``no_database`` where a database is used: the test would not run on PostgreSQL."""
    wrong = [
        item.nodeid
        for item in items
        if item.get_closest_marker("no_database") and "create_database" in getattr(item, "fixturenames", ())
    ]
    if wrong:
        raise pytest.UsageError(
            f"{wrong[0]} uses a database and is marked no_database, so it would not run on PostgreSQL. "
            "Take the marker away."
        )
