"""The figures of domain reference 3.8 against a calculation of their own, over invented houses."""

from __future__ import annotations

import datetime as dt
import random
import re
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

import pytest

from core.toolkit import Building, Unit, db, utc_now
from plugins.handover import indicators
from plugins.handover.models import Defect, Inspection, InspectionKind, InspectionState, Severity
from plugins.handover.workflows import DEFECT

STATES = [state.code for state in DEFECT.states]


@dataclass(frozen=True)
class Fact:
    """A defect as the calculation of its own knows it."""

    house: int
    building: int
    round: int | None
    severity: str
    state: str
    contractor: int
    due: dt.datetime
    fixed: dt.datetime | None


@dataclass
class Invented:
    """What was invented.

    Attributes:
        now: The moment of counting.
        buildings: Ids of the two buildings.
        contractors: Ids of the two contractors.
        rounds: Finished formal rounds by house, in their order.
        building_of: Building of a house.
        defects: All defects.
    """

    now: dt.datetime
    buildings: list[int]
    contractors: list[int]
    rounds: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    building_of: dict[int, int] = field(default_factory=dict)
    defects: list[Fact] = field(default_factory=list)

    def k01_and_k05(self, building: int | None = None) -> tuple[tuple[int, int], tuple[int, int]]:
        """Count K01 and K05 by hand: the first round of each house, its defects S1–S3 that are real ones."""
        passed = houses = found = 0
        for house, rounds in self.rounds.items():
            if building is not None and self.building_of[house] != building:
                continue
            bad = [
                each
                for each in self.defects
                if each.round == rounds[0] and each.severity != "S4" and each.state != "invalid"
            ]
            houses += 1
            found += len(bad)
            passed += not bad
        return (passed, houses), (found, houses)

    def k06_and_k07(self, **same: object) -> tuple[tuple[int, int], tuple[int, int]]:
        """Count K06 and K07 by hand over the defects whose attributes are as given."""
        chosen = [
            each
            for each in self.defects
            if all(getattr(each, name) == value for name, value in same.items()) and each.state != "invalid"
        ]
        due = [
            each for each in chosen if each.state not in ("waived", "transferred") and each.due <= self.now
        ]
        timely = [each for each in due if each.fixed is not None and each.fixed <= each.due]
        return (sum(each.state == "closed" for each in chosen), len(chosen)), (len(timely), len(due))


@pytest.fixture
def invented(site, world, system) -> Invented:
    with system():
        dice = random.Random(20261123)
        now = utc_now().replace(microsecond=0)
        own = db.session.get_one(Building, world.own.building_id)
        second = Building(project_id=own.project_id, phase_id=own.phase_id, code="2", name="二栋")
        db.session.add(second)
        db.session.flush()
        made = Invented(now, [own.id, second.id], [site.waterproofer_id, site.general_id])
        for number in range(40):
            building = dice.choice(made.buildings)
            house = Unit(
                project_id=own.project_id,
                building_id=building,
                entrance="2",
                number=f"{900 + number}",
                code=f"x-2-{900 + number}",
            )
            db.session.add(house)
            db.session.flush()
            made.building_of[house.id] = building
            _invent_rounds(made, house, dice)
        db.session.commit()
    return made


