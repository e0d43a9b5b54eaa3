"""What is printed for contractors: notices, third parties, deductions, and the settlement of retention money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    User,
    _,
    _l,
    approvals_of,
    db,
    label_of,
)
from plugins.warranty import words
from plugins.warranty.common import option, project_name
from plugins.warranty.documents.common import (
    category_name,
    fault_name,
    house_facts,
    photos,
)
from plugins.warranty.models import (
    ContractorNotice,
    Deduction,
    EntryKind,
    ReleaseRequest,
    ThirdPartyRepair,
)
from plugins.warranty.services import money, releases


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
            *house_facts(order, language),
            (_("Room"), order.room_name),
            (_("Category"), category_name(order.category_code, language)),
            (_("Reported"), words.moment_text(order.reported_at)),
            (_("Contractor answers until"), words.long_date(order.contractor_end, language)),
            (_("Issued"), words.moment_text(record.issued_at)),
            (_("To answer by"), words.moment_text(record.answer_due_at)),
            (_("How it was served"), record.served_how, True),
        ],
        "contractor": record.contractor.name,
        "problem": f"{fault_name(order, language)}\n{order.description}",
        "demand": record.demand,
        "due": words.moment_text(record.answer_due_at),
        "first": previous.number if record.stage == 2 and previous is not None else "",
        "first_on": words.long_date(previous.issued_at, language) if record.stage == 2 and previous else "",
        "issuer": record.issued_by.name if record.issued_by else "",
        "issued_on": words.long_date(record.issued_at, language),
        "answer": record.answer if record.state == "answered" else "",
        "photos": photos(order, "before", _("B")),
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
            *house_facts(order, language),
            (_("Problem"), f"{order.room_name} {fault_name(order, language)}", True),
        ],
        "contractor": record.contractor.name,
        "reason": record.reason,
        "notices": _notices(sent),
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


def may_deduct(deduction: Deduction) -> Any:
    """Return why the paper cannot be issued yet, or None."""
    if deduction.issued_at is None:
        return _("Issue the deduction on its page first; then the paper can be issued.")
    return None


def third_party_notice(record: ThirdPartyRepair, language: str) -> Mapping[str, Any]:
    """Return the values of 第三方维修告知函: two notices were not answered, so others repair at his cost."""
    order = record.order
    sent = [each for each in order.notices if each.state != "withdrawn"]
    last = sent[-1] if sent else None
    contractor = last.contractor if last is not None else order.contractor
    return {
        "contractor": contractor.name if contractor is not None else "",
        "facts": [
            (_("To"), contractor.name if contractor is not None else "", True),
            (_("Order no."), order.number),
            (_("Reported"), words.long_date(order.reported_at, language)),
            *house_facts(order, language),
            (_("Problem"), f"{order.room_name} {fault_name(order, language)}".strip(), True),
            (_("Contractor answers until"), words.long_date(order.contractor_end, language)),
            (_("Category"), category_name(order.category_code, language)),
        ],
        "description": order.description,
        "notices": _notices(sent),
        "repair": [
            (_("Repaired by"), record.company_name),
            (_("Quotation (yuan)"), words.money(record.quotation)),
            (_("Ordered"), words.moment_text(record.ordered_at)),
            (_("On site by"), words.moment_text(record.site_due_at)),
        ],
        "fee_percent": f"{Decimal(option('management_fee_percent', order.project)).normalize():f}",
        "objection_days": int(option("objection_days", order.project)),
        "issuer": record.ordered_by.name if record.ordered_by else "",
        "issued_on": words.long_date(record.ordered_at, language),
        "photos": photos(order, "before", _("B")),
    }


def may_announce(repair: ThirdPartyRepair) -> Any:
    """Return why the paper cannot be issued, or None."""
    if repair.state == "cancelled":
        return _("This repair was cancelled, so there is nothing to announce.")
    return None


def _notices(sent: Sequence[ContractorNotice]) -> list[list[Any]]:
    return [
        [
            each.number,
            each.stage,
            words.moment_text(each.issued_at),
            words.moment_text(each.answer_due_at),
            each.served_how,
        ]
        for each in sent
    ]


OPINIONS = (
    ("release_asks_engineering", _l("Engineering department")),
    ("release_asks_property", _l("Property management")),
    ("release_asks_cost", _l("Cost department")),
    ("release_asks_finance", _l("Finance department")),
    ("", _l("General manager")),
)
"""Who looks at a settlement where nobody asked for an approval in the system, each with the setting that leaves
him out; their opinions are written by hand."""


def retention_settlement(record: ReleaseRequest, language: str) -> Mapping[str, Any]:
    """Return the values of 质保金结算审批表: the ledger, what stands in the way, what is asked, and opinions."""
    account = record.account
    taken = sum((each.amount for each in account.entries if each.kind == EntryKind.DEDUCTION), Decimal(0))
    return {
        "facts": [
            (_("Number"), record.number),
            (_("Project"), project_name(account.project, language)),
            (_("Contractor"), account.contractor.name),
            (_("Contract"), account.contract_number),
            (_("Completion accepted on"), words.long_date(account.starts_on, language)),
            (_("Period ends on"), words.long_date(account.ends_on, language)),
            (_("Requested on"), words.long_date(record.requested_on, language)),
            (_("Answer due on"), words.long_date(record.answer_due_on, language)),
        ],
        "sums": [
            [_("Settlement (yuan)"), "", words.money(account.settlement)],
            [_("Held back, %"), f"{account.percent.normalize():f}%", words.money(account.total)],
            [_("Deducted"), "", words.money(-taken)],
            [_("Held now"), "", words.money(account.balance)],
        ],
        "ledger": [
            [
                entry.sequence,
                words.day_text(entry.booked_at),
                words.ENTRIES[entry.kind],
                entry.note,
                words.money(entry.amount),
                words.money(entry.balance_after),
            ]
            for entry in account.entries
        ],
        "amount": record.amount,
        "obstacles": money.release_obstacles(account) if record.state in releases.UNDECIDED else [],
        "state": record.state,
        "decision": record.decision,
        "opinions": _opinions(record, language),
    }


def _opinions(record: ReleaseRequest, language: str) -> list[tuple[Any, str, dict[str, Any]]]:
    """The opinions of the newest approval of a request, or empty boxes for those who usually look at it."""
    asked = approvals_of(record)
    if not asked:
        project = record.account.project
        return [(label, "", {}) for key, label in OPINIONS if not key or option(key, project)]
    tasks = [task for task in asked[0].tasks if task.round_number == asked[0].round_number]
    names = {
        user.id: user.name
        for user in db.session.scalars(
            sa.select(User).where(User.id.in_({task.decided_by_id for task in tasks if task.decided_by_id}))
        )
    }
    return [
        (
            label_of(asked[0], task),
            task.opinion,
            {
                "name": names.get(task.decided_by_id or 0, ""),
                "date": words.long_date(task.decided_at, language),
            },
        )
        for task in sorted(tasks, key=lambda each: (each.position, each.id))
    ]
