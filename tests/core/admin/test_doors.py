"""Who gets in, and that no view stands open."""

from __future__ import annotations

import pytest
from flask_admin import BaseView, expose
from flask_admin.contrib.fileadmin import BaseFileAdmin
from flask_admin.contrib.sqla import ModelView

from core.admin import mounting
from core.admin.access import ViewDeclarationError, ViewPermissions, expose_guarded, exposed_functions
from core.admin.views import SEALED, PageView, RecordView
from core.plugin_system.declarations import AdminView, Area
from core.projects.models import Unit

PATHS = {
    "/admin/units/": "units.view",
    "/admin/units/details/?id={id}": "units.view",
    "/admin/units/new/": "units.create",
    "/admin/units/edit/?id={id}": "units.edit",
    "/admin/units/delete/?id={id}": "units.delete",
    "/admin/units/export/": "units.export",
    "/admin/report/": "page.view",
}


def test_anonymous_visitors_are_sent_to_sign_in(running_app, world):
    browser = running_app.test_client()
    for path in PATHS:
        answer = browser.get(path.format(id=world.own.unit_ids[0]))
        assert answer.status_code == 302, path
        assert "/admin/units" not in answer.location.partition("?")[0]


@pytest.mark.parametrize("path", PATHS)
def test_each_page_needs_its_permission(path, browser_with, world):
    address = path.format(id=world.own.unit_ids[0])
    assert browser_with("units.view", PATHS[path]).get(address).status_code == 200
    others = [code for code in ["units.view", *PATHS.values()] if code != PATHS[path]]
    assert browser_with(*others).get(address).status_code == 403


def test_a_page_needs_the_permission_of_the_view_beside_its_own(browser_with, world):
    browser = browser_with("units.create", "units.edit", "units.delete", "units.export")
    for path, code in PATHS.items():
        if code.startswith("units."):
            assert browser.get(path.format(id=world.own.unit_ids[0])).status_code == 403, path


def test_what_nobody_may_is_refused_to_everybody(sign_in, world):
    assert sign_in("admin").get("/admin/projects/new/").status_code == 403
    assert sign_in("admin").get("/admin/projects/export/").status_code == 403


def test_a_function_of_a_page_needs_its_own_permission(browser_with):
    assert browser_with("page.view").post("/admin/report/manage/").status_code == 403
    assert browser_with("page.manage").post("/admin/report/manage/").status_code == 200


def test_a_plugin_that_is_off_answers_404(sign_in, view, world, monkeypatch):
    monkeypatch.setattr(view("units"), "component", "absent")
    monkeypatch.setattr(view("report"), "component", "absent")
    browser = sign_in("head")
    for path in PATHS:
        assert browser.get(path.format(id=world.own.unit_ids[0])).status_code == 404, path
    assert browser.post("/admin/units/action/", data={"action": "fit"}).status_code == 404


def test_the_real_error_of_a_view_is_seen(sign_in, running_app, world, monkeypatch):
    monkeypatch.setitem(running_app.config, "PROPAGATE_EXCEPTIONS", True)
    with pytest.raises(TypeError, match="the real error"):
        sign_in("head").get("/admin/report/broken/")


def test_writing_without_a_token_is_refused(sign_in, world, stored):
    browser = sign_in("head")
    browser.sends_csrf = False
    for path, data in {
        "/admin/units/delete/": {"id": world.own.unit_ids[0]},
        "/admin/units/new/": {},
        f"/admin/units/edit/?id={world.own.unit_ids[0]}": {},
        "/admin/units/action/": {"action": "fit", "rowid": world.own.unit_ids[0]},
        "/admin/units/export/": {},
        "/admin/units/reveal/": {},
    }.items():
        assert browser.post(path, data=data).status_code == 400, path
    assert stored(Unit, world.own.unit_ids[0]) is not None


