"""The plan of a batch, its risk check, the staffing rule, and readiness (K04)."""

from __future__ import annotations

import datetime as dt
import random
from fractions import Fraction
from math import ceil

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from core.toolkit import (
    LOCAL_ZONE,
    CustomerUnit,
    PromiseState,
    Todo,
    TransitionRefused,
    db,
    local_today,
    register_promise,
    settle_promise,
    todos_of,
    utc_now,
)
from plugins.handover import catalogue, indicators, services
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import HandoverBatch, HandoverUnit, Severity
from plugins.handover.preparation.documents import handover_plan
from plugins.handover.preparation.models import PlanStep
from plugins.handover.preparation.services import plan, readiness, risks
from plugins.handover.preparation.staffing import StaffingRules, need
from plugins.handover.preparation.timeline import axis_of, broken
from plugins.handover.tests.conftest import SITE, finished, unit

T = dt.date(2026, 12, 20)


@pytest.fixture
def batch(site, prepared, scope_of):
    """A batch with T and two houses; its tasks are in the scope of its group."""
    key = prepared("a batch with two houses", lambda: make_batch(site, scope_of), after=SITE)
    with scope_of("admin", "group"):
        yield db.session.get_one(HandoverBatch, key)


def make_batch(site, scope_of):
    with scope_of("admin", "group"):
        house = unit(site.unit_ids[0])
        made = services.create_batch(house.project, code="B1", name="一批", delivery_on=T)
        services.add_units(made, [unit(key) for key in site.unit_ids[:2]])
        db.session.commit()
        return made.id


def task(batch, code):
    return next(each for each in plan.tasks_of(batch) if each.code == code)


def finish(batch, *codes):
    for code in codes:
        plan.take_step(task(batch, code), "finish", {"result": "已办结"})


REQUIRED = ("take_over_inspection", "completion_filing", "two_books", "cleaning")


def test_a_batch_with_its_date_gets_the_timetable_of_the_reference(batch):
    tasks = plan.tasks_of(batch)
    expected = {
        row["code"]: T + dt.timedelta(days=row["offset"])
        for row in catalogue.reference("plan_steps")["steps"]
    }
    assert {each.code: each.due_on for each in tasks} == expected
    assert [each.due_on for each in tasks] == sorted(expected.values())
    assert (tasks[0].offset_days, tasks[-1].offset_days) == (-180, 90)
    (todo,) = todos_of(task(batch, "notices"))
    assert todo.due_at == dt.datetime(2026, 11, 20, 18, 30, tzinfo=LOCAL_ZONE)
    assert todo.role == "PCM"


def test_tasks_move_with_t_unless_their_day_was_fixed_or_they_are_done(batch):
    fixed, done, moving = task(batch, "mock_1"), task(batch, "team"), task(batch, "notices")
    plan.change_task(fixed, {"due_on": dt.date(2026, 11, 3)})
    finish(batch, "team")
    before = done.due_on
    services.change_batch(batch, delivery_on=T + dt.timedelta(days=10))
    assert fixed.due_on == dt.date(2026, 11, 3)
    assert done.due_on == before
    assert moving.due_on == T + dt.timedelta(days=10 - 30)
    (todo,) = todos_of(moving)
    assert todo.due_at.astimezone(LOCAL_ZONE).date() == moving.due_on
    plan.change_task(fixed, {"due_on": T + dt.timedelta(days=10 - 50)})
    assert not fixed.fixed


def test_the_concentrated_days_end_where_the_batch_says(batch):
    services.change_batch(batch, opens_on=T, closes_on=T + dt.timedelta(days=3))
    assert task(batch, "concentrated").due_on == T + dt.timedelta(days=3)
    with pytest.raises(HandoverRuleError):
        services.change_batch(batch, closes_on=T - dt.timedelta(days=1))


def test_a_task_is_done_with_what_it_hands_in_and_ends_its_to_do(batch):
    notices = task(batch, "notices")
    with pytest.raises(TransitionRefused):
        plan.take_step(notices, "finish", {"result": " "})
    plan.take_step(notices, "finish", {"result": "JFTZ 共 2 份"})
    assert notices.done_at is not None
    assert not any(todo.is_open for todo in todos_of(notices))
    with pytest.raises(HandoverRuleError):
        plan.change_task(notices, {"due_on": T})
    plan.take_step(notices, "reopen", {"comment": "漏寄一户"})
    assert notices.done_at is None
    assert [todo.is_open for todo in todos_of(notices)].count(True) == 1
    assert db.session.scalar(sa.select(sa.func.count(Todo.id)).where(Todo.record_id == notices.id)) == 2


def test_a_department_plans_by_its_own_timetable_once_it_has_one(batch):
    with pytest.raises(HandoverRuleError):
        plan.save_step(None, {"code": "own", "offset_days": -5, "title": "自有任务"})
    city = batch.project.department_id
    step = plan.steps_of(city)[0]
    with pytest.raises(HandoverRuleError):
        plan.save_step(step, {"offset_days": -1})
    db.session.add(PlanStep(department_id=city, code="own", offset_days=-5, title="自有任务", required=True))
    db.session.flush()
    second = services.create_batch(batch.project, code="B2", name="二批", delivery_on=T)
    assert [(each.code, each.due_on) for each in plan.tasks_of(second)] == [("own", T - dt.timedelta(days=5))]
    assert len(plan.make_plan(batch)) == 1, "a plan that was made before gets the step that it does not have"


