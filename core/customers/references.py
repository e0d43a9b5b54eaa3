"""Where forms and filters find customers."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.admin.ajax import Reference
from core.admin.searching import SearchDeclaration
from core.customers.identity import mask_phone
from core.customers.models import CUSTOMER_SEARCH, Customer

SEARCH_PHONE = "customers.search_phone"
SEARCH = SearchDeclaration(
    index=CUSTOMER_SEARCH,
    permissions={"phone": SEARCH_PHONE},
    placeholder=_l("Name, or part of the telephone number"),
)


def _living() -> Sequence[sa.ColumnElement[bool]]:
    return (Customer.merged_into_id.is_(None), Customer.erased_at.is_(None))


CUSTOMERS = Reference(
    Customer,
    text=lambda customer: f"{customer.name} {mask_phone(customer.phone)}".strip(),
    search=SEARCH,
    order_by=("id",),
    narrow=_living,
)
"""The customers who are neither merged into another one nor erased; who may, finds them by their telephone number."""
