"""What the preparation declares; :mod:`plugins.handover.plugin` adds it to the declarations of the module."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core.toolkit import (
    AdminView,
    CalendarSource,
    DocumentType,
    JobKind,
    MenuArea,
    Panel,
    PeriodicTask,
    Permission,
    PublicBlueprint,
    RecordKind,
    SeedData,
    Setting,
    TimelineKind,
    _l,
)
from plugins.handover.preparation import admin, documents, panels, public, records, words
from plugins.handover.preparation.models import AreaSettlement, FeeRule, PlanStep, PlanTask, RiskItem
from plugins.handover.preparation.services import letters, plan, readiness
from plugins.handover.preparation.workflows import WORKFLOWS

__all__ = [
    "BLUEPRINTS", "CALENDARS", "DOCUMENTS", "JOBS", "LINKS", "MESSAGES", "PANELS", "PERMISSIONS", "RECORD_KINDS",
    "RECORD_WORDS", "SEEDS", "TASKS", "TIMELINE", "VIEWS", "WORKFLOWS", "settings",
]  # fmt: skip

RECORD_WORDS = words.RECORD_WORDS
LINKS = (public.LINK,)
MESSAGES = public.MESSAGES
BLUEPRINTS = (PublicBlueprint(public.blueprint, "handover-owner"),)

PERMISSIONS = (
    Permission(
        "handover.edit_plan",
        _l("Change the handover timetable"),
        _l("The steps from which the plans of new batches are made."),
        ("HEAD", "BCS"),
    ),
    Permission(
        "handover.accept_risk",
        _l("Accept risks of a handover"),
        _l("A risk that is not removed; the reason is kept."),
        ("HEAD",),
    ),
    Permission(
        "handover.send_letters",
        _l("Send delivery notices"),
        _l("Notices and reminders to owners, with fee list and personal link."),
        ("HEAD", "PCM"),
    ),
    Permission(
        "handover.contact_owners",
        _l("Note attempts to reach owners"),
        "",
        ("HEAD", "PCM", "CCS", "BCS", "PM"),
    ),
)

RECORD_KINDS = (
    RecordKind(
        "handover.plan_step",
        PlanStep,
        _l("Step of the timetable"),
        "handover.view",
        "handover.edit_plan",
        "handover_plan_steps.details_view",
        lambda record: words.local(record, "title"),
        records.of_step,
    ),
    RecordKind(
        "handover.plan_task",
        PlanTask,
        _l("Task of a handover plan"),
        "handover.view",
        "handover.plan",
        "handover_plan_tasks.details_view",
        lambda record: words.local(record, "title"),
        records.of_batch,
        {"deliverable": _l("What is handed in")},
    ),
    RecordKind(
        "handover.risk",
        RiskItem,
        _l("Point of a risk check"),
        "handover.view",
        "handover.plan",
        "handover_risks.details_view",
        lambda record: words.local(record, "title"),
        records.of_batch,
        {"evidence": _l("Evidence")},
    ),
    RecordKind(
        "handover.fee_rule",
        FeeRule,
        _l("Rule of a fee"),
        "handover.view",
        "handover.settle_fees",
        "handover_fee_rules.details_view",
        lambda record: words.fee_title(record.kind, record),
        records.of_rule,
    ),
    RecordKind(
        "handover.area",
        AreaSettlement,
        _l("Area settlement"),
        "handover.view",
        "handover.settle_fees",
        "handover_areas.details_view",
        lambda record: record.handover_unit.unit.code,
        records.of_area,
        {"survey": _l("Survey"), "signed": _l("Signed paper")},
    ),
)

_HANDOVER, _SETUP = MenuArea.HANDOVER, MenuArea.SETUP
VIEWS = (
    AdminView(
        admin.TaskView, "plan_tasks", _l("Handover plan"), _HANDOVER, 12, PlanTask, badge=admin.late_tasks
    ),
    AdminView(admin.RiskView, "risks", _l("Handover risks"), _HANDOVER, 14, RiskItem),
    AdminView(admin.AreaView, "areas", _l("Area settlements"), _HANDOVER, 60, AreaSettlement),
    AdminView(admin.FeeRuleView, "fee_rules", _l("Rules of fees"), _SETUP, 322, FeeRule),
    AdminView(admin.StepView, "plan_steps", _l("Handover timetable"), _SETUP, 324, PlanStep),
)


def settings() -> tuple[Setting, ...]:
    """Return the numbers of staffing, letters, contacts, and area differences."""
    practice, own = _l("Practice of the trade"), _l("Own default")
    law = _l("Measures for the Sale of Commodity Houses, Article 20")

    def number(
        key: str, default: int, label: Any, help_: Any, source: Any = practice, maximum: int = 10_000
    ) -> Setting:
        return Setting(key, default, label, help_, source, minimum=1, maximum=maximum)

    households = _l("Households that one repair engineer looks after.")
    return (
        number(
            "households_per_engineer_fitted", 200, _l("Fitted flats for each repair engineer"), households
        ),
        number("households_per_engineer_rough", 350, _l("Rough flats for each repair engineer"), households),
        number("households_per_engineer_villa", 150, _l("Villas for each repair engineer"), households),
        number(
            "households_per_engineer_high_end",
            100,
            _l("High-end fitted flats for each repair engineer"),
            households,
        ),
        number(
            "households_per_engineer_commercial",
            400,
            _l("Shops and offices for each repair engineer"),
            households,
        ),
        number(
            "clerk_above_households",
            800,
            _l("Households from which a clerk is needed"),
            _l("A batch of more households gets a full-time information clerk for a year."),
        ),
        number(
            "houses_per_inspector",
            6,
            _l("Houses that one inspector accompanies on a day"),
            _l("Nobody is given more appointments than this on a day."),
            own,
            50,
        ),
        number(
            "minutes_per_house_from",
            60,
            _l("Minutes for a house, at the least"),
            _l("Accompanied inspection."),
            own,
            600,
        ),
        number(
            "minutes_per_house_to",
            75,
            _l("Minutes for a house, at the most"),
            _l("Also the length of a slot for which owners book."),
            own,
            600,
        ),
        number(
            "notice_days_latest",
            15,
            _l("Latest day for delivery notices"),
            _l("Days before T on which the notices have left at the latest."),
            practice,
            180,
        ),
        number(
            "open_defects_per_house",
            3,
            _l("Open defects for each house before the handover"),
            _l("On the average of a batch, and none of S1 or S2."),
            practice,
            100,
        ),
        number(
            "close_before_handover_percent",
            95,
            _l("Close rate before the handover (%)"),
            _l("Of what our own rounds found; of S1 all."),
            practice,
            100,
        ),
        number(
            "standing_days_before",
            7,
            _l("Days before T for these two"),
            _l("By then the open defects of a batch are few enough."),
            practice,
            180,
        ),
        number(
            "reminder_answer_days",
            15,
            _l("Days to answer a reminder"),
            _l("Within which the owner is asked to come, printed on the letter."),
            own,
            180,
        ),
        number(
            "contact_attempts",
            3,
            _l("Attempts to reach an owner"),
            _l("So many in vain before a house counts as not contactable."),
            practice,
            20,
        ),
        number(
            "contact_gap_hours",
            4,
            _l("Hours between two attempts"),
            _l("Attempts that follow each other sooner count once."),
            practice,
            72,
        ),
        number(
            "contact_days",
            2,
            _l("Days of the attempts"),
            _l("On so many different days at the least."),
            practice,
            20,
        ),
        Setting(
            "area_limit_percent",
            Decimal(3),
            _l("Limit of an area difference (%)"),
            _l("Up to it the measured area is paid as it is; beyond it the buyer may rescind."),
            law,
            minimum=Decimal(0),
            maximum=Decimal(3),
        ),
        Setting(
            "area_refund_factor",
            2,
            _l("Refund beyond the limit, times"),
            _l("How many times the price of what is missing beyond the limit is given back."),
            law,
            minimum=2,
            maximum=10,
        ),
    )


DOCUMENTS = (
    DocumentType(
        "handover.plan",
        _l("Handover plan"),
        "handover.batch",
        "handover/documents/plan.html",
        documents.handover_plan,
        "handover.print",
        "handover.print",
        "JFJH",
    ),
    DocumentType(
        "handover.risk_list",
        _l("Handover risk list"),
        "handover.batch",
        "handover/documents/risk_list.html",
        documents.risk_list,
        "handover.print",
        "handover.print",
        "JFFX",
    ),
    DocumentType(
        "handover.delivery_notice",
        _l("Notice of delivery"),
        "handover.unit",
        "handover/documents/delivery_notice.html",
        documents.delivery_notice,
        "handover.send_letters",
        "handover.send_letters",
        "JFTZ",
        may_issue=documents.may_issue_notice,
    ),
    DocumentType(
        "handover.delivery_reminder",
        _l("Delivery reminder"),
        "handover.unit",
        "handover/documents/delivery_reminder.html",
        documents.delivery_reminder,
        "handover.send_letters",
        "handover.send_letters",
        "JFCS",
        may_issue=documents.may_issue_reminder,
    ),
    DocumentType(
        "handover.fee_sheet",
        _l("Fee settlement sheet"),
        "handover.unit",
        "handover/documents/fee_sheet.html",
        documents.fee_sheet,
        "handover.print",
        "handover.print",
        "FYJS",
        may_issue=documents.may_issue_fees,
    ),
    DocumentType(
        "handover.area_sheet",
        _l("Area settlement sheet"),
        "handover.area",
        "handover/documents/area_sheet.html",
        documents.area_sheet,
        "handover.print",
        "handover.print",
        "MJJS",
    ),
)


def _panel(code: str, kind: str, title: Any, load: Any, order: int) -> Panel:
    return Panel(
        f"handover.{code}", kind, title, f"handover/preparation/{code}.html", load, "handover.view", order
    )


PANELS = (
    _panel("batch_plan", "handover.batch", _l("Handover plan"), panels.batch_plan, 110),
    _panel("batch_readiness", "handover.batch", _l("Ready for delivery"), panels.batch_readiness, 105),
    _panel("batch_appointments", "handover.batch", _l("Appointments"), panels.batch_appointments, 102),
    _panel("batch_risks", "handover.batch", _l("Risk check"), panels.batch_risks, 120),
    _panel("house_contact", "handover.unit", _l("Letters, calls and appointment"), panels.house_contact, 95),
    _panel("house_fees", "handover.unit", _l("Fees by rule, area difference"), panels.house_fees, 97),
)

CALENDARS = (
    CalendarSource("handover.plan_tasks", _l("Handover plan"), panels.planned_tasks, "handover.view", 102),
    CalendarSource(
        "handover.appointments", _l("Handover appointments"), panels.booked_houses, "handover.view", 104
    ),
)

TIMELINE = (TimelineKind("handover.booked", _l("Handover appointment"), "calm"),)

JOBS = (
    JobKind(letters.JOB, _l("Letters about the delivery"), letters.run, permission="handover.send_letters"),
)

TASKS = (
    PeriodicTask(
        "handover.readiness",
        _l("See which houses are ready for delivery"),
        readiness.weigh_all,
        daily_at="01:40",
    ),
)

SEEDS = (SeedData(plan.load_standard_steps),)
