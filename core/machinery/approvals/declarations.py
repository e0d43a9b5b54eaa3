"""What approvals declare: rights, numbers, their kind of record, sheet, reminders, and their section on records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _l

from core.database.scope import require_scope
from core.machinery.approvals import documents, reminders, services
from core.machinery.approvals.models import ApprovalDelegation, ApprovalRequest, ApprovalTask
from core.plugin_system.declarations import (
    DocumentType,
    MessageTemplate,
    Panel,
    PeriodicTask,
    Permission,
    Placeholder,
    RecordKind,
    RecordWords,
    Setting,
)
from core.plugin_system.hookspecs import hookimpl
from core.plugin_system.runtime import current_runtime

VIEW = "approvals.view"
_ALL_STAFF = ("HEAD", "BCS", "CCS", "CMK", "PCM", "MKT", "FIN", "ENG", "PM", "DSN", "LEG", "COST", "APR")

STATES: Mapping[str, tuple[str, Any]] = {
    "pending": ("wait", _l("Waits for answers")),
    "approved": ("ok", _l("Approved")),
    "rejected": ("late", _l("Given back")),
    "withdrawn": ("calm", _l("Taken back")),
}
"""Tone and words of each state of a request."""

TASK_STATES: Mapping[str, tuple[str, Any]] = {
    "waiting": ("calm", _l("Not yet its turn")),
    "open": ("wait", _l("Waits for an answer")),
    "approved": ("ok", _l("Agreed")),
    "rejected": ("late", _l("Not agreed")),
    "cancelled": ("calm", _l("Not asked any more")),
}
"""Tone and words of each state of an opinion."""


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare who sees requests. Who answers is decided by the steps of each."""
    return (
        Permission(
            VIEW,
            _l("See approvals and answer those that wait for oneself"),
            _l("Requests about the projects that one sees, their opinions and sheets."),
            default_roles=_ALL_STAFF,
        ),
    )


@hookimpl
def settings() -> Sequence[Setting]:
    """Declare the numbers of the procedure."""
    practice = _l("Practice of the trade")
    return (
        Setting(
            "approval_answer_days",
            2,
            _l("Limit to answer an approval"),
            _l("Working days until each opinion is due; then its approvers are reminded."),
            practice,
            minimum=1,
            maximum=60,
        ),
        Setting(
            "approval_escalation_days",
            1,
            _l("Escalation of an approval"),
            _l("Working days after the limit until the head of the department above is told."),
            _l("Own default"),
            minimum=1,
            maximum=60,
        ),
        Setting(
            reminders.WRITES,
            False,
            _l("Write to approvers"),
            _l(
                "Whoever has not answered in time also gets a message, by e-mail or else as a text, and so does "
                "the head of the department above when it is told. Off, both find it among their to-dos only."
            ),
            _l("Own default"),
        ),
        Setting(
            "approval_rise_percent",
            Decimal(10),
            _l("Rise that asks anew"),
            _l("By how many percent an approved amount may rise before it has to be approved again."),
            practice,
            minimum=Decimal(0),
            maximum=Decimal(100),
        ),
    )


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    """Declare requests as records, so that to-dos and documents can hang on them."""
    return (
        RecordKind(
            code="core.approval",
            model=ApprovalRequest,
            label=_l("Approval"),
            view_permission=VIEW,
            edit_permission=VIEW,
            endpoint="approvals.details_view",
            title=str,
            narrow=services.of_modules_that_are_on,
        ),
    )


@hookimpl
def record_words() -> Sequence[RecordWords]:
    """Declare what the change log calls opinions and delegations."""
    owner = {"project_id": _l("Project"), "customer_id": _l("Customer"), "department_id": _l("Department")}
    return (
        RecordWords(
            ApprovalRequest,
            {
                "kind": _l("Kind of approval"),
                "record_kind": _l("Kind of record"),
                "record_id": _l("Record"),
                "approved_amount": _l("Approved amount"),
                "facts": _l("What is approved"),
                "content_hash": _l("Fingerprint (SHA-256)"),
                "withdrawal_reason": _l("Taken back because"),
                "band": _l("Level"),
                "round_number": _l("Round"),
                "author_id": _l("Asked by"),
                "earlier_author_ids": _l("Asked before"),
                **owner,
            },
        ),
        RecordWords(
            ApprovalTask,
            {
                "request_id": _l("Approval"),
                "round_number": _l("Round"),
                "step": _l("Step"),
                "label": _l("Opinion of"),
                "position": _l("Place in lists"),
                "state": _l("State"),
                "role": _l("Role"),
                "place_ids": _l("Departments"),
                "person_id": _l("User"),
                "opened_at": _l("Waits since"),
                "due_at": _l("Answer due"),
                "reminded_at": _l("Reminded"),
                "escalated_at": _l("Escalated"),
                "decided_at": _l("Answered"),
                "decided_by_id": _l("Opinion given by"),
                "on_behalf_of_id": _l("In the place of"),
                "opinion": _l("Opinion"),
                "amount": _l("Amount"),
                **owner,
            },
            _l("Opinion of an approval"),
        ),
        RecordWords(
            ApprovalDelegation,
            {
                "user_id": _l("Absent"),
                "delegate_id": _l("Stands in"),
                "from_on": _l("From"),
                "until_on": _l("Until"),
                "reason": _l("Reason"),
                "ended_at": _l("Ended"),
            },
            _l("Standing in for approvals"),
        ),
    )


