"""numbers of defects and inspections within a project, by which whoever sees some projects sorts

Revision: handover_0009
Follows: handover_0008
Written: 2026-11-28
"""

from alembic import op

revision = "handover_0009"
down_revision = "handover_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_handover_defect_number", "handover_defect", ["project_id", "number"])
    op.create_index("ix_handover_inspection_number", "handover_inspection", ["project_id", "number"])


def downgrade() -> None:
    op.drop_index("ix_handover_inspection_number", table_name="handover_inspection")
    op.drop_index("ix_handover_defect_number", table_name="handover_defect")
