"""The messages that owners get on the way of a repair, in both languages, and the switches of a department for them.

When and to whom they are sent stands in ``services/telling.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from core.toolkit import MessageTemplate, Placeholder, Setting, _l
from plugins.warranty.configuration import PRACTICE, number

URGENT = "_p1"
"""What the code of a message for an emergency ends with: it goes out in the quiet hours too."""

BY_PERSON, BY_ITSELF = "person", "automatic"
"""How owners are told the progress."""

_NUMBER = Placeholder("number", _l("Number"), "WX-XH01-20261123-001")
_WHAT = Placeholder("what", _l("What is wrong"), "主卫 渗漏")
_UNTIL = Placeholder("until", _l("Until when"), "2026-11-24 18:00")
_LINK = Placeholder("link", _l("Personal link, or the service number"), "https://…/l/…")
_ENGINEER = Placeholder("engineer", _l("Engineer"), "赵磊")
_WINDOW = Placeholder("window", _l("Booked time"), "2026-11-24 09:00–11:00")
_REASON = Placeholder("reason", _l("Reason"), "等待厂家发货")
_DAYS = Placeholder("days", _l("Days"), "7")
_HOUSE = Placeholder("house", _l("House"), "8-1-1202")
_ENDING = Placeholder("what", _l("What ends"), "装修工程、门窗及五金")
_LAST_DAY = Placeholder("until", _l("Last day of cover"), "2026-12-27")
_TEXT = Placeholder("text", _l("What the owner is told"), "防水层已修补，正在做蓄水试验")

SWITCHES: tuple[tuple[str, Any], ...] = (
    ("received", _l("Message: report received")),
    ("dispatched", _l("Message: an engineer looks after it")),
    ("visit", _l("Message: visit booked or cancelled")),
    ("delayed", _l("Message: new date")),
    ("suspended", _l("Message: the work rests or goes on")),
    ("progress", _l("Message: progress")),
    ("finished", _l("Message: finished, please accept")),
    ("closed", _l("Message: closed, we call back")),
    ("not_covered", _l("Message: no warranty")),
    ("expiring", _l("Message: a warranty ends soon")),
)
"""What a department may switch off, each with its label."""


def switch(what: str) -> str:
    """Return the key of the setting that says whether owners get a message."""
    return f"tell_{what}"


def settings() -> Sequence[Setting]:
    """Return the settings of messages and of the owner's silence."""
    help_ = _l("Owners get this message by themselves, by the channel that they prefer.")
    return (
        *(Setting(switch(what), True, label, help_, PRACTICE) for what, label in SWITCHES),
        number(
            "silent_acceptance_days",
            7,
            _l("Acceptance by silence"),
            _l(
                "Days after the request to accept a repair after which an owner who does not answer has accepted it; "
                "it is noted as such. 0 for never."
            ),
            maximum=90,
        ),
        number(
            "ask_after_minutes",
            60,
            _l("Asking the owner to accept"),
            _l("Minutes after the engineer's acceptance; owners who sign on site before are not asked."),
            minimum=1,
        ),
        Setting(
            "progress_by",
            BY_PERSON,
            _l("How the progress is told"),
            _l(
                "Whoever looks after the order is asked to tell the owner and finds the message written, or the "
                "message goes out by itself. That a promised date has passed is always told by a person."
            ),
            PRACTICE,
            choices=((BY_PERSON, _l("A person tells it")), (BY_ITSELF, _l("A message goes out by itself"))),
        ),
        number(
            "progress_ahead_minutes",
            60,
            _l("Asking for the progress"),
            _l("Minutes before the owner has to hear of the progress at which it is asked for."),
            minimum=0,
            maximum=240,
        ),
        number(
            "owner_requests_per_day",
            5,
            _l("Reports of an owner in a day"),
            _l("By his link or a poster; more are taken by telephone."),
            minimum=1,
            maximum=100,
        ),
    )


