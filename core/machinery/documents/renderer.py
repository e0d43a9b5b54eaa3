"""From HTML to PDF: one font configuration and one parsed stylesheet per process, limits before layout.

:func:`render_pdf` works in this process and suits one document whose template and data are ours.
:func:`render_pdf_guarded` works in a worker process with a memory and a time limit (see ``workers.py``); take it for
anything that carries much or foreign data, and for every batch.

WeasyPrint is imported on first use: a machine without Pango still starts, and :func:`fonts.check_pdf_stack` says why
it cannot print.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement

from core.machinery.documents import fonts

if TYPE_CHECKING:
    from core.machinery.documents.fetcher import AttachmentReader
    from core.machinery.documents.workers import RenderPool

logger = logging.getLogger(__name__)

MAX_HTML_CHARACTERS = 2_000_000
MAX_NESTING = 60
MAX_SPAN = 100
MAX_TABLE_ROWS = 3_000
MAX_ELEMENTS = 60_000
SVG_ELEMENTS = frozenset(
    [
        "svg",
        "g",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "text",
        "tspan",
        "title",
        "desc",
        "defs",
        "clipPath",
        "linearGradient",
        "stop",
    ]
)
"""What a drawing in a document may consist of. Without ``use``, ``pattern`` and filters none can multiply itself."""

_EMPTY = "area base br col embed hr img input link meta param source track wbr"
_CLOSED_BY_NEXT = "p li dt dd tr td th thead tbody tfoot option optgroup colgroup caption rt rp"
_DRAWN = "path rect circle ellipse line polyline polygon stop use image"
_WITHOUT_DEPTH = frozenset(f"{_EMPTY} {_CLOSED_BY_NEXT} {_DRAWN}".split())
_CODE = re.compile(r"[0-9A-Za-z#/.:_]+(?:-[0-9A-Za-z#/.:_]+)+|-(?=[¥$])")
"""Words with hyphens, and the sign before an amount; what has a digit is a number, a code or a date."""
_JOINED = "-\u2060"
"""A hyphen after which no line ends; the joiner is neither drawn nor copied from the PDF."""
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]{0,30})")


class DocumentRenderError(Exception):
    """A document could not be made into a PDF.

    ``reason`` is a short code: ``too_large``, ``too_deep``, ``not_allowed``, ``timeout``, ``memory``, ``crashed`` or
    ``failed``.
    The message is a full English sentence for the log.
    """

    def __init__(self, message: str, reason: str = "failed") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class PdfMetadata:
    """What a PDF reader shows about the file. Empty fields are left to the ``<title>`` and ``<meta>`` of the HTML."""

    title: str = ""
    author: str = ""
    subject: str = ""
    keywords: tuple[str, ...] = ()
    created: str = ""
    """ISO 8601 with offset, e.g. ``2026-11-23T10:15:00+08:00``."""


@dataclass(frozen=True)
class RenderJob:
    """All that a document needs, without functions, so that it can travel to a worker process."""

    html: str
    language: str = "zh_Hans_CN"
    stylesheets: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    attachments: dict[str, bytes] = field(default_factory=dict)
    watermark: str | None = None
    metadata: PdfMetadata = PdfMetadata()


@dataclass(frozen=True)
class RenderedPdf:
    """A finished PDF.

    ``sha256`` is the hexadecimal digest of ``content``. ``missing_characters`` came out as blanks, since no font of
    this machine has them: tell the user. ``refused_resources`` are addresses that the document asked for and did not
    get.
    """

    content: bytes
    pages: int
    sha256: str
    missing_characters: tuple[str, ...] = ()
    refused_resources: tuple[str, ...] = ()


def render_pdf(
    html: str,
    *,
    language: str = "zh_Hans_CN",
    stylesheets: Sequence[str] = (),
    packages: Collection[str] = (),
    attachments: Collection[str] = (),
    fetch_attachment: AttachmentReader | None = None,
    watermark: str | None = None,
    metadata: PdfMetadata | None = None,
) -> RenderedPdf:
    """Render *html* in this process, with ``document.css`` and the house fonts.

    :param html: a whole document, usually a template that extends ``documents/base.html``
    :param language: locale of the recipient (``zh_Hans_CN``, ``en``), for a document whose ``<html>`` has no ``lang``
    :param stylesheets: CSS texts that come after the base stylesheet; parsed once per process
    :param packages: packages whose files ``package:<package>/static/…`` may be loaded
    :param attachments: ids that ``attachment:<id>`` may name
    :param fetch_attachment: returns the bytes of a listed attachment
    :param watermark: text across every page, e.g. 草稿 DRAFT
    :raises DocumentRenderError: the document exceeds a limit or WeasyPrint failed; nothing is partly rendered
    """
    check_limits(html)
    choice = fonts.choose_fonts(html + (watermark or ""))
    with explained(), _lock:
        return _render(
            html,
            language,
            stylesheets,
            packages,
            attachments,
            fetch_attachment,
            watermark,
            metadata,
            choice,
        )


def warm_up() -> None:
    """Load WeasyPrint, the fonts and the base stylesheet now, so that the first document is as quick as the next."""
    fonts.coverage()
    with _lock:
        _base_stylesheet()


def render_job(job: RenderJob) -> RenderedPdf:
    """Render a :class:`RenderJob` in this process."""
    return render_pdf(
        job.html,
        language=job.language,
        stylesheets=job.stylesheets,
        packages=job.packages,
        attachments=job.attachments,
        fetch_attachment=job.attachments.__getitem__,
        watermark=job.watermark,
        metadata=job.metadata,
    )


def render_pdf_guarded(
    html: str,
    *,
    language: str = "zh_Hans_CN",
    stylesheets: Sequence[str] = (),
    packages: Collection[str] = (),
    attachments: Collection[str] = (),
    fetch_attachment: AttachmentReader | None = None,
    watermark: str | None = None,
    metadata: PdfMetadata | None = None,
    pool: RenderPool | None = None,
) -> RenderedPdf:
    """Like :func:`render_pdf`, in a worker process that is killed at its memory or time limit.

    The listed attachments that the HTML names are read here, before the worker starts on it. *pool* defaults to the
    one of this process (:func:`workers.shared_pool`).

    :raises DocumentRenderError: as above, and with the reasons ``timeout``, ``memory`` and ``crashed``
    """
    job = RenderJob(
        html=html,
        language=language,
        stylesheets=tuple(stylesheets),
        packages=tuple(packages),
        attachments=read_attachments(html, attachments, fetch_attachment),
        watermark=watermark,
        metadata=metadata or PdfMetadata(),
    )
    return render_job_guarded(job, pool)


def render_job_guarded(job: RenderJob, pool: RenderPool | None = None) -> RenderedPdf:
    """Render a :class:`RenderJob` in a worker process; see :func:`render_pdf_guarded`."""
    from core.machinery.documents.workers import shared_pool

    check_limits(job.html)
    return (pool or shared_pool()).render(job)


def check_limits(html: str) -> None:
    """Refuse what would keep the parser or the layout busy for minutes; a rough count, quick even for hostile input.

    Raises :class:`DocumentRenderError` (``too_large`` or ``too_deep``).
    """
    if len(html) > MAX_HTML_CHARACTERS:
        raise DocumentRenderError(
            f"The document has {len(html):,} characters of HTML; at most {MAX_HTML_CHARACTERS:,} are rendered. "
            "Split it.",
            "too_large",
        )
    depth = elements = 0
    for closing, name in _TAG.findall(html):
        step = 0 if name.lower() in _WITHOUT_DEPTH else 1
        if closing:
            depth = max(0, depth - step)
        else:
            elements += 1
            depth += step
        if depth > MAX_NESTING:
            raise _too_deep()
    if elements > MAX_ELEMENTS:
        raise DocumentRenderError(
            f"The document has {elements:,} elements; at most {MAX_ELEMENTS:,} are rendered. Split it.",
            "too_large",
        )


def _check_tree(root: Element) -> None:
    """The exact limits, on the parsed document: nesting, spans, rows, and what a drawing consists of."""
    rows = 0
    stack: list[tuple[Element, int, bool]] = [(root, 1, False)]
    while stack:
        element, depth, in_drawing = stack.pop()
        if not isinstance(element.tag, str):
            continue
        name = element.tag.rpartition("}")[2]
        if depth > MAX_NESTING:
            raise _too_deep()
        in_drawing = in_drawing or name == "svg"
        if in_drawing and name not in SVG_ELEMENTS:
            raise DocumentRenderError(
                f"A drawing in the document uses <{name}>, which is not allowed.", "not_allowed"
            )
        rows += name == "tr"
        for attribute in ("colspan", "rowspan", "span"):
            value = element.get(attribute, "").strip()
            if value and not (value.isascii() and value.isdigit() and int(value[:9]) <= MAX_SPAN):
                raise DocumentRenderError(
                    f"A table cell has {attribute} “{value[:20]}”; at most {MAX_SPAN} is allowed.",
                    "too_large",
                )
        stack.extend((child, depth + 1, in_drawing) for child in element)
    if rows > MAX_TABLE_ROWS:
        raise DocumentRenderError(
            f"The document has {rows:,} table rows; at most {MAX_TABLE_ROWS:,} are rendered. "
            "Export them as a spreadsheet.",
            "too_large",
        )


def _joined(text: str | None) -> str | None:
    if text is None or "-" not in text:
        return text

    def join(found: re.Match[str]) -> str:
        word = found[0]
        return word.replace("-", _JOINED) if word == "-" or any(map(str.isdigit, word)) else word

    return _CODE.sub(join, text)


def _keep_codes_whole(root: Element) -> None:
    """Let no line end at the hyphen of a number, a code or a date, such as ``WX-YQW-202611-0001``.

    One that is longer than its place breaks wherever the place ends.
    """
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element.tag not in ("style", "script", "{http://www.w3.org/2000/svg}svg", "svg"):
            element.text = _joined(element.text)
            waiting.extend(element)
        element.tail = _joined(element.tail)


def _too_deep() -> DocumentRenderError:
    return DocumentRenderError(f"The document is nested more than {MAX_NESTING} elements deep.", "too_deep")


_lock = threading.RLock()
"""Pango's font map is shared by the process and not safe for threads."""


