"""Documents of many records in one go: previewed or issued, as one file or as a ZIP, by a job that survives any kill.

A step is a portion of the records. What it made is kept beside its mark, and the file is put together at the end, so a
killed worker costs one portion. A record that cannot be printed is named with its reason; the others go on.
"""

from __future__ import annotations

import io
import json
import logging
import re
import secrets
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext

from core.database.owners import owner_of
from core.database.scope import require_scope, scoped_models
from core.database.types import local_today
from core.extensions import db
from core.languages import Text, in_each_language
from core.machinery.documents import services
from core.machinery.documents.letters import Letter, MadeLetters, PageRange, merge_pdfs
from core.machinery.documents.models import IssuedDocument
from core.machinery.documents.printing import (
    DocumentRefused,
    means_of_printing,
    refusal_of,
    refusal_of_characters,
    type_for,
    values_of,
    write,
)
from core.machinery.documents.renderer import PdfMetadata
from core.machinery.documents.workers import batch_pool
from core.plugin_system.declarations import DocumentType, RecordKind
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime

logger = logging.getLogger(__name__)

KIND = "core.print_documents"
PERMISSION = "documents.print_batch"
MOST_RECORDS = 2_000
"""Records in one batch; a file of more is of no use to anybody."""
PARENTS = ("core.building", "core.phase", "core.project")
"""Kinds on whose pages the documents of all records below them are offered, whatever module declares those."""
PREVIEW_PORTION, ISSUE_PORTION = 40, 20
"""Records in one step. What is issued is laid out before its numbers are taken, so nobody waits for a layout."""
TRIES_AHEAD = services.TRIES_AHEAD

Result = TypeVar("Result")
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')


class _Run(Protocol):
    """What is used of a job's run."""

    payload: Mapping[str, Any]

    def each(self, keys: Any, do: Callable[[int], Any], *, size: Any = 1, name: Any = None) -> None: ...

    def note_failure(self, subject: Any, reason: Any, *, again: bool = False) -> None: ...

    def keep(self, name: str, content: bytes) -> None: ...

    def kept(self, name: str) -> bytes | None: ...

    def reading(self) -> Any: ...

    def result(self, file_name: str, content_type: str, content: bytes | Path) -> None: ...

    def outcome(self, sentence: Any) -> None: ...


@dataclass(frozen=True)
class BatchOrder:
    """What is to be printed.

    Attributes:
        document: Code of the document type.
        record_ids: Keys of the records, in the order of the pages.
        language: Locale of the recipients.
        issues: Whether each is numbered and archived; else they are drafts.
        zipped: Whether each is a file of its own in a ZIP; else all are one PDF.
        renews: Whether a record that has a valid document gets a new one; else that one is taken from the archive.
    """

    document: str
    record_ids: tuple[int, ...]
    language: str
    issues: bool = False
    zipped: bool = False
    renews: bool = False

    def payload(self) -> dict[str, Any]:
        """Return the order as JSON."""
        return {**self.__dict__, "record_ids": list(self.record_ids)}

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> BatchOrder:
        """Return the order that a payload holds."""
        return cls(**{**payload, "record_ids": tuple(payload["record_ids"])})


def batch_types(kind: str) -> list[DocumentType]:
    """Return the document types of a record kind that the acting user may print in a batch.

    Args:
        kind: Code of the record kind.
    """
    permissions = require_scope().permissions
    if PERMISSION not in permissions:
        return []
    return [
        item for item in current_runtime().declared.document_types(kind) if item.permission in permissions
    ]


def preview_batch(
    document: str, record_ids: Sequence[int], language: str, *, zipped: bool = False, nonce: str | None = None
) -> Any:
    """Start a job that prints drafts of many records into one file.

    Args:
        document: Code of the document type.
        record_ids: Keys of the records, in the order of the pages; each is read with the rights of the user who starts.
        language: Locale of the recipients.
        zipped: Whether each is a file of its own in a ZIP.
        nonce: Names one sending of a form: the second sending returns the same job.

    Returns:
        The job.

    Raises:
        DocumentRefused: There is no record, there are too many, or the user may not print it.
    """
    return start_batch(BatchOrder(document, tuple(record_ids), language, zipped=zipped), nonce)


