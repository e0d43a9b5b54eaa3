"""What surrounds every page: sidebar, acting department, language, appearance, and the addresses of assets."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    flash,
    g,
    jsonify,
    redirect,
    request,
    session,
    url_for,
)
from flask.globals import _cv_request
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup, escape
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response as AnyResponse

from core.admin.plugin_static import PLUGIN_STATIC, static_folder
from core.admin.redirects import safe_path
from core.admin.rendering import draw_field, draw_filter
from core.database.scope import current_scope
from core.extensions import db
from core.languages import LOCALES
from core.machinery.jobs.services import unseen
from core.people.permissions import has_permission, public
from core.people.request_scope import DepartmentName, current_standing
from core.people.services import PeopleRuleError, department_names_of, set_acting_department, set_locale
from core.people.workload import due_today
from core.plugin_system.declarations import Area
from core.plugin_system.dispatch import isolated
from core.plugin_system.gate import which_are_on
from core.plugin_system.runtime import current_runtime

AREA_LABELS: dict[Area, Any] = {
    Area.WORK: _l("Work"),
    Area.CUSTOMERS: _l("Customers"),
    Area.PROJECTS: _l("Projects"),
    Area.SIGNING: _l("Signing"),
    Area.HANDOVER: _l("Handover"),
    Area.SERVICE: _l("Service"),
    Area.INSIGHT: _l("Insight"),
    Area.SETUP: _l("Setup"),
}
SHORT_LANGUAGES = {"zh_Hans_CN": "中", "en": "EN"}
THEMES: dict[str, Any] = {"": _l("As the device"), "light": _l("Light"), "dark": _l("Dark")}
THEME_COOKIE = "theme"
WORK = "work.index"
MAX_BADGE = 999
LONGEST_QUERY = 100
_EXTENSION = "doorstep_shell"
_FRAME = "doorstep_frame"
_ASSETS = "doorstep_assets"
_YEAR_SECONDS = 31_536_000

blueprint = Blueprint("shell", __name__)


def set_up_shell(app: Flask) -> None:
    """Give templates ``shell`` and ``asset``, and mount the switches of the top bar; after the views are mounted."""
    app.extensions[_EXTENSION] = Sidebar()
    app.extensions[_FRAME] = Frame()
    app.extensions[_ASSETS] = {}
    app.context_processor(lambda: {"shell": _shell_of_request()})
    # Macros that are imported without the context of a page see these; such modules are made once, not for each page.
    app.jinja_env.globals.update(
        shell=LocalProxy(_shell_of_request), asset=asset, draw_field=draw_field, draw_filter=draw_filter
    )
    app.register_blueprint(blueprint)


@dataclass(frozen=True)
class SidebarLink:
    """A link of the sidebar.

    Attributes:
        endpoint: Endpoint of the view or page.
        blueprint: Its blueprint; pages of the same one mark the link as the current one.
        label: Translated text.
        url: Its address.
        component: Whose it is.
        badge: Function that counts, or None.
    """

    endpoint: str
    blueprint: str
    label: str
    url: str
    component: str
    badge: Any = None

    def is_current(self, endpoint: str | None, blueprint: str | None) -> bool:
        """Return whether a page belongs to it.

        Args:
            endpoint: The page's endpoint.
            blueprint: The page's blueprint.
        """
        return self.endpoint == endpoint or (bool(self.blueprint) and self.blueprint == blueprint)

    def count(self) -> str:
        """Return the number beside the link, or "" for none. A count that fails is left out and logged."""
        if self.badge is None:
            return ""
        number = isolated(self.component, f"badge of {self.endpoint}", self.badge).value
        if not number:
            return ""
        return f"{MAX_BADGE}+" if number > MAX_BADGE else str(number)


@dataclass(frozen=True)
class SidebarArea:
    """A business area of the sidebar with the links that the user may use."""

    code: str
    label: str
    links: tuple[SidebarLink, ...]


@dataclass(frozen=True)
class _Inputs:
    """Everything that the links of the sidebar depend on; what differs gets a fragment of its own."""

    department_id: int | None
    permissions: frozenset[str]
    components: frozenset[str]
    locale: str
    script_root: str


class Sidebar:
    """The links of the sidebar. Finding out which of some hundred views a user may open takes milliseconds, so the
    answer is kept, keyed on everything that it depends on; the counts are asked for by the page when it is shown."""

    KEPT = 256

    def __init__(self) -> None:
        self._areas = lru_cache(maxsize=self.KEPT)(self._collect)

    def areas(self) -> tuple[SidebarArea, ...]:
        """Return the areas with their links for the acting user; none for an anonymous visitor."""
        scope = current_scope()
        if scope is None:
            return ()
        declared = current_runtime().declared
        inputs = _Inputs(
            scope.department_id,
            scope.permissions,
            which_are_on(declared.components()),
            _shell_of_request().locale,
            request.script_root,
        )
        return self._areas(inputs)

    @staticmethod
    def _collect(inputs: _Inputs) -> tuple[SidebarArea, ...]:
        declared = current_runtime().declared
        mounted = {view.endpoint: view for view in _admin_views()}
        found: dict[Area, list[tuple[int, str, SidebarLink]]] = {area: [] for area in AREA_LABELS}
        for item in declared.admin_views():
            component = declared.component_of(item)
            view = mounted.get(endpoint_of(component, item.name))
            if (
                not item.in_menu
                or view is None
                or component not in inputs.components
                or not view.is_accessible()
            ):
                continue
            endpoint = f"{view.endpoint}.{view._default_view}"
            link = SidebarLink(
                endpoint, view.endpoint, str(item.label), url_for(endpoint), component, item.badge
            )
            found[item.area].append((item.order, link.label, link))
        for menu_link in declared.menu_links():
            if menu_link.permission not in inputs.permissions:
                continue
            label, component = str(menu_link.label), declared.component_of(menu_link)
            link = SidebarLink(menu_link.endpoint, "", label, url_for(menu_link.endpoint), component)
            found[menu_link.area].append((menu_link.order, label, link))
        return tuple(
            SidebarArea(
                area.value,
                str(label),
                tuple(link for _order, _label, link in sorted(found[area], key=_position)),
            )
            for area, label in AREA_LABELS.items()
            if found[area]
        )


@dataclass(frozen=True)
class FrameInputs:
    """Everything that the sidebar and the top bar show, but for what differs from request to request or user to user.

    Attributes:
        areas: The sidebar's links.
        current: Whether each link belongs to this page.
        departments: The choices of the switcher.
        department: Name of the acting department.
        installation: The installation's own name.
        locale: Language of the page.
        theme: The chosen appearance.
        script_root: Where the application is mounted.
        work_url: Address of "my work"; "" for who may not see to-dos.
    """

    areas: tuple[SidebarArea, ...]
    current: tuple[bool, ...]
    departments: tuple[DepartmentChoice, ...]
    department: str
    installation: str
    locale: str
    theme: str
    script_root: str
    work_url: str = ""

    def __hash__(self) -> int:
        """Return the hash of the short ones: the links are a hundred, and hardly ever all that differs."""
        return hash((self.current, self.department, self.locale, self.theme, self.script_root))


class Frame:
    """The HTML of the sidebar and the top bar.

    Drawing it takes longer than a whole list, and it is the same for all who see the same links and departments: so it
    is kept, keyed on everything that it shows, and the token, the name and the address of the page are put in anew.
    What one may see is still found out for each request.
    """

    KEPT = 256

    def __init__(self) -> None:
        self._drawn = lru_cache(maxsize=self.KEPT)(self._draw)
        # Nobody can write these into his name or an address: they are made when the process starts.
        marks = ("token", "here", "query", "user", "email", "reader")
        self._marks = {name: f"{name}{secrets.token_hex(16)}" for name in marks}
        self._pattern = re.compile("|".join(self._marks.values()))

    def parts(self, inputs: FrameInputs, **values: str) -> tuple[Markup, Markup]:
        """Return the sidebar and the top bar.

        Args:
            inputs: What they show.
            values: The texts for ``token``, ``here``, ``query``, ``user``, ``email`` and ``reader``.
        """
        sidebar, top_bar = self._drawn(inputs)
        texts = {self._marks[name]: str(escape(value)) for name, value in values.items()}
        filled = self._pattern.sub(lambda mark: texts[mark[0]], top_bar)
        return Markup(sidebar), Markup(filled)  # noqa: S704 (drawn by templates; the texts are escaped)

    def _draw(self, inputs: FrameInputs) -> tuple[str, str]:
        layout: Any = current_app.jinja_env.get_template("admin/layout.html").module
        return str(layout.sidebar(inputs)), str(layout.top_bar(inputs, **self._marks))


def _position(entry: tuple[int, str, SidebarLink]) -> tuple[int, str]:
    return entry[:2]


def endpoint_of(component: str, name: str) -> str:
    """Return the endpoint of a declared view: ``<slug>_<name>``, and ``<name>`` for the core."""
    return name if component == "core" else f"{component}_{name}"


def _admin_views() -> Sequence[Any]:
    admins = current_app.extensions.get("admin") or ()
    return [view for admin in admins for view in admin._views]


@dataclass(frozen=True)
class DepartmentChoice:
    """A department of the switcher.

    Attributes:
        id: Its key.
        name: Its name in the language of the page.
        depth: How far it stands below the highest one that the user belongs to.
        is_current: Whether the user acts in it.
    """

    id: int
    name: str
    depth: int
    is_current: bool


class Shell:
    """The shell of one request; templates read it as ``shell``. Nothing is computed before it is asked for."""

    @cached_property
    def signed_in(self) -> bool:
        """Whether somebody is signed in."""
        return current_standing() is not None

    @cached_property
    def locale(self) -> str:
        """The code of the language of the page, such as ``zh_Hans_CN``; asked a dozen times a page."""
        return str(get_locale())

    @property
    def installation(self) -> str:
        """The installation's own name, or "" while it has the product's."""
        name = str(current_app.config["INSTALLATION_NAME"])
        return "" if name == "Doorstep" else name

    @property
    def language(self) -> str:
        """The language of the page as ``<html lang>`` wants it."""
        return "zh-Hans" if self.locale.startswith("zh") else "en"

    @property
    def languages(self) -> list[tuple[str, str, str, bool]]:
        """Code, name, short name, and whether the page is in it."""
        current = self.locale
        return [(code, name, SHORT_LANGUAGES[code], code == current) for code, name in LOCALES.items()]

    @property
    def theme(self) -> str:
        """``light``, ``dark``, or "" to follow the device."""
        chosen = request.cookies.get(THEME_COOKIE, "")
        return chosen if chosen in THEMES else ""

    @property
    def themes(self) -> list[tuple[str, Any, bool]]:
        """Code, name, and whether it is chosen."""
        return [(code, name, code == self.theme) for code, name in THEMES.items()]

    @cached_property
    def areas(self) -> tuple[SidebarArea, ...]:
        """The sidebar."""
        sidebar: Sidebar = current_app.extensions[_EXTENSION]
        return sidebar.areas()

    @cached_property
    def frame(self) -> tuple[Markup, Markup]:
        """The sidebar and the top bar, ready to be put into the page."""
        frame: Frame = current_app.extensions[_FRAME]
        links = [link for area in self.areas for link in area.links]
        endpoint, blueprint_of_page = request.endpoint, request.blueprint
        inputs = FrameInputs(
            self.areas,
            tuple(link.is_current(endpoint, blueprint_of_page) for link in links),
            self.departments,
            self.department,
            self.installation,
            self.locale,
            self.theme,
            request.script_root,
            self.work_url,
        )
        query = request.args.get("q", "")[:LONGEST_QUERY] if endpoint == "search.results" else ""
        return frame.parts(
            inputs,
            token=generate_csrf(),
            here=self.here,
            query=query,
            user=self.user_name,
            email=self.user_email,
            reader=self.reader,
        )

    @property
    def work_url(self) -> str:
        """The address of "my work"; "" for who may not see to-dos."""
        return (self.link(WORK) or "") if has_permission("todos.view") else ""

    @property
    def sidebar(self) -> Markup:
        """The sidebar."""
        return self.frame[0]

    @property
    def top_bar(self) -> Markup:
        """The top bar."""
        return self.frame[1]

    @cached_property
    def user_name(self) -> str:
        """The signed-in user's name."""
        standing = current_standing()
        return (standing.user.name or standing.user.email) if standing else ""

    @property
    def reader(self) -> str:
        """For whom counts are kept in the browser: the user, his acting department, and the language."""
        standing = current_standing()
        return f"{standing.user.id}-{standing.scope.department_id}-{self.locale}" if standing else ""

    @property
    def user_email(self) -> str:
        """The signed-in user's address."""
        standing = current_standing()
        return standing.user.email if standing else ""

    @cached_property
    def department(self) -> str:
        """The name of the acting department in the language of the page, or ""."""
        standing = current_standing()
        if standing is None:
            return ""
        return _in_language(standing.department_name, standing.department_name_en, self.locale == "en")

    @cached_property
    def departments(self) -> tuple[DepartmentChoice, ...]:
        """The departments that the user may act in, in the order of the tree."""
        standing = current_standing()
        if standing is None:
            return ()
        return _choices(
            tuple(department_names_of(standing.user)), standing.scope.department_id, self.locale == "en"
        )

    @property
    def here(self) -> str:
        """The address of this page, to come back to after a switch; the home page after a form was sent."""
        if request.method != "GET" or request.url_rule is None:
            return url_for("admin.index")
        return request.full_path if request.query_string else request.path

    def link(self, endpoint: str, **values: Any) -> str | None:
        """Return the address of an endpoint if the application has it, else None."""
        return url_for(endpoint, **values) if endpoint in current_app.view_functions else None

    @staticmethod
    def may(code: str) -> bool:
        """Return whether the acting user holds a permission."""
        return has_permission(code)


