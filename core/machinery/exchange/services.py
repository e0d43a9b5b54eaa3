"""Imports step by step: read a file, confirm its columns, judge every row, correct rows, write, list, undo.

Nobody commits here. Steps work on one chunk each and may be repeated: a chunk that was judged is judged again to the
same, one that was written is left alone. Small imports run their steps in the request, large ones in a job.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import defer, load_only

from core.database.encryption import blind_index
from core.database.scope import require_scope
from core.database.types import utc_now
from core.extensions import db
from core.machinery.exchange.importer import (
    ERROR,
    IGNORED,
    KINDS,
    MODES,
    NEW,
    Importer,
    ImportPlace,
    ImportRefused,
    ImportRow,
    Outcome,
    RowError,
    Verdict,
)
from core.machinery.exchange.models import ImportBatch, ImportChunk, ImportMapping, ImportState
from core.machinery.exchange.staging import (
    CHUNK_ROWS,
    KIND_OF,
    LETTERS,
    Content,
    Meaning,
    ReadFile,
    StagedRow,
    covers,
    pack,
    pack_content,
    read_file,
    signature,
    unpack,
    unpack_content,
    without_doubles,
)
from core.machinery.exchange.tables import IGNORED as NO_FIELD
from core.machinery.exchange.tables import plain_head

EXPIRES_AFTER = dt.timedelta(hours=24)
"""How long rows wait for their confirmation."""
UNDO_WITHIN = dt.timedelta(days=30)
"""How long an import can be taken back; then its rows and the values before are removed."""
ATOMIC_ROWS = 10_000
"""Up to so many rows, all or nothing is one transaction; see docs/decisions."""
_KEY_LENGTH = 16
_MOST_REMARKS = 20
_CUSTOMERS = "core.customers"


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


# ---------------------------------------------------------------------- reading


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
        "、".join(str(field.label) for name in wanted if (field := importer.field(name)) is not None)
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


# ---------------------------------------------------------------------- finding


def find_import(import_id: int, *, locked: bool = False) -> ImportBatch | None:
    """Return an import of the acting user in the acting department, or None.

    Args:
        import_id: Its key.
        locked: Whether it is about to change; where the database locks rows, others wait.
    """
    scope = require_scope()
    query = sa.select(ImportBatch).where(
        ImportBatch.id == import_id,
        ImportBatch.user_id == scope.user_id,
        ImportBatch.department_id == scope.department_id,
    )
    batch = db.session.scalars(query.with_for_update() if locked else query).one_or_none()
    if batch is None or (batch.project_id is not None and batch.project is None):
        return None
    return batch


def recent_imports(kinds: Sequence[str], limit: int = 12) -> Sequence[ImportBatch]:
    """Return the latest imports of the acting user in the acting department.

    Args:
        kinds: Codes of the declarations that he may use.
        limit: How many.
    """
    scope = require_scope()
    return db.session.scalars(
        sa.select(ImportBatch)
        .where(
            ImportBatch.user_id == scope.user_id,
            ImportBatch.department_id == scope.department_id,
            ImportBatch.kind.in_(kinds),
            sa.or_(ImportBatch.written_at.is_not(None), ImportBatch.expires_at > utc_now()),
        )
        .order_by(ImportBatch.id.desc())
        .limit(limit)
    ).all()


def place_of(batch: ImportBatch) -> ImportPlace:
    """Return where the rows of an import go.

    Raises:
        ImportRefused: The project cannot be seen any more.
    """
    if batch.project_id is not None and batch.project is None:
        raise ImportRefused(_("The project of this import cannot be seen any more."))
    return ImportPlace(batch.project, batch.department, batch.match, batch.mode, batch.options)


def _chunk(batch: ImportBatch, number: int, *, locked: bool = False) -> ImportChunk:
    query = sa.select(ImportChunk).where(ImportChunk.batch_id == batch.id, ImportChunk.number == number)
    return db.session.scalars(query.with_for_update() if locked else query).one()


def chunk_numbers(batch: ImportBatch) -> list[int]:
    """Return the numbers of the chunks of an import, which are the keys of its steps."""
    return list(
        db.session.scalars(
            sa.select(ImportChunk.number).where(ImportChunk.batch_id == batch.id).order_by(ImportChunk.number)
        )
    )


def _summaries(batch: ImportBatch) -> Sequence[ImportChunk]:
    """Return the chunks without their rows."""
    return db.session.scalars(
        sa.select(ImportChunk)
        .where(ImportChunk.batch_id == batch.id)
        .options(defer(ImportChunk.content), defer(ImportChunk.outcome))
        .order_by(ImportChunk.number)
        .execution_options(populate_existing=True)
    ).all()


def _require_rows(batch: ImportBatch) -> None:
    if batch.expires_at < utc_now():
        raise ImportRefused(_("This preview has expired. Upload the file once more."))


# ---------------------------------------------------------------------- judging


def begin_check(batch: ImportBatch) -> None:
    """Begin to judge the rows.

    Raises:
        ImportRefused: It was written, or has expired.
    """
    if batch.state not in (ImportState.READ, ImportState.CHECKING, ImportState.CHECKED):
        raise ImportRefused(_("This import was confirmed already."))
    _require_rows(batch)
    batch.state = ImportState.CHECKING
    batch.result = {}
    db.session.flush()


def check_chunk(batch: ImportBatch, importer: Importer, number: int) -> None:
    """Judge the rows of one chunk; they come in their order, because a row may take something from the one above."""
    chunk = _chunk(batch, number)
    content = unpack_content(chunk.content or "")
    above: dict[str, str] = {}
    if number and importer.filled_down:
        above = dict(unpack_content(_chunk(batch, number - 1).content or "").carry)
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
    remarks = set(batch.result.get("remarks", ()))
    for position, verdict in zip(positions, importer.judge(place, rows), strict=True):
        _note(content.rows[position], verdict)
        letters[position] = LETTERS[verdict.kind]
        remarks.update(verdict.remarks)
    if remarks:
        batch.result = {**batch.result, "remarks": sorted(remarks)[:_MOST_REMARKS]}
    content.carry = above
    chunk.content = pack_content(content)
    chunk.verdicts, chunk.keys = "".join(letters), ",".join(keys)
    db.session.flush()


def _parse(importer: Importer, row: ImportRow, staged: StagedRow) -> None:
    row.values, row.errors = {}, []
    importer.parse(row)
    staged.values = row.values


def _note(staged: StagedRow, verdict: Verdict) -> None:
    staged.errors = [[error.column, error.code, error.reason] for error in verdict.errors]
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
    chunks = _summaries(batch)
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
            opened = earlier, unpack_content(_chunk(batch, earlier).content or "")
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


def counts_of(batch: ImportBatch) -> Counter[str]:
    """Return how many rows of each verdict there are, also of ``ignored`` ones."""
    counts: Counter[str] = Counter()
    for chunk in _summaries(batch):
        letters = Counter(effective(chunk))
        counts.update({KIND_OF[letter]: number for letter, number in letters.items() if letter in KIND_OF})
    return counts


def progress_of(batch: ImportBatch) -> tuple[int, int]:
    """Return how many rows of the running step are done, and how many there are."""
    done = total = 0
    for chunk in _summaries(batch):
        total += chunk.rows
        if batch.state == ImportState.CHECKING:
            finished = bool(chunk.verdicts)
        elif batch.state == ImportState.UNDOING:
            finished = chunk.undone
        else:
            finished = chunk.written is not None
        done += chunk.rows if finished else 0
    return done, total


def effective(chunk: ImportChunk) -> str:
    """Return the letters of a chunk's rows, with those that stand twice in the file as errors."""
    if not chunk.doubles:
        return chunk.verdicts
    letters = list(chunk.verdicts)
    for position in chunk.doubles:
        letters[int(position)] = LETTERS[ERROR]
    return "".join(letters)


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
    for chunk in _summaries(batch):
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


