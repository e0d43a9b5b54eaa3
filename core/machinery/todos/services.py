"""Adding, taking, handing on and finishing to-dos (domain reference 3.7.9 and 4.1.2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from core.database.base import metadata
from core.database.owners import owner_of
from core.database.scope import all_departments, require_scope
from core.database.types import utc_now
from core.extensions import db
from core.languages import Text, cut, in_each_language, shortened, worded
from core.machinery.todos.models import Todo, TodoState
from core.plugin_system.declarations import RecordKind
from core.plugin_system.runtime import current_runtime

LONGEST_TITLE = 200
LONGEST_NOTE = 2_000


class TodoRefused(ValueError):
    """A to-do may not be changed so; the message is a full sentence for the user.

    Attributes:
        field: Name of the field that is wrong, or None.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


def add_todo(
    record: Any,
    title: Text,
    *,
    owner: Any = None,
    department: Any = None,
    role: str | None = None,
    due_at: dt.datetime | None = None,
    dedupe_key: str | None = None,
    note: Text = "",
    touchpoint_code: str | None = None,
    customer: Any = None,
    unit: Any = None,
) -> Todo:
    """Ask somebody to do something, in the caller's transaction.

    Args:
        record: The loaded record that it is about, or None for a to-do by itself.
        title: What to do, in a few words. What the program says is handed over as a lazy text, ``_l("…", number=…)``:
            each reader sees it in his language.
        owner: The user who has to do it (or his id); None leaves it to the department.
        department: The department that has to do it (or its id); the record's when omitted, else that of its project,
            else the acting one.
        role: Code of the role whose holders there may take it, for example ``ENG``; anybody there when omitted.
        due_at: Until when, in UTC.
        dedupe_key: What it is made for, at most 120 characters, for example ``survey:17:call``. A to-do that was made
            for the same before is returned as it is, also when it is done.
        note: What to know beforehand; a lazy text like the title, or what somebody wrote.
        touchpoint_code: The touchpoint that is reached when it is done; :func:`core.timeline.services.reach` finishes
            it.
        customer: The customer that it concerns, if the record does not say so.
        unit: The unit that it concerns, if the record does not say so.

    Raises:
        TodoRefused: The title is missing.
        LookupError: The record is of no declared kind.
    """
    words = shortened(title, LONGEST_TITLE)
    if not words:
        raise TodoRefused(_("Say in a few words what is to be done."), field="title")
    if dedupe_key is not None:
        held = db.session.scalar(sa.select(Todo).where(Todo.dedupe_key == dedupe_key))
        if held is not None:
            return held
    kind = _kind_of(record) if record is not None else None
    owned = owner_of(record) if record is not None else None
    project_id = owned.project_id if owned else None
    if project_id is None and unit is not None:
        project_id = unit.project_id
    customer_id = owned.customer_id if owned else None
    if customer_id is None and customer is not None:
        customer_id = customer.id
    department_id = _id(department) or (owned.department_id if owned else None)
    department_id = department_id or _department_of_project(project_id) or require_scope().department_id
    todo = Todo(
        title=words,
        note=cut(note, LONGEST_NOTE),
        record_kind=kind.code if kind else None,
        record_id=record.id if kind else None,
        project_id=project_id,
        customer_id=customer_id,
        unit_id=unit.id if unit is not None else _unit_id(record),
        department_id=department_id,
        owner_id=_id(owner),
        role=role or "",
        due_at=due_at,
        state=TodoState.OPEN,
        touchpoint_code=touchpoint_code,
        dedupe_key=dedupe_key,
        created_by_id=require_scope().user_id,
    )
    db.session.add(todo)
    db.session.flush()
    return todo


def finish_todo(todo: Todo, note: str = "", *, skipped: bool = False, at: dt.datetime | None = None) -> None:
    """Mark a to-do as done, or as left undone for a reason.

    Args:
        todo: The to-do.
        note: How it was done; why it was left.
        skipped: Whether it was left undone; then the note must say why.
        at: When; now when omitted.

    Raises:
        TodoRefused: It was finished before, or the reason is missing.
    """
    _lock(todo)
    _require_open(todo)
    words = note.strip()[:LONGEST_NOTE]
    if skipped and not words:
        raise TodoRefused(_("Say why this is left undone."), field="note")
    todo.state = TodoState.SKIPPED if skipped else TodoState.DONE
    todo.finished_at = at or utc_now()
    todo.finished_by_id = require_scope().user_id
    todo.finish_note = words
    db.session.flush()