def _render(
    html: str,
    language: str,
    stylesheets: Sequence[str],
    packages: Collection[str],
    attachments: Collection[str],
    fetch_attachment: AttachmentReader | None,
    watermark: str | None,
    metadata: PdfMetadata | None,
    choice: fonts.FontChoice,
) -> RenderedPdf:
    laid_out = _lay_out(
        html, language, stylesheets, packages, attachments, fetch_attachment, watermark, choice
    )
    return laid_out.finished(metadata or PdfMetadata())


@dataclass(frozen=True)
class LaidOut:
    """A document whose pages are laid out and not written yet.

    ``document`` is WeasyPrint's; ``missing_characters`` are those of :class:`RenderedPdf`; ``refused`` grows while the
    pages are written.
    """

    document: Any
    missing_characters: tuple[str, ...]
    refused: Sequence[str]

    @property
    def refused_resources(self) -> tuple[str, ...]:
        """What the document asked for and did not get so far, each address once."""
        return tuple(dict.fromkeys(self.refused))

    def finished(self, metadata: PdfMetadata) -> RenderedPdf:
        """Write the pages as a file of their own."""
        content = write_pages(self.document, self.document.pages, metadata)
        return RenderedPdf(
            content=content,
            pages=len(self.document.pages),
            sha256=hashlib.sha256(content).hexdigest(),
            missing_characters=self.missing_characters,
            refused_resources=self.refused_resources,
        )


