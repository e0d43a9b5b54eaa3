"""Defects from the moment they are found until they are closed (domain reference 3.3.2 and 3.3.6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import sqlalchemy as sa

from core.toolkit import (
    OpenItem,
    Unit,
    _,
    _l,
    attachments_by_record,
    db,
    has_permission,
    is_signed,
    require_scope,
    setting,
    utc_now,
    worded,
)
from plugins.contractors.models import Company
from plugins.contractors.services import responsible_company
from plugins.handover import catalogue, clocks
from plugins.handover.errors import HandoverRuleError, OutdatedError
from plugins.handover.models import (
    Defect,
    DefectCode,
    DefectFault,
    DefectRecheck,
    DefectSource,
    Inspection,
    InspectionKind,
    InspectionResult,
    InspectionRoom,
    Severity,
)
from plugins.handover.preparation.services import readiness
from plugins.handover.services import dangers
from plugins.handover.services.common import SERIOUS, defect_title, number_under, require_open
from plugins.handover.workflows import CLOSED, DEFECT, OPEN


def ensure_defect(result: InspectionResult) -> Defect:
    key = f"result-{result.id}"
    defect = _by_client_key(result.inspection, key)
    if defect is None:
        return _raise_defect(
            result.inspection.unit,
            inspection=result.inspection,
            room=result.room,
            result=result,
            codes=catalogue.defect_codes([result.defect_code]),
            severity=Severity(result.severity),
            client_key=key,
        )
    if defect.state == "invalid":
        DEFECT.move(defect, "reinstate", closing_reason="")
        _weigh(defect)
    return defect


def _weigh(defect: Defect) -> None:
    """Say whether the house can still be delivered, or can be again, now that a serious defect has changed."""
    if defect.severity in SERIOUS:
        readiness.weigh_unit(defect.unit_id)


def withdraw_defects(result: InspectionResult) -> None:
    for defect in db.session.scalars(
        sa.select(Defect).where(Defect.result_id == result.id, Defect.state == "open")
    ):
        because = worded(_l("The result was corrected during the inspection."))
        DEFECT.move(defect, "withdraw", because, closing_reason=because)
        dangers.settled(defect)
        _weigh(defect)


def _by_client_key(inspection: Inspection | None, key: str | None) -> Defect | None:
    if inspection is None or not key:
        return None
    return db.session.scalar(
        sa.select(Defect).where(Defect.inspection_id == inspection.id, Defect.client_key == key)
    )


def _raise_defect(
    unit: Unit,
    *,
    severity: Severity,
    codes: Sequence[DefectCode],
    inspection: Inspection | None = None,
    room: InspectionRoom | None = None,
    result: InspectionResult | None = None,
    client_key: str | None = None,
    source: DefectSource = DefectSource.INSPECTION,
    description: str = "",
    room_name: str = "",
    trade_code: str = "",
    contractor: Company | None = None,
) -> Defect:
    now = utc_now()
    trade = result.trade_code if result is not None else trade_code
    if contractor is None and trade:
        contractor = responsible_company(unit, trade)
    has_room = room is not None and not room.whole_house
    defect = Defect(
        project_id=unit.project_id,
        unit_id=unit.id,
        building_id=unit.building_id,
        inspection_id=inspection.id if inspection else None,
        result_id=result.id if result else None,
        client_key=client_key,
        number=number_under("DF", unit.project),
        source=source,
        room_kind=room.kind if room is not None and has_room else "",
        room_name=room.name if room is not None and has_room else room_name.strip(),
        room_name_en=room.name_en if room is not None and has_room else "",
        item_code=result.item_code if result else "",
        item_name=result.name if result else "",
        item_name_en=result.name_en if result else "",
        description=description.strip(),
        severity=severity,
        warranty_category=result.warranty_category if result else "",
        trade_code=trade,
        contractor_id=contractor.id if contractor else None,
        state="open",
        raised_at=now,
        raised_by_id=require_scope().user_id,
        promised_by=now + fix_limit(severity),
    )
    defect.first_promised_by = defect.promised_by
    _set_codes(defect, codes)
    db.session.add(defect)
    db.session.flush()
    _weigh(defect)
    return defect


def fix_limit(severity: Severity) -> dt.timedelta:
    """Return how long the repair of a defect may take, from the settings ``fix_hours_s1`` … ``fix_hours_s4``.

    Source: domain reference 3.3.4 [OWN]: S1 and S2 15 days, S3 7 days, S4 72 hours.
    """
    return dt.timedelta(hours=int(setting("handover", f"fix_hours_{severity.lower()}")))


def _set_codes(defect: Defect, codes: Sequence[DefectCode]) -> None:
    held = {fault.code_id: fault for fault in defect.faults}
    defect.faults = [
        held.get(code.id) or DefectFault(project_id=defect.project_id, code_id=code.id, code=code)
        for code in codes
    ]
    for position, fault in enumerate(defect.faults):
        fault.position = position


def add_defect(
    inspection: Inspection,
    *,
    room: InspectionRoom,
    codes: Sequence[str],
    description: str,
    severity: Severity,
    client_key: str,
    result: InspectionResult | None = None,
    trade_code: str = "",
) -> Defect:
    """Record a defect that no item covers, or a further one of a failed item. The same client key finds
    the same defect.

    Args:
        inspection: A running inspection.
        room: Where it is.
        codes: Kinds of fault, the main one first.
        description: What is wrong.
        severity: How bad it is.
        client_key: What the phone calls the defect.
        result: The item it belongs to, if any.
        trade_code: The trade that answers for it; decides the contractor.

    Raises:
        HandoverRuleError: The inspection does not run, or room, kind of fault or description are missing.
    """
    require_open(inspection)
    existing = _by_client_key(inspection, client_key)
    if existing is not None:
        return existing
    if room.inspection_id != inspection.id or room.whole_house:
        raise HandoverRuleError(_("Choose the room in which the defect is."))
    faults = _known_codes(codes)
    if not description.strip():
        raise HandoverRuleError(_("Describe the defect in a few words."))
    return _raise_defect(
        inspection.unit,
        inspection=inspection,
        room=room,
        result=result,
        codes=faults,
        severity=severity,
        client_key=client_key,
        description=description,
        trade_code=trade_code,
    )


def register_defect(
    unit: Unit,
    *,
    room_name: str,
    codes: Sequence[str],
    description: str,
    severity: Severity,
    source: DefectSource = DefectSource.STAFF,
    trade_code: str = "",
    contractor: Company | None = None,
) -> Defect:
    """Record a defect outside an inspection, as staff found it or an owner reported it.

    Args:
        unit: The house.
        room_name: Where it is.
        codes: Kinds of fault, the main one first.
        description: What is wrong.
        severity: How bad it is.
        source: Who found it.
        trade_code: The trade that answers for it.
        contractor: Who answers for it; by the matrix of trades when omitted.

    Raises:
        HandoverRuleError: Room, kind of fault or description are missing.
    """
    if not room_name.strip() or not description.strip():
        raise HandoverRuleError(_("A defect needs the room and a description."))
    defect = _raise_defect(
        unit,
        codes=_known_codes(codes),
        severity=severity,
        source=source,
        description=description,
        room_name=room_name,
        trade_code=trade_code,
        contractor=contractor,
    )
    if defect.severity == Severity.S1:
        dangers.watch(defect)
    return defect


def _known_codes(codes: Sequence[str]) -> list[DefectCode]:
    found = {code.code: code for code in catalogue.defect_codes(codes)}
    if not codes or set(codes) - found.keys():
        raise HandoverRuleError(_("Choose at least one kind of fault from the list, for example D01."))
    return [found[code] for code in dict.fromkeys(codes)]


def require_not_done(defect: Defect) -> None:
    """Refuse to change a defect with which nobody has to do anything any more.

    Raises:
        HandoverRuleError: It is closed, no problem, waived or transferred.
    """
    if defect.state in CLOSED:
        raise HandoverRuleError(
            _(
                "%(number)s is “%(state)s” and does not change any more.",
                number=defect.number,
                state=DEFECT.state_of(defect).label,
            )
        )


def change_defect(
    defect: Defect,
    *,
    severity: Severity | None = None,
    severity_reason: str = "",
    description: str | None = None,
    codes: Sequence[str] | None = None,
    room: InspectionRoom | None = None,
    room_name: str | None = None,
    contractor: Company | None = None,
    promised_by: dt.datetime | None = None,
    trade_code: str | None = None,
    root_cause: str | None = None,
    cost: Decimal | None = None,
    row_version: int | None = None,
) -> None:
    """Change a defect that is not done with. What is None stays as it is.

    Args:
        defect: The defect.
        severity: Raised freely; lowered only with a reason and the right ``handover.lower_severity``.
        severity_reason: Why it is lowered.
        description: What is wrong.
        codes: Kinds of fault, the main one first.
        room: The room of the inspection.
        room_name: The room in words, for a defect outside an inspection.
        contractor: Who answers for it.
        promised_by: A date agreed later; the first promise is kept for the figures.
        trade_code: The trade; proposes the contractor anew when none is given.
        root_cause: ``design``, ``material``, ``workmanship`` …
        cost: What the repair cost, in yuan.
        row_version: The version that was shown.

    Raises:
        OutdatedError: Somebody else changed the defect meanwhile.
        HandoverRuleError: It is done with, lowering is not allowed, or a value is unknown.

    Source: domain reference 3.3.6 rule 3 [RECON].
    """
    db.session.refresh(defect, with_for_update=True)
    require_not_done(defect)
    if row_version is not None and row_version != defect.row_version:
        raise OutdatedError(
            _(
                "A colleague has changed %(number)s meanwhile. What is saved now is shown; enter "
                "yours again if it is right.",
                number=defect.number,
            ),
            defect,
        )
    if defect.inspection is not None and is_signed(defect.inspection):
        _refuse_signed_change(defect, description, codes, room.name if room is not None else room_name)
        description = codes = room = room_name = None
    if severity is not None and severity != defect.severity:
        _change_severity(defect, severity, severity_reason)
        readiness.weigh_unit(defect.unit_id)
        dangers.watch(defect)
    if codes is not None:
        _set_codes(defect, _known_codes(codes))
    if description is not None:
        defect.description = description.strip()
    if room is not None:
        if room.inspection_id != defect.inspection_id or room.whole_house:
            raise HandoverRuleError(_("Choose the room in which the defect is."))
        defect.room_kind, defect.room_name, defect.room_name_en = room.kind, room.name, room.name_en
    if room_name is not None and room_name.strip() and room_name.strip() != defect.room_name:
        defect.room_kind, defect.room_name, defect.room_name_en = "", room_name.strip(), ""
    if trade_code is not None and trade_code != defect.trade_code:
        defect.trade_code = trade_code
        contractor = contractor or responsible_company(defect.unit, trade_code)
    if contractor is not None:
        defect.contractor_id = contractor.id
    if promised_by is not None:
        if promised_by < defect.raised_at:
            raise HandoverRuleError(
                _("The promised date cannot lie before the day on which the defect was found.")
            )
        defect.promised_by = promised_by
    if root_cause is not None:
        defect.root_cause = root_cause
    if cost is not None:
        if cost < 0:
            raise HandoverRuleError(_("A repair cannot cost less than nothing. Correct the amount."))
        defect.cost = cost
    db.session.flush()


def _refuse_signed_change(
    defect: Defect, description: str | None, codes: Sequence[str] | None, room_name: str | None
) -> None:
    """Refuse to change what stands in a signed record; how bad it is and who answers for it may still change."""
    is_same = (
        (description is None or description.strip() == defect.description)
        and (codes is None or list(codes) == [code.code for code in defect.codes])
        and (not room_name or room_name.strip() == defect.room_name)
    )
    if not is_same:
        raise HandoverRuleError(
            _(
                "The inspection record in which %(number)s stands was signed, so room, kind of fault and description "
                "do not change any more. Add a supplement to inspection %(inspection)s.",
                number=defect.number,
                inspection=defect.inspection.number if defect.inspection is not None else "",
            )
        )


def _change_severity(defect: Defect, severity: Severity, reason: str) -> None:
    is_lowered = severity > Severity(defect.severity)
    if is_lowered and not has_permission("handover.lower_severity"):
        raise HandoverRuleError(
            _(
                "Only an engineer may lower the severity of %(number)s. You may raise it.",
                number=defect.number,
            )
        )
    if is_lowered and not reason.strip():
        raise HandoverRuleError(
            _(
                "Say why the severity of %(number)s is lowered from %(old)s to %(new)s.",
                number=defect.number,
                old=defect.severity,
                new=severity,
            )
        )
    untouched = defect.promised_by == defect.first_promised_by
    defect.severity = severity
    defect.severity_reason = reason.strip() if is_lowered else defect.severity_reason
    if untouched and defect.state == "open":
        defect.promised_by = defect.first_promised_by = defect.raised_at + fix_limit(severity)


def valid_defects(inspection: Inspection) -> list[Defect]:
    """Return the defects that were found in an inspection and are real ones."""
    return list(
        db.session.scalars(
            sa.select(Defect)
            .where(Defect.inspection_id == inspection.id, Defect.state != "invalid")
            .order_by(Defect.id)
        )
    )


def assign_defect(defect: Defect, contractor: Company | None = None) -> None:
    """Hand a defect to the contractor who answers for it.

    Raises:
        TransitionRefused: It is assigned already, or there is no contractor.
    """
    chosen = contractor.id if contractor else defect.contractor_id
    DEFECT.move(defect, "assign", contractor_id=chosen, assigned_at=utc_now())


def start_fixing(defect: Defect) -> None:
    """Note that the contractor has begun, also again after a failed re-inspection.

    Raises:
        TransitionRefused: The state or the permission forbids it.
    """
    DEFECT.move(defect, "resume" if defect.state == "rejected" else "start")


def report_fixed(defect: Defect, measure: str, fixed_at: dt.datetime | None = None) -> None:
    """Report a defect as fixed; whoever does so cannot confirm it later.

    Args:
        defect: A defect that is being fixed.
        measure: What was done.
        fixed_at: When it was done; now when omitted.

    Raises:
        TransitionRefused: The state or the permission forbids it, or the measure is missing.
        HandoverRuleError: The moment lies before the defect was found, or in the future.
    """
    moment = fixed_at or utc_now()
    if moment < defect.raised_at or moment > utc_now() + dt.timedelta(minutes=5):
        raise HandoverRuleError(
            _(
                "%(number)s cannot have been fixed before it was found, nor in the future. Check the date.",
                number=defect.number,
            )
        )
    DEFECT.move(
        defect,
        "report_fixed",
        fix_measure=measure.strip(),
        fixed_at=moment,
        fixed_by_id=require_scope().user_id,
    )
    clocks.defect_settled(defect)
    dangers.settled(defect)


def verify_defect(defect: Defect, inspection: Inspection | None = None, note: str = "") -> None:
    """Confirm that a defect is fixed and close it.

    Args:
        defect: A defect that was reported as fixed.
        inspection: The re-inspection round, if there is one.
        note: A remark.

    Raises:
        TransitionRefused: The fixer himself confirms, the photo after the repair is missing, or the state forbids it.

    Source: domain reference 3.3.6 rule 5 [RECON].
    """
    _check_recheck(defect, inspection)
    DEFECT.move(defect, "verify", verified_at=utc_now(), verified_by_id=require_scope().user_id)
    _note_recheck(defect, inspection, True, note)
    dangers.settled(defect)
    _weigh(defect)


def reject_defect(defect: Defect, note: str, inspection: Inspection | None = None) -> None:
    """Note that a repair failed its re-inspection; the defect is open again.

    Args:
        defect: A defect that was reported as fixed.
        note: What is still wrong.
        inspection: The re-inspection round, if there is one.

    Raises:
        TransitionRefused: The fixer himself judges, the remark is missing, or the state forbids it.
    """
    _check_recheck(defect, inspection)
    DEFECT.move(defect, "reject", recheck_note=note.strip(), reopen_count=defect.reopen_count + 1)
    defect.fixed_at = defect.fixed_by_id = None
    _note_recheck(defect, inspection, False, note)
    clocks.defect_reopened(defect)
    dangers.repair_failed(defect, needs_special_plan(defect))


def _check_recheck(defect: Defect, inspection: Inspection | None) -> None:
    if inspection is None:
        return
    require_open(inspection)
    if inspection.unit_id != defect.unit_id or inspection.kind != InspectionKind.RE_INSPECTION:
        raise HandoverRuleError(_("%(number)s does not belong to this re-inspection.", number=defect.number))


def _note_recheck(defect: Defect, inspection: Inspection | None, passed: bool, note: str) -> None:
    defect.rechecks.append(
        DefectRecheck(
            project_id=defect.project_id,
            inspection_id=inspection.id if inspection else None,
            round_number=len(defect.rechecks) + 1,
            passed=passed,
            note=note.strip(),
            checked_by_id=require_scope().user_id,
        )
    )
    db.session.flush()


def needs_special_plan(defect: Defect) -> bool:
    """Return whether so many re-inspections failed that a special plan is needed.

    Source: domain reference 3.3.6 rule 5 [RECON]: after 3 failed rounds; setting ``failed_rounds_before_plan``.
    """
    return defect.state not in CLOSED and defect.reopen_count >= int(
        setting("handover", "failed_rounds_before_plan")
    )


def to_recheck(inspection: Inspection) -> Sequence[Defect]:
    """Return the defects of the house that were reported as fixed and wait for a re-inspection."""
    return db.session.scalars(
        sa.select(Defect)
        .where(Defect.unit_id == inspection.unit_id, Defect.state == "fixed")
        .order_by(Defect.id)
    ).all()


def rechecks_of(inspection: Inspection) -> Sequence[DefectRecheck]:
    """Return the verdicts that were given in a re-inspection round."""
    return db.session.scalars(
        sa.select(DefectRecheck)
        .where(DefectRecheck.inspection_id == inspection.id)
        .order_by(DefectRecheck.id)
    ).all()


def invalidate_defect(defect: Defect, reason: str, owner_agreed: bool = False) -> None:
    """Mark a defect as no problem.

    Args:
        defect: An open defect.
        reason: Why.
        owner_agreed: The owner agrees; needed when he reported it.

    Raises:
        TransitionRefused: The reason or the owner's consent is missing, or the state forbids it.
    """
    DEFECT.move(defect, "invalidate", closing_reason=reason.strip(), owner_agreed=owner_agreed)
    clocks.defect_settled(defect)
    dangers.settled(defect)
    _weigh(defect)


def waive_defect(defect: Defect, reason: str) -> None:
    """Note that the owner does without the repair; his signed paper is attached as ``waiver``.

    Raises:
        TransitionRefused: The reason or the paper is missing, or the state forbids it.
    """
    DEFECT.move(defect, "waive", closing_reason=reason.strip())
    clocks.defect_settled(defect)
    dangers.settled(defect)
    _weigh(defect)


def transfer_defect(defect: Defect, repair_reference: str) -> None:
    """Hand a defect over to the repair service, after the house was handed over.

    Raises:
        TransitionRefused: The house was not handed over, the number of the order is missing, or the state forbids it.
    """
    DEFECT.move(defect, "transfer", repair_reference=repair_reference.strip())
    clocks.defect_settled(defect)
    dangers.settled(defect)
    _weigh(defect)


def open_items(unit_id: int) -> list[OpenItem]:
    """Return the defects of a house that wait for their repair, for a module that repairs after the keys.

    Args:
        unit_id: The house; before its delivery nothing is offered.
    """
    defects = db.session.scalars(
        sa.select(Defect)
        .where(Defect.unit_id == unit_id, Defect.state.in_(("open", "assigned", "in_progress", "rejected")))
        .order_by(Defect.id)
    ).all()
    if not defects or defects[0].unit.delivered_on is None:
        return []
    photos = attachments_by_record(defects)
    return [
        OpenItem(
            kind="handover.defect",
            record_id=defect.id,
            number=defect.number,
            text=defect_title(defect),
            room_name=defect.room_name,
            urgent=defect.severity in SERIOUS,
            category_code=defect.warranty_category,
            contractor_id=defect.contractor_id,
            photo_ids=tuple(photo.id for photo in photos[defect.id] if photo.thumbnail_sha256),
        )
        for defect in defects
    ]


def is_overdue(defect: Defect, now: dt.datetime | None = None) -> bool:
    """Return whether a defect should have been fixed by now: neither fixed nor done with, and past its promise."""
    waits = defect.state in OPEN and defect.state != "fixed"
    return waits and defect.promised_by is not None and defect.promised_by < (now or utc_now())


def overdue_condition(now: dt.datetime | None = None) -> sa.ColumnElement[bool]:
    """Return :func:`is_overdue` as a condition of a query on :class:`Defect`."""
    waiting = [state for state in OPEN if state != "fixed"]
    return sa.and_(Defect.state.in_(waiting), Defect.promised_by < (now or utc_now()))


def overdue_days(defect: Defect, now: dt.datetime | None = None) -> int:
    """Return for how many begun days a defect is overdue; 0 when it is not."""
    moment = now or utc_now()
    if not is_overdue(defect, moment) or defect.promised_by is None:
        return 0
    return -((defect.promised_by - moment) // dt.timedelta(days=1))


def escalation(defect: Defect, now: dt.datetime | None = None) -> str:
    """Return to whom an overdue defect has risen: "", ``contractor``, ``engineering`` or ``manager``.

    Source: domain reference 3.3.6 rule 4 [RECON]: +1 day the contractor's project manager, +3 days the
    head of engineering,
    +7 days the city general manager and a repair by others; settings ``escalate_…_days``.
    """
    moment = now or utc_now()
    if not is_overdue(defect, moment) or defect.promised_by is None:
        return ""
    late = moment - defect.promised_by
    for level in ("manager", "engineering", "contractor"):
        if late >= dt.timedelta(days=int(setting("handover", f"escalate_{level}_days"))):
            return level
    return ""
