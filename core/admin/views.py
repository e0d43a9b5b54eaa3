"""The guarded base views: the only ones that the back office mounts.

:class:`RecordView` shows, changes and exports the rows of one model; :class:`PageView` is any other page. Both check
the plugin's switch and the permission at the door. A subclass declares what it shows as class attributes and leaves
the rest to the base; what decides over guards is sealed (:data:`SEALED`), and a subclass that overrides it is refused.
``docs/reference/views.md`` describes the whole surface with an example.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import (
    Response,
    abort,
    current_app,
    flash,
    has_request_context,
    jsonify,
    redirect,
    request,
    url_for,
)
from flask_admin import BaseView, expose  # noqa: TID251 (this is the guarded base)
from flask_admin.contrib.sqla import ModelView  # noqa: TID251 (this is the guarded base)
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup, escape
from wtforms import ValidationError

from core.admin import actions, exporting, import_jobs, listing, pager, transitions
from core.admin.access import ViewDeclarationError, admit, exposed_functions, holds
from core.admin.actions import BulkAction, bulk_action
from core.admin.ajax import PAGE_SIZE as PROPOSALS
from core.admin.ajax import Reference, ReferenceField, ReferenceListField, strict_id
from core.admin.cells import Cells
from core.admin.declaring import FormSection, RecordDeclarations
from core.admin.filters import ReferenceFilter
from core.admin.forms import NONCE, VERSION, FormBuilder, GuardedForm
from core.admin.list_rows import RowReader
from core.admin.listing import ListRequest
from core.admin.masking import REVEAL_PERSONAL, sees_personal_data
from core.admin.models import SubmittedForm
from core.admin.record_page import record_page
from core.admin.redirects import redirect_target
from core.admin.saving import SaveRefused, commit, saving
from core.admin.searching import clean_text
from core.admin.versions import differences, version_of
from core.database.base import CORE
from core.database.scope import KEPT_SELECT, current_scope
from core.extensions import db
from core.machinery.audit.services import record_event
from core.machinery.documents.batches import batch_types
from core.machinery.exchange import presets
from core.machinery.workflow.services import Transition
from core.people.permissions import Public, require
from core.plugin_system.runtime import current_runtime

SHORTEST_REASON = 4
LONGEST_REASON = 200

SEALED = frozenset(
    {
        # what is read
        "get_query",
        "get_count_query",
        "get_one",
        "get_list",
        "_create_ajax_loader",
        "get_filters",
        "_get_list_extra_args",
        "_get_list_filter_args",
        "init_search",
        "get_sortable_columns",
        "get_list_columns",
        "get_details_columns",
        "get_export_columns",
        "get_export_value",
        "list_select",
        "read_list",
        "read_rows",
        "kept_selects",
        # forms
        "scaffold_form",
        "scaffold_list_form",
        "scaffold_inline_form_models",
        "get_form",
        "get_create_form",
        "get_edit_form",
        "get_list_form",
        "create_form",
        "edit_form",
        "list_form",
        "delete_form",
        "action_form",
        "_build_forms",
        "_make_form",
        # writing
        "create_model",
        "update_model",
        "delete_model",
        "_on_model_change",
        "on_model_change",
        "on_model_delete",
        "handle_view_exception",
        "_save",
        # doors
        "is_accessible",
        "_handle_view",
        "_run_view",
        "inaccessible_callback",
        "is_action_allowed",
        "handle_action",
        "init_actions",
        "get_save_return_url",
        # pages
        "index_view",
        "create_view",
        "edit_view",
        "details_view",
        "delete_view",
        "action_view",
        "ajax_lookup",
        "ajax_update",
        "export",
        "reveal_view",
        "transition_view",
    }
)
"""What a subclass may not override, because a guard stands in it."""

_SEALED_PAGE = frozenset({"is_accessible", "_handle_view", "_run_view", "inaccessible_callback"})
_UNUSED_OF_FLASK_ADMIN = (
    "column_editable_list",
    "column_filters",
    "column_searchable_list",
    "column_sortable_list",
    "column_default_sort",
    "column_formatters",
    "column_formatters_export",
    "column_formatters_detail",
    "column_extra_row_actions",
    "inline_models",
    "form_ajax_refs",
    "form_excluded_columns",
    "form_extra_fields",
    "form_overrides",
    "form_rules",
    "form_create_rules",
    "form_edit_rules",
    "column_exclude_list",
    "column_details_exclude_list",
    "column_export_exclude_list",
    "fast_mass_delete",
)
_REPLACEMENT = {
    "column_filters": "filters",
    "column_searchable_list": "search",
    "column_sortable_list": "sortable",
    "column_default_sort": "default_sort",
    "column_formatters": "cells",
    "form_ajax_refs": "references",
    "form_extra_fields": "form_fields",
    "form_overrides": "form_fields",
    "inline_models": "a page or a panel of its own",
}


def refuse_sealed(view: type) -> None:
    """Refuse a subclass that overrides a sealed hook, sets an unguarded option, or exposes a function openly.

    Raises:
        ViewDeclarationError: It does.
    """
    sealed = SEALED if issubclass(view, RecordView) else _SEALED_PAGE
    base: type = RecordView if issubclass(view, RecordView) else PageView
    for ancestor in view.__mro__:
        if ancestor is base:
            break
        overridden = [
            name
            for name in sorted(sealed & set(vars(ancestor)))
            if vars(ancestor)[name] is not getattr(base, name, None)
        ]
        if overridden:
            raise ViewDeclarationError(
                f"{view.__module__}.{view.__qualname__} overrides {', '.join(overridden)}, which carries a guard. "
                "Use create_record, update_record, delete_record, row_conditions, before_list or cells instead."
            )
        if issubclass(view, RecordView):
            for name in sorted(set(_UNUSED_OF_FLASK_ADMIN) & set(vars(ancestor))):
                instead = _REPLACEMENT.get(name, "the attributes of RecordView")
                raise ViewDeclarationError(
                    f"{view.__module__}.{view.__qualname__} sets {name}, which goes past the guards; use {instead}."
                )


class PageView(BaseView):
    """Base of pages that are not the list of one model.

    Each exposed function carries ``@expose_guarded(…, permission=…)`` (or ``@expose`` with ``@requires``); who may
    see the page in the sidebar is decided by the permission of its first page.
    """

    component: str = CORE
    """Slug of the plugin that the view belongs to; set when it is mounted."""
    icon: Any = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        refuse_sealed(cls)

    @cached_property
    def _function_permissions(self) -> dict[str, str | Public | None]:
        return exposed_functions(self)

    @property
    def permission(self) -> str | Public | None:
        """The permission of the first page, which decides whether the sidebar shows the view."""
        return self._function_permissions[self._default_view]

    def is_accessible(self) -> bool:
        """Return whether the acting user may open the first page."""
        return _may_open(self.component, self.permission)

    def is_visible(self) -> bool:
        """Return whether the sidebar shows the view."""
        return self.is_accessible()

    def _handle_view(self, name: str, **arguments: Any) -> Any:
        del arguments
        return _open_door(self.component, self._function_permissions.get(name))

    def _run_view(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # Flask-Admin calls again without self on any TypeError, which hides the real error.
        return fn(self, *args, **kwargs)


def _may_open(component: str, permission: str | Public | None) -> bool:
    from core.plugin_system.gate import is_on

    if current_scope() is None or not is_on(component):
        return False
    return isinstance(permission, Public) or holds(permission)


def _open_door(component: str, permission: str | Public | None) -> Any:
    if isinstance(permission, Public):
        return admit(component)
    return admit(component, permission)


@dataclass(frozen=True)
class DetailField:
    """A field of a record page."""

    name: str
    label: Any
    content: Markup


class RecordView(RecordDeclarations, ModelView):
    """Base of the views of one model: list, search, filters, record page, forms, deletion, actions, export.

    Everything that is shown or written is named; nothing is taken from the model by default. ``core.toolkit`` exports
    the class with its helpers.
    """

    can_view_details = True
    can_create = can_edit = can_delete = can_export = True
    column_display_actions = False
    list_template = "admin/model/list.html"
    create_template = "admin/model/create.html"
    edit_template = "admin/model/edit.html"
    details_template = "admin/model/details.html"

    _function_needs: ClassVar[dict[str, str]] = {
        "index_view": "view",
        "counts_view": "view",
        "details_view": "view",
        "ajax_lookup": "view",
        "action_view": "view",
        "reveal_view": "view",
        "transition_view": "view",
        "create_view": "create",
        "edit_view": "edit",
        "ajax_update": "edit",
        "delete_view": "delete",
        "export": "export",
    }

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        refuse_sealed(cls)

    def __init__(self, model: Any, session: Any = None, **options: Any) -> None:
        """Check the declarations and make the forms.

        Args:
            model: The mapped class; its key is ``id``.
            session: Left out; the database of the application is used.
            options: Those of Flask-Admin: name, endpoint, url.

        Raises:
            ViewDeclarationError: A declaration is missing or breaks a rule.
        """
        del session
        self.model = model
        self._check_declarations()
        super().__init__(model, db, **options)
        self.step_form_classes = transitions.step_forms(self)
        self.bulk_actions: dict[str, BulkAction] = {
            **actions.declared_actions(self),
            **transitions.bulk_transitions(self),
        }
        if self.workflow is None:
            self._urls = [each for each in self._urls if each[1] != "transition_view"]  # type: ignore[has-type]

    # ------------------------------------------------------------------ what subclasses may override

    def row_conditions(self) -> Sequence[sa.ColumnElement[bool]]:
        """Return conditions that every row of this view meets, in addition to the wall between departments."""
        return ()

    def before_list(self, records: Sequence[Any]) -> None:
        """Prepare the rows of a page all at once, for example load what ``cells`` show, keyed by record."""

    def create_record(self, form: GuardedForm) -> Any:
        """Make a record from a valid form and return it. Override it with a call of a service."""
        record = self.model()
        form.populate_obj(record)
        db.session.add(record)
        return record

    def update_record(self, record: Any, form: GuardedForm) -> None:
        """Change a record from a valid form. Override it with a call of a service."""
        form.populate_obj(record)

    def delete_record(self, record: Any) -> None:
        """Delete a record. Override it with a call of a service."""
        db.session.delete(record)

    def why_locked(self, record: Any) -> Any:
        """Return why nobody changes or deletes a record any more, as a full sentence, or None.

        A finished, issued or published record overrides it: its page offers no form, and the form's address leads back
        to the page with the sentence. The service refuses all the same.
        """
        del record

    def take_step(self, record: Any, transition: Transition, values: Mapping[str, Any]) -> None:
        """Move a record along a transition of the workflow. Override it with calls of the services that do more.

        Args:
            record: The record.
            transition: A transition that a button of its page or the list offers.
            values: What was typed into its form, by name; the reason is ``comment``.
        """
        if self.workflow is not None:
            self.workflow.move(record, transition.code, **values)

    def prepare_step(self, form: GuardedForm, record: Any | None, transition: Transition) -> None:
        """Prepare the form of a step: fill in choices, or take out a field that this record does not need.

        Args:
            form: The form.
            record: The record, or None for ticked rows.
            transition: The transition.
        """

    def step_done(self, record: Any, transition: Transition) -> Any:
        """Return the sentence that is shown after a step; it names the new state unless overridden."""
        del transition
        return transitions.done_sentence(self, record)

    def check_form(self, form: GuardedForm, record: Any | None) -> None:
        """Check what no single field can; append sentences to the fields' ``errors`` or raise ``ValidationError``."""

    def after_save_url(self, record: Any) -> str:
        """Return where the browser goes after a save; the record page by default."""
        return url_for(f"{self.endpoint}.details_view", id=record.id)

    def details_extra(self, record: Any) -> Mapping[str, Any]:
        """Return further values for an own details template."""
        del record
        return {}

    # ------------------------------------------------------------------ Flask-Admin's own hooks, narrowed

    def _refresh_cache(self) -> None:
        """Make the forms once; nothing of Flask-Admin's scaffolding is used."""
        self._list_columns = self.get_list_columns()
        self._sortable_columns = self.get_sortable_columns()
        self._details_columns = self.get_details_columns()
        self._export_columns = self.get_export_columns()
        self._form_ajax_refs: dict[str, Any] = {}
        self._search_supported = self.init_search()
        self._filters = self._filter_groups = self._filter_args = None
        self._column_choices_map: dict[str, Any] = {}
        self._form_create_rules = self._form_edit_rules = None
        self._build_forms()

    def scaffold_auto_joins(self) -> list[Any]:
        """Return nothing: the list names what it loads."""
        return []

    def scaffold_pk(self) -> str:
        """Return the key."""
        return "id"

    def get_pk_value(self, model: Any) -> Any:
        """Return the key of a record."""
        return model.id

    def get_query(self) -> Any:
        """Return a query of the visible rows of this view."""
        return db.session.query(self.model).filter(*self.row_conditions())

    def get_count_query(self) -> Any:
        """Return a query of the number of visible rows."""
        return db.session.query(sa.func.count(self.model.id)).filter(*self.row_conditions())

    def get_one(self, id: Any) -> Any:
        """Return the visible row with this key.

        Args:
            id: Digits, as text; everything else answers 404 like a row that does not exist or cannot be seen.
        """
        key = id if isinstance(id, int) and not isinstance(id, bool) else strict_id(id)
        if key is None:
            abort(404)
        conditions = self.row_conditions()
        # PostgreSQL: whoever comes second waits here and then sees the new version. SQLite has one writer anyway.
        is_change = has_request_context() and request.method == "POST"
        statement = self._by_key_to_change if is_change else self._by_key
        if conditions:
            statement = statement.where(*conditions).execution_options(**{KEPT_SELECT: False})
        found = db.session.scalars(statement, {"key": key}).one_or_none()
        return found if found is not None else abort(404)

    @cached_property
    def _by_key(self) -> sa.Select[Any]:
        """The select of the row with the parameter ``key``, built once: that takes as long as reading the row."""
        statement = sa.select(self.model).where(self.model.id == sa.bindparam("key"))
        return statement.execution_options(populate_existing=True, **{KEPT_SELECT: True})

    @cached_property
    def _by_key_to_change(self) -> sa.Select[Any]:
        return self._by_key.with_for_update(of=self.model)

    def list_select(self) -> sa.Select[Any]:
        """Return the select of the columns that the list shows; :meth:`read_rows` reads it."""
        if self._row_reader is not None:
            return self._row_reader.select
        return sa.select(self.model).options(
            *listing.loader_options(self.model, self.column_list), *self.list_options
        )

    def read_rows(self, statement: sa.Select[Any], values: Mapping[str, Any] | None = None) -> list[Any]:
        """Return the rows that a narrowed and ordered :meth:`list_select` finds.

        Args:
            statement: The select.
            values: Those that it leaves open, by name.
        """
        if self._row_reader is not None:
            return self._row_reader.rows(db.session.execute(statement, values))
        return list(db.session.scalars(statement, values))

    @cached_property
    def kept_selects(self) -> dict[tuple[Any, ...], sa.Select[Any]]:
        """Selects of the whole list that were made once, see :class:`~core.admin.listing.Lister`."""
        return {}

    @cached_property
    def _row_reader(self) -> RowReader | None:
        if self.list_reads is None:
            return None
        return RowReader(self.model, (*self.column_list, *self.list_reads))

    @cached_property
    def list_reads_other_tables(self) -> bool:
        """Whether the rows of the list are read together with those of other tables."""
        paths = (*self.column_list, *(self.list_reads or ()))
        return bool(self.list_options) or any("." in path for path in paths)

    def opening_arguments(self) -> Mapping[str, str]:
        """Return how the list opens when its address asks for nothing: arguments of its own address.

        The filters stand above the list like chosen ones and are taken away in the same way; name a sorting too, so
        that the address is not empty again when the last of them is taken away.
        """
        return {}

    def read_list(self, asked: ListRequest) -> listing.Page:
        """Return one page of the list."""
        return listing.Lister(self, asked).page()

    def _not_used(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse a way of Flask-Admin that goes past the guards; the pages below have their own."""
        raise NotImplementedError(
            f"{type(self).__qualname__}: the guarded view does not use this hook of Flask-Admin."
        )

    get_list = _get_list_extra_args = _get_list_filter_args = _not_used
    list_form = delete_form = action_form = _not_used
    create_model = update_model = delete_model = _not_used
    on_model_change = _on_model_change = on_model_delete = _not_used
    handle_view_exception = handle_action = get_save_return_url = _not_used

    def get_list_columns(self) -> list[tuple[str, Any]]:
        """Return the declared columns of the list."""
        return [(name, self.label_of(name)) for name in self.column_list]

    def get_details_columns(self) -> list[tuple[str, Any]]:
        """Return the declared fields of the record page."""
        return [(name, self.label_of(name)) for name in self.column_details_list]

    def get_export_columns(self) -> list[tuple[str, Any]]:
        """Return the declared columns of exports."""
        return [(name, self.label_of(name)) for name in self.column_export_list]

    def get_sortable_columns(self) -> dict[str, Any]:
        """Return the columns that anybody may sort by."""
        return {name: name for name in self._sort_permissions}

    def get_export_value(self, model: Any, name: Any) -> Any:
        """Return a masked value as an export shows it."""
        return exporting.guard_formula(Cells(self, True).words(name)(getattr(model, name)))

    def init_search(self) -> bool:
        """Return whether the list can be searched."""
        return self.search is not None

    def get_filters(self) -> None:
        """Return no filters of Flask-Admin's own."""

    def _create_ajax_loader(self, name: str, options: Any) -> Any:
        raise self._fault("form_ajax_refs is not used; declare references")

    def init_actions(self) -> None:
        """Leave out Flask-Admin's actions, which get bare keys and allow by default."""
        self._actions: list[Any] = []
        self._actions_data: dict[str, Any] = {}

    def is_action_allowed(self, name: str) -> bool:
        """Return whether the acting user may use an action; an unknown one is not allowed."""
        action = self.bulk_actions.get(name)
        return action is not None and holds(action.permission)

    # ------------------------------------------------------------------ the door

    def is_accessible(self) -> bool:
        """Return whether the acting user may see the list."""
        return _may_open(self.component, self.permissions.view)

    def is_visible(self) -> bool:
        """Return whether the sidebar shows the view."""
        return self.is_accessible()

    @cached_property
    def _function_permissions(self) -> dict[str, str | Public | None]:
        declared = exposed_functions(self)
        for name, what in self._function_needs.items():
            declared[name] = getattr(self.permissions, what)
        return declared

    def _handle_view(self, name: str, **arguments: Any) -> Any:
        del arguments
        permission = self._function_permissions.get(name)
        if isinstance(permission, Public):
            return admit(self.component, self.permissions.view)
        return admit(self.component, self.permissions.view, permission)

    def _run_view(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # Flask-Admin calls again without self on any TypeError, which hides the real error.
        return fn(self, *args, **kwargs)

    def inaccessible_callback(self, name: str, **kwargs: Any) -> Any:
        """Answer 403."""
        del name, kwargs
        abort(403)

    # ------------------------------------------------------------------ list

    @expose("/")
    def index_view(self) -> Any:
        """Show a page of the list, or tell how many rows it has, which the page asks for once it is shown."""
        asked = listing.read_request(self, request.args)
        if request.args.get(pager.PART) == pager.TOTAL:
            return pager.told_total(self, asked)
        page = self.read_list(asked)
        masked = not sees_personal_data()
        prints = self._printed_kind()
        bulk = transitions.legal_actions(self, actions.allowed_actions(self), page.records)
        rows = (
            Cells(self, masked).rows(
                self.column_list,
                page.records,
                _checkboxes() if bulk or prints else _no_start,
                f"{self.address('details_view')}?id=",
            )
            if page.records
            else Markup()
        )
        return self.render(
            self.list_template,
            rows=rows,
            listed=page,
            asked=asked,
            bulk_actions=bulk,
            print_url=url_for("document_batches.order", kind=prints) if prints else None,
            print_all_url=url_for(
                "document_batches.order", kind=prints, view=self.endpoint, **_given(asked.arguments)
            )
            if prints
            else None,
            columns=self._heads(asked),
            pager=pager.pager_of(self, page, asked),
            chips=self._chips(asked),
            filter_fields=self._filter_fields(asked),
            return_url=self.list_address(asked, page=asked.page or None),
            may=self.may,
            search_declaration=self.search,
            clear_url=self.address("index_view", **_given(self._unfiltered(asked))),
            export_url=self.address("export", **_given(asked.arguments)) if self.may("export") else None,
        )

    def _printed_kind(self) -> str | None:
        """Return the code of the record kind of this list when the acting user may print documents of many records."""
        kind = current_runtime().declared.record_kind_of(self.model)
        return kind.code if kind is not None and batch_types(kind.code) else None

    def list_address(self, asked: ListRequest, **changes: Any) -> str:
        """Return the address of this list, asked in the same way but for some arguments; None takes one away."""
        return self.address("index_view", **_given({**asked.arguments, **changes}))

    def _unfiltered(self, asked: ListRequest) -> Mapping[str, Any]:
        """Return the arguments of the whole list; some where an address without any would filter it again."""
        if not self.opening_arguments():
            return {}
        return {"sort": asked.sort, "desc": "1" if asked.descending else None}

    def _heads(self, asked: ListRequest) -> list[dict[str, Any]]:
        sortable = self.sortable_now()
        heads = []
        for name, label in self._list_columns:
            current = asked.sort == name
            descending = current and not asked.descending
            heads.append(
                {
                    "name": name,
                    "label": label,
                    "number": self.is_number(name),
                    "url": self.list_address(asked, sort=name, desc="1" if descending else None)
                    if name in sortable
                    else None,
                    "sorted": ("descending" if asked.descending else "ascending") if current else None,
                }
            )
        return heads

    def _chips(self, asked: ListRequest) -> list[dict[str, Any]]:
        chips = [
            {
                "label": chip.label,
                "words": chip.words,
                "clear": self.list_address(asked, **dict.fromkeys(chip.arguments)),
            }
            for chip in asked.chips
        ]
        if asked.search:
            chips.append(
                {"label": _("Search"), "words": asked.search, "clear": self.list_address(asked, search=None)}
            )
        return chips

    def _filter_fields(self, asked: ListRequest) -> list[dict[str, Any]]:
        fields = []
        for each in self.filters_now():
            typed = asked.typed.get(each.column, ("",) * len(each.arguments))
            field: dict[str, Any] = {
                "kind": each.kind,
                "label": self.filter_label(each),
                "arguments": each.arguments,
                "typed": typed,
                "choices": each.choices(self),
            }
            if isinstance(each, ReferenceFilter):
                field["lookup"] = self.address("ajax_lookup", name=f"filter:{each.column}")
                field["chosen"] = each.words(self, typed)
            fields.append(field)
        return fields

    # ------------------------------------------------------------------ forms

    def _build_forms(self) -> None:
        """Make the form classes: for new records and for changes, each plain and masked."""
        self._forms: dict[tuple[bool, bool], type[GuardedForm]] = {}
        builder = FormBuilder(self)
        if not self.form_columns:
            return
        for masked in (False, True):
            self._forms[True, masked] = builder.build(self.form_columns, internal=(NONCE,))
            kept = [name for name in self.form_columns if name not in self.create_only_columns]
            self._forms[False, masked] = builder.build(kept, masked=masked, internal=(VERSION,))

    def _make_form(self, record: Any | None, data: Any) -> GuardedForm:
        """Return the form of this request: fields by permission, masked where the user may not see the value."""
        masked = not sees_personal_data()
        form = self._forms[record is None, masked](data, obj=record)
        for name, permission in self.field_permissions.items():
            if name in form and not holds(permission):
                del form[name]
        lookup = self.address("ajax_lookup")
        for name, field in form._fields.items():
            if isinstance(field, (ReferenceField, ReferenceListField)):
                field.lookup_url = f"{lookup}?name={name}"
            if record is not None and name in form.masked_names:
                mask = self.personal_columns[name]
                field.render_kw = {**(field.render_kw or {}), "placeholder": mask(getattr(record, name))}
                field.description = _("Hidden. Leave it empty to keep the value, or type a new one.")
                if data is None:
                    field.data = None
        return form

    def create_form(self, obj: Any = None) -> GuardedForm:
        """Return the form of a new record."""
        del obj
        return self._make_form(None, request.form if request.method == "POST" else None)

    def edit_form(self, obj: Any = None) -> GuardedForm:
        """Return the form of a change."""
        return self._make_form(obj, request.form if request.method == "POST" else None)

    def scaffold_form(self) -> Any:
        """Refuse Flask-Admin's form of all columns."""
        raise self._fault("forms are made from form_columns")

    get_form = get_create_form = get_edit_form = get_list_form = scaffold_form

    def scaffold_list_form(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse editing in the list."""
        raise self._fault("there is no editing in the list")

    def scaffold_inline_form_models(self, form_class: Any) -> Any:
        """Refuse inline models: all children would be loaded, unscoped, one form each."""
        raise self._fault("children have a page or a panel of their own")

    def _render_form(self, template: str, form: GuardedForm, status: int = 200, **values: Any) -> Any:
        grouped = {name for section in self.form_sections for name in section.names}
        loose = tuple(name for name in form._fields if name not in grouped and name not in (NONCE, VERSION))
        sections = [FormSection("", loose)] if loose else []
        sections += [
            FormSection(section.title, tuple(name for name in section.names if name in form))
            for section in self.form_sections
        ]
        html = self.render(
            template,
            form=form,
            sections=[section for section in sections if section.names],
            return_url=redirect_target() or self.address("index_view"),
            may=self.may,
            **values,
        )
        return html if status == 200 else (html, status)

    # ------------------------------------------------------------------ new records

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """Show the form of a new record, or save it."""
        form = self.create_form()
        if request.method == "GET":
            form[NONCE].data = secrets.token_urlsafe(32)
            return self._render_form(self.create_template, form)
        nonce = form[NONCE].data or ""
        if not 20 <= len(nonce) <= 43 or not nonce.isascii():
            abort(400)
        earlier = self._submitted(nonce)
        if earlier is not None:
            return self._already_saved(earlier)
        if not self._is_valid(form, None):
            return self._render_form(self.create_template, form, 422)
        try:
            record = self._save(form, None, nonce)
        except SaveRefused as refused:
            earlier = self._submitted(nonce)
            if earlier is not None:
                return self._already_saved(earlier)
            flash(refused.sentence, "error")
            return self._render_form(self.create_template, form, 409)
        if record is None:
            return self._render_form(self.create_template, form, 422)
        flash(_("The record was created."), "success")
        if "_add_another" in request.form:
            return redirect(self.address("create_view", url=redirect_target()), 303)
        return redirect(self.after_save_url(record), 303)

    def _submitted(self, nonce: str) -> SubmittedForm | None:
        found = db.session.get(SubmittedForm, nonce)
        scope = current_scope()
        if found is not None and (
            scope is None or found.user_id != scope.user_id or found.endpoint != self.endpoint
        ):
            abort(400)
        return found

    def _already_saved(self, earlier: SubmittedForm) -> Any:
        flash(_("This form was already saved; here is its record. It was not saved twice."), "info")
        if earlier.record_id is None:
            return redirect(self.address("index_view"), 303)
        return redirect(self.address("details_view", id=earlier.record_id), 303)

    def _is_valid(self, form: GuardedForm, record: Any | None) -> bool:
        valid = bool(form.validate())
        try:
            self.check_form(form, record)
        except (ValidationError, *self.refusals) as error:
            _complain(form, error)
        return valid and not form.errors

    def _save(self, form: GuardedForm, record: Any | None, nonce: str = "") -> Any:
        """Write a valid form and commit.

        Returns:
            The record, or None when a service refused; its sentence then stands in the form.

        Raises:
            SaveRefused: The database or the wall refused.
        """
        try:
            with saving():
                if record is not None:
                    self.update_record(record, form)
                    db.session.flush()
                else:
                    scope = current_scope()
                    submitted = SubmittedForm(
                        nonce=nonce, user_id=scope.user_id if scope else None, endpoint=self.endpoint
                    )
                    db.session.add(submitted)
                    db.session.flush()
                    record = self.create_record(form)
                    db.session.flush()
                    submitted.record_id = record.id
        except (ValidationError, *self.refusals) as error:
            db.session.rollback()
            _complain(form, error)
            return None
        commit()
        return record

    # ------------------------------------------------------------------ changes

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        """Show the form of a change, or save it; a stale one is refused with both values shown."""
        record = self.get_one(self._single_id())
        if (locked := self.why_locked(record)) is not None:
            return self._back_to_locked(record, locked)
        form = self.edit_form(record)
        heading = self.heading_of(record)
        version = version_of(record, self.form_columns)
        if request.method == "GET":
            form[VERSION].data = version
            return self._render_form(self.edit_template, form, record=record, heading=heading)
        if form[VERSION].data != version:
            return self._conflict(form, record, heading, version)
        if not self._is_valid(form, record):
            return self._render_form(self.edit_template, form, 422, record=record, heading=heading)
        key = record.id
        try:
            saved = self._save(form, record)
        except SaveRefused as refused:
            record = self.get_one(key)
            if refused.stale:
                return self._conflict(form, record, heading, version_of(record, self.form_columns))
            flash(refused.sentence, "error")
            return self._render_form(self.edit_template, form, 409, record=record, heading=heading)
        if saved is None:
            return self._render_form(self.edit_template, form, 422, record=self.get_one(key), heading=heading)
        flash(_("The change was saved."), "success")
        if "_continue_editing" in request.form:
            return redirect(self.address("edit_view", id=key, url=redirect_target()), 303)
        return redirect(redirect_target() or self.after_save_url(saved), 303)

    def _conflict(self, form: GuardedForm, record: Any, heading: str, version: str) -> Any:
        found = differences(self, form, self._make_form(record, None), not sees_personal_data())
        if not found:
            flash(_("The change was already saved."), "info")
            return redirect(self.after_save_url(record), 303)
        form[VERSION].data = version
        return self._render_form(
            self.edit_template, form, 409, record=record, heading=heading, conflict=found
        )

    def _back_to_locked(self, record: Any, sentence: Any) -> Any:
        flash(str(sentence), "error")
        return redirect(self.address("details_view", id=record.id), 303)

    @staticmethod
    def _single_id() -> str:
        """Return the one ``id`` of the address; several answer 404 like a record that does not exist."""
        found = request.args.getlist("id")
        return found[0] if len(found) == 1 else abort(404)

    # ------------------------------------------------------------------ record page

    @expose("/details/")
    def details_view(self) -> Any:
        """Show the page of a record."""
        return self._details(self.get_one(self._single_id()), masked=not sees_personal_data())

    def _details(self, record: Any, *, masked: bool, revealed: bool = False) -> Any:
        cells = Cells(self, masked)
        fields = [
            DetailField(name, label, Markup(cells.markup(name)(record)))  # noqa: S704 (cells are escaped)
            for name, label in self._details_columns
        ]
        hides = masked and any(name in self.personal_columns for name in self.column_details_list)
        return self.render(
            self.details_template,
            record=record,
            model=record,
            fields=fields,
            record_page=record_page(record),
            may=_may_with(self, record),
            steps=transitions.buttons(self, record),
            may_reveal=hides and holds(REVEAL_PERSONAL),
            revealed=revealed,
            return_url=redirect_target() or self.address("index_view"),
            **self.details_extra(record),
        )

    @expose("/reveal/", methods=("POST",))
    def reveal_view(self) -> Any:
        """Show personal data of one record to who gives a reason; the log keeps it."""
        require(REVEAL_PERSONAL)
        record = self.get_one(self._single_id())
        reason = _reason()
        if reason is None:
            flash(_("Say in a few words why you need to see the personal data."), "error")
            return self._details(record, masked=True)
        record_event("revealed", record, reason, columns=sorted(self.personal_columns))
        commit()
        response: Response = current_app.make_response(self._details(record, masked=False, revealed=True))
        response.headers["Cache-Control"] = "no-store"
        return response

    # ------------------------------------------------------------------ steps of the workflow

    @expose("/transition/", methods=("POST",))
    def transition_view(self) -> Any:
        """Take a step of a record; what is refused leads back to the form with all that was typed."""
        record = self.get_one(self._single_id())
        transition = transitions.offered(self, request.form.get("transition"))
        key, heading = record.id, self.heading_of(record)
        form = transitions.step_form(self, record, transition, request.form)
        workflow = transitions.workflow_of(self)
        if form is not None and workflow.state_of(record).code not in transition.sources:
            # Somebody was faster: no form helps now, and the view would look for what was typed into it.
            flash(str(workflow.refusal(record, transition.code)), "error")
            return redirect(self.address("details_view", id=key), 303)
        if form is not None and not form.validate():
            return self._render_step(record, transition, form, heading)
        try:
            with saving():
                self.take_step(record, transition, transitions.values_of(form))
                db.session.flush()
            sentence = self.step_done(record, transition)
            commit()
        except SaveRefused as refused:
            flash(refused.sentence, "error")
        except transitions.refusals_of(self) as error:
            db.session.rollback()
            if form is not None:
                _complain(form, error)
                return self._render_step(self.get_one(key), transition, form, heading)
            flash(str(error), "error")
        else:
            flash(sentence, "success")
        return redirect(self.address("details_view", id=key), 303)

    def _render_step(self, record: Any, transition: Transition, form: GuardedForm, heading: str) -> Any:
        return (
            self.render(
                "admin/model/step.html", record=record, transition=transition, form=form, heading=heading
            ),
            422,
        )

    def _move_chosen(self, action: BulkAction, records: Sequence[Any], back: str) -> Any:
        """Show which of the ticked rows may take a step and why others may not; then move those that may."""
        transition = action.transition
        if transition is None:
            abort(404)
        confirmed = request.form.get("confirmed") == "1"
        form = transitions.step_form(self, None, transition, request.form if confirmed else None)
        page = {"action": action, "transition": transition, "form": form, "return_url": back}
        if not confirmed or (form is not None and not form.validate()):
            legal, outcome = transitions.sorted_out(self, records, transition)
            html = self.render(
                "admin/model/move.html", records=records, legal=legal, skipped=outcome.skipped, **page
            )
            return html if not confirmed else (html, 422)
        try:
            with saving():
                outcome = transitions.move_chosen(self, records, transition, transitions.values_of(form))
            commit()
        except SaveRefused as refused:
            flash(refused.sentence, "error")
            return redirect(back, 303)
        done = ngettext("%(num)s record was moved.", "%(num)s records were moved.", len(outcome.moved))
        if not outcome.skipped:
            flash(done, "success")
            return redirect(back, 303)
        return self.render("admin/model/moved.html", outcome=outcome, done=done, **page)

    # ------------------------------------------------------------------ deletion

    @expose("/delete/", methods=("GET", "POST"))
    def delete_view(self) -> Any:
        """Ask, and delete on the second page."""
        record = self.get_one(self._single_id() if request.method == "GET" else request.form.get("id"))
        if (locked := self.why_locked(record)) is not None:
            return self._back_to_locked(record, locked)
        back = redirect_target() or self.address("index_view")
        heading = self.heading_of(record)
        if request.method == "GET":
            return self.render(
                "admin/model/delete.html",
                record=record,
                heading=heading,
                return_url=back,
                record_url=self.address("details_view", id=record.id),
            )
        key = record.id
        try:
            with saving():
                self.delete_record(record)
                db.session.flush()
            commit()
        except SaveRefused as refused:
            flash(refused.sentence, "error")
            return redirect(self.address("details_view", id=key), 303)
        except (ValidationError, *self.refusals) as error:
            db.session.rollback()
            flash(str(error), "error")
            return redirect(self.address("details_view", id=key), 303)
        flash(_("%(record)s was deleted.", record=heading), "success")
        return redirect(back, 303)

    @bulk_action("delete", _l("Delete"), _l("Delete the chosen records? This cannot be undone."))
    def delete_chosen(self, records: Sequence[Any]) -> str:
        """Delete the chosen records; offered when ``actions_declared`` names ``delete``."""
        for record in records:
            self.delete_record(record)
        return ngettext("%(num)s record was deleted.", "%(num)s records were deleted.", len(records))

    # ------------------------------------------------------------------ actions on several rows

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Any:
        """Ask where the action wants it, then carry it out on all chosen rows or on none."""
        back = redirect_target() or self.address("index_view")
        action = self.bulk_actions.get(request.form.get("action", ""))
        if action is None:
            abort(404)
        require(action.permission)
        texts = request.form.getlist("rowid")
        if not texts:
            flash(_("Choose at least one row."), "error")
            return redirect(back, 303)
        try:
            records = actions.chosen_records(self, texts)
        except actions.TooManyRows as refused:
            flash(str(refused), "error")
            return redirect(back, 303)
        if action.transition is not None:
            return self._move_chosen(action, records, back)
        if action.confirmation and request.form.get("confirmed") != "1":
            return self.render("admin/model/confirm.html", action=action, records=records, return_url=back)
        try:
            with saving():
                answer = getattr(self, action.function)(records)
                db.session.flush()
            commit()
        except SaveRefused as refused:
            flash(refused.sentence, "error")
            return redirect(back, 303)
        except (ValidationError, *self.refusals) as error:
            db.session.rollback()
            flash(str(error), "error")
            return redirect(back, 303)
        if answer is not None and not isinstance(answer, str) and not hasattr(answer, "__html__"):
            if isinstance(answer, Response):
                return answer
            answer = str(answer)
        if answer:
            flash(answer, "success")
        return redirect(back, 303)

    # ------------------------------------------------------------------ references

    @expose("/ajax/lookup/")
    def ajax_lookup(self) -> Any:
        """Propose records for a reference field of the form or for a reference filter."""
        name = request.args.get("name", "")
        reference = self._reference(name)
        parent = strict_id(request.args.get("parent"))
        offset = strict_id(request.args.get("offset")) or 0
        limit = strict_id(request.args.get("limit")) or PROPOSALS
        return jsonify(reference.proposals(request.args.get("query", ""), parent, offset, limit))

    def _reference(self, name: str) -> Reference:
        kind, colon, column = name.partition(":")
        if colon and kind == "filter":
            for each in self.filters_now():
                if isinstance(each, ReferenceFilter) and each.column == column:
                    return each.target(self)
        elif name in self.references and name in self.form_columns:
            if not (self.may("create") or self.may("edit")):
                abort(403)
            permission = self.field_permissions.get(name)
            if permission is None or holds(permission):
                return self.references[name]
        abort(404)

    @expose("/ajax/update/", methods=("POST",))
    def ajax_update(self) -> Any:
        """Answer 404: there is no editing in the list, which saves past the form and its version."""
        abort(404)

    # ------------------------------------------------------------------ export

    @expose("/export/", methods=("GET", "POST"))
    @expose("/export/<export_type>/", methods=("GET",))
    def export(self, export_type: str = "") -> Any:
        """Ask for columns, format and reason; log it; stream the file to the holder of the ticket."""
        if export_type:
            return self._export_file(export_type)
        asked = listing.read_request(self, request.args)
        limit = self.export_limit()
        count = exporting.export_count(self, asked, limit + 1)
        chosen = [name for name in self.column_export_list if name in request.form.getlist("columns")]
        if request.method == "POST" and request.form.get("forget"):
            presets.forget_columns(self.endpoint, request.form["forget"])
            commit()
            return redirect(self.address("export", _method="GET", **_given(asked.arguments)), 303)
        saved = presets.presets_of(self.endpoint)
        in_request = current_app.config["EXPORT_ROWS_IN_REQUEST"]
        complaints = []
        if count > limit:
            complaints.append(
                _(
                    "An export may have %(limit)s rows at most. Narrow the list with a filter first.",
                    limit=f"{limit:,}",
                )
            )
        if in_request < count <= limit and not holds(import_jobs.LARGE_EXPORT):
            complaints.append(
                _(
                    "More than %(limit)s rows are a right of their own. Narrow the list with a filter, or ask your "
                    "head.",
                    limit=f"{in_request:,}",
                )
            )
        if request.method == "POST":
            file_format, reason = request.form.get("format", ""), _reason()
            if file_format not in exporting.FORMATS:
                complaints.append(_("Choose CSV or Excel as the format."))
            if not chosen:
                complaints.append(_("Choose at least one column."))
            if reason is None:
                complaints.append(_("Say in a few words what the export is for; it is kept in the log."))
            elif not complaints:
                record_event(
                    "exported",
                    None,
                    reason,
                    view=self.endpoint,
                    format=file_format,
                    columns=chosen,
                    rows=count,
                    masked=not sees_personal_data(),
                )
                presets.remember_columns(self.endpoint, chosen)
                preset_name = " ".join(clean_text(request.form.get("preset_name")).split())[:60]
                if preset_name:
                    presets.remember_columns(self.endpoint, chosen, preset_name)
                if count > in_request:
                    job = import_jobs.start_export(
                        self, file_format, chosen, _given(asked.arguments), reason, count
                    )
                    commit()
                    flash(_("The file is being made; it waits on the page of the job."), "info")
                    return redirect(import_jobs.job_page(job) or self.list_address(asked), 303)
                commit()
                ticket = exporting.make_ticket(self, file_format, chosen, _given(asked.arguments), reason)
                return redirect(
                    self.address("export", export_type=file_format, ticket=ticket, _method="GET"), 303
                )
        html = self.render(
            "admin/model/export.html",
            asked=asked,
            chips=self._chips(asked),
            count=f"{count:,}" if count <= limit else f"{limit:,}+",
            columns=self._export_columns,
            chosen=chosen or self._preset_columns(saved) or list(self.column_export_list),
            presets=[each for each in saved if each.name],
            preset_url=lambda name: self.address("export", **{**_given(asked.arguments), "preset": name}),
            in_background=in_request < count <= limit,
            complaints=complaints,
            too_many=count > limit,
            typed=request.form,
            masked=not sees_personal_data()
            and any(name in self.personal_columns for name in self.column_export_list),
            return_url=self.list_address(asked),
        )
        return html if request.method == "GET" or not complaints else (html, 422)

    def _export_file(self, file_format: str) -> Any:
        if file_format not in exporting.FORMATS:
            abort(404)
        ticket = exporting.read_ticket(self, file_format, request.args.get("ticket"))
        if ticket is None:
            flash(_("The download has expired. Say once more what you need."), "error")
            return redirect(self.address("export"), 303)
        columns = [name for name in ticket.columns if name in self.column_export_list]
        asked = listing.read_request(self, ticket.arguments)
        return exporting.stream(
            self,
            asked,
            file_format,
            columns,
            masked=not sees_personal_data(),
            mark=exporting.make_mark(ticket.reason),
        )

    def _preset_columns(self, saved: Sequence[Any]) -> list[str]:
        """Return the columns of the preset that the address names, else of the last download."""
        wanted = request.args.get("preset", "")
        for each in saved:
            if each.name == wanted:
                return [name for name in self.column_export_list if name in each.columns]
        return []


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value not in (None, "")}


def _complain(form: GuardedForm, error: Exception) -> None:
    """Put a service's sentence at the field that it names (attribute ``field``), else above the form."""
    name = getattr(error, "field", None)
    if isinstance(name, str) and name in form:
        form[name].errors = [*form[name].errors, str(error)]
    else:
        form.form_errors = [*form.form_errors, str(error)]


def _reason() -> str | None:
    """Return the reason that was given, or None when it is missing or too short."""
    reason = " ".join(clean_text(request.form.get("reason")).split())[:LONGEST_REASON]
    return reason if len(reason) >= SHORTEST_REASON else None


def _checkboxes() -> Callable[[Any], str]:
    """Return the function from a record to the cell by which its row is chosen."""
    label = escape(_("Choose"))
    end = f'" aria-label="{label}"></td>'
    return lambda record: f'<td class="pick"><input type="checkbox" name="rowid" value="{record.id}{end}'


def _no_start(record: Any) -> str:
    del record
    return ""


def _may_with(view: RecordView, record: Any) -> Callable[[str], bool]:
    """Return ``may`` for the page of one record: what its state forbids to everybody is not offered."""
    is_locked = view.why_locked(record) is not None
    return lambda what: view.may(what) and not (is_locked and what in ("edit", "delete"))
