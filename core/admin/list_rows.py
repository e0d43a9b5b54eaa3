"""The rows of a list as plain values.

Making a record of every row and of what it refers to takes several times as long as reading their columns. A view that
declares ``list_reads`` gets rows that hold just the values that the list reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from types import FunctionType
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from core.extensions import db


class ListRow:
    """What a list reads of one record: its columns and references are attributes.

    A property or a method of the model works on the row as it does on the record. Whatever else is asked for is taken
    from the record, which is read for that alone; a list that does so for each row belongs into ``list_reads``.
    """

    model: ClassVar[Any]
    id: int

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(self.model, name):
            raise AttributeError(f"{self.model.__name__} has no attribute {name}.", name=name, obj=self)
        return getattr(read_record(self.model, self.id, name), name)


def read_record(model: Any, key: int, name: str) -> Any:
    """Return the record of a row, for something that its list did not read.

    Args:
        model: The mapped class.
        key: The key of the row.
        name: What was asked for; the contract of plugins names it, because a list should have read it for all rows.
    """
    del name
    return db.session.get_one(model, key)


_COMPUTED = (property, cached_property, FunctionType)


@cache
def _row_class(model: type[Any]) -> type[ListRow]:
    computed = {
        name: attribute
        for each in reversed(model.__mro__)
        for name, attribute in vars(each).items()
        if isinstance(attribute, _COMPUTED) and not name.startswith("__")
    }
    return type(f"{model.__name__}Row", (ListRow,), {**computed, "model": model})


class _Part:
    """What a list reads of one entity of its statement: the list's own model, or a record that it refers to."""

    def __init__(self, entity: Any, start: int) -> None:
        self.entity = entity
        self.start = start
        self.row_class = _row_class(sa.inspect(entity).mapper.class_)
        self.names: list[str] = []
        self.references: dict[str, _Part] = {}

    def row(self, values: Sequence[Any], known: dict[tuple[int, int], ListRow]) -> ListRow | None:
        """Return the row of one line of the result; lines that refer to the same record share it."""
        place = (self.start, values[self.start])
        if place[1] is None:
            return None
        found = known.get(place)
        if found is None:
            found = known[place] = self.new_row(values, known)
        return found

    def new_row(self, values: Sequence[Any], known: dict[tuple[int, int], ListRow]) -> ListRow:
        """Return a row of its own for one line of the result."""
        made = self.row_class()
        start = self.start
        attributes = made.__dict__
        attributes.update(zip(self.names, values[start : start + len(self.names)], strict=True))
        for name, part in self.references.items():
            attributes[name] = part.row(values, known)
        return made


class RowReader:
    """Reads the rows of a list.

    Args:
        model: The mapped class.
        paths: Columns, or ``reference.column`` over one reference or several; other names are left out. A name comes
            with the name in English, where the record has one.
    """

    def __init__(self, model: Any, paths: Iterable[str]) -> None:
        tree: dict[str, Any] = {}
        for path in paths:
            place = tree
            for step in path.split("."):
                place = place.setdefault(step, {})
        self._columns: list[Any] = []
        self._joins: list[Any] = []
        self._top = self._part(model, tree)
        statement = sa.select(*self._columns).select_from(model)
        for join in self._joins:
            statement = statement.outerjoin(join)
        self.select: sa.Select[Any] = statement
        """The select of the columns; narrow, order and cut it, then hand its result to :meth:`rows`."""

    def _part(self, entity: Any, tree: dict[str, Any]) -> _Part:
        mapper = sa.inspect(entity).mapper
        part = _Part(entity, len(self._columns))
        wanted = dict.fromkeys(["id", *(name for name in tree if name in mapper.column_attrs)])
        if "name" in wanted and "name_en" in mapper.column_attrs:
            wanted["name_en"] = None
        part.names = list(wanted)
        self._columns += [getattr(entity, name) for name in wanted]
        for name, below in tree.items():
            if name in mapper.relationships and below:
                target = aliased(mapper.relationships[name].mapper.class_)
                self._joins.append(getattr(entity, name).of_type(target))
                part.references[name] = self._part(target, below)
        return part

    def rows(self, found: Iterable[Sequence[Any]]) -> list[Any]:
        """Return the rows of a result of :attr:`select`."""
        known: dict[tuple[int, int], ListRow] = {}
        return [self._top.new_row(values, known) for values in found]