def issue_batch(
    document: str,
    record_ids: Sequence[int],
    language: str,
    *,
    zipped: bool = False,
    renews: bool = False,
    nonce: str | None = None,
) -> Any:
    """Start a job that issues the documents of many records, each numbered and archived, and joins them.

    Args:
        document: Code of the document type.
        record_ids: As for :func:`preview_batch`.
        language: Locale of the recipients.
        zipped: Whether each is a file of its own in a ZIP.
        renews: Whether a record that has a valid document gets a new one instead of the one in the archive.
        nonce: As for :func:`preview_batch`.

    Returns:
        The job.

    Raises:
        DocumentRefused: There is no record, there are too many, or the user may not issue it.
    """
    order = BatchOrder(document, tuple(record_ids), language, issues=True, zipped=zipped, renews=renews)
    return start_batch(order, nonce)


def start_batch(order: BatchOrder, nonce: str | None = None) -> Any:
    """Start the job of an order, in the caller's transaction, and write it into the audit log.

    Args:
        order: What is to be printed.
        nonce: Names one sending of a form.

    Returns:
        The job.

    Raises:
        DocumentRefused: The order cannot be carried out at all.
    """
    document = _type_of(order)
    count = len(set(order.record_ids))
    if count != len(order.record_ids):
        raise DocumentRefused(_("A record is named twice. Choose the rows once more."))
    if not count:
        raise DocumentRefused(_("No record is left to be printed. Choose at least one row."))
    if count > MOST_RECORDS:
        raise DocumentRefused(
            _(
                "At most %(limit)s documents are printed in one go. Narrow the list with a filter first.",
                limit=f"{MOST_RECORDS:,}",
            )
        )
    means = means_of_printing()
    means.record_event(
        "printed_batch",
        None,
        document_type=document.code,
        language=order.language,
        records=count,
        issues=order.issues,
    )
    return means.enqueue_job(
        KIND,
        order.payload(),
        title=lazy_ngettext(
            "%(title)s for %(num)s record", "%(title)s for %(num)s records", count, title=document.label
        ),
        total=count,
        dedupe_key=f"{require_scope().user_id}:{nonce}" if nonce else None,
    )


def _type_of(order: BatchOrder) -> DocumentType:
    found = current_runtime().declared.document_type(order.document)
    if found is None:
        raise DocumentRefused(_("This document does not exist any more, or its module is switched off."))
    if found not in batch_types(found.record_kind):
        raise DocumentRefused(_("Printing this document needs a right that your role does not have here."))
    if order.language not in found.languages:
        raise DocumentRefused(_("This document is not available in the chosen language."))
    permissions = require_scope().permissions
    if order.issues and (found.issue_permission is None or found.issue_permission not in permissions):
        raise DocumentRefused(_("Issuing this document needs a right that your role does not have here."))
    return found


# The job


def print_documents(run: _Run) -> None:
    """Print what an order asks for; the function of the job kind ``core.print_documents``.

    Args:
        run: The run of the job.
    """
    order = BatchOrder.of(run.payload)
    document = _type_of(order)
    size = ISSUE_PORTION if order.issues else PREVIEW_PORTION
    portions = [order.record_ids[start : start + size] for start in range(0, len(order.record_ids), size)]
    try:
        run.each(
            range(len(portions)),
            lambda index: _print_portion(run, order, document, index, index * size, portions[index]),
            size=lambda index: len(portions[index]),
            name=lambda index: _l(
                "Records %(first)d to %(last)d",
                first=index * size + 1,
                last=index * size + len(portions[index]),
            ),
        )
    finally:
        batch_pool().stop_idle()
    _put_together(run, order, document, len(portions))


