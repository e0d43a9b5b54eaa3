"""The screens of the machinery: files, documents, their public check, messages, personal links, and the audit log.

They stand in this layer because routes need the guarded views and the marks of permissions.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l

from core.admin import import_jobs
from core.admin.approvals import ApprovalInbox, ApprovalView, waiting_count
from core.admin.audit_log import AuditLogView
from core.admin.document_batches import document_batches
from core.admin.documents import IssuedDocumentView, documents
from core.admin.files import files
from core.admin.imports import ImportPage
from core.admin.jobs import JobsView
from core.admin.link_desk import link_desk
from core.admin.links import links
from core.admin.message_batches import MessageBatchView
from core.admin.message_reports import message_reports
from core.admin.messages import MessageView, unknown_messages
from core.admin.signatures import signatures
from core.admin.verification import verification
from core.machinery.approvals.models import ApprovalRequest
from core.machinery.audit.models import AuditEntry
from core.machinery.documents.models import IssuedDocument
from core.machinery.exchange import services as imports
from core.machinery.messages.models import Message, MessageBatch
from core.plugin_system.declarations import (
    AdminView,
    Area,
    JobKind,
    PeriodicTask,
    Permission,
    PublicBlueprint,
)
from core.plugin_system.hookspecs import hookimpl


@hookimpl
def blueprints() -> Sequence[PublicBlueprint]:
    """Declare the routes of files, documents and signatures."""
    return (
        PublicBlueprint(files, "files"),
        PublicBlueprint(documents, "documents"),
        PublicBlueprint(document_batches, "documents/batches"),
        PublicBlueprint(verification, "verify"),
        PublicBlueprint(signatures, "signatures"),
        PublicBlueprint(links, "l"),
        PublicBlueprint(link_desk, "links"),
        PublicBlueprint(message_reports, "messages"),
    )


@hookimpl
def job_kinds() -> Sequence[JobKind]:
    """Declare the work on large imports and downloads."""
    return (
        JobKind(import_jobs.IMPORT, _l("Import"), import_jobs.run_import, "imports.use"),
        JobKind(import_jobs.EXPORT, _l("Export"), import_jobs.run_export, import_jobs.LARGE_EXPORT),
    )


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Remove what imports keep of the customer."""
    imports.forget_person(customer_id)


@hookimpl
def periodic_tasks() -> Sequence[PeriodicTask]:
    """Declare the clearing of old imports."""
    return (
        PeriodicTask(
            import_jobs.FORGET, _l("Remove the rows of old imports"), import_jobs.forget, daily_at="03:40"
        ),
    )


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the right to the pages of imports; what is imported needs a right of its own."""
    return (
        Permission(
            "imports.use",
            _l("Import from Excel files"),
            _l("The pages of imports; what may be imported is a right of its own each."),
            default_roles=("HEAD", "PCM", "CCS", "ENG", "PM", "BCS"),
        ),
        Permission(
            import_jobs.LARGE_EXPORT,
            _l("Export large lists"),
            _l(
                "Downloads of more than 5,000 rows, made in the background; each list is a right of its own besides."
            ),
            default_roles=("HEAD",),
        ),
    )


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare the outbox, the archive of documents and the audit log."""
    return (
        AdminView(
            MessageView,
            "messages",
            _l("Outbox"),
            Area.CUSTOMERS,
            60,
            model=Message,
            badge=unknown_messages,
        ),
        AdminView(
            MessageBatchView,
            "message_batches",
            _l("Messages to many"),
            Area.CUSTOMERS,
            62,
            model=MessageBatch,
        ),
        AdminView(
            ApprovalInbox,
            "approvals_inbox",
            _l("Waits for your approval"),
            Area.INSIGHT,
            600,
            badge=waiting_count,
        ),
        AdminView(ApprovalView, "approvals", _l("Approvals"), Area.INSIGHT, 610, model=ApprovalRequest),
        AdminView(
            IssuedDocumentView,
            "documents_issued",
            _l("Issued documents"),
            Area.INSIGHT,
            700,
            model=IssuedDocument,
        ),
        AdminView(ImportPage, "imports", _l("Imports"), Area.SETUP, 80),
        AdminView(JobsView, "jobs", _l("Jobs"), Area.INSIGHT, 800),
        AdminView(AuditLogView, "audit_log", _l("Audit log"), Area.SETUP, 900, model=AuditEntry),
    )
