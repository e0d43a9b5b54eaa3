"""Fees by rule, area settlements, and letters to owners."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from fractions import Fraction

import pikepdf
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from core.testing import run_pending_jobs
from core.toolkit import (
    Building,
    Decoration,
    DocumentRefused,
    IssuedDocument,
    Message,
    TimelineEntry,
    TransitionRefused,
    db,
    issue_document,
    links_of,
    owners_of,
)
from plugins.handover import services
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import FeeKind, FeeState, HandoverUnit
from plugins.handover.preparation.areas import AreaTerms, settle
from plugins.handover.preparation.models import (
    ContactMeans,
    DeliveryLetter,
    FeeMethod,
    FeeRule,
    LetterKind,
)
from plugins.handover.preparation.services import charges, contacts, letters
from plugins.handover.tests.conftest import SITE, unit

TERMS = AreaTerms(Decimal(3), 2)


@pytest.fixture
def place(site, prepared, scope_of):
    """A house in a batch with its date, areas and price."""
    key = prepared("a house with areas and price", lambda: make_place(site, scope_of), after=SITE)
    with scope_of("admin", "group"):
        yield db.session.get_one(HandoverUnit, key)


def make_place(site, scope_of):
    with scope_of("admin", "group"):
        house = unit(site.unit_ids[0])
        house.gross_area_contract, house.gross_area_measured = Decimal("100.00"), Decimal("102.00")
        house.price, house.decoration = Decimal("1500000.00"), Decoration.FITTED
        db.session.get_one(Building, house.building_id).total_floors = 18
        batch = services.create_batch(
            house.project, code="B1", name="一批", delivery_on=dt.date(2026, 12, 20)
        )
        (made,) = services.add_units(batch, [house])
        db.session.commit()
        return made.id


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("contract", "measured", "amount", "is_beyond"),
    [
        # Within 3 %, included: as measured, at ¥10,000 a square metre.
        ("100.00", "100.00", "0.00", False),
        ("100.00", "102.00", "20000.00", False),
        ("100.00", "103.00", "30000.00", False),
        ("100.00", "97.00", "-30000.00", False),
        # Larger beyond 3 %: only the 3 % are paid.
        ("100.00", "105.00", "30000.00", True),
        # Smaller beyond 3 %: the 3 % once and the rest twice.
        ("100.00", "95.00", "-70000.00", True),
        ("89.50", "93.10", "26850.00", True),
        ("89.50", "85.00", "-63150.00", True),
    ],
)
def test_article_20(contract, measured, amount, is_beyond):
    result = settle(Decimal(contract), Decimal(measured), Decimal(10_000), TERMS)
    assert result.amount == Decimal(amount)
    assert result.is_beyond is is_beyond


@pytest.mark.no_database
@given(
    st.decimals(20, 400, places=2), st.decimals("-0.2", "0.2", places=4), st.decimals(100, 90_000, places=2)
)
def test_a_larger_house_never_costs_more_than_three_percent_and_a_smaller_one_never_costs(
    contract, share, price
):
    measured = (contract * (1 + share)).quantize(Decimal("0.01"))
    result = settle(contract, measured, price, TERMS)
    exact = Fraction(measured - contract)
    cap = Fraction(contract) * 3 / 100
    if exact >= 0:
        expected = min(exact, cap) * Fraction(price)
    else:
        expected = -(min(-exact, cap) + 2 * max(Fraction(0), -exact - cap)) * Fraction(price)
    assert abs(Fraction(result.amount) - expected) <= Fraction(1, 200)
    assert (result.amount > 0) <= (exact > 0)


def test_an_area_difference_becomes_a_fee_and_is_settled_with_it(place):
    settlement = charges.compute_area(place)
    (fee,) = place.fees
    assert (fee.kind, fee.amount) == (FeeKind.AREA_DIFFERENCE, Decimal("30000.00"))
    place.unit.gross_area_measured = Decimal("99.00")
    charges.compute_area(place)
    assert fee.amount == Decimal("-15000.00")
    charges.take_area_step(settlement, "agree", {})
    with pytest.raises(HandoverRuleError):
        charges.compute_area(place)
    services.pay_fee(fee, "TK-1")
    assert settlement.state == "settled"


def test_a_buyer_may_rescind_only_beyond_the_limit(place):
    settlement = charges.compute_area(place)
    with pytest.raises(TransitionRefused):
        charges.take_area_step(settlement, "rescind", {"comment": "退房"})
    place.unit.gross_area_measured = Decimal("94.00")
    charges.compute_area(place)
    charges.take_area_step(settlement, "rescind", {"comment": "退房"})
    db.session.expire(place, ["fees"])
    assert place.fees == []
    assert charges.expected_area(place) is None


def test_without_a_price_or_an_area_nothing_is_settled(place):
    place.unit.price = None
    with pytest.raises(HandoverRuleError):
        charges.compute_area(place)
    assert charges.expected_area(place) is None


def rule(place, kind, method, rate=None, **values):
    made = FeeRule(project_id=place.project_id, kind=kind, method=method, rate=rate, **values)
    db.session.add(made)
    db.session.flush()
    return made


def test_fees_come_from_the_rules_of_the_project(place):
    rule(place, FeeKind.MAINTENANCE_FUND, FeeMethod.PER_AREA, Decimal(120), floors_from=7)
    rule(place, FeeKind.MAINTENANCE_FUND, FeeMethod.PER_AREA, Decimal(85), floors_to=6)
    rule(place, FeeKind.PROPERTY_FEE, FeeMethod.PER_AREA_MONTH, Decimal("2.80"), months=3)
    rule(place, FeeKind.DECORATION_DEPOSIT, FeeMethod.FIXED, Decimal(2000), decoration="rough")
    rule(place, FeeKind.UTILITIES, FeeMethod.FIXED, Decimal(260))
    rule(place, FeeKind.OTHER, FeeMethod.TEXT, title="契税", note="向税务机关缴纳")
    amounts = {(line.kind, line.amount) for line in charges.fee_lines(place)}
    assert amounts == {
        (FeeKind.AREA_DIFFERENCE, Decimal("30000.00")),
        (FeeKind.MAINTENANCE_FUND, Decimal("12240.00")),
        (FeeKind.PROPERTY_FEE, Decimal("856.80")),
        (FeeKind.UTILITIES, Decimal(260)),
        (FeeKind.OTHER, None),
    }
    assert place.fees == [], "a preview writes nothing"
    charges.charge(place)
    db.session.expire(place, ["fees"])
    assert {(fee.kind, fee.amount) for fee in place.fees} == amounts - {(FeeKind.OTHER, None)}
    assert place.fee_state == FeeState.OPEN


def test_what_is_paid_stays_when_the_rules_change(place):
    fund = rule(place, FeeKind.MAINTENANCE_FUND, FeeMethod.PER_AREA, Decimal(120))
    gas = rule(place, FeeKind.UTILITIES, FeeMethod.FIXED, Decimal(260))
    charges.charge(place)
    by_rule = {fee.rule_id: fee for fee in place.fees}
    services.pay_fee(by_rule[fund.id], "SJ-1")
    fund.rate, gas.rate = Decimal(150), Decimal(300)
    db.session.flush()
    assert [fee.rule_id for fee in charges.charge(place)] == [gas.id]
    assert (by_rule[fund.id].amount, by_rule[gas.id].amount) == (Decimal("12240.00"), Decimal(300))
    assert charges.charge(place) == [], "a second time nothing is entered twice"


def test_no_rule_asks_for_what_was_entered_by_hand(place):
    rule(place, FeeKind.MAINTENANCE_FUND, FeeMethod.PER_AREA, Decimal(120))
    gas = rule(place, FeeKind.UTILITIES, FeeMethod.FIXED, Decimal(260))
    services.add_fee(place, FeeKind.MAINTENANCE_FUND, Decimal(11508), "115.08 m² × 100")
    db.session.expire(place, ["fees"])
    coming = [(line.kind, line.amount) for line in charges.fees_to_come(place)]
    assert (FeeKind.MAINTENANCE_FUND, Decimal(11508)) in coming and len(coming) == 3
    assert [fee.rule_id for fee in charges.charge(place) if fee.rule_id] == [gas.id]
    db.session.expire(place, ["fees"])
    assert [fee.amount for fee in place.fees if fee.kind == FeeKind.MAINTENANCE_FUND] == [Decimal(11508)]


@pytest.mark.parametrize(
    "values",
    [
        {"method": "per_area"},
        {"method": "per_area", "rate": Decimal(0)},
        {"method": "text", "note": " "},
        {"method": "per_area_month", "rate": Decimal(1), "months": 0},
        {"method": "fixed", "rate": Decimal(1), "floors_from": 8, "floors_to": 7},
    ],
)
def test_a_rule_that_cannot_be_computed_is_refused(values, site):
    with pytest.raises(HandoverRuleError):
        charges.check_rule(values)


def test_the_usual_rules_are_loaded_once(place):
    assert charges.load_standard_rules(place.project) == 8
    with pytest.raises(HandoverRuleError):
        charges.load_standard_rules(place.project)
    kinds = [line.kind for line in charges.fee_lines(place)]
    assert kinds.count(FeeKind.MAINTENANCE_FUND) == 1, "an 18-storey building pays by one of the two rules"
    assert FeeKind.DECORATION_DEPOSIT not in kinds, "a fitted flat is not decorated"


# Letters


def start(place, kind=LetterKind.NOTICE, **ways):
    letters.start(place.batch, [place.id], kind, **{"by_message": True, "by_letter": True, **ways})
    db.session.commit()


def newest(place):
    return letters.letters_of(place)[0]


def test_one_job_enters_fees_issues_the_letter_and_tells_each_owner(place, running_app):
    charges.load_standard_rules(place.project)
    start(place)
    (job,) = run_pending_jobs(running_app)
    assert (job.state, job.failures) == ("done", ())
    db.session.expire_all()
    assert place.state == "notified"
    assert place.notice_sent_at is not None
    letter = newest(place)
    assert (letter.kind, letter.number, letter.by_message, letter.by_letter) == ("notice", 1, True, True)
    issued = db.session.scalar(
        sa.select(IssuedDocument).where(IssuedDocument.number == letter.document_number)
    )
    assert (issued.document_type, issued.record_id) == ("handover.delivery_notice", place.id)
    assert issued.customer_id == owners_of(place.unit)[0].id, "it is archived with the key of the owner"
    owners = owners_of(place.unit)
    assert {link.customer_id for link in links_of(place)} == {owner.id for owner in owners}
    messages = db.session.scalars(sa.select(Message).where(Message.record_kind == "handover.unit")).all()
    assert {message.customer_id for message in messages} == {owner.id for owner in owners}
    entry = db.session.scalar(sa.select(TimelineEntry).where(TimelineEntry.kind == "handover.notified"))
    assert entry.touchpoint_code == "TP-E01"
    assert {fee.kind for fee in place.fees} >= {FeeKind.MAINTENANCE_FUND, FeeKind.AREA_DIFFERENCE}


@pytest.mark.parametrize("kind", list(LetterKind))
def test_a_letter_is_issued_only_where_it_gets_its_code(place, running_app, monkeypatch, kind):
    """Beside the step that writes letters nothing issues one: it would have no link, and nobody would know of it."""
    if kind == LetterKind.REMINDER:
        services.take_step(place, "notify", {})
    with running_app.test_request_context():
        with pytest.raises(DocumentRefused, match=r"Letters, calls and appointment|函件、联系与预约"):
            issue_document(letters.DOCUMENTS[kind], place, "zh_Hans_CN")
        carried = []
        asked = letters.address_on_letter
        monkeypatch.setattr(letters, "address_on_letter", lambda: carried.append(asked()) or carried[-1])
        letters.write(place, kind)
    assert {address.rpartition("/")[0].endswith("/l") for address in carried} == {True}
    assert len(set(carried)) == 1
    assert letters.address_on_letter() == "", "nothing is left for the next document"


def test_the_fees_to_come_are_those_that_are_entered_then(place):
    """A letter is laid out with them before they are there."""

    def standing():
        return [(fee.kind, fee.basis, fee.amount) for fee in place.fees]

    def coming():
        return [(line.kind, line.basis, line.amount) for line in charges.fees_to_come(place)]

    charges.load_standard_rules(place.project)
    services.add_fee(place, FeeKind.OTHER, Decimal("88.00"), "门禁卡")
    foreseen = coming()
    assert foreseen[1][0] == FeeKind.AREA_DIFFERENCE
    charges.charge(place)
    db.session.expire(place, ["fees"])
    assert standing() == foreseen == coming()
    assert len(foreseen) > 4

    kept, raised = [fee for fee in place.fees if fee.rule_id is not None][:2]
    services.pay_fee(kept, "No. 1")
    for fee in (kept, raised):
        rule = db.session.get_one(FeeRule, fee.rule_id)
        rule.rate += 1
    db.session.flush()
    foreseen = coming()
    assert foreseen != standing()
    assert (kept.kind, kept.basis, kept.amount) in foreseen, "what is paid stays"
    charges.charge(place)
    db.session.expire(place, ["fees"])
    assert standing() == foreseen


def test_a_second_notice_and_a_reminder_are_counted_and_never_lost(place, running_app):
    start(place)
    start(place, by_letter=False)
    start(place, LetterKind.REMINDER, by_message=False)
    jobs = run_pending_jobs(running_app)
    assert [job.failures for job in jobs] == [(), (), ()]
    db.session.expire_all()
    assert [(each.kind, each.number) for each in reversed(letters.letters_of(place))] == [
        ("notice", 1),
        ("notice", 2),
        ("reminder", 1),
    ]
    assert place.state == "notified"


def test_what_cannot_be_sent_is_named_and_the_others_go(place, running_app, site):
    nobody = unit(site.unit_ids[1])
    (second,) = services.add_units(place.batch, [nobody])
    for link in list(nobody_links(nobody)):
        link.cancelled_on = dt.date(2026, 1, 1)
    assert letters.preview([second], LetterKind.NOTICE)[0].refusal is not None
    letters.start(place.batch, [place.id, second.id], LetterKind.NOTICE, by_message=True, by_letter=True)
    db.session.commit()
    (job,) = run_pending_jobs(running_app)
    assert (job.done, job.failed) == (1, 1)
    assert job.failures[0][0] == nobody.code
    db.session.expire_all()
    assert (place.state, second.state) == ("notified", "planned")


def nobody_links(house):
    from core.toolkit import CustomerUnit

    return db.session.scalars(sa.select(CustomerUnit).where(CustomerUnit.unit_id == house.id))


def test_a_reminder_needs_a_notice_before_it(place):
    assert letters.preview([place], LetterKind.REMINDER)[0].refusal is not None
    with pytest.raises(HandoverRuleError):
        letters.write(place, LetterKind.REMINDER)


def test_a_job_needs_houses_and_a_way(place):
    with pytest.raises(HandoverRuleError):
        letters.start(place.batch, [], LetterKind.NOTICE, by_message=True, by_letter=True)
    with pytest.raises(HandoverRuleError):
        letters.start(place.batch, [place.id], LetterKind.NOTICE, by_message=False, by_letter=False)


def test_the_receipt_counts_once(place):
    with pytest.raises(HandoverRuleError):
        letters.note_receipt(place, "李明")
    services.take_step(place, "notify", {})
    first = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    letters.note_receipt(place, "李明", first)
    letters.note_receipt(place, "李明", first + dt.timedelta(days=1))
    assert place.notice_received_at == first


def test_letters_are_joined_in_their_order():
    def page(width):
        content = io.BytesIO()
        with pikepdf.new() as made:
            made.add_blank_page(page_size=(width, 100))
            made.save(content)
        return content.getvalue()

    with pikepdf.open(io.BytesIO(letters._joined([page(100), page(200), page(300)]))) as whole:
        assert [int(each.mediabox[2]) for each in whole.pages] == [100, 200, 300]


def test_the_latest_day_for_notices_lies_before_t(place):
    assert letters.latest_day(place.batch) == dt.date(2026, 12, 5)


def test_what_was_noted_of_an_owner_is_told_and_forgotten(place):
    owner = owners_of(place.unit)[0]
    services.take_step(place, "notify", {})
    attempt = contacts.note_attempt(place, ContactMeans.PHONE, reached=False, note="李明在外地")
    letter = DeliveryLetter(
        project_id=place.project_id,
        handover_unit_id=place.id,
        kind=LetterKind.NOTICE,
        sent_at=dt.datetime(2026, 11, 20, tzinfo=dt.UTC),
        document_number="JFTZ-1",
        received_by="李明",
    )
    db.session.add(letter)
    charges.compute_area(place)
    (told,) = services.held_about(owner.id)["handovers"]
    assert told["attempts"][0]["note"] == "李明在外地"
    assert told["letters"][0]["received_by"] == "李明"
    assert told["area"] == [{"contract": "100.00", "measured": "102.00", "state": "draft"}]
    services.forget_customer(owner.id)
    assert (attempt.note, letter.received_by) == ("", "")
