"""How much waits in the views of a list: several counts in one statement, none of which reads more than it shows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from core.admin.listing import Certainty, Count
from core.extensions import db

COUNTED_TO = 999
"""More rows than these are shown as 999+."""


def count_each(model: Any, *conditions: sa.ColumnElement[bool]) -> list[Count]:
    """Return how many visible rows meet each of the conditions, up to 999 each; more are "999+".

    One statement answers all, and each part stops at its thousandth row. Every condition should be led by an index:
    what is rare is looked for in all rows otherwise.

    Args:
        model: The mapped class.
        conditions: What the rows of each count meet.

    Returns:
        A count for each condition, in their order.
    """
    if not conditions:
        return []
    parts = []
    for condition in conditions:
        keys = sa.select(model.id).where(condition).limit(COUNTED_TO + 1).subquery()
        parts.append(sa.select(sa.func.count()).select_from(keys).scalar_subquery())
    row = db.session.execute(sa.select(*parts)).one()
    return [Count(COUNTED_TO, Certainty.AT_LEAST) if number > COUNTED_TO else Count(number) for number in row]
