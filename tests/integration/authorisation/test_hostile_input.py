"""No address and no body, however odd, makes the site fail or write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from werkzeug.routing import Rule as Route

from tests import turns
from tests.integration.authorisation.attempts import attempts
from tests.integration.authorisation.matrix import routes_of
from tests.integration.authorisation.oracle import ACTORS
from tests.integration.authorisation.scene import Scene

KEEPER = next(actor for actor in ACTORS if actor.name == "keeper")

KEYS = (
    "abc",
    "1,5",
    "1.5",
    "-1",
    "0",
    "1" + "0" * 20,
    "%00",
    "%EF%BC%91",
    "1%00",
    "1&id=5",
    "%27%20OR%201=1--",
    "",
    "%F0%9F%8F%A0",
    "%ED%A0%80",
    "%FF",
)
QUERIES = (
    "page=1" + "0" * 20,
    "page=-1",
    "page=abc",
    "page=%00",
    "size=-1",
    "size=1" + "0" * 20,
    "after=1" + "0" * 20,
    "before=-1",
    "sort=password",
    "sort=%00&desc=%00",
    "search=%00",
    "search=%25%5F%5C",
    "search=%27%22%3B--",
    "search=" + "+".join(["ab"] * 3000),
    "search=" + "%F0%9F%8F%A0" * 40,
    "search=%ED%A0%80",
    "q=%22%22%22",
    "q=" + "%28" * 500,
    "q=-&q=%2A",
    "q=NEAR%28a%20b%29",
    "f_id=1&f_id=2",
    "f_created_at_from=0000-00-00",
    "f_created_at_from=9999-99-99",
    "f_price_from=NaN&f_price_to=Infinity",
    "f_floor_from=1e400",
    "f_project_id=1" + "0" * 20,
    "f_project_id=abc",
    "unknown[]=1&[$ne]=1",
    "url=//evil.example",
    "name=" + "x" * 5000,
    "limit=-1&offset=1" + "0" * 18,
    "ticket=%00",
    "ticket=eyJ",
    "export_type=../../etc/passwd",
    "kind=%00&id=1",
    "code=%00",
    "component=../x&department=-1",
    "before=1" + "0" * 18,
    "only=%27",
    "_method=DELETE",
    "=&&==&",
    "a" * 9000 + "=1",
)
HEADERS: tuple[dict[str, str], ...] = (
    {"Accept-Language": "zz-ZZ,*;q=9999999", "Accept": "a/b;q=x"},
    {"X-Request-ID": "x" * 9000, "Referer": "http:///\\", "Range": "bytes=-1"},
    {"If-None-Match": 'W/"' + "x" * 5000, "If-Modified-Since": "not a date", "Cookie": "theme=" + "y" * 4000},
    {"Content-Type": "application/json", "Content-Length": "0"},
)
BODIES: tuple[tuple[bytes, str], ...] = (
    (b'{"broken": ', "application/json"),
    (b'"\\u0000"', "application/json"),
    (b"[" * 5000, "application/json"),
    (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nnever closed',
        "multipart/form-data; boundary=x",
    ),
    (b"no boundary", "multipart/form-data"),
    (b"id=1%00&name=%00", "application/x-www-form-urlencoded"),
    (b"id=%ED%A0%80&name=%FF%FE&row_version=%F0%9F", "application/x-www-form-urlencoded"),
    (b"&".join(b"f%d=1" % number for number in range(3000)), "application/x-www-form-urlencoded"),
    (b"\x00\x01\x02", "application/octet-stream"),
    (b"<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><x>&y;</x>", "text/xml"),
    (b"", "text/plain; charset=no-such-charset"),
)


THOROUGH = (
    "units",
    "customers",
    "handover_defects",
    "search",
    "timeline",
    "imports",
    "contractors_matrix",
    "verification",
)
"""Views and blueprints of which one in each run meets everything that is hostile. The others, which run the same code,
meet a part of it every time, another one in each run; ``DOORSTEP_MATRIX=full`` leaves nothing out."""
SHARES = 4
"""Each share of the routes is a test, so that all processors are busy with them."""


def _is_thorough(route: Route) -> bool:
    return turns.FULL or route.endpoint.partition(".")[0] == THOROUGH[turns.turn() % len(THOROUGH)]


def _has_its_turn(scene: Scene, route: Route) -> bool:
    """Return whether a route is tried in this run: on the second database every other one."""
    return turns.FULL or not scene.on_postgresql or _is_thorough(route) or turns.is_due(2, route.endpoint)


def _due(hostile: Sequence[Any], scene: Scene, route: Route, place: int, shares: int) -> Sequence[Any]:
    """Return what a route meets in this run: everything, or one of so many shares, and another on each database."""
    if _is_thorough(route):
        return hostile
    return hostile[(turns.turn() + place + scene.on_postgresql * shares // 2) % shares :: shares]


def _addresses(scene: Scene, route: Route, base: str, place: int) -> Iterator[str]:
    path, _mark, query = base.partition("?")
    for hostile in _due(QUERIES, scene, route, place, len(QUERIES)):
        yield f"{path}?{query}&{hostile}" if query else f"{path}?{hostile}"
    for key in _due(KEYS, scene, route, place, len(KEYS)):
        yield f"{path}?id={key}"
        if route.arguments:
            yield "/".join(key if part.isdigit() else part for part in path.split("/"))


def _take_back(scene: Scene) -> list[Any]:
    with scene.app.app_context():
        changes = scene.ledger.changes()
        scene.ledger.undo(changes)
    return changes


@pytest.mark.parametrize("number", range(SHARES))
def test_no_address_makes_a_page_fail_or_write(scene: Scene, number: int) -> None:
    """Every GET route with odd keys, odd filters, odd searches, odd headers: never 500, never a write."""
    wrong, tried = [], 0
    for place, (route, method) in enumerate(routes_of(scene, share=(number, SHARES))):
        if method != "GET" or not _has_its_turn(scene, route):
            continue
        base = attempts(scene, route, method, KEEPER, "own")[0].address
        requests: list[tuple[str, dict[str, str]]] = [
            (address, {}) for address in _addresses(scene, route, base, place)
        ]
        requests += [(base, headers) for headers in _due(HEADERS, scene, route, place, len(HEADERS))]
        for address, headers in requests:
            answer = scene.send(KEEPER, "GET", address, headers=headers)
            tried += 1
            if answer.status_code >= 500 or scene.ledger.statements:
                wrong.append(f"{route.endpoint} {address[:120]} {headers}: {answer.status_code}")
    assert wrong == [], turns.told()
    assert tried >= 400 // SHARES


def test_no_body_makes_a_form_fail(scene: Scene) -> None:
    """Every POST route with broken bodies of every content type: never 500."""
    wrong, tried = [], 0
    for place, (route, method) in enumerate(routes_of(scene)):
        if method == "GET" or not _has_its_turn(scene, route):
            continue
        address = attempts(scene, route, method, KEEPER, "own")[0].address
        for content, kind in _due(BODIES, scene, route, place, len(BODIES)):
            answer = scene.send(KEEPER, method, address, data=content, content_type=kind)
            tried += 1
            _take_back(scene)
            if answer.status_code >= 500:
                wrong.append(f"{route.endpoint} {kind} {content[:30]!r}: {answer.status_code}")
    assert wrong == [], turns.told()
    assert tried >= 100
