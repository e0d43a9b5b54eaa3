"""Visits stand in the calendar of the back office; “only mine” shows those of the engineer alone."""

from __future__ import annotations

import datetime as dt

from core.toolkit import LOCAL_ZONE, db, local_today
from plugins.warranty.services import orders
from plugins.warranty.tests.helpers import order_of


def test_a_booked_visit_stands_on_its_day(site, world, scope_of, sign_in):
    # In China: from 16:00 UTC on its day is one ahead.
    tomorrow = local_today() + dt.timedelta(days=1)
    with scope_of("head"):
        order = order_of(site.unit_ids[0])
        start = dt.datetime.combine(tomorrow, dt.time(10), LOCAL_ZONE).astimezone(dt.UTC)
        booked = {"engineer": world.user("engineer")}
        orders.book_visit(order, start, start + dt.timedelta(hours=2), **booked)
        gone = orders.book_visit(order, start, start + dt.timedelta(hours=1), **booked)
        orders.cancel_visit(gone)
        db.session.commit()

    def visits(name: str, **choice: str) -> int:
        page = sign_in(name).get(
            "/admin/calendar/", query_string={"view": "day", "day": tomorrow.isoformat(), **choice}
        )
        assert page.status_code == 200
        return page.text.count("1-1-101 查勘")

    assert visits("head") == 1, "what was cancelled is no visit"
    assert visits("sibling") == 0
    assert visits("head", mine="1") == 0
    assert visits("engineer", mine="1") == 1
