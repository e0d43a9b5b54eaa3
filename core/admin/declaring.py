"""What a record view declares, and the check of it at start: what breaks a rule is refused before it is mounted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import current_app
from flask_babel import get_locale

from core.admin import listing
from core.admin.access import ViewDeclarationError, ViewPermissions, holds
from core.admin.addresses import address_of
from core.admin.ajax import Reference
from core.admin.cells import TONES, openings
from core.admin.filters import ChoiceFilter, Filter, LinkFilter, ReferenceFilter
from core.admin.masking import Mask
from core.admin.record_page import heading_of
from core.admin.searching import SearchDeclaration
from core.database.base import CORE
from core.database.types import Money
from core.machinery.workflow.services import Workflow

EXPORT_LIMIT_KEY = "EXPORT_MAX_ROWS"
EXPORT_LIMIT = 200_000


@dataclass(frozen=True)
class FormSection:
    """A group of fields in a form, with its heading."""

    title: Any
    names: tuple[str, ...]


class RecordDeclarations:
    """The attributes of a record view, the questions that other modules ask about them, and their check.

    Attributes:
        model: The mapped class.
        endpoint: The view's endpoint.
    """

    model: Any
    endpoint: str

    # --- who
    permissions: ViewPermissions
    """Who may see, create, edit, delete and export; must be set."""
    record_kind: str | None = None
    """Code of the record kind that the model is declared as, for the record page and its panels."""
    component: str = CORE
    """Slug of the plugin that the view belongs to; set when it is mounted."""

    # --- what is shown
    column_list: Sequence[str] = ()
    """Columns of the list: attributes, ``reference.attribute``, or names in ``cells``; must be set."""
    column_details_list: Sequence[str] = ()
    """Fields of the record page; must be set."""
    column_export_list: Sequence[str] = ()
    """Columns that an export may contain; must be set when ``permissions.export`` is."""
    column_labels: Mapping[str, Any] = {}
    """Words for columns and fields."""
    choices: Mapping[str, Sequence[tuple[Any, Any]]] = {}
    """Values of a column with their words: select field, filter and cells use them."""
    status_columns: Mapping[str, Mapping[Any, tuple[str, Any]]] = {}
    """Columns shown as a coloured word: value → (tone late, wait, ok or calm; words)."""
    cells: Mapping[str, Callable[[Any], Any]] = {}
    """Own cells by name: a function from the record to text or Markup; read only what ``list_reads`` (or
    ``list_options``) names."""
    list_reads: Sequence[str] | None = None
    """What ``cells`` and ``before_list`` read of a row beyond ``column_list``: columns, and ``reference.column``.

    The list then gets rows of plain values instead of records, which are made several times faster; see
    :class:`~core.admin.list_rows.ListRow`."""
    list_options: Sequence[Any] = ()
    """Further loader options of a list without ``list_reads``, for what ``cells`` read."""
    personal_columns: Mapping[str, Mask] = {}
    """Personal columns with their masks, for readers without ``personal.view``."""
    open_columns: frozenset[str] = frozenset()
    """Columns that the model calls personal and that this view shows to all who may open it, by intention."""

    # --- what can be found
    search: SearchDeclaration | None = None
    """What the search field searches."""
    filters: Sequence[Filter] = ()
    """Filters above the list."""
    sortable: Sequence[str] | Mapping[str, str | None] = ()
    """Columns to sort by, each the first of an index; as a mapping with the permission that a personal one needs."""
    default_sort: tuple[str, bool] = ("id", True)
    """Column and whether the largest comes first."""
    page_size: int = listing.PAGE_SIZES[0]

    # --- what can be changed
    form_columns: Sequence[str] = ()
    """Fields of the form; must be set when ``permissions.create`` or ``edit`` is."""
    create_only_columns: frozenset[str] = frozenset()
    """Fields that a new record has and a change does not, for example the project."""
    form_fields: Mapping[str, Any] = {}
    """Own WTForms fields by name, instead of or beside those of the columns."""
    form_args: Mapping[str, Mapping[str, Any]] = {}
    """Arguments of the usual fields: label, description, validators, render_kw."""
    form_sections: Sequence[FormSection] = ()
    """Groups of the fields; fields without a group come first."""
    field_permissions: Mapping[str, str] = {}
    """Fields that only holders of a permission see and change."""
    references: Mapping[str, Reference] = {}
    """Where the records of foreign keys (and of links to several records) come from."""
    actions_declared: Mapping[str, str] = {}
    """Actions on several rows: name → permission. ``delete`` is built in and still has to be named."""
    workflow: Workflow | None = None
    """The workflow of the model: its steps become buttons of the record page and actions of the list."""
    step_fields: Mapping[str, Any] = {}
    """Own WTForms fields for what steps ask for, by name, instead of those of the columns."""
    refusals: tuple[type[Exception], ...] = ()
    """Exceptions of the services whose message is a sentence for the user."""

    empty_list_hint: Any = ""
    """What to do when there is no row yet."""

    def label_of(self, name: str) -> Any:
        """Return the words for a column or field."""
        return self.column_labels.get(name) or name.replace(".", " ").replace("_", " ").capitalize()

    def choices_of(self, name: str) -> Sequence[tuple[Any, Any]]:
        """Return the values of a column with their words, of ``choices`` or of ``status_columns``."""
        if name in self.choices:
            return self.choices[name]
        return [(value, words) for value, (_tone, words) in self.status_columns.get(name, {}).items()]

    def labels_of(self, name: str) -> Mapping[Any, str]:
        """Return the values of a column with their words in the language of the page.

        What the class declares is put into words once for each language: a list has a hundred of them in its filters.
        """
        if name not in self.choices and name not in self.status_columns:
            return {value: str(words) for value, words in self.choices_of(name)}
        known: dict[tuple[str, str], Mapping[Any, str]] = self.__dict__.setdefault("_labels", {})
        place = (name, str(get_locale()))
        if place not in known:
            known[place] = {value: str(words) for value, words in self.choices_of(name)}
        return known[place]

    def openings_of(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return how the cells of each column of the list begin, made once for each language.

        Args:
            names: The columns that are shown.
        """
        known: dict[tuple[tuple[str, ...], str], tuple[str, ...]] = self.__dict__.setdefault("_openings", {})
        place = (names, str(get_locale()))
        if place not in known:
            known[place] = openings(self, names)
        return known[place]

    def type_of(self, path: str) -> Any:
        """Return the type of the column of ``name`` or ``reference.name``, or None for what is no column."""
        return None if path in self.cells else getattr(self._column_of(path), "type", None)

    def is_number(self, name: str) -> bool:
        """Return whether a column holds numbers, which stand at the right."""
        return name in self._number_columns

    def filter_label(self, each: Filter) -> Any:
        """Return the words for a filter."""
        return each.label or self.label_of(each.column)

    def filters_now(self) -> list[Filter]:
        """Return the filters that the acting user may use."""
        return listing.usable_filters(self.filters)

    def sortable_now(self) -> frozenset[str]:
        """Return the columns that the acting user may sort by."""
        return frozenset(
            name
            for name, permission in self._sort_permissions.items()
            if permission is None or holds(permission)
        )

    def may(self, what: str) -> bool:
        """Return whether the acting user may ``view``, ``create``, ``edit``, ``delete`` or ``export``."""
        return holds(getattr(self.permissions, what))

    def heading_of(self, record: Any) -> str:
        """Return the heading of a record."""
        return str(heading_of(record))

    def address(self, function: str, **arguments: Any) -> str:
        """Return the address of a page of this view."""
        return address_of(f"{self.endpoint}.{function}", **arguments)

    @staticmethod
    def export_limit() -> int:
        """Return how many rows an export may have."""
        return int(current_app.config.get(EXPORT_LIMIT_KEY, EXPORT_LIMIT))

    def _fault(self, what: str) -> ViewDeclarationError:
        return ViewDeclarationError(f"{type(self).__module__}.{type(self).__qualname__}: {what}.")

    def _check_declarations(self) -> None:
        permissions = getattr(self, "permissions", None)
        if not isinstance(permissions, ViewPermissions):
            raise self._fault("permissions is missing; set permissions = ViewPermissions(view=…)")
        if not self.column_list or not self.column_details_list:
            raise self._fault("column_list and column_details_list must name what is shown")
        if permissions.export and not self.column_export_list:
            raise self._fault("column_export_list must name what may be exported")
        if (permissions.create or permissions.edit) and not self.form_columns:
            raise self._fault("form_columns must name what may be changed")
        self._mapper = sa.inspect(self.model)
        if [column.name for column in self._mapper.primary_key] != ["id"]:
            raise self._fault("the model needs one key with the name id")
        self._check_columns()
        self._check_personal()
        self._check_sorting()
        self._check_filters()
        if self.workflow is not None and self.workflow.attribute not in self._mapper.column_attrs:
            raise self._fault(f"the workflow {self.workflow.name!r} is of another model")
        for name, statuses in self.status_columns.items():
            if {tone for tone, _words in statuses.values()} - TONES:
                raise self._fault(f"the tones of {name!r} must be among {', '.join(sorted(TONES))}")

    def _check_columns(self) -> None:
        shown = {*self.column_list, *self.column_details_list} - set(self.cells)
        for path in sorted(shown | set(self.column_export_list)):
            self._column_of(path, must_be_column=path in self.column_export_list)
        self._number_columns = frozenset(
            path
            for path in shown
            if isinstance(self.type_of(path), (sa.Numeric, sa.Integer, Money)) and not self.choices_of(path)
        )
        if set(self.cells) & set(self.personal_columns):
            raise self._fault("a personal column cannot have an own cell, which would show it unmasked")

    def _column_of(self, path: str, must_be_column: bool = False) -> Any:
        """Return the column of ``name`` or ``reference.name``, or None for a plain attribute of the class."""
        relation, dot, name = path.partition(".")
        mapper, attribute = self._mapper, path
        if dot:
            if relation not in mapper.relationships or mapper.relationships[relation].uselist:
                raise self._fault(f"{path!r} must name a reference to one record and its column")
            mapper, attribute = mapper.relationships[relation].mapper, name
        if attribute in mapper.column_attrs:
            return mapper.column_attrs[attribute].columns[0]
        if must_be_column or not hasattr(mapper.class_, attribute):
            raise self._fault(f"{path!r} is no column of {mapper.class_.__name__}, nor a name in cells")
        return None

    def _is_personal(self, path: str) -> bool:
        relation, dot, name = path.partition(".")
        if not dot:
            return path in getattr(self.model, "__personal__", ())
        if relation not in self._mapper.relationships:
            return False
        return name in getattr(self._mapper.relationships[relation].mapper.class_, "__personal__", ())

    def _check_personal(self) -> None:
        used = {*self.column_list, *self.column_details_list, *self.column_export_list, *self.form_columns}
        undecided = {
            path
            for path in used
            if self._is_personal(path) and path not in self.personal_columns and path not in self.open_columns
        }
        if undecided:
            raise self._fault(
                f"{', '.join(sorted(undecided))} hold personal data: give a mask in personal_columns, or name them in "
                "open_columns"
            )

    def _check_sorting(self) -> None:
        permissions = self.sortable if isinstance(self.sortable, Mapping) else dict.fromkeys(self.sortable)
        self._sort_permissions: dict[str, str | None] = {"id": None, **permissions}
        for name, permission in {**self._sort_permissions, self.default_sort[0]: None}.items():
            if name not in self._mapper.column_attrs or not _is_indexed(
                self._mapper.column_attrs[name].columns[0]
            ):
                raise self._fault(
                    f"the list cannot be sorted by {name!r}, which is not the first column of an index"
                )
            if name in self.personal_columns and not (permission or self._sort_permissions.get(name)):
                raise self._fault(
                    f"sorting by the masked column {name!r} tells its values; name the permission it needs"
                )
        if self.default_sort[0] in self.personal_columns:
            raise self._fault(
                f"the list cannot be sorted by the masked column {self.default_sort[0]!r} by default"
            )

    def _check_filters(self) -> None:
        if self.search is not None:
            for name in self.search.searched:
                if name not in self._mapper.column_attrs:
                    raise self._fault(f"the searched column {name!r} is no column of {self.model.__name__}")
                if name in self.personal_columns and name not in self.search.permissions:
                    raise self._fault(
                        f"searching the masked column {name!r} tells its values; name the permission it needs"
                    )
        for each in self.filters:
            if isinstance(each, LinkFilter):
                if each.reference is None or each.link is None:
                    raise self._fault(f"the link filter {each.column!r} needs reference, link, near and far")
                continue
            if each.column not in self._mapper.column_attrs:
                raise self._fault(
                    f"the filtered column {each.column!r} is no column of {self.model.__name__}"
                )
            if each.column in self.personal_columns and each.permission is None:
                raise self._fault(
                    f"filtering by the masked column {each.column!r} tells its values; name the permission it needs"
                )
            if (
                isinstance(each, ReferenceFilter)
                and each.reference is None
                and each.column not in self.references
            ):
                raise self._fault(f"the reference filter {each.column!r} needs a reference")
            if isinstance(each, ChoiceFilter) and not self.choices_of(each.column):
                raise self._fault(f"the choice filter {each.column!r} needs its values in choices")


def _is_indexed(column: Any) -> bool:
    if column.primary_key or column.unique:
        return True
    table = column.table
    first_columns = [next(iter(index.columns), None) for index in table.indexes]
    first_columns += [
        next(iter(constraint.columns), None)
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    ]
    return any(first is not None and first.name == column.name for first in first_columns)
