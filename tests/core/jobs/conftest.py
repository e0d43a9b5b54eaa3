"""A kind of job for each test, declared as if by the core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from core.database.base import CORE
from core.plugin_system.declarations import JobKind, PeriodicTask
from core.plugin_system.runtime import current_runtime


@pytest.fixture
def declare(running_app: Flask) -> Iterator[Callable[..., Any]]:
    """``declare(run)`` declares a job kind of the core called ``core.test`` that ``projects.view`` is needed for;
    ``declare(run, minutes=5)`` a periodic task of that name. ``component`` names another component."""
    declared = current_runtime(running_app).declared
    made: list[Any] = []

    def declare(
        run: Callable[[Any], None], code: str = "core.test", component: str = CORE, **options: Any
    ) -> Any:
        item: Any
        if "minutes" in options or "daily_at" in options:
            item = PeriodicTask(code, code, run, **options)
            declared._periodic_tasks[code] = item
        else:
            options = {"permission": "projects.view", **options}
            item = JobKind(code, code, run, **options)
            declared._job_kinds[code] = item
        declared._owner[id(item)] = component
        made.append(item)
        return item

    yield declare
    for item in made:
        declared._job_kinds.pop(item.code, None)
        declared._periodic_tasks.pop(item.code, None)
        declared._owner.pop(id(item), None)
