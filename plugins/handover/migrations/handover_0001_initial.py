"""initial

Revision: handover_0001
Follows: nothing
Written: 2026-11-23
"""

import sqlalchemy as sa
from alembic import op

revision = "handover_0001"
down_revision = None
branch_labels = ("handover",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "handover_defect_code",
        sa.Column("code", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("name_en", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_defect_code")),
        sa.UniqueConstraint("code", name=op.f("uq_handover_defect_code_code")),
    )
    op.create_table(
        "handover_inspection_template",
        sa.Column("department_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=30), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("name_en", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
            name=op.f("fk_handover_inspection_template_department_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_inspection_template")),
        sa.UniqueConstraint(
            "department_id",
            "code",
            "version",
            name=op.f("uq_handover_inspection_template_department_id_code_version"),
        ),
        sa.UniqueConstraint(
            "department_id", "id", name=op.f("uq_handover_inspection_template_department_id_id")
        ),
    )
    with op.batch_alter_table("handover_inspection_template", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_inspection_template_state"), ["state"], unique=False)

    op.create_table(
        "handover_template_item",
        sa.Column("department_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("template_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("group_code", sa.String(length=10), nullable=False),
        sa.Column("group_name", sa.String(length=60), nullable=False),
        sa.Column("group_name_en", sa.String(length=80), nullable=False),
        sa.Column("specification", sa.String(length=10), nullable=False),
        sa.Column("rooms", sa.JSON(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("name_en", sa.String(length=160), nullable=False),
        sa.Column("standard", sa.Text(), nullable=False),
        sa.Column("standard_en", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("method_en", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(length=2), nullable=False),
        sa.Column("warranty_category", sa.String(length=4), nullable=False),
        sa.Column("trade_code", sa.String(length=30), nullable=False),
        sa.Column("defect_code", sa.String(length=10), nullable=False),
        sa.Column("measures", sa.JSON(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id", "template_id"],
            ["handover_inspection_template.department_id", "handover_inspection_template.id"],
            name=op.f("fk_handover_template_item_department_id_template_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
            name=op.f("fk_handover_template_item_department_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_template_item")),
        sa.UniqueConstraint("template_id", "code", name=op.f("uq_handover_template_item_template_id_code")),
    )
    with op.batch_alter_table("handover_template_item", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_handover_template_item_department_id"), ["department_id"], unique=False
        )

    op.create_table(
        "handover_template_room",
        sa.Column("department_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("template_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("name_en", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("whole_house", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id", "template_id"],
            ["handover_inspection_template.department_id", "handover_inspection_template.id"],
            name=op.f("fk_handover_template_room_department_id_template_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
            name=op.f("fk_handover_template_room_department_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_template_room")),
        sa.UniqueConstraint("template_id", "code", name=op.f("uq_handover_template_room_template_id_code")),
    )
    with op.batch_alter_table("handover_template_room", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_handover_template_room_department_id"), ["department_id"], unique=False
        )

    op.create_table(
        "handover_batch",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("phase_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("delivery_on", sa.Date(), nullable=True),
        sa.Column("mode", sa.String(length=14), nullable=False),
        sa.Column("manager_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["manager_id"],
            ["user_account.id"],
            name=op.f("fk_handover_batch_manager_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "phase_id"],
            ["phase.project_id", "phase.id"],
            name=op.f("fk_handover_batch_project_id_phase_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_handover_batch_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_batch")),
        sa.UniqueConstraint("project_id", "code", name=op.f("uq_handover_batch_project_id_code")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_handover_batch_project_id_id")),
    )
    with op.batch_alter_table("handover_batch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_batch_delivery_on"), ["delivery_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_batch_manager_id"), ["manager_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_batch_phase_id"), ["phase_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_batch_state"), ["state"], unique=False)

    op.create_table(
        "handover_unit",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "batch_id"],
            ["handover_batch.project_id", "handover_batch.id"],
            name=op.f("fk_handover_unit_project_id_batch_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "unit_id"],
            ["unit.project_id", "unit.id"],
            name=op.f("fk_handover_unit_project_id_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_handover_unit_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_unit")),
        sa.UniqueConstraint("batch_id", "unit_id", name=op.f("uq_handover_unit_batch_id_unit_id")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_handover_unit_project_id_id")),
    )
    with op.batch_alter_table("handover_unit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_unit_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_unit_state"), ["state"], unique=False)
        batch_op.create_index("ix_handover_unit_unit", ["unit_id"], unique=False)

    op.create_table(
        "handover_inspection",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("handover_unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("round_number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("planned_on", sa.Date(), nullable=True),
        sa.Column("inspector_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("companions", sa.String(length=255), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("attorney_name", sa.String(length=80), nullable=False),
        sa.Column("template_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("template_title", sa.String(length=160), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("weather", sa.String(length=40), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("meter_water", sa.String(length=20), nullable=False),
        sa.Column("meter_electricity", sa.String(length=20), nullable=False),
        sa.Column("meter_gas", sa.String(length=20), nullable=False),
        sa.Column("meter_heat", sa.String(length=20), nullable=False),
        sa.Column("opinion", sa.String(length=30), nullable=True),
        sa.Column("opinion_note", sa.Text(), nullable=False),
        sa.Column("refusal_reason", sa.String(length=4), nullable=False),
        sa.Column("override_reason", sa.Text(), nullable=False),
        sa.Column("overridden_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_handover_inspection_customer_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["inspector_id"],
            ["user_account.id"],
            name=op.f("fk_handover_inspection_inspector_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["overridden_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_inspection_overridden_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "handover_unit_id"],
            ["handover_unit.project_id", "handover_unit.id"],
            name=op.f("fk_handover_inspection_project_id_handover_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "unit_id"],
            ["unit.project_id", "unit.id"],
            name=op.f("fk_handover_inspection_project_id_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_inspection_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["handover_inspection_template.id"],
            name=op.f("fk_handover_inspection_template_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_inspection")),
        sa.UniqueConstraint("number", name=op.f("uq_handover_inspection_number")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_handover_inspection_project_id_id")),
        sa.UniqueConstraint(
            "unit_id", "kind", "round_number", name=op.f("uq_handover_inspection_unit_id_kind_round_number")
        ),
    )
    with op.batch_alter_table("handover_inspection", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_inspection_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_inspection_finished_at"), ["finished_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_handover_inspection_handover_unit_id"), ["handover_unit_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_handover_inspection_planned_on"), ["planned_on"], unique=False)
        batch_op.create_index("ix_handover_inspection_project", ["project_id", "kind", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_inspection_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_inspection_template_id"), ["template_id"], unique=False)
        batch_op.create_index(
            "ix_handover_inspection_work", ["inspector_id", "state", "planned_on"], unique=False
        )

    op.create_table(
        "handover_inspection_room",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("inspection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("name_en", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("whole_house", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "inspection_id"],
            ["handover_inspection.project_id", "handover_inspection.id"],
            name=op.f("fk_handover_inspection_room_project_id_inspection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_inspection_room_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_inspection_room")),
        sa.UniqueConstraint(
            "inspection_id", "position", name=op.f("uq_handover_inspection_room_inspection_id_position")
        ),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_handover_inspection_room_project_id_id")),
    )
    with op.batch_alter_table("handover_inspection_room", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_handover_inspection_room_project_id"), ["project_id"], unique=False
        )

    op.create_table(
        "handover_rectification_notice",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contractor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("inspection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issue_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issued_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("receipt_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("receiver_name", sa.String(length=80), nullable=False),
        sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reply_text", sa.Text(), nullable=False),
        sa.Column("recheck_note", sa.Text(), nullable=False),
        sa.Column("penalty_note", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contractor_id"],
            ["contractors_company.id"],
            name=op.f("fk_handover_rectification_notice_contractor_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["issued_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_rectification_notice_issued_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "inspection_id"],
            ["handover_inspection.project_id", "handover_inspection.id"],
            name=op.f("fk_handover_rectification_notice_project_id_inspection_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_rectification_notice_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_rectification_notice")),
        sa.UniqueConstraint("number", name=op.f("uq_handover_rectification_notice_number")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_handover_rectification_notice_project_id_id")),
    )
    with op.batch_alter_table("handover_rectification_notice", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_handover_rectification_notice_contractor_id"), ["contractor_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_handover_rectification_notice_deadline"), ["deadline"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_handover_rectification_notice_inspection_id"), ["inspection_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_handover_rectification_notice_state"), ["state"], unique=False)
        batch_op.create_index("ix_handover_rectification_notice_work", ["project_id", "state"], unique=False)

    op.create_table(
        "handover_inspection_result",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("inspection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("room_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_code", sa.String(length=20), nullable=False),
        sa.Column("group_name", sa.String(length=60), nullable=False),
        sa.Column("group_name_en", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("name_en", sa.String(length=160), nullable=False),
        sa.Column("standard", sa.Text(), nullable=False),
        sa.Column("standard_en", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("method_en", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(length=2), nullable=False),
        sa.Column("warranty_category", sa.String(length=4), nullable=False),
        sa.Column("trade_code", sa.String(length=30), nullable=False),
        sa.Column("defect_code", sa.String(length=10), nullable=False),
        sa.Column("measures", sa.JSON(), nullable=False),
        sa.Column("measured", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.String(length=4), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["answered_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_inspection_result_answered_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "inspection_id"],
            ["handover_inspection.project_id", "handover_inspection.id"],
            name=op.f("fk_handover_inspection_result_project_id_inspection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "room_id"],
            ["handover_inspection_room.project_id", "handover_inspection_room.id"],
            name=op.f("fk_handover_inspection_result_project_id_room_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_inspection_result_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_inspection_result")),
        sa.UniqueConstraint(
            "inspection_id",
            "room_id",
            "item_code",
            name=op.f("uq_handover_inspection_result_inspection_id_room_id_item_code"),
        ),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_handover_inspection_result_project_id_id")),
    )
    with op.batch_alter_table("handover_inspection_result", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_handover_inspection_result_project_id"), ["project_id"], unique=False
        )
        batch_op.create_index("ix_handover_inspection_result_room", ["room_id", "position"], unique=False)

    op.create_table(
        "handover_defect",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("building_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("inspection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("result_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("client_key", sa.String(length=60), nullable=True),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("room_kind", sa.String(length=10), nullable=False),
        sa.Column("room_name", sa.String(length=60), nullable=False),
        sa.Column("room_name_en", sa.String(length=80), nullable=False),
        sa.Column("item_code", sa.String(length=20), nullable=False),
        sa.Column("item_name", sa.String(length=120), nullable=False),
        sa.Column("item_name_en", sa.String(length=160), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(length=2), nullable=False),
        sa.Column("severity_reason", sa.Text(), nullable=False),
        sa.Column("warranty_category", sa.String(length=4), nullable=False),
        sa.Column("trade_code", sa.String(length=30), nullable=False),
        sa.Column("contractor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("promised_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_promised_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fixed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fixed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("fix_measure", sa.Text(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reopen_count", sa.Integer(), nullable=False),
        sa.Column("root_cause", sa.String(length=20), nullable=False),
        sa.Column("closing_reason", sa.Text(), nullable=False),
        sa.Column("owner_agreed", sa.Boolean(), nullable=False),
        sa.Column("repair_reference", sa.String(length=60), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contractor_id"],
            ["contractors_company.id"],
            name=op.f("fk_handover_defect_contractor_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["fixed_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_defect_fixed_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "building_id"],
            ["building.project_id", "building.id"],
            name=op.f("fk_handover_defect_project_id_building_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "inspection_id"],
            ["handover_inspection.project_id", "handover_inspection.id"],
            name=op.f("fk_handover_defect_project_id_inspection_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "unit_id"],
            ["unit.project_id", "unit.id"],
            name=op.f("fk_handover_defect_project_id_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_handover_defect_project_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["raised_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_defect_raised_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["result_id"],
            ["handover_inspection_result.id"],
            name=op.f("fk_handover_defect_result_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["verified_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_defect_verified_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_defect")),
        sa.UniqueConstraint(
            "inspection_id", "client_key", name=op.f("uq_handover_defect_inspection_id_client_key")
        ),
        sa.UniqueConstraint("number", name=op.f("uq_handover_defect_number")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_handover_defect_project_id_id")),
    )
    with op.batch_alter_table("handover_defect", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_defect_building_id"), ["building_id"], unique=False)
        batch_op.create_index("ix_handover_defect_contractor", ["contractor_id", "state"], unique=False)
        batch_op.create_index("ix_handover_defect_due", ["project_id", "state", "promised_by"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_defect_item_code"), ["item_code"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_defect_promised_by"), ["promised_by"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_defect_result_id"), ["result_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_defect_severity"), ["severity"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_defect_state"), ["state"], unique=False)
        batch_op.create_index("ix_handover_defect_unit", ["unit_id", "state"], unique=False)

    op.create_table(
        "handover_defect_fault",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("defect_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["code_id"],
            ["handover_defect_code.id"],
            name=op.f("fk_handover_defect_fault_code_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "defect_id"],
            ["handover_defect.project_id", "handover_defect.id"],
            name=op.f("fk_handover_defect_fault_project_id_defect_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_defect_fault_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_defect_fault")),
        sa.UniqueConstraint("defect_id", "code_id", name=op.f("uq_handover_defect_fault_defect_id_code_id")),
    )
    with op.batch_alter_table("handover_defect_fault", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_defect_fault_code_id"), ["code_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_defect_fault_project_id"), ["project_id"], unique=False)

    op.create_table(
        "handover_defect_recheck",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("defect_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("inspection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("round_number", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["checked_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_defect_recheck_checked_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "defect_id"],
            ["handover_defect.project_id", "handover_defect.id"],
            name=op.f("fk_handover_defect_recheck_project_id_defect_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "inspection_id"],
            ["handover_inspection.project_id", "handover_inspection.id"],
            name=op.f("fk_handover_defect_recheck_project_id_inspection_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_defect_recheck_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_defect_recheck")),
        sa.UniqueConstraint(
            "defect_id", "round_number", name=op.f("uq_handover_defect_recheck_defect_id_round_number")
        ),
    )
    with op.batch_alter_table("handover_defect_recheck", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_handover_defect_recheck_inspection_id"), ["inspection_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_handover_defect_recheck_project_id"), ["project_id"], unique=False
        )

    op.create_table(
        "handover_notice_line",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("notice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("defect_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("requirement", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "defect_id"],
            ["handover_defect.project_id", "handover_defect.id"],
            name=op.f("fk_handover_notice_line_project_id_defect_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "notice_id"],
            ["handover_rectification_notice.project_id", "handover_rectification_notice.id"],
            name=op.f("fk_handover_notice_line_project_id_notice_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_notice_line_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_notice_line")),
        sa.UniqueConstraint(
            "notice_id", "defect_id", name=op.f("uq_handover_notice_line_notice_id_defect_id")
        ),
    )
    with op.batch_alter_table("handover_notice_line", schema=None) as batch_op:
        batch_op.create_index("ix_handover_notice_line_defect", ["defect_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_notice_line_project_id"), ["project_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("handover_notice_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_notice_line_project_id"))
        batch_op.drop_index("ix_handover_notice_line_defect")

    op.drop_table("handover_notice_line")
    with op.batch_alter_table("handover_defect_recheck", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_defect_recheck_project_id"))
        batch_op.drop_index(batch_op.f("ix_handover_defect_recheck_inspection_id"))

    op.drop_table("handover_defect_recheck")
    with op.batch_alter_table("handover_defect_fault", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_defect_fault_project_id"))
        batch_op.drop_index(batch_op.f("ix_handover_defect_fault_code_id"))

    op.drop_table("handover_defect_fault")
    with op.batch_alter_table("handover_defect", schema=None) as batch_op:
        batch_op.drop_index("ix_handover_defect_unit")
        batch_op.drop_index(batch_op.f("ix_handover_defect_state"))
        batch_op.drop_index(batch_op.f("ix_handover_defect_severity"))
        batch_op.drop_index(batch_op.f("ix_handover_defect_result_id"))
        batch_op.drop_index(batch_op.f("ix_handover_defect_promised_by"))
        batch_op.drop_index(batch_op.f("ix_handover_defect_item_code"))
        batch_op.drop_index("ix_handover_defect_due")
        batch_op.drop_index("ix_handover_defect_contractor")
        batch_op.drop_index(batch_op.f("ix_handover_defect_building_id"))

    op.drop_table("handover_defect")
    with op.batch_alter_table("handover_inspection_result", schema=None) as batch_op:
        batch_op.drop_index("ix_handover_inspection_result_room")
        batch_op.drop_index(batch_op.f("ix_handover_inspection_result_project_id"))

    op.drop_table("handover_inspection_result")
    with op.batch_alter_table("handover_rectification_notice", schema=None) as batch_op:
        batch_op.drop_index("ix_handover_rectification_notice_work")
        batch_op.drop_index(batch_op.f("ix_handover_rectification_notice_state"))
        batch_op.drop_index(batch_op.f("ix_handover_rectification_notice_inspection_id"))
        batch_op.drop_index(batch_op.f("ix_handover_rectification_notice_deadline"))
        batch_op.drop_index(batch_op.f("ix_handover_rectification_notice_contractor_id"))

    op.drop_table("handover_rectification_notice")
    with op.batch_alter_table("handover_inspection_room", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_inspection_room_project_id"))

    op.drop_table("handover_inspection_room")
    with op.batch_alter_table("handover_inspection", schema=None) as batch_op:
        batch_op.drop_index("ix_handover_inspection_work")
        batch_op.drop_index(batch_op.f("ix_handover_inspection_template_id"))
        batch_op.drop_index(batch_op.f("ix_handover_inspection_state"))
        batch_op.drop_index("ix_handover_inspection_project")
        batch_op.drop_index(batch_op.f("ix_handover_inspection_planned_on"))
        batch_op.drop_index(batch_op.f("ix_handover_inspection_handover_unit_id"))
        batch_op.drop_index(batch_op.f("ix_handover_inspection_finished_at"))
        batch_op.drop_index(batch_op.f("ix_handover_inspection_customer_id"))

    op.drop_table("handover_inspection")
    with op.batch_alter_table("handover_unit", schema=None) as batch_op:
        batch_op.drop_index("ix_handover_unit_unit")
        batch_op.drop_index(batch_op.f("ix_handover_unit_state"))
        batch_op.drop_index(batch_op.f("ix_handover_unit_project_id"))

    op.drop_table("handover_unit")
    with op.batch_alter_table("handover_batch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_batch_state"))
        batch_op.drop_index(batch_op.f("ix_handover_batch_phase_id"))
        batch_op.drop_index(batch_op.f("ix_handover_batch_manager_id"))
        batch_op.drop_index(batch_op.f("ix_handover_batch_delivery_on"))

    op.drop_table("handover_batch")
    with op.batch_alter_table("handover_template_room", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_template_room_department_id"))

    op.drop_table("handover_template_room")
    with op.batch_alter_table("handover_template_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_template_item_department_id"))

    op.drop_table("handover_template_item")
    with op.batch_alter_table("handover_inspection_template", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_inspection_template_state"))

    op.drop_table("handover_inspection_template")
    op.drop_table("handover_defect_code")
