"""The figures K11 to K22 of the warranty, exactly as domain reference 3.8 defines them.

A denominator of 0 has no rate, never 0 % or 100 %; merged and cancelled orders are left out; rates are rounded half up
to one decimal; numerator and denominator stay visible.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from core.toolkit import LOCAL_ZONE, Unit, _, db, listed, months_after, utc_now
from plugins.warranty import forms
from plugins.warranty.common import option
from plugins.warranty.coverage import Bearer
from plugins.warranty.models import (
    CallBack,
    CostLine,
    Deduction,
    Order,
    Visit,
    VisitState,
)
from plugins.warranty.workflows import DONE

LEFT_OUT = ("merged", "cancelled")
NO_REPAIR = (*LEFT_OUT, "not_warranty")


@dataclass(frozen=True)
class Rate:
    """A numerator over a denominator.

    Attributes:
        numerator: What was counted, or summed.
        denominator: Of how many, or of how much.
        is_provisional: Whether it can still change for the period.
        deducted: Points that are taken off the rate, which never falls below 0.
    """

    numerator: Decimal
    denominator: Decimal
    is_provisional: bool = False
    deducted: Decimal = Decimal(0)

    def value(self, factor: int = 100) -> Decimal | None:
        """Return numerator × factor ÷ denominator less what is taken off, rounded half up to one decimal; None without
        a denominator."""
        if not self.denominator:
            return None
        share = self.numerator * factor / self.denominator - self.deducted
        return max(share, Decimal(0)).quantize(Decimal("0.1"), ROUND_HALF_UP)

    @property
    def percent(self) -> str | None:
        """The rate as it is printed, "60.0%", or None."""
        value = self.value()
        return None if value is None else f"{value}%"


def rate(
    numerator: int | Decimal | None, denominator: int | Decimal | None, provisional: bool = False
) -> Rate:
    """Return a rate of two counts or sums, nothing counting as 0."""
    return Rate(Decimal(numerator or 0), Decimal(denominator or 0), provisional)


@dataclass(frozen=True)
class Period:
    """Days from and to, both included, as they are in China, and what is looked at.

    Attributes:
        first: First day.
        last: Last day.
        project_id: The project; all visible ones when None.
        contractor_id: The contractor; all when None.
        now: The moment at which it is asked; what is due later is left out.
    """

    first: dt.date
    last: dt.date
    project_id: int | None = None
    contractor_id: int | None = None
    now: dt.datetime | None = None

    @property
    def asked_at(self) -> dt.datetime:
        """The moment at which it is asked."""
        return self.now or utc_now()

    @property
    def begin(self) -> dt.datetime:
        """The first moment."""
        return dt.datetime.combine(self.first, dt.time(), LOCAL_ZONE).astimezone(dt.UTC)

    @property
    def end(self) -> dt.datetime:
        """The moment after the last one."""
        return dt.datetime.combine(self.last + dt.timedelta(days=1), dt.time(), LOCAL_ZONE).astimezone(dt.UTC)

    def holds(self, column: Any) -> sa.ColumnElement[bool]:
        """Return the condition that a moment lies in the period."""
        return sa.and_(column >= self.begin, column < self.end)

    def orders(self, left_out: tuple[str, ...] = LEFT_OUT) -> list[sa.ColumnElement[bool]]:
        """Return the conditions on orders that are counted."""
        conditions: list[sa.ColumnElement[bool]] = [Order.state.not_in(left_out)]
        if self.project_id is not None:
            conditions.append(Order.project_id == self.project_id)
        if self.contractor_id is not None:
            conditions.append(Order.contractor_id == self.contractor_id)
        return conditions


@dataclass(frozen=True)
class Counted:
    """Orders that a figure counts, and what makes one of them good.

    Attributes:
        where: Conditions on the orders that are counted.
        good: The condition on those of them that make the numerator.
        is_provisional: Whether the figure can still change for the period.
    """

    where: tuple[sa.ColumnElement[bool], ...]
    good: sa.ColumnElement[bool]
    is_provisional: bool = False

    def rate(self) -> Rate:
        """Return how many of the counted orders are good."""
        row = db.session.execute(
            sa.select(sa.func.sum(sa.case((self.good, 1), else_=0)), sa.func.count(Order.id)).where(
                *self.where
            )
        ).one()
        return rate(row[0], row[1], self.is_provisional)


def counted_responses(period: Period) -> Counted:
    """Return what :func:`response_on_time` counts."""
    judged = sa.or_(Order.contacted_at.is_not(None), Order.contact_due_at < period.asked_at)
    return Counted(
        (period.holds(Order.reported_at), judged, *period.orders()),
        sa.and_(Order.contacted_at.is_not(None), Order.contacted_at <= Order.contact_due_at),
    )


def response_on_time(period: Period) -> Rate:
    """K11 报修响应及时率: orders whose first contact came within its limit ÷ orders reported in the period. Those whose
    limit still runs are not judged yet."""
    return counted_responses(period).rate()


def judged_visits(period: Period) -> list[tuple[int, bool]]:
    """Return the visits that :func:`arrival_on_time` counts, each with whether somebody came in time."""
    tolerance = dt.timedelta(minutes=int(option("arrival_tolerance_minutes")))
    visits = db.session.execute(
        sa.select(Visit.id, Visit.arrived_at, Visit.booked_to, Order.arrived_at, Order.arrival_due_at)
        .join(Order, Order.id == Visit.order_id)
        .where(
            period.holds(Visit.booked_to),
            Visit.booked_to < period.asked_at - tolerance,
            Visit.state.not_in((VisitState.CANCELLED, VisitState.OWNER_ABSENT)),
            *period.orders(),
        )
        .order_by(Visit.id)
    ).all()
    judged = []
    for key, arrived, booked_to, first, limit in visits:
        is_late = arrived is None or arrived > booked_to + tolerance
        is_first_late = arrived is not None and arrived == first and limit is not None and arrived > limit
        judged.append((key, not is_late and not is_first_late))
    return judged


def arrival_on_time(period: Period) -> Rate:
    """K12 上门及时率: visits with an arrival at most 15 minutes after the booked end and, for the first one of an
    order, within its limit ÷ visits whose booked end lies in the period and has passed. Cancelled visits and those at
    which nobody opened are left out; setting ``arrival_tolerance_minutes``."""
    judged = judged_visits(period)
    return rate(sum(1 for _key, is_good in judged if is_good), len(judged))


def counted_completions(period: Period) -> Counted:
    """Return what :func:`completion_on_time` counts."""
    return Counted(
        (period.holds(Order.due_at), Order.due_at <= period.asked_at, *period.orders(NO_REPAIR)),
        sa.and_(Order.fixed_at.is_not(None), Order.fixed_at <= Order.due_at),
    )


def completion_on_time(period: Period) -> Rate:
    """K13 维修及时率: orders finished within their limit ÷ orders due in the period, rests that count added."""
    return counted_completions(period).rate()


def closed_orders(period: Period) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions on orders that were closed in a period."""
    return (period.holds(Order.closed_at), Order.state.in_(DONE), *period.orders(NO_REPAIR))


