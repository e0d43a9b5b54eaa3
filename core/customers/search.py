"""Customers in the global search: by name, by the last digits of the telephone number, and as holders of a unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from flask import url_for
from sqlalchemy.orm import joinedload

from core.admin.masking import sees_personal_data
from core.customers import words
from core.customers.identity import mask_phone
from core.customers.models import CUSTOMER_SEARCH, Customer, CustomerUnit
from core.customers.references import SEARCH_PHONE
from core.database.search_index import MINIMUM_LENGTH
from core.extensions import db
from core.people.permissions import has_permission
from core.plugin_system.declarations import SearchHit
from core.projects.search import find_units

SHORTEST_PHONE = 4
"""Fewer digits would answer with half of the customers."""
_DIGITS = re.compile(r"[\d\s-]+")


def search_customers(query: str, limit: int) -> list[SearchHit]:
    """Return hits for customers; the source of the global search.

    Args:
        query: A name of two characters or more, four digits or more of a telephone number, or a unit.
        limit: How many at most.
    """
    hits = _of_units(query, limit)
    found = {hit.url for hit in hits}
    hits += [hit for hit in _of_text(query, limit) if hit.url not in found]
    return hits[:limit]


def _of_units(query: str, limit: int) -> list[SearchHit]:
    units = {unit.id: unit for unit in find_units(query, limit)}
    if not units:
        return []
    holdings = db.session.scalars(
        sa.select(CustomerUnit)
        .where(
            CustomerUnit.unit_id.in_(list(units)),
            CustomerUnit.cancelled_on.is_(None),
            CustomerUnit.to_date.is_(None),
        )
        .options(joinedload(CustomerUnit.customer))
        .order_by(CustomerUnit.unit_id, CustomerUnit.id)
        .limit(limit)
    )
    roles = dict(words.ROLES)
    return [
        _hit(
            row.customer,
            [units[row.unit_id].project.name, units[row.unit_id].code, str(roles.get(row.role, row.role))],
            rank=10,
        )
        for row in holdings
    ]


def _of_text(query: str, limit: int) -> list[SearchHit]:
    text = query.strip()
    living = (Customer.merged_into_id.is_(None), Customer.erased_at.is_(None))
    if _DIGITS.fullmatch(text):
        digits = re.sub(r"[\s-]", "", text)
        if len(digits) < SHORTEST_PHONE or not has_permission(SEARCH_PHONE):
            return []
        condition = CUSTOMER_SEARCH.matches(Customer, digits, ("phone",))
    elif len(text) >= MINIMUM_LENGTH:
        condition = CUSTOMER_SEARCH.matches(Customer, text, ("name",))
    else:
        return []
    # Two steps: the index answers with keys, and only those few rows are read.
    ids = db.session.scalars(sa.select(Customer.id).where(condition, *living).limit(limit)).all()
    customers = _read(ids)
    if _DIGITS.fullmatch(text):
        tail = re.sub(r"[\s-]", "", text)
        return [_hit(one, [], rank=20 if (one.phone or "").endswith(tail) else 30) for one in customers]
    return [_hit(one, [], rank=20 if one.name == text else 30) for one in customers]


def _read(ids: Sequence[int]) -> Iterable[Customer]:
    if not ids:
        return ()
    return db.session.scalars(sa.select(Customer).where(Customer.id.in_(ids)).order_by(Customer.id)).all()


def _hit(customer: Customer, details: list[str], rank: int) -> SearchHit:
    phone = (customer.phone or "") if sees_personal_data() else mask_phone(customer.phone)
    return SearchHit(
        customer.name,
        url_for("customers.details_view", id=customer.id),
        " · ".join(text for text in (*details, phone) if text),
        rank,
    )
