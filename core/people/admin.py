"""Departments, users, roles, settings and the own account in the back office."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, g, redirect, request, session, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import PasswordField
from wtforms.validators import Length, Optional

from core.admin.access import ViewPermissions, expose_guarded
from core.admin.ajax import Reference, strict_id
from core.admin.forms import GuardedForm
from core.admin.saving import SaveRefused, commit
from core.admin.searching import SearchDeclaration
from core.admin.views import PageView, RecordView
from core.database.base import CORE
from core.database.scope import require_scope
from core.extensions import db
from core.languages import LOCALES, listed, select_locale
from core.people import services, settings, sign_in
from core.people.models import Department, DepartmentKind, Membership, Role, User
from core.people.permissions import has_permission, public
from core.people.services import PeopleRuleError
from core.people.settings import SettingRefused, UnknownSetting
from core.plugin_system.runtime import current_runtime

KINDS = (
    (DepartmentKind.REGION, _l("Region")),
    (DepartmentKind.CITY, _l("City company")),
    (DepartmentKind.GROUP, _l("Group")),
)


def display_name(record: Department | Role) -> str:
    """Return the name of a department or a role in the language of the page."""
    if isinstance(record, Department):
        return record.name_en if select_locale() == "en" and record.name_en else record.name
    return (record.label_en if select_locale() == "en" and record.label_en else record.label) or record.name


def _finish(done: str) -> None:
    """Commit what a button did and say so."""
    try:
        commit()
    except SaveRefused as refused:
        flash(refused.sentence, "error")
    else:
        flash(done, "success")


class DepartmentView(RecordView):
    """The department tree: the acting department and those below it."""

    permissions = ViewPermissions(view="people.view", create="people.manage", edit="people.manage")
    record_kind = "core.department"
    column_list = ("tree", "code", "kind", "members", "archived_at")
    column_details_list = ("name", "name_en", "code", "kind", "parent.name", "archived_at")
    column_labels = {
        "tree": _l("Department"),
        "code": _l("Code"),
        "kind": _l("Kind"),
        "members": _l("Users"),
        "name": _l("Name"),
        "name_en": _l("Name in English"),
        "parent_id": _l("Belongs to"),
        "parent.name": _l("Belongs to"),
        "archived_at": _l("Archived"),
    }
    choices = {"kind": KINDS}
    search = SearchDeclaration(
        columns=("name", "name_en", "code"), small_table=True, placeholder=_l("Name or code")
    )
    sortable = ("path", "code")
    default_sort = ("path", False)
    form_columns = ("kind", "parent_id", "code", "name", "name_en")
    create_only_columns = frozenset({"kind"})
    references = {
        "parent_id": Reference(
            Department,
            display_name,
            search=SearchDeclaration(columns=("name", "name_en", "code"), small_table=True),
            order_by=("path",),
            narrow=lambda: (*within_reach(), Department.archived_at.is_(None)),
        )
    }
    refusals = (PeopleRuleError,)
    details_template = "admin/people/department.html"
    empty_list_hint = _l("Add the region first, then its city companies and their groups.")

    cells = {
        "tree": lambda department: "　" * (len(department.path_ids) - 1) + display_name(department),
        "members": lambda department: str(g.get("_member_counts", {}).get(department.id, 0)),
    }

    def before_list(self, records: Sequence[Any]) -> None:
        """Count the users of the departments on the page."""
        query = (
            sa.select(Membership.department_id, sa.func.count(sa.distinct(Membership.user_id)))
            .where(Membership.department_id.in_([record.id for record in records]))
            .group_by(Membership.department_id)
        )
        g._member_counts = dict(db.session.execute(query).all())

    def row_conditions(self) -> Sequence[sa.ColumnElement[bool]]:
        """Show the acting department and those below it."""
        return within_reach()

    def create_record(self, form: GuardedForm) -> Department:
        """Add a department."""
        return services.create_department(
            kind=DepartmentKind(form["kind"].data),
            parent=_get(Department, form["parent_id"].data),
            code=form["code"].data,
            name=form["name"].data,
            name_en=form["name_en"].data or "",
        )

    def update_record(self, record: Department, form: GuardedForm) -> None:
        """Rename a department, and move it when another parent was chosen."""
        services.rename_department(
            record, code=form["code"].data, name=form["name"].data, name_en=form["name_en"].data or ""
        )
        parent = _get(Department, form["parent_id"].data)
        if parent is not None and parent.id != record.parent_id:
            services.move_department(record, parent)

    @expose_guarded("/archive/", permission="people.manage", methods=("POST",))
    def archive_view(self) -> Response:
        """Take a department out of use."""
        return self._switch(services.archive_department, _("The department is archived."))

    @expose_guarded("/restore/", permission="people.manage", methods=("POST",))
    def restore_view(self) -> Response:
        """Take an archived department into use again."""
        return self._switch(services.restore_department, _("The department is in use again."))

    def _switch(self, service: Any, done: str) -> Response:
        department = self.get_one(request.args.get("id"))
        key = department.id
        try:
            service(department)
        except PeopleRuleError as error:
            db.session.rollback()
            flash(str(error), "error")
        else:
            _finish(done)
        return redirect(self.address("details_view", id=key), 303)


class UserView(RecordView):
    """Accounts: those with a role where the acting user sees, with what they hold and where."""

    permissions = ViewPermissions(view="people.view", create="people.manage", edit="people.manage")
    record_kind = "core.user"
    column_list = ("name", "email", "phone", "roles_held", "active", "last_sign_in_at")
    column_details_list = ("name", "email", "phone", "active", "second_factor", "last_sign_in_at")
    column_labels = {
        "name": _l("Name"),
        "email": _l("E-mail address"),
        "phone": _l("Telephone"),
        "roles_held": _l("Roles"),
        "active": _l("Account"),
        "second_factor": _l("Second factor"),
        "last_sign_in_at": _l("Last sign-in"),
        "password": _l("First password"),
    }
    status_columns = {"active": {True: ("ok", _l("Active")), False: ("calm", _l("Deactivated"))}}
    search = SearchDeclaration(
        columns=("name", "email"), small_table=True, placeholder=_l("Name or e-mail address")
    )
    sortable = ("email",)
    default_sort = ("email", False)
    form_columns = ("name", "email", "phone", "password")
    create_only_columns = frozenset({"password"})
    form_fields = {
        "password": PasswordField(
            _l("First password"),
            [Optional(), Length(max=256)],
            description=_l("At least 12 characters. Leave it empty when the user gets one later."),
            render_kw={"autocomplete": "new-password"},
        )
    }
    refusals = (PeopleRuleError,)
    details_template = "admin/people/user.html"
    empty_list_hint = _l("Add a user, then grant a role in a department.")

    cells = {"roles_held": lambda user: _roles_held(user), "second_factor": lambda user: _second_factor(user)}

    def before_list(self, records: Sequence[Any]) -> None:
        """Load the memberships of the users on the page at once."""
        g._memberships_shown = {}
        for membership in _memberships([record.id for record in records]):
            g._memberships_shown.setdefault(membership.user_id, []).append(membership)

    def row_conditions(self) -> Sequence[sa.ColumnElement[bool]]:
        """Show the users whom the acting user may know of."""
        return known_accounts()

    def create_record(self, form: GuardedForm) -> User:
        """Add an account."""
        return services.create_user(
            name=form["name"].data,
            email=form["email"].data,
            phone=form["phone"].data,
            password=form["password"].data or None,
        )

    def update_record(self, record: User, form: GuardedForm) -> None:
        """Change how a user is called and reached."""
        services.change_user(
            record, name=form["name"].data, email=form["email"].data, phone=form["phone"].data
        )

    def details_extra(self, record: User) -> Mapping[str, Any]:
        """Add what the user holds, and what the acting user may grant."""
        may_manage = has_permission("people.manage")
        departments = services.departments_in_reach() if may_manage else ()
        return {
            "memberships": _memberships([record.id]),
            "may_manage": may_manage,
            "departments": departments,
            "roles": services.grantable_roles(departments[0]) if departments else (),
            "display_name": display_name,
            "is_within_reach": services.is_within_reach,
        }

    @expose_guarded("/grant/", permission="people.manage", methods=("POST",))
    def grant_view(self) -> Response:
        """Grant a role in a department."""
        user = self.get_one(request.args.get("id"))
        return self._change(
            user,
            lambda: services.grant(user, _required(Department, "department_id"), _required(Role, "role_id")),
            _("The role is granted."),
        )

    @expose_guarded("/revoke/", permission="people.manage", methods=("POST",))
    def revoke_view(self) -> Response:
        """Revoke a role in a department."""
        user = self.get_one(request.args.get("id"))
        membership = _required(Membership, "membership_id")
        if membership.user_id != user.id:
            abort(404)
        return self._change(user, lambda: services.revoke(membership), _("The role is revoked."))

    @expose_guarded("/activate/", permission="people.manage", methods=("POST",))
    def activate_view(self) -> Response:
        """Let a user sign in, or no more."""
        user = self.get_one(request.args.get("id"))
        active = request.form.get("active") == "1"
        done = (
            _("The account is active.")
            if active
            else _("The account is deactivated; its sessions have ended.")
        )
        return self._change(user, lambda: services.set_active(user, active), done)

    @expose_guarded("/password/", permission="people.manage", methods=("POST",))
    def password_view(self) -> Response:
        """Give a user another password."""
        user = self.get_one(request.args.get("id"))
        return self._change(
            user,
            lambda: services.set_password(user, request.form.get("password", "")),
            _("The password is changed; all sessions of the account have ended."),
        )

    @expose_guarded("/two-factor/", permission="people.manage", methods=("POST",))
    def two_factor_view(self) -> Response:
        """Forget a user's second factor."""
        user = self.get_one(request.args.get("id"))
        return self._change(
            user,
            lambda: services.reset_two_factor(user),
            _("The second factor is removed. The user sets it up at the next sign-in."),
        )

    def _change(self, user: User, change: Any, done: str) -> Response:
        page = self.address("details_view", id=user.id)
        if not sign_in.is_fresh():
            return sign_in.reauthenticate(page)
        try:
            change()
        except PeopleRuleError as error:
            db.session.rollback()
            flash(str(error), "error")
        else:
            _finish(done)
        return redirect(page, 303)


