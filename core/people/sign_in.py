"""Signing in: Flask-Security with every door narrowed, throttled and written to the audit log."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask, Response, current_app, redirect, request, session
from flask_limiter import Limiter
from flask_login import current_user, user_logged_out
from flask_mail import Mail
from flask_security import (
    Security,
    SQLAlchemyUserDatastore,
    password_changed,
    password_reset,
    tf_code_confirmed,
    tf_disabled,
    tf_profile_changed,
    url_for_security,
    user_authenticated,
    user_failed_authn,
)
from flask_security.core import _default_messages
from flask_security.utils import check_and_update_authn_fresh, set_request_attr
from passlib.totp import TOTP

from core.database.scope import Scope, use_scope
from core.database.types import utc_now
from core.extensions import db, limiter
from core.machinery.audit.services import record_event
from core.people import request_scope, sign_in_forms, sign_in_guards
from core.people.models import Role, User

FRESH_FOR = dt.timedelta(minutes=15)
"""So long after the password was given, personal data can be revealed, exported and erased, and roles granted."""
LIMITER_KEY = "doorstep.sign_in_limiter"
SESSION_HOURS = 12
"""After so many hours a session ends, whatever was done in it."""
RESET_WITHIN = dt.timedelta(minutes=30)

_FAILURES = "20 per 10 minutes; 200 per day"
_REQUESTS = "5 per 10 minutes; 30 per day"
_CATALOGUE = Path(__file__).parents[1] / "translations"

View = TypeVar("View", bound=Callable[..., Any])


def set_up_sign_in(app: Flask) -> None:
    """Bind rate limits, e-mail and Flask-Security to the application; CSRF protection is bound before."""
    has_mail = bool(app.config.get("MAIL_SERVER"))
    app.config.update(_settings(app, has_mail))
    limiter.init_app(app)
    _leave_unlimited_pages_alone(app, limiter)
    if has_mail:
        Mail(app)
    # An object of its own for each application: Flask-Security keeps keys and hashers in it.
    security = Security(
        app,
        SQLAlchemyUserDatastore(db, User, Role),
        login_form=sign_in_forms.DelayedLoginForm,
        verify_form=sign_in_forms.DelayedVerifyForm,
        change_password_form=sign_in_forms.DelayedChangePasswordForm,
        two_factor_verify_code_form=sign_in_forms.DelayedCodeForm,
        two_factor_rescue_form=sign_in_forms.RescueForm,
        mf_recovery_form=sign_in_forms.DelayedRecoveryForm,
        password_util_cls=sign_in_guards.GuardedPasswords,
        mail_util_cls=sign_in_guards.CalmMail,
        totp_cls=sign_in_guards.SingleUseTotp,
    )
    security.want_json(lambda _request: False)
    security.login_manager.user_loader(_load_session_user)
    # Flask-Security would also take a token from a header or from the address.
    security.login_manager._request_callback = None
    # Rights come from the acting department (request_scope.py); nobody asks for Flask-Principal's identity.
    app.before_request_funcs[None].remove(security.principal._on_before_request)
    _ask_for_codes_only_after_the_password(app)
    _throttle(app)
    _listen(app)


def _settings(app: Flask, has_mail: bool) -> dict[str, Any]:
    config = app.config
    https = bool(config["HTTPS"])
    cookie = {"httponly": True, "secure": https, "samesite": "Lax"}
    return {
        "SESSION_PROTECTION": "basic",
        "RATELIMIT_ENABLED": bool(config["RATE_LIMITS"]),
        "RATELIMIT_STORAGE_URI": config["REDIS_URL"] or "memory://",
        "RATELIMIT_HEADERS_ENABLED": False,
        "SECURITY_I18N_DIRNAME": ["builtin", str(_CATALOGUE)],
        "SECURITY_CLI_USERS_NAME": None,
        "SECURITY_CLI_ROLES_NAME": None,
        "SECURITY_DATETIME_FACTORY": utc_now,
        "SECURITY_JOIN_USER_ROLES": False,
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_FRESHNESS": FRESH_FOR,
        "SECURITY_FRESHNESS_GRACE_PERIOD": dt.timedelta(0),
        "SECURITY_FRESHNESS_ALLOW_AUTH_TOKEN": False,
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_PASSWORD_LENGTH_MIN": sign_in_guards.PASSWORD_LENGTH,
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False, "test_environment": True},
        "SECURITY_PHONE_REGION_DEFAULT": "CN",
        "SECURITY_CHANGEABLE": True,
        "SECURITY_RECOVERABLE": has_mail,
        "SECURITY_RESET_PASSWORD_WITHIN": RESET_WITHIN,
        "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": has_mail,
        "SECURITY_SEND_PASSWORD_RESET_NOTICE_EMAIL": has_mail,
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        "SECURITY_TWO_FACTOR_AUTHENTICATOR_VALIDITY": 30,
        "SECURITY_TWO_FACTOR_ALWAYS_VALIDATE": True,
        "SECURITY_TWO_FACTOR_RESCUE_EMAIL": False,
        "SECURITY_TWO_FACTOR_VALIDITY_COOKIE": cookie,
        "SECURITY_TWO_FACTOR_IMPLEMENTATIONS": {"code": "flask_security.twofactor.CodeTfPlugin"},
        "SECURITY_TOTP_SECRETS": {"1": config["TOTP_SECRET"]},
        "SECURITY_TOTP_ISSUER": config["INSTALLATION_NAME"],
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES": True,
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES_N": 10,
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES_KEYS": [
            key.encode() for key in str(config["FIELD_KEYS"]).split(",")
        ],
        "SECURITY_POST_LOGIN_VIEW": "/admin/",
        "SECURITY_POST_LOGOUT_VIEW": "/login",
        # The usual message would say that something was sent, also to an address that nobody has.
        "SECURITY_MSG_PASSWORD_RESET_REQUEST": _default_messages["GENERIC_RECOVERY"],
        "SECURITY_MSG_GENERIC_AUTHN_FAILED": (
            "The address, the password or the code is wrong, or there were too many attempts. "
            "Check what you typed, wait a minute, and try again.",
            "error",
        ),
    }


def _load_session_user(uniquifier: str) -> User | None:
    signed_in_at = session.get("fs_paa", 0)
    if time.time() - signed_in_at > SESSION_HOURS * 3600:
        return None
    user = request_scope.load_user(uniquifier)
    if user is not None:
        set_request_attr("fs_authn_via", "session")
        set_request_attr("fs_paa", signed_in_at)
    return user


def _ask_for_codes_only_after_the_password(app: Flask) -> None:
    """Lead who opens the page of codes without having begun to sign in elsewhere: Flask-Security would end the session
    of a signed-in user there, so that a link of another site could sign people out."""

    def guarded(view: View) -> View:
        @wraps(view)
        def asked(*args: Any, **kwargs: Any) -> Any:
            if "tf_state" not in session:
                return redirect("/admin/" if current_user.is_authenticated else url_for_security("login"))
            return view(*args, **kwargs)

        return asked  # type: ignore[return-value]

    endpoint = "security.two_factor_token_validation"
    app.view_functions[endpoint] = guarded(app.view_functions[endpoint])


def _leave_unlimited_pages_alone(app: Flask, each: Limiter) -> None:
    """Let a limiter look only at pages that are limited, which ask it themselves; each other page would ask in vain for
    limits of the whole site, and there are none."""
    asked_first = app.before_request_funcs.get(None, [])
    if each._check_request_limit in asked_first:  # Not where the settings switch limits off.
        asked_first.remove(each._check_request_limit)


def _throttle(app: Flask) -> None:
    """Limit attempts per address. A page that comes back with 200 after a POST is a failure; success redirects."""

    # A limiter of its own for each application: it counts by the names of the views, which all applications share.
    guard = Limiter(sign_in_guards.throttling_address, app=app)
    _leave_unlimited_pages_alone(app, guard)
    app.extensions[LIMITER_KEY] = guard

    def failed(response: Response) -> bool:
        return response.status_code == 200

    for endpoints, limits, counted in (
        (
            ("login", "two_factor_token_validation", "mf_recovery", "verify", "change_password"),
            _FAILURES,
            failed,
        ),
        (("forgot_password", "reset_password", "two_factor_rescue"), _REQUESTS, None),
    ):
        limit = guard.shared_limit(
            limits,
            scope=f"sign-in-{endpoints[0]}",
            methods=["POST"],
            deduct_when=counted,
        )
        for endpoint in endpoints:
            view = app.view_functions.get(f"security.{endpoint}")
            if view is not None:
                app.view_functions[f"security.{endpoint}"] = limit(view)  # type: ignore[assignment]


def _listen(app: Flask) -> None:
    """Follow Flask-Security's signals: count failures, forget them after success, write the audit log."""

    def on_authenticated(_sender: Any, *, user: User, **_details: Any) -> None:
        sign_in_guards.note_success(user)
        _record("signed_in", user)

    def on_failure(_sender: Any, *, user: User, auth_type: str = "", **_details: Any) -> None:
        _record("sign_in_failed", user, means=auth_type)
        sign_in_guards.note_failure(user)

    def on_new_password(_sender: Any, *, user: User, **_details: Any) -> None:
        user.password_changed_at = utc_now()
        sign_in_guards.note_success(user, signed_in=False)
        _record("password_changed", user)

    def on_two_factor(_sender: Any, *, user: User, **_details: Any) -> None:
        # The signal also comes with each later code.
        if db.inspect(user).attrs.tf_totp_secret.history.has_changes():
            _record("two_factor_set_up", user)

    def on_two_factor_off(_sender: Any, *, user: User, **_details: Any) -> None:
        user.totp_last_counter = None
        _record("two_factor_removed", user)

    def on_sign_out(_sender: Any, *, user: User, **_details: Any) -> None:
        _record("signed_out", user)
        db.session.commit()

    for signal, receiver in (
        (user_authenticated, on_authenticated),
        (user_failed_authn, on_failure),
        (password_changed, on_new_password),
        (password_reset, on_new_password),
        (tf_code_confirmed, on_two_factor),
        (tf_profile_changed, on_two_factor),
        (tf_disabled, on_two_factor_off),
        (user_logged_out, on_sign_out),
    ):
        signal.connect(receiver, app, weak=False)


