"""Settings: inheritance down the tree, bounds, reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from flask import Flask

from core.people import settings
from core.people.settings import SettingRefused, UnknownSetting, setting
from core.plugin_system.declarations import Setting
from core.plugin_system.runtime import Declared, current_runtime
from core.testing import World

DECLARED = (
    Setting("days", 30, "Days", minimum=10, maximum=60, source="domain 3.3.4"),
    Setting("rate", Decimal("0.5"), "Rate", minimum=Decimal("0")),
    Setting("strict", False, "Strict"),
    Setting("mode", "a", "Mode", choices=(("a", "A"), ("b", "B"))),
    Setting("note", "hello", "Note"),
)


@pytest.fixture(autouse=True)
def declared(running_app: Flask) -> Iterator[None]:
    runtime = current_runtime(running_app)
    before = runtime.declared
    runtime.declared = Declared({"core": {"settings": DECLARED}}, lambda _slug: True)
    yield
    runtime.declared = before


def test_the_default_counts_until_somebody_sets_a_value(world: World, scope_of: Callable) -> None:
    with scope_of("engineer"):
        assert setting("core", "days") == 30
        assert setting("core", "rate") == Decimal("0.5")
        with pytest.raises(UnknownSetting):
            setting("core", "nothing")


def test_departments_below_inherit_until_they_set_their_own(world: World, scope_of: Callable) -> None:
    with scope_of("admin"):
        settings.set_setting("core", "days", "20", world.department("city"))
        assert setting("core", "days", world.departments["group"]) == 20
        assert setting("core", "days", world.departments["region"]) == 30
        assert setting("core", "days", world.departments["other_group"]) == 30
        settings.set_setting("core", "days", 40, world.department("group"))
        assert setting("core", "days", world.departments["group"]) == 40
        assert setting("core", "days", world.departments["sibling_group"]) == 20
        state = settings.states_of("core", world.department("group"))[0]
        assert (state.value, state.own, state.inherited_value) == (40, True, 20)
        assert state.inherited_from is not None
        assert state.inherited_from.id == world.departments["city"]
        settings.clear_setting("core", "days", world.department("group"))
        assert setting("core", "days", world.departments["group"]) == 20


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("days", " 45 ", 45),
        ("rate", "2.25", Decimal("2.25")),
        ("strict", "1", True),
        ("strict", "0", False),
        ("mode", "b", "b"),
        ("note", " text ", "text"),
    ],
)
def test_what_is_typed_is_kept_in_its_type(
    key: str, typed: str, value: object, world: World, scope_of: Callable
) -> None:
    with scope_of("admin"):
        settings.set_setting("core", key, typed, world.department("region"))
        found = setting("core", key)
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("days", "9"),
        ("days", "61"),
        ("days", "ten"),
        ("days", "2.5"),
        ("days", ""),
        ("rate", "-0.1"),
        ("rate", "NaN"),
        ("rate", "Infinity"),
        ("rate", "x"),
        ("strict", "perhaps"),
        ("mode", "c"),
        ("note", "x" * 501),
    ],
)
def test_values_out_of_bounds_are_refused(key: str, typed: str, world: World, scope_of: Callable) -> None:
    with scope_of("admin"):
        with pytest.raises(SettingRefused):
            settings.set_setting("core", key, typed, world.department("region"))
        assert not settings.states_of("core", world.department("region"))[0].own


def test_only_the_own_branch_is_configured(world: World, scope_of: Callable) -> None:
    with scope_of("admin", "city"):
        for name in ("region", "other_city", "other_group"):
            with pytest.raises(SettingRefused):
                settings.set_setting("core", "days", 20, world.department(name))
            with pytest.raises(SettingRefused):
                settings.clear_setting("core", "days", world.department(name))


def test_a_value_that_a_newer_version_forbids_falls_back(
    world: World, scope_of: Callable, running_app: Flask
) -> None:
    with scope_of("admin"):
        settings.set_setting("core", "days", 60, world.department("region"))
        current_runtime().declared = Declared(
            {"core": {"settings": (Setting("days", 30, "Days", maximum=50),)}}, lambda _slug: True
        )
        assert setting("core", "days") == 30


def test_the_page_shows_saves_and_keeps_what_is_wrong(
    world: World, sign_in: Callable, system: Callable
) -> None:
    client = sign_in("admin")
    city = world.departments["city"]
    address = f"/admin/settings/?component=core&department={city}"
    page = client.get(address)
    assert page.status_code == 200
    assert "domain 3.3.4" in page.text
    bad = client.post(address, data={"own-days": "1", "value-days": "7"})
    assert bad.status_code == 200
    assert 'value="7"' in bad.text
    assert client.post(address, data={"own-days": "1", "value-days": "25"}).status_code == 303
    with system():
        assert setting("core", "days", world.departments["group"]) == 25
    client.post(address, data={})
    with system():
        assert setting("core", "days", world.departments["group"]) == 30
    assert client.get("/admin/settings/?component=nothing").status_code == 404
    assert client.get("/admin/settings/?department=999999").status_code == 404
    assert sign_in("admin", "group").get(address).status_code == 404
    assert sign_in("engineer").get("/admin/settings/").status_code == 403
