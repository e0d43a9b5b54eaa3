"""The workbooks of an import: the empty template, and the rows that could not be taken."""

from __future__ import annotations

import io
from collections.abc import Sequence

import xlsxwriter
from flask_babel import gettext as _

from core.languages import listed
from core.machinery.exchange.services import ShownRow
from core.machinery.exchange.writing import write_workbook
from core.plugin_system.declarations import ImportDeclaration

_LIST_ROWS = 2_000
"""Rows of the template that offer the words of a list."""


def template_workbook(declaration: ImportDeclaration) -> bytes:
    """Return a workbook with the heads of an import; required columns carry a star, the second sheet explains all."""
    stream = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(stream, options) as book:
        text = book.add_format({"num_format": "@"})
        head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF1F4"})
        needed = book.add_format({"bold": True, "bottom": 1, "bg_color": "#DCE6F1"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        sheet = book.add_worksheet(_("Rows"))
        guide = book.add_worksheet(_("How to fill it in"))
        for column, name in enumerate((_("Column"), _("Required"), _("Example"), _("Notes"))):
            guide.write_string(0, column, name, head)
        guide.set_column(0, 2, 20)
        guide.set_column(3, 3, 70, wrapped)
        for column, each in enumerate(declaration.importer.fields):
            label = str(each.label)
            sheet.set_column(column, column, min(max(len(label) * 2 + 4, 12), 36), text)
            sheet.write_string(
                0, column, f"{label}*" if each.required else label, needed if each.required else head
            )
            if each.choices:
                words = [str(word) for word in each.choices]
                if sum(len(word) + 1 for word in words) <= 255:
                    sheet.data_validation(
                        1, column, _LIST_ROWS, column,
                        {"validate": "list", "source": words, "error_type": "warning"},
                    )  # fmt: skip
            row = column + 1
            guide.write_string(row, 0, label, wrapped)
            guide.write_string(row, 1, _("yes") if each.required else "", wrapped)
            guide.write_string(row, 2, str(each.example), wrapped)
            notes = [str(each.help)] if each.help else []
            if each.choices:
                notes.append(_("One of: %(words)s", words=listed(str(word) for word in each.choices)))
            guide.write_string(row, 3, "\n".join(notes), wrapped)
        sheet.freeze_panes(1, 0)
        guide.freeze_panes(1, 0)
    return stream.getvalue()


def bad_rows_workbook(
    declaration: ImportDeclaration, columns: Sequence[str], rows: Sequence[ShownRow]
) -> bytes:
    """Return the rows with errors, with sheet, row and reason before the columns of the file.

    Args:
        declaration: The import.
        columns: The fields that the file has.
        rows: The rows.
    """
    labels = {each.name: str(each.label) for each in declaration.importer.fields}
    heads = [_("Sheet"), _("Row"), _("Reason"), *(labels[name] for name in columns)]
    lines = [
        [
            row.sheet,
            str(row.number),
            "\n".join(
                f"{labels[error.column]}：{error.reason}" if error.column in labels else str(error.reason)
                for error in row.errors
            ),
            *(row.texts.get(name, "") for name in columns),
        ]
        for row in rows
    ]
    return write_workbook(_("Rows with errors"), heads, lines)
