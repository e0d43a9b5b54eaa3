"""Finding imports and their chunks, and counting their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import defer

from core.database.scope import require_scope
from core.database.types import utc_now
from core.extensions import db
from core.machinery.exchange.importer import ERROR, ImportPlace, ImportRefused
from core.machinery.exchange.models import ImportBatch, ImportChunk, ImportState
from core.machinery.exchange.staging import KIND_OF, LETTERS


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


def chunk_of(batch: ImportBatch, number: int, *, locked: bool = False) -> ImportChunk:
    """Return a chunk of an import; ``locked`` where it is about to change."""
    query = sa.select(ImportChunk).where(ImportChunk.batch_id == batch.id, ImportChunk.number == number)
    return db.session.scalars(query.with_for_update() if locked else query).one()


def chunk_numbers(batch: ImportBatch) -> list[int]:
    """Return the numbers of the chunks of an import, which are the keys of its steps."""
    return list(
        db.session.scalars(
            sa.select(ImportChunk.number).where(ImportChunk.batch_id == batch.id).order_by(ImportChunk.number)
        )
    )


def summaries(batch: ImportBatch) -> Sequence[ImportChunk]:
    """Return the chunks without their rows."""
    return db.session.scalars(
        sa.select(ImportChunk)
        .where(ImportChunk.batch_id == batch.id)
        .options(defer(ImportChunk.content), defer(ImportChunk.outcome))
        .order_by(ImportChunk.number)
        .execution_options(populate_existing=True)
    ).all()


def require_rows(batch: ImportBatch) -> None:
    """Refuse an import whose rows are gone.

    Raises:
        ImportRefused: It has expired.
    """
    if batch.expires_at < utc_now():
        raise ImportRefused(_("This preview has expired. Upload the file once more."))


def effective(chunk: ImportChunk) -> str:
    """Return the letters of a chunk's rows, with those that stand twice in the file as errors."""
    if not chunk.doubles:
        return chunk.verdicts
    letters = list(chunk.verdicts)
    for position in chunk.doubles:
        letters[int(position)] = LETTERS[ERROR]
    return "".join(letters)


def counts_of(batch: ImportBatch) -> Counter[str]:
    """Return how many rows of each verdict there are, also of ``ignored`` ones."""
    counts: Counter[str] = Counter()
    for chunk in summaries(batch):
        letters = Counter(effective(chunk))
        counts.update({KIND_OF[letter]: number for letter, number in letters.items() if letter in KIND_OF})
    return counts


def progress_of(batch: ImportBatch) -> tuple[int, int]:
    """Return how many rows of the running step are done, and how many there are."""
    done = total = 0
    for chunk in summaries(batch):
        total += chunk.rows
        if batch.state == ImportState.CHECKING:
            finished = bool(chunk.verdicts)
        elif batch.state == ImportState.UNDOING:
            finished = chunk.undone
        else:
            finished = chunk.written is not None
        done += chunk.rows if finished else 0
    return done, total


def content_of(batch: ImportBatch, number: int) -> str | None:
    """Return the packed rows of a chunk, or None when they were removed."""
    return chunk_of(batch, number).content