class RoleView(RecordView):
    """Roles and what their holders may do."""

    permissions = ViewPermissions(
        view="people.view", create="people.manage", edit="people.manage", delete="people.manage"
    )
    record_kind = "core.role"
    column_list = ("name", "shown", "description", "granted", "requires_two_factor")
    column_details_list = ("name", "label", "label_en", "description", "requires_two_factor")
    column_labels = {
        "name": _l("Code"),
        "shown": _l("Role"),
        "label": _l("Name"),
        "label_en": _l("Name in English"),
        "description": _l("What its holders do"),
        "granted": _l("Permissions"),
        "requires_two_factor": _l("Second factor"),
    }
    status_columns = {
        "requires_two_factor": {True: ("wait", _l("Required")), False: ("calm", _l("By choice"))}
    }
    search = SearchDeclaration(columns=("name", "label", "label_en"), small_table=True)
    sortable = ("name",)
    default_sort = ("name", False)
    form_columns = ("name", "label", "label_en", "description")
    create_only_columns = frozenset({"name"})
    cells = {"shown": display_name, "granted": lambda role: str(len(role.permissions or ()))}
    refusals = (PeopleRuleError,)
    details_template = "admin/people/role.html"
    empty_list_hint = _l("Run doorstep setup to load the roles of the trade, or add one.")

    def create_record(self, form: GuardedForm) -> Role:
        """Add a role."""
        return services.create_role(
            name=form["name"].data,
            label=form["label"].data or "",
            label_en=form["label_en"].data or "",
            description=form["description"].data or "",
        )

    def update_record(self, record: Role, form: GuardedForm) -> None:
        """Rename a role."""
        services.change_role(
            record,
            label=form["label"].data or "",
            label_en=form["label_en"].data or "",
            description=form["description"].data or "",
        )

    def delete_record(self, record: Role) -> None:
        """Remove a role that nobody holds."""
        services.delete_role(record)

    def details_extra(self, record: Role) -> Mapping[str, Any]:
        """Add all permissions, grouped by the component that declares them."""
        return {
            "groups": permission_groups(),
            "held": frozenset(record.permissions or ()),
            "own": require_scope().permissions,
            "may_manage": has_permission("people.manage"),
        }

    @expose_guarded("/permissions/", permission="people.manage", methods=("POST",))
    def permissions_view(self) -> Response:
        """Set the permissions of a role."""
        role = self.get_one(request.args.get("id"))
        page = self.address("details_view", id=role.id)
        if not sign_in.is_fresh():
            return sign_in.reauthenticate(page)
        declared = {permission.code for permission in current_runtime().declared.permissions()}
        # Permissions of a plugin that is in quarantine are not on the page; they stay.
        kept = set(role.permissions or ()) - declared
        try:
            services.set_role_permissions(role, kept | (set(request.form.getlist("permission")) & declared))
        except PeopleRuleError as error:
            db.session.rollback()
            flash(str(error), "error")
        else:
            _finish(_("The permissions of the role are changed."))
        return redirect(page, 303)


