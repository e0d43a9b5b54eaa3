"""Writing a document: from a declared type and a record to HTML with letterhead, number and check code."""

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

from flask import current_app, g
from flask_babel import force_locale, format_date, format_datetime, get_locale
from flask_babel import gettext as _
from flask_babel import ngettext as _n
from jinja2 import Environment, Template, meta

from core.database.owners import owner_of
from core.database.scope import require_scope
from core.database.types import LOCAL_ZONE
from core.languages import listed
from core.machinery.documents.codes import grouped
from core.machinery.documents.letters import Letter
from core.machinery.documents.renderer import PdfMetadata, RenderJob, read_attachments
from core.machinery.documents.slots import Inline, Recorded
from core.machinery.documents.templating import DocumentHead, Verification, document_environment
from core.plugin_system.declarations import DocumentType
from core.plugin_system.runtime import current_runtime

logger = logging.getLogger(__name__)

EXTENSION = "doorstep.documents"
_STYLESHEET = Path(__file__).parent / "css" / "document.css"
_ISSUED = "_issued_document"
_ENVIRONMENT = "doorstep.documents.environment"
_VERSIONS = "doorstep.documents.versions"
_ATTACHMENT = re.compile(r"attachment:(\d{1,18})")

RECIPIENT = "recipient_customer_id"
"""A document's context may name, under this key, the customer whom it concerns when its record has no ``customer_id``;
the archived file is then encrypted with the key of that customer."""


class DocumentRefused(ValueError):
    """A document cannot be printed or issued; the message is a full sentence for the user."""


class DocumentTakesLong(DocumentRefused):
    """The document is better printed in the background: nobody waits so long for a page."""


