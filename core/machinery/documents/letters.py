"""Several letters in one go: laid out one by one, or drawn over their form, and joined into one file.

This is what works inside a worker process; ``workers.py`` carries it there. Pages that were laid out are joined before
they are written, so the fonts are subset once for all of them, while "page x of y" stays that of each letter. Letters
that can be drawn over a fixed form (see ``overlay.py``) are not laid out at all.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from core.machinery.documents.overlay import Drawn, Form, draw, lay_out_form
from core.machinery.documents.renderer import (
    DocumentRenderError,
    LaidOut,
    PdfMetadata,
    RenderJob,
    explained,
    lay_out,
    write_pages,
)
from core.machinery.documents.slots import form_of, letter_of

MOST_FORMS = 8
"""Forms that a process keeps, with the places of their slots."""
_MOST_SEEN = 64


@dataclass(frozen=True)
class Letter:
    """One letter of a batch.

    Attributes:
        job: What is to be laid out; with ``values`` its HTML has marks in the slots.
        values: Kind and value by the number of the slot, for a fixed form; None for a document that is laid out.
    """

    job: RenderJob
    values: tuple[tuple[str, str], ...] | None = None

    def whole(self) -> RenderJob:
        """Return the letter with its values in place, to be laid out by itself."""
        return (
            self.job if self.values is None else replace(self.job, html=letter_of(self.job.html, self.values))
        )

    def form(self) -> RenderJob:
        """Return the form with blank slots."""
        return replace(self.job, html=form_of(self.job.html, self.values or ()))


@dataclass(frozen=True)
class MadeLetter:
    """What became of one letter.

    Attributes:
        pages: How many pages it has; 0 when it failed.
        drawn: Whether it was drawn over its form instead of being laid out.
        missing_characters: Came out as blanks, since no font has them.
        refused_resources: Addresses that it asked for and did not get.
        content: The letter as a file of its own, when asked for.
        error: Why it failed, for the log; "" when it is there.
        reason: The short code of :class:`DocumentRenderError`.
    """

    pages: int = 0
    drawn: bool = False
    missing_characters: tuple[str, ...] = ()
    refused_resources: tuple[str, ...] = ()
    content: bytes | None = None
    error: str = ""
    reason: str = ""

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the file of its own."""
        return hashlib.sha256(self.content or b"").hexdigest()


@dataclass(frozen=True)
class MadeLetters:
    """A finished batch: what became of each letter, in order, and the joined file in one or more pieces, in order."""

    letters: tuple[MadeLetter, ...]
    pieces: tuple[bytes, ...]


def make_letters(
    letters: Sequence[Letter], *, joined: bool, singles: bool, metadata: PdfMetadata | None = None
) -> MadeLetters:
    """Make letters in this process; one that fails does not stop the rest.

    Args:
        letters: The letters in their order.
        joined: Whether they are wanted in one file, without those that failed.
        singles: Whether each is wanted as a file of its own.
        metadata: Of the joined file.
    """
    wanted = Counter(_key(letter) for letter in letters if letter.values is not None)
    made: list[MadeLetter] = []
    ready: list[_Ready] = []
    sources: list[LaidOut | None] = []
    for letter in letters:
        try:
            each = _make(letter, wanted)
            content = _single(each, letter.job.metadata) if singles else None
        except DocumentRenderError as error:
            made.append(MadeLetter(error=str(error), reason=error.reason))
            sources.append(None)
            continue
        ready.append(each)
        sources.append(each.source)
        made.append(
            MadeLetter(
                pages=each.pages,
                drawn=each.drawn is not None,
                missing_characters=each.source.missing_characters,
                content=content,
            )
        )
    pieces = _joined(ready, metadata or PdfMetadata()) if joined and ready else ()
    # Some resources are asked for only when the pages are written.
    described = tuple(
        replace(letter, refused_resources=source.refused_resources) if source is not None else letter
        for letter, source in zip(made, sources, strict=True)
    )
    return MadeLetters(described, tuple(pieces))


@dataclass(frozen=True)
class _Ready:
    """A letter that is laid out, or whose values have their places on a form."""

    source: LaidOut
    form: Form | None = None
    drawn: Sequence[Drawn] | None = None

    @property
    def pages(self) -> int:
        return len(self.form.sizes) if self.form is not None else len(self.source.document.pages)


