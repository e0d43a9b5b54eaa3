"""What the audit log declares: the right to read it, the change log on every record page, sealing and checking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l

from core.machinery.audit import services
from core.plugin_system.declarations import JobKind, Panel, PeriodicTask, Permission
from core.plugin_system.hookspecs import hookimpl

PANEL_ENTRIES = 20


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the right to read the log."""
    return (
        Permission(
            "audit.view",
            _l("Read the audit log"),
            _l("See who changed what and when, on each record and in the list of all changes."),
        ),
    )


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the change log of every record."""
    return (
        Panel(
            code="core.change_log",
            record_kind="*",
            title=_l("Change log"),
            template="admin/audit/change_log.html",
            load=change_log,
            permission="audit.view",
            order=900,
        ),
    )


@hookimpl
def periodic_tasks() -> Sequence[PeriodicTask]:
    """Declare the sealing of the log."""
    return (PeriodicTask("audit.seal", _l("Seal the audit log"), seal_log, minutes=1),)


@hookimpl
def job_kinds() -> Sequence[JobKind]:
    """Declare the check of the log."""
    return (JobKind("audit.check", _l("Check the audit log"), check_log, permission="audit.view"),)


def seal_log(run: Any) -> None:
    """Seal all entries of finished transactions.

    Args:
        run: The run of the periodic task.
    """
    try:
        services.seal()
    except services.SealingBusy as busy:
        # The next minute seals what is left.
        run.log(busy)


def check_log(run: Any) -> None:
    """Check every sealed entry; what was found becomes the outcome, and a file when something was tampered with.

    Args:
        run: The run of the job.
    """
    for _key in run.steps(["check"]):
        report = services.verify()
        numbers = {"seals": report.seals, "entries": report.entries, "unsealed": report.unsealed}
        if report.is_sound:
            run.outcome(
                _l(
                    "The audit log is sound: %(entries)s entries under %(seals)s seals were checked; "
                    "%(unsealed)s are not sealed yet.",
                    **numbers,
                )
            )
        else:
            run.outcome(
                _l(
                    "The audit log was tampered with in %(count)s places. The file names them. Tell whoever is in "
                    "charge of security, and keep a copy of the database.",
                    count=len(report.problems),
                )
            )
            lines = [*(problem.message for problem in report.problems), f"Head: {report.head}"]
            run.result("audit-log-check.txt", "text/plain", "\n".join(lines).encode())
        run.log(_l("Head of the chain: %(head)s", head=report.head))


def change_log(record: Any) -> Mapping[str, Any] | None:
    """Return the newest entries of a record for its page."""
    lines = services.entries_of(record, limit=PANEL_ENTRIES + 1)
    return {
        "lines": lines[:PANEL_ENTRIES],
        "more": len(lines) > PANEL_ENTRIES,
        "count": len(lines[:PANEL_ENTRIES]),
    }
