"""The number series that a plugin used: they go on where they stand, so that no number is given out twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.extensions import db
from core.machinery.numbering.models import NumberSeries
from core.plugin_system.holdings import Holding, Trace

_ISSUED = sa.table("issued_document", sa.column("number", sa.String), sa.column("document_type", sa.String))
"""Only two columns are of interest here, and no part of the machinery knows the models of another."""


def _rows(trace: Trace) -> Iterator[Mapping[str, Any]]:
    """Yield the series under whose prefix the plugin's rows (column ``number``) or its documents are numbered."""
    inspector = sa.inspect(db.session.connection())
    numbered: list[tuple[sa.TableClause, sa.ColumnElement[bool]]] = [
        (sa.table(name, sa.column("number", sa.String)), sa.true())
        for name in trace.tables
        if any(column["name"] == "number" for column in inspector.get_columns(name))
    ]
    numbered.append((_ISSUED, trace.starts(_ISSUED.c.document_type)))
    columns = (NumberSeries.prefix, NumberSeries.last)
    for prefix, last in db.session.execute(sa.select(*columns).order_by(NumberSeries.prefix)).all():
        if any(_is_used(prefix, table, condition) for table, condition in numbered):
            yield {"prefix": prefix, "last": last}


def _is_used(prefix: str, table: sa.TableClause, condition: sa.ColumnElement[bool]) -> bool:
    number = sa.cast(table.c.number, sa.String)
    query = (
        sa.select(sa.literal(1))
        .select_from(table)
        .where(number.startswith(prefix, autoescape=True), condition)
    )
    return db.session.connection().scalar(query.limit(1)) is not None


HOLDINGS: tuple[Holding, ...] = (
    Holding(
        "number_series",
        _l("Number series"),
        lambda trace: sum(1 for _row in _rows(trace)),
        _rows,
        stays=_l("They go on where they stand, so that no number is ever given out twice."),
    ),
)