def _make(letter: Letter, wanted: Counter[str]) -> _Ready:
    form = _form(letter, wanted)
    if form is not None and letter.values is not None:
        drawn = form.placed(letter.values)
        if drawn is not None:
            return _Ready(form.laid_out, form, drawn)
    return _Ready(lay_out(letter.whole()))


def _single(each: _Ready, metadata: PdfMetadata) -> bytes:
    with explained():
        if each.form is not None and each.drawn is not None:
            return draw([(each.form, each.drawn)], metadata)
        return each.source.finished(metadata).content


def _joined(ready: Sequence[_Ready], metadata: PdfMetadata) -> list[bytes]:
    pieces = []
    for drawn, group in groupby(ready, key=lambda each: each.drawn is not None):
        same = list(group)
        if drawn:
            pairs = [(each.form, each.drawn) for each in same if each.form and each.drawn is not None]
            pieces.append(draw(pairs, metadata))
        else:
            pages = [page for each in same for page in each.source.document.pages]
            pieces.append(write_pages(same[0].source.document, pages, metadata))
    return pieces


_forms: OrderedDict[str, Form | None] = OrderedDict()
_seen: OrderedDict[str, None] = OrderedDict()


def _form(letter: Letter, wanted: Counter[str]) -> Form | None:
    """Return the form of a letter; it is laid out when a second letter wants it, since by then it pays."""
    if letter.values is None:
        return None
    key = _key(letter)
    if key in _forms:
        _forms.move_to_end(key)
        return _forms[key]
    if wanted[key] < 2 and key not in _seen:
        _seen[key] = None
        if len(_seen) > _MOST_SEEN:
            _seen.popitem(last=False)
        return None
    try:
        found = lay_out_form(letter.form(), len(letter.values))
    except DocumentRenderError:
        # Laid out with its values the letter fails too, and then it is said why.
        found = None
    _forms[key] = found
    if len(_forms) > MOST_FORMS:
        _forms.popitem(last=False)
    return found


def _key(letter: Letter) -> str:
    """Return what tells the form of a letter from other forms."""
    job = letter.job
    digest = hashlib.sha256(job.html.encode())
    for text in (job.language, job.watermark or "", *job.stylesheets, *sorted(job.packages)):
        digest.update(b"\0" + text.encode())
    for kind, _value in letter.values or ():
        digest.update(b"\0" + kind.encode())
    for name, content in sorted(job.attachments.items()):
        digest.update(b"\0" + name.encode() + hashlib.sha256(content).digest())
    return digest.hexdigest()


PAGES_A_SOURCE = 8
"""From so many pages a piece on, fonts stay as the pieces bring them: a cut of 50 kB is then 6 kB a page at most."""


@dataclass(frozen=True)
class PageRange:
    """Some pages of a PDF: ``count`` pages from ``start`` on, counted from 0."""

    content: bytes
    start: int
    count: int


def merge_pdfs(
    pieces: Sequence[bytes | Path | PageRange], target: Path | io.BytesIO, metadata: PdfMetadata
) -> int:
    """Write PDFs one after the other into one file and return how many pages it has.

    Cuts of the same font in several of them become one where the pieces are small, so letters that were written one by
    one do not stay as large; files of many pages share their fonts already, and comparing those takes longer.

    Args:
        pieces: Contents, paths or ranges of pages, at least one.
        target: Where to write.
        metadata: Of the file.
    """
    import pikepdf

    from core.machinery.documents.font_sharing import share_fonts
    from core.machinery.documents.overlay import describe

    sources: dict[int | Path, Any] = {}
    try:
        with pikepdf.new() as merged:
            for piece in pieces:
                content = piece.content if isinstance(piece, PageRange) else piece
                # Several ranges of one file are copied from one source, so that they share what it holds.
                key = content if isinstance(content, Path) else id(content)
                if key not in sources:
                    sources[key] = pikepdf.open(
                        io.BytesIO(content) if isinstance(content, bytes) else content
                    )
                pages = sources[key].pages
                if isinstance(piece, PageRange):
                    merged.pages.extend(pages[piece.start : piece.start + piece.count])
                else:
                    merged.pages.extend(pages)
            if len(sources) > 1 and len(merged.pages) < PAGES_A_SOURCE * len(sources):
                share_fonts(merged)
            describe(merged, metadata)
            merged.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)
            return len(merged.pages)
    finally:
        for source in sources.values():
            source.close()
