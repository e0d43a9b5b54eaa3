"""signatures and photo markup

Revision: core_0006
Follows: core_0005
Written: 2026-11-27
"""

import sqlalchemy as sa
from alembic import op

revision = "core_0006"
down_revision = "core_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signature_supplement",
        sa.Column("record_kind", sa.String(length=80), nullable=False),
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=True),
        sa.Column("content_subject", sa.String(length=40), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("department_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["changed_by_id"],
            ["user_account.id"],
            name=op.f("fk_signature_supplement_changed_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_signature_supplement_customer_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
            name=op.f("fk_signature_supplement_department_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_signature_supplement_project_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature_supplement")),
        sa.UniqueConstraint(
            "record_kind",
            "record_id",
            "number",
            name=op.f("uq_signature_supplement_record_kind_record_id_number"),
        ),
    )
    with op.batch_alter_table("signature_supplement", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_signature_supplement_customer_id"), ["customer_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_signature_supplement_department_id"), ["department_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_signature_supplement_project_id"), ["project_id"], unique=False)

    op.create_table(
        "attachment_markup",
        sa.Column("attachment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("shapes", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("thumbnail_sha256", sa.String(length=64), nullable=True),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drawn_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("department_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachment.id"],
            name=op.f("fk_attachment_markup_attachment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_attachment_markup_customer_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
            name=op.f("fk_attachment_markup_department_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["drawn_by_id"],
            ["user_account.id"],
            name=op.f("fk_attachment_markup_drawn_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_attachment_markup_project_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment_markup")),
        sa.UniqueConstraint(
            "attachment_id", "version", name=op.f("uq_attachment_markup_attachment_id_version")
        ),
    )
    with op.batch_alter_table("attachment_markup", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attachment_markup_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_attachment_markup_department_id"), ["department_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_attachment_markup_project_id"), ["project_id"], unique=False)

    op.create_table(
        "signature",
        sa.Column("record_kind", sa.String(length=80), nullable=False),
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("supplement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.String(length=160), nullable=False),
        sa.Column("position", sa.String(length=60), nullable=False),
        sa.Column("device", sa.String(length=255), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=True),
        sa.Column("content_subject", sa.String(length=40), nullable=False),
        sa.Column("sealed_strokes", sa.LargeBinary(), nullable=True),
        sa.Column("strokes_hash", sa.String(length=64), nullable=False),
        sa.Column("signer_subject", sa.String(length=40), nullable=False),
        sa.Column("client_key", sa.String(length=60), nullable=True),
        sa.Column("signer_customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("witness_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("department_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_signature_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["department_id"], ["department.id"], name=op.f("fk_signature_department_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_signature_project_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["signer_customer_id"],
            ["customer.id"],
            name=op.f("fk_signature_signer_customer_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["supplement_id"],
            ["signature_supplement.id"],
            name=op.f("fk_signature_supplement_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["witness_id"], ["user_account.id"], name=op.f("fk_signature_witness_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature")),
        sa.UniqueConstraint(
            "record_kind",
            "record_id",
            "client_key",
            name=op.f("uq_signature_record_kind_record_id_client_key"),
        ),
    )
    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signature_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_signature_department_id"), ["department_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_signature_project_id"), ["project_id"], unique=False)
        batch_op.create_index("ix_signature_record", ["record_kind", "record_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_signature_signer_customer_id"), ["signer_customer_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_signature_supplement_id"), ["supplement_id"], unique=False)

    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("markup_version", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.drop_column("markup_version")

    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signature_supplement_id"))
        batch_op.drop_index(batch_op.f("ix_signature_signer_customer_id"))
        batch_op.drop_index("ix_signature_record")
        batch_op.drop_index(batch_op.f("ix_signature_project_id"))
        batch_op.drop_index(batch_op.f("ix_signature_department_id"))
        batch_op.drop_index(batch_op.f("ix_signature_customer_id"))

    op.drop_table("signature")
    with op.batch_alter_table("attachment_markup", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attachment_markup_project_id"))
        batch_op.drop_index(batch_op.f("ix_attachment_markup_department_id"))
        batch_op.drop_index(batch_op.f("ix_attachment_markup_customer_id"))

    op.drop_table("attachment_markup")
    with op.batch_alter_table("signature_supplement", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signature_supplement_project_id"))
        batch_op.drop_index(batch_op.f("ix_signature_supplement_department_id"))
        batch_op.drop_index(batch_op.f("ix_signature_supplement_customer_id"))

    op.drop_table("signature_supplement")
