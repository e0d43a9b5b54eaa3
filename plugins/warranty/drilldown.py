"""The records behind a figure: what its denominator counts, and which of them make its numerator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.toolkit import Unit, db
from plugins.warranty import indicators
from plugins.warranty.indicators import Counted, Period
from plugins.warranty.models import CallBack, CostLine, Deduction, Order, Visit

REACHED, COUNTED = "reached", "counted"
"""The numerator, and the denominator."""
PARTS = (COUNTED, REACHED)


@dataclass(frozen=True)
class Source:
    """Where the records of one part of a figure are.

    Attributes:
        model: What they are.
        keys: A query of their keys, or the keys themselves, in order.
    """

    model: Any
    keys: sa.Select[Any] | Sequence[int]

    def count(self) -> int:
        """Return how many they are."""
        if isinstance(self.keys, sa.Select):
            found = self.keys.order_by(None).subquery()
            return int(db.session.scalar(sa.select(sa.func.count()).select_from(found)) or 0)
        return len(self.keys)

    def page(self, offset: int, limit: int) -> list[Any]:
        """Return some of them, loaded."""
        if isinstance(self.keys, sa.Select):
            keys = db.session.scalars(self.keys.offset(offset).limit(limit)).all()
        else:
            keys = self.keys[offset : offset + limit]
        rows = {
            row.id: row for row in db.session.scalars(sa.select(self.model).where(self.model.id.in_(keys)))
        }
        return [rows[key] for key in keys if key in rows]


def _orders(*where: sa.ColumnElement[bool]) -> Source:
    return Source(
        Order, sa.select(Order.id).where(*where).order_by(Order.reported_at.desc(), Order.id.desc())
    )


def _of(counted: Callable[[Period], Counted]) -> Callable[[Period, str], Source]:
    def source(period: Period, part: str) -> Source:
        found = counted(period)
        return _orders(*found.where, *((found.good,) if part == REACHED else ()))

    return source


def _visits(period: Period, part: str) -> Source:
    judged = indicators.judged_visits(period)
    return Source(Visit, [key for key, is_good in judged if is_good or part == COUNTED])


def _repeats(period: Period, part: str) -> Source:
    return _orders(*(indicators.repeats if part == REACHED else indicators.closed_orders)(period))


def _closing(period: Period, part: str) -> Source:
    return _orders(*(indicators.closed_orders if part == REACHED else indicators.raised_orders)(period))


def _answers(period: Period, part: str) -> Source:
    where = [*indicators.valid_answers(period)]
    if part == REACHED:
        where.append(indicators.is_satisfied())
    query = sa.select(CallBack.id).join(Order, Order.id == CallBack.order_id).where(*where)
    return Source(CallBack, query.order_by(CallBack.at.desc(), CallBack.id.desc()))


def _houses(period: Period) -> Source:
    query = sa.select(Unit.id).where(*indicators.delivered_houses(period))
    return Source(Unit, query.order_by(Unit.delivered_on.desc(), Unit.id))


def _early(period: Period, part: str) -> Source:
    return Source(Order, indicators.early_orders(period)) if part == REACHED else _houses(period)


def _costs(where: Sequence[sa.ColumnElement[bool]]) -> Source:
    query = sa.select(CostLine.id).join(Order, Order.id == CostLine.order_id).where(*where)
    return Source(CostLine, query.order_by(CostLine.spent_on.desc(), CostLine.id.desc()))


def _borne(period: Period, part: str) -> Source:
    return _costs(indicators.borne_costs(period)) if part == REACHED else _houses(period)


def _recovered(period: Period, part: str) -> Source:
    costs = indicators.recoverable_costs(period)
    if part == COUNTED:
        return _costs(costs)
    paid = sa.select(CostLine.order_id).join(Order, Order.id == CostLine.order_id).where(*costs)
    query = sa.select(Deduction.id).where(Deduction.state == "booked", Deduction.order_id.in_(paid))
    return Source(Deduction, query.order_by(Deduction.booked_at.desc(), Deduction.id.desc()))


SOURCES: Mapping[str, Callable[[Period, str], Source]] = {
    "K11": _of(indicators.counted_responses),
    "K12": _visits,
    "K13": _of(indicators.counted_completions),
    "K14": _of(indicators.counted_fixes),
    "K15": _repeats,
    "K16": _closing,
    "K17": _of(indicators.counted_call_backs),
    "K18": _answers,
    "K19": _early,
    "K20": _borne,
    "K21": _recovered,
    "K22": _of(indicators.counted_services),
}
"""How the records of each figure are found: period and part."""