def finish_todos_of(
    record: Any, *, note: str = "", prefix: str | None = None, at: dt.datetime | None = None
) -> int:
    """Finish the open to-dos of a record, because what they asked for is done; returns how many there were.

    A service calls it when its record is closed.

    Args:
        record: A loaded record of a declared kind.
        note: How it was done.
        prefix: Only those whose ``dedupe_key`` begins so.
        at: When; now when omitted.
    """
    conditions = [Todo.record_kind == _kind_of(record).code, Todo.record_id == record.id]
    if prefix is not None:
        conditions.append(Todo.dedupe_key.startswith(prefix, autoescape=True))
    return _finish_all(conditions, note, at)


def finish_todos_by_key(prefix: str, note: str = "", at: dt.datetime | None = None) -> int:
    """Finish the open to-dos that were made for something; returns how many there were.

    Args:
        prefix: How their ``dedupe_key`` begins.
        note: How it was done.
        at: When; now when omitted.
    """
    return _finish_all([Todo.dedupe_key.startswith(prefix, autoescape=True)], note, at)


def finish_todos_of_touchpoint(
    code: str,
    *,
    customer_id: int | None,
    unit_id: int | None,
    project_id: int | None,
    at: dt.datetime | None = None,
) -> int:
    """Finish the open to-dos of a touchpoint that was reached; returns how many there were.

    One for the customer, one for the house and one for the project alone are each reached by what happened to them.

    Args:
        code: The touchpoint.
        customer_id: The customer of the fact, or None.
        unit_id: The unit of the fact, or None.
        project_id: The project of the fact, or None.
        at: When it was reached; now when omitted.
    """
    subjects = []
    if customer_id is not None:
        own_unit = sa.or_(Todo.unit_id.is_(None), Todo.unit_id == unit_id) if unit_id else sa.true()
        subjects.append(sa.and_(Todo.customer_id == customer_id, own_unit))
    if unit_id is not None:
        subjects.append(sa.and_(Todo.customer_id.is_(None), Todo.unit_id == unit_id))
    if project_id is not None:
        subjects.append(
            sa.and_(Todo.customer_id.is_(None), Todo.unit_id.is_(None), Todo.project_id == project_id)
        )
    if not subjects:
        return 0
    return _finish_all([Todo.touchpoint_code == code, sa.or_(*subjects)], "", at)


def take_todo(todo: Todo) -> None:
    """Let the acting user do it.

    Raises:
        TodoRefused: It was finished, or somebody else has taken it.
    """
    _lock(todo)
    _require_open(todo)
    user_id = require_scope().user_id
    if todo.owner_id is not None and todo.owner_id != user_id:
        raise TodoRefused(_("A colleague has taken this already. Reload the page to see who."))
    todo.owner_id = user_id
    db.session.flush()


def hand_on_todo(
    todo: Todo, *, owner: Any = None, department: Any = None, role: str = "", note: str = ""
) -> None:
    """Give a to-do to a colleague, or to a department and role.

    Args:
        todo: The to-do.
        owner: The user who does it from now on (or his id), or None.
        department: The department that does it from now on (or its id); the present one when omitted.
        role: Code of the role whose holders there may take it; anybody there when empty.
        note: What to know, added to its note.

    Raises:
        TodoRefused: It was finished.
    """
    _lock(todo)
    _require_open(todo)
    todo.owner_id = _id(owner)
    todo.department_id = _id(department) or todo.department_id
    todo.role = role if owner is None else ""
    words = note.strip()
    if words:
        before = todo.note
        todo.note = cut(in_each_language(lambda: "\n".join(filter(None, (str(before), words)))), LONGEST_NOTE)
    db.session.flush()


def reopen_todo(todo: Todo) -> None:
    """Take back that a to-do was finished.

    Raises:
        TodoRefused: It is open.
    """
    _lock(todo)
    if todo.is_open:
        raise TodoRefused(_("This is still to be done."))
    todo.state = TodoState.OPEN
    todo.finished_at = todo.finished_by_id = None
    todo.finish_note = ""
    db.session.flush()


