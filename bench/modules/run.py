"""The run over the long lists: every operation of every list on every product, the products in turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

from bench.client import Request, Response
from bench.dataset import PAGE_SIZE, PROJECT_COUNT
from bench.measure import ROUNDS, Run, Stage, Walk
from bench.modules.products import ServesLists
from bench.modules.rows import LONG_LISTS, LongList, ModuleRows
from bench.products.base import User, WrongAnswer

log = logging.getLogger("bench")

OPERATIONS: dict[str, str] = {
    "list": "list, page 1",
    "last_page": "list, last page",
    "next_page": "next page",
    "previous_page": "previous page",
    "sort": "sort",
    "search_number": "search part of a number",
    "search_word": "search two characters",
    "filter_project": "filter by project",
    "filter_state": "filter by state",
    "filter_contractor": "filter by contractor",
}


def operations_of(long_list: LongList) -> list[str]:
    """What is measured of a list."""
    left_out = set()
    if not long_list.text:
        left_out.add("search_word")
    if not long_list.by_contractor:
        left_out.add("filter_contractor")
    return [name for name in OPERATIONS if name not in left_out]


def cell_name(long_list: LongList, operation: str) -> str:
    """How an operation of a list is called in the results."""
    return f"{long_list.key}.{operation}"


class ListRun(Run):
    """Measures the lists over one kind of database; see :class:`bench.measure.Run`.

    Args:
        lists: the lists that are measured.
    """

    def __init__(self, *arguments: Any, lists: Sequence[LongList] = LONG_LISTS) -> None:
        super().__init__(*arguments)
        self._lists = lists

    def _measure_all(self, stages: list[Stage], large: list[Stage]) -> None:
        for long_list in self._lists:
            for user in self._users:
                self._measure_list(large, user, long_list)
                for start_at_end in (False, True):
                    self._measure_steps(stages, user, long_list, start_at_end)

    def _measure_list(self, stages: list[Stage], user: User, long_list: LongList) -> None:
        rows: ModuleRows = self._dataset
        count = self._repeats + ROUNDS
        served = {id(stage): _of(stage, long_list) for stage in stages}
        projects = rows.limited_project_ids if user.limited else [each.id for each in rows.projects]
        contractors = [
            each.id
            for each in rows.contractors
            if not user.limited or each.company_id == rows.limited_company_id
        ]
        fragments = long_list.fragments(rows, count, user.limited)
        last = rows.visible_rows(user.limited) % PAGE_SIZE or PAGE_SIZE
        in_project = min(PAGE_SIZE, rows.rows // PROJECT_COUNT)

        def project(turn: int) -> int:
            return projects[turn * 7 % len(projects)]

        def contractor(turn: int) -> int:
            return contractors[turn * 7 % len(contractors)]

        asked: dict[str, tuple[Callable[[ServesLists, int], Request], int | None, Callable[[Any, int], bool]]]
        asked = {
            "list": (lambda product, _: product.first_page(), PAGE_SIZE, _any),
            "last_page": (lambda product, _: product.last_page(rows, user), last, _any),
            "sort": (lambda product, turn: product.sorted(descending=turn % 2 == 1), PAGE_SIZE, _any),
            "search_number": (
                lambda product, turn: product.search(fragments[turn]),
                None,
                lambda row, turn: fragments[turn] in row.number,
            ),
            "filter_project": (
                lambda product, turn: product.filtered_by_project(rows, project(turn)),
                in_project,
                lambda row, turn: row.project_id == project(turn),
            ),
            "filter_state": (
                lambda product, _: product.filtered_by_state(long_list.state),
                None,
                lambda row, _: row.state == long_list.state,
            ),
        }
        if long_list.text:
            words = long_list.words(rows, count, user.limited)
            asked["search_word"] = (
                lambda product, turn: product.search(words[turn]),
                None,
                lambda row, turn: words[turn] in getattr(row, long_list.text),
            )
        if long_list.by_contractor:
            asked["filter_contractor"] = (
                lambda product, turn: product.filtered_by_contractor(rows, contractor(turn)),
                None,
                lambda row, turn: row.contractor_id == contractor(turn),
            )
        for operation, (request, expected, fits) in asked.items():
            self._alternate(
                stages,
                user,
                cell_name(long_list, operation),
                count,
                lambda stage, turn, request=request: request(served[id(stage)], turn),
                check_stage=_shows(expected, long_list, rows, user, served, fits),
            )

    def _measure_steps(
        self, stages: list[Stage], user: User, long_list: LongList, start_at_end: bool
    ) -> None:
        """Follows the next or previous page from the first or last one, over the large and the small set in turn."""
        served = {id(stage): _of(stage, long_list) for stage in stages}
        walk = Walk(start_at_end, user, lambda stage: served[id(stage)])

        def check(stage: Stage, turn: int, answer: Response) -> None:
            _shows(PAGE_SIZE, long_list, stage.dataset, user, served)(stage, turn, answer)
            before = walk.page_before(stage, turn)
            if long_list.numbers_in(answer.text) & long_list.numbers_in(before.text):
                raise WrongAnswer("some rows of the page before again")

        operation = cell_name(long_list, "previous_page" if start_at_end else "next_page")
        self._follow(stages, user, operation, walk, check)


def _of(stage: Stage, long_list: LongList) -> ServesLists:
    return cast(ServesLists, stage.product).for_list(long_list)


def _any(_row: Any, _turn: int) -> bool:
    return True


def _shows(
    expected: int | None,
    long_list: LongList,
    rows: ModuleRows,
    user: User,
    served: dict[int, ServesLists],
    fits: Callable[[Any, int], bool] = _any,
) -> Callable[[Stage, int, Response], None]:
    """A check of a list page: how many rows, only rows that the user may see, only rows that were asked for.

    Args:
        expected: number of rows; None for what only the products can tell: at least one, and equally many for all.
        long_list: the list.
        rows: where the numbers of the page are looked up.
        user: who asked.
        served: the product of each stage, as it serves this list.
        fits: whether a row is what was asked for in a turn.
    """
    found: dict[int, int] = {}
    visible = set(rows.limited_project_ids)

    def check(stage: Stage, turn: int, answer: Response) -> None:
        count, wanted = served[id(stage)].rows_on(answer), expected
        if wanted is None:
            wanted = found.setdefault(turn, count) or 1
        if answer.status != 200 or count != wanted:
            raise WrongAnswer(f"status {answer.status}, {count} rows instead of {wanted}")
        shown = [long_list.row(rows, rows.key_of(number)) for number in long_list.numbers_in(answer.text)]
        if len(shown) != count:
            raise WrongAnswer(f"{len(shown)} numbers in {count} rows")
        if user.limited and any(row.project_id not in visible for row in shown):
            raise WrongAnswer("rows that the user may not see")
        if not all(fits(row, turn) for row in shown):
            raise WrongAnswer("rows that were not asked for")

    return check
