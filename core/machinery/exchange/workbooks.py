"""Reading workbooks as people keep them: .xlsx, .xls and .csv, merged cells filled, numbers as their text."""

from __future__ import annotations

import csv
import datetime as dt
import io
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
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
EXACT_DIGITS = 15
"""Excel keeps this many digits of a number; a longer one has lost its end."""


class WorkbookUnreadable(ValueError):
    """A file cannot be read as a workbook; the message is a full sentence for the user."""


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Sheet:
    """A sheet; row 1 of the workbook is ``rows[0]``."""

    name: str
    rows: list[list[Cell]] = field(default_factory=list)


def read_workbook(content: bytes, file_name: str) -> list[Sheet]:
    """Return the sheets of a workbook in their order.

    Args:
        content: The file; at most 10 MB.
        file_name: Its name; the ending does not decide, it stands in the messages.

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
        return _read_excel(content, file_name)
    return [_read_csv(content, file_name)]


def _read_excel(content: bytes, file_name: str) -> list[Sheet]:
    if content.startswith(b"PK"):
        _check_archive(content, file_name)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = []
        total = 0
        for name in workbook.sheet_names[:MAX_SHEETS]:
            sheet = workbook.get_sheet_by_name(name)
            if sheet.total_height > MAX_ROWS or sheet.total_width > 16_384:
                raise _too_many(file_name)
            values = sheet.to_python(skip_empty_area=False, nrows=MAX_ROWS + 1)
            total += len(values)
            if total > MAX_ROWS:
                raise _too_many(file_name)
            rows = [[_cell(value) for value in row[:MAX_COLUMNS]] for row in values]
            _fill_merged(rows, sheet.merged_cell_ranges or ())
            sheets.append(Sheet(name, rows))
        return sheets
    except WorkbookUnreadable:
        raise
    except (KeyboardInterrupt, SystemExit):
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


def _check_archive(content: bytes, file_name: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise WorkbookUnreadable(
            _("“%(name)s” is damaged. Save it again in Excel and choose it once more.", name=file_name)
        ) from error
    if unpacked > MAX_UNPACKED:
        raise _too_many(file_name)


def _too_many(file_name: str) -> WorkbookUnreadable:
    return WorkbookUnreadable(
        _(
            "“%(name)s” has more than %(count)s rows. Split it, for example by building.",
            name=file_name,
            count=f"{MAX_ROWS:,}",
        )
    )


def _read_csv(content: bytes, file_name: str) -> Sheet:
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
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [[_cell(value) for value in line[:MAX_COLUMNS]] for line in _limited(lines, file_name)]
    except csv.Error as error:
        raise WorkbookUnreadable(_no_workbook(file_name)) from error
    return Sheet("CSV", rows)


def _limited(lines: Iterable[list[str]], file_name: str) -> Iterable[list[str]]:
    for number, line in enumerate(lines):
        if number >= MAX_ROWS:
            raise _too_many(file_name)
        yield line


def _no_workbook(file_name: str) -> str:
    return _(
        "“%(name)s” is neither an Excel file nor a CSV file. Choose a file that ends in .xlsx, .xls or .csv.",
        name=file_name,
    )


def _cell(value: Any) -> Cell:
    if value is None or value == "":
        return Cell()
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
    kept = "".join(
        character
        for character in text
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
    )
    return kept.strip(" \t\r\n\u3000\xa0")


def _fill_merged(rows: list[list[Cell]], ranges: Sequence[Any]) -> None:
    for (top, left), (bottom, right) in ranges:
        if top >= len(rows) or left >= len(rows[top]):
            continue
        origin = rows[top][left]
        filled = Cell(origin.text, origin.is_inexact, is_filled=True)
        for row in rows[top : bottom + 1]:
            for column in range(left, min(right + 1, len(row))):
                if row is not rows[top] or column != left:
                    row[column] = filled
