"""Which departments switched which plugins on, and what plugins were ever installed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database.base import CoreBase, Identified
from core.database.scope import Unscoped
from core.database.types import utc_now


class PluginSwitch(Identified, CoreBase):
    """An explicit on or off of a plugin in a department. Departments below inherit the nearest switch above them."""

    __tablename__ = "plugin_switch"
    __scope__ = Unscoped("switches are read before a scope exists; only the module manager writes them")
    __table_args__: Any = (sa.UniqueConstraint("department_id", "slug"),)

    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"))
    slug: Mapped[str] = mapped_column(sa.String(40), index=True)
    enabled: Mapped[bool]
    changed_at: Mapped[dt.datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    changed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))


class InstalledPlugin(CoreBase):
    """A plugin that was seen at least once, with its tables, so that data of a removed plugin can be found again."""

    __tablename__ = "installed_plugin"
    __scope__ = Unscoped("the inventory of plugins is one for the installation")
    __audited__ = False

    slug: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    version: Mapped[str] = mapped_column(sa.String(40))
    tables: Mapped[Any] = mapped_column(sa.JSON, default=list)
    first_seen_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    last_seen_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
