"""The wall between departments: every statement on scoped rows is narrowed to what the acting user may see.

A :class:`Scope` says which projects and departments are visible. It is set once per request (or explicitly by
:func:`all_departments` with a reason) and applied by two listeners: each SELECT, UPDATE and DELETE is narrowed by the
*tables* that occur in it, and each flush checks the rows that it writes. A statement on scoped rows outside any scope
raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from flask import g, has_app_context
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.attributes import get_history
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import AliasedReturnsRows

CUSTOMER_LINK_TABLE = "customer_project"


class ScopeError(RuntimeError):
    """Scoped rows were read outside a scope, or written into a project or department out of reach."""


@dataclass(frozen=True)
class Scope:
    """What the acting user may see and do.

    Attributes:
        user_id: The signed-in user, or None for the system.
        department_id: The acting department, or None for the system.
        project_ids: Visible projects; None means all.
        department_ids: Departments whose own rows are visible (the acting one, those above and below); None means all.
        permissions: Permission codes held in the acting department.
        reason: Why the wall is open, for a scope made by :func:`all_departments`.
        customer_ids: The only customers of whom rows are visible, for the visit of a personal link; None for all whom
            the projects show. Rows that name no customer stay visible.
    """

    user_id: int | None = None
    department_id: int | None = None
    project_ids: frozenset[int] | None = frozenset()
    department_ids: frozenset[int] | None = frozenset()
    permissions: frozenset[str] = field(default=frozenset(), repr=False)
    reason: str | None = None
    customer_ids: frozenset[int] | None = None

    @property
    def sees_everything(self) -> bool:
        """Whether nothing needs to be narrowed."""
        return self.project_ids is None and self.department_ids is None and self.customer_ids is None


def _stack() -> list[Scope]:
    if not has_app_context():
        raise ScopeError("There is no application context, so no scope can be active.")
    stack: list[Scope] | None = g.get("_scopes")
    if stack is None:
        stack = g._scopes = []
    return stack


def current_scope() -> Scope | None:
    """Return the active scope, or None outside any."""
    if not has_app_context():
        return None
    stack: list[Scope] | None = g.get("_scopes")
    return stack[-1] if stack else None


def require_scope() -> Scope:
    """Return the active scope.

    Raises:
        ScopeError: No scope is active.
    """
    scope = current_scope()
    if scope is None:
        raise ScopeError(
            "Rows of projects were asked for outside a scope. Work inside a request, or open one with "
            "`with toolkit.all_departments(reason):`."
        )
    return scope


def enter_scope(scope: Scope) -> None:
    """Make ``scope`` the active one until the application context ends; used once per request."""
    _stack()[:] = [scope]


def replace_outermost_scope(scope: Scope) -> None:
    """Put ``scope`` in the place of the first one that was entered; what was opened inside it stays open.

    A job does so between two steps, when it has looked again at what its starter may see and do.
    """
    _stack()[:1] = [scope]


@contextmanager
def use_scope(scope: Scope) -> Iterator[Scope]:
    """Make ``scope`` the active one inside the ``with`` block."""
    stack = _stack()
    stack.append(scope)
    depth = len(stack)
    try:
        yield scope
    finally:
        # By position, not by value: an equal scope may lie deeper in the stack.
        del stack[depth - 1 :]


@contextmanager
def all_departments(reason: str) -> Iterator[Scope]:
    """Open the wall inside the ``with`` block: every row of every department is visible.

    Args:
        reason: Why, in words; it appears in the audit log of what is changed inside.
    """
    if not reason.strip():
        raise ValueError("Opening the wall needs a reason.")
    outer = current_scope()
    scope = Scope(
        user_id=outer.user_id if outer else None,
        department_id=outer.department_id if outer else None,
        project_ids=None,
        department_ids=None,
        permissions=outer.permissions if outer else frozenset(),
        reason=reason,
    )
    with use_scope(scope):
        yield scope


AnySelect = TypeVar("AnySelect", bound=sa.Executable)
KEPT_SELECT = "kept_select"
"""Execution option of a SELECT that is made once and run often, with values given when it runs: how it is narrowed is
remembered for each scope."""
READS_FEW = "reads_few"
"""Execution option of a SELECT with a limit that walks along an index and stops after some hundred rows."""


def kept_select(statement: AnySelect) -> AnySelect:
    """Return a SELECT whose narrowing is remembered for each scope, so that making it takes no time when it runs.

    For a SELECT that is made once, at import or in a function with ``@cache``, and run with the values that it leaves
    open (``sa.bindparam("keys", expanding=True)``). What the wall makes of it depends on the scope alone.

    Args:
        statement: Selects mapped classes or their columns.
    """
    return statement.execution_options(**{KEPT_SELECT: True})


class ScopeRule:
    """How the rows of one model are narrowed."""

    columns: tuple[str, ...] = ()
    """The columns that decide visibility; they never change by a bulk statement."""

    def criterion(self, model: Any, scope: Scope, *, few: bool = False) -> sa.ColumnElement[bool] | None:
        """Return the condition a row must meet, or None when nothing needs narrowing.

        Args:
            model: The mapped class.
            scope: What may be seen.
            few: Whether the statement stops after some hundred rows, so that each is best asked by itself.
        """
        raise NotImplementedError

    def refusal(self, session: Session, row: Any, scope: Scope) -> str | None:
        """Return why ``row`` may not be written in this scope, or None."""
        raise NotImplementedError


@dataclass(frozen=True)
class Unscoped(ScopeRule):
    """Rows that belong to nobody in particular: catalogues, settings, the plugin table."""

    reason: str

    def criterion(self, model: Any, scope: Scope, *, few: bool = False) -> sa.ColumnElement[bool] | None:
        return None

    def refusal(self, session: Session, row: Any, scope: Scope) -> str | None:
        return None


@dataclass(frozen=True)
class _ByColumn(ScopeRule):
    column: str

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.column,)

    def visible(self, scope: Scope) -> frozenset[int] | None:
        raise NotImplementedError

    def criterion(self, model: Any, scope: Scope, *, few: bool = False) -> sa.ColumnElement[bool] | None:
        visible = self.visible(scope)
        return None if visible is None else getattr(model, self.column).in_(sorted(visible))

    def refusal(self, session: Session, row: Any, scope: Scope) -> str | None:
        visible = self.visible(scope)
        if visible is None:
            return None
        history = get_history(row, self.column)
        values = {*history.added, *history.deleted, *history.unchanged} or {getattr(row, self.column)}
        foreign = {value for value in values if value not in visible}
        return f"{self.column} {sorted(map(str, foreign))} is out of reach" if foreign else None


@dataclass(frozen=True)
class ByProject(_ByColumn):
    """Rows of one project, named by a column (``project_id``, or ``id`` for the project itself)."""

    column: str = "project_id"

    def visible(self, scope: Scope) -> frozenset[int] | None:
        return scope.project_ids

    def refusal(self, session: Session, row: Any, scope: Scope) -> str | None:
        if self.column == "id" and row in session.new:
            return None
        return super().refusal(session, row, scope)


@dataclass(frozen=True)
class ByDepartment(_ByColumn):
    """Rows of one department; seen from that department, from above it and from below it."""

    column: str = "department_id"

    def visible(self, scope: Scope) -> frozenset[int] | None:
        return scope.department_ids


class _AskedOfEachRow(FunctionElement[int]):
    """A column that SQLite shall not look up in an index.

    Whether a customer is linked to one of twenty projects is known from the customer's one or two links. SQLite would
    rather look twenty times into the index of projects, which makes a list ten times slower.
    """

    name = "asked_of_each_row"
    type = sa.BigInteger()
    inherit_cache = True


@compiles(_AskedOfEachRow)
def _compile_asked(element: Any, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses.clauses[0], **options))


@compiles(_AskedOfEachRow, "sqlite")
def _compile_asked_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return "+" + _compile_asked(element, compiler, **options)


@lru_cache(maxsize=512)
def _linked_to_visible_project(
    customer_id: Any, project_ids: frozenset[int], source: Any, few: bool
) -> sa.ColumnElement[bool]:
    """Return the condition of the wall for customers; a page asks for the same one in several statements."""
    link = source.metadata.tables[CUSTOMER_LINK_TABLE].alias()
    project_id = _AskedOfEachRow(link.c.project_id)
    found: sa.Select[Any] = sa.select(sa.literal_column("1")).where(
        link.c.customer_id == customer_id, project_id.in_(sorted(project_ids))
    )
    if few:
        # PostgreSQL would merge the customers with all links from the first one on, however far the page lies. What
        # has an offset it does not merge.
        found = found.with_statement_hint("OFFSET 0", "postgresql")
    return sa.exists(found.correlate_except(link))


@dataclass(frozen=True)
class ByCustomer(ScopeRule):
    """Rows of one customer; seen by whoever may see one of the projects that the customer is linked to."""

    column: str = "customer_id"

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.column,)

    def criterion(self, model: Any, scope: Scope, *, few: bool = False) -> sa.ColumnElement[bool] | None:
        if scope.project_ids is None:
            return None
        return _linked_to_visible_project(getattr(model, self.column), scope.project_ids, model, few)

    def refusal(self, session: Session, row: Any, scope: Scope) -> str | None:
        if scope.project_ids is None or (self.column == "id" and row in session.new):
            return None
        history = get_history(row, self.column)
        values = {*history.added, *history.deleted, *history.unchanged} - {None}
        for customer_id in values:
            if not customer_is_visible(session, customer_id, scope, type(row)):
                return f"customer {customer_id} is out of reach"
        return None


def customer_is_visible(session: Session, customer_id: int, scope: Scope, source: Any) -> bool:
    """Return whether a customer is linked to a project of the scope; links that are not yet flushed count."""
    if scope.project_ids is None:
        return True
    for pending in session.new:
        if (
            getattr(type(pending), "__tablename__", None) == CUSTOMER_LINK_TABLE
            and pending.customer_id == customer_id
            and pending.project_id in scope.project_ids
        ):
            return True
    seen = _seen_customers(session)
    if (customer_id, scope.project_ids) in seen:
        return True
    query = _link_to_visible_project(source.metadata.tables[CUSTOMER_LINK_TABLE])
    values = {"customer": customer_id, "projects": sorted(scope.project_ids)}
    is_visible = session.connection().execute(query, values).first() is not None
    if is_visible:
        seen.add((customer_id, scope.project_ids))
    return is_visible


@cache
def _link_to_visible_project(link: sa.Table) -> sa.Select[Any]:
    """Return the query of one link of the parameter ``customer`` to any of ``projects``.

    A save asks it, and it is built once: that takes longer than running it.
    """
    return (
        sa.select(sa.literal_column("1"))
        .where(
            link.c.customer_id == sa.bindparam("customer"),
            link.c.project_id.in_(sa.bindparam("projects", expanding=True)),
        )
        .limit(1)
    )


def _seen_customers(session: Session) -> set[tuple[int, frozenset[int]]]:
    """Return the customers found visible in this transaction, with the projects: a save asks several times.

    Forgotten with the transaction, and as soon as a link is changed or taken away.
    """
    transaction = session.get_transaction()
    kept: tuple[Any, set[tuple[int, frozenset[int]]]] | None = session.info.get(_SEEN_CUSTOMERS)
    if kept is None or kept[0] is not transaction:
        kept = session.info[_SEEN_CUSTOMERS] = (transaction, set())
    return kept[1]


@dataclass(frozen=True)
class LinksCustomer(ByProject):
    """Rows that link a customer to a project and so decide who sees the customer.

    Whoever adds a link must see the customer already, unless the customer has no link yet.
    """

    customer: str = "customer_id"

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.column, self.customer)

    def refusal(self, session: Session, row: Any, scope: Scope) -> str | None:
        reason = super().refusal(session, row, scope)
        customer_id = getattr(row, self.customer)
        if reason is not None or customer_id is None or scope.project_ids is None or row in session.deleted:
            return reason
        link = row.metadata.tables[CUSTOMER_LINK_TABLE]
        others = sa.select(link.c.project_id).where(
            link.c.customer_id == customer_id, link.c.project_id != row.project_id
        )
        projects = set(session.connection().execute(others).scalars())
        if projects and not projects & scope.project_ids:
            return f"customer {customer_id} is out of reach"
        return None


@dataclass(frozen=True)
class Owned(ScopeRule):
    """Rows that hang on any record (attachments, timeline, documents, audit): the project decides where there is one,
    else the customer, else the department. A row with none of the three is seen by the system alone."""

    project: str = "project_id"
    customer: str = "customer_id"
    department: str = "department_id"

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.project, self.customer, self.department)

    def criterion(self, model: Any, scope: Scope, *, few: bool = False) -> sa.ColumnElement[bool] | None:
        if scope.sees_everything:
            return None
        project, customer, department = (getattr(model, name) for name in self.columns)
        if scope.project_ids is None:
            return sa.or_(
                project.is_not(None),
                customer.is_not(None),
                department.in_(sorted(scope.department_ids or ())),
            )
        return sa.or_(
            project.in_(sorted(scope.project_ids or ())),
            sa.and_(
                project.is_(None),
                customer.is_not(None),
                _linked_to_visible_project(customer, scope.project_ids, model, few),
            ),
            sa.and_(
                project.is_(None), customer.is_(None), department.in_(sorted(scope.department_ids or ()))
            ),
        )

    def refusal(self, session: Session, row: Any, scope: Scope) -> str | None:
        if scope.sees_everything:
            return None
        if (project_id := getattr(row, self.project)) is not None:
            if scope.project_ids is None or project_id in scope.project_ids:
                return None
            return f"project {project_id} is out of reach"
        if (customer_id := getattr(row, self.customer)) is not None:
            visible = customer_is_visible(session, customer_id, scope, type(row))
            return None if visible else f"customer {customer_id} is out of reach"
        department_id = getattr(row, self.department)
        return (
            None
            if department_id in (scope.department_ids or ())
            else f"department {department_id} is out of reach"
        )


_SEEN_CUSTOMERS = "seen_customers"
_scoped_models: dict[str, Any] = {}
_tables_of_statements: WeakKeyDictionary[Any, tuple[frozenset[str], frozenset[str]]] = WeakKeyDictionary()
"""What :func:`_scoped_tables_of` found in statements that are built once and run often."""


_narrowed_selects: WeakKeyDictionary[Any, dict[tuple[Scope, bool], Any]] = WeakKeyDictionary()
"""What :data:`KEPT_SELECT` became in each scope, and whether it reads few rows."""
_MOST_SCOPES = 100


def register_scoped_table(model: Any) -> None:
    """Remember how the rows of a model are narrowed; called once for each class that has a table."""
    _tables_of_statements.clear()
    _narrowed_selects.clear()
    if isinstance(model.__scope__, Unscoped):
        _scoped_models.pop(model.__tablename__, None)
    else:
        _scoped_models[model.__tablename__] = model


def forget_narrowed_selects() -> None:
    """Forget what kept selects became; for tests that take a rule of the wall away."""
    _narrowed_selects.clear()


def scoped_models() -> dict[str, Any]:
    """Return the scoped models by table name."""
    return dict(_scoped_models)


_Source = tuple[str, str | None]
"""A scoped table as one level of a statement uses it: its name, and its alias there."""


def _source_of(selectable: Any) -> _Source | None:
    if isinstance(selectable, sa.TableClause):
        return (selectable.name, None) if selectable.name in _scoped_models else None
    if isinstance(selectable, AliasedReturnsRows):
        inner = _source_of(selectable.element)
        return inner and (inner[0], selectable.name)
    return None


def _came_through_model(element: Any) -> bool:
    return "parententity" in element._annotations or "parentmapper" in element._annotations


def _named_in_from(element: Any) -> Iterator[Any]:
    """Yield what a clause names as a source of rows, as it was written and not as SQLAlchemy derives it."""
    if isinstance(element, sa.Select):
        yield from element._from_obj
        yield from element._raw_columns
        for target, *_rest in element._setup_joins:
            yield target
    elif isinstance(element, sa.Join):
        yield from (element.left, element.right)


def _tables_in(statement: Any) -> tuple[set[str], set[str]]:
    """Return what :func:`_scoped_tables_of` finds, remembered for as long as the statement lives.

    A SELECT never changes once it is made: each method returns another one. So the answer for the very same object
    stays true until a further table is registered. Statements that change rows are looked at each time.
    """
    if not isinstance(statement, (sa.Select, sa.CompoundSelect)):
        return _scoped_tables_of(statement)
    known = _tables_of_statements.get(statement)
    if known is None:
        mapped, bare = _scoped_tables_of(statement)
        known = _tables_of_statements[statement] = frozenset(mapped), frozenset(bare)
    return set(known[0]), set(known[1])


def _scoped_tables_of(statement: Any) -> tuple[set[str], set[str]]:
    """Return the scoped tables in a statement: those that came through their model, and those that came bare.

    Each SELECT is looked at by itself, because a criterion reaches a table only where its model occurs: in
    ``select(Unit).where(Unit.id.in_(select(Unit.__table__.c.id)))`` the table is both.
    """
    mapped: set[str] = set()
    bare: set[str] = set()
    levels: list[Any] = [statement]
    while levels:
        level = levels.pop()
        by_model: set[_Source] = set()
        by_table: set[_Source] = set()
        waiting: list[Any] = [level]
        while waiting:
            element = waiting.pop()
            for named in _named_in_from(element):
                source = _source_of(named)
                if source is not None and not _came_through_model(named):
                    by_table.add(source)
            source = _source_of(element.table if isinstance(element, sa.ColumnClause) else element)
            if source is not None:
                if _came_through_model(element):
                    by_model.add(source)
                elif isinstance(element, sa.ColumnClause):
                    by_table.add(source)
                continue
            for child in element.get_children():
                (levels if isinstance(child, sa.SelectBase) else waiting).append(child)
        mapped.update(name for name, _alias in by_model)
        bare.update(name for name, _alias in by_table - by_model)
    return mapped, bare


def _tables_loaded_along(statement: Any, mapped: Iterable[str]) -> set[str]:
    """Return the scoped tables that are joined to a statement only when it is compiled (``joinedload``)."""
    mappers = [
        step.mapper
        for option in getattr(statement, "_with_options", ())
        for load in getattr(option, "context", ())
        for step in load.path.path
        if hasattr(step, "mapper")
    ]
    waiting = [*mappers, *(sa.inspect(_scoped_models[name]) for name in mapped)]
    seen = set()
    while waiting:
        mapper = waiting.pop()
        if mapper not in seen:
            seen.add(mapper)
            always_joined = [
                relation.mapper for relation in mapper.relationships if relation.lazy in ("joined", False)
            ]
            mappers += always_joined
            waiting += always_joined
    return {table.name for mapper in mappers for table in mapper.tables if table.name in _scoped_models}


class _Criterion(LoaderCriteriaOption):
    """A condition of the wall that follows its model into every alias, as ``with_loader_criteria`` should.

    SQLAlchemy 2.1 adapts the condition where an alias is selected from, but not where it is the target of an explicit
    join; there it names the table itself, which the statement does not contain.
    """

    _traverse_internals = LoaderCriteriaOption._traverse_internals

    def _resolve_where_criteria(self, ext_info: Any) -> sa.ColumnElement[bool]:
        criterion = super()._resolve_where_criteria(ext_info)
        if not ext_info.is_aliased_class:
            return criterion
        adapted: sa.ColumnElement[bool] = ext_info._adapter.traverse(criterion)
        return adapted


def _narrow(state: ORMExecuteState) -> None:
    is_change = state.is_insert or state.is_update or state.is_delete
    if is_change:
        state.session.info.pop(_SEEN_CUSTOMERS, None)
    if state.is_column_load:
        return
    if isinstance(state.statement, sa.TextClause):
        return
    if (scope := current_scope()) is not None and scope.sees_everything:
        return
    kept: dict[tuple[Scope, bool], Any] | None = None
    few = bool(state.execution_options.get(READS_FEW))
    if state.execution_options.get(KEPT_SELECT) and state.is_select:
        kept = _narrowed_selects.setdefault(state.statement, {})
        if (narrowed := kept.get((require_scope(), few))) is not None:
            state.statement = narrowed
            return
    mapped, bare = _tables_in(state.statement)
    if is_change:
        target = _source_of(getattr(state.statement, "table", None))
        if target is not None:
            mapped.add(target[0])
            if state.is_orm_statement:
                bare.discard(target[0])
    if not mapped and not bare:
        return
    scope = require_scope()
    if bare or not state.is_orm_statement:
        raise ScopeError(
            f"The tables {sorted(bare or mapped)} were read without their models, so they cannot be narrowed to "
            "the acting department. Select the mapped class, not its __table__."
        )
    if state.is_insert:
        raise ScopeError("Bulk inserts of scoped rows bypass the wall. Add objects to the session instead.")
    if state.is_update:
        _refuse_moving_rows(state)
    joined = _tables_loaded_along(state.statement, mapped)
    options = []
    for name in sorted(mapped | joined):
        model = _scoped_models[name]
        criterion = model.__scope__.criterion(model, scope, few=few)
        criterion = _of_visitors(model, scope, criterion)
        if criterion is not None:
            # Only criteria that go on to loaders reach an eager join. The others stay here: a row that is loaded
            # now may be asked for its relations in another scope.
            options.append(
                _Criterion(model, criterion, include_aliases=True, propagate_to_loaders=name in joined)
            )
    state.statement = state.statement.options(*options)
    if kept is not None:
        if len(kept) >= _MOST_SCOPES:
            kept.clear()
        kept[(scope, few)] = state.statement


def _customer_column(model: Any) -> str | None:
    """Return the name of the attribute that says whose row it is, for models that know customers."""
    rule = model.__scope__
    if isinstance(rule, ByCustomer):
        return rule.column
    return "customer_id" if "customer_id" in sa.inspect(model).column_attrs else None


def _of_visitors(model: Any, scope: Scope, criterion: sa.ColumnElement[bool] | None) -> Any:
    """Narrow a criterion further to the customers of a personal link; their neighbours are none of their business."""
    name = _customer_column(model) if scope.customer_ids is not None else None
    if name is None:
        return criterion
    column = getattr(model, name)
    own = sa.or_(column.is_(None), column.in_(sorted(scope.customer_ids or ())))
    return own if criterion is None else sa.and_(criterion, own)


def _names_another_customer(row: Any, scope: Scope) -> str | None:
    name = _customer_column(type(row)) if scope.customer_ids is not None else None
    if name is None:
        return None
    history = get_history(row, name)
    values = {*history.added, *history.deleted, *history.unchanged} - {None}
    foreign = values - (scope.customer_ids or frozenset())
    return f"customer {sorted(map(str, foreign))} is out of reach of this link" if foreign else None


def _refuse_moving_rows(state: ORMExecuteState) -> None:
    if isinstance(state.parameters, list):
        raise ScopeError(
            "Bulk updates by primary key bypass the wall. Change objects of the session instead."
        )
    statement: Any = state.statement
    model = _scoped_models.get(getattr(statement.table, "name", ""))
    changed = {getattr(column, "key", column) for column in getattr(statement, "_values", None) or ()}
    changed |= {
        getattr(column, "key", column) for column, _ in getattr(statement, "_ordered_values", None) or ()
    }
    changed |= set(state.parameters or ())
    if model is not None and changed & set(model.__scope__.columns):
        raise ScopeError("A bulk update may not move rows to another project or department.")


def _check_before_flush(session: Session, _context: Any, _instances: Any) -> None:
    """Refuse foreign rows before anything is sent. Keys that a relationship will fill in are still empty here."""
    _check_rows(session, [*session.new, *session.dirty, *session.deleted], flushed=False)


def _check_after_flush(session: Session, _context: Any) -> None:
    """Refuse what relationships moved out of reach; the flush is rolled back."""
    _check_rows(session, [*session.new, *session.dirty], flushed=True)


def _check_rows(session: Session, rows: Iterable[Any], *, flushed: bool) -> None:
    scope: Scope | None = None
    if any(
        getattr(type(row), "__tablename__", None) == CUSTOMER_LINK_TABLE
        for changed in (session.dirty, session.deleted)
        for row in changed
    ):
        session.info.pop(_SEEN_CUSTOMERS, None)
    for row in rows:
        rule = getattr(type(row), "__scope__", None)
        if rule is None or isinstance(rule, Unscoped):
            continue
        scope = scope or require_scope()
        if scope.sees_everything:
            return
        if row in session.dirty and not session.is_modified(row):
            continue
        if not flushed and row in session.new and all(getattr(row, name) is None for name in rule.columns):
            continue
        reason = rule.refusal(session, row, scope) or _names_another_customer(row, scope)
        if reason is not None:
            raise ScopeError(f"{type(row).__name__} cannot be saved: {reason}.")


def install_wall(session_factory: Any) -> None:
    """Attach the wall to a session class or factory; safe to call more than once."""
    for name, listener in (
        ("do_orm_execute", _narrow),
        ("before_flush", _check_before_flush),
        ("after_flush", _check_after_flush),
    ):
        if not sa.event.contains(session_factory, name, listener):
            sa.event.listen(session_factory, name, listener)
