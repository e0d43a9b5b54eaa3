"""The handover day: stations, fees, papers, keys, delivery, refusal, and the figures K02, K03, K09 and K10."""

from __future__ import annotations

import datetime as dt
import random
from decimal import ROUND_HALF_UP, Decimal

import pytest
import sqlalchemy as sa

from core.toolkit import LOCAL_ZONE, CustomerUnit, TimelineEntry, Todo, TransitionRefused, Unit, db, utc_now
from plugins.handover import indicators, services
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    Defect,
    FeeKind,
    HandoverUnit,
    HandoverVisit,
    InspectionKind,
    KeyKind,
    PaperKind,
    Station,
)
from plugins.handover.tests.conftest import finished, unit
from plugins.handover.workflows import HANDOVER_UNIT

T0 = dt.datetime(2026, 11, 20, 1, tzinfo=dt.UTC)


def at(minutes: int) -> dt.datetime:
    return T0 + dt.timedelta(minutes=minutes)


@pytest.fixture
def place(notified):
    """A house in a batch, its notice sent."""
    return notified


def stations(place) -> list[tuple[str, bool]]:
    visit = services.last_visit_of(place)
    db.session.expire_all()
    return [(log.station, log.left_at is not None) for log in visit.stations]


def pay(place, at=None):
    fee = services.add_fee(place, FeeKind.MAINTENANCE_FUND, Decimal("12800.00"), "128 m² × 100")
    services.pay_fee(fee, "NO-1", at)


def bag(place):
    services.register_keys(place, KeyKind.ENTRY, 6, "BAG-7")


def accepted_house(place, *failing):
    finished(place.unit_id, *failing)
    db.session.refresh(place)


def ready_for_keys(place, *failing):
    services.sign_in(place)
    services.check_identity(place)
    pay(place)
    services.prepare_papers(place, "2026-1")
    services.sign_papers(place, "李明")
    bag(place)
    accepted_house(place, *failing)


def test_a_house_goes_from_station_to_station_to_its_delivery(place):
    services.sign_in(place, at(0))
    services.check_identity(place, at=at(8))
    assert stations(place)[-1] == ("fees", False)
    pay(place, at(20))
    assert place.state == "fees_ok"
    services.prepare_papers(place, "2026-1")
    assert services.sign_papers(place, "李明", at(35)) == len(services.papers.TO_SIGN)
    assert stations(place)[-1] == ("inspection", False)
    accepted_house(place)
    assert place.state == "accepted"
    bag(place)
    services.hand_keys(place, "李明", at(110))
    services.deliver(place)
    assert stations(place)[-1] == ("survey", False)
    services.finish_survey(place)

    assert [station for station, _left in stations(place)] == list(Station)
    assert all(left for _station, left in stations(place))
    visit = services.last_visit_of(place)
    assert visit.ended_at is not None
    assert visit.outcome == "accepted"
    assert place.delivered_at == at(110)
    assert place.unit.delivered_on == at(110).astimezone(LOCAL_ZONE).date()
    entry = db.session.scalar(sa.select(TimelineEntry).where(TimelineEntry.kind == "handover.delivered"))
    assert (entry.touchpoint_code, entry.unit_id) == ("TP-E08", place.unit_id)


def test_the_house_may_be_seen_before_any_fee_is_paid(place):
    """3.3.3: payment of the property fee is never a precondition of seeing the house."""
    services.sign_in(place)
    services.check_identity(place)
    services.add_fee(place, FeeKind.PROPERTY_FEE, Decimal(3600), "12 × 300")
    services.send_to(place, Station.INSPECTION)
    assert stations(place)[-1] == ("inspection", False)
    accepted_house(place)
    assert place.state == "accepted"
    assert stations(place)[-1] == ("fees", False)


def without_fees(place):
    place.fee_state = "open"


def without_signatures(place):
    place.papers_state = "open"


def without_bag(place):
    place.keys[0].bag_number = ""


def with_a_loan(place):
    services.lend_keys(place, "王师傅", "厨房漏水", 7)


@pytest.mark.parametrize("missing", [without_fees, without_signatures, without_bag, with_a_loan])
def test_rule_7_keys_wait_for_fees_papers_inspection_and_the_bag(place, missing):
    ready_for_keys(place)
    assert services.obstacles(place) == []
    missing(place)
    db.session.flush()
    assert len(services.obstacles(place)) == 1
    with pytest.raises(TransitionRefused):
        services.hand_keys(place, "李明")
    assert place.keys_state == "held"


def test_rule_7_without_inspection_there_are_no_keys(place):
    services.sign_in(place)
    services.check_identity(place)
    with pytest.raises(TransitionRefused):
        services.hand_keys(place, "李明")
    with pytest.raises(HandoverRuleError):
        services.send_to(place, Station.KEYS)
    assert len(services.obstacles(place)) == 4


