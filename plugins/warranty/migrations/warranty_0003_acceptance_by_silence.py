"""acceptance by silence

Revision: warranty_0003
Follows: warranty_0002
Written: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "warranty_0003"
down_revision = "warranty_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("warranty_acceptance") as table:
        table.add_column(sa.Column("by_silence", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("warranty_acceptance") as table:
        table.alter_column("by_silence", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("warranty_acceptance") as table:
        table.drop_column("by_silence")
