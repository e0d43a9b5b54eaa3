"""search by index, and the index of what is overdue

Revision: handover_0003
Follows: handover_0002
Written: 2026-11-28
"""

from alembic import op

revision = "handover_0003"
down_revision = "handover_0002"
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
        "CREATE INDEX ix_handover_defect_number_search3 ON handover_defect USING gin (lower(number) gin_trgm_ops)",
        "CREATE INDEX ix_handover_defect_description_search3 ON handover_defect USING gin (lower(description) gin_trgm_ops)",
        "CREATE INDEX ix_handover_defect_item_name_search3 ON handover_defect USING gin (lower(item_name) gin_trgm_ops)",
        "CREATE INDEX ix_handover_defect_description_search2 ON handover_defect USING gin (doorstep_bigrams(description))",
        "CREATE INDEX ix_handover_defect_item_name_search2 ON handover_defect USING gin (doorstep_bigrams(item_name))",
        "CREATE INDEX ix_handover_inspection_number_search3 ON handover_inspection USING gin (lower(number) gin_trgm_ops)",
        "CREATE INDEX ix_handover_rectification_notice_number_search3 ON handover_rectification_notice USING gin (lower(number) gin_trgm_ops)",
    ],
    "sqlite": [
        "CREATE VIRTUAL TABLE handover_defect_search3 USING fts5(number, description, item_name, content='handover_defect', content_rowid='id', tokenize='trigram')",
        "CREATE VIRTUAL TABLE handover_defect_search2 USING fts5(description, item_name, content='', columnsize=0, detail=column)",
        f"CREATE TRIGGER handover_defect_search_insert AFTER INSERT ON handover_defect BEGIN INSERT INTO handover_defect_search3(rowid, number, description, item_name) VALUES (new.id, new.number, new.description, new.item_name); INSERT INTO handover_defect_search2(rowid, description, item_name) VALUES (new.id, {_pairs('new.description')}, {_pairs('new.item_name')}); END",  # noqa: S608 (names of our own)
        f"CREATE TRIGGER handover_defect_search_delete AFTER DELETE ON handover_defect BEGIN INSERT INTO handover_defect_search3(handover_defect_search3, rowid, number, description, item_name) VALUES ('delete', old.id, old.number, old.description, old.item_name); INSERT INTO handover_defect_search2(handover_defect_search2, rowid, description, item_name) VALUES ('delete', old.id, {_pairs('old.description')}, {_pairs('old.item_name')}); END",  # noqa: S608 (names of our own)
        f"CREATE TRIGGER handover_defect_search_update AFTER UPDATE OF id, number, description, item_name ON handover_defect BEGIN INSERT INTO handover_defect_search3(handover_defect_search3, rowid, number, description, item_name) VALUES ('delete', old.id, old.number, old.description, old.item_name); INSERT INTO handover_defect_search2(handover_defect_search2, rowid, description, item_name) VALUES ('delete', old.id, {_pairs('old.description')}, {_pairs('old.item_name')}); INSERT INTO handover_defect_search3(rowid, number, description, item_name) VALUES (new.id, new.number, new.description, new.item_name); INSERT INTO handover_defect_search2(rowid, description, item_name) VALUES (new.id, {_pairs('new.description')}, {_pairs('new.item_name')}); END",  # noqa: S608 (names of our own)
        "INSERT INTO handover_defect_search3(rowid, number, description, item_name) SELECT id, number, description, item_name FROM handover_defect",
        f"INSERT INTO handover_defect_search2(rowid, description, item_name) SELECT id, {_pairs('handover_defect.description')}, {_pairs('handover_defect.item_name')} FROM handover_defect",  # noqa: S608 (names of our own)
        "CREATE VIRTUAL TABLE handover_inspection_search3 USING fts5(number, content='handover_inspection', content_rowid='id', tokenize='trigram')",
        "CREATE TRIGGER handover_inspection_search_insert AFTER INSERT ON handover_inspection BEGIN INSERT INTO handover_inspection_search3(rowid, number) VALUES (new.id, new.number); END",
        "CREATE TRIGGER handover_inspection_search_delete AFTER DELETE ON handover_inspection BEGIN INSERT INTO handover_inspection_search3(handover_inspection_search3, rowid, number) VALUES ('delete', old.id, old.number); END",
        "CREATE TRIGGER handover_inspection_search_update AFTER UPDATE OF id, number ON handover_inspection BEGIN INSERT INTO handover_inspection_search3(handover_inspection_search3, rowid, number) VALUES ('delete', old.id, old.number); INSERT INTO handover_inspection_search3(rowid, number) VALUES (new.id, new.number); END",
        "INSERT INTO handover_inspection_search3(rowid, number) SELECT id, number FROM handover_inspection",
        "CREATE VIRTUAL TABLE handover_rectification_notice_search3 USING fts5(number, content='handover_rectification_notice', content_rowid='id', tokenize='trigram')",
        "CREATE TRIGGER handover_rectification_notice_search_insert AFTER INSERT ON handover_rectification_notice BEGIN INSERT INTO handover_rectification_notice_search3(rowid, number) VALUES (new.id, new.number); END",
        "CREATE TRIGGER handover_rectification_notice_search_delete AFTER DELETE ON handover_rectification_notice BEGIN INSERT INTO handover_rectification_notice_search3(handover_rectification_notice_search3, rowid, number) VALUES ('delete', old.id, old.number); END",
        "CREATE TRIGGER handover_rectification_notice_search_update AFTER UPDATE OF id, number ON handover_rectification_notice BEGIN INSERT INTO handover_rectification_notice_search3(handover_rectification_notice_search3, rowid, number) VALUES ('delete', old.id, old.number); INSERT INTO handover_rectification_notice_search3(rowid, number) VALUES (new.id, new.number); END",
        "INSERT INTO handover_rectification_notice_search3(rowid, number) SELECT id, number FROM handover_rectification_notice",
    ],
}
_REMOVED = {
    "postgresql": [
        "DROP INDEX IF EXISTS ix_handover_rectification_notice_number_search3",
        "DROP INDEX IF EXISTS ix_handover_inspection_number_search3",
        "DROP INDEX IF EXISTS ix_handover_defect_number_search3",
        "DROP INDEX IF EXISTS ix_handover_defect_description_search3",
        "DROP INDEX IF EXISTS ix_handover_defect_item_name_search3",
        "DROP INDEX IF EXISTS ix_handover_defect_description_search2",
        "DROP INDEX IF EXISTS ix_handover_defect_item_name_search2",
    ],
    "sqlite": [
        "DROP TRIGGER IF EXISTS handover_rectification_notice_search_insert",
        "DROP TRIGGER IF EXISTS handover_rectification_notice_search_update",
        "DROP TRIGGER IF EXISTS handover_rectification_notice_search_delete",
        "DROP TABLE IF EXISTS handover_rectification_notice_search3",
        "DROP TABLE IF EXISTS handover_rectification_notice_search2",
        "DROP TRIGGER IF EXISTS handover_inspection_search_insert",
        "DROP TRIGGER IF EXISTS handover_inspection_search_update",
        "DROP TRIGGER IF EXISTS handover_inspection_search_delete",
        "DROP TABLE IF EXISTS handover_inspection_search3",
        "DROP TABLE IF EXISTS handover_inspection_search2",
        "DROP TRIGGER IF EXISTS handover_defect_search_insert",
        "DROP TRIGGER IF EXISTS handover_defect_search_update",
        "DROP TRIGGER IF EXISTS handover_defect_search_delete",
        "DROP TABLE IF EXISTS handover_defect_search3",
        "DROP TABLE IF EXISTS handover_defect_search2",
    ],
}


def upgrade() -> None:
    op.create_index("ix_handover_defect_overdue", "handover_defect", ["state", "promised_by"], unique=False)
    for statement in _MADE[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    for statement in _REMOVED[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)
    op.drop_index("ix_handover_defect_overdue", table_name="handover_defect")
