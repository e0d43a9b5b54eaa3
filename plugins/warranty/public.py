"""What the owner sees by his personal link: he reports repairs with photos, follows, accepts and rates them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, flash, redirect, render_template, request
from wtforms import HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import Length, Optional

from core.toolkit import (
    LinkPurpose,
    LinkVisit,
    MessageTemplate,
    PhotosField,
    Placeholder,
    PublicForm,
    TransitionRefused,
    Unit,
    UploadRefused,
    _,
    _l,
    attach,
    db,
    owners_of,
    personal_link,
)
from plugins.warranty import words
from plugins.warranty.catalogue import faults
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import Channel, Order
from plugins.warranty.services import intake, orders
from plugins.warranty.services.intake import Issue
from plugins.warranty.workflows import OPEN, ORDER

REPAIRS = "warranty.repairs"
SHOWN = 30
PROBLEMS = (1, 2, 3)
"""Problems that one form takes; the page can be sent again for more."""

blueprint = Blueprint("warranty_owner", __name__)

LINK = LinkPurpose(
    REPAIRS,
    _l("Repairs of your home"),
    "core.unit",
    "warranty_owner.repairs",
    "warranty.create_request",
    days=365,
    collects=_l(
        "What is broken in your home, photos of it, when you are at home, and what you think of the repair, so that we "
        "can repair it. The last digits of the telephone number only tell us that it is you."
    ),
    permissions=("warranty.view", "warranty.create_request", "warranty.close_order"),
    message="warranty.link",
    uploads=True,
    recipients=owners_of,
    hint=_l("Report repairs and follow them"),
)
"""During a visit the owner may report, accept and open again for the one house of the link, and sees his own orders."""

MESSAGE = MessageTemplate(
    "warranty.link",
    _l("Link for repairs"),
    "{customer}，您好！{project}报修、查看进度与评价请打开链接：{link} {company}",
    "Dear {customer}, report repairs of your home in {project} and follow them here: {link} {company}",
    subject="报修与维修进度",
    subject_en="Repairs of your home",
    placeholders=(Placeholder("link", _l("Personal link"), "https://…/l/…"),),
)


def _faults() -> list[tuple[str, str]]:
    return [("", "—"), *((code, str(fault.name)) for code, fault in faults().items())]


class RepairForm(PublicForm):
    """What the owner reports, or what he says of a repair."""

    step = HiddenField()
    order = HiddenField()
    fault_1 = SelectField(_l("What is wrong"), [Optional()], choices=_faults, default="")
    room_1 = StringField(_l("Room"), [Optional(), Length(max=60)])
    text_1 = TextAreaField(_l("Description"), [Optional(), Length(max=1000)])
    fault_2 = SelectField(_l("What is wrong"), [Optional()], choices=_faults, default="")
    room_2 = StringField(_l("Room"), [Optional(), Length(max=60)])
    text_2 = TextAreaField(_l("Description"), [Optional(), Length(max=1000)])
    fault_3 = SelectField(_l("What is wrong"), [Optional()], choices=_faults, default="")
    room_3 = StringField(_l("Room"), [Optional(), Length(max=60)])
    text_3 = TextAreaField(_l("Description"), [Optional(), Length(max=1000)])
    photos = PhotosField(_l("Photos"))
    availability = StringField(_l("When are you at home?"), [Optional(), Length(max=500)])
    score = RadioField(
        _l("Satisfaction"),
        [Optional()],
        choices=lambda: [(str(code), str(text)) for code, text in words.SCORES.items()],
    )
    remark = TextAreaField(_l("Remark"), [Optional(), Length(max=1000)])


@blueprint.route("/repairs/<int(max=9223372036854775807):link_id>", methods=["GET", "POST"])
@personal_link(REPAIRS)
def repairs(visit: LinkVisit) -> Any:
    """Show the owner's repairs of the house, and take what he reports or says of them."""
    unit: Unit = visit.record
    form = RepairForm.of(visit)
    if request.method == "POST" and form.validate():
        deeds = {"report": _report, "urge": _urge, "accept": _accept, "reject": _reject, "reopen": _reopen}
        act = deeds.get(form["step"].data or "", _report)
        if form.save(
            lambda: act(visit, unit, form),
            refusals=(WarrantyRuleError, TransitionRefused, UploadRefused),
            finishes=False,
        ):
            flash(_("Thank you. It is noted."), "success")
            return redirect(request.path, 303)
    mine = orders_of_visit(visit, unit)
    page = render_template(
        "warranty/site/repairs.html",
        visit=visit,
        form=form,
        unit=unit,
        waiting=[order for order in mine if order.state in OPEN],
        ended=[order for order in mine if order.state not in OPEN],
        states=ORDER,
        fault=words.fault_name,
        cover=words.COVERS,
        clock=words.moment_text,
        problems=PROBLEMS,
    )
    return page, form.status


def orders_of_visit(visit: LinkVisit, unit: Unit) -> list[Order]:
    """Return the visitor's own orders of the house, the newest first; those of former owners are not his."""
    return list(
        db.session.scalars(
            sa.select(Order)
            .where(Order.unit_id == unit.id, Order.customer_id == visit.customer.id)
            .order_by(Order.id.desc())
            .limit(SHOWN)
        )
    )


def _order(visit: LinkVisit, unit: Unit, form: RepairForm) -> Order:
    text = form["order"].data or ""
    for order in orders_of_visit(visit, unit):
        if str(order.id) == text:
            return order
    raise WarrantyRuleError(_("This repair is not one of yours. Open the page again."))


def _report(visit: LinkVisit, unit: Unit, form: RepairForm) -> None:
    issues = [
        Issue(fault, text or words.fault_name(fault), form[f"room_{number}"].data or "")
        for number in PROBLEMS
        for fault, text in (
            (form[f"fault_{number}"].data or "", (form[f"text_{number}"].data or "").strip()),
        )
        if fault or text
    ]
    if any(not issue.fault_code for issue in issues):
        raise WarrantyRuleError(_("Choose what is wrong from the list."))
    made = intake.register_request(
        issues=issues,
        unit=unit,
        customer=visit.customer,
        channel=Channel.OWNER_LINK,
        availability=form["availability"].data or "",
        language=visit.language,
    )
    for order in made.orders[:1]:
        for photo in form["photos"].chosen():
            attach(order, photo.stream, photo.filename or "", slot="before")


def _urge(visit: LinkVisit, unit: Unit, form: RepairForm) -> None:
    orders.urge(_order(visit, unit, form))


def _accept(visit: LinkVisit, unit: Unit, form: RepairForm) -> None:
    order = _order(visit, unit, form)
    score = int(form["score"].data) if form["score"].data in {"1", "2", "3", "4", "5"} else None
    orders.accept_as_owner(
        order, signer_name=visit.customer.name, score=score, note=form["remark"].data or ""
    )


def _reject(visit: LinkVisit, unit: Unit, form: RepairForm) -> None:
    order = _order(visit, unit, form)
    if not (form["remark"].data or "").strip():
        raise WarrantyRuleError(_("Say what is still wrong."))
    intake.note_event(order, "message", form["remark"].data or "", is_public=True)
    orders.urge(order)


def _reopen(visit: LinkVisit, unit: Unit, form: RepairForm) -> None:
    orders.reopen(_order(visit, unit, form), form["remark"].data or "")
