"""How a guard is taken out, and how it is looked whether the matrix misses it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import sqlalchemy as sa
from werkzeug.exceptions import abort

from core.admin.views import RecordView
from core.database.scope import all_departments, forget_narrowed_selects
from core.extensions import db
from core.people.models import Department
from tests.integration.authorisation.matrix import Cell, cells_of, run
from tests.integration.authorisation.oracle import ACTORS, TARGETS, Actor
from tests.integration.authorisation.scene import Scene

Check = Callable[[Scene], list[str]]
Patch = Callable[[Scene], AbstractContextManager[Any]]


def actor_called(name: str) -> Actor:
    """Return an actor of the matrix by name."""
    return next(actor for actor in ACTORS if actor.name == name)


@dataclass
class OfCells:
    """A check by cells of the matrix. It stops at the first that is wrong, and can look at those again.

    Attributes:
        groups: Returns the cells in groups, of each of which one wrong cell is enough.
        every: Whether each group is looked at, not only those up to the first wrong cell.
        noticed: The cells that were wrong at the last look.
    """

    groups: Callable[[Scene], Iterator[Iterable[Cell]]]
    every: bool = False
    noticed: list[Cell] = field(default_factory=list)

    def __call__(self, scene: Scene) -> list[str]:
        """Return what is wrong."""
        self.noticed, found = [], []
        for cells in self.groups(scene):
            report = run(scene, cells, stop_at=1)
            self.noticed += report.noticed
            found += report.wrong[:1] if self.every else report.wrong
            if found and not self.every:
                break
        return found

    def again(self, scene: Scene) -> list[str]:
        """Return what is wrong with the cells that were noticed."""
        return run(scene, self.noticed).wrong


def matrix(
    *endpoints: str,
    actors: tuple[str, ...] = ("keeper", "head", "service", "nobody", "sibling"),
    is_on: bool = True,
) -> Check:
    """Return the check that the matrix of some endpoints is without a wrong cell.

    Args:
        endpoints: Endpoints, or names of blueprints and views.
        actors: Who tries them.
        is_on: False to try them where every plugin is off.
    """

    def groups(scene: Scene) -> Iterator[Iterable[Cell]]:
        if not is_on:
            scene.switch_off()
            scene.remember()
        chosen = [actor_called(name) for name in actors]
        # Most holes show on a foreign record: what is tried first is found soonest.
        for targets in (("foreign",), tuple(target for target in TARGETS if target != "foreign")):
            yield cells_of(scene, endpoints, chosen, is_on=is_on, targets=targets)

    return OfCells(groups)


def pages(*endpoints: str, actor: str = "keeper", target: str = "own") -> Check:
    """Return the check of pages one by one: one actor, one target, and a sentence for each page that is wrong.

    Args:
        endpoints: The endpoints.
        actor: Who tries them.
        target: Whose rows they name.
    """

    def groups(scene: Scene) -> Iterator[Iterable[Cell]]:
        for endpoint in endpoints:
            cells = list(cells_of(scene, (endpoint,), [actor_called(actor)], targets=(target,)))
            assert cells, f"There is no page {endpoint}."
            yield cells

    return OfCells(groups, every=True)


def open_up(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs as if there were no wall."""

    def opened(*arguments: Any, **options: Any) -> Any:
        with all_departments("a guard mutant"):
            return function(*arguments, **options)

    return opened


def replaced(target: Any, name: str, value: Any) -> Patch:
    """Return the patch that puts something else in the place of an attribute."""
    return lambda _scene: mock.patch.object(target, name, value)


def opened(target: Any, name: str) -> Patch:
    """Return the patch that lets a function run as if there were no wall."""
    return replaced(target, name, open_up(getattr(target, name)))


def several(*patches: Patch) -> Patch:
    """Return the patch that applies several at once."""

    @contextlib.contextmanager
    def all_of(scene: Scene) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for patch in patches:
                stack.enter_context(patch(scene))
            yield

    return all_of


def unmarked(endpoint: str, function: str, permission: str) -> Patch:
    """Return the patch that lets a function of a view open with a lesser permission than its mark names."""

    def patch(scene: Scene) -> AbstractContextManager[Any]:
        marks: Any = scene.views[endpoint]._function_permissions  # type: ignore[attr-defined]
        assert marks[function] not in (None, permission)
        return mock.patch.dict(marks, {function: permission})

    return patch


def unscoped_get_one(view: RecordView, key: Any) -> Any:
    """Read the record of a page past the wall."""
    with all_departments("a guard mutant"):
        return db.session.get(view.model, int(str(key).split(",")[0])) or abort(404)


def unauthorised_record(code: str, key: int) -> Any:
    """Return the record that an address names, whoever asks."""
    from core.plugin_system.runtime import current_runtime

    kind = current_runtime().declared.record_kind(code)
    with all_departments("a guard mutant"):
        record = db.session.get(kind.model, key) if kind is not None else None
    return None if record is None else (kind, record)


def every_department(*_arguments: Any, **_options: Any) -> Any:
    """Return all departments, whoever asks."""
    return db.session.scalars(sa.select(Department).order_by(Department.path)).all()


def any_import(import_id: int, *, locked: bool = False) -> Any:
    """Return an import, whoever asks."""
    from core.machinery.exchange.models import ImportBatch

    del locked
    return db.session.get(ImportBatch, import_id)


@dataclass(frozen=True)
class Mutant:
    """A guard that is taken out, and what must notice.

    Attributes:
        name: What is wrong then, in words.
        patch: Takes it out.
        check: Returns what it finds wrong.
        at_least: How much that must be.
    """

    name: str
    patch: Patch
    check: Check
    at_least: int = 1


def assert_missed(mutant: Mutant, scene: Scene) -> None:
    """Look that with the guard the check is silent, and that without it the check speaks.

    Of the matrix only the cells that spoke are tried with the guard: that all others are silent is told by the matrix.
    """
    check = mutant.check
    if not isinstance(check, OfCells):
        assert check(scene) == []
        scene.remember()
    forget_narrowed_selects()
    with mutant.patch(scene), contextlib.ExitStack() as after:
        after.callback(forget_narrowed_selects)
        found = check(scene)
    with scene.app.app_context():
        scene.ledger.undo(scene.ledger.changes(everywhere=True))
    assert len(found) >= mutant.at_least, f"Hardly anything noticed that {mutant.name}: {found}"
    if isinstance(check, OfCells):
        assert check.again(scene) == []
