"""One run over one kind of database: every operation on every product, the products in turn."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.client import Client, Request, Response
from bench.databases import Database, DatabaseKind
from bench.dataset import PAGE_SIZE, PROJECT_COUNT, Customer, Dataset
from bench.products.base import Product, User, WrongAnswer
from bench.servers import Server

log = logging.getLogger("bench")

ROUNDS = 3
EXPORTS = 3
MEGABYTE = 1024 * 1024

Check = Callable[[Product, int, Client, Response], None]


@dataclass
class Measurement:
    """Samples of one product doing one operation.

    Attributes:
        seconds: one entry per timed request.
        problem: why there is no result, or an empty text.
        megabytes: highest memory above idle of the serving worker (export only).
    """

    seconds: list[float] = field(default_factory=list)
    problem: str = ""
    megabytes: float | None = None

    @property
    def milliseconds(self) -> float | None:
        """The median, or None when the operation went wrong."""
        return None if self.problem or not self.seconds else median(self.seconds) * 1000


@dataclass(frozen=True)
class Cell:
    """What was measured: where, by whom, what, over how many customers, by which product."""

    user: str
    operation: str
    rows: int
    product: str


Results = dict[Cell, Measurement]


@dataclass
class Stage:
    """A served product with a signed-in client per user, and what its workers hold before the first export."""

    product: Product
    dataset: Any
    server: Server
    clients: dict[str, Client]
    idle: dict[int, int] = field(default_factory=dict)


class Walk:
    """Steps through the pages of a list, each stage from its own first or last page.

    Args:
        start_at_end: whether it goes from the last page to the one before.
        user: who walks.
        lists: gives what serves the list on a stage.
    """

    def __init__(self, start_at_end: bool, user: User, lists: Callable[[Stage], Any]) -> None:
        self._start_at_end = start_at_end
        self._user = user
        self._lists = lists
        self._pages: dict[int, list[Response]] = {}
        self._first_number: dict[int, int] = {}

    def request(self, stage: Stage, _turn: int) -> Request:
        """The request for the page that follows the one that came last."""
        served = self._lists(stage)
        if id(stage) not in self._pages:
            start = served.last_page(stage.dataset, self._user) if self._start_at_end else served.first_page()
            self._pages[id(stage)] = [stage.clients[self._user.name].get(start.path)]
            self._first_number[id(stage)] = (
                served.pages(stage.dataset, self._user) if self._start_at_end else 1
            )
        pages = self._pages[id(stage)]
        steps = len(pages) - 1
        if self._start_at_end:
            return served.previous_page(pages[-1], self._first_number[id(stage)] - steps)
        return served.next_page(pages[-1], self._first_number[id(stage)] + steps)

    def came(self, stage: Stage, answer: Response) -> None:
        """Keeps the page that came."""
        self._pages[id(stage)].append(answer)

    def page_before(self, stage: Stage, turn: int) -> Response:
        """The page that the one of this turn was reached from."""
        return self._pages[id(stage)][turn]


class Run:
    """Measures products over one kind of database.

    Args:
        place: where databases are made; already entered.
        products: the products to compare.
        users: the administrator and the limited user.
        dataset: the large set of rows.
        small: the small set, for the next and previous page only.
        repeats: timed requests per operation and product.
        environment: variables for the servers.
        folder: for logs and sockets.
        by_processor: whether processor time of the serving processes is measured instead of the time that passes, for a
            machine on which others work too.
    """

    def __init__(
        self,
        place: DatabaseKind,
        products: list[Product],
        users: list[User],
        dataset: Any,
        small: Any,
        repeats: int,
        environment: Mapping[str, str],
        folder: Path,
        by_processor: bool = False,
    ) -> None:
        self._by_processor = by_processor
        self._place = place
        self._products = products
        self._users = users
        self._dataset = dataset
        self._small = small
        self._repeats = repeats
        self._environment = environment
        self._folder = folder
        self.results: Results = {}
        self.server_version = ""

    def measure(self) -> Results:
        """Prepares, starts, measures and stops everything.

        Returns:
            A measurement for each cell; an operation that a product answered wrongly carries the problem.
        """
        stages: list[Stage] = []
        try:
            for dataset in (self._dataset, self._small):
                for product in self._products:
                    stages.append(self._staged(product, dataset))
            self._measure_all(stages, [stage for stage in stages if stage.dataset is self._dataset])
        finally:
            for stage in stages:
                for client in stage.clients.values():
                    client.close()
                stage.server.stop()
        return self.results

    def _measure_all(self, stages: list[Stage], large: list[Stage]) -> None:
        """Measures every operation, `large` being the stages with the large set."""
        for user in self._users:
            self._measure_pages(large, user)
            self._measure_records(large, user)
            for start_at_end in (False, True):
                self._measure_walk(stages, user, start_at_end)
        for user in self._users:
            self._measure_export(large, user)

    def _staged(self, product: Product, dataset: Any) -> Stage:
        label = f"{product.name}_{dataset.rows}"
        started = time.monotonic()
        database: Database = self._place.create(f"bench_{label}")
        folder = self._folder / f"{self._place.kind}_{label}"
        folder.mkdir()
        product.prepare(database, dataset, self._users, folder)
        self.server_version = database.server_version()
        server = product.start(database, self._environment, folder)
        stage = Stage(product, dataset, server, {user.name: Client(server.port) for user in self._users})
        try:
            for user in self._users:
                product.sign_in(stage.clients[user.name], user)
            self._warm(stage)
        except BaseException:
            log.error("%s", server.log_tail())
            server.stop()
            raise
        log.info(
            "%s: %s rows loaded and served after %.0f s",
            product.title,
            f"{dataset.rows:,}",
            time.monotonic() - started,
        )
        return stage

    def _warm(self, stage: Stage) -> None:
        """Reaches both workers with fresh connections, so that neither measures its first request."""
        for client in stage.clients.values():
            for _ in range(8):
                client.fresh_connection()
                client.send(stage.product.first_page())

    def _measure_pages(self, stages: list[Stage], user: User) -> None:
        count = self._repeats + ROUNDS
        fragments = self._dataset.phone_fragments(count, user.limited)
        names = self._dataset.short_names(count, user.limited)
        projects = (
            self._dataset.limited_project_ids
            if user.limited
            else [project.id for project in self._dataset.projects]
        )
        last = self._dataset.visible_rows(user.limited) % PAGE_SIZE or PAGE_SIZE
        in_project = min(PAGE_SIZE, self._dataset.rows // PROJECT_COUNT)

        def project(turn: int) -> int:
            return projects[turn * 7 % len(projects)]

        def everyone(_customer: Customer, _turn: int) -> bool:
            return True

        def page_of(rows: int | None, fits: Callable[[Customer, int], bool] = everyone) -> Check:
            return _shows(rows, self._dataset, user, fits)

        pages: dict[str, tuple[Callable[[Product, int], Request], Check]] = {
            "list": (lambda product, _: product.first_page(), page_of(PAGE_SIZE)),
            "last_page": (lambda product, _: product.last_page(self._dataset, user), page_of(last)),
            "sort_name": (
                lambda product, turn: product.sorted_by_name(descending=turn % 2 == 1),
                page_of(PAGE_SIZE),
            ),
            "search_phone": (
                lambda product, turn: product.search(fragments[turn]),
                page_of(None, lambda customer, turn: fragments[turn] in customer.phone),
            ),
            "search_name": (
                lambda product, turn: product.search(names[turn]),
                page_of(None, lambda customer, turn: names[turn] in customer.name),
            ),
            "filter_project": (
                lambda product, turn: product.filtered_by_project(self._dataset, project(turn)),
                page_of(
                    in_project,
                    lambda customer, turn: project(turn) in (customer.project_id, customer.second_project_id),
                ),
            ),
        }
        for operation, (request, check) in pages.items():
            self._alternate(
                stages,
                user,
                operation,
                count,
                lambda stage, turn, request=request: request(stage.product, turn),
                check,
            )

    def _measure_records(self, stages: list[Stage], user: User) -> None:
        count = self._repeats + ROUNDS
        customers = self._dataset.sample(count, user.limited)

        def form_is_right(_product: Product, turn: int, _client: Client, answer: Response) -> None:
            if answer.status != 200 or customers[turn].name not in answer.text:
                raise WrongAnswer(f"status {answer.status}, or the customer's name is not in the form")

        def save_is_right(product: Product, turn: int, client: Client, answer: Response) -> None:
            if not product.saved(answer):
                raise WrongAnswer(f"status {answer.status}, sent to {answer.location!r}")
            if value(turn) not in client.get(product.edit_form(customers[turn]).path).text:
                raise WrongAnswer("the form does not show the value that was saved")

        def value(turn: int) -> str:
            return f"{user.name}{turn}@example.com"

        self._alternate(
            stages,
            user,
            "edit_form",
            count,
            lambda stage, turn: stage.product.edit_form(customers[turn]),
            form_is_right,
        )
        self._alternate(
            stages,
            user,
            "save",
            count,
            lambda stage, turn: stage.product.save(stage.clients[user.name], customers[turn], value(turn)),
            save_is_right,
        )

    def _measure_walk(self, stages: list[Stage], user: User, start_at_end: bool) -> None:
        """Follows the next or previous page from the first or last one, over the large and the small set in turn."""
        operation = "previous_page" if start_at_end else "next_page"
        walk = Walk(start_at_end, user, lambda stage: stage.product)

        def check(stage: Stage, turn: int, answer: Response) -> None:
            _shows(PAGE_SIZE, stage.dataset, user)(stage.product, 0, stage.clients[user.name], answer)
            phones = stage.product.phones_on(answer)
            if len(phones) != PAGE_SIZE or phones & stage.product.phones_on(walk.page_before(stage, turn)):
                raise WrongAnswer(
                    f"{len(phones)} telephone numbers on the page, or some of the page before again"
                )

        self._follow(stages, user, operation, walk, check)

    def _follow(
        self,
        stages: list[Stage],
        user: User,
        operation: str,
        walk: Walk,
        check: Callable[[Stage, int, Response], None],
    ) -> None:
        """Measures the steps of a walk; `check` looks at the page of each stage and turn."""
        count = self._repeats + ROUNDS
        self._alternate(stages, user, operation, count, walk.request, check_stage=check, came=walk.came)

    def _measure_export(self, stages: list[Stage], user: User) -> None:
        rows = self._dataset.rows // 10

        def check(product: Product, _turn: int, _client: Client, answer: Response) -> None:
            expected = rows + product.lines_beside_rows
            lines = answer.body.count(b"\n")
            if answer.status != 200 or lines != expected:
                raise WrongAnswer(f"status {answer.status}, {lines:,} lines instead of {expected:,}")

        for stage in stages:
            # Some products ask for a recent sign-in before they give out rows.
            stage.clients[user.name].close()
            stage.clients[user.name] = Client(stage.server.port)
            stage.product.sign_in(stage.clients[user.name], user)
            self._warm(stage)
            if not stage.idle:
                # Taken once: what a first export leaves behind is not idle for the second.
                stage.idle = stage.server.resident()
            stage.server.forget_peaks()
        self._alternate(
            stages,
            user,
            "export",
            EXPORTS,
            lambda stage, _: stage.product.export(stage.clients[user.name], self._dataset, user),
            check,
            rounds=EXPORTS,
            warm_up=0,
        )
        for stage in stages:
            peaks = stage.server.peaks()
            growth = max(peaks.get(pid, 0) - memory for pid, memory in stage.idle.items())
            cell = Cell(user.name, "export", self._dataset.rows, stage.product.name)
            self.results[cell].megabytes = growth / MEGABYTE

    def _alternate(
        self,
        stages: list[Stage],
        user: User,
        operation: str,
        count: int,
        request: Callable[..., Request],
        check: Callable[..., None] | None = None,
        check_stage: Callable[[Stage, int, Response], None] | None = None,
        came: Callable[[Stage, Response], None] | None = None,
        rounds: int = ROUNDS,
        warm_up: int = 1,
    ) -> None:
        """Asks the products in turn, a block of requests at a time, in a rotating order.

        So drift of the machine meets all alike, and each product is measured warm: a request that follows those of
        other products, or a check, finds the caches of the processor taken by them. Answers are checked after their
        block.

        Args:
            stages: the served products.
            user: who asks.
            operation: how the cells of the results are called.
            count: number of requests for each product, those that do not count among them.
            request: makes the request of a stage and a turn.
            check: looks at the answer of a product, a turn and a client.
            check_stage: the same, for a stage and a turn.
            came: is told of each answer before the next request is made.
            rounds: number of blocks.
            warm_up: how many requests at the beginning of each block do not count.
        """
        log.info("%s, %s: %s", self._place.kind, user.name, operation)
        cells = {
            id(stage): Cell(user.name, operation, stage.dataset.rows, stage.product.name) for stage in stages
        }
        self.results.update({cell: Measurement() for cell in cells.values()})
        self._place.bring_into_memory()
        for number in range(rounds):
            turns = range(count * number // rounds, count * (number + 1) // rounds)
            shift = number % len(stages)
            for stage in stages[shift:] + stages[:shift]:
                result = self.results[cells[id(stage)]]
                if result.problem:
                    continue
                try:
                    answers = []
                    for turn in turns:
                        answers.append(self._timed(stage, user, request(stage, turn)))
                        if came is not None:
                            came(stage, answers[-1][0])
                    for turn, (answer, _seconds) in zip(turns, answers, strict=True):
                        if check is not None:
                            check(stage.product, turn, stage.clients[user.name], answer)
                        if check_stage is not None:
                            check_stage(stage, turn, answer)
                except (WrongAnswer, LookupError, OSError) as error:
                    result.problem = str(error) or type(error).__name__
                    log.warning("%s, %s, %s: %s", stage.product.title, user.name, operation, result.problem)
                    continue
                result.seconds.extend(seconds for _answer, seconds in answers[warm_up:])

    def _timed(self, stage: Stage, user: User, asked: Request) -> tuple[Response, float]:
        before = self._processor_seconds(stage)
        answer = stage.clients[user.name].send(asked)
        seconds = self._processor_seconds(stage) - before
        return answer, seconds if self._by_processor else answer.seconds

    def _processor_seconds(self, stage: Stage) -> float:
        if not self._by_processor:
            return 0.0
        return stage.server.processor_seconds() + self._place.processor_seconds()


def _shows(
    expected: int | None,
    dataset: Dataset,
    user: User,
    fits: Callable[[Customer, int], bool] = lambda _customer, _turn: True,
) -> Check:
    """A check of a list page: how many rows, only rows that the user may see, only rows that were asked for.

    Args:
        expected: number of rows; None for what only the products can tell: at least one, and equally many for all.
        dataset: where the customers of the page are looked up.
        user: who asked.
        fits: whether a customer is what was asked for in a turn.
    """
    found: dict[int, int] = {}
    company = dataset.companies[dataset.limited_company_id]

    def check(product: Product, turn: int, _client: Client, answer: Response) -> None:
        rows, wanted = product.rows_on(answer), expected
        if wanted is None:
            wanted = found.setdefault(turn, rows) or 1
        if answer.status != 200 or rows != wanted:
            raise WrongAnswer(f"status {answer.status}, {rows} rows instead of {wanted}")
        customers = [dataset.with_phone(phone) for phone in product.phones_on(answer)]
        if len(customers) != rows:
            raise WrongAnswer(f"{len(customers)} telephone numbers in {rows} rows")
        if user.limited and any(customer.company != company for customer in customers):
            raise WrongAnswer("rows that the user may not see")
        if not all(fits(customer, turn) for customer in customers):
            raise WrongAnswer("rows that were not asked for")

    return check
