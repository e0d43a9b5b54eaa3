"""Documents: previews with a draft watermark, issuing with number, check code and archive, reading what was issued."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from flask import Flask, current_app, g
from flask_babel import force_locale, format_date, format_datetime, get_locale
from flask_babel import gettext as _
from flask_babel import ngettext as _n
from jinja2 import Environment, meta

from core.database.owners import owner_of
from core.database.scope import all_departments, require_scope
from core.database.types import LOCAL_ZONE, utc_now
from core.extensions import db
from core.machinery.documents import fonts
from core.machinery.documents.archive import DocumentImmutable, install_guard
from core.machinery.documents.codes import grouped, new_code, normalise_code
from core.machinery.documents.models import IssuedDocument
from core.machinery.documents.renderer import (
    DocumentRenderError,
    PdfMetadata,
    RenderedPdf,
    render_pdf_guarded,
)
from core.machinery.documents.templating import DocumentHead, Verification, document_environment
from core.plugin_system.declarations import DocumentType
from core.plugin_system.runtime import current_runtime

__all__ = [
    "DocumentArchiveDamaged",
    "DocumentErased",
    "DocumentImmutable",
    "DocumentRefused",
    "Letterhead",
    "Means",
    "Verdict",
    "check",
    "document_types_of",
    "issue",
    "issued_for",
    "preview",
    "printing_problems",
    "read",
    "replace",
    "set_up_documents",
    "withdraw",
]

logger = logging.getLogger(__name__)

_EXTENSION = "doorstep.documents"
_STYLESHEET = Path(__file__).parent / "css" / "document.css"
_ENVIRONMENT = "doorstep.documents.environment"
_ATTACHMENT = re.compile(r"attachment:(\d{1,18})")

RECIPIENT = "recipient_customer_id"
"""A document's context may name, under this key, the customer whom it concerns when its record has no ``customer_id``;
the archived file is then encrypted with the key of that customer."""


class DocumentRefused(ValueError):
    """A document cannot be printed or issued; the message is a full sentence for the user."""


class DocumentErased(LookupError):
    """The document speaks of a customer who was erased; its archived file cannot be read any more."""


class DocumentArchiveDamaged(RuntimeError):
    """The archived file is missing or is not the one that was issued."""


class _Store(Protocol):
    def put(self, content: bytes) -> str: ...

    def read(self, key: str) -> bytes: ...


@dataclass(frozen=True)
class Letterhead:
    """What stands at the head of a document: the company's and the project's name, and the code in its number."""

    company: str = ""
    project: str = ""
    project_code: str = ""
    logo: str = ""


LetterheadOf = Callable[[int | None, int | None, str], Letterhead]
"""From project id, department id and language to a letterhead."""


@dataclass(frozen=True)
class Means:
    """What documents take from other parts of the core.

    Attributes:
        store: Where archived files lie.
        encrypt: Encrypts bytes for a subject.
        decrypt: Decrypts them; raises LookupError when the subject was erased.
        subject_of: Returns the subject of a customer id, or of None.
        next_number: Returns the next number under a prefix.
        attachment_bytes: Returns the bytes of an attachment that the acting scope sees.
        letterhead_of: Returns a letterhead; None for the name of the installation.
        record_event: Writes an event into the audit log.
    """

    store: _Store
    encrypt: Callable[[str, bytes], bytes]
    decrypt: Callable[[str, bytes], bytes]
    subject_of: Callable[[int | None], str]
    next_number: Callable[[str], str]
    attachment_bytes: Callable[[str], bytes]
    letterhead_of: LetterheadOf | None
    record_event: Callable[..., None]


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
    app.extensions[_EXTENSION] = means
    for problem in fonts.check_pdf_stack():
        logger.log(logging.ERROR if problem.fatal else logging.WARNING, "Printing: %s", problem.message)


def printing_problems() -> list[fonts.PdfStackProblem]:
    """Return what this machine lacks for printing, for the health page."""
    return fonts.check_pdf_stack()


def _means() -> Means:
    means: Means = current_app.extensions[_EXTENSION]
    return means


def document_types_of(record: Any) -> list[DocumentType]:
    """Return the types that the acting user may print for a record, of modules that are on."""
    declared = current_runtime().declared
    kind = declared.record_kind_of(record)
    if kind is None:
        return []
    permissions = require_scope().permissions
    return [item for item in declared.document_types(kind.code) if item.permission in permissions]


def preview(code: str, record: Any, language: str) -> bytes:
    """Return a document as PDF with a draft watermark; nothing is numbered or kept.

    Args:
        code: Code of the document type.
        record: The loaded record.
        language: Locale of the recipient, one of the languages of the type.

    Raises:
        DocumentRefused: The type is not for this record, or the document cannot be laid out.
    """
    document = _type(code, record, language)
    with _in_language(language):
        return _render(document, record, language, number="", code=None).pdf.content


def issue(code: str, record: Any, language: str) -> IssuedDocument:
    """Number, print and archive a document, in the caller's transaction.

    The number is prefix, project code, month and a serial without gaps (domain reference 3.7.1). The file is archived
    encrypted with the key of the customer whom it concerns, or else with that of the installation.

    Args:
        code: Code of the document type.
        record: The loaded record.
        language: Locale of the recipient.

    Raises:
        DocumentRefused: The record is not ready, the user may not issue it, or the document cannot be printed whole.
    """
    document = _type(code, record, language)
    if document.issue_permission is None or document.issue_permission not in require_scope().permissions:
        raise DocumentRefused(_("Issuing this document needs a right that your role does not have here."))
    if document.may_issue is not None and (reason := document.may_issue(record)) is not None:
        raise DocumentRefused(str(reason))
    means = _means()
    owner = owner_of(record)
    letterhead = _letterhead(record, language)
    month = dt.datetime.now(LOCAL_ZONE).strftime("%Y%m")
    prefix = "-".join(filter(None, (document.number_prefix, letterhead.project_code, month)))
    number = means.next_number(f"{prefix}-")
    check_code = new_code()
    with _in_language(language):
        made = _render(document, record, language, number=number, code=check_code)
        title = str(document.label)
    if made.pdf.missing_characters:
        raise DocumentRefused(
            _(
                "These characters cannot be printed on this machine: %(characters)s. Write them in another way, "
                "or have a font installed that has them (see the health page), and issue the document again.",
                characters=" ".join(made.pdf.missing_characters),
            )
        )
    customer_id = made.recipient_customer_id if owner.customer_id is None else owner.customer_id
    issued = IssuedDocument(
        number=number,
        document_type=document.code,
        title=title,
        language=language,
        template_version=made.template_version,
        sha256=made.pdf.sha256,
        pages=made.pdf.pages,
        size=len(made.pdf.content),
        stored_key=means.store.put(means.encrypt(means.subject_of(customer_id), made.pdf.content)),
        verification_code=check_code,
        record_kind=document.record_kind,
        record_id=record.id,
        project_id=owner.project_id,
        customer_id=customer_id,
        department_id=owner.department_id,
        issued_by_id=require_scope().user_id,
    )
    db.session.add(issued)
    db.session.flush()
    means.record_event("issued", record, number=number, document_type=document.code, sha256=issued.sha256)
    return issued


def read(issued: IssuedDocument) -> bytes:
    """Return the archived PDF, byte for byte as it was issued.

    Raises:
        DocumentErased: The customer whom it concerns was erased.
        DocumentArchiveDamaged: The file is missing or was changed.
    """
    means = _means()
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
    _means().record_event("withdrawn", issued, reason=reason.strip(), number=issued.number)


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


def _type(code: str, record: Any, language: str) -> DocumentType:
    declared = current_runtime().declared
    document = declared.document_type(code)
    kind = declared.record_kind_of(record)
    if document is None or kind is None or document.record_kind != kind.code:
        raise DocumentRefused(
            _("This document does not exist for this record, or its module is switched off.")
        )
    if document.permission not in require_scope().permissions:
        raise DocumentRefused(_("Printing this document needs a right that your role does not have here."))
    if language not in document.languages:
        raise DocumentRefused(_("This document is not available in the chosen language."))
    return document


@dataclass(frozen=True)
class _Made:
    pdf: RenderedPdf
    template_version: str
    recipient_customer_id: int | None


def _render(document: DocumentType, record: Any, language: str, *, number: str, code: str | None) -> _Made:
    values = dict(document.context(record, language))
    recipient = values.pop(RECIPIENT, None)
    letterhead = _letterhead(record, language)
    address = f"{current_app.config['BASE_URL'].rstrip('/')}/verify/{code}" if code else ""
    environment = _environment()
    version = _template_version(environment, document.template)
    head = DocumentHead(
        title=str(document.label),
        language=language,
        subtitle=str(values.pop("subtitle", "")),
        number=number,
        version=version[:8],
        date=format_date(dt.datetime.now(LOCAL_ZONE).date(), "long"),
        printed_at=format_datetime(dt.datetime.now(dt.UTC), "short"),
        company=letterhead.company,
        project=letterhead.project,
        logo=letterhead.logo,
        verification=Verification(address, grouped(code)) if code else None,
    )
    html = environment.get_template(document.template).render(
        {**values, "document": head, "record": record, "language": language}
    )
    package = document.context.__module__.rpartition(".")[0]
    try:
        pdf = render_pdf_guarded(
            html,
            language=language,
            packages=(package,) if package else (),
            attachments=sorted(set(_ATTACHMENT.findall(html))),
            fetch_attachment=_means().attachment_bytes,
            watermark=None if number else _draft_words(language),
            metadata=PdfMetadata(
                title=" ".join(filter(None, (head.title, number))),
                author=letterhead.company,
                created=dt.datetime.now(LOCAL_ZONE).isoformat(timespec="seconds"),
            ),
        )
    except DocumentRenderError as error:
        logger.error("The document %s of %s could not be rendered: %s", document.code, record, error)
        raise DocumentRefused(_refusal(error.reason)) from error
    return _Made(pdf, version, recipient)


def _refusal(reason: str) -> str:
    if reason in {"too_large", "too_deep", "timeout", "memory"}:
        return _("The document is too large to be printed in one piece. Print fewer entries at a time.")
    return _("The document could not be laid out. The reason is in the log; tell your administrator.")


def _draft_words(language: str) -> str:
    return "DRAFT" if language == "en" else "草稿 DRAFT"


def _letterhead(record: Any, language: str) -> Letterhead:
    owner = owner_of(record)
    letterhead_of = _means().letterhead_of
    if letterhead_of is None:
        return Letterhead(company=current_app.config["INSTALLATION_NAME"])
    return letterhead_of(owner.project_id, owner.department_id or require_scope().department_id, language)


@contextmanager
def _in_language(language: str) -> Iterator[None]:
    """Print in the recipient's language, whatever the user reads."""
    before = g.get("forced_locale")
    g.forced_locale = language
    try:
        with force_locale(language):
            yield
    finally:
        g.forced_locale = before


def _environment() -> Environment:
    environment: Environment | None = current_app.extensions.get(_ENVIRONMENT)
    if environment is None:
        loader = current_app.jinja_env.loader
        environment = document_environment(_, _n, loaders=[loader] if loader is not None else [])
        environment.filters.update(date=_date, datetime=_datetime)
        environment.globals["locale"] = get_locale
        current_app.extensions[_ENVIRONMENT] = environment
    return environment


def _date(value: dt.date | dt.datetime | None) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        value = value.astimezone(LOCAL_ZONE).date()
    return str(format_date(value, "medium"))


def _datetime(value: dt.datetime | None) -> str:
    return "" if value is None else str(format_datetime(value, "short"))


def _template_version(environment: Environment, name: str) -> str:
    """Return the SHA-256 over the sources of a template, of all that it includes, and of the base stylesheet."""
    digest = hashlib.sha256(_STYLESHEET.read_bytes())
    waiting, seen = [name], set[str]()
    loader: Any = environment.loader
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        source = loader.get_source(environment, current)[0]
        digest.update(f"\0{current}\0{source}".encode())
        waiting.extend(
            sorted(item for item in meta.find_referenced_templates(environment.parse(source)) if item)
        )
    return digest.hexdigest()


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
