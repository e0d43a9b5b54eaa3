"""lists sorted within the visible projects

Revision: reservations_0003
Follows: reservations_0002
Written: 2026-11-28
"""

from alembic import op

revision = "reservations_0003"
down_revision = "reservations_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_reservations_booking_number", "reservations_booking", ["project_id", "number"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_reservations_booking_number", table_name="reservations_booking")
