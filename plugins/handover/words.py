"""The words for codes that are stored, in the language of the page or of a document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from core.toolkit import LOCAL_ZONE, _, _l, ngettext
from plugins.contractors.services import active_trades
from plugins.handover import catalogue, measures, services
from plugins.handover.models import (
    BatchMode,
    DefectSource,
    InspectionKind,
    InspectionResult,
    InspectionState,
    Opinion,
    TemplateState,
    Verdict,
)

INSPECTION_KINDS: Mapping[str, Any] = {
    InspectionKind.HOUSEHOLD: _l("Household inspection"),
    InspectionKind.TAKE_OVER: _l("Property take-over inspection"),
    InspectionKind.MOCK: _l("Mock acceptance"),
    InspectionKind.OPEN_DAY: _l("Open-day inspection"),
    InspectionKind.FORMAL: _l("Formal inspection"),
    InspectionKind.RE_INSPECTION: _l("Re-inspection"),
    InspectionKind.VACANT: _l("Vacant-house patrol"),
}

INSPECTION_STATES: Mapping[str, tuple[str, Any]] = {
    InspectionState.PLANNED: ("calm", _l("Planned")),
    InspectionState.IN_PROGRESS: ("wait", _l("In progress")),
    InspectionState.FINISHED: ("ok", _l("Finished")),
    InspectionState.CANCELLED: ("calm", _l("Cancelled")),
}

SEVERITIES: Mapping[str, Any] = {
    "S1": _l("Critical"),
    "S2": _l("Major"),
    "S3": _l("Minor"),
    "S4": _l("Slight"),
}

VERDICTS: Mapping[str, Any] = {
    Verdict.PASS: _l("Pass"),
    Verdict.FAIL: _l("Fail"),
    Verdict.NOT_APPLICABLE: _l("Does not apply"),
}

OPINIONS: Mapping[str, Any] = {
    Opinion.ACCEPT: _l("Accepted as it is"),
    Opinion.ACCEPT_AFTER_RECTIFICATION: _l("Accepted after rectification"),
    Opinion.REFUSE: _l("Refused"),
}

BATCH_MODES: Mapping[str, Any] = {
    BatchMode.CONCENTRATED: _l("Concentrated"),
    BatchMode.SCATTERED: _l("Scattered"),
}

TEMPLATE_STATES: Mapping[str, tuple[str, Any]] = {
    TemplateState.DRAFT: ("wait", _l("Draft")),
    TemplateState.PUBLISHED: ("ok", _l("In use")),
    TemplateState.RETIRED: ("calm", _l("Retired")),
}

SOURCES: Mapping[str, Any] = {
    DefectSource.INSPECTION: _l("Inspection"),
    DefectSource.OWNER: _l("Owner"),
    DefectSource.STAFF: _l("Staff"),
}

SPECIFICATIONS: Mapping[str, Any] = {
    "both": _l("Rough and fitted"),
    "rough": _l("Rough"),
    "fitted": _l("Fitted"),
}

ESCALATIONS: Mapping[str, Any] = {
    "contractor": _l("Contractor's project manager"),
    "engineering": _l("Head of engineering"),
    "manager": _l("City general manager; repair by others"),
}

WEATHERS = (_l("Sunny"), _l("Cloudy"), _l("Overcast"), _l("Rain"), _l("Thunderstorm"), _l("Snow"))

METERS: Mapping[str, Any] = {
    "meter_water": _l("Water (m³)"),
    "meter_electricity": _l("Electricity (kWh)"),
    "meter_gas": _l("Gas (m³)"),
    "meter_heat": _l("Heat (kWh)"),
}


def local(record: Any, field: str = "name", language: str = "") -> str:
    """Return a bilingual field of a record in a language, that of the page when omitted."""
    return services.local_name(record, language or services.current_language(), field)


def _by_language(texts: Mapping[str, Mapping[str, str]], language: str = "") -> dict[str, str]:
    key = "en" if services.is_english(language or services.current_language()) else "zh"
    return {code: names[key] for code, names in texts.items()}


def refusal_reasons(language: str = "") -> dict[str, str]:
    """Return the reasons for a refusal, R1 to R9, by code."""
    return _by_language(catalogue.labels("refusal_reasons"), language)


def root_causes(language: str = "") -> dict[str, str]:
    """Return the root causes by code."""
    return _by_language(catalogue.labels("root_causes"), language)


def trades(language: str = "") -> dict[str, str]:
    """Return the trades by code."""
    return {trade.code: local(trade, "name", language) for trade in active_trades()}


def measure_name(measure: Mapping[str, Any], language: str = "") -> str:
    """Return what is measured, with the circumstance in which it is."""
    english = services.is_english(language or services.current_language())
    name = measure["name_en"] if english else measure["name"]
    case = (measure.get("when") or {}).get("case_en" if english else "case", "")
    return f"{name} ({case})" if case and english else f"{name}（{case}）" if case else name


def measured_values(result: InspectionResult, language: str = "") -> list[str]:
    """Return the measured values of a result with their units, each with its name where several can be measured."""
    several = len(result.measures) > 1
    values = []
    for position, measure in enumerate(result.measures):
        text = result.measured.get(str(position))
        if text:
            value = f"{text} {measure['unit']}"
            values.append(f"{measure_name(measure, language)} {value}" if several else value)
    return values


def proposes(result: InspectionResult, verdict: str) -> bool:
    """Return whether the measured values propose a verdict that was not given."""
    return result.verdict != verdict and measures.judge(result.measures, result.measured) == verdict


def defect_count(count: int) -> str:
    """Return how many defects there are, in words."""
    return ngettext("%(num)d defect", "%(num)d defects", count)


def next_label(following: services.RoomProgress | None) -> str:
    """Return the text of the button that leads on."""
    if following is None:
        return _("Finish")
    return _("Next room: %(room)s", room=services.room_title(following.room))


def answered(count: int, room: str) -> str:
    """Return what was done to the rest of a room."""
    if not count:
        return _("Nothing was left open in %(room)s.", room=room)
    return ngettext("%(room)s: %(num)d item answered.", "%(room)s: %(num)d items answered.", count, room=room)


def joined(parts: Sequence[str]) -> str:
    """Return parts as a list in words."""
    return "、".join(parts) if not services.is_english(services.current_language()) else ", ".join(parts)


def long_date(moment: dt.date | dt.datetime | None, language: str) -> str:
    """Return a day as it is printed, 2026年11月23日 or 23 November 2026, in China; "" for none."""
    if moment is None:
        return ""
    day = moment.astimezone(LOCAL_ZONE).date() if isinstance(moment, dt.datetime) else moment
    if services.is_english(language):
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
    return f"{day.year}年{day.month}月{day.day}日"


def clock(moment: dt.datetime | None) -> str:
    """Return the time of day of a moment in China, 14:05; "" for none."""
    return "" if moment is None else moment.astimezone(LOCAL_ZONE).strftime("%H:%M")


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
