"""The page on which an owner books, moves and cancels his own appointment, by a personal link."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, flash, redirect, render_template, request
from wtforms import HiddenField, IntegerField, TextAreaField
from wtforms.validators import Length, NumberRange, Optional

from core.toolkit import (
    LinkPurpose,
    LinkVisit,
    MessageTemplate,
    Placeholder,
    PublicForm,
    TransitionRefused,
    Unit,
    _,
    _l,
    db,
    in_language,
    owners_of,
    personal_link,
    strict_id,
    utc_now,
)
from plugins.reservations import opening, services
from plugins.reservations.errors import ReservationRuleError
from plugins.reservations.models import Booking, BookingSource, Purpose, Slot
from plugins.reservations.workflows import BOOKING, COMING

BOOK = "reservations.book"
SHOWN_DAYS = 14
"""Days with free slots that the page shows at most."""

blueprint = Blueprint("reservations", __name__)

LINK = LinkPurpose(
    BOOK,
    _l("Book an appointment"),
    "core.unit",
    "reservations.choose",
    "reservations.record_booking",
    days=60,
    collects=_l(
        "How many people come, when, and what they need, so that we can receive you. The last digits of the telephone "
        "number only tell us that it is you."
    ),
    permissions=("reservations.view", "reservations.record_booking"),
    message="reservations.invitation",
    recipients=owners_of,
)
"""During a visit the owner may book for the one house of the link."""

MESSAGE = MessageTemplate(
    "reservations.invitation",
    _l("Invitation to book an appointment"),
    "{customer}，您好！请打开链接为{project}的房屋选择到访时间：{link} {company}",
    "Dear {customer}, please open the link to choose a time for your home in {project}: {link} {company}",
    subject="请选择到访时间",
    subject_en="Please choose a time",
    placeholders=(Placeholder("link", _l("Personal link"), "https://…/l/…"),),
)


class ChooseForm(PublicForm):
    """Which slot, and how many people come."""

    slot = HiddenField()
    booking = HiddenField()
    guests = IntegerField(
        _l("People"), [Optional(), NumberRange(1, 1000)], render_kw={"inputmode": "numeric"}
    )
    wishes = TextAreaField(_l("Special wishes"), [Optional(), Length(max=1000)])


@blueprint.route("/book/<int(max=9223372036854775807):link_id>", methods=["GET", "POST"])
@personal_link(BOOK)
def choose(visit: LinkVisit) -> Any:
    """Show the slots that are free and what the owner has booked, and take his choice."""
    unit: Unit = visit.record
    movable = [each for each in bookings_of_visit(visit, unit) if each.state in (*COMING, "waiting")]
    known = movable[0] if len(movable) == 1 else None
    if known is not None:
        form = ChooseForm.of(visit, guests=known.guests, wishes=known.wishes)
    else:
        # Of several bookings nobody knows yet which one is moved: what is left empty stays as it was booked.
        form = ChooseForm.of(visit, guests=None if movable else 1, wishes="")
    if request.method == "POST" and form.validate():
        words = {"cancel": _("Your appointment is cancelled."), "book": _("Your appointment is noted.")}
        step = "cancel" if request.form.get("step") == "cancel" else "book"
        act = _cancel if step == "cancel" else _take
        if form.save(lambda: act(visit, unit, form), refusals=(ReservationRuleError, TransitionRefused)):
            flash(words[step], "success")
            return redirect(request.path, 303)
    offers, refusals = _offers(unit)
    return (
        render_template(
            "reservations/public/choose.html",
            visit=visit,
            form=form,
            unit=unit,
            project=in_language(unit.project.name, unit.project.name_en),
            bookings=bookings_of_visit(visit, unit),
            offers=offers,
            refusals=refusals,
            states=BOOKING,
            coming=(*COMING, "waiting"),
            several=len(movable) > 1,
            slot_title=services.slot_title,
            purpose_name=services.purpose_name,
            clock=services.clock,
            resource_name=services.resource_name,
            weekdays=opening.WEEKDAYS,
        ),
        form.status,
    )


def bookings_of_visit(visit: LinkVisit, unit: Unit) -> list[Booking]:
    """Return what the visitor has booked for the house and is still to come."""
    return list(
        db.session.scalars(
            sa.select(Booking)
            .join(Slot, Slot.id == Booking.slot_id)
            .where(
                Booking.unit_id == unit.id,
                Booking.customer_id == visit.customer.id,
                Booking.state != "cancelled",
                Slot.ends_at > utc_now(),
            )
            .order_by(Slot.starts_at)
        )
    )


def _offers(unit: Unit) -> tuple[list[tuple[Purpose, dict[dt.date, list[Slot]]]], list[str]]:
    """Return the free slots of each purpose, and why there are none for a purpose that the house is done with."""
    offers, refusals = [], []
    for purpose in db.session.scalars(
        sa.select(Purpose)
        .where(Purpose.project_id == unit.project_id, Purpose.active.is_(True))
        .order_by(Purpose.code)
    ):
        refused = services.refusal(purpose, unit)
        if refused:
            refusals.append(refused)
            continue
        days: dict[dt.date, list[Slot]] = {}
        for slot in services.offer_slots(unit.project, purpose.code, for_customer=True, limit=400):
            days.setdefault(services.local_date(slot), []).append(slot)
        if days:
            offers.append((purpose, dict(list(days.items())[:SHOWN_DAYS])))
    return offers, refusals


def _row(model: Any, text: str, *conditions: Any) -> Any:
    key = strict_id(text or "")
    found = None
    if key is not None:
        found = db.session.scalar(sa.select(model).where(model.id == key, *conditions))
    if found is None:
        raise ReservationRuleError(_("This choice does not exist any more. Choose again."))
    return found


def _take(visit: LinkVisit, unit: Unit, form: ChooseForm) -> None:
    """Book the slot, or move the booking there; the visitor has read all details on the page and agreed."""
    slot = _row(Slot, form["slot"].data, Slot.project_id == unit.project_id)
    moved = _own(visit, unit, form) if form["booking"].data else None
    guests = form["guests"].data or (moved.guests if moved is not None else None)
    if guests is None:
        raise ReservationRuleError(_("Say how many people come."))
    refused = services.refusal(slot.purpose, unit)
    if refused:
        raise ReservationRuleError(refused)
    if slot not in services.offer_slots(
        unit.project, slot.purpose.code, guests=guests, for_customer=True, limit=3_000
    ):
        raise ReservationRuleError(_("This time has just been taken. Choose another one."))
    if moved is not None:
        booking = moved
        services.move(booking, slot)
        wishes = (form["wishes"].data or "").strip()
        is_only_one = len(bookings_of_visit(visit, unit)) == 1
        services.change_booking(booking, guests=guests, wishes=wishes if wishes or is_only_one else None)
    else:
        booking = services.book(
            slot,
            customer=visit.customer,
            unit=unit,
            guests=guests,
            wishes=form["wishes"].data or "",
            source=BookingSource.LINK,
        )
    services.confirm(booking)


def _cancel(visit: LinkVisit, unit: Unit, form: ChooseForm) -> None:
    services.cancel(_own(visit, unit, form), _("Cancelled by the customer"))


def _own(visit: LinkVisit, unit: Unit, form: ChooseForm) -> Booking:
    found: Booking = _row(
        Booking,
        form["booking"].data,
        Booking.unit_id == unit.id,
        Booking.customer_id == visit.customer.id,
    )
    return found
