"""Keys: registered, lent, handed over; and the delivery that follows (domain reference 3.3.6 rules 7 and 8)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    _,
    _l,
    assign_touchpoint,
    db,
    reach,
    record_delivery,
    require_scope,
    setting,
    utc_now,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    HandoverUnit,
    KeyKind,
    KeyLoan,
    KeyRecord,
    KeysState,
    Station,
)
from plugins.handover.preparation.services import appointments
from plugins.handover.services.places import about, lock_place, require_keys_here
from plugins.handover.services.visits import go_on, pass_station, visit_of
from plugins.handover.workflows import HANDOVER_UNIT

MOST_KEYS = 99


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
        pass_station(visit, Station.KEYS, moment)
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
        go_on(place, visit, utc_now())
    appointments.note_end(place)
    reach(
        "TP-E08",
        "handover.delivered",
        _l("House %(unit)s was delivered.", unit=place.unit.code),
        happened_at=moment,
        details={"batch": place.batch.code, "delivered_at": moment.isoformat()},
        **about(place),
    )
    _follow_up(place, day)


def _follow_up(place: HandoverUnit, day: dt.date) -> None:
    """Ask for the call-back and the revisits that a delivery brings (domain reference 3.3.6 rule 8)."""
    customer = about(place)["customer"]
    titles = {
        "e09": _l("Call back after the handover of %(unit)s", unit=place.unit.code),
        "g01": _l("Greet the owner who moves into %(unit)s", unit=place.unit.code),
        "g02": _l("Revisit %(unit)s after three months", unit=place.unit.code),
        "g03": _l("Visit %(unit)s at home after half a year", unit=place.unit.code),
        "g04": _l("Revisit %(unit)s after a year", unit=place.unit.code),
    }
    for key, title in titles.items():
        due = day + dt.timedelta(days=int(setting("handover", f"follow_up_days_{key}")))
        assign_touchpoint(
            f"TP-{key.upper()}",
            place,
            title,
            due_at=dt.datetime.combine(due, dt.time(18), LOCAL_ZONE),
            customer=customer,
            unit=place.unit,
        )
