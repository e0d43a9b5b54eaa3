"""Titles of approval requests and of batches of messages have room for the words of each language

The reason of a message needs no change: its column has no limit.

Revision: core_0014
Follows: core_0013
Written: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "core_0014"
down_revision = "core_0013"
branch_labels = None
depends_on = None

COLUMNS = {
    "approval_request": {"title": (200, 900)},
    "message_batch": {"title": (255, 1120)},
}
"""By table and column, the length before and after."""


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name, (before, after) in columns.items():
                batch_op.alter_column(
                    name, existing_type=sa.String(before), type_=sa.String(after), existing_nullable=False
                )


def downgrade() -> None:
    for table, columns in COLUMNS.items():
        held = sa.table(table, *(sa.column(name, sa.String()) for name in columns))
        for name, (before, _after) in columns.items():
            column = held.c[name]
            # PostgreSQL refuses a text that is too long; cut, it would be no JSON, and be shown as it is.
            op.execute(
                held.update()
                .where(sa.func.length(column) > before)
                .values({name: sa.func.substr(column, 1, before)})
            )
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name, (before, after) in columns.items():
                batch_op.alter_column(
                    name, existing_type=sa.String(after), type_=sa.String(before), existing_nullable=False
                )
