"""State machines of records: what may be done now, moving, and the history (domain reference 3.7.2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app
from flask_babel import gettext as _
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.attributes import get_history

from core.database.base import Model
from core.database.owners import owner_of
from core.database.scope import require_scope
from core.database.types import Wording
from core.extensions import db
from core.languages import Text, cut, in_each_language
from core.machinery.workflow.models import WorkflowMove
from core.plugin_system.declarations import State, Transition, WorkflowDeclaration
from core.plugin_system.runtime import current_runtime

__all__ = [
    "MoveLine",
    "State",
    "Step",
    "Transition",
    "TransitionRefused",
    "Workflow",
    "diagram",
    "history_of",
    "set_up_workflows",
]

_EXTENSION = "doorstep.workflow"
_CHANGEABLE = frozenset({"comment", "customer_id", "record_id"})
"""What merging and erasing customers changes in a move."""

WriteTimeline = Callable[..., Any]


class TransitionRefused(ValueError):
    """A record may not move; the message is a full sentence for the user."""


class HistoryImmutable(RuntimeError):
    """A move of the history was to be changed or removed."""


@dataclass(frozen=True)
class Step:
    """A transition that the state of a record and the rights of the acting user allow.

    Attributes:
        transition: The transition.
        refusal: Why its guard holds it back all the same, as a full sentence, or None.
    """

    transition: Transition
    refusal: str | None = None


@dataclass(frozen=True)
class MoveLine:
    """A move as the history shows it; states and transitions that are not declared any more show their codes."""

    at: dt.datetime
    who: str
    label: Any
    source: Any
    target: Any
    tone: str
    comment: str | Wording


@dataclass(frozen=True)
class Workflow(WorkflowDeclaration):
    """The states of one model and the transitions between them; it also moves records.

    Attributes:
        name: ``<slug>.<noun>``, for example ``handover.defect``.
        states: All states, the first is the initial one.
        transitions: All transitions.
        attribute: The model's attribute that holds the state.
        record_kind: Code of the record kind whose records it moves; needed where the workflow is declared by the hook.
    """

    def transition(self, code: str) -> Transition:
        """Return a transition by its code.

        Raises:
            TransitionRefused: There is no such transition.
        """
        for transition in self.transitions:
            if transition.code == code:
                return transition
        raise TransitionRefused(
            _("There is no step “%(step)s” for this record. Reload the page and choose again.", step=code)
        )

    def state_of(self, record: Any) -> State:
        """Return the state that ``record`` is in."""
        return self.state(getattr(record, self.attribute))

    def possible(self, record: Any) -> list[Step]:
        """Return the transitions that state and permission allow, each with the sentence of a guard that refuses."""
        permissions = require_scope().permissions
        current = getattr(record, self.attribute)
        return [
            Step(transition, _guarded(transition, record, {}))
            for transition in self.transitions
            if current in transition.sources
            and (transition.permission is None or transition.permission in permissions)
        ]

    def available(self, record: Any) -> list[Transition]:
        """Return the transitions that the acting user may do now: state and permission fit, and the guard agrees."""
        return [step.transition for step in self.possible(record) if step.refusal is None]

    def refusal(self, record: Any, code: str, fields: Mapping[str, Any] | None = None) -> str | None:
        """Return why a record may not make a transition now, as a full sentence, or None.

        Args:
            record: A loaded record.
            code: The transition.
            fields: What would be given with it; the guard is asked with it.
        """
        transition = self.transition(code)
        return self._closed(transition, record) or _guarded(transition, record, fields or {})

    def _closed(self, transition: Transition, record: Any) -> str | None:
        """Return why the state or the rights of the acting user do not allow a transition, or None."""
        current = getattr(record, self.attribute)
        if current not in transition.sources:
            return _(
                "“%(step)s” is not possible: the record is in state “%(state)s” by now. "
                "Reload the page to see what happened.",
                step=str(transition.label),
                state=str(self.state(current).label),
            )
        if transition.permission is not None and transition.permission not in require_scope().permissions:
            return _(
                "“%(step)s” needs a right that your role does not have in this department.",
                step=str(transition.label),
            )
        return None

    def move(self, record: Any, code: str, comment: Text = "", **fields: Any) -> Transition:
        """Move ``record`` along a transition, set the given fields, and note the move in the history.

        The row is locked and read again first, so that of two people who press the same button one is refused.

        Args:
            record: A loaded record.
            code: The transition.
            comment: The reason or remark, for the history: what was typed, or a lazy text, which each reader gets in
                his language. What was typed into required texts stands there otherwise.
            fields: Values for the attributes that the transition requires or that change with it.

        Raises:
            TransitionRefused: The state, the permission, a required field, the reason or the guard forbids it.
        """
        transition = self.transition(code)
        if record.id is not None and not db.session.is_modified(record):
            db.session.refresh(record, with_for_update=True)
        if (refusal := self._closed(transition, record)) is not None:
            raise TransitionRefused(refusal)
        remark = cut(comment)
        wanted = dict(transition.required or {})
        given = {**fields, "comment": remark} if transition.reason else fields
        if transition.reason:
            wanted["comment"] = _("Reason")
        for name, label in wanted.items():
            if given.get(name) in (None, "", [], ()):
                raise TransitionRefused(
                    _(
                        "“%(step)s” needs “%(field)s”. Fill it in and try again.",
                        step=str(transition.label),
                        field=str(label),
                    )
                )
        if (refusal := _guarded(transition, record, fields)) is not None:
            raise TransitionRefused(refusal)
        source = getattr(record, self.attribute)
        for name, value in fields.items():
            if hasattr(type(record), name):
                setattr(record, name, value)
        setattr(record, self.attribute, transition.target)
        db.session.flush()
        if isinstance(record, Model):
            typed = [fields[name] for name in transition.required or () if isinstance(fields[name], str)]
            self._note(record, transition, source, remark or " · ".join(typed))
        return transition

    def _note(self, record: Any, transition: Transition, source: str, comment: str | Wording) -> None:
        declared = current_runtime().declared
        kind = declared.record_kind_of(record)
        where = {
            "record_kind": kind.code if kind is not None else type(record).__tablename__,
            "record_id": record.id,
        }
        move = WorkflowMove(
            workflow=self.name,
            transition=transition.code,
            from_state=source,
            to_state=transition.target,
            comment=comment,
            moved_by_id=require_scope().user_id,
            **where,
            **owner_of(record).as_columns(),
        )
        db.session.add(move)
        db.session.flush()
        write: WriteTimeline | None = current_app.extensions.get(_EXTENSION)
        if transition.timeline is not None and write is not None:
            write(
                transition.timeline,
                in_each_language(
                    lambda: _(
                        "%(record)s: %(step)s",
                        record=kind.title(record) if kind is not None else str(record),
                        step=transition.label,
                    )
                ),
                customer=_subject(record, where["record_kind"], "customer"),
                unit=_subject(record, where["record_kind"], "unit"),
                project=getattr(record, "project", None),
                details={"workflow": self.name, "from": source, "to": transition.target},
                **where,
            )


def _subject(record: Any, kind: str, name: str) -> Any:
    """Return the customer or unit that a record speaks of: itself, or the one it refers to."""
    return record if kind == f"core.{name}" else getattr(record, name, None)


def _guarded(transition: Transition, record: Any, fields: Mapping[str, Any]) -> str | None:
    reason = transition.guard(record, fields) if transition.guard is not None else None
    return None if reason is None else str(reason)


def set_up_workflows(app: Flask, session_factory: Any, write_timeline: WriteTimeline | None) -> None:
    """Guard the history, and hand over how a move reaches the timeline, if there is one."""
    app.extensions[_EXTENSION] = write_timeline
    for name, listener in (("before_flush", _check_flush), ("do_orm_execute", _check_statement)):
        if not sa.event.contains(session_factory, name, listener):
            sa.event.listen(session_factory, name, listener)


def _check_flush(session: Session, _context: Any, _instances: Any) -> None:
    if any(isinstance(row, WorkflowMove) for row in session.deleted):
        raise HistoryImmutable("A move of the history cannot be removed.")
    for row in session.dirty:
        if isinstance(row, WorkflowMove):
            changed = {
                attribute.key
                for attribute in sa.inspect(WorkflowMove).column_attrs
                if get_history(row, attribute.key).has_changes()
            }
            if changed - _CHANGEABLE:
                raise HistoryImmutable(f"{', '.join(sorted(changed))} of a move cannot be changed.")


def _check_statement(state: ORMExecuteState) -> None:
    if not (state.is_update or state.is_insert):
        return
    if getattr(getattr(state.statement, "table", None), "name", "") == WorkflowMove.__tablename__:
        raise HistoryImmutable("Moves are written one by one by Workflow.move alone.")


def _of(record: Any) -> list[sa.ColumnElement[bool]]:
    kind = current_runtime().declared.record_kind_of(record)
    code = kind.code if kind is not None else type(record).__tablename__
    return [WorkflowMove.record_kind == code, WorkflowMove.record_id == record.id]


def history_of(record: Any, limit: int = 50) -> list[MoveLine]:
    """Return the newest moves of a record, newest first.

    Args:
        record: A loaded record.
        limit: How many at the most.
    """
    account = WorkflowMove.metadata.tables["user_account"].c
    rows = db.session.execute(
        sa.select(WorkflowMove, account.name, account.email)
        .outerjoin(account.id.table, account.id == WorkflowMove.moved_by_id)
        .where(*_of(record))
        .order_by(WorkflowMove.id.desc())
        .limit(limit)
    )
    return [_line(move, name or email or "") for move, name, email in rows]


def _line(move: WorkflowMove, who: str) -> MoveLine:
    declared = current_runtime().declared.workflow(move.workflow)
    states = {state.code: state for state in declared.states} if declared is not None else {}
    labels = {each.code: each.label for each in declared.transitions} if declared is not None else {}
    source, target = states.get(move.from_state), states.get(move.to_state)
    return MoveLine(
        at=move.moved_at,
        who=who,
        label=labels.get(move.transition, move.transition),
        source=source.label if source is not None else move.from_state,
        target=target.label if target is not None else move.to_state,
        tone=target.tone if target is not None else "calm",
        comment=move.comment,
    )


def has_history(record: Any) -> bool:
    """Return whether a declared workflow moves records of this kind."""
    declared = current_runtime().declared
    kind = declared.record_kind_of(record)
    return kind is not None and any(each.record_kind == kind.code for each in declared.workflows())


def move_to_customer(kept_id: int, merged_id: int) -> None:
    """Move the history of a merged customer's records to the one that is kept."""
    kinds = {
        kind.code
        for kind in current_runtime().declared.record_kinds()
        if kind.model.__tablename__ == "customer"
    }
    for move in db.session.scalars(sa.select(WorkflowMove).where(WorkflowMove.customer_id == merged_id)):
        move.customer_id = kept_id
        if move.record_kind in kinds and move.record_id == merged_id:
            move.record_id = kept_id
    db.session.flush()


