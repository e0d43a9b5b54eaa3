"""References to other records: chosen by typing, read inside the scope, in small portions.

A form never holds a list of a whole table. What is chosen is loaded again inside the scope when the form is saved;
a record that does not exist or cannot be seen is an error at the field, never an empty value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from markupsafe import Markup
from wtforms import Field, ValidationError

from core.admin.searching import SearchDeclaration, clean_search
from core.database.scope import kept_select
from core.extensions import db

PAGE_SIZE = 20
LARGEST_PAGE = 50
LARGEST_OFFSET = 1000
LARGEST_ID = 2**63 - 1
MOST_CHOICES = 200
"""How many records one multiple reference takes."""

_DIGITS = re.compile(r"[0-9]{1,19}")


def strict_id(text: Any) -> int | None:
    """Return a key given as digits and nothing else, or None. ``1,5``, ``1.5``, ``-1`` and ``１`` are not keys."""
    if isinstance(text, str) and _DIGITS.fullmatch(text) and int(text) <= LARGEST_ID:
        return int(text)
    return None


@dataclass(frozen=True)
class Reference:
    """Where the records come from that a foreign key or a list of links may refer to.

    Attributes:
        model: The mapped class referred to; its key is ``id``.
        text: Returns what stands in the field for a record.
        search: What typing searches; a catalogue of a few rows may leave it out.
        order_by: Names of the columns that sort the proposals.
        narrow: Returns further conditions, for example that a department is not archived.
        depends_on: Name of a form field whose value the record must have in a column of the same name: with
            ``project_id`` only units of the chosen project are proposed.
    """

    model: Any
    text: Callable[[Any], str]
    search: SearchDeclaration | None = None
    order_by: tuple[str, ...] = ("id",)
    narrow: Callable[[], Sequence[sa.ColumnElement[bool]]] | None = None
    depends_on: str | None = None

    def _select(self) -> sa.Select[Any]:
        return sa.select(self.model).where(*(self.narrow() if self.narrow else ()))

    def get(self, key: int) -> Any:
        """Return the visible record with this key, or None."""
        statement = _by_key(self.model)
        if self.narrow is not None:
            statement = sa.select(self.model).where(self.model.id == sa.bindparam("key"), *self.narrow())
        with db.session.no_autoflush:
            return db.session.scalars(statement, {"key": key}).one_or_none()

    def get_many(self, keys: Sequence[int]) -> list[Any]:
        """Return the visible records with these keys."""
        if not keys:
            return []
        with db.session.no_autoflush:
            return list(db.session.scalars(self._select().where(self.model.id.in_(keys))))

    def proposals(self, term: str, parent: int | None, offset: int, limit: int) -> list[dict[str, Any]]:
        """Return records for what was typed, as ``{"id": …, "text": …}``.

        Args:
            term: What was typed.
            parent: Value of the field that this one depends on.
            offset: How many to leave out, at most 1,000.
            limit: How many at most, up to 50.
        """
        statement = self._select()
        if self.depends_on:
            statement = statement.where(getattr(self.model, self.depends_on) == parent)
        term = clean_search(term)
        if term and self.search:
            if not self.search.is_long_enough(term):
                return []
            statement = statement.where(self.search.condition(self.model, term))
        statement = statement.order_by(*(getattr(self.model, name) for name in self.order_by))
        statement = statement.offset(min(max(offset, 0), LARGEST_OFFSET)).limit(
            min(max(limit, 1), LARGEST_PAGE)
        )
        return [{"id": record.id, "text": self.text(record)} for record in db.session.scalars(statement)]


@cache
def _by_key(model: Any) -> sa.Select[Any]:
    """Return the select of the row with the parameter ``key``: lists that are filtered by a record ask it each time."""
    return kept_select(sa.select(model).where(model.id == sa.bindparam("key")))


def _refused() -> ValidationError:
    return ValidationError(_("The chosen record does not exist, or you may not see it. Choose another one."))


class ReferenceWidget:
    """A text field that proposes records while one types; ``form.js`` does the rest."""

    def __call__(self, field: ReferenceField | ReferenceListField, **attributes: Any) -> Markup:
        chosen = Markup("").join(
            Markup(
                '<span class="ref-chosen" data-id="{0}">{1}<input type="hidden" name="{2}" value="{0}">'
                '<button type="button" class="ref-clear" aria-label="{3}">×</button></span>'
            ).format(key, text, field.name, _("Remove"))
            for key, text in field.chosen()
        )
        return Markup(
            '<div class="ref" data-lookup="{lookup}" data-name="{name}" data-many="{many}" data-depends="{depends}" '
            'data-remove="{remove}" data-none="{none}">{chosen}<input type="text" id="{id}" class="ref-text" '
            'role="combobox" aria-expanded="false" aria-autocomplete="list" aria-controls="{id}-list" '
            'autocomplete="off" placeholder="{placeholder}"{required}>'
            '<ul class="ref-list" id="{id}-list" role="listbox" hidden></ul></div>'
        ).format(
            lookup=field.lookup_url,
            name=field.name,
            many="1" if field.many else "",
            depends=field.reference.depends_on or "",
            remove=_("Remove"),
            none=_("Nothing found."),
            chosen=chosen,
            id=field.id,
            placeholder=str(field.reference.search.placeholder if field.reference.search else "")
            or _("Type to find"),
            required=Markup(' aria-required="true"') if field.required else "",
        )


class ReferenceField(Field):
    """A foreign key, chosen by typing. Its data is the key; what cannot be seen is refused."""

    widget = ReferenceWidget()
    many = False

    def __init__(
        self,
        label: Any = None,
        validators: Any = None,
        *,
        reference: Reference,
        required: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(label, validators, **options)
        self.reference = reference
        self.required = required
        self.flags.required = required
        self.lookup_url = ""
        self._record: Any = None
        self._typed: str | None = None

    @property
    def record(self) -> Any:
        """The chosen record, or None when none is chosen or it cannot be seen."""
        if self._record is None and isinstance(self.data, int):
            self._record = self.reference.get(self.data)
        return self._record

    def process_formdata(self, valuelist: list[Any]) -> None:
        typed = [text for text in valuelist if text]
        self._record = None
        self._typed = typed[0] if typed else None
        self.data = None if self._typed is None else strict_id(self._typed)
        if len(typed) > 1:
            self.data = None

    def pre_validate(self, form: Any) -> None:
        if self._typed is None:
            if self.required:
                raise ValidationError(_("Choose a record."))
            return
        if self.data is None:
            raise _refused()
        if self.data == self.object_data and self._parent_unchanged(form):
            return
        if self.record is None:
            raise _refused()
        parent = self.reference.depends_on
        if parent and parent in form and getattr(self.record, parent) != form[parent].data:
            raise ValidationError(
                _("The chosen record does not belong to what is chosen above. Choose another one.")
            )

    def _parent_unchanged(self, form: Any) -> bool:
        parent = self.reference.depends_on
        return not parent or parent not in form or form[parent].data == form[parent].object_data

    def chosen(self) -> list[tuple[int, str]]:
        """Return the chosen record as key and text."""
        if not isinstance(self.data, int):
            return []
        record = self.record or self.reference.get(self.data)
        return [
            (self.data, str(self.reference.text(record)) if record is not None else _("(not visible to you)"))
        ]


class ReferenceListField(Field):
    """Links to several records, chosen by typing. Links that the user cannot see are kept."""

    widget = ReferenceWidget()
    many = True

    def __init__(
        self,
        label: Any = None,
        validators: Any = None,
        *,
        reference: Reference,
        required: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(label, validators, **options)
        self.reference = reference
        self.required = required
        self.flags.required = required
        self.lookup_url = ""
        self._refused = False

    def process_data(self, value: Any) -> None:
        self.data = list(value or ())
        visible = {record.id for record in self.reference.get_many([record.id for record in self.data])}
        self.data = [record for record in self.data if record.id in visible]

    def process_formdata(self, valuelist: list[Any]) -> None:
        keys = [strict_id(text) for text in dict.fromkeys(valuelist) if text]
        wanted = [key for key in keys if key is not None]
        if len(wanted) != len(keys) or len(keys) > MOST_CHOICES:
            self._refused = True
            return
        self.data = self.reference.get_many(wanted)
        self._refused = len(self.data) != len(wanted)

    def process(self, formdata: Any, *args: Any, **options: Any) -> None:
        super().process(formdata, *args, **options)
        if formdata is not None and self.name not in formdata:
            self.data = []

    def pre_validate(self, form: Any) -> None:
        if self._refused:
            raise _refused()
        if self.required and not self.data:
            raise ValidationError(_("Choose at least one record."))

    def populate_obj(self, obj: Any, name: str) -> None:
        present = list(getattr(obj, name))
        visible = {record.id for record in self.reference.get_many([record.id for record in present])}
        kept = [record for record in present if record.id not in visible]
        setattr(obj, name, kept + [record for record in self.data if record not in kept])

    def chosen(self) -> list[tuple[int, str]]:
        """Return the chosen records as keys and texts."""
        return [(record.id, str(self.reference.text(record))) for record in self.data or ()]
