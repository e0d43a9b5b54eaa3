"""The sections that the module adds to pages of the core and to its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.toolkit import Unit, local_today
from plugins.warranty import services, words
from plugins.warranty.coverage import judge


def cover_of_unit(unit: Unit) -> Mapping[str, Any] | None:
    """Return the lines of a house with their cover today."""
    today = local_today()
    return {
        "start": services.owner_start(unit),
        "lines": [(line, judge(line.period, today)) for line in services.lines_of(unit)],
        "covers": words.COVERS,
        "title": words.category_title,
    }
