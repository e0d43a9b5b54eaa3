"""How old and how late orders are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import sqlalchemy as sa

from core.toolkit import (
    utc_now,
)
from plugins.warranty.common import option
from plugins.warranty.models import (
    Order,
)
from plugins.warranty.workflows import OPEN


def age_days(order: Order, today: dt.date | None = None) -> int:
    """Return how many calendar days ago an open order was reported; 0 for one that has ended."""
    from plugins.warranty.common import local_day

    if order.state not in OPEN:
        return 0
    return ((today or local_day(utc_now())) - local_day(order.reported_at)).days


def age_colour(days: int, limits: Mapping[str, int]) -> str:
    """Return ``normal``, ``yellow``, ``orange`` or ``red`` for an age.

    Source: domain reference 3.4.4: 0–7 days normal, 8–14 yellow, 15–30 orange, more red; settings ``age_…_days``.
    """
    if days >= limits["red"]:
        return "red"
    if days >= limits["orange"]:
        return "orange"
    return "yellow" if days >= limits["yellow"] else "normal"


def age_limits() -> dict[str, int]:
    """Return the days from which on an order is yellow, orange and red in the acting department."""
    return {name: int(option(f"age_{name}_days")) for name in ("yellow", "orange", "red")}


def is_overdue(order: Order, now: dt.datetime | None = None) -> bool:
    """Return whether a repair should have been finished by now and was not."""
    return (
        order.state in OPEN
        and order.fixed_at is None
        and order.due_at is not None
        and order.due_at < (now or utc_now())
    )


def is_untold(order: Order, now: dt.datetime | None = None) -> bool:
    """Return whether the owner should have heard of the progress by now."""
    return (
        order.state in OPEN
        and order.progress_due_at is not None
        and order.progress_due_at < (now or utc_now())
    )


def untold_condition(now: dt.datetime | None = None) -> sa.ColumnElement[bool]:
    """Return :func:`is_untold` as a condition of a query on :class:`Order`."""
    return sa.and_(Order.state.in_(OPEN), Order.progress_due_at < (now or utc_now()))


def overdue_condition(now: dt.datetime | None = None) -> sa.ColumnElement[bool]:
    """Return :func:`is_overdue` as a condition of a query on :class:`Order`."""
    return sa.and_(Order.state.in_(OPEN), Order.fixed_at.is_(None), Order.due_at < (now or utc_now()))