def counted_fixes(period: Period) -> Counted:
    """Return what :func:`first_time_fix` counts: the orders that are old enough, else provisionally all."""
    again = aliased(Order)
    no_repeat = ~sa.exists().where(again.repeat_of_id == Order.id, again.state.not_in(LEFT_OUT))
    fixed_once = sa.and_(no_repeat, Order.repair_cycles == 1, Order.reopen_count == 0)
    ripe = Order.closed_at < period.asked_at - dt.timedelta(days=int(option("repeat_days")))
    closed = closed_orders(period)
    if _number(*closed, ripe):
        return Counted((*closed, ripe), fixed_once)
    return Counted(closed, fixed_once, is_provisional=bool(_number(*closed)))


def first_time_fix(period: Period) -> Rate:
    """K14 一次修复率: orders closed in the period without a repeat and with one repair cycle ÷ those closed more than
    90 days ago; provisional while all of them are younger. Setting ``repeat_days``."""
    return counted_fixes(period).rate()


def repeats(period: Period) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions on orders that were reported in a period and repeat another one."""
    return (period.holds(Order.reported_at), Order.repeat_of_id.is_not(None), *period.orders())


def repeat_rate(period: Period) -> Rate:
    """K15 返修率: orders reported in the period that repeat another one ÷ orders closed in it."""
    return rate(_number(*repeats(period)), _number(*closed_orders(period)))


def _number(*where: sa.ColumnElement[bool]) -> int:
    return int(db.session.scalar(sa.select(sa.func.count(Order.id)).where(*where)) or 0)


def raised_orders(period: Period) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions on valid orders that were reported in a period."""
    return (period.holds(Order.reported_at), *period.orders(NO_REPAIR))


def close_rate(period: Period) -> Rate:
    """K16 维修关闭率: orders closed in the period ÷ valid orders raised in it."""
    return rate(_number(*closed_orders(period)), _number(*raised_orders(period)))


def counted_call_backs(period: Period) -> Counted:
    """Return what :func:`call_back_rate` counts."""
    return Counted(closed_orders(period), Order.called_back_at.is_not(None))


