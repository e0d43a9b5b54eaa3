"""lists sorted within the visible projects

Revision: warranty_0005
Follows: warranty_0004
Written: 2026-11-28
"""

from alembic import op

revision = "warranty_0005"
down_revision = "warranty_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_warranty_order_promised", "warranty_order", ["project_id", "due_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_warranty_order_promised", table_name="warranty_order")
