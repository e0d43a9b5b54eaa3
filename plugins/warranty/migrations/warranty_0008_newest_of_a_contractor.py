"""the newest orders of a contractor

Revision: warranty_0008
Follows: warranty_0007
Written: 2026-11-28
"""

from alembic import op

revision = "warranty_0008"
down_revision = "warranty_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_warranty_order_newest_of_contractor", "warranty_order", ["contractor_id", "id", "project_id"]
    )


def downgrade() -> None:
    op.drop_index("ix_warranty_order_newest_of_contractor", table_name="warranty_order")
