"""The figures K11 to K22, each with numerator, denominator and target, for a project, a contractor and a period."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from flask import abort, request, url_for
from markupsafe import Markup

from core.toolkit import (
    PROJECTS,
    DateRangeFilter,
    GuardedForm,
    PageView,
    Project,
    ReferenceFilter,
    Unit,
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
from plugins.contractors.references import COMPANIES
from plugins.warranty import indicators, words
from plugins.warranty.admin.common import WarrantyView
from plugins.warranty.admin.marks import order_link
from plugins.warranty.drilldown import COUNTED, PARTS, REACHED, SOURCES
from plugins.warranty.indicators import Period, Rate
from plugins.warranty.models import CallBack, CostLine, Deduction, MonthlyReport, Order, Visit
from plugins.warranty.services import reports
from plugins.warranty.workflows import ORDER


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
    least = int(setting("warranty", "suppressed_sample"))
    challenge = Decimal(setting("warranty", "challenge_k22"))

    def percent(code: str, name: str, found: Rate, rule: str, *, at_most: bool = False) -> Figure:
        target = Decimal(setting("warranty", f"target_{code.lower()}"))
        value = found.value()
        few = 0 < found.denominator < least
        shown = None if value is None or few else f"{value}%"
        reached = value is not None and (value <= target if at_most else value >= target)
        sign = "≤" if at_most else "≥"
        return Figure(
            code,
            name,
            shown,
            f"{found.numerator:g} / {found.denominator:g}",
            f"{sign} {target}%" + (f" · {challenge}%" if code == "K22" else ""),
            "calm" if shown is None else "ok" if reached else "late",
            words.rate_mark(found),
            records_address(code, period),
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
            records_address("K19", period),
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
            records_address("K20", period),
            _("Borne by the developer, of delivered houses."),
        ),
        replace(
            percent(
                "K21", _("Recovery"), recovered, _("Recovered from contractors, of what we paid for them.")
            ),
            fraction=f"{words.money(recovered.numerator)} / {words.money(recovered.denominator)}",
        ),
        percent(
            "K22",
            _("Qualified service"),
            indicators.qualified_service(period),
            _(
                "Closed orders without a late step, a dissatisfied owner or an incomplete form, less the deduction for "
                "missing call-backs."
            ),
        ),
    ]


def records_address(code: str, period: Period, part: str = COUNTED, page: int = 1) -> str:
    """Return the address of the records behind a figure."""
    values = {"code": code, "part": part, "page": page if page > 1 else None, **_period_values(period)}
    return url_for("warranty_figures.records", **values)


def _period_values(period: Period) -> dict[str, Any]:
    """The arguments of an address that name a period."""
    return {
        "from": period.first.isoformat(),
        "to": period.last.isoformat(),
        "project": period.project_id,
        "contractor": period.contractor_id,
    }


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

    @expose_guarded("/records/", permission="warranty.view")
    def records(self) -> Any:
        """Show the records behind a figure: what its denominator counts, or its numerator."""
        code, part = request.args.get("code", ""), request.args.get("part", COUNTED)
        if code not in SOURCES or part not in PARTS:
            abort(404)
        period = period_of_address()
        figure = next(each for each in figures(period) if each.code == code)
        sources = {each: SOURCES[code](period, each) for each in PARTS}
        counts = {each: source.count() for each, source in sources.items()}
        pages = max(-(-counts[part] // PER_PAGE), 1)
        page = min(max(strict_id(request.args.get("page", "")) or 1, 1), pages)
        heads, cells = QUALIFIED if code == "K22" else COLUMNS[sources[part].model]
        return self.render(
            "warranty/admin/records.html",
            figure=figure,
            period=period,
            part=part,
            tabs=[
                {
                    "label": label,
                    "url": records_address(code, period, each),
                    "current": each == part,
                    "count": counts[each],
                }
                for each, label in ((COUNTED, _("All that count")), (REACHED, _("Those that reached it")))
            ],
            heads=heads,
            whole=ONE_LINE,
            rows=[cells(row) for row in sources[part].page((page - 1) * PER_PAGE, PER_PAGE)],
            page=page,
            pages=pages,
            previous=records_address(code, period, part, page - 1) if page > 1 else "",
            following=records_address(code, period, part, page + 1) if page < pages else "",
            back=url_for(".index", **_period_values(period)),
        )


PER_PAGE = 50


def _house_link(unit: Unit) -> Markup:
    return Markup('<a href="{0}">{1}</a>').format(url_for("units.details_view", id=unit.id), unit.code)


def _day_of(moment: dt.datetime | dt.date | None) -> str:
    return words.day_text(moment)


COLUMNS: Mapping[Any, tuple[tuple[Any, ...], Callable[[Any], tuple[Any, ...]]]] = {
    Order: (
        (
            _l("Order"),
            _l("House"),
            _l("Problem"),
            _l("Reported"),
            _l("Finished"),
            _l("Closed on"),
            _l("State"),
        ),
        lambda row: (
            order_link(row),
            row.house,
            words.problem(row),
            _day_of(row.reported_at),
            _day_of(row.fixed_at),
            _day_of(row.closed_at),
            ORDER.state_of(row).label,
        ),
    ),
    Visit: (
        (_l("Order"), _l("House"), _l("Why"), _l("From"), _l("Until"), _l("On site")),
        lambda row: (
            order_link(row.order),
            row.order.house,
            words.PURPOSES[row.purpose],
            words.moment_text(row.booked_from),
            words.moment_text(row.booked_to),
            words.moment_text(row.arrived_at),
        ),
    ),
    CallBack: (
        (_l("Order"), _l("House"), _l("Time"), _l("Satisfaction"), _l("What the owner said")),
        lambda row: (
            order_link(row.order),
            row.order.house,
            words.moment_text(row.at),
            words.SCORES.get(row.score, ""),
            row.note,
        ),
    ),
    CostLine: (
        (_l("Order"), _l("House"), _l("Date"), _l("Kind"), _l("What exactly"), _l("Amount")),
        lambda row: (
            order_link(row.order),
            row.order.house,
            _day_of(row.spent_on),
            words.COSTS[row.kind],
            row.description,
            words.money(row.amount),
        ),
    ),
    Deduction: (
        (_l("Order"), _l("Deduction"), _l("Contractor"), _l("Date of the entry"), _l("Amount that stays")),
        lambda row: (
            order_link(row.order),
            row.number,
            row.contractor.label,
            _day_of(row.booked_at),
            words.money(row.final_amount),
        ),
    ),
    Unit: (
        (_l("House"), _l("Project"), _l("Delivered on")),
        lambda row: (_house_link(row), PROJECTS.text(row.project), _day_of(row.delivered_on)),
    ),
}
"""What the list of the records behind a figure shows of each kind."""

ONE_LINE = (_l("Order"), _l("House"), _l("Reported"), _l("Finished"), _l("Closed on"), _l("Date"), _l("Time"))
"""Columns of numbers and days, which are not broken at their hyphens."""

QUALIFIED: tuple[tuple[Any, ...], Callable[[Any], tuple[Any, ...]]] = (
    (_l("Order"), _l("House"), _l("Problem"), _l("Finished"), _l("Closed on"), _l("Why not qualified")),
    lambda row: (
        order_link(row),
        row.house,
        words.problem(row),
        _day_of(row.fixed_at),
        _day_of(row.closed_at),
        words.as_sentence(words.joined(indicators.why_unqualified(row))),
    ),
)
"""What the list behind K22 shows of an order."""


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
