"""What staff see: the desk by day and by week, bookings, slots, resources, purposes, and who is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, request, url_for
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import BooleanField, TextAreaField
from wtforms.validators import Length, Optional

from core.toolkit import (
    COLLEAGUES,
    CUSTOMERS,
    LOCAL_ZONE,
    PROJECTS,
    UNITS,
    ChoiceFilter,
    DateRangeFilter,
    FormSection,
    GuardedForm,
    PageView,
    PersonalValueError,
    Project,
    RecordView,
    Reference,
    ReferenceField,
    ReferenceFilter,
    SaveRefused,
    SearchDeclaration,
    Transition,
    TransitionRefused,
    User,
    ViewPermissions,
    _,
    _l,
    commit,
    db,
    expose_guarded,
    has_permission,
    in_language,
    listed,
    local_today,
    mask_phone,
    ngettext,
    role_label,
    sees_personal_data,
    strict_id,
    utc_now,
)
from plugins.reservations import forms, opening, services, words
from plugins.reservations.errors import ReservationRuleError
from plugins.reservations.models import (
    BOOKING_SEARCH,
    Booking,
    BookingSource,
    DayPlan,
    NotificationRule,
    Purpose,
    Resource,
    ResourceKind,
    Slot,
)
from plugins.reservations.workflows import BOOKING, COMING, RECORD, SEATED

REFUSALS = (ReservationRuleError, PersonalValueError, TransitionRefused)
PLAN = "reservations.plan_slots"
VIEW = "reservations.view"

PURPOSES = Reference(
    Purpose,
    services.purpose_name,
    SearchDeclaration(columns=("name", "name_en", "code"), small_table=True),
    order_by=("code",),
    depends_on="project_id",
)
SLOTS = Reference(
    Slot,
    services.slot_title,
    SearchDeclaration(columns=("note",), small_table=True),
    order_by=("starts_at", "id"),
    narrow=lambda: (Slot.ends_at > utc_now(), Slot.blocked.is_(False)),
)


def _labels(pairs: Mapping[Any, Any]) -> tuple[tuple[Any, Any], ...]:
    return tuple(pairs.items())


class PurposeView(RecordView):
    """What people come for."""

    permissions = ViewPermissions(VIEW, PLAN, PLAN, None, None)
    record_kind = "reservations.purpose"
    column_list = ("name", "code", "project", "minutes", "most_guests", "large_from", "active")
    column_details_list = (
        "name", "name_en", "code", "project", "minutes", "most_guests", "large_from", "lead_hours", "active", "note",
    )  # fmt: skip
    column_labels = {
        "name": _l("Name"),
        "name_en": _l("Name in English"),
        "code": _l("Code"),
        "project": _l("Project"),
        "project_id": _l("Project"),
        "minutes": _l("Minutes a slot"),
        "most_guests": _l("People in one booking"),
        "large_from": _l("Large from"),
        "lead_hours": _l("Hours before"),
        "active": _l("In use"),
        "note": _l("Remarks"),
        "setup_text": _l("Set-up checklist"),
    }
    cells = {"project": lambda row: in_language(row.project.name, row.project.name_en)}
    list_options = (joinedload(Purpose.project),)
    search = SearchDeclaration(columns=("name", "name_en", "code"), small_table=True)
    filters = (ReferenceFilter("project_id", reference=PROJECTS),)
    form_columns = (
        "project_id", "code", "name", "name_en", "minutes", "most_guests", "large_from", "lead_hours", "active", "note",
        "setup_text",
    )  # fmt: skip
    create_only_columns = frozenset({"project_id", "code"})
    form_fields = {
        "setup_text": TextAreaField(
            _l("Set-up checklist"),
            [Optional(), Length(max=8000)],
            description=_l("One line each; behind a bar its measure: Chairs in a row | 60 cm apart."),
        )
    }
    form_args = {
        "lead_hours": {
            "description": _l("Until so many hours before the slot a customer may book it himself.")
        },
        "large_from": {"description": _l("Bookings of so many people are large.")},
    }
    form_sections = (FormSection(_l("Setting up"), ("setup_text",)),)
    references = {"project_id": PROJECTS}
    refusals = REFUSALS
    empty_list_hint = _l(
        "Add what people come for: an appointment for the handover, a visit of the sample house."
    )

    def create_record(self, form: GuardedForm) -> Purpose:
        """Add a purpose with its checklist."""
        values = form.values()
        lines = opening.parse_setup(values.pop("setup_text") or "")
        project = form["project_id"].record
        if services.purpose_of(project, values["code"].strip()) is not None:
            raise ReservationRuleError(
                _("The code %(code)s is taken in this project. Choose another one.", code=values["code"]),
                "code",
            )
        purpose = Purpose(**_checked(values))
        db.session.add(purpose)
        db.session.flush()
        services.set_setup_items(purpose, lines)
        return purpose

    def update_record(self, record: Purpose, form: GuardedForm) -> None:
        """Change a purpose and its checklist."""
        values = form.values()
        lines = opening.parse_setup(values.pop("setup_text") or "")
        for name, value in _checked(values).items():
            setattr(record, name, value)
        if lines != [(item.text, item.measure) for item in record.setup_items]:
            services.set_setup_items(record, lines)


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    limits = {"minutes": (5, 1440), "most_guests": (1, 1000), "large_from": (1, 1000), "lead_hours": (0, 720)}
    for name, (least, most) in limits.items():
        if values.get(name) is None or not least <= values[name] <= most:
            raise ReservationRuleError(
                _("Enter a number between %(least)s and %(most)s.", least=least, most=most), name
            )
    return values


class ResourceView(RecordView):
    """What is booked, with its opening times."""

    permissions = ViewPermissions(VIEW, PLAN, PLAN, None, None)
    record_kind = "reservations.resource"
    column_list = ("name", "code", "kind", "project", "place", "capacity", "most_guests", "active")
    column_details_list = (
        "name", "name_en", "code", "kind", "project", "place", "capacity", "most_guests", "opening_text", "closed_text",
        "active", "note",
    )  # fmt: skip
    column_labels = {
        "name": _l("Name"),
        "name_en": _l("Name in English"),
        "code": _l("Code"),
        "kind": _l("Kind"),
        "project": _l("Project"),
        "project_id": _l("Project"),
        "place": _l("Place of the slot"),
        "capacity": _l("Bookings at a time"),
        "most_guests": _l("People at a time"),
        "opening_text": _l("Opening times"),
        "closed_text": _l("Closed days"),
        "active": _l("In use"),
        "note": _l("Remarks"),
    }
    choices = {"kind": _labels(words.RESOURCE_KINDS)}
    cells = {
        "project": lambda row: in_language(row.project.name, row.project.name_en),
        "most_guests": lambda row: row.most_guests or _("No limit"),
        "opening_text": lambda row: opening.opening_words(row.opening),
        "closed_text": lambda row: listed(row.closed_days or ()),
    }
    list_options = (joinedload(Resource.project),)
    search = SearchDeclaration(columns=("name", "name_en", "code"), small_table=True)
    filters = (ReferenceFilter("project_id", reference=PROJECTS), ChoiceFilter("kind"))
    form_columns = (
        "project_id", "code", "name", "name_en", "kind", "place", "capacity", "most_guests", "opening_text",
        "closed_text", "active", "note",
    )  # fmt: skip
    create_only_columns = frozenset({"project_id", "code"})
    form_fields = {
        "opening_text": TextAreaField(
            _l("Opening times"),
            [Optional(), Length(max=2000)],
            description=_l("Days (1 is Monday) and times, one rule a line: 1-5 09:00-12:00 13:30-17:30"),
        ),
        "closed_text": TextAreaField(
            _l("Closed days"),
            [Optional(), Length(max=4000)],
            description=_l("One day a line: 2026-10-01"),
        ),
    }
    form_args = {"most_guests": {"description": _l("0: it does not matter.")}}
    references = {"project_id": PROJECTS}
    refusals = REFUSALS
    empty_list_hint = _l("Add the desks, rooms and places that are booked, then plan their slots.")

    def create_record(self, form: GuardedForm) -> Resource:
        """Add a resource."""
        values = _resource_values(form)
        values.pop("project_id")
        return services.add_resource(form["project_id"].record, **values)

    def update_record(self, record: Resource, form: GuardedForm) -> None:
        """Change a resource; slots that were planned stay as they are."""
        values = _resource_values(form)
        if values["capacity"] < 1 or values["most_guests"] < 0:
            raise ReservationRuleError(_("A resource takes at least one booking at a time."), "capacity")
        for name, value in values.items():
            setattr(record, name, value)


def _resource_values(form: GuardedForm) -> dict[str, Any]:
    values = form.values()
    values["opening"] = opening.parse_opening(values.pop("opening_text") or "")
    values["closed_days"] = opening.parse_days(values.pop("closed_text") or "")
    values["kind"] = ResourceKind(values["kind"])
    values["capacity"], values["most_guests"] = values["capacity"] or 0, values["most_guests"] or 0
    return values


class SlotView(RecordView):
    """The slots; made by a plan."""

    permissions = ViewPermissions(VIEW, None, PLAN, None, None)
    record_kind = "reservations.slot"
    column_list = ("starts_at", "resource", "purpose", "booked", "capacity", "guests", "blocked", "note")
    column_details_list = (
        "starts_at", "ends_at", "resource", "purpose", "booked", "capacity", "guests", "most_guests", "blocked", "note",
    )  # fmt: skip
    column_labels = {
        "starts_at": _l("From"),
        "ends_at": _l("Until"),
        "resource": _l("Resource"),
        "purpose": _l("Purpose"),
        "booked": _l("Bookings"),
        "capacity": _l("Bookings at most"),
        "guests": _l("People"),
        "most_guests": _l("People at a time"),
        "blocked": _l("Not offered"),
        "note": _l("Remarks"),
    }
    cells = {
        "resource": lambda row: services.resource_name(row.resource),
        "purpose": lambda row: services.purpose_name(row.purpose),
        "most_guests": lambda row: row.most_guests or _("No limit"),
    }
    list_options = (joinedload(Slot.resource), joinedload(Slot.purpose))
    search = SearchDeclaration(columns=("note",), small_table=True)
    filters = (
        ReferenceFilter("project_id", label=_l("Project"), reference=PROJECTS),
        ReferenceFilter("purpose_id", label=_l("Purpose"), reference=PURPOSES),
        DateRangeFilter("starts_at"),
    )
    sortable = ("starts_at",)
    default_sort = ("starts_at", True)
    form_columns = ("capacity", "most_guests", "blocked", "note")
    refusals = REFUSALS
    empty_list_hint = _l("Slots are made by a plan: days times opening hours times desks.")

    def opening_arguments(self) -> Mapping[str, str]:
        """Begin with the slots of today."""
        return {"f_starts_at_from": local_today().isoformat(), "sort": "starts_at"}

    def update_record(self, record: Slot, form: GuardedForm) -> None:
        """Change how many it takes, or take it out of the offer; who waits moves up."""
        values = form.values()
        services.set_capacity(record, values["capacity"] or 0, values["most_guests"] or 0)
        services.set_blocked(record, bool(values["blocked"]), values["note"] or "")


class BookingView(RecordView):
    """The bookings."""

    permissions = ViewPermissions(VIEW, RECORD, RECORD, None, "reservations.export")
    record_kind = "reservations.booking"
    workflow = BOOKING
    column_list = ("number", "time", "purpose", "contact_name", "guests", "unit", "state", "read_back_at")
    column_details_list = (
        "number", "state", "time", "purpose", "place", "contact_name", "contact_phone", "guests", "unit", "wishes",
        "source", "rings", "read_back_at", "booked_at", "arrived_at", "done_at", "closing_reason",
    )  # fmt: skip
    column_export_list = (
        "number", "state", "slot.starts_at", "slot.ends_at", "contact_name", "contact_phone", "guests", "unit.code",
        "wishes", "source", "rings", "read_back_at", "booked_at", "arrived_at", "done_at",
    )  # fmt: skip
    column_labels = {
        "number": _l("Number"),
        "state": _l("State"),
        "slot_id": _l("Slot"),
        "slot.starts_at": _l("From"),
        "slot.ends_at": _l("Until"),
        "unit.code": _l("House"),
        "customer_id": _l("Customer"),
        "unit_id": _l("House"),
        "unit": _l("House"),
        "time": _l("Slot"),
        "purpose": _l("Purpose"),
        "place": _l("Place of the slot"),
        "contact_name": _l("Full name"),
        "contact_phone": _l("Phone"),
        "guests": _l("People"),
        "wishes": _l("Special wishes"),
        "source": _l("Booked by way of"),
        "rings": _l("Answered after rings"),
        "read_back_at": _l("Read back and agreed"),
        "booked_at": _l("Booked at"),
        "arrived_at": _l("Arrived at"),
        "done_at": _l("Completed at"),
        "closing_reason": _l("Reason"),
        "wait": _l("Waiting list"),
    }
    choices = {"source": _labels(words.SOURCES)}
    status_columns = {"state": {state.code: (state.tone, state.label) for state in BOOKING.states}}
    cells = {
        "time": lambda row: services.slot_title(row.slot),
        "purpose": lambda row: services.purpose_name(row.slot.purpose),
        "place": lambda row: row.slot.resource.place,
        "unit": lambda row: row.unit.code if row.unit is not None else "",
    }
    list_reads = ("slot.starts_at", "slot.ends_at", "slot.resource.name", "slot.purpose.name", "unit.code")
    personal_columns = {"contact_phone": mask_phone}
    open_columns = frozenset({"contact_name"})
    search = SearchDeclaration(index=BOOKING_SEARCH, placeholder=_l("Number or name"))
    filters = (
        ReferenceFilter("project_id", label=_l("Project"), reference=PROJECTS),
        ChoiceFilter("state"),
        ReferenceFilter("customer_id", reference=CUSTOMERS),
    )
    sortable = ("number",)
    form_columns = (
        "slot_id", "customer_id", "unit_id", "guests", "contact_name", "contact_phone", "wishes", "source", "rings",
        "wait",
    )  # fmt: skip
    create_only_columns = frozenset({"slot_id", "customer_id", "unit_id", "source", "rings", "wait"})
    form_fields = {
        "slot_id": ReferenceField(
            _l("Slot"), reference=SLOTS, required=True, default=lambda: strict_id(request.args.get("slot"))
        ),
        "wait": BooleanField(
            _l("Put on the waiting list when the slot is full"),
            default=lambda: request.args.get("wait") == "1",
        ),
        "wishes": TextAreaField(_l("Special wishes"), [Optional(), Length(max=2000)]),
    }
    form_args = {
        "contact_name": {"description": _l("Empty: the customer's own name.")},
        "contact_phone": {"description": _l("Empty: the customer's own number.")},
        "rings": {
            "description": _l("For a call: answered after how many rings; three at most are the standard.")
        },
    }
    references = {"customer_id": CUSTOMERS, "unit_id": UNITS}
    refusals = REFUSALS
    empty_list_hint = _l("Bookings are made from the day or week view: choose a slot with a free seat.")

    def create_record(self, form: GuardedForm) -> Booking:
        """Book a slot."""
        values = form.values()
        return services.book(
            form["slot_id"].record,
            customer=form["customer_id"].record,
            unit=form["unit_id"].record,
            guests=values["guests"] or 0,
            contact_name=values["contact_name"] or "",
            contact_phone=values["contact_phone"] or "",
            wishes=values["wishes"] or "",
            source=BookingSource(values["source"]),
            rings=values["rings"],
            wait=bool(values["wait"]),
        )

    def update_record(self, record: Booking, form: GuardedForm) -> None:
        """Change who comes and how many."""
        values = form.values()
        services.change_booking(
            record,
            guests=values["guests"] or 0,
            contact_name=values["contact_name"] or "",
            contact_phone=values.get("contact_phone", record.contact_phone) or "",
            wishes=values["wishes"] or "",
        )

    def why_locked(self, record: Booking) -> str | None:
        """Return why a booking does not change any more."""
        if record.state in (*COMING, "waiting"):
            return None
        return _("Booking %(number)s has ended and does not change any more.", number=record.number)

    def take_step(self, record: Booking, transition: Transition, values: Mapping[str, Any]) -> None:
        """Take a step by the service that does what belongs to it."""
        steps = {
            "confirm": services.confirm,
            "arrive": services.arrive,
            "finish": services.finish,
            "stay_away": services.stay_away,
        }
        if transition.code == "cancel":
            services.cancel(record, values.get("closing_reason") or "")
        elif transition.code == "notify":
            services.notify(record)
        else:
            steps[transition.code](record)


class RuleView(RecordView):
    """Who is told of bookings."""

    permissions = ViewPermissions(VIEW, PLAN, PLAN, PLAN, None)
    record_kind = "reservations.rule"
    column_list = (
        "event",
        "purpose",
        "guests_from",
        "guests_to",
        "only_with_wishes",
        "who",
        "project",
        "active",
    )
    column_details_list = column_list
    column_labels = {
        "event": _l("When"),
        "purpose": _l("Purpose"),
        "purpose_id": _l("Purpose"),
        "project": _l("Project"),
        "project_id": _l("Project"),
        "guests_from": _l("From people"),
        "guests_to": _l("To people"),
        "only_with_wishes": _l("Only with special wishes"),
        "role_code": _l("Role"),
        "user_id": _l("Person"),
        "who": _l("Who is told"),
        "active": _l("In use"),
    }
    choices = {"event": _labels(words.EVENTS)}
    cells = {
        "purpose": lambda row: services.purpose_name(row.purpose) if row.purpose else _("Every purpose"),
        "who": lambda row: row.user.name if row.user else role_label(row.role_code),
        "project": lambda row: in_language(row.project.name, row.project.name_en),
    }
    list_options = (
        joinedload(NotificationRule.purpose),
        joinedload(NotificationRule.user).load_only(User.name),
        joinedload(NotificationRule.project),
    )
    search = SearchDeclaration(columns=("role_code",), small_table=True)
    filters = (ReferenceFilter("project_id", reference=PROJECTS), ChoiceFilter("event"))
    form_columns = (
        "project_id", "purpose_id", "event", "guests_from", "guests_to", "only_with_wishes", "role_code", "user_id",
        "active",
    )  # fmt: skip
    create_only_columns = frozenset({"project_id"})
    form_args = {
        "purpose_id": {"description": _l("Empty: every purpose.")},
        "guests_to": {"description": _l("Empty: however many come.")},
        "role_code": {"description": _l("Code of a role, for example PM; or choose a person.")},
    }
    references = {"project_id": PROJECTS, "purpose_id": PURPOSES, "user_id": COLLEAGUES}
    actions_declared = {"delete": PLAN}
    refusals = REFUSALS
    empty_list_hint = _l("Say who is told of a large booking at once, and who of every one.")

    def create_record(self, form: GuardedForm) -> NotificationRule:
        """Add a rule."""
        rule = NotificationRule(**_rule_values(form.values()))
        _check_purpose(form["purpose_id"].record, form["project_id"].record.id)
        db.session.add(rule)
        db.session.flush()
        return rule

    def update_record(self, record: NotificationRule, form: GuardedForm) -> None:
        """Change a rule."""
        _check_purpose(form["purpose_id"].record, record.project_id)
        for name, value in _rule_values(form.values()).items():
            setattr(record, name, value)

    def delete_record(self, record: NotificationRule) -> None:
        """Remove a rule."""
        db.session.delete(record)


def _check_purpose(purpose: Purpose | None, project_id: int) -> None:
    if purpose is not None and purpose.project_id != project_id:
        raise ReservationRuleError(_("The purpose belongs to another project."), "purpose_id")


def _rule_values(values: dict[str, Any]) -> dict[str, Any]:
    values["role_code"] = (values["role_code"] or "").strip().upper()
    if not values["role_code"] and values["user_id"] is None:
        raise ReservationRuleError(_("Name a role or a person who is told."), "role_code")
    least, most = values["guests_from"] or 0, values["guests_to"]
    if least < 1 or (most is not None and most < least):
        raise ReservationRuleError(_("The numbers of people do not fit together."), "guests_from")
    return values


class DayPlanView(RecordView):
    """The days with slots: their remarks, and their sheet."""

    permissions = ViewPermissions(VIEW, None, RECORD, None, None)
    record_kind = "reservations.day"
    column_list = ("day", "project", "note")
    column_details_list = ("day", "project", "note")
    column_labels = {"day": _l("Date"), "project": _l("Project"), "note": _l("Remarks")}
    cells = {"project": lambda row: in_language(row.project.name, row.project.name_en)}
    list_options = (joinedload(DayPlan.project),)
    search = SearchDeclaration(columns=("note",), small_table=True)
    filters = (ReferenceFilter("project_id", label=_l("Project"), reference=PROJECTS), DateRangeFilter("day"))
    sortable = ("day",)
    default_sort = ("day", True)
    form_columns = ("note",)
    empty_list_hint = _l("A day stands here once slots are planned for it.")

    def opening_arguments(self) -> Mapping[str, str]:
        """Begin with today."""
        return {"f_day_from": local_today().isoformat(), "sort": "day"}


class DeskView(PageView):
    """The desk: a day, a week, planning slots, moving a booking, and the checklist on the phone."""

    @expose_guarded("/", permission=VIEW)
    def index(self) -> Any:
        """Show a day: slot by slot, who comes, and what is free."""
        project, projects = _project()
        day = _day()
        values: dict[str, Any] = {
            "project": project,
            "projects": projects,
            "day": day,
            "today": local_today(),
        }
        if project is not None:
            values |= _day_values(project, day)
        return self.render("reservations/admin/day.html", **values, **_words())

    @expose_guarded("/week/", permission=VIEW)
    def week(self) -> Any:
        """Show seven days: how full each slot is."""
        project, projects = _project()
        day = _day()
        first = day - dt.timedelta(days=day.weekday())
        days = [first + dt.timedelta(days=count) for count in range(7)]
        by_day: dict[dt.date, list[Slot]] = {each: [] for each in days}
        if project is not None:
            for slot in _slots(project, days[0], days[-1]):
                by_day[services.local_date(slot)].append(slot)
        return self.render(
            "reservations/admin/week.html",
            project=project,
            projects=projects,
            day=day,
            days=by_day,
            today=local_today(),
            **_words(),
        )

    @expose_guarded("/plan/", permission=PLAN, methods=("GET", "POST"))
    def plan(self) -> Any:
        """Make slots: days times opening hours times desks."""
        project, projects = _project()
        if project is None:
            return self.render("reservations/admin/plan.html", project=None, projects=projects, form=None)
        form = forms.PlanForm(request.form if request.method == "POST" else None)
        resources = _active(Resource, project)
        purposes = _active(Purpose, project)
        form.resource.choices = [(each.id, services.resource_name(each)) for each in resources]
        form.purpose.choices = [(each.id, services.purpose_name(each)) for each in purposes]
        if request.method == "GET":
            form.first.data = local_today() + dt.timedelta(days=1)
            form.last.data = local_today() + dt.timedelta(days=14)
        elif form.validate():
            try:
                count = services.plan_slots(
                    next(each for each in resources if each.id == form.resource.data),
                    next(each for each in purposes if each.id == form.purpose.data),
                    form.first.data,
                    form.last.data,
                    weekdays=form.weekdays.data,
                    minutes=form.minutes.data,
                    capacity=form.capacity.data,
                )
                day = form.first.data
                commit()
            except ReservationRuleError as error:
                db.session.rollback()
                field = getattr(form, error.field, form.first)
                field.errors = [*field.errors, str(error)]
            except SaveRefused as error:
                flash(error.sentence, "error")
            else:
                flash(
                    ngettext("%(num)d slot was made.", "%(num)d slots were made.", count),
                    "success" if count else "info",
                )
                return redirect(url_for(".week", project=project.id, day=day.isoformat()), 303)
        status = 422 if request.method == "POST" else 200
        html = self.render(
            "reservations/admin/plan.html",
            project=project,
            projects=projects,
            form=form,
            has_choices=bool(resources and purposes),
            **_words(),
        )
        return html if status == 200 else (html, status)

    @expose_guarded("/move/", permission=RECORD, methods=("GET", "POST"))
    def move(self) -> Any:
        """Move a booking to another slot."""
        booking = _one(Booking, request.args.get("id"))
        if request.method == "POST":
            slot = _one(Slot, request.form.get("slot"))
            number = booking.number
            try:
                services.move(booking, slot, request.form.get("reason", "")[:200])
                commit()
            except REFUSALS as error:
                db.session.rollback()
                flash(str(error), "error")
                booking = _one(Booking, request.args.get("id"))
            except SaveRefused as error:
                flash(error.sentence, "error")
                booking = _one(Booking, request.args.get("id"))
            else:
                flash(
                    _("%(number)s was moved. Read the new time back to the customer.", number=number),
                    "success",
                )
                return redirect(url_for("reservations_bookings.details_view", id=request.args.get("id")), 303)
        refusal = services.refusal(booking.slot.purpose, booking.unit)
        slots = (
            services.offer_slots(booking.project, booking.slot.purpose.code, guests=booking.guests, limit=120)
            if not refusal
            else ()
        )
        by_day: dict[dt.date, list[Slot]] = {}
        for slot in slots:
            if slot.id != booking.slot_id:
                by_day.setdefault(services.local_date(slot), []).append(slot)
        return self.render(
            "reservations/admin/move.html", booking=booking, days=by_day, refusal=refusal, **_words()
        )

    @expose_guarded("/setup/", permission=RECORD, methods=("GET", "POST"))
    def setup(self) -> Any:
        """Go through the set-up checklist of a booking with the phone."""
        booking = _one(Booking, request.args.get("id"))
        if request.method == "POST":
            try:
                for check in booking.setup_checks:
                    verdict = {"pass": True, "fail": False}.get(request.form.get(f"passed_{check.id}", ""))
                    measured = request.form.get(f"measured_{check.id}", "").replace("\0", "")[:80]
                    if verdict != check.passed or measured.strip() != check.measured:
                        services.check_setup(check, verdict, measured)
                commit()
            except ReservationRuleError as error:
                db.session.rollback()
                flash(str(error), "error")
            except SaveRefused as error:
                flash(error.sentence, "error")
            else:
                flash(_("The checklist was saved."), "success")
                return redirect(url_for("reservations_bookings.details_view", id=request.args.get("id")), 303)
            booking = _one(Booking, request.args.get("id"))
        return self.render("reservations/admin/setup.html", booking=booking, **_words())

    @expose_guarded("/step/", permission=RECORD, methods=("POST",))
    def step(self) -> Response:
        """Note at the desk that somebody has arrived, is done, or did not come."""
        booking = _one(Booking, request.args.get("id"))
        steps = {"arrive": services.arrive, "finish": services.finish, "stay_away": services.stay_away}
        chosen = steps.get(request.form.get("step", ""))
        if chosen is None:
            abort(404)
        back = url_for(
            ".index", project=booking.project_id, day=services.local_date(booking.slot).isoformat()
        )
        number = booking.number
        try:
            chosen(booking)
            commit()
        except REFUSALS as error:
            db.session.rollback()
            flash(str(error), "error")
        except SaveRefused as error:
            flash(error.sentence, "error")
        else:
            flash(_("%(number)s was noted.", number=number), "success")
        return redirect(back, 303)


def _words() -> dict[str, Any]:
    return {
        "states": BOOKING,
        "one_day": dt.timedelta(days=1),
        "slot_title": services.slot_title,
        "clock": services.clock,
        "purpose_name": services.purpose_name,
        "resource_name": services.resource_name,
        "weekdays": opening.WEEKDAYS,
        "in_language": in_language,
        "may_record": has_permission(RECORD),
        "may_plan": has_permission(PLAN),
        "coming": COMING,
        "phone_of": lambda booking: (
            booking.contact_phone
            if sees_personal_data()
            else mask_phone(booking.contact_phone)
            if booking.contact_phone
            else ""
        ),
    }


def _one(model: Any, key: Any) -> Any:
    """Return the visible row with this key; 404 for one that is foreign, missing or no key."""
    number = strict_id(key)
    found = db.session.scalar(sa.select(model).where(model.id == number)) if number is not None else None
    return found if found is not None else abort(404)


def _project() -> tuple[Project | None, Sequence[Project]]:
    """Return the project of the address, else the first that has slots; and those to choose from."""
    projects = db.session.scalars(
        sa.select(Project).where(Project.archived_at.is_(None)).order_by(Project.code).limit(200)
    ).all()
    asked = request.args.get("project")
    if asked is not None:
        return _one(Project, asked), projects
    with_slots = db.session.scalar(sa.select(Slot.project_id).order_by(Slot.starts_at.desc()).limit(1))
    chosen = next((each for each in projects if each.id == with_slots), projects[0] if projects else None)
    return chosen, projects


def _day() -> dt.date:
    try:
        day = dt.date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        return local_today()
    return day if 2000 <= day.year <= 2100 else local_today()


def _active(model: Any, project: Project) -> Sequence[Any]:
    return db.session.scalars(
        sa.select(model).where(model.project_id == project.id, model.active.is_(True)).order_by(model.code)
    ).all()


def _slots(project: Project, first: dt.date, last: dt.date) -> Sequence[Slot]:
    start, end = services.day_bounds(first)[0], services.day_bounds(last)[1]
    return db.session.scalars(
        sa.select(Slot)
        .where(Slot.project_id == project.id, Slot.starts_at >= start, Slot.starts_at < end)
        .options(joinedload(Slot.resource), joinedload(Slot.purpose))
        .order_by(Slot.starts_at, Slot.resource_id, Slot.id)
        .limit(2_000)
    ).all()


def _day_values(project: Project, day: dt.date) -> dict[str, Any]:
    slots = _slots(project, day, day)
    bookings: dict[int, list[Booking]] = {}
    for booking in db.session.scalars(
        sa.select(Booking)
        .where(Booking.slot_id.in_([slot.id for slot in slots]), Booking.state.in_((*SEATED, "waiting")))
        .options(joinedload(Booking.customer), joinedload(Booking.unit))
        .order_by(Booking.id)
    ):
        bookings.setdefault(booking.slot_id, []).append(booking)
    times: dict[str, list[Slot]] = {}
    for slot in slots:
        times.setdefault(services.clock(slot.starts_at), []).append(slot)
    plan = db.session.scalar(sa.select(DayPlan).where(DayPlan.project_id == project.id, DayPlan.day == day))
    now = dt.datetime.now(LOCAL_ZONE)
    return {
        "times": times,
        "bookings": bookings,
        "plan": plan,
        "figures": services.figures(day, day, project),
        "free": services.seats_left(slots),
        "now": now.strftime("%H:%M") if day == now.date() else "",
    }
