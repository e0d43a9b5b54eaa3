"""Requests, orders, visits and spare parts in the back office, and the board of a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from flask import abort, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import joinedload, undefer
from werkzeug.wrappers import Response
from wtforms import BooleanField, SelectField, StringField
from wtforms.fields.choices import SelectChoice

from core.toolkit import (
    LOCAL_ZONE,
    BooleanFilter,
    ChoiceFilter,
    DateRangeFilter,
    FilterValueError,
    GuardedForm,
    PageView,
    ReferenceFilter,
    SearchDeclaration,
    Transition,
    Unit,
    User,
    ViewPermissions,
    _,
    _l,
    bulk_action,
    db,
    expose_guarded,
    has_permission,
    local_today,
    mask_all,
    mask_phone,
    ngettext,
    require_scope,
    strict_id,
    users_in_reach,
    utc_now,
)
from plugins.contractors.models import Company
from plugins.contractors.services import companies_of_city
from plugins.warranty import deadlines, words
from plugins.warranty.admin.common import (
    BUILDINGS,
    COMPANIES,
    PROJECTS,
    UNITS,
    USERS,
    WarrantyView,
    status,
    take_step,
    typed,
    visible,
)
from plugins.warranty.catalogue import categories, faults
from plugins.warranty.coverage import Bearer
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    CostKind,
    CostLine,
    Exclusion,
    Order,
    Plan,
    Request,
    Responsibility,
    SparePart,
    ThirdPartyRepair,
    Visit,
    VisitPurpose,
)
from plugins.warranty.services import cases, intake, money, notices, orders, stock
from plugins.warranty.sla import Priority
from plugins.warranty.workflows import OPEN, ORDER

CATEGORY_CHOICES = tuple((code, words.lazy_category(code)) for code in categories())


def moment_of(text: str) -> dt.datetime | None:
    """Return a moment in China that was typed as 2026-11-23T14:05, None for nothing.

    Raises:
        WarrantyRuleError: It is no moment.
    """
    if not text.strip():
        return None
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise WarrantyRuleError(
            _("“%(text)s” is no date with a time. Write it like 2026-11-23 14:05.", text=text)
        ) from None
    if not 2000 <= moment.year <= 2100:
        raise WarrantyRuleError(_("The year must lie between 2000 and 2100."))
    return moment.replace(tzinfo=LOCAL_ZONE).astimezone(dt.UTC)


def amount_of(text: str) -> Decimal:
    """Return an amount in yuan that was typed.

    Raises:
        WarrantyRuleError: It is no amount.
    """
    try:
        amount = Decimal(text.replace(",", "").replace("¥", "").strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise WarrantyRuleError(_("“%(text)s” is no amount. Write it like 1,234.50.", text=text))
    return amount


def number_of(text: str, what: Any) -> int:
    """Return a whole number that was typed.

    Raises:
        WarrantyRuleError: It is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise WarrantyRuleError(_("“%(what)s” takes a whole number.", what=what))
    return int(text)


def priority_mark(order: Order) -> Markup:
    """Return the priority; the two most urgent are red."""
    level = {"P1": "s1", "P2": "s2", "P3": "s3", "P4": "s4"}[order.priority]
    return Markup('<span class="sev {0}">{1}</span>').format(level, order.priority)


