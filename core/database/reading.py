"""Reading without holding the writer's place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.extensions import db


@contextmanager
def reading_only() -> Iterator[None]:
    """Read in a transaction that locks nobody out: on SQLite any other holds the only writer's place.

    Use it around queries that are followed by slow work (laying out a document), before anything is written: what the
    session holds is given up before and afterwards. What was loaded is loaded again when it is used after the block.
    """
    db.session.rollback()
    db.session.connection(execution_options={"read_only": True})
    try:
        yield
    finally:
        db.session.rollback()
