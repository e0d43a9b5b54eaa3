"""The orders in the back office."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import abort, g, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response
from wtforms import BooleanField, SelectField, StringField
from wtforms.fields.choices import SelectChoice

from core.toolkit import (
    BUILDINGS,
    LOCAL_ZONE,
    PROJECTS,
    UNITS,
    BooleanFilter,
    ChoiceFilter,
    Count,
    CountedTabs,
    DateRangeFilter,
    FilterValueError,
    GuardedForm,
    ReferenceFilter,
    SearchDeclaration,
    Transition,
    User,
    ViewPermissions,
    _,
    _l,
    bulk_action,
    count_each,
    db,
    expose_guarded,
    has_permission,
    mask_all,
    mask_phone,
    require_scope,
    users_with,
    utc_now,
)
from plugins.contractors.references import COMPANIES
from plugins.contractors.services import companies_of_city
from plugins.warranty import deadlines, forms, words
from plugins.warranty.admin.board import BoardView
from plugins.warranty.admin.common import ENGINEERS, WarrantyView, take_step, typed, visible
from plugins.warranty.admin.deeds import DEEDS, take_order_step
from plugins.warranty.admin.marks import (
    CATEGORY_CHOICES,
    age_mark,
    amount_of,
    counted,
    cover_mark,
    kept_mark,
    moment_of,
    number_of,
    order_link,
    priority_mark,
    progress_mark,
    state_mark,
)
from plugins.warranty.admin.parts import PartView
from plugins.warranty.admin.parts_of_orders import told_mark
from plugins.warranty.admin.requests import RequestView
from plugins.warranty.catalogue import faults
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    ORDER_SEARCH,
    Order,
    Request,
    SparePart,
)
from plugins.warranty.services import cases, intake, notices, orders, progress
from plugins.warranty.signed import is_plan_signed
from plugins.warranty.sla import Priority
from plugins.warranty.workflows import OPEN, ORDER

__all__ = [
    "CATEGORY_CHOICES",
    "DEEDS",
    "BoardView",
    "OrderView",
    "PartView",
    "RequestView",
    "age_mark",
    "amount_of",
    "cover_mark",
    "kept_mark",
    "moment_of",
    "number_of",
    "order_link",
    "overdue_count",
    "priority_mark",
    "state_mark",
    "take_order_step",
]


class OverdueFilter(BooleanFilter):
    """Past the limit, and not finished."""

    def conditions(self, view: Any, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        """Return the condition of what was chosen."""
        if typed[0] not in {"0", "1"}:
            raise FilterValueError(_("Choose yes or no."))
        overdue = orders.overdue_condition()
        return [overdue if typed[0] == "1" else sa.not_(sa.func.coalesce(overdue, sa.false()))]


class OpenFilter(BooleanFilter):
    """Somebody still has to do something."""

    def conditions(self, view: Any, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        """Return the condition of what was chosen."""
        if typed[0] not in {"0", "1"}:
            raise FilterValueError(_("Choose yes or no."))
        is_open = Order.state.in_(OPEN)
        return [is_open if typed[0] == "1" else sa.not_(is_open)]


def _matrix_words(order: Order) -> str:
    """Say whom the matrix of the building names for the trade of an order."""
    company = intake.proposed_contractor(order, order.unit, order.building)
    trade = words.trade_name(order.trade_code)
    if company is None:
        return _("The matrix of the building names nobody for %(trade)s.", trade=trade)
    return _(
        "The matrix of the building names %(company)s for %(trade)s.", company=company.label, trade=trade
    )


class UntoldFilter(BooleanFilter):
    """The owner should have heard of the progress by now."""

    def conditions(self, view: Any, typed: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
        """Return the condition of what was chosen."""
        if typed[0] not in {"0", "1"}:
            raise FilterValueError(_("Choose yes or no."))
        untold = orders.untold_condition()
        return [untold if typed[0] == "1" else sa.not_(sa.func.coalesce(untold, sa.false()))]


class OrderView(CountedTabs, WarrantyView):
    """The orders, one for each thing that is repaired."""

    permissions = ViewPermissions("warranty.view", None, "warranty.edit_order", None, "warranty.export")
    record_kind = "warranty.order"
    column_list = (
        "number",
        "house",
        "problem",
        "level",
        "cover",
        "contractor",
        "progress",
        "age",
        "due",
        "told",
    )
    column_details_list = (
        "place",
        "problem",
        "level",
        "category",
        "cover",
        "basis",
        "borne",
        "responsible",
        "contractor",
        "engineer",
        "progress",
        "age",
        "reported_at",
        "contact",
        "arrival",
        "temporary",
        "plan_until",
        "due",
        "promised_at",
        "told",
        "work_done",
        "repeat",
        "cycles",
        "case",
        "source_number",
        "closing_reason",
        "satisfied",
    )
    column_export_list = (
        "number",
        "unit.code",
        "room_name",
        "fault_code",
        "description",
        "priority",
        "category_code",
        "cover",
        "borne_by",
        "contractor.name",
        "state",
        "reported_at",
        "contacted_at",
        "arrived_at",
        "due_at",
        "fixed_at",
        "closed_at",
        "score",
    )
    column_labels = {
        "number": _l("Number"),
        "house": _l("House"),
        "place": _l("House"),
        "unit.code": _l("House"),
        "unit_id": _l("House"),
        "building_id": _l("Building"),
        "project_id": _l("Project"),
        "request_id": _l("Request"),
        "customer_id": _l("Customer"),
        "problem": _l("Problem"),
        "room_name": _l("Room"),
        "fault_code": _l("Kind of problem"),
        "description": _l("Description"),
        "level": _l("Priority"),
        "priority": _l("Priority"),
        "category": _l("Category"),
        "category_code": _l("Category"),
        "system": _l("System"),
        "trade_code": _l("Trade"),
        "is_rain_leak": _l("Leak after rain"),
        "cover": _l("Cover"),
        "cover_reason": _l("Decided by hand because"),
        "cover_decided_by_id": _l("Decided by"),
        "owner_end": _l("Owner covered until"),
        "contractor_end": _l("Contractor answers until"),
        "exclusion": _l("Reason that excludes it"),
        "basis": _l("Basis"),
        "borne": _l("Cost borne by"),
        "borne_by": _l("Cost borne by"),
        "responsible": _l("Responsible side"),
        "responsibility": _l("Responsible side"),
        "contractor": _l("Contractor"),
        "contractor.name": _l("Contractor"),
        "contractor_id": _l("Contractor"),
        "engineer": _l("Engineer"),
        "engineer_id": _l("Engineer"),
        "progress": _l("State"),
        "state": _l("State"),
        "age": _l("Age of the order"),
        "due": _l("To finish by"),
        "due_at": _l("To finish by"),
        "reported_at": _l("Reported"),
        "registered_at": _l("Registered"),
        "register_due_at": _l("Registered by"),
        "triaged_at": _l("Assessed"),
        "dispatched_at": _l("Dispatched"),
        "contact": _l("First contact"),
        "contacted_at": _l("First contact"),
        "contact_due_at": _l("First contact by"),
        "arrival": _l("On site"),
        "arrived_at": _l("On site"),
        "arrival_due_at": _l("On site by"),
        "temporary": _l("Temporary measure"),
        "temporary_due_at": _l("Temporary measure by"),
        "told": _l("Next progress"),
        "progress_due_at": _l("Next progress to the owner"),
        "progress_asked_for": _l("Progress asked for"),
        "temporary_at": _l("Temporary measure"),
        "temporary_note": _l("Temporary measure"),
        "planned_at": _l("Plan confirmed"),
        "plan_until": _l("Plan"),
        "plan_due_at": _l("Plan by"),
        "started_at": _l("Repair begun"),
        "fixed_at": _l("Reported as finished"),
        "fixed_by_id": _l("Reported finished by"),
        "engineer_accepted_at": _l("Accepted by the engineer"),
        "owner_accepted_at": _l("Accepted by the owner"),
        "closed_at": _l("Closed on"),
        "called_back_at": _l("Called back"),
        "call_back_due_at": _l("Call-back by"),
        "promised_at": _l("Promised to the owner"),
        "first_promised_at": _l("First promised"),
        "work_done": _l("Work done"),
        "repair_cycles": _l("Repair cycles"),
        "cycles": _l("Repair cycles"),
        "reopen_count": _l("Times opened again"),
        "repeat": _l("Repeat of"),
        "repeat_of_id": _l("Repeat of"),
        "merged_into_id": _l("Merged into"),
        "case": _l("Batch problem"),
        "group_case_id": _l("Batch problem"),
        "suspended_from": _l("Suspended in state"),
        "closing_reason": _l("Ended because"),
        "satisfied": _l("Satisfaction"),
        "score": _l("Satisfaction"),
        "urge_count": _l("Urged"),
        "urged_at": _l("Urged last"),
        "source_kind": _l("Taken over from"),
        "source_id": _l("Taken over from"),
        "source_number": _l("Taken over from"),
    }
    choices = {
        "priority": tuple((Priority(code), f"{code}") for code in words.PRIORITIES),
        "category_code": CATEGORY_CHOICES,
        "responsibility": tuple(words.RESPONSIBLE.items()),
        "exclusion": tuple(words.EXCLUSIONS.items()),
        "borne_by": tuple(words.BEARERS.items()),
        "state": tuple((state.code, state.label) for state in ORDER.states),
        "cover": tuple((code, text) for code, (_tone, text) in words.COVERS.items()),
    }
    cells = {
        "house": lambda row: row.house,
        "place": lambda row: Markup('<a href="{0}">{1}</a>').format(
            url_for("warranty_requests.details_view", id=row.request_id), row.house
        ),
        "problem": words.problem,
        "level": priority_mark,
        "category": lambda row: words.category_title(row.category_code, row.system),
        "cover": cover_mark,
        "basis": words.cover_note,
        "borne": lambda row: words.BEARERS[row.borne_by],
        "responsible": lambda row: words.RESPONSIBLE[row.responsibility],
        "contractor": lambda row: row.contractor.label if row.contractor else "",
        "engineer": lambda row: row.engineer.name if row.engineer else "",
        "progress": state_mark,
        "age": age_mark,
        "due": lambda row: words.moment_text(row.due_at),
        "contact": lambda row: kept_mark(row.contacted_at, row.contact_due_at),
        "arrival": lambda row: kept_mark(row.arrived_at, row.arrival_due_at),
        "temporary": lambda row: kept_mark(row.temporary_at, row.temporary_due_at),
        "plan_until": lambda row: kept_mark(row.planned_at, row.plan_due_at),
        "told": progress_mark,
        "repeat": lambda row: order_link(row.repeat_of) if row.repeat_of else "",
        "cycles": lambda row: row.repair_cycles or "",
        "case": lambda row: (
            Markup('<a href="{0}">{1}</a>').format(
                url_for("warranty_cases.details_view", id=row.group_case_id), row.group_case.number
            )
            if row.group_case
            else ""
        ),
        "satisfied": lambda row: words.SCORES.get(row.score, ""),
    }
    list_reads = (
        "unit.code",
        "building.code",
        "building.name",
        "room_name",
        "fault_code",
        "description",
        "priority",
        "cover",
        "state",
        "due_at",
        "progress_due_at",
        "fixed_at",
        "reported_at",
        "contractor.name",
        "contractor.short_name",
    )
    search = SearchDeclaration(index=ORDER_SEARCH, placeholder=_l("Number or problem"))
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ReferenceFilter("building_id", reference=BUILDINGS),
        ReferenceFilter("unit_id", reference=UNITS),
        ChoiceFilter("state"),
        ChoiceFilter("priority"),
        ChoiceFilter("category_code"),
        ReferenceFilter("contractor_id", reference=COMPANIES),
        ReferenceFilter("engineer_id", reference=ENGINEERS),
        DateRangeFilter("reported_at"),
        OverdueFilter("due_at", label=_l("Overdue")),
        OpenFilter("closed_at", label=_l("Not finished")),
        UntoldFilter("progress_due_at", label=_l("Progress to tell")),
    )
    sortable = ("number", "due_at")
    form_columns = ("room_name", "fault_code", "description", "engineer_id", "promised_at")
    form_fields = {
        "fault_code": SelectField(
            _l("Kind of problem"),
            choices=lambda: [(code, str(fault.name)) for code, fault in faults().items()],
        ),
    }
    references = {"engineer_id": ENGINEERS}
    actions_declared = {"make_case": "warranty.manage_cases"}
    workflow = ORDER
    step_fields = {
        "contractor_id": SelectField(coerce=str, validate_choice=False),
        "engineer_id": SelectField(coerce=str, validate_choice=False),
        "system": SelectField(
            choices=lambda: [("", "—"), *((code, str(text)) for code, text in words.SYSTEMS.items())]
        ),
        "into_number": StringField(),
        "signer_name": StringField(),
        "suspend_reason": SelectField(
            choices=lambda: [(each.code, str(each.label)) for each in deadlines.PAUSES]
        ),
        "owner_told": BooleanField(),
        "score": SelectField(
            choices=lambda: [("", "—"), *((str(code), str(text)) for code, text in words.SCORES.items())]
        ),
        "quality_ok": BooleanField(),
        "on_time_ok": BooleanField(),
        "clean_ok": BooleanField(),
        "attitude_ok": BooleanField(),
    }
    list_template = "warranty/admin/orders.html"
    details_template = "warranty/admin/order.html"
    empty_list_hint = _l(
        "Orders appear here as soon as somebody reports a repair. Look up the caller to register one."
    )

    def before_list(self, records: Sequence[Any]) -> None:
        """Read the limits of the ages once for all rows."""
        g._age_limits_of_page = orders.age_limits()

    def why_locked(self, record: Order) -> str | None:
        """Return why an order is not changed: it has ended."""
        try:
            orders.require_open(record)
        except WarrantyRuleError as refused:
            return str(refused)
        return None

    def update_record(self, record: Order, form: GuardedForm) -> None:
        """Correct what an order says."""
        values = form.values()
        engineer = visible(User, values["engineer_id"]) if values["engineer_id"] else None
        orders.change_order(
            record,
            room_name=values["room_name"] or "",
            description=values["description"] or "",
            fault_code=values["fault_code"],
            engineer=engineer,
            promised_at=values["promised_at"],
        )

    def prepare_step(self, form: GuardedForm, record: Order | None, transition: Transition) -> None:
        """Offer the companies of the city, the engineers in reach, and what the order says already."""
        del transition
        if record is None:
            return
        if "contractor_id" in form:
            form["contractor_id"].choices = [
                SelectChoice("", "—"),
                *(
                    SelectChoice(str(company.id), company.label)
                    for company in companies_of_city(record.project.department_id)
                ),
            ]
            form["contractor_id"].data = form["contractor_id"].data or _text(record.contractor_id)
            form["contractor_id"].description = _matrix_words(record)
        if "engineer_id" in form:
            form["engineer_id"].choices = [
                SelectChoice("", "—"),
                *(SelectChoice(str(user.id), user.name) for user in _engineers(record)),
            ]
        if "system" in form and record.category_code != "W05":
            del form["system"]
        if "signer_name" in form and not form["signer_name"].data:
            form["signer_name"].data = record.request.reporter_name if has_permission("personal.view") else ""

    def take_step(self, record: Order, transition: Transition, values: Mapping[str, Any]) -> None:
        """Call the service of a step."""
        take_order_step(record, transition.code, values)

    @bulk_action("make_case", _l("Put together as one problem"))
    def make_case(self, records: Sequence[Order]) -> Markup:
        """Put the chosen orders together as a batch problem."""
        case = cases.open_case(records, "")
        db.session.flush()
        link = Markup('<a href="{0}">{1}</a>').format(
            url_for("warranty_cases.details_view", id=case.id), case.number
        )
        return Markup("{0} {1}").format(_("The orders belong to one problem now:"), link)

    def details_extra(self, record: Order) -> Mapping[str, Any]:
        """Return what the page shows beside the fields, and what can be done besides the steps."""
        is_open = record.state in OPEN
        return {
            "is_open": is_open,
            "similar": intake.similar_orders(
                record.category_code,
                record.room_name,
                unit=record.unit,
                building=record.building,
                besides=record,
            )
            if record.state in ("reported", "triaged")
            else (),
            "holds": has_permission,
            "may_notice": has_permission("warranty.issue_notice") and notices.next_stage(record),
            "third_refusal": notices.why_no_third_party(record),
            "third_parties": notices.third_parties_of(record),
            "third_words": words.THIRD_PARTIES,
            "purposes": words.PURPOSES,
            "visit_states": words.VISIT_STATES,
            "extensions": record.extensions,
            "told_mark": told_mark,
            "told_how": words.told_how,
            "told_ways": words.TOLD_HOW,
            "plan_signed": is_plan_signed,
            "cost_kinds": words.COSTS,
            "bearers": words.BEARERS,
            "spare_parts": _parts_of(record) if has_permission("warranty.edit_parts") else (),
            "form_gaps": forms.missing(record)
            if record.state in ("owner_accepted", "closed", "called_back")
            else (),
            "progress_due": progress.is_due_soon(record) and has_permission("warranty.work_order"),
            "progress_words": progress.progress_words(record) if is_open else "",
            "media": orders.media_complaint(record),
            "reporter": _reporter(record.request),
            "moment_text": words.moment_text,
            "utc_now": utc_now,
            "now": utc_now().astimezone(LOCAL_ZONE).strftime("%Y-%m-%dT%H:%M"),
            "proposed_visit": words.proposed_visit(utc_now()),
            "money": words.money,
            "order_link": order_link,
        }

    # What is no step of the workflow

    @expose_guarded("/do/", permission="warranty.view", methods=("POST",))
    def do(self) -> Response:
        """Do something with an order that is no step; each deed asks for a permission of its own."""
        record = self.get_one(request.args.get("id"))
        deed = DEEDS.get(request.form.get("deed", "")) or abort(404)
        permission, action, done = deed
        if not has_permission(permission):
            abort(403)
        anchor = typed("anchor", 40)
        address = self.address("details_view", id=record.id)
        return take_step(
            f"{address}#{anchor}" if anchor.replace("-", "").isalnum() else address,
            lambda: action(record),
            done,
        )

    def tabs(self) -> list[dict[str, Any]]:
        """Return the views that people look at every day, with what waits in them."""
        here = {name: value for name, value in request.args.items() if name.startswith("f_")}
        me = require_scope().user_id or 0

        def tab(label: str, key: str = "", tone: str = "", **given: str) -> dict[str, Any]:
            return {
                "label": label,
                "url": self.address("index_view", **given),
                "current": here == {name: value for name, value in given.items() if name.startswith("f_")},
                "key": key,
                "tone": tone,
            }

        return [
            tab(_("Not finished"), f_closed_at="1"),
            tab(_("Mine"), "mine", f_engineer_id=str(me), f_closed_at="1"),
            tab(_("To assess"), "reported", f_state="reported"),
            tab(_("To dispatch"), "triaged", f_state="triaged"),
            tab(_("Overdue"), "overdue", "late", f_due_at="1", sort="due_at"),
            tab(_("Progress to tell"), "untold", "wait", f_progress_due_at="1", sort="due_at"),
            tab(_("To accept"), "self_checked", f_state="self_checked"),
            tab(_("To call back"), "closed", f_state="closed"),
            tab(_("Emergencies"), "emergencies", "late", f_priority="P1", f_closed_at="1"),
            tab(_("All")),
        ]

    def tab_counts(self) -> Mapping[str, Count]:
        """Return how much waits in them."""
        is_open = Order.state.in_(OPEN)
        conditions = {
            "mine": sa.and_(Order.engineer_id == (require_scope().user_id or 0), is_open),
            "reported": Order.state == "reported",
            "triaged": Order.state == "triaged",
            "overdue": orders.overdue_condition(),
            "untold": orders.untold_condition(),
            "self_checked": Order.state == "self_checked",
            "closed": Order.state == "closed",
            "emergencies": sa.and_(Order.priority == "P1", is_open),
        }
        return dict(zip(conditions, count_each(Order, *conditions.values()), strict=True))


def _text(key: int | None) -> str:
    return "" if key is None else str(key)


def _engineers(order: Order) -> Sequence[User]:
    """Return who may work on the orders of a project, in whichever group of it."""
    found = users_with("warranty.work_order", [order.project_id]).order_by(User.name).limit(200)
    return db.session.scalars(found).all()


def _parts_of(order: Order) -> Sequence[SparePart]:
    return db.session.scalars(
        sa.select(SparePart)
        .where(SparePart.project_id == order.project_id, SparePart.quantity > 0)
        .order_by(SparePart.name)
        .limit(100)
    ).all()


def _reporter(filed: Request) -> dict[str, str]:
    sees = has_permission("personal.view")
    return {
        "name": filed.reporter_name if sees else mask_all(filed.reporter_name),
        "phone": filed.reporter_phone if sees else mask_phone(filed.reporter_phone),
        "relation": str(words.RELATIONS[filed.relation]),
        "channel": str(words.CHANNELS[filed.channel]),
    }


def overdue_count() -> int | None:
    """Return how many repairs are overdue, for the sidebar."""
    return counted(orders.overdue_condition()) or None
