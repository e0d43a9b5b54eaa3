"""the newest defects of a contractor, and inspections counted by state within the visible projects

Revision: handover_0008
Follows: handover_0007
Written: 2026-11-28
"""

from alembic import op

revision = "handover_0008"
down_revision = "handover_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_handover_defect_newest_of_contractor", "handover_defect", ["contractor_id", "id", "project_id"]
    )
    op.create_index("ix_handover_inspection_state_in_project", "handover_inspection", ["project_id", "state"])


def downgrade() -> None:
    op.drop_index("ix_handover_inspection_state_in_project", table_name="handover_inspection")
    op.drop_index("ix_handover_defect_newest_of_contractor", table_name="handover_defect")
