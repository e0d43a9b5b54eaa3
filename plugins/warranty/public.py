"""What owners see: by a personal link they report repairs with photos, follow, accept, rate and reopen them; by a
poster in the entrance they report for their house or the common parts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, flash, redirect, render_template, request
from flask_babel import get_locale
from wtforms import BooleanField, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, Optional

from core.toolkit import (
    Attachment,
    Building,
    LinkPurpose,
    LinkVisit,
    MessageTemplate,
    PhotosField,
    Placeholder,
    PublicForm,
    SignatureRefused,
    TransitionRefused,
    Unit,
    UploadRefused,
    _,
    _l,
    attachments_by_record,
    db,
    owners_of,
    personal_link,
    setting,
    sign,
    utc_now,
)
from plugins.warranty import words
from plugins.warranty.catalogue import faults
from plugins.warranty.common import REPAIRS
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import Channel, Order, Request, Visit, VisitState
from plugins.warranty.sayings import told
from plugins.warranty.services import orders, owners
from plugins.warranty.services.intake import Issue
from plugins.warranty.services.telling import window_text
from plugins.warranty.signed import OWNER
from plugins.warranty.workflows import OPEN

SHOWN = 30
PROBLEMS = (1, 2, 3)
"""Problems that one form takes; the page can be sent again for more."""
MOST_PHOTOS = 10
"""Photos of all problems of one form together."""
SEEN_SLOTS = ("before", "after")
"""Photos of an order that its owner sees; evidence and signed papers are for staff."""
REFUSALS = (WarrantyRuleError, TransitionRefused, UploadRefused, SignatureRefused)
HOME, COMMON = "home", "common"

STATES: Mapping[str, tuple[str, Any]] = {
    "reported": ("wait", _l("Report received")),
    "triaged": ("wait", _l("Report received")),
    "dispatched": ("wait", _l("Engineer assigned")),
    "contacted": ("calm", _l("Visit agreed")),
    "visited": ("calm", _l("Cause found, repair is planned")),
    "planned": ("calm", _l("Repair is planned")),
    "repairing": ("calm", _l("Being repaired")),
    "self_checked": ("calm", _l("Being checked")),
    "engineer_accepted": ("wait", _l("Finished: please accept")),
    "owner_accepted": ("ok", _l("Accepted by you")),
    "closed": ("ok", _l("Done")),
    "called_back": ("ok", _l("Done")),
    "not_warranty": ("calm", _l("No warranty")),
    "suspended": ("wait", _l("Rests for the time being")),
    "reopened": ("late", _l("Opened again")),
    "merged": ("calm", _l("Joined with another report")),
    "cancelled": ("calm", _l("Cancelled")),
}
"""What the owner reads of each state, with its tone; staff see finer steps."""

MILESTONES: tuple[tuple[str, Any], ...] = (
    ("registered_at", _l("Taken in")),
    ("dispatched_at", _l("Dispatched")),
    ("arrived_at", _l("On site")),
    ("fixed_at", _l("Repaired")),
    ("owner_accepted_at", _l("Acceptance")),
)

blueprint = Blueprint("warranty_owner", __name__)

_COLLECTS = _l(
    "What is broken in your home, photos of it, when you are at home, and what you think of the repair, so that we "
    "can repair it. The last digits of the telephone number only tell us that it is you."
)


def photos_of_visit(visit: LinkVisit) -> list[Attachment]:
    """Return the photos that the visitor of an owner's link sees: those of his own orders of the house."""
    found = attachments_by_record(orders_of_visit(visit, visit.record))
    return [photo for photos in found.values() for photo in photos if photo.slot in SEEN_SLOTS]


LINK = LinkPurpose(
    REPAIRS,
    _l("Repairs of your home"),
    "core.unit",
    "warranty_owner.repairs",
    "warranty.create_request",
    days=365,
    collects=_COLLECTS,
    permissions=("warranty.view", "warranty.create_request", "warranty.close_order"),
    message="warranty.link",
    uploads=True,
    recipients=owners_of,
    hint=_l("Report repairs and follow them"),
    photos=photos_of_visit,
)
"""During a visit the owner may report, accept and open again for the one house of the link, and sees his own orders."""


