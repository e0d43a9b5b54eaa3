"""What the back office remembers of its own: which forms were submitted."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database.base import CoreBase
from core.database.scope import Unscoped
from core.database.types import utc_now


class SubmittedForm(CoreBase):
    """A form for a new record that was saved; its nonce makes a second submission of the same form harmless."""

    __tablename__ = "submitted_form"
    __scope__ = Unscoped("a nonce is looked up together with the user who was given it")
    __audited__ = False

    nonce: Mapped[str] = mapped_column(sa.String(43), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="CASCADE"), index=True
    )
    endpoint: Mapped[str] = mapped_column(sa.String(120))
    record_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    submitted_at: Mapped[dt.datetime] = mapped_column(default=utc_now, index=True)
