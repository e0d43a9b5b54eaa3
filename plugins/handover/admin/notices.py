"""The rectification notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import request
from markupsafe import Markup
from sqlalchemy.orm import joinedload, undefer
from werkzeug.wrappers import Response

from core.toolkit import (
    PROJECTS,
    ChoiceFilter,
    DateRangeFilter,
    GuardedForm,
    ReferenceFilter,
    SearchDeclaration,
    Transition,
    ViewPermissions,
    _,
    _l,
    amount_words,
    bulk_action,
    db,
    expose_guarded,
    make_link,
    pending_request,
    print_links,
    strict_id,
    utc_now,
)
from plugins.contractors.models import Company
from plugins.contractors.references import COMPANIES
from plugins.handover import forms, services
from plugins.handover.admin.common import NUMBER_SEARCH, HandoverView, day, refusal_of, status
from plugins.handover.contractor_pages import CONFIRM_NOTICE, people_of
from plugins.handover.models import (
    NOTICE_SEARCH,
    RectificationNotice,
)
from plugins.handover.workflows import NOTICE, PENALTY, PENALTY_CORRECTIONS


class NoticeView(HandoverView):
    """The rectification notices; they are made from ticked defects."""

    permissions = ViewPermissions("handover.view", None, "handover.issue_notice", None, "handover.export")
    record_kind = "handover.notice"
    column_list = ("number", "contractor", "project.name", "lines", "issued", "due", "progress")
    column_details_list = (
        "contractor.name",
        "project.name",
        "progress",
        "issue_due_at",
        "issued_at",
        "issued_by",
        "deadline",
        "receipt_due_at",
        "received_at",
        "receiver_name",
        "replied_at",
        "reply_text",
        "recheck_note",
        "penalty_note",
        "penalty_amount",
        "note",
    )
    column_export_list = (
        "number",
        "contractor.name",
        "project.name",
        "state",
        "issued_at",
        "deadline",
        "received_at",
        "penalty_amount",
    )
    column_labels = {
        "number": _l("Number"),
        "contractor": _l("Contractor"),
        "contractor.name": _l("Contractor"),
        "contractor_id": _l("Contractor"),
        "project.name": _l("Project"),
        "project_id": _l("Project"),
        "lines": _l("Defects"),
        "issued": _l("Issued"),
        "issued_at": _l("Issued"),
        "issued_by": _l("Issued by"),
        "issue_due_at": _l("To be issued by"),
        "due": _l("Deadline"),
        "deadline": _l("Deadline"),
        "progress": _l("State"),
        "state": _l("State"),
        "receipt_due_at": _l("Receipt to be confirmed by"),
        "received_at": _l("Received"),
        "receiver_name": _l("Receiver"),
        "replied_at": _l("Replied"),
        "reply_text": _l("Reply"),
        "recheck_note": _l("Re-inspection"),
        "penalty_note": _l("Penalty"),
        "penalty_amount": _l("Penalty in yuan"),
        "note": _l("Further requirements"),
    }
    choices = {"state": tuple((state.code, state.label) for state in NOTICE.states)}
    cells = {
        "contractor": lambda notice: notice.contractor.label,
        "lines": lambda notice: len(notice.lines),
        "issued": lambda notice: day(notice.issued_at),
        "due": lambda notice: day(notice.deadline),
        "issued_by": lambda notice: notice.issued_by.name if notice.issued_by else "",
        "penalty_amount": lambda notice: (
            "" if notice.penalty_amount is None else f"{notice.penalty_amount:,.2f}"
        ),
        "progress": lambda notice: notice_mark(notice),
    }
    list_options = (
        undefer(RectificationNotice.state),
        undefer(RectificationNotice.deadline),
        undefer(RectificationNotice.issued_at),
        undefer(RectificationNotice.issue_due_at),
        undefer(RectificationNotice.receipt_due_at),
        joinedload(RectificationNotice.contractor).load_only(Company.name, Company.short_name),
        sa.orm.selectinload(RectificationNotice.lines),
    )
    search = SearchDeclaration(index=NOTICE_SEARCH, placeholder=NUMBER_SEARCH)
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ReferenceFilter("contractor_id", reference=COMPANIES),
        ChoiceFilter("state"),
        DateRangeFilter("deadline"),
    )
    sortable = ("number", "deadline")
    actions_declared = {"links": "handover.issue_notice"}
    form_columns = ("deadline", "note")
    form_args = {
        "note": {"description": _l("What is asked beyond the single defects; printed on the notice.")}
    }
    workflow = NOTICE
    step_fields = {"penalty_amount": forms.amount_field(), "corrected_penalty": forms.amount_field()}
    empty_list_hint = _l("Tick defects in their list and choose “Make rectification notices”.")

    @bulk_action("links", _l("Print links for the contractors"))
    def print_links(self, records: Sequence[RectificationNotice]) -> Any:
        """Make a link to each of the notices and print them as cards with a QR code."""
        made = []
        for record in records:
            people = people_of(record)
            if people:
                made.append(make_link(CONFIRM_NOTICE, record, people[0]))
        if not made:
            return _("None of these notices is issued to a contractor with a contact and a telephone number.")
        return print_links(made)

    def why_locked(self, record: RectificationNotice) -> str | None:
        """Return why a notice is not changed: it was issued."""
        return refusal_of(lambda: services.require_draft(record))

    def update_record(self, record: RectificationNotice, form: GuardedForm) -> None:
        """Change a draft."""
        services.require_draft(record)
        form.populate_obj(record)

    def prepare_step(
        self, form: GuardedForm, record: RectificationNotice | None, transition: Transition
    ) -> None:
        """Fill in the amount that is corrected."""
        del transition
        if "corrected_penalty" in form and record is not None and form["corrected_penalty"].data is None:
            asked = services.penalty_approval(record)
            form["corrected_penalty"].data = asked.amount if asked is not None else None

    def take_step(
        self, record: RectificationNotice, transition: Transition, values: Mapping[str, Any]
    ) -> None:
        """Call the service of a step."""
        take_notice_step(record, transition.code, values)

    @expose_guarded("/answer-objection/", permission="handover.issue_notice", methods=("POST",))
    def answer_objection(self) -> Response:
        """Answer the objection of the contractor to a defect."""
        record = self.get_one(request.args.get("id"))
        given = request.form

        def answer() -> None:
            line = services.line_of(record, strict_id(given.get("defect_id", "")))
            services.answer_objection(
                line, given.get("answer", "").replace("\0", ""), given.get("upheld") == "1"
            )

        return self.carry_out(
            record, answer, _("The objection is answered; the contractor reads it on his page.")
        )

    def step_done(self, record: RectificationNotice, transition: Transition) -> Any:
        """Say after the issue what to do with the paper, and that a penalty waits for approval."""
        if transition.code == "penalise" and (asked := pending_request(PENALTY, record)) is not None:
            return _("%(number)s asks for the approval of the penalty.", number=asked.number)
        if transition.code in PENALTY_CORRECTIONS.values():
            return _corrected(record)
        if transition.code != "issue":
            return super().step_done(record, transition)
        return _(
            "Notice %(number)s is issued. Print it below and hand it to the contractor.", number=record.number
        )


def _corrected(notice: RectificationNotice) -> str:
    """Say after a correction whether the approvals stand or all are asked anew, and why."""
    asked = services.penalty_approval(notice)
    if asked is None:
        return ""
    sentence = _(
        "The penalty of %(number)s is %(amount)s now.",
        number=notice.number,
        amount=f"¥{asked.amount or 0:,.2f}",
    )
    return " ".join(filter(None, (sentence, amount_words(asked))))


def take_notice_step(notice: RectificationNotice, code: str, values: Mapping[str, Any]) -> None:
    """Call the service of a step.

    Args:
        notice: The notice.
        code: Code of the transition.
        values: What was typed into the form of the step.

    Raises:
        TransitionRefused: The step is unknown or not possible.
    """
    steps: dict[str, Callable[[], Any]] = {
        "issue": lambda: services.issue_notice(notice, values.get("deadline")),
        "receive": lambda: services.receive_notice(notice, values.get("receiver_name") or ""),
        "reply": lambda: services.reply_to_notice(notice, values.get("reply_text") or ""),
        "recheck": lambda: services.recheck_notice(notice, values.get("recheck_note") or ""),
        "close": lambda: services.close_notice(notice),
        "penalise": lambda: services.penalise_notice(
            notice, values.get("penalty_note") or "", values.get("penalty_amount") or Decimal(0)
        ),
        **dict.fromkeys(
            PENALTY_CORRECTIONS.values(),
            lambda: services.correct_penalty(
                notice, values.get("corrected_penalty") or Decimal(0), values.get("comment") or ""
            ),
        ),
    }
    if code not in steps:
        NOTICE.transition("")
    steps[code]()


def notice_mark(notice: RectificationNotice) -> Markup:
    """Return the state of a notice; red when its own limit has passed."""
    state = NOTICE.state_of(notice)
    limits = {"draft": notice.issue_due_at, "issued": notice.receipt_due_at}
    limit = limits.get(notice.state, notice.deadline if notice.state not in ("closed", "penalised") else None)
    late = limit is not None and limit < utc_now()
    return status(
        "late" if late else state.tone, _("%(state)s, overdue", state=state.label) if late else state.label
    )


def running_notices() -> int | None:
    """Return how many notices wait to be issued or received, for the sidebar."""
    counted = (
        sa.select(RectificationNotice.id)
        .where(RectificationNotice.state.in_(("draft", "issued")))
        .limit(1000)
        .subquery()
    )
    return db.session.scalar(sa.select(sa.func.count()).select_from(counted)) or None
