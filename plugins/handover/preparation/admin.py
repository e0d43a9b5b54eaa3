"""What staff see of the preparation: timetable, plan tasks, risk check, rules of fees, area settlements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import flash, redirect, request
from sqlalchemy.orm import joinedload, undefer
from werkzeug.wrappers import Response

from core.toolkit import (
    PROJECTS,
    BooleanFilter,
    ChoiceFilter,
    DateRangeFilter,
    FilterValueError,
    GuardedForm,
    Project,
    RecordView,
    ReferenceFilter,
    SaveRefused,
    SearchDeclaration,
    Transition,
    User,
    ViewPermissions,
    _,
    _l,
    colleagues_with,
    commit,
    db,
    expose_guarded,
    money,
    ngettext,
    strict_id,
)
from plugins.handover import words as handover_words
from plugins.handover.admin import BATCHES, REFUSALS, HandoverView, refusal_of, status, tones
from plugins.handover.models import FeeKind, HandoverUnit
from plugins.handover.preparation import panels, words
from plugins.handover.preparation.models import (
    AreaSettlement,
    FeeMethod,
    FeeRule,
    PlanStep,
    PlanTask,
    RiskCategory,
    RiskItem,
)
from plugins.handover.preparation.services import charges, plan, risks
from plugins.handover.preparation.workflows import AREA, PLAN_TASK, RISK

ROLE_CHOICES = tuple(words.ROLES.items())


def _key_of_address(name: str) -> int | None:
    return strict_id(request.args.get(name, ""))


class StepView(HandoverView):
    """The timetable of departments."""

    permissions = ViewPermissions(
        "handover.view", "handover.edit_plan", "handover.edit_plan", "handover.edit_plan"
    )
    record_kind = "handover.plan_step"
    column_list = ("offset", "name", "owner_role", "paper", "required", "active", "department.name")
    column_details_list = (
        "offset",
        "code",
        "title",
        "title_en",
        "owner_role",
        "deliverable",
        "deliverable_en",
        "required",
        "until_close",
        "active",
        "department.name",
    )
    column_labels = {
        "offset": _l("From T"),
        "offset_days": _l("Days from T (before it: negative)"),
        "code": _l("Code"),
        "name": _l("Task"),
        "title": _l("Task"),
        "title_en": _l("Task in English"),
        "owner_role": _l("Responsible role"),
        "paper": _l("What is handed in"),
        "deliverable": _l("What is handed in"),
        "deliverable_en": _l("What is handed in, in English"),
        "required": _l("Needed before any delivery (K04)"),
        "until_close": _l("Until the last concentrated day"),
        "active": _l("State"),
        "department.name": _l("Department"),
    }
    choices = {"owner_role": ROLE_CHOICES}
    status_columns = {
        "required": {True: ("wait", _l("Required")), False: ("calm", "")},
        "active": {True: ("ok", _l("In use")), False: ("calm", _l("Left out"))},
    }
    cells = {
        "offset": lambda step: panels.offset_title(step),
        "name": lambda step: handover_words.local(step, "title"),
        "paper": lambda step: handover_words.local(step, "deliverable"),
    }
    list_options = tuple(
        undefer(getattr(PlanStep, name))
        for name in ("offset_days", "until_close", "title", "title_en", "deliverable", "deliverable_en")
    )
    search = SearchDeclaration(columns=("title", "title_en", "code"), small_table=True)
    sortable = ()
    form_columns = (
        "code",
        "offset_days",
        "title",
        "title_en",
        "owner_role",
        "deliverable",
        "deliverable_en",
        "required",
        "until_close",
        "active",
    )
    create_only_columns = frozenset({"code"})
    form_args = {"active": {"label": _l("In use")}}
    list_template = "handover/preparation/steps.html"
    empty_list_hint = _l("Run “doorstep setup” to load the standard timetable.")

    def has_own_timetable(self) -> bool:
        """Return whether the acting department has steps of its own."""
        return refusal_of(plan.require_no_timetable) is not None

    def create_record(self, form: GuardedForm) -> PlanStep:
        """Add a step to the own timetable."""
        return plan.save_step(None, form.values())

    def why_locked(self, record: PlanStep) -> str | None:
        """Return why a step is not changed: it is another department's."""
        return refusal_of(lambda: plan.require_own(record))

    def update_record(self, record: PlanStep, form: GuardedForm) -> None:
        """Change a step of the own timetable."""
        plan.save_step(record, form.values())

    def delete_record(self, record: PlanStep) -> None:
        """Delete a step of the own timetable; plans that were made with it keep their tasks."""
        plan.require_own(record)
        db.session.delete(record)

    @expose_guarded("/own/", permission="handover.edit_plan", methods=("POST",))
    def own(self) -> Response:
        """Copy the timetable that counts into one of the acting department."""
        try:
            count = plan.own_timetable()
            commit()
        except (*REFUSALS, SaveRefused) as refused:
            db.session.rollback()
            flash(str(refused), "error")
        else:
            flash(
                ngettext(
                    "Your department has a timetable of its own now, with %(num)d step.",
                    "Your department has a timetable of its own now, with %(num)d steps.",
                    count,
                ),
                "success",
            )
        return redirect(self.address("index_view"), 303)


