"""Short cuts of the tests: a reported order, and one that was brought to a state."""

from __future__ import annotations

import datetime as dt
import re
from io import BytesIO
from typing import Any

from PIL import Image

from core.toolkit import Attachment, Customer, Unit, attach, db, utc_now
from plugins.warranty.models import Order, Responsibility
from plugins.warranty.services import intake, orders
from plugins.warranty.services.intake import Issue


def unit(key: int) -> Unit:
    return db.session.get_one(Unit, key)


def jpeg(colour: str = "grey") -> BytesIO:
    stream = BytesIO()
    Image.new("RGB", (320, 240), colour).save(stream, "JPEG")
    stream.seek(0)
    return stream


def photograph(record: Any, slot: str = "after") -> Attachment:
    return attach(record, jpeg(), f"{slot}.jpg", slot=slot)


def report(key: int, *faults: str, room: str = "主卫", **values: Any) -> list[Order]:
    """Orders of a new request, one for each fault."""
    issues = [Issue(fault, f"测试：{fault}", room) for fault in faults or ("wall_crack",)]
    values.setdefault("reporter_name", "张先生")
    request = intake.register_request(issues=issues, unit=unit(key), **values)
    return list(request.orders)


def order_of(key: int, fault: str = "wall_crack", **values: Any) -> Order:
    """One new order."""
    return report(key, fault, **values)[0]


def dispatched(order: Order) -> Order:
    orders.triage(order, responsibility=Responsibility.CONTRACTOR)
    orders.dispatch(order)
    return order


def surveyed(order: Order) -> Order:
    dispatched(order)
    orders.note_contact(order, "约好上门")
    now = utc_now()
    visit = orders.book_visit(order, now, now.replace(microsecond=0) + dt.timedelta(hours=2))
    orders.arrive(visit, persons="维修班组 2 人")
    orders.leave(visit, findings="墙面裂缝 0.3 mm", minutes=30)
    return order


def repairing(order: Order) -> Order:
    surveyed(order)
    plan = orders.make_plan(order, method="铲除重做", days=2, crew="2 人")
    if plan.needs_signature:
        orders.sign_plan(plan, "张先生")
    orders.confirm_plan(order)
    orders.start_repair(order)
    return order


def fixed(order: Order) -> Order:
    repairing(order)
    photograph(order, "after")
    orders.report_fixed(order, "已重新批嵌")
    return order


def closed(order: Order, by: str | None = None) -> Order:
    """Closed, with another person than the fixer's accepting."""
    fixed(order)
    order.fixed_by_id = None
    orders.accept_as_engineer(order)
    orders.accept_as_owner(order, signer_name="张先生", score=5)
    orders.close(order)
    return order


def customer(key: int) -> Customer:
    return db.session.get_one(Customer, key)


def sent(browser: Any, page: str, **values: Any) -> Any:
    """Send the form of a public page with its ticket."""
    ticket = re.search(r'name="ticket"[^>]*value="([^"]+)"', browser.get(page).text)
    assert ticket is not None
    return browser.post(page, data={"ticket": ticket[1], "website": "", **values})
