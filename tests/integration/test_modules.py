"""The module manager and the health page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from core.admin.shell import asset
from core.database.scope import all_departments
from core.extensions import db
from core.machinery.documents.fonts import PdfStackProblem
from core.plugin_system import switching
from core.plugin_system.declarations import Manifest
from core.plugin_system.gate import is_on
from core.plugin_system.models import InstalledPlugin, PluginSwitch
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


def test_a_department_returns_to_what_is_above(
    running_app: Flask, world: World, sign_in: Callable[..., StaffClient], module: str
) -> None:
    client = sign_in("admin")
    region, city = world.departments["region"], world.departments["city"]

    def switch(department: int, to: str) -> None:
        answer = client.post(
            "/admin/modules/switch/", data={"module": module, "department": department, "to": to}
        )
        assert answer.status_code == 302

    link = rf"preview/\?module={module}&amp;department={city}&amp;to=inherit"
    switch(region, "on")
    assert not re.search(link, client.get(f"/admin/modules/?department={city}").text)
    switch(city, "off")
    assert not on(running_app, module, city)
    page = client.get(f"/admin/modules/?department={city}").text
    assert re.search(link, page)
    preview = client.get(f"/admin/modules/preview/?module={module}&department={city}&to=inherit").text
    assert 'name="to" value="inherit"' in preview
    switch(city, "inherit")
    assert on(running_app, module, city)
    switch(region, "off")
    assert not on(running_app, module, city)
    with running_app.app_context(), all_departments("a test"):
        rows = db.session.scalars(sa.select(PluginSwitch).where(PluginSwitch.slug == module)).all()
        assert [row.department_id for row in rows] == [region]


def test_returning_is_refused_where_another_module_needs_it(
    running_app: Flask, world: World, sign_in: Callable[..., StaffClient], module: str
) -> None:
    city = world.departments["city"]
    with running_app.app_context(), all_departments("a test"):
        switching.switch_on(module, city)
        switching.switch_on("needy", city)
        db.session.commit()
    client = sign_in("admin")
    data = {"module": module, "department": city, "to": "inherit"}
    answer = client.post("/admin/modules/switch/", data=data, follow_redirects=True)
    assert "Needy module" in answer.text
    assert on(running_app, module, city)


def test_the_list_counts_the_departments_below(
    running_app: Flask, world: World, sign_in: Callable[..., StaffClient], module: str
) -> None:
    with running_app.app_context(), all_departments("a test"):
        switching.switch_on(module, world.departments["city"])
        db.session.commit()
        below = db.session.scalar(sa.text("SELECT count(*) FROM department")) - 1
    client = sign_in("admin")
    client.post("/preferences/language", data={"locale": "en"})
    page = client.get("/admin/modules/").text
    counted = re.findall(r"on in (\d+) of the (\d+) departments below", page)
    assert any(0 < int(here) < below and int(total) == below for here, total in counted)


def test_the_health_page_tells_what_printing_lacks_in_both_languages(
    sign_in: Callable[..., StaffClient], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    del world
    problem = PdfStackProblem("for the log", "libpango-1.0-0", True, "library", "libpango-1.0.so.0")
    monkeypatch.setattr("core.admin.health.check_pdf_stack", lambda: [problem])
    client = sign_in("admin")
    pages = {}
    for language in ("en", "zh_Hans_CN"):
        client.post("/preferences/language", data={"locale": language})
        pages[language] = client.get("/admin/health/").text
        assert "apt-get install libpango-1.0-0" in pages[language]
        assert "for the log" not in pages[language]
    assert "no document can be printed" in pages["en"]
    assert "no document can be printed" not in pages["zh_Hans_CN"]


@pytest.fixture
def orphan(running_app: Flask, world: World) -> Iterator[str]:
    """What a plugin left behind whose package is gone."""
    del world
    with running_app.app_context(), all_departments("a test"):
        with db.engine.begin() as connection:
            for table in ("ghost_thing", "alembic_version_ghost"):
                connection.execute(sa.text(f"CREATE TABLE {table} (id INTEGER, version_num VARCHAR(32))"))
            connection.execute(sa.text("INSERT INTO ghost_thing VALUES (1, 'boo')"))
        db.session.add(InstalledPlugin(slug="ghost", version="2.0", tables=["ghost_thing"]))
        db.session.commit()
    yield "ghost"
    with running_app.app_context(), db.engine.begin() as connection:
        for table in ("ghost_thing", "alembic_version_ghost"):
            connection.execute(sa.text(f"DROP TABLE IF EXISTS {table}"))


def has_ghost(app: Flask) -> bool:
    with app.app_context():
        return sa.inspect(db.engine).has_table("ghost_thing")


def test_the_data_of_a_module_is_erased_once_its_slug_is_typed(
    running_app: Flask, sign_in: Callable[..., StaffClient], orphan: str
) -> None:
    client = sign_in("admin")
    address = f"/admin/modules/erase/?module={orphan}"
    assert f"/admin/modules/erase/?module={orphan}" in client.get("/admin/modules/").text
    page = client.get(address)
    assert page.status_code == 200
    assert "ghost_thing" in page.text
    wrong = client.post(address, data={"reason": "no longer used", "typed_slug": "gost"})
    assert wrong.status_code == 422
    assert 'value="no longer used"' in wrong.text
    assert client.post(address, data={"reason": "", "typed_slug": "ghost"}).status_code == 422
    assert has_ghost(running_app)
    done = client.post(address, data={"reason": "no longer used", "typed_slug": "ghost"})
    assert done.status_code == 303
    assert not has_ghost(running_app)
    (export,) = (Path(running_app.instance_path) / "erased").glob("ghost-*.zip")
    assert export.name in client.get("/admin/modules/").text
    export.unlink()
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(("user", "department"), [("engineer", None), ("nobody", None), ("admin", "city")])
def test_erasing_is_for_the_top_alone(
    running_app: Flask, sign_in: Callable[..., StaffClient], orphan: str, user: str, department: str | None
) -> None:
    client = sign_in(user, department)
    address = f"/admin/modules/erase/?module={orphan}"
    assert client.get(address).status_code == 403
    assert client.post(address, data={"reason": "a test", "typed_slug": orphan}).status_code == 403
    assert has_ghost(running_app)


def test_erasing_asks_for_the_password_again(
    running_app: Flask, sign_in: Callable[..., StaffClient], orphan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.admin.modules.is_fresh", lambda: False)
    client = sign_in("admin")
    answer = client.post(
        f"/admin/modules/erase/?module={orphan}", data={"reason": "a test", "typed_slug": orphan}
    )
    assert answer.status_code == 302
    assert "verify" in answer.location
    assert has_ghost(running_app)


def test_static_files_of_a_plugin(running_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = running_app.test_client()
    with running_app.test_request_context():
        address = asset("matrix.css", "contractors.static")
    assert re.fullmatch(r"/static/plugins/contractors/matrix\.css\?v=[0-9a-f]{10}", address)
    # No department needs to have the module on, and nobody is signed in.
    answer = client.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert "immutable" not in client.get(address.partition("?")[0]).headers["Cache-Control"]
    for wrong in (
        "contractors/plugin.py",
        "contractors/../plugin.py",
        "contractors/%2e%2e/plugin.py",
        "nobody/a.css",
    ):
        assert client.get(f"/static/plugins/{wrong}").status_code == 404
    state = current_runtime(running_app).plugins["contractors"]
    monkeypatch.setattr(state, "state", State.QUARANTINED)
    assert client.get(address).status_code == 404
