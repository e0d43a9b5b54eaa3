"""The lists of orders and requests read as often for many rows as for few, and are searched by number and by words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from core.toolkit import Building, db
from plugins.warranty.services import intake
from plugins.warranty.services.intake import Issue
from plugins.warranty.tests.helpers import report


@contextmanager
def counted(application) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    found: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        found.append(statement)

    with application.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def _report_for_common_parts(world) -> None:
    building = db.session.get_one(Building, world.own.building_id)
    intake.register_request(
        issues=[Issue("wall_crack", "大堂墙面开裂", "大堂")],
        building=building,
        place="一层大堂",
        reporter_name="张先生",
    )


@pytest.mark.parametrize("path", ["orders", "requests"])
def test_a_list_reads_as_often_for_many_rows_as_for_few(path, site, world, system, sign_in, running_app):
    def rows_and_statements() -> tuple[int, int]:
        client = sign_in("admin", "group")
        address = f"/admin/warranty/{path}/"
        client.get(address)
        with counted(running_app) as statements:
            page = client.get(address)
        assert page.status_code == 200
        return page.text.count("<tr data-id="), len(statements)

    with system():
        report(site.unit_ids[0])
        _report_for_common_parts(world)
        db.session.commit()
    few, before = rows_and_statements()
    with system():
        report(site.unit_ids[1], "wall_crack", "lamp")
        for _turn in range(4):
            _report_for_common_parts(world)
        db.session.commit()
    many, after = rows_and_statements()
    assert many >= few + 5
    assert after == before


def test_orders_are_found_by_a_part_of_the_number_and_by_two_characters(site, world, system, sign_in):
    with system():
        (order,) = report(site.unit_ids[0])
        _report_for_common_parts(world)
        db.session.commit()
        key, number = order.id, order.number
    client = sign_in("admin", "group")

    def found(text: str) -> set[int]:
        page = client.get("/admin/warranty/orders/", query_string={"search": text}).text
        return {int(each) for each in re.findall(r'<tr data-id="(\d+)"', page)}

    assert key in found(number[-8:])
    assert key not in found("大堂")
    assert len(found("大堂")) == 1
    assert found("不在") == set()
