"""The issued documents of a plugin: they never change, so they outlive it."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from core.machinery.documents.models import IssuedDocument
from core.plugin_system.holdings import Holding, queried

HOLDINGS: tuple[Holding, ...] = (
    queried(
        "issued_documents",
        _l("Issued documents"),
        IssuedDocument,
        lambda trace: trace.starts(IssuedDocument.document_type),
        stays=_l("They never change; they stay in the archive and can still be verified."),
    ),
)
