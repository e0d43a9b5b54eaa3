"""The alarms of domain reference 3.4.4, worked example 10, and spare parts that never fall below nothing."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from core.toolkit import Building, Department, Project, TimelineEntry, Todo, Unit, db, record_delivery
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import GroupCase
from plugins.warranty.services import cases, orders, stock
from plugins.warranty.tests.conftest import DELIVERED
from plugins.warranty.tests.helpers import dispatched, order_of


def houses(world, count: int, delivered: int = 0, code: str = "9") -> list[int]:
    """A further building of the own project with so many houses."""
    building = Building(
        project_id=world.own.project_id,
        phase_id=world.own.phase_id,
        code=code,
        name=f"{code} 栋",
        total_floors=30,
    )
    db.session.add(building)
    db.session.flush()
    made = []
    for number in range(count):
        unit = Unit(
            project_id=world.own.project_id,
            building_id=building.id,
            number=f"{number // 4 + 1}0{number % 4 + 1}",
            code=f"{code}-{number:03d}",
        )
        db.session.add(unit)
        made.append(unit)
    db.session.flush()
    for unit in made[:delivered]:
        unit.delivered_on = DELIVERED
    db.session.flush()
    return [unit.id for unit in made]


def case() -> GroupCase | None:
    return db.session.scalars(sa.select(GroupCase).order_by(GroupCase.id.desc())).first()


def test_worked_example_10_seven_bathroom_leaks_in_a_building_of_sixty(site, world, scope_of):
    with scope_of("head"):
        keys = houses(world, 60, 60)
        for number, key in enumerate(keys[:7], start=1):
            order = order_of(key, "bathroom_leak")
            assert (order.group_case_id is not None) == (number >= 5), number
        found = case()
        assert (found.kind, found.is_major, found.orders_found, found.houses_found, found.houses_total) == (
            "batch", False, 7, 7, 60,
        )  # fmt: skip
        assert db.session.scalar(sa.select(sa.func.count(GroupCase.id))) == 1
        other = order_of(keys[8], "wall_crack")
        assert other.group_case_id is None


def test_worked_example_10_leaks_after_rain_in_a_fifth_of_the_delivered_houses(site, world, scope_of):
    with scope_of("head"):
        # The two delivered houses of the first building stand in the same phase.
        keys = houses(world, 120, 118)
        for number, key in enumerate(keys[:26], start=1):
            order_of(key, "window_leak")
            found = db.session.scalars(sa.select(GroupCase).where(GroupCase.kind == "rain")).all()
            # 24 of 120 are 20.0 %.
            assert len(found) == (number >= 24), number
        major = found[0]
        assert (major.is_major, major.houses_found, major.houses_total) == (True, 26, 120)
        assert f"{major.houses_found / major.houses_total:.1%}" == "21.7%"


def of_region() -> list[tuple[str, str]]:
    """The open to-dos of the role of brand and customer service: what, and the kind of the department."""
    return [
        (str(todo.title), str(db.session.get_one(Department, todo.department_id).kind))
        for todo in db.session.scalars(sa.select(Todo).where(Todo.role == "BCS").order_by(Todo.id))
    ]


def test_a_case_that_grows_to_five_houses_is_told_to_the_region(site, world, scope_of):
    with scope_of("head"):
        keys = houses(world, 20)
        for number, key in enumerate(keys[:6], start=1):
            order_of(key, "lock")
            # The tenth of the houses, two, opens the case.
            assert len(of_region()) == (number >= 5), number
        ((title, kind),) = of_region()
        assert (title, kind) == (f"上报区域：{case().title}", "region")


def test_a_complaint_to_the_media_is_told_to_the_region_at_once(site, world, scope_of):
    with scope_of("head"):
        order = dispatched(order_of(site.unit_ids[0]))
        with pytest.raises(WarrantyRuleError):
            orders.note_media(order, " ")
        orders.note_media(order, "《都市报》官微 11 月 27 日报道漏水三个月未修")
        ((title, kind),) = of_region()
        assert (order.number in title, kind) == (True, "region")
        assert order.events[-1].kind == "escalated"
        told = db.session.scalars(
            sa.select(TimelineEntry.summary).where(TimelineEntry.kind == "warranty.escalated")
        ).all()
        assert [str(summary) for summary in told] == [f"{order.number} 引发媒体投诉"]
        assert orders.media_complaint(order).reason.startswith("《都市报》")
        with pytest.raises(WarrantyRuleError, match=order.number):
            orders.note_media(order, "又一家")
        ended = order_of(site.unit_ids[1])
        orders.cancel(ended, "误报")
        with pytest.raises(WarrantyRuleError):
            orders.note_media(ended, "报道")


def test_telling_the_region_needs_a_right(site, scope_of, monkeypatch):
    with scope_of("head"):
        order = order_of(site.unit_ids[0])
        monkeypatch.setattr("plugins.warranty.services.region.has_permission", lambda code: False)
        with pytest.raises(WarrantyRuleError):
            orders.note_media(order, "报道")
        assert of_region() == []


def test_a_tenth_of_the_houses_makes_a_batch_problem_too(site, world, scope_of):
    with scope_of("head"):
        keys = houses(world, 20)
        first, second = order_of(keys[0], "lock"), order_of(keys[1], "lock")
        assert first.group_case_id == second.group_case_id is not None


def test_a_case_goes_its_way_and_closes_after_its_orders(site, world, scope_of):
    with scope_of("head"):
        keys = houses(world, 60)
        made = [order_of(key, "lock") for key in keys[:2]]
        found = cases.open_case(made, "同批锁体")
        assert found.design_reply_due_at is not None
        cases.confirm_case(found, "全楼排查锁体")
        cases.reply_to_case(found, "锁体批次问题，全部更换")
        with pytest.raises(WarrantyRuleError, match=made[0].number):
            cases.close_case(found, "完成")
        for order in made:
            orders.cancel(order, "已统一更换")
        cases.close_case(found, "完成")
        assert found.state == "closed"


def test_orders_of_two_categories_are_no_case(site, scope_of):
    with scope_of("head"):
        with pytest.raises(WarrantyRuleError):
            cases.open_case(
                [order_of(site.unit_ids[0], "lock"), order_of(site.unit_ids[1], "wall_crack")], ""
            )
        with pytest.raises(WarrantyRuleError):
            cases.open_case([order_of(site.unit_ids[0], "lock")], "")


def test_the_store_never_falls_below_nothing(site, world, scope_of):
    with scope_of("head"):
        part = stock.add_part(
            db.session.get_one(Project, world.own.project_id), name="墙砖 300×600", quantity=5
        )
        stock.move_part(part, -3, "维修")
        assert part.quantity == 2
        with pytest.raises(WarrantyRuleError):
            stock.move_part(part, -3, "维修")
        assert part.quantity == 2


def test_open_items_of_the_handover_become_orders_with_the_same_photos(
    site, world, switch_on, scope_of, running_app
):
    from core.toolkit import Attachment, OpenItem, attach
    from plugins.warranty import plugin
    from plugins.warranty.services import leftovers
    from plugins.warranty.tests.helpers import jpeg, unit

    with scope_of("head"):
        house = unit(site.unit_ids[0])
        photo = attach(house, jpeg(), "渗漏.jpg")
        offered = [
            OpenItem("other.item", 7, "DF-1", "卫生间渗漏", "主卫", True, "W02", site.general_id, (photo.id,))
        ]
        ended = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(leftovers, "open_items_of", lambda unit: offered)
            patch.setattr(
                leftovers, "end_open_item", lambda item, number: ended.append((item.number, number))
            )
            request = leftovers.take_over_items(house)
        (order,) = request.orders
        assert (order.priority, order.category_code, order.source_number) == ("P2", "W02", "DF-1")
        assert order.contractor_id == site.general_id
        assert ended == [("DF-1", order.number)]
        copy = db.session.scalars(
            sa.select(Attachment).where(
                Attachment.record_kind == "warranty.order", Attachment.record_id == order.id
            )
        ).one()
        assert (copy.sha256, copy.slot) == (photo.sha256, "before")
        assert record_delivery is not None and plugin.manifest.slug == "warranty"
