"""The pages and the papers of the handover day."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import pytest
from pypdf import PdfReader

from core.toolkit import db, owners_of, preview_document
from plugins.handover import panels, public, services
from plugins.handover.models import FeeKind, HandoverUnit, Inspection, InspectionKind, KeyKind
from plugins.handover.tests.conftest import NOTIFIED, answer_all, finished
from plugins.handover.tests.test_documents import picture_of, text_of


@pytest.fixture
def place(notified_id):
    """Id of a house in a batch."""
    return notified_id


@pytest.fixture
def desk(sign_in, place):
    return sign_in("admin", "group")


def test_the_pages_of_house_and_owner_count_what_they_show(place, scope_of):
    with scope_of("admin", "group"):
        house = db.session.get_one(HandoverUnit, place).unit
        owner = owners_of(house)[0]
        of_house, of_owner = panels.of_unit(house), panels.of_customer(owner)
        assert of_house is not None
        assert of_owner is not None
        assert [shown.id for shown, _state in of_owner["places"]] == [place]
        assert (of_house["count"], of_owner["count"]) == (1, 1)
        services.plan_inspection(house, InspectionKind.FORMAL)
        assert [(each or {})["count"] for each in (panels.of_unit(house), panels.of_customer(owner))] == [
            2,
            2,
        ]


def test_a_day_from_the_arrival_to_the_keys_by_its_buttons(desk, place, site, scope_of):
    def post(step, **values):
        answer = desk.post(f"/handover-day/{place}/{step}", data=values)
        assert answer.status_code == 303, answer.text
        return desk.get(f"/handover-day/{place}").text

    assert "1-1-101" in desk.get("/handover-day/?q=1-1-101").text
    assert "身份已核验" in post("sign-in")
    assert "身份核验" in desk.get("/handover-day/").text
    assert "结算费用" in post("identity")
    assert "12,800.00" in post("fees", kind="maintenance_fund", amount="12,800", basis="128 × 100")
    with scope_of("admin", "group"):
        fee = db.session.get_one(HandoverUnit, place).fees[0].id
    assert "备齐文件" in post("fees/paid", fee_id=fee, receipt_number="R-9")
    assert "全部已签" in post("papers", version="2026-1")
    assert "陪同验房" in post("papers/sign", signed_by="李明")
    answer = desk.post(f"/handover-day/{place}/inspection")
    assert "/handover/on-site/" in answer.headers["Location"]
    with scope_of("admin", "group"):
        found = db.session.query(Inspection).filter_by(handover_unit_id=place).one()
        services.start_inspection(found)
        answer_all(found)
        services.finish_inspection(found, opinion="accept", refusal_reason="")
        db.session.commit()
    assert "查看缺项" in desk.get(f"/handover-day/{place}").text
    assert "BAG-1" in post("keys", kind="entry", quantity="6", bag_number="BAG-1")
    assert "确认交付" in post("keys/hand", receiver="李明")
    assert "调查完成" in post("deliver")
    assert "下一户" in post("survey")
    with scope_of("admin", "group"):
        assert db.session.get_one(HandoverUnit, place).state == "delivered"
    assert "BAG-1" in desk.get(f"/admin/handover/units/details/?id={place}").text


def test_a_stay_says_its_day_once():
    start = dt.datetime(2020, 3, 1, 1, 30, tzinfo=dt.UTC)
    assert public.local_times(start, start + dt.timedelta(minutes=20)) == "2020-03-01 09:30–09:50"
    assert public.local_times(start, start + dt.timedelta(days=1)) == "2020-03-01 09:30 – 2020-03-02 09:30"


@pytest.mark.parametrize(
    ("step", "values"),
    [
        ("fees", {"kind": "parking", "amount": "many"}),
        ("fees", {"kind": "parking", "amount": "NaN"}),
        ("fees", {"kind": "parking", "amount": "9" * 20}),
        ("fees", {"kind": "nothing", "amount": "1"}),
        ("fees/paid", {"fee_id": "x", "receipt_number": "R"}),
        ("fees/exempt", {"reason": " "}),
        ("keys", {"kind": "entry", "quantity": "²", "bag_number": "B"}),
        ("keys/lend", {"borrower": "A", "purpose": "B", "days": "1"}),
        ("keys/back", {}),
        ("keys/hand", {"receiver": "A"}),
        ("deliver", {}),
        ("papers", {"version": ""}),
        ("papers/sign", {"signed_by": "A"}),
        ("send", {"station": "moon"}),
        ("refuse", {"refusal_reason": "R0"}),
        ("reply", {"reply": "A"}),
        ("survey", {}),
        ("leave", {}),
    ],
)
def test_what_a_rule_refuses_is_said_and_nothing_is_lost(desk, place, step, values):
    answer = desk.post(f"/handover-day/{place}/{step}", data=values)
    assert answer.status_code == 422
    assert 'class="note late"' in answer.text


def test_the_record_page_offers_the_side_steps(desk, place):
    page = desk.get(f"/admin/handover/units/details/?id={place}").text
    for words in ("联系不上", "未到场", "认定视为交付", "打开交付日页面"):
        assert words in page


@pytest.fixture
def full(place, prepared, scope_of):
    """The house with everything: long names, fees, papers, keys, a defect and a loan that came back."""
    prepared("a house with everything", lambda: fill(place, scope_of), after=NOTIFIED)
    return place


def fill(place, scope_of):
    with scope_of("admin", "group"):
        made = db.session.get_one(HandoverUnit, place)
        services.sign_in(made)
        services.check_identity(made, attorney_name="欧阳" * 20, attorney_document="公证委托书 2026-118")
        for kind in FeeKind:
            fee = services.add_fee(made, kind, Decimal("1234.50"), "128.00 m² × 2.80 元/月 × 12 个月 " * 4)
            services.pay_fee(fee, f"SJ-{kind}")
        services.prepare_papers(made, "2026-1")
        services.sign_papers(made, "李明")
        for kind in KeyKind:
            services.register_keys(made, kind, 6, "BAG-1")
        loan = services.lend_keys(made, "王师傅", "厨房下水管渗漏维修", 3)
        services.take_keys_back(loan, "BAG-2")
        finished(made.unit_id, "WD02")
        db.session.refresh(made)
        services.hand_keys(made, "李明")
        services.deliver(made)
        db.session.commit()


PRINTED = {
    "handover.deed": {"zh_Hans_CN": ("房屋交接书", "128"), "en": ("Handover deed", "BAG-2")},
    "handover.key_receipt": {"zh_Hans_CN": ("钥匙领取单", "BAG-2"), "en": ("Key receipt", "BAG-2")},
    "handover.station_sheet": {"zh_Hans_CN": ("交付流转单", "1,234.50"), "en": ("Station sheet", "1,234.50")},
}


@pytest.mark.parametrize("code", PRINTED)
@pytest.mark.parametrize("language", ["zh_Hans_CN", "en"])
def test_papers_with_everything(full, scope_of, running_app, code, language):
    with running_app.test_request_context(), scope_of("admin", "group"):
        pdf = preview_document(code, db.session.get_one(HandoverUnit, full), language)
    title, value = PRINTED[code][language]
    text = text_of(pdf)
    assert title in text
    assert value in text or code == "handover.deed"
    assert min(picture_of(pdf, 0).getextrema()) < 80


@pytest.mark.parametrize("code", PRINTED)
def test_papers_with_nothing(place, scope_of, running_app, code):
    with running_app.test_request_context(), scope_of("admin", "group"):
        pdf = preview_document(code, db.session.get_one(HandoverUnit, place), "zh_Hans_CN")
    assert len(PdfReader(io.BytesIO(pdf)).pages) <= 2
    assert "1-1-101" in text_of(pdf)
