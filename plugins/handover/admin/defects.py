"""The defects, their figures, and the steps that their buttons take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from flask import g, request, url_for
from markupsafe import Markup
from wtforms.fields.choices import SelectChoice

from core.toolkit import (
    BUILDINGS,
    PROJECTS,
    UNITS,
    BooleanFilter,
    ChoiceFilter,
    Count,
    CountedTabs,
    FilterValueError,
    GuardedForm,
    RecordView,
    ReferenceFilter,
    SearchDeclaration,
    Transition,
    Unit,
    ViewPermissions,
    _,
    _l,
    bulk_action,
    count_each,
    db,
    expose_guarded,
    has_permission,
    is_english,
    is_signed,
    ngettext,
    strict_id,
    workflow_status,
)
from plugins.contractors.models import Company
from plugins.contractors.references import COMPANIES
from plugins.contractors.services import companies_for
from plugins.handover import forms, indicators, records, services, words
from plugins.handover.admin.common import HandoverView, day, refusal_of, severity_mark, status
from plugins.handover.models import (
    DEFECT_SEARCH,
    Defect,
    DefectSource,
    FormKind,
    Inspection,
    Severity,
)
from plugins.handover.workflows import DEFECT


@dataclass(frozen=True)
class OverdueFilter(BooleanFilter):
    """Past the promised date, and neither fixed nor done with."""

    def conditions(self, view: RecordView, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        """Return the condition of what was chosen."""
        if typed[0] not in {"0", "1"}:
            raise FilterValueError(_("Choose yes or no."))
        overdue = services.overdue_condition()
        return [overdue if typed[0] == "1" else sa.not_(sa.func.coalesce(overdue, sa.false()))]


def state_mark(defect: Defect) -> Markup:
    """Return the state of a defect; an overdue one says for how long."""
    days = services.overdue_days(defect)
    if days:
        return _overdue_mark(days, is_english())
    if defect.state not in ("fixed", "rejected") or not defect.reopen_count:
        return workflow_status(DEFECT, defect)
    state = DEFECT.state_of(defect)
    round_title = records.round_title(defect.reopen_count + (defect.state == "fixed"))
    return status(state.tone, f"{state.label} · {round_title}")


@lru_cache(maxsize=1024)
def _overdue_mark(days: int, _english: bool) -> Markup:
    return status("late", ngettext("%(num)d day overdue", "%(num)d days overdue", days))


def defect_problem(defect: Defect) -> str:
    """Return a defect in a few words, in a list from the kinds of fault that were read for the whole page."""
    known: dict[int, str] | None = g.get("_faults_of_page")
    if known is None or defect.id not in known:
        return services.defect_title(defect)
    return services.title_of(defect, known[defect.id])


FIGURES = (
    _l("First-pass rate K01"),
    _l("Defects per house K05"),
    _l("Close rate K06"),
    _l("Rectified on time K07"),
)
"""What stands above the list."""


class DefectView(CountedTabs, HandoverView):
    """The defects, wherever they were found."""

    permissions = ViewPermissions(
        "handover.view", "handover.create_defect", "handover.edit_defect", None, "handover.export"
    )
    record_kind = "handover.defect"
    column_list = ("number", "unit.code", "room", "problem", "level", "contractor", "progress", "promised")
    column_details_list = (
        "unit.code",
        "room",
        "item",
        "problem",
        "level",
        "severity_reason",
        "progress",
        "escalated",
        "contractor",
        "trade",
        "warranty_category",
        "source",
        "raised_at",
        "raised_by",
        "promised_by",
        "first_promised_by",
        "fixed_at",
        "fixed_by",
        "fix_measure",
        "verified_at",
        "verified_by",
        "reopen_count",
        "cause",
        "cost",
        "closing_reason",
        "repair_reference",
    )
    column_export_list = (
        "number",
        "unit.code",
        "room_name",
        "item_code",
        "item_name",
        "description",
        "severity",
        "contractor.name",
        "state",
        "raised_at",
        "promised_by",
        "fixed_at",
        "verified_at",
        "reopen_count",
        "cost",
    )
    column_labels = {
        "number": _l("Number"),
        "unit.code": _l("House"),
        "unit_id": _l("House"),
        "building_id": _l("Building"),
        "room": _l("Room"),
        "room_name": _l("Room"),
        "item": _l("Item"),
        "item_code": _l("Item"),
        "item_name": _l("Item"),
        "problem": _l("Problem"),
        "description": _l("Problem"),
        "codes": _l("Kinds of fault"),
        "level": _l("Severity"),
        "severity": _l("Severity"),
        "severity_reason": _l("Reason, if lowered"),
        "contractor": _l("Contractor"),
        "contractor.name": _l("Contractor"),
        "contractor_id": _l("Contractor"),
        "trade": _l("Trade"),
        "trade_code": _l("Trade"),
        "warranty_category": _l("Warranty category"),
        "source": _l("Found by"),
        "progress": _l("State"),
        "state": _l("State"),
        "escalated": _l("Escalated to"),
        "promised": _l("Promised by"),
        "promised_by": _l("Promised by"),
        "first_promised_by": _l("First promised by"),
        "raised_at": _l("Found on"),
        "raised_by": _l("Recorded by"),
        "fixed_at": _l("Fixed on"),
        "fixed_by": _l("Reported fixed by"),
        "fix_measure": _l("What was done"),
        "verified_at": _l("Re-inspected on"),
        "verified_by": _l("Re-inspected by"),
        "reopen_count": _l("Failed re-inspections"),
        "cause": _l("Root cause"),
        "root_cause": _l("Root cause"),
        "cost": _l("Cost of the repair (¥)"),
        "closing_reason": _l("Closed without repair because"),
        "repair_reference": _l("Repair order"),
    }
    choices = {
        "severity": tuple((Severity(level), f"{level}") for level in words.SEVERITIES),
        "source": tuple(words.SOURCES.items()),
        "state": tuple((state.code, state.label) for state in DEFECT.states),
    }
    cells = {
        "room": lambda row: words.local(row, "room_name"),
        "item": lambda row: f"{row.item_code} {words.local(row, 'item_name')}".strip(),
        "problem": defect_problem,
        "level": lambda row: severity_mark(row.severity),
        "contractor": lambda row: row.contractor.label if row.contractor else "",
        "progress": state_mark,
        "promised": lambda row: day(row.promised_by),
        "escalated": lambda row: words.ESCALATIONS.get(services.escalation(row), ""),
        "trade": lambda row: words.trades().get(row.trade_code, ""),
        "raised_by": lambda row: row.raised_by.name if row.raised_by else "",
        "fixed_by": lambda row: row.fixed_by.name if row.fixed_by else "",
        "verified_by": lambda row: row.verified_by.name if row.verified_by else "",
        "cause": lambda row: words.root_causes().get(row.root_cause, ""),
        "cost": lambda row: "" if row.cost is None else f"{row.cost:,.2f}",
    }
    list_reads = (
        "room_name",
        "room_name_en",
        "item_name",
        "item_name_en",
        "description",
        "severity",
        "state",
        "promised_by",
        "reopen_count",
        "contractor.name",
        "contractor.short_name",
    )
    search = SearchDeclaration(index=DEFECT_SEARCH, placeholder=_l("Number or problem"))
    filters = (
        ReferenceFilter("project_id", label=_l("Project"), reference=PROJECTS),
        ReferenceFilter("building_id", reference=BUILDINGS),
        ReferenceFilter("unit_id", reference=UNITS),
        ChoiceFilter("severity"),
        ChoiceFilter("state"),
        ReferenceFilter("contractor_id", reference=COMPANIES),
        OverdueFilter("promised_by", label=_l("Overdue")),
    )
    sortable = ("number", "promised_by")
    form_columns = (
        "unit_id",
        "room_name",
        "codes",
        "description",
        "severity",
        "severity_reason",
        "source",
        "trade_code",
        "contractor_id",
        "promised_by",
        "root_cause",
        "cost",
    )
    create_only_columns = frozenset({"unit_id", "source"})
    form_fields = forms.defect_fields()
    references = {"unit_id": UNITS, "contractor_id": COMPANIES}
    workflow = DEFECT
    step_fields = {"contractor_id": forms.company_field()}
    actions_declared = {"make_notices": "handover.issue_notice", "assign_chosen": "handover.assign_defect"}
    list_template = "handover/admin/defects.html"
    details_template = "handover/admin/defect.html"
    empty_list_hint = _l(
        "Defects appear here as soon as an item fails on site. You can also register one that was found otherwise."
    )

    def before_list(self, records_: Sequence[Defect]) -> None:
        """Read the kinds of fault of all rows at once, as texts: as records they would take as long as the list."""
        g._faults_of_page = services.faults_of([record.id for record in records_])

    def create_record(self, form: GuardedForm) -> Defect:
        """Register a defect that was found outside an inspection."""
        values = form.values()
        return services.register_defect(
            form["unit_id"].record,
            room_name=values["room_name"],
            codes=values["codes"],
            description=values["description"],
            severity=Severity(values["severity"]),
            source=DefectSource(values["source"] or DefectSource.STAFF),
            trade_code=values["trade_code"] or "",
            contractor=_company(values["contractor_id"]),
        )

    def why_locked(self, record: Defect) -> str | None:
        """Return why a defect is not changed: it is done with."""
        return refusal_of(lambda: services.require_not_done(record))

    def update_record(self, record: Defect, form: GuardedForm) -> None:
        """Change a defect."""
        values = form.values()
        contractor = _company(values["contractor_id"])
        services.change_defect(
            record,
            severity=Severity(values["severity"]),
            severity_reason=values["severity_reason"] or "",
            description=values["description"],
            codes=values["codes"],
            room_name=values["room_name"],
            contractor=contractor if contractor and contractor.id != record.contractor_id else None,
            promised_by=values["promised_by"],
            trade_code=values["trade_code"] or None,
            root_cause=values["root_cause"] or "",
            cost=values["cost"],
        )

    def details_extra(self, record: Defect) -> Mapping[str, Any]:
        """Return whether so many repairs failed that a special plan is needed, and how its waiver stands."""
        place = services.handover_unit_of(record.unit)
        waiver = services.form_of(place, FormKind.WAIVER, record) if place is not None else None
        can_waive = record.state in DEFECT.transition("waive").sources and has_permission(
            "handover.waive_defect"
        )
        return {
            "needs_plan": services.needs_special_plan(record),
            "waiver": waiver,
            "may_waive": can_waive and place is not None and (waiver is None or not is_signed(waiver)),
        }

    def prepare_step(self, form: GuardedForm, record: Defect | None, transition: Transition) -> None:
        """Offer the companies of the project, and ask for the owner's consent only where the owner reported it."""
        if "contractor_id" in form and record is not None:
            form["contractor_id"].choices = [
                SelectChoice("", ""),
                *(SelectChoice(company.id, company.label) for company in companies_for(record.project)),
            ]
        if "owner_agreed" in form and (record is None or record.source != DefectSource.OWNER):
            del form["owner_agreed"]

    def take_step(self, record: Defect, transition: Transition, values: Mapping[str, Any]) -> None:
        """Call the service of a step."""
        take_defect_step(record, transition.code, values)

    @bulk_action("make_notices", _l("Make rectification notices"))
    def make_notices(self, records_: Sequence[Defect]) -> Markup:
        """Make a draft notice for each contractor of the chosen defects."""
        notices = services.create_notices(records_)
        db.session.flush()
        links = Markup(", ").join(
            Markup('<a href="{0}">{1}</a>').format(
                url_for("handover_notices.details_view", id=notice.id), notice.number
            )
            for notice in notices
        )
        return Markup("{0} {1}").format(
            ngettext("%(num)d draft was made:", "%(num)d drafts were made:", len(notices)), links
        )

    @bulk_action("assign_chosen", _l("Assign to the proposed contractor"))
    def assign_chosen(self, records_: Sequence[Defect]) -> str:
        """Assign the chosen open defects to the contractors that the matrix proposed."""
        for record in records_:
            services.assign_defect(record)
        return ngettext("%(num)d defect was assigned.", "%(num)d defects were assigned.", len(records_))

    @expose_guarded("/figures/", permission="handover.view")
    def figures_view(self) -> str:
        """Show the figures above the list, which asks for them once it is shown."""
        return self.render(
            "handover/admin/defect_figures.html",
            figures=self.figures(),
            note=self.figures_note(),
            all_url=self.address("index_view", **_filters_given(), figures="1"),
        )

    def figures_url(self) -> str:
        """Return where the list as it is filtered asks for its figures."""
        return self.address("figures_view", **_filters_given(), figures=request.args.get("figures"))

    def figures(self) -> list[dict[str, Any]] | None:
        """Return the figures above the list, for what is filtered: K01 and K05 of houses, K06 and K07 of defects.

        A rate over all states means nothing within one of them, so the filters by state and by overdue leave it alone.
        All the rows have to be read for them, so of many defects they are None until somebody asks for them.
        """
        on_inspection, on_defect = _where_filtered(request.args)
        if request.args.get("figures") != "1" and _are_many(on_inspection, on_defect):
            return None
        first, mean = indicators.first_pass(*on_inspection), indicators.defects_per_house(*on_inspection)
        done, timely = indicators.closed(*on_defect), indicators.on_time(*on_defect)
        notes = (
            _fraction(first, _("houses")),
            _fraction(mean, ""),
            _fraction(done, ""),
            _fraction(timely, "") if timely.denominator else _("nothing was due yet"),
        )
        values = (first.percent, mean.mean, done.percent, timely.percent)
        return [
            {"label": label, "value": value, "note": note}
            for label, value, note in zip(FIGURES, values, notes, strict=True)
        ]

    def figures_to_come(self) -> list[dict[str, Any]]:
        """Return the figures as they stand above the list until they are counted."""
        return [{"label": label, "value": "…", "note": "\N{NO-BREAK SPACE}"} for label in FIGURES]

    def figures_note(self) -> str | None:
        """Return what the figures leave aside of the filters that are chosen, or None."""
        given = request.args
        if given.get("f_severity") or given.get("f_contractor_id"):
            return _("K01 and K05 count all defects of the houses, of every severity and contractor.")
        if given.get("f_state") or given.get("f_promised_by") or given.get("search"):
            return _("The figures count defects in every state.")
        return None

    def tabs(self) -> list[dict[str, Any]]:
        """Return the views that people look at every day, with what waits in them."""
        here = request.args
        return [
            {
                "label": _("All"),
                "url": self.address("index_view"),
                "current": not here.get("f_state") and not here.get("f_promised_by"),
            },
            {
                "label": _("Overdue"),
                "url": self.address("index_view", f_promised_by="1", sort="promised_by"),
                "key": "overdue",
                "tone": "late",
                "current": here.get("f_promised_by") == "1",
            },
            {
                "label": _("To re-inspect"),
                "url": self.address("index_view", f_state="fixed"),
                "key": "fixed",
                "current": here.get("f_state") == "fixed",
            },
            {
                "label": _("To assign"),
                "url": self.address("index_view", f_state="open"),
                "key": "open",
                "current": here.get("f_state") == "open",
            },
        ]

    def tab_counts(self) -> Mapping[str, Count]:
        """Return how much waits in them."""
        conditions = {
            "overdue": services.overdue_condition(),
            "fixed": Defect.state == "fixed",
            "open": Defect.state == "open",
        }
        return dict(zip(conditions, count_each(Defect, *conditions.values()), strict=True))


