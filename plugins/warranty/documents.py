"""What is printed: intake slip, repair order, notices, deduction, letter about no warranty, monthly report (domain
reference 3.4.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.toolkit import Attachment, DocumentType, _, _l, attachments_of, sees_personal_data, setting
from plugins.warranty import indicators, words
from plugins.warranty.catalogue import categories, faults
from plugins.warranty.common import project_name
from plugins.warranty.models import (
    AcceptanceKind,
    ContractorNotice,
    Deduction,
    MonthlyReport,
    Order,
    Request,
    VisitState,
)
from plugins.warranty.services import coverage, reports
from plugins.warranty.workflows import ORDER


def types() -> Sequence[DocumentType]:
    """Return the documents that the module declares."""

    def document(
        code: str, label: Any, kind: str, context: Any, prefix: str, may_issue: Any = None
    ) -> DocumentType:
        return DocumentType(
            f"warranty.{code}",
            label,
            f"warranty.{kind}",
            f"warranty/documents/{code}.html",
            context,
            "warranty.print",
            "warranty.print",
            prefix,
            may_issue=may_issue,
        )

    return (
        document("intake_slip", _l("Repair intake slip"), "request", intake_slip, "BXSL"),
        document("repair_order", _l("Repair order (two copies)"), "order", repair_order, "WXGD"),
        document(
            "no_warranty_letter",
            _l("Explanation: no warranty"),
            "order",
            no_warranty_letter,
            "FBXH",
            _may_explain,
        ),
        document(
            "contractor_notice", _l("Repair notice to the contractor"), "notice", contractor_notice, "WXTZ"
        ),
        document(
            "deduction_notice",
            _l("Notice of a deduction"),
            "deduction",
            deduction_notice,
            "WXKK",
            _may_deduct,
        ),
        document("monthly_report", _l("Monthly report on repairs"), "report", monthly_report, "WXYB"),
    )


def _may_explain(order: Order) -> Any:
    if order.state != "not_warranty":
        return _("The letter can be issued when it was decided that it is no warranty.")
    return None


def _may_deduct(deduction: Deduction) -> Any:
    if deduction.issued_at is None:
        return _("Issue the deduction on its page first; then the paper can be issued.")
    return None


def _person(text: str) -> str:
    """A name or number for those who may read it; room for ink for the others."""
    return text if sees_personal_data() else ""


def _fault(order: Order, language: str) -> str:
    fault = faults().get(order.fault_code)
    return fault.name.in_(language) if fault is not None else order.fault_code


def _category(code: str, language: str) -> str:
    return f"{code} {categories()[code].name.in_(language)}"


def _house_facts(record: Any, language: str) -> list[tuple[Any, ...]]:
    return [
        (_("Project"), project_name(record.project, language)),
        (_("House"), record.house),
    ]


def _photos(order: Order, slot: str, prefix: str) -> list[dict[str, Any]]:
    pictures: Sequence[Attachment] = [each for each in attachments_of(order, slot) if each.thumbnail_sha256]
    return [
        {
            "url": f"attachment:{photo.id}",
            "number": f"{prefix}{position}",
            "caption": photo.caption or words.moment_text(photo.taken_at),
        }
        for position, photo in enumerate(pictures, start=1)
    ]


def intake_slip(record: Request, language: str) -> Mapping[str, Any]:
    """Return the values of 报修受理单, the receipt for the owner."""
    return {
        "facts": [
            (_("Request no."), record.number),
            (_("Reported"), words.moment_text(record.reported_at)),
            *_house_facts(record, language),
            (_("Reported by"), _person(record.reporter_name)),
            (_("Telephone"), _person(record.reporter_phone)),
            (_("Is to the house"), words.RELATIONS[record.relation]),
            (_("Channel"), words.CHANNELS[record.channel]),
            (_("Registered"), words.moment_text(record.registered_at)),
            (_("Registered by"), record.registered_by.name if record.registered_by else ""),
            (_("At home"), _person(record.availability), True),
        ],
        "rows": [
            [
                position,
                order.number,
                order.room_name,
                f"{_fault(order, language)}\n{_shortened(order.description)}",
                order.priority,
                _cover(order),
                words.moment_text(order.promised_at),
            ]
            for position, order in enumerate(record.orders, start=1)
        ],
        "note": record.note,
        "registered_by": record.registered_by.name if record.registered_by else "",
        "registered_on": words.long_date(record.registered_at, language),
    }


def _shortened(text: str, longest: int = 120) -> str:
    """A long description stands on the order; the slip shows how it begins."""
    return text if len(text) <= longest else f"{text[:longest].rstrip()}…"


def _cover(order: Order) -> str:
    text = str(words.COVERS[order.cover][1])
    return f"{text}\n{order.owner_end.isoformat()}" if order.owner_end is not None else text


def repair_order(record: Order, language: str) -> Mapping[str, Any]:
    """Return the values of 维修工单; the template prints them twice, for the owner and for the contractor."""
    filed = record.request
    plan = record.plans[-1] if record.plans else None
    owner = next(
        (each for each in reversed(record.acceptances) if each.kind == AcceptanceKind.OWNER and each.passed),
        None,
    )
    engineer = next(
        (
            each
            for each in reversed(record.acceptances)
            if each.kind == AcceptanceKind.ENGINEER and each.passed
        ),
        None,
    )
    return {
        "facts": [
            (_("Order no."), record.number),
            (_("State"), ORDER.state_of(record).label),
            *_house_facts(record, language),
            (_("Owner"), _person(filed.reporter_name)),
            (_("Telephone"), _person(filed.reporter_phone)),
            (_("Channel"), words.CHANNELS[filed.channel]),
            (_("Reported"), words.moment_text(record.reported_at)),
            (_("Room"), record.room_name),
            (_("Problem"), _fault(record, language)),
            (_("Priority"), f"{record.priority} {words.PRIORITIES[record.priority]}"),
            (_("Category"), _category(record.category_code, language)),
            (_("Cover"), words.COVERS[record.cover][1]),
            (_("Owner covered until"), words.long_date(record.owner_end, language)),
            (_("Contractor"), record.contractor.name if record.contractor else ""),
            (_("Engineer"), record.engineer.name if record.engineer else ""),
        ],
        "description": record.description,
        "limits": [
            [label, words.moment_text(due), words.moment_text(done)]
            for label, due, done in (
                (_("First contact"), record.contact_due_at, record.contacted_at),
                (_("On site"), record.arrival_due_at, record.arrived_at),
                (_("Plan"), record.plan_due_at, record.planned_at),
                (_("Repair finished"), record.due_at, record.fixed_at),
            )
        ],
        "visits": [
            [
                words.moment_text(visit.arrived_at or visit.booked_from),
                visit.persons,
                visit.findings,
                visit.materials,
                "" if visit.minutes is None else f"{Decimal(visit.minutes) / 60:.1f}",
            ]
            for visit in record.visits
            if visit.state in (VisitState.DONE, VisitState.OWNER_ABSENT, VisitState.ARRIVED)
        ],
        "plan": plan.method if plan is not None else "",
        "work_done": record.work_done,
        "checks": [
            (_("Quality"), owner.quality_ok if owner else None),
            (_("On time"), owner.on_time_ok if owner else None),
            (_("Clean"), owner.clean_ok if owner else None),
            (_("Attitude"), owner.attitude_ok if owner else None),
        ],
        "score": owner.score if owner else None,
        "signer": _person(owner.signer_name) if owner else "",
        "signed_on": words.long_date(owner.at, language) if owner else "",
        "engineer": engineer.by.name if engineer and engineer.by else "",
        "accepted_on": words.long_date(engineer.at, language) if engineer else "",
        "closed": words.moment_text(record.closed_at),
        "call_back": words.SCORES.get(record.score, "") if record.called_back_at and record.score else "",
        "called_back": words.moment_text(record.called_back_at),
        "photos": [*_photos(record, "before", _("B")), *_photos(record, "after", _("A"))],
    }


def no_warranty_letter(record: Order, language: str) -> Mapping[str, Any]:
    """Return the values of 非保修说明函, which explains with the law why the owner has to pay."""
    category = categories()[record.category_code]
    return {
        "facts": [
            (_("Order no."), record.number),
            (_("Reported"), words.long_date(record.reported_at, language)),
            *_house_facts(record, language),
            (_("Problem"), f"{_fault(record, language)} {record.description}", True),
            (_("Category"), _category(record.category_code, language), True),
        ],
        "addressee": _person(record.request.reporter_name),
        "is_excluded": record.exclusion is not None,
        "exclusion": words.EXCLUSIONS[record.exclusion] if record.exclusion else "",
        "start": _start(record, language),
        "end": words.long_date(record.owner_end, language),
        "law": category.law.in_(language),
        "reason": record.closing_reason,
        "photos": _photos(record, "evidence", _("E")),
    }


def _start(order: Order, language: str) -> str:
    if order.unit is None:
        return ""
    return words.long_date(coverage.owner_start(order.unit), language)


def contractor_notice(record: ContractorNotice, language: str) -> Mapping[str, Any]:
    """Return the values of 维修通知单, the first or the second."""
    order = record.order
    previous = next(
        (each for each in order.notices if each.stage == 1 and each.round_number == record.round_number), None
    )
    return {
        "stage": record.stage,
        "facts": [
            (_("Notice no."), record.number),
            (_("Order no."), order.number),
            (_("To"), record.contractor.name, True),
            *_house_facts(order, language),
            (_("Room"), order.room_name),
            (_("Category"), _category(order.category_code, language)),
            (_("Reported"), words.moment_text(order.reported_at)),
            (_("Contractor answers until"), words.long_date(order.contractor_end, language)),
            (_("Issued"), words.moment_text(record.issued_at)),
            (_("To answer by"), words.moment_text(record.answer_due_at)),
            (_("How it was served"), record.served_how, True),
        ],
        "contractor": record.contractor.name,
        "problem": f"{_fault(order, language)}\n{order.description}",
        "demand": record.demand,
        "due": words.moment_text(record.answer_due_at),
        "first": previous.number if record.stage == 2 and previous is not None else "",
        "first_on": words.long_date(previous.issued_at, language) if record.stage == 2 and previous else "",
        "issuer": record.issued_by.name if record.issued_by else "",
        "issued_on": words.long_date(record.issued_at, language),
        "answer": record.answer if record.state == "answered" else "",
        "photos": _photos(order, "before", _("B")),
    }


def deduction_notice(record: Deduction, language: str) -> Mapping[str, Any]:
    """Return the values of 维修扣款通知单."""
    order = record.order
    repair = record.third_party
    sent = [each for each in order.notices if each.state != "withdrawn"]
    return {
        "facts": [
            (_("Deduction no."), record.number),
            (_("Order no."), order.number),
            (_("To"), record.contractor.name, True),
            *_house_facts(order, language),
            (_("Problem"), f"{order.room_name} {_fault(order, language)}", True),
        ],
        "contractor": record.contractor.name,
        "reason": record.reason,
        "notices": [
            [
                each.number,
                each.stage,
                words.moment_text(each.issued_at),
                words.moment_text(each.answer_due_at),
                each.served_how,
            ]
            for each in sent
        ],
        "company": repair.company_name if repair is not None else "",
        "invoice": repair.invoice_number if repair is not None else "",
        "cost": record.cost,
        "fee_percent": f"{record.fee_percent.normalize():f}",
        "fee": record.fee,
        "amount": record.amount,
        "until": words.long_date(record.objection_until, language),
        "account": record.account.contract_number if record.account is not None else "",
        "decision": record.decision,
        "final_amount": record.final_amount,
        "issuer": record.issued_by.name if record.issued_by else "",
        "issued_on": words.long_date(record.issued_at, language),
    }


def monthly_report(record: MonthlyReport, language: str) -> Mapping[str, Any]:
    """Return the values of 维修月报: counts, timely, first-time, repeat, top ten, ageing, contractors, cost."""
    held = reports.contents(record)
    period = held.period
    rates = [
        ("K11", _("Response on time"), indicators.response_on_time(period)),
        ("K12", _("Arrival on time"), indicators.arrival_on_time(period)),
        ("K13", _("Completion on time"), indicators.completion_on_time(period)),
        ("K14", _("First-time fix"), indicators.first_time_fix(period)),
        ("K15", _("Repeat rate"), indicators.repeat_rate(period)),
        ("K16", _("Close rate"), indicators.close_rate(period)),
        ("K17", _("Call-back rate"), indicators.call_back_rate(period)),
        ("K18", _("Satisfaction with repairs"), indicators.satisfaction(period)),
        ("K21", _("Recovery"), indicators.recovery(period)),
        ("K22", _("Qualified service"), indicators.qualified_service(period)),
    ]
    ages = {
        "normal": _("up to 7 days"),
        "yellow": _("8 to 14 days"),
        "orange": _("15 to 30 days"),
        "red": _("more than 30 days"),
    }
    return {
        "facts": [
            (_("Project"), project_name(record.project, language)),
            (_("Month"), words.long_month(record.month, language)),
            (_("Orders reported"), sum(held.reported.values())),
            (_("Orders closed"), held.closed),
            (_("Open at the end"), held.open),
            (_("Emergencies"), held.reported["P1"]),
        ],
        "rates": [
            [code, name, rate.percent or "—", f"{rate.numerator:g} / {rate.denominator:g}", _few(rate)]
            for code, name, rate in rates
        ],
        "top": [(_brief(code, language), count) for code, count in held.by_category],
        "ages": [(ages[colour], count) for colour, count in held.ages.items()],
        "contractors": [
            [line.name, line.reported, line.closed, line.on_time.percent or "—", line.repeats, line.overdue]
            for line in held.contractors
        ],
        "costs": [
            [words.BEARERS[bearer], words.money(amount)] for bearer, amount in held.costs.items() if amount
        ],
        "total": sum(held.costs.values(), Decimal(0)),
        "analysis": record.analysis,
        "measures": record.measures,
        "author": record.made_by.name if record.made_by else "",
    }


def _brief(code: str, language: str) -> str:
    """A category without what stands in brackets, as the label of a bar."""
    name = _category(code, language)
    return name.split("（")[0].split(" (")[0][:24]


def _few(rate: indicators.Rate) -> str:
    parts = []
    if 0 < rate.denominator < int(setting("warranty", "small_sample")):
        parts.append(_("small sample"))
    if rate.is_provisional:
        parts.append(_("provisional"))
    return " · ".join(parts)