def _in_language(name: str, name_en: str, in_english: bool) -> str:
    return name_en if name_en and in_english else name


@lru_cache(maxsize=Frame.KEPT)
def _choices(
    departments: tuple[DepartmentName, ...], acting_id: int | None, in_english: bool
) -> tuple[DepartmentChoice, ...]:
    """Return the choices of the switcher, the same for all who see the same departments from one of them."""
    top = min((department.path.count("/") for department in departments), default=0)
    return tuple(
        DepartmentChoice(
            department.id,
            _in_language(department.name, department.name_en, in_english),
            department.path.count("/") - top,
            department.id == acting_id,
        )
        for department in departments
    )


def _shell_of_request() -> Shell:
    found: Shell | None = g.get("_shell")
    if found is None:
        found = g._shell = Shell()
    return found


def asset(file_name: str, endpoint: str = "static") -> str:
    """Return the address of a file in ``core/static`` with a mark of its content, so that browsers keep it for good.

    Args:
        file_name: Path below the static folder.
        endpoint: ``static``, ``admin.static`` for the files of Flask-Admin, or ``<slug>.static`` for those of a plugin.
    """
    # A page names ten files: the context is looked up once for each, and not four times through proxies.
    context = _cv_request.get(None)
    if context is None or context.app.debug:
        return _asset_address(file_name, endpoint)
    # None of them changes while the process lives.
    known: dict[tuple[str, str, str], str] = context.app.extensions[_ASSETS]
    key = (context.request.script_root, endpoint, file_name)
    if key not in known:
        known[key] = _asset_address(file_name, endpoint)
    return known[key]