@hookimpl
def document_types() -> Sequence[DocumentType]:
    """Declare the approval sheet."""
    return (
        DocumentType(
            "core.approval_sheet",
            _l("Approval sheet"),
            "core.approval",
            "approvals/documents/sheet.html",
            documents.sheet,
            VIEW,
            VIEW,
            "SPB",
            may_issue=documents.may_issue_sheet,
        ),
    )


@hookimpl
def message_templates() -> Sequence[MessageTemplate]:
    """Declare what is written about answers that are overdue, where a department wants that."""
    placeholders = (
        Placeholder("number", _l("Number"), "SP-202605-0012"),
        Placeholder("what", _l("What is approved"), "3-1-1201"),
        Placeholder("kind", _l("Kind of approval"), "对外付款"),
        Placeholder("due", _l("Answer due"), "2026-05-03 18:00"),
        Placeholder("page", _l("Address of the page"), "https://example.com/approvals/details/?id=12"),
    )
    return (
        MessageTemplate(
            reminders.REMINDER,
            _l("Reminder of an approval"),
            "{customer}，您好！{number}“{what}”（{kind}）等待您的审批意见，应于{due}前答复，请尽快处理：{page} "
            "{company}",
            "Dear {customer}, {number} “{what}” ({kind}) waits for your answer, which was due on {due}. "
            "Please see to it: {page} {company}",
            channels=("email", "sms"),
            subject="审批提醒：{number} {what}",
            subject_en="Waits for your approval: {number} {what}",
            placeholders=placeholders,
        ),
        MessageTemplate(
            reminders.ESCALATION,
            _l("Approval without an answer"),
            "{customer}，您好！{number}“{what}”（{kind}）应于{due}前答复，至今无审批意见，请督促处理：{page} {company}",
            "Dear {customer}, nobody has answered {number} “{what}” ({kind}), which was due on {due}. "
            "Please see that it is answered: {page} {company}",
            channels=("email", "sms"),
            subject="审批超期：{number} {what}",
            subject_en="Approval without an answer: {number} {what}",
            placeholders=placeholders,
        ),
    )


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the section of approvals on records, and what waits for oneself on the home page."""
    return (
        Panel(
            code="core.approvals",
            record_kind="*",
            title=_l("Approvals"),
            template="admin/approvals/panel.html",
            load=of_record,
            permission=VIEW,
            order=120,
        ),
        Panel(
            code="core.approvals_waiting",
            record_kind="home",
            title=_l("Waits for your approval"),
            template="admin/approvals/home.html",
            load=waiting_for_me,
            permission=VIEW,
            order=40,
        ),
    )


@hookimpl
def periodic_tasks() -> Sequence[PeriodicTask]:
    """Declare the reminders."""
    return (
        PeriodicTask(
            "approvals.remind", _l("Remind of overdue approvals"), services.remind_of_overdue, minutes=15
        ),
    )


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move the requests."""
    services.move_to_customer(kept_id, merged_id)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Blank what they say."""
    services.erase_of_customer(customer_id, _l("Erased at the customer's request."))


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Return the requests."""
    return {"approvals": services.of_customer(customer_id)}


def of_record(record: Any) -> Mapping[str, Any] | None:
    """Return the requests about a record; nothing where none was made."""
    declared = current_runtime().declared
    kind = declared.record_kind_of(record)
    if kind is None or all(each.record_kind != kind.code for each in declared.approval_kinds()):
        return None
    requests = services.approvals_of(record)
    if not requests:
        return None
    return {
        "requests": [
            (request, kind_label(request), STATES[request.state], services.amount_words(request))
            for request in requests
        ],
        "count": len(requests),
    }


def kind_label(request: ApprovalRequest) -> str:
    """Return what a request asks for."""
    kind = current_runtime().declared.approval_kind(request.kind)
    return str(kind.label) if kind is not None else request.kind


def waiting_for_me(_record: Any) -> Mapping[str, Any] | None:
    """Return what waits for the acting user; nothing where nothing does."""
    waiting = services.inbox() if require_scope().user_id is not None else []
    if not waiting:
        return None
    return {
        "waiting": [(each, kind_label(each.request)) for each in waiting[:5]],
        "count": len(waiting),
    }
