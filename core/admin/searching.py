"""What a list searches, and how what was typed is cleaned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from core.admin.access import holds
from core.database.search_index import MINIMUM_LENGTH, SearchIndex, contains

MAXIMUM_TEXT = 100
MAXIMUM_WORDS = 5
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def clean_text(text: str | None) -> str:
    """Return ``text`` without characters that databases refuse: NUL, other controls, halves of surrogate pairs."""
    return _UNPRINTABLE.sub("", text or "")


def clean_search(text: str | None) -> str:
    """Return what was typed into a search field: at most 100 characters in at most five words."""
    return " ".join(clean_text((text or "")[: MAXIMUM_TEXT * 4]).split()[:MAXIMUM_WORDS])[:MAXIMUM_TEXT]


@dataclass(frozen=True)
class SearchDeclaration:
    """What the search field of a list searches.

    Attributes:
        index: The search index of the table. Needed for every table that grows with the business.
        columns: The searched columns of a small catalogue, instead of an index.
        small_table: Says that the table is a catalogue of at most some thousand rows, read whole by each search.
        permissions: For each personal column the permission that its search needs. Searching a masked column tells
            its value to whoever tries long enough, so the view refuses to start without.
        placeholder: What stands in the empty field.
    """

    index: SearchIndex | None = None
    columns: tuple[str, ...] = ()
    small_table: bool = False
    permissions: Mapping[str, str] = field(default_factory=dict)
    placeholder: Any = ""

    def __post_init__(self) -> None:
        if (self.index is None) == (not self.columns):
            raise ValueError("A search needs either an index, or the columns of a small table.")
        if self.columns and not self.small_table:
            raise ValueError(
                "Searching columns without an index reads the whole table: give a SearchIndex, or say small_table=True."
            )

    @property
    def searched(self) -> tuple[str, ...]:
        """The searched columns."""
        return self.index.columns if self.index else self.columns

    def allowed(self) -> tuple[str, ...]:
        """Return the columns that the acting user may search."""
        return tuple(
            name for name in self.searched if name not in self.permissions or holds(self.permissions[name])
        )

    def is_long_enough(self, text: str) -> bool:
        """Return whether one of the words can be searched."""
        return self.small_table or any(len(word) >= MINIMUM_LENGTH for word in text.split())

    def condition(self, model: Any, text: str) -> sa.ColumnElement[bool]:
        """Return the condition that each word of ``text`` occurs in one of the columns that the user may search."""
        allowed = self.allowed()
        if self.index:
            return self.index.matches(model, text, allowed)
        words = text.split()
        if not words or not allowed:
            return sa.false()
        return sa.and_(
            *(sa.or_(*(contains(getattr(model, name), word) for name in allowed)) for word in words)
        )