def state_mark(order: Order) -> Markup:
    """Return the state of an order; an overdue one says for how long."""
    state = ORDER.state_of(order)
    if orders.is_overdue(order) and order.due_at is not None:
        days = -((order.due_at - utc_now()) // dt.timedelta(days=1))
        late = ngettext("%(num)d day overdue", "%(num)d days overdue", days)
        return Markup("{} {}").format(status("late", late), state.label)
    return status(state.tone, state.label)


def cover_mark(order: Order) -> Markup:
    """Return the verdict on an order as a coloured word."""
    tone, text = words.COVERS[order.cover]
    return status(tone, text)


_AGE_TONES = {"normal": "calm", "yellow": "wait", "orange": "age-orange", "red": "late"}


def age_mark(order: Order) -> Markup | str:
    """Return for how many days an open order has been waiting, in its colour."""
    if order.state not in OPEN:
        return ""
    days = orders.age_days(order)
    colour = orders.age_colour(days, orders.age_limits())
    return status(_AGE_TONES[colour], ngettext("%(num)d day", "%(num)d days", days))


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


class OrderView(WarrantyView):
    """The orders, one for each thing that is repaired."""

    permissions = ViewPermissions("warranty.view", None, "warranty.edit_order", None, "warranty.export")
    record_kind = "warranty.order"
    column_list = ("number", "house", "problem", "level", "cover", "contractor", "progress", "age", "due")
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
        "plan_until",
        "due",
        "promised_at",
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
        "closed_at": _l("Closed"),
        "called_back_at": _l("Called back"),
        "call_back_due_at": _l("Call-back by"),
        "promised_at": _l("Promised to the owner"),
        "first_promised_at": _l("First promised"),
        "work_done": _l("Work done"),
        "repair_cycles": _l("Repair cycles"),
        "cycles": _l("Repair cycles"),
        "reopen_count": _l("Opened again"),
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
        "plan_until": lambda row: kept_mark(row.planned_at, row.plan_due_at),
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
    list_options = (
        *(
            undefer(getattr(Order, name))
            for name in (
                "unit_id",
                "building_id",
                "room_name",
                "fault_code",
                "description",
                "priority",
                "cover",
                "state",
                "due_at",
                "fixed_at",
                "reported_at",
                "contractor_id",
            )
        ),
        joinedload(Order.unit).load_only(Unit.code),
        joinedload(Order.contractor).load_only(Company.name, Company.short_name),
    )
    search = SearchDeclaration(columns=("number",), small_table=True, placeholder=_l("Number"))
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ReferenceFilter("building_id", reference=BUILDINGS),
        ReferenceFilter("unit_id", reference=UNITS),
        ChoiceFilter("state"),
        ChoiceFilter("priority"),
        ChoiceFilter("category_code"),
        ReferenceFilter("contractor_id", reference=COMPANIES),
        ReferenceFilter("engineer_id", reference=USERS),
        DateRangeFilter("reported_at"),
        OverdueFilter("due_at", label=_l("Overdue")),
        OpenFilter("closed_at", label=_l("Not finished")),
    )
    sortable = ("number", "due_at")
    form_columns = ("room_name", "fault_code", "description", "engineer_id", "promised_at")
    form_fields = {
        "fault_code": SelectField(
            _l("Kind of problem"),
            choices=lambda: [(code, str(fault.name)) for code, fault in faults().items()],
        ),
    }
    references = {"engineer_id": USERS}
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
        """Load the buildings of orders of common parts at once."""
        del records

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
        if "engineer_id" in form:
            form["engineer_id"].choices = [
                SelectChoice("", "—"),
                *(SelectChoice(str(user.id), user.name) for user in _engineers()),
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
                record.category_code, record.room_name, unit=record.unit, building=record.building
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
            "cost_kinds": words.COSTS,
            "bearers": words.BEARERS,
            "spare_parts": _parts_of(record) if has_permission("warranty.edit_parts") else (),
            "reporter": _reporter(record.request),
            "moment_text": words.moment_text,
            "now": utc_now().astimezone(LOCAL_ZONE).strftime("%Y-%m-%dT%H:%M"),
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
        me = str(require_scope().user_id or 0)

        def tab(
            label: str, tone: str = "", counted: sa.ColumnElement[bool] | None = None, **given: str
        ) -> dict[str, Any]:
            return {
                "label": label,
                "url": self.address("index_view", **given),
                "current": here == {name: value for name, value in given.items() if name.startswith("f_")},
                "count": _counted(counted) if counted is not None else None,
                "tone": tone,
            }

        return [
            tab(_("Not finished"), f_closed_at="1"),
            tab(
                _("Mine"),
                "",
                sa.and_(Order.engineer_id == int(me), Order.state.in_(OPEN)),
                f_engineer_id=me,
                f_closed_at="1",
            ),
            tab(_("To assess"), "", Order.state == "reported", f_state="reported"),
            tab(_("To dispatch"), "", Order.state == "triaged", f_state="triaged"),
            tab(_("Overdue"), "late", orders.overdue_condition(), f_due_at="1", sort="due_at"),
            tab(_("To accept"), "", Order.state == "self_checked", f_state="self_checked"),
            tab(_("To call back"), "", Order.state == "closed", f_state="closed"),
            tab(
                _("Emergencies"),
                "late",
                sa.and_(Order.priority == "P1", Order.state.in_(OPEN)),
                f_priority="P1",
                f_closed_at="1",
            ),
            tab(_("All")),
        ]


def _counted(condition: sa.ColumnElement[bool]) -> int:
    limited = sa.select(Order.id).where(condition).limit(1000).subquery()
    return int(db.session.scalar(sa.select(sa.func.count()).select_from(limited)) or 0)


def kept_mark(moment: dt.datetime | None, due: dt.datetime | None) -> Markup | str:
    """Return a moment beside its limit; red when it was missed, and it stays red."""
    if moment is None and due is None:
        return ""
    late = due is not None and (moment or utc_now()) > due
    shown = words.moment_text(moment) or _("not yet")
    limit = _("by %(moment)s", moment=words.moment_text(due)) if due is not None else ""
    return Markup("{} <small>{}</small>").format(
        status("late" if late else "ok" if moment else "calm", shown), limit
    )


def order_link(order: Order) -> Markup:
    """Return a link to an order."""
    return Markup('<a href="{0}">{1}</a>').format(
        url_for("warranty_orders.details_view", id=order.id), order.number
    )


def _text(key: int | None) -> str:
    return "" if key is None else str(key)


def _engineers() -> Sequence[User]:
    return db.session.scalars(users_in_reach().where(User.active.is_(True)).limit(200)).all()


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


def take_order_step(order: Order, code: str, values: Mapping[str, Any]) -> None:
    """Call the service of a step.

    Args:
        order: The order.
        code: Code of the transition.
        values: What was typed.

    Raises:
        TransitionRefused: The step is unknown or not possible.
    """

    def given(name: str) -> str:
        return str(values.get(name) or "")

    score = int(given("score")) if given("score").isdigit() else None
    steps: dict[str, Callable[[], Any]] = {
        "triage": lambda: orders.triage(
            order,
            responsibility=Responsibility(given("responsibility") or Responsibility.UNDETERMINED),
            category_code=given("category_code"),
            priority=given("priority"),
            system=given("system") if "system" in values else None,
        ),
        "dispatch": lambda: orders.dispatch(
            order,
            _company_of(order, given("contractor_id")),
            _engineer_of(given("engineer_id")),
            given("dispatch_note"),
        ),
        "contact": lambda: orders.note_contact(order, given("contact_note")),
        "plan": lambda: orders.confirm_plan(order),
        "start": lambda: orders.start_repair(order),
        "fix": lambda: orders.report_fixed(order, given("work_done")),
        "accept": lambda: orders.accept_as_engineer(order, given("accept_note")),
        "owner_accept": lambda: orders.accept_as_owner(
            order,
            signer_name=given("signer_name"),
            score=score,
            quality_ok=bool(values.get("quality_ok")),
            on_time_ok=bool(values.get("on_time_ok")),
            clean_ok=bool(values.get("clean_ok")),
            attitude_ok=bool(values.get("attitude_ok")),
            note=given("accept_note"),
        ),
        "reject": lambda: orders.reject_repair(order, given("reject_note")),
        "close": lambda: orders.close(order),
        "call_back": lambda: orders.call_back(order, reached=True, score=score, note=given("call_note")),
        "reopen": lambda: orders.reopen(order, given("reopen_reason")),
        "refuse": lambda: orders.refuse(
            order, given("closing_reason"), Exclusion(given("exclusion")) if given("exclusion") else None
        ),
        "accept_paid": lambda: orders.accept_paid(order, given("cover_reason")),
        "suspend": lambda: orders.suspend(
            order,
            given("suspend_reason"),
            given("suspend_note"),
            utc_now() if values.get("owner_told") else None,
        ),
        "merge": lambda: orders.merge(order, _other_order(given("into_number")), given("closing_reason")),
        "cancel": lambda: orders.cancel(order, given("closing_reason")),
    }
    if code.startswith("resume_"):
        orders.resume(order)
        return
    if code not in steps:
        ORDER.transition("")
    steps[code]()


def _company_of(order: Order, text: str) -> Company | None:
    key = strict_id(text)
    found = (
        db.session.scalar(
            sa.select(Company).where(Company.id == key, Company.department_id == order.project.department_id)
        )
        if key
        else None
    )
    if key and found is None:
        raise WarrantyRuleError(_("Choose a contractor of the project's city company."), "contractor_id")
    return found


def _engineer_of(text: str) -> User | None:
    key = strict_id(text)
    found = db.session.scalar(users_in_reach().where(User.id == key, User.active.is_(True))) if key else None
    if key and found is None:
        raise WarrantyRuleError(_("Choose an engineer of your departments."), "engineer_id")
    return found


def _other_order(number: str) -> Order:
    found = db.session.scalar(sa.select(Order).where(Order.number == number.strip().upper()))
    if found is None:
        raise WarrantyRuleError(
            _("There is no order %(number)s that you may see.", number=number), "into_number"
        )
    return found


# Deeds that are no steps


def _child(model: Any, order: Order, name: str) -> Any:
    key = strict_id(request.form.get(name, ""))
    found = (
        db.session.scalar(sa.select(model).where(model.id == key, model.order_id == order.id))
        if key
        else None
    )
    return found if found is not None else abort(404)


def _book(order: Order) -> Any:
    start, end = moment_of(typed("booked_from", 30)), moment_of(typed("booked_to", 30))
    if start is None or end is None:
        raise WarrantyRuleError(_("Write down from when until when somebody comes."))
    purpose = typed("purpose", 12)
    if purpose not in list(VisitPurpose):
        raise WarrantyRuleError(_("Choose why somebody comes."))
    return orders.book_visit(
        order, start, end, purpose=VisitPurpose(purpose), return_reason=typed("return_reason", 255)
    )


def _extend(order: Order) -> Any:
    moment = moment_of(typed("new_date", 30))
    if moment is None:
        raise WarrantyRuleError(_("Write down the new date."))
    return orders.extend(order, moment, typed("reason"), typed("told_how", 80))


def _cost(order: Order) -> Any:
    kind, bearer = typed("kind", 14), typed("borne_by", 12)
    if kind not in list(CostKind) or (bearer and bearer not in list(Bearer)):
        raise WarrantyRuleError(_("Choose kind and bearer of the cost from the lists."))
    return money.add_cost(
        order,
        kind=CostKind(kind),
        amount=amount_of(typed("amount", 20)),
        borne_by=Bearer(bearer) if bearer else None,
        description=typed("description", 255),
        paid_by_us=typed("paid_by_us") == "1",
    )


def _use_part(order: Order) -> Any:
    key = strict_id(request.form.get("part", ""))
    part = visible(SparePart, key) if key else None
    if part is None:
        raise WarrantyRuleError(_("Choose the spare part from the list."))
    return stock.move_part(part, -number_of(typed("quantity", 9), _("Quantity")), order.number, order)


def _deduct(order: Order) -> Any:
    repair = _child(ThirdPartyRepair, order, "third_party") if request.form.get("third_party") else None
    cost = (
        repair.invoice_amount
        if repair is not None and repair.invoice_amount
        else amount_of(typed("cost", 20))
    )
    return money.draft_deduction(order, cost, typed("reason"), third_party=repair)


DEEDS: Mapping[str, tuple[str, Callable[[Order], Any], Any]] = {
    "attempt": (
        "warranty.work_order",
        lambda order: orders.note_attempt(order, typed("text")),
        _l("The attempt is noted."),
    ),
    "progress": (
        "warranty.work_order",
        lambda order: orders.tell_progress(order, typed("text")),
        _l("The progress is noted; the owner reads it on his page."),
    ),
    "temporary": (
        "warranty.work_order",
        lambda order: orders.secure(order, typed("text")),
        _l("The temporary measure is noted."),
    ),
    "remark": (
        "warranty.view",
        lambda order: orders.add_remark(order, typed("text")),
        _l("The remark is noted."),
    ),
    "urge": (
        "warranty.create_request",
        orders.urge,
        _l("Whoever looks after the order hears that the owner urges."),
    ),
    "book": ("warranty.work_order", _book, _l("The visit is booked.")),
    "arrive": (
        "warranty.work_order",
        lambda order: orders.arrive(_child(Visit, order, "visit"), persons=typed("persons", 255)),
        _l("The arrival is noted."),
    ),
    "leave": (
        "warranty.work_order",
        lambda order: orders.leave(
            _child(Visit, order, "visit"),
            findings=typed("findings"),
            materials=typed("materials"),
            minutes=number_of(typed("minutes", 9), _("Minutes")) if typed("minutes", 9) else None,
        ),
        _l("The visit is noted."),
    ),
    "absent": (
        "warranty.work_order",
        lambda order: orders.miss_visit(_child(Visit, order, "visit"), typed("text")),
        _l("It is noted that nobody opened."),
    ),
    "cancel_visit": (
        "warranty.work_order",
        lambda order: orders.cancel_visit(_child(Visit, order, "visit"), typed("text")),
        _l("The visit is cancelled."),
    ),
    "make_plan": (
        "warranty.work_order",
        lambda order: orders.make_plan(
            order,
            method=typed("method"),
            days=number_of(typed("days", 9), _("Days")),
            crew=typed("crew", 255),
            materials=typed("materials"),
        ),
        _l("The plan is written down. Confirm it, or let the owner sign it first."),
    ),
    "sign_plan": (
        "warranty.work_order",
        lambda order: orders.sign_plan(_child(Plan, order, "plan"), typed("signed_name", 80)),
        _l("The owner's signature is noted."),
    ),
    "told": ("warranty.suspend_order", orders.note_told, _l("It is noted that the owner was told.")),
    "extend": ("warranty.suspend_order", _extend, _l("The new date is promised.")),
    "longer": (
        "warranty.approve_extension",
        lambda order: orders.allow_longer_emergency(order, typed("reason")),
        _l("The emergency has 72 hours now."),
    ),
    "override": (
        "warranty.override_cover",
        lambda order: orders.override_cover(order, typed("covered") == "1", typed("reason")),
        _l("The cover is decided."),
    ),
    "not_reached": (
        "warranty.call_back",
        lambda order: orders.call_back(order, reached=False, note=typed("text")),
        _l("The attempt is noted."),
    ),
    "cost": ("warranty.edit_costs", _cost, _l("The cost is noted.")),
    "remove_cost": (
        "warranty.edit_costs",
        lambda order: money.remove_cost(_child(CostLine, order, "cost")),
        _l("The cost is removed."),
    ),
    "use_part": ("warranty.edit_parts", _use_part, _l("The parts are taken out of the store.")),
    "notice": (
        "warranty.issue_notice",
        lambda order: notices.issue_notice(order, typed("demand"), typed("served_how", 120)),
        lambda made: _(
            "Notice %(number)s is issued. Print it and attach the proof of service.", number=made.number
        ),
    ),
    "third_party": (
        "warranty.deduct",
        lambda order: notices.order_third_party(
            order, typed("company_name", 120), amount_of(typed("quotation", 20))
        ),
        _l("The third party is ordered."),
    ),
    "third_arrived": (
        "warranty.deduct",
        lambda order: notices.arrive_third_party(_child(ThirdPartyRepair, order, "third_party")),
        _l("The arrival is noted."),
    ),
    "third_invoice": (
        "warranty.deduct",
        lambda order: notices.invoice_third_party(
            _child(ThirdPartyRepair, order, "third_party"),
            typed("invoice_number", 60),
            amount_of(typed("invoice_amount", 20)),
        ),
        _l("The invoice is noted as a cost of the contractor."),
    ),
    "third_cancel": (
        "warranty.deduct",
        lambda order: notices.cancel_third_party(_child(ThirdPartyRepair, order, "third_party")),
        _l("The third party is cancelled."),
    ),
    "deduct": (
        "warranty.deduct",
        _deduct,
        lambda made: _("Deduction %(number)s is drafted. Issue it on its page.", number=made.number),
    ),
}
"""What can be done with an order besides the steps of its workflow: permission, action, and what is said afterwards."""


class RequestView(WarrantyView):
    """What owners reported, each with its orders."""

    permissions = ViewPermissions("warranty.view", None, None, None, "warranty.export")
    record_kind = "warranty.request"
    column_list = ("number", "house", "reporter_name", "channel", "reported_at", "orders")
    column_details_list = (
        "house",
        "reporter_name",
        "reporter_phone",
        "relation",
        "channel",
        "reported_at",
        "registered_at",
        "registered_by",
        "availability",
        "note",
    )
    column_export_list = ("number", "unit.code", "channel", "reported_at", "registered_at")
    column_labels = {
        "number": _l("Number"),
        "house": _l("House"),
        "unit.code": _l("House"),
        "unit_id": _l("House"),
        "building_id": _l("Building"),
        "project_id": _l("Project"),
        "customer_id": _l("Customer"),
        "reporter_name": _l("Reported by"),
        "reporter_phone": _l("Telephone"),
        "relation": _l("Is to the house"),
        "channel": _l("Channel"),
        "reported_at": _l("Reported"),
        "registered_at": _l("Registered"),
        "registered_by": _l("Registered by"),
        "registered_by_id": _l("Registered by"),
        "availability": _l("At home"),
        "place": _l("Place in the common parts"),
        "note": _l("Note"),
        "orders": _l("Orders"),
        "language": _l("Language"),
        "client_key": _l("Key of the page"),
    }
    choices = {
        "channel": tuple(words.CHANNELS.items()),
        "relation": tuple(words.RELATIONS.items()),
    }
    cells = {
        "house": lambda row: row.house,
        "orders": lambda row: len(row.orders),
        "registered_by": lambda row: row.registered_by.name if row.registered_by else "",
    }
    personal_columns = {"reporter_name": mask_all, "reporter_phone": mask_phone}
    list_options = (
        undefer(Request.unit_id),
        undefer(Request.building_id),
        undefer(Request.place),
        joinedload(Request.unit).load_only(Unit.code),
        sa.orm.selectinload(Request.orders).load_only(Order.id),
    )
    search = SearchDeclaration(columns=("number",), small_table=True, placeholder=_l("Number"))
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ReferenceFilter("unit_id", reference=UNITS),
        ChoiceFilter("channel"),
        DateRangeFilter("reported_at"),
    )
    sortable = ("number", "reported_at")
    list_template = "warranty/admin/requests.html"
    empty_list_hint = _l("Look up the caller to register the first request.")


