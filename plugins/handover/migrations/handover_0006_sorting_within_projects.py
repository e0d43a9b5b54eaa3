"""lists sorted within the visible projects

Revision: handover_0006
Follows: handover_0005
Written: 2026-11-28
"""

from alembic import op

revision = "handover_0006"
down_revision = "handover_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_handover_defect_promised", "handover_defect", ["project_id", "promised_by"], unique=False
    )
    op.create_index(
        "ix_handover_inspection_planned", "handover_inspection", ["project_id", "planned_on"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_handover_inspection_planned", table_name="handover_inspection")
    op.drop_index("ix_handover_defect_promised", table_name="handover_defect")