def erase_of_customer(customer_id: int) -> None:
    """Blank what was said at the moves of an erased customer's records."""
    for move in db.session.scalars(sa.select(WorkflowMove).where(WorkflowMove.customer_id == customer_id)):
        move.comment = ""
    db.session.flush()


def of_customer(customer_id: int) -> list[dict[str, Any]]:
    """Return the moves of a customer's records, as plain data (PIPL 45)."""
    rows = db.session.scalars(sa.select(WorkflowMove).where(WorkflowMove.customer_id == customer_id))
    return [
        {
            "workflow": row.workflow,
            "moved_at": row.moved_at.isoformat(),
            "from": row.from_state,
            "to": row.to_state,
            "comment": str(row.comment),
        }
        for row in rows
    ]


def diagram(workflow: WorkflowDeclaration, wording: Callable[[Any], str] = str) -> str:
    """Return the workflow as a Mermaid state diagram for the documentation.

    Args:
        workflow: The workflow.
        wording: Turns the label of a state or a transition into the words of the diagram.
    """

    def plain(text: str) -> str:
        return text.replace(":", " ").replace(";", ",")

    lines = ["stateDiagram-v2"]
    lines += [f"    {state.code}: {plain(wording(state.label))}" for state in workflow.states]
    lines.append(f"    [*] --> {workflow.states[0].code}")
    ends: Sequence[State] = [
        state
        for state in workflow.states
        if not any(state.code in each.sources for each in workflow.transitions)
        and any(state.code == each.target for each in workflow.transitions)
    ]
    for transition in workflow.transitions:
        lines += [
            f"    {source} --> {transition.target}: {plain(wording(transition.label))}"
            for source in transition.sources
        ]
    lines += [f"    {state.code} --> [*]" for state in ends]
    return "\n".join(lines) + "\n"
