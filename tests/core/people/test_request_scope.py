"""What the user of a request sees and may do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from flask import Flask

from core.database.scope import current_scope
from core.extensions import db
from core.people import services as people
from core.people.models import Membership
from core.people.request_scope import current_standing, scope_for
from core.testing import StaffClient, World


@contextmanager
def statements_of(app: Flask) -> Iterator[list[str]]:
    """The SELECTs that are sent inside the block."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            seen.append(statement)

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def see(running_app: Flask) -> Callable[[StaffClient], dict]:
    """What the scope is in a request; asked of an address that does not exist."""
    seen: dict = {}

    def look(response: object) -> object:
        scope = current_scope()
        standing = current_standing()
        seen.update(
            scope=scope,
            department=standing.scope.department_id if standing else None,
        )
        return response

    running_app.after_request_funcs.setdefault(None, []).append(look)

    def ask(client: StaffClient) -> dict:
        seen.clear()
        client.get("/no-such-page")
        return dict(seen)

    yield ask
    running_app.after_request_funcs[None].remove(look)


def test_an_anonymous_request_has_no_scope(client: StaffClient, app: Flask, see: Callable) -> None:
    assert see(client)["scope"] is None


def test_the_scope_of_a_request(world: World, sign_in: Callable, see: Callable) -> None:
    scope = see(sign_in("engineer"))["scope"]
    assert scope.user_id == world.users["engineer"]
    assert scope.department_id == world.departments["group"]
    assert scope.project_ids == {world.own.project_id}
    assert scope.department_ids == {world.departments[name] for name in ("region", "city", "group")}
    assert "people.manage" not in scope.permissions


def test_the_scope_costs_one_select_while_the_structure_stays(
    world: World, sign_in: Callable, running_app: Flask
) -> None:
    client = sign_in("engineer")
    client.get("/admin/search/")
    with statements_of(running_app) as seen:
        assert client.get("/admin/search/").status_code == 200
    assert "fs_uniquifier = " in seen[0]
    assert "structure_mark" in seen[0]
    assert not [each for each in seen[1:] if "FROM user_account" in each or "department" in each]


def test_the_acting_department_of_the_session(world: World, sign_in: Callable, see: Callable) -> None:
    assert see(sign_in("admin"))["department"] == world.departments["region"]
    assert see(sign_in("admin", "city"))["department"] == world.departments["city"]
    assert see(sign_in("admin", "group"))["scope"].project_ids == {world.own.project_id}


def test_a_department_out_of_reach_is_not_acted_in(world: World, sign_in: Callable, see: Callable) -> None:
    for name in ("region", "city", "sibling_group", "other_city"):
        assert see(sign_in("engineer", name))["department"] == world.departments["group"]


def test_a_revoked_role_counts_at_the_next_request(
    world: World, sign_in: Callable, see: Callable, system: Callable
) -> None:
    client = sign_in("engineer")
    assert see(client)["scope"].project_ids
    with system():
        db.session.execute(sa.delete(Membership).where(Membership.user_id == world.users["engineer"]))
        db.session.commit()
    scope = see(client)["scope"]
    assert (scope.department_id, scope.project_ids, scope.permissions) == (None, frozenset(), frozenset())


def test_a_deactivated_account_is_signed_out(
    world: World, sign_in: Callable, see: Callable, system: Callable
) -> None:
    client = sign_in("engineer")
    with system():
        people.set_active(world.user("engineer"), False)
        db.session.commit()
    assert see(client)["scope"] is None


def test_permissions_are_those_held_here_or_above(world: World, system: Callable) -> None:
    with system():
        user = world.user("engineer")
        role = people.create_role(name="AUDIT", label="审计", permissions=["audit.view"])
        people.grant(user, world.department("sibling_group"), role)
        assert "audit.view" not in scope_for(user, world.departments["group"]).permissions
        assert scope_for(user, world.departments["sibling_group"]).permissions == {"audit.view"}


def test_an_archived_department_gives_nothing(world: World, system: Callable) -> None:
    with system():
        engineer = world.user("engineer")
        people.archive_department(world.department("group"))
        assert scope_for(engineer) == scope_for(engineer, world.departments["group"])
        assert scope_for(engineer).project_ids == frozenset()


def test_a_role_that_demands_a_second_factor_sends_to_its_setup(
    world: World, sign_in: Callable, system: Callable
) -> None:
    with system():
        people.grant(world.user("engineer"), world.department("group"), world.role("admin"))
        db.session.commit()
    client = sign_in("engineer")
    page = client.get("/admin/")
    assert page.status_code == 302
    assert page.location.endswith("/tf-setup")
    assert client.post("/admin/account/", data={"locale": "en"}).status_code == 403
