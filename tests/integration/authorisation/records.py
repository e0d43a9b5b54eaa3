"""One row of every kind in each of the three projects, made by reflection, so that no new model can be forgotten."""

from __future__ import annotations

import datetime as dt
import itertools
import sys
import typing
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from core.database.scope import ByCustomer, ByDepartment, ByProject, LinksCustomer, Owned, Unscoped
from core.database.types import EncryptedText, Money, UtcDateTime, WordedText
from core.extensions import db
from core.machinery.exchange.staging import Content, StagedRow, pack, pack_content
from core.testing.world import World

GROUPS = {"own": "group", "sibling": "sibling_group", "foreign": "other_group"}
"""The department that stands for each project: what is scoped by department lies there."""
STAFF = {"own": "engineer", "sibling": "sibling", "foreign": "other"}
"""An account that only those who see the project may know of."""
ACTS_IN = {"own": "group", "sibling": "sibling_group", "foreign": "other_city"}
"""The department that this account acts in. An import belongs to who began it, and to where he acted."""

VALUES: dict[tuple[str, str], Any] = {
    ("message", "secrets"): "{}",
    ("touchpoint", "stage"): "A",
    ("message", "kind"): "sms",
    ("message", "purpose"): "service",
    ("import_batch", "kind"): "core.customers",
    ("import_batch", "match"): "phone",
    ("import_batch", "mode"): "both",
    ("import_batch", "state"): "checked",
    ("import_batch", "expires_at"): dt.datetime(2099, 1, 2, tzinfo=dt.UTC),
    ("import_batch", "sheets"): [{"name": "S", "heads": ["姓名"], "columns": ["name"]}],
    ("import_chunk", "verdicts"): "e",
    ("import_chunk", "keys"): "",
    ("import_chunk", "outcome"): pack([None]),
    ("import_chunk", "content"): lambda canary: pack_content(Content([StagedRow(0, 2, [canary])])),
    ("attachment", "media_type"): "application/pdf",
    ("job", "kind"): "audit.check",
    ("job", "state"): "done",
    ("todo", "due_at"): dt.datetime(2026, 3, 1, 4, tzinfo=dt.UTC),
    ("promise", "due_on"): dt.date(2026, 3, 1),
    ("handover_template_item", "severity"): "S3",
    ("handover_house_form", "kind"): "key_receipt",
    ("handover_house_form", "content"): {"house": "1", "keys": {}, "opened_before_owner": True},
    ("handover_daily_report", "figures"): {
        **dict.fromkeys(("due", "delivered_so_far", "booked", "arrived", "accepted", "refused"), 0),
        **dict.fromkeys(("accepted_with_defects", "undecided", "delivered", "key_houses", "keys"), 0),
        **{code: [0, 0] for code in ("k02", "k03", "k09", "k10")},
        **{"refusals": [], "houses": [], "defects": {}, "stations": {}},
    },
    ("reservations_slot", "booked"): 1,
    ("reservations_slot", "guests"): 1,
    ("warranty_house_warranty", "system"): "",
    ("warranty_third_party", "state"): "ordered",
}
"""Values that reflection cannot guess; a function gets the text that the rows of the project carry."""


NOT_YET = frozenset({"written"})
"""Columns that stay empty until something happened."""


class Unmakeable(LookupError):
    """A row cannot be made; the message says what to add to ``VALUES``."""


