"""Giving out numbers without gaps (domain reference 3.7.1)."""

from __future__ import annotations

from typing import cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from core.extensions import db
from core.machinery.numbering.models import NumberSeries

_series = cast(sa.Table, NumberSeries.__table__)


def next_number(prefix: str, width: int = 4) -> str:
    """Return the next number under ``prefix``, for example ``DF-YQW-202611-0142``.

    The counter is raised inside the caller's transaction, which therefore holds the series until it ends: a rolled-back
    transaction gives its number back, and no number is ever skipped or given twice.

    Args:
        prefix: Everything before the serial, with its separator, at most 60 characters.
        width: Digits of the serial; a longer serial is not cut.
    """
    raised = db.session.execute(
        sa.update(_series)
        .where(_series.c.prefix == prefix)
        .values(last=_series.c.last + 1)
        .returning(_series.c.last)
    ).scalar()
    if raised is None:
        raised = _open_series(prefix)
    return f"{prefix}{raised:0{width}d}"


def number_ahead(prefix: str, steps: int = 1, width: int = 4) -> str:
    """Return the number that lies so many steps ahead under ``prefix``. Nothing is taken, and nobody is held up.

    It is a guess: by the time that :func:`next_number` is asked, somebody else may have taken it.

    Args:
        prefix: As for :func:`next_number`.
        steps: 1 for the next one.
        width: Digits of the serial.
    """
    last = db.session.execute(sa.select(_series.c.last).where(_series.c.prefix == prefix)).scalar() or 0
    return f"{prefix}{last + steps:0{width}d}"


def _open_series(prefix: str) -> int:
    on_postgresql = db.session.get_bind().dialect.name == "postgresql"
    first = {"prefix": prefix, "last": 1}
    again = {"last": _series.c.last + 1}
    # Another transaction may have opened the series since the update found none.
    statement: postgresql.Insert | sqlite.Insert
    if on_postgresql:
        statement = postgresql.insert(_series).values(first)
        statement = statement.on_conflict_do_update(index_elements=["prefix"], set_=again)
    else:
        statement = sqlite.insert(_series).values(first)
        statement = statement.on_conflict_do_update(index_elements=["prefix"], set_=again)
    last: int = db.session.execute(statement.returning(_series.c.last)).scalar_one()
    return last
