"""Finding the table in a sheet: its heads over one or two rows by their synonyms, its rows, and what is no row."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.machinery.exchange.workbooks import Cell, Sheet

IGNORED = "ignored"
"""Field of a column that nobody asked for."""
HEAD_DEPTH = 30
"""The heads stand within these first rows."""
_TOTALS = re.compile(
    r"(本页|本表|本栋)?(合计|总计|小计|共计|累计|total|subtotal|sum)[:：]?|导出人：.*|Exportedby.*",
    re.IGNORECASE,
)
"""What the first cell of a row reads that is none: totals, and the last line of our own exports."""


def plain_head(text: str) -> str:
    """Return a head as it is compared: without spaces, units in brackets, marks and difference of width or case."""
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).lower()
    return re.sub(r"[(\[【].*?[)\]】]|[*:：※]", "", text)


@dataclass(frozen=True)
class TableRow:
    """A row below the heads.

    Attributes:
        number: Number of the row in the workbook, from 1.
        cells: Cells by field; fields without a column are missing.
        kind: ``data``, ``blank``, ``totals`` or ``head`` (the heads once more, as on printed pages).
    """

    number: int
    cells: Mapping[str, Cell]
    kind: str

    def text(self, name: str) -> str:
        """Return the text of a field, "" where there is none."""
        cell = self.cells.get(name)
        return cell.text if cell is not None else ""


@dataclass(frozen=True)
class Table:
    """The table of a sheet.

    Attributes:
        sheet: Name of the sheet.
        columns: Field of each column, ``ignored`` where it is none.
        heads: The text above each column.
        head_rows: Numbers of the rows that the heads cover.
        rows: What stands below.
    """

    sheet: str
    columns: tuple[str, ...]
    heads: tuple[str, ...]
    head_rows: tuple[int, ...]
    rows: tuple[TableRow, ...]


@dataclass(frozen=True)
class Heads:
    """The heads of a table.

    Attributes:
        columns: Field of each column, ``ignored`` where it is none.
        texts: The text above each column.
        rows: Numbers of the rows that the heads cover, from 1.
    """

    columns: tuple[str, ...]
    texts: tuple[str, ...]
    rows: tuple[int, ...]


def meanings(synonyms: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the field that each plain head means."""
    return {plain_head(word): name for name, words in synonyms.items() for word in words}


def find_heads(
    rows: Sequence[list[Cell]], meaning: Mapping[str, str], needed: Sequence[Sequence[str]]
) -> Heads | None:
    """Return the heads of a table, or None where no row has those that are needed.

    Args:
        rows: The first rows of a sheet.
        meaning: The field that each plain head means, from :func:`meanings`.
        needed: Sets of fields; the heads must hold all fields of one of them.
    """
    best: tuple[tuple[int, int], list[int], dict[int, str]] | None = None
    for top in range(min(HEAD_DEPTH, len(rows))):
        for depth in (1, 2):
            numbers = list(range(top, min(top + depth, len(rows))))
            if len(numbers) < depth:
                continue
            found = _fields_of([rows[number] for number in numbers], meaning)
            fields = set(found.values())
            if not any(fields >= set(wanted) for wanted in needed):
                continue
            score = (len(fields), -depth)
            if best is None or score > best[0]:
                best = (score, numbers, found)
    if best is None:
        return None
    _score, numbers, found = best
    return heads_at(rows, numbers, found)


def heads_at(rows: Sequence[list[Cell]], numbers: Sequence[int], found: Mapping[int, str]) -> Heads:
    """Return the heads that stand in some rows.

    Args:
        rows: The first rows of a sheet.
        numbers: Which of them hold the heads, from 0.
        found: Field by column.
    """
    width = max((len(row) for row in rows), default=0)
    first = _first_head_row(rows, numbers[0])
    return Heads(
        tuple(found.get(column, IGNORED) for column in range(width)),
        tuple(_head(rows, numbers, column) for column in range(width)),
        tuple(number + 1 for number in range(first, numbers[-1] + 1)),
    )


def likely_heads(rows: Sequence[list[Cell]]) -> Heads | None:
    """Return the row that looks most like heads, for a table of which no head is known; None for an empty sheet."""
    best: tuple[int, int] | None = None
    for number, row in enumerate(rows[:HEAD_DEPTH]):
        texts = {cell.text for cell in row if cell.text and not cell.is_filled}
        if len(texts) >= 2 and (best is None or len(texts) > best[0]):
            best = (len(texts), number)
    return heads_at(rows, [best[1]], {}) if best is not None else None


def find_table(
    sheet: Sheet,
    synonyms: Mapping[str, Sequence[str]],
    needed: Sequence[Sequence[str]],
    filled_down: Sequence[str] = (),
) -> Table | None:
    """Return the table of a sheet, or None when it has none.

    Args:
        sheet: The sheet.
        synonyms: For each field the heads that mean it.
        needed: Sets of fields; the heads must hold all fields of one of them.
        filled_down: Fields whose merged cells cover several rows, so that they do not tell whether a row is filled in.
    """
    meaning = meanings(synonyms)
    heads = find_heads(sheet.rows, meaning, needed)
    if heads is None:
        return None
    columns = {column: name for column, name in enumerate(heads.columns) if name != IGNORED}
    rows = []
    for index in range(heads.rows[-1], len(sheet.rows)):
        row = sheet.rows[index]
        cells = {name: row[column] for column, name in columns.items() if column < len(row)}
        rows.append(TableRow(index + 1, cells, kind_of_row(row, cells, meaning, filled_down)))
    return Table(sheet.name, heads.columns, heads.texts, heads.rows, tuple(rows))


def _fields_of(rows: Sequence[list[Cell]], meaning: Mapping[str, str]) -> dict[int, str]:
    found: dict[int, str] = {}
    taken: set[str] = set()
    for column in range(max(len(row) for row in rows)):
        for row in reversed(rows):
            name = meaning.get(plain_head(row[column].text)) if column < len(row) else None
            if name is not None and name not in taken:
                found[column] = name
                taken.add(name)
                break
    return found


def _first_head_row(rows: Sequence[list[Cell]], row: int) -> int:
    """Return the first row of the heads: the row above belongs to them when a head reaches down from it."""
    while row > 0 and any(
        cell.is_filled and column < len(rows[row - 1]) and cell.text == rows[row - 1][column].text != ""
        for column, cell in enumerate(rows[row])
    ):
        row -= 1
    return row


def _head(rows: Sequence[list[Cell]], numbers: Sequence[int], column: int) -> str:
    for number in reversed(numbers):
        row = rows[number]
        if column < len(row) and row[column].text:
            return row[column].text
    return ""


def kind_of_row(
    row: Sequence[Cell], cells: Mapping[str, Cell], meaning: Mapping[str, str], filled_down: Sequence[str]
) -> str:
    """Return whether a row below the heads is ``data``, ``blank``, ``totals`` or the ``head`` once more.

    Args:
        row: All its cells.
        cells: Its cells by field.
        meaning: The field that each plain head means.
        filled_down: Fields whose merged cells cover several rows.
    """
    first = next((cell.text for cell in row if cell.text and not cell.is_filled), "")
    if _TOTALS.fullmatch(re.sub(r"\s", "", first)):
        return "totals"
    own = [cell for name, cell in cells.items() if name not in filled_down and cell.text]
    if not own and not any(cell.text and not cell.is_filled for cell in cells.values()):
        return "blank"
    if len(own) > 1 and all(
        meaning.get(plain_head(cell.text)) == name for name, cell in cells.items() if cell.text
    ):
        return "head"
    return "data"
