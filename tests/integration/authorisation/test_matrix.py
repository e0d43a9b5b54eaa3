"""The authorisation matrix holds: every route × method × role × target, from the live URL map."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from tests import turns
from tests.integration.authorisation import matrix
from tests.integration.authorisation.attempts import PUBLIC, attempts, component_of
from tests.integration.authorisation.conftest import SUMMARY
from tests.integration.authorisation.matrix import WHOLE, Report, cells_of, routes_of, run
from tests.integration.authorisation.oracle import ACTORS, FORBIDDEN, NOT_FOUND, OK, SIGN_IN, TARGETS, Actor
from tests.integration.authorisation.report import OUTPUT, page
from tests.integration.authorisation.scene import Scene
from tests.integration.authorisation.test_machinery_mutants import MUTANTS as OF_MACHINERY
from tests.integration.authorisation.test_mutants import MUTANTS
from tests.turns import FULL

QUICK = not FULL
FEWEST_CELLS = 800
ADVERSARIES = frozenset({"keeper"})
"""Who tries everything on the second database too: one with every right, against whom the wall alone stands."""


SHARES = 4 if QUICK else 1
"""The usual run is cut into shares, so that all processors are busy with it; its report is written in one go."""


def run_matrix(scene: Scene, *, quick: bool, share: tuple[int, int] = WHOLE) -> Report:
    """Run the matrix with the plugins on, then their routes with the plugins off.

    Who holds which permission is no question of the database, so on the second database a quick run is that of the
    adversary who holds them all, against whom the wall alone has to stand.
    """
    actors = [actor for actor in ACTORS if not (quick and scene.on_postgresql) or actor.name in ADVERSARIES]
    report = run(scene, cells_of(scene, actors=actors, quick=quick, share=share))
    with scene.app.app_context():
        left = scene.ledger.changes(everywhere=True)
        assert [(change.table, change.key, change.columns) for change in left] == []
    scene.switch_off()
    scene.remember()
    return run(scene, cells_of(scene, actors=actors, is_on=False, quick=quick, share=share), report)


def _page(scene: Scene, report: Report) -> str:
    rows = []
    keeper = next(actor for actor in ACTORS if actor.name == "keeper")
    for route, method in routes_of(scene):
        if route.endpoint not in PUBLIC:
            rule = attempts(scene, route, method, keeper, "own")[0].rule
            codes = [*rule.needs, *rule.hidden, *rule.late]
            needs = ", ".join("nobody may" if code is None else f"`{code}`" for code in dict.fromkeys(codes))
            either = " or ".join(f"`{code}`" for code in dict.fromkeys(rule.one_of) if code)
            told = ", ".join(filter(None, (needs, either))) or "signed in"
            rows.append((method, route.rule, told, component_of(scene, route.endpoint)))
    return page(str(report), rows, PUBLIC, [mutant.name for mutant in (*MUTANTS, *OF_MACHINERY)])


@pytest.mark.parametrize("number", range(SHARES))
def test_matrix(scene: Scene, number: int) -> None:
    """No cell is wrong, every route was tried, and every kind of answer occurs."""
    share = (number, SHARES)
    report = run_matrix(scene, quick=QUICK, share=share)
    SUMMARY.append(str(report))
    if os.environ.get(OUTPUT):
        Path(os.environ[OUTPUT]).write_text(_page(scene, report), encoding="utf-8")
    assert report.wrong == [], turns.told()
    assert report.total >= FEWEST_CELLS // SHARES
    assert {(route.endpoint, method) for route, method in routes_of(scene, share=share)} == report.routes
    answers = (OK, NOT_FOUND) if QUICK and scene.on_postgresql else (OK, SIGN_IN, FORBIDDEN, NOT_FOUND)
    assert all(report.cells[name] for name in answers)


@pytest.mark.parametrize("target", ("own", "foreign"))
def test_the_adversary_meets_rows_of_his_and_of_others_every_time(scene: Scene, target: str) -> None:
    """Both are tried by somebody who holds every permission, so that only the wall stands in the way."""
    cells = [cell for cell in cells_of(scene, ["units"], quick=True) if cell.actor.name == "keeper"]
    assert scene.on_postgresql or target in {cell.target for cell in cells}


def test_every_cell_has_its_turn(scene: Scene) -> None:
    """What a quick run leaves out is due in another one: after all turns nothing of the full matrix is left."""

    def count(actor: Actor, target: str, *, quick: bool) -> int:
        return len(list(cells_of(scene, ["units.details_view"], [actor], quick=quick, targets=[target])))

    with (
        mock.patch.object(matrix, "TURNS", 3),
        mock.patch.object(matrix, "TURNS_ON_THE_SECOND_DATABASE", 3),
    ):
        for actor in ACTORS:
            for target in TARGETS:
                met = []
                for number in range(3):
                    with mock.patch.object(turns, "turn", lambda number=number: number):
                        met.append(count(actor, target, quick=True))
                assert max(met) == count(actor, target, quick=False) > 0
