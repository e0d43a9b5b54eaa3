"""bookings counted by state within the visible projects

Revision: reservations_0004
Follows: reservations_0003
Written: 2026-11-28
"""

from alembic import op

revision = "reservations_0004"
down_revision = "reservations_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_reservations_booking_state_in_project", "reservations_booking", ["project_id", "state"]
    )


def downgrade() -> None:
    op.drop_index("ix_reservations_booking_state_in_project", table_name="reservations_booking")
