"""Filters of a list: choices, yes or no, date ranges, amounts, exact texts, references."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from flask import g
from flask_babel import gettext as _

from core.admin.ajax import Reference, strict_id
from core.admin.searching import clean_text
from core.database.scope import current_scope
from core.database.types import LOCAL_ZONE, UtcDateTime

if TYPE_CHECKING:
    from core.admin.views import RecordView

PREFIX = "f_"
_LARGEST_AMOUNT = Decimal(10) ** 12


class FilterValueError(ValueError):
    """The value of a filter cannot be used; the message is a full sentence."""


@dataclass(frozen=True)
class Chip:
    """An active filter: what stands on its chip, and the arguments that leave the address when it is cleared."""

    label: str
    words: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Filter:
    """What all filters share.

    Attributes:
        column: The mapped attribute.
        label: What staff read; the label of the column when left out.
        permission: Needed to use the filter; a must for personal columns.
    """

    column: str
    label: Any = None
    permission: str | None = None

    kind: ClassVar[str] = ""
    suffixes: ClassVar[tuple[str, ...]] = ("",)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments of the address."""
        return tuple(f"{PREFIX}{self.column}{suffix}" for suffix in self.suffixes)

    def typed(self, arguments: Any) -> tuple[str, ...]:
        """Return what was typed, cleaned, an empty text for what is missing."""
        return tuple(clean_text(arguments.get(name, ""))[:100].strip() for name in self.arguments)

    def conditions(self, view: RecordView, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        """Return the conditions of what was typed.

        Raises:
            FilterValueError: It cannot be used.
        """
        raise NotImplementedError

    def words(self, view: RecordView, typed: tuple[str, ...]) -> str:
        """Return what stands on the chip."""
        return typed[0]

    def choices(self, view: RecordView) -> Sequence[tuple[str, str]]:
        """Return the values to choose from, with their words."""
        return ()

    def attribute(self, view: RecordView) -> Any:
        """Return the mapped attribute."""
        return getattr(view.model, self.column)


@dataclass(frozen=True)
class ChoiceFilter(Filter):
    """One of the values that the view declares in ``choices`` (or ``status_columns``) for the column."""

    kind: ClassVar[str] = "choice"

    def choices(self, view: RecordView) -> Sequence[tuple[str, str]]:
        return [(str(value), words) for value, words in view.labels_of(self.column).items()]

    def conditions(self, view: RecordView, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        for value, _words in view.choices_of(self.column):
            if str(value) == typed[0]:
                return [self.attribute(view) == value]
        raise FilterValueError(_("The filter has no such value. Choose one from its list."))

    def words(self, view: RecordView, typed: tuple[str, ...]) -> str:
        return dict(self.choices(view)).get(typed[0], typed[0])


@dataclass(frozen=True)
class BooleanFilter(Filter):
    """Yes or no."""

    kind: ClassVar[str] = "choice"

    def choices(self, view: RecordView) -> Sequence[tuple[str, str]]:
        return [("1", _("Yes")), ("0", _("No"))]

    def conditions(self, view: RecordView, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        if typed[0] not in {"0", "1"}:
            raise FilterValueError(_("Choose yes or no."))
        return [self.attribute(view).is_(typed[0] == "1")]

    def words(self, view: RecordView, typed: tuple[str, ...]) -> str:
        return dict(self.choices(view)).get(typed[0], typed[0])


@dataclass(frozen=True)
class EmptyFilter(Filter):
    """Filled in or empty, for example archived or not."""

    filled: Any = None
    empty: Any = None
    kind: ClassVar[str] = "choice"

    def choices(self, view: RecordView) -> Sequence[tuple[str, str]]:
        return [("1", str(self.filled or _("Filled in"))), ("0", str(self.empty or _("Empty")))]

    def conditions(self, view: RecordView, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        if typed[0] not in {"0", "1"}:
            raise FilterValueError(_("The filter has no such value. Choose one from its list."))
        column = self.attribute(view)
        return [column.is_not(None) if typed[0] == "1" else column.is_(None)]

    def words(self, view: RecordView, typed: tuple[str, ...]) -> str:
        return dict(self.choices(view)).get(typed[0], typed[0])


@dataclass(frozen=True)
class TextFilter(Filter):
    """Exactly this text."""

    kind: ClassVar[str] = "text"

    def conditions(self, view: RecordView, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        return [self.attribute(view) == typed[0]]


@dataclass(frozen=True)
class DateRangeFilter(Filter):
    """From a day to a day, both included; times are compared as days in China."""

    kind: ClassVar[str] = "dates"
    suffixes: ClassVar[tuple[str, ...]] = ("_from", "_to")

    def conditions(self, view: RecordView, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        column = self.attribute(view)
        is_moment = isinstance(column.type, (UtcDateTime, sa.DateTime))
        conditions = []
        for text, is_end in zip(typed, (False, True), strict=True):
            if not text:
                continue
            day = _day(text)
            if is_moment:
                moment = dt.datetime.combine(day, dt.time(), LOCAL_ZONE) + dt.timedelta(days=int(is_end))
                conditions.append(column < moment if is_end else column >= moment)
            else:
                conditions.append(column <= day if is_end else column >= day)
        return conditions

    def words(self, view: RecordView, typed: tuple[str, ...]) -> str:
        return f"{typed[0]} – {typed[1]}"


@dataclass(frozen=True)
class NumberRangeFilter(Filter):
    """From a number to a number, both included."""

    kind: ClassVar[str] = "numbers"
    suffixes: ClassVar[tuple[str, ...]] = ("_from", "_to")

    def conditions(self, view: RecordView, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        column = self.attribute(view)
        conditions = []
        for text, is_end in zip(typed, (False, True), strict=True):
            if text:
                number: Any = _amount(text)
                if isinstance(column.type, sa.Integer):
                    number = int(number)
                conditions.append(column <= number if is_end else column >= number)
        return conditions

    def words(self, view: RecordView, typed: tuple[str, ...]) -> str:
        return f"{typed[0]} – {typed[1]}"


@dataclass(frozen=True)
class ReferenceFilter(Filter):
    """One record that the row refers to; chosen by typing, not from a list of the whole table."""

    reference: Reference | None = None
    kind: ClassVar[str] = "reference"

    def target(self, view: RecordView) -> Reference:
        """Return where the records come from: the filter's own reference, else that of the form field."""
        return self.reference or view.references[self.column]

    def conditions(self, view: RecordView, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        return [self.attribute(view) == self.chosen(view, typed)]

    def chosen(self, view: RecordView, typed: tuple[str, ...]) -> int:
        """Return the key of the chosen record.

        Raises:
            FilterValueError: It does not exist or cannot be seen.
        """
        record = self._record(view, typed)
        if record is None:
            raise FilterValueError(_("The record to filter by does not exist, or you may not see it."))
        return int(record.id)

    def words(self, view: RecordView, typed: tuple[str, ...]) -> str:
        record = self._record(view, typed)
        return "" if record is None else self.target(view).text(record)

    def _record(self, view: RecordView, typed: tuple[str, ...]) -> Any:
        """Return the chosen record, or None; read once for a request, though three parts of the page name it."""
        key = strict_id(typed[0])
        if key is None:
            return None
        known: dict[Any, Any] = g.setdefault("_filter_records", {})
        place = (view.endpoint, self.column, key, current_scope())
        if place not in known:
            known[place] = self.target(view).get(key)
        return known[place]


@dataclass(frozen=True)
class LinkFilter(ReferenceFilter):
    """One record that the row is linked to through a link table, for example the project of a customer.

    ``column`` is only the name in the address. The link table needs an index on (``far``, ``near``): a list sorted
    by key is then read along that index.

    Attributes:
        link: The mapped class of the link table.
        near: Its column that holds the key of the listed row.
        far: Its column that holds the key of the chosen record.
    """

    link: Any = None
    near: str = ""
    far: str = ""

    def conditions(self, view: RecordView, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        chosen = self.chosen(view, typed)
        return [view.model.id.in_(sa.select(getattr(self.link, self.near)).where(self.far_column == chosen))]

    @property
    def near_column(self) -> Any:
        """The key of the listed row in the link table."""
        return getattr(self.link, self.near)

    @property
    def far_column(self) -> Any:
        """The key of the chosen record in the link table."""
        return getattr(self.link, self.far)


def _day(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise FilterValueError(_("%(value)s is not a date. Write it like 2026-11-23.", value=text)) from None
    if not 1900 <= day.year <= 2200:
        raise FilterValueError(_("The year of a date must lie between 1900 and 2200."))
    return day


def _amount(text: str) -> Decimal:
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) > _LARGEST_AMOUNT:
        raise FilterValueError(_("%(value)s is not a number that can be used here.", value=text))
    return number
