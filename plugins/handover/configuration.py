"""The numbers that departments may change; all of them follow the practice of the trade."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from core.toolkit import Setting, _l

REPORT_HOURS = tuple(f"{hour:02}:{minute:02}" for hour in range(16, 22) for minute in (0, 30))
"""The hours at which the report of the day can be prepared."""


def settings() -> Sequence[Setting]:
    """Return the numbers of the handover from inspection to patrol, without those of the preparation."""
    hours = _l("Hours from the moment the defect was found until it has to be fixed.")
    practice = _l("Practice of the trade")

    def number(key: str, default: int, label: Any, help_: Any, maximum: int = 10_000) -> Setting:
        return Setting(key, default, label, help_, practice, minimum=0, maximum=maximum)

    up_to = _l("Decides up to so many yuan, included.")

    def amount(key: str, default: int, label: Any, help_: Any, source: Any = practice) -> Setting:
        return Setting(
            key, Decimal(default), label, help_, source, minimum=Decimal(0), maximum=Decimal(10**9)
        )

    return (
        number("fix_hours_s1", 360, _l("Limit to fix S1"), hours),
        number("fix_hours_s2", 360, _l("Limit to fix S2"), hours),
        number("fix_hours_s3", 168, _l("Limit to fix S3"), hours),
        number("fix_hours_s4", 72, _l("Limit to fix S4"), hours),
        number(
            "make_safe_hours",
            24,
            _l("Limit to make S1 safe"),
            _l("Hours from the moment the defect was found until nobody can come to harm any more."),
        ),
        number(
            "danger_plan_days",
            3,
            _l("Limit to plan the repair of S1"),
            _l("Days until the plan of the repair exists; also for a special plan after failed repairs."),
            60,
        ),
        number(
            "photos_per_defect",
            1,
            _l("Photos of each defect"),
            _l("How many photos a defect needs before the inspection can be finished."),
            20,
        ),
        Setting(
            "after_photo_required",
            True,
            _l("Photo after the repair"),
            _l("A defect can be closed only with a photo of the repair."),
            practice,
        ),
        number(
            "notice_hours",
            24,
            _l("Limit to issue a notice"),
            _l("Hours from the end of the inspection until the notice has to be issued."),
        ),
        number(
            "receipt_hours",
            24,
            _l("Limit to confirm a notice"),
            _l("Hours from the issue until the contractor has to confirm the receipt."),
        ),
        number(
            "escalate_contractor_days",
            1,
            _l("Escalation to the contractor's project manager"),
            _l("Days after the promised date."),
        ),
        number(
            "escalate_engineering_days",
            3,
            _l("Escalation to the head of engineering"),
            _l("Days after the promised date."),
        ),
        number(
            "escalate_manager_days",
            7,
            _l("Escalation to the city general manager"),
            _l("Days after the promised date; then a repair by others is due."),
        ),
        amount(
            "penalty_free_amount",
            2_000,
            _l("Penalty without approval"),
            _l(
                "Up to so many yuan, whoever issues notices decides alone; above, the penalty has to be approved."
            ),
            _l("Own default"),
        ),
        amount("penalty_limit_manager", 20_000, _l("Penalty: customer-service manager"), up_to),
        amount("penalty_limit_deputy", 50_000, _l("Penalty: deputy general manager"), up_to),
        amount(
            "penalty_limit_city",
            200_000,
            _l("Penalty: city general manager"),
            _l("Decides up to so many yuan, included; above, the regional president."),
        ),
        number(
            "key_loan_days",
            7,
            _l("Loan of keys for a repair"),
            _l("Days for which sealed keys are lent at the most."),
            60,
        ),
        number(
            "refusal_reply_days",
            3,
            _l("Reply to a refusal"),
            _l("Days from the refusal until the owner has the reply."),
            60,
        ),
        number(
            "failed_rounds_before_plan",
            3,
            _l("Failed re-inspections before a special plan"),
            _l("From so many failed re-inspections on, a defect is marked as needing a special plan."),
            100,
        ),
        Setting(
            "daily_report_time",
            "18:30",
            _l("Hour of the daily report"),
            _l("When the report of a day of handing houses over is prepared, in China."),
            practice,
            choices=tuple((hour, hour) for hour in REPORT_HOURS),
        ),
        number(
            "patrol_starts_days",
            30,
            _l("Patrol of vacant houses starts"),
            _l("Days after the contract delivery date from which vacant houses are patrolled each month."),
            730,
        ),
        number(
            "guarantee_answer_hours",
            2,
            _l("Quality guarantee: first answer"),
            _l("Hours within which a report of a defect is answered, as the guarantee promises."),
        ),
        number(
            "guarantee_emergency_minutes",
            30,
            _l("Quality guarantee: on site in an emergency"),
            _l("Minutes, as the guarantee promises."),
        ),
        number(
            "guarantee_visit_hours",
            48,
            _l("Quality guarantee: on site otherwise"),
            _l("Hours, as the guarantee promises."),
        ),
        *(
            number(
                f"follow_up_days_{key}", days, label, _l("Days after the delivery until it has to be done.")
            )
            for key, days, label in (
                ("e09", 7, _l("Call-back after the handover")),
                ("g01", 30, _l("Move-in greeting")),
                ("g02", 105, _l("Three-month revisit")),
                ("g03", 183, _l("Home visit after half a year")),
                ("g04", 395, _l("One-year revisit")),
            )
        ),
    )
