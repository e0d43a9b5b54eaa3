"""How the rows of an import lie in its chunks: read from the file, turned into fields, packed and encrypted."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import itertools
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flask_babel import force_locale
from flask_babel import gettext as _

from core.database.types import Wording
from core.machinery.exchange.importer import Importer, ImportRefused, ImportRow, RowError
from core.machinery.exchange.tables import (
    HEAD_DEPTH,
    IGNORED,
    Heads,
    find_heads,
    kind_of_row,
    likely_heads,
    meanings,
    plain_head,
)
from core.machinery.exchange.workbooks import Cell, stream_workbook

CHUNK_ROWS = 500
MAX_ROWS = 200_000
LANGUAGES = ("zh_Hans_CN", "en")

LETTERS = {"new": "n", "changed": "c", "unchanged": "u", "error": "e", "ignored": "i"}
"""Letter of each verdict in ``ImportChunk.verdicts``."""
KIND_OF = {letter: kind for kind, letter in LETTERS.items()}


@dataclass
class StagedRow:
    """A row as it lies in a chunk.

    Attributes:
        sheet: Position of its sheet.
        number: Number of the row in the sheet, from 1.
        cells: The texts by column.
        inexact: Columns whose number lost its end.
        filled: Columns whose text comes from a merged cell.
        texts: The texts by field, once somebody edited the row or it took something from the row above; else None.
        values: What the texts mean.
        errors: Column, code and reason of what is wrong.
        diff: Field, value before, value after.
        record_id: The record that is known, or None.
    """

    sheet: int
    number: int
    cells: list[str] = field(default_factory=list)
    inexact: list[int] = field(default_factory=list)
    filled: list[int] = field(default_factory=list)
    texts: dict[str, str] | None = None
    values: dict[str, Any] = field(default_factory=dict)
    errors: list[list[str]] = field(default_factory=list)
    diff: list[list[str]] = field(default_factory=list)
    record_id: int | None = None


@dataclass
class Content:
    """The rows of a chunk, and what the last of them leaves to the first row of the next chunk."""

    rows: list[StagedRow]
    carry: dict[str, str] = field(default_factory=dict)


def pack(value: Any) -> str:
    """Return plain data as text that is ready to be encrypted, compressed."""
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()
    return base64.b64encode(zlib.compress(content, 1)).decode()


def unpack(text: str) -> Any:
    """Return what :func:`pack` was given; dates, moments and numbers come back as themselves."""
    return json.loads(zlib.decompress(base64.b64decode(text)), object_hook=_revive)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"$n": str(value)}
    if isinstance(value, dt.datetime):
        return {"$t": value.isoformat()}
    if isinstance(value, dt.date):
        return {"$d": value.isoformat()}
    raise TypeError(
        f"An import cannot keep {type(value).__name__} in a row; let the parser return plain values."
    )


def _revive(held: dict[str, Any]) -> Any:
    if len(held) == 1:
        if "$d" in held:
            return dt.date.fromisoformat(held["$d"])
        if "$n" in held:
            return Decimal(held["$n"])
        if "$t" in held:
            return dt.datetime.fromisoformat(held["$t"])
    return held


def pack_content(content: Content) -> str:
    """Return the rows of a chunk as text that is ready to be encrypted."""
    return pack(
        [
            content.carry,
            [
                [
                    r.sheet,
                    r.number,
                    r.cells,
                    r.inexact,
                    r.filled,
                    r.texts,
                    r.values,
                    r.errors,
                    r.diff,
                    r.record_id,
                ]
                for r in content.rows
            ],
        ]
    )


def unpack_content(text: str) -> Content:
    """Return the rows of a chunk."""
    carry, rows = unpack(text)
    return Content([StagedRow(*row) for row in rows], carry)


@dataclass
class SheetPlan:
    """A sheet with a table: its name, its heads, and the field of each column (``ignored`` for none)."""

    name: str
    heads: list[str]
    columns: list[str]
    samples: list[list[str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"name": self.name, "heads": self.heads, "columns": self.columns}


@dataclass
class ReadFile:
    """What was read of a file.

    Attributes:
        sheets: The sheets with a table.
        skipped: Names of the others.
        chunks: Packed rows, with how many there are in each.
        total: Rows that are kept.
        blank: Rows that hold nothing.
        understood: Whether the needed heads were found in every table.
    """

    sheets: list[SheetPlan] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    chunks: list[tuple[int, str]] = field(default_factory=list)
    total: int = 0
    blank: int = 0
    understood: bool = True


def heads_of(importer: Importer) -> dict[str, tuple[str, ...]]:
    """Return for each field the heads that mean it, with its label in every language."""
    found: dict[str, tuple[str, ...]] = {}
    for language in LANGUAGES:
        with force_locale(language):
            for name, heads in importer.heads().items():
                found[name] = tuple(dict.fromkeys((*found.get(name, ()), *heads)))
    return found


Recall = Callable[[Sequence[str]], "Mapping[str, str] | None"]
"""From the heads of a table to the fields that somebody confirmed for such a file, by plain head."""


def read_file(content: bytes, file_name: str, importer: Importer, recall: Recall | None = None) -> ReadFile:
    """Read the rows of a file as they are.

    Args:
        content: The file.
        file_name: Its name.
        importer: Whose fields the heads are looked up in.
        recall: Returns the columns that were confirmed earlier for such heads.

    Raises:
        WorkbookUnreadable: It is no workbook that can be read.
        ImportRefused: It has no table with rows.
    """
    synonyms = meanings(heads_of(importer))
    found = _read(content, file_name, importer, synonyms, recall, any_table=False)
    if not found.total:
        # No head is known: the first table is shown, so that its columns can be chosen.
        found = _read(content, file_name, importer, synonyms, recall, any_table=True)
    if not found.total:
        raise ImportRefused(
            _(
                "No sheet of “%(name)s” has a table with heads and rows below. Compare it with the template.",
                name=file_name,
            )
        )
    return found


def _read(
    content: bytes,
    file_name: str,
    importer: Importer,
    synonyms: Mapping[str, str],
    recall: Recall | None,
    any_table: bool,
) -> ReadFile:
    found = ReadFile()
    waiting: list[StagedRow] = []
    for sheet in stream_workbook(content, file_name, MAX_ROWS):
        first = list(itertools.islice(sheet.rows, HEAD_DEPTH + 1))
        heads = find_heads(first, synonyms, importer.needed_heads())
        if heads is None and any_table and not found.sheets:
            heads = likely_heads(first)
        remembered = recall(heads.texts) if heads is not None and recall is not None else None
        plan = SheetPlan(sheet.name, list(heads.texts), _planned(heads, remembered)) if heads else None
        before = found.total
        if heads is not None and plan is not None:
            for row in _rows_below(heads, itertools.chain(first, sheet.rows), len(found.sheets), found):
                waiting.append(row)
                if len(plan.samples) < 3:
                    plan.samples.append(row.cells)
                if len(waiting) == CHUNK_ROWS:
                    _put(found, waiting)
                    waiting = []
        if plan is None or found.total == before:
            found.skipped.append(sheet.name)
            continue
        found.sheets.append(plan)
        found.understood = found.understood and covers(plan.columns, importer)
    if waiting:
        _put(found, waiting)
    return found


def _planned(heads: Heads, remembered: Mapping[str, str] | None) -> list[str]:
    if remembered is None:
        return list(heads.columns)
    return without_doubles([remembered.get(plain_head(text), IGNORED) for text in heads.texts])


def without_doubles(columns: Sequence[str]) -> list[str]:
    """Return the fields of columns, each field once: the first column counts."""
    taken: set[str] = set()
    kept = []
    for name in columns:
        kept.append(IGNORED if name in taken else name)
        if name != IGNORED:
            taken.add(name)
    return kept


def covers(columns: Iterable[str], importer: Importer) -> bool:
    """Return whether the columns of a table hold what an import needs."""
    present = set(columns)
    return any(present >= set(wanted) for wanted in importer.needed_heads())


def _rows_below(heads: Heads, rows: Iterable[list[Cell]], sheet: int, found: ReadFile) -> Iterator[StagedRow]:
    for number, row in enumerate(rows, start=1):
        if number <= heads.rows[-1]:
            continue
        if not any(cell.text for cell in row):
            found.blank += 1
            continue
        found.total += 1
        yield StagedRow(
            sheet,
            number,
            [cell.text for cell in row],
            [column for column, cell in enumerate(row) if cell.is_inexact],
            [column for column, cell in enumerate(row) if cell.is_filled],
        )


def _put(found: ReadFile, rows: list[StagedRow]) -> None:
    found.chunks.append((len(rows), pack_content(Content(rows))))


def signature(heads: Iterable[str]) -> str:
    """Return what files with the same heads share, whatever their order."""
    plain = sorted({plain_head(head) for head in heads if head.strip()})
    return hashlib.sha256("\n".join(plain).encode()).hexdigest()


class Meaning:
    """Turns staged rows into rows of fields, for one import.

    Args:
        importer: Whose fields they are.
        sheets: ``ImportBatch.sheets``.
    """

    def __init__(self, importer: Importer, sheets: Sequence[Mapping[str, Any]]) -> None:
        self._importer = importer
        self._names = [sheet["name"] for sheet in sheets]
        self._columns = [
            {column: name for column, name in enumerate(sheet["columns"]) if name != IGNORED}
            for sheet in sheets
        ]
        self._synonyms = meanings(heads_of(importer))

    def kind(self, row: StagedRow) -> str:
        """Return whether a row is ``data``, ``blank``, ``totals`` or the ``head`` once more."""
        if row.texts is not None:
            return "data"
        filled = set(row.filled)
        cells = [Cell(text, False, column in filled) for column, text in enumerate(row.cells)]
        named = {
            name: cells[column] for column, name in self._columns[row.sheet].items() if column < len(cells)
        }
        return kind_of_row(cells, named, self._synonyms, self._importer.filled_down)

    def row(self, staged: StagedRow) -> ImportRow:
        """Return a row with its texts by field; nothing is parsed."""
        columns = self._columns[staged.sheet]
        texts = staged.texts
        if texts is None:
            width = len(staged.cells)
            texts = {name: staged.cells[column] for column, name in columns.items() if column < width}
            inexact = frozenset(columns[column] for column in staged.inexact if column in columns)
        else:
            inexact = frozenset()
        return ImportRow(self._names[staged.sheet], staged.number, dict(texts), inexact)

    def judged(self, staged: StagedRow) -> ImportRow:
        """Return a row with the values and errors of its verdict."""
        row = self.row(staged)
        row.values = staged.values
        row.errors = [RowError(column, code, Wording.read(reason)) for column, code, reason in staged.errors]
        return row