class Records:
    """Makes and remembers rows.

    Args:
        world: The departments, users and projects.
        choices: Allowed values by table and column, from the views that show them.
    """

    def __init__(self, world: World, choices: dict[tuple[str, str], Any]) -> None:
        self.world = world
        self._choices = choices
        self._serial = itertools.count(1)
        self._made: dict[tuple[str, str], Any] = {}
        self._waiting: set[str] = set()
        self._models = {mapper.class_.__tablename__: mapper.class_ for mapper in _mappers()}
        for target in GROUPS:
            rows = getattr(world, target)
            for table, key in (
                ("project", rows.project_id),
                ("phase", rows.phase_id),
                ("building", rows.building_id),
                ("unit", rows.unit_ids[0]),
                ("customer", rows.customer_ids[0]),
                ("customer_unit", rows.customer_unit_ids[0]),
                ("department", world.departments[GROUPS[target]]),
                ("user_account", world.users[STAFF[target]]),
                ("role", world.roles["engineer"]),
            ):
                self._made[table, target] = key

    def key(self, model: Any, target: str) -> int:
        """Return the key of the row of a model in a project, which is made when it is asked for first."""
        return int(self._row(model.__tablename__, target)["id"])

    def make(self, table_name: str, target: str) -> None:
        """Make the row of a table in a project, if there is such a table."""
        if table_name in self._models:
            self._row(table_name, target)

    def canary(self, target: str) -> str:
        """Return the text that every row of a project carries."""
        return str(getattr(self.world, target).canary)

    def _row(self, table_name: str, target: str) -> Any:
        model = self._models[table_name]
        table = model.__table__
        known = self._made.get((table_name, target))
        if not isinstance(known, dict):
            # SQLite has one writer: what was read so far must not keep a transaction open.
            db.session.rollback()
        if isinstance(known, int):
            with db.engine.connect() as connection:
                known = dict(connection.execute(sa.select(table).where(table.c.id == known)).mappings().one())
            self._made[table_name, target] = known
        if known is None:
            known = self._made[table_name, target] = self._make(model, target)
        return known

    def _make(self, model: Any, target: str) -> dict[str, Any]:
        table = model.__table__
        self._waiting.add(table.name)
        values: dict[str, Any] = self._owner(model, target)
        for constraint in sorted(table.foreign_key_constraints, key=lambda each: -len(each.columns)):
            referred = constraint.referred_table.name
            # A reference of two columns is empty as soon as one of them is.
            needed = all(not column.nullable for column in constraint.columns)
            if referred in self._waiting and not needed:
                continue
            parent = self._row(referred, target)
            for element in constraint.elements:
                values.setdefault(element.parent.name, parent[element.column.name])
        if table.name == "import_batch":
            values["department_id"] = self.world.departments[ACTS_IN[target]]
        for column in table.columns:
            if column.name not in values and not column.primary_key and not column.foreign_keys:
                value = self._value(model, column, target)
                if value is not None:
                    values[column.name] = value
        with db.engine.begin() as connection:
            made = connection.execute(table.insert().values(values)).inserted_primary_key
            keys = table.primary_key.columns
            found = sa.select(table).where(
                *(column == value for column, value in zip(keys, made, strict=True))
            )
            row = dict(connection.execute(found).mappings().one())
        self._waiting.discard(table.name)
        return row

    def _owner(self, model: Any, target: str) -> dict[str, Any]:
        rule, rows = model.__scope__, getattr(self.world, target)
        department = self.world.departments[GROUPS[target]]
        if isinstance(rule, Owned):
            return {rule.project: rows.project_id, rule.customer: None, rule.department: None}
        if isinstance(rule, ByDepartment):
            return {rule.column: department}
        if isinstance(rule, LinksCustomer):
            return {rule.column: rows.project_id, rule.customer: rows.customer_ids[0]}
        if isinstance(rule, ByProject):
            return {rule.column: rows.project_id}
        if isinstance(rule, ByCustomer):
            return {rule.column: rows.customer_ids[0]}
        return {}

    def _value(self, model: Any, column: Any, target: str) -> Any:
        given = VALUES.get((column.table.name, column.name))
        if callable(given):
            given = given(self.canary(target))
        choices = self._choices.get((column.table.name, column.name))
        has_default = column.default is not None or column.server_default is not None
        if given is not None or (choices and not has_default and not column.nullable):
            return given if given is not None else choices[0]
        enumeration = _enumeration(model, column.name)
        kind = column.type
        is_text = isinstance(kind, (sa.String, EncryptedText, WordedText)) and not isinstance(kind, sa.Enum)
        if column.name in NOT_YET:
            return None
        if is_text and column.name == "language":
            # Pages are drawn in it, and nobody writes a text of his own into it.
            return "zh_Hans_CN"
        if is_text and not choices and enumeration is None:
            return self._text(column, target)
        if has_default or column.nullable:
            return None
        if enumeration is not None:
            return next(iter(enumeration))
        plain = {
            sa.Boolean: True,
            UtcDateTime: dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
            sa.DateTime: dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
            sa.Date: dt.date(2026, 1, 2),
            Money: Decimal(1),
            sa.Numeric: Decimal(1),
            sa.Integer: 1,
        }
        for each, value in plain.items():
            if isinstance(kind, each):
                return value
        raise Unmakeable(f"Add a value for {column.table.name}.{column.name} to VALUES of records.py.")

    def _text(self, column: Any, target: str) -> str | None:
        has_default = column.default is not None or column.server_default is not None
        is_unique = column.unique or any(
            column.name in constraint.columns
            for constraint in column.table.constraints
            if isinstance(constraint, sa.UniqueConstraint)
        )
        # What everybody sees tells nothing of a project.
        is_open = is_unscoped(self._models[column.table.name])
        canary = "Catalogue" if is_open else self.canary(target)
        length = getattr(column.type, "length", None) or 10_000
        text = f"{canary}{next(self._serial)}" if is_unique else canary
        if len(text) <= length:
            return text
        if (has_default or column.nullable) and not is_unique:
            return None
        return f"T{next(self._serial)}"[:length]


def is_unscoped(model: Any) -> bool:
    """Return whether everybody sees the rows of a model. Departments and accounts are narrowed by their views."""
    return isinstance(model.__scope__, Unscoped) and model.__tablename__ not in {"department", "user_account"}


def _mappers() -> list[Any]:
    from core.database.base import CoreBase
    from core.plugin_system.runtime import current_runtime
    from core.plugin_system.tables import bases_of

    bases = [CoreBase, *(base for slug in current_runtime().plugins for base in bases_of(slug))]
    return [mapper for base in bases for mapper in base.registry.mappers]


def _enumeration(model: Any, name: str) -> type[StrEnum] | None:
    """Return the enumeration that annotates a column, if one does."""
    for owner in model.__mro__:
        text = vars(owner).get("__annotations__", {}).get(name)
        if text is None:
            continue
        space = {**vars(typing), **vars(sys.modules[owner.__module__]), "Mapped": Mapped}
        try:
            annotated = eval(text, space) if isinstance(text, str) else text
        except NameError:
            return None
        for inner in typing.get_args(annotated):
            for each in (inner, *typing.get_args(inner)):
                if isinstance(each, type) and issubclass(each, StrEnum):
                    return each
    return None
