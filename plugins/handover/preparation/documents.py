"""What is printed before the keys: plan, risk list, delivery notice, reminder, fee sheet, area settlement sheet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.toolkit import (
    LOCAL_ZONE,
    Attachment,
    Decoration,
    _,
    attachments_of,
    listed,
    money,
    owners_of,
    setting,
)
from plugins.handover import words as handover_words
from plugins.handover.models import FeeItem, FeeKind, HandoverBatch, HandoverUnit
from plugins.handover.preparation import panels, words
from plugins.handover.preparation.models import AreaSettlement, FeeMethod, FeeRule, LetterKind
from plugins.handover.preparation.services import appointments, charges, letters, plan, risks
from plugins.handover.preparation.workflows import AREA, PLAN_TASK, RISK


def _day(day: dt.date | dt.datetime | None, language: str) -> str:
    return handover_words.long_date(day, language)


def _batch_facts(batch: HandoverBatch, language: str) -> list[tuple[Any, ...]]:
    return [
        (_("Project"), handover_words.local(batch.project, "name", language)),
        (_("Batch"), f"{batch.code} {batch.name}"),
        (_("Contract delivery date (T)"), _day(batch.delivery_on, language)),
        (_("Concentrated days"), _range(batch, language)),
        (_("Manager"), batch.manager.name if batch.manager is not None else ""),
    ]


def _range(batch: HandoverBatch, language: str) -> str:
    if batch.opens_on is None:
        return ""
    if batch.closes_on is None or batch.closes_on == batch.opens_on:
        return _day(batch.opens_on, language)
    return _(
        "%(first)s to %(last)s", first=_day(batch.opens_on, language), last=_day(batch.closes_on, language)
    )


# Plan and risks


def handover_plan(batch: HandoverBatch, language: str) -> Mapping[str, Any]:
    """Return the values of 交付计划: the tasks with their line of time, and how many people the batch needs.

    Args:
        batch: The batch.
        language: Locale of the readers.
    """
    values = panels.plan_values(batch, language)
    staffing = values["staffing"]
    return {
        **values,
        "facts": [
            *_batch_facts(batch, language),
            (
                _("Tasks done"),
                _("%(done)d of %(all)d", done=values["finished"], all=values["counted"]),
            ),
        ],
        "rows": [
            [
                position,
                panels.offset_title(task),
                task.due_on.isoformat(),
                handover_words.local(task, "title", language),
                task.responsible.name if task.responsible is not None else words.role(task.owner_role),
                handover_words.local(task, "deliverable", language),
                _task_state(task, values["today"]),
            ]
            for position, task in enumerate(values["tasks"], start=1)
        ],
        "people": _people(staffing) if staffing is not None else [],
    }


def _task_state(task: Any, today: dt.date) -> str:
    if task.state == "done" and task.done_at is not None:
        return _("Done %(day)s", day=task.done_at.astimezone(LOCAL_ZONE).date().isoformat())
    if plan.is_overdue(task, today):
        return _("Overdue")
    return str(PLAN_TASK.state_of(task).label)


def _people(staffing: Any) -> list[tuple[str, str]]:
    return [
        (_("Houses"), str(staffing.houses)),
        (_("Repair engineers"), str(staffing.engineers)),
        (_("Information clerk for a year"), _("Yes") if staffing.clerk else _("No")),
        (_("Concentrated days"), str(staffing.days)),
        (_("Houses a day"), str(staffing.houses_a_day)),
        (_("Inspectors a day"), str(staffing.inspectors)),
    ]


def risk_list(batch: HandoverBatch, language: str) -> Mapping[str, Any]:
    """Return the values of 交付风险清单: the points by category, and the promises that are still to be kept.

    Args:
        batch: The batch.
        language: Locale of the readers.
    """
    groups = risks.items_of(batch)
    items = [item for group in groups.values() for item in group]
    return {
        "facts": [
            *_batch_facts(batch, language),
            (
                _("Result"),
                " · ".join(
                    f"{state.label} {sum(item.state == state.code for item in items)}"
                    for state in RISK.states
                    if any(item.state == state.code for item in items)
                ),
            ),
        ],
        "groups": [
            (
                words.CATEGORIES[category],
                [
                    [
                        item.code or "",
                        handover_words.local(item, "title", language),
                        str(RISK.state_of(item).label),
                        " / ".join(filter(None, (item.finding, item.measure))),
                        item.responsible.name
                        if item.responsible is not None
                        else words.role(item.owner_role),
                        item.due_on.isoformat() if item.due_on is not None else "",
                    ]
                    for item in group
                ],
            )
            for category, group in groups.items()
            if group
        ],
        "promises": [
            [
                promise.number,
                promise.text,
                promise.unit.code if promise.unit is not None else _("All houses"),
                words.role(promise.responsible_role),
                promise.due_on.isoformat() if promise.due_on is not None else _("At the delivery"),
            ]
            for promise in risks.promises_of(batch)
        ],
    }


# Letters


def map_of(batch: HandoverBatch) -> Attachment | None:
    """Return the newest picture of a batch that shows where the owners come to, or None."""
    maps = [each for each in attachments_of(batch, "map") if each.media_type.startswith("image/")]
    return max(maps, key=lambda each: each.id, default=None)


def may_issue_notice(record: HandoverUnit) -> str | None:
    """Return why a delivery notice cannot be issued here or yet, or None."""
    return letters.may_issue(record, LetterKind.NOTICE)


def may_issue_reminder(record: HandoverUnit) -> str | None:
    """Return why a reminder cannot be issued here or yet, or None."""
    return letters.may_issue(record, LetterKind.REMINDER)


def _recipient(record: HandoverUnit) -> dict[str, Any]:
    """Name the customer with whose key the archived letter is encrypted."""
    owners = owners_of(record.unit)
    return {"recipient_customer_id": owners[0].id if owners else None}


def _names(record: HandoverUnit) -> str:
    return listed([owner.name for owner in owners_of(record.unit)])


def _house_facts(record: HandoverUnit, language: str) -> list[tuple[Any, ...]]:
    unit = record.unit
    decoration = {Decoration.ROUGH: _("Rough"), Decoration.FITTED: _("Fitted")}
    area = unit.gross_area_measured or unit.gross_area_contract
    return [
        (_("Project"), handover_words.local(record.project, "name", language)),
        (_("House"), unit.code),
        (_("Owner"), _names(record)),
        (_("Layout"), unit.layout),
        (_("Gross area"), "" if area is None else f"{area} m²"),
        (_("Delivery standard"), decoration.get(Decoration(unit.decoration), "")),
    ]


def fee_rows(record: HandoverUnit, language: str) -> tuple[list[tuple[str, str, Decimal | None]], Decimal]:
    """Return the fee list of a house as it is entered, with lines of words alone after it, and its sum.

    Args:
        record: The house in its batch.
        language: Locale of the reader.
    """
    rules = charges.rules_of(record.project_id)
    by_id = {rule.id: rule for rule in rules}
    entered = [
        charges.FeeLine(FeeKind(fee.kind), by_id.get(fee.rule_id or 0), fee.basis, fee.amount)
        for fee in record.fees
    ]
    return _fee_rows(record, language, entered, rules)


def _fee_rows(
    record: HandoverUnit, language: str, fees: Sequence[charges.FeeLine], rules: Sequence[FeeRule]
) -> tuple[list[tuple[str, str, Decimal | None]], Decimal]:
    words_alone = [
        charges.FeeLine(FeeKind(rule.kind), rule, "", None)
        for rule in rules
        if rule.method == FeeMethod.TEXT and charges.applies(rule, record.unit)
    ]
    rows: list[tuple[str, str, Decimal | None]] = []
    for line in [*fees, *words_alone]:
        note = handover_words.local(line.rule, "note", language) if line.rule is not None else ""
        basis = ("; " if language.startswith("en") else "；").join(filter(None, (line.basis, note)))
        rows.append((words.fee_title(line.kind, line.rule, language), basis, line.amount))
    return rows, sum((line.amount for line in fees if line.amount is not None), Decimal(0))


def delivery_notice(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of 交付通知书.

    Args:
        record: The house in its batch.
        language: Locale of the owner.

    Source: domain reference 3.3.3 (delivery notice content).
    """
    batch = record.batch
    rules = charges.rules_of(record.project_id)
    # As they are entered when the letter is written, so that it can be laid out before.
    rows, total = _fee_rows(record, language, charges.fees_to_come(record, rules), rules)
    slot, shown = appointments.title_of(record), map_of(batch)
    return {
        **_recipient(record),
        "map": "" if shown is None else f"attachment:{shown.id}",
        "owner": _names(record),
        "facts": [
            *_house_facts(record, language),
            (
                _("Delivery date of the contract"),
                _day(record.unit.contract_delivery_on or batch.delivery_on, language),
            ),
            (_("Concentrated days"), _range(batch, language)),
            (_("Your appointment"), slot or _not_booked(record), True),
            (_("Place"), batch.place, True),
            (_("Way and opening hours"), batch.directions, True),
        ],
        "fees": rows,
        "total": total,
        "account": batch.account,
        "address": letters.address_on_letter(),
        "will_have_code": letters.will_have_code(record),
        "contact": " ".join(
            filter(None, (batch.manager.name if batch.manager is not None else "", batch.contact_phone))
        ),
        "complaints": batch.complaint_phone,
        "sent_on": _day(record.notice_sent_at or dt.datetime.now(dt.UTC), language),
        "company": record.project.developer_name,
    }