def test_without_any_timetable_the_standard_one_is_used(batch):
    db.session.execute(sa.delete(PlanStep))
    second = services.create_batch(batch.project, code="B2", name="二批", delivery_on=T)
    assert len(plan.tasks_of(second)) == len(catalogue.reference("plan_steps")["steps"])


def test_overdue_is_what_runs_past_its_day(batch):
    late = task(batch, "risk_review")
    assert plan.is_overdue(late, late.due_on + dt.timedelta(days=1))
    assert not plan.is_overdue(late, late.due_on)
    finish(batch, "risk_review")
    assert not plan.is_overdue(late, late.due_on + dt.timedelta(days=1))


RULES = StaffingRules(
    {"fitted": 200, "rough": 350, "villa": 150, "high_end": 100, "commercial": 400}, 800, 6, 60, 75
)


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("houses", "engineers", "clerk"),
    [
        ({"fitted": 200}, 1, False),
        ({"fitted": 201}, 2, False),
        ({"rough": 350}, 1, False),
        ({"fitted": 100, "rough": 175}, 1, False),
        ({"fitted": 100, "rough": 176}, 2, False),
        ({"villa": 151}, 2, False),
        ({"high_end": 300}, 3, False),
        ({"commercial": 800}, 2, False),
        ({"fitted": 801}, 5, True),
    ],
)
def test_the_staffing_rule(houses, engineers, clerk):
    result = need(houses, 1, RULES)
    assert (result.engineers, result.clerk) == (engineers, clerk)


@pytest.mark.no_database
def test_an_inspector_accompanies_six_houses_a_day():
    result = need({"fitted": 60}, 3, RULES)
    assert (result.houses_a_day, result.inspectors) == (20, 4)
    assert (result.hours_from, result.hours_to) == (6.0, 7.5)


@pytest.mark.no_database
@given(
    st.dictionaries(st.sampled_from(sorted(RULES.households)), st.integers(1, 3_000), min_size=1),
    st.integers(1, 30),
)
def test_there_are_always_enough_people_and_never_one_too_many(houses, days):
    result = need(houses, days, RULES)
    exact = sum(Fraction(count, RULES.households[kind]) for kind, count in houses.items())
    assert result.engineers - 1 < exact <= result.engineers == ceil(exact)
    assert result.inspectors * RULES.houses_a_day * days >= result.houses


@pytest.mark.no_database
@given(st.lists(st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1)), min_size=1, max_size=30))
def test_days_stand_on_the_line_in_their_order(days):
    axis = axis_of(days)
    assert axis is not None
    places = [axis.x(day) for day in sorted(days)]
    assert places == sorted(places)
    assert all(0 < place < 620 for place in places)
    assert len(axis.months) <= 12


def test_the_risk_check_has_its_categories_and_what_is_found_becomes_a_to_do(batch):
    groups = risks.items_of(batch)
    assert all(groups.values()), "every category of the reference has points"
    item = groups["construction_quality"][0]
    risks.take_step(item, "find", {"finding": "3 栋外窗渗漏", "due_on": dt.date(2026, 11, 30)})
    (todo,) = [each for each in todos_of(item) if each.is_open]
    assert todo.role == "ENG"
    assert todo.due_at.astimezone(LOCAL_ZONE).date() == dt.date(2026, 11, 30)
    risks.take_step(item, "settle", {"measure": "淋水试验合格"})
    assert not any(each.is_open for each in todos_of(item))
    with pytest.raises(HandoverRuleError):
        risks.change_item(item, {"title": "改"})
    assert risks.make_list(batch) == []


def test_only_open_promises_that_concern_the_batch_are_listed(batch, site):
    project = batch.project
    everybody = register_promise(project, "会所交付即开放", stage="B")
    own = register_promise(project, "赠送橱柜", stage="C", unit=unit(site.unit_ids[0]))
    register_promise(project, "另一户", stage="C", unit=unit(site.unit_ids[2]))
    kept = register_promise(project, "已兑现", stage="B")
    settle_promise(kept, PromiseState.KEPT, "现场核对")
    assert {promise.id for promise in risks.promises_of(batch)} == {everybody.id, own.id}


# K04


def places(batch):
    return db.session.scalars(
        sa.select(HandoverUnit).where(HandoverUnit.batch_id == batch.id).order_by(HandoverUnit.id)
    ).all()


def serious_defect(place):
    return services.register_defect(
        place.unit, room_name="主卫", codes=["D01"], description="渗水", severity=Severity.S2
    )


