"""what a repair costs, what a penalty deducts, and why each visit ended in a refusal

Revision: handover_0007
Follows: handover_0006
Written: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "handover_0007"
down_revision = "handover_0006"
branch_labels = None
depends_on = None

MONEY = sa.Numeric(precision=14, scale=2).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    # The tables of defects and notices are never copied: their triggers keep the search index.
    op.add_column("handover_defect", sa.Column("cost", MONEY, nullable=True))
    op.add_column("handover_rectification_notice", sa.Column("penalty_amount", MONEY, nullable=True))
    op.add_column(
        "handover_visit",
        sa.Column("refusal_reason", sa.String(length=4), server_default="", nullable=False),
    )
    visit = sa.table(
        "handover_visit", sa.column("handover_unit_id"), sa.column("outcome"), sa.column("refusal_reason")
    )
    place = sa.table("handover_unit", sa.column("id"), sa.column("refusal_reason"))
    reason = sa.select(place.c.refusal_reason).where(place.c.id == visit.c.handover_unit_id).scalar_subquery()
    op.execute(sa.update(visit).where(visit.c.outcome == "refused").values(refusal_reason=reason))


def downgrade() -> None:
    op.drop_column("handover_visit", "refusal_reason")
    op.drop_column("handover_rectification_notice", "penalty_amount")
    op.drop_column("handover_defect", "cost")
