"""Writing what was judged, all of it or what is right, and which records that made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.database.types import Wording, utc_now
from core.extensions import db
from core.languages import Text, worded
from core.machinery.exchange.importer import (
    ERROR,
    KINDS,
    Importer,
    ImportRefused,
    ImportRow,
    Outcome,
    RowError,
    Verdict,
)
from core.machinery.exchange.models import ImportBatch, ImportState
from core.machinery.exchange.services.finding import (
    chunk_numbers,
    chunk_of,
    counts_of,
    effective,
    place_of,
    require_rows,
    summaries,
)
from core.machinery.exchange.services.judging import MOST_REMARKS, note_verdict
from core.machinery.exchange.services.reading import EXPIRES_AFTER
from core.machinery.exchange.services.undoing import UNDO_WITHIN, undo_chunk
from core.machinery.exchange.staging import (
    KIND_OF,
    LETTERS,
    Meaning,
    StagedRow,
    pack,
    pack_content,
    unpack,
    unpack_content,
)

ATOMIC_ROWS = 10_000
"""Up to so many rows, all or nothing is one transaction; see docs/decisions."""
MOST_STRETCHES = 5_000
"""A list is narrowed to an import by at most so many stretches of keys that follow each other."""


def begin_write(batch: ImportBatch, *, all_or_nothing: bool) -> None:
    """Confirm an import.

    Args:
        batch: The import, locked.
        all_or_nothing: Whether one row with an error stops everything; otherwise such rows are left out.

    Raises:
        ImportRefused: It has expired, was not judged, or has errors and all rows are wanted.
    """
    if batch.state == ImportState.WRITING:
        return
    if batch.state != ImportState.CHECKED:
        raise ImportRefused(_("This import was confirmed already."))
    require_rows(batch)
    errors = counts_of(batch)[ERROR]
    if errors and all_or_nothing:
        raise ImportRefused(_l("%(count)s rows have errors, so nothing was imported.", count=errors))
    batch.all_or_nothing = all_or_nothing
    batch.state = ImportState.WRITING
    batch.expires_at = utc_now() + UNDO_WITHIN
    db.session.flush()


def write_chunk(batch: ImportBatch, importer: Importer, number: int) -> None:
    """Judge the good rows of a chunk once more, as the database is now, and write them; once.

    Raises:
        ImportRefused: A row became an error meanwhile and all rows are wanted; the caller rolls back.
    """
    chunk = chunk_of(batch, number, locked=True)
    if chunk.written is not None:
        return
    content = unpack_content(chunk.content or "")
    place, meaning = place_of(batch), Meaning(importer, batch.sheets)
    letters = effective(chunk)
    positions = [position for position, letter in enumerate(letters) if KIND_OF[letter] in ("new", "changed")]
    rows = [meaning.judged(content.rows[position]) for position in positions]
    verdicts = importer.judge(place, rows)
    if batch.all_or_nothing:
        _require_all(rows, [next(iter(verdict.errors), None) for verdict in verdicts])
    outcomes = importer.write(place, rows, verdicts) if positions else []
    if batch.all_or_nothing:
        _require_all(rows, outcomes)
    kept: list[Any] = [None] * len(content.rows)
    written = [""] * len(content.rows)
    for position, judged, outcome in zip(positions, verdicts, outcomes, strict=True):
        verdict = Verdict(ERROR, (outcome,)) if isinstance(outcome, RowError) else judged
        if verdict.kind == ERROR:
            note_verdict(content.rows[position], verdict)
            letters = letters[:position] + LETTERS[ERROR] + letters[position + 1 :]
        elif isinstance(outcome, Outcome):
            kept[position] = [outcome.action, outcome.record_id, outcome.version, outcome.before]
            written[position] = f"{LETTERS[outcome.action]}{outcome.record_id}"
    if not batch.all_or_nothing:
        # What was written lies in the records; only rows that were left out are kept, to be corrected and sent again.
        for position, staged in enumerate(content.rows):
            if letters[position] != LETTERS[ERROR]:
                content.rows[position] = StagedRow(staged.sheet, staged.number)
    chunk.content = pack_content(content)
    chunk.verdicts = letters
    chunk.outcome = pack(kept)
    chunk.written = ",".join(written)
    db.session.flush()


def _require_all(rows: Sequence[ImportRow], answers: Sequence[Any]) -> None:
    for row, answer in zip(rows, answers, strict=True):
        if isinstance(answer, RowError):
            raise ImportRefused(
                _l(
                    "Nothing was imported. Sheet %(sheet)s, row %(row)s: %(reason)s",
                    sheet=row.sheet,
                    row=row.number,
                    reason=answer.reason,
                )
            )


def finish_write(batch: ImportBatch) -> Mapping[str, Any]:
    """End an import: count what came of it. The caller logs it.

    Returns:
        ``new``, ``changed``, ``unchanged`` and ``error``: how many rows.
    """
    if batch.state == ImportState.WRITTEN:
        done: Mapping[str, Any] = batch.result
        return done
    result: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    for chunk in summaries(batch):
        letters = effective(chunk)
        for position, text in enumerate((chunk.written or "").split(",")):
            if text:
                result[KIND_OF[text[0]]] += 1
            elif letters[position] in "eu":
                result[KIND_OF[letters[position]]] += 1
            elif letters[position] in "nc":
                # It was judged to be no change when it was written.
                result["unchanged"] += 1
    batch.result = dict(result)
    batch.state = ImportState.WRITTEN
    batch.written_at = utc_now()
    db.session.flush()
    return batch.result


def write_all(batch: ImportBatch, importer: Importer, *, all_or_nothing: bool) -> Mapping[str, Any]:
    """Write an import in the caller's transaction; a second call changes nothing and returns the same."""
    if batch.state == ImportState.WRITTEN:
        done: Mapping[str, Any] = batch.result
        return done
    begin_write(batch, all_or_nothing=all_or_nothing)
    for number in chunk_numbers(batch):
        write_chunk(batch, importer, number)
    return finish_write(batch)