class SettingsView(PageView):
    """What departments may configure, component by component."""

    @expose_guarded("/", permission="settings.edit", methods=("GET", "POST"))
    def index(self) -> Any:
        """Show and change the settings of one component in one department."""
        declared = current_runtime().declared
        components = declared.components_with_settings()
        if not components:
            return self.render("admin/people/settings.html", components=(), states=(), department=None)
        component = request.args.get("component") or components[0]
        departments = services.departments_in_reach()
        key = strict_id(request.args.get("department") or str(require_scope().department_id))
        department = next((each for each in departments if each.id == key), None)
        if component not in components or department is None:
            abort(404)
        typed: dict[str, str] = {}
        errors: dict[str, str] = {}
        if request.method == "POST":
            typed, errors = _save_settings(component, department)
            if not errors:
                _finish(_("The settings are saved."))
                return redirect(self._address(component, department), 303)
            db.session.rollback()
        return self.render(
            "admin/people/settings.html",
            components=[(slug, component_name(slug)) for slug in components],
            component=component,
            departments=departments,
            department=department,
            states=settings.states_of(component, department),
            typed=typed,
            errors=errors,
            display_name=display_name,
            address=self._address,
        )

    def _address(self, component: str, department: Department) -> str:
        return url_for(f"{self.endpoint}.index", component=component, department=department.id)


