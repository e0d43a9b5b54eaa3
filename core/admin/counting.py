"""How much waits in the views of a list: several counts in one statement, none of which reads more than it shows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import Response, jsonify
from flask_admin import expose

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


class CountedTabs:
    """Mixin of a record view above whose list stand tabs that tell how much waits in them.

    Counting takes longer than reading the page of a long list, so the page does not wait for it: it asks for the counts
    when it is shown. The template of the list draws the tabs with
    ``page_parts.tabs(admin_view.tabs(), counts=admin_view.address("counts_view"))``; each item of ``tabs`` that is
    counted has a ``key``.
    """

    @abstractmethod
    def tab_counts(self) -> Mapping[str, Count]:
        """Return the counts of the visible rows, by the keys of the tabs; :func:`count_each` finds them."""

    @expose("/counts/")
    def counts_view(self) -> Response:
        """Tell the counts of the tabs, for whoever may see the list."""
        answer = jsonify({key: str(count) for key, count in self.tab_counts().items()})
        answer.headers["Cache-Control"] = "no-store"
        return answer
