"""The monthly report: what came in, what was finished, how long the rest waits, who repaired how, and what it cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from core.toolkit import Project, _, db, months_after, require_scope
from plugins.contractors.models import Company
from plugins.warranty import indicators
from plugins.warranty.common import local_day
from plugins.warranty.coverage import Bearer
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.indicators import LEFT_OUT, Period
from plugins.warranty.models import CostLine, MonthlyReport, Order
from plugins.warranty.services.orders import age_colour, age_limits
from plugins.warranty.workflows import DONE, OPEN

TOP = 10


def make_report(project: Project, month: dt.date, analysis: str = "", measures: str = "") -> MonthlyReport:
    """Make the report of a month, or return the one that is there.

    Args:
        project: The project.
        month: Any day of the month; not in the future.
        analysis: What the figures say.
        measures: What is done about it.

    Raises:
        WarrantyRuleError: The month lies in the future.
    """
    from core.toolkit import local_today

    first = month.replace(day=1)
    if first > local_today():
        raise WarrantyRuleError(_("The month lies in the future."), "month")
    held = db.session.scalar(
        sa.select(MonthlyReport).where(MonthlyReport.project_id == project.id, MonthlyReport.month == first)
    )
    report = held or MonthlyReport(project_id=project.id, month=first, made_by_id=require_scope().user_id)
    report.analysis, report.measures = analysis.strip(), measures.strip()
    db.session.add(report)
    db.session.flush()
    return report


@dataclass(frozen=True)
class ContractorLine:
    """How one contractor did in the month."""

    name: str
    reported: int
    closed: int
    on_time: indicators.Rate
    repeats: int
    overdue: int


@dataclass(frozen=True)
class Contents:
    """What stands in the report.

    Attributes:
        period: The month.
        reported: Orders reported in it, by priority.
        open: Open orders at the end of it.
        closed: Orders closed in it.
        by_category: Orders reported by category, the most frequent first, at most ten.
        ages: Open orders by the colour of their age.
        contractors: The contractors, those with the most orders first.
        costs: Costs of the month by who bears them, in yuan.
    """

    period: Period
    reported: dict[str, int]
    open: int
    closed: int
    by_category: list[tuple[str, int]]
    ages: dict[str, int]
    contractors: list[ContractorLine]
    costs: dict[str, Decimal]


def period_of(report: MonthlyReport) -> Period:
    """Return the month of a report as a period."""
    last = months_after(report.month, 1) - dt.timedelta(days=1)
    return Period(report.month, last, report.project_id)


def contents(report: MonthlyReport) -> Contents:
    """Compute what stands in a report from what is stored."""
    period = period_of(report)
    orders: Sequence[Order] = db.session.scalars(
        sa.select(Order).where(period.holds(Order.reported_at), *period.orders())
    ).all()
    reported = {
        code: sum(1 for order in orders if order.priority == code) for code in ("P1", "P2", "P3", "P4")
    }
    by_category: dict[str, int] = {}
    for order in orders:
        by_category[order.category_code] = by_category.get(order.category_code, 0) + 1
    waiting = db.session.scalars(
        sa.select(Order).where(
            Order.project_id == report.project_id, Order.state.in_(OPEN), Order.reported_at < period.end
        )
    ).all()
    limits, ages = age_limits(), {"normal": 0, "yellow": 0, "orange": 0, "red": 0}
    for order in waiting:
        ages[age_colour((period.last - local_day(order.reported_at)).days, limits)] += 1
    costs: dict[str, Decimal] = dict.fromkeys((str(bearer) for bearer in Bearer), Decimal(0))
    for bearer, amount in db.session.execute(
        sa.select(CostLine.borne_by, CostLine.amount)
        .join(Order, Order.id == CostLine.order_id)
        .where(CostLine.spent_on >= period.first, CostLine.spent_on <= period.last, *period.orders(LEFT_OUT))
    ):
        costs[str(bearer)] += amount
    closed = db.session.scalar(
        sa.select(sa.func.count(Order.id)).where(
            period.holds(Order.closed_at), Order.state.in_(DONE), *period.orders()
        )
    )
    return Contents(
        period,
        reported,
        len(waiting),
        int(closed or 0),
        sorted(by_category.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP],
        ages,
        _contractors(period, orders, waiting),
        costs,
    )


def _contractors(period: Period, reported: Sequence[Order], waiting: Sequence[Order]) -> list[ContractorLine]:
    keys = {order.contractor_id for order in (*reported, *waiting) if order.contractor_id is not None}
    lines = []
    for company in db.session.scalars(sa.select(Company).where(Company.id.in_(keys))):
        own = Period(period.first, period.last, period.project_id, company.id, period.now)
        mine = [order for order in reported if order.contractor_id == company.id]
        lines.append(
            ContractorLine(
                company.label,
                len(mine),
                int(
                    db.session.scalar(
                        sa.select(sa.func.count(Order.id)).where(
                            own.holds(Order.closed_at), Order.state.in_(DONE), *own.orders()
                        )
                    )
                    or 0
                ),
                indicators.completion_on_time(own),
                sum(1 for order in mine if order.repeat_of_id is not None),
                sum(
                    1
                    for order in waiting
                    if order.contractor_id == company.id
                    and order.fixed_at is None
                    and order.due_at is not None
                    and order.due_at < min(own.end, own.asked_at)
                ),
            )
        )
    return sorted(lines, key=lambda line: (-line.reported, line.name))[:TOP]
