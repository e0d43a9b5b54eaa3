"""Addresses of pages, quickly: a list has forty links to itself, and Werkzeug composes each from its rules anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

from flask import url_for
from flask.globals import _cv_request
from werkzeug.routing import Rule

_KEY = "doorstep_addresses"
_SAFE = "!$'()*,/:;?@"
"""What may stand unquoted in a query, as in ``url_for``."""


class LateRule(Rule):
    """A rule of the URL map whose composer of addresses is compiled when the first address is composed.

    Werkzeug compiles two functions for each rule at start; fifty plugins bring two thousand rules, of which a process
    composes the addresses of some hundred.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_now = super()._compile_builder
        compiled: list[Callable[..., tuple[str, str]]] = []

        def build(rule: Rule, **values: Any) -> tuple[str, str]:
            if not compiled:
                compiled.append(compile_now(append_unknown))
            return compiled[0](rule, **values)

        return build


def address_of(endpoint: str, **arguments: Any) -> str:
    """Return what ``url_for`` does, remembering the path of endpoints that have nothing variable in it.

    Args:
        endpoint: The endpoint, with its blueprint.
        arguments: The query; None leaves one out.
    """
    context = _cv_request.get(None)
    path = _plain_path(context, endpoint) if context is not None else None
    if path is None or any(name.startswith("_") for name in arguments):
        return url_for(endpoint, **arguments)
    if not arguments:
        return path
    query = "&".join(
        f"{quote_plus(name, _SAFE)}={quote_plus(str(value), _SAFE)}"
        for name, value in arguments.items()
        if value is not None
    )
    return f"{path}?{query}" if query else path


def _plain_path(context: Any, endpoint: str) -> str | None:
    """Return the path of an endpoint below the place where the application is mounted; None for a variable one."""
    known: dict[tuple[str, str], str | None] = context.app.extensions.setdefault(_KEY, {})
    key = (context.request.script_root, endpoint)
    if key not in known:
        has_variables = any(rule.arguments for rule in context.app.url_map.iter_rules(endpoint))
        known[key] = None if has_variables else url_for(endpoint)
    return known[key]