class PartView(WarrantyView):
    """Spare parts in store."""

    permissions = ViewPermissions("warranty.view", "warranty.edit_parts", None, None, None)
    record_kind = "warranty.part"
    column_list = ("name", "specification", "project.name", "category", "stock", "location")
    column_details_list = ("name", "specification", "project.name", "category", "stock", "location")
    column_labels = {
        "name": _l("Spare part"),
        "specification": _l("Brand, model, colour lot"),
        "project.name": _l("Project"),
        "project_id": _l("Project"),
        "category": _l("Category"),
        "category_code": _l("Category"),
        "stock": _l("In store"),
        "quantity": _l("In store"),
        "measure": _l("Unit of measure"),
        "location": _l("Place in the store"),
    }
    choices = {"category_code": CATEGORY_CHOICES}
    cells = {
        "category": lambda row: words.category_name(row.category_code),
        "stock": lambda row: f"{row.quantity} {row.measure}",
    }
    list_options = tuple(
        undefer(getattr(SparePart, name)) for name in ("category_code", "quantity", "measure")
    )
    search = SearchDeclaration(
        columns=("name", "specification"), small_table=True, placeholder=_l("Name or model")
    )
    filters = (ReferenceFilter("project_id", reference=PROJECTS),)
    form_columns = ("project_id", "name", "specification", "category_code", "measure", "quantity", "location")
    form_args = {"quantity": {"label": _l("In store at the beginning")}}
    references = {"project_id": PROJECTS}
    details_template = "warranty/admin/part.html"
    empty_list_hint = _l("Keep tiles, paint and fittings of the lots that were used, so that repairs match.")

    def create_record(self, form: GuardedForm) -> SparePart:
        """Add a spare part."""
        values = form.values()
        return stock.add_part(
            form["project_id"].record,
            name=values["name"] or "",
            specification=values["specification"] or "",
            category_code=values["category_code"],
            measure=values["measure"] or "",
            location=values["location"] or "",
            quantity=values["quantity"] or 0,
        )

    @expose_guarded("/move/", permission="warranty.edit_parts", methods=("POST",))
    def move(self) -> Response:
        """Note that parts came in or were used."""
        record = self.get_one(request.args.get("id"))
        sign = -1 if typed("direction", 4) == "out" else 1

        def step() -> Any:
            return stock.move_part(
                record, sign * number_of(typed("quantity", 9), _("Quantity")), typed("note", 255)
            )

        return take_step(self.address("details_view", id=record.id), step, _("The store is up to date."))


