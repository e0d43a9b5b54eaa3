"""Moving records by the buttons of their pages and for ticked rows, as the workflow of a record view declares it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import abort
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import TextAreaField, ValidationError
from wtforms.fields.core import UnboundField
from wtforms.validators import InputRequired, Length, Optional

from core.admin.access import ViewDeclarationError, holds
from core.admin.actions import BulkAction
from core.admin.ajax import ReferenceField
from core.admin.forms import FormBuilder, GuardedForm
from core.admin.masking import sees_personal_data
from core.admin.searching import clean_text
from core.extensions import db
from core.machinery.workflow.services import Transition, TransitionRefused, Workflow

if TYPE_CHECKING:
    from core.admin.views import RecordView

COMMENT = "comment"
"""Name of the field for the reason of a move."""
LONGEST_COMMENT = 2000
BULK_PREFIX = "move-"


@dataclass(frozen=True)
class Button:
    """A step on the page of a record.

    Attributes:
        transition: The transition.
        refusal: Why it cannot be taken although state and right fit, or None.
        form: The form that asks for what the step needs, or None where one press is enough.
    """

    transition: Transition
    refusal: str | None
    form: GuardedForm | None


@dataclass
class Moved:
    """What a step did to ticked rows.

    Attributes:
        moved: Headings of the rows that moved.
        skipped: Heading and reason of each row that did not.
    """

    moved: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def workflow_of(view: RecordView) -> Workflow:
    """Return the workflow of a view; answers 404 where it has none."""
    return view.workflow if view.workflow is not None else abort(404)


def refusals_of(view: RecordView) -> tuple[type[Exception], ...]:
    """Return the exceptions whose message is a sentence for whoever pressed a button of a view."""
    return (TransitionRefused, ValidationError, *view.refusals)


# --- Forms


def step_forms(view: RecordView) -> dict[str, type[GuardedForm]]:
    """Return the form of each transition of a view that asks for something, by the code of the transition."""
    builder = FormBuilder(view)
    found: dict[str, type[GuardedForm]] = {}
    for transition in view.workflow.transitions if view.workflow is not None else ():
        required = transition.required or {}
        fields: dict[str, Any] = {
            name: _field(view, builder, name, label, name in required)
            for name, label in {**required, **(transition.optional or {})}.items()
        }
        if transition.reason:
            fields[COMMENT] = _text(_l("Reason"), True)
        if fields:
            found[transition.code] = type(f"{type(view).__name__}StepForm", (GuardedForm,), fields)
    return found


def _field(view: RecordView, builder: FormBuilder, name: str, label: Any, required: bool) -> Any:
    declared = view.step_fields.get(name)
    if declared is None and name not in builder.mapper.column_attrs:
        return _text(label, required)
    unbound = declared if isinstance(declared, UnboundField) else builder.field(name)
    # The words and the duty to fill it in are those of the step, the rest is that of the column.
    arguments = dict(unbound.kwargs)
    validators = arguments.pop("validators", None) or (unbound.args[1] if len(unbound.args) > 1 else ())
    arguments.pop("label", None)
    kept = [each for each in validators or () if not isinstance(each, (InputRequired, Optional))]
    if issubclass(unbound.field_class, ReferenceField):
        raise ViewDeclarationError(
            f"{type(view).__qualname__}: a step asks for the foreign key {name!r}; declare step_fields[{name!r}] as a "
            "SelectField and fill its choices in prepare_step."
        )
    kept.insert(0, InputRequired() if required else Optional())
    return unbound.field_class(label, kept, **arguments)


def _text(label: Any, required: bool) -> Any:
    validators = [InputRequired() if required else Optional(), Length(max=LONGEST_COMMENT)]
    return TextAreaField(label, validators, filters=[_clean])


def _clean(value: Any) -> Any:
    return clean_text(value).strip() if isinstance(value, str) else value


def step_form(view: RecordView, record: Any | None, transition: Transition, data: Any) -> GuardedForm | None:
    """Return the form of a step for one record (None for ticked rows), or None where the step asks for nothing.

    Args:
        view: The view.
        record: The record, whose values stand in the fields at first.
        transition: The transition.
        data: What was sent, or None.
    """
    made = view.step_form_classes.get(transition.code)
    if made is None:
        return None
    form = made(data, data=_shown(view, record, made) if data is None and record is not None else None)
    for name, each in form._fields.items():
        each.id = each.label.field_id = f"{transition.code}-{name}"
    view.prepare_step(form, record, transition)
    return form if form._fields else None


def _shown(view: RecordView, record: Any, form: type[GuardedForm]) -> dict[str, Any]:
    """Return what the record holds of the fields already; personal values are never filled in."""
    names = [each.key for each in sa.inspect(view.model).column_attrs if hasattr(form, each.key)]
    masked = () if sees_personal_data() else view.personal_columns
    return {name: getattr(record, name) for name in names if name not in masked}


# --- Record pages


def offered(view: RecordView, code: str | None) -> Transition:
    """Return the transition that a form names; answers 404 for others and 403 without its permission."""
    for transition in workflow_of(view).transitions:
        if transition.code == code and transition.offered:
            if transition.permission is not None and not holds(transition.permission):
                abort(403)
            return transition
    abort(404)


def buttons(view: RecordView, record: Any) -> list[Button]:
    """Return the steps that the state of a record and the rights of the acting user allow."""
    if view.workflow is None:
        return []
    found = []
    for step in view.workflow.possible(record):
        transition = step.transition
        if not transition.offered or (step.refusal is not None and not transition.explain):
            continue
        form = None if step.refusal is not None else step_form(view, record, transition, None)
        found.append(Button(transition, step.refusal, form))
    return found


def values_of(form: GuardedForm | None) -> dict[str, Any]:
    """Return what was typed into the form of a step."""
    return {} if form is None else form.values()


def done_sentence(view: RecordView, record: Any) -> str:
    """Return the sentence that says in which state a record is now."""
    return _(
        "%(record)s is now “%(state)s”.",
        record=view.heading_of(record),
        state=workflow_of(view).state_of(record).label,
    )


# --- Ticked rows


def bulk_transitions(view: RecordView) -> dict[str, BulkAction]:
    """Return the transitions that the list of a view offers for ticked rows, as its actions."""
    found = {}
    for transition in view.workflow.transitions if view.workflow is not None else ():
        if transition.bulk and transition.offered:
            name = f"{BULK_PREFIX}{transition.code}"
            permission = transition.permission or view.permissions.view
            found[name] = BulkAction(name, transition.label, None, permission, "", transition)
    return found


def legal_actions(view: RecordView, usable: list[BulkAction], records: Sequence[Any]) -> list[BulkAction]:
    """Leave out the transitions for which no row of the page is in the right state."""
    if view.workflow is None or not any(action.transition is not None for action in usable):
        return usable
    attribute = view.workflow.attribute
    # Most lists have loaded the state, because they show it.
    states = {vars(record)[attribute] for record in records if attribute in vars(record)}
    keys = [record.id for record in records if attribute not in vars(record)]
    if keys:
        state = getattr(view.model, attribute)
        states.update(db.session.scalars(sa.select(state).where(view.model.id.in_(keys)).distinct()))
    return [
        action
        for action in usable
        if action.transition is None or states.intersection(action.transition.sources)
    ]


def sorted_out(view: RecordView, records: Sequence[Any], transition: Transition) -> tuple[list[Any], Moved]:
    """Return the rows that may make a transition now, and the others with their reasons."""
    outcome, legal = Moved(), []
    workflow = workflow_of(view)
    for record in records:
        refusal = workflow.refusal(record, transition.code)
        if refusal is None:
            legal.append(record)
        else:
            outcome.skipped.append((view.heading_of(record), refusal))
    return legal, outcome


def move_chosen(
    view: RecordView, records: Sequence[Any], transition: Transition, values: Mapping[str, Any]
) -> Moved:
    """Make a transition for each row that may, each in a SAVEPOINT of its own, and list the others."""
    legal, outcome = sorted_out(view, records, transition)
    for record in legal:
        heading = view.heading_of(record)
        try:
            with db.session.begin_nested():
                view.take_step(record, transition, values)
                db.session.flush()
        except refusals_of(view) as refused:
            outcome.skipped.append((heading, str(refused)))
        else:
            outcome.moved.append(heading)
    return outcome
