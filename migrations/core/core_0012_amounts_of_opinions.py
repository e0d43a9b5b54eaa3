"""Each opinion of an approval keeps the amount that it was asked about, and a request those who asked before

Revision: core_0012
Follows: core_0011
Written: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "core_0012"
down_revision = "core_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("approval_request", schema=None) as batch_op:
        batch_op.add_column(sa.Column("earlier_author_ids", sa.JSON(), nullable=False, server_default="[]"))
    amount = sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite")
    with op.batch_alter_table("approval_task", schema=None) as batch_op:
        batch_op.add_column(sa.Column("amount", amount, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("approval_task", schema=None) as batch_op:
        batch_op.drop_column("amount")
    with op.batch_alter_table("approval_request", schema=None) as batch_op:
        batch_op.drop_column("earlier_author_ids")
