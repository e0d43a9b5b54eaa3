"""Error pages: a number, words, a next step; never SQL or values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.core.shell.conftest import CANARY

CODES = (400, 401, 403, 404, 405, 409, 413, 414, 415, 418, 429, 500, 502, 503)


@pytest.mark.parametrize("code", CODES)
def test_every_error_says_what_happened_and_what_to_do(
    client: FlaskClient, staff: dict[str, Any], code: int
) -> None:
    for arguments in (staff, {}):
        response = client.get(f"/admin/trouble/status/{code}", **arguments)
        assert response.status_code == code
        assert response.headers["Cache-Control"] == "no-store"
        incident = response.headers["X-Request-ID"]
        assert f"Incident {incident}" in response.text
        assert response.text.count("<h1>") == 1


def test_the_shell_stays_around_errors_of_signed_in_staff(client: FlaskClient, staff: dict[str, Any]) -> None:
    assert 'class="side"' in client.get("/admin/nothing", **staff).text
    assert 'class="side"' not in client.get("/admin/nothing").text
    assert 'class="side"' not in client.get("/nothing", **staff).text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("boom", 500),
        ("database/stale", 409),
        ("database/integrity", 409),
        ("database/locked", 503),
    ],
)
def test_neither_statements_nor_values_reach_the_page(
    client: FlaskClient, staff: dict[str, Any], address: str, status: int
) -> None:
    for accept in ("text/html", "application/json"):
        response = client.get(f"/admin/trouble/{address}", headers={**staff["headers"], "Accept": accept})
        assert response.status_code == status
        for secret in (CANARY, "SELECT", "INSERT", "UPDATE", "Traceback", "ValueError"):
            assert secret not in response.text


def test_the_incident_number_leads_to_the_traceback(
    client: FlaskClient, staff: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get("/admin/trouble/boom", **staff)
    assert response.headers["X-Request-ID"] in caplog.text
    assert "ValueError" in caplog.text


def test_json_is_answered_to_whom_asks_for_it(client: FlaskClient, staff: dict[str, Any]) -> None:
    response = client.get("/admin/nothing", headers={**staff["headers"], "Accept": "application/json"})
    assert response.is_json and response.json is not None
    error = response.json["error"]
    assert error["status"] == 404
    assert error["incident"] == response.headers["X-Request-ID"]
    assert error["title"] and error["message"] and error["next"]


def test_words_written_for_the_reader_are_shown(client: FlaskClient, staff: dict[str, Any]) -> None:
    text = client.get("/admin/trouble/conflict", **staff).text
    assert "The date is now 2026-11-20; you had 2026-11-18." in text


def test_allowed_methods_are_named(client: FlaskClient, staff: dict[str, Any]) -> None:
    response = client.delete("/admin/trouble/form", **staff)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_an_error_page_that_cannot_be_made_is_replaced_by_a_bare_one(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any, **_values: Any) -> str:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("core.admin.errors.render_template", fail)
    response = client.get("/nothing")
    assert response.status_code == 404
    assert response.headers["X-Request-ID"] in response.text
    assert CANARY not in response.text
    assert "编号" in response.text


class TestRefusedForm:
    """A form whose token no longer fits keeps what was typed."""

    @pytest.fixture
    def client(self, make_app: Callable[..., Flask]) -> FlaskClient:
        return make_app().test_client()

    ADDRESS = "/admin/trouble/form?page=2"

    def _post(self, client: FlaskClient, data: dict[str, Any], **headers: str) -> str:
        response = client.post(
            self.ADDRESS, data=data, headers={"X-User": "1", "Accept-Language": "en", **headers}
        )
        assert response.status_code == 400
        return response.text

    def test_it_can_be_sent_again_from_this_site(self, client: FlaskClient) -> None:
        text = self._post(client, {"note": "渗水 <b>"}, **{"Sec-Fetch-Site": "same-origin"})
        assert 'action="/admin/trouble/form?page=2"' in text
        assert "渗水 &lt;b&gt;" in text
        assert "Send it again" in text

    def test_it_cannot_be_sent_again_from_another_site(self, client: FlaskClient) -> None:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://localhost.evil.example"}, {}):
            text = self._post(client, {"note": "forged"}, **headers)
            assert "Send it again" not in text

    def test_secrets_are_not_shown(self, client: FlaskClient) -> None:
        secret = "correct horse battery"
        text = self._post(
            client,
            {
                "note": "x",
                "password": secret,
                "new_password_confirm": secret,
                "code": "123456",
                "csrf_token": "old",
            },
            **{"Sec-Fetch-Site": "same-origin"},
        )
        assert secret not in text
        assert "123456" not in text
        assert "Send it again" not in text
