"""Whether the acting user may do something, and the marks that views carry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from werkzeug.exceptions import Forbidden

from core.database.scope import current_scope

View = TypeVar("View", bound=Callable[..., Any])

MARK = "required_permission"
"""The attribute of a view function that says who may call it; the core refuses to mount a view without it."""


@dataclass(frozen=True)
class Public:
    """The mark of a view that needs no permission.

    Attributes:
        reason: Why, in words, for example ``customers reach it by a personal link``.
    """

    reason: str


@dataclass(frozen=True)
class ByLink(Public):
    """The mark of a view that is reached by a personal link.

    Attributes:
        purpose: Code of the purpose; the view itself checks link and switch, since the visitor acts nowhere before.
    """

    purpose: str = ""


def has_permission(code: str) -> bool:
    """Return whether the acting user holds a permission in the acting department.

    Args:
        code: ``<slug>.<verb>``, for example ``customers.edit``.
    """
    scope = current_scope()
    return scope is not None and code in scope.permissions


def require(code: str) -> None:
    """Refuse the request unless the acting user holds a permission in the acting department.

    Args:
        code: ``<slug>.<verb>``, for example ``customers.edit``.

    Raises:
        werkzeug.exceptions.Forbidden: The permission is missing; the page answers 403.
    """
    if not has_permission(code):
        raise Forbidden()


def requires(code: str) -> Callable[[View], View]:
    """Mark a view function with the permission that it needs; the core checks it before each call.

    Args:
        code: ``<slug>.<verb>``, declared by the plugin or the core.
    """

    def mark(view: View) -> View:
        setattr(view, MARK, code)
        return view

    return mark


def public(reason: str) -> Callable[[View], View]:
    """Mark a view function that needs no permission.

    Args:
        reason: Why, in words; the authorisation report prints it.

    Raises:
        ValueError: The reason is empty.
    """
    if not reason.strip():
        raise ValueError("A public view needs a reason.")

    def mark(view: View) -> View:
        setattr(view, MARK, Public(reason))
        return view

    return mark


def required_permission(view: Callable[..., Any]) -> str | Public | None:
    """Return the mark of a view function: a permission code, a :class:`Public`, or None when it has none."""
    return getattr(view, MARK, None)
