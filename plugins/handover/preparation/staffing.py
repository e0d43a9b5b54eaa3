"""How many people a batch needs: repair engineers, an information clerk, inspectors a day. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class StaffingRules:
    """The numbers of the rule; all of them are settings of the department.

    Attributes:
        households: Households that one repair engineer looks after, by kind of house.
        clerk_above: From more households than this on, a full-time information clerk is added.
        houses_a_day: Houses that one inspector accompanies on a day.
        minutes_from: Shortest usual time of one house, in minutes.
        minutes_to: Longest usual time.
    """

    households: Mapping[str, int]
    clerk_above: int
    houses_a_day: int
    minutes_from: int
    minutes_to: int


@dataclass(frozen=True)
class Staffing:
    """What a batch needs.

    Attributes:
        houses: Number of houses.
        engineers: Repair engineers for the concentrated repair period.
        clerk: Whether an information clerk is needed for a year.
        days: Concentrated days.
        houses_a_day: Houses on each of them.
        inspectors: Inspectors on each of them.
        hours_from: Hours that an inspector with a full day spends in houses, at the least.
        hours_to: At the most.
    """

    houses: int
    engineers: int
    clerk: bool
    days: int
    houses_a_day: int
    inspectors: int
    hours_from: float
    hours_to: float


def need(houses: Mapping[str, int], days: int, rules: StaffingRules) -> Staffing:
    """Return what a batch needs.

    Args:
        houses: Number of houses by kind, a key of ``rules.households``.
        days: Concentrated days, at least 1.
        rules: The numbers.

    Source: domain reference 3.3.3 (staffing rule [SRC 5]; six houses a day [OWN]).
    """
    total = sum(houses.values())
    exact = sum((Fraction(count, rules.households[kind]) for kind, count in houses.items()), Fraction())
    a_day = math.ceil(total / days)
    return Staffing(
        houses=total,
        engineers=math.ceil(exact),
        clerk=total > rules.clerk_above,
        days=days,
        houses_a_day=a_day,
        inspectors=math.ceil(a_day / rules.houses_a_day),
        hours_from=min(a_day, rules.houses_a_day) * rules.minutes_from / 60,
        hours_to=min(a_day, rules.houses_a_day) * rules.minutes_to / 60,
    )
