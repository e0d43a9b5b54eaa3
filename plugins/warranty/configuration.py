"""The numbers that departments may change, each with its default and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from flask_babel.speaklater import LazyString

from core.toolkit import Setting, _, _l
from plugins.warranty import forms, sla
from plugins.warranty.catalogue import categories, faults
from plugins.warranty.coverage import TermKind

PRACTICE = _l("Practice of the trade")
_UNITS = {
    TermKind.MONTHS: _l("In months. The smallest number is the statutory minimum."),
    TermKind.SEASONS: _l("In heating or cooling seasons. The smallest number is the statutory minimum."),
    TermKind.LIFE: _l("In years, as stated in the design documents."),
}
_TERMS = {
    "W01": _l("Term W01 foundation and main structure"),
    "W02": _l("Term W02 waterproofing"),
    "W03": _l("Term W03 pipes"),
    "W04": _l("Term W04 electrical wiring"),
    "W05": _l("Term W05 heating and cooling"),
    "W06": _l("Term W06 finishes"),
    "W07": _l("Term W07 doors and windows"),
    "W08": _l("Term W08 cabinets"),
    "W09": _l("Term W09 sanitary ware"),
    "W10": _l("Term W10 equipment"),
    "W11": _l("Term W11 lamps and switches"),
    "W12": _l("Term W12 common facilities"),
    "W13": _l("Term W13 blocked pipes"),
    "W14": _l("Term W14 external insulation"),
}
_LARGEST = {TermKind.MONTHS: 600, TermKind.SEASONS: 50, TermKind.LIFE: 200}


def _terms() -> Iterator[Setting]:
    for code, category in categories().items():
        yield Setting(
            category.setting_key,
            category.default,
            _TERMS[code],
            _UNITS[category.kind],
            category.law,
            minimum=category.floor,
            maximum=_LARGEST[category.kind],
        )


def number(
    key: str, default: int, label: Any, help_: Any, minimum: int = 0, maximum: int = 10_000
) -> Setting:
    """Return a whole number of the trade's practice that departments may change."""
    return Setting(key, default, label, help_, PRACTICE, minimum=minimum, maximum=maximum)


_STEPS = {
    sla.Step.REGISTER: _l("Registered"),
    sla.Step.CONTACT: _l("First contact"),
    sla.Step.ARRIVAL: _l("On site"),
    sla.Step.TEMPORARY: _l("Temporary measure"),
    sla.Step.PLAN: _l("Plan"),
    sla.Step.COMPLETE: _l("Repair completed"),
    sla.Step.PROGRESS: _l("Progress told to the owner"),
}


def _limit_label(step: sla.Step, priority: sla.Priority) -> str:
    return _("%(priority)s: %(step)s", priority=priority, step=_STEPS[step])


def _limits() -> Iterator[Setting]:
    minutes = _l("In minutes of elapsed time; holidays do not extend it. 0 for no limit.")
    for priority in sla.Priority:
        for step in sla.Step:
            yield number(
                sla.setting_key(step, priority),
                sla.DEFAULTS[step][priority],
                LazyString(_limit_label, step, priority),
                minutes,
                maximum=200_000,
            )
    yield number(
        "minutes_complete_leak", sla.LEAK_MINUTES, _l("P2: a leak completed"), minutes, maximum=200_000
    )
    yield number(
        "minutes_complete_emergency",
        sla.EMERGENCY_MINUTES,
        _l("P1: completed with an approved reason"),
        minutes,
        maximum=200_000,
    )
    yield number(
        "minutes_arrival_site_team",
        sla.SITE_TEAM_MINUTES,
        _l("P1: our own people on site"),
        minutes,
        maximum=200_000,
    )
    yield number(
        "paper_entry_hours",
        24,
        _l("Paper forms entered"),
        _l("Hours in which a report that was taken down on paper is entered."),
        minimum=1,
        maximum=168,
    )
    yield number(
        "long_repair_days",
        15,
        _l("Long repair"),
        _l("Days since the report after which a repair is a long one."),
    )
    yield number(
        "minutes_progress_long",
        sla.LONG_PROGRESS_MINUTES,
        _l("Progress told to the owner of a long repair"),
        minutes,
        maximum=200_000,
    )


