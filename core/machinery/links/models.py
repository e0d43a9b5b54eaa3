"""Personal links. Of the token only its hash is kept, but for posters, which hang on a wall for everybody to read."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database.base import CoreBase, Identified, Timestamped, big_id
from core.database.scope import Owned
from core.database.types import EncryptedText


class PersonalLink(Identified, Timestamped, CoreBase):
    """A link to one public page about one record.

    That it was made and revoked is in the audit log; how often it was opened stands in the row.
    """

    __tablename__ = "personal_link"
    __scope__ = Owned()
    __audited__ = False
    __audit_hidden__ = frozenset({"token_hash", "fact_hash", "token"})
    __personal__ = frozenset({"recipient_name"})
    __table_args__: Any = (sa.Index("ix_personal_link_record", "record_kind", "record_id"),)

    purpose: Mapped[str] = mapped_column(sa.String(80), index=True)
    """Code of the purpose as text, so that the row outlives a plugin."""
    record_kind: Mapped[str] = mapped_column(sa.String(80))
    record_id: Mapped[int] = mapped_column(big_id)
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    token: Mapped[str | None] = mapped_column(EncryptedText())
    """Of posters alone, which are printed again."""
    fact_hash: Mapped[str | None] = mapped_column(sa.String(64))
    """Keyed hash of what the visitor must know."""
    recipient_name: Mapped[str] = mapped_column(sa.String(120), default="")
    language: Mapped[str] = mapped_column(sa.String(20), default="zh_Hans_CN")
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)
    uses_allowed: Mapped[int] = mapped_column(default=0)
    """0 for any number."""
    uses: Mapped[int] = mapped_column(default=0)
    """How often the page was completed."""
    failures: Mapped[int] = mapped_column(default=0)
    """Wrong second facts since the last right one; with five the link is closed."""
    opened_at: Mapped[dt.datetime | None]
    """When the second fact was first right."""
    last_used_at: Mapped[dt.datetime | None]
    agreed_at: Mapped[dt.datetime | None]
    notice_version: Mapped[str] = mapped_column(sa.String(40), default="")
    """The privacy notice to which the visitor agreed."""
    revoked_at: Mapped[dt.datetime | None]
    user_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL"), index=True
    )
    """Who made it."""
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="CASCADE"), index=True
    )
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="CASCADE"), index=True
    )
    department_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("department.id", ondelete="RESTRICT"), index=True
    )
    """Whose switches and settings count during a visit: the department that acted."""

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"