def _invent_rounds(made: Invented, house: Unit, dice: random.Random) -> None:
    kinds = dice.sample([InspectionKind.HOUSEHOLD, InspectionKind.FORMAL, InspectionKind.MOCK], 2)
    rounds: list[int | None] = [None]
    for kind in kinds:
        for number in range(1, dice.randint(1, 3) + 1):
            state = dice.choice(
                [InspectionState.FINISHED, InspectionState.FINISHED, InspectionState.CANCELLED]
            )
            inspection = Inspection(
                project_id=house.project_id,
                unit_id=house.id,
                number=f"YF-X-{house.id}-{kind}-{number}",
                kind=kind,
                round_number=number,
                state=state,
            )
            db.session.add(inspection)
            db.session.flush()
            rounds.append(inspection.id)
            if kind == InspectionKind.FORMAL and state == InspectionState.FINISHED:
                made.rounds[house.id].append(inspection.id)
    for number in range(dice.randint(0, 5)):
        due = made.now + dt.timedelta(hours=dice.randint(-200, 60))
        fixed = due + dt.timedelta(hours=dice.randint(-40, 40)) if dice.random() < 0.7 else None
        fact = Fact(
            house.id,
            house.building_id,
            dice.choice(rounds),
            dice.choice(list(Severity)).value,
            dice.choice(STATES),
            dice.choice(made.contractors),
            due,
            fixed,
        )
        made.defects.append(fact)
        db.session.add(
            Defect(
                project_id=house.project_id,
                unit_id=house.id,
                building_id=house.building_id,
                inspection_id=fact.round,
                number=f"DF-X-{house.id}-{number}",
                severity=fact.severity,
                state=fact.state,
                contractor_id=fact.contractor,
                raised_at=made.now - dt.timedelta(days=20),
                promised_by=due + dt.timedelta(days=30),
                first_promised_by=due,
                fixed_at=fixed,
            )
        )
    db.session.flush()


def pair(rate: indicators.Rate) -> tuple[int, int]:
    return rate.numerator, rate.denominator


def test_the_figures_agree_with_a_calculation_of_their_own(invented, system):
    with system():
        k01, k05 = invented.k01_and_k05()
        k06, k07 = invented.k06_and_k07()
        assert pair(indicators.first_pass()) == k01
        assert pair(indicators.defects_per_house()) == k05
        assert pair(indicators.closed()) == k06
        assert pair(indicators.on_time(now=invented.now)) == k07
    assert 0 < k01[0] < k01[1]
    assert 0 < k07[0] < k07[1]


def shown(client, query: str) -> list[tuple[int, int] | None]:
    """The fractions below the four figures of the list."""
    page = client.get(f"/admin/handover/defects/figures/?{query}").text
    figures = page.split('<dl class="kpi">')[1].split("</dl>")[0]
    notes = re.findall(r"<small>(.*?)</small>", figures)
    assert len(notes) == 4
    found = [re.match(r"(\d+) / (\d+)", note) for note in notes]
    return [(int(each[1]), int(each[2])) if each else None for each in found]


def test_the_list_shows_the_figures_of_what_is_filtered(invented, sign_in):
    client = sign_in("admin", "group")
    assert shown(client, "") == [*invented.k01_and_k05(), *invented.k06_and_k07()]
    for building in invented.buildings:
        expected = [*invented.k01_and_k05(building), *invented.k06_and_k07(building=building)]
        assert shown(client, f"f_building_id={building}") == expected
    for contractor in invented.contractors:
        expected = [
            *invented.k01_and_k05(),
            *invented.k06_and_k07(contractor=contractor, severity="S2"),
        ]
        assert shown(client, f"f_contractor_id={contractor}&f_severity=S2") == expected
    # One state alone has no rate: the figures stay those of all.
    assert shown(client, "f_state=closed") == shown(client, "")


def test_the_rates_are_printed_with_one_decimal(invented, sign_in):
    (passed, houses), (found, _houses) = invented.k01_and_k05()
    tenth = Decimal("0.1")
    percent = (Decimal(passed * 100) / houses).quantize(tenth, ROUND_HALF_UP)
    mean = (Decimal(found) / houses).quantize(tenth, ROUND_HALF_UP)
    page = sign_in("admin", "group").get("/admin/handover/defects/figures/").text
    assert f"<b>{percent}%</b>" in page
    assert f"<b>{mean}</b>" in page


def test_odd_filters_do_not_break_the_figures(site, sign_in):
    client = sign_in("admin", "group")
    for query in ("f_project_id=abc", "f_building_id=99999999999999999999", "f_severity=S9", "f_unit_id=0"):
        for page in ("", "figures/"):
            assert client.get(f"/admin/handover/defects/{page}?{query}").status_code == 200