def test_a_house_is_capable_when_all_conditions_are_met_and_not_before(batch):
    first, second = places(batch)
    defect = serious_defect(second)
    finish(batch, *REQUIRED[:-1])
    assert first.capable_at is None
    assert any("S1" in gap for gap in readiness.gaps(second))
    finish(batch, REQUIRED[-1])
    assert first.capable_at is not None
    assert readiness.gaps(first) == []
    assert second.capable_at is None
    services.change_defect(defect, severity=Severity.S3, severity_reason="复核为一般")
    assert second.capable_at is not None
    since = second.capable_at
    other = serious_defect(second)
    assert second.capable_at is None, "before T a new defect takes it away"
    services.invalidate_defect(other, "误报")
    assert second.capable_at >= since


def test_what_is_found_after_t_does_not_make_the_past_late(batch):
    services.change_batch(batch, delivery_on=local_today() - dt.timedelta(days=2))
    place = places(batch)[0]
    finish(batch, *REQUIRED)
    assert place.capable_at is not None
    place.capable_at = utc_now() - dt.timedelta(days=3)
    serious_defect(place)
    assert place.capable_at is not None
    late = places(batch)[1]
    serious_defect(late)
    assert late.capable_at is None, "it was not capable on T, so nothing is frozen"


def test_an_accepted_house_stays_capable_in_spite_of_what_is_promised(batch, site):
    finish(batch, *REQUIRED)
    place = places(batch)[0]
    services.take_step(place, "notify", {})
    finished(place.unit_id, "WD02")
    db.session.refresh(place)
    assert place.state == "accepted_with_defects"
    assert place.capable_at is not None


def k04_from_scratch(rows, today):
    """K04 as the reference words it, over plain rows: (sold, paid, T, moment or None)."""
    due = [row for row in rows if row[0] and row[1] and row[2] is not None and row[2] <= today]
    end = {row: dt.datetime.combine(row[2] + dt.timedelta(days=1), dt.time(), LOCAL_ZONE) for row in due}
    met = [row for row in due if row[3] is not None and row[3] < end[row]]
    return len(met), len(due)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_k04_is_the_count_of_a_list(batch, site, seed):
    chance = random.Random(seed)
    today = local_today()
    services.change_batch(batch, delivery_on=today - dt.timedelta(days=1))
    third = unit(site.unit_ids[2])
    services.add_units(batch, [third])
    rows = []
    for place in places(batch):
        place.payment_complete = chance.random() < 0.8
        day = chance.choice(
            [None, today - dt.timedelta(days=chance.randint(0, 3)), today + dt.timedelta(days=2)]
        )
        place.unit.contract_delivery_on = day
        edge = dt.datetime.combine((day or batch.delivery_on) + dt.timedelta(days=1), dt.time(), LOCAL_ZONE)
        place.capable_at = chance.choice(
            [None, edge.astimezone(dt.UTC), (edge - dt.timedelta(seconds=1)).astimezone(dt.UTC)]
        )
        sold = db.session.scalar(
            sa.select(sa.func.count(CustomerUnit.id)).where(
                CustomerUnit.unit_id == place.unit_id, CustomerUnit.cancelled_on.is_(None)
            )
        )
        rows.append((bool(sold), place.payment_complete, day or batch.delivery_on, place.capable_at))
    db.session.flush()
    rate = indicators.capable_on_time(HandoverUnit.batch_id == batch.id)
    assert (rate.numerator, rate.denominator) == k04_from_scratch(rows, today)


def test_k04_has_no_rate_before_a_house_is_due(batch):
    services.change_batch(batch, delivery_on=local_today() + dt.timedelta(days=1))
    assert indicators.capable_on_time(HandoverUnit.batch_id == batch.id).percent is None


def test_the_daily_look_finds_what_changed_past_the_rules(batch):
    finish(batch, *REQUIRED)
    place = places(batch)[0]
    place.capable_at = None
    db.session.flush()
    assert readiness.weigh_batch(batch) == 1
    assert place.capable_at is not None
    assert readiness.weigh_batch(batch) == 0


@pytest.mark.no_database
@pytest.mark.parametrize("letters", ["zh", "en"])
@pytest.mark.parametrize("width", [60, 130, 254, 312])
def test_the_names_of_tasks_are_written_in_full(letters, width):
    """Whatever a name is, its lines hold all of it, none is too wide, and none begins with what ends a sentence."""
    names = [step["title"][letters] for step in catalogue.reference("plan_steps")["steps"]]
    for name in [*names, "Donaudampfschifffahrtsgesellschaftskapitän" * 2, "", "长" * 90]:
        lines = broken(name, width, 14)
        assert "".join("".join(lines).split()) == "".join(name.split())
        for line in lines:
            assert sum(14 if letter > "⺀" else 7.7 for letter in line) <= width + 14
            assert line[0] not in "，。；：、）"


@pytest.mark.parametrize("language", ["zh_Hans_CN", "en"])
def test_the_chart_draws_every_name_in_full(batch, language):
    values = handover_plan(batch, language)
    for step in values["tasks"]:
        title = step.title_en if language == "en" else step.title
        drawn = values["name_lines"](step, 254, 14)
        assert "".join("".join(drawn).split()) == "".join(title.split())
