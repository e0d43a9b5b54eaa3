"""Forms of records: made once per view from explicit columns, with limits that the database would otherwise enforce."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask_admin.form import BaseForm
from flask_babel import gettext as _
from markupsafe import Markup
from wtforms import (
    BooleanField,
    DateField,
    DecimalField,
    Field,
    HiddenField,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
    ValidationError,
)
from wtforms.fields.choices import SelectChoice
from wtforms.fields.core import UnboundField
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import DateTimeLocalInput, TextInput

from core.admin import rendering
from core.admin.access import ViewDeclarationError
from core.admin.ajax import ReferenceField, ReferenceListField
from core.admin.searching import clean_text
from core.database.types import LOCAL_ZONE, EncryptedText, Money, UtcDateTime, WordedText
from core.languages import FormTexts

if TYPE_CHECKING:
    from core.admin.views import RecordView

VERSION = "row_version"
NONCE = "form_nonce"
INTERNAL_FIELDS = frozenset({VERSION, NONCE, "csrf_token"})
LONGEST_TEXT = 20_000
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2200
_LARGEST_SMALL, _LARGEST_BIG = 2**31 - 1, 2**63 - 1
_TEXTS = FormTexts()


class GuardedForm(BaseForm):
    """Base of the forms of record views.

    Attributes:
        masked_names: Personal fields whose stored value the user may not see; left empty they keep it.
    """

    masked_names: frozenset[str] = frozenset()

    class Meta(BaseForm.Meta):
        """What all guarded forms share."""

        keeps_drawn_fields = True
        """Whether what stands around the value of a field may be kept (:mod:`core.admin.rendering`)."""

        def get_translations(self, form: BaseForm) -> FormTexts:
            """Return the texts of WTForms in the reader's language."""
            return _TEXTS

        def render_field(self, field: Any, render_kw: dict[str, Any]) -> Markup:
            """Return the HTML of a field, the usual ones drawn quickly."""
            return rendering.render_field(field, render_kw)

    def is_kept(self, name: str) -> bool:
        """Return whether a field was left empty because its value is masked, so that the stored value stays."""
        return name in self.masked_names and self[name].data in (None, "")

    def populate_obj(self, obj: Any) -> None:
        """Write the fields into a record, without the fields of the form's own and without kept values."""
        for name, field in self._fields.items():
            if name not in INTERNAL_FIELDS and not self.is_kept(name):
                field.populate_obj(obj, name)

    def values(self) -> dict[str, Any]:
        """Return what services need: the data by field name, without the form's own fields and kept values."""
        return {
            name: field.data
            for name, field in self._fields.items()
            if name not in INTERNAL_FIELDS and not self.is_kept(name)
        }


class LocalDateTimeField(Field):
    """A moment, typed as time in China and kept in UTC."""

    widget = DateTimeLocalInput()

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, **options)
        self._typed: str | None = None

    def _value(self) -> str:
        if self._typed is not None:
            return self._typed
        return self.data.astimezone(LOCAL_ZONE).strftime("%Y-%m-%dT%H:%M") if self.data else ""

    def process_formdata(self, valuelist: list[Any]) -> None:
        self._typed = valuelist[0].strip() if valuelist else ""
        if not self._typed:
            self.data = None
            return
        try:
            moment = dt.datetime.fromisoformat(self._typed)
        except ValueError:
            self.data = None
            raise ValueError(_("This is not a date with a time. Write it like 2026-11-23T14:30.")) from None
        if not _EARLIEST_YEAR <= moment.year <= _LATEST_YEAR:
            self.data = None
            raise ValueError(_("The year of a date must lie between 1900 and 2200."))
        typed = moment if moment.tzinfo else moment.replace(tzinfo=LOCAL_ZONE)
        # The field shows whole minutes: an untouched moment keeps its seconds.
        if (
            self.object_data
            and self.object_data.astimezone(LOCAL_ZONE).strftime("%Y-%m-%dT%H:%M") == self._typed
        ):
            typed = self.object_data
        self.data = typed.astimezone(dt.UTC)


class SensibleYear:
    """Validator: a date between 1900 and 2200, which every database can store."""

    def __call__(self, form: Any, field: Any) -> None:
        if field.data is not None and not _EARLIEST_YEAR <= field.data.year <= _LATEST_YEAR:
            raise ValidationError(_("The year of a date must lie between 1900 and 2200."))


class FiniteNumber:
    """Validator: a number, neither infinite nor NaN, within limits."""

    def __init__(self, largest: Decimal) -> None:
        self.largest = largest

    def __call__(self, form: Any, field: Any) -> None:
        number = field.data
        if number is not None and (not number.is_finite() or abs(number) > self.largest):
            raise ValidationError(_("This number is too large for the field."))


def _clean(value: Any) -> Any:
    return clean_text(value).strip() if isinstance(value, str) else value


def _empty_to_none(value: Any) -> Any:
    return None if value == "" else value


def _none_to_empty(value: Any) -> Any:
    return "" if value is None else value