Conditions = list[sa.ColumnElement[bool]]
COUNTED_AT_ONCE = 2000
"""Of more defects or inspections the figures above the list are counted when somebody asks for them."""


def _filters_given() -> dict[str, str]:
    """Return the arguments of the filters that the address of this page gives, and whether something is searched."""
    return {name: value for name, value in request.args.items() if name.startswith("f_") or name == "search"}


def _where_filtered(given: Mapping[str, str]) -> tuple[Conditions, Conditions]:
    """Return the conditions on inspections and on defects that the filters of the list mean."""
    on_inspection: Conditions = []
    on_defect: Conditions = []
    for name in ("project_id", "building_id", "unit_id"):
        key = strict_id(given.get(f"f_{name}", ""))
        if key is None:
            continue
        on_defect.append(getattr(Defect, name) == key)
        on_inspection.append(
            Inspection.unit_id.in_(sa.select(Unit.id).where(Unit.building_id == key))
            if name == "building_id"
            else getattr(Inspection, name) == key
        )
    contractor = strict_id(given.get("f_contractor_id", ""))
    if contractor is not None:
        on_defect.append(Defect.contractor_id == contractor)
    if given.get("f_severity") in words.SEVERITIES:
        on_defect.append(Defect.severity == given["f_severity"])
    return on_inspection, on_defect


