"""What the audit log declares: the right to read it, and the change log on every record page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l

from core.machinery.audit import services
from core.plugin_system.declarations import Panel, Permission
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


def change_log(record: Any) -> Mapping[str, Any] | None:
    """Return the newest entries of a record for its page."""
    lines = services.entries_of(record, limit=PANEL_ENTRIES + 1)
    return {
        "lines": lines[:PANEL_ENTRIES],
        "more": len(lines) > PANEL_ENTRIES,
        "count": len(lines[:PANEL_ENTRIES]),
    }