@dataclass(frozen=True)
class _Entry:
    """One record of a portion: its place in the batch, how staff call it, and the name of its file."""

    position: int
    record_id: int
    subject: Text
    title: str

    def file_name(self, number: str = "") -> str:
        name = _UNSAFE.sub(" ", f"{self.position:04d} {number} {self.title}")
        return " ".join(name.split())[:120] + ".pdf"


def _print_portion(
    run: _Run, order: BatchOrder, document: DocumentType, index: int, start: int, keys: Sequence[int]
) -> None:
    kind = current_runtime().declared.record_kind(document.record_kind)
    if kind is None:
        raise DocumentRefused(_("This document does not exist any more, or its module is switched off."))
    issued_before = json.loads(run.kept(f"issued-{index}") or b"{}")
    before = _Before.of(run, order, index, issued_before)
    portion = _Portion(run, order, document, kind, start, keys, before)
    made = portion.issue() if order.issues else portion.preview()
    for subject, reason in portion.failures.values():
        run.note_failure(subject, reason, again=True)
    if portion.issued:
        run.keep(f"issued-{index}", json.dumps(issued_before | portion.issued).encode())
    count = json.dumps(sum(each.count for each in made)).encode()
    # Tried again in vain, the portion stays as it was laid out: together, with its fonts once.
    is_as_before = order.issues and not portion.issued and run.kept(f"made-{index}") == count
    if made and not is_as_before:
        run.keep(f"part-{index}", _zip(made) if order.zipped else _merged(made))
        run.keep(f"pages-{index}", json.dumps(portion.pages).encode())
        run.keep(f"made-{index}", count)


@dataclass(frozen=True)
class _Piece:
    """A part of the result: one document with its file name, or several joined ones, or some pages of a file."""

    content: bytes
    name: str = ""
    count: int = 1
    pages: tuple[int, int] | None = None
    """The first page and how many; None for all."""


@dataclass(frozen=True)
class _Before:
    """What an earlier run of a step issued and laid out together, where the job is tried again.

    Attributes:
        issued: Keys of the documents, by the key of their record.
        part: The joined file of the step; b"" where there is none.
        pages: The first page of a record in it and how many it has, by the key of the record.
    """

    issued: Mapping[int, int] = field(default_factory=dict)
    part: bytes = b""
    pages: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, run: _Run, order: BatchOrder, index: int, issued: Mapping[str, int]) -> _Before:
        """Return what a step kept."""
        keys = {int(record): int(document) for record, document in issued.items()}
        layout = json.loads(run.kept(f"pages-{index}") or b"[]")
        if order.zipped or not keys or not layout:
            return cls(keys)
        pages, start = {}, 0
        for record, count in layout:
            pages[int(record)] = (start, count)
            start += count
        return cls(keys, run.kept(f"part-{index}") or b"", pages)

    def piece(self, record_id: int, issued: IssuedDocument) -> _Piece | None:
        """Return the pages of a document that this job issued and laid out with others, or None."""
        if not self.part or record_id not in self.pages or self.issued.get(record_id) != issued.id:
            return None
        return _Piece(self.part, pages=self.pages[record_id])


@dataclass(frozen=True)
class _Ahead:
    """What was laid out before its numbers were taken: the documents by the key of their record, and what was made."""

    drafts: Mapping[int, services.Numbered] = field(default_factory=dict)
    made: MadeLetters = field(default_factory=lambda: MadeLetters((), ()))
    joined: bool = False

    def is_of(self, numbered: Sequence[tuple[_Entry, services.Numbered]], joined: bool) -> bool:
        """Return whether it shows, word for word, what is to be issued now."""
        return (
            joined == self.joined
            and [entry.record_id for entry, _draft in numbered] == list(self.drafts)
            and all(draft.written == self.drafts[entry.record_id].written for entry, draft in numbered)
        )


