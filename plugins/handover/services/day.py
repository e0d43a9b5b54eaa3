"""The handover day of a house: arrival, stations, fees, papers, keys, delivery and refusal (domain reference 3.3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    Decoration,
    _,
    add_todo,
    assign_touchpoint,
    db,
    finish_todos_of,
    owners_of,
    reach,
    record_delivery,
    require_scope,
    setting,
    utc_now,
    write_timeline,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    FeeItem,
    FeeKind,
    FeeState,
    HandoverUnit,
    HandoverVisit,
    IssuedPaper,
    KeyKind,
    KeyLoan,
    KeyRecord,
    KeysState,
    PaperKind,
    PapersState,
    Station,
    StationLog,
)
from plugins.handover.preparation.services import appointments, charges, letters
from plugins.handover.workflows import HANDOVER_UNIT, key_obstacles

ACCEPTED = ("accepted", "accepted_with_defects", "keys_handed", "delivered", "reviewed")
"""States after the owner accepted the house."""
REFUSALS_BY = "handover.refusal:"
"""How the key of a to-do begins that asks for the reply to a refusal."""
MOST = Decimal(10**9)
MOST_KEYS = 99

TO_SIGN = (
    PaperKind.QUALITY_GUARANTEE,
    PaperKind.USER_MANUAL,
    PaperKind.HANDOVER_DEED,
    PaperKind.INTERIM_RULES,
    PaperKind.PROPERTY_AGREEMENT,
    PaperKind.DECORATION_AGREEMENT,
)
"""Papers that the owner signs for before the keys; the others are shown or handed out (domain reference 3.3.3)."""
SHOWN = (
    PaperKind.COMPLETION_FILING,
    PaperKind.AREA_SURVEY,
    PaperKind.OWNER_HANDBOOK,
    PaperKind.PIPE_DRAWINGS,
)
FITTED_ONLY = (PaperKind.APPLIANCE_MANUALS, PaperKind.AIR_REPORT)
BOOKS = (PaperKind.QUALITY_GUARANTEE, PaperKind.USER_MANUAL)


def lock_place(place: HandoverUnit) -> None:
    """Lock a house of a batch and read it anew, so that two desks never change it in the same moment."""
    db.session.flush()
    db.session.refresh(place, with_for_update=True)


def _about(place: HandoverUnit) -> dict[str, Any]:
    owners = owners_of(place.unit)
    return {
        "customer": owners[0] if owners else None,
        "unit": place.unit,
        "record_kind": "handover.unit",
        "record_id": place.id,
    }


def require_keys_here(place: HandoverUnit) -> None:
    """Refuse to change what stands still once the keys are handed over.

    Raises:
        HandoverRuleError: They are.
    """
    if place.keys_state == KeysState.HANDED:
        raise HandoverRuleError(
            _("The keys of %(unit)s are handed over; this does not change any more.", unit=place.unit.code)
        )


# Visits and stations


def visit_of(place: HandoverUnit) -> HandoverVisit | None:
    """Return the visit that runs, or None."""
    return db.session.scalar(
        sa.select(HandoverVisit)
        .where(HandoverVisit.handover_unit_id == place.id, HandoverVisit.ended_at.is_(None))
        .order_by(HandoverVisit.number.desc())
        .limit(1)
    )


def last_visit_of(place: HandoverUnit) -> HandoverVisit | None:
    """Return the newest visit, whether it runs or not, or None."""
    return db.session.scalar(
        sa.select(HandoverVisit)
        .where(HandoverVisit.handover_unit_id == place.id)
        .order_by(HandoverVisit.number.desc())
        .limit(1)
    )


def station_of(visit: HandoverVisit | None) -> StationLog | None:
    """Return the stay at the station where the owner is now, or None."""
    if visit is None:
        return None
    return db.session.scalar(
        sa.select(StationLog)
        .where(StationLog.visit_id == visit.id, StationLog.left_at.is_(None))
        .order_by(StationLog.id.desc())
        .limit(1)
    )


def open_stations(place: HandoverUnit) -> list[Station]:
    """Return the stations that a house still has to pass, in their usual sequence.

    Fees and papers stand before the inspection, but nobody has to pass them to see the house: an owner may be sent to
    the inspection first (domain reference 3.3.3).
    """
    is_past_desk = place.state not in HANDOVER_UNIT.transition("arrive").sources
    is_known = is_past_desk and place.state != "arrived"
    done = {
        Station.SIGN_IN: is_past_desk,
        Station.IDENTITY: is_known,
        Station.FEES: place.fee_state != FeeState.OPEN,
        Station.PAPERS: place.papers_state == PapersState.SIGNED,
        Station.INSPECTION: place.state in ACCEPTED,
        Station.OPINION: place.state in ACCEPTED,
        Station.KEYS: place.state in ("delivered", "reviewed"),
        Station.SURVEY: _has_left(place, Station.SURVEY),
    }
    return [station for station in Station if not done[station]]


def _has_left(place: HandoverUnit, station: Station) -> bool:
    return bool(
        db.session.scalar(
            sa.select(sa.func.count(StationLog.id))
            .join(HandoverVisit, HandoverVisit.id == StationLog.visit_id)
            .where(
                HandoverVisit.handover_unit_id == place.id,
                StationLog.station == station,
                StationLog.left_at.is_not(None),
            )
        )
    )


def _new_visit(place: HandoverUnit, at: dt.datetime, *, signed_in: bool) -> HandoverVisit:
    number = db.session.scalar(
        sa.select(sa.func.max(HandoverVisit.number)).where(HandoverVisit.handover_unit_id == place.id)
    )
    visit = HandoverVisit(
        project_id=place.project_id,
        handover_unit_id=place.id,
        number=(number or 0) + 1,
        arrived_at=at,
        signed_in=signed_in,
    )
    db.session.add(visit)
    place.arrived_at = at
    db.session.flush()
    return visit


def _enter(visit: HandoverVisit, station: Station, at: dt.datetime) -> None:
    db.session.add(StationLog(project_id=visit.project_id, visit_id=visit.id, station=station, entered_at=at))
    db.session.flush()


def _leave(visit: HandoverVisit, at: dt.datetime) -> None:
    here = station_of(visit)
    if here is not None:
        here.left_at, here.staff_id = at, require_scope().user_id
        db.session.flush()


def _pass(visit: HandoverVisit, station: Station, at: dt.datetime) -> None:
    """Finish a station, wherever the owner stood."""
    here = station_of(visit)
    if here is None or here.station != station:
        _leave(visit, at)
        _enter(visit, station, at)
    _leave(visit, at)


def _go_on(place: HandoverUnit, visit: HandoverVisit, at: dt.datetime) -> None:
    """Send the owner from where he stands to the first station that is still open."""
    _leave(visit, at)
    following = open_stations(place)
    if following:
        _enter(visit, following[0], at)
    else:
        visit.ended_at = at
        db.session.flush()


def sign_in(place: HandoverUnit, at: dt.datetime | None = None) -> HandoverVisit:
    """Note that the owner, or who comes for him, has arrived; a visit begins.

    Args:
        place: The house in its batch.
        at: When; now when omitted.

    Raises:
        HandoverRuleError: A visit runs already, or the house is delivered.
        TransitionRefused: The right is missing.
    """
    lock_place(place)
    if visit_of(place) is not None:
        raise HandoverRuleError(
            _("The owner of %(unit)s is signed in already.", unit=place.unit.code),
        )
    if place.state in ("delivered", "reviewed"):
        raise HandoverRuleError(_("House %(unit)s is delivered already.", unit=place.unit.code))
    moment = at or utc_now()
    if place.state in HANDOVER_UNIT.transition("arrive").sources:
        HANDOVER_UNIT.move(place, "arrive")
    elif HANDOVER_UNIT.transition("arrive").permission not in require_scope().permissions:
        raise HandoverRuleError(_("You have no right to receive owners in this department."))
    visit = _new_visit(place, moment, signed_in=True)
    if place.state in ACCEPTED:
        # An owner who accepted the house on another day comes back for the keys.
        last = db.session.scalar(
            sa.select(HandoverVisit.outcome).where(
                HandoverVisit.handover_unit_id == place.id, HandoverVisit.number == visit.number - 1
            )
        )
        visit.outcome = last or ""
    _pass(visit, Station.SIGN_IN, moment)
    _go_on(place, visit, moment)
    appointments.note_arrival(place)
    return visit


def check_identity(
    place: HandoverUnit,
    *,
    attorney_name: str = "",
    attorney_document: str = "",
    at: dt.datetime | None = None,
) -> None:
    """Note that the identity was checked, and who came in the owner's place with which power of attorney.

    Args:
        place: The house in its batch.
        attorney_name: Who came instead; "" for the owner himself.
        attorney_document: Kind, number and day of the power of attorney.
        at: When; now when omitted.

    Raises:
        TransitionRefused: Nobody has signed in, or the power of attorney is missing.

    Source: touchpoint TP-E03.
    """
    HANDOVER_UNIT.move(
        place,
        "identify",
        attorney_name=attorney_name.strip(),
        attorney_document=attorney_document.strip(),
    )
    moment = at or utc_now()
    visit = visit_of(place)
    if visit is not None:
        _pass(visit, Station.IDENTITY, moment)
    if place.fee_state != FeeState.OPEN:
        HANDOVER_UNIT.move(place, "settle")
    if visit is not None:
        _go_on(place, visit, moment)
    reach(
        "TP-E03",
        "handover.signed_in",
        _("House %(unit)s: signed in, identity checked.", unit=place.unit.code),
        happened_at=moment,
        **_about(place),
    )


def send_to(place: HandoverUnit, station: Station, at: dt.datetime | None = None) -> None:
    """Send the owner to another station than the next one, for example to see the house before paying.

    Raises:
        HandoverRuleError: No visit runs, the station is passed already, or one before it is needed first.
    """
    lock_place(place)
    visit = visit_of(place)
    if visit is None:
        raise HandoverRuleError(
            _("Nobody is signed in for %(unit)s. Sign the owner in first.", unit=place.unit.code)
        )
    remaining = open_stations(place)
    if station not in remaining:
        raise HandoverRuleError(_("This station is finished. Choose one that is still open."))
    if Station.IDENTITY in remaining and station != Station.IDENTITY:
        raise HandoverRuleError(_("Check the identity first; then every station is open."))
    if station == Station.KEYS and place.state not in ACCEPTED:
        raise HandoverRuleError(_("The keys come after the inspection and the owner's opinion."))
    moment = at or utc_now()
    _leave(visit, moment)
    _enter(visit, station, moment)


def end_visit(place: HandoverUnit, at: dt.datetime | None = None) -> None:
    """Note that the owner has left before everything was done.

    Raises:
        HandoverRuleError: No visit runs.
    """
    lock_place(place)
    visit = visit_of(place)
    if visit is None:
        raise HandoverRuleError(
            _("Nobody is signed in for %(unit)s. Sign the owner in first.", unit=place.unit.code)
        )
    moment = at or utc_now()
    _leave(visit, moment)
    visit.ended_at = moment
    db.session.flush()


def finish_survey(place: HandoverUnit, at: dt.datetime | None = None) -> None:
    """Note that the owner was asked how the day was; the visit ends.

    Raises:
        HandoverRuleError: No visit runs, or the keys are not handed over yet.
    """
    lock_place(place)
    visit = visit_of(place)
    if visit is None or place.state not in ("delivered", "reviewed"):
        raise HandoverRuleError(_("The survey comes last, after the keys."))
    moment = at or utc_now()
    _pass(visit, Station.SURVEY, moment)
    _go_on(place, visit, moment)


def inspection_begins(place: HandoverUnit, at: dt.datetime) -> None:
    """Bring the owner to the inspection; where he did not sign in at a desk, his visit begins with it."""
    visit = visit_of(place) or _new_visit(place, at, signed_in=False)
    here = station_of(visit)
    if here is None or here.station != Station.INSPECTION:
        _leave(visit, at)
        _enter(visit, Station.INSPECTION, at)


def inspection_ends(place: HandoverUnit, at: dt.datetime, reason: str, note: str) -> None:
    """Take the owner's opinion from the finished inspection into the visit.

    Args:
        place: The house in its batch, moved already.
        at: When the inspection was finished.
        reason: R1 to R9 when he refused.
        note: His words.
    """
    visit = visit_of(place)
    if visit is None:
        return
    _pass(visit, Station.INSPECTION, at)
    _pass(visit, Station.OPINION, at)
    if place.state == "refused":
        _refused(place, visit, reason, note, at)
    elif place.state in ACCEPTED:
        visit.outcome = place.state
        if visit.signed_in:
            _go_on(place, visit, at)
        else:
            visit.ended_at = at
    else:
        visit.ended_at = at
    db.session.flush()


# Fees


def add_fee(place: HandoverUnit, kind: FeeKind, amount: Decimal, basis: str = "") -> FeeItem:
    """Enter what a house pays.

    Args:
        place: The house in its batch.
        kind: What for.
        amount: In yuan, negative for money back.
        basis: How the amount comes about.

    Raises:
        HandoverRuleError: The keys are handed over, or the amount is none.
    """
    lock_place(place)
    require_keys_here(place)
    if not amount or abs(amount) >= MOST:
        raise HandoverRuleError(_("Write the amount in yuan, for example 12800.00; it cannot be 0."))
    fee = FeeItem(
        project_id=place.project_id,
        handover_unit_id=place.id,
        kind=kind,
        amount=amount,
        basis=basis.strip()[:200],
    )
    db.session.add(fee)
    weigh_fees(place)
    return fee


def pay_fee(fee: FeeItem, receipt_number: str, at: dt.datetime | None = None) -> None:
    """Note that a fee is paid.

    Args:
        fee: The fee.
        receipt_number: Number of the receipt or the bank's reference.
        at: When; now when omitted.

    Raises:
        HandoverRuleError: It is settled already, or the receipt is missing.
    """
    place = fee.handover_unit
    lock_place(place)
    _require_unsettled(fee)
    if not receipt_number.strip():
        raise HandoverRuleError(_("Write the number of the receipt, so that the payment can be found."))
    fee.paid_at = at or utc_now()
    fee.receipt_number = receipt_number.strip()[:60]
    fee.settled_by_id = require_scope().user_id
    charges.fee_was_settled(fee)
    weigh_fees(place, at)


def exempt_fee(fee: FeeItem, reason: str) -> None:
    """Exempt a house from a fee.

    Raises:
        HandoverRuleError: It is settled already, or the reason is missing.
    """
    place = fee.handover_unit
    lock_place(place)
    _require_unsettled(fee)
    fee.exempt_reason = _reason(reason)
    fee.settled_by_id = require_scope().user_id
    weigh_fees(place)


def exempt_house(place: HandoverUnit, reason: str) -> None:
    """Exempt a house from all fees, for example because nothing is due.

    Raises:
        HandoverRuleError: The keys are handed over, or the reason is missing.
    """
    lock_place(place)
    require_keys_here(place)
    place.fee_exempt_reason = _reason(reason)
    weigh_fees(place)


def _reason(text: str) -> str:
    if not text.strip():
        raise HandoverRuleError(_("Give the reason of the exemption; it stands on the fee sheet."))
    return text.strip()[:1000]


def _require_unsettled(fee: FeeItem) -> None:
    if fee.is_settled:
        raise HandoverRuleError(_("This fee is settled already."))


def weigh_fees(place: HandoverUnit, at: dt.datetime | None = None) -> None:
    """Find out anew whether the fees of a house are settled, and send the owner on when they have just become so.

    Args:
        place: The house in its batch.
        at: When; now when omitted.
    """
    db.session.flush()
    db.session.expire(place, ["fees"])
    fees = place.fees
    if place.fee_exempt_reason or (fees and all(fee.exempt_reason for fee in fees)):
        state = FeeState.EXEMPT
    elif fees and all(fee.is_settled for fee in fees):
        state = FeeState.SETTLED
    else:
        state = FeeState.OPEN
    was_open, place.fee_state = place.fee_state == FeeState.OPEN, state
    db.session.flush()
    if state == FeeState.OPEN or not was_open:
        return
    if place.state == "identity_ok":
        HANDOVER_UNIT.move(place, "settle")
    moment = at or utc_now()
    _finish_desk(place, Station.FEES, moment)
    reach(
        "TP-E04",
        "handover.fees_settled",
        _("House %(unit)s: fees settled.", unit=place.unit.code),
        happened_at=moment,
        **_about(place),
    )


def _finish_desk(place: HandoverUnit, station: Station, at: dt.datetime) -> None:
    """Send the owner on when what he is at the desk for is done; elsewhere he stays where he is."""
    visit = visit_of(place)
    here = station_of(visit)
    if visit is not None and here is not None and here.station == station:
        _go_on(place, visit, at)


# Papers


def prepare_papers(place: HandoverUnit, version: str) -> list[IssuedPaper]:
    """Put the papers of the pack together for a house, once; what is there already stays.

    Args:
        place: The house in its batch.
        version: Edition of the papers, for example 2026-1.

    Raises:
        HandoverRuleError: The keys are handed over, or the edition is missing.

    Source: domain reference 3.3.3 (document pack); one set of the two books for each house.
    """
    lock_place(place)
    require_keys_here(place)
    if not version.strip():
        raise HandoverRuleError(_("Write the edition of the two books, for example 2026-1."))
    held = {paper.kind for paper in place.papers}
    kinds: list[PaperKind] = [*TO_SIGN, *SHOWN]
    if place.unit.decoration == Decoration.FITTED:
        kinds += FITTED_ONLY
    made = [
        IssuedPaper(
            project_id=place.project_id,
            handover_unit_id=place.id,
            kind=kind,
            version=version.strip()[:30],
            number=f"{place.unit.code}-{position:02d}",
            must_be_signed=kind in TO_SIGN,
            issued_by_id=require_scope().user_id,
        )
        for position, kind in enumerate(kinds, start=1)
        if kind not in held
    ]
    db.session.add_all(made)
    weigh_papers(place, utc_now())
    return made


def sign_papers(place: HandoverUnit, signed_by: str, at: dt.datetime | None = None) -> int:
    """Note that the papers were explained and signed for; returns how many.

    Args:
        place: The house in its batch.
        signed_by: Who signed.
        at: When; now when omitted.

    Raises:
        HandoverRuleError: The name or the two books are missing.

    Source: touchpoint TP-E05.
    """
    lock_place(place)
    name = signed_by.strip()[:80]
    if not name:
        raise HandoverRuleError(_("Write the name of the person who signed."))
    if not set(BOOKS) <= {paper.kind for paper in place.papers}:
        raise HandoverRuleError(_("The two books are not issued. Prepare the papers of the house."))
    moment = at or utc_now()
    waiting = [paper for paper in place.papers if paper.must_be_signed and paper.signed_at is None]
    for paper in waiting:
        paper.signed_at, paper.signed_by = moment, name
    weigh_papers(place, moment)
    return len(waiting)


def weigh_papers(place: HandoverUnit, at: dt.datetime | None = None) -> None:
    """Find out anew whether the papers of a house are signed, and send the owner on when they have just become so.

    Args:
        place: The house in its batch.
        at: When; now when omitted.
    """
    at = at or utc_now()
    db.session.flush()
    db.session.expire(place, ["papers"])
    papers = place.papers
    is_signed = set(BOOKS) <= {paper.kind for paper in papers} and all(
        paper.signed_at is not None for paper in papers if paper.must_be_signed
    )
    was_open = place.papers_state == PapersState.OPEN
    place.papers_state = PapersState.SIGNED if is_signed else PapersState.OPEN
    db.session.flush()
    if not is_signed or not was_open:
        return
    _finish_desk(place, Station.PAPERS, at)
    reach(
        "TP-E05",
        "handover.papers_signed",
        _("House %(unit)s: papers signed.", unit=place.unit.code),
        happened_at=at,
        **_about(place),
    )


# Keys


def register_keys(place: HandoverUnit, kind: KeyKind, quantity: int, bag_number: str) -> KeyRecord:
    """Register the keys of one kind in a sealed bag, or correct what is registered.

    Raises:
        HandoverRuleError: The keys are handed over or on loan, the number is none, or the bag has no number.
    """
    lock_place(place)
    require_keys_here(place)
    if loan_of(place) is not None:
        raise HandoverRuleError(_("The keys are on loan for a repair. Take them back first."))
    if not 1 <= quantity <= MOST_KEYS:
        raise HandoverRuleError(_("Write how many keys there are, from 1 to %(most)d.", most=MOST_KEYS))
    if not bag_number.strip():
        raise HandoverRuleError(_("Write the number of the sealed bag."))
    record = next((key for key in place.keys if key.kind == kind), None)
    if record is None:
        record = KeyRecord(project_id=place.project_id, handover_unit_id=place.id, kind=kind)
        db.session.add(record)
    record.quantity, record.bag_number = quantity, bag_number.strip()[:40]
    db.session.flush()
    db.session.expire(place, ["keys"])
    return record


def loan_of(place: HandoverUnit) -> KeyLoan | None:
    """Return the loan that is not given back, or None."""
    return db.session.scalar(
        sa.select(KeyLoan).where(KeyLoan.handover_unit_id == place.id, KeyLoan.returned_at.is_(None)).limit(1)
    )


def is_loan_overdue(loan: KeyLoan, now: dt.datetime | None = None) -> bool:
    """Return whether the keys should be back."""
    return (loan.returned_at or now or utc_now()) > loan.due_at


def lend_keys(
    place: HandoverUnit, borrower: str, purpose: str, days: int, at: dt.datetime | None = None
) -> KeyLoan:
    """Lend the sealed keys for a repair; the seal that is broken is noted.

    Args:
        place: The house in its batch.
        borrower: Who takes them.
        purpose: What is repaired.
        days: For how many days; at most the setting ``key_loan_days``.
        at: When; now when omitted.

    Raises:
        HandoverRuleError: The keys are not here, not sealed, or lent for too long.

    Source: domain reference 3.3.6 rule 7.
    """
    lock_place(place)
    require_keys_here(place)
    most = int(setting("handover", "key_loan_days"))
    if not 1 <= days <= most:
        raise HandoverRuleError(_("Keys are lent for 1 to %(most)d days.", most=most))
    if not borrower.strip() or not purpose.strip():
        raise HandoverRuleError(_("Write who takes the keys and what is repaired."))
    if loan_of(place) is not None:
        raise HandoverRuleError(_("The keys are on loan for a repair. Take them back first."))
    if not place.keys or any(not key.bag_number for key in place.keys):
        raise HandoverRuleError(_("The keys are not registered in a sealed bag."))
    moment = at or utc_now()
    loan = KeyLoan(
        project_id=place.project_id,
        handover_unit_id=place.id,
        borrower=borrower.strip()[:80],
        purpose=purpose.strip()[:200],
        bag_number=", ".join(sorted({key.bag_number for key in place.keys}))[:40],
        borrowed_at=moment,
        due_at=moment + dt.timedelta(days=days),
        lent_by_id=require_scope().user_id,
    )
    db.session.add(loan)
    db.session.flush()
    db.session.expire(place, ["key_loans"])
    return loan


def take_keys_back(loan: KeyLoan, bag_number: str, at: dt.datetime | None = None) -> None:
    """Note that lent keys are back in a new sealed bag.

    Raises:
        HandoverRuleError: They are back already, or the bag has no number.
    """
    place = loan.handover_unit
    lock_place(place)
    if loan.returned_at is not None:
        raise HandoverRuleError(_("These keys are back already."))
    if not bag_number.strip():
        raise HandoverRuleError(_("Write the number of the sealed bag."))
    loan.returned_at = at or utc_now()
    loan.returned_bag_number = bag_number.strip()[:40]
    for key in place.keys:
        key.bag_number = loan.returned_bag_number
    db.session.flush()
    db.session.expire(place, ["key_loans"])


def hand_keys(place: HandoverUnit, receiver: str, at: dt.datetime | None = None) -> None:
    """Hand the keys to the owner, opened and tried before his eyes.

    Args:
        place: The house in its batch.
        receiver: Who takes them.
        at: When; now when omitted.

    Raises:
        TransitionRefused: Fees, papers, inspection or keys are not ready (domain reference 3.3.6 rule 7).
    """
    lock_place(place)
    HANDOVER_UNIT.move(place, "hand_keys", receiver=receiver.strip())
    moment = at or utc_now()
    for key in place.keys:
        key.handed_at, key.handed_to = moment, receiver.strip()[:80]
    place.keys_state = KeysState.HANDED
    visit = visit_of(place)
    if visit is not None:
        _pass(visit, Station.KEYS, moment)
    db.session.flush()


def deliver(place: HandoverUnit) -> None:
    """Confirm the delivery; the house is delivered on the day on which the keys were handed over.

    The owner's warranty begins there, and whoever follows the touchpoint TP-E08 goes on (domain reference 3.3.6
    rule 8).

    Raises:
        TransitionRefused: The keys are still here.
        HandoverRuleError: The house was delivered on another day already.
    """
    lock_place(place)
    moment = max((key.handed_at for key in place.keys if key.handed_at is not None), default=utc_now())
    day = moment.astimezone(LOCAL_ZONE).date()
    if place.unit.delivered_on not in (None, day):
        raise HandoverRuleError(
            _(
                "House %(unit)s carries %(day)s as its day of delivery. Correct it on the page of the house first.",
                unit=place.unit.code,
                day=str(place.unit.delivered_on),
            )
        )
    HANDOVER_UNIT.move(place, "deliver")
    place.delivered_at = moment
    db.session.flush()
    record_delivery(place.unit, day)
    visit = visit_of(place)
    if visit is not None:
        _go_on(place, visit, utc_now())
    appointments.note_end(place)
    reach(
        "TP-E08",
        "handover.delivered",
        _("House %(unit)s was delivered.", unit=place.unit.code),
        happened_at=moment,
        details={"batch": place.batch.code, "delivered_at": moment.isoformat()},
        **_about(place),
    )
    _follow_up(place, day)


def _follow_up(place: HandoverUnit, day: dt.date) -> None:
    """Ask for the call-back and the revisits that a delivery brings (domain reference 3.3.6 rule 8)."""
    about = _about(place)
    titles = {
        "e09": _("Call back after the handover of %(unit)s", unit=place.unit.code),
        "g01": _("Greet the owner who moves into %(unit)s", unit=place.unit.code),
        "g02": _("Revisit %(unit)s after three months", unit=place.unit.code),
        "g03": _("Visit %(unit)s at home after half a year", unit=place.unit.code),
        "g04": _("Revisit %(unit)s after a year", unit=place.unit.code),
    }
    for key, title in titles.items():
        due = day + dt.timedelta(days=int(setting("handover", f"follow_up_days_{key}")))
        assign_touchpoint(
            f"TP-{key.upper()}",
            place,
            title,
            due_at=dt.datetime.combine(due, dt.time(18), LOCAL_ZONE),
            customer=about["customer"],
            unit=place.unit,
        )


# Refusals


def refuse(place: HandoverUnit, reason: str, note: str, at: dt.datetime | None = None) -> None:
    """Note that the owner refuses the house at the desk, without or after its inspection.

    Args:
        place: The house in its batch.
        reason: R1 to R9 (domain reference 3.3.6 rule 6).
        note: His words.
        at: When; now when omitted.

    Raises:
        TransitionRefused: The house is not before the keys, or reason or words are missing.
    """
    HANDOVER_UNIT.move(place, "refuse_at_desk", note, refusal_reason=reason)
    moment = at or utc_now()
    _refused(place, visit_of(place), reason, note, moment)


def _refused(
    place: HandoverUnit, visit: HandoverVisit | None, reason: str, note: str, at: dt.datetime
) -> None:
    place.refusal_reason, place.refusal_note = reason, note.strip()[:2000]
    place.reply_due_at = at + dt.timedelta(days=int(setting("handover", "refusal_reply_days")))
    place.replied_at, place.reply_text = None, ""
    if visit is not None:
        _leave(visit, at)
        visit.outcome, visit.ended_at = "refused", at
    db.session.flush()
    number = visit.number if visit is not None else 0
    add_todo(
        place,
        _("Reply to the refusal of %(unit)s (%(reason)s)", unit=place.unit.code, reason=reason),
        role="PCM",
        due_at=place.reply_due_at,
        dedupe_key=f"{REFUSALS_BY}{place.id}:{number}",
        note=note[:500],
        unit=place.unit,
    )
    write_timeline(
        "handover.refused",
        _("House %(unit)s was refused: %(reason)s.", unit=place.unit.code, reason=reason),
        happened_at=at,
        details={"reason": reason},
        **_about(place),
    )


def reply_to_refusal(place: HandoverUnit, text: str, at: dt.datetime | None = None) -> None:
    """Note the letter with which a refusal was answered; the to-do is done.

    Args:
        place: The house in its batch.
        text: What was replied, or the number of the letter.
        at: When; now when omitted.

    Raises:
        HandoverRuleError: Nothing was refused, it is answered already, or the text is missing.
    """
    lock_place(place)
    if place.reply_due_at is None or place.replied_at is not None:
        raise HandoverRuleError(_("No refusal of %(unit)s waits for a reply.", unit=place.unit.code))
    if not text.strip():
        raise HandoverRuleError(_("Write what was replied, or the number of the letter."))
    place.replied_at, place.reply_text = at or utc_now(), text.strip()[:2000]
    finish_todos_of(place, note=place.reply_text[:200], prefix=REFUSALS_BY)
    db.session.flush()


# Steps of the record page


def take_step(place: HandoverUnit, code: str, values: Mapping[str, Any]) -> None:
    """Carry out a step of a house, with everything that belongs to it.

    Args:
        place: The house in its batch.
        code: The transition.
        values: What its form asked for.
    """
    given = dict(values)
    comment = str(given.pop("comment", "") or "")
    if code == "arrive":
        sign_in(place)
    elif code == "identify":
        check_identity(
            place,
            attorney_name=given.get("attorney_name") or "",
            attorney_document=given.get("attorney_document") or "",
        )
    elif code == "hand_keys":
        hand_keys(place, given.get("receiver") or "")
    elif code == "deliver":
        deliver(place)
    elif code == "refuse_at_desk":
        refuse(place, given.get("refusal_reason") or "", comment)
    else:
        HANDOVER_UNIT.move(place, code, comment, **given)
        _date_step(place, code)


def _date_step(place: HandoverUnit, code: str) -> None:
    now = utc_now()
    if code == "notify":
        place.notice_sent_at = now
        reach(
            "TP-E01",
            "handover.notified",
            _("House %(unit)s: delivery notice sent.", unit=place.unit.code),
            **_about(place),
        )
    elif code == "receive_notice":
        letters.note_receipt(place, "", now)
    elif code == "deem":
        place.legal_reviewed_at = place.legal_reviewed_by_id = None
        add_todo(
            place,
            _("Review whether %(unit)s is deemed delivered", unit=place.unit.code),
            role="LEG",
            dedupe_key=f"handover.deemed:{place.id}:{place.row_version}",
            unit=place.unit,
        )
    elif code == "review_deemed":
        place.legal_reviewed_at, place.legal_reviewed_by_id = now, require_scope().user_id
        finish_todos_of(place, prefix="handover.deemed:")
    elif code == "overturn_deemed":
        place.deemed_on, place.deemed_reason = None, ""
        finish_todos_of(place, prefix="handover.deemed:")
    db.session.flush()


def obstacles(place: HandoverUnit) -> Sequence[str]:
    """Return what still stands between the owner and the keys, each a full sentence."""
    return key_obstacles(place)
