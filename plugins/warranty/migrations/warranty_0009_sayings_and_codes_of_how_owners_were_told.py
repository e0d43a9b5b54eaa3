"""sentences of the history as codes, and how owners were told as codes

Revision: warranty_0009
Follows: warranty_0008
Written: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "warranty_0009"
down_revision = "warranty_0008"
branch_labels = None
depends_on = None

_WAYS = {
    "message": ("短信", "by message", "By message", "短信告知", "消息"),
    "phone": ("电话", "电话告知", "by telephone", "By telephone", "telephone", "phone"),
    "chat": ("微信", "微信告知"),
    "letter": ("书面", "书面告知", "by letter", "By letter", "告知函", "送达告知函"),
    "in_person": ("当面", "当面告知", "上门告知", "in person", "In person"),
}
"""The words that were stored until now. What else was typed stays as it is."""


def _tables() -> list[sa.TableClause]:
    return [
        sa.table(name, sa.column("told_how", sa.String))
        for name in ("warranty_extension", "warranty_expiry_notice")
    ]


def upgrade() -> None:
    with op.batch_alter_table("warranty_order_event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("saying", sa.String(length=20), server_default="", nullable=False))
        batch_op.add_column(sa.Column("facts", sa.JSON(), server_default="{}", nullable=False))
    for table in _tables():
        for code, words in _WAYS.items():
            op.execute(table.update().where(table.c.told_how.in_(words)).values(told_how=code))


def downgrade() -> None:
    for table in _tables():
        for code, words in _WAYS.items():
            op.execute(table.update().where(table.c.told_how == code).values(told_how=words[0]))
    with op.batch_alter_table("warranty_order_event", schema=None) as batch_op:
        batch_op.drop_column("facts")
        batch_op.drop_column("saying")
