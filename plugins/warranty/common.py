"""What the rules of coverage, orders, notices and money share."""

from __future__ import annotations

import datetime as dt
from typing import Any

from core.toolkit import LOCAL_ZONE, Project, in_language, next_number, setting, utc_now

REPAIRS = "warranty.repairs"
"""Purpose of the owner's personal link to the repairs of his house."""


def local_day(moment: dt.datetime) -> dt.date:
    """Return the day of a moment in China."""
    return moment.astimezone(LOCAL_ZONE).date()


def number_of_day(prefix: str, project: Project, moment: dt.datetime | None = None) -> str:
    """Return the next number of a day, ``WX-{project}-{yyyymmdd}-{seq3}``."""
    day = local_day(moment or utc_now())
    return next_number(f"{prefix}-{project.code}-{day:%Y%m%d}-", width=3)


def option(key: str, project: Project | None = None) -> Any:
    """Return a setting of the module as the company of a project has it; of the acting department without one."""
    return setting("warranty", key, project.department_id if project is not None else None)


def project_name(project: Project, language: str = "") -> str:
    """Return the name of a project in a language, the reader's when omitted."""
    if not language:
        return in_language(project.name, project.name_en)
    return project.name_en if language.lower().startswith("en") and project.name_en else project.name
