"""Which component a table belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from core.database.base import CORE, CoreBase, Model, metadata

VERSION_TABLE_PREFIX = "alembic_version_"


def version_table(component: str) -> str:
    """Return the name of the table that holds the schema revision of a component."""
    return f"{VERSION_TABLE_PREFIX}{component}"


def bases_of(component: str) -> list[Any]:
    """Return the declarative bases of a component, usually one."""
    return [base for base in Model.__subclasses__() if getattr(base, "__component__", None) == component]


def core_table_names() -> set[str]:
    """Return the names of the tables of the core's models."""
    return {
        mapper.local_table.name
        for mapper in CoreBase.registry.mappers
        if isinstance(mapper.local_table, sa.Table)
    }


def owner_of_table(name: str, slugs: Iterable[str]) -> str:
    """Return the component that a table belongs to.

    Args:
        name: Name of the table.
        slugs: All slugs that may own tables; the longest that fits wins.
    """
    return _owner_finder(slugs)(name)


def _owner_finder(slugs: Iterable[str]) -> Callable[[str], str]:
    """Return the function from the name of a table to its component; what it compares with is collected once."""
    of_core = core_table_names()
    # Models of a plugin can be loaded in a process whose application runs without it.
    loaded = {base.__component__ for base in Model.__subclasses__() if base is not CoreBase}
    prefixes = sorted(((f"{slug}_", slug) for slug in {*slugs, *loaded}), key=_by_length)

    def owner(name: str) -> str:
        if name in of_core:
            return CORE
        return next((slug for prefix, slug in prefixes if name.startswith(prefix)), CORE)

    return owner


def _by_length(entry: tuple[str, str]) -> int:
    return -len(entry[0])


def tables_of(component: str, slugs: Iterable[str]) -> list[sa.Table]:
    """Return the tables of a component that are loaded, by name."""
    owner = _owner_finder(slugs)
    return [table for name, table in sorted(metadata.tables.items()) if owner(name) == component]
