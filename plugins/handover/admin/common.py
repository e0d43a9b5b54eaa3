"""What the screens of the module share: references to records, days, marks, and buttons that take a step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from flask import flash, redirect
from markupsafe import Markup, escape
from werkzeug.wrappers import Response

from core.toolkit import (
    LOCAL_ZONE,
    ApprovalRefused,
    Building,
    Phase,
    Project,
    RecordView,
    Reference,
    SaveRefused,
    SearchDeclaration,
    TransitionRefused,
    Unit,
    User,
    _l,
    commit,
    db,
    in_language,
    status_mark,
    users_in_reach,
)
from plugins.contractors.models import Company
from plugins.handover import measures
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    HandoverBatch,
    InspectionTemplate,
)

REFUSALS = (HandoverRuleError, TransitionRefused, ApprovalRefused, measures.MeasureError)


def _users() -> Sequence[sa.ColumnElement[bool]]:
    return (User.id.in_(users_in_reach().with_only_columns(User.id).order_by(None)), User.active.is_(True))


PROJECTS = Reference(
    Project,
    lambda project: in_language(project.name, project.name_en),
    SearchDeclaration(columns=("name", "name_en", "code"), small_table=True),
    order_by=("code",),
)
PHASES = Reference(
    Phase,
    lambda phase: phase.name,
    SearchDeclaration(columns=("name", "code"), small_table=True),
    order_by=("code",),
    depends_on="project_id",
)
BUILDINGS = Reference(
    Building,
    lambda building: (
        f"{in_language(building.project.name, building.project.name_en)} · {building.name or building.code}"
    ),
    SearchDeclaration(columns=("name", "code"), small_table=True),
    order_by=("project_id", "code"),
)
UNITS = Reference(
    Unit,
    lambda unit: f"{unit.code} · {in_language(unit.project.name, unit.project.name_en)}",
    SearchDeclaration(columns=("code",), small_table=True, placeholder=_l("3-2-1502")),
    order_by=("project_id", "code"),
)
USERS = Reference(
    User,
    lambda user: user.name,
    SearchDeclaration(columns=("name",), small_table=True),
    order_by=("name",),
    narrow=_users,
)
COMPANIES = Reference(
    Company,
    lambda company: company.label,
    SearchDeclaration(columns=("name", "short_name"), small_table=True),
    order_by=("name",),
    narrow=lambda: (Company.archived_at.is_(None),),
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
