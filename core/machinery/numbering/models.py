"""The counters behind gap-free numbers."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database.base import CoreBase
from core.database.scope import Unscoped


class NumberSeries(CoreBase):
    """The last number given out under a prefix."""

    __tablename__ = "number_series"
    __scope__ = Unscoped("a counter shows nothing of the rows that it numbers")
    __audited__ = False

    prefix: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    last: Mapped[int] = mapped_column(default=0)
