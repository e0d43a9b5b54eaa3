"""who really did an inspection, beside whom it was planned for

Revision: handover_0010
Follows: handover_0009
Written: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "handover_0010"
down_revision = "handover_0009"
branch_labels = None
depends_on = None


_TABLE = "handover_inspection"
# On SQLite the table is copied, and its triggers, which keep the search index, stay behind with the old one.
_TRIGGERS = (
    "CREATE TRIGGER handover_inspection_search_insert AFTER INSERT ON handover_inspection BEGIN INSERT INTO handover_inspection_search3(rowid, number) VALUES (new.id, new.number); END",
    "CREATE TRIGGER handover_inspection_search_delete AFTER DELETE ON handover_inspection BEGIN INSERT INTO handover_inspection_search3(handover_inspection_search3, rowid, number) VALUES ('delete', old.id, old.number); END",
    "CREATE TRIGGER handover_inspection_search_update AFTER UPDATE OF id, number ON handover_inspection BEGIN INSERT INTO handover_inspection_search3(handover_inspection_search3, rowid, number) VALUES ('delete', old.id, old.number); INSERT INTO handover_inspection_search3(rowid, number) VALUES (new.id, new.number); END",
)


def _make_triggers() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in _TRIGGERS:
            connection.exec_driver_sql(statement)


def upgrade() -> None:
    with op.batch_alter_table(_TABLE, schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "planned_inspector_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            )
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_handover_inspection_planned_inspector_id"),
            "user_account",
            ["planned_inspector_id"],
            ["id"],
            ondelete="SET NULL",
        )
    _make_triggers()
    _name_who_did_it()


def _name_who_did_it() -> None:
    """Let what was finished by somebody else than planned name who answered last: he had the record in his hand."""
    inspection = sa.table(
        "handover_inspection",
        sa.column("id"), sa.column("state"), sa.column("inspector_id"), sa.column("planned_inspector_id"),
    )  # fmt: skip
    result = sa.table(
        "handover_inspection_result",
        sa.column("id"), sa.column("inspection_id"), sa.column("answered_at"), sa.column("answered_by_id"),
    )  # fmt: skip
    recheck = sa.table(
        "handover_defect_recheck",
        sa.column("id"), sa.column("inspection_id"), sa.column("checked_at"), sa.column("checked_by_id"),
    )  # fmt: skip
    for table, who, moment in (
        (result, result.c.answered_by_id, result.c.answered_at),
        (recheck, recheck.c.checked_by_id, recheck.c.checked_at),
    ):
        last = (
            sa.select(who)
            .where(table.c.inspection_id == inspection.c.id, who.is_not(None))
            .order_by(moment.desc(), table.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        op.execute(
            sa.update(inspection)
            .where(inspection.c.state == "finished", inspection.c.inspector_id != last)
            .values(planned_inspector_id=inspection.c.inspector_id, inspector_id=last)
        )


def downgrade() -> None:
    with op.batch_alter_table(_TABLE, schema=None) as batch_op:
        batch_op.drop_constraint(
            batch_op.f("fk_handover_inspection_planned_inspector_id"), type_="foreignkey"
        )
        batch_op.drop_column("planned_inspector_id")
    _make_triggers()