def _save_settings(component: str, department: Department) -> tuple[dict[str, str], dict[str, str]]:
    """Save the form; return what was typed and what is wrong with it, by key."""
    typed: dict[str, str] = {}
    errors: dict[str, str] = {}
    for state in settings.states_of(component, department):
        key = state.setting.key
        if request.form.get(f"own-{key}") != "1":
            if state.own:
                settings.clear_setting(component, key, department)
            continue
        typed[key] = request.form.get(f"value-{key}", "")
        try:
            settings.set_setting(component, key, typed[key], department)
        except (SettingRefused, UnknownSetting) as error:
            errors[key] = str(error)
    return typed, errors


class AccountView(PageView):
    """The own account: language, password, second factor."""

    @expose("/", methods=("GET", "POST"))
    @public("every member of staff has an account")
    def index(self) -> Any:
        """Show the account, and change the language."""
        user: User = current_user._get_current_object()
        if request.method == "POST":
            locale = request.form.get("locale", "")
            if locale not in LOCALES:
                flash(_("Choose one of the languages in the list."), "error")
            else:
                services.set_locale(user, locale)
                session["locale"] = locale
                _finish(_("The language is changed."))
            return redirect(url_for(f"{self.endpoint}.index"), 303)
        return self.render(
            "admin/people/account.html",
            user=user,
            locales=LOCALES,
            memberships=_memberships([user.id]),
            display_name=display_name,
        )


def permission_groups() -> list[tuple[str, list[Any]]]:
    """Return all declared permissions by the component that declares them, with the component's name."""
    declared = current_runtime().declared
    groups: dict[str, list[Any]] = {}
    for permission in declared.permissions():
        groups.setdefault(declared.component_of(permission), []).append(permission)
    return [(component_name(component), permissions) for component, permissions in groups.items()]


def component_name(slug: str) -> str:
    """Return what staff call a component."""
    return _("General") if slug == CORE else str(current_runtime().plugins[slug].name)


def known_accounts() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition of the accounts that the acting user may know of."""
    return (User.id.in_(services.users_in_reach().with_only_columns(User.id)),)


def within_reach() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition of the departments that the acting user may know of: the acting one and those below it."""
    scope = require_scope()
    if scope.department_id is None:
        return () if scope.user_id is None else (sa.false(),)
    return (
        Department.path.startswith(
            "/".join(["", *map(str, services.department_path(scope.department_id)), ""])
        ),
    )


def _roles_held(user: User) -> str:
    shown: dict[int, list[Membership]] = g.get("_memberships_shown", {})
    return listed(
        f"{display_name(each.role)} ({display_name(each.department)})" for each in shown.get(user.id, ())
    )


def _second_factor(user: User) -> str:
    return _("Set up") if user.tf_totp_secret else _("Not set up")


def _memberships(user_ids: Sequence[int]) -> Sequence[Membership]:
    query = (
        sa.select(Membership)
        .where(Membership.user_id.in_(user_ids))
        .options(joinedload(Membership.role), joinedload(Membership.department))
        .order_by(Membership.id)
    )
    scope = require_scope()
    if scope.department_ids is not None:
        query = query.where(
            sa.or_(
                Membership.department_id.in_(sorted(scope.department_ids)),
                Membership.user_id == scope.user_id,
            )
        )
    return db.session.scalars(query).all()


def _get(model: Any, value: Any) -> Any:
    """Return the record of a reference field, which holds a key or the record itself."""
    if value is None or isinstance(value, model):
        return value
    return db.session.get(model, value)


def _required(model: Any, name: str) -> Any:
    key = strict_id(request.form.get(name))
    found = db.session.get(model, key) if key is not None else None
    return found if found is not None else abort(404)