def _poster(code: str, record_kind: str, label: Any) -> LinkPurpose:
    return LinkPurpose(
        f"warranty.{code}",
        label,
        record_kind,
        f"warranty_owner.{code}",
        "warranty.create_request",
        second_fact="household",
        days=730,
        collects=_l(
            "Your house and telephone number, which tell us that you live here, what is broken, photos of it, and when "
            "you are at home, so that we can repair it."
        ),
        permissions=("warranty.view", "warranty.create_request"),
        uploads=True,
        poster=True,
        hint=_l("Something is broken? Report it here, day and night."),
    )


POSTERS = (
    _poster("poster_of_building", "core.building", _l("Scan to report a repair")),
    _poster("poster_of_project", "core.project", _l("Scan to report a repair")),
)
"""Posters for the entrance. The reader says house and telephone number and may report; he sees no order."""

MESSAGE = MessageTemplate(
    "warranty.link",
    _l("Link for repairs"),
    "{customer}，您好！{project}报修、查看进度与评价请打开链接：{link} {company}",
    "Dear {customer}, report repairs of your home in {project} and follow them here: {link} {company}",
    subject="报修与维修进度",
    subject_en="Repairs of your home",
    placeholders=(Placeholder("link", _l("Personal link"), "https://…/l/…"),),
)


def _faults() -> list[SelectChoice]:
    return [
        SelectChoice("", "—"),
        *(SelectChoice(code, str(fault.name)) for code, fault in faults().items()),
    ]


class ReportForm(PublicForm):
    """Up to three problems, each with its room, words and photos."""

    fault_1 = SelectField(_l("Kind of problem"), [Optional()], choices=_faults, default="")
    room_1 = StringField(_l("Room"), [Optional(), Length(max=60)])
    text_1 = TextAreaField(_l("Description"), [Optional(), Length(max=1000)])
    photos_1 = PhotosField(_l("Photos"))
    fault_2 = SelectField(_l("Kind of problem"), [Optional()], choices=_faults, default="")
    room_2 = StringField(_l("Room"), [Optional(), Length(max=60)])
    text_2 = TextAreaField(_l("Description"), [Optional(), Length(max=1000)])
    photos_2 = PhotosField(_l("Photos"))
    fault_3 = SelectField(_l("Kind of problem"), [Optional()], choices=_faults, default="")
    room_3 = StringField(_l("Room"), [Optional(), Length(max=60)])
    text_3 = TextAreaField(_l("Description"), [Optional(), Length(max=1000)])
    photos_3 = PhotosField(_l("Photos"))
    availability = StringField(_l("When are you at home?"), [Optional(), Length(max=500)])

    def problems(self) -> list[int]:
        """Return the numbers of the problems of which something was written.

        Raises:
            WarrantyRuleError: There is none, one is not named, or there are too many photos.
        """
        written = [
            number
            for number in PROBLEMS
            if self[f"fault_{number}"].data
            or (self[f"text_{number}"].data or "").strip()
            or self[f"photos_{number}"].chosen()
        ]
        if not written:
            raise WarrantyRuleError(_("Write down at least one thing that is wrong."))
        if any(not self[f"fault_{number}"].data for number in written):
            raise WarrantyRuleError(_("Choose what is wrong from the list."))
        if sum(len(self[f"photos_{number}"].chosen()) for number in written) > MOST_PHOTOS:
            raise WarrantyRuleError(_("Send at most %(count)s photos at once.", count=MOST_PHOTOS))
        return written

    def issue(self, number: int) -> Issue:
        """Return a problem as it is registered."""
        fault = self[f"fault_{number}"].data
        text = (self[f"text_{number}"].data or "").strip()
        return Issue(fault, text or words.fault_name(fault), self[f"room_{number}"].data or "")


class RepairForm(ReportForm):
    """What the owner reports, or what he says of a repair."""

    step = HiddenField()
    order = HiddenField()
    score = RadioField(
        _l("Satisfaction"),
        [Optional()],
        choices=lambda: [SelectChoice(str(code), str(text)) for code, text in words.SCORES.items()],
    )
    quality_ok = BooleanField(_l("Quality"))
    on_time_ok = BooleanField(_l("On time"))
    clean_ok = BooleanField(_l("Clean"))
    attitude_ok = BooleanField(_l("Attitude"))
    remark = TextAreaField(_l("Remark"), [Optional(), Length(max=1000)])
    picture = HiddenField()
    """The strokes of the owner's signature; empty when he only presses the button."""

    def answer(self) -> dict[str, Any]:
        """Return score and ticks as they were given; without a score nothing was ticked either."""
        text = self["score"].data or ""
        ticks = ("quality_ok", "on_time_ok", "clean_ok", "attitude_ok")
        if text not in {"1", "2", "3", "4", "5"}:
            return {"score": None, **dict.fromkeys(ticks)}
        return {"score": int(text), **{name: bool(self[name].data) for name in ticks}}


