"""Error pages: what happened, what to do next, and the number under which the log knows it. Never SQL or values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, jsonify, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_limiter.errors import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from markupsafe import escape
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.datastructures import Headers
from werkzeug.exceptions import (
    BadRequest,
    BadRequestKeyError,
    ClientDisconnected,
    Conflict,
    HTTPException,
    InternalServerError,
    SecurityError,
    ServiceUnavailable,
)

from core.admin.http import Maintenance, request_id
from core.extensions import db
from core.people.request_scope import current_standing
from core.plugin_system.dispatch import PluginFailed


@dataclass(frozen=True)
class Explanation:
    """The words of one kind of error.

    Attributes:
        title: The heading.
        what: What happened, a full sentence.
        next_step: What the reader can do now, a full sentence.
    """

    title: Any
    what: Any
    next_step: Any


_TELL = _l("If it happens again, tell your administrator the incident number below.")

EXPLANATIONS: dict[int, Explanation] = {
    400: Explanation(
        _l("The request could not be read"),
        _l("The address or the form that was sent is not complete, or is not one of this site."),
        _l("Go back, load the page again and repeat the step."),
    ),
    401: Explanation(
        _l("Please sign in"),
        _l("This page is for signed-in staff."),
        _l("Sign in and open the page again."),
    ),
    403: Explanation(
        _l("You may not do this here"),
        _l("Your roles in the acting department do not include the permission that this page needs."),
        _l(
            "Switch to another department in the bar above, or ask the head of your department for the permission."
        ),
    ),
    404: Explanation(
        _l("Nothing was found at this address"),
        _l(
            "The page or the record does not exist, belongs to another department, or its module is switched off here."
        ),
        _l("Search for it by name, telephone or unit, or switch to the department that it belongs to."),
    ),
    405: Explanation(
        _l("This address cannot be opened like that"),
        _l("The address belongs to a button or a form, not to a page."),
        _l("Open the page that the button is on and press it there."),
    ),
    409: Explanation(
        _l("Someone else was faster"),
        _l("What you wanted to save no longer fits what is stored: it was changed or is in use elsewhere."),
        _l("Go back, load the page again, look at what changed and repeat your change."),
    ),
    413: Explanation(
        _l("The upload is too large"),
        _l("What was sent is larger than this site accepts in one go."),
        _l("Send fewer or smaller files at a time."),
    ),
    414: Explanation(
        _l("The address is too long"),
        _l("The address holds more filters or text than this site accepts."),
        _l("Start from the list and set fewer filters."),
    ),
    429: Explanation(
        _l("Too many attempts"),
        _l("This was asked for too often in a short time."),
        _l("Wait a few minutes and try again."),
    ),
    500: Explanation(
        _l("Something went wrong on our side"),
        _l("The page could not be made. Nothing of this step was saved."),
        _l("Go back and try again. What you typed is still in the form when you go back."),
    ),
    503: Explanation(
        _l("Busy at the moment"),
        _l("The site cannot answer right now. Nothing of this step was saved."),
        _l("Wait a moment and try again."),
    ),
}
_OTHER_CLIENT_ERROR = EXPLANATIONS[400]
_OTHER_SERVER_ERROR = EXPLANATIONS[500]

# Their descriptions are the library's or echo the request; ours are sentences that were written for the reader.
_UNREADABLE = (
    SecurityError,
    BadRequestKeyError,
    ClientDisconnected,
    RateLimitExceeded,
    CSRFError,
    Maintenance,
)
_PASSED_ON_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")
_SECRET_FIELD = re.compile(r"pass(word|code)?|secret|token|^code$|^otp$|_code$", re.IGNORECASE)


def set_up_error_pages(app: Flask) -> None:
    """Answer every error with a page of the back office or of the site, or with JSON to whom asks for it."""
    app.register_error_handler(HTTPException, _handle)
    app.register_error_handler(PluginFailed, _handle_plugin)
    app.register_error_handler(StaleDataError, _handle_conflict)
    app.register_error_handler(IntegrityError, _handle_conflict)
    app.register_error_handler(DataError, _handle_data)
    app.register_error_handler(OperationalError, _handle_unavailable)


def _handle_conflict(error: Exception) -> Response:
    return _handle(_logged(error, Conflict()))


def _handle_data(error: Exception) -> Response:
    return _handle(_logged(error, BadRequest()))


def _handle_unavailable(error: Exception) -> Response:
    return _handle(_logged(error, ServiceUnavailable(retry_after=10)))


def _handle_plugin(error: PluginFailed) -> Response:
    current_app.logger.error("Incident %s: plugin %s failed in %s", error.incident, error.slug, error.what)
    return _handle(InternalServerError(str(error)))


def _logged(cause: Exception, error: HTTPException) -> HTTPException:
    current_app.logger.error(
        "Incident %s on %s %s", request_id(), request.method, request.endpoint, exc_info=cause
    )
    return error


def _handle(error: HTTPException) -> Response:
    if error.response is not None:
        return current_app.make_response(error.response)
    code = error.code or 500
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        # Flask has logged the traceback; this line ties it to the number that the user sees.
        current_app.logger.error("Incident %s on %s %s", request_id(), request.method, request.endpoint)
    _roll_back()
    headers = {name: value for name, value in error.get_headers() if name in _PASSED_ON_HEADERS}
    response = _answer(error, code)
    response.status_code = code
    response.headers.update(headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def _roll_back() -> None:
    try:
        db.session.rollback()
    except Exception:
        current_app.logger.exception("Incident %s: the transaction could not be rolled back", request_id())


def _answer(error: HTTPException, code: int) -> Response:
    try:
        if _wants_json():
            return _as_json(error, code)
        return current_app.make_response(_as_page(error, code))
    except Exception:
        current_app.logger.exception("Incident %s: its page could not be made", request_id())
        return _bare_page(code)


def _explain(error: HTTPException, code: int) -> Explanation:
    known = EXPLANATIONS.get(code) or (_OTHER_SERVER_ERROR if code >= 500 else _OTHER_CLIENT_ERROR)
    if isinstance(error, CSRFError):
        return Explanation(
            _l("The form was open for too long"),
            _l("Its protection against forged requests no longer fits your session, so nothing was saved."),
            _l("Check what you typed below and send it again."),
        )
    if getattr(error, "nul_byte", False):
        return Explanation(
            known.title,
            _l("The request holds a character that no text can contain."),
            _l("Type the text again instead of pasting it."),
        )
    own_words = error.description
    if own_words and own_words != type(error).description and not isinstance(error, _UNREADABLE):
        return Explanation(known.title, own_words, known.next_step)
    return known


def _wants_json() -> bool:
    accepted = request.accept_mimetypes
    return bool(accepted["application/json"] > accepted["text/html"])


def _as_json(error: HTTPException, code: int) -> Response:
    words = _explain(error, code)
    return jsonify(
        error={
            "status": code,
            "title": str(words.title),
            "message": str(words.what),
            "next": str(words.next_step),
            "incident": request_id(),
        }
    )


def _as_page(error: HTTPException, code: int) -> str:
    if isinstance(error, Maintenance):
        return render_template("site/maintenance.html")
    words = _explain(error, code)
    values: dict[str, Any] = {
        "code": code,
        "title": words.title,
        "what": words.what,
        "next_step": words.next_step,
        "tell": _TELL if code >= 500 else None,
        "incident": request_id(),
        "typed": _typed() if isinstance(error, CSRFError) else None,
    }
    in_back_office = request.path.startswith("/admin") and current_standing() is not None
    # After a server error the shell's own queries may fail as well.
    if in_back_office and code < 500 and not isinstance(error, SecurityError):
        return render_template("admin/error.html", **values)
    return render_template("site/error.html", **values)


@dataclass(frozen=True)
class Typed:
    """What was typed into a form whose token was refused.

    Attributes:
        action: Where the form goes.
        fields: Names and values, without secrets.
        may_resend: Whether it can be sent again as it is: it came from this site and holds no secret and no file.
    """

    action: str
    fields: tuple[tuple[str, str], ...]
    may_resend: bool


def _typed() -> Typed | None:
    names = [name for name in request.form if name != "csrf_token"]
    if not names:
        return None
    secret = any(_SECRET_FIELD.search(name) for name in names)
    fields = tuple(
        (name, value)
        for name in names
        if not _SECRET_FIELD.search(name)
        for value in request.form.getlist(name)
        if len(value) <= 20_000
    )
    action = request.full_path if request.query_string else request.path
    return Typed(action, fields, _came_from_here(request.headers) and not secret and not request.files)


def _came_from_here(headers: Headers) -> bool:
    # A forged form of another site must not become one that the user sends with a single press.
    fetch_site = headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site == "same-origin"
    origin = headers.get("Origin") or headers.get("Referer") or ""
    own = request.host_url.rstrip("/")
    return origin == own or origin.startswith(f"{own}/")


def _bare_page(code: int) -> Response:
    """Return a page that needs neither templates nor translations nor addresses."""
    incident = escape(request_id())
    return Response(
        '<!doctype html><html lang="zh-Hans"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{code}</title><h1>{code}</h1>"
        "<p>页面无法显示，请返回后重试；如再次出现，请把下面的编号告诉管理员。</p>"
        "<p>The page cannot be shown. Go back and try again; if it happens again, tell your administrator "
        "the number below.</p>"
        f"<p>{incident}</p></html>",
        mimetype="text/html",
    )


def sentence_for(error: Exception) -> str:
    """Return what to tell a user about an error that a view caught itself: a full sentence without SQL or values.

    Args:
        error: The caught error; it is logged under this request's incident number.
    """
    if isinstance(error, PluginFailed):
        return str(error)
    current_app.logger.error(
        "Incident %s on %s %s", request_id(), request.method, request.endpoint, exc_info=error
    )
    return _(
        "This could not be saved because of a fault on our side. "
        "Tell your administrator the incident number %(incident)s.",
        incident=request_id(),
    )