def _are_many(on_inspection: Conditions, on_defect: Conditions) -> bool:
    """Return whether the figures would be counted from more rows than a page should read."""
    beyond = [
        sa.select(model.id).where(*conditions).limit(1).offset(COUNTED_AT_ONCE).scalar_subquery()
        for model, conditions in ((Defect, on_defect), (Inspection, on_inspection))
    ]
    return any(key is not None for key in db.session.execute(sa.select(*beyond)).one())


def _fraction(rate: indicators.Rate, unit: str) -> str:
    return f"{rate.numerator} / {rate.denominator} {unit}".strip()


def _company(key: int | None) -> Company | None:
    return db.session.scalar(sa.select(Company).where(Company.id == key)) if key else None


def take_defect_step(defect: Defect, code: str, values: Mapping[str, Any]) -> None:
    """Call the service of a step.

    Args:
        defect: The defect.
        code: Code of the transition.
        values: What was typed into the form of the step.

    Raises:
        TransitionRefused: The step is unknown or not possible.
    """
    reason = values.get("closing_reason") or ""
    steps: dict[str, Callable[[], None]] = {
        "assign": lambda: services.assign_defect(defect, _company(values.get("contractor_id"))),
        "start": lambda: services.start_fixing(defect),
        "resume": lambda: services.start_fixing(defect),
        "report_fixed": lambda: services.report_fixed(defect, values.get("fix_measure") or ""),
        "verify": lambda: services.verify_defect(defect, note=values.get("recheck_note") or ""),
        "reject": lambda: services.reject_defect(defect, values.get("recheck_note") or ""),
        "invalidate": lambda: services.invalidate_defect(defect, reason, bool(values.get("owner_agreed"))),
        "waive": lambda: services.waive_defect(defect, reason),
        "transfer": lambda: services.transfer_defect(defect, values.get("repair_reference") or ""),
    }
    if code not in steps:
        DEFECT.transition("")
    steps[code]()


def overdue_count() -> int | None:
    """Return how many defects are overdue, for the sidebar."""
    counted = sa.select(Defect.id).where(services.overdue_condition()).limit(1000).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(counted)) or None
