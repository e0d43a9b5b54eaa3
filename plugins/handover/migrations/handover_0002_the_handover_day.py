"""the handover day

Revision: handover_0002
Follows: handover_0001
Written: 2026-11-27
"""

import sqlalchemy as sa
from alembic import op

revision = "handover_0002"
down_revision = "handover_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "handover_fee_item",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("handover_unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("basis", sa.String(length=200), nullable=False),
        sa.Column(
            "amount",
            sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite"),
            nullable=False,
        ),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("receipt_number", sa.String(length=60), nullable=False),
        sa.Column("exempt_reason", sa.Text(), nullable=False),
        sa.Column("settled_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "handover_unit_id"],
            ["handover_unit.project_id", "handover_unit.id"],
            name=op.f("fk_handover_fee_item_project_id_handover_unit_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_handover_fee_item_project_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["settled_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_fee_item_settled_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_fee_item")),
    )
    with op.batch_alter_table("handover_fee_item", schema=None) as batch_op:
        batch_op.create_index("ix_handover_fee_item_place", ["handover_unit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_fee_item_project_id"), ["project_id"], unique=False)

    op.create_table(
        "handover_issued_paper",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("handover_unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=False),
        sa.Column("version", sa.String(length=30), nullable=False),
        sa.Column("must_be_signed", sa.Boolean(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_by", sa.String(length=80), nullable=False),
        sa.Column("issued_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issued_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_issued_paper_issued_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "handover_unit_id"],
            ["handover_unit.project_id", "handover_unit.id"],
            name=op.f("fk_handover_issued_paper_project_id_handover_unit_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_issued_paper_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_issued_paper")),
        sa.UniqueConstraint(
            "handover_unit_id", "kind", name=op.f("uq_handover_issued_paper_handover_unit_id_kind")
        ),
    )
    with op.batch_alter_table("handover_issued_paper", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_issued_paper_project_id"), ["project_id"], unique=False)

    op.create_table(
        "handover_key_loan",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("handover_unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("borrower", sa.String(length=80), nullable=False),
        sa.Column("purpose", sa.String(length=200), nullable=False),
        sa.Column("bag_number", sa.String(length=40), nullable=False),
        sa.Column("borrowed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returned_bag_number", sa.String(length=40), nullable=False),
        sa.Column("lent_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lent_by_id"],
            ["user_account.id"],
            name=op.f("fk_handover_key_loan_lent_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "handover_unit_id"],
            ["handover_unit.project_id", "handover_unit.id"],
            name=op.f("fk_handover_key_loan_project_id_handover_unit_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_handover_key_loan_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_key_loan")),
    )
    with op.batch_alter_table("handover_key_loan", schema=None) as batch_op:
        batch_op.create_index(
            "ix_handover_key_loan_due", ["project_id", "returned_at", "due_at"], unique=False
        )
        batch_op.create_index("ix_handover_key_loan_place", ["handover_unit_id"], unique=False)

    op.create_table(
        "handover_key_record",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("handover_unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("bag_number", sa.String(length=40), nullable=False),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handed_to", sa.String(length=80), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "handover_unit_id"],
            ["handover_unit.project_id", "handover_unit.id"],
            name=op.f("fk_handover_key_record_project_id_handover_unit_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_key_record_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_key_record")),
        sa.UniqueConstraint(
            "handover_unit_id", "kind", name=op.f("uq_handover_key_record_handover_unit_id_kind")
        ),
    )
    with op.batch_alter_table("handover_key_record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_key_record_project_id"), ["project_id"], unique=False)

    op.create_table(
        "handover_visit",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("handover_unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_in", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "handover_unit_id"],
            ["handover_unit.project_id", "handover_unit.id"],
            name=op.f("fk_handover_visit_project_id_handover_unit_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_handover_visit_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_visit")),
        sa.UniqueConstraint(
            "handover_unit_id", "number", name=op.f("uq_handover_visit_handover_unit_id_number")
        ),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_handover_visit_project_id_id")),
    )
    with op.batch_alter_table("handover_visit", schema=None) as batch_op:
        batch_op.create_index("ix_handover_visit_project", ["project_id", "arrived_at"], unique=False)

    op.create_table(
        "handover_station_log",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("visit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station", sa.String(length=12), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "visit_id"],
            ["handover_visit.project_id", "handover_visit.id"],
            name=op.f("fk_handover_station_log_project_id_visit_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_handover_station_log_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["user_account.id"],
            name=op.f("fk_handover_station_log_staff_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_station_log")),
    )
    with op.batch_alter_table("handover_station_log", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_station_log_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_station_log_staff_id"), ["staff_id"], unique=False)
        batch_op.create_index("ix_handover_station_log_visit", ["visit_id", "station"], unique=False)

    with op.batch_alter_table("handover_unit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("notice_sent_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("notice_received_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("payment_complete", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("booked_for", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("attorney_name", sa.String(length=80), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("attorney_document", sa.String(length=120), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("fee_state", sa.String(length=10), server_default="open", nullable=False)
        )
        batch_op.add_column(sa.Column("fee_exempt_reason", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column("papers_state", sa.String(length=10), server_default="open", nullable=False)
        )
        batch_op.add_column(
            sa.Column("keys_state", sa.String(length=10), server_default="held", nullable=False)
        )
        batch_op.add_column(
            sa.Column("refusal_reason", sa.String(length=4), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("reply_due_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("reply_text", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("deemed_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("deemed_reason", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("legal_reviewed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column(
                "legal_reviewed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            )
        )
        batch_op.add_column(sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_handover_unit_arrived_at"), ["arrived_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_unit_booked_for"), ["booked_for"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_unit_delivered_at"), ["delivered_at"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_handover_unit_legal_reviewed_by_id"),
            "user_account",
            ["legal_reviewed_by_id"],
            ["id"],
            ondelete="SET NULL",
        )


def downgrade() -> None:
    with op.batch_alter_table("handover_unit", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_handover_unit_legal_reviewed_by_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_handover_unit_delivered_at"))
        batch_op.drop_index(batch_op.f("ix_handover_unit_booked_for"))
        batch_op.drop_index(batch_op.f("ix_handover_unit_arrived_at"))
        batch_op.drop_column("delivered_at")
        batch_op.drop_column("legal_reviewed_by_id")
        batch_op.drop_column("legal_reviewed_at")
        batch_op.drop_column("deemed_reason")
        batch_op.drop_column("deemed_on")
        batch_op.drop_column("reply_text")
        batch_op.drop_column("replied_at")
        batch_op.drop_column("reply_due_at")
        batch_op.drop_column("refusal_reason")
        batch_op.drop_column("keys_state")
        batch_op.drop_column("papers_state")
        batch_op.drop_column("fee_exempt_reason")
        batch_op.drop_column("fee_state")
        batch_op.drop_column("attorney_document")
        batch_op.drop_column("attorney_name")
        batch_op.drop_column("arrived_at")
        batch_op.drop_column("booked_for")
        batch_op.drop_column("payment_complete")
        batch_op.drop_column("notice_received_at")
        batch_op.drop_column("notice_sent_at")

    with op.batch_alter_table("handover_station_log", schema=None) as batch_op:
        batch_op.drop_index("ix_handover_station_log_visit")
        batch_op.drop_index(batch_op.f("ix_handover_station_log_staff_id"))
        batch_op.drop_index(batch_op.f("ix_handover_station_log_project_id"))

    op.drop_table("handover_station_log")
    with op.batch_alter_table("handover_visit", schema=None) as batch_op:
        batch_op.drop_index("ix_handover_visit_project")

    op.drop_table("handover_visit")
    with op.batch_alter_table("handover_key_record", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_key_record_project_id"))

    op.drop_table("handover_key_record")
    with op.batch_alter_table("handover_key_loan", schema=None) as batch_op:
        batch_op.drop_index("ix_handover_key_loan_place")
        batch_op.drop_index("ix_handover_key_loan_due")

    op.drop_table("handover_key_loan")
    with op.batch_alter_table("handover_issued_paper", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_issued_paper_project_id"))

    op.drop_table("handover_issued_paper")
    with op.batch_alter_table("handover_fee_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handover_fee_item_project_id"))
        batch_op.drop_index("ix_handover_fee_item_place")

    op.drop_table("handover_fee_item")
