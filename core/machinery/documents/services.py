"""Documents: previews with a draft watermark, issuing with number, check code and archive, reading what was issued."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_babel import gettext as _

from core.database.owners import owner_of
from core.database.reading import reading_only
from core.database.scope import all_departments, require_scope
from core.database.types import LOCAL_ZONE, utc_now
from core.extensions import db
from core.machinery.documents import fonts
from core.machinery.documents.archive import DocumentImmutable, install_guard
from core.machinery.documents.codes import new_code, normalise_code
from core.machinery.documents.models import IssuedDocument
from core.machinery.documents.printing import (
    EXTENSION,
    LONG_TAGS,
    RECIPIENT,
    DocumentRefused,
    DocumentTakesLong,
    Letterhead,
    LetterheadOf,
    Means,
    Written,
    letterhead_for,
    means_of_printing,
    refusal_of,
    refusal_of_characters,
    type_for,
    values_of,
    write,
    write_sheet,
)
from core.machinery.documents.renderer import DocumentRenderError, RenderedPdf, render_job_guarded
from core.plugin_system.declarations import DocumentType
from core.plugin_system.runtime import current_runtime

__all__ = [
    "RECIPIENT",
    "DocumentArchiveDamaged",
    "DocumentErased",
    "DocumentImmutable",
    "DocumentRefused",
    "DocumentTakesLong",
    "LaidOut",
    "Letterhead",
    "LetterheadOf",
    "Means",
    "Numbered",
    "Verdict",
    "archive",
    "check",
    "document_types_of",
    "foresee",
    "issue",
    "issue_alone",
    "issued_for",
    "lay_out_ahead",
    "number",
    "preview",
    "printing_problems",
    "read",
    "replace",
    "set_up_documents",
    "withdraw",
]

logger = logging.getLogger(__name__)

TRIES_AHEAD = 3
"""So often a document is laid out before its number is taken; then the number is taken first and held meanwhile."""


class DocumentErased(LookupError):
    """The document speaks of a customer who was erased; its archived file cannot be read any more."""


class DocumentArchiveDamaged(RuntimeError):
    """The archived file is missing or is not the one that was issued."""


@dataclass(frozen=True)
class Verdict:
    """What the public check of a code may say. It names no person and no house."""

    title: str
    number: str
    issued_on: dt.date
    pages: int
    sha256: str
    language: str
    withdrawn_on: dt.date | None
    replaced_by_number: str | None

    @property
    def is_valid(self) -> bool:
        """Whether the document was neither withdrawn nor replaced."""
        return self.withdrawn_on is None and self.replaced_by_number is None


def set_up_documents(app: Flask, session_factory: Any, means: Means) -> None:
    """Guard the archive, hand over what documents need, and say in the log what this machine lacks for printing."""
    install_guard(session_factory)
    app.extensions[EXTENSION] = means
    for problem in fonts.check_pdf_stack():
        logger.log(logging.ERROR if problem.fatal else logging.WARNING, "Printing: %s", problem.message)


def printing_problems() -> list[fonts.PdfStackProblem]:
    """Return what this machine lacks for printing, for the health page."""
    return fonts.check_pdf_stack()


def document_types_of(record: Any) -> list[DocumentType]:
    """Return the types that the acting user may print for a record, of modules that are on."""
    declared = current_runtime().declared
    kind = declared.record_kind_of(record)
    if kind is None:
        return []
    permissions = require_scope().permissions
    return [item for item in declared.document_types(kind.code) if item.permission in permissions]


def preview(code: str, record: Any, language: str, *, patient: bool = True) -> bytes:
    """Return a document as PDF with a draft watermark; nothing is numbered or kept.

    Args:
        code: Code of the document type.
        record: The loaded record.
        language: Locale of the recipient, one of the languages of the type.
        patient: Whether a long document is laid out all the same, for as long as a worker may take.

    Raises:
        DocumentTakesLong: It is too long to be laid out while somebody waits; a batch of this one record prints it.
        DocumentRefused: The type is not for this record, or the document cannot be laid out.
    """
    document = type_for(code, record, language)
    written = write(document, record, language, values_of(document, record, language))
    if not patient and written.letter.job.html.count("<") > LONG_TAGS:
        raise DocumentTakesLong(_("This document is long, so it is printed in the background."))
    return _laid_out(document, record, written).content


def issue(code: str, record: Any, language: str, laid_out: LaidOut | None = None) -> IssuedDocument:
    """Number, print and archive a document, in the caller's transaction.

    The number is prefix, project code, month and a serial without gaps (domain reference 3.7.1). The file is archived
    encrypted with the key of the customer whom it concerns, or else with that of the installation.

    Args:
        code: Code of the document type.
        record: The loaded record.
        language: Locale of the recipient.
        laid_out: What :func:`lay_out_ahead` made of the record. It is laid out once more only when somebody took its
            number or changed the record meanwhile.

    Raises:
        DocumentRefused: The record is not ready, the user may not issue it, or the document cannot be printed whole.
    """
    draft = number(code, record, language, laid_out.draft if laid_out is not None else None)
    if laid_out is None or not laid_out.is_of(draft):
        laid_out = LaidOut(draft, _laid_out(draft.document, record, draft.written))
    return archive(draft, laid_out.pdf.content, laid_out.pdf.pages, laid_out.pdf.missing_characters)


def lay_out_ahead(code: str, record: Any, language: str) -> LaidOut:
    """Lay out a document under the number that it will probably get; nothing is taken, and nothing written.

    Laying out takes a good part of a second or more, in which SQLite has no room for another writer and in which the
    series of numbers is held. So it is done before the transaction that issues, while only reading; in a job
    ``with run.reading():``.

    Args:
        code: Code of the document type.
        record: The loaded record.
        language: Locale of the recipient.

    Returns:
        What :func:`issue` takes.

    Raises:
        DocumentRefused: As for :func:`issue`.
    """
    draft = foresee(code, record, language, Counter())
    return LaidOut(draft, _laid_out(draft.document, record, draft.written))


def issue_alone(code: str, load: Callable[[], Any], language: str) -> IssuedDocument:
    """Issue a document as :func:`issue` does, laid out before the transaction that the caller commits afterwards.

    What the session holds is given up first; so use it before anything is written.

    Args:
        code: Code of the document type.
        load: Returns the loaded record; called anew in each transaction.
        language: Locale of the recipient.

    Raises:
        DocumentRefused: As for :func:`issue`.
    """
    for _try in range(TRIES_AHEAD):
        with reading_only():
            ahead = lay_out_ahead(code, load(), language)
        record = load()
        draft = number(code, record, language, ahead.draft)
        if ahead.is_of(draft):
            return archive(draft, ahead.pdf.content, ahead.pdf.pages, ahead.pdf.missing_characters)
        db.session.rollback()
    return issue(code, load(), language)


@dataclass(frozen=True)
class Numbered:
    """A document that has its number and check code, taken or only foreseen, and waits to be laid out and archived."""

    document: DocumentType
    record: Any
    language: str
    number: str
    check_code: str
    written: Written
    moment: dt.datetime


@dataclass(frozen=True)
class LaidOut:
    """A document that was laid out under the number that it will probably get."""

    draft: Numbered
    pdf: RenderedPdf

    def is_of(self, draft: Numbered) -> bool:
        """Return whether it shows, word for word, what is to be issued."""
        return self.draft.written == draft.written


def number(code: str, record: Any, language: str, foreseen: Numbered | None = None) -> Numbered:
    """Give a document its number and write it, in the caller's transaction; :func:`archive` comes after its layout.

    Args:
        code: Code of the document type.
        record: The loaded record.
        language: Locale of the recipient.
        foreseen: What :func:`foresee` made of the record: check code and moment are taken from it, so that the document
            is the same unless number or record have changed meanwhile.

    Raises:
        DocumentRefused: The record is not ready, or the user may not issue it.
    """
    return _numbered(code, record, language, means_of_printing().next_number, foreseen)


def foresee(code: str, record: Any, language: str, ahead: Counter[str]) -> Numbered:
    """Write a document under the number that it will probably get. Nothing is taken and nobody is held up.

    It can be laid out before the transaction begins that takes the number.

    Args:
        code: Code of the document type.
        record: The loaded record.
        language: Locale of the recipient.
        ahead: How many numbers were foreseen before under each prefix; it is counted up.

    Raises:
        DocumentRefused: The record is not ready, or the user may not issue it.
    """

    def look_ahead(prefix: str) -> str:
        ahead[prefix] += 1
        return means_of_printing().number_ahead(prefix, ahead[prefix])

    return _numbered(code, record, language, look_ahead, None)


def _numbered(
    code: str, record: Any, language: str, take: Callable[[str], str], foreseen: Numbered | None
) -> Numbered:
    document = type_for(code, record, language)
    if document.issue_permission is None or document.issue_permission not in require_scope().permissions:
        raise DocumentRefused(_("Issuing this document needs a right that your role does not have here."))
    if document.may_issue is not None and (reason := document.may_issue(record)) is not None:
        raise DocumentRefused(str(reason))
    values = values_of(document, record, language, is_issued=True)
    month = dt.datetime.now(LOCAL_ZONE).strftime("%Y%m")
    project_code = letterhead_for(record, language).project_code
    prefix = "-".join(filter(None, (document.number_prefix, project_code, month)))
    taken = take(f"{prefix}-")
    check_code = foreseen.check_code if foreseen is not None else new_code()
    moment = foreseen.moment if foreseen is not None else utc_now()
    written = write(document, record, language, values, number=taken, code=check_code, moment=moment)
    return Numbered(document, record, language, taken, check_code, written, moment)


def archive(
    draft: Numbered, content: bytes, pages: int, missing_characters: Sequence[str] = ()
) -> IssuedDocument:
    """Keep a document that was laid out, in the transaction that gave it its number.

    Args:
        draft: The numbered document.
        content: Its PDF.
        pages: How many pages it has.
        missing_characters: What came out as blanks; with any, nothing is issued.

    Raises:
        DocumentRefused: It has blanks.
    """
    if missing_characters:
        raise DocumentRefused(refusal_of_characters(missing_characters))
    means = means_of_printing()
    owner = owner_of(draft.record)
    customer_id = draft.written.recipient_customer_id if owner.customer_id is None else owner.customer_id
    issued = IssuedDocument(
        number=draft.number,
        document_type=draft.document.code,
        title=draft.written.title,
        language=draft.language,
        template_version=draft.written.template_version,
        sha256=hashlib.sha256(content).hexdigest(),
        pages=pages,
        size=len(content),
        stored_key=means.store.put(means.encrypt(means.subject_of(customer_id), content)),
        verification_code=draft.check_code,
        record_kind=draft.document.record_kind,
        record_id=draft.record.id,
        project_id=owner.project_id,
        customer_id=customer_id,
        department_id=owner.department_id,
        issued_by_id=require_scope().user_id,
    )
    db.session.add(issued)
    db.session.flush()
    means.record_event(
        "issued",
        draft.record,
        number=draft.number,
        document_type=draft.document.code,
        sha256=issued.sha256,
    )
    return issued


def _laid_out(document: DocumentType, record: Any, written: Written) -> RenderedPdf:
    try:
        return render_job_guarded(written.letter.whole())
    except DocumentRenderError as error:
        logger.error("The document %s of %s could not be rendered: %s", document.code, record, error)
        if error.reason == "timeout":
            raise DocumentTakesLong(
                _("This document took too long to be laid out while you wait. Print it in the background.")
            ) from error
        raise DocumentRefused(refusal_of(error.reason)) from error


def read(issued: IssuedDocument) -> bytes:
    """Return the archived PDF, byte for byte as it was issued.

    Raises:
        DocumentErased: The customer whom it concerns was erased.
        DocumentArchiveDamaged: The file is missing or was changed.
    """
    means = means_of_printing()
    try:
        stored = means.store.read(issued.stored_key)
    except (LookupError, OSError) as error:
        raise DocumentArchiveDamaged(
            f"The archived file of {issued.number} is missing or damaged. Restore it from a backup."
        ) from error
    try:
        content = means.decrypt(means.subject_of(issued.customer_id), stored)
    except LookupError as error:
        raise DocumentErased(f"{issued.number} spoke of a customer who was erased.") from error
    except ValueError as error:
        raise DocumentArchiveDamaged(f"The archived file of {issued.number} cannot be decrypted.") from error
    if hashlib.sha256(content).hexdigest() != issued.sha256:
        raise DocumentArchiveDamaged(f"The archived file of {issued.number} is not the one that was issued.")
    return content


def withdraw(issued: IssuedDocument, reason: str) -> None:
    """Declare an issued document invalid; the check page says so from now on.

    Raises:
        DocumentRefused: The reason is missing, or it was withdrawn before.
    """
    if len(reason.strip()) < 4:
        raise DocumentRefused(
            _("Say in a few words why the document is withdrawn; the reason is kept in the log.")
        )
    if issued.withdrawn_at is not None:
        raise DocumentRefused(_("The document was withdrawn before. Reload the page."))
    issued.withdrawn_at = utc_now()
    db.session.flush()
    means_of_printing().record_event("withdrawn", issued, reason=reason.strip(), number=issued.number)


def replace(issued: IssuedDocument, by: IssuedDocument) -> None:
    """Declare that an issued document was replaced by another one.

    Raises:
        DocumentRefused: Both are the same, or it was replaced before.
    """
    if issued.id == by.id or issued.replaced_by_id is not None:
        raise DocumentRefused(_("The document was replaced before. Reload the page."))
    issued.replaced_by_id = by.id
    db.session.flush()


def issued_for(record: Any, limit: int = 50) -> Sequence[IssuedDocument]:
    """Return the documents that were issued for a record, newest first."""
    kind = current_runtime().declared.record_kind_of(record)
    if kind is None:
        return []
    return db.session.scalars(
        sa.select(IssuedDocument)
        .where(IssuedDocument.record_kind == kind.code, IssuedDocument.record_id == record.id)
        .order_by(IssuedDocument.id.desc())
        .limit(limit)
    ).all()


def check(typed: str) -> Verdict | None:
    """Return what the public may know of the document with a code, or None when there is none.

    Args:
        typed: The code as it was scanned or typed.
    """
    code = normalise_code(typed)
    if code is None:
        return None
    with all_departments("the public check of a printed document"):
        issued = db.session.scalar(sa.select(IssuedDocument).where(IssuedDocument.verification_code == code))
        if issued is None:
            return None
        replacement = (
            db.session.scalar(
                sa.select(IssuedDocument.number).where(IssuedDocument.id == issued.replaced_by_id)
            )
            if issued.replaced_by_id is not None
            else None
        )
    return Verdict(
        title=issued.title,
        number=issued.number,
        issued_on=issued.issued_at.astimezone(LOCAL_ZONE).date(),
        pages=issued.pages,
        sha256=issued.sha256,
        language=issued.language,
        withdrawn_on=issued.withdrawn_at.astimezone(LOCAL_ZONE).date() if issued.withdrawn_at else None,
        replaced_by_number=replacement,
    )


def of_customer(customer_id: int) -> list[Mapping[str, Any]]:
    """Return which documents concern a customer, as plain data (PIPL 45)."""
    rows = db.session.scalars(sa.select(IssuedDocument).where(IssuedDocument.customer_id == customer_id))
    return [
        {
            "number": row.number,
            "title": row.title,
            "issued_at": row.issued_at.isoformat(),
            "sha256": row.sha256,
        }
        for row in rows
    ]


def print_sheet(
    template: str, values: Mapping[str, Any], *, title: str, language: str, project_id: int | None = None
) -> bytes:
    """Return a sheet as PDF that is no document of a record: it has no number and is not archived.

    Args:
        template: Name of a template that extends ``documents/base.html``.
        values: Its values besides ``document`` and ``language``.
        title: Title on the paper and of the file.
        language: Locale of the readers.
        project_id: The project whose letterhead stands above it.

    Raises:
        DocumentRefused: It cannot be laid out.
    """
    try:
        return render_job_guarded(write_sheet(template, values, title, language, project_id)).content
    except DocumentRenderError as error:
        logger.error("The sheet %s could not be rendered: %s", template, error)
        raise DocumentRefused(refusal_of(error.reason)) from error
