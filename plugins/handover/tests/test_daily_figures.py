"""The figures of a day and K02, K09, K10 against a count by hand, over houses invented for three days."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from core.toolkit import LOCAL_ZONE, CustomerUnit, Unit, db
from plugins.handover import indicators, services
from plugins.handover.models import (
    Defect,
    HandoverUnit,
    HandoverVisit,
    Inspection,
    InspectionKind,
    InspectionState,
    KeyKind,
    KeyRecord,
    Severity,
    Station,
    StationLog,
)
from plugins.handover.services.daily_reports import day_bounds, figures_of
from plugins.handover.tests.conftest import unit

FIRST = dt.date(2026, 11, 20)
DAYS = [FIRST + dt.timedelta(days=turn) for turn in range(3)]
MINUTES = (45, 89, 133, 300, 480, 481, 700)


def moment(day: dt.date, minute: int) -> dt.datetime:
    """Return a minute of a day in China, in UTC."""
    return (dt.datetime.combine(day, dt.time(), LOCAL_ZONE) + dt.timedelta(minutes=minute)).astimezone(dt.UTC)


@dataclass
class Came:
    """A visit as the count by hand knows it; ``stays`` are station and minutes, the last one may still run."""

    day: dt.date
    outcome: str
    runs: bool
    signed_in: bool
    minutes: int | None
    stays: list[tuple[str, int | None]] = field(default_factory=list)


@dataclass
class House:
    """A house as the count by hand knows it."""

    place: HandoverUnit
    is_sold: bool
    visits: list[Came] = field(default_factory=list)
    keys: tuple[dt.date, int] | None = None
    defects: list[tuple[dt.date, str, str, bool]] = field(default_factory=list)

    def on(self, day: dt.date) -> list[Came]:
        return [visit for visit in self.visits if visit.day == day]


def invent(site, chance: random.Random) -> tuple[services.batches.HandoverBatch, list[House]]:
    """Fifty houses with everything that a day can bring."""
    model = unit(site.unit_ids[0])
    batch = services.create_batch(model.project, code="D", name="D")
    owner = db.session.scalars(
        sa.select(CustomerUnit).where(CustomerUnit.project_id == model.project_id)
    ).first()
    units = [
        Unit(project_id=model.project_id, building_id=model.building_id, number=f"D{n}", code=f"D-{n}")
        for n in range(50)
    ]
    db.session.add_all(units)
    db.session.flush()
    houses = []
    for house in units:
        is_sold = chance.random() < 0.85
        if is_sold:
            db.session.add(
                CustomerUnit(
                    project_id=model.project_id,
                    unit_id=house.id,
                    customer_id=owner.customer_id,
                    role=owner.role,
                    from_date=dt.date(2026, 1, 1),
                )
            )
        keys = (chance.choice(DAYS), chance.randint(1, 5)) if chance.random() < 0.5 else None
        place = HandoverUnit(
            project_id=model.project_id,
            batch_id=batch.id,
            unit_id=house.id,
            notice_sent_at=moment(chance.choice(DAYS), -2000 + chance.randint(0, 3000)),
            payment_complete=chance.random() < 0.85,
            booked_for=moment(chance.choice(DAYS), chance.randint(480, 1080))
            if chance.random() < 0.7
            else None,
            delivered_at=moment(keys[0], 1000) if keys and chance.random() < 0.8 else None,
            keys_state="handed" if keys else "held",
        )
        houses.append(House(place, is_sold, keys=keys))
    db.session.add_all(each.place for each in houses)
    db.session.flush()
    rows: list = []
    for house in houses:
        rows += _visits_of(house, chance)
        if house.keys is not None:
            day, quantity = house.keys
            rows.append(
                KeyRecord(
                    project_id=house.place.project_id,
                    handover_unit_id=house.place.id,
                    kind=KeyKind.ENTRY,
                    quantity=quantity,
                    handed_at=moment(day, 1000),
                )
            )
    db.session.add_all(rows)
    db.session.flush()
    for number, house in enumerate(houses):
        _defects_of(house, number, chance)
    db.session.flush()
    return batch, houses


def _visits_of(house: House, chance: random.Random) -> list[StationLog]:
    stays: list[StationLog] = []
    # Never two visits to one day: which of them is the last would be a matter of the minute.
    for number, day in enumerate(sorted(chance.sample(DAYS, chance.randint(0, 3))), start=1):
        outcome = chance.choice(("accepted", "accepted_with_defects", "refused", ""))
        came = Came(day, outcome, outcome == "" and chance.random() < 0.5, chance.random() < 0.8, None)
        begin = moment(day, 540)
        visit = HandoverVisit(
            project_id=house.place.project_id,
            handover_unit_id=house.place.id,
            number=number,
            arrived_at=begin,
            ended_at=None if came.runs else begin + dt.timedelta(minutes=800),
            outcome=outcome,
            signed_in=came.signed_in,
        )
        db.session.add(visit)
        db.session.flush()
        wanted: list[tuple[Station, int, int | None]] = []
        if came.signed_in:
            wanted.append((Station.SIGN_IN, 0, chance.randint(1, 20)))
        for station in chance.sample(
            (Station.FEES, Station.PAPERS, Station.INSPECTION), chance.randint(0, 3)
        ):
            wanted.append((station, 20, chance.choice((7, 31, 62, None))))
        if house.keys is not None and chance.random() < 0.6:
            came.minutes = chance.choice(MINUTES) if came.signed_in else None
            end = came.minutes or 99
            wanted.append((Station.KEYS, end - 5, 5))
        for station, start, length in wanted:
            came.stays.append((str(station), length))
            entered = begin + dt.timedelta(minutes=start)
            stays.append(
                StationLog(
                    project_id=visit.project_id,
                    visit_id=visit.id,
                    station=station,
                    entered_at=entered,
                    left_at=None if length is None else entered + dt.timedelta(minutes=length),
                )
            )
        house.visits.append(came)
    return stays


def _defects_of(house: House, number: int, chance: random.Random) -> None:
    for kind in chance.sample((InspectionKind.FORMAL, InspectionKind.MOCK), chance.randint(0, 2)):
        inspection = Inspection(
            project_id=house.place.project_id,
            unit_id=house.place.unit_id,
            handover_unit_id=house.place.id,
            number=f"YF-D-{number}-{kind}",
            kind=kind,
            state=InspectionState.IN_PROGRESS,
        )
        db.session.add(inspection)
        db.session.flush()
        for turn in range(chance.randint(0, 4)):
            day, level = chance.choice(DAYS), chance.choice(list(Severity))
            state = chance.choice(("open", "closed", "invalid"))
            db.session.add(
                Defect(
                    project_id=house.place.project_id,
                    unit_id=house.place.unit_id,
                    building_id=house.place.unit.building_id,
                    inspection_id=inspection.id,
                    number=f"DF-D-{number}-{kind}-{turn}",
                    severity=level,
                    state=state,
                    raised_at=moment(day, chance.randint(0, 1439)),
                )
            )
            house.defects.append((day, str(level), state, kind == InspectionKind.FORMAL))


def counted(houses: list[House], day: dt.date) -> dict[str, object]:
    """Count the figures of a day from what was invented, without the database."""
    start, end = day_bounds(day)
    due = [
        house
        for house in houses
        if house.is_sold and house.place.payment_complete and house.place.notice_sent_at <= end
    ]
    here = [(house, house.on(day)[-1]) for house in houses if house.on(day)]
    judged = [house for house, visit in here if not visit.runs or visit.outcome]
    times = [visit.minutes for _house, visit in here if visit.minutes is not None and visit.minutes <= 480]
    lengths: dict[str, list[int]] = {}
    for _house, visit in here:
        for station, length in visit.stays:
            if length is not None:
                lengths.setdefault(station, []).append(length)
    outcomes = Counter(visit.outcome for _house, visit in here)
    severities = Counter(
        level
        for house in houses
        for on, level, state, is_formal in house.defects
        if on == day and state != "invalid" and is_formal
    )
    delivered = [house.place.delivered_at for house in houses if house.place.delivered_at is not None]
    booked = [house.place.booked_for for house in houses if house.place.booked_for is not None]
    keys = [house.keys[1] for house in houses if house.keys is not None and house.keys[0] == day]
    done = [house for house in due if house.place.delivered_at and house.place.delivered_at <= end]
    return {
        "due": len(due),
        "delivered_so_far": len(done),
        "booked": sum(start <= each < end for each in booked),
        "arrived": len(here),
        "accepted": outcomes["accepted"],
        "accepted_with_defects": outcomes["accepted_with_defects"],
        "refused": outcomes["refused"],
        "undecided": outcomes[""],
        "delivered": sum(start <= each < end for each in delivered),
        "key_houses": len(keys),
        "keys": sum(keys),
        "k02": [sum(house.visits[0].outcome.startswith("accepted") for house in judged), len(judged)],
        "k03": [len(done), len(due)],
        "k09": [sum(house.on(day)[-1].outcome == "refused" for house in judged), len(judged)],
        "k10": [sum(times), len(times)],
        "defects": {str(level): severities[str(level)] for level in Severity},
        "stations": {
            station: {
                "stays": len(each),
                "mean": round(sum(each) / len(each)),
                "longest": max(each),
            }
            for station, each in lengths.items()
        },
    }


@pytest.mark.parametrize("seed", [20261128, 7])
def test_the_figures_of_a_day_agree_with_a_count_by_hand(site, scope_of, seed):
    with scope_of("admin", "group"):
        batch, houses = invent(site, random.Random(seed))
        for day in DAYS:
            figures = figures_of(batch, day, moment(DAYS[-1], 5000))
            expected = counted(houses, day)
            assert {name: figures[name] for name in expected} == expected, day
            assert len(figures["houses"]) == expected["arrived"]
            assert len(figures["refusals"]) == expected["refused"]
            fractions = [expected[name] for name in ("k02", "k03", "k09", "k10")]
            assert all(0 < part < whole or part > whole for part, whole in fractions), "every case occurs"


def test_over_the_whole_batch_k02_k09_and_k10_agree_too(site, scope_of):
    with scope_of("admin", "group"):
        batch, houses = invent(site, random.Random(3))
        here = HandoverUnit.batch_id == batch.id
        judged = [house for house in houses if any(not visit.runs or visit.outcome for visit in house.visits)]
        accepted = sum(house.visits[0].outcome.startswith("accepted") for house in judged)
        refused = sum(any(visit.outcome == "refused" for visit in house.visits) for house in judged)
        times = [
            visit.minutes
            for house in houses
            for visit in house.visits
            if visit.minutes is not None and visit.minutes <= 480
        ]
        k02, k09 = indicators.accepted_at_first_visit(here), indicators.refused(here)
        k10 = indicators.handover_minutes(here)
        assert (k02.numerator, k02.denominator) == (accepted, len(judged))
        assert (k09.numerator, k09.denominator) == (refused, len(judged))
        assert (k10.numerator, k10.denominator) == (sum(times), len(times))


def test_a_refusal_of_another_day_does_not_count_today(site, scope_of):
    with scope_of("admin", "group"):
        house = unit(site.unit_ids[0])
        batch = services.create_batch(house.project, code="D2", name="D2")
        (place,) = services.add_units(batch, [house])
        for number, (day, outcome) in enumerate(zip(DAYS, ("refused", "accepted"), strict=False), start=1):
            db.session.add(
                HandoverVisit(
                    project_id=place.project_id,
                    handover_unit_id=place.id,
                    number=number,
                    arrived_at=moment(day, 600),
                    ended_at=moment(day, 700),
                    outcome=outcome,
                )
            )
        db.session.flush()
        first, second = (figures_of(batch, day, moment(DAYS[2], 0)) for day in DAYS[:2])
        assert (first["k09"], first["refused"]) == ([1, 1], 1)
        assert (second["k09"], second["refused"]) == ([0, 1], 0)
        whole = indicators.refused(HandoverUnit.batch_id == batch.id)
        assert (whole.numerator, whole.denominator) == (1, 1)
