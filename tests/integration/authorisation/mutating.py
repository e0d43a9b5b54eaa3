"""How a guard is taken out, and how it is looked whether the matrix misses it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import sqlalchemy as sa
from werkzeug.exceptions import abort

from core.admin.views import RecordView
from core.database.scope import all_departments
from core.extensions import db
from core.people.models import Department
from tests.integration.authorisation.matrix import cells_of, run
from tests.integration.authorisation.oracle import ACTORS, TARGETS, Actor
from tests.integration.authorisation.scene import Scene

Check = Callable[[Scene], list[str]]
Patch = Callable[[Scene], AbstractContextManager[Any]]


def actor_called(name: str) -> Actor:
    """Return an actor of the matrix by name."""
    return next(actor for actor in ACTORS if actor.name == name)


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

    def check(scene: Scene) -> list[str]:
        if not is_on:
            scene.switch_off()
            scene.remember()
        chosen = [actor_called(name) for name in actors]
        # Most holes show on a foreign record: what is tried first is found soonest.
        for targets in (("foreign",), tuple(target for target in TARGETS if target != "foreign")):
            cells = cells_of(scene, endpoints, chosen, is_on=is_on, targets=targets)
            wrong = run(scene, cells, stop_at=1).wrong
            if wrong:
                return wrong
        return []

    return check


def pages(*endpoints: str, actor: str = "keeper", target: str = "own") -> Check:
    """Return the check of pages one by one: one actor, one target, and a sentence for each page that is wrong.

    Args:
        endpoints: The endpoints.
        actor: Who tries them.
        target: Whose rows they name.
    """

    def check(scene: Scene) -> list[str]:
        found: list[str] = []
        for endpoint in endpoints:
            cells = [
                cell for cell in cells_of(scene, (endpoint,), [actor_called(actor)]) if cell.target == target
            ]
            assert cells, f"There is no page {endpoint}."
            found += run(scene, cells, stop_at=1).wrong[:1]
        return found

    return check


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
    """Look that with the guard the check is silent, and that without it the check speaks."""
    assert mutant.check(scene) == []
    scene.remember()
    with mutant.patch(scene):
        found = mutant.check(scene)
    with scene.app.app_context():
        scene.ledger.undo(scene.ledger.changes(everywhere=True))
    assert len(found) >= mutant.at_least, f"Hardly anything noticed that {mutant.name}: {found}"
