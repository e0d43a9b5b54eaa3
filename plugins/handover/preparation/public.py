"""The page of an owner: the delivery notice on the phone, its receipt, the fee list, and the appointment."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request
from flask_babel import format_date
from wtforms import HiddenField, IntegerField, TextAreaField
from wtforms.validators import Length, NumberRange, Optional

from core.toolkit import (
    LOCAL_ZONE,
    LinkPurpose,
    LinkVisit,
    MessageTemplate,
    Placeholder,
    PublicForm,
    TransitionRefused,
    _,
    _l,
    owners_of,
    personal_link,
    strict_id,
)
from plugins.handover import services
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import HandoverUnit
from plugins.handover.preparation import documents
from plugins.handover.preparation.services import appointments, letters
from plugins.handover.workflows import HANDOVER_UNIT

blueprint = Blueprint("handover_owner", __name__)
SHOWN_DAYS = 21
"""Days with free slots that the page shows at most."""

LINK = LinkPurpose(
    letters.LINK,
    _l("Delivery of your house"),
    "handover.unit",
    "handover_owner.delivery",
    "handover.send_letters",
    days=letters.LINK_DAYS,
    collects=_l(
        "When you come, with how many people and what you need, and that the notice has reached you. The last digits "
        "of the telephone number only tell us that it is you."
    ),
    permissions=("handover.plan",),
    message="handover.delivery_link",
    recipients=lambda place: owners_of(place.unit),
    photos=lambda visit: filter(None, [documents.map_of(visit.record.batch)]),
)
"""During a visit the owner may book for the one house of the link."""

_LINK_PLACE = Placeholder("link", _l("Personal link"), "https://…/l/…")
_DAY = Placeholder("day", _l("Delivery date of the contract"), "2026-12-22")

MESSAGES = (
    MessageTemplate(
        "handover.delivery_link",
        _l("Link to the delivery notice"),
        "{customer}，您好！请打开链接查看{project}房屋的交付通知并预约收房时间：{link} {company}",
        "Dear {customer}, please open the link to read the delivery notice of your home in {project} and to book a "
        "time: {link} {company}",
        subject="房屋交付通知",
        subject_en="Delivery of your home",
        placeholders=(_LINK_PLACE,),
    ),
    MessageTemplate(
        "handover.delivery_notice",
        _l("Delivery notice"),
        "{customer}，您好！您在{project}的房屋 {unit} 将按合同于 {day} 起交付。"
        "交付通知书、费用清单与预约收房请打开链接：{link} {company}",
        "Dear {customer}, your home {unit} in {project} will be handed over from {day} as the contract says. Notice, "
        "fee list and appointment: {link} {company}",
        subject="房屋交付通知书",
        subject_en="Delivery notice of your home",
        placeholders=(_LINK_PLACE, _DAY),
    ),
    MessageTemplate(
        "handover.delivery_reminder",
        _l("Delivery reminder"),
        "{customer}，您好！您在{project}的房屋 {unit} 已于 {day} 达到交付条件，尚未办理收房。"
        "请打开链接预约时间：{link} {company}",
        "Dear {customer}, your home {unit} in {project} has been ready since {day} and was not taken over yet. Please "
        "open the link and choose a time: {link} {company}",
        subject="收房提醒",
        subject_en="Reminder: your home is ready",
        placeholders=(_LINK_PLACE, _DAY),
    ),
)


class DeliveryForm(PublicForm):
    """Which slot, how many people come, and what they need."""

    slot = HiddenField()
    guests = IntegerField(_l("People"), [Optional(), NumberRange(1, 20)], render_kw={"inputmode": "numeric"})
    wishes = TextAreaField(_l("Special wishes"), [Optional(), Length(max=1000)])


@blueprint.route("/delivery/<int(max=9223372036854775807):link_id>", methods=["GET", "POST"])
@personal_link(letters.LINK)
def delivery(visit: LinkVisit) -> Any:
    """Show the notice and what is booked; take the receipt, a booking, a move, or a cancellation."""
    place: HandoverUnit = visit.record
    if not is_of_owner(visit):
        abort(404)
    held = appointments.booking_of(place)
    form = DeliveryForm.of(
        visit, guests=held.guests if held is not None else 2, wishes=held.wishes if held is not None else ""
    )
    if request.method == "POST" and form.validate():
        step = request.form.get("step", "")
        said = {
            "receipt": _("Thank you. The receipt of the notice is noted."),
            "cancel": _("Your appointment is cancelled."),
            "details": _("Your changes are noted."),
        }.get(step, _("Your appointment is noted."))
        if form.save(
            lambda: _take(place, visit, form, step), refusals=(HandoverRuleError, TransitionRefused)
        ):
            flash(said, "success")
            return redirect(request.path, 303)
    rows, total = documents.fee_rows(place, services.current_language())
    offers = appointments.offers(place, by_owner=True) if place.state in appointments.BOOKABLE else {}
    return (
        render_template(
            "handover/preparation/owner.html",
            visit=visit,
            form=form,
            place=place,
            batch=place.batch,
            state=HANDOVER_UNIT.state_of(place),
            map=documents.map_of(place.batch),
            booked=appointments.title_of(place),
            held=held,
            uses_slots=appointments.uses_slots(),
            is_bookable=place.state in appointments.BOOKABLE,
            offers=dict(list(offers.items())[:SHOWN_DAYS]),
            desks={slot.resource_id for slots in offers.values() for slot in slots},
            weekday=lambda day: format_date(day, "EEE"),
            is_over=place.state in appointments.OVER,
            said=_words_for_owner(place),
            fees=rows,
            total=total,
            is_paid=bool(place.fees) and all(fee.is_settled for fee in place.fees),
            clock=_clock,
        ),
        form.status,
    )


def is_of_owner(visit: LinkVisit) -> bool:
    """Return whether who comes by the link still owns the house: once it is sold on, the link shows nothing more."""
    return visit.customer is not None and visit.customer.id in {
        owner.id for owner in owners_of(visit.record.unit)
    }


def _words_for_owner(place: HandoverUnit) -> str:
    """Return how his house stands and what comes next, where the owner would else ask; "" where the page says it."""
    if place.state in appointments.OVER:
        return _(
            "Your house is handed over. The papers of the house say how long it is covered; for repairs, call us."
        )
    if place.state == "refused":
        if place.replied_at is None and place.reply_due_at is not None:
            return _(
                "You have not taken the house over. We answer you in writing by %(day)s; choose a time for the next "
                "inspection below.",
                day=place.reply_due_at.astimezone(LOCAL_ZONE).date().isoformat(),
            )
        return _("You have not taken the house over. Choose a time for the next inspection below.")
    if place.state in ("not_contactable", "absent"):
        return _("We have missed you. Choose a time below, or call us.")
    return ""


def _clock(moment: dt.datetime) -> str:
    return moment.astimezone(LOCAL_ZONE).strftime("%H:%M")


def _take(place: HandoverUnit, visit: LinkVisit, form: DeliveryForm, step: str) -> None:
    name = visit.customer.name if visit.customer is not None else visit.link.recipient_name
    if step == "cancel":
        appointments.cancel(place, _("Cancelled by the owner"))
        return
    if place.notice_sent_at is not None:
        letters.note_receipt(place, name)
    if step == "receipt":
        return
    if step == "details":
        appointments.change_details(place, guests=form["guests"].data or 1, wishes=form["wishes"].data or "")
        return
    key = strict_id(form["slot"].data or "")
    if key is None:
        raise HandoverRuleError(_("Choose a time."))
    appointments.book_slot(
        place,
        key,
        guests=form["guests"].data or 1,
        wishes=form["wishes"].data or "",
        by_owner=True,
    )
