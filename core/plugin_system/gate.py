"""Whether a plugin is switched on in a department. Asked at every door, for each request anew."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import sqlalchemy as sa
from flask import has_request_context, request

from core.database.base import CORE
from core.database.scope import current_scope
from core.database.structure import remembered
from core.extensions import db
from core.plugin_system.models import PluginSwitch
from core.plugin_system.runtime import current_runtime
from core.plugin_system.tables import version_table

_ENVIRON_KEY = "doorstep.plugin_switches"

# The engine knows nothing of people: it meets departments only as rows of a tree.
department_table = sa.table(
    "department",
    sa.column("id", sa.BigInteger),
    sa.column("parent_id", sa.BigInteger),
    sa.column("code", sa.String),
    sa.column("name", sa.String),
    sa.column("name_en", sa.String),
    sa.column("path", sa.String),
    sa.column("archived_at", sa.DateTime),
)


def is_on(slug: str, department_id: int | None = None) -> bool:
    """Return whether a plugin may be used in a department.

    The nearest switch up the department tree decides; without any the plugin is off. What a plugin depends on
    must be on, too. A quarantined plugin is off everywhere, the core is always on. Work of the system that acts
    in no department meets a plugin that is on in any department; an anonymous visitor meets none.

    Args:
        slug: The plugin.
        department_id: The department; the acting one when None.
    """
    return slug in which_are_on((slug,), department_id)


def which_are_on(slugs: Iterable[str], department_id: int | None = None) -> frozenset[str]:
    """Return those of some plugins that may be used in a department; each as :func:`is_on` says it.

    Args:
        slugs: The plugins.
        department_id: The department; the acting one when None.
    """
    runtime = current_runtime()
    found = {slug for slug in slugs if slug == CORE or runtime.is_healthy(slug)}
    if found <= {CORE}:
        return frozenset(found)
    scope = current_scope()
    if department_id is None and scope is not None:
        department_id = scope.department_id
    if department_id is not None:
        switches = switches_in(department_id)
    elif scope is not None and scope.sees_everything:
        switches = _switches_anywhere()
    else:
        switches = {}
    return frozenset(
        slug
        for slug in found
        if slug == CORE or all(switches.get(each, False) for each in (slug, *runtime.dependencies(slug)))
    )


def switches_in(department_id: int) -> dict[str, bool]:
    """Return the switch of each plugin that counts in a department: the nearest up the tree."""
    if not has_request_context():
        return _load(department_id)
    # Kept in the process only with the mark of the structure: several workers never disagree.
    loaded: dict[int, dict[str, bool]] = request.environ.setdefault(_ENVIRON_KEY, {})
    if department_id not in loaded:
        loaded[department_id] = remembered("switches", department_id, lambda: _load(department_id))
    return loaded[department_id]


def was_erased(slug: str) -> bool:
    """Return whether the tables of a plugin were erased since this process was started, here or by another worker.

    Args:
        slug: A plugin that this process knows.
    """
    plugin = current_runtime().plugins[slug]
    if plugin.revision is None:
        return False
    return not sa.inspect(db.session.connection()).has_table(version_table(slug))


def forget_switches() -> None:
    """Read the switches again at the next question of this request, because one was changed."""
    if has_request_context():
        request.environ.pop(_ENVIRON_KEY, None)


@cache
def _switches_query() -> sa.Select[str, bool]:
    """Return the query of the switches that count in the department with the parameter ``department_id``.

    It is asked in every request and built once: building it costs more than running it.
    """
    here, above = department_table.alias("here"), department_table.alias("above")
    # The plain table: what is read becomes no record, and is read in half the time.
    switch = PluginSwitch.__table__.c
    return (
        sa.select(switch.slug, switch.enabled)
        .select_from(here)
        .join(
            above,
            sa.or_(
                above.c.id == here.c.id,
                sa.and_(above.c.path != "", here.c.path.startswith(above.c.path)),
            ),
        )
        .join(PluginSwitch.__table__, switch.department_id == above.c.id)
        .where(here.c.id == sa.bindparam("department_id"))
        .order_by(sa.func.length(above.c.path))
    )


def _load(department_id: int) -> dict[str, bool]:
    rows = db.session.execute(_switches_query(), {"department_id": department_id})
    return {row.slug: row.enabled for row in rows}


def _switches_anywhere() -> dict[str, bool]:
    rows = db.session.execute(sa.select(PluginSwitch.slug).where(PluginSwitch.enabled).distinct())
    return {row.slug: True for row in rows}
