"""What jobs declare: rights, and the task that clears away what is old."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l

from core.machinery.jobs import services
from core.plugin_system.declarations import PeriodicTask, Permission
from core.plugin_system.hookspecs import hookimpl


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights over the jobs of others; one's own need none."""
    return (
        Permission(
            services.VIEW,
            _l("See the jobs of the department"),
            _l("Progress, log and failures of what colleagues started. The files stay theirs."),
            default_roles=("HEAD",),
        ),
        Permission(
            services.MANAGE,
            _l("Cancel and repeat the jobs of others"),
            _l("A job that is repeated still acts as the person who started it."),
            default_roles=("HEAD",),
        ),
    )


@hookimpl
def periodic_tasks() -> Sequence[PeriodicTask]:
    """Declare the clearing."""
    return (
        PeriodicTask("jobs.clear", _l("Remove old jobs and their files"), services.clear, daily_at="03:20"),
    )
