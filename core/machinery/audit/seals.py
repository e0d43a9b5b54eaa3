"""Sealing the log in hash-chained batches, and checking the chain.

Writers of the log never wait for a seal and never for each other. A seal covers a range of entry ids, so it may
be made only when no running transaction can still bring an entry into that range. Ids are given out before the
commit, so on PostgreSQL a smaller id can appear after a larger one. The sealer therefore notes the largest id
that it sees, then asks ``pg_locks`` which transactions hold the lock that any writer of the table takes before
it draws an id, and waits until those have ended. Later transactions draw larger ids. On SQLite there is one
writer at a time and the sealer is that writer for a moment.

The hash is an HMAC with the installation's index key. Whoever can write to the database but does not know the
key cannot make a new chain. Removing the newest seals together with their entries leaves a shorter, valid
chain: keep the head that ``doorstep audit verify`` prints somewhere else and compare it with ``--head``.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import sqlalchemy as sa

from core.database.encryption import blind_index
from core.database.types import utc_now
from core.extensions import db
from core.machinery.audit.models import AuditEntry, AuditSeal
from core.machinery.audit.values import canonical, to_plain

BATCH = 1_000
"""Entries in one seal; a broken seal names this many suspects at the most."""
WAIT_SECONDS = 30
REST_SECONDS = 0.15
FIRST_HASH = "0" * 64

_entry = cast(sa.Table, AuditEntry.__table__)
_seal = cast(sa.Table, AuditSeal.__table__)
_SEALER_LOCK = 0x0D005E41


class SealingBusy(RuntimeError):
    """A transaction that writes to the log runs for too long, or another sealer is at work; try again later."""


@dataclass(frozen=True)
class Problem:
    """Something in the log that is not as it was sealed.

    ``kind`` is ``changed``, ``removed``, ``inserted``, or ``chain`` (a seal is missing or was changed).
    """

    kind: str
    seal_id: int | None
    first_entry_id: int | None
    last_entry_id: int | None
    message: str


@dataclass(frozen=True)
class Report:
    """What a check of the whole log found. ``head`` is the hash of the newest seal."""

    seals: int
    entries: int
    unsealed: int
    head: str
    problems: tuple[Problem, ...] = field(default=())

    @property
    def is_sound(self) -> bool:
        """Whether nothing sealed was changed, removed or inserted."""
        return not self.problems


def seal() -> int:
    """Seal all entries of finished transactions and return how many; commits on a connection of its own.

    Raises:
        SealingBusy: A writer did not end within :data:`WAIT_SECONDS`, or another sealer is at work.
    """
    horizon = _horizon()
    if horizon is None:
        return 0
    sealed = 0
    while True:
        with db.engine.begin() as connection:
            count = _seal_batch(connection, horizon)
        if count == 0:
            return sealed
        sealed += count
        if count == BATCH:
            # SQLite lets waiting writers look again every tenth of a second; without a rest none would get in.
            time.sleep(REST_SECONDS)


def _horizon() -> int | None:
    """Return the largest id below which no entry can appear any more, or None for an empty log."""
    with db.engine.connect().execution_options(read_only=True) as connection:
        largest: int | None = connection.execute(sa.select(sa.func.max(_entry.c.id))).scalar()
        writers = _writers(connection) if connection.dialect.name == "postgresql" else set()
        connection.rollback()
        deadline = time.monotonic() + WAIT_SECONDS
        while writers:
            if time.monotonic() > deadline:
                raise SealingBusy(
                    f"{len(writers)} transactions that write to the audit log have been running for more than "
                    f"{WAIT_SECONDS} seconds. Seal again when they have ended."
                )
            time.sleep(0.05)
            writers &= _writers(connection)
            connection.rollback()
    return largest


def _writers(connection: sa.Connection) -> set[tuple[str, int | None]]:
    from sqlalchemy.dialects.postgresql import OID

    locks = sa.table(
        "pg_locks",
        sa.column("relation"),
        sa.column("database"),
        sa.column("mode"),
        sa.column("virtualtransaction", sa.String),
        sa.column("pid", sa.Integer),
    )
    databases = sa.table("pg_database", sa.column("oid"), sa.column("datname"))
    this_database = (
        sa.select(databases.c.oid).where(databases.c.datname == sa.func.current_database()).scalar_subquery()
    )
    query = sa.select(locks.c.virtualtransaction, locks.c.pid).where(
        locks.c.relation == sa.cast(sa.func.to_regclass(_entry.name), OID),
        locks.c.database == this_database,
        locks.c.mode == "RowExclusiveLock",
    )
    return {(row.virtualtransaction, row.pid) for row in connection.execute(query)}


def _seal_batch(connection: sa.Connection, horizon: int) -> int:
    if (
        connection.dialect.name == "postgresql"
        and not connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(_SEALER_LOCK))).scalar()
    ):
        raise SealingBusy("Another process is sealing the audit log right now.")
    previous = connection.execute(sa.select(_seal).order_by(_seal.c.id.desc()).limit(1)).first()
    first = previous.last_entry_id + 1 if previous is not None else 1
    rows = connection.execute(
        sa.select(_entry)
        .where(_entry.c.id >= first, _entry.c.id <= horizon)
        .order_by(_entry.c.id)
        .limit(BATCH)
    ).all()
    if not rows:
        return 0
    values: dict[str, Any] = {
        "id": previous.id + 1 if previous is not None else 1,
        "sealed_at": utc_now(),
        "entries": len(rows),
        "first_entry_id": first,
        # A full batch ends at its last entry, the final one at the horizon: so ids lost to a rollback are covered.
        "last_entry_id": rows[-1].id if len(rows) == BATCH else horizon,
        "previous_hash": previous.hash if previous is not None else FIRST_HASH,
    }
    values["hash"] = _hash(values, [_digest(row) for row in rows])
    connection.execute(_seal.insert().values(values))
    return len(rows)


def _digest(row: Any) -> str:
    values = {column.name: to_plain(row._mapping[column]) for column in _entry.columns}
    return hashlib.sha256(canonical(values).encode()).hexdigest()


def _hash(seal_values: dict[str, Any], digests: list[str]) -> str:
    head = {
        column.name: to_plain(seal_values[column.name]) for column in _seal.columns if column.name != "hash"
    }
    return blind_index(canonical([head, digests]), "audit seal")


def verify(head: str | None = None) -> Report:
    """Check the whole log: each hash is made again from the entries as they are now.

    Args:
        head: The hash of a seal that was noted elsewhere; a chain without it was cut or made anew.
    """
    problems: list[Problem] = []
    seals = entries = 0
    expected_id, expected_first, previous_hash = 1, 1, FIRST_HASH
    head_found = head is None
    with db.engine.connect().execution_options(read_only=True) as connection:
        for row in connection.execute(sa.select(_seal).order_by(_seal.c.id)).all():
            if (
                row.id != expected_id
                or row.first_entry_id != expected_first
                or row.previous_hash != previous_hash
            ):
                problems.append(
                    _problem(
                        "chain",
                        row,
                        f"Seal {row.id} does not follow the one before it: a seal is missing or was changed.",
                    )
                )
            found = connection.execute(
                sa.select(_entry)
                .where(_entry.c.id >= row.first_entry_id, _entry.c.id <= row.last_entry_id)
                .order_by(_entry.c.id)
            ).all()
            if _hash(dict(row._mapping), [_digest(entry) for entry in found]) != row.hash:
                problems.append(_broken(row, len(found)))
            seals += 1
            entries += len(found)
            expected_id, expected_first, previous_hash = row.id + 1, row.last_entry_id + 1, row.hash
            head_found = head_found or row.hash == head
        problems.extend(_outside(connection, expected_first))
        unsealed = connection.execute(
            sa.select(sa.func.count()).select_from(_entry).where(_entry.c.id >= expected_first)
        ).scalar_one()
    if not head_found:
        problems.append(
            Problem("chain", None, None, None, "No seal has the given head: the end of the chain is gone.")
        )
    return Report(seals, entries, unsealed, previous_hash, tuple(problems))


def _outside(connection: sa.Connection, expected_first: int) -> Iterator[Problem]:
    """Entries before the first id of the log, which no seal covers."""
    count = connection.execute(
        sa.select(sa.func.count()).select_from(_entry).where(_entry.c.id < min(1, expected_first))
    ).scalar_one()
    if count:
        yield Problem("inserted", None, None, 0, f"{count} entries stand before the beginning of the log.")


def _broken(row: Any, found: int) -> Problem:
    place = f"entries {row.first_entry_id}–{row.last_entry_id} (seal {row.id})"
    if found < row.entries:
        return _problem(
            "removed", row, f"{row.entries - found} of {row.entries} entries are missing: {place}."
        )
    if found > row.entries:
        return _problem("inserted", row, f"{found - row.entries} entries were inserted afterwards: {place}.")
    return _problem(
        "changed", row, f"At least one entry, or the seal itself, was changed afterwards: {place}."
    )


def _problem(kind: str, row: Any, message: str) -> Problem:
    return Problem(kind, row.id, row.first_entry_id, row.last_entry_id, message)
