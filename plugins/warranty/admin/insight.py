"""The figures K11 to K22, each with numerator, denominator and target, for a project, a contractor and a period."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import request, url_for

from core.toolkit import (
    DateRangeFilter,
    GuardedForm,
    PageView,
    Project,
    ReferenceFilter,
    ViewPermissions,
    _,
    _l,
    db,
    expose_guarded,
    local_today,
    setting,
    strict_id,
)
from plugins.contractors.models import Company
from plugins.warranty import indicators, words
from plugins.warranty.admin.common import COMPANIES, PROJECTS, WarrantyView
from plugins.warranty.indicators import SUPPRESSED_BELOW, Period, Rate
from plugins.warranty.models import MonthlyReport
from plugins.warranty.services import reports


@dataclass(frozen=True)
class Figure:
    """One figure as it is shown.

    Attributes:
        code: K11 to K22.
        name: What it is called.
        value: What is shown; None where there is no denominator or too few records.
        fraction: Numerator and denominator.
        target: What should be reached, in words.
        tone: ``ok`` or ``late`` against the target, ``calm`` without one.
        mark: What has to be known of it.
        url: The records behind it.
        rule: How it is counted.
    """

    code: str
    name: str
    value: str | None
    fraction: str
    target: str
    tone: str
    mark: str
    url: str
    rule: str


def figures(period: Period) -> list[Figure]:
    """Return the twelve figures of a period (domain reference 3.8)."""
    where: dict[str, Any] = {
        "f_reported_at_from": period.first.isoformat(),
        "f_reported_at_to": period.last.isoformat(),
    }
    if period.project_id is not None:
        where["f_project_id"] = period.project_id
    if period.contractor_id is not None:
        where["f_contractor_id"] = period.contractor_id
    listed = url_for("warranty_orders.index_view", **where)

    def percent(code: str, name: str, found: Rate, rule: str, *, at_most: bool = False) -> Figure:
        target = Decimal(setting("warranty", f"target_{code.lower()}"))
        value = found.value()
        few = 0 < found.denominator < SUPPRESSED_BELOW
        shown = None if value is None or few else f"{value}%"
        reached = value is not None and (value <= target if at_most else value >= target)
        sign = "≤" if at_most else "≥"
        return Figure(
            code,
            name,
            shown,
            f"{found.numerator:g} / {found.denominator:g}",
            f"{sign} {target}%",
            "calm" if shown is None else "ok" if reached else "late",
            _mark(found),
            listed,
            rule,
        )

    per_house = indicators.orders_per_house(period)
    cost = indicators.cost_per_house(period)
    recovered = indicators.recovery(period)
    target_19 = Decimal(setting("warranty", "target_k19"))
    mean = per_house.value(12)
    return [
        percent(
            "K11",
            _("Response on time"),
            indicators.response_on_time(period),
            _("First contacts within the limit of those reported."),
        ),
        percent(
            "K12",
            _("Arrival on time"),
            indicators.arrival_on_time(period),
            _("Arrivals within the booked time and the limit, of visits due."),
        ),
        percent(
            "K13",
            _("Completion on time"),
            indicators.completion_on_time(period),
            _("Finished within the limit, of orders due."),
        ),
        percent(
            "K14",
            _("First-time fix"),
            indicators.first_time_fix(period),
            _("Closed without repeat and with one repair, of those closed more than 90 days ago."),
        ),
        percent(
            "K15",
            _("Repeat rate"),
            indicators.repeat_rate(period),
            _("Repeats reported, of orders closed."),
            at_most=True,
        ),
        percent(
            "K16",
            _("Close rate"),
            indicators.close_rate(period),
            _("Closed in the period, of orders raised in it."),
        ),
        percent(
            "K17", _("Call-back rate"), indicators.call_back_rate(period), _("Called back, of orders closed.")
        ),
        percent(
            "K18",
            _("Satisfaction with repairs"),
            indicators.satisfaction(period),
            _("Answers of 4 and 5, of valid answers."),
        ),
        Figure(
            "K19",
            _("Orders per house"),
            None if mean is None else f"{mean}",
            _(
                "%(orders)s orders / %(months)s house months",
                orders=f"{per_house.numerator:g}",
                months=f"{per_house.denominator:g}",
            ),
            f"≤ {target_19}",
            "calm" if mean is None else "ok" if mean <= target_19 else "late",
            "",
            url_for("warranty_orders.index_view"),
            _("Orders of the first twelve months, of houses weighted by their months in service."),
        ),
        Figure(
            "K20",
            _("Warranty cost per house"),
            words.money(cost.per_house) if cost.per_house is not None else None,
            f"{words.money(cost.cost)} / {cost.houses}",
            "",
            "calm",
            _cost_mark(cost),
            listed,
            _("Borne by the developer, of delivered houses."),
        ),
        percent("K21", _("Recovery"), recovered, _("Recovered from contractors, of what we paid for them.")),
        percent(
            "K22",
            _("Qualified service"),
            indicators.qualified_service(period),
            _("Closed orders without a late step, a dissatisfied owner or an incomplete form."),
        ),
    ]


def _mark(found: Rate) -> str:
    least = int(setting("warranty", "small_sample"))
    marks = []
    if 0 < found.denominator < least:
        marks.append(_("small sample"))
    if found.is_provisional:
        marks.append(_("provisional"))
    return " · ".join(marks)


def _cost_mark(cost: indicators.CostPerHouse) -> str:
    parts = []
    if cost.per_area is not None:
        parts.append(_("%(amount)s per m²", amount=words.money(cost.per_area)))
    if cost.of_price is not None:
        parts.append(_("%(share)s%% of the price", share=f"{cost.of_price:f}"))
    parts.append(_("provision %(amount)s", amount=words.money(cost.provision)))
    return " · ".join(parts)


def period_of_address() -> Period:
    """Return the period that the address names, the current month without one."""
    today = local_today()
    first = _day("from") or today.replace(day=1)
    last = _day("to") or today
    if last < first:
        first, last = last, first
    return Period(first, last, _visible(PROJECTS, "project"), _visible(COMPANIES, "contractor"))


def _day(name: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2100 else None


def _visible(reference: Any, name: str) -> int | None:
    key = strict_id(request.args.get(name, ""))
    record = reference.get(key) if key else None
    return record.id if record is not None else None


class FiguresView(PageView):
    """The figures of the warranty."""

    @expose_guarded("/", permission="warranty.view")
    def index(self) -> Any:
        """Show the figures of a period."""
        period = period_of_address()
        return self.render(
            "warranty/admin/figures.html",
            period=period,
            figures=figures(period),
            projects=db.session.query(Project)
            .filter(Project.archived_at.is_(None))
            .order_by(Project.code)
            .limit(200)
            .all(),
            companies=db.session.query(Company)
            .filter(Company.archived_at.is_(None))
            .order_by(Company.name)
            .limit(200)
            .all(),
            project_name=PROJECTS.text,
        )


class ReportView(WarrantyView):
    """The monthly reports on repairs; the paper is printed on the page of the report."""

    permissions = ViewPermissions("warranty.view", "warranty.print", "warranty.print", None, None)
    record_kind = "warranty.report"
    column_list = ("month_name", "project.name", "author")
    column_details_list = ("month_name", "project.name", "author", "analysis", "measures")
    column_labels = {
        "month_name": _l("Month"),
        "month": _l("Month"),
        "project.name": _l("Project"),
        "project_id": _l("Project"),
        "author": _l("Made by"),
        "made_by_id": _l("Made by"),
        "analysis": _l("Analysis"),
        "measures": _l("Measures"),
    }
    cells = {
        "month_name": lambda row: f"{row.month:%Y-%m}",
        "author": lambda row: row.made_by.name if row.made_by else "",
    }
    filters = (ReferenceFilter("project_id", reference=PROJECTS), DateRangeFilter("month"))
    sortable = ("month",)
    form_columns = ("project_id", "month", "analysis", "measures")
    create_only_columns = frozenset({"project_id", "month"})
    form_args = {"month": {"description": _l("Any day of the month.")}}
    references = {"project_id": PROJECTS}
    empty_list_hint = _l("Figures are due until the 3rd of the next month, the analysis until the 5th.")

    def create_record(self, form: GuardedForm) -> MonthlyReport:
        """Make the report of a month."""
        values = form.values()
        return reports.make_report(
            form["project_id"].record, values["month"], values["analysis"] or "", values["measures"] or ""
        )

    def update_record(self, record: MonthlyReport, form: GuardedForm) -> None:
        """Change what is said of the figures."""
        values = form.values()
        reports.make_report(record.project, record.month, values["analysis"] or "", values["measures"] or "")