COLUMNS: Sequence[tuple[Any, tuple[str, ...]]] = (
    (_l("To assess"), ("reported",)),
    (_l("To dispatch"), ("triaged", "reopened")),
    (_l("To visit"), ("dispatched", "contacted")),
    (_l("To plan"), ("visited",)),
    (_l("In repair"), ("planned", "repairing")),
    (_l("Waiting"), ("suspended",)),
    (_l("To accept"), ("self_checked", "engineer_accepted")),
    (_l("To close"), ("owner_accepted",)),
    (_l("To call back"), ("closed",)),
)
CARDS = 25


class BoardView(PageView):
    """The orders as cards in columns, and the visits of a day."""

    @expose_guarded("/", permission="warranty.view")
    def index(self) -> Any:
        """Show what waits at which step, the most urgent first, and who comes where today."""
        key = strict_id(request.args.get("project", ""))
        project = PROJECTS.get(key) if key else None
        conditions = [Order.project_id == project.id] if project is not None else []
        columns = []
        for label, states in COLUMNS:
            where = [Order.state.in_(states), *conditions]
            found = db.session.scalars(
                sa.select(Order)
                .where(*where)
                .options(joinedload(Order.unit), joinedload(Order.contractor))
                .order_by(Order.priority, Order.due_at, Order.id)
                .limit(CARDS)
            ).all()
            limited = sa.select(Order.id).where(*where).limit(1000).subquery()
            count = db.session.scalar(sa.select(sa.func.count()).select_from(limited)) or 0
            columns.append((label, states, found, count))
        day = local_today()
        begin = dt.datetime.combine(day, dt.time(), LOCAL_ZONE)
        visits = db.session.scalars(
            sa.select(Visit)
            .where(
                Visit.booked_from >= begin,
                Visit.booked_from < begin + dt.timedelta(days=1),
                *([Visit.project_id == project.id] if project is not None else []),
            )
            .options(joinedload(Visit.order).joinedload(Order.unit), joinedload(Visit.engineer))
            .order_by(Visit.booked_from, Visit.id)
            .limit(100)
        ).all()
        return self.render(
            "warranty/admin/board.html",
            columns=columns,
            visits=visits,
            project=project,
            problem=words.problem,
            clock=lambda moment: words.moment_text(moment)[11:],
            overdue=orders.is_overdue,
            purposes=words.PURPOSES,
            visit_states=words.VISIT_STATES,
            priority=priority_mark,
            age=age_mark,
        )


def overdue_count() -> int | None:
    """Return how many repairs are overdue, for the sidebar."""
    return _counted(orders.overdue_condition()) or None
