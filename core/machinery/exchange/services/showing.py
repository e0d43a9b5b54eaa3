"""The rows with their verdicts, as the pages and files show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from core.extensions import db
from core.machinery.exchange import staging
from core.machinery.exchange.importer import Importer, ImportPlace, RowError
from core.machinery.exchange.models import ImportBatch, ImportChunk
from core.machinery.exchange.services.finding import effective, place_of, summaries
from core.machinery.exchange.staging import KIND_OF, LETTERS, Meaning, StagedRow, unpack_content


@dataclass(frozen=True)
class ShownRow:
    """A row with its verdict, as the page shows it.

    Attributes:
        position: Place in the import, from 0.
        sheet: Name of the sheet.
        number: Number of the row in it.
        kind: ``new``, ``changed``, ``unchanged``, ``error`` or ``ignored``.
        texts: Texts by field.
        errors: Why not.
        diff: Field, value before, value after.
        record_id: The record that is known, or None.
    """

    position: int
    sheet: str
    number: int
    kind: str
    texts: Mapping[str, str]
    errors: tuple[RowError, ...]
    diff: tuple[tuple[str, str, str], ...]
    record_id: int | None


def rows_of(
    batch: ImportBatch, importer: Importer, kinds: Sequence[str], start: int = 0, limit: int | None = None
) -> Iterator[ShownRow]:
    """Yield the rows with some verdicts in their order.

    Args:
        batch: The import, judged.
        importer: Its importer.
        kinds: The verdicts.
        start: How many of them are passed over.
        limit: How many are returned at the most; all when left out.
    """
    wanted = {LETTERS[kind] for kind in kinds}
    meaning, place = Meaning(importer, batch.sheets), place_of(batch)
    left = limit
    for chunk in summaries(batch):
        positions = [position for position, letter in enumerate(effective(chunk)) if letter in wanted]
        if start >= len(positions):
            start -= len(positions)
            continue
        chosen = positions[start : None if left is None else start + left]
        start = 0
        text = _chunk_content(chunk)
        if text is None:
            return
        rows = unpack_content(text).rows
        for position in chosen:
            yield _shown(chunk, position, rows[position], meaning, importer, place)
        if left is not None:
            left -= len(chosen)
            if left <= 0:
                return


def _chunk_content(chunk: ImportChunk) -> str | None:
    return db.session.scalar(sa.select(ImportChunk.content).where(ImportChunk.id == chunk.id))


def _shown(
    chunk: ImportChunk,
    position: int,
    staged: StagedRow,
    meaning: Meaning,
    importer: Importer,
    place: ImportPlace,
) -> ShownRow:
    row = meaning.judged(staged)
    kind = KIND_OF[effective(chunk)[position]]
    errors = list(row.errors)
    double = chunk.doubles.get(str(position))
    if double is not None:
        # Beside what is wrong with the cells, before what the database says.
        cells = sum(1 for error in errors if error.code not in importer.late_codes)
        errors.insert(cells, importer.duplicate_error(place, row, *double))
    return ShownRow(
        chunk.number * staging.CHUNK_ROWS + position,
        row.sheet,
        row.number,
        kind,
        row.texts,
        tuple(errors),
        tuple((name, before, after) for name, before, after in staged.diff),
        staged.record_id,
    )


def row_at(batch: ImportBatch, importer: Importer, position: int) -> ShownRow | None:
    """Return the row at a place of the import, or None."""
    number, offset = divmod(position, staging.CHUNK_ROWS)
    chunk = db.session.scalars(
        sa.select(ImportChunk).where(ImportChunk.batch_id == batch.id, ImportChunk.number == number)
    ).one_or_none()
    if chunk is None or chunk.content is None or offset >= chunk.rows or offset >= len(chunk.verdicts):
        return None
    rows = unpack_content(chunk.content).rows
    return _shown(chunk, offset, rows[offset], Meaning(importer, batch.sheets), importer, place_of(batch))
