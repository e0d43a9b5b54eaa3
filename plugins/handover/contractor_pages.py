"""The narrow page of a contractor, opened by a personal link.

He reads a rectification notice, confirms that he got it, reports what he has fixed with photos, refuses what is not
his, replies, and sees what the re-inspection found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import Length, Optional

from core.toolkit import (
    Attachment,
    LinkPurpose,
    LinkVisit,
    MessageTemplate,
    PhotosField,
    Placeholder,
    PublicForm,
    Recipient,
    TransitionRefused,
    UploadRefused,
    _,
    _l,
    attachments_by_record,
    personal_link,
    strict_id,
)
from plugins.handover import services
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import RectificationNotice
from plugins.handover.workflows import DEFECT, NOTICE

CONFIRM_NOTICE = "handover.confirm_notice"
MAY_FIX = ("received", "replied", "penalised")
"""States of a notice in which repairs are reported and refused."""
WAITS = ("assigned", "in_progress", "rejected")
"""States of a defect that waits for its contractor."""

blueprint = Blueprint("handover_contractor", __name__)


def people_of(notice: RectificationNotice) -> Sequence[Recipient]:
    """Return the people of the contractor who may get the link: those with a number, of this project first."""
    if notice.state == "draft":
        return []
    contacts = [contact for contact in notice.contractor.contacts if contact.phone]
    here = [contact for contact in contacts if contact.project_id in (None, notice.project_id)]
    here.sort(key=lambda contact: (contact.project_id is None, contact.id))
    return [Recipient(contact.name, contact.phone, contact.email) for contact in here]


def photos_of(visit: LinkVisit) -> Iterable[Attachment]:
    """Return the photos that the contractor sees: of the defects on his notice, before and after the repair."""
    held = attachments_by_record([line.defect for line in visit.record.lines])
    return [photo for photos in held.values() for photo in photos if photo.slot in ("before", "after")]


LINK = LinkPurpose(
    CONFIRM_NOTICE,
    _l("Rectification notice"),
    "handover.notice",
    "handover_contractor.notice",
    "handover.issue_notice",
    days=30,
    collects=_l(
        "The name of the person who confirms the notice and the time, as proof that the notice has arrived; what you "
        "report of the repairs, with your photos. The last digits of the telephone number only tell us that it is you."
    ),
    uploads=True,
    permissions=("handover.issue_notice", "handover.fix_defect"),
    message="handover.notice_link",
    recipients=people_of,
    photos=photos_of,
)
"""During a visit the rights to note a receipt, a reply and a repair hold, for the one notice of the link."""

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


class NoticeForm(PublicForm):
    """What a contractor says of a notice: that he got it, what he has fixed, what he refuses, and his reply."""

    step = HiddenField()
    defect = HiddenField()
    receiver_name = StringField(
        _l("Your name"), [Optional(), Length(max=80)], render_kw={"autocomplete": "name"}
    )
    measure = TextAreaField(_l("What was done"), [Optional(), Length(max=1000)])
    photos = PhotosField(_l("Photos of the finished work"))
    reason = TextAreaField(_l("Why you refuse"), [Optional(), Length(max=1000)])
    reply = TextAreaField(_l("Reply"), [Optional(), Length(max=2000)])


@blueprint.route("/notice/<int(max=9223372036854775807):link_id>", methods=["GET", "POST"])
@personal_link(CONFIRM_NOTICE)
def notice(visit: LinkVisit) -> Any:
    """Show the notice with its defects, and take what the contractor says of them."""
    record: RectificationNotice = visit.record
    form = NoticeForm.of(visit, receiver_name=visit.link.recipient_name)
    if request.method == "POST" and form.validate():
        steps = {
            "receive": (_receive, _("Thank you. The receipt is noted.")),
            "fix": (_fix, _("Thank you. The repair is noted and will be re-inspected.")),
            "object": (_object, _("Your objection is noted. You read the answer here.")),
            "reply": (_reply, _("Thank you. Your reply is noted.")),
        }
        act, done = steps.get(form["step"].data or "", steps["receive"])
        if form.save(
            lambda: act(record, form), refusals=(TransitionRefused, HandoverRuleError, UploadRefused)
        ):
            flash(done, "success")
            return redirect(request.path, 303)
    defects = [line.defect for line in record.lines]
    photos = attachments_by_record(defects)
    page = render_template(
        "handover/contractor/notice.html",
        visit=visit,
        form=form,
        notice=record,
        state=NOTICE.state_of(record),
        states=DEFECT,
        before={key: [each for each in held if each.slot == "before"] for key, held in photos.items()},
        after={key: [each for each in held if each.slot == "after"] for key, held in photos.items()},
        may_fix=record.state in MAY_FIX,
        waits=WAITS,
        opened=form["defect"].data or "",
        opened_step=form["step"].data or "",
        has_form=_has_form(record, form),
        has_next=record.state in ("issued", "received"),
    )
    return page, form.status


def _has_form(record: RectificationNotice, form: NoticeForm) -> bool:
    """Return whether the page still has the form that was sent, so that its faults are said there."""
    line = next((each for each in record.lines if str(each.defect_id) == form["defect"].data), None)
    if line is None or record.state not in MAY_FIX or line.defect.state not in WAITS:
        return False
    return form["step"].data == "fix" or line.objected_at is None or line.objection_upheld is not None


def _receive(record: RectificationNotice, form: NoticeForm) -> None:
    services.receive_notice(record, form["receiver_name"].data or "")


def _fix(record: RectificationNotice, form: NoticeForm) -> None:
    line = services.line_of(record, strict_id(form["defect"].data or ""))
    photos = form["photos"].chosen()
    form.attach_files("photos", line.defect, slot="after")
    services.fix_on_notice(line, form["measure"].data or "", bool(photos))


def _object(record: RectificationNotice, form: NoticeForm) -> None:
    services.object_to(
        services.line_of(record, strict_id(form["defect"].data or "")), form["reason"].data or ""
    )


def _reply(record: RectificationNotice, form: NoticeForm) -> None:
    services.reply_to_notice(record, form["reply"].data or "")