def _record(action: str, user: User, **details: Any) -> None:
    """Write an event to the audit log, where those see it who administer the user's highest department."""
    # Flask-Security sometimes hands over the proxy of the current user.
    user = getattr(user, "_get_current_object", lambda: user)()
    held = request_scope.held_roles(user)
    scope = Scope(
        user_id=user.id,
        department_id=held[0].department_id if held else None,
        project_ids=None,
        department_ids=None,
    )
    with use_scope(scope):
        record_event(action, user, **details)
        db.session.flush()


def is_fresh() -> bool:
    """Return whether the acting user gave the password within the last 15 minutes, from this address."""
    if not current_user.is_authenticated or not session.get("_fresh", False):
        return False
    return bool(check_and_update_authn_fresh(FRESH_FOR, dt.timedelta(0), "session"))


def reauthenticate(next_page: str | None = None) -> Response:
    """Return the way to the page that asks for the password again.

    Args:
        next_page: Where to go afterwards, a path of this site; the requested page when omitted.
    """
    target = next_page or (request.full_path if request.method == "GET" else request.path)
    return redirect(url_for_security("verify", next=target))  # type: ignore[return-value]


def requires_fresh(view: View) -> View:
    """Let a view run only within 15 minutes after the password was given; else ask for it first.

    For what cannot be undone or leaves the house: reveal, export, erase, grant.
    """

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not is_fresh():
            return reauthenticate()
        return view(*args, **kwargs)

    return guarded  # type: ignore[return-value]


def current_totp_code(user: User, key: str = "") -> str | None:
    """Return the code that the user's authenticator app shows now, for demo accounts and tests.

    Args:
        user: The account.
        key: What the page shows below the picture while the second factor is being set up; until the first code was
            accepted, only the session of the browser knows it.

    Returns:
        Six digits, or None while the second factor is not set up and no key is given.

    Raises:
        ValueError: The key is not one.
    """
    if key:
        return str(TOTP(key="".join(key.split()), format="base32").generate().token)
    if not user.tf_totp_secret:
        return None
    return str(current_app.extensions["security"].totp_factory.generate_totp_password(user.tf_totp_secret))
