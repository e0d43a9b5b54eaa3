"""How deed, key receipt, waiver and statement of refusal are signed: roles, what is read above the pad, words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import url_for

from core.toolkit import Signable, _, _l, listed, owners_of
from plugins.handover import services, words
from plugins.handover.models import DEVELOPER, OWNER, PROPERTY, FormKind, HouseForm

ROLES: Mapping[str, Any] = {
    OWNER: _l("Owner or attorney"),
    DEVELOPER: _l("Developer"),
    PROPERTY: _l("Property service"),
}

NEEDED: Mapping[str, Sequence[str]] = {
    FormKind.DEED: (OWNER, DEVELOPER, PROPERTY),
    FormKind.KEY_RECEIPT: (OWNER, PROPERTY),
    FormKind.WAIVER: (OWNER, DEVELOPER),
    FormKind.REFUSAL: (OWNER, DEVELOPER),
}
"""Who signs which form."""

_PLACES: Mapping[str, Any] = {
    "number": _l("Number"),
    "kind": _l("Form"),
    "house": _l("House"),
    "contract_area": _l("Gross area (contract)"),
    "measured_area": _l("Gross area (measured)"),
    "area_difference": _l("Area difference"),
    "inspection": _l("Inspection"),
    "meters": _l("Meter readings"),
    "water": _l("Water (m³)"),
    "electricity": _l("Electricity (kWh)"),
    "gas": _l("Gas (m³)"),
    "heat": _l("Heat (kWh)"),
    "papers": _l("Papers"),
    "equipment": _l("Equipment that runs"),
    "keys": _l("Keys"),
    "quantity": _l("Quantity"),
    "bag": _l("Sealed bag no."),
    "opened_before_owner": _l("Bag opened and keys tried before the owner"),
    "defects": _l("Remaining problems"),
    "defect": _l("Defect"),
    "room": _l("Room"),
    "problem": _l("Problem"),
    "severity": _l("Severity"),
    "promised_by": _l("To be finished by"),
    "property_fee_from": _l("Property fee from"),
    "reason": _l("Reason"),
    "refusal": _l("Reason for the refusal"),
    "words": _l("In the owner's words"),
    "visit": _l("Visit of an owner"),
    "refused_on": _l("Refused on"),
    "reply_by": _l("Reply by"),
}


def label(path: tuple[str, ...]) -> str:
    """Return the words for a place in the signed content."""
    return " › ".join(_word(path[:position], part) for position, part in enumerate(path))


def _word(above: tuple[str, ...], part: str) -> str:
    lists: Mapping[tuple[str, ...], Mapping[str, Any]] = {
        ("papers",): words.PAPER_KINDS,
        ("keys",): words.KEY_KINDS,
        ("equipment",): words.EQUIPMENT,
    }
    return str(lists.get(above, _PLACES).get(part, part))


def value(path: tuple[str, ...], held: Any) -> str:
    """Return the words for a value in the signed content."""
    if isinstance(held, bool):
        return _("Yes") if held else _("No")
    return str(choices(path).get(held, held))


def choices(path: tuple[str, ...]) -> Mapping[Any, Any]:
    """Return the codes that may stand at a place in the signed content, with their words."""
    if path == ("kind",):
        return words.FORM_KINDS
    if path == ("refusal",):
        return {code: f"{code} {reason}" for code, reason in words.refusal_reasons().items()}
    return {}


def may_sign(record: HouseForm) -> str | None:
    """Return why a form cannot be signed, or None."""
    if record.cancelled_at is None:
        return None
    return _("%(number)s was cancelled. Prepare a new one.", number=record.number)


def summary(record: HouseForm) -> Sequence[tuple[Any, Any]]:
    """Return what the signer reads above the pad: everything that the form says."""
    facts: list[tuple[Any, Any]] = [
        (_("House"), record.handover_unit.unit.code),
        (_("Form"), words.FORM_KINDS[record.kind]),
        (_("Number"), record.number),
    ]
    parts: Mapping[str, Callable[[Mapping[str, Any]], list[tuple[Any, Any]]]] = {
        FormKind.DEED: _deed,
        FormKind.KEY_RECEIPT: _keys,
        FormKind.WAIVER: _waiver,
        FormKind.REFUSAL: _refusal,
    }
    return facts + [pair for pair in parts[record.kind](record.content) if pair[1]]


def _deed(content: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    area = " → ".join(f"{each} m²" for each in (content["contract_area"], content["measured_area"]) if each)
    if content["area_difference"]:
        area = f"{area} ({content['area_difference']} m²)"
    return [
        (_("Gross area"), area),
        (
            _("Meter readings"),
            listed([f"{_PLACES[name]} {reading}" for name, reading in content["meters"].items() if reading]),
        ),
        (
            _("Papers"),
            listed([str(words.PAPER_KINDS[kind]) for kind, held in content["papers"].items() if held]),
        ),
        (
            _("Equipment that runs"),
            listed([str(words.EQUIPMENT[code]) for code, runs in content["equipment"].items() if runs]),
        ),
        *_keys(content),
        *_problems(content),
        (_("Property fee from"), content["property_fee_from"]),
    ]


def _keys(content: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    return [
        (
            _("Keys"),
            listed(
                [
                    f"{words.KEY_KINDS[kind]} × {held['quantity']} ({held['bag']})"
                    for kind, held in content["keys"].items()
                ]
            ),
        )
    ]


def _problems(content: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    defects = content["defects"]
    if not defects:
        return [(_("Remaining problems"), _("None"))]
    # The register holds the English words of what the form says in Chinese.
    english = services.english_defects(defects, services.current_language())
    found = []
    for number, signed in defects.items():
        text = services.defect_title(english[number]) if number in english else signed["problem"]
        until = _("to be done by %(day)s", day=signed["promised_by"]) if signed["promised_by"] else ""
        found.append(
            (f"{signed['severity']} {number}", " · ".join(filter(None, (signed["room"], text, until))))
        )
    return found


def _waiver(content: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    return [
        (_("Defect"), content["defect"]),
        (_("Problem"), " · ".join(filter(None, (content["room"], content["problem"], content["severity"])))),
        (_("Reason"), content["reason"]),
        (_("Declaration"), _("I do without the repair of this defect.")),
    ]


def _refusal(content: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    return [
        (_("Reason for the refusal"), value(("refusal",), content["refusal"])),
        (_("In the owner's words"), content["words"]),
        *_problems(content),
        (_("Reply by"), content["reply_by"]),
    ]


def signer(record: HouseForm, role: str) -> tuple[str, int | None]:
    """Return who will probably sign: the attorney, or else the first owner."""
    if role != OWNER:
        return "", None
    place = record.handover_unit
    owners = owners_of(place.unit)
    owner = owners[0] if owners else None
    if place.attorney_name:
        return place.attorney_name, None
    return (owner.name, owner.id) if owner is not None else ("", None)


def back(record: HouseForm) -> str:
    """Return the page to return to after signing."""
    if record.kind == FormKind.WAIVER and record.defect_id is not None:
        return url_for("handover_defects.details_view", id=record.defect_id)
    return url_for("handover_day.house", place_id=record.handover_unit_id, _anchor="forms")


FORM = Signable(
    record_kind="handover.form",
    roles=ROLES,
    content=services.form_content,
    sign_permission="handover.receive",
    supplement_permission="handover.supplement_inspection",
    may_sign=may_sign,
    summary=summary,
    signer=signer,
    label=label,
    value=value,
    choices=choices,
    back=back,
    staff_roles=(DEVELOPER,),
)
