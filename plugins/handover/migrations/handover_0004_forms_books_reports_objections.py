"""forms that are signed, facts and texts of the two books, daily reports, objections of contractors

Revision: handover_0004
Follows: handover_0003
Written: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "handover_0004"
down_revision = "handover_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "handover_user_manual",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("layout", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("companies", sa.Text(), nullable=False),
        sa.Column("structure", sa.Text(), nullable=False),
        sa.Column("decoration", sa.Text(), nullable=False),
        sa.Column("supplies", sa.Text(), nullable=False),
        sa.Column("reserved", sa.Text(), nullable=False),
        sa.Column("openings", sa.Text(), nullable=False),
        sa.Column("electric_load", sa.Text(), nullable=False),
        sa.Column("load_bearing", sa.Text(), nullable=False),
        sa.Column("others", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_user_manual_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_user_manual")),
        sa.UniqueConstraint(
            "project_id",
            "layout",
            "language",
            "version",
            name=op.f("uq_handover_user_manual_project_id_layout_language_version"),
        ),
    )
    op.create_table(
        "handover_book_facts",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("building_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("structure_type", sa.String(length=80), nullable=False),
        sa.Column("design_life_years", sa.Integer(), nullable=False),
        sa.Column("quality_grade", sa.String(length=60), nullable=False),
        sa.Column("quality_authority", sa.String(length=120), nullable=False),
        sa.Column("filing_number", sa.String(length=80), nullable=False),
        sa.Column("designer", sa.String(length=120), nullable=False),
        sa.Column("builder", sa.String(length=120), nullable=False),
        sa.Column("supervisor", sa.String(length=120), nullable=False),
        sa.Column("repair_unit", sa.String(length=120), nullable=False),
        sa.Column("repair_phone", sa.String(length=40), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "building_id"],
            ["building.project_id", "building.id"],
            name=op.f("fk_handover_book_facts_project_id_building_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_book_facts_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_book_facts")),
        sa.UniqueConstraint(
            "project_id", "building_id", name=op.f("uq_handover_book_facts_project_id_building_id")
        ),
    )
    with op.batch_alter_table("handover_book_facts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_book_facts_building_id"), ["building_id"], unique=False)
        batch_op.create_index(
            "uq_handover_book_facts_project",
            ["project_id"],
            unique=True,
            sqlite_where=sa.text("building_id IS NULL"),
            postgresql_where=sa.text("building_id IS NULL"),
        )

    op.create_table(
        "handover_daily_report",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "batch_id"],
            ["handover_batch.project_id", "handover_batch.id"],
            name=op.f("fk_handover_daily_report_project_id_batch_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_daily_report_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_daily_report")),
        sa.UniqueConstraint("batch_id", "day", name=op.f("uq_handover_daily_report_batch_id_day")),
    )
    with op.batch_alter_table("handover_daily_report", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_daily_report_day"), ["day"], unique=False)
        batch_op.create_index("ix_handover_daily_report_project", ["project_id", "day"], unique=False)

    op.create_table(
        "handover_house_form",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("handover_unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("defect_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prepared_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["prepared_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_house_form_prepared_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "defect_id"],
            ["handover_defect.project_id", "handover_defect.id"],
            name=op.f("fk_handover_house_form_project_id_defect_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "handover_unit_id"],
            ["handover_unit.project_id", "handover_unit.id"],
            name=op.f("fk_handover_house_form_project_id_handover_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_house_form_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_house_form")),
        sa.UniqueConstraint("number", name=op.f("uq_handover_house_form_number")),
    )
    with op.batch_alter_table("handover_house_form", schema=None) as batch_op:
        batch_op.create_index("ix_handover_house_form_defect", ["defect_id"], unique=False)
        batch_op.create_index("ix_handover_house_form_place", ["handover_unit_id", "kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_house_form_project_id"), ["project_id"], unique=False)

    with op.batch_alter_table("handover_notice_line", schema=None) as batch_op:
        batch_op.add_column(sa.Column("objection", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("objected_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("objection_answer", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("objection_upheld", sa.Boolean(), nullable=True))

    with op.batch_alter_table("handover_unit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("refusal_note", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("handover_unit", schema=None) as batch_op:
        batch_op.drop_column("refusal_note")

    with op.batch_alter_table("handover_notice_line", schema=None) as batch_op:
        batch_op.drop_column("objection_upheld")
        batch_op.drop_column("objection_answer")
        batch_op.drop_column("objected_at")
        batch_op.drop_column("objection")

    with op.batch_alter_table("handover_house_form", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_house_form_project_id"))
        batch_op.drop_index("ix_handover_house_form_place")
        batch_op.drop_index("ix_handover_house_form_defect")

    op.drop_table("handover_house_form")
    with op.batch_alter_table("handover_daily_report", schema=None) as batch_op:
        batch_op.drop_index("ix_handover_daily_report_project")
        batch_op.drop_index(batch_op.f("ix_handover_daily_report_day"))

    op.drop_table("handover_daily_report")
    with op.batch_alter_table("handover_book_facts", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_handover_book_facts_project",
            sqlite_where=sa.text("building_id IS NULL"),
            postgresql_where=sa.text("building_id IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_handover_book_facts_building_id"))

    op.drop_table("handover_book_facts")
    op.drop_table("handover_user_manual")
