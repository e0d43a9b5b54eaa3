"""Visits stand in the calendar of the back office; “only mine” shows those of the engineer alone."""

from __future__ import annotations

import datetime as dt

from core.toolkit import db, local_today, utc_now
from plugins.warranty.services import orders
from plugins.warranty.tests.helpers import order_of


def test_a_booked_visit_stands_on_its_day(site, world, scope_of, sign_in):
    with scope_of("head"):
        order = order_of(site.unit_ids[0])
        start = utc_now().replace(hour=2, minute=0) + dt.timedelta(days=1)
        booked = {"engineer": world.user("engineer")}
        orders.book_visit(order, start, start + dt.timedelta(hours=2), **booked)
        gone = orders.book_visit(order, start, start + dt.timedelta(hours=1), **booked)
        orders.cancel_visit(gone)
        db.session.commit()
    tomorrow = (local_today() + dt.timedelta(days=1)).isoformat()

    def visits(name: str, **choice: str) -> int:
        page = sign_in(name).get("/admin/calendar/", query_string={"view": "day", "day": tomorrow, **choice})
        assert page.status_code == 200
        return page.text.count("1-1-101 查勘")

    assert visits("head") == 1, "what was cancelled is no visit"
    assert visits("sibling") == 0
    assert visits("head", mine="1") == 0
    assert visits("engineer", mine="1") == 1
