"""A gateway for text messages on the loopback address, for tests and for trying out: it sends nothing."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar

import urllib3

from core.machinery.messages.channels import SIGNATURE, is_signed, signature_of


@dataclass
class TakenMessage:
    """A message that the gateway has taken.

    Attributes:
        key: The idempotency key under which it came.
        id: The number that the gateway gave it.
        to: Telephone number.
        text: The words.
        callback: Where a report goes.
        times: How often it was handed over.
        status: ``taken``, ``delivered`` or ``failed``.
    """

    key: str
    id: str
    to: str
    text: str
    callback: str
    times: int = 1
    status: str = "taken"


@dataclass
class FakeSmsGateway:
    """``with FakeSmsGateway(secret) as gateway:`` serves on a free port of 127.0.0.1.

    Attributes:
        secret: ``SMS_GATEWAY_SECRET`` of the installation under test.
        behaviour: What it does with messages: ``take``, ``refuse`` (400), ``busy`` (503), ``break`` (takes one and
            answers 500), or ``hang`` (takes one and closes the connection without an answer).
        taken: The messages by key.
        on_message: Called with each new message, for the command line.
    """

    secret: str
    port: int = 0
    behaviour: str = "take"
    taken: dict[str, TakenMessage] = field(default_factory=dict)
    on_message: Any = None

    def __post_init__(self) -> None:
        gateway = self

        class Handler(_Handler):
            held = gateway

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """The address for ``SMS_GATEWAY_URL``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/messages"

    def __enter__(self) -> FakeSmsGateway:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def report(self, key: str, status: str = "delivered", **content: Any) -> tuple[dict[str, str], bytes]:
        """Return headers and body of a signed report on a message, as the gateway would post it to its callback."""
        self.taken[key].status = status
        body = json.dumps({"key": key, "id": self.taken[key].id, "status": status, **content}).encode()
        return {
            "Content-Type": "application/json",
            SIGNATURE: signature_of(self.secret, int(time.time()), body),
        }, body

    def post_report(self, key: str, status: str = "delivered") -> int:
        """Post a report to the callback of a message; return the status of the answer."""
        headers, body = self.report(key, status)
        answer = urllib3.PoolManager().request("POST", self.taken[key].callback, body=body, headers=headers)
        return int(answer.status)


class _Handler(BaseHTTPRequestHandler):
    held: ClassVar[FakeSmsGateway]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        gateway = self.held
        if not is_signed(gateway.secret, self.headers.get(SIGNATURE, ""), body):
            self._answer(403, {"error": "signature"})
            return
        if gateway.behaviour in ("refuse", "busy"):
            self._answer(400 if gateway.behaviour == "refuse" else 503, {"error": gateway.behaviour})
            return
        content = json.loads(body)
        known = gateway.taken.get(content["key"])
        if known is None:
            known = gateway.taken[content["key"]] = TakenMessage(
                content["key"],
                f"SMS-{len(gateway.taken) + 1:06d}",
                content["to"],
                content["text"],
                content["callback"],
            )
            if gateway.on_message is not None:
                gateway.on_message(known)
        else:
            known.times += 1
        if gateway.behaviour == "break":
            self._answer(500, {"error": "after taking it"})
        elif gateway.behaviour == "hang":
            self.close_connection = True
            self.connection.close()
        else:
            self._answer(202, {"id": known.id, "status": known.status})

    def do_GET(self) -> None:
        key = self.path.rpartition("/")[2]
        if not is_signed(self.held.secret, self.headers.get(SIGNATURE, ""), key.encode()):
            self._answer(403, {"error": "signature"})
            return
        known = self.held.taken.get(key)
        if known is None:
            self._answer(404, {"error": "unknown"})
        else:
            self._answer(200, {"id": known.id, "status": known.status})

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing on the error stream."""
