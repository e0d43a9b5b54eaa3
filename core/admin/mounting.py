"""Mounting the back office: every declared view and blueprint, and the refusal of what is not guarded."""

from __future__ import annotations

from functools import wraps
from typing import Any

from flask import Flask, abort
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme
from flask_babel import lazy_gettext as _l

from core.admin.access import ViewDeclarationError, admit, exposed_functions
from core.admin.audit_log import set_up_audit_words
from core.admin.declaring import EXPORT_LIMIT, EXPORT_LIMIT_KEY
from core.admin.home import HomeView
from core.admin.http import UPLOAD_LIMIT
from core.admin.links import allow_uploads
from core.admin.plugin_static import mount_plugin_static
from core.admin.redirects import replace_redirects_of_flask_admin
from core.admin.search import set_up_search
from core.admin.shell import endpoint_of, set_up_shell
from core.admin.views import PageView, RecordView, refuse_sealed
from core.database.base import CORE
from core.people.permissions import ByLink, Public, required_permission
from core.plugin_system.declarations import AdminView, PublicBlueprint
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime

ADMIN_KEY = "doorstep.admin"


def mount(app: Flask) -> None:
    """Mount all declared views and blueprints of the healthy components.

    A plugin with a view that is not guarded is put into quarantine with the reason; nothing of it is mounted then.
    A fault of the core itself stops the start.

    Raises:
        ViewDeclarationError: A view of the core is not guarded.
    """
    replace_redirects_of_flask_admin()
    app.config.setdefault(EXPORT_LIMIT_KEY, EXPORT_LIMIT)
    runtime = current_runtime(app)
    admin = Admin(app, name=app.config["INSTALLATION_NAME"], index_view=HomeView(), theme=Bootstrap4Theme())
    app.extensions[ADMIN_KEY] = admin
    for component in runtime.declared.components():
        if not runtime.is_healthy(component):
            continue
        hooks = runtime.declared.of(component)
        try:
            views = [make_view(component, declaration) for declaration in hooks.get("admin_views", ())]
            for declaration in hooks.get("blueprints", ()):
                check_blueprint(component, declaration)
        except Exception as fault:
            if component == CORE:
                raise
            app.logger.exception("The views of the plugin %s cannot be mounted", component)
            runtime.quarantine(
                component, _l("One of its views cannot be mounted: %(fault)s", fault=str(fault))
            )
            continue
        for view in views:
            admin.add_view(view)
        for declaration in hooks.get("blueprints", ()):
            mount_blueprint(app, component, declaration)
    app.extensions[UPLOAD_LIMIT] = allow_uploads
    mount_plugin_static(app)
    set_up_search(app)
    set_up_audit_words(app)
    set_up_shell(app)


def make_view(component: str, declaration: AdminView) -> Any:
    """Return the checked instance of a declared view.

    Args:
        component: Slug of the plugin, or ``core``.
        declaration: The declaration.

    Raises:
        ViewDeclarationError: The view is not guarded.
    """
    view_class = declaration.view
    options = {
        "name": declaration.label,
        "endpoint": endpoint_of(component, declaration.name),
        "url": f"/admin/{declaration.name}"
        if component == CORE
        else f"/admin/{component}/{declaration.name}",
    }
    if issubclass(view_class, RecordView):
        if declaration.model is None:
            raise ViewDeclarationError(f"The declaration of {view_class.__qualname__} has no model.")
        view = view_class(declaration.model, **options)
    elif issubclass(view_class, PageView):
        view = view_class(**options)
    else:
        raise ViewDeclarationError(
            f"{view_class.__module__}.{view_class.__qualname__} is neither a RecordView nor a PageView."
        )
    view.component = component
    check_view(view)
    return view


def check_view(view: Any) -> None:
    """Refuse a view that is not of a guarded base, overrides a guard, or exposes a function without a permission.

    Raises:
        ViewDeclarationError: It is one.
    """
    if not isinstance(view, (RecordView, PageView)):
        raise ViewDeclarationError(f"{type(view).__qualname__} is neither a RecordView nor a PageView.")
    refuse_sealed(type(view))
    known = set(RecordView._function_needs) if isinstance(view, RecordView) else set()
    for name, permission in exposed_functions(view).items():
        if permission is None and name not in known:
            raise ViewDeclarationError(
                f"{type(view).__module__}.{type(view).__qualname__}.{name} is exposed without a permission; expose it "
                "with @expose_guarded(…, permission=…)."
            )


def check_blueprint(component: str, declaration: PublicBlueprint) -> None:
    """Refuse a blueprint that is not named after its component, or has a page without a permission.

    Raises:
        ViewDeclarationError: It is one.
    """
    name = declaration.blueprint.name
    if component != CORE and name != component and not name.startswith(f"{component}_"):
        raise ViewDeclarationError(f"The blueprint {name!r} must be called {component!r} or '{component}_…'.")
    # What a blueprint holds is known only once it is registered; nobody is served by this application.
    probe = Flask(__name__, static_folder=None)
    probe.register_blueprint(declaration.blueprint)
    for endpoint, function in probe.view_functions.items():
        if not endpoint.endswith(".static") and required_permission(function) is None:
            raise ViewDeclarationError(
                f"{endpoint} is exposed without a permission; mark it with @requires(…) or @public(reason)."
            )


def mount_blueprint(app: Flask, component: str, declaration: PublicBlueprint) -> None:
    """Register a checked blueprint and gate its pages by the plugin's switch and the function's permission."""
    before = set(app.view_functions)
    app.register_blueprint(declaration.blueprint, url_prefix=f"/{declaration.prefix.strip('/')}")
    for endpoint in set(app.view_functions) - before:
        function = app.view_functions[endpoint]
        permission = required_permission(function)
        if permission is not None:
            app.view_functions[endpoint] = _gated(function, component, permission)


def _gated(function: Any, component: str, permission: str | Public) -> Any:
    @wraps(function)
    def guarded(**arguments: Any) -> Any:
        if isinstance(permission, ByLink):
            return function(**arguments)
        if isinstance(permission, Public):
            if not is_on(component):
                abort(404)
            return function(**arguments)
        refusal = admit(component, permission)
        return function(**arguments) if refusal is None else refusal

    return guarded
