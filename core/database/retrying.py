"""Doing a whole transaction again when the database could not carry out two at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import OperationalError

from core.extensions import db

ATTEMPTS = 5
_FIRST_PAUSE = 0.05
_STATES = frozenset({"40001", "40P01"})
"""Serialisation failure and deadlock of PostgreSQL: nothing is wrong with the transaction itself."""

_Answer = TypeVar("_Answer")


def is_collision(error: OperationalError) -> bool:
    """Return whether the same transaction may well succeed when it is done again."""
    if getattr(error.orig, "sqlstate", None) in _STATES:
        return True
    words = str(error.orig).lower()
    return "database is locked" in words or "database is busy" in words


def with_retries(transaction: Callable[[], _Answer]) -> _Answer:
    """Run a function that is one whole transaction, and again when it collided with another one.

    Args:
        transaction: Reads, writes and commits; it is started from the beginning each time.

    Raises:
        sqlalchemy.exc.OperationalError: It collided five times, or failed for another reason.
    """
    for attempt in range(ATTEMPTS):
        try:
            return transaction()
        except OperationalError as error:
            db.session.rollback()
            if attempt == ATTEMPTS - 1 or not is_collision(error):
                raise
            time.sleep(_FIRST_PAUSE * 2**attempt)
    raise AssertionError("unreachable")