class _Portion:
    """The records of one step."""

    def __init__(
        self,
        run: _Run,
        order: BatchOrder,
        document: DocumentType,
        kind: RecordKind,
        start: int,
        keys: Sequence[int],
        before: _Before | None = None,
    ) -> None:
        self.run = run
        self.order = order
        self.document = document
        self.kind = kind
        self.keys = keys
        self.positions = {key: start + offset for offset, key in enumerate(keys, start=1)}
        self.failures: dict[int, tuple[Text, Text]] = {}
        self.before = before or _Before()
        self.issued: dict[str, int] = {}
        self.pages: list[tuple[int, int]] = []
        """Key of each record that was issued and its number of pages, in the order of the part."""

    def preview(self) -> list[_Piece]:
        """Print drafts; nothing is locked while they are laid out."""
        written: list[tuple[_Entry, Letter]] = []
        with self.run.reading():
            for record, entry in self._records():
                letter = self._attempt(entry, self._draft, record)
                if letter is not None:
                    written.append((entry, letter))
        made = self._make([letter for _entry, letter in written], singles=self.order.zipped)
        entries = [entry for entry, _letter in written]
        failed = self._failures_of(entries, made, blanks_fail=False)
        self.failures |= failed
        if not self.order.zipped:
            return _counted(made.pieces, len(entries) - len(failed))
        return [
            _Piece(letter.content, entry.file_name())
            for entry, letter in zip(entries, made.letters, strict=True)
            if letter.content is not None
        ]

    def _draft(self, record: Any) -> Letter:
        language = self.order.language
        document = type_for(self.document.code, record, language)
        return write(document, record, language, values_of(document, record, language)).letter

    def issue(self) -> list[_Piece]:
        """Lay out under the numbers that come next, then take them and archive; nobody waits for the layout.

        When somebody took such a number meanwhile, or a record has changed, all is laid out anew. A document that
        cannot be printed is left out, and the others move up.
        """
        broken: dict[int, tuple[Text, Text]] = {}
        tries = 0
        while True:
            tries += 1
            ahead = _Ahead() if tries > TRIES_AHEAD else self._lay_out_ahead(broken)
            pieces = None
            if ahead is not None:
                attempt = db.session.begin_nested()
                pieces = self._issue(broken, ahead, holds=tries > TRIES_AHEAD)
                if pieces is None:
                    attempt.rollback()
                else:
                    attempt.commit()
            if pieces is not None:
                self.failures |= broken
                return pieces

    def _lay_out_ahead(self, broken: dict[int, tuple[Text, Text]]) -> _Ahead | None:
        """Lay out what will be issued, while nothing is locked; None when one more is broken."""
        self.failures = {}
        coming: Counter[str] = Counter()
        foreseen: list[tuple[_Entry, services.Numbered]] = []
        with self.run.reading():
            archived = self._archived()
            for record, entry in self._records():
                if record.id in broken or record.id in archived:
                    continue
                draft = self._attempt(entry, lambda record: self._foresee(record, coming), record)
                if draft is not None:
                    foreseen.append((entry, draft))
            joined = not self.order.zipped
        return self._laid_out(foreseen, joined, broken)

    def _foresee(self, record: Any, coming: Counter[str]) -> services.Numbered:
        return services.foresee(self.document.code, record, self.order.language, coming)

    def _laid_out(
        self,
        drafts: Sequence[tuple[_Entry, services.Numbered]],
        joined: bool,
        broken: dict[int, tuple[Text, Text]],
    ) -> _Ahead | None:
        made = self._make([draft.written.letter for _entry, draft in drafts], singles=True, joined=joined)
        failed = self._failures_of([entry for entry, _draft in drafts], made, blanks_fail=True)
        broken |= failed
        return None if failed else _Ahead({entry.record_id: draft for entry, draft in drafts}, made, joined)

    def _issue(
        self, broken: dict[int, tuple[Text, Text]], ahead: _Ahead, *, holds: bool
    ) -> list[_Piece] | None:
        """Number and archive; None when what was laid out is not what is issued, or cannot be printed.

        Args:
            broken: What is left out, by the key of the record; more may be added.
            ahead: What was laid out before.
            holds: Whether all is laid out now that the numbers are taken.
        """
        self.failures = {}
        archived = self._archived()
        numbered: list[tuple[_Entry, services.Numbered]] = []
        entries: list[_Entry] = []
        for record, entry in self._records():
            if record.id in broken:
                continue
            if record.id in archived:
                entries.append(entry)
                continue
            foreseen = ahead.drafts.get(record.id)
            draft = self._attempt(
                entry,
                lambda record, foreseen=foreseen: services.number(  # type: ignore[misc]
                    self.document.code, record, self.order.language, foreseen
                ),
                record,
            )
            if draft is not None:
                entries.append(entry)
                numbered.append((entry, draft))
        joined = not self.order.zipped
        found: _Ahead | None = ahead
        if holds:
            found = self._laid_out(numbered, joined, broken)
        if found is None or not found.is_of(numbered, joined):
            return None
        pieces: dict[int, _Piece] = {}
        pages: dict[int, int] = {}
        self.issued = {}
        together = _joined_once(found.made.pieces) if joined and archived else b""
        start = 0
        for (entry, draft), letter in zip(numbered, found.made.letters, strict=True):
            issued = services.archive(draft, letter.content or b"", letter.pages)
            self.issued[str(entry.record_id)] = issued.id
            pages[entry.record_id] = letter.pages
            pieces[entry.record_id] = (
                _Piece(together, pages=(start, letter.pages))
                if together
                else _Piece(letter.content or b"", entry.file_name(issued.number))
            )
            start += letter.pages
        for entry in entries:
            if entry.record_id in archived:
                issued = archived[entry.record_id]
                pages[entry.record_id] = issued.pages
                self._take_from_archive(entry, issued, pieces)
        self.pages = [
            (entry.record_id, pages[entry.record_id]) for entry in entries if entry.record_id in pieces
        ]
        if joined and not archived:
            return _counted(found.made.pieces, len(pieces))
        return [pieces[entry.record_id] for entry in entries if entry.record_id in pieces]

    def _take_from_archive(self, entry: _Entry, issued: IssuedDocument, pieces: dict[int, _Piece]) -> None:
        laid_out = self.before.piece(entry.record_id, issued)
        if laid_out is not None:
            pieces[entry.record_id] = laid_out
            return
        try:
            content = services.read(issued)
        except (services.DocumentErased, services.DocumentArchiveDamaged):
            reason = _l(
                "The archived file of %(number)s is missing or damaged. Have it restored from a backup.",
                number=issued.number,
            )
            self.failures[entry.record_id] = (entry.subject, reason)
        else:
            pieces[entry.record_id] = _Piece(content, entry.file_name(issued.number))

    def _archived(self) -> dict[int, IssuedDocument]:
        """Return the newest valid document of each record; where new ones are wanted, those that this step issued."""
        if self.order.renews and not self.before.issued:
            return {}
        query = sa.select(IssuedDocument).where(
            IssuedDocument.document_type == self.document.code,
            IssuedDocument.record_kind == self.kind.code,
            IssuedDocument.record_id.in_(self.keys),
            IssuedDocument.language == self.order.language,
            IssuedDocument.withdrawn_at.is_(None),
            IssuedDocument.replaced_by_id.is_(None),
        )
        if self.order.renews:
            query = query.where(IssuedDocument.id.in_(sorted(self.before.issued.values())))
        return {row.record_id: row for row in db.session.scalars(query.order_by(IssuedDocument.id))}

    def _records(self) -> list[tuple[Any, _Entry]]:
        """Return the records that the acting user may see, in order; the others are named as failures."""
        found = {record.id: record for record in visible_records(self.kind, self.keys)}
        records = []
        for key in self.keys:
            if key not in found:
                self._note_missing(key)
                continue
            title = self.kind.title(found[key])
            subject: Text = title
            if owner_of(found[key]).customer_id is not None:
                # The reasons of a job are read by others too: nobody is named in them.
                subject = self._called(key)
            records.append((found[key], _Entry(self.positions[key], key, subject, title)))
        return records

    def _called(self, key: int) -> Text:
        return in_each_language(lambda: f"{self.kind.label} {key}")

    def _note_missing(self, key: int) -> None:
        reason = _l("This record does not exist any more, or you may not see it any more.")
        self.failures[key] = (self._called(key), reason)

    def _attempt(self, entry: _Entry, do: Callable[[Any], Result], record: Any) -> Result | None:
        """Return what a function makes of one record, or None when it fails; then nothing of it stays."""
        try:
            with db.session.begin_nested():
                return do(record)
        except DocumentRefused as refusal:
            reason: Text = str(refusal)
        except Exception as error:
            incident = secrets.token_hex(4)
            logger.exception("%s of %s failed, incident %s", self.document.code, entry.subject, incident)
            if isinstance(error, sa.exc.OperationalError):
                raise
            reason = _l(
                "An unexpected error occurred. Tell your administrator the incident number %(incident)s.",
                incident=incident,
            )
        self.failures[entry.record_id] = (entry.subject, reason)
        return None

    def _make(self, letters: Sequence[Letter], *, singles: bool, joined: bool | None = None) -> MadeLetters:
        if not letters:
            return MadeLetters((), ())
        wanted = not self.order.zipped if joined is None else joined
        return batch_pool().make_letters(
            letters, joined=wanted, singles=singles, metadata=PdfMetadata(title=str(self.document.label))
        )

    def _failures_of(
        self, entries: Sequence[_Entry], made: MadeLetters, *, blanks_fail: bool
    ) -> dict[int, tuple[Text, Text]]:
        failed: dict[int, tuple[Text, Text]] = {}
        for entry, letter in zip(entries, made.letters, strict=True):
            if letter.error:
                logger.error("%s of %s: %s", self.document.code, entry.subject, letter.error)
                failed[entry.record_id] = (
                    entry.subject,
                    in_each_language(partial(refusal_of, letter.reason)),
                )
            elif blanks_fail and letter.missing_characters:
                reason = in_each_language(partial(refusal_of_characters, letter.missing_characters))
                failed[entry.record_id] = (entry.subject, reason)
        return failed