def call_back_rate(period: Period) -> Rate:
    """K17 维修回访率: orders called back ÷ orders closed in the period."""
    return counted_call_backs(period).rate()


def valid_answers(period: Period) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions on call-backs of a period with a valid score, joined with their orders."""
    return (period.holds(CallBack.at), CallBack.score.between(1, 5), *period.orders())


def is_satisfied() -> sa.ColumnElement[bool]:
    """Return the condition on call-backs whose owner is satisfied; setting ``satisfied_score``."""
    return CallBack.score >= int(option("satisfied_score"))


def satisfaction(period: Period) -> Rate:
    """K18 维修满意率: call-backs of the period with a score of 4 and more ÷ those with a valid score."""
    row = db.session.execute(
        sa.select(sa.func.sum(sa.case((is_satisfied(), 1), else_=0)), sa.func.count(CallBack.id))
        .join(Order, Order.id == CallBack.order_id)
        .where(*valid_answers(period))
    ).one()
    return rate(row[0], row[1])


def months_in_service(period: Period) -> dict[int, int]:
    """Return for each delivered house its whole months in service at the end of a period, at most twelve."""
    months = {}
    for house in _houses(period):
        whole = 0
        while whole < 12 and months_after(house.delivered_on, whole + 1) <= period.last + dt.timedelta(
            days=1
        ):
            whole += 1
        months[house.id] = whole
    return months


def early_orders(period: Period) -> list[int]:
    """Return the orders of the first twelve months of their houses, until the end of a period."""
    rows = db.session.execute(
        sa.select(Order.id, Unit.delivered_on, Order.reported_at)
        .join(Unit, Unit.id == Order.unit_id)
        .where(
            Unit.delivered_on.is_not(None),
            Unit.delivered_on <= period.last,
            Order.reported_at < period.end,
            *period.orders(),
        )
        .order_by(Order.id)
    ).all()
    return [
        key
        for key, delivered, reported_at in rows
        if delivered is not None
        and delivered <= reported_at.astimezone(LOCAL_ZONE).date() < months_after(delivered, 12)
    ]


def orders_per_house(period: Period) -> Rate:
    """K19 户均报修数: orders in the first twelve months of houses ÷ delivered houses, each weighted by its months in
    service ÷ 12, at the end of the period. The denominator is in months, so the rate is taken with the factor 12."""
    return rate(len(early_orders(period)), sum(months_in_service(period).values()))


@dataclass(frozen=True)
class House:
    """A delivered house, with what figures need."""

    id: int
    delivered_on: dt.date
    area: Decimal | None
    price: Decimal | None
    is_fitted: bool


def _houses(period: Period) -> list[House]:
    rows = db.session.execute(
        sa.select(
            Unit.id,
            Unit.delivered_on,
            Unit.gross_area_measured,
            Unit.gross_area_contract,
            Unit.price,
            Unit.decoration,
        ).where(*delivered_houses(period))
    ).all()
    return [
        House(key, day, measured or contract, price, kind == "fitted")
        for key, day, measured, contract, price, kind in rows
        if day is not None
    ]


@dataclass(frozen=True)
class CostPerHouse:
    """K20 保修成本/户.

    Attributes:
        cost: What the developer bore in the period, in yuan.
        houses: Delivered houses at its end.
        area: Their area in m², of those where it is known.
        price: Their contract prices in yuan, of those where they are known.
        provision: What was planned for them in two years, in yuan.
    """

    cost: Decimal
    houses: int
    area: Decimal
    price: Decimal
    provision: Decimal

    @property
    def per_house(self) -> Decimal | None:
        """Yuan for a house."""
        return _divided(self.cost, Decimal(self.houses), Decimal("0.01"))

    @property
    def per_area(self) -> Decimal | None:
        """Yuan for a square metre."""
        return _divided(self.cost, self.area, Decimal("0.01"))

    @property
    def of_price(self) -> Decimal | None:
        """Percent of the contract price."""
        return _divided(self.cost * 100, self.price, Decimal("0.001"))


def _divided(amount: Decimal, by: Decimal, places: Decimal) -> Decimal | None:
    return (amount / by).quantize(places, ROUND_HALF_UP) if by else None


def _spent(period: Period) -> tuple[sa.ColumnElement[bool], ...]:
    return (CostLine.spent_on >= period.first, CostLine.spent_on <= period.last, *period.orders())


def borne_costs(period: Period) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions on costs of a period that the developer bears, joined with their orders."""
    return (CostLine.borne_by == Bearer.DEVELOPER, *_spent(period))


