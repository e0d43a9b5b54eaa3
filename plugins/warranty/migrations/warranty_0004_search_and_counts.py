"""search by index, and the indexes of what waits

Revision: warranty_0004
Follows: warranty_0003
Written: 2026-11-28
"""

from alembic import op

revision = "warranty_0004"
down_revision = "warranty_0003"
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
        "CREATE INDEX ix_warranty_order_number_search3 ON warranty_order USING gin (lower(number) gin_trgm_ops)",
        "CREATE INDEX ix_warranty_order_description_search3 ON warranty_order USING gin (lower(description) gin_trgm_ops)",
        "CREATE INDEX ix_warranty_order_description_search2 ON warranty_order USING gin (doorstep_bigrams(description))",
        "CREATE INDEX ix_warranty_request_number_search3 ON warranty_request USING gin (lower(number) gin_trgm_ops)",
    ],
    "sqlite": [
        "CREATE VIRTUAL TABLE warranty_order_search3 USING fts5(number, description, content='warranty_order', content_rowid='id', tokenize='trigram')",
        "CREATE VIRTUAL TABLE warranty_order_search2 USING fts5(description, content='', columnsize=0, detail=column)",
        f"CREATE TRIGGER warranty_order_search_insert AFTER INSERT ON warranty_order BEGIN INSERT INTO warranty_order_search3(rowid, number, description) VALUES (new.id, new.number, new.description); INSERT INTO warranty_order_search2(rowid, description) VALUES (new.id, {_pairs('new.description')}); END",  # noqa: S608 (names of our own)
        f"CREATE TRIGGER warranty_order_search_delete AFTER DELETE ON warranty_order BEGIN INSERT INTO warranty_order_search3(warranty_order_search3, rowid, number, description) VALUES ('delete', old.id, old.number, old.description); INSERT INTO warranty_order_search2(warranty_order_search2, rowid, description) VALUES ('delete', old.id, {_pairs('old.description')}); END",  # noqa: S608 (names of our own)
        f"CREATE TRIGGER warranty_order_search_update AFTER UPDATE OF id, number, description ON warranty_order BEGIN INSERT INTO warranty_order_search3(warranty_order_search3, rowid, number, description) VALUES ('delete', old.id, old.number, old.description); INSERT INTO warranty_order_search2(warranty_order_search2, rowid, description) VALUES ('delete', old.id, {_pairs('old.description')}); INSERT INTO warranty_order_search3(rowid, number, description) VALUES (new.id, new.number, new.description); INSERT INTO warranty_order_search2(rowid, description) VALUES (new.id, {_pairs('new.description')}); END",  # noqa: S608 (names of our own)
        "INSERT INTO warranty_order_search3(rowid, number, description) SELECT id, number, description FROM warranty_order",
        f"INSERT INTO warranty_order_search2(rowid, description) SELECT id, {_pairs('warranty_order.description')} FROM warranty_order",  # noqa: S608 (names of our own)
        "CREATE VIRTUAL TABLE warranty_request_search3 USING fts5(number, content='warranty_request', content_rowid='id', tokenize='trigram')",
        "CREATE TRIGGER warranty_request_search_insert AFTER INSERT ON warranty_request BEGIN INSERT INTO warranty_request_search3(rowid, number) VALUES (new.id, new.number); END",
        "CREATE TRIGGER warranty_request_search_delete AFTER DELETE ON warranty_request BEGIN INSERT INTO warranty_request_search3(warranty_request_search3, rowid, number) VALUES ('delete', old.id, old.number); END",
        "CREATE TRIGGER warranty_request_search_update AFTER UPDATE OF id, number ON warranty_request BEGIN INSERT INTO warranty_request_search3(warranty_request_search3, rowid, number) VALUES ('delete', old.id, old.number); INSERT INTO warranty_request_search3(rowid, number) VALUES (new.id, new.number); END",
        "INSERT INTO warranty_request_search3(rowid, number) SELECT id, number FROM warranty_request",
    ],
}
_REMOVED = {
    "postgresql": [
        "DROP INDEX IF EXISTS ix_warranty_request_number_search3",
        "DROP INDEX IF EXISTS ix_warranty_order_number_search3",
        "DROP INDEX IF EXISTS ix_warranty_order_description_search3",
        "DROP INDEX IF EXISTS ix_warranty_order_description_search2",
    ],
    "sqlite": [
        "DROP TRIGGER IF EXISTS warranty_request_search_insert",
        "DROP TRIGGER IF EXISTS warranty_request_search_update",
        "DROP TRIGGER IF EXISTS warranty_request_search_delete",
        "DROP TABLE IF EXISTS warranty_request_search3",
        "DROP TABLE IF EXISTS warranty_request_search2",
        "DROP TRIGGER IF EXISTS warranty_order_search_insert",
        "DROP TRIGGER IF EXISTS warranty_order_search_update",
        "DROP TRIGGER IF EXISTS warranty_order_search_delete",
        "DROP TABLE IF EXISTS warranty_order_search3",
        "DROP TABLE IF EXISTS warranty_order_search2",
    ],
}


def upgrade() -> None:
    op.create_index("ix_warranty_order_overdue", "warranty_order", ["state", "due_at"], unique=False)
    op.create_index("ix_warranty_order_urgent", "warranty_order", ["priority", "state"], unique=False)
    for statement in _MADE[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    for statement in _REMOVED[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)
    op.drop_index("ix_warranty_order_urgent", table_name="warranty_order")
    op.drop_index("ix_warranty_order_overdue", table_name="warranty_order")
