"""What is asked at once for a defect of severity S1, and for a repair that fails again and again.

Source: domain reference 3.3.4 [OWN] (S1: make safe within 24 hours, plan within three days) and 3.3.6 rule 5 [RECON]
(a special plan after three failed rounds).
"""

from __future__ import annotations

import datetime as dt

from core.toolkit import _l, add_todo, finish_todos_of, in_each_language, setting, utc_now
from plugins.handover.models import Defect, InspectionState, Severity
from plugins.handover.services.common import defect_title
from plugins.handover.workflows import OPEN

MAKE_SAFE, PLAN, SPECIAL = "handover.make_safe:", "handover.danger_plan:", "handover.special_plan:"
"""How the keys of the to-dos begin."""


def watch(defect: Defect) -> None:
    """Ask engineering to make a dangerous place safe and to plan its repair; ask no more once it is not dangerous.

    A defect of an inspection that still runs is left alone: its finish looks at it.

    Args:
        defect: A defect that was found, or whose severity has changed.
    """
    running = defect.inspection is not None and defect.inspection.state != InspectionState.FINISHED
    if defect.severity != Severity.S1:
        _finish(defect, MAKE_SAFE, PLAN)
        return
    if running or defect.state not in OPEN or defect.state == "fixed":
        return
    for key, title, limit in (
        (
            MAKE_SAFE,
            _l("Make %(number)s in %(unit)s safe", number=defect.number, unit=defect.unit.code),
            dt.timedelta(hours=int(setting("handover", "make_safe_hours"))),
        ),
        (
            PLAN,
            _l("Plan the repair of %(number)s in %(unit)s", number=defect.number, unit=defect.unit.code),
            dt.timedelta(days=int(setting("handover", "danger_plan_days"))),
        ),
    ):
        add_todo(
            defect,
            title,
            role="ENG",
            due_at=defect.raised_at + limit,
            dedupe_key=f"{key}{defect.id}",
            note=in_each_language(lambda: defect_title(defect)[:500]),
            unit=defect.unit,
        )


def repair_failed(defect: Defect, needs_plan: bool) -> None:
    """Ask engineering for a special plan when so many re-inspections of a defect have failed.

    Args:
        defect: A defect whose repair failed once more.
        needs_plan: Whether the limit is reached.
    """
    if needs_plan:
        add_todo(
            defect,
            _l(
                "Write a special plan for %(number)s in %(unit)s: %(count)d repairs have failed",
                number=defect.number,
                unit=defect.unit.code,
                count=defect.reopen_count,
            ),
            role="ENG",
            due_at=utc_now() + dt.timedelta(days=int(setting("handover", "danger_plan_days"))),
            dedupe_key=f"{SPECIAL}{defect.id}",
            note=in_each_language(lambda: defect_title(defect)[:500]),
            unit=defect.unit,
        )


def settled(defect: Defect) -> None:
    """Finish what was asked for a defect that is fixed or done with."""
    if defect.severity == Severity.S1:
        _finish(defect, MAKE_SAFE, PLAN)
    if defect.reopen_count and defect.state not in OPEN:
        _finish(defect, SPECIAL)


def _finish(defect: Defect, *prefixes: str) -> None:
    for prefix in prefixes:
        finish_todos_of(defect, prefix=prefix)