def _pair(
    code: str,
    label: Any,
    urgent_label: Any,
    body: str,
    body_en: str,
    subject: tuple[str, str],
    *placeholders: Placeholder,
) -> Iterator[MessageTemplate]:
    """A message, and the same for emergencies."""
    for ending, name, urgent in (("", label, False), (URGENT, urgent_label, True)):
        yield MessageTemplate(
            f"warranty.{code}{ending}",
            name,
            body,
            body_en,
            subject=subject[0],
            subject_en=subject[1],
            placeholders=placeholders,
            urgent=urgent,
        )


TEMPLATES: tuple[MessageTemplate, ...] = (
    *_pair(
        "received",
        _l("Report received"),
        _l("Report received (emergency)"),
        "{customer}，您好！您报修的{what}已受理，受理单号{number}。我们将在{until}前与您联系。"
        "查询进度：{link} {company}",
        "Dear {customer}, we have your report: {what} ({number}). We contact you before {until}. Follow it: {link} "
        "{company}",
        ("报修已受理", "We have your report"),
        _NUMBER,
        _WHAT,
        _UNTIL,
        _LINK,
    ),
    *_pair(
        "dispatched",
        _l("An engineer looks after it"),
        _l("An engineer looks after it (emergency)"),
        "{customer}，您好！您的报修（{number}，{what}）由{engineer}跟进，将与您约定上门时间。"
        "服务热线：{phone} {company}",
        "Dear {customer}, {engineer} looks after your report ({number}, {what}) and agrees with you when to come. "
        "Service: {phone} {company}",
        ("维修已安排", "Your repair is assigned"),
        _NUMBER,
        _WHAT,
        _ENGINEER,
    ),
    *_pair(
        "visit",
        _l("Visit booked"),
        _l("Visit booked (emergency)"),
        "{customer}，您好！已约定{window}上门处理{what}（{number}），联系人：{engineer}。"
        "如需改期请致电{phone} {company}",
        "Dear {customer}, we come {window} for {what} ({number}); ask for {engineer}. To change the time call {phone} "
        "{company}",
        ("上门时间", "When we come"),
        _NUMBER,
        _WHAT,
        _WINDOW,
        _ENGINEER,
    ),
    MessageTemplate(
        "warranty.visit_cancelled",
        _l("Visit cancelled"),
        "{customer}，您好！原定{window}的上门（{number}，{what}）已取消，我们会与您另约时间，给您带来不便深表歉意。{company}",
        "Dear {customer}, we do not come {window} ({number}, {what}) and will agree on another time with you. We are "
        "sorry. {company}",
        subject="上门取消",
        subject_en="A visit is cancelled",
        placeholders=(_NUMBER, _WHAT, _WINDOW),
    ),
    *_pair(
        "delayed",
        _l("New date"),
        _l("New date (emergency)"),
        "{customer}，您好！您的报修（{number}，{what}）因{reason}，预计完成时间调整为{until}，给您带来不便深表歉意。{company}",
        "Dear {customer}, your repair ({number}, {what}) takes until {until}: {reason}. We are sorry. {company}",
        ("维修延期告知", "Your repair takes longer"),
        _NUMBER,
        _WHAT,
        _REASON,
        _UNTIL,
    ),
    *_pair(
        "suspended",
        _l("The work rests"),
        _l("The work rests (emergency)"),
        "{customer}，您好！您的报修（{number}，{what}）维修暂停，原因：{reason}。恢复维修时我们会再通知您，"
        "如有疑问请致电{phone} {company}",
        "Dear {customer}, the work on your repair ({number}, {what}) rests: {reason}. We tell you when it goes on; "
        "if you have questions, call {phone} {company}",
        ("维修暂停", "The work on your repair rests"),
        _NUMBER,
        _WHAT,
        _REASON,
    ),
    *_pair(
        "resumed",
        _l("The work goes on"),
        _l("The work goes on (emergency)"),
        "{customer}，您好！您的报修（{number}，{what}）已恢复维修，预计完成时间{until}，如有变化我们会及时告知。{company}",
        "Dear {customer}, the work on your repair ({number}, {what}) goes on; we expect to finish by {until} and "
        "tell you if that changes. {company}",
        ("维修恢复", "The work on your repair goes on"),
        _NUMBER,
        _WHAT,
        _UNTIL,
    ),
    *_pair(
        "progress",
        _l("Progress of a repair"),
        _l("Progress of a repair (emergency)"),
        "{customer}，您好！您的报修（{number}，{what}）最新进展：{text} {company}",
        "Dear {customer}, news of your repair ({number}, {what}): {text} {company}",
        ("维修进展", "Progress of your repair"),
        _NUMBER,
        _WHAT,
        _TEXT,
    ),
    MessageTemplate(
        "warranty.finished",
        _l("Finished, please accept"),
        "{customer}，您好！您的报修（{number}，{what}）已维修完成，请验收并评价：{link} {company}",
        "Dear {customer}, your repair ({number}, {what}) is finished. Please look at it, accept and rate it: {link} "
        "{company}",
        subject="维修完成，请验收",
        subject_en="Your repair is finished",
        placeholders=(_NUMBER, _WHAT, _LINK),
    ),
    MessageTemplate(
        "warranty.finished_silence",
        _l("Finished, please accept; silence accepts"),
        "{customer}，您好！您的报修（{number}，{what}）已维修完成，请验收并评价：{link} 如{until}前未收到您的意见，"
        "将视为您已验收认可。{company}",
        "Dear {customer}, your repair ({number}, {what}) is finished. Please look at it, accept and rate it: {link} "
        "If we hear nothing from you before {until}, it counts as accepted. {company}",
        subject="维修完成，请验收",
        subject_en="Your repair is finished",
        placeholders=(_NUMBER, _WHAT, _UNTIL, _LINK),
    ),
    MessageTemplate(
        "warranty.silence",
        _l("Accepted by silence"),
        "{customer}，您好！您的报修（{number}，{what}）在约定期限内未收到您的意见，已视为验收认可。如仍有问题，"
        "请在{days}天内告知我们：{link} {company}",
        "Dear {customer}, we did not hear from you about your repair ({number}, {what}), so it counts as accepted. If "
        "anything is still wrong, tell us within {days} days: {link} {company}",
        subject="维修已视为验收",
        subject_en="Your repair counts as accepted",
        placeholders=(_NUMBER, _WHAT, _DAYS, _LINK),
    ),
    MessageTemplate(
        "warranty.closed",
        _l("Closed, we call back"),
        "{customer}，您好！您的报修（{number}，{what}）已办结，我们将在{days}个工作日内电话回访，感谢您的配合。{company}",
        "Dear {customer}, your repair ({number}, {what}) is done. We call you within {days} working days to hear how "
        "it went. {company}",
        subject="报修已办结",
        subject_en="Your repair is done",
        placeholders=(_NUMBER, _WHAT, _DAYS),
    ),
    MessageTemplate(
        "warranty.not_covered",
        _l("No warranty"),
        "{customer}，您好！您报修的{what}（{number}）经查勘不属于保修范围：{reason} 如有疑问请致电{phone} {company}",
        "Dear {customer}, your report {what} ({number}) is not covered by the warranty: {reason} If you have "
        "questions, call {phone} {company}",
        subject="非保修说明",
        subject_en="Not covered by the warranty",
        placeholders=(_NUMBER, _WHAT, _REASON),
    ),
    MessageTemplate(
        "warranty.expiring",
        _l("A warranty ends soon"),
        "{customer}，您好！您家{house}的{what}保修期将于{until}届满，届满前发现的质量问题请及时报修：{link} "
        "服务热线{phone} {company}",
        "Dear {customer}, the warranty of {what} in your home {house} ends on {until}. Please report before "
        "what is wrong: {link} Service: {phone} {company}",
        subject="保修到期提醒",
        subject_en="A warranty of your home ends",
        placeholders=(_HOUSE, _ENDING, _LAST_DAY, _LINK),
    ),
)
"""All messages about repairs, besides that which carries the owner's link alone."""