HALF_HOURS = tuple(f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in (0, 30))


def _rests() -> Iterator[Setting]:
    def time(key: str, default: str, label: Any, help_: Any) -> Setting:
        choices = tuple((each, each) for each in HALF_HOURS)
        return Setting(key, default, label, help_, PRACTICE, choices=choices)

    yield time(
        "night_from",
        f"{sla.NIGHT.after:%H:%M}",
        _l("The night begins after"),
        _l(
            "Limits of P2 to P4 that end in the night end on the next morning. Clocks that run keep their rule."
        ),
    )
    yield time(
        "night_until",
        f"{sla.NIGHT.before:%H:%M}",
        _l("The night ends at"),
        _l("What ends before this time of the day ends in the night."),
    )
    yield time(
        "night_to",
        f"{sla.NIGHT.to:%H:%M}",
        _l("Limits move to"),
        _l("The time of the morning to which a limit moves out of the night."),
    )
    yield number(
        "night_shortest_minutes",
        int(sla.NIGHT.from_limit.total_seconds()) // 60,
        _l("Shortest limit that moves"),
        _l("In minutes. Shorter limits end in the night too."),
    )
    longest = _l(
        "Days for which all rests of an order for this reason together stop its clocks; then they run on."
    )
    yield number(
        "pause_days_owner", sla.LONGEST_REST_DAYS, _l("Rest while the owner is not available"), longest
    )
    yield number("pause_days_season", sla.LONGEST_REST_DAYS, _l("Rest until the season or rain"), longest)


def _fault_label(code: str) -> str:
    return _("Usual days: %(fault)s", fault=faults()[code].name)


def _usual_days() -> Iterator[Setting]:
    for code, fault in faults().items():
        yield number(
            fault.setting_key,
            fault.days,
            LazyString(_fault_label, code),
            _l("Days until it is usually finished; they propose the date that is promised to the owner."),
            minimum=1,
            maximum=365,
        )


def _cover() -> Sequence[Setting]:
    return (
        Setting(
            "partial_season_counts",
            False,
            _l("A running season counts"),
            _l("Whether the season that is running on the day of the delivery counts as the first one."),
            PRACTICE,
        ),
        number(
            "extension_months",
            12,
            _l("Cover of a repaired defect"),
            _l("Months from the owner's acceptance during which the same defect stays covered; 0 for none."),
            maximum=120,
        ),
        number(
            "expiry_notice_days",
            30,
            _l("Reminder before the warranty ends"),
            _l("Days before the last day of cover."),
            maximum=365,
        ),
    )


