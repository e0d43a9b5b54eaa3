"""The health page: how the installation is doing. It asks no plugin anything, so it works when plugins do not."""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flask_babel import format_timedelta
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.admin.access import expose_guarded
from core.admin.cells import moment_words
from core.admin.jobs import status as job_status
from core.admin.modules import STATE_WORDS
from core.admin.views import PageView
from core.database.types import utc_now
from core.extensions import db
from core.machinery.clocks.services import troubles as clock_troubles
from core.machinery.documents.fonts import PdfStackProblem, check_pdf_stack
from core.machinery.jobs.services import (
    TaskReport,
    is_there,
    task_reports,
    waiting_jobs,
    workers,
    workers_are_there,
)
from core.people.services import departments_in_reach
from core.plugin_system import API_VERSION
from core.plugin_system.health import health

PDF_PROBLEMS: Mapping[str, Any] = {
    "library": _l(
        "The library %(subject)s is missing, so no document can be printed. Install it on the server with "
        "“apt-get install %(package)s” and restart."
    ),
    "slow_library": _l(
        "The library %(subject)s is missing, so each document takes some fifty times longer. Install it on the server "
        "with “apt-get install %(package)s” and restart."
    ),
    "font": _l(
        "The font file %(subject)s is missing or damaged, so Chinese text would print as blanks. "
        "Install Doorstep again."
    ),
    "lookup": _l(
        "The program %(subject)s is missing, so rare characters of names cannot be looked up in other fonts. "
        "Install it on the server with “apt-get install %(package)s” and restart."
    ),
    "fallback": _l(
        "No font for rare Chinese characters is installed, so a name may print with a blank. Install one on the server "
        "with “apt-get install %(package)s” and restart."
    ),
}
"""What staff read of what the server lacks for printing, by the kind of the problem."""

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Fact:
    """A line of the installation's facts."""

    label: Any
    value: str


class HealthView(PageView):
    """``/admin/health/``: state of the core, of every plugin, and the latest failures."""

    @expose_guarded("/", permission="modules.view")
    def index(self) -> str:
        """Show the page."""
        told = health()
        page: str = self.render(
            "admin/health.html",
            health=told,
            states=STATE_WORDS,
            names={department.id for department in departments_in_reach()},
            facts=_facts(),
            no_worker=not workers_are_there(),
            workers=[(worker, is_there(worker), _age(worker.seen_at)) for worker in workers()],
            clocks=clock_troubles(),
            waiting=waiting_jobs(),
            tasks=[(task, _task_status(task)) for task in task_reports()],
            pdf_problems=[(_pdf_sentence(problem), problem.fatal) for problem in check_pdf_stack()],
            when=moment_words,
        )
        return page


def _age(moment: dt.datetime) -> str:
    """Return how long ago a moment was, in words."""
    return str(format_timedelta(moment - utc_now(), granularity="second", add_direction=True))


def _pdf_sentence(problem: PdfStackProblem) -> str:
    return str(PDF_PROBLEMS[problem.kind]) % {"subject": problem.subject, "package": problem.package}


def _task_status(task: TaskReport) -> tuple[str, str]:
    """Return tone and words of the last time that a periodic task ran."""
    if task.last is None:
        return "calm", _("Not yet run")
    return job_status(task.last)


def _facts() -> list[Fact]:
    dialect = db.engine.dialect
    server = ".".join(str(part) for part in getattr(dialect, "server_version_info", None) or ())
    return [
        Fact(_l("Doorstep"), _version("doorstep")),
        Fact(_l("Interface for modules"), str(API_VERSION)),
        Fact(_l("Database"), f"{DATABASES.get(dialect.name, dialect.name)} {server}".strip()),
        Fact(_l("Python"), platform.python_version()),
    ]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return _("not installed as a package")
