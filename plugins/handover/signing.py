"""How an inspection is signed on the phone: by whom, what they read above the pad, and the words for what is signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import url_for

from core.toolkit import Signable, _, _l, listed, ngettext, signatures_of
from plugins.handover import services, words
from plugins.handover.models import Inspection, InspectionKind, InspectionState

OWNER, ENGINEER, PROPERTY = "owner", "engineer", "property"

ROLES: Mapping[str, Any] = {
    OWNER: _l("Owner or attorney"),
    ENGINEER: _l("Engineer"),
    PROPERTY: _l("Property service"),
}

_PLACES: Mapping[str, Any] = {
    "number": _l("Number"),
    "house": _l("House"),
    "results": _l("Results"),
    "standard": _l("Standard"),
    "verdict": _l("Result"),
    "measured": _l("Measured"),
    "note": _l("Remark"),
    "defects": _l("Defects"),
    "room": _l("Room"),
    "faults": _l("Kinds of fault"),
    "description": _l("Description"),
    "rechecks": _l("Re-inspected defects"),
    "passed": _l("Passed"),
    "meters": _l("Meter readings"),
    "water": _l("Water (m³)"),
    "electricity": _l("Electricity (kWh)"),
    "gas": _l("Gas (m³)"),
    "heat": _l("Heat (kWh)"),
    "opinion": _l("Owner's opinion"),
    "decision": _l("Decision"),
    "refusal": _l("Reason for the refusal"),
}


def may_sign(record: Inspection) -> str | None:
    """Return why an inspection cannot be signed yet, or None."""
    if record.state == InspectionState.FINISHED:
        return None
    return _("The record can be signed when the inspection is finished.")


def summary(record: Inspection) -> Sequence[tuple[Any, Any]]:
    """Return what the signer reads above the pad."""
    facts: list[tuple[Any, Any]] = [
        (_("House"), record.unit.code),
        (_("Number"), record.number),
        (_("Date"), words.long_date(record.finished_at, services.current_language())),
    ]
    if record.kind == InspectionKind.RE_INSPECTION:
        checked = services.rechecks_of(record)
        facts.append((_("Re-inspected"), len(checked)))
        facts.append((_("Passed"), sum(each.passed for each in checked)))
    else:
        facts.append((_("Items"), len(record.results)))
        facts.append((_("Defects"), _defects(record)))
    meters = [
        f"{_PLACES[name.removeprefix('meter_')]} {getattr(record, name)}"
        for name in services.METERS
        if getattr(record, name)
    ]
    if meters:
        facts.append((_("Meter readings"), listed(meters)))
    if record.opinion:
        facts.append((_("Owner's opinion"), words.OPINIONS[record.opinion]))
    if record.opinion_note:
        facts.append((_("In the owner's words"), record.opinion_note))
    return facts


def _defects(record: Inspection) -> str:
    found = services.valid_defects(record)
    levels = [
        f"{level} {count}"
        for level in words.SEVERITIES
        if (count := sum(defect.severity == level for defect in found))
    ]
    count = ngettext("%(num)d defect", "%(num)d defects", len(found))
    return f"{count} ({listed(levels)})" if levels else count


def signer(record: Inspection, role: str) -> tuple[str, int | None]:
    """Return who will probably sign: the attorney, or else the owner who was present."""
    if role != OWNER:
        return "", None
    owner = record.customer
    return record.attorney_name or (owner.name if owner is not None else ""), record.customer_id


def label(path: tuple[str, ...]) -> str:
    """Return the words for a place in the signed content."""
    shown = []
    for part in path:
        word = _PLACES.get(part)
        shown.append(str(word) if word is not None else part)
    return " › ".join(shown)


def value_words(path: tuple[str, ...], value: Any) -> Any:
    """Return the words for a code of the signed content; what was typed stands as it is."""
    return choices(path).get(value, value)


def choices(path: tuple[str, ...]) -> Mapping[Any, Any]:
    """Return the codes that may stand at a place in the signed content, with their words."""
    if path[-1] == "verdict":
        return words.VERDICTS
    return words.OPINIONS if path == ("opinion", "decision") else {}


def back(record: Inspection) -> str:
    """Return the page on site of an inspection."""
    return url_for("handover.inspection", inspection_id=record.id)


def waiting_roles(record: Inspection) -> list[str]:
    """Return in which of the two roles that matter nobody has signed yet, the owner first.

    Only the formal inspection and the re-inspection are signed by an owner; rounds of our own staff by the engineer.
    """
    if record.state != InspectionState.FINISHED:
        return []
    wanted = [ENGINEER]
    if record.kind in (InspectionKind.FORMAL, InspectionKind.RE_INSPECTION):
        wanted.insert(0, OWNER)
    made = {each.role for each in signatures_of(record)}
    return [role for role in wanted if role not in made]


INSPECTION = Signable(
    record_kind="handover.inspection",
    roles=ROLES,
    content=services.inspection_content,
    sign_permission="handover.inspect",
    supplement_permission="handover.supplement_inspection",
    may_sign=may_sign,
    summary=summary,
    signer=signer,
    label=label,
    value=value_words,
    choices=choices,
    back=back,
    staff_roles=(ENGINEER,),
)