def recoverable_costs(period: Period) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions on costs of a period that we paid for contractors, joined with their orders."""
    return (CostLine.borne_by == Bearer.CONTRACTOR, CostLine.paid_by_us.is_(True), *_spent(period))


def delivered_houses(period: Period) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions on houses that were delivered by the end of a period."""
    conditions: list[sa.ColumnElement[bool]] = [
        Unit.delivered_on.is_not(None),
        Unit.delivered_on <= period.last,
    ]
    if period.project_id is not None:
        conditions.append(Unit.project_id == period.project_id)
    return tuple(conditions)


def cost_per_house(period: Period) -> CostPerHouse:
    """K20 保修成本/户: Σ cost borne by the developer in the period ÷ delivered houses; also per m² and of the price,
    with the provision beside it. Settings ``provision_rough`` and ``provision_fitted``."""
    cost = db.session.scalars(
        sa.select(CostLine.amount).join(Order, Order.id == CostLine.order_id).where(*borne_costs(period))
    ).all()
    houses = _houses(period)
    fitted = sum(1 for house in houses if house.is_fitted)
    return CostPerHouse(
        sum(cost, Decimal(0)),
        len(houses),
        sum((house.area for house in houses if house.area), Decimal(0)),
        sum((house.price for house in houses if house.price), Decimal(0)),
        Decimal(option("provision_fitted")) * fitted
        + Decimal(option("provision_rough")) * (len(houses) - fitted),
    )


def recovery(period: Period) -> Rate:
    """K21 追偿率: what was recovered from contractors ÷ what we paid for them in the period. What an order's deductions
    bring beyond its cost, the management fee, is no recovery of it."""
    lines = db.session.execute(
        sa.select(CostLine.order_id, CostLine.amount)
        .join(Order, Order.id == CostLine.order_id)
        .where(*recoverable_costs(period))
    ).all()
    paid: dict[int, Decimal] = {}
    for order_id, amount in lines:
        paid[order_id] = paid.get(order_id, Decimal(0)) + amount
    got: dict[int, Decimal] = {}
    if paid:
        for order_id, taken in db.session.execute(
            sa.select(Deduction.order_id, Deduction.final_amount).where(
                Deduction.order_id.in_(paid), Deduction.state == "booked"
            )
        ):
            got[order_id] = got.get(order_id, Decimal(0)) + (taken or Decimal(0))
    recovered = sum((min(got.get(key, Decimal(0)), amount) for key, amount in paid.items()), Decimal(0))
    return rate(recovered, sum(paid.values(), Decimal(0)))


def counted_services(period: Period) -> Counted:
    """Return what :func:`qualified_service` counts."""
    least = int(option("dissatisfied_score"))
    good = sa.and_(
        Order.dispatched_at <= Order.contact_due_at,
        Order.arrived_at <= Order.arrival_due_at,
        Order.fixed_at <= Order.due_at,
        sa.or_(Order.score.is_(None), Order.score > least),
        forms.is_complete(),
    )
    return Counted(closed_orders(period), good)


def why_unqualified(order: Order) -> list[str]:
    """Return what keeps an order from being a qualified service, in the words of the reader; nothing where
    it is one."""

    def late(done: dt.datetime | None, due: dt.datetime | None) -> bool:
        return done is None or due is None or done > due

    found = []
    if late(order.dispatched_at, order.contact_due_at):
        found.append(_("dispatched late"))
    if late(order.arrived_at, order.arrival_due_at):
        found.append(_("arrived late"))
    if late(order.fixed_at, order.due_at):
        found.append(_("finished late"))
    if order.score is not None and order.score <= int(option("dissatisfied_score")):
        found.append(_("owner dissatisfied"))
    if gaps := forms.missing(order):
        found.append(_("form incomplete: %(parts)s", parts=listed(gaps)))
    return found


def missed_call_backs(period: Period) -> bool:
    """Return whether fewer owners were called back than the target of K17 says, of those whose call-back is due."""
    due = Counted(
        (*closed_orders(period), Order.call_back_due_at <= period.asked_at), Order.called_back_at.is_not(None)
    ).rate()
    value = due.value()
    return value is not None and value < Decimal(option("target_k17"))


def qualified_service(period: Period) -> Rate:
    """K22 上门服务合格率: 1 − unqualified ÷ orders closed in the period. Unqualified is an order that was dispatched
    after the limit of the first contact, arrived at or finished late, whose owner is dissatisfied, or whose form is
    incomplete (``forms.py``). Where not every owner was called back who should have been by now, some points are taken
    off; setting ``call_back_deduction``.

    Source: domain reference 3.8 and 3.4.7: "call-back 100 %, deduct 2 % if not reached".
    """
    found = counted_services(period).rate()
    if found.denominator and missed_call_backs(period):
        return replace(found, deducted=Decimal(option("call_back_deduction")))
    return found
