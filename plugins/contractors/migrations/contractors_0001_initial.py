"""initial

Revision: contractors_0001
Follows: nothing
Written: 2026-11-23
"""

import sqlalchemy as sa
from alembic import op

revision = "contractors_0001"
down_revision = None
branch_labels = ("contractors",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contractors_trade",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("name_en", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contractors_trade")),
        sa.UniqueConstraint("code", name=op.f("uq_contractors_trade_code")),
    )
    with op.batch_alter_table("contractors_trade", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contractors_trade_position"), ["position"], unique=False)

    op.create_table(
        "contractors_company",
        sa.Column("department_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("short_name", sa.String(length=30), nullable=False),
        sa.Column("credit_code", sa.String(length=18), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("warranty_phone", sa.String(length=30), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
            name=op.f("fk_contractors_company_department_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contractors_company")),
        sa.UniqueConstraint(
            "department_id", "credit_code", name=op.f("uq_contractors_company_department_id_credit_code")
        ),
        sa.UniqueConstraint("department_id", "id", name=op.f("uq_contractors_company_department_id_id")),
        sa.UniqueConstraint("department_id", "name", name=op.f("uq_contractors_company_department_id_name")),
    )
    with op.batch_alter_table("contractors_company", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contractors_company_name"), ["name"], unique=False)

    op.create_table(
        "contractors_company_trade",
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trade_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("department_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id", "company_id"],
            ["contractors_company.department_id", "contractors_company.id"],
            name=op.f("fk_contractors_company_trade_department_id_company_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["trade_id"],
            ["contractors_trade.id"],
            name=op.f("fk_contractors_company_trade_trade_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("company_id", "trade_id", name=op.f("pk_contractors_company_trade")),
    )
    with op.batch_alter_table("contractors_company_trade", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contractors_company_trade_trade_id"), ["trade_id"], unique=False)

    op.create_table(
        "contractors_contact",
        sa.Column("department_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("phone", sa.String(length=30), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id", "company_id"],
            ["contractors_company.department_id", "contractors_company.id"],
            name=op.f("fk_contractors_contact_department_id_company_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_contractors_contact_project_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contractors_contact")),
    )
    with op.batch_alter_table("contractors_contact", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contractors_contact_company_id"), ["company_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_contractors_contact_project_id"), ["project_id"], unique=False)

    op.create_table(
        "contractors_responsible",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("building_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trade_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("contract_number", sa.String(length=60), nullable=False),
        sa.Column("retention_note", sa.String(length=255), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["contractors_company.id"],
            name=op.f("fk_contractors_responsible_company_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "building_id"],
            ["building.project_id", "building.id"],
            name=op.f("fk_contractors_responsible_project_id_building_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["trade_id"],
            ["contractors_trade.id"],
            name=op.f("fk_contractors_responsible_trade_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contractors_responsible")),
        sa.UniqueConstraint(
            "building_id", "trade_id", name=op.f("uq_contractors_responsible_building_id_trade_id")
        ),
    )
    with op.batch_alter_table("contractors_responsible", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_contractors_responsible_company_id"), ["company_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_contractors_responsible_project_id"), ["project_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_contractors_responsible_trade_id"), ["trade_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("contractors_responsible", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contractors_responsible_trade_id"))
        batch_op.drop_index(batch_op.f("ix_contractors_responsible_project_id"))
        batch_op.drop_index(batch_op.f("ix_contractors_responsible_company_id"))

    op.drop_table("contractors_responsible")
    with op.batch_alter_table("contractors_contact", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contractors_contact_project_id"))
        batch_op.drop_index(batch_op.f("ix_contractors_contact_company_id"))

    op.drop_table("contractors_contact")
    with op.batch_alter_table("contractors_company_trade", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contractors_company_trade_trade_id"))

    op.drop_table("contractors_company_trade")
    with op.batch_alter_table("contractors_company", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contractors_company_name"))

    op.drop_table("contractors_company")
    with op.batch_alter_table("contractors_trade", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contractors_trade_position"))

    op.drop_table("contractors_trade")
