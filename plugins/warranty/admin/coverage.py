"""The clocks of houses: the register, the cover of one house on any day, promises, seasons and take-overs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import abort, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField
from wtforms.validators import DataRequired, Regexp

from core.toolkit import (
    BUILDINGS,
    PROJECTS,
    UNITS,
    Building,
    ChoiceFilter,
    DateRangeFilter,
    Department,
    DocumentRefused,
    GuardedForm,
    PageView,
    ReferenceFilter,
    Unit,
    ViewPermissions,
    _,
    _l,
    acting_city,
    bulk_action,
    db,
    expose_guarded,
    find_unit,
    has_permission,
    issue_batch,
    local_today,
    ngettext,
    require_scope,
    setting,
)
from plugins.warranty import services, words
from plugins.warranty.admin.common import REFUSALS, WarrantyView, of_address, take_step, typed
from plugins.warranty.catalogue import categories
from plugins.warranty.coverage import System, judge
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import CitySeason, HouseWarranty, Promise, TakeOver

REBUILT_AT_ONCE = 200
"""Houses whose lines are computed in one request; more are work for a job."""


CATEGORY_CHOICES = tuple((code, words.lazy_category(code)) for code in categories())


class RegisterView(WarrantyView):
    """The register: one line for each category of each delivered house."""

    permissions = ViewPermissions("warranty.view", None, None, None, "warranty.export")
    record_kind = "warranty.line"
    column_list = (
        "unit.code",
        "project.name",
        "category",
        "owner_start",
        "owner_end",
        "contractor_end",
        "left",
    )
    column_details_list = (
        "unit.code",
        "project.name",
        "category",
        "owner_start",
        "owner_end",
        "contractor_start",
        "contractor_end",
        "basis",
    )
    column_export_list = (
        "unit.code",
        "category_code",
        "system",
        "owner_start",
        "owner_end",
        "contractor_start",
        "contractor_end",
        "basis",
    )
    column_labels = {
        "unit.code": _l("House"),
        "unit_id": _l("House"),
        "project.name": _l("Project"),
        "project_id": _l("Project"),
        "category": _l("Category"),
        "category_code": _l("Category"),
        "system": _l("System"),
        "owner_start": _l("Owner covered from"),
        "owner_end": _l("Owner covered until"),
        "contractor_start": _l("Contractor answers from"),
        "contractor_end": _l("Contractor answers until"),
        "left": _l("Left"),
        "basis": _l("Basis"),
    }
    choices = {"category_code": CATEGORY_CHOICES}
    cells = {
        "category": lambda row: words.category_title(row.category_code, row.system),
        "left": lambda row: days_left(row.owner_end),
    }
    list_options = (
        sa.orm.undefer(HouseWarranty.category_code),
        sa.orm.undefer(HouseWarranty.system),
        joinedload(HouseWarranty.unit).load_only(Unit.code),
    )
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ReferenceFilter("unit_id", reference=UNITS),
        ChoiceFilter("category_code"),
        DateRangeFilter("owner_end"),
    )
    sortable = ("owner_end",)
    list_template = "warranty/admin/register.html"
    empty_list_hint = _l("A house receives its lines on the day of its delivery.")
    actions_declared = {"expiry_notices": "warranty.print"}
    refusals = (*REFUSALS, DocumentRefused)

    @bulk_action("expiry_notices", _l("Issue the notices of the end"))
    def expiry_notices(self, records: Sequence[HouseWarranty]) -> Markup:
        """Issue the notice of the end of the warranty for the houses of the chosen lines, each once."""
        units = list(dict.fromkeys(record.unit_id for record in records))
        job = issue_batch("warranty.expiry_notice", units, "zh_Hans_CN")
        link = Markup('<a href="{0}">{1}</a>').format(url_for("jobs.details", job_id=job.id), _("Job"))
        houses = ngettext(
            "The notice of %(num)d house is being made.",
            "The notices of %(num)d houses are being made.",
            len(units),
        )
        return Markup("{0} {1}").format(houses, link)

    def tabs(self) -> list[dict[str, Any]]:
        """Return the lists of what ends soon (domain reference 5.7.8)."""
        today = local_today()
        here = request.args.get("f_owner_end_to", "")
        found = [
            {
                "label": _("All"),
                "url": self.address("index_view"),
                "current": not here and not request.args.get("f_owner_end_from"),
            }
        ]
        for days in (30, 60, 90, 180):
            until = (today + dt.timedelta(days=days)).isoformat()
            found.append(
                {
                    "label": ngettext("Ends within %(num)d day", "Ends within %(num)d days", days),
                    "url": self.address(
                        "index_view",
                        f_owner_end_from=today.isoformat(),
                        f_owner_end_to=until,
                        sort="owner_end",
                    ),
                    "current": here == until,
                }
            )
        return found


def days_left(end: dt.date | None) -> str:
    """Return how many days of cover are left today, in words."""
    if end is None:
        return ""
    left = (end - local_today()).days
    if left < 0:
        return _("ended")
    return ngettext("%(num)d day", "%(num)d days", left)


class CoverView(PageView):
    """The cover of one house, on today or any other day."""

    @expose_guarded("/", permission="warranty.view")
    def index(self) -> Any:
        """Look for a house and show its lines with both clocks."""
        text = request.args.get("q", "").replace("\0", "")[:60].strip()
        unit: Unit | None = of_address(Unit, "unit")
        found = find_unit(text) if text and unit is None else []
        if len(found) == 1:
            unit = found[0]
        on = _day(request.args.get("on", "")) or local_today()
        values: dict[str, Any] = {"unit": unit, "text": text, "found": found, "on": on, "lines": []}
        if unit is not None:
            values |= {
                "lines": [
                    (line, verdict, words.explain(verdict, line.category.code))
                    for line in services.lines_of(unit)
                    for verdict in (judge(line.period, on),)
                ],
                "deemed": services.deemed_start(unit),
                "start": services.owner_start(unit),
            }
        return self.render(
            "warranty/admin/cover.html",
            covers=words.COVERS,
            title=words.category_title,
            term=services.house_term_text,
            project_name=services.project_name,
            may_deem=has_permission("warranty.deem_delivery"),
            **values,
        )

    @expose_guarded("/deem/", permission="warranty.deem_delivery", methods=("POST",))
    def deem(self) -> Response:
        """Note that legal deems the house delivered."""
        unit = of_address(Unit, "unit") or abort(404)
        day = _day(typed("deemed_on"))

        def step() -> Any:
            if day is None:
                raise WarrantyRuleError(
                    _("Write the day on which the house is deemed delivered, like 2026-11-23.")
                )
            return services.deem_delivered(unit, day, typed("reason"))

        return take_step(
            url_for(".index", unit=unit.id), step, _("The owner's clocks now start on the deemed day.")
        )

    @expose_guarded("/rebuild/", permission="warranty.configure", methods=("POST",))
    def rebuild(self) -> Response:
        """Compute the lines of all delivered houses of the house's building again."""
        unit = of_address(Unit, "unit") or abort(404)
        houses = db.session.scalars(
            sa.select(Unit)
            .where(Unit.building_id == unit.building_id)
            .order_by(Unit.id)
            .limit(REBUILT_AT_ONCE)
        ).all()
        return take_step(
            url_for(".index", unit=unit.id),
            lambda: services.refresh_project(unit.project, houses),
            lambda changed: ngettext(
                "%(num)d line of the register changed.", "%(num)d lines of the register changed.", changed
            ),
        )


