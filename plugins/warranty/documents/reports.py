"""What is printed for our own people: the monthly report, and the alarm about many houses."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    _,
    db,
)
from plugins.warranty import indicators, words
from plugins.warranty.common import option, project_name
from plugins.warranty.documents.common import (
    category_name,
    fault_name,
    shortened,
)
from plugins.warranty.models import (
    CaseKind,
    GroupCase,
    MonthlyReport,
    Order,
)
from plugins.warranty.services import orders, reports
from plugins.warranty.workflows import CASE, ORDER


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
    limits = orders.age_limits()
    ages = {
        "normal": _("up to %(days)s days", days=limits["yellow"] - 1),
        "yellow": _("%(first)s to %(last)s days", first=limits["yellow"], last=limits["orange"] - 1),
        "orange": _("%(first)s to %(last)s days", first=limits["orange"], last=limits["red"] - 1),
        "red": _("more than %(days)s days", days=limits["red"] - 1),
    }
    per_house, cost = indicators.orders_per_house(period), indicators.cost_per_house(period)
    mean = per_house.value(12)
    return {
        "facts": [
            (_("Project"), project_name(record.project, language)),
            (_("Month"), words.long_month(record.month, language)),
            (_("Orders reported"), sum(held.reported.values())),
            (_("Orders closed"), held.closed),
            (_("Open at the end"), held.open),
            (_("Emergencies"), held.reported["P1"]),
        ],
        "rates": sorted(
            [
                [
                    code,
                    name,
                    words.rate_text(rate),
                    f"{rate.numerator:g} / {rate.denominator:g}",
                    words.rate_mark(rate),
                ]
                for code, name, rate in rates
            ]
            + [
                [
                    "K19",
                    _("Orders per house"),
                    "—" if mean is None else f"{mean}",
                    f"{per_house.numerator:g} / {per_house.denominator:g}",
                    _("house months"),
                ],
                [
                    "K20",
                    _("Warranty cost per house"),
                    words.money(cost.per_house) or "—",
                    f"{words.money(cost.cost)} / {cost.houses}",
                    _("provision %(amount)s", amount=words.money(cost.provision)),
                ],
            ],
            key=lambda row: str(row[0]),
        ),
        "faults": [
            [
                rank,
                words.fault_name(code),
                count,
                indicators.rate(count, sum(held.reported.values())).percent or "—",
            ]
            for rank, (code, count) in enumerate(held.by_fault, start=1)
        ],
        "top": [(_brief(code, language), count) for code, count in held.by_category],
        "ages": [(ages[colour], count) for colour, count in held.ages.items()],
        "contractors": [
            [
                line.rank,
                line.name,
                line.reported,
                line.closed,
                words.rate_text(line.on_time),
                line.repeats,
                line.overdue,
            ]
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
    name = category_name(code, language)
    return name.split("（")[0].split(" (")[0]


MOST_ORDERS = 200
"""Orders in the list of one alarm; the others are counted."""


def case_report(record: GroupCase, language: str) -> Mapping[str, Any]:
    """Return the values of 批量问题预警报告: what made the alarm, which houses, which faults, and what is done."""
    found = db.session.scalars(
        sa.select(Order).where(Order.group_case_id == record.id).order_by(Order.reported_at, Order.id)
    ).all()
    faults_found: dict[str, int] = {}
    companies: dict[str, int] = {}
    for order in found:
        name = fault_name(order, language)
        faults_found[name] = faults_found.get(name, 0) + 1
        company = order.contractor.label if order.contractor is not None else _("Nobody yet")
        companies[company] = companies.get(company, 0) + 1
    share = Decimal(record.houses_found * 100) / record.houses_total if record.houses_total else None
    return {
        "facts": [
            (_("Number"), record.number),
            (_("State"), CASE.state_of(record).label),
            (_("Project"), project_name(record.project, language)),
            (_("Place"), _case_place(record)),
            (_("Problem"), record.title, True),
            (_("Category"), category_name(record.category_code, language)),
            (_("Found by"), words.CASES[record.kind]),
            (_("Opened"), words.moment_text(record.opened_at)),
            (_("Reply of the design department by"), words.moment_text(record.design_reply_due_at)),
            (_("Orders"), len(found)),
            (
                _("Houses"),
                f"{record.houses_found} / {record.houses_total}"
                + (f" ({share.quantize(Decimal('0.1'), ROUND_HALF_UP)}%)" if share is not None else ""),
            ),
        ],
        "is_major": record.is_major,
        "rule": _alarm_rule(record),
        "faults": sorted(faults_found.items(), key=lambda pair: (-pair[1], pair[0])),
        "companies": sorted(companies.items(), key=lambda pair: (-pair[1], pair[0])),
        "orders": [
            [
                position,
                order.number,
                order.house,
                order.room_name,
                shortened(order.description, 60),
                words.day_text(order.reported_at),
                ORDER.state_of(order).label,
            ]
            for position, order in enumerate(found[:MOST_ORDERS], start=1)
        ],
        "more": max(len(found) - MOST_ORDERS, 0),
        "measures": record.measures,
        "design_reply": record.design_reply,
        "result": record.closing_note,
        "responsible": record.responsible.name if record.responsible else "",
    }


def _case_place(record: GroupCase) -> str:
    if record.batch_name:
        return record.batch_name
    if record.building is not None:
        return record.building.name or record.building.code
    return record.phase.name if record.phase is not None else ""


def _alarm_rule(record: GroupCase) -> str:
    """The numbers that made the alarm, as they hold today."""
    if record.kind == CaseKind.RAIN:
        return _(
            "Leaks after rain in at least %(percent)s%% of the delivered houses: a major event. The region, brand and "
            "customer service are told at once.",
            percent=option("rain_percent", record.project),
        )
    if record.kind == CaseKind.BATCH:
        return _(
            "At least %(orders)s orders of one category in one building within %(days)s days, or at least "
            "%(percent)s%% of its houses.",
            orders=option("batch_orders", record.project),
            days=option("batch_days", record.project),
            percent=option("batch_percent", record.project),
        )
    return _("Put together by hand.")