class FormBuilder:
    """Makes the form classes of one view, once at start.

    Args:
        view: The record view, whose declarations are checked before.
    """

    def __init__(self, view: RecordView) -> None:
        self.view = view
        self.mapper = sa.inspect(view.model)

    def build(
        self, names: Sequence[str], *, masked: bool = False, internal: Iterable[str] = ()
    ) -> type[GuardedForm]:
        """Return a form class.

        Args:
            names: Fields in their order.
            masked: Whether personal fields hide the stored value and may stay empty.
            internal: Hidden fields of the form's own: the version or the nonce.
        """
        personal = frozenset(self.view.personal_columns) & set(names) if masked else frozenset()
        fields: dict[str, Any] = {name: self.field(name, optional=name in personal) for name in names}
        fields.update({name: HiddenField() for name in internal})
        return type(f"{type(self.view).__name__}Form", (GuardedForm,), fields | {"masked_names": personal})

    def field(self, name: str, optional: bool = False) -> Any:
        """Return the unbound field of one name.

        Args:
            name: A field of ``form_fields``, a column or a relationship of the model.
            optional: Whether it may stay empty even where the column needs a value.

        Raises:
            ViewDeclarationError: There is no such name, or its column has no usual field.
        """
        declared = self.view.form_fields.get(name)
        if isinstance(declared, UnboundField):
            return declared.field_class(*declared.args, **declared.kwargs)
        if name in self.mapper.relationships:
            return self._reference_list(name)
        if name not in self.mapper.column_attrs:
            raise self._fault(
                f"the form names {name!r}, which is neither a column nor a field of form_fields"
            )
        column = self.mapper.column_attrs[name].columns[0]
        arguments = dict(self.view.form_args.get(name, {}))
        label = arguments.pop("label", None) or self.view.label_of(name)
        validators = list(arguments.pop("validators", ()))
        has_default = column.default is not None or column.server_default is not None
        required = not optional and not column.nullable and not has_default
        if column.default is not None and column.default.is_scalar:
            arguments.setdefault("default", column.default.arg)
        if column.foreign_keys:
            return self._reference(name, label, validators, required, arguments)
        validators.insert(0, InputRequired() if required else Optional())
        choices = self.view.choices.get(name)
        if choices is not None:
            return self._choice(column, label, choices, validators, required, arguments)
        return self._plain(column, label, validators, arguments)

    def _fault(self, what: str) -> ViewDeclarationError:
        return ViewDeclarationError(f"{type(self.view).__qualname__}: {what}.")

    def _reference(
        self, name: str, label: Any, validators: list[Any], required: bool, arguments: dict[str, Any]
    ) -> UnboundField[Any]:
        reference = self.view.references.get(name)
        if reference is None:
            raise self._fault(
                f"the form column {name!r} is a foreign key; declare references[{name!r}] = Reference(…)"
            )
        return ReferenceField(label, validators, reference=reference, required=required, **arguments)

    def _reference_list(self, name: str) -> UnboundField[Any]:
        relation = self.mapper.relationships[name]
        reference = self.view.references.get(name)
        if reference is None or not relation.uselist or relation.secondary is None:
            raise self._fault(
                f"the form names the relationship {name!r}; name its foreign key instead, or, for links to several "
                f"records, declare references[{name!r}] = Reference(…)"
            )
        arguments = dict(self.view.form_args.get(name, {}))
        label = arguments.pop("label", None) or self.view.label_of(name)
        return ReferenceListField(label, reference=reference, **arguments)

    def _choice(
        self,
        column: Any,
        label: Any,
        choices: Sequence[tuple[Any, Any]],
        validators: list[Any],
        required: bool,
        arguments: dict[str, Any],
    ) -> UnboundField[Any]:
        by_text = {str(value): value for value, _words in choices}
        options = [SelectChoice(str(value), words) for value, words in choices]
        if not required and column.nullable:
            options.insert(0, SelectChoice("", "—"))

        def coerce(text: Any) -> Any:
            return by_text.get(str(text), text) if text not in (None, "") else None

        return SelectField(label, validators, choices=options, coerce=coerce, **arguments)

    def _plain(
        self, column: Any, label: Any, validators: list[Any], arguments: dict[str, Any]
    ) -> UnboundField[Any]:
        kind = column.type
        if isinstance(kind, sa.Boolean):
            return BooleanField(label, validators[1:], **arguments)
        if isinstance(kind, UtcDateTime):
            return LocalDateTimeField(label, validators, **arguments)
        if isinstance(kind, sa.Date):
            return DateField(label, [*validators, SensibleYear()], **arguments)
        if isinstance(kind, sa.Time):
            return TimeField(label, validators, **arguments)
        if isinstance(kind, Money):
            validators.append(FiniteNumber(Decimal(10) ** 12 - 1))
            return DecimalField(label, validators, places=2, widget=TextInput(), **arguments)
        if isinstance(kind, sa.Numeric):
            digits = (kind.precision or 12) - (kind.scale or 0)
            validators.append(FiniteNumber(Decimal(10) ** digits - Decimal(1)))
            return DecimalField(label, validators, places=kind.scale or 2, widget=TextInput(), **arguments)
        if isinstance(kind, sa.Integer):
            largest = _LARGEST_BIG if isinstance(kind, sa.BigInteger) else _LARGEST_SMALL
            return IntegerField(label, [*validators, NumberRange(-largest, largest)], **arguments)
        if isinstance(kind, (sa.String, EncryptedText, WordedText)):
            return self._text(column, label, validators, arguments)
        raise self._fault(
            f"the column {column.name!r} has no usual field; declare form_fields[{column.name!r}]"
        )

    def _text(
        self, column: Any, label: Any, validators: list[Any], arguments: dict[str, Any]
    ) -> UnboundField[Any]:
        kind = column.type
        is_long = kind.is_long if isinstance(kind, WordedText) else isinstance(kind, sa.Text)
        validators.append(Length(max=getattr(column.type, "length", None) or LONGEST_TEXT))
        filters: list[Callable[[Any], Any]] = [_clean, _empty_to_none if column.nullable else _none_to_empty]
        filters += arguments.pop("filters", ())
        field_class = TextAreaField if is_long else StringField
        return field_class(label, validators, filters=filters, **arguments)