def _not_booked(record: HandoverUnit) -> str:
    if letters.address_on_letter() or letters.will_have_code(record):
        return _("Not booked yet: choose a time by the code below.")
    return _("Not booked yet: call us to agree a time.")


def delivery_reminder(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of 催收函.

    Args:
        record: The house in its batch.
        language: Locale of the owner.
    """
    batch = record.batch
    return {
        **_recipient(record),
        "owner": _names(record),
        "facts": [
            *_house_facts(record, language)[:3],
            (
                _("Delivery date of the contract"),
                _day(record.unit.contract_delivery_on or batch.delivery_on, language),
            ),
            (_("Delivery notice sent on"), _day(record.notice_sent_at, language)),
            (_("Place"), batch.place, True),
        ],
        "address": letters.address_on_letter(),
        "will_have_code": letters.will_have_code(record),
        "contact": " ".join(
            filter(None, (batch.manager.name if batch.manager is not None else "", batch.contact_phone))
        ),
        "complaints": batch.complaint_phone,
        "days": int(setting("handover", "reminder_answer_days")),
        "company": record.project.developer_name,
    }


# Fees and area


def may_issue_fees(record: HandoverUnit) -> str | None:
    """Return why a fee sheet cannot be issued yet, or None."""
    if record.fees or record.fee_exempt_reason:
        return None
    return _("Enter the fees of the house first.")


def fee_sheet(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of 费用结算单.

    Args:
        record: The house in its batch.
        language: Locale of the owner.
    """
    rows, total = fee_rows(record, language)
    paid = sum((fee.amount for fee in record.fees if fee.paid_at is not None), Decimal(0))
    exempt = sum((fee.amount for fee in record.fees if fee.exempt_reason), Decimal(0))
    due = Decimal(0) if record.fee_exempt_reason else total - paid - exempt
    return {
        **_recipient(record),
        "facts": [*_house_facts(record, language), (_("Batch"), record.batch.name)],
        "fees": rows,
        "total": total,
        "sums": [
            (_("Paid"), money(paid)),
            (_("Exempt"), money(total - paid if record.fee_exempt_reason else exempt)),
            (_("To be paid") if due >= 0 else _("To be given back"), money(abs(due))),
        ],
        "receipts": [
            [
                words.fee_title(fee.kind, None, language),
                _settled(fee, language),
                fee.receipt_number or fee.exempt_reason,
            ]
            for fee in record.fees
        ],
        "exempt": record.fee_exempt_reason,
        "account": record.batch.account,
    }


def _settled(fee: FeeItem, language: str) -> str:
    if fee.paid_at is not None:
        return _("Paid %(day)s", day=_day(fee.paid_at, language))
    return _("Exempt") if fee.exempt_reason else _("Unpaid")


def area_sheet(record: AreaSettlement, language: str) -> Mapping[str, Any]:
    """Return the values of 面积差结算单.

    Args:
        record: The settlement.
        language: Locale of the owner.

    Source: 商品房销售管理办法 Art. 20 [LAW].
    """
    result = charges.area_result(record)
    limit = f"{record.limit_percent.normalize():f}%"
    within, beyond = result.within_area, result.beyond_area
    is_larger = result.difference >= 0
    rows: list[tuple[str, str, Decimal | None]] = [
        (
            _("Within %(limit)s", limit=limit),
            f"{within.normalize():f} m² × ¥{record.unit_price:,.2f}",
            (within * record.unit_price).quantize(Decimal("0.01")) * (1 if is_larger else -1),
        )
    ]
    if beyond:
        factor = 0 if is_larger else record.refund_factor
        rows.append(
            (
                _("Beyond %(limit)s", limit=limit),
                f"{beyond.normalize():f} m² × ¥{record.unit_price:,.2f} × {factor}",
                result.amount - (rows[0][2] or Decimal(0)),
            )
        )
    return {
        **_recipient(record.handover_unit),
        "facts": [
            *_house_facts(record.handover_unit, language),
            (_("Contract area"), f"{record.contract_area} m²"),
            (_("Measured area"), f"{record.measured_area} m²"),
            (_("Difference"), f"{result.difference:+} m²"),
            (_("In percent of the contract area"), f"{result.percent:+}%"),
            (_("Contract price"), f"{money(record.unit_price)}/m²"),
            (_("State"), str(AREA.state_of(record).label)),
        ],
        "rows": rows,
        "total": result.amount,
        "amount": abs(result.amount),
        "is_beyond": result.is_beyond,
        "is_larger": is_larger,
        "limit": limit,
        "factor": record.refund_factor,
        "note": record.note,
        "agreed_on": _day(record.agreed_at, language),
    }
