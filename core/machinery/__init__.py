"""What several plugins need, a folder each; none of the folders knows another's insides.

What one of them takes from another is handed over here, when the application is put together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from flask import Flask

    from core.machinery.approvals.services import Overdue
    from core.machinery.clocks.services import Announcement
    from core.machinery.documents.services import LetterheadOf
    from core.machinery.jobs.runs import ActAs


def set_up_machinery(
    app: Flask,
    letterhead_of: LetterheadOf | None = None,
    setting_of: Callable[[str, str, int | None], Any] | None = None,
    act_as: ActAs | None = None,
    write_timeline: Callable[..., Any] | None = None,
    correspondence: ModuleType | None = None,
) -> None:
    """Attach the audit log to the session, open the stores, and hand each part what it takes from the others.

    Args:
        app: The application.
        letterhead_of: Returns what stands at the head of the documents of a project and department; when omitted, the
            name of the installation stands there.
        setting_of: Returns the value of a setting: component, key, department; the declared defaults when omitted.
        act_as: Tells how an account stands in a department now, for jobs, which act as the one who started them; when
            omitted, jobs of the system alone can run.
        write_timeline: Writes an entry into the timeline of a unit or a customer; nothing is written when omitted.
        correspondence: :mod:`core.customers.correspondence`, what messages and personal links ask of customers; without
            it there is no outbox and there are no links.
    """
    # Imported here: the programs that decode pictures and lay out documents start this package too and want none of it.
    from pathlib import Path

    from core.extensions import db
    from core.machinery.approvals import services as approvals
    from core.machinery.attachments import services as attachments
    from core.machinery.attachments.store import open_store
    from core.machinery.audit import services as audit
    from core.machinery.clocks import services as clocks
    from core.machinery.clocks.working_days import working_days_after
    from core.machinery.documents import services as documents
    from core.machinery.documents.fonts import FONT_FILES
    from core.machinery.jobs import services as jobs
    from core.machinery.jobs.bell import HueyBell, SilentBell
    from core.machinery.numbering.services import next_number, number_ahead
    from core.machinery.signatures import services as signatures
    from core.machinery.todos import services as todos
    from core.machinery.workflow import services as workflow

    instance = Path(app.instance_path)
    bucket = app.config["FILE_BUCKET"]
    folders = {
        "attachments": Path(app.config["ATTACHMENT_FOLDER"] or instance / "attachments"),
        "documents": Path(app.config["DOCUMENT_FOLDER"] or instance / "documents"),
        "jobs": Path(app.config["JOB_FOLDER"] or instance / "jobs"),
    }
    stores = {name: open_store(folder, bucket, name) for name, folder in folders.items()}
    with app.app_context():
        sessions = db.session.session_factory
    audit.install_capture(sessions)
    workflow.set_up_workflows(app, sessions, write_timeline)
    approvals.set_up_approvals(
        app,
        sessions,
        approvals.Means(
            setting_of=setting_of or _declared_default,
            working_day_after=working_days_after,
            next_number=next_number,
            add_todo=todos.add_todo,
            finish_todos=todos.finish_todos_by_key if correspondence is None else _finish_approval,
            write=None if correspondence is None else partial(_write_overdue, correspondence),
        ),
    )
    attachments.set_up_attachments(app, stores["attachments"], FONT_FILES[400])
    documents.set_up_documents(
        app,
        sessions,
        documents.Means(
            store=stores["documents"],
            encrypt=audit.encrypt_bytes,
            decrypt=audit.decrypt_bytes,
            subject_of=audit.customer_subject,
            next_number=next_number,
            number_ahead=number_ahead,
            attachment_bytes=attachments.picture_bytes,
            letterhead_of=letterhead_of,
            record_event=audit.record_event,
            enqueue_job=jobs.enqueue_job,
        ),
    )
    bell = HueyBell(instance, app.config["REDIS_URL"], app.config["SECRET_KEY"])
    jobs.set_up_jobs(
        app,
        sessions,
        jobs.Means(
            act_as=act_as or (lambda user_id, department_id: None),
            store=stores["jobs"],
            encrypt=lambda content: audit.encrypt_bytes(audit.customer_subject(None), content),
            decrypt=lambda content: audit.decrypt_bytes(audit.customer_subject(None), content),
            record_event=audit.record_event,
            bell=SilentBell() if app.config.get("TESTING") else bell,
        ),
    )
    end_steps = _withdraw if correspondence is None else _withdraw_and_cancel
    clocks.set_up_clocks(
        app,
        clocks.Means(
            setting_of=setting_of or _declared_default,
            announce=_announce if correspondence is None else partial(_announce_and_write, correspondence),
            withdraw=lambda clock: end_steps(clock.id),
        ),
    )
    signatures.set_up_signatures(
        app,
        sessions,
        signatures.Means(
            encrypt=audit.encrypt_bytes,
            decrypt=audit.decrypt_bytes,
            subject_of=audit.customer_subject,
            record_event=audit.record_event,
        ),
    )
    if correspondence is not None:
        _set_up_correspondence(app, correspondence)


def _declared_default(component: str, key: str, _department_id: int | None) -> Any:
    from core.plugin_system.runtime import current_runtime

    declared = current_runtime().declared.setting(component, key)
    if declared is None:
        raise LookupError(f"The component {component!r} declares no setting {key!r}.")
    return declared.default


def _announce(told: Announcement) -> None:
    """Make the to-do of a step of a ladder."""
    from core.languages import in_each_language
    from core.machinery.todos import services as todos

    clock, step = told.clock, told.step
    if not step.role and not step.to_owner:
        return
    owner_id = clock.owner_id if step.to_owner else None
    todos.add_todo(
        told.record,
        in_each_language(lambda: f"{step.label}: {told.kind.title(told.record)}"),
        owner=owner_id,
        department=told.department_id,
        role=None if owner_id is not None else step.role,
        due_at=clock.due_at,
        dedupe_key=f"clock:{clock.id}:{step.code}",
        note=told.policy.label,
    )


def _announce_and_write(known: ModuleType, told: Announcement) -> None:
    """Make the to-do of a step, and write the message that the step names; without it the to-do stands all the same."""
    from core.plugin_system.dispatch import isolated
    from core.plugin_system.runtime import current_runtime

    _announce(told)
    if told.step.message:
        component = current_runtime().declared.component_of(told.policy)
        isolated(component, f"message of {told.policy.code}", _write_step, known, told)


def _write_step(known: ModuleType, told: Announcement) -> None:
    from dataclasses import replace

    from core.database.scope import require_scope, use_scope
    from core.database.types import LOCAL_ZONE
    from core.languages import speaking
    from core.machinery.messages import services as messages

    clock, step = told.clock, told.step
    if step.to_customer:
        customer = messages.find_customer(clock.customer_id) if clock.customer_id is not None else None
        people = [("customer", customer, customer.language)] if customer is not None else []
    else:
        owner_id = clock.owner_id if step.to_owner else None
        people = [
            (str(key), person, person.language)
            for key, person in known.colleagues(told.department_id, step.role, owner_id, clock.project_id)
        ]
    # Texts, quiet hours and the service number are those of the department that hears of it.
    with use_scope(replace(require_scope(), department_id=told.department_id)):
        for key, person, language in people:
            with speaking(language):
                values = {
                    "record": told.kind.title(told.record),
                    "what": str(step.label),
                    "due": f"{clock.due_at.astimezone(LOCAL_ZONE):%Y-%m-%d %H:%M}",
                }
            messages.send_message(
                step.message,
                person,
                values,
                dedupe_key=f"clock:{clock.id}:{step.code}:{key}",
                record=told.record,
            )


def _withdraw(clock_id: int) -> None:
    from core.machinery.todos import services as todos

    todos.finish_todos_by_key(f"clock:{clock_id}:")


def _withdraw_and_cancel(clock_id: int) -> None:
    from flask_babel import lazy_gettext as _l

    from core.machinery.messages import services as messages

    _withdraw(clock_id)
    messages.cancel_by_key(f"clock:{clock_id}:", _l("The time limit that it speaks of has ended."))


def _write_overdue(known: ModuleType, overdue: Overdue) -> None:
    """Write to those who have not answered a request in time; without it their to-do stands all the same."""
    from core.plugin_system.dispatch import isolated

    isolated("core", f"message about {overdue.request.number}", _write_to_approvers, known, overdue)


def _write_to_approvers(known: ModuleType, overdue: Overdue) -> None:
    from dataclasses import replace

    from core.database.scope import require_scope, use_scope
    from core.database.types import LOCAL_ZONE
    from core.languages import speaking
    from core.machinery.messages import services as messages
    from core.plugin_system.runtime import current_runtime

    request = overdue.request
    kind = current_runtime().declared.approval_kind(request.kind)
    with use_scope(replace(require_scope(), department_id=overdue.department_id)):
        for key in overdue.people:
            for _id, person in known.colleagues(None, "", key):
                with speaking(person.language):
                    values = {
                        "number": request.number,
                        "what": str(request.title),
                        "kind": str(kind.label) if kind is not None else request.kind,
                        "due": f"{overdue.due_at.astimezone(LOCAL_ZONE):%Y-%m-%d %H:%M}",
                        "page": _address_of("approvals.details_view", id=request.id),
                    }
                messages.send_message(
                    overdue.template, person, values, dedupe_key=f"{overdue.dedupe_key}{key}", record=request
                )


def _address_of(endpoint: str, **values: Any) -> str:
    from flask import current_app, url_for

    with current_app.test_request_context("/"):
        return str(current_app.config["BASE_URL"]).rstrip("/") + url_for(endpoint, **values)


def _finish_approval(prefix: str) -> None:
    from flask_babel import lazy_gettext as _l

    from core.machinery.messages import services as messages
    from core.machinery.todos import services as todos

    todos.finish_todos_by_key(prefix)
    messages.cancel_by_key(prefix, _l("The approval that it speaks of was answered meanwhile."))


def _issue_letter(code: str, message_id: int, language: str) -> Any:
    """Issue a message as a letter; one that cannot be printed was certainly not sent."""
    from core.extensions import db
    from core.languages import sentence_of
    from core.machinery.documents import services as documents
    from core.machinery.messages.models import Message
    from core.machinery.messages.outgoing import NotSent

    try:
        return documents.issue_alone(code, lambda: db.session.get_one(Message, message_id), language)
    except documents.DocumentRefused as refusal:
        raise NotSent(sentence_of(refusal)) from refusal


def _set_up_correspondence(app: Flask, known: ModuleType) -> None:
    """Hand messages and personal links what they ask of departments, customers and the timeline."""
    from core.machinery.audit import services as audit
    from core.machinery.documents import services as documents
    from core.machinery.jobs import services as jobs
    from core.machinery.links import services as links
    from core.machinery.messages import services as messages
    from core.machinery.messages.outgoing import Secret

    messages.set_up_messages(
        app,
        messages.Means(
            setting=known.core_setting,
            departments_above=known.departments_above,
            is_within_reach=known.department_is_within_reach,
            facts_of=known.facts_of,
            unwanted=known.unwanted,
            places=known.places,
            write_timeline=known.write_timeline,
            record_event=audit.record_event,
            issue_letter=_issue_letter,
            issued_for=documents.issued_for,
            enqueue_job=jobs.enqueue_job,
        ),
    )

    def send_link(
        template: str, customer: Any, address: str, values: Mapping[str, Any] | None, **options: Any
    ) -> Any:
        # Of the address nothing may be left in the outbox once it is sent.
        return messages.send_message(
            template, customer, {**(values or {}), "link": Secret(address)}, **options
        )

    links.set_up_links(
        app,
        links.Means(
            phone_of=known.phone_of,
            agree=known.agree,
            household=known.household,
            projects_of=known.projects_of,
            departments_of=known.departments_of_visit,
            places=known.places,
            setting=known.core_setting,
            send_message=send_link,
            record_event=audit.record_event,
        ),
    )