def content_of(batch: ImportBatch, number: int) -> str | None:
    """Return the packed rows of a chunk, or None when they were removed."""
    return _chunk(batch, number).content


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
        chunk.number * CHUNK_ROWS + position,
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
    number, offset = divmod(position, CHUNK_ROWS)
    chunk = db.session.scalars(
        sa.select(ImportChunk).where(ImportChunk.batch_id == batch.id, ImportChunk.number == number)
    ).one_or_none()
    if chunk is None or chunk.content is None or offset >= chunk.rows or offset >= len(chunk.verdicts):
        return None
    rows = unpack_content(chunk.content).rows
    return _shown(chunk, offset, rows[offset], Meaning(importer, batch.sheets), importer, place_of(batch))


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
    _require_rows(batch)
    if row_at(batch, importer, position) is None:
        return None
    number, offset = divmod(position, CHUNK_ROWS)
    chunk = _chunk(batch, number, locked=True)
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
    _note(staged, verdict)
    letters, keys = list(chunk.verdicts), chunk.keys.split(",")
    letters[offset], keys[offset] = LETTERS[verdict.kind], _names_of(importer, place, row)
    chunk.verdicts, chunk.keys = "".join(letters), ",".join(keys)
    chunk.content = pack_content(content)
    db.session.flush()
    finish_check(batch)
    return row_at(batch, importer, position)