def write_pages(document: Any, pages: Sequence[Any], metadata: PdfMetadata) -> bytes:
    """Write laid-out pages, of one document or of several, as one PDF.

    :param document: the document of WeasyPrint that gives fonts and addresses
    :param pages: pages in their order; each keeps the page number that its own document gave it
    """
    joined = document if pages is document.pages else document.copy(pages)
    _set_metadata(joined.metadata, metadata)
    content: bytes = joined.write_pdf(cache={})
    return content


def lay_out(job: RenderJob) -> LaidOut:
    """Check the limits of a :class:`RenderJob` and lay out its pages in this process.

    :raises DocumentRenderError: as :func:`render_pdf`
    """
    check_limits(job.html)
    choice = fonts.choose_fonts(job.html + (job.watermark or ""))
    with explained(), _lock:
        return _lay_out(
            job.html,
            job.language,
            job.stylesheets,
            job.packages,
            job.attachments,
            job.attachments.__getitem__,
            job.watermark,
            choice,
        )


@contextmanager
def explained() -> Iterator[None]:
    """Turn what goes wrong in WeasyPrint into a :class:`DocumentRenderError`."""
    try:
        yield
    except DocumentRenderError:
        raise
    except MemoryError as error:
        raise DocumentRenderError(
            "The document needs more memory than a document may use.", "memory"
        ) from error
    except RecursionError as error:
        raise DocumentRenderError("The document is nested too deeply to be laid out.", "too_deep") from error
    except Exception as error:
        logger.exception("WeasyPrint failed")
        raise DocumentRenderError(
            f"The document could not be laid out ({type(error).__name__}: {error})."
        ) from error


