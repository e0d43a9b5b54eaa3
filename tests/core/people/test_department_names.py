"""The departments of the menu are those that a user may act in, however they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from core.database.scope import all_departments
from core.extensions import db
from core.people import services as people
from core.people.request_scope import current_standing
from core.testing import StaffClient, World


@pytest.fixture
def names_and_departments(running_app: Flask) -> Iterator[list[Any]]:
    """What a request of the signed-in user finds both ways."""
    found: list[Any] = []

    def look(response: Any) -> Any:
        standing = current_standing()
        if standing is not None:
            whole = [
                (row.id, row.name, row.name_en, row.path) for row in people.departments_of(standing.user)
            ]
            found[:] = [[tuple(row) for row in people.department_names_of(standing.user)], whole]
        return response

    running_app.after_request_funcs.setdefault(None, []).append(look)
    yield found
    running_app.after_request_funcs[None].remove(look)


@pytest.mark.parametrize(
    ("name", "department"),
    [
        ("admin", None),
        ("admin", "city"),
        ("admin", "group"),
        ("engineer", None),
        ("other", None),
        ("nobody", None),
    ],
)
def test_names_are_those_of_the_departments(
    sign_in: Callable[..., StaffClient], names_and_departments: list[Any], name: str, department: str | None
) -> None:
    sign_in(name, department).get("/nothing")
    names, whole = names_and_departments
    assert names == whole
    assert names


def test_archived_ones_are_left_out_and_further_roles_count(
    running_app: Flask,
    sign_in: Callable[..., StaffClient],
    names_and_departments: list[Any],
    world: World,
) -> None:
    with running_app.app_context(), all_departments("a test"):
        people.grant(world.user("other"), world.department("sibling_group"), world.role("engineer"))
        world.department("other_group").archived_at = people.utc_now()
        db.session.commit()
    sign_in("other").get("/nothing")
    names, whole = names_and_departments
    assert names == whole
    assert {row[0] for row in names} == {world.departments["other_city"], world.departments["sibling_group"]}
    sign_in("admin").get("/nothing")
    assert names_and_departments[0] == names_and_departments[1]
    assert world.departments["other_group"] not in {row[0] for row in names_and_departments[0]}
