"""All rows of a database as plain values, to compare how two runs of the same work ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from core.database.base import metadata

STABLE_TABLES = frozenset({"project", "phase", "building", "unit", "department", "user_account", "role"})
"""Rows that jobs do not make, so that a reference to one is the same in every run."""
_IGNORED_TABLES = frozenset({"job_worker", "audit_seal", "audit_entry"})
_IGNORED_COLUMNS = frozenset(
    {
        "attempts", "dedupe_key", "id", "lease_token", "row_version", "sha256", "size", "stored_key", "subject",
        "verification_code", "worker",
    }
)  # fmt: skip
"""What differs between two runs that nobody disturbed: keys, times, random codes, and what a file weighs."""
_IGNORED_KEYS = frozenset({"subject_key.key"})

Snapshot = Mapping[str, "Counter[str]"]


def snapshot(connection: sa.Connection, ignored: frozenset[str] = frozenset()) -> dict[str, Counter[str]]:
    """Return all rows by table, without what differs from run to run, and how often what was logged.

    Args:
        connection: A connection; what it sees is taken.
        ignored: Further columns that are left out, as ``table.column``.
    """
    found: dict[str, Counter[str]] = {}
    for table in metadata.sorted_tables:
        if table.name in _IGNORED_TABLES:
            continue
        columns = [column for column in table.columns if _is_compared(column, ignored)]
        rows = connection.execute(sa.select(*columns, sa.literal(table.name)).select_from(table))
        found[table.name] = Counter(repr(tuple(row)) for row in rows)
    audit = metadata.tables["audit_entry"]
    logged = connection.execute(sa.select(audit.c.action, audit.c.record_kind))
    found["audit_entry"] = Counter(repr(tuple(row)) for row in logged)
    return found


def differences(wanted: Snapshot, found: Snapshot) -> list[tuple[str, str, str, int]]:
    """Return table, ``lost`` or ``too many``, the row and how often, for all rows that are not the same in both."""
    lines = []
    for name, rows in wanted.items():
        for what, these in (("lost", rows - found[name]), ("too many", found[name] - rows)):
            lines += [(name, what, row, times) for row, times in these.items()]
    return lines


def _is_compared(column: sa.Column[Any], ignored: frozenset[str]) -> bool:
    if column.name in _IGNORED_COLUMNS or f"{column.table.name}.{column.name}" in ignored | _IGNORED_KEYS:
        return False
    kind = column.type
    if isinstance(getattr(kind, "impl_instance", kind), sa.DateTime):
        return False
    return {key.column.table.name for key in column.foreign_keys} <= STABLE_TABLES
