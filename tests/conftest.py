"""What holds for every test: where the marker ``no_database`` may stand."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
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
