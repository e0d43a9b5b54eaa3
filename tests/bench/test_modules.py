"""The long lists of the modules in the benchmark: the same rows for all, found again by number, and their bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import pytest

from bench.dataset import PROJECT_COUNT
from bench.measure import Cell, Measurement, Results
from bench.modules.report import as_markdown, check_bars
from bench.modules.rows import CURRENT_SHARE, LONG_LISTS, LongList, ModuleRows
from bench.modules.run import OPERATIONS, cell_name, operations_of
from bench.products.base import Product, User
from bench.report import Bar, DatabaseResult

pytestmark = pytest.mark.no_database

ROWS, SMALL = 1_000, 200
USERS = [User("administrator", "", limited=False), User("limited", "", limited=True)]


def _name(long_list: LongList) -> str:
    return long_list.key


each_list = pytest.mark.parametrize("long_list", LONG_LISTS, ids=_name)


@each_list
def test_a_number_leads_back_to_its_row(long_list: LongList) -> None:
    rows = ModuleRows(4_000)
    found = list(long_list.all(rows))
    assert [rows.key_of(row.number) for row in found] == list(range(1, 4_001))
    assert long_list.numbers_in(" ".join(row.number for row in found)) == {row.number for row in found}
    with pytest.raises(LookupError):
        rows.key_of(found[-1].number.replace("-P", "-P9"))
    with pytest.raises(LookupError):
        ModuleRows(2_000).key_of(found[-1].number)


@each_list
def test_every_project_has_equally_many_rows_and_the_limited_user_a_tenth(long_list: LongList) -> None:
    rows = ModuleRows(4_000)
    found = list(long_list.all(rows))
    assert set(Counter(row.project_id for row in found).values()) == {4_000 // PROJECT_COUNT}
    visible = [row for row in found if row.project_id in rows.limited_project_ids]
    assert len(visible) == rows.visible_rows(limited=True) == 400
    units = {unit.id: unit.project_id for unit in rows.units}
    assert all(units[row.unit_id] == row.project_id for row in found)


def test_the_rows_meet_what_the_tables_ask_for() -> None:
    rows = ModuleRows(20_000)
    rounds = {(row.unit_id, row.kind, row.round_number) for row in LONG_LISTS[1].all(rows)}
    assert len(rounds) == 20_000
    companies = {company.id: company.company_id for company in rows.contractors}
    company_of = {project.id: project.company_id for project in rows.projects}
    slots = {slot.id: slot.project_id for slot in rows.slots}
    for number in range(1, 20_001, 7):
        defect, booking = rows.defect(number), rows.booking(number)
        assert companies[defect.contractor_id] == company_of[defect.project_id]
        assert slots[booking.slot_id] == booking.project_id
        assert rows.inspection(number).unit_id == defect.unit_id


@each_list
def test_few_rows_wait_and_most_of_them_are_new(long_list: LongList) -> None:
    rows = ModuleRows(20_000)
    waiting = [row.id for row in long_list.all(rows) if row.state == long_list.state]
    assert 20 < len(waiting) < 1_000
    newest = rows.rows - rows.rows // CURRENT_SHARE
    assert sum(key > newest for key in waiting) > len(waiting) / 2


@each_list
def test_what_is_searched_is_there_for_whoever_searches(long_list: LongList) -> None:
    rows = ModuleRows(20_000)
    visible = [row for row in long_list.all(rows) if row.project_id in rows.limited_project_ids]
    for fragment in long_list.fragments(rows, 5, limited=True):
        assert len(fragment) == 8
        assert any(fragment in row.number for row in visible)
    if long_list.text:
        for word in long_list.words(rows, 5, limited=True):
            assert len(word) == 2
            assert any(word in getattr(row, long_list.text) for row in visible)


@each_list
def test_the_peer_shows_as_many_columns_as_doorstep(long_list: LongList) -> None:
    from bench.peers import flask_admin_modules
    from plugins.handover.admin import DefectView, InspectionView
    from plugins.reservations.admin import BookingView
    from plugins.warranty.admin.orders import OrderView

    ours: dict[str, Any] = {
        "defect": DefectView,
        "inspection": InspectionView,
        "order": OrderView,
        "booking": BookingView,
    }
    peer = getattr(flask_admin_modules, f"{long_list.key.capitalize()}View")
    assert len(peer.column_list) == len(ours[long_list.key].column_list)
    assert peer.column_list[long_list.sort_position] == long_list.sort
    assert long_list.sort in ours[long_list.key].sortable


class _Named:
    def __init__(self, name: str) -> None:
        self.name = self.title = name


PRODUCTS = cast(list[Product], [_Named("flask_admin"), _Named("django_admin"), _Named("doorstep")])


def results(change: Callable[[Results], Any] = lambda _: None) -> Results:
    """Doorstep at 10 ms beside 100 and 50 ms: all bars hold, until `change` spoils something."""
    found: Results = {}
    for user in USERS:
        for long_list in LONG_LISTS:
            for operation in operations_of(long_list):
                for product, seconds in (("flask_admin", 0.1), ("django_admin", 0.05), ("doorstep", 0.01)):
                    for rows in (ROWS, SMALL):
                        cell = Cell(user.name, cell_name(long_list, operation), rows, product)
                        found[cell] = Measurement([seconds] * 3)
    change(found)
    return found


def bars(change: Callable[[Results], Any] = lambda _: None) -> list[Bar]:
    found = DatabaseResult("sqlite", "SQLite 3", results(change))
    return check_bars(found, PRODUCTS, USERS, LONG_LISTS, ROWS, SMALL)


def test_every_operation_of_every_list_has_its_bar() -> None:
    found = bars()
    operations = sum(len(operations_of(long_list)) for long_list in LONG_LISTS)
    assert operations == 4 * len(OPERATIONS) - 3
    assert len(found) == len(USERS) * (operations + 2 * len(LONG_LISTS))
    assert all(bar.holds for bar in found)


@each_list
def test_a_slow_operation_is_missed(long_list: LongList) -> None:
    """0.05 s is the better peer: just above 0.4 of it is missed, although far below the other peer."""

    def change(found: Results) -> None:
        for rows in (ROWS, SMALL):
            cell = Cell("limited", cell_name(long_list, "filter_project"), rows, "doorstep")
            found[cell].seconds = [0.0204] * 3

    (bar,) = [bar for bar in bars(change) if not bar.holds]
    assert bar.title.startswith(long_list.title)
    assert (bar.user, bar.value) == ("limited", pytest.approx(0.408))


def test_a_walk_that_grows_with_the_rows_is_missed() -> None:
    def change(found: Results) -> None:
        found[Cell("administrator", "order.next_page", SMALL, "doorstep")].seconds = [0.0075] * 3

    (bar,) = [bar for bar in bars(change) if not bar.holds]
    assert (bar.limit, bar.value) == (1.3, pytest.approx(0.01 / 0.0075))


def test_a_wrong_answer_of_a_peer_is_no_bar_that_holds() -> None:
    def change(found: Results) -> None:
        found[Cell("limited", "defect.sort", ROWS, "django_admin")].problem = "status 500"

    missed = [bar for bar in bars(change) if not bar.holds]
    assert [(bar.value, bar.note) for bar in missed] == [(None, "status 500")]


def test_the_report_shows_each_list_with_its_verdicts() -> None:
    found = DatabaseResult("sqlite", "SQLite 3", results())
    text = as_markdown([found], PRODUCTS, USERS, LONG_LISTS, ROWS, SMALL, "Medians.", bars())
    assert text.count("### Handover defects") == len(USERS)
    assert "| filter by contractor | 100 | 50.0 | 10.0 | 0.20 | 0.4 | PASS |" in text
    assert "| next page at 200 rows | 100 | 50.0 | 10.0 | 1.00 | 1.3 | PASS |" in text
    assert f"All {len(bars())} bars hold." in text
