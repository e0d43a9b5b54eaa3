"""Reading workbooks as people keep them: .xlsx, .xls and .csv, merged cells filled, numbers as their text."""

from __future__ import annotations

import csv
import datetime as dt
import io
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from python_calamine import CalamineWorkbook

MAX_BYTES = 10 * 1024 * 1024
MAX_UNPACKED = 200 * 1024 * 1024
MAX_SHEETS = 60
MAX_ROWS = 20_000
"""Rows of all sheets together."""
MAX_COLUMNS = 100
_OTHER_FILES = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"7z\xbc\xaf")
"""How files begin that are chosen by mistake: PDF, pictures, archives."""
_PIECE = 1024 * 1024
EXACT_DIGITS = 15
"""Excel keeps this many digits of a number; a longer one has lost its end."""


class WorkbookUnreadable(ValueError):
    """A file cannot be read as a workbook; the message is a full sentence for the user."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell.

    Attributes:
        text: The value as text, without spaces around it; whole numbers without a decimal point.
        is_inexact: Whether it is a number with more digits than Excel keeps, so that the last ones are lost.
        is_filled: Whether the text comes from the merged cell that covers this one.
    """

    text: str = ""
    is_inexact: bool = False
    is_filled: bool = False


_EMPTY = Cell()


@dataclass(frozen=True)
class Sheet:
    """A sheet; row 1 of the workbook is ``rows[0]``."""

    name: str
    rows: list[list[Cell]] = field(default_factory=list)


@dataclass(frozen=True)
class SheetStream:
    """A sheet whose rows are read one after the other; row 1 of the workbook comes first."""

    name: str
    rows: Iterator[list[Cell]]


def read_workbook(content: bytes, file_name: str) -> list[Sheet]:
    """Return the sheets of a workbook in their order.

    Args:
        content: The file; at most 10 MB.
        file_name: Its name; the ending does not decide, it stands in the messages.

    Raises:
        WorkbookUnreadable: It is too large, damaged, protected by a password, or no workbook.
    """
    return [Sheet(sheet.name, list(sheet.rows)) for sheet in stream_workbook(content, file_name)]


def stream_workbook(content: bytes, file_name: str, most_rows: int = MAX_ROWS) -> Iterator[SheetStream]:
    """Yield the sheets of a workbook; each must be read before the next one is asked for.

    Args:
        content: The file; at most 10 MB.
        file_name: Its name; the ending does not decide, it stands in the messages.
        most_rows: Rows of all sheets together that are allowed.

    Raises:
        WorkbookUnreadable: It is too large, damaged, protected by a password, or no workbook.
    """
    if not content:
        raise WorkbookUnreadable(_("“%(name)s” is empty. Choose the Excel file once more.", name=file_name))
    if len(content) > MAX_BYTES:
        raise WorkbookUnreadable(
            _(
                "“%(name)s” is larger than 10 MB. Remove pictures and sheets that are not needed.",
                name=file_name,
            )
        )
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        yield from _stream_excel(content, file_name, most_rows)
    elif file_name.lower().endswith((".xlsx", ".xlsm")) or _is_web_page(content):
        raise WorkbookUnreadable(_no_excel(file_name))
    elif content.startswith(_OTHER_FILES):
        raise WorkbookUnreadable(_no_workbook(file_name))
    else:
        yield _stream_csv(content, file_name, most_rows)