class PosterForm(ReportForm):
    """What a neighbour reports who has read the poster."""

    where = RadioField(
        _l("Where is it?"),
        [Optional()],
        choices=[
            SelectChoice(HOME, _l("In my home")),
            SelectChoice(COMMON, _l("In the common parts: stairs, lift, garage, garden")),
        ],
        default=HOME,
    )
    place = StringField(_l("Where in the common parts"), [Optional(), Length(max=80)])


@blueprint.route("/repairs/<int(max=9223372036854775807):link_id>", methods=["GET", "POST"])
@personal_link(REPAIRS)
def repairs(visit: LinkVisit) -> Any:
    """Show the owner's repairs of the house, and take what he reports or says of them."""
    unit: Unit = visit.record
    form = RepairForm.of(visit)
    deeds = {
        "report": _report,
        "urge": _urge,
        "accept": _accept,
        "reject": _reject,
        "rate": _rate,
        "reopen": _reopen,
    }
    step = form["step"].data if form["step"].data in deeds else "report"
    if (
        request.method == "POST"
        and form.validate()
        and form.save(lambda: deeds[step](visit, unit, form), refusals=REFUSALS, finishes=False)
    ):
        flash(_("Thank you. It is noted."), "success")
        return redirect(request.path, 303)
    mine = orders_of_visit(visit, unit)
    page = render_template(
        "warranty/site/repairs.html",
        unit=unit,
        waiting=sorted(
            (order for order in mine if order.state in OPEN),
            key=lambda order: order.state != "engineer_accepted",
        ),
        ended=[order for order in mine if order.state not in OPEN],
        photos_of=_photos_by_slot(mine),
        may_rate=owners.may_rate,
        milestones=milestones,
        next_visit=next_visit,
        window=window_text,
        states=STATES,
        cover=words.cover_for_owner,
        suspended=words_of_pause,
        said=told,
        clock=words.moment_text,
        day=words.day_text,
        scores=words.SCORES,
        shown=[str(order.id) for order in mine],
        typed_step=step if form.errors or form.form_errors else "",
        typed_order=form["order"].data or "",
        **_form_values(visit, form),
    )
    return page, form.status


def _form_values(visit: LinkVisit, form: ReportForm) -> dict[str, Any]:
    return {
        "visit": visit,
        "form": form,
        "fault": words.fault_name,
        "problems": PROBLEMS,
        "opened": [number for number in PROBLEMS if number == 1 or _was_typed(form, number)],
        "rooms": words.rooms(),
        "phone": setting("core", "service_phone"),
    }


def _was_typed(form: ReportForm, number: int) -> bool:
    return any(form[f"{name}_{number}"].data for name in ("fault", "room", "text"))


def orders_of_visit(visit: LinkVisit, unit: Unit) -> list[Order]:
    """Return the visitor's own orders of the house and of the common parts of its building, the newest first; those of
    former owners are not his."""
    here = sa.or_(
        Order.unit_id == unit.id,
        sa.and_(Order.unit_id.is_(None), Order.building_id == unit.building_id),
    )
    return list(
        db.session.scalars(
            sa.select(Order)
            .where(here, Order.customer_id == visit.customer.id)
            .order_by(Order.id.desc())
            .limit(SHOWN)
        )
    )


def _photos_by_slot(mine: Sequence[Order]) -> dict[int, dict[str, list[Attachment]]]:
    found = attachments_by_record(mine)
    return {
        order.id: {
            slot: [photo for photo in found.get(order.id, ()) if photo.slot == slot] for slot in SEEN_SLOTS
        }
        for order in mine
    }


def milestones(order: Order) -> list[tuple[Any, dt.datetime | None, str]]:
    """Return the way of an order as its owner follows it: label, moment, and ``done``, ``now`` or ``open``."""
    found: list[tuple[Any, dt.datetime | None, str]] = []
    is_next = order.state in OPEN
    for name, label in MILESTONES:
        moment = getattr(order, name)
        if moment is not None:
            found.append((label, moment, "done"))
        else:
            found.append((label, None, "now" if is_next else "open"))
            is_next = False
    return found


