"""numbers of orders and requests within a project, by which whoever sees some projects sorts

Revision: warranty_0010
Follows: warranty_0009
Written: 2026-11-28
"""

from alembic import op

revision = "warranty_0010"
down_revision = "warranty_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_warranty_request_number", "warranty_request", ["project_id", "number"])
    op.create_index("ix_warranty_order_number", "warranty_order", ["project_id", "number"])


def downgrade() -> None:
    op.drop_index("ix_warranty_order_number", table_name="warranty_order")
    op.drop_index("ix_warranty_request_number", table_name="warranty_request")
