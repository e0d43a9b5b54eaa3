"""What comes again and again: the monthly reports are there before anybody asks for them."""

from __future__ import annotations

from typing import Any

from core.toolkit import Project, db, is_on, local_today, months_after
from plugins.warranty.services import reports


def prepare_reports(run: Any) -> None:
    """Make the reports of the last month that are not there yet, and ask for their analysis.

    Args:
        run: The run of the periodic task.

    Source: domain reference 3.4.7: the figures until the 3rd, the analysis until the 5th; it runs every day, so that
    nothing is lost when no worker was there on the first days of a month.
    """
    month = months_after(local_today().replace(day=1), -1)
    for key in run.steps(reports.projects_without_report(month)):
        project = db.session.get_one(Project, key)
        if is_on("warranty", project.department_id):
            reports.prepare_report(project, month)
