"""The benchmark's browser: forms are sent back as the page had them, times include the whole answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.client import Client, Request, read_form, with_value

pytestmark = pytest.mark.no_database

PAGE = """
<form><input name="search" value="x"></form>
<form method="post">
  <input type="hidden" name="csrf_token" value="t&amp;t"><input name="email" value="a@example.com">
  <input type="checkbox" name="off"><input type="checkbox" name="on" checked>
  <input name="gone" value="1" disabled><input type="submit" name="go" value="Save">
  <select name="kind"><option value="person">P</option><option value="company" selected>C</option></select>
  <select name="first"><option value="one">1</option><option value="two">2</option></select>
  <textarea name="note">
two
lines</textarea>
</form>
"""


def test_a_form_is_read_as_a_browser_would_send_it() -> None:
    assert read_form(PAGE, having="email") == [
        ("csrf_token", "t&t"),
        ("email", "a@example.com"),
        ("on", "on"),
        ("kind", "company"),
        ("first", "one"),
        ("note", "two\nlines"),
    ]


def test_a_page_without_the_form_is_reported() -> None:
    with pytest.raises(LookupError, match="phone"):
        read_form(PAGE, having="phone")


def test_one_value_is_replaced() -> None:
    assert with_value([("a", "1"), ("b", "2")], "b", "3") == [("a", "1"), ("b", "3")]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/start":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1/end?x=1")
            self.send_header("Set-Cookie", "session=abc; Secure; HttpOnly; Path=/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", "5")
        if self.path == "/closing":
            self.send_header("Connection", "close")
        self.end_headers()
        if self.path == "/slow":
            time.sleep(0.15)
        self.wfile.write((self.headers.get("Cookie", "none!") + "     ").encode()[:5])

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_cookies_are_kept_and_redirects_followed_on_request(port: int) -> None:
    client = Client(port)
    answer = client.send(Request("/start"))
    assert (answer.status, answer.location) == (302, "/end?x=1")
    assert client.get("/start").text == "sessi"
    client.close()


def test_time_runs_to_the_last_byte(port: int) -> None:
    client = Client(port)
    assert client.send(Request("/slow")).seconds >= 0.15
    client.close()


def test_a_connection_closed_by_the_server_is_opened_again(port: int) -> None:
    client = Client(port)
    for _ in range(3):
        assert client.send(Request("/closing")).status == 200
    client.close()