def visible_records(kind: RecordKind, keys: Sequence[int]) -> list[Any]:
    """Return the records of a kind with these keys that the acting user may see, in no order.

    Args:
        kind: The record kind.
        keys: At most some hundred keys.
    """
    if not is_on(current_runtime().declared.component_of(kind)):
        return []
    if kind.view_permission not in require_scope().permissions:
        return []
    conditions = kind.narrow() if kind.narrow is not None else ()
    return list(db.session.scalars(sa.select(kind.model).where(kind.model.id.in_(keys), *conditions)))


def below(kind: RecordKind, parent: RecordKind, parent_id: int) -> sa.ColumnElement[bool] | None:
    """Return the condition of the records that lie below another one: by a key of their own or over one row between.

    A house lies below its building, an inspection over its house too. None when nothing leads from one to the other.

    Args:
        kind: What is looked for.
        parent: The kind of the record above.
        parent_id: Its key.
    """
    target = parent.model.__table__
    if target is kind.model.__table__:
        return None
    own = _keys_to(kind.model, target)
    if own:
        return own[0] == parent_id
    models = scoped_models()
    for attribute in _keys_to(kind.model):
        between = models.get(_referred(attribute).name)
        above = _keys_to(between, target) if between is not None and between is not kind.model else []
        if between is not None and above:
            return attribute.in_(sa.select(between.id).where(above[0] == parent_id))
    return None


