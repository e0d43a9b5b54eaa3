"""The monthly report: what came in, what was finished, how long the rest waits, who repaired how, and what it cost."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import sqlalchemy as sa

from core.toolkit import LOCAL_ZONE, Project, _, _l, add_todo, db, months_after, require_scope
from plugins.contractors.models import Company
from plugins.warranty import indicators
from plugins.warranty.common import local_day, option
from plugins.warranty.coverage import Bearer
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.indicators import LEFT_OUT, Period
from plugins.warranty.models import CostLine, MonthlyReport, Order
from plugins.warranty.services.orders import age_colour, age_limits
from plugins.warranty.workflows import DONE, OPEN

TOP = 10
MOST_CONTRACTORS = 30


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


def projects_without_report(month: dt.date) -> list[int]:
    """Return the projects in which something was reported or open in a month, and that have no report of it.

    Args:
        month: The first day of the month.
    """
    period = Period(month, months_after(month, 1) - dt.timedelta(days=1))
    held = sa.select(MonthlyReport.project_id).where(MonthlyReport.month == month)
    found = db.session.scalars(
        sa.select(Order.project_id)
        .where(
            Order.reported_at < period.end,
            Order.state.not_in(LEFT_OUT),
            sa.or_(
                Order.reported_at >= period.begin,
                Order.closed_at >= period.begin,
                Order.state.in_(OPEN),
            ),
            Order.project_id.not_in(held),
        )
        .distinct()
        .order_by(Order.project_id)
    )
    return list(found)


def prepare_report(project: Project, month: dt.date) -> MonthlyReport:
    """Make the report of a month that is over, and ask the project for its analysis; nothing is written into one that
    is there.

    Args:
        project: The project.
        month: The first day of the month.

    Source: domain reference 3.4.7; settings ``report_figures_day`` and ``report_analysis_day``.
    """
    held = db.session.scalar(
        sa.select(MonthlyReport).where(MonthlyReport.project_id == project.id, MonthlyReport.month == month)
    )
    report = held or make_report(project, month)
    following = months_after(month, 1)
    for key, title in (
        ("figures", _l("Check the figures of the monthly report %(month)s", month=f"{month:%Y-%m}")),
        ("analysis", _l("Write the analysis of the monthly report %(month)s", month=f"{month:%Y-%m}")),
    ):
        day = following.replace(day=int(option(f"report_{key}_day", project)))
        add_todo(
            report,
            title,
            role="PCM",
            due_at=dt.datetime.combine(day, dt.time(18), LOCAL_ZONE).astimezone(dt.UTC),
            dedupe_key=f"warranty:report:{report.id}:{key}",
        )
    return report


@dataclass(frozen=True)
class ContractorLine:
    """How one contractor did in the month.

    Attributes:
        rank: Place among the contractors: by what was finished in time, then by what is overdue, then by repeats;
            equal ones share a place, and those without a figure come last.
        name: The contractor.
        reported: Orders reported.
        closed: Orders closed.
        on_time: K13 of the contractor.
        repeats: Orders reported that repeat another.
        overdue: Open orders past their limit.
    """

    rank: int
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
        by_fault: Orders reported by kind of problem, the most frequent first, at most ten.
        ages: Open orders by the colour of their age.
        contractors: The contractors, ranked.
        costs: Costs of the month by who bears them, in yuan.
    """

    period: Period
    reported: dict[str, int]
    open: int
    closed: int
    by_category: list[tuple[str, int]]
    by_fault: list[tuple[str, int]]
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
    by_category = Counter(str(order.category_code) for order in orders)
    by_fault = Counter(order.fault_code for order in orders)
    # Also what was closed since: at the end of the month it was open.
    waiting = db.session.scalars(
        sa.select(Order).where(
            Order.project_id == report.project_id,
            Order.reported_at < period.end,
            sa.or_(Order.state.in_(OPEN), sa.and_(Order.state.in_(DONE), Order.closed_at >= period.end)),
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
        _most_frequent(by_category),
        _most_frequent(by_fault),
        ages,
        _contractors(period, orders, waiting),
        costs,
    )


def _most_frequent(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP]


def _contractors(period: Period, reported: Sequence[Order], waiting: Sequence[Order]) -> list[ContractorLine]:
    keys = {order.contractor_id for order in (*reported, *waiting) if order.contractor_id is not None}
    lines = []
    for company in db.session.scalars(sa.select(Company).where(Company.id.in_(keys))):
        own = Period(period.first, period.last, period.project_id, company.id, period.now)
        mine = [order for order in reported if order.contractor_id == company.id]
        closed = sa.select(sa.func.count(Order.id)).where(
            own.holds(Order.closed_at), Order.state.in_(DONE), *own.orders()
        )
        lines.append(
            ContractorLine(
                0,
                company.label,
                len(mine),
                int(db.session.scalar(closed) or 0),
                indicators.completion_on_time(own),
                sum(1 for order in mine if order.repeat_of_id is not None),
                sum(1 for order in waiting if order.contractor_id == company.id and _was_late(order, own)),
            )
        )
    return ranked(lines)


def _was_late(order: Order, period: Period) -> bool:
    """Whether an order was past its limit and not finished at the end of a period."""
    end = min(period.end, period.asked_at)
    is_waiting = order.fixed_at is None or order.fixed_at >= end
    return is_waiting and order.due_at is not None and order.due_at < end


def ranked(lines: Sequence[ContractorLine]) -> list[ContractorLine]:
    """Give the contractors their places; equal ones share one, and the next place is left out."""

    def merit(line: ContractorLine) -> tuple[bool, Decimal, int, int]:
        value = line.on_time.value()
        return (value is None, -(value or Decimal(0)), line.overdue, line.repeats)

    ranked: list[ContractorLine] = []
    for position, line in enumerate(sorted(lines, key=lambda each: (*merit(each), each.name)), start=1):
        is_equal = bool(ranked) and merit(ranked[-1]) == merit(line)
        ranked.append(replace(line, rank=ranked[-1].rank if is_equal else position))
    return ranked[:MOST_CONTRACTORS]
