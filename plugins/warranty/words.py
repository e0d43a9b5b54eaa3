"""The words for codes that are stored, in the language of the page or of a document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from flask_babel.speaklater import LazyString

from core.toolkit import LOCAL_ZONE, RecordWords, _, _l
from plugins.warranty import models
from plugins.warranty.catalogue import categories
from plugins.warranty.coverage import Bearer, Cover, System, Verdict

SYSTEMS: Mapping[str, Any] = {System.HEATING: _l("Heating"), System.COOLING: _l("Cooling")}

COVERS: Mapping[str, tuple[str, Any]] = {
    Cover.NOT_STARTED: ("calm", _l("Before the delivery")),
    Cover.IN_WARRANTY: ("ok", _l("In warranty")),
    Cover.GAP: ("wait", _l("In warranty, developer pays")),
    Cover.EXPIRED: ("late", _l("Warranty ended")),
    Cover.EXCLUDED: ("late", _l("Excluded")),
}

BEARERS: Mapping[str, Any] = {
    Bearer.CONTRACTOR: _l("Contractor"),
    Bearer.DEVELOPER: _l("Developer"),
    Bearer.PROPERTY: _l("Property management"),
    Bearer.OWNER: _l("Owner"),
    Bearer.UNDETERMINED: _l("Not determined yet"),
}


def category_name(code: str) -> str:
    """Return code and name of a category, for example "W02 Waterproofing and leak protection"."""
    category = categories().get(code)
    return f"{code} {category.name}" if category is not None else code


def lazy_category(code: str) -> Any:
    """Return :func:`category_name` as a text that is put into words when it is shown."""
    return LazyString(category_name, code)


def category_title(code: str, system: str = "") -> str:
    """Return the name of a line: the category, with its system for W05."""
    return f"{category_name(code)} · {SYSTEMS.get(system, system)}" if system else category_name(code)


def explain(verdict: Verdict, code: str) -> str:
    """Return a verdict with its legal basis in a sentence."""
    category = categories()[code]
    owner_end = verdict.owner_end.isoformat() if verdict.owner_end else ""
    contractor_end = verdict.contractor_end.isoformat() if verdict.contractor_end else ""
    if verdict.cover == Cover.EXCLUDED:
        return _("Excluded from the warranty for the reason below; the owner pays if the work is done.")
    if verdict.cover == Cover.NOT_STARTED:
        return _("The house was not delivered on that day, so the contractor rectifies the defect.")
    if verdict.cover == Cover.EXPIRED:
        return _("The owner's cover ended on %(end)s (%(law)s).", end=owner_end, law=category.law)
    if verdict.cover == Cover.GAP:
        return _(
            "The owner is covered until %(end)s (%(law)s; from the delivery: Measures for the Sale of Commodity "
            "Housing, Art. 33). The contractor's term ended on %(contractor_end)s, so the developer bears the cost.",
            end=owner_end,
            law=category.law,
            contractor_end=contractor_end,
        )
    sentence = _("The owner is covered until %(end)s (%(law)s).", end=owner_end, law=category.law)
    if verdict.is_extended:
        sentence = _(
            "The repaired defect is covered until %(end)s, because its repair was accepted after which the term "
            "runs again.",
            end=owner_end,
        )
    if verdict.contractor_end is None:
        return (
            sentence
            + " "
            + _("The day of the completion acceptance is not known, so the contractor's term is open.")
        )
    return sentence + " " + _("The contractor answers until %(end)s.", end=contractor_end)


def moment_text(moment: dt.datetime | None) -> str:
    """Return a moment in China as 2026-11-23 14:05; "" for none."""
    return "" if moment is None else moment.astimezone(LOCAL_ZONE).strftime("%Y-%m-%d %H:%M")


def day_text(moment: dt.datetime | dt.date | None) -> str:
    """Return the day of a moment in China; "" for none."""
    if moment is None:
        return ""
    return (moment.astimezone(LOCAL_ZONE).date() if isinstance(moment, dt.datetime) else moment).isoformat()


def of_tables() -> tuple[RecordWords, ...]:
    """Return what the change log calls tables and fields that no page names."""
    return (
        RecordWords(
            models.HouseStart,
            {
                "deemed_on": _l("Deemed delivered on"),
                "reason": _l("Reason"),
                "decided_by_id": _l("Decided by"),
            },
            _l("Deemed delivery"),
        ),
        RecordWords(
            models.CitySeason,
            {
                "start_month": _l("First month"),
                "start_day": _l("First day"),
                "end_month": _l("Last month"),
                "end_day": _l("Last day"),
            },
        ),
        RecordWords(
            models.HouseWarranty, {"amount": _l("Owner's term"), "contractor_amount": _l("Contractor's term")}
        ),
    )
