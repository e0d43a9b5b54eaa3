"""initial

Revision: reservations_0001
Follows: nothing
Written: 2026-11-27
"""

import sqlalchemy as sa
from alembic import op

revision = "reservations_0001"
down_revision = None
branch_labels = ("reservations",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reservations_day_plan",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_reservations_day_plan_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations_day_plan")),
        sa.UniqueConstraint("project_id", "day", name=op.f("uq_reservations_day_plan_project_id_day")),
    )
    with op.batch_alter_table("reservations_day_plan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reservations_day_plan_day"), ["day"], unique=False)
        batch_op.create_index(batch_op.f("ix_reservations_day_plan_project_id"), ["project_id"], unique=False)

    op.create_table(
        "reservations_purpose",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("name_en", sa.String(length=80), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("most_guests", sa.Integer(), nullable=False),
        sa.Column("large_from", sa.Integer(), nullable=False),
        sa.Column("lead_hours", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_reservations_purpose_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations_purpose")),
        sa.UniqueConstraint("project_id", "code", name=op.f("uq_reservations_purpose_project_id_code")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_reservations_purpose_project_id_id")),
    )
    with op.batch_alter_table("reservations_purpose", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reservations_purpose_project_id"), ["project_id"], unique=False)

    op.create_table(
        "reservations_resource",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("name_en", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("most_guests", sa.Integer(), nullable=False),
        sa.Column("opening", sa.JSON(), nullable=False),
        sa.Column("closed_days", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_reservations_resource_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations_resource")),
        sa.UniqueConstraint("project_id", "code", name=op.f("uq_reservations_resource_project_id_code")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_reservations_resource_project_id_id")),
    )
    with op.batch_alter_table("reservations_resource", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reservations_resource_project_id"), ["project_id"], unique=False)

    op.create_table(
        "reservations_notification_rule",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("purpose_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("event", sa.String(length=12), nullable=False),
        sa.Column("guests_from", sa.Integer(), nullable=False),
        sa.Column("guests_to", sa.Integer(), nullable=True),
        sa.Column("only_with_wishes", sa.Boolean(), nullable=False),
        sa.Column("role_code", sa.String(length=20), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "purpose_id"],
            ["reservations_purpose.project_id", "reservations_purpose.id"],
            name=op.f("fk_reservations_notification_rule_project_id_purpose_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_reservations_notification_rule_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_reservations_notification_rule_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations_notification_rule")),
    )
    with op.batch_alter_table("reservations_notification_rule", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_reservations_notification_rule_project_id"), ["project_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_reservations_notification_rule_purpose_id"), ["purpose_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_reservations_notification_rule_user_id"), ["user_id"], unique=False
        )

    op.create_table(
        "reservations_setup_item",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("purpose_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=160), nullable=False),
        sa.Column("measure", sa.String(length=80), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "purpose_id"],
            ["reservations_purpose.project_id", "reservations_purpose.id"],
            name=op.f("fk_reservations_setup_item_project_id_purpose_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_reservations_setup_item_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations_setup_item")),
    )
    with op.batch_alter_table("reservations_setup_item", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_reservations_setup_item_project_id"), ["project_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_reservations_setup_item_purpose_id"), ["purpose_id"], unique=False
        )

    op.create_table(
        "reservations_slot",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("resource_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("purpose_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("most_guests", sa.Integer(), nullable=False),
        sa.Column("booked", sa.Integer(), nullable=False),
        sa.Column("guests", sa.Integer(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=160), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.CheckConstraint("booked >= 0 AND booked <= capacity", name=op.f("ck_reservations_slot_seats")),
        sa.CheckConstraint(
            "guests >= 0 AND (most_guests = 0 OR guests <= most_guests)",
            name=op.f("ck_reservations_slot_people"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "purpose_id"],
            ["reservations_purpose.project_id", "reservations_purpose.id"],
            name=op.f("fk_reservations_slot_project_id_purpose_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "resource_id"],
            ["reservations_resource.project_id", "reservations_resource.id"],
            name=op.f("fk_reservations_slot_project_id_resource_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_reservations_slot_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations_slot")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_reservations_slot_project_id_id")),
        sa.UniqueConstraint(
            "resource_id",
            "purpose_id",
            "starts_at",
            name=op.f("uq_reservations_slot_resource_id_purpose_id_starts_at"),
        ),
    )
    with op.batch_alter_table("reservations_slot", schema=None) as batch_op:
        batch_op.create_index("ix_reservations_slot_day", ["project_id", "starts_at"], unique=False)
        batch_op.create_index(
            "ix_reservations_slot_offer", ["project_id", "purpose_id", "starts_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_reservations_slot_purpose_id"), ["purpose_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_reservations_slot_starts_at"), ["starts_at"], unique=False)

    op.create_table(
        "reservations_booking",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slot_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("contact_name", sa.String(length=80), nullable=False),
        sa.Column("contact_phone", sa.String(length=30), nullable=False),
        sa.Column("guests", sa.Integer(), nullable=False),
        sa.Column("wishes", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("rings", sa.Integer(), nullable=True),
        sa.Column("read_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_back_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closing_reason", sa.Text(), nullable=False),
        sa.Column("moved_count", sa.Integer(), nullable=False),
        sa.Column("reference_kind", sa.String(length=80), nullable=False),
        sa.Column("reference_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("client_key", sa.String(length=60), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["booked_by_id"],
            ["user_account.id"],
            name=op.f("fk_reservations_booking_booked_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_reservations_booking_customer_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "slot_id"],
            ["reservations_slot.project_id", "reservations_slot.id"],
            name=op.f("fk_reservations_booking_project_id_slot_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "unit_id"],
            ["unit.project_id", "unit.id"],
            name=op.f("fk_reservations_booking_project_id_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_reservations_booking_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["read_back_by_id"],
            ["user_account.id"],
            name=op.f("fk_reservations_booking_read_back_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations_booking")),
        sa.UniqueConstraint("number", name=op.f("uq_reservations_booking_number")),
        sa.UniqueConstraint(
            "project_id", "client_key", name=op.f("uq_reservations_booking_project_id_client_key")
        ),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_reservations_booking_project_id_id")),
    )
    with op.batch_alter_table("reservations_booking", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_reservations_booking_customer_id"), ["customer_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_reservations_booking_project_id"), ["project_id"], unique=False)
        batch_op.create_index(
            "ix_reservations_booking_reference", ["reference_kind", "reference_id"], unique=False
        )
        batch_op.create_index("ix_reservations_booking_slot", ["slot_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_reservations_booking_state"), ["state"], unique=False)
        batch_op.create_index("ix_reservations_booking_unit", ["unit_id"], unique=False)

    op.create_table(
        "reservations_setup_check",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("booking_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=160), nullable=False),
        sa.Column("measure", sa.String(length=80), nullable=False),
        sa.Column("measured", sa.String(length=80), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["checked_by_id"],
            ["user_account.id"],
            name=op.f("fk_reservations_setup_check_checked_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "booking_id"],
            ["reservations_booking.project_id", "reservations_booking.id"],
            name=op.f("fk_reservations_setup_check_project_id_booking_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_reservations_setup_check_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations_setup_check")),
        sa.UniqueConstraint(
            "booking_id", "position", name=op.f("uq_reservations_setup_check_booking_id_position")
        ),
    )
    with op.batch_alter_table("reservations_setup_check", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_reservations_setup_check_project_id"), ["project_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("reservations_setup_check", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reservations_setup_check_project_id"))

    op.drop_table("reservations_setup_check")
    with op.batch_alter_table("reservations_booking", schema=None) as batch_op:
        batch_op.drop_index("ix_reservations_booking_unit")
        batch_op.drop_index(batch_op.f("ix_reservations_booking_state"))
        batch_op.drop_index("ix_reservations_booking_slot")
        batch_op.drop_index("ix_reservations_booking_reference")
        batch_op.drop_index(batch_op.f("ix_reservations_booking_project_id"))
        batch_op.drop_index(batch_op.f("ix_reservations_booking_customer_id"))

    op.drop_table("reservations_booking")
    with op.batch_alter_table("reservations_slot", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reservations_slot_starts_at"))
        batch_op.drop_index(batch_op.f("ix_reservations_slot_purpose_id"))
        batch_op.drop_index("ix_reservations_slot_offer")
        batch_op.drop_index("ix_reservations_slot_day")

    op.drop_table("reservations_slot")
    with op.batch_alter_table("reservations_setup_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reservations_setup_item_purpose_id"))
        batch_op.drop_index(batch_op.f("ix_reservations_setup_item_project_id"))

    op.drop_table("reservations_setup_item")
    with op.batch_alter_table("reservations_notification_rule", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reservations_notification_rule_user_id"))
        batch_op.drop_index(batch_op.f("ix_reservations_notification_rule_purpose_id"))
        batch_op.drop_index(batch_op.f("ix_reservations_notification_rule_project_id"))

    op.drop_table("reservations_notification_rule")
    with op.batch_alter_table("reservations_resource", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reservations_resource_project_id"))

    op.drop_table("reservations_resource")
    with op.batch_alter_table("reservations_purpose", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reservations_purpose_project_id"))

    op.drop_table("reservations_purpose")
    with op.batch_alter_table("reservations_day_plan", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reservations_day_plan_project_id"))
        batch_op.drop_index(batch_op.f("ix_reservations_day_plan_day"))

    op.drop_table("reservations_day_plan")
