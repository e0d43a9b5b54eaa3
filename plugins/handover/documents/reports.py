"""The daily report of a handover (domain reference 3.3.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.toolkit import (
    _,
    listed,
)
from plugins.handover import indicators, words
from plugins.handover.models import (
    DailyReport,
)


def daily_report(record: DailyReport, language: str) -> Mapping[str, Any]:
    """Return the values of the report of a day.

    Args:
        record: The report; its figures are those of the moment of preparing.
        language: Locale of the recipient.
    """
    figures = record.figures
    reasons = words.refusal_reasons(language)
    refused: dict[str, list[str]] = {}
    for each in figures["refusals"]:
        refused.setdefault(each["reason"], []).append(each["house"])
    return {
        "facts": [
            (_("Project"), words.local(record.project, "name", language)),
            (_("Batch"), record.batch.name),
            (_("Date"), words.long_date(record.day, language)),
            (
                _("Counted at"),
                f"{words.long_date(record.prepared_at, language)} {words.clock(record.prepared_at)}",
            ),
        ],
        "day": [
            (_("Due (notice sent, price paid)"), figures["due"]),
            (_("Booked today"), figures["booked"]),
            (_("Arrived"), figures["arrived"]),
            (_("Accepted"), figures["accepted"]),
            (_("Accepted with defects"), figures["accepted_with_defects"]),
            (_("Refused"), figures["refused"]),
            (_("No opinion yet"), figures["undecided"]),
            (_("Delivered today"), figures["delivered"]),
            (_("Delivered so far"), figures["delivered_so_far"]),
            (_("Houses with keys handed over"), figures["key_houses"]),
            (_("Keys handed over"), figures["keys"]),
        ],
        "rates": [
            ["K02", _("Accepted at the first visit"), *_fraction(figures["k02"]), "≥ 90%"],
            ["K03", _("Delivery rate"), *_fraction(figures["k03"]), "≥ 85%"],
            ["K09", _("Refused"), *_fraction(figures["k09"]), "≤ 3%"],
            ["K10", _("Minutes from sign-in to keys"), *_mean(figures["k10"]), "≤ 120"],
        ],
        "defects": [
            (f"{level} {words.SEVERITIES[level]}", figures["defects"].get(level, 0))
            for level in words.SEVERITIES
        ],
        "refusals": [
            [f"{code} {reasons.get(code, '')}".strip() or "—", len(houses), listed(houses)]
            for code, houses in sorted(refused.items())
        ],
        "stations": [
            [words.STATIONS[code], times["stays"], times["mean"], times["longest"]]
            for code, times in figures["stations"].items()
        ],
        "houses": [
            [
                position,
                each["house"],
                each["visit"],
                each["arrived"],
                " ".join(
                    filter(
                        None,
                        (str(words.outcome(each["outcome"], bool(each["left"]))[1]), each["reason"]),
                    )
                ),
                each["keys"] if each["keys_on"] == record.day.isoformat() else "",
                each["left"],
            ]
            for position, each in enumerate(figures["houses"], start=1)
        ],
        "note": record.note,
    }


def _fraction(pair: Sequence[int]) -> list[str]:
    rate = indicators.Rate(*pair)
    return [rate.percent or "—", f"{rate.numerator} / {rate.denominator}"]


def _mean(pair: Sequence[int]) -> list[str]:
    rate = indicators.Rate(*pair)
    return [rate.mean or "—", f"{rate.numerator} / {rate.denominator}"]