def test_an_s1_stands_before_the_keys_and_says_so(place):
    """3.3.4: an S1 blocks the delivery, whatever the owner says of the house."""
    ready_for_keys(place, "WD05")
    assert place.state == "inspecting"
    (said,) = services.obstacles(place)
    defect = db.session.scalars(sa.select(Defect)).one()
    assert defect.severity == "S1" and defect.number in said
    defect.state = "closed"
    db.session.flush()
    (said,) = services.obstacles(place)
    assert "业主" in said and defect.number not in said


def test_who_comes_for_the_owner_stands_in_the_inspection_that_was_planned_before(place):
    planned = services.plan_inspection(place.unit, InspectionKind.FORMAL)
    services.sign_in(place)
    services.check_identity(place, attorney_name="王芳", attorney_document="公证委托书 2026-118")
    assert services.start_inspection(planned).attorney_name == "王芳"


def test_an_exemption_with_a_reason_settles_the_fees(place):
    with pytest.raises(HandoverRuleError):
        services.exempt_house(place, "  ")
    fee = services.add_fee(place, FeeKind.PROPERTY_FEE, Decimal(3600))
    other = services.add_fee(place, FeeKind.MAINTENANCE_FUND, Decimal(100))
    services.exempt_fee(fee, "首年物业费减免")
    assert place.fee_state == "open"
    services.pay_fee(other, "R-1")
    assert place.fee_state == "settled"
    with pytest.raises(HandoverRuleError):
        services.pay_fee(other, "R-2")
    services.add_fee(place, FeeKind.PARKING, Decimal(500))
    assert place.fee_state == "open"
    services.exempt_house(place, "抵房款，总经理批准")
    assert place.fee_state == "exempt"


def test_one_set_of_papers_for_each_house(place):
    first = services.prepare_papers(place, "2026-1")
    assert services.prepare_papers(place, "2026-2") == []
    books = [paper for paper in first if paper.kind in services.papers.BOOKS]
    assert [paper.version for paper in books] == ["2026-1", "2026-1"]
    assert (PaperKind.AIR_REPORT in {paper.kind for paper in first}) == (place.unit.decoration == "fitted")


def test_keys_are_lent_sealed_and_for_seven_days_at_the_most(place):
    with pytest.raises(HandoverRuleError):
        services.lend_keys(place, "王师傅", "修门", 3)
    bag(place)
    for days in (0, 8):
        with pytest.raises(HandoverRuleError):
            services.lend_keys(place, "王师傅", "修门", days)
    loan = services.lend_keys(place, "王师傅", "修门", 7, at(0))
    assert loan.bag_number == "BAG-7"
    assert not services.is_loan_overdue(loan, at(7 * 1440))
    assert services.is_loan_overdue(loan, at(7 * 1440 + 1))
    with pytest.raises(HandoverRuleError):
        services.lend_keys(place, "李师傅", "修窗", 1)
    services.take_keys_back(loan, "BAG-8", at(1440))
    assert [key.bag_number for key in place.keys] == ["BAG-8"]
    assert not services.is_loan_overdue(loan)


def test_an_attorney_needs_the_paper(place):
    services.sign_in(place)
    with pytest.raises(TransitionRefused):
        services.check_identity(place, attorney_name="王芳")
    services.check_identity(place, attorney_name="王芳", attorney_document="公证委托书 2026-118")
    assert place.attorney_document == "公证委托书 2026-118"


def test_rule_6_a_refusal_asks_for_a_reply_within_three_days(place):
    services.sign_in(place)
    with pytest.raises(TransitionRefused):
        services.refuse(place, "", "资料不齐")
    services.refuse(place, "R7", "资料不齐", at(0))
    assert place.state == "refused"
    assert place.reply_due_at == at(3 * 1440)
    assert services.visit_of(place) is None
    todo = db.session.scalar(sa.select(Todo).where(Todo.dedupe_key.startswith("handover.refusal:")))
    assert (todo.due_at, todo.state) == (at(3 * 1440), "open")
    services.reply_to_refusal(place, "复函 2026-18 号", at(1440))
    db.session.refresh(todo)
    assert todo.state == "done"
    with pytest.raises(HandoverRuleError):
        services.reply_to_refusal(place, "再复")


def test_a_refusal_after_the_inspection_does_the_same_and_he_may_come_again(place):
    services.sign_in(place)
    services.check_identity(place)
    finished(place.unit_id, "WP01", opinion="refuse")
    db.session.refresh(place)
    assert (place.state, place.refusal_reason, place.reply_due_at is not None) == ("refused", "R4", True)
    assert services.last_visit_of(place).refusal_reason == "R4"
    services.sign_in(place)
    assert [visit.outcome for visit in db.session.scalars(sa.select(HandoverVisit))] == ["refused", ""]


