"""Money: costs of orders, deductions, retention money under one name. Each part has a file."""

from __future__ import annotations

from plugins.warranty.services.costs import add_cost, remove_cost, rounded
from plugins.warranty.services.deductions import (
    book_deduction,
    decide_objection,
    draft_deduction,
    issue_deduction,
    object_to_deduction,
    settle_deduction,
    withdraw_deduction,
)
from plugins.warranty.services.retention import (
    UNSETTLED,
    correct,
    deposit,
    open_account,
    pay_release,
    refuse_release,
    release_obstacles,
    request_release,
)

__all__ = [
    "UNSETTLED",
    "add_cost",
    "book_deduction",
    "correct",
    "decide_objection",
    "deposit",
    "draft_deduction",
    "issue_deduction",
    "object_to_deduction",
    "open_account",
    "pay_release",
    "refuse_release",
    "release_obstacles",
    "remove_cost",
    "request_release",
    "rounded",
    "settle_deduction",
    "withdraw_deduction",
]
