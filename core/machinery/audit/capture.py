"""Writes an audit entry for each row that a flush or a bulk statement creates, changes or deletes.

The entries of a flush are worked out after its statements were sent, when foreign keys and new ids are known
and the history of the attributes is still there, and go to the database in one statement. They are part of the
transaction: what is rolled back was never logged, and nothing is committed without its entries.

Bulk statements of the ORM (``update(Model)``, ``delete(Model)``) are not seen by a flush. They are logged row
by row too: the rows are read before and after. Beyond :data:`BULK_LIMIT` rows the statement is refused, unless
it says ``execution_options(audit_summary="why")``; then one entry tells the reason, the columns and the number
of rows. Bulk inserts, updates by a list of keys and statements on the bare ``__table__`` of an audited model
need that option always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa
from flask import g, has_app_context, has_request_context, request
from sqlalchemy.orm import ORMExecuteState, Session, attributes
from sqlalchemy.orm.base import NO_VALUE, PASSIVE_NO_INITIALIZE

from core.database.base import Model
from core.database.owners import owner_of
from core.database.scope import ByCustomer, ByDepartment, ByProject, current_scope
from core.database.types import EncryptedText, WordedText, utc_now
from core.machinery.audit.models import AuditEntry, AuditSeal
from core.machinery.audit.subjects import (
    customer_subject,
    encrypt_value,
    encrypt_values,
    forget_keys,
    hold_keys,
)
from core.machinery.audit.values import HIDDEN, PERSONAL, PRIVATE, to_plain

BULK_LIMIT = 2_000
SUMMARY_OPTION = "audit_summary"

_TABLE = cast(sa.Table, AuditEntry.__table__)
_BEFORE = "doorstep.audit_before"
_BOOKKEEPING = frozenset({"created_at", "updated_at", "row_version"})
_LABEL_COLUMNS = ("code", "number", "title", "name", "label", "file_name")


class AuditLogImmutable(RuntimeError):
    """An audit entry or a seal was to be changed or removed."""


class UnloggedChange(RuntimeError):
    """A bulk statement would change audited rows without a trace; the message says how to declare it."""


class _Field:
    """What the log needs to know of one mapped column."""

    __slots__ = ("column", "key", "marker")

    def __init__(self, key: str, column: sa.Column[Any], marker: str) -> None:
        self.key = key
        self.column = column
        self.marker = marker


_fields_by_class: dict[type[Any], tuple[_Field, ...]] = {}


def fields_of(model: type[Any]) -> tuple[_Field, ...]:
    """Return the logged columns of a mapped class; worked out once for each class."""
    found = _fields_by_class.get(model)
    if found is None:
        mapper = sa.inspect(model)
        found = tuple(
            _Field(attribute.key, attribute.columns[0], _marker(model, attribute.key, attribute.columns[0]))
            for attribute in mapper.column_attrs
            if isinstance(attribute.columns[0], sa.Column) and attribute.key not in _BOOKKEEPING
        )
        _fields_by_class[model] = found
    return found


def _marker(model: type[Any], key: str, column: sa.Column[Any]) -> str:
    if key in model.__audit_hidden__:
        return HIDDEN
    if key in model.__personal__ or isinstance(column.type, EncryptedText):
        return PERSONAL
    # People write names and numbers into notes. Where a row belongs to a customer, free text is encrypted with his key.
    kind = column.type
    is_long = kind.is_long if isinstance(kind, WordedText) else isinstance(kind, sa.Text)
    return PRIVATE if is_long else ""


def is_audited(model: Any) -> bool:
    """Return whether changes of a class are logged."""
    return isinstance(model, type) and issubclass(model, Model) and model.__audited__


def install_capture(session_factory: Any) -> None:
    """Attach the log to a session class or factory; safe to call more than once."""
    for name, listener in (
        ("before_flush", _before_flush),
        ("after_flush", _after_flush),
        ("do_orm_execute", _on_execute),
        ("after_commit", _on_end),
        ("after_soft_rollback", _on_rollback),
    ):
        if not sa.event.contains(session_factory, name, listener):
            sa.event.listen(session_factory, name, listener)


def _on_end(session: Session) -> None:
    forget_keys(session)


def _on_rollback(session: Session, _previous: Any) -> None:
    forget_keys(session)
    session.info.pop(_BEFORE, None)


def _before_flush(session: Session, _context: Any, _instances: Any) -> None:
    unknown: dict[Any, dict[str, Any]] = {}
    for row in session.dirty:
        if isinstance(row, AuditEntry | AuditSeal) and session.is_modified(row):
            raise AuditLogImmutable("An entry of the audit log cannot be changed.")
        if is_audited(type(row)):
            _read_values(session, row, _overwritten_unread(row), unknown)
    for row in session.deleted:
        if isinstance(row, AuditEntry | AuditSeal):
            raise AuditLogImmutable("An entry of the audit log cannot be removed.")
        if is_audited(type(row)):
            held = row.__dict__
            missing = [field for field in fields_of(type(row)) if field.key not in held]
            _read_values(session, row, missing, unknown)
    session.info[_BEFORE] = unknown


def _overwritten_unread(row: Any) -> list[_Field]:
    committed = sa.inspect(row).committed_state
    if not committed:
        return []
    return [field for field in fields_of(type(row)) if committed.get(field.key) is NO_VALUE]


def _read_values(
    session: Session, row: Any, fields: list[_Field], unknown: dict[Any, dict[str, Any]]
) -> None:
    """Read from the database what is overwritten, or deleted, without having been loaded."""
    state = sa.inspect(row)
    if not fields or state.identity is None:
        return
    table = state.mapper.local_table
    query = sa.select(*[field.column for field in fields]).where(
        *[column == value for column, value in zip(table.primary_key, state.identity, strict=True)]
    )
    found = session.connection().execute(query).first()
    if found is not None:
        unknown[state] = {field.key: value for field, value in zip(fields, found, strict=True)}


def _after_flush(session: Session, flush_context: Any) -> None:
    unknown = session.info.pop(_BEFORE, {})
    changes: list[tuple[Any, str, dict[str, tuple[Any, Any]]]] = []
    for state, (is_deleted, list_only) in list(flush_context.states.items()):
        row = state.obj()
        if list_only or row is None or not is_audited(type(row)):
            continue
        if is_deleted:
            action, values = "deleted", _values_of_deleted(row, unknown.get(state, {}))
        elif state.key is None:
            action, values = "created", _values_of_created(row)
        else:
            action, values = "changed", _changed_values(row, unknown.get(state, {}))
            if not values:
                continue
        changes.append((row, action, values))
    if not changes:
        return
    context = acting_context()
    _hold_keys(session, changes)
    write_entries(session, [_entry(session, row, action, values, context) for row, action, values in changes])


def _hold_keys(session: Session, changes: Sequence[tuple[Any, str, Mapping[str, tuple[Any, Any]]]]) -> None:
    """Read the keys of the persons whose values are about to be logged, all in one statement."""
    if len(changes) < 2:
        return
    subjects = set()
    for row, _action, values in changes:
        markers = {field.key: field.marker for field in fields_of(type(row))}
        customer_id = _customer_of(row)
        for key, (before, after) in values.items():
            marker = markers.get(key, "")
            is_secret = marker == PERSONAL or (marker == PRIVATE and customer_id is not None)
            if is_secret and not (before in (None, "") and after in (None, "")):
                subjects.add(customer_subject(customer_id))
                break
    hold_keys(session, subjects)


def _customer_of(row: Any) -> int | None:
    found: int | None = row.__dict__.get("customer_id", owner_of(row, loaded_only=True).customer_id)
    return found


def _values_of_created(row: Any) -> dict[str, tuple[Any, Any]]:
    held = row.__dict__
    values = {
        field.key: (None, held[field.key])
        for field in fields_of(type(row))
        if held.get(field.key) not in (None, "") and field.key != "id"
    }
    return values | _changed_links(row)


def _values_of_deleted(row: Any, unknown: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    values = {}
    for field in fields_of(type(row)):
        history = attributes.get_history(row, field.key, passive=PASSIVE_NO_INITIALIZE)
        before = next(iter(history.deleted or history.unchanged or ()), unknown.get(field.key))
        if before is not None and field.key != "id":
            values[field.key] = (before, None)
    return values


def _changed_values(row: Any, unknown: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    values = {}
    for field in fields_of(type(row)):
        history = attributes.get_history(row, field.key, passive=PASSIVE_NO_INITIALIZE)
        if not history.added:
            continue
        before = history.deleted[0] if history.deleted else unknown.get(field.key)
        after = history.added[0]
        if isinstance(after, sa.sql.ClauseElement):
            after = str(after.compile())
        if to_plain(before) != to_plain(after):
            values[field.key] = (before, after)
    return values | _changed_links(row)


def _changed_links(row: Any) -> dict[str, tuple[Any, Any]]:
    """Return the many-to-many links that changed, as lists of the ids on the other side."""
    changed = {}
    for relation in sa.inspect(type(row)).relationships:
        if relation.secondary is None or relation.viewonly:
            continue
        history = attributes.get_history(row, relation.key, passive=PASSIVE_NO_INITIALIZE)
        if history.added or history.deleted:
            kept = list(history.unchanged or ())
            before = [_identity(item) for item in [*kept, *(history.deleted or ())]]
            after = [_identity(item) for item in [*kept, *(history.added or ())]]
            changed[relation.key] = (sorted(before), sorted(after))
    return changed


def _identity(row: Any) -> str:
    mapper = sa.inspect(type(row))
    key = mapper.primary_key_from_instance(row)
    return ",".join(str(value) for value in key)


def _entry(
    session: Session,
    row: Any,
    action: str,
    values: Mapping[str, tuple[Any, Any]],
    context: Mapping[str, Any],
) -> dict[str, Any]:
    model = type(row)
    owner = owner_of(row, loaded_only=True)
    customer_id = row.__dict__.get("customer_id", owner.customer_id)
    markers = {field.key: field.marker for field in fields_of(model)}
    changes, subject = _encoded(session, values, markers, customer_id)
    return {
        **context,
        **owner.as_columns(),
        "customer_id": customer_id,
        "action": action,
        "record_kind": model.__tablename__,
        "record_id": _identity(row),
        "label": _label(row, markers),
        "changes": changes,
        "subject": subject,
    }


def _encoded(
    session: Session,
    values: Mapping[str, tuple[Any, Any]],
    markers: Mapping[str, str],
    customer_id: int | None,
) -> tuple[dict[str, Any], str | None]:
    """Return the changes as they are stored, and whose key encrypted them, if any."""
    subject = customer_subject(customer_id)
    changes: dict[str, Any] = {}
    encrypted = False
    for key, (before, after) in values.items():
        marker = markers.get(key, "")
        if marker == HIDDEN:
            changes[key] = {HIDDEN: True}
        elif marker == PERSONAL or (marker == PRIVATE and customer_id is not None):
            encrypted = True
            changes[key] = [
                None if value in (None, "") else {marker: encrypt_value(session, subject, to_plain(value))}
                for value in (before, after)
            ]
        else:
            changes[key] = [to_plain(before), to_plain(after)]
    return changes, subject if encrypted else None


def _label(row: Any, markers: Mapping[str, str]) -> str:
    held = row.__dict__
    for key in _LABEL_COLUMNS:
        if held.get(key) and not markers.get(key, HIDDEN):
            return str(held[key])[:160]
    return ""


def acting_context() -> dict[str, Any]:
    """Return who acts, from where and why, for the entries that are about to be written."""
    scope = current_scope()
    context: dict[str, Any] = {
        "at": utc_now(),
        "reason": (scope.reason if scope is not None else None) or "",
        "user_id": scope.user_id if scope is not None else None,
        "user_name": "",
        "acting_department_id": scope.department_id if scope is not None else None,
        "request_id": "",
        "address": "",
    }
    if has_app_context():
        # Only a user who is loaded already: reading one here would start a query in the middle of a flush.
        user = g.get("_login_user")
        if user is not None and getattr(user, "is_authenticated", False):
            held = sa.inspect(user).dict if isinstance(user, Model) else {}
            context["user_name"] = str(held.get("name") or held.get("email") or "")[:80]
            context["user_id"] = context["user_id"] or held.get("id")
    if has_request_context():
        context["request_id"] = str(g.get("request_id") or "")[:40]
        context["address"] = (request.remote_addr or "")[:64]
    return context


def log_created_rows(
    session: Session,
    model: type[Any],
    rows: Sequence[Mapping[str, Any]],
    links: Mapping[str, Sequence[Any]] | None = None,
) -> None:
    """Write an entry for each of many rows that were inserted without the unit of work.

    What stands in the entries is what a flush would write; it is worked out for all rows together, because an import
    makes hundreds of them in a step.

    Args:
        session: The session of the transaction.
        model: Their mapped class.
        rows: Values by column, with the keys.
        links: Links to other records that each row was given along the way: keys of the other side by name.
    """
    context = acting_context()
    fields = [(field.key, field.marker) for field in fields_of(model) if field.key != "id"]
    keys = [column.key for column in model.__table__.primary_key]
    labels = [key for key in _LABEL_COLUMNS if (key, "") in fields]
    linked = {name: [[], sorted(str(key) for key in held)] for name, held in (links or {}).items()}
    of_rule = dict(_owner_columns(model.__scope__))
    owners = [
        {name: held.get(of_rule.get(name, name)) for name in ("project_id", "customer_id", "department_id")}
        for held in rows
    ]
    secret = {key for key, marker in fields if marker in (PERSONAL, PRIVATE)}
    hold_keys(
        session,
        {
            customer_subject(owner["customer_id"])
            for owner, held in zip(owners, rows, strict=True)
            if any(held.get(key) not in (None, "") for key in secret)
        },
    )
    entries = []
    for held, owner in zip(rows, owners, strict=True):
        customer_id = owner["customer_id"]
        if not any(owner.values()):
            owner["department_id"] = context["acting_department_id"]
        changes, hidden = _created_values(fields, held, customer_id)
        subject = customer_subject(customer_id)
        if hidden:
            tokens = encrypt_values(session, subject, [value for _key, _marker, value in hidden])
            for (key, marker, _value), token in zip(hidden, tokens, strict=True):
                changes[key] = [None, {marker: token}]
        changes.update(linked)
        entries.append(
            {
                **context,
                **owner,
                "action": "created",
                "record_kind": model.__tablename__,
                "record_id": ",".join(str(held[key]) for key in keys),
                "label": next((str(held[key])[:160] for key in labels if held.get(key)), ""),
                "changes": changes,
                "subject": subject if hidden else None,
            }
        )
    write_entries(session, entries)


def _created_values(
    fields: Sequence[tuple[str, str]], held: Mapping[str, Any], customer_id: int | None
) -> tuple[dict[str, Any], list[tuple[str, str, Any]]]:
    """Return the open values of a new row, and those that have to be encrypted with their markers."""
    changes: dict[str, Any] = {}
    hidden: list[tuple[str, str, Any]] = []
    for key, marker in fields:
        value = held.get(key)
        if value is None or value == "":
            continue
        if marker == HIDDEN:
            changes[key] = {HIDDEN: True}
        elif marker == PERSONAL or (marker == PRIVATE and customer_id is not None):
            hidden.append((key, marker, to_plain(value)))
        else:
            changes[key] = [None, to_plain(value)]
    return changes, hidden


def _owner_columns(rule: Any) -> Iterable[tuple[str, str]]:
    """Yield which column of a row holds the key of its project, customer or department."""
    if isinstance(rule, ByProject):
        yield "project_id", rule.column
    elif isinstance(rule, ByCustomer):
        yield "customer_id", rule.column
    elif isinstance(rule, ByDepartment):
        yield "department_id", rule.column


def write_entries(session: Session, entries: Iterable[Mapping[str, Any]]) -> None:
    """Write entries in the session's transaction, in one statement."""
    rows = list(entries)
    if rows:
        session.connection().execute(_TABLE.insert(), rows)


