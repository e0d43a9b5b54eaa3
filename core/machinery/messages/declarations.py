"""What messages declare: rights, settings, their own record kinds, the channels of the core, and sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.machinery.messages import channels, sending, services
from core.machinery.messages.commands import messages as command_group
from core.machinery.messages.models import Message, MessageBatch
from core.machinery.messages.words import KINDS, STATES
from core.plugin_system.declarations import (
    Command,
    DocumentType,
    JobKind,
    MessageChannel,
    MessageTemplate,
    Panel,
    PeriodicTask,
    Permission,
    RecordKind,
    Setting,
    TimelineKind,
)
from core.plugin_system.hookspecs import hookimpl
from core.plugin_system.runtime import current_runtime

_SERVICE = ("HEAD", "BCS", "CCS", "PCM", "CLB")


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights."""
    return (
        Permission(
            "messages.view",
            _l("See messages"),
            _l("The outbox, with what was written to customers and what became of it."),
            (*_SERVICE, "CMK", "MKT"),
        ),
        Permission(
            "messages.send",
            _l("Send messages to customers"),
            _l("To the customers of a list, and take back what was not sent yet."),
            _SERVICE,
        ),
        Permission(
            "messages.decide",
            _l("Decide about messages that may not have been sent"),
            _l("Whether one that nobody knows about is sent once more."),
            ("HEAD", "PCM"),
        ),
        Permission(
            "messages.edit_texts",
            _l("Change the texts of messages"),
            _l("For the own department and those below it."),
            ("HEAD", "BCS"),
        ),
    )


@hookimpl
def settings() -> Sequence[Setting]:
    """Declare quiet hours, the cap of a month, and the number that customers can call."""
    hours = _l("Full hour. Text messages wait until the quiet hours are over; urgent ones do not.")
    source = _l("Practice of the trade")
    return (
        Setting("quiet_from", 21, _l("Quiet hours begin at"), hours, source, minimum=0, maximum=23),
        Setting("quiet_until", 9, _l("Quiet hours end at"), hours, source, minimum=0, maximum=23),
        Setting(
            "messages_per_month",
            2,
            _l("Messages a customer gets in a month"),
            _l("Of those that are no service: advertising, surveys, greetings. More are withheld."),
            _l("Procedure 5.5.2"),
            minimum=0,
            maximum=31,
        ),
        Setting(
            "service_phone",
            "",
            _l("Service number in messages"),
            _l("Stands where a text has {phone}."),
        ),
    )


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    """Declare messages and batches."""
    return (
        RecordKind(
            "core.message",
            Message,
            _l("Message"),
            "messages.view",
            "messages.send",
            "messages.details_view",
            title=message_title,
        ),
        RecordKind(
            "core.message_batch",
            MessageBatch,
            _l("Message to many"),
            "messages.view",
            "messages.send",
            "message_batches.details_view",
            title=lambda batch: str(batch.title),
        ),
    )


def label_of(code: str) -> str:
    """Return what staff call a template; its code when its module is gone."""
    template = current_runtime().declared.message_template(code)
    return str(template.label) if template is not None else code


def message_title(message: Message) -> str:
    """Return the heading of a message: what it is, and to whom."""
    name = label_of(message.template)
    return f"{name} · {message.recipient_name}" if message.recipient_name else name


@hookimpl
def message_channels() -> Sequence[MessageChannel]:
    """Declare the channels of the core."""
    return channels.CHANNELS


@hookimpl
def message_templates() -> Sequence[MessageTemplate]:
    """Declare what staff may write to customers of their choice."""
    return (
        MessageTemplate(
            "core.greeting",
            _l("Festival greeting"),
            "{customer}，您好！{company}祝您和家人节日快乐、阖家安康。客服热线：{phone}。拒收请回复R",
            "Dear {customer}, {company} wishes you and your family a happy holiday. Service: {phone}. "
            "Reply R to opt out.",
            purpose="greetings",
            channels=("sms", "email", "letter"),
            subject="节日问候",
            subject_en="Season's greetings",
            by_hand=True,
        ),
        MessageTemplate(
            "core.confirm_contact",
            _l("Please check your address and telephone number"),
            "{customer}，您好！为了让您及时收到房屋交付、维修等重要通知，请在电话或通讯地址变更后告知我们。"
            "客服热线：{phone}。{company}",
            "Dear {customer}, so that notices about your home reach you in time, please tell us when your telephone "
            "number or address changes. Service: {phone}. {company}",
            channels=("sms", "email", "letter"),
            subject="请核对您的联系方式",
            subject_en="Please check your contact details",
            by_hand=True,
        ),
    )


@hookimpl
def timeline_kinds() -> Sequence[TimelineKind]:
    """Declare what messages write on timelines."""
    return (
        TimelineKind("core.message_sent", _l("Message"), "calm"),
        TimelineKind("core.message_not_sent", _l("Message not sent"), "wait"),
    )


@hookimpl
def document_types() -> Sequence[DocumentType]:
    """Declare the letter."""
    return (
        DocumentType(
            channels.LETTER,
            _l("Letter"),
            "core.message",
            "messages/letter.html",
            letter_values,
            "messages.view",
            "messages.send",
            "XJ",
            may_issue=why_no_letter,
        ),
    )


def letter_values(message: Message, language: str) -> Mapping[str, Any]:
    """Return what stands on the letter: the words as they were written, whatever the language of the form."""
    del language
    return {
        "subtitle": message.subject,
        "recipient": message.recipient_name,
        "address": message.address if message.kind == "letter" else "",
        "paragraphs": [line for line in services.body_of(message).splitlines() if line.strip()],
    }


def why_no_letter(message: Message) -> Any:
    """Return why a message cannot be issued as a letter, or None."""
    if message.kind != "letter":
        return _("The message goes by another way than a letter. Look at the preview to print it.")
    if message.state in ("withheld", "cancelled"):
        return _("The message is withheld or was taken back.")
    return None


@hookimpl
def job_kinds() -> Sequence[JobKind]:
    """Declare the writing of messages to many customers."""
    return (
        JobKind(services.BATCH_JOB, _l("Write messages to customers"), services.write_batch, "messages.send"),
    )


@hookimpl
def periodic_tasks() -> Sequence[PeriodicTask]:
    """Declare the sending of what is due."""
    return (
        PeriodicTask("core.send_messages", _l("Send messages that are due"), sending.run_sender, minutes=1),
    )


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the section with the messages of a record."""
    return (
        Panel(
            "core.messages",
            "*",
            _l("Messages"),
            "messages/panel.html",
            panel_values,
            "messages.view",
            order=650,
        ),
    )


def panel_values(record: Any) -> Mapping[str, Any] | None:
    """Return the newest messages of a record; nothing for one without any."""
    rows = services.messages_of(record)
    if not rows or isinstance(record, Message):
        return None
    return {
        "rows": [(row, label_of(row.template), *STATES[row.state], services.remark_of(row)) for row in rows],
        "kinds": KINDS,
        "count": len(rows),
    }


@hookimpl
def commands() -> Sequence[Command]:
    """Declare ``doorstep messages``."""
    return (Command(command_group),)


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move the messages."""
    services.move_to_customer(kept_id, merged_id)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Blank what messages say of the customer."""
    services.erase_of_customer(customer_id)


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Return the messages."""
    return {"messages": services.of_customer(customer_id)}
