"""The bars: what is judged, against which peer, and what counts as missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from bench.measure import Cell, Measurement, Results
from bench.products.base import Product, User
from bench.report import OPERATIONS, Bar, DatabaseResult, as_markdown, check_bars

pytestmark = pytest.mark.no_database

ROWS, SMALL = 1_000, 200
USERS = [User("administrator", "", limited=False), User("limited", "", limited=True)]


class _Named:
    def __init__(self, name: str) -> None:
        self.name = self.title = name


PRODUCTS = cast(list[Product], [_Named("flask_admin"), _Named("django_admin"), _Named("doorstep")])


def results(change: Callable[[Results], Any] = lambda _: None) -> Results:
    """Doorstep at 10 ms beside 100 and 50 ms: all bars hold, until `change` spoils something."""
    found: Results = {}
    for user in USERS:
        for operation in OPERATIONS:
            for product, seconds in (("flask_admin", 0.1), ("django_admin", 0.05), ("doorstep", 0.01)):
                for rows in (ROWS, SMALL):
                    found[Cell(user.name, operation.key, rows, product)] = Measurement(
                        [seconds] * 3, megabytes=5
                    )
    change(found)
    return found


def missed(change: Callable[[Results], Any]) -> list[Bar]:
    bars = check_bars(DatabaseResult("sqlite", "SQLite", results(change)), PRODUCTS, USERS, ROWS, SMALL)
    return [bar for bar in bars if not bar.holds]


def test_all_bars_hold_when_every_figure_is_within() -> None:
    bars = check_bars(DatabaseResult("sqlite", "SQLite", results()), PRODUCTS, USERS, ROWS, SMALL)
    assert len(bars) == len(USERS) * (len(OPERATIONS) + 3)
    assert all(bar.holds for bar in bars)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.key)
def test_the_better_peer_is_the_measure(operation: Any) -> None:
    """0.05 s is the better peer: just above the bar is missed, although far below the other peer."""
    slow = 0.05 * operation.bar * 1.02

    def change(found: Results) -> None:
        for rows in (ROWS, SMALL):
            found[Cell("limited", operation.key, rows, "doorstep")].seconds = [slow] * 3

    (bar,) = missed(change)
    assert (bar.user, bar.limit) == ("limited", operation.bar)
    assert bar.value == pytest.approx(operation.bar * 1.02)


def test_memory_of_the_export_has_its_bar() -> None:
    def change(found: Results) -> None:
        found[Cell("administrator", "export", ROWS, "doorstep")].megabytes = 20.5

    (bar,) = missed(change)
    assert bar.value == 20.5


def test_a_page_that_grows_with_the_rows_is_missed() -> None:
    def change(found: Results) -> None:
        found[Cell("administrator", "previous_page", SMALL, "doorstep")].seconds = [0.0075] * 3

    (bar,) = missed(change)
    assert "previous page" in bar.title
    assert bar.value == pytest.approx(0.01 / 0.0075)


@pytest.mark.parametrize("product", ["doorstep", "django_admin"])
def test_a_wrong_answer_is_never_a_bar_that_holds_by_accident(product: str) -> None:
    def change(found: Results) -> None:
        found[Cell("limited", "search_name", ROWS, product)].problem = "status 500"

    bars = missed(change)
    assert [bar.value for bar in bars] == [None]
    assert bars[0].note == "status 500"


def test_without_doorstep_no_bar_is_checked_and_the_report_says_so() -> None:
    found = DatabaseResult("sqlite", "SQLite", results())
    assert check_bars(found, PRODUCTS[:2], USERS, ROWS, SMALL) == []
    text = as_markdown([found], PRODUCTS[:2], USERS, ROWS, SMALL, 15, [], [])
    assert "No bar was checked" in text
    assert "PASS" not in text


def test_the_report_shows_medians_and_verdicts() -> None:
    found = DatabaseResult("sqlite", "SQLite 3", results())
    bars = check_bars(found, PRODUCTS, USERS, ROWS, SMALL)
    text = as_markdown([found], PRODUCTS, USERS, ROWS, SMALL, 15, bars, [])
    assert "| list, page 1 | 100 | 50.0 | 10.0 | 0.20 | 0.4 | PASS |" in text
    assert f"All {len(bars)} bars hold." in text
