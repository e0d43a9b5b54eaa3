"""Declarative bases: one for the core and one for each plugin, all over one shared MetaData."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from core.database.scope import ScopeRule, register_scoped_table
from core.database.types import Money, UtcDateTime, utc_now

CORE = "core"

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = sa.MetaData(naming_convention=NAMING_CONVENTION, info={"bind_key": None})

big_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""Column type of a key, and of a plain number that names a row without a foreign key."""

_TYPE_ANNOTATIONS: dict[Any, Any] = {
    dt.datetime: UtcDateTime(),
    Decimal: Money(),
    str: sa.String(255),
}


class ModelDeclarationError(TypeError):
    """A model class breaks a rule of the data layer; the message names the class and the rule."""


class Model:
    """What every mapped class shares: the declaration of its scope and whether it is audited.

    A concrete class must set ``__scope__``; a plugin's table name must start with ``<slug>_``.
    """

    __component__: ClassVar[str]
    __scope__: ClassVar[ScopeRule]
    __audited__: ClassVar[bool] = True
    """Whether changes are written to the audit log, field by field."""
    __audit_hidden__: ClassVar[frozenset[str]] = frozenset()
    """Attributes whose values never enter the audit log (passwords, secrets); the log says only that they changed."""
    __personal__: ClassVar[frozenset[str]] = frozenset()
    """Attributes that hold personal data: masked for readers without the right, encrypted in the audit log."""
    __signed__: ClassVar[Any] = None
    """Which columns a signature covers, a ``SignedPart``; they do not change any more once the record is signed."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        component = getattr(cls, "__component__", None)
        table_name = cls.__dict__.get("__tablename__")
        if isinstance(table_name, str):
            if component is None:
                raise ModelDeclarationError(
                    f"{cls.__module__}.{cls.__qualname__} has a table but no component; "
                    "derive it from the base that toolkit.plugin_base(slug) returns."
                )
            if component != CORE and not table_name.startswith(f"{component}_"):
                raise ModelDeclarationError(
                    f"Table {table_name!r} of {cls.__module__}.{cls.__qualname__} must start with "
                    f"{component + '_'!r}, the slug of its plugin."
                )
            if not isinstance(getattr(cls, "__scope__", None), ScopeRule):
                raise ModelDeclarationError(
                    f"{cls.__module__}.{cls.__qualname__} does not say whose rows it holds; "
                    "set __scope__ to ByProject(), ByDepartment(), ByCustomer(), Owned() or Unscoped(reason)."
                )
        super().__init_subclass__(**kwargs)
        if isinstance(table_name, str):
            register_scoped_table(cls)


class CoreBase(Model, DeclarativeBase):
    """Base of the core's own models."""

    metadata = metadata
    type_annotation_map = _TYPE_ANNOTATIONS
    __component__ = CORE


class Identified:
    """Mixin: a surrogate key."""

    id: Mapped[int] = mapped_column(big_id, primary_key=True)


class Timestamped:
    """Mixin: when the row was made and last changed, in UTC."""

    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[dt.datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Versioned:
    """Mixin: a counter that rises with each change, so that a stale save is refused instead of overwriting."""

    row_version: Mapped[int] = mapped_column(default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.row_version}


class Record(Identified, Timestamped, Versioned):
    """Mixin: the usual business row, with key, times and version."""


def plugin_base(slug: str) -> Any:
    """Return the declarative base for the models of one plugin.

    Each plugin has a registry of its own, so that a broken ``relationship()`` in one plugin cannot stop
    the constructors of another; all share the MetaData, so that foreign keys between tables work.

    Args:
        slug: The plugin's slug; every table of the plugin starts with ``<slug>_``.
    """
    return type(
        f"{slug.title().replace('_', '')}Base",
        (Model, DeclarativeBase),
        {
            "__module__": f"plugins.{slug}.models",
            "__component__": slug,
            "metadata": metadata,
            "type_annotation_map": _TYPE_ANNOTATIONS,
            "__doc__": f"Base of the models of the plugin {slug!r}.",
        },
    )


def project_column(index: bool = False) -> Mapped[int]:
    """Return the column of the project to which a row belongs, for a model of ``ByProject``.

    Args:
        index: Whether it has an index of its own; a longer one that begins with it serves as well.
    """
    return mapped_column(sa.ForeignKey("project.id", ondelete="RESTRICT"), index=index)


def parent_key(table: str, column: str, ondelete: str = "RESTRICT") -> sa.ForeignKeyConstraint:
    """Return a foreign key on a row of the same project: the database itself keeps two projects apart.

    Args:
        table: The table referred to, with a unique constraint on ``project_id`` and ``id``.
        column: The column that holds its key.
        ondelete: What happens when that row is deleted.
    """
    return sa.ForeignKeyConstraint(
        ["project_id", column], [f"{table}.project_id", f"{table}.id"], ondelete=ondelete
    )
