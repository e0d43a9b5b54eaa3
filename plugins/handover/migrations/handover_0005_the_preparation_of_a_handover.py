"""the preparation of a handover

Revision: handover_0005
Follows: handover_0004
Written: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "handover_0005"
down_revision = "handover_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "handover_plan_step",
        sa.Column("department_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=30), nullable=False),
        sa.Column("offset_days", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=160), nullable=False),
        sa.Column("title_en", sa.String(length=200), nullable=False),
        sa.Column("owner_role", sa.String(length=20), nullable=False),
        sa.Column("deliverable", sa.String(length=80), nullable=False),
        sa.Column("deliverable_en", sa.String(length=120), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("until_close", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
            name=op.f("fk_handover_plan_step_department_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_plan_step")),
        sa.UniqueConstraint("department_id", "code", name=op.f("uq_handover_plan_step_department_id_code")),
    )
    op.create_table(
        "handover_fee_rule",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("title_en", sa.String(length=120), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column(
            "rate", sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"), nullable=True
        ),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("decoration", sa.String(length=10), nullable=False),
        sa.Column("floors_from", sa.Integer(), nullable=True),
        sa.Column("floors_to", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("note_en", sa.String(length=240), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_handover_fee_rule_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_fee_rule")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_handover_fee_rule_project_id_id")),
    )
    with op.batch_alter_table("handover_fee_rule", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_fee_rule_project_id"), ["project_id"], unique=False)

    op.create_table(
        "handover_plan_task",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=30), nullable=True),
        sa.Column("offset_days", sa.Integer(), nullable=True),
        sa.Column("until_close", sa.Boolean(), nullable=False),
        sa.Column("title", sa.String(length=160), nullable=False),
        sa.Column("title_en", sa.String(length=200), nullable=False),
        sa.Column("owner_role", sa.String(length=20), nullable=False),
        sa.Column("responsible_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("deliverable", sa.String(length=80), nullable=False),
        sa.Column("deliverable_en", sa.String(length=120), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("fixed", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["done_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_plan_task_done_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "batch_id"],
            ["handover_batch.project_id", "handover_batch.id"],
            name=op.f("fk_handover_plan_task_project_id_batch_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_handover_plan_task_project_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["responsible_id"],
            ["user_account.id"],
            name=op.f("fk_handover_plan_task_responsible_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_plan_task")),
        sa.UniqueConstraint("batch_id", "code", name=op.f("uq_handover_plan_task_batch_id_code")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_handover_plan_task_project_id_id")),
    )
    with op.batch_alter_table("handover_plan_task", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_plan_task_done_by_id"), ["done_by_id"], unique=False)
        batch_op.create_index("ix_handover_plan_task_due", ["project_id", "state", "due_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_plan_task_due_on"), ["due_on"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_handover_plan_task_responsible_id"), ["responsible_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_handover_plan_task_state"), ["state"], unique=False)

    op.create_table(
        "handover_risk_item",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("category", sa.String(length=24), nullable=False),
        sa.Column("code", sa.String(length=10), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("title_en", sa.String(length=240), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("owner_role", sa.String(length=20), nullable=False),
        sa.Column("responsible_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "batch_id"],
            ["handover_batch.project_id", "handover_batch.id"],
            name=op.f("fk_handover_risk_item_project_id_batch_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_handover_risk_item_project_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["responsible_id"],
            ["user_account.id"],
            name=op.f("fk_handover_risk_item_responsible_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_risk_item")),
        sa.UniqueConstraint("batch_id", "code", name=op.f("uq_handover_risk_item_batch_id_code")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_handover_risk_item_project_id_id")),
    )
    with op.batch_alter_table("handover_risk_item", schema=None) as batch_op:
        batch_op.create_index("ix_handover_risk_item_due", ["project_id", "state", "due_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_risk_item_due_on"), ["due_on"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_handover_risk_item_responsible_id"), ["responsible_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_handover_risk_item_state"), ["state"], unique=False)

    op.create_table(
        "handover_area_settlement",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("handover_unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "contract_area",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column(
            "measured_area",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column(
            "unit_price",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column(
            "limit_percent",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column("refund_factor", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "handover_unit_id"],
            ["handover_unit.project_id", "handover_unit.id"],
            name=op.f("fk_handover_area_settlement_project_id_handover_unit_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_area_settlement_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_area_settlement")),
        sa.UniqueConstraint("handover_unit_id", name=op.f("uq_handover_area_settlement_handover_unit_id")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_handover_area_settlement_project_id_id")),
    )
    with op.batch_alter_table("handover_area_settlement", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_handover_area_settlement_project_id"), ["project_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_handover_area_settlement_state"), ["state"], unique=False)

    op.create_table(
        "handover_contact_attempt",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("handover_unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("means", sa.String(length=10), nullable=False),
        sa.Column("reached", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_contact_attempt_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "handover_unit_id"],
            ["handover_unit.project_id", "handover_unit.id"],
            name=op.f("fk_handover_contact_attempt_project_id_handover_unit_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_contact_attempt_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_contact_attempt")),
    )
    with op.batch_alter_table("handover_contact_attempt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_contact_attempt_by_id"), ["by_id"], unique=False)
        batch_op.create_index("ix_handover_contact_attempt_place", ["handover_unit_id", "at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_handover_contact_attempt_project_id"), ["project_id"], unique=False
        )

    op.create_table(
        "handover_delivery_letter",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("handover_unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("document_number", sa.String(length=60), nullable=False),
        sa.Column("by_message", sa.Boolean(), nullable=False),
        sa.Column("by_letter", sa.Boolean(), nullable=False),
        sa.Column("tracking_number", sa.String(length=40), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_by", sa.String(length=80), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "handover_unit_id"],
            ["handover_unit.project_id", "handover_unit.id"],
            name=op.f("fk_handover_delivery_letter_project_id_handover_unit_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_delivery_letter_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["sent_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_delivery_letter_sent_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_delivery_letter")),
        sa.UniqueConstraint(
            "handover_unit_id",
            "kind",
            "number",
            name=op.f("uq_handover_delivery_letter_handover_unit_id_kind_number"),
        ),
    )
    with op.batch_alter_table("handover_delivery_letter", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_handover_delivery_letter_project_id"), ["project_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_handover_delivery_letter_sent_by_id"), ["sent_by_id"], unique=False
        )

    with op.batch_alter_table("handover_batch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("opens_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("closes_on", sa.Date(), nullable=True))
        batch_op.add_column(
            sa.Column("product", sa.String(length=12), nullable=False, server_default="ordinary")
        )
        batch_op.add_column(sa.Column("place", sa.String(length=160), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("directions", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(
            sa.Column("contact_phone", sa.String(length=30), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("complaint_phone", sa.String(length=30), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("account", sa.Text(), nullable=False, server_default=""))
    # What the houses of before get; the models fill new rows themselves.
    with op.batch_alter_table("handover_batch", schema=None) as batch_op:
        for name in ("product", "place", "directions", "contact_phone", "complaint_phone", "account"):
            batch_op.alter_column(name, server_default=None)

    with op.batch_alter_table("handover_fee_item", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("rule_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.create_index(batch_op.f("ix_handover_fee_item_rule_id"), ["rule_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_handover_fee_item_rule_id"),
            "handover_fee_rule",
            ["rule_id"],
            ["id"],
            ondelete="SET NULL",
        )

    with op.batch_alter_table("handover_unit", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("engineer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("capable_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_handover_unit_engineer_id"), ["engineer_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_handover_unit_engineer_id"),
            "user_account",
            ["engineer_id"],
            ["id"],
            ondelete="SET NULL",
        )


def downgrade() -> None:
    with op.batch_alter_table("handover_unit", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_handover_unit_engineer_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_handover_unit_engineer_id"))
        batch_op.drop_column("capable_at")
        batch_op.drop_column("engineer_id")

    with op.batch_alter_table("handover_fee_item", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_handover_fee_item_rule_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_handover_fee_item_rule_id"))
        batch_op.drop_column("rule_id")

    with op.batch_alter_table("handover_batch", schema=None) as batch_op:
        batch_op.drop_column("account")
        batch_op.drop_column("complaint_phone")
        batch_op.drop_column("contact_phone")
        batch_op.drop_column("directions")
        batch_op.drop_column("place")
        batch_op.drop_column("product")
        batch_op.drop_column("closes_on")
        batch_op.drop_column("opens_on")

    with op.batch_alter_table("handover_delivery_letter", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_delivery_letter_sent_by_id"))
        batch_op.drop_index(batch_op.f("ix_handover_delivery_letter_project_id"))

    op.drop_table("handover_delivery_letter")
    with op.batch_alter_table("handover_contact_attempt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_contact_attempt_project_id"))
        batch_op.drop_index("ix_handover_contact_attempt_place")
        batch_op.drop_index(batch_op.f("ix_handover_contact_attempt_by_id"))

    op.drop_table("handover_contact_attempt")
    with op.batch_alter_table("handover_area_settlement", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_area_settlement_state"))
        batch_op.drop_index(batch_op.f("ix_handover_area_settlement_project_id"))

    op.drop_table("handover_area_settlement")
    with op.batch_alter_table("handover_risk_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_risk_item_state"))
        batch_op.drop_index(batch_op.f("ix_handover_risk_item_responsible_id"))
        batch_op.drop_index(batch_op.f("ix_handover_risk_item_due_on"))
        batch_op.drop_index("ix_handover_risk_item_due")

    op.drop_table("handover_risk_item")
    with op.batch_alter_table("handover_plan_task", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_plan_task_state"))
        batch_op.drop_index(batch_op.f("ix_handover_plan_task_responsible_id"))
        batch_op.drop_index(batch_op.f("ix_handover_plan_task_due_on"))
        batch_op.drop_index("ix_handover_plan_task_due")
        batch_op.drop_index(batch_op.f("ix_handover_plan_task_done_by_id"))

    op.drop_table("handover_plan_task")
    with op.batch_alter_table("handover_fee_rule", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_fee_rule_project_id"))

    op.drop_table("handover_fee_rule")
    op.drop_table("handover_plan_step")