def unwritten_chunks(batch: ImportBatch) -> int:
    """Return how many chunks were not written yet."""
    return sum(1 for chunk in summaries(batch) if chunk.written is None)


def note_refusal(batch: ImportBatch, sentence: Text) -> None:
    """Remember why an import that wants all rows or none is given up; what was written of it is taken back next."""
    batch.result = {**batch.result, "refused": Wording.write(worded(sentence))}
    db.session.flush()


def unwrite_chunk(batch: ImportBatch, importer: Importer, number: int) -> list[str | Wording]:
    """Take back the rows of a chunk of an import that is given up, as if they had never been written.

    Returns:
        Why rows stay, for those that somebody changed in the meantime.
    """
    chunk = chunk_of(batch, number, locked=True)
    if chunk.written is None:
        return []
    undo_chunk(batch, importer, number)
    answers = [
        Wording.read(each[4]) for each in unpack(chunk.outcome or pack([])) if each is not None and each[4]
    ]
    chunk.written = chunk.outcome = None
    chunk.undone = False
    db.session.flush()
    return answers


def abandon_write(batch: ImportBatch) -> None:
    """Lead an import that was given up back to its preview, where the reason stands."""
    batch.state = ImportState.CHECKED
    batch.expires_at = utc_now() + EXPIRES_AFTER
    remarks = [batch.result["refused"], *batch.result.get("remarks", ())]
    batch.result = {"remarks": remarks[:MOST_REMARKS]}
    db.session.flush()


def written_records(
    batch: ImportBatch, start: int = 0, limit: int | None = None
) -> tuple[list[tuple[str, int]], int]:
    """Return exactly the records that an import made and changed.

    Args:
        batch: The import.
        start: How many are passed over.
        limit: How many are returned at the most.

    Returns:
        Pairs of ``new`` or ``changed`` and the key, in the order of the file; and how many there are in all.
    """
    found: list[tuple[str, int]] = []
    seen: set[str] = set()
    for chunk in summaries(batch):
        for text in (chunk.written or "").split(","):
            if text and text[1:] not in seen:
                seen.add(text[1:])
                found.append((KIND_OF[text[0]], int(text[1:])))
    return found[start : None if limit is None else start + limit], len(found)


def written_condition(batch: ImportBatch, column: Any) -> sa.ColumnElement[bool] | None:
    """Return the condition of exactly the records that an import made and changed, for a list of its model.

    Args:
        batch: The import.
        column: The key of the model.

    Returns:
        None when they lie too far apart for one statement; the page of the import shows them all the same.
    """
    stretches: list[list[int]] = []
    for key in sorted(key for _kind, key in written_records(batch)[0]):
        if stretches and key == stretches[-1][1] + 1:
            stretches[-1][1] = key
        else:
            stretches.append([key, key])
    if len(stretches) > MOST_STRETCHES:
        return None
    single = [first for first, last in stretches if first == last]
    return sa.or_(
        column.in_(single), *(column.between(first, last) for first, last in stretches if first != last)
    )
