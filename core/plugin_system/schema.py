"""Whether the tables of a component fit its code, found out without Alembic: no web process needs it in memory.

The newest revision is read from the texts of the migrations, the revision of the tables from the version table.
What changes a schema is in :mod:`core.plugin_system.migrating`, used by the command line alone.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.database.base import CORE
from core.extensions import db
from core.plugin_system.declarations import Text
from core.plugin_system.tables import VERSION_TABLE_PREFIX, version_table

_REVISION = re.compile(r"^revision\b[^=\n]*=\s*['\"](\w+)['\"]", re.MULTILINE)
_DOWN_REVISION = re.compile(r"^down_revision\b[^=\n]*=\s*(.+?)$", re.MULTILINE)
_QUOTED = re.compile(r"['\"](\w+)['\"]")


@dataclass(frozen=True)
class SchemaFault:
    """Why the tables of a component do not fit its code, and whether running its migrations is the cure."""

    reason: Text
    behind: bool


def script_folder() -> Path:
    """Return the folder with what all components share: ``env.py`` and ``script.py.mako``."""
    spec = importlib.util.find_spec("migrations")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("The package migrations is not installed beside core; install Doorstep again.")
    return Path(next(iter(spec.submodule_search_locations)))


def migrations_folder(component: str, plugin_folder: Path | None = None) -> Path:
    """Return where the revisions of a component lie.

    Args:
        component: ``core`` or a slug.
        plugin_folder: Folder of the plugin's package.
    """
    if component == CORE:
        return script_folder() / CORE
    if plugin_folder is None:
        raise ValueError(f"The folder of the plugin {component!r} is not known.")
    return plugin_folder / "migrations"


def revisions(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the revisions in a folder, each with those before it."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("*.py")) if folder.is_dir() else ():
        text = path.read_text(encoding="utf-8")
        revision = _REVISION.search(text)
        if revision is not None:
            before = _DOWN_REVISION.search(text)
            found[revision.group(1)] = tuple(_QUOTED.findall(before.group(1))) if before else ()
    return found


def heads(folder: Path) -> tuple[str, ...]:
    """Return the newest revisions in a folder; a component in order has one, one without tables has none."""
    known = revisions(folder)
    followed = {before for befores in known.values() for before in befores}
    return tuple(sorted(known.keys() - followed))


def current_revisions() -> dict[str, str]:
    """Return the schema revision of every component that the database has ever known; needs an application context."""
    with db.engine.connect().execution_options(read_only=True) as connection:
        names = [
            name for name in sa.inspect(connection).get_table_names() if name.startswith(VERSION_TABLE_PREFIX)
        ]
        found = {}
        for name in names:
            column = sa.column("version_num", sa.String)
            revision = connection.scalar(sa.select(column).select_from(sa.table(name, column)))
            if revision is not None:
                found[name.removeprefix(VERSION_TABLE_PREFIX)] = str(revision)
        return found


def schema_fault(
    component: str, folder: Path, current: Mapping[str, str], has_tables: bool
) -> SchemaFault | None:
    """Return why the tables of a component do not fit its code, or None.

    Args:
        component: ``core`` or a slug.
        folder: Where its revisions lie.
        current: The revisions of the database, from :func:`current_revisions`.
        has_tables: Whether its code has models with tables.
    """
    newest, stands = heads(folder), current.get(component)
    if len(newest) > 1:
        return SchemaFault(
            _l(
                "Its migrations end in several revisions (%(heads)s). Delete one, or let it follow the other.",
                heads=", ".join(newest),
            ),
            behind=False,
        )
    if not newest:
        if not has_tables:
            return None
        return SchemaFault(
            _l(
                "It has tables and no migrations. Write the first one with "
                "`doorstep db revision %(component)s -m initial`.",
                component=component,
            ),
            behind=True,
        )
    if stands == newest[0]:
        return None
    if stands is None:
        reason = _l(
            "Its tables were not made yet. Run `doorstep db upgrade %(component)s` and restart.",
            component=component,
        )
    elif stands in revisions(folder):
        reason = _l(
            "Its tables are at revision %(current)s and its code needs %(head)s. "
            "Run `doorstep db upgrade %(component)s` and restart.",
            current=stands,
            head=newest[0],
            component=component,
        )
    else:
        reason = _l(
            "Its tables are at revision %(current)s, which its code does not know: an older version is installed than "
            "the one that made them. Install the newer version (version table %(table)s).",
            current=stands,
            table=version_table(component),
        )
        return SchemaFault(reason, behind=False)
    return SchemaFault(reason, behind=True)
