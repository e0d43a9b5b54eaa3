"""Rules of departments, users, roles and grants."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from core.extensions import db
from core.people import seed
from core.people import services as people
from core.people.models import DefaultedPermission, Department, DepartmentKind, Membership, Role, User
from core.people.services import PeopleRuleError
from core.plugin_system.declarations import Permission
from core.projects.models import ProjectGroup
from core.testing import World

GOOD = "paper-Lantern-81-ferry"


# Departments


def test_paths_follow_the_tree(world: World, system: Callable) -> None:
    with system():
        group = world.department("group")
        assert group.path_ids == [world.departments[name] for name in ("region", "city", "group")]
        people.move_department(group, world.department("other_city"))
        assert group.path_ids == [world.departments[name] for name in ("region", "other_city", "group")]


def test_moving_takes_everything_below_along(world: World, system: Callable) -> None:
    with system():
        other = people.create_department(kind=DepartmentKind.REGION, code="R2", name="二区")
        people.move_department(world.department("city"), other)
        for name in ("group", "sibling_group"):
            department = world.department(name)
            assert department.path_ids == [other.id, world.departments["city"], department.id]
        assert world.department("other_group").path_ids[0] == world.departments["region"]


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (DepartmentKind.REGION, "region"),
        (DepartmentKind.CITY, None),
        (DepartmentKind.CITY, "city"),
        (DepartmentKind.GROUP, None),
        (DepartmentKind.GROUP, "region"),
        (DepartmentKind.GROUP, "group"),
    ],
)
def test_the_levels_of_the_tree(
    kind: DepartmentKind, parent: str | None, world: World, system: Callable
) -> None:
    with system(), pytest.raises(PeopleRuleError):
        people.create_department(
            kind=kind, code="X", name="x", parent=world.department(parent) if parent else None
        )


def test_codes_are_unique_and_names_are_needed(world: World, system: Callable) -> None:
    with system():
        for code, name in (("t-r", "x"), (" ", "x"), ("NEW", " ")):
            with pytest.raises(PeopleRuleError):
                people.create_department(kind=DepartmentKind.REGION, code=code, name=name)


def test_a_department_with_something_below_it_is_not_archived(world: World, system: Callable) -> None:
    with system():
        for name in ("region", "city"):
            with pytest.raises(PeopleRuleError):
                people.archive_department(world.department(name))
        people.archive_department(world.department("group"))
        people.archive_department(world.department("sibling_group"))
        with pytest.raises(PeopleRuleError, match="2"):
            people.archive_department(world.department("city"))
        people.restore_department(world.department("group"))
        assert world.department("group").archived_at is None


def test_only_the_own_branch_is_changed(world: World, scope_of: Callable) -> None:
    with scope_of("admin", "city"):
        people.rename_department(world.department("group"), code="T-C1-A", name="新名")
        for name in ("region", "other_city", "other_group"):
            with pytest.raises(PeopleRuleError):
                people.rename_department(world.department(name), code="NEW", name="x")
        with pytest.raises(PeopleRuleError):
            people.move_department(world.department("group"), world.department("other_city"))
        with pytest.raises(PeopleRuleError):
            people.create_department(kind=DepartmentKind.REGION, code="NEW", name="x")


def test_departments_of_a_user(world: World, system: Callable) -> None:
    with system():
        assert [each.id for each in people.departments_of(world.user("engineer"))] == [
            world.departments["group"]
        ]
        assert {each.id for each in people.departments_of(world.user("admin"))} == set(
            world.departments.values()
        )
        with pytest.raises(PeopleRuleError):
            people.set_acting_department(world.user("engineer"), world.departments["city"])
        people.set_acting_department(world.user("admin"), world.departments["other_city"])
        assert world.user("admin").acting_department_id == world.departments["other_city"]


# Users


def test_an_account_has_one_address_whatever_its_writing(world: World, system: Callable) -> None:
    with system():
        for email in ("ENGINEER@test.example", "no address", "a@b@c.cn", "", "x@"):
            with pytest.raises(PeopleRuleError):
                people.create_user(email=email, name="x", password=GOOD)
        with pytest.raises(PeopleRuleError):
            people.create_user(email="new@test.example", name=" ", password=GOOD)
        assert people.create_user(email=" New@Test.example ", name="x").email == "new@test.example"


@pytest.mark.parametrize(
    "password",
    [
        "short-1A",
        "password1234",
        "Password1234!",
        "aaaaaaaaaaaaaaaa",
        "abababababab",
        "qwertyuiop123",
        "woaini1314520",
        "fresh.user@test.example",
        "fresh.user-2026",
        "x" * 300,
    ],
)
def test_weak_passwords_are_refused(password: str, world: World, system: Callable) -> None:
    with system(), pytest.raises(PeopleRuleError):
        people.create_user(email="fresh.user@test.example", name="Fresh User", password=password)


@pytest.mark.parametrize("password", [GOOD, "四个不相干的词语组成的长口令", "correct horse battery staple 9"])
def test_good_passwords_are_hashed_by_argon2(password: str, world: World, system: Callable) -> None:
    with system():
        user = people.create_user(email="fresh.user@test.example", name="x", password=password)
        assert user.password is not None
        assert user.password.startswith("$argon2id$")


def test_a_new_password_ends_all_sessions(world: World, system: Callable, sign_in: Callable) -> None:
    client = sign_in("engineer")
    assert client.get("/admin/account/").status_code == 200
    with system():
        people.set_password(world.user("engineer"), GOOD)
        db.session.commit()
    assert client.get("/admin/account/").status_code == 302


def test_nobody_deactivates_himself(world: World, scope_of: Callable) -> None:
    with scope_of("admin"), pytest.raises(PeopleRuleError):
        people.set_active(world.user("admin"), False)


def test_accounts_with_more_rights_are_not_changed(
    world: World, scope_of: Callable, system: Callable
) -> None:
    with system():
        manager = people.create_role(name="MAN", label="主管", permissions=["people.manage"])
        people.grant(world.user("head"), world.department("group"), manager)
        db.session.commit()
    with scope_of("head"):
        for change in (
            lambda user: people.set_password(user, GOOD),
            people.reset_two_factor,
            lambda user: people.set_active(user, False),
            lambda user: people.change_user(user, email="mine@test.example", name="x"),
        ):
            for name in ("admin", "sibling", "other"):
                with pytest.raises(PeopleRuleError):
                    change(world.user(name))
            db.session.rollback()


def test_users_in_reach(world: World, scope_of: Callable, system: Callable) -> None:
    with scope_of("engineer"):
        seen = set(db.session.scalars(people.users_in_reach().with_only_columns(User.id)))
        assert seen == {world.users[name] for name in ("admin", "head", "engineer", "service", "nobody")}
    with system():
        assert len(db.session.scalars(people.users_in_reach()).all()) == len(world.users)


def test_users_with_a_right_for_a_project_stand_in_whichever_group_of_it(
    world: World, scope_of: Callable, system: Callable
) -> None:
    """Customer service sends an engineer whose group stands beside its own in the city."""
    permission = "projects.view"
    with system():
        sibling = world.users["sibling"]
        held = {role for row in world.user("sibling").memberships for role in row.role.permissions}
        assert permission in held, "the test needs a right that he has"
        project_id, group_id = world.own.project_id, world.departments["sibling_group"]
        db.session.add(ProjectGroup(project_id=project_id, department_id=group_id))
        db.session.commit()

    def found(*project_ids: list[int]) -> set[int]:
        query = people.users_with(permission, *project_ids)
        return set(db.session.scalars(query.with_only_columns(User.id)))

    with scope_of("service"):
        assert sibling in found([world.own.project_id])
        assert world.users["nobody"] not in found([world.own.project_id]), "he has no right"
        assert world.users["other"] not in found([world.own.project_id]), "he sees another city"
        assert world.users["other"] not in found(), "of those that I see"
    with system():
        assert world.users["other"] in found()


# Roles and grants


@pytest.mark.parametrize(
    ("codes", "needed"),
    [
        (["customers.view", "handover.inspect"], False),
        (["customers.export"], True),
        (["handover.export"], True),
        (["people.manage"], True),
        (["modules.switch"], True),
        (["personal.reveal"], True),
        (["people.view", "personal.view"], False),
        ([], False),
    ],
)
def test_who_needs_a_second_factor(codes: list[str], needed: bool, world: World, system: Callable) -> None:
    with system():
        role = people.create_role(name="NEW", label="x", permissions=codes)
        assert role.requires_two_factor is needed
        user = people.create_user(email="new@test.example", name="x")
        people.grant(user, world.department("group"), role)
        assert user.check_tf_required([], True)[0] is needed
        assert user.check_tf_required_setup() is needed
        people.set_role_permissions(role, [])
        assert role.requires_two_factor is False


def test_a_grant_stays_within_the_branch(world: World, scope_of: Callable) -> None:
    with scope_of("admin", "city"):
        people.grant(world.user("engineer"), world.department("sibling_group"), world.role("head"))
        for name in ("region", "other_city", "other_group"):
            with pytest.raises(PeopleRuleError):
                people.grant(world.user("engineer"), world.department(name), world.role("head"))


def test_a_grant_does_not_exceed_the_own_rights(world: World, scope_of: Callable, system: Callable) -> None:
    with system():
        manager = people.create_role(name="MAN", label="主管", permissions=["people.manage"])
        people.grant(world.user("head"), world.department("group"), manager)
        db.session.commit()
    with scope_of("head"):
        group = world.department("group")
        people.grant(world.user("engineer"), group, world.role("nobody"))
        with pytest.raises(PeopleRuleError):
            people.grant(world.user("engineer"), group, world.role("admin"))
        with pytest.raises(PeopleRuleError):
            people.grant(world.user("head"), group, world.role("admin"))
        with pytest.raises(PeopleRuleError):
            people.set_role_permissions(world.role("engineer"), ["audit.view"])
        assert world.role("admin") not in people.grantable_roles(group)


def test_a_role_that_is_held_elsewhere_is_not_changed_from_here(world: World, scope_of: Callable) -> None:
    with scope_of("admin", "group"), pytest.raises(PeopleRuleError, match="head"):
        people.set_role_permissions(world.role("head"), ["people.view"])
    with scope_of("admin"):
        people.set_role_permissions(world.role("head"), ["people.view"])


def test_the_last_manager_stays(world: World, system: Callable) -> None:
    with system():
        membership = db.session.scalars(
            sa.select(Membership).where(Membership.user_id == world.users["admin"])
        ).one()
        with pytest.raises(PeopleRuleError):
            people.revoke(membership)
        people.grant(world.user("engineer"), world.department("group"), world.role("admin"))
        people.revoke(membership)
        assert world.user("admin").memberships == []


def test_a_role_is_granted_once(world: World, system: Callable) -> None:
    with system():
        people.grant(world.user("engineer"), world.department("group"), world.role("engineer"))
        assert len(world.user("engineer").memberships) == 1
        with pytest.raises(PeopleRuleError):
            people.delete_role(world.role("engineer"))


# Seed


def test_seeding_gives_each_permission_once(app: Flask, system: Callable) -> None:
    declared = [
        Permission("customers.view", "x", default_roles=("ENG", "HEAD")),
        Permission("people.manage", "x", default_roles=("HEAD",)),
    ]
    with system():
        seed.load()
        roles = {role.name: role for role in db.session.scalars(sa.select(Role))}
        assert {"ADMIN", "HEAD", "BCS", "CCS", "PCM", "ENG", "PM"} <= set(roles)
        assert "OWN" not in roles
        seed._give_defaults(roles, declared)
        assert "customers.view" in roles["ENG"].permissions
        assert {"customers.view", "people.manage"} <= set(roles["ADMIN"].permissions)
        assert roles["HEAD"].requires_two_factor
        people.set_role_permissions(roles["ENG"], [])
        count = len(roles)
        seed.load()
        seed._give_defaults(roles, declared)
        assert roles["ENG"].permissions == []
        assert db.session.scalar(sa.select(sa.func.count(Role.id))) == count


# Command line


def test_what_a_new_version_gives_is_named_and_what_it_does_not_give_is_listed(
    app: Flask, system: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = app.test_cli_runner().invoke
    with system():
        seed.load()
        db.session.commit()
    assert run(args=["user", "compare-roles"]).output.startswith("Every role has what")
    with system():
        engineers = db.session.scalars(sa.select(Role).where(Role.name == "ENG")).one()
        people.set_role_permissions(engineers, set(engineers.permissions) - {"customers.view"})
        for row in db.session.scalars(
            sa.select(DefaultedPermission).where(DefaultedPermission.code == "promises.view")
        ):
            db.session.delete(row)
        for role in db.session.scalars(sa.select(Role)):
            people.set_role_permissions(role, set(role.permissions) - {"promises.view"})
        db.session.commit()
    monkeypatch.setattr(sys.modules["core.cli.database"], "upgrade_all", lambda: None)
    told = run(args=["setup"]).output
    assert "The new permission promises.view was given to ADMIN, " in told
    assert "lack here: 1." in told and "doorstep user compare-roles" in told
    listed = run(args=["user", "compare-roles"]).output
    assert listed.startswith("ENG:customers.view  ") and len(listed.splitlines()) == 1
    wrong = run(args=["user", "compare-roles", "--give", "ENG:audit.view"])
    assert wrong.exit_code == 1 and "ENG:audit.view: not in the list." in wrong.output
    given = run(args=["user", "compare-roles", "--give", "ENG:customers.view"])
    assert given.output.startswith("given   ENG:customers.view")
    with system():
        assert (
            "customers.view"
            in db.session.scalars(sa.select(Role).where(Role.name == "ENG")).one().permissions
        )
    assert run(args=["user", "compare-roles"]).output.startswith("Every role has what")


def test_accounts_from_the_command_line(app: Flask, system: Callable) -> None:
    run = app.test_cli_runner().invoke
    early = run(args=["user", "create", "boss@test.example", "--name", "主任", "--password", GOOD])
    assert early.exit_code == 1
    assert "doorstep setup" in early.output
    with system():
        seed.load()
        db.session.commit()
    weak = run(args=["user", "create", "boss@test.example", "--name", "主任", "--password", "password1234"])
    assert weak.exit_code == 1
    made = run(args=["user", "create", "boss@test.example", "--name", "主任", "--password", GOOD])
    assert made.exit_code == 0, made.output
    assert "second factor" in made.output
    with system():
        user = db.session.scalars(sa.select(User)).one()
        assert [each.role.name for each in user.memberships] == ["ADMIN"]
        assert db.session.scalars(sa.select(Department)).one().path == f"/{user.acting_department_id}/"
        before = user.password
    changed = run(args=["user", "set-password", "BOSS@test.example", "--password", "harbour-Kite-29-window"])
    assert changed.exit_code == 0, changed.output
    with system():
        assert db.session.scalars(sa.select(User)).one().password != before
    assert run(args=["user", "set-password", "nobody@test.example", "--password", GOOD]).exit_code == 1
