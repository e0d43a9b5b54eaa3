"""Column types: UTC times, money, encrypted text, and what the program says in the words of each language."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask_babel import get_locale
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from core.database import encryption

LOCAL_ZONE = ZoneInfo("Asia/Shanghai")
"""The time zone of all pages and documents; the database keeps UTC."""
CENT = Decimal("0.01")


def utc_now() -> dt.datetime:
    """Return the present moment as an aware datetime in UTC."""
    return dt.datetime.now(dt.UTC)


def local_today() -> dt.date:
    """Return today's date in China, whatever the server's clock zone."""
    return dt.datetime.now(LOCAL_ZONE).date()


class UtcDateTime(TypeDecorator[dt.datetime]):
    """An aware datetime, stored in UTC; a naive one is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"The time {value!r} has no zone; pass an aware datetime.")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class Money(TypeDecorator[Decimal]):
    """An amount in yuan with two decimals; whole cents on SQLite, which has no exact decimals."""

    impl = sa.Numeric(14, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.BigInteger())
        return dialect.type_descriptor(sa.Numeric(14, 2))

    def process_bind_param(self, value: Decimal | int | str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if isinstance(value, float):
            raise TypeError("Money takes a Decimal; a float cannot hold cents exactly.")
        amount = Decimal(value).quantize(CENT, ROUND_HALF_UP)
        return int(amount * 100) if dialect.name == "sqlite" else amount

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        return Decimal(value).scaleb(-2) if dialect.name == "sqlite" else Decimal(value)


class Area(Money):
    """A floor area in square metres with two decimals, held as exactly as money."""

    cache_ok = True


class EncryptedText(TypeDecorator[str]):
    """Text that is encrypted before it reaches the database; search it through a blind index beside it."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else encryption.encrypt(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else encryption.decrypt(value)


class Wording:
    """What the program said, in the words of each language; ``str()`` gives those of the reader.

    It is made by :func:`core.languages.worded` and does not change.
    """

    __slots__ = ("_words",)

    def __init__(self, words: Mapping[str, str]) -> None:
        """Keep the words of each language.

        Args:
            words: By language; the first is what readers of any other language see.
        """
        self._words = dict(words)

    def __str__(self) -> str:
        locale = get_locale()
        # The whole name of a locale is put together anew each time that it is asked for.
        return self.said_in("" if locale is None else locale.language)

    def said_in(self, language: str) -> str:
        """Return the words of a language; those of the first language where it has none.

        Args:
            language: Its code, for example ``en`` or ``zh_Hans_CN``.
        """
        for held, words in self._words.items():
            if held[:2] == language[:2]:
                return words
        return next(iter(self._words.values()), "")

    def map(self, change: Callable[[str], str]) -> Wording:
        """Return it with a change to the words of each language, for example a shorter one."""
        return Wording({language: change(words) for language, words in self._words.items()})

    def stored(self) -> str:
        """Return it as the database keeps it: JSON, with what people wrote in it as they wrote it."""
        return json.dumps(self._words, ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def write(text: str | Wording) -> str:
        """Return a text as the database keeps it, from which :meth:`read` makes it again."""
        if isinstance(text, Wording):
            return text.stored()
        return text if Wording.read(text) == text else json.dumps({"": text}, ensure_ascii=False)

    @staticmethod
    def read(text: str) -> str | Wording:
        """Return what a text of the database says: itself, unless :meth:`stored` made it."""
        # Told apart by the first character, since lists read hundreds of them.
        if text[:1] != "{":
            return text
        try:
            held = json.loads(text)
        except ValueError:
            return text
        is_ours = isinstance(held, dict) and held and all(isinstance(each, str) for each in held.values())
        if not is_ours:
            return text
        # What was typed and only looks like ours is kept under no language.
        return held[""] if list(held) == [""] else Wording(held)

    def __eq__(self, other: object) -> bool:
        return self._words == other._words if isinstance(other, Wording) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._words.items()))

    def __bool__(self) -> bool:
        return any(self._words.values())

    def __repr__(self) -> str:
        return f"Wording({self._words!r})"


_LANGUAGES_HELD, _AROUND = 4, 100
"""A column has room for the words of two languages, of which JSON writes each character as two at the most."""


class WordedText(TypeDecorator[str | Wording]):
    """A text that people type or that the program says; the latter is read in the reader's language.

    A typed text is stored and given back as it is, a :class:`Wording` as JSON with the words of each language.
    """

    impl: Any = sa.Text
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        """Say how long a text may be.

        Args:
            length: Most characters of what is typed, and of the words of each language; None for no limit. The column
                is longer, because it holds all languages.
        """
        super().__init__()
        self.length = length
        if length is not None:
            self.impl = sa.String(length * _LANGUAGES_HELD + _AROUND)

    @property
    def is_long(self) -> bool:
        """Whether it has room for paragraphs."""
        return self.length is None

    def process_bind_param(self, value: str | Wording | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str | Wording):
            raise TypeError(f"{value!r} is no text; let core.languages.worded() make one of it.")
        return Wording.write(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | Wording | None:
        return None if value is None else Wording.read(value)
