"""Names of the steps of approvals have room for the words of each language

Notes of requests and remarks of moves need no change: their columns have no limit.

Revision: core_0015
Follows: core_0014
Written: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "core_0015"
down_revision = "core_0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("approval_task", schema=None) as batch_op:
        batch_op.alter_column(
            "label", existing_type=sa.String(120), type_=sa.String(580), existing_nullable=False
        )


def downgrade() -> None:
    label = sa.column("label", sa.String())
    held = sa.table("approval_task", label)
    # PostgreSQL refuses a text that is too long; cut, it would be no JSON, and be shown as it is.
    op.execute(held.update().where(sa.func.length(label) > 120).values(label=sa.func.substr(label, 1, 120)))
    with op.batch_alter_table("approval_task", schema=None) as batch_op:
        batch_op.alter_column(
            "label", existing_type=sa.String(580), type_=sa.String(120), existing_nullable=False
        )
