"""Trying an import in a test, without pages and without a file on the disk."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from core.machinery.exchange import services
from core.machinery.exchange.models import ImportBatch
from core.machinery.exchange.services import ShownRow
from core.plugin_system.runtime import current_runtime


class TriedImport:
    """An import of some rows in the acting scope, judged and not written.

    Attributes:
        rows: The rows with their verdicts in the order of the file.
    """

    def __init__(self, batch: ImportBatch, importer: Any) -> None:
        """Made by :func:`try_import`."""
        self._batch, self._importer = batch, importer
        kinds = ("new", "changed", "unchanged", "error")
        self.rows: list[ShownRow] = list(services.rows_of(batch, importer, kinds))

    @property
    def verdicts(self) -> list[str]:
        """The verdict of each row."""
        return [row.kind for row in self.rows]

    @property
    def errors(self) -> list[list[str]]:
        """The codes of what is wrong with each row."""
        return [[error.code for error in row.errors] for row in self.rows]

    def write(self) -> list[int]:
        """Write the good rows and return the keys of the records, in the order of the file."""
        services.write_all(self._batch, self._importer, all_or_nothing=False)
        return [key for _kind, key in services.written_records(self._batch)[0]]

    def left_out(self) -> list[str]:
        """Return why rows were left out when they were written."""
        rows = services.rows_of(self._batch, self._importer, ("error",))
        return [str(error.reason) for row in rows for error in row.errors]

    def undo(self) -> tuple[int, int]:
        """Take the import back and return how many rows were taken back and how many stay."""
        return services.undo_all(self._batch, self._importer)


def declared_importer(code: str) -> Any:
    """Return the importer of a declared import.

    Args:
        code: Code of the declaration.
    """
    declaration = current_runtime().declared.import_declaration(code, enabled_only=False)
    if declaration is None:
        raise LookupError(f"Nobody declares the import {code!r}.")
    return declaration.importer


def try_import(
    code: str,
    rows: Sequence[Mapping[str, str]],
    *,
    project: Any = None,
    match: str = "",
    mode: str = "both",
    options: Mapping[str, Any] | None = None,
) -> TriedImport:
    """Judge rows as if they stood in a file that the acting user uploads.

    Args:
        code: Code of the declared import.
        rows: Texts by the names of the fields; all rows have the same ones.
        project: Where they go, for an import that needs a project.
        match: Code of the match key; the first one when left out.
        mode: ``both``, ``create`` or ``change``.
        options: Further choices that the importer declares.
    """
    importer = declared_importer(code)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    batch, _read = services.start_import(
        code,
        importer,
        text.getvalue().encode(),
        "rows.csv",
        project=project,
        match=match,
        mode=mode,
        options=options,
    )
    services.check_all(batch, importer)
    return TriedImport(batch, importer)
