"""From the text of a cell to a value: what people type into spreadsheets, and a sentence where it cannot be read.

A parser is a function from the text of a filled cell to the value; it raises :class:`CellError`. An empty cell never
reaches it.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import lazy_gettext as _l

from core.languages import Text, listed

Parser = Callable[[str], Any]

_FIRST_DAY_OF_EXCEL = dt.date(1899, 12, 30)
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2200
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:T.*| .*)?")
_PACKED_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SERIAL = re.compile(r"\d{5}(\.\d+)?")
_YES = frozenset({"是", "有", "对", "√", "y", "yes", "true", "1"})
_NO = frozenset({"否", "无", "不", "×", "x", "n", "no", "false", "0"})


class CellError(ValueError):
    """A cell cannot be read; the message is a full sentence, ``_l("…")``, that does not repeat a personal value.

    Attributes:
        code: Kind of the error, for example ``not_a_date``.
    """

    def __init__(self, code: str, sentence: Text) -> None:
        super().__init__(sentence)
        self.code = code


def half_width(text: str) -> str:
    """Return a text with full-width letters and digits made narrow and without spaces: "１３８ ００" → "13800"."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def words(longest: int) -> Parser:
    """Return a parser of one line of text.

    Args:
        longest: Characters allowed.
    """

    def parse(text: str) -> str:
        line = " ".join(text.split())
        if len(line) > longest:
            raise CellError(
                "too_long", _l("This is longer than %(count)s characters. Shorten it.", count=longest)
            )
        return line

    return parse


def paragraph(longest: int = 5_000) -> Parser:
    """Return a parser of text over several lines.

    Args:
        longest: Characters allowed.
    """

    def parse(text: str) -> str:
        if len(text) > longest:
            raise CellError(
                "too_long", _l("This is longer than %(count)s characters. Shorten it.", count=longest)
            )
        return text.strip()

    return parse


def number(least: Decimal | int | None = None, most: Decimal | int | None = None, places: int = 2) -> Parser:
    """Return a parser of a number: thousands separators, full-width digits, ¥ and 元 or ㎡ around it are understood.

    Args:
        least: Smallest number allowed.
        most: Largest number allowed.
        places: Decimal places that are kept.
    """

    def parse(text: str) -> Decimal:
        plain = re.sub(
            r"^[¥￥]|(元|平方米|平米|m2|㎡|平|%)$", "", half_width(text).replace(",", ""), flags=re.IGNORECASE
        )
        try:
            value = Decimal(plain)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or abs(value) >= Decimal(10) ** 15:
            raise CellError("not_a_number", _l("This is not a number. Write it like 118.20."))
        if (least is not None and value < least) or (most is not None and value > most):
            raise CellError("out_of_range", _out_of_range(least, most))
        return value.quantize(Decimal(1).scaleb(-places))

    return parse


def _out_of_range(least: Any, most: Any) -> Text:
    if most is None:
        return _l("The number must be %(least)s or more.", least=least)
    if least is None:
        return _l("The number must be %(most)s or less.", most=most)
    return _l("The number must lie between %(least)s and %(most)s.", least=least, most=most)


def whole_number(least: int = -(2**31), most: int = 2**31 - 1) -> Parser:
    """Return a parser of a whole number.

    Args:
        least: Smallest number allowed.
        most: Largest number allowed.
    """

    def parse(text: str) -> int:
        found = re.fullmatch(r"(-?\d{1,10})(?:\.0+)?(?:层|楼|F|号|栋)?", half_width(text))
        if found is None:
            raise CellError("not_a_whole_number", _l("This is not a whole number. Write it like 12."))
        value = int(found[1])
        if not least <= value <= most:
            raise CellError("out_of_range", _out_of_range(least, most))
        return value

    return parse


def day(text: str) -> dt.date:
    """Parse a day: 2026-11-23, 2026/11/23, 2026年11月23日, 20261123, or the serial number that Excel keeps of one."""
    plain = unicodedata.normalize("NFKC", text).strip()
    parts = _DAY.fullmatch(plain) or _PACKED_DAY.fullmatch(plain)
    try:
        if parts is not None:
            found = dt.date(int(parts[1]), int(parts[2]), int(parts[3]))
        elif _SERIAL.fullmatch(plain):
            found = _FIRST_DAY_OF_EXCEL + dt.timedelta(days=int(float(plain)))
        else:
            raise ValueError(plain)
        if not _EARLIEST_YEAR <= found.year <= _LATEST_YEAR:
            raise ValueError(plain)
    except (ValueError, OverflowError):
        raise CellError("date_invalid", _l("This is not a date. Write it like 2026-11-23.")) from None
    return found


def yes_or_no(text: str) -> bool:
    """Parse yes or no: 是, 否, 有, 无, yes, no, 1, 0."""
    plain = half_width(text).lower()
    if plain in _YES or plain in _NO:
        return plain in _YES
    raise CellError("not_yes_or_no", _l("Write 是 or 否 (yes or no)."))


def choice(synonyms: Mapping[Any, Sequence[str]]) -> Parser:
    """Return a parser of a word out of a list.

    Args:
        synonyms: For each value the words that mean it; the first one stands in messages.
    """
    meaning = {
        half_width(word).lower(): value for value, said in synonyms.items() for word in (*said, str(value))
    }

    def parse(text: str) -> Any:
        found = meaning.get(half_width(text).lower())
        if found is None:
            allowed = listed(said[0] for said in synonyms.values())
            raise CellError(
                "not_in_list", _l("This word is not in the list. Write one of: %(words)s.", words=allowed)
            )
        return found

    return parse
