"""Further steps of the handover day: forms that are signed on glass, and corrections of fees and papers; for staff."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from flask import abort, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from core.toolkit import (
    _,
    commit,
    db,
    requires,
    strict_id,
)
from plugins.handover import services, words
from plugins.handover.day_pages import (
    PLACE,
    REFUSALS,
    blueprint,
    desk_step,
    typed,
    typed_amount,
    typed_fee,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import OWNER, Defect, FormKind, HandoverUnit, IssuedPaper

__all__ = ["blueprint"]

# Forms


@blueprint.post(f"{PLACE}/forms")
@requires("handover.receive")
@desk_step
def prepare_form(place: HandoverUnit) -> str:
    """Make the deed, the key receipt or the statement of refusal ready to be signed."""
    kind = typed("form", 12)
    if kind not in (FormKind.DEED, FormKind.KEY_RECEIPT, FormKind.REFUSAL):
        raise HandoverRuleError(_("Choose the form that is to be signed."))
    form = services.prepare_form(
        place,
        FormKind(kind),
        equipment=[code for code in request.form.getlist("equipment") if code in words.EQUIPMENT],
        property_fee_from=_day(typed("property_fee_from", 10)),
    )
    return _("%(number)s is ready. Have it read and signed.", number=form.number)


def _day(text: str) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise HandoverRuleError(_("Write the day as year-month-day, for example 2026-11-23.")) from None


def defect_called(key: int) -> Defect:
    """Return the visible defect with a key; 404 for one that is foreign or missing."""
    found = db.session.scalar(sa.select(Defect).where(Defect.id == key))
    return found if found is not None else abort(404)


@blueprint.post("/waiver/<int(max=9223372036854775807):defect_id>")
@requires("handover.waive_defect")
def prepare_waiver(defect_id: int) -> Response:
    """Make the waiver of a repair ready, and go on to the pad on which the owner signs it."""
    defect = defect_called(defect_id)
    record_page = url_for("handover_defects.details_view", id=defect.id)
    try:
        place = services.handover_unit_of(defect.unit)
        if place is None:
            raise HandoverRuleError(
                _(
                    "House %(unit)s is in no handover batch, so nothing can be signed for it.",
                    unit=defect.unit.code,
                )
            )
        form = services.prepare_form(place, FormKind.WAIVER, defect=defect, reason=typed("reason", 1000))
        key = form.id
        commit()
    except REFUSALS as refused:
        db.session.rollback()
        flash(str(refused), "error")
        return redirect(record_page, 303)
    return redirect(url_for("signatures.pad", kind_code="handover.form", record_id=key, role=OWNER), 303)


# Corrections of fees


@blueprint.post(f"{PLACE}/fees/correct")
@requires("handover.settle_fees")
@desk_step
def correct_fee(place: HandoverUnit) -> str:
    """Correct the amount of a fee."""
    services.correct_fee(typed_fee(place), typed_amount(), typed("basis"), typed("why", 1000))
    return _("The fee is corrected.")


@blueprint.post(f"{PLACE}/fees/cancel")
@requires("handover.settle_fees")
@desk_step
def cancel_fee(place: HandoverUnit) -> str:
    """Take a fee back that is not due."""
    services.cancel_fee(typed_fee(place), typed("why", 1000))
    return _("The fee is taken back.")


@blueprint.post(f"{PLACE}/fees/reopen")
@requires("handover.settle_fees")
@desk_step
def reopen_fee(place: HandoverUnit) -> str:
    """Take a payment or an exemption back."""
    services.reopen_fee(typed_fee(place), typed("why", 1000))
    return _("The fee is open again.")


@blueprint.post(f"{PLACE}/fees/lift")
@requires("handover.exempt_fees")
@desk_step
def lift_exemption(place: HandoverUnit) -> str:
    """Take the exemption of the house back."""
    services.lift_exemption(place, typed("why", 1000))
    return _("The fees of the house are open again.")


# Corrections of papers


def _typed_paper(place: HandoverUnit) -> IssuedPaper:
    key = strict_id(typed("paper_id", 20))
    paper = next((each for each in place.papers if each.id == key), None)
    if paper is None:
        raise HandoverRuleError(_("This house has no such paper. Reload the page."))
    return paper


@blueprint.post(f"{PLACE}/papers/correct")
@requires("handover.receive")
@desk_step
def correct_paper(place: HandoverUnit) -> str:
    """Correct edition and number of a paper."""
    services.correct_paper(_typed_paper(place), typed("version", 30), typed("number", 60), typed("why", 1000))
    return _("The paper is corrected. It has to be signed for anew.")


@blueprint.post(f"{PLACE}/papers/withdraw")
@requires("handover.receive")
@desk_step
def withdraw_paper(place: HandoverUnit) -> str:
    """Take a paper out of the set."""
    services.withdraw_paper(_typed_paper(place), typed("why", 1000))
    return _("The paper is taken out of the set.")


@blueprint.post(f"{PLACE}/papers/unsign")
@requires("handover.receive")
@desk_step
def take_signature_back(place: HandoverUnit) -> str:
    """Note that a paper is not signed after all."""
    services.take_signature_back(_typed_paper(place), typed("why", 1000))
    return _("The signature is taken back.")