def test_every_mounted_view_is_of_a_guarded_base(running_app):
    views = running_app.extensions[mounting.ADMIN_KEY]._views
    assert len(views) > 4
    for view in views[1:]:
        assert isinstance(view, (RecordView, PageView))
        assert not isinstance(view, BaseFileAdmin)
        mounting.check_view(view)
    assert all(exposed_functions(views[0]).values()), "the home page declares who may see it"


class _Units(RecordView):
    permissions = ViewPermissions("units.view")
    column_list = column_details_list = ("code",)


def _declared(view):
    return AdminView(view, "probe", "Probe", Area.SETUP, model=Unit)


@pytest.mark.parametrize("base", [BaseView, ModelView])
def test_views_of_other_bases_are_refused(base):
    open_view = type("Open", (base,), {"index": expose("/")(lambda self: "open")})
    with pytest.raises(ViewDeclarationError, match="neither a RecordView nor a PageView"):
        mounting.make_view("core", _declared(open_view))


def test_an_exposed_function_without_a_permission_is_refused():
    open_page = type("OpenPage", (PageView,), {"index": expose("/")(lambda self: "open")})
    with pytest.raises(ViewDeclarationError, match="exposed without a permission"):
        mounting.make_view("core", _declared(open_page))
    open_record = type("OpenRecord", (_Units,), {"extra": expose("/extra/")(lambda self: "open")})
    with pytest.raises(ViewDeclarationError, match="exposed without a permission"):
        mounting.make_view("core", _declared(open_record))


@pytest.mark.parametrize("hook", sorted(SEALED))
def test_sealed_hooks_cannot_be_overridden(hook):
    with pytest.raises(ViewDeclarationError, match=hook):
        type("Leaky", (_Units,), {hook: lambda self, *arguments: None})


@pytest.mark.parametrize("hook", ["is_accessible", "_handle_view"])
def test_sealed_hooks_of_pages_cannot_be_overridden(hook):
    with pytest.raises(ViewDeclarationError, match=hook):
        type("Leaky", (PageView,), {hook: lambda self, *arguments: True})


@pytest.mark.parametrize(
    "option",
    [
        "column_editable_list",
        "inline_models",
        "form_ajax_refs",
        "column_searchable_list",
        "column_filters",
        "form_extra_fields",
    ],
)
def test_unguarded_options_of_flask_admin_are_refused(option):
    with pytest.raises(ViewDeclarationError, match=option):
        type("Leaky", (_Units,), {option: ("code",)})


def test_all_hooks_named_by_the_guards_are_owned_by_the_base():
    owned = {name for name in SEALED if name in vars(RecordView)}
    needed = {
        "get_query",
        "get_count_query",
        "get_one",
        "get_list",
        "_create_ajax_loader",
        "scaffold_form",
        "scaffold_inline_form_models",
        "get_filters",
        "create_form",
        "edit_form",
        "get_list_columns",
        "get_details_columns",
        "get_export_columns",
        "get_export_value",
        "get_sortable_columns",
        "init_search",
        "is_accessible",
        "_handle_view",
        "is_action_allowed",
        "inaccessible_callback",
        "action_view",
        "ajax_update",
        "_run_view",
        "init_actions",
        "list_form",
        "on_model_change",
        "on_model_delete",
        "create_model",
        "update_model",
        "delete_model",
        "handle_view_exception",
        "_get_list_extra_args",
        "get_save_return_url",
    }
    assert needed <= owned


def test_guarded_functions_carry_their_permission():
    class Page(PageView):
        @expose_guarded("/", permission="page.view")
        def index(self):
            return ""

    assert exposed_functions(Page()) == {"index": "page.view"}


def test_a_view_is_shown_in_the_sidebar_to_its_holders_alone(browser_with):
    assert "/admin/units/" in browser_with("units.view").get("/admin/units/").text
    assert 'href="/admin/units/"' not in browser_with("page.view").get("/admin/").text
