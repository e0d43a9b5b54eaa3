"""State machines of records: states, transitions, guards, reasons (domain reference 3.7.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from core.database.scope import require_scope
from core.extensions import db

Text = Any


@dataclass(frozen=True)
class State:
    """A state that a record can be in.

    Attributes:
        code: Stored value.
        label: What staff read.
        tone: Colour family of the look: ``calm``, ``wait``, ``late`` or ``ok``.
    """

    code: str
    label: Text
    tone: str = "calm"


@dataclass(frozen=True)
class Transition:
    """A way from some states to another.

    Attributes:
        code: Name of the transition, unique in its workflow.
        label: Text of the button.
        sources: States it starts from.
        target: State it leads to.
        permission: Needed to do it; None means anyone who may see the record.
        required: Fields that must be given, by name, with the label a message calls them by.
        guard: Returns a sentence that says why the record may not move now, or None.
    """

    code: str
    label: Text
    sources: tuple[str, ...]
    target: str
    permission: str | None = None
    required: Mapping[str, Text] | None = None
    guard: Callable[[Any, Mapping[str, Any]], Text | None] | None = None


class TransitionRefused(ValueError):
    """A record may not move; the message is a full sentence for the user."""


@dataclass(frozen=True)
class Workflow:
    """The states of one model and the transitions between them.

    Attributes:
        name: ``<slug>.<noun>``, for example ``handover.defect``.
        states: All states, the first is the initial one.
        transitions: All transitions.
        attribute: The model's attribute that holds the state.
    """

    name: str
    states: Sequence[State]
    transitions: Sequence[Transition]
    attribute: str = "state"

    def __post_init__(self) -> None:
        codes = [state.code for state in self.states]
        if len(codes) != len(set(codes)):
            raise ValueError(f"Workflow {self.name} names a state twice.")
        names = [transition.code for transition in self.transitions]
        if len(names) != len(set(names)):
            raise ValueError(f"Workflow {self.name} names a transition twice.")
        for transition in self.transitions:
            unknown = {*transition.sources, transition.target} - set(codes)
            if unknown:
                raise ValueError(
                    f"Transition {transition.code} of {self.name} names unknown states {sorted(unknown)}."
                )

    def state(self, code: str) -> State:
        """Return a state by its code."""
        return next(state for state in self.states if state.code == code)

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

    def available(self, record: Any) -> list[Transition]:
        """Return the transitions that the acting user may do now: state and permission fit, and the guard agrees."""
        permissions = require_scope().permissions
        current = getattr(record, self.attribute)
        return [
            transition
            for transition in self.transitions
            if current in transition.sources
            and (transition.permission is None or transition.permission in permissions)
            and (transition.guard is None or transition.guard(record, {}) is None)
        ]

    def move(self, record: Any, code: str, **fields: Any) -> Transition:
        """Move ``record`` along a transition and set the given fields.

        The row is locked and read again first, so that of two people who press the same button one is refused.

        Args:
            record: A loaded record.
            code: The transition.
            fields: Values for the attributes that the transition requires or that change with it.

        Raises:
            TransitionRefused: The state, the permission, a required field or the guard forbids it.
        """
        transition = self.transition(code)
        if record.id is not None and not db.session.is_modified(record):
            db.session.refresh(record, with_for_update=True)
        current = getattr(record, self.attribute)
        if current not in transition.sources:
            raise TransitionRefused(
                _(
                    "“%(step)s” is not possible: the record is in state “%(state)s” by now. "
                    "Reload the page to see what happened.",
                    step=str(transition.label),
                    state=str(self.state(current).label),
                )
            )
        if transition.permission is not None and transition.permission not in require_scope().permissions:
            raise TransitionRefused(
                _(
                    "“%(step)s” needs a right that your role does not have in this department.",
                    step=str(transition.label),
                )
            )
        for name, label in (transition.required or {}).items():
            if fields.get(name) in (None, "", [], ()):
                raise TransitionRefused(
                    _(
                        "“%(step)s” needs “%(field)s”. Fill it in and try again.",
                        step=str(transition.label),
                        field=str(label),
                    )
                )
        reason = transition.guard(record, fields) if transition.guard is not None else None
        if reason is not None:
            raise TransitionRefused(str(reason))
        for name, value in fields.items():
            if hasattr(type(record), name):
                setattr(record, name, value)
        setattr(record, self.attribute, transition.target)
        db.session.flush()
        return transition


def diagram(workflow: Workflow) -> str:
    """Return the workflow as a Mermaid state diagram for the documentation."""
    lines = ["stateDiagram-v2", f"    [*] --> {workflow.states[0].code}"]
    for transition in workflow.transitions:
        lines += [f"    {source} --> {transition.target}: {transition.code}" for source in transition.sources]
    return "\n".join(lines) + "\n"
