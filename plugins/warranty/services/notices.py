"""When a contractor does not come: first notice, second notice, a third party at his cost (domain reference 5.7.6)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import sqlalchemy as sa

from core.toolkit import (
    TransitionRefused,
    _,
    attachments_of,
    db,
    has_permission,
    require_scope,
    start_clock,
    stop_clocks_of,
    utc_now,
)
from plugins.warranty.common import local_day, number_of_day, option
from plugins.warranty.coverage import Bearer
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import ContractorNotice, CostKind, CostLine, Order, Saying, ThirdPartyRepair
from plugins.warranty.services.intake import note_event
from plugins.warranty.services.orders import require_open
from plugins.warranty.workflows import NOTICE

ACTIVE = ("dispatched", "contacted", "visited", "planned", "repairing", "reopened")
"""States in which the contractor owes something."""


def require_right(code: str, what: str) -> None:
    """Refuse what the acting user may not do.

    Raises:
        TransitionRefused: He does not hold the permission.
    """
    if not has_permission(code):
        raise TransitionRefused(
            _("“%(step)s” needs a right that your role does not have in this department.", step=what)
        )


def last_notice(order: Order) -> ContractorNotice | None:
    """Return the newest notice of an order that was not withdrawn."""
    return db.session.scalar(
        sa.select(ContractorNotice)
        .where(ContractorNotice.order_id == order.id, ContractorNotice.state != "withdrawn")
        .order_by(ContractorNotice.id.desc())
        .limit(1)
    )


def is_unanswered(notice: ContractorNotice, now: dt.datetime | None = None) -> bool:
    """Return whether the time to answer has passed without an answer."""
    return notice.state == "issued" and notice.answer_due_at <= (now or utc_now())


def next_stage(order: Order) -> int | None:
    """Return which notice can be issued now, 1 or 2, or None."""
    if order.state not in ACTIVE or order.contractor_id is None:
        return None
    last = last_notice(order)
    if last is None or last.state == "answered":
        return 1
    return 2 if last.stage == 1 and is_unanswered(last) else None


def issue_notice(order: Order, demand: str, served_how: str) -> ContractorNotice:
    """Issue the first notice, or the second when the first was not answered in time.

    Args:
        order: An order that was dispatched to a contractor.
        demand: What he has to do until when.
        served_how: How it is served, for example by registered mail with its number.

    Raises:
        TransitionRefused: The right is missing.
        WarrantyRuleError: No notice is due now, or demand or service is missing.

    Source: domain reference 5.7.6: 24 hours each; settings ``notice_1_hours`` and ``notice_2_hours``.
    """
    require_right("warranty.issue_notice", _("Issue a notice"))
    require_open(order)
    stage = next_stage(order)
    if stage is None:
        raise WarrantyRuleError(
            _(
                "No notice can be issued for %(number)s now: it has no contractor, or the time to answer the last one "
                "still runs.",
                number=order.number,
            )
        )
    if not demand.strip():
        raise WarrantyRuleError(_("Write down what the contractor has to do."), "demand")
    if not served_how.strip():
        raise WarrantyRuleError(
            _("Write down how the notice is served; it is the evidence later."), "served_how"
        )
    last = last_notice(order)
    rounds = last.round_number if last is not None and stage == 2 else (last.round_number + 1 if last else 1)
    now = utc_now()
    notice = ContractorNotice(
        project_id=order.project_id,
        order_id=order.id,
        contractor_id=order.contractor_id,
        number=number_of_day("WT", order.project),
        stage=stage,
        round_number=rounds,
        demand=demand.strip(),
        issued_at=now,
        issued_by_id=require_scope().user_id,
        answer_due_at=now + dt.timedelta(hours=int(option(f"notice_{stage}_hours", order.project))),
        served_how=served_how.strip()[:120],
    )
    db.session.add(notice)
    db.session.flush()
    hours = int(option(f"notice_{stage}_hours", order.project))
    clock = start_clock("warranty.notice_answer", notice, at=now, limit=dt.timedelta(hours=hours))
    notice.answer_due_at = clock.due_at
    note_event(order, "notice", saying=Saying.NOTICE, stage=stage, number=notice.number)
    db.session.expire(order, ["notices"])
    return notice


def answer_notice(notice: ContractorNotice, answer: str) -> None:
    """Note what the contractor answered; the order goes on.

    Raises:
        TransitionRefused: The answer or the right is missing, or it was answered already.
    """
    NOTICE.move(notice, "answer", answer=answer.strip(), answered_at=utc_now())
    stop_clocks_of(notice)
    note_event(notice.order, "notice", answer, saying=Saying.NOTICE_ANSWERED, number=notice.number)


def withdraw_notice(notice: ContractorNotice, reason: str) -> None:
    """Withdraw a notice that was issued by mistake.

    Raises:
        TransitionRefused: The reason or the right is missing, or it was answered already.
    """
    NOTICE.move(notice, "withdraw", answer=reason.strip())
    stop_clocks_of(notice)
    note_event(notice.order, "notice", reason, saying=Saying.NOTICE_WITHDRAWN, number=notice.number)


def why_no_third_party(order: Order) -> str | None:
    """Return why no third party can be ordered yet, or None.

    Source: domain reference 3.4.5: two notices unanswered, with evidence.
    """
    last = last_notice(order)
    if last is None or last.stage != 2 or not is_unanswered(last):
        return _("A third party needs two notices that were not answered in time.")
    if not attachments_of(last, "proof"):
        return _("Attach the proof of service to %(number)s first.", number=last.number)
    if any(each.state != "cancelled" for each in third_parties_of(order)):
        return _("A third party was ordered already.")
    return None


def third_parties_of(order: Order) -> list[ThirdPartyRepair]:
    """Return the third-party repairs of an order, the oldest first."""
    return list(
        db.session.scalars(
            sa.select(ThirdPartyRepair)
            .where(ThirdPartyRepair.order_id == order.id)
            .order_by(ThirdPartyRepair.id)
        )
    )


def order_third_party(order: Order, company_name: str, quotation: Decimal) -> ThirdPartyRepair:
    """Order a third party at the contractor's cost; he is on site within four hours.

    Args:
        order: An order whose two notices were not answered.
        company_name: Who repairs.
        quotation: The offered price in yuan.

    Raises:
        TransitionRefused: The right is missing.
        WarrantyRuleError: The notices or their proof are missing, or name or price are not possible.

    Source: 房屋建筑工程质量保修办法 Art. 9, 12; domain reference 3.4.5; setting ``third_party_hours``.
    """
    require_right("warranty.deduct", _("Order a third party"))
    require_open(order)
    refusal = why_no_third_party(order)
    if refusal is not None:
        raise WarrantyRuleError(refusal)
    if not company_name.strip():
        raise WarrantyRuleError(_("Write down which company repairs."), "company_name")
    if quotation <= 0:
        raise WarrantyRuleError(_("The quotation must be above 0 yuan."), "quotation")
    now = utc_now()
    row = ThirdPartyRepair(
        project_id=order.project_id,
        order_id=order.id,
        company_name=company_name.strip()[:120],
        quotation=quotation,
        ordered_at=now,
        site_due_at=now + dt.timedelta(hours=int(option("third_party_hours", order.project))),
        ordered_by_id=require_scope().user_id,
    )
    db.session.add(row)
    db.session.flush()
    note_event(order, "third_party", saying=Saying.THIRD_PARTY, is_public=True, name=row.company_name)
    return row


def arrive_third_party(repair: ThirdPartyRepair) -> None:
    """Note that the third party is on site.

    Raises:
        WarrantyRuleError: It has been there already, or was cancelled.
    """
    require_right("warranty.deduct", _("Order a third party"))
    if repair.state != "ordered":
        raise WarrantyRuleError(_("The third party has been on site already."))
    repair.state, repair.arrived_at = "on_site", utc_now()
    db.session.flush()


def invoice_third_party(repair: ThirdPartyRepair, number: str, amount: Decimal) -> CostLine:
    """Note the invoice of a third party; it is a cost that the contractor bears and we paid.

    Raises:
        WarrantyRuleError: Number or amount are missing, or there is an invoice already.
    """
    require_right("warranty.deduct", _("Order a third party"))
    if repair.state not in ("ordered", "on_site"):
        raise WarrantyRuleError(_("There is an invoice already."))
    if not number.strip():
        raise WarrantyRuleError(_("Write down the number of the invoice."), "invoice_number")
    if amount <= 0:
        raise WarrantyRuleError(_("The invoice must be above 0 yuan."), "invoice_amount")
    repair.state, repair.finished_at = "invoiced", utc_now()
    repair.invoice_number, repair.invoice_amount = number.strip()[:60], amount
    line = CostLine(
        project_id=repair.project_id,
        order_id=repair.order_id,
        kind=CostKind.THIRD_PARTY,
        description=_("%(name)s, invoice %(number)s", name=repair.company_name, number=repair.invoice_number)[
            :255
        ],
        amount=amount,
        borne_by=Bearer.CONTRACTOR,
        paid_by_us=True,
        spent_on=local_day(utc_now()),
        by_id=require_scope().user_id,
    )
    db.session.add(line)
    db.session.flush()
    return line


def cancel_third_party(repair: ThirdPartyRepair) -> None:
    """Cancel a third party that has not come, because the contractor came after all.

    Raises:
        WarrantyRuleError: It is on site or has invoiced.
    """
    require_right("warranty.deduct", _("Order a third party"))
    if repair.state != "ordered":
        raise WarrantyRuleError(_("The third party has been on site already."))
    repair.state = "cancelled"
    db.session.flush()


__all__ = [
    "ACTIVE",
    "answer_notice",
    "arrive_third_party",
    "cancel_third_party",
    "invoice_third_party",
    "is_unanswered",
    "issue_notice",
    "last_notice",
    "next_stage",
    "order_third_party",
    "require_right",
    "third_parties_of",
    "why_no_third_party",
    "withdraw_notice",
]
