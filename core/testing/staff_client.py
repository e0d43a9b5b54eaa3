"""A test client that behaves like a browser with one page open: it sends the CSRF token by itself."""

from __future__ import annotations

import contextvars
import secrets
import time
from typing import Any

from flask import Flask, session
from flask.testing import FlaskClient
from flask_login import login_user
from itsdangerous import URLSafeTimedSerializer
from werkzeug.datastructures import Headers

from core.extensions import db
from core.people.models import User
from core.people.sign_in import current_totp_code

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class StaffClient(FlaskClient):
    """Each request runs as if no other context were open, so that nothing of the test's own context leaks into it.

    Attributes:
        sends_csrf: Whether unsafe requests carry a valid token when they bring none; False to test the protection.
    """

    sends_csrf = True

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request; see :meth:`werkzeug.test.Client.open`."""
        method = str(kwargs.get("method", "GET")).upper()
        if args and not isinstance(args[0], str):
            method = getattr(args[0], "method", method)
        elif self.sends_csrf and method not in _SAFE_METHODS:
            headers = Headers(kwargs.get("headers"))
            headers.setdefault("X-CSRFToken", csrf_token(self))
            kwargs["headers"] = headers
        return contextvars.Context().run(super().open, *args, **kwargs)

    def sign_in(self, user_id: int) -> None:
        """Start a session of a user as if password and second factor had just been given.

        Args:
            user_id: The account.
        """
        app: Flask = self.application
        values = contextvars.Context().run(_session_of, app, user_id, self.environ_base)
        with self.session_transaction() as held:
            held.clear()
            held.update(values)


def _session_of(app: Flask, user_id: int, environ_base: dict[str, Any]) -> dict[str, Any]:
    with app.test_request_context(environ_base=environ_base):
        login_user(db.session.get_one(User, user_id))
        session["fs_paa"] = time.time()
        return dict(session)


def csrf_token(client: FlaskClient) -> str:
    """Return a valid CSRF token of the client's session, as a page would carry it in its forms."""
    with client.session_transaction() as held:
        raw = held.setdefault("csrf_token", secrets.token_hex(20))
    serializer = URLSafeTimedSerializer(client.application.config["SECRET_KEY"], salt="wtf-csrf-token")
    return str(serializer.dumps(raw))


def totp_code(app: Flask, user_id: int) -> str:
    """Return the code that the user's authenticator app shows now.

    Args:
        app: The application.
        user_id: An account whose second factor is set up.
    """
    with app.app_context():
        code = current_totp_code(db.session.get_one(User, user_id))
    if code is None:
        raise LookupError(f"The account {user_id} has no second factor.")
    return code
