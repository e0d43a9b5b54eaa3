"""Who may use a view: its permissions, and the door that checks them before anything else happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import abort, current_app
from flask_admin import expose

from core.database.scope import current_scope
from core.people.permissions import Public, has_permission, required_permission, requires
from core.plugin_system.gate import is_on

Function = TypeVar("Function", bound=Callable[..., Any])


class ViewDeclarationError(TypeError):
    """A view breaks a rule of the guarded base; the message names the view, the rule and what to do."""


@dataclass(frozen=True)
class ViewPermissions:
    """The permission codes of a record view; None means that nobody may.

    Attributes:
        view: List and details.
        create: New records.
        edit: Changes.
        delete: Deletion.
        export: Download of the list.
    """

    view: str
    create: str | None = None
    edit: str | None = None
    delete: str | None = None
    export: str | None = None

    def codes(self) -> frozenset[str]:
        """Return every code that is named."""
        return frozenset(filter(None, (self.view, self.create, self.edit, self.delete, self.export)))


def holds(code: str | None) -> bool:
    """Return whether the acting user holds a permission in the acting department; None is held by nobody."""
    return code is not None and has_permission(code)


def expose_guarded(
    url: str = "/", *, permission: str, methods: tuple[str, ...] = ("GET",)
) -> Callable[[Function], Function]:
    """Make a method of a view a page for the holders of a permission.

    Args:
        url: Address below that of the view, ``/`` for its first page.
        permission: The permission code, needed in addition to that of the view.
        methods: HTTP methods.
    """

    def decorate(function: Function) -> Function:
        exposed: Function = expose(url, methods)(requires(permission)(function))
        return exposed

    return decorate


def exposed_functions(view: Any) -> dict[str, str | Public | None]:
    """Return the names of the exposed functions of a view with the permission that each declares, or None."""
    names = {name for _url, name, _methods in type(view)._urls}
    return {name: required_permission(getattr(type(view), name)) for name in sorted(names)}


def admit(component: str, *permissions: str | None) -> Any:
    """Check the acting user at the door of a view.

    Args:
        component: Slug of the plugin that owns the view, or ``core``.
        permissions: The permissions that are all needed; None is held by nobody.

    Returns:
        None to go on, or the answer that sends an anonymous visitor to the sign-in page. Answers 404 when the plugin
        is switched off in the acting department, and 403 without a permission.
    """
    if current_scope() is None:
        manager = getattr(current_app, "login_manager", None)
        return manager.unauthorized() if manager is not None else abort(401)
    if not is_on(component):
        abort(404)
    if not all(holds(code) for code in permissions):
        abort(403)
    return None
