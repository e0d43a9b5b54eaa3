"""The figures of handover, exactly as domain reference 3.8 defines them. A denominator of 0 has no rate,
never 0 % or 100 %."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from core.toolkit import CustomerUnit, Unit, db, local_today, utc_now
from plugins.handover.models import (
    Defect,
    DefectRecheck,
    HandoverBatch,
    HandoverUnit,
    HandoverVisit,
    Inspection,
    InspectionKind,
    InspectionState,
    KeysState,
    Severity,
    Station,
    StationLog,
)
from plugins.handover.preparation.services import readiness
from plugins.handover.services.common import COUNTED, INTERNAL_KINDS, SERIOUS


@dataclass(frozen=True)
class Rate:
    """A numerator over a denominator.

    Attributes:
        numerator: What was counted.
        denominator: Of how many.
    """

    numerator: int
    denominator: int

    def value(self, factor: int = 100) -> Decimal | None:
        """Return numerator × factor ÷ denominator, rounded half up to one decimal (domain reference F);
        None without any."""
        if not self.denominator:
            return None
        exact = Decimal(self.numerator * factor) / Decimal(self.denominator)
        return exact.quantize(Decimal("0.1"), ROUND_HALF_UP)

    @property
    def percent(self) -> str | None:
        """The rate as it is printed, "40.0%", or None."""
        value = self.value()
        return None if value is None else f"{value}%"

    @property
    def mean(self) -> str | None:
        """The mean as it is printed, "4.9", or None."""
        value = self.value(1)
        return None if value is None else str(value)


Conditions = Sequence[sa.ColumnElement[bool]]


def _is_first_formal() -> sa.ColumnElement[bool]:
    """The condition that an inspection is the first formal round of its house that was finished.

    Asked of each round by the index of its house, so that the rounds of other projects are not read.
    """
    earlier = aliased(Inspection)
    return sa.and_(
        Inspection.kind == InspectionKind.FORMAL,
        Inspection.state == InspectionState.FINISHED,
        ~sa.exists().where(
            earlier.unit_id == Inspection.unit_id,
            earlier.kind == InspectionKind.FORMAL,
            earlier.state == InspectionState.FINISHED,
            earlier.id < Inspection.id,
        ),
    )


def first_pass(*conditions: sa.ColumnElement[bool]) -> Rate:
    """K01 一次验收通过率: houses whose first formal inspection found no defect S1–S3 ÷ houses with a first formal
    inspection.

    Args:
        conditions: Further conditions on :class:`Inspection`, for example a project.
    """
    return _rate(Inspection.id, counted_first_rounds(), *conditions)


@dataclass(frozen=True)
class Counted:
    """What a rate counts.

    Attributes:
        where: What its denominator counts.
        good: What of it makes the numerator.
    """

    where: Conditions
    good: sa.ColumnElement[bool]


def _rate(key: Any, counted: Counted, *conditions: sa.ColumnElement[bool]) -> Rate:
    row = db.session.execute(
        sa.select(sa.func.count(key), sa.func.sum(sa.case((counted.good, 1), else_=0))).where(
            *counted.where, *conditions
        )
    ).one()
    return Rate(int(row[1] or 0), int(row[0]))


def counted_first_rounds() -> Counted:
    """Return what K01 counts of :class:`Inspection`."""
    found = sa.exists().where(
        Defect.inspection_id == Inspection.id, Defect.severity.in_(COUNTED), Defect.state != "invalid"
    )
    return Counted((_is_first_formal(),), ~found)


def defects_per_house(*conditions: sa.ColumnElement[bool]) -> Rate:
    """K05 户均缺陷数: defects S1–S3 of the first formal round ÷ houses inspected in it.

    Args:
        conditions: Further conditions on :class:`Inspection`.
    """
    houses = db.session.scalar(sa.select(sa.func.count(Inspection.id)).where(_is_first_formal(), *conditions))
    defects = db.session.scalar(
        sa.select(sa.func.count(Defect.id))
        .join(Inspection, Inspection.id == Defect.inspection_id)
        .where(*defects_of_first_rounds(), *conditions)
    )
    return Rate(int(defects or 0), int(houses or 0))


def defects_of_first_rounds() -> Conditions:
    """Return what K05 counts of :class:`Defect` joined to its :class:`Inspection`."""
    return (_is_first_formal(), Defect.severity.in_(COUNTED), Defect.state != "invalid")


def closed(*conditions: sa.ColumnElement[bool]) -> Rate:
    """K06 销项率: defects closed ÷ defects raised, those that were no problem removed.

    Args:
        conditions: Further conditions on :class:`Defect`.
    """
    return _rate(Defect.id, counted_defects(), *conditions)


def counted_defects() -> Counted:
    """Return what K06 counts of :class:`Defect`."""
    return Counted((Defect.state != "invalid",), Defect.state == "closed")


def on_time(*conditions: sa.ColumnElement[bool], now: dt.datetime | None = None) -> Rate:
    """K07 整改及时率: defects fixed by their first promise ÷ defects whose first promise has passed.

    A defect that failed its re-inspection counts by its last repair. No problems, waived and transferred
    ones are left out.

    Args:
        conditions: Further conditions on :class:`Defect`.
        now: The moment of counting.
    """
    return _rate(Defect.id, counted_repairs(now), *conditions)


def counted_repairs(now: dt.datetime | None = None) -> Counted:
    """Return what K07 counts of :class:`Defect`.

    Args:
        now: The moment of counting.
    """
    return Counted(
        (
            Defect.first_promised_by <= (now or utc_now()),
            Defect.state.not_in(("invalid", "waived", "transferred")),
        ),
        sa.and_(Defect.fixed_at.is_not(None), Defect.fixed_at <= Defect.first_promised_by),
    )


def passed_recheck(*conditions: sa.ColumnElement[bool]) -> Rate:
    """K08 复验一次合格率: defects that passed their first re-inspection ÷ defects that were re-inspected.

    Args:
        conditions: Further conditions on :class:`Defect`.
    """
    return _rate(Defect.id, counted_rechecks(), *conditions)


def counted_rechecks() -> Counted:
    """Return what K08 counts of :class:`Defect`."""
    first = (DefectRecheck.defect_id == Defect.id, DefectRecheck.round_number == 1)
    return Counted((sa.exists().where(*first),), sa.exists().where(*first, DefectRecheck.passed.is_(True)))


def houses_visiting(*conditions: sa.ColumnElement[bool]) -> sa.Select[int]:
    """Return the keys of the houses that K02 and K09 count: a visit has ended, or the owner has said his opinion; one
    that has just come is not judged.

    Args:
        conditions: Further conditions on :class:`HandoverUnit` or :class:`HandoverVisit`.
    """
    return (
        sa.select(HandoverVisit.handover_unit_id)
        .join(HandoverUnit, HandoverUnit.id == HandoverVisit.handover_unit_id)
        .where(sa.or_(HandoverVisit.ended_at.is_not(None), HandoverVisit.outcome != ""), *conditions)
        .distinct()
    )


def houses_accepted_at_once(*conditions: sa.ColumnElement[bool]) -> sa.Select[int]:
    """Return the keys of the houses that make the numerator of K02, see :func:`houses_visiting`."""
    return (
        sa.select(HandoverVisit.handover_unit_id)
        .where(
            HandoverVisit.handover_unit_id.in_(houses_visiting(*conditions)),
            HandoverVisit.outcome.in_(("accepted", "accepted_with_defects")),
            HandoverVisit.number == 1,
        )
        .distinct()
    )


def houses_refused(*conditions: sa.ColumnElement[bool]) -> sa.Select[int]:
    """Return the keys of the houses that make the numerator of K09, see :func:`houses_visiting`."""
    return houses_visiting(HandoverVisit.outcome == "refused", *conditions)


def _count(keys: sa.Select[int]) -> int:
    return int(db.session.scalar(sa.select(sa.func.count()).select_from(keys.subquery())) or 0)


def accepted_at_first_visit(*conditions: sa.ColumnElement[bool]) -> Rate:
    """K02 一次收楼率: houses accepted, with or without defects, at the first visit ÷ houses visiting.

    Of a day these are the houses that came on it; whether a house was accepted at its first visit stays true when its
    owner comes back for the keys.

    Args:
        conditions: Further conditions on :class:`HandoverUnit` or :class:`HandoverVisit`.
    """
    return Rate(_count(houses_accepted_at_once(*conditions)), _count(houses_visiting(*conditions)))


def refused(*conditions: sa.ColumnElement[bool]) -> Rate:
    """K09 拒收率: houses refused at any of the visits ÷ houses visited.

    Args:
        conditions: Further conditions on :class:`HandoverUnit` or :class:`HandoverVisit`; of a day only its own visits
            count, not a refusal of another day.
    """
    return Rate(_count(houses_refused(*conditions)), _count(houses_visiting(*conditions)))


def delivered_by(moment: dt.datetime, *conditions: sa.ColumnElement[bool]) -> Rate:
    """K03 交付率: houses delivered by a moment ÷ houses due in the batch by then.

    Due is a house that is sold, whose delivery notice was sent and whose price is paid. One that is deemed delivered
    counts as due and not as delivered: nobody has taken its keys.

    Args:
        moment: The end of day d.
        conditions: Further conditions on :class:`HandoverUnit`, for example a batch.
    """
    return _rate(HandoverUnit.id, counted_deliveries(moment), *conditions)


def _is_sold() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        CustomerUnit.unit_id == HandoverUnit.unit_id, CustomerUnit.cancelled_on.is_(None)
    )


def counted_deliveries(moment: dt.datetime) -> Counted:
    """Return what K03 counts of :class:`HandoverUnit`.

    Args:
        moment: The end of day d.
    """
    return Counted(
        (HandoverUnit.notice_sent_at <= moment, HandoverUnit.payment_complete.is_(True), _is_sold()),
        sa.and_(HandoverUnit.delivered_at.is_not(None), HandoverUnit.delivered_at <= moment),
    )


def capable_on_time(*conditions: sa.ColumnElement[bool], today: dt.date | None = None) -> Rate:
    """K04 准时交付率: houses capable of delivery on or before the T of their contract ÷ houses due.

    Due is a house that is sold and whose price is paid, and whose T has come; whether we sent the notice does not
    matter, since that is our own duty. Since when a house is capable is noted by
    :mod:`plugins.handover.preparation.services.readiness`.

    Args:
        conditions: Further conditions on :class:`HandoverUnit`, for example a batch.
        today: The day of counting.
    """
    judged = houses_due(*conditions, today=today)
    return Rate(sum(is_in_time for _key, is_in_time in judged), len(judged))


def houses_due(*conditions: sa.ColumnElement[bool], today: dt.date | None = None) -> list[tuple[int, bool]]:
    """Return the keys of the houses that K04 counts, and whether each was capable in time.

    Args:
        conditions: Further conditions on :class:`HandoverUnit`.
        today: The day of counting.
    """
    day = sa.func.coalesce(Unit.contract_delivery_on, HandoverBatch.delivery_on)
    rows = db.session.execute(
        sa.select(HandoverUnit.id, HandoverUnit.capable_at, day)
        .join(Unit, Unit.id == HandoverUnit.unit_id)
        .join(HandoverBatch, HandoverBatch.id == HandoverUnit.batch_id)
        .where(
            HandoverUnit.payment_complete.is_(True), _is_sold(), day <= (today or local_today()), *conditions
        )
        .order_by(HandoverUnit.id)
    )
    return [(key, readiness.is_in_time(capable_at, due)) for key, capable_at, due in rows]


LONGEST_HANDOVER = dt.timedelta(minutes=480)
"""A longer time is a visit that nobody closed, or one over two days."""


def handover_minutes(*conditions: sa.ColumnElement[bool]) -> Rate:
    """K10 交付平均时长: mean of keys − sign-in in minutes, visits above 480 minutes left out.

    Args:
        conditions: Further conditions on :class:`HandoverUnit` or :class:`HandoverVisit`.

    Returns:
        The minutes of all visits as numerator, rounded to whole ones, and how many visits there are.
    """
    stays = visit_minutes(*conditions)
    return Rate(round(sum(minutes for _key, minutes in stays)), len(stays))


def visit_minutes(*conditions: sa.ColumnElement[bool]) -> list[tuple[int, float]]:
    """Return the keys of the visits that K10 counts, and how many minutes each took.

    Args:
        conditions: Further conditions on :class:`HandoverUnit` or :class:`HandoverVisit`.
    """
    came, left = aliased(StationLog), aliased(StationLog)
    rows = db.session.execute(
        sa.select(HandoverVisit.id, sa.func.min(came.entered_at), sa.func.max(left.left_at))
        .select_from(HandoverVisit)
        .join(HandoverUnit, HandoverUnit.id == HandoverVisit.handover_unit_id)
        .join(came, sa.and_(came.visit_id == HandoverVisit.id, came.station == Station.SIGN_IN))
        .join(left, sa.and_(left.visit_id == HandoverVisit.id, left.station == Station.KEYS))
        .where(HandoverUnit.keys_state == KeysState.HANDED, left.left_at.is_not(None), *conditions)
        .group_by(HandoverVisit.id)
        .order_by(HandoverVisit.id)
    )
    stays = [(key, end - begin) for key, begin, end in rows if end is not None]
    return [(key, stay / dt.timedelta(minutes=1)) for key, stay in stays if stay <= LONGEST_HANDOVER]


@dataclass(frozen=True)
class Standing:
    """How far the defects of a batch are closed before its handover (domain reference 3.3.4 and 5.6.3).

    Attributes:
        open_per_house: Open defects over houses.
        serious: Open defects S1 and S2.
        closed: Closed defects of our own rounds over those that they found.
        worst_closed: The same of S1 alone.
    """

    open_per_house: Rate
    serious: int
    closed: Rate
    worst_closed: Rate


def standing(batch_id: int) -> Standing:
    """Count the open defects of a batch, and how many of our own rounds are closed.

    Args:
        batch_id: The batch.
    """
    from plugins.handover.workflows import OPEN

    houses = sa.select(HandoverUnit.unit_id).where(HandoverUnit.batch_id == batch_id)
    count = db.session.scalar(sa.select(sa.func.count()).select_from(houses.subquery()))
    is_serious = sa.case((Defect.severity.in_(SERIOUS), 1), else_=0)
    still_open, serious = db.session.execute(
        sa.select(sa.func.count(Defect.id), sa.func.sum(is_serious)).where(
            Defect.unit_id.in_(houses), Defect.state.in_(OPEN)
        )
    ).one()
    own = Defect.inspection_id.in_(
        sa.select(Inspection.id).where(Inspection.unit_id.in_(houses), Inspection.kind.in_(INTERNAL_KINDS))
    )
    return Standing(
        Rate(int(still_open), int(count or 0)),
        int(serious or 0),
        closed(own),
        closed(own, Defect.severity == Severity.S1),
    )


@dataclass(frozen=True)
class ContractorRecord:
    """How a contractor does.

    Attributes:
        contractor_id: The company.
        total: Defects that it answers for, no problems left out.
        open: Those that are not done with.
        overdue: Those past their promise.
        reopened: Those that failed a re-inspection.
    """

    contractor_id: int
    total: int
    open: int
    overdue: int
    reopened: int


def by_contractor(*conditions: sa.ColumnElement[bool], limit: int = 8) -> list[ContractorRecord]:
    """Return how the contractors do, the one with most overdue defects first.

    Args:
        conditions: Further conditions on :class:`Defect`.
        limit: How many at most.
    """
    from plugins.handover.services import overdue_condition
    from plugins.handover.workflows import OPEN

    def count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.sum(sa.case((condition, 1), else_=0))

    overdue = count(overdue_condition())
    rows = db.session.execute(
        sa.select(
            Defect.contractor_id,
            sa.func.count(Defect.id),
            count(Defect.state.in_(OPEN)),
            overdue,
            count(Defect.reopen_count > 0),
        )
        .where(Defect.contractor_id.is_not(None), Defect.state != "invalid", *conditions)
        .group_by(Defect.contractor_id)
        .order_by(overdue.desc(), Defect.contractor_id)
        .limit(limit)
    )
    return [ContractorRecord(row[0] or 0, row[1], int(row[2]), int(row[3]), int(row[4])) for row in rows]