@dataclass(frozen=True)
class LateFilter(BooleanFilter):
    """Past its day and not done."""

    def conditions(self, view: RecordView, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        """Return the condition of what was chosen."""
        if typed[0] not in {"0", "1"}:
            raise FilterValueError(_("Choose yes or no."))
        late = plan.overdue_condition()
        return [late if typed[0] == "1" else sa.not_(late)]


def task_mark(task: PlanTask) -> Any:
    """Return the state of a task; one past its day is red."""
    state = PLAN_TASK.state_of(task)
    if plan.is_overdue(task):
        return status("late", _("%(state)s, overdue", state=state.label))
    return status(state.tone, state.label)


def late_tasks() -> int | None:
    """Return how many tasks are past their day, for the sidebar."""
    counted = sa.select(PlanTask.id).where(plan.overdue_condition()).limit(1000).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(counted)) or None


class TaskView(HandoverView):
    """The tasks of the plans of batches."""

    permissions = ViewPermissions("handover.view", "handover.plan", "handover.plan", None, "handover.export")
    record_kind = "handover.plan_task"
    column_list = ("due_on", "offset", "name", "batch.code", "owner_role", "person", "progress")
    column_details_list = (
        "batch.name",
        "offset",
        "title",
        "title_en",
        "owner_role",
        "person",
        "due_on",
        "fixed",
        "deliverable",
        "required",
        "progress",
        "result",
        "done_at",
        "finisher",
    )
    column_export_list = ("due_on", "title", "batch.code", "owner_role", "deliverable", "state", "done_at")
    column_labels = {
        "due_on": _l("To be done by"),
        "offset": _l("From T"),
        "offset_days": _l("Days from T"),
        "name": _l("Task"),
        "title": _l("Task"),
        "title_en": _l("Task in English"),
        "batch.code": _l("Batch"),
        "batch.name": _l("Batch"),
        "batch_id": _l("Batch"),
        "owner_role": _l("Responsible role"),
        "person": _l("Responsible"),
        "responsible_id": _l("Responsible"),
        "deliverable": _l("What is handed in"),
        "deliverable_en": _l("What is handed in, in English"),
        "required": _l("Needed before any delivery (K04)"),
        "fixed": _l("Day set by hand"),
        "progress": _l("State"),
        "state": _l("State"),
        "result": _l("Result, or number of the paper"),
        "done_at": _l("Done on"),
        "finisher": _l("Done by"),
        "done_by_id": _l("Done by"),
    }
    choices = {
        "owner_role": ROLE_CHOICES,
        "state": tuple((state.code, state.label) for state in PLAN_TASK.states),
    }
    status_columns = {
        "required": {True: ("wait", _l("Required")), False: ("calm", _l("No"))},
        "fixed": {
            True: ("calm", _l("Yes, it does not move with T")),
            False: ("calm", _l("No, it moves with T")),
        },
    }
    cells = {
        "offset": lambda task: panels.offset_title(task),
        "name": lambda task: words.local(task, "title"),
        "person": lambda task: task.responsible.name if task.responsible else "",
        "finisher": lambda task: task.done_by.name if task.done_by else "",
        "progress": task_mark,
    }
    list_options = (
        undefer(PlanTask.title),
        undefer(PlanTask.title_en),
        undefer(PlanTask.offset_days),
        undefer(PlanTask.until_close),
        undefer(PlanTask.state),
        joinedload(PlanTask.responsible).load_only(User.name),
    )
    workflow = PLAN_TASK
    search = SearchDeclaration(columns=("title", "title_en"), small_table=True, placeholder=_l("Task"))
    filters = (
        ReferenceFilter("batch_id", reference=BATCHES),
        ChoiceFilter("state"),
        ChoiceFilter("owner_role"),
        DateRangeFilter("due_on"),
        LateFilter("fixed", label=_l("Overdue")),
    )
    sortable = ("due_on",)
    default_sort = ("due_on", False)
    form_columns = (
        "batch_id",
        "title",
        "title_en",
        "owner_role",
        "responsible_id",
        "due_on",
        "deliverable",
        "required",
    )
    create_only_columns = frozenset({"batch_id"})
    references = {"batch_id": BATCHES, "responsible_id": colleagues_with("handover.view")}
    form_args = {
        "batch_id": {"default": lambda: _key_of_address("batch_id")},
        "responsible_id": {"description": _l("Empty: whoever holds the role.")},
        "due_on": {"description": _l("A day that you choose yourself stays when T moves.")},
        "required": {"description": _l("No house counts as ready for delivery before it is done.")},
    }
    empty_list_hint = _l("Give a batch its contract delivery date; then it gets its plan.")

    def create_record(self, form: GuardedForm) -> PlanTask:
        """Add a task to the plan of a batch."""
        values = form.values()
        values.pop("batch_id")
        return plan.add_task(form["batch_id"].record, values)

    def why_locked(self, record: PlanTask) -> str | None:
        """Return why a task is not changed: it is done, or not needed."""
        return refusal_of(lambda: plan.require_running(record))

    def update_record(self, record: PlanTask, form: GuardedForm) -> None:
        """Change a task."""
        plan.change_task(record, form.values())

    def take_step(self, record: PlanTask, transition: Transition, values: Mapping[str, Any]) -> None:
        """Call the service of a step."""
        plan.take_step(record, transition.code, values)


