"""Every route × method × actor × target: the requests are made from the live URL map, the answers from the oracle."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from werkzeug.routing import Rule as Route

from tests.integration.authorisation.attempts import Attempt, attempts, component_of
from tests.integration.authorisation.ledger import Change
from tests.integration.authorisation.oracle import (
    ACTORS,
    ANY,
    FORBIDDEN,
    NOT_FOUND,
    OK,
    REFUSED,
    SIGN_IN,
    STATUSES,
    TARGETS,
    Actor,
    expected,
)
from tests.integration.authorisation.records import STAFF, is_unscoped
from tests.integration.authorisation.scene import Scene, readable
from tests.turns import is_due

ALWAYS = frozenset({("keeper", "own"), ("keeper", "foreign"), ("nobody", "own")})
"""Who tries every route on which target in a quick run: one with every right, against whom the wall alone stands, and
one with none."""
OFTEN = frozenset({("visitor", "own")})
"""Who tries a route in one of four quick runs: what asks for no right is open to who has none as well."""
ALWAYS_ON_THE_SECOND_DATABASE = frozenset({("keeper", "foreign")})
"""Who holds which right is no question of the database."""
ALWAYS_OFF = frozenset({("keeper", "own")})
"""Who tries in a quick run whether the pages of a plugin are gone where it is off."""
TURNS, TURNS_ON_THE_SECOND_DATABASE = 240, 48
TURNS_OF_WHAT_IS_OFTEN = 4
"""In so many quick runs everything else has had its turn, see :mod:`tests.turns`."""


@dataclass(frozen=True)
class Cell:
    """One request of the matrix."""

    route: str
    endpoint: str
    method: str
    actor: Actor
    target: str
    attempt: Attempt
    expected: str

    def __str__(self) -> str:
        what = f" ({self.attempt.what})" if self.attempt.what else ""
        return f"{self.method} {self.endpoint}{what} as {self.actor.name} on {self.target}"


@dataclass
class Report:
    """What became of the cells.

    Attributes:
        cells: How many requests were judged, by what was expected.
        wrong: Sentences about those that were answered otherwise.
        noticed: The cells of these sentences.
        granted: How many requests of each route and method were let through, so that its denials prove something.
        routes: Routes and methods that were tried.
        seconds: Seconds of one processor that it took.
    """

    cells: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    noticed: list[Cell] = field(default_factory=list)
    granted: Counter[tuple[str, str]] = field(default_factory=Counter)
    routes: set[tuple[str, str]] = field(default_factory=set)
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """How many cells there were."""
        return sum(self.cells.values())

    def __str__(self) -> str:
        parts = ", ".join(f"{number:,} {name}" for name, number in sorted(self.cells.items()))
        return (
            f"authorisation matrix: {self.total:,} cells over {len(self.routes)} routes and methods, "
            f"{len(self.wrong)} wrong ({parts}) in {self.seconds:.0f} s of one processor"
        )


WHOLE = (0, 1)
"""The share of the routes that is all of them."""


def routes_of(
    scene: Scene, endpoints: Iterable[str] | None = None, share: tuple[int, int] = WHOLE
) -> Iterator[tuple[Route, str]]:
    """Yield every route of the live URL map with each of its methods.

    Args:
        scene: The stage.
        endpoints: Endpoints or names of blueprints and views; all when omitted.
        share: ``(2, 4)`` is the third of four shares, so that several processes can try a share each.
    """
    wanted = None if endpoints is None else set(endpoints)
    number, shares = share
    routes = sorted(scene.app.url_map.iter_rules(), key=lambda each: (each.endpoint, each.rule))
    for place, route in enumerate(routes):
        if route.endpoint.endswith("static") or place % shares != number:
            continue
        if wanted is None or route.endpoint in wanted or route.endpoint.partition(".")[0] in wanted:
            for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
                yield route, method


def cells_of(
    scene: Scene,
    endpoints: Iterable[str] | None = None,
    actors: Iterable[Actor] = ACTORS,
    *,
    is_on: bool = True,
    quick: bool = False,
    share: tuple[int, int] = WHOLE,
    targets: Iterable[str] = TARGETS,
) -> Iterator[Cell]:
    """Yield the cells of all routes, or of some endpoints or blueprints.

    Args:
        scene: The stage.
        endpoints: Endpoints or names of blueprints and views.
        actors: Who sends requests.
        is_on: False to yield only routes of plugins, with the answers that are due where they are off.
        quick: Whether to try what is in :data:`ALWAYS`, and of the rest what is due.
        share: Which share of the routes, see :func:`routes_of`.
        targets: Which targets, in their order.
    """
    chosen = tuple(actors)
    for route, method in routes_of(scene, endpoints, share):
        component = component_of(scene, route.endpoint)
        if not is_on and component == "core":
            continue
        for target in targets:
            for actor in chosen:
                variants = _variants(scene, f"{method} {route}", actor.name, target, is_on) if quick else None
                if variants == 0:
                    continue
                for attempt in attempts(scene, route, method, actor, target)[:variants]:
                    answer = _expected(scene, attempt, actor, target, is_on)
                    yield Cell(route.rule, route.endpoint, method, actor, target, attempt, answer)


def _variants(scene: Scene, what: str, actor: str, target: str, is_on: bool) -> int | None:
    """Return how many variants of a request a quick run tries: none, the first, or (None) all of them."""
    second = scene.on_postgresql
    if is_due(TURNS_ON_THE_SECOND_DATABASE if second else TURNS, what, actor, target, is_on):
        return None
    if not is_on:
        return int((actor, target) in ALWAYS_OFF and not second)
    if second:
        return int((actor, target) in ALWAYS_ON_THE_SECOND_DATABASE)
    if (actor, target) == ("keeper", "foreign"):
        return None
    if (actor, target) in OFTEN:
        return int(is_due(TURNS_OF_WHAT_IS_OFTEN, what, actor, target))
    return int((actor, target) in ALWAYS)


def _expected(scene: Scene, attempt: Attempt, actor: Actor, target: str, is_on: bool) -> str:
    unscoped = attempt.model is not None and is_unscoped(attempt.model)
    seen = actor
    if attempt.private:
        seen = Actor(
            actor.name,
            actor.account,
            actor.role,
            frozenset({target} if STAFF.get(target) == actor.account else ()),
        )
    return expected(attempt.rule, seen, scene.held(actor), target, unscoped=unscoped, is_on=is_on)


def run(
    scene: Scene, cells: Iterable[Cell], report: Report | None = None, *, stop_at: int | None = None
) -> Report:
    """Send the requests and judge the answers.

    Args:
        scene: The stage.
        cells: The requests.
        report: An earlier report to go on with.
        stop_at: Stop after so many wrong cells.
    """
    report = report or Report()
    started = time.process_time()
    forbidden = {actor.name: scene.forbidden(actor) for actor in ACTORS}
    for cell in cells:
        response = scene.send(cell.actor, cell.method, cell.attempt.address, **cell.attempt.options())
        faults = judge(scene, cell, response, forbidden[cell.actor.name])
        report.cells[cell.expected] += 1
        report.routes.add((cell.endpoint, cell.method))
        if cell.expected in (OK, ANY) and response.status_code < 400:
            report.granted[cell.endpoint, cell.method] += 1
        report.wrong += [f"{cell}: {fault}" for fault in faults]
        report.noticed += [cell] if faults else []
        if stop_at is not None and len(report.wrong) >= stop_at:
            break
    report.seconds += time.process_time() - started
    return report


def judge(scene: Scene, cell: Cell, response: Any, forbidden: dict[str, bytes]) -> list[str]:
    """Return what is wrong with an answer: its status, its bytes, what it left in the database."""
    faults = []
    status = response.status_code
    if status not in STATUSES[cell.expected]:
        faults.append(
            f"expected {cell.expected}, answered {status} {response.headers.get('Location', '')}".rstrip()
        )
    if cell.expected == SIGN_IN and status == 302 and not response.headers["Location"].startswith("/login"):
        faults.append(f"a visitor is led to {response.headers['Location']}")
    told = readable(response)
    faults += [f"the answer holds the {name}" for name, text in forbidden.items() if text in told]
    if cell.method == "GET" and scene.ledger.statements:
        faults.append(f"a GET writes: {scene.ledger.statements[0][:60]}")
    with scene.app.app_context():
        changes = scene.ledger.changes()
        if changes and cell.expected in (SIGN_IN, FORBIDDEN, NOT_FOUND, REFUSED):
            faults.append(f"a refused request changed {sorted({change.table for change in changes})}")
        elif changes:
            faults += out_of_reach(scene, cell.actor, changes)
        scene.ledger.undo(changes)
    return faults


def out_of_reach(scene: Scene, actor: Actor, changes: Iterable[Change]) -> list[str]:
    """Return sentences about changed rows that lie, or lay, in projects or departments that the actor does not see."""
    hidden = [getattr(scene.world, name) for name in ("own", "sibling", "foreign") if name not in actor.sees]
    projects = {rows.project_id for rows in hidden}
    customers = {key for rows in hidden for key in rows.customer_ids}
    departments = {key for name, key in scene.world.departments.items() if name not in actor.knows}
    faults = []
    for change in changes:
        for row in (change.before, change.after):
            if row is None:
                continue
            of_project = row["id"] if change.table == "project" else row.get("project_id")
            of_customer = row["id"] if change.table == "customer" else row.get("customer_id")
            of_department = row["id"] if change.table == "department" else row.get("department_id")
            if (
                of_project in projects
                or of_customer in customers
                or (of_project is None and of_department in departments)
            ):
                faults.append(f"changed a row of {change.table} out of reach")
    return sorted(set(faults))
