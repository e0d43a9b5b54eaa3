"""Single things that failed within a step of a job can be tried again

Revision: core_0011
Follows: core_0010
Written: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "core_0011"
down_revision = "core_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("job_failure", schema=None) as batch_op:
        batch_op.add_column(sa.Column("again", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("job_failure", schema=None) as batch_op:
        batch_op.drop_column("again")
