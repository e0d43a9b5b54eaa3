"""What the parts of approvals share: refusals, what they take from the rest of the core, the guard, and words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import get_history

from core.extensions import db
from core.machinery.approvals.models import ApprovalRequest, ApprovalTask
from core.plugin_system.declarations import ApprovalBand, ApprovalKind, ApprovalStep
from core.plugin_system.runtime import current_runtime

_EXTENSION = "doorstep.approvals"
CORE = "core"
_CHANGEABLE_OPINION = frozenset({"customer_id", "opinion"})
"""What merging and erasing customers changes in an opinion that was given."""


class ApprovalRefused(ValueError):
    """Nothing was asked or answered; the message is a full sentence for the user.

    Attributes:
        field: Name of the field that is wrong, or None.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class OpinionImmutable(RuntimeError):
    """An opinion that was given was to be changed or removed."""


@dataclass(frozen=True)
class Means:
    """What approvals take from other parts of the core.

    Attributes:
        setting_of: Returns the value of a setting: component, key, department.
        working_day_after: Returns the day that is so many working days after another: day, number, department.
        next_number: Returns the next number under a prefix.
        add_todo: Asks somebody to do something; see :func:`core.machinery.todos.services.add_todo`.
        finish_todos: Finishes the to-dos whose key begins so, and takes back the messages that were not sent yet.
        write: Writes a reminder to people; None where there is no outbox.
    """

    setting_of: Callable[[str, str, int | None], Any]
    working_day_after: Callable[[dt.date, int, int | None], dt.date]
    next_number: Callable[[str], str]
    add_todo: Callable[..., Any]
    finish_todos: Callable[[str], Any]
    write: Callable[[Overdue], None] | None = None


@dataclass(frozen=True)
class Overdue:
    """What is written about an answer that is overdue.

    Attributes:
        template: Code of the message template.
        request: The request.
        due_at: When the answer was due.
        department_id: The department whose texts and quiet hours count.
        people: Ids of the accounts that are written to.
        dedupe_key: What makes the message the same; the id of the account is put behind it.
    """

    template: str
    request: ApprovalRequest
    due_at: dt.datetime
    department_id: int
    people: Sequence[int]
    dedupe_key: str


def set_up_approvals(app: Flask, session_factory: Any, means: Means) -> None:
    """Guard the opinions, and hand over what approvals need."""
    app.extensions[_EXTENSION] = means
    if not sa.event.contains(session_factory, "before_flush", _check_flush):
        sa.event.listen(session_factory, "before_flush", _check_flush)


def means_of_approvals() -> Means:
    """Return what was handed over."""
    means: Means = current_app.extensions[_EXTENSION]
    return means


def _check_flush(session: Session, _context: Any, _instances: Any) -> None:
    for row in session.deleted:
        if isinstance(row, ApprovalTask | ApprovalRequest):
            raise OpinionImmutable("A request and its opinions cannot be removed.")
    for row in session.dirty:
        if not isinstance(row, ApprovalTask):
            continue
        given = get_history(row, "decided_at")
        if None in given.deleted or not (given.deleted or given.unchanged) or None in given.unchanged:
            continue
        changed = {
            attribute.key
            for attribute in sa.inspect(ApprovalTask).column_attrs
            if get_history(row, attribute.key).has_changes()
        }
        if changed - _CHANGEABLE_OPINION:
            raise OpinionImmutable(f"{', '.join(sorted(changed))} of a given opinion cannot be changed.")


def kind_of(code: str) -> ApprovalKind:
    """Return a kind of approvals by its code.

    Raises:
        ApprovalRefused: Its module was removed.
    """
    found = current_runtime().declared.approval_kind(code)
    if found is None:
        raise ApprovalRefused(_("The module that asks for this approval is not installed any more."))
    return found


def role_label(code: str) -> str:
    """Return what a role is called in the language of the page, from its code."""
    role = ApprovalRequest.metadata.tables["role"].c
    row = db.session.execute(sa.select(role.label, role.label_en).where(role.name == code)).first()
    if row is None:
        return code
    chinese = page_language().startswith("zh")
    return (row.label if chinese else row.label_en or row.label) or code


def page_language() -> str:
    """Return the locale in which the page is read, or the paper is printed."""
    return str(get_locale() or "zh_Hans_CN")


def label_of(request: ApprovalRequest, task: ApprovalTask) -> str:
    """Return what the box of an opinion is called, in the language of the page where its kind is still declared."""
    kind = current_runtime().declared.approval_kind(request.kind)
    steps: tuple[ApprovalStep | ApprovalBand, ...] = (*kind.steps, *kind.bands) if kind is not None else ()
    for step in steps:
        if step.code == task.step:
            return str(step.label)
    return str(task.label)


def names_of(keys: Collection[int | None]) -> dict[int, str]:
    """Return the names of accounts by id."""
    account = ApprovalRequest.metadata.tables["user_account"].c
    wanted = sorted({key for key in keys if key is not None})
    rows = db.session.execute(
        sa.select(account.id, account.name, account.email).where(account.id.in_(wanted))
    )
    return {key: name or email for key, name, email in rows}
