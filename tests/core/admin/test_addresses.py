"""Remembered addresses are those of url_for."""

from __future__ import annotations

import pytest
from flask import Flask, url_for
from werkzeug.routing import BuildError, Rule

from core.admin.addresses import LateRule, address_of


def _answer(kind: str = "") -> str:
    return kind


@pytest.fixture(params=[Rule, LateRule])
def app(request: pytest.FixtureRequest) -> Flask:
    app = Flask(__name__)
    app.url_rule_class = request.param
    for rule, endpoint in (
        ("/list/", "list"),
        ("/file/", "file"),
        ("/file/<kind>/", "file"),
        ("/post/", "post"),
    ):
        app.add_url_rule(rule, endpoint, _answer, methods=["POST"] if endpoint == "post" else ["GET"])
    return app


@pytest.mark.parametrize(
    ("endpoint", "arguments"),
    [
        ("list", {}),
        ("list", {"page": -1, "search": "王 芳&<“x”>/a?b=c+d%", "desc": None}),
        ("list", {"url": "/admin/customers/?page=2&sort=name", "": "x"}),
        ("file", {"kind": "csv", "ticket": "a.b_c-d"}),
        ("file", {"ticket": "x"}),
        ("post", {"id": 7}),
        ("list", {"_anchor": "here"}),
    ],
)
@pytest.mark.parametrize("mounted_at", ["", "/doorstep"])
def test_addresses_are_those_of_url_for(
    app: Flask, endpoint: str, arguments: dict[str, object], mounted_at: str
) -> None:
    with app.test_request_context("/list/", base_url=f"http://localhost{mounted_at}/"):
        for _ in range(2):
            assert address_of(endpoint, **arguments) == url_for(endpoint, **arguments)


def test_the_place_of_the_application_is_part_of_the_memory(app: Flask) -> None:
    found = []
    for place in ("", "/doorstep", ""):
        with app.test_request_context("/list/", base_url=f"http://localhost{place}/"):
            found.append(address_of("list"))
    assert found == ["/list/", "/doorstep/list/", "/list/"]


def test_late_rules_compose_what_the_usual_ones_do() -> None:
    found = []
    for rule_class in (Rule, LateRule):
        app = Flask(__name__)
        app.url_rule_class = rule_class
        app.add_url_rule("/a/<int(min=1):number>/<path:rest>/", "a", _answer, defaults={"kind": "x"})
        app.add_url_rule("/a/<int:number>/", "short", _answer)
        with app.test_request_context("/"):
            composed = [
                url_for("a", number=7, rest="b/c d", page=2, kind="x"),
                url_for("short", number=3, _anchor="x"),
                url_for("short", number=3, search=["a&b", "c"]),
            ]
            with pytest.raises(BuildError):
                url_for("short")
            found.append([*composed, app.url_map.bind("localhost").match("/a/7/b/c/")])
    assert found[0] == found[1]
