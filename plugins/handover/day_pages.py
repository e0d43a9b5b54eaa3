"""The pages of the handover day: who is at which station, and one house with its next step; for staff."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from core.toolkit import (
    LOCAL_ZONE,
    SaveRefused,
    Signature,
    TransitionRefused,
    Unit,
    _,
    commit,
    db,
    has_permission,
    local_today,
    normalise_unit_text,
    owners_of,
    requires,
    signatures_of,
    strict_id,
    utc_now,
)
from plugins.handover import form_signing, indicators, services, words
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    FeeItem,
    FeeKind,
    FormKind,
    HandoverUnit,
    HandoverVisit,
    HouseForm,
    Inspection,
    InspectionKind,
    InspectionState,
    KeyKind,
    KeyLoan,
    Station,
    StationLog,
)
from plugins.handover.preparation.services import appointments
from plugins.handover.workflows import HANDOVER_UNIT, key_obstacles

blueprint = Blueprint("handover_day", __name__)

REFUSALS = (HandoverRuleError, TransitionRefused, SaveRefused)
_KEY = "<int(max=9223372036854775807):{}>"
PLACE = f"/{_KEY.format('place_id')}"
MOST = 200
VIEWS = ("here", "today", "done")


def typed(name: str, longest: int = 200) -> str:
    """Return what was typed into a field, without what no database takes."""
    return request.form.get(name, "").replace("\0", "").strip()[:longest]


def _place(key: int) -> HandoverUnit:
    found = db.session.scalar(sa.select(HandoverUnit).where(HandoverUnit.id == key))
    return found if found is not None else abort(404)


def desk_step(function: Callable[..., str]) -> Callable[..., Response | tuple[str, int]]:
    """Carry out a step of a house and show it again; what a rule refuses keeps what was typed."""

    @wraps(function)
    def answer(place_id: int) -> Response | tuple[str, int]:
        place = _place(place_id)
        try:
            sentence = function(place)
            commit()
        except REFUSALS as refused:
            db.session.rollback()
            flash(str(refused), "error")
            return _page(_place(place_id)), 422
        flash(sentence, "success")
        return redirect(url_for(".house", place_id=place_id), 303)

    return answer


# Who is where


@blueprint.get("/")
@requires("handover.view")
def index() -> str:
    """Show the houses of today by station and state, and what is late."""
    sought = request.args.get("q", "")[:60].replace("\0", "").strip()
    view = request.args.get("view", "")
    view = view if view in VIEWS else "here"
    start = dt.datetime.combine(local_today(), dt.time(), LOCAL_ZONE)
    end = start + dt.timedelta(days=1)
    now = utc_now()
    came_today = sa.and_(HandoverUnit.arrived_at >= start, HandoverUnit.arrived_at < end)
    runs = HandoverUnit.id.in_(
        sa.select(HandoverVisit.handover_unit_id).where(HandoverVisit.ended_at.is_(None))
    )
    if sought:
        code = normalise_unit_text(sought)
        condition: Any = sa.or_(Unit.code == code, Unit.number == code)
    elif view == "here":
        condition = runs
    elif view == "today":
        condition = sa.and_(HandoverUnit.booked_for >= start, HandoverUnit.booked_for < end, ~came_today)
    else:
        condition = sa.and_(came_today, ~runs)
    rows = db.session.scalars(
        sa.select(HandoverUnit)
        .join(Unit, Unit.id == HandoverUnit.unit_id)
        .where(condition)
        .options(
            joinedload(HandoverUnit.unit), joinedload(HandoverUnit.project), joinedload(HandoverUnit.engineer)
        )
        .order_by(HandoverUnit.booked_for, HandoverUnit.arrived_at, Unit.code)
        .limit(MOST)
    ).all()
    where = _where([row.id for row in rows])
    desks = appointments.desks_of(rows)
    groups: dict[Any, list[HandoverUnit]] = {station: [] for station in Station}
    others: list[HandoverUnit] = []
    for row in rows:
        groups[where[row.id].station].append(row) if row.id in where else others.append(row)
    loans = db.session.scalars(
        sa.select(KeyLoan)
        .where(KeyLoan.returned_at.is_(None), KeyLoan.due_at < now)
        .options(joinedload(KeyLoan.handover_unit).joinedload(HandoverUnit.unit))
        .order_by(KeyLoan.due_at)
        .limit(MOST)
    ).all()
    replies = db.session.scalars(
        sa.select(HandoverUnit)
        .where(HandoverUnit.reply_due_at.is_not(None), HandoverUnit.replied_at.is_(None))
        .options(joinedload(HandoverUnit.unit))
        .order_by(HandoverUnit.reply_due_at)
        .limit(MOST)
    ).all()
    today = sa.and_(HandoverVisit.arrived_at >= start, HandoverVisit.arrived_at < end)
    return render_template(
        "handover/day/index.html",
        typed=sought,
        view=view,
        today=local_today(),
        now=now,
        groups=groups,
        others=others,
        desks=desks,
        where=where,
        loans=loans,
        replies=replies,
        stations=words.STATIONS,
        reasons=words.refusal_reasons(),
        workflow=HANDOVER_UNIT,
        accepted=indicators.accepted_at_first_visit(today),
        refused=indicators.refused(today),
        delivered=indicators.delivered_by(now),
        minutes=indicators.handover_minutes(today),
    )


def _where(place_ids: list[int]) -> dict[int, StationLog]:
    """Return the stay at the station where each owner is now, by the house."""
    if not place_ids:
        return {}
    rows = db.session.execute(
        sa.select(HandoverVisit.handover_unit_id, StationLog)
        .join(HandoverVisit, HandoverVisit.id == StationLog.visit_id)
        .where(
            HandoverVisit.handover_unit_id.in_(place_ids),
            HandoverVisit.ended_at.is_(None),
            StationLog.left_at.is_(None),
        )
    )
    return {row[0]: row[1] for row in rows}


@blueprint.get(PLACE)
@requires("handover.view")
def house(place_id: int) -> str:
    """Show one house of the day: where it is, what is still open, and its next step."""
    return _page(_place(place_id))


def _page(place: HandoverUnit) -> str:
    visit = services.visit_of(place)
    here = services.station_of(visit)
    last = services.last_visit_of(place)
    loan = services.loan_of(place)
    return render_template(
        "handover/day/house.html",
        place=place,
        state=HANDOVER_UNIT.state_of(place),
        owners=owners_of(place.unit),
        visit=visit,
        here=here,
        last=last,
        remaining=services.open_stations(place),
        obstacles=key_obstacles(place) if place.keys_state == "held" else [],
        loan=loan,
        loan_is_late=loan is not None and services.is_loan_overdue(loan),
        inspection=_formal_round(place),
        next_step=_next_step(place, here),
        may=has_permission,
        stations=words.STATIONS,
        fee_kinds=words.FEE_KINDS,
        fee_states=words.FEE_STATES,
        paper_kinds=words.PAPER_KINDS,
        books=services.papers.BOOKS,
        print_in=_language_of(place),
        papers_states=words.PAPERS_STATES,
        form_roles=form_signing.ROLES,
        key_kinds=words.KEY_KINDS,
        keys_states=words.KEYS_STATES,
        reasons=words.refusal_reasons(),
        forms=form_states(place),
        equipment=words.EQUIPMENT,
        today=local_today(),
        may_refuse=place.state in HANDOVER_UNIT.transition("refuse_at_desk").sources,
        typed=request.form,
        back_url=url_for(".index"),
    )


def _language_of(place: HandoverUnit) -> str:
    """Return the language in which the first owner of a house reads his papers."""
    owners = owners_of(place.unit)
    return (owners[0].language if owners else "") or "zh_Hans_CN"


@dataclass(frozen=True)
class FormState:
    """How a form of a house stands.

    Attributes:
        kind: Which form.
        label: What it is called.
        form: The form that is ready or signed; None when none is prepared.
        made: Who signed it, and when.
        missing: In which roles a signature is missing.
        document: Code of the document that prints it.
    """

    kind: FormKind
    label: Any
    form: HouseForm | None
    made: Sequence[Signature]
    missing: Sequence[str]
    document: str


def form_states(place: HandoverUnit) -> list[FormState]:
    """Return the forms that are signed on glass at this stage of a house: deed and key receipt, or the refusal."""
    kinds = {FormKind.DEED: "handover.deed", FormKind.KEY_RECEIPT: "handover.key_receipt"}
    if place.state == "refused":
        kinds = {FormKind.REFUSAL: "handover.refusal_statement"}
    found = []
    for kind, document in kinds.items():
        form = services.form_of(place, kind)
        is_due = place.state in services.places.ACCEPTED or kind == FormKind.REFUSAL
        if form is None and not is_due:
            continue
        found.append(
            FormState(
                kind,
                words.FORM_KINDS[kind],
                form,
                [each for each in signatures_of(form) if each.supplement_id is None]
                if form is not None
                else [],
                services.missing_roles(form, form_signing.NEEDED[kind]) if form is not None else (),
                document,
            )
        )
    return found


def _formal_round(place: HandoverUnit) -> Inspection | None:
    return db.session.scalar(
        sa.select(Inspection)
        .where(
            Inspection.unit_id == place.unit_id,
            Inspection.kind == InspectionKind.FORMAL,
            Inspection.state.in_((InspectionState.PLANNED, InspectionState.IN_PROGRESS)),
        )
        .order_by(Inspection.id.desc())
        .limit(1)
    )


def _next_step(place: HandoverUnit, here: StationLog | None) -> str:
    """Return what the button at the bottom does: the work of the station where the owner is."""
    if place.state == "keys_handed":
        return "deliver"
    if here is None:
        return "" if place.state in ("delivered", "reviewed") else "sign_in"
    return {Station.OPINION: "inspection", Station.SIGN_IN: "identity"}.get(here.station, str(here.station))


# Steps at the desk


@blueprint.post(f"{PLACE}/sign-in")
@requires("handover.receive")
@desk_step
def sign_in(place: HandoverUnit) -> str:
    """Sign the owner in."""
    services.sign_in(place)
    return _("Signed in: %(unit)s.", unit=place.unit.code)


@blueprint.post(f"{PLACE}/identity")
@requires("handover.receive")
@desk_step
def identity(place: HandoverUnit) -> str:
    """Note that the identity was checked."""
    services.check_identity(
        place,
        attorney_name=typed("attorney_name", 80),
        attorney_document=typed("attorney_document", 120),
    )
    return _("The identity is checked.")


@blueprint.post(f"{PLACE}/send")
@requires("handover.receive")
@desk_step
def send(place: HandoverUnit) -> str:
    """Send the owner to a station."""
    station = typed("station")
    if station not in words.STATIONS:
        raise HandoverRuleError(_("Choose a station."))
    services.send_to(place, Station(station))
    return _("Sent to: %(station)s.", station=str(words.STATIONS[Station(station)]))


@blueprint.post(f"{PLACE}/leave")
@requires("handover.receive")
@desk_step
def leave(place: HandoverUnit) -> str:
    """Note that the owner has left."""
    services.end_visit(place)
    return _("The visit has ended.")


@blueprint.post(f"{PLACE}/survey")
@requires("handover.receive")
@desk_step
def survey(place: HandoverUnit) -> str:
    """Note that the owner was asked how the day was."""
    services.finish_survey(place)
    return _("The visit has ended.")


@blueprint.post(f"{PLACE}/refuse")
@requires("handover.receive")
@desk_step
def refuse(place: HandoverUnit) -> str:
    """Note that the owner refuses the house."""
    reason = typed("refusal_reason", 4)
    if reason not in words.refusal_reasons():
        raise HandoverRuleError(_("Choose the reason for the refusal, R1 to R9."))
    services.refuse(place, reason, typed("note", 1000))
    return _("The refusal is noted; the reply is due in time.")


@blueprint.post(f"{PLACE}/reply")
@requires("handover.receive")
@desk_step
def reply(place: HandoverUnit) -> str:
    """Note the reply to a refusal."""
    services.reply_to_refusal(place, typed("reply", 2000))
    return _("The reply is noted.")


@blueprint.post(f"{PLACE}/inspection")
@requires("handover.inspect")
def inspection(place_id: int) -> Response:
    """Go on to the formal inspection of the house; it is planned for today if there is none."""
    place = _place(place_id)
    found = _formal_round(place)
    if found is None:
        try:
            found = services.plan_inspection(
                place.unit, InspectionKind.FORMAL, attorney_name=place.attorney_name
            )
            commit()
        except REFUSALS as refused:
            db.session.rollback()
            flash(str(refused), "error")
            return redirect(url_for(".house", place_id=place_id), 303)
    return redirect(url_for("handover.inspection", inspection_id=found.id), 303)


# Papers


@blueprint.post(f"{PLACE}/papers")
@requires("handover.receive")
@desk_step
def prepare(place: HandoverUnit) -> str:
    """Put the papers of a house together."""
    made = services.prepare_papers(place, typed("version", 30))
    return _("Papers prepared: %(count)d.", count=len(made))


@blueprint.post(f"{PLACE}/papers/sign")
@requires("handover.receive")
@desk_step
def sign(place: HandoverUnit) -> str:
    """Note that the papers were signed for."""
    count = services.sign_papers(place, typed("signed_by", 80))
    return _("Papers signed: %(count)d.", count=count)


# Fees


@blueprint.post(f"{PLACE}/fees")
@requires("handover.settle_fees")
@desk_step
def add_fee(place: HandoverUnit) -> str:
    """Enter a fee."""
    kind = typed("kind")
    if kind not in words.FEE_KINDS:
        raise HandoverRuleError(_("Choose what is paid for."))
    services.add_fee(place, FeeKind(kind), typed_amount(), typed("basis"))
    return _("The fee is entered.")


def typed_amount() -> Decimal:
    """Return the amount that was typed, in yuan.

    Raises:
        HandoverRuleError: It is no amount.
    """
    try:
        amount = Decimal(typed("amount", 20).replace(",", "")).quantize(Decimal("0.01"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise HandoverRuleError(_("Write the amount in yuan, for example 12800.00; it cannot be 0."))
    return amount


def typed_fee(place: HandoverUnit) -> FeeItem:
    """Return the fee of a house that was meant.

    Raises:
        HandoverRuleError: The house has no such fee.
    """
    key = strict_id(typed("fee_id", 20))
    fee = next((each for each in place.fees if each.id == key), None)
    if fee is None:
        raise HandoverRuleError(_("This house has no such fee. Reload the page."))
    return fee


@blueprint.post(f"{PLACE}/fees/paid")
@requires("handover.settle_fees")
@desk_step
def pay(place: HandoverUnit) -> str:
    """Note that a fee is paid."""
    services.pay_fee(typed_fee(place), typed("receipt_number", 60))
    return _("The payment is noted.")


@blueprint.post(f"{PLACE}/fees/exempt")
@requires("handover.exempt_fees")
@desk_step
def exempt(place: HandoverUnit) -> str:
    """Exempt the house from all fees that are open."""
    services.exempt_house(place, typed("reason", 1000))
    return _("The house is exempt from the fees that are open.")


# Keys


@blueprint.post(f"{PLACE}/keys")
@requires("handover.hand_keys")
@desk_step
def register_keys(place: HandoverUnit) -> str:
    """Register keys in their bag."""
    kind, quantity = typed("kind"), typed("quantity", 4)
    if kind not in words.KEY_KINDS:
        raise HandoverRuleError(_("Choose the kind of key."))
    services.register_keys(
        place, KeyKind(kind), int(quantity) if quantity.isdecimal() else 0, typed("bag_number", 40)
    )
    return _("The keys are registered.")


@blueprint.post(f"{PLACE}/keys/lend")
@requires("handover.hand_keys")
@desk_step
def lend_keys(place: HandoverUnit) -> str:
    """Lend the keys for a repair."""
    days = typed("days", 3)
    services.lend_keys(place, typed("borrower", 80), typed("purpose"), int(days) if days.isdecimal() else 0)
    return _("The keys are lent.")


@blueprint.post(f"{PLACE}/keys/back")
@requires("handover.hand_keys")
@desk_step
def take_keys_back(place: HandoverUnit) -> str:
    """Note that lent keys are back."""
    loan = services.loan_of(place)
    if loan is None:
        raise HandoverRuleError(_("These keys are back already."))
    services.take_keys_back(loan, typed("bag_number", 40))
    return _("The keys are back in a sealed bag.")


@blueprint.post(f"{PLACE}/keys/hand")
@requires("handover.hand_keys")
@desk_step
def hand_keys(place: HandoverUnit) -> str:
    """Hand the keys over."""
    services.hand_keys(place, typed("receiver", 80))
    return _("The keys are handed over. Confirm the delivery now.")


@blueprint.post(f"{PLACE}/deliver")
@requires("handover.hand_keys")
@desk_step
def deliver(place: HandoverUnit) -> str:
    """Confirm the delivery."""
    services.deliver(place)
    return _("House %(unit)s was delivered.", unit=place.unit.code)
