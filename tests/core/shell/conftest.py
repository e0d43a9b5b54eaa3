"""A small application with the shell alone: real sign-in state and declarations, no business."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, abort, flash, g, redirect, render_template, request
from flask.testing import FlaskClient
from flask_admin import Admin, BaseView, expose
from flask_admin.theme import Bootstrap4Theme
from flask_login import LoginManager
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError

from core import config, languages
from core.admin import errors, http, search, shell
from core.admin.home import HomeView
from core.database.scope import Scope, enter_scope
from core.database.setup import set_up_database
from core.extensions import db
from core.people.models import Department, Membership, Role, User
from core.people.request_scope import Standing
from core.plugin_system import declarations as d
from core.plugin_system.gate import is_on
from core.plugin_system.models import PluginSwitch
from core.plugin_system.runtime import EXTENSION_KEY, PluginState, Runtime

CANARY = "13987654321"
PERMISSIONS = frozenset({"customers.view", "people.manage", "handover.view"})


class Thing:
    """A record without a table."""

    def __init__(self, name: str) -> None:
        self.name = name


def _declarations() -> dict[str, dict[str, tuple[Any, ...]]]:
    class Page(BaseView):
        """A view of the back office that asks for one permission."""

        permission = "customers.view"

        def is_accessible(self) -> bool:
            return shell.has_permission(self.permission)

        @expose("/")
        def index(self) -> str:
            page: str = self.render("admin/master.html")
            return page

    class HandoverPage(Page):
        permission = "handover.view"

    def boom(*_arguments: Any) -> Any:
        raise RuntimeError(f"value {CANARY}")

    def find(query: str, limit: int) -> list[d.SearchHit]:
        names = [f"张{number}" for number in range(40)]
        return [
            d.SearchHit(name, f"/admin/customers/{name}", "3-2-1502", rank=-position)
            for position, name in enumerate(names)
            if query in name
        ][:limit]

    core = {
        "admin_views": (
            d.AdminView(Page, "customers", "Customers & buyers", d.Area.CUSTOMERS, badge=lambda: 1234),
            d.AdminView(Page, "units", "Units", d.Area.PROJECTS, badge=boom),
        ),
        "record_kinds": (
            d.RecordKind(
                "core.thing",
                Thing,
                "Thing",
                "customers.view",
                "customers.view",
                "customers.index",
                lambda thing: f"Thing {thing.name}",
                lambda _thing: (("云栖湾", "/admin/units/"), ("3 栋", None)),
            ),
        ),
        "panels": (
            d.Panel(
                "core.every",
                "*",
                "Every record",
                "panel.html",
                lambda _r: {"text": "on every page"},
                order=900,
            ),
            d.Panel("core.hello", "home", "Hello", "panel.html", lambda _r: {"text": "good morning"}),
        ),
        "search_sources": (
            d.SearchSource("core.customers", "Customers", find, "customers.view"),
            d.SearchSource("core.secret", "Secrets", find, "secrets.view"),
        ),
    }
    handover = {
        "admin_views": (d.AdminView(HandoverPage, "defects", "Defects", d.Area.HANDOVER, badge=lambda: 37),),
        "panels": (
            d.Panel(
                "handover.count",
                "core.thing",
                "Defects",
                "panel.html",
                lambda thing: {"text": f"defects of {thing.name}", "count": 3},
                permission="handover.view",
            ),
            d.Panel("handover.nothing", "core.thing", "Nothing", "panel.html", lambda _r: None),
            d.Panel("handover.broken", "core.thing", "Broken", "panel.html", boom, order=200),
            d.Panel(
                "handover.hidden",
                "core.thing",
                "Hidden",
                "panel.html",
                lambda _r: {},
                permission="secrets.view",
            ),
        ),
        "search_sources": (d.SearchSource("handover.defects", "Defects", boom, "handover.view"),),
    }
    return {"core": core, "handover": handover}


def build_app(folder: Path, database_url: str, **overrides: Any) -> Flask:
    """Make the application on a database without rows."""
    app = Flask("core", instance_path=str(folder))
    config.load_config(
        app,
        {
            "SECRET_KEY": "x" * 40,
            "SECURITY_PASSWORD_SALT": "1",
            "DATABASE_URL": database_url,
            "DEFAULT_LOCALE": "en",
            **overrides,
        },
    )
    set_up_database(app)
    languages.set_up_languages(app)
    http.set_up_http(app)
    errors.set_up_error_pages(app)
    manager = LoginManager(app)
    manager.user_loader(lambda key: db.session.get(User, int(key)))
    _sign_in_by_header(app)

    manifest = d.Manifest("handover", "Handover module", "1", 1)
    runtime = Runtime(
        {"handover": PluginState("handover", manifest=manifest)},
        _declarations(),
        (),
        is_on,
    )
    app.extensions[EXTENSION_KEY] = runtime
    admin = Admin(app, name="Doorstep", theme=Bootstrap4Theme(), index_view=HomeView())
    for item in runtime.declared.admin_views():
        component = runtime.declared.component_of(item)
        endpoint = shell.endpoint_of(component, item.name)
        admin.add_view(item.view(name=str(item.label), endpoint=endpoint, url=f"/admin/{endpoint}"))
    shell.set_up_shell(app)
    search.set_up_search(app)
    app.register_blueprint(_trouble())
    app.jinja_loader = _with_panel(app)
    return app


def _with_panel(app: Flask) -> Any:
    from jinja2 import ChoiceLoader, DictLoader

    return ChoiceLoader([app.jinja_loader, DictLoader({"panel.html": "<p>{{ text }}</p>"})])


def _sign_in_by_header(app: Flask) -> None:
    """Whoever sends the header ``X-User`` is that user, with the permissions of ``X-Permissions``."""

    def enter() -> None:
        if "X-User" not in request.headers or request.endpoint == "static":
            return
        user = db.session.get(User, int(request.headers["X-User"]))
        assert user is not None
        codes = request.headers.get("X-Permissions", ",".join(PERMISSIONS))
        scope = Scope(
            user.id, user.acting_department_id, frozenset(), frozenset({1, 2}), frozenset(codes.split(","))
        )
        department = user.acting_department
        g._standing = Standing(user, scope, department.name if department else "", "Shenzhen")
        g._login_user = user
        enter_scope(scope)

    app.before_request(enter)


def _trouble() -> Blueprint:
    blueprint = Blueprint("trouble", __name__, url_prefix="/admin/trouble")

    @blueprint.route("/status/<int:code>")
    def status(code: int) -> str:
        abort(code)

    @blueprint.route("/conflict")
    def conflict() -> str:
        abort(409, description="The date is now 2026-11-20; you had 2026-11-18.")

    @blueprint.route("/boom")
    def boom() -> str:
        raise ValueError(f"SELECT phone FROM customer WHERE phone = '{CANARY}'")

    @blueprint.route("/database/<kind>")
    def database(kind: str) -> str:
        cause = Exception(f"duplicate key {CANARY}")
        raise {
            "stale": StaleDataError(f"row {CANARY}"),
            "integrity": IntegrityError(f"INSERT INTO customer VALUES ('{CANARY}')", {}, cause),
            "locked": OperationalError(f"UPDATE customer SET phone='{CANARY}'", {}, cause),
        }[kind]

    @blueprint.route("/go")
    def go() -> Any:
        return redirect(request.args["to"])

    @blueprint.route("/flash")
    def flashed() -> str:
        flash("Saved <b>DF-1</b>", "success")
        flash("Not saved", "error")
        return render_template("admin/base.html", page_name="Flash")

    @blueprint.route("/form", methods=("GET", "POST"))
    def form() -> str:
        return "taken" if request.method == "POST" else "form"

    return blueprint


@pytest.fixture
def make_app(tmp_path: Path, core_tables_url: str) -> Iterator[Callable[..., Flask]]:
    """A function that makes the application with other configuration."""
    made: list[Flask] = []

    def make(**overrides: Any) -> Flask:
        app = build_app(tmp_path, core_tables_url, **overrides)
        with app.app_context():
            fill()
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def fill() -> None:
    """Make a user with a role in a city company, a group below it, and a plugin that is on there."""
    city = Department(id=1, kind="city", code="SZ", name="深圳公司", name_en="Shenzhen", path="/1/")
    group = Department(
        id=2, kind="group", code="SZ-CS", name="客服组", name_en="Service", path="/1/2/", parent_id=1
    )
    other = Department(id=3, kind="city", code="GZ", name="广州公司", name_en="Guangzhou", path="/3/")
    role = Role(id=1, name="ENG", label="工程师", permissions=sorted(PERMISSIONS))
    user = User(
        id=1,
        email="lin@example.com",
        name="林岚",
        locale="en",
        fs_uniquifier="u1",
        acting_department_id=1,
        password="x",
    )
    db.session.add_all([city, group, other, role, user])
    db.session.flush()
    db.session.add(Membership(user_id=1, department_id=1, role_id=1))
    db.session.add(PluginSwitch(department_id=1, slug="handover", enabled=True))
    db.session.commit()


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The application as it is configured by default, without the token in forms."""
    return make_app(WTF_CSRF_ENABLED=False)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """An anonymous visitor."""
    return app.test_client()


@pytest.fixture
def staff() -> dict[str, Any]:
    """Keyword arguments of a request of the signed-in user."""
    return {"headers": {"X-User": "1"}}


@pytest.fixture
def thing() -> Any:
    """A record of the kind ``core.thing``."""
    return Thing("A")
