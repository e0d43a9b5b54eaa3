"""Visits of owners and the stations that they pass (domain reference 3.3.1)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from core.toolkit import (
    _,
    _l,
    db,
    reach,
    require_scope,
    utc_now,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    FeeState,
    HandoverUnit,
    HandoverVisit,
    PapersState,
    Station,
    StationLog,
)
from plugins.handover.preparation.services import appointments
from plugins.handover.services.places import ACCEPTED, about, lock_place
from plugins.handover.workflows import HANDOVER_UNIT


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


def new_visit(place: HandoverUnit, at: dt.datetime, *, signed_in: bool) -> HandoverVisit:
    """Begin a visit of a house.

    Args:
        place: The house in its batch.
        at: When the owner came.
        signed_in: Whether he signed in at a desk.
    """
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


def enter(visit: HandoverVisit, station: Station, at: dt.datetime) -> None:
    """Note that the owner comes to a station."""
    db.session.add(StationLog(project_id=visit.project_id, visit_id=visit.id, station=station, entered_at=at))
    db.session.flush()


def leave(visit: HandoverVisit, at: dt.datetime) -> None:
    """Note that the owner leaves the station where he is, if any."""
    here = station_of(visit)
    if here is not None:
        here.left_at, here.staff_id = at, require_scope().user_id
        db.session.flush()


def pass_station(visit: HandoverVisit, station: Station, at: dt.datetime) -> None:
    """Finish a station, wherever the owner stood."""
    here = station_of(visit)
    if here is None or here.station != station:
        leave(visit, at)
        enter(visit, station, at)
    leave(visit, at)


def go_on(place: HandoverUnit, visit: HandoverVisit, at: dt.datetime) -> None:
    """Send the owner from where he stands to the first station that is still open."""
    leave(visit, at)
    following = open_stations(place)
    if following:
        enter(visit, following[0], at)
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
    visit = new_visit(place, moment, signed_in=True)
    if place.state in ACCEPTED:
        # An owner who accepted the house on another day comes back for the keys.
        last = db.session.scalar(
            sa.select(HandoverVisit.outcome).where(
                HandoverVisit.handover_unit_id == place.id, HandoverVisit.number == visit.number - 1
            )
        )
        visit.outcome = last or ""
    pass_station(visit, Station.SIGN_IN, moment)
    go_on(place, visit, moment)
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
        pass_station(visit, Station.IDENTITY, moment)
    if place.fee_state != FeeState.OPEN:
        HANDOVER_UNIT.move(place, "settle")
    if visit is not None:
        go_on(place, visit, moment)
    reach(
        "TP-E03",
        "handover.signed_in",
        _l("House %(unit)s: signed in, identity checked.", unit=place.unit.code),
        happened_at=moment,
        **about(place),
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
    leave(visit, moment)
    enter(visit, station, moment)


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
    leave(visit, moment)
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
    pass_station(visit, Station.SURVEY, moment)
    go_on(place, visit, moment)


def finish_desk(place: HandoverUnit, station: Station, at: dt.datetime) -> None:
    """Send the owner on when what he is at the desk for is done; elsewhere he stays where he is."""
    visit = visit_of(place)
    here = station_of(visit)
    if visit is not None and here is not None and here.station == station:
        go_on(place, visit, at)
