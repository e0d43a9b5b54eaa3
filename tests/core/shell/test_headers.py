"""What holds for every answer: headers, cookies, limits, redirects, maintenance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from core.admin.http import CONTENT_SECURITY_POLICY, MAX_QUERY_BYTES, SECURITY_HEADERS

ADDRESSES = (
    "/admin/",
    "/admin/search/",
    "/admin/search/suggestions?q=a",
    "/static/css/tokens.css",
    "/admin/static/admin/js/form.js",
    "/healthz",
    "/robots.txt",
    "/favicon.ico",
    "/nothing",
    "/admin/trouble/boom",
    "/admin/trouble/status/413",
    "/admin/trouble/go?to=https://evil.example/",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_carries_the_headers(client: FlaskClient, staff: dict[str, Any], address: str) -> None:
    response = client.get(address, **staff)
    for name, value in SECURITY_HEADERS.items():
        assert response.headers.getlist(name) == [value]
    assert response.headers["X-Request-ID"]
    assert "Strict-Transport-Security" not in response.headers


def test_the_policy_allows_nothing_inline_and_no_other_host() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY
    assert "*" not in CONTENT_SECURITY_POLICY


def test_https_adds_transport_security_and_secure_cookies(make_app: Callable[..., Flask]) -> None:
    app = make_app(HTTPS=True, WTF_CSRF_ENABLED=False)
    response = app.test_client().post(
        "/preferences/language",
        data={"locale": "en"},
        base_url="https://localhost",
        headers={"Referer": "https://localhost/"},
    )
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
    cookies = response.headers.getlist("Set-Cookie")
    assert cookies and all(
        "Secure" in cookie and "HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in cookies
    )


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(client: FlaskClient) -> None:
    client.post("/preferences/language", data={"locale": "en"})
    response = client.post("/preferences/appearance", data={"theme": "dark"})
    for cookie in response.headers.getlist("Set-Cookie"):
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie


def test_request_ids_differ_and_a_strangers_is_not_taken_over(client: FlaskClient) -> None:
    first = client.get("/healthz", headers={"X-Request-ID": "given-by-a-stranger"}).headers["X-Request-ID"]
    second = client.get("/healthz").headers["X-Request-ID"]
    assert len({first, second, "given-by-a-stranger"}) == 3


def test_a_proxys_request_id_is_taken_over_when_it_is_sound(make_app: Callable[..., Flask]) -> None:
    client = make_app(PROXY_HOPS=1).test_client()
    assert (
        client.get("/healthz", headers={"X-Request-ID": "abc-12345"}).headers["X-Request-ID"] == "abc-12345"
    )
    assert (
        client.get("/healthz", headers={"X-Request-ID": "<script>alert(1)"}).headers["X-Request-ID"]
        != "<script>alert(1)"
    )


def test_forwarded_headers_count_only_behind_a_proxy(make_app: Callable[..., Flask]) -> None:
    seen: list[tuple[str, str]] = []

    def watch(app: Flask) -> FlaskClient:
        from flask import request

        app.before_request(lambda: seen.append((request.remote_addr or "", request.scheme)))
        return app.test_client()

    headers = {"X-Forwarded-For": "6.6.6.6, 10.0.0.1", "X-Forwarded-Proto": "https"}
    watch(make_app()).get("/healthz", headers=headers)
    assert seen.pop() == ("127.0.0.1", "http")


def test_the_last_hop_names_the_client(make_app: Callable[..., Flask]) -> None:
    from flask import request

    app = make_app(PROXY_HOPS=1)
    seen: list[str] = []
    app.before_request(lambda: seen.append(request.remote_addr or ""))
    app.test_client().get("/healthz", headers={"X-Forwarded-For": "6.6.6.6, 10.0.0.1"})
    assert seen == ["10.0.0.1"]


def test_only_trusted_hosts_are_answered(make_app: Callable[..., Flask]) -> None:
    client = make_app(TRUSTED_HOSTS="crm.example.cn, .intern.example.cn").test_client()
    assert client.get("/healthz", base_url="http://crm.example.cn").status_code == 200
    assert client.get("/healthz", base_url="http://a.intern.example.cn").status_code == 200
    refused = client.get("/healthz", base_url="http://evil.example")
    assert refused.status_code == 400
    assert "evil.example" not in refused.text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/admin/search/?q=a%00b", 400),
        ("/admin/%00", 400),
        ("/admin/search/?q=" + "a" * MAX_QUERY_BYTES, 414),
        ("/admin/" + "a" * 5000, 414),
    ],
)
def test_hostile_addresses_are_refused(
    client: FlaskClient, staff: dict[str, Any], address: str, status: int
) -> None:
    assert client.get(address, **staff).status_code == status


def test_nul_bytes_in_forms_and_json_are_refused(client: FlaskClient) -> None:
    address = "/admin/trouble/form"
    assert client.post(address, data={"name": "a\x00b"}).status_code == 400
    assert client.post(address, data={"na\x00me": "a"}).status_code == 400
    assert client.post(address, json={"name": "a\x00b"}).status_code == 400
    assert client.post(address, data={"name": "张伟"}).text == "taken"
    assert client.post(address, json={"name": "张伟"}).text == "taken"


def test_bodies_and_forms_have_a_limit(make_app: Callable[..., Flask]) -> None:
    client = make_app(MAX_UPLOAD_MEGABYTES=1, WTF_CSRF_ENABLED=False).test_client()
    assert client.post("/admin/trouble/form", data=b"x" * 1_100_000).status_code == 413
    many = {f"field{number}": "x" for number in range(2100)}
    response = client.post("/admin/trouble/form", data=many, content_type="multipart/form-data")
    assert response.status_code == 413


OWN_PATHS = ("/admin/", "/admin/customers/?id=3&x=%2F", "http://localhost/admin/")
FOREIGN = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "http:evil.example",
    "http://localhost@evil.example/",
    "http://localhost.evil.example/",
    "javascript:alert(1)",
    "https:///evil.example",
    "/\tevil",
)


@pytest.mark.parametrize("target", OWN_PATHS)
def test_redirects_within_the_site_are_paths(client: FlaskClient, target: str) -> None:
    response = client.get("/admin/trouble/go", query_string={"to": target})
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/admin/")


@pytest.mark.parametrize("target", FOREIGN)
def test_no_redirect_leaves_the_site(client: FlaskClient, target: str) -> None:
    response = client.get("/admin/trouble/go", query_string={"to": target})
    location = response.headers.get("Location")
    assert location is None or (location.startswith("/") and not location.startswith(("//", "/\\")))
    assert response.status_code == 400 or location is not None


@pytest.mark.parametrize("target", FOREIGN)
def test_switches_come_back_to_this_site_only(client: FlaskClient, target: str) -> None:
    response = client.post("/preferences/language", data={"locale": "en", "next": target})
    assert response.headers["Location"] == "/admin/"


def test_maintenance_answers_every_page_and_keeps_health_and_assets(make_app: Callable[..., Flask]) -> None:
    client = make_app(MAINTENANCE=True).test_client()
    for address in ("/", "/admin/", "/nothing"):
        response = client.get(address)
        assert response.status_code == 503
        assert response.headers["Retry-After"]
    assert "being maintained" in client.get("/admin/", headers={"Accept-Language": "en"}).text
    assert client.get("/healthz").status_code == 200
    assert client.get("/static/css/tokens.css").status_code == 200


def test_health_says_nothing_of_the_data(client: FlaskClient) -> None:
    response = client.get("/healthz")
    assert response.text == "ok\n"
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers


def test_assets_are_kept_for_good_only_with_the_mark_of_their_content(app: Flask) -> None:
    from core.admin.shell import asset

    with app.test_request_context():
        address = asset("css/tokens.css")
    client = app.test_client()
    assert "immutable" in client.get(address).headers["Cache-Control"]
    assert "immutable" not in client.get("/static/css/tokens.css").headers["Cache-Control"]


def test_pages_are_not_kept_by_shared_caches(client: FlaskClient, staff: dict[str, Any]) -> None:
    assert client.get("/admin/", **staff).headers["Cache-Control"] == "private, no-cache"
