"""search of bookings by index

Revision: reservations_0002
Follows: reservations_0001
Written: 2026-11-28
"""

from alembic import op

revision = "reservations_0002"
down_revision = "reservations_0001"
branch_labels = None
depends_on = None

_POSITIONS = ",".join(f"({position})" for position in range(1, 255))


def _pairs(value: str) -> str:
    """The pairs of neighbouring characters of a text; no recursive query may stand in a trigger."""
    return (
        f"(SELECT group_concat(substr({value}, column1, 2), ' ') FROM (VALUES {_POSITIONS}) "  # noqa: S608 (names of our own)
        f"WHERE column1 < length({value}))"
    )


_MADE = {
    "postgresql": [
        "CREATE INDEX ix_reservations_booking_number_search3 ON reservations_booking USING gin (lower(number) gin_trgm_ops)",
        "CREATE INDEX ix_reservations_booking_contact_name_search3 ON reservations_booking USING gin (lower(contact_name) gin_trgm_ops)",
        "CREATE INDEX ix_reservations_booking_contact_name_search2 ON reservations_booking USING gin (doorstep_bigrams(contact_name))",
    ],
    "sqlite": [
        "CREATE VIRTUAL TABLE reservations_booking_search3 USING fts5(number, contact_name, content='reservations_booking', content_rowid='id', tokenize='trigram')",
        "CREATE VIRTUAL TABLE reservations_booking_search2 USING fts5(contact_name, content='', columnsize=0, detail=column)",
        f"CREATE TRIGGER reservations_booking_search_insert AFTER INSERT ON reservations_booking BEGIN INSERT INTO reservations_booking_search3(rowid, number, contact_name) VALUES (new.id, new.number, new.contact_name); INSERT INTO reservations_booking_search2(rowid, contact_name) VALUES (new.id, {_pairs('new.contact_name')}); END",  # noqa: S608 (names of our own)
        f"CREATE TRIGGER reservations_booking_search_delete AFTER DELETE ON reservations_booking BEGIN INSERT INTO reservations_booking_search3(reservations_booking_search3, rowid, number, contact_name) VALUES ('delete', old.id, old.number, old.contact_name); INSERT INTO reservations_booking_search2(reservations_booking_search2, rowid, contact_name) VALUES ('delete', old.id, {_pairs('old.contact_name')}); END",  # noqa: S608 (names of our own)
        f"CREATE TRIGGER reservations_booking_search_update AFTER UPDATE OF id, number, contact_name ON reservations_booking BEGIN INSERT INTO reservations_booking_search3(reservations_booking_search3, rowid, number, contact_name) VALUES ('delete', old.id, old.number, old.contact_name); INSERT INTO reservations_booking_search2(reservations_booking_search2, rowid, contact_name) VALUES ('delete', old.id, {_pairs('old.contact_name')}); INSERT INTO reservations_booking_search3(rowid, number, contact_name) VALUES (new.id, new.number, new.contact_name); INSERT INTO reservations_booking_search2(rowid, contact_name) VALUES (new.id, {_pairs('new.contact_name')}); END",  # noqa: S608 (names of our own)
        "INSERT INTO reservations_booking_search3(rowid, number, contact_name) SELECT id, number, contact_name FROM reservations_booking",
        f"INSERT INTO reservations_booking_search2(rowid, contact_name) SELECT id, {_pairs('reservations_booking.contact_name')} FROM reservations_booking",  # noqa: S608 (names of our own)
    ],
}
_REMOVED = {
    "postgresql": [
        "DROP INDEX IF EXISTS ix_reservations_booking_number_search3",
        "DROP INDEX IF EXISTS ix_reservations_booking_contact_name_search3",
        "DROP INDEX IF EXISTS ix_reservations_booking_contact_name_search2",
    ],
    "sqlite": [
        "DROP TRIGGER IF EXISTS reservations_booking_search_insert",
        "DROP TRIGGER IF EXISTS reservations_booking_search_update",
        "DROP TRIGGER IF EXISTS reservations_booking_search_delete",
        "DROP TABLE IF EXISTS reservations_booking_search3",
        "DROP TABLE IF EXISTS reservations_booking_search2",
    ],
}


def upgrade() -> None:
    for statement in _MADE[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    for statement in _REMOVED[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)
