"""A browser reduced to what a benchmark needs: one kept connection, cookies, forms, and a clock."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

FormFields = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    """What is sent: a path with its query, and form fields when it is a POST.

    Attributes:
        path: path and query.
        fields: form fields; their presence makes it a POST.
        headers: further headers.
        leads_on: whether a redirect belongs to the answer, so that it is followed and its time counts too.
    """

    path: str
    fields: FormFields | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    leads_on: bool = False


@dataclass(frozen=True)
class Response:
    """What came back; `seconds` from the first byte sent to the last byte received."""

    status: int
    body: bytes
    location: str
    seconds: float

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


class Client:
    """One signed-in visitor of one server on the loopback address."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=900)
        self._cookies: dict[str, str] = {}

    def send(self, request: Request) -> Response:
        """Sends a request once and reads the whole answer; a redirect is followed only if the request says so.

        A connection that the server has closed in the meantime is opened again before the clock starts.
        """
        if self._connection.sock is None or _closed_by_server(self._connection):
            self._connection.close()
            self._connection.connect()
        headers = dict(request.headers)
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        body = None
        if request.fields is not None:
            body = urlencode(
                list(request.fields.items()) if isinstance(request.fields, Mapping) else list(request.fields)
            )
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        started = time.perf_counter()
        self._connection.request("POST" if body is not None else "GET", request.path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        seconds = time.perf_counter() - started
        for header in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                self._cookies[name] = morsel.value
        location = answer.headers.get("Location", "")
        if location:
            parts = urlsplit(urljoin(request.path, location))
            location = parts.path + (f"?{parts.query}" if parts.query else "")
        if request.leads_on and location and answer.status == 303:
            target = self.send(Request(location))
            return replace(target, seconds=seconds + target.seconds)
        return Response(answer.status, content, location, seconds)

    def get(self, path: str) -> Response:
        """Sends a GET and follows up to five redirects."""
        response = self.send(Request(path))
        for _ in range(5):
            if response.status not in (301, 302, 303, 307, 308):
                break
            response = self.send(Request(response.location))
        return response

    def fresh_connection(self) -> None:
        """Drops the connection, so that the next request may meet another worker."""
        self._connection.close()

    def close(self) -> None:
        """Ends the visit."""
        self._connection.close()


def _closed_by_server(connection: http.client.HTTPConnection) -> bool:
    connection.sock.setblocking(False)
    try:
        return connection.sock.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.sock.setblocking(True)
        connection.sock.settimeout(connection.timeout)


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[list[tuple[str, str]]] = []
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._multiple = False
        self._textarea: str | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append([])
        elif not self.forms or "disabled" in values:
            return
        elif tag == "input" and values.get("name"):
            kind = values.get("type", "text")
            unchecked = kind in ("checkbox", "radio") and "checked" not in values
            if kind not in ("submit", "button", "image", "file", "reset") and not unchecked:
                self.forms[-1].append(
                    (values["name"], values.get("value", "on" if kind == "checkbox" else ""))
                )
        elif tag == "select" and values.get("name"):
            self._select, self._options, self._multiple = values["name"], [], "multiple" in values
        elif tag == "option" and self._select is not None:
            self._options.append((values.get("value", ""), "selected" in values))
        elif tag == "textarea" and values.get("name"):
            self._textarea, self._text = values["name"], []

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select is not None:
            chosen = [value for value, selected in self._options if selected]
            if not chosen and not self._multiple and self._options:
                chosen = [self._options[0][0]]
            self.forms[-1].extend((self._select, value) for value in chosen)
            self._select = None
        elif tag == "textarea" and self._textarea is not None:
            self.forms[-1].append((self._textarea, "".join(self._text).removeprefix("\n")))
            self._textarea = None


def read_form(page: str, having: str) -> list[tuple[str, str]]:
    """The fields of the form that has a field of this name, with their values as the page was sent.

    Raises:
        LookupError: when no form of the page has such a field.
    """
    parser = _FormParser()
    parser.feed(page)
    for form in parser.forms:
        if any(name == having for name, _ in form):
            return form
    raise LookupError(f"No form with the field {having!r} is on the page.")


def with_value(fields: Sequence[tuple[str, str]], name: str, value: str) -> list[tuple[str, str]]:
    """The fields with the value of one of them replaced."""
    return [(key, value if key == name else old) for key, old in fields]
