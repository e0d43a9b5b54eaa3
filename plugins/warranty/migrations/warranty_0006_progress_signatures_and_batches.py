"""when the owner hears of the progress, what is signed, delivery batches of cases

Revision: warranty_0006
Follows: warranty_0005
Written: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "warranty_0006"
down_revision = "warranty_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The table of orders is never copied: its triggers keep the search index.
    op.add_column("warranty_order", sa.Column("temporary_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("warranty_order", sa.Column("progress_due_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_warranty_order_progress", "warranty_order", ["progress_due_at"], unique=False)
    with op.batch_alter_table("warranty_acceptance", schema=None) as batch_op:
        batch_op.add_column(sa.Column("room_name", sa.String(length=60), server_default="", nullable=False))
        batch_op.add_column(sa.Column("fault_code", sa.String(length=30), server_default="", nullable=False))
        batch_op.add_column(sa.Column("work_done", sa.Text(), server_default="", nullable=False))
    with op.batch_alter_table("warranty_group_case", schema=None) as batch_op:
        batch_op.add_column(sa.Column("batch_kind", sa.String(length=80), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("batch_name", sa.String(length=120), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("warranty_group_case", schema=None) as batch_op:
        batch_op.drop_column("batch_name")
        batch_op.drop_column("batch_id")
        batch_op.drop_column("batch_kind")
    with op.batch_alter_table("warranty_acceptance", schema=None) as batch_op:
        batch_op.drop_column("work_done")
        batch_op.drop_column("fault_code")
        batch_op.drop_column("room_name")
    op.drop_index("ix_warranty_order_progress", table_name="warranty_order")
    op.drop_column("warranty_order", "progress_due_at")
    op.drop_column("warranty_order", "temporary_due_at")
