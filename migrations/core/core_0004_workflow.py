"""The history of records that move through a workflow

Revision: core_0004
Follows: core_0003
Written: 2026-11-27
"""

import sqlalchemy as sa
from alembic import op

revision = "core_0004"
down_revision = "core_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "workflow_move",
        sa.Column("workflow", sa.String(length=80), nullable=False),
        sa.Column("record_kind", sa.String(length=80), nullable=False),
        sa.Column("record_id", key, nullable=False),
        sa.Column("transition", sa.String(length=60), nullable=False),
        sa.Column("from_state", sa.String(length=60), nullable=False),
        sa.Column("to_state", sa.String(length=60), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_by_id", key, nullable=True),
        sa.Column("project_id", key, nullable=True),
        sa.Column("customer_id", key, nullable=True),
        sa.Column("department_id", key, nullable=True),
        sa.Column("id", key, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_workflow_move_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
            name=op.f("fk_workflow_move_department_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["moved_by_id"],
            ["user_account.id"],
            name=op.f("fk_workflow_move_moved_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_workflow_move_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow_move")),
    )
    with op.batch_alter_table("workflow_move", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_workflow_move_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_workflow_move_department_id"), ["department_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_workflow_move_project_id"), ["project_id"], unique=False)
        batch_op.create_index("ix_workflow_move_record", ["record_kind", "record_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_workflow_move_workflow"), ["workflow"], unique=False)


def downgrade() -> None:
    op.drop_table("workflow_move")