def _on_execute(state: ORMExecuteState) -> Any:
    if not (state.is_update or state.is_delete or state.is_insert):
        return None
    table = getattr(state.statement, "table", None)
    name = getattr(table, "name", "")
    if name in (AuditEntry.__tablename__, AuditSeal.__tablename__):
        raise AuditLogImmutable(
            "The audit log is written by the session's listeners alone and never changed."
        )
    model = _audited_models().get(name)
    if model is None:
        return None
    summary = state.execution_options.get(SUMMARY_OPTION)
    if summary:
        return _execute_with_summary(state, model, str(summary))
    by_key = state.is_executemany or isinstance(state.parameters, list)
    if not state.is_orm_statement or state.is_insert or by_key:
        raise UnloggedChange(
            f"This statement would change {name!r} without a trace in the audit log. Change loaded objects, "
            f'or say why one summary is enough: execution_options({SUMMARY_OPTION}="…").'
        )
    return _execute_row_by_row(state, model)


def _audited_models() -> dict[str, type[Any]]:
    from core.database.base import metadata

    known = metadata.info.get("audited_models")
    if known is None or len(known[1]) != len(metadata.tables):
        models = {cls.__tablename__: cls for cls in _mapped_classes(Model) if cls.__audited__}
        known = metadata.info["audited_models"] = (models, frozenset(metadata.tables))
    found: dict[str, type[Any]] = known[0]
    return found