def _orders() -> Sequence[Setting]:
    return (
        number(
            "escalate_manager_hours",
            24,
            _l("Escalation to the customer-service manager"),
            _l("Hours overdue."),
        ),
        number(
            "escalate_director_hours", 72, _l("Escalation to the head of engineering"), _l("Hours overdue.")
        ),
        number(
            "escalate_city_hours", 168, _l("Escalation to the city general manager"), _l("Hours overdue.")
        ),
        number("escalate_region_hours", 360, _l("Escalation to the region"), _l("Hours overdue.")),
        number(
            "escalate_households",
            5,
            _l("Households that make a case of the region"),
            _l("From so many houses of one case on, the region is told."),
        ),
        number(
            "age_yellow_days",
            8,
            _l("Yellow from"),
            _l("Days since the report from which an open order is yellow."),
        ),
        number(
            "age_orange_days",
            15,
            _l("Orange from"),
            _l("Days since the report from which an open order is orange."),
        ),
        number(
            "age_red_days", 31, _l("Red from"), _l("Days since the report from which an open order is red.")
        ),
        number(
            "repeat_days",
            90,
            _l("Repeat repair"),
            _l("Days after the closing within which the same house, room and category count as a repeat."),
        ),
        number(
            "repeat_escalates",
            3,
            _l("Reports of the same kind that escalate"),
            _l("From this report of the same house, room and category on, the manager is told at once."),
            minimum=2,
        ),
        number(
            "arrival_tolerance_minutes",
            15,
            _l("Tolerance of an arrival"),
            _l("Minutes after the end of the booked time that still count as punctual."),
        ),
        number(
            "call_back_days",
            2,
            _l("Call-back"),
            _l("Working days after the closing within which every owner is called back."),
            minimum=1,
        ),
        number(
            "dissatisfied_score",
            2,
            _l("Dissatisfied up to"),
            _l("A call-back with this score or a lower one opens the order again."),
            minimum=1,
            maximum=5,
        ),
        number(
            "repairs_escalate",
            2,
            _l("Repairs of one defect that escalate"),
            _l("From this repair of the same defect on, the manager is told at once."),
            minimum=2,
        ),
        Setting(
            "owner_signature_required",
            False,
            _l("Signature of the owner before the closing"),
            _l(
                "Whether an order is closed only when the owner signed the acceptance on the screen or on paper, "
                "or accepted on his own page."
            ),
            PRACTICE,
        ),
        Setting(
            "after_photo_required",
            True,
            _l("Photo after the repair"),
            _l("A repair can be reported as finished only with a photo of it."),
            PRACTICE,
        ),
        Setting(
            "take_over_at_delivery",
            True,
            _l("Take over open items at the delivery"),
            _l("Open items of the handover become orders when the house is delivered."),
            PRACTICE,
        ),
    )


def _cases() -> Sequence[Setting]:
    return (
        number(
            "batch_orders",
            5,
            _l("Orders that make a batch problem"),
            _l("Of one category in one building."),
            2,
        ),
        number(
            "batch_days",
            30,
            _l("Days of a batch problem"),
            _l("Days back in which orders are counted."),
            1,
            365,
        ),
        number(
            "batch_percent",
            10,
            _l("Share of houses that makes a batch problem"),
            _l("Percent of the houses of the building."),
            1,
            100,
        ),
        number(
            "rain_percent",
            20,
            _l("Share of houses that makes a major event"),
            _l(
                "Percent of the delivered houses of a batch (of a phase where there is none) that report leaks."
            ),
            1,
            100,
        ),
        number(
            "design_reply_days",
            3,
            _l("Reply of the design department"),
            _l("Days from the opening of a case."),
        ),
    )