def types_below(parent: RecordKind) -> list[tuple[RecordKind, list[DocumentType]]]:
    """Return the kinds of records below a kind whose documents the acting user may print in a batch.

    Args:
        parent: The kind of the record above, one of :data:`PARENTS` or of the same component.
    """
    declared = current_runtime().declared
    if PERMISSION not in require_scope().permissions:
        return []
    found: dict[str, list[DocumentType]] = {}
    for document in declared.document_types():
        found.setdefault(document.record_kind, []).append(document)
    below_it = []
    for code in found:
        kind = declared.record_kind(code)
        types = batch_types(code)
        if kind is None or not types or kind.view_permission not in require_scope().permissions:
            continue
        near = parent.code in PARENTS or declared.component_of(parent) == declared.component_of(kind)
        if near and below(kind, parent, 0) is not None:
            below_it.append((kind, types))
    return below_it


def _keys_to(model: Any, table: Any = None) -> list[Any]:
    """Return the attributes of a model that refer to a table, those that are always filled first."""
    found = [
        attribute
        for attribute in sa.inspect(model).column_attrs
        if (referred := _referred(getattr(model, attribute.key))) is not None
        and (table is None or referred is table)
    ]
    found.sort(key=lambda attribute: (bool(attribute.columns[0].nullable), attribute.key))
    return [getattr(model, attribute.key) for attribute in found]


