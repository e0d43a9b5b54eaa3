"""What stands on the papers, the monthly report with its periodic task, and the notice before the end of a term."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import replace
from decimal import Decimal

import pypdf
import pytest
import sqlalchemy as sa

from core.toolkit import (
    Todo,
    all_departments,
    attach,
    db,
    issue_document,
    local_today,
    owners_of,
    preview_document,
    prints_personal_data,
    read_document,
    use_scope,
    utc_now,
)
from plugins.warranty import services, tasks
from plugins.warranty.coverage import System
from plugins.warranty.documents.contractors import retention_settlement, third_party_notice
from plugins.warranty.documents.houses import expiry_notice, may_remind
from plugins.warranty.documents.orders import delay_notice, repair_order, visit_record
from plugins.warranty.documents.reports import case_report, monthly_report
from plugins.warranty.indicators import rate
from plugins.warranty.models import HouseWarranty, MonthlyReport, ToldHow
from plugins.warranty.services import cases, money, notices, orders, reports
from plugins.warranty.services.expiry import ending_lines
from plugins.warranty.services.house_terms import house_terms
from plugins.warranty.services.reports import ContractorLine, ranked
from plugins.warranty.tests.helpers import closed, dispatched, jpeg, order_of, surveyed, unit
from plugins.warranty.tests.test_cases import houses
from plugins.warranty.words import money as printed_money

ZH = "zh_Hans_CN"


def words(values: object) -> str:
    """All that stands on a paper, as one text."""
    if isinstance(values, dict):
        return " ".join(words(each) for each in values.values())
    if isinstance(values, (list, tuple)):
        return " ".join(words(each) for each in values)
    return str(values)


def text_of(pdf: bytes) -> str:
    """What is written in a PDF."""
    return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def test_a_repair_order_prints_visits_hours_and_the_call_back(site, scope_of):
    with scope_of("head"):
        order = closed(order_of(site.unit_ids[0]))
        orders.call_back(order, reached=True, score=5, note="师傅很细心")
        printed = repair_order(order, ZH)
        assert printed["hours"] == "0.5"
        assert [cell[0].split("\n")[1] for cell in printed["visits"]] == ["查勘"]
        assert "师傅很细心" in words(printed["call_back"])
        assert len(printed["steps"]) == 6
        assert [len(row) for row in printed["limits"]] == [7, 7]
        record = words(visit_record(order.visits[0], ZH))
        assert order.number in record
        assert "墙面裂缝 0.3 mm" in record


@pytest.mark.parametrize("language", [ZH, "en"])
def test_a_short_repair_order_takes_a_page_a_copy(site, scope_of, language):
    with scope_of("head"):
        order = closed(order_of(site.unit_ids[0], "bathroom_leak", reporter_phone="13800001111"))
        orders.call_back(order, reached=True, score=5, note="师傅很细心")
        assert issue_document("warranty.repair_order", order, language).pages == 3, (
            "two copies, and the photos"
        )


def test_an_issued_repair_order_names_the_owner_and_a_draft_does_not(site, scope_of):
    with scope_of("head") as scope:
        order = dispatched(
            order_of(
                site.unit_ids[0], "bathroom_leak", reporter_name="欧阳明月", reporter_phone="13800001111"
            )
        )
        db.session.commit()
        permissions = frozenset(code for code in scope.permissions if not code.startswith("personal."))
        with use_scope(replace(scope, permissions=permissions)):
            draft = text_of(preview_document("warranty.repair_order", order, ZH))
            issued = issue_document("warranty.repair_order", order, ZH)
            printed = text_of(read_document(issued))
        for personal in ("欧阳明月", "13800001111"):
            assert personal not in draft
            assert personal in printed
        assert prints_personal_data() is ("personal.view" in scope.permissions), (
            "an issue leaves nothing behind"
        )


def test_a_later_date_is_printed_with_the_old_one_and_what_was_told(site, scope_of):
    with scope_of("head"):
        order = surveyed(order_of(site.unit_ids[0], "bathroom_leak"))
        orders.tell_progress(order, "已订材料，周四到货")
        old = order.promised_at
        extension = orders.extend(order, old + dt.timedelta(days=5), "防水材料缺货", ToldHow.PHONE)
        printed = delay_notice(extension, ZH)
        assert extension.old_date == old
        assert "防水材料缺货" in words(printed)
        assert "已订材料，周四到货" in words(printed["progress"])
        assert "电话" in printed["told"]


def test_the_third_party_is_announced_with_both_notices_and_the_fee(site, scope_of):
    with scope_of("head"):
        order = dispatched(order_of(site.unit_ids[0], "bathroom_leak"))
        for _stage in (1, 2):
            notice = notices.issue_notice(order, "24 小时内到场", "EMS 1001")
            notice.answer_due_at = utc_now() - dt.timedelta(minutes=1)
            db.session.flush()
        attach(notice, jpeg(), "回执.jpg", slot="proof")
        repair = notices.order_third_party(order, "快修公司", Decimal("4860.00"))
        printed = third_party_notice(repair, ZH)
        assert [row[1] for row in printed["notices"]] == [1, 2]
        assert (printed["fee_percent"], printed["objection_days"]) == ("15", 7)
        assert "快修公司" in words(printed["repair"])


def test_the_decision_about_an_objection_stands_apart_from_the_amount_that_stays(site, scope_of):
    with scope_of("head"):
        order = dispatched(order_of(site.unit_ids[0]))
        deduction = money.draft_deduction(order, Decimal("4860.00"), "委托第三方维修")
        money.issue_deduction(deduction)
        money.object_to_deduction(deduction, "发票第 3 项与渗漏无关")
        money.decide_objection(deduction, "核减后维持", Decimal("4600.00"))
        lines = text_of(preview_document("warranty.deduction_notice", deduction, ZH)).splitlines()
    assert {"核减后维持", "核定扣款金额：¥4,600.00。"} <= {line.strip() for line in lines}


def test_a_settlement_lists_the_ledger_and_what_stands_in_the_way(site, scope_of):
    with scope_of("head"):
        order = order_of(site.unit_ids[0])
        account = money.open_account(
            order.project,
            order.contractor,
            contract_number="HT-01",
            settlement=Decimal("100000"),
            starts_on=dt.date(2023, 12, 20),
        )
        asked = money.request_release(account, account.balance)
        printed = retention_settlement(asked, ZH)
        assert len(printed["ledger"]) == 1
        assert order.number in words(printed["obstacles"])
        assert len(printed["opinions"]) == 5
        orders.triage(order, responsibility="contractor")
        orders.cancel(order, "业主撤回")
        assert retention_settlement(asked, ZH)["obstacles"] == []


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("amount", "printed"),
    [
        (None, ""),
        ("0", "¥0.00"),
        ("12345.6", "¥12,345.60"),
        ("-3680", "-¥3,680.00"),
        ("-74320", "-¥74,320.00"),
    ],
)
def test_what_was_taken_off_has_its_sign_before_the_yuan(amount, printed):
    assert printed_money(None if amount is None else Decimal(amount)) == printed


def test_an_alarm_counts_faults_and_contractors(site, world, scope_of):
    with scope_of("head"):
        keys = houses(world, 60)
        made = [order_of(key, "lock") for key in keys[:5]]
        case = made[0].group_case or made[-1].group_case
        printed = case_report(db.session.merge(case), ZH)
        assert [count for _name, count in printed["faults"]] == [5]
        assert len(printed["orders"]) == 5
        assert printed["more"] == 0
        cases.confirm_case(case, "全楼排查")
        assert "全楼排查" in words(case_report(case, ZH))


def test_owners_hear_of_what_ends_soon_and_of_nothing_else(site, scope_of):
    with scope_of("head"):
        house, today = unit(site.unit_ids[0]), local_today()
        lines = db.session.scalars(sa.select(HouseWarranty).where(HouseWarranty.unit_id == house.id)).all()
        for line in lines:
            line.owner_end = today + dt.timedelta(days=400)
        assert ending_lines(house) == []
        assert house.code in may_remind(house)
        for line, days in zip(lines, (0, 30, 31, -1), strict=False):
            line.owner_end = today + dt.timedelta(days=days)
        db.session.flush()
        assert [(line.owner_end - today).days for line in ending_lines(house)] == [0, 30]
        assert may_remind(house) is None
        printed = expiry_notice(house, ZH)
        assert [row[-1] for row in printed["rows"]] == [0, 30]
        for owner in owners_of(house):
            assert owner.name in printed["addressee"]


def test_a_notice_counts_seasons_only_where_the_city_has_them(site, scope_of):
    def terms() -> dict[str, str]:
        return {row[1].partition(" · ")[2]: row[2] for row in expiry_notice(house, ZH)["rows"]}

    with scope_of("admin", "group"):
        house, soon = unit(site.unit_ids[0]), local_today() + dt.timedelta(days=5)
        for line in db.session.scalars(sa.select(HouseWarranty).where(HouseWarranty.unit_id == house.id)):
            line.owner_end = soon if line.category_code == "W05" else soon - dt.timedelta(days=400)
        db.session.flush()
        assert terms() == {"供热": "2 年", "供冷": "2 年"}
        guaranteed = {term.part: term.period for term in house_terms(house)}
        assert guaranteed["供热与供冷系统 · 供热"] == "2 年"
        services.set_season(house.project.department, System.COOLING, (6, 1), (9, 30), "供冷期公告")
        assert terms() == {"供热": "2 年", "供冷": "2 个供冷期"}
        services.set_season(house.project.department, System.HEATING, (11, 15), (3, 15), "采暖期公告")
        assert terms() == {"供热": "2 个采暖期", "供冷": "2 个供冷期"}


@pytest.fixture
def last_month(monkeypatch):
    """It is the second of the next month."""
    first = local_today().replace(day=1)
    second = (first + dt.timedelta(days=32)).replace(day=2)
    monkeypatch.setattr(tasks, "local_today", lambda: second)
    return first


class Run:
    """What a periodic task is given, without a worker."""

    @staticmethod
    def steps(keys):
        return iter(keys)


def test_the_report_of_a_month_is_prepared_once_with_its_to_dos(
    site, world, scope_of, running_app, last_month
):
    with scope_of("head"):
        order_of(site.unit_ids[0])
        db.session.commit()
    for _again in (1, 2):
        with running_app.app_context(), all_departments("a test"):
            tasks.prepare_reports(Run())
            db.session.commit()
    with scope_of("head"):
        (report,) = db.session.scalars(sa.select(MonthlyReport)).all()
        assert (report.project_id, report.month) == (world.own.project_id, last_month)
        wanted = db.session.scalars(
            sa.select(Todo.due_at)
            .where(Todo.record_kind == "warranty.report", Todo.record_id == report.id)
            .order_by(Todo.due_at)
        ).all()
        following = (last_month + dt.timedelta(days=32)).replace(day=1)
        assert [moment.date() for moment in wanted] == [following.replace(day=3), following.replace(day=5)]
        reports.make_report(report.project, report.month, "裂缝偏多", "抽查批嵌")
        reports.prepare_report(report.project, report.month)
        assert report.analysis == "裂缝偏多"
        printed = monthly_report(report, ZH)
        assert "K19" in words(printed)
        assert printed["faults"], "the most frequent problems are named"
        assert [row[0] for row in printed["faults"]] == list(range(1, len(printed["faults"]) + 1))
        assert sum(row[2] for row in printed["faults"]) == sum(reports.contents(report).reported.values())


@pytest.mark.no_database
def test_contractors_are_ranked_and_equal_ones_share_a_place():
    def line(name: str, good: int, of: int, overdue: int = 0) -> ContractorLine:
        return ContractorLine(0, name, of, of, rate(good, of), 0, overdue)

    placed = ranked(
        [line("丙", 0, 0), line("乙", 9, 10), line("甲", 9, 10), line("丁", 10, 10), line("戊", 9, 10, 1)]
    )
    assert [(each.rank, each.name) for each in placed] == [
        (1, "丁"),
        (2, "乙"),
        (2, "甲"),
        (4, "戊"),
        (5, "丙"),
    ]