def _mapped_classes(base: type[Any]) -> Iterable[type[Any]]:
    for cls in base.__subclasses__():
        if "__tablename__" in cls.__dict__ and "__mapper__" in cls.__dict__:
            yield cls
        yield from _mapped_classes(cls)


def _execute_with_summary(state: ORMExecuteState, model: type[Any], summary: str) -> Any:
    result = state.invoke_statement()
    kind = "bulk_created" if state.is_insert else "bulk_changed" if state.is_update else "bulk_deleted"
    context = acting_context()
    entry = {
        **context,
        "action": kind,
        "record_kind": model.__tablename__,
        "record_id": "",
        "label": "",
        "changes": {"columns": [None, _set_columns(state)], "rows": [None, getattr(result, "rowcount", -1)]},
        "reason": "; ".join(filter(None, (context["reason"], summary))),
        "subject": None,
        "project_id": None,
        "customer_id": None,
        "department_id": context["acting_department_id"],
    }
    write_entries(state.session, [entry])
    return result


def _set_columns(state: ORMExecuteState) -> list[str]:
    values = getattr(state.statement, "_values", None) or {}
    return sorted(str(getattr(column, "key", column)) for column in values)


def _execute_row_by_row(state: ORMExecuteState, model: type[Any]) -> Any:
    session = state.session
    mapper = sa.inspect(model)
    changed = set(_set_columns(state))
    fields = [field for field in fields_of(model) if state.is_delete or field.column.key in changed]
    if state.is_update and not fields:
        return None
    wanted = {attribute.key for attribute in mapper.column_attrs if _describes_owner(model, attribute)}
    wanted |= {field.key for field in fields}
    before = _read_rows(state, model, sorted(wanted))
    if len(before) > BULK_LIMIT:
        raise UnloggedChange(
            f"The statement reaches more than {BULK_LIMIT:,} rows of {model.__tablename__!r}. Work in steps, "
            f'or say why one summary is enough: execution_options({SUMMARY_OPTION}="…").'
        )
    result = state.invoke_statement()
    after = (
        {} if state.is_delete else _read_again(session, model, list(before), [field.key for field in fields])
    )
    context = acting_context()
    entries = []
    for identity, held in before.items():
        now = after.get(identity, {})
        values = {
            field.key: (held[field.key], now.get(field.key))
            for field in fields
            if to_plain(held[field.key]) != to_plain(now.get(field.key)) and field.key != "id"
        }
        if values or state.is_delete:
            action = "deleted" if state.is_delete else "changed"
            entries.append(_bulk_entry(session, model, held, action, values, context))
    write_entries(session, entries)
    return result


