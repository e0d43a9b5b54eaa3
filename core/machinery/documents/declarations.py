"""What printed documents declare: rights, and their section on every record page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l

from core.database.scope import require_scope
from core.languages import LOCALES
from core.machinery.documents import batches, services
from core.plugin_system.declarations import JobKind, Panel, Permission
from core.plugin_system.hookspecs import hookimpl
from core.plugin_system.runtime import current_runtime


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights to the archive."""
    return (
        Permission("documents.view", _l("See issued documents"), _l("Find and download what was issued.")),
        Permission(
            "documents.withdraw",
            _l("Withdraw issued documents"),
            _l("Declare an issued document invalid; its public check page says so."),
        ),
        Permission(
            batches.PERMISSION,
            _l("Print documents of many records at once"),
            _l("In one file, of documents that the role may print; each batch is logged."),
            default_roles=("HEAD", "BCS", "CCS", "PCM", "ENG", "PM"),
        ),
    )


@hookimpl
def job_kinds() -> Sequence[JobKind]:
    """Declare the job that prints batches."""
    return (
        JobKind(
            code=batches.KIND,
            label=_l("Print documents"),
            run=batches.print_documents,
            permission=batches.PERMISSION,
        ),
    )


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the section with what can be printed and what was issued."""
    return (
        Panel(
            code="core.documents",
            record_kind="*",
            title=_l("Documents"),
            template="admin/documents/panel.html",
            load=panel_values,
            order=800,
        ),
    )


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Name the documents."""
    return {"documents": services.of_customer(customer_id)}


def panel_values(record: Any) -> Mapping[str, Any] | None:
    """Return the document types of a record and what was issued; nothing for a record that has neither."""
    types = services.document_types_of(record)
    permissions = require_scope().permissions
    issued = services.issued_for(record) if "documents.view" in permissions or types else []
    kind = current_runtime().declared.record_kind_of(record)
    below = batches.types_below(kind) if kind is not None else []
    if not types and not issued and not below:
        return None
    return {
        "types": [
            {
                "type": item,
                "languages": [(code, LOCALES[code]) for code in item.languages if code in LOCALES],
                "may_issue": item.issue_permission is not None and item.issue_permission in permissions,
                "obstacle": item.may_issue(record) if item.may_issue is not None else None,
            }
            for item in types
        ],
        "issued": issued,
        "below": below,
        "below_address": f"{kind.code}:{record.id}" if kind is not None else "",
        "may_withdraw": "documents.withdraw" in permissions,
        "count": len(issued),
    }