def _day(text: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if 1950 <= day.year <= 2200 else None


class CategoriesView(PageView):
    """The fourteen categories with floors, usual terms and what belongs to them."""

    @expose_guarded("/", permission="warranty.view")
    def index(self) -> Any:
        """Show the table of categories as it holds in the acting department."""
        return self.render(
            "warranty/admin/categories.html",
            rows=[
                (category, int(setting("warranty", category.setting_key)))
                for category in categories().values()
            ],
            term=services.term_text,
            department_id=require_scope().department_id,
        )


class PromiseView(WarrantyView):
    """Terms that projects promise instead of the usual ones."""

    permissions = ViewPermissions(
        "warranty.view", "warranty.configure", "warranty.configure", "warranty.configure"
    )
    record_kind = "warranty.promise"
    column_list = ("project.name", "category", "term", "contractor_term", "basis")
    column_details_list = ("project.name", "category", "term", "contractor_term", "basis")
    column_labels = {
        "project.name": _l("Project"),
        "project_id": _l("Project"),
        "category": _l("Category"),
        "category_code": _l("Category"),
        "term": _l("Owner's term"),
        "amount": _l("Owner's term"),
        "contractor_term": _l("Contractor's term"),
        "contractor_amount": _l("Contractor's term"),
        "basis": _l("Promised in"),
    }
    choices = {"category_code": CATEGORY_CHOICES}
    cells = {
        "category": lambda row: words.category_name(row.category_code),
        "term": lambda row: services.term_text(categories()[row.category_code], row.amount),
        "contractor_term": lambda row: (
            services.term_text(categories()[row.category_code], row.contractor_amount)
            if row.contractor_amount
            else _("as usual")
        ),
    }
    list_options = tuple(
        sa.orm.undefer(getattr(Promise, name)) for name in ("category_code", "amount", "contractor_amount")
    )
    filters = (ReferenceFilter("project_id", reference=PROJECTS), ChoiceFilter("category_code"))
    form_columns = ("project_id", "category_code", "amount", "contractor_amount", "basis")
    create_only_columns = frozenset({"project_id", "category_code"})
    form_args = {
        "amount": {
            "description": _l(
                "In months; for W05 in seasons, for W01 in years of design life. Never below the statutory minimum."
            )
        },
        "contractor_amount": {"description": _l("Empty: the department's usual term.")},
        "basis": {"description": _l("For example: supplementary agreement, clause 7.")},
    }
    references = {"project_id": PROJECTS}
    empty_list_hint = _l("Every project gives the usual terms until it promises others.")

    def create_record(self, form: GuardedForm) -> Promise:
        """Set a promise."""
        values = form.values()
        return services.promise_term(
            form["project_id"].record,
            values["category_code"],
            values["amount"] or 0,
            contractor_amount=values["contractor_amount"],
            basis=values["basis"] or "",
        )

    def update_record(self, record: Promise, form: GuardedForm) -> None:
        """Change a promise."""
        values = form.values()
        services.promise_term(
            record.project,
            record.category_code,
            values["amount"] or 0,
            contractor_amount=values["contractor_amount"],
            basis=values["basis"] or "",
            promise=record,
        )


def _month_day(label: Any, description: Any = "") -> StringField:
    return StringField(
        label,
        [
            DataRequired(_l("Write month and day, for example 11-15.")),
            Regexp(r"\s*\d{1,2}-\d{1,2}\s*$", message=_l("Write month and day, for example 11-15.")),
        ],
        description=description,
    )


class SeasonView(WarrantyView):
    """Heating and cooling seasons of the city companies."""

    permissions = ViewPermissions(
        "warranty.view", "warranty.configure", "warranty.configure", "warranty.configure"
    )
    record_kind = "warranty.season"
    column_list = ("department.name", "system", "start", "end", "note")
    column_details_list = ("department.name", "system", "start", "end", "note")
    column_labels = {
        "department.name": _l("Department"),
        "system": _l("System"),
        "start": _l("First day"),
        "end": _l("Last day"),
        "note": _l("Laid down in"),
    }
    choices = {"system": tuple(words.SYSTEMS.items())}
    cells = {
        "start": lambda row: f"{row.start_month:02d}-{row.start_day:02d}",
        "end": lambda row: f"{row.end_month:02d}-{row.end_day:02d}",
    }
    list_options = tuple(
        sa.orm.undefer(getattr(CitySeason, name))
        for name in ("start_month", "start_day", "end_month", "end_day")
    )
    form_columns = ("system", "start", "end", "note")
    create_only_columns = frozenset({"system"})
    form_fields = {
        "system": SelectField(
            _l("System"), choices=lambda: [(code, str(text)) for code, text in words.SYSTEMS.items()]
        ),
        "start": _month_day(_l("First day"), _l("Month and day, for example 11-15.")),
        "end": _month_day(_l("Last day"), _l("In the next year when it lies before the first day.")),
    }
    empty_list_hint = _l("Without seasons the term of W05 is counted in years.")

    def create_record(self, form: GuardedForm) -> CitySeason:
        """Set a season of the city company in which one acts."""
        department = acting_city() or db.session.get(Department, require_scope().department_id or 0)
        if department is None:
            raise WarrantyRuleError(_("Choose the city company in the top bar first."))
        return self._set(department, form.values()["system"], form)

    def update_record(self, record: CitySeason, form: GuardedForm) -> None:
        """Change a season."""
        self._set(record.department, record.system, form)

    @staticmethod
    def _set(department: Department, system: str, form: GuardedForm) -> CitySeason:
        values: Mapping[str, Any] = form.values()
        start, end = _as_month_day(values["start"]), _as_month_day(values["end"])
        return services.set_season(department, System(system), start, end, values["note"] or "")


def _as_month_day(text: str) -> tuple[int, int]:
    month, day = text.strip().split("-")
    return int(month), int(day)


class TakeOverView(WarrantyView):
    """The days on which property management took over common parts."""

    permissions = ViewPermissions("warranty.view", "warranty.configure", "warranty.configure")
    record_kind = "warranty.take_over"
    column_list = ("building", "taken_over_on")
    column_details_list = ("building", "taken_over_on")
    column_labels = {
        "building": _l("Building"),
        "building_id": _l("Building"),
        "taken_over_on": _l("Taken over on"),
        "project_id": _l("Project"),
    }
    cells = {"building": lambda row: building_title(row.building)}
    list_options = (joinedload(TakeOver.building),)
    filters = (ReferenceFilter("project_id", reference=PROJECTS),)
    form_columns = ("building_id", "taken_over_on")
    create_only_columns = frozenset({"building_id"})
    references = {"building_id": BUILDINGS}
    empty_list_hint = _l("The clock of common parts starts when property management takes them over.")

    def create_record(self, form: GuardedForm) -> TakeOver:
        """Note a take-over."""
        return services.take_over(form["building_id"].record, form.values()["taken_over_on"])

    def update_record(self, record: TakeOver, form: GuardedForm) -> None:
        """Correct a take-over."""
        services.take_over(record.building, form.values()["taken_over_on"])


def building_title(building: Building) -> str:
    """Return project and name of a building."""
    return f"{services.project_name(building.project)} · {building.name or building.code}"
