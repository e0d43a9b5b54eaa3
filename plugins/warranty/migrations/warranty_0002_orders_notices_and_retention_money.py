"""orders, notices and retention money

Revision: warranty_0002
Follows: warranty_0001
Written: 2026-11-27
"""

import sqlalchemy as sa
from alembic import op

revision = "warranty_0002"
down_revision = "warranty_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "warranty_report",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("analysis", sa.Text(), nullable=False),
        sa.Column("measures", sa.Text(), nullable=False),
        sa.Column("made_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["made_by_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_report_made_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_report_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_report")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_report_project_id_id")),
        sa.UniqueConstraint("project_id", "month", name=op.f("uq_warranty_report_project_id_month")),
    )
    with op.batch_alter_table("warranty_report", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_report_month"), ["month"], unique=False)

    op.create_table(
        "warranty_retention",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contractor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contract_number", sa.String(length=60), nullable=False),
        sa.Column(
            "settlement",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column("percent", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column(
            "total", sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"), nullable=False
        ),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column(
            "balance",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contractor_id"],
            ["contractors_company.id"],
            name=op.f("fk_warranty_retention_contractor_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_retention_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_retention")),
        sa.UniqueConstraint(
            "project_id", "contract_number", name=op.f("uq_warranty_retention_project_id_contract_number")
        ),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_retention_project_id_id")),
    )
    with op.batch_alter_table("warranty_retention", schema=None) as batch_op:
        batch_op.create_index("ix_warranty_retention_contractor", ["contractor_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_retention_state"), ["state"], unique=False)

    op.create_table(
        "warranty_spare_part",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("specification", sa.String(length=120), nullable=False),
        sa.Column("category_code", sa.String(length=4), nullable=False),
        sa.Column("measure", sa.String(length=12), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("location", sa.String(length=80), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_warranty_spare_part_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_spare_part")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_spare_part_project_id_id")),
        sa.UniqueConstraint(
            "project_id",
            "name",
            "specification",
            name=op.f("uq_warranty_spare_part_project_id_name_specification"),
        ),
    )
    op.create_table(
        "warranty_release",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column(
            "amount",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column("requested_on", sa.Date(), nullable=False),
        sa.Column("answer_due_on", sa.Date(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decided_by_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_release_decided_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "account_id"],
            ["warranty_retention.project_id", "warranty_retention.id"],
            name=op.f("fk_warranty_release_project_id_account_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_release_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_release")),
        sa.UniqueConstraint("number", name=op.f("uq_warranty_release_number")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_release_project_id_id")),
    )
    with op.batch_alter_table("warranty_release", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_release_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_release_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_release_state"), ["state"], unique=False)

    op.create_table(
        "warranty_group_case",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("building_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("phase_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("is_major", sa.Boolean(), nullable=False),
        sa.Column("category_code", sa.String(length=4), nullable=False),
        sa.Column("title", sa.String(length=160), nullable=False),
        sa.Column("orders_found", sa.Integer(), nullable=False),
        sa.Column("houses_found", sa.Integer(), nullable=False),
        sa.Column("houses_total", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("design_reply_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("design_reply", sa.Text(), nullable=False),
        sa.Column("measures", sa.Text(), nullable=False),
        sa.Column("responsible_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closing_note", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "building_id"],
            ["building.project_id", "building.id"],
            name=op.f("fk_warranty_group_case_project_id_building_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "phase_id"],
            ["phase.project_id", "phase.id"],
            name=op.f("fk_warranty_group_case_project_id_phase_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_warranty_group_case_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["responsible_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_group_case_responsible_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_group_case")),
        sa.UniqueConstraint("number", name=op.f("uq_warranty_group_case_number")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_group_case_project_id_id")),
    )
    with op.batch_alter_table("warranty_group_case", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_group_case_building_id"), ["building_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_group_case_phase_id"), ["phase_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_group_case_project_id"), ["project_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_warranty_group_case_responsible_id"), ["responsible_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_warranty_group_case_state"), ["state"], unique=False)

    op.create_table(
        "warranty_request",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("building_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("reporter_name", sa.String(length=80), nullable=False),
        sa.Column("reporter_phone", sa.String(length=30), nullable=False),
        sa.Column("relation", sa.String(length=12), nullable=False),
        sa.Column("channel", sa.String(length=12), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("availability", sa.Text(), nullable=False),
        sa.Column("place", sa.String(length=80), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("client_key", sa.String(length=60), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_warranty_request_customer_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "building_id"],
            ["building.project_id", "building.id"],
            name=op.f("fk_warranty_request_project_id_building_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "unit_id"],
            ["unit.project_id", "unit.id"],
            name=op.f("fk_warranty_request_project_id_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_request_project_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["registered_by_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_request_registered_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_request")),
        sa.UniqueConstraint("client_key", name=op.f("uq_warranty_request_client_key")),
        sa.UniqueConstraint("number", name=op.f("uq_warranty_request_number")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_request_project_id_id")),
    )
    with op.batch_alter_table("warranty_request", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_request_building_id"), ["building_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_request_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index("ix_warranty_request_project", ["project_id", "reported_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_request_reported_at"), ["reported_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_request_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "warranty_order",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("building_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("room_name", sa.String(length=60), nullable=False),
        sa.Column("fault_code", sa.String(length=30), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("priority", sa.String(length=2), nullable=False),
        sa.Column("category_code", sa.String(length=4), nullable=False),
        sa.Column("system", sa.String(length=10), nullable=False),
        sa.Column("trade_code", sa.String(length=40), nullable=False),
        sa.Column("is_rain_leak", sa.Boolean(), nullable=False),
        sa.Column("cover", sa.String(length=12), nullable=False),
        sa.Column("owner_end", sa.Date(), nullable=True),
        sa.Column("contractor_end", sa.Date(), nullable=True),
        sa.Column("cover_reason", sa.Text(), nullable=False),
        sa.Column("exclusion", sa.String(length=14), nullable=True),
        sa.Column("cover_decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("responsibility", sa.String(length=14), nullable=False),
        sa.Column("borne_by", sa.String(length=12), nullable=False),
        sa.Column("contractor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("engineer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("triaged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("temporary_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("temporary_note", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fixed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fixed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("engineer_accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner_accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("called_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("register_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contact_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrival_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("plan_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("call_back_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("promised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_promised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("work_done", sa.Text(), nullable=False),
        sa.Column("repair_cycles", sa.Integer(), nullable=False),
        sa.Column("reopen_count", sa.Integer(), nullable=False),
        sa.Column("repeat_of_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("merged_into_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("group_case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("suspended_from", sa.String(length=20), nullable=False),
        sa.Column("closing_reason", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("urge_count", sa.Integer(), nullable=False),
        sa.Column("urged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("source_kind", sa.String(length=60), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("source_number", sa.String(length=40), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contractor_id"],
            ["contractors_company.id"],
            name=op.f("fk_warranty_order_contractor_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["cover_decided_by_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_order_cover_decided_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_warranty_order_customer_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["engineer_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_order_engineer_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["fixed_by_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_order_fixed_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "building_id"],
            ["building.project_id", "building.id"],
            name=op.f("fk_warranty_order_project_id_building_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "group_case_id"],
            ["warranty_group_case.project_id", "warranty_group_case.id"],
            name=op.f("fk_warranty_order_project_id_group_case_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "merged_into_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_order_project_id_merged_into_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "repeat_of_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_order_project_id_repeat_of_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "request_id"],
            ["warranty_request.project_id", "warranty_request.id"],
            name=op.f("fk_warranty_order_project_id_request_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "unit_id"],
            ["unit.project_id", "unit.id"],
            name=op.f("fk_warranty_order_project_id_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_order_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_order")),
        sa.UniqueConstraint("number", name=op.f("uq_warranty_order_number")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_order_project_id_id")),
    )
    with op.batch_alter_table("warranty_order", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_order_closed_at"), ["closed_at"], unique=False)
        batch_op.create_index("ix_warranty_order_contractor", ["contractor_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_order_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index("ix_warranty_order_due", ["due_at"], unique=False)
        batch_op.create_index("ix_warranty_order_engineer", ["engineer_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_order_group_case_id"), ["group_case_id"], unique=False)
        batch_op.create_index("ix_warranty_order_house", ["unit_id", "category_code"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_warranty_order_merged_into_id"), ["merged_into_id"], unique=False
        )
        batch_op.create_index(
            "ix_warranty_order_place", ["building_id", "category_code", "reported_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_warranty_order_repeat_of_id"), ["repeat_of_id"], unique=False)
        batch_op.create_index("ix_warranty_order_reported", ["project_id", "reported_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_order_request_id"), ["request_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_order_state"), ["state"], unique=False)
        batch_op.create_index("ix_warranty_order_work", ["project_id", "state", "due_at"], unique=False)

    op.create_table(
        "warranty_acceptance",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("quality_ok", sa.Boolean(), nullable=True),
        sa.Column("on_time_ok", sa.Boolean(), nullable=True),
        sa.Column("clean_ok", sa.Boolean(), nullable=True),
        sa.Column("attitude_ok", sa.Boolean(), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signer_name", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["by_id"], ["user_account.id"], name=op.f("fk_warranty_acceptance_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "order_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_acceptance_project_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_warranty_acceptance_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_acceptance")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_acceptance_project_id_id")),
    )
    with op.batch_alter_table("warranty_acceptance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_acceptance_order_id"), ["order_id"], unique=False)

    op.create_table(
        "warranty_call_back",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reached", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["by_id"], ["user_account.id"], name=op.f("fk_warranty_call_back_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "order_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_call_back_project_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_call_back_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_call_back")),
    )
    with op.batch_alter_table("warranty_call_back", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_call_back_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_call_back_project_id"), ["project_id"], unique=False)

    op.create_table(
        "warranty_cost_line",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=14), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column(
            "amount",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column("borne_by", sa.String(length=12), nullable=False),
        sa.Column("paid_by_us", sa.Boolean(), nullable=False),
        sa.Column("spent_on", sa.Date(), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["by_id"], ["user_account.id"], name=op.f("fk_warranty_cost_line_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "order_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_cost_line_project_id_order_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_cost_line_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_cost_line")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_cost_line_project_id_id")),
    )
    with op.batch_alter_table("warranty_cost_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_cost_line_order_id"), ["order_id"], unique=False)
        batch_op.create_index("ix_warranty_cost_line_project", ["project_id", "spent_on"], unique=False)

    op.create_table(
        "warranty_escalation",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "order_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_escalation_project_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_warranty_escalation_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_escalation")),
        sa.UniqueConstraint("order_id", "step", name=op.f("uq_warranty_escalation_order_id_step")),
    )
    with op.batch_alter_table("warranty_escalation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_escalation_project_id"), ["project_id"], unique=False)

    op.create_table(
        "warranty_extension",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("old_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("new_date", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_how", sa.String(length=80), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["by_id"], ["user_account.id"], name=op.f("fk_warranty_extension_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "order_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_extension_project_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_extension_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_extension")),
    )
    with op.batch_alter_table("warranty_extension", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_extension_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_extension_project_id"), ["project_id"], unique=False)

    op.create_table(
        "warranty_notice",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contractor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("round_number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("demand", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("answer_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("served_how", sa.String(length=120), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contractor_id"],
            ["contractors_company.id"],
            name=op.f("fk_warranty_notice_contractor_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["issued_by_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_notice_issued_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "order_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_notice_project_id_order_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_notice_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_notice")),
        sa.UniqueConstraint("number", name=op.f("uq_warranty_notice_number")),
        sa.UniqueConstraint(
            "order_id", "stage", "round_number", name=op.f("uq_warranty_notice_order_id_stage_round_number")
        ),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_notice_project_id_id")),
    )
    with op.batch_alter_table("warranty_notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_notice_answer_due_at"), ["answer_due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_notice_contractor_id"), ["contractor_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_notice_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_notice_state"), ["state"], unique=False)

    op.create_table(
        "warranty_order_event",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "order_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_order_event_project_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_warranty_order_event_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_order_event_user_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_order_event")),
    )
    with op.batch_alter_table("warranty_order_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_order_event_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_order_event_project_id"), ["project_id"], unique=False)

    op.create_table(
        "warranty_plan",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("crew", sa.String(length=255), nullable=False),
        sa.Column("materials", sa.Text(), nullable=False),
        sa.Column("needs_signature", sa.Boolean(), nullable=False),
        sa.Column("signed_name", sa.String(length=80), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["user_account.id"], name=op.f("fk_warranty_plan_made_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "order_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_plan_project_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_plan_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_plan")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_plan_project_id_id")),
    )
    with op.batch_alter_table("warranty_plan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_plan_order_id"), ["order_id"], unique=False)

    op.create_table(
        "warranty_spare_move",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("part_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=255), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["by_id"], ["user_account.id"], name=op.f("fk_warranty_spare_move_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "order_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_spare_move_project_id_order_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "part_id"],
            ["warranty_spare_part.project_id", "warranty_spare_part.id"],
            name=op.f("fk_warranty_spare_move_project_id_part_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_warranty_spare_move_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_spare_move")),
    )
    with op.batch_alter_table("warranty_spare_move", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_spare_move_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_spare_move_part_id"), ["part_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_spare_move_project_id"), ["project_id"], unique=False)

    op.create_table(
        "warranty_third_party",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("company_name", sa.String(length=120), nullable=False),
        sa.Column(
            "quotation",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("site_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invoice_number", sa.String(length=60), nullable=False),
        sa.Column(
            "invoice_amount",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=True,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ordered_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ordered_by_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_third_party_ordered_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "order_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_third_party_project_id_order_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_warranty_third_party_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_third_party")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_third_party_project_id_id")),
    )
    with op.batch_alter_table("warranty_third_party", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_third_party_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_third_party_project_id"), ["project_id"], unique=False)

    op.create_table(
        "warranty_visit",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=14), nullable=False),
        sa.Column("booked_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("persons", sa.String(length=255), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("materials", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("return_reason", sa.String(length=255), nullable=False),
        sa.Column("engineer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engineer_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_visit_engineer_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "order_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_visit_project_id_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_visit_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_visit")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_visit_project_id_id")),
    )
    with op.batch_alter_table("warranty_visit", schema=None) as batch_op:
        batch_op.create_index("ix_warranty_visit_day", ["project_id", "booked_from"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_visit_engineer_id"), ["engineer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_visit_order_id"), ["order_id"], unique=False)

    op.create_table(
        "warranty_deduction",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("third_party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("contractor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column(
            "cost", sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"), nullable=False
        ),
        sa.Column("fee_percent", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column(
            "fee", sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"), nullable=False
        ),
        sa.Column(
            "amount",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issued_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("objection_until", sa.Date(), nullable=True),
        sa.Column("objected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("objection", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column(
            "final_amount",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=True,
        ),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contractor_id"],
            ["contractors_company.id"],
            name=op.f("fk_warranty_deduction_contractor_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_deduction_decided_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["issued_by_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_deduction_issued_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "account_id"],
            ["warranty_retention.project_id", "warranty_retention.id"],
            name=op.f("fk_warranty_deduction_project_id_account_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "order_id"],
            ["warranty_order.project_id", "warranty_order.id"],
            name=op.f("fk_warranty_deduction_project_id_order_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "third_party_id"],
            ["warranty_third_party.project_id", "warranty_third_party.id"],
            name=op.f("fk_warranty_deduction_project_id_third_party_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_warranty_deduction_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_deduction")),
        sa.UniqueConstraint("number", name=op.f("uq_warranty_deduction_number")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_warranty_deduction_project_id_id")),
        sa.UniqueConstraint("third_party_id", name=op.f("uq_warranty_deduction_third_party_id")),
    )
    with op.batch_alter_table("warranty_deduction", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_deduction_account_id"), ["account_id"], unique=False)
        batch_op.create_index("ix_warranty_deduction_contractor", ["contractor_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_deduction_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_deduction_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warranty_deduction_state"), ["state"], unique=False)

    op.create_table(
        "warranty_retention_entry",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column(
            "amount",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column(
            "balance_after",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column("deduction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("release_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.String(length=255), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["by_id"],
            ["user_account.id"],
            name=op.f("fk_warranty_retention_entry_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "account_id"],
            ["warranty_retention.project_id", "warranty_retention.id"],
            name=op.f("fk_warranty_retention_entry_project_id_account_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "deduction_id"],
            ["warranty_deduction.project_id", "warranty_deduction.id"],
            name=op.f("fk_warranty_retention_entry_project_id_deduction_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "release_id"],
            ["warranty_release.project_id", "warranty_release.id"],
            name=op.f("fk_warranty_retention_entry_project_id_release_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_warranty_retention_entry_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_retention_entry")),
        sa.UniqueConstraint(
            "account_id", "sequence", name=op.f("uq_warranty_retention_entry_account_id_sequence")
        ),
        sa.UniqueConstraint("deduction_id", name=op.f("uq_warranty_retention_entry_deduction_id")),
        sa.UniqueConstraint("release_id", name=op.f("uq_warranty_retention_entry_release_id")),
    )
    with op.batch_alter_table("warranty_retention_entry", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_warranty_retention_entry_project_id"), ["project_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("warranty_retention_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_retention_entry_project_id"))

    op.drop_table("warranty_retention_entry")
    with op.batch_alter_table("warranty_deduction", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_deduction_state"))
        batch_op.drop_index(batch_op.f("ix_warranty_deduction_project_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_deduction_order_id"))
        batch_op.drop_index("ix_warranty_deduction_contractor")
        batch_op.drop_index(batch_op.f("ix_warranty_deduction_account_id"))

    op.drop_table("warranty_deduction")
    with op.batch_alter_table("warranty_visit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_visit_order_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_visit_engineer_id"))
        batch_op.drop_index("ix_warranty_visit_day")

    op.drop_table("warranty_visit")
    with op.batch_alter_table("warranty_third_party", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_third_party_project_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_third_party_order_id"))

    op.drop_table("warranty_third_party")
    with op.batch_alter_table("warranty_spare_move", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_spare_move_project_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_spare_move_part_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_spare_move_order_id"))

    op.drop_table("warranty_spare_move")
    with op.batch_alter_table("warranty_plan", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_plan_order_id"))

    op.drop_table("warranty_plan")
    with op.batch_alter_table("warranty_order_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_order_event_project_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_order_event_order_id"))

    op.drop_table("warranty_order_event")
    with op.batch_alter_table("warranty_notice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_notice_state"))
        batch_op.drop_index(batch_op.f("ix_warranty_notice_project_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_notice_contractor_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_notice_answer_due_at"))

    op.drop_table("warranty_notice")
    with op.batch_alter_table("warranty_extension", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_extension_project_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_extension_order_id"))

    op.drop_table("warranty_extension")
    with op.batch_alter_table("warranty_escalation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_escalation_project_id"))

    op.drop_table("warranty_escalation")
    with op.batch_alter_table("warranty_cost_line", schema=None) as batch_op:
        batch_op.drop_index("ix_warranty_cost_line_project")
        batch_op.drop_index(batch_op.f("ix_warranty_cost_line_order_id"))

    op.drop_table("warranty_cost_line")
    with op.batch_alter_table("warranty_call_back", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_call_back_project_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_call_back_order_id"))

    op.drop_table("warranty_call_back")
    with op.batch_alter_table("warranty_acceptance", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_acceptance_order_id"))

    op.drop_table("warranty_acceptance")
    with op.batch_alter_table("warranty_order", schema=None) as batch_op:
        batch_op.drop_index("ix_warranty_order_work")
        batch_op.drop_index(batch_op.f("ix_warranty_order_state"))
        batch_op.drop_index(batch_op.f("ix_warranty_order_request_id"))
        batch_op.drop_index("ix_warranty_order_reported")
        batch_op.drop_index(batch_op.f("ix_warranty_order_repeat_of_id"))
        batch_op.drop_index("ix_warranty_order_place")
        batch_op.drop_index(batch_op.f("ix_warranty_order_merged_into_id"))
        batch_op.drop_index("ix_warranty_order_house")
        batch_op.drop_index(batch_op.f("ix_warranty_order_group_case_id"))
        batch_op.drop_index("ix_warranty_order_engineer")
        batch_op.drop_index("ix_warranty_order_due")
        batch_op.drop_index(batch_op.f("ix_warranty_order_customer_id"))
        batch_op.drop_index("ix_warranty_order_contractor")
        batch_op.drop_index(batch_op.f("ix_warranty_order_closed_at"))

    op.drop_table("warranty_order")
    with op.batch_alter_table("warranty_request", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_request_unit_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_request_reported_at"))
        batch_op.drop_index("ix_warranty_request_project")
        batch_op.drop_index(batch_op.f("ix_warranty_request_customer_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_request_building_id"))

    op.drop_table("warranty_request")
    with op.batch_alter_table("warranty_group_case", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_group_case_state"))
        batch_op.drop_index(batch_op.f("ix_warranty_group_case_responsible_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_group_case_project_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_group_case_phase_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_group_case_building_id"))

    op.drop_table("warranty_group_case")
    with op.batch_alter_table("warranty_release", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_release_state"))
        batch_op.drop_index(batch_op.f("ix_warranty_release_project_id"))
        batch_op.drop_index(batch_op.f("ix_warranty_release_account_id"))

    op.drop_table("warranty_release")
    op.drop_table("warranty_spare_part")
    with op.batch_alter_table("warranty_retention", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_retention_state"))
        batch_op.drop_index("ix_warranty_retention_contractor")

    op.drop_table("warranty_retention")
    with op.batch_alter_table("warranty_report", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_report_month"))

    op.drop_table("warranty_report")
