"""“My work”: what the acting user and his departments have to do, and the page of each to-do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, g, redirect, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from wtforms import HiddenField, SelectField, TextAreaField
from wtforms.validators import Length

from core.admin.access import ViewPermissions, expose_guarded
from core.admin.ajax import Reference, ReferenceField, strict_id
from core.admin.filters import ChoiceFilter, DateRangeFilter, EmptyFilter, TextFilter
from core.admin.forms import GuardedForm
from core.admin.redirects import redirect_target
from core.admin.saving import SaveRefused, commit, saving
from core.admin.searching import SearchDeclaration, clean_text
from core.admin.views import PageView, RecordView
from core.database.scope import require_scope
from core.database.types import LOCAL_ZONE, utc_now
from core.extensions import db
from core.languages import in_language
from core.machinery.attachments.services import record_of
from core.machinery.todos import services
from core.machinery.todos.models import Todo, TodoState
from core.people import workload
from core.people.models import Department, DepartmentKind, Role, User
from core.people.permissions import has_permission
from core.people.references import COLLEAGUES
from core.people.services import departments_in_reach
from core.plugin_system.dispatch import isolated
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime

PAGE_TODOS = 50
HOME_TODOS = 8
TABS: Mapping[str, Any] = {
    "mine": _l("Mine"),
    "department": _l("My department's"),
    "overdue": _l("Overdue"),
    "later": _l("Later"),
    "done": _l("Done by me"),
}
EMPTY: Mapping[str, tuple[Any, Any]] = {
    "mine": (_l("Nothing waits for you"), _l("What you have to do within a week appears here.")),
    "department": (
        _l("Nothing waits for your department"),
        _l("What nobody has taken yet, and what colleagues have to do within a week, appears here."),
    ),
    "overdue": (_l("Nothing is overdue"), _l("What was not done in time appears here.")),
    "later": (_l("Nothing is planned for later"), _l("What is due in more than a week appears here.")),
    "done": (_l("Nothing was done in the last 30 days"), _l("What you finish appears here for 30 days.")),
}


@dataclass(frozen=True)
class Line:
    """A to-do as lists show it.

    Attributes:
        todo: The to-do.
        record: What it is about, in words; "" for none, or when the reader may not see it.
        record_url: Page of that record, or "".
        department: Name of the department.
        owner: Name of who has it, or "".
        role: Name of the role that may take it, or "".
        due: When it is due, in words.
        is_late: Whether that has passed.
    """

    todo: Todo
    record: str
    record_url: str
    department: str
    owner: str
    role: str
    due: str
    is_late: bool


def lines_of(todos: Sequence[Todo]) -> list[Line]:
    """Return to-dos as lists show them; what they name is read a table at a time."""
    departments = _names(Department, {todo.department_id for todo in todos})
    owners = sa.select(User.id, User.name).where(User.id.in_({todo.owner_id for todo in todos} - {None}))
    users = dict(db.session.execute(owners).all())
    roles = role_names({todo.role for todo in todos} - {""})
    records = records_of((todo.record_kind, todo.record_id) for todo in todos)
    now = utc_now()
    return [
        Line(
            todo,
            *records.get((todo.record_kind or "", todo.record_id or 0), ("", "")),
            departments.get(todo.department_id or 0, ""),
            users.get(todo.owner_id or 0, ""),
            roles.get(todo.role, todo.role),
            due_words(todo.due_at),
            todo.is_overdue(now),
        )
        for todo in todos
    ]


def due_words(moment: dt.datetime | None) -> str:
    """Return when something is due: today and tomorrow by name, the others by day; the time where it has one."""
    if moment is None:
        return ""
    local, today = moment.astimezone(LOCAL_ZONE), dt.datetime.now(LOCAL_ZONE).date()
    days = (local.date() - today).days
    day = {0: _("today"), 1: _("tomorrow"), -1: _("yesterday")}.get(days, local.date().isoformat())
    return day if local.time() >= dt.time(23, 59) else f"{day} {local:%H:%M}"


def _names(model: Any, keys: set[int | None]) -> dict[int, str]:
    rows = db.session.execute(
        sa.select(model.id, model.name, model.name_en).where(model.id.in_(keys - {None}))
    )
    return {key: in_language(name, name_en) for key, name, name_en in rows}


def role_names(codes: set[str] | None = None) -> dict[str, str]:
    """Return what roles are called in the language of the page, by their code.

    Args:
        codes: Only these; all when omitted.
    """
    query = sa.select(Role.name, Role.label, Role.label_en).order_by(Role.name)
    if codes is not None:
        query = query.where(Role.name.in_(codes))
    english = str(get_locale()) == "en"
    return {
        name: ((label_en or label) if english else (label or label_en)) or name
        for name, label, label_en in db.session.execute(query)
    }


def records_of(named: Iterable[tuple[str | None, int | None]]) -> dict[tuple[str, int], tuple[str, str]]:
    """Return heading and address of records, where the reader may see them.

    Args:
        named: Kind and id of each; either may be None.
    """
    wanted: dict[str, set[int]] = {}
    for code, key in named:
        if code and key:
            wanted.setdefault(code, set()).add(key)
    declared = current_runtime().declared
    found: dict[tuple[str, int], tuple[str, str]] = {}
    for code, keys in wanted.items():
        kind = declared.record_kind(code)
        if kind is None or not is_on(declared.component_of(kind)) or not has_permission(kind.view_permission):
            continue

        def read(kind: Any = kind, keys: set[int] = keys) -> dict[int, tuple[str, str]]:
            conditions = kind.narrow() if kind.narrow is not None else ()
            rows = db.session.scalars(sa.select(kind.model).where(kind.model.id.in_(keys), *conditions))
            return {
                row.id: (f"{kind.label} {kind.title(row)}", url_for(kind.endpoint, id=row.id)) for row in rows
            }

        answer = isolated(declared.component_of(kind), f"headings of {code}", read)
        found.update({(code, key): words for key, words in (answer.value or {}).items()})
    return found


def url_of(todo: Todo) -> str:
    """Return the page of a to-do."""
    return url_for("todos.details_view", id=todo.id)


def ordered(query: sa.Select[Any]) -> sa.Select[Any]:
    """Return to-dos with those that are due soonest first, those without a date last."""
    return query.order_by(Todo.due_at.is_(None), Todo.due_at, Todo.id)


class WorkPage(PageView):
    """``/admin/work/``: mine, my department's, overdue, later, done."""

    @expose_guarded("/", permission="todos.view")
    def index(self) -> Any:
        """Show a page of one part."""
        parts = workload.tabs()
        shown = request.args.get("show", "mine")
        if shown not in parts:
            abort(404)
        page = min(strict_id(request.args.get("page")) or 1, 1_000)
        query = ordered(sa.select(Todo).where(*parts[shown]))
        if shown == "done":
            query = sa.select(Todo).where(*parts[shown]).order_by(Todo.finished_at.desc(), Todo.id.desc())
        todos = db.session.scalars(query.offset((page - 1) * PAGE_TODOS).limit(PAGE_TODOS + 1)).all()
        counted = workload.counts({name: part for name, part in parts.items() if name != "done"})
        return self.render(
            "admin/work/work.html",
            shown=shown,
            tabs=[
                {
                    "label": label,
                    "url": self.get_url(".index", show=name),
                    "current": name == shown,
                    "count": None if name == "done" else counted[name],
                    "tone": "late" if name == "overdue" and counted[name] else "",
                }
                for name, label in TABS.items()
            ],
            lines=lines_of(todos[:PAGE_TODOS]),
            empty=EMPTY[shown],
            page=page,
            previous_url=self.get_url(".index", show=shown, page=page - 1) if page > 1 else None,
            next_url=self.get_url(".index", show=shown, page=page + 1) if len(todos) > PAGE_TODOS else None,
            here=self.get_url(".index", show=shown),
        )


