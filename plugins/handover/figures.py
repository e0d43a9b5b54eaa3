"""K01 to K10 of a batch in words, as its page and the lists of the records behind them show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from markupsafe import Markup

from core.toolkit import LOCAL_ZONE, _, _l, utc_now
from plugins.handover import indicators, services, words
from plugins.handover.drilldown import COUNTED, REACHED
from plugins.handover.indicators import Rate
from plugins.handover.models import Defect, HandoverBatch, HandoverUnit, HandoverVisit, Inspection
from plugins.handover.workflows import DEFECT, HANDOVER_UNIT


@dataclass(frozen=True)
class Figure:
    """One figure of a batch.

    Attributes:
        code: K01 to K10.
        label: What it is called, with its code.
        value: As it is printed, or None.
        fraction: Numerator and denominator.
        rule: What is counted, a sentence.
        url: Where the records behind it are.
    """

    code: str
    label: Any
    value: str | None
    fraction: str
    rule: Any
    url: str


_WORDS: Mapping[str, tuple[Any, Any]] = {
    "K01": (
        _l("First-pass rate K01"),
        _l(
            "Houses whose first formal inspection found no defect S1–S3 ÷ houses with a first formal inspection."
        ),
    ),
    "K02": (
        _l("Accepted at the first visit K02"),
        _l("Houses accepted at the first visit, with or without defects ÷ houses visiting."),
    ),
    "K03": (
        _l("Delivery rate K03"),
        _l("Houses delivered ÷ houses due: sold, paid, and the notice sent."),
    ),
    "K04": (
        _l("On-time delivery K04"),
        _l("Houses ready for delivery on or before the T of their contract ÷ houses due."),
    ),
    "K05": (
        _l("Defects per house K05"),
        _l("Defects S1–S3 of the first formal round ÷ houses inspected."),
    ),
    "K06": (
        _l("Close rate K06"),
        _l("Defects closed ÷ defects raised, without those that were no problem."),
    ),
    "K07": (
        _l("Rectified on time K07"),
        _l("Defects fixed by their first promise ÷ defects due."),
    ),
    "K08": (
        _l("Passed first re-inspection K08"),
        _l("Defects that passed their first re-inspection ÷ defects re-inspected."),
    ),
    "K09": (
        _l("Refused K09"),
        _l("Houses refused at a visit ÷ houses visited."),
    ),
    "K10": (
        _l("Minutes from sign-in to keys K10"),
        _l("Minutes from sign-in to keys ÷ visits; those above 480 minutes are left out."),
    ),
}
_MEANS = ("K05", "K10")


def figures_of(batch: HandoverBatch) -> list[Figure]:
    """Return K01 to K10 of a batch.

    Args:
        batch: The batch.

    Source: domain reference 3.8.
    """
    of_batch = HandoverUnit.batch_id == batch.id
    houses = services.houses_of(batch)
    on_inspection, on_defect = Inspection.unit_id.in_(houses), Defect.unit_id.in_(houses)
    rates: dict[str, Rate] = {
        "K01": indicators.first_pass(on_inspection),
        "K02": indicators.accepted_at_first_visit(of_batch),
        "K03": indicators.delivered_by(utc_now(), of_batch),
        "K04": indicators.capable_on_time(of_batch),
        "K05": indicators.defects_per_house(on_inspection),
        "K06": indicators.closed(on_defect),
        "K07": indicators.on_time(on_defect),
        "K08": indicators.passed_recheck(on_defect),
        "K09": indicators.refused(of_batch),
        "K10": indicators.handover_minutes(of_batch),
    }
    return [
        Figure(
            code,
            _WORDS[code][0],
            rate.mean if code in _MEANS else rate.percent,
            f"{rate.numerator:,} / {rate.denominator:,}",
            _WORDS[code][1],
            url_for("handover_batches.records", id=batch.id, code=code),
        )
        for code, rate in rates.items()
    ]


def parts_of(code: str) -> Sequence[tuple[str, str]]:
    """Return which lists a figure has, and what they are called."""
    if code == "K10":
        return ((COUNTED, _("Visits of owners")),)
    if code == "K05":
        return ((COUNTED, _("Houses inspected")), (REACHED, _("Defects")))
    return ((COUNTED, _("Denominator")), (REACHED, _("Numerator")))


def _link(endpoint: str, key: int, text: str) -> Markup:
    return Markup('<a href="{0}">{1}</a>').format(url_for(endpoint, id=key), text)


def _day(moment: Any) -> str:
    return "" if moment is None else moment.astimezone(LOCAL_ZONE).date().isoformat()


def _minutes(visit: HandoverVisit) -> str:
    found = indicators.visit_minutes(HandoverVisit.id == visit.id)
    return str(round(found[0][1])) if found else ""


COLUMNS: Mapping[Any, tuple[tuple[Any, ...], Callable[[Any], tuple[Any, ...]]]] = {
    HandoverUnit: (
        (_l("House"), _l("Notice sent"), _l("Ready for delivery since"), _l("Delivered"), _l("State")),
        lambda row: (
            _link("handover_units.details_view", row.id, row.unit.code),
            _day(row.notice_sent_at),
            _day(row.capable_at),
            _day(row.delivered_at),
            HANDOVER_UNIT.state_of(row).label,
        ),
    ),
    Inspection: (
        (_l("Inspection"), _l("House"), _l("Round"), _l("Finished"), _l("Result")),
        lambda row: (
            _link("handover_inspections.details_view", row.id, row.number),
            row.unit.code,
            row.round_number,
            _day(row.finished_at),
            _("Passed") if row.passed else _("Not passed"),
        ),
    ),
    Defect: (
        (
            _l("Defect"), _l("House"), _l("Severity"), _l("Problem"), _l("First promised by"), _l("Fixed on"),
            _l("State"),
        ),
        lambda row: (
            _link("handover_defects.details_view", row.id, row.number),
            row.unit.code,
            row.severity,
            services.defect_title(row),
            _day(row.first_promised_by),
            _day(row.fixed_at),
            DEFECT.state_of(row).label,
        ),
    ),
    HandoverVisit: (
        (_l("House"), _l("Number of the visit"), _l("Arrived"), _l("Minutes"), _l("Owner's opinion")),
        lambda row: (
            _link("handover_units.details_view", row.handover_unit_id, row.handover_unit.unit.code),
            row.number,
            row.arrived_at.astimezone(LOCAL_ZONE).strftime("%Y-%m-%d %H:%M"),
            _minutes(row),
            words.outcome(row.outcome, row.ended_at is not None),
        ),
    ),
}  # fmt: skip
"""What the list of the records behind a figure shows of each kind."""

ONE_LINE = (
    _l("House"),
    _l("Inspection"),
    _l("Defect"),
    _l("Finished"),
    _l("Delivered"),
    _l("Fixed on"),
    _l("Arrived"),
)
"""Columns of numbers and days, which are not broken at their hyphens."""
