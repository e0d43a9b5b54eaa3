"""Who pays in the demo story: a contractor who does not come, with the third party's invoice and its deduction; and one
whose retention money is settled, with a deduction and what was left of it paid out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from io import BytesIO
from typing import Any

import sqlalchemy as sa

from core.toolkit import approve, attach, db, utc_now
from plugins.contractors import services as contractors
from plugins.contractors.demo_photos import draw
from plugins.warranty import demo_past
from plugins.warranty.models import Order, Responsibility
from plugins.warranty.services import money, notices, orders, releases

HOUR = dt.timedelta(hours=1)
_ANSWERS = {
    "engineering": ("ENG", "缺陷责任期内报修 1 单，已由第三方修复，无遗留问题，同意结算。"),
    "property": ("PM", "业主无未结诉求，同意。"),
    "cost": ("COST", "扣款 3,680.00 元已入账，应付余额 74,320.00 元，同意。"),
    "finance": ("FIN", "已核对台账与发票，同意支付。"),
    "city": ("HEAD", "同意。"),
}
"""Who agrees to the settlement, and in which words."""


def tell(story: Any) -> None:
    """Write it; ``story`` is the one of ``demo.py``, whose manager acts.

    Args:
        story: Gives houses, people, ``acting`` and ``report``.
    """
    _does_not_come(story)
    _asks(story)
    _risen(story)
    _settled(story)


def _paper(record: Any, name: str, slot: str, story: Any) -> None:
    attach(record, BytesIO(draw("paper", story.chance)), name, slot=slot)


def _does_not_come(story: Any) -> None:
    """The contractor of a roof leak answers neither notice: a third party repairs, his invoice is deducted, and the
    owner has gone to the local television meanwhile."""
    with story.acting(story.caller):
        order = story.report(
            story.units[40], ("roof_leak", "主卧", "雨后顶棚渗水，墙纸脱落"), hours=120
        ).orders[0]
    orders.triage(order, responsibility=Responsibility.CONTRACTOR)
    orders.dispatch(order, engineer=story.engineers[0])
    order.request.registered_at = order.registered_at = order.request.reported_at + dt.timedelta(minutes=6)
    last = None
    for stage in (1, 2):
        last = notices.issue_notice(order, "24 小时内到场查勘并开始维修", f"EMS 邮政特快专递 1000{stage}")
        last.issued_at = demo_past.half_hour(utc_now() - dt.timedelta(hours=96 - 36 * stage))
        last.answer_due_at = last.issued_at + dt.timedelta(hours=24)
        db.session.flush()
    _paper(last, "EMS 10002 妥投截图.jpg", "proof", story)
    with story.acting(story.caller):
        orders.note_media(order, "业主 11 月起在本地电视台《民生热线》投诉，节目组来电要求回应。")
    repair = notices.order_third_party(order, "深圳市固维建筑防水工程有限公司", Decimal("4600.00"))
    _paper(repair, "固维防水报价单.jpg", "quotation", story)
    notices.arrive_third_party(repair)
    notices.invoice_third_party(repair, "24442000000105738261", Decimal("4860.00"))
    _paper(repair, "发票 4860.00.jpg", "invoice", story)
    deduction = money.draft_deduction(
        order,
        Decimal("4860.00"),
        "两次维修通知均未答复，委托第三方维修屋面渗漏，按发票金额加收管理费",
        third_party=repair,
    )
    money.issue_deduction(deduction)
    if order.contractor is not None:
        money.open_account(
            story.demo.project,
            order.contractor,
            contract_number="YQW-FS-2022-014",
            settlement=Decimal("3860000.00"),
            starts_on=story.demo.today - dt.timedelta(days=790),
        )


def _account(story: Any, name: str, short: str, contract: str, settlement: str, note: str) -> Any:
    project = story.demo.project
    company = contractors.register_company(department=project.department, name=name, short_name=short)
    return money.open_account(
        project,
        company,
        contract_number=contract,
        settlement=Decimal(settlement),
        starts_on=story.demo.today - dt.timedelta(days=760),
        note=note,
    )


def _asks(story: Any) -> None:
    """A contractor whose period is over asks for his money; those who agree are asked."""
    account = _account(
        story, "华东园林景观工程有限公司", "华东园林", "HT-2023-YL-018", "4200000", "一期景观工程"
    )
    releases.submit_release(
        money.request_release(account, Decimal("126000.00")), "缺陷责任期已满，无未结工单"
    )


def _risen(story: Any) -> None:
    """The fire doors: all had agreed; a small correction let that stand, a larger one asks them anew."""
    account = _account(
        story, "岭南防火门业有限公司", "岭南防火门", "HT-2022-FM-003", "2800000", "一期防火门供货及安装"
    )
    release = money.request_release(account, Decimal("60000.00"))
    request = releases.submit_release(release, "缺陷责任期已满，先行申请部分返还")
    _all_agree(
        story,
        request,
        {**dict.fromkeys(_ANSWERS, "同意。"), "cost": "金额已核对，同意先行返还 60,000.00 元。"},
    )
    releases.correct_release(release, Decimal("61800.00"), "成本部复核，补计闭门器 1,800 元")
    releases.correct_release(release, Decimal("68000.00"), "结算审计核增 6,200 元")


def _all_agree(story: Any, request: Any, opinions: Mapping[str, str] | None = None) -> None:
    for step, (role, words) in _ANSWERS.items():
        with story.acting(story.demo.user_of(role)):
            said = opinions[step] if opinions is not None else words
            approve(next(task for task in request.tasks if task.step == step), said)
        db.session.flush()
        db.session.expire(request, ["tasks"])


def _settled(story: Any) -> None:
    """The windows: one repair was deducted, all departments have agreed, and the rest was paid."""
    account = _account(
        story, "南粤铝业门窗有限公司", "南粤门窗", "HT-2022-MC-007", "2600000", "一期铝合金门窗工程"
    )
    order = db.session.scalars(
        sa.select(Order)
        .where(
            Order.project_id == story.demo.project.id,
            Order.fault_code == "door_window_adjust",
            Order.state == "called_back",
        )
        .order_by(Order.closed_at)
        .limit(1)
    ).one()
    order.contractor_id = account.contractor_id
    db.session.flush()
    db.session.expire(order, ["contractor"])
    deduction = money.draft_deduction(
        order, Decimal("3200.00"), "窗扇反复下坠，两次通知未到场，委托第三方更换五金"
    )
    money.issue_deduction(deduction)
    deduction.issued_at = utc_now() - 20 * 24 * HOUR
    deduction.objection_until = story.demo.today - dt.timedelta(days=12)
    db.session.flush()
    money.settle_deduction(deduction)
    money.book_deduction(deduction, account)
    release = money.request_release(account, account.balance)
    request = releases.submit_release(release, "缺陷责任期已满，扣款 1 笔已入账，申请结算余额")
    _all_agree(story, request)
    money.pay_release(release)
