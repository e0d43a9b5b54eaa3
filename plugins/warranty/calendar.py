"""The visits of engineers in the calendar of the back office."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from flask import url_for
from sqlalchemy.orm import joinedload

from core.toolkit import CalendarEntry, db, require_scope, utc_now
from plugins.warranty import words
from plugins.warranty.models import Order, Visit, VisitState

SHOWN = 400
"""Visits in one page of the calendar."""


def visits_between(start: dt.datetime, end: dt.datetime, mine: bool) -> Sequence[CalendarEntry]:
    """Return the visits that are booked or going on between two moments, for the calendar.

    Args:
        start: The first moment.
        end: The moment after the last.
        mine: Whether only those of the acting user are asked for.
    """
    conditions = [
        Visit.booked_from >= start,
        Visit.booked_from < end,
        Visit.state.in_((VisitState.BOOKED, VisitState.ARRIVED)),
    ]
    if mine:
        conditions.append(Visit.engineer_id == require_scope().user_id)
    visits = db.session.scalars(
        sa.select(Visit)
        .where(*conditions)
        .options(joinedload(Visit.engineer), joinedload(Visit.order).joinedload(Order.unit))
        .order_by(Visit.booked_from, Visit.id)
        .limit(SHOWN)
    )
    now = utc_now()
    return [
        CalendarEntry(
            f"{visit.order.house} {words.PURPOSES[visit.purpose]}",
            visit.booked_from,
            visit.booked_to,
            url=url_for("warranty_orders.details_view", id=visit.order_id),
            detail=" · ".join(
                filter(
                    None,
                    (
                        words.fault_name(visit.order.fault_code),
                        visit.engineer.name if visit.engineer is not None else "",
                    ),
                )
            ),
            tone=_tone(visit, now),
        )
        for visit in visits
    ]


def _tone(visit: Visit, now: dt.datetime) -> str:
    """Red for a visit whose time has passed and to which nobody came."""
    if visit.state == VisitState.ARRIVED:
        return "ok"
    return "late" if visit.booked_to < now else "wait"