class RiskView(HandoverView):
    """The points of the risk checks."""

    permissions = ViewPermissions("handover.view", "handover.plan", "handover.plan", None, "handover.export")
    record_kind = "handover.risk"
    column_list = ("code", "name", "category", "batch.code", "owner_role", "due_on", "state")
    column_details_list = (
        "batch.name",
        "category",
        "code",
        "title",
        "title_en",
        "owner_role",
        "person",
        "due_on",
        "state",
        "finding",
        "measure",
    )
    column_export_list = (
        "code",
        "title",
        "category",
        "batch.code",
        "owner_role",
        "due_on",
        "state",
        "finding",
        "measure",
    )
    column_labels = {
        "code": _l("Code"),
        "name": _l("What is checked"),
        "title": _l("What is checked"),
        "title_en": _l("What is checked, in English"),
        "category": _l("Category"),
        "batch.code": _l("Batch"),
        "batch.name": _l("Batch"),
        "batch_id": _l("Batch"),
        "owner_role": _l("Responsible role"),
        "person": _l("Responsible"),
        "responsible_id": _l("Responsible"),
        "due_on": _l("Until"),
        "state": _l("State"),
        "finding": _l("What is at risk"),
        "measure": _l("What was done"),
    }
    choices = {"category": tuple(words.CATEGORIES.items()), "owner_role": ROLE_CHOICES}
    status_columns = {"state": tones(RISK)}
    cells = {
        "name": lambda item: words.local(item, "title"),
        "person": lambda item: item.responsible.name if item.responsible else "",
    }
    list_options = (undefer(RiskItem.title), undefer(RiskItem.title_en))
    workflow = RISK
    search = SearchDeclaration(columns=("title", "title_en", "finding"), small_table=True)
    filters = (
        ReferenceFilter("batch_id", reference=BATCHES),
        ChoiceFilter("state"),
        ChoiceFilter("category"),
        DateRangeFilter("due_on"),
    )
    sortable = ("due_on",)
    form_columns = ("batch_id", "category", "title", "title_en", "owner_role", "responsible_id", "due_on")
    create_only_columns = frozenset({"batch_id"})
    references = {"batch_id": BATCHES, "responsible_id": colleagues_with("handover.view")}
    form_args = {
        "batch_id": {"default": lambda: _key_of_address("batch_id")},
        "responsible_id": {"description": _l("Empty: whoever holds the role.")},
    }
    empty_list_hint = _l("Give a batch its contract delivery date; then it gets its risk check.")

    def create_record(self, form: GuardedForm) -> RiskItem:
        """Add a point to the risk check of a batch."""
        values = form.values()
        values.pop("batch_id")
        values["category"] = RiskCategory(values["category"])
        return risks.add_item(form["batch_id"].record, values)

    def why_locked(self, record: RiskItem) -> str | None:
        """Return why a point is not changed: it was dealt with."""
        return refusal_of(lambda: risks.require_open(record))

    def update_record(self, record: RiskItem, form: GuardedForm) -> None:
        """Change a point."""
        values = form.values()
        values["category"] = RiskCategory(values["category"])
        risks.change_item(record, values)

    def take_step(self, record: RiskItem, transition: Transition, values: Mapping[str, Any]) -> None:
        """Call the service of a step."""
        risks.take_step(record, transition.code, values)


