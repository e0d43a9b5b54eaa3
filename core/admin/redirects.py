"""Where a form may send the browser afterwards: to a page of this site, given as a path, and nowhere else."""

from __future__ import annotations

import flask_admin.actions
import flask_admin.helpers
import flask_admin.model.base
from flask import request

MAXIMUM_LENGTH = 2000


def safe_path(target: str | None) -> str | None:
    """Return ``target`` when it is a path on this site, else None.

    Addresses with a scheme or a host are refused, also in the spellings that browsers repair: ``//host``, ``/\\host``,
    ``http:host``, and control characters or blanks in between.
    """
    if not target or len(target) > MAXIMUM_LENGTH or not target.startswith("/"):
        return None
    if (
        target.startswith("//")
        or "\\" in target
        or any(ord(character) <= 32 or ord(character) == 127 for character in target)
    ):
        return None
    return target


def redirect_target(param_name: str = "url") -> str | None:
    """Return the page that the request asks to be sent to afterwards, if it is one of this site."""
    return safe_path(request.values.get(param_name))


def replace_redirects_of_flask_admin() -> None:
    """Put :func:`redirect_target` in the places where Flask-Admin imported its own by name."""
    for module in (flask_admin.helpers, flask_admin.model.base, flask_admin.actions):
        module.get_redirect_target = redirect_target