def test_deemed_delivery_waits_for_legal(place):
    services.take_step(place, "miss", {"comment": "两次电话未到"})
    services.take_step(
        place, "deem", {"deemed_on": dt.date(2026, 12, 20), "deemed_reason": "通知送达满 30 日"}
    )
    todo = db.session.scalar(sa.select(Todo).where(Todo.dedupe_key.startswith("handover.deemed:")))
    assert place.legal_reviewed_at is None
    services.take_step(place, "review_deemed", {"comment": "依据充分"})
    db.session.refresh(todo)
    assert place.legal_reviewed_at is not None
    assert todo.state == "done"
    assert place.unit.delivered_on is None
    with pytest.raises(TransitionRefused):
        services.take_step(place, "overturn_deemed", {"comment": "反悔"})


def test_signing_in_twice_is_refused(place):
    services.sign_in(place)
    with pytest.raises(HandoverRuleError):
        services.sign_in(place)
    services.end_visit(place)
    with pytest.raises(HandoverRuleError):
        services.end_visit(place)


# The figures, against a calculation of their own


def _invent(site, chance: random.Random):
    """Forty houses with visits, times and deliveries, and what the figures should be, counted by hand."""
    model = unit(site.unit_ids[0])
    batch = services.create_batch(model.project, code="K", name="K")
    owner = db.session.scalars(
        sa.select(CustomerUnit).where(CustomerUnit.project_id == model.project_id)
    ).first()
    facts = []
    for number in range(40):
        house = Unit(
            project_id=model.project_id,
            building_id=model.building_id,
            number=f"K{number}",
            code=f"K-{number}",
        )
        db.session.add(house)
        db.session.flush()
        is_sold = chance.random() < 0.8
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
        place = HandoverUnit(
            project_id=model.project_id,
            batch_id=batch.id,
            unit_id=house.id,
            notice_sent_at=at(-1000) if chance.random() < 0.8 else None,
            payment_complete=chance.random() < 0.8,
            delivered_at=at(chance.randint(0, 2000)) if chance.random() < 0.6 else None,
            keys_state="handed",
        )
        db.session.add(place)
        db.session.flush()
        visits = []
        for turn in range(chance.randint(0, 3)):
            outcome = chance.choice(("accepted", "accepted_with_defects", "refused", ""))
            runs = outcome == "" and chance.random() < 0.5
            came, stay = at(turn * 3000), chance.choice((45, 90, 133, 479, 480, 481, 700))
            signed_in = chance.random() < 0.8
            visit = HandoverVisit(
                project_id=model.project_id, handover_unit_id=place.id, number=turn + 1, arrived_at=came,
                ended_at=None if runs else came + dt.timedelta(minutes=800), outcome=outcome, signed_in=signed_in,
            )  # fmt: skip
            db.session.add(visit)
            db.session.flush()
            if signed_in:
                services.visits.pass_station(visit, Station.SIGN_IN, came)
            has_keys = chance.random() < 0.5
            if has_keys:
                services.visits.pass_station(visit, Station.KEYS, came + dt.timedelta(minutes=stay))
            visits.append((outcome, runs, stay if signed_in and has_keys else None))
        facts.append((place, is_sold, visits))
    return batch, facts


def test_k02_k03_k09_and_k10_agree_with_a_count_by_hand(site, scope_of):
    with scope_of("admin", "group"):
        batch, facts = _invent(site, random.Random(20261127))
        here = HandoverUnit.batch_id == batch.id
        moment = at(1000)
        seen = [visits for _place, _sold, visits in facts if any(not runs for _o, runs, _s in visits)]
        first = [visits for visits in seen if visits[0][0].startswith("accepted")]
        refused = [visits for visits in seen if any(outcome == "refused" for outcome, _r, _s in visits)]
        due = [p for p, sold, _v in facts if sold and p.payment_complete and p.notice_sent_at is not None]
        done = [p for p in due if p.delivered_at is not None and p.delivered_at <= moment]
        times = [
            stay for _p, _s, visits in facts for _o, _r, stay in visits if stay is not None and stay <= 480
        ]

        k02, k09 = indicators.accepted_at_first_visit(here), indicators.refused(here)
        k03, k10 = indicators.delivered_by(moment, here), indicators.handover_minutes(here)
        assert (k02.numerator, k02.denominator) == (len(first), len(seen))
        assert (k09.numerator, k09.denominator) == (len(refused), len(seen))
        assert (k03.numerator, k03.denominator) == (len(done), len(due))
        assert (k10.numerator, k10.denominator) == (sum(times), len(times))
        exact = (Decimal(sum(times)) / len(times)).quantize(Decimal("0.1"), ROUND_HALF_UP)
        assert k10.mean == str(exact)
        assert min(map(len, (first, refused, done, times))) > 2
        assert len(first) < len(seen)


def test_without_visits_there_is_no_figure(site, scope_of):
    with scope_of("admin", "group"):
        nothing = HandoverUnit.batch_id == -1
        assert indicators.accepted_at_first_visit(nothing).percent is None
        assert indicators.delivered_by(utc_now(), nothing).percent is None
        assert indicators.handover_minutes(nothing).mean is None


def test_every_state_of_the_reference_can_be_reached():
    targets = {transition.target for transition in HANDOVER_UNIT.transitions}
    assert {state.code for state in HANDOVER_UNIT.states[1:]} <= targets