LONG_TAGS = 9_000
"""From so many tags on a document is not laid out while a browser waits: some 25 pages of a table, which take five
seconds of a processor (an inspection record of 161 items: 8 pages, 2,900 tags, 1.6 s; measured 2026-11-28)."""


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
        number_ahead: Returns the number that lies so many steps ahead under a prefix, without taking it.
        attachment_bytes: Returns the bytes of an attachment that the acting scope sees.
        letterhead_of: Returns a letterhead; None for the name of the installation.
        record_event: Writes an event into the audit log.
        enqueue_job: Starts a job in the background.
    """

    store: _Store
    encrypt: Callable[[str, bytes], bytes]
    decrypt: Callable[[str, bytes], bytes]
    subject_of: Callable[[int | None], str]
    next_number: Callable[[str], str]
    number_ahead: Callable[[str, int], str]
    attachment_bytes: Callable[[str], bytes]
    letterhead_of: LetterheadOf | None
    record_event: Callable[..., None]
    enqueue_job: Callable[..., Any]


def means_of_printing() -> Means:
    """Return what was handed over to the current application."""
    means: Means = current_app.extensions[EXTENSION]
    return means


def type_for(code: str, record: Any, language: str) -> DocumentType:
    """Return the document type with a code, for a record and in a language in which the acting user may print it.

    Args:
        code: Code of the document type.
        record: The loaded record.
        language: Locale of the recipient.

    Raises:
        DocumentRefused: There is none, or the user may not.
    """
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
class Written:
    """A document that is written and waits to be laid out.

    Attributes:
        letter: For the renderer.
        title: On the paper.
        template_version: SHA-256 of the template source.
        recipient_customer_id: The customer whom the context named, or None.
    """

    letter: Letter
    title: str
    template_version: str
    recipient_customer_id: int | None


def values_of(
    document: DocumentType, record: Any, language: str, *, is_issued: bool = False
) -> dict[str, Any]:
    """Return what the template of a document gets; asked before a number is taken, since it may refuse.

    Args:
        document: The type.
        record: The loaded record.
        language: Locale of the recipient.
        is_issued: Whether the document is to be issued, not only looked at.
    """
    before = g.get(_ISSUED)
    setattr(g, _ISSUED, is_issued)
    try:
        with in_language(language):
            return dict(document.context(record, language))
    finally:
        setattr(g, _ISSUED, before)


def prints_personal_data() -> bool:
    """Return whether the document that is being written names persons with their numbers; asked by its ``context``.

    An issued one does: a repair order without the owner's name and telephone is of no use to who goes there, and the
    log keeps who issued it, when and under which number. A draft, which leaves no trace, shows them to holders of
    ``personal.view`` alone.
    """
    return bool(g.get(_ISSUED)) or "personal.view" in require_scope().permissions


def write(
    document: DocumentType,
    record: Any,
    language: str,
    values: dict[str, Any],
    *,
    number: str = "",
    code: str | None = None,
    moment: dt.datetime | None = None,
) -> Written:
    """Write a document as HTML; attachments that it shows are read here.

    Args:
        document: The type.
        record: The loaded record.
        language: Locale of the recipient.
        values: Those of :func:`values_of`.
        number: Its number; without one it gets a draft watermark.
        code: Its check code, or None.
        moment: When it is written; now when omitted. The same record written with the same moment is the same.
    """
    with in_language(language):
        return _write(
            document, record, language, dict(values), number, code, moment or dt.datetime.now(dt.UTC)
        )


def _write(
    document: DocumentType,
    record: Any,
    language: str,
    values: dict[str, Any],
    number: str,
    code: str | None,
    moment: dt.datetime,
) -> Written:
    recipient = values.pop(RECIPIENT, None)
    letterhead = letterhead_for(record, language)
    address = f"{current_app.config['BASE_URL'].rstrip('/')}/verify/{code}" if code else ""
    environment = _environment()
    version = _template_version(environment, document.template)
    slots = Recorded() if document.overlay else Inline()
    head = DocumentHead(
        title=str(document.label),
        language=language,
        subtitle=str(values.pop("subtitle", "")),
        number=number,
        version=version[:8],
        date=format_date(moment.astimezone(LOCAL_ZONE).date(), "long"),
        printed_at=format_datetime(moment, "short"),
        company=letterhead.company,
        project=letterhead.project,
        logo=letterhead.logo,
        verification=Verification(address, grouped(code)) if code else None,
        slots=slots,
    )
    html = environment.get_template(document.template).render(
        {**values, "document": head, "record": record, "language": language}
    )
    package = document.context.__module__.rpartition(".")[0]
    shown = sorted(set(_ATTACHMENT.findall(html)))
    job = RenderJob(
        html=html,
        language=language,
        packages=(package,) if package else (),
        attachments=read_attachments(html, shown, means_of_printing().attachment_bytes),
        watermark=None if number else _draft_words(language),
        metadata=PdfMetadata(
            title=" ".join(filter(None, (head.title, number))),
            author=letterhead.company,
            created=moment.astimezone(LOCAL_ZONE).isoformat(timespec="seconds"),
        ),
    )
    fixed = tuple(slots.values) if isinstance(slots, Recorded) else None
    return Written(Letter(job, fixed), head.title, version, recipient)


def write_sheet(
    template: str, values: Mapping[str, Any], title: str, language: str, project_id: int | None
) -> RenderJob:
    """Write a sheet that is no document of a record as HTML; it shows no attachments.

    Args:
        template: Name of a template that extends ``documents/base.html``.
        values: Its values.
        title: Title on the paper and of the file.
        language: Locale of the readers.
        project_id: The project whose letterhead stands above it.
    """
    letterhead_of = means_of_printing().letterhead_of
    letterhead = Letterhead(company=current_app.config["INSTALLATION_NAME"])
    if letterhead_of is not None:
        letterhead = letterhead_of(project_id, require_scope().department_id, language)
    with in_language(language):
        head = DocumentHead(
            title=title,
            language=language,
            printed_at=format_datetime(dt.datetime.now(dt.UTC), "short"),
            company=letterhead.company,
            project=letterhead.project,
            logo=letterhead.logo,
        )
        html = (
            _environment().get_template(template).render({**values, "document": head, "language": language})
        )
    created = dt.datetime.now(LOCAL_ZONE).isoformat(timespec="seconds")
    metadata = PdfMetadata(title=title, author=letterhead.company, created=created)
    return RenderJob(html=html, language=language, metadata=metadata)


def refusal_of(reason: str) -> str:
    """Return the sentence for a user whose document could not be laid out.

    Args:
        reason: The short code of :class:`DocumentRenderError`.
    """
    if reason in {"too_large", "too_deep", "timeout", "memory"}:
        return _("The document is too large to be printed in one piece. Print fewer entries at a time.")
    return _("The document could not be laid out. The reason is in the log; tell your administrator.")


def refusal_of_characters(characters: Sequence[str]) -> str:
    """Return the sentence for a user whose document has characters that no font has."""
    return _(
        "These characters cannot be printed on this machine: %(characters)s. Write them in another way, "
        "or have a font installed that has them (see the health page), and issue the document again.",
        characters=" ".join(characters),
    )


def _draft_words(language: str) -> str:
    return "DRAFT" if language == "en" else "草稿 DRAFT"


def letterhead_for(record: Any, language: str) -> Letterhead:
    """Return what stands at the head of the documents of a record.

    Args:
        record: The loaded record.
        language: Locale of the recipient.
    """
    owner = owner_of(record)
    letterhead_of = means_of_printing().letterhead_of
    if letterhead_of is None:
        return Letterhead(company=current_app.config["INSTALLATION_NAME"])
    return letterhead_of(owner.project_id, owner.department_id or require_scope().department_id, language)


@contextmanager
def in_language(language: str) -> Iterator[None]:
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
        environment.filters.update(date=_date, long_date=_long_date, datetime=_datetime, listed=listed)
        environment.globals["locale"] = get_locale
        current_app.extensions[_ENVIRONMENT] = environment
    return environment


def _date(value: dt.date | dt.datetime | None) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        value = value.astimezone(LOCAL_ZONE).date()
    return str(format_date(value, "medium"))


def _long_date(value: dt.date | dt.datetime | None) -> str:
    """Return a date as documents write it: 2026年11月23日, 23 November 2026."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        value = value.astimezone(LOCAL_ZONE).date()
    return str(format_date(value, "long"))


def _datetime(value: dt.datetime | None) -> str:
    return "" if value is None else str(format_datetime(value, "short"))


def _template_version(environment: Environment, name: str) -> str:
    """Return the SHA-256 over the sources of a template, of all that it includes, and of the base stylesheet.

    It is remembered until one of the sources changes: parsing them takes longer than filling them.
    """
    known: dict[str, tuple[str, list[Template]]] = current_app.extensions.setdefault(_VERSIONS, {})
    if name in known and all(template.is_up_to_date for template in known[name][1]):
        return known[name][0]
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
    known[name] = digest.hexdigest(), [environment.get_template(each) for each in seen]
    return known[name][0]