def _referred(attribute: Any) -> Any:
    """Return the table whose key a column holds; composite keys name the key of the row above as well."""
    keys = attribute.property.columns[0].foreign_keys
    return next((key.column.table for key in keys if key.column.name == "id"), None)


def _counted(pieces: Sequence[bytes], count: int) -> list[_Piece]:
    """Return joined pieces, the first of which stands for all their documents."""
    return [_Piece(piece, count=count if not number else 0) for number, piece in enumerate(pieces)]


def _joined_once(pieces: Sequence[bytes]) -> bytes:
    return _merged([_Piece(piece) for piece in pieces]) if pieces else b""


def _merged(pieces: Sequence[_Piece]) -> bytes:
    if len(pieces) == 1 and pieces[0].pages is None:
        return pieces[0].content
    target = io.BytesIO()
    merge_pdfs(
        [PageRange(each.content, *each.pages) if each.pages else each.content for each in pieces],
        target,
        PdfMetadata(),
    )
    return target.getvalue()


def _zip(pieces: Sequence[_Piece]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for piece in pieces:
            archive.writestr(piece.name, piece.content)
    return target.getvalue()


def _put_together(run: _Run, order: BatchOrder, document: DocumentType, portions: int) -> None:
    counts = [json.loads(run.kept(f"made-{index}") or b"0") for index in range(portions)]
    made = sum(counts)
    if not made:
        run.outcome(_l("No document could be printed. The reasons stand below."))
        return
    title = _UNSAFE.sub(" ", str(document.label))
    # Tried again, the job replaces the file by one of the same name.
    name = f"{title} {local_today():%Y%m%d} {len(order.record_ids)}"
    parts = (run.kept(f"part-{index}") or b"" for index in range(portions) if counts[index])
    with tempfile.TemporaryDirectory(prefix="doorstep-batch-") as folder:
        target = Path(folder) / "result"
        if order.zipped:
            _join_zips(parts, target)
            run.result(f"{name}.zip", "application/zip", target)
        else:
            paths = []
            for index, part in enumerate(parts):
                paths.append(Path(folder) / f"{index}.pdf")
                paths[-1].write_bytes(part)
            merge_pdfs(paths, target, PdfMetadata(title=title))
            run.result(f"{name}.pdf", "application/pdf", target)
    if order.issues:
        run.outcome(lazy_ngettext("%(num)s document is issued.", "%(num)s documents are issued.", made))
    else:
        run.outcome(lazy_ngettext("%(num)s draft is printed.", "%(num)s drafts are printed.", made))


def _join_zips(parts: Any, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for part in parts:
            with zipfile.ZipFile(io.BytesIO(part)) as held:
                for name in held.namelist():
                    archive.writestr(name, held.read(name))
