"""Taking back what was written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from flask_babel import gettext as _

from core.database.types import Wording, utc_now
from core.extensions import db
from core.languages import worded
from core.machinery.exchange import staging
from core.machinery.exchange.importer import Importer, ImportRefused, Outcome
from core.machinery.exchange.models import ImportBatch, ImportState
from core.machinery.exchange.services.finding import chunk_numbers, chunk_of, place_of
from core.machinery.exchange.staging import pack, unpack

UNDO_WITHIN = dt.timedelta(days=30)
"""How long an import can be taken back; then its rows and the values before are removed."""


def why_not_undo(batch: ImportBatch) -> str | None:
    """Return why an import cannot be taken back any more, or None."""
    if batch.state not in (ImportState.WRITTEN, ImportState.UNDOING):
        return _("Only an import that was written can be taken back.")
    if batch.expires_at < utc_now():
        return _("An import can be taken back within %(days)s days.", days=UNDO_WITHIN.days)
    return None


def begin_undo(batch: ImportBatch) -> None:
    """Begin to take an import back.

    Raises:
        ImportRefused: It was not written, or too long ago.
    """
    reason = why_not_undo(batch)
    if reason is not None:
        raise ImportRefused(reason)
    batch.state = ImportState.UNDOING
    db.session.flush()


def undo_chunk(batch: ImportBatch, importer: Importer, number: int) -> None:
    """Take back what was written for the rows of one chunk; chunks are taken back from the last to the first."""
    chunk = chunk_of(batch, number, locked=True)
    if chunk.undone or chunk.outcome is None:
        return
    kept = unpack(chunk.outcome)
    positions = [position for position, each in enumerate(kept) if each is not None]
    answers = importer.undo(place_of(batch), [Outcome(*kept[position]) for position in positions])
    for position, answer in zip(positions, answers, strict=True):
        kept[position] = [*kept[position][:4], Wording.write(worded(answer))]
    chunk.outcome = pack(kept)
    chunk.undone = True
    db.session.flush()


def finish_undo(batch: ImportBatch) -> tuple[int, int]:
    """End taking an import back.

    Returns:
        How many rows were taken back, and how many stay.
    """
    undone = kept = 0
    for _position, _outcome, reason in undo_answers(batch):
        undone, kept = (undone, kept + 1) if reason else (undone + 1, kept)
    batch.state = ImportState.UNDONE
    batch.result = {**batch.result, "undone": undone, "kept": kept}
    db.session.flush()
    return undone, kept


def undo_all(batch: ImportBatch, importer: Importer) -> tuple[int, int]:
    """Take an import back in the caller's transaction.

    Raises:
        ImportRefused: It was not written, or too long ago.
    """
    begin_undo(batch)
    for number in reversed(chunk_numbers(batch)):
        undo_chunk(batch, importer, number)
    return finish_undo(batch)


def undo_answers(batch: ImportBatch) -> Iterator[tuple[int, Outcome, str | Wording]]:
    """Yield place, outcome and answer of each row that was to be taken back; an empty answer says that it was."""
    for number in chunk_numbers(batch):
        chunk = chunk_of(batch, number)
        if not chunk.undone or chunk.outcome is None:
            continue
        for position, each in enumerate(unpack(chunk.outcome)):
            if each is not None and len(each) > 4:
                yield number * staging.CHUNK_ROWS + position, Outcome(*each[:4]), Wording.read(each[4])
