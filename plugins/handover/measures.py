"""Tolerances of checklist items: which apply to a house and a room, how they read, and what a measured value means.

A measure is plain data, so that a result can carry a copy of it:
``{"name", "name_en", "unit", "low", "high", "when": {"floors_min"|"floors_max"|"rooms"|"case", "case_en"}}``.
``low`` and ``high`` are exact decimal text and belong to the allowed range; one of them may be None. ``floors_*`` speak
of the storeys of the building (railing height, GB 50096), ``rooms`` of kinds of room, ``case`` of a circumstance that
the inspector sees on site: he fills in the measure that fits and leaves the other empty.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.toolkit import _
from plugins.handover.models import Verdict

LONGEST_VALUE = 12
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


class MeasureError(ValueError):
    """A measured value cannot be read; the message is a full sentence for the user."""


def from_reference(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a measure of the reference data (``data/inspection_template.json``) in the form that is stored."""
    when = dict(raw["when"] or {})
    case = when.pop("case", None)
    if case:
        when |= {"case": case["zh"], "case_en": case["en"]}
    return {
        "name": raw["name"]["zh"],
        "name_en": raw["name"]["en"],
        "unit": raw["unit"],
        "low": None if raw["min"] is None else str(raw["min"]),
        "high": None if raw["max"] is None else str(raw["max"]),
        "when": when,
    }


def applicable(
    measures: Sequence[Mapping[str, Any]], room_kind: str, storeys: int | None
) -> list[dict[str, Any]]:
    """Return the measures that apply to a room.

    Args:
        measures: All measures of an item.
        room_kind: Kind of the room, for example ``BTH``.
        storeys: Storeys of the building above ground. When they are not known the stricter rule of high
            buildings holds.
    """
    return [dict(measure) for measure in measures if _applies(measure.get("when") or {}, room_kind, storeys)]


def _applies(when: Mapping[str, Any], room_kind: str, storeys: int | None) -> bool:
    if "rooms" in when and room_kind not in when["rooms"]:
        return False
    if "floors_min" in when and storeys is not None and storeys < when["floors_min"]:
        return False
    return not ("floors_max" in when and (storeys is None or storeys > when["floors_max"]))


def read_value(text: str) -> str:
    """Return a measured value as exact decimal text; "" for nothing.

    Full-width digits, as Chinese keyboards give them, are understood.

    Raises:
        MeasureError: The text is no number, or a longer one than anybody measures.
    """
    value = unicodedata.normalize("NFKC", text).strip().replace("−", "-")
    if not value:
        return ""
    if len(value) > LONGEST_VALUE or not _NUMBER.fullmatch(value):
        raise MeasureError(
            _(
                "“%(value)s” is not a number. Write the measured value in digits, for example 4.5.",
                value=text.strip()[:40],
            )
        )
    return value


def judge(measures: Sequence[Mapping[str, Any]], measured: Mapping[str, str]) -> Verdict | None:
    """Return the verdict that measured values propose: fail when one lies outside its range, pass when all lie inside,
    None when nothing was measured.

    Args:
        measures: The measures of a result.
        measured: Exact decimal text by the position of the measure.
    """
    verdict: Verdict | None = None
    for position, measure in enumerate(measures):
        text = measured.get(str(position), "")
        if not text:
            continue
        if is_outside(measure, text):
            return Verdict.FAIL
        verdict = Verdict.PASS
    return verdict


def is_outside(measure: Mapping[str, Any], text: str) -> bool:
    """Return whether a value lies outside the allowed range; the limits themselves are allowed."""
    value = Decimal(text)
    low, high = measure.get("low"), measure.get("high")
    return (low is not None and value < Decimal(low)) or (high is not None and value > Decimal(high))


def unit_words(unit: str) -> str:
    """Return the unit of a measure in the reader's language; symbols such as mm are the same in all."""
    return _("places") if unit == "places" else unit


def tolerance(measure: Mapping[str, Any]) -> str:
    """Return the allowed range as it is written on a form: "≤ 4 mm", "≥ 1.1 m", "8–12 mm", "±20 mm"."""
    low, high, unit = measure.get("low"), measure.get("high"), unit_words(measure["unit"])
    if low is None:
        return f"≤ {high} {unit}"
    if high is None:
        return f"≥ {low} {unit}"
    if Decimal(low) == -Decimal(high):
        return f"±{high} {unit}"
    return f"{low}–{high} {unit}".replace("-", "−")


_COLUMNS = 6
_STOREYS = re.compile(r"floors\s*(>=|<=)\s*(\d{1,3})")


def to_lines(measures: Sequence[Mapping[str, Any]]) -> str:
    """Return measures as lines for a text field, the reverse of :func:`from_lines`."""
    lines = []
    for measure in measures:
        parts = [
            measure["name"],
            measure["name_en"],
            measure["low"] or "",
            measure["high"] or "",
            measure["unit"],
        ]
        condition = _condition_words(measure.get("when") or {})
        lines.append(" | ".join([*parts, condition] if condition else parts))
    return "\n".join(lines)


def _condition_words(when: Mapping[str, Any]) -> str:
    if "floors_min" in when:
        return f"floors>={when['floors_min']}"
    if "floors_max" in when:
        return f"floors<={when['floors_max']}"
    if "rooms" in when:
        return f"rooms={','.join(when['rooms'])}"
    return " / ".join(filter(None, (when.get("case"), when.get("case_en"))))


def from_lines(text: str) -> list[dict[str, Any]]:
    """Return the measures that lines of text describe: name | name in English | smallest | largest | unit | condition.

    Raises:
        MeasureError: A line is incomplete, or a limit is no number.
    """
    return [
        _from_line(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()
    ]


def _from_line(number: int, line: str) -> dict[str, Any]:
    parts = [part.strip() for part in line.replace("｜", "|").split("|")]
    if not 5 <= len(parts) <= _COLUMNS or not parts[0] or not parts[4]:
        raise MeasureError(
            _(
                "Line %(number)d: write name | name in English | smallest | largest | unit, and a "
                "condition if there is one.",
                number=number,
            )
        )
    low, high = read_value(parts[2]) or None, read_value(parts[3]) or None
    if low is None and high is None:
        raise MeasureError(
            _("Line %(number)d: give the smallest or the largest value that is allowed.", number=number)
        )
    if low is not None and high is not None and Decimal(low) > Decimal(high):
        raise MeasureError(
            _("Line %(number)d: the smallest value is larger than the largest.", number=number)
        )
    condition = parts[5] if len(parts) == _COLUMNS else ""
    return {
        "name": parts[0],
        "name_en": parts[1] or parts[0],
        "unit": parts[4],
        "low": low,
        "high": high,
        "when": _read_condition(condition),
    }


def _read_condition(text: str) -> dict[str, Any]:
    if not text:
        return {}
    storeys = _STOREYS.fullmatch(text)
    if storeys is not None:
        return {"floors_min" if storeys[1] == ">=" else "floors_max": int(storeys[2])}
    if text.startswith("rooms="):
        return {"rooms": [room.strip() for room in text[6:].split(",") if room.strip()]}
    case, _slash, english = text.partition("/")
    return {"case": case.strip(), "case_en": english.strip() or case.strip()}
