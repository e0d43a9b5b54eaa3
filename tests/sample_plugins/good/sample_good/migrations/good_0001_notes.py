"""notes

Revision: good_0001
Follows: nothing
Written: 2026-11-23
"""

import sqlalchemy as sa
from alembic import op

revision = "good_0001"
down_revision = None
branch_labels = ("good",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "good_note",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column(
            "cost", sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"), nullable=True
        ),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_good_note_customer_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_good_note_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_good_note")),
    )
    with op.batch_alter_table("good_note", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_good_note_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_good_note_project_id"), ["project_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("good_note", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_good_note_project_id"))
        batch_op.drop_index(batch_op.f("ix_good_note_customer_id"))

    op.drop_table("good_note")
