"""The numbers that departments may change, each with its default and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from core.toolkit import Setting, _l
from plugins.warranty.catalogue import categories
from plugins.warranty.coverage import TermKind

PRACTICE = _l("Practice of the trade")
_UNITS = {
    TermKind.MONTHS: _l("In months. The smallest number is the statutory minimum."),
    TermKind.SEASONS: _l("In heating or cooling seasons. The smallest number is the statutory minimum."),
    TermKind.LIFE: _l("In years, as stated in the design documents."),
}
_TERMS = {
    "W01": _l("Term W01 foundation and main structure"),
    "W02": _l("Term W02 waterproofing"),
    "W03": _l("Term W03 pipes"),
    "W04": _l("Term W04 electrical wiring"),
    "W05": _l("Term W05 heating and cooling"),
    "W06": _l("Term W06 finishes"),
    "W07": _l("Term W07 doors and windows"),
    "W08": _l("Term W08 cabinets"),
    "W09": _l("Term W09 sanitary ware"),
    "W10": _l("Term W10 equipment"),
    "W11": _l("Term W11 lamps and switches"),
    "W12": _l("Term W12 common facilities"),
    "W13": _l("Term W13 blocked pipes"),
    "W14": _l("Term W14 external insulation"),
}
_LARGEST = {TermKind.MONTHS: 600, TermKind.SEASONS: 50, TermKind.LIFE: 200}


def _terms() -> Iterator[Setting]:
    for code, category in categories().items():
        yield Setting(
            category.setting_key,
            category.default,
            _TERMS[code],
            _UNITS[category.kind],
            category.law,
            minimum=category.floor,
            maximum=_LARGEST[category.kind],
        )


def number(
    key: str, default: int, label: Any, help_: Any, minimum: int = 0, maximum: int = 10_000
) -> Setting:
    """Return a whole number of the trade's practice that departments may change."""
    return Setting(key, default, label, help_, PRACTICE, minimum=minimum, maximum=maximum)


def settings() -> Sequence[Setting]:
    """Return all settings of the module."""
    return (
        *_terms(),
        Setting(
            "partial_season_counts",
            False,
            _l("A running season counts"),
            _l("Whether the season that is running on the day of the delivery counts as the first one."),
            PRACTICE,
        ),
        number(
            "extension_months",
            12,
            _l("Cover of a repaired defect"),
            _l("Months from the owner's acceptance during which the same defect stays covered; 0 for none."),
            maximum=120,
        ),
        number(
            "expiry_notice_days",
            30,
            _l("Reminder before the warranty ends"),
            _l("Days before the last day of cover."),
            maximum=365,
        ),
    )
