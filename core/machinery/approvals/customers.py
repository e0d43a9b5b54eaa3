"""What happens to requests when customers are merged, erased or exported."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from core.extensions import db
from core.languages import Text, worded
from core.machinery.approvals.models import ApprovalRequest, ApprovalTask


def move_to_customer(kept_id: int, merged_id: int) -> None:
    """Move the requests of a merged customer to the one that is kept."""
    asked = sa.select(ApprovalRequest).where(ApprovalRequest.customer_id == merged_id)
    for request in db.session.scalars(asked):
        request.customer_id = kept_id
    for task in db.session.scalars(sa.select(ApprovalTask).where(ApprovalTask.customer_id == merged_id)):
        task.customer_id = kept_id
    db.session.flush()


def erase_of_customer(customer_id: int, title: Text) -> None:
    """Blank what requests say of an erased customer; who decided when stays.

    Args:
        customer_id: The customer.
        title: What stands in the place of each title.
    """
    words = worded(title)
    for request in db.session.scalars(
        sa.select(ApprovalRequest).where(ApprovalRequest.customer_id == customer_id)
    ):
        request.title, request.note, request.facts, request.withdrawal_reason = words, "", {}, ""
    for task in db.session.scalars(sa.select(ApprovalTask).where(ApprovalTask.customer_id == customer_id)):
        task.opinion = ""
    db.session.flush()


def of_customer(customer_id: int) -> list[dict[str, Any]]:
    """Return the requests about a customer, as plain data (PIPL 45)."""
    rows = db.session.scalars(sa.select(ApprovalRequest).where(ApprovalRequest.customer_id == customer_id))
    return [
        {"number": row.number, "title": str(row.title), "state": str(row.state), "note": str(row.note)}
        for row in rows
    ]
