"""Reading a file, and which column means what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from core.database.scope import require_scope
from core.database.types import utc_now
from core.extensions import db
from core.languages import listed
from core.machinery.exchange.importer import MODES, Importer, ImportRefused
from core.machinery.exchange.models import ImportBatch, ImportChunk, ImportMapping, ImportState
from core.machinery.exchange.staging import ReadFile, covers, read_file, signature, without_doubles
from core.machinery.exchange.tables import IGNORED as NO_FIELD
from core.machinery.exchange.tables import plain_head

EXPIRES_AFTER = dt.timedelta(hours=24)
"""How long rows wait for their confirmation."""


def start_import(
    kind: str,
    importer: Importer,
    content: bytes,
    file_name: str,
    *,
    project: Any = None,
    match: str = "",
    mode: str = "both",
    options: Mapping[str, Any] | None = None,
) -> tuple[ImportBatch, ReadFile]:
    """Read a file and keep its rows until they are confirmed; nothing else is written.

    Args:
        kind: Code of the declaration.
        importer: Its importer.
        content: The file.
        file_name: Its name.
        project: Where the rows go, loaded in the acting scope, for an importer that needs a project.
        match: Code of the match key.
        mode: ``both``, ``create`` or ``change``.
        options: Further choices that the importer declares.

    Returns:
        The import, and what was read with samples for the choice of columns.

    Raises:
        WorkbookUnreadable: It is no workbook that can be read.
        ImportRefused: It has no table, nobody is signed in, or the project is missing.
    """
    scope = require_scope()
    if scope.user_id is None or scope.department_id is None:
        raise ImportRefused(_("An import belongs to somebody who is signed in."))
    if importer.project is not None and project is None:
        raise ImportRefused(_("Choose the project into which the rows go."))
    if mode not in MODES or mode not in importer.modes:
        raise ImportRefused(_("Choose whether rows are added, changed, or both."))
    read = read_file(content, file_name, importer, lambda heads: recall_columns(kind, heads))
    key = importer.match_key(match)
    batch = ImportBatch(
        kind=kind,
        user_id=scope.user_id,
        department_id=scope.department_id,
        project_id=project.id if project is not None else None,
        file_name=file_name[:255],
        match=key.code if key else "",
        mode=mode,
        options=dict(options or {}),
        sheets=[sheet.as_json() for sheet in read.sheets],
        skipped=read.skipped,
        total=read.total,
        blank=read.blank,
        expires_at=utc_now() + EXPIRES_AFTER,
    )
    db.session.add(batch)
    db.session.flush()
    for number, (rows, packed) in enumerate(read.chunks):
        db.session.add(
            ImportChunk(
                batch_id=batch.id,
                department_id=batch.department_id,
                number=number,
                rows=rows,
                content=packed,
            )
        )
    db.session.flush()
    return batch, read


def recall_columns(kind: str, heads: Sequence[str]) -> Mapping[str, str] | None:
    """Return the fields of columns that were confirmed for a file with these heads: by the user himself, else lately by
    somebody of his department; None when nobody did."""
    scope = require_scope()
    known = db.session.scalars(
        sa.select(ImportMapping)
        .where(
            ImportMapping.department_id == scope.department_id,
            ImportMapping.kind == kind,
            ImportMapping.signature == signature(heads),
        )
        .order_by(sa.desc(ImportMapping.user_id == scope.user_id), ImportMapping.updated_at.desc())
        .limit(1)
    ).first()
    return dict(known.columns) if known is not None else None


def set_columns(batch: ImportBatch, importer: Importer, columns: Sequence[Sequence[str]]) -> None:
    """Confirm which column means what, and remember it for files with the same heads.

    Args:
        batch: The import.
        importer: Its importer.
        columns: For each sheet the field of each column, "" or ``ignored`` for none.

    Raises:
        ImportRefused: A needed column is missing, or the import went on already.
    """
    if batch.state not in (ImportState.READ, ImportState.CHECKED):
        raise ImportRefused(_("The columns of this import cannot be changed any more."))
    names = {each.name for each in importer.fields}
    sheets = []
    for sheet, chosen in zip(batch.sheets, columns, strict=True):
        fields = [name if name in names else NO_FIELD for name in chosen]
        fields = without_doubles((fields + [NO_FIELD] * len(sheet["heads"]))[: len(sheet["heads"])])
        if not covers(fields, importer):
            raise ImportRefused(_missing_columns(sheet["name"], importer))
        sheets.append({**sheet, "columns": fields})
    batch.sheets = sheets
    batch.state = ImportState.READ
    for sheet in sheets:
        _remember(batch, sheet)
    db.session.flush()


def _missing_columns(sheet: str, importer: Importer) -> str:
    sets = [
        listed(str(field.label) for name in wanted if (field := importer.field(name)) is not None)
        for wanted in importer.needed_heads()
    ]
    return _(
        "The table “%(sheet)s” needs these columns: %(columns)s. Choose them below.",
        sheet=sheet,
        columns=_(" or ").join(sets),
    )


def _remember(batch: ImportBatch, sheet: Mapping[str, Any]) -> None:
    mark = signature(sheet["heads"])
    known = db.session.scalars(
        sa.select(ImportMapping).where(
            ImportMapping.department_id == batch.department_id,
            ImportMapping.user_id == batch.user_id,
            ImportMapping.kind == batch.kind,
            ImportMapping.signature == mark,
        )
    ).one_or_none()
    columns = {
        plain_head(head): name
        for head, name in zip(sheet["heads"], sheet["columns"], strict=True)
        if head and name != NO_FIELD
    }
    if known is None:
        db.session.add(
            ImportMapping(
                department_id=batch.department_id,
                user_id=batch.user_id,
                kind=batch.kind,
                signature=mark,
                columns=columns,
            )
        )
    elif known.columns != columns:
        known.columns = columns
