"""Imports step by step: read a file, confirm its columns, judge every row, correct rows, write, list, undo.

Nobody commits here. Steps work on one chunk each and may be repeated: a chunk that was judged is judged again to the
same, one that was written is left alone. Small imports run their steps in the request, large ones in a job.
"""

from __future__ import annotations

from core.machinery.exchange.importer import NEW
from core.machinery.exchange.services.finding import (
    chunk_numbers,
    content_of,
    counts_of,
    find_import,
    place_of,
    progress_of,
    recent_imports,
)
from core.machinery.exchange.services.judging import (
    begin_check,
    check_all,
    check_chunk,
    correct_row,
    finish_check,
    unchecked_chunks,
)
from core.machinery.exchange.services.reading import recall_columns, set_columns, start_import
from core.machinery.exchange.services.retention import discard, forget_expired, forget_person
from core.machinery.exchange.services.showing import ShownRow, row_at, rows_of
from core.machinery.exchange.services.undoing import (
    begin_undo,
    finish_undo,
    undo_all,
    undo_answers,
    undo_chunk,
    why_not_undo,
)
from core.machinery.exchange.services.writing import (
    ATOMIC_ROWS,
    abandon_write,
    begin_write,
    finish_write,
    note_refusal,
    unwrite_chunk,
    unwritten_chunks,
    write_all,
    write_chunk,
    written_condition,
    written_records,
)
from core.machinery.exchange.staging import CHUNK_ROWS

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
