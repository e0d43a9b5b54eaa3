"""What the global search finds of contractors."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from flask import url_for

from core.toolkit import SearchDeclaration, SearchHit, db
from plugins.contractors.models import Company
from plugins.contractors.words import kind_words

_NAMES = SearchDeclaration(columns=("name", "short_name"), small_table=True)


def companies(query: str, limit: int) -> Sequence[SearchHit]:
    """Return the visible companies whose name or short name holds what was typed; those in use come first.

    Args:
        query: What was typed, cleaned.
        limit: How many hits at most.
    """
    if not query.strip():
        return ()
    found = db.session.scalars(
        sa.select(Company)
        .where(_NAMES.condition(Company, query))
        .order_by(Company.archived_at.is_not(None), Company.name)
        .limit(limit)
    )
    return [
        SearchHit(
            company.name,
            url_for("contractors_companies.details_view", id=company.id),
            " · ".join(filter(None, (kind_words(company.kind), company.warranty_phone))),
        )
        for company in found
    ]
