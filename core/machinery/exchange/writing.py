"""Writing small workbooks, for example the rows of a file that could not be taken."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import xlsxwriter


def write_workbook(sheet_name: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return an .xlsx file with one sheet; every value is text, so that nothing is taken for a formula or a number.

    Args:
        sheet_name: Name of the sheet, at most 31 characters.
        heads: The first row.
        rows: The others.
    """
    stream = io.BytesIO()
    workbook = xlsxwriter.Workbook(
        stream, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    sheet = workbook.add_worksheet(sheet_name[:31])
    bold = workbook.add_format({"bold": True, "bottom": 1})
    text = workbook.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    for column, head in enumerate(heads):
        sheet.write_string(0, column, head, bold)
    widths = [len(head) * 2 for head in heads]
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            sheet.write_string(number, column, value, text)
            widths[column] = min(max(widths[column], len(value) * 2), 60)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width + 2)
    sheet.freeze_panes(1, 0)
    workbook.close()
    return stream.getvalue()
