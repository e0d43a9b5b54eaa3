"""K11 to K22 against a calculation of their own, over rows with every kind of outcome; and worked example 8."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import sqlalchemy as sa

from core.toolkit import LOCAL_ZONE, Attachment, Unit, attachments_of, db, utc_now
from plugins.warranty import forms, indicators, words
from plugins.warranty.drilldown import COUNTED, REACHED, SOURCES
from plugins.warranty.indicators import Period
from plugins.warranty.models import (
    Acceptance,
    AcceptanceKind,
    CallBack,
    CostKind,
    CostLine,
    Deduction,
    Order,
    Plan,
    Request,
    Visit,
    VisitState,
)
from plugins.warranty.services import orders
from plugins.warranty.tests.helpers import closed, order_of, photograph

NOW = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)
FIRST, LAST = dt.date(2026, 6, 1), dt.date(2026, 10, 31)
HOUR = dt.timedelta(hours=1)


def local_day(moment):
    return moment.astimezone(LOCAL_ZONE).date()


def inside(moment):
    return moment is not None and FIRST <= local_day(moment) <= LAST


def make_rows(site, world, count: int) -> None:
    """Orders with outcomes by chance, their visits, call-backs, costs and deductions."""
    source = random.Random(11)
    building = world.own.building_id
    request, nameless = (
        Request(
            project_id=world.own.project_id, building_id=building, unit_id=site.unit_ids[0], number=number,
            reported_at=NOW, registered_at=NOW, reporter_name=name, reporter_phone=phone,
        )
        for number, name, phone in (("BX-T", "张先生", "13800001111"), ("BX-T2", "张先生", ""))
    )  # fmt: skip
    db.session.add_all([request, nameless])
    db.session.flush()

    def mostly() -> bool:
        return source.random() < 0.95

    made: list[Order] = []
    for number in range(count):
        reported = NOW - dt.timedelta(days=source.randint(1, 240), hours=source.randint(0, 23))
        state = source.choice(
            ["reported", "dispatched", "repairing", "closed", "closed", "called_back", "called_back", "called_back",
             "not_warranty", "cancelled", "merged", "reopened"]
        )  # fmt: skip

        def maybe(after, chance=0.8, reported=reported):
            return reported + HOUR * source.randint(1, after) if source.random() < chance else None

        done = state in ("closed", "called_back")
        fixed = maybe(300) if done or source.random() < 0.3 else None
        order = Order(
            project_id=world.own.project_id,
            building_id=building,
            unit_id=source.choice(site.unit_ids[:2]),
            request_id=(request if mostly() else nameless).id,
            number=f"WX-T-{number:04d}",
            state=state,
            room_name="主卫" if mostly() else "",
            fault_code="wall_crack",
            description="测试",
            category_code="W06",
            reported_at=reported,
            registered_at=reported,
            dispatched_at=maybe(30),
            contact_due_at=reported + 24 * HOUR,
            contacted_at=maybe(40),
            arrival_due_at=reported + 48 * HOUR,
            arrived_at=maybe(70),
            due_at=reported + 168 * HOUR,
            fixed_at=fixed,
            closed_at=reported + HOUR * source.randint(300, 600) if done else None,
            repair_cycles=source.choice([1, 1, 1, 2]) if done else 0,
            reopen_count=source.choice([0, 0, 0, 1]),
            contractor_id=site.general_id if mostly() else None,
            engineer_id=world.users["engineer"] if mostly() else None,
            work_done="已修" if mostly() else "",
            score=source.choice([None, 1, 2, 3, 4, 5, 5]),
        )
        if state == "called_back":
            order.called_back_at = order.closed_at + 24 * HOUR
        if made and source.random() < 0.15:
            order.repeat_of_id = source.choice(made).id
        db.session.add(order)
        db.session.flush()
        made.append(order)
        of_order = {"project_id": order.project_id, "order_id": order.id}
        if done and mostly():
            # Nobody of ours is noted where the owner accepted on his own page.
            ticks = (
                dict.fromkeys(("quality_ok", "on_time_ok", "clean_ok", "attitude_ok"), True)
                if mostly()
                else {}
            )
            db.session.add(
                Acceptance(
                    **of_order, **ticks, kind=AcceptanceKind.OWNER, passed=True, at=order.closed_at,
                    by_silence=source.random() < 0.1, by_id=None if mostly() else world.users["engineer"],
                )
            )  # fmt: skip
        if done and mostly():
            db.session.add(
                Acceptance(**of_order, kind=AcceptanceKind.ENGINEER, passed=True, at=order.closed_at)
            )
        if mostly():
            db.session.add(Plan(**of_order, method="铲除重做", days=2))
        if mostly():
            db.session.add(
                Attachment(
                    record_kind="warranty.order", record_id=order.id, slot="after", project_id=order.project_id,
                    sha256="0" * 64, file_name="after.jpg", media_type="image/jpeg", size=1,
                    removed_at=None if mostly() else NOW,
                )
            )  # fmt: skip
        if done and mostly():
            db.session.add(
                Visit(
                    **of_order, purpose="repair", state=VisitState.DONE, booked_from=order.closed_at,
                    booked_to=order.closed_at, arrived_at=order.closed_at, findings="已修" if mostly() else "",
                    minutes=60 if mostly() else None,
                )
            )  # fmt: skip
        for _visit in range(source.randint(0, 2)):
            start = reported + HOUR * source.randint(2, 100)
            arrived = (
                start + dt.timedelta(minutes=source.randint(-30, 160)) if source.random() < 0.8 else None
            )
            db.session.add(
                Visit(
                    project_id=order.project_id, order_id=order.id, booked_from=start, booked_to=start + 2 * HOUR,
                    state=source.choice(list(VisitState)),
                    arrived_at=source.choice([arrived, order.arrived_at]),
                )
            )  # fmt: skip
        if source.random() < 0.5:
            db.session.add(
                CallBack(
                    project_id=order.project_id, order_id=order.id, at=reported + HOUR * source.randint(1, 900),
                    reached=True, score=source.choice([None, 1, 2, 3, 4, 5, 5, 5]),
                )
            )  # fmt: skip
        if source.random() < 0.4:
            cost = Decimal(source.randint(100, 500_000)) / 100
            bearer = source.choice(["contractor", "developer", "owner"])
            db.session.add(
                CostLine(
                    project_id=order.project_id, order_id=order.id, kind=CostKind.LABOUR, amount=cost,
                    borne_by=bearer, paid_by_us=bearer == "contractor" and source.random() < 0.8,
                    spent_on=local_day(reported),
                )
            )  # fmt: skip
            if bearer == "contractor" and source.random() < 0.7:
                db.session.add(
                    Deduction(
                        project_id=order.project_id, order_id=order.id, contractor_id=site.general_id,
                        number=f"KK-T-{number:04d}", cost=cost, fee_percent=Decimal(15), fee=cost, amount=cost,
                        final_amount=cost * source.choice([1, 2]) / source.choice([1, 4]),
                        state=source.choice(["booked", "booked", "final", "withdrawn"]),
                    )
                )  # fmt: skip
    db.session.flush()


def test_each_figure_agrees_with_a_calculation_of_its_own(site, world, scope_of):
    with scope_of("head"):
        make_rows(site, world, 160)
        period = Period(FIRST, LAST, world.own.project_id, now=NOW)
        rows = [
            row for row in db.session.scalars(sa.select(Order)) if row.state not in ("merged", "cancelled")
        ]
        repairs = [row for row in rows if row.state != "not_warranty"]
        ended = [row for row in repairs if inside(row.closed_at) and row.state in ("closed", "called_back")]
        by_id = {row.id: row for row in db.session.scalars(sa.select(Order))}

        def check(found, numerator, denominator):
            assert (found.numerator, found.denominator) == (numerator, denominator)
            assert denominator > 4, "too few rows to prove anything"

        judged = [
            row for row in rows if inside(row.reported_at) and (row.contacted_at or row.contact_due_at < NOW)
        ]
        kept = [row for row in judged if row.contacted_at and row.contacted_at <= row.contact_due_at]
        check(indicators.response_on_time(period), len(kept), len(judged))

        visits = [
            visit for visit in db.session.scalars(sa.select(Visit))
            if inside(visit.booked_to) and visit.booked_to + dt.timedelta(minutes=15) < NOW
            and visit.state not in ("cancelled", "owner_absent")
            and by_id[visit.order_id].state not in ("merged", "cancelled")
        ]  # fmt: skip
        punctual = 0
        for visit in visits:
            order = by_id[visit.order_id]
            if visit.arrived_at is None or visit.arrived_at > visit.booked_to + dt.timedelta(minutes=15):
                continue
            if visit.arrived_at == order.arrived_at and visit.arrived_at > order.arrival_due_at:
                continue
            punctual += 1
        check(indicators.arrival_on_time(period), punctual, len(visits))

        due = [row for row in repairs if inside(row.due_at) and row.due_at <= NOW]
        check(
            indicators.completion_on_time(period),
            sum(1 for row in due if row.fixed_at and row.fixed_at <= row.due_at),
            len(due),
        )

        ripe = [row for row in ended if row.closed_at < NOW - dt.timedelta(days=90)]
        repeated = {row.repeat_of_id for row in rows}
        once = [
            row for row in ripe if row.id not in repeated and row.repair_cycles == 1 and row.reopen_count == 0
        ]
        check(indicators.first_time_fix(period), len(once), len(ripe))

        repeats = [row for row in rows if inside(row.reported_at) and row.repeat_of_id]
        check(indicators.repeat_rate(period), len(repeats), len(ended))
        raised = [row for row in repairs if inside(row.reported_at)]
        check(indicators.close_rate(period), len(ended), len(raised))
        check(indicators.call_back_rate(period), sum(1 for row in ended if row.called_back_at), len(ended))

        answers = [
            call for call in db.session.scalars(sa.select(CallBack))
            if inside(call.at) and call.score and by_id[call.order_id].state not in ("merged", "cancelled")
        ]  # fmt: skip
        check(indicators.satisfaction(period), sum(1 for call in answers if call.score >= 4), len(answers))

        houses = [
            house
            for house in db.session.scalars(sa.select(Unit))
            if house.delivered_on and house.project_id == world.own.project_id
        ]
        # Both houses were delivered on 2024-03-15: more than twelve months in service, so each weighs a year.
        early = [
            row for row in rows
            if dt.date(2024, 3, 15) <= local_day(row.reported_at) < dt.date(2025, 3, 15)
        ]  # fmt: skip
        found = indicators.orders_per_house(period)
        assert (found.numerator, found.denominator) == (len(early), 12 * len(houses))

        lines = [
            line for line in db.session.scalars(sa.select(CostLine))
            if FIRST <= line.spent_on <= LAST and by_id[line.order_id].state not in ("merged", "cancelled")
        ]  # fmt: skip
        borne = sum((line.amount for line in lines if line.borne_by == "developer"), Decimal(0))
        cost = indicators.cost_per_house(period)
        assert (cost.cost, cost.houses) == (borne, 2)
        assert cost.per_house == (borne / 2).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert cost.area == Decimal("197.00")
        assert cost.provision == Decimal(4000)

        paid: dict[int, Decimal] = {}
        for line in lines:
            if line.borne_by == "contractor" and line.paid_by_us:
                paid[line.order_id] = paid.get(line.order_id, Decimal(0)) + line.amount
        got = Decimal(0)
        for key, amount in paid.items():
            booked = [
                row.final_amount for row in db.session.scalars(sa.select(Deduction))
                if row.order_id == key and row.state == "booked"
            ]  # fmt: skip
            got += min(sum(booked, Decimal(0)), amount)
        recovered = indicators.recovery(period)
        assert (recovered.numerator, recovered.denominator) == (got, sum(paid.values(), Decimal(0)))
        assert 0 < got < sum(paid.values())

        whole = [row for row in ended if is_whole(row)]
        assert 0 < len(whole) < len(ended)
        good = [
            row for row in ended
            if row.dispatched_at and row.dispatched_at <= row.contact_due_at
            and row.arrived_at and row.arrived_at <= row.arrival_due_at
            and row.fixed_at and row.fixed_at <= row.due_at
            and (row.score is None or row.score > 2) and row in whole
        ]  # fmt: skip
        assert good
        check(indicators.qualified_service(period), len(good), len(ended))
        for row in ended:
            assert (indicators.why_unqualified(row) == []) == (row in good)


def is_whole(order: Order) -> bool:
    """Whether the form of an order is complete, read from its rows one by one."""
    owner = [each for each in order.acceptances if each.kind == "owner" and each.passed]
    silent = any(each.by_silence for each in owner)
    done = [each for each in order.visits if each.state == "done"]
    ticked = [
        each for each in owner
        if None not in (each.quality_ok, each.on_time_ok, each.clean_ok, each.attitude_ok)
    ]  # fmt: skip
    return bool(
        order.request.reporter_name
        and order.request.reporter_phone
        and order.description
        and order.room_name
        and order.contractor_id
        and order.engineer_id
        and any(each.arrived_at and each.findings for each in done)
        and order.plans
        and order.work_done
        and any(each.purpose == "repair" and each.minutes is not None for each in done)
        and attachments_of(order, "after")
        and any(each.kind == "engineer" and each.passed for each in order.acceptances)
        and (silent or ticked)
        and (silent or order.score is not None)
        and (silent or any(each.by_id is None for each in owner))
    )


def test_two_points_less_where_call_backs_are_missing(site, world, scope_of, monkeypatch):
    with scope_of("head"):
        made = [closed(order_of(key)) for key in (*site.unit_ids[:2], *site.unit_ids[:2])]
        today = local_day(utc_now())
        now = utc_now() + dt.timedelta(days=10)
        for order in made[:3]:
            orders.call_back(order, reached=True, score=5)

        def figure(at: dt.datetime = now) -> indicators.Rate:
            return indicators.qualified_service(Period(today, today, world.own.project_id, now=at))

        monkeypatch.setattr(indicators.forms, "LABELS", {})
        before = figure(utc_now())
        assert before.deducted == 0, "the call-backs are not due yet"
        assert figure().deducted == Decimal(2)
        assert figure().value() == before.value() - 2
        assert words.rate_mark(replace(figure(), denominator=Decimal(40))) == "回访未达标，扣减 2 个百分点"
        orders.call_back(made[3], reached=True, score=5)
        assert figure() == before, "every owner was called back"
        assert replace(before, numerator=Decimal(0), deducted=Decimal(2)).percent == "0.0%", (
            "never below nothing"
        )


def test_each_part_of_the_form_can_be_missing(site, scope_of, monkeypatch):
    with scope_of("head"):
        order = order_of(site.unit_ids[0], reporter_phone="13800001111")
        assert len(forms.missing(order)) == len(forms.LABELS) - 3, "reporter, problem and contractor"
        closed(order)
        left = ["engineer", "effort", "verdict", "signature"]
        assert forms.missing(order) == [str(forms.LABELS[key]) for key in left]
        photograph(order, "signed")
        assert str(forms.LABELS["signature"]) not in forms.missing(order)
        asked = {f"form_needs_{key}" for key in left}
        monkeypatch.setattr(forms, "option", lambda key: key not in asked)
        assert forms.missing(order) == []


def test_the_records_behind_each_figure_are_those_that_it_counts(site, world, scope_of):
    with scope_of("head"):
        make_rows(site, world, 60)
        period = Period(FIRST, LAST, world.own.project_id, now=NOW)
        found = {
            "K11": indicators.response_on_time, "K12": indicators.arrival_on_time,
            "K13": indicators.completion_on_time, "K14": indicators.first_time_fix, "K15": indicators.repeat_rate,
            "K16": indicators.close_rate, "K17": indicators.call_back_rate, "K18": indicators.satisfaction,
            "K22": indicators.qualified_service,
        }  # fmt: skip
        for code, figure in found.items():
            rate = figure(period)
            counted, reached = (SOURCES[code](period, part) for part in (COUNTED, REACHED))
            assert (reached.count(), counted.count()) == (rate.numerator, rate.denominator), code
            pages = [row.id for offset in (0, 7, 14) for row in counted.page(offset, 7)]
            assert len(pages) == len(set(pages)) == min(counted.count(), 21), code
        assert SOURCES["K19"](period, COUNTED).count() == 2
        assert SOURCES["K19"](period, REACHED).count() == indicators.orders_per_house(period).numerator
        borne = SOURCES["K20"](period, REACHED)
        assert sum(line.amount for line in borne.page(0, 500)) == indicators.cost_per_house(period).cost
        paid = SOURCES["K21"](period, COUNTED)
        assert sum(line.amount for line in paid.page(0, 500)) == indicators.recovery(period).denominator
        assert all(row.state == "booked" for row in SOURCES["K21"](period, REACHED).page(0, 500))


def test_few_records_are_marked_and_fewer_are_not_shown(site, scope_of):
    with scope_of("head"):
        assert words.rate_text(indicators.rate(3, 4)) == "—"
        assert words.rate_text(indicators.rate(3, 5)) == "60.0%"
        assert words.rate_text(indicators.rate(0, 0)) == "—"
        marks = [words.rate_mark(indicators.rate(1, of)) for of in (4, 5, 29, 30)]
        assert marks == ["样本过少，不显示", "样本不足", "样本不足", ""]


def test_worked_example_8_timely_repair(site, world, scope_of):
    with scope_of("head"):
        make_rows(site, world, 1)
        template = db.session.scalars(sa.select(Order)).one()
        base = {
            column.key: getattr(template, column.key)
            for column in sa.inspect(Order).column_attrs
            if column.key not in ("id", "number", "row_version")
        }
        template.due_at = None
        due = dt.datetime(2026, 10, 15, 4, tzinfo=dt.UTC)
        for number, fixed in enumerate([-HOUR, -2 * HOUR, dt.timedelta(), HOUR, None]):
            db.session.add(
                Order(
                    **base | {
                        "number": f"WX-E-{number}", "state": "repairing", "due_at": due, "closed_at": None,
                        "fixed_at": due + fixed if fixed is not None else None, "repeat_of_id": None,
                    }
                )
            )  # fmt: skip
        db.session.flush()
        found = indicators.completion_on_time(
            Period(dt.date(2026, 10, 1), dt.date(2026, 10, 31), world.own.project_id, now=NOW)
        )
        assert (found.numerator, found.denominator, found.percent) == (3, 5, "60.0%")


def test_no_denominator_no_rate(site, world, scope_of):
    with scope_of("head"):
        nothing = Period(dt.date(2019, 1, 1), dt.date(2019, 1, 31), world.own.project_id)
        for figure in (
            indicators.response_on_time, indicators.arrival_on_time, indicators.completion_on_time,
            indicators.first_time_fix, indicators.repeat_rate, indicators.close_rate, indicators.call_back_rate,
            indicators.satisfaction, indicators.orders_per_house, indicators.recovery, indicators.qualified_service,
        ):  # fmt: skip
            assert figure(nothing).percent is None
        assert indicators.cost_per_house(nothing).per_house is None


def test_rates_round_half_up_to_one_decimal():
    assert indicators.rate(1, 16).percent == "6.3%"
    assert indicators.rate(1, 3).percent == "33.3%"
    assert indicators.rate(2, 3).percent == "66.7%"
