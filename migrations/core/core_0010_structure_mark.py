"""The mark of the structure

Revision: core_0010
Follows: core_0009
Written: 2026-11-28
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "core_0010"
down_revision = "core_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table(
        "structure_mark",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mark", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_structure_mark")),
    )
    op.bulk_insert(table, [{"id": 1, "mark": secrets.token_hex(16)}])


def downgrade() -> None:
    op.drop_table("structure_mark")
