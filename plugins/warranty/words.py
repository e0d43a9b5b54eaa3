"""The words for codes that are stored, in the language of the page or of a document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from flask_babel import get_locale
from flask_babel.speaklater import LazyString

from core.toolkit import LOCAL_ZONE, RecordWords, _, _l, listed
from plugins.contractors.services import trade_by_code
from plugins.warranty import models
from plugins.warranty.catalogue import categories, faults
from plugins.warranty.common import option
from plugins.warranty.coverage import Bearer, Cover, System, Verdict
from plugins.warranty.indicators import Rate
from plugins.warranty.models import (
    AcceptanceKind,
    CaseKind,
    Channel,
    CostKind,
    EntryKind,
    Exclusion,
    Order,
    Relation,
    Responsibility,
    ToldHow,
    VisitPurpose,
    VisitState,
)
from plugins.warranty.sla import Priority

SYSTEMS: Mapping[str, Any] = {System.HEATING: _l("Heating"), System.COOLING: _l("Cooling")}

COVERS: Mapping[str, tuple[str, Any]] = {
    Cover.NOT_STARTED: ("calm", _l("Before the delivery")),
    Cover.IN_WARRANTY: ("ok", _l("In warranty")),
    Cover.GAP: ("wait", _l("In warranty, developer pays")),
    Cover.EXPIRED: ("late", _l("Warranty ended")),
    Cover.EXCLUDED: ("late", _l("Excluded")),
}

BEARERS: Mapping[str, Any] = {
    Bearer.CONTRACTOR: _l("Contractor"),
    Bearer.DEVELOPER: _l("Developer"),
    Bearer.PROPERTY: _l("Property management"),
    Bearer.OWNER: _l("Owner"),
    Bearer.UNDETERMINED: _l("Not determined yet"),
}


def told_how(how: str) -> str:
    """Return how an owner was told; what was once typed stays as it was written."""
    return str(TOLD_HOW.get(how, how))


def category_name(code: str) -> str:
    """Return code and name of a category, for example "W02 Waterproofing and leak protection"."""
    category = categories().get(code)
    return f"{code} {category.name}" if category is not None else code


def lazy_category(code: str) -> Any:
    """Return :func:`category_name` as a text that is put into words when it is shown."""
    return LazyString(category_name, code)


def category_title(code: str, system: str = "") -> str:
    """Return the name of a line: the category, with its system for W05."""
    return f"{category_name(code)} · {SYSTEMS.get(system, system)}" if system else category_name(code)


def explain(verdict: Verdict, code: str) -> str:
    """Return a verdict with its legal basis in a sentence."""
    category = categories()[code]
    owner_end = verdict.owner_end.isoformat() if verdict.owner_end else ""
    contractor_end = verdict.contractor_end.isoformat() if verdict.contractor_end else ""
    if verdict.cover == Cover.EXCLUDED:
        return _("Excluded from the warranty for the reason below; the owner pays if the work is done.")
    if verdict.cover == Cover.NOT_STARTED:
        return _("The house was not delivered on that day, so the contractor rectifies the defect.")
    if verdict.cover == Cover.EXPIRED:
        return _("The owner's cover ended on %(end)s (%(law)s).", end=owner_end, law=category.law)
    if verdict.cover == Cover.GAP:
        return _(
            "The owner is covered until %(end)s (%(law)s; from the delivery: Measures for the Sale of Commodity "
            "Housing, Art. 33). The contractor's term ended on %(contractor_end)s, so the developer bears the cost.",
            end=owner_end,
            law=category.law,
            contractor_end=contractor_end,
        )
    sentence = _("The owner is covered until %(end)s (%(law)s).", end=owner_end, law=category.law)
    if verdict.is_extended:
        sentence = _(
            "The repaired defect is covered until %(end)s, because its repair was accepted after which the term "
            "runs again.",
            end=owner_end,
        )
    if verdict.contractor_end is None:
        return (
            sentence
            + " "
            + _("The day of the completion acceptance is not known, so the contractor's term is open.")
        )
    return sentence + " " + _("The contractor answers until %(end)s.", end=contractor_end)


def moment_text(moment: dt.datetime | None) -> str:
    """Return a moment in China as 2026-11-23 14:05; "" for none."""
    return "" if moment is None else moment.astimezone(LOCAL_ZONE).strftime("%Y-%m-%d %H:%M")


def day_text(moment: dt.datetime | dt.date | None) -> str:
    """Return the day of a moment in China; "" for none."""
    if moment is None:
        return ""
    return (moment.astimezone(LOCAL_ZONE).date() if isinstance(moment, dt.datetime) else moment).isoformat()


_OF_ORDER: Mapping[str, Any] = {"order_id": _l("Order")}


def of_tables() -> tuple[RecordWords, ...]:
    """Return what the change log calls tables and fields that no page names."""
    return (
        RecordWords(
            models.HouseStart,
            {
                "deemed_on": _l("Deemed delivered on"),
                "reason": _l("Reason"),
                "decided_by_id": _l("Decided by"),
            },
            _l("Deemed delivery"),
        ),
        RecordWords(
            models.CitySeason,
            {
                "start_month": _l("First month"),
                "start_day": _l("First day"),
                "end_month": _l("Last month"),
                "end_day": _l("Last day"),
            },
        ),
        RecordWords(
            models.HouseWarranty, {"amount": _l("Owner's term"), "contractor_amount": _l("Contractor's term")}
        ),
        RecordWords(
            models.CallBack,
            {
                **_OF_ORDER,
                "at": _l("Time"),
                "reached": _l("The owner was reached"),
                "score": _l("Satisfaction"),
                "note": _l("What the owner said"),
                "by_id": _l("By"),
            },
            _l("Call-back"),
        ),
        RecordWords(
            models.CostLine,
            {
                **_OF_ORDER,
                "kind": _l("Kind"),
                "description": _l("What exactly"),
                "amount": _l("Amount"),
                "borne_by": _l("Cost borne by"),
                "paid_by_us": _l("We paid it and recover it"),
                "spent_on": _l("Date"),
                "by_id": _l("By"),
            },
            _l("Cost"),
        ),
        RecordWords(
            models.OrderEvent,
            {
                **_OF_ORDER,
                "kind": _l("Kind"),
                "saying": _l("What the program says"),
                "facts": _l("Numbers and codes"),
                "text": _l("What happened"),
                "is_public": _l("the owner reads it"),
                "at": _l("Time"),
            },
            _l("History of an order"),
        ),
        RecordWords(
            models.Escalation,
            {
                **_OF_ORDER,
                "step": _l("Level"),
                "reason": _l("Reason"),
                "at": _l("Time"),
            },
            _l("Escalation"),
        ),
        RecordWords(
            models.RetentionEntry,
            {
                "account_id": _l("Retention account"),
                "sequence": _l("No."),
                "kind": _l("Kind"),
                "amount": _l("Amount"),
                "balance_after": _l("Held after it"),
                "deduction_id": _l("Deduction"),
                "release_id": _l("Request for release"),
                "note": _l("Note"),
                "booked_at": _l("Date of the entry"),
                "by_id": _l("By"),
            },
            _l("Movement of retention money"),
        ),
        RecordWords(
            models.SpareMove,
            {
                "part_id": _l("Spare part"),
                "order_id": _l("Order"),
                "quantity": _l("Quantity"),
                "note": _l("Note"),
                "at": _l("Time"),
                "by_id": _l("By"),
            },
            _l("Movement of a spare part"),
        ),
    )


CHANNELS: Mapping[str, Any] = {
    Channel.PHONE: _l("Telephone"),
    Channel.DESK: _l("Front desk"),
    Channel.OWNER_LINK: _l("Owner's link"),
    Channel.POSTER: _l("QR poster"),
    Channel.HANDOVER: _l("Left over from the handover"),
    Channel.PATROL: _l("Patrol"),
    Channel.PAPER: _l("Paper form, entered afterwards"),
    Channel.STAFF: _l("Staff"),
}

RELATIONS: Mapping[str, Any] = {
    Relation.OWNER: _l("Owner"),
    Relation.FAMILY: _l("Family member"),
    Relation.TENANT: _l("Tenant"),
    Relation.ATTORNEY: _l("Attorney"),
    Relation.PROPERTY: _l("Property management"),
    Relation.OTHER: _l("Other"),
}

RESPONSIBLE: Mapping[str, Any] = {
    Responsibility.CONTRACTOR: _l("Contractor"),
    Responsibility.DEVELOPER: _l("Developer"),
    Responsibility.PROPERTY: _l("Property management"),
    Responsibility.OWNER: _l("Owner, decoration"),
    Responsibility.THIRD_PARTY: _l("Third party"),
    Responsibility.FORCE_MAJEURE: _l("Force majeure"),
    Responsibility.UNDETERMINED: _l("Not determined yet"),
}

EXCLUSIONS: Mapping[str, Any] = {
    Exclusion.MISUSE: _l("Misuse"),
    Exclusion.ALTERATION: _l("Alteration or decoration by the owner"),
    Exclusion.THIRD_PARTY: _l("Third party"),
    Exclusion.FORCE_MAJEURE: _l("Force majeure"),
    Exclusion.WEAR: _l("Wearing part"),
    Exclusion.MAKER: _l("Liability of the maker"),
    Exclusion.NEGLECT: _l("Neglected maintenance"),
}

PRIORITIES: Mapping[str, Any] = {
    Priority.P1: _l("Emergency"),
    Priority.P2: _l("Important"),
    Priority.P3: _l("Normal"),
    Priority.P4: _l("Complex"),
}

PURPOSES: Mapping[str, Any] = {
    VisitPurpose.SURVEY: _l("Survey"),
    VisitPurpose.REPAIR: _l("Repair"),
    VisitPurpose.ACCEPTANCE: _l("Acceptance"),
}

VISIT_STATES: Mapping[str, tuple[str, Any]] = {
    VisitState.BOOKED: ("wait", _l("Booked")),
    VisitState.ARRIVED: ("calm", _l("On site")),
    VisitState.DONE: ("ok", _l("Done")),
    VisitState.OWNER_ABSENT: ("late", _l("Nobody opened")),
    VisitState.CANCELLED: ("calm", _l("Cancelled")),
}

COSTS: Mapping[str, Any] = {
    CostKind.LABOUR: _l("Labour"),
    CostKind.MATERIAL: _l("Material"),
    CostKind.COMPENSATION: _l("Compensation of the owner"),
    CostKind.THIRD_PARTY: _l("Third-party repair"),
    CostKind.OTHER: _l("Other"),
}

ENTRIES: Mapping[str, Any] = {
    EntryKind.DEPOSIT: _l("Deposit"),
    EntryKind.DEDUCTION: _l("Deduction"),
    EntryKind.RELEASE: _l("Release"),
    EntryKind.CORRECTION: _l("Correction"),
}

CASES: Mapping[str, Any] = {
    CaseKind.BATCH: _l("Batch problem"),
    CaseKind.RAIN: _l("Leaks after rain"),
    CaseKind.MANUAL: _l("Put together by hand"),
}

ACCEPTERS: Mapping[str, Any] = {
    AcceptanceKind.ENGINEER: _l("Engineer"),
    AcceptanceKind.OWNER: _l("Owner"),
}

TOLD_HOW: Mapping[str, Any] = {
    ToldHow.MESSAGE: _l("By text message"),
    ToldHow.PHONE: _l("By telephone"),
    ToldHow.CHAT: _l("By chat"),
    ToldHow.LETTER: _l("By letter"),
    ToldHow.IN_PERSON: _l("In person"),
}

THIRD_PARTIES: Mapping[str, tuple[str, Any]] = {
    "ordered": ("wait", _l("Ordered")),
    "on_site": ("calm", _l("On site")),
    "invoiced": ("ok", _l("Invoiced")),
    "cancelled": ("calm", _l("Cancelled")),
}

EVENTS: Mapping[str, Any] = {
    "reported": _l("Taken in"),
    "repeat": _l("Repeat repair"),
    "triaged": _l("Assessed"),
    "cover": _l("Cover decided"),
    "not_warranty": _l("No warranty"),
    "accept_paid": _l("Paid repair"),
    "dispatched": _l("Dispatched"),
    "contact": _l("Contacted"),
    "attempt": _l("Not reached"),
    "progress": _l("Progress told"),
    "note": _l("Remark"),
    "urge": _l("Urged"),
    "visited": _l("Surveyed"),
    "temporary": _l("Temporary measure"),
    "planned": _l("Plan confirmed"),
    "started": _l("Repair begun"),
    "fixed": _l("Reported as finished"),
    "rejected": _l("Sent back"),
    "owner_accepted": _l("Accepted by the owner"),
    "closed": _l("Order closed"),
    "called_back": _l("Called back"),
    "reopened": _l("Opened again"),
    "suspended": _l("Suspended"),
    "resumed": _l("Gone on"),
    "extended": _l("New date"),
    "merged": _l("Merged"),
    "cancelled": _l("Cancelled"),
    "escalated": _l("Escalated"),
    "case": _l("Batch problem"),
    "notice": _l("Notice to the contractor"),
    "third_party": _l("Third party"),
    "deduction": _l("Deduction"),
    "message": _l("Message of the owner"),
    "asked": _l("Asked to accept"),
    "rated": _l("Rated by the owner"),
    "silence": _l("Accepted by silence"),
}

SCORES: Mapping[int, Any] = {
    5: _l("5 very satisfied"),
    4: _l("4 satisfied"),
    3: _l("3 neutral"),
    2: _l("2 dissatisfied"),
    1: _l("1 very dissatisfied"),
}


ROOMS = ("主卫", "次卫", "厨房", "客厅", "餐厅", "主卧", "次卧", "阳台", "玄关")
ROOMS_EN = ("Main bathroom", "Second bathroom", "Kitchen", "Living room", "Dining room", "Main bedroom",
            "Second bedroom", "Balcony", "Entrance")  # fmt: skip


def rooms() -> tuple[str, ...]:
    """Return the rooms that forms propose, in the language of the page."""
    return ROOMS_EN if str(get_locale() or "").startswith("en") else ROOMS


def rate_text(rate: Rate) -> str:
    """Return a rate as it is shown, 60.0%; a dash without a denominator, and where it is of too few records.

    Source: domain reference 3.8 and Appendix F; setting ``suppressed_sample``.
    """
    few = 0 < rate.denominator < int(option("suppressed_sample"))
    return "—" if few or rate.percent is None else rate.percent


def rate_mark(rate: Rate) -> str:
    """Return what has to be known of a rate: that it is of few records, or can still change; setting
    ``small_sample``."""
    marks = []
    if 0 < rate.denominator < int(option("suppressed_sample")):
        marks.append(_("too few records to show"))
    elif 0 < rate.denominator < int(option("small_sample")):
        marks.append(_("small sample"))
    if rate.is_provisional:
        marks.append(_("provisional"))
    if rate.deducted:
        marks.append(_("%(points)s points less, call-backs are missing", points=f"{rate.deducted:f}"))
    return " · ".join(marks)


def joined(parts: Sequence[str]) -> str:
    """Return texts as one list in the language of the reader: 甲、乙 or A, B."""
    return listed(part for part in parts if part)


def as_sentence(text: str) -> str:
    """Return a text that begins with a capital letter where its language has them."""
    return text[:1].upper() + text[1:]


def fault_name(code: str) -> str:
    """Return what a usual fault is called."""
    fault = faults().get(code)
    return str(fault.name) if fault is not None else code


def trade_name(code: str) -> str:
    """Return what a trade is called."""
    trade = trade_by_code(code)
    return trade.label if trade is not None else code


def problem(order: Order) -> str:
    """Return in a few words where and what is wrong."""
    return " · ".join(
        part for part in (order.room_name, fault_name(order.fault_code), order.description) if part
    )


def cover_for_owner(order: Order) -> tuple[str, Any]:
    """Return tone and words of the cover as an owner reads it: whether the contractor or the developer pays is not
    told to him."""
    return COVERS[Cover.IN_WARRANTY if order.cover == Cover.GAP else Cover(order.cover)]


def cover_note(order: Order) -> str:
    """Return the verdict on an order with its legal basis in a sentence."""
    if order.cover_reason and order.cover != Cover.EXCLUDED:
        return _("Decided by hand: %(reason)s", reason=order.cover_reason)
    days = judged(order)
    told = explain(days, order.category_code)
    return f"{told} {order.closing_reason}".strip() if order.cover == Cover.EXCLUDED else told


def judged(order: Order) -> Verdict:
    """Return the verdict that an order holds."""
    return Verdict(
        Cover(order.cover),
        Bearer(order.borne_by),
        order.reported_at.astimezone(LOCAL_ZONE).date(),
        order.owner_end,
        order.contractor_end,
    )


def money(amount: Decimal | None) -> str:
    """Return an amount as it is printed, ¥12,345.60 or -¥12,345.60; "" for none."""
    if amount is None:
        return ""
    return f"{'-' if amount < 0 else ''}¥{abs(amount):,.2f}"


def long_date(moment: dt.date | dt.datetime | None, language: str) -> str:
    """Return a day as it is printed, 2026年11月23日 or 23 November 2026; "" for none."""
    if moment is None:
        return ""
    day = moment.astimezone(LOCAL_ZONE).date() if isinstance(moment, dt.datetime) else moment
    if language.lower().startswith("en"):
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
    return f"{day.year}年{day.month}月{day.day}日"


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def long_month(month: dt.date, language: str) -> str:
    """Return a month as it is printed, 2026年11月 or November 2026."""
    if language.lower().startswith("en"):
        return f"{_MONTHS[month.month - 1]} {month.year}"
    return f"{month.year}年{month.month}月"


def proposed_visit(now: dt.datetime) -> tuple[str, str]:
    """Return the two hours from the next half hour on, for the two fields of a form: nobody agrees to come at 16:11.

    Args:
        now: This moment.
    """
    half_hour = dt.timedelta(minutes=30)
    full = now.replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
    start = (full + half_hour).astimezone(LOCAL_ZONE)
    return f"{start:%Y-%m-%dT%H:%M}", f"{start + dt.timedelta(hours=2):%Y-%m-%dT%H:%M}"
