"""The guards of the handover day, of the forms that are signed there and of the tower grid are taken out in turn, like
those of :mod:`tests.integration.authorisation.test_mutants`."""

from __future__ import annotations

import pytest

import core.admin.mounting
import plugins.handover.admin.reports
import plugins.handover.day_pages
import plugins.handover.desk_pages
from tests.integration.authorisation.mutating import (
    Mutant,
    assert_missed,
    matrix,
    opened,
    replaced,
    unmarked,
)
from tests.integration.authorisation.scene import Scene

_PAGES = ("handover_day.index", "handover_day.house", "handover_day.prepare_form", "handover_day.cancel_fee")

MUTANTS = (
    Mutant(
        "marks of the handover day are ignored",
        replaced(core.admin.mounting, "admit", lambda *_: None),
        matrix(*_PAGES),
    ),
    Mutant(
        "houses of the day are found past the wall",
        opened(plugins.handover.day_pages, "_place"),
        matrix("handover_day.house"),
    ),
    Mutant(
        "defects are waived past the wall",
        opened(plugins.handover.desk_pages, "defect_called"),
        matrix("handover_day.prepare_waiver"),
    ),
    Mutant(
        "the tower shows buildings past the wall",
        opened(plugins.handover.admin.reports, "_of_address"),
        matrix("handover_tower.index"),
    ),
    Mutant(
        "forms are cancelled by whoever sees them",
        unmarked("handover_forms", "cancel", "handover.view"),
        matrix("handover_forms.cancel"),
    ),
    Mutant(
        "objections are answered by whoever sees the notice",
        unmarked("handover_notices", "answer_objection", "handover.view"),
        matrix("handover_notices.answer_objection"),
    ),
)


# Each takes away a piece of the program, and whether that is noticed is not a question of the database.
@pytest.mark.one_database
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_guard_is_missed_when_it_is_gone(mutant: Mutant, scene: Scene) -> None:
    """With the guard the check is silent; without it the check speaks."""
    assert_missed(mutant, scene)
