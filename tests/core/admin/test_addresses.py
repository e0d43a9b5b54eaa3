"""Remembered addresses are those of url_for."""

from __future__ import annotations

import pytest
from flask import Flask, url_for

from core.admin.addresses import address_of


def _answer(kind: str = "") -> str:
    return kind


@pytest.fixture()
def app() -> Flask:
    app = Flask(__name__)
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
