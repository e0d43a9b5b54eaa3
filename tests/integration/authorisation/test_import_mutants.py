"""An import neither finds nor shows rows of other departments: its guards are taken out in turn, like those of
:mod:`tests.integration.authorisation.test_mutants`."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

import core.admin.listing
import core.customers.importers
import core.machinery.exchange.services
from core.customers.importers import CustomerImporter
from core.database.base import metadata
from core.extensions import db
from core.machinery.exchange.models import ImportBatch
from core.projects.models import Project
from core.testing.importing import TriedImport, try_import
from core.testing.scoping import acting_as
from tests.integration.authorisation.mutating import (
    Mutant,
    actor_called,
    any_import,
    assert_missed,
    opened,
    replaced,
)
from tests.integration.authorisation.scene import Scene

KEPT, MOVED = "留下客户", "移走客户"


def _try(scene: Scene, *rows: tuple[str, str], match: str = "phone") -> TriedImport:
    return try_import(
        "core.customers",
        [{"name": name, "phone": phone} for name, phone in rows],
        project=db.session.get_one(Project, scene.world.own.project_id),
        match=match,
    )


def customers_of_others_are_not_matched(scene: Scene) -> list[str]:
    """A row with the telephone number of somebody else's customer is a new customer, and shows nothing of him."""
    with acting_as(scene.app, scene.accounts["keeper"]):
        own, foreign = (getattr(scene.world, target).phones[0] for target in ("own", "foreign"))
        tried = _try(scene, (KEPT, own), (MOVED, foreign))
        shown = str(tried.rows)
        db.session.rollback()
    assert tried.verdicts[0] == "changed", "the own customer is matched"
    faults = [] if tried.verdicts[1] == "new" else [f"the row is {tried.verdicts[1]}"]
    return faults + ["a foreign value is shown"] * (scene.records.canary("foreign") in shown)


def _written(scene: Scene, actor: str = "keeper") -> int:
    """Import two customers, of whom one then goes to a project of another department; return the key of the import."""
    with acting_as(scene.app, scene.accounts[actor]):
        tried = _try(scene, (KEPT, "13912340001"), (MOVED, "13912340002"))
        _kept, moved = tried.write()
        key = db.session.scalar(sa.select(sa.func.max(ImportBatch.id)))
        db.session.commit()
        link = metadata.tables["customer_project"]
        with db.engine.begin() as connection:
            connection.execute(
                sa.update(link)
                .where(link.c.customer_id == moved)
                .values(project_id=scene.world.foreign.project_id)
            )
    assert key is not None
    return key


def _undone(scene: Scene) -> None:
    with scene.app.app_context():
        scene.ledger.undo(scene.ledger.changes(everywhere=True))


def rows_that_went_elsewhere_are_not_shown(scene: Scene) -> list[str]:
    """Neither the page of an import nor the list of its rows shows what belongs to another department by now."""
    key = _written(scene)
    faults = []
    for address in (f"/admin/imports/result/?id={key}", f"/admin/customers/?import={key}"):
        page = scene.send(actor_called("keeper"), "GET", address).text
        assert KEPT in page
        faults += [f"{address} shows it"] * (MOVED in page)
    _undone(scene)
    return faults


def imports_of_colleagues_narrow_nothing(scene: Scene) -> list[str]:
    """A list is not narrowed to the rows of somebody else's import: that would tell which they were."""
    key = _written(scene, "head")
    address = f"/admin/customers/?import={key}"
    told = {name: scene.send(actor_called(name), "GET", address).text for name in ("head", "keeper")}
    assert told["head"].count("data-id=") == 1
    _undone(scene)
    return ["it is narrowed"] if told["keeper"].count("data-id=") == 1 else []


MUTANTS = (
    Mutant(
        "an import matches customers of any department",
        opened(core.customers.importers, "_found_by"),
        customers_of_others_are_not_matched,
    ),
    Mutant(
        "the page of an import looks past the wall",
        opened(CustomerImporter, "records"),
        rows_that_went_elsewhere_are_not_shown,
    ),
    Mutant(
        "the list of the rows of an import looks past the wall",
        opened(core.admin.listing.Lister, "page"),
        rows_that_went_elsewhere_are_not_shown,
    ),
    Mutant(
        "a list is narrowed to anybody's import",
        replaced(core.machinery.exchange.services, "find_import", any_import),
        imports_of_colleagues_narrow_nothing,
    ),
)


# Each takes away a piece of the program, and whether that is noticed is not a question of the database.
@pytest.mark.one_database
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_guard_is_missed_when_it_is_gone(mutant: Mutant, scene: Scene) -> None:
    """With the guard the check is silent; without it the check speaks."""
    assert_missed(mutant, scene)
