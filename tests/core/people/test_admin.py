"""The screens of departments, users and roles, and the own account."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from core.extensions import db
from core.people.models import Department, Membership, User
from core.testing import PASSWORD, World

GOOD = "paper-Lantern-81-ferry"


@pytest.mark.parametrize("page", ["departments", "users", "roles", "settings"])
def test_the_screens_need_a_permission(page: str, world: World, sign_in: Callable, client) -> None:
    assert sign_in("admin").get(f"/admin/{page}/").status_code == 200
    assert sign_in("nobody").get(f"/admin/{page}/").status_code == 403
    assert client.get(f"/admin/{page}/").status_code == 302


def test_the_department_list_ends_at_the_acting_department(world: World, sign_in: Callable) -> None:
    page = sign_in("admin", "city").get("/admin/departments/").text
    assert "甲城一组" in page
    assert "甲城二组" in page
    assert "乙城公司" not in page.split("<main", 1)[1]
    own = sign_in("admin", "city")
    assert own.get(f"/admin/departments/details/?id={world.departments['group']}").status_code == 200
    for name in ("region", "other_city", "other_group"):
        assert own.get(f"/admin/departments/details/?id={world.departments[name]}").status_code == 404
        assert own.post(f"/admin/departments/archive/?id={world.departments[name]}").status_code == 404


def test_a_department_is_added_and_archived(world: World, sign_in: Callable, system: Callable) -> None:
    client = sign_in("admin")
    form = {
        "kind": "group",
        "parent_id": str(world.departments["city"]),
        "code": "T-C1-C",
        "name": "三组",
        "name_en": "",
    }
    page = client.get("/admin/departments/new/").text
    nonce = page.split('name="form_nonce" value="', 1)[1].split('"', 1)[0]
    assert client.post("/admin/departments/new/", data={**form, "form_nonce": nonce}).status_code in (
        302,
        303,
    )
    with system():
        made = db.session.scalars(sa.select(Department).where(Department.code == "T-C1-C")).one()
        assert made.path.startswith(world.department("city").path)
        key = made.id
    client.post(f"/admin/departments/archive/?id={key}")
    with system():
        assert db.session.get_one(Department, key).archived_at is not None
    client.post(f"/admin/departments/restore/?id={key}")
    with system():
        assert db.session.get_one(Department, key).archived_at is None


def test_a_wrong_parent_keeps_what_was_typed(world: World, sign_in: Callable) -> None:
    client = sign_in("admin")
    nonce = (
        client.get("/admin/departments/new/").text.split('name="form_nonce" value="', 1)[1].split('"', 1)[0]
    )
    answer = client.post(
        "/admin/departments/new/",
        data={
            "kind": "group",
            "parent_id": str(world.departments["region"]),
            "code": "T-X",
            "name": "很长的名字",
            "form_nonce": nonce,
        },
    )
    assert answer.status_code in (200, 422)
    assert "很长的名字" in answer.text


def test_the_user_list_ends_where_the_acting_user_sees(world: World, sign_in: Callable) -> None:
    client = sign_in("admin", "city")
    page = client.get("/admin/users/").text
    assert "engineer@test.example" in page
    assert "other@test.example" not in page
    assert client.get(f"/admin/users/details/?id={world.users['other']}").status_code == 404
    assert (
        client.post(f"/admin/users/activate/?id={world.users['other']}", data={"active": "0"}).status_code
        == 404
    )


def test_granting_and_revoking(world: World, sign_in: Callable, system: Callable) -> None:
    client = sign_in("admin")
    user = world.users["service"]
    client.post(
        f"/admin/users/grant/?id={user}",
        data={"role_id": world.roles["head"], "department_id": world.departments["group"]},
    )
    with system():
        held = {each.role_id: each.id for each in world.user("service").memberships}
        assert world.roles["head"] in held
        foreign = db.session.scalars(
            sa.select(Membership.id).where(Membership.user_id == world.users["other"])
        ).one()
    assert client.post(f"/admin/users/revoke/?id={user}", data={"membership_id": foreign}).status_code == 404
    client.post(f"/admin/users/revoke/?id={user}", data={"membership_id": held[world.roles["head"]]})
    with system():
        assert [each.role_id for each in world.user("service").memberships] == [world.roles["service"]]
    for data in ({}, {"role_id": "x", "department_id": "1"}, {"role_id": "1,2", "department_id": "1"}):
        assert client.post(f"/admin/users/grant/?id={user}", data=data).status_code == 404


def test_a_grant_out_of_reach_is_refused_with_a_sentence(
    world: World, sign_in: Callable, system: Callable
) -> None:
    client = sign_in("admin", "group")
    answer = client.post(
        f"/admin/users/grant/?id={world.users['service']}",
        data={"role_id": world.roles["head"], "department_id": world.departments["city"]},
        follow_redirects=True,
    )
    assert answer.status_code == 200
    with system():
        assert len(world.user("service").memberships) == 1


def test_buttons_on_an_account(world: World, sign_in: Callable, system: Callable) -> None:
    client = sign_in("admin")
    user = world.users["service"]
    client.post(f"/admin/users/activate/?id={user}", data={"active": "0"})
    with system():
        assert world.user("service").active is False
        before = world.user("service").password
    client.post(f"/admin/users/activate/?id={user}", data={"active": "1"})
    client.post(f"/admin/users/password/?id={user}", data={"password": "password1234"})
    with system():
        assert world.user("service").active is True
        assert world.user("service").password == before
    client.post(f"/admin/users/password/?id={user}", data={"password": GOOD})
    with system():
        assert world.user("service").password != before


def test_a_new_user_can_sign_in(world: World, sign_in: Callable, client, system: Callable) -> None:
    admin = sign_in("admin")
    nonce = admin.get("/admin/users/new/").text.split('name="form_nonce" value="', 1)[1].split('"', 1)[0]
    data = {"name": "新同事", "email": "new@test.example", "phone": "", "password": GOOD, "form_nonce": nonce}
    assert admin.post("/admin/users/new/", data=data).status_code in (302, 303)
    with system():
        assert (
            db.session.scalars(sa.select(User).where(User.email == "new@test.example")).one().password != GOOD
        )
    assert client.post("/login", data={"email": "new@test.example", "password": GOOD}).status_code == 302
    assert client.get("/admin/account/").status_code == 200
    assert client.get("/admin/users/").status_code == 403


def test_permissions_of_a_role(world: World, sign_in: Callable, system: Callable) -> None:
    client = sign_in("admin")
    page = client.get(f"/admin/roles/details/?id={world.roles['head']}")
    assert page.status_code == 200
    assert "people.manage" in page.text
    client.post(
        f"/admin/roles/permissions/?id={world.roles['head']}",
        data={"permission": ["people.view", "no.such", "people.manage"]},
    )
    with system():
        role = world.role("head")
        assert role.permissions == ["people.manage", "people.view"]
        assert role.requires_two_factor is True


def test_the_own_account(world: World, sign_in: Callable, system: Callable) -> None:
    client = sign_in("nobody")
    assert "nobody@test.example" in client.get("/admin/account/").text
    assert client.post("/admin/account/", data={"locale": "en"}).status_code == 303
    with system():
        assert world.user("nobody").locale == "en"
    assert "My account" in client.get("/admin/account/").text
    client.post("/admin/account/", data={"locale": "xx"})
    with system():
        assert world.user("nobody").locale == "en"
    changed = client.post(
        "/change", data={"password": PASSWORD, "new_password": GOOD, "new_password_confirm": GOOD}
    )
    assert changed.status_code == 302
    assert client.get("/admin/account/").status_code == 200


def test_an_account_is_edited_and_a_taken_address_is_refused(
    world: World, sign_in: Callable, system: Callable
) -> None:
    client = sign_in("admin")
    address = f"/admin/users/edit/?id={world.users['service']}"
    page = client.get(address)
    assert page.status_code == 200
    version = page.text.split('name="row_version" value="', 1)[1].split('"', 1)[0]
    data = {
        "name": "新名字",
        "email": "service@test.example",
        "phone": "075588888888",
        "row_version": version,
    }
    taken = client.post(address, data={**data, "email": "engineer@test.example"})
    assert taken.status_code in (200, 422)
    assert "新名字" in taken.text
    assert client.post(address, data=data).status_code in (302, 303)
    with system():
        assert world.user("service").name == "新名字"
    stale = client.post(address, data={**data, "name": "旧页面"})
    assert stale.status_code == 409