# ---------------------------------------------------------------------- writing


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
    _require_rows(batch)
    errors = counts_of(batch)[ERROR]
    if errors and all_or_nothing:
        raise ImportRefused(_("%(count)s rows have errors, so nothing was imported.", count=errors))
    batch.all_or_nothing = all_or_nothing
    batch.state = ImportState.WRITING
    batch.expires_at = utc_now() + UNDO_WITHIN
    db.session.flush()


def write_chunk(batch: ImportBatch, importer: Importer, number: int) -> None:
    """Judge the good rows of a chunk once more, as the database is now, and write them; once.

    Raises:
        ImportRefused: A row became an error meanwhile and all rows are wanted; the caller rolls back.
    """
    chunk = _chunk(batch, number, locked=True)
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
            _note(content.rows[position], verdict)
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
                _(
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
    for chunk in _summaries(batch):
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


def note_refusal(batch: ImportBatch, sentence: str) -> None:
    """Remember why an import that wants all rows or none is given up; what was written of it is taken back next."""
    batch.result = {**batch.result, "refused": sentence}
    db.session.flush()


def unwrite_chunk(batch: ImportBatch, importer: Importer, number: int) -> list[str]:
    """Take back the rows of a chunk of an import that is given up, as if they had never been written.

    Returns:
        Why rows stay, for those that somebody changed in the meantime.
    """
    chunk = _chunk(batch, number, locked=True)
    if chunk.written is None:
        return []
    undo_chunk(batch, importer, number)
    answers = [each[4] for each in unpack(chunk.outcome or pack([])) if each is not None and each[4]]
    chunk.written = chunk.outcome = None
    chunk.undone = False
    db.session.flush()
    return answers


def abandon_write(batch: ImportBatch) -> None:
    """Lead an import that was given up back to its preview, where the reason stands."""
    batch.state = ImportState.CHECKED
    batch.expires_at = utc_now() + EXPIRES_AFTER
    remarks = [batch.result["refused"], *batch.result.get("remarks", ())]
    batch.result = {"remarks": remarks[:_MOST_REMARKS]}
    db.session.flush()


def unchecked_chunks(batch: ImportBatch) -> int:
    """Return how many chunks were not judged yet."""
    return sum(1 for chunk in _summaries(batch) if len(chunk.verdicts) < chunk.rows)


def unwritten_chunks(batch: ImportBatch) -> int:
    """Return how many chunks were not written yet."""
    return sum(1 for chunk in _summaries(batch) if chunk.written is None)


def write_all(batch: ImportBatch, importer: Importer, *, all_or_nothing: bool) -> Mapping[str, Any]:
    """Write an import in the caller's transaction; a second call changes nothing and returns the same."""
    if batch.state == ImportState.WRITTEN:
        done: Mapping[str, Any] = batch.result
        return done
    begin_write(batch, all_or_nothing=all_or_nothing)
    for number in chunk_numbers(batch):
        write_chunk(batch, importer, number)
    return finish_write(batch)


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
    for chunk in _summaries(batch):
        for text in (chunk.written or "").split(","):
            if text and text[1:] not in seen:
                seen.add(text[1:])
                found.append((KIND_OF[text[0]], int(text[1:])))
    return found[start : None if limit is None else start + limit], len(found)


MOST_STRETCHES = 5_000
"""A list is narrowed to an import by at most so many stretches of keys that follow each other."""


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


# ---------------------------------------------------------------------- undoing


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
    chunk = _chunk(batch, number, locked=True)
    if chunk.undone or chunk.outcome is None:
        return
    kept = unpack(chunk.outcome)
    positions = [position for position, each in enumerate(kept) if each is not None]
    answers = importer.undo(place_of(batch), [Outcome(*kept[position]) for position in positions])
    for position, answer in zip(positions, answers, strict=True):
        kept[position] = [*kept[position][:4], answer]
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


def undo_answers(batch: ImportBatch) -> Iterator[tuple[int, Outcome, str]]:
    """Yield place, outcome and answer of each row that was to be taken back; an empty answer says that it was."""
    for number in chunk_numbers(batch):
        chunk = _chunk(batch, number)
        if not chunk.undone or chunk.outcome is None:
            continue
        for position, each in enumerate(unpack(chunk.outcome)):
            if each is not None and len(each) > 4:
                yield number * CHUNK_ROWS + position, Outcome(*each[:4]), each[4]


# ---------------------------------------------------------------------- retention


def forget_expired(now: dt.datetime | None = None) -> int:
    """Remove the rows of imports that nobody confirmed in time or that are too old to be taken back.

    Which records were written stays; the texts of the file and the values before go.

    Returns:
        How many chunks lost their rows.
    """
    old = sa.select(ImportBatch.id).where(ImportBatch.expires_at < (now or utc_now()))
    chunks = db.session.scalars(
        sa.select(ImportChunk)
        .where(
            ImportChunk.batch_id.in_(old),
            sa.or_(ImportChunk.content.is_not(None), ImportChunk.outcome.is_not(None)),
        )
        .options(load_only(ImportChunk.id, ImportChunk.department_id))
        .limit(2_000)
    ).all()
    for chunk in chunks:
        chunk.content = chunk.outcome = None
        chunk.keys = ""
    db.session.flush()
    return len(chunks)


def forget_person(customer_id: int) -> None:
    """Remove what imports keep of a customer who is erased: the chunks that wrote him lose their texts and the values
    before, so those rows cannot be taken back any more."""
    held = db.session.scalars(
        sa.select(ImportChunk.id).where(ImportChunk.outcome.is_not(None)).order_by(ImportChunk.id)
    ).all()
    for key in held:
        chunk = db.session.get_one(ImportChunk, key)
        kind = db.session.scalar(sa.select(ImportBatch.kind).where(ImportBatch.id == chunk.batch_id)) or ""
        if _speaks_of(unpack(chunk.outcome or pack([])), customer_id, kind == _CUSTOMERS):
            chunk.content = chunk.outcome = None
        db.session.flush()
        db.session.expunge(chunk)


def _speaks_of(outcomes: Sequence[Any], customer_id: int, is_customer: bool) -> bool:
    for each in outcomes:
        if each is None:
            continue
        before = each[3] if isinstance(each[3], dict) else {}
        people = {*before.get("registered", ()), *before.get("completed", ())}
        if (is_customer and each[1] == customer_id) or str(customer_id) in people:
            return True
    return False


def discard(batch: ImportBatch) -> None:
    """Remove an import that was not written, with its rows.

    Raises:
        ImportRefused: It was written.
    """
    if batch.state not in (ImportState.READ, ImportState.CHECKING, ImportState.CHECKED):
        raise ImportRefused(_("An import that was written is kept. Take it back instead."))
    db.session.delete(batch)
    db.session.flush()


__all__ = [
    "ATOMIC_ROWS",
    "CHUNK_ROWS",
    "NEW",
    "ShownRow",
    "abandon_write",
    "begin_check",
    "begin_undo",
    "begin_write",
    "check_all",
    "check_chunk",
    "chunk_numbers",
    "content_of",
    "correct_row",
    "counts_of",
    "discard",
    "find_import",
    "finish_check",
    "finish_undo",
    "finish_write",
    "forget_expired",
    "forget_person",
    "note_refusal",
    "place_of",
    "progress_of",
    "recall_columns",
    "recent_imports",
    "row_at",
    "rows_of",
    "set_columns",
    "start_import",
    "unchecked_chunks",
    "undo_all",
    "undo_answers",
    "undo_chunk",
    "unwrite_chunk",
    "unwritten_chunks",
    "why_not_undo",
    "write_all",
    "write_chunk",
    "written_condition",
    "written_records",
]