def _lay_out(
    html: str,
    language: str,
    stylesheets: Sequence[str],
    packages: Collection[str],
    attachments: Collection[str],
    fetch_attachment: AttachmentReader | None,
    watermark: str | None,
    choice: fonts.FontChoice,
) -> LaidOut:
    from weasyprint import HTML

    from core.machinery.documents.fetcher import DocumentFetcher

    fetcher = DocumentFetcher(packages=packages, attachments=attachments, read_attachment=fetch_attachment)
    source = HTML(string=html, url_fetcher=fetcher)
    root = source.etree_element
    _check_tree(root)
    if not root.get("lang"):
        root.set("lang", language_tag(language))
    body = root.find("body")
    if body is not None:
        _keep_codes_whole(body)
    if watermark and body is not None:
        mark = Element("div", {"class": "watermark"})
        SubElement(mark, "span").text = watermark
        body.insert(0, mark)
    sheets = [_base_stylesheet(), *(_stylesheet(css, tuple(sorted(packages))) for css in stylesheets)]
    if choice.families != (fonts.FAMILY,):
        sheets.append(_stylesheet(_font_rule(choice.families), ()))
    document = source.render(font_config=_font_configuration(), stylesheets=sheets, cache={})
    return LaidOut(document, choice.unprintable, fetcher.refused)


@lru_cache(maxsize=1)
def _font_configuration() -> Any:
    from weasyprint.text.fonts import FontConfiguration

    return FontConfiguration()


@lru_cache(maxsize=1)
def _base_stylesheet() -> Any:
    from weasyprint import CSS

    from core.machinery.documents.fetcher import OWN_PACKAGE, DocumentFetcher

    return CSS(
        url=f"package:{OWN_PACKAGE}/css/document.css",
        url_fetcher=DocumentFetcher(),
        font_config=_font_configuration(),
    )


@lru_cache(maxsize=128)
def _stylesheet(css: str, packages: tuple[str, ...]) -> Any:
    from weasyprint import CSS

    from core.machinery.documents.fetcher import DocumentFetcher

    return CSS(string=css, url_fetcher=DocumentFetcher(packages=packages), font_config=_font_configuration())


def _font_rule(families: Sequence[str]) -> str:
    names = ", ".join('"' + re.sub(r'["\\\n]', "", family) + '"' for family in families)
    return f"html {{ font-family: {names}; }}"


def _set_metadata(target: Any, metadata: PdfMetadata) -> None:
    if metadata.title:
        target.title = metadata.title
    if metadata.author:
        target.authors = [metadata.author]
    if metadata.subject:
        target.description = metadata.subject
    if metadata.keywords:
        target.keywords = list(metadata.keywords)
    if metadata.created:
        target.created = metadata.created
    target.generator = "Doorstep"


def read_attachments(html: str, listed: Collection[str], read: AttachmentReader | None) -> dict[str, bytes]:
    """Return the listed attachments that *html* names, by id; one that cannot be read is left out and logged."""
    if read is None:
        return {}
    found = {}
    for identifier in listed:
        if f"attachment:{identifier}" in html:
            try:
                found[identifier] = read(identifier)
            except (LookupError, OSError) as error:
                logger.warning("Attachment %r of a document cannot be read: %s", identifier, error)
    return found


def language_tag(locale: str) -> str:
    """The BCP 47 tag of a locale code: ``zh_Hans_CN`` → ``zh-Hans-CN``."""
    return locale.replace("_", "-")