class FeeRuleView(HandoverView):
    """How the fees of the houses of a project come about."""

    permissions = ViewPermissions(
        "handover.view", "handover.settle_fees", "handover.settle_fees", "handover.settle_fees"
    )
    record_kind = "handover.fee_rule"
    column_list = (
        "name",
        "project.name",
        "method",
        "rate_text",
        "months",
        "decoration",
        "floors",
        "remark",
        "active",
    )
    column_details_list = (
        "project.name",
        "kind",
        "title",
        "title_en",
        "method",
        "rate",
        "months",
        "decoration",
        "floors",
        "note",
        "note_en",
        "position",
        "active",
    )
    column_labels = {
        "name": _l("Fee"),
        "project.name": _l("Project"),
        "project_id": _l("Project"),
        "kind": _l("Kind of fee"),
        "title": _l("Words on the list"),
        "title_en": _l("Words on the list, in English"),
        "method": _l("How it is computed"),
        "rate": _l("Rate in yuan"),
        "rate_text": _l("Rate in yuan"),
        "months": _l("Months"),
        "decoration": _l("Delivery standard"),
        "floors": _l("Storeys of the building"),
        "floors_from": _l("Storeys from"),
        "floors_to": _l("Storeys to"),
        "remark": _l("Remark"),
        "note": _l("Remark"),
        "note_en": _l("Remark in English"),
        "position": _l("Place in lists"),
        "active": _l("State"),
    }
    choices = {
        "kind": tuple(handover_words.FEE_KINDS.items()),
        "method": tuple(words.METHODS.items()),
        "decoration": tuple(handover_words.SPECIFICATIONS.items()),
    }
    status_columns = {"active": {True: ("ok", _l("In use")), False: ("calm", _l("Left out"))}}
    cells = {
        "name": lambda rule: words.fee_title(rule.kind, rule),
        "rate_text": lambda rule: money(rule.rate) if rule.rate is not None else "",
        "floors": lambda rule: floors_title(rule),
        "remark": lambda rule: handover_words.local(rule, "note"),
    }
    list_options = (
        undefer(FeeRule.note),
        undefer(FeeRule.note_en),
        undefer(FeeRule.kind),
        undefer(FeeRule.title),
        undefer(FeeRule.title_en),
        undefer(FeeRule.rate),
        undefer(FeeRule.floors_from),
        undefer(FeeRule.floors_to),
    )
    search = SearchDeclaration(columns=("title", "title_en", "note"), small_table=True)
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ChoiceFilter("kind"),
        ChoiceFilter("method"),
    )
    sortable = ()
    form_columns = (
        "project_id",
        "kind",
        "title",
        "title_en",
        "method",
        "rate",
        "months",
        "decoration",
        "floors_from",
        "floors_to",
        "note",
        "note_en",
        "position",
        "active",
    )
    create_only_columns = frozenset({"project_id"})
    references = {"project_id": PROJECTS}
    form_args = {
        "active": {"label": _l("In use")},
        "title": {"description": _l("Empty: the word for the kind of fee.")},
        "rate": {
            "description": _l("A square metre, a square metre and month, or a house, as it is computed.")
        },
        "floors_from": {"description": _l("Empty: any height.")},
    }
    list_template = "handover/preparation/fee_rules.html"
    empty_list_hint = _l("Load the usual rules for a project, then put in its rates.")

    def projects(self) -> list[Project]:
        """Return the projects that have no rules yet."""
        held = sa.select(FeeRule.project_id)
        return list(
            db.session.scalars(
                sa.select(Project)
                .where(Project.id.not_in(held), Project.archived_at.is_(None))
                .order_by(Project.code)
                .limit(200)
            )
        )

    def create_record(self, form: GuardedForm) -> FeeRule:
        """Add a rule."""
        values = _rule_values(form)
        values.pop("project_id")
        rule = FeeRule(project_id=form["project_id"].record.id, **values)
        db.session.add(rule)
        db.session.flush()
        return rule

    def update_record(self, record: FeeRule, form: GuardedForm) -> None:
        """Change a rule; fees that were entered by it change when they are entered anew."""
        for name, value in _rule_values(form).items():
            setattr(record, name, value)
        db.session.flush()

    @expose_guarded("/standard/", permission="handover.settle_fees", methods=("POST",))
    def standard(self) -> Response:
        """Give a project the usual rules."""
        key = strict_id(request.form.get("project_id", ""))
        project = db.session.scalar(sa.select(Project).where(Project.id == key))
        try:
            if project is None:
                flash(_("Choose a project."), "error")
            else:
                count = charges.load_standard_rules(project)
                commit()
                flash(
                    ngettext(
                        "%(num)d rule was loaded. Put in the rates of the project now.",
                        "%(num)d rules were loaded. Put in the rates of the project now.",
                        count,
                    ),
                    "success",
                )
        except (*REFUSALS, SaveRefused) as refused:
            db.session.rollback()
            flash(str(refused), "error")
        return redirect(self.address("index_view"), 303)


