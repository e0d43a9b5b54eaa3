"""notices of the end of a warranty, and for which progress somebody was asked

Revision: warranty_0007
Follows: warranty_0006
Written: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "warranty_0007"
down_revision = "warranty_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The table of orders is never copied: its triggers keep the search index.
    op.add_column(
        "warranty_order", sa.Column("progress_asked_for", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_table(
        "warranty_expiry_notice",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("categories", sa.String(length=120), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_how", sa.String(length=80), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "unit_id"],
            ["unit.project_id", "unit.id"],
            name=op.f("fk_warranty_expiry_notice_project_id_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_warranty_expiry_notice_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_expiry_notice")),
        sa.UniqueConstraint("unit_id", "ends_on", name=op.f("uq_warranty_expiry_notice_unit_id_ends_on")),
    )
    op.create_index(
        "ix_warranty_expiry_notice_project", "warranty_expiry_notice", ["project_id", "ends_on"], unique=False
    )
    op.create_index("ix_warranty_expiry_notice_end", "warranty_expiry_notice", ["ends_on"], unique=False)
    op.create_index(
        "ix_warranty_expiry_notice_told", "warranty_expiry_notice", ["project_id", "told_at"], unique=False
    )


def downgrade() -> None:
    op.drop_table("warranty_expiry_notice")
    op.drop_column("warranty_order", "progress_asked_for")
