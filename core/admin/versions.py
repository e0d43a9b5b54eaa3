"""Two people edit the same record: the second save is refused, with both values shown and nothing typed lost."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from core.admin.ajax import ReferenceField, ReferenceListField
from core.admin.cells import plain_words
from core.admin.forms import INTERNAL_FIELDS, VERSION, GuardedForm
from core.languages import listed

if TYPE_CHECKING:
    from core.admin.views import RecordView


@dataclass(frozen=True)
class Difference:
    """One field in which what was typed and what is stored differ."""

    label: Any
    typed: str
    stored: str


def version_of(record: Any, names: Sequence[str]) -> str:
    """Return the version of a record for the hidden field: its counter, else a hash of the columns of the form.

    Args:
        record: The record.
        names: The form's columns.
    """
    counter = getattr(record, VERSION, None)
    if counter is not None:
        return str(counter)
    columns = sa.inspect(type(record)).column_attrs
    values = [(name, str(getattr(record, name))) for name in names if name in columns]
    return hashlib.sha256(repr(values).encode()).hexdigest()[:32]


def differences(view: RecordView, form: GuardedForm, stored: GuardedForm, masked: bool) -> list[Difference]:
    """Return the fields in which a submitted form differs from the stored record.

    Args:
        view: The record view.
        form: The submitted form.
        stored: The same form made from the record alone.
        masked: Whether personal values are masked.
    """
    found = []
    for name, field in form._fields.items():
        if name in INTERNAL_FIELDS or form.is_kept(name):
            continue
        if _comparable(field.data) != _comparable(stored[name].data):
            mask = view.personal_columns.get(name) if masked else None
            found.append(
                Difference(
                    field.label.text,
                    _words(view, name, field),
                    mask(stored[name].object_data) if mask else _words(view, name, stored[name]),
                )
            )
    return found


def _comparable(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(item.id for item in value)
    return None if value == "" else value


def _words(view: RecordView, name: str, field: Any) -> str:
    if isinstance(field, (ReferenceField, ReferenceListField)):
        return listed(text for _key, text in field.chosen())
    for value, words in view.choices_of(name):
        if value == field.data:
            return str(words)
    return plain_words(field.data)
