"""What the screens of the module share: references to records, days, marks, and buttons that take a step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache
from typing import Any

from flask import flash, redirect
from markupsafe import Markup, escape
from werkzeug.wrappers import Response

from core.toolkit import (
    LOCAL_ZONE,
    ApprovalRefused,
    Phase,
    RecordView,
    Reference,
    SaveRefused,
    SearchDeclaration,
    TransitionRefused,
    _l,
    commit,
    db,
    status_mark,
)
from plugins.handover import measures
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    HandoverBatch,
    InspectionTemplate,
)

REFUSALS = (HandoverRuleError, TransitionRefused, ApprovalRefused, measures.MeasureError)


PHASES = Reference(
    Phase,
    lambda phase: phase.name,
    SearchDeclaration(columns=("name", "code"), small_table=True),
    order_by=("code",),
    depends_on="project_id",
)
BATCHES = Reference(
    HandoverBatch,
    lambda batch: f"{batch.code} {batch.name}",
    SearchDeclaration(columns=("name", "code"), small_table=True),
    order_by=("code",),
)
TEMPLATES = Reference(
    InspectionTemplate,
    lambda template: template.title,
    SearchDeclaration(columns=("name", "name_en"), small_table=True),
    order_by=("id",),
)
NUMBER_SEARCH = _l("Number")


def day(moment: dt.datetime | None) -> str:
    """Return the day of a moment in China."""
    return moment.astimezone(LOCAL_ZONE).date().isoformat() if moment is not None else ""


def status(tone: str, text: Any) -> Markup:
    """Return a coloured word."""
    return status_mark(tone, text)


@cache
def severity_mark(level: Any) -> Markup:
    """Return a severity; the two worst are red."""
    return Markup(f'<span class="sev {escape(str(level).lower())}">{escape(level)}</span>')  # noqa: S704 (escaped)


def tones(workflow: Any) -> dict[Any, tuple[str, Any]]:
    """Return the words and tones of the states of a workflow, for a column that shows them."""
    return {state.code: (state.tone, state.label) for state in workflow.states}


class HandoverView(RecordView):
    """What the views of this module share: a button posts a step, a service takes it, and the page comes back."""

    refusals = REFUSALS

    def carry_out(self, record: Any, step: Callable[[], Any], done: Any) -> Response:
        """Carry out a step of a service and show the record again; what a rule refuses is said there.

        Args:
            record: The loaded record.
            step: The call of the service.
            done: The sentence that says what was done; formatted before the commit.
        """
        address = self.address("details_view", id=record.id)
        try:
            step()
            sentence = str(done() if callable(done) else done)
            commit()
        except (*REFUSALS, SaveRefused) as refused:
            db.session.rollback()
            flash(str(refused), "error")
        else:
            flash(sentence, "success")
        return redirect(address, 303)


def refusal_of(check: Callable[[], Any]) -> str | None:
    """Return the sentence with which a rule refuses, or None when it does not."""
    try:
        check()
    except HandoverRuleError as refused:
        return str(refused)
    return None