def _departments() -> Sequence[sa.ColumnElement[bool]]:
    """The departments that a to-do can be given to: the acting one and those below; with the right also the company."""
    ids = {department.id for department in departments_in_reach()}
    scope = require_scope()
    if has_permission("todos.assign") and scope.department_id is not None:
        acting = db.session.get(Department, scope.department_id)
        while acting is not None and acting.kind != DepartmentKind.CITY:
            acting = acting.parent
        if acting is not None:
            ids.add(acting.id)
    return (Department.id.in_(ids),)


DEPARTMENTS = Reference(
    Department,
    text=lambda department: in_language(department.name, department.name_en),
    search=SearchDeclaration(columns=("name", "code"), small_table=True),
    order_by=("path",),
    narrow=_departments,
)


class RoleField(SelectField):
    """The roles of the installation, in the reader's language."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, validate_choice=True, **options)

    def iter_choices(self) -> Any:
        """Yield the roles, nobody in particular first."""
        self.choices = [("", _("Everybody there")), *role_names().items()]
        return super().iter_choices()

    def pre_validate(self, form: Any) -> None:
        """Refuse a role that does not exist."""
        self.choices = [("", ""), *role_names().items()]
        super().pre_validate(form)


def _status(todo: Todo) -> Markup:
    tone, words = "calm", _("To do")
    if todo.state == TodoState.DONE:
        tone, words = "ok", _("Done")
    elif todo.state == TodoState.SKIPPED:
        tone, words = "calm", _("Left undone")
    elif todo.is_overdue(utc_now()):
        tone, words = "late", _("Overdue")
    return Markup('<span class="st {}">{}</span>').format(tone, words)


def _from_line(name: str) -> Callable[[Todo], Any]:
    def cell(todo: Todo) -> Any:
        lines: dict[int, Line] = g.setdefault("_todo_lines", {})
        if todo.id not in lines:
            lines[todo.id] = lines_of([todo])[0]
        line = lines[todo.id]
        if name == "record":
            return Markup('<a href="{}">{}</a>').format(line.record_url, line.record) if line.record else ""
        return getattr(line, name)

    return cell


def _person(name: str) -> Callable[[Todo], str]:
    def cell(todo: Todo) -> str:
        key = getattr(todo, name)
        return (db.session.scalar(sa.select(User.name).where(User.id == key)) or "") if key else ""

    return cell


class TodoView(RecordView):
    """All to-dos that may be seen, and the page of each: take, hand on, done, left undone."""

    permissions = ViewPermissions("todos.view", "todos.view", "todos.view", None, None)
    column_list = ("title", "record", "department", "owner", "role", "due_at", "status")
    column_details_list = (
        "title", "note", "record", "department", "owner", "role", "due_at", "status", "touchpoint_code",
        "created_by", "created_at", "finished_at", "finished_by", "finish_note",
    )  # fmt: skip
    column_labels = {
        "title": _l("To do"),
        "note": _l("To know beforehand"),
        "record": _l("About"),
        "department": _l("Department"),
        "department_id": _l("Department"),
        "owner": _l("Taken by"),
        "owner_id": _l("Colleague"),
        "role": _l("Role"),
        "due_at": _l("Due"),
        "status": _l("State"),
        "state": _l("State"),
        "touchpoint_code": _l("Touchpoint"),
        "created_by": _l("Asked by"),
        "created_at": _l("Asked on"),
        "finished_at": _l("Finished at"),
        "finished_by": _l("Finished by"),
        "finish_note": _l("How"),
    }
    choices = {
        "state": (
            (TodoState.OPEN, _l("To do")),
            (TodoState.DONE, _l("Done")),
            (TodoState.SKIPPED, _l("Left undone")),
        )
    }
    cells = {
        "record": _from_line("record"),
        "department": _from_line("department"),
        "owner": _from_line("owner"),
        "role": _from_line("role"),
        "status": _status,
        "created_by": _person("created_by_id"),
        "finished_by": _person("finished_by_id"),
    }
    filters = (
        ChoiceFilter("state"),
        DateRangeFilter("due_at"),
        EmptyFilter("owner_id", _l("Taken"), filled=_l("Taken by somebody"), empty=_l("Taken by nobody")),
        TextFilter("touchpoint_code"),
    )
    default_sort = ("id", True)
    form_columns = ("title", "note", "due_at", "department_id", "role", "owner_id", "about")
    create_only_columns = frozenset({"department_id", "role", "owner_id", "about"})
    form_fields = {
        "about": HiddenField(),
        "role": RoleField(_l("Role"), description=_l("Whoever holds the role there may take it.")),
    }
    form_args = {
        "department_id": {"description": _l("Left empty: the department of the record, else your own.")},
        "owner_id": {"description": _l("Left empty: somebody of the department takes it.")},
    }
    references = {"department_id": DEPARTMENTS, "owner_id": COLLEAGUES}
    refusals = (services.TodoRefused,)
    details_template = "admin/work/todo.html"
    list_template = "admin/work/todos.html"
    empty_list_hint = _l("To-dos come from time limits, plans and surveys, and you can add your own.")

    def before_list(self, records: Sequence[Todo]) -> None:
        """Read what the rows name, a table at a time."""
        g._todo_lines = {line.todo.id: line for line in lines_of(records)}

    def create_record(self, form: GuardedForm) -> Todo:
        """Add a to-do, on the record that the link named."""
        values = form.values()
        todo = services.add_todo(
            _record_about(values["about"] or request.args.get("about", "")),
            values["title"],
            note=values["note"] or "",
            due_at=values["due_at"],
            department=values["department_id"],
            role=values["role"] or "",
            owner=values["owner_id"],
        )
        return todo

    def update_record(self, record: Todo, form: GuardedForm) -> None:
        """Change what is to be done and until when."""
        workload.require_may_act_on(record)
        values = form.values()
        services.change_todo(
            record, title=values["title"], note=values["note"] or "", due_at=values["due_at"]
        )

    def why_locked(self, record: Todo) -> Any:
        """Offer no form for what was finished, or is for others."""
        if not record.is_open:
            return _("This was finished and does not change any more.")
        if not workload.may_act_on(record):
            return _(
                "This is for another department. Ask somebody there, or customer relations, to change it."
            )
        return None

    def details_extra(self, record: Todo) -> Mapping[str, Any]:
        """Return what may be done now."""
        may = workload.may_act_on(record)
        return {
            "may_act": may and record.is_open,
            "may_take": may and record.is_open and record.owner_id != require_scope().user_id,
            "may_reopen": may and not record.is_open,
            "back": redirect_target() or url_for("work.index"),
        }

    @expose_guarded("/take/", permission="todos.view", methods=("POST",))
    def take(self) -> Any:
        """Let the acting user do it."""
        return self._change(services.take_todo, _("It is yours now."))

    @expose_guarded("/finish/", permission="todos.view", methods=("POST",))
    def finish(self) -> Any:
        """Mark it as done, or as left undone with the reason."""
        note = clean_text(request.form.get("note", ""))
        skipped = request.form.get("skipped") == "1"
        done = _("Left undone.") if skipped else _("Done.")
        return self._change(lambda todo: services.finish_todo(todo, note, skipped=skipped), done)

    @expose_guarded("/reopen/", permission="todos.view", methods=("POST",))
    def reopen(self) -> Any:
        """Take back that it was finished."""
        return self._change(services.reopen_todo, _("It is to be done again."))

    @expose_guarded("/hand-on/", permission="todos.view", methods=("GET", "POST"))
    def hand_on(self) -> Any:
        """Give it to a colleague, or to a department and role."""
        todo = self.get_one(self._single_id())
        form = HandOnForm(request.form if request.method == "POST" else None)
        form.owner_id.lookup_url = f"{self.get_url('.ajax_lookup')}?name=owner_id"
        form.department_id.lookup_url = f"{self.get_url('.ajax_lookup')}?name=department_id"
        if request.method == "POST" and form.validate():
            try:
                with saving():
                    workload.require_may_act_on(todo)
                    services.hand_on_todo(
                        todo,
                        owner=form.owner_id.data,
                        department=form.department_id.data,
                        role=form.role.data or "",
                        note=clean_text(form.note.data or ""),
                    )
                commit()
            except (services.TodoRefused, SaveRefused) as refused:
                db.session.rollback()
                form.form_errors = [*form.form_errors, str(refused)]
            else:
                flash(_("It was handed on."), "success")
                return redirect(url_for("work.index"), 303)
        todo = self.get_one(self._single_id())
        html = self.render("admin/work/hand_on.html", form=form, todo=todo, heading=todo.title)
        return html if request.method == "GET" else (html, 422)

    def _change(self, change: Callable[[Todo], None], done: str) -> Any:
        todo = self.get_one(self._single_id())
        key = todo.id
        try:
            with saving():
                workload.require_may_act_on(todo)
                change(todo)
            commit()
        except (services.TodoRefused, SaveRefused) as refused:
            db.session.rollback()
            flash(str(refused), "error")
        else:
            flash(done, "success")
        return redirect(redirect_target() or self.get_url(".details_view", id=key), 303)


class HandOnForm(GuardedForm):
    """To whom a to-do goes, and what he has to know."""

    owner_id = ReferenceField(
        _l("Colleague"),
        reference=COLLEAGUES,
        description=_l("Left empty: somebody of the department takes it."),
    )
    department_id = ReferenceField(
        _l("Department"), reference=DEPARTMENTS, description=_l("Left empty: it stays where it is.")
    )
    role = RoleField(_l("Role"), description=_l("Whoever holds the role there may take it."))
    note = TextAreaField(_l("To know beforehand"), [Length(max=services.LONGEST_NOTE)])


def _record_about(about: str) -> Any:
    """Return the record that a link named as ``kind:id``, if the acting user may see it; None without one.

    Raises:
        TodoRefused: There is none, or it cannot be seen.
    """
    if not about:
        return None
    kind, _colon, key_text = about.rpartition(":")
    key = strict_id(key_text)
    held = record_of(kind, key) if key is not None else None
    if held is None:
        raise services.TodoRefused(
            _(
                "The record that this is about does not exist, or you may not see it. Open its page and start there."
            )
        )
    return held[1]


# ------------------------------------------------------------------ sections


def of_record(record: Any) -> Mapping[str, Any] | None:
    """Return the to-dos of a record for its page."""
    if isinstance(record, Todo):
        return None
    kind = current_runtime().declared.record_kind_of(record)
    if kind is None:
        return None
    todos = services.todos_of(record)
    return {
        "lines": lines_of(todos),
        "add_url": url_for("todos.create_view", about=f"{kind.code}:{record.id}"),
        "count": sum(todo.is_open for todo in todos),
    }


def of_user(_record: Any) -> Mapping[str, Any] | None:
    """Return what the acting user has to do next, for the home page."""
    mine = workload.tabs()["mine"]
    todos = db.session.scalars(ordered(sa.select(Todo).where(*mine)).limit(HOME_TODOS + 1)).all()
    return {
        "lines": lines_of(todos[:HOME_TODOS]),
        "all_url": url_for("work.index"),
        "more": len(todos) > HOME_TODOS,
    }
