"""Printing, issuing and finding documents in the back office."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, abort, flash, redirect, request, send_file, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy.orm import load_only

from core.admin.access import ViewPermissions
from core.admin.filters import ChoiceFilter, DateRangeFilter, EmptyFilter, TextFilter
from core.admin.saving import SaveRefused, commit
from core.admin.searching import clean_text
from core.admin.views import RecordView
from core.database.base import CORE
from core.database.scope import current_scope
from core.extensions import db
from core.languages import LOCALES
from core.machinery.attachments.services import record_of
from core.machinery.documents import services
from core.machinery.documents.batches import PERMISSION as PRINT_BATCH
from core.machinery.documents.models import IssuedDocument
from core.people.permissions import has_permission, public, require, requires
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime

BY_TYPE = "the right is that of the document type and of the record; others get 404 or 403"
_LARGEST_ID = 2**63 - 1

documents = Blueprint("documents", __name__)


@documents.get(f"/preview/<code>/<int(max={_LARGEST_ID}):record_id>/<language>")
@public(BY_TYPE)
def preview(code: str, record_id: int, language: str) -> Any:
    """Show a document as it would be printed now, with a draft watermark."""
    document, record = _asked(code, record_id)
    try:
        content = services.preview(code, record, language, patient=not has_permission(PRINT_BATCH))
    except services.DocumentTakesLong as refusal:
        flash(str(refusal), "info")
        if has_permission(PRINT_BATCH):
            chosen = {"rowid": record.id, "document": code, "language": language}
            return redirect(url_for("document_batches.order", kind=document.record_kind, **chosen))
        return redirect(_page_of(document.record_kind, record.id))
    except services.DocumentRefused as refusal:
        flash(str(refusal), "error")
        return redirect(_page_of(document.record_kind, record.id))
    return _pdf(content, _("%(title)s draft", title=document.label) + ".pdf")


@documents.post(f"/issue/<code>/<int(max={_LARGEST_ID}):record_id>")
@public(BY_TYPE)
def issue(code: str, record_id: int) -> Any:
    """Issue a document and return to the page of its record."""
    document, _record = _asked(code, record_id)
    if document.issue_permission is None:
        abort(404)
    require(document.issue_permission)
    language = clean_text(request.form.get("language", ""))
    try:
        issued = services.issue_alone(code, lambda: _asked(code, record_id)[1], language)
        number = issued.number
        commit()
    except services.DocumentRefused as refusal:
        db.session.rollback()
        flash(str(refusal), "error")
    except SaveRefused as refusal:
        flash(refusal.sentence, "error")
    else:
        flash(_("%(title)s %(number)s was issued.", title=document.label, number=number), "success")
    return redirect(_page_of(document.record_kind, record_id))


@documents.get(f"/issued/<int(max={_LARGEST_ID}):document_id>.pdf")
@public(BY_TYPE)
def download(document_id: int) -> Any:
    """Answer an issued document from the archive, byte for byte."""
    issued = (
        db.session.scalar(_visible().where(IssuedDocument.id == document_id))
        if current_scope() is not None
        else None
    )
    if issued is None or not _may_read(issued):
        abort(404)
    try:
        content = services.read(issued)
    except services.DocumentErased:
        return _unreadable(
            issued, _("This document spoke of a customer who was erased. Its file can no longer be read.")
        )
    except services.DocumentArchiveDamaged:
        return _unreadable(
            issued,
            _(
                "The archived file of %(number)s is missing or damaged. Have it restored from a backup.",
                number=issued.number,
            ),
        )
    return _pdf(content, f"{issued.number}.pdf")


@documents.post(f"/issued/<int(max={_LARGEST_ID}):document_id>/withdraw")
@requires("documents.withdraw")
def withdraw(document_id: int) -> Any:
    """Declare an issued document invalid."""
    issued = db.session.scalar(_visible().where(IssuedDocument.id == document_id).with_for_update())
    if issued is None or not _may_read(issued):
        abort(404)
    kind, record_id, number = issued.record_kind, issued.record_id, issued.number
    try:
        services.withdraw(issued, clean_text(request.form.get("reason", ""))[:500])
        commit()
    except services.DocumentRefused as refusal:
        db.session.rollback()
        flash(str(refusal), "error")
    except SaveRefused as refusal:
        flash(refusal.sentence, "error")
    else:
        flash(_("%(number)s was withdrawn. Its check page says so from now on.", number=number), "success")
    return redirect(_page_of(kind, record_id))


def _asked(code: str, record_id: int) -> tuple[Any, Any]:
    """Return the type and the record that are asked for, or answer 404 or 403."""
    document = current_runtime().declared.document_type(code)
    held = record_of(document.record_kind, record_id) if document is not None else None
    if document is None or held is None:
        abort(404)
    require(document.permission)
    return document, held[1]


def _visible() -> sa.Select[Any]:
    return sa.select(IssuedDocument).where(*of_modules_that_are_on())


def of_modules_that_are_on() -> Sequence[sa.ColumnElement[bool]]:
    """Return the conditions that leave out documents of modules that are switched off here; removed ones stay."""
    off = [slug for slug in current_runtime().declared.components() if slug != CORE and not is_on(slug)]
    return [IssuedDocument.document_type.not_like(f"{slug.replace('_', '/_')}.%", escape="/") for slug in off]


def _may_read(issued: IssuedDocument) -> bool:
    if has_permission("documents.view"):
        return True
    document = current_runtime().declared.document_type(issued.document_type)
    if document is None or not has_permission(document.permission):
        return False
    return record_of(issued.record_kind, issued.record_id) is not None


def _page_of(kind_code: str, record_id: int) -> str:
    kind = current_runtime().declared.record_kind(kind_code)
    if kind is None or record_of(kind_code, record_id) is None:
        return url_for("documents_issued.index_view")
    return url_for(kind.endpoint, id=record_id, _anchor="section-core-documents")


def _pdf(content: bytes, name: str) -> Response:
    response = send_file(io.BytesIO(content), mimetype="application/pdf", download_name=name)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _unreadable(issued: IssuedDocument, sentence: str) -> Any:
    flash(sentence, "error")
    return redirect(_page_of(issued.record_kind, issued.record_id))


def _file_link(issued: IssuedDocument) -> Markup:
    url = url_for("documents.download", document_id=issued.id)
    return Markup('<a href="{}">PDF</a>').format(url)


def _status(issued: IssuedDocument) -> Markup:
    tone, words = "ok", _("Valid")
    if issued.withdrawn_at is not None:
        tone, words = "late", _("Withdrawn")
    elif issued.replaced_by_id is not None:
        tone, words = "calm", _("Replaced")
    return Markup('<span class="st {}">{}</span>').format(tone, words)


def _record_link(issued: IssuedDocument) -> Markup | str:
    declared = current_runtime().declared
    kind = declared.record_kind(issued.record_kind)
    if kind is None:
        return f"{issued.record_kind} {issued.record_id}"
    return Markup('<a href="{}">{} {}</a>').format(
        url_for(kind.endpoint, id=issued.record_id), str(kind.label), issued.record_id
    )


class IssuedDocumentView(RecordView):
    """The archive of issued documents; nobody changes it here."""

    permissions = ViewPermissions(view="documents.view")
    column_list = ("number", "title", "language", "status", "record", "issued_at", "file")
    column_details_list = (
        "number", "title", "language", "status", "record", "issued_at", "withdrawn_at", "pages", "size",
        "verification_code", "sha256", "template_version", "file",
    )  # fmt: skip
    column_labels = {
        "number": _l("Number"),
        "title": _l("Document"),
        "language": _l("Language"),
        "status": _l("Status"),
        "record": _l("Record"),
        "issued_at": _l("Issued on"),
        "withdrawn_at": _l("Withdrawn"),
        "pages": _l("Pages"),
        "size": _l("Bytes"),
        "verification_code": _l("Check code"),
        "sha256": _l("SHA-256 of the file"),
        "template_version": _l("Version of the template"),
        "file": _l("File"),
        "document_type": _l("Type"),
    }
    cells = {"status": _status, "record": _record_link, "file": _file_link}
    choices: Mapping[str, Sequence[tuple[Any, Any]]] = {"language": tuple(LOCALES.items())}
    list_options = (
        load_only(
            IssuedDocument.withdrawn_at,
            IssuedDocument.replaced_by_id,
            IssuedDocument.record_kind,
            IssuedDocument.record_id,
        ),
    )
    filters = (
        TextFilter("number"),
        ChoiceFilter("language"),
        DateRangeFilter("issued_at"),
        EmptyFilter("withdrawn_at"),
    )
    default_sort = ("id", True)
    details_template = "admin/documents/details.html"
    empty_list_hint = _l("Documents that are issued on the pages of records are kept here.")

    def row_conditions(self) -> Sequence[sa.ColumnElement[bool]]:
        """Leave out documents of modules that are switched off."""
        return of_modules_that_are_on()