def floors_title(rule: FeeRule) -> str:
    """Return the storeys that a rule is for, in words; "" for any."""
    low, high = rule.floors_from, rule.floors_to
    if low is not None and high is not None:
        return f"{low}–{high}"
    if low is not None:
        return f"≥ {low}"
    return f"≤ {high}" if high is not None else ""


def _rule_values(form: GuardedForm) -> dict[str, Any]:
    values = form.values()
    values["method"] = FeeMethod(values["method"])
    values["kind"] = FeeKind(values["kind"])
    values["months"] = values["months"] or 1
    values["position"] = values["position"] or 0
    charges.check_rule(values)
    if values["method"] == FeeMethod.TEXT:
        values["rate"] = None
    return values


class AreaView(HandoverView):
    """The area settlements of houses."""

    permissions = ViewPermissions("handover.view", None, "handover.settle_fees", None, "handover.export")
    record_kind = "handover.area"
    column_list = ("house", "contract_area", "measured_area", "difference", "percent", "amount", "state")
    column_details_list = (
        "house",
        "project.name",
        "contract_area",
        "measured_area",
        "unit_price",
        "difference",
        "percent",
        "limit_percent",
        "amount",
        "payer",
        "state",
        "agreed_at",
        "note",
    )
    column_export_list = ("contract_area", "measured_area", "unit_price", "state", "agreed_at")
    column_labels = {
        "house": _l("House"),
        "project.name": _l("Project"),
        "project_id": _l("Project"),
        "contract_area": _l("Contract area (m²)"),
        "measured_area": _l("Measured area (m²)"),
        "unit_price": _l("Contract price (yuan/m²)"),
        "difference": _l("Difference (m²)"),
        "percent": _l("Difference (%)"),
        "limit_percent": _l("Limit (%)"),
        "refund_factor": _l("Refund beyond the limit, times"),
        "amount": _l("Amount in yuan"),
        "payer": _l("Who pays"),
        "state": _l("State"),
        "agreed_at": _l("Agreed on"),
        "note": _l("Remark"),
    }
    status_columns = {"state": tones(AREA)}
    cells = {
        "house": lambda row: row.handover_unit.unit.code,
        "difference": lambda row: f"{charges.area_result(row).difference:+}",
        "percent": lambda row: f"{charges.area_result(row).percent:+}%",
        "amount": lambda row: money(abs(charges.area_result(row).amount)),
        "payer": lambda row: payer(row),
    }
    list_options = (
        undefer(AreaSettlement.unit_price),
        undefer(AreaSettlement.limit_percent),
        undefer(AreaSettlement.refund_factor),
        joinedload(AreaSettlement.handover_unit).joinedload(HandoverUnit.unit),
    )
    workflow = AREA
    search = SearchDeclaration(columns=("note",), small_table=True)
    filters = (ReferenceFilter("project_id", reference=PROJECTS), ChoiceFilter("state"))
    sortable = ()
    form_columns = ("note",)
    empty_list_hint = _l("Open a house in a batch and compute its area difference.")

    def take_step(self, record: AreaSettlement, transition: Transition, values: Mapping[str, Any]) -> None:
        """Call the service of a step."""
        charges.take_area_step(record, transition.code, values)


def payer(settlement: AreaSettlement) -> str:
    """Return who pays whom, in words."""
    amount = charges.area_result(settlement).amount
    if not amount:
        return _("Nobody")
    return _("The owner to the developer") if amount > 0 else _("The developer to the owner")
