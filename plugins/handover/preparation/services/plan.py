"""The plan of a batch: made from the timetable of the department, moved with T, worked off task by task."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    Decoration,
    Department,
    Todo,
    Unit,
    _,
    add_todo,
    all_departments,
    db,
    department_path,
    finish_todos_of,
    in_each_language,
    in_language,
    local_today,
    require_scope,
    setting,
    todos_of,
    utc_now,
)
from plugins.handover import catalogue
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import HandoverBatch, HandoverUnit, Product
from plugins.handover.preparation.models import PlanStep, PlanTask
from plugins.handover.preparation.services import readiness, risks
from plugins.handover.preparation.staffing import Staffing, StaffingRules, need
from plugins.handover.preparation.workflows import PLAN_TASK

RUNNING = ("open", "in_progress")
END_OF_DAY = dt.time(18, 30)
"""When a task of a day is due, in China."""
FARTHEST = 730
"""Days that a step may lie before or after T at the most."""


# The timetable of departments


def load_standard_steps() -> None:
    """Give each department at the top of the tree the standard timetable, where it has none."""
    roots = db.session.scalars(
        sa.select(Department).where(Department.parent_id.is_(None), Department.archived_at.is_(None))
    ).all()
    for root in roots:
        if (
            db.session.scalar(sa.select(PlanStep.id).where(PlanStep.department_id == root.id).limit(1))
            is None
        ):
            db.session.add_all(_standard_steps(root.id))
    db.session.flush()


def _standard_steps(department_id: int) -> list[PlanStep]:
    return [
        PlanStep(
            department_id=department_id,
            code=row["code"],
            offset_days=row["offset"],
            title=row["title"]["zh"],
            title_en=row["title"]["en"],
            owner_role=row["role"],
            deliverable=row["deliverable"]["zh"],
            deliverable_en=row["deliverable"]["en"],
            required=row.get("required", False),
            until_close=row.get("until_close", False),
            active=True,
        )
        for row in catalogue.reference("plan_steps")["steps"]
    ]


def steps_of(department_id: int) -> Sequence[PlanStep]:
    """Return the timetable that a department plans by: its own, or that of the nearest one above it."""
    path = department_path(department_id)
    with all_departments("the timetable of the departments above is read, whoever plans"):
        rows = db.session.scalars(
            sa.select(PlanStep)
            .where(PlanStep.department_id.in_(path))
            .order_by(PlanStep.offset_days, PlanStep.id)
        ).all()
        for department in reversed(path):
            own = [row for row in rows if row.department_id == department]
            if own:
                return own
        return _standard_steps(path[0]) if path else []


def own_timetable() -> int:
    """Copy the timetable that counts for the acting department into steps of its own; returns how many.

    Raises:
        HandoverRuleError: It has its own already, or nobody acts in a department.
    """
    department = require_no_timetable()
    names = (
        "code", "offset_days", "title", "title_en", "owner_role", "deliverable", "deliverable_en", "required",
        "until_close", "active",
    )  # fmt: skip
    copies = [
        PlanStep(department_id=department, **{name: getattr(step, name) for name in names})
        for step in steps_of(department)
    ]
    db.session.add_all(copies)
    db.session.flush()
    return len(copies)


def require_no_timetable() -> int:
    """Return the acting department, which plans by a timetable of a department above.

    Raises:
        HandoverRuleError: It has its own already, or nobody acts in a department.
    """
    department = require_scope().department_id
    if department is None:
        raise HandoverRuleError(_("Choose the department whose timetable you want to change first."))
    if db.session.scalar(sa.select(PlanStep.id).where(PlanStep.department_id == department).limit(1)):
        raise HandoverRuleError(_("Your department has a timetable of its own already. Change its steps."))
    return department


def require_own(step: PlanStep) -> None:
    """Refuse to change the timetable of another department.

    Raises:
        HandoverRuleError: The step belongs to another department than the acting one.
    """
    if step.department_id != require_scope().department_id:
        raise HandoverRuleError(
            _("This timetable belongs to a department above yours. Make one of your own, then change it.")
        )


def save_step(step: PlanStep | None, values: Mapping[str, Any]) -> PlanStep:
    """Add a step to the timetable of the acting department, or change one.

    Args:
        step: The step; None for a new one.
        values: Attributes of :class:`PlanStep` besides the department.

    Raises:
        HandoverRuleError: The step belongs to another department, the code is taken, or the offset is too large.
    """
    offset = values.get("offset_days", step.offset_days if step is not None else None)
    if offset is None or abs(offset) > FARTHEST:
        raise HandoverRuleError(
            _("Write how many days the step lies from T, from −%(most)d to %(most)d.", most=FARTHEST)
        )
    if step is None:
        department = require_scope().department_id
        held = list(db.session.scalars(sa.select(PlanStep.code).where(PlanStep.department_id == department)))
        if not held:
            raise HandoverRuleError(
                _("Your department plans by the timetable of a department above. Make one of your own first.")
            )
        if values["code"] in held:
            raise HandoverRuleError(
                _("The timetable has a step with the code %(code)s already.", code=values["code"])
            )
        step = PlanStep(department_id=department, **values)
        db.session.add(step)
    else:
        require_own(step)
        for name, value in values.items():
            setattr(step, name, value)
    db.session.flush()
    return step


# The plan of a batch


def due_day(batch: HandoverBatch, offset: int, until_close: bool) -> dt.date:
    """Return the day of a step of a batch that has its T.

    Args:
        batch: The batch.
        offset: Days from T.
        until_close: Whether the step lasts to the last of the concentrated days.
    """
    if batch.delivery_on is None:
        raise ValueError("The batch has no delivery date.")
    if until_close and batch.closes_on is not None:
        return max(batch.closes_on, batch.delivery_on)
    return batch.delivery_on + dt.timedelta(days=offset)


def make_plan(batch: HandoverBatch) -> list[PlanTask]:
    """Make the tasks of a batch from the timetable that counts for its project; those that it has stay.

    Args:
        batch: A batch with a delivery date.

    Returns:
        The new tasks.

    Raises:
        HandoverRuleError: The batch has no delivery date.

    Source: domain reference 3.3.3.
    """
    if batch.delivery_on is None:
        raise HandoverRuleError(
            _("Enter the contract delivery date of the batch first; the plan runs back from it.")
        )
    held = set(db.session.scalars(sa.select(PlanTask.code).where(PlanTask.batch_id == batch.id)))
    made = []
    for step in steps_of(batch.project.department_id):
        if step.active and step.code not in held:
            made.append(_task_of(batch, step))
    db.session.add_all(made)
    db.session.flush()
    for task in made:
        _ask(task)
    readiness.weigh_batch(batch)
    return made


def _task_of(batch: HandoverBatch, step: PlanStep) -> PlanTask:
    return PlanTask(
        project_id=batch.project_id,
        batch_id=batch.id,
        code=step.code,
        offset_days=step.offset_days,
        until_close=step.until_close,
        title=step.title,
        title_en=step.title_en,
        owner_role=step.owner_role,
        deliverable=step.deliverable,
        deliverable_en=step.deliverable_en,
        required=step.required,
        due_on=due_day(batch, step.offset_days, step.until_close),
    )


def follow_batch(batch: HandoverBatch) -> None:
    """Make plan and risk check when a batch has got its T, and move the tasks with T when it changes.

    Tasks whose day was fixed by hand, and those that are done or not needed, stay where they are.
    """
    if batch.delivery_on is None:
        return
    tasks = tasks_of(batch)
    if not tasks:
        make_plan(batch)
        risks.make_list(batch)
        return
    for task in tasks:
        if task.fixed or task.offset_days is None or task.state not in RUNNING:
            continue
        day = due_day(batch, task.offset_days, task.until_close)
        if day != task.due_on:
            task.due_on = day
            _ask(task)
    db.session.flush()
    readiness.weigh_batch(batch)


def tasks_of(batch: HandoverBatch) -> Sequence[PlanTask]:
    """Return the tasks of a batch by their day."""
    return db.session.scalars(
        sa.select(PlanTask).where(PlanTask.batch_id == batch.id).order_by(PlanTask.due_on, PlanTask.id)
    ).all()


def add_task(batch: HandoverBatch, values: Mapping[str, Any]) -> PlanTask:
    """Add a task that the timetable does not know.

    Args:
        batch: The batch.
        values: title, title_en, owner_role, responsible_id, deliverable, due_on, required.

    Raises:
        HandoverRuleError: Title or day are missing.
    """
    if not str(values.get("title") or "").strip() or values.get("due_on") is None:
        raise HandoverRuleError(_("A task needs a title and the day until which it is to be done."))
    task = PlanTask(project_id=batch.project_id, batch_id=batch.id, fixed=True, **values)
    db.session.add(task)
    db.session.flush()
    _ask(task)
    readiness.weigh_batch(batch)
    return task


def change_task(task: PlanTask, values: Mapping[str, Any]) -> None:
    """Change who does a task, and until when; a day that differs from the timetable's stays when T moves.

    Args:
        task: A task that runs.
        values: Attributes of the task.

    Raises:
        HandoverRuleError: It is done, or not needed.
    """
    require_running(task)
    due = values.get("due_on", task.due_on)
    if due is None:
        raise HandoverRuleError(_("A task needs a title and the day until which it is to be done."))
    for name, value in values.items():
        setattr(task, name, value)
    if task.offset_days is not None and task.batch.delivery_on is not None:
        task.fixed = due != due_day(task.batch, task.offset_days, task.until_close)
    db.session.flush()
    _ask(task)
    readiness.weigh_batch(task.batch)


def require_running(task: PlanTask) -> None:
    """Refuse to change a task that is done or not needed.

    Raises:
        HandoverRuleError: It is.
    """
    if task.state not in RUNNING:
        raise HandoverRuleError(
            _("“%(title)s” is done and does not change any more. Open it again first.", title=task.title)
        )


def take_step(task: PlanTask, code: str, values: Mapping[str, Any]) -> None:
    """Carry out a step of a task, with everything that belongs to it.

    Args:
        task: The task.
        code: The transition.
        values: What its form asked for.
    """
    given = dict(values)
    comment = str(given.pop("comment", "") or "")
    if code == "finish":
        given["result"] = (given.get("result") or task.result or "").strip()
    PLAN_TASK.move(task, code, comment, **given)
    if code == "finish":
        task.done_at, task.done_by_id = utc_now(), require_scope().user_id
    elif code == "reopen":
        task.done_at = task.done_by_id = None
    db.session.flush()
    if task.state in RUNNING:
        _ask(task)
    else:
        finish_todos_of(task, note=task.result[:200])
    readiness.weigh_batch(task.batch)


def is_overdue(task: PlanTask, today: dt.date | None = None) -> bool:
    """Return whether a task should be done by now."""
    return task.state in RUNNING and task.due_on < (today or local_today())


def overdue_condition(today: dt.date | None = None) -> sa.ColumnElement[bool]:
    """Return the condition of tasks that should be done by now."""
    return sa.and_(PlanTask.state.in_(RUNNING), PlanTask.due_on < (today or local_today()))


def _ask(task: PlanTask) -> None:
    """Keep the to-do of a task as the task is: who, and until when."""
    due_at = dt.datetime.combine(task.due_on, END_OF_DAY, LOCAL_ZONE).astimezone(dt.UTC)
    open_ones = [todo for todo in todos_of(task) if todo.is_open]
    if not open_ones:
        made = db.session.scalar(
            sa.select(sa.func.count(Todo.id)).where(
                Todo.record_kind == "handover.plan_task", Todo.record_id == task.id
            )
        )
        open_ones = [
            add_todo(
                task,
                in_each_language(lambda: in_language(task.title, task.title_en)),
                owner=task.responsible_id,
                role=task.owner_role,
                due_at=due_at,
                dedupe_key=f"handover.plan:{task.id}:{made}",
                note=in_each_language(lambda: in_language(task.deliverable, task.deliverable_en)),
            )
        ]
    for todo in open_ones:
        todo.due_at = due_at
        todo.role = task.owner_role
        if task.responsible_id is not None:
            todo.owner_id = task.responsible_id
    db.session.flush()


# Staffing


def staffing_of(batch: HandoverBatch) -> Staffing | None:
    """Return how many people a batch needs; None while it has no house (domain reference 3.3.3)."""
    counted: Counter[str] = Counter()
    rows = db.session.execute(
        sa.select(Unit.decoration, sa.func.count(Unit.id))
        .join(HandoverUnit, HandoverUnit.unit_id == Unit.id)
        .where(HandoverUnit.batch_id == batch.id)
        .group_by(Unit.decoration)
    )
    for decoration, count in rows:
        counted[_kind_of(batch, Decoration(decoration))] += count
    if not counted:
        return None
    return need(counted, concentrated_days(batch), staffing_rules())


def _kind_of(batch: HandoverBatch, decoration: Decoration) -> str:
    return {
        Product.VILLA: "villa",
        Product.HIGH_END: "high_end" if decoration == Decoration.FITTED else "rough",
        Product.COMMERCIAL: "commercial",
    }.get(Product(batch.product), str(decoration))


def concentrated_days(batch: HandoverBatch) -> int:
    """Return how many concentrated days a batch has; 1 where they are not entered."""
    if batch.opens_on is None or batch.closes_on is None:
        return 1
    return max(1, (batch.closes_on - batch.opens_on).days + 1)


def staffing_rules() -> StaffingRules:
    """Return the numbers of the staffing rule that count in the acting department."""

    def number(key: str) -> int:
        return int(setting("handover", key))

    kinds = ("fitted", "rough", "villa", "high_end", "commercial")
    return StaffingRules(
        households={kind: number(f"households_per_engineer_{kind}") for kind in kinds},
        clerk_above=number("clerk_above_households"),
        houses_a_day=number("houses_per_inspector"),
        minutes_from=number("minutes_per_house_from"),
        minutes_to=number("minutes_per_house_to"),
    )