def _describes_owner(model: type[Any], attribute: Any) -> bool:
    names = {"project_id", "customer_id", "department_id", *model.__scope__.columns, *_LABEL_COLUMNS}
    return attribute.key in names or attribute.columns[0].primary_key


def _read_rows(
    state: ORMExecuteState, model: type[Any], keys: list[str]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    primary = [column.key for column in sa.inspect(model).primary_key]
    query = sa.select(*[getattr(model, key) for key in keys]).limit(BULK_LIMIT + 1)
    condition = cast(Any, state.statement).whereclause
    if condition is not None:
        query = query.where(condition)
    if state.session.connection().dialect.name == "postgresql":
        query = query.with_for_update(of=model)
    rows = state.session.execute(query, state.parameters).mappings()
    return {tuple(row[key] for key in primary): dict(row) for row in rows}


def _read_again(
    session: Session, model: type[Any], identities: list[tuple[Any, ...]], keys: list[str]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    primary = [column.key for column in sa.inspect(model).primary_key]
    columns = [getattr(model, key) for key in primary]
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for start in range(0, len(identities), 500):
        part = identities[start : start + 500]
        where = (
            sa.tuple_(*columns).in_(part) if len(columns) > 1 else columns[0].in_([key for (key,) in part])
        )
        wanted = [getattr(model, key) for key in dict.fromkeys([*primary, *keys])]
        for row in session.execute(sa.select(*wanted).where(where)).mappings():
            found[tuple(row[key] for key in primary)] = dict(row)
    return found


def _bulk_entry(
    session: Session,
    model: type[Any],
    held: Mapping[str, Any],
    action: str,
    values: Mapping[str, tuple[Any, Any]],
    context: Mapping[str, Any],
) -> dict[str, Any]:
    return _entry(session, _unattached(model, held), action, values, context)


def _unattached(model: type[Any], held: Mapping[str, Any]) -> Any:
    """Return an instance that belongs to no session; it carries values to the functions that read a row of a flush."""
    row: Any = object.__new__(model)
    attributes.manager_of_class(model).setup_instance(row)
    row.__dict__.update(held)
    return row
