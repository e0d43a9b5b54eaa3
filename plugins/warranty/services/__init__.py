"""All writes and rules of the module. Views and hooks call these; nothing here knows a request or a form."""

from __future__ import annotations

from plugins.warranty.common import local_day, number_of_day, option, project_name
from plugins.warranty.services.coverage import (
    COMMON_PARTS,
    Ground,
    Line,
    Terms,
    category_of,
    deem_delivered,
    deemed_start,
    house_term_text,
    lines_of,
    owner_start,
    period_of,
    promise_term,
    refresh_lines,
    refresh_project,
    seasons_of,
    set_season,
    take_over,
    term_text,
    terms_of,
)

__all__ = [
    "COMMON_PARTS",
    "Ground",
    "Line",
    "Terms",
    "category_of",
    "deem_delivered",
    "deemed_start",
    "house_term_text",
    "lines_of",
    "local_day",
    "number_of_day",
    "option",
    "owner_start",
    "period_of",
    "project_name",
    "promise_term",
    "refresh_lines",
    "refresh_project",
    "seasons_of",
    "set_season",
    "take_over",
    "term_text",
    "terms_of",
]
