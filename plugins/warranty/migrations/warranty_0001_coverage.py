"""coverage

Revision: warranty_0001
Follows: nothing
Written: 2026-11-27
"""

import sqlalchemy as sa
from alembic import op

revision = "warranty_0001"
down_revision = None
branch_labels = ("warranty",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "warranty_city_season",
        sa.Column("department_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("system", sa.String(length=10), nullable=False),
        sa.Column("start_month", sa.Integer(), nullable=False),
        sa.Column("start_day", sa.Integer(), nullable=False),
        sa.Column("end_month", sa.Integer(), nullable=False),
        sa.Column("end_day", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=255), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
            name=op.f("fk_warranty_city_season_department_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_city_season")),
        sa.UniqueConstraint(
            "department_id", "system", name=op.f("uq_warranty_city_season_department_id_system")
        ),
    )
    op.create_table(
        "warranty_promise",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("category_code", sa.String(length=4), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("contractor_amount", sa.Integer(), nullable=True),
        sa.Column("basis", sa.String(length=255), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_promise_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_promise")),
        sa.UniqueConstraint(
            "project_id", "category_code", name=op.f("uq_warranty_promise_project_id_category_code")
        ),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_promise_project_id_id")),
    )
    op.create_table(
        "warranty_take_over",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("building_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("taken_over_on", sa.Date(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "building_id"],
            ["building.project_id", "building.id"],
            name=op.f("fk_warranty_take_over_project_id_building_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_take_over_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_take_over")),
        sa.UniqueConstraint("building_id", name=op.f("uq_warranty_take_over_building_id")),
    )
    with op.batch_alter_table("warranty_take_over", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_take_over_project_id"), ["project_id"], unique=False)

    op.create_table(
        "warranty_house_start",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("deemed_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decided_by_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_house_start_decided_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "unit_id"],
            ["unit.project_id", "unit.id"],
            name=op.f("fk_warranty_house_start_project_id_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_warranty_house_start_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_house_start")),
        sa.UniqueConstraint("unit_id", name=op.f("uq_warranty_house_start_unit_id")),
    )
    with op.batch_alter_table("warranty_house_start", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_house_start_project_id"), ["project_id"], unique=False)

    op.create_table(
        "warranty_house_warranty",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("category_code", sa.String(length=4), nullable=False),
        sa.Column("system", sa.String(length=10), nullable=False),
        sa.Column("owner_start", sa.Date(), nullable=False),
        sa.Column("owner_end", sa.Date(), nullable=False),
        sa.Column("contractor_start", sa.Date(), nullable=True),
        sa.Column("contractor_end", sa.Date(), nullable=True),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("contractor_amount", sa.Integer(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "unit_id"],
            ["unit.project_id", "unit.id"],
            name=op.f("fk_warranty_house_warranty_project_id_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_warranty_house_warranty_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_house_warranty")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_house_warranty_project_id_id")),
        sa.UniqueConstraint(
            "unit_id",
            "category_code",
            "system",
            name=op.f("uq_warranty_house_warranty_unit_id_category_code_system"),
        ),
    )
    with op.batch_alter_table("warranty_house_warranty", schema=None) as batch_op:
        batch_op.create_index("ix_warranty_house_warranty_end", ["owner_end"], unique=False)
        batch_op.create_index(
            "ix_warranty_house_warranty_project_end", ["project_id", "owner_end"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("warranty_house_warranty", schema=None) as batch_op:
        batch_op.drop_index("ix_warranty_house_warranty_project_end")
        batch_op.drop_index("ix_warranty_house_warranty_end")

    op.drop_table("warranty_house_warranty")
    with op.batch_alter_table("warranty_house_start", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_house_start_project_id"))

    op.drop_table("warranty_house_start")
    with op.batch_alter_table("warranty_take_over", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_take_over_project_id"))

    op.drop_table("warranty_take_over")
    op.drop_table("warranty_promise")
    op.drop_table("warranty_city_season")
