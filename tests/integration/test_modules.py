"""The module manager and the health page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from core.database.scope import all_departments
from core.extensions import db
from core.plugin_system import switching
from core.plugin_system.declarations import Manifest
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import PluginFault, PluginState, State, current_runtime
from core.testing import StaffClient, World


@pytest.fixture
def module(running_app: Flask, monkeypatch: pytest.MonkeyPatch) -> str:
    """A plugin that stands in for any: healthy, without declarations."""
    runtime = current_runtime(running_app)
    plain = PluginState("plain", State.HEALTHY, Manifest("plain", "Plain module", "1.2.0", 1), "1.2.0")
    needy = PluginState(
        "needy", State.HEALTHY, Manifest("needy", "Needy module", "1.0", 1, depends=("plain",))
    )
    broken = PluginState("broken", State.QUARANTINED, version="0.9", reason="It cannot be imported: a test.")
    monkeypatch.setattr(
        runtime, "plugins", {**runtime.plugins, "plain": plain, "needy": needy, "broken": broken}
    )
    return "plain"


def on(app: Flask, slug: str, department_id: int) -> bool:
    with app.app_context(), all_departments("a test"):
        return is_on(slug, department_id)


def test_the_list_tells_state_and_reason(sign_in: Callable[..., StaffClient], module: str) -> None:
    page = sign_in("admin").get("/admin/modules/").text
    assert "Plain module" in page
    assert "It cannot be imported: a test." in page
    assert "1.2.0" in page
    assert re.search(r"/admin/modules/preview/\?module=plain", page)
    assert not re.search(r"/admin/modules/preview/\?module=broken", page)


def test_switching_holds_at_once_and_below(
    running_app: Flask, world: World, sign_in: Callable[..., StaffClient], module: str
) -> None:
    client = sign_in("admin", "city")
    city = world.departments["city"]
    preview = client.get(f"/admin/modules/preview/?module={module}").text
    assert 'name="to" value="on"' in preview
    answer = client.post("/admin/modules/switch/", data={"module": module, "department": city, "to": "on"})
    assert answer.status_code == 302
    assert on(running_app, module, city)
    assert on(running_app, module, world.departments["group"])
    assert not on(running_app, module, world.departments["other_city"])
    assert 'name="to" value="off"' in client.get(f"/admin/modules/preview/?module={module}").text
    client.post("/admin/modules/switch/", data={"module": module, "department": city, "to": "off"})
    assert not on(running_app, module, city)


def test_a_refusal_is_told_and_changes_nothing(
    running_app: Flask, world: World, sign_in: Callable[..., StaffClient], module: str
) -> None:
    client = sign_in("admin")
    region = world.departments["region"]
    assert "Plain module" in client.get("/admin/modules/preview/?module=needy").text
    answer = client.post(
        "/admin/modules/switch/",
        data={"module": "needy", "department": region, "to": "on"},
        follow_redirects=True,
    )
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text
    assert not on(running_app, "needy", region)
    with running_app.app_context(), all_departments("a test"):
        switching.switch_on("plain", region)
        switching.switch_on("needy", region)
        db.session.commit()
    client.post("/admin/modules/switch/", data={"module": "plain", "department": region, "to": "off"})
    assert on(running_app, "plain", region)


@pytest.mark.parametrize("department", ["region", "other_city", "sibling_group"])
def test_departments_out_of_reach_are_not_found(
    running_app: Flask, world: World, sign_in: Callable[..., StaffClient], module: str, department: str
) -> None:
    client = sign_in("admin", "group")
    target = world.departments[department]
    assert client.get(f"/admin/modules/?department={target}").status_code == 404
    assert client.get(f"/admin/modules/preview/?module={module}&department={target}").status_code == 404
    data = {"module": module, "department": target, "to": "on"}
    assert client.post("/admin/modules/switch/", data=data).status_code == 404
    assert not on(running_app, module, target)


@pytest.mark.parametrize(
    "data", [{}, {"module": "nobody", "to": "on"}, {"module": "plain"}, {"module": "plain", "to": "x"}]
)
def test_malformed_requests_are_not_found(
    sign_in: Callable[..., StaffClient], module: str, data: dict[str, str]
) -> None:
    del module
    client = sign_in("admin")
    assert client.post("/admin/modules/switch/", data=data).status_code == 404
    assert client.get("/admin/modules/?department=1.5").status_code == 404
    assert client.get("/admin/modules/preview/").status_code == 404


@pytest.mark.parametrize("user", ["engineer", "nobody"])
def test_only_those_who_may(
    running_app: Flask, world: World, sign_in: Callable[..., StaffClient], module: str, user: str
) -> None:
    client = sign_in(user)
    group = world.departments["group"]
    assert client.get(f"/admin/modules/preview/?module={module}").status_code == 403
    data = {"module": module, "department": group, "to": "on"}
    assert client.post("/admin/modules/switch/", data=data).status_code == 403
    assert not on(running_app, module, group)


def test_the_health_page_tells_faults_without_asking_plugins(
    running_app: Flask, sign_in: Callable[..., StaffClient], module: str
) -> None:
    del module
    runtime = current_runtime(running_app)
    runtime.note_fault(PluginFault("plain", "panel plain.latest", "ValueError", "abc123"))
    try:
        answer = sign_in("admin").get("/admin/health/")
    finally:
        runtime.faults.clear()
    assert answer.status_code == 200
    assert "It cannot be imported: a test." in answer.text
    assert "abc123" in answer.text
    assert sign_in("nobody").get("/admin/health/").status_code == 403