def next_visit(order: Order) -> Visit | None:
    """Return the visit that is agreed next, or None."""
    now = utc_now()
    booked = [each for each in order.visits if each.state == VisitState.BOOKED and each.booked_to >= now]
    return min(booked, key=lambda each: each.booked_from, default=None)


def words_of_pause(order: Order) -> str:
    """Return what a resting order waits for, as it was last told to the owner."""
    told = [str(event.text) for event in order.events if event.kind == "suspended"]
    return told[-1] if told else ""


def _order(visit: LinkVisit, unit: Unit, form: RepairForm) -> Order:
    text = form["order"].data or ""
    for order in orders_of_visit(visit, unit):
        if str(order.id) == text:
            return order
    raise WarrantyRuleError(_("This repair is not one of yours. Open the page again."))


def _report(visit: LinkVisit, unit: Unit, form: ReportForm) -> None:
    _register(visit, unit, form, Channel.OWNER_LINK)


def _register(
    visit: LinkVisit,
    unit: Unit,
    form: ReportForm,
    channel: Channel,
    *,
    building: Building | None = None,
    place: str = "",
) -> Request:
    written = form.problems()
    made = owners.report_by_owner(
        visit.customer,
        unit,
        [form.issue(number) for number in written],
        channel,
        building=building,
        place=place,
        availability=form["availability"].data or "",
        language=str(get_locale() or visit.language),
        client_key=form.nonce[:60] or None,
    )
    for number, order in zip(written, made.orders, strict=True):
        form.attach_files(f"photos_{number}", order, slot="before")
    return made


def _urge(visit: LinkVisit, unit: Unit, form: RepairForm) -> None:
    orders.urge(_order(visit, unit, form))


def _accept(visit: LinkVisit, unit: Unit, form: RepairForm) -> None:
    accepted = orders.accept_as_owner(
        _order(visit, unit, form),
        signer_name=visit.customer.name,
        note=form["remark"].data or "",
        **form.answer(),
    )
    if form["picture"].data:
        sign(
            accepted,
            role=OWNER,
            name=visit.customer.name,
            picture=form["picture"].data,
            device=request.user_agent.string[:255],
            customer_id=visit.customer.id,
        )


def _reject(visit: LinkVisit, unit: Unit, form: RepairForm) -> None:
    order = _order(visit, unit, form)
    if not (form["remark"].data or "").strip():
        raise WarrantyRuleError(_("Say what is still wrong."))
    owners.refuse_repair(order, form["remark"].data or "")


def _rate(visit: LinkVisit, unit: Unit, form: RepairForm) -> None:
    order = _order(visit, unit, form)
    given = form.answer()
    if given["score"] is None:
        raise WarrantyRuleError(_("Choose how satisfied you are, from 1 to 5."))
    owners.rate(order, note=form["remark"].data or "", **given)


def _reopen(visit: LinkVisit, unit: Unit, form: RepairForm) -> None:
    orders.reopen(_order(visit, unit, form), form["remark"].data or "")


# --- The poster


@blueprint.route("/poster/building/<int(max=9223372036854775807):link_id>", methods=["GET", "POST"])
@personal_link("warranty.poster_of_building")
def poster_of_building(visit: LinkVisit) -> Any:
    """Take a report of somebody who lives in the building or next to it."""
    return _poster_page(visit, visit.record)


@blueprint.route("/poster/project/<int(max=9223372036854775807):link_id>", methods=["GET", "POST"])
@personal_link("warranty.poster_of_project")
def poster_of_project(visit: LinkVisit) -> Any:
    """Take a report of somebody who lives in the project."""
    return _poster_page(visit, visit.unit.building)


def _poster_page(visit: LinkVisit, building: Building) -> Any:
    """Take a report for the house that was named, or for the common parts of a building; no order is shown."""
    unit: Unit = visit.unit
    form = PosterForm.of(visit)
    made: list[Request] = []
    if request.method == "POST" and form.validate():

        def report() -> None:
            is_common = form["where"].data == COMMON
            made.append(
                _register(
                    visit,
                    unit,
                    form,
                    Channel.POSTER,
                    building=building if is_common else None,
                    place=(form["place"].data or "") if is_common else "",
                )
            )

        if form.save(report, refusals=REFUSALS):
            if made:
                flash(
                    _("Thank you. Your report has the number %(number)s.", number=made[0].number), "success"
                )
            return redirect(request.path, 303)
    page = render_template(
        "warranty/site/poster.html",
        unit=unit,
        building=building.name or building.code,
        **_form_values(visit, form),
    )
    return page, form.status
