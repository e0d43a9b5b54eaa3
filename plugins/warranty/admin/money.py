"""Notices to contractors, deductions, retention money with its ledger, releases, and batch problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from flask import request, url_for
from markupsafe import Markup
from sqlalchemy.orm import joinedload, undefer
from werkzeug.wrappers import Response
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

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
    db,
    expose_guarded,
    has_permission,
    local_today,
    strict_id,
    utc_now,
)
from plugins.contractors.models import Company
from plugins.contractors.references import COMPANIES
from plugins.warranty import words
from plugins.warranty.admin.common import WarrantyView, status, take_step, typed
from plugins.warranty.admin.marks import CATEGORY_CHOICES, amount_of, order_link
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    ContractorNotice,
    Deduction,
    GroupCase,
    Order,
    ReleaseRequest,
    RetentionAccount,
)
from plugins.warranty.services import cases, money, notices, releases
from plugins.warranty.workflows import CASE, CORRECTIONS, DEDUCTION, NOTICE, RELEASE

_NUMBER = _l("Number")


def _tones(workflow: Any) -> dict[Any, tuple[str, Any]]:
    return {state.code: (state.tone, state.label) for state in workflow.states}


class NoticeView(WarrantyView):
    """The notices to contractors."""

    permissions = ViewPermissions("warranty.view", None, None, None, "warranty.export")
    record_kind = "warranty.notice"
    column_list = ("number", "stage", "order", "contractor", "issued_at", "answer_due_at", "progress")
    column_details_list = (
        "order",
        "contractor",
        "stage",
        "demand",
        "served_how",
        "issued_at",
        "issued_by",
        "answer_due_at",
        "progress",
        "answered_at",
        "answer",
    )
    column_export_list = (
        "number",
        "stage",
        "contractor.name",
        "issued_at",
        "answer_due_at",
        "state",
        "answered_at",
    )
    column_labels = {
        "number": _NUMBER,
        "stage": _l("First or second"),
        "order": _l("Order"),
        "order_id": _l("Order"),
        "contractor": _l("Contractor"),
        "contractor.name": _l("Contractor"),
        "contractor_id": _l("Contractor"),
        "project_id": _l("Project"),
        "round_number": _l("Round"),
        "demand": _l("What the contractor has to do"),
        "served_how": _l("How it was served"),
        "issued_at": _l("Issued"),
        "issued_by": _l("Issued by"),
        "issued_by_id": _l("Issued by"),
        "answer_due_at": _l("To answer by"),
        "progress": _l("State"),
        "state": _l("State"),
        "answered_at": _l("Reply received"),
        "answer": _l("Answer"),
    }
    choices = {"state": tuple((state.code, state.label) for state in NOTICE.states)}
    cells = {
        "order": lambda row: order_link(row.order),
        "contractor": lambda row: row.contractor.label,
        "issued_by": lambda row: row.issued_by.name if row.issued_by else "",
        "progress": lambda row: (
            status("late", _("Not answered"))
            if notices.is_unanswered(row)
            else status(NOTICE.state_of(row).tone, NOTICE.state_of(row).label)
        ),
    }
    list_options = (
        undefer(ContractorNotice.state),
        undefer(ContractorNotice.answer_due_at),
        undefer(ContractorNotice.order_id),
        joinedload(ContractorNotice.order).load_only(Order.number),
        joinedload(ContractorNotice.contractor).load_only(Company.name, Company.short_name),
    )
    search = SearchDeclaration(columns=("number",), small_table=True, placeholder=_NUMBER)
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ReferenceFilter("contractor_id", reference=COMPANIES),
        ChoiceFilter("state"),
        DateRangeFilter("answer_due_at"),
    )
    sortable = ("number", "answer_due_at")
    workflow = NOTICE
    empty_list_hint = _l("A notice is issued on the page of an order whose contractor does not come.")

    def take_step(self, record: ContractorNotice, transition: Transition, values: Mapping[str, Any]) -> None:
        """Call the service of a step."""
        text = str(values.get("answer") or "")
        if transition.code == "answer":
            notices.answer_notice(record, text)
        else:
            notices.withdraw_notice(record, text)


class DeductionView(WarrantyView):
    """What is taken from contractors."""

    permissions = ViewPermissions("warranty.view", None, None, None, "warranty.export")
    record_kind = "warranty.deduction"
    column_list = ("number", "order", "contractor", "amount", "issued_at", "objection_until", "state")
    column_details_list = (
        "order",
        "contractor",
        "cost",
        "fee_percent",
        "fee",
        "amount",
        "reason",
        "state",
        "issued_at",
        "issued_by",
        "objection_until",
        "objected_at",
        "objection",
        "decision",
        "final_amount",
        "account",
        "booked_at",
    )
    column_export_list = (
        "number",
        "contractor.name",
        "cost",
        "fee",
        "amount",
        "state",
        "issued_at",
        "objection_until",
        "final_amount",
        "booked_at",
    )
    column_labels = {
        "number": _NUMBER,
        "order": _l("Order"),
        "order_id": _l("Order"),
        "third_party_id": _l("Third-party repair"),
        "contractor": _l("Contractor"),
        "contractor.name": _l("Contractor"),
        "contractor_id": _l("Contractor"),
        "project_id": _l("Project"),
        "cost": _l("Cost"),
        "fee_percent": _l("Management fee, %"),
        "fee": _l("Management fee"),
        "amount": _l("Amount"),
        "reason": _l("Reason"),
        "state": _l("State"),
        "issued_at": _l("Issued"),
        "issued_by": _l("Issued by"),
        "issued_by_id": _l("Issued by"),
        "objection_until": _l("Objection until"),
        "objected_at": _l("Objected"),
        "objection": _l("Objection"),
        "decision": _l("Decision"),
        "decided_at": _l("Decided"),
        "decided_by_id": _l("Decided by"),
        "final_amount": _l("Amount that stays"),
        "account": _l("Retention account"),
        "account_id": _l("Retention account"),
        "booked_at": _l("Date of the entry"),
    }
    status_columns = {"state": _tones(DEDUCTION)}
    cells = {
        "order": lambda row: order_link(row.order),
        "contractor": lambda row: row.contractor.label,
        "issued_by": lambda row: row.issued_by.name if row.issued_by else "",
        "account": lambda row: account_link(row.account) if row.account else "",
    }
    list_options = (
        undefer(Deduction.order_id),
        joinedload(Deduction.order).load_only(Order.number),
        joinedload(Deduction.contractor).load_only(Company.name, Company.short_name),
    )
    search = SearchDeclaration(columns=("number",), small_table=True, placeholder=_NUMBER)
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ReferenceFilter("contractor_id", reference=COMPANIES),
        ChoiceFilter("state"),
    )
    sortable = ("number",)
    workflow = DEDUCTION
    step_fields = {"account_id": SelectField(coerce=str, validate_choice=False)}
    empty_list_hint = _l("A deduction is drafted on the page of an order, from the invoice of a third party.")

    def prepare_step(self, form: GuardedForm, record: Deduction | None, transition: Transition) -> None:
        """Offer the accounts of the contractor in the project."""
        del transition
        if "account_id" in form and record is not None:
            form["account_id"].choices = [
                SelectChoice(str(account.id), f"{account.contract_number} · {words.money(account.balance)}")
                for account in _accounts_of(record)
            ]
        if "final_amount" in form and record is not None and form["final_amount"].data is None:
            form["final_amount"].data = record.amount

    def take_step(self, record: Deduction, transition: Transition, values: Mapping[str, Any]) -> None:
        """Call the service of a step."""
        steps: dict[str, Callable[[], Any]] = {
            "issue": lambda: money.issue_deduction(record),
            "object": lambda: money.object_to_deduction(record, str(values.get("objection") or "")),
            "uphold": lambda: money.decide_objection(
                record, str(values.get("decision") or ""), values.get("final_amount") or record.amount
            ),
            "settle": lambda: money.settle_deduction(record),
            "withdraw": lambda: money.withdraw_deduction(record, str(values.get("decision") or "")),
            "book": lambda: money.book_deduction(
                record, _chosen_account(record, str(values.get("account_id") or ""))
            ),
        }
        steps[transition.code]()


def _accounts_of(deduction: Deduction) -> list[RetentionAccount]:
    return list(
        db.session.scalars(
            sa.select(RetentionAccount)
            .where(
                RetentionAccount.contractor_id == deduction.contractor_id,
                RetentionAccount.project_id == deduction.project_id,
                RetentionAccount.state == "open",
            )
            .order_by(RetentionAccount.id)
        )
    )


def _chosen_account(deduction: Deduction, text: str) -> RetentionAccount:
    key = strict_id(text)
    for account in _accounts_of(deduction):
        if account.id == key:
            return account
    raise WarrantyRuleError(_("Choose a retention account of the contractor."), "account_id")


def account_link(account: RetentionAccount) -> Markup:
    """Return a link to a retention account."""
    return Markup('<a href="{0}">{1}</a>').format(
        url_for("warranty_retention.details_view", id=account.id), account.contract_number
    )


class RetentionView(WarrantyView):
    """The retention money of contracts, each with its ledger."""

    permissions = ViewPermissions("warranty.view", "warranty.keep_retention", None, None, "warranty.export")
    record_kind = "warranty.retention"
    column_list = ("contract_number", "contractor", "project.name", "total", "balance", "ends_on", "state")
    column_details_list = (
        "contractor.name",
        "project.name",
        "contract_number",
        "settlement",
        "percent",
        "total",
        "balance",
        "starts_on",
        "months",
        "ends_on",
        "state",
        "note",
    )
    column_export_list = (
        "contract_number",
        "contractor.name",
        "project.name",
        "settlement",
        "total",
        "balance",
        "ends_on",
    )
    column_labels = {
        "contract_number": _l("Contract"),
        "contractor": _l("Contractor"),
        "contractor.name": _l("Contractor"),
        "contractor_id": _l("Contractor"),
        "project.name": _l("Project"),
        "project_id": _l("Project"),
        "settlement": _l("Settlement (yuan)"),
        "percent": _l("Held back, %"),
        "total": _l("Retention money"),
        "balance": _l("Held now"),
        "starts_on": _l("Completion accepted on"),
        "months": _l("Months of the period"),
        "ends_on": _l("Period ends on"),
        "state": _l("State"),
        "note": _l("Note"),
    }
    status_columns = {"state": {"open": ("wait", _l("Held")), "closed": ("calm", _l("Released"))}}
    cells = {"contractor": lambda row: row.contractor.label}
    list_options = (joinedload(RetentionAccount.contractor).load_only(Company.name, Company.short_name),)
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ReferenceFilter("contractor_id", reference=COMPANIES),
        ChoiceFilter("state"),
    )
    form_columns = (
        "project_id",
        "contractor_id",
        "contract_number",
        "settlement",
        "percent",
        "starts_on",
        "months",
        "note",
    )
    form_args = {
        "percent": {"default": 3, "description": _l("At most 3 percent of the settlement.")},
        "months": {"default": 24, "description": _l("12 to 24 months.")},
    }
    references = {"project_id": PROJECTS, "contractor_id": COMPANIES}
    details_template = "warranty/admin/retention.html"
    empty_list_hint = _l("Open an account for each contract that was settled.")

    def create_record(self, form: GuardedForm) -> RetentionAccount:
        """Open an account."""
        values = form.values()
        return money.open_account(
            form["project_id"].record,
            form["contractor_id"].record,
            contract_number=values["contract_number"] or "",
            settlement=values["settlement"],
            starts_on=values["starts_on"],
            months=values["months"] or 0,
            percent=values["percent"],
            note=values["note"] or "",
        )

    def details_extra(self, record: RetentionAccount) -> Mapping[str, Any]:
        """Return the ledger, the requests for release, and what stands in their way."""
        return {
            "obstacles": money.release_obstacles(record) if record.state == "open" else [],
            "releases": db.session.scalars(
                sa.select(ReleaseRequest)
                .where(ReleaseRequest.account_id == record.id)
                .order_by(ReleaseRequest.id.desc())
            ).all(),
            "release_states": RELEASE,
            "kinds": words.ENTRIES,
            "money": words.money,
            "moment_text": words.moment_text,
            "may_keep": has_permission("warranty.keep_retention"),
            "today": local_today(),
        }

    @expose_guarded("/book/", permission="warranty.keep_retention", methods=("POST",))
    def book(self) -> Response:
        """Book a deposit, a correction, or a request for release."""
        record = self.get_one(request.args.get("id"))
        deeds: dict[str, Callable[[], Any]] = {
            "deposit": lambda: money.deposit(record, amount_of(typed("amount", 20)), typed("note", 255)),
            "correct": lambda: money.correct(record, amount_of(typed("amount", 20)), typed("note", 255)),
            "request": lambda: money.request_release(record, amount_of(typed("amount", 20))),
        }

        def step() -> Any:
            action = deeds.get(request.form.get("deed", ""))
            if action is None:
                raise WarrantyRuleError(_("Choose what is booked. Reload the page and try again."))
            return action()

        return take_step(self.address("details_view", id=record.id), step, _("It is booked."))


class ReleaseView(WarrantyView):
    """Requests for the release of retention money."""

    permissions = ViewPermissions("warranty.view", None, None, None, "warranty.export")
    record_kind = "warranty.release"
    column_list = ("number", "account", "contractor", "amount", "requested_on", "answer_due_on", "progress")
    column_details_list = (
        "account",
        "contractor",
        "amount",
        "requested_on",
        "answer_due_on",
        "progress",
        "decided_at",
        "decision",
    )
    column_export_list = ("number", "amount", "requested_on", "answer_due_on", "state", "decided_at")
    column_labels = {
        "number": _NUMBER,
        "account": _l("Retention account"),
        "account_id": _l("Retention account"),
        "project_id": _l("Project"),
        "contractor": _l("Contractor"),
        "amount": _l("Amount"),
        "requested_on": _l("Requested on"),
        "answer_due_on": _l("Answer due on"),
        "progress": _l("State"),
        "state": _l("State"),
        "decided_at": _l("Decided"),
        "decided_by_id": _l("Decided by"),
        "decision": _l("Decision"),
    }
    choices = {"state": tuple((state.code, state.label) for state in RELEASE.states)}
    cells = {
        "account": lambda row: account_link(row.account),
        "contractor": lambda row: row.account.contractor.label,
        "progress": lambda row: (
            status("late", _("Answer overdue"))
            if releases.is_answer_late(row)
            else status(RELEASE.state_of(row).tone, RELEASE.state_of(row).label)
        ),
    }
    list_options = (
        undefer(ReleaseRequest.state),
        joinedload(ReleaseRequest.account).joinedload(RetentionAccount.contractor),
    )
    search = SearchDeclaration(columns=("number",), small_table=True, placeholder=_NUMBER)
    filters = (ReferenceFilter("project_id", reference=PROJECTS), ChoiceFilter("state"))
    sortable = ("number",)
    workflow = RELEASE
    empty_list_hint = _l("A request is noted on the page of the retention account.")

    def take_step(self, record: ReleaseRequest, transition: Transition, values: Mapping[str, Any]) -> None:
        """Call the service of a step."""
        steps: dict[str, Callable[[], Any]] = {
            "submit": lambda: releases.submit_release(record, str(values.get("submit_note") or "")),
            "pay": lambda: money.pay_release(record),
            "refuse": lambda: money.refuse_release(record, str(values.get("decision") or "")),
            **dict.fromkeys(
                CORRECTIONS.values(),
                lambda: releases.correct_release(record, values["amount"], values["comment"]),
            ),
        }
        steps[transition.code]()

    def step_done(self, record: ReleaseRequest, transition: Transition) -> Any:
        """Say after a correction whether the approvals stand or all are asked anew, and why."""
        if transition.code not in CORRECTIONS.values():
            return super().step_done(record, transition)
        asked = releases.approval_of(record)
        return " ".join(
            filter(
                None,
                (
                    _(
                        "%(number)s is about %(amount)s now.",
                        number=record.number,
                        amount=words.money(record.amount),
                    ),
                    amount_words(asked) if asked is not None else "",
                ),
            )
        )


class CaseView(WarrantyView):
    """Problems of many houses."""

    permissions = ViewPermissions("warranty.view", None, None, None, "warranty.export")
    record_kind = "warranty.case"
    column_list = ("number", "title", "kind", "share", "opened_at", "reply_due", "state")
    column_details_list = (
        "title",
        "kind",
        "is_major",
        "category",
        "batch",
        "share",
        "orders_found",
        "opened_at",
        "state",
        "reply_due",
        "design_reply",
        "measures",
        "responsible",
        "closed_at",
        "closing_note",
    )
    column_export_list = (
        "number",
        "title",
        "kind",
        "is_major",
        "category_code",
        "orders_found",
        "houses_found",
        "houses_total",
        "state",
        "opened_at",
    )
    column_labels = {
        "number": _NUMBER,
        "title": _l("Problem"),
        "kind": _l("Found by"),
        "is_major": _l("Major event"),
        "category": _l("Category"),
        "category_code": _l("Category"),
        "share": _l("Houses"),
        "houses_found": _l("Houses"),
        "houses_total": _l("Of houses"),
        "orders_found": _l("Orders"),
        "project_id": _l("Project"),
        "building_id": _l("Building"),
        "phase_id": _l("Phase"),
        "batch": _l("Delivery batch"),
        "batch_kind": _l("Delivery batch"),
        "batch_id": _l("Delivery batch"),
        "batch_name": _l("Delivery batch"),
        "opened_at": _l("Opened"),
        "state": _l("State"),
        "reply_due": _l("Reply of the design department"),
        "design_reply_due_at": _l("Reply of the design department by"),
        "design_reply": _l("Reply"),
        "measures": _l("Measures"),
        "responsible": _l("Responsible side"),
        "responsible_id": _l("Responsible side"),
        "closed_at": _l("Closed on"),
        "closing_note": _l("Result"),
    }
    choices = {"kind": tuple(words.CASES.items()), "category_code": CATEGORY_CHOICES}
    status_columns = {
        "state": _tones(CASE),
        "is_major": {True: ("late", _l("Major event")), False: ("calm", _l("No"))},
    }
    cells = {
        "category": lambda row: words.category_name(row.category_code),
        "batch": lambda row: row.batch_name,
        "share": lambda row: case_share(row),
        "reply_due": lambda row: (
            words.moment_text(row.design_reply_due_at) if not row.design_reply else _("replied")
        ),
        "responsible": lambda row: row.responsible.name if row.responsible else "",
    }
    list_options = tuple(
        undefer(getattr(GroupCase, name))
        for name in ("houses_found", "houses_total", "design_reply_due_at", "design_reply", "is_major")
    )
    search = SearchDeclaration(
        columns=("number", "title"), small_table=True, placeholder=_l("Number or problem")
    )
    filters = (ReferenceFilter("project_id", reference=PROJECTS), ChoiceFilter("state"), ChoiceFilter("kind"))
    sortable = ("number",)
    workflow = CASE
    empty_list_hint = _l(
        "A case opens by itself when five orders of one category come from one building in 30 days, or when a tenth of "
        "its houses report the same."
    )

    def take_step(self, record: GroupCase, transition: Transition, values: Mapping[str, Any]) -> None:
        """Call the service of a step."""
        steps: dict[str, Callable[[], Any]] = {
            "confirm": lambda: cases.confirm_case(record, str(values.get("measures") or "")),
            "reply": lambda: cases.reply_to_case(record, str(values.get("design_reply") or "")),
            "close": lambda: cases.close_case(record, str(values.get("closing_note") or "")),
            "dismiss": lambda: cases.dismiss_case(record, str(values.get("closing_note") or "")),
        }
        steps[transition.code]()


def case_share(case: GroupCase) -> Markup | str:
    """Return how many houses of how many are concerned, with the share."""
    text = f"{case.houses_found} / {case.houses_total}"
    if case.houses_total:
        text += f" · {case.houses_found * 100 / case.houses_total:.1f}%"
    return status("late", text) if case.is_major else text


def waiting_notices() -> int | None:
    """Return how many notices were not answered in time, for the sidebar."""
    found = (
        sa.select(ContractorNotice.id)
        .where(ContractorNotice.state == "issued", ContractorNotice.answer_due_at < utc_now())
        .limit(1000)
        .subquery()
    )
    return db.session.scalar(sa.select(sa.func.count()).select_from(found)) or None


def open_cases() -> int | None:
    """Return how many batch problems are open, for the sidebar."""
    found = sa.select(GroupCase.id).where(GroupCase.state == "open").limit(1000).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(found)) or None
