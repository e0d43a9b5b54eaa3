"""Asking for approval, giving opinions, standing in for others (domain reference 3.7.3, 3.2.3 and Appendix F).

The names of all parts, under one roof.
"""

from __future__ import annotations

from core.machinery.approvals.answering import (
    amount_changed,
    amount_words,
    approve,
    approve_many,
    reject,
    withdraw_request,
)
from core.machinery.approvals.asking import request_approval
from core.machinery.approvals.base import (
    ApprovalRefused,
    Means,
    OpinionImmutable,
    Overdue,
    kind_of,
    label_of,
    names_of,
    page_language,
    role_label,
    set_up_approvals,
)
from core.machinery.approvals.customers import erase_of_customer, move_to_customer, of_customer
from core.machinery.approvals.deciders import band_for, needs_reopening
from core.machinery.approvals.reading import (
    Waiting,
    approvals_of,
    approved_request,
    facts_of,
    inbox,
    of_modules_that_are_on,
    open_tasks_for_me,
    pending_request,
)
from core.machinery.approvals.reminders import overdue_tasks, remind, remind_of_overdue
from core.machinery.approvals.standing_in import delegate, delegations_of_mine, end_delegation

__all__ = [
    "ApprovalRefused",
    "Means",
    "OpinionImmutable",
    "Overdue",
    "Waiting",
    "amount_changed",
    "amount_words",
    "approvals_of",
    "approve",
    "approve_many",
    "approved_request",
    "band_for",
    "delegate",
    "delegations_of_mine",
    "end_delegation",
    "erase_of_customer",
    "facts_of",
    "inbox",
    "kind_of",
    "label_of",
    "move_to_customer",
    "names_of",
    "needs_reopening",
    "of_customer",
    "of_modules_that_are_on",
    "open_tasks_for_me",
    "overdue_tasks",
    "page_language",
    "pending_request",
    "reject",
    "remind",
    "remind_of_overdue",
    "request_approval",
    "role_label",
    "set_up_approvals",
    "withdraw_request",
]
