"""What holds for every request and every answer: limits, headers, cookies, request id, maintenance."""

from __future__ import annotations

import re
import secrets

from flask import Flask, Response, abort, current_app, g, request
from werkzeug.exceptions import BadRequest, ServiceUnavailable
from werkzeug.middleware.proxy_fix import ProxyFix

from core.admin.redirects import safe_path
from core.extensions import csrf

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(self), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STRICT_TRANSPORT_SECURITY = "max-age=31536000"

MAX_QUERY_BYTES = 8 * 1024
MAX_FORM_PARTS = 2000
MAX_FORM_FIELD_BYTES = 1024 * 1024
"""Largest total of the text fields of a form; files are limited by ``MAX_UPLOAD_MEGABYTES``."""
MAX_URL_BYTES = 4 * 1024

UPLOAD_LIMIT = "doorstep.upload_limit"
"""Under this name the application keeps the function that lets single pages take larger uploads."""
_ALWAYS_ANSWERED = frozenset({"static", "http_healthz", "http_favicon", "http_robots"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,40}")
_YEAR_SECONDS = 31_536_000


class Maintenance(ServiceUnavailable):
    """The installation is being maintained; every page answers 503 until it is over."""

    retry_after_seconds = 300

    def __init__(self) -> None:
        super().__init__(retry_after=self.retry_after_seconds)


def set_up_http(app: Flask) -> None:
    """Set the limits and cookies, refuse hostile requests, and put the headers on every answer."""
    _configure(app)
    hops = app.config["PROXY_HOPS"]
    if hops > 0:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.before_request(_name_request)
    app.before_request(_allow_uploads)
    app.before_request(_refuse_hostile_request)
    app.before_request(_refuse_during_maintenance)
    csrf.init_app(app)
    # Functions after a request run in reverse order: the headers go onto what the redirect check leaves.
    app.after_request(_add_headers)
    app.after_request(_keep_redirects_here)
    app.add_url_rule("/healthz", "http_healthz", _healthz)
    app.add_url_rule("/robots.txt", "http_robots", _robots)
    app.add_url_rule("/favicon.ico", "http_favicon", _favicon)


def _configure(app: Flask) -> None:
    https = bool(app.config["HTTPS"])
    hosts = app.config.get("TRUSTED_HOSTS")
    if isinstance(hosts, str):
        hosts = [host.strip() for host in hosts.split(",") if host.strip()]
    app.config.update(
        TRUSTED_HOSTS=hosts or None,
        MAX_CONTENT_LENGTH=app.config["MAX_UPLOAD_MEGABYTES"] * 1024 * 1024,
        MAX_FORM_PARTS=MAX_FORM_PARTS,
        MAX_FORM_MEMORY_SIZE=MAX_FORM_FIELD_BYTES,
        PREFERRED_URL_SCHEME="https" if https else "http",
        SESSION_COOKIE_NAME="doorstep_session",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_SECURE=https,
        REMEMBER_COOKIE_HTTPONLY=True,
        REMEMBER_COOKIE_SAMESITE="Lax",
        # A token lives as long as its session: a form left open over lunch can still be sent.
        WTF_CSRF_TIME_LIMIT=None,
    )


def request_id() -> str:
    """Return the id of this request: in the log, in the audit trail, and on error pages as the incident number."""
    found: str | None = g.get("request_id")
    if found is None:
        found = g.request_id = secrets.token_hex(6)
    return found


def _name_request() -> None:
    given = request.headers.get("X-Request-ID", "") if current_app.config["PROXY_HOPS"] > 0 else ""
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(6)


def _allow_uploads() -> None:
    """Raise the limit of this request where its page says so; what comes after this reads the form."""
    allow = current_app.extensions.get(UPLOAD_LIMIT)
    if allow is not None:
        allow()


def _refuse_hostile_request() -> None:
    if len(request.query_string) > MAX_QUERY_BYTES or len(request.path) > MAX_URL_BYTES:
        abort(414)
    if "\x00" in request.path or b"\x00" in request.query_string or b"%00" in request.query_string:
        raise _nul_byte()
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    if request.is_json:
        # PostgreSQL cannot store it in a text; a literal backslash before "u0000" is refused with it.
        if b"\\u0000" in request.get_data(cache=True):
            raise _nul_byte()
        try:
            request.get_json(silent=True)
        except RecursionError:
            # Thousands of brackets inside one another; the parser gives up with an error of its own.
            abort(400)
    elif any("\x00" in text for name, value in request.form.items(multi=True) for text in (name, value)):
        raise _nul_byte()


def _nul_byte() -> BadRequest:
    error = BadRequest()
    error.nul_byte = True  # type: ignore[attr-defined]
    return error


def _refuse_during_maintenance() -> None:
    if current_app.config["MAINTENANCE"] and request.endpoint not in _ALWAYS_ANSWERED:
        raise Maintenance()


def _add_headers(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        # Files that users brought are answered in a sandbox, which is stricter than the policy of pages.
        if not response.headers.get(name, "").startswith("sandbox;"):
            response.headers[name] = value
    if current_app.config["HTTPS"]:
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
    response.headers["X-Request-ID"] = request_id()
    if request.endpoint is not None and request.endpoint.endswith("static"):
        if request.args.get("v") and response.status_code in {200, 304}:
            response.headers["Cache-Control"] = f"public, max-age={_YEAR_SECONDS}, immutable"
    elif "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "private, no-cache"
    if request.endpoint == "security.logout":
        response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _keep_redirects_here(response: Response) -> Response:
    """Make every redirect a path on this site; one that leads elsewhere becomes an error page."""
    location = response.headers.get("Location")
    if location is None or not 300 <= response.status_code < 400:
        return response
    own = request.host_url.rstrip("/")
    path = safe_path(location[len(own) :] or "/" if location.startswith((f"{own}/", f"{own}?")) else location)
    if path is None:
        current_app.logger.error(
            "Request %s answered a redirect to another site; it was refused", request_id()
        )
        return current_app.make_response(current_app.handle_user_exception(BadRequest()))
    response.headers["Location"] = path
    return response


def _healthz() -> Response:
    """Answer a load balancer: the process serves. It says nothing of the data."""
    response = Response("ok\n", mimetype="text/plain")
    response.headers["Cache-Control"] = "no-store"
    return response


def _robots() -> Response:
    """Keep search engines out: nothing here is for them."""
    return Response("User-agent: *\nDisallow: /\n", mimetype="text/plain")


def _favicon() -> Response:
    return current_app.send_static_file("icons/favicon.ico")
