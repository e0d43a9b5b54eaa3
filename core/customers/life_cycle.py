"""Where a customer stands, computed from the units that he holds (domain reference 0.2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.customers.models import CustomerUnit, UnitRole


class LifeCycle(StrEnum):
    """The customer's stage, from the furthest of his purchases."""

    PROSPECT = "prospect"
    SUBSCRIBED = "subscribed"
    SIGNED = "signed"
    WAITING = "waiting"
    DELIVERED = "delivered"
    OCCUPIED = "occupied"
    CANCELLED = "cancelled"
    MERGED = "merged"
    """The record was merged into another one and is only its signpost."""
    ERASED = "erased"
    """The person's data was erased; the empty record stays."""


_ORDER = list(LifeCycle)
_OWNING = {UnitRole.BUYER, UnitRole.JOINT_OWNER}


def stage_of_holding(holding: CustomerUnit, today: dt.date) -> LifeCycle | None:
    """Return the stage that one purchase gives, or None when the relation is not a purchase or has ended by resale."""
    if holding.role not in _OWNING or (holding.to_date is not None and holding.to_date < today):
        return None
    if holding.cancelled_on is not None:
        return LifeCycle.CANCELLED
    unit = holding.unit
    if unit.occupied_on is not None and unit.occupied_on <= today:
        return LifeCycle.OCCUPIED
    if unit.delivered_on is not None and unit.delivered_on <= today:
        return LifeCycle.DELIVERED
    if holding.signed_on is not None and holding.signed_on <= today:
        return LifeCycle.SIGNED if holding.signed_on == today else LifeCycle.WAITING
    if holding.subscribed_on is not None and holding.subscribed_on <= today:
        return LifeCycle.SUBSCRIBED
    if holding.signed_on is None and holding.subscribed_on is None:
        # An owner from a workbook without dates: bought, on a day that nobody wrote down.
        return LifeCycle.WAITING
    return LifeCycle.PROSPECT


def compute_life_cycle(holdings: Iterable[CustomerUnit], today: dt.date) -> LifeCycle:
    """Return the furthest stage of all purchases; ``cancelled`` only when every purchase was cancelled.

    Args:
        holdings: The customer's relations to units.
        today: The day for which the stage is asked.
    """
    stages = [stage for holding in holdings if (stage := stage_of_holding(holding, today)) is not None]
    going = [stage for stage in stages if stage is not LifeCycle.CANCELLED]
    if going:
        return max(going, key=_ORDER.index)
    return LifeCycle.CANCELLED if stages else LifeCycle.PROSPECT


@dataclass(frozen=True)
class SurveyClassRule:
    """A boundary of the survey classes: delivered or not, and the age in months from which the class holds."""

    code: str
    delivered: bool
    from_months: int


DEFAULT_SURVEY_CLASSES: Sequence[SurveyClassRule] = (
    SurveyClassRule("future_owner_1", delivered=False, from_months=0),
    SurveyClassRule("future_owner_2", delivered=False, from_months=12),
    SurveyClassRule("settling_in_1", delivered=True, from_months=0),
    SurveyClassRule("settling_in_2", delivered=True, from_months=12),
    SurveyClassRule("settled", delivered=True, from_months=24),
)
"""准业主1, 准业主2, 磨合期1, 磨合期2, 稳定期."""


def months_between(start: dt.date, end: dt.date) -> int:
    """Return the full months from ``start`` to ``end``; a month is full on the same day of the next one."""
    months = (end.year - start.year) * 12 + end.month - start.month
    return months - 1 if end.day < start.day else months


def survey_class(
    signed_on: dt.date | None,
    delivered_on: dt.date | None,
    today: dt.date,
    rules: Sequence[SurveyClassRule] = DEFAULT_SURVEY_CLASSES,
) -> str | None:
    """Return the industry's survey class of a purchase, or None before signing.

    Args:
        signed_on: Day of signing.
        delivered_on: Day of delivery.
        today: The day for which the class is asked.
        rules: Class boundaries; configuration.
    """
    delivered = delivered_on is not None and delivered_on <= today
    start = delivered_on if delivered else signed_on
    if start is None or start > today:
        return None
    age = months_between(start, today)
    fitting = [rule for rule in rules if rule.delivered == delivered and age >= rule.from_months]
    return max(fitting, key=lambda rule: rule.from_months).code if fitting else None
