"""The personal links of a plugin: without it they lead nowhere, so they go with it."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.machinery.links.models import PersonalLink
from core.plugin_system.holdings import Holding, Trace, delete_rows, queried


def _of_plugin(trace: Trace) -> sa.ColumnElement[bool]:
    return trace.starts(PersonalLink.purpose)


def _erase(trace: Trace) -> Callable[[], None] | None:
    delete_rows(PersonalLink, _of_plugin(trace), f"erasing the plugin {trace.slug}")
    return None


HOLDINGS: tuple[Holding, ...] = (
    queried("personal_links", _l("Personal links"), PersonalLink, _of_plugin, erase=_erase),
)
