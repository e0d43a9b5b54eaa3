"""The narrow page of a contractor: he reads a rectification notice by a personal link and confirms that he got it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from core.toolkit import (
    LinkPurpose,
    LinkVisit,
    MessageTemplate,
    Placeholder,
    PublicForm,
    Recipient,
    TransitionRefused,
    _,
    _l,
    personal_link,
)
from plugins.handover import services
from plugins.handover.models import RectificationNotice
from plugins.handover.workflows import NOTICE

CONFIRM_NOTICE = "handover.confirm_notice"

blueprint = Blueprint("handover_contractor", __name__)


def people_of(notice: RectificationNotice) -> Sequence[Recipient]:
    """Return the people of the contractor who may get the link: those with a number, of this project first."""
    if notice.state == "draft":
        return []
    contacts = [contact for contact in notice.contractor.contacts if contact.phone]
    here = [contact for contact in contacts if contact.project_id in (None, notice.project_id)]
    here.sort(key=lambda contact: (contact.project_id is None, contact.id))
    return [Recipient(contact.name, contact.phone, contact.email) for contact in here]


LINK = LinkPurpose(
    CONFIRM_NOTICE,
    _l("Rectification notice"),
    "handover.notice",
    "handover_contractor.notice",
    "handover.issue_notice",
    days=30,
    collects=_l(
        "The name of the person who confirms the notice and the time, as proof that the notice has arrived. The last "
        "digits of the telephone number only tell us that it is you."
    ),
    permissions=("handover.issue_notice",),
    message="handover.notice_link",
    recipients=people_of,
)
"""During a visit the right to note a receipt holds, for the one notice of the link."""

MESSAGE = MessageTemplate(
    "handover.notice_link",
    _l("Rectification notice to the contractor"),
    "{customer}，您好！{project}有一份整改通知单需要贵单位签收，请在24小时内打开链接查看并确认：{link} {company}",
    "Dear {customer}, there is a rectification notice of {project} for your company. Please open it and confirm the "
    "receipt within 24 hours: {link} {company}",
    subject="整改通知单签收",
    subject_en="Rectification notice: please confirm the receipt",
    placeholders=(Placeholder("link", _l("Personal link"), "https://…/l/…"),),
)


class ReceiptForm(PublicForm):
    """Who confirms the receipt."""

    receiver_name = StringField(
        _l("Your name"), [InputRequired(), Length(max=80)], render_kw={"autocomplete": "name"}
    )


@blueprint.route("/notice/<int(max=9223372036854775807):link_id>", methods=["GET", "POST"])
@personal_link(CONFIRM_NOTICE)
def notice(visit: LinkVisit) -> Any:
    """Show the notice, and note the receipt."""
    record: RectificationNotice = visit.record
    form = ReceiptForm.of(visit, receiver_name=visit.link.recipient_name)
    if request.method == "POST" and form.validate():
        name = form["receiver_name"].data
        if form.save(lambda: services.receive_notice(record, name), refusals=(TransitionRefused,)):
            flash(_("Thank you. The receipt is noted."), "success")
            return redirect(request.path, 303)
    page = render_template(
        "handover/contractor/notice.html",
        visit=visit,
        form=form,
        notice=record,
        state=NOTICE.state_of(record),
        has_next=record.state == "issued",
    )
    return page, form.status
