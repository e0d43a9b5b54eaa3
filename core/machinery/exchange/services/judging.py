"""Judging every row before anything is written, and correcting rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from flask_babel import gettext as _

from core.database.encryption import blind_index
from core.database.types import Wording
from core.extensions import db
from core.languages import Text, worded
from core.machinery.exchange import staging
from core.machinery.exchange.importer import (
    IGNORED,
    Importer,
    ImportPlace,
    ImportRefused,
    ImportRow,
    Verdict,
)
from core.machinery.exchange.models import ImportBatch, ImportChunk, ImportState
from core.machinery.exchange.services.finding import (
    chunk_numbers,
    chunk_of,
    place_of,
    require_rows,
    summaries,
)
from core.machinery.exchange.services.showing import ShownRow, row_at
from core.machinery.exchange.staging import LETTERS, Content, Meaning, StagedRow, pack_content, unpack_content

MOST_REMARKS = 20
"""So many remarks of an importer stand above the rows at the most."""
_KEY_LENGTH = 16


def begin_check(batch: ImportBatch) -> None:
    """Begin to judge the rows.

    Raises:
        ImportRefused: It was written, or has expired.
    """
    if batch.state not in (ImportState.READ, ImportState.CHECKING, ImportState.CHECKED):
        raise ImportRefused(_("This import was confirmed already."))
    require_rows(batch)
    batch.state = ImportState.CHECKING
    batch.result = {}
    db.session.flush()


def check_chunk(batch: ImportBatch, importer: Importer, number: int) -> None:
    """Judge the rows of one chunk; they come in their order, because a row may take something from the one above."""
    chunk = chunk_of(batch, number)
    content = unpack_content(chunk.content or "")
    above: dict[str, str] = {}
    if number and importer.filled_down:
        above = dict(unpack_content(chunk_of(batch, number - 1).content or "").carry)
    meaning = Meaning(importer, batch.sheets)
    place = place_of(batch)
    letters = [LETTERS[IGNORED]] * len(content.rows)
    keys = [""] * len(content.rows)
    positions: list[int] = []
    rows: list[ImportRow] = []
    for position, staged in enumerate(content.rows):
        if meaning.kind(staged) != "data":
            above.clear()
            continue
        row = meaning.row(staged)
        if staged.texts is None and importer.filled_down:
            typed = dict(row.texts)
            importer.carry(row.texts, above)
            if row.texts != typed:
                staged.texts = dict(row.texts)
        _parse(importer, row, staged)
        keys[position] = _names_of(importer, place, row)
        positions.append(position)
        rows.append(row)
    remarks, said = set(batch.result.get("remarks", ())), dict[int, Text]()
    for position, verdict in zip(positions, importer.judge(place, rows), strict=True):
        note_verdict(content.rows[position], verdict)
        letters[position] = LETTERS[verdict.kind]
        said.update((id(remark), remark) for remark in verdict.remarks)
    remarks.update(Wording.write(worded(remark)) for remark in said.values())
    if remarks:
        batch.result = {**batch.result, "remarks": sorted(remarks)[:MOST_REMARKS]}
    content.carry = above
    chunk.content = pack_content(content)
    chunk.verdicts, chunk.keys = "".join(letters), ",".join(keys)
    db.session.flush()


def _parse(importer: Importer, row: ImportRow, staged: StagedRow) -> None:
    row.values, row.errors = {}, []
    importer.parse(row)
    staged.values = row.values


def note_verdict(staged: StagedRow, verdict: Verdict) -> None:
    """Keep with a row what was judged of it."""
    staged.errors = [
        [error.column, error.code, Wording.write(worded(error.reason))] for error in verdict.errors
    ]
    staged.diff = [list(change) for change in verdict.diff]
    staged.record_id = verdict.record_id


def _names_of(importer: Importer, place: ImportPlace, row: ImportRow) -> str:
    """Return the hashes of what names a row: its key, and after a slash the key that only rows without its own have."""
    key, also = _hashed(importer.key_of(place, row)), _hashed(importer.other_key_of(place, row))
    return f"{key}/{also}" if also else key


def _hashed(key: str) -> str:
    return blind_index(key, "import")[:_KEY_LENGTH] if key else ""


def finish_check(batch: ImportBatch) -> None:
    """Find the rows whose record stands in an earlier row of the file, and end the dry run."""
    first: dict[str, tuple[int, int]] = {}
    doubles: dict[tuple[int, int], tuple[int, int]] = {}
    chunks = summaries(batch)
    for place, key, _also in _names(chunks):
        earlier = first.setdefault(key, place)
        if key and earlier != place:
            doubles[place] = earlier
    for place, _key, also in _names(chunks):
        other = first.get(also) if also else None
        if other is not None:
            doubles.setdefault(max(place, other), min(place, other))
    _note_doubles(batch, chunks, doubles)
    batch.state = ImportState.CHECKED
    db.session.flush()


def _names(chunks: Sequence[ImportChunk]) -> Iterator[tuple[tuple[int, int], str, str]]:
    """Yield the place of each row, as chunk and position, with the two keys that name it, "" where there is none."""
    for chunk in chunks:
        for position, names in enumerate(chunk.keys.split(",")):
            key, _slash, also = names.partition("/")
            yield (chunk.number, position), key, also


def _note_doubles(
    batch: ImportBatch,
    chunks: Sequence[ImportChunk],
    doubles: Mapping[tuple[int, int], tuple[int, int]],
) -> None:
    """Keep with each row whose record stands in an earlier one where that is."""
    found: dict[int, dict[str, list[Any]]] = {}
    opened: tuple[int, Content] | None = None
    for (number, position), (earlier, place) in sorted(doubles.items(), key=itemgetter(1)):
        if opened is None or opened[0] != earlier:
            opened = earlier, unpack_content(chunk_of(batch, earlier).content or "")
        row = opened[1].rows[place]
        found.setdefault(number, {})[str(position)] = [batch.sheets[row.sheet]["name"], row.number]
    for chunk in chunks:
        if chunk.doubles != found.get(chunk.number, {}):
            chunk.doubles = found.get(chunk.number, {})


def check_all(batch: ImportBatch, importer: Importer) -> None:
    """Judge every row at once, for an import that is small enough for a request."""
    begin_check(batch)
    for number in chunk_numbers(batch):
        check_chunk(batch, importer, number)
    finish_check(batch)


def unchecked_chunks(batch: ImportBatch) -> int:
    """Return how many chunks were not judged yet."""
    return sum(1 for chunk in summaries(batch) if len(chunk.verdicts) < chunk.rows)


def correct_row(
    batch: ImportBatch, importer: Importer, position: int, texts: Mapping[str, str]
) -> ShownRow | None:
    """Replace the texts of a row and judge it again.

    Args:
        batch: The import, judged and not confirmed.
        importer: Its importer.
        position: Place of the row.
        texts: The new texts by field; fields that are not named stay.

    Raises:
        ImportRefused: The import was confirmed or has expired.
    """
    if batch.state != ImportState.CHECKED:
        raise ImportRefused(_("This import was confirmed already."))
    require_rows(batch)
    if row_at(batch, importer, position) is None:
        return None
    number, offset = divmod(position, staging.CHUNK_ROWS)
    chunk = chunk_of(batch, number, locked=True)
    content = unpack_content(chunk.content or "")
    staged = content.rows[offset]
    place, meaning = place_of(batch), Meaning(importer, batch.sheets)
    names = {each.name for each in importer.fields}
    kept = dict(meaning.row(staged).texts)
    # A column that the file does not have stays missing while nothing is typed into it.
    staged.texts = kept | {
        name: text for name, text in texts.items() if name in names and (text or name in kept)
    }
    row = meaning.row(staged)
    _parse(importer, row, staged)
    verdict = importer.judge(place, [row])[0]
    note_verdict(staged, verdict)
    letters, keys = list(chunk.verdicts), chunk.keys.split(",")
    letters[offset], keys[offset] = LETTERS[verdict.kind], _names_of(importer, place, row)
    chunk.verdicts, chunk.keys = "".join(letters), ",".join(keys)
    chunk.content = pack_content(content)
    db.session.flush()
    finish_check(batch)
    return row_at(batch, importer, position)