def change_todo(todo: Todo, *, title: str, note: str, due_at: dt.datetime | None) -> None:
    """Change what is to be done and until when.

    Raises:
        TodoRefused: It was finished, or the title is missing.
    """
    _require_open(todo)
    words = shortened(title, LONGEST_TITLE)
    if not words:
        raise TodoRefused(_("Say in a few words what is to be done."), field="title")
    # What the form brings back as it was stays what the program says to readers of all languages.
    if str(words) != str(todo.title):
        todo.title = words
    if note.split() != str(todo.note).split():
        todo.note = cut(note, LONGEST_NOTE)
    todo.due_at = due_at
    db.session.flush()


def todos_of(record: Any) -> Sequence[Todo]:
    """Return the to-dos of a record, the open ones first, those due soonest before the others."""
    query = (
        sa.select(Todo)
        .where(Todo.record_kind == _kind_of(record).code, Todo.record_id == record.id)
        .order_by(Todo.state != TodoState.OPEN, Todo.due_at.is_(None), Todo.due_at, Todo.id)
    )
    return db.session.scalars(query).all()


def move_to_customer(kept_id: int, merged_id: int) -> None:
    """Move the to-dos of a merged customer to the one that is kept."""
    kinds = {
        kind.code
        for kind in current_runtime().declared.record_kinds()
        if kind.model.__tablename__ == "customer"
    }
    for todo in db.session.scalars(sa.select(Todo).where(Todo.customer_id == merged_id)):
        todo.customer_id = kept_id
        if todo.record_kind in kinds and todo.record_id == merged_id:
            todo.record_id = kept_id
    db.session.flush()


def erase_of_customer(customer_id: int, title: Text) -> None:
    """Blank what to-dos say of an erased customer, and finish the open ones.

    Args:
        customer_id: The customer.
        title: What stands in the place of each title.
    """
    words = worded(title)
    for todo in db.session.scalars(sa.select(Todo).where(Todo.customer_id == customer_id)):
        todo.title, todo.note, todo.finish_note = words, "", ""
        if todo.is_open:
            todo.state, todo.finished_at = TodoState.SKIPPED, utc_now()
    db.session.flush()


def of_customer(customer_id: int) -> list[dict[str, Any]]:
    """Return the to-dos of a customer as plain data (PIPL 45)."""
    todos = db.session.scalars(sa.select(Todo).where(Todo.customer_id == customer_id).order_by(Todo.id))
    return [
        {
            "title": str(todo.title),
            "note": str(todo.note),
            "due_at": todo.due_at.isoformat() if todo.due_at else None,
            "state": str(todo.state),
            "how": todo.finish_note,
        }
        for todo in todos
    ]


def _finish_all(conditions: Sequence[sa.ColumnElement[bool]], note: str, at: dt.datetime | None) -> int:
    todos = db.session.scalars(
        sa.select(Todo).where(Todo.state == TodoState.OPEN, *conditions).with_for_update()
    ).all()
    for todo in todos:
        todo.state = TodoState.DONE
        todo.finished_at = at or utc_now()
        todo.finished_by_id = require_scope().user_id
        todo.finish_note = note.strip()[:LONGEST_NOTE]
    db.session.flush()
    return len(todos)


def _lock(todo: Todo) -> None:
    db.session.flush()
    db.session.refresh(todo, with_for_update=True)


def _require_open(todo: Todo) -> None:
    if not todo.is_open:
        raise TodoRefused(_("This was finished meanwhile. Reload the page to see by whom."))


def _kind_of(record: Any) -> RecordKind:
    kind = current_runtime().declared.record_kind_of(record)
    if kind is None:
        raise LookupError(f"{type(record).__name__} is not a declared record kind, so it has no to-dos.")
    return kind


def _id(thing: Any) -> int | None:
    return thing if thing is None or isinstance(thing, int) else int(thing.id)


def _unit_id(record: Any) -> int | None:
    if record is None:
        return None
    if type(record).__tablename__ == "unit":
        return int(record.id)
    found = getattr(record, "unit_id", None)
    return found if isinstance(found, int) else None


def _department_of_project(project_id: int | None) -> int | None:
    if project_id is None:
        return None
    # By table: projects stand above the machinery. The record itself was seen already.
    project = metadata.tables["project"].c
    with all_departments("finding the department of a record's project"):
        found: int | None = db.session.scalar(
            sa.select(project.department_id).where(project.id == project_id)
        )
    return found