def _is_web_page(content: bytes) -> bool:
    """Return whether it is a page of HTML or XML, which some programs write and call .xls."""
    start = content[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<html", b"<!doctype", b"<?xml", b"<table"))


def _stream_excel(content: bytes, file_name: str, most_rows: int) -> Iterator[SheetStream]:
    if content.startswith(b"PK"):
        _check_archive(content, file_name, most_rows)
    with _reading(file_name):
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = workbook.sheet_names[:MAX_SHEETS]
    total = 0
    for name in names:
        with _reading(file_name):
            sheet = workbook.get_sheet_by_name(name)
            if sheet.total_width > 16_384:
                raise _too_many(file_name, most_rows)
            total += sheet.end[0] + 1 if sheet.end else 0
            if total > most_rows:
                raise _too_many(file_name, most_rows)
        yield SheetStream(name, _rows_of(sheet, file_name))


def _rows_of(sheet: Any, file_name: str) -> Iterator[list[Cell]]:
    with _reading(file_name):
        top, left = sheet.start or (0, 0)
        merged = _Merged(sheet.merged_cell_ranges or ())
        margin: list[Cell] = [_EMPTY] * min(left, MAX_COLUMNS)
        width = MAX_COLUMNS - len(margin)
        for number in range(top):
            yield merged.fill(number, list(margin))
        for number, values in enumerate(sheet.iter_rows(), start=top):
            yield merged.fill(number, [*margin, *[_cell(value) for value in values[:width]]])


class _Merged:
    """Writes the text of a merged cell into the cells that it covers."""

    def __init__(self, ranges: Sequence[Any]) -> None:
        self._starting: dict[int, list[Any]] = {}
        for (top, left), (bottom, right) in ranges:
            self._starting.setdefault(top, []).append((left, bottom, right))
        self._open: list[tuple[int, int, int, Cell]] = []

    def fill(self, number: int, row: list[Cell]) -> list[Cell]:
        """Return the row with the given number, counted from 0."""
        for left, _bottom, right, filled in self._open:
            for column in range(left, min(right + 1, len(row))):
                row[column] = filled
        for left, bottom, right in self._starting.pop(number, ()):
            if left >= len(row):
                continue
            filled = Cell(row[left].text, row[left].is_inexact, is_filled=True)
            for column in range(left + 1, min(right + 1, len(row))):
                row[column] = filled
            self._open.append((left, bottom, right, filled))
        if self._open:
            self._open = [each for each in self._open if each[1] > number]
        return row


@contextmanager
def _reading(file_name: str) -> Iterator[None]:
    try:
        yield
    except (WorkbookUnreadable, GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    # The reader raises many kinds of errors, and its panics derive from BaseException.
    except BaseException as error:
        raise WorkbookUnreadable(
            _(
                "“%(name)s” cannot be read. It may be damaged or protected by a password. Open it in Excel, save it as "
                ".xlsx without a password, and choose that file.",
                name=file_name,
            )
        ) from error


def _check_archive(content: bytes, file_name: str, most_rows: int) -> None:
    """Refuse an archive that unpacks to too much; the sizes that it states are not believed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if not any(name.startswith("xl/") for name in names) and "mimetype" not in names:
                raise WorkbookUnreadable(_no_excel(file_name))
            left = MAX_UNPACKED
            if sum(entry.file_size for entry in archive.infolist()) > left:
                raise _too_many(file_name, most_rows)
            for entry in archive.infolist():
                with archive.open(entry) as stream:
                    while piece := stream.read(_PIECE):
                        left -= len(piece)
                        if left < 0:
                            raise _too_many(file_name, most_rows)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise WorkbookUnreadable(
            _("“%(name)s” is damaged. Save it again in Excel and choose it once more.", name=file_name)
        ) from error


def _too_many(file_name: str, most_rows: int) -> WorkbookUnreadable:
    return WorkbookUnreadable(
        _(
            "“%(name)s” has more than %(count)s rows. Split it, for example by building.",
            name=file_name,
            count=f"{most_rows:,}",
        )
    )


def _stream_csv(content: bytes, file_name: str, most_rows: int) -> SheetStream:
    for encoding in ("utf-8-sig", "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise WorkbookUnreadable(_no_workbook(file_name))
    if "\x00" in text:
        raise WorkbookUnreadable(_no_workbook(file_name))
    first = text.split("\n", 1)[0]
    delimiter = max((",", ";", "\t"), key=first.count)
    return SheetStream("CSV", _rows_of_csv(text, delimiter, file_name, most_rows))


def _rows_of_csv(text: str, delimiter: str, file_name: str, most_rows: int) -> Iterator[list[Cell]]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for number, line in enumerate(lines):
            if number >= most_rows:
                raise _too_many(file_name, most_rows)
            yield [_cell(value) for value in line[:MAX_COLUMNS]]
    except csv.Error as error:
        raise WorkbookUnreadable(_no_workbook(file_name)) from error


def _no_excel(file_name: str) -> str:
    return _(
        "“%(name)s” is no Excel workbook, whatever its name says. Open it in the program that made it, save it as an "
        "Excel workbook (.xlsx) or as CSV, and choose that file.",
        name=file_name,
    )


def _no_workbook(file_name: str) -> str:
    return _(
        "“%(name)s” is neither an Excel file nor a CSV file. Choose a file that ends in .xlsx, .xls or .csv.",
        name=file_name,
    )


def _cell(value: Any) -> Cell:
    if value is None or value == "":
        return _EMPTY
    if isinstance(value, bool):
        return Cell(str(value).upper())
    if isinstance(value, (int, float)):
        if isinstance(value, float) and not value.is_integer():
            return Cell(repr(value))
        text = str(int(value))
        return Cell(text, is_inexact=len(text.lstrip("-")) > EXACT_DIGITS)
    if isinstance(value, dt.datetime):
        return Cell((value.date() if value.time() == dt.time() else value).isoformat())
    if isinstance(value, (dt.date, dt.time)):
        return Cell(value.isoformat())
    return Cell(clean(str(value)))


def clean(text: str) -> str:
    """Return a text without control characters and without spaces around it, also the wide ones of Chinese."""
    if text.isprintable():
        return text.strip(" ")
    kept = "".join(
        character
        for character in text
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
    )
    return kept.strip(" \t\r\n\u3000\xa0")