def _money() -> Sequence[Setting]:
    return (
        number("notice_1_hours", 24, _l("First notice to the contractor"), _l("Hours to answer."), 1),
        number("notice_2_hours", 24, _l("Second notice to the contractor"), _l("Hours to answer."), 1),
        number("third_party_hours", 4, _l("Third party on site"), _l("Hours from its order."), 1),
        Setting(
            "management_fee_percent",
            Decimal(15),
            _l("Management fee on third-party repairs"),
            _l("Percent of the invoice that is added when the cost is deducted."),
            PRACTICE,
            minimum=Decimal(10),
            maximum=Decimal(20),
        ),
        number(
            "objection_days",
            7,
            _l("Objection to a deduction"),
            _l("Days from its issue in which the contractor may object."),
            1,
        ),
        Setting(
            "retention_percent",
            Decimal(3),
            _l("Retention money"),
            _l("Percent of the settlement that is held back; the law allows 3 at most."),
            _l("Measures for Quality Retention Money (2017), Art. 7"),
            minimum=Decimal(0),
            maximum=Decimal(3),
        ),
        Setting(
            "release_answer_days",
            14,
            _l("Answer to a request for release"),
            _l("Days from the request."),
            _l("Measures for Quality Retention Money (2017), Art. 11"),
            minimum=1,
            maximum=14,
        ),
        Setting(
            "release_limit_city",
            Decimal(500_000),
            _l("Release of retention money: city general manager"),
            _l("Up to so many yuan the city decides, above it the region."),
            PRACTICE,
            minimum=Decimal(0),
        ),
        *(
            Setting(
                f"release_asks_{who}",
                True,
                label,
                _l(
                    "Whether the release of retention money needs this opinion before the general manager decides."
                ),
                PRACTICE,
            )
            for who, label in (
                ("engineering", _l("Release of retention money: engineering department")),
                ("property", _l("Release of retention money: property management")),
                ("cost", _l("Release of retention money: cost department")),
                ("finance", _l("Release of retention money: finance department")),
            )
        ),
        Setting(
            "provision_rough",
            Decimal(500),
            _l("Provision of a rough house"),
            _l("Planned warranty cost of a house in two years, in yuan."),
            PRACTICE,
            minimum=Decimal(0),
        ),
        Setting(
            "provision_fitted",
            Decimal(2000),
            _l("Provision of a fitted house"),
            _l("Planned warranty cost of a house in two years, in yuan."),
            PRACTICE,
            minimum=Decimal(0),
        ),
    )


def _figures() -> Sequence[Setting]:
    def target(key: str, default: int, label: Any) -> Setting:
        return number(key, default, label, _l("Target of the figure."), 0, 100)

    return (
        target("target_k11", 95, _l("Target K11 response on time, %")),
        target("target_k12", 95, _l("Target K12 arrival on time, %")),
        target("target_k13", 90, _l("Target K13 completion on time, %")),
        target("target_k14", 85, _l("Target K14 first-time fix, %")),
        target("target_k15", 8, _l("Target K15 repeat rate, at most %")),
        target("target_k16", 95, _l("Target K16 close rate, %")),
        target("target_k17", 100, _l("Target K17 call-back rate, %")),
        target("target_k18", 90, _l("Target K18 satisfaction, %")),
        target("target_k19", 3, _l("Target K19 orders per house, at most")),
        target("target_k21", 90, _l("Target K21 recovery, %")),
        target("target_k22", 95, _l("Target K22 qualified service, %")),
        number(
            "challenge_k22",
            98,
            _l("Challenge K22 qualified service, %"),
            _l("What should be reached beyond the target."),
            0,
            100,
        ),
        Setting(
            "call_back_deduction",
            Decimal(2),
            _l("Deduction for missing call-backs"),
            _l(
                "Points taken off K22 when fewer owners were called back than the target of K17 says; 0 for none."
            ),
            PRACTICE,
            minimum=Decimal(0),
            maximum=Decimal(100),
        ),
        number(
            "satisfied_score",
            4,
            _l("Satisfied from"),
            _l("A call-back with this score or a higher one counts as satisfied."),
            1,
            5,
        ),
        number(
            "small_sample",
            30,
            _l("Small sample"),
            _l("A rate over fewer records carries the mark “small sample”."),
        ),
        number(
            "suppressed_sample",
            5,
            _l("Sample too small to show"),
            _l("A rate over fewer records is not shown; it would tell more of a person than of the service."),
        ),
        number(
            "report_figures_day",
            3,
            _l("Figures of the monthly report"),
            _l("Day of the next month until which the figures of a month are there."),
            1,
            28,
        ),
        number(
            "report_analysis_day",
            5,
            _l("Analysis of the monthly report"),
            _l("Day of the next month until which the figures of a month are analysed."),
            1,
            28,
        ),
    )


def settings() -> Sequence[Setting]:
    """Return all settings of the module."""
    return (
        *_terms(),
        *_cover(),
        *_limits(),
        *_rests(),
        *_usual_days(),
        *_orders(),
        *_cases(),
        *_money(),
        *_figures(),
        *forms.settings(PRACTICE),
    )
