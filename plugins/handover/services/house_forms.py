"""Forms of a house that are signed on glass: handover deed, key receipt, waiver of a repair, statement of refusal.

A form is prepared: what it says is copied into it. From the first signature on it stands still; what is different
later is a supplement. Content is plain data and the same in every language: codes where there is a list, and the
Chinese words of the record otherwise.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    _,
    db,
    is_signed,
    require_scope,
    signatures_of,
    utc_now,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    OWNER,
    Defect,
    FormKind,
    HandoverUnit,
    HouseForm,
    Inspection,
    InspectionKind,
    InspectionState,
    IssuedPaper,
)
from plugins.handover.services.common import defect_title, is_english, number_under
from plugins.handover.services.defects import valid_defects
from plugins.handover.services.places import ACCEPTED
from plugins.handover.services.visits import last_visit_of
from plugins.handover.workflows import OPEN

EQUIPMENT = ("water", "power", "gas", "heat", "intercom", "openings", "fittings", "network")
"""What the owner finds in running order before he signs the deed (two books, Art. 7)."""
CHINESE = "zh_Hans_CN"


def last_formal(place: HandoverUnit) -> Inspection | None:
    """Return the newest formal inspection of a house that is finished, or None."""
    return db.session.scalar(
        sa.select(Inspection)
        .where(
            Inspection.unit_id == place.unit_id,
            Inspection.kind == InspectionKind.FORMAL,
            Inspection.state == InspectionState.FINISHED,
        )
        .order_by(Inspection.id.desc())
        .limit(1)
    )


def form_of(place: HandoverUnit, kind: FormKind, defect: Defect | None = None) -> HouseForm | None:
    """Return the form of a kind that holds, or None.

    Args:
        place: The house in its batch.
        kind: Which form.
        defect: The defect of a waiver.
    """
    query = sa.select(HouseForm).where(
        HouseForm.handover_unit_id == place.id, HouseForm.kind == kind, HouseForm.cancelled_at.is_(None)
    )
    if defect is not None:
        query = query.where(HouseForm.defect_id == defect.id)
    return db.session.scalar(query.order_by(HouseForm.id.desc()).limit(1))


def prepare_form(
    place: HandoverUnit,
    kind: FormKind,
    *,
    defect: Defect | None = None,
    reason: str = "",
    equipment: Collection[str] = (),
    property_fee_from: dt.date | None = None,
) -> HouseForm:
    """Make a form ready to be signed; one that nobody has signed yet is brought up to date instead.

    Args:
        place: The house in its batch.
        kind: Which form.
        defect: The defect that a waiver is about.
        reason: Why the owner does without the repair.
        equipment: What was found running, codes of :data:`EQUIPMENT`; for the deed.
        property_fee_from: From which day the property fee is due; for the deed.

    Raises:
        HandoverRuleError: It is signed already, or it is not time for it.

    Source: domain reference 3.3.6 rule 10, 3.3.7 (handover deed, key receipt).
    """
    db.session.flush()
    db.session.refresh(place, with_for_update=True)
    held = form_of(place, kind, defect)
    if held is not None and is_signed(held):
        raise HandoverRuleError(
            _(
                "%(number)s is signed and does not change any more. Add a supplement to it, or cancel it with a "
                "reason.",
                number=held.number,
            )
        )
    content = _content(place, kind, defect, reason, equipment, property_fee_from)
    if held is None:
        held = HouseForm(
            project_id=place.project_id,
            handover_unit_id=place.id,
            defect_id=defect.id if defect is not None else None,
            kind=kind,
            number=number_under("QS", place.project),
        )
        db.session.add(held)
    held.content = content
    held.prepared_at, held.prepared_by_id = utc_now(), require_scope().user_id
    db.session.flush()
    return held


def cancel_form(form: HouseForm, reason: str) -> None:
    """Take a form out of use; it stays with its signatures, and another one can be prepared.

    Raises:
        HandoverRuleError: It is cancelled already, the reason is missing, or what it says has been carried out.
    """
    db.session.refresh(form, with_for_update=True)
    if form.cancelled_at is not None:
        raise HandoverRuleError(_("%(number)s is cancelled already.", number=form.number))
    if not reason.strip():
        raise HandoverRuleError(_("Say why %(number)s is cancelled.", number=form.number))
    if form.kind == FormKind.WAIVER and form.defect is not None and form.defect.state == "waived":
        raise HandoverRuleError(
            _("%(number)s is the ground on which the repair was waived, so it stays.", number=form.number)
        )
    form.cancelled_at, form.cancel_reason = utc_now(), reason.strip()[:1000]
    db.session.flush()


def missing_roles(form: HouseForm, roles: Collection[str]) -> list[str]:
    """Return in which of some roles nobody has signed a form yet, in their order."""
    made = {each.role for each in signatures_of(form) if each.supplement_id is None}
    return [role for role in roles if role not in made]


def _content(
    place: HandoverUnit,
    kind: FormKind,
    defect: Defect | None,
    reason: str,
    equipment: Collection[str],
    property_fee_from: dt.date | None,
) -> dict[str, Any]:
    if kind == FormKind.DEED:
        if place.state not in ACCEPTED:
            raise HandoverRuleError(_("The deed can be signed when the owner has accepted the house."))
        return deed_content(place, equipment, property_fee_from)
    if kind == FormKind.KEY_RECEIPT:
        if not place.keys or any(not key.bag_number for key in place.keys):
            raise HandoverRuleError(_("The keys are not registered in a sealed bag."))
        return receipt_content(place)
    if kind == FormKind.WAIVER:
        if defect is None or defect.unit_id != place.unit_id or defect.state not in OPEN:
            raise HandoverRuleError(_("Choose a defect of this house that is still open."))
        if not reason.strip():
            raise HandoverRuleError(
                _("Write why the owner does without the repair of %(number)s.", number=defect.number)
            )
        return waiver_content(place, defect, reason.strip()[:1000])
    if place.state != "refused":
        raise HandoverRuleError(_("The statement can be signed when the refusal is noted."))
    return refusal_content(place)


def deed_content(
    place: HandoverUnit, equipment: Collection[str] = (), property_fee_from: dt.date | None = None
) -> dict[str, Any]:
    """Return what the handover deed of a house says now.

    Args:
        place: The house in its batch.
        equipment: What was found running, codes of :data:`EQUIPMENT`.
        property_fee_from: From which day the property fee is due.

    Source: domain reference 3.3.7.
    """
    unit, inspection = place.unit, last_formal(place)
    contract, measured = unit.gross_area_contract, unit.gross_area_measured
    difference = measured - contract if contract is not None and measured is not None else None
    return {
        "house": unit.code,
        "contract_area": "" if contract is None else str(contract),
        "measured_area": "" if measured is None else str(measured),
        "area_difference": "" if difference is None else f"{difference:+}",
        "inspection": inspection.number if inspection else "",
        "meters": {
            name: getattr(inspection, f"meter_{name}", "") if inspection else ""
            for name in ("water", "electricity", "gas", "heat")
        },
        "papers": {str(paper.kind): is_handed_out(paper, place) for paper in place.papers},
        "equipment": {code: code in equipment for code in EQUIPMENT},
        "keys": {str(key.kind): {"quantity": key.quantity, "bag": key.bag_number} for key in place.keys},
        "defects": {
            defect.number: {
                "room": defect.room_name,
                "problem": defect_title(defect, CHINESE),
                "severity": str(defect.severity),
                "promised_by": day_of(defect.promised_by),
            }
            for defect in remaining_defects(place, inspection)
        },
        "property_fee_from": "" if property_fee_from is None else property_fee_from.isoformat(),
    }


def remaining_defects(place: HandoverUnit, inspection: Inspection | None) -> list[Defect]:
    """Return the defects of the last formal inspection with which the house is taken over."""
    del place
    if inspection is None:
        return []
    return [each for each in valid_defects(inspection) if each.state in OPEN]


def english_defects(numbers: Collection[str], language: str) -> dict[str, Defect]:
    """Return the defects with some numbers when they are read in English: the register holds their English words, while
    a form is signed with the Chinese ones.

    Args:
        numbers: Numbers of defects.
        language: Locale of the reader.
    """
    if not numbers or not is_english(language):
        return {}
    found = db.session.scalars(sa.select(Defect).where(Defect.number.in_(list(numbers))))
    return {each.number: each for each in found}


def is_handed_out(paper: IssuedPaper, place: HandoverUnit) -> bool:
    """Return whether a paper is with the owner: signed for, or one of those that are handed out with the deed."""
    return paper.signed_at is not None or (not paper.must_be_signed and place.state in ACCEPTED)


def receipt_content(place: HandoverUnit) -> dict[str, Any]:
    """Return what the key receipt of a house says now (domain reference 3.3.7)."""
    return {
        "house": place.unit.code,
        "keys": {str(key.kind): {"quantity": key.quantity, "bag": key.bag_number} for key in place.keys},
        "opened_before_owner": True,
    }


def waiver_content(place: HandoverUnit, defect: Defect, reason: str) -> dict[str, Any]:
    """Return what an owner signs who does without a repair (domain reference 3.3.2)."""
    return {
        "house": place.unit.code,
        "defect": defect.number,
        "room": defect.room_name,
        "problem": defect_title(defect, CHINESE),
        "severity": str(defect.severity),
        "reason": reason,
    }


def refusal_content(place: HandoverUnit) -> dict[str, Any]:
    """Return what an owner signs who refuses the house (domain reference 3.3.6 rule 6)."""
    visit, inspection = last_visit_of(place), last_formal(place)
    return {
        "house": place.unit.code,
        "refusal": place.refusal_reason,
        "words": place.refusal_note,
        "inspection": inspection.number if inspection is not None else "",
        "defects": {
            defect.number: {
                "room": defect.room_name,
                "problem": defect_title(defect, CHINESE),
                "severity": str(defect.severity),
                "promised_by": day_of(defect.promised_by),
            }
            for defect in remaining_defects(place, inspection)
        },
        "visit": visit.number if visit is not None else 0,
        "refused_on": day_of(visit.ended_at if visit is not None else None),
        "reply_by": day_of(place.reply_due_at),
    }


def day_of(moment: dt.datetime | None) -> str:
    """Return the day of a moment in China as 2026-11-23; "" for none."""
    return "" if moment is None else moment.astimezone(LOCAL_ZONE).date().isoformat()


def signed_by_owner(form: HouseForm | None) -> bool:
    """Return whether an owner has signed a form that holds."""
    return form is not None and form.cancelled_at is None and bool(signatures_of(form, OWNER))


def form_content(form: HouseForm) -> Mapping[str, Any]:
    """Return what is signed of a form."""
    return {"number": form.number, "kind": str(form.kind), **form.content}