def _asset_address(file_name: str, endpoint: str) -> str:
    name = endpoint.rpartition(".")[0]
    if endpoint in current_app.view_functions:
        owner = current_app.blueprints[name] if name else current_app
        return url_for(endpoint, filename=file_name, v=_mark(Path(owner.static_folder or "") / file_name))
    folder = static_folder(name)
    if folder is None:
        raise LookupError(f"There is no plugin {name!r} with a folder static/.")
    return url_for(PLUGIN_STATIC, slug=name, filename=file_name, v=_mark(folder / file_name))


def _mark(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10]


@blueprint.get("/")
@public("it leads to the back office, which asks for sign-in")
def root() -> AnyResponse:
    """Lead to the back office."""
    return redirect(url_for("admin.index"))


@blueprint.get("/admin/counts")
@public("it counts for whoever is signed in, within what he may see, and answers nobody else")
def counts() -> AnyResponse:
    """Tell the numbers of the sidebar and the top bar.

    Pages ask for them when they are shown: counting takes longer than most pages, and a page does not wait for it.
    """
    if current_standing() is None:
        return sign_in_first()
    shell = _shell_of_request()
    told: dict[str, Any] = {
        "links": {
            link.endpoint: number for area in shell.areas for link in area.links if (number := link.count())
        },
        "bell": asdict(unseen()),
        "work": None,
    }
    if shell.work_url:
        due, overdue = due_today()
        title = _("Due by the end of today: %(due)s, overdue: %(overdue)s", due=due, overdue=overdue)
        told["work"] = {"due": due, "overdue": overdue, "title": title if due else _("My work")}
    answer = jsonify(told)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/preferences/language")
