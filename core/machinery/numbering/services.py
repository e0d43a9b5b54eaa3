"""Giving out numbers without gaps (domain reference 3.7.1)."""

from __future__ import annotations

import sqlalchemy as sa

from core.extensions import db
from core.machinery.numbering.models import NumberSeries


def next_number(prefix: str, width: int = 4) -> str:
    """Return the next number under ``prefix``, for example ``DF-YQW-202611-0142``.

    The counter is raised inside the caller's transaction, which therefore holds the series until it ends: a rolled-back
    transaction gives its number back, and no number is ever skipped or given twice.

    Args:
        prefix: Everything before the serial, with its separator, at most 60 characters.
        width: Digits of the serial; a longer serial is not cut.
    """
    table = NumberSeries.__table__
    session = db.session
    raised = session.execute(
        sa.update(table).where(table.c.prefix == prefix).values(last=table.c.last + 1).returning(table.c.last)
    ).scalar()
    if raised is None:
        raised = _open_series(prefix)
    return f"{prefix}{raised:0{width}d}"


def _open_series(prefix: str) -> int:
    session = db.session
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    statement = insert(NumberSeries.__table__).values(prefix=prefix, last=1)
    statement = statement.on_conflict_do_update(
        index_elements=["prefix"], set_={"last": NumberSeries.__table__.c.last + 1}
    )
    last: int = session.execute(statement.returning(NumberSeries.__table__.c.last)).scalar_one()
    return last
