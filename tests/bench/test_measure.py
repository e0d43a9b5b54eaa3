"""How the products take turns, and what counts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench.client import Request, Response
from bench.databases import DatabaseKind
from bench.measure import ROUNDS, Cell, Run, Stage, Walk
from bench.products.base import User, WrongAnswer

USER = User("administrator", "secret", limited=False)
REPEATS = 6


class _Client:
    def __init__(self, name: str, sent: list[tuple[str, str]]) -> None:
        self._name = name
        self._sent = sent

    def send(self, request: Request) -> Response:
        self._sent.append((self._name, request.path))
        number = sum(name == self._name for name, _path in self._sent)
        return Response(200, b"", "", float(number))

    def get(self, path: str) -> Response:
        return Response(200, path.encode(), "", 0.0)


def _stage(name: str, sent: list[tuple[str, str]], **product: Any) -> Stage:
    served = SimpleNamespace(name=name, title=name, **product)
    client = cast(Any, _Client(name, sent))
    return Stage(cast(Any, served), SimpleNamespace(rows=20), cast(Any, None), {USER.name: client})


@pytest.fixture
def run(tmp_path: Path) -> Run:
    place = cast(DatabaseKind, SimpleNamespace(kind="sqlite", bring_into_memory=lambda: None))
    return Run(place, [], [USER], None, None, REPEATS, {}, tmp_path)


def test_products_are_asked_in_blocks_whose_first_request_does_not_count(run: Run) -> None:
    sent: list[tuple[str, str]] = []
    stages = [_stage("one", sent), _stage("two", sent)]

    run._alternate(stages, USER, "list", REPEATS + ROUNDS, lambda _stage, turn: Request(f"/{turn}"))

    blocks = [[f"/{turn}" for turn in range(start, start + 3)] for start in (0, 3, 6)]
    assert sent == [
        *(("one", path) for path in blocks[0]),
        *(("two", path) for path in blocks[0]),
        *(("two", path) for path in blocks[1]),
        *(("one", path) for path in blocks[1]),
        *(("one", path) for path in blocks[2]),
        *(("two", path) for path in blocks[2]),
    ]
    for name in ("one", "two"):
        assert run.results[Cell(USER.name, "list", 20, name)].seconds == [2.0, 3.0, 5.0, 6.0, 8.0, 9.0]


def test_every_answer_is_checked_and_a_wrong_one_ends_the_product_with_its_reason(run: Run) -> None:
    sent: list[tuple[str, str]] = []
    stages = [_stage("one", sent), _stage("two", sent)]
    checked: list[tuple[str, int]] = []

    def check(stage: Stage, turn: int, _answer: Response) -> None:
        checked.append((stage.product.name, turn))
        if stage.product.name == "two" and turn == 2:
            raise WrongAnswer("49 rows instead of 50")

    run._alternate(
        stages, USER, "list", REPEATS + ROUNDS, lambda _stage, turn: Request(f"/{turn}"), check_stage=check
    )

    assert [turn for name, turn in checked if name == "one"] == list(range(9))
    assert [turn for name, turn in checked if name == "two"] == [0, 1, 2]
    assert run.results[Cell(USER.name, "list", 20, "two")].problem == "49 rows instead of 50"
    assert run.results[Cell(USER.name, "list", 20, "two")].milliseconds is None


@pytest.mark.parametrize("start_at_end", [False, True])
def test_a_walk_goes_on_from_the_page_that_came_last(run: Run, start_at_end: bool) -> None:
    sent: list[tuple[str, str]] = []
    product = {
        "first_page": lambda: Request("/first"),
        "last_page": lambda _rows, _user: Request("/last"),
        "pages": lambda _rows, _user: 40,
        "next_page": lambda _page, number: Request(f"/after/{number}"),
        "previous_page": lambda _page, number: Request(f"/before/{number}"),
    }
    stage = _stage("one", sent, **product)
    walk = Walk(start_at_end, USER, lambda stage: stage.product)
    before: list[str] = []

    run._alternate(
        [stage],
        USER,
        "walk",
        REPEATS + ROUNDS,
        walk.request,
        check_stage=lambda stage, turn, _answer: before.append(walk.page_before(stage, turn).text),
        came=walk.came,
    )

    steps = [f"/before/{40 - step}" if start_at_end else f"/after/{1 + step}" for step in range(9)]
    assert [path for _name, path in sent] == steps
    assert before == ["/last" if start_at_end else "/first"] + [""] * 8