@public("the sign-in page and pages for customers offer both languages")
def choose_language() -> AnyResponse:
    """Show this and all later pages in another language; remembered in the session and, for staff, in the account."""
    locale = request.form.get("locale", "")
    if locale not in LOCALES:
        abort(400)
    session["locale"] = locale
    if current_user.is_authenticated:
        set_locale(current_user._get_current_object(), locale)
        db.session.commit()
    return _back()


@blueprint.post("/preferences/appearance")
@public("the choice between light and dark is kept in the browser alone")
def choose_appearance() -> AnyResponse:
    """Show pages light, dark, or as the device does."""
    theme = request.form.get("theme", "")
    if theme not in THEMES:
        abort(400)
    response = _back()
    response.set_cookie(
        THEME_COOKIE,
        theme,
        max_age=_YEAR_SECONDS,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return response


@blueprint.post("/admin/acting-department")
@public("a user may act only in departments that he belongs to; people.services refuses others")
def choose_department() -> AnyResponse:
    """Act in another department from now on."""
    standing = current_standing()
    if standing is None:
        return sign_in_first()
    wanted = request.form.get("department_id", "")
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 18:
        abort(400)
    try:
        set_acting_department(standing.user, int(wanted))
    except PeopleRuleError as refusal:
        db.session.rollback()
        flash(str(refusal), "error")
        return _back()
    db.session.commit()
    # The page one came from may show a record that the new department does not see.
    return redirect(url_for("admin.index"))


def sign_in_first() -> Any:
    """Return the answer to an anonymous visitor: the sign-in page, and back afterwards."""
    manager = getattr(current_app, "login_manager", None)
    return manager.unauthorized() if manager is not None else Response(status=401)


def _back() -> AnyResponse:
    return redirect(safe_path(request.form.get("next")) or url_for("admin.index"))
